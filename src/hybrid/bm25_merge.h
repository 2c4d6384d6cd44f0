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
 * The same, unless somebody else does, and merge what is small: as much as an insert
 * can do.
 */
extern void vs_bm25_tidy_up(Relation rel);

/* Raise XX002 if a segment that is locked was found stale: nobody else gives it up. */
extern void vs_bm25_check_segments(Relation rel, bool stale);

/* Lock a segment; false, and no lock, if it was given up. */
extern bool vs_bm25_lock_segment(Relation rel, const VsBm25Segment *segment);
extern void vs_bm25_unlock_segment(Relation rel, const VsBm25Segment *segment);

/*
 * Merge n segments into one; rows that the callback calls dead are left out.  Returns
 * its generation, 0 if no row is left.  The caller holds the segments' locks, and MERGE,
 * or else FLUSH.
 */
extern uint32 vs_bm25_merge(Relation rel, const VsBm25Segment *segments, int n, bool merging,
							IndexBulkDeleteCallback callback, void *callback_state);

/* Merge as long as there are too many segments of a size.  The caller holds MERGE. */
extern void vs_bm25_merge_tiers(Relation rel);

#endif							/* VECSTORE_BM25_MERGE_H */
