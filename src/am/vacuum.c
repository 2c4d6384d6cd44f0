/*
 * vacuum.c
 *		VACUUM: take dead rows out, mend the graph around them, reuse the room.
 *
 * Three sequential passes, each over no more pages than it needs:
 *
 *	mark	every page: heap TIDs of dead rows go; a vertex left without any
 *			becomes a tombstone, which searches still pass through
 *	repair	HEAD pages: a list that names tombstones is chosen anew from what is
 *			left of it and from the tombstones' own neighbours.  Nothing is
 *			searched.  A vertex that no list names then gets a link from one of
 *			its neighbours.
 *	free	pages with tombstones: now that no list names them, their slots and
 *			AUX tuples are given back through the free space map
 *
 * An insert under way may still link to a tombstone after the repair went by;
 * when the slot is reused that link leads to another vertex, which is harmless.
 *
 * Rows that inserts add during the vacuum are alive, and a vertex becomes a
 * tombstone only under the lock under which TIDs are added.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "am/am.h"
#include "am/pagegraph.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

/*
 * A slot that a cut-off insert may have left reserved, or an AUX tuple whose
 * vertex is not there: of such an insert, or of a cut-off vacuum.
 */
typedef struct Orphan
{
	ItemPointerData where;		/* AUX tuple; invalid for a reserved slot */
	VsAuxKind	kind;			/* of the AUX tuple */
	VsId		owner;
	uint16		version;
} Orphan;

typedef struct VacuumState
{
	Relation	rel;
	VsIndex		index;
	VsPageGraph graph;
	IndexBulkDeleteResult *stats;
	IndexBulkDeleteCallback callback;
	void	   *callback_state;
	BufferAccessStrategy strategy;
	BlockNumber nblocks;
	MemoryContext context;		/* the whole vacuum */
	MemoryContext scratch;		/* one page's work */
	VsIdSet		dead;			/* tombstones */
	VsInDegrees degrees;		/* of vertices, after the repair */
	double		live;			/* vertices */
	double		removed;		/* heap TIDs taken out */
	double		kept;			/* heap TIDs left */
	VsCandidate best;			/* live vertex of the highest level */
	int			best_level;
	BlockNumber roomy_aux;		/* AUX page with the most room */
	Size		room;
	Orphan	   *orphans;
	int			norphans;
	int			orphans_size;
} VacuumState;

/* ---- mark ---- */

static bool
is_dead(VacuumState *vacuum, ItemPointerData *tid)
{
	return vacuum->callback != NULL && vacuum->callback(tid, vacuum->callback_state);
}

/* Whether one of n heap TIDs belongs to a dead row. */
static bool
any_dead(VacuumState *vacuum, ItemPointerData *tids, int n)
{
	for (int i = 0; i < n; i++)
		if (is_dead(vacuum, &tids[i]))
			return true;
	return false;
}

/* Close up the heap TIDs that stay; returns how many. */
static int
keep_live(VacuumState *vacuum, ItemPointerData *tids, int n)
{
	int			kept = 0;

	for (int i = 0; i < n; i++)
		if (!is_dead(vacuum, &tids[i]))
			tids[kept++] = tids[i];
	vacuum->removed += n - kept;
	return kept;
}

/*
 * Take dead rows out of one overflow segment.  Returns false if that left it
 * empty; *next is the segment behind it.
 */
static bool
clean_segment(VacuumState *vacuum, const ItemPointerData *where, VsId id,
			  uint16 version, ItemPointerData *next)
{
	VsAux	   *aux;
	Buffer		buffer = vs_aux_lock(vacuum->rel, where, VS_AUX_TIDS, id, version,
									 BUFFER_LOCK_EXCLUSIVE, &aux);
	bool		stays = true;

	if (!BufferIsValid(buffer))
	{
		ItemPointerSetInvalid(next);
		return false;
	}
	*next = aux->next;
	if (any_dead(vacuum, VsAuxTids(aux), aux->count))
	{
		VsEdit		edit = vs_edit_begin(vacuum->rel);
		Page		page = vs_edit_page(&edit, buffer);

		aux = vs_page_aux(page, ItemPointerGetOffsetNumber(where), NULL);
		aux->count = keep_live(vacuum, VsAuxTids(aux), aux->count);
		vs_edit_commit(&edit);
		aux = vs_page_aux(BufferGetPage(buffer), ItemPointerGetOffsetNumber(where), NULL);
	}
	vacuum->kept += aux->count;
	stays = aux->count > 0;
	UnlockReleaseBuffer(buffer);
	return stays;
}

