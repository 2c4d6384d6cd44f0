/*
 * graph.c
 *		Search of an HNSW graph and the choice of neighbours.
 *
 * See graph.h.  Nothing here knows whether the graph lies in memory or on
 * pages.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/graph.h"
#include "commands/vacuum.h"
#include "miscadmin.h"

/* How often a list that others keep changing is read again before giving up. */
#define MAX_TRIES		8

/*
 * Of the links a new vertex has, how many may lead on to vertices whose place it
 * took in the only list known to name them.  At m = 2 that is half of them.
 */
#define MAX_LEADS		2

/*
 * While mending: candidates enough for one place and for a list, and dead
 * vertices looked behind at most.  Each candidate costs a page to be touched.
 */
#define REPAIR_FOR_PLACE	20
#define REPAIR_CANDIDATES	128
#define REPAIR_DEAD			256

/* While a vertex is expanded, memory is asked for so many that may be next. */
#define LOOK_AHEAD			3

/*
 * Where it is known how many of ef vertices are wanted: the intrinsic dimension
 * that data are taken to have, and the share of the others that are expanded at
 * least.  With 24, a search finds about as much as one for all ef; data have
 * 21 to 26 (docs/benchmarks.md).
 */
#define INTRINSIC_DIMS		24
#define ENOUGH_SHARE		3

VsMetric
vs_graph_metric(const VsIndex *index)
{
	return index->metric == VS_METRIC_IP ? VS_METRIC_L2 : index->metric;
}

/* ---- heap ---- */

/* Whether a comes out before b. */
static inline bool
heap_before(const VsHeap *heap, const VsCandidate *a, const VsCandidate *b)
{
	return heap->reversed ? a->rank > b->rank : a->rank < b->rank;
}

/* Append an item in no order. */
static inline void
heap_append(VsHeap *heap, VsCandidate item)
{
	if (heap->n == heap->size)
	{
		heap->size *= 2;
		heap->items = repalloc_huge(heap->items, heap->size * sizeof(VsCandidate));
	}
	heap->items[heap->n++] = item;
}

void
vs_heap_push(VsHeap *heap, VsCandidate item)
{
	int64		i = heap->n;

	heap_append(heap, item);
	while (i > 0)
	{
		int64		parent = (i - 1) / 2;

		if (!heap_before(heap, &item, &heap->items[parent]))
			break;
		heap->items[i] = heap->items[parent];
		i = parent;
	}
	heap->items[i] = item;
}

/* Put an item into the place of the one that would come out first. */
static inline void
heap_replace(VsHeap *heap, VsCandidate item)
{
	int64		i = 0;

	for (;;)
	{
		int64		child = 2 * i + 1;

		if (child >= heap->n)
			break;
		if (child + 1 < heap->n &&
			heap_before(heap, &heap->items[child + 1], &heap->items[child]))
			child++;
		if (!heap_before(heap, &heap->items[child], &item))
			break;
		heap->items[i] = heap->items[child];
		i = child;
	}
	heap->items[i] = item;
}

VsCandidate
vs_heap_pop(VsHeap *heap)
{
	VsCandidate top = heap->items[0];

	heap->n--;
	heap_replace(heap, heap->items[heap->n]);
	return top;
}

/* Put an item among the best, at most so many; false if it is none of them. */
static inline bool
heap_keep_best(VsHeap *best, int most, VsCandidate item)
{
	if (best->n < most)
		vs_heap_push(best, item);
	else if (item.rank < best->items[0].rank)
		heap_replace(best, item);
	else
		return false;
	return true;
}

static void
heap_init(VsHeap *heap, bool reversed)
{
	heap->n = 0;
	heap->size = 64;
	heap->reversed = reversed;
	heap->items = palloc(heap->size * sizeof(VsCandidate));
}

/* ---- search ---- */

void
vs_search_init(VsSearch *search, VsGraph *graph, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);

	memset(search, 0, sizeof(VsSearch));
	search->graph = graph;
	search->context = context;
	vs_idset_init(&search->visited, context);
	heap_init(&search->frontier, false);
	heap_init(&search->results, true);
	heap_init(&search->spare, false);
	heap_init(&search->later, false);
	heap_init(&search->estimates, true);
	heap_init(&search->wanted_best, true);
	search->batch = palloc(VsDegree(&graph->index, 0) * sizeof(VsCandidate));
	MemoryContextSwitchTo(old);
}

void
vs_search_end(VsSearch *search)
{
	pfree(search->frontier.items);
	pfree(search->results.items);
	pfree(search->spare.items);
	pfree(search->later.items);
	pfree(search->estimates.items);
	pfree(search->wanted_best.items);
	pfree(search->batch);
	vs_idset_end(&search->visited);
}

Size
vs_search_bytes(const VsSearch *search)
{
	return search->visited.bytes + sizeof(VsCandidate) *
		(search->frontier.size + search->results.size + search->spare.size +
		 search->later.size + search->estimates.size + search->wanted_best.size);
}

int64
vs_search_touched(const VsSearch *search)
{
	return search->graph->expand ? search->expanded : search->visited.count;
}

bool
vs_search_is_full(const VsSearch *search)
{
	return search->max_bytes > 0 && vs_search_bytes(search) > search->max_bytes;
}

/*
 * A vertex whose own rank is known: one of the ef best, or not.
 */
static inline void
admit_to_results(VsSearch *search, VsCandidate cand)
{
	VsHeap	   *results = &search->results;

	if (search->wanted > 0)
		heap_keep_best(&search->wanted_best, search->wanted, cand);
	if (results->n < search->ef)
	{
		vs_heap_push(results, cand);
		return;
	}
	if (cand.rank < results->items[0].rank)
	{
		VsCandidate worst = results->items[0];

		heap_replace(results, cand);
		cand = worst;
	}
	if (search->keep_all)
		vs_heap_push(&search->spare, cand);
}

