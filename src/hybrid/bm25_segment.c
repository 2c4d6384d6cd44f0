/*
 * bm25_segment.c
 *		Writing and reading segments; see bm25_segment.h.
 */
#include "postgres.h"
#include "compat.h"

#include "commands/vacuum.h"
#include "hybrid/bm25_segment.h"
#include "hybrid/tsterms.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/memutils.h"

/* ---- writing ---- */

/* A block's numbers take at most so many bytes each, 4 + 3 and what is left over. */
#define MAX_POSTING_BYTES	8

/* Of the present term so much is kept in memory; what is more waits in a file. */
#define MAX_BLOCK_BYTES		(256 * 1024)

struct VsBm25Writer
{
	FileSet    *files;			/* or NULL */
	VsBm25Segment segment;
	VsBm25Lengths lengths;		/* how many documents of each, until all are there */
	BufFile    *rows;
	BufFile    *postings;
	uint64		npostings;		/* bytes in there */
	BufFile    *dictionary;
	char		page[VS_BM25_PAGE_BYTES];	/* of the dictionary */
	int			filled;

	/* The present term. */
	VsBm25Posting block[VS_BM25_BLOCK];
	int			n;				/* postings in there */
	VsBm25Skip *skips;
	uint32		nskips;			/* blocks */
	uint32		size;			/* room for skips */
	uint8	   *blocks;
	uint32		nbytes;
	uint32		blocks_size;
	BufFile    *spill;			/* blocks before those, or NULL */
	uint64		spilled;		/* bytes in there */
};

static BufFile *
create_file(FileSet *files, const char *name, const char *part)
{
	char		path[MAXPGPATH];

	if (files == NULL)
		return BufFileCreateTemp(false);
	snprintf(path, sizeof(path), "%s.%s", name, part);
	return BufFileCreateFileSet(files, path);
}

VsBm25Writer *
vs_bm25_writer_begin(FileSet *files, const char *name)
{
	VsBm25Writer *writer = palloc0(sizeof(VsBm25Writer));

	writer->files = files;
	writer->rows = create_file(files, name, "rows");
	writer->postings = create_file(files, name, "postings");
	writer->dictionary = create_file(files, name, "dictionary");
	writer->size = 16;
	writer->skips = palloc(writer->size * sizeof(VsBm25Skip));
	writer->blocks_size = 4 * VS_BM25_BLOCK * MAX_POSTING_BYTES;
	writer->blocks = palloc(writer->blocks_size);
	return writer;
}

bool
vs_bm25_writer_is_empty(const VsBm25Writer *writer)
{
	return writer->segment.ndocs + writer->segment.nnulls == 0;
}

/* Rows of a segment, and bytes of a term's postings, have numbers of 32 bits. */
static void
check_limit(uint64 n)
{
	if (n >= PG_UINT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a segment of a vecstore_bm25 index cannot be so large"),
				 errhint("Partition the table.")));
}

static void
write_tids(VsBm25Writer *writer, const ItemPointerData *tids, uint32 n)
{
	check_limit((uint64) writer->segment.ndocs + writer->segment.nnulls + n);
	BufFileWrite(writer->rows, unconstify(ItemPointerData *, tids), n * sizeof(ItemPointerData));
}

void
vs_bm25_writer_rows(VsBm25Writer *writer, const ItemPointerData *tids, uint32 n, uint8 length)
{
	Assert(writer->segment.nnulls == 0);
	write_tids(writer, tids, n);
	writer->segment.ndocs += n;
	writer->lengths.ends[length] += n;
}

void
vs_bm25_writer_nulls(VsBm25Writer *writer, const ItemPointerData *tids, uint32 n)
{
	write_tids(writer, tids, n);
	writer->segment.nnulls += n;
}

/* Encode a block; returns its bytes. */
static int
encode_block(const VsBm25Posting *postings, int n, uint32 base, VsBm25Skip *skip, uint8 *out)
{
	uint32		gaps[VS_BM25_BLOCK];
	uint32		tfs[VS_BM25_BLOCK];
	uint32		all_gaps = 0;
	uint32		all_tfs = 0;
	int			bytes;

	skip->last = postings[n - 1].doc;
	vs_bm25_bound_init(&skip->bound);
	for (int i = 0; i < n; i++)
	{
		gaps[i] = postings[i].doc - base;
		base = postings[i].doc + 1;
		all_gaps |= gaps[i];
		tfs[i] = postings[i].tf - 1;
		all_tfs |= tfs[i];
		vs_bm25_bound_add(&skip->bound, postings[i].tf, postings[i].length);
	}
	skip->gap_bits = vs_bits_of(all_gaps);
	skip->tf_bits = vs_bits_of(all_tfs);
	skip->unused = 0;
	bytes = vs_bits_pack(out, gaps, n, skip->gap_bits);
	return bytes + vs_bits_pack(out + bytes, tfs, n, skip->tf_bits);
}

