/*
 * idset.c
 *		A set of vertex ids; see idset.h.
 */
#include "postgres.h"
#include "compat.h"

#include "am/idset.h"

void
vs_idset_init(VsIdSet *set, MemoryContext context)
{
	memset(set, 0, sizeof(VsIdSet));
	set->context = context;
}

void
vs_idset_clear(VsIdSet *set)
{
	for (uint32 i = 0; i < set->ntouched; i++)
		memset(set->chunks[set->touched[i]], 0, VS_IDSET_CHUNK_WORDS * sizeof(uint64));
	set->count = 0;
}

void
vs_idset_end(VsIdSet *set)
{
	for (uint32 i = 0; i < set->ntouched; i++)
		pfree(set->chunks[set->touched[i]]);
	if (set->chunks)
		pfree(set->chunks);
	if (set->touched)
		pfree(set->touched);
	vs_idset_init(set, set->context);
}

/* Lengthen the directory to hold this chunk. */
static void
grow_directory(VsIdSet *set, uint32 chunk)
{
	uint32		nchunks = Max(chunk + 1, Max(16, set->nchunks * 2));
	uint64	  **chunks = MemoryContextAllocExtended(set->context,
													nchunks * sizeof(uint64 *),
													MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);

	if (set->chunks)
	{
		memcpy(chunks, set->chunks, set->nchunks * sizeof(uint64 *));
		pfree(set->chunks);
	}
	set->bytes += (nchunks - set->nchunks) * sizeof(uint64 *);
	set->chunks = chunks;
	set->nchunks = nchunks;
}

/* Note that a chunk holds ids, for vs_idset_clear(). */
static void
note_touched(VsIdSet *set, uint32 chunk)
{
	if (set->ntouched == set->touched_size)
	{
		uint32		size = Max(16, set->touched_size * 2);

		if (set->touched == NULL)
			set->touched = MemoryContextAlloc(set->context, size * sizeof(uint32));
		else
			set->touched = repalloc_huge(set->touched, size * sizeof(uint32));
		set->bytes += (size - set->touched_size) * sizeof(uint32);
		set->touched_size = size;
	}
	set->touched[set->ntouched++] = chunk;
}

uint64 *
vs_idset_grow(VsIdSet *set, uint32 chunk)
{
	Size		bytes = VS_IDSET_CHUNK_WORDS * sizeof(uint64);

	if (chunk >= set->nchunks)
		grow_directory(set, chunk);
	note_touched(set, chunk);
	set->chunks[chunk] = MemoryContextAllocZero(set->context, bytes);
	set->bytes += bytes;
	return set->chunks[chunk];
}

int64
vs_idset_next(const VsIdSet *set, int64 from)
{
	int64		end = (int64) set->nchunks << VS_IDSET_CHUNK_BITS;

	while (from < end)
	{
		const uint64 *words = set->chunks[from >> VS_IDSET_CHUNK_BITS];
		uint32		bit = from & ((1 << VS_IDSET_CHUNK_BITS) - 1);
		uint64		left;

		if (words == NULL)
		{
			from = ((from >> VS_IDSET_CHUNK_BITS) + 1) << VS_IDSET_CHUNK_BITS;
			continue;
		}
		left = words[bit >> 6] >> (bit & 63);
		if (left != 0)
			return from + pg_rightmost_one_pos64(left);
		from = (from | 63) + 1;
	}
	return -1;
}