/*
 * A vertex just priced: keep it where it belongs.  Most are too far away to be
 * ever expanded: they wait in no order.
 */
static inline void
admit(VsSearch *search, VsCandidate cand)
{
	VsHeap	   *results = &search->results;

	if (results->n >= search->ef && cand.rank >= results->items[0].rank)
	{
		if (search->keep_all)
			heap_append(&search->later, cand);
		return;
	}
	vs_heap_push(&search->frontier, cand);
	if (!cand.dead)
		admit_to_results(search, cand);
}

/* The same where the rank is an estimate. */
static inline void
admit_estimate(VsSearch *search, VsCandidate cand)
{
	if (heap_keep_best(&search->estimates, search->ef, cand))
		vs_heap_push(&search->frontier, cand);
	else
		heap_append(&search->later, cand);
}

/*
 * Drop those that were visited before, and visit the others.  First it is asked of all:
 * that needs no branch, which would be mispredicted for every third, and no answer waits
 * for what is written for the one before.
 */
static int
keep_unseen(VsSearch *search, VsCandidate *batch, int n)
{
	uint16		places[2 * VS_MAX_M];
	int			unseen = 0;
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		places[unseen] = i;
		unseen += !vs_idset_has(&search->visited, batch[i].id);
	}
	for (int i = 0; i < unseen; i++)
	{
		batch[kept] = batch[places[i]];
		kept += vs_idset_add(&search->visited, batch[kept].id);
	}
	return kept;
}

/* The same of ids; makes candidates of the others. */
static int
take_unseen(VsSearch *search, VsId *ids, int n, VsCandidate *batch)
{
	int			unseen = 0;
	int			taken = 0;

	for (int i = 0; i < n; i++)
	{
		VsId		id = ids[i];

		ids[unseen] = id;
		unseen += !vs_idset_has(&search->visited, id);
	}
	for (int i = 0; i < unseen; i++)
	{
		batch[taken] = (VsCandidate) {.id = ids[i]};
		taken += vs_idset_add(&search->visited, ids[i]);
	}
	return taken;
}

/* The neighbours of a vertex that were not visited before. */
static int
unseen_neighbours(VsSearch *search, VsId id, VsCandidate *batch)
{
	VsGraph    *graph = search->graph;
	VsId		ids[2 * VS_MAX_M];

	if (graph->neighbour_ids)
		return take_unseen(search, ids, graph->neighbour_ids(graph, id, search->level, ids), batch);
	return keep_unseen(search, batch, graph->neighbours(graph, id, search->level, batch));
}

/* Whether memory was asked for a vertex a moment ago. */
static bool
is_coming(const VsSearch *search, VsId id)
{
	for (int i = 0; i < lengthof(search->approached); i++)
		if (search->approached[i] == id)
			return true;
	return false;
}

/* Ask memory for a vertex, unless that was done. */
static void
approach(VsSearch *search, VsId id)
{
	if (is_coming(search, id))
		return;
	search->approached[search->napproached++ % lengthof(search->approached)] = id;
	search->graph->approach(search->graph, id, search->level);
}

/*
 * Expanding a vertex is mostly waiting for memory.  Which is next can be guessed:
 * while one is at work, memory fetches the nearest of the others.
 */
static void
look_ahead(VsSearch *search)
{
	VsHeap	   *frontier = &search->frontier;

	if (search->graph->approach)
		for (int i = 0; i < LOOK_AHEAD && i < frontier->n; i++)
			approach(search, frontier->items[i].id);
}

/*
 * Read a vertex's neighbours and price those not visited before.
 */
static void
expand(VsSearch *search, VsCandidate cand)
{
	VsGraph    *graph = search->graph;
	VsCandidate *batch = search->batch;
	int			n = unseen_neighbours(search, cand.id, batch);

	look_ahead(search);
	n = graph->price(graph, search->query, batch, n);
	search->priced += n;
	for (int i = 0; i < n; i++)
		admit(search, batch[i]);
}

/*
 * The same where the list prices its members.
 */
static void
expand_by_codes(VsSearch *search, VsCandidate cand)
{
	VsGraph    *graph = search->graph;
	VsCandidate *batch = search->batch;
	int			n;

	look_ahead(search);
	n = graph->expand(graph, &cand, search->level, batch);
	if (n < 0)
		return;
	search->priced += n + 1;
	n = keep_unseen(search, batch, n);
	if (!cand.dead)
		admit_to_results(search, cand);
	for (int i = 0; i < n; i++)
		admit_estimate(search, batch[i]);
}

/*
 * The same where vertices have estimates one by one.
 */
static void
expand_by_estimates(VsSearch *search, VsCandidate cand)
{
	VsGraph    *graph = search->graph;
	VsCandidate *batch = search->batch;
	int			n;

	graph->expect(graph, cand.id);
	n = unseen_neighbours(search, cand.id, batch);
	look_ahead(search);
	graph->estimate(graph, &cand, batch, n);
	search->priced += n + 1;
	admit_to_results(search, cand);
	for (int i = 0; i < n; i++)
		admit_estimate(search, batch[i]);
}

/* All that waits may be near enough now. */
static void
reclaim_later(VsSearch *search)
{
	while (search->later.n > 0)
	{
		VsCandidate cand = search->later.items[--search->later.n];

		vs_heap_push(&search->frontier, cand);
		if (!vs_graph_estimates(search->graph) && !cand.dead)
			vs_heap_push(&search->spare, cand);
	}
}

