/*
 * quant_test.c
 *		Unit tests of src/quant: rotation, vectors of bytes, RaBitQ codes, scalar
 *		codes, halves.
 *
 * Random data comes from a fixed seed.  Where the real vectors of
 * minilm384/base.fvecs are found (directory VECSTORE_DATA, or ../shared/data
 * beside the repository) the estimate is tested on them too; elsewhere that
 * test says that it is skipped.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/bytes.h"
#include "quant/half.h"
#include "quant/rabitq.h"
#include "quant/rotation.h"
#include "quant/scalar.h"

static const int all_dims[] = {1, 2, 3, 15, 16, 17, 48, 64, 100, 128, 384, 768, 784, 1000,
	1008, 1536, 2001, 3072, VS_MAX_DIM};
#define N_DIMS ((int) (sizeof(all_dims) / sizeof(all_dims[0])))

static const int all_bits[] = {1, 2, 4};
static const VsIsa all_isas[] = {VS_ISA_PORTABLE, VS_ISA_AVX2, VS_ISA_AVX512, VS_ISA_NEON};
#define N_ISAS ((int) (sizeof(all_isas) / sizeof(all_isas[0])))

static uint64_t random_state;

/* Every test starts from the same seed, whichever tests ran before it. */
static int
seed_random(void **state)
{
	(void) state;
	random_state = 42;
	return 0;
}

/* Uniform in (0, 1). */
static double
uniform(void)
{
	random_state = random_state * 6364136223846793005ULL + 1442695040888963407ULL;
	return ((double) (random_state >> 11) + 0.5) / 9007199254740992.0;
}

/* Standard normal (Box and Muller). */
static double
normal(void)
{
	return sqrt(-2.0 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static float *
new_floats(unsigned int n)
{
	float	   *v = calloc(n, sizeof(float));

	assert_non_null(v);
	return v;
}

static float *
random_vector(int n, double spread, double shift)
{
	float	   *v = new_floats(n);

	for (int i = 0; i < n; i++)
		v[i] = (float) (spread * normal() + shift);
	return v;
}

static VsRotation *
new_rotation(int dim, uint64_t seed)
{
	VsRotation *rotation = malloc(vs_rotation_size(dim));

	assert_non_null(rotation);
	vs_rotation_init(rotation, dim, seed);
	return rotation;
}

static VsBytes *
new_bytes(int padded, const float *rotated)
{
	VsBytes    *bytes = malloc(vs_bytes_size(padded));

	assert_non_null(bytes);
	vs_bytes_encode(padded, rotated, bytes);
	return bytes;
}

/* A query of the first coordinates of a vector, so many of them as are coded. */
static VsRabitqQuery *
new_query_of_first(int bits, int padded, int coded, const float *rotated)
{
	VsRabitqQuery *query = malloc(vs_rabitq_query_size(bits, coded));
	VsBytes    *bytes = new_bytes(padded, rotated);

	assert_non_null(query);
	vs_rabitq_query_init_bytes(query, bits, coded, bytes);
	free(bytes);
	return query;
}

static VsRabitqQuery *
new_query(int bits, int padded, const float *rotated)
{
	return new_query_of_first(bits, padded, padded, rotated);
}

static double
dot(const float *a, const float *b, int n)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

static double
l2_squared(const float *a, const float *b, int n)
{
	double		sum = 0.0;

	for (int i = 0; i < n; i++)
		sum += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
	return sum;
}

/* Level of coordinate i as rabitq.c documents it. */
static int
level_at(const uint8_t *code, int bits, int i)
{
	return code[i * bits / 8] >> (i * bits % 8) & ((1 << bits) - 1);
}

/* Every half survives the way to float and back; rounding goes to the nearest. */
static void
test_half(void **state)
{
	(void) state;
	for (unsigned h = 0; h < 65536; h++)
	{
		if ((h & 0x7C00) == 0x7C00 && (h & 0x3FF) != 0)
			continue;			/* NaN */
		assert_int_equal(vs_half_from_float(vs_half_to_float((uint16_t) h)), h);
	}
	for (unsigned h = 0; h < 0x7BFF; h++)
	{
		float		low = vs_half_to_float((uint16_t) h);
		float		high = vs_half_to_float((uint16_t) (h + 1));

		assert_true(low < high);
		assert_int_equal(vs_half_from_float(low + (high - low) * 0.375f), h);
		assert_int_equal(vs_half_from_float(low + (high - low) * 0.625f), h + 1);
		assert_int_equal(vs_half_from_float(low + (high - low) * 0.5f), h + (h & 1));
	}
	assert_int_equal(vs_half_from_float(VS_HALF_MAX), 0x7BFF);
	assert_int_equal(vs_half_from_float(1e30f), 0x7C00);
	assert_int_equal(vs_half_from_float(-INFINITY), 0xFC00);
	assert_true(vs_half_to_float(0x3C00) == 1.0f);
	assert_true(vs_half_to_float(0x0001) == 0x1p-24f);
}

/* Images of the unit vectors are orthonormal. */
static void
test_rotation_orthonormal(void **state)
{
	static const int dims[] = {1, 3, 16, 17, 48, 100, 130};

	(void) state;
	for (size_t k = 0; k < sizeof(dims) / sizeof(dims[0]); k++)
	{
		int			dim = dims[k];
		int			padded = vs_rotation_padded(dim);
		VsRotation *rotation = new_rotation(dim, 7);
		float	   *unit = new_floats(dim);
		float	   *image = new_floats(dim * padded);

		assert_true(padded % 16 == 0 && padded >= dim && padded < dim + 16);
		for (int i = 0; i < dim; i++)
		{
			unit[i] = 1.0f;
			vs_rotate(rotation, unit, image + i * padded);
			unit[i] = 0.0f;
		}
		for (int i = 0; i < dim; i++)
		{
			for (int j = 0; j <= i; j++)
				assert_true(fabs(dot(image + i * padded, image + j * padded, padded) -
								 (i == j)) < 1e-5);
		}
		free(image);
		free(unit);
		free(rotation);
	}
}

/* Inner products and lengths stay; the seed decides the image. */
static void
test_rotation_isometry(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			dim = all_dims[k];
		int			padded = vs_rotation_padded(dim);
		VsRotation *one = new_rotation(dim, 1);
		VsRotation *two = new_rotation(dim, 2);
		float	   *a = random_vector(dim, 1.0, 0.5);
		float	   *b = random_vector(dim, 1.0, -0.3);
		float	   *ra = new_floats(padded);
		float	   *rb = new_floats(padded);
		float	   *again = new_floats(padded);
		double		scale = sqrt(dot(a, a, dim) * dot(b, b, dim));

		vs_rotate(one, a, ra);
		vs_rotate(one, b, rb);
		assert_true(fabs(dot(ra, rb, padded) - dot(a, b, dim)) < 1e-5 * scale);
		assert_true(fabs(dot(ra, ra, padded) / dot(a, a, dim) - 1.0) < 1e-5);
		vs_rotate(one, a, again);
		assert_memory_equal(ra, again, sizeof(float) * padded);
		vs_rotate(two, a, again);
		assert_true(memcmp(ra, again, sizeof(float) * padded) != 0);
		free(again);
		free(rb);
		free(ra);
		free(b);
		free(a);
		free(two);
		free(one);
	}
}

/* Every instruction set rotates to the same bits: they are stored on disk. */
static void
test_rotation_same_bits(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			dim = all_dims[k];
		size_t		bytes = sizeof(float) * vs_rotation_padded(dim);
		VsRotation *rotation = new_rotation(dim, 5);
		float	   *v = random_vector(dim, 1.0, 0.2);
		float	   *expected = new_floats(vs_rotation_padded(dim));
		float	   *image = new_floats(vs_rotation_padded(dim));

		v[dim / 2] = 0.0f;
		vs_isa_force(VS_ISA_PORTABLE);
		vs_rotate(rotation, v, expected);
		for (int s = 0; s < N_ISAS; s++)
		{
			if (!vs_isa_available(all_isas[s]))
				continue;
			vs_isa_force(all_isas[s]);
			vs_rotate(rotation, v, image);
			assert_memory_equal(image, expected, bytes);
		}
		vs_isa_force(VS_ISA_AUTO);
		free(image);
		free(expected);
		free(v);
		free(rotation);
	}
}

