/*
 * bm25_query.c
 *		Queries: the type bm25query, corpus statistics, scores outside an index scan.
 *
 * text <@> text does not know its index.  Its planner support function looks for one on
 * the column and makes it text <@> bm25query, in ORDER BY and in a select list alike, so
 * that both are the same expression and both have the index's statistics.  Where it
 * finds none (CTEs, subqueries) or two, bm25_query() names it.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_given.h"
#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_query.h"
#include "hybrid/bm25_segment.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "nodes/pathnodes.h"
#include "parser/parse_func.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteManip.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* ---- the type ---- */

static VsBm25QueryDatum *
make_query(Oid index, const char *text, size_t bytes)
{
	VsBm25QueryDatum *query = palloc(offsetof(VsBm25QueryDatum, text) + bytes);

	SET_VARSIZE(query, offsetof(VsBm25QueryDatum, text) + bytes);
	query->index = index;
	memcpy(query->text, text, bytes);
	return query;
}

/* Input is INDEX:TEXT, as output gives it. */
PG_FUNCTION_INFO_V1(vecstore_bm25query_in);
Datum
vecstore_bm25query_in(PG_FUNCTION_ARGS)
{
	char	   *string = PG_GETARG_CSTRING(0);
	bool		quoted = false;
	char	   *colon = string;
	Oid			index;

	while (*colon && (quoted || *colon != ':'))
	{
		if (*colon == '"')
			quoted = !quoted;
		colon++;
	}
	if (*colon == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input for type bm25query: \"%s\"", string),
				 errdetail("It names an index, then the query: docs_body_idx:solar cells."),
				 errhint("Write bm25_query('solar cells', 'docs_body_idx').")));
	index = DatumGetObjectId(DirectFunctionCall1(regclassin,
												 CStringGetDatum(pnstrdup(string, colon - string))));
	PG_RETURN_POINTER(make_query(index, colon + 1, strlen(colon + 1)));
}

PG_FUNCTION_INFO_V1(vecstore_bm25query_out);
Datum
vecstore_bm25query_out(PG_FUNCTION_ARGS)
{
	VsBm25QueryDatum *query = DatumGetVsBm25Query(PG_GETARG_DATUM(0));
	char	   *name = DatumGetCString(DirectFunctionCall1(regclassout,
														   ObjectIdGetDatum(query->index)));

	PG_RETURN_CSTRING(psprintf("%s:%s", name,
							   pnstrdup(query->text, VsBm25QueryTextSize(query))));
}

PG_FUNCTION_INFO_V1(vecstore_bm25_query);
Datum
vecstore_bm25_query(PG_FUNCTION_ARGS)
{
	text	   *string = PG_GETARG_TEXT_PP(0);

	PG_RETURN_POINTER(make_query(PG_GETARG_OID(1), VARDATA_ANY(string),
								 VARSIZE_ANY_EXHDR(string)));
}

/* ---- statistics ---- */

/* A partitioned index has no routine of its own loaded: ask by the access method. */
static bool
is_bm25_am(Oid am)
{
	IndexAmRoutine *routine = GetIndexAmRoutineByAmId(am, true);

	return routine && routine->amgettuple == vs_bm25_gettuple;
}

bool
vs_bm25_is_index(Relation rel)
{
	return (rel->rd_rel->relkind == RELKIND_INDEX ||
			rel->rd_rel->relkind == RELKIND_PARTITIONED_INDEX) && is_bm25_am(rel->rd_rel->relam);
}

bool
vs_bm25_may_read(Relation index)
{
	Oid			heap = index->rd_index->indrelid;
	AttrNumber	column = index->rd_index->indkey.values[0];

	return pg_class_aclcheck(heap, GetUserId(), ACL_SELECT) == ACLCHECK_OK ||
		(column > 0 &&
		 pg_attribute_aclcheck(heap, column, GetUserId(), ACL_SELECT) == ACLCHECK_OK);
}

