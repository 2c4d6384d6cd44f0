/*
 * vacuum_notes.h
 *		What a vacuum's pass over the pages notes of the graph, so that afterwards
 *		it visits only the pages that have something to mend or to free.
 *
 * Which vertices are dead is known for pages already passed and not for those
 * to come.  So a list that names a dead vertex seen before makes its owner a
 * suspect at once, and only links that lead forward have to be remembered, 4
 * bytes each, until the pass has ended: a list looked intact so far.
 *
 * Memory.  Up to nine bits a slot, and 64 bytes an AUX page, are always taken:
 * as much as 110 MB for a hundred million vertices.  In-degrees, a byte a slot, are
 * kept if they fit half of what is allowed; without them vertices that no path
 * leads to are left as they are.  Lists take the rest.  When it is used up, each
 * vertex with links that lead forward becomes a suspect, whose page will be read
 * again: slower, with the same result.
 */
#ifndef VECSTORE_VACUUM_NOTES_H
#define VECSTORE_VACUUM_NOTES_H

#include "am/graph.h"

typedef struct VsNoteChunk VsNoteChunk;

typedef struct VsNotes
{
	MemoryContext context;
	Size		limit;			/* bytes allowed for all of it */
	Size		bytes;			/* of degrees and remembered lists */
	VsId		nslots;			/* ids from here on are not vacuumed */
	VsIdSet		alive;			/* live vertices */
	VsIdSet		dead;			/* tombstones */
	VsIdSet		suspects;		/* level-0 list names a dead one, or may */
	VsIdSet		upper_suspects; /* the same of upper lists */
	VsIdSet		tall;			/* live vertices with upper lists */
	VsIdSet		upper_noted;	/* vertices whose upper lists were passed */
	VsIdSet		empty_slots;	/* held nothing when they were passed */
	VsIdSet		roomy;			/* blocks with a free slot, or empty ones */
	VsIdSet		led_to;			/* places of AUX tuples that a vertex leads to */
	VsInDegrees degrees;		/* size 0: no room for them */
	VsNoteChunk *chunks;		/* lists that look intact, last chunk first */
	bool		full;			/* no more lists are remembered */
} VsNotes;

extern void vs_notes_init(VsNotes *notes, MemoryContext context, Size limit, VsId nslots);

/*
 * Note a list (level 0, or all upper lists of a vertex) with holes.  Dead
 * vertices below horizon are known by now.
 */
extern void vs_notes_list(VsNotes *notes, VsId owner, bool upper,
						  const VsId *ids, int n, VsId horizon);

/* All dead are known: find the suspects among the lists, and forget those. */
extern void vs_notes_resolve(VsNotes *notes);

/*
 * Whether a vertex has upper lists that the pass has not seen: they were put
 * onto a page it had passed, by an insert under way.
 */
static inline bool
vs_notes_missed_upper(const VsNotes *notes, VsId id)
{
	return vs_idset_has(&notes->tall, id) && !vs_idset_has(&notes->upper_noted, id);
}

static inline void
vs_notes_count(VsNotes *notes, const VsId *ids, int n)
{
	for (int i = 0; i < n; i++)
		vs_indegree_add(&notes->degrees, ids[i]);
}

#endif							/* VECSTORE_VACUUM_NOTES_H */
