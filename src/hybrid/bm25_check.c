/*
 * bm25_check.c
 *		bm25_check(): whether a vecstore_bm25 index is sound.
 *
 * Four steps, of which a later one relies on those before:
 *
 *	extents		the metapage's runs of blocks are in the file, and none in another
 *	segments	every page is its segment's; the dictionary is in order; postings follow one
 *				another without a gap, in the order of documents, and their bounds are true;
 *				a document's length is the sum of its terms' frequencies
 *	pending		every byte is of a row; terms are in order
 *	rows		those of a segment are in the order of lengths and places, and no row is there
 *				twice (a sort of all rows, within maintenance_work_mem)
 *
 * With heap => true also: every row that a snapshot sees is there with its terms.  What
 * the index has goes into a Bloom filter first, a row as one element: its place and a
 * hash of its terms.  Then the table is read, tokenized and looked up, as amcheck does;
 * what is wrong may be missed, with a probability far below a percent, but nothing right
 * is called wrong.
 *
 * The check takes no lock that a reader or writer waits for.  Like a search it copies the
 * metapage, and begins again if a page has got another owner since: what it reports is a
 * state that the index had.  If that happens too often, and this is no standby, it keeps
 * others from merging and flushing while it looks; they still insert.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "hybrid/bm25.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_document.h"
#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_query.h"
#include "hybrid/bm25_segment.h"
#include "hybrid/tsterms.h"
#include "lib/bloomfilter.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/tuplesort.h"

/* Looks without a lock, and looks at all: a standby has no lock to take. */
#define FREE_TRIES		3
#define MAX_TRIES		50

/* TIDs of a list that are read at once. */
#define TIDS_AT_ONCE	512

/* What a document's postings say together. */
typedef struct DocumentSums
{
	uint64		hash;			/* of its terms */
	uint32		length;
	bool		capped;			/* a frequency is the largest possible: it may have been larger */
} DocumentSums;

typedef struct Check
{
	Relation	rel;
	VsBm25Meta	meta;
	VsBm25Lengths lengths;		/* of the segment that is looked at */
	bool		stale;
	bool		locked;			/* nobody merges or flushes */
	bool		with_table;
	bloom_filter *filter;		/* of what the index has; NULL: the table is not looked at */
	int64		documents;
	int64		nulls;
	int64		terms;
	int64		postings;
	int64		pending_rows;
	int64		lost;
	ItemPointerData *pending;	/* places of the pending rows */
	int64		pending_size;
} Check;

/* ---- rows as elements of the filter ---- */

/* A term's share in its document's hash: shares add up, in whatever order they come. */
static inline uint64
hash_term(const char *term, int length, uint32 tf)
{
	return hash_bytes_extended((const unsigned char *) term, length, tf);
}

/* An element has no padding. */
typedef struct Element
{
	ItemPointerData tid;
	uint16		null;
	uint64		hash;
} Element;

static Element
make_element(const ItemPointerData *tid, bool null, uint64 hash)
{
	Element		element;

	memset(&element, 0, sizeof(element));
	element.tid = *tid;
	element.null = null;
	element.hash = hash;
	return element;
}

static void
add_row(Check *check, const ItemPointerData *tid, bool null, uint64 hash)
{
	Element		element = make_element(tid, null, hash);

	if (check->filter)
		bloom_add_element(check->filter, (unsigned char *) &element, sizeof(element));
}

/* The hash of a document's terms, as its postings give it. */
static uint64
hash_document(const VsBm25Document *document)
{
	uint64		hash = 0;

	for (int i = 0; i < document->n; i++)
		hash += hash_term(document->terms[i].term, document->terms[i].length,
						  Min(document->terms[i].tf, VS_BM25_MAX_TF));
	return hash;
}

/* ---- a segment ---- */

static void
read_lengths(Check *check, const VsBm25Segment *segment)
{
	VsBm25Reader reader;

	vs_bm25_reader_init(&reader, check->rel, &segment->extent, &check->stale);
	vs_bm25_read_lengths(&reader, segment, &check->lengths);
	vs_bm25_reader_end(&reader);
}

