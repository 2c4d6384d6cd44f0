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

#include "am/build.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"

/* A process is worth starting for so many rows, some tenths of a second. */
#define MIN_ROWS		5000

/* With less memory than this the overhead of sharing it counts. */
#define MIN_SHARED_BYTES	((uint64) 2 * 1024 * 1024)

/* Everything the leader holds of a parallel build. */
typedef struct Leader
{
	VsParallelLeader parallel;
	VsBuild    *build;
	const VsBuildPlan *plan;
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
							vs_memgraph_vector_bytes(&build->index) +
							(plan->sketched ? vs_memgraph_sketch_bytes(&build->index) : 0)) * 1.5);
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

/* Fill the shared memory; the graph has memory of its own. */
static void
fill(VsParallelLeader *parallel, void *arg)
{
	Leader	   *leader = arg;
	VsBuildShared *shared = parallel->shared;

	vs_build_share(leader->build, shared, leader->plan);
	vs_arena_create_shared(&leader->arena, &VsBuildSharedGraph(shared)->arena, leader->plan->limit);
}

/* Start workers; false, and nothing is left, if none came. */
static bool
begin_parallel(Leader *leader)
{
	VsBuild    *build = leader->build;
	VsParallelTask task = {
		.heap = build->heap,
		.rel = build->rel,
		.info = build->info,
		.worker = "vecstore_build_worker",
		.nworkers = leader->plan->workers,
		.shared_bytes = vs_build_shared_bytes(&build->index, leader->plan)
	};

	if (vs_parallel_begin(&leader->parallel, &task, fill, leader))
		return true;
	vs_arena_detach(&leader->arena);
	vs_parallel_end(&leader->parallel);
	return false;
}

bool
vs_build_parallel(VsBuild *build, const VsBuildPlan *plan,
				  double *heap_rows, double *index_rows)
{
	Leader		leader = {.build = build,.plan = plan};
	VsBuildShared *shared;

	if (plan->workers == 0 || !memory_can_be_shared(build, plan) || !begin_parallel(&leader))
		return false;
	shared = leader.parallel.shared;
	ereport(DEBUG1,
			(errmsg_internal("building index \"%s\" with %d parallel workers",
							 RelationGetRelationName(build->rel),
							 leader.parallel.context->nworkers_launched)));

	vs_build_take_part(build, &leader.arena,
					   table_beginscan_parallel(build->heap, leader.parallel.scan));
	vs_parallel_wait(&leader.parallel);

	*heap_rows = shared->heap_rows;
	*index_rows = pg_atomic_read_u64(&shared->rows);
	build->info->ii_BrokenHotChain |= shared->broken_hot_chain;
	build->meta.vertices = VsBuildSharedGraph(shared)->n + pg_atomic_read_u64(&shared->inserted);
	vs_arena_detach(&leader.arena);
	vs_parallel_end(&leader.parallel);
	return true;
}

/* ---- a worker ---- */

extern PGDLLEXPORT void vecstore_build_worker(dsm_segment *seg, shm_toc *toc);

void
vecstore_build_worker(dsm_segment *seg, shm_toc *toc)
{
	VsParallelWorker worker;
	VsBuild		build = {0};
	VsArena		arena = {0};

	vs_parallel_worker_begin(&worker, toc);
	build.heap = worker.heap;
	build.rel = worker.rel;
	build.info = worker.info;
	build.shared = worker.shared;
	build.meta = build.shared->meta;
	build.index = vs_index_from_meta(&build.meta);
	vs_edit_unlogged(RelationGetRelid(build.rel));
	vs_build_take_part(&build, &arena, table_beginscan_parallel(build.heap, worker.scan));
	vs_parallel_worker_end(&worker);
}
