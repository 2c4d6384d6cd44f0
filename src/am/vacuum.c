/*
 * vacuum.c
 *		VACUUM: take dead rows out, mend the graph around them, reuse the room.
 *
 *	mark	the one pass over all pages, in order: heap TIDs of dead rows go; a
 *			vertex left without any becomes a tombstone, which searches still
 *			pass through.  vacuum_notes.h tells what is noted of the links seen.
 *	repair	pages with lists that name a tombstone, in order: a list is chosen
 *			anew from its other members and from the tombstones' own neighbours.
 *			Nothing is searched.  A vertex that no path leads to then gets a link
 *			from one of its neighbours.
 *	free	pages with tombstones, in order: their slots and AUX tuples are given
 *			back through the free space map.  Not while their page is at hand
 *			for repairs: lists of later pages name them still, and their own
 *			lists are what those will be mended from.
 *
 * Rows that inserts add during the vacuum are alive, and a vertex becomes a
 * tombstone only under the lock under which TIDs are added.  An insert may link
 * to a vertex that dies after.  So vacuum waits between mark and repair until
 * the inserts under way have ended; those that come after see the tombstones.
 * Slots that were free in the mark pass, pages that came since, and upper lists
 * that were put onto pages already passed, are looked at once more when lists
 * are repaired.  What is left is a link that an insert puts into the list of its
 * own vertex after the pass saw that (lead_on(), link_late()) to one that dies
 * later in the pass: it may lead to a slot that is free or taken anew, which is
 * harmless.
 *
 * Memory is bounded by maintenance_work_mem (autovacuum_work_mem), as far as
 * vacuum_notes.h tells; vectors kept while lists are mended come on top.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "am/am.h"
#include "am/pagegraph.h"
#include "am/vacuum_notes.h"
#include "commands/vacuum.h"
#include "miscadmin.h"
#include "postmaster/autovacuum.h"
#include "storage/indexfsm.h"
#include "storage/lmgr.h"

/*
 * A slot that a cut-off insert may have left reserved, or an AUX tuple that no
 * vertex was seen to lead to: of such an insert, or of a cut-off vacuum.
 */
typedef struct Orphan
{
	ItemPointerData where;		/* AUX tuple; invalid for a reserved slot */
	uint16		version;
	VsId		owner;
	VsAuxKind	kind;			/* of the AUX tuple */
} Orphan;

/* A vertex to mend. */
typedef struct Broken
{
	VsCandidate vertex;
	int			level;
	bool		bottom;			/* its list of level 0 */
	bool		upper;			/* those of its upper levels */
	bool		fresh;			/* came during the vacuum */
} Broken;

/* So many are enough before those that are none are sifted out. */
#define MAX_ORPHANS		(MaxAllocSize / 16 / sizeof(Orphan))

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
	BlockNumber nheads;			/* those that ids can name */
	MemoryContext context;		/* the whole vacuum */
	MemoryContext scratch;		/* one page's work */
	VsNotes		notes;
	double		live;			/* vertices */
	double		removed;		/* heap TIDs taken out */
	double		kept;			/* heap TIDs left */
	VsCandidate best;			/* live vertex of the highest level */
	int			best_level;
	BlockNumber roomy_aux;		/* AUX page with the most room */
	Size		room;
	Orphan	   *orphans;
	int			norphans;
	int			max_orphans;
	bool		enough_orphans;	/* most of those noted are some indeed */
	int64		nmended;		/* lists, and so on, for the log */
	int64		nattached;
	int64		nfreed;
	int64		norphans_removed;
} VacuumState;

/* ---- AUX tuples and what leads to them ---- */

/* A tuple's place as one number; false for pages beyond 64 GB. */
static bool
aux_key(const ItemPointerData *where, uint32 *key)
{
	BlockNumber block = ItemPointerGetBlockNumberNoCheck(where);

	*key = block << 9 | ItemPointerGetOffsetNumberNoCheck(where);
	return block < 1u << 23;
}

static void
note_led_to(VacuumState *vacuum, const ItemPointerData *where)
{
	uint32		key;

	if (ItemPointerIsValid(where) && aux_key(where, &key))
		vs_idset_add(&vacuum->notes.led_to, key);
}

