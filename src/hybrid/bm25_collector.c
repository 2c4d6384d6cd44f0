/*
 * bm25_collector.c
 *		Rows collected in memory; see bm25_collector.h.
 *
 * A hash table of terms, each with its postings as a string of bytes: two for most
 * postings, where an array would take eight.  The string is a chain of slices, each
 * twice as long as the one before, so that a term that is in one row takes little and
 * one that is in all wastes little.  Slices and terms are cut from larger pieces of
 * memory and are freed together.
 *
 * The last posting of a term stands in the term itself, because the row that it is of
 * may have the term once more: so nobody has to sort a row's terms first.
 *
 * Rows come in the order of the table, mostly, and are written in that of their lengths:
 * rows and postings alike are counted by length and put into their places.
 */
#include "postgres.h"
#include "compat.h"

#include "common/hashfn.h"
#include "hybrid/bm25.h"
#include "hybrid/bm25_collector.h"
#include "hybrid/tsterms.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* Memory is taken in such pieces. */
#define PIECE_BYTES			8000

/* Bytes of a term's first slice, and of the longest. */
#define FIRST_SLICE_BYTES	8
#define LAST_SLICE_BYTES	2048

/* Terms that are looked up, or asked for, together. */
#define TERMS_AT_ONCE		16

/*
 * What writing takes: for each term its place in the order; for each row its number, and
 * two postings; first its TID and its place among TIDs instead of these.
 */
#define TERM_WRITE_BYTES	16
#define ROW_WRITE_BYTES		20

/* To sort so few postings takes less time than to count their lengths. */
#define FEW_POSTINGS		32

typedef struct Slice
{
	struct Slice *next;
	uint8		bytes[FLEXIBLE_ARRAY_MEMBER];
} Slice;

typedef struct CollectedTerm
{
	const char *term;
	Slice	   *first;
	uint8	   *to;				/* where the next byte goes */
	uint32		first_doc;
	uint32		doc;			/* the last posting */
	uint32		tf;
	uint32		n;				/* postings */
	uint16		left;			/* bytes of the last slice */
	uint16		size;			/* of the last slice */
	uint8		length;
} CollectedTerm;

typedef struct TermSlot
{
	CollectedTerm *term;
	uint32		hash;
	char		status;
} TermSlot;

static inline bool
same_term(const CollectedTerm *a, const CollectedTerm *b)
{
	return a->length == b->length && memcmp(a->term, b->term, a->length) == 0;
}

#define SH_PREFIX		terms
#define SH_ELEMENT_TYPE	TermSlot
#define SH_KEY_TYPE		CollectedTerm *
#define SH_KEY			term
#define SH_HASH_KEY(tb, k)	hash_bytes((const unsigned char *) (k)->term, (k)->length)
#define SH_EQUAL(tb, a, b)	same_term(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)	(a)->hash
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

struct VsBm25Collector
{
	MemoryContext context;
	terms_hash *terms;
	char	   *piece;			/* what is left of the last piece */
	Size		piece_left;
	ItemPointerData *tids;		/* in the order of their coming */
	uint8	   *lengths;
	uint32		ndocs;
	uint32		size;
	ItemPointerData *nulls;
	uint32		nnulls;
	uint32		nulls_size;
	bool		sorted;			/* they came in order */
};

VsBm25Collector *
vs_bm25_collector_create(MemoryContext parent)
{
	/* Blocks stay small, that the size is known exactly. */
	MemoryContext context = AllocSetContextCreate(parent, "vecstore_bm25 rows",
												  0, 8 * 1024, 128 * 1024);
	VsBm25Collector *collector = MemoryContextAllocZero(context, sizeof(VsBm25Collector));

	collector->context = context;
	collector->terms = terms_create(context, 1024, NULL);
	collector->sorted = true;
	return collector;
}

void
vs_bm25_collector_free(VsBm25Collector *collector)
{
	MemoryContextDelete(collector->context);
}

