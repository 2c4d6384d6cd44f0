/*
 * hybrid_columns.c
 *		Which columns hybrid search is about: those with an index for it.
 *
 * The indexes of a table tell which columns hold vectors and texts to be searched, by
 * which metric, and with which statistics.  A view has no index, but if it shows the
 * rows of one table, each of its columns is an expression on that table, and an index
 * on that expression serves; the planner will find it, too, as it looks through the
 * view in the same way.
 *
 * Everything found here becomes SQL in which operators and types have their schemas,
 * so that search_path does not matter.
 */
#include "postgres.h"
#include "compat.h"

#include "access/amapi.h"
#include "access/genam.h"
#include "access/relation.h"
#include "access/stratnum.h"
#include "am/am.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "hybrid/bm25_am.h"
#include "hybrid/hybrid_columns.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* ---- names in SQL ---- */

/* A column of t. */
static const char *
column_sql(const char *name)
{
	return psprintf(VS_HYBRID_ROW ".%s", quote_identifier(name));
}

/* A type, with its schema. */
static const char *
type_sql(Oid type)
{
	return format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY);
}

/* An operator of a family for its strategy, with its schema; NULL if there is none. */
static const char *
operator_sql(Oid family, Oid type, int strategy)
{
	Oid			operator = get_opfamily_member(family, type, type, strategy);
	HeapTuple	tuple;
	Form_pg_operator form;
	char	   *sql;

	if (!OidIsValid(operator))
		return NULL;
	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	sql = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
				   NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return sql;
}

/* ---- columns, through views ---- */

typedef struct MapContext
{
	int			table;
	List	   *columns;		/* what its columns are on the base */
	bool		lost;			/* something is no expression on the base */
} MapContext;

/* An expression on a table, as an expression on what is below that. */
static Node *
map_columns(Node *node, MapContext *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, Var))
	{
		Var		   *var = (Var *) node;
		Node	   *below = NULL;

		if (var->varno == context->table && var->varlevelsup == 0 && var->varattno > 0)
			below = list_nth(context->columns, var->varattno - 1);
		if (below)
			return copyObject(below);
	}
	if (IsA(node, Var) || IsA(node, SubLink))
	{
		context->lost = true;
		return node;
	}
	return expression_tree_mutator(node, map_columns, (void *) context);
}

/* The one table of a view that shows its rows, or some of them; NULL: another view. */
static RangeTblEntry *
table_of_view(const Query *query, int *number)
{
	RangeTblEntry *table;

	if (query->setOperations || query->groupClause || query->groupingSets || query->havingQual ||
		query->distinctClause || query->hasAggs || query->hasWindowFuncs ||
		query->hasTargetSRFs || list_length(query->jointree->fromlist) != 1 ||
		!IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return NULL;
	*number = ((RangeTblRef *) linitial(query->jointree->fromlist))->rtindex;
	table = rt_fetch(*number, query->rtable);
	return table->rtekind == RTE_RELATION && table->tablesample == NULL ? table : NULL;
}

static List *base_columns(Oid relid, Oid *base);

/* The columns of a view as expressions on the table below. */
static List *
view_columns(Relation view, Oid *base)
{
	Query	   *query = get_view_query(view);
	MapContext	context = {0};
	RangeTblEntry *table = table_of_view(query, &context.table);
	List	   *columns = NIL;
	ListCell   *cell;

	if (table == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("view \"%s\" cannot be searched", RelationGetRelationName(view)),
				 errdetail("It is not a view on the rows of one table."),
				 errhint("Search the table, and join the result.")));
	context.columns = base_columns(table->relid, base);
	foreach(cell, query->targetList)
	{
		TargetEntry *entry = lfirst(cell);
		Node	   *mapped;

		if (entry->resjunk)
			continue;
		context.lost = false;
		mapped = map_columns((Node *) entry->expr, &context);
		columns = lappend(columns, context.lost ? NULL : eval_const_expressions(NULL, mapped));
	}
	return columns;
}

