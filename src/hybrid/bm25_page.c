/*
 * bm25_page.c
 *		Pages and extents of a vecstore_bm25 index; see bm25_page.h.
 */
#include "postgres.h"
#include "compat.h"

#include "access/generic_xlog.h"
#include "access/xloginsert.h"
#include "hybrid/bm25_page.h"
#include "miscadmin.h"
#include "utils/memutils.h"

StaticAssertDecl(sizeof(VsBm25Meta) <= VS_BM25_PAGE_BYTES, "the metapage is one page");

#define PageMeta(page)	((VsBm25Meta *) PageGetContents(page))

/* ---- the metapage ---- */

static void
init_page(Page page, uint32 generation)
{
	PageInit(page, BLCKSZ, sizeof(VsBm25Special));
	VsBm25PageSpecial(page)->generation = generation;
	VsBm25PageSpecial(page)->page_id = VS_BM25_PAGE_ID;
}

/* What lies between lower and upper is not logged. */
static void
set_used(Page page, int bytes)
{
	((PageHeader) page)->pd_lower = PageGetContents(page) - (char *) page + bytes;
}

void
vs_bm25_meta_create(Relation rel, ForkNumber fork, const char *tokenizer_version)
{
	Buffer		buffer = vs_extend(rel, fork);
	Page		page = BufferGetPage(buffer);
	VsBm25Meta *meta;

	Assert(BufferGetBlockNumber(buffer) == VS_BM25_META_BLOCK);
	START_CRIT_SECTION();
	init_page(page, 0);
	meta = PageMeta(page);
	memset(meta, 0, sizeof(VsBm25Meta));
	meta->magic = VS_BM25_MAGIC;
	meta->format = VS_BM25_FORMAT;
	meta->next_generation = 1;
	meta->end = VS_BM25_META_BLOCK + 1;
	strlcpy(meta->tokenizer_version, tokenizer_version, sizeof(meta->tokenizer_version));
	set_used(page, sizeof(VsBm25Meta));
	MarkBufferDirty(buffer);

	/* An init fork must reach the disk, whatever the persistence. */
	if (fork == INIT_FORKNUM || RelationNeedsWAL(rel))
		log_newpage_buffer(buffer, true);
	END_CRIT_SECTION();
	UnlockReleaseBuffer(buffer);
}

/* Whether a page, not new, has a header and a special space as init_page() makes them. */
static bool
is_whole(Page page)
{
	PageHeader	header = (PageHeader) page;

	return header->pd_special == VS_BM25_SPECIAL_AT && header->pd_upper == VS_BM25_SPECIAL_AT &&
		header->pd_lower >= PageGetContents(page) - (char *) page &&
		header->pd_lower <= header->pd_upper &&
		VsBm25PageSpecial(page)->page_id == VS_BM25_PAGE_ID;
}

/* Raise unless a page is one that begins with the metadata of an index. */
static void
check_meta_page(Relation rel, Page page)
{
	const VsBm25Meta *meta = PageMeta(page);

	if (PageIsNew(page) || !is_whole(page) || meta->magic != VS_BM25_MAGIC)
		vs_bm25_broken(rel, "Block %u is no metapage.", VS_BM25_META_BLOCK);
	if (meta->format != VS_BM25_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" is of format %u, this vecstore reads %d",
						RelationGetRelationName(rel), meta->format, VS_BM25_FORMAT),
				 errhint("REINDEX the index.")));
	if (((PageHeader) page)->pd_lower - (PageGetContents(page) - (char *) page) != sizeof(VsBm25Meta))
		vs_bm25_broken(rel, "Block %u, the metapage, is of another size.", VS_BM25_META_BLOCK);
}

/* Raise unless a run of blocks lies behind the metapage and before an end. */
static void
check_blocks(Relation rel, const char *what, BlockNumber start, uint32 nblocks, BlockNumber end)
{
	if (start <= VS_BM25_META_BLOCK || nblocks == 0 || (uint64) start + nblocks > end)
		vs_bm25_broken(rel, "Block %u: %s begins at block %u and has %u, of %u.",
					   VS_BM25_META_BLOCK, what, start, nblocks, end);
}

