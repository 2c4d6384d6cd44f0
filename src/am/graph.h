/*
 * graph.h
 *		The HNSW graph: search and the choice of neighbours.
 *
 * Y. A. Malkov, D. A. Yashunin, "Efficient and robust approximate nearest
 * neighbor search using Hierarchical Navigable Small World graphs",
 * arXiv:1603.09320; "algorithm n" in comments is that paper's.
 *
 * The algorithms see vertices only through VsGraph, so that the same code
 * serves a build in memory, inserts, scans and vacuum on pages.
 */
#ifndef VECSTORE_GRAPH_H
#define VECSTORE_GRAPH_H

#include "am/idset.h"
#include "am/page.h"

/*
 * The metric that links vertices to each other.  It is the index's own but for
 * the dot product, where a few long vectors are "near" to all others and would
 * be everybody's only neighbours: there vertices are linked by L2, and queries
 * walk that graph by dot product.  That is the graph of the reduction of
 * maximum inner product to nearest neighbours (B. Neyshabur, N. Srebro,
 * arXiv:1410.5518) with the bound on the norm let go to infinity.
 */
extern VsMetric vs_graph_metric(const VsIndex *index);

/*
 * What the choice of neighbours found out about a link: whether a nearer
 * neighbour of the same vertex covers it (vs_choose_neighbours()).
 */
typedef enum VsCover
{
	VS_COVER_UNKNOWN,
	VS_UNCOVERED,
	VS_COVERED
} VsCover;

/* A vertex with its rank against the query at hand. */
typedef struct VsCandidate
{
	VsId		id;
	float		rank;			/* see distance.h; NaN: not known yet */
	float		margin;			/* of a result: its rank may be off by so much */
	uint16		version;
	bool		dead;			/* a tombstone: leads on, is no result */
	uint8		cover;			/* VsCover, for members of a list */
} VsCandidate;

/*
 * Where vertices are.  Every function may meet vertices that are gone.
 *
 * A vector is what the index keeps of it: VsBytes where it has codes, else
 * floats.  The same for the vectors that are searched for.
 */
typedef struct VsGraph VsGraph;
struct VsGraph
{
	VsIndex		index;
	VsKernel	kernel;			/* of a query's metric, or of vs_graph_metric() */
	VsBytesKernel bytes_kernel; /* the same for VsBytes; NULL: vectors are floats */
	bool		connected_later;	/* what is cut off now is connected at the end */

	/* What follows is about this vector, until the next time; NULL: no need. */
	void		(*begin) (VsGraph *graph, const void *vector);

	/*
	 * Copy the neighbours of a vertex at a level to out (room for
	 * VsDegree()); returns how many.  Ranks against the vertex and cover are
	 * given where the graph keeps them, else NaN and unknown.
	 */
	int			(*neighbours) (VsGraph *graph, VsId id, int level, VsCandidate *out);

	/*
	 * The same, but ids only: a search wants no cover, which is that of a link from
	 * another vertex.  NULL: that would be no faster, and cover is never known.
	 */
	int			(*neighbour_ids) (VsGraph *graph, VsId id, int level, VsId *out);

	/*
	 * Fill rank, version and dead of n candidates; drops those that are gone
	 * and returns how many are left.
	 */
	int			(*price) (VsGraph *graph, const void *query, VsCandidate *cands, int n);

	/*
	 * Both at once, where lists hold codes of the neighbours: fill rank, version
	 * and dead of the vertex, and copy its neighbours to out with estimated ranks
	 * against what began.  -1 if the vertex is gone.  NULL: there are no codes, or
	 * they do not estimate the kernel's ranks.
	 */
	int			(*expand) (VsGraph *graph, VsCandidate *vertex, int level,
						   VsCandidate *out);

	/*
	 * The same for neighbours one by one, where no vertex is ever gone: fill rank
	 * and dead of the vertex, and the ranks of n others with estimates, for less
	 * than price takes.  NULL: there is no such thing.
	 */
	void		(*estimate) (VsGraph *graph, VsCandidate *vertex, VsCandidate *others, int n);

