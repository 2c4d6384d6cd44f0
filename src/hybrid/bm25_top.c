/*
 * bm25_top.c
 *		The best documents of an index.
 *
 * Segments one after the other, then the pending rows; what is found raises the bar
 * for what comes.  In a segment documents are met in order, by WAND with the bounds of
 * blocks (A. Broder et al., "Efficient query evaluation using a two-level retrieval
 * process", CIKM 2003; S. Ding, T. Suel, SIGIR 2011): cursors sorted by document, the
 * first of them whose bounds together pass the bar is the pivot; no document before it
 * can pass.
 *
 * The result is exact, ties included: what has the same score as the worst kept is
 * looked at, and the lesser TID wins.
 */
#include "postgres.h"
#include "compat.h"

#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_query.h"
#include "hybrid/bm25_segment.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Bounds are sums in another order than scores: allow for rounding. */
#define SLACK	(1.0 + 1e-9)

/* The k best so far: a heap, the worst first. */
typedef struct Best
{
	VsBm25Hit  *hits;
	int64		n;
	int64		k;
	int64		size;
	const VsBm25Hit *after;
	const VsBm25Wanted *wanted;
} Best;

/* Whether a comes before b in the result. */
static inline bool
is_better(const VsBm25Hit *a, const VsBm25Hit *b)
{
	if (a->score != b->score)
		return a->score > b->score;
	return ItemPointerCompare((ItemPointer) &a->tid, (ItemPointer) &b->tid) < 0;
}

/* The least score that may still be among the best. */
static inline double
bar(const Best *best)
{
	return best->n < best->k ? 0 : best->hits[0].score;
}

static void
sift_down(Best *best, VsBm25Hit hit)
{
	int64		i = 0;

	for (;;)
	{
		int64		child = 2 * i + 1;

		if (child >= best->n)
			break;
		if (child + 1 < best->n && is_better(&best->hits[child], &best->hits[child + 1]))
			child++;
		if (!is_better(&hit, &best->hits[child]))
			break;
		best->hits[i] = best->hits[child];
		i = child;
	}
	best->hits[i] = hit;
}

static void
offer(Best *best, VsBm25Hit hit)
{
	int64		i;

	if ((best->after && !is_better(best->after, &hit)) ||
		(best->n == best->k && !is_better(&hit, &best->hits[0])) ||
		(best->wanted && !best->wanted->is_wanted(best->wanted->state, &hit.tid)))
		return;
	if (best->n == best->k)
	{
		sift_down(best, hit);
		return;
	}
	if (best->n == best->size)
	{
		best->size *= 2;
		best->hits = repalloc_huge(best->hits, best->size * sizeof(VsBm25Hit));
	}
	for (i = best->n++; i > 0; i = (i - 1) / 2)
	{
		if (!is_better(&best->hits[(i - 1) / 2], &hit))
			break;
		best->hits[i] = best->hits[(i - 1) / 2];
	}
	best->hits[i] = hit;
}

/* ---- one segment ---- */

/* A term's way through the segment's documents. */
typedef struct Walk
{
	VsBm25Cursor cursor;
	VsBm25Reader reader;
	int			term;
	uint32		doc;			/* the present one */
	double		bound;			/* of all its blocks */
} Walk;

static inline double
block_bound(const VsBm25Query *query, int term, const VsBm25Skip *skip)
{
	return vs_bm25_term_score(query, term, skip->max_tf, skip->min_length);
}

/* Begin the walks of the terms that the segment has; returns how many. */
static int
begin_walks(Relation rel, const VsBm25Query *query, const VsBm25Segment *segment, Walk **walks,
			bool *stale)
{
	int			n = 0;
	VsBm25Reader dictionary;
	VsBm25Entry entry;

	vs_bm25_reader_init(&dictionary, rel, &segment->extent, stale);
	for (int i = 0; i < query->n; i++)
	{
		Walk	   *walk;

		if (!vs_bm25_lookup(&dictionary, segment, query->terms[i].term, query->terms[i].length, &entry))
			continue;
		walk = palloc(sizeof(Walk));
		vs_bm25_reader_init(&walk->reader, rel, &segment->extent, stale);
		vs_bm25_cursor_init(&walk->cursor, &walk->reader, segment, &entry);
		walk->term = i;
		walk->bound = 0;
		for (uint32 j = 0; j < walk->cursor.nblocks; j++)
			walk->bound = Max(walk->bound, block_bound(query, i, &walk->cursor.skips[j]));
		walk->doc = vs_bm25_cursor_seek(&walk->cursor, 0);
		walks[n++] = walk;
	}
	vs_bm25_reader_end(&dictionary);
	return n;
}

static void
end_walks(Walk **walks, int n)
{
	for (int i = 0; i < n; i++)
	{
		vs_bm25_cursor_end(&walks[i]->cursor);
		vs_bm25_reader_end(&walks[i]->reader);
		pfree(walks[i]);
	}
}