/* Its pages are its own, and full but for the last one before the dictionary. */
static void
check_pages(Check *check, const VsBm25Segment *segment, uint64 postings_end)
{
	char	   *bytes = palloc(BLCKSZ);
	VsBm25Reader reader;

	vs_bm25_reader_init(&reader, check->rel, &segment->extent, &check->stale);
	for (uint32 i = 0; i < segment->extent.nblocks; i++)
	{
		uint64		at = (uint64) i * VS_BM25_PAGE_BYTES;
		uint64		expected = at >= segment->dict_at ? VS_BM25_PAGE_BYTES :
			Min(VS_BM25_PAGE_BYTES, postings_end - at);
		int			n = vs_bm25_read_page(&reader, i, bytes);

		if (check->stale)
			break;
		if (n != expected)
			vs_bm25_broken(check->rel, "Block %u has %d bytes, not %d.",
						   segment->extent.start + i, n, (int) expected);
	}
	vs_bm25_reader_end(&reader);
	pfree(bytes);
}

/* Raise unless the postings of a term in a block are as its skip says. */
static void
check_bound(Check *check, const VsBm25Cursor *cursor, const VsBm25Bound *bound)
{
	const VsBm25Bound *said = &cursor->skips[cursor->block].bound;

	if (memcmp(bound, said, sizeof(VsBm25Bound)) != 0)
		vs_bm25_broken(check->rel, "Block %u: postings have frequencies to %u and lengths from %u, %u, %u, %u, their skip says %u and %u, %u, %u, %u.",
					   VsBm25BlockAt(cursor->reader, cursor->blocks_at + cursor->skips[cursor->block].at),
					   bound->max_tf, bound->min_lengths[0], bound->min_lengths[1],
					   bound->min_lengths[2], bound->min_lengths[3],
					   said->max_tf, said->min_lengths[0], said->min_lengths[1],
					   said->min_lengths[2], said->min_lengths[3]);
}

/* Check the postings of a term, which are in order by the cursor's own checks. */
static void
check_term(Check *check, VsBm25Cursor *cursor)
{
	VsBm25Bound bound;

	vs_bm25_bound_init(&bound);
	for (uint32 doc = vs_bm25_cursor_seek(cursor, 0); doc != VS_BM25_NO_DOC && !check->stale;
		 doc = vs_bm25_cursor_seek(cursor, doc + 1))
	{
		uint32		tf;
		uint8		length;

		vs_bm25_cursor_posting(cursor, cursor->at, &tf, &length);
		vs_bm25_bound_add(&bound, tf, length);
		check->postings++;
		if (cursor->at + 1 == cursor->n)
		{
			check_bound(check, cursor, &bound);
			vs_bm25_bound_init(&bound);
		}
	}
}

/* Walk through the dictionary and the postings of all terms, and then the pages. */
static void
check_postings(Check *check, const VsBm25Segment *segment)
{
	VsBm25Entries *entries = palloc(sizeof(VsBm25Entries));
	VsBm25Cursor *cursor = palloc(sizeof(VsBm25Cursor));
	VsBm25Reader dictionary;
	VsBm25Reader postings;
	uint64		place = 0;

	vs_bm25_reader_init(&dictionary, check->rel, &segment->extent, &check->stale);
	vs_bm25_reader_init(&postings, check->rel, &segment->extent, &check->stale);
	vs_bm25_entries_begin(entries, &dictionary, segment);
	while (vs_bm25_entries_next(entries))
	{
		if (entries->entry.df > 1 && entries->entry.place != place)
			vs_bm25_broken(check->rel, "Block %u: the postings of entry %u begin at " UINT64_FORMAT ", not " UINT64_FORMAT ".",
						   VsBm25BlockAt(&dictionary, segment->dict_at) + entries->page - 1,
						   entries->count - 1, entries->entry.place, place);
		vs_bm25_cursor_init(cursor, &postings, segment, &check->lengths, &entries->entry);
		check_term(check, cursor);
		if (!check->stale)
			place += vs_bm25_cursor_bytes(cursor);
		vs_bm25_cursor_end(cursor);
		check->terms++;
	}
	vs_bm25_reader_end(&dictionary);
	vs_bm25_reader_end(&postings);
	pfree(cursor);
	pfree(entries);
	if (check->stale)
		return;
	if ((segment->postings_at + place + VS_BM25_PAGE_BYTES - 1) / VS_BM25_PAGE_BYTES * VS_BM25_PAGE_BYTES !=
		segment->dict_at)
		vs_bm25_broken(check->rel, "The postings of the segment that begins at block %u end at " UINT64_FORMAT ", its dictionary begins at " UINT64_FORMAT ".",
					   segment->extent.start, segment->postings_at + place, segment->dict_at);
	check_pages(check, segment, segment->postings_at + place);
}

