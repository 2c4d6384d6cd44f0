/*
 * rerank.c
 *		The exact rank of a row, from the table itself; see rerank.h.
 */
#include "postgres.h"
#include "compat.h"

#include "access/relscan.h"
#include "access/tableam.h"
#include "am/am.h"
#include "am/rerank.h"

void
vs_rerank_init(VsReranker *reranker, IndexScanDesc scan, const VsIndex *index,
			   const float *query)
{
	memset(reranker, 0, sizeof(VsReranker));
	reranker->scan = scan;
	reranker->index = index;
	reranker->query = query;
	reranker->kernel = vs_kernel(index->metric == VS_METRIC_IP ? VS_METRIC_IP : VS_METRIC_L2);
}

/* What is needed to look at rows. */
static void
open_table(VsReranker *reranker)
{
	Relation	heap = reranker->scan->heapRelation;
	Relation	rel = reranker->scan->indexRelation;

	reranker->fetch = table_index_fetch_begin(heap);
	reranker->slot = table_slot_create(heap, NULL);
	reranker->context = AllocSetContextCreate(CurrentMemoryContext, "vecstore rerank",
											  ALLOCSET_DEFAULT_SIZES);
	reranker->by_reader = rel->rd_index->indkey.values[0] == InvalidAttrNumber;
	if (reranker->by_reader)
		vs_rowreader_init(&reranker->reader, rel, false);
}

/* The indexed value of the row in the slot; false if it is NULL. */
static bool
indexed_value(VsReranker *reranker, Datum *value)
{
	Relation	rel = reranker->scan->indexRelation;
	bool		isnull;

	if (reranker->by_reader)
		return vs_rowreader_value(&reranker->reader, reranker->slot, value);
	*value = slot_getattr(reranker->slot, rel->rd_index->indkey.values[0], &isnull);
	return !isnull;
}

/* The rank of the row in the slot; false if it has none. */
static bool
rank_row(VsReranker *reranker, float *rank)
{
	const VsIndex *index = reranker->index;
	const float *vector;
	Datum		value;

	if (!indexed_value(reranker, &value))
		return false;
	vector = vs_index_form_vector(reranker->scan->indexRelation, index, value);
	if (vector == NULL)
		return false;
	*rank = reranker->kernel(reranker->query, vector, index->dims);
	return true;
}

bool
vs_rerank(VsReranker *reranker, const ItemPointerData *tids, int n, float *rank)
{
	bool		found = false;
	MemoryContext old;

	if (reranker->fetch == NULL)
		open_table(reranker);
	old = MemoryContextSwitchTo(reranker->context);
	for (int i = 0; i < n && !found; i++)
	{
		ItemPointerData tid = tids[i];
		bool		again = false;

		if (table_index_fetch_tuple(reranker->fetch, &tid, reranker->scan->xs_snapshot,
									reranker->slot, &again, NULL))
			found = rank_row(reranker, rank);
	}
	ExecClearTuple(reranker->slot);
	table_index_fetch_reset(reranker->fetch);
	MemoryContextSwitchTo(old);
	MemoryContextReset(reranker->context);
	return found;
}

void
vs_rerank_end(VsReranker *reranker)
{
	if (reranker->fetch == NULL)
		return;
	if (reranker->by_reader)
		vs_rowreader_end(&reranker->reader);
	table_index_fetch_end(reranker->fetch);
	ExecDropSingleTupleTableSlot(reranker->slot);
	MemoryContextDelete(reranker->context);
	reranker->fetch = NULL;
}