/*
 * Energy spreads: vectors that live in one coordinate, one half or one
 * quarter come out like Gaussian noise.  For a Gaussian, mean |x| / rms is
 * sqrt(2/pi) = 0.798.
 */
static void
test_rotation_spreads(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			dim = all_dims[k];
		int			padded = vs_rotation_padded(dim);
		VsRotation *rotation;
		float	   *v;
		float	   *image;

		if (dim < 100)
			continue;
		rotation = new_rotation(dim, 3);
		v = new_floats(dim);
		image = new_floats(padded);
		for (int part = 0; part < 12; part++)
		{
			int			length = part < 4 ? 1 : part < 8 ? dim / 4 : dim / 2;
			int			start = (dim - length) * (part % 4) / 3;
			double		sum = 0.0;
			double		halves[2] = {0.0, 0.0};

			memset(v, 0, sizeof(float) * dim);
			for (int i = start; i < start + length; i++)
				v[i] = length == 1 ? 1.0f : (float) normal();
			vs_rotate(rotation, v, image);
			for (int i = 0; i < padded; i++)
			{
				sum += fabs(image[i]);
				halves[i >= padded / 2] += (double) image[i] * image[i];
			}
			sum /= sqrt(padded * (halves[0] + halves[1]));
			assert_true(sum > 0.74 && sum <= 1.0 + 1e-6);
			assert_true(halves[0] > 0.3 * (halves[0] + halves[1]));
			assert_true(halves[1] > 0.3 * (halves[0] + halves[1]));
		}
		free(image);
		free(v);
		free(rotation);
	}
}

/* Encoding: the nearest level of the step that fits; all sets the same bits. */
static void
test_bytes_round_trip(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);
		size_t		size = vs_bytes_size(padded);
		float	   *v = random_vector(padded, 2.0, 0.1);
		float	   *back = new_floats(padded);
		VsBytes    *expected;

		v[0] = 0.0f;
		vs_isa_force(VS_ISA_PORTABLE);
		expected = new_bytes(padded, v);
		for (int s = 0; s < N_ISAS; s++)
		{
			VsBytes    *bytes;
			int32_t		square = 0;
			int			largest = 0;

			if (!vs_isa_available(all_isas[s]))
				continue;
			vs_isa_force(all_isas[s]);
			bytes = new_bytes(padded, v);
			assert_memory_equal(bytes, expected, size);
			vs_bytes_decode(padded, bytes, back);
			for (int i = 0; i < padded; i++)
			{
				assert_true(fabsf(v[i] - back[i]) <= 0.5001f * bytes->step);
				square += bytes->levels[i] * bytes->levels[i];
				if (abs(bytes->levels[i]) > largest)
					largest = abs(bytes->levels[i]);
			}
			assert_int_equal(largest, 127);
			assert_int_equal(bytes->square, square);
			assert_int_equal(bytes->mark, 0);
			free(bytes);
		}
		vs_isa_force(VS_ISA_AUTO);
		free(expected);
		free(back);
		free(v);
	}
}

/*
 * A vector of bytes that starts so far into its memory, and ends with it: the
 * address sanitizer sees what is read behind it.  Free with free_bytes_at.
 */
static VsBytes *
new_bytes_at(int offset, int padded, const float *rotated)
{
	char	   *memory = malloc(offset + vs_bytes_size(padded));

	assert_non_null(memory);
	vs_bytes_encode(padded, rotated, (VsBytes *) (memory + offset));
	return (VsBytes *) (memory + offset);
}

static void
free_bytes_at(int offset, VsBytes *bytes)
{
	free((char *) bytes - offset);
}

/* Every kernel gives the ranks of the decoded vectors, whatever the alignment. */
static void
test_bytes_ranks(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);
		float	   *v[2] = {random_vector(padded, 2.0, 0.1), random_vector(padded, 0.5, 0.3)};
		float	   *decoded[2] = {new_floats(padded), new_floats(padded)};

		for (int at = 0; at < 8; at++)
		{
			VsBytes    *a = new_bytes_at(4 * at, padded, v[0]);
			VsBytes    *b = new_bytes_at(4 * (at * 3 % 8), padded, v[1]);
			double		l2;
			double		ip;
			double		lengths;

			vs_bytes_decode(padded, a, decoded[0]);
			vs_bytes_decode(padded, b, decoded[1]);
			l2 = l2_squared(decoded[0], decoded[1], padded);
			ip = -dot(decoded[0], decoded[1], padded);
			lengths = sqrt(dot(decoded[0], decoded[0], padded) *
						   dot(decoded[1], decoded[1], padded));
			for (int s = 0; s < N_ISAS; s++)
			{
				if (!vs_isa_available(all_isas[s]))
					continue;
				vs_isa_force(all_isas[s]);
				assert_true(fabs(vs_bytes_kernel(VS_RANK_L2) (a, b, padded) / l2 - 1.0) < 1e-6);
				assert_true(fabs(vs_bytes_kernel(VS_RANK_IP) (a, b, padded) - ip) <
							1e-6 * lengths);
			}
			vs_isa_force(VS_ISA_AUTO);
			free_bytes_at(4 * (at * 3 % 8), b);
			free_bytes_at(4 * at, a);
		}
		for (int i = 0; i < 2; i++)
		{
			free(decoded[i]);
			free(v[i]);
		}
	}
}

