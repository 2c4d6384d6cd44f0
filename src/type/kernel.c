/*
 * kernel.c
 *		Which instruction set the index kernels use, seen from SQL.
 *
 * The best one this processor has is chosen at run time.  The setting
 * vecstore.kernel forces another, so that tests can run every path on one
 * machine and a user can tell whether a wrong result comes from a kernel.
 */
#include "postgres.h"

#include "compat.h"

#include "fmgr.h"
#include "type/vector.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/guc.h"

PG_FUNCTION_INFO_V1(vecstore_kernel);
PG_FUNCTION_INFO_V1(vecstore_kernel_distance);

static int	kernel_setting = VS_ISA_AUTO;

static const struct config_enum_entry kernel_options[] = {
	{"auto", VS_ISA_AUTO, false},
	{"portable", VS_ISA_PORTABLE, false},
	{"avx2", VS_ISA_AVX2, false},
	{"avx512", VS_ISA_AVX512, false},
	{"neon", VS_ISA_NEON, false},
	{NULL, 0, false}
};

/* Refuse an instruction set that this build or processor lacks. */
static bool
check_kernel(int *newval, void **extra, GucSource source)
{
	if (*newval == VS_ISA_AUTO || vs_isa_available((VsIsa) *newval))
		return true;
	GUC_check_errdetail("This build or this processor does not have the instruction set \"%s\".",
						vs_isa_name((VsIsa) *newval));
	GUC_check_errhint("SELECT vecstore_kernel() shows the one in use; \"auto\" chooses the best there is.");
	return false;
}

/* Put the setting in force. */
static void
assign_kernel(int newval, void *extra)
{
	vs_isa_force((VsIsa) newval);
}

/* Called once by _PG_init: the settings of this part. */
void
vs_type_init(void)
{
	DefineCustomEnumVariable("vecstore.kernel",
							 "Instruction set of the distance kernels.",
							 "\"auto\" uses the best one this processor has.",
							 &kernel_setting,
							 VS_ISA_AUTO,
							 kernel_options,
							 PGC_USERSET,
							 0,
							 check_kernel,
							 assign_kernel,
							 NULL);
}

/* The instruction set in force, never "auto". */
Datum
vecstore_kernel(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(vs_isa_name(vs_isa_current())));
}

/* The metric of a name such as "l2"; error 22023 when there is none. */
static VsMetric
metric_by_name(const char *name)
{
	for (int metric = 0; metric < VS_METRIC_COUNT; metric++)
		if (strcmp(name, vs_metric_name((VsMetric) metric)) == 0)
			return (VsMetric) metric;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown metric \"%s\"", name),
			 errhint("The metrics are l2, ip, cosine, l1, hamming, jaccard, chebyshev, canberra and bray_curtis.")));
}

/*
 * The distance as an index computes it, in float with the instruction set in
 * force: metric name, two vectors.  Cosine kernels want unit vectors.
 */
Datum
vecstore_kernel_distance(PG_FUNCTION_ARGS)
{
	VsMetric	metric = metric_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	VsVector   *a = PG_GETARG_VSVECTOR_P(1);
	VsVector   *b = PG_GETARG_VSVECTOR_P(2);

	vs_check_same_dim(a, b);
	if (metric == VS_METRIC_COSINE)
	{
		VsVector   *unit_a = vs_vector_new(a->dim);
		VsVector   *unit_b = vs_vector_new(b->dim);

		if (!vs_normalize(unit_a->x, a->x, a->dim) ||
			!vs_normalize(unit_b->x, b->x, b->dim))
			PG_RETURN_FLOAT8(get_float8_nan());
		a = unit_a;
		b = unit_b;
	}

	PG_RETURN_FLOAT8(vs_rank_to_distance(metric, vs_kernel(metric) (a->x, b->x, a->dim)));
}
