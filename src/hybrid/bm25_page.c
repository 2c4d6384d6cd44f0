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

static void
check_meta(Relation rel, const VsBm25Meta *meta)
{
	if (meta->magic != VS_BM25_MAGIC || meta->nsegments > VS_BM25_MAX_SEGMENTS ||
		meta->npending > VS_BM25_MAX_PENDING || meta->nfree > VS_BM25_MAX_FREE)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has no valid metapage", RelationGetRelationName(rel)),
				 errhint("REINDEX the index.")));
	if (meta->format != VS_BM25_FORMAT)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("index \"%s\" is of format %u, this vecstore reads %d",
						RelationGetRelationName(rel), meta->format, VS_BM25_FORMAT),
				 errhint("REINDEX the index.")));
}

void
vs_bm25_meta_read(Relation rel, VsBm25Meta *meta)
{
	Buffer		buffer = ReadBuffer(rel, VS_BM25_META_BLOCK);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	*meta = *PageMeta(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	check_meta(rel, meta);
}

VsBm25Meta *
vs_bm25_meta_begin(Relation rel, VsBm25MetaEdit *edit)
{
	edit->buffer = ReadBuffer(rel, VS_BM25_META_BLOCK);
	LockBuffer(edit->buffer, BUFFER_LOCK_EXCLUSIVE);
	check_meta(rel, PageMeta(BufferGetPage(edit->buffer)));
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
	bool		same = !PageIsNew(page) &&
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
	reader->stale = stale;
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

/* Pin and lock a page of the run; NULL, and no lock, if it is not there any more. */
static Page
lock_page(VsBm25Reader *reader, uint32 number)
{
	BlockNumber block = reader->extent.start + number;
	Page		page;

	if (*reader->stale || number >= reader->extent.nblocks)
	{
		*reader->stale = true;
		return NULL;
	}
	if (block != reader->block)
	{
		vs_bm25_reader_end(reader);
		if (block >= RelationGetNumberOfBlocks(reader->rel))
		{
			*reader->stale = true;
			return NULL;
		}
		reader->buffer = ReadBuffer(reader->rel, block);
		reader->block = block;
	}
	LockBuffer(reader->buffer, BUFFER_LOCK_SHARE);
	page = BufferGetPage(reader->buffer);
	if (!PageIsNew(page) && VsBm25PageSpecial(page)->page_id == VS_BM25_PAGE_ID &&
		VsBm25PageSpecial(page)->generation == reader->extent.generation)
		return page;
	LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
	*reader->stale = true;
	return NULL;
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
	n = Max(0, Min(n, (int) VS_BM25_PAGE_BYTES));
	memcpy(bytes, PageGetContents(page), n);
	LockBuffer(reader->buffer, BUFFER_LOCK_UNLOCK);
	return n;
}