/* Add up what the postings of n documents from one on say. */
static void
sum_documents(Check *check, const VsBm25Segment *segment, uint32 first, uint32 n, DocumentSums *sums)
{
	VsBm25Entries *entries = palloc(sizeof(VsBm25Entries));
	VsBm25Cursor *cursor = palloc(sizeof(VsBm25Cursor));
	VsBm25Reader dictionary;
	VsBm25Reader postings;

	memset(sums, 0, n * sizeof(DocumentSums));
	vs_bm25_reader_init(&dictionary, check->rel, &segment->extent, &check->stale);
	vs_bm25_reader_init(&postings, check->rel, &segment->extent, &check->stale);
	vs_bm25_entries_begin(entries, &dictionary, segment);
	while (vs_bm25_entries_next(entries))
	{
		const VsBm25Entry *entry = &entries->entry;

		vs_bm25_cursor_init(cursor, &postings, segment, &check->lengths, entry);
		for (uint32 doc = vs_bm25_cursor_seek(cursor, first); doc != VS_BM25_NO_DOC && doc - first < n;
			 doc = vs_bm25_cursor_seek(cursor, doc + 1))
		{
			DocumentSums *sum = &sums[doc - first];
			uint32		tf;
			uint8		length;

			vs_bm25_cursor_posting(cursor, cursor->at, &tf, &length);
			sum->hash += hash_term(entry->term, entry->length, tf);
			sum->length += tf;
			sum->capped |= tf == VS_BM25_MAX_TF;
		}
		vs_bm25_cursor_end(cursor);
	}
	vs_bm25_reader_end(&dictionary);
	vs_bm25_reader_end(&postings);
	pfree(cursor);
	pfree(entries);
}

/*
 * Documents have as many words as their postings say, and so has the segment.  As many at
 * once as memory allows: for others the postings are read again.
 */
static void
check_documents(Check *check, const VsBm25Segment *segment)
{
	uint32		size = Min((Size) segment->ndocs, maintenance_work_mem * (Size) 1024 / sizeof(DocumentSums));
	DocumentSums *sums = MemoryContextAllocHuge(CurrentMemoryContext, Max(size, 1) * sizeof(DocumentSums));
	VsBm25Reader rows;
	uint64		length = 0;
	uint8		code = 0;
	bool		capped = false;

	vs_bm25_reader_init(&rows, check->rel, &segment->extent, &check->stale);
	for (uint32 first = 0; first < segment->ndocs && !check->stale; first += size)
	{
		uint32		n = Min(size, segment->ndocs - first);

		sum_documents(check, segment, first, n, sums);
		for (uint32 i = 0; i < n && !check->stale; i++)
		{
			const DocumentSums *sum = &sums[i];
			ItemPointerData tid;

			code = vs_bm25_next_length(&check->lengths, first + i, code);
			if (!sum->capped && vs_bm25_encode_length(sum->length) != code)
				vs_bm25_broken(check->rel, "Document %u of the segment that begins at block %u has %u words and stands among those of length %d.",
							   first + i, segment->extent.start, sum->length, code);
			length += sum->length;
			capped |= sum->capped;
			if (check->filter)
				vs_bm25_read_tids(&rows, first + i, 1, &tid);
			if (check->filter && !check->stale)
				add_row(check, &tid, false, sum->hash);
		}
	}
	vs_bm25_reader_end(&rows);
	pfree(sums);
	if (!check->stale && !capped && length != segment->length)
		vs_bm25_broken(check->rel, "The segment that begins at block %u has " UINT64_FORMAT " words, not " UINT64_FORMAT ".",
					   segment->extent.start, length, segment->length);
}

/* ---- pending rows ---- */

/* Keep the place of a pending row. */
static void
keep_pending(Check *check, const ItemPointerData *tid)
{
	if (check->pending_rows == check->pending_size)
	{
		check->pending_size = Max(1024, check->pending_size * 2);
		check->pending = check->pending ?
			repalloc_huge(check->pending, check->pending_size * sizeof(ItemPointerData)) :
			palloc(check->pending_size * sizeof(ItemPointerData));
	}
	check->pending[check->pending_rows++] = *tid;
}

