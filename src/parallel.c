/*
 * parallel.c
 *		What every parallel index build does: workers, the shared scan of the table, what
 *		they cost.
 */
#include "postgres.h"
#include "compat.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/index.h"
#include "parallel.h"
#include "pgstat.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/snapmgr.h"

/* Keys of the shared memory's table of contents. */
#define KEY_SHARED		UINT64CONST(0xFF8A000000000001)
#define KEY_SCAN		UINT64CONST(0xFF8A000000000002)
#define KEY_QUERY		UINT64CONST(0xFF8A000000000003)
#define KEY_WAL			UINT64CONST(0xFF8A000000000004)
#define KEY_BUFFERS		UINT64CONST(0xFF8A000000000005)

/* ---- the leader ---- */

/* Reserve the shared memory. */
static void
estimate(VsParallelLeader *leader, const VsParallelTask *task)
{
	shm_toc_estimator *estimator = &leader->context->estimator;
	int			nworkers = leader->context->nworkers;

	shm_toc_estimate_chunk(estimator, task->shared_bytes);
	shm_toc_estimate_chunk(estimator, table_parallelscan_estimate(task->heap, leader->snapshot));
	shm_toc_estimate_chunk(estimator, mul_size(sizeof(WalUsage), nworkers));
	shm_toc_estimate_chunk(estimator, mul_size(sizeof(BufferUsage), nworkers));
	shm_toc_estimate_keys(estimator, 4);
	if (debug_query_string)
	{
		shm_toc_estimate_chunk(estimator, strlen(debug_query_string) + 1);
		shm_toc_estimate_keys(estimator, 1);
	}
}

/* Allot it. */
static void
allot(VsParallelLeader *leader, const VsParallelTask *task)
{
	shm_toc    *toc = leader->context->toc;
	int			nworkers = leader->context->nworkers;

	leader->shared = shm_toc_allocate(toc, task->shared_bytes);
	shm_toc_insert(toc, KEY_SHARED, leader->shared);

	leader->scan = shm_toc_allocate(toc, table_parallelscan_estimate(task->heap, leader->snapshot));
	table_parallelscan_initialize(task->heap, leader->scan, leader->snapshot);
	shm_toc_insert(toc, KEY_SCAN, leader->scan);

	leader->wal = shm_toc_allocate(toc, mul_size(sizeof(WalUsage), nworkers));
	shm_toc_insert(toc, KEY_WAL, leader->wal);
	leader->buffers = shm_toc_allocate(toc, mul_size(sizeof(BufferUsage), nworkers));
	shm_toc_insert(toc, KEY_BUFFERS, leader->buffers);
	if (debug_query_string)
	{
		char	   *query = shm_toc_allocate(toc, strlen(debug_query_string) + 1);

		strcpy(query, debug_query_string);
		shm_toc_insert(toc, KEY_QUERY, query);
	}
}

bool
vs_parallel_begin(VsParallelLeader *leader, const VsParallelTask *task,
				  void (*fill) (VsParallelLeader *leader, void *arg), void *arg)
{
	VsParallelShared *opened;

	memset(leader, 0, sizeof(VsParallelLeader));
	EnterParallelMode();
	leader->context = CreateParallelContext("vecstore", task->worker, task->nworkers);

	/* As for other indexes: a concurrent build sees what one snapshot sees. */
	leader->snapshot = task->info->ii_Concurrent ?
		RegisterSnapshot(GetTransactionSnapshot()) : SnapshotAny;
	estimate(leader, task);
	InitializeParallelDSM(leader->context);
	if (leader->context->seg == NULL)
		return false;
	allot(leader, task);
	fill(leader, arg);
	opened = leader->shared;
	opened->heap = RelationGetRelid(task->heap);
	opened->index = RelationGetRelid(task->rel);
	opened->concurrent = task->info->ii_Concurrent;
	LaunchParallelWorkers(leader->context);
	return leader->context->nworkers_launched > 0;
}

void
vs_parallel_wait(VsParallelLeader *leader)
{
	WaitForParallelWorkersToFinish(leader->context);
	for (int i = 0; i < leader->context->nworkers_launched; i++)
		InstrAccumParallelQuery(&leader->buffers[i], &leader->wal[i]);
}

void
vs_parallel_end(VsParallelLeader *leader)
{
	if (IsMVCCSnapshot(leader->snapshot))
		UnregisterSnapshot(leader->snapshot);
	DestroyParallelContext(leader->context);
	ExitParallelMode();
}

/* ---- a worker ---- */

void
vs_parallel_worker_begin(VsParallelWorker *worker, shm_toc *toc)
{
	VsParallelShared *shared = shm_toc_lookup(toc, KEY_SHARED, false);

	worker->shared = shared;
	worker->scan = shm_toc_lookup(toc, KEY_SCAN, false);
	worker->wal = shm_toc_lookup(toc, KEY_WAL, false);
	worker->buffers = shm_toc_lookup(toc, KEY_BUFFERS, false);
	debug_query_string = shm_toc_lookup(toc, KEY_QUERY, true);
	pgstat_report_activity(STATE_RUNNING, debug_query_string);

	/* The leader holds the same locks; they do not conflict within a group. */
	worker->heap = table_open(shared->heap, shared->concurrent ?
							  ShareUpdateExclusiveLock : ShareLock);
	worker->rel = index_open(shared->index, shared->concurrent ?
							 RowExclusiveLock : AccessExclusiveLock);
	worker->info = BuildIndexInfo(worker->rel);
	worker->info->ii_Concurrent = shared->concurrent;
	InstrStartParallelQuery();
}

void
vs_parallel_worker_end(VsParallelWorker *worker)
{
	InstrEndParallelQuery(&worker->buffers[ParallelWorkerNumber], &worker->wal[ParallelWorkerNumber]);
	index_close(worker->rel, NoLock);
	table_close(worker->heap, NoLock);
}