/*
 * Remove an AUX tuple that nothing leads to any more.
 */
static void
remove_aux(VacuumState *vacuum, const ItemPointerData *where, VsAuxKind kind,
		   VsId owner, uint16 version)
{
	VsAux	   *aux;
	Buffer		buffer = vs_aux_lock(vacuum->rel, where, kind, owner, version,
									 BUFFER_LOCK_EXCLUSIVE, &aux);
	VsEdit		edit;
	Page		page;
	bool		empty;

	if (!BufferIsValid(buffer))
		return;
	edit = vs_edit_begin(vacuum->rel);
	page = vs_edit_page(&edit, buffer);
	vs_aux_remove(page, ItemPointerGetOffsetNumber(where));
	empty = PageGetMaxOffsetNumber(page) == 0;
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	if (empty)
		vs_space_record_empty(vacuum->rel, ItemPointerGetBlockNumber(where));
}

/*
 * Make a segment, or the vertex itself, lead to another segment.  A vertex that
 * loses its last rows so becomes a tombstone in the same log record: after a
 * crash, and on a standby, there is no live vertex without rows.
 */
static void
set_next_segment(VacuumState *vacuum, Buffer head, OffsetNumber offset, VsId id,
				 uint16 version, const ItemPointerData *segment,
				 const ItemPointerData *next)
{
	VsEdit		edit;
	VsAux	   *aux;
	Buffer		buffer;

	if (!ItemPointerIsValid(segment))
	{
		VsVertex   *vertex;

		edit = vs_edit_begin(vacuum->rel);
		vertex = vs_page_vertex(vs_edit_page(&edit, head), offset);
		vertex->overflow = *next;
		if (vertex->ntids == 0 && !ItemPointerIsValid(next))
			VsVertexSetState(vertex, VS_TOMBSTONE);
		vs_edit_commit(&edit);
		return;
	}
	buffer = vs_aux_lock(vacuum->rel, segment, VS_AUX_TIDS, id, version,
						 BUFFER_LOCK_EXCLUSIVE, &aux);
	if (!BufferIsValid(buffer))
		return;
	edit = vs_edit_begin(vacuum->rel);
	aux = vs_page_aux(vs_edit_page(&edit, buffer), ItemPointerGetOffsetNumber(segment), NULL);
	aux->next = *next;
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
}

/*
 * Take dead rows out of a vertex's overflow segments; those left empty are
 * unlinked and removed.  The vertex's page stays locked, so that no row is
 * added meanwhile.
 */
static void
clean_overflow(VacuumState *vacuum, Buffer head, OffsetNumber offset, VsId id)
{
	VsVertex   *vertex = vs_page_vertex(BufferGetPage(head), offset);
	uint16		version = vertex->version;
	ItemPointerData segment = vertex->overflow;
	ItemPointerData previous;

	ItemPointerSetInvalid(&previous);
	while (ItemPointerIsValid(&segment))
	{
		ItemPointerData next;

		if (clean_segment(vacuum, &segment, id, version, &next))
			previous = segment;
		else
		{
			set_next_segment(vacuum, head, offset, id, version, &previous, &next);
			remove_aux(vacuum, &segment, VS_AUX_TIDS, id, version);
		}
		segment = next;
	}
}

/*
 * Take dead rows out of one live vertex of an exclusively locked page.
 */
