/*
 * search.c
 *		SQL function vecstore.query() and the parts of its sisters: the rows of a
 *		collection that are nearest to a vector.
 *
 * A call becomes one statement of SQL that runs through SPI, read-only, in the
 * caller's snapshot and with the caller's rights, row security included.  All but
 * the vector and the least score is written into it: with LIMIT and the filter's
 * values known, a generic plan is as good as one for this vector.  So plans are
 * kept, by their text, and a call costs little more than the search itself.
 * PostgreSQL renews them when a table, a policy or search_path changes; we do when
 * the table has grown much, which it has no event for.
 *
 * Indexes of collections are on the rows that are not soft-deleted, and so the
 * condition that they are not is part of each statement.
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "am/am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "collection/namespace.h"
#include "collection/search.h"
#include "executor/spi.h"
#include "filter/filter_sql.h"
#include "fmgr.h"
#include "funcapi.h"
#include "hybrid/result.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "type/vector.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/reltrigger.h"
#include "utils/syscache.h"

#define DEFAULT_K		10
#define MAX_K			10000

/* Plans that are kept, and the longest statement of one. */
#define PLANS			32
#define MAX_PLAN_SQL	8192

/* An operator within SQL, written between string literals. */
#define OP(name)		" OPERATOR(pg_catalog." name ") "

/* The arguments of vecstore.query(). */
enum
{
	QUERY_COLLECTION,
	QUERY_EMBEDDING,
	QUERY_K,
	QUERY_FILTER,
	QUERY_FILTER_PARAMS,
	QUERY_OFFSET,
	QUERY_MIN_SCORE
};

/* The arguments of vecstore.nearest(). */
enum
{
	NEAREST_COLLECTION,
	NEAREST_EMBEDDING,
	NEAREST_ROWS,
	NEAREST_FILTER,
	NEAREST_FILTER_PARAMS
};

/* What is searched for, beside the vector. */
typedef struct Search
{
	Oid			relid;
	int			limit;
	int			offset;
	const char *filter;			/* SQL, or NULL */
	bool		has_min_score;
	bool		with_embedding; /* in the result */
	/* what describe() finds */
	const char *table;			/* in SQL */
	VsMetric	metric;
	Oid			type;			/* vecstore */
	int32		typmod;			/* of the column */
	BlockNumber blocks;			/* of the table */
} Search;

typedef struct KeptPlan
{
	char	   *sql;			/* NULL: none */
	SPIPlanPtr	plan;
	BlockNumber blocks;			/* of the table when it was planned */
	uint64		last_use;
} KeptPlan;

static KeptPlan plans[PLANS];
static uint64 uses = 0;
static int	running = 0;		/* plans that are being executed */

PG_FUNCTION_INFO_V1(vecstore_admit_search);
PG_FUNCTION_INFO_V1(vecstore_query);
PG_FUNCTION_INFO_V1(vecstore_query_sql);
PG_FUNCTION_INFO_V1(vecstore_nearest);

/* ---- May it be searched? ---- */

/* An integer argument, or what NULL stands for. */
static int
int_argument(FunctionCallInfo fcinfo, int argument, int otherwise)
{
	return PG_ARGISNULL(argument) ? otherwise : PG_GETARG_INT32(argument);
}

/* An error unless a namespace gives so many rows, from an offset on. */
static void
check_rows(const VsNamespace *ns, int k, int offset)
{
	if (k < 1 || k > MAX_K)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be between 1 and %d, not %d", MAX_K, k),
				 errhint("It is the number of rows to return; the default is %d.", DEFAULT_K)));
	if (offset < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("offset must be at least 0, not %d", offset),
				 errhint("It is the number of rows to pass over; the default is 0.")));
	if (ns->quota[VS_MAX_QUERY_RESULTS] >= 0 &&
		(int64) k + offset > ns->quota[VS_MAX_QUERY_RESULTS])
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg(INT64_FORMAT " rows are more than a query may find in namespace \"%s\"",
						(int64) k + offset, NameStr(ns->name)),
				 errdetail("max_query_results is " INT64_FORMAT "; it counts k and offset.",
						   ns->quota[VS_MAX_QUERY_RESULTS])));
}

