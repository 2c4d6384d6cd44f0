/*
 * bm25_page.h
 *		The pages of a vecstore_bm25 index: metapage, extents, reading and writing.
 *
 * Block 0 is the metapage.  All other blocks belong to extents, runs of blocks that
 * the metapage gives out and takes back:
 *
 *	segment		an immutable index of some documents (bm25_segment.h), seen as one
 *				run of bytes
 *	pending		rows inserted last, as a log (bm25_pending.h), seen at once by
 *				searches and made into a segment from time to time
 *
 * Readers hold no lock on what they read.  They take one look at the metapage, and
 * every page says in its special space which extent it was written for: a generation,
 * never given twice.  If a page is of another one, the extent was given up and taken
 * anew since, on a standby perhaps by replay, which waits for nobody: the reader
 * begins again with the metapage.
 *
 * Nothing that is read is trusted: what an extent's own page says and cannot be so
 * raises XX002 where it is met, with the block's number.  Such an index wants REINDEX,
 * but harms nobody.
 *
 * Heavyweight page locks, taken in this order, order those who write: MERGE (a vacuum
 * rewrites and merges segments), one for each segment (whoever reads it to give it up),
 * FLUSH (makes pending rows a segment, or a few small segments one), APPEND (adds a
 * pending row).  Who holds FLUSH takes locks of segments only if they are free.  The
 * metapage is changed under its buffer lock.
 */
#ifndef VECSTORE_BM25_PAGE_H
#define VECSTORE_BM25_PAGE_H

#include "storage/buffile.h"
#include "storage/bufpage.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#include "hybrid/bm25.h"
#include "hybrid/tokenizer.h"

#define VS_BM25_META_BLOCK		0
#define VS_BM25_FORMAT			3
#define VS_BM25_MAGIC			0x25b77e57

/* Page locks. */
#define VS_BM25_MERGE_LOCK		0
#define VS_BM25_FLUSH_LOCK		1
#define VS_BM25_APPEND_LOCK		2
#define VS_BM25_SEGMENT_LOCKS	3	/* and the block that the segment begins at */

#define VS_BM25_MAX_SEGMENTS	48
#define VS_BM25_MAX_PENDING		12
#define VS_BM25_MAX_FREE		128

/*
 * Blocks of a pending extent, as many as are enough for a flush; and pending extents
 * that inserts fill while nobody flushes.
 */
#define VS_BM25_PENDING_BLOCKS	16
#define VS_BM25_PENDING_EXTENTS	8

/* The end of a page that is no metapage. */
typedef struct VsBm25Special
{
	uint32		generation;
	uint16		unused;
	uint16		page_id;		/* 0xFF8B, for pg_filedump and the like */
} VsBm25Special;

#define VS_BM25_PAGE_ID			0xFF8B

/* Where it is, whatever the page's header says. */
#define VS_BM25_SPECIAL_AT		(BLCKSZ - MAXALIGN(sizeof(VsBm25Special)))
#define VsBm25PageSpecial(page) ((VsBm25Special *) ((char *) (page) + VS_BM25_SPECIAL_AT))

/* Bytes of a run on each of its pages. */
#define VS_BM25_PAGE_BYTES \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - MAXALIGN(sizeof(VsBm25Special)))

typedef struct VsBm25Extent
{
	BlockNumber start;
	uint32		nblocks;
	uint32		generation;
} VsBm25Extent;

/*
 * A segment: rows with text, in the order of their lengths, then TIDs; rows that are NULL;
 * where lengths end; postings; the dictionary, whose pages begin with a whole entry.
 */
typedef struct VsBm25Segment
{
	VsBm25Extent extent;
	uint32		ndocs;			/* rows with text */
	uint32		nnulls;
	uint32		nterms;
	uint32		dict_pages;
	uint32		unused;			/* 0; padding would be whatever the stack had there */
	uint64		postings_at;	/* bytes from the segment's begin */
	uint64		dict_at;
	uint64		length;			/* terms of all rows, counted as often as they occur */
} VsBm25Segment;

StaticAssertDecl(sizeof(VsBm25Segment) == 56, "segments have no padding");

/* Where the documents of each length end, of those of one byte (bm25.h): as it is on disk. */
typedef struct VsBm25Lengths
{
	uint32		ends[VS_BM25_LENGTHS];
} VsBm25Lengths;

/* Where that stands in a segment: behind its rows. */
#define VsBm25LengthsAt(segment) \
	(((uint64) (segment)->ndocs + (segment)->nnulls) * sizeof(ItemPointerData))

typedef struct VsBm25Meta
{
	uint32		magic;
	uint32		format;
	uint32		next_generation;
	BlockNumber end;			/* blocks given out so far, and one */
	uint32		nsegments;
	uint32		npending;		/* pending extents, the oldest first */
	uint32		nfree;
	VsBm25Extent merging;		/* being written by who holds MERGE, */
	VsBm25Extent flushing;		/* or FLUSH: free again if nobody does */
	char		tokenizer_version[VS_TOKENIZER_VERSION_BYTES];
	VsBm25Segment segments[VS_BM25_MAX_SEGMENTS];
	VsBm25Extent pending[VS_BM25_MAX_PENDING];	/* nblocks: those in use */
	VsBm25Extent free[VS_BM25_MAX_FREE];
} VsBm25Meta;

