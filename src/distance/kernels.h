/*
 * kernels.h
 *		What the files of src/distance share: the table of one instruction
 *		set's functions, and the plain reference.  Other rooms include
 *		distance.h.
 */
#ifndef VECSTORE_KERNELS_H
#define VECSTORE_KERNELS_H

#include "distance/distance.h"

/* Small functions that must become part of their caller. */
#define VS_INLINE static inline __attribute__((always_inline))

/* The metric's value for two vectors, accumulated in double. */
typedef double (*VsValue) (const float *a, const float *b, int dim);

/* All functions of one instruction set, by metric. */
typedef struct VsKernels
{
	VsKernel	rank[VS_METRIC_COUNT];
	VsValue		value[VS_METRIC_COUNT];
} VsKernels;

/* NULL where this build has no code for the set. */
extern const VsKernels *const vs_kernels_portable;
extern const VsKernels *const vs_kernels_avx2;
extern const VsKernels *const vs_kernels_avx512;
extern const VsKernels *const vs_kernels_neon;

/*
 * The definition of each metric as a plain loop in double.  Slow; it settles
 * what the kernels cannot (overflow in float), and tests compare with it.
 */
extern double vs_distance_plain(VsMetric metric, const float *a, const float *b, int dim);

/* The table in force. */
extern const VsKernels *vs_kernels_current(void);

#endif							/* VECSTORE_KERNELS_H */
