/*
 * build.h
 *		What the parts of an index build share.
 *
 *	build.c				options, memory, rows, the order of things
 *	buildbatch.c		rows gathered, so that near ones are linked together
 *	buildparallel.c		the processes that build together
 *	buildwrite.c		from the graph in memory to pages
 *
 * All processes of a build, one or several, go through the same phases
 * together; a barrier separates them.
 */
#ifndef VECSTORE_BUILD_H
#define VECSTORE_BUILD_H

#include "am/am.h"
#include "am/insert.h"
#include "am/list.h"
#include "am/memgraph.h"
#include "parallel.h"
#include "storage/barrier.h"

/* Phases, in the barrier's numbers. */
typedef enum VsBuildPhase
{
	VS_BUILD_GRAPH,				/* rows go into the graph in memory */
	VS_BUILD_COUNT,				/* all count how many lists name each vertex, */
	VS_BUILD_SHRINK,			/* and shorten the lists */
	VS_BUILD_LAYOUT,			/* one process connects the graph, the others make blocks */
	VS_BUILD_WRITE,				/* all write pages */
	VS_BUILD_INSERT,			/* rows left over are inserted on pages */
	VS_BUILD_LOG				/* all log the pages */
} VsBuildPhase;

/*
 * Where things go on pages, once the number of vertices is known: HEAD pages
 * from block 1, then full tails, one a page, then the last tails of vertices,
 * several a page, then all other AUX tuples.
 */
typedef struct VsBuildLayout
{
	int64		n;				/* vertices */
	BlockNumber nheads;			/* HEAD pages */
	int			nfull;			/* full tails a vertex */
	Size		last_bytes;		/* in the last tail; 0: none */
	int			last_a_page;	/* last tails a page */
	BlockNumber full_block;		/* first page of full tails */
	BlockNumber last_block;		/* first page of last tails */
	uint64		nblocks;		/* behind which other AUX tuples go */
} VsBuildLayout;

/* What all processes of a build share; VsMemShared follows. */
typedef struct VsBuildShared
{
	VsParallelShared parallel;
	Barrier		barrier;
	VsMeta		meta;			/* of an empty graph */
	pg_atomic_uint32 full;		/* memory has run out */
	double		expected;		/* rows, estimated */
	pg_atomic_uint64 rows;		/* rows done */
	pg_atomic_uint64 inserted;	/* of them, inserted on pages */
	pg_atomic_uint64 next_write;	/* unit of work to be taken next */
	pg_atomic_uint64 next_log;	/* block to be logged next */
	slock_t		mutex;			/* of what follows */
	double		heap_rows;
	bool		broken_hot_chain;
} VsBuildShared;

#define VsBuildSharedGraph(shared) \
	((VsMemShared *) ((char *) (shared) + MAXALIGN(sizeof(VsBuildShared))))

/* A growing list of heap TIDs of rows aside. */
typedef struct VsTidList
{
	ItemPointerData *tids;
	int64		n;
	int64		size;
} VsTidList;

/* What the memory is planned for, before the build starts. */
typedef struct VsBuildPlan
{
	double		rows;			/* estimated */
	uint64		limit;			/* bytes of memory */
	int64		nvectors;		/* vectors to be kept in memory at most */
	bool		sketched;		/* there is room for sketches of all rows */
	int			workers;		/* to ask for, beside the leader */
} VsBuildPlan;

/* Rows that wait to be linked (buildbatch.c). */
typedef struct VsBuildBatch VsBuildBatch;

/* One process of a build. */
typedef struct VsBuild
{
	Relation	heap;
	Relation	rel;
	IndexInfo  *info;
	bool		leader;
	VsMeta		meta;
	VsIndex		index;
	VsBuildShared *shared;
	MemoryContext context;		/* the whole build */
	MemoryContext scratch;		/* one row's work */
	VsBuildLayout layout;		/* once the graph is complete */
	VsMemGraph	graph;
	VsSearch	search;
	VsBuildBatch *batch;		/* rows read, but not in the graph yet */
	VsCandidate *members;		/* scratch: of a list being written */
	VsTidList	aside[VS_ROWS_KINDS];
	bool		scanned;		/* all rows were read */
	VsInserter *inserter;		/* once the graph was written */
} VsBuild;

/* ---- build.c ---- */

extern Size vs_build_shared_bytes(const VsIndex *index, const VsBuildPlan *plan);

/* Set up what is shared, but for its first member; the arena is for the caller. */
extern void vs_build_share(VsBuild *build, VsBuildShared *shared, const VsBuildPlan *plan);

/*
 * Take part in a build, from the first row to the last logged page.  The leader
 * brings its arena, a worker room for one.  scan is the share of the table to
 * read, or NULL for all of it.
 */
extern void vs_build_take_part(VsBuild *build, VsArena *arena, TableScanDesc scan);

/* ---- buildbatch.c ---- */

extern VsBuildBatch *vs_batch_create(const VsIndex *index);

/* Let a row wait; true if it is time to link those that do. */
extern bool vs_batch_add(VsBuildBatch *batch, const void *vector, const ItemPointerData *tid);

/* Bring the rows into the order in which they are to be linked; returns how many. */
extern int	vs_batch_order(VsBuildBatch *batch, const VsGraph *graph);

/* The vector of row i in that order, and where the row is. */
extern const void *vs_batch_row(const VsBuildBatch *batch, int i, ItemPointerData *tid);

/* Begin the next batch, of about so many rows if there is room. */
extern void vs_batch_next(VsBuildBatch *batch, double rows);

/* ---- buildparallel.c ---- */

/* Workers to ask for, beside the leader; 0 if all is to be done by this process. */
extern int	vs_build_count_workers(Relation heap, Relation rel, double rows);

/*
 * Build with workers; false, with nothing done, if none could be had.  The
 * results are in *heap_rows and *index_rows.
 */
extern bool vs_build_parallel(VsBuild *build, const VsBuildPlan *plan,
							  double *heap_rows, double *index_rows);

/* ---- buildwrite.c ---- */

/* Where things will go: the number of vertices, which is final, tells every process. */
extern void vs_build_lay_out(VsBuild *build);

/* Write what the metapage says of the graph, by one process. */
extern void vs_build_write_meta(VsBuild *build);

/* Write all pages but the metapage, as many as other processes leave. */
extern void vs_build_write(VsBuild *build);

/* Log the pages that were not as they were written, as many as other processes leave. */
extern void vs_build_log(VsBuild *build);

#endif							/* VECSTORE_BUILD_H */
