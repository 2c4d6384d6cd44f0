/*
 * am.c
 *		The vecstore access method: handler, options, settings, metrics.
 *
 * How a query and an insert travel is told in docs/architecture.md.
 */
#include "postgres.h"
#include "compat.h"

#include "access/reloptions.h"
#include "am/am.h"
#include "am/limit.h"
#include "am/stats.h"
#include "commands/progress.h"
#include "commands/vacuum.h"
#include "fmgr.h"
#include "port/pg_crc32c.h"
#include "quant/rotation.h"
#include "utils/guc.h"
#include "utils/memutils.h"

int			vs_ef_search = VS_DEFAULT_EF_SEARCH;
bool		vs_strict_order = false;
bool		vs_explain = false;

static relopt_kind options_kind;

/*
 * What comes after the first ef_search rows is found less surely.  The caller
 * has opened a GUC nest level, and closes it after the search.
 */
void
vs_raise_ef_search(int rows)
{
	char		value[16];

	if (vs_ef_search >= rows)
		return;
	snprintf(value, sizeof(value), "%d", Min(rows, VS_MAX_EF_SEARCH));
	set_config_option("vecstore.ef_search", value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
					  true, 0, false);
}

static relopt_enum_elt_def quantization_values[] = {
	{"auto", VS_QUANTIZATION_AUTO},
	{"none", VS_QUANTIZATION_NONE},
	{"rabitq", VS_QUANTIZATION_RABITQ},
	{NULL, 0}
};

void
vs_am_init(void)
{
	options_kind = add_reloption_kind();
	add_int_reloption(options_kind, "m", "Links of a vertex on each upper level; twice as many on the bottom level",
					  VS_DEFAULT_M, VS_MIN_M, VS_MAX_M, AccessExclusiveLock);
	add_int_reloption(options_kind, "ef_construction", "Vertices a search keeps while it looks for a new vertex's neighbours",
					  VS_DEFAULT_EF_CONSTRUCTION, VS_MIN_EF_CONSTRUCTION,
					  VS_MAX_EF_CONSTRUCTION, AccessExclusiveLock);
	add_enum_reloption(options_kind, "quantization", "Codes of the neighbours kept beside a vertex",
					   quantization_values, VS_QUANTIZATION_AUTO,
					   "Valid values are \"auto\", \"none\" and \"rabitq\".", AccessExclusiveLock);

	DefineCustomIntVariable("vecstore.ef_search",
							"Vertices a search keeps: more find nearer rows, and take longer.",
							"The first so many rows come in exact order.",
							&vs_ef_search, VS_DEFAULT_EF_SEARCH, 1, VS_MAX_EF_SEARCH,
							PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vecstore.strict_order",
							 "Drop rows that are found too late to come in order of distance.",
							 "Off, such rows are returned late.",
							 &vs_strict_order, false, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("vecstore.explain",
							 "Tell what each index scan did.",
							 "A NOTICE when the scan ends: vertices expanded, distances computed, rows returned, and whether and why it read the whole index.",
							 &vs_explain, false, PGC_USERSET, 0, NULL, NULL, NULL);

	vs_stats_init();
	vs_limit_init();
}

static bytea *
am_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{.optname = "m",.opttype = RELOPT_TYPE_INT,.offset = offsetof(VsOptions, m)},
		{.optname = "ef_construction",.opttype = RELOPT_TYPE_INT,
		.offset = offsetof(VsOptions, ef_construction)},
		{.optname = "quantization",.opttype = RELOPT_TYPE_ENUM,
		.offset = offsetof(VsOptions, quantization)},
	};

	return (bytea *) build_reloptions(reloptions, validate, options_kind,
									  sizeof(VsOptions), table, lengthof(table));
}

static char *
am_buildphasename(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case VS_PHASE_GRAPH:
			return "building graph in memory";
		case VS_PHASE_LAYOUT:
			return "laying out pages";
		case VS_PHASE_WRITE:
			return "writing pages";
		case VS_PHASE_INSERT:
			return "inserting rows on pages";
		case VS_PHASE_LOG:
			return "logging pages";
		default:
			return NULL;
	}
}

/*
 * pg_index_column_has_property(): the server cannot know whether a column can
 * be ordered by distance; all of ours can.
 */
static bool
am_property(Oid index, int column, IndexAMProperty property, const char *name,
			bool *answer, bool *isnull)
{
	if (property != AMPROP_DISTANCE_ORDERABLE || column == 0)
		return false;
	*answer = true;
	return true;
}