/* Raise unless a segment is within the file, and its parts within its pages. */
static void
check_segment(Relation rel, const VsBm25Segment *segment, BlockNumber end)
{
	uint64		rows = (uint64) segment->ndocs + segment->nnulls;

	check_blocks(rel, "a segment", segment->extent.start, segment->extent.nblocks, end);
	if (rows == 0 || segment->postings_at != VsBm25LengthsAt(segment) + sizeof(VsBm25Lengths) ||
		segment->dict_at < segment->postings_at || segment->dict_at % VS_BM25_PAGE_BYTES != 0 ||
		segment->dict_at / VS_BM25_PAGE_BYTES + segment->dict_pages != segment->extent.nblocks ||
		segment->nterms < segment->dict_pages || (segment->nterms > 0 && segment->dict_pages == 0))
		vs_bm25_broken(rel, "Block %u: the parts of the segment that begins at block %u do not fit its %u blocks.",
					   VS_BM25_META_BLOCK, segment->extent.start, segment->extent.nblocks);
}

/* The version must be text that can be shown. */
static void
check_version(Relation rel, const char *version)
{
	int			n = strnlen(version, VS_TOKENIZER_VERSION_BYTES);
	bool		text = n < VS_TOKENIZER_VERSION_BYTES;

	for (int i = 0; i < n; i++)
		text &= version[i] >= ' ' && version[i] <= '~';
	if (!text)
		vs_bm25_broken(rel, "Block %u: the version of the tokenizer is no text.", VS_BM25_META_BLOCK);
}

/*
 * Raise unless all that a reader takes from the metapage is within bounds.  Segments are
 * complete when the metapage names them, so their blocks are there; others may be given
 * out and not written yet.
 */
static void
check_meta(Relation rel, const VsBm25Meta *meta)
{
	BlockNumber file = RelationGetNumberOfBlocks(rel);

	if (meta->nsegments > VS_BM25_MAX_SEGMENTS || meta->npending > VS_BM25_MAX_PENDING ||
		meta->nfree > VS_BM25_MAX_FREE || meta->end <= VS_BM25_META_BLOCK)
		vs_bm25_broken(rel, "Block %u: %u segments, %u pending and %u free extents, blocks up to %u.",
					   VS_BM25_META_BLOCK, meta->nsegments, meta->npending, meta->nfree, meta->end);
	check_version(rel, meta->tokenizer_version);
	for (int i = 0; i < meta->nsegments; i++)
		check_segment(rel, &meta->segments[i], Min(meta->end, file));
	for (int i = 0; i < meta->npending; i++)
	{
		check_blocks(rel, "a pending extent", meta->pending[i].start, VS_BM25_PENDING_BLOCKS,
					 meta->end);
		if (meta->pending[i].nblocks > VS_BM25_PENDING_BLOCKS)
			vs_bm25_broken(rel, "Block %u: the pending extent that begins at block %u uses %u blocks.",
						   VS_BM25_META_BLOCK, meta->pending[i].start, meta->pending[i].nblocks);
	}
}

