/*
 * limit.h
 *		How many rows a scan will be asked for.
 *
 * An access method returns one row after another and isn't told when that ends.
 * A search can end sooner if it knows: what matters then is whether the rows
 * that LIMIT wants can still change (graph.h).  The plan knows.  While the executor
 * runs a query, a hook remembers which; a scan looks for itself in the tree of
 * that query's nodes, and for the Limit above it.
 */
#ifndef VECSTORE_LIMIT_H
#define VECSTORE_LIMIT_H

#include "access/genam.h"

/* Called by vs_am_init. */
extern void vs_limit_init(void);

/*
 * Rows that LIMIT and OFFSET above the scan want, all that it will be asked for as long
 * as nothing between drops rows; 0 if there is no LIMIT, or a filter or a join
 * below it.
 */
extern int64 vs_limit_above(IndexScanDesc scan);

#endif							/* VECSTORE_LIMIT_H */
