/*
 * stats.c
 *		What scans did: lines in EXPLAIN, NOTICEs, and the view
 *		vecstore_stat_indexes.
 *
 * Counters of this session lie in this backend's memory: shared counters of our
 * own would want shared_preload_libraries.  A scan notes its work after each
 * batch and each sweep, so that one that fails or is left early counts, too.
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "am/am.h"
#include "am/stats.h"
#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#ifdef VS_HAVE_EXPLAIN_HOOK
#include "commands/explain.h"
#include "commands/explain_format.h"
#include "commands/explain_state.h"
#include "nodes/execnodes.h"
#endif

/* Counters kept before those of dropped indexes are looked for. */
#define PRUNE_AT		256

void
vs_counts_add(VsScanCounts *sum, const VsScanCounts *more)
{
	sum->scans += more->scans;
	sum->expanded += more->expanded;
	sum->distances += more->distances;
	sum->batches += more->batches;
	sum->rows += more->rows;
	sum->reranked += more->reranked;
	sum->sweeps += more->sweeps;
	sum->swept += more->swept;
	sum->ef = more->ef;
	if (more->reason != VS_SWEEP_NONE)
		sum->reason = more->reason;
}

/* ---- counters of this session ---- */

typedef struct IndexCounters
{
	Oid			index;			/* hash key, must be first */
	int64		scans;
	int64		expanded;
	int64		distances;
	int64		sweeps;
} IndexCounters;

static HTAB *session = NULL;	/* NULL: nothing counted yet */
static long prune_at = PRUNE_AT;

/*
 * Forget indexes that are gone: a session that makes and drops temporary ones
 * all day must not grow.
 */
static void
prune(void)
{
	HASH_SEQ_STATUS seq;
	IndexCounters *counters;

	hash_seq_init(&seq, session);
	while ((counters = hash_seq_search(&seq)) != NULL)
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(counters->index)))
			hash_search(session, &counters->index, HASH_REMOVE, NULL);
	prune_at = Max(PRUNE_AT, 2 * hash_get_num_entries(session));
}

