/*
 * pagegraph.c
 *		The graph as it lies on an index's pages.
 *
 * Each function locks one page at a time, for as long as it takes to copy a
 * list or to compute one distance, and believes nothing it read before: a
 * vertex may have become a tombstone, its slot may be free or belong to
 * another vertex.  The last is harmless to a search, which ranks what it finds
 * there; who writes compares versions.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/pagegraph.h"
#include "am/recent.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/spccache.h"

/* Vectors by vertex id. */
typedef struct VsVectorEntry
{
	VsId		id;
	char		status;
	float	   *vector;			/* NULL: the vertex is gone */
} VsVectorEntry;

#define SH_PREFIX		vsvectors
#define SH_ELEMENT_TYPE	VsVectorEntry
#define SH_KEY_TYPE		VsId
#define SH_KEY			id
#define SH_HASH_KEY(tb, key)	murmurhash32(key)
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

/*
 * Pages pinned at once while vertices are priced.  The server keeps count of
 * eight pins in an array, of more in a slower hash table.
 */
#define MAX_PINS			6

/* Vectors are kept in blocks of so many. */
#define VECTORS_A_BLOCK		32

/* Bytes of vectors worth keeping for the next step. */
#define MAX_VECTOR_BYTES	((Size) 16 * 1024 * 1024)

/* Whether the index has this block by now. */
static bool
block_exists(VsPageGraph *graph, BlockNumber block)
{
	if (block >= graph->nblocks)
		graph->nblocks = RelationGetNumberOfBlocks(graph->rel);
	return block < graph->nblocks;
}

/*
 * Lock the pinned page of a vertex; NULL, and no pin, if there is none.
 */
static VsVertex *
lock_pinned(const VsIndex *index, VsId id, int mode, Buffer buffer)
{
	VsVertex   *vertex;

	LockBuffer(buffer, mode);
	vertex = vs_page_vertex(BufferGetPage(buffer), VsIdOffset(index, id));
	if (vertex && (VsVertexGetState(vertex) == VS_LIVE ||
				   VsVertexGetState(vertex) == VS_TOMBSTONE))
		return vertex;
	UnlockReleaseBuffer(buffer);
	return NULL;
}

/*
 * Pin and lock the page of a vertex; NULL if there is none.
 */
static VsVertex *
lock_vertex(VsPageGraph *graph, VsId id, int mode, Buffer *buffer)
{
	const VsIndex *index = &graph->graph.index;
	BlockNumber block = VsIdBlock(index, id);

	if (!block_exists(graph, block))
		return NULL;
	*buffer = vs_recent_read(graph->rel, block);
	return lock_pinned(index, id, mode, *buffer);
}

bool
vs_vertex_read_tails(Relation rel, const VsIndex *index, VsId id, uint16 version,
					 const ItemPointerData *tails, float *out)
{
	char	   *to = (char *) out;
	Size		left = index->dims * sizeof(float);

	for (int i = 0; i < index->ntails; i++)
	{
		VsAux	   *aux;
		Buffer		buffer = vs_aux_lock(rel, &tails[i], VS_AUX_TAIL, id, version,
										 BUFFER_LOCK_SHARE, &aux);
		Size		bytes = Min(left, VS_TAIL_BYTES);
		bool		whole;

		if (!BufferIsValid(buffer))
			return false;
		whole = aux->part == i && aux->count == bytes;
		if (whole)
			memcpy(to, aux->data, bytes);
		UnlockReleaseBuffer(buffer);
		if (!whole)
			return false;
		to += bytes;
		left -= bytes;
	}
	return true;
}

/*
 * Unlock a vertex's page and get its vector: into the graph's buffer, from its
 * tails.
 */
static bool
unlock_and_read_tails(VsPageGraph *graph, Buffer buffer, VsId id, const VsVertex *vertex)
{
	const VsIndex *index = &graph->graph.index;
	ItemPointerData tails[VS_MAX_TAILS];
	uint16		version = vertex->version;

	memcpy(tails, VsVertexTails(index, vertex), index->ntails * sizeof(ItemPointerData));
	UnlockReleaseBuffer(buffer);
	return vs_vertex_read_tails(graph->rel, index, id, version, tails, graph->buffer);
}

/*
 * Rank one vertex against the query; its page is pinned, and is not afterwards.
 */
static bool
price_pinned(VsPageGraph *graph, const float *query, VsCandidate *cand, Buffer buffer)
{
	const VsIndex *index = &graph->graph.index;
	VsVertex   *vertex = lock_pinned(index, cand->id, BUFFER_LOCK_SHARE, buffer);

	if (vertex == NULL)
		return false;
	cand->version = vertex->version;
	cand->dead = VsVertexGetState(vertex) == VS_TOMBSTONE;
	if (index->ntails > 0)
	{
		if (!unlock_and_read_tails(graph, buffer, cand->id, vertex))
			return false;
		cand->rank = graph->graph.kernel(query, graph->buffer, index->dims);
		return true;
	}
	cand->rank = graph->graph.kernel(query, VsVertexVector(index, vertex), index->dims);
	UnlockReleaseBuffer(buffer);
	return true;
}

