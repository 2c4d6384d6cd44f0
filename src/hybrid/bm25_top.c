/*
 * bm25_top.c
 *		The best documents of an index.
 *
 * Pending rows first, then segments one after the other; what is found raises the bar for
 * what comes.  In a segment, windows of documents one after the other, by block-max
 * MaxScore (H. Turtle, J. Flood, "Query evaluation: strategies and optimizations",
 * Information Processing and Management 31, 1995; S. Ding, T. Suel, SIGIR 2011): from
 * the bounds of the blocks that reach into the window follows how much each term can
 * add there.  The terms whose bounds together stay below the bar are not worth a look
 * by themselves; the postings of the others, the essential ones, are added up, and only
 * for the documents that may pass the bar the rest is looked up, one term after the
 * other: the documents among its postings, or, where those are few, the postings among
 * the documents.
 *
 * The result is exact, ties included: scores are integers, whose sums and bounds know no
 * rounding, and of the same score the lesser TID wins.  Among documents of a segment that
 * have the same length this is the order of documents, and those of another length seldom
 * have the same score: so TIDs are read only to compare with these and with other segments,
 * and at the end.
 */
#include "postgres.h"
#include "compat.h"

#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_query.h"
#include "hybrid/bm25_segment.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/*
 * Documents of a window at most; and, unless there is but one term, at least, or for each term
 * where a length ends: to begin a window costs some time for each of them.
 */
#define WINDOW		32768
#define NARROW		256

/*
 * Postings of all terms in a window, about: in the first one and, as each is twice as wide as
 * the one before, later.  Until k documents are found all are candidates.
 */
#define FIRST_POSTINGS	64
#define POSTINGS		2048

/* To seek a posting takes so many times as long as to pass by one. */
#define SEEK		16

/* Scores of frequencies up to this are computed once for each length. */
#define KNOWN_TFS	2

/* ---- the best so far ---- */

/* Where a document was found. */
#define PENDING		(-1)

typedef struct Found
{
	int64		score;
	int			segment;		/* or PENDING */
	uint32		doc;
	uint8		length;			/* unless PENDING */
	bool		has_tid;
	ItemPointerData tid;
} Found;

/* The k best: a heap, the worst first. */
typedef struct Best
{
	Found	   *found;
	int64		n;
	int64		k;
	int64		size;
	const VsBm25Hit *after;		/* those before are not wanted, nor itself */
	const VsBm25Wanted *wanted;
	VsBm25Reader *rows;			/* of each segment */
} Best;

static const ItemPointerData *
get_tid(Best *best, Found *found)
{
	if (!found->has_tid)
		vs_bm25_read_tids(&best->rows[found->segment], found->doc, 1, &found->tid);
	found->has_tid = true;
	return &found->tid;
}

/* Whether a comes before b in the result. */
static bool
is_better(Best *best, Found *a, Found *b)
{
	if (a->score != b->score)
		return a->score > b->score;
	if (a->segment == b->segment && a->segment != PENDING && a->length == b->length)
		return a->doc < b->doc;
	return ItemPointerCompare((ItemPointer) get_tid(best, a), (ItemPointer) get_tid(best, b)) < 0;
}

/* Whether it comes behind the batches before. */
static bool
is_wanted(Best *best, Found *found)
{
	const VsBm25Hit *after = best->after;

	if (after == NULL || found->score < after->score)
		return true;
	return found->score == after->score &&
		ItemPointerCompare((ItemPointer) get_tid(best, found), (ItemPointer) &after->tid) > 0;
}

/* The least score that one more document must have to be among the best. */
static inline int64
lowest_score(const Best *best)
{
	return best->n < best->k ? 1 : best->found[0].score;
}

static void
sift_down(Best *best, Found found)
{
	int64		i = 0;

	for (;;)
	{
		int64		child = 2 * i + 1;

		if (child >= best->n)
			break;
		if (child + 1 < best->n && is_better(best, &best->found[child], &best->found[child + 1]))
			child++;
		if (!is_better(best, &found, &best->found[child]))
			break;
		best->found[i] = best->found[child];
		i = child;
	}
	best->found[i] = found;
}