Size
vs_bm25_collector_bytes(const VsBm25Collector *collector)
{
	return MemoryContextMemAllocated(collector->context, true) +
		(Size) collector->terms->members * TERM_WRITE_BYTES +
		(Size) collector->ndocs * ROW_WRITE_BYTES;
}

bool
vs_bm25_collector_is_empty(const VsBm25Collector *collector)
{
	return collector->ndocs + collector->nnulls == 0;
}

/* ---- collecting ---- */

/* Cut memory from a piece. */
static void *
cut(VsBm25Collector *collector, Size bytes)
{
	char	   *result;

	bytes = MAXALIGN(bytes);
	if (bytes > collector->piece_left)
	{
		collector->piece = MemoryContextAlloc(collector->context, PIECE_BYTES);
		collector->piece_left = PIECE_BYTES;
	}
	result = collector->piece;
	collector->piece += bytes;
	collector->piece_left -= bytes;
	return result;
}

/* Append a slice to a term's chain. */
static void
add_slice(VsBm25Collector *collector, CollectedTerm *term)
{
	uint16		size = term->first ? Min(term->size * 2, LAST_SLICE_BYTES) : FIRST_SLICE_BYTES;
	Slice	   *slice = cut(collector, offsetof(Slice, bytes) + size);
	uint8	   *end = term->to;

	slice->next = NULL;
	if (term->first)
		((Slice *) (end - term->size - offsetof(Slice, bytes)))->next = slice;
	else
		term->first = slice;
	term->to = slice->bytes;
	term->left = term->size = size;
}

/* Append a number, 7 bits a byte. */
static void
add_number(VsBm25Collector *collector, CollectedTerm *term, uint64 number)
{
	for (;;)
	{
		if (term->left == 0)
			add_slice(collector, term);
		term->left--;
		if (number < 0x80)
			break;
		*term->to++ = (uint8) number | 0x80;
		number >>= 7;
	}
	*term->to++ = (uint8) number;
}

/* Append the last posting's frequency and the distance to the next one. */
static void
end_posting(VsBm25Collector *collector, CollectedTerm *term, uint32 next)
{
	bool		once = term->tf == 1;

	add_number(collector, term, (uint64) (next - term->doc) << 1 | once);
	if (!once)
		add_number(collector, term, term->tf);
}

static CollectedTerm *
new_term(VsBm25Collector *collector, const VsBm25Term *from)
{
	CollectedTerm *term = cut(collector, sizeof(CollectedTerm) + from->length);

	memset(term, 0, sizeof(CollectedTerm));
	term->term = memcpy((char *) term + sizeof(CollectedTerm), from->term, from->length);
	term->length = from->length;
	return term;
}

static void
add_term(VsBm25Collector *collector, const VsBm25Term *from, uint32 hash, uint32 doc)
{
	CollectedTerm probe = {.term = from->term,.length = from->length};
	bool		found;
	TermSlot   *slot = terms_insert_hash(collector->terms, &probe, hash, &found);
	CollectedTerm *term;

	if (!found)
	{
		slot->term = term = new_term(collector, from);
		term->first_doc = doc;
	}
	else if ((term = slot->term)->doc == doc)
	{
		term->tf += from->tf;
		return;
	}
	else
		end_posting(collector, term, doc);
	term->doc = doc;
	term->tf = from->tf;
	term->n++;
}

/*
 * Add some terms of a document.  Each is in some place of a memory much larger than the
 * processor's caches: all places are asked for before the first one is needed.
 */
static void
add_terms(VsBm25Collector *collector, const VsBm25Term *terms, int n, uint32 doc)
{
	terms_hash *table = collector->terms;
	uint32		hashes[TERMS_AT_ONCE];

	for (int i = 0; i < n; i++)
	{
		hashes[i] = hash_bytes((const unsigned char *) terms[i].term, terms[i].length);
		vs_prefetch(&table->data[hashes[i] & table->sizemask]);
	}
	for (int i = 0; i < n; i++)
	{
		const TermSlot *slot = &table->data[hashes[i] & table->sizemask];

		if (slot->status == terms_SH_IN_USE)
			vs_prefetch(slot->term);
	}
	for (int i = 0; i < n; i++)
		add_term(collector, &terms[i], hashes[i], doc);
}

