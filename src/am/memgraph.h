/*
 * memgraph.h
 *		The graph in memory while an index is built, by one process or several.
 *
 * Vertices are numbered 0, 1, 2, ... in the order they come; the number is the
 * id until the graph is written out.  Since slots are of one size, the number
 * also tells where the vertex will lie: on HEAD page 1 + number / slots.
 *
 * Links take a tenth of the memory that vectors take.  When memory is short,
 * only the first vectors are kept here; those of later vertices go to their
 * places on the HEAD pages at once and are read from there.
 *
 * Each vertex has a spinlock over its lists and heap TIDs, held while they are
 * copied, never while a distance is computed.  Searches read ids without it.
 */
#ifndef VECSTORE_MEMGRAPH_H
#define VECSTORE_MEMGRAPH_H

#include "am/arena.h"
#include "am/graph.h"
#include "quant/rabitq.h"
#include "storage/lwlock.h"
#include "storage/spin.h"

/*
 * A neighbour list with ranks and cover, so that shrinking it needs no pricing
 * and few comparisons.  Behind the header: ids, ranks and covers, as many as there
 * are places.
 */
typedef struct VsMemList
{
	int32		n;
	VsId		ids[FLEXIBLE_ARRAY_MEMBER];
} VsMemList;

typedef struct VsMemVertex
{
	slock_t		lock;			/* of the lists and heap TIDs */
	uint8		level;			/* never changes */
	int32		ntids;
	int32		tids_size;		/* room at tids */
	ItemPointerData tid;		/* the first heap TID */
	ItemPointerData upper_place;	/* on pages, once laid out */
	ItemPointerData overflow_place;
	pg_atomic_uint32 named;		/* lists of level 0 that name it, once counted */
	VsArenaPtr	tids;			/* all heap TIDs, if there are several */
	VsArenaPtr	upper;			/* the lists of levels 1.., one behind the other */
	VsMemList	bottom;			/* the list of level 0; must be last */
} VsMemVertex;

/*
 * What a vertex's rank is estimated from: its RaBitQ code relative to the origin.  The
 * search for a new vertex's neighbours meets a dozen vertices for each that it expands;
 * of those it reads two cache lines, and the vector only once one is expanded.
 */
typedef struct VsSketch
{
	VsRabitqFactors factors;
	uint8		code[FLEXIBLE_ARRAY_MEMBER];
} VsSketch;

/* Directories of chunks, one for each kind of thing. */
#define VS_MEM_DIRECTORIES	3

/* What all processes share. */
typedef struct VsMemShared
{
	LWLock		lock;			/* of who changes the next two, and the directories */
	int64		n;				/* vertices */
	int64		nvectors;		/* vectors of those before it are in memory; read
								 * without the lock: who knows an id knows this */
	bool		sketched;		/* vertices have sketches; never changes */
	pg_atomic_uint32 begun;		/* blocks of the relation that some process made or
								 * makes, */
	pg_atomic_uint32 nblocks;	/* and those that are there */
	pg_atomic_uint64 next_count;	/* the first vertex whose list nobody counts yet, */
	pg_atomic_uint64 next_shrink;	/* or shrinks */
	slock_t		entry_lock;
	VsId		entry;
	int			entry_level;
	VsArenaShared arena;
	uint32		max_chunks;		/* of each directory */
	VsArenaPtr	chunks[FLEXIBLE_ARRAY_MEMBER];	/* of vertices, of vectors, of sketches */
} VsMemShared;

/* A rank that was computed, or estimated by a sketch, against the vector at hand. */
typedef struct VsKnownRank
{
	VsId		id;
	uint32		vector;			/* number of the vector */
	float		rank;
} VsKnownRank;

