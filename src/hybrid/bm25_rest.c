/*
 * bm25_rest.c
 *		The rows of an index behind the last match, in the order of lengths and TIDs.
 *
 * A query with fewer matches than rows are wanted goes on with these, usually with a
 * few of them: so they are read in batches from where the last one ended, each with a
 * look at the metapage of its own.  Segments and the pending rows are sources in order,
 * which are merged.  This order is the same whatever segments there are, so the batches
 * fit together.
 */
#include "postgres.h"
#include "compat.h"

#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_query.h"
#include "hybrid/bm25_segment.h"
#include "miscadmin.h"

#define CHUNK	128

/* A term of the query in a segment. */
typedef struct Term
{
	VsBm25Reader reader;
	VsBm25Cursor cursor;
} Term;

/* Rows in order: of a segment, or of memory (no terms, nothing left). */
typedef struct Source
{
	VsBm25Reader reader;
	VsBm25Lengths *lengths;		/* NULL: all have the same */
	uint32		next;			/* the first row that is not in the chunk yet */
	uint32		end;
	Term	  **terms;			/* whose documents are passed over */
	int			nterms;
	uint8		length;			/* of the last row in the chunk */
	VsBm25Row  *rows;
	int			n;
	int			at;
} Source;

static int
compare_rows(const void *a, const void *b)
{
	const VsBm25Row *x = a;
	const VsBm25Row *y = b;

	if (x->length != y->length)
		return x->length < y->length ? -1 : 1;
	return ItemPointerCompare(unconstify(ItemPointerData *, &x->tid), unconstify(ItemPointerData *, &y->tid));
}

/* The first of the rows from begin to end, of one length, that stands behind a TID. */
static uint32
find_after(VsBm25Reader *reader, uint32 begin, uint32 end, const ItemPointerData *after)
{
	while (begin < end)
	{
		uint32		middle = begin + (end - begin) / 2;
		ItemPointerData tid;

		vs_bm25_read_tids(reader, middle, 1, &tid);
		if (ItemPointerCompare(&tid, (ItemPointer) after) > 0)
			end = middle;
		else
			begin = middle + 1;
	}
	return begin;
}

static void
begin_terms(Source *source, Relation rel, const VsBm25Query *query, const VsBm25Segment *segment,
			bool *stale)
{
	VsBm25Entry entry;

	source->terms = palloc(Max(query->n, 1) * sizeof(Term *));
	for (int i = 0; i < query->n; i++)
	{
		Term	   *term;

		if (!vs_bm25_lookup(&source->reader, segment, query->terms[i].term, query->terms[i].length, &entry))
			continue;
		term = source->terms[source->nterms++] = palloc(sizeof(Term));
		vs_bm25_reader_init(&term->reader, rel, &segment->extent, stale);
		vs_bm25_cursor_init(&term->cursor, &term->reader, segment, NULL, &entry);
	}
}

/* The rows of a segment with text but none of the query's terms, or without a query the NULLs. */
static void
begin_segment(Source *source, Relation rel, const VsBm25Query *query, const VsBm25Segment *segment,
			  const VsBm25Row *after, bool *stale)
{
	memset(source, 0, sizeof(Source));
	vs_bm25_reader_init(&source->reader, rel, &segment->extent, stale);
	source->next = query ? 0 : segment->ndocs;
	source->end = query ? segment->ndocs : segment->ndocs + segment->nnulls;
	source->rows = palloc(CHUNK * sizeof(VsBm25Row));
	if (query)
	{
		source->lengths = palloc(sizeof(VsBm25Lengths));
		vs_bm25_read_lengths(&source->reader, segment, source->lengths);
		begin_terms(source, rel, query, segment, stale);
	}
	if (after)
		source->next = find_after(&source->reader,
								  query ? vs_bm25_length_begin(source->lengths, after->length) : source->next,
								  query ? source->lengths->ends[after->length] : source->end, &after->tid);
}

