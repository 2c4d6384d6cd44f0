/*
 * namespace.c
 *		Names of namespaces and collections, and what the store knows of them.
 *
 * A namespace is a schema with a row in vecstore.namespace_settings.  A
 * collection is a table in it that has the trigger vecstore_guard, which calls
 * vecstore.guard().  So PostgreSQL's own catalogs are the list of collections: a
 * table that was renamed, moved, dropped or restored by hand needs no second list
 * to be kept in step.  Semantic caches and snapshots of collections are tables
 * likewise, with the triggers vecstore_cache and vecstore_snapshot.
 *
 * vecstore.namespace_settings is read here with the latest snapshot, whatever the
 * transaction's isolation level, and whoever asks: a quota holds for a
 * transaction that began before it was set.  The rights on the view
 * vecstore.namespaces, and nothing else, decide who may change it.
 *
 * Names are read as SQL reads them: docs and Docs are the same, "Docs" is not.
 * But that characters which would need quotes in SQL, other than white space,
 * quotes and dots, may stand without: my-app.docs.
 */
#include "postgres.h"
#include "compat.h"

#include <limits.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/skey.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "collection/namespace.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "storage/lmgr.h"
#include "type/vector.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/reltrigger.h"
#include "utils/snapmgr.h"

#define STORE_SCHEMA	"vecstore"

/* Columns of vecstore.namespace_settings. */
enum
{
	COLUMN_NAME = 1,
	COLUMN_OWNER,
	COLUMN_STATUS,
	COLUMN_FIRST_QUOTA
};

static const Oid settings_types[] = {NAMEOID, NAMEOID, TEXTOID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID, INT8OID,
TIMESTAMPTZOID, JSONBOID};

PG_FUNCTION_INFO_V1(vecstore_namespace_name);
PG_FUNCTION_INFO_V1(vecstore_can_see);
PG_FUNCTION_INFO_V1(vecstore_collection);
PG_FUNCTION_INFO_V1(vecstore_cache);
PG_FUNCTION_INFO_V1(vecstore_admit_collection);
PG_FUNCTION_INFO_V1(vecstore_admit_name);
PG_FUNCTION_INFO_V1(vecstore_has_snapshot);

/* ---- Names ---- */

/* Complains of a name that cannot be read. */
static void
bad_name(const char *whole, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_NAME),
			 errmsg("invalid name: %s", whole),
			 errdetail("%s", problem),
			 errhint("A collection is called NAMESPACE.COLLECTION; names with white space, dots, quotes or capital letters stand between double quotes.")));
}

/*
 * Reads one name from *s on and moves *s behind it, onto a dot or the end.
 */
static char *
next_name(char **s, const char *whole)
{
	char	   *name;
	char	   *from = *s;

	if (**s == '"')
	{
		char	   *to;

		to = name = palloc(strlen(from));
		for (from++; *from != '"' || from[1] == '"'; from++)
		{
			if (*from == '\0')
				bad_name(whole, "A double quote is missing.");
			if (*from == '"')
				from++;
			*to++ = *from;
		}
		*to = '\0';
		*s = from + 1;
	}
	else
	{
		*s += strcspn(from, ".\" \t\r\n\f\v");
		name = downcase_identifier(from, *s - from, false, false);
	}
	if (**s != '.' && **s != '\0')
		bad_name(whole, "There is white space or a quote within a name.");
	if (*name == '\0')
		bad_name(whole, "A name is empty.");
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("name is too long: %s", name),
				 errdetail("Names have at most %d bytes.", NAMEDATALEN - 1)));
	return name;
}

/*
 * Reads NAMESPACE.COLLECTION, or COLLECTION alone, which is one of the current
 * schema.
 */
static void
read_collection_name(text *whole, char **schema, char **collection)
{
	char	   *string = text_to_cstring(whole);
	char	   *s = string;

	*schema = NULL;
	*collection = next_name(&s, string);
	if (*s == '.')
	{
		s++;
		*schema = *collection;
		*collection = next_name(&s, string);
	}
	if (*s != '\0')
		bad_name(string, "There are more than two names.");
	if (*schema == NULL)
	{
		List	   *path = fetch_search_path(false);

		*schema = path == NIL ? NULL : get_namespace_name(linitial_oid(path));
		if (*schema == NULL)
			bad_name(string, "It has no namespace, and there is no current schema.");
	}
}

/* vecstore.namespace_name(text): the name that a text stands for. */
Datum
vecstore_namespace_name(PG_FUNCTION_ARGS)
{
	char	   *string = text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *s = string;
	Name		result = palloc0(sizeof(NameData));

	namestrcpy(result, next_name(&s, string));
	if (*s != '\0')
		bad_name(string, "A namespace has one name.");
	PG_RETURN_NAME(result);
}

/* ---- The store's tables ---- */