/* Make room for one more block. */
static void
reserve_block(VsBm25Writer *writer)
{
	if (writer->nskips == writer->size)
		writer->skips = repalloc_huge(writer->skips, (writer->size *= 2) * sizeof(VsBm25Skip));
	if (writer->nbytes + VS_BM25_BLOCK * MAX_POSTING_BYTES <= writer->blocks_size)
		return;
	if (writer->blocks_size < MAX_BLOCK_BYTES)
	{
		writer->blocks = repalloc(writer->blocks, writer->blocks_size *= 2);
		return;
	}
	if (writer->spill == NULL)
		writer->spill = BufFileCreateTemp(false);
	BufFileWrite(writer->spill, writer->blocks, writer->nbytes);
	writer->spilled += writer->nbytes;
	writer->nbytes = 0;
}

static void
end_block(VsBm25Writer *writer)
{
	VsBm25Skip *skip;

	reserve_block(writer);
	check_limit(writer->spilled + writer->nbytes);
	skip = &writer->skips[writer->nskips];
	skip->at = writer->spilled + writer->nbytes;
	writer->nbytes += encode_block(writer->block, writer->n,
								   writer->nskips > 0 ? skip[-1].last + 1 : 0, skip,
								   writer->blocks + writer->nbytes);
	writer->nskips++;
	writer->n = 0;
}

void
vs_bm25_writer_posting(VsBm25Writer *writer, uint32 doc, uint32 tf, uint8 length)
{
	if (writer->n == VS_BM25_BLOCK)
		end_block(writer);
	writer->block[writer->n++] = (VsBm25Posting)
	{
		doc, tf, length
	};
	writer->segment.length += tf;
}

/* Copy the beginning of a file to the end of another one. */
static void
append_file(BufFile *to, BufFile *from, uint64 n)
{
	char		bytes[BLCKSZ];

	if (BufFileSeek(from, 0, 0, SEEK_SET) != 0)
		elog(ERROR, "vecstore: cannot rewind a temporary file");
	while (n > 0)
	{
		size_t		part = Min(n, sizeof(bytes));

		CHECK_FOR_INTERRUPTS();
		if (BufFileRead(from, bytes, part) != part)
			elog(ERROR, "vecstore: a temporary file is too short");
		BufFileWrite(to, bytes, part);
		n -= part;
	}
}

/* Write the term's postings: skips, then blocks. */
static void
write_postings(VsBm25Writer *writer)
{
	BufFileWrite(writer->postings, writer->skips, writer->nskips * sizeof(VsBm25Skip));
	if (writer->spilled > 0)
	{
		append_file(writer->postings, writer->spill, writer->spilled);
		if (BufFileSeek(writer->spill, 0, 0, SEEK_SET) != 0)
			elog(ERROR, "vecstore: cannot rewind a temporary file");
	}
	BufFileWrite(writer->postings, writer->blocks, writer->nbytes);
	writer->npostings += writer->nskips * sizeof(VsBm25Skip) + writer->spilled + writer->nbytes;
}

static uint64
inline_posting(const VsBm25Posting *posting)
{
	return (uint64) posting->doc | (uint64) posting->tf << 32;
}

/* End a page of the dictionary. */
static void
end_dict_page(VsBm25Writer *writer)
{
	memset(writer->page + writer->filled, 0, VS_BM25_PAGE_BYTES - writer->filled);
	BufFileWrite(writer->dictionary, writer->page, VS_BM25_PAGE_BYTES);
	writer->segment.dict_pages++;
	writer->filled = 0;
}

void
vs_bm25_writer_term(VsBm25Writer *writer, const char *term, int length)
{
	uint32		df = writer->nskips * VS_BM25_BLOCK + writer->n;
	uint64		place = df == 1 ? inline_posting(writer->block) : writer->npostings;
	char	   *to;

	Assert(df > 0 && length > 0 && length <= VS_MAX_TERM_BYTES);
	if (writer->filled + 1 + length + sizeof(uint32) + sizeof(uint64) > VS_BM25_PAGE_BYTES)
		end_dict_page(writer);
	to = writer->page + writer->filled;
	*(uint8 *) to++ = length;
	memcpy(to, term, length);
	memcpy(to + length, &df, sizeof(uint32));
	memcpy(to + length + sizeof(uint32), &place, sizeof(uint64));
	writer->filled += 1 + length + sizeof(uint32) + sizeof(uint64);
	writer->segment.nterms++;
	if (df > 1)
	{
		end_block(writer);
		write_postings(writer);
	}
	writer->n = 0;
	writer->nskips = 0;
	writer->nbytes = 0;
	writer->spilled = 0;
}