static void
begin_pending(Source *source, Relation rel, const VsBm25Query *query, const VsBm25Meta *meta,
			  const VsBm25Row *after, bool *stale)
{
	VsBm25Pending pending;
	VsBm25Document document;
	int			size = CHUNK;

	memset(source, 0, sizeof(Source));
	source->rows = palloc(size * sizeof(VsBm25Row));
	vs_bm25_pending_begin(&pending, rel, meta, stale);
	for (int i = 0; query && i < query->n; i++)
		vs_bm25_pending_want(&pending, query->terms[i].term, query->terms[i].length);
	while (vs_bm25_pending_next(&pending, &document))
	{
		VsBm25Row	row = {.tid = document.tid,.length = vs_bm25_encode_length(document.length)};

		if (document.null != (query == NULL) ||
			(query && vs_bm25_score_document(query, &document) > 0) ||
			(after && compare_rows(&row, after) <= 0))
			continue;
		if (source->n == size)
			source->rows = repalloc_huge(source->rows, (size *= 2) * sizeof(VsBm25Row));
		source->rows[source->n++] = row;
	}
	vs_bm25_pending_end(&pending);
	qsort(source->rows, source->n, sizeof(VsBm25Row), compare_rows);
}

static void
end_source(Source *source)
{
	for (int i = 0; i < source->nterms; i++)
	{
		vs_bm25_cursor_end(&source->terms[i]->cursor);
		vs_bm25_reader_end(&source->terms[i]->reader);
	}
	if (source->reader.rel)
		vs_bm25_reader_end(&source->reader);
}

static bool
has_term(Source *source, uint32 doc)
{
	for (int i = 0; i < source->nterms; i++)
		if (vs_bm25_cursor_seek(&source->terms[i]->cursor, doc) == doc)
			return true;
	return false;
}

/* The source's present row, NULL at its end. */
static const VsBm25Row *
peek(Source *source)
{
	while (source->at == source->n && source->next < source->end)
	{
		ItemPointerData tids[CHUNK];
		uint32		first = source->next;
		int			n = Min(source->end - first, CHUNK);

		CHECK_FOR_INTERRUPTS();
		vs_bm25_read_tids(&source->reader, first, n, tids);
		source->next += n;
		source->n = source->at = 0;
		for (int i = 0; i < n; i++)
		{
			if (has_term(source, first + i))
				continue;
			if (source->lengths)
				source->length = vs_bm25_next_length(source->lengths, first + i, source->length);
			source->rows[source->n++] = (VsBm25Row)
			{
				tids[i], source->length
			};
		}
	}
	return source->at < source->n ? &source->rows[source->at] : NULL;
}

/* Take the first k rows of all sources. */
static int64
merge(Source *sources, int nsources, int64 k, VsBm25Row *rows, const bool *stale)
{
	int64		n = 0;

	while (n < k && !*stale)
	{
		const VsBm25Row *least = NULL;
		int			from = 0;

		for (int i = 0; i < nsources; i++)
		{
			const VsBm25Row *row = peek(&sources[i]);

			if (row && (least == NULL || compare_rows(row, least) < 0))
			{
				least = row;
				from = i;
			}
		}
		if (least == NULL)
			break;
		rows[n++] = *least;
		sources[from].at++;
	}
	return n;
}

/* The rest for a query, the NULLs without one. */
static int64
read_batch(Relation rel, const VsBm25Query *query, const VsBm25Row *after, int64 k, VsBm25Row *rows)
{
	Source		sources[VS_BM25_MAX_SEGMENTS + 1];
	VsBm25Look	look = {.rel = rel};
	int64		n = 0;

	while (vs_bm25_look(&look))
	{
		const VsBm25Meta *meta = &look.meta;

		begin_pending(&sources[0], rel, query, meta, after, &look.stale);
		for (int i = 0; i < meta->nsegments; i++)
			begin_segment(&sources[i + 1], rel, query, &meta->segments[i], after, &look.stale);
		n = merge(sources, meta->nsegments + 1, k, rows, &look.stale);
		for (int i = 0; i <= meta->nsegments; i++)
			end_source(&sources[i]);
	}
	return n;
}

int64
vs_bm25_rest(Relation rel, const VsBm25Query *query, const VsBm25Row *after, int64 k, VsBm25Row *rows)
{
	return read_batch(rel, query, after, k, rows);
}

int64
vs_bm25_nulls(Relation rel, const VsBm25Row *after, int64 k, VsBm25Row *rows)
{
	return read_batch(rel, NULL, after, k, rows);
}