static void
offer(Best *best, Found found)
{
	int64		i;

	if (!is_wanted(best, &found) ||
		(best->n == best->k && !is_better(best, &found, &best->found[0])) ||
		(best->wanted && !best->wanted->is_wanted(best->wanted->state, get_tid(best, &found))))
		return;
	if (best->n == best->k)
	{
		sift_down(best, found);
		return;
	}
	if (best->n == best->size)
	{
		best->size *= 2;
		best->found = repalloc_huge(best->found, best->size * sizeof(Found));
	}
	for (i = best->n++; i > 0; i = (i - 1) / 2)
	{
		if (!is_better(best, &best->found[(i - 1) / 2], &found))
			break;
		best->found[i] = best->found[(i - 1) / 2];
	}
	best->found[i] = found;
}

/* ---- one segment ---- */

/* A term's way through the segment's documents. */
typedef struct Walk
{
	VsBm25Cursor cursor;
	VsBm25Reader reader;
	int			term;
	int64		bound;			/* in the window */
	uint32		bounded;		/* the block whose bound is known */
	int64		block_bound;
	int64		known[KNOWN_TFS][VS_BM25_LENGTHS];	/* scores by tf - 1, length; 0: not yet */
} Walk;

/* A search of a segment. */
typedef struct Search
{
	const VsBm25Query *query;
	const VsBm25Segment *segment;
	VsBm25Lengths lengths;
	int			number;
	Best	   *best;
	bool	   *stale;
	Walk	  **walks;			/* in a window by their bounds, the least first */
	int			n;
	int64	   *below;			/* sums of the bounds of the first so many */
	uint32		start;			/* of the window, and where it ends */
	uint32		end;
	uint32		width;			/* of the next window at most, and of any */
	uint32		widest;
	uint8		start_length;	/* of the document at the window's start */
	uint8		length;			/* of the document found last */
	uint32		ties_end;		/* documents before it of this score are worse than the worst one */
	int64		ties_score;
	int			ncandidates;
} Search;

/*
 * The documents of the window, by their places in it.  Not of each search its own: to get
 * so much memory from the system and give it back takes longer than many a search.  No
 * search runs within another one.
 */
static int64 sums[WINDOW];		/* 0: not met, or no candidate */
static uint16 candidates[WINDOW + 1];	/* those that may pass the bar, and the next one */
static bool window_is_clear = true; /* unless a search ended in an error */

static void
clear_window(void)
{
	if (!window_is_clear)
		memset(sums, 0, sizeof(sums));
	window_is_clear = false;
}

/*
 * The least score that a document of the window must have.  If all have the length of the
 * worst one found, which stands before them, what has its score is worse: its TID is greater.
 */
static inline int64
bar(const Search *search)
{
	const Best *best = search->best;
	const Found *worst = best->found;

	return lowest_score(best) +
		(best->n == best->k && ((search->end <= search->ties_end && worst->score == search->ties_score) ||
								(worst->segment == search->number &&
								 search->end <= search->lengths.ends[worst->length])));
}

static inline int64
posting_score(const Search *search, Walk *walk, uint32 tf, uint8 length)
{
	int64	   *known;

	if (tf > KNOWN_TFS)
		return vs_bm25_term_score(search->query, walk->term, tf, length);
	known = &walk->known[tf - 1][length];
	if (*known == 0)
		*known = vs_bm25_term_score(search->query, walk->term, tf, length);
	return *known;
}

/* What the dictionary says of a term; false if the segment lacks it. */
static bool
find_term(Search *search, VsBm25Reader *dictionary, const VsBm25TermsOf *found, int i, VsBm25Entry *entry)
{
	const VsBm25QueryTerm *term = &search->query->terms[i];

	if (found == NULL)
		return vs_bm25_lookup(dictionary, search->segment, term->term, term->length, entry);
	entry->df = found->terms[i].df;
	entry->place = found->terms[i].place;
	return entry->df > 0;
}

