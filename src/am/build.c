/*
 * build.c
 *		CREATE INDEX: the graph grows in memory, then its pages are written.
 *
 * Phases, as pg_stat_progress_create_index shows them:
 *
 *	building graph in memory	one vertex a row, with graph.c's algorithms, as
 *								long as maintenance_work_mem lasts
 *	writing pages				HEAD pages in the order of the rows, then AUX
 *								pages, each once, sequentially; then one pass
 *								of log_newpage_range()
 *	inserting rows on pages		only if memory ran out: the remaining rows go
 *								in one by one, as INSERT does it
 *
 * Slots are of one size, so vertex number i gets HEAD page 1 + i / slots and
 * its id follows without a table.  What lies on AUX pages is laid out first, to
 * know where it will be, and written in the same order afterwards.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/tableam.h"
#include "access/xloginsert.h"
#include "am/am.h"
#include "am/insert.h"
#include "am/memgraph.h"
#include "catalog/index.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "pgstat.h"

/* A growing list of heap TIDs of rows aside. */
typedef struct TidList
{
	ItemPointerData *tids;
	int64		n;
	int64		size;
} TidList;

/* One AUX tuple, laid out: what it is of, and where it goes. */
typedef struct AuxPlan
{
	int64		vertex;			/* number; -1 for rows aside */
	VsAuxKind	kind;
	int			part;			/* tail number, VsRowsKind */
	int64		first;			/* first TID it holds */
	int			count;			/* TIDs it holds */
	Size		size;
	ItemPointerData where;
} AuxPlan;

typedef struct BuildState
{
	Relation	heap;
	Relation	rel;
	IndexInfo  *info;
	VsMeta		meta;
	VsIndex		index;
	MemoryContext context;		/* the graph */
	MemoryContext scratch;		/* one row's work */
	VsMemGraph	graph;
	VsSearch	search;
	TidList		aside[VS_ROWS_KINDS];
	VsInserter *inserter;		/* once memory ran out */
	double		indtuples;
	int64		limit;			/* bytes of memory */

	AuxPlan    *plans;
	int64		nplans;
	int64		plans_size;
	int64	   *first_plan;		/* of each vertex, -1 if none */
	BlockNumber first_aux_block;
	BlockNumber aux_block;		/* where the next tuple is laid out */
	Size		aux_used;
	int			aux_items;
} BuildState;

/* ---- what is to be built ---- */

/*
 * Options of the index, or the defaults.
 */
static void
read_options(BuildState *build)
{
	Relation	rel = build->rel;
	VsOptions  *options = (VsOptions *) rel->rd_options;
	int			dims = VS_TYPMOD_DIM(TupleDescAttr(RelationGetDescr(rel), 0)->atttypmod);
	VsQuantization quantization = options ? options->quantization : VS_QUANTIZATION_AUTO;

	if (TupleDescAttr(RelationGetDescr(rel), 0)->atttypmod < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("column does not have dimensions"),
				 errhint("Declare it as vecstore(n), or index the expression (column::vecstore(n)).")));
	if (quantization == VS_QUANTIZATION_RABITQ)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("quantization \"rabitq\" is not available in this version of vecstore"),
				 errhint("Use \"auto\" or \"none\".")));
	vs_meta_init(&build->meta, vs_index_metric(rel), dims,
				 options ? options->m : VS_DEFAULT_M,
				 options ? options->ef_construction : VS_DEFAULT_EF_CONSTRUCTION,
				 quantization);
	build->index = vs_index_from_meta(&build->meta);
}

/*
 * Say before the work starts if it will not fit, from the table's statistics.
 */
static void
estimate_memory(BuildState *build)
{
	double		rows = build->heap ? build->heap->rd_rel->reltuples : 0;
	double		need = rows * vs_memgraph_vertex_bytes(&build->index);

	if (need > build->limit)
		ereport(NOTICE,
				(errmsg("the graph of %.0f rows needs about %.0f MB of maintenance_work_mem",
						rows, ceil(need / (1024 * 1024))),
				 errdetail("maintenance_work_mem is %d MB; the rows that do not fit are inserted one by one, which is slower.",
						   maintenance_work_mem / 1024)));
}

