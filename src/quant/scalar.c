/*
 * scalar.c
 *		8-bit and 4-bit codes of rotated vectors.
 *
 * 8 bits: signed bytes -127 .. 127, the step fits the largest coordinate.
 *
 * 4 bits: levels u = 0 .. 15 that stand for u - 7.5.  Of two widths, the best
 * for Gaussian coordinates and the one that reaches the largest, the one with
 * the smaller error is taken; then the step that fits the chosen levels best.
 * A block of 16 coordinates takes 8 bytes: byte j holds coordinate j in its
 * low and coordinate j + 8 in its high half.
 */
#include "quant/scalar.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "quant/simd.h"

#define HALF_BLOCK (VS_LANES / 2)

/* Width of a 4-bit level in standard deviations of a Gaussian (Max, 1960). */
#define GAUSSIAN_WIDTH 0.3352f

/* Largest absolute coordinate. */
static float
largest_coordinate(int padded, const float *vector)
{
	float		largest = 0.0f;

	for (int i = 0; i < padded; i++)
		largest = fmaxf(largest, fabsf(vector[i]));
	return largest;
}

/* 1/x for the levels, 0 where it would overflow. */
static float
inverse_or_zero(float x)
{
	float		inverse = x > 0.0f ? 1.0f / x : 0.0f;

	return isfinite(inverse) ? inverse : 0.0f;
}

/* The 4-bit level of a coordinate. */
static inline int
nibble(float x, float inverse)
{
	float		level = floorf(x * inverse + 8.0f);

	return level < 0.0f ? 0 : level > 15.0f ? 15 : (int) level;
}

/*
 * The step that fits the levels of a width best (least squares), and the
 * error left, relative to a constant.
 */
static float
fit_nibbles(int padded, const float *vector, float width, float *error)
{
	float		inverse = inverse_or_zero(width);
	double		xl = 0.0;
	double		ll = 0.0;

	for (int i = 0; i < padded; i++)
	{
		double		level = nibble(vector[i], inverse) - 7.5;

		xl += vector[i] * level;
		ll += level * level;
	}
	*error = (float) (-xl * xl / ll);
	return (float) (xl / ll);
}

static void
encode_nibbles(int padded, const float *vector, uint8_t *code)
{
	double		square = 0.0;
	float		width[2];
	float		step[2];
	float		error[2];
	float		inverse;
	int			best;

	for (int i = 0; i < padded; i++)
		square += (double) vector[i] * vector[i];
	width[0] = GAUSSIAN_WIDTH * (float) sqrt(square / padded);
	width[1] = largest_coordinate(padded, vector) / 7.5f;
	for (int w = 0; w < 2; w++)
		step[w] = fit_nibbles(padded, vector, width[w], &error[w]);
	best = error[1] < error[0] ? 1 : 0;
	memcpy(code, &step[best], sizeof(float));
	code += sizeof(float);
	inverse = inverse_or_zero(width[best]);
	for (int i = 0; i < padded; i += VS_LANES)
	{
		for (int j = 0; j < HALF_BLOCK; j++)
			*code++ = (uint8_t) (nibble(vector[i + j], inverse) |
								 nibble(vector[i + j + HALF_BLOCK], inverse) << 4);
	}
}

static void
encode_bytes(int padded, const float *vector, uint8_t *code)
{
	float		step = largest_coordinate(padded, vector) / 127.0f;
	float		inverse = inverse_or_zero(step);

	memcpy(code, &step, sizeof(float));
	code += sizeof(float);
	for (int i = 0; i < padded; i++)
	{
		float		scaled = vector[i] * inverse;
		int			level = (int) (scaled + (scaled < 0.0f ? -0.5f : 0.5f));

		level = level > 127 ? 127 : level < -127 ? -127 : level;
		code[i] = (uint8_t) (int8_t) level;
	}
}

/* Encode a vector of padded floats. */
void
vs_scalar_encode(int bits, int padded, const float *vector, uint8_t *code)
{
	if (bits == 8)
		encode_bytes(padded, vector, code);
	else
		encode_nibbles(padded, vector, code);
}

/* Sixteen levels as floats. */
VS_INLINE void
load_levels(int bits, const uint8_t *levels, int i, float *out)
{
	if (bits == 8)
	{
		for (int l = 0; l < VS_LANES; l++)
			out[l] = (float) (int8_t) levels[i + l];
	}
	else
	{
		const uint8_t *block = levels + i / 2;

		for (int l = 0; l < HALF_BLOCK; l++)
			out[l] = (float) (block[l] & 15) - 7.5f;
		for (int l = 0; l < HALF_BLOCK; l++)
			out[l + HALF_BLOCK] = (float) (block[l] >> 4) - 7.5f;
	}
}

/* Sum over the coordinates of (q - step * level)^2, or of q * level. */
VS_INLINE float
scalar_sum(int bits, bool l2, int padded, const float *query, const uint8_t *code)
{
	float		sum[VS_LANES] = {0};
	float		step;

	memcpy(&step, code, sizeof(float));
	code += sizeof(float);
	for (int i = 0; i < padded; i += VS_LANES)
	{
		float		level[VS_LANES];

		load_levels(bits, code, i, level);
		for (int l = 0; l < VS_LANES; l++)
		{
			if (l2)
			{
				float		diff = query[i + l] - step * level[l];

				sum[l] += diff * diff;
			}
			else
				sum[l] += query[i + l] * level[l];
		}
	}
	return l2 ? vs_lanes_sum(sum) : step * vs_lanes_sum(sum);
}

VS_INLINE float
distance_body(int bits, bool l2, int padded, const float *query, const uint8_t *code)
{
	if (bits == 8)
		return l2 ? scalar_sum(8, true, padded, query, code) :
			scalar_sum(8, false, padded, query, code);
	return l2 ? scalar_sum(4, true, padded, query, code) :
		scalar_sum(4, false, padded, query, code);
}

VS_VARIANTS(float, distance,
			(int bits, bool l2, int padded, const float *query, const uint8_t *code),
			(bits, l2, padded, query, code))

/* The vector a code stands for. */
void
vs_scalar_decode(int bits, int padded, const uint8_t *code, float *vector)
{
	float		step;

	memcpy(&step, code, sizeof(float));
	code += sizeof(float);
	for (int i = 0; i < padded; i += VS_LANES)
	{
		load_levels(bits, code, i, vector + i);
		for (int l = 0; l < VS_LANES; l++)
			vector[i + l] *= step;
	}
}

/* Squared Euclidean distance between a query and the vector of a code. */
float
vs_scalar_l2(int bits, int padded, const float *query, const uint8_t *code)
{
	return distance(bits, true, padded, query, code);
}

/* Inner product of a query and the vector of a code. */
float
vs_scalar_ip(int bits, int padded, const float *query, const uint8_t *code)
{
	return distance(bits, false, padded, query, code);
}
