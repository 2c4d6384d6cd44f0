/*
 * recall.c
 *		vecstore_recall(): what share of the true nearest rows an index finds.
 *
 * Rows of the table serve as queries.  One pass over the table draws them
 * (reservoir sampling: J. S. Vitter, "Random sampling with a reservoir", 1985,
 * algorithm R), a second finds the exact distance of each one's k-th nearest
 * row.  Then the index is scanned for each; a row it returns is a hit if it is
 * no farther than that, so that ties count whichever of them is returned.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/genam.h"
#include "access/skey.h"
#include "access/table.h"
#include "access/tableam.h"
#include "am/am.h"
#include "am/row.h"
#include "common/pg_prng.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

#define MAX_K			1000
#define MAX_SAMPLES		100000

/* A row used as a query, and the k least distances of other rows. */
typedef struct Sample
{
	ItemPointerData tid;
	VsVector   *vector;
	int			n;				/* distances so far, at most k */
	double	   *nearest;		/* ascending */
} Sample;

typedef struct Recall
{
	Relation	heap;
	Relation	rel;
	VsMetric	metric;
	int			k;
	VsRowReader reader;
	Sample	   *samples;
	int			nsamples;
	int			max_samples;
	int64		rows;			/* rows with a vector */
} Recall;

/*
 * The indexed vector of the row in the slot, valid until the next call; NULL
 * if the row has none or is not in the index.
 */
static VsVector *
row_vector(Recall *recall, TupleTableSlot *slot)
{
	MemoryContext old;
	VsVector   *vector;
	Datum		value;

	if (!vs_rowreader_value(&recall->reader, slot, &value))
		return NULL;
	old = MemoryContextSwitchTo(VsRowReaderMemory(&recall->reader));
	vector = DatumGetVsVector(value);
	MemoryContextSwitchTo(old);
	return vector;
}

/* Put a row among the samples, with the chance algorithm R gives it. */
static void
draw(Recall *recall, VsVector *vector, const ItemPointerData *tid)
{
	int64		place = recall->rows++;
	Sample	   *sample;

	if (place >= recall->max_samples)
		place = pg_prng_uint64_range(&pg_global_prng_state, 0, place);
	if (place >= recall->max_samples)
		return;
	sample = &recall->samples[place];
	if (place == recall->nsamples)
	{
		recall->nsamples++;
		sample->nearest = palloc(recall->k * sizeof(double));
	}
	else
		pfree(sample->vector);
	sample->tid = *tid;
	sample->n = 0;
	sample->vector = memcpy(palloc(VARSIZE(vector)), vector, VARSIZE(vector));
}

/* Let a row compete to be among the nearest of every sample. */
static void
compete(Recall *recall, VsVector *vector, const ItemPointerData *tid)
{
	for (int i = 0; i < recall->nsamples; i++)
	{
		Sample	   *sample = &recall->samples[i];
		double		distance;
		int			at;

		if (ItemPointerEquals((ItemPointer) tid, &sample->tid))
			continue;
		vs_check_same_dim(vector, sample->vector);
		distance = vs_distance(recall->metric, sample->vector->x, vector->x, vector->dim);
		if (isnan(distance) ||
			(sample->n == recall->k && distance >= sample->nearest[sample->n - 1]))
			continue;
		at = sample->n == recall->k ? sample->n - 1 : sample->n++;
		for (; at > 0 && sample->nearest[at - 1] > distance; at--)
			sample->nearest[at] = sample->nearest[at - 1];
		sample->nearest[at] = distance;
	}
}

/* Read the table, and hand each row that is in the index to visit. */
static void
read_table(Recall *recall, void (*visit) (Recall *, VsVector *, const ItemPointerData *))
{
	TupleTableSlot *slot = table_slot_create(recall->heap, NULL);
	TableScanDesc scan = table_beginscan(recall->heap, GetActiveSnapshot(), 0, NULL);

	while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
	{
		VsVector   *vector = row_vector(recall, slot);

		CHECK_FOR_INTERRUPTS();
		if (vector)
			visit(recall, vector, &slot->tts_tid);
	}
	table_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
}

/* How many of a sample's k nearest the index returns among its first k. */
static int
count_hits(Recall *recall, Sample *sample, TupleTableSlot *slot)
{
	IndexScanDesc scan = vs_index_beginscan(recall->heap, recall->rel,
											GetActiveSnapshot(), 0, 1);
	ScanKeyData key;
	int			hits = 0;
	int			rows = 0;

	memset(&key, 0, sizeof(key));
	key.sk_flags = SK_ORDER_BY;
	key.sk_attno = 1;
	key.sk_strategy = 1;
	key.sk_argument = PointerGetDatum(sample->vector);
	index_rescan(scan, NULL, 0, &key, 1);
	vs_scan_want(scan, sample->n + 1);	/* the sample itself, too */
	while (rows < sample->n && index_getnext_slot(scan, ForwardScanDirection, slot))
	{
		VsVector   *vector;

		if (ItemPointerEquals(&slot->tts_tid, &sample->tid))
			continue;
		rows++;
		vector = row_vector(recall, slot);
		if (vector && vs_distance(recall->metric, sample->vector->x, vector->x,
								  vector->dim) <= sample->nearest[sample->n - 1])
			hits++;
	}
	index_endscan(scan);
	return hits;
}

/* The share of hits over all samples; 1 if there was nothing to find. */
static double
measure(Recall *recall)
{
	TupleTableSlot *slot = table_slot_create(recall->heap, NULL);
	int64		hits = 0;
	int64		wanted = 0;

	for (int i = 0; i < recall->nsamples; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (recall->samples[i].n == 0)
			continue;
		hits += count_hits(recall, &recall->samples[i], slot);
		wanted += recall->samples[i].n;
	}
	ExecDropSingleTupleTableSlot(slot);
	return wanted > 0 ? (double) hits / wanted : 1;
}

/* Error unless the argument lies in its range. */
static int
check_range(const char *name, int value, int max)
{
	if (value < 1 || value > max)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be between 1 and %d", name, max)));
	return value;
}

PG_FUNCTION_INFO_V1(vecstore_recall);
Datum
vecstore_recall(PG_FUNCTION_ARGS)
{
	Recall		recall = {0};
	double		share;
	Oid			user;
	int			security;
	int			guc_level;

	recall.k = check_range("k", PG_GETARG_INT32(1), MAX_K);
	recall.max_samples = check_range("samples", PG_GETARG_INT32(2), MAX_SAMPLES);
	recall.rel = vs_index_open_checked(PG_GETARG_OID(0));
	recall.heap = table_open(recall.rel->rd_index->indrelid, AccessShareLock);

	/* As REINDEX: the index's own functions do not run with our rights. */
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(recall.heap->rd_rel->relowner,
						   security | SECURITY_RESTRICTED_OPERATION);
	guc_level = NewGUCNestLevel();

	/* These scans are not the user's, who would get a NOTICE for each. */
	(void) set_config_option("vecstore.explain", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);

	recall.metric = vs_index_metric(recall.rel);
	vs_rowreader_init(&recall.reader, recall.rel, true);
	recall.samples = palloc0(recall.max_samples * sizeof(Sample));

	read_table(&recall, draw);
	read_table(&recall, compete);
	share = measure(&recall);

	vs_rowreader_end(&recall.reader);
	AtEOXact_GUC(false, guc_level);
	SetUserIdAndSecContext(user, security);
	table_close(recall.heap, AccessShareLock);
	index_close(recall.rel, AccessShareLock);
	PG_RETURN_FLOAT8(share);
}