/* Enlarge an array, of which there may be none yet. */
static void *
enlarge(VsBm25Collector *collector, void *array, Size bytes)
{
	return array ? repalloc_huge(array, bytes) :
		MemoryContextAllocHuge(collector->context, bytes);
}

static void
add_null(VsBm25Collector *collector, const ItemPointerData *tid)
{
	if (collector->nnulls == collector->nulls_size)
	{
		collector->nulls_size = Max(64, collector->nulls_size * 2);
		collector->nulls = enlarge(collector, collector->nulls,
								   collector->nulls_size * sizeof(ItemPointerData));
	}
	collector->nulls[collector->nnulls++] = *tid;
}

void
vs_bm25_collector_add(VsBm25Collector *collector, const VsBm25Document *document)
{
	ItemPointerData tid = document->tid;
	uint32		doc = collector->ndocs;

	if (document->null)
	{
		add_null(collector, &tid);
		return;
	}
	if (doc == collector->size)
	{
		collector->size = Max(64, collector->size * 2);
		collector->tids = enlarge(collector, collector->tids,
								  collector->size * sizeof(ItemPointerData));
		collector->lengths = enlarge(collector, collector->lengths, collector->size);
	}
	if (doc > 0 && ItemPointerCompare(&collector->tids[doc - 1], &tid) >= 0)
		collector->sorted = false;
	collector->tids[doc] = tid;
	collector->lengths[doc] = vs_bm25_encode_length(document->length);
	collector->ndocs++;
	for (int i = 0; i < document->n; i += TERMS_AT_ONCE)
		add_terms(collector, &document->terms[i], Min(document->n - i, TERMS_AT_ONCE), doc);
}

/* ---- writing ---- */

/* What is read of a chain of slices. */
typedef struct SliceReader
{
	const Slice *slice;
	const uint8 *at;
	const uint8 *end;
	uint16		size;
} SliceReader;

static uint64
read_number(SliceReader *reader)
{
	uint64		number = 0;

	for (int shift = 0;; shift += 7)
	{
		if (reader->at == reader->end)
		{
			reader->slice = reader->slice->next;
			reader->size = Min(reader->size * 2, LAST_SLICE_BYTES);
			reader->at = reader->slice->bytes;
			reader->end = reader->at + reader->size;
		}
		number |= (uint64) (*reader->at & 0x7F) << shift;
		if (*reader->at++ < 0x80)
			return number;
	}
}

/* The postings of a term, one after the other. */
typedef struct PostingReader
{
	const CollectedTerm *term;
	SliceReader slices;
	uint32		left;			/* postings */
	uint32		doc;
} PostingReader;

static void
begin_postings(PostingReader *reader, const CollectedTerm *term)
{
	memset(reader, 0, sizeof(PostingReader));
	reader->term = term;
	reader->left = term->n;
	reader->doc = term->first_doc;
	if (term->first)
	{
		reader->slices.slice = term->first;
		reader->slices.size = FIRST_SLICE_BYTES;
		reader->slices.at = term->first->bytes;
		reader->slices.end = term->first->bytes + FIRST_SLICE_BYTES;
	}
}

static bool
next_posting(PostingReader *reader, uint32 *doc, uint32 *tf)
{
	uint64		number;

	if (reader->left == 0)
		return false;
	*doc = reader->doc;
	*tf = reader->term->tf;
	if (--reader->left > 0)
	{
		number = read_number(&reader->slices);
		*tf = number & 1 ? 1 : read_number(&reader->slices);
		reader->doc += number >> 1;
	}
	*tf = Min(*tf, VS_BM25_MAX_TF);
	return true;
}

