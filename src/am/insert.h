/*
 * insert.h
 *		Inserting rows on an index's pages, one at a time.
 */
#ifndef VECSTORE_INSERT_H
#define VECSTORE_INSERT_H

#include "am/pagegraph.h"

/* What one row after another can share. */
typedef struct VsInserter
{
	Relation	rel;
	VsIndex		index;
	VsPageGraph graph;
	VsSearch	search;
	MemoryContext scratch;		/* reset after every row */
} VsInserter;

/* Set up inserts into an index; memory comes from parent. */
extern VsInserter *vs_inserter_create(Relation rel, MemoryContext parent);

/* Insert a row. */
extern void vs_inserter_insert(VsInserter *inserter, Datum value, bool isnull,
							   const ItemPointerData *tid);

/* The same with the vector as the index keeps it. */
extern void vs_inserter_insert_kept(VsInserter *inserter, const void *kept,
									const ItemPointerData *tid);

/* Add rows that have no place in the graph to a list aside. */
extern void vs_insert_aside(Relation rel, VsRowsKind kind, const ItemPointerData *tids,
							int64 n);

#endif							/* VECSTORE_INSERT_H */
