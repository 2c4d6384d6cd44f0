/*
 * bm25_validate.c
 *		Is an operator class usable with vecstore_bm25?
 *
 * It needs two ordering operators that return float8: strategy 1, whose right side is
 * text, for the planner to rewrite, and strategy 2, whose right side is bm25query; and
 * strategy 3, a search operator, whose right side is bm25query for texts and tsquery for
 * tsvectors.  The left side is the type of the class, and that is one the index can take
 * apart.  There are no support functions.
 */
#include "postgres.h"
#include "compat.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "hybrid/bm25_am.h"
#include "opclass.h"
#include "utils/builtins.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#define TEXT_STRATEGY	1
#define QUERY_STRATEGY	2
#define MATCH_STRATEGY	3

/* Whether a type is the bm25query of the extension that has the operator's function. */
static bool
is_bm25query(Oid type, Oid operator)
{
	HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Form_pg_type form;
	bool		is;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_type) GETSTRUCT(tuple);
	is = strcmp(NameStr(form->typname), "bm25query") == 0 &&
		form->typnamespace == get_func_namespace(get_opcode(operator));
	ReleaseSysCache(tuple);
	return is;
}

/* Whether an operator has the right side that its strategy needs. */
static bool
has_right_side(const Form_pg_amop op)
{
	if (op->amopstrategy == TEXT_STRATEGY)
		return op->amoprighttype == TEXTOID;
	if (op->amopstrategy == MATCH_STRATEGY && op->amoplefttype == TSVECTOROID)
		return op->amoprighttype == TSQUERYOID;
	return is_bm25query(op->amoprighttype, op->amopopr);
}

/* Operators: strategies 1 to 3, each once, nothing else. */
static bool
validate_operators(const char *opclass, Oid family, Oid type)
{
	CatCList   *list = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
	bool		valid = true;
	bool		found[MATCH_STRATEGY + 1] = {false};

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);
		const char *name = format_operator(op->amopopr);

		if (op->amopstrategy < TEXT_STRATEGY || op->amopstrategy > MATCH_STRATEGY ||
			op->amoppurpose != (op->amopstrategy == MATCH_STRATEGY ? AMOP_SEARCH : AMOP_ORDER))
			vs_complain(valid, "operator class \"%s\" of access method vecstore_bm25 has operator %s that is not ordering strategy %d or %d or search strategy %d",
					 opclass, name, TEXT_STRATEGY, QUERY_STRATEGY, MATCH_STRATEGY);
		else if (!has_right_side(op))
			vs_complain(valid, "operator class \"%s\" of access method vecstore_bm25 has operator %s with the wrong right side for strategy %d",
					 opclass, name, op->amopstrategy);
		else if (op->amopstrategy == MATCH_STRATEGY)
			found[MATCH_STRATEGY] |= op->amoplefttype == type;	/* PostgreSQL wants a boolean */
		else if (!check_amop_signature(op->amopopr, FLOAT8OID, op->amoplefttype, op->amoprighttype) ||
				 !opfamily_can_sort_type(op->amopsortfamily, FLOAT8OID))
			vs_complain(valid, "operator class \"%s\" of access method vecstore_bm25 has operator %s that does not order by float8",
					 opclass, name);
		else if (op->amoplefttype == type)
			found[op->amopstrategy] = true;
	}
	ReleaseCatCacheList(list);
	for (int strategy = TEXT_STRATEGY; strategy <= MATCH_STRATEGY; strategy++)
		if (!found[strategy])
			vs_complain(valid, "operator class \"%s\" of access method vecstore_bm25 lacks the operator of strategy %d",
					 opclass, strategy);
	return valid;
}

bool
vs_bm25_validate(Oid opclassoid)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass opclass;
	CatCList   *procs;
	const char *name;
	bool		valid = true;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(tuple);
	name = NameStr(opclass->opcname);
	if (opclass->opcintype != TEXTOID && opclass->opcintype != TSVECTOROID)
		vs_complain(valid, "operator class \"%s\" of access method vecstore_bm25 is for type %s; it must be text or tsvector",
				 name, format_type_be(opclass->opcintype));
	procs = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(opclass->opcfamily));
	if (procs->n_members > 0)
		vs_complain(valid, "operator class \"%s\" of access method vecstore_bm25 has support functions; there are none",
				 name);
	ReleaseCatCacheList(procs);
	valid &= validate_operators(name, opclass->opcfamily, opclass->opcintype);
	ReleaseSysCache(tuple);
	return valid;
}
