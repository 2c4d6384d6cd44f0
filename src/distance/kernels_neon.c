/*
 * kernels_neon.c
 *		Lanes of 64-bit ARM's NEON: 4 floats, 2 doubles; tails through a
 *		zeroed array, since NEON has no masked loads.
 *
 * 32-bit ARM has no doubles in its lanes and uses the portable kernels.
 */
#include <stddef.h>
#include <string.h>

#include "distance/kernels.h"

#if defined(__aarch64__) && defined(__ARM_NEON)

#include <arm_neon.h>

typedef float32x4_t f_Vec;

#define f_LANES 4

VS_INLINE f_Vec
f_load(const float *p)
{
	return vld1q_f32(p);
}

VS_INLINE f_Vec
f_load_tail(const float *p, int n)
{
	float		x[f_LANES] = {0};

	memcpy(x, p, sizeof(float) * (size_t) n);
	return vld1q_f32(x);
}

VS_INLINE f_Vec
f_fma(f_Vec a, f_Vec b, f_Vec c)
{
	return vfmaq_f32(c, a, b);
}

VS_INLINE f_Vec
f_abs(f_Vec a)
{
	return vabsq_f32(a);
}

VS_INLINE f_Vec
f_min(f_Vec a, f_Vec b)
{
	return vminq_f32(a, b);
}

VS_INLINE f_Vec
f_max(f_Vec a, f_Vec b)
{
	return vmaxq_f32(a, b);
}

VS_INLINE f_Vec
f_count_ne(f_Vec c, f_Vec a, f_Vec b)
{
	return vaddq_f32(c, vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(vdupq_n_f32(1.0f)),
														vceqq_f32(a, b))));
}

VS_INLINE f_Vec
f_one_if_zero(f_Vec a)
{
	return vbslq_f32(vceqzq_f32(a), vdupq_n_f32(1.0f), a);
}

VS_INLINE float
f_sum(f_Vec a)
{
	return vaddvq_f32(a);
}

VS_INLINE float
f_top(f_Vec a)
{
	return vmaxvq_f32(a);
}

typedef float64x2_t d_Vec;

#define d_LANES 2

VS_INLINE d_Vec
d_load(const float *p)
{
	return vcvt_f64_f32(vld1_f32(p));
}

/* The only tail of two lanes is one float. */
VS_INLINE d_Vec
d_load_tail(const float *p, int n)
{
	(void) n;
	return vsetq_lane_f64((double) *p, vdupq_n_f64(0.0), 0);
}

VS_INLINE d_Vec
d_fma(d_Vec a, d_Vec b, d_Vec c)
{
	return vfmaq_f64(c, a, b);
}

VS_INLINE d_Vec
d_abs(d_Vec a)
{
	return vabsq_f64(a);
}

VS_INLINE d_Vec
d_max(d_Vec a, d_Vec b)
{
	return vmaxq_f64(a, b);
}

VS_INLINE d_Vec
d_one_if_zero(d_Vec a)
{
	return vbslq_f64(vceqzq_f64(a), vdupq_n_f64(1.0), a);
}

VS_INLINE double
d_sum(d_Vec a)
{
	return vaddvq_f64(a);
}

VS_INLINE double
d_top(d_Vec a)
{
	return vmaxvq_f64(a);
}

#define VS_KERNELS vs_kernels_neon
#include "distance/kernels_body.h"

#else

const VsKernels *const vs_kernels_neon = NULL;

#endif
