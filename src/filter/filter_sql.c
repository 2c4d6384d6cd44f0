/*
 * filter_sql.c
 *		SQL function vecstore.filter_sql, and what it is made of: a filter's tree
 *		becomes a condition of SQL.  docs/filter-language.md has the rules.
 *
 * What a user writes reaches the planner as a name that quote_identifier() has
 * quoted or as a constant that quote_literal_cstr() has quoted, cast to a type;
 * all the rest of the condition is ours.
 *
 * NOT is pushed down to the comparisons, so a condition is ANDs and ORs of
 * leaves.  Nothing stands above a leaf that could tell false from NULL, and a
 * leaf on a JSON value may be the test an index serves (metadata @> ...), which
 * is false where the key is missing.  Its negation is another test, with a
 * guard that wants the key to be there: NOT is SQL's, and a missing key is NULL.
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_oper.h"
#include "parser/scansup.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "filter/filter.h"
#include "filter/filter_sql.h"

/* Keys repeat with every value of a list: conditions may be longer than filters, within limits. */
#define MAX_SQL_BYTES	(16 * 1024 * 1024)

/* Where a name that is no column is looked for. */
#define METADATA		"metadata"

/* A filter on its way to SQL. */
typedef struct Deparse
{
	const char *filter;
	Oid			relation;
	Jsonb	   *params;			/* NULL: none */
	const char *alias;
	StringInfoData sql;
	Size		value_bytes;	/* of the values so far, placeholders followed */
} Deparse;

/* What a path leads to: a column, or a JSON value in a column. */
typedef struct Field
{
	const char *name;			/* of the column */
	const char *column;			/* in SQL */
	Oid			type;			/* the base type, if it is a domain */
	bool		json;			/* compare JSON values */
	const VsFilterName *keys;	/* of the value, from the column on */
	const char *value;			/* the JSON value, in SQL */
	size_t		position;
} Field;

/* A value as it will be compared. */
typedef struct Literal
{
	VsFilterValueKind kind;		/* number, text, bool or timestamp */
	const char *text;
	size_t		position;
} Literal;

static void put_condition(Deparse *d, const VsFilter *filter, bool negated);

/* ---- Errors ---- */

/*
 * The detail of an error at a byte of the filter: which character that is, and
 * a part of the line with a caret below.
 */
static int
error_position(const char *filter, size_t position)
{
	const int	before = 60;
	const int	after = 20;
	int			character = pg_mbstrlen_with_len(filter, position) + 1;
	const char *line = filter + position;
	int			column;
	char	   *excerpt;

	while (line > filter && line[-1] != '\n')
		line--;
	column = pg_mbstrlen_with_len(line, filter + position - line);
	for (; column > before; column--)
		line += pg_mblen(line);
	excerpt = pnstrdup(line, strcspn(line, "\n"));
	excerpt[pg_mbcharcliplen(excerpt, strlen(excerpt), before + after)] = '\0';
	for (char *c = excerpt; *c != '\0'; c++)
		if ((unsigned char) *c < ' ')
			*c = ' ';
	return errdetail("At character %d:\n%s\n%*s^", character, excerpt, column, "");
}

/* What the parser found wrong. */
static void
parse_error(const char *filter, const VsFilterError *error)
{
	const char *word = filter + error->position;
	int			len = pg_mbcliplen(word, error->length, 40);

	switch (error->kind)
	{
		case VS_FILTER_OPEN_TEXT:
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("unterminated text in filter"),
					 error_position(filter, error->position),
					 errhint("A ' within a text is written twice.")));
			break;
		case VS_FILTER_OPEN_NAME:
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("unterminated quoted name in filter"),
					 error_position(filter, error->position),
					 errhint("Texts stand between ', names between \".")));
			break;
		case VS_FILTER_TOO_DEEP:
			ereport(ERROR,
					(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
					 errmsg("filter is nested too deep"),
					 error_position(filter, error->position),
					 errhint("At most %d parentheses and NOTs can be open, and a path can have %d names.",
							 VS_FILTER_MAX_DEPTH, VS_FILTER_MAX_DEPTH)));
			break;
		case VS_FILTER_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("filter is longer than %d bytes", VS_FILTER_MAX_BYTES),
					 errhint("Values can be passed as placeholders.")));
			break;
		default:
			if (error->length == 0)
				ereport(ERROR,
						(errcode(ERRCODE_SYNTAX_ERROR),
						 errmsg("syntax error in filter at end of input"),
						 error_position(filter, error->position)));
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("syntax error in filter at or near \"%.*s\"", len, word),
					 error_position(filter, error->position)));
	}
}

