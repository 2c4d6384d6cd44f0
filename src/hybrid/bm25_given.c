/*
 * bm25_given.c
 *		The rank of the row that an index scan has just given.
 */
#include "postgres.h"
#include "compat.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "hybrid/bm25_given.h"
#include "storage/bufmgr.h"

/* Scans under way. */
static dlist_head scans = DLIST_STATIC_INIT(scans);

static void
forget(void *given)
{
	dlist_delete(&((VsBm25Given *) given)->node);
}

void
vs_bm25_given_begin(VsBm25Given *given, IndexScanDesc scan, MemoryContext context)
{
	given->scan = scan;
	given->query = NULL;
	dlist_push_head(&scans, &given->node);
	given->at_end.func = forget;
	given->at_end.arg = given;
	MemoryContextRegisterResetCallback(context, &given->at_end);
}

/* Whether a pointer is that of the indexed column in the scan's present row. */
static bool
is_present(IndexScanDesc scan, const char *pointer)
{
	AttrNumber	column = scan->indexRelation->rd_index->indkey.values[0];
	Buffer		buffer;
	Page		page;
	ItemId		item;
	HeapTupleData tuple;
	bool		isnull;

	if (column <= 0 || scan->xs_heapfetch == NULL ||
		scan->heapRelation->rd_tableam != GetHeapamTableAmRoutine())
		return false;
	buffer = ((IndexFetchHeapData *) scan->xs_heapfetch)->xs_cbuf;
	if (!BufferIsValid(buffer) ||
		BufferGetBlockNumber(buffer) != ItemPointerGetBlockNumber(&scan->xs_heaptid))
		return false;
	page = BufferGetPage(buffer);
	if (pointer < (char *) page || pointer >= (char *) page + BLCKSZ)
		return false;

	/* The scan's TID is that of the visible version now, not of its HOT chain's root. */
	item = PageGetItemId(page, ItemPointerGetOffsetNumber(&scan->xs_heaptid));
	if (!ItemIdIsNormal(item))
		return false;
	tuple.t_data = (HeapTupleHeader) PageGetItem(page, item);
	tuple.t_len = ItemIdGetLength(item);
	return pointer == DatumGetPointer(heap_getattr(&tuple, column, RelationGetDescr(scan->heapRelation), &isnull)) &&
		!isnull;
}

bool
vs_bm25_given_rank(Datum document, const VsBm25QueryDatum *query, double *rank)
{
	dlist_iter	iter;

	dlist_foreach(iter, &scans)
	{
		VsBm25Given *given = dlist_container(VsBm25Given, node, iter.cur);

		if (given->query && VARSIZE(given->query) == VARSIZE(query) &&
			memcmp(given->query, query, VARSIZE(query)) == 0 &&
			is_present(given->scan, DatumGetPointer(document)))
		{
			*rank = given->rank;
			return true;
		}
	}
	return false;
}
