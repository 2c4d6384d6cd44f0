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
#include "am/rerank.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/spccache.h"

/* Vectors by vertex id. */
typedef struct VsVectorEntry
{
	VsId		id;
	char		status;
	void	   *vector;			/* NULL: the vertex is gone */
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
price_pinned(VsPageGraph *graph, const void *query, VsCandidate *cand, Buffer buffer)
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
		cand->rank = vs_graph_rank(&graph->graph, query, graph->buffer);
		return true;
	}
	cand->rank = vs_graph_rank(&graph->graph, query, VsVertexVector(index, vertex));
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
price_some(VsPageGraph *graph, const void *query, const VsCandidate *cands, int n,
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
page_price(VsGraph *base, const void *query, VsCandidate *cands, int n)
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
			out[found].margin = 0;
			out[found].version = 0;
			out[found].dead = false;
			out[found].cover = VS_COVER_UNKNOWN;
			found++;
		}
	return found;
}

/*
 * Lock the page of a vertex's upper lists; NULL, and no pin, if the vertex of
 * this version has none as high as level.
 */
static VsAux *
lock_upper(VsPageGraph *graph, const ItemPointerData *upper, VsId id, uint16 version,
		   int level, int mode, Buffer *buffer)
{
	VsAux	   *aux;

	if (!ItemPointerIsValid(upper) ||
		!block_exists(graph, ItemPointerGetBlockNumber(upper)))
		return NULL;
	*buffer = vs_recent_read(graph->rel, ItemPointerGetBlockNumber(upper));
	LockBuffer(*buffer, mode);
	aux = vs_page_aux(BufferGetPage(*buffer), ItemPointerGetOffsetNumber(upper), NULL);
	if (aux && aux->kind == VS_AUX_UPPER && aux->owner == id && aux->version == version &&
		level <= aux->part)
		return aux;
	UnlockReleaseBuffer(*buffer);
	return NULL;
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

	aux = lock_upper(graph, &upper, id, version, level, BUFFER_LOCK_SHARE, &buffer);
	if (aux == NULL)
		return 0;
	n = copy_ids(VsUpperIds(index, aux, level), VsDegree(index, level), out);
	UnlockReleaseBuffer(buffer);
	return n;
}

/* ---- lists that price their members ---- */

static void
page_begin(VsGraph *base, const void *vector)
{
	VsPageGraph *graph = (VsPageGraph *) base;

	graph->begun = vector;
	vs_rabitq_query_init_bytes(graph->query, base->index.bits, base->index.padded, vector);
}

/* Copy the members of a list, with estimated ranks. */
static int
copy_estimates(VsPageGraph *graph, const VsList *list, float owner_rank, VsCandidate *out)
{
	int			n = 0;

	vs_list_estimate(list, graph->query, owner_rank, graph->ranks);
	for (int i = 0; i < list->degree; i++)
		if (list->ids[i] != VS_INVALID_ID)
		{
			out[n].id = list->ids[i];
			out[n].rank = graph->ranks[i];
			out[n].margin = 0;
			out[n].version = 0;
			out[n].dead = false;
			out[n].cover = VS_COVER_UNKNOWN;
			n++;
		}
	return n;
}

/*
 * Room for one more vector.  Blocks are used again for the next row: giving
 * megabytes back and getting them anew for each costs more than filling them.
 */
static void *
take_vector(VsPageGraph *graph)
{
	Size		bytes = graph->graph.index.vector_size;
	int			block = graph->nkept / VECTORS_A_BLOCK;
	int			place = graph->nkept % VECTORS_A_BLOCK;

	if (block == graph->nblocks_kept)
	{
		MemoryContext old = MemoryContextSwitchTo(graph->context);
		int			size = (block + 1) * sizeof(char *);

		graph->kept = graph->kept ? repalloc(graph->kept, size) : palloc(size);
		graph->kept[block] = palloc(VECTORS_A_BLOCK * bytes);
		graph->nblocks_kept++;
		MemoryContextSwitchTo(old);
	}
	graph->nkept++;
	return graph->kept[block] + place * bytes;
}