/* Write the metapage of an empty index. */
extern void vs_bm25_meta_create(Relation rel, ForkNumber fork, const char *tokenizer_version);

/* Copy the metapage; raises XX002 if it is none, or names blocks that cannot be. */
extern void vs_bm25_meta_read(Relation rel, VsBm25Meta *meta);

/*
 * Raise XX002 if extents of a copy overlap or two have the same generation.  Returns how
 * many blocks have been lost: given out, and neither in use nor free.
 */
extern uint32 vs_bm25_check_extents(Relation rel, const VsBm25Meta *meta);

/*
 * A look at an index by what a copy of its metapage says.  If pages have got other owners
 * meanwhile, it begins again:
 *
 *	VsBm25Look	look = {.rel = rel};
 *
 *	while (vs_bm25_look(&look))
 *		read what look.meta says, with &look.stale for the readers
 *
 * Memory is that of the look, and goes with it.
 */
typedef struct VsBm25Look
{
	Relation	rel;
	VsBm25Meta	meta;
	bool		stale;
	MemoryContext context;
	MemoryContext caller;		/* for what is to stay */
} VsBm25Look;

extern bool vs_bm25_look(VsBm25Look *look);

/* Are there other segments or pending extents by now than a copy of the metapage says? */
extern bool vs_bm25_has_changed(Relation rel, const VsBm25Meta *meta);

/*
 * A reader met pages that are not what the metapage said.  Returns if that has changed
 * meanwhile; raises XX002 if not.
 */
extern void vs_bm25_check_changed(Relation rel, const VsBm25Meta *meta);

/* Raise XX002; what follows the index is what errdetail() takes. */
#define vs_bm25_broken(rel, ...) \
	ereport(ERROR, \
			(errcode(ERRCODE_INDEX_CORRUPTED), \
			 errmsg("index \"%s\" is broken", RelationGetRelationName(rel)), \
			 errdetail(__VA_ARGS__), \
			 errhint("REINDEX the index.")))

/*
 * Change the metapage: begin gives its copy to be changed, commit writes and logs
 * what has become of it.  One at a time; nothing that may raise in between.
 */
typedef struct VsBm25MetaEdit
{
	Buffer		buffer;
	void	   *xlog;
	VsBm25Meta *meta;
} VsBm25MetaEdit;

extern VsBm25Meta *vs_bm25_meta_begin(Relation rel, VsBm25MetaEdit *edit);
extern void vs_bm25_meta_commit(VsBm25MetaEdit *edit);

/* Within an edit: take an extent, or give it back. */
extern VsBm25Extent vs_bm25_extent_take(VsBm25Meta *meta, uint32 nblocks);
extern void vs_bm25_extent_free(VsBm25Meta *meta, VsBm25Extent *extent);

/*
 * Write a page of an extent: n bytes from the page's begin on.
 */
extern void vs_bm25_page_write(Relation rel, const VsBm25Extent *extent, uint32 number,
							   const void *bytes, int n);

/*
 * A reader of runs of bytes.  It keeps a pin on the page it read last.  While an index
 * is built, a part of a run may be in a temporary file.
 */
typedef struct VsBm25Reader
{
	BufFile    *file;			/* or NULL */
	uint64		file_at;		/* where in the run it begins */
	Relation	rel;
	VsBm25Extent extent;
	Buffer		buffer;
	BlockNumber block;
	BlockNumber nblocks;		/* blocks that the index has at least */
	bool	   *stale;			/* set when a page was of another generation */
	uint32		found;			/* that generation; 0: the page is not written yet */
} VsBm25Reader;

/* Whether a TID can be one: of no other may the table be asked. */
static inline bool
vs_bm25_tid_is_valid(const ItemPointerData *tid)
{
	return ItemPointerIsValid(tid) && ItemPointerGetBlockNumberNoCheck(tid) != InvalidBlockNumber;
}

/* The block that has a byte of the run. */
#define VsBm25BlockAt(reader, at)	((reader)->extent.start + (BlockNumber) ((at) / VS_BM25_PAGE_BYTES))

/* The page that was last found to be of another generation, to name it in errors. */
extern BlockNumber vs_bm25_stale_block(void);

extern void vs_bm25_reader_init(VsBm25Reader *reader, Relation rel, const VsBm25Extent *extent,
								bool *stale);
extern void vs_bm25_reader_init_file(VsBm25Reader *reader, BufFile *file, uint64 file_at,
									 bool *stale);
extern void vs_bm25_reader_end(VsBm25Reader *reader);

/*
 * Copy n bytes at an offset of the run; zeros, and *stale set, if they are no longer
 * there.
 */
extern void vs_bm25_read(VsBm25Reader *reader, uint64 at, void *bytes, size_t n);

/* Copy a page's bytes (room for VS_BM25_PAGE_BYTES); returns how many, 0 if stale. */
extern int	vs_bm25_read_page(VsBm25Reader *reader, uint32 number, void *bytes);

#endif							/* VECSTORE_BM25_PAGE_H */