/* Have the pages of n vertices read from disk, as far as they are in no buffer. */
static void
fetch(VsPageGraph *graph, const VsCandidate *cands, int n)
{
	bool		verify = graph->nblocks > NBuffers / 2;

	for (int i = 0; i < n && graph->read_ahead; i++)
	{
		BlockNumber block = VsIdBlock(&graph->graph.index, cands[i].id);

		if (block_exists(graph, block))
			vs_recent_fetch(graph->rel, block, verify);
	}
}

/* Ask memory for the pages of n vertices. */
static void
prefetch(VsPageGraph *graph, const VsCandidate *cands, int n)
{
	const VsIndex *index = &graph->graph.index;

	for (int i = 0; i < n; i++)
		vs_recent_prefetch(graph->rel, VsIdBlock(index, cands[i].id), true,
						   VsSlotPlace(index, VsIdOffset(index, cands[i].id)),
						   index->vertex_size);
}

/*
 * Rank at most MAX_PINS vertices; those that are left go to out.
 */
static int
price_some(VsPageGraph *graph, const float *query, const VsCandidate *cands, int n,
		   VsCandidate *out)
{
	Buffer		pins[MAX_PINS];
	int			left = 0;

	for (int i = 0; i < n; i++)
	{
		BlockNumber block = VsIdBlock(&graph->graph.index, cands[i].id);

		pins[i] = block_exists(graph, block) ?
			vs_recent_read(graph->rel, block) : InvalidBuffer;
	}
	for (int i = 0; i < n; i++)
	{
		VsCandidate cand = cands[i];

		if (BufferIsValid(pins[i]) && price_pinned(graph, query, &cand, pins[i]))
			out[left++] = cand;
	}
	return left;
}

/*
 * A few vertices at a time; while they are ranked, memory fetches the next few.
 */
static int
page_price(VsGraph *base, const float *query, VsCandidate *cands, int n)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	int			left = 0;

	fetch(graph, cands, n);
	prefetch(graph, cands, Min(n, MAX_PINS));
	for (int i = 0; i < n; i += MAX_PINS)
	{
		int			next = i + MAX_PINS;

		if (next < n)
			prefetch(graph, cands + next, Min(n - next, MAX_PINS));
		left += price_some(graph, query, cands + i, Min(n - i, MAX_PINS), cands + left);
	}
	return left;
}

/* Copy the ids that are there; n places at ids. */
static int
copy_ids(const VsId *ids, int n, VsCandidate *out)
{
	int			found = 0;

	for (int i = 0; i < n; i++)
		if (ids[i] != VS_INVALID_ID)
		{
			out[found].id = ids[i];
			out[found].rank = NAN;
			out[found].version = 0;
			out[found].dead = false;
			out[found].cover = VS_COVER_UNKNOWN;
			found++;
		}
	return found;
}

static int
page_neighbours(VsGraph *base, VsId id, int level, VsCandidate *out)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const VsIndex *index = &base->index;
	Buffer		buffer;
	VsVertex   *vertex = lock_vertex(graph, id, BUFFER_LOCK_SHARE, &buffer);
	ItemPointerData upper;
	uint16		version;
	VsAux	   *aux;
	int			n = 0;

	if (vertex == NULL)
		return 0;
	if (level == 0)
	{
		n = copy_ids(VsVertexIds(index, vertex), VsDegree(index, 0), out);
		UnlockReleaseBuffer(buffer);
		return n;
	}
	upper = vertex->upper;
	version = vertex->version;
	UnlockReleaseBuffer(buffer);

	buffer = vs_aux_lock(graph->rel, &upper, VS_AUX_UPPER, id, version,
						 BUFFER_LOCK_SHARE, &aux);
	if (!BufferIsValid(buffer))
		return 0;
	if (level <= aux->part)
		n = copy_ids(VsUpperIds(index, aux, level), VsDegree(index, level), out);
	UnlockReleaseBuffer(buffer);
	return n;
}

static void
page_expect(VsGraph *base, VsId id)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	VsCandidate cand = {.id = id};

	if (graph->vectors && vsvectors_lookup(graph->vectors, id))
		return;
	fetch(graph, &cand, 1);
	prefetch(graph, &cand, 1);
}

/*
 * Room for one more vector.  Blocks are used again for the next row: giving
 * megabytes back and getting them anew for each costs more than filling them.
 */
