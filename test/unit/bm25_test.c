/*
 * bm25_test.c
 *		The one-byte length and BM25's formulas.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "hybrid/bm25.h"

/* The value of every 16th code, worked out by hand from the format. */
static void
known_codes(void **state)
{
	static const uint32_t expected[16] = {
		0, 16, 32, 24 + 32, 24 + 128, 24 + 512, 24 + 2048, 24 + 8192,
		24 + 32768, 24 + 131072, 24 + 524288, 24 + 2097152,
		24 + 8388608, 24 + 33554432, 24 + 134217728, 24 + 536870912
	};

	(void) state;
	for (int i = 0; i < 16; i++)
		assert_int_equal(vs_bm25_decode_length((uint8_t) (16 * i)), expected[i]);
	assert_int_equal(vs_bm25_decode_length(255), 24 + (15u << 27));
}

/* Codes are in the order of lengths, and each is the code of what it means. */
static void
codes_in_order(void **state)
{
	(void) state;
	for (int code = 0; code < VS_BM25_LENGTHS; code++)
	{
		uint32_t	length = vs_bm25_decode_length((uint8_t) code);

		assert_int_equal(vs_bm25_encode_length(length), code);
		if (code > 0)
		{
			assert_true(length > vs_bm25_decode_length((uint8_t) (code - 1)));
			assert_int_equal(vs_bm25_encode_length(length - 1), code - 1);
		}
	}
}

/* Lengths up to 40 are exact; no length is rounded up, or down by an eighth. */
static void
rounding(void **state)
{
	(void) state;
	for (uint64_t length = 0; length <= INT32_MAX; length += length < 100000 ? 1 : length / 1009)
	{
		uint32_t	back = vs_bm25_decode_length(vs_bm25_encode_length((uint32_t) length));

		assert_true(back <= length);
		assert_true(length - back <= length / 8);
		if (length <= 40)
			assert_int_equal(back, length);
	}
	assert_int_equal(vs_bm25_decode_length(vs_bm25_encode_length(41)), 40);
	assert_int_equal(vs_bm25_encode_length(INT32_MAX), 255);
	assert_int_equal(vs_bm25_encode_length(UINT32_MAX), 255);
}

/* The idf falls as a term gets commoner, and is positive for all. */
static void
idf(void **state)
{
	(void) state;
	assert_true(fabs(vs_bm25_idf(10, 3) - 1.1451323043030026) < 1e-15);	/* ln(22/7) */
	assert_true(fabs(vs_bm25_idf(0, 0) - 0.6931471805599453) < 1e-15);	/* ln 2 */
	for (int df = 0; df < 1000; df++)
		assert_true(vs_bm25_idf(1000, df) > vs_bm25_idf(1000, df + 1));
	assert_true(vs_bm25_idf(1000, 1000) > 0);
	assert_true(vs_bm25_idf(1000, 2000) == vs_bm25_idf(1000, 1000));
}

/* Norms are the formula's; without lengths, or with b = 0, all are k1. */
static void
norms(void **state)
{
	double		norm[VS_BM25_LENGTHS];

	(void) state;
	vs_bm25_norms(norm, 1.2, 0.75, 20);
	assert_true(fabs(norm[20] - 1.2) < 1e-15);	/* of average length */
	assert_true(fabs(norm[0] - 0.3) < 1e-15);
	assert_true(fabs(norm[40] - 1.2 * (0.25 + 0.75 * 40 / 20)) < 1e-15);
	for (int i = 1; i < VS_BM25_LENGTHS; i++)
		assert_true(norm[i] > norm[i - 1]);

	vs_bm25_norms(norm, 0.9, 0, 20);
	for (int i = 0; i < VS_BM25_LENGTHS; i++)
		assert_true(norm[i] == 0.9);
	vs_bm25_norms(norm, 0.9, 0.4, 0);
	for (int i = 0; i < VS_BM25_LENGTHS; i++)
		assert_true(fabs(norm[i] - 0.9) < 1e-15);
}

/* A term adds more the oftener it occurs, but never more than its idf. */
static void
weight(void **state)
{
	(void) state;
	assert_true(vs_bm25_weight(0, 0) == 0);
	assert_true(vs_bm25_weight(0, 1.2) == 0);
	assert_true(vs_bm25_weight(3, 0) == 1);
	assert_true(fabs(vs_bm25_weight(3, 1.5) - 2.0 / 3) < 1e-15);
	for (int tf = 1; tf < 1000; tf++)
	{
		assert_true(vs_bm25_weight(tf, 1.2) > vs_bm25_weight(tf - 1, 1.2));
		assert_true(vs_bm25_weight(tf, 1.2) < 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_codes),
		cmocka_unit_test(codes_in_order),
		cmocka_unit_test(rounding),
		cmocka_unit_test(idf),
		cmocka_unit_test(norms),
		cmocka_unit_test(weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