/* After each piece: go on? */
static void
check_size(Deparse *d, Size bytes)
{
	CHECK_FOR_INTERRUPTS();
	if (bytes > MAX_SQL_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("filter makes a condition of more than %d bytes", MAX_SQL_BYTES)));
}

/* ---- Columns ---- */

/* The attribute of this very name, a reference to be released; NULL if there is none. */
static HeapTuple
find_attribute(Oid relation, const char *name)
{
	HeapTuple	tuple;

	/* The catalog has no longer names; do not compare with a part of this one. */
	if (strlen(name) >= NAMEDATALEN)
		return NULL;
	tuple = SearchSysCacheAttName(relation, name);
	if (HeapTupleIsValid(tuple) && ((Form_pg_attribute) GETSTRUCT(tuple))->attnum <= 0)
	{
		ReleaseSysCache(tuple);
		return NULL;
	}
	return tuple;
}

/* Fill in the column of a field; false if the relation has none of that name. */
static bool
find_column(Deparse *d, const char *name, Field *field)
{
	HeapTuple	tuple = find_attribute(d->relation, name);
	Form_pg_attribute attribute;

	if (!HeapTupleIsValid(tuple))
		return false;
	attribute = (Form_pg_attribute) GETSTRUCT(tuple);
	field->name = pstrdup(NameStr(attribute->attname));
	field->type = getBaseType(attribute->atttypid);
	field->json = field->type == JSONBOID;
	field->column = quote_identifier(field->name);
	if (d->alias != NULL)
		field->column = psprintf("%s.%s", quote_identifier(d->alias), field->column);
	ReleaseSysCache(tuple);
	return true;
}

/* A hint for a name that means nothing: columns spelt almost like it. */
static int
near_columns(Oid relation, const char *name)
{
	int			len = strlen(name);
	int			allowed = Min(len / 2, 3);
	int			found = 0;
	int			attnum;
	HeapTuple	tuple;
	StringInfoData hint;

	initStringInfo(&hint);
	for (attnum = 1; len < NAMEDATALEN && found < 3; attnum++)
	{
		Form_pg_attribute attribute;

		tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relation), Int16GetDatum(attnum));
		if (!HeapTupleIsValid(tuple))
			break;
		attribute = (Form_pg_attribute) GETSTRUCT(tuple);
		if (!attribute->attisdropped &&
			varstr_levenshtein_less_equal(name, len, NameStr(attribute->attname),
										  strlen(NameStr(attribute->attname)),
										  1, 1, 1, allowed, true) <= allowed)
			appendStringInfo(&hint, "%s\"%s\"", found++ ? ", " : "", NameStr(attribute->attname));
		ReleaseSysCache(tuple);
	}
	if (found > 0)
		return errhint("Perhaps you meant %s.", hint.data);
	return errhint("Other names are keys of the column %s, if there is one of type jsonb.", METADATA);
}

/* Append a type's name. */
static void
put_type(Deparse *d, Oid type)
{
	/* With "no modifier" as modifier: bpchar, not character, which is character(1). */
	appendStringInfoString(&d->sql, format_type_extended(type, -1, FORMAT_TYPE_TYPEMOD_GIVEN));
}

