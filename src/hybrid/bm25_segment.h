/*
 * bm25_segment.h
 *		An immutable run of pages that indexes some documents: rows, postings,
 *		dictionary.
 *
 *	rows		6 bytes each: TIDs of the rows with text, in the order of their lengths,
 *				then TIDs; their numbers are the documents' numbers here; then TIDs of
 *				the NULLs, in order
 *	lengths		for each length of one byte, the end of the documents of that or a lesser
 *				one (VsBm25Lengths)
 *	postings	of each term, see below
 *	dictionary	pages of entries in the order of memcmp(): length (1 byte), term, df
 *				(4), place (8)
 *
 * The place of a term is where its postings begin, behind postings_at; of a term of
 * one document it is the posting itself.
 *
 * Postings are cut into blocks of 128.  First come what tells of each block without a
 * look into it (VsBm25Skip), then the blocks: gaps between documents less one, and term
 * frequencies less one, each in as many bits as the largest takes.
 *
 * Documents are in the order of their lengths because a score depends on these: so blocks
 * are of documents that are alike, their bounds are tight, and those behind some document
 * are mostly of no use to a search.  And a document's number tells its length: postings
 * need not say it.  (N. Tonellotto, C. Macdonald, I. Ounis, "Efficient query processing for
 * scalable web search", Foundations and Trends in Information Retrieval 12, 2018, on the
 * order of documents in an index.)
 *
 * The bound of a block (block-max index: S. Ding, T. Suel, "Faster top-k document
 * retrieval using block-max indexes", SIGIR 2011) must hold for any k1 and b.  The largest
 * frequency and the shortest document are seldom together, so the shortest is kept of the
 * documents that have the term at least once, twice, three and four times.
 */
#ifndef VECSTORE_BM25_SEGMENT_H
#define VECSTORE_BM25_SEGMENT_H

#include "hybrid/bits.h"
#include "hybrid/bm25_page.h"
#include "port/pg_bswap.h"

#define VS_BM25_BLOCK		128

typedef struct VsBm25Posting
{
	uint32		doc;
	uint32		tf;				/* 1 to VS_BM25_MAX_TF */
	uint8		length;			/* as one byte, see bm25.h */
} VsBm25Posting;

#define VS_BM25_MAX_TF		0xFFFFFF

/* What the postings of a block score at most. */
#define VS_BM25_BOUNDS		4

typedef struct VsBm25Bound
{
	uint8		max_tf;			/* 255: or more */
	uint8		min_lengths[VS_BM25_BOUNDS];	/* where the frequency is above 0, 1, 2, 3 */
} VsBm25Bound;

typedef struct VsBm25Skip
{
	uint32		last;			/* its last document */
	uint32		at;				/* bytes from the end of the skips */
	uint8		gap_bits;
	uint8		tf_bits;
	uint8		unused;			/* 0 */
	VsBm25Bound bound;
} VsBm25Skip;

StaticAssertDecl(sizeof(VsBm25Skip) == 16, "skips lie side by side on disk");

/* The bound of no posting. */
static inline void
vs_bm25_bound_init(VsBm25Bound *bound)
{
	bound->max_tf = 0;
	memset(bound->min_lengths, 0xFF, VS_BM25_BOUNDS);
}

/* The bound of one more. */
static inline void
vs_bm25_bound_add(VsBm25Bound *bound, uint32 tf, uint8 length)
{
	bound->max_tf = Max(bound->max_tf, Min(tf, 255));
	for (int i = 0; i < VS_BM25_BOUNDS && i < tf; i++)
		bound->min_lengths[i] = Min(bound->min_lengths[i], length);
}

/*
 * The first bytes of a term, as a number: terms are in the order of these, and where
 * they are the same, in that of all their bytes.
 */
static inline uint64
vs_bm25_term_head(const char *term, int length)
{
	uint64		head = 0;

	memcpy(&head, term, Min(length, (int) sizeof(head)));
	return pg_ntoh64(head);
}

/* ---- writing ---- */

typedef struct VsBm25Writer VsBm25Writer;

/*
 * What was written goes into temporary files first, since only its end tells how much
 * it is.  Files with a name are in a set that other processes see.
 */
extern VsBm25Writer *vs_bm25_writer_begin(FileSet *files, const char *name);

/*
 * Rows with text, of one length; they come in the order of lengths, then TIDs.  Then those
 * that are NULL.
 */
extern void vs_bm25_writer_rows(VsBm25Writer *writer, const ItemPointerData *tids, uint32 n,
								uint8 length);
extern void vs_bm25_writer_nulls(VsBm25Writer *writer, const ItemPointerData *tids, uint32 n);

/* Postings of a term, in the order of their documents, and then the term itself. */
extern void vs_bm25_writer_posting(VsBm25Writer *writer, uint32 doc, uint32 tf, uint8 length);
extern void vs_bm25_writer_term(VsBm25Writer *writer, const char *term, int length);

/* Whether there are neither rows nor NULLs. */
extern bool vs_bm25_writer_is_empty(const VsBm25Writer *writer);

/*
 * Write the pages; the extent stands in meta->merging or meta->flushing until the
 * caller publishes the segment.
 */
extern VsBm25Segment vs_bm25_writer_end(VsBm25Writer *writer, Relation rel, bool merging);

/* Forget what was written. */
extern void vs_bm25_writer_abandon(VsBm25Writer *writer);

/*
 * A segment that stays in temporary files, to be merged with others.  Its extent is
 * none, but else it reads like one in pages.
 */