/* The columns of a table itself; NULL for dropped ones. */
static List *
table_columns(Relation table)
{
	TupleDesc	descriptor = RelationGetDescr(table);
	List	   *columns = NIL;

	for (int i = 0; i < descriptor->natts; i++)
	{
		Form_pg_attribute attribute = TupleDescAttr(descriptor, i);

		columns = lappend(columns, attribute->attisdropped ? NULL :
						  makeVar(1, i + 1, attribute->atttypid, attribute->atttypmod,
								  attribute->attcollation, 0));
	}
	return columns;
}

/* The columns of a relation as expressions on the table at the bottom. */
static List *
base_columns(Oid relid, Oid *base)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	List	   *columns = NIL;

	check_stack_depth();
	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_VIEW:
			columns = view_columns(rel, base);
			break;
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_MATVIEW:
			*base = relid;
			columns = table_columns(rel);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" cannot be searched", RelationGetRelationName(rel)),
					 errdetail("It is neither a table nor a view; a foreign table has no index here."),
					 errhint("Search a table, a partitioned table, a materialized view, or a view on one of them.")));
	}
	relation_close(rel, NoLock);
	return columns;
}

/* Whether two expressions are the same value; varchar is text by a relabel. */
static bool
same_value(Node *a, Node *b)
{
	while (IsA(a, RelabelType))
		a = (Node *) ((RelabelType *) a)->arg;
	while (IsA(b, RelabelType))
		b = (Node *) ((RelabelType *) b)->arg;
	return equal(a, b);
}

/* The name of the column that is this expression, from number *n on; NULL if there is none. */
static const char *
find_column(const VsHybridRelation *relation, Node *value, int *n)
{
	while (*n < list_length(relation->columns))
	{
		Node	   *column = list_nth(relation->columns, (*n)++);

		if (column && same_value(column, value))
			return get_attname(relation->relid, *n, false);
	}
	return NULL;
}

/* What an index has as its n-th column, counted from 0. */
static Node *
indexed_value(Relation index, int n)
{
	AttrNumber	column = index->rd_index->indkey.values[n];
	Oid			type;
	int32		typmod;
	Oid			collation;

	if (column == 0)
		return linitial(RelationGetIndexExpressions(index));
	get_atttypetypmodcoll(index->rd_index->indrelid, column, &type, &typmod, &collation);
	return (Node *) makeVar(1, column, type, typmod, collation, 0);
}

/* ---- the key ---- */

/* Open all valid indexes of the base.  Locks are kept. */
static List *
open_indexes(const VsHybridRelation *relation)
{
	Relation	base = relation_open(relation->base, NoLock);
	List	   *indexes = NIL;
	ListCell   *cell;

	foreach(cell, RelationGetIndexList(base))
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);

		if (index->rd_index->indisvalid)
			indexes = lappend(indexes, index);
		else
			index_close(index, NoLock);
	}
	relation_close(base, NoLock);
	return indexes;
}

static void
close_indexes(List *indexes)
{
	ListCell   *cell;

	foreach(cell, indexes)
		index_close((Relation) lfirst(cell), NoLock);
}

/* Take the columns of a primary key as the key, if all of them can be seen. */
static void
use_primary_key(VsHybridRelation *relation, Relation index)
{
	int			n = index->rd_index->indnkeyatts;
	VsHybridKey *keys = palloc(n * sizeof(VsHybridKey));

	for (int i = 0; i < n; i++)
	{
		Oid			opclass = get_index_column_opclass(RelationGetRelid(index), i + 1);
		int			from = 0;

		keys[i].name = find_column(relation, indexed_value(index, i), &from);
		if (keys[i].name == NULL)
			return;
		keys[i].value = column_sql(keys[i].name);
		keys[i].equal = operator_sql(get_opclass_family(opclass), get_opclass_input_type(opclass),
									 BTEqualStrategyNumber);
	}
	relation->primary = true;
	relation->nkeys = n;
	relation->keys = keys;
}

/*
 * Whether a primary key tells the rows of the base apart: those of tables that inherit
 * are not under it, and one that is deferred may be violated for a while.
 */
