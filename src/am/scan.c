/*
 * scan.c
 *		ORDER BY distance: a stream of heap TIDs, nearest first, that ends only
 *		when every row was returned.
 *
 * First the graph is searched for the vecstore.ef_search nearest vertices,
 * which come in exact order: where the index keeps vectors rounded, and that
 * leaves open which of some is nearer, their rows are looked at (rerank.h).  Where
 * LIMIT wants fewer (limit.h), and the visibility map says of their rows that all are
 * visible, the search ends when those seem settled.
 *
 * If the executor wants more (a filter dropped rows, or LIMIT is larger), the
 * search goes on from where it stopped, ef vertices at a time; each batch is in
 * order, but may hold a vertex nearer than the last one of the batch before.  Such
 * late rows are returned all the same, unless vecstore.strict_order is on.
 *
 * Walking the graph costs more a row than reading the index from end to end.
 * Past a share of the index, or past work_mem, one sequential sweep fetches
 * everything that was not returned yet and sorts it: vertices the graph does
 * not lead to, vectors that have no distance, NULLs last.  Its order is that of
 * the vectors as the index keeps them.
 *
 * No lock and no pin is held between calls.  A vertex may be vacuumed after it
 * was found: its rows were dead to every snapshot, ours included.  Should its
 * slot or its heap TIDs be used again, the new rows are invisible to us.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/relscan.h"
#include "access/visibilitymap.h"
#include "am/am.h"
#include "am/limit.h"
#include "am/pagegraph.h"
#include "am/ranked.h"
#include "am/recent.h"
#include "am/rerank.h"
#include "am/stats.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/float.h"

/*
 * A vertex that is visited through the graph costs about this many times what
 * it costs in a sweep; past 1 / SWEEP_RATIO of the vertices a sweep is cheaper
 * than going on.  (stats.c tells the user "an eighth".)
 */
#define SWEEP_RATIO		8

typedef enum VsScanPhase
{
	VS_SCAN_START,
	VS_SCAN_GRAPH,
	VS_SCAN_SWEEP,
	VS_SCAN_DONE
} VsScanPhase;

/* A vertex of a batch: its rows once its page was read to return them. */
typedef struct VsFound
{
	bool		read;
	float		low;			/* no vertex from here on is nearer than that */
	ItemPointerData *tids;
	int			ntids;			/* 0: it is gone */
} VsFound;

/* A row whose exact rank is known. */
typedef struct VsReadyRow
{
	float		rank;
	ItemPointerData tid;
} VsReadyRow;

typedef struct VsScan
{
	VsScanPhase phase;
	VsIndex		index;
	VsPageGraph graph;
	VsSearch	search;
	MemoryContext context;		/* this scan; reset by rescan */
	int64		wanted;			/* rows, if the caller has said so; else 0 */
	const void *query;			/* as the index keeps vectors; NULL: every
								 * distance is NULL or NaN */
	VsReranker	reranker;

	VsCandidate *batch;			/* vertices to return next */
	VsFound    *found;			/* what is known of each */
	int			nbatch;
	int			next;
	MemoryContext batch_context;	/* heap TIDs of the batch */
	VsReadyRow *ready;			/* rows to return before others of the batch, */
	int			nready;			/* farthest first */
	int			ready_size;
	VsIdSet		returned;		/* ids of all batches */
	float		last_rank;		/* of the row returned last */

	VsRankedRows swept;			/* what the sweep found */

	int64		swept_distances;	/* computed by the sweep */
	VsScanCounts run;			/* what was done since the last rescan */
	VsScanCounts noted;			/* as much of it is in the session's counters */
	VsScanCounts before;		/* what was done before the last rescan */
} VsScan;

IndexScanDesc
vs_beginscan(Relation rel, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(rel, nkeys, norderbys);
	VsScan	   *state = palloc0(sizeof(VsScan));

	state->index = vs_index_open(rel);
	state->context = AllocSetContextCreate(CurrentMemoryContext, "vecstore scan",
										   ALLOCSET_DEFAULT_SIZES);
	scan->opaque = state;
	return scan;
}