/* Whether a vertex was seen to lead to the tuple. */
static bool
is_led_to(VacuumState *vacuum, const ItemPointerData *where)
{
	uint32		key;

	return aux_key(where, &key) && vs_idset_has(&vacuum->notes.led_to, key);
}

/* ItemPointerEquals() of some versions wants to change what it compares. */
static bool
same_place(const ItemPointerData *a, const ItemPointerData *b)
{
	return ItemPointerGetBlockNumberNoCheck(a) == ItemPointerGetBlockNumberNoCheck(b) &&
		ItemPointerGetOffsetNumberNoCheck(a) == ItemPointerGetOffsetNumberNoCheck(b);
}

/* Whether the chain of overflow segments has this one. */
static bool
chain_has(VacuumState *vacuum, VsId id, const VsVertex *vertex,
		  const ItemPointerData *where)
{
	ItemPointerData next = vertex->overflow;
	int64		segments = 0;
	VsAux	   *aux;

	while (ItemPointerIsValid(&next))
	{
		Buffer		buffer;

		if (same_place(&next, where))
			return true;
		buffer = vs_aux_lock(vacuum->rel, &next, VS_AUX_TIDS, id, vertex->version,
							 BUFFER_LOCK_SHARE, &aux);
		if (!BufferIsValid(buffer))
			break;
		vs_check_chain(vacuum->rel, id, ++segments);
		next = aux->next;
		UnlockReleaseBuffer(buffer);
	}
	return false;
}

/*
 * Whether a vertex, whose page is locked, leads to an AUX tuple.
 */
static bool
leads_to(VacuumState *vacuum, const VsVertex *vertex, const Orphan *orphan)
{
	const ItemPointerData *tails = VsVertexTails(&vacuum->index, vertex);

	switch (orphan->kind)
	{
		case VS_AUX_UPPER:
			return same_place(&vertex->upper, &orphan->where);
		case VS_AUX_TIDS:
			return chain_has(vacuum, orphan->owner, vertex, &orphan->where);
		case VS_AUX_TAIL:
			for (int i = 0; i < vacuum->index.ntails; i++)
				if (same_place(&tails[i], &orphan->where))
					return true;
			return false;
		case VS_AUX_ROWS:
			break;				/* has no owner, and is never noted */
	}
	return true;
}

/*
 * Whether nothing leads to the tuple any more, or the slot is still reserved.
 * Of a reserved slot's tails that cannot be told before free_orphans().
 */
static bool
is_orphan(VacuumState *vacuum, const Orphan *orphan)
{
	Buffer		buffer = vs_block_lock(vacuum->rel, VsIdBlock(&vacuum->index, orphan->owner),
									   BUFFER_LOCK_SHARE);
	VsVertex   *vertex;
	VsVertexState state = VS_FREE;
	bool		result;

	if (!BufferIsValid(buffer))
		return true;
	vertex = vs_page_vertex(BufferGetPage(buffer), VsIdOffset(&vacuum->index, orphan->owner));
	if (vertex && vertex->version == orphan->version)
		state = VsVertexGetState(vertex);
	if (!ItemPointerIsValid(&orphan->where))
		result = state == VS_RESERVED;
	else
		result = state == VS_FREE || state == VS_RESERVED ||
			!leads_to(vacuum, vertex, orphan);
	UnlockReleaseBuffer(buffer);
	return result;
}

static int
compare_orphans(const void *a, const void *b)
{
	const Orphan *x = a;
	const Orphan *y = b;

	return x->owner < y->owner ? -1 : x->owner > y->owner;
}

/*
 * Keep those that are orphans indeed.  By owner: each page is read once.
 */
static void
sift_orphans(VacuumState *vacuum)
{
	int			kept = 0;

	for (int i = 0; i < vacuum->norphans; i++)
		if (!ItemPointerIsValid(&vacuum->orphans[i].where) ||
			!is_led_to(vacuum, &vacuum->orphans[i].where))
			vacuum->orphans[kept++] = vacuum->orphans[i];
	vacuum->norphans = kept;
	qsort(vacuum->orphans, kept, sizeof(Orphan), compare_orphans);
	kept = 0;
	for (int i = 0; i < vacuum->norphans; i++)
	{
		vs_vacuum_delay_point();
		if (is_orphan(vacuum, &vacuum->orphans[i]))
			vacuum->orphans[kept++] = vacuum->orphans[i];
	}
	vacuum->norphans = kept;
}

