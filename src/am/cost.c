/*
 * cost.c
 *		What the planner is told about a scan.
 *
 * A scan that stops after few rows touches some hundreds of vertices at random;
 * one that goes on touches more and more, until the sweep reads the index from
 * end to end and sorts (scan.c).  The planner interpolates between a start-up
 * and a total cost, which such a curve is far from.  So where LIMIT is known,
 * the total is set so that the interpolation is right at the number of rows
 * this query will need: LIMIT divided by the share of rows its filters keep.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/am.h"
#include "optimizer/cost.h"
#include "optimizer/optimizer.h"
#include "utils/float.h"
#include "utils/selfuncs.h"
#include "utils/spccache.h"

/*
 * Measured on graphs of m = 16: an expansion prices about a third of the 2m
 * neighbours for the first time; while a scan goes on, about a fifth.
 */
#define NEW_SHARE_FIRST		0.35
#define NEW_SHARE_LATER		0.20

/* As SWEEP_RATIO in scan.c. */
#define SWEEP_SHARE			0.125

/* Pinning, locking and pricing a vertex, in cpu_operator_cost. */
#define VISIT_OPERATORS		16

typedef struct CostModel
{
	PlannerInfo *root;
	double		vertices;
	double		pages;
	int			m;
	double		ef;
	double		random_page;
	double		seq_page;
} CostModel;

/* Vertices visited until rows were returned, if there was no sweep. */
static double
visited(const CostModel *model, double rows)
{
	double		upper = model->m * log(Max(model->vertices, 2)) / log(model->m);
	double		first = (model->ef + 10) * 2 * model->m * NEW_SHARE_FIRST;
	double		later = Max(rows - model->ef, 0) * 2 * model->m * NEW_SHARE_LATER;

	return upper + first + later;
}

/* Cost of visiting so many vertices through the graph. */
static Cost
graph_cost(const CostModel *model, double n)
{
	double		pages;

	n = Min(n, model->vertices);
	pages = index_pages_fetched(n, model->pages, model->pages, model->root);
	return pages * model->random_page + n * VISIT_OPERATORS * cpu_operator_cost;
}

/* Cost of reading the whole index and sorting its rows. */
static Cost
sweep_cost(const CostModel *model)
{
	double		n = Max(model->vertices, 2);

	return model->pages * model->seq_page +
		n * (cpu_index_tuple_cost + 2 * cpu_operator_cost * log2(n));
}

/* Cost of returning so many rows. */
static Cost
rows_cost(const CostModel *model, double rows)
{
	double		n = visited(model, rows);

	if (rows <= model->ef)
		return graph_cost(model, n);
	if (n > model->vertices * SWEEP_SHARE)
	{
		n = Max(model->vertices * SWEEP_SHARE, visited(model, model->ef));
		return graph_cost(model, n) + sweep_cost(model);
	}
	return graph_cost(model, n);
}

/*
 * Rows the query will take from the index: all, or as many as give LIMIT rows
 * once the filters have dropped theirs.
 */
static double
rows_needed(PlannerInfo *root, IndexPath *path, double tuples)
{
	RelOptInfo *rel = path->path.parent;
	double		kept = rel->tuples > 0 ? rel->rows / rel->tuples : 1;

	if (root->limit_tuples < 0 || bms_membership(root->all_baserels) == BMS_MULTIPLE)
		return tuples;
	return Min(tuples, root->limit_tuples / Max(kept, 1e-10));
}

void
vs_costestimate(PlannerInfo *root, IndexPath *path, double loop_count,
				Cost *startup, Cost *total, Selectivity *selectivity,
				double *correlation, double *pages)
{
	IndexOptInfo *info = path->indexinfo;
	CostModel	model;
	double		tuples = Max(info->tuples, 1);
	double		rows;
	double		cached;
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
	index_close(rel, NoLock);

	model.root = root;
	model.vertices = Max(Min(meta.vertices > 0 ? meta.vertices : tuples, tuples), 1);
	model.pages = Max(info->pages, 1);
	model.m = meta.m;
	model.ef = vs_ef_search;
	get_tablespace_page_costs(info->reltablespace, &model.random_page, &model.seq_page);

	/*
	 * Searches keep coming back to the same pages: what fits the cache will
	 * be there, and a page there costs no more for being random.
	 */
	cached = Min(1, (double) effective_cache_size / model.pages);
	model.random_page = cached * model.seq_page + (1 - cached) * model.random_page;

	rows = rows_needed(root, path, tuples);
	*startup = rows_cost(&model, Min(model.ef, tuples));
	*total = *startup + (rows_cost(&model, rows) - *startup) * tuples / Max(rows, 1);
	*total = Max(*total, *startup);
}