/* A vector is at no distance from itself, not even by a rounding error. */
static void
test_bytes_identical(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);

		for (int trial = 0; trial < 20; trial++)
		{
			float	   *v = random_vector(padded, exp(8.0 * normal()), 0.0);
			VsBytes    *a = new_bytes(padded, v);
			VsBytes    *b = new_bytes(padded, v);

			for (int s = 0; s < N_ISAS; s++)
			{
				if (!vs_isa_available(all_isas[s]))
					continue;
				vs_isa_force(all_isas[s]);
				assert_true(vs_bytes_kernel(VS_RANK_L2) (a, b, padded) == 0.0f);
			}
			vs_isa_force(VS_ISA_AUTO);
			free(b);
			free(a);
			free(v);
		}
	}
}

/* Encode a pair, pack the factors, estimate: NaN nowhere. */
static void
encode_without_nan(int bits, int padded, const VsBytes *o, const VsBytes *c)
{
	uint8_t    *code = malloc(vs_rabitq_code_bytes(padded, bits));
	VsRabitqQuery *query = malloc(vs_rabitq_query_size(bits, padded));

	assert_non_null(code);
	assert_non_null(query);
	vs_rabitq_query_init_bytes(query, bits, padded, o);
	for (int kind = VS_RANK_L2; kind <= VS_RANK_IP; kind++)
	{
		VsRabitqFactors f = vs_rabitq_encode_bytes(kind, bits, padded, o, c, code);
		VsRabitqPacked packed;
		float		norm2 = vs_bytes_kernel(VS_RANK_L2) (o, c, padded);
		float		rank;

		assert_false(isnan(f.add) || isnan(f.rescale));
		(void) vs_rabitq_pack(f, vs_rabitq_unit(norm2), &packed);
		vs_rabitq_estimate(query, norm2, 1.0f, vs_rabitq_unit(norm2), &packed, code, 1, &rank);
		assert_false(isnan(rank));
		vs_rabitq_estimate_each(query, norm2, &f, code, 1, &rank);
		assert_false(isnan(rank));
	}
	free(query);
	free(code);
}

/* Zero, tiny and huge vectors, and each against each: no NaN. */
static void
test_bytes_corners(void **state)
{
	static const float sizes[] = {0.0f, 1e-45f, 1e-40f, 1e-37f, 1e-30f, 1e-15f, 1.0f, 1e15f,
	1e30f, 1e38f, 3.4028234e38f};
	enum
	{
		SIZES = sizeof(sizes) / sizeof(sizes[0]), PADDED = 48
	};

	(void) state;
	for (int s = 0; s < N_ISAS; s++)
	{
		VsBytes    *bytes[SIZES];

		if (!vs_isa_available(all_isas[s]))
			continue;
		vs_isa_force(all_isas[s]);
		for (int i = 0; i < SIZES; i++)
		{
			float		v[PADDED];
			float		back[PADDED];

			for (int d = 0; d < PADDED; d++)
				v[d] = sizes[i] * (float) (2.0 * uniform() - 1.0);
			v[PADDED / 2] = sizes[i];
			bytes[i] = new_bytes(PADDED, v);
			assert_true(isfinite(bytes[i]->step));
			vs_bytes_decode(PADDED, bytes[i], back);
			for (int d = 0; d < PADDED; d++)
				assert_true(isfinite(back[d]));
			/* One by the step of a smaller vector is no float: it counts as zero. */
			assert_int_equal(bytes[i]->levels[PADDED / 2], sizes[i] < 1e-36f ? 0 : 127);
		}
		for (int i = 0; i < SIZES; i++)
		{
			assert_true(vs_bytes_kernel(VS_RANK_L2) (bytes[i], bytes[i], PADDED) == 0.0f);
			for (int j = 0; j < SIZES; j++)
			{
				for (int kind = VS_RANK_L2; kind <= VS_RANK_IP; kind++)
				{
					float		rank = vs_bytes_kernel(kind) (bytes[i], bytes[j], PADDED);
					float		error = vs_bytes_error(kind, rank, bytes[i], bytes[j], PADDED);

					assert_false(isnan(rank));
					assert_true(error >= 0.0f && isfinite(error));
				}
				for (int b = 0; b < 3; b++)
					encode_without_nan(all_bits[b], PADDED, bytes[i], bytes[j]);
			}
		}
		for (int i = 0; i < SIZES; i++)
			free(bytes[i]);
	}
	vs_isa_force(VS_ISA_AUTO);
}

/* What overflowed on the way is not undefined: all sets agree on some level. */
static void
test_bytes_not_finite(void **state)
{
	float		v[32];
	VsBytes    *expected;

	(void) state;
	for (int i = 0; i < 32; i++)
		v[i] = i % 3 == 0 ? INFINITY : i % 3 == 1 ? -INFINITY : (float) i;
	v[7] = NAN;
	vs_isa_force(VS_ISA_PORTABLE);
	expected = new_bytes(32, v);
	assert_true(isfinite(expected->step));
	for (int s = 0; s < N_ISAS; s++)
	{
		VsBytes    *bytes;

		if (!vs_isa_available(all_isas[s]))
			continue;
		vs_isa_force(all_isas[s]);
		bytes = new_bytes(32, v);
		assert_memory_equal(bytes, expected, vs_bytes_size(32));
		for (int i = 0; i < 32; i++)
			assert_true(bytes->levels[i] >= -127);
		free(bytes);
	}
	vs_isa_force(VS_ISA_AUTO);
	free(expected);
}

