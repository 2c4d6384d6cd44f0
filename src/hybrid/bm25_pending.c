/*
 * bm25_pending.c
 *		The log of rows inserted last; see bm25_pending.h.
 */
#include "postgres.h"
#include "compat.h"

#include "hybrid/bm25_am.h"
#include "hybrid/bm25_pending.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"

/* A piece: so many bytes, and which of its row. */
#define PIECE_LENGTH	0x3FFF
#define PIECE_FIRST		0x4000
#define PIECE_LAST		0x8000

/* A record's begin; terms follow: length (1 byte), term, tf (1 byte, or 255 and 4). */
typedef struct Record
{
	ItemPointerData tid;
	uint16		null;
	uint32		length;
	uint32		n;
} Record;

int
vs_bm25_pending_blocks(const VsBm25Meta *meta)
{
	return meta->npending == 0 ? 0 :
		(meta->npending - 1) * VS_BM25_PENDING_BLOCKS + VsBm25Tail(meta)->nblocks;
}

/* ---- appending ---- */

static StringInfo
form_record(const VsBm25Document *document)
{
	StringInfo	bytes = makeStringInfo();
	Record		record = {document->tid, document->null, document->length, document->n};

	appendBinaryStringInfo(bytes, (char *) &record, sizeof(record));
	for (int i = 0; i < document->n; i++)
	{
		const VsBm25Term *term = &document->terms[i];

		appendStringInfoCharMacro(bytes, (char) term->length);
		appendBinaryStringInfo(bytes, term->term, term->length);
		appendStringInfoCharMacro(bytes, (char) Min(term->tf, 255));
		if (term->tf >= 255)
			appendBinaryStringInfo(bytes, (const char *) &term->tf, sizeof(uint32));
	}
	return bytes;
}

void
vs_bm25_pending_extend(VsBm25Meta *meta)
{
	Assert(meta->npending < VS_BM25_MAX_PENDING);
	meta->pending[meta->npending++] = vs_bm25_extent_take(meta, VS_BM25_PENDING_BLOCKS);
	VsBm25Tail(meta)->nblocks = 0;
}

/* Begin the next page: of the last extent, or of a new one. */
static void
next_page(Relation rel)
{
	VsBm25MetaEdit edit;
	VsBm25Meta *meta = vs_bm25_meta_begin(rel, &edit);

	if (meta->npending == 0 || VsBm25Tail(meta)->nblocks == VS_BM25_PENDING_BLOCKS)
		vs_bm25_pending_extend(meta);
	VsBm25Tail(meta)->nblocks++;
	vs_bm25_meta_commit(&edit);
}

/* Whether the blocks left hold so many bytes, whatever page they begin on. */
static bool
has_room(const VsBm25Meta *meta, int bytes)
{
	int			blocks = VS_BM25_PENDING_EXTENTS * VS_BM25_PENDING_BLOCKS -
		vs_bm25_pending_blocks(meta);

	return bytes <= blocks * ((int) VS_BM25_PAGE_BYTES - 128);
}

/*
 * A page that is in use and of another extent has been begun and not written yet: what it
 * holds is older.  If it is not, it is damaged.
 */
static void
check_begun(const VsBm25Reader *reader, uint32 number)
{
	if (reader->found > reader->extent.generation)
		vs_bm25_broken(reader->rel, "Block %u, of pending rows, is of generation %u, not %u.",
					   reader->extent.start + number, reader->found, reader->extent.generation);
}

/* The bytes of the last page, if there is one with room for a piece. */
static bool
read_tail(Relation rel, const VsBm25Meta *meta, char *page, int *n)
{
	VsBm25Reader reader;
	bool		stale = false;

	*n = 0;
	if (meta->npending == 0 || VsBm25Tail(meta)->nblocks == 0)
		return false;
	vs_bm25_reader_init(&reader, rel, VsBm25Tail(meta), &stale);
	*n = vs_bm25_read_page(&reader, VsBm25Tail(meta)->nblocks - 1, page);
	vs_bm25_reader_end(&reader);
	if (stale)
		check_begun(&reader, VsBm25Tail(meta)->nblocks - 1);

	/* One that was begun and not written yet has no bytes. */
	return *n + (int) sizeof(uint16) + 64 <= (int) VS_BM25_PAGE_BYTES;
}

