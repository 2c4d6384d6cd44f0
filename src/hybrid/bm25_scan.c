/*
 * bm25_scan.c
 *		Index scans in the order of scores.
 *
 * A scan fetches the best documents in batches, each four times as large as the one
 * before, from where the last one ended; nothing is held between two batches but the
 * query with its statistics.  Behind the last match come the rows without one, then
 * the NULLs, in batches, too: so LIMIT is filled, whatever a filter keeps, and the answer
 * is that of a sort.
 *
 * With keys (@@), the rows that match them are collected first, in the order of their TIDs.
 * Without an order they are handed out like that; with one, batches are of the best among
 * them, and behind the last one with a score come those without.
 */
#include "postgres.h"
#include "compat.h"

#include "access/relscan.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_given.h"
#include "hybrid/bm25_match.h"
#include "hybrid/bm25_query.h"
#include "nodes/tidbitmap.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"

#define FIRST_BATCH		16
#define BATCH_GROWTH	4

/* What a row of a batch takes while the best are searched. */
#define SEARCH_BYTES	40

typedef enum Phase
{
	PHASE_START,
	PHASE_MATCHES,
	PHASE_REST,					/* without keys: rows without a term, then NULLs */
	PHASE_NULLS,
	PHASE_FOUND,				/* with keys: the rows that match them */
	PHASE_END
} Phase;

/* A row that matches the keys, or may do so. */
typedef struct FoundRow
{
	ItemPointerData tid;
	uint8		recheck;
	uint8		given;			/* to the executor */
} FoundRow;

/* All of them, in the order of TIDs. */
typedef struct FoundRows
{
	MemoryContext context;
	FoundRow   *rows;
	int64		n;
	int64		size;
} FoundRows;

typedef struct VsBm25Scan
{
	MemoryContext own;			/* of this struct */
	MemoryContext context;		/* reset when the scan begins anew */
	VsBm25Given given;
	MemoryContext batch_context;
	Phase		phase;
	FoundRows	found;			/* if there are keys */
	int64		ngiven;			/* of those */
	VsBm25Wanted wanted;
	VsBm25Query *query;
	bool		no_scores;		/* the query is for other terms than the index has */
	int64		k;				/* of the next batch */
	VsBm25Hit  *hits;
	VsBm25Hit	last;			/* of the batches before */
	VsBm25Row	last_row;
	VsBm25Row  *rows;			/* instead of hits, behind the matches */
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

	if (keys && scan->numberOfKeys > 0)
		memmove(scan->keyData, keys, scan->numberOfKeys * sizeof(ScanKeyData));
	if (orderbys && scan->numberOfOrderBys > 0)
		memmove(scan->orderByData, orderbys, scan->numberOfOrderBys * sizeof(ScanKeyData));
	MemoryContextReset(state->context);
	memset(&state->found, 0, sizeof(FoundRows));
	state->ngiven = 0;
	state->phase = PHASE_START;
	state->no_scores = false;
	state->given.query = NULL;
}

void
vs_bm25_endscan(IndexScanDesc scan)
{
	VsBm25Scan *state = scan->opaque;

	MemoryContextDelete(state->own);
}

/*
 * The query of the scan's key, with statistics of the index it names; NULL if there is none,
 * or it is for other terms.
 */
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
	state->no_scores = !vs_bm25_has_terms_of(scan->indexRelation, query->index);
	if (state->no_scores)
		return NULL;
	state->given.query = query;
	return vs_bm25_query_prepare(query->index, query->text, VsBm25QueryTextSize(query));
}

/* ---- keys ---- */

/* What a row must have to match all keys; NULL if none can. */
static VsMatch *
read_keys(IndexScanDesc scan)
{
	VsMatch    *all = NULL;

	for (int i = 0; i < scan->numberOfKeys; i++)
	{
		VsMatch    *one = vs_bm25_match_key(scan->indexRelation, &scan->keyData[i]);

		if (one == NULL)
			return NULL;
		all = all ? vs_match_join(&vs_bm25_match_calls, VS_MATCH_AND, all, one) : one;
	}
	return all;
}

/* Some rows match. */
static void
add_found(void *state, ItemPointerData *tids, int n, bool recheck)
{
	FoundRows  *found = state;

	if (found->n + n > found->size)
	{
		found->size = Max(found->size * 2, found->n + n + 64);
		found->rows = found->rows ? repalloc_huge(found->rows, found->size * sizeof(FoundRow)) :
			MemoryContextAllocHuge(found->context, found->size * sizeof(FoundRow));
	}
	for (int i = 0; i < n; i++)
	{
		FoundRow   *row = &found->rows[found->n++];

		row->tid = tids[i];
		row->recheck = recheck;
		row->given = false;
	}
}

