/*
 * ranked.c
 *		Heap TIDs in order of rank; see ranked.h.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/ranked.h"
#include "catalog/pg_operator_d.h"
#include "catalog/pg_type_d.h"
#include "miscadmin.h"

#define KEY_NAN		(PG_UINT32_MAX - 1)
#define KEY_NULL	PG_UINT32_MAX
#define SIGN_BIT	UINT32_C(0x80000000)

/*
 * The bits of an IEEE float order like the number if it is positive, and the
 * other way round if it is not.
 */
static uint32
key_of(float rank, bool isnull)
{
	uint32		bits;

	if (isnull || isnan(rank))
		return isnull ? KEY_NULL : KEY_NAN;
	rank += 0.0f;				/* -0 is 0 */
	memcpy(&bits, &rank, sizeof(bits));
	return bits & SIGN_BIT ? ~bits : bits | SIGN_BIT;
}

static float
rank_of(uint32 key)
{
	uint32		bits = key & SIGN_BIT ? key & ~SIGN_BIT : ~key;
	float		rank;

	if (key >= KEY_NAN)
		return NAN;
	memcpy(&rank, &bits, sizeof(rank));
	return rank;
}

/* Equal ranks come in the order of the table. */
static inline int
compare_rows(const VsRankedRow *a, const VsRankedRow *b)
{
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return ItemPointerCompare((ItemPointer) &a->tid, (ItemPointer) &b->tid);
}

#define ST_SORT			sort_rows
#define ST_ELEMENT_TYPE	VsRankedRow
#define ST_COMPARE(a, b)	compare_rows(a, b)
#define ST_CHECK_FOR_INTERRUPTS
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

void
vs_ranked_init(VsRankedRows *ranked, MemoryContext context)
{
	memset(ranked, 0, sizeof(VsRankedRows));
	ranked->context = context;
	ranked->max_size = (int64) work_mem * 1024 / sizeof(VsRankedRow);
	ranked->size = Min(1024, ranked->max_size);
	ranked->rows = MemoryContextAlloc(context, ranked->size * sizeof(VsRankedRow));
}

static void
put(VsRankedRows *ranked, const VsRankedRow *row)
{
	TupleTableSlot *slot = ranked->in;

	ExecClearTuple(slot);
	slot->tts_values[0] = Int64GetDatum(row->key);
	slot->tts_values[1] = PointerGetDatum(&row->tid);
	slot->tts_isnull[0] = slot->tts_isnull[1] = false;
	ExecStoreVirtualTuple(slot);
	tuplesort_puttupleslot(ranked->sort, slot);
}

/*
 * Memory is full: leave what there is to a tuplesort.
 */
static void
begin_tuplesort(VsRankedRows *ranked)
{
	MemoryContext old = MemoryContextSwitchTo(ranked->context);
	TupleDesc	desc = CreateTemplateTupleDesc(2);
	AttrNumber	columns[] = {1, 2};
	Oid			less[] = {Int8LessOperator, TIDLessOperator};
	Oid			collations[] = {InvalidOid, InvalidOid};
	bool		nulls_first[] = {false, false};

	TupleDescInitEntry(desc, 1, "key", INT8OID, -1, 0);
	TupleDescInitEntry(desc, 2, "tid", TIDOID, -1, 0);
	ranked->in = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	ranked->out = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	ranked->sort = tuplesort_begin_heap(desc, lengthof(columns), columns, less, collations,
										nulls_first, work_mem, NULL, TUPLESORT_NONE);
	for (int64 i = 0; i < ranked->n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put(ranked, &ranked->rows[i]);
	}
	pfree(ranked->rows);
	ranked->rows = NULL;
	MemoryContextSwitchTo(old);
}

void
vs_ranked_add(VsRankedRows *ranked, float rank, bool isnull, const ItemPointerData *tid)
{
	VsRankedRow row = {.key = key_of(rank, isnull),.tid = *tid};

	if (ranked->sort == NULL && ranked->n == ranked->size)
	{
		if (2 * ranked->size > ranked->max_size)
		{
			begin_tuplesort(ranked);
			Assert(ranked->sort != NULL);
		}
		else
		{
			ranked->size *= 2;
			ranked->rows = repalloc_huge(ranked->rows, ranked->size * sizeof(VsRankedRow));
		}
	}
	if (ranked->sort)
		put(ranked, &row);
	else
		ranked->rows[ranked->n++] = row;
}

void
vs_ranked_sort(VsRankedRows *ranked)
{
	if (ranked->sort)
		tuplesort_performsort(ranked->sort);
	else
		sort_rows(ranked->rows, ranked->n);
}

bool
vs_ranked_next(VsRankedRows *ranked, float *rank, ItemPointerData *tid)
{
	bool		isnull;

	if (ranked->sort == NULL)
	{
		if (ranked->next >= ranked->n)
			return false;
		*rank = rank_of(ranked->rows[ranked->next].key);
		*tid = ranked->rows[ranked->next++].tid;
		return true;
	}
	if (!tuplesort_gettupleslot(ranked->sort, true, false, ranked->out, NULL))
		return false;
	*rank = rank_of((uint32) DatumGetInt64(slot_getattr(ranked->out, 1, &isnull)));
	*tid = *(ItemPointer) DatumGetPointer(slot_getattr(ranked->out, 2, &isnull));
	return true;
}

void
vs_ranked_end(VsRankedRows *ranked)
{
	if (ranked->sort == NULL)
		return;
	tuplesort_end(ranked->sort);
	ExecDropSingleTupleTableSlot(ranked->in);
	ExecDropSingleTupleTableSlot(ranked->out);
	ranked->sort = NULL;
}
