/*
 * segment_fuzz.c
 *		libFuzzer target: any bytes as the postings and the dictionary of a segment of
 *		a vecstore_bm25 index.
 *
 * The input begins with the segment's numbers, as the metapage has them, made to fit
 * its pages (metapage_fuzz.c is about those that do not).  Then come the bytes of the
 * postings, and of each page of the dictionary, each behind its length; rows and the ends
 * of lengths are sound.
 *
 * Whatever they say, readers return or raise.  Where all entries are read, terms are in
 * order and each one is found; where postings are, documents are in order, as many as
 * the entry says, and the same whichever way they are sought.
 */
#include "server.h"

#include "hybrid/bm25_page.h"
#include "hybrid/bm25_segment.h"

#define GENERATION	1
#define MAX_ROWS	1000
#define MAX_DICT_PAGES	3
#define MAX_POSTINGS	2048
#define MAX_TERMS	64

typedef struct SegmentCase
{
	VsBm25Segment segment;
	VsBm25Lengths lengths;
	VsBm25Reader reader;
	bool		stale;
	int			nterms;			/* those that were read */
	VsBm25Entry terms[MAX_TERMS];
	int			term;			/* the one to be looked at */
} SegmentCase;

/* Put bytes into the run, from an offset on. */
static void
write_run(uint64 at, const char *bytes, size_t n)
{
	while (n > 0)
	{
		BlockNumber block = at / VS_BM25_PAGE_BYTES;
		uint32		place = at % VS_BM25_PAGE_BYTES;
		size_t		part = Min(n, VS_BM25_PAGE_BYTES - place);

		while (RelationGetNumberOfBlocks(fuzz_relation) <= block)
		{
			Page		page = fuzz_add_page(sizeof(VsBm25Special));

			((PageHeader) page)->pd_lower += VS_BM25_PAGE_BYTES;
			VsBm25PageSpecial(page)->generation = GENERATION;
			VsBm25PageSpecial(page)->page_id = VS_BM25_PAGE_ID;
		}
		memcpy(PageGetContents(BufferGetPage(ReadBuffer(fuzz_relation, block))) + place, bytes, part);
		at += part;
		bytes += part;
		n -= part;
	}
}

/* Put the next part of the input there, and zeros to the end of a page. */
static void
write_part(FuzzInput *input, uint64 at, int limit)
{
	int			n = fuzz_take_number(input, limit);
	char	   *bytes = palloc0(n + 1);

	fuzz_take(input, bytes, n);
	write_run(at, bytes, n + 1);
}

/* Lengths of seven documents each. */
static void
make_lengths(const VsBm25Segment *segment, VsBm25Lengths *lengths)
{
	for (int i = 0; i < VS_BM25_LENGTHS; i++)
		lengths->ends[i] = Min(7 * (i + 1), segment->ndocs);
	write_run(VsBm25LengthsAt(segment), (char *) lengths, sizeof(VsBm25Lengths));
}

static void
make_segment(FuzzInput *input, VsBm25Segment *segment, VsBm25Lengths *lengths)
{
	static ItemPointerData tids[MAX_ROWS];
	uint32		rows;
	uint32		pages;

	memset(segment, 0, sizeof(VsBm25Segment));
	segment->ndocs = fuzz_take_number(input, MAX_ROWS - 10) + 1;
	segment->nnulls = fuzz_take_number(input, 10);
	segment->nterms = fuzz_take_number(input, MAX_TERMS);
	segment->dict_pages = fuzz_take_number(input, MAX_DICT_PAGES) + 1;
	rows = segment->ndocs + segment->nnulls;
	segment->postings_at = VsBm25LengthsAt(segment) + sizeof(VsBm25Lengths);
	for (uint32 i = 0; i < rows; i++)
		ItemPointerSet(&tids[i], i / 100, i % 100 + 1);
	write_run(0, (char *) tids, rows * sizeof(ItemPointerData));
	make_lengths(segment, lengths);
	write_part(input, segment->postings_at, MAX_POSTINGS);
	pages = RelationGetNumberOfBlocks(fuzz_relation);
	segment->dict_at = (uint64) pages * VS_BM25_PAGE_BYTES;
	for (uint32 i = 0; i < segment->dict_pages; i++)
		write_part(input, segment->dict_at + (uint64) i * VS_BM25_PAGE_BYTES, VS_BM25_PAGE_BYTES);
	segment->extent.nblocks = pages + segment->dict_pages;
	segment->extent.generation = GENERATION;
}