static inline int
compare_found(const void *a, const void *b)
{
	int64		x = itemptr_encode((ItemPointer) &((const FoundRow *) a)->tid);
	int64		y = itemptr_encode((ItemPointer) &((const FoundRow *) b)->tid);

	return x < y ? -1 : x > y;
}

#define ST_SORT			sort_found
#define ST_ELEMENT_TYPE	FoundRow
#define ST_COMPARE(a, b)	compare_found(a, b)
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

/* Collect the rows that match, each once. */
static void
collect_found(IndexScanDesc scan)
{
	FoundRows  *found = &((VsBm25Scan *) scan->opaque)->found;
	VsMatch    *match = read_keys(scan);
	int64		n = 0;

	found->context = CurrentMemoryContext;
	if (match)
		vs_bm25_find(scan->indexRelation, match, add_found, found);
	if (found->n > 0)
		sort_found(found->rows, found->n);
	for (int64 i = 0; i < found->n; i++)
		if (n > 0 && compare_found(&found->rows[n - 1], &found->rows[i]) == 0)
			found->rows[n - 1].recheck |= found->rows[i].recheck;
		else
			found->rows[n++] = found->rows[i];
	found->n = n;
}

/* A row among those that match; NULL if it does not. */
static FoundRow *
find_row(const FoundRows *found, const ItemPointerData *tid)
{
	FoundRow	key = {.tid = *tid};

	return found->n == 0 ? NULL : bsearch(&key, found->rows, found->n, sizeof(FoundRow), compare_found);
}

static bool
is_found(void *found, const ItemPointerData *tid)
{
	return find_row(found, tid) != NULL;
}

/* How many rows were found, and where they go. */
typedef struct BitmapFill
{
	TIDBitmap  *bitmap;
	int64		n;
} BitmapFill;

/* Some rows match. */
static void
add_to_bitmap(void *state, ItemPointerData *tids, int n, bool recheck)
{
	BitmapFill *fill = state;

	tbm_add_tuples(fill->bitmap, tids, n, recheck);
	fill->n += n;
}

/* Without keys: all rows, NULLs too.  Nobody wants that, but for a planner left no choice. */
static void
add_all(Relation index, BitmapFill *fill)
{
	static VsBm25Query none;
	VsBm25Row	rows[1024];

	for (int nulls = 0; nulls <= 1; nulls++)
	{
		VsBm25Row	last;
		int64		n = 0;

		do
		{
			const VsBm25Row *after = n > 0 ? &last : NULL;

			CHECK_FOR_INTERRUPTS();
			n = nulls ? vs_bm25_nulls(index, after, lengthof(rows), rows) :
				vs_bm25_rest(index, &none, after, lengthof(rows), rows);
			for (int64 i = 0; i < n; i++)
				add_to_bitmap(fill, &rows[i].tid, 1, false);
			if (n > 0)
				last = rows[n - 1];
		} while (n == lengthof(rows));
	}
}

int64
vs_bm25_getbitmap(IndexScanDesc scan, TIDBitmap *bitmap)
{
	VsBm25Scan *state = scan->opaque;
	MemoryContext old = MemoryContextSwitchTo(state->context);
	BitmapFill	fill = {bitmap, 0};
	VsMatch    *match = NULL;

	pgstat_count_index_scan(scan->indexRelation);
	vs_count_index_search(scan);
	if (scan->numberOfKeys == 0)
		add_all(scan->indexRelation, &fill);
	else
		match = read_keys(scan);
	if (match)
		vs_bm25_find(scan->indexRelation, match, add_to_bitmap, &fill);
	MemoryContextSwitchTo(old);
	return fill.n;
}

/* ---- in the order of scores ---- */

/* Begin with what is to be returned next. */
static void
begin_phase(VsBm25Scan *state, Phase phase)
{
	state->phase = phase;
	state->k = FIRST_BATCH;
	state->n = state->next = 0;
	state->last_batch = false;
}

static Phase
phase_behind(IndexScanDesc scan)
{
	Phase		phase = ((VsBm25Scan *) scan->opaque)->phase;

	if (phase == PHASE_NULLS)
		return PHASE_END;
	return phase == PHASE_MATCHES && scan->numberOfKeys > 0 ? PHASE_FOUND : phase + 1;
}

