/*
 * limit.c
 *		How many rows a scan will be asked for; see limit.h.
 *
 * The library is loaded when the planner first asks what a scan costs, so the
 * hook is there before the executor starts, without being preloaded.  Should
 * it not be, scans know no limit and search as far as ef_search says.
 */
#include "postgres.h"
#include "compat.h"

#include "am/limit.h"
#include "common/int.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "nodes/nodeFuncs.h"

/* The innermost query that the executor runs. */
static QueryDesc *running = NULL;

static ExecutorRun_hook_type next_run_hook = NULL;

static void
run_query(QueryDesc *query, ScanDirection direction, uint64 count VS_RUN_ONCE_PARAMETER)
{
	QueryDesc  *outer = running;

	running = query;
	PG_TRY();
	{
		if (next_run_hook)
			next_run_hook(query, direction, count VS_RUN_ONCE_ARGUMENT);
		else
			standard_ExecutorRun(query, direction, count VS_RUN_ONCE_ARGUMENT);
	}
	PG_FINALLY();
	{
		running = outer;
	}
	PG_END_TRY();
}

void
vs_limit_init(void)
{
	next_run_hook = ExecutorRun_hook;
	ExecutorRun_hook = run_query;
}

/* A node, and those it is below of. */
typedef struct Branch
{
	PlanState  *node;
	const struct Branch *above;
} Branch;

typedef struct Lookup
{
	IndexScanDesc scan;
	const Branch *above;		/* of the node visited next */
	int64		rows;			/* the answer */
} Lookup;

/* Whether a node is the top of one of the subplans. */
static bool
is_subplan(const List *subplans, const PlanState *node)
{
	ListCell   *cell;

	foreach(cell, subplans)
		if (lfirst_node(SubPlanState, cell)->planstate == node)
			return true;
	return false;
}

/* OFFSET and LIMIT together; 0 if all rows are wanted. */
static int64
rows_of_limit(const LimitState *limit)
{
	int64		rows;

	if (limit->noCount || pg_add_s64_overflow(limit->offset, limit->count, &rows))
		return 0;
	return rows;
}

/*
 * Climb to the Limit that cuts off what the node returns.  Only over nodes that
 * return every row they get, and as input, not for an expression's sake.
 */
static int64
limit_of(const PlanState *node, const Branch *above)
{
	for (; above && node->qual == NULL; node = above->node, above = above->above)
	{
		PlanState  *parent = above->node;

		if (is_subplan(parent->initPlan, node) || is_subplan(parent->subPlan, node))
			return 0;
		switch (nodeTag(parent))
		{
			case T_LimitState:
				return rows_of_limit((const LimitState *) parent);
			case T_ResultState:
			case T_AppendState:
			case T_MergeAppendState:
			case T_LockRowsState:
			case T_SubqueryScanState:
				break;
			default:
				return 0;
		}
	}
	return 0;
}

/* Look for the scan's node in a tree; true ends the walk. */
static bool
find_limit(PlanState *node, void *context)
{
	Lookup	   *lookup = context;
	const Branch *above = lookup->above;
	Branch		here = {.node = node,.above = above};
	bool		found;

	if (IsA(node, IndexScanState) && ((IndexScanState *) node)->iss_ScanDesc == lookup->scan)
	{
		lookup->rows = limit_of(node, above);
		return true;
	}
	check_stack_depth();
	lookup->above = &here;
	found = planstate_tree_walker(node, find_limit, lookup);
	lookup->above = above;
	return found;
}

int64
vs_limit_above(IndexScanDesc scan)
{
	Lookup		lookup = {.scan = scan};

	if (running && running->planstate)
		find_limit(running->planstate, &lookup);
	return lookup.rows;
}
