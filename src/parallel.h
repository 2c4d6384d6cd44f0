/*
 * parallel.h
 *		What every parallel index build does: workers, the shared scan of the table, what
 *		they cost.
 *
 * An access method has a struct that its processes share, with VsParallelShared first,
 * and an entry function for workers:
 *
 *		if (vs_parallel_begin(&leader, &task, fill, arg))
 *			... take part; vs_parallel_wait(&leader) ...
 *		vs_parallel_end(&leader);
 *
 * With fewer workers than asked for a build goes on, with none it is done alone.
 */
#ifndef VECSTORE_PARALLEL_H
#define VECSTORE_PARALLEL_H

#include "access/parallel.h"
#include "access/tableam.h"
#include "executor/instrument.h"
#include "nodes/execnodes.h"

/* What a worker opens. */
typedef struct VsParallelShared
{
	Oid			heap;
	Oid			index;
	bool		concurrent;
} VsParallelShared;

/* What is to be built, and by whom. */
typedef struct VsParallelTask
{
	Relation	heap;
	Relation	rel;
	const IndexInfo *info;
	const char *worker;			/* the entry function's name in this library */
	int			nworkers;
	Size		shared_bytes;
} VsParallelTask;

/* Everything that a leader holds. */
typedef struct VsParallelLeader
{
	ParallelContext *context;
	Snapshot	snapshot;
	void	   *shared;
	ParallelTableScanDesc scan;
	WalUsage   *wal;
	BufferUsage *buffers;
} VsParallelLeader;

/*
 * Start workers; false if none came.  fill is called before that and sets the shared
 * struct, but for its first member.  vs_parallel_end() is due either way.
 */
extern bool vs_parallel_begin(VsParallelLeader *leader, const VsParallelTask *task,
							  void (*fill) (VsParallelLeader *leader, void *arg), void *arg);

/* Wait for the workers, and add up what they used. */
extern void vs_parallel_wait(VsParallelLeader *leader);
extern void vs_parallel_end(VsParallelLeader *leader);

/* What a worker has. */
typedef struct VsParallelWorker
{
	void	   *shared;
	ParallelTableScanDesc scan;
	Relation	heap;
	Relation	rel;
	IndexInfo  *info;
	WalUsage   *wal;
	BufferUsage *buffers;
} VsParallelWorker;

extern void vs_parallel_worker_begin(VsParallelWorker *worker, shm_toc *toc);
extern void vs_parallel_worker_end(VsParallelWorker *worker);

#endif							/* VECSTORE_PARALLEL_H */