/*
 * The table of a collection that the user may search for so many rows.  A kept
 * plan checks the rights on the table, but not those on the schema, each time.
 */
static Oid
admit(FunctionCallInfo fcinfo, int collection, int k, int offset)
{
	VsNamespace ns;
	Oid			relid;

	if (PG_ARGISNULL(collection))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a collection needs a name")));
	relid = vs_find_collection(PG_GETARG_TEXT_PP(collection), &ns);
	if (vs_schema_aclcheck(ns.schema, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, NameStr(ns.name));
	check_rows(&ns, k, offset);
	return relid;
}

/* vecstore.admit_search(collection, k, offset), for searches written in SQL. */
PGDLLEXPORT Datum
vecstore_admit_search(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(admit(fcinfo, 0, int_argument(fcinfo, 1, DEFAULT_K), int_argument(fcinfo, 2, 0)));
}

/* ---- The statement ---- */

/* The operators of the metrics. */
static const char *const operators[VS_METRIC_COUNT] = {
#define VS_METRIC_OPERATOR(ID, name, operator, function) operator,
	VS_METRICS(VS_METRIC_OPERATOR)
#undef VS_METRIC_OPERATOR
};

/* The metric of a name; false if there is none. */
bool
vs_metric_of_name(const char *name, VsMetric *metric)
{
	for (int m = 0; m < VS_METRIC_COUNT; m++)
		if (strcmp(vs_metric_name(m), name) == 0)
		{
			*metric = m;
			return true;
		}
	return false;
}

/* The metric of a collection is the argument of its trigger; false if that is none. */
static bool
find_metric(Relation rel, VsMetric *metric)
{
	TriggerDesc *triggers = rel->trigdesc;

	for (int i = 0; triggers && i < triggers->numtriggers; i++)
	{
		Trigger    *trigger = &triggers->triggers[i];

		if (strcmp(trigger->tgname, VS_GUARD) == 0 && trigger->tgnargs > 0)
			return vs_metric_of_name(trigger->tgargs[0], metric);
	}
	return false;
}

/* Find out what is to be known of the table, and lock it until the transaction ends. */
static void
describe(Search *search)
{
	Relation	rel = try_table_open(search->relid, AccessShareLock);
	AttrNumber	column;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", search->relid)));
	column = get_attnum(search->relid, "embedding");
	if (!find_metric(rel, &search->metric) || column <= 0 ||
		TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypid != search->type)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" cannot be searched", RelationGetRelationName(rel)),
				 errdetail("A collection has a trigger %s, whose argument is a metric, and a column \"embedding\" of type %s.",
						   VS_GUARD, format_type_be(search->type))));
	search->typmod = TupleDescAttr(RelationGetDescr(rel), column - 1)->atttypmod;
	search->blocks = RELKIND_HAS_STORAGE(rel->rd_rel->relkind) ? RelationGetNumberOfBlocks(rel) : 0;
	search->table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
											   RelationGetRelationName(rel));
	table_close(rel, NoLock);
}

/* The schema of a type, in SQL. */
static const char *
schema_of_type(Oid type)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	char	   *schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", type);
	schema = get_namespace_name(((Form_pg_type) GETSTRUCT(tuple))->typnamespace);
	ReleaseSysCache(tuple);
	return quote_identifier(schema);
}

/* The score of a distance, d: larger is better. */
static const char *
score(VsMetric metric)
{
	switch (metric)
	{
		case VS_METRIC_COSINE:
			return "(1" OP("-") "d)";
		case VS_METRIC_IP:
			return "(0" OP("-") "d)";
		default:
			return "(1" OP("/") "(1" OP("+") "d))";
	}
}

/*
 * The statement, with the vector as $1 and the least score as $2.  A row without a
 * vector, or one whose distance is no number, is last among the rows and not found.
 */
