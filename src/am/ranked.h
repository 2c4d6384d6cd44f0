/*
 * ranked.h
 *		Heap TIDs in order of rank: what a sweep collects, sorts and returns.
 *
 * Twelve bytes a row, in an array that is sorted in place as long as work_mem
 * holds it; beyond that in a tuplesort, which goes to disk.
 */
#ifndef VECSTORE_RANKED_H
#define VECSTORE_RANKED_H

#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/tuplesort.h"

/* A row; the key orders as ranks do, NaN after all others and NULL last. */
typedef struct VsRankedRow
{
	uint32		key;
	ItemPointerData tid;
} VsRankedRow;

typedef struct VsRankedRows
{
	MemoryContext context;
	VsRankedRow *rows;
	int64		n;
	int64		size;
	int64		max_size;		/* rows that work_mem holds */
	int64		next;			/* row to be returned next */
	Tuplesortstate *sort;		/* NULL: all is in rows */
	TupleTableSlot *in;
	TupleTableSlot *out;
} VsRankedRows;

/* An empty set; memory comes from context, at most work_mem. */
extern void vs_ranked_init(VsRankedRows *ranked, MemoryContext context);

extern void vs_ranked_add(VsRankedRows *ranked, float rank, bool isnull,
						  const ItemPointerData *tid);

/* Sort; nothing is added afterwards. */
extern void vs_ranked_sort(VsRankedRows *ranked);

/* The next row in order; false at the end.  Rank is NaN for NULL. */
extern bool vs_ranked_next(VsRankedRows *ranked, float *rank, ItemPointerData *tid);

/* Give back what the context does not hold. */
extern void vs_ranked_end(VsRankedRows *ranked);

#endif							/* VECSTORE_RANKED_H */
