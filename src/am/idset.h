/*
 * idset.h
 *		A set of vertex ids: a bitmap in chunks made when first touched.
 *
 * A search visits some hundreds of an index's millions of vertices.  The set
 * costs memory and clearing time only for the chunks it touches, and holds the
 * whole index in one bit an id when a vacuum needs that.
 */
#ifndef VECSTORE_IDSET_H
#define VECSTORE_IDSET_H

#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#define VS_IDSET_CHUNK_BITS		12	/* 4096 ids, 512 bytes */
#define VS_IDSET_CHUNK_WORDS	((1 << VS_IDSET_CHUNK_BITS) / 64)

typedef struct VsIdSet
{
	MemoryContext context;
	uint64	  **chunks;			/* NULL where no id was added */
	uint32		nchunks;		/* length of chunks */
	uint32	   *touched;		/* chunks with ids in them */
	uint32		ntouched;
	uint32		touched_size;
	Size		bytes;			/* memory in use */
	int64		count;			/* ids in the set */
} VsIdSet;

extern void vs_idset_init(VsIdSet *set, MemoryContext context);

/* Forget all ids, keep the memory. */
extern void vs_idset_clear(VsIdSet *set);

/* Give the memory back. */
extern void vs_idset_end(VsIdSet *set);

/* The least id in the set that is not less than from; -1 if there is none. */
extern int64 vs_idset_next(const VsIdSet *set, int64 from);

/* Make a chunk for ids that have none yet. */
extern uint64 *vs_idset_grow(VsIdSet *set, uint32 chunk);

/* Add an id; true if it was not there. */
static inline bool
vs_idset_add(VsIdSet *set, uint32 id)
{
	uint32		chunk = id >> VS_IDSET_CHUNK_BITS;
	uint32		bit = id & ((1 << VS_IDSET_CHUNK_BITS) - 1);
	uint64	   *words = chunk < set->nchunks ? set->chunks[chunk] : NULL;
	uint64		mask = UINT64CONST(1) << (bit & 63);

	if (words == NULL)
		words = vs_idset_grow(set, chunk);
	if (words[bit >> 6] & mask)
		return false;
	words[bit >> 6] |= mask;
	set->count++;
	return true;
}

static inline bool
vs_idset_has(const VsIdSet *set, uint32 id)
{
	uint32		chunk = id >> VS_IDSET_CHUNK_BITS;
	uint32		bit = id & ((1 << VS_IDSET_CHUNK_BITS) - 1);

	if (chunk >= set->nchunks || set->chunks[chunk] == NULL)
		return false;
	return (set->chunks[chunk][bit >> 6] >> (bit & 63)) & 1;
}

#endif							/* VECSTORE_IDSET_H */
