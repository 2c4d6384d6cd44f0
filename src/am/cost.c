/*
 * cost.c
 *		What the planner is told about a scan.
 *
 * A scan that stops after few rows visits some hundreds of vertices at random;
 * one that goes on visits more and more, until the sweep reads the index from
 * end to end and sorts (scan.c).  The planner interpolates between a start-up
 * and a total cost, and the curve, which has a step, is far from a line.  So
 * where it is known how many rows the query will take, the total is set so that
 * the interpolation is right there; elsewhere a line is drawn that is right
 * before the step and on the safe side of it (see total_cost()).
 *
 * Constants were measured with test/bench/planner.py and "Planner" in
 * docs/benchmarks.md says on what; a cost of 1 is about 2 us there, as
 * sequential scans of cached tables have it.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/am.h"
#include "am/graph.h"
#include "miscadmin.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

/*
 * The nearest n vertices cost VISITS * sqrt(m) * n ^ VISITS_POWER visits, one
 * for each list read and each vertex priced: the more a search has seen, the
 * fewer of the neighbours it meets are new.  Whether n is ef_search or what a
 * scan went on to makes no difference.  With m = 16 the factor, here 40, was 55
 * to 60 for SIFT, 24 to 65 for MNIST, 12 to 38 for clustered vectors; of the
 * latter 14 to 27 with m = 8, 13 to 43 with m = 32.
 */
#define VISITS				10
#define VISITS_POWER		0.8

/*
 * Pinning, locking and pricing a vertex in a cached page, in cpu_operator_cost:
 * 0.2 to 0.35 us at 32 to 128 dimensions, 0.45 us at 784; 0.5 to 0.65 us in
 * scans of thousands of rows, which leave the processor's caches.
 */
#define VISIT_OPERATORS		80
#define DIMS_PER_OPERATOR	16

/*
 * Where lists hold codes, a visit is a vertex expanded: a page or two, and all its
 * neighbours priced, 0.6 us at 128 dimensions and 1.3 us at 768.  Nearly every one
 * is a result, and while a scan goes on rows are looked at to put them in order.
 */
#define CODE_VISITS			1.1
#define CODE_VISIT_OPERATORS	100
#define CODE_DIMS_PER_OPERATOR	5
#define RERANK_OPERATORS	160

/* Of the neighbours of a vertex expanded so, how many were not met before. */
#define CODE_NEW			18

/* What the sweep does with a row besides sorting it: 0.4 to 0.55 us in all. */
#define SWEEP_OPERATORS		32

/* As SWEEP_RATIO in scan.c. */
#define SWEEP_SHARE			0.125

/*
 * Bytes of memory for a visited vertex: a candidate in two heaps, which are
 * half empty at most.
 */
#define VISITED_BYTES		(3 * sizeof(VsCandidate))

/* The share of its rows that core assumes a query takes, if LIMIT is unknown. */
#define UNKNOWN_LIMIT_SHARE	0.1

typedef struct CostModel
{
	PlannerInfo *root;
	VsIndex		index;
	double		tuples;
	double		vertices;
	double		pages;
	double		ef;
	double		random_page;	/* of a page visited through the graph */
	double		seq_page;
} CostModel;

/* Visits until so many rows were returned, if there is no sweep. */
static double
visits(const CostModel *model, double rows)
{
	double		m = model->index.m;
	int			levels = log(Max(model->vertices, 2)) / log(vs_level_base(&model->index));
	double		upper = 0;
	double		n = rows * model->vertices / model->tuples;

	/* Few of the neighbours met on the way down are new. */
	for (int l = 1; l <= levels; l++)
		upper += vs_descent_width(&model->index, model->ef, l) *
			(model->index.bits > 0 ? 2 : 1 + m / 4);
	if (model->index.bits > 0)
		return upper + CODE_VISITS * Max(n, model->ef);
	return upper + VISITS * sqrt(m) * pow(Max(n, model->ef), VISITS_POWER);
}

/* Visits after which a scan stops walking the graph. */
static double
most_visits(const CostModel *model)
{
	double		bytes = VISITED_BYTES * (model->index.bits > 0 ? CODE_NEW : 1);

	return Min(model->vertices * SWEEP_SHARE, work_mem * 1024.0 / bytes);
}

/* Rows returned before a scan stops walking the graph: visits() backwards. */
static double
rows_before_sweep(const CostModel *model)
{
	double		n = model->index.bits > 0 ? most_visits(model) / CODE_VISITS :
		pow(most_visits(model) / (VISITS * sqrt(model->index.m)), 1 / VISITS_POWER);

	return Min(Max(n, model->ef) * model->tuples / model->vertices, model->tuples);
}

