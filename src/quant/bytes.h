/*
 * bytes.h
 *		A rotated vector in 8 bits a coordinate, and ranks between two such
 *		vectors in whole numbers.  Pure C: no postgres.h here.
 *
 * After the rotation (rotation.h) all coordinates are alike, so one step a
 * vector serves them all: coordinate = step * level.  What the levels say is the
 * vector a vertex is taken to have: it is ranked by that, and it is the centre of
 * the RaBitQ codes of its neighbours, where any centre is valid.
 *
 * Levels take a quarter of the memory of floats, and a product of two of them
 * costs a quarter of the time.  What that leaves out is small: of a vector with
 * Gaussian coordinates about 0.8% of its length, spread over all directions.
 */
#ifndef VECSTORE_BYTES_H
#define VECSTORE_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct VsBytes
{
	float		step;			/* what one level is worth */
	int32_t		square;			/* sum of the squares of the levels */
	uint32_t	mark;			/* the caller's, to tell vectors of equal levels apart */
	int8_t		levels[];		/* padded of them, -127 .. 127 */
} VsBytes;

/* What a rank is, of bytes and of codes; cosine is L2 between unit vectors. */
typedef enum VsRankKind
{
	VS_RANK_L2,				/* squared Euclidean distance */
	VS_RANK_IP					/* minus the inner product */
} VsRankKind;

/* Bytes of a vector of so many coordinates, a multiple of 16. */
static inline size_t
vs_bytes_size(int padded)
{
	return offsetof(VsBytes, levels) + (size_t) padded;
}

/* Encode a rotated vector; mark becomes 0. */
extern void vs_bytes_encode(int padded, const float *rotated, VsBytes *bytes);

/* The vector that is meant. */
extern void vs_bytes_decode(int padded, const VsBytes *bytes, float *rotated);

/*
 * Rank of two vectors of equal length, any alignment that serves the step.
 * Never NaN, and the squared distance of a vector from itself is exactly 0.
 */
typedef float (*VsBytesKernel) (const VsBytes *a, const VsBytes *b, int padded);

/* The kernel for the instruction set in force. */
extern VsBytesKernel vs_bytes_kernel(VsRankKind kind);

/*
 * One standard deviation of the error of a rank between two encoded vectors, as
 * against the vectors themselves, given the rank and, for an inner product, the
 * query's and the vector's lengths in levels and steps (square).
 *
 * Rounding is off by up to half a step, as if at random: a coordinate's error has
 * the variance step^2 / 12, and what counts is its part along q - x, or along q
 * and x; of a small distance also the errors' own length, which makes it larger.
 */
extern float vs_bytes_error(VsRankKind kind, float rank, const VsBytes *a, const VsBytes *b,
							int padded);

#endif							/* VECSTORE_BYTES_H */
