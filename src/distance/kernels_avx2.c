/*
 * kernels_avx2.c
 *		Lanes of AVX2 with FMA: 8 floats, 4 doubles; tails by masked loads,
 *		which read nothing outside the mask.
 *
 * Compiled with -mavx2 -mfma; without these the build has no AVX2 kernels.
 */
#include <stddef.h>

#include "distance/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

/* n lanes of all ones from an offset of 8 - n. */
static const int tail_mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

typedef __m256 f_Vec;

#define f_LANES 8

VS_INLINE f_Vec
f_load(const float *p)
{
	return _mm256_loadu_ps(p);
}

VS_INLINE f_Vec
f_load_tail(const float *p, int n)
{
	return _mm256_maskload_ps(p, _mm256_loadu_si256((const __m256i *) (tail_mask + 8 - n)));
}

VS_INLINE f_Vec
f_fma(f_Vec a, f_Vec b, f_Vec c)
{
	return _mm256_fmadd_ps(a, b, c);
}

VS_INLINE f_Vec
f_abs(f_Vec a)
{
	return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

VS_INLINE f_Vec
f_min(f_Vec a, f_Vec b)
{
	return _mm256_min_ps(a, b);
}

VS_INLINE f_Vec
f_max(f_Vec a, f_Vec b)
{
	return _mm256_max_ps(a, b);
}

VS_INLINE f_Vec
f_count_ne(f_Vec c, f_Vec a, f_Vec b)
{
	return c + _mm256_and_ps(_mm256_cmp_ps(a, b, _CMP_NEQ_UQ), _mm256_set1_ps(1.0f));
}

VS_INLINE f_Vec
f_one_if_zero(f_Vec a)
{
	return _mm256_or_ps(a, _mm256_and_ps(_mm256_cmp_ps(a, _mm256_setzero_ps(), _CMP_EQ_OQ),
										 _mm256_set1_ps(1.0f)));
}

VS_INLINE float
f_sum(f_Vec a)
{
	__m128		h = _mm256_castps256_ps128(a) + _mm256_extractf128_ps(a, 1);

	h = h + _mm_movehl_ps(h, h);
	return _mm_cvtss_f32(_mm_add_ss(h, _mm_movehdup_ps(h)));
}

VS_INLINE float
f_top(f_Vec a)
{
	__m128		h = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));

	h = _mm_max_ps(h, _mm_movehl_ps(h, h));
	return _mm_cvtss_f32(_mm_max_ss(h, _mm_movehdup_ps(h)));
}

typedef __m256d d_Vec;

#define d_LANES 4

VS_INLINE d_Vec
d_load(const float *p)
{
	return _mm256_cvtps_pd(_mm_loadu_ps(p));
}

VS_INLINE d_Vec
d_load_tail(const float *p, int n)
{
	return _mm256_cvtps_pd(_mm_maskload_ps(p, _mm_loadu_si128((const __m128i *) (tail_mask + 8 - n))));
}

VS_INLINE d_Vec
d_fma(d_Vec a, d_Vec b, d_Vec c)
{
	return _mm256_fmadd_pd(a, b, c);
}

VS_INLINE d_Vec
d_abs(d_Vec a)
{
	return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a);
}

VS_INLINE d_Vec
d_max(d_Vec a, d_Vec b)
{
	return _mm256_max_pd(a, b);
}

VS_INLINE d_Vec
d_one_if_zero(d_Vec a)
{
	return _mm256_or_pd(a, _mm256_and_pd(_mm256_cmp_pd(a, _mm256_setzero_pd(), _CMP_EQ_OQ),
										 _mm256_set1_pd(1.0)));
}

VS_INLINE double
d_sum(d_Vec a)
{
	__m128d		h = _mm256_castpd256_pd128(a) + _mm256_extractf128_pd(a, 1);

	return _mm_cvtsd_f64(_mm_add_sd(h, _mm_unpackhi_pd(h, h)));
}

VS_INLINE double
d_top(d_Vec a)
{
	__m128d		h = _mm_max_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));

	return _mm_cvtsd_f64(_mm_max_sd(h, _mm_unpackhi_pd(h, h)));
}

#define VS_KERNELS vs_kernels_avx2
#include "distance/kernels_body.h"

#else

const VsKernels *const vs_kernels_avx2 = NULL;

#endif