static bool
is_key(const VsHybridRelation *relation, Relation index)
{
	return index->rd_index->indisprimary && index->rd_index->indimmediate &&
		index->rd_rel->relam == BTREE_AM_OID &&
		(get_rel_relkind(relation->base) == RELKIND_PARTITIONED_TABLE ||
		 find_inheritance_children(relation->base, NoLock) == NIL);
}

/*
 * The place of a row is a key, too, but a view does not show it, and rows of a foreign
 * table may all have the same.
 */
static void
use_place(VsHybridRelation *relation)
{
	static VsHybridKey place[] = {
		{"tableoid", VS_HYBRID_ROW ".tableoid", "OPERATOR(pg_catalog.=)"},
		{"ctid", VS_HYBRID_ROW ".ctid", "OPERATOR(pg_catalog.=)"}
	};
	ListCell   *cell;

	foreach(cell, find_all_inheritors(relation->base, AccessShareLock, NULL))
		if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" cannot be searched", get_rel_name(relation->base)),
					 errdetail("It has no primary key, and its part \"%s\" is a foreign table, whose rows cannot be told apart.",
							   get_rel_name(lfirst_oid(cell))),
					 errhint("Search the other parts.")));
	relation->nkeys = lengthof(place);
	relation->keys = place;
}

static void
find_key(VsHybridRelation *relation)
{
	List	   *indexes = open_indexes(relation);
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = lfirst(cell);

		if (is_key(relation, index))
			use_primary_key(relation, index);
	}
	close_indexes(indexes);
	if (!relation->primary && relation->relid == relation->base)
		use_place(relation);
}

/* ---- the relation ---- */

/* Error unless the user may read something of the relation. */
static void
check_rights(Oid relid)
{
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, GetUserId(), ACL_SELECT, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(relid));
}

VsHybridRelation *
vs_hybrid_relation(Oid relid, Oid schema)
{
	VsHybridRelation *relation = palloc0(sizeof(VsHybridRelation));

	check_rights(relid);
	relation->relid = relid;
	relation->schema = schema;
	relation->columns = base_columns(relid, &relation->base);
	relation->name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												get_rel_name(relid));
	find_key(relation);
	return relation;
}

/* ---- sides ---- */

/* Whether an access method is the one with this function. */
static bool
is_am(Oid am, amgettuple_function function)
{
	IndexAmRoutine *routine = GetIndexAmRoutineByAmId(am, true);

	return routine && routine->amgettuple == function;
}

/* An HNSW index: the operator of its class, the metric, the dimensions. */
static bool
describe_vector(const VsHybridRelation *relation, Relation index, int n, const char *value,
				VsHybridSide *side)
{
	Oid			opclass = get_index_column_opclass(RelationGetRelid(index), n + 1);
	Oid			family = get_opclass_family(opclass);
	Oid			type = get_opclass_input_type(opclass);
	Oid			metric = get_opfamily_proc(family, type, type, VS_METRIC_PROC);
	int32		typmod = exprTypmod(indexed_value(index, n));

	if (n > 0 || !is_am(index->rd_rel->relam, vs_gettuple))
		return false;
	side->order = psprintf("%s %s " VS_HYBRID_VECTOR "::%s", value, operator_sql(family, type, 1),
						   type_sql(type));
	side->metric = *(VsMetric *) DatumGetPointer(OidFunctionCall1(metric, PointerGetDatum(NULL)));
	side->dims = typmod >= 0 ? VS_TYPMOD_DIM(typmod) : -1;
	return true;
}

/* A BM25 index: it is named in the query, since two would be ambiguous. */
static bool
describe_bm25(const VsHybridRelation *relation, Relation index, int n, const char *value,
			  VsHybridSide *side)
{
	Oid			opclass = get_index_column_opclass(RelationGetRelid(index), n + 1);
	const char *schema = quote_identifier(get_namespace_name(relation->schema));

	if (n > 0 || !is_am(index->rd_rel->relam, vs_bm25_gettuple))
		return false;
	side->order = psprintf("%s::%s OPERATOR(%s.<@>) %s.bm25_query(" VS_HYBRID_WORDS
						   ", %u::pg_catalog.oid::pg_catalog.regclass)",
						   value, type_sql(get_opclass_input_type(opclass)), schema, schema,
						   RelationGetRelid(index));
	return true;
}

