/*
 * rotation.h
 *		A random rotation of a vector, for any number of dimensions.
 *		Pure C: no postgres.h here.
 *
 * RaBitQ (arXiv 2405.12497) needs a rotation that is random and orthogonal,
 * so that every coordinate of a residual looks like Gaussian noise.  A dense
 * matrix costs d * d; random sign flips and Hadamard transforms cost
 * d * log(d) and serve as well.
 *
 * The rotated vector has vs_rotation_padded(dim) coordinates: dim rounded up
 * to a multiple of 16.  Lengths, distances and inner products stay the same.
 * The result depends on dim, the seed and the vector alone, never on the
 * processor: rotated vectors are stored on disk.
 */
#ifndef VECSTORE_ROTATION_H
#define VECSTORE_ROTATION_H

#include <stddef.h>
#include <stdint.h>

#define VS_ROTATION_ROUNDS 4

typedef struct VsRotation
{
	int			dim;			/* coordinates of the input */
	int			padded;			/* coordinates of the output */
	int			window;			/* largest power of two <= padded */
	uint16_t	signs[];		/* VS_ROTATION_ROUNDS * padded bits */
} VsRotation;

/* Coordinates of a rotated vector. */
static inline int
vs_rotation_padded(int dim)
{
	return (dim + 15) & ~15;
}

/* Bytes the caller must allocate for vs_rotation_init. */
extern size_t vs_rotation_size(int dim);

/* Draw the rotation that belongs to a seed. */
extern void vs_rotation_init(VsRotation *rotation, int dim, uint64_t seed);

/* Rotate dim floats of src into padded floats of dst (not the same array). */
extern void vs_rotate(const VsRotation *rotation, const float *src, float *dst);

#endif							/* VECSTORE_ROTATION_H */
