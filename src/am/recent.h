/*
 * recent.h
 *		Reading pages that were read before, at the price of memory latency.
 *
 * A search reads some hundreds of pages in no order.  Nearly all are in shared
 * buffers, and what a page costs then is waiting for memory: for the buffer
 * table, the buffer's descriptor, the page.  Two things help.  This process
 * remembers which buffer a block was in, so that ReadRecentBuffer() can pin it
 * without the buffer table; and since it knows where all pages of a list are,
 * it can ask memory for them side by side (vs_recent_prefetch()) before it
 * reads the first.  Pages that are in no buffer it has read from disk side by
 * side, too (vs_recent_fetch()).
 *
 * What is remembered is a guess that ReadRecentBuffer() verifies.  So one small
 * table serves all indexes, nothing has to be forgotten, and a collision costs
 * no more than a look into the buffer table.
 */
#ifndef VECSTORE_RECENT_H
#define VECSTORE_RECENT_H

#include "storage/bufmgr.h"
#include "utils/rel.h"

/* Read a block of the main fork; the same as ReadBuffer(). */
extern Buffer vs_recent_read(Relation rel, BlockNumber block);

/*
 * A block is wanted soon: have it read from disk meanwhile, unless it is in a
 * buffer.  The relation, of about nblocks, must have it.  What is remembered is
 * believed of relations that shared buffers hold: that saves a look.
 */
extern void vs_recent_fetch(Relation rel, BlockNumber block, BlockNumber nblocks);

/*
 * Ask memory for a block's descriptor, if it is known where that is, and for so
 * many bytes at an offset of the page; for its header and end, too, if told so.
 */
extern void vs_recent_prefetch(Relation rel, BlockNumber block, bool header,
							   Size offset, Size bytes);

#endif							/* VECSTORE_RECENT_H */
