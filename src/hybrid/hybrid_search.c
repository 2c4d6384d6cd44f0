/*
 * hybrid_search.c
 *		SQL functions hybrid_search() and hybrid_search_keys(): the best rows by
 *		vector and by text together.
 *
 * A call becomes one statement of SQL, so that it sees one snapshot and runs with the
 * caller's rights, row security included:
 *
 *	legs	the candidates nearest by vector, through the HNSW index, and those best
 *			by text, through the BM25 index
 *	rows	a row that is in both legs becomes one, by GROUP BY on the key
 *	scores	a row that the text's leg lacks needs its text scored, which takes longer
 *			than all the rest: so only where bounds say that it may be among the k best
 *	result	ORDER BY score and key, LIMIT k
 *
 * What a user passes comes in as parameters, but for the filter, which
 * vs_filter_sql() quotes.  Operators have their schemas, search_path means nothing;
 * GROUP BY and ORDER BY go by the types' own operators.
 */
#include "postgres.h"
#include "compat.h"

#include "am/am.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "filter/filter_sql.h"
#include "fmgr.h"
#include "funcapi.h"
#include "hybrid/hybrid_columns.h"
#include "hybrid/result.h"
#include "tsearch/ts_type.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

#define DEFAULT_K			10
#define DEFAULT_ALPHA		0.7
#define DEFAULT_RRF_K		60
#define CANDIDATES_PER_ROW	4
#define LEAST_CANDIDATES	100
#define MAX_K				10000
#define MAX_CANDIDATES		100000

/* The arguments' places. */
enum
{
	ARG_RELATION,				/* NULL of a row type, or a regclass */
	ARG_QUERY_TEXT,
	ARG_QUERY_VECTOR,
	ARG_K,
	ARG_ALPHA,
	ARG_METHOD,
	ARG_RRF_K,
	ARG_CANDIDATES,
	ARG_FILTER,
	ARG_FILTER_PARAMS,
	ARG_VECTOR_COLUMN,
	ARG_TEXT_COLUMN
};

/* Parameters of the statement beyond those in hybrid_columns.h. */
#define PARAM_ALPHA		"$4"
#define PARAM_RRF_K		"$5"
#define NPARAMS			5

/* An operator within SQL, written between string literals. */
#define OP(name)	" OPERATOR(pg_catalog." name ") "
#define INFINITY_SQL "'Infinity'::pg_catalog.float8"
#define NO_NUMBER	"NULL::pg_catalog.float8"

typedef struct Search
{
	VsHybridRelation *relation;
	VsHybridSide *vector;		/* NULL: no query for it */
	VsHybridSide *text;
	VsVector   *query_vector;
	int			k;
	int			candidates;
	double		alpha;
	int			rrf_k;
	bool		rrf;
	const char *filter;			/* SQL, or NULL */
} Search;

/* ---- arguments: NULL is the default, everywhere ---- */

static void
read_method(FunctionCallInfo fcinfo, Search *search)
{
	char	   *method = PG_ARGISNULL(ARG_METHOD) ? "linear" :
		text_to_cstring(PG_GETARG_TEXT_PP(ARG_METHOD));

	search->rrf = strcmp(method, "rrf") == 0;
	if (!search->rrf && strcmp(method, "linear") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown method \"%s\"", method),
				 errhint("Methods are linear (weighted scores) and rrf (reciprocal ranks).")));
	search->alpha = PG_ARGISNULL(ARG_ALPHA) ? DEFAULT_ALPHA : PG_GETARG_FLOAT8(ARG_ALPHA);
	if (!(search->alpha >= 0 && search->alpha <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("alpha must be between 0 and 1"),
				 errhint("1 counts the vector only, 0 the text only; the default is 0.7.")));
	search->rrf_k = PG_ARGISNULL(ARG_RRF_K) ? DEFAULT_RRF_K : PG_GETARG_INT32(ARG_RRF_K);
	if (search->rrf_k < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rrf_k must be at least 0"),
				 errhint("The usual value, and the default, is 60.")));
}

