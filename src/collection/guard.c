/*
 * guard.c
 *		The trigger of every collection and cache: it keeps a namespace's status
 *		and quotas whichever way rows are written.
 *
 * Before a statement it looks at the status.  After it, it compares what there
 * is now with the quotas.  Rows are counted where the namespace has a quota of
 * vectors or storage, and only there: each statement adds to, or takes from,
 * its collection's number in vecstore.usage, in its own transaction, so that a
 * rollback takes it back.  From there to the end of the transaction it holds
 * the namespace's lock: the next writer of the namespace, who has done his work
 * by then, waits to learn what the number is.  Numbers are read with the latest
 * snapshot, so that they are right at any isolation level.
 *
 * A collection without a number (its table was restored from a dump, or is new)
 * is counted once, from the table.  So numbers need not be dumped.  A snapshot
 * has the number 0: its bytes count, its rows do not.  Whoever
 * sets the first quota of a namespace has it counted while no writer is
 * under way (vecstore.recount).
 *
 * Nobody may write vecstore.usage but its owner; this C code does it for those
 * who may write a collection, who gain no other right.  There is no SECURITY
 * DEFINER function.  The owner of a table can drop its triggers, as ever.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/generic_xlog.h"
#include "access/htup_details.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "collection/namespace.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/tuplestore.h"

/* Columns of vecstore.usage. */
enum
{
	COLUMN_COLLECTION = 1,
	COLUMN_NAMESPACE,
	COLUMN_VECTORS,
	COLUMNS = COLUMN_VECTORS
};

/* A row of it; no column is NULL. */
typedef struct UsageRow
{
	Oid			collection;
	NameData	namespace;
	int64		vectors;
} UsageRow;

PG_FUNCTION_INFO_V1(vecstore_guard);
PG_FUNCTION_INFO_V1(vecstore_recount);
PG_FUNCTION_INFO_V1(vecstore_count_vectors);
PG_FUNCTION_INFO_V1(vecstore_admit_snapshot);

/* ---- The numbers ---- */

/* A scan of vecstore.usage, of one collection or of a namespace's. */
typedef struct UsageScan
{
	Relation	rel;
	Snapshot	snapshot;
	SysScanDesc scan;
	Oid			collection;		/* of the tuple that the scan is at */
	int64		vectors;
} UsageScan;

static Relation
open_usage(LOCKMODE lockmode)
{
	static const Oid types[COLUMNS] = {OIDOID, NAMEOID, INT8OID};

	return vs_open_store("usage", types, COLUMNS, lockmode);
}

static void
begin_usage(UsageScan *s, const char *index, AttrNumber column, RegProcedure equal, Datum value)
{
	ScanKeyData key;

	s->rel = open_usage(AccessShareLock);
	s->snapshot = RegisterSnapshot(vs_latest_snapshot());
	ScanKeyInit(&key, column, BTEqualStrategyNumber, equal, value);
	s->scan = systable_beginscan(s->rel, vs_store_index(index), true, s->snapshot, 1, &key);
}

static void
begin_usage_of_collection(UsageScan *s, Oid collection)
{
	begin_usage(s, "usage_pkey", COLUMN_COLLECTION, F_OIDEQ, ObjectIdGetDatum(collection));
}

static void
begin_usage_of_namespace(UsageScan *s, const VsNamespace *ns)
{
	begin_usage(s, "usage_namespace", COLUMN_NAMESPACE, F_NAMEEQ, NameGetDatum(&ns->name));
}

static HeapTuple
next_usage(UsageScan *s)
{
	HeapTuple	tuple = systable_getnext(s->scan);

	if (HeapTupleIsValid(tuple))
	{
		UsageRow   *row = (UsageRow *) GETSTRUCT(tuple);

		if (HeapTupleHasNulls(tuple))
			vs_store_altered("usage");
		s->collection = row->collection;
		s->vectors = row->vectors;
	}
	return tuple;
}

static void
end_usage(UsageScan *s)
{
	systable_endscan(s->scan);
	UnregisterSnapshot(s->snapshot);
	table_close(s->rel, AccessShareLock);
}

/*
 * Writes a number over that of a tuple, if this very (sub)transaction has made the
 * tuple.  Nobody else sees it yet, and if it is taken back, the whole tuple is.  So
 * a transaction of many statements leaves one version, not one for each, which
 * every statement after it would have to pass.
 */