/* The counters of an index, made if they are not there. */
static IndexCounters *
session_counters(Oid index)
{
	IndexCounters *counters;
	bool		found;

	if (session == NULL)
	{
		HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(IndexCounters)};

		session = hash_create("vecstore counters", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	else if (hash_get_num_entries(session) >= prune_at)
		prune();
	counters = hash_search(session, &index, HASH_ENTER, &found);
	if (!found)
	{
		counters->scans = counters->expanded = 0;
		counters->distances = counters->sweeps = 0;
	}
	return counters;
}

void
vs_stats_note(Oid index, const VsScanCounts *now, VsScanCounts *noted)
{
	IndexCounters *counters = session_counters(index);

	counters->scans += now->scans - noted->scans;
	counters->expanded += now->expanded - noted->expanded;
	counters->distances += now->distances - noted->distances;
	counters->sweeps += now->sweeps - noted->sweeps;
	*noted = *now;
}

PG_FUNCTION_INFO_V1(vecstore_stat_reset);
Datum
vecstore_stat_reset(PG_FUNCTION_ARGS)
{
	if (session)
		hash_destroy(session);
	session = NULL;
	prune_at = PRUNE_AT;
	PG_RETURN_VOID();
}

/* ---- NOTICEs ---- */

static const char *
sweep_reason(VsSweepReason reason)
{
	switch (reason)
	{
		case VS_SWEEP_NO_QUERY:
			return "no row has a distance to the query";
		case VS_SWEEP_EMPTY:
			return "the graph was empty";
		case VS_SWEEP_SHARE:
			return "more than an eighth of the graph had been visited";
		case VS_SWEEP_MEMORY:
			return "the search had used up work_mem";
		case VS_SWEEP_END:
			return "the graph led to no more rows";
		case VS_SWEEP_NONE:
			break;
	}
	return "none";
}

/* "1 row", "2 rows" */
static char *
number(int64 n, const char *one, const char *many)
{
	return psprintf("%lld %s", (long long) n, n == 1 ? one : many);
}

/*
 * A transaction that is being aborted has its error to tell, not this; and a
 * cancel that arrives with the NOTICE would be an error during the abort.
 */
void
vs_stats_report(Relation rel, const VsScanCounts *counts)
{
	char	   *batches;
	char	   *sweep;

	if (!IsTransactionState())
		return;
	batches = psprintf("%s of at most %s", number(counts->batches, "batch", "batches"),
					   number(counts->ef, "vertex", "vertices"));
	sweep = psprintf("A sweep sorted %s, because %s.", number(counts->swept, "row", "rows"),
					 sweep_reason(counts->reason));
	ereport(NOTICE,
			(errmsg("vecstore index \"%s\": %s expanded, %s computed, %s returned, %s",
					RelationGetRelationName(rel),
					number(counts->expanded, "vertex", "vertices"),
					number(counts->distances, "distance", "distances"),
					number(counts->rows, "row", "rows"),
					counts->sweeps > 0 ? "one sweep" : "no sweep"),
			 counts->sweeps == 0 ? errdetail("The graph gave %s.", batches) :
			 counts->batches == 0 ? errdetail("%s", sweep) :
			 errdetail("The graph gave %s. %s", batches, sweep)));
}

/* ---- EXPLAIN ---- */

#ifdef VS_HAVE_EXPLAIN_HOOK

static explain_per_node_hook_type next_per_node_hook = NULL;

/*
 * What the node's scan did, if it is one of ours.  Zeros for a node that was
 * never executed.
 */
static bool
node_counts(PlanState *node, VsScanCounts *counts)
{
	IndexScanState *scan = (IndexScanState *) node;

	if (!IsA(node, IndexScanState) || scan->iss_RelationDesc == NULL ||
		scan->iss_RelationDesc->rd_indam->ambuild != vs_build)
		return false;
	memset(counts, 0, sizeof(VsScanCounts));
	if (scan->iss_ScanDesc)
		*counts = vs_scan_counts(scan->iss_ScanDesc);
	return true;
}

/* Whether parallel workers executed the node. */
static bool
workers_ran(const PlanState *node)
{
	const WorkerInstrumentation *workers = node->worker_instrument;

	for (int i = 0; workers && i < workers->num_workers; i++)
		if (workers->instrument[i].nloops > 0)
			return true;
	return false;
}

/*
 * Lines under a scan of a vecstore index in EXPLAIN (ANALYZE, VERBOSE).  None
 * if workers scanned it: they keep their counts to themselves, and the leader's
 * alone would be taken for the whole.
 */
static void
explain_node(PlanState *node, List *ancestors, const char *relationship,
			 const char *plan_name, ExplainState *es)
{
	VsScanCounts counts;

	if (next_per_node_hook)
		next_per_node_hook(node, ancestors, relationship, plan_name, es);
	if (!es->analyze || !es->verbose || workers_ran(node) ||
		!node_counts(node, &counts))
		return;
	ExplainPropertyInteger("Vertices Expanded", NULL, counts.expanded, es);
	ExplainPropertyInteger("Distances Computed", NULL, counts.distances, es);
	if (counts.reranked > 0)
		ExplainPropertyInteger("Rows Reranked", NULL, counts.reranked, es);
	ExplainPropertyInteger("Sweeps", NULL, counts.sweeps, es);
	if (counts.sweeps > 0)
	{
		ExplainPropertyInteger("Rows Swept", NULL, counts.swept, es);
		ExplainPropertyText("Sweep Reason", sweep_reason(counts.reason), es);
	}
}
#endif

/*
 * The planner asks us for a cost before EXPLAIN prints a plan, so the library
 * is loaded in time without being preloaded.
 */
void
vs_stats_init(void)
{
#ifdef VS_HAVE_EXPLAIN_HOOK
	next_per_node_hook = explain_per_node_hook;
	explain_per_node_hook = explain_node;
#endif
}

/* ---- the view ---- */

/*
 * Open an index if that takes no wait and raises no error; the caller
 * closes it and unlocks *table.  Somebody who looks at statistics should neither
 * wait for a REINDEX nor fail over an index dropped meanwhile.
 */
static Relation
open_quietly(Oid oid, Oid *table)
{
	Relation	rel;

	*table = IndexGetRelation(oid, true);
	if (!OidIsValid(*table) || !ConditionalLockRelationOid(*table, AccessShareLock))
		return NULL;
	if (ConditionalLockRelationOid(oid, AccessShareLock))
	{
		rel = get_rel_relkind(oid) == RELKIND_INDEX &&
			SearchSysCacheExists1(RELOID, ObjectIdGetDatum(*table)) ?
			try_index_open(oid, NoLock) : NULL;
		if (rel && rel->rd_indam->ambuild == vs_build)
			return rel;
		if (rel)
			index_close(rel, NoLock);
		UnlockRelationOid(oid, AccessShareLock);
	}
	UnlockRelationOid(*table, AccessShareLock);
	return NULL;
}

/*
 * Whether the index's pages are there to be read: not those of other sessions'
 * temporary tables, which lie in their local buffers, nor unlogged ones on a
 * standby.
 */
static bool
has_pages(Relation rel)
{
	return !RELATION_IS_OTHER_TEMP(rel) &&
		!(rel->rd_rel->relpersistence == RELPERSISTENCE_UNLOGGED && RecoveryInProgress());
}

/*
 * Read the metapage if the index is complete and the caller may read its table.
 */
static bool
read_meta(Relation rel, BlockNumber nblocks, VsMeta *meta)
{
	Buffer		buffer;
	Page		page;
	bool		ours;

	if (!rel->rd_index->indisvalid || nblocks == 0 ||
		pg_class_aclcheck(rel->rd_index->indrelid, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		return false;
	buffer = ReadBuffer(rel, VS_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(buffer);
	*meta = *VsPageGetMeta(page);
	ours = vs_page_kind(page) == VS_PAGE_META && meta->magic == VS_MAGIC &&
		meta->format_version == VS_FORMAT_VERSION;
	UnlockReleaseBuffer(buffer);
	return ours;
}

#define N_META			6
#define N_COLUMNS		(N_META + 5)

/* metric, dimensions, m, ef_construction, quantization, vertices */
static void
meta_columns(const VsMeta *meta, Datum *values, bool *nulls)
{
	VsIndex		index = vs_index_from_meta(meta);

	values[0] = CStringGetTextDatum(vs_metric_name(index.metric));
	values[1] = Int32GetDatum(index.dims);
	values[2] = Int32GetDatum(index.m);
	values[3] = Int32GetDatum(index.ef_construction);
	values[4] = CStringGetTextDatum(vs_quantization_in_use(&index));
	values[5] = Int64GetDatum((int64) meta->vertices);
	memset(nulls, false, N_META * sizeof(bool));
}

/* scans, vertices_expanded, distances_computed, sweeps */
static void
session_columns(Oid oid, Datum *values)
{
	IndexCounters *counters = session ? hash_search(session, &oid, HASH_FIND, NULL) : NULL;

	values[0] = Int64GetDatum(counters ? counters->scans : 0);
	values[1] = Int64GetDatum(counters ? counters->expanded : 0);
	values[2] = Int64GetDatum(counters ? counters->distances : 0);
	values[3] = Int64GetDatum(counters ? counters->sweeps : 0);
}

/*
 * vecstore_stat_index(oid): what vecstore_stat_indexes shows of an index beyond
 * the server's own statistics.
 */
PG_FUNCTION_INFO_V1(vecstore_stat_index);
Datum
vecstore_stat_index(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	Datum		values[N_COLUMNS] = {0};
	bool		nulls[N_COLUMNS] = {false};
	TupleDesc	desc;
	Oid			table;
	Relation	rel = open_quietly(oid, &table);

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	memset(nulls, true, (N_META + 1) * sizeof(bool));
	session_columns(oid, values + N_META + 1);
	if (rel)
	{
		if (has_pages(rel))
		{
			BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
			VsMeta		meta;

			values[N_META] = Int64GetDatum((int64) nblocks * BLCKSZ);
			nulls[N_META] = false;
			if (read_meta(rel, nblocks, &meta))
				meta_columns(&meta, values, nulls);
		}
		index_close(rel, AccessShareLock);
		UnlockRelationOid(table, AccessShareLock);
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
