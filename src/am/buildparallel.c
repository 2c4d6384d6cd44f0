/*
 * buildparallel.c
 *		The processes that build an index together.
 *
 * The leader asks for workers, shares the table's scan and the graph (in a
 * dynamic shared memory area) with those that come, and takes part itself.
 * With fewer than asked for the build goes on, with none it is done alone.
 * Workers come and go as the barrier in VsBuildShared lets them: build.c.
 */
#include "postgres.h"
#include "compat.h"

#include "access/parallel.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "am/build.h"
#include "catalog/index.h"
#include "catalog/pg_proc.h"
#include "executor/instrument.h"
#include "miscadmin.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"

/* Keys of the shared memory's table of contents. */
#define KEY_SHARED		UINT64CONST(0xFF8A000000000001)
#define KEY_SCAN		UINT64CONST(0xFF8A000000000002)
#define KEY_QUERY		UINT64CONST(0xFF8A000000000003)
#define KEY_WAL			UINT64CONST(0xFF8A000000000004)
#define KEY_BUFFERS		UINT64CONST(0xFF8A000000000005)

/* A process is worth starting for so many rows, some tenths of a second. */
#define MIN_ROWS		5000

/* With less memory than this the overhead of sharing it counts. */
#define MIN_SHARED_BYTES	((uint64) 2 * 1024 * 1024)

/* Everything the leader holds of a parallel build. */
typedef struct Leader
{
	ParallelContext *context;
	Snapshot	snapshot;
	VsBuildShared *shared;
	ParallelTableScanDesc scan;
	WalUsage   *wal;
	BufferUsage *buffers;
	VsArena		arena;
} Leader;

/* ---- how many ---- */

/*
 * Whether the index's expressions and predicate may run in a worker.
 */
static bool
expressions_are_safe(Relation rel)
{
	PlannerInfo *root = makeNode(PlannerInfo);

	root->glob = makeNode(PlannerGlobal);
	root->glob->maxParallelHazard = PROPARALLEL_UNSAFE;	/* find out */
	return is_parallel_safe(root, (Node *) RelationGetIndexExpressions(rel)) &&
		is_parallel_safe(root, (Node *) RelationGetIndexPredicate(rel));
}

/*
 * Inserting into a graph is far more work than reading a row, so what counts is
 * the number of rows, and not the size of the table as for other indexes.
 */
int
vs_build_count_workers(Relation heap, Relation rel, double rows)
{
	int			most = max_parallel_maintenance_workers;

	if (most == 0 || IsInParallelMode() || !IsNormalProcessingMode() ||
		heap->rd_rel->relpersistence == RELPERSISTENCE_TEMP || !expressions_are_safe(rel))
		return 0;
	if (RelationGetParallelWorkers(heap, -1) >= 0)
		return Min(RelationGetParallelWorkers(heap, -1), most);
	return Max((int) Min(rows / MIN_ROWS, most + 1) - 1, 0);
}

/*
 * Whether shared memory can hold what private memory would hold.
 */
static bool
memory_can_be_shared(const VsBuild *build, const VsBuildPlan *plan)
{
	double		need = Min(plan->limit, plan->rows *
						   (vs_memgraph_link_bytes(&build->index) +
							vs_memgraph_vector_bytes(&build->index)) * 1.5);
	uint64		room = vs_arena_shared_room();

	if (plan->limit < MIN_SHARED_BYTES)
		return false;
	if (room >= need)
		return true;
	ereport(NOTICE,
			(errmsg("building without parallel workers: %.0f MB of shared memory would be needed, the system has %.0f MB",
					need / (1024 * 1024), room / (1024.0 * 1024)),
			 errhint("Enlarge /dev/shm (docker run --shm-size), or lower maintenance_work_mem.")));
	return false;
}

/* ---- the leader ---- */

/*
 * Reserve the shared memory of everything but the graph.
 */
static void
estimate(Leader *leader, VsBuild *build, const VsBuildPlan *plan)
{
	shm_toc_estimator *estimator = &leader->context->estimator;
	int			nworkers = leader->context->nworkers;

	shm_toc_estimate_chunk(estimator, vs_build_shared_bytes(&build->index, plan));
	shm_toc_estimate_chunk(estimator, table_parallelscan_estimate(build->heap, leader->snapshot));
	shm_toc_estimate_chunk(estimator, mul_size(sizeof(WalUsage), nworkers));
	shm_toc_estimate_chunk(estimator, mul_size(sizeof(BufferUsage), nworkers));
	shm_toc_estimate_keys(estimator, 4);
	if (debug_query_string)
	{
		shm_toc_estimate_chunk(estimator, strlen(debug_query_string) + 1);
		shm_toc_estimate_keys(estimator, 1);
	}
}

/*
 * Fill the shared memory.
 */
