/*
 * kernels_avx512.c
 *		Lanes of AVX-512: 16 floats, 8 doubles; tails by masked loads, which
 *		read nothing outside the mask.
 *
 * Compiled with -mavx512f -mavx512bw -mavx512vl -mavx512dq; without these the
 * build has no AVX-512 kernels.
 */
#include <stddef.h>

#include "distance/kernels.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)

#include <immintrin.h>

typedef __m512 f_Vec;

#define f_LANES 16

VS_INLINE f_Vec
f_load(const float *p)
{
	return _mm512_loadu_ps(p);
}

VS_INLINE f_Vec
f_load_tail(const float *p, int n)
{
	return _mm512_maskz_loadu_ps((__mmask16) ((1U << n) - 1), p);
}

VS_INLINE f_Vec
f_fma(f_Vec a, f_Vec b, f_Vec c)
{
	return _mm512_fmadd_ps(a, b, c);
}

VS_INLINE f_Vec
f_abs(f_Vec a)
{
	return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}

VS_INLINE f_Vec
f_min(f_Vec a, f_Vec b)
{
	return _mm512_min_ps(a, b);
}

VS_INLINE f_Vec
f_max(f_Vec a, f_Vec b)
{
	return _mm512_max_ps(a, b);
}

VS_INLINE f_Vec
f_count_ne(f_Vec c, f_Vec a, f_Vec b)
{
	return _mm512_mask_add_ps(c, _mm512_cmp_ps_mask(a, b, _CMP_NEQ_UQ), c, _mm512_set1_ps(1.0f));
}

VS_INLINE f_Vec
f_one_if_zero(f_Vec a)
{
	return _mm512_mask_mov_ps(a, _mm512_cmp_ps_mask(a, _mm512_setzero_ps(), _CMP_EQ_OQ),
							  _mm512_set1_ps(1.0f));
}

VS_INLINE float
f_sum(f_Vec a)
{
	return _mm512_reduce_add_ps(a);
}

VS_INLINE float
f_top(f_Vec a)
{
	return _mm512_reduce_max_ps(a);
}

typedef __m512d d_Vec;

#define d_LANES 8

VS_INLINE d_Vec
d_load(const float *p)
{
	return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}

VS_INLINE d_Vec
d_load_tail(const float *p, int n)
{
	return _mm512_cvtps_pd(_mm256_maskz_loadu_ps((__mmask8) ((1U << n) - 1), p));
}

VS_INLINE d_Vec
d_fma(d_Vec a, d_Vec b, d_Vec c)
{
	return _mm512_fmadd_pd(a, b, c);
}

VS_INLINE d_Vec
d_abs(d_Vec a)
{
	return _mm512_andnot_pd(_mm512_set1_pd(-0.0), a);
}

VS_INLINE d_Vec
d_max(d_Vec a, d_Vec b)
{
	return _mm512_max_pd(a, b);
}

VS_INLINE d_Vec
d_one_if_zero(d_Vec a)
{
	return _mm512_mask_mov_pd(a, _mm512_cmp_pd_mask(a, _mm512_setzero_pd(), _CMP_EQ_OQ),
							  _mm512_set1_pd(1.0));
}

VS_INLINE double
d_sum(d_Vec a)
{
	return _mm512_reduce_add_pd(a);
}

VS_INLINE double
d_top(d_Vec a)
{
	return _mm512_reduce_max_pd(a);
}

#define VS_KERNELS vs_kernels_avx512
#include "distance/kernels_body.h"

#else

const VsKernels *const vs_kernels_avx512 = NULL;

#endif