/* Begin the walks of the terms that the segment has. */
static void
begin_walks(Search *search, Relation rel)
{
	const VsBm25Extent *extent = &search->segment->extent;
	const VsBm25TermsOf *found = NULL;
	VsBm25Reader dictionary;
	VsBm25Entry entry;

	if (search->query->index == RelationGetRelid(rel))
		for (found = search->query->found; found && found->generation != extent->generation;)
			found = found->next;
	vs_bm25_reader_init(&dictionary, rel, extent, search->stale);
	for (int i = 0; i < search->query->n; i++)
	{
		Walk	   *walk;

		if (!find_term(search, &dictionary, found, i, &entry))
			continue;
		if (search->n == 0)
			vs_bm25_read_lengths(&dictionary, search->segment, &search->lengths);
		walk = search->walks[search->n++] = palloc0(sizeof(Walk));
		walk->term = i;
		walk->bounded = VS_BM25_NO_DOC;
		vs_bm25_reader_init(&walk->reader, rel, extent, search->stale);
		vs_bm25_cursor_init(&walk->cursor, &walk->reader, search->segment, &search->lengths, &entry);
	}
	vs_bm25_reader_end(&dictionary);
}

static void
end_walk(Walk *walk)
{
	vs_bm25_cursor_end(&walk->cursor);
	vs_bm25_reader_end(&walk->reader);
	pfree(walk);
}

/* Move all walks to the first document that may have a term; false if there is none. */
static bool
next_start(Search *search)
{
	uint32		start = VS_BM25_NO_DOC;

	for (int i = 0; i < search->n;)
	{
		Walk	   *walk = search->walks[i];
		const VsBm25Cursor *cursor = &walk->cursor;
		uint32		first;

		if (!vs_bm25_cursor_shallow(&walk->cursor, search->start))
		{
			end_walk(walk);
			search->walks[i] = search->walks[--search->n];
			continue;
		}
		if (cursor->n > 0 && cursor->at < cursor->n)
			first = cursor->docs[cursor->at];
		else
			first = cursor->block > 0 ? cursor->skips[cursor->block - 1].last + 1 : 0;
		start = Min(start, Max(first, search->start));
		i++;
	}
	search->start = start;
	return start < search->segment->ndocs;
}

/* How wide is a window that has so many postings? */
static uint32
width_of(const Search *search, uint64 postings)
{
	uint64		df = 1;

	for (int i = 0; i < search->n; i++)
		df += search->walks[i]->cursor.df;
	return Max(Min(postings * search->segment->ndocs / df, WINDOW), NARROW);
}

/*
 * End the window where the only term's block ends.  That of several terms ends where a length
 * does, as bounds are tight within one, unless it were too narrow.
 */
static void
choose_end(Search *search)
{
	uint32		length_end;

	if (search->n == 1)
	{
		const VsBm25Cursor *cursor = &search->walks[0]->cursor;

		search->end = cursor->skips[cursor->block].last + 1;
		return;
	}
	search->start_length = vs_bm25_next_length(&search->lengths, search->start, search->start_length);
	length_end = Max(search->lengths.ends[search->start_length], search->start + NARROW * search->n);
	search->end = Min(Min(length_end, search->start + search->width), search->segment->ndocs);
	search->width = Min(2 * search->width, search->widest);
}

/* What a term can add in one of its blocks. */
static int64
bound_block(const Search *search, Walk *walk, uint32 block)
{
	const VsBm25Bound *bound = &walk->cursor.skips[block].bound;
	uint32		tf = bound->max_tf;

	if (walk->bounded == block)
		return walk->block_bound;
	walk->bounded = block;
	walk->block_bound = 0;
	for (int i = Min(tf, VS_BM25_BOUNDS); i > 0; i--)
	{
		int64		score = posting_score(search, walk, tf == 255 ? VS_BM25_MAX_TF : tf, bound->min_lengths[i - 1]);

		walk->block_bound = Max(walk->block_bound, score);
		tf = i - 1;
	}
	return walk->block_bound;
}

/* What a term can add in the window. */
static int64
bound_walk(const Search *search, Walk *walk)
{
	const VsBm25Cursor *cursor = &walk->cursor;
	int64		bound = 0;

	if (cursor->n > 0 && cursor->at < cursor->n && cursor->docs[cursor->at] >= search->end)
		return 0;
	for (uint32 block = cursor->block; block < cursor->nblocks; block++)
	{
		if (block > cursor->block && cursor->skips[block - 1].last + 1 >= search->end)
			break;
		bound = Max(bound, bound_block(search, walk, block));
	}
	return bound;
}