void
vs_bm25_meta_read(Relation rel, VsBm25Meta *meta)
{
	Buffer		buffer = ReadBuffer(rel, VS_BM25_META_BLOCK);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	check_meta_page(rel, BufferGetPage(buffer));
	*meta = *PageMeta(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	check_meta(rel, meta);
}

/* ---- extents that go together ---- */

/* Blocks that a crash may let the file lack, beyond those that the metapage knows of. */
#define UNKNOWN_BLOCKS	65536

/* All extents of a metapage. */
typedef struct Extents
{
	Relation	rel;
	const VsBm25Meta *meta;
	int			n;
	uint64		nblocks;
	VsBm25Extent all[VS_BM25_MAX_SEGMENTS + VS_BM25_MAX_PENDING + VS_BM25_MAX_FREE + 2];
} Extents;

/* Note an extent; one that is free has a generation of no meaning, given as 0. */
static void
note_extent(Extents *extents, BlockNumber start, uint32 nblocks, uint32 generation, bool in_use)
{
	check_blocks(extents->rel, in_use ? "an extent" : "a free extent", start, nblocks,
				 extents->meta->end);
	if (in_use && (generation == 0 || generation >= extents->meta->next_generation))
		vs_bm25_broken(extents->rel, "Block %u: the extent that begins at block %u is of generation %u, the next one is %u.",
					   VS_BM25_META_BLOCK, start, generation, extents->meta->next_generation);
	for (int i = 0; i < extents->n && in_use; i++)
		if (extents->all[i].generation == generation)
			vs_bm25_broken(extents->rel, "Block %u: the extents that begin at blocks %u and %u are both of generation %u.",
						   VS_BM25_META_BLOCK, extents->all[i].start, start, generation);
	extents->all[extents->n++] = (VsBm25Extent)
	{
		start, nblocks, generation
	};
	extents->nblocks += nblocks;
}

static int
compare_starts(const void *a, const void *b)
{
	BlockNumber x = ((const VsBm25Extent *) a)->start;
	BlockNumber y = ((const VsBm25Extent *) b)->start;

	return x < y ? -1 : x > y;
}

uint32
vs_bm25_check_extents(Relation rel, const VsBm25Meta *meta)
{
	Extents		extents = {.rel = rel,.meta = meta};
	uint64		written = 0;

	for (int i = 0; i < meta->nsegments; i++)
	{
		const VsBm25Extent *extent = &meta->segments[i].extent;

		note_extent(&extents, extent->start, extent->nblocks, extent->generation, true);
		written += extent->nblocks;
	}
	for (int i = 0; i < meta->npending; i++)
		note_extent(&extents, meta->pending[i].start, VS_BM25_PENDING_BLOCKS,
					meta->pending[i].generation, true);
	if (meta->merging.nblocks > 0)
		note_extent(&extents, meta->merging.start, meta->merging.nblocks,
					meta->merging.generation, true);
	if (meta->flushing.nblocks > 0)
		note_extent(&extents, meta->flushing.start, meta->flushing.nblocks,
					meta->flushing.generation, true);
	for (int i = 0; i < meta->nfree; i++)
		note_extent(&extents, meta->free[i].start, meta->free[i].nblocks, 0, false);

	qsort(extents.all, extents.n, sizeof(VsBm25Extent), compare_starts);
	for (int i = 1; i < extents.n; i++)
		if (extents.all[i - 1].start + extents.all[i - 1].nblocks > extents.all[i].start)
			vs_bm25_broken(rel, "Block %u: the extents that begin at blocks %u and %u overlap.",
						   VS_BM25_META_BLOCK, extents.all[i - 1].start, extents.all[i].start);

	/* Whoever writes behind an end that is wrong would fill the disk. */
	if (meta->end > RelationGetNumberOfBlocks(rel) + extents.nblocks - written + UNKNOWN_BLOCKS)
		vs_bm25_broken(rel, "Block %u: %u blocks are given out, the file has %u.", VS_BM25_META_BLOCK,
					   meta->end, RelationGetNumberOfBlocks(rel));
	return meta->end - 1 - extents.nblocks;
}

static BlockNumber stale_block = InvalidBlockNumber;

BlockNumber
vs_bm25_stale_block(void)
{
	return stale_block;
}

VsBm25Meta *
vs_bm25_meta_begin(Relation rel, VsBm25MetaEdit *edit)
{
	const VsBm25Meta *meta;

	edit->buffer = ReadBuffer(rel, VS_BM25_META_BLOCK);
	LockBuffer(edit->buffer, BUFFER_LOCK_EXCLUSIVE);
	meta = PageMeta(BufferGetPage(edit->buffer));
	check_meta_page(rel, BufferGetPage(edit->buffer));
	check_meta(rel, meta);
	vs_bm25_check_extents(rel, meta);
	edit->xlog = GenericXLogStart(rel);
	edit->meta = PageMeta(GenericXLogRegisterBuffer(edit->xlog, edit->buffer, 0));
	return edit->meta;
}

void
vs_bm25_meta_commit(VsBm25MetaEdit *edit)
{
	GenericXLogFinish(edit->xlog);
	UnlockReleaseBuffer(edit->buffer);
}

/* ---- looks ---- */

/*
 * The next generation does not say it: what stands in the place of a segment may have got
 * its extent, and so its generation, before the copy was made; and a segment all of whose
 * rows are gone leaves without another one.
 */
bool
vs_bm25_has_changed(Relation rel, const VsBm25Meta *meta)
{
	VsBm25Meta	now;

	vs_bm25_meta_read(rel, &now);
	if (now.nsegments != meta->nsegments || now.npending != meta->npending)
		return true;
	for (int i = 0; i < now.nsegments; i++)
		if (now.segments[i].extent.generation != meta->segments[i].extent.generation)
			return true;
	for (int i = 0; i < now.npending; i++)
		if (now.pending[i].generation != meta->pending[i].generation)
			return true;
	return false;
}

void
vs_bm25_check_changed(Relation rel, const VsBm25Meta *meta)
{
	CHECK_FOR_INTERRUPTS();
	if (!vs_bm25_has_changed(rel, meta))
		vs_bm25_broken(rel, "Block %u is not of the extent that the metapage says.",
					   vs_bm25_stale_block());
}

/*
 * The memory of a look, kept for the next one: to get so much from the system and give it
 * back takes longer than many a search.
 */
#define KEPT_MEMORY		(128 * 1024)

static MemoryContext kept_context = NULL;

static MemoryContext
take_context(MemoryContext parent)
{
	MemoryContext context = kept_context;

	kept_context = NULL;
	if (context == NULL)
		return AllocSetContextCreate(parent, "vecstore_bm25 look", KEPT_MEMORY,
									 ALLOCSET_DEFAULT_INITSIZE, ALLOCSET_DEFAULT_MAXSIZE);
	MemoryContextSetParent(context, parent);
	return context;
}

static void
keep_context(MemoryContext context)
{
	if (kept_context)
	{
		/* Of a look within this one. */
		MemoryContextDelete(context);
		return;
	}
	MemoryContextReset(context);
	MemoryContextSetParent(context, TopMemoryContext);
	kept_context = context;
}

bool
vs_bm25_look(VsBm25Look *look)
{
	if (look->context == NULL)
	{
		look->caller = CurrentMemoryContext;
		look->context = take_context(look->caller);
	}
	else
	{
		MemoryContextSwitchTo(look->caller);
		if (!look->stale)
		{
			keep_context(look->context);
			return false;
		}
		MemoryContextReset(look->context);
		vs_bm25_check_changed(look->rel, &look->meta);
	}
	look->stale = false;
	vs_bm25_meta_read(look->rel, &look->meta);
	MemoryContextSwitchTo(look->context);
	return true;
}

/* ---- extents ---- */

VsBm25Extent
vs_bm25_extent_take(VsBm25Meta *meta, uint32 nblocks)
{
	VsBm25Extent taken = {.nblocks = nblocks,.generation = meta->next_generation++};
	int			best = -1;

	for (int i = 0; i < meta->nfree; i++)
		if (meta->free[i].nblocks >= nblocks &&
			(best < 0 || meta->free[i].nblocks < meta->free[best].nblocks))
			best = i;
	if (best < 0)
	{
		taken.start = meta->end;
		meta->end += nblocks;
		return taken;
	}
	taken.start = meta->free[best].start;
	meta->free[best].start += nblocks;
	meta->free[best].nblocks -= nblocks;
	if (meta->free[best].nblocks == 0)
		meta->free[best] = meta->free[--meta->nfree];
	return taken;
}

/* Take a free extent off the list. */
static VsBm25Extent
remove_free(VsBm25Meta *meta, int i)
{
	VsBm25Extent extent = meta->free[i];

	meta->free[i] = meta->free[--meta->nfree];
	return extent;
}

/*
 * Neighbours join; what ends where the last one ends is given up to the end.  If the
 * list is full, the smallest is forgotten until the index is built anew.
 */
void
vs_bm25_extent_free(VsBm25Meta *meta, VsBm25Extent *extent)
{
	VsBm25Extent freed = *extent;
	int			smallest = 0;

	memset(extent, 0, sizeof(VsBm25Extent));
	if (freed.nblocks == 0)
		return;
	for (int i = 0; i < meta->nfree; i++)
		if (meta->free[i].start + meta->free[i].nblocks == freed.start ||
			freed.start + freed.nblocks == meta->free[i].start)
		{
			VsBm25Extent other = remove_free(meta, i);

			freed.start = Min(freed.start, other.start);
			freed.nblocks += other.nblocks;
			i = -1;				/* it may touch others now */
		}
	if (freed.start + freed.nblocks == meta->end)
	{
		meta->end = freed.start;
		return;
	}
	if (meta->nfree < VS_BM25_MAX_FREE)
	{
		meta->free[meta->nfree++] = freed;
		return;
	}
	for (int i = 1; i < meta->nfree; i++)
		if (meta->free[i].nblocks < meta->free[smallest].nblocks)
			smallest = i;
	if (meta->free[smallest].nblocks < freed.nblocks)
		meta->free[smallest] = freed;
}

/* Lock a block for writing; the file grows as far as it takes. */
static Buffer
lock_block(Relation rel, BlockNumber block)
{
	Buffer		buffer;

	while (RelationGetNumberOfBlocks(rel) <= block)
		UnlockReleaseBuffer(vs_extend(rel, MAIN_FORKNUM));
	buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, NULL);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	return buffer;
}