/* A GIN index over a column of tsvectors. */
static bool
describe_gin(const VsHybridRelation *relation, Relation index, int n, const char *value,
			 VsHybridSide *side)
{
	AttrNumber	column = index->rd_index->indkey.values[n];

	if (index->rd_rel->relam != GIN_AM_OID || column == 0 ||
		getBaseType(get_atttype(relation->base, column)) != TSVECTOROID)
		return false;
	side->order = psprintf("0 OPERATOR(pg_catalog.-) %s.bm25_score(%u::pg_catalog.oid::pg_catalog.regclass, %s, %s, " VS_HYBRID_TSQUERY ")",
						   quote_identifier(get_namespace_name(relation->schema)), relation->base,
						   quote_literal_cstr(get_attname(relation->base, column, false)), value);
	side->condition = psprintf("%s OPERATOR(pg_catalog.@@) " VS_HYBRID_TSQUERY, value);
	return true;
}

typedef bool (*Describe) (const VsHybridRelation *relation, Relation index, int n,
						  const char *value, VsHybridSide *side);

/* Add a side for each column that is the n-th of an index, or one for its expression. */
static List *
add_sides(List *sides, const VsHybridRelation *relation, Relation index, int n, Describe describe)
{
	Node	   *value = indexed_value(index, n);
	int			from = 0;
	bool		any = false;

	for (;;)
	{
		VsHybridSide *side = palloc0(sizeof(VsHybridSide));
		const char *sql;

		side->column = find_column(relation, value, &from);
		side->index = pstrdup(RelationGetRelationName(index));
		side->partial = RelationGetIndexPredicate(index) != NIL;
		if (side->column)
			sql = column_sql(side->column);
		else if (!any && relation->relid == relation->base)
			sql = psprintf("(%s)", deparse_expression(value, deparse_context_for(VS_HYBRID_ROW, relation->base),
													  true, false));
		else
			return sides;
		if (!describe(relation, index, n, sql, side))
			return sides;
		sides = lappend(sides, side);
		any = true;
	}
}

/* All sides of a kind. */
static List *
find_sides(const VsHybridRelation *relation, Describe describe)
{
	List	   *indexes = open_indexes(relation);
	List	   *sides = NIL;
	ListCell   *cell;

	foreach(cell, indexes)
	{
		Relation	index = lfirst(cell);

		/* RelationGetIndexExpressions() counts expressions; none of ours has two columns. */
		for (int n = 0; n < index->rd_index->indnkeyatts; n++)
			if (n == 0 || index->rd_index->indkey.values[n] != 0)
				sides = add_sides(sides, relation, index, n, describe);
	}
	close_indexes(indexes);
	return sides;
}

/* ---- the choice ---- */

/* What is still to be chosen from: "body (index docs_body_idx), ..." */
static char *
list_sides(List *sides)
{
	StringInfoData list;
	ListCell   *cell;

	initStringInfo(&list);
	foreach(cell, sides)
	{
		VsHybridSide *side = lfirst(cell);

		appendStringInfo(&list, "%s%s (index \"%s\")", list.len > 0 ? ", " : "",
						 side->column ? psprintf("\"%s\"", side->column) : "an expression", side->index);
	}
	return list.data;
}

/* Whether a name that was given, if any, means a side. */
static bool
is_meant(const VsHybridSide *side, const char *name)
{
	return name == NULL || strcmp(side->index, name) == 0 ||
		(side->column && strcmp(side->column, name) == 0);
}

/*
 * The one side that is meant; NULL if there is none.  Indexes of all rows go before
 * partial ones, and two that order rows in the same way are one.
 */