static bool
overwrite_usage(Relation rel, HeapTuple tuple, int64 vectors)
{
	TransactionId xid = GetCurrentTransactionIdIfAny();
	Buffer		buffer;
	GenericXLogState *state;
	Page		page;
	HeapTupleHeader header;

	if (!TransactionIdIsValid(xid) || HeapTupleHeaderGetXmin(tuple->t_data) != xid)
		return false;
	buffer = ReadBuffer(rel, ItemPointerGetBlockNumber(&tuple->t_self));
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	state = GenericXLogStart(rel);
	page = GenericXLogRegisterBuffer(state, buffer, 0);
	header = (HeapTupleHeader) PageGetItem(page, PageGetItemId(page, ItemPointerGetOffsetNumber(&tuple->t_self)));
	((UsageRow *) ((char *) header + header->t_hoff))->vectors = vectors;
	GenericXLogFinish(state);
	UnlockReleaseBuffer(buffer);
	return true;
}

/*
 * Notes the number of a collection; old: the tuple to replace, or NULL.
 */
static void
put_usage(HeapTuple old, const VsNamespace *ns, Oid collection, int64 vectors)
{
	Relation	rel = open_usage(RowExclusiveLock);
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {0};
	HeapTuple	tuple;

	if (old != NULL && overwrite_usage(rel, old, vectors))
	{
		table_close(rel, RowExclusiveLock);
		return;
	}
	values[COLUMN_COLLECTION - 1] = ObjectIdGetDatum(collection);
	values[COLUMN_NAMESPACE - 1] = NameGetDatum(&ns->name);
	values[COLUMN_VECTORS - 1] = Int64GetDatum(vectors);
	tuple = heap_form_tuple(RelationGetDescr(rel), values, nulls);
	if (old != NULL)
		CatalogTupleUpdate(rel, &old->t_self, tuple);
	else
		CatalogTupleInsert(rel, tuple);
	heap_freetuple(tuple);
	table_close(rel, RowExclusiveLock);
}

/* Does a collection have a number, and which? */
static bool
get_usage(Oid collection, int64 *vectors)
{
	UsageScan	s;
	bool		found;

	begin_usage_of_collection(&s, collection);
	found = HeapTupleIsValid(next_usage(&s));
	if (found)
		*vectors = s.vectors;
	end_usage(&s);
	return found;
}

/*
 * The rows of a table, those that the transaction itself has just written
 * among them; 0 if it has gone.
 */
static int64
count_rows(Oid relid)
{
	Relation	rel = try_table_open(relid, AccessShareLock);
	int64		rows = 0;

	if (rel == NULL)
		return 0;
	if (rel->rd_rel->relkind == RELKIND_RELATION)
	{
		Snapshot	snapshot = RegisterSnapshot(vs_latest_snapshot());
		TupleTableSlot *slot = table_slot_create(rel, NULL);
		TableScanDesc scan = table_beginscan(rel, snapshot, 0, NULL);

		while (table_scan_getnextslot(scan, ForwardScanDirection, slot))
		{
			CHECK_FOR_INTERRUPTS();
			rows++;
		}
		table_endscan(scan);
		ExecDropSingleTupleTableSlot(slot);
		UnregisterSnapshot(snapshot);
	}
	table_close(rel, AccessShareLock);
	return rows;
}

/* Gives a snapshot, whose vectors do not count, a number, so that its bytes do. */
static void
note_snapshot(const VsNamespace *ns, Oid snapshot)
{
	int64		vectors;

	if (!get_usage(snapshot, &vectors))
		put_usage(NULL, ns, snapshot, 0);
}

/* Notes all snapshots of a namespace. */
static void
note_snapshots(const VsNamespace *ns)
{
	ListCell   *cell;

	foreach(cell, vs_snapshots_of(ns->schema))
		if (vs_is_snapshot(lfirst_oid(cell)))
			note_snapshot(ns, lfirst_oid(cell));
}

/* Counts those collections and caches of a namespace that have no number. */
static void
count_missing(const VsNamespace *ns)
{
	ListCell   *cell;

	foreach(cell, vs_guarded_tables_of(ns->schema))
	{
		Oid			collection = lfirst_oid(cell);
		int64		vectors;

		if (!get_usage(collection, &vectors))
			put_usage(NULL, ns, collection, count_rows(collection));
	}
	note_snapshots(ns);
	CommandCounterIncrement();
}

/*
 * Forgets the numbers of collections that were dropped or moved; they would
 * count for nothing, until some table got such an oid again.
 */