static void
clean_vertex(VacuumState *vacuum, Buffer buffer, OffsetNumber offset, VsId id)
{
	VsVertex   *vertex = vs_page_vertex(BufferGetPage(buffer), offset);
	VsEdit		edit;

	if (ItemPointerIsValid(&vertex->overflow))
	{
		clean_overflow(vacuum, buffer, offset, id);
		vertex = vs_page_vertex(BufferGetPage(buffer), offset);
	}
	if (!any_dead(vacuum, vertex->tids, vertex->ntids) &&
		(vertex->ntids > 0 || ItemPointerIsValid(&vertex->overflow)))
		return;

	edit = vs_edit_begin(vacuum->rel);
	vertex = vs_page_vertex(vs_edit_page(&edit, buffer), offset);
	vertex->ntids = keep_live(vacuum, vertex->tids, vertex->ntids);
	if (vertex->ntids == 0 && !ItemPointerIsValid(&vertex->overflow))
		VsVertexSetState(vertex, VS_TOMBSTONE);
	vs_edit_commit(&edit);
}

/* Whether a live vertex has something for clean_vertex() to do. */
static bool
needs_cleaning(VacuumState *vacuum, VsVertex *vertex)
{
	return VsVertexGetState(vertex) == VS_LIVE &&
		(ItemPointerIsValid(&vertex->overflow) ||
		 any_dead(vacuum, vertex->tids, vertex->ntids));
}

static void
note_orphan(VacuumState *vacuum, const ItemPointerData *where, VsAuxKind kind,
			VsId owner, uint16 version)
{
	if (vacuum->norphans == vacuum->orphans_size)
	{
		MemoryContext old = MemoryContextSwitchTo(vacuum->context);

		vacuum->orphans_size = Max(64, vacuum->orphans_size * 2);
		vacuum->orphans = vacuum->orphans ?
			repalloc_huge(vacuum->orphans, vacuum->orphans_size * sizeof(Orphan)) :
			palloc(vacuum->orphans_size * sizeof(Orphan));
		MemoryContextSwitchTo(old);
	}
	if (where)
		vacuum->orphans[vacuum->norphans].where = *where;
	else
		ItemPointerSetInvalid(&vacuum->orphans[vacuum->norphans].where);
	vacuum->orphans[vacuum->norphans].kind = kind;
	vacuum->orphans[vacuum->norphans].owner = owner;
	vacuum->orphans[vacuum->norphans++].version = version;
}

/* Remember the live vertex of the highest level. */
static void
note_best(VacuumState *vacuum, VsId id, VsVertex *vertex)
{
	if (VsVertexGetState(vertex) != VS_LIVE || vertex->level <= vacuum->best_level)
		return;
	vacuum->best.id = id;
	vacuum->best.version = vertex->version;
	vacuum->best_level = vertex->level;
}

/*
 * Count a vertex of a locked page, and note what later passes need of it.
 */
static void
note_vertex(VacuumState *vacuum, VsId id, VsVertex *vertex, bool *has_free)
{
	switch (VsVertexGetState(vertex))
	{
		case VS_LIVE:
			vacuum->live++;
			vacuum->kept += vertex->ntids;
			note_best(vacuum, id, vertex);
			break;
		case VS_TOMBSTONE:
			vs_idset_add(&vacuum->dead, id);
			break;
		case VS_RESERVED:
			note_orphan(vacuum, NULL, (VsAuxKind) 0, id, vertex->version);
			break;
		case VS_FREE:
			*has_free = true;
			break;
	}
}

static void
mark_head_page(VacuumState *vacuum, Buffer buffer)
{
	BlockNumber block = BufferGetBlockNumber(buffer);
	Page		page = BufferGetPage(buffer);
	bool		dirty = false;
	bool		has_free;

	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page) && !dirty; offset++)
		dirty = needs_cleaning(vacuum, vs_page_vertex(page, offset));
	if (dirty)
	{
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
			if (VsVertexGetState(vs_page_vertex(page, offset)) == VS_LIVE)
				clean_vertex(vacuum, buffer, offset, VsMakeId(&vacuum->index, block, offset));
	}
	has_free = PageGetMaxOffsetNumber(page) < vacuum->index.slots_per_page;
	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
		note_vertex(vacuum, VsMakeId(&vacuum->index, block, offset),
					vs_page_vertex(page, offset), &has_free);
	if (has_free)
		vs_space_record_head(vacuum->rel, block);
}

/*
 * Take dead rows out of the lists aside; a tuple left empty goes.
 */