/* The largest sums there are, at 16,000 dimensions, are exact. */
static void
test_bytes_no_overflow(void **state)
{
	float	   *v = new_floats(VS_MAX_DIM);
	VsBytes    *plus;
	VsBytes    *minus;
	uint8_t    *code = malloc(VS_MAX_DIM);
	double		square = 127.0 * 127.0 * VS_MAX_DIM;

	(void) state;
	assert_non_null(code);
	for (int i = 0; i < VS_MAX_DIM; i++)
		v[i] = 127.0f;
	plus = new_bytes(VS_MAX_DIM, v);
	for (int i = 0; i < VS_MAX_DIM; i++)
		v[i] = -127.0f;
	minus = new_bytes(VS_MAX_DIM, v);
	assert_true(plus->square == square && minus->square == square);
	for (int s = 0; s < N_ISAS; s++)
	{
		VsBytesKernel l2;
		VsBytesKernel ip;

		if (!vs_isa_available(all_isas[s]))
			continue;
		vs_isa_force(all_isas[s]);
		l2 = vs_bytes_kernel(VS_RANK_L2);
		ip = vs_bytes_kernel(VS_RANK_IP);
		assert_true(l2(plus, plus, VS_MAX_DIM) == 0.0f);
		assert_true(l2(plus, minus, VS_MAX_DIM) == (float) (4.0 * square));
		assert_true(ip(plus, plus, VS_MAX_DIM) == (float) -square);
		assert_true(ip(plus, minus, VS_MAX_DIM) == (float) square);
		for (int b = 0; b < 3; b++)
		{
			int			bits = all_bits[b];
			VsRabitqFactors f = vs_rabitq_encode_bytes(VS_RANK_IP, bits, VS_MAX_DIM, plus,
													   minus, code);
			double		x = level_at(code, bits, 0) - ((1 << bits) - 1) / 2.0;

			/* r is 254 everywhere, and so is x one number; <c, r> is -2 * square. */
			assert_true(fabs(f.rescale / (-254.0 / x) - 1.0) < 1e-6);
			assert_true(fabs(f.add) < 1e-6 * square);
		}
	}
	vs_isa_force(VS_ISA_AUTO);
	free(code);
	free(minus);
	free(plus);
	free(v);
}

/* Root mean square of errors of ranks, in what vs_bytes_error says. */
static double
bytes_error_ratio(VsRankKind kind, int padded, double scale, double apart)
{
	enum
	{
		TRIALS = 400
	};
	double		sum = 0.0;

	for (int trial = 0; trial < TRIALS; trial++)
	{
		float	   *q = random_vector(padded, scale, 0.0);
		float	   *x = random_vector(padded, scale * apart, 0.0);
		VsBytes    *bytes[2];
		double		truth;
		float		rank;
		double		error;

		for (int i = 0; i < padded; i++)
			x[i] += q[i];
		bytes[0] = new_bytes(padded, q);
		bytes[1] = new_bytes(padded, x);
		truth = kind == VS_RANK_L2 ? l2_squared(q, x, padded) : -dot(q, x, padded);
		rank = vs_bytes_kernel(kind) (bytes[0], bytes[1], padded);
		error = (rank - truth) / vs_bytes_error(kind, rank, bytes[0], bytes[1], padded);
		sum += error * error;
		free(bytes[1]);
		free(bytes[0]);
		free(x);
		free(q);
	}
	return sqrt(sum / TRIALS);
}

/* vs_bytes_error is the errors' size, for vectors near each other and far apart. */
static void
test_bytes_error(void **state)
{
	static const int dims[] = {64, 128, 384, 768, 1536};
	static const double aparts[] = {0.05, 0.1, 0.3, 1.0, 5.0};

	(void) state;
	for (int k = 0; k < 5; k++)
	{
		for (int a = 0; a < 5; a++)
		{
			for (int kind = VS_RANK_L2; kind <= VS_RANK_IP; kind++)
			{
				double		ratio = bytes_error_ratio(kind, dims[k], a % 2 == 0 ? 1.0 : 30.0,
													  aparts[a]);

				if (ratio < 0.8 || ratio > 1.25)
					fail_msg("dim %d, kind %d, %g apart: errors are %.3f of what is claimed",
							 dims[k], kind, aparts[a], ratio);
			}
		}
	}
}

/*
 * Every instruction set computes the same sum as a plain loop over the
 * documented layout, for every number of dimensions and list length.
 */
static void
test_estimate_matches_layout(void **state)
{
	static const int lengths[] = {1, 4, 8, 20, 31, 64, 67};
	int			padded_last = 0;

	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);
		float	   *q;

		if (padded == padded_last)
			continue;
		padded_last = padded;
		q = random_vector(padded, 3.0, 0.1);
		for (int b = 0; b < 3; b++)
		{
			int			bits = all_bits[b];
			int			n = 67;
			size_t		bytes = vs_rabitq_code_bytes(padded, bits);
			uint8_t    *codes = malloc(n * bytes);
			VsRabitqPacked factors[67];
			VsRabitqFactors unpacked[67];
			float		expected[67];
			float		ranks[68];
			VsRabitqQuery *query = new_query(bits, padded, q);

			assert_non_null(codes);
			for (size_t i = 0; i < n * bytes; i++)
				codes[i] = (uint8_t) (uniform() * 256.0);
			memset(codes + bytes, 0xFF, bytes);
			for (int i = 0; i < n; i++)
			{
				double		sum = 0.0;
				VsRabitqFactors f = {(float) (normal() * 4.0), (float) (normal() / padded)};

				assert_true(vs_rabitq_pack(f, 2.0f, &factors[i]));
				unpacked[i] = f = vs_rabitq_unpack(factors[i], 2.0f);
				for (int d = 0; d < padded; d++)
				{
					double		x = level_at(codes + i * bytes, bits, d) -
						((1 << bits) - 1) / 2.0;

					sum += x * query->step * rint(q[d] / query->step);
				}
				expected[i] = (float) (5.0 + f.add + f.rescale * sum);
			}
			for (int s = 0; s < N_ISAS; s++)
			{
				if (!vs_isa_available(all_isas[s]))
					continue;
				vs_isa_force(all_isas[s]);
				for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++)
				{
					ranks[lengths[l]] = -12345.0f;
					vs_rabitq_estimate(query, 5.0f, 1.0f, 2.0f, factors, codes, lengths[l], ranks);
					for (int i = 0; i < lengths[l]; i++)
						assert_true(fabs(ranks[i] - expected[i]) <
									2e-3 * (1.0 + fabs(expected[i])));
					assert_true(ranks[lengths[l]] == -12345.0f);
					vs_rabitq_estimate_each(query, 5.0f, unpacked, codes, lengths[l], ranks);
					for (int i = 0; i < lengths[l]; i++)
						assert_true(fabs(ranks[i] - expected[i]) <
									2e-3 * (1.0 + fabs(expected[i])));
					assert_true(ranks[lengths[l]] == -12345.0f);
				}
			}
			vs_isa_force(VS_ISA_AUTO);
			free(query);
			free(codes);
		}
		free(q);
	}
}

/* Factors are what rabitq.h defines for the code, whatever the code is. */
static void
assert_factors_of(VsRankKind kind, int bits, int padded, const float *o, const float *c,
				  const uint8_t *code, VsRabitqFactors factors)
{
	double		norm2 = l2_squared(o, c, padded);
	double		rx = 0.0;
	double		cx = 0.0;
	double		cr = dot(c, o, padded) - dot(c, c, padded);
	double		rescale;
	double		add;

	for (int i = 0; i < padded; i++)
	{
		double		x = level_at(code, bits, i) - ((1 << bits) - 1) / 2.0;

		rx += ((double) o[i] - c[i]) * x;
		cx += c[i] * x;
	}
	rescale = -norm2 / rx * (kind == VS_RANK_L2 ? 2.0 : 1.0);
	add = (kind == VS_RANK_L2 ? norm2 : -cr) - rescale * cx;
	assert_true(fabs(factors.rescale / rescale - 1.0) < 1e-5);
	assert_true(fabs(factors.add - add) <
				1e-5 * (norm2 + dot(c, c, padded) + fabs(rescale * cx)));
}