	/*
	 * Likely to be expanded soon: a chance to fetch what that will read.  NULL:
	 * it is at hand.
	 */
	void		(*approach) (VsGraph *graph, VsId id, int level);

	/* The vector of a vertex will be wanted soon: a chance to fetch it. */
	void		(*expect) (VsGraph *graph, VsId id);

	/* The vector of a vertex, until the operation ends; NULL if it is gone. */
	const void *(*vector) (VsGraph *graph, VsId id);

	/*
	 * Make new the neighbours of a vertex at a level, if they still are the
	 * nold ids of old.  False if they are not: read them again.  True also
	 * when the vertex is gone.
	 */
	bool		(*replace) (VsGraph *graph, const VsCandidate *vertex, int level,
							const VsCandidate *old, int nold,
							const VsCandidate *new, int nnew);

	/*
	 * Add a link to a vertex's list, as vs_graph_link_list() does; NULL: that is
	 * to be done.
	 */
	bool		(*link) (VsGraph *graph, const VsCandidate *vertex, int level,
						 VsCandidate added, bool forced, VsId *gone);

	/* No vector got so far is needed any more: a chance to free memory. */
	void		(*forget) (VsGraph *graph);
};

/* The rank of two vectors of a graph. */
static inline float
vs_graph_rank(const VsGraph *graph, const void *a, const void *b)
{
	if (graph->bytes_kernel)
		return graph->bytes_kernel(a, b, graph->index.padded);
	return graph->kernel(a, b, graph->index.dims);
}

/* Whether a search of the graph is led by estimates. */
static inline bool
vs_graph_estimates(const VsGraph *graph)
{
	return graph->expand != NULL || graph->estimate != NULL;
}

/* A binary heap of candidates, least rank first, or greatest if reversed. */
typedef struct VsHeap
{
	VsCandidate *items;
	int64		n;
	int64		size;
	bool		reversed;
} VsHeap;

extern void vs_heap_push(VsHeap *heap, VsCandidate item);
extern VsCandidate vs_heap_pop(VsHeap *heap);

/*
 * A best-first search of one level (algorithm 2), which can be continued: with
 * keep_all, what was visited and is not among the ef best waits in later and
 * spare, and vs_search_next() fetches the next best batch.
 *
 * Where the graph estimates ranks, the frontier is of estimates, and a vertex may become a
 * result once it was expanded, when its own rank is known; else it is as soon as
 * it was priced.  What is not among the ef best by estimate waits as well: it is
 * needed only if too many of those turn out to be dead.
 */
typedef struct VsSearch
{
	VsGraph    *graph;
	MemoryContext context;
	const void *query;
	int			level;
	int			ef;
	bool		keep_all;
	Size		max_bytes;		/* stop early past this; 0: never */
	VsIdSet		visited;
	VsHeap		frontier;		/* visited, not expanded */
	VsHeap		results;		/* the ef best, worst first */
	VsHeap		estimates;		/* the ef best, worst first, expanded or not */
	int			wanted;			/* see vs_search_want(); 0: all ef */
	int			enough;			/* results to be had before that counts */
	float		slack;			/* times the rank of the last one wanted */
	VsHeap		wanted_best;	/* of the results, worst first */
	VsHeap		spare;			/* results that better ones displaced */
	VsHeap		later;			/* visited, too far to be expanded by now; no heap yet */
	VsCandidate *batch;			/* scratch for one expansion */
	VsId		approached[8];	/* vertices that memory was asked for last */
	uint32		napproached;
	int64		expanded;		/* vertices whose neighbours were read */
	int64		priced;			/* ranks computed */
} VsSearch;

extern void vs_search_init(VsSearch *search, VsGraph *graph, MemoryContext context);