static void
clean_rows(VacuumState *vacuum, Buffer buffer)
{
	VsEdit		edit = vs_edit_begin(vacuum->rel);
	Page		page = vs_edit_page(&edit, buffer);

	for (OffsetNumber offset = PageGetMaxOffsetNumber(page); offset >= 1; offset--)
	{
		VsAux	   *aux = vs_page_aux(page, offset, NULL);

		if (aux == NULL || aux->kind != VS_AUX_ROWS)
			continue;
		aux->count = keep_live(vacuum, VsAuxTids(aux), aux->count);
		if (aux->count == 0)
			vs_aux_remove(page, offset);
	}
	vs_edit_commit(&edit);
}

static void
mark_aux_page(VacuumState *vacuum, Buffer buffer)
{
	BlockNumber block = BufferGetBlockNumber(buffer);
	Page		page = BufferGetPage(buffer);
	bool		dirty = false;

	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page) && !dirty; offset++)
	{
		VsAux	   *aux = vs_page_aux(page, offset, NULL);

		dirty = aux && aux->kind == VS_AUX_ROWS &&
			any_dead(vacuum, VsAuxTids(aux), aux->count);
	}
	if (dirty)
	{
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		if (vs_page_kind(page) != VS_PAGE_AUX)
			return;
		clean_rows(vacuum, buffer);
	}
	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		VsAux	   *aux = vs_page_aux(page, offset, NULL);
		ItemPointerData where;

		if (aux == NULL)
			continue;
		ItemPointerSet(&where, block, offset);
		if (aux->kind == VS_AUX_ROWS)
			vacuum->kept += aux->count;
		else
			note_orphan(vacuum, &where, (VsAuxKind) aux->kind, aux->owner, aux->version);
	}
	if (PageGetMaxOffsetNumber(page) == 0)
		vs_space_record_empty(vacuum->rel, block);
	else if (vs_aux_room(page) > vacuum->room)
	{
		vacuum->room = vs_aux_room(page);
		vacuum->roomy_aux = block;
	}
}

/* Read and lock the next page of a pass. */
static Buffer
next_page(VacuumState *vacuum, BlockNumber block)
{
	Buffer		buffer;

	vs_vacuum_delay_point();
	buffer = ReadBufferExtended(vacuum->rel, MAIN_FORKNUM, block, RBM_NORMAL,
								vacuum->strategy);
	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	return buffer;
}

/*
 * Of the orphans noted from the first on, keep those whose vertex is not there.
 */
static void
sift_orphans(VacuumState *vacuum, int first)
{
	int			kept = first;

	for (int i = first; i < vacuum->norphans; i++)
	{
		VsVertexState state = vs_vertex_state(vacuum->rel, &vacuum->index, vacuum->orphans[i].owner,
											   &vacuum->orphans[i].version);

		if (state == VS_FREE || state == VS_RESERVED)
			vacuum->orphans[kept++] = vacuum->orphans[i];
	}
	vacuum->norphans = kept;
}

static void
mark(VacuumState *vacuum)
{
	for (BlockNumber block = VS_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		Buffer		buffer = next_page(vacuum, block);
		Page		page = BufferGetPage(buffer);
		VsPageKind	kind = vs_page_kind(page);
		int			norphans = vacuum->norphans;

		if (PageIsNew(page))
			vs_space_record_empty(vacuum->rel, block);	/* a crash left it so */
		else if (kind == VS_PAGE_HEAD)
			mark_head_page(vacuum, buffer);
		else if (kind == VS_PAGE_AUX)
			mark_aux_page(vacuum, buffer);
		UnlockReleaseBuffer(buffer);
		sift_orphans(vacuum, norphans);
	}
}

/* ---- repair ---- */

/*
 * The vertices of a page whose level-0 list names a tombstone, or that have
 * upper lists; *n of them, palloc'd, with their levels.
 */