/* The pages of a segment, filled one after the other. */
typedef struct Pages
{
	Relation	rel;
	VsBm25Extent extent;
	bool		merging;
	uint32		number;
	int			filled;
	char		bytes[VS_BM25_PAGE_BYTES];
} Pages;

/* A vacuum may rest while it merges; whoever flushes, others wait for. */
static void
end_page(Pages *pages)
{
	if (pages->filled == 0)
		return;
	if (pages->merging)
		vs_vacuum_delay_point();
	else
		CHECK_FOR_INTERRUPTS();
	vs_bm25_page_write(pages->rel, &pages->extent, pages->number++, pages->bytes, pages->filled);
	pages->filled = 0;
}

static void
put(Pages *pages, const void *bytes, size_t n)
{
	const char *from = bytes;

	while (n > 0)
	{
		size_t		part = Min(n, VS_BM25_PAGE_BYTES - pages->filled);

		memcpy(pages->bytes + pages->filled, from, part);
		pages->filled += part;
		from += part;
		n -= part;
		if (pages->filled == VS_BM25_PAGE_BYTES)
			end_page(pages);
	}
}

static void
put_file(Pages *pages, BufFile *file, uint64 n)
{
	char		bytes[BLCKSZ];

	if (BufFileSeek(file, 0, 0, SEEK_SET) != 0)
		elog(ERROR, "vecstore: cannot rewind a temporary file");
	while (n > 0)
	{
		size_t		part = Min(n, sizeof(bytes));

		if (BufFileRead(file, bytes, part) != part)
			elog(ERROR, "vecstore: a temporary file is too short");
		put(pages, bytes, part);
		n -= part;
	}
}

/* Take an extent for the segment; what a crash left of another one is free again. */
static VsBm25Extent
take_extent(Relation rel, uint32 nblocks, bool merging)
{
	VsBm25MetaEdit edit;
	VsBm25Meta *meta = vs_bm25_meta_begin(rel, &edit);
	VsBm25Extent *slot = merging ? &meta->merging : &meta->flushing;
	VsBm25Extent extent;

	vs_bm25_extent_free(meta, slot);
	*slot = extent = vs_bm25_extent_take(meta, nblocks);
	vs_bm25_meta_commit(&edit);
	return extent;
}

/* Write where lengths end, behind all rows. */
static void
write_lengths(VsBm25Writer *writer)
{
	for (int i = 1; i < VS_BM25_LENGTHS; i++)
		writer->lengths.ends[i] += writer->lengths.ends[i - 1];
	BufFileWrite(writer->rows, &writer->lengths, sizeof(VsBm25Lengths));
}

/* All is there: write what is left, and say where its parts are and how many pages it takes. */
static uint64
place_parts(VsBm25Writer *writer)
{
	VsBm25Segment *segment = &writer->segment;
	uint64		dict_page;

	write_lengths(writer);
	if (writer->filled > 0)
		end_dict_page(writer);
	segment->postings_at = VsBm25LengthsAt(segment) + sizeof(VsBm25Lengths);
	dict_page = (segment->postings_at + writer->npostings + VS_BM25_PAGE_BYTES - 1) / VS_BM25_PAGE_BYTES;
	segment->dict_at = dict_page * VS_BM25_PAGE_BYTES;
	return Max(1, dict_page + segment->dict_pages);
}

/* Free what a writer has but its three files. */
static void
free_writer(VsBm25Writer *writer)
{
	if (writer->spill)
		BufFileClose(writer->spill);
	pfree(writer->skips);
	pfree(writer->blocks);
	pfree(writer);
}

void
vs_bm25_writer_abandon(VsBm25Writer *writer)
{
	BufFileClose(writer->rows);
	BufFileClose(writer->postings);
	BufFileClose(writer->dictionary);
	free_writer(writer);
}