/* The two codes agree but where r is at the boundary between two levels. */
static void
assert_codes_agree(int bits, int padded, const float *o, const float *c, float step,
				   const uint8_t *one, const uint8_t *two)
{
	double		width = bits == 4 ? 0.3352 : 0.9957;
	double		inverse = bits == 1 ? 1.0 / step :
		sqrt(padded / l2_squared(o, c, padded)) / width;

	for (int i = 0; i < padded; i++)
	{
		double		u = ((double) o[i] - c[i]) * inverse;

		/* A 500th of a step is what rabitq.c allows the ratio of the steps to do. */
		if (level_at(one, bits, i) != level_at(two, bits, i))
			assert_true(fabs(u - rint(u)) < 0.002 * step * inverse + 1e-4);
	}
}

/* One pair of vectors of bytes, encoded by every set and through floats. */
static void
encode_bytes_like_floats(VsRankKind kind, int bits, int padded, const VsBytes *ob,
						 const VsBytes *cb)
{
	size_t		size = vs_rabitq_code_bytes(padded, bits);
	uint8_t    *plain = malloc(size);
	uint8_t    *floats = malloc(size);
	uint8_t    *code = malloc(size + 1);
	float	   *o = new_floats(padded);
	float	   *c = new_floats(padded);
	float		step = ob->step > cb->step ? ob->step : cb->step;
	VsRabitqFactors f;

	assert_true(plain != NULL && floats != NULL && code != NULL);
	vs_bytes_decode(padded, ob, o);
	vs_bytes_decode(padded, cb, c);
	vs_isa_force(VS_ISA_PORTABLE);
	(void) vs_rabitq_encode_bytes(kind, bits, padded, ob, cb, plain);
	f = vs_rabitq_encode(kind, bits, padded, o, c, floats);
	assert_codes_agree(bits, padded, o, c, step, plain, floats);
	assert_factors_of(kind, bits, padded, o, c, floats, f);
	for (int s = 0; s < N_ISAS; s++)
	{
		if (!vs_isa_available(all_isas[s]))
			continue;
		vs_isa_force(all_isas[s]);
		memset(code, 0x5A, size + 1);
		f = vs_rabitq_encode_bytes(kind, bits, padded, ob, cb, code);
		assert_memory_equal(code, plain, size);
		assert_int_equal(code[size], 0x5A);
		assert_factors_of(kind, bits, padded, o, c, code, f);
	}
	vs_isa_force(VS_ISA_AUTO);
	free(c);
	free(o);
	free(code);
	free(floats);
	free(plain);
}

/*
 * Encoding bytes is encoding the vectors that are meant, for neighbours near and
 * far, and whichever of the two has the larger step.
 */
static void
test_encode_bytes(void **state)
{
	static const double spreads[] = {0.1, 1.0, 20.0};

	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);

		for (int trial = 0; trial < 6; trial++)
		{
			float	   *c = random_vector(padded, 2.0, 0.3);
			float	   *o = random_vector(padded, 2.0 * spreads[trial / 2], 0.0);
			VsBytes    *bytes[2];

			for (int i = 0; i < padded; i++)
				o[i] += c[i];
			bytes[trial % 2] = new_bytes(padded, o);
			bytes[1 - trial % 2] = new_bytes(padded, c);
			for (int b = 0; b < 3; b++)
			{
				for (int kind = VS_RANK_L2; kind <= VS_RANK_IP; kind++)
					encode_bytes_like_floats(kind, all_bits[b], padded, bytes[0], bytes[1]);
			}
			free(bytes[1]);
			free(bytes[0]);
			free(o);
			free(c);
		}
	}
}

/* A query's levels are sorted by field, and zeros follow them. */
static void
test_query_layout(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);
		float	   *v = random_vector(padded, 1.0, 0.2);
		VsBytes    *bytes = new_bytes(padded, v);
		int32_t		sum = 0;

		for (int i = 0; i < padded; i++)
			sum += bytes->levels[i];
		for (int b = 0; b < 3; b++)
		{
			int			bits = all_bits[b];
			int			fields = 8 / bits;
			size_t		size = vs_rabitq_query_size(bits, padded);
			VsRabitqQuery *query = malloc(size);

			assert_non_null(query);
			for (int s = 0; s < N_ISAS; s++)
			{
				if (!vs_isa_available(all_isas[s]))
					continue;
				vs_isa_force(all_isas[s]);
				memset(query, 0x5A, size);
				vs_rabitq_query_init_bytes(query, bits, padded, bytes);
				assert_true(query->step == bytes->step);
				assert_true(query->offset == (float) ((1 << bits) - 1) * 0.5f * (float) sum);
				assert_int_equal(size, sizeof(VsRabitqQuery) + fields * query->field_stride);
				for (int i = 0; i < fields * query->field_stride; i++)
				{
					int			field = i / query->field_stride;
					int			byte = i % query->field_stride;

					assert_int_equal(query->values[i], byte < query->code_bytes ?
									 bytes->levels[byte * fields + field] : 0);
				}
			}
			vs_isa_force(VS_ISA_AUTO);
			free(query);
		}
		free(bytes);
		free(v);
	}
}

/* Every half is unpacked right, as either factor, alone and among others. */
static void
test_estimate_halves(void **state)
{
	float		q[16];
	VsRabitqQuery *query;
	uint8_t		codes[2 * 61];
	VsRabitqPacked factors[61];
	float		ranks[61];

	(void) state;
	for (int i = 0; i < 16; i++)
		q[i] = 127.0f;
	memset(codes, 0xFF, sizeof(codes));
	query = new_query(1, 16, q);	/* <q, x> is 8 * 127 */
	for (int s = 0; s < N_ISAS; s++)
	{
		if (!vs_isa_available(all_isas[s]))
			continue;
		vs_isa_force(all_isas[s]);
		for (int first = 0; first < 65536; first += 61)
		{
			for (int i = 0; i < 61; i++)
			{
				factors[i].add = (uint16_t) (first + i);
				factors[i].rescale = (uint16_t) ((first + i) * 7);
			}
			vs_rabitq_estimate(query, 0.0f, 1.0f, 1.0f, factors, codes, 61, ranks);
			for (int i = 0; i < 61; i++)
			{
				float		expected = vs_half_to_float(factors[i].add) +
					vs_half_to_float(factors[i].rescale) * 1016.0f;

				assert_true(ranks[i] == (isnan(expected) ? 3.4028234664e38f : expected));
			}
		}
	}
	vs_isa_force(VS_ISA_AUTO);
	free(query);
}