/* Append a constant. */
static void
put_constant(Deparse *d, const char *text, Oid type)
{
	char	   *quoted = quote_literal_cstr(text);

	appendStringInfo(&d->sql, "%s::", quoted);
	put_type(d, type);
	pfree(quoted);
	check_size(d, d->sql.len);
}

/*
 * Append an operator's name, with its schema if the search_path leads to
 * another operator for operands of these types.
 */
static void
put_operator(Deparse *d, Oid operator, Oid left, Oid right)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;
	Operator	found;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	found = oper(NULL, list_make1(makeString(NameStr(form->oprname))), left, right, true, -1);
	if (found != NULL && oprid(found) == operator)
		appendStringInfo(&d->sql, " %s ", NameStr(form->oprname));
	else
		appendStringInfo(&d->sql, " OPERATOR(%s.%s) ",
						 quote_identifier(get_namespace_name(form->oprnamespace)), NameStr(form->oprname));
	if (found != NULL)
		ReleaseSysCache(found);
	ReleaseSysCache(tuple);
}

/* The same for one of PostgreSQL's own operators; left and right may be polymorphic. */
static void
put_builtin(Deparse *d, const char *name, Oid left, Oid right, Oid actual)
{
	Oid			operator = OpernameGetOprid(list_make2(makeString("pg_catalog"), makeString(pstrdup(name))),
											left, right);

	put_operator(d, operator, OidIsValid(actual) ? actual : left, OidIsValid(actual) ? actual : right);
}

/* Append one of PostgreSQL's own operators between JSON values. */
static void
put_json_operator(Deparse *d, const char *name)
{
	put_builtin(d, name, JSONBOID, JSONBOID, InvalidOid);
}

/*
 * What a path leads to.  The first name may be a column, as written or, without
 * quotes, in lower case.  The rest of the path are keys, and so is all of it if
 * there is no such column.
 */
static void
find_field(Deparse *d, const VsFilterName *path, Field *field)
{
	StringInfoData sql;

	memset(field, 0, sizeof(Field));
	field->position = path->position;
	field->keys = path->next;
	if (!find_column(d, path->text, field) &&
		(path->quoted ||
		 !find_column(d, downcase_identifier(path->text, strlen(path->text), false, false), field)))
	{
		if (!find_column(d, METADATA, field) || !field->json)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\" does not exist", path->text,
							get_rel_name(d->relation)),
					 error_position(d->filter, path->position),
					 near_columns(d->relation, path->text)));
		field->keys = path;
	}
	if (field->keys != NULL && !field->json)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s has no keys", field->name, format_type_be(field->type)),
				 error_position(d->filter, field->keys->position)));
	if (field->keys == NULL)
	{
		field->value = field->column;
		return;
	}

	/* (metadata -> 'a'::text -> 'b'::text), written where the condition is, then taken away */
	sql = d->sql;
	initStringInfo(&d->sql);
	appendStringInfo(&d->sql, "(%s", field->column);
	for (const VsFilterName *key = field->keys; key != NULL; key = key->next)
	{
		put_builtin(d, "->", JSONBOID, TEXTOID, InvalidOid);
		put_constant(d, key->text, TEXTOID);
	}
	appendStringInfoChar(&d->sql, ')');
	field->value = d->sql.data;
	d->sql = sql;
}

/* ---- Values ---- */

/* Add a value to a list. */
static List *
add_literal(Deparse *d, List *literals, VsFilterValueKind kind, const char *text, size_t position)
{
	Literal    *literal = (Literal *) palloc(sizeof(Literal));

	literal->kind = kind;
	literal->text = text;
	literal->position = position;
	d->value_bytes += strlen(text);
	check_size(d, d->value_bytes);
	return lappend(literals, literal);
}

/* NULL equals nothing. */
static void
null_error(Deparse *d, size_t position)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("filter compares with NULL"),
			 error_position(d->filter, position),
			 errhint("Use IS NULL or IS NOT NULL.")));
}

