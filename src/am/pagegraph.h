/*
 * pagegraph.h
 *		The graph as it lies on an index's pages.
 */
#ifndef VECSTORE_PAGEGRAPH_H
#define VECSTORE_PAGEGRAPH_H

#include "am/graph.h"
#include "am/list.h"

typedef struct VsPageGraph
{
	VsGraph		graph;			/* must be first */
	Relation	rel;
	MemoryContext context;		/* of vectors */
	struct vsvectors_hash *vectors; /* vectors read so far, by id */
	char	  **kept;			/* where they lie: blocks of some */
	int			nblocks_kept;
	int			nkept;			/* in use */
	float	   *buffer;			/* a vector put together from its tails */
	const void *begun;			/* the vector at hand, */
	VsRabitqQuery *query;		/* and what codes are priced against */
	VsRabitqQuery *owner;		/* scratch: the same for a list's owner */
	float	   *ranks;			/* scratch: of a list's places, twice */
	bool		keeps;			/* vectors of vertices that are expanded */
	BlockNumber nblocks;		/* blocks known to exist */
	bool		read_ahead;		/* effective_io_concurrency allows it */
} VsPageGraph;

/* What a graph is opened for. */
typedef enum VsPurpose
{
	VS_TO_SEARCH,				/* a query, ranked by the index's own metric */
	VS_TO_LINK					/* links, ranked by vs_graph_metric() */
} VsPurpose;

/* Set up access to an index; memory comes from parent. */
extern void vs_pagegraph_init(VsPageGraph *graph, Relation rel, const VsIndex *index,
							  VsPurpose purpose, MemoryContext parent);

/* Forget the vectors read so far. */
extern void vs_pagegraph_reset(VsPageGraph *graph);

/*
 * Put the vector of a vertex together from its tails into out (dims floats).
 * No lock is held on the vertex; false if a tail is not this version's.
 */
extern bool vs_vertex_read_tails(Relation rel, const VsIndex *index, VsId id,
								 uint16 version, const ItemPointerData *tails,
								 float *out);

/*
 * The heap TIDs of a vertex, palloc'd in *tids; returns how many.  None, and
 * *tids not set, if the slot holds no live vertex of this version by now.
 */
extern int	vs_vertex_tids(VsPageGraph *graph, VsId id, uint16 version,
						   ItemPointerData **tids);

/* The same for a vertex whose HEAD page the caller has locked. */
extern int	vs_locked_vertex_tids(Relation rel, VsId id, const VsVertex *vertex,
								  ItemPointerData **tids);

/*
 * The state of a slot; VS_FREE too if there is no such slot or, with version
 * given, if it is of another version by now.
 */
extern VsVertexState vs_vertex_state(Relation rel, const VsIndex *index, VsId id,
									 const uint16 *version);

#endif							/* VECSTORE_PAGEGRAPH_H */