/*
 * Note a slot or tuple to look at when the pass has ended.  If there is no
 * room left for it, the next vacuum will find it.
 */
static void
note_orphan(VacuumState *vacuum, const ItemPointerData *where, VsAuxKind kind,
			VsId owner, uint16 version)
{
	Orphan	   *orphan;

	if (vacuum->norphans == vacuum->max_orphans)
		return;
	orphan = &vacuum->orphans[vacuum->norphans++];
	if (where)
		orphan->where = *where;
	else
		ItemPointerSetInvalid(&orphan->where);
	orphan->kind = kind;
	orphan->owner = owner;
	orphan->version = version;
}

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

/* Note that the slots of a page without vertices may be taken; it is locked. */
static void
note_empty(VacuumState *vacuum, Buffer buffer)
{
	BlockNumber block = BufferGetBlockNumber(buffer);

	vs_space_record(vacuum->rel, buffer);
	vs_idset_add(&vacuum->notes.roomy, block);
	if (block < vacuum->nheads)
		for (OffsetNumber offset = 1; offset <= vacuum->index.slots_per_page; offset++)
			vs_idset_add(&vacuum->notes.empty_slots, VsMakeId(&vacuum->index, block, offset));
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

	if (!BufferIsValid(buffer))
		return;
	edit = vs_edit_begin(vacuum->rel);
	page = vs_edit_page(&edit, buffer);
	vs_aux_remove(page, ItemPointerGetOffsetNumber(where));
	vs_edit_commit(&edit);
	if (PageGetMaxOffsetNumber(BufferGetPage(buffer)) == 0)
		note_empty(vacuum, buffer);
	UnlockReleaseBuffer(buffer);
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
	int64		segments = 0;

	ItemPointerSetInvalid(&previous);
	while (ItemPointerIsValid(&segment))
	{
		ItemPointerData next;

		vs_check_chain(vacuum->rel, id, ++segments);

		if (clean_segment(vacuum, &segment, id, version, &next))
		{
			previous = segment;
			note_led_to(vacuum, &segment);
		}
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

/* Note the AUX tuples that a vertex leads to, overflow segments aside. */
static void
note_parts(VacuumState *vacuum, VsVertex *vertex)
{
	note_led_to(vacuum, &vertex->upper);
	if (vertex->flags & VS_IN_TAILS)
		for (int i = 0; i < vacuum->index.ntails; i++)
			note_led_to(vacuum, &VsVertexTails(&vacuum->index, vertex)[i]);
}

/*
 * Count a vertex of a locked page, and note what is needed of it later.
 * Returns whether the slot may be taken.
 */
static bool
note_vertex(VacuumState *vacuum, VsId id, VsVertex *vertex)
{
	VsVertexState state = vertex ? VsVertexGetState(vertex) : VS_FREE;

	switch (state)
	{
		case VS_LIVE:
			vacuum->live++;
			vs_idset_add(&vacuum->notes.alive, id);
			vacuum->kept += vertex->ntids;
			note_best(vacuum, id, vertex);
			if (vertex->level > 0)
				vs_idset_add(&vacuum->notes.tall, id);
			note_parts(vacuum, vertex);
			vs_notes_count(&vacuum->notes, VsVertexIds(&vacuum->index, vertex),
						   VsDegree(&vacuum->index, 0));
			break;
		case VS_TOMBSTONE:
			vs_idset_add(&vacuum->notes.dead, id);
			note_parts(vacuum, vertex);
			break;
		case VS_RESERVED:
			note_orphan(vacuum, NULL, (VsAuxKind) 0, id, vertex->version);
			vs_idset_add(&vacuum->notes.empty_slots, id);
			break;
		case VS_FREE:
			vs_idset_add(&vacuum->notes.empty_slots, id);
			break;
	}
	return state == VS_FREE;
}

/* Note the links of a page's live vertices: its own dead are known. */
static void
note_lists(VacuumState *vacuum, Page page, BlockNumber block)
{
	const VsIndex *index = &vacuum->index;

	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		VsVertex   *vertex = vs_page_vertex(page, offset);

		if (VsVertexGetState(vertex) == VS_LIVE)
			vs_notes_list(&vacuum->notes, VsMakeId(index, block, offset), false,
						  VsVertexIds(index, vertex), VsDegree(index, 0),
						  VsMakeId(index, block + 1, 1));
	}
}

static void
mark_head_page(VacuumState *vacuum, Buffer buffer)
{
	const VsIndex *index = &vacuum->index;
	BlockNumber block = BufferGetBlockNumber(buffer);
	Page		page = BufferGetPage(buffer);
	bool		dirty = false;
	bool		has_free = false;

	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page) && !dirty; offset++)
		dirty = needs_cleaning(vacuum, vs_page_vertex(page, offset));
	if (dirty)
	{
		LockBuffer(buffer, BUFFER_LOCK_UNLOCK);
		LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
		for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
			if (VsVertexGetState(vs_page_vertex(page, offset)) == VS_LIVE)
				clean_vertex(vacuum, buffer, offset, VsMakeId(index, block, offset));
	}
	for (OffsetNumber offset = 1; offset <= index->slots_per_page; offset++)
		has_free |= note_vertex(vacuum, VsMakeId(index, block, offset),
								vs_page_vertex(page, offset));
	note_lists(vacuum, page, block);
	if (has_free)
	{
		vs_space_record(vacuum->rel, buffer);
		vs_idset_add(&vacuum->notes.roomy, block);
	}
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

