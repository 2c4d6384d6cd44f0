/*
 * distance_test.c
 *		Kernels and distances of every instruction set this machine has,
 *		against the plain loops (how close: distance_tolerance.h), worked
 *		examples and guard pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "distance/kernels.h"
#include "distance_tolerance.h"

static const VsIsa all_isas[] = {VS_ISA_PORTABLE, VS_ISA_AVX2, VS_ISA_AVX512, VS_ISA_NEON};

#define ISA_COUNT ((int) (sizeof(all_isas) / sizeof(all_isas[0])))

/* What the elements of a vector look like. */
typedef enum Shape
{
	SHAPE_RANDOM,				/* normal, both signs */
	SHAPE_POSITIVE,
	SHAPE_SPARSE,				/* one in ten non-zero */
	SHAPE_BINARY,
	SHAPE_LEVELS,				/* few levels, many equal coordinates, -0 */
	SHAPE_ZERO,
	SHAPE_TINY,					/* around 1e-38, some subnormal */
	SHAPE_SUBNORMAL,			/* a few steps above 0 */
	SHAPE_HUGE,					/* around 1e38, both signs */
	SHAPE_LARGEST,				/* plus or minus FLT_MAX */
	SHAPE_WIDE,					/* 1e-40 to 1e38 in one vector */
	SHAPE_COUNT
} Shape;

/* A fixed sequence of 32 random bits (xorshift64*): failures repeat. */
static uint64_t random_state = 88172645463325252u;

static uint32_t
random_bits(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * 2685821657736338717u) >> 32);
}

/* Uniform in [0, 1). */
static double
random_unit(void)
{
	return random_bits() / 4294967296.0;
}

/* One element of a shape. */
static float
random_element(Shape shape)
{
	double		sign = (random_bits() & 1) ? 1.0 : -1.0;
	double		u = random_unit();

	switch (shape)
	{
		case SHAPE_RANDOM:
			return (float) (sqrt(-2.0 * log(1.0 - u)) * cos(6.283185307179586 * random_unit()));
		case SHAPE_POSITIVE:
			return (float) u;
		case SHAPE_SPARSE:
			return (random_bits() % 10 == 0) ? (float) (sign * u) : 0.0f;
		case SHAPE_BINARY:
			return (float) (random_bits() & 1);
		case SHAPE_LEVELS:
			return (float) (sign * (random_bits() % 3));
		case SHAPE_TINY:
			return (float) (sign * (0.1 + u) * 1e-38);
		case SHAPE_SUBNORMAL:
			return (float) (sign * (random_bits() % 5)) * FLT_TRUE_MIN;
		case SHAPE_HUGE:
			return (float) (sign * (0.1 + u) * 1e38);
		case SHAPE_LARGEST:
			return (float) sign * FLT_MAX;
		case SHAPE_WIDE:
			return (float) (sign * pow(10.0, -40.0 + 78.0 * u));
		case SHAPE_ZERO:
		case SHAPE_COUNT:
			break;
	}
	return 0.0f;
}

static void
random_vector(float *x, int dim, Shape shape)
{
	for (int i = 0; i < dim; i++)
		x[i] = random_element(shape);
}

/* One metric for one pair, by rank and by value; says which case failed. */
static void
check_metric(VsMetric metric, const float *a, const float *b, int dim)
{
	Comparison	rank = compare_rank(metric, a, b, dim);
	Comparison	value = compare_value(metric, a, b, dim);

	if (!rank.agrees)
		fail_msg("%s rank %s, dim %d: got %.17g, want %.17g +- %g", vs_isa_name(vs_isa_current()),
				 vs_metric_name(metric), dim, rank.got, rank.want, rank.allowed);
	if (!value.agrees)
		fail_msg("%s value %s, dim %d: got %.17g, want %.17g +- %g", vs_isa_name(vs_isa_current()),
				 vs_metric_name(metric), dim, value.got, value.want, value.allowed);
}

/* All metrics for one pair. */
static void
check_pair(const float *a, const float *b, int dim)
{
	for (int m = 0; m < VS_METRIC_COUNT; m++)
		check_metric((VsMetric) m, a, b, dim);
}