/*
 * A page of another extent is laid out anew and logged as a whole; to one that is
 * there already bytes are added, and only these are logged.
 */
void
vs_bm25_page_write(Relation rel, const VsBm25Extent *extent, uint32 number,
				   const void *bytes, int n)
{
	Buffer		buffer = lock_block(rel, extent->start + number);
	Page		page = BufferGetPage(buffer);
	bool		same = !PageIsNew(page) && is_whole(page) &&
		VsBm25PageSpecial(page)->generation == extent->generation;
	GenericXLogState *xlog = GenericXLogStart(rel);

	Assert(n <= VS_BM25_PAGE_BYTES && number < extent->nblocks);
	page = GenericXLogRegisterBuffer(xlog, buffer, same ? 0 : GENERIC_XLOG_FULL_IMAGE);
	if (!same)
		init_page(page, extent->generation);
	memcpy(PageGetContents(page), bytes, n);
	set_used(page, n);
	GenericXLogFinish(xlog);
	UnlockReleaseBuffer(buffer);
}

/* ---- reading ---- */

void
vs_bm25_reader_init(VsBm25Reader *reader, Relation rel, const VsBm25Extent *extent, bool *stale)
{
	reader->file = NULL;
	reader->rel = rel;
	reader->extent = *extent;
	reader->buffer = InvalidBuffer;
	reader->block = InvalidBlockNumber;
	reader->nblocks = 0;
	reader->stale = stale;
	reader->found = 0;
}

