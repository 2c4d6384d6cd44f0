/*
 * scalar.h
 *		A rotated vector in 8 or 4 bits a coordinate: the self vector of a
 *		vertex.  Pure C: no postgres.h here.
 *
 * After the rotation all coordinates are alike, so one step a vector serves
 * them all: coordinate = step * level, levels symmetric about 0.  What the
 * code says is the vector the vertex is taken to have: it is the centre of
 * the RaBitQ codes of its neighbours, and any centre is valid.
 */
#ifndef VECSTORE_SCALAR_H
#define VECSTORE_SCALAR_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a code of 8 or 4 bits: the step as a float, then the levels. */
static inline size_t
vs_scalar_bytes(int padded, int bits)
{
	return sizeof(float) + (size_t) padded * bits / 8;
}

/* Encode a vector of padded floats. */
extern void vs_scalar_encode(int bits, int padded, const float *vector, uint8_t *code);

/* The vector a code stands for. */
extern void vs_scalar_decode(int bits, int padded, const uint8_t *code, float *vector);

/* Squared Euclidean distance between a query and the vector of a code. */
extern float vs_scalar_l2(int bits, int padded, const float *query, const uint8_t *code);

/* Inner product of a query and the vector of a code. */
extern float vs_scalar_ip(int bits, int padded, const float *query, const uint8_t *code);

#endif							/* VECSTORE_SCALAR_H */
