/*
 * list.h
 *		A neighbour list on a page: ids and, in an index of codes, what prices
 *		the neighbours without a look at them.
 *
 *	ids			degree * 4 bytes; VS_INVALID_ID is a free place, which may be
 *				anywhere
 *	unit		a float: what the factors are in units of (rabitq.h)
 *	covered		a bit a place: a nearer neighbour covers this one (algorithm 4 of
 *				graph.h), so it is the first to go
 *	factors		4 bytes a place: two halves
 *	codes		padded dimensions * bits / 8 bytes a place
 *
 * Codes are relative to the list's owner as it is kept (VsBytes), so a place is
 * written from two such vectors and nothing else.
 */
#ifndef VECSTORE_LIST_H
#define VECSTORE_LIST_H

#include "am/page.h"

/* A list in its page: where the parts are.  Without codes there are only ids. */
typedef struct VsList
{
	int			degree;
	VsId	   *ids;
	float	   *unit;
	uint32	   *covered;
	VsRabitqPacked *factors;
	uint8	   *codes;
} VsList;

/* Bytes of a list; with codes, a multiple of 8. */
extern int	vs_list_size(const VsIndex *index, int degree);

/* The list that begins at this address. */
extern VsList vs_list_at(const VsIndex *index, void *start, int degree);

/* The lists of a vertex and of its AUX tuple. */
#define VsVertexList(index, v) \
	vs_list_at(index, VsVertexIds(index, v), (index)->degree)
#define VsUpperList(index, aux, level) \
	vs_list_at(index, VsUpperIds(index, aux, level), (index)->m)

/* Make all places free. */
extern void vs_list_clear(const VsIndex *index, VsList *list);

/*
 * Put a neighbour into a place; vectors are VsBytes in an index of codes and not
 * looked at in others.
 */
extern void vs_list_put(const VsIndex *index, VsList *list, int place, VsId id, bool covered,
						const void *vector, const void *owner);

/* The place of an id, or of VS_INVALID_ID; -1 if it is not there. */
extern int	vs_list_find(const VsList *list, VsId id);

static inline bool
vs_list_is_covered(const VsList *list, int place)
{
	return (list->covered[place / 32] >> (place % 32)) & 1;
}

static inline void
vs_list_set_covered(VsList *list, int place, bool covered)
{
	uint32		bit = (uint32) 1 << (place % 32);

	list->covered[place / 32] = covered ? list->covered[place / 32] | bit :
		list->covered[place / 32] & ~bit;
}

/*
 * Estimated ranks, against a query, of what is in the places; of free places
 * they mean nothing.  owner_rank is that of the owner against the query; share is that
 * of vs_rabitq_estimate().
 */
extern void vs_list_estimate(const VsList *list, const VsRabitqQuery *query, float owner_rank,
							 float share, float *ranks);

#endif							/* VECSTORE_LIST_H */
