/*
 * row.h
 *		The indexed value of a row of the table.
 */
#ifndef VECSTORE_ROW_H
#define VECSTORE_ROW_H

#include "executor/executor.h"
#include "utils/rel.h"

typedef struct VsRowReader
{
	IndexInfo  *info;			/* its own: expressions are set up in estate */
	EState	   *estate;
	ExprState  *predicate;		/* of a partial index; NULL: every row is in it */
} VsRowReader;

/* Get ready to read rows of an index's table, with or without a look at its predicate. */
extern void vs_rowreader_init(VsRowReader *reader, Relation rel, bool partial);

/*
 * The indexed value of the row in the slot, valid until the next call; false if
 * it is NULL or the row is not in the index.
 */
extern bool vs_rowreader_value(VsRowReader *reader, TupleTableSlot *slot, Datum *value);

/* Memory that lasts until the next row. */
#define VsRowReaderMemory(reader)	GetPerTupleMemoryContext((reader)->estate)

extern void vs_rowreader_end(VsRowReader *reader);

#endif							/* VECSTORE_ROW_H */