/* A few pairs of one length, each shape against itself and against the next. */
static void
check_dim(int dim)
{
	size_t		size = sizeof(float) * (size_t) dim;
	float	   *a = malloc(size);
	float	   *b = malloc(size);

	for (int s = 0; s < SHAPE_COUNT; s++)
	{
		for (int other = 0; other < 2; other++)
		{
			random_vector(a, dim, (Shape) s);
			random_vector(b, dim, (Shape) ((s + other) % SHAPE_COUNT));
			check_pair(a, b, dim);
		}
		check_pair(a, a, dim);
		for (int i = 0; i < dim; i++)
			b[i] = -a[i];
		check_pair(a, b, dim);
	}
	free(a);
	free(b);
}

/* Runs body with each set in force in turn. */
static void
each_isa(void (*body) (void))
{
	for (int i = 0; i < ISA_COUNT; i++)
	{
		if (!vs_isa_available(all_isas[i]))
		{
			print_message("no %s here\n", vs_isa_name(all_isas[i]));
			continue;
		}
		vs_isa_force(all_isas[i]);
		assert_int_equal(vs_isa_current(), all_isas[i]);
		body();
	}
	vs_isa_force(VS_ISA_AUTO);
}

static void
short_dims(void)
{
	for (int dim = 1; dim <= 70; dim++)
		check_dim(dim);
}

static void
long_dims(void)
{
	static const int dims[] = {128, 384, 768, 784, 1537, 2001, VS_MAX_DIM};

	for (size_t i = 0; i < sizeof(dims) / sizeof(dims[0]); i++)
		check_dim(dims[i]);
}

static void
test_short_dims(void **state)
{
	(void) state;
	each_isa(short_dims);
}

static void
test_long_dims(void **state)
{
	(void) state;
	each_isa(long_dims);
}

/* Vectors that start at any multiple of a float. */
static void
misaligned(void)
{
	static const int dims[] = {1, 7, 16, 33, 128, 257};
	float	   *a = malloc(sizeof(float) * (257 + 16));
	float	   *b = malloc(sizeof(float) * (257 + 16));

	random_vector(a, 257 + 16, SHAPE_RANDOM);
	random_vector(b, 257 + 16, SHAPE_SPARSE);
	for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++)
	{
		for (int i = 0; i < 16; i++)
			check_pair(a + i, b + (i * 7) % 16, dims[d]);
	}
	free(a);
	free(b);
}

static void
test_misaligned(void **state)
{
	(void) state;
	each_isa(misaligned);
}

/*
 * A page of floats that can be touched between two that cannot; the first of
 * its floats.
 */
static float *
map_guarded(size_t page)
{
	char	   *base = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(base, MAP_FAILED);
	assert_int_equal(mprotect(base + page, page, PROT_READ | PROT_WRITE), 0);
	return (float *) (void *) (base + page);
}

static void
unmap_guarded(float *x, size_t page)
{
	munmap((char *) x - page, 3 * page);
}

/*
 * Vectors that end where readable memory ends, and that start where it starts:
 * a read outside is a segmentation fault.
 */
static void
guard_pages(void)
{
	size_t		page = (size_t) sysconf(_SC_PAGESIZE);
	int			last = (int) (page / sizeof(float));
	float	   *a = map_guarded(page);
	float	   *b = map_guarded(page);

	for (int dim = 1; dim <= last; dim = (dim < 140) ? dim + 1 : dim * 2 - 1)
	{
		float	   *end_a = a + last - dim;
		float	   *end_b = b + last - dim;

		random_vector(end_a, dim, SHAPE_RANDOM);
		random_vector(end_b, dim, SHAPE_RANDOM);
		check_pair(end_a, end_b, dim);
		random_vector(a, dim, SHAPE_RANDOM);
		random_vector(b, dim, SHAPE_RANDOM);
		check_pair(a, b, dim);
		vs_normalize(a, a, dim);
		vs_normalize(end_a, end_a, dim);
	}
	unmap_guarded(a, page);
	unmap_guarded(b, page);
}