Relation
vs_bm25_open_index(Oid oid)
{
	Relation	rel = try_relation_open(oid, AccessShareLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index with OID %u does not exist", oid)));
	if (!vs_bm25_is_index(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a vecstore_bm25 index", RelationGetRelationName(rel)),
				 errhint("Name an index that CREATE INDEX … USING vecstore_bm25 made.")));

	/* CREATE INDEX CONCURRENTLY shows an index that has not even a metapage yet. */
	if (!rel->rd_index->indisready)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not ready", RelationGetRelationName(rel)),
				 errhint("Its build is under way or has failed; in that case REINDEX or drop it.")));
	return rel;
}

/* What is counted. */
typedef struct Counts
{
	double		docs;
	double		length;
	double	   *df;
	VsBm25TermsOf *found;
	const char *version;		/* of the tokenizer that the query went through */
	MemoryContext context;		/* of what was found */
} Counts;

static void
count_segment(Relation rel, const VsBm25Segment *segment, const VsBm25Document *query,
			  Counts *counts, bool *stale)
{
	VsBm25TermsOf *found = MemoryContextAllocZero(counts->context, offsetof(VsBm25TermsOf, terms) +
												  query->n * sizeof(found->terms[0]));
	VsBm25Reader reader;
	VsBm25Entry entry;

	counts->docs += segment->ndocs;
	counts->length += segment->length;
	found->generation = segment->extent.generation;
	found->next = counts->found;
	counts->found = found;
	vs_bm25_reader_init(&reader, rel, &segment->extent, stale);
	for (int i = 0; i < query->n; i++)
		if (vs_bm25_lookup(&reader, segment, query->terms[i].term, query->terms[i].length, &entry))
		{
			found->terms[i].df = entry.df;
			found->terms[i].place = entry.place;
			counts->df[i] += entry.df;
		}
	vs_bm25_reader_end(&reader);
}

static void
count_pending(Relation rel, const VsBm25Meta *meta, const VsBm25Document *query, Counts *counts,
			  bool *stale)
{
	VsBm25Pending pending;
	VsBm25Document document;

	vs_bm25_pending_begin(&pending, rel, meta, stale);
	for (int i = 0; i < query->n; i++)
		vs_bm25_pending_want(&pending, query->terms[i].term, query->terms[i].length);
	while (vs_bm25_pending_next(&pending, &document))
	{
		if (document.null)
			continue;
		counts->docs++;
		counts->length += document.length;
		for (int i = 0; i < query->n; i++)
			counts->df[i] += vs_bm25_document_find(&document, query->terms[i].term,
												   query->terms[i].length) != NULL;
	}
	vs_bm25_pending_end(&pending);
}

static void
free_found(VsBm25TermsOf *found)
{
	while (found)
	{
		VsBm25TermsOf *next = found->next;

		pfree(found);
		found = next;
	}
}

/* Add what an index has. */
static void
count_index(Relation rel, const VsBm25Document *query, Counts *counts)
{
	VsBm25Look	look = {.rel = rel};

	while (vs_bm25_look(&look))
	{
		Counts		mine = {.context = look.caller};

		mine.df = palloc0(Max(query->n, 1) * sizeof(double));
		for (int i = 0; i < look.meta.nsegments; i++)
			count_segment(rel, &look.meta.segments[i], query, &mine, &look.stale);
		count_pending(rel, &look.meta, query, &mine, &look.stale);
		if (look.stale)
		{
			free_found(mine.found);
			continue;
		}
		counts->found = mine.found;
		counts->docs += mine.docs;
		counts->length += mine.length;
		for (int i = 0; i < query->n; i++)
			counts->df[i] += mine.df[i];
	}
	if (strcmp(look.meta.tokenizer_version, counts->version) != 0)
		vs_bm25_warn_version(rel, look.meta.tokenizer_version);
}

