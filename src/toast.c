/*
 * toast.c
 *		Values of rows that are dead, but maybe not to all; see toast.h.
 *
 * CREATE INDEX puts in rows that are deleted but that some snapshot may see.  It decides
 * by a horizon that it takes when its scan of the table begins; TOAST is removed by the
 * horizon of whoever reads its pages later, or by a vacuum that looks at this database
 * alone.  So of a row that still counts as visible TOAST may be gone, and the server's
 * own detoasting makes an error of it, until the older transaction has ended (PostgreSQL
 * bug 18351).  Here the chunks are read without that error.  Reading them into memory,
 * not just counting them: they could go in between.
 *
 * An index on an expression has no such way out: the server computes it beforehand.
 */
#include "postgres.h"
#include "compat.h"

#include "access/detoast.h"
#include "access/genam.h"
#include "access/heaptoast.h"
#include "access/table.h"
#include "access/toast_internals.h"
#include "catalog/pg_am.h"
#include "miscadmin.h"
#include "toast.h"
#include "utils/fmgroids.h"

/* A value as it is put together from its chunks. */
typedef struct Value
{
	char	   *data;
	Size		size;			/* of all chunks */
	Size		done;			/* bytes of the chunks that came */
	int32		chunks;			/* that came */
} Value;

/* Add a chunk; false if it is not the next one. */
static bool
add_chunk(Value *value, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	int32		number = DatumGetInt32(fastgetattr(tuple, 2, desc, &isnull));
	struct varlena *chunk = (struct varlena *) DatumGetPointer(fastgetattr(tuple, 3, desc, &isnull));
	Size		size = VARSIZE_ANY_EXHDR(chunk);

	if (number != value->chunks || size > value->size - value->done)
		return false;
	memcpy(value->data + value->done, VARDATA_ANY(chunk), size);
	value->done += size;
	value->chunks++;
	return true;
}

/* Read chunks in their order, until one is missing. */
static void
read_chunks(Value *value, Relation toast, Relation index, Oid id)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	SnapshotData room;
	Snapshot	snapshot = vs_toast_snapshot(&room);

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(id));
	scan = systable_beginscan_ordered(toast, index, snapshot, 1, &key);
	while ((tuple = systable_getnext_ordered(scan, ForwardScanDirection)) != NULL &&
		   add_chunk(value, tuple, RelationGetDescr(toast)))
		CHECK_FOR_INTERRUPTS();
	systable_endscan_ordered(scan);
}

/* The value whose pointer this is; NULL if a part of it is gone. */
static struct varlena *
read_value(const struct varatt_external *pointer, Relation toast)
{
	Value		value = {.size = VARATT_EXTERNAL_GET_EXTSIZE(*pointer)};
	struct varlena *result = palloc(value.size + VARHDRSZ);
	Relation   *indexes;
	int			nindexes;
	int			valid = toast_open_indexes(toast, AccessShareLock, &indexes, &nindexes);

	if (VARATT_EXTERNAL_IS_COMPRESSED(*pointer))
		SET_VARSIZE_COMPRESSED(result, value.size + VARHDRSZ);
	else
		SET_VARSIZE(result, value.size + VARHDRSZ);
	value.data = VARDATA(result);
	read_chunks(&value, toast, indexes[valid], pointer->va_valueid);
	toast_close_indexes(indexes, nindexes, AccessShareLock);
	return value.done == value.size ? result : NULL;
}

bool
vs_toast_take_dead(Datum *value)
{
	struct varlena *read = (struct varlena *) DatumGetPointer(*value);
	struct varatt_external pointer;
	Relation	toast;

	if (!VARATT_IS_EXTERNAL_ONDISK(read))
		return true;
	VARATT_EXTERNAL_GET_POINTER(pointer, read);
	toast = table_open(pointer.va_toastrelid, AccessShareLock);

	/* Chunks of other table access methods are theirs: the server reads them. */
	if (toast->rd_rel->relam == HEAP_TABLE_AM_OID)
		read = read_value(&pointer, toast);
	table_close(toast, AccessShareLock);
	*value = PointerGetDatum(read);
	return read != NULL;
}