/* One process's access to the graph. */
typedef struct VsMemGraph
{
	VsGraph		graph;			/* must be first */
	VsMemShared *shared;
	VsArena    *arena;
	Relation	rel;			/* has the vectors that are not in memory */
	int			degree;			/* that the index has; see vs_memgraph_shrink() */
	Size		vertex_bytes;
	int			vertex_bits;	/* log2 of vertices a chunk */
	int			vector_bits;	/* log2 of vectors a chunk */
	char	  **vertices;		/* chunks by number, NULL until first used */
	char	  **vectors;
	char	   *room;			/* rest of the block that lists are taken from */
	VsArenaPtr	room_ptr;
	Size		room_left;
	const void *begun;			/* the vector at hand, and its number */
	uint32		nbegun;
	VsKnownRank *known;			/* a cache of ranks against it, by id */

	/* If there are sketches. */
	Size		sketch_bytes;
	int			sketch_bits;	/* log2 of sketches a chunk */
	char	  **sketches;		/* chunks, as those above */
	VsBytes    *origin;			/* what their codes are relative to */
	VsRabitqQuery *sketch_query;	/* the vector at hand */
	float		origin_rank;	/* against it */
	VsRabitqFactors *factors;	/* scratch: of one list's sketches */
	uint8	   *codes;
	float	   *estimates;

	Buffer	   *held;			/* pins on vectors given out */
	int			nheld;
	MemoryContext copies;		/* of vectors given out, beyond so many pins */
	int			max_pins;		/* at once; of those held, and of those priced */
} VsMemGraph;

/* Bytes of the shared part for so much memory. */
extern Size vs_memgraph_shared_bytes(const VsIndex *index, uint64 limit);

/*
 * Set up the shared part: nvectors is how many vectors may be kept in memory; whether
 * there are sketches, which must be worth something (vs_memgraph_sketch_bytes()).
 * The arena is for the caller to set up, and so is the relation's metapage.
 */
extern void vs_memgraph_share(VsMemShared *shared, const VsIndex *index, uint64 limit,
							  int64 nvectors, bool sketched);

/*
 * A process's access; its arena must be there before it is used.  Memory comes
 * from context.
 */
extern void vs_memgraph_init(VsMemGraph *graph, VsMemShared *shared, VsArena *arena,
							 const VsIndex *index, Relation rel, MemoryContext context);

/*
 * Bytes one more vertex takes: its links, its vector, its sketch.  0 for the last where
 * vectors are short, or are floats.
 */
extern Size vs_memgraph_link_bytes(const VsIndex *index);
extern Size vs_memgraph_vector_bytes(const VsIndex *index);
extern Size vs_memgraph_sketch_bytes(const VsIndex *index);

/*
 * Insert a row's vector, which is copied; false, and nothing is done, if memory
 * has run out.  Leaves scratch in CurrentMemoryContext.
 */
extern bool vs_memgraph_insert(VsMemGraph *graph, VsSearch *search,
							   const void *vector, const ItemPointerData *tid);

/*
 * Count how many lists name each vertex: all processes together, once no vertex is added
 * any more.
 */
extern void vs_memgraph_count(VsMemGraph *graph);

/*
 * Shorten the lists to those of the index, which are shorter where codes take room: a
 * graph that is built with long lists and keeps the best of each finds more than one
 * that is built with short ones.  All processes together, once all has been counted.
 * Lists are as long as the index's afterwards.
 */
extern void vs_memgraph_shrink(VsMemGraph *graph);

/*
 * See to it that a path leads from the entry to every vertex, as far as that
 * can be had by exchanging single links.  No other process may be at work, and all
 * must have been counted.
 */
extern void vs_memgraph_connect(VsMemGraph *graph);

/* ---- for who writes the graph out; no other process changes it then ---- */

extern VsMemVertex *vs_memgraph_vertex(VsMemGraph *graph, VsId id);

/* All heap TIDs of a vertex. */
extern const ItemPointerData *vs_memgraph_tids(VsMemGraph *graph, VsMemVertex *vertex);

/* A vector in memory; NULL if it lies in its slot. */
extern const void *vs_memgraph_vector(VsMemGraph *graph, VsId id);

/*
 * See to it that the relation has so many blocks: all processes together, and they are
 * there once the last one returns.
 */
extern void vs_memgraph_extend(VsMemGraph *graph, BlockNumber nblocks);

/* A HEAD page, its slots laid out, pinned and locked exclusively, and dirty. */
extern Buffer vs_memgraph_head(VsMemGraph *graph, BlockNumber block);

#endif							/* VECSTORE_MEMGRAPH_H */
