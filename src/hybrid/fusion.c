/*
 * fusion.c
 *		Putting ranked lists together.
 *
 * Reciprocal rank fusion scores a row by the sum, over the lists, of
 * 1 / (k + rank): G. V. Cormack, C. L. A. Clarke and S. Buettcher, "Reciprocal
 * Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR
 * 2009.  rrf_score() is one such term, for lists joined in SQL.
 */
#include "postgres.h"
#include "compat.h"

#include "fmgr.h"

PG_FUNCTION_INFO_V1(vecstore_rrf_score);

/*
 * rrf_score(rank, k): a rank of NULL, which an outer join gives a row that a
 * list lacks, adds 0.
 */
PGDLLEXPORT Datum
vecstore_rrf_score(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_GETARG_INT32(1) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be at least 0"),
				 errhint("The usual value, and the default, is 60.")));
	if (PG_ARGISNULL(0))
		PG_RETURN_FLOAT8(0);
	if (PG_GETARG_INT64(0) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a rank must be at least 1"),
				 errhint("The best row of a list has rank 1: take row_number() or rank().")));
	PG_RETURN_FLOAT8(1.0 / ((double) PG_GETARG_INT32(1) + PG_GETARG_INT64(0)));
}
