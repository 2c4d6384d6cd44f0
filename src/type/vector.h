/*
 * vector.h
 *		The vecstore type as it lies in memory and on disk.
 *
 * Byte-identical to pgvector's vector, so that the companion extension's cast
 * is binary-coercible.
 */
#ifndef VECSTORE_VECTOR_H
#define VECSTORE_VECTOR_H

#include "distance/distance.h"

typedef struct VsVector
{
	int32		vl_len_;		/* varlena header (do not touch directly!) */
	int16		dim;			/* number of elements, 1 to VS_MAX_DIM */
	int16		unused;			/* element kind in later versions; zero */
	float		x[FLEXIBLE_ARRAY_MEMBER];
} VsVector;

#define VS_VECTOR_SIZE(dim)		(offsetof(VsVector, x) + sizeof(float) * (dim))
#define DatumGetVsVector(x)		((VsVector *) PG_DETOAST_DATUM(x))
#define PG_GETARG_VSVECTOR_P(n) DatumGetVsVector(PG_GETARG_DATUM(n))
#define PG_RETURN_VSVECTOR_P(x) PG_RETURN_POINTER(x)

/*
 * Column type modifier: dimensions in the low 16 bits, element kind above
 * (only float4, kind 0, so far).
 */
#define VS_TYPMOD_DIM(typmod)	((typmod) & 0xFFFF)

/* A zeroed vector of dim elements; error unless 1 to VS_MAX_DIM. */
extern VsVector *vs_vector_new(int dim);

/* Error 22000 unless dim is what the column's type modifier asks for, if any. */
extern void vs_check_typmod(int dim, int32 typmod);

/* Error 22000 if the element is NaN or infinite. */
extern void vs_check_element(float value);

/* One element from decimal text; the same errors as the type's text input. */
extern float vs_element_from_text(const char *text);

/* Error 22000 unless both have the same dimensions. */
extern void vs_check_same_dim(const VsVector *a, const VsVector *b);

/* Called once by _PG_init: the settings of this part. */
extern void vs_type_init(void);

#endif							/* VECSTORE_VECTOR_H */
