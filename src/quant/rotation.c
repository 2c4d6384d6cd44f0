/*
 * rotation.c
 *		A random rotation from sign flips, Hadamard transforms and a fold.
 *
 * One round is
 *
 *	1. flip the sign of random coordinates;
 *	2. a Walsh-Hadamard transform of a window whose length is the largest
 *	   power of two that fits: the first coordinates in even rounds, the last
 *	   ones in odd rounds, so that every coordinate is reached;
 *	3. where the window is not the whole vector, the fold: coordinates i and
 *	   i + padded/2 become (a+b)/sqrt(2) and (a-b)/sqrt(2).  Two windows may
 *	   overlap by as little as 16 coordinates; the fold spreads energy between
 *	   the halves nevertheless.
 *
 * Each step is orthogonal, hence so is the whole.  The transforms only add
 * and subtract; their common factor is applied after the window.  No step
 * lets the compiler fuse a multiplication with an addition, so that every
 * processor gets the same bits.
 */
#include "quant/rotation.h"

#include <math.h>
#include <string.h>

/* Next number of the splitmix64 sequence (public domain, S. Vigna). */
static uint64_t
next_random(uint64_t *state)
{
	uint64_t	z = (*state += 0x9E3779B97F4A7C15ULL);

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
	return z ^ (z >> 31);
}

/* Bytes the caller must allocate for vs_rotation_init. */
size_t
vs_rotation_size(int dim)
{
	return sizeof(VsRotation) +
		VS_ROTATION_ROUNDS * (size_t) vs_rotation_padded(dim) / 16 * sizeof(uint16_t);
}

/* Draw the rotation that belongs to a seed. */
void
vs_rotation_init(VsRotation *rotation, int dim, uint64_t seed)
{
	int			words = VS_ROTATION_ROUNDS * vs_rotation_padded(dim) / 16;

	rotation->dim = dim;
	rotation->padded = vs_rotation_padded(dim);
	rotation->window = 16;
	while (rotation->window * 2 <= rotation->padded)
		rotation->window *= 2;
	for (int i = 0; i < words; i++)
		rotation->signs[i] = (uint16_t) (next_random(&seed) >> 48);
}

/* Flip the sign of every coordinate whose bit is set. */
static void
flip_signs(float *v, const uint16_t *signs, int n)
{
	for (int block = 0; block < n / 16; block++)
	{
		for (int i = 0; i < 16; i++)
		{
			uint32_t	bits;

			memcpy(&bits, &v[block * 16 + i], sizeof(bits));
			bits ^= (uint32_t) (signs[block] >> i & 1) << 31;
			memcpy(&v[block * 16 + i], &bits, sizeof(bits));
		}
	}
}

/* One level of butterflies at a constant distance, which the compiler unrolls. */
static inline __attribute__((always_inline)) void
butterflies(float *v, int n, int half)
{
	for (int start = 0; start < n; start += 2 * half)
	{
		for (int i = start; i < start + half; i++)
		{
			float		a = v[i];
			float		b = v[i + half];

			v[i] = a + b;
			v[i + half] = a - b;
		}
	}
}

/* Walsh-Hadamard transform of n (a power of two >= 16) floats, orthonormal. */
static void
hadamard(float *v, int n)
{
	float		scale = (float) (1.0 / sqrt((double) n));

	butterflies(v, n, 1);
	butterflies(v, n, 2);
	butterflies(v, n, 4);
	butterflies(v, n, 8);
	for (int half = 16; half < n; half *= 2)
		butterflies(v, n, half);
	for (int i = 0; i < n; i++)
		v[i] *= scale;
}

/* Turn coordinates i and i + n/2 by 45 degrees. */
static void
fold(float *v, int n)
{
	const float c = 0.70710678118654752f;
	int			half = n / 2;

	for (int i = 0; i < half; i++)
	{
		float		a = v[i];
		float		b = v[i + half];

		v[i] = (a + b) * c;
		v[i + half] = (a - b) * c;
	}
}

/* Rotate dim floats of src into padded floats of dst (not the same array). */
void
vs_rotate(const VsRotation *rotation, const float *src, float *dst)
{
	int			n = rotation->padded;

	memcpy(dst, src, sizeof(float) * rotation->dim);
	for (int i = rotation->dim; i < n; i++)
		dst[i] = 0.0f;

	for (int round = 0; round < VS_ROTATION_ROUNDS; round++)
	{
		int			start = (round % 2 == 0) ? 0 : n - rotation->window;

		flip_signs(dst, rotation->signs + round * (n / 16), n);
		hadamard(dst + start, rotation->window);
		if (rotation->window < n)
			fold(dst, n);
	}
}