/* Bound all terms and sort them; returns the bound of them together. */
static int64
bound_window(Search *search)
{
	Walk	  **walks = search->walks;

	for (int i = 0; i < search->n; i++)
	{
		Walk	   *walk = walks[i];
		int			j = i;

		walk->bound = bound_walk(search, walk);
		for (; j > 0 && walks[j - 1]->bound > walk->bound; j--)
			walks[j] = walks[j - 1];
		walks[j] = walk;
	}
	search->below[0] = 0;
	for (int i = 0; i < search->n; i++)
		search->below[i + 1] = search->below[i] + walks[i]->bound;
	return search->below[search->n];
}

/* Postings of a term in the window, as many as stand side by side in a block. */
typedef struct Stretch
{
	int			first;			/* their places in the block, and where they end */
	int			end;
	uint32		next;			/* where to go on; at first the window's start */
	int64		least;			/* what a block must add to be worth a look */
} Stretch;

/* The next stretch; false if the window has no more. */
static bool
next_stretch(const Search *search, Walk *walk, Stretch *stretch)
{
	VsBm25Cursor *cursor = &walk->cursor;

	while (vs_bm25_cursor_shallow(cursor, stretch->next) &&
		   bound_block(search, walk, cursor->block) < stretch->least)
	{
		stretch->next = cursor->skips[cursor->block].last + 1;
		if (stretch->next >= search->end)
			return false;
	}
	if (vs_bm25_cursor_seek(cursor, stretch->next) >= search->end)
		return false;
	stretch->first = cursor->at;
	vs_bm25_cursor_pass(cursor, search->end);
	stretch->end = cursor->at;
	stretch->next = cursor->docs[stretch->end - 1] + 1;
	return true;
}

/* Documents are offered in order. */
static inline void
offer_document(Search *search, uint32 doc, int64 score)
{
	search->length = vs_bm25_next_length(&search->lengths, doc, search->length);
	if (!*search->stale)
		offer(search->best, (Found) {.score = score,.segment = search->number,.doc = doc,.length = search->length});
}

/* The window's documents by the only term. */
static void
search_one(Search *search)
{
	Walk	   *walk = search->walks[0];
	const VsBm25Cursor *cursor = &walk->cursor;
	Stretch		stretch = {.next = search->start};
	int64		least = bar(search);

	while (next_stretch(search, walk, &stretch))
	{
		vs_bm25_cursor_unpack(&walk->cursor);
		for (int i = stretch.first; i < stretch.end; i++)
		{
			int64		score = posting_score(search, walk, cursor->tfs[i], cursor->lengths[i]);

			if (score < least)
				continue;
			offer_document(search, cursor->docs[i], score);
			least = bar(search);
		}
	}
}

/* What a document must have so far, if the first terms are still to come. */
static inline int64
enough(const Search *search, int rest)
{
	return bar(search) - search->below[rest];
}

/* What a block must add, that its documents may pass the bar by it and the other terms. */
static inline int64
enough_of_block(const Search *search, const Walk *walk)
{
	return bar(search) - (search->below[search->n] - walk->bound);
}

/*
 * Add an essential term's postings in the window to the sums.  Documents that it meets
 * first become candidates, without a branch: which do is as good as random.
 */
static void
add_up(Search *search, Walk *walk)
{
	const VsBm25Cursor *cursor = &walk->cursor;
	Stretch		stretch = {.next = search->start,.least = enough_of_block(search, walk)};
	int			n = search->ncandidates;

	while (next_stretch(search, walk, &stretch))
	{
		vs_bm25_cursor_unpack(&walk->cursor);
		for (int i = stretch.first; i < stretch.end; i++)
		{
			uint32		place = cursor->docs[i] - search->start;
			int64		sum = sums[place];

			candidates[n] = place;
			n += sum == 0;
			sums[place] = sum + posting_score(search, walk, cursor->tfs[i], cursor->lengths[i]);
		}
	}
	search->ncandidates = n;
}

/* The same of the only essential term: its documents that may pass the bar are the candidates. */
static void
take_candidates(Search *search, Walk *walk, int64 least)
{
	const VsBm25Cursor *cursor = &walk->cursor;
	Stretch		stretch = {.next = search->start,.least = least};
	int			n = 0;

	while (next_stretch(search, walk, &stretch))
	{
		vs_bm25_cursor_unpack(&walk->cursor);
		for (int i = stretch.first; i < stretch.end; i++)
		{
			uint32		place = cursor->docs[i] - search->start;
			int64		score = posting_score(search, walk, cursor->tfs[i], cursor->lengths[i]);

			candidates[n] = place;
			n += score >= least;
			sums[place] = score >= least ? score : 0;
		}
	}
	search->ncandidates = n;
}

