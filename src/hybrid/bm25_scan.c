/*
 * bm25_scan.c
 *		Index scans in the order of scores.
 *
 * A scan fetches the best documents in batches, each four times as large as the one
 * before, from where the last one ended; nothing is held between two batches but the
 * query with its statistics.  Behind the last match come the rows without one, then
 * the NULLs, in batches, too: so LIMIT is filled, whatever a filter keeps, and the answer
 * is that of a sort.
 */
#include "postgres.h"
#include "compat.h"

#include "access/relscan.h"
#include "catalog/pg_type.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_given.h"
#include "hybrid/bm25_query.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#define FIRST_BATCH		16
#define BATCH_GROWTH	4

typedef enum Phase
{
	PHASE_START,
	PHASE_MATCHES,
	PHASE_REST,
	PHASE_NULLS,
	PHASE_END
} Phase;

typedef struct VsBm25Scan
{
	MemoryContext own;			/* of this struct */
	MemoryContext context;		/* reset when the scan begins anew */
	VsBm25Given given;
	MemoryContext batch_context;
	Phase		phase;
	VsBm25Query *query;
	int64		k;				/* of the next batch */
	VsBm25Hit  *hits;
	VsBm25Hit	last;			/* of the batches before */
	ItemPointerData *tids;		/* instead of hits, behind the matches */
	int64		n;				/* in the batch */
	bool		last_batch;
	int64		next;
} VsBm25Scan;

IndexScanDesc
vs_bm25_beginscan(Relation index, int nkeys, int norderbys)
{
	IndexScanDesc scan = RelationGetIndexScan(index, nkeys, norderbys);
	MemoryContext own = AllocSetContextCreate(CurrentMemoryContext, "vecstore_bm25 scan",
											  ALLOCSET_SMALL_SIZES);
	VsBm25Scan *state = MemoryContextAllocZero(own, sizeof(VsBm25Scan));

	state->own = own;
	state->context = AllocSetContextCreate(own, "vecstore_bm25 scan's rows", ALLOCSET_DEFAULT_SIZES);
	vs_bm25_given_begin(&state->given, scan, own);
	scan->opaque = state;
	scan->xs_orderbyvals = palloc0(Max(norderbys, 1) * sizeof(Datum));
	scan->xs_orderbynulls = palloc(Max(norderbys, 1) * sizeof(bool));
	memset(scan->xs_orderbynulls, true, Max(norderbys, 1) * sizeof(bool));
	return scan;
}

void
vs_bm25_rescan(IndexScanDesc scan, ScanKey keys, int nkeys, ScanKey orderbys, int norderbys)
{
	VsBm25Scan *state = scan->opaque;

	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
	MemoryContextReset(state->context);
	state->phase = PHASE_START;
	state->given.query = NULL;
}

void
vs_bm25_endscan(IndexScanDesc scan)
{
	VsBm25Scan *state = scan->opaque;

	MemoryContextDelete(state->own);
}

/* The query of the scan's key, with statistics of the index it names. */
static VsBm25Query *
read_query(IndexScanDesc scan)
{
	VsBm25Scan *state = scan->opaque;
	ScanKey		key = scan->numberOfOrderBys > 0 ? &scan->orderByData[0] : NULL;
	VsBm25QueryDatum *query;
	text	   *string;

	if (key == NULL || (key->sk_flags & SK_ISNULL))
		return NULL;
	if (key->sk_strategy == 1)
	{
		string = DatumGetTextPP(key->sk_argument);
		return vs_bm25_query_prepare(RelationGetRelid(scan->indexRelation), VARDATA_ANY(string),
									 VARSIZE_ANY_EXHDR(string));
	}
	query = (VsBm25QueryDatum *) PG_DETOAST_DATUM_COPY(key->sk_argument);
	state->given.query = query;
	return vs_bm25_query_prepare(query->index, query->text, VsBm25QueryTextSize(query));
}

/* Begin with what is to be returned next. */
static void
begin_phase(VsBm25Scan *state, Phase phase)
{
	state->phase = phase;
	state->k = FIRST_BATCH;
	state->n = state->next = 0;
	state->last_batch = false;
}

static void
start(IndexScanDesc scan)
{
	VsBm25Scan *state = scan->opaque;
	static VsBm25Query none;

	pgstat_count_index_scan(scan->indexRelation);
	vs_count_index_search(scan);
	state->batch_context = AllocSetContextCreate(state->context, "vecstore_bm25 batch",
												 ALLOCSET_DEFAULT_SIZES);
	state->query = read_query(scan);
	if (state->query == NULL)
		state->query = &none;
	begin_phase(state, state->query->n > 0 ? PHASE_MATCHES : PHASE_REST);
}

/* Fetch the phase's next batch; false if there is none. */
static bool
next_batch(IndexScanDesc scan)
{
	VsBm25Scan *state = scan->opaque;
	Relation	rel = scan->indexRelation;
	bool		first = state->n == 0;
	MemoryContext old;

	if (state->last_batch)
		return false;
	if (!first && state->phase == PHASE_MATCHES)
		state->last = state->hits[state->n - 1];
	else if (!first)
		state->last.tid = state->tids[state->n - 1];
	MemoryContextReset(state->batch_context);
	old = MemoryContextSwitchTo(state->batch_context);
	if (state->phase == PHASE_MATCHES)
		state->n = vs_bm25_top(rel, state->query, first ? NULL : &state->last, state->k, &state->hits);
	else
	{
		const ItemPointerData *after = first ? NULL : &state->last.tid;

		state->tids = palloc_extended(state->k * sizeof(ItemPointerData), MCXT_ALLOC_HUGE);
		state->n = state->phase == PHASE_NULLS ? vs_bm25_nulls(rel, after, state->k, state->tids) :
			vs_bm25_rest(rel, state->query, after, state->k, state->tids);
	}
	MemoryContextSwitchTo(old);
	state->last_batch = state->n < state->k;
	state->k *= BATCH_GROWTH;
	state->next = 0;
	return state->n > 0;
}

/* Give a row to the executor. */
static bool
give(IndexScanDesc scan, const ItemPointerData *tid, double rank, bool null)
{
	scan->xs_heaptid = *tid;
	scan->xs_recheck = false;
	scan->xs_recheckorderby = false;
	if (scan->numberOfOrderBys > 0)
	{
		bool		no_query = scan->orderByData[0].sk_flags & SK_ISNULL;

		((VsBm25Scan *) scan->opaque)->given.rank = rank;
		scan->xs_orderbyvals[0] = Float8GetDatum(rank);
		scan->xs_orderbynulls[0] = null || no_query;
	}
	return true;
}

bool
vs_bm25_gettuple(IndexScanDesc scan, ScanDirection direction)
{
	VsBm25Scan *state = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(state->context);
	bool		found = false;

	Assert(ScanDirectionIsForward(direction));
	if (state->phase == PHASE_START)
		start(scan);
	while (!found && state->phase != PHASE_END)
	{
		if (state->next == state->n && !next_batch(scan))
			begin_phase(state, state->phase + 1);
		else if (state->phase == PHASE_MATCHES)
		{
			const VsBm25Hit *hit = &state->hits[state->next++];

			found = give(scan, &hit->tid, vs_bm25_rank(state->query, hit->score), false);
		}
		else
			found = give(scan, &state->tids[state->next++], 0, state->phase == PHASE_NULLS);
	}
	MemoryContextSwitchTo(old);
	return found;
}
