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

/*
 * How far off a rank may be, in standard deviations: more than so many has a chance
 * of less than one in a million.
 */
#define MARGIN			5.0f

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
lock_pinned(VsPageGraph *graph, VsId id, int mode, Buffer buffer)
{
	const VsIndex *index = &graph->graph.index;
	VsVertex   *vertex;

	LockBuffer(buffer, mode);
	vs_check_vertex(graph->rel, index, buffer, VsIdOffset(index, id));
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
	return lock_pinned(graph, id, mode, *buffer);
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
	VsVertex   *vertex = lock_pinned(graph, cand->id, BUFFER_LOCK_SHARE, buffer);

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
	for (int i = 0; i < n && graph->read_ahead; i++)
	{
		BlockNumber block = VsIdBlock(&graph->graph.index, cands[i].id);

		if (block_exists(graph, block))
			vs_recent_fetch(graph->rel, block, graph->nblocks);
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

/* Copy the ids that are there, of n places, with ranks if they are given. */
static int
copy_ids(const VsId *ids, const float *ranks, int n, VsCandidate *out)
{
	int			found = 0;

	for (int i = 0; i < n; i++)
		if (ids[i] != VS_INVALID_ID)
			out[found++] = (VsCandidate) {
				.id = ids[i],.rank = ranks ? ranks[i] : NAN
			};
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
	vs_check_aux(graph->rel, &graph->graph.index, *buffer, ItemPointerGetOffsetNumber(upper));
	aux = vs_page_owned_aux(BufferGetPage(*buffer), ItemPointerGetOffsetNumber(upper),
							VS_AUX_UPPER, id, version);
	if (aux && level <= aux->part)
		return aux;
	UnlockReleaseBuffer(*buffer);
	return NULL;
}

/*
 * Lock the page where a vertex's list of a level begins; NULL, and no pin, if there
 * is no such list, or if the vertex is of another version than *version, if given.
 * On level 0 the vertex itself is there: *owner becomes its vector.
 */
static void *
lock_list(VsPageGraph *graph, VsId id, const uint16 *version, int level, int mode,
		  Buffer *buffer, const void **owner)
{
	const VsIndex *index = &graph->graph.index;
	VsVertex   *vertex = lock_vertex(graph, id, level > 0 ? BUFFER_LOCK_SHARE : mode, buffer);
	ItemPointerData upper;
	uint16		found;
	VsAux	   *aux;

	if (vertex == NULL)
		return NULL;
	found = vertex->version;
	if (version && *version != found)
	{
		UnlockReleaseBuffer(*buffer);
		return NULL;
	}
	if (level == 0)
	{
		*owner = VsVertexVector(index, vertex);
		return VsVertexIds(index, vertex);
	}
	upper = vertex->upper;
	UnlockReleaseBuffer(*buffer);
	aux = lock_upper(graph, &upper, id, found, level, mode, buffer);
	return aux ? VsUpperIds(index, aux, level) : NULL;
}

static int
page_neighbours(VsGraph *base, VsId id, int level, VsCandidate *out)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const void *owner;
	Buffer		buffer;
	const VsId *ids = lock_list(graph, id, NULL, level, BUFFER_LOCK_SHARE, &buffer, &owner);
	int			n;

	if (ids == NULL)
		return 0;
	n = copy_ids(ids, NULL, VsDegree(&base->index, level), out);
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
 * The share of a vertex in what began, for vs_rabitq_estimate(), given its rank.
 */
static float
share_of(const VsIndex *index, const VsBytes *vector, float rank)
{
	float		square = vector->step * vector->step * vector->square;

	if (index->code_kind == VS_RANK_L2)
		return 1;
	return square > 0 ? -rank / square : 0;
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
	float		share;
	int			n;

	if (vertex == NULL)
		return -1;
	cand->version = vertex->version;
	cand->dead = VsVertexGetState(vertex) == VS_TOMBSTONE;
	if (level > 0)
		vs_recent_prefetch(graph->rel, ItemPointerGetBlockNumberNoCheck(&vertex->upper), true, 0, 0);
	cand->rank = vs_graph_rank(base, graph->begun, VsVertexVector(index, vertex));
	share = share_of(index, VsVertexVector(index, vertex), cand->rank);
	if (graph->keeps)
		keep_vector(graph, cand->id, vertex);
	else
		cand->margin = MARGIN * vs_bytes_error(index->code_kind, cand->rank, graph->begun,
											   VsVertexVector(index, vertex), index->padded);
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
	vs_list_estimate(&list, graph->query, cand->rank, share, graph->ranks);
	n = copy_ids(list.ids, graph->ranks, list.degree, out);
	UnlockReleaseBuffer(buffer);
	return n;
}

/*
 * What the codes of a list tell of its members, as far as it matters to one more,
 * which is at this rank; and their places.  Returns how many there are.
 */
static int
read_members(VsPageGraph *graph, const VsList *list, const void *owner, float rank,
			 VsMember *members, int *places)
{
	const VsIndex *index = &graph->graph.index;
	float	   *ranks = graph->ranks;
	float	   *to_added = graph->ranks + list->degree;
	int			n = 0;

	vs_rabitq_query_init_bytes(graph->owner, index->bits, index->padded, owner);
	vs_list_estimate(list, graph->owner, 0, 1, ranks);
	vs_list_estimate(list, graph->query, rank, 1, to_added);
	for (int i = 0; i < list->degree; i++)
		if (list->ids[i] != VS_INVALID_ID)
		{
			places[n] = i;
			members[n].rank = ranks[i];
			members[n].to_added = to_added[i];
			members[n++].covered = vs_list_is_covered(list, i);
		}
	return n;
}

/*
 * Put one more member into the list that begins at an offset of a locked page;
 * false if that is full of better ones, unless forced.
 */
static bool
add_to_list(VsPageGraph *graph, Buffer buffer, Size offset, int degree, const void *owner,
			VsCandidate added, bool forced, VsId *gone)
{
	const VsIndex *index = &graph->graph.index;
	VsList		list = vs_list_at(index, (char *) BufferGetPage(buffer) + offset, degree);
	VsMember	one = {.rank = forced ? -INFINITY : added.rank};
	VsMember   *members;
	int		   *places;
	VsEdit		edit;
	int			place;
	int			last;
	int			n;

	if (vs_list_find(&list, added.id) >= 0)
		return true;
	members = palloc(degree * sizeof(VsMember));
	places = palloc(degree * sizeof(int));
	n = read_members(graph, &list, owner, added.rank, members, places);
	last = vs_choose_gone(members, n, &one);
	place = vs_list_find(&list, VS_INVALID_ID);
	if (place < 0 && last < n)
		place = places[last];
	if (place >= 0)
	{
		*gone = list.ids[place];
		edit = vs_edit_begin(graph->rel);
		list = vs_list_at(index, (char *) vs_edit_page(&edit, buffer) + offset, degree);
		for (int i = 0; i < n; i++)
			vs_list_set_covered(&list, places[i], members[i].covered);
		vs_list_put(index, &list, place, added.id, one.covered, graph->begun, owner);
		vs_edit_commit(&edit);
	}
	pfree(members);
	pfree(places);
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
	const void *owner = level > 0 ? base->vector(base, vertex->id) : NULL;
	Buffer		buffer;
	char	   *start;
	bool		linked;

	*gone = VS_INVALID_ID;
	if (level > 0 && owner == NULL)
		return true;
	start = lock_list(graph, vertex->id, &vertex->version, level, BUFFER_LOCK_EXCLUSIVE,
					  &buffer, &owner);
	if (start == NULL)
		return true;
	linked = add_to_list(graph, buffer, start - (char *) BufferGetPage(buffer),
						 VsDegree(&base->index, level), owner, added, forced, gone);
	UnlockReleaseBuffer(buffer);
	return linked;
}

/* ---- vectors ---- */

static void
page_approach(VsGraph *base, VsId id, int level)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	VsCandidate cand = {.id = id};

	fetch(graph, &cand, 1);
	prefetch(graph, &cand, 1);
}

static void
page_expect(VsGraph *base, VsId id)
{
	VsPageGraph *graph = (VsPageGraph *) base;

	if (graph->vectors == NULL || vsvectors_lookup(graph->vectors, id) == NULL)
		page_approach(base, id, 0);
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
 * Get what a vertex's code is written from, which page_replace() has read; false if
 * the vertex is gone.  Without codes nothing is needed.
 */
static bool
vector_at_hand(VsPageGraph *graph, VsId id, const void **vector)
{
	VsVectorEntry *entry;

	*vector = NULL;
	if (graph->graph.index.bits == 0)
		return true;
	entry = vsvectors_lookup(graph->vectors, id);
	if (entry)
		*vector = entry->vector;
	return *vector != NULL;
}

/*
 * Write the new members where the old ones stood: one that stays keeps its
 * place, so that the log record is short.
 */
static void
write_list(VsPageGraph *graph, VsList *list, const void *owner, const VsCandidate *new, int nnew)
{
	bool	   *placed = palloc0(nnew * sizeof(bool) + 1);
	const void *vector = NULL;
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
		while (next < nnew && (placed[next] || !vector_at_hand(graph, new[next].id, &vector)))
			next++;
		if (next == nnew)
			break;
		vs_list_put(&graph->graph.index, list, i, new[next].id,
					new[next].cover == VS_COVERED, vector, owner);
		next++;
	}
	pfree(placed);
}

/*
 * Read what the codes of a list's new members are written from: under the list's
 * lock no other page can be.  Those of the old ones stay as they are.
 */
static void
read_new_members(VsGraph *base, const VsCandidate *old, int nold,
				 const VsCandidate *new, int nnew)
{
	for (int i = 0; i < nnew; i++)
		if (!vs_candidates_have(old, nold, new[i].id))
			page_vector(base, new[i].id);
}

static bool
page_replace(VsGraph *base, const VsCandidate *vertex, int level,
			 const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	VsPageGraph *graph = (VsPageGraph *) base;
	const VsIndex *index = &base->index;
	const void *owner = NULL;
	Buffer		buffer;
	char	   *start;
	VsList		list;
	bool		same;

	if (index->bits > 0)
	{
		read_new_members(base, old, nold, new, nnew);
		if (level > 0 && (owner = page_vector(base, vertex->id)) == NULL)
			return true;
	}
	start = lock_list(graph, vertex->id, &vertex->version, level, BUFFER_LOCK_EXCLUSIVE,
					  &buffer, &owner);
	if (start == NULL)
		return true;
	list = vs_list_at(index, start, VsDegree(index, level));
	same = list_is(&list, old, nold);
	if (same)
	{
		Size		offset = start - (char *) BufferGetPage(buffer);
		VsEdit		edit = vs_edit_begin(graph->rel);

		list = vs_list_at(index, (char *) vs_edit_page(&edit, buffer) + offset, list.degree);
		write_list(graph, &list, owner, new, nnew);
		vs_edit_commit(&edit);
	}
	UnlockReleaseBuffer(buffer);
	return same;
}

/* What codes need. */
static void
init_codes(VsPageGraph *graph, VsPurpose purpose, MemoryContext parent)
{
	VsGraph    *base = &graph->graph;
	const VsIndex *index = &base->index;
	Size		query_size = vs_rabitq_query_size(index->bits, index->padded);
	VsRankKind	kind = purpose == VS_TO_SEARCH ? index->code_kind : VS_RANK_L2;

	base->bytes_kernel = vs_bytes_kernel(kind);
	if (kind != index->code_kind)
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
	int64		segments = 0;

	*tids = palloc(Max(n, 1) * sizeof(ItemPointerData));
	memcpy(*tids, vertex->tids, n * sizeof(ItemPointerData));
	while (ItemPointerIsValid(&next))
	{
		VsAux	   *aux;
		Buffer		buffer = vs_aux_lock(rel, &next, VS_AUX_TIDS, id, vertex->version,
										 BUFFER_LOCK_SHARE, &aux);

		if (!BufferIsValid(buffer))
			break;
		vs_check_chain(rel, id, ++segments);
		*tids = repalloc_huge(*tids, (n + aux->count) * sizeof(ItemPointerData));
		memcpy(*tids + n, VsAuxTids(aux), aux->count * sizeof(ItemPointerData));
		n += aux->count;
		next = aux->next;
		UnlockReleaseBuffer(buffer);
	}
	return n;
}

int
vs_vertex_tids(VsPageGraph *graph, VsId id, uint16 version, ItemPointerData **tids)
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