static VsCandidate *
vertices_to_repair(VacuumState *vacuum, BlockNumber block, int *n, int *levels)
{
	const VsIndex *index = &vacuum->index;
	Buffer		buffer = next_page(vacuum, block);
	Page		page = BufferGetPage(buffer);
	VsCandidate *found = palloc0(index->slots_per_page * sizeof(VsCandidate));

	*n = 0;
	if (vs_page_kind(page) == VS_PAGE_HEAD)
		for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
		{
			VsVertex   *vertex = vs_page_vertex(page, offset);
			VsId	   *ids = VsVertexIds(index, vertex);
			bool		broken = vertex->level > 0;

			if (VsVertexGetState(vertex) != VS_LIVE)
				continue;
			for (int i = 0; i < VsDegree(index, 0) && !broken; i++)
				broken = ids[i] != VS_INVALID_ID && vs_idset_has(&vacuum->dead, ids[i]);
			if (!broken)
				continue;
			found[*n].id = VsMakeId(index, block, offset);
			found[*n].version = vertex->version;
			levels[(*n)++] = vertex->level;
		}
	UnlockReleaseBuffer(buffer);
	return found;
}

/*
 * Count who is named by the level-0 lists of a page's live vertices.
 */
static void
count_indegrees(VacuumState *vacuum, BlockNumber block)
{
	Buffer		buffer = next_page(vacuum, block);
	Page		page = BufferGetPage(buffer);

	if (vs_page_kind(page) == VS_PAGE_HEAD)
		for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
		{
			VsVertex   *vertex = vs_page_vertex(page, offset);
			VsId	   *ids = VsVertexIds(&vacuum->index, vertex);

			if (VsVertexGetState(vertex) != VS_LIVE)
				continue;
			for (int i = 0; i < VsDegree(&vacuum->index, 0); i++)
				if (ids[i] != VS_INVALID_ID)
					vs_indegree_add(&vacuum->degrees, ids[i]);
		}
	UnlockReleaseBuffer(buffer);
}

/*
 * The live vertices of a page that no list names, in found; returns how many.
 */
static int
unnamed_vertices(VacuumState *vacuum, BlockNumber block, VsCandidate *found)
{
	const VsIndex *index = &vacuum->index;
	bool		maybe = false;
	Buffer		buffer;
	Page		page;
	int			n = 0;

	for (OffsetNumber offset = 1; offset <= index->slots_per_page; offset++)
		maybe |= vacuum->degrees.counts[VsMakeId(index, block, offset)] == 0;
	if (!maybe)
		return 0;
	buffer = next_page(vacuum, block);
	page = BufferGetPage(buffer);
	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		VsVertex   *vertex = vs_page_vertex(page, offset);
		VsId		id = VsMakeId(index, block, offset);

		if (vertex == NULL || VsVertexGetState(vertex) != VS_LIVE ||
			vacuum->degrees.counts[id] > 0)
			continue;
		memset(&found[n], 0, sizeof(VsCandidate));
		found[n].id = id;
		found[n++].version = vertex->version;
	}
	UnlockReleaseBuffer(buffer);
	return n;
}

/*
 * Give live vertices that no list names any more a link from a neighbour.
 */
static void
attach_unnamed(VacuumState *vacuum)
{
	for (BlockNumber block = VS_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		MemoryContext old = MemoryContextSwitchTo(vacuum->scratch);
		VsCandidate *vertices = palloc(vacuum->index.slots_per_page * sizeof(VsCandidate));
		int			n = unnamed_vertices(vacuum, block, vertices);

		for (int i = 0; i < n; i++)
		{
			vs_vacuum_delay_point();
			vs_graph_attach(&vacuum->graph.graph, vertices[i], &vacuum->degrees, NULL);
		}
		MemoryContextSwitchTo(old);
		MemoryContextReset(vacuum->scratch);
		vs_pagegraph_reset(&vacuum->graph);
	}
}