static int
compare_tids(const void *a, const void *b)
{
	return ItemPointerCompare((ItemPointer) a, (ItemPointer) b);
}

static int
compare_places(const void *a, const void *b, void *tids)
{
	return ItemPointerCompare(&((ItemPointer) tids)[*(const uint32 *) a],
							  &((ItemPointer) tids)[*(const uint32 *) b]);
}

/* The documents by their coming, in the order of their TIDs. */
static uint32 *
sort_places(const VsBm25Collector *collector)
{
	uint32		n = collector->ndocs;
	uint32	   *places = MemoryContextAllocHuge(collector->context, n * sizeof(uint32));

	for (uint32 i = 0; i < n; i++)
		places[i] = i;
	qsort_arg(places, n, sizeof(uint32), compare_places, collector->tids);
	return places;
}

/* Turn how many there are of each length into where those of each begin. */
static void
begin_lengths(uint32 *lengths)
{
	uint32		begin = 0;

	for (int i = 0; i < VS_BM25_LENGTHS; i++)
	{
		uint32		n = lengths[i];

		lengths[i] = begin;
		begin += n;
	}
}

/*
 * Number documents in the order of their lengths, then TIDs, and write their TIDs; returns
 * the numbers by their coming.
 */
static uint32 *
write_rows(const VsBm25Collector *collector, VsBm25Writer *writer)
{
	uint32		n = collector->ndocs;
	uint32	   *places = collector->sorted ? NULL : sort_places(collector);
	uint32	   *numbers = MemoryContextAllocHuge(collector->context, n * sizeof(uint32));
	ItemPointerData *tids = MemoryContextAllocHuge(collector->context, n * sizeof(ItemPointerData));
	uint32		ends[VS_BM25_LENGTHS] = {0};
	uint32		begin = 0;

	for (uint32 i = 0; i < n; i++)
		ends[collector->lengths[i]]++;
	begin_lengths(ends);
	for (uint32 i = 0; i < n; i++)
	{
		uint32		place = places ? places[i] : i;

		numbers[place] = ends[collector->lengths[place]]++;
		tids[numbers[place]] = collector->tids[place];
	}
	for (int i = 0; i < VS_BM25_LENGTHS; i++)
	{
		vs_bm25_writer_rows(writer, tids + begin, ends[i] - begin, i);
		begin = ends[i];
	}
	pfree(tids);
	if (places)
		pfree(places);
	return numbers;
}

/*
 * A posting of a document, by its number, as one number: in the order of documents, and
 * the length stands in it, too.
 */
static inline uint64
pack_posting(const VsBm25Collector *collector, const uint32 *numbers, uint32 doc, uint32 tf)
{
	return (uint64) numbers[doc] << 32 | (uint64) collector->lengths[doc] << 24 | tf;
}

StaticAssertDecl(VS_BM25_MAX_TF < 1 << 24, "a frequency takes 24 bits");

#define ST_SORT			sort_packed
#define ST_ELEMENT_TYPE	uint64
#define ST_COMPARE(a, b)	(*(a) < *(b) ? -1 : *(a) > *(b))
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

/* A term's postings as they came. */
static void
read_postings(const VsBm25Collector *collector, const CollectedTerm *term, const uint32 *numbers,
			  uint64 *came)
{
	PostingReader reader;
	uint32		doc;
	uint32		tf;
	uint32		n = 0;

	begin_postings(&reader, term);
	while (next_posting(&reader, &doc, &tf))
		came[n++] = pack_posting(collector, numbers, doc, tf);
}

static inline uint8
packed_length(uint64 packed)
{
	return (uint8) (packed >> 24);
}

/* Sort postings of rows that came in order: then only lengths are out of it. */
static void
place_postings(const uint64 *came, uint32 n, uint64 *placed)
{
	uint32		ends[VS_BM25_LENGTHS] = {0};

	for (uint32 i = 0; i < n; i++)
		ends[packed_length(came[i])]++;
	begin_lengths(ends);
	for (uint32 i = 0; i < n; i++)
		placed[ends[packed_length(came[i])]++] = came[i];
}