/*
 * Give back what the last run of the scan held, and tell what it did.
 */
static void
end_run(IndexScanDesc scan)
{
	VsScan	   *state = scan->opaque;

	if (state->phase != VS_SCAN_START && vs_explain)
	{
		MemoryContext old = MemoryContextSwitchTo(state->context);

		vs_stats_report(scan->indexRelation, &state->run);
		MemoryContextSwitchTo(old);
	}
	vs_counts_add(&state->before, &state->run);
	memset(&state->run, 0, sizeof(VsScanCounts));
	memset(&state->noted, 0, sizeof(VsScanCounts));
	vs_ranked_end(&state->swept);
	vs_rerank_end(&state->reranker);
	MemoryContextReset(state->context);
}

void
vs_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	VsScan	   *state = scan->opaque;

	end_run(scan);
	state->phase = VS_SCAN_START;
	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
}

void
vs_endscan(IndexScanDesc scan)
{
	VsScan	   *state = scan->opaque;

	end_run(scan);
	MemoryContextDelete(state->context);
	pfree(state);
	scan->opaque = NULL;
}

void
vs_scan_want(IndexScanDesc scan, int64 rows)
{
	VsScan	   *state = scan->opaque;

	state->wanted = rows;
}

VsScanCounts
vs_scan_counts(IndexScanDesc scan)
{
	VsScan	   *state = scan->opaque;
	VsScanCounts counts = state->before;

	vs_counts_add(&counts, &state->run);
	return counts;
}

/*
 * Count what the search has done by now.
 */
static void
note_work(VsScan *state)
{
	state->run.expanded = state->search.expanded;
	state->run.distances = state->search.priced + state->swept_distances;
	vs_stats_note(RelationGetRelid(state->graph.rel), &state->run, &state->noted);
}

/* ---- the graph ---- */

/*
 * Take the search's results as the batch to return.  Ranks of long vectors are off
 * by more than those of short ones, so one further down may be nearer: found.low
 * is the least that any from there on may have.
 */
static void
take_batch(VsScan *state)
{
	float		low = INFINITY;

	state->nbatch = vs_search_take(&state->search, state->batch);
	state->next = 0;
	MemoryContextReset(state->batch_context);
	memset(state->found, 0, state->nbatch * sizeof(VsFound));
	for (int i = state->nbatch - 1; i >= 0; i--)
	{
		low = Min(low, state->batch[i].rank - state->batch[i].margin);
		state->found[i].low = low;
	}
	for (int i = 0; i < state->nbatch; i++)
		vs_idset_add(&state->returned, state->batch[i].id);
	state->run.batches++;
	note_work(state);
}

/*
 * How many rows will be wanted, 0 if that isn't known or doesn't help: where
 * ranks are no squares of distances, it says nothing how far is far enough.
 */
static int64
rows_wanted(IndexScanDesc scan)
{
	VsScan	   *state = scan->opaque;
	VsMetric	metric = state->index.metric;

	if (metric != VS_METRIC_L2 && metric != VS_METRIC_COSINE)
		return 0;
	return state->wanted > 0 ? state->wanted : vs_limit_above(scan);
}

/*
 * Search the graph for the first batch; false if there is nothing to search.
 */
static bool
search_first(IndexScanDesc scan)
{
	VsScan	   *state = scan->opaque;
	Relation	rel = scan->indexRelation;

	/* The entry can be vacuumed between reading the metapage and its page. */
	for (int tries = 0; tries < 3; tries++)
	{
		VsMeta		meta = vs_meta_read(rel);
		VsCandidate *entries = state->batch;
		int			n;

		if (meta.entry == VS_INVALID_ID)
			return false;
		*entries = (VsCandidate) {.id = meta.entry};
		n = vs_search_descend(&state->search, state->query, entries, meta.entry_level, 0,
							  vs_ef_search);
		if (n > 0)
		{
			vs_search_want(&state->search, rows_wanted(scan), vs_ef_search);
			vs_search_level(&state->search, state->query, entries, n, 0,
							vs_ef_search, true);
			take_batch(state);
			return true;
		}
	}
	return false;
}