/*
 * Count an AUX tuple of a locked page, and note what is needed of it later.
 */
static void
note_aux(VacuumState *vacuum, Page page, BlockNumber block, OffsetNumber offset)
{
	VsAux	   *aux = vs_page_aux(page, offset, NULL);
	ItemPointerData where;

	if (aux == NULL)
		return;
	if (aux->kind == VS_AUX_ROWS)
	{
		vacuum->kept += aux->count;
		return;
	}
	ItemPointerSet(&where, block, offset);
	if (!is_led_to(vacuum, &where))
		note_orphan(vacuum, &where, (VsAuxKind) aux->kind, aux->owner, aux->version);
	if (aux->kind != VS_AUX_UPPER)
		return;
	vs_idset_add(&vacuum->notes.upper_noted, aux->owner);
	for (int l = 1; l <= aux->part; l++)
		vs_notes_list(&vacuum->notes, aux->owner, true,
					  VsUpperIds(&vacuum->index, aux, l), vacuum->index.m,
					  VsMakeId(&vacuum->index, block, 1));
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
		note_aux(vacuum, page, block, offset);
	if (PageGetMaxOffsetNumber(page) == 0)
		note_empty(vacuum, buffer);
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
	vs_check_page(vacuum->rel, &vacuum->index, buffer);
	return buffer;
}

static void
mark(VacuumState *vacuum)
{
	for (BlockNumber block = VS_META_BLOCK + 1; block < vacuum->nblocks; block++)
	{
		Buffer		buffer = next_page(vacuum, block);
		Page		page = BufferGetPage(buffer);
		VsPageKind	kind = vs_page_kind(page);

		if (kind == VS_PAGE_HEAD)
			mark_head_page(vacuum, buffer);
		else if (kind == VS_PAGE_AUX)
			mark_aux_page(vacuum, buffer);
		else if (PageIsNew(page))
			note_empty(vacuum, buffer);	/* a crash left it so */
		UnlockReleaseBuffer(buffer);
		if (vacuum->norphans == vacuum->max_orphans && !vacuum->enough_orphans)
		{
			sift_orphans(vacuum);
			vacuum->enough_orphans = vacuum->norphans > vacuum->max_orphans / 2;
		}
	}
	vs_notes_resolve(&vacuum->notes);
}

/*
 * Wait for the inserts under way, which hold this lock.
 */