PG_FUNCTION_INFO_V1(vecstore_handler);
Datum
vecstore_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 0;
	am->amsupport = VS_METRIC_PROC;
	am->amoptsprocnum = 0;
	am->amcanorder = false;
	am->amcanorderbyop = true;
	am->amcanbackward = false;
	am->amcanunique = false;
	am->amcanmulticol = false;
	am->amoptionalkey = true;
	am->amsearcharray = false;
	am->amsearchnulls = false;
	am->amstorage = false;
	am->amclusterable = false;
	am->ampredlocks = false;
	am->amcanparallel = false;
	vs_can_build_parallel(am);
	am->amcaninclude = false;
	am->amusemaintenanceworkmem = true;
	am->amparallelvacuumoptions = VACUUM_OPTION_PARALLEL_BULKDEL;
	am->amkeytype = InvalidOid;

	am->ambuild = vs_build;
	am->ambuildempty = vs_buildempty;
	am->aminsert = vs_insert;
	am->ambulkdelete = vs_bulkdelete;
	am->amvacuumcleanup = vs_vacuumcleanup;
	am->amcostestimate = vs_costestimate;
	am->amoptions = am_options;
	am->amproperty = am_property;
	am->ambuildphasename = am_buildphasename;
	am->amvalidate = vs_validate;
	am->ambeginscan = vs_beginscan;
	am->amrescan = vs_rescan;
	am->amgettuple = vs_gettuple;
	am->amendscan = vs_endscan;
	PG_RETURN_POINTER(am);
}

/* ---- metrics ---- */

/* vecstore_<name>_metric(internal) returns internal: a pointer to the VsMetric. */
#define METRIC_FUNCTION(ID, name, operator, function) \
PG_FUNCTION_INFO_V1(vecstore_##name##_metric); \
Datum \
vecstore_##name##_metric(PG_FUNCTION_ARGS) \
{ \
	static const VsMetric metric = VS_METRIC_##ID; \
\
	PG_RETURN_POINTER(&metric); \
}
VS_METRICS(METRIC_FUNCTION)

VsMetric
vs_index_metric(Relation rel)
{
	FmgrInfo   *proc = index_getprocinfo(rel, 1, VS_METRIC_PROC);

	return *(VsMetric *) DatumGetPointer(FunctionCall1(proc, PointerGetDatum(NULL)));
}

const float *
vs_index_form_vector(Relation rel, const VsIndex *index, Datum value)
{
	VsVector   *vector = DatumGetVsVector(value);
	float	   *unit;

	if (vector->dim != index->dims)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %d and %d", index->dims, vector->dim),
				 errdetail("Index \"%s\" is of %d dimensions.",
						   RelationGetRelationName(rel), index->dims),
				 errhint("Compare and store vectors of the column's dimensions.")));
	if (!index->normalize)
		return vector->x;
	unit = palloc(index->dims * sizeof(float));
	return vs_normalize(unit, vector->x, index->dims) ? unit : NULL;
}

/*
 * The rotation of an index.  It depends on dimensions and seed alone, so that a
 * process keeps the few it meets.
 */
static const VsRotation *
find_rotation(const VsIndex *index)
{
	typedef struct Known
	{
		struct Known *next;
		uint64		seed;
		VsRotation *rotation;
	} Known;
	static Known *first = NULL;
	Known	   *known = first;

	while (known && (known->rotation->dim != index->dims || known->seed != index->seed))
		known = known->next;
	if (known == NULL)
	{
		known = MemoryContextAlloc(TopMemoryContext, sizeof(Known));
		known->rotation = MemoryContextAlloc(TopMemoryContext, vs_rotation_size(index->dims));
		vs_rotation_init(known->rotation, index->dims, index->seed);
		known->seed = index->seed;
		known->next = first;
		first = known;
	}
	return known->rotation;
}

/* A vector, rotated and rounded. */
static VsBytes *
round_vector(const VsIndex *index, const float *vector)
{
	float	   *rotated = palloc(index->padded * sizeof(float));
	VsBytes    *bytes = palloc(index->vector_size);

	vs_rotate(find_rotation(index), vector, rotated);
	vs_bytes_encode(index->padded, rotated, bytes);
	pfree(rotated);
	return bytes;
}

const void *
vs_index_kept_query(const VsIndex *index, const float *vector)
{
	if (index->bits == 0)
		return vector;
	return round_vector(index, vector);
}

const void *
vs_index_kept_vector(const VsIndex *index, const float *vector)
{
	VsBytes    *bytes;
	pg_crc32c	mark;

	if (index->bits == 0)
		return vector;
	bytes = round_vector(index, vector);
	INIT_CRC32C(mark);
	COMP_CRC32C(mark, vector, index->dims * sizeof(float));
	FIN_CRC32C(mark);
	bytes->mark = mark;
	return bytes;
}