/* Where the vector of a vertex is to be kept; *found if it is there already. */
static VsVectorEntry *
vector_entry(VsPageGraph *graph, VsId id, bool *found)
{
	VsVectorEntry *entry;

	if (graph->vectors == NULL)
		graph->vectors = vsvectors_create(graph->context, 256, NULL);
	entry = vsvectors_insert(graph->vectors, id, found);
	if (!*found)
		entry->vector = NULL;
	return entry;
}

/* Keep the vector of a vertex whose page is locked. */
static void
keep_vector(VsPageGraph *graph, VsId id, const VsVertex *vertex)
{
	const VsIndex *index = &graph->graph.index;
	bool		found;
	VsVectorEntry *entry = vector_entry(graph, id, &found);

	if (!found)
		entry->vector = memcpy(take_vector(graph), VsVertexVector(index, vertex),
							   index->vector_size);
}

/*
 * An upper list lies on another page than the vertex; no lock is held while going
 * from one to the other, and the version tells whether they belong together.
 */
static int
page_expand(VsGraph *base, VsCandidate *cand, int level, VsCandidate *out)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const VsIndex *index = &base->index;
	Buffer		buffer;
	VsVertex   *vertex = lock_vertex(graph, cand->id, BUFFER_LOCK_SHARE, &buffer);
	ItemPointerData upper;
	VsAux	   *aux;
	VsList		list;
	int			n;

	if (vertex == NULL)
		return -1;
	cand->version = vertex->version;
	cand->dead = VsVertexGetState(vertex) == VS_TOMBSTONE;
	cand->rank = vs_graph_rank(base, graph->begun, VsVertexVector(index, vertex));
	cand->margin = vs_rerank_margin(index, cand->rank, graph->begun,
									VsVertexVector(index, vertex));
	if (graph->keeps)
		keep_vector(graph, cand->id, vertex);
	if (level == 0)
		list = VsVertexList(index, vertex);
	else
	{
		upper = vertex->upper;
		UnlockReleaseBuffer(buffer);
		aux = lock_upper(graph, &upper, cand->id, cand->version, level,
						 BUFFER_LOCK_SHARE, &buffer);
		if (aux == NULL)
			return 0;
		list = VsUpperList(index, aux, level);
	}
	n = copy_estimates(graph, &list, cand->rank, out);
	UnlockReleaseBuffer(buffer);
	return n;
}

/*
 * The place in a list for one more member, or -1 if it is full of better ones
 * (unless forced), or if the member is there.  Who is covered then is noted in
 * members, by place.
 */
static int
choose_place(VsPageGraph *graph, const VsList *list, const void *owner, VsCandidate added,
			 bool forced, VsMember *members, bool *covered)
{
	const VsIndex *index = &graph->graph.index;
	float	   *ranks = graph->ranks;
	float	   *to_added = graph->ranks + list->degree;
	VsMember	one = {.rank = forced ? -INFINITY : added.rank};
	int		   *places = palloc(list->degree * sizeof(int));
	VsMember   *there = palloc(list->degree * sizeof(VsMember));
	int			place = vs_list_find(list, VS_INVALID_ID);
	int			n = 0;
	int			gone;

	vs_rabitq_query_init_bytes(graph->owner, index->bits, index->padded, owner);
	vs_list_estimate(list, graph->owner, 0, ranks);
	vs_list_estimate(list, graph->query, added.rank, to_added);
	for (int i = 0; i < list->degree; i++)
		if (list->ids[i] != VS_INVALID_ID)
		{
			places[n] = i;
			there[n].rank = ranks[i];
			there[n].to_added = to_added[i];
			there[n++].covered = vs_list_is_covered(list, i);
		}
	gone = vs_choose_gone(there, n, &one);
	if (place < 0 && gone < n)
		place = places[gone];
	for (int i = 0; i < n; i++)
		members[places[i]] = there[i];
	*covered = one.covered;
	pfree(places);
	pfree(there);
	return place;
}