/* Memory for a term's postings. */
typedef struct PostingBuffers
{
	uint64	   *came;
	uint64	   *placed;
} PostingBuffers;

/* Write a term's postings in the order of their documents' numbers. */
static void
write_postings(const VsBm25Collector *collector, const CollectedTerm *term, const uint32 *numbers,
			   const PostingBuffers *buffers, VsBm25Writer *writer)
{
	bool		place = collector->sorted && term->n > FEW_POSTINGS;
	const uint64 *packed = place ? buffers->placed : buffers->came;

	read_postings(collector, term, numbers, buffers->came);
	if (place)
		place_postings(buffers->came, term->n, buffers->placed);
	else
		sort_packed(buffers->came, term->n);
	for (uint32 i = 0; i < term->n; i++)
		vs_bm25_writer_posting(writer, packed[i] >> 32, packed[i] & VS_BM25_MAX_TF, packed_length(packed[i]));
}

/* A term and its first bytes, which tell most from each other without a look at them. */
typedef struct SortedTerm
{
	uint64		head;
	const CollectedTerm *term;
} SortedTerm;

static inline int
compare_sorted(const SortedTerm *a, const SortedTerm *b)
{
	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	return vs_compare_lexemes(a->term->term, a->term->length, b->term->term, b->term->length);
}

#define ST_SORT			sort_sorted
#define ST_ELEMENT_TYPE	SortedTerm
#define ST_COMPARE(a, b)	compare_sorted(a, b)
#define ST_SCOPE		static
#define ST_DEFINE
#include "lib/sort_template.h"

static SortedTerm *
sort_terms(const VsBm25Collector *collector)
{
	SortedTerm *sorted = MemoryContextAllocHuge(collector->context,
												Max(collector->terms->members, 1) * sizeof(SortedTerm));
	terms_iterator iterator;
	TermSlot   *slot;
	uint32		n = 0;

	terms_start_iterate(collector->terms, &iterator);
	while ((slot = terms_iterate(collector->terms, &iterator)) != NULL)
		sorted[n++] = (SortedTerm)
	{
		vs_bm25_term_head(slot->term->term, slot->term->length), slot->term
	};
	sort_sorted(sorted, n);
	return sorted;
}

/*
 * Terms in order are anywhere in memory: ask for those that come soon, and for the postings of
 * those that come sooner.
 */
static inline void
prefetch_terms(const SortedTerm *sorted, uint32 n)
{
	if (n > TERMS_AT_ONCE)
		vs_prefetch(sorted[TERMS_AT_ONCE].term);
	if (n > TERMS_AT_ONCE / 2)
		vs_prefetch(sorted[TERMS_AT_ONCE / 2].term->first);
}

void
vs_bm25_collector_write(VsBm25Collector *collector, VsBm25Writer *writer)
{
	SortedTerm *sorted = sort_terms(collector);
	uint32	   *numbers = write_rows(collector, writer);
	PostingBuffers buffers = {
		.came = MemoryContextAllocHuge(collector->context, collector->ndocs * sizeof(uint64)),
		.placed = MemoryContextAllocHuge(collector->context, collector->ndocs * sizeof(uint64))
	};

	qsort(collector->nulls, collector->nnulls, sizeof(ItemPointerData), compare_tids);
	vs_bm25_writer_nulls(writer, collector->nulls, collector->nnulls);
	for (uint32 i = 0; i < collector->terms->members; i++)
	{
		const CollectedTerm *term = sorted[i].term;

		CHECK_FOR_INTERRUPTS();
		prefetch_terms(sorted + i, collector->terms->members - i);
		write_postings(collector, term, numbers, &buffers, writer);
		vs_bm25_writer_term(writer, term->term, term->length);
	}
}