/* Add the value of a $name that is no array. */
static List *
add_param_scalar(Deparse *d, List *literals, const VsFilterValue *param, const JsonbValue *json)
{
	VsFilterValueKind kind = VS_VALUE_TEXT;
	const char *text = NULL;

	switch (json->type)
	{
		case jbvString:
			text = pnstrdup(json->val.string.val, json->val.string.len);
			break;
		case jbvNumeric:
			kind = VS_VALUE_NUMBER;
			text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(json->val.numeric)));
			break;
		case jbvBool:
			kind = VS_VALUE_BOOL;
			text = json->val.boolean ? "true" : "false";
			break;
		case jbvNull:
			null_error(d, param->position);
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("filter parameter \"%s\" is not a scalar or an array of scalars", param->text),
					 error_position(d->filter, param->position)));
	}
	return add_literal(d, literals, kind, text, param->position);
}

/*
 * Add what a $name stands for.  An array stands for its elements if
 * is_array is given, which is then set.
 */
static List *
add_param(Deparse *d, List *literals, const VsFilterValue *param, bool *is_array)
{
	JsonbValue	key;
	JsonbValue *json;

	key.type = jbvString;
	key.val.string.val = unconstify(char *, param->text);
	key.val.string.len = strlen(param->text);
	json = d->params ? findJsonbValueFromContainer(&d->params->root, JB_FOBJECT, &key) : NULL;
	if (json == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("filter parameter \"%s\" has no value", param->text),
				 error_position(d->filter, param->position),
				 errhint("Give it one in filter_params.")));
	if (is_array != NULL && json->type == jbvBinary && JsonContainerIsArray(json->val.binary.data))
	{
		JsonbContainer *array = json->val.binary.data;

		for (uint32 i = 0; i < JsonContainerSize(array); i++)
			literals = add_param_scalar(d, literals, param, getIthJsonbValueFromContainer(array, i));
		*is_array = true;
		return literals;
	}
	return add_param_scalar(d, literals, param, json);
}

/*
 * The values of a comparison.  For IN and CONTAINS there may be many, and
 * is_array says if they were written as an array; else it is NULL.
 */
static List *
find_literals(Deparse *d, const VsFilterValue *value, bool *is_array)
{
	List	   *literals = NIL;
	const VsFilterValue *element = value;

	if (value->kind == VS_VALUE_ARRAY)
	{
		Assert(is_array != NULL);	/* the grammar has arrays nowhere else */
		element = value->elements;
		*is_array = true;
	}
	for (; element != NULL; element = element->next)
	{
		if (element->kind == VS_VALUE_NULL)
			null_error(d, element->position);
		else if (element->kind == VS_VALUE_PARAM)
			literals = add_param(d, literals, element, is_array);
		else
			literals = add_literal(d, literals, element->kind, element->text, element->position);
		if (value->kind != VS_VALUE_ARRAY)
			break;
	}
	return literals;
}

/* ---- Comparisons with columns ---- */

/* Is a number, as JSON writes it, an integer of this type? */
static bool
is_integer(const char *number, Oid type)
{
	int64		limit = type == INT2OID ? PG_INT16_MAX : type == INT4OID ? PG_INT32_MAX : PG_INT64_MAX;
	int64		result;
	char	   *end;

	errno = 0;
	result = strtoll(number, &end, 10);
	return errno == 0 && *end == '\0' && result >= -limit && result <= limit;
}

/*
 * The type in which a column's values are compared with these.  It is the
 * column's, so that its index and its own idea of the value serve, unless a cast
 * to it would change a value.
 */
