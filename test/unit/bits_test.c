/*
 * bits_test.c
 *		Packed numbers beside a reference that goes bit by bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "distance/distance.h"
#include "hybrid/bits.h"

#define MAX_N		137
#define MAX_BYTES	(MAX_N * 4 + VS_BITS_SLACK)

/* Numbers of exactly so many bits at most; the first has them all. */
static void
draw(uint32_t *values, int n, int bits)
{
	uint64_t	range = UINT64_C(1) << bits;

	for (int i = 0; i < n; i++)
		values[i] = (uint32_t) ((((uint64_t) random() << 31) ^ (uint64_t) random()) % range);
	values[0] = (uint32_t) (range - 1);
}

static int
reference_bit(const uint32_t *values, int bits, int i)
{
	return values[i / bits] >> i % bits & 1;
}

/* The bits of a number that come after each other are those of the packed bytes. */
static void
packs_as_the_reference(void **state)
{
	(void) state;
	srandom(1);
	for (int bits = 1; bits <= 32; bits++)
		for (int n = 1; n <= MAX_N; n++)
		{
			uint32_t	values[MAX_N];
			uint8_t		bytes[MAX_BYTES];

			draw(values, n, bits);
			memset(bytes, 0xA5, sizeof(bytes));
			assert_int_equal(vs_bits_pack(bytes, values, n, bits), vs_bits_bytes(n, bits));
			for (int i = 0; i < vs_bits_bytes(n, bits) * 8; i++)
				assert_int_equal(bytes[i / 8] >> i % 8 & 1,
								 i < n * bits ? reference_bit(values, bits, i) : 0);
			assert_int_equal(bytes[vs_bits_bytes(n, bits)], 0xA5);
		}
}

/* What was packed comes back, all at once or one by one, whatever stands behind it. */
static void
comes_back(void **state)
{
	vs_isa_force(*(VsIsa *) *state);
	srandom(2);
	for (int bits = 0; bits <= 32; bits++)
		for (int n = 1; n <= MAX_N; n++)
		{
			uint32_t	values[MAX_N];
			uint32_t	back[MAX_N + VS_BITS_EXCESS + 1];
			/* Not a byte more than may be read: the address sanitizer looks. */
			uint8_t    *bytes = malloc(vs_bits_bytes(n, bits) + VS_BITS_SLACK);

			draw(values, n, bits);
			memset(bytes, 0xFF, vs_bits_bytes(n, bits) + VS_BITS_SLACK);
			back[n + VS_BITS_EXCESS] = 4711;
			assert_int_equal(vs_bits_pack(bytes, values, n, bits), vs_bits_bytes(n, bits));
			vs_bits_unpack(bytes, n, bits, back);
			assert_memory_equal(back, values, n * sizeof(uint32_t));
			assert_int_equal(back[n + VS_BITS_EXCESS], 4711);
			for (int i = 0; i < n; i++)
				assert_int_equal(vs_bits_get(bytes, i, bits), values[i]);
			free(bytes);
		}
}

/* Numbers come back from their gaps, and so does the last one, unless it is too large. */
static void
gaps_come_back(void **state)
{
	int			too_large = 0;

	vs_isa_force(*(VsIsa *) *state);
	srandom(3);
	for (int bits = 0; bits <= 32; bits++)
		for (int n = 1; n <= MAX_N; n++)
		{
			uint32_t	gaps[MAX_N];
			uint32_t	back[MAX_N + VS_BITS_EXCESS + 1];
			uint8_t    *bytes = malloc(vs_bits_bytes(n, bits) + VS_BITS_SLACK);
			uint32_t	first = n % 3 == 0 ? 0 : (uint32_t) random() * (n % 3);
			uint64_t	next = first;
			uint64_t	end;

			draw(gaps, n, bits);
			memset(bytes, 0xFF, vs_bits_bytes(n, bits) + VS_BITS_SLACK);
			vs_bits_pack(bytes, gaps, n, bits);
			back[n + VS_BITS_EXCESS] = 4711;
			end = vs_bits_unpack_gaps(bytes, n, bits, first, back);
			for (int i = 0; i < n; i++)
			{
				next += gaps[i];
				if (next <= UINT32_MAX)
					assert_int_equal(back[i], next);
				next++;
			}
			assert_true(end == next);
			too_large += next > UINT32_MAX;
			assert_int_equal(back[n + VS_BITS_EXCESS], 4711);
			free(bytes);
		}
	assert_true(too_large > 0);
}

static void
bits_of(void **state)
{
	(void) state;
	assert_int_equal(vs_bits_of(0), 0);
	for (int bits = 1; bits <= 32; bits++)
	{
		assert_int_equal(vs_bits_of((uint32_t) ((UINT64_C(1) << bits) - 1)), bits);
		assert_int_equal(vs_bits_of((uint32_t) (UINT64_C(1) << (bits - 1))), bits);
	}
}

int
main(void)
{
	static VsIsa portable = VS_ISA_PORTABLE;
	static VsIsa best = VS_ISA_AUTO;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packs_as_the_reference),
		cmocka_unit_test_prestate(comes_back, &portable),
		cmocka_unit_test_prestate(comes_back, &best),
		cmocka_unit_test_prestate(gaps_come_back, &portable),
		cmocka_unit_test_prestate(gaps_come_back, &best),
		cmocka_unit_test(bits_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
