/*
 * distance.h
 *		Distances between float vectors, exact ones for SQL and fast ones for
 *		index code, by the best instruction set of the processor.  Pure C: no
 *		postgres.h here.
 *
 * Two families:
 *
 * - vs_distance() is what SQL functions return.  It accumulates in double and
 *	 agrees with SciPy to 1e-5 of the sum of the absolute terms.
 *
 * - A kernel returns a *rank*: a float that orders vectors as the metric does
 *	 and is cheaper to get (squared L2, say).  vs_rank_to_distance() turns a
 *	 rank into the metric's value.  Index code only compares ranks.
 */
#ifndef VECSTORE_DISTANCE_H
#define VECSTORE_DISTANCE_H

#include "distance/metrics.h"

/* Instruction sets a kernel may be written for. */
typedef enum VsIsa
{
	VS_ISA_AUTO,				/* the best this processor has */
	VS_ISA_PORTABLE,
	VS_ISA_AVX2,
	VS_ISA_AVX512,
	VS_ISA_NEON
} VsIsa;

/*
 * Rank of b against a, both of dim floats, any alignment.
 *
 *	l2				squared distance
 *	ip				minus the inner product
 *	cosine			minus the inner product: callers give unit vectors
 *	the other six	the distance itself
 *
 * Never NaN for finite input: a rank that overflows to an undefined value is
 * computed again in double.  What is beyond the largest float is infinite, and
 * squares and products below the smallest (elements under about 1e-22) are 0:
 * ranks do not tell such vectors apart, vs_distance() does.
 */
typedef float (*VsKernel) (const float *a, const float *b, int dim);

/* The kernel of a metric for the instruction set in force. */
extern VsKernel vs_kernel(VsMetric metric);

/* The metric's value for a rank; NaN and infinity pass through. */
extern double vs_rank_to_distance(VsMetric metric, double rank);

/*
 * The metric's value, accumulated in double; the SQL functions.  Cosine with a
 * zero vector is NaN, otherwise within [0, 2].  Bray-Curtis x/0 is infinity
 * and 0/0 is 0 (NaN in SciPy).  A Canberra term 0/0 is 0.
 */
extern double vs_distance(VsMetric metric, const float *a, const float *b, int dim);

/* Euclidean norm in double. */
extern double vs_norm(const float *a, int dim);

/*
 * Scale src to unit length into dst (may be the same).  False, and dst
 * zeroed, when src is the zero vector.  Works for tiny and huge elements.
 */
extern bool vs_normalize(float *dst, const float *src, int dim);

/* Whether this build and processor can run the instruction set. */
extern bool vs_isa_available(VsIsa isa);

/*
 * Force an instruction set (tests), or give the choice back with VS_ISA_AUTO.
 * A set that is not available here counts as VS_ISA_AUTO.
 */
extern void vs_isa_force(VsIsa isa);

/* The set in force, never VS_ISA_AUTO. */
extern VsIsa vs_isa_current(void);

/* "auto", "portable", "avx2", "avx512", "neon". */
extern const char *vs_isa_name(VsIsa isa);

/* "l2", "ip", ... */
extern const char *vs_metric_name(VsMetric metric);

#endif							/* VECSTORE_DISTANCE_H */
