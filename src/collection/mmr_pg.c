/*
 * mmr_pg.c
 *		SQL function vecstore.mmr_rerank().
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "collection/mmr.h"
#include "collection/search.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "type/vector.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(vecstore_mmr_rerank);

/* vs_mmr() asks often. */
static void
check_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

/* The elements of an array of vectors, each of as many dimensions as the query; NULL stays NULL. */
static const float **
read_vectors(ArrayType *array, const VsVector *query, int *n)
{
	Datum	   *values;
	bool	   *nulls;
	const float **vectors;

	/* vecstore's alignment and storage are those of text */
	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_INT, &values, &nulls, n);
	vectors = palloc0(Max(*n, 1) * sizeof(float *));
	for (int i = 0; i < *n; i++)
	{
		VsVector   *vector;

		if (nulls[i])
			continue;
		vector = DatumGetVsVector(values[i]);
		vs_check_same_dim(query, vector);
		vectors[i] = vector->x;
	}
	return vectors;
}

/* An array of numbers that count from 1. */
static ArrayType *
make_positions(const int *order, int n)
{
	Datum	   *values = palloc(Max(n, 1) * sizeof(Datum));

	for (int i = 0; i < n; i++)
		values[i] = Int32GetDatum(order[i] + 1);
	return construct_array(values, n, INT4OID, sizeof(int32), true, TYPALIGN_INT);
}

/* vecstore.mmr_rerank(query, embeddings, k, lambda, metric): positions in the array. */
PGDLLEXPORT Datum
vecstore_mmr_rerank(PG_FUNCTION_ARGS)
{
	VsVector   *query = PG_GETARG_VSVECTOR_P(0);
	int			k = PG_GETARG_INT32(2);
	double		lambda = PG_GETARG_FLOAT8(3);
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(4));
	VsMetric	metric;
	int			n;
	const float **vectors;
	int		   *order;

	if (!vs_metric_of_name(name, &metric))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown metric \"%s\"", name)));
	if (!(lambda >= 0 && lambda <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lambda must be between 0 and 1"),
				 errhint("1 is the order by score alone, smaller values make the rows differ more; the default is 0.5.")));
	if (k < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 1, not %d", k)));
	vectors = read_vectors(PG_GETARG_ARRAYTYPE_P(1), query, &n);
	order = palloc(Max(n, 1) * sizeof(int));
	n = vs_mmr(metric, query->x, vectors, n, query->dim, Min(k, n), lambda,
			   palloc(Max(n, 1) * sizeof(double)), palloc(Max(n, 1) * sizeof(double)), check_interrupts, order);
	PG_RETURN_ARRAYTYPE_P(make_positions(order, n));
}