/* An index or, of a partitioned one, all of its partitions. */
static void
count_all(Relation rel, const VsBm25Document *query, Counts *counts)
{
	List	   *children;
	ListCell   *cell;

	if (rel->rd_rel->relkind == RELKIND_INDEX)
	{
		count_index(rel, query, counts);
		return;
	}
	children = find_inheritance_children(RelationGetRelid(rel), AccessShareLock);
	foreach(cell, children)
	{
		Relation	child = relation_open(lfirst_oid(cell), NoLock);

		count_all(child, query, counts);
		relation_close(child, NoLock);
	}
}

/*
 * The finest unit in which no sum of scores overflows: 2^-40, unless a query has a term a
 * million times.
 */
static double
choose_scale(double largest)
{
	int			exponent;

	frexp(largest, &exponent);
	return ldexp(1, Min(40, 60 - exponent));
}

VsBm25Query *
vs_bm25_query_prepare(Oid oid, const char *text, size_t bytes)
{
	VsBm25Query *query = palloc(sizeof(VsBm25Query));
	Relation	rel = vs_bm25_open_index(oid);
	VsBm25Analyzer *analyzer;
	VsBm25Document document;
	Counts		counts = {0};
	double		largest = 0;

	if (!vs_bm25_may_read(rel))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(rel->rd_index->indrelid));
	analyzer = vs_bm25_analyzer_open(rel);
	vs_bm25_analyze_text(analyzer, text, bytes, &document);
	counts.version = analyzer->version;
	counts.df = palloc0(Max(document.n, 1) * sizeof(double));
	count_all(rel, &document, &counts);

	query->n = document.n;
	query->index = oid;
	query->found = rel->rd_rel->relkind == RELKIND_INDEX ? counts.found : NULL;
	query->terms = palloc(Max(document.n, 1) * sizeof(VsBm25QueryTerm));
	for (int i = 0; i < document.n; i++)
	{
		query->terms[i].term = document.terms[i].term;
		query->terms[i].length = document.terms[i].length;
		query->terms[i].factor = document.terms[i].tf * vs_bm25_idf(counts.docs, counts.df[i]);
		largest += query->terms[i].factor;
	}
	query->scale = choose_scale(largest);
	for (int i = 0; i < query->n; i++)
		query->terms[i].factor *= query->scale;
	vs_bm25_norms(query->norms, vs_bm25_k1(rel), vs_bm25_b(rel),
				  counts.docs > 0 ? counts.length / counts.docs : 0);
	relation_close(rel, NoLock);
	return query;
}

int64
vs_bm25_score_document(const VsBm25Query *query, const VsBm25Document *document)
{
	uint8		length = vs_bm25_encode_length(document->length);
	int64		score = 0;

	for (int i = 0; i < query->n; i++)
	{
		const VsBm25Term *term = vs_bm25_document_find(document, query->terms[i].term,
													   query->terms[i].length);

		if (term)
			score += vs_bm25_term_score(query, i, Min(term->tf, VS_BM25_MAX_TF), length);
	}
	return score;
}

/* ---- operators ---- */

VsBm25Prepared *
vs_bm25_prepare_call(FunctionCallInfo fcinfo, const VsBm25QueryDatum *datum)
{
	VsBm25Prepared *prepared = fcinfo->flinfo->fn_extra;
	MemoryContext memory;
	MemoryContext old;
	Relation	rel;

	if (prepared && VARSIZE(prepared->datum) == VARSIZE(datum) &&
		memcmp(prepared->datum, datum, VARSIZE(datum)) == 0)
		return prepared;
	if (prepared)
	{
		/* Another query each row: the memory of one, and its tokenizer, at a time. */
		fcinfo->flinfo->fn_extra = NULL;
		MemoryContextDelete(prepared->memory);
	}
	memory = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "bm25 query", ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(memory);
	prepared = palloc0(sizeof(VsBm25Prepared));
	prepared->memory = memory;
	prepared->datum = memcpy(palloc(VARSIZE(datum)), datum, VARSIZE(datum));
	prepared->query = vs_bm25_query_prepare(datum->index, datum->text, VsBm25QueryTextSize(datum));
	rel = relation_open(datum->index, NoLock);
	prepared->analyzer = vs_bm25_analyzer_open(rel);
	relation_close(rel, NoLock);
	fcinfo->flinfo->fn_extra = prepared;
	MemoryContextSwitchTo(old);
	return prepared;
}

