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
#include "hybrid/bm25_merge.h"
#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_segment.h"
#include "hybrid/tsterms.h"
#include "miscadmin.h"
#include "storage/lmgr.h"

/* So many segments of a size become one; a size is so many times the one below. */
#define TIER_SEGMENTS	8

/*
 * An insert merges at most so many blocks, 2 MB: 20 milliseconds, and some times that on
 * a busy machine.  What is larger is left to VACUUM, unless the list of segments is full.
 */
#define MERGE_BY_INSERT	256

/* A merge stays far below the rows that a segment can have. */
#define MAX_MERGED_ROWS	(UINT64CONST(1) << 31)

static void make_room(Relation rel);

/* ---- the list of segments ---- */

static BlockNumber
segment_lock(const VsBm25Segment *segment)
{
	return VS_BM25_SEGMENT_LOCKS + segment->extent.start;
}

static bool
is_listed(const VsBm25Meta *meta, const VsBm25Segment *segment)
{
	for (int i = 0; i < meta->nsegments; i++)
		if (meta->segments[i].extent.generation == segment->extent.generation)
			return true;
	return false;
}

bool
vs_bm25_lock_segment(Relation rel, const VsBm25Segment *segment)
{
	VsBm25Meta	meta;

	LockPage(rel, segment_lock(segment), ExclusiveLock);
	vs_bm25_meta_read(rel, &meta);
	if (is_listed(&meta, segment))
		return true;
	UnlockPage(rel, segment_lock(segment), ExclusiveLock);
	return false;
}

void
vs_bm25_unlock_segment(Relation rel, const VsBm25Segment *segment)
{
	UnlockPage(rel, segment_lock(segment), ExclusiveLock);
}