static char *
statement(const Search *search)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT id, %s AS score, d AS distance, metadata, document%s FROM "
					 "(SELECT t.id, t.embedding OPERATOR(%s.%s) $1 AS d, t.metadata, t.document%s FROM %s t "
					 "WHERE t.deleted_at IS NULL",
					 score(search->metric), search->with_embedding ? ", embedding" : "",
					 schema_of_type(search->type), operators[search->metric],
					 search->with_embedding ? ", t.embedding" : "", search->table);
	if (search->filter)
		appendStringInfo(&sql, " AND %s", search->filter);
	appendStringInfo(&sql, " ORDER BY d LIMIT %d", search->limit);
	if (search->offset > 0)
		appendStringInfo(&sql, " OFFSET %d", search->offset);
	appendStringInfoString(&sql, ") r WHERE d" OP("<=") "'Infinity'::pg_catalog.float8");
	if (search->has_min_score)
		appendStringInfo(&sql, " AND %s" OP(">=") "$2", score(search->metric));
	appendStringInfoString(&sql, " ORDER BY d");
	return sql.data;
}

/* ---- Plans ---- */

/* Has a table grown or shrunk so much that another plan may be better? */
static bool
is_stale(const KeptPlan *plan, BlockNumber blocks)
{
	return blocks / 2 > plan->blocks + 10 || plan->blocks / 2 > blocks + 10;
}

/* The kept plan of a statement, or the place for it: empty, or the one used least recently. */
static KeptPlan *
find_plan(const char *sql)
{
	KeptPlan   *oldest = &plans[0];

	for (int i = 0; i < PLANS; i++)
	{
		if (plans[i].sql && strcmp(plans[i].sql, sql) == 0)
			return &plans[i];
		if (plans[i].last_use < oldest->last_use)
			oldest = &plans[i];
	}
	return oldest;
}

/* Empty a place. */
static void
drop_plan(KeptPlan *plan)
{
	if (plan->sql == NULL)
		return;
	SPI_freeplan(plan->plan);
	pfree(plan->sql);
	memset(plan, 0, sizeof(KeptPlan));
}

/* Parse a statement. */
static SPIPlanPtr
prepare(const char *sql, Oid type)
{
	Oid			types[2] = {type, FLOAT8OID};
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, lengthof(types), types,
										  CURSOR_OPT_GENERIC_PLAN | CURSOR_OPT_PARALLEL_OK);

	if (plan == NULL)
		elog(ERROR, "search could not be prepared: %s", sql);
	return plan;
}

/*
 * The plan of a statement.  A search within a search (a policy may have one) must not
 * free what is being executed, and keeps none.
 */
static SPIPlanPtr
get_plan(const Search *search, const char *sql)
{
	KeptPlan   *plan;
	SPIPlanPtr	made;
	char	   *copy;

	if (running > 0 || strlen(sql) > MAX_PLAN_SQL)
		return prepare(sql, search->type);
	plan = find_plan(sql);
	if (plan->sql == NULL || strcmp(plan->sql, sql) != 0 || is_stale(plan, search->blocks))
	{
		made = prepare(sql, search->type);
		drop_plan(plan);
		copy = MemoryContextStrdup(TopMemoryContext, sql);
		SPI_keepplan(made);
		plan->plan = made;
		plan->sql = copy;
		plan->blocks = search->blocks;
	}
	plan->last_use = ++uses;
	return plan->plan;
}

/* ---- Running it ---- */

/* Run a plan; its rows are the function's result. */
static void
execute(FunctionCallInfo fcinfo, SPIPlanPtr plan, ParamListInfo params)
{
	SPIExecuteOptions options = {0};

	options.params = params;
	options.read_only = true;
	options.dest = vs_result_receiver(fcinfo, "columns of the collection are not those of a collection");
	running++;
	PG_TRY();
	{
		if (SPI_execute_plan_extended(plan, &options) != SPI_OK_SELECT)
			elog(ERROR, "search could not be run");
	}
	PG_FINALLY();
	{
		running--;
	}
	PG_END_TRY();
	options.dest->rDestroy(options.dest);
}