static void
read_numbers(FunctionCallInfo fcinfo, Search *search)
{
	search->k = PG_ARGISNULL(ARG_K) ? DEFAULT_K : PG_GETARG_INT32(ARG_K);
	if (search->k < 1 || search->k > MAX_K)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k must be between 1 and %d", MAX_K),
				 errhint("It is the number of rows to return; the default is %d.", DEFAULT_K)));
	search->candidates = PG_ARGISNULL(ARG_CANDIDATES) ?
		Max(LEAST_CANDIDATES, search->k * CANDIDATES_PER_ROW) : PG_GETARG_INT32(ARG_CANDIDATES);
	if (search->candidates < search->k || search->candidates > MAX_CANDIDATES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("candidates must be between k, %d here, and %d", search->k, MAX_CANDIDATES),
				 errhint("So many rows are taken by vector, and by text; the default is %d times k, at least %d.",
						 CANDIDATES_PER_ROW, LEAST_CANDIDATES)));
}

static const char *
get_name(FunctionCallInfo fcinfo, int argument)
{
	return PG_ARGISNULL(argument) ? NULL : NameStr(*PG_GETARG_NAME(argument));
}

/* The vector's side, which must be of the query's dimensions. */
static void
read_vector(FunctionCallInfo fcinfo, Search *search)
{
	VsVector   *query = PG_GETARG_VSVECTOR_P(ARG_QUERY_VECTOR);

	search->query_vector = query;
	search->vector = vs_hybrid_vector_side(search->relation, get_name(fcinfo, ARG_VECTOR_COLUMN));
	if (search->vector->dims >= 0 && search->vector->dims != query->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vector dimensions %d and %d", search->vector->dims, query->dim),
				 search->vector->column ?
				 errdetail("Column \"%s\" is of %d dimensions.", search->vector->column, search->vector->dims) :
				 errdetail("Index \"%s\" is of %d dimensions.", search->vector->index, search->vector->dims),
				 errhint("Make query_vector with the model that made the rows' vectors.")));
}

static Search *
read_arguments(FunctionCallInfo fcinfo, Oid relid)
{
	Search	   *search = palloc0(sizeof(Search));

	read_method(fcinfo, search);
	read_numbers(fcinfo, search);
	if (PG_ARGISNULL(ARG_QUERY_TEXT) && PG_ARGISNULL(ARG_QUERY_VECTOR))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("nothing to search for"),
				 errhint("Pass query_text, query_vector, or both.")));
	search->relation = vs_hybrid_relation(relid, get_func_namespace(fcinfo->flinfo->fn_oid));
	if (!PG_ARGISNULL(ARG_QUERY_VECTOR))
		read_vector(fcinfo, search);
	if (!PG_ARGISNULL(ARG_QUERY_TEXT))
		search->text = vs_hybrid_text_side(search->relation, get_name(fcinfo, ARG_TEXT_COLUMN));
	if (!PG_ARGISNULL(ARG_FILTER))
		search->filter = vs_filter_sql(text_to_cstring(PG_GETARG_TEXT_PP(ARG_FILTER)), relid,
									   PG_ARGISNULL(ARG_FILTER_PARAMS) ? NULL :
									   PG_GETARG_JSONB_P(ARG_FILTER_PARAMS), VS_HYBRID_ROW);
	return search;
}

/* ---- the statement ---- */

/* "k1, k2": the key's columns within the statement, each behind a prefix. */
static const char *
key_list(const Search *search, const char *prefix)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < search->relation->nkeys; i++)
		appendStringInfo(&list, "%s%sk%d", i > 0 ? ", " : "", prefix, i + 1);
	return list.data;
}

/*
 * One leg: rows with key, distance d, text t (less is better) and their rank in the
 * leg.  A distance that is no number, or NULL, is not near.  t of the vector's leg comes
 * later, where it matters.
 */