/*
 * Put one more member into the list that begins at an offset of a locked page.
 */
static bool
add_to_list(VsPageGraph *graph, Buffer buffer, Size offset, int degree, const void *owner,
			VsCandidate added, bool forced, VsId *gone)
{
	const VsIndex *index = &graph->graph.index;
	VsList		list = vs_list_at(index, (char *) BufferGetPage(buffer) + offset, degree);
	VsMember   *members;
	bool		covered;
	VsEdit		edit;
	int			place;

	if (vs_list_find(&list, added.id) >= 0)
		return true;
	members = palloc(degree * sizeof(VsMember));
	place = choose_place(graph, &list, owner, added, forced, members, &covered);
	if (place >= 0)
	{
		*gone = list.ids[place];
		edit = vs_edit_begin(graph->rel);
		list = vs_list_at(index, (char *) vs_edit_page(&edit, buffer) + offset, degree);
		for (int i = 0; i < degree; i++)
			if (list.ids[i] != VS_INVALID_ID)
				vs_list_set_covered(&list, i, members[i].covered);
		vs_list_put(index, &list, place, added.id, covered, graph->begun, owner);
		vs_edit_commit(&edit);
	}
	pfree(members);
	return place >= 0;
}

/*
 * All under the lock under which it is written: nobody changes the list meanwhile,
 * and no neighbour has to be looked at.
 */
static bool
page_link(VsGraph *base, const VsCandidate *vertex, int level, VsCandidate added,
		  bool forced, VsId *gone)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const VsIndex *index = &base->index;
	const void *owner = level > 0 ? base->vector(base, vertex->id) : NULL;
	Buffer		buffer;
	VsVertex   *there = lock_vertex(graph, vertex->id, level > 0 ? BUFFER_LOCK_SHARE :
									BUFFER_LOCK_EXCLUSIVE, &buffer);
	void	   *start;
	bool		linked;

	*gone = VS_INVALID_ID;
	if (there == NULL)
		return true;
	if (there->version != vertex->version)
	{
		UnlockReleaseBuffer(buffer);
		return true;
	}
	if (level == 0)
	{
		owner = VsVertexVector(index, there);
		start = VsVertexIds(index, there);
	}
	else
	{
		ItemPointerData upper = there->upper;
		VsAux	   *aux;

		UnlockReleaseBuffer(buffer);
		aux = owner ? lock_upper(graph, &upper, vertex->id, vertex->version, level,
								 BUFFER_LOCK_EXCLUSIVE, &buffer) : NULL;
		if (aux == NULL)
			return true;
		start = VsUpperIds(index, aux, level);
	}
	linked = add_to_list(graph, buffer, (char *) start - (char *) BufferGetPage(buffer),
						 VsDegree(index, level), owner, added, forced, gone);
	UnlockReleaseBuffer(buffer);
	return linked;
}

/* ---- vectors ---- */

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

static const void *
page_vector(VsGraph *base, VsId id)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const VsIndex *index = &base->index;
	bool		found;
	VsVectorEntry *entry = vector_entry(graph, id, &found);
	VsVertex   *vertex;
	Buffer		buffer;
	void	   *copy;

	if (found)
		return entry->vector;
	vertex = lock_vertex(graph, id, BUFFER_LOCK_SHARE, &buffer);
	if (vertex == NULL)
		return NULL;
	copy = take_vector(graph);
	if (index->ntails > 0)
	{
		if (!unlock_and_read_tails(graph, buffer, id, vertex))
			return NULL;
		memcpy(copy, graph->buffer, index->vector_size);
	}
	else
	{
		memcpy(copy, VsVertexVector(index, vertex), index->vector_size);
		UnlockReleaseBuffer(buffer);
	}
	return entry->vector = copy;
}

