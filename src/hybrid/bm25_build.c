/*
 * bm25_build.c
 *		CREATE INDEX: one process or several scan the table, and one segment comes out.
 *
 *	scanning table		each process collects rows in memory; what fills its share of
 *						maintenance_work_mem goes into a temporary file as a run, a
 *						segment that is not in pages yet
 *	merging segments	each makes one run of its own, then the leader makes a segment
 *						of these
 *	writing pages		the index is written once, and is as small as it can be
 *
 * With one process and enough memory there is no run and nothing to merge.  Workers
 * write no page: what they made comes to the leader in files that they share.  With
 * fewer workers than asked for the build goes on, with none it is done alone.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/progress.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_merge.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "parallel.h"
#include "port/atomics.h"
#include "storage/sharedfileset.h"
#include "storage/spin.h"
#include "toast.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"

/* Phases in pg_stat_progress_create_index; the first is the server's. */
#define PHASE_SCAN		(PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 1)
#define PHASE_MERGE		(PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 2)
#define PHASE_WRITE		(PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE + 3)

/* A process that has so many runs makes one of the smaller half. */
#define MAX_RUNS		16

/* What the processes share: what is to be done, and what each has made. */
typedef struct Shared
{
	VsParallelShared parallel;
	Size		limit;			/* bytes of memory for each process */
	SharedFileSet files;
	pg_atomic_uint64 rows;
	slock_t		mutex;
	double		heap_rows;
	bool		broken_hot_chain;
	VsBm25Segment runs[FLEXIBLE_ARRAY_MEMBER];	/* of the processes, the leader's first */
} Shared;

/* What a process has of a build. */
typedef struct Build
{
	Relation	heap;
	Relation	rel;
	IndexInfo  *info;
	Shared	   *shared;			/* NULL if it builds alone */
	bool		leader;
	Size		limit;
	VsBm25Analyzer *analyzer;
	MemoryContext context;
	MemoryContext row;			/* reset after each */
	VsBm25Collector *collector;
	VsBm25Run	runs[MAX_RUNS];
	int			nruns;
	double		heap_rows;
	double		rows;
} Build;

char *
vs_bm25_build_phase(int64 phase)
{
	switch (phase)
	{
		case PROGRESS_CREATEIDX_SUBPHASE_INITIALIZE:
			return "initializing";
		case PHASE_SCAN:
			return "scanning table";
		case PHASE_MERGE:
			return "merging segments";
		case PHASE_WRITE:
			return "writing pages";
		default:
			return NULL;
	}
}

static void
report_phase(const Build *build, int phase)
{
	if (build->leader)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, phase);
}

/* ---- rows ---- */

static int
compare_runs(const void *a, const void *b)
{
	uint64		x = ((const VsBm25Run *) a)->segment.dict_at;
	uint64		y = ((const VsBm25Run *) b)->segment.dict_at;

	return x < y ? -1 : x > y;
}

/* Make a run of the rows collected. */
static void
write_run(Build *build)
{
	VsBm25Writer *writer;

	if (build->nruns == MAX_RUNS)
	{
		int			n = MAX_RUNS / 2;
		VsBm25Run	merged;

		qsort(build->runs, build->nruns, sizeof(VsBm25Run), compare_runs);
		vs_bm25_writer_keep(vs_bm25_merge_runs(build->runs, n, NULL, NULL), &merged);
		memmove(&build->runs[1], &build->runs[n], (build->nruns - n) * sizeof(VsBm25Run));
		build->runs[0] = merged;
		build->nruns -= n - 1;
	}
	writer = vs_bm25_writer_begin(NULL, NULL);
	vs_bm25_collector_write(build->collector, writer);
	vs_bm25_collector_free(build->collector);
	build->collector = NULL;
	vs_bm25_writer_keep(writer, &build->runs[build->nruns++]);
}

/* Count a row. */
static void
report_row(Build *build)
{
	uint64		rows = ++build->rows;

	if (build->shared)
		rows = pg_atomic_add_fetch_u64(&build->shared->rows, 1);
	if (build->leader)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, rows);
}