static void
put_leg(StringInfo sql, const Search *search, bool vector)
{
	const VsHybridSide *side = vector ? search->vector : search->text;
	const char *keys = key_list(search, "");

	appendStringInfo(sql, "(SELECT %s, d, t, ", keys);
	if (vector)
		appendStringInfo(sql, "pg_catalog.row_number() OVER (ORDER BY d, %s) AS v, NULL::pg_catalog.int8 AS w", keys);
	else
		appendStringInfo(sql, "NULL::pg_catalog.int8 AS v, pg_catalog.row_number() OVER (ORDER BY t, %s) AS w", keys);
	appendStringInfoString(sql, " FROM (SELECT ");
	for (int i = 0; i < search->relation->nkeys; i++)
		appendStringInfo(sql, "%s AS k%d, ", search->relation->keys[i].value, i + 1);
	appendStringInfo(sql, "%s AS d, %s AS t FROM %s " VS_HYBRID_ROW,
					 search->vector ? search->vector->order : NO_NUMBER,
					 vector ? NO_NUMBER : search->text->order, search->relation->name);
	if (side->condition || search->filter)
		appendStringInfo(sql, " WHERE %s%s%s", side->condition ? side->condition : "",
						 side->condition && search->filter ? " AND " : "",
						 search->filter ? search->filter : "");
	appendStringInfo(sql, " ORDER BY %s LIMIT %d) l WHERE %s)", vector ? "d" : "t", search->candidates,
					 vector ? "d" OP("<") INFINITY_SQL : "t" OP("<") "0");
}

/*
 * All candidates, each once.  far is the largest distance in the vector's leg, best the
 * best t.  No row outside the text's leg has a better t than last: none matches, if the
 * leg has room left.
 */
static void
put_candidates(StringInfo sql, const Search *search)
{
	const char *keys = key_list(search, "");

	appendStringInfo(sql, "SELECT %s, pg_catalog.min(d) AS d, pg_catalog.min(t) AS t, "
					 "pg_catalog.min(v) AS v, pg_catalog.min(w) AS w, "
					 "pg_catalog.max(pg_catalog.max(pg_catalog.abs(d)) FILTER (WHERE v IS NOT NULL)) OVER () AS far, "
					 "pg_catalog.min(pg_catalog.min(t)) OVER () AS best, "
					 "CASE WHEN pg_catalog.max(pg_catalog.max(w)) OVER ()" OP("<") "%d THEN 0 "
					 "ELSE pg_catalog.max(pg_catalog.max(t)) OVER () END AS last FROM (",
					 keys, search->candidates);
	if (search->vector)
		put_leg(sql, search, true);
	if (search->vector && search->text)
		appendStringInfoString(sql, " UNION ALL ");
	if (search->text)
		put_leg(sql, search, false);
	appendStringInfo(sql, ") legs GROUP BY %s", keys);
}

/*
 * How near a distance is, from 0 to 1.  Where the metric has a greatest value, that is
 * 0; where it has none, the farthest candidate by vector is.  A metric without a least
 * value, the dot product, goes from minus to plus the largest value of a candidate.
 */
static const char *
nearness(const Search *search)
{
	const char *formula;

	switch (search->vector->metric)
	{
		case VS_METRIC_COSINE:
			formula = "1" OP("-") "(d" OP("/") "2)";
			break;
		case VS_METRIC_JACCARD:
			formula = "1" OP("-") "d";
			break;
		case VS_METRIC_HAMMING:
		case VS_METRIC_CANBERRA:
			formula = psprintf("1" OP("-") "(d" OP("/") "%d)", search->query_vector->dim);
			break;
		case VS_METRIC_IP:
			formula = "CASE WHEN far" OP(">") "0 THEN greatest(0, (1" OP("-") "(d" OP("/") "far))" OP("/") "2) ELSE 0.5 END";
			break;
		default:
			formula = "CASE WHEN d" OP("<=") "0 THEN 1 WHEN far" OP(">") "0 THEN greatest(0, 1" OP("-") "(d" OP("/") "far)) ELSE 0 END";
	}
	return psprintf("(CASE WHEN d" OP("<") INFINITY_SQL " THEN %s ELSE 0 END)", formula);
}

/* The score of a row whose text has a certain t: of those sides there are. */
static const char *
score(const Search *search, const char *t)
{
	const char *text = psprintf("(CASE WHEN %s" OP("<") "0 THEN %s" OP("/") "best ELSE 0 END)", t, t);
	const char *schema = quote_identifier(get_namespace_name(search->relation->schema));

	if (search->rrf)
		return psprintf("%s.rrf_score(v, " PARAM_RRF_K ")" OP("+") "%s.rrf_score(w, " PARAM_RRF_K ")",
						schema, schema);
	if (search->text == NULL)
		return nearness(search);
	if (search->vector == NULL)
		return text;
	return psprintf("(" PARAM_ALPHA OP("*") "%s)" OP("+") "((1" OP("-") PARAM_ALPHA ")" OP("*") "%s)",
					nearness(search), text);
}