/* The largest sums there are, at 16,000 dimensions, are exact. */
static void
test_no_overflow(void **state)
{
	float	   *q = new_floats(VS_MAX_DIM);

	(void) state;
	for (int sign = -1; sign <= 1; sign += 2)
	{
		for (int i = 0; i < VS_MAX_DIM; i++)
			q[i] = (float) (sign * 127);
		for (int b = 0; b < 3; b++)
		{
			int			bits = all_bits[b];
			size_t		bytes = vs_rabitq_code_bytes(VS_MAX_DIM, bits);
			uint8_t    *code = malloc(bytes);
			VsRabitqPacked one = {0, 0x3C00};
			VsRabitqQuery *query = new_query(bits, VS_MAX_DIM, q);
			float		expected = (float) (sign * 127.0 * VS_MAX_DIM * ((1 << bits) - 1) / 2.0);
			float		rank;

			assert_non_null(code);
			memset(code, 0xFF, bytes);
			for (int s = 0; s < N_ISAS; s++)
			{
				if (!vs_isa_available(all_isas[s]))
					continue;
				vs_isa_force(all_isas[s]);
				vs_rabitq_estimate(query, 0.0f, 1.0f, 1.0f, &one, code, 1, &rank);
				assert_true(fabsf(rank / expected - 1.0f) < 1e-6f);
			}
			vs_isa_force(VS_ISA_AUTO);
			free(query);
			free(code);
		}
	}
	free(q);
}

/* Errors of many estimates, in standard deviations as the code states them. */
typedef struct Errors
{
	long		n;
	double		sum;
	double		square;
	long		beyond;			/* more than 1.9 standard deviations */
} Errors;

static void
add_error(Errors *errors, double error, double deviation)
{
	double		z = error / deviation;

	errors->n++;
	errors->sum += z;
	errors->square += z * z;
	errors->beyond += fabs(z) > 1.9;
}

static double
mean_of(const Errors *errors)
{
	return errors->sum / errors->n;
}

/* The share within 1.9 standard deviations. */
static double
inside_of(const Errors *errors)
{
	return 1.0 - (double) errors->beyond / errors->n;
}

/* One estimate through codes, packed factors and a list of one. */
static void
one_estimate(VsRankKind kind, int bits, int padded, const float *o, const float *c,
			 const float *q, Errors *errors)
{
	uint8_t    *code = malloc(vs_rabitq_code_bytes(padded, bits));
	VsRabitqQuery *query = new_query(bits, padded, q);
	VsRabitqFactors factors;
	VsRabitqPacked packed;
	float		unit = vs_rabitq_unit((float) l2_squared(o, c, padded));
	bool		l2 = kind == VS_RANK_L2;
	double		share = l2 ? 1 : dot(q, c, padded) / dot(c, c, padded);
	double		rank_of_centre = l2 ? l2_squared(q, c, padded) : -dot(q, c, padded);
	double		to_centre = dot(q, q, padded) - 2 * share * dot(q, c, padded) +
		share * share * dot(c, c, padded);
	double		truth = l2 ? l2_squared(q, o, padded) : -dot(q, o, padded);
	float		rank;

	assert_non_null(code);
	factors = vs_rabitq_encode(kind, bits, padded, o, c, code);
	assert_true(vs_rabitq_pack(factors, unit, &packed));
	vs_rabitq_estimate(query, (float) rank_of_centre, (float) share, unit, &packed,
					   code, 1, &rank);
	add_error(errors, rank - truth,
			  vs_rabitq_error(query, factors.rescale, (float) sqrt(to_centre)));
	free(query);
	free(code);
}

/* The trial's rotation of n vectors, one behind the other in rotated. */
static void
turn(int trial, int dim, const float *const *vectors, int n, float *rotated)
{
	VsRotation *rotation = new_rotation(dim, 1000 + trial);

	for (int i = 0; i < n; i++)
		vs_rotate(rotation, vectors[i], rotated + i * vs_rotation_padded(dim));
	free(rotation);
}

/*
 * Over random rotations of the same three vectors the estimate has no bias,
 * and its error is what vs_rabitq_error says: 1.9 deviations hold 94% of a
 * Gaussian.  All instruction sets encode alike, so one serves.
 */
static void
test_estimate_unbiased(void **state)
{
	static const int dims[] = {60, 128, 784, 1008};

	(void) state;
	for (size_t k = 0; k < sizeof(dims) / sizeof(dims[0]); k++)
	{
		int			dim = dims[k];
		int			padded = vs_rotation_padded(dim);
		float	   *o = random_vector(dim, 1.0, 0.3);
		float	   *c = random_vector(dim, 1.0, 0.3);
		float	   *q = random_vector(dim, 1.0, 0.3);
		float	   *rotated = new_floats(3 * padded);

		for (int b = 0; b < 3; b++)
		{
			for (int kind = VS_RANK_L2; kind <= VS_RANK_IP; kind++)
			{
				Errors		errors = {0, 0.0, 0.0, 0};
				double		inside;
				double		mean;

				for (int trial = 0; trial < 1500; trial++)
				{
					turn(trial, dim, (const float *[]) {o, c, q}, 3, rotated);
					one_estimate(kind, all_bits[b], padded, rotated, rotated + padded,
								 rotated + 2 * padded, &errors);
				}
				inside = inside_of(&errors);
				mean = mean_of(&errors);
				if (inside < 0.92 || inside > 0.999 || fabs(mean) > 4.5 / sqrt(errors.n))
					fail_msg("dim %d bits %d kind %d: mean %.3f deviations, %.3f inside the bound",
							 dim, all_bits[b], kind, mean, inside);
			}
		}
		free(rotated);
		free(q);
		free(c);
		free(o);
	}
}