static float *
take_vector(VsPageGraph *graph)
{
	int			dims = graph->graph.index.dims;
	int			block = graph->nkept / VECTORS_A_BLOCK;
	int			place = graph->nkept % VECTORS_A_BLOCK;

	if (block == graph->nblocks_kept)
	{
		MemoryContext old = MemoryContextSwitchTo(graph->context);
		int			size = (block + 1) * sizeof(float *);

		graph->kept = graph->kept ? repalloc(graph->kept, size) : palloc(size);
		graph->kept[block] = palloc((Size) VECTORS_A_BLOCK * dims * sizeof(float));
		graph->nblocks_kept++;
		MemoryContextSwitchTo(old);
	}
	graph->nkept++;
	return graph->kept[block] + (Size) place * dims;
}

static const float *
page_vector(VsGraph *base, VsId id)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const VsIndex *index = &base->index;
	Size		bytes = index->dims * sizeof(float);
	bool		found;
	VsVectorEntry *entry;
	VsVertex   *vertex;
	Buffer		buffer;
	float	   *copy;

	if (graph->vectors == NULL)
		graph->vectors = vsvectors_create(graph->context, 256, NULL);
	entry = vsvectors_insert(graph->vectors, id, &found);
	if (found)
		return entry->vector;
	entry->vector = NULL;
	vertex = lock_vertex(graph, id, BUFFER_LOCK_SHARE, &buffer);
	if (vertex == NULL)
		return NULL;
	copy = take_vector(graph);
	if (index->ntails > 0)
	{
		if (!unlock_and_read_tails(graph, buffer, id, vertex))
			return NULL;
		memcpy(copy, graph->buffer, bytes);
	}
	else
	{
		memcpy(copy, VsVertexVector(index, vertex), bytes);
		UnlockReleaseBuffer(buffer);
	}
	return entry->vector = copy;
}

/*
 * Vectors got for one row's work add up: (2m)^2 of them where lists are full.
 */
static void
page_forget(VsGraph *base)
{
	VsPageGraph *graph = (VsPageGraph *) base;

	if (graph->vectors &&
		graph->vectors->members * base->index.dims * sizeof(float) > MAX_VECTOR_BYTES)
		vs_pagegraph_reset(graph);
}

/* Whether the list holds just these n ids, in this order, holes aside. */
static bool
list_is(const VsId *ids, int max, const VsCandidate *old, int nold)
{
	int			n = 0;

	for (int i = 0; i < max; i++)
		if (ids[i] != VS_INVALID_ID && (n >= nold || ids[i] != old[n++].id))
			return false;
	return n == nold;
}

/*
 * Write the new ids where the old ones stood: an id that stays keeps its
 * place, so that the log record is short.
 */
static void
write_list(VsId *ids, int max, const VsCandidate *new, int nnew)
{
	bool	   *placed = palloc0(nnew * sizeof(bool) + 1);
	int			next = 0;

	for (int i = 0; i < max; i++)
	{
		bool		stays = false;

		for (int j = 0; j < nnew && !stays; j++)
			if (!placed[j] && new[j].id == ids[i])
				placed[j] = stays = true;
		if (!stays)
			ids[i] = VS_INVALID_ID;
	}
	for (int i = 0; i < max; i++)
	{
		if (ids[i] != VS_INVALID_ID)
			continue;
		while (next < nnew && placed[next])
			next++;
		if (next == nnew)
			break;
		ids[i] = new[next++].id;
	}
	pfree(placed);
}

/*
 * Replace the list of level 0 in the vertex's slot.
 */
