/*
 * bm25_given.h
 *		The rank of the row that an index scan has just given.
 *
 * SELECT … ORDER BY body <@> 'query' has the operator in its target list, so the executor
 * calls its function for each row of the result, and that would take a document apart
 * whose rank the index scan knew.  The function does not see the row, but where the
 * document lies in memory: if that is the indexed column of the very tuple in the page
 * that the scan holds pinned, the scan's rank is the answer.
 */
#ifndef VECSTORE_BM25_GIVEN_H
#define VECSTORE_BM25_GIVEN_H

#include "access/genam.h"
#include "hybrid/bm25_query.h"
#include "lib/ilist.h"

typedef struct VsBm25Given
{
	dlist_node	node;
	IndexScanDesc scan;
	VsBm25QueryDatum *query;	/* NULL: no row was given */
	double		rank;
	MemoryContextCallback at_end;
} VsBm25Given;

/* A scan can be asked until the memory context goes, in which given must be. */
extern void vs_bm25_given_begin(VsBm25Given *given, IndexScanDesc scan, MemoryContext context);

/* The rank of a document, if it is that of a row that a scan for the query gave last. */
extern bool vs_bm25_given_rank(Datum document, const VsBm25QueryDatum *query, double *rank);

#endif							/* VECSTORE_BM25_GIVEN_H */