static Oid
comparison_type(Deparse *d, const Field *field, Oid type, List *literals)
{
	ListCell   *lc;

	/* These cut what is too long. */
	if (type == NAMEOID || type == CHAROID)
		type = TEXTOID;
	foreach(lc, literals)
	{
		Literal    *literal = (Literal *) lfirst(lc);

		if (literal->kind == VS_VALUE_NUMBER && !is_integer(literal->text, type) &&
			(type == INT2OID || type == INT4OID || type == INT8OID))
			return NUMERICOID;
		if (literal->kind == VS_VALUE_TIMESTAMP && type != TIMESTAMPOID && type != TIMESTAMPTZOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" of type %s cannot be compared with a timestamp",
							field->name, format_type_be(type)),
					 error_position(d->filter, literal->position)));
	}
	return type;
}

/* Append the column, cast if it is compared in another type than its own. */
static void
put_column(Deparse *d, const Field *field, Oid own_type, Oid type)
{
	appendStringInfoString(&d->sql, field->column);
	if (type == own_type)
		return;
	appendStringInfoString(&d->sql, "::");
	put_type(d, type);
}

/* Append values between commas. */
static void
put_constants(Deparse *d, List *literals, Oid type)
{
	ListCell   *lc;

	foreach(lc, literals)
	{
		if (lc != list_head(literals))
			appendStringInfoString(&d->sql, ", ");
		put_constant(d, ((Literal *) lfirst(lc))->text, type);
	}
}

/* The operator that compares two values of a type as its default operator class does. */
static Oid
comparison_operator(Deparse *d, const Field *field, VsFilterKind kind, Oid type)
{
	TypeCacheEntry *cache = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_BTREE_OPFAMILY |
											  TYPECACHE_CMP_PROC);
	Oid			operator = InvalidOid;
	StrategyNumber strategy = kind == VS_FILTER_LT ? BTLessStrategyNumber :
		kind == VS_FILTER_LE ? BTLessEqualStrategyNumber :
		kind == VS_FILTER_GT ? BTGreaterStrategyNumber : BTGreaterEqualStrategyNumber;

	/* An array has these operators if its elements do; cmp_proc knows. */
	if (kind == VS_FILTER_EQ || kind == VS_FILTER_IN)
		operator = cache->eq_opr;
	else if (OidIsValid(cache->cmp_proc))
		operator = get_opfamily_member(cache->btree_opf, cache->btree_opintype, cache->btree_opintype, strategy);
	if (!OidIsValid(operator))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("values of column \"%s\" of type %s cannot be compared", field->name, format_type_be(type)),
				 error_position(d->filter, field->position)));
	return operator;
}

/* column < 'value'::type, or column = ANY (ARRAY['value'::type, ...]) */
static void
put_column_comparison(Deparse *d, const Field *field, VsFilterKind kind, List *literals)
{
	Oid			type = comparison_type(d, field, field->type, literals);
	Oid			operator = comparison_operator(d, field, kind, type);

	put_column(d, field, field->type, type);
	put_operator(d, operator, type, type);
	if (list_length(literals) == 1)
	{
		put_constants(d, literals, type);
		return;
	}
	if (!OidIsValid(get_array_type(type)))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of type %s cannot be compared with a list", field->name, format_type_be(type)),
				 error_position(d->filter, field->position),
				 errhint("Compare with one value at a time.")));
	appendStringInfoString(&d->sql, "ANY (ARRAY[");
	put_constants(d, literals, type);
	appendStringInfoString(&d->sql, "])");
}