static void
wait_for_inserts(Relation rel)
{
	LockPage(rel, VS_META_BLOCK, ExclusiveLock);
	UnlockPage(rel, VS_META_BLOCK, ExclusiveLock);
}

/* ---- repair ---- */

/*
 * What is to be mended of the vertex in a slot, if a live one is there; false
 * if nothing.
 */
static bool
is_suspect(VacuumState *vacuum, VsId id, Broken *broken)
{
	const VsNotes *notes = &vacuum->notes;

	memset(broken, 0, sizeof(Broken));
	broken->vertex.id = id;
	broken->fresh = VsIdBlock(&vacuum->index, id) >= vacuum->nblocks ||
		vs_idset_has(&notes->empty_slots, id);
	broken->bottom = broken->fresh || vs_idset_has(&notes->suspects, id);
	broken->upper = broken->fresh || vs_idset_has(&notes->upper_suspects, id) ||
		vs_notes_missed_upper(notes, id);
	return broken->bottom || broken->upper;
}

/* Whether a block has slots that are to be looked at. */
static bool
has_suspects(VacuumState *vacuum, BlockNumber block)
{
	Broken		broken;

	for (OffsetNumber offset = 1; offset <= vacuum->index.slots_per_page; offset++)
		if (is_suspect(vacuum, VsMakeId(&vacuum->index, block, offset), &broken))
			return true;
	return false;
}

/*
 * The vertices of a page to mend, in found; returns how many.
 */
static int
vertices_to_mend(VacuumState *vacuum, BlockNumber block, Broken *found)
{
	Buffer		buffer = next_page(vacuum, block);
	Page		page = BufferGetPage(buffer);
	bool		is_head = vs_page_kind(page) == VS_PAGE_HEAD;
	int			n = 0;

	for (OffsetNumber offset = 1; is_head && offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		VsVertex   *vertex = vs_page_vertex(page, offset);
		Broken	   *broken = &found[n];

		if (VsVertexGetState(vertex) != VS_LIVE ||
			!is_suspect(vacuum, VsMakeId(&vacuum->index, block, offset), broken))
			continue;
		broken->vertex.version = vertex->version;
		broken->level = vertex->level;
		vs_idset_add(&vacuum->notes.alive, broken->vertex.id);
		n++;
	}
	UnlockReleaseBuffer(buffer);
	return n;
}

/*
 * Mend the lists of one vertex.
 */
static void
mend(VacuumState *vacuum, const Broken *broken)
{
	VsGraph    *graph = &vacuum->graph.graph;
	VsNotes    *notes = &vacuum->notes;

	for (int level = broken->upper ? broken->level : 0; level >= !broken->bottom; level--)
	{
		vs_vacuum_delay_point();
		vacuum->nmended += vs_graph_repair(graph, broken->vertex, level, &notes->dead,
										   &notes->degrees);
	}

	graph->forget(graph);
}

static void
mend_lists(VacuumState *vacuum)
{
	Broken	   *found = palloc(vacuum->index.slots_per_page * sizeof(Broken));
	BlockNumber nblocks = Min(RelationGetNumberOfBlocks(vacuum->rel),
							  VS_INVALID_ID >> vacuum->index.slot_bits);

	for (BlockNumber block = VS_META_BLOCK + 1; block < nblocks; block++)
	{
		int			n = has_suspects(vacuum, block) ? vertices_to_mend(vacuum, block, found) : 0;

		for (int i = 0; i < n; i++)
		{
			MemoryContext old = MemoryContextSwitchTo(vacuum->scratch);

			mend(vacuum, &found[i]);
			MemoryContextSwitchTo(old);
			MemoryContextReset(vacuum->scratch);
		}
	}
	pfree(found);
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

	if (meta.entry == VS_INVALID_ID || !vs_idset_has(&vacuum->notes.dead, meta.entry))
		return;
	if (vacuum->best_level < 0)
		find_best(vacuum);
	if (vacuum->best_level < 0)
		vs_meta_replace_entry(vacuum->rel, meta.entry, VS_INVALID_ID, 0, 0);
	else
		vs_meta_replace_entry(vacuum->rel, meta.entry, vacuum->best.id,
							  vacuum->best.version, vacuum->best_level);
}