static void
page_approach(VsGraph *base, VsId id, int level)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	VsCandidate cand = {.id = id};

	fetch(graph, &cand, 1);
	prefetch(graph, &cand, 1);
}

/*
 * Vectors got for one row's work add up: (2m)^2 of them where lists are full.
 */
static void
page_forget(VsGraph *base)
{
	VsPageGraph *graph = (VsPageGraph *) base;

	if (graph->vectors &&
		graph->vectors->members * (Size) base->index.vector_size > MAX_VECTOR_BYTES)
		vs_pagegraph_reset(graph);
}

/* Whether the list holds just these n ids, in this order, free places aside. */
static bool
list_is(const VsList *list, const VsCandidate *old, int nold)
{
	int			n = 0;

	for (int i = 0; i < list->degree; i++)
		if (list->ids[i] != VS_INVALID_ID && (n >= nold || list->ids[i] != old[n++].id))
			return false;
	return n == nold;
}

/*
 * The vector of a vertex, which page_replace() got if it is there, and whether
 * it can be put into a list: without codes no vector is needed.
 */
static const void *
vector_at_hand(VsPageGraph *graph, VsId id)
{
	VsVectorEntry *entry = graph->graph.index.bits > 0 ?
		vsvectors_lookup(graph->vectors, id) : NULL;

	return entry ? entry->vector : NULL;
}

static bool
has_vector(VsPageGraph *graph, VsId id)
{
	return graph->graph.index.bits == 0 || vector_at_hand(graph, id) != NULL;
}

/*
 * Write the new members where the old ones stood: one that stays keeps its
 * place, so that the log record is short.
 */
