/*
 * build.c
 *		CREATE INDEX: the graph grows in memory, then its pages are written.
 *
 * One process or several (buildparallel.c) go through these phases together:
 *
 *	building graph in memory	one vertex a row, with graph.c's algorithms
 *	laying out pages			one process connects what no path leads to, while
 *								the others make room for all pages
 *	writing pages				HEAD pages in the order of the vertices, tails
 *	inserting rows on pages		only if memory ran out: the remaining rows go
 *								in as INSERT does it, but unlogged
 *	logging pages				when nothing changes them any more; those written
 *								without rows to follow are logged by then
 *
 * Memory.  The graph keeps links and, while they last, vectors within
 * maintenance_work_mem.  If that is too small for both, as many vectors stay in
 * memory as leave room for all links, and the others lie on their HEAD pages
 * from the start (memgraph.h).  So the time of a build goes up by little while
 * the links fit, which take some hundred bytes a row.  Only beyond that are
 * rows inserted one by one.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/detoast.h"
#include "access/heaptoast.h"
#include "access/tableam.h"
#include "access/xloginsert.h"
#include "am/build.h"
#include "am/row.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "pgstat.h"
#include "toast.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

/* Of maintenance_work_mem, what is kept for all but the graph: 1 / HEADROOM. */
#define HEADROOM			32

/*
 * Room left for links, as a multiple of what the estimated rows need: the
 * estimate may be low, and memory is taken in chunks.
 */
#define LINKS_MARGIN		1.05

/*
 * Rounding to 8 bits is relative to a vector's length.  Where that is so many times
 * what rows differ by, it blurs distances as much as codes do, and "auto" keeps
 * floats.  So many rows are looked at to tell.
 */
#define FAR_AWAY			10
#define SAMPLED_ROWS		200

/* While connecting, a byte and two bits a vertex are needed. */
#define CONNECT_BYTES		2

/* ---- what is to be built ---- */

/*
 * Options of the index, or the defaults.
 */
static void
read_options(Relation rel, VsMeta *meta)
{
	VsOptions  *options = (VsOptions *) rel->rd_options;
	int			dims = VS_TYPMOD_DIM(TupleDescAttr(RelationGetDescr(rel), 0)->atttypmod);
	VsQuantization quantization = options ? options->quantization : VS_QUANTIZATION_AUTO;

	if (TupleDescAttr(RelationGetDescr(rel), 0)->atttypmod < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("column does not have dimensions"),
				 errhint("Declare it as vecstore(n), or index the expression (column::vecstore(n)).")));
	if (!vs_meta_init(meta, vs_index_metric(rel), dims,
					  options ? options->m : VS_DEFAULT_M,
					  options ? options->ef_construction : VS_DEFAULT_EF_CONSTRUCTION,
					  quantization))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("quantization \"rabitq\" is not available for this index"),
				 errdetail("There are codes for L2, inner product and cosine, where a vector's codes of m neighbours fit a page."),
				 errhint("Use \"auto\" or \"none\".")));
}

/* Sums over vectors. */
typedef struct Spread
{
	int			dims;
	int			n;
	double	   *sum;			/* of each coordinate */
	double		square;			/* of all coordinates' squares */
} Spread;

/* Whether the vectors' mean is far from the origin, as compared with their spread. */
static bool
is_far_away(const Spread *spread)
{
	double		mean = 0;

	for (int i = 0; i < spread->dims; i++)
		mean += (spread->sum[i] / spread->n) * (spread->sum[i] / spread->n);
	return spread->n > 1 &&
		mean > FAR_AWAY * FAR_AWAY * Max(spread->square / spread->n - mean, 0);
}

/* Add a vector to the sums; NULL for none. */
static void
add_to_spread(Spread *spread, const float *vector)
{
	if (vector == NULL)
		return;
	for (int i = 0; i < spread->dims; i++)
	{
		spread->sum[i] += vector[i];
		spread->square += (double) vector[i] * vector[i];
	}
	spread->n++;
}

/*
 * Look at the first rows of the table: are they such that codes serve them?
 */