/* column @> ARRAY['value'::type, ...]::type[], or strpos(column, 'value') > 0 */
static void
put_column_contains(Deparse *d, const Field *field, List *literals, bool is_array)
{
	Oid			element = get_base_element_type(field->type);
	char		category;
	bool		preferred;

	if (OidIsValid(element))
	{
		Oid			type = comparison_type(d, field, element, literals);
		Oid			array = type == element ? field->type : get_array_type(type);

		comparison_operator(d, field, VS_FILTER_EQ, type);
		put_column(d, field, field->type, array);
		put_builtin(d, "@>", ANYARRAYOID, ANYARRAYOID, array);
		appendStringInfoString(&d->sql, "ARRAY[");
		put_constants(d, literals, type);
		appendStringInfoString(&d->sql, "]::");
		put_type(d, array);
		return;
	}
	get_type_category_preferred(field->type, &category, &preferred);
	if (category != TYPCATEGORY_STRING || is_array)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg(is_array ? "column \"%s\" of type %s is no array" :
						"CONTAINS does not work on column \"%s\" of type %s",
						field->name, format_type_be(field->type)),
				 error_position(d->filter, field->position),
				 errhint("CONTAINS works on arrays, text and jsonb; a list of values on arrays and jsonb.")));
	/* Bytes decide, whatever the column's collation is. */
	appendStringInfo(&d->sql, "pg_catalog.strpos(%s COLLATE pg_catalog.\"C\", ", field->column);
	put_constants(d, literals, TEXTOID);
	appendStringInfoChar(&d->sql, ')');
	put_builtin(d, ">", INT4OID, INT4OID, InvalidOid);
	appendStringInfoChar(&d->sql, '0');
}

/* A comparison with a column. */
static void
put_column_leaf(Deparse *d, const Field *field, const VsFilter *filter, List *literals, bool is_array)
{
	if (filter->kind == VS_FILTER_NULL)
		appendStringInfo(&d->sql, "%s IS NULL", field->column);
	else if (filter->kind == VS_FILTER_CONTAINS)
		put_column_contains(d, field, literals, is_array);
	else
		put_column_comparison(d, field, filter->kind, literals);
}

/* ---- Comparisons with JSON values ---- */

/* A value in JSON. */
static void
append_json(StringInfo json, const Literal *literal)
{
	if (literal->kind == VS_VALUE_TEXT)
		escape_json(json, literal->text);
	else
		appendStringInfoString(json, literal->text);
}

/*
 * Append a JSON constant: a value, or the array of all of them, below the keys:
 * '{"a": {"b": 1}}'::jsonb.
 */
static void
put_json(Deparse *d, const VsFilterName *keys, List *literals, bool is_array)
{
	StringInfoData json;
	int			depth = 0;
	ListCell   *lc;

	initStringInfo(&json);
	for (; keys != NULL; keys = keys->next, depth++)
	{
		appendStringInfoChar(&json, '{');
		escape_json(&json, keys->text);
		appendStringInfoString(&json, ": ");
	}
	if (is_array)
		appendStringInfoChar(&json, '[');
	foreach(lc, literals)
	{
		if (lc != list_head(literals))
			appendStringInfoString(&json, ", ");
		append_json(&json, (Literal *) lfirst(lc));
	}
	if (is_array)
		appendStringInfoChar(&json, ']');
	while (depth-- > 0)
		appendStringInfoChar(&json, '}');
	put_constant(d, json.data, JSONBOID);
	pfree(json.data);
}

/*
 * metadata @> '{"a": 1}', or metadata @> ANY (ARRAY['{"a": 1}', ...]), which a
 * GIN index serves.  The value of a column itself is compared by =: there @>
 * would find an array that has the value.
 */
static void
put_json_equality(Deparse *d, const Field *field, List *literals)
{
	ListCell   *lc;

	appendStringInfoString(&d->sql, field->column);
	put_json_operator(d, field->keys ? "@>" : "=");
	if (list_length(literals) > 1)
		appendStringInfoString(&d->sql, "ANY (ARRAY[");
	foreach(lc, literals)
	{
		if (lc != list_head(literals))
			appendStringInfoString(&d->sql, ", ");
		put_json(d, field->keys, list_make1(lfirst(lc)), false);
	}
	if (list_length(literals) > 1)
		appendStringInfoString(&d->sql, "])");
}