/*
 * Mending took links away, a crash may have: let some path lead to every vertex
 * that the mark pass saw alive.
 */
static void
connect(VacuumState *vacuum)
{
	VsGraph    *graph = &vacuum->graph.graph;
	VsMeta		meta = vs_meta_read(vacuum->rel);

	if (meta.entry != VS_INVALID_ID && vacuum->notes.degrees.size > 0)
		vacuum->nattached += vs_graph_connect(graph, meta.entry, &vacuum->notes.alive,
											  &vacuum->notes.degrees);
	vs_pagegraph_reset(&vacuum->graph);
}

/* ---- free ---- */

/*
 * Free slots of tombstones, or of inserts that came to nothing, all of one page
 * in one record; then what they had on AUX pages.  A crash in between leaves AUX
 * tuples without an owner, which the next vacuum finds.
 */
static void
free_vertices(VacuumState *vacuum, BlockNumber block, const VsId *ids, int n)
{
	const VsIndex *index = &vacuum->index;
	char	   *copies = palloc(n * index->vertex_size);
	Buffer		buffer = ReadBufferExtended(vacuum->rel, MAIN_FORKNUM, block,
											RBM_NORMAL, vacuum->strategy);
	VsEdit		edit;
	Page		page;

	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	vs_check_page(vacuum->rel, index, buffer);
	edit = vs_edit_begin(vacuum->rel);
	page = vs_edit_page(&edit, buffer);
	for (int i = 0; i < n; i++)
	{
		VsVertex   *vertex = vs_page_vertex(page, VsIdOffset(index, ids[i]));

		memcpy(copies + i * index->vertex_size, vertex, index->vertex_size);
		vertex->flags = VS_FREE;
		ItemPointerSetInvalid(&vertex->upper);
		ItemPointerSetInvalid(&vertex->overflow);
	}
	vs_edit_commit(&edit);
	vs_space_record(vacuum->rel, buffer);
	UnlockReleaseBuffer(buffer);
	vs_idset_add(&vacuum->notes.roomy, block);
	vacuum->nfreed += n;

	for (int i = 0; i < n; i++)
	{
		VsVertex   *copy = (VsVertex *) (copies + i * index->vertex_size);
		bool		in_tails = VsVertexGetState(copy) == VS_TOMBSTONE &&
			(copy->flags & VS_IN_TAILS);

		for (int j = 0; in_tails && j < index->ntails; j++)
			remove_aux(vacuum, &VsVertexTails(index, copy)[j], VS_AUX_TAIL, ids[i], copy->version);
		if (ItemPointerIsValid(&copy->upper))
			remove_aux(vacuum, &copy->upper, VS_AUX_UPPER, ids[i], copy->version);
	}
	pfree(copies);
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

		if (vs_idset_has(&vacuum->notes.dead, id))
			ids[n++] = id;
	}
	return n;
}

static void
free_tombstones(VacuumState *vacuum)
{
	VsId	   *ids = palloc(vacuum->index.slots_per_page * sizeof(VsId));

	for (BlockNumber block = VS_META_BLOCK + 1; block < vacuum->nheads; block++)
	{
		int			n = tombstones_of(vacuum, block, ids);

		if (n == 0)
			continue;
		vs_vacuum_delay_point();
		free_vertices(vacuum, block, ids, n);
	}
	pfree(ids);
}

/*
 * Reclaim what an insert left that was cut off between reserving a slot and
 * writing the vertex, or a vacuum between freeing a slot, or unlinking a
 * segment, and removing the AUX tuples.
 *
 * Once we have waited, each insert seen by the mark pass has ended one way or
 * the other.  Nobody makes a vertex lead to an AUX tuple that is there already,
 * but that insert: an orphan stays one.
 */
