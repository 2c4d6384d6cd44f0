/*
 * compat.h
 *		Every difference between PostgreSQL 15, 16, 17 and 18 that vecstore
 *		meets.  No other file tests PG_VERSION_NUM.
 *
 * Include right after postgres.h.
 */
#ifndef VECSTORE_COMPAT_H
#define VECSTORE_COMPAT_H

#if PG_VERSION_NUM < 150000
#error "vecstore needs PostgreSQL 15 or newer"
#endif

/*
 * The library is built with hidden symbols.  Before 16 PGDLLEXPORT is empty on
 * platforms other than Windows, and PG_FUNCTION_INFO_V1 exports a function's
 * description but not the function: do both here.
 */
#if PG_VERSION_NUM < 160000
#include "fmgr.h"
#ifndef WIN32
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#endif
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname) \
	extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS); \
	extern PGDLLEXPORT const Pg_finfo_record *pg_finfo_##funcname(void); \
	const Pg_finfo_record * \
	pg_finfo_##funcname(void) \
	{ \
		static const Pg_finfo_record my_finfo = {1}; \
		return &my_finfo; \
	} \
	extern int	no_such_variable
extern PGDLLEXPORT void _PG_init(void);
#endif

/* The varlena macros moved out of postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/*
 * Soft errors of input functions (COPY ... ON_ERROR, pg_input_is_valid) came
 * with 16; before, every error is a hard one.
 */
#if PG_VERSION_NUM < 160000
#define errsave(context, ...) \
	do { \
		(void) (context); \
		ereport(ERROR, __VA_ARGS__); \
	} while (0)
#define ereturn(context, dummy_value, ...) \
	do { \
		errsave(context, __VA_ARGS__); \
		return dummy_value; \
	} while (0)
#endif

#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/rel.h"

/*
 * A new block at the end of the fork, zeroed, pinned and locked exclusively.
 */
static inline Buffer
vs_extend(Relation rel, ForkNumber fork)
{
#if PG_VERSION_NUM >= 160000
	return ExtendBufferedRel(BMR_REL(rel), fork, NULL, EB_LOCK_FIRST);
#else
	Buffer		buffer;

	/* A local relation is locked, too: the workers of a build extend it. */
	LockRelationForExtension(rel, ExclusiveLock);
	buffer = ReadBufferExtended(rel, fork, P_NEW, RBM_ZERO_AND_LOCK, NULL);
	UnlockRelationForExtension(rel, ExclusiveLock);
	return buffer;
#endif
}

/*
 * Up to n zeroed blocks at the end of the main fork, with no pin left; returns how many.
 * From 16 on the server adds many at once, which the file system does without writing.
 */
#define VS_EXTEND_AT_ONCE	64

static inline int
vs_extend_by(Relation rel, int n)
{
#if PG_VERSION_NUM >= 160000
	Buffer		buffers[VS_EXTEND_AT_ONCE];
	uint32		done = 0;

	ExtendBufferedRelBy(BMR_REL(rel), MAIN_FORKNUM, NULL, 0, Min(n, VS_EXTEND_AT_ONCE),
						buffers, &done);
	for (uint32 i = 0; i < done; i++)
		ReleaseBuffer(buffers[i]);
	return done;
#else
	UnlockReleaseBuffer(vs_extend(rel, MAIN_FORKNUM));
	return 1;
#endif
}

/* The name of a relation's file, and a pin on a block still in some buffer. */
#if PG_VERSION_NUM >= 160000
#define vs_rel_number(rel)	((rel)->rd_locator.relNumber)
#define vs_read_recent_buffer(rel, block, buffer) \
	ReadRecentBuffer((rel)->rd_locator, MAIN_FORKNUM, block, buffer)
#define vs_tag_rel_number(tag)	((tag)->relNumber)
#else
#define vs_rel_number(rel)	((rel)->rd_node.relNode)
#define vs_read_recent_buffer(rel, block, buffer) \
	ReadRecentBuffer((rel)->rd_node, MAIN_FORKNUM, block, buffer)
#define vs_tag_rel_number(tag)	((tag)->rnode.relNode)
#endif

/* What tuplesort_getdatum() returns can be a copy from 16 on; of numbers there is no need. */
#if PG_VERSION_NUM >= 160000
#define vs_tuplesort_getdatum(sort, value, isnull) \
	tuplesort_getdatum(sort, true, false, value, isnull, NULL)