static bool
suits_codes(VsBuild *build)
{
	Spread		spread = {.dims = build->index.dims};
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc scan = table_beginscan(build->heap, snapshot, 0, NULL);
	TupleTableSlot *slot = table_slot_create(build->heap, NULL);
	VsRowReader reader;

	spread.sum = palloc0(spread.dims * sizeof(double));
	vs_rowreader_init(&reader, build->rel, true);
	for (int rows = 0; rows < SAMPLED_ROWS &&
		 table_scan_getnextslot(scan, ForwardScanDirection, slot); rows++)
	{
		MemoryContext old;
		Datum		value;

		CHECK_FOR_INTERRUPTS();
		if (!vs_rowreader_value(&reader, slot, &value))
			continue;
		old = MemoryContextSwitchTo(VsRowReaderMemory(&reader));
		add_to_spread(&spread, vs_index_form_vector(build->rel, &build->index, value));
		MemoryContextSwitchTo(old);
	}
	vs_rowreader_end(&reader);
	ExecDropSingleTupleTableSlot(slot);
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	return !is_far_away(&spread);
}

/*
 * What the index is to be: its options, and what "auto" makes of the rows.
 */
static void
choose_form(VsBuild *build)
{
	VsMeta	   *meta = &build->meta;

	read_options(build->rel, meta);
	build->index = vs_index_from_meta(meta);
	if (meta->quantization != VS_QUANTIZATION_AUTO || build->index.bits == 0 ||
		suits_codes(build))
		return;
	vs_meta_init(meta, (VsMetric) meta->metric, meta->dims, meta->m, meta->ef_construction,
				 VS_QUANTIZATION_NONE);
	meta->quantization = VS_QUANTIZATION_AUTO;
	build->index = vs_index_from_meta(meta);
}

/*
 * Rows of the table, from its statistics, else from its size.  The server knows
 * nothing of the width of vectors: those of the column's type are taken to be
 * like the indexed one, in line or as TOAST has it.  A predicate is not looked
 * at: of a partial index this is the most there can be.
 */
static double
estimate_rows(const VsBuild *build)
{
	TupleDesc	desc = RelationGetDescr(build->heap);
	Oid			type = TupleDescAttr(RelationGetDescr(build->rel), 0)->atttypid;
	int32	   *widths = palloc0((desc->natts + 1) * sizeof(int32));
	Size		bytes = VS_VECTOR_SIZE(build->index.dims);
	BlockNumber pages;
	double		rows;
	double		all_visible;

	for (int i = 0; i < desc->natts; i++)
		if (TupleDescAttr(desc, i)->atttypid == type)
			widths[i + 1] = bytes <= TOAST_TUPLE_THRESHOLD ||
				TupleDescAttr(desc, i)->attstorage == TYPSTORAGE_PLAIN ?
				bytes : TOAST_POINTER_SIZE;
	estimate_rel_size(build->heap, widths, &pages, &rows, &all_visible);
	pfree(widths);
	return rows;
}

/*
 * How memory is to be used; said before the work starts if it is short.
 */
static VsBuildPlan
plan_memory(VsBuild *build)
{
	VsBuildPlan plan = {.rows = estimate_rows(build)};
	double		links = vs_memgraph_link_bytes(&build->index) + CONNECT_BYTES;
	double		sketch = vs_memgraph_sketch_bytes(&build->index) * LINKS_MARGIN;
	double		vectors = vs_memgraph_vector_bytes(&build->index);
	double		need = plan.rows * (links + vectors);
	bool		links_fit;

	plan.limit = (uint64) maintenance_work_mem * 1024;
	plan.limit -= plan.limit / HEADROOM;
	links *= LINKS_MARGIN;
	plan.sketched = sketch > 0 && plan.rows * (links + sketch) <= plan.limit;
	if (plan.sketched)
		links += sketch;
	links_fit = plan.rows * links <= plan.limit;
	if (build->index.ntails > 0)
		plan.nvectors = PG_INT64_MAX;	/* none has a place elsewhere */
	else
		plan.nvectors = (int64) (Max(plan.limit - plan.rows * links, 0) / vectors);
	if (need > plan.limit && build->heap->rd_rel->reltuples > 0 &&
		build->info->ii_Predicate == NIL)
		ereport(NOTICE,
				(errmsg("the graph of about %.0f rows needs about %.0f MB of maintenance_work_mem",
						plan.rows, ceil(need / (1024 * 1024))),
				 build->index.ntails == 0 && links_fit ?
				 errdetail("maintenance_work_mem is %d MB; %.0f%% of the vectors will be read from the index's pages, which is slower.",
						   maintenance_work_mem / 1024,
						   100 * (1 - Min(plan.nvectors / plan.rows, 1))) :
				 errdetail("maintenance_work_mem is %d MB; the rows that do not fit are inserted one by one, which is slower.",
						   maintenance_work_mem / 1024)));
	return plan;
}