static void
test_guard_pages(void **state)
{
	(void) state;
	each_isa(guard_pages);
}

/* What is beside the vector in memory must not enter the sum. */
static void
neighbours(void)
{
	float		a[80];
	float		b[80];

	for (int dim = 1; dim <= 64; dim++)
	{
		for (int i = 0; i < 80; i++)
		{
			a[i] = (i >= 8 && i < 8 + dim) ? 1.0f : NAN;
			b[i] = (i >= 8 && i < 8 + dim) ? 3.0f : NAN;
		}
		check_pair(a + 8, b + 8, dim);
	}
}

static void
test_neighbours(void **state)
{
	(void) state;
	each_isa(neighbours);
}

/* One example worked by hand for each metric, long enough for every lane. */
static void
worked_examples(void)
{
	enum
	{
		REPEATS = 37
	};
	static const float pattern_a[6] = {1, 0, 2, -3, 0, 4};
	static const float pattern_b[6] = {1, 0, 0, 1, 5, 2};
	float		a[6 * REPEATS];
	float		b[6 * REPEATS];
	const int	dim = 6 * REPEATS;
	double		n = REPEATS;

	/* differences 0 0 2 4 5 2; sums 2 0 2 2 5 6; a.b 6, |a|^2 30, |b|^2 31 */
	const double want[VS_METRIC_COUNT] = {
		[VS_METRIC_L2] = sqrt(49 * n),
		[VS_METRIC_IP] = -6 * n,
		[VS_METRIC_COSINE] = 1 - 6 / sqrt(30 * 31),
		[VS_METRIC_L1] = 13 * n,
		[VS_METRIC_HAMMING] = 4 * n,
		[VS_METRIC_JACCARD] = 2.0 / 5,
		[VS_METRIC_CHEBYSHEV] = 5,
		[VS_METRIC_CANBERRA] = (0 + 0 + 1 + 1 + 1 + 2.0 / 6) * n,
		[VS_METRIC_BRAY_CURTIS] = 13.0 / 17,
	};

	for (int i = 0; i < dim; i++)
	{
		a[i] = pattern_a[i % 6];
		b[i] = pattern_b[i % 6];
	}
	for (int m = 0; m < VS_METRIC_COUNT; m++)
	{
		VsMetric	metric = (VsMetric) m;

		assert_true(fabs(vs_distance(metric, a, b, dim) - want[m]) <= 1e-12 * fabs(want[m]));
		assert_true(fabs(vs_distance_plain(metric, a, b, dim) - want[m]) <= 1e-12 * fabs(want[m]));
	}

	vs_normalize(a, a, dim);
	vs_normalize(b, b, dim);
	assert_true(fabs(vs_rank_to_distance(VS_METRIC_COSINE, vs_kernel(VS_METRIC_COSINE) (a, b, dim))
					 - want[VS_METRIC_COSINE]) < 1e-6);
}

static void
test_worked_examples(void **state)
{
	(void) state;
	each_isa(worked_examples);
}

/* Quotients of zeros, equal and opposite vectors. */
static void
special_values(void)
{
	enum
	{
		DIM = 37
	};
	float		zero[DIM] = {0};
	float		minus_zero[DIM];
	float		x[DIM];
	float		y[DIM];

	for (int i = 0; i < DIM; i++)
	{
		minus_zero[i] = -0.0f;
		x[i] = 0.1f * (float) (i + 1);
		y[i] = -x[i];
	}
	for (int m = 0; m < VS_METRIC_COUNT; m++)
	{
		VsMetric	metric = (VsMetric) m;
		double		same = vs_distance(metric, x, x, DIM);

		if (metric != VS_METRIC_IP)
			assert_true(same == 0.0);
		if (metric != VS_METRIC_COSINE)
		{
			double		nothing = vs_distance(metric, zero, minus_zero, DIM);

			assert_true(nothing == 0.0 && !signbit(nothing));
		}
		assert_true(vs_kernel(metric) (zero, minus_zero, DIM) == 0.0f);
	}
	assert_true(isnan(vs_distance(VS_METRIC_COSINE, zero, x, DIM)));
	assert_true(isnan(vs_distance(VS_METRIC_COSINE, x, zero, DIM)));
	assert_true(isnan(vs_distance(VS_METRIC_COSINE, zero, zero, DIM)));
	assert_true(vs_distance(VS_METRIC_COSINE, x, y, DIM) == 2.0);
	assert_true(vs_distance(VS_METRIC_JACCARD, zero, x, DIM) == 1.0);
	assert_true(vs_distance(VS_METRIC_CANBERRA, zero, x, DIM) == DIM);
	assert_true(vs_distance(VS_METRIC_BRAY_CURTIS, x, y, DIM) == INFINITY);
	assert_true(vs_kernel(VS_METRIC_BRAY_CURTIS) (x, y, DIM) == INFINITY);
	assert_true(vs_distance(VS_METRIC_BRAY_CURTIS, zero, x, DIM) == 1.0);
}