static void
repair(VacuumState *vacuum)
{
	int		   *levels = palloc(vacuum->index.slots_per_page * sizeof(int));

	vacuum->degrees.size = vacuum->nblocks << vacuum->index.slot_bits;
	vacuum->degrees.counts = MemoryContextAllocExtended(vacuum->context,
														vacuum->degrees.size,
														MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	for (BlockNumber block = VS_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		MemoryContext old = MemoryContextSwitchTo(vacuum->scratch);
		int			n;
		VsCandidate *vertices = vertices_to_repair(vacuum, block, &n, levels);

		for (int i = 0; i < n; i++)
			for (int level = levels[i]; level >= 0; level--)
			{
				vs_vacuum_delay_point();
				vs_graph_repair(&vacuum->graph.graph, vertices[i], level, &vacuum->dead);
			}
		count_indegrees(vacuum, block);
		MemoryContextSwitchTo(old);
		MemoryContextReset(vacuum->scratch);
		vacuum->graph.graph.forget(&vacuum->graph.graph);
	}
	attach_unnamed(vacuum);
}

/*
 * The mark pass saw no live vertex: look whether inserts have brought one
 * since.
 */
static void
find_best(VacuumState *vacuum)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(vacuum->rel);

	for (BlockNumber block = VS_META_BLOCK + 1; block < nblocks; block++)
	{
		Buffer		buffer = next_page(vacuum, block);
		Page		page = BufferGetPage(buffer);

		if (vs_page_kind(page) == VS_PAGE_HEAD)
			for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
				note_best(vacuum, VsMakeId(&vacuum->index, block, offset),
						  vs_page_vertex(page, offset));
		UnlockReleaseBuffer(buffer);
	}
}

/*
 * If searches enter at a tombstone, let them enter at the live vertex of the
 * highest level.  An insert may have set another entry meanwhile.
 */
static void
repair_entry(VacuumState *vacuum)
{
	VsMeta		meta = vs_meta_read(vacuum->rel);

	if (meta.entry == VS_INVALID_ID || !vs_idset_has(&vacuum->dead, meta.entry))
		return;
	if (vacuum->best_level < 0)
		find_best(vacuum);
	if (vacuum->best_level < 0)
		vs_meta_replace_entry(vacuum->rel, meta.entry, VS_INVALID_ID, 0, 0);
	else
		vs_meta_replace_entry(vacuum->rel, meta.entry, vacuum->best.id,
							  vacuum->best.version, vacuum->best_level);
}

/* ---- free ---- */

/*
 * Free the slot of a tombstone (or of an insert that came to nothing), then
 * what it had on AUX pages.  A crash in between leaves AUX tuples without an
 * owner, which the next vacuum finds.
 */
static void
free_vertex(VacuumState *vacuum, VsId id)
{
	const VsIndex *index = &vacuum->index;
	BlockNumber block = VsIdBlock(index, id);
	OffsetNumber offset = VsIdOffset(index, id);
	Buffer		buffer = ReadBufferExtended(vacuum->rel, MAIN_FORKNUM, block,
											RBM_NORMAL, vacuum->strategy);
	VsVertex   *copy = palloc(index->vertex_size);
	VsVertex   *vertex;
	VsEdit		edit;
	bool		in_tails;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	vertex = vs_page_vertex(BufferGetPage(buffer), offset);
	memcpy(copy, vertex, index->vertex_size);
	edit = vs_edit_begin(vacuum->rel);
	vertex = vs_page_vertex(vs_edit_page(&edit, buffer), offset);
	vertex->flags = VS_FREE;
	ItemPointerSetInvalid(&vertex->upper);
	ItemPointerSetInvalid(&vertex->overflow);
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	vs_space_record_head(vacuum->rel, block);

	in_tails = VsVertexGetState(copy) == VS_TOMBSTONE && (copy->flags & VS_IN_TAILS);
	for (int i = 0; in_tails && i < index->ntails; i++)
		remove_aux(vacuum, &VsVertexTails(index, copy)[i], VS_AUX_TAIL, id, copy->version);
	if (ItemPointerIsValid(&copy->upper))
		remove_aux(vacuum, &copy->upper, VS_AUX_UPPER, id, copy->version);
	pfree(copy);
}

/*
 * The tombstones of a page, in ids; returns how many.
 */
static int
tombstones_of(VacuumState *vacuum, BlockNumber block, VsId *ids)
{
	int			n = 0;

	for (OffsetNumber offset = 1; offset <= vacuum->index.slots_per_page; offset++)
	{
		VsId		id = VsMakeId(&vacuum->index, block, offset);

		if (vs_idset_has(&vacuum->dead, id))
			ids[n++] = id;
	}
	return n;
}