/* Write the pieces of a record behind what is there. */
static void
append_record(Relation rel, StringInfo record)
{
	VsBm25Meta	meta;
	char		page[BLCKSZ];
	int			done = 0;

	while (done < record->len)
	{
		int			n;
		int			part;
		uint16		head;

		vs_bm25_meta_read(rel, &meta);
		if (!read_tail(rel, &meta, page, &n))
		{
			next_page(rel);
			continue;
		}
		part = Min(record->len - done, (int) VS_BM25_PAGE_BYTES - n - (int) sizeof(uint16));
		head = part | (done == 0 ? PIECE_FIRST : 0) | (done + part == record->len ? PIECE_LAST : 0);
		memcpy(page + n, &head, sizeof(head));
		memcpy(page + n + sizeof(head), record->data + done, part);
		vs_bm25_page_write(rel, VsBm25Tail(&meta), VsBm25Tail(&meta)->nblocks - 1, page,
						   n + sizeof(head) + part);
		done += part;
	}
}

VsBm25Appended
vs_bm25_pending_append(Relation rel, const VsBm25Document *document, int *blocks)
{
	StringInfo	record = form_record(document);
	VsBm25Meta	meta;
	VsBm25Appended result = VS_BM25_APPENDED;

	LockPage(rel, VS_BM25_APPEND_LOCK, ExclusiveLock);
	vs_bm25_meta_read(rel, &meta);
	if (!has_room(&meta, record->len))
		result = vs_bm25_pending_blocks(&meta) > 0 ? VS_BM25_FULL : VS_BM25_TOO_LONG;
	else
		append_record(rel, record);
	UnlockPage(rel, VS_BM25_APPEND_LOCK, ExclusiveLock);
	*blocks = vs_bm25_pending_blocks(&meta);
	return result;
}

/* ---- reading ---- */

void
vs_bm25_pending_begin(VsBm25Pending *pending, Relation rel, const VsBm25Meta *meta, bool *stale)
{
	memset(pending, 0, offsetof(VsBm25Pending, page));
	pending->rel = rel;
	pending->meta = meta;
	pending->stale = stale;
	pending->size = 1024;
	pending->record = palloc(pending->size);
}

/* Terms of a document have different marks as a rule; a byte, made of three. */
static inline uint8
term_mark(const char *term, int length)
{
	return (uint8) term[0] + 7 * (uint8) term[length - 1] + 31 * length;
}

void
vs_bm25_pending_want(VsBm25Pending *pending, const char *term, int length)
{
	pending->selects = true;
	pending->wanted[term_mark(term, length)] = true;
}

void
vs_bm25_pending_end(VsBm25Pending *pending)
{
	pfree(pending->record);
	if (pending->terms)
		pfree(pending->terms);
}

/* Whether an extent is pending still, and not a segment or free meanwhile. */
static bool
is_pending(Relation rel, const VsBm25Extent *extent)
{
	VsBm25Meta	meta;

	vs_bm25_meta_read(rel, &meta);
	for (int i = 0; i < meta.npending; i++)
		if (meta.pending[i].generation == extent->generation)
			return true;
	return false;
}

/*
 * Read the next page.  The last one of an extent may have been begun and not written: what it
 * holds is of another extent then, and it is no page yet.
 */
static bool
read_next_page(VsBm25Pending *pending)
{
	const VsBm25Meta *meta = pending->meta;
	const VsBm25Extent *extent;
	bool		stale = false;
	VsBm25Reader reader;

	while (pending->extent < meta->npending &&
		   pending->block == meta->pending[pending->extent].nblocks)
	{
		pending->extent++;
		pending->block = 0;
	}
	if (pending->extent == meta->npending)
		return false;
	extent = &meta->pending[pending->extent];
	vs_bm25_reader_init(&reader, pending->rel, extent, &stale);
	pending->at = 0;
	pending->present = extent->start + pending->block;
	pending->n = vs_bm25_read_page(&reader, pending->block, pending->page);
	vs_bm25_reader_end(&reader);
	if (stale)
	{
		if (pending->block + 1 == extent->nblocks && is_pending(pending->rel, extent))
			check_begun(&reader, pending->block);
		else
			*pending->stale = true;
	}
	pending->block++;
	return true;
}