/* Read the pending rows, which raises if one is none. */
static void
check_pending(Check *check)
{
	VsBm25Pending *pending = palloc(sizeof(VsBm25Pending));
	VsBm25Document document;

	vs_bm25_pending_begin(pending, check->rel, &check->meta, &check->stale);
	while (vs_bm25_pending_next(pending, &document))
	{
		for (int i = 1; i < document.n; i++)
			if (vs_compare_lexemes(document.terms[i - 1].term, document.terms[i - 1].length,
								   document.terms[i].term, document.terms[i].length) >= 0)
				vs_bm25_broken(check->rel, "Block %u: terms of a pending row are not in order.",
							   pending->present);
		add_row(check, &document.tid, document.null, hash_document(&document));
		keep_pending(check, &document.tid);
	}
	vs_bm25_pending_end(pending);
	pfree(pending);
}

/* ---- rows in order, and none twice ---- */

/* The numbers of lists of rows: 0 of the pending ones, two for each segment. */
#define MAX_LISTS	(2 * VS_BM25_MAX_SEGMENTS + 1)

StaticAssertDecl(MAX_LISTS <= 256, "a row and its list are one number");

/* A list of rows of a segment, documents or NULLs. */
typedef struct RowList
{
	VsBm25Reader reader;
	const VsBm25Lengths *lengths;	/* NULL: there are none */
	uint8		length;			/* of the last row read */
	uint32		next;			/* to read */
	uint32		end;
	int			n;				/* read */
	ItemPointerData tids[TIDS_AT_ONCE];
} RowList;

/* Begin a list of n rows of a segment from one on. */
static RowList *
begin_list(Check *check, const VsBm25Segment *segment, uint32 from, uint32 n)
{
	RowList    *list = palloc0(sizeof(RowList));

	vs_bm25_reader_init(&list->reader, check->rel, &segment->extent, &check->stale);
	list->lengths = from < segment->ndocs ? &check->lengths : NULL;
	list->next = from;
	list->end = from + n;
	return list;
}

static void
end_list(RowList *list)
{
	vs_bm25_reader_end(&list->reader);
	pfree(list);
}

/* Read on, rows of the same length in order; false at the list's end. */
static bool
read_list(Check *check, RowList *list)
{
	ItemPointerData last = list->tids[Max(list->n - 1, 0)];
	bool		first = list->n == 0;

	list->n = Min(TIDS_AT_ONCE, list->end - list->next);
	if (list->n == 0)
		return false;
	vs_bm25_read_tids(&list->reader, list->next, list->n, list->tids);
	for (int i = 0; i < list->n && !check->stale; i++)
	{
		uint8		length = list->lengths ? vs_bm25_next_length(list->lengths, list->next + i, list->length) : 0;

		if (!first && length == list->length && ItemPointerCompare(&last, &list->tids[i]) >= 0)
			vs_bm25_broken(check->rel, "Block %u: row %u is not in order.",
						   VsBm25BlockAt(&list->reader, ((uint64) list->next + i) * sizeof(ItemPointerData)),
						   list->next + i);
		list->length = length;
		last = list->tids[i];
		first = false;
	}
	list->next += list->n;
	return !check->stale;
}

/* Sort rows by their TIDs: a row and the list it is of are one number. */
static void
put_rows(Tuplesortstate *sort, ItemPointerData *tids, int64 n, int list)
{
	for (int64 i = 0; i < n; i++)
		tuplesort_putdatum(sort, Int64GetDatum(itemptr_encode(&tids[i]) << 8 | list), false);
}

static void
put_list(Check *check, Tuplesortstate *sort, RowList *rows, int list)
{
	while (read_list(check, rows))
	{
		CHECK_FOR_INTERRUPTS();
		put_rows(sort, rows->tids, rows->n, list);
	}
	end_list(rows);
}

/* Where the extent of a list begins. */
static BlockNumber
list_start(const Check *check, int list)
{
	return list == 0 ? check->meta.pending[0].start : check->meta.segments[(list - 1) / 2].extent.start;
}

/*
 * A row is there twice.  Beside others that may be so: a pending page that was read after
 * the metapage may have a row in the place of one that a vacuum took out of a segment
 * meanwhile, which then is another one now.
 */
static void
found_twice(Check *check, int64 a, int64 b)
{
	ItemPointerData tid;

	if (!check->locked && vs_bm25_has_changed(check->rel, &check->meta))
	{
		check->stale = true;
		return;
	}
	itemptr_decode(&tid, a >> 8);
	vs_bm25_broken(check->rel, "Row (%u,%u) is in the extents that begin at blocks %u and %u, or twice in one.",
				   ItemPointerGetBlockNumber(&tid), ItemPointerGetOffsetNumber(&tid),
				   list_start(check, a & 0xFF), list_start(check, b & 0xFF));
}

