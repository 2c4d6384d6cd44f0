/*
 * aggregates.c
 *		sum(vecstore) and avg(vecstore).
 *
 * Both keep a running sum in double and round once at the end, so a float4
 * sum neither overflows on the way nor loses small addends.  The state is a C
 * struct that grows in place: no allocation a row.  Parallel workers send it
 * as bytea.  NULLs are skipped; no rows give NULL.
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "fmgr.h"
#include "libpq/pqformat.h"
#include "type/vector.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(vecstore_accum);
PG_FUNCTION_INFO_V1(vecstore_accum_combine);
PG_FUNCTION_INFO_V1(vecstore_accum_serialize);
PG_FUNCTION_INFO_V1(vecstore_accum_deserialize);
PG_FUNCTION_INFO_V1(vecstore_sum_final);
PG_FUNCTION_INFO_V1(vecstore_avg_final);

/* The sum of the vectors so far; dim is fixed by the first one. */
typedef struct SumState
{
	int64		count;			/* vectors added, at least 1 */
	int			dim;
	double		sum[FLEXIBLE_ARRAY_MEMBER];
} SumState;

/* A state that has added nothing yet, in the current memory context. */
static SumState *
new_state(int dim)
{
	SumState   *state = palloc0(offsetof(SumState, sum) + sizeof(double) * dim);

	state->dim = dim;
	return state;
}

/* The same, where it lives as long as the aggregate. */
static SumState *
new_aggregate_state(FunctionCallInfo fcinfo, int dim)
{
	MemoryContext aggregate;
	MemoryContext old;
	SumState   *state;

	if (!AggCheckCallContext(fcinfo, &aggregate))
		elog(ERROR, "aggregate function called in non-aggregate context");
	old = MemoryContextSwitchTo(aggregate);
	state = new_state(dim);
	MemoryContextSwitchTo(old);
	return state;
}

/* Error 22000 unless what is added to the state has its dimensions. */
static void
check_state_dim(const SumState *state, int dim)
{
	if (state->dim != dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vecstore dimensions %d and %d", state->dim, dim),
				 errhint("Only vectors of the same dimensions can be aggregated.")));
}

/* Transition: add one vector. */
Datum
vecstore_accum(PG_FUNCTION_ARGS)
{
	SumState   *state = PG_ARGISNULL(0) ? NULL : (SumState *) PG_GETARG_POINTER(0);
	VsVector   *vector;

	if (PG_ARGISNULL(1))
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}
	vector = PG_GETARG_VSVECTOR_P(1);

	if (state == NULL)
		state = new_aggregate_state(fcinfo, vector->dim);
	check_state_dim(state, vector->dim);

	for (int i = 0; i < vector->dim; i++)
		state->sum[i] += vector->x[i];
	state->count++;

	PG_RETURN_POINTER(state);
}

/* Combine: add the second state to the first. */
Datum
vecstore_accum_combine(PG_FUNCTION_ARGS)
{
	SumState   *state = PG_ARGISNULL(0) ? NULL : (SumState *) PG_GETARG_POINTER(0);
	SumState   *other = PG_ARGISNULL(1) ? NULL : (SumState *) PG_GETARG_POINTER(1);

	if (other == NULL)
	{
		if (state == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(state);
	}

	if (state == NULL)
		state = new_aggregate_state(fcinfo, other->dim);
	check_state_dim(state, other->dim);

	for (int i = 0; i < other->dim; i++)
		state->sum[i] += other->sum[i];
	state->count += other->count;

	PG_RETURN_POINTER(state);
}

/* The state as bytea, for a parallel worker to send. */
Datum
vecstore_accum_serialize(PG_FUNCTION_ARGS)
{
	SumState   *state = (SumState *) PG_GETARG_POINTER(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint64(&message, state->count);
	pq_sendint32(&message, state->dim);
	for (int i = 0; i < state->dim; i++)
		pq_sendfloat8(&message, state->sum[i]);

	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* The state that a parallel worker sent. */
Datum
vecstore_accum_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	StringInfoData message;
	SumState   *state;
	int64		count;

	initStringInfo(&message);
	appendBinaryStringInfo(&message, VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes));

	count = pq_getmsgint64(&message);
	state = new_state(pq_getmsgint(&message, sizeof(int32)));
	state->count = count;
	for (int i = 0; i < state->dim; i++)
		state->sum[i] = pq_getmsgfloat8(&message);
	pq_getmsgend(&message);

	PG_RETURN_POINTER(state);
}

/* Final function: the sum divided by divisor, rounded to float4. */
static VsVector *
quotient(const SumState *state, double divisor)
{
	VsVector   *result = vs_vector_new(state->dim);

	for (int i = 0; i < state->dim; i++)
	{
		result->x[i] = (float) (state->sum[i] / divisor);
		if (isinf(result->x[i]))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value out of range: overflow in element %d of a vecstore", i + 1),
					 errhint("Elements are 4-byte floats, up to 3.4e38 in size.")));
	}
	return result;
}

/* Final function of sum(). */
Datum
vecstore_sum_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_VSVECTOR_P(quotient((SumState *) PG_GETARG_POINTER(0), 1));
}

/* Final function of avg(). */
Datum
vecstore_avg_final(PG_FUNCTION_ARGS)
{
	SumState   *state;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	state = (SumState *) PG_GETARG_POINTER(0);
	PG_RETURN_VSVECTOR_P(quotient(state, state->count));
}