static void
fill(Leader *leader, VsBuild *build, const VsBuildPlan *plan)
{
	shm_toc    *toc = leader->context->toc;
	int			nworkers = leader->context->nworkers;

	leader->shared = shm_toc_allocate(toc, vs_build_shared_bytes(&build->index, plan));
	vs_build_share(build, leader->shared, plan);
	vs_arena_create_shared(&leader->arena, &VsBuildSharedGraph(leader->shared)->arena,
						   plan->limit);
	shm_toc_insert(toc, KEY_SHARED, leader->shared);

	leader->scan = shm_toc_allocate(toc, table_parallelscan_estimate(build->heap, leader->snapshot));
	table_parallelscan_initialize(build->heap, leader->scan, leader->snapshot);
	shm_toc_insert(toc, KEY_SCAN, leader->scan);

	leader->wal = shm_toc_allocate(toc, mul_size(sizeof(WalUsage), nworkers));
	shm_toc_insert(toc, KEY_WAL, leader->wal);
	leader->buffers = shm_toc_allocate(toc, mul_size(sizeof(BufferUsage), nworkers));
	shm_toc_insert(toc, KEY_BUFFERS, leader->buffers);
	if (debug_query_string)
	{
		char	   *query = shm_toc_allocate(toc, strlen(debug_query_string) + 1);

		strcpy(query, debug_query_string);
		shm_toc_insert(toc, KEY_QUERY, query);
	}
}

/* Give everything back. */
static void
end_parallel(Leader *leader)
{
	vs_arena_detach(&leader->arena);
	if (IsMVCCSnapshot(leader->snapshot))
		UnregisterSnapshot(leader->snapshot);
	DestroyParallelContext(leader->context);
	ExitParallelMode();
}

/*
 * Start workers; false, and nothing is left, if none came.
 */
static bool
begin_parallel(Leader *leader, VsBuild *build, const VsBuildPlan *plan)
{
	memset(leader, 0, sizeof(Leader));
	EnterParallelMode();
	leader->context = CreateParallelContext("vecstore", "vecstore_build_worker", plan->workers);

	/* As for other indexes: a concurrent build sees what one snapshot sees. */
	leader->snapshot = build->info->ii_Concurrent ?
		RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	estimate(leader, build, plan);
	InitializeParallelDSM(leader->context);
	if (leader->context->seg != NULL)
	{
		fill(leader, build, plan);
		LaunchParallelWorkers(leader->context);
		if (leader->context->nworkers_launched > 0)
			return true;
	}
	end_parallel(leader);
	return false;
}

bool
vs_build_parallel(VsBuild *build, const VsBuildPlan *plan,
				  double *heap_rows, double *index_rows)
{
	Leader		leader;

	if (plan->workers == 0 || !memory_can_be_shared(build, plan) ||
		!begin_parallel(&leader, build, plan))
		return false;
	ereport(DEBUG1,
			(errmsg_internal("building index \"%s\" with %d parallel workers",
							 RelationGetRelationName(build->rel),
							 leader.context->nworkers_launched)));

	vs_build_take_part(build, &leader.arena,
					   table_beginscan_parallel(build->heap, leader.scan));
	WaitForParallelWorkersToFinish(leader.context);
	for (int i = 0; i < leader.context->nworkers_launched; i++)
		InstrAccumParallelQuery(&leader.buffers[i], &leader.wal[i]);

	*heap_rows = leader.shared->heap_rows;
	*index_rows = pg_atomic_read_u64(&leader.shared->rows);
	build->info->ii_BrokenHotChain |= leader.shared->broken_hot_chain;
	build->meta.vertices = VsBuildSharedGraph(leader.shared)->n +
		pg_atomic_read_u64(&leader.shared->inserted);
	end_parallel(&leader);
	return true;
}

/* ---- a worker ---- */

extern PGDLLEXPORT void vecstore_build_worker(dsm_segment *seg, shm_toc *toc);

void
vecstore_build_worker(dsm_segment *seg, shm_toc *toc)
{
	VsBuildShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);
	ParallelTableScanDesc scan = shm_toc_lookup(toc, KEY_SCAN, false);
	WalUsage   *wal = shm_toc_lookup(toc, KEY_WAL, false);
	BufferUsage *buffers = shm_toc_lookup(toc, KEY_BUFFERS, false);
	VsBuild		build = {.shared = shared};
	VsArena		arena = {0};

	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	/* The leader holds the same locks; they do not conflict within a group. */
	build.heap = table_open(shared->heap, shared->concurrent ?
							ShareUpdateExclusiveLock : ShareLock);
	build.rel = index_open(shared->index, shared->concurrent ?
						   RowExclusiveLock : AccessExclusiveLock);
	build.info = BuildIndexInfo(build.rel);
	build.info->ii_Concurrent = shared->concurrent;
	build.meta = shared->meta;
	build.index = vs_index_from_meta(&build.meta);
	vs_edit_unlogged(shared->index);

	InstrStartParallelQuery();
	vs_build_take_part(&build, &arena, table_beginscan_parallel(build.heap, scan));
	InstrEndParallelQuery(&buffers[ParallelWorkerNumber], &wal[ParallelWorkerNumber]);

	index_close(build.rel, NoLock);
	table_close(build.heap, NoLock);
}