/* Look for a row that is there twice: sorted, they are neighbours. */
static void
find_twice(Check *check, Tuplesortstate *sort)
{
	int64		last = -1;
	Datum		value;
	bool		isnull;

	while (!check->stale && vs_tuplesort_getdatum(sort, &value, &isnull))
	{
		int64		row = DatumGetInt64(value);

		CHECK_FOR_INTERRUPTS();
		if (last >= 0 && last >> 8 == row >> 8)
			found_twice(check, last, row);
		last = row;
	}
}

/* Check all lists of rows. */
static void
check_rows(Check *check)
{
	Tuplesortstate *sort = tuplesort_begin_datum(INT8OID, Int8LessOperator, InvalidOid, false,
												 maintenance_work_mem, NULL, TUPLESORT_NONE);

	put_rows(sort, check->pending, check->pending_rows, 0);
	for (int i = 0; i < check->meta.nsegments && !check->stale; i++)
	{
		const VsBm25Segment *segment = &check->meta.segments[i];

		read_lengths(check, segment);
		put_list(check, sort, begin_list(check, segment, 0, segment->ndocs), 2 * i + 1);
		put_list(check, sort, begin_list(check, segment, segment->ndocs, segment->nnulls), 2 * i + 2);
	}
	if (!check->stale)
	{
		tuplesort_performsort(sort);
		find_twice(check, sort);
	}
	tuplesort_end(sort);
}

/* The NULLs of a segment, for the filter. */
static void
add_nulls(Check *check, const VsBm25Segment *segment)
{
	RowList	   *list = begin_list(check, segment, segment->ndocs, segment->nnulls);

	while (check->filter && read_list(check, list))
		for (int i = 0; i < list->n; i++)
			add_row(check, &list->tids[i], true, 0);
	end_list(list);
}

/* ---- all of the index ---- */

/* Begin a filter with room for the rows of all segments, and some pending ones. */
static void
begin_filter(Check *check)
{
	int64		rows = 100000;

	for (int i = 0; i < check->meta.nsegments; i++)
		rows += (int64) check->meta.segments[i].ndocs + check->meta.segments[i].nnulls;
	check->filter = bloom_create(rows, maintenance_work_mem, 0x25b77e57);
}

/* Look at the index once; check->stale says that it has changed too much. */
static void
look(Check *check)
{
	check->stale = false;
	check->documents = check->nulls = check->terms = check->postings = check->pending_rows = 0;
	check->pending = NULL;
	check->pending_size = 0;
	vs_bm25_meta_read(check->rel, &check->meta);
	if (check->with_table)
		begin_filter(check);
	check->lost = vs_bm25_check_extents(check->rel, &check->meta);
	check_pending(check);
	for (int i = 0; i < check->meta.nsegments && !check->stale; i++)
	{
		const VsBm25Segment *segment = &check->meta.segments[i];

		read_lengths(check, segment);
		if (!check->stale)
			check_postings(check, segment);
		if (!check->stale)
			check_documents(check, segment);
		if (!check->stale)
			add_nulls(check, segment);
		check->documents += segment->ndocs;
		check->nulls += segment->nnulls;
	}
	if (!check->stale)
		check_rows(check);
}

/* Look as often as it takes; the memory of the last look stays. */
static void
check_index(Check *check)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "vecstore_bm25 check",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);

	for (int try = 0;; try++)
	{
		MemoryContextReset(context);
		check->locked = try >= FREE_TRIES && !RecoveryInProgress();
		if (check->locked)
		{
			LockPage(check->rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
			LockPage(check->rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
		}
		look(check);
		if (check->locked)
		{
			UnlockPage(check->rel, VS_BM25_FLUSH_LOCK, ExclusiveLock);
			UnlockPage(check->rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
		}
		if (!check->stale)
			break;
		if (check->locked)
			vs_bm25_broken(check->rel, "Block %u is not of the extent that the metapage says.",
						   vs_bm25_stale_block());
		vs_bm25_check_changed(check->rel, &check->meta);
		if (try == MAX_TRIES)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_IN_USE),
					 errmsg("index \"%s\" changes faster than it can be checked",
							RelationGetRelationName(check->rel)),
					 errhint("Check it on the primary server.")));
	}
	MemoryContextSwitchTo(old);
}

