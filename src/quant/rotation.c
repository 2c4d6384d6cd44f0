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
 * lets the compiler fuse a multiplication with an addition, and the levels of a
 * transform come in the same order everywhere, so that every processor gets the
 * same bits.
 */
#include "quant/rotation.h"

#include <math.h>
#include <string.h>

#include "quant/simd.h"

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
flip_signs_portable(float *v, const uint16_t *signs, int n)
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
VS_INLINE void
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

/* The factor that makes a transform of n floats orthonormal. */
static float
hadamard_scale(int n)
{
	return (float) (1.0 / sqrt((double) n));
}

/* Walsh-Hadamard transform of n (a power of two >= 16) floats, orthonormal. */
VS_INLINE void
hadamard_portable(float *v, int n)
{
	float		scale = hadamard_scale(n);

	butterflies(v, n, 1);
	butterflies(v, n, 2);
	butterflies(v, n, 4);
	butterflies(v, n, 8);
	for (int half = 16; half < n; half *= 2)
		butterflies(v, n, half);
	for (int i = 0; i < n; i++)
		v[i] *= scale;
}

#ifdef VS_X86

/* Flip signs: each float's bit is shifted to where its sign is. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE void
flip_signs_avx2(float *v, const uint16_t *signs, int n)
{
	const __m256i place = _mm256_setr_epi32(31, 30, 29, 28, 27, 26, 25, 24);
	const __m256 sign = _mm256_set1_ps(-0.0f);

	for (int i = 0; i < n; i += 8)
	{
		__m256i		bits = _mm256_set1_epi32(signs[i / 16] >> (i & 8));
		__m256		placed = _mm256_castsi256_ps(_mm256_sllv_epi32(bits, place));

		_mm256_storeu_ps(v + i, _mm256_xor_ps(_mm256_loadu_ps(v + i),
											  _mm256_and_ps(placed, sign)));
	}
}

/*
 * The butterflies at distances 1, 2 and 4 of eight floats.  With the floats of
 * each pair swapped, a + b is a sum of the two registers, and a - b is one where
 * b's sign is flipped.
 */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256
transform_eight(__m256 v)
{
	const __m256 second1 = _mm256_setr_ps(0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f);
	const __m256 second2 = _mm256_setr_ps(0.0f, 0.0f, -0.0f, -0.0f, 0.0f, 0.0f, -0.0f, -0.0f);
	const __m256 second4 = _mm256_setr_ps(0.0f, 0.0f, 0.0f, 0.0f, -0.0f, -0.0f, -0.0f, -0.0f);

	v = _mm256_add_ps(_mm256_permute_ps(v, 0xB1), _mm256_xor_ps(v, second1));
	v = _mm256_add_ps(_mm256_permute_ps(v, 0x4E), _mm256_xor_ps(v, second2));
	return _mm256_add_ps(_mm256_permute2f128_ps(v, v, 1), _mm256_xor_ps(v, second4));
}

/*
 * The butterflies between so many (2, 4 or 8) runs of eight floats, the first of
 * which lie stride floats apart, and a factor.  With inner also those within a run,
 * which come before.
 */
VS_TARGET_AVX2_SAME_BITS VS_INLINE void
transform_runs(float *v, int runs, int stride, bool inner, float factor)
{
	__m256		run[8];

	for (int k = 0; k < runs; k++)
	{
		run[k] = _mm256_loadu_ps(v + k * stride);
		if (inner)
			run[k] = transform_eight(run[k]);
	}
	for (int half = 1; half < runs; half *= 2)
	{
		for (int k = 0; k < runs; k++)
		{
			__m256		a = run[k];

			if ((k & half) != 0)
				continue;
			run[k] = _mm256_add_ps(a, run[k + half]);
			run[k + half] = _mm256_sub_ps(a, run[k + half]);
		}
	}
	for (int k = 0; k < runs; k++)
		_mm256_storeu_ps(v + k * stride, _mm256_mul_ps(run[k], _mm256_set1_ps(factor)));
}

/* The same between runs of stride floats, over all n. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE void
transform_level(float *v, int n, int runs, int stride, float factor)
{
	for (int start = 0; start < n; start += runs * stride)
	{
		for (int i = start; i < start + stride; i += 8)
			transform_runs(v + i, runs, stride, false, factor);
	}
}

/*
 * Up to three levels of butterflies each time the floats are loaded; the last
 * time, the factor: 1 before that, which changes nothing.
 */
VS_TARGET_AVX2_SAME_BITS VS_INLINE void
hadamard_avx2(float *v, int n)
{
	float		scale = hadamard_scale(n);
	int			stride = 64;

	if (n < stride)
	{
		hadamard_portable(v, n);
		return;
	}
	for (int i = 0; i < n; i += stride)
		transform_runs(v + i, 8, 8, true, n == stride ? scale : 1.0f);
	for (; stride * 8 <= n; stride *= 8)
		transform_level(v, n, 8, stride, stride * 8 == n ? scale : 1.0f);
	if (stride * 4 == n)
		transform_level(v, n, 4, stride, scale);
	else if (stride * 2 == n)
		transform_level(v, n, 2, stride, scale);
}

#endif							/* VS_X86 */

/* Turn coordinates i and i + n/2 by 45 degrees. */
VS_INLINE void
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

/* Define all rounds for one instruction set. */
#define ROUNDS(suffix, target) \
	target static void \
	rounds_##suffix(const VsRotation *rotation, float *v) \
	{ \
		int			n = rotation->padded; \
		int			window = rotation->window; \
		for (int round = 0; round < VS_ROTATION_ROUNDS; round++) \
		{ \
			flip_signs_##suffix(v, rotation->signs + round * (n / 16), n); \
			hadamard_##suffix(v + (round % 2 == 0 ? 0 : n - window), window); \
			if (window < n) \
				fold(v, n); \
		} \
	}

ROUNDS(portable, )
#ifdef VS_X86
ROUNDS(avx2, VS_TARGET_AVX2_SAME_BITS)
#endif

/* Rotate dim floats of src into padded floats of dst (not the same array). */
void
vs_rotate(const VsRotation *rotation, const float *src, float *dst)
{
	memcpy(dst, src, sizeof(float) * rotation->dim);
	for (int i = rotation->dim; i < rotation->padded; i++)
		dst[i] = 0.0f;
#ifdef VS_X86
	if (vs_isa_has_avx2())
	{
		rounds_avx2(rotation, dst);
		return;
	}
#endif
	rounds_portable(rotation, dst);
}