/* text <@> bm25query */
PG_FUNCTION_INFO_V1(vecstore_bm25_text);
Datum
vecstore_bm25_text(PG_FUNCTION_ARGS)
{
	VsBm25QueryDatum *query = DatumGetVsBm25Query(PG_GETARG_DATUM(1));
	VsBm25Prepared *prepared;
	text	   *string;
	VsBm25Document document;
	double		rank;

	if (vs_bm25_given_rank(PG_GETARG_DATUM(0), query, &rank))
		PG_RETURN_FLOAT8(rank);
	prepared = vs_bm25_prepare_call(fcinfo, query);
	string = PG_GETARG_TEXT_PP(0);
	if (prepared->analyzer->tsvector)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the index of the query is on a column of type tsvector, not text")));
	vs_bm25_analyze_text(prepared->analyzer, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string),
						 &document);
	PG_RETURN_FLOAT8(vs_bm25_rank(prepared->query, vs_bm25_score_document(prepared->query, &document)));
}

/* tsvector <@> bm25query */
PG_FUNCTION_INFO_V1(vecstore_bm25_tsvector);
Datum
vecstore_bm25_tsvector(PG_FUNCTION_ARGS)
{
	VsBm25QueryDatum *query = DatumGetVsBm25Query(PG_GETARG_DATUM(1));
	VsBm25Prepared *prepared;
	VsBm25Document document;
	double		rank;

	if (vs_bm25_given_rank(PG_GETARG_DATUM(0), query, &rank))
		PG_RETURN_FLOAT8(rank);
	prepared = vs_bm25_prepare_call(fcinfo, query);
	vs_bm25_analyze_tsvector(PG_GETARG_DATUM(0), &document);
	PG_RETURN_FLOAT8(vs_bm25_rank(prepared->query, vs_bm25_score_document(prepared->query, &document)));
}

/* text <@> text and tsvector <@> text, when no index was found. */
PG_FUNCTION_INFO_V1(vecstore_bm25_no_index);
Datum
vecstore_bm25_no_index(PG_FUNCTION_ARGS)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("operator <@> finds no single vecstore_bm25 index of its left side"),
			 errdetail("Scores need the statistics of an index; the left side must be a column or expression with one such index, in the query that has the table."),
			 errhint("Name the index: … <@> bm25_query('query', 'index_name').")));
	PG_RETURN_NULL();
}

/* ---- the support function ---- */

/* The operator of the index's family with a bm25query on the right. */
static Oid
find_operator(Oid family, Oid left)
{
	CatCList   *list = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
	Oid			found = InvalidOid;

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_amop member = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);

		if (member->amopstrategy == 2 && member->amoplefttype == left)
			found = member->amopopr;
	}
	ReleaseSysCacheList(list);
	return found;
}

/* Whether an index's first column is this expression of table number varno. */
static bool
index_matches(Relation index, Node *expression, int varno)
{
	AttrNumber	column = index->rd_index->indkey.values[0];
	Node	   *indexed;

	/* A varchar column, or one of a domain, is text by a relabel. */
	while (IsA(expression, RelabelType))
		expression = (Node *) ((RelabelType *) expression)->arg;
	if (column != 0)
		return IsA(expression, Var) && ((Var *) expression)->varattno == column;
	indexed = linitial(RelationGetIndexExpressions(index));
	if (varno != 1)
	{
		indexed = copyObject(indexed);
		ChangeVarNodes(indexed, 1, varno, 0);
	}
	while (IsA(indexed, RelabelType))
		indexed = (Node *) ((RelabelType *) indexed)->arg;
	return equal(indexed, expression);
}