/* Take the FLUSH lock, and have room for one more segment: who holds it alone adds some. */
static void
lock_for_flush(Relation rel)
{
	LockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
	make_room(rel);
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
vs_bm25_add_written(Relation rel, VsBm25Writer *writer)
{
	VsBm25Segment segment;

	if (vs_bm25_writer_is_empty(writer))
	{
		vs_bm25_writer_abandon(writer);
		return;
	}
	lock_for_flush(rel);
	segment = vs_bm25_writer_end(writer, rel, false);
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

/* Collect the pending rows of a copy of the metapage. */
static VsBm25Collector *
collect_pending(Relation rel, const VsBm25Meta *meta)
{
	VsBm25Collector *collector = vs_bm25_collector_create(CurrentMemoryContext);
	VsBm25Pending pending;
	VsBm25Document document;
	bool		stale = false;

	vs_bm25_pending_begin(&pending, rel, meta, &stale);
	while (vs_bm25_pending_next(&pending, &document))
		vs_bm25_collector_add(collector, &document);
	vs_bm25_pending_end(&pending);
	if (stale)
		vs_bm25_broken(rel, "Block %u is not of the pending extent that the metapage says.",
					   vs_bm25_stale_block());
	return collector;
}

/* Make a segment of the pending rows; the caller holds FLUSH, and there is room. */
static void
flush(Relation rel)
{
	VsBm25Meta	meta;
	VsBm25Collector *collector;
	VsBm25Writer *writer;
	VsBm25Segment segment;

	cut_pending(rel, &meta);
	if (meta.npending == 0)
		return;
	collector = collect_pending(rel, &meta);
	if (vs_bm25_collector_is_empty(collector))
		publish(rel, NULL, meta.npending);
	else
	{
		writer = vs_bm25_writer_begin(NULL, NULL);
		vs_bm25_collector_write(collector, writer);
		segment = vs_bm25_writer_end(writer, rel, false);
		publish(rel, &segment, meta.npending);
	}
	vs_bm25_collector_free(collector);
}

void
vs_bm25_flush(Relation rel)
{
	lock_for_flush(rel);
	flush(rel);
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

/*
 * Rows of the sources, each in the order of lengths and TIDs, become one list; where a
 * row comes to stand is its number in the new segment.  Sources that share few blocks of
 * the table share few stretches of that list for each length, so numbers are kept by
 * stretches: the documents from one on have the numbers from another one on.  What this
 * takes grows with the number of stretches, 8 bytes each, and not with that of rows; at
 * worst every second row begins one.
 */
typedef struct Stretch
{
	uint32		doc;
	uint32		number;			/* VS_BM25_NO_DOC: these rows are dead */
} Stretch;

#define READ_ROWS		256

/* A segment that is merged. */
typedef struct Source
{
	VsBm25Segment segment;
	VsBm25Lengths lengths;
	VsBm25Reader entries_reader;
	VsBm25Reader postings_reader;
	VsBm25Reader rows_reader;

	/* Rows: of those read last, the present one; and how many come after those. */
	ItemPointerData tids[READ_ROWS];
	uint32		row;
	uint32		nrows;
	uint32		first;			/* number of the first one read */
	uint32		end;
	uint8		length;			/* of the present one; 0 for all NULLs */

	/* Numbers of its documents in the new segment. */
	Stretch    *stretches;
	uint32		nstretches;
	uint32		size;
	uint32		next_doc;		/* while they are numbered */
	uint32		at;				/* where the last one looked up is */

	/* Terms: the present one, and its present posting. */
	VsBm25Entries entries;
	bool		more;
	uint64		head;			/* of the term */
	VsBm25Cursor cursor;
	uint32		number;
} Source;

/* ---- rows ---- */

/* Go to a source's next row that is alive; false at the end. */
static bool
next_row(Source *source, IndexBulkDeleteCallback callback, void *callback_state)
{
	for (;;)
	{
		if (++source->row >= source->nrows)
		{
			source->first += source->nrows;
			source->row = 0;
			source->nrows = Min(READ_ROWS, source->end - source->first);
			if (source->nrows == 0)
				return false;
			vs_vacuum_delay_point();
			vs_bm25_read_tids(&source->rows_reader, source->first, source->nrows, source->tids);
		}
		if (callback == NULL || !callback(&source->tids[source->row], callback_state))
			break;
	}
	if (source->end <= source->segment.ndocs)
		source->length = vs_bm25_next_length(&source->lengths, source->first + source->row, source->length);
	return true;
}

/* Begin to read rows from one to another. */
static bool
begin_rows(Source *source, uint32 from, uint32 end, IndexBulkDeleteCallback callback,
		   void *callback_state)
{
	source->first = from;
	source->end = end;
	source->row = source->nrows = 0;
	source->length = 0;
	return next_row(source, callback, callback_state);
}

static void
add_stretch(Source *source, uint32 doc, uint32 number)
{
	if (source->nstretches == source->size)
	{
		source->size *= 2;
		source->stretches = repalloc_huge(source->stretches, source->size * sizeof(Stretch));
	}
	source->stretches[source->nstretches++] = (Stretch)
	{
		doc, number
	};
}

/* Note the number of a document; those between this and the last one noted are dead. */
static void
number_document(Source *source, uint32 doc, uint32 number)
{
	if (doc > source->next_doc)
		add_stretch(source, source->next_doc, VS_BM25_NO_DOC);
	if (doc > source->next_doc || source->nstretches == 0 ||
		doc - source->stretches[source->nstretches - 1].doc !=
		number - source->stretches[source->nstretches - 1].number)
		add_stretch(source, doc, number);
	source->next_doc = doc + 1;
}

/* The number of a document behind the one asked for last. */
static uint32
find_number(Source *source, uint32 doc)
{
	uint32		low = source->at;
	uint32		step = 1;
	uint32		high;

	/* Gallop, then halve. */
	while (low + step < source->nstretches && source->stretches[low + step].doc <= doc)
	{
		low += step;
		step *= 2;
	}
	high = Min(low + step, source->nstretches);
	while (high - low > 1)
	{
		uint32		middle = low + (high - low) / 2;

		if (source->stretches[middle].doc <= doc)
			low = middle;
		else
			high = middle;
	}
	source->at = low;
	if (source->stretches[low].number == VS_BM25_NO_DOC)
		return VS_BM25_NO_DOC;
	return source->stretches[low].number + (doc - source->stretches[low].doc);
}

/* The order of two sources' present rows. */
static inline int
compare_rows(Source *a, Source *b)
{
	if (a->length != b->length)
		return a->length < b->length ? -1 : 1;
	return ItemPointerCompare(&a->tids[a->row], &b->tids[b->row]);
}

/*
 * The source whose row comes first, and the one that comes next; NULL if there is none.
 */
static Source *
first_row(Source **sources, int n, Source **second)
{
	Source	   *first = NULL;

	*second = NULL;
	for (int i = 0; i < n; i++)
	{
		if (first == NULL || compare_rows(sources[i], first) < 0)
		{
			*second = first;
			first = sources[i];
		}
		else if (*second == NULL || compare_rows(sources[i], *second) < 0)
			*second = sources[i];
	}
	return first;
}

static void
remove_source(Source **sources, int *n, const Source *source)
{
	int			i = 0;

	while (sources[i] != source)
		i++;
	memmove(&sources[i], &sources[i + 1], (--*n - i) * sizeof(Source *));
}

/* Write rows of all sources in their order; numbers those with text. */
static void
merge_rows(Source *sources, int n, bool nulls, IndexBulkDeleteCallback callback,
		   void *callback_state, VsBm25Writer *writer)
{
	Source	  **active = palloc(n * sizeof(Source *));
	int			nactive = 0;
	uint32		number = 0;
	Source	   *first;
	Source	   *second;

	for (int i = 0; i < n; i++)
	{
		const VsBm25Segment *segment = &sources[i].segment;
		uint32		ndocs = segment->ndocs;

		if (begin_rows(&sources[i], nulls ? ndocs : 0, nulls ? ndocs + segment->nnulls : ndocs,
					   callback, callback_state))
			active[nactive++] = &sources[i];
	}
	while ((first = first_row(active, nactive, &second)) != NULL)
	{
		bool		more;

		do
		{
			const ItemPointerData *tid = &first->tids[first->row];

			if (nulls)
				vs_bm25_writer_nulls(writer, tid, 1);
			else
			{
				vs_bm25_writer_rows(writer, tid, 1, first->length);
				number_document(first, first->first + first->row, number++);
			}
			more = next_row(first, callback, callback_state);
		} while (more && (second == NULL || compare_rows(first, second) <= 0));
		if (!more)
			remove_source(active, &nactive, first);
	}
	pfree(active);
	if (nulls)
		return;
	for (int i = 0; i < n; i++)
		if (sources[i].next_doc < sources[i].segment.ndocs)
			add_stretch(&sources[i], sources[i].next_doc, VS_BM25_NO_DOC);
}

/* ---- terms ---- */

/* Go to a source's next posting whose row is alive; false at the end. */
static bool
next_posting(Source *source, uint32 from)
{
	for (;;)
	{
		uint32		doc = vs_bm25_cursor_seek(&source->cursor, from);

		if (doc == VS_BM25_NO_DOC || doc >= source->segment.ndocs)
			return false;
		source->number = find_number(source, doc);
		if (source->number != VS_BM25_NO_DOC)
			return true;
		from = doc + 1;
	}
}

/* Write a source's postings up to a number; false if it has no more. */
static bool
write_postings(Source *source, uint32 end, VsBm25Writer *writer)
{
	for (;;)
	{
		VsBm25Cursor *cursor = &source->cursor;
		uint32		tf;
		uint8		length;

		vs_bm25_cursor_posting(cursor, cursor->at, &tf, &length);
		vs_bm25_writer_posting(writer, source->number, tf, length);
		if (cursor->at == 0)
			vs_vacuum_delay_point();
		if (!next_posting(source, cursor->docs[cursor->at] + 1))
			return false;
		if (source->number > end)
			return true;
	}
}

/* Write the postings of a term that these sources have; returns whether there were any. */
static bool
merge_postings(Source **sources, int n, VsBm25Writer *writer)
{
	bool		any = false;

	while (n > 0)
	{
		int			first = 0;
		uint32		second = VS_BM25_NO_DOC;

		for (int i = 1; i < n; i++)
			if (sources[i]->number < sources[first]->number)
			{
				second = sources[first]->number;
				first = i;
			}
			else
				second = Min(second, sources[i]->number);
		if (!write_postings(sources[first], second, writer))
			sources[first] = sources[--n];
		any = true;
	}
	return any;
}

/* The order of two sources' terms. */
static inline int
compare_terms(const Source *a, const Source *b)
{
	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	return vs_compare_lexemes(a->entries.entry.term, a->entries.entry.length,
							  b->entries.entry.term, b->entries.entry.length);
}

static void
next_term(Source *source)
{
	source->more = vs_bm25_entries_next(&source->entries);
	if (source->more)
		source->head = vs_bm25_term_head(source->entries.entry.term, source->entries.entry.length);
}

/* The sources that have the least of the terms that come next; returns how many. */
static int
least_term(Source *sources, int n, Source **least)
{
	int			nleast = 0;

	for (int i = 0; i < n; i++)
	{
		int			order;

		if (!sources[i].more)
			continue;
		order = nleast > 0 ? compare_terms(&sources[i], least[0]) : 0;
		if (order < 0)
			nleast = 0;
		if (order <= 0)
			least[nleast++] = &sources[i];
	}
	return nleast;
}

static void
merge_terms(Source *sources, int n, VsBm25Writer *writer)
{
	Source	  **least = palloc(n * sizeof(Source *));
	Source	  **active = palloc(n * sizeof(Source *));
	int			nleast;

	while ((nleast = least_term(sources, n, least)) > 0)
	{
		int			nactive = 0;

		vs_vacuum_delay_point();
		for (int i = 0; i < nleast; i++)
		{
			Source	   *source = least[i];

			vs_bm25_cursor_init(&source->cursor, &source->postings_reader, &source->segment,
								&source->lengths, &source->entries.entry);
			source->at = 0;
			if (next_posting(source, 0))
				active[nactive++] = source;
		}
		if (merge_postings(active, nactive, writer))
			vs_bm25_writer_term(writer, least[0]->entries.entry.term,
								least[0]->entries.entry.length);
		for (int i = 0; i < nleast; i++)
		{
			vs_bm25_cursor_end(&least[i]->cursor);
			next_term(least[i]);
		}
	}
	pfree(active);
	pfree(least);
}

/* ---- sources ---- */

/* Begin with a source whose segment and readers are set. */
static void
begin_source(Source *source)
{
	source->size = 16;
	source->stretches = palloc(source->size * sizeof(Stretch));
	source->nstretches = source->next_doc = source->at = 0;
	vs_bm25_read_lengths(&source->rows_reader, &source->segment, &source->lengths);
	vs_bm25_entries_begin(&source->entries, &source->entries_reader, &source->segment);
	next_term(source);
}

static void
begin_segment(Source *source, Relation rel, const VsBm25Segment *segment, bool *stale)
{
	source->segment = *segment;
	vs_bm25_reader_init(&source->entries_reader, rel, &segment->extent, stale);
	vs_bm25_reader_init(&source->postings_reader, rel, &segment->extent, stale);
	vs_bm25_reader_init(&source->rows_reader, rel, &segment->extent, stale);
	begin_source(source);
}

static void
begin_run(Source *source, const VsBm25Run *run, bool *stale)
{
	const VsBm25Segment *segment = &run->segment;

	source->segment = *segment;
	vs_bm25_reader_init_file(&source->entries_reader, run->dictionary, segment->dict_at, stale);
	vs_bm25_reader_init_file(&source->postings_reader, run->postings, segment->postings_at, stale);
	vs_bm25_reader_init_file(&source->rows_reader, run->rows, 0, stale);
	begin_source(source);
}

/* Write one segment of all sources. */
static void
merge(Source *sources, int n, IndexBulkDeleteCallback callback, void *callback_state,
	  VsBm25Writer *writer)
{
	merge_rows(sources, n, false, callback, callback_state, writer);
	merge_rows(sources, n, true, callback, callback_state, writer);
	for (int i = 0; i < n; i++)
		vs_bm25_reader_end(&sources[i].rows_reader);
	merge_terms(sources, n, writer);
	for (int i = 0; i < n; i++)
	{
		vs_bm25_reader_end(&sources[i].entries_reader);
		vs_bm25_reader_end(&sources[i].postings_reader);
		pfree(sources[i].stretches);
	}
}

VsBm25Writer *
vs_bm25_merge_runs(VsBm25Run *runs, int n, FileSet *files, const char *name)
{
	Source	   *sources = palloc(n * sizeof(Source));
	VsBm25Writer *writer = vs_bm25_writer_begin(files, name);
	bool		stale = false;	/* a file never is */

	for (int i = 0; i < n; i++)
		begin_run(&sources[i], &runs[i], &stale);
	merge(sources, n, NULL, NULL, writer);
	pfree(sources);
	for (int i = 0; i < n; i++)
		vs_bm25_run_close(&runs[i]);
	return writer;
}

/* Put the merged segment into the place of those it was made of. */
static void
replace_segments(Relation rel, const VsBm25Segment *segments, int n, const VsBm25Segment *merged,
				 bool merging)
{
	VsBm25MetaEdit edit;
	VsBm25Meta *meta = vs_bm25_meta_begin(rel, &edit);
	int			left = 0;

	for (int i = 0; i < meta->nsegments; i++)
	{
		bool		gone = false;

		for (int j = 0; j < n && !gone; j++)
			gone = meta->segments[i].extent.generation == segments[j].extent.generation;
		if (gone)
			vs_bm25_extent_free(meta, &meta->segments[i].extent);
		else
			meta->segments[left++] = meta->segments[i];
	}
	if (merged)
	{
		meta->segments[left++] = *merged;
		memset(merging ? &meta->merging : &meta->flushing, 0, sizeof(VsBm25Extent));
	}
	meta->nsegments = left;
	vs_bm25_meta_commit(&edit);
}

uint32
vs_bm25_merge(Relation rel, const VsBm25Segment *segments, int n, bool merging,
			  IndexBulkDeleteCallback callback, void *callback_state)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecstore_bm25 merge",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Source	   *sources = palloc(n * sizeof(Source));
	VsBm25Writer *writer = vs_bm25_writer_begin(NULL, NULL);
	VsBm25Segment merged = {0};
	bool		stale = false;
	bool		empty;

	for (int i = 0; i < n; i++)
		begin_segment(&sources[i], rel, &segments[i], &stale);
	merge(sources, n, callback, callback_state, writer);
	vs_bm25_check_segments(rel, stale);
	empty = vs_bm25_writer_is_empty(writer);
	if (empty)
		vs_bm25_writer_abandon(writer);
	else
		merged = vs_bm25_writer_end(writer, rel, merging);
	replace_segments(rel, segments, n, empty ? NULL : &merged, merging);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(context);
	return merged.extent.generation;
}

/* ---- which to merge ---- */

static int
compare_sizes(const void *a, const void *b)
{
	uint32		x = ((const VsBm25Segment *) a)->extent.nblocks;
	uint32		y = ((const VsBm25Segment *) b)->extent.nblocks;

	return x < y ? -1 : x > y;
}

/* Blocks of n segments. */
static uint64
sum_blocks(const VsBm25Segment *segments, int n)
{
	uint64		sum = 0;

	for (int i = 0; i < n; i++)
		sum += segments[i].extent.nblocks;
	return sum;
}

/* Rows of n segments. */
static uint64
sum_rows(const VsBm25Segment *segments, int n)
{
	uint64		sum = 0;

	for (int i = 0; i < n; i++)
		sum += (uint64) segments[i].ndocs + segments[i].nnulls;
	return sum;
}

/*
 * In the order of size, the first TIER_SEGMENTS of which the largest is not larger than
 * TIER_SEGMENTS times the smallest, and which together are not too many rows; -1 if there
 * are none.
 */
static int
find_tier(const VsBm25Segment *segments, int n)
{
	for (int i = 0; i + TIER_SEGMENTS <= n; i++)
		if (segments[i + TIER_SEGMENTS - 1].extent.nblocks <=
			(uint64) segments[i].extent.nblocks * TIER_SEGMENTS &&
			sum_rows(segments + i, TIER_SEGMENTS) <= MAX_MERGED_ROWS)
			return i;
	return -1;
}

/* Lock those of a list that nobody else has; returns how many, which come first then. */
static int
lock_free_segments(Relation rel, VsBm25Segment *segments, int n)
{
	VsBm25Meta	meta;
	int			locked = 0;
	int			left = 0;

	for (int i = 0; i < n; i++)
		if (ConditionalLockPage(rel, segment_lock(&segments[i]), ExclusiveLock))
			segments[locked++] = segments[i];
	vs_bm25_meta_read(rel, &meta);
	for (int i = 0; i < locked; i++)
		if (is_listed(&meta, &segments[i]))
			segments[left++] = segments[i];
		else
			vs_bm25_unlock_segment(rel, &segments[i]);
	return left;
}

/*
 * Which of some segments, in the order of size, an insert should merge: a tier that is
 * cheap; if the list becomes full, as many of the smallest as are cheap, and if it is
 * full, two at least.  Returns how many, 0 for none.
 */
static int
choose_cheap(const VsBm25Segment *segments, int n, int listed, int *first)
{
	int			count = Min(n, TIER_SEGMENTS);

	*first = find_tier(segments, n);
	if (*first >= 0 && sum_blocks(segments + *first, TIER_SEGMENTS) <= MERGE_BY_INSERT)
		return TIER_SEGMENTS;
	*first = 0;
	if (listed <= VS_BM25_MAX_SEGMENTS - TIER_SEGMENTS || n < 2)
		return 0;
	while (count >= 2 && sum_blocks(segments, count) > MERGE_BY_INSERT)
		count--;
	return count >= 2 ? count : listed == VS_BM25_MAX_SEGMENTS ? 2 : 0;
}

/* Merge what is cheap; whether anything was.  The caller holds FLUSH. */
static bool
merge_cheap(Relation rel)
{
	VsBm25Meta *meta = palloc(sizeof(VsBm25Meta));
	int			n;
	int			first;
	int			count;

	vs_bm25_meta_read(rel, meta);
	n = lock_free_segments(rel, meta->segments, meta->nsegments);
	qsort(meta->segments, n, sizeof(VsBm25Segment), compare_sizes);
	count = choose_cheap(meta->segments, n, meta->nsegments, &first);
	if (count > 0)
		vs_bm25_merge(rel, meta->segments + first, count, false, NULL, NULL);
	for (int i = 0; i < n; i++)
		vs_bm25_unlock_segment(rel, &meta->segments[i]);
	pfree(meta);
	return count > 0;
}

/* Whoever holds FLUSH makes room in a full list, or waits until a vacuum has done so. */
static void
make_room(Relation rel)
{
	for (;;)
	{
		VsBm25Meta	meta;

		vs_bm25_meta_read(rel, &meta);
		if (meta.nsegments < VS_BM25_MAX_SEGMENTS)
			return;
		if (merge_cheap(rel))
			continue;
		UnlockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
		LockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
		UnlockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
		LockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
	}
}

void
vs_bm25_tidy_up(Relation rel)
{
	if (!ConditionalLockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock))
		return;
	make_room(rel);
	flush(rel);
	merge_cheap(rel);
	UnlockPage(rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
}

/* Lock n segments, waiting for those that insert; false, and no lock, if one was given up. */
static bool
lock_segments(Relation rel, const VsBm25Segment *segments, int n)
{
	for (int i = 0; i < n; i++)
		if (!vs_bm25_lock_segment(rel, &segments[i]))
		{
			while (--i >= 0)
				vs_bm25_unlock_segment(rel, &segments[i]);
			return false;
		}
	return true;
}

void
vs_bm25_merge_tiers(Relation rel)
{
	VsBm25Meta *meta = palloc(sizeof(VsBm25Meta));

	for (;;)
	{
		VsBm25Segment *tier;
		int			first;

		vs_bm25_meta_read(rel, meta);
		qsort(meta->segments, meta->nsegments, sizeof(VsBm25Segment), compare_sizes);
		first = find_tier(meta->segments, meta->nsegments);
		if (first < 0 && meta->nsegments > VS_BM25_MAX_SEGMENTS - TIER_SEGMENTS)
			first = 0;
		if (first < 0)
			break;
		tier = meta->segments + first;
		if (!lock_segments(rel, tier, TIER_SEGMENTS))
			continue;
		vs_bm25_merge(rel, tier, TIER_SEGMENTS, true, NULL, NULL);
		for (int i = 0; i < TIER_SEGMENTS; i++)
			vs_bm25_unlock_segment(rel, &tier[i]);
	}
	pfree(meta);
}
