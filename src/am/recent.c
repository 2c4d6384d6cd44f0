/*
 * recent.c
 *		Reading pages that were read before; see recent.h.
 */
#include "postgres.h"
#include "compat.h"

#include "am/recent.h"
#include "pgstat.h"
#include "storage/buf_internals.h"

/* Blocks remembered, a power of two: an index of 1 GB, in 1 MB of memory. */
#define RECENT_SIZE		(1u << 17)

/*
 * ReadRecentBuffer() does not count as a use for the clock sweep, which would
 * evict the pages that are read most.  One read in so many is an ordinary one.
 */
#define READS_A_USE		64

/* Bytes of a cache line, and lines to ask for: the processor sees more coming. */
#define LINE			64
#define MAX_LINES		12

typedef struct Recent
{
	BlockNumber block;
	Buffer		buffer;			/* InvalidBuffer: none yet */
} Recent;

static Recent recent[RECENT_SIZE];

/* The place of a block; others may share it. */
static inline Recent *
place_of(Relation rel, BlockNumber block)
{
	return &recent[(block + vs_rel_number(rel) * 0x9E3779B1u) & (RECENT_SIZE - 1)];
}

Buffer
vs_recent_read(Relation rel, BlockNumber block)
{
	static uint32 reads = 0;
	Recent	   *place = place_of(rel, block);

	if (place->buffer != InvalidBuffer && place->block == block &&
		BufferIsLocal(place->buffer) == RelationUsesLocalBuffers(rel) &&
		++reads % READS_A_USE != 0 &&
		vs_read_recent_buffer(rel, block, place->buffer))
	{
		pgstat_count_buffer_read(rel);
		pgstat_count_buffer_hit(rel);
		return place->buffer;
	}
	place->block = block;
	return place->buffer = ReadBuffer(rel, block);
}

/*
 * Whether a remembered buffer seems to hold the block still.  Looked at without
 * a lock: a wrong answer costs no more than time.  Of local buffers we believe
 * it.
 */
static inline bool
still_holds(const Recent *place, Relation rel)
{
	const BufferTag *tag;

	if (place->buffer < 0)
		return true;
	tag = &GetBufferDescriptor(place->buffer - 1)->tag;
	return tag->blockNum == place->block && vs_tag_rel_number(tag) == vs_rel_number(rel);
}

void
vs_recent_fetch(Relation rel, BlockNumber block, BlockNumber nblocks)
{
	Recent	   *place = place_of(rel, block);
	bool		verify = nblocks > NBuffers / 2;

	if (place->buffer != InvalidBuffer && place->block == block &&
		(!verify || still_holds(place, rel)))
		return;
	place->buffer = PrefetchBuffer(rel, MAIN_FORKNUM, block).recent_buffer;
	place->block = block;
}

static inline void
prefetch_lines(const char *from, Size bytes)
{
	int			lines = Min((bytes + LINE - 1) / LINE, MAX_LINES);

	for (int i = 0; i < lines; i++)
		vs_prefetch(from + i * LINE);
}

void
vs_recent_prefetch(Relation rel, BlockNumber block, bool header, Size offset, Size bytes)
{
	const Recent *place = place_of(rel, block);
	const char *page;

	if (place->block != block || place->buffer <= 0)
		return;					/* not known, or a local buffer */
	vs_prefetch(GetBufferDescriptor(place->buffer - 1));
	page = (const char *) BufferBlocks + (Size) (place->buffer - 1) * BLCKSZ;
	if (header)
	{
		vs_prefetch(page);
		vs_prefetch(page + BLCKSZ - LINE);
	}
	prefetch_lines(page + offset, bytes);
}