/* Cost of so many visits. */
static Cost
graph_cost(const CostModel *model, double n)
{
	double		operators = model->index.bits > 0 ?
		CODE_VISIT_OPERATORS + model->index.dims / CODE_DIMS_PER_OPERATOR + RERANK_OPERATORS :
		VISIT_OPERATORS + model->index.dims / DIMS_PER_OPERATOR;
	double		pages;

	/* A vertex is priced once, and its list read once. */
	n = Min(n, 2 * model->vertices) * (1 + model->index.ntails);
	pages = index_pages_fetched(n, model->pages, model->pages, model->root);
	return pages * model->random_page + n * operators * cpu_operator_cost;
}

/* Cost of reading the whole index and sorting its rows. */
static Cost
sweep_cost(const CostModel *model)
{
	double		n = Max(model->tuples, 2);

	return model->pages * model->seq_page +
		n * (cpu_index_tuple_cost +
			 cpu_operator_cost * (SWEEP_OPERATORS + 2 * log2(n)));
}

/* Cost of returning so many rows. */
static Cost
rows_cost(const CostModel *model, double rows)
{
	double		walked = Min(rows, rows_before_sweep(model));
	Cost		cost = graph_cost(model, visits(model, walked));

	return rows > walked ? cost + sweep_cost(model) : cost;
}

/* Whether the value of a LIMIT or OFFSET is known only at run time. */
static bool
is_unknown(Node *count)
{
	return count && !IsA(count, Const);
}

/*
 * Cost of returning all rows, such that a query which stops earlier is charged
 * what it will take.
 *
 * All rows are taken if there is no LIMIT.  Otherwise what a query on one table
 * takes is LIMIT divided by the share of rows the filters keep.  LIMIT may be
 * unknown (a parameter of a generic plan): somebody who orders by distance
 * wants few rows, no more than the search finds at once, and the planner will
 * charge a tenth.  Under a join or GROUP BY the planner knows later than now
 * what share it takes: there the cost rises along the line from the start to
 * the middle of the step that the sweep makes.  A query that needs fewer rows
 * is charged a little too much, of little; one that needs more could as well
 * scan the table.
 */
static Cost
total_cost(const CostModel *model, RelOptInfo *rel, Cost startup)
{
	PlannerInfo *root = model->root;
	double		kept = rel->tuples > 0 ? Max(rel->rows / rel->tuples, 1e-10) : 1;
	double		rows;
	double		share;
	Cost		cost;

	if (root->tuple_fraction <= 0)
		return rows_cost(model, model->tuples);
	if (root->limit_tuples < 0 && (is_unknown(root->parse->limitCount) ||
								   is_unknown(root->parse->limitOffset)))
	{
		rows = Min(model->ef / kept, model->tuples);
		share = UNKNOWN_LIMIT_SHARE;
		cost = rows_cost(model, rows);
	}
	else if (root->limit_tuples >= 0 &&
			 bms_membership(root->all_baserels) != BMS_MULTIPLE)
	{
		rows = Min(root->limit_tuples / kept, model->tuples);
		share = Max(rows, 1) / model->tuples;
		cost = rows_cost(model, rows);
	}
	else
	{
		rows = rows_before_sweep(model);
		share = rows / model->tuples;
		cost = rows_cost(model, rows) + sweep_cost(model) / 2;
	}
	return startup + Max(cost - startup, 0) / share;
}

/*
 * Cost of a page visited at random.  Searches keep coming back to the same
 * pages, so what fits the cache will be there: free, but for the visit itself,
 * in shared buffers (of which we claim half), to be copied from the system's
 * cache, or to be read.
 */
static double
visited_page_cost(double pages, double random_page, double seq_page)
{
	double		buffered = Min(1, 0.5 * NBuffers / pages);
	double		cached = Max(buffered, Min(1, effective_cache_size / pages));

	return (cached - buffered) * seq_page + (1 - cached) * random_page;
}

void
vs_costestimate(PlannerInfo *root, IndexPath *path, double loop_count,
				Cost *startup, Cost *total, Selectivity *selectivity,
				double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	CostModel	model;
	double		random_page;
	VsMeta		meta;
	Relation	rel;

	*selectivity = 1;
	*correlation = 0;
	*pages = info->pages;
	if (list_length(path->indexorderbys) != 1)
	{
		/*
		 * Without a distance there is nothing to gain over a sequential scan;
		 * a second one would be ignored, where the first ties.
		 */
		*startup = *total = get_float8_infinity();
		vs_disable_path(&path->path);
		return;
	}

	rel = index_open(info->indexoid, NoLock);
	meta = vs_meta_read(rel);
	model.index = vs_index_open(rel);
	index_close(rel, NoLock);

	model.root = root;
	model.tuples = Max(info->tuples, 1);
	model.vertices = Min(meta.vertices > 0 ? meta.vertices : model.tuples, model.tuples);
	model.pages = Max(info->pages, 1);
	model.ef = vs_ef_search;
	get_tablespace_page_costs(info->reltablespace, &random_page, &model.seq_page);
	model.random_page = visited_page_cost(model.pages, random_page, model.seq_page);

	*startup = rows_cost(&model, Min(model.ef, model.tuples));
	*total = Max(*startup, total_cost(&model, path->path.parent, *startup));
}