/* Sort by document; ties by term, in which order scores add up. */
static void
sort_walks(Walk **walks, int n)
{
	for (int i = 1; i < n; i++)
	{
		Walk	   *walk = walks[i];
		int			j = i;

		while (j > 0 && (walks[j - 1]->doc > walk->doc ||
						 (walks[j - 1]->doc == walk->doc && walks[j - 1]->term > walk->term)))
		{
			walks[j] = walks[j - 1];
			j--;
		}
		walks[j] = walk;
	}
}

/* The last of the walks that together may pass the bar; -1 if none can any more. */
static int
find_pivot(Walk **walks, int n, double threshold)
{
	double		sum = 0;

	for (int i = 0; i < n && walks[i]->doc != VS_BM25_NO_DOC; i++)
	{
		sum += walks[i]->bound;
		if (sum * SLACK >= threshold)
		{
			while (i + 1 < n && walks[i + 1]->doc == walks[i]->doc)
				i++;
			return i;
		}
	}
	return -1;
}

/*
 * The bound of the pivot's document by the blocks it may stand in; *next becomes the
 * first document behind which a bound may be larger.
 */
static double
pivot_bound(const VsBm25Query *query, Walk **walks, int pivot, int n, uint32 *next)
{
	uint32		doc = walks[pivot]->doc;
	double		sum = 0;

	*next = pivot + 1 < n ? walks[pivot + 1]->doc : VS_BM25_NO_DOC;
	for (int i = 0; i <= pivot; i++)
	{
		VsBm25Cursor *cursor = &walks[i]->cursor;

		if (!vs_bm25_cursor_shallow(cursor, doc))
			continue;
		sum += block_bound(query, walks[i]->term, &cursor->skips[cursor->block]);
		*next = Min(*next, cursor->skips[cursor->block].last + 1);
	}
	return sum;
}

/* Of a single term: pass over blocks below the bar without reading them. */
static uint32
skip_blocks(const VsBm25Query *query, Walk *walk, uint32 doc, double threshold)
{
	while (vs_bm25_cursor_shallow(&walk->cursor, doc))
	{
		const VsBm25Skip *skip = &walk->cursor.skips[walk->cursor.block];

		if (block_bound(query, walk->term, skip) * SLACK >= threshold)
			return doc;
		doc = skip->last + 1;
	}
	return VS_BM25_NO_DOC;
}

/* Score the document that the first walks, up to the pivot, stand at. */
static double
score_pivot(const VsBm25Query *query, Walk **walks, int pivot)
{
	double		score = 0;

	for (int i = 0; i <= pivot; i++)
	{
		uint32		tf;
		uint8		length;

		vs_bm25_cursor_posting(&walks[i]->cursor, &tf, &length);
		score += vs_bm25_term_score(query, walks[i]->term, tf, length);
	}
	return score;
}

/* Move walks before the pivot's end to a document or behind it. */
static void
move_walks(Walk **walks, int pivot, uint32 doc)
{
	for (int i = 0; i <= pivot; i++)
		if (walks[i]->doc < doc)
			walks[i]->doc = doc == VS_BM25_NO_DOC ? doc : vs_bm25_cursor_seek(&walks[i]->cursor, doc);
}

static void
search_segment(Relation rel, const VsBm25Query *query, const VsBm25Segment *segment, Best *best,
			   bool *stale)
{
	Walk	  **walks = palloc(Max(query->n, 1) * sizeof(Walk *));
	int			n = begin_walks(rel, query, segment, walks, stale);
	VsBm25Reader rows;
	uint32		steps = 0;

	vs_bm25_reader_init(&rows, rel, &segment->extent, stale);
	while (!*stale)
	{
		double		threshold = bar(best);
		uint32		doc;
		uint32		next;
		int			pivot;

		if (++steps % 1024 == 0)
			CHECK_FOR_INTERRUPTS();
		sort_walks(walks, n);
		pivot = find_pivot(walks, n, threshold);
		if (pivot < 0)
			break;
		doc = walks[pivot]->doc;
		if (pivot_bound(query, walks, pivot, n, &next) * SLACK < threshold)
		{
			if (n == 1)
				next = skip_blocks(query, walks[0], next, threshold);
			move_walks(walks, pivot, next);
		}
		else if (walks[0]->doc < doc)
			move_walks(walks, pivot, doc);
		else
		{
			VsBm25Hit	hit = {.score = score_pivot(query, walks, pivot)};

			if (hit.score >= threshold && hit.score > 0 && doc < segment->ndocs)
			{
				vs_bm25_read_tids(&rows, doc, 1, &hit.tid);
				if (!*stale)
					offer(best, hit);
			}
			move_walks(walks, pivot, doc + 1);
		}
	}
	vs_bm25_reader_end(&rows);
	end_walks(walks, n);
	pfree(walks);
}

/* ---- pending rows ---- */

static void
search_pending(Relation rel, const VsBm25Query *query, const VsBm25Meta *meta, Best *best,
			   bool *stale)
{
	VsBm25Pending pending;
	VsBm25Document document;

	vs_bm25_pending_begin(&pending, rel, meta, stale);
	while (vs_bm25_pending_next(&pending, &document))
	{
		VsBm25Hit	hit = {vs_bm25_score_document(query, &document), document.tid};

		if (hit.score > 0)
			offer(best, hit);
	}
	vs_bm25_pending_end(&pending);
}