static void
free_orphans(VacuumState *vacuum)
{
	sift_orphans(vacuum);
	if (vacuum->norphans == 0)
		return;
	wait_for_inserts(vacuum->rel);
	for (int i = 0; i < vacuum->norphans; i++)
	{
		Orphan	   *orphan = &vacuum->orphans[i];

		vs_vacuum_delay_point();
		if (!is_orphan(vacuum, orphan))
			continue;
		if (ItemPointerIsValid(&orphan->where))
			remove_aux(vacuum, &orphan->where, orphan->kind, orphan->owner, orphan->version);
		else
			free_vertices(vacuum, VsIdBlock(&vacuum->index, orphan->owner), &orphan->owner, 1);
		vacuum->norphans_removed++;
	}
}

/* ---- entry points ---- */

/* Bytes that a vacuum may take, as core reckons for dead rows. */
static Size
memory_allowed(void)
{
	int			kilobytes = vs_is_autovacuum_worker() && autovacuum_work_mem != -1 ?
		autovacuum_work_mem : maintenance_work_mem;

	return (Size) kilobytes * 1024;
}

static void
vacuum_init(VacuumState *vacuum, IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Size		memory = memory_allowed();

	memset(vacuum, 0, sizeof(VacuumState));
	vacuum->rel = info->index;
	vacuum->index = vs_index_open(info->index);
	vacuum->stats = stats;
	vacuum->strategy = info->strategy;
	vacuum->nblocks = RelationGetNumberOfBlocks(info->index);
	vacuum->nheads = Min(vacuum->nblocks, VS_INVALID_ID >> vacuum->index.slot_bits);
	vacuum->context = AllocSetContextCreate(CurrentMemoryContext, "vecstore vacuum",
											ALLOCSET_DEFAULT_SIZES);
	vacuum->scratch = AllocSetContextCreate(vacuum->context, "vecstore vacuum page",
											ALLOCSET_DEFAULT_SIZES);
	vs_pagegraph_init(&vacuum->graph, vacuum->rel, &vacuum->index,
					  VS_TO_LINK, vacuum->context);
	vacuum->max_orphans = Max(64, Min(memory / 8 / sizeof(Orphan), MAX_ORPHANS));
	vacuum->orphans = MemoryContextAlloc(vacuum->context,
										 vacuum->max_orphans * sizeof(Orphan));
	vs_notes_init(&vacuum->notes, vacuum->context,
				  memory - vacuum->max_orphans * sizeof(Orphan),
				  vacuum->nheads << vacuum->index.slot_bits);
	vacuum->best_level = -1;
	vacuum->roomy_aux = InvalidBlockNumber;
}

/* Say what was done; core's own indexes tell such things with DEBUG, too. */
static void
report(VacuumState *vacuum)
{
	ereport(DEBUG2,
			(errmsg_internal("vecstore: vacuum of index \"%s\": %.0f rows removed, " INT64_FORMAT " slots freed, "
							 INT64_FORMAT " lists mended, " INT64_FORMAT " links made to vertices few name, "
							 INT64_FORMAT " orphans removed%s%s",
							 RelationGetRelationName(vacuum->rel), vacuum->removed,
							 vacuum->nfreed, vacuum->nmended, vacuum->nattached,
							 vacuum->norphans_removed,
							 vacuum->notes.full ? "; lists did not fit into memory" : "",
							 vacuum->notes.degrees.size == 0 ?
							 "; links to vertices did not fit into memory" : "")));
}

/*
 * The work of a vacuum, with or without rows to take out: one that was
 * cancelled may have left tombstones.
 */
static void
run_vacuum(VacuumState *vacuum)
{
	mark(vacuum);
	if (vacuum->notes.dead.count > 0)
	{
		wait_for_inserts(vacuum->rel);
		mend_lists(vacuum);
		repair_entry(vacuum);
		connect(vacuum);
		free_tombstones(vacuum);
	}
	free_orphans(vacuum);
	if (vacuum->room > VS_MAX_TUPLE / 4)
		vs_meta_set_aux_block(vacuum->rel, vacuum->roomy_aux);
	if (vs_meta_read(vacuum->rel).vertices != vacuum->live)
		vs_meta_set_vertices(vacuum->rel, vacuum->live);
	vacuum->stats->num_index_tuples = vacuum->kept;
	vacuum->stats->tuples_removed += vacuum->removed;
	vacuum->stats->pages_free = vacuum->notes.roomy.count;
	report(vacuum);
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
