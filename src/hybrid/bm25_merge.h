/*
 * bm25_merge.h
 *		Making segments: of rows in memory, of the pending rows, of other segments.
 */
#ifndef VECSTORE_BM25_MERGE_H
#define VECSTORE_BM25_MERGE_H

#include "access/genam.h"
#include "hybrid/bm25_collector.h"

/*
 * Merge the segments of a build, in temporary files, and close these.  The new
 * segment's writer is left to be ended.
 */
extern VsBm25Writer *vs_bm25_merge_runs(VsBm25Run *runs, int n, FileSet *files, const char *name);

/* ---- changes of the list of segments ---- */

/* Add what was written, rows of no other place, as a segment; nothing if it is empty. */
extern void vs_bm25_add_written(Relation rel, VsBm25Writer *writer);

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