/* ---- all ---- */

int64
vs_bm25_top(Relation rel, const VsBm25Query *query, const VsBm25Wanted *wanted,
			const VsBm25Hit *after, int64 k, VsBm25Hit **hits)
{
	Best		best = {.k = k,.after = after,.wanted = wanted,.size = 64};
	int64		n;

	best.hits = palloc(best.size * sizeof(VsBm25Hit));
	for (;;)
	{
		bool		stale = false;
		VsBm25Meta	meta;

		best.n = 0;
		vs_bm25_meta_read(rel, &meta);
		search_pending(rel, query, &meta, &best, &stale);
		for (int i = 0; i < meta.nsegments && !stale; i++)
			search_segment(rel, query, &meta.segments[i], &best, &stale);
		if (!stale)
			break;
		vs_bm25_check_changed(rel, &meta);
	}

	/* The worst comes out first. */
	n = best.n;
	while (best.n > 1)
	{
		VsBm25Hit	worst = best.hits[0];

		best.n--;
		sift_down(&best, best.hits[best.n]);
		best.hits[best.n] = worst;
	}
	*hits = best.hits;
	return n;
}

static int
compare_hits_by_tid(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) &((const VsBm25Hit *) a)->tid,
							  (ItemPointer) &((const VsBm25Hit *) b)->tid);
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

/* A list of TIDs that grows. */
typedef struct Tids
{
	ItemPointerData *tids;
	int64		n;
	int64		size;
} Tids;

/* Room for so many more; returns where they go. */
static ItemPointerData *
add_tids(Tids *list, int64 n)
{
	if (list->n + n > list->size)
	{
		list->size = Max(list->size * 2, list->n + n + 64);
		list->tids = list->tids ? repalloc_huge(list->tids, list->size * sizeof(ItemPointerData)) :
			MemoryContextAllocHuge(CurrentMemoryContext, list->size * sizeof(ItemPointerData));
	}
	list->n += n;
	return list->tids + list->n - n;
}

/* Those of one segment are in order already. */
static void
sort_tids(Tids *list)
{
	for (int64 i = 1; i < list->n; i++)
		if (compare_tids(&list->tids[i - 1], &list->tids[i]) > 0)
		{
			qsort(list->tids, list->n, sizeof(ItemPointerData), compare_tids);
			break;
		}
}

/* All rows of the index. */
static void
read_all(Relation rel, const VsBm25Meta *meta, Tids *rows, Tids *nulls, bool *stale)
{
	VsBm25Pending pending;
	VsBm25Document document;

	for (int i = 0; i < meta->nsegments && !*stale; i++)
	{
		const VsBm25Segment *segment = &meta->segments[i];
		VsBm25Reader reader;

		CHECK_FOR_INTERRUPTS();
		vs_bm25_reader_init(&reader, rel, &segment->extent, stale);
		vs_bm25_read_tids(&reader, 0, segment->ndocs, add_tids(rows, segment->ndocs));
		vs_bm25_read_tids(&reader, segment->ndocs, segment->nnulls, add_tids(nulls, segment->nnulls));
		vs_bm25_reader_end(&reader);
	}
	vs_bm25_pending_begin(&pending, rel, meta, stale);
	while (vs_bm25_pending_next(&pending, &document))
		*add_tids(document.null ? nulls : rows, 1) = document.tid;
	vs_bm25_pending_end(&pending);
}

void
vs_bm25_rest(Relation rel, const VsBm25Query *query, ItemPointerData **tids, int64 *n,
			 ItemPointerData **nulls, int64 *nnulls)
{
	Tids		all = {0};
	Tids		null_rows = {0};
	VsBm25Hit  *hits;
	int64		nhits = vs_bm25_top(rel, query, NULL, NULL, PG_INT64_MAX, &hits);
	int64		hit = 0;
	int64		left = 0;

	qsort(hits, nhits, sizeof(VsBm25Hit), compare_hits_by_tid);
	for (;;)
	{
		bool		stale = false;
		VsBm25Meta	meta;

		all.n = null_rows.n = 0;
		vs_bm25_meta_read(rel, &meta);
		read_all(rel, &meta, &all, &null_rows, &stale);
		if (!stale)
			break;
		vs_bm25_check_changed(rel, &meta);
	}
	sort_tids(&all);
	sort_tids(&null_rows);
	for (int64 i = 0; i < all.n; i++)
	{
		while (hit < nhits && ItemPointerCompare(&hits[hit].tid, &all.tids[i]) < 0)
			hit++;
		if (hit == nhits || !ItemPointerEquals(&hits[hit].tid, &all.tids[i]))
			all.tids[left++] = all.tids[i];
	}
	pfree(hits);
	*tids = all.tids;
	*n = left;
	*nulls = null_rows.tids;
	*nnulls = null_rows.n;
}