/* Which candidates may still pass the bar?  The others are forgotten, without a branch. */
static void
keep_candidates(Search *search, int rest)
{
	int64		least = enough(search, rest);
	int			n = 0;

	for (int i = 0; i < search->ncandidates; i++)
	{
		uint16		place = candidates[i];
		int64		sum = sums[place];

		candidates[n] = place;
		n += sum >= least;
		sums[place] = sum >= least ? sum : 0;
	}
	search->ncandidates = n;
}

#define ST_SORT			sort_places
#define ST_ELEMENT_TYPE	uint16
#define ST_COMPARE(a, b)	((int) *(a) - (int) *(b))
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Add what the term has of a candidate, whose posting is at a place in the present block. */
static inline void
add_posting(Search *search, Walk *walk, int at)
{
	uint32		tf;
	uint8		length;

	vs_bm25_cursor_posting(&walk->cursor, at, &tf, &length);
	sums[walk->cursor.docs[at] - search->start] += posting_score(search, walk, tf, length);
}

/*
 * Look for each of the candidates among the term's postings, unless its block cannot
 * add enough.
 */
static void
seek_candidates(Search *search, Walk *walk, int rest)
{
	VsBm25Cursor *cursor = &walk->cursor;
	int64		least = enough(search, rest);

	for (int i = 0; i < search->ncandidates; i++)
	{
		uint16		place = candidates[i];
		uint32		doc = search->start + place;

		if (!vs_bm25_cursor_shallow(cursor, doc))
			break;
		if (sums[place] + bound_block(search, walk, cursor->block) >= least &&
			vs_bm25_cursor_seek(cursor, doc) == doc)
			add_posting(search, walk, cursor->at);
	}
}

/* Look for each of the term's postings among the candidates. */
static void
pass_postings(Search *search, Walk *walk)
{
	const uint32 *docs = walk->cursor.docs;
	Stretch		stretch = {.next = search->start};

	while (next_stretch(search, walk, &stretch))
		for (int i = stretch.first; i < stretch.end; i++)
		{
			uint32		place = docs[i] - search->start;

			if (sums[place] > 0)
				add_posting(search, walk, i);
		}
}

/* Add what a term has of the candidates; the first ones, so many, are still to come. */
static void
look_up(Search *search, Walk *walk, int rest)
{
	uint64		width = search->end - search->start;

	if (walk->cursor.df * width <= (uint64) search->ncandidates * SEEK * search->segment->ndocs)
		pass_postings(search, walk);
	else
	{
		sort_places(candidates, search->ncandidates);
		seek_candidates(search, walk, rest);
	}
}

/*
 * The window's documents by the terms behind the first ones; what may pass the bar is
 * looked up in the others, one term after the other, as long as it may.
 */
static void
search_several(Search *search, int rest)
{
	if (rest == search->n - 1)
		take_candidates(search, search->walks[rest], enough(search, rest));
	else
	{
		search->ncandidates = 0;
		for (int i = rest; i < search->n; i++)
			add_up(search, search->walks[i]);
		keep_candidates(search, rest);
	}
	while (rest > 0 && search->ncandidates > 0)
	{
		rest--;
		look_up(search, search->walks[rest], rest);
		keep_candidates(search, rest);
	}

	/* In order: the bar goes up by it. */
	sort_places(candidates, search->ncandidates);
	for (int i = 0; i < search->ncandidates; i++)
	{
		uint16		place = candidates[i];

		offer_document(search, search->start + place, sums[place]);
		sums[place] = 0;
	}
}

/*
 * Whether no document of the window can be better than the worst one found by its TID: all
 * have one length, so the first of them has the least.  That holds for the rest of that
 * length, too, as long as the worst one has this score: another one of it is less by TID.
 * (Where scores know no lengths, as b or k1 is 0, whole segments tie.)
 */
static bool
ties_are_worse(Search *search)
{
	Best	   *best = search->best;
	Found		first = {
		.score = lowest_score(best),
		.segment = search->number,
		.doc = search->start,
		.length = vs_bm25_length(&search->lengths, search->start, search->length)
	};
	uint32		end = search->lengths.ends[first.length];

	if (best->n < best->k || search->end > end || !is_better(best, &best->found[0], &first))
		return false;
	search->ties_end = end;
	search->ties_score = first.score;
	return true;
}

