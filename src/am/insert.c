/*
 * insert.c
 *		Inserting rows on an index's pages.
 *
 * A row with a new vector becomes a vertex: its neighbours are searched, then
 * the vertex is written with its own lists in one log record, then each
 * neighbour's list is changed in a record of its own.  A crash in between
 * leaves links that lead one way only, which a search does not mind.
 *
 * A vector that is in the index already gets one more heap TID instead, and a
 * row without a place in the graph goes to a list aside.
 *
 * A vector longer than a page is written in tails first.  The slot is reserved
 * before, so that the tails can name their owner; vacuum reclaims what a crash
 * leaves of it.
 *
 * An insert into the graph holds a share lock on the metapage (a heavyweight
 * lock, which no scan takes).  Vacuum waits for it to tell a crashed insert from
 * one under way, and for links to its tombstones to be there before it mends
 * lists.
 */
#include "postgres.h"
#include "compat.h"

#include "am/am.h"
#include "am/insert.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "storage/lmgr.h"

/* ---- rows aside ---- */

/*
 * Add heap TIDs to the newest tuple of a list aside, as many as it has room
 * for; returns how many.
 */
static int
append_aside(Relation rel, VsRowsKind kind, const ItemPointerData *tids, int64 n)
{
	ItemPointerData where = vs_meta_read(rel).rows[kind];
	int			added = 0;
	VsAux	   *aux;
	VsEdit		edit;
	Page		page;
	Buffer		buffer = vs_aux_lock(rel, &where, VS_AUX_ROWS, VS_INVALID_ID, 0,
									 BUFFER_LOCK_EXCLUSIVE, &aux);

	if (!BufferIsValid(buffer))
		return 0;
	if (aux->part == kind)
		added = Min(n, VS_ROWS_TIDS - aux->count);
	if (added > 0)
	{
		edit = vs_edit_begin(rel);
		page = vs_edit_page(&edit, buffer);
		aux = vs_page_aux(page, ItemPointerGetOffsetNumber(&where), NULL);
		memcpy(&VsAuxTids(aux)[aux->count], tids, added * sizeof(ItemPointerData));
		aux->count += added;
		vs_edit_commit(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return added;
}

/*
 * Begin a new tuple of a list aside, with at most VS_ROWS_TIDS heap TIDs.
 */
static void
begin_aside(Relation rel, VsRowsKind kind, const ItemPointerData *tids, int n)
{
	Size		size = VsAuxTidSize(VS_ROWS_TIDS);
	VsAux	   *aux = palloc0(size);
	Buffer		buffer = vs_space_aux(rel, size, InvalidBlockNumber);
	VsEdit		edit = vs_edit_begin(rel);
	ItemPointerData where;
	OffsetNumber offset;

	aux->format = VS_FORMAT_VERSION;
	aux->kind = VS_AUX_ROWS;
	aux->owner = VS_INVALID_ID;
	aux->part = kind;
	aux->count = n;
	ItemPointerSetInvalid(&aux->next);
	memcpy(VsAuxTids(aux), tids, n * sizeof(ItemPointerData));
	offset = vs_aux_add(vs_edit_page(&edit, buffer), aux, size);
	vs_edit_commit(&edit);
	ItemPointerSet(&where, BufferGetBlockNumber(buffer), offset);
	UnlockReleaseBuffer(buffer);
	vs_meta_set_rows(rel, kind, &where);
	pfree(aux);
}

void
vs_insert_aside(Relation rel, VsRowsKind kind, const ItemPointerData *tids, int64 n)
{
	for (int64 done = 0; done < n;)
	{
		int			added = append_aside(rel, kind, tids + done, n - done);

		CHECK_FOR_INTERRUPTS();
		if (added == 0)
		{
			added = Min(n - done, VS_ROWS_TIDS);
			begin_aside(rel, kind, tids + done, added);
		}
		done += added;
	}
}

/* ---- one more heap TID for a vertex ---- */

/*
 * Put the TID into the newest overflow segment if that has room.  The caller
 * has locked the vertex's page.  *capacity is set to what a segment behind it
 * should hold.
 */
static bool
add_to_segment(Relation rel, VsId id, const VsVertex *vertex,
			   const ItemPointerData *tid, int *capacity)
{
	ItemPointerData segment = vertex->overflow;
	VsAux	   *aux;
	VsEdit		edit;
	Page		page;
	Buffer		buffer = vs_aux_lock(rel, &segment, VS_AUX_TIDS, id, vertex->version,
									 BUFFER_LOCK_EXCLUSIVE, &aux);
	OffsetNumber offset;
	Size		size;

	*capacity = VS_MIN_SEGMENT_TIDS;
	if (!BufferIsValid(buffer))
		return false;
	offset = ItemPointerGetOffsetNumber(&segment);
	vs_page_aux(BufferGetPage(buffer), offset, &size);
	if (aux->count >= VsAuxTidCapacity(size))
	{
		*capacity = Min(2 * aux->count, (int) VS_MAX_SEGMENT_TIDS);
		UnlockReleaseBuffer(buffer);
		return false;
	}
	edit = vs_edit_begin(rel);
	page = vs_edit_page(&edit, buffer);
	aux = vs_page_aux(page, offset, NULL);
	VsAuxTids(aux)[aux->count++] = *tid;
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return true;
}

/*
 * Put the TID into a new overflow segment, in front of the present ones.
 */
static void
add_segment(Relation rel, Buffer head, OffsetNumber offset, VsId id,
			const VsVertex *vertex, const ItemPointerData *tid, int capacity)
{
	Size		size = VsAuxTidSize(capacity);
	VsAux	   *aux = palloc0(size);
	Buffer		buffer = vs_space_aux(rel, size, BufferGetBlockNumber(head));
	VsEdit		edit = vs_edit_begin(rel);
	Page		head_page = vs_edit_page(&edit, head);
	OffsetNumber where;

	aux->format = VS_FORMAT_VERSION;
	aux->kind = VS_AUX_TIDS;
	aux->version = vertex->version;
	aux->owner = id;
	aux->count = 1;
	aux->next = vertex->overflow;
	VsAuxTids(aux)[0] = *tid;
	where = vs_aux_add(vs_edit_page(&edit, buffer), aux, size);
	ItemPointerSet(&vs_page_vertex(head_page, offset)->overflow,
				   BufferGetBlockNumber(buffer), where);
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	pfree(aux);
}

/*
 * Give a vertex one more heap TID; false if it is gone or a tombstone.
 */
static bool
add_tid(VsInserter *inserter, const VsCandidate *same, const ItemPointerData *tid)
{
	Relation	rel = inserter->rel;
	OffsetNumber offset = VsIdOffset(&inserter->index, same->id);
	Buffer		buffer = vs_block_lock(rel, VsIdBlock(&inserter->index, same->id),
									   BUFFER_LOCK_EXCLUSIVE);
	VsVertex   *vertex;
	int			capacity;

	if (!BufferIsValid(buffer))
		return false;
	vertex = vs_page_vertex(BufferGetPage(buffer), offset);
	if (vertex == NULL || vertex->version != same->version ||
		VsVertexGetState(vertex) != VS_LIVE)
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	if (vertex->ntids < VS_INLINE_TIDS)
	{
		VsEdit		edit = vs_edit_begin(rel);

		vertex = vs_page_vertex(vs_edit_page(&edit, buffer), offset);
		vertex->tids[vertex->ntids++] = *tid;
		vs_edit_commit(&edit);
	}
	else if (!add_to_segment(rel, same->id, vertex, tid, &capacity))
		add_segment(rel, buffer, offset, same->id, vertex, tid, capacity);
	UnlockReleaseBuffer(buffer);
	return true;
}

/* ---- a new vertex ---- */

/*
 * Write a list of chosen neighbours; the rest of the places stay free.  A
 * neighbour may have been vacuumed since it was chosen, and its slot be the one
 * taken now: a vertex does not name itself.
 */
static void
fill_list(const VsIndex *index, VsList list, VsId self, const void *vector,
		  const VsLinks *links)
{
	vs_list_clear(index, &list);
	for (int i = 0; i < Min(links->n, list.degree); i++)
		if (links->cands[i].id != self && (index->bits == 0 || links->vectors[i]))
			vs_list_put(index, &list, i, links->cands[i].id,
						links->cands[i].cover == VS_COVERED,
						index->bits > 0 ? links->vectors[i] : NULL, vector);
}

/*
 * Get the vectors of chosen neighbours, which codes are written from, before a
 * page is locked.
 */
static void
get_vectors(VsInserter *inserter, VsLinks *links, int level)
{
	VsGraph    *graph = &inserter->graph.graph;

	for (int l = 0; l <= level && inserter->index.bits > 0; l++)
	{
		links[l].vectors = palloc(Max(links[l].n, 1) * sizeof(void *));
		for (int i = 0; i < Min(links[l].n, VsDegree(&inserter->index, l)); i++)
			links[l].vectors[i] = graph->vector(graph, links[l].cands[i].id);
	}
}

/*
 * The bytes of a new vertex, but for its vector or tails, version and lists.
 */
static VsVertex *
form_vertex(const VsIndex *index, int level, const ItemPointerData *tid)
{
	VsVertex   *vertex = palloc0(index->vertex_size);

	vertex->format = VS_FORMAT_VERSION;
	vertex->flags = VS_LIVE;
	vertex->level = level;
	vertex->ntids = 1;
	vertex->codecs = index->codecs;
	vertex->dims = index->dims;
	vertex->degree = VsDegree(index, 0);
	vertex->tids[0] = *tid;
	ItemPointerSetInvalid(&vertex->upper);
	ItemPointerSetInvalid(&vertex->overflow);
	return vertex;
}

/* The tuple with a vertex's upper lists. */
static VsAux *
form_upper(const VsIndex *index, int level, const VsLinks *links, VsId id,
		   uint16 version, const void *vector)
{
	VsAux	   *aux = palloc0(VsUpperSize(index, level));

	aux->format = VS_FORMAT_VERSION;
	aux->kind = VS_AUX_UPPER;
	aux->version = version;
	aux->owner = id;
	aux->part = level;
	ItemPointerSetInvalid(&aux->next);
	for (int l = 1; l <= level; l++)
		fill_list(index, VsUpperList(index, aux, l), id, vector, &links[l]);
	return aux;
}

/*
 * Write a vertex into its slot, with all its lists in the same record; the
 * HEAD page is locked, take is false if the slot is reserved already.
 */
static uint16
write_vertex(Relation rel, const VsIndex *index, Buffer head, OffsetNumber offset,
			 VsVertex *vertex, const void *vector, const VsLinks *links, bool take)
{
	int			level = vertex->level;
	VsId		id = VsMakeId(index, BufferGetBlockNumber(head), offset);
	Buffer		aux_buffer = level > 0 ?
		vs_space_aux(rel, VsUpperSize(index, level), BufferGetBlockNumber(head)) :
		InvalidBuffer;
	VsEdit		edit = vs_edit_begin(rel);
	Page		page = vs_edit_page(&edit, head);

	fill_list(index, VsVertexList(index, vertex), id, vector, &links[0]);
	if (take)
		vs_slot_take(page, index, offset, vertex);
	else
		memcpy(vs_page_vertex(page, offset), vertex, index->vertex_size);
	if (level > 0)
	{
		VsAux	   *aux = form_upper(index, level, links, id, vertex->version, vector);
		OffsetNumber where = vs_aux_add(vs_edit_page(&edit, aux_buffer), aux,
										VsUpperSize(index, level));

		ItemPointerSet(&vs_page_vertex(page, offset)->upper,
					   BufferGetBlockNumber(aux_buffer), where);
	}
	vs_edit_commit(&edit);
	if (level > 0)
		UnlockReleaseBuffer(aux_buffer);
	return vertex->version;
}

/*
 * Let the next insert look at this page first, if it has another slot.
 */
static void
remember_head(VsInserter *inserter, BlockNumber hint, BlockNumber block,
			  OffsetNumber offset)
{
	if (block != hint && offset < inserter->index.slots_per_page)
		vs_meta_set_head_block(inserter->rel, block);
}

/*
 * Write a vertex that fits its slot.
 */
static VsId
write_short(VsInserter *inserter, const void *vector, VsVertex *vertex,
			const VsLinks *links)
{
	const VsIndex *index = &inserter->index;
	BlockNumber hint = vs_meta_read(inserter->rel).head_block;
	OffsetNumber offset;
	Buffer		buffer = vs_space_head(inserter->rel, index, &offset);
	BlockNumber block = BufferGetBlockNumber(buffer);

	memcpy(VsVertexVector(index, vertex), vector, index->vector_size);
	write_vertex(inserter->rel, index, buffer, offset, vertex, vector, links, true);
	UnlockReleaseBuffer(buffer);
	remember_head(inserter, hint, block, offset);
	return VsMakeId(index, block, offset);
}

/*
 * Write the tails of a vector for the vertex that will own them.
 */
static void
write_tails(Relation rel, const VsIndex *index, const void *vector, VsId id,
			uint16 version, ItemPointerData *tails)
{
	const char *from = vector;
	Size		left = index->vector_size;
	VsAux	   *aux = palloc0(VS_AUX_HEADER + VS_TAIL_BYTES);

	aux->format = VS_FORMAT_VERSION;
	aux->kind = VS_AUX_TAIL;
	aux->version = version;
	aux->owner = id;
	ItemPointerSetInvalid(&aux->next);
	for (int i = 0; i < index->ntails; i++)
	{
		Size		bytes = Min(left, VS_TAIL_BYTES);
		Buffer		buffer;
		VsEdit		edit;
		OffsetNumber offset;

		CHECK_FOR_INTERRUPTS();
		aux->part = i;
		aux->count = bytes;
		memcpy(aux->data, from, bytes);
		buffer = vs_space_aux(rel, VS_AUX_HEADER + bytes, InvalidBlockNumber);
		edit = vs_edit_begin(rel);
		offset = vs_aux_add(vs_edit_page(&edit, buffer), aux, VS_AUX_HEADER + bytes);
		vs_edit_commit(&edit);
		ItemPointerSet(&tails[i], BufferGetBlockNumber(buffer), offset);
		UnlockReleaseBuffer(buffer);
		from += bytes;
		left -= bytes;
	}
	pfree(aux);
}

/*
 * Take a slot in the name of a vertex to come.
 */
static VsId
reserve_slot(VsInserter *inserter, VsVertex *vertex)
{
	const VsIndex *index = &inserter->index;
	BlockNumber hint = vs_meta_read(inserter->rel).head_block;
	VsVertex   *reserved = palloc0(index->vertex_size);
	OffsetNumber offset;
	Buffer		buffer = vs_space_head(inserter->rel, index, &offset);
	BlockNumber block = BufferGetBlockNumber(buffer);
	VsEdit		edit = vs_edit_begin(inserter->rel);

	reserved->format = VS_FORMAT_VERSION;
	reserved->flags = VS_RESERVED | VS_IN_TAILS;
	ItemPointerSetInvalid(&reserved->upper);
	ItemPointerSetInvalid(&reserved->overflow);
	vertex->version = vs_slot_take(vs_edit_page(&edit, buffer), index, offset, reserved);
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	remember_head(inserter, hint, block, offset);
	pfree(reserved);
	return VsMakeId(index, block, offset);
}

/*
 * Write a vertex whose vector is longer than a page: slot, tails, vertex.
 */
static VsId
write_long(VsInserter *inserter, const void *vector, VsVertex *vertex,
		   const VsLinks *links)
{
	const VsIndex *index = &inserter->index;
	Relation	rel = inserter->rel;
	Buffer		buffer;
	VsId		id;

	id = reserve_slot(inserter, vertex);
	write_tails(rel, index, vector, id, vertex->version, VsVertexTails(index, vertex));
	vertex->flags |= VS_IN_TAILS;

	buffer = ReadBuffer(rel, VsIdBlock(index, id));
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	vs_check_page(rel, index, buffer);
	write_vertex(rel, index, buffer, VsIdOffset(index, id), vertex, vector, links, false);
	UnlockReleaseBuffer(buffer);
	return id;
}

/* Take an id out of a list. */
static void
drop_id(VsLinks *links, VsId id)
{
	int			n = 0;

	for (int i = 0; i < links->n; i++)
		if (links->cands[i].id != id)
			links->cands[n++] = links->cands[i];
	links->n = n;
}

/*
 * Search neighbours for a vertex that is written already, and link them.
 */
static void
link_late(VsInserter *inserter, const void *vector, VsId id, VsVertex *vertex,
		  VsLinks *links, const VsMeta *meta)
{
	VsGraph    *graph = &inserter->graph.graph;
	VsCandidate entry = {.id = meta->entry};
	VsCandidate self = {.id = id,.version = vertex->version};
	VsCandidate same;

	if (!vs_graph_find_links(&inserter->search, vector, vertex->level, entry,
							 meta->entry_level, links, &same))
	{
		links[0].cands[0] = same;
		links[0].n = 1;
	}
	for (int l = 0; l <= vertex->level; l++)
	{
		drop_id(&links[l], id);
		graph->replace(graph, &self, l, NULL, 0, links[l].cands,
					   Min(links[l].n, VsDegree(&inserter->index, l)));
	}
	vs_graph_link_back(graph, id, vertex->version, vertex->level, links);
}

/*
 * See to it that searches find the new vertex.
 *
 * It has no neighbours if the graph was empty, or if all the search met were
 * tombstones: then it becomes the entry.  If another vertex became that
 * meanwhile, it has to be linked to that one.
 */
static void
set_entry(VsInserter *inserter, const void *vector, VsId id, VsVertex *vertex,
		  VsLinks *links, VsMeta meta)
{
	Relation	rel = inserter->rel;

	while (links[0].n == 0)
	{
		CHECK_FOR_INTERRUPTS();
		if (vs_meta_replace_entry(rel, meta.entry, id, vertex->version, vertex->level))
			return;
		meta = vs_meta_read(rel);
		link_late(inserter, vector, id, vertex, links, &meta);
	}
	if (vertex->level > meta.entry_level)
		vs_meta_raise_entry(rel, id, vertex->version, vertex->level);
}

/*
 * Insert a vector into the graph; false if it has to be tried again.
 */
static bool
insert_vector(VsInserter *inserter, const void *vector, const ItemPointerData *tid)
{
	const VsIndex *index = &inserter->index;
	Relation	rel = inserter->rel;
	int			level = vs_draw_level(index, tid);
	VsLinks    *links = palloc((level + 1) * sizeof(VsLinks));
	VsMeta		meta = vs_meta_read(rel);
	VsCandidate entry = {.id = meta.entry};
	VsCandidate same;
	VsVertex   *vertex;
	VsId		id;

	for (int l = 0; l <= level; l++)
		links[l].cands = palloc(VsLinksRoom(index, l) * sizeof(VsCandidate));
	if (!vs_graph_find_links(&inserter->search, vector, level, entry,
							 meta.entry_level, links, &same))
		return add_tid(inserter, &same, tid);
	get_vectors(inserter, links, level);

	vertex = form_vertex(index, level, tid);
	id = index->ntails > 0 ? write_long(inserter, vector, vertex, links) :
		write_short(inserter, vector, vertex, links);
	vs_graph_link_back(&inserter->graph.graph, id, vertex->version, level, links);
	set_entry(inserter, vector, id, vertex, links, meta);
	return true;
}

/* ---- entry points ---- */

VsInserter *
vs_inserter_create(Relation rel, MemoryContext parent)
{
	MemoryContext old = MemoryContextSwitchTo(parent);
	VsInserter *inserter = palloc0(sizeof(VsInserter));

	inserter->rel = rel;
	inserter->index = vs_index_open(rel);
	vs_pagegraph_init(&inserter->graph, rel, &inserter->index,
					  VS_TO_LINK, parent);
	vs_search_init(&inserter->search, &inserter->graph.graph, parent);
	inserter->scratch = AllocSetContextCreate(parent, "vecstore insert",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(old);
	return inserter;
}

void
vs_inserter_insert_kept(VsInserter *inserter, const void *kept, const ItemPointerData *tid)
{
	MemoryContext old = MemoryContextSwitchTo(inserter->scratch);

	/* Vacuum waits here for the inserts under way: wait_for_inserts(). */
	LockPage(inserter->rel, VS_META_BLOCK, ShareLock);
	while (!insert_vector(inserter, kept, tid))
	{
		CHECK_FOR_INTERRUPTS();
		vs_pagegraph_reset(&inserter->graph);
	}
	UnlockPage(inserter->rel, VS_META_BLOCK, ShareLock);
	MemoryContextSwitchTo(old);
	MemoryContextReset(inserter->scratch);
	vs_pagegraph_reset(&inserter->graph);
}

void
vs_inserter_insert(VsInserter *inserter, Datum value, bool isnull,
				   const ItemPointerData *tid)
{
	MemoryContext old = MemoryContextSwitchTo(inserter->scratch);
	const float *vector = isnull ? NULL :
		vs_index_form_vector(inserter->rel, &inserter->index, value);
	const void *kept = vector ? vs_index_kept_vector(&inserter->index, vector) : NULL;

	if (kept)
		vs_inserter_insert_kept(inserter, kept, tid);
	else
		vs_insert_aside(inserter->rel, isnull ? VS_ROWS_NULL : VS_ROWS_UNRANKED, tid, 1);
	MemoryContextSwitchTo(old);
	MemoryContextReset(inserter->scratch);
}

bool
vs_insert(Relation rel, Datum *values, bool *isnull, ItemPointer tid,
		  Relation heap, IndexUniqueCheck unique, bool unchanged, IndexInfo *info)
{
	VsInserter *inserter = info->ii_AmCache;

	if (inserter == NULL)
		info->ii_AmCache = inserter = vs_inserter_create(rel, info->ii_Context);
	vs_inserter_insert(inserter, values[0], isnull[0], tid);
	return false;
}
