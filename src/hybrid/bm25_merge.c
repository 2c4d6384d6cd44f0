/*
 * bm25_merge.c
 *		Making segments; see bm25_merge.h.
 *
 * A segment is written first and put into the metapage last, in the record that takes
 * out what it stands for: there is no moment at which a row is in both or in neither.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/vacuum.h"
#include "common/hashfn.h"
#include "hybrid/bm25.h"
#include "hybrid/bm25_merge.h"
#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_segment.h"
#include "hybrid/tsterms.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* So many segments of a size become one; a size is so many times the one below. */
#define TIER_SEGMENTS	8

/* ---- rows collected in memory ---- */

typedef struct TermKey
{
	const char *term;
	int			length;
} TermKey;

typedef struct CollectedTerm
{
	TermKey		key;
	uint32		hash;
	char		status;
	uint32		n;
	uint32		size;
	VsBm25Posting *postings;
} CollectedTerm;

static inline bool
same_term(TermKey a, TermKey b)
{
	return a.length == b.length && memcmp(a.term, b.term, a.length) == 0;
}

#define SH_PREFIX		terms
#define SH_ELEMENT_TYPE	CollectedTerm
#define SH_KEY_TYPE		TermKey
#define SH_KEY			key
#define SH_HASH_KEY(tb, k)	hash_bytes((const unsigned char *) (k).term, (k).length)
#define SH_EQUAL(tb, a, b)	same_term(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)	(a)->hash
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

struct VsBm25Collector
{
	MemoryContext context;
	terms_hash *terms;
	ItemPointerData *tids;		/* in the order of their coming */
	uint32		ndocs;
	uint32		size;
	ItemPointerData *nulls;
	uint32		nnulls;
	uint32		nulls_size;
	uint64		length;
	bool		sorted;			/* they came in order */
};

VsBm25Collector *
vs_bm25_collector_create(MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "vecstore_bm25 rows",
												  ALLOCSET_DEFAULT_SIZES);
	VsBm25Collector *collector = MemoryContextAllocZero(context, sizeof(VsBm25Collector));

	collector->context = context;
	collector->terms = terms_create(context, 1024, NULL);
	collector->sorted = true;
	return collector;
}

Size
vs_bm25_collector_bytes(const VsBm25Collector *collector)
{
	return MemoryContextMemAllocated(collector->context, true);
}

bool
vs_bm25_collector_is_empty(const VsBm25Collector *collector)
{
	return collector->ndocs + collector->nnulls == 0;
}

static void
append_tid(VsBm25Collector *collector, ItemPointerData **tids, uint32 *n, uint32 *size,
		   const ItemPointerData *tid)
{
	if (*n == *size)
	{
		*size = Max(64, *size * 2);
		*tids = *tids ? repalloc_huge(*tids, *size * sizeof(ItemPointerData)) :
			MemoryContextAllocHuge(collector->context, *size * sizeof(ItemPointerData));
	}
	(*tids)[(*n)++] = *tid;
}

static void
add_posting(VsBm25Collector *collector, const VsBm25Term *term, uint32 doc, uint8 length)
{
	TermKey		key = {term->term, term->length};
	bool		found;
	CollectedTerm *collected = terms_insert(collector->terms, key, &found);

	if (!found)
	{
		collected->key.term = memcpy(MemoryContextAlloc(collector->context, term->length),
									 term->term, term->length);
		collected->n = 0;
		collected->size = 2;
		collected->postings = MemoryContextAlloc(collector->context,
												 collected->size * sizeof(VsBm25Posting));
	}
	if (collected->n == collected->size)
	{
		collected->size *= 2;
		collected->postings = repalloc_huge(collected->postings,
											collected->size * sizeof(VsBm25Posting));
	}
	collected->postings[collected->n++] = (VsBm25Posting)
	{
		doc, Min(term->tf, VS_BM25_MAX_TF), length
	};
}

void
vs_bm25_collector_add(VsBm25Collector *collector, const VsBm25Document *document)
{
	uint8		length = vs_bm25_encode_length(document->length);
	ItemPointerData tid = document->tid;

	if (document->null)
	{
		append_tid(collector, &collector->nulls, &collector->nnulls, &collector->nulls_size, &tid);
		return;
	}
	if (collector->ndocs > 0 &&
		ItemPointerCompare(&collector->tids[collector->ndocs - 1], &tid) >= 0)
		collector->sorted = false;
	for (int i = 0; i < document->n; i++)
		add_posting(collector, &document->terms[i], collector->ndocs, length);
	append_tid(collector, &collector->tids, &collector->ndocs, &collector->size, &tid);
	collector->length += document->length;
}