static VsHybridSide *
choose(const VsHybridRelation *relation, List *sides, const char *name, const char *argument)
{
	List	   *meant = NIL;
	ListCell   *cell;
	VsHybridSide *first;

	for (int partial = 0; partial < 2 && meant == NIL; partial++)
		foreach(cell, sides)
		{
			VsHybridSide *side = lfirst(cell);

			if (is_meant(side, name) && side->partial == (partial == 1))
				meant = lappend(meant, side);
		}
	if (meant == NIL)
		return NULL;
	first = linitial(meant);
	foreach(cell, meant)
		if (strcmp(((VsHybridSide *) lfirst(cell))->order, first->order) != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("%s of \"%s\" is ambiguous", argument, get_rel_name(relation->relid)),
					 errdetail("There are %s.", list_sides(meant)),
					 errhint("Name a column or an index: %s => '%s'.", argument, first->index)));
	return first;
}

/* Error unless a name is one of a column. */
static void
check_column(const VsHybridRelation *relation, const char *name, const char *argument, List *sides)
{
	if (get_attnum(relation->relid, name) > 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("\"%s\" has neither a column nor an index for this search named \"%s\"",
					get_rel_name(relation->relid), name),
			 sides ? errhint("For %s there are %s.", argument, list_sides(sides)) : 0));
}

/* A column without an index: read all rows, by cosine distance. */
static VsHybridSide *
exact_side(const VsHybridRelation *relation, const char *name)
{
	VsHybridSide *side = palloc0(sizeof(VsHybridSide));
	AttrNumber	column = get_attnum(relation->relid, name);
	const char *schema = get_namespace_name(relation->schema);
	Oid			vecstore = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("vecstore"),
										   ObjectIdGetDatum(relation->schema));
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			function;

	get_atttypetypmodcoll(relation->relid, column, &type, &typmod, &collation);
	if (find_coercion_pathway(vecstore, type, COERCION_EXPLICIT, &function) != COERCION_PATH_RELABELTYPE)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" has no vecstore index and is of type %s, not vecstore", name,
						format_type_be(type)),
				 errhint("Name a column of vectors in vector_column.")));
	side->column = name;
	side->order = psprintf("%s::%s OPERATOR(%s.<=>) " VS_HYBRID_VECTOR, column_sql(name),
						   type_sql(vecstore), quote_identifier(schema));
	side->metric = VS_METRIC_COSINE;
	side->dims = typmod >= 0 ? VS_TYPMOD_DIM(typmod) : -1;
	return side;
}

VsHybridSide *
vs_hybrid_vector_side(const VsHybridRelation *relation, const char *name)
{
	List	   *sides = find_sides(relation, describe_vector);
	VsHybridSide *side = choose(relation, sides, name, "vector_column");

	if (side)
		return side;
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("\"%s\" has no column with a vecstore index", get_rel_name(relation->relid)),
				 errhint("CREATE INDEX … USING vecstore, or name a column in vector_column to read all rows, by cosine distance.")));
	check_column(relation, name, "vector_column", sides);
	return exact_side(relation, name);
}

VsHybridSide *
vs_hybrid_text_side(const VsHybridRelation *relation, const char *name)
{
	List	   *sides = find_sides(relation, describe_bm25);
	VsHybridSide *side = choose(relation, sides, name, "text_column");

	if (side == NULL)
	{
		List	   *gin = find_sides(relation, describe_gin);

		side = choose(relation, gin, name, "text_column");
		sides = list_concat(sides, gin);
	}
	if (side)
		return side;
	if (name)
		check_column(relation, name, "text_column", sides);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 name ? errmsg("column \"%s\" of \"%s\" has no index for text search", name,
						   get_rel_name(relation->relid)) :
			 errmsg("\"%s\" has no column with an index for text search", get_rel_name(relation->relid)),
			 errdetail("Scores need the statistics of an index."),
			 errhint("CREATE INDEX … USING vecstore_bm25 on a column of text or tsvector, or have a GIN index on a tsvector.")));
}