/* Read all terms, and where that works, find each of them. */
static void
read_terms(void *argument)
{
	SegmentCase *c = argument;
	VsBm25Entries entries;
	VsBm25Entry found;

	vs_bm25_entries_begin(&entries, &c->reader, &c->segment);
	while (vs_bm25_entries_next(&entries))
	{
		fuzz_require(entries.entry.df >= 1 && entries.entry.df <= c->segment.ndocs, "documents of a term");
		if (c->nterms < MAX_TERMS)
			c->terms[c->nterms++] = entries.entry;
	}
	fuzz_require(entries.count == c->segment.nterms, "number of terms");
	for (int i = 0; i < c->nterms; i++)
		fuzz_require(vs_bm25_lookup(&c->reader, &c->segment, c->terms[i].term, c->terms[i].length, &found) &&
					 found.df == c->terms[i].df && found.place == c->terms[i].place, "a term is found");
}

/* Look terms up in pages that may be in no order, and begin behind each. */
static void
look_up(void *argument)
{
	SegmentCase *c = argument;
	VsBm25Entry *entry = &c->terms[c->term];
	VsBm25Entry found;
	VsBm25Entries entries;

	vs_bm25_lookup(&c->reader, &c->segment, entry->term, entry->length / 2, &found);
	vs_bm25_entries_begin_at(&entries, &c->reader, &c->segment, entry->term, entry->length);
	vs_bm25_entries_next(&entries);
}

/* Seek a document by another way than read_postings(). */
static void
require_seek(SegmentCase *c, uint32 doc, uint32 tf, uint8 length)
{
	VsBm25Cursor cursor;
	int			at;

	vs_bm25_cursor_init(&cursor, &c->reader, &c->segment, &c->lengths, &c->terms[c->term]);
	fuzz_require(vs_bm25_cursor_shallow(&cursor, doc) && vs_bm25_cursor_seek(&cursor, doc) == doc,
				 "the same document");
	at = cursor.at;
	vs_bm25_cursor_unpack(&cursor);
	fuzz_require(cursor.tfs[at] == tf && cursor.lengths[at] == length, "the same posting");
	vs_bm25_cursor_pass(&cursor, doc + 1);
	fuzz_require(cursor.at == at + 1, "one of the document");
	vs_bm25_cursor_end(&cursor);
}

static void
read_postings(void *argument)
{
	SegmentCase *c = argument;
	VsBm25Cursor cursor;
	uint32		count = 0;
	uint32		doc = 0;

	vs_bm25_cursor_init(&cursor, &c->reader, &c->segment, &c->lengths, &c->terms[c->term]);
	(void) vs_bm25_cursor_bytes(&cursor);
	while ((doc = vs_bm25_cursor_seek(&cursor, doc)) != VS_BM25_NO_DOC)
	{
		uint32		tf;
		uint8		length;

		vs_bm25_cursor_posting(&cursor, cursor.at, &tf, &length);
		fuzz_require(doc < c->segment.ndocs && tf >= 1 && tf <= VS_BM25_MAX_TF, "a posting");
		if (count++ % 64 == 0)
			require_seek(c, doc, tf, length);
		doc++;
	}
	fuzz_require(count == c->terms[c->term].df, "number of postings");
	vs_bm25_cursor_end(&cursor);
}

static void
read_rows(void *argument)
{
	SegmentCase *c = argument;
	uint32		rows = c->segment.ndocs + c->segment.nnulls;
	ItemPointerData *tids = palloc(rows * sizeof(ItemPointerData));
	VsBm25Lengths lengths;

	vs_bm25_read_tids(&c->reader, 0, rows, tids);
	vs_bm25_read_lengths(&c->reader, &c->segment, &lengths);
	fuzz_require(memcmp(&lengths, &c->lengths, sizeof(lengths)) == 0, "the ends of lengths");
}

/* Do it with a reader of its own; whether it returned. */
static bool
try_to(SegmentCase *c, void (*function) (void *))
{
	bool		returned;

	vs_bm25_reader_init(&c->reader, fuzz_relation, &c->segment.extent, &c->stale);
	returned = fuzz_try(function, c);
	vs_bm25_reader_end(&c->reader);
	fuzz_require(!c->stale, "no page is of another extent");
	fuzz_require(returned || fuzz_sqlstate == ERRCODE_INDEX_CORRUPTED, "the error is XX002");
	return returned;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static SegmentCase c;
	FuzzInput	input = {data, size};

	fuzz_begin();
	memset(&c, 0, offsetof(SegmentCase, terms));
	make_segment(&input, &c.segment, &c.lengths);
	fuzz_require(try_to(&c, read_rows), "rows");
	try_to(&c, read_terms);
	for (c.term = 0; c.term < c.nterms; c.term++)
	{
		try_to(&c, read_postings);
		try_to(&c, look_up);
	}
	return 0;
}