/* A filter that two arguments give, in SQL; NULL: none. */
static const char *
filter_argument(FunctionCallInfo fcinfo, Oid relid, int filter, int filter_params)
{
	if (PG_ARGISNULL(filter))
		return NULL;
	return vs_filter_sql(text_to_cstring(PG_GETARG_TEXT_PP(filter)), relid,
						 PG_ARGISNULL(filter_params) ? NULL : PG_GETARG_JSONB_P(filter_params), "t");
}

/* Search for the vector that an argument has. */
static void
run(FunctionCallInfo fcinfo, Search *search, int embedding, Datum min_score)
{
	ParamListInfo params = makeParamList(2);
	VsVector   *vector;
	int			level = NewGUCNestLevel();

	if (PG_ARGISNULL(embedding))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("there is no vector to search for")));
	vector = PG_GETARG_VSVECTOR_P(embedding);
	search->type = get_fn_expr_argtype(fcinfo->flinfo, embedding);
	describe(search);
	vs_check_typmod(vector->dim, search->typmod);
	vs_set_param(params, 0, search->type, PointerGetDatum(vector), false);
	vs_set_param(params, 1, FLOAT8OID, min_score, !search->has_min_score);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	vs_raise_ef_search((int) Min((int64) search->limit + search->offset, VS_MAX_EF_SEARCH));
	SPI_connect();
	execute(fcinfo, get_plan(search, statement(search)), params);
	SPI_finish();
	AtEOXact_GUC(true, level);
}

/* What the arguments of vecstore.query() say, but for the vector. */
static void
read_query(FunctionCallInfo fcinfo, Search *search)
{
	search->limit = int_argument(fcinfo, QUERY_K, DEFAULT_K);
	search->offset = int_argument(fcinfo, QUERY_OFFSET, 0);
	search->relid = admit(fcinfo, QUERY_COLLECTION, search->limit, search->offset);
	search->filter = filter_argument(fcinfo, search->relid, QUERY_FILTER, QUERY_FILTER_PARAMS);
	search->has_min_score = !PG_ARGISNULL(QUERY_MIN_SCORE);
}

/* vecstore.query(collection, embedding, k, filter, filter_params, offset, min_score) */
PGDLLEXPORT Datum
vecstore_query(PG_FUNCTION_ARGS)
{
	Search		search = {0};

	read_query(fcinfo, &search);
	run(fcinfo, &search, QUERY_EMBEDDING, fcinfo->args[QUERY_MIN_SCORE].value);
	return (Datum) 0;
}

/* vecstore.query_sql(the same arguments): the statement that vecstore.query() runs. */
PGDLLEXPORT Datum
vecstore_query_sql(PG_FUNCTION_ARGS)
{
	Search		search = {0};

	read_query(fcinfo, &search);
	search.type = get_fn_expr_argtype(fcinfo->flinfo, QUERY_EMBEDDING);
	describe(&search);
	PG_RETURN_TEXT_P(cstring_to_text(statement(&search)));
}

/*
 * vecstore.nearest(collection, embedding, rows, filter, filter_params): candidates for
 * the other searches, with their vectors.  They have asked vecstore.admit_search().
 */
PGDLLEXPORT Datum
vecstore_nearest(PG_FUNCTION_ARGS)
{
	Search		search = {0};

	if (PG_ARGISNULL(NEAREST_COLLECTION) || PG_ARGISNULL(NEAREST_ROWS) || PG_GETARG_INT32(NEAREST_ROWS) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("nearest() needs a collection and a number of rows")));
	search.relid = PG_GETARG_OID(NEAREST_COLLECTION);
	search.limit = PG_GETARG_INT32(NEAREST_ROWS);
	search.filter = filter_argument(fcinfo, search.relid, NEAREST_FILTER, NEAREST_FILTER_PARAMS);
	search.with_embedding = true;
	run(fcinfo, &search, NEAREST_EMBEDDING, (Datum) 0);
	return (Datum) 0;
}