VsBm25Segment
vs_bm25_writer_end(VsBm25Writer *writer, Relation rel, bool merging)
{
	uint64		nblocks = place_parts(writer);
	VsBm25Segment segment = writer->segment;
	Pages	   *pages = palloc(sizeof(Pages));

	segment.extent = take_extent(rel, nblocks, merging);
	pages->rel = rel;
	pages->extent = segment.extent;
	pages->merging = merging;
	pages->number = 0;
	pages->filled = 0;
	put_file(pages, writer->rows, segment.postings_at);
	put_file(pages, writer->postings, writer->npostings);
	end_page(pages);
	put_file(pages, writer->dictionary, (uint64) segment.dict_pages * VS_BM25_PAGE_BYTES);
	pfree(pages);
	vs_bm25_writer_abandon(writer);
	return segment;
}

/* ---- runs ---- */

void
vs_bm25_writer_keep(VsBm25Writer *writer, VsBm25Run *run)
{
	place_parts(writer);
	run->segment = writer->segment;
	run->rows = writer->rows;
	run->postings = writer->postings;
	run->dictionary = writer->dictionary;
	if (writer->files)
	{
		BufFileExportFileSet(run->rows);
		BufFileExportFileSet(run->postings);
		BufFileExportFileSet(run->dictionary);
		vs_bm25_run_close(run);
	}
	free_writer(writer);
}

static BufFile *
open_file(FileSet *files, const char *name, const char *part)
{
	char		path[MAXPGPATH];

	snprintf(path, sizeof(path), "%s.%s", name, part);
	return BufFileOpenFileSet(files, path, O_RDONLY, false);
}

void
vs_bm25_run_open(VsBm25Run *run, FileSet *files, const char *name)
{
	run->rows = open_file(files, name, "rows");
	run->postings = open_file(files, name, "postings");
	run->dictionary = open_file(files, name, "dictionary");
}

void
vs_bm25_run_close(VsBm25Run *run)
{
	BufFileClose(run->rows);
	BufFileClose(run->postings);
	BufFileClose(run->dictionary);
}

/* ---- dictionary ---- */

/* An entry of a page's bytes; returns its size, 0 behind the last one. */
static int
read_entry(const char *bytes, int left, VsBm25Entry *entry)
{
	int			size;

	if (left < 1 || *(const uint8 *) bytes == 0)
		return 0;
	entry->length = *(const uint8 *) bytes;
	size = 1 + entry->length + sizeof(uint32) + sizeof(uint64);
	if (size > left)
		return 0;
	memcpy(entry->term, bytes + 1, entry->length);
	memcpy(&entry->df, bytes + 1 + entry->length, sizeof(uint32));
	memcpy(&entry->place, bytes + 1 + entry->length + sizeof(uint32), sizeof(uint64));
	return size;
}

/* Raise unless an entry, at a page of the dictionary, is of as many documents as can be. */
static void
check_entry(const VsBm25Reader *reader, const VsBm25Segment *segment, uint32 page,
			const VsBm25Entry *entry)
{
	if (entry->df == 0 || entry->df > segment->ndocs)
		vs_bm25_broken(reader->rel, "Block %u: a term has %u documents, the segment %u.",
					   VsBm25BlockAt(reader, segment->dict_at) + page, entry->df, segment->ndocs);
}

/* Read a page of the dictionary; false if stale. */
static bool
read_dict_page(VsBm25Reader *reader, const VsBm25Segment *segment, uint32 page, char *bytes)
{
	int			n = vs_bm25_read_page(reader, segment->dict_at / VS_BM25_PAGE_BYTES + page, bytes);

	if (*reader->stale)
		return false;
	if (n != VS_BM25_PAGE_BYTES)
		vs_bm25_broken(reader->rel, "Block %u of a dictionary has %d bytes, not %d.",
					   VsBm25BlockAt(reader, segment->dict_at) + page, n, (int) VS_BM25_PAGE_BYTES);
	return true;
}

/* The first bytes of an entry's term, as vs_bm25_term_head() has them; 9 bytes must be there. */
static inline uint64
entry_head(const char *bytes)
{
	int			n = *(const uint8 *) bytes;
	uint64		head;

	memcpy(&head, bytes + 1, sizeof(head));
	head = pg_ntoh64(head);
	return n < sizeof(head) ? head & ~(PG_UINT64_MAX >> (8 * n)) : head;
}

/*
 * How pages of the dictionary begin, as far as searches came by: most of the way to a page goes
 * through the same few.  They stand in the relation cache, which forgets them when the index is
 * rebuilt; else no generation is of two segments.
 */
#define PAGE_HEADS		1024