/* ---- laying out AUX tuples ---- */

/*
 * Give the next AUX tuple its place.
 */
static AuxPlan *
plan_aux(BuildState *build, int64 vertex, VsAuxKind kind, int part, Size size)
{
	Size		bytes = MAXALIGN(size) + sizeof(ItemIdData);
	AuxPlan    *plan;

	if (build->nplans == build->plans_size)
	{
		build->plans_size = Max(1024, build->plans_size * 2);
		build->plans = build->plans ?
			repalloc_huge(build->plans, build->plans_size * sizeof(AuxPlan)) :
			palloc(build->plans_size * sizeof(AuxPlan));
	}
	if (build->aux_used + bytes > VS_PAGE_CAPACITY)
	{
		build->aux_block++;
		build->aux_used = 0;
		build->aux_items = 0;
	}
	build->aux_used += bytes;
	plan = &build->plans[build->nplans++];
	memset(plan, 0, sizeof(AuxPlan));
	plan->vertex = vertex;
	plan->kind = kind;
	plan->part = part;
	plan->size = size;
	ItemPointerSet(&plan->where, build->aux_block, ++build->aux_items);
	return plan;
}

/*
 * Lay out a list of heap TIDs in tuples of at most max.
 */
static void
plan_tids(BuildState *build, int64 vertex, VsAuxKind kind, int part,
		  int64 first, int64 n, int max)
{
	for (int64 done = first; done < n; done += max)
	{
		int			count = Min(n - done, max);

		/* Rows aside are appended to later: room for all. */
		AuxPlan    *plan = plan_aux(build, vertex, kind, part,
									VsAuxTidSize(kind == VS_AUX_ROWS ? max : count));

		plan->first = done;
		plan->count = count;
	}
}

/*
 * Lay out everything that goes on AUX pages.
 */
static void
plan_aux_pages(BuildState *build)
{
	const VsIndex *index = &build->index;
	int64		n = build->graph.n;
	MemoryContext old = MemoryContextSwitchTo(build->context);

	build->first_aux_block = build->aux_block =
		1 + (n + index->slots_per_page - 1) / index->slots_per_page;
	build->first_plan = MemoryContextAllocHuge(build->context,
											   Max(n, 1) * sizeof(int64));
	for (int64 i = 0; i < n; i++)
	{
		VsMemVertex *vertex = &build->graph.vertices[i];
		Size		left = index->dims * sizeof(float);

		CHECK_FOR_INTERRUPTS();
		build->first_plan[i] = build->nplans;
		if (vertex->level > 0)
			plan_aux(build, i, VS_AUX_UPPER, vertex->level,
					 VsUpperSize(index, vertex->level));
		for (int t = 0; t < index->ntails; t++)
		{
			Size		bytes = Min(left, VS_TAIL_BYTES);

			plan_aux(build, i, VS_AUX_TAIL, t, VS_AUX_HEADER + bytes);
			left -= bytes;
		}
		plan_tids(build, i, VS_AUX_TIDS, 0, VS_INLINE_TIDS, vertex->ntids,
				  VS_MAX_SEGMENT_TIDS);
		if (build->nplans == build->first_plan[i])
			build->first_plan[i] = -1;
	}
	for (int kind = 0; kind < VS_ROWS_KINDS; kind++)
		plan_tids(build, -1, VS_AUX_ROWS, kind, 0, build->aside[kind].n, VS_ROWS_TIDS);
	MemoryContextSwitchTo(old);
}

/* ---- writing pages ---- */

/* The id on pages of vertex number i. */
static VsId
page_id(const VsIndex *index, int64 i)
{
	return VsMakeId(index, 1 + i / index->slots_per_page,
					1 + i % index->slots_per_page);
}

/* Vertices of a bulk build all have version 1, 2, ... by slot. */
static uint16
page_version(const VsIndex *index, int64 i)
{
	return 1 + i % index->slots_per_page;
}

static void
fill_ids(const VsIndex *index, VsId *ids, int max, const VsMemList *list)
{
	for (int i = 0; i < max; i++)
		ids[i] = i < list->n ? page_id(index, list->links[i].id) : VS_INVALID_ID;
}