static void
test_special_values(void **state)
{
	(void) state;
	each_isa(special_values);
}

/* Rounding never takes the cosine distance out of [0, 2]. */
static void
cosine_range(void)
{
	float		a[50];
	float		b[50];
	float		c[50];

	for (int turn = 0; turn < 1000; turn++)
	{
		float		scale = (float) (0.1 + random_unit());

		random_vector(a, 50, SHAPE_RANDOM);
		for (int i = 0; i < 50; i++)
		{
			b[i] = scale * a[i];
			c[i] = -b[i];
		}
		assert_true(vs_distance(VS_METRIC_COSINE, a, b, 50) >= 0.0);
		assert_true(vs_distance(VS_METRIC_COSINE, a, c, 50) <= 2.0);
		/* a power of two rounds nothing */
		for (int i = 0; i < 50; i++)
			b[i] = 4.0f * a[i];
		assert_true(vs_distance(VS_METRIC_COSINE, a, b, 50) == 0.0);
	}
}

static void
test_cosine_range(void **state)
{
	(void) state;
	each_isa(cosine_range);
}

/* Sums that overflow float: infinite where that is right, never NaN. */
static void
overflow(void)
{
	float		a[40];
	float		b[40];

	for (int i = 0; i < 40; i++)
	{
		a[i] = 3e38f;
		b[i] = (i % 2) ? 3e38f : -3e38f;
	}
	/* +inf and -inf cancel to a dot product of 0 */
	assert_true(vs_kernel(VS_METRIC_IP) (a, b, 40) == 0.0f);
	assert_true(vs_kernel(VS_METRIC_COSINE) (a, b, 40) == 0.0f);
	assert_true(vs_kernel(VS_METRIC_IP) (a, a, 40) == -INFINITY);
	assert_true(vs_kernel(VS_METRIC_L2) (a, b, 40) == INFINITY);
	assert_true(vs_kernel(VS_METRIC_L1) (a, b, 40) == INFINITY);
	assert_true(vs_kernel(VS_METRIC_CHEBYSHEV) (a, b, 40) == INFINITY);
	/* half of the terms are 0, half 1 */
	assert_true(fabsf(vs_kernel(VS_METRIC_CANBERRA) (a, b, 40) - 20.0f) < 1e-4f);
	/* half of the differences are 0, half of the sums */
	assert_true(fabsf(vs_kernel(VS_METRIC_BRAY_CURTIS) (a, b, 40) - 1.0f) < 1e-6f);
	assert_true(vs_distance(VS_METRIC_L1, a, b, 40) > 1e40);
}

static void
test_overflow(void **state)
{
	(void) state;
	each_isa(overflow);
}

