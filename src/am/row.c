/*
 * row.c
 *		The indexed value of a row of the table; see row.h.
 */
#include "postgres.h"
#include "compat.h"

#include "am/row.h"
#include "catalog/index.h"

void
vs_rowreader_init(VsRowReader *reader, Relation rel, bool partial)
{
	reader->info = BuildIndexInfo(rel);
	reader->estate = CreateExecutorState();
	reader->predicate = partial ?
		ExecPrepareQual(reader->info->ii_Predicate, reader->estate) : NULL;
}

bool
vs_rowreader_value(VsRowReader *reader, TupleTableSlot *slot, Datum *value)
{
	ExprContext *context = GetPerTupleExprContext(reader->estate);
	Datum		values[INDEX_MAX_KEYS];
	bool		isnull[INDEX_MAX_KEYS];

	ResetExprContext(context);
	context->ecxt_scantuple = slot;
	if (reader->predicate && !ExecQual(reader->predicate, context))
		return false;
	FormIndexDatum(reader->info, slot, reader->estate, values, isnull);
	*value = values[0];
	return !isnull[0];
}

void
vs_rowreader_end(VsRowReader *reader)
{
	FreeExecutorState(reader->estate);
}