static void
search_window(Search *search)
{
	int64		threshold = bar(search);
	int64		bound = bound_window(search);
	int			rest = 0;

	if (bound < threshold || (bound == lowest_score(search->best) && ties_are_worse(search)))
		return;
	while (search->below[rest + 1] < threshold)
		rest++;
	if (search->n == 1)
		search_one(search);
	else
		search_several(search, rest);
}

/* ---- pending rows ---- */

static void
search_pending(Relation rel, const VsBm25Query *query, const VsBm25Meta *meta, Best *best,
			   bool *stale)
{
	VsBm25Pending pending;
	VsBm25Document document;

	vs_bm25_pending_begin(&pending, rel, meta, stale);
	for (int i = 0; i < query->n; i++)
		vs_bm25_pending_want(&pending, query->terms[i].term, query->terms[i].length);
	while (vs_bm25_pending_next(&pending, &document))
	{
		Found		found = {
			.score = vs_bm25_score_document(query, &document),
			.segment = PENDING,
			.has_tid = true,
			.tid = document.tid
		};

		if (found.score >= lowest_score(best))
			offer(best, found);
	}
	vs_bm25_pending_end(&pending);
}

/* ---- all ---- */

static void
search_segments(Relation rel, const VsBm25Query *query, const VsBm25Meta *meta, Best *best, bool *stale)
{
	int			n = query->n;
	Search		search = {.query = query,.best = best,.stale = stale};
	uint32		windows = 0;

	clear_window();
	search.walks = palloc(Max(n, 1) * sizeof(Walk *));
	search.below = palloc((n + 1) * sizeof(int64));
	for (int i = 0; i < meta->nsegments && !*stale; i++)
	{
		search.segment = &meta->segments[i];
		search.number = i;
		search.start = 0;
		search.length = 0;
		search.start_length = 0;
		search.ties_end = 0;
		search.n = 0;
		begin_walks(&search, rel);
		search.width = width_of(&search, FIRST_POSTINGS);
		search.widest = width_of(&search, POSTINGS);
		while (!*stale && next_start(&search))
		{
			if (++windows % 64 == 0)
				CHECK_FOR_INTERRUPTS();
			choose_end(&search);
			search_window(&search);
			search.start = search.end;
		}
		for (int j = 0; j < search.n; j++)
			end_walk(search.walks[j]);
	}
	pfree(search.walks);
	pfree(search.below);
	window_is_clear = true;
}

/* Sort what was found: the worst comes out first. */
static void
sort_found(Best *best, VsBm25Hit *hits)
{
	while (best->n > 0)
	{
		Found		worst = best->found[0];

		hits[best->n - 1] = (VsBm25Hit)
		{
			worst.score, *get_tid(best, &worst)
		};
		if (--best->n > 0)
			sift_down(best, best->found[best->n]);
	}
}

int64
vs_bm25_top(Relation rel, const VsBm25Query *query, const VsBm25Wanted *wanted,
			const VsBm25Hit *after, int64 k, VsBm25Hit **hits)
{
	VsBm25Reader rows[VS_BM25_MAX_SEGMENTS];
	VsBm25Look	look = {.rel = rel};
	int64		n = 0;

	while (vs_bm25_look(&look))
	{
		const VsBm25Meta *meta = &look.meta;
		Best		best = {.k = k,.after = after,.wanted = wanted,.size = 64,.rows = rows};

		best.found = palloc(best.size * sizeof(Found));
		for (int i = 0; i < meta->nsegments; i++)
			vs_bm25_reader_init(&rows[i], rel, &meta->segments[i].extent, &look.stale);
		search_pending(rel, query, meta, &best, &look.stale);
		search_segments(rel, query, meta, &best, &look.stale);
		n = best.n;
		*hits = MemoryContextAllocHuge(look.caller, Max(n, 1) * sizeof(VsBm25Hit));
		sort_found(&best, *hits);
		for (int i = 0; i < meta->nsegments; i++)
			vs_bm25_reader_end(&rows[i]);
		if (look.stale)
			pfree(*hits);
	}
	return n;
}