static void
start(IndexScanDesc scan)
{
	VsBm25Scan *state = scan->opaque;
	static VsBm25Query none;

	pgstat_count_index_scan(scan->indexRelation);
	vs_count_index_search(scan);
	if (scan->numberOfKeys > 0)
	{
		collect_found(scan);
		state->wanted.is_wanted = is_found;
		state->wanted.state = &state->found;
		if (scan->numberOfOrderBys == 0 || state->found.n == 0)
		{
			begin_phase(state, PHASE_FOUND);
			return;
		}
	}
	state->batch_context = AllocSetContextCreate(state->context, "vecstore_bm25 batch",
												 ALLOCSET_DEFAULT_SIZES);
	state->query = read_query(scan);
	if (state->query == NULL)
		state->query = &none;
	begin_phase(state, PHASE_MATCHES);
	if (state->query->n == 0)
		begin_phase(state, phase_behind(scan));
}

/*
 * The largest batch that work_mem allows.  One of the best rows takes a search of the whole
 * index, so there is no end of small ones.
 */
static int64
max_batch(Phase phase)
{
	if (phase == PHASE_MATCHES)
		return Max(work_mem, 1024) * INT64CONST(1024) / SEARCH_BYTES;
	return work_mem * INT64CONST(1024) / sizeof(VsBm25Row);
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
	if (state->phase == PHASE_FOUND)
	{
		state->n = state->found.n;
		state->last_batch = true;
		return state->n > 0;
	}
	if (!first && state->phase == PHASE_MATCHES)
		state->last = state->hits[state->n - 1];
	else if (!first)
		state->last_row = state->rows[state->n - 1];
	MemoryContextReset(state->batch_context);
	state->k = Min(state->k, max_batch(state->phase));
	old = MemoryContextSwitchTo(state->batch_context);
	if (state->phase == PHASE_MATCHES)
		state->n = vs_bm25_top(rel, state->query, scan->numberOfKeys > 0 ? &state->wanted : NULL,
							   first ? NULL : &state->last, state->k, &state->hits);
	else
	{
		const VsBm25Row *after = first ? NULL : &state->last_row;

		state->rows = palloc_extended(state->k * sizeof(VsBm25Row), MCXT_ALLOC_HUGE);
		state->n = state->phase == PHASE_NULLS ? vs_bm25_nulls(rel, after, state->k, state->rows) :
			vs_bm25_rest(rel, state->query, after, state->k, state->rows);
	}
	MemoryContextSwitchTo(old);
	state->last_batch = state->n < state->k;
	state->k *= BATCH_GROWTH;
	state->next = 0;
	return state->n > 0;
}

/* Give a row to the executor, once if there are keys. */
static bool
give(IndexScanDesc scan, const ItemPointerData *tid, double rank, bool null)
{
	VsBm25Scan *state = scan->opaque;

	scan->xs_heaptid = *tid;
	scan->xs_recheck = false;
	if (scan->numberOfKeys > 0)
	{
		FoundRow   *row = find_row(&state->found, tid);

		if (row->given)
			return false;
		row->given = true;
		scan->xs_recheck = row->recheck;
		if (++state->ngiven == state->found.n)
			state->phase = PHASE_END;
	}
	scan->xs_recheckorderby = state->no_scores;
	if (scan->numberOfOrderBys > 0)
	{
		bool		no_query = scan->orderByData[0].sk_flags & SK_ISNULL;

		/* What is handed out to be computed must not be above what it will be. */
		state->given.rank = rank;
		scan->xs_orderbyvals[0] = Float8GetDatum(state->no_scores ? -get_float8_infinity() : rank);
		scan->xs_orderbynulls[0] = (null && !state->no_scores) || no_query;
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
		CHECK_FOR_INTERRUPTS();
		if (state->next == state->n && !next_batch(scan))
			begin_phase(state, phase_behind(scan));
		else if (state->phase == PHASE_MATCHES)
		{
			const VsBm25Hit *hit = &state->hits[state->next++];

			found = give(scan, &hit->tid, vs_bm25_rank(state->query, hit->score), false);
		}
		else if (state->phase == PHASE_FOUND)
			found = give(scan, &state->found.rows[state->next++].tid, 0, false);
		else
			found = give(scan, &state->rows[state->next++].tid, 0, state->phase == PHASE_NULLS);
	}
	MemoryContextSwitchTo(old);
	return found;
}
