/*
 * namespace.h
 *		Namespaces and collections as C sees them: what the store knows of a
 *		schema, which of its tables are collections or caches, and their names.
 */
#ifndef VECSTORE_NAMESPACE_H
#define VECSTORE_NAMESPACE_H

#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

/* The triggers that make a table a collection, a semantic cache, a snapshot. */
#define VS_GUARD		"vecstore_guard"
#define VS_CACHE		"vecstore_cache"
#define VS_SNAPSHOT		"vecstore_snapshot"

/* What a namespace may hold; -1: as much as it likes. */
typedef enum VsQuota
{
	VS_MAX_VECTORS,
	VS_MAX_STORAGE_BYTES,
	VS_MAX_DIMENSION,
	VS_MAX_COLLECTIONS,
	VS_MAX_BATCH_SIZE,
	VS_MAX_QUERY_RESULTS,
	VS_QUOTA_COUNT
} VsQuota;

typedef enum VsStatus
{
	VS_ACTIVE,
	VS_READ_ONLY,
	VS_SUSPENDED
} VsStatus;

/* A row of vecstore.namespace_settings, and its schema. */
typedef struct VsNamespace
{
	NameData	name;
	Oid			schema;
	NameData	owner;			/* empty: nobody but the schema's owner */
	VsStatus	status;
	int64		quota[VS_QUOTA_COUNT];
} VsNamespace;

/* Quotas that want rows to be counted and tables to be measured. */
#define vs_is_metered(ns) \
	((ns)->quota[VS_MAX_VECTORS] >= 0 || (ns)->quota[VS_MAX_STORAGE_BYTES] >= 0)

extern Relation vs_open_store(const char *table, const Oid *types, int columns, LOCKMODE lockmode);
extern void vs_store_altered(const char *table);
extern Oid	vs_store_index(const char *index);
extern bool vs_find_namespace(Oid schema, VsNamespace *ns);
extern void vs_get_namespace(Oid schema, VsNamespace *ns);
extern void vs_lock_namespace(Oid schema);
extern List *vs_guarded_tables_of(Oid schema);
extern List *vs_snapshots_of(Oid schema);
extern bool vs_is_snapshot(Oid relid);
extern Oid	vs_find_collection(text *whole_name, VsNamespace *ns);
extern bool vs_is_manager(void);
extern bool vs_can_see(const VsNamespace *ns);
extern Snapshot vs_latest_snapshot(void);
extern void vs_forget_usage(const VsNamespace *ns);

#endif							/* VECSTORE_NAMESPACE_H */