static int
compare_collected(const void *a, const void *b)
{
	const CollectedTerm *x = *(CollectedTerm *const *) a;
	const CollectedTerm *y = *(CollectedTerm *const *) b;

	return vs_compare_lexemes(x->key.term, x->key.length, y->key.term, y->key.length);
}

static int
compare_postings(const void *a, const void *b)
{
	uint32		x = ((const VsBm25Posting *) a)->doc;
	uint32		y = ((const VsBm25Posting *) b)->doc;

	return x < y ? -1 : x > y;
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

/* A TID and where it came. */
typedef struct Place
{
	ItemPointerData tid;
	uint32		came;
} Place;

/*
 * Number documents in the order of their TIDs; returns the numbers by their coming.
 */
static uint32 *
number_documents(VsBm25Collector *collector)
{
	Place	   *places = MemoryContextAllocHuge(collector->context,
												collector->ndocs * sizeof(Place));
	uint32	   *numbers = MemoryContextAllocHuge(collector->context,
												 collector->ndocs * sizeof(uint32));

	for (uint32 i = 0; i < collector->ndocs; i++)
	{
		places[i].tid = collector->tids[i];
		places[i].came = i;
	}
	qsort(places, collector->ndocs, sizeof(Place), compare_tids);
	for (uint32 i = 0; i < collector->ndocs; i++)
	{
		collector->tids[i] = places[i].tid;
		numbers[places[i].came] = i;
	}
	pfree(places);
	return numbers;
}

VsBm25Segment
vs_bm25_collector_write(VsBm25Collector *collector, Relation rel, bool merging)
{
	MemoryContext old = MemoryContextSwitchTo(collector->context);
	uint32	   *numbers = collector->sorted ? NULL : number_documents(collector);
	CollectedTerm **sorted = MemoryContextAllocHuge(collector->context,
													Max(collector->terms->members, 1) * sizeof(CollectedTerm *));
	CollectedTerm *term;
	uint32		n = 0;
	terms_iterator iterator;
	VsBm25Writer *writer;
	VsBm25Segment segment;

	qsort(collector->nulls, collector->nnulls, sizeof(ItemPointerData), compare_tids);
	terms_start_iterate(collector->terms, &iterator);
	while ((term = terms_iterate(collector->terms, &iterator)) != NULL)
		sorted[n++] = term;
	qsort(sorted, n, sizeof(CollectedTerm *), compare_collected);

	writer = vs_bm25_writer_begin(collector->tids, collector->ndocs, collector->nulls,
								  collector->nnulls, collector->length);
	for (uint32 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (numbers)
		{
			for (uint32 j = 0; j < sorted[i]->n; j++)
				sorted[i]->postings[j].doc = numbers[sorted[i]->postings[j].doc];
			qsort(sorted[i]->postings, sorted[i]->n, sizeof(VsBm25Posting), compare_postings);
		}
		vs_bm25_writer_term(writer, sorted[i]->key.term, sorted[i]->key.length,
							sorted[i]->postings, sorted[i]->n);
	}
	segment = vs_bm25_writer_end(writer, rel, merging);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(collector->context);
	return segment;
}

/* ---- the list of segments ---- */

/*
 * Take the FLUSH lock with room for one more segment: who holds it alone adds some.
 */
static void
lock_for_flush(Relation rel)
{
	for (;;)
	{
		VsBm25Meta	meta;

		LockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
		vs_bm25_meta_read(rel, &meta);
		if (meta.nsegments < VS_BM25_MAX_SEGMENTS)
			return;
		UnlockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);

		LockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
		vs_bm25_merge_tiers(rel, 0);
		UnlockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
	}
}

/*
 * Publish a segment that stands in meta->flushing; the first npending pending extents
 * go, which are what it was made of.
 */
static void
publish(Relation rel, const VsBm25Segment *segment, uint32 npending)
{
	VsBm25MetaEdit edit;
	VsBm25Meta *meta = vs_bm25_meta_begin(rel, &edit);

	if (segment)
	{
		Assert(meta->nsegments < VS_BM25_MAX_SEGMENTS);
		meta->segments[meta->nsegments++] = *segment;
		memset(&meta->flushing, 0, sizeof(VsBm25Extent));
	}
	for (uint32 i = 0; i < npending; i++)
	{
		meta->pending[i].nblocks = VS_BM25_PENDING_BLOCKS;
		vs_bm25_extent_free(meta, &meta->pending[i]);
	}
	memmove(&meta->pending[0], &meta->pending[npending],
			(meta->npending - npending) * sizeof(VsBm25Extent));
	meta->npending -= npending;
	vs_bm25_meta_commit(&edit);
}