#else
#define vs_tuplesort_getdatum(sort, value, isnull) \
	tuplesort_getdatum(sort, true, value, isnull, NULL)
#endif

/* EXPLAIN ANALYZE counts index searches from 18 on. */
#if PG_VERSION_NUM >= 180000
#define vs_count_index_search(scan) \
	do { if ((scan)->instrument) (scan)->instrument->nsearches++; } while (0)
#else
#define vs_count_index_search(scan)	((void) 0)
#endif

/* Begin an index scan that counts nothing for EXPLAIN. */
#if PG_VERSION_NUM >= 180000
#define vs_index_beginscan(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan(heap, index, snapshot, NULL, nkeys, norderbys)
#else
#define vs_index_beginscan(heap, index, snapshot, nkeys, norderbys) \
	index_beginscan(heap, index, snapshot, nkeys, norderbys)
#endif

/*
 * From 18 on an extension can add lines to a node of EXPLAIN, from the moment
 * it is loaded.
 */
#if PG_VERSION_NUM >= 180000
#define VS_HAVE_EXPLAIN_HOOK
#endif

/* ExecutorRun() was told until 17 whether it will be called again. */
#if PG_VERSION_NUM >= 180000
#define VS_RUN_ONCE_PARAMETER
#define VS_RUN_ONCE_ARGUMENT
#else
#define VS_RUN_ONCE_PARAMETER	, bool once
#define VS_RUN_ONCE_ARGUMENT	, once
#endif

/*
 * A path not to be taken costs infinitely much.  18 compares how many nodes are
 * disabled (enable_seqscan = off makes it one) before it compares costs.
 */
#if PG_VERSION_NUM >= 180000
#define vs_disable_path(path) ((path)->disabled_nodes = 2)
#else
#define vs_disable_path(path) ((void) (path))
#endif

/* 18 tells whether it is ANALYZE that waits; 17 and before do not ask. */
#if PG_VERSION_NUM >= 180000
#define vs_vacuum_delay_point() vacuum_delay_point(false)
#else
#define vs_vacuum_delay_point() vacuum_delay_point()
#endif

/* What sees all chunks of TOAST; 17 and before fill in a struct of the caller's. */
#if PG_VERSION_NUM >= 180000
#define vs_toast_snapshot(room) ((void) (room), get_toast_snapshot())
#else
#define vs_toast_snapshot(room) (init_toast_snapshot(room), (room))
#endif

/* Parallel builds are announced from 17 on; we count the workers ourselves. */
#if PG_VERSION_NUM >= 170000
#define vs_can_build_parallel(am)	((am)->amcanbuildparallel = true)
#else
#define vs_can_build_parallel(am)	((void) 0)
#endif

/* Who runs an automatic vacuum; autovacuum_work_mem bounds it. */
#if PG_VERSION_NUM >= 170000
#define vs_is_autovacuum_worker() AmAutoVacuumWorkerProcess()
#else
#define vs_is_autovacuum_worker() IsAutoVacuumWorkerProcess()
#endif

/* The leaf of a GIN B-tree that a search leads to; 17 asks for no snapshot. */
#if PG_VERSION_NUM >= 170000
#define vs_gin_find_leaf(btree) ginFindLeafPage(btree, true, false)
#else
#define vs_gin_find_leaf(btree) ginFindLeafPage(btree, true, false, NULL)
#endif

/* One function for all kinds of objects checks privileges from 16 on. */
#if PG_VERSION_NUM >= 160000
#define vs_schema_aclcheck(schema, role, mode) \
	object_aclcheck(NamespaceRelationId, schema, role, mode)
#else
#define vs_schema_aclcheck(schema, role, mode) pg_namespace_aclcheck(schema, role, mode)
#endif

/* From 17 on, functions of an index run with a search_path of nobody's choice. */
#if PG_VERSION_NUM >= 170000
#define vs_restrict_search_path() RestrictSearchPath()
#else
#define vs_restrict_search_path() ((void) 0)
#endif

/* Start to fetch memory that will be read soon. */
#ifdef __GNUC__
#define vs_prefetch(address)	__builtin_prefetch(address)
#else
#define vs_prefetch(address)	((void) 0)
#endif

#endif							/* VECSTORE_COMPAT_H */