/* Add a piece to the record; true if that is whole now. */
static bool
add_piece(VsBm25Pending *pending)
{
	uint16		head;
	uint32		n;

	memcpy(&head, pending->page + pending->at, sizeof(head));
	n = head & PIECE_LENGTH;
	if (head & PIECE_FIRST)
	{
		pending->filled = 0;
		pending->open = true;
	}
	if (n == 0 || pending->at + (int) (sizeof(head) + n) > pending->n || !pending->open)
		vs_bm25_broken(pending->rel, "Block %u: the bytes from %d on are no piece of a pending row.",
					   pending->present, pending->at);
	pending->at += sizeof(head);
	if (pending->filled + n > pending->size)
	{
		pending->size = Max(pending->size * 2, pending->filled + n);
		pending->record = repalloc_huge(pending->record, pending->size);
	}
	memcpy(pending->record + pending->filled, pending->page + pending->at, n);
	pending->filled += n;
	pending->at += n;
	if (head & PIECE_LAST)
		pending->open = false;
	return !pending->open;
}

/* Take a term of a record apart; returns where the next one begins, NULL if it is none. */
static const char *
parse_term(const char *at, const char *end, VsBm25Term *term)
{
	int			left = end - at;

	if (left < 1)
		return NULL;
	term->length = *(const uint8 *) at++;
	if (term->length == 0 || left < 1 + term->length + 1)
		return NULL;
	term->term = at;
	at += term->length;
	term->tf = *(const uint8 *) at++;
	if (term->tf == 255)
	{
		if (end - at < sizeof(uint32))
			return NULL;
		memcpy(&term->tf, at, sizeof(uint32));
		at += sizeof(uint32);
	}
	return term->tf == 0 ? NULL : at;
}

/* Bytes of the shortest term in a record. */
#define MIN_TERM_BYTES	3

/* Take a record apart; false if its bytes are none. */
static bool
parse_record(VsBm25Pending *pending, VsBm25Document *document)
{
	const char *at = pending->record + sizeof(Record);
	const char *end = pending->record + pending->filled;
	Record		record;
	uint64		length = 0;
	VsBm25Term	term;
	int			n = 0;

	if (pending->filled < sizeof(Record))
		return false;
	memcpy(&record, pending->record, sizeof(record));
	if (record.n > (pending->filled - sizeof(Record)) / MIN_TERM_BYTES || record.null > 1 ||
		!vs_bm25_tid_is_valid(&record.tid))
		return false;
	if (record.n > pending->nterms)
	{
		if (pending->terms)
			pfree(pending->terms);
		pending->nterms = record.n * 2;
		pending->terms = MemoryContextAllocHuge(CurrentMemoryContext,
												pending->nterms * sizeof(VsBm25Term));
	}
	for (uint32 i = 0; i < record.n; i++)
	{
		at = parse_term(at, end, &term);
		if (at == NULL)
			return false;
		length += term.tf;
		if (!pending->selects || pending->wanted[term_mark(term.term, term.length)])
			pending->terms[n++] = term;
	}
	if (at != end || length != record.length || (record.null && record.n > 0))
		return false;
	document->tid = record.tid;
	document->null = record.null;
	document->length = record.length;
	document->n = n;
	document->terms = pending->terms;
	return true;
}

bool
vs_bm25_pending_next(VsBm25Pending *pending, VsBm25Document *document)
{
	while (!*pending->stale)
	{
		if (pending->at == pending->n)
		{
			CHECK_FOR_INTERRUPTS();
			if (!read_next_page(pending))
				return false;
		}
		else if (add_piece(pending))
		{
			if (parse_record(pending, document))
				return true;
			vs_bm25_broken(pending->rel, "Block %u: a pending row that ends there is none.",
						   pending->present);
		}
	}
	return false;
}