Size
vs_build_shared_bytes(const VsIndex *index, const VsBuildPlan *plan)
{
	return MAXALIGN(sizeof(VsBuildShared)) + vs_memgraph_shared_bytes(index, plan->limit);
}

void
vs_build_share(VsBuild *build, VsBuildShared *shared, const VsBuildPlan *plan)
{
	memset(shared, 0, sizeof(VsBuildShared));
	shared->meta = build->meta;
	shared->expected = plan->rows;
	BarrierInit(&shared->barrier, 0);
	pg_atomic_init_u32(&shared->full, 0);
	pg_atomic_init_u64(&shared->rows, 0);
	pg_atomic_init_u64(&shared->inserted, 0);
	pg_atomic_init_u64(&shared->next_write, 0);
	pg_atomic_init_u64(&shared->next_log, 0);
	SpinLockInit(&shared->mutex);
	vs_memgraph_share(VsBuildSharedGraph(shared), &build->index, plan->limit, plan->nvectors,
					  plan->sketched);
	build->shared = shared;
}

/* ---- from memory to pages ---- */

/*
 * One process says that memory ran out, if it did, and connects the graph.
 */
static void
connect_graph(VsBuild *build)
{
	if (pg_atomic_read_u32(&build->shared->full))
		ereport(NOTICE,
				(errmsg("the graph no longer fits into maintenance_work_mem after %.0f rows",
						(double) pg_atomic_read_u64(&build->shared->rows)),
				 errdetail("The remaining rows are inserted one by one, which is slower."),
				 errhint("Increase maintenance_work_mem to build faster.")));
	vs_memgraph_connect(&build->graph);
	vs_build_write_meta(build);
}

/*
 * The graph is complete, or memory has run out: write it, all processes
 * together.  One that came late joins where the others are.  From then on this
 * process inserts on pages.
 */
static void
finish_graph(VsBuild *build)
{
	MemoryContext old = MemoryContextSwitchTo(build->context);
	Barrier    *barrier = &build->shared->barrier;
	bool		first = false;

	if (build->leader)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_LAYOUT);
	if (BarrierPhase(barrier) == VS_BUILD_GRAPH)
		BarrierArriveAndWait(barrier, PG_WAIT_EXTENSION);
	vs_build_lay_out(build);
	switch (BarrierPhase(barrier))
	{
		case VS_BUILD_COUNT:
			vs_memgraph_count(&build->graph);
			BarrierArriveAndWait(barrier, PG_WAIT_EXTENSION);
			/* fall through */
		case VS_BUILD_SHRINK:
			vs_memgraph_shrink(&build->graph);
			first = BarrierArriveAndWait(barrier, PG_WAIT_EXTENSION);
			/* fall through */
		case VS_BUILD_LAYOUT:
			if (first)
				connect_graph(build);
			vs_memgraph_extend(&build->graph, build->layout.nblocks);
			BarrierArriveAndWait(barrier, PG_WAIT_EXTENSION);
			/* fall through */
		case VS_BUILD_WRITE:
			vs_build_write(build);
			BarrierArriveAndWait(barrier, PG_WAIT_EXTENSION);
			/* fall through */
		default:
			break;
	}
	vs_arena_detach(build->graph.arena);
	if (build->graph.arena->context)
		MemoryContextReset(build->graph.arena->context);

	if (build->leader)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_INSERT);
	build->inserter = vs_inserter_create(build->rel, build->context);
	for (int kind = 0; kind < VS_ROWS_KINDS; kind++)
		vs_insert_aside(build->rel, kind, build->aside[kind].tids, build->aside[kind].n);
	MemoryContextSwitchTo(old);
}

/* ---- rows ---- */

/*
 * Remember a row aside, until lists of them are written.  What its list takes counts like
 * the graph.
 */