/* Complains of a table of the schema vecstore that is not what it was. */
void
vs_store_altered(const char *table)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the table vecstore.%s was altered", table),
			 errdetail("Its columns are not those that the extension made.")));
}

/*
 * Opens a table of the schema vecstore.  It belongs to who created the extension,
 * who need not be a superuser and may alter it: what is read here must be of the
 * types that it is taken for.
 */
Relation
vs_open_store(const char *table, const Oid *types, int columns, LOCKMODE lockmode)
{
	Relation	rel = table_open(vs_store_index(table), lockmode);
	TupleDesc	desc = RelationGetDescr(rel);

	if (desc->natts != columns)
		vs_store_altered(table);
	for (int i = 0; i < columns; i++)
		if (TupleDescAttr(desc, i)->atttypid != types[i])
			vs_store_altered(table);
	return rel;
}

/* The oid of a table or index of the schema vecstore. */
Oid
vs_store_index(const char *index)
{
	Oid			relid = get_relname_relid(index, get_namespace_oid(STORE_SCHEMA, false));

	if (!OidIsValid(relid))
		elog(ERROR, "the extension vecstore lacks %s", index);
	return relid;
}

/*
 * What is committed now, and done in this transaction.  A parallel query, which
 * writes nothing, stays with the snapshot that it has.
 */
Snapshot
vs_latest_snapshot(void)
{
	return IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot();
}

/* May the current user set quotas? */
bool
vs_is_manager(void)
{
	return pg_class_aclcheck(vs_store_index("namespaces"), GetUserId(), ACL_UPDATE) == ACLCHECK_OK;
}

static VsStatus
status_of(const char *status)
{
	if (strcmp(status, "active") == 0)
		return VS_ACTIVE;
	return strcmp(status, "read_only") == 0 ? VS_READ_ONLY : VS_SUSPENDED;
}

/* Reads what a tuple of vecstore.namespace_settings says. */
static void
read_namespace(TupleDesc desc, HeapTuple tuple, VsNamespace *ns)
{
	bool		isnull;
	Datum		value = heap_getattr(tuple, COLUMN_OWNER, desc, &isnull);

	memset(&ns->owner, 0, sizeof(ns->owner));
	if (!isnull)
		namestrcpy(&ns->owner, NameStr(*DatumGetName(value)));
	value = heap_getattr(tuple, COLUMN_STATUS, desc, &isnull);
	if (isnull)
		vs_store_altered("namespace_settings");
	ns->status = status_of(TextDatumGetCString(value));
	for (int i = 0; i < VS_QUOTA_COUNT; i++)
	{
		value = heap_getattr(tuple, COLUMN_FIRST_QUOTA + i, desc, &isnull);
		ns->quota[i] = isnull ? -1 : DatumGetInt64(value);
	}
}

/* What the store knows of a schema; false if it is no namespace. */
bool
vs_find_namespace(Oid schema, VsNamespace *ns)
{
	char	   *name = get_namespace_name(schema);
	Relation	rel;
	Snapshot	snapshot;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found;

	if (name == NULL)
		return false;
	rel = vs_open_store("namespace_settings", settings_types, lengthof(settings_types), AccessShareLock);
	snapshot = RegisterSnapshot(vs_latest_snapshot());
	namestrcpy(&ns->name, name);
	ns->schema = schema;
	ScanKeyInit(&key, COLUMN_NAME, BTEqualStrategyNumber, F_NAMEEQ, NameGetDatum(&ns->name));
	scan = systable_beginscan(rel, vs_store_index("namespace_settings_pkey"), true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
		read_namespace(RelationGetDescr(rel), tuple, ns);
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, AccessShareLock);
	return found;
}

/* The same for the schema of a collection, which must be a namespace. */
void
vs_get_namespace(Oid schema, VsNamespace *ns)
{
	if (!vs_find_namespace(schema, ns))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_NAME),
				 errmsg("schema \"%s\" is no namespace", get_namespace_name(schema)),
				 errdetail("The schema was renamed, or a collection was moved into it."),
				 errhint("Give it back the name of a namespace, or drop the triggers vecstore_* of the table.")));
}

/*
 * May the current user know of a namespace?  So may who uses it, for whom it was
 * made, even while it is suspended, and who sets quotas.
 */