/* The same on real embeddings: triples of rows near each other and far. */
static void
test_estimate_real(void **state)
{
	const char *places[] = {getenv("VECSTORE_DATA"), "../shared/data", "../../../shared/data"};
	FILE	   *file = NULL;
	int32_t		dim = 0;
	float	   *rows;
	int			n = 0;
	VsRotation *rotation;
	int			padded;

	(void) state;
	for (int p = 0; p < 3 && file == NULL; p++)
	{
		char		path[1024];

		if (places[p] == NULL)
			continue;
		snprintf(path, sizeof(path), "%s/minilm384/base.fvecs", places[p]);
		file = fopen(path, "rb");
	}
	if (file == NULL)
	{
		print_message("no minilm384/base.fvecs (VECSTORE_DATA): skipped\n");
		skip();
	}
	rotation = new_rotation(384, 11);
	padded = vs_rotation_padded(384);
	rows = new_floats(2000 * padded);
	while (n < 2000 && fread(&dim, 4, 1, file) == 1)
	{
		float		row[384];

		assert_int_equal(dim, 384);
		assert_int_equal(fread(row, sizeof(float), 384, file), 384);
		vs_rotate(rotation, row, rows + n++ * padded);
	}
	fclose(file);
	assert_int_equal(n, 2000);
	for (int b = 0; b < 3; b++)
	{
		Errors		errors = {0, 0.0, 0.0, 0};
		double		inside;

		for (int trial = 0; trial < 20000; trial++)
		{
			int			o = (int) (uniform() * n);
			int			c = (int) (uniform() * n);
			int			q = (int) (uniform() * n);

			/* Half of the time the centre is among the nearest of a sample. */
			for (int i = 0; i < 30 && trial % 2 == 0; i++)
			{
				int			other = (int) (uniform() * n);

				if (other != o && l2_squared(rows + other * padded, rows + o * padded, padded) <
					l2_squared(rows + c * padded, rows + o * padded, padded))
					c = other;
			}
			if (l2_squared(rows + c * padded, rows + o * padded, padded) > 0.0 &&
				l2_squared(rows + c * padded, rows + q * padded, padded) > 0.0)
				one_estimate(VS_RANK_L2, all_bits[b], padded, rows + o * padded,
							 rows + c * padded, rows + q * padded, &errors);
		}
		inside = inside_of(&errors);
		if (inside < 0.90 || fabs(mean_of(&errors)) > 0.1)
			fail_msg("bits %d: mean %.3f deviations, %.3f inside the bound",
					 all_bits[b], mean_of(&errors), inside);
	}
	free(rows);
	free(rotation);
}

/*
 * One estimate through a code of the first coordinates alone, relative to the origin.
 */
static void
one_estimate_of_first(int bits, int padded, int coded, const float *o, const float *q,
					  Errors *errors)
{
	float	   *nowhere = new_floats(padded);
	uint8_t    *code = malloc(vs_rabitq_code_bytes(coded, bits));
	VsRabitqQuery *query = new_query_of_first(bits, padded, coded, q);
	VsBytes    *vector = new_bytes(padded, o);
	VsBytes    *origin;
	VsRabitqFactors factors;
	float		rank;

	assert_non_null(code);
	memset(nowhere, 0, padded * sizeof(float));
	origin = new_bytes(padded, nowhere);
	factors = vs_rabitq_encode_bytes(VS_RANK_L2, bits, coded, vector, origin, code);
	vs_rabitq_estimate_each(query, (float) dot(q, q, padded), &factors, code, 1, &rank);
	add_error(errors, rank - l2_squared(q, o, padded),
			  vs_rabitq_error(query, factors.rescale, (float) sqrt(dot(q, q, padded))));
	free(origin);
	free(vector);
	free(query);
	free(code);
	free(nowhere);
}

/*
 * Where the last coordinates are left out there is no bias either, though the vectors
 * have much in common: it would be the share of what was left out.
 */
static void
test_estimate_of_first(void **state)
{
	static const int dims[][2] = {{512, 448}, {1024, 960}};

	(void) state;
	for (size_t k = 0; k < sizeof(dims) / sizeof(dims[0]); k++)
	{
		int			dim = dims[k][0];
		float	   *o = random_vector(dim, 1.0, 1.0);
		float	   *q = random_vector(dim, 1.0, 1.0);
		float	   *rotated = new_floats(2 * dim);

		for (int b = 0; b < 3; b++)
		{
			Errors		errors = {0, 0.0, 0.0, 0};
			double		inside;
			double		mean;

			for (int trial = 0; trial < 1500; trial++)
			{
				turn(trial, dim, (const float *[]) {o, q}, 2, rotated);
				one_estimate_of_first(all_bits[b], dim, dims[k][1], rotated, rotated + dim, &errors);
			}
			inside = inside_of(&errors);
			mean = mean_of(&errors);
			if (fabs(mean) > 4.5 * sqrt(errors.square) / errors.n ||
				(all_bits[b] == 1 && inside < 0.92))
				fail_msg("%d of %d coordinates, bits %d: mean %.3f deviations, %.3f inside the bound",
						 dims[k][1], dim, all_bits[b], mean, inside);
		}
		free(rotated);
		free(q);
		free(o);
	}
}

/* More bits, smaller error: about half with 2, a tenth with 4. */
static void
test_more_bits_better(void **state)
{
	double		rms[3];

	(void) state;
	for (int b = 0; b < 3; b++)
	{
		double		square = 0.0;

		for (int trial = 0; trial < 500; trial++)
		{
			float	   *o = random_vector(256, 1.0, 0.0);
			float	   *c = random_vector(256, 1.0, 0.0);
			float	   *q = random_vector(256, 1.0, 0.0);
			uint8_t		code[256];
			VsRabitqQuery *query = new_query(all_bits[b], 256, q);
			VsRabitqFactors f = vs_rabitq_encode(VS_RANK_L2, all_bits[b], 256, o, c, code);
			VsRabitqPacked packed;
			float		rank;
			double		error;

			assert_true(vs_rabitq_pack(f, 32.0f, &packed));
			vs_rabitq_estimate(query, (float) l2_squared(q, c, 256), 1.0f, 32.0f, &packed, code, 1, &rank);
			error = rank / l2_squared(q, o, 256) - 1.0;
			square += error * error;
			free(query);
			free(q);
			free(c);
			free(o);
		}
		rms[b] = sqrt(square / 500);
	}
	assert_true(rms[1] < 0.62 * rms[0]);
	assert_true(rms[2] < 0.20 * rms[0]);
}

/* Equal vectors, zero vectors, tiny and huge ones: no NaN, no crash. */
static void
test_rabitq_corners(void **state)
{
	static const float sizes[] = {0.0f, 1e-44f, 1e-30f, 1.0f, 1e15f, 1e30f, 3e38f};

	(void) state;
	for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
	{
		for (int b = 0; b < 3; b++)
		{
			float		o[16];
			float		c[16];
			uint8_t		code[8];
			VsRabitqQuery *query;
			VsRabitqFactors f;
			VsRabitqPacked packed;
			float		unit;
			float		rank;

			for (int i = 0; i < 16; i++)
			{
				o[i] = sizes[s];
				c[i] = sizes[s];
			}
			query = new_query(all_bits[b], 16, o);
			f = vs_rabitq_encode(VS_RANK_L2, all_bits[b], 16, o, c, code);
			assert_true(f.add == 0.0f && f.rescale == 0.0f);
			o[3] = -o[3];
			f = vs_rabitq_encode(VS_RANK_L2, all_bits[b], 16, o, c, code);
			unit = vs_rabitq_unit((float) l2_squared(o, c, 16));
			assert_true(unit > 0.0f && isfinite(unit));
			(void) vs_rabitq_pack(f, unit, &packed);
			vs_rabitq_estimate(query, 0.0f, 1.0f, unit, &packed, code, 1, &rank);
			assert_false(isnan(rank));
			free(query);
		}
	}
}

