/*
 * casts.c
 *		Casts between vecstore and arrays of numbers.
 *
 * An array must have one dimension and no NULL, and every element must fit a
 * float4: NaN and infinity are refused, a number too large is an error, one
 * too small becomes zero, as in the text input.
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "type/vector.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(vecstore_from_float4_array);
PG_FUNCTION_INFO_V1(vecstore_from_float8_array);
PG_FUNCTION_INFO_V1(vecstore_from_int4_array);
PG_FUNCTION_INFO_V1(vecstore_from_numeric_array);
PG_FUNCTION_INFO_V1(vecstore_to_float4_array);
PG_FUNCTION_INFO_V1(vecstore_to_float8_array);
PG_FUNCTION_INFO_V1(vecstore_to_int4_array);
PG_FUNCTION_INFO_V1(vecstore_to_numeric_array);

/*
 * A zeroed vector as long as the array, after checking that the array can
 * become a vector of the given type modifier.
 */
static VsVector *
vector_for_array(ArrayType *array, int32 typmod)
{
	int			dim = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("a vecstore cannot be made from an array of %d dimensions", ARR_NDIM(array)),
				 errhint("Use a flat array, such as ARRAY[1,2,3].")));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a vecstore cannot be made from an array that contains NULL"),
				 errhint("Every element must be a finite number.")));
	if (dim > 0)
		vs_check_typmod(dim, typmod);

	return vs_vector_new(dim);
}

/* real[] to vecstore: array, type modifier, explicit. */
Datum
vecstore_from_float4_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	VsVector   *result = vector_for_array(array, PG_GETARG_INT32(1));
	const float4 *values = (const void *) ARR_DATA_PTR(array);

	for (int i = 0; i < result->dim; i++)
	{
		vs_check_element(values[i]);
		result->x[i] = values[i];
	}

	PG_RETURN_VSVECTOR_P(result);
}

/* double precision[] to vecstore: array, type modifier, explicit. */
Datum
vecstore_from_float8_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	VsVector   *result = vector_for_array(array, PG_GETARG_INT32(1));
	const float8 *values = (const void *) ARR_DATA_PTR(array);

	for (int i = 0; i < result->dim; i++)
	{
		result->x[i] = (float) values[i];
		if (isinf(result->x[i]) && !isinf(values[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("\"%g\" is out of range for an element of type vecstore", values[i]),
					 errhint("Elements are 4-byte floats, up to 3.4e38 in size.")));
		vs_check_element(result->x[i]);
	}

	PG_RETURN_VSVECTOR_P(result);
}

/*
 * integer[] to vecstore: array, type modifier, explicit.  Beyond 2^24 an
 * integer is rounded to the nearest float4.
 */
Datum
vecstore_from_int4_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	VsVector   *result = vector_for_array(array, PG_GETARG_INT32(1));
	const int32 *values = (const void *) ARR_DATA_PTR(array);

	for (int i = 0; i < result->dim; i++)
		result->x[i] = (float) values[i];

	PG_RETURN_VSVECTOR_P(result);
}

/*
 * numeric[] to vecstore: array, type modifier, explicit.
 *
 * Goes through text: numeric's own cast to real refuses numbers that are too
 * small, and one by way of double would round twice.
 */
Datum
vecstore_from_numeric_array(PG_FUNCTION_ARGS)
{
	ArrayType  *array = PG_GETARG_ARRAYTYPE_P(0);
	VsVector   *result = vector_for_array(array, PG_GETARG_INT32(1));
	Datum	   *values;
	int			count;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &values, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *text = DatumGetCString(DirectFunctionCall1(numeric_out, values[i]));

		result->x[i] = vs_element_from_text(text);
		pfree(text);
	}

	PG_RETURN_VSVECTOR_P(result);
}

/* vecstore to real[]. */
Datum
vecstore_to_float4_array(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	Datum	   *values = palloc(sizeof(Datum) * vector->dim);

	for (int i = 0; i < vector->dim; i++)
		values[i] = Float4GetDatum(vector->x[i]);

	PG_RETURN_ARRAYTYPE_P(construct_array(values, vector->dim, FLOAT4OID,
										  sizeof(float4), true, TYPALIGN_INT));
}

/* vecstore to double precision[]; exact. */
Datum
vecstore_to_float8_array(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	Datum	   *values = palloc(sizeof(Datum) * vector->dim);

	for (int i = 0; i < vector->dim; i++)
		values[i] = Float8GetDatum(vector->x[i]);

	PG_RETURN_ARRAYTYPE_P(construct_array(values, vector->dim, FLOAT8OID,
										  sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/*
 * vecstore to integer[]: rounded as real is, half to even; 22003 when an
 * element does not fit.
 */
Datum
vecstore_to_int4_array(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	Datum	   *values = palloc(sizeof(Datum) * vector->dim);

	for (int i = 0; i < vector->dim; i++)
	{
		double		rounded = rint(vector->x[i]);

		if (rounded < PG_INT32_MIN || rounded > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("element %d of the vecstore is out of range for type integer", i + 1),
					 errhint("Cast to double precision[] or numeric[] instead.")));
		values[i] = Int32GetDatum((int32) rounded);
	}

	PG_RETURN_ARRAYTYPE_P(construct_array(values, vector->dim, INT4OID,
										  sizeof(int32), true, TYPALIGN_INT));
}

/*
 * vecstore to numeric[]: the shortest decimals that name the same floats, so
 * that 0.1 stays 0.1 (numeric's own cast from real keeps six digits only).
 */
Datum
vecstore_to_numeric_array(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	Datum	   *values = palloc(sizeof(Datum) * vector->dim);

	for (int i = 0; i < vector->dim; i++)
	{
		char		text[FLOAT_SHORTEST_DECIMAL_LEN];

		float_to_shortest_decimal_buf(vector->x[i], text);
		values[i] = DirectFunctionCall3(numeric_in, CStringGetDatum(text),
										ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
	}

	PG_RETURN_ARRAYTYPE_P(construct_array(values, vector->dim, NUMERICOID,
										  -1, false, TYPALIGN_INT));
}