/*
 * The one index of a table on the expression; InvalidOid if there is none, or two.
 */
static Oid
find_index(Oid table, Node *expression, int varno, Oid *family)
{
	Relation	heap = relation_open(table, NoLock);
	List	   *indexes = RelationGetIndexList(heap);
	Oid			found = InvalidOid;
	int			n = 0;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indisvalid && is_bm25_am(index->rd_rel->relam) &&
			index_matches(index, expression, varno))
		{
			found = RelationGetRelid(index);
			*family = get_opclass_family(get_index_column_opclass(found, 1));
			n++;
		}
		index_close(index, AccessShareLock);
	}
	relation_close(heap, NoLock);
	return n == 1 ? found : InvalidOid;
}

/* The right side for the found operator: bm25_query(text, index). */
static Node *
make_right(Node *text, Oid index, Oid namespace)
{
	Oid			arguments[2] = {TEXTOID, REGCLASSOID};
	List	   *name = list_make2(makeString(get_namespace_name(namespace)), makeString("bm25_query"));
	Oid			function = LookupFuncName(name, 2, arguments, true);
	Const	   *named = makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid), ObjectIdGetDatum(index),
								  false, true);
	Oid			type;

	if (!OidIsValid(function))
		return NULL;
	type = get_func_rettype(function);
	if (IsA(text, Const))
	{
		Datum		query = OidFunctionCall2(function, ((Const *) text)->constvalue, named->constvalue);

		return (Node *) makeConst(type, -1, InvalidOid, -1, query, false, false);
	}
	return (Node *) makeFuncExpr(function, type, list_make2(text, named), InvalidOid, InvalidOid,
								 COERCE_EXPLICIT_CALL);
}

Node *
vs_bm25_find_query(SupportRequestSimplify *request, Oid *family)
{
	FuncExpr   *call = request->fcall;
	Node	   *left;
	Node	   *text;
	Relids		tables;
	RangeTblEntry *entry;
	Oid			index;
	int			varno;

	if (request->root == NULL || list_length(call->args) < 2)
		return NULL;
	left = linitial(call->args);
	text = lsecond(call->args);
	if (IsA(text, Const) && ((Const *) text)->constisnull)
		return NULL;
	tables = pull_varnos(request->root, left);
	if (!bms_get_singleton_member(tables, &varno) || contain_vars_of_level(left, 1))
		return NULL;
	entry = rt_fetch(varno, request->root->parse->rtable);
	if (entry->rtekind != RTE_RELATION)
		return NULL;
	index = find_index(entry->relid, left, varno, family);
	if (!OidIsValid(index))
		return NULL;
	return make_right(text, index, get_func_namespace(call->funcid));
}

/*
 * left <@> text becomes left <@> bm25query, if the left side has one index.
 */
static Node *
simplify(SupportRequestSimplify *request)
{
	FuncExpr   *call = request->fcall;
	Oid			family = InvalidOid;
	Node	   *right = vs_bm25_find_query(request, &family);
	Node	   *left;
	Oid			operator;

	if (right == NULL)
		return NULL;
	left = linitial(call->args);
	operator = find_operator(family, exprType(left));
	if (!OidIsValid(operator))
		return NULL;
	return (Node *) make_opclause(operator, FLOAT8OID, false, (Expr *) left, (Expr *) right,
								  InvalidOid, call->inputcollid);
}

PG_FUNCTION_INFO_V1(vecstore_bm25_support);
Datum
vecstore_bm25_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(simplify((SupportRequestSimplify *) request));
	PG_RETURN_POINTER(NULL);
}