static void
add_aside(VsBuild *build, VsRowsKind kind, const ItemPointerData *tid)
{
	VsTidList  *list = &build->aside[kind];

	if (build->inserter)
	{
		vs_insert_aside(build->rel, kind, tid, 1);
		return;
	}
	if (list->n == list->size)
	{
		int64		size = Max(128, list->size * 2);

		if (!vs_arena_charge(build->graph.arena, (size - list->size) * sizeof(ItemPointerData)))
			pg_atomic_write_u32(&build->shared->full, 1);
		list->tids = list->tids ?
			repalloc_huge(list->tids, size * sizeof(ItemPointerData)) :
			MemoryContextAlloc(build->context, size * sizeof(ItemPointerData));
		list->size = size;
	}
	list->tids[list->n++] = *tid;
}

/* A row is where it belongs. */
static void
count_row(VsBuild *build)
{
	uint64		rows = pg_atomic_add_fetch_u64(&build->shared->rows, 1);

	if (build->leader)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, rows);
}

/*
 * Put a row into the graph in memory; false if that is full.
 */
static bool
add_to_graph(VsBuild *build, const void *vector, const ItemPointerData *tid)
{
	if (build->inserter || pg_atomic_read_u32(&build->shared->full))
		return false;
	if (vs_memgraph_insert(&build->graph, &build->search, vector, tid))
		return true;
	pg_atomic_write_u32(&build->shared->full, 1);
	return false;
}

/*
 * Half of what is left for each process: the last batches are short, so that all come to
 * an end together.
 */
static double
rows_for_batch(VsBuildShared *shared)
{
	double		left = shared->expected - (double) pg_atomic_read_u64(&shared->rows);

	return left / (2 * Max(1, BarrierParticipants(&shared->barrier)));
}

/*
 * Link the rows that wait: in memory, or on pages from where it is full.
 */
static void
link_batch(VsBuild *build)
{
	MemoryContext old = MemoryContextSwitchTo(build->scratch);
	int			n = vs_batch_order(build->batch, &build->graph.graph);

	for (int i = 0; i < n; i++)
	{
		ItemPointerData tid;
		const void *vector = vs_batch_row(build->batch, i, &tid);

		if (!add_to_graph(build, vector, &tid))
		{
			if (build->inserter == NULL)
				finish_graph(build);
			vs_inserter_insert_kept(build->inserter, vector, &tid);
			pg_atomic_fetch_add_u64(&build->shared->inserted, 1);
		}
		count_row(build);
		MemoryContextReset(build->scratch);
	}
	vs_batch_next(build->batch, rows_for_batch(build->shared));
	MemoryContextSwitchTo(old);
}

/*
 * Put a row where it waits to be linked, or aside; true if those that wait are due.
 */
static bool
add_row(VsBuild *build, const ItemPointerData *tid, Datum value, bool isnull)
{
	const float *vector = isnull ? NULL : vs_index_form_vector(build->rel, &build->index, value);

	if (vector)
		return vs_batch_add(build->batch, vs_index_kept_vector(&build->index, vector), tid);
	add_aside(build, isnull ? VS_ROWS_NULL : VS_ROWS_UNRANKED, tid);
	count_row(build);
	return false;
}

/*
 * A row of the table.  Others may have found that memory is full, and wait.
 */
static void
build_callback(Relation rel, ItemPointer tid, Datum *values, bool *isnull,
			   bool alive, void *state)
{
	VsBuild    *build = state;
	MemoryContext old = MemoryContextSwitchTo(build->scratch);
	bool		due = build->inserter || pg_atomic_read_u32(&build->shared->full);

	if (alive || isnull[0] || vs_toast_take_dead(&values[0]))
		due |= add_row(build, tid, values[0], isnull[0]);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->scratch);
	if (due)
		link_batch(build);
}