void
vs_bm25_add_collected(Relation rel, VsBm25Collector *collector)
{
	VsBm25Segment segment;

	lock_for_flush(rel);
	segment = vs_bm25_collector_write(collector, rel, false);
	publish(rel, &segment, 0);
	UnlockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
}

/*
 * Let rows that come from now on go into a new extent.  *copy becomes the metapage with
 * the extents that are complete now.
 */
static void
cut_pending(Relation rel, VsBm25Meta *copy)
{
	VsBm25MetaEdit edit;
	VsBm25Meta *meta;

	LockPage(rel, VS_BM25_APPEND_LOCK, ExclusiveLock);
	meta = vs_bm25_meta_begin(rel, &edit);
	if (meta->npending > 0 && VsBm25Tail(meta)->nblocks > 0)
		vs_bm25_pending_extend(meta);
	*copy = *meta;
	copy->npending = Max(meta->npending, 1) - 1;
	vs_bm25_meta_commit(&edit);
	UnlockPage(rel, VS_BM25_APPEND_LOCK, ExclusiveLock);
}

void
vs_bm25_flush(Relation rel)
{
	bool		stale = false;
	VsBm25Meta	meta;
	VsBm25Collector *collector;
	VsBm25Pending pending;
	VsBm25Document document;
	VsBm25Segment segment;
	bool		empty;

	lock_for_flush(rel);
	cut_pending(rel, &meta);
	if (meta.npending > 0)
	{
		collector = vs_bm25_collector_create(CurrentMemoryContext);
		vs_bm25_pending_begin(&pending, rel, &meta, &stale);
		while (vs_bm25_pending_next(&pending, &document))
			vs_bm25_collector_add(collector, &document);
		vs_bm25_pending_end(&pending);
		if (stale)
			vs_bm25_broken(rel, "Block %u is not of the pending extent that the metapage says.",
						   vs_bm25_stale_block());
		empty = vs_bm25_collector_is_empty(collector);
		if (empty)
			MemoryContextDelete(GetMemoryChunkContext(collector));
		else
			segment = vs_bm25_collector_write(collector, rel, false);
		publish(rel, empty ? NULL : &segment, meta.npending);
	}
	UnlockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
}

/* ---- merging ---- */

void
vs_bm25_check_segments(Relation rel, bool stale)
{
	if (stale)
		vs_bm25_broken(rel, "Block %u is not of the segment that the metapage says.",
					   vs_bm25_stale_block());
}

/* A segment that is merged. */
typedef struct Source
{
	VsBm25Segment segment;
	VsBm25Reader entries_reader;
	VsBm25Reader postings_reader;
	VsBm25Reader rows_reader;
	VsBm25Entries *entries;
	bool		more;
	uint32	   *numbers;		/* of its documents in the new segment */
} Source;

/* A row of one of the sources. */
typedef struct MergedRow
{
	ItemPointerData tid;
	uint16		source;
	uint32		doc;
} MergedRow;

/* Read the rows of a source, without the dead ones: TIDs and whence they are. */
static uint32
read_rows(Source *source, int number, uint32 from, uint32 n, IndexBulkDeleteCallback callback,
		  void *callback_state, MergedRow *rows)
{
	ItemPointerData tids[1024];
	uint32		left = 0;

	for (uint32 done = 0; done < n;)
	{
		uint32		part = Min(n - done, lengthof(tids));

		vs_vacuum_delay_point();
		vs_bm25_read_tids(&source->rows_reader, from + done, part, tids);
		for (uint32 i = 0; i < part; i++)
			if (callback == NULL || !callback(&tids[i], callback_state))
				rows[left++] = (MergedRow)
			{
				tids[i], number, done + i
			};
		done += part;
	}
	return left;
}

