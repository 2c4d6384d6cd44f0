/*
 * compare.c
 *		The order and the hash of vectors, for =, <, btree, hash and DISTINCT.
 *
 * Vectors are compared element by element; when one is the beginning of the
 * other, the shorter comes first.  The order has no geometric meaning.  Zero
 * and minus zero are equal.
 */
#include "postgres.h"

#include "compat.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "type/vector.h"

PG_FUNCTION_INFO_V1(vecstore_cmp);
PG_FUNCTION_INFO_V1(vecstore_hash);
PG_FUNCTION_INFO_V1(vecstore_hash_extended);

/* Negative, zero or positive as a comes before, equals or follows b. */
static int
compare(const VsVector *a, const VsVector *b)
{
	int			dim = Min(a->dim, b->dim);

	for (int i = 0; i < dim; i++)
	{
		if (a->x[i] < b->x[i])
			return -1;
		if (a->x[i] > b->x[i])
			return 1;
	}
	return a->dim - b->dim;
}

/*
 * compare() of a function's two arguments.  Frees detoasted copies: btree
 * support functions may be called many times in one memory context.
 */
static int
compare_arguments(FunctionCallInfo fcinfo)
{
	VsVector   *a = PG_GETARG_VSVECTOR_P(0);
	VsVector   *b = PG_GETARG_VSVECTOR_P(1);
	int			order = compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

/* Btree support function 1. */
Datum
vecstore_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare_arguments(fcinfo));
}

/* The SQL function of a comparison operator. */
#define VS_COMPARISON(function, operator) \
PG_FUNCTION_INFO_V1(function); \
Datum \
function(PG_FUNCTION_ARGS) \
{ \
	PG_RETURN_BOOL(compare_arguments(fcinfo) operator 0); \
}

VS_COMPARISON(vecstore_lt, <)
VS_COMPARISON(vecstore_le, <=)
VS_COMPARISON(vecstore_eq, ==)
VS_COMPARISON(vecstore_ne, !=)
VS_COMPARISON(vecstore_ge, >=)
VS_COMPARISON(vecstore_gt, >)

/*
 * A hash of 64 bits that depends on the seed; equal vectors hash alike.  The
 * elements pass through a small buffer that turns minus zero into zero.
 */
static uint64
hash(const VsVector *vector, uint64 seed)
{
	float		chunk[64];
	int			count;

	for (int start = 0; start < vector->dim; start += count)
	{
		count = Min(vector->dim - start, (int) lengthof(chunk));
		for (int i = 0; i < count; i++)
			chunk[i] = vector->x[start + i] + 0.0f;
		seed = hash_bytes_extended((const unsigned char *) chunk, count * sizeof(float), seed);
	}
	return seed;
}

/* Hash support function 1. */
Datum
vecstore_hash(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	uint64		result = hash(vector, 0);

	PG_FREE_IF_COPY(vector, 0);
	PG_RETURN_UINT32((uint32) result);
}

/* Hash support function 2: 64 bits with a seed, for hash partitions. */
Datum
vecstore_hash_extended(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	uint64		result = hash(vector, PG_GETARG_INT64(1));

	PG_FREE_IF_COPY(vector, 0);
	PG_RETURN_UINT64(result);
}
