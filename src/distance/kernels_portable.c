/*
 * kernels_portable.c
 *		Lanes by the vector extensions of GCC and Clang: 4 floats, 2 doubles.
 *
 * The compiler makes of them what every processor of the architecture has
 * (SSE2 on x86-64), and scalars where there is nothing.
 */
#include <stdint.h>
#include <string.h>

#include "distance/kernels.h"

typedef float f_Vec __attribute__((vector_size(16)));
typedef int32_t f_Bits __attribute__((vector_size(16)));

#define f_LANES 4

VS_INLINE f_Vec
f_load_tail(const float *p, int n)
{
	f_Vec		v = {0};

	memcpy(&v, p, sizeof(float) * (size_t) n);
	return v;
}

VS_INLINE f_Vec
f_load(const float *p)
{
	return f_load_tail(p, f_LANES);
}

VS_INLINE f_Vec
f_fma(f_Vec a, f_Vec b, f_Vec c)
{
	return a * b + c;
}

VS_INLINE f_Vec
f_abs(f_Vec a)
{
	return (f_Vec) ((f_Bits) a & INT32_MAX);
}

/* a where the bits of mask are set, b elsewhere. */
VS_INLINE f_Vec
f_select(f_Bits mask, f_Vec a, f_Vec b)
{
	return (f_Vec) (((f_Bits) a & mask) | ((f_Bits) b & ~mask));
}

VS_INLINE f_Vec
f_min(f_Vec a, f_Vec b)
{
	return f_select(a < b, a, b);
}

VS_INLINE f_Vec
f_max(f_Vec a, f_Vec b)
{
	return f_select(a > b, a, b);
}

VS_INLINE f_Vec
f_count_ne(f_Vec c, f_Vec a, f_Vec b)
{
	f_Vec		one = {1.0f, 1.0f, 1.0f, 1.0f};

	return c + (f_Vec) ((f_Bits) one & (a != b));
}

VS_INLINE f_Vec
f_one_if_zero(f_Vec a)
{
	f_Vec		zero = {0};
	f_Vec		one = {1.0f, 1.0f, 1.0f, 1.0f};

	return f_select(a == zero, one, a);
}

VS_INLINE float
f_sum(f_Vec a)
{
	return (a[0] + a[1]) + (a[2] + a[3]);
}

VS_INLINE float
f_top(f_Vec a)
{
	float		x = a[0] > a[1] ? a[0] : a[1];
	float		y = a[2] > a[3] ? a[2] : a[3];

	return x > y ? x : y;
}

typedef double d_Vec __attribute__((vector_size(16)));
typedef int64_t d_Bits __attribute__((vector_size(16)));

#define d_LANES 2

VS_INLINE d_Vec
d_load(const float *p)
{
	return (d_Vec) {p[0], p[1]};
}

/* The only tail of two lanes is one float. */
VS_INLINE d_Vec
d_load_tail(const float *p, int n)
{
	(void) n;
	return (d_Vec) {p[0], 0.0};
}

VS_INLINE d_Vec
d_fma(d_Vec a, d_Vec b, d_Vec c)
{
	return a * b + c;
}

VS_INLINE d_Vec
d_abs(d_Vec a)
{
	return (d_Vec) ((d_Bits) a & INT64_MAX);
}

/* a where the bits of mask are set, b elsewhere. */
VS_INLINE d_Vec
d_select(d_Bits mask, d_Vec a, d_Vec b)
{
	return (d_Vec) (((d_Bits) a & mask) | ((d_Bits) b & ~mask));
}

VS_INLINE d_Vec
d_max(d_Vec a, d_Vec b)
{
	return d_select(a > b, a, b);
}

VS_INLINE d_Vec
d_one_if_zero(d_Vec a)
{
	d_Vec		zero = {0};
	d_Vec		one = {1.0, 1.0};

	return d_select(a == zero, one, a);
}

VS_INLINE double
d_sum(d_Vec a)
{
	return a[0] + a[1];
}

VS_INLINE double
d_top(d_Vec a)
{
	return a[0] > a[1] ? a[0] : a[1];
}

#define VS_KERNELS vs_kernels_portable
#include "distance/kernels_body.h"