/*
 * The candidates that may be among the k best.  t of a row outside the text's leg lies
 * between last and 0, so the score lies between low and high; k rows have at least kth.
 */
static void
put_contenders(StringInfo sql, const Search *search)
{
	appendStringInfo(sql, "SELECT *, pg_catalog.nth_value(low, %d) OVER (ORDER BY low DESC "
					 "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS kth FROM "
					 "(SELECT *, (%s)::pg_catalog.float8 AS low, (%s)::pg_catalog.float8 AS high FROM (",
					 search->k, score(search, "t"), score(search, "(CASE WHEN w IS NULL THEN last ELSE t END)"));
	put_candidates(sql, search);
	appendStringInfoString(sql, ") c) b");
}

/*
 * The row of r's key, for each r by itself: a join might compute what is taken of rows
 * for the whole table, if that is small.  OFFSET 0 keeps the planner from merging it.
 */
static void
put_lookup(StringInfo sql, const VsHybridRelation *relation, const char *taken)
{
	appendStringInfo(sql, "LATERAL (SELECT %s FROM %s " VS_HYBRID_ROW " WHERE ", taken, relation->name);
	for (int i = 0; i < relation->nkeys; i++)
		appendStringInfo(sql, "%s%s %s r.k%d", i > 0 ? " AND " : "", relation->keys[i].value,
						 relation->keys[i].equal, i + 1);
}

/* Those, with the t that the text's leg does not have. */
static void
put_scored(StringInfo sql, const Search *search)
{
	bool		lookup = search->vector && search->text;

	appendStringInfo(sql, "SELECT %s, r.d, %s AS t, r.v, r.w, r.far, r.best FROM (", key_list(search, "r."),
					 lookup ? "CASE WHEN r.w IS NULL THEN x.t ELSE r.t END" : "r.t");
	put_contenders(sql, search);
	appendStringInfoString(sql, ") r");
	if (lookup)
	{
		appendStringInfoString(sql, " LEFT JOIN ");
		put_lookup(sql, search->relation, psprintf("%s AS t", search->text->order));
		appendStringInfoString(sql, " AND r.w IS NULL OFFSET 0) x ON true");
	}
	appendStringInfoString(sql, " WHERE r.kth IS NULL OR r.high" OP(">=") "r.kth");
}

/* {"id": 5} */
static void
put_json_key(StringInfo sql, const VsHybridRelation *relation)
{
	appendStringInfoString(sql, "pg_catalog.jsonb_build_object(");
	for (int i = 0; i < relation->nkeys; i++)
		appendStringInfo(sql, "%s%s, r.k%d", i > 0 ? ", " : "",
						 quote_literal_cstr(relation->keys[i].name), i + 1);
	appendStringInfoChar(sql, ')');
}

/*
 * All of it: the k best, as keys or rows.  (t.*) is the row even where a column is
 * called t.
 */
static char *
statement(const Search *search, bool keys_only)
{
	VsHybridRelation *relation = search->relation;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	if (keys_only)
		put_json_key(&sql, relation);
	else
		appendStringInfoString(&sql, "x.doc");
	appendStringInfo(&sql, ", r.score, r.d, 0" OP("-") "r.t, r.v, r.w FROM (SELECT *, (%s)::pg_catalog.float8 AS score FROM (",
					 score(search, "t"));
	put_scored(&sql, search);
	appendStringInfo(&sql, ") s ORDER BY score DESC, %s LIMIT %d) r", key_list(search, ""), search->k);
	if (!keys_only)
	{
		appendStringInfoString(&sql, " JOIN ");
		put_lookup(&sql, relation, psprintf("(" VS_HYBRID_ROW ".*)::%s AS doc", relation->name));
		appendStringInfoString(&sql, " OFFSET 0) x ON true");
	}
	appendStringInfo(&sql, " ORDER BY r.score DESC, %s", key_list(search, "r."));
	return sql.data;
}

/* ---- running it ---- */