void
vs_build_take_part(VsBuild *build, VsArena *arena, TableScanDesc scan)
{
	VsBuildShared *shared = build->shared;
	MemoryContext old;
	double		heap_rows;
	int			phase;

	build->context = AllocSetContextCreate(CurrentMemoryContext, "vecstore build",
										   ALLOCSET_DEFAULT_SIZES);
	build->scratch = AllocSetContextCreate(build->context, "vecstore build row",
										   ALLOCSET_DEFAULT_SIZES);
	vs_memgraph_init(&build->graph, VsBuildSharedGraph(shared), arena, &build->index,
					 build->rel, build->context);
	vs_search_init(&build->search, &build->graph.graph, build->context);
	old = MemoryContextSwitchTo(build->context);
	build->batch = vs_batch_create(&build->index);
	MemoryContextSwitchTo(old);
	build->members = MemoryContextAlloc(build->context,
										VsLinksRoom(&build->index, 0) * sizeof(VsCandidate));

	/* The graph's memory lasts until all who came before its end let go of it. */
	phase = BarrierAttach(&shared->barrier);
	if (!build->leader && phase <= VS_BUILD_WRITE)
		vs_arena_attach(arena, &VsBuildSharedGraph(shared)->arena);
	if (phase != VS_BUILD_GRAPH)
		finish_graph(build);
	else if (build->leader)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_GRAPH);
	heap_rows = table_index_build_scan(build->heap, build->rel, build->info, true,
									   build->leader, build_callback, build, scan);
	build->scanned = true;
	link_batch(build);
	if (build->inserter == NULL)
		finish_graph(build);
	if (BarrierPhase(&shared->barrier) == VS_BUILD_INSERT)
		BarrierArriveAndWait(&shared->barrier, PG_WAIT_EXTENSION);
	vs_build_log(build);
	BarrierDetach(&shared->barrier);

	SpinLockAcquire(&shared->mutex);
	shared->heap_rows += heap_rows;
	shared->broken_hot_chain |= build->info->ii_BrokenHotChain;
	SpinLockRelease(&shared->mutex);
	MemoryContextDelete(build->context);
}

/* ---- entry points ---- */

/*
 * Build with this process alone.
 */
static void
build_alone(VsBuild *build, const VsBuildPlan *plan, double *heap_rows, double *index_rows)
{
	VsBuildShared *shared = MemoryContextAllocExtended(CurrentMemoryContext,
													   vs_build_shared_bytes(&build->index, plan),
													   MCXT_ALLOC_HUGE);
	VsArena		arena;

	vs_build_share(build, shared, plan);
	vs_arena_create(&arena, &VsBuildSharedGraph(shared)->arena, plan->limit,
					AllocSetContextCreate(CurrentMemoryContext, "vecstore build graph",
										  ALLOCSET_DEFAULT_SIZES));
	vs_build_take_part(build, &arena, NULL);
	*heap_rows = shared->heap_rows;
	*index_rows = pg_atomic_read_u64(&shared->rows);
	build->meta.vertices = VsBuildSharedGraph(shared)->n +
		pg_atomic_read_u64(&shared->inserted);
	MemoryContextDelete(arena.context);
	pfree(shared);
}

/* The first block of a fork, its metapage to be. */
static Buffer
begin_relation(Relation rel, ForkNumber fork)
{
	Buffer		buffer = vs_extend(rel, fork);

	Assert(BufferGetBlockNumber(buffer) == VS_META_BLOCK);
	return buffer;
}

IndexBuildResult *
vs_build(Relation heap, Relation rel, IndexInfo *info)
{
	VsBuild		build = {.heap = heap,.rel = rel,.info = info,.leader = true};
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));
	VsBuildPlan plan;
	Oid			unlogged;

	if (RelationGetNumberOfBlocks(rel) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(rel));

	choose_form(&build);
	UnlockReleaseBuffer(begin_relation(rel, MAIN_FORKNUM));
	plan = plan_memory(&build);
	plan.workers = vs_build_count_workers(heap, rel, plan.rows);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL, (int64) plan.rows);

	unlogged = vs_edit_unlogged(RelationGetRelid(rel));
	PG_TRY();
	{
		if (!vs_build_parallel(&build, &plan, &result->heap_tuples, &result->index_tuples))
			build_alone(&build, &plan, &result->heap_tuples, &result->index_tuples);
	}
	PG_FINALLY();
	{
		vs_edit_unlogged(unlogged);
	}
	PG_END_TRY();
	if (vs_meta_read(rel).vertices != build.meta.vertices)
		vs_meta_set_vertices(rel, build.meta.vertices);
	return result;
}

/*
 * The init fork of an unlogged index: an empty graph.
 */
void
vs_buildempty(Relation rel)
{
	VsMeta		meta;
	Buffer		buffer;

	read_options(rel, &meta);

	/* The init fork must reach the disk: log it whatever the persistence. */
	buffer = begin_relation(rel, INIT_FORKNUM);
	START_CRIT_SECTION();
	vs_meta_form_page(BufferGetPage(buffer), &meta);
	MarkBufferDirty(buffer);
	log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}