/* Collect a row; what is collected becomes a run when it fills memory. */
static void
add_row(Build *build, const ItemPointerData *tid, Datum value, bool isnull)
{
	VsBm25Document document;

	vs_bm25_analyze_unsorted(build->analyzer, value, isnull, &document);
	document.tid = *tid;
	MemoryContextSwitchTo(build->context);
	vs_bm25_collector_add(build->collector, &document);
	if (vs_bm25_collector_bytes(build->collector) > build->limit)
	{
		write_run(build);
		build->collector = vs_bm25_collector_create(build->context);
	}
	report_row(build);
}

static void
build_callback(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	Build	   *build = state;
	MemoryContext old = MemoryContextSwitchTo(build->row);

	if (alive || isnull[0] || vs_toast_take_dead(&values[0]))
		add_row(build, tid, values[0], isnull[0]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->row);
}

/*
 * Scan the table, or the part of it that others leave, and write all rows, into files
 * with a name if one is given.
 */
static VsBm25Writer *
collect_rows(Build *build, TableScanDesc scan, FileSet *files, const char *name)
{
	VsBm25Writer *writer;

	report_phase(build, PHASE_SCAN);
	build->context = CurrentMemoryContext;
	build->row = AllocSetContextCreate(CurrentMemoryContext, "vecstore_bm25 row",
									   ALLOCSET_DEFAULT_SIZES);
	build->analyzer = vs_bm25_analyzer_open(build->rel);
	build->collector = vs_bm25_collector_create(build->context);
	build->heap_rows = table_index_build_scan(build->heap, build->rel, build->info, false,
											  build->leader, build_callback, build, scan);
	report_phase(build, PHASE_MERGE);
	if (build->nruns > 0)
	{
		write_run(build);
		return vs_bm25_merge_runs(build->runs, build->nruns, files, name);
	}
	writer = vs_bm25_writer_begin(files, name);
	vs_bm25_collector_write(build->collector, writer);
	vs_bm25_collector_free(build->collector);
	return writer;
}

/* ---- several processes ---- */

static void
name_run(char name[32], int process)
{
	snprintf(name, 32, "bm25.%d", process);
}

/* Do a process's part; the leader is number 0. */
static void
take_part(Build *build, int process, TableScanDesc scan)
{
	Shared	   *shared = build->shared;
	VsBm25Run	run;
	char		name[32];

	name_run(name, process);
	build->limit = shared->limit;
	vs_bm25_writer_keep(collect_rows(build, scan, &shared->files.fs, name), &run);
	SpinLockAcquire(&shared->mutex);
	shared->runs[process] = run.segment;
	shared->heap_rows += build->heap_rows;
	shared->broken_hot_chain |= build->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
}

static Size
shared_bytes(int nworkers)
{
	return offsetof(Shared, runs) + (nworkers + 1) * sizeof(VsBm25Segment);
}

/* Fill the shared memory. */
static void
fill(VsParallelLeader *leader, void *arg)
{
	Build	   *build = arg;
	Shared	   *shared = leader->shared;

	memset(shared, 0, shared_bytes(leader->context->nworkers));
	shared->limit = build->limit / (leader->context->nworkers + 1);
	SharedFileSetInit(&shared->files, leader->context->seg);
	pg_atomic_init_u64(&shared->rows, 0);
	SpinLockInit(&shared->mutex);
	build->shared = shared;
}

/* Give everything back. */
static void
end_parallel(VsParallelLeader *leader, Build *build)
{
	build->shared = NULL;
	vs_parallel_end(leader);
}

/* Start workers; false, and nothing is left, if none came. */
static bool
begin_parallel(VsParallelLeader *leader, Build *build, int nworkers)
{
	VsParallelTask task = {
		.heap = build->heap,
		.rel = build->rel,
		.info = build->info,
		.worker = "vecstore_bm25_build_worker",
		.nworkers = nworkers,
		.shared_bytes = shared_bytes(nworkers)
	};

	if (vs_parallel_begin(leader, &task, fill, build))
		return true;
	end_parallel(leader, build);
	return false;
}

