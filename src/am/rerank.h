/*
 * rerank.h
 *		The exact rank of a row, from the table itself.
 *
 * An index of codes keeps vectors rounded to 8 bits a coordinate.  Where two
 * vertices' ranks are nearer to each other than the rounding lets one tell, a
 * scan looks at the rows.
 */
#ifndef VECSTORE_RERANK_H
#define VECSTORE_RERANK_H

#include "access/genam.h"
#include "am/page.h"
#include "am/row.h"

typedef struct VsReranker
{
	IndexScanDesc scan;
	const VsIndex *index;
	const float *query;			/* of unit length where the index keeps such */
	VsKernel	kernel;
	struct IndexFetchTableData *fetch;	/* what follows is made when first needed */
	struct TupleTableSlot *slot;
	MemoryContext context;		/* one row's work */
	bool		by_reader;		/* the index is on an expression */
	VsRowReader reader;
} VsReranker;

/* Get ready; index and query must last as long as the reranker. */
extern void vs_rerank_init(VsReranker *reranker, IndexScanDesc scan, const VsIndex *index,
						   const float *query);

/*
 * The rank of one of n rows that have the same vector, in the units in which the
 * index's codes rank.  False if the scan's snapshot sees none of them.
 */
extern bool vs_rerank(VsReranker *reranker, const ItemPointerData *tids, int n, float *rank);

/* Let go of the table. */
extern void vs_rerank_end(VsReranker *reranker);

#endif							/* VECSTORE_RERANK_H */