typedef struct PageHead
{
	uint32		generation;		/* 0: none */
	uint32		page;
	uint64		head;
} PageHead;

static PageHead *
get_page_heads(Relation rel)
{
	if (rel->rd_amcache == NULL)
		rel->rd_amcache = MemoryContextAllocZero(rel->rd_indexcxt, PAGE_HEADS * sizeof(PageHead));
	return rel->rd_amcache;
}

/* The first bytes of the first term of a page, from memory if possible. */
static uint64
get_page_head(VsBm25Reader *reader, const VsBm25Segment *segment, uint32 page)
{
	uint32		generation = segment->extent.generation;
	uint32		slot = (generation * 97 + page) % PAGE_HEADS;
	const PageHead *known = get_page_heads(reader->rel) + slot;
	char		first[1 + sizeof(uint64)];

	if (known->generation == generation && known->page == page)
		return known->head;
	vs_bm25_read(reader, segment->dict_at + (uint64) page * VS_BM25_PAGE_BYTES, first, sizeof(first));

	/* Reading may have had the relation cache forget them. */
	if (!*reader->stale)
		get_page_heads(reader->rel)[slot] = (PageHead)
	{
		generation, page, entry_head(first)
	};
	return entry_head(first);
}

/* Whether the first term of a page is greater than one that begins with the same bytes. */
static bool
page_is_behind(VsBm25Reader *reader, const VsBm25Segment *segment, uint32 page, const char *term, int length)
{
	char		first[1 + VS_MAX_TERM_BYTES];

	vs_bm25_read(reader, segment->dict_at + (uint64) page * VS_BM25_PAGE_BYTES, first, sizeof(first));
	return vs_compare_lexemes(first + 1, (uint8) first[0], term, length) > 0;
}