/* Norms and unit vectors from the smallest float to the largest. */
static void
norms(void)
{
	static const float scales[] = {FLT_TRUE_MIN, 1e-40f, FLT_MIN, 1e-20f, 1.0f, 1e20f, FLT_MAX / 4};
	float		x[301];
	float		unit[301];

	for (size_t s = 0; s < sizeof(scales) / sizeof(scales[0]); s++)
	{
		for (int dim = 1; dim <= 301; dim += 50)
		{
			double		squares = 0.0;

			for (int i = 0; i < dim; i++)
			{
				x[i] = scales[s] * (float) (1 + i % 4);
				squares += (double) x[i] * x[i];
			}
			assert_true(fabs(vs_norm(x, dim) / sqrt(squares) - 1.0) < 1e-13);
			assert_true(vs_normalize(unit, x, dim));
			assert_true(fabs(vs_norm(unit, dim) - 1.0) < 1e-6);
			for (int i = 0; i < dim; i++)
				assert_true(fabs(unit[i] * sqrt(squares) / x[i] - 1.0) < 1e-6);
			assert_true(vs_normalize(x, x, dim));
			assert_memory_equal(x, unit, sizeof(float) * (size_t) dim);
		}
	}

	memset(x, 0, sizeof(x));
	x[3] = -0.0f;
	memset(unit, 1, sizeof(unit));
	assert_false(vs_normalize(unit, x, 301));
	for (int i = 0; i < 301; i++)
		assert_true(unit[i] == 0.0f);
	assert_true(vs_norm(x, 301) == 0.0);
}

static void
test_norms(void **state)
{
	(void) state;
	each_isa(norms);
}

/* From rank to distance, with what must pass through. */
static void
test_rank_to_distance(void **state)
{
	(void) state;
	assert_true(vs_rank_to_distance(VS_METRIC_L2, 9.0) == 3.0);
	assert_true(vs_rank_to_distance(VS_METRIC_COSINE, -0.25) == 0.75);
	assert_true(vs_rank_to_distance(VS_METRIC_COSINE, -1.0000001) == 0.0);
	assert_true(vs_rank_to_distance(VS_METRIC_COSINE, 1.0000001) == 2.0);
	for (int m = 0; m < VS_METRIC_COUNT; m++)
	{
		VsMetric	metric = (VsMetric) m;

		assert_true(isnan(vs_rank_to_distance(metric, NAN)));
		assert_true(vs_rank_to_distance(metric, INFINITY) == INFINITY);
		if (metric != VS_METRIC_L2 && metric != VS_METRIC_COSINE)
			assert_true(vs_rank_to_distance(metric, -7.5) == -7.5);
	}
}

/* The choice of an instruction set. */
static void
test_isa_choice(void **state)
{
	(void) state;
	assert_true(vs_isa_available(VS_ISA_PORTABLE));
	assert_true(vs_isa_available(VS_ISA_AUTO));
	vs_isa_force(VS_ISA_AUTO);
	assert_int_not_equal(vs_isa_current(), VS_ISA_AUTO);
	for (int i = 0; i < ISA_COUNT; i++)
	{
		VsIsa		best;

		vs_isa_force(VS_ISA_AUTO);
		best = vs_isa_current();
		vs_isa_force(all_isas[i]);
		assert_int_equal(vs_isa_current(), vs_isa_available(all_isas[i]) ? all_isas[i] : best);
		for (int m = 0; m < VS_METRIC_COUNT; m++)
			assert_non_null(vs_kernel((VsMetric) m));
	}
	vs_isa_force(VS_ISA_AUTO);
#if defined(__x86_64__)
	assert_false(vs_isa_available(VS_ISA_NEON));
#endif
}

/* Names as INTERFACE and settings spell them. */
static void
test_names(void **state)
{
	(void) state;
	assert_string_equal(vs_metric_name(VS_METRIC_L2), "l2");
	assert_string_equal(vs_metric_name(VS_METRIC_BRAY_CURTIS), "bray_curtis");
	assert_string_equal(vs_isa_name(VS_ISA_AUTO), "auto");
	assert_string_equal(vs_isa_name(VS_ISA_AVX512), "avx512");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_worked_examples),
		cmocka_unit_test(test_special_values),
		cmocka_unit_test(test_cosine_range),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_short_dims),
		cmocka_unit_test(test_long_dims),
		cmocka_unit_test(test_misaligned),
		cmocka_unit_test(test_guard_pages),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_norms),
		cmocka_unit_test(test_rank_to_distance),
		cmocka_unit_test(test_isa_choice),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("distance", tests, NULL, NULL);
}
