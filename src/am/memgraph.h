/*
 * memgraph.h
 *		The graph in memory while an index is built.
 *
 * Vertices are numbered 0, 1, 2, ... in the order they come; the number is the
 * id until the graph is written out.
 */
#ifndef VECSTORE_MEMGRAPH_H
#define VECSTORE_MEMGRAPH_H

#include "am/graph.h"

/*
 * A neighbour list with ranks and cover, so that shrinking it needs no pricing
 * and few comparisons.
 */
typedef struct VsMemLink
{
	VsId		id;
	float		rank;
	uint8		cover;			/* VsCover */
} VsMemLink;

typedef struct VsMemList
{
	int			n;
	VsMemLink	links[FLEXIBLE_ARRAY_MEMBER];
} VsMemList;

typedef struct VsMemVertex
{
	const float *vector;
	VsMemList **lists;			/* one a level */
	int			level;
	int			ntids;
	int			tids_size;
	ItemPointerData *tids;
} VsMemVertex;

typedef struct VsMemGraph
{
	VsGraph		graph;			/* must be first */
	MemoryContext context;
	VsMemVertex *vertices;
	int64		n;
	int64		size;
	VsId		entry;
	int			entry_level;
	char	   *room;			/* rest of the last block */
	Size		room_left;
	Size		bytes;			/* memory in use, allocator's overhead included */
} VsMemGraph;

extern void vs_memgraph_init(VsMemGraph *graph, const VsIndex *index,
							 MemoryContext context);

/* Bytes one more vertex of level 0 takes. */
extern Size vs_memgraph_vertex_bytes(const VsIndex *index);

/* Insert a row's vector, which is copied; leaves scratch in CurrentMemoryContext. */
extern void vs_memgraph_insert(VsMemGraph *graph, VsSearch *search,
							   const float *vector, const ItemPointerData *tid);

/*
 * See to it that a path leads from the entry to every vertex, as far as that
 * can be had by exchanging single links.
 */
extern void vs_memgraph_connect(VsMemGraph *graph);

#endif							/* VECSTORE_MEMGRAPH_H */