/* Rows of all sources in the order of their TIDs, in *tids; numbers them, if asked. */
static uint32
merge_rows(Source *sources, int n, bool nulls, IndexBulkDeleteCallback callback,
		   void *callback_state, ItemPointerData **tids)
{
	uint64		size = 1;
	uint32		nrows = 0;
	MergedRow  *rows;

	for (int i = 0; i < n; i++)
		size += nulls ? sources[i].segment.nnulls : sources[i].segment.ndocs;
	rows = MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(MergedRow));
	for (int i = 0; i < n; i++)
	{
		const VsBm25Segment *segment = &sources[i].segment;

		nrows += read_rows(&sources[i], i, nulls ? segment->ndocs : 0,
						   nulls ? segment->nnulls : segment->ndocs,
						   callback, callback_state, rows + nrows);
	}
	qsort(rows, nrows, sizeof(MergedRow), compare_tids);
	*tids = MemoryContextAllocHuge(CurrentMemoryContext, size * sizeof(ItemPointerData));
	for (uint32 i = 0; i < nrows; i++)
	{
		(*tids)[i] = rows[i].tid;
		if (!nulls)
			sources[rows[i].source].numbers[rows[i].doc] = i;
	}
	pfree(rows);
	return nrows;
}

/* Add a source's postings of its present term, renumbered, without dead rows. */
static uint32
read_postings(Source *source, VsBm25Posting **postings, uint32 n, uint32 *size)
{
	const VsBm25Entry *entry = &source->entries->entry;
	VsBm25Cursor *cursor = palloc(sizeof(VsBm25Cursor));

	if (n + entry->df > *size)
	{
		*size = Max(*size * 2, n + entry->df);
		*postings = repalloc_huge(*postings, *size * sizeof(VsBm25Posting));
	}
	vs_bm25_cursor_init(cursor, &source->postings_reader, &source->segment, entry);
	for (uint32 doc = vs_bm25_cursor_seek(cursor, 0); doc != VS_BM25_NO_DOC;
		 doc = vs_bm25_cursor_seek(cursor, doc + 1))
	{
		VsBm25Posting *posting = &(*postings)[n];

		if (doc >= source->segment.ndocs || source->numbers[doc] == VS_BM25_NO_DOC)
			continue;
		posting->doc = source->numbers[doc];
		vs_bm25_cursor_posting(cursor, &posting->tf, &posting->length);
		n++;
	}
	vs_bm25_cursor_end(cursor);
	pfree(cursor);
	return n;
}

/* The least term that a source has next; NULL if all are at their ends. */
static Source *
least_term(Source *sources, int n)
{
	Source	   *least = NULL;

	for (int i = 0; i < n; i++)
		if (sources[i].more &&
			(least == NULL ||
			 vs_compare_lexemes(sources[i].entries->entry.term, sources[i].entries->entry.length,
								   least->entries->entry.term, least->entries->entry.length) < 0))
			least = &sources[i];
	return least;
}

/* Merge the terms; returns how many terms all rows have together. */
static uint64
merge_terms(Source *sources, int n, VsBm25Writer *writer)
{
	uint32		size = 1024;
	VsBm25Posting *postings = palloc(size * sizeof(VsBm25Posting));
	uint64		length = 0;
	Source	   *least;

	while ((least = least_term(sources, n)) != NULL)
	{
		VsBm25Entry term = least->entries->entry;
		uint32		npostings = 0;

		vs_vacuum_delay_point();
		for (int i = 0; i < n; i++)
		{
			const VsBm25Entry *entry = &sources[i].entries->entry;

			if (!sources[i].more || entry->length != term.length ||
				memcmp(entry->term, term.term, term.length) != 0)
				continue;
			npostings = read_postings(&sources[i], &postings, npostings, &size);
			sources[i].more = vs_bm25_entries_next(sources[i].entries);
		}
		qsort(postings, npostings, sizeof(VsBm25Posting), compare_postings);
		for (uint32 i = 0; i < npostings; i++)
			length += postings[i].tf;
		if (npostings > 0)
			vs_bm25_writer_term(writer, term.term, term.length, postings, npostings);
	}
	pfree(postings);
	return length;
}

static void
begin_source(Source *source, Relation rel, const VsBm25Segment *segment, bool *stale)
{
	source->segment = *segment;
	vs_bm25_reader_init(&source->entries_reader, rel, &segment->extent, stale);
	vs_bm25_reader_init(&source->postings_reader, rel, &segment->extent, stale);
	vs_bm25_reader_init(&source->rows_reader, rel, &segment->extent, stale);
	source->entries = palloc(sizeof(VsBm25Entries));
	vs_bm25_entries_begin(source->entries, &source->entries_reader, segment);
	source->more = vs_bm25_entries_next(source->entries);
	source->numbers = MemoryContextAllocHuge(CurrentMemoryContext,
											 Max(segment->ndocs, 1) * sizeof(uint32));
	memset(source->numbers, 0xFF, segment->ndocs * sizeof(uint32));
}

static void
end_source(Source *source)
{
	vs_bm25_reader_end(&source->entries_reader);
	vs_bm25_reader_end(&source->postings_reader);
	vs_bm25_reader_end(&source->rows_reader);
}