static bool
replace_bottom(VsPageGraph *graph, const VsCandidate *vertex,
			   const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	const VsIndex *index = &graph->graph.index;
	int			max = VsDegree(index, 0);
	OffsetNumber offset = VsIdOffset(index, vertex->id);
	Buffer		buffer;
	VsVertex   *there = lock_vertex(graph, vertex->id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	VsEdit		edit;
	Page		page;

	if (there == NULL)
		return true;
	if (there->version != vertex->version)
	{
		UnlockReleaseBuffer(buffer);
		return true;
	}
	if (!list_is(VsVertexIds(index, there), max, old, nold))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	edit = vs_edit_begin(graph->rel);
	page = vs_edit_page(&edit, buffer);
	write_list(VsVertexIds(index, vs_page_vertex(page, offset)), max, new, nnew);
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return true;
}

/*
 * Replace a list of the vertex's upper-level tuple.
 */
static bool
replace_upper(VsPageGraph *graph, const VsCandidate *vertex, int level,
			  const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	const VsIndex *index = &graph->graph.index;
	int			max = VsDegree(index, level);
	Buffer		buffer;
	VsVertex   *there = lock_vertex(graph, vertex->id, BUFFER_LOCK_SHARE, &buffer);
	ItemPointerData upper;
	VsAux	   *aux;
	VsEdit		edit;
	Page		page;

	if (there == NULL)
		return true;
	upper = there->upper;
	UnlockReleaseBuffer(buffer);
	buffer = vs_aux_lock(graph->rel, &upper, VS_AUX_UPPER, vertex->id, vertex->version,
						 BUFFER_LOCK_EXCLUSIVE, &aux);
	if (!BufferIsValid(buffer))
		return true;
	if (level > aux->part)
	{
		UnlockReleaseBuffer(buffer);
		return true;
	}
	if (!list_is(VsUpperIds(index, aux, level), max, old, nold))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	edit = vs_edit_begin(graph->rel);
	page = vs_edit_page(&edit, buffer);
	aux = vs_page_aux(page, ItemPointerGetOffsetNumber(&upper), NULL);
	write_list(VsUpperIds(index, aux, level), max, new, nnew);
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return true;
}

static bool
page_replace(VsGraph *base, const VsCandidate *vertex, int level,
			 const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	VsPageGraph *graph = (VsPageGraph *) base;

	if (level == 0)
		return replace_bottom(graph, vertex, old, nold, new, nnew);
	return replace_upper(graph, vertex, level, old, nold, new, nnew);
}

void
vs_pagegraph_init(VsPageGraph *graph, Relation rel, const VsIndex *index,
				  VsMetric metric, MemoryContext parent)
{
	graph->graph.index = *index;
	graph->graph.kernel = vs_kernel(metric);
	graph->graph.connected_later = false;
	graph->graph.neighbours = page_neighbours;
	graph->graph.price = page_price;
	graph->graph.expect = page_expect;
	graph->graph.vector = page_vector;
	graph->graph.replace = page_replace;
	graph->graph.forget = page_forget;
	graph->rel = rel;
	graph->context = AllocSetContextCreate(parent, "vecstore vectors",
										   ALLOCSET_DEFAULT_SIZES);
	graph->vectors = NULL;
	graph->kept = NULL;
	graph->nblocks_kept = graph->nkept = 0;
	graph->buffer = index->ntails > 0 ?
		MemoryContextAlloc(parent, index->dims * sizeof(float)) : NULL;
	graph->nblocks = 0;
	graph->read_ahead = get_tablespace_io_concurrency(rel->rd_rel->reltablespace) > 0;
}

void
vs_pagegraph_reset(VsPageGraph *graph)
{
	if (graph->vectors)
		vsvectors_reset(graph->vectors);
	graph->nkept = 0;
}

int
vs_locked_vertex_tids(Relation rel, VsId id, const VsVertex *vertex,
					  ItemPointerData **tids)
{
	ItemPointerData next = vertex->overflow;
	int			n = vertex->ntids;

	*tids = palloc(Max(n, 1) * sizeof(ItemPointerData));
	memcpy(*tids, vertex->tids, n * sizeof(ItemPointerData));
	while (ItemPointerIsValid(&next))
	{
		VsAux	   *aux;
		Buffer		buffer = vs_aux_lock(rel, &next, VS_AUX_TIDS, id, vertex->version,
										 BUFFER_LOCK_SHARE, &aux);

		if (!BufferIsValid(buffer))
			break;
		*tids = repalloc_huge(*tids, (n + aux->count) * sizeof(ItemPointerData));
		memcpy(*tids + n, VsAuxTids(aux), aux->count * sizeof(ItemPointerData));
		n += aux->count;
		next = aux->next;
		UnlockReleaseBuffer(buffer);
	}
	return n;
}

int
vs_vertex_tids(Relation rel, const VsIndex *index, VsId id, uint16 version,
			   ItemPointerData **tids)
{
	Buffer		buffer = vs_block_lock(rel, VsIdBlock(index, id), BUFFER_LOCK_SHARE);
	VsVertex   *vertex;
	int			n = 0;

	if (!BufferIsValid(buffer))
		return 0;
	vertex = vs_page_vertex(BufferGetPage(buffer), VsIdOffset(index, id));
	if (vertex && VsVertexGetState(vertex) == VS_LIVE && vertex->version == version)
		n = vs_locked_vertex_tids(rel, id, vertex, tids);
	UnlockReleaseBuffer(buffer);
	return n;
}

VsVertexState
vs_vertex_state(Relation rel, const VsIndex *index, VsId id, const uint16 *version)
{
	Buffer		buffer = vs_block_lock(rel, VsIdBlock(index, id), BUFFER_LOCK_SHARE);
	VsVertexState state = VS_FREE;
	VsVertex   *vertex;

	if (!BufferIsValid(buffer))
		return VS_FREE;
	vertex = vs_page_vertex(BufferGetPage(buffer), VsIdOffset(index, id));
	if (vertex && (version == NULL || vertex->version == *version))
		state = VsVertexGetState(vertex);
	UnlockReleaseBuffer(buffer);
	return state;
}
