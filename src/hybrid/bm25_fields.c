/*
 * bm25_fields.c
 *		Several columns as one document, each with a weight.
 *
 * A field of weight w counts as if it stood in the document w times: frequencies and
 * lengths of all fields are added up by weight before BM25 is computed, once (the simple
 * BM25F of S. Robertson, H. Zaragoza, M. Taylor, "Simple BM25 extension to multiple
 * weighted fields", CIKM 2004).  An index of several columns could not do that: its order
 * would be that of an operator which sees one of them.
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"

#define MAX_WEIGHT	100

/* The weights of n fields; 1 each without an array. */
static const int32 *
read_weights(ArrayType *array, int n)
{
	const int32 *weights;

	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != n)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there must be one weight for each of the %d fields", n),
				 errhint("For example: bm25_fields(ARRAY[title, body], ARRAY[3, 1]).")));
	weights = (const int32 *) ARR_DATA_PTR(array);
	for (int i = 0; i < n; i++)
		if (weights[i] < 0 || weights[i] > MAX_WEIGHT)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("weight %d of a field is not between 0 and %d", weights[i], MAX_WEIGHT)));
	return weights;
}

PG_FUNCTION_INFO_V1(vecstore_bm25_fields);
Datum
vecstore_bm25_fields(PG_FUNCTION_ARGS)
{
	ArrayType  *array;
	const int32 *weights = NULL;
	StringInfoData document;
	Datum	   *fields;
	bool	   *nulls;
	int			n;
	bool		any = false;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	array = PG_GETARG_ARRAYTYPE_P(0);
	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &fields, &nulls, &n);
	if (!PG_ARGISNULL(1))
		weights = read_weights(PG_GETARG_ARRAYTYPE_P(1), n);
	initStringInfo(&document);
	for (int i = 0; i < n; i++)
	{
		text	   *field = nulls[i] ? NULL : DatumGetTextPP(fields[i]);

		if (field == NULL)
			continue;
		any = true;
		for (int times = weights ? weights[i] : 1; times > 0; times--)
		{
			if (document.len > 0)
				appendStringInfoString(&document, "\n\n");
			appendBinaryStringInfo(&document, VARDATA_ANY(field), VARSIZE_ANY_EXHDR(field));
		}
	}
	if (!any)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text_with_len(document.data, document.len));
}