/* Whether and why a sweep is the better way to go on. */
static VsSweepReason
graph_is_spent(VsScan *state)
{
	double		vertices = (double) RelationGetNumberOfBlocks(state->graph.rel) *
		state->index.slots_per_page;

	if (vs_search_is_full(&state->search))
		return VS_SWEEP_MEMORY;
	if (vs_search_touched(&state->search) > vertices / SWEEP_RATIO)
		return VS_SWEEP_SHARE;
	return VS_SWEEP_NONE;
}

/* ---- the sweep ---- */

/* One row found by the sweep. */
typedef struct SweepRow
{
	ItemPointerData tid;
	bool		isnull;
	float		rank;
} SweepRow;

/* Rows of one page, until its lock is released. */
typedef struct SweepPage
{
	SweepRow   *rows;
	int			n;
	int			size;
	VsVertex  **long_vertices;	/* copies of those with tails */
	VsId	   *long_ids;
	int			nlong;
} SweepPage;

static void
add_rows(SweepPage *page, const ItemPointerData *tids, int n, float rank, bool isnull)
{
	if (page->n + n > page->size)
	{
		page->size = Max(page->size * 2, page->n + n);
		page->rows = repalloc_huge(page->rows, page->size * sizeof(SweepRow));
	}
	for (int i = 0; i < n; i++)
	{
		page->rows[page->n].tid = tids[i];
		page->rows[page->n].rank = rank;
		page->rows[page->n++].isnull = isnull;
	}
}

/*
 * Collect the rows of a vertex of a locked page.
 */
static void
sweep_vertex(VsScan *state, SweepPage *page, VsId id, VsVertex *vertex)
{
	const VsIndex *index = &state->index;
	ItemPointerData *tids = vertex->tids;
	int			ntids = vertex->ntids;

	if (VsVertexGetState(vertex) != VS_LIVE || vs_idset_has(&state->returned, id))
		return;
	if (state->query && index->ntails > 0)
	{
		VsVertex   *copy = palloc(index->vertex_size);

		page->long_ids[page->nlong] = id;
		page->long_vertices[page->nlong++] = memcpy(copy, vertex, index->vertex_size);
		return;
	}
	if (ItemPointerIsValid(&vertex->overflow))
		ntids = vs_locked_vertex_tids(state->graph.rel, id, vertex, &tids);
	if (state->query)
	{
		state->swept_distances++;
		add_rows(page, tids, ntids,
				 vs_graph_rank(&state->graph.graph, state->query, VsVertexVector(index, vertex)),
				 false);
	}
	else
		add_rows(page, tids, ntids, NAN, false);
}

/*
 * Collect the rows of the vertices whose vectors lie in tails, the page's lock
 * released.  A vertex vacuumed meanwhile had no row we could see.
 */
static void
sweep_long_vertices(VsScan *state, SweepPage *page)
{
	const VsIndex *index = &state->index;

	for (int i = 0; i < page->nlong; i++)
	{
		VsVertex   *vertex = page->long_vertices[i];
		ItemPointerData *tids;
		int			ntids;

		if (!vs_vertex_read_tails(state->graph.rel, index, page->long_ids[i],
								  vertex->version, VsVertexTails(index, vertex),
								  state->graph.buffer))
			continue;
		ntids = vs_vertex_tids(&state->graph, page->long_ids[i], vertex->version, &tids);
		if (ntids == 0)
			continue;
		state->swept_distances++;
		add_rows(page, tids, ntids,
				 vs_graph_rank(&state->graph.graph, state->query, state->graph.buffer), false);
	}
}

/*
 * Collect the rows of a block that were not returned yet.
 */