/* The last page whose first term is not greater. */
static uint32
find_page(VsBm25Reader *reader, const VsBm25Segment *segment, const char *term, int length)
{
	uint64		head = vs_bm25_term_head(term, length);
	uint32		low = 0;
	uint32		high = segment->dict_pages;

	while (high - low > 1 && !*reader->stale)
	{
		uint32		middle = low + (high - low) / 2;
		uint64		other = get_page_head(reader, segment, middle);

		if (other < head || (other == head && !page_is_behind(reader, segment, middle, term, length)))
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * Pass over entries of a page whose first bytes are less than a term's: these are compared as
 * one number, and nothing is copied.  Returns where the first one is that was not passed over.
 */
static int
pass_entries(const char *bytes, const char *term, int length)
{
	uint64		head = vs_bm25_term_head(term, length);
	int			at = 0;

	while (at + 1 + sizeof(head) <= VS_BM25_PAGE_BYTES && bytes[at] != 0 && entry_head(bytes + at) < head)
		at += 1 + *(const uint8 *) (bytes + at) + sizeof(uint32) + sizeof(uint64);
	return at;
}

bool
vs_bm25_lookup(VsBm25Reader *reader, const VsBm25Segment *segment, const char *term, int length,
			   VsBm25Entry *entry)
{
	char		bytes[BLCKSZ];
	uint32		page;
	int			size;

	if (segment->dict_pages == 0)
		return false;
	page = find_page(reader, segment, term, length);
	if (!read_dict_page(reader, segment, page, bytes))
		return false;
	for (int at = pass_entries(bytes, term, length);
		 (size = read_entry(bytes + at, VS_BM25_PAGE_BYTES - at, entry)) > 0; at += size)
	{
		int			order = vs_compare_lexemes(entry->term, entry->length, term, length);

		if (order == 0)
			check_entry(reader, segment, page, entry);
		if (order >= 0)
			return order == 0;
	}
	return false;
}

void
vs_bm25_entries_begin(VsBm25Entries *entries, VsBm25Reader *reader, const VsBm25Segment *segment)
{
	entries->reader = reader;
	entries->segment = segment;
	entries->all = true;
	entries->page = 0;
	entries->n = entries->at = 0;
	entries->count = 0;
	entries->entry.length = 0;
}

/* Behind the last entry of a page are zeros. */
static void
check_dict_page_end(const VsBm25Entries *entries)
{
	for (int i = entries->at; i < entries->n; i++)
		if (entries->bytes[i] != 0)
			vs_bm25_broken(entries->reader->rel, "Block %u: byte %d is of no entry of the dictionary.",
						   VsBm25BlockAt(entries->reader, entries->segment->dict_at) + entries->page - 1, i);
}

/* Go to the next page; false at the end, or if stale. */
static bool
next_dict_page(VsBm25Entries *entries)
{
	const VsBm25Segment *segment = entries->segment;

	check_dict_page_end(entries);
	entries->n = entries->at = 0;
	if (entries->page == segment->dict_pages)
	{
		if (entries->all && entries->count != segment->nterms)
			vs_bm25_broken(entries->reader->rel, "The dictionary that begins at block %u has %u terms, not %u.",
						   VsBm25BlockAt(entries->reader, segment->dict_at), entries->count, segment->nterms);
		return false;
	}
	if (!read_dict_page(entries->reader, segment, entries->page++, entries->bytes))
		return false;
	entries->n = VS_BM25_PAGE_BYTES;
	return true;
}

void
vs_bm25_entries_begin_at(VsBm25Entries *entries, VsBm25Reader *reader, const VsBm25Segment *segment,
						 const char *term, int length)
{
	vs_bm25_entries_begin(entries, reader, segment);
	entries->page = find_page(reader, segment, term, length);
	entries->all = entries->page == 0;
}

bool
vs_bm25_entries_next(VsBm25Entries *entries)
{
	VsBm25Entry *entry = &entries->entry;
	VsBm25Entry before;
	int			size;

	if (*entries->reader->stale)
		return false;
	before.length = entry->length;
	memcpy(before.term, entry->term, entry->length);
	size = read_entry(entries->bytes + entries->at, entries->n - entries->at, entry);
	if (size == 0)
	{
		if (!next_dict_page(entries))
			return false;
		size = read_entry(entries->bytes, entries->n, entry);
	}
	if (size == 0 || vs_compare_lexemes(before.term, before.length, entry->term, entry->length) >= 0)
		vs_bm25_broken(entries->reader->rel, "Block %u: entry %u of the dictionary is not in order.",
					   VsBm25BlockAt(entries->reader, entries->segment->dict_at) + entries->page - 1,
					   entries->count);
	check_entry(entries->reader, entries->segment, entries->page - 1, entry);
	entries->at += size;
	entries->count++;
	return true;
}

/* ---- lengths ---- */

void
vs_bm25_read_lengths(VsBm25Reader *reader, const VsBm25Segment *segment, VsBm25Lengths *lengths)
{
	const uint32 *ends = lengths->ends;
	uint64		at = VsBm25LengthsAt(segment);
	bool		sound = true;

	vs_bm25_read(reader, at, lengths, sizeof(VsBm25Lengths));
	for (int i = 1; i < VS_BM25_LENGTHS; i++)
		sound &= ends[i] >= ends[i - 1];
	sound &= ends[VS_BM25_LENGTHS - 1] == segment->ndocs;
	if (!sound && !*reader->stale)
		vs_bm25_broken(reader->rel, "Block %u: the ends of the lengths of %u documents cannot be so.",
					   VsBm25BlockAt(reader, at), segment->ndocs);
}

/* ---- postings ---- */

/* So many documents are passed over by a look at the last of them. */
#define DOCS_AT_ONCE	8

/* A frequency takes so many bits at most; only a damaged one is larger than the largest. */
#define TF_BITS			24

/* Postings in a block. */
static inline int
block_count(const VsBm25Cursor *cursor, uint32 block)
{
	return Min(VS_BM25_BLOCK, cursor->df - block * VS_BM25_BLOCK);
}

/* Bytes of a block. */
static inline int
block_bytes(const VsBm25Cursor *cursor, uint32 block)
{
	const VsBm25Skip *skip = &cursor->skips[block];
	int			n = block_count(cursor, block);

	return vs_bits_bytes(n, skip->gap_bits) + vs_bits_bytes(n, skip->tf_bits);
}

/*
 * Raise unless the skips, which begin at a place, are of documents in order, and of
 * blocks one behind the other, the last of which ends before the dictionary.
 */
static void
check_skips(const VsBm25Cursor *cursor, const VsBm25Segment *segment, uint64 place)
{
	uint64		at = 0;

	for (uint32 i = 0; i < cursor->nblocks; i++)
	{
		const VsBm25Skip *skip = &cursor->skips[i];

		if (skip->last >= segment->ndocs || (i > 0 && skip->last <= skip[-1].last) ||
			skip->gap_bits > 32 || skip->tf_bits > TF_BITS || skip->unused != 0 ||
			skip->bound.max_tf == 0 || skip->at != (uint32) at)
			vs_bm25_broken(cursor->reader->rel, "Block %u: skip %u of a term cannot be so.",
						   VsBm25BlockAt(cursor->reader, place + i * sizeof(VsBm25Skip)), i);
		at += block_bytes(cursor, i);
	}
	if (cursor->blocks_at + at > segment->dict_at)
		vs_bm25_broken(cursor->reader->rel, "Block %u: the postings of a term end in the dictionary.",
					   VsBm25BlockAt(cursor->reader, place));
}

void
vs_bm25_cursor_init(VsBm25Cursor *cursor, VsBm25Reader *reader, const VsBm25Segment *segment,
					const VsBm25Lengths *ends, const VsBm25Entry *entry)
{
	uint64		at = segment->postings_at + entry->place;
	uint64		size;

	cursor->reader = reader;
	cursor->ends = ends;
	cursor->df = entry->df;
	cursor->nblocks = (entry->df + VS_BM25_BLOCK - 1) / VS_BM25_BLOCK;
	cursor->block = 0;
	cursor->n = cursor->at = 0;
	size = cursor->nblocks * sizeof(VsBm25Skip);
	cursor->skips = MemoryContextAllocHuge(CurrentMemoryContext, size);
	if (entry->df > 1)
	{
		if (entry->place > segment->dict_at - segment->postings_at || size > segment->dict_at - at)
			vs_bm25_broken(reader->rel, "The postings of a term of the segment that begins at block %u are not in it.",
						   segment->extent.start);
		vs_bm25_read(reader, at, cursor->skips, size);
		cursor->blocks_at = at + size;
		if (*reader->stale)
			cursor->block = cursor->nblocks;
		else
			check_skips(cursor, segment, at);
		return;
	}

	/* The entry is the posting. */
	if ((uint32) entry->place >= segment->ndocs || entry->place >> 32 == 0 ||
		entry->place >> 32 > VS_BM25_MAX_TF)
		vs_bm25_broken(reader->rel, "The posting of a term of the segment that begins at block %u is of no document.",
					   segment->extent.start);
	memset(cursor->skips, 0, sizeof(VsBm25Skip));
	cursor->docs[0] = cursor->skips->last = (uint32) entry->place;
	cursor->tfs[0] = entry->place >> 32;
	cursor->lengths[0] = ends ? vs_bm25_length(ends, cursor->docs[0], 0) : 0;
	vs_bm25_bound_init(&cursor->skips->bound);
	vs_bm25_bound_add(&cursor->skips->bound, cursor->tfs[0], cursor->lengths[0]);
	cursor->n = 1;
	cursor->scored = true;
}

void
vs_bm25_cursor_end(VsBm25Cursor *cursor)
{
	pfree(cursor->skips);
}

uint64
vs_bm25_cursor_bytes(const VsBm25Cursor *cursor)
{
	if (cursor->df == 1)
		return 0;
	return cursor->nblocks * sizeof(VsBm25Skip) + cursor->skips[cursor->nblocks - 1].at +
		block_bytes(cursor, cursor->nblocks - 1);
}

/* Read the present block's documents; the rest waits until it is wanted. */
static void
read_block(VsBm25Cursor *cursor)
{
	const VsBm25Skip *skip = &cursor->skips[cursor->block];
	int			n = block_count(cursor, cursor->block);
	uint32		first = cursor->block > 0 ? skip[-1].last + 1 : 0;

	vs_bm25_read(cursor->reader, cursor->blocks_at + skip->at, cursor->raw,
				 block_bytes(cursor, cursor->block));
	if (*cursor->reader->stale)
	{
		cursor->block = cursor->nblocks;
		return;
	}

	/* Gaps are not negative: if the last one is right, the others are in order. */
	if (vs_bits_unpack_gaps(cursor->raw, n, skip->gap_bits, first, cursor->docs) != (uint64) skip->last + 1)
		vs_bm25_broken(cursor->reader->rel, "Block %u: postings end at another document than their skip says.",
					   VsBm25BlockAt(cursor->reader, cursor->blocks_at + skip->at));
	cursor->n = n;
	cursor->at = 0;
	cursor->scored = false;
}

bool
vs_bm25_cursor_shallow(VsBm25Cursor *cursor, uint32 doc)
{
	uint32		block = cursor->block;
	uint32		step = 1;
	uint32		end;

	if (block >= cursor->nblocks)
		return false;
	if (cursor->skips[block].last >= doc)
		return true;

	/* Gallop, then halve. */
	while (block + step < cursor->nblocks && cursor->skips[block + step].last < doc)
	{
		block += step;
		step *= 2;
	}
	end = Min(block + step, cursor->nblocks);
	while (end - block > 1)
	{
		uint32		middle = block + (end - block) / 2;

		if (cursor->skips[middle].last < doc)
			block = middle;
		else
			end = middle;
	}
	cursor->block = end;
	cursor->n = 0;
	return end < cursor->nblocks;
}

/* The place of the first document of the present block that is not before one; there must be one. */
static int
find_doc(const VsBm25Cursor *cursor, uint32 doc)
{
	const uint32 *docs = cursor->docs;
	int			at = cursor->at;

	while (at + DOCS_AT_ONCE <= cursor->n && docs[at + DOCS_AT_ONCE - 1] < doc)
		at += DOCS_AT_ONCE;
	while (docs[at] < doc)
		at++;
	Assert(at < cursor->n);
	return at;
}

uint32
vs_bm25_cursor_seek(VsBm25Cursor *cursor, uint32 doc)
{
	if (!vs_bm25_cursor_shallow(cursor, doc))
		return VS_BM25_NO_DOC;
	if (cursor->n == 0)
		read_block(cursor);
	if (cursor->block >= cursor->nblocks)
		return VS_BM25_NO_DOC;

	/* The last one is not before it: the skip says so, and is right. */
	cursor->at = find_doc(cursor, doc);
	return cursor->docs[cursor->at];
}

/* Where the frequencies of the present block are packed. */
static inline const uint8 *
packed_tfs(const VsBm25Cursor *cursor)
{
	return cursor->raw + vs_bits_bytes(cursor->n, cursor->skips[cursor->block].gap_bits);
}

/* The lengths of the present block's documents: they ascend, and mostly all are the same. */
static void
fill_lengths(VsBm25Cursor *cursor)
{
	const uint32 *docs = cursor->docs;
	int			n = cursor->n;
	uint8		length = vs_bm25_length(cursor->ends, docs[0],
										cursor->skips[cursor->block].bound.min_lengths[0]);

	for (int i = 0; i < n; length++)
	{
		uint32		end = cursor->ends->ends[length];
		int			to = i;

		if (docs[n - 1] < end)
			to = n;
		else
			while (docs[to] < end)
				to++;
		for (; i < to; i++)
			cursor->lengths[i] = length;
	}
}

void
vs_bm25_cursor_unpack(VsBm25Cursor *cursor)
{
	const VsBm25Skip *skip = &cursor->skips[cursor->block];

	if (cursor->scored)
		return;
	vs_bits_unpack(packed_tfs(cursor), cursor->n, skip->tf_bits, cursor->tfs);
	for (int i = 0; i < cursor->n; i++)
		cursor->tfs[i]++;
	if (skip->tf_bits == TF_BITS)
		for (int i = 0; i < cursor->n; i++)
			cursor->tfs[i] = Min(cursor->tfs[i], VS_BM25_MAX_TF);
	fill_lengths(cursor);
	cursor->scored = true;
}

void
vs_bm25_cursor_posting(const VsBm25Cursor *cursor, int at, uint32 *tf, uint8 *length)
{
	const VsBm25Skip *skip = &cursor->skips[cursor->block];

	if (cursor->scored)
	{
		*tf = cursor->tfs[at];
		*length = cursor->lengths[at];
		return;
	}
	*tf = Min(vs_bits_get(packed_tfs(cursor), at, skip->tf_bits) + 1, VS_BM25_MAX_TF);
	*length = vs_bm25_length(cursor->ends, cursor->docs[at], skip->bound.min_lengths[0]);
}

void
vs_bm25_cursor_pass(VsBm25Cursor *cursor, uint32 end)
{
	cursor->at = cursor->skips[cursor->block].last < end ? cursor->n : find_doc(cursor, end);
}

void
vs_bm25_read_tids(VsBm25Reader *reader, uint32 from, uint32 n, ItemPointerData *tids)
{
	vs_bm25_read(reader, (uint64) from * sizeof(ItemPointerData), tids,
				 (size_t) n * sizeof(ItemPointerData));
	for (uint32 i = 0; i < n && !*reader->stale; i++)
		if (!vs_bm25_tid_is_valid(&tids[i]))
			vs_bm25_broken(reader->rel, "Block %u: row %u has the place (%u,%u).",
						   VsBm25BlockAt(reader, ((uint64) from + i) * sizeof(ItemPointerData)), from + i,
						   ItemPointerGetBlockNumberNoCheck(&tids[i]),
						   ItemPointerGetOffsetNumberNoCheck(&tids[i]));
}