typedef struct VsBm25Run
{
	VsBm25Segment segment;
	BufFile    *rows;
	BufFile    *postings;
	BufFile    *dictionary;
} VsBm25Run;

/* The files stay open; those with a name only in the set: open them there. */
extern void vs_bm25_writer_keep(VsBm25Writer *writer, VsBm25Run *run);
extern void vs_bm25_run_open(VsBm25Run *run, FileSet *files, const char *name);
extern void vs_bm25_run_close(VsBm25Run *run);

/* ---- reading ---- */

typedef struct VsBm25Entry
{
	uint8		length;
	char		term[VS_MAX_TERM_BYTES];
	uint32		df;
	uint64		place;
} VsBm25Entry;

/* Look a term up; false if it is not there. */
extern bool vs_bm25_lookup(VsBm25Reader *reader, const VsBm25Segment *segment,
						   const char *term, int length, VsBm25Entry *entry);

/* All entries, in order: raises XX002 if they are not, or not as many as there should be. */
typedef struct VsBm25Entries
{
	VsBm25Reader *reader;
	const VsBm25Segment *segment;
	bool		all;			/* from the first one on */
	uint32		page;			/* the next one */
	int			n;				/* bytes of the present one */
	int			at;
	uint32		count;			/* entries so far */
	VsBm25Entry entry;
	char		bytes[BLCKSZ];
} VsBm25Entries;

extern void vs_bm25_entries_begin(VsBm25Entries *entries, VsBm25Reader *reader,
								  const VsBm25Segment *segment);

/* From the page on that has the term, if there is one that begins so. */
extern void vs_bm25_entries_begin_at(VsBm25Entries *entries, VsBm25Reader *reader,
									 const VsBm25Segment *segment, const char *term, int length);
extern bool vs_bm25_entries_next(VsBm25Entries *entries);

/* ---- lengths ---- */

/* Read where lengths end; raises XX002 unless they are in order and the last end is that of all. */
extern void vs_bm25_read_lengths(VsBm25Reader *reader, const VsBm25Segment *segment,
								 VsBm25Lengths *lengths);

static inline uint32
vs_bm25_length_begin(const VsBm25Lengths *lengths, uint8 length)
{
	return length > 0 ? lengths->ends[length - 1] : 0;
}

/* The length of a document; one that it may be is looked at first. */
static inline uint8
vs_bm25_length(const VsBm25Lengths *lengths, uint32 doc, uint8 guess)
{
	int			low = 0;

	if (doc < lengths->ends[guess] && doc >= vs_bm25_length_begin(lengths, guess))
		return guess;
	for (int step = VS_BM25_LENGTHS / 2; step > 0; step /= 2)
		if (lengths->ends[low + step - 1] <= doc)
			low += step;
	return low;
}

/* The same, of one behind a document whose length is known. */
static inline uint8
vs_bm25_next_length(const VsBm25Lengths *lengths, uint32 doc, uint8 length)
{
	while (length < VS_BM25_LENGTHS - 1 && lengths->ends[length] <= doc)
		length++;
	return length;
}

/* ---- postings ---- */

/* The postings of a term, block by block. */
typedef struct VsBm25Cursor
{
	VsBm25Reader *reader;
	const VsBm25Lengths *ends;	/* NULL: only documents are wanted */
	uint64		blocks_at;
	uint32		nblocks;
	uint32		df;
	VsBm25Skip *skips;			/* sound ones, unless stale */
	uint32		block;			/* the present one */
	int			n;				/* postings in it, 0: not read yet */
	int			at;
	bool		scored;			/* tfs and lengths are there */
	uint32		docs[VS_BM25_BLOCK];
	uint32		tfs[VS_BM25_BLOCK];
	uint32		lengths[VS_BM25_BLOCK];
	uint8		raw[VS_BM25_BLOCK * 8 + VS_BITS_SLACK];
} VsBm25Cursor;

#define VS_BM25_NO_DOC		PG_UINT32_MAX

extern void vs_bm25_cursor_init(VsBm25Cursor *cursor, VsBm25Reader *reader,
								const VsBm25Segment *segment, const VsBm25Lengths *ends,
								const VsBm25Entry *entry);
extern void vs_bm25_cursor_end(VsBm25Cursor *cursor);

/* Bytes that the postings of a cursor take, with their skips. */
extern uint64 vs_bm25_cursor_bytes(const VsBm25Cursor *cursor);

/*
 * Make present the first block that may have the document or a later one, without
 * reading it; false if there is none.
 */
extern bool vs_bm25_cursor_shallow(VsBm25Cursor *cursor, uint32 doc);

/* Go to the first posting of the document or a later one; VS_BM25_NO_DOC at the end. */
extern uint32 vs_bm25_cursor_seek(VsBm25Cursor *cursor, uint32 doc);

/*
 * Pass over the postings from the present one on that are before a document and in the
 * present block.
 */
extern void vs_bm25_cursor_pass(VsBm25Cursor *cursor, uint32 end);

/* Frequency and length of a posting of the present block, for those who want only one. */
extern void vs_bm25_cursor_posting(const VsBm25Cursor *cursor, int at, uint32 *tf, uint8 *length);

/* Unpack those of the whole present block. */
extern void vs_bm25_cursor_unpack(VsBm25Cursor *cursor);

/* TIDs of n documents from one on; of NULLs behind them. */
extern void vs_bm25_read_tids(VsBm25Reader *reader, uint32 from, uint32 n, ItemPointerData *tids);

#endif							/* VECSTORE_BM25_SEGMENT_H */
