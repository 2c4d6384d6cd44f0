/*
 * buildbatch.c
 *		Rows of a build in batches, near ones one after another.
 *
 * To link a row means to read some hundred vertices all over the graph, and most
 * of the time goes by waiting for memory.  The next row, if it is near, needs much
 * the same vertices, which the processor's caches still have.  So a process
 * gathers rows and links those together that have the same nearest pivot.
 *
 * The order in which a graph grows decides how good it gets: sorted from end to
 * end, it would know nothing of the rest while a region fills.  Within batches that
 * are small as compared with the table, and after a first one in the order
 * of the table, it makes no difference (docs/benchmarks.md).  In computational
 * geometry this is a biased randomized insertion order (N. Amenta, S. Choi, G. Rote,
 * "Incremental constructions con BRIO", 2003).
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/build.h"
#include "miscadmin.h"

/* Rows of a batch, and bytes: a share of maintenance_work_mem; the first is short. */
#define MAX_ROWS		8192
#define FIRST_ROWS		512
#define LEAST_ROWS		64
#define MEMORY_SHARE	256

/* Rows of the first batch that become pivots, at most. */
#define MAX_PIVOTS		128

/* A row that waits, and the pivot it is nearest to. */
typedef struct VsWaiting
{
	int			pivot;
	int			place;			/* of its vector */
	ItemPointerData tid;
} VsWaiting;

struct VsBuildBatch
{
	Size		vector_size;
	int			room;
	int			target;			/* rows to be gathered this time */
	int			n;
	char	   *vectors;
	VsWaiting  *rows;
	int			npivots;
	char	   *pivots;
};

VsBuildBatch *
vs_batch_create(const VsIndex *index)
{
	VsBuildBatch *batch = palloc0(sizeof(VsBuildBatch));
	Size		bytes = (Size) maintenance_work_mem * 1024 / MEMORY_SHARE;
	Size		row = index->vector_size + sizeof(VsWaiting);

	batch->vector_size = index->vector_size;
	batch->room = Max(1, Min(MAX_ROWS, bytes / row));
	batch->target = Min(FIRST_ROWS, batch->room);
	batch->vectors = palloc_extended(batch->room * batch->vector_size, MCXT_ALLOC_HUGE);
	batch->rows = palloc_extended(batch->room * sizeof(VsWaiting), MCXT_ALLOC_HUGE);
	return batch;
}

static const char *
vector_at(const VsBuildBatch *batch, int place)
{
	return batch->vectors + place * batch->vector_size;
}

bool
vs_batch_add(VsBuildBatch *batch, const void *vector, const ItemPointerData *tid)
{
	batch->rows[batch->n] = (VsWaiting) {.place = batch->n,.tid = *tid};
	memcpy(batch->vectors + batch->n * batch->vector_size, vector, batch->vector_size);
	return ++batch->n >= batch->target;
}

/* The pivot that is nearest to a vector. */
static int
nearest_pivot(const VsBuildBatch *batch, const VsGraph *graph, const char *vector)
{
	int			nearest = 0;
	float		least = INFINITY;

	for (int i = 0; i < batch->npivots; i++)
	{
		float		rank = vs_graph_rank(graph, vector, batch->pivots + i * batch->vector_size);

		if (rank < least)
		{
			least = rank;
			nearest = i;
		}
	}
	return nearest;
}

/* Take rows of the first batch as pivots. */
static void
choose_pivots(VsBuildBatch *batch)
{
	batch->npivots = Min(batch->n, MAX_PIVOTS);
	batch->pivots = MemoryContextAllocHuge(GetMemoryChunkContext(batch),
										   batch->npivots * batch->vector_size);
	for (int i = 0; i < batch->npivots; i++)
		memcpy(batch->pivots + i * batch->vector_size,
			   vector_at(batch, i * (batch->n / batch->npivots)), batch->vector_size);
}

static int
compare_rows(const void *a, const void *b)
{
	const VsWaiting *x = a;
	const VsWaiting *y = b;

	return x->pivot != y->pivot ? x->pivot - y->pivot : x->place - y->place;
}

int
vs_batch_order(VsBuildBatch *batch, const VsGraph *graph)
{
	if (batch->pivots && batch->n > 1)
	{
		for (int i = 0; i < batch->n; i++)
			batch->rows[i].pivot = nearest_pivot(batch, graph, vector_at(batch, i));
		qsort(batch->rows, batch->n, sizeof(VsWaiting), compare_rows);
	}
	else if (batch->pivots == NULL && batch->n > 1)
		choose_pivots(batch);
	return batch->n;
}

const void *
vs_batch_row(const VsBuildBatch *batch, int i, ItemPointerData *tid)
{
	*tid = batch->rows[i].tid;
	return vector_at(batch, batch->rows[i].place);
}

void
vs_batch_next(VsBuildBatch *batch, double rows)
{
	batch->n = 0;
	batch->target = Min(2 * batch->target, Max(rows, LEAST_ROWS));
	batch->target = Min(batch->target, batch->room);
}