/*
 * The bytes of vertex number i, with the places of its AUX tuples.
 */
static void
form_vertex(BuildState *build, int64 i, VsVertex *out)
{
	const VsIndex *index = &build->index;
	VsMemVertex *vertex = &build->graph.vertices[i];

	memset(out, 0, index->vertex_size);
	out->format = VS_FORMAT_VERSION;
	out->flags = VS_LIVE | (index->ntails > 0 ? VS_IN_TAILS : 0);
	out->level = vertex->level;
	out->codecs = index->codecs;
	out->dims = index->dims;
	out->degree = VsDegree(index, 0);
	out->ntids = Min(vertex->ntids, VS_INLINE_TIDS);
	memcpy(out->tids, vertex->tids, out->ntids * sizeof(ItemPointerData));
	ItemPointerSetInvalid(&out->upper);
	ItemPointerSetInvalid(&out->overflow);
	if (index->ntails == 0)
		memcpy(VsVertexVector(index, out), vertex->vector, index->dims * sizeof(float));
	fill_ids(index, VsVertexIds(index, out), VsDegree(index, 0), vertex->lists[0]);

	if (build->first_plan[i] < 0)
		return;
	for (int64 p = build->first_plan[i];
		 p < build->nplans && build->plans[p].vertex == i; p++)
	{
		AuxPlan    *plan = &build->plans[p];

		if (plan->kind == VS_AUX_UPPER)
			out->upper = plan->where;
		else if (plan->kind == VS_AUX_TAIL)
			VsVertexTails(index, out)[plan->part] = plan->where;
		else if (!ItemPointerIsValid(&out->overflow))
			out->overflow = plan->where;
	}
}

/*
 * The bytes of a planned AUX tuple.
 */
static void
form_aux(BuildState *build, int64 p, VsAux *out)
{
	const VsIndex *index = &build->index;
	AuxPlan    *plan = &build->plans[p];
	VsMemVertex *vertex = plan->vertex < 0 ? NULL : &build->graph.vertices[plan->vertex];

	memset(out, 0, plan->size);
	out->format = VS_FORMAT_VERSION;
	out->kind = plan->kind;
	out->owner = vertex ? page_id(index, plan->vertex) : VS_INVALID_ID;
	out->version = vertex ? page_version(index, plan->vertex) : 0;
	out->part = plan->part;
	out->count = plan->count;
	ItemPointerSetInvalid(&out->next);
	switch (plan->kind)
	{
		case VS_AUX_UPPER:
			for (int l = 1; l <= vertex->level; l++)
				fill_ids(index, VsUpperIds(index, out, l), VsDegree(index, l),
						 vertex->lists[l]);
			break;
		case VS_AUX_TAIL:
			out->count = plan->size - VS_AUX_HEADER;
			memcpy(out->data, (const char *) vertex->vector + plan->part * VS_TAIL_BYTES,
				   out->count);
			break;
		case VS_AUX_TIDS:
			memcpy(out->data, vertex->tids + plan->first,
				   plan->count * sizeof(ItemPointerData));
			if (p + 1 < build->nplans && plan[1].vertex == plan->vertex)
				out->next = plan[1].where;
			break;
		case VS_AUX_ROWS:
			memcpy(out->data, build->aside[plan->part].tids + plan->first,
				   plan->count * sizeof(ItemPointerData));
			break;
	}
}

/*
 * Append a page to the relation.
 */
static Buffer
new_page(BuildState *build, ForkNumber fork, VsPageKind kind)
{
	Buffer		buffer = vs_extend(build->rel, fork);

	vs_page_init(BufferGetPage(buffer), kind);
	return buffer;
}

static void
finish_page(Buffer buffer)
{
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
	CHECK_FOR_INTERRUPTS();
}

static void
write_meta_page(BuildState *build, ForkNumber fork)
{
	Buffer		buffer = new_page(build, fork, VS_PAGE_META);
	Page		page = BufferGetPage(buffer);

	Assert(BufferGetBlockNumber(buffer) == VS_META_BLOCK);
	*VsPageGetMeta(page) = build->meta;
	((PageHeader) page)->pd_lower =
		(char *) VsPageGetMeta(page) + sizeof(VsMeta) - (char *) page;
	finish_page(buffer);
}