static void
free_tombstones(VacuumState *vacuum)
{
	VsId	   *ids = palloc(vacuum->index.slots_per_page * sizeof(VsId));

	for (BlockNumber block = VS_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		int			n = tombstones_of(vacuum, block, ids);

		for (int i = 0; i < n; i++)
		{
			vs_vacuum_delay_point();
			free_vertex(vacuum, ids[i]);
		}
	}
}

/*
 * Reclaim what an insert left that was cut off between reserving a slot and
 * writing the vertex, or a vacuum between freeing a slot and its AUX tuples.
 * Inserts under way hold a lock; once we have had it, each one seen by the mark
 * pass has ended one way or the other.
 */
static void
free_orphans(VacuumState *vacuum)
{
	if (vacuum->norphans == 0)
		return;
	LockPage(vacuum->rel, VS_META_BLOCK, ExclusiveLock);
	UnlockPage(vacuum->rel, VS_META_BLOCK, ExclusiveLock);
	for (int i = 0; i < vacuum->norphans; i++)
	{
		Orphan	   *orphan = &vacuum->orphans[i];
		VsVertexState state = vs_vertex_state(vacuum->rel, &vacuum->index, orphan->owner,
											   &orphan->version);

		vs_vacuum_delay_point();
		if (ItemPointerIsValid(&orphan->where))
		{
			if (state == VS_FREE || state == VS_RESERVED)
				remove_aux(vacuum, &orphan->where, orphan->kind, orphan->owner,
						   orphan->version);
		}
		else if (state == VS_RESERVED)
			free_vertex(vacuum, orphan->owner);
	}
}

/* ---- entry points ---- */

static void
vacuum_init(VacuumState *vacuum, IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	memset(vacuum, 0, sizeof(VacuumState));
	vacuum->rel = info->index;
	vacuum->index = vs_index_open(info->index);
	vacuum->stats = stats;
	vacuum->strategy = info->strategy;
	vacuum->nblocks = RelationGetNumberOfBlocks(info->index);
	vacuum->context = AllocSetContextCreate(CurrentMemoryContext, "vecstore vacuum",
											ALLOCSET_DEFAULT_SIZES);
	vacuum->scratch = AllocSetContextCreate(vacuum->context, "vecstore vacuum page",
											ALLOCSET_DEFAULT_SIZES);
	vs_pagegraph_init(&vacuum->graph, vacuum->rel, &vacuum->index,
					  vs_graph_metric(&vacuum->index), vacuum->context);
	vs_idset_init(&vacuum->dead, vacuum->context);
	vacuum->best_level = -1;
	vacuum->roomy_aux = InvalidBlockNumber;
}

/*
 * The work of a vacuum, with or without rows to take out: one that was
 * cancelled may have left tombstones.
 */
static void
run_vacuum(VacuumState *vacuum)
{
	mark(vacuum);
	if (vacuum->dead.count > 0)
	{
		repair(vacuum);
		repair_entry(vacuum);
		free_tombstones(vacuum);
	}
	free_orphans(vacuum);
	if (vacuum->room > VS_MAX_TUPLE / 4)
		vs_meta_set_aux_block(vacuum->rel, vacuum->roomy_aux);
	if (vs_meta_read(vacuum->rel).vertices != vacuum->live)
		vs_meta_set_vertices(vacuum->rel, vacuum->live);
	vacuum->stats->num_index_tuples = vacuum->kept;
	vacuum->stats->tuples_removed += vacuum->removed;
}

IndexBulkDeleteResult *
vs_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			  IndexBulkDeleteCallback callback, void *callback_state)
{
	VacuumState vacuum;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	vacuum_init(&vacuum, info, stats);
	vacuum.callback = callback;
	vacuum.callback_state = callback_state;
	run_vacuum(&vacuum);
	MemoryContextDelete(vacuum.context);
	return stats;
}

IndexBulkDeleteResult *
vs_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		/* No row was dead; the counts of the last build or vacuum will do. */
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = true;
	}
	stats->num_pages = RelationGetNumberOfBlocks(info->index);
	IndexFreeSpaceMapVacuum(info->index);
	return stats;
}