void
vs_bm25_reader_init_file(VsBm25Reader *reader, BufFile *file, uint64 file_at, bool *stale)
{
	memset(reader, 0, sizeof(VsBm25Reader));
	reader->file = file;
	reader->file_at = file_at;
	reader->stale = stale;
}

void
vs_bm25_reader_end(VsBm25Reader *reader)
{
	if (BufferIsValid(reader->buffer))
		ReleaseBuffer(reader->buffer);
	reader->buffer = InvalidBuffer;
	reader->block = InvalidBlockNumber;
}

/* A page is of another extent, or not written yet (0). */
static Page
set_stale(VsBm25Reader *reader, BlockNumber block, uint32 generation)
{
	*reader->stale = true;
	reader->found = generation;
	stale_block = block;
	return NULL;
}

/* Pin and lock a page of the run; NULL, and no lock, if it is not there any more. */
static Page
lock_page(VsBm25Reader *reader, uint32 number)
{
	BlockNumber block = reader->extent.start + number;
	uint32		found;
	Page		page;

	if (*reader->stale)
		return NULL;
	if (number >= reader->extent.nblocks)
		vs_bm25_broken(reader->rel, "Something leads to block %u, behind the extent that begins at block %u.",
					   block, reader->extent.start);
	if (block != reader->block)
	{
		vs_bm25_reader_end(reader);
		CHECK_FOR_INTERRUPTS();
		if (block >= reader->nblocks)
			reader->nblocks = RelationGetNumberOfBlocks(reader->rel);
		if (block >= reader->nblocks)
			return set_stale(reader, block, 0);
		reader->buffer = ReadBuffer(reader->rel, block);
		reader->block = block;
	}
	LockBuffer(reader->buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(reader->buffer);
	if (!PageIsNew(page) && !is_whole(page))
		vs_bm25_broken(reader->rel, "Block %u is no page of this index.", block);
	found = PageIsNew(page) ? 0 : VsBm25PageSpecial(page)->generation;
	if (found == reader->extent.generation)
		return page;
	LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
	return set_stale(reader, block, found);
}

/* Read from the file that holds the part. */
static void
read_file(VsBm25Reader *reader, uint64 at, void *bytes, size_t n)
{
	if (BufFileSeek(reader->file, 0, at - reader->file_at, SEEK_SET) != 0 ||
		BufFileRead(reader->file, bytes, n) != n)
		elog(ERROR, "vecstore: a temporary file is too short");
}

void
vs_bm25_read(VsBm25Reader *reader, uint64 at, void *bytes, size_t n)
{
	char	   *to = bytes;

	if (reader->file)
	{
		read_file(reader, at, bytes, n);
		return;
	}
	while (n > 0)
	{
		uint32		place = at % VS_BM25_PAGE_BYTES;
		size_t		part = Min(n, VS_BM25_PAGE_BYTES - place);
		Page		page = lock_page(reader, at / VS_BM25_PAGE_BYTES);

		if (page == NULL)
		{
			memset(to, 0, n);
			return;
		}
		memcpy(to, PageGetContents(page) + place, part);
		LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
		to += part;
		at += part;
		n -= part;
	}
}

int
vs_bm25_read_page(VsBm25Reader *reader, uint32 number, void *bytes)
{
	Page		page;
	int			n;

	if (reader->file)
	{
		read_file(reader, (uint64) number * VS_BM25_PAGE_BYTES, bytes, VS_BM25_PAGE_BYTES);
		return VS_BM25_PAGE_BYTES;
	}
	page = lock_page(reader, number);
	if (page == NULL)
		return 0;
	n = ((PageHeader) page)->pd_lower - (PageGetContents(page) - (char *) page);
	memcpy(bytes, PageGetContents(page), n);
	LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
	return n;
}