/* Factors that do not fit a unit are refused, and fit a larger one. */
static void
test_pack_refuses(void **state)
{
	VsRabitqFactors f = {1e9f, -30.0f};
	VsRabitqFactors back;
	VsRabitqPacked packed;

	(void) state;
	assert_false(vs_rabitq_pack(f, 1.0f, &packed));
	assert_true(vs_rabitq_pack(f, vs_rabitq_unit(1e9f), &packed));
	back = vs_rabitq_unpack(packed, vs_rabitq_unit(1e9f));
	assert_true(fabsf(back.add / f.add - 1.0f) < 0.001f);
	assert_true(fabsf(back.rescale / f.rescale - 1.0f) < 0.001f);
}

/* Scalar codes: error bounds, and distances equal those to the decoded vector. */
static void
test_scalar(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);

		for (int bits = 4; bits <= 8; bits += 4)
		{
			float	   *v = random_vector(padded, 2.0, 0.0);
			float	   *q = random_vector(padded, 2.0, 0.0);
			float	   *back = new_floats(padded);
			uint8_t    *code = malloc(vs_scalar_bytes(padded, bits) + 1);
			double		relative;
			double		l2;
			double		ip;

			assert_non_null(code);
			assert_int_equal(vs_scalar_bytes(padded, bits), 4 + padded * bits / 8);
			code[vs_scalar_bytes(padded, bits)] = 0x5A;
			vs_scalar_encode(bits, padded, v, code);
			assert_int_equal(code[vs_scalar_bytes(padded, bits)], 0x5A);
			vs_scalar_decode(bits, padded, code, back);
			relative = sqrt(l2_squared(v, back, padded) / dot(v, v, padded));
			if (relative > (bits == 8 ? 0.015 : padded < 128 ? 0.25 : 0.13))
				fail_msg("dim %d bits %d: relative error %.4f", all_dims[k], bits, relative);
			if (bits == 8)
			{
				float		step;

				memcpy(&step, code, sizeof(step));
				for (int i = 0; i < padded; i++)
					assert_true(fabsf(v[i] - back[i]) <= 0.5001f * step);
			}
			l2 = l2_squared(q, back, padded);
			ip = dot(q, back, padded);
			for (int s = 0; s < N_ISAS; s++)
			{
				if (!vs_isa_available(all_isas[s]))
					continue;
				vs_isa_force(all_isas[s]);
				assert_true(fabs(vs_scalar_l2(bits, padded, q, code) / l2 - 1.0) < 1e-5);
				assert_true(fabs(vs_scalar_ip(bits, padded, q, code) - ip) <
							1e-5 * sqrt(dot(q, q, padded) * dot(back, back, padded)));
			}
			vs_isa_force(VS_ISA_AUTO);
			free(code);
			free(back);
			free(q);
			free(v);
		}
	}
}

/* A decoded 8-bit vector encodes to itself; zero and one-coordinate vectors work. */
static void
test_scalar_round_trip(void **state)
{
	(void) state;
	for (int k = 0; k < N_DIMS; k++)
	{
		int			padded = vs_rotation_padded(all_dims[k]);
		size_t		bytes = vs_scalar_bytes(padded, 8);
		float	   *v = random_vector(padded, 5.0, 0.0);
		uint8_t    *one = malloc(bytes);
		uint8_t    *two = malloc(bytes);

		assert_non_null(one);
		assert_non_null(two);
		vs_scalar_encode(8, padded, v, one);
		vs_scalar_decode(8, padded, one, v);
		vs_scalar_encode(8, padded, v, two);
		assert_memory_equal(one + 4, two + 4, bytes - 4);
		for (int bits = 4; bits <= 8; bits += 4)
		{
			memset(v, 0, sizeof(float) * padded);
			vs_scalar_encode(bits, padded, v, one);
			vs_scalar_decode(bits, padded, one, v);
			for (int i = 0; i < padded; i++)
				assert_true(v[i] == 0.0f);
			v[padded - 1] = 3e38f;
			vs_scalar_encode(bits, padded, v, one);
			vs_scalar_decode(bits, padded, one, v);
			for (int i = 0; i < padded; i++)
				assert_true(isfinite(v[i]));
			/* Four bits have no level for 0, so a lone peak is not theirs. */
			if (bits == 8)
				assert_true(v[padded - 1] > 2.9e38f);
		}
		free(two);
		free(one);
		free(v);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_half, seed_random),
		cmocka_unit_test_setup(test_rotation_orthonormal, seed_random),
		cmocka_unit_test_setup(test_rotation_isometry, seed_random),
		cmocka_unit_test_setup(test_rotation_spreads, seed_random),
		cmocka_unit_test_setup(test_rotation_same_bits, seed_random),
		cmocka_unit_test_setup(test_bytes_round_trip, seed_random),
		cmocka_unit_test_setup(test_bytes_ranks, seed_random),
		cmocka_unit_test_setup(test_bytes_identical, seed_random),
		cmocka_unit_test_setup(test_bytes_corners, seed_random),
		cmocka_unit_test_setup(test_bytes_not_finite, seed_random),
		cmocka_unit_test_setup(test_bytes_no_overflow, seed_random),
		cmocka_unit_test_setup(test_bytes_error, seed_random),
		cmocka_unit_test_setup(test_encode_bytes, seed_random),
		cmocka_unit_test_setup(test_query_layout, seed_random),
		cmocka_unit_test_setup(test_estimate_matches_layout, seed_random),
		cmocka_unit_test_setup(test_estimate_halves, seed_random),
		cmocka_unit_test_setup(test_no_overflow, seed_random),
		cmocka_unit_test_setup(test_estimate_unbiased, seed_random),
		cmocka_unit_test_setup(test_estimate_real, seed_random),
		cmocka_unit_test_setup(test_estimate_of_first, seed_random),
		cmocka_unit_test_setup(test_more_bits_better, seed_random),
		cmocka_unit_test_setup(test_rabitq_corners, seed_random),
		cmocka_unit_test_setup(test_pack_refuses, seed_random),
		cmocka_unit_test_setup(test_scalar, seed_random),
		cmocka_unit_test_setup(test_scalar_round_trip, seed_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