bool
vs_can_see(const VsNamespace *ns)
{
	Oid			owner = get_role_oid(NameStr(ns->owner), true);

	if (OidIsValid(ns->schema) && vs_schema_aclcheck(ns->schema, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
		return true;
	return (OidIsValid(owner) && has_privs_of_role(GetUserId(), owner)) || vs_is_manager();
}

/* vecstore.can_see(namespace, owner), for the views. */
Datum
vecstore_can_see(PG_FUNCTION_ARGS)
{
	VsNamespace ns = {0};

	if (PG_ARGISNULL(0))
		PG_RETURN_BOOL(false);
	ns.schema = get_namespace_oid(NameStr(*PG_GETARG_NAME(0)), true);
	if (!PG_ARGISNULL(1))
		ns.owner = *PG_GETARG_NAME(1);
	PG_RETURN_BOOL(vs_can_see(&ns));
}

/* The namespace of that name, which the current user must be one of those who know of. */
static void
get_namespace_by_name(const char *name, VsNamespace *ns)
{
	Oid			schema = get_namespace_oid(name, true);

	if (!OidIsValid(schema) || !vs_find_namespace(schema, ns))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_SCHEMA_NAME),
				 errmsg("namespace \"%s\" does not exist", name),
				 errhint("vecstore.list_namespaces() shows those there are. A name alone, without NAMESPACE., is one of the current schema.")));
	if (!vs_can_see(ns))
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, name);
}

/*
 * What changes a namespace's counters or the number of its collections does so
 * one after the other, until the end of the transaction.  No object has this
 * number below the schema, so the lock stands in nobody else's way.
 */
void
vs_lock_namespace(Oid schema)
{
	LockDatabaseObject(NamespaceRelationId, schema, USHRT_MAX, ExclusiveLock);
}

/* ---- Collections ---- */

/* A view may have our triggers, too, but is no table of ours: it runs what its owner likes. */
static bool
is_table(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
}

/* Is it a trigger of ours, of this name? */
static bool
is_trigger(const char *found, Oid function, const char *name)
{
	return strcmp(found, name) == 0 &&
		get_func_namespace(function) == get_namespace_oid(STORE_SCHEMA, false);
}

/* The tables of a schema that have a trigger of ours, of one name or the other, ordered by oid. */
static List *
tables_of(Oid schema, const char *name, const char *other)
{
	Relation	rel = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, TriggerRelidNameIndexId, true, NULL, 0, NULL);
	List	   *result = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger trigger = (Form_pg_trigger) GETSTRUCT(tuple);

		if (result != NIL && llast_oid(result) == trigger->tgrelid)
			continue;
		if ((is_trigger(NameStr(trigger->tgname), trigger->tgfoid, name) ||
			 is_trigger(NameStr(trigger->tgname), trigger->tgfoid, other)) &&
			get_rel_namespace(trigger->tgrelid) == schema && is_table(get_rel_relkind(trigger->tgrelid)))
			result = lappend_oid(result, trigger->tgrelid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* The collections and caches of a schema, which hold what the quotas count. */
List *
vs_guarded_tables_of(Oid schema)
{
	return tables_of(schema, VS_GUARD, VS_CACHE);
}

/* The snapshots in a schema. */
List *
vs_snapshots_of(Oid schema)
{
	return tables_of(schema, VS_SNAPSHOT, VS_SNAPSHOT);
}

/* Has a table a trigger of ours?  The relation cache knows: every search asks. */
static bool
has_trigger(Oid relid, const char *name)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	bool		result = false;

	if (rel == NULL)
		return false;
	for (int i = 0; is_table(rel->rd_rel->relkind) && rel->trigdesc && i < rel->trigdesc->numtriggers; i++)
	{
		Trigger    *trigger = &rel->trigdesc->triggers[i];

		result = result || is_trigger(trigger->tgname, trigger->tgfoid, name);
	}
	relation_close(rel, AccessShareLock);
	return result;
}

/* Is a table a snapshot of a collection, and nothing else? */
bool
vs_is_snapshot(Oid relid)
{
	return has_trigger(relid, VS_SNAPSHOT) && !has_trigger(relid, VS_GUARD) && !has_trigger(relid, VS_CACHE);
}

/*
 * The table of a collection or cache, as the trigger says that makes it one, that
 * may be read now, and its namespace; else an error.
 */
static Oid
find_table(text *whole_name, const char *trigger, VsNamespace *ns)
{
	const char *kind = strcmp(trigger, VS_CACHE) == 0 ? "cache" : "collection";
	char	   *schema_name;
	char	   *name;
	Oid			relid;

	read_collection_name(whole_name, &schema_name, &name);
	get_namespace_by_name(schema_name, ns);
	relid = get_relname_relid(name, ns->schema);
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("%s \"%s\" does not exist in namespace \"%s\"", kind, name, schema_name),
				 errhint("vecstore.create_%s() makes one.", kind)));
	if (!has_trigger(relid, trigger))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" is no %s", schema_name, name, kind),
				 errdetail("It lacks the trigger %s.", trigger)));
	if (ns->status == VS_SUSPENDED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("namespace \"%s\" is suspended", schema_name)));
	return relid;
}

/* The same for a collection. */
Oid
vs_find_collection(text *whole_name, VsNamespace *ns)
{
	return find_table(whole_name, VS_GUARD, ns);
}

