/*
 * validate.c
 *		Is an operator class usable with this access method?
 *
 * It needs one support function (VS_METRIC_PROC: which metric) and one
 * ordering operator, strategy 1, that returns float8.
 */
#include "postgres.h"
#include "compat.h"

#include "access/amvalidate.h"
#include "access/htup_details.h"
#include "am/am.h"
#include "catalog/pg_amop.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type_d.h"
#include "opclass.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

#define DISTANCE_STRATEGY	1

static bool
validate_procs(const char *opclass, Oid family, Oid type)
{
	CatCList   *list = SearchSysCacheList1(AMPROCNUM, ObjectIdGetDatum(family));
	bool		valid = true;
	bool		found = false;

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_amproc proc = (Form_pg_amproc) GETSTRUCT(&list->members[i]->tuple);

		if (proc->amprocnum != VS_METRIC_PROC)
			vs_complain(valid, "operator class \"%s\" of access method vecstore has support function %s with the invalid number %d",
					 opclass, format_procedure(proc->amproc), proc->amprocnum);
		else if (!check_amproc_signature(proc->amproc, INTERNALOID, true, 1, 1, INTERNALOID))
			vs_complain(valid, "operator class \"%s\" of access method vecstore has support function %s with a wrong signature",
					 opclass, format_procedure(proc->amproc));
		else if (proc->amproclefttype == type && proc->amprocrighttype == type)
			found = true;
	}
	ReleaseCatCacheList(list);
	if (!found)
		vs_complain(valid, "operator class \"%s\" of access method vecstore lacks support function %d",
				 opclass, VS_METRIC_PROC);
	return valid;
}

static bool
validate_operators(const char *opclass, Oid family, Oid type)
{
	CatCList   *list = SearchSysCacheList1(AMOPSTRATEGY, ObjectIdGetDatum(family));
	bool		valid = true;
	bool		found = false;

	for (int i = 0; i < list->n_members; i++)
	{
		Form_pg_amop op = (Form_pg_amop) GETSTRUCT(&list->members[i]->tuple);

		if (op->amopstrategy != DISTANCE_STRATEGY || op->amoppurpose != AMOP_ORDER)
			vs_complain(valid, "operator class \"%s\" of access method vecstore has operator %s that is not ordering strategy %d",
					 opclass, format_operator(op->amopopr), DISTANCE_STRATEGY);
		else if (!check_amop_signature(op->amopopr, FLOAT8OID, op->amoplefttype, op->amoprighttype) ||
				 !opfamily_can_sort_type(op->amopsortfamily, FLOAT8OID))
			vs_complain(valid, "operator class \"%s\" of access method vecstore has operator %s that does not order by float8",
					 opclass, format_operator(op->amopopr));
		else if (op->amoplefttype == type && op->amoprighttype == type)
			found = true;
	}
	ReleaseCatCacheList(list);
	if (!found)
		vs_complain(valid, "operator class \"%s\" of access method vecstore lacks a distance operator",
				 opclass);
	return valid;
}

bool
vs_validate(Oid opclassoid)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclassoid));
	Form_pg_opclass opclass;
	bool		valid;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator class %u", opclassoid);
	opclass = (Form_pg_opclass) GETSTRUCT(tuple);
	valid = validate_procs(NameStr(opclass->opcname), opclass->opcfamily, opclass->opcintype);
	valid &= validate_operators(NameStr(opclass->opcname), opclass->opcfamily, opclass->opcintype);
	ReleaseSysCache(tuple);
	return valid;
}