/* The words of a text as a tsquery, any of which may match. */
static Datum
any_word(Datum text)
{
	TSQuery		query = DatumGetTSQueryCopy(OidFunctionCall1(F_PLAINTO_TSQUERY_TEXT, text));

	for (int i = 0; i < query->size; i++)
	{
		QueryItem  *item = &GETQUERY(query)[i];

		if (item->type == QI_OPR && item->qoperator.oper == OP_AND)
			item->qoperator.oper = OP_OR;
	}
	return TSQueryGetDatum(query);
}

static ParamListInfo
make_params(FunctionCallInfo fcinfo, const Search *search)
{
	ParamListInfo params = makeParamList(NPARAMS);
	bool		gin = search->text && search->text->condition;

	vs_set_param(params, 0, TEXTOID, fcinfo->args[ARG_QUERY_TEXT].value, search->text == NULL);
	vs_set_param(params, 1, get_fn_expr_argtype(fcinfo->flinfo, ARG_QUERY_VECTOR),
			  PointerGetDatum(search->query_vector), search->vector == NULL);
	vs_set_param(params, 2, TSQUERYOID, gin ? any_word(fcinfo->args[ARG_QUERY_TEXT].value) : (Datum) 0, !gin);
	vs_set_param(params, 3, FLOAT8OID, Float8GetDatum(search->alpha), false);
	vs_set_param(params, 4, INT4OID, Int32GetDatum(search->rrf_k), false);
	return params;
}

/* Run the statement; its rows are the function's result. */
static void
run(FunctionCallInfo fcinfo, const char *sql, ParamListInfo params, int candidates)
{
	SPIExecuteOptions options = {0};
	int			level = NewGUCNestLevel();

	InitMaterializedSRF(fcinfo, 0);
	vs_raise_ef_search(candidates);
	SPI_connect();
	options.params = params;
	options.read_only = true;
	options.dest = vs_result_receiver(fcinfo, "columns of the result are not those of the function");
	if (SPI_execute_extended(sql, &options) != SPI_OK_SELECT)
		elog(ERROR, "hybrid search could not be run: %s", sql);
	options.dest->rDestroy(options.dest);
	SPI_finish();
	AtEOXact_GUC(true, level);
}

static void
search_relation(FunctionCallInfo fcinfo, Oid relid, bool keys_only)
{
	Search	   *search = read_arguments(fcinfo, relid);
	const VsHybridRelation *relation = search->relation;

	if (relation->nkeys == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("view \"%s\" cannot be searched", get_rel_name(relid)),
				 errdetail("It does not show a primary key of table \"%s\", which tells its rows apart.",
						   get_rel_name(relation->base)),
				 errhint("Add the key's columns to the view.")));
	if (keys_only && !relation->primary)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" has no primary key", get_rel_name(relid)),
				 errhint("Add one, or call hybrid_search(), which returns rows.")));
	run(fcinfo, statement(search, keys_only), make_params(fcinfo, search), search->candidates);
}

PG_FUNCTION_INFO_V1(vecstore_hybrid_search);

/* hybrid_search(NULL::relation, ...) */
PGDLLEXPORT Datum
vecstore_hybrid_search(PG_FUNCTION_ARGS)
{
	Oid			type = get_fn_expr_argtype(fcinfo->flinfo, ARG_RELATION);
	Oid			relid = OidIsValid(type) ? get_typ_typrelid(type) : InvalidOid;

	if (!OidIsValid(relid) || get_rel_relkind(relid) == RELKIND_COMPOSITE_TYPE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("the first argument of hybrid_search() must be of a table's row type, not %s",
						OidIsValid(type) ? format_type_be(type) : "unknown"),
				 errhint("Write hybrid_search(NULL::docs, …) to search the table docs.")));
	search_relation(fcinfo, relid, false);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(vecstore_hybrid_search_keys);

/* hybrid_search_keys(relation regclass, ...) */
PGDLLEXPORT Datum
vecstore_hybrid_search_keys(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(ARG_RELATION))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("relation must not be NULL"),
				 errhint("Name the table to be searched: hybrid_search_keys('docs', …).")));
	search_relation(fcinfo, PG_GETARG_OID(ARG_RELATION), true);
	return (Datum) 0;
}