/*
 * How much larger a rank is at the distance within which ef vertices are to be
 * expected, if so many as are wanted lie within theirs; ranks are squares.
 */
static float
slack_of(int ef, int wanted)
{
	return powf((float) ef / wanted, 2.0f / INTRINSIC_DIMS);
}

/*
 * Whether a vertex of that rank, the nearest not expanded, need not be: it is
 * farther than the worst of ef results, or as far beyond the worst of those that
 * are wanted as ef results would reach.
 */
static inline bool
is_beyond(const VsSearch *search, float rank)
{
	const VsHeap *results = &search->results;
	const VsHeap *best = &search->wanted_best;

	if (results->n >= search->ef && rank > results->items[0].rank)
		return true;
	return search->wanted > 0 && best->n == search->wanted &&
		results->n >= search->enough && rank > search->slack * best->items[0].rank;
}

/*
 * The vertex to be expanded next: the nearest.  If memory was not asked for it, it comes
 * up while the second nearest is expanded, which would be soon anyway.
 */
static VsCandidate
take_nearest(VsSearch *search)
{
	VsHeap	   *frontier = &search->frontier;
	VsCandidate nearest = vs_heap_pop(frontier);
	VsCandidate second;

	if (search->graph->approach == NULL || is_coming(search, nearest.id))
		return nearest;
	approach(search, nearest.id);
	if (frontier->n == 0 || is_beyond(search, frontier->items[0].rank) ||
		!is_coming(search, frontier->items[0].id))
		return nearest;
	second = frontier->items[0];
	heap_replace(frontier, nearest);
	return second;
}

/*
 * Expand the nearest vertex until it need not be.
 */
static void
run(VsSearch *search)
{
	VsHeap	   *frontier = &search->frontier;
	VsHeap	   *results = &search->results;

	for (;;)
	{
		VsCandidate next;

		if (frontier->n == 0 && results->n < search->ef)
			reclaim_later(search);
		if (frontier->n == 0 || is_beyond(search, frontier->items[0].rank))
			break;
		if (vs_search_is_full(search))
			break;
		CHECK_FOR_INTERRUPTS();
		next = take_nearest(search);
		search->expanded++;
		if (search->graph->expand)
			expand_by_codes(search, next);
		else if (search->graph->estimate)
			expand_by_estimates(search, next);
		else
			expand(search, next);
	}
}

void
vs_search_want(VsSearch *search, int64 wanted, int ef)
{
	search->wanted = wanted < ef ? wanted : 0;
	if (search->wanted > 0)
	{
		search->slack = slack_of(ef, search->wanted);
		search->enough = search->wanted + (ef - search->wanted) / ENOUGH_SHARE;
	}
}

void
vs_search_level(VsSearch *search, const void *query,
				const VsCandidate *entries, int nentries,
				int level, int ef, bool keep_all)
{
	search->query = query;
	search->level = level;
	search->ef = ef;
	search->keep_all = keep_all;
	vs_idset_clear(&search->visited);
	memset(search->approached, 0xFF, sizeof(search->approached));
	search->frontier.n = search->results.n = search->estimates.n = 0;
	search->wanted_best.n = 0;
	search->spare.n = search->later.n = 0;
	for (int i = 0; i < nentries; i++)
		if (!vs_idset_add(&search->visited, entries[i].id))
			continue;
		else if (vs_graph_estimates(search->graph))
			admit_estimate(search, entries[i]);
		else
			admit(search, entries[i]);
	run(search);
}

void
vs_search_widen(VsSearch *search, const VsCandidate *rest, int n)
{
	search->wanted = 0;
	for (int i = 0; i < n; i++)
		vs_heap_push(&search->results, rest[i]);
	run(search);
}

bool
vs_search_next(VsSearch *search)
{
	search->wanted = 0;
	reclaim_later(search);
	search->estimates.n = 0;
	while (search->spare.n > 0 && search->results.n < search->ef)
		vs_heap_push(&search->results, vs_heap_pop(&search->spare));
	run(search);
	return search->results.n > 0;
}

int
vs_search_take(VsSearch *search, VsCandidate *out)
{
	int			n = search->results.n;

	for (int i = n - 1; i >= 0; i--)
		out[i] = vs_heap_pop(&search->results);
	return n;
}

int
vs_search_descend(VsSearch *search, const void *query,
				  VsCandidate *entries, int entry_level, int level, int ef)
{
	VsGraph    *graph = search->graph;
	Size		max_bytes = search->max_bytes;
	int			n;

	if (graph->begin)
		graph->begin(graph, query);
	n = graph->price(graph, query, entries, 1);

	/* The memory is for the level that is searched in earnest. */
	search->max_bytes = 0;
	search->priced += n;
	for (int l = entry_level; l > level && n > 0; l--)
	{
		vs_search_level(search, query, entries, n, l, vs_descent_width(&graph->index, ef, l), false);
		if (search->results.n > 0)
			n = vs_search_take(search, entries);
	}
	search->max_bytes = max_bytes;
	if (vs_search_is_full(search))
		vs_idset_end(&search->visited);
	return n;
}

/* ---- neighbours ---- */