void
vs_forget_usage(const VsNamespace *ns)
{
	Relation	rel = open_usage(RowExclusiveLock);
	UsageScan	s;
	HeapTuple	tuple;

	begin_usage_of_namespace(&s, ns);
	while (HeapTupleIsValid(tuple = next_usage(&s)))
		if (get_rel_namespace(s.collection) != ns->schema)
			CatalogTupleDelete(rel, &tuple->t_self);
	end_usage(&s);
	table_close(rel, RowExclusiveLock);
	CommandCounterIncrement();
}

/*
 * A statement has added so many rows to a collection (less than 0: removed).
 * On return the numbers of the namespace cannot change before the end of the
 * transaction.
 */
static void
adjust_usage(const VsNamespace *ns, Oid collection, int64 change)
{
	UsageScan	s;
	HeapTuple	tuple;

	if (change == 0)
		return;
	CommandCounterIncrement();
	vs_lock_namespace(ns->schema);
	begin_usage_of_collection(&s, collection);
	tuple = next_usage(&s);
	if (HeapTupleIsValid(tuple))
		put_usage(tuple, ns, collection, Max(s.vectors + change, 0));
	end_usage(&s);
	if (HeapTupleIsValid(tuple))
		CommandCounterIncrement();
	else
		count_missing(ns);
}

/* A collection was emptied. */
static void
clear_usage(const VsNamespace *ns, Oid collection)
{
	int64		vectors;

	vs_lock_namespace(ns->schema);
	if (get_usage(collection, &vectors))
		adjust_usage(ns, collection, -vectors);
}

/* ---- The quotas ---- */

/* The rows of all collections of a namespace. */
static int64
vectors_of(const VsNamespace *ns)
{
	UsageScan	s;
	int64		vectors = 0;

	begin_usage_of_namespace(&s, ns);
	while (HeapTupleIsValid(next_usage(&s)))
		if (get_rel_namespace(s.collection) == ns->schema)
			vectors += s.vectors;
	end_usage(&s);
	return vectors;
}

/* The bytes of a table with its indexes, 0 if it has gone. */
static int64
bytes_of_table(Oid relid)
{
	LOCAL_FCINFO(call, 1);
	Datum		result;

	InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
	call->args[0].value = ObjectIdGetDatum(relid);
	call->args[0].isnull = false;
	result = pg_total_relation_size(call);
	return call->isnull ? 0 : DatumGetInt64(result);
}

/* The bytes of all collections of a namespace and their snapshots, but those not counted yet. */
static int64
bytes_of(const VsNamespace *ns)
{
	UsageScan	s;
	int64		bytes = 0;

	begin_usage_of_namespace(&s, ns);
	while (HeapTupleIsValid(next_usage(&s)))
		if (get_rel_namespace(s.collection) == ns->schema)
			bytes += bytes_of_table(s.collection);
	end_usage(&s);
	return bytes;
}

static void
quota_error(const VsNamespace *ns, const char *quota, int64 value, int64 limit, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
			 errmsg("quota of namespace \"%s\" exceeded: %s", NameStr(ns->name), quota),
			 errdetail("It would have " INT64_FORMAT " of " INT64_FORMAT ".", value, limit),
			 errhint("%s", hint)));
}

static void
check_storage(const VsNamespace *ns)
{
	int64		limit = ns->quota[VS_MAX_STORAGE_BYTES];
	int64		bytes;

	if (limit < 0)
		return;
	bytes = bytes_of(ns);
	if (bytes > limit)
		quota_error(ns, "max_storage_bytes", bytes, limit,
					"Remove rows and VACUUM FULL, or have the quota raised by vecstore.set_quota().");
}

/* Rows were inserted. */
static void
inserted(const VsNamespace *ns, Oid collection, Tuplestorestate *rows)
{
	int64		n = rows ? tuplestore_tuple_count(rows) : 0;
	int64		batch = ns->quota[VS_MAX_BATCH_SIZE];
	int64		limit = ns->quota[VS_MAX_VECTORS];
	int64		vectors;

	if (batch >= 0 && n > batch)
		quota_error(ns, "max_batch_size", n, batch, "Insert fewer rows with a statement.");
	if (!vs_is_metered(ns))
		return;
	check_storage(ns);
	adjust_usage(ns, collection, n);
	if (limit < 0 || n == 0)
		return;
	vectors = vectors_of(ns);
	if (vectors > limit)
		quota_error(ns, "max_vectors", vectors, limit,
					"Remove rows, or have the quota raised by vecstore.set_quota().");
}

/* ---- The trigger ---- */

/* A statement is about to write. */
static void
check_writable(const VsNamespace *ns)
{
	if (ns->status != VS_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_READ_ONLY_SQL_TRANSACTION),
				 errmsg("namespace \"%s\" is %s", NameStr(ns->name),
						ns->status == VS_SUSPENDED ? "suspended" : "read-only"),
				 errhint("vecstore.set_namespace_status() changes that.")));
}