/* Make one of the runs that all processes left, and add it to the index. */
static void
add_runs(Build *build, int nworkers)
{
	Shared	   *shared = build->shared;
	VsBm25Run  *runs = palloc((nworkers + 1) * sizeof(VsBm25Run));
	int			n = 0;
	VsBm25Writer *writer;

	for (int i = 0; i <= nworkers; i++)
	{
		char		name[32];

		if (shared->runs[i].ndocs + shared->runs[i].nnulls == 0)
			continue;
		name_run(name, i);
		runs[n].segment = shared->runs[i];
		vs_bm25_run_open(&runs[n++], &shared->files.fs, name);
	}
	writer = vs_bm25_merge_runs(runs, n, NULL, NULL);
	report_phase(build, PHASE_WRITE);
	vs_bm25_add_written(build->rel, writer);
	pfree(runs);
}

/* Build with workers; false if there are none. */
static bool
build_parallel(Build *build, int nworkers)
{
	VsParallelLeader leader;
	Shared	   *shared;

	if (nworkers == 0 || !begin_parallel(&leader, build, nworkers))
		return false;
	nworkers = leader.context->nworkers_launched;
	shared = build->shared;
	ereport(DEBUG1,
			(errmsg_internal("building index \"%s\" with %d parallel workers",
							 RelationGetRelationName(build->rel), nworkers)));

	take_part(build, 0, table_beginscan_parallel(build->heap, leader.scan));
	vs_parallel_wait(&leader);
	add_runs(build, nworkers);

	build->heap_rows = shared->heap_rows;
	build->rows = pg_atomic_read_u64(&shared->rows);
	build->info->ii_BrokenHotChain |= shared->broken_hot_chain;
	end_parallel(&leader, build);
	return true;
}

extern PGDLLEXPORT void vecstore_bm25_build_worker(dsm_segment *seg, shm_toc *toc);

void
vecstore_bm25_build_worker(dsm_segment *seg, shm_toc *toc)
{
	VsParallelWorker worker;
	Build		build = {0};

	vs_parallel_worker_begin(&worker, toc);
	build.heap = worker.heap;
	build.rel = worker.rel;
	build.info = worker.info;
	build.shared = worker.shared;
	SharedFileSetAttach(&build.shared->files, seg);
	take_part(&build, ParallelWorkerNumber + 1, table_beginscan_parallel(build.heap, worker.scan));
	vs_parallel_worker_end(&worker);
}

/* ---- the build ---- */

/*
 * How many workers: the server's own rule, by the size of the table, for the AMs it
 * asks.  Before 17 it asks B-trees alone.
 */
static int
count_workers(const Build *build)
{
	if (IsInParallelMode() || !IsNormalProcessingMode())
		return 0;
	return plan_create_index_workers(RelationGetRelid(build->heap), RelationGetRelid(build->rel));
}

/* Build with this process alone. */
static void
build_alone(Build *build)
{
	VsBm25Writer *writer = collect_rows(build, NULL, NULL, NULL);

	report_phase(build, PHASE_WRITE);
	vs_bm25_add_written(build->rel, writer);
}

IndexBuildResult *
vs_bm25_build(Relation heap, Relation rel, IndexInfo *info)
{
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	Build		build = {.heap = heap,.rel = rel,.info = info,.leader = true};

	if (RelationGetNumberOfBlocks(rel) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(rel));
	build.limit = (Size) maintenance_work_mem * 1024;
	if (heap->rd_rel->reltuples > 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
									 (int64) heap->rd_rel->reltuples);
	vs_bm25_meta_create(rel, MAIN_FORKNUM, vs_bm25_analyzer_open(rel)->version);
	if (!build_parallel(&build, count_workers(&build)))
		build_alone(&build);
	result->heap_tuples = build.heap_rows;
	result->index_tuples = build.rows;
	return result;
}
