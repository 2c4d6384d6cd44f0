/*
 * functions.c
 *		Functions of one vector: dimensions, norm, parts, signs.
 */
#include "postgres.h"

#include "compat.h"

#include "fmgr.h"
#include "type/vector.h"
#include "utils/varbit.h"

PG_FUNCTION_INFO_V1(vecstore_dims);
PG_FUNCTION_INFO_V1(vecstore_norm);
PG_FUNCTION_INFO_V1(vecstore_l2_normalize);
PG_FUNCTION_INFO_V1(vecstore_subvector);
PG_FUNCTION_INFO_V1(vecstore_binary_quantize);

/* Number of elements. */
Datum
vecstore_dims(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);

	PG_RETURN_INT32(vector->dim);
}

/* Euclidean norm. */
Datum
vecstore_norm(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);

	PG_RETURN_FLOAT8(vs_norm(vector->x, vector->dim));
}

/* The vector scaled to Euclidean norm 1; the zero vector stays as it is. */
Datum
vecstore_l2_normalize(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	VsVector   *result = vs_vector_new(vector->dim);

	(void) vs_normalize(result->x, vector->x, vector->dim);

	PG_RETURN_VSVECTOR_P(result);
}

/*
 * The elements start to start + count - 1, counted from 1, as far as the
 * vector has them (as substring() does for text).  64-bit sums: any int4
 * argument is legal.
 */
Datum
vecstore_subvector(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	int64		start = PG_GETARG_INT32(1);
	int64		end = start + PG_GETARG_INT32(2);	/* one after the last */
	VsVector   *result;

	start = Max(start, 1);
	end = Min(end, (int64) vector->dim + 1);
	if (start >= end)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("a vecstore must have at least 1 dimension"),
				 errdetail("The elements asked for lie outside the %d of the vector.", vector->dim),
				 errhint("Elements are counted from 1; the third argument of subvector() is how many to take.")));

	result = vs_vector_new((int) (end - start));
	memcpy(result->x, vector->x + start - 1, sizeof(float) * result->dim);

	PG_RETURN_VSVECTOR_P(result);
}

/*
 * One bit an element, first element first: 1 where it is greater than 0.
 */
Datum
vecstore_binary_quantize(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	VarBit	   *result = palloc0(VARBITTOTALLEN(vector->dim));
	bits8	   *bytes = VARBITS(result);

	SET_VARSIZE(result, VARBITTOTALLEN(vector->dim));
	VARBITLEN(result) = vector->dim;
	for (int i = 0; i < vector->dim; i++)
		if (vector->x[i] > 0)
			bytes[i / 8] |= 0x80 >> (i % 8);

	PG_RETURN_VARBIT_P(result);
}