/*
 * So many of the ef vertices that the next search of a level is for are wanted,
 * 0 for all; ranks are squares of distances.  That search ends when the nearest vertex not
 * expanded is farther than the last one wanted by a factor, as in adaptive
 * beam search (Y. Al-Jazzazi et al., "Distance adaptive beam search for provably
 * accurate graph-based nearest neighbor search", 2025), at the latest when it
 * has found ef: there is more to be looked at around some queries than around
 * others.
 */
extern void vs_search_want(VsSearch *search, int64 wanted, int ef);

/*
 * Search one level from the entries for the ef vertices of least rank.
 */
extern void vs_search_level(VsSearch *search, const void *query,
							const VsCandidate *entries, int nentries,
							int level, int ef, bool keep_all);

/*
 * After vs_search_take(), if more is wanted than was said: put n of what was taken
 * back, and search for all ef.
 */
extern void vs_search_widen(VsSearch *search, const VsCandidate *rest, int n);

/*
 * After a search with keep_all and vs_search_take(): the next ef vertices; false
 * if none is left.
 */
extern bool vs_search_next(VsSearch *search);

/*
 * Take the results, least rank first, into out (room for ef); returns how
 * many.  The search has no results then.
 */
extern int	vs_search_take(VsSearch *search, VsCandidate *out);

/* Give a search's memory back; its counts stay. */
extern void vs_search_end(VsSearch *search);

/* Vertices whose pages were read to search the level. */
extern int64 vs_search_touched(const VsSearch *search);

/* Memory a search holds, and whether it holds more than max_bytes. */
extern Size vs_search_bytes(const VsSearch *search);
extern bool vs_search_is_full(const VsSearch *search);

/*
 * Vertices that a descent keeps on level 1 for a search of so many: a quarter of
 * them, or an eighth where lists hold codes, and level 1 has half as many; of more
 * than 64 then a thirty-second.  Half as many on each level further up, at least one.
 *
 * The paper keeps one (algorithm 5).  Where rows lie in clusters that often
 * ends in a wrong one, and a search that enters there stays there: it finds its
 * ef results and is content.
 */
#define VS_MIN_DESCENT		8

static inline int
vs_descent_width(const VsIndex *index, int ef, int level)
{
	int			width = Max(VS_MIN_DESCENT, ef / 4);

	if (index->bits > 0)
		width = Min(width / 2, 8 + Max(0, ef - 64) / 32);
	return Max(1, width >> Min(level - 1, 30));
}

/*
 * Walk from the entry, the first of entries, at entry_level down to just above
 * level, to search there for ef vertices.  Where to go on from is put into
 * entries, which has room for max(ef, VS_MIN_DESCENT); returns how many those
 * are, 0 if the entry is gone.
 */
extern int	vs_search_descend(VsSearch *search, const void *query,
							  VsCandidate *entries, int entry_level,
							  int level, int ef);

/*
 * Choose at most max of the candidates, sorted by rank, as neighbours
 * (algorithm 4, keeping pruned connections); returns how many are in chosen,
 * with what was found out about their cover.  What is known of candidates that
 * come from a list of the same vertex is used: only new ones are compared with
 * all others.
 */
extern int	vs_choose_neighbours(VsGraph *graph, const VsCandidate *cands, int n,
								 int max, VsCandidate *chosen);

/* A member of a full list, as far as it matters to one more. */
typedef struct VsMember
{
	float		rank;			/* against the list's owner */
	float		to_added;		/* against the one to be added */
	bool		covered;
} VsMember;

/*
 * The same choice for a full list of n whose members' cover is known, and one more
 * (its to_added is not used): which of them has to go, n for the one to be added.
 * Sets who is covered then.
 */
extern int	vs_choose_gone(VsMember *members, int n, VsMember *added);

/*
 * Most neighbours that are chosen for a new vertex on a level.  A list in memory has
 * places for all (see vs_memgraph_shrink()).  Where codes leave room for fewer than 2m on
 * pages, the list there has the first ones, and the others are asked for a link back all
 * the same: the more lists name a vertex, the better it is found.
 */