/* A snapshot stays what it is. */
static void
snapshot_error(Relation rel)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("\"%s\" is a snapshot and cannot be written", RelationGetRelationName(rel)),
			 errhint("vecstore.drop_snapshot() drops it.")));
}

/* vecstore.guard(): the trigger of collections, caches and snapshots, for each statement. */
Datum
vecstore_guard(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	VsNamespace ns;
	Oid			collection;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("vecstore.guard() is a trigger for statements")));
	collection = RelationGetRelid(data->tg_relation);
	if (strcmp(data->tg_trigger->tgname, VS_SNAPSHOT) == 0)
		snapshot_error(data->tg_relation);
	vs_get_namespace(RelationGetNamespace(data->tg_relation), &ns);
	if (TRIGGER_FIRED_BEFORE(data->tg_event))
		check_writable(&ns);
	else if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		inserted(&ns, collection, data->tg_newtable);
	else if (!vs_is_metered(&ns))
		;
	else if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		check_storage(&ns);
	else if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event))
		clear_usage(&ns, collection);
	else if (data->tg_oldtable != NULL)
		adjust_usage(&ns, collection, -tuplestore_tuple_count(data->tg_oldtable));
	PG_RETURN_POINTER(NULL);
}

/* ---- SQL functions ---- */

/*
 * The namespace of that name, for those who may use it.
 */
static void
namespace_for(Name name, bool managers_only, VsNamespace *ns)
{
	Oid			schema = get_namespace_oid(NameStr(*name), false);

	vs_get_namespace(schema, ns);
	if (managers_only ? !vs_is_manager() : !vs_can_see(ns))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for namespace \"%s\"", NameStr(*name))));
}

/*
 * vecstore.recount(namespace): counts anew, while nobody writes.  The locks on
 * the tables are kept, so that no writer who has seen no quota yet, and so does
 * not count, can commit between this and the quota.
 */
Datum
vecstore_recount(PG_FUNCTION_ARGS)
{
	VsNamespace ns;
	UsageScan	s;
	HeapTuple	tuple;
	List	   *collections;
	ListCell   *cell;

	namespace_for(PG_GETARG_NAME(0), true, &ns);
	collections = vs_guarded_tables_of(ns.schema);
	foreach(cell, collections)
		LockRelationOid(lfirst_oid(cell), ShareLock);
	CommandCounterIncrement();
	vs_lock_namespace(ns.schema);
	foreach(cell, collections)
	{
		begin_usage_of_collection(&s, lfirst_oid(cell));
		tuple = next_usage(&s);
		put_usage(tuple, &ns, lfirst_oid(cell), count_rows(lfirst_oid(cell)));
		end_usage(&s);
	}
	note_snapshots(&ns);
	CommandCounterIncrement();
	vs_forget_usage(&ns);
	PG_RETURN_INT64(vectors_of(&ns));
}

/*
 * vecstore.count_vectors(namespace): the rows of its collections, from the numbers where
 * they are kept, else from the tables.
 */
Datum
vecstore_count_vectors(PG_FUNCTION_ARGS)
{
	VsNamespace ns;
	ListCell   *cell;
	int64		total = 0;

	namespace_for(PG_GETARG_NAME(0), false, &ns);
	foreach(cell, vs_guarded_tables_of(ns.schema))
	{
		Oid			collection = lfirst_oid(cell);
		int64		vectors;

		if (!vs_is_metered(&ns) || !get_usage(collection, &vectors))
			vectors = count_rows(collection);
		total += vectors;
	}
	PG_RETURN_INT64(total);
}

/*
 * vecstore.admit_snapshot(table): an error if its bytes are more than the
 * namespace's quota allows.  It takes no lock: what others write meanwhile they
 * are told of themselves.
 */
Datum
vecstore_admit_snapshot(PG_FUNCTION_ARGS)
{
	Oid			snapshot = PG_GETARG_OID(0);
	VsNamespace ns;

	if (!vs_is_snapshot(snapshot))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("table with OID %u is no snapshot", snapshot)));
	vs_get_namespace(get_rel_namespace(snapshot), &ns);
	if (!vs_can_see(&ns))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, NameStr(ns.name));
	if (vs_is_metered(&ns))
	{
		note_snapshot(&ns, snapshot);
		CommandCounterIncrement();
		check_storage(&ns);
	}
	PG_RETURN_VOID();
}
