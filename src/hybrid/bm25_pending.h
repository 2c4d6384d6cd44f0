/*
 * bm25_pending.h
 *		Rows inserted last: a log in pages, which searches read as a whole.
 *
 * A row is a record of bytes, its terms included.  Records are cut into pieces that
 * fit the pages; a piece begins with two bytes: its length, and whether it is a row's
 * first or last.  A row whose insert was cut off lacks its last piece, and is none.
 */
#ifndef VECSTORE_BM25_PENDING_H
#define VECSTORE_BM25_PENDING_H

#include "hybrid/bm25_document.h"
#include "hybrid/bm25_page.h"

/* Append a row; the blocks that were in use before. */
typedef enum VsBm25Appended
{
	VS_BM25_APPENDED,
	VS_BM25_FULL,				/* flush first */
	VS_BM25_TOO_LONG			/* more than all blocks hold: make it a segment */
} VsBm25Appended;

extern VsBm25Appended vs_bm25_pending_append(Relation rel, const VsBm25Document *document,
											 int *blocks);

/* The extent that rows are appended to. */
#define VsBm25Tail(meta)	(&(meta)->pending[(meta)->npending - 1])

/* Within a change of the metapage: begin one more extent. */
extern void vs_bm25_pending_extend(VsBm25Meta *meta);

/* Blocks in use. */
extern int	vs_bm25_pending_blocks(const VsBm25Meta *meta);

/*
 * Read the rows of a copy of the metapage, one after the other; false at the end, or
 * when *stale is set.  A document lasts until the next one.  Raises XX002 for bytes that
 * are no row.
 */
typedef struct VsBm25Pending
{
	Relation	rel;
	const VsBm25Meta *meta;
	bool	   *stale;
	uint32		extent;
	uint32		block;			/* the next one, in it */
	BlockNumber present;		/* the block that page is of */
	int			n;
	int			at;
	bool		open;			/* a row has begun and not ended */
	char	   *record;
	uint32		filled;
	uint32		size;
	VsBm25Term *terms;
	uint32		nterms;
	bool		selects;		/* wanted says which terms are */
	bool		wanted[PG_UINT8_MAX + 1];	/* by their marks */
	char		page[BLCKSZ];
} VsBm25Pending;

extern void vs_bm25_pending_begin(VsBm25Pending *pending, Relation rel, const VsBm25Meta *meta,
								  bool *stale);

/*
 * Ask for a term before the first row.  Documents leave out terms that nobody asked for,
 * but for some, unless nobody asked for any.
 */
extern void vs_bm25_pending_want(VsBm25Pending *pending, const char *term, int length);
extern bool vs_bm25_pending_next(VsBm25Pending *pending, VsBm25Document *document);
extern void vs_bm25_pending_end(VsBm25Pending *pending);

#endif							/* VECSTORE_BM25_PENDING_H */