static void
write_list(VsPageGraph *graph, VsList *list, const void *owner, const VsCandidate *new, int nnew)
{
	bool	   *placed = palloc0(nnew * sizeof(bool) + 1);
	int			next = 0;

	for (int i = 0; i < list->degree; i++)
	{
		bool		stays = false;

		for (int j = 0; j < nnew && !stays; j++)
			if (!placed[j] && new[j].id == list->ids[i])
				placed[j] = stays = true;
		if (!stays)
			list->ids[i] = VS_INVALID_ID;
	}
	for (int i = 0; i < list->degree; i++)
	{
		if (list->ids[i] != VS_INVALID_ID)
			continue;
		while (next < nnew && (placed[next] || !has_vector(graph, new[next].id)))
			next++;
		if (next == nnew)
			break;
		vs_list_put(&graph->graph.index, list, i, new[next].id,
					new[next].cover == VS_COVERED, vector_at_hand(graph, new[next].id), owner);
		next++;
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
	Buffer		buffer;
	VsVertex   *there = lock_vertex(graph, vertex->id, BUFFER_LOCK_EXCLUSIVE, &buffer);
	VsEdit		edit;
	VsList		list;

	if (there == NULL)
		return true;
	if (there->version != vertex->version)
	{
		UnlockReleaseBuffer(buffer);
		return true;
	}
	list = VsVertexList(index, there);
	if (!list_is(&list, old, nold))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	edit = vs_edit_begin(graph->rel);
	there = vs_page_vertex(vs_edit_page(&edit, buffer), VsIdOffset(index, vertex->id));
	list = VsVertexList(index, there);
	write_list(graph, &list, VsVertexVector(index, there), new, nnew);
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return true;
}

/*
 * Replace a list of the vertex's upper-level tuple.
 */
static bool
replace_upper(VsPageGraph *graph, const VsCandidate *vertex, int level, const void *owner,
			  const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	const VsIndex *index = &graph->graph.index;
	Buffer		buffer;
	VsVertex   *there = lock_vertex(graph, vertex->id, BUFFER_LOCK_SHARE, &buffer);
	ItemPointerData upper;
	VsAux	   *aux;
	VsEdit		edit;
	VsList		list;

	if (there == NULL)
		return true;
	upper = there->upper;
	UnlockReleaseBuffer(buffer);
	aux = lock_upper(graph, &upper, vertex->id, vertex->version, level,
					 BUFFER_LOCK_EXCLUSIVE, &buffer);
	if (aux == NULL)
		return true;
	list = VsUpperList(index, aux, level);
	if (!list_is(&list, old, nold))
	{
		UnlockReleaseBuffer(buffer);
		return false;
	}
	edit = vs_edit_begin(graph->rel);
	aux = vs_page_aux(vs_edit_page(&edit, buffer), ItemPointerGetOffsetNumber(&upper), NULL);
	list = VsUpperList(index, aux, level);
	write_list(graph, &list, owner, new, nnew);
	vs_edit_commit(&edit);
	UnlockReleaseBuffer(buffer);
	return true;
}

static bool
page_replace(VsGraph *base, const VsCandidate *vertex, int level,
			 const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const void *owner = NULL;

	/* Codes are written from vectors, and none can be read under the lock. */
	if (base->index.bits > 0)
	{
		for (int i = 0; i < nnew; i++)
			page_vector(base, new[i].id);
		owner = page_vector(base, vertex->id);
		if (owner == NULL)
			return true;
	}
	if (level == 0)
		return replace_bottom(graph, vertex, old, nold, new, nnew);
	return replace_upper(graph, vertex, level, owner, old, nold, new, nnew);
}

/* What codes need. */
static void
init_codes(VsPageGraph *graph, VsPurpose purpose, MemoryContext parent)
{
	VsGraph    *base = &graph->graph;
	const VsIndex *index = &base->index;
	Size		query_size = vs_rabitq_query_size(index->bits, index->padded);
	bool		by_ip = purpose == VS_TO_SEARCH && index->metric == VS_METRIC_IP;

	base->bytes_kernel = vs_bytes_kernel(by_ip ? VS_BYTES_IP : VS_BYTES_L2);
	if (by_ip != (index->code_kind == VS_RABITQ_IP))
		return;					/* codes estimate something else */
	base->begin = page_begin;
	base->expand = page_expand;
	base->approach = page_approach;
	if (purpose == VS_TO_LINK)
		base->link = page_link;
	graph->keeps = purpose == VS_TO_LINK;
	graph->query = MemoryContextAlloc(parent, query_size);
	graph->owner = MemoryContextAlloc(parent, query_size);
	graph->ranks = MemoryContextAlloc(parent, 2 * index->degree * sizeof(float));
}

void
vs_pagegraph_init(VsPageGraph *graph, Relation rel, const VsIndex *index,
				  VsPurpose purpose, MemoryContext parent)
{
	memset(graph, 0, sizeof(VsPageGraph));
	graph->graph.index = *index;
	graph->graph.kernel = vs_kernel(purpose == VS_TO_SEARCH ? index->metric :
									vs_graph_metric(index));
	graph->graph.neighbours = page_neighbours;
	graph->graph.price = page_price;
	graph->graph.expect = page_expect;
	graph->graph.vector = page_vector;
	graph->graph.replace = page_replace;
	graph->graph.forget = page_forget;
	graph->rel = rel;
	graph->context = AllocSetContextCreate(parent, "vecstore vectors",
										   ALLOCSET_DEFAULT_SIZES);
	graph->buffer = index->ntails > 0 ?
		MemoryContextAlloc(parent, index->dims * sizeof(float)) : NULL;
	graph->read_ahead = get_tablespace_io_concurrency(rel->rd_rel->reltablespace) > 0;
	if (index->bits > 0)
		init_codes(graph, purpose, parent);
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

int
vs_pagegraph_rows(VsPageGraph *graph, VsId id, uint16 version, ItemPointerData **tids)
{
	Buffer		buffer;
	VsVertex   *vertex = lock_vertex(graph, id, BUFFER_LOCK_SHARE, &buffer);
	int			n = 0;

	if (vertex == NULL)
		return 0;
	if (VsVertexGetState(vertex) == VS_LIVE && vertex->version == version)
		n = vs_locked_vertex_tids(graph->rel, id, vertex, tids);
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
