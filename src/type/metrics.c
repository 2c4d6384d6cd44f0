/*
 * metrics.c
 *		The nine metrics as SQL functions, and inner_product().
 *
 * Generated from VS_METRICS.  All accumulate in double and return float8;
 * cosine with a zero vector is NaN, Bray-Curtis of opposite vectors infinity.
 */
#include "postgres.h"

#include "compat.h"

#include "fmgr.h"
#include "type/vector.h"

PG_FUNCTION_INFO_V1(vecstore_inner_product);

/*
 * The value of a metric between an SQL function's two arguments.  Adding zero
 * turns minus zero, as the dot product may give, into zero.
 */
static Datum
metric_of_arguments(FunctionCallInfo fcinfo, VsMetric metric)
{
	VsVector   *a = PG_GETARG_VSVECTOR_P(0);
	VsVector   *b = PG_GETARG_VSVECTOR_P(1);

	vs_check_same_dim(a, b);
	PG_RETURN_FLOAT8(vs_distance(metric, a->x, b->x, a->dim) + 0.0);
}

/* The SQL function of a metric: vecstore_l2_distance() and so on. */
#define VS_METRIC_FUNCTION(ID, name, operator, function) \
PG_FUNCTION_INFO_V1(vecstore_##function); \
Datum \
vecstore_##function(PG_FUNCTION_ARGS) \
{ \
	return metric_of_arguments(fcinfo, VS_METRIC_##ID); \
}

VS_METRICS(VS_METRIC_FUNCTION)

/* The inner product itself: the dot product metric is its negative. */
Datum
vecstore_inner_product(PG_FUNCTION_ARGS)
{
	double		negative = DatumGetFloat8(metric_of_arguments(fcinfo, VS_METRIC_IP));

	PG_RETURN_FLOAT8(0 - negative);
}
