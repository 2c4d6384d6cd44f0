/*
 * arith.c
 *		Arithmetic on vectors, element by element, and concatenation.
 *
 * An element that overflows a float4 is an error (22003); one too small
 * becomes zero, as in the text input.
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "type/vector.h"

PG_FUNCTION_INFO_V1(vecstore_concat);

/*
 * The vector, unless an element overflowed.  A loop of its own, so that the
 * compiler can use vector instructions in both.
 */
static VsVector *
check_overflow(VsVector *result)
{
	for (int i = 0; i < result->dim; i++)
		if (isinf(result->x[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value out of range: overflow in element %d of a vecstore", i + 1),
					 errhint("Elements are 4-byte floats, up to 3.4e38 in size.")));
	return result;
}

/* An SQL function of two vectors that applies an operator to each element. */
#define VS_ELEMENTWISE(function, operator) \
PG_FUNCTION_INFO_V1(function); \
Datum \
function(PG_FUNCTION_ARGS) \
{ \
	VsVector   *a = PG_GETARG_VSVECTOR_P(0); \
	VsVector   *b = PG_GETARG_VSVECTOR_P(1); \
	VsVector   *result; \
\
	vs_check_same_dim(a, b); \
	result = vs_vector_new(a->dim); \
	for (int i = 0; i < a->dim; i++) \
		result->x[i] = a->x[i] operator b->x[i]; \
\
	PG_RETURN_VSVECTOR_P(check_overflow(result)); \
}

VS_ELEMENTWISE(vecstore_add, +)
VS_ELEMENTWISE(vecstore_sub, -)
VS_ELEMENTWISE(vecstore_mul, *)

/* The elements of the first vector, then those of the second. */
Datum
vecstore_concat(PG_FUNCTION_ARGS)
{
	VsVector   *a = PG_GETARG_VSVECTOR_P(0);
	VsVector   *b = PG_GETARG_VSVECTOR_P(1);
	VsVector   *result = vs_vector_new(a->dim + b->dim);

	memcpy(result->x, a->x, sizeof(float) * a->dim);
	memcpy(result->x + a->dim, b->x, sizeof(float) * b->dim);

	PG_RETURN_VSVECTOR_P(result);
}