static void
write_head_pages(BuildState *build)
{
	const VsIndex *index = &build->index;
	VsVertex   *vertex = palloc(index->vertex_size);

	for (int64 i = 0; i < build->graph.n;)
	{
		Buffer		buffer = new_page(build, MAIN_FORKNUM, VS_PAGE_HEAD);

		for (int slot = 0; slot < index->slots_per_page && i < build->graph.n; slot++, i++)
		{
			form_vertex(build, i, vertex);
			vs_slot_take(BufferGetPage(buffer), index, slot + 1, vertex);
			Assert(VsMakeId(index, BufferGetBlockNumber(buffer), slot + 1) == page_id(index, i));
			Assert(vertex->version == page_version(index, i));
		}
		build->meta.head_block = BufferGetBlockNumber(buffer);
		finish_page(buffer);
	}
	pfree(vertex);
}

static void
write_aux_pages(BuildState *build)
{
	VsAux	   *aux = palloc(VS_MAX_TUPLE);

	for (int64 p = 0; p < build->nplans;)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&build->plans[p].where);
		Buffer		buffer = new_page(build, MAIN_FORKNUM, VS_PAGE_AUX);

		if (BufferGetBlockNumber(buffer) != block)
			elog(ERROR, "vecstore: block %u written where %u was planned",
				 BufferGetBlockNumber(buffer), block);
		for (; p < build->nplans &&
			 ItemPointerGetBlockNumber(&build->plans[p].where) == block; p++)
		{
			AuxPlan    *plan = &build->plans[p];

			form_aux(build, p, aux);
			if (vs_aux_add(BufferGetPage(buffer), aux, plan->size) !=
				ItemPointerGetOffsetNumber(&plan->where))
				elog(ERROR, "vecstore: auxiliary tuple misplaced on block %u", block);
			if (plan->kind == VS_AUX_ROWS)
				build->meta.rows[plan->part] = plan->where;
		}
		build->meta.aux_block = block;
		finish_page(buffer);
	}
	pfree(aux);
}

/*
 * The metapage is written first, to be block 0, and again with what the other
 * pages have settled.
 */
static void
write_graph(BuildState *build)
{
	VsMemGraph *graph = &build->graph;
	Buffer		buffer;

	vs_memgraph_connect(graph);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_WRITE);
	if (graph->entry != VS_INVALID_ID)
	{
		build->meta.entry = page_id(&build->index, graph->entry);
		build->meta.entry_version = page_version(&build->index, graph->entry);
		build->meta.entry_level = graph->entry_level;
	}
	build->meta.vertices = graph->n;
	plan_aux_pages(build);
	if (build->aux_block >= (VS_INVALID_ID >> build->index.slot_bits))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" would need more than %u blocks",
						RelationGetRelationName(build->rel),
						VS_INVALID_ID >> build->index.slot_bits),
				 errhint("Partition the table and index each partition.")));
	write_meta_page(build, MAIN_FORKNUM);
	write_head_pages(build);
	write_aux_pages(build);

	buffer = ReadBuffer(build->rel, VS_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	*VsPageGetMeta(BufferGetPage(buffer)) = build->meta;
	finish_page(buffer);

	if (RelationNeedsWAL(build->rel))
		log_newpage_range(build->rel, MAIN_FORKNUM, 0,
						  RelationGetNumberOfBlocks(build->rel), true);
}

/* ---- rows ---- */

static void
add_aside(BuildState *build, VsRowsKind kind, const ItemPointerData *tid)
{
	TidList    *list = &build->aside[kind];

	if (list->n == list->size)
	{
		MemoryContext old = MemoryContextSwitchTo(build->context);

		list->size = Max(128, list->size * 2);
		list->tids = list->tids ?
			repalloc_huge(list->tids, list->size * sizeof(ItemPointerData)) :
			palloc(list->size * sizeof(ItemPointerData));
		MemoryContextSwitchTo(old);
	}
	list->tids[list->n++] = *tid;
}