static void
sweep_block(VsScan *state, SweepPage *page, BlockNumber block,
			BufferAccessStrategy strategy)
{
	const VsIndex *index = &state->index;
	Buffer		buffer = ReadBufferExtended(state->graph.rel, MAIN_FORKNUM, block,
											RBM_NORMAL, strategy);
	Page		bytes = BufferGetPage(buffer);
	VsPageKind	kind;

	page->n = page->nlong = 0;
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	vs_check_page(state->graph.rel, index, buffer);
	kind = vs_page_kind(bytes);
	if (kind == VS_PAGE_HEAD)
		for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(bytes); offset++)
			sweep_vertex(state, page, VsMakeId(index, block, offset),
						 vs_page_vertex(bytes, offset));
	if (kind == VS_PAGE_AUX)
		for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(bytes); offset++)
		{
			VsAux	   *aux = vs_page_aux(bytes, offset, NULL);

			if (aux && aux->kind == VS_AUX_ROWS)
				add_rows(page, VsAuxTids(aux), aux->count, NAN,
						 aux->part == VS_ROWS_NULL);
		}
	UnlockReleaseBuffer(buffer);
	sweep_long_vertices(state, page);
}

/*
 * Read the index from end to end, and sort what was not returned yet.
 */
static void
sweep(VsScan *state, VsSweepReason reason)
{
	Relation	rel = state->graph.rel;
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	MemoryContext page_context = AllocSetContextCreate(state->context, "vecstore sweep",
													   ALLOCSET_DEFAULT_SIZES);

	vs_search_end(&state->search);
	vs_ranked_init(&state->swept, state->context);
	for (BlockNumber block = VS_META_BLOCK + 1; block < nblocks; block++)
	{
		MemoryContext old = MemoryContextSwitchTo(page_context);
		int			slots = state->index.slots_per_page;
		SweepPage	page = {.rows = palloc(64 * sizeof(SweepRow)),.size = 64};

		CHECK_FOR_INTERRUPTS();
		page.long_ids = palloc(slots * sizeof(VsId));
		page.long_vertices = palloc(slots * sizeof(VsVertex *));
		sweep_block(state, &page, block, strategy);
		MemoryContextSwitchTo(old);
		state->run.swept += page.n;
		for (int i = 0; i < page.n; i++)
			vs_ranked_add(&state->swept, page.rows[i].rank, page.rows[i].isnull,
						  &page.rows[i].tid);
		MemoryContextReset(page_context);
	}
	FreeAccessStrategy(strategy);
	MemoryContextDelete(page_context);
	vs_ranked_sort(&state->swept);
	state->phase = VS_SCAN_SWEEP;
	state->run.sweeps++;
	state->run.reason = reason;
	note_work(state);
}

/* ---- one row at a time ---- */

/*
 * Read the page of a vertex of the batch, for its rows.
 */
static VsFound *
read_found(VsScan *state, int i)
{
	VsFound    *found = &state->found[i];
	const VsCandidate *vertex = &state->batch[i];
	MemoryContext old;

	if (found->read)
		return found;
	old = MemoryContextSwitchTo(state->batch_context);
	found->read = true;
	found->ntids = vs_vertex_tids(&state->graph, vertex->id, vertex->version, &found->tids);
	MemoryContextSwitchTo(old);
	return found;
}

/*
 * Let a search for the rows that LIMIT wants go on for all ef.  What it finds is in
 * order with the rest of the batch.
 */
static void
widen_batch(VsScan *state)
{
	vs_search_widen(&state->search, state->batch + state->next, state->nbatch - state->next);
	take_batch(state);
	state->run.batches--;		/* it is the same one */
}

/*
 * Whether all rows of a vertex are known to be visible to everybody.  They are wanted
 * soon: have them fetched meanwhile, from disk or from memory.
 */
