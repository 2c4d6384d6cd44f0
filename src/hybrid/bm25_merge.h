/*
 * bm25_merge.h
 *		Making segments: of rows in memory, of the pending rows, of other segments.
 */
#ifndef VECSTORE_BM25_MERGE_H
#define VECSTORE_BM25_MERGE_H

#include "access/genam.h"
#include "hybrid/bm25_document.h"
#include "hybrid/bm25_page.h"

/* ---- rows collected in memory ---- */

typedef struct VsBm25Collector VsBm25Collector;

extern VsBm25Collector *vs_bm25_collector_create(MemoryContext parent);
extern void vs_bm25_collector_add(VsBm25Collector *collector, const VsBm25Document *document);
extern Size vs_bm25_collector_bytes(const VsBm25Collector *collector);
extern bool vs_bm25_collector_is_empty(const VsBm25Collector *collector);

/* Write what was collected; the collector is gone then. */
extern VsBm25Segment vs_bm25_collector_write(VsBm25Collector *collector, Relation rel, bool merging);

/* ---- changes of the list of segments ---- */

/* Add the segment of a collector that holds rows of no other place. */
extern void vs_bm25_add_collected(Relation rel, VsBm25Collector *collector);

/* Make a segment of the pending rows; waits for a flush under way. */
extern void vs_bm25_flush(Relation rel);

/*
 * Raise XX002 if segments were found stale by one who holds the MERGE lock: nobody else
 * gives any up.
 */
extern void vs_bm25_check_segments(Relation rel, bool stale);

/*
 * Merge n segments, by number, into one; rows that the callback calls dead are left
 * out.  The caller holds the MERGE lock.
 */
extern void vs_bm25_merge(Relation rel, const int *numbers, int n,
						  IndexBulkDeleteCallback callback, void *callback_state);

/*
 * Merge as long as there are too many segments of a size; at most so many blocks at
 * once, 0: whatever it takes.  The caller holds the MERGE lock.
 */
extern void vs_bm25_merge_tiers(Relation rel, uint32 max_blocks);

#endif							/* VECSTORE_BM25_MERGE_H */
