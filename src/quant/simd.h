/*
 * simd.h
 *		One loop, several instruction sets: what the files of src/quant share.
 *		Pure C: no postgres.h here.
 *
 * A loop is written once as an always-inline function and instantiated by
 * VS_VARIANTS for every instruction set the compiler can vectorize it for.
 * Sums run in VS_LANES independent lanes, because the compiler may not
 * reorder a float sum by itself.
 */
#ifndef VECSTORE_QUANT_SIMD_H
#define VECSTORE_QUANT_SIMD_H

#include <stdbool.h>

#include "distance/distance.h"

/* Padded dimensions are a multiple of this. */
#define VS_LANES 16

#define VS_INLINE static inline __attribute__((always_inline))

#if (defined(__x86_64__) || defined(__i386__)) && defined(__GNUC__)
#define VS_X86 1
#include <immintrin.h>
#define VS_TARGET_AVX2 __attribute__((target("avx2,fma")))
#define VS_TARGET_AVX512 \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma")))
#define VS_TARGET_VNNI \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")))

/*
 * AVX2 whose results are bit for bit those of the portable code: without fma
 * the compiler cannot fuse a multiplication with an addition.
 */
#define VS_TARGET_AVX2_SAME_BITS __attribute__((target("avx2")))

/* Whether code for AVX2 may run; it serves where there is AVX-512, too. */
VS_INLINE bool
vs_isa_has_avx2(void)
{
	VsIsa		isa = vs_isa_current();

	return isa == VS_ISA_AVX2 || isa == VS_ISA_AVX512;
}

/*
 * Sums of four products each of two vectors of bytes, none of them -128.  The
 * instruction wants one side without sign: |a| times b with a's sign; then two
 * products fit 16 bits.
 */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256i
vs_products_avx2(__m256i a, __m256i b)
{
	__m256i		pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(a), _mm256_sign_epi8(b, a));

	return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
#endif

/* Sum of the lanes, pairwise. */
VS_INLINE float
vs_lanes_sum(const float *lanes)
{
	float		s[8];

	for (int i = 0; i < 8; i++)
		s[i] = lanes[i] + lanes[i + 8];
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

/*
 * Define a static function name(params) that runs name_body(args) compiled
 * for the instruction set in force.
 */
#ifdef VS_X86
#define VS_VARIANTS(type, name, params, args) \
	static type name##_portable params { return name##_body args; } \
	VS_TARGET_AVX2 static type name##_avx2 params { return name##_body args; } \
	VS_TARGET_AVX512 static type name##_avx512 params { return name##_body args; } \
	static type name params \
	{ \
		switch (vs_isa_current()) \
		{ \
			case VS_ISA_AVX512: \
				return name##_avx512 args; \
			case VS_ISA_AVX2: \
				return name##_avx2 args; \
			default: \
				return name##_portable args; \
		} \
	}
#else
#define VS_VARIANTS(type, name, params, args) \
	static type name params { return name##_body args; }
#endif

#endif							/* VECSTORE_QUANT_SIMD_H */