#define VsLinksRoom(index, level)	((level) == 0 ? 2 * (index)->m : (index)->m)

/* The neighbours chosen for a new vertex, one list a level. */
typedef struct VsLinks
{
	int			n;
	VsCandidate *cands;
	const void **vectors;		/* of those of its own list, once who writes codes has got them */
} VsLinks;

/*
 * Find the neighbours of a new vertex (algorithm 1): links[0..level], room for
 * VsLinksRoom() each, the first VsDegree() for its own list.  A vertex with the very
 * same vector, if one turns up, is put into *same and the function returns false
 * without choosing neighbours.
 */
extern bool vs_graph_find_links(VsSearch *search, const void *vector, int level,
								VsCandidate entry, int entry_level,
								VsLinks *links, VsCandidate *same);

/*
 * Add the links from the chosen neighbours back to the new vertex, shrinking
 * lists that are full.  If none of level 0 has a place for it, the nearest
 * gives up its last choice for it.  Where a vertex loses its place to the new
 * one in the only list known to name it, the new one leads on to it: so some
 * path leads to every vertex.
 */
extern void vs_graph_link_back(VsGraph *graph, VsId id, uint16 version, int level,
							   const VsLinks *links);

/*
 * Add one link from a vertex to a new one; the rank between them is known.
 * Returns whether the vertex has the link now.  It may refuse it if its list is
 * full of better ones, unless forced.  Whose place it took is put into *gone:
 * VS_INVALID_ID if there was room.
 */
extern bool vs_graph_link_list(VsGraph *graph, const VsCandidate *vertex, int level,
							   VsCandidate added, bool forced, VsId *gone);

/* How many level-0 lists name each vertex, counted up to 255. */
typedef struct VsInDegrees
{
	uint8	   *counts;			/* by id */
	uint32		size;
} VsInDegrees;

static inline void
vs_indegree_add(VsInDegrees *degrees, VsId id)
{
	if (id < degrees->size && degrees->counts[id] < 255)
		degrees->counts[id]++;
}

/* A count that reached 255 is no longer known and stays. */
static inline void
vs_indegree_subtract(VsInDegrees *degrees, VsId id)
{
	if (id < degrees->size && degrees->counts[id] > 0 && degrees->counts[id] < 255)
		degrees->counts[id]--;
}

/*
 * Add to a set what links up to a level lead to from a vertex, itself included.
 * Pages are read in order, once a step away from the vertex.
 */
extern void vs_graph_reach(VsGraph *graph, VsId start, int level, VsIdSet *reached);

/*
 * Attach those of the vertices (NULL: of all that degrees are known of) that no
 * path leads to from the entry, and those that few lists name.  Returns how many links
 * were made.
 */
extern int64 vs_graph_connect(VsGraph *graph, VsId entry, const VsIdSet *vertices,
							  VsInDegrees *degrees);

/*
 * Mend the list of a vertex that has dead neighbours: those of them in the
 * set go, and the dead ones' own neighbours compete for the places; on level 0
 * some stay free.  True if there was something to mend; degrees are told of the
 * new list of level 0.
 */
extern bool vs_graph_repair(VsGraph *graph, VsCandidate vertex, int level,
							const VsIdSet *dead, VsInDegrees *degrees);

/*
 * One vertex in so many reaches one level higher: in m, or in 2m with codes of one bit.
 * With more bits in 3m: vertices are small there, and upper lists a larger share of the
 * index.
 */
static inline int
vs_level_base(const VsIndex *index)
{
	return index->m * (index->bits == 0 ? 1 : index->bits == 1 ? 2 : 3);
}

/* The level a row's vertex gets, the same every time. */
extern int	vs_draw_level(const VsIndex *index, const ItemPointerData *tid);

/* Whether a list has the id. */
extern bool vs_candidates_have(const VsCandidate *list, int n, VsId id);

/* Sort by rank, ties by id. */
extern void vs_sort_candidates(VsCandidate *cands, int n);

#endif							/* VECSTORE_GRAPH_H */