static inline int
compare_candidates(const VsCandidate *x, const VsCandidate *y)
{
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/* Lists are sorted for every link: the comparison is inlined. */
#define ST_SORT			sort_candidates
#define ST_ELEMENT_TYPE	VsCandidate
#define ST_COMPARE(a, b)	compare_candidates(a, b)
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

void
vs_sort_candidates(VsCandidate *cands, int n)
{
	sort_candidates(cands, n);
}

/*
 * A candidate and its vector, which is got when it is first needed: most links
 * of a list are settled without.
 */
typedef struct Choice
{
	const VsCandidate *cand;
	const void *vector;
	bool		asked;			/* for the vector: NULL means it is gone */
} Choice;

static const void *
vector_of(VsGraph *graph, Choice *choice)
{
	if (!choice->asked)
		choice->vector = graph->vector(graph, choice->cand->id);
	choice->asked = true;
	return choice->vector;
}

/*
 * Whether a candidate is nearer to one already chosen than to the vertex: then
 * the way to it leads over that one.  An old member of the list that nobody
 * covered before can only be covered by a fresh one.
 */
static bool
is_covered(VsGraph *graph, Choice *choice, Choice *chosen, int nchosen)
{
	bool		old = choice->cand->cover != VS_COVER_UNKNOWN;

	for (int i = 0; i < nchosen; i++)
	{
		if (old && chosen[i].cand->cover != VS_COVER_UNKNOWN)
			continue;
		if (vector_of(graph, choice) == NULL)
			return false;
		if (vector_of(graph, &chosen[i]) != NULL &&
			vs_graph_rank(graph, choice->vector, chosen[i].vector) < choice->cand->rank)
			return true;
	}
	return false;
}

int
vs_choose_neighbours(VsGraph *graph, const VsCandidate *cands, int n,
					 int max, VsCandidate *out)
{
	Choice	   *chosen;
	int		   *pruned;
	int			nchosen = 0;
	int			npruned = 0;

	if (n <= max)
	{
		memcpy(out, cands, n * sizeof(VsCandidate));
		return n;
	}

	chosen = palloc(max * sizeof(Choice));
	pruned = palloc(n * sizeof(int));
	for (int i = 0; i < n && nchosen < max; i++)
	{
		Choice		choice = {.cand = &cands[i]};

		if (cands[i].cover == VS_COVERED || is_covered(graph, &choice, chosen, nchosen))
			pruned[npruned++] = i;
		else if (!choice.asked || choice.vector)
		{
			out[nchosen] = cands[i];
			out[nchosen].cover = VS_UNCOVERED;
			chosen[nchosen++] = choice;
		}
	}

	/* Places left go to the nearest of the covered ones. */
	n = nchosen;
	for (int i = 0; i < npruned && n < max; i++)
	{
		out[n] = cands[pruned[i]];
		out[n++].cover = VS_COVERED;
	}
	pfree(chosen);
	pfree(pruned);
	return n;
}

/* Which member of a list goes first: the farthest of the covered ones, else of all. */
static int
last_choice(const VsMember *members, int n)
{
	bool		any_covered = false;
	float		farthest = -INFINITY;
	int			last = 0;

	for (int i = 0; i < n; i++)
		any_covered |= members[i].covered;
	for (int i = 0; i < n; i++)
	{
		bool		farther = (members[i].covered == any_covered) & (members[i].rank > farthest);

		farthest = farther ? members[i].rank : farthest;
		last = farther ? i : last;
	}
	return last;
}

/* Loops without branches: a build runs them for each link back. */
int
vs_choose_gone(VsMember *members, int n, VsMember *added)
{
	bool		covered = false;
	int			last;

	for (int i = 0; i < n; i++)
		covered |= !members[i].covered & (members[i].rank < added->rank) &
			(members[i].to_added < added->rank);
	for (int i = 0; i < n; i++)
		members[i].covered |= !covered & (members[i].rank > added->rank) &
			(members[i].to_added < members[i].rank);
	added->covered = covered;
	if (n == 0)
		return n;
	last = last_choice(members, n);
	if (added->covered != members[last].covered ? added->covered :
		added->rank >= members[last].rank)
		return n;
	return last;
}

/*
 * Look for a vertex with the very same vector among search results.  The
 * kernel gives such a vertex the rank the vector has against itself, bit for
 * bit, so few need their vectors compared.
 */
static bool
find_same(VsGraph *graph, const void *vector, const VsCandidate *cands, int n,
		  VsCandidate *same)
{
	float		self = vs_graph_rank(graph, vector, vector);

	for (int i = 0; i < n; i++)
	{
		const void *other;

		if (cands[i].rank != self)
			continue;
		other = graph->vector(graph, cands[i].id);
		if (other && memcmp(other, vector, graph->index.vector_size) == 0)
		{
			*same = cands[i];
			return true;
		}
	}
	return false;
}

/*
 * Neighbours of a new vertex on a level.  The first ones of a choice of many are those of
 * a choice of fewer; but candidates that all fit are not chosen from at all, so then the
 * choice is that of its own list.
 */
static int
choose_links(VsGraph *graph, int level, const VsCandidate *cands, int n, VsCandidate *out)
{
	int			degree = VsDegree(&graph->index, level);
	int			room = VsLinksRoom(&graph->index, level);

	return vs_choose_neighbours(graph, cands, n, n > room ? room : degree, out);
}

bool
vs_graph_find_links(VsSearch *search, const void *vector, int level,
					VsCandidate entry, int entry_level,
					VsLinks *links, VsCandidate *same)
{
	VsGraph    *graph = search->graph;
	int			ef = Max(graph->index.ef_construction, 2 * graph->index.m);
	VsCandidate *cands = palloc(Max(ef, VS_MIN_DESCENT) * sizeof(VsCandidate));
	int			n = 0;
	bool		found = false;

	for (int l = 0; l <= level; l++)
		links[l].n = 0;
	cands[0] = entry;
	if (entry.id != VS_INVALID_ID)
		n = vs_search_descend(search, vector, cands, entry_level, level, ef);
	for (int l = Min(level, entry_level); l >= 0 && n > 0; l--)
	{
		int			nresults;

		vs_search_level(search, vector, cands, n, l, ef, false);
		nresults = search->results.n;
		if (nresults == 0)
			continue;			/* only tombstones here: enter below as here */
		n = vs_search_take(search, cands);
		if (l == 0 && find_same(graph, vector, cands, n, same))
			found = true;
		else
			links[l].n = choose_links(graph, l, cands, n, links[l].cands);
		graph->forget(graph);
	}
	pfree(cands);
	return !found;
}

bool
vs_candidates_have(const VsCandidate *list, int n, VsId id)
{
	for (int i = 0; i < n; i++)
		if (list[i].id == id)
			return true;
	return false;
}

/*
 * Give the candidates that have no rank yet one against the vector; those that
 * are gone are dropped.  Their vectors are wanted again for what follows.
 */
static int
rank_unknown(VsGraph *graph, const void *vector, VsCandidate *cands, int n)
{
	int			left = 0;

	for (int i = 0; i < n; i++)
		if (isnan(cands[i].rank))
			graph->expect(graph, cands[i].id);
	for (int i = 0; i < n; i++)
	{
		cands[left] = cands[i];
		if (isnan(cands[i].rank))
		{
			const void *other = graph->vector(graph, cands[i].id);

			if (other == NULL)
				continue;
			cands[left].rank = vs_graph_rank(graph, vector, other);
		}
		left++;
	}
	return left;
}

/*
 * Shrink n candidates of a list, one too many, among them the one just added.
 * The id that has to go, that of the added one perhaps, is put into *gone.
 */
static int
shrink_list(VsGraph *graph, VsCandidate *cands, int n, VsId *gone)
{
	VsCandidate *chosen = palloc(n * sizeof(VsCandidate));
	int			nchosen;

	vs_sort_candidates(cands, n);
	nchosen = vs_choose_neighbours(graph, cands, n, n - 1, chosen);

	/* All ids but one cancel out; fewer are left if some are not there any more. */
	*gone = 0;
	for (int i = 0; i < n; i++)
		*gone ^= cands[i].id;
	for (int i = 0; i < nchosen; i++)
		*gone ^= chosen[i].id;
	if (nchosen < n - 1)
		*gone = VS_INVALID_ID;
	memcpy(cands, chosen, nchosen * sizeof(VsCandidate));
	pfree(chosen);
	return nchosen;
}

/*
 * Whether one of a vertex's own neighbours names it on level 0, but for the one
 * that has given up its link.  The first one asked mostly does.
 */
static bool
is_named_elsewhere(VsGraph *graph, VsId id, VsId but)
{
	int			max = VsDegree(&graph->index, 0);
	VsCandidate *own = palloc(max * sizeof(VsCandidate));
	VsCandidate *list = palloc(max * sizeof(VsCandidate));
	int			n = graph->neighbours(graph, id, 0, own);
	bool		named = n == 0;	/* it is gone: nothing to keep */

	for (int i = 0; i < n && !named; i++)
		if (own[i].id != but)
			named = vs_candidates_have(list, graph->neighbours(graph, own[i].id, 0, list), id);
	pfree(own);
	pfree(list);
	return named;
}

bool
vs_graph_link_list(VsGraph *graph, const VsCandidate *vertex, int level, VsCandidate added,
				   bool forced, VsId *gone)
{
	int			max = VsDegree(&graph->index, level);
	VsCandidate *old = palloc((max + 1) * sizeof(VsCandidate));
	VsCandidate *cands = palloc((max + 1) * sizeof(VsCandidate));
	bool		linked = false;

	for (int tries = 0; tries < MAX_TRIES && !linked; tries++)
	{
		int			nold = graph->neighbours(graph, vertex->id, level, old);
		int			n = nold;

		*gone = VS_INVALID_ID;
		linked = vs_candidates_have(old, nold, added.id);
		if (linked)
			break;
		memcpy(cands, old, nold * sizeof(VsCandidate));
		if (n == max)
		{
			const void *vector = graph->vector(graph, vertex->id);

			if (vector == NULL)
				break;
			n = rank_unknown(graph, vector, cands, n);
		}
		cands[n++] = added;
		if (n > max)
		{
			n = shrink_list(graph, cands, n, gone);
			if (*gone == added.id)
			{
				if (!forced)
					break;
				*gone = cands[n - 1].id;
				cands[n - 1] = added;
			}
		}
		linked = graph->replace(graph, vertex, level, old, nold, cands, n);
	}
	pfree(old);
	pfree(cands);
	graph->forget(graph);
	return linked;
}

/* The same, as the graph does it. */
static bool
link_one(VsGraph *graph, const VsCandidate *vertex, int level, VsCandidate added,
		 bool forced, VsId *gone)
{
	if (graph->link)
		return graph->link(graph, vertex, level, added, forced, gone);
	return vs_graph_link_list(graph, vertex, level, added, forced, gone);
}

/*
 * A vertex took the place of another one in a list: let it lead on to that one,
 * so that what was reached stays reached.  The vertex's nth choice from the end
 * makes room.
 */
static void
lead_on(VsGraph *graph, VsCandidate vertex, VsId id, int nth)
{
	int			max = VsDegree(&graph->index, 0);
	VsCandidate *old = palloc(max * sizeof(VsCandidate));
	VsCandidate *list = palloc((max + 1) * sizeof(VsCandidate));
	VsCandidate to = {.id = id};
	const void *vector = graph->vector(graph, vertex.id);
	bool		done = vector == NULL || graph->price(graph, vector, &to, 1) == 0 || to.dead;

	for (int tries = 0; tries < MAX_TRIES && !done; tries++)
	{
		int			n = graph->neighbours(graph, vertex.id, 0, old);
		int			at = n < max ? n : max - 1 - nth;

		if (vs_candidates_have(old, n, id))
			break;
		memcpy(list, old, n * sizeof(VsCandidate));
		list[at] = to;
		list[at].cover = VS_COVER_UNKNOWN;
		done = graph->replace(graph, &vertex, 0, old, n, list, Max(n, at + 1));
	}
	pfree(old);
	pfree(list);
	graph->forget(graph);
}

void
vs_graph_link_back(VsGraph *graph, VsId id, uint16 version, int level,
				   const VsLinks *links)
{
	bool		linked = true;
	int			leads = 0;
	VsId		gone;

	for (int l = level; l >= 0; l--)
	{
		linked = false;
		for (int i = 0; i < links[l].n; i++)
		{
			const VsCandidate *vertex = &links[l].cands[i];
			VsCandidate added = {.id = id,.version = version,.rank = vertex->rank};

			CHECK_FOR_INTERRUPTS();
			if (!link_one(graph, vertex, l, added, false, &gone))
				continue;
			linked = true;
			if (l == 0 && leads < MAX_LEADS && !graph->connected_later &&
				gone != VS_INVALID_ID && !is_named_elsewhere(graph, gone, vertex->id))
				lead_on(graph, added, gone, leads++);
		}
	}
	if (!linked && links[0].n > 0)
	{
		VsCandidate added = {.id = id,.version = version,.rank = links[0].cands[0].rank};

		if (link_one(graph, &links[0].cands[0], 0, added, true, &gone) &&
			gone != VS_INVALID_ID)
			lead_on(graph, added, gone, 0);
	}
}

/* The member of a list that most lists name; at least one other must. */
static int
most_named(const VsCandidate *list, int n, const VsInDegrees *degrees)
{
	int			most = -1;
	int			named = 1;

	for (int i = 0; i < n; i++)
		if (list[i].id < degrees->size && degrees->counts[list[i].id] > named)
		{
			most = i;
			named = degrees->counts[list[i].id];
		}
	return most;
}

/* A place for one more link: in a vertex's list. */
typedef struct Place
{
	VsCandidate vertex;
	int			named;			/* lists that name who would go; 256: nobody */
} Place;

/*
 * Look for a better place in the lists of n vertices.
 */
static void
find_place(VsGraph *graph, VsId self, const VsCandidate *cands, int n,
		   const VsInDegrees *degrees, const VsIdSet *from, VsCandidate *list,
		   Place *best)
{
	int			max = VsDegree(&graph->index, 0);

	for (int i = 0; i < n && best->named < 256; i++)
	{
		int			nlist;
		int			victim;

		if (cands[i].id == self || !vs_idset_has(from, cands[i].id))
			continue;
		nlist = graph->neighbours(graph, cands[i].id, 0, list);
		if (nlist == 0 || vs_candidates_have(list, nlist, self))
			continue;			/* gone, or it names the vertex already */
		if (nlist < max)
		{
			best->vertex = cands[i];
			best->named = 256;
			continue;
		}
		victim = most_named(list, nlist, degrees);
		if (victim >= 0 && degrees->counts[list[victim].id] > best->named)
		{
			best->vertex = cands[i];
			best->named = degrees->counts[list[victim].id];
		}
	}
}

/*
 * Put a link to the vertex in the place.
 */
static bool
take_place(VsGraph *graph, VsCandidate vertex, VsCandidate place, VsInDegrees *degrees)
{
	int			max = VsDegree(&graph->index, 0);
	VsCandidate *old = palloc(max * sizeof(VsCandidate));
	VsCandidate *list = palloc((max + 1) * sizeof(VsCandidate));
	bool		taken = false;

	for (int tries = 0; tries < MAX_TRIES && !taken; tries++)
	{
		int			n = graph->neighbours(graph, place.id, 0, old);
		int			at = n < max ? n : most_named(old, n, degrees);

		if (n == 0 || at < 0 || vs_candidates_have(old, n, vertex.id))
			break;
		memcpy(list, old, n * sizeof(VsCandidate));
		list[at] = vertex;
		list[at].rank = place.rank;
		list[at].cover = VS_COVER_UNKNOWN;
		taken = graph->replace(graph, &place, 0, old, n, list, Max(n, at + 1));
		if (taken && at < n)
			vs_indegree_subtract(degrees, old[at].id);
	}
	if (taken)
		vs_indegree_add(degrees, vertex.id);
	pfree(old);
	pfree(list);
	return taken;
}

/*
 * Give a vertex one more link from one of its own neighbours, or of theirs, of those in
 * from, in the place of the link to the vertex that most lists name, more than so many.
 * On hub-like data, where a few vertices are near to all others, such vertices fill the
 * lists and crowd others out of every one.  False if no neighbour had a place.
 */
static bool
attach(VsGraph *graph, VsCandidate vertex, VsInDegrees *degrees, const VsIdSet *from, int named)
{
	int			max = VsDegree(&graph->index, 0);
	VsCandidate *own = palloc(max * sizeof(VsCandidate));
	VsCandidate *ring = palloc(max * sizeof(VsCandidate));
	VsCandidate *list = palloc(max * sizeof(VsCandidate));
	const void *vector = graph->vector(graph, vertex.id);
	int			n = graph->neighbours(graph, vertex.id, 0, own);
	Place		best = {.vertex.id = VS_INVALID_ID,.named = named};
	bool		attached = false;

	find_place(graph, vertex.id, own, n, degrees, from, list, &best);

	/* Where all distances are alike, one has to look behind the hubs. */
	for (int i = 0; i < n && best.named == named; i++)
	{
		int			nring = graph->neighbours(graph, own[i].id, 0, ring);

		find_place(graph, vertex.id, ring, nring, degrees, from, list, &best);
	}

	/* The rank between the two, and the version that is to be changed. */
	if (vector && best.vertex.id != VS_INVALID_ID &&
		graph->price(graph, vector, &best.vertex, 1) == 1 && !best.vertex.dead)
		attached = take_place(graph, vertex, best.vertex, degrees);
	pfree(own);
	pfree(ring);
	pfree(list);
	graph->forget(graph);
	return attached;
}

/* ---- reaching all ---- */

/* Rounds of connecting: a link to one may take the place of the only one to another. */
#define CONNECT_ROUNDS		8

/*
 * So many lists should name a vertex, or half of m where that is less.
 * To one that fewer name a path leads, but searches seldom take it: of 500 evenly spread
 * vectors of 600 dimensions, a third of them deleted and as many inserted, 3.3 were not
 * found by themselves with ef_search 40, and one with 100, in the mean; .6 and none are.
 * One or two of a thousand vertices of a build are such ones.
 */
#define NAMED_ENOUGH		4

/*
 * Add the neighbours of those in a set to what is reached, new ones to next as well.  A
 * vertex that has none on a level is not on those above.
 */
static void
step(VsGraph *graph, const VsIdSet *now, VsIdSet *next, int level, VsIdSet *reached, VsCandidate *list)
{
	for (int64 id = vs_idset_next(now, 0); id >= 0; id = vs_idset_next(now, id + 1))
	{
		vs_vacuum_delay_point();
		for (int at = 0; at <= level; at++)
		{
			int			n = graph->neighbours(graph, id, at, list);

			for (int i = 0; i < n; i++)
				if (vs_idset_add(reached, list[i].id))
					vs_idset_add(next, list[i].id);
			if (n == 0)
				break;
		}
	}
}

void
vs_graph_reach(VsGraph *graph, VsId start, int level, VsIdSet *reached)
{
	VsCandidate *list = palloc(VsDegree(&graph->index, 0) * sizeof(VsCandidate));
	VsIdSet		steps[2];

	vs_idset_init(&steps[0], CurrentMemoryContext);
	vs_idset_init(&steps[1], CurrentMemoryContext);
	if (vs_idset_add(reached, start))
		vs_idset_add(&steps[0], start);
	for (int i = 0; steps[i].count > 0; i = !i)
	{
		vs_idset_clear(&steps[!i]);
		step(graph, &steps[i], &steps[!i], level, reached, list);
	}
	vs_idset_end(&steps[0]);
	vs_idset_end(&steps[1]);
	pfree(list);
}

/* The next of the vertices to be reached: see vs_graph_connect(); -1 after the last. */
static int64
next_vertex(const VsIdSet *vertices, const VsInDegrees *degrees, int64 from)
{
	if (vertices)
		return vs_idset_next(vertices, from);
	return from < degrees->size ? from : -1;
}

/*
 * Attach those of the vertices that are not reached, and reach what they lead to.
 */
static int64
attach_unreached(VsGraph *graph, const VsIdSet *vertices, VsInDegrees *degrees, VsIdSet *reached)
{
	int64		attached = 0;

	for (int64 id = next_vertex(vertices, degrees, 0); id >= 0;
		 id = next_vertex(vertices, degrees, id + 1))
	{
		VsCandidate vertex = {.id = id};

		if (vs_idset_has(reached, id))
			continue;
		vs_vacuum_delay_point();
		if (attach(graph, vertex, degrees, reached, 1))
		{
			vs_graph_reach(graph, id, 0, reached);
			attached++;
		}
	}
	return attached;
}

/*
 * See to it that enough lists name each of the vertices.
 */
static int64
name_enough(VsGraph *graph, const VsIdSet *vertices, VsInDegrees *degrees, const VsIdSet *reached)
{
	int			enough = Min(NAMED_ENOUGH, graph->index.m / 2);
	int64		attached = 0;

	for (int64 id = next_vertex(vertices, degrees, 0); id >= 0;
		 id = next_vertex(vertices, degrees, id + 1))
	{
		VsCandidate vertex = {.id = id};

		while (id < degrees->size && degrees->counts[id] < enough)
		{
			vs_vacuum_delay_point();
			if (!attach(graph, vertex, degrees, reached, enough))
				break;
			attached++;
		}
	}
	return attached;
}

int64
vs_graph_connect(VsGraph *graph, VsId entry, const VsIdSet *vertices, VsInDegrees *degrees)
{
	int64		attached = 0;
	int64		more = 1;
	VsIdSet		reached;

	vs_idset_init(&reached, CurrentMemoryContext);
	for (int round = 0; round < CONNECT_ROUNDS && more > 0; round++)
	{
		vs_idset_clear(&reached);
		vs_graph_reach(graph, entry, 0, &reached);
		more = attach_unreached(graph, vertices, degrees, &reached);
		attached += more;
	}
	attached += name_enough(graph, vertices, degrees, &reached);
	vs_idset_end(&reached);
	return attached;
}

/* ---- repair ---- */

/*
 * Collect live candidates behind the dead neighbours of a list: the dead ones'
 * neighbours, and behind those that are dead as well, until there are enough.
 * Returns how many.
 */
static int
look_behind(VsGraph *graph, VsId self, int level, const VsIdSet *dead,
			VsId *queue, int nqueue, VsIdSet *seen, VsCandidate *cands)
{
	VsCandidate *list = palloc(VsDegree(&graph->index, level) * sizeof(VsCandidate));
	int			enough = Min(REPAIR_CANDIDATES, Max(2, nqueue) * REPAIR_FOR_PLACE);
	int			n = 0;

	for (int i = 0; i < nqueue && n < enough; i++)
	{
		int			nlist = graph->neighbours(graph, queue[i], level, list);

		for (int j = 0; j < nlist && n < enough; j++)
		{
			VsId		id = list[j].id;

			if (id == self || !vs_idset_add(seen, id))
				continue;
			if (!vs_idset_has(dead, id))
			{
				/* Rank and cover are against the dead one. */
				cands[n] = list[j];
				cands[n].rank = NAN;
				cands[n++].cover = VS_COVER_UNKNOWN;
			}
			else if (nqueue < REPAIR_DEAD)
				queue[nqueue++] = id;
		}
	}
	pfree(list);
	return n;
}

/* Count a list that took the place of another. */
static void
recount(VsInDegrees *degrees, const VsCandidate *old, int nold,
		const VsCandidate *new, int nnew)
{
	for (int i = 0; i < nold; i++)
		vs_indegree_subtract(degrees, old[i].id);
	for (int i = 0; i < nnew; i++)
		vs_indegree_add(degrees, new[i].id);
}

/*
 * Drop the farthest of the members of a mended list that were not in the old one, if all
 * of those may go, or else of those that nearer ones cover, as long as more than keep
 * are left; returns how many are.
 */
static int
drop_new(VsCandidate *list, int n, int keep, bool all, const VsCandidate *old, int nold)
{
	int			spare = n - keep;
	int			left = 0;

	for (int i = n - 1; i >= 0 && spare > 0; i--)
		if ((all || list[i].cover == VS_COVERED) && !vs_candidates_have(old, nold, list[i].id))
		{
			list[i].id = VS_INVALID_ID;
			spare--;
		}
	for (int i = 0; i < n; i++)
		if (list[i].id != VS_INVALID_ID)
			list[left++] = list[i];
	return left;
}

/*
 * Inserts fill places for nothing.  Searches hardly miss a covered member as long as half
 * of the places stay taken, nor any new one, which costs a code in the log where there
 * are codes, as long as three quarters of what HNSW asks for are there.
 */
static int
leave_places(const VsIndex *index, VsCandidate *list, int n, const VsCandidate *old, int nold)
{
	n = drop_new(list, n, VsDegree(index, 0) / 2, false, old, nold);
	if (index->bits > 0)
		n = drop_new(list, n, VsLinksRoom(index, 0) * 3 / 4, true, old, nold);
	return n;
}

/*
 * Let candidates behind the dead neighbours compete with those that are left, n in
 * list; returns how many are in list then, -1 if the vertex is gone.
 */
static int
refill(VsGraph *graph, VsId self, int level, const VsIdSet *dead, VsId *queue, int nqueue,
	   VsIdSet *seen, VsCandidate *list, int n)
{
	int			max = VsDegree(&graph->index, level);
	VsCandidate *cands = palloc((max + REPAIR_CANDIDATES) * sizeof(VsCandidate));
	const void *vector = graph->vector(graph, self);
	int			ncands;

	if (vector == NULL)
		return -1;
	ncands = look_behind(graph, self, level, dead, queue, nqueue, seen, cands);
	memcpy(cands + ncands, list, n * sizeof(VsCandidate));
	ncands = rank_unknown(graph, vector, cands, ncands + n);
	vs_sort_candidates(cands, ncands);
	n = vs_choose_neighbours(graph, cands, ncands, max, list);
	pfree(cands);
	return n;
}

bool
vs_graph_repair(VsGraph *graph, VsCandidate vertex, int level, const VsIdSet *dead,
				VsInDegrees *degrees)
{
	int			max = VsDegree(&graph->index, level);
	VsCandidate *old = palloc(max * sizeof(VsCandidate));
	VsCandidate *list = palloc(max * sizeof(VsCandidate));
	VsId	   *queue = palloc((max + REPAIR_DEAD) * sizeof(VsId));
	VsIdSet		seen;
	bool		mended = false;

	vs_idset_init(&seen, CurrentMemoryContext);
	for (int tries = 0; tries < MAX_TRIES && !mended; tries++)
	{
		int			nold = graph->neighbours(graph, vertex.id, level, old);
		int			n = 0;
		int			nqueue = 0;

		vs_idset_clear(&seen);
		for (int i = 0; i < nold; i++)
		{
			vs_idset_add(&seen, old[i].id);
			if (vs_idset_has(dead, old[i].id))
				queue[nqueue++] = old[i].id;
			else
				list[n++] = old[i];
		}
		if (nqueue == 0)
			break;
		n = refill(graph, vertex.id, level, dead, queue, nqueue, &seen, list, n);
		if (n < 0)
			break;
		if (level == 0)
			n = leave_places(&graph->index, list, n, old, nold);
		mended = graph->replace(graph, &vertex, level, old, nold, list, n);
		if (mended && level == 0)
			recount(degrees, old, nold, list, n);
	}
	return mended;
}

/* ---- levels ---- */

/* The finalizer of MurmurHash3 (A. Appleby, public domain): every bit counts. */
static uint64
mix64(uint64 h)
{
	h ^= h >> 33;
	h *= UINT64CONST(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64CONST(0xc4ceb9fe1a85ec53);
	h ^= h >> 33;
	return h;
}

int
vs_draw_level(const VsIndex *index, const ItemPointerData *tid)
{
	uint64		h = mix64(index->seed ^
						  ((uint64) ItemPointerGetBlockNumberNoCheck(tid) << 16 |
						   ItemPointerGetOffsetNumberNoCheck(tid)));
	double		u = ((h >> 11) + 1) * 0x1p-53;	/* (0, 1] */

	return Min((int) (-log(u) / log(vs_level_base(index))), index->max_level);
}
