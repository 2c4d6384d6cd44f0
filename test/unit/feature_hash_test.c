/*
 * feature_hash_test.c
 *		Feature hashing on text that no test writer thinks of: random bytes,
 *		in buffers that end where the text ends (run it with SAN=1).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "type/feature_hash.h"

/* A fixed sequence of random bits (xorshift64*): failures repeat. */
static uint64_t random_state;

static uint32_t
random_bits(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * 2685821657736338717u) >> 32);
}

/* Embed a text as callers do; the result of vs_feature_hash(). */
static bool
embed(const char *text, size_t len, float *out, int dims)
{
	size_t		nslots = vs_feature_slots(text, len);
	VsFeature  *slots = (VsFeature *) calloc(nslots, sizeof(VsFeature));
	int64_t    *acc = (int64_t *) calloc((size_t) dims, sizeof(int64_t));
	bool		found = vs_feature_hash(text, len, slots, nslots, acc, out, dims);

	free(slots);
	free(acc);
	return found;
}

/* Any bytes give a unit vector or, when there is no word, zeros. */
static void
random_text(void **state)
{
	/* Few letters, many separators, all bytes, damaged UTF-8, few bytes. */
	static const char *const alphabets[] = {
		"ab ", "a .,;-\n\t", NULL, "\xe2\x82\xac\x80\xbf\xff z", "\x80"
	};
	const int	alphabet_count = (int) (sizeof(alphabets) / sizeof(alphabets[0]));
	enum
	{
		DIMS = 48
	};

	(void) state;
	for (uint64_t seed = 1; seed <= 3; seed++)
	{
		random_state = seed;
		for (int round = 0; round < 2000; round++)
		{
			const char *alphabet = alphabets[round % alphabet_count];
			size_t		len = random_bits() % (round % 100 == 0 ? 80000 : 60);
			char	   *text = (char *) malloc(len ? len : 1);
			float		out[DIMS];
			float		again[DIMS];
			double		norm = 0;
			bool		found;

			for (size_t i = 0; i < len; i++)
				text[i] = alphabet ? alphabet[random_bits() % strlen(alphabet)] : (char) random_bits();
			found = embed(text, len, out, DIMS);
			for (int i = 0; i < DIMS; i++)
				norm += (double) out[i] * out[i];
			if (found)
				assert_true(fabs(norm - 1) < 1e-6);
			else
				assert_true(norm == 0);
			/* Without a word there is no vector; with one, practically always. */
			assert_int_equal(found, vs_feature_slots(text, len) > 0);
			assert_int_equal(found, embed(text, len, again, DIMS));
			assert_memory_equal(out, again, sizeof(out));
			free(text);
		}
	}
}

/* The largest table: as many different words as a text can hold. */
static void
most_words(void **state)
{
	char	   *text = (char *) malloc(VS_FEATURE_MAX_BYTES);
	float		out[16];
	size_t		len = 0;

	(void) state;
	for (int i = 0; len + 3 <= VS_FEATURE_MAX_BYTES; i++)
	{
		text[len++] = (char) (128 + i % 128);
		text[len++] = (char) (128 + i / 128 % 128);
		text[len++] = ' ';
	}
	assert_true(embed(text, len, out, 16));
	free(text);
}

/* One letter a word, and one word without end, into a single coordinate. */
static void
heaviest_text(void **state)
{
	char	   *text = (char *) malloc(VS_FEATURE_MAX_BYTES + 1);
	float		out[1];

	(void) state;
	for (size_t i = 0; i <= VS_FEATURE_MAX_BYTES; i++)
		text[i] = i % 2 ? ' ' : 'z';
	assert_true(embed(text, VS_FEATURE_MAX_BYTES + 1, out, 1));
	assert_true(out[0] == 1.0f || out[0] == -1.0f);
	memset(text, 'z', VS_FEATURE_MAX_BYTES + 1);
	assert_true(embed(text, VS_FEATURE_MAX_BYTES + 1, out, 1));
	assert_true(out[0] == 1.0f || out[0] == -1.0f);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_text),
		cmocka_unit_test(most_words),
		cmocka_unit_test(heaviest_text),
	};

	return cmocka_run_group_tests_name("feature_hash", tests, NULL, NULL);
}