/* vecstore.cache(name): the table of a semantic cache, for reading. */
Datum
vecstore_cache(PG_FUNCTION_ARGS)
{
	VsNamespace ns;

	PG_RETURN_OID(find_table(PG_GETARG_TEXT_PP(0), VS_CACHE, &ns));
}

/*
 * vecstore.collection(name, batch): the table of a collection, for reading.  A
 * trigger looks after writing, but for the size of a batch, which it sees too
 * late to save the work.
 */
Datum
vecstore_collection(PG_FUNCTION_ARGS)
{
	int32		batch = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	VsNamespace ns;
	Oid			relid;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a collection needs a name")));
	relid = vs_find_collection(PG_GETARG_TEXT_PP(0), &ns);
	if (ns.quota[VS_MAX_BATCH_SIZE] >= 0 && batch > ns.quota[VS_MAX_BATCH_SIZE])
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%d rows are more than namespace \"%s\" takes in one batch", batch, NameStr(ns.name)),
				 errdetail("max_batch_size is " INT64_FORMAT ".", ns.quota[VS_MAX_BATCH_SIZE])));
	PG_RETURN_OID(relid);
}

/* An error unless tables of the namespace may be made, dropped and renamed now. */
static void
check_active(const VsNamespace *ns)
{
	if (ns->status != VS_ACTIVE)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("namespace \"%s\" is %s", NameStr(ns->name),
						ns->status == VS_SUSPENDED ? "suspended" : "read-only"),
				 errhint("vecstore.set_namespace_status() changes that.")));
}

/*
 * vecstore.admit_name(text): a namespace, known to be active, and a name in it.
 */
Datum
vecstore_admit_name(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[3];
	bool		nulls[3] = {0};
	char	   *schema_name;
	char	   *name;
	VsNamespace ns;
	NameData	collection;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	read_collection_name(PG_GETARG_TEXT_PP(0), &schema_name, &name);
	get_namespace_by_name(schema_name, &ns);
	check_active(&ns);
	namestrcpy(&collection, name);
	values[0] = NameGetDatum(&ns.name);
	values[1] = NameGetDatum(&collection);
	values[2] = NameGetDatum(&ns.owner);
	nulls[2] = NameStr(ns.owner)[0] == '\0';
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * vecstore.admit_collection(namespace, dimension): an error if the namespace's
 * quotas forbid one more collection or cache.  The lock makes sure of their number.
 */
Datum
vecstore_admit_collection(PG_FUNCTION_ARGS)
{
	Name		name = PG_GETARG_NAME(0);
	int32		dimension = PG_GETARG_INT32(1);
	VsNamespace ns;

	get_namespace_by_name(NameStr(*name), &ns);
	if (vs_schema_aclcheck(ns.schema, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, NameStr(*name));
	vs_lock_namespace(ns.schema);
	check_active(&ns);
	if (dimension < 1 || dimension > VS_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimension must be between 1 and %d, not %d", VS_MAX_DIM, dimension)));
	if (ns.quota[VS_MAX_DIMENSION] >= 0 && dimension > ns.quota[VS_MAX_DIMENSION])
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("%d dimensions are more than namespace \"%s\" may have", dimension, NameStr(ns.name)),
				 errdetail("max_dimension is " INT64_FORMAT ".", ns.quota[VS_MAX_DIMENSION])));
	if (ns.quota[VS_MAX_COLLECTIONS] >= 0 &&
		list_length(vs_guarded_tables_of(ns.schema)) >= ns.quota[VS_MAX_COLLECTIONS])
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("namespace \"%s\" has as many collections as it may have", NameStr(ns.name)),
				 errdetail("max_collections is " INT64_FORMAT ".", ns.quota[VS_MAX_COLLECTIONS]),
				 errhint("Drop a collection, or have the quota raised by vecstore.set_quota().")));
	vs_forget_usage(&ns);
	PG_RETURN_VOID();
}

/*
 * vecstore.has_snapshot(collection, name): has it one now?  The view is read with
 * the latest snapshot, for whoever has just waited for another who made one.
 */
Datum
vecstore_has_snapshot(PG_FUNCTION_ARGS)
{
	static const char sql[] = "SELECT FROM vecstore.snapshots s WHERE s.collection OPERATOR(pg_catalog.=) $1 AND s.name OPERATOR(pg_catalog.=) $2";
	Oid			types[] = {REGCLASSOID, TEXTOID};
	Datum		values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
	SPIPlanPtr	plan;
	bool		found;

	SPI_connect();
	plan = SPI_prepare(sql, lengthof(types), types);
	if (plan == NULL ||
		SPI_execute_snapshot(plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot, true, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "snapshots could not be looked for");
	found = SPI_processed > 0;
	SPI_finish();
	PG_RETURN_BOOL(found);
}