/* ---- the table ---- */

/* What a row of the table needs. */
typedef struct TableCheck
{
	Check	   *check;
	VsBm25Analyzer *analyzer;
	MemoryContext row;
} TableCheck;

/* A row that the snapshot sees, by the place its index entry has. */
static void
check_table_row(Relation rel, ItemPointer tid, Datum *values, bool *isnull, bool alive, void *state)
{
	TableCheck *table = state;
	MemoryContext old = MemoryContextSwitchTo(table->row);
	VsBm25Document document;
	Element		element;

	vs_bm25_analyze(table->analyzer, values[0], isnull[0], &document);
	element = make_element(tid, document.null, hash_document(&document));
	if (bloom_lacks_element(table->check->filter, (unsigned char *) &element, sizeof(element)))
		vs_bm25_broken(rel, "Row (%u,%u) of the table is not in the index with the terms it has.",
					   ItemPointerGetBlockNumber(tid), ItemPointerGetOffsetNumber(tid));
	MemoryContextSwitchTo(old);
	MemoryContextReset(table->row);
}

/*
 * A snapshot for the rows that must be there.  One from before the index was built may
 * see rows that it rightly lacks.
 */
static Snapshot
take_snapshot(Relation rel)
{
	Snapshot	snapshot = RegisterSnapshot(GetTransactionSnapshot());

	if (IsolationUsesXactSnapshot() && rel->rd_index->indcheckxmin &&
		!TransactionIdPrecedes(HeapTupleHeaderGetXmin(rel->rd_indextuple->t_data), snapshot->xmin))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("index \"%s\" cannot be checked with this transaction's snapshot",
						RelationGetRelationName(rel)),
				 errhint("Begin a new transaction.")));
	return snapshot;
}

/* Look up every row of the table. */
static void
check_table(Check *check, Relation table, Snapshot snapshot)
{
	TableCheck	state = {.check = check};
	IndexInfo  *info = BuildIndexInfo(check->rel);
	TableScanDesc scan = table_beginscan_strat(table, snapshot, 0, NULL, true, true);

	state.analyzer = vs_bm25_analyzer_open(check->rel);
	state.row = AllocSetContextCreate(CurrentMemoryContext, "vecstore_bm25 row",
									  ALLOCSET_DEFAULT_SIZES);

	/* As in CREATE INDEX CONCURRENTLY: rows that an MVCC snapshot sees. */
	info->ii_Concurrent = true;
	table_index_build_scan(table, check->rel, info, true, false, check_table_row, &state, scan);
	MemoryContextDelete(state.row);
}

/*
 * Check the index and then the table, with the table owner's rights: expressions and
 * predicate of the index are the owner's.
 */
static void
check_with_table(Check *check, Relation table)
{
	Snapshot	snapshot = take_snapshot(check->rel);
	Oid			user;
	int			security;
	int			nest_level = NewGUCNestLevel();

	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(table->rd_rel->relowner, security | SECURITY_RESTRICTED_OPERATION);
	vs_restrict_search_path();

	check->with_table = true;
	check_index(check);
	check_table(check, table, snapshot);

	AtEOXact_GUC(false, nest_level);
	SetUserIdAndSecContext(user, security);
	UnregisterSnapshot(snapshot);
}

/* bm25_check(index, heap) */
PG_FUNCTION_INFO_V1(vecstore_bm25_check);
Datum
vecstore_bm25_check(PG_FUNCTION_ARGS)
{
	Relation	rel = vs_bm25_open_to_inspect(PG_GETARG_OID(0));
	Check	   *check = palloc0(sizeof(Check));
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	if (!rel->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(rel)),
				 errhint("Its build is under way or has failed; in that case REINDEX or drop it.")));
	check->rel = rel;
	if (PG_GETARG_BOOL(1))
	{
		Relation	table = table_open(rel->rd_index->indrelid, NoLock);

		check_with_table(check, table);
		table_close(table, NoLock);
	}
	else
		check_index(check);
	values[0] = Int32GetDatum(check->meta.nsegments);
	values[1] = Int64GetDatum(check->documents);
	values[2] = Int64GetDatum(check->nulls);
	values[3] = Int64GetDatum(check->terms);
	values[4] = Int64GetDatum(check->postings);
	values[5] = Int64GetDatum(check->pending_rows);
	values[6] = Int64GetDatum(check->lost);
	index_close(rel, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