static bool
rows_are_visible(Relation heap, const VsFound *found, Buffer *map)
{
	for (int i = 0; i < found->ntids; i++)
	{
		BlockNumber block = ItemPointerGetBlockNumber(&found->tids[i]);

		if (!VM_ALL_VISIBLE(heap, block, map))
			return false;
		vs_recent_fetch(heap, block, heap->rd_rel->relpages);
		vs_recent_prefetch(heap, block, true, 0, 0);
	}
	return found->ntids > 0;
}

/*
 * Whether those of the batch that LIMIT may get are visible: else some may be
 * dead, and others be wanted in their place.
 */
static bool
wanted_are_visible(VsScan *state, Relation heap)
{
	Buffer		map = InvalidBuffer;
	bool		visible = true;
	float		farthest = -INFINITY;

	for (int i = 0; i < state->nbatch && visible; i++)
	{
		if (i >= state->search.wanted && state->found[i].low > farthest)
			break;
		if (i < state->search.wanted)
			farthest = Max(farthest, state->batch[i].rank + state->batch[i].margin);
		visible = rows_are_visible(heap, read_found(state, i), &map);
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
	return visible;
}

/*
 * Get ready: the query, and the first batch or the sweep.
 */
static void
start(IndexScanDesc scan)
{
	VsScan	   *state = scan->opaque;
	Relation	rel = scan->indexRelation;
	const float *vector = NULL;
	int			batch_size = Max(vs_ef_search, VS_MIN_DESCENT);

	pgstat_count_index_scan(rel);
	vs_count_index_search(scan);
	state->run.scans = 1;
	state->run.ef = vs_ef_search;
	state->swept_distances = 0;
	state->query = NULL;
	state->nbatch = state->next = 0;
	state->nready = state->ready_size = 0;
	state->last_rank = -get_float4_infinity();
	vs_idset_init(&state->returned, state->context);
	vs_pagegraph_init(&state->graph, rel, &state->index, VS_TO_SEARCH, state->context);
	vs_search_init(&state->search, &state->graph.graph, state->context);
	state->search.max_bytes = (Size) work_mem * 1024;
	state->batch = palloc(batch_size * sizeof(VsCandidate));
	state->found = palloc(batch_size * sizeof(VsFound));
	state->batch_context = AllocSetContextCreate(state->context, "vecstore batch",
												 ALLOCSET_DEFAULT_SIZES);
	if (scan->numberOfOrderBys > 0 && !(scan->orderByData[0].sk_flags & SK_ISNULL))
		vector = vs_index_form_vector(rel, &state->index, scan->orderByData[0].sk_argument);
	if (vector)
		state->query = vs_index_kept_query(&state->index, vector);
	vs_rerank_init(&state->reranker, scan, &state->index, vector);

	if (state->query == NULL)
		sweep(state, VS_SWEEP_NO_QUERY);
	else if (search_first(scan))
	{
		state->phase = VS_SCAN_GRAPH;
		if (state->search.wanted > 0 && !wanted_are_visible(state, scan->heapRelation))
			widen_batch(state);
	}
	else
		sweep(state, VS_SWEEP_EMPTY);
}

/*
 * The first vertex of the batch, from here on, that has rows; nbatch if there is
 * none.
 */
static int
next_found(VsScan *state, int i)
{
	while (i < state->nbatch && read_found(state, i)->ntids == 0)
		i++;
	return i;
}

/* Put the rows of a vertex among those that are ready. */
static void
make_ready(VsScan *state, const VsFound *found, float rank)
{
	int			at = state->nready;

	if (state->nready + found->ntids > state->ready_size)
	{
		Size		size = Max(state->ready_size * 2, state->nready + found->ntids);

		state->ready = state->ready_size > 0 ?
			repalloc_huge(state->ready, size * sizeof(VsReadyRow)) :
			MemoryContextAllocHuge(state->context, size * sizeof(VsReadyRow));
		state->ready_size = size;
	}
	while (at > 0 && state->ready[at - 1].rank <= rank)
		at--;
	memmove(state->ready + at + found->ntids, state->ready + at,
			(state->nready - at) * sizeof(VsReadyRow));
	for (int i = 0; i < found->ntids; i++)
	{
		/* The last of them is returned first: rows come as the vertex has them. */
		state->ready[at + i].rank = rank;
		state->ready[at + i].tid = found->tids[found->ntids - 1 - i];
	}
	state->nready += found->ntids;
}

/*
 * See to it that the row to be returned next is the last one that is ready; false
 * if the batch has no more.
 *
 * A ready row can be returned when no vertex of the batch can be nearer, by what
 * is known of those.  A vertex's rows are ready as they are if no other vertex can
 * be as near; else they are looked at.
 */
static bool
advance(VsScan *state)
{
	for (;;)
	{
		int			first = next_found(state, state->next);
		const VsFound *found;
		float		rank;
		float		margin;

		state->next = first;
		if (first == state->nbatch)
			return state->nready > 0;
		found = &state->found[first];
		rank = state->batch[first].rank;
		margin = state->batch[first].margin;
		if (state->nready > 0 && state->ready[state->nready - 1].rank <= found->low)
			return true;
		state->next++;
		if (margin > 0 &&
			(vs_strict_order || state->nready > 0 ||
			 (state->next < state->nbatch && found[1].low < rank + margin)))
		{
			vs_rerank(&state->reranker, found->tids, found->ntids, &rank);
			state->run.reranked++;
		}
		make_ready(state, found, rank);
	}
}

/*
 * The next heap TID that the graph gives; false if it has no more to give, and
 * why is in *reason.
 */
static bool
next_from_graph(VsScan *state, ItemPointerData *tid, VsSweepReason *reason)
{
	for (;;)
	{
		const VsReadyRow *row;

		if (state->search.wanted > 0 && state->run.rows >= state->search.wanted)
			widen_batch(state);	/* a Limit WITH TIES, or rows changed */
		while (!advance(state))
		{
			*reason = graph_is_spent(state);
			if (*reason == VS_SWEEP_NONE && !vs_search_next(&state->search))
				*reason = VS_SWEEP_END;
			if (*reason != VS_SWEEP_NONE)
				return false;
			take_batch(state);
		}
		row = &state->ready[--state->nready];
		if (row->rank < state->last_rank && vs_strict_order)
			continue;
		state->last_rank = Max(state->last_rank, row->rank);
		*tid = row->tid;
		return true;
	}
}

/*
 * The next heap TID that the sweep found.
 */
static bool
next_from_sweep(VsScan *state, ItemPointerData *tid)
{
	float		rank;

	while (vs_ranked_next(&state->swept, &rank, tid))
	{
		if (!vs_strict_order || isnan(rank))
			return true;
		if (state->index.bits > 0)
			vs_rerank(&state->reranker, tid, 1, &rank);
		if (rank < state->last_rank)
			continue;
		state->last_rank = rank;
		return true;
	}
	return false;
}

bool
vs_gettuple(IndexScanDesc scan, ScanDirection dir)
{
	VsScan	   *state = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(state->context);
	bool		found = false;

	if (!ScanDirectionIsForward(dir))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("a vecstore index can only be scanned forward"),
				 errhint("Declare the cursor with SCROLL, so that it keeps the rows it has returned.")));
	if (state->phase == VS_SCAN_START)
		start(scan);
	if (state->phase == VS_SCAN_GRAPH)
	{
		VsSweepReason reason;

		found = next_from_graph(state, &scan->xs_heaptid, &reason);
		if (!found)
			sweep(state, reason);
	}
	if (state->phase == VS_SCAN_SWEEP)
	{
		found = next_from_sweep(state, &scan->xs_heaptid);
		if (!found)
			state->phase = VS_SCAN_DONE;
	}
	state->run.rows += found;
	MemoryContextSwitchTo(old);
	scan->xs_recheck = false;
	scan->xs_recheckorderby = false;
	return found;
}