/* Put the merged segment into the place of those it was made of. */
static void
replace_segments(Relation rel, const Source *sources, int n, const VsBm25Segment *merged)
{
	VsBm25MetaEdit edit;
	VsBm25Meta *meta = vs_bm25_meta_begin(rel, &edit);
	int			left = 0;

	for (int i = 0; i < meta->nsegments; i++)
	{
		bool		gone = false;

		for (int j = 0; j < n && !gone; j++)
			gone = meta->segments[i].extent.generation == sources[j].segment.extent.generation;
		if (gone)
			vs_bm25_extent_free(meta, &meta->segments[i].extent);
		else
			meta->segments[left++] = meta->segments[i];
	}
	if (merged)
	{
		meta->segments[left++] = *merged;
		memset(&meta->merging, 0, sizeof(VsBm25Extent));
	}
	meta->nsegments = left;
	vs_bm25_meta_commit(&edit);
}

void
vs_bm25_merge(Relation rel, const int *numbers, int n, IndexBulkDeleteCallback callback,
			  void *callback_state)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecstore_bm25 merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Source	   *sources = palloc(n * sizeof(Source));
	bool		stale = false;
	VsBm25Meta *meta = palloc(sizeof(VsBm25Meta));
	ItemPointerData *tids;
	ItemPointerData *nulls;
	uint32		ndocs;
	uint32		nnulls;
	VsBm25Writer *writer = NULL;
	VsBm25Segment merged;
	uint64		length = 0;

	vs_bm25_meta_read(rel, meta);
	for (int i = 0; i < n; i++)
		begin_source(&sources[i], rel, &meta->segments[numbers[i]], &stale);
	ndocs = merge_rows(sources, n, false, callback, callback_state, &tids);
	nnulls = merge_rows(sources, n, true, callback, callback_state, &nulls);

	/* Where no row is left there is nothing to write, nor temporary files to close. */
	if (ndocs + nnulls > 0)
	{
		writer = vs_bm25_writer_begin(tids, ndocs, nulls, nnulls, 0);
		length = merge_terms(sources, n, writer);
	}
	vs_bm25_check_segments(rel, stale);
	if (writer)
	{
		merged = vs_bm25_writer_end(writer, rel, true);
		merged.length = length;
	}
	for (int i = 0; i < n; i++)
		end_source(&sources[i]);
	replace_segments(rel, sources, n, writer ? &merged : NULL);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
}

/* Sort numbers of segments by size. */
static void
sort_by_size(const VsBm25Meta *meta, int *numbers)
{
	for (int i = 0; i < meta->nsegments; i++)
	{
		int			j = i;

		while (j > 0 && meta->segments[numbers[j - 1]].extent.nblocks >
			   meta->segments[i].extent.nblocks)
		{
			numbers[j] = numbers[j - 1];
			j--;
		}
		numbers[j] = i;
	}
}

/*
 * The first TIER_SEGMENTS in the order of size of which the largest is not larger than
 * TIER_SEGMENTS times the smallest; the smallest of all if the list is nearly full.
 */
static int
choose_tier(const VsBm25Meta *meta, const int *numbers, uint32 max_blocks)
{
	for (int i = 0; i + TIER_SEGMENTS <= meta->nsegments; i++)
	{
		uint32		smallest = meta->segments[numbers[i]].extent.nblocks;
		uint32		largest = meta->segments[numbers[i + TIER_SEGMENTS - 1]].extent.nblocks;
		uint32		sum = 0;

		for (int j = 0; j < TIER_SEGMENTS; j++)
			sum += meta->segments[numbers[i + j]].extent.nblocks;
		if (max_blocks > 0 && sum > max_blocks)
			break;
		if (largest <= smallest * TIER_SEGMENTS)
			return i;
	}
	return max_blocks == 0 && meta->nsegments > VS_BM25_MAX_SEGMENTS - TIER_SEGMENTS ? 0 : -1;
}

void
vs_bm25_merge_tiers(Relation rel, uint32 max_blocks)
{
	for (;;)
	{
		VsBm25Meta	meta;
		int			numbers[VS_BM25_MAX_SEGMENTS];
		int			first;

		vs_bm25_meta_read(rel, &meta);
		sort_by_size(&meta, numbers);
		first = choose_tier(&meta, numbers, max_blocks);
		if (first < 0)
			break;
		vs_bm25_merge(rel, numbers + first, TIER_SEGMENTS, NULL, NULL);
	}
}