/* (metadata -> 'a') < '10'; JSON values of any two types can be compared. */
static void
put_json_range(Deparse *d, const Field *field, VsFilterKind kind, List *literals)
{
	appendStringInfoString(&d->sql, field->value);
	put_json_operator(d, kind == VS_FILTER_LT ? "<" : kind == VS_FILTER_LE ? "<=" :
					  kind == VS_FILTER_GT ? ">" : ">=");
	put_json(d, NULL, literals, false);
}

/* pg_catalog.jsonb_typeof(metadata -> 'a') = 'number' */
static void
put_json_type(Deparse *d, const Field *field, VsFilterValueKind kind)
{
	appendStringInfo(&d->sql, "pg_catalog.jsonb_typeof(%s)", field->value);
	put_builtin(d, "=", TEXTOID, TEXTOID, InvalidOid);
	put_constant(d, kind == VS_VALUE_NUMBER ? "number" : kind == VS_VALUE_BOOL ? "boolean" : "string", TEXTOID);
}

/* An array that has all the values; one text may also be part of the JSON value's text. */
static void
put_json_contains(Deparse *d, const Field *field, List *literals, bool is_array)
{
	bool		part = !is_array && ((Literal *) linitial(literals))->kind == VS_VALUE_TEXT;

	if (part)
		appendStringInfoChar(&d->sql, '(');
	appendStringInfoString(&d->sql, field->column);
	put_json_operator(d, "@>");
	put_json(d, field->keys, literals, true);
	if (!part)
		return;

	appendStringInfoString(&d->sql, " OR ");
	put_json_type(d, field, VS_VALUE_TEXT);
	/* #>> '{}' is the text of a JSON string. */
	appendStringInfo(&d->sql, " AND pg_catalog.strpos(%s", field->value);
	put_builtin(d, "#>>", JSONBOID, TEXTARRAYOID, InvalidOid);
	put_constant(d, "{}", TEXTARRAYOID);
	appendStringInfoString(&d->sql, ", ");
	put_constants(d, literals, TEXTOID);
	appendStringInfoChar(&d->sql, ')');
	put_builtin(d, ">", INT4OID, INT4OID, InvalidOid);
	appendStringInfoString(&d->sql, "0)");
}

/* The value is there, and it is not JSON's null. */
static void
put_json_not_null(Deparse *d, const Field *field)
{
	appendStringInfoString(&d->sql, field->value);
	put_json_operator(d, "<>");
	put_constant(d, "null", JSONBOID);
}

/*
 * A comparison with a JSON value, or its negation.  A range wants a value of the
 * literal's type both ways; equality and CONTAINS imply that there is a value,
 * their negation does not.
 */
static void
put_json_leaf(Deparse *d, const Field *field, const VsFilter *filter, List *literals, bool is_array, bool negated)
{
	bool		range = filter->kind >= VS_FILTER_LT && filter->kind <= VS_FILTER_GE;
	ListCell   *lc;

	foreach(lc, literals)
	{
		Literal    *literal = (Literal *) lfirst(lc);

		if (literal->kind == VS_VALUE_TIMESTAMP)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("JSON values have no type for timestamps"),
					 error_position(d->filter, literal->position),
					 errhint("Compare texts; ISO 8601 in one format and one time zone has the right order.")));
	}
	if (filter->kind == VS_FILTER_NULL)
	{
		appendStringInfoString(&d->sql, negated ? "" : "(");
		put_json_not_null(d, field);
		appendStringInfoString(&d->sql, negated ? "" : ") IS NOT TRUE");
		return;
	}

	if (range || negated)
	{
		appendStringInfoChar(&d->sql, '(');
		if (range)
			put_json_type(d, field, ((Literal *) linitial(literals))->kind);
		else
			put_json_not_null(d, field);
		appendStringInfoString(&d->sql, negated ? " AND NOT (" : " AND ");
	}
	if (range)
		put_json_range(d, field, filter->kind, literals);
	else if (filter->kind == VS_FILTER_CONTAINS)
		put_json_contains(d, field, literals, is_array);
	else
		put_json_equality(d, field, literals);
	if (range || negated)
		appendStringInfoString(&d->sql, negated ? "))" : ")");
}