/* Bytes the graph and the rows aside hold. */
static int64
memory_used(BuildState *build)
{
	return build->graph.bytes + vs_search_bytes(&build->search) +
		(build->aside[VS_ROWS_NULL].size + build->aside[VS_ROWS_UNRANKED].size) *
		sizeof(ItemPointerData);
}

/*
 * Memory has run out: write what there is, and insert from now on.
 */
static void
spill(BuildState *build)
{
	ereport(NOTICE,
			(errmsg("the graph no longer fits into maintenance_work_mem after %.0f rows",
					build->indtuples),
			 errdetail("The remaining rows are inserted one by one, which is slower."),
			 errhint("Increase maintenance_work_mem to build faster.")));
	write_graph(build);
	MemoryContextReset(build->context);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_INSERT);
	build->inserter = vs_inserter_create(build->rel, build->context);
}

static void
build_callback(Relation rel, ItemPointer tid, Datum *values, bool *isnull,
			   bool alive, void *state)
{
	BuildState *build = state;
	MemoryContext old = MemoryContextSwitchTo(build->scratch);

	if (build->inserter == NULL && memory_used(build) > build->limit)
		spill(build);
	if (build->inserter != NULL)
		vs_inserter_insert(build->inserter, values[0], isnull[0], tid);
	else
	{
		const float *vector = isnull[0] ? NULL :
			vs_index_form_vector(build->rel, &build->index, values[0]);

		if (vector)
			vs_memgraph_insert(&build->graph, &build->search, vector, tid);
		else
			add_aside(build, isnull[0] ? VS_ROWS_NULL : VS_ROWS_UNRANKED, tid);
	}
	build->indtuples++;
	pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_DONE, build->indtuples);
	MemoryContextSwitchTo(old);
	MemoryContextReset(build->scratch);
}

/* ---- entry points ---- */

IndexBuildResult *
vs_build(Relation heap, Relation rel, IndexInfo *info)
{
	BuildState	build;
	IndexBuildResult *result = palloc0(sizeof(IndexBuildResult));

	if (RelationGetNumberOfBlocks(rel) != 0)
		elog(ERROR, "index \"%s\" already contains data", RelationGetRelationName(rel));

	memset(&build, 0, sizeof(build));
	build.heap = heap;
	build.rel = rel;
	build.info = info;
	build.limit = (int64) maintenance_work_mem * 1024;
	read_options(&build);
	estimate_memory(&build);
	build.context = AllocSetContextCreate(CurrentMemoryContext, "vecstore build",
										  ALLOCSET_DEFAULT_SIZES);
	build.scratch = AllocSetContextCreate(CurrentMemoryContext, "vecstore build row",
										  ALLOCSET_DEFAULT_SIZES);
	vs_memgraph_init(&build.graph, &build.index, build.context);
	vs_search_init(&build.search, &build.graph.graph, build.context);

	if (heap->rd_rel->reltuples > 0)
		pgstat_progress_update_param(PROGRESS_CREATEIDX_TUPLES_TOTAL,
									 (int64) heap->rd_rel->reltuples);
	pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_GRAPH);
	result->heap_tuples = table_index_build_scan(heap, rel, info, true, true,
												 build_callback, &build, NULL);
	if (build.inserter == NULL)
		write_graph(&build);
	result->index_tuples = build.indtuples;

	MemoryContextDelete(build.context);
	MemoryContextDelete(build.scratch);
	return result;
}

/*
 * The init fork of an unlogged index: an empty graph.
 */
void
vs_buildempty(Relation rel)
{
	BuildState	build;
	Buffer		buffer;

	memset(&build, 0, sizeof(build));
	build.rel = rel;
	read_options(&build);
	write_meta_page(&build, INIT_FORKNUM);

	/* The init fork must reach the disk: log it whatever the persistence. */
	buffer = ReadBufferExtended(rel, INIT_FORKNUM, VS_META_BLOCK, RBM_NORMAL, NULL);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	START_CRIT_SECTION();
	MarkBufferDirty(buffer);
	log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}