/* ---- The tree ---- */

/* A comparison or its negation. */
static void
put_leaf(Deparse *d, const VsFilter *filter, bool negated)
{
	Field		field;
	List	   *literals = NIL;
	bool		is_array = false;
	bool		many = filter->kind == VS_FILTER_IN || filter->kind == VS_FILTER_CONTAINS;

	find_field(d, filter->path, &field);
	if (filter->value != NULL)
		literals = find_literals(d, filter->value, many ? &is_array : NULL);

	if (filter->kind == VS_FILTER_IN && literals == NIL)
		appendStringInfoString(&d->sql, negated ? "TRUE" : "FALSE");
	else if (field.json)
		put_json_leaf(d, &field, filter, literals, is_array, negated);
	else
	{
		appendStringInfoString(&d->sql, negated ? "NOT (" : "");
		put_column_leaf(d, &field, filter, literals, is_array);
		appendStringInfoString(&d->sql, negated ? ")" : "");
	}
	list_free_deep(literals);
}

/* A filter or its negation.  The parser has bounded the depth. */
static void
put_condition(Deparse *d, const VsFilter *filter, bool negated)
{
	switch (filter->kind)
	{
		case VS_FILTER_NOT:
			put_condition(d, filter->first, !negated);
			break;
		case VS_FILTER_AND:
		case VS_FILTER_OR:
			appendStringInfoChar(&d->sql, '(');
			for (const VsFilter *child = filter->first; child != NULL; child = child->next)
			{
				if (child != filter->first)
					appendStringInfoString(&d->sql, (filter->kind == VS_FILTER_AND) != negated ? " AND " : " OR ");
				put_condition(d, child, negated);
			}
			appendStringInfoChar(&d->sql, ')');
			break;
		default:
			put_leaf(d, filter, negated);
	}
	check_size(d, d->sql.len);
}

/* Only what has columns that a query can read. */
static void
check_relation(Oid relation)
{
	switch (get_rel_relkind(relation))
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			break;
		case '\0':
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("relation with OID %u does not exist", relation)));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is no table, view or foreign table", get_rel_name(relation))));
	}
}

/* Memory for the parser. */
static void *
context_alloc(void *context, size_t bytes)
{
	return MemoryContextAlloc((MemoryContext) context, bytes);
}

/* See filter_sql.h. */
char *
vs_filter_sql(const char *filter, Oid relation, Jsonb *params, const char *alias)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext context = AllocSetContextCreate(caller, "vecstore filter", ALLOCSET_DEFAULT_SIZES);
	VsFilterMemory memory = {context_alloc, context};
	VsFilterError error;
	VsFilter   *tree;
	Deparse		d = {.filter = filter, .relation = relation, .params = params, .alias = alias};
	char	   *sql;

	check_relation(relation);
	if (params != NULL && !JB_ROOT_IS_OBJECT(params))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("filter_params is not a JSON object")));

	MemoryContextSwitchTo(context);
	tree = vs_filter_parse(filter, strlen(filter), &memory, &error);
	if (tree == NULL)
		parse_error(filter, &error);
	initStringInfo(&d.sql);
	put_condition(&d, tree, false);
	MemoryContextSwitchTo(caller);
	sql = pstrdup(d.sql.data);
	MemoryContextDelete(context);
	return sql;
}

PG_FUNCTION_INFO_V1(vecstore_filter_sql);

/* filter_sql(filter text, relation regclass, filter_params jsonb): the condition. */
PGDLLEXPORT Datum
vecstore_filter_sql(PG_FUNCTION_ARGS)
{
	char	   *filter = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Jsonb	   *params = PG_GETARG_JSONB_P(2);

	PG_RETURN_TEXT_P(cstring_to_text(vs_filter_sql(filter, PG_GETARG_OID(1), params, NULL)));
}
