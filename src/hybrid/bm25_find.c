/*
 * bm25_find.c
 *		The rows of an index that match a tree.
 *
 * In a segment, each node of the tree is a set of documents that gives its members in
 * order, from any one on: a term has its postings, an AND lets its members leap ahead of
 * each other, the rarest first, a NOT has all documents but those.  A prefix and an OR of
 * many are collected into a bit for each document beforehand.  NOTs are pushed down to the
 * leaves, so that a set which may hold too much (a phrase, whose positions are not in the
 * index) is never subtracted: its complement is every document, to be looked at.
 *
 * Rows are handed out as they are found.  That is right even if the reader turns out to be
 * stale later: what was read before was as it should be, and rows are looked at by the
 * executor's snapshot in any case.
 */
#include "postgres.h"
#include "compat.h"

#include "hybrid/bm25_match.h"
#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_segment.h"
#include "hybrid/tsterms.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

/* An OR of more becomes a bitmap. */
#define MAX_LAZY		8

/* Documents handed out at a time. */
#define BATCH			1024

/* TIDs read at once, if documents stand close. */
#define SPAN			256

typedef enum SetKind
{
	SET_NONE,
	SET_ALL,
	SET_TERM,
	SET_BITS,
	SET_NOT,
	SET_AND,
	SET_OR
} SetKind;

typedef struct Set
{
	SetKind		kind;
	bool		lossy;			/* may hold documents that do not match */
	double		size;			/* documents, at most, but for NOT */
	bool		sought;
	uint32		doc;			/* what the last search found */
	VsBm25Cursor *cursor;
	uint64	   *bits;
	Size		bytes;			/* of the search's memory */
	int			n;
	struct Set **members;
} Set;

/* A search in a segment. */
typedef struct Search
{
	Relation	rel;
	const VsBm25Segment *segment;
	VsBm25Reader reader;		/* of dictionary and postings */
	bool	   *stale;
	Size		bytes;			/* that sets hold */
	uint32		steps;
} Search;

/* ---- members of sets ---- */

static uint32 seek(Search *search, Set *set, uint32 doc);

/* Every now and then in a long loop. */
static inline void
step(Search *search)
{
	if (++search->steps % 1024 == 0)
		CHECK_FOR_INTERRUPTS();
}

static uint32
seek_bits(Search *search, Set *set, uint32 doc)
{
	uint32		words = search->segment->ndocs / 64 + 1;
	uint32		word = doc / 64;
	uint64		bits;

	if (doc >= search->segment->ndocs)
		return VS_BM25_NO_DOC;
	bits = set->bits[word] & (PG_UINT64_MAX << (doc % 64));
	while (bits == 0)
	{
		if (++word == words)
			return VS_BM25_NO_DOC;
		bits = set->bits[word];
	}
	return word * 64 + pg_rightmost_one_pos64(bits);
}

/* The first document that is not in the set. */
static uint32
seek_not(Search *search, Set *set, uint32 doc)
{
	while (doc < search->segment->ndocs && seek(search, set->members[0], doc) == doc)
		doc++;
	return doc < search->segment->ndocs ? doc : VS_BM25_NO_DOC;
}

/* Whoever is behind leaps; where all stand at one document, that is it. */
static uint32
seek_and(Search *search, Set *set, uint32 doc)
{
	int			agreed = 0;

	for (int i = 0; agreed < set->n && doc != VS_BM25_NO_DOC; i = (i + 1) % set->n)
	{
		uint32		next = seek(search, set->members[i], doc);

		agreed = next == doc ? agreed + 1 : 1;
		if (next != doc && i > 0)
		{
			/* The rarest leaps farthest. */
			agreed = 0;
			i = set->n - 1;
		}
		doc = next;
	}
	return doc;
}

static uint32
seek_or(Search *search, Set *set, uint32 doc)
{
	uint32		first = VS_BM25_NO_DOC;

	for (int i = 0; i < set->n; i++)
	{
		uint32		next = seek(search, set->members[i], doc);

		first = Min(first, next);
	}
	return first;
}

/* The same as seek(), but for what was found before. */
static uint32
seek_anew(Search *search, Set *set, uint32 doc)
{
	switch (set->kind)
	{
		case SET_NONE:
			return VS_BM25_NO_DOC;
		case SET_ALL:
			return doc < search->segment->ndocs ? doc : VS_BM25_NO_DOC;
		case SET_TERM:
			return vs_bm25_cursor_seek(set->cursor, doc);
		case SET_BITS:
			return seek_bits(search, set, doc);
		case SET_NOT:
			return seek_not(search, set, doc);
		case SET_AND:
			return seek_and(search, set, doc);
		case SET_OR:
			return seek_or(search, set, doc);
	}
	return VS_BM25_NO_DOC;
}

/*
 * The first member from a document on.  Documents are asked for in ascending order; below what
 * was found last, there is none, and members of the set may have gone on.
 */
static uint32
seek(Search *search, Set *set, uint32 doc)
{
	step(search);
	if (!set->sought || set->doc < doc)
		set->doc = seek_anew(search, set, doc);
	set->sought = true;
	return set->doc;
}

/* ---- making sets ---- */

static Set *
make_set(SetKind kind, double size)
{
	Set		   *set = palloc0(sizeof(Set));

	set->kind = kind;
	set->size = size;
	return set;
}

/* All documents: those that match for certain, or those that nothing is known of. */
static Set *
make_all(Search *search, bool lossy)
{
	Set		   *set = make_set(SET_ALL, search->segment->ndocs);

	set->lossy = lossy;
	return set;
}

static void
free_set(Search *search, Set *set)
{
	for (int i = 0; i < set->n; i++)
		free_set(search, set->members[i]);
	if (set->cursor)
	{
		vs_bm25_cursor_end(set->cursor);
		pfree(set->cursor);
	}
	if (set->bits)
		pfree(set->bits);
	if (set->members)
		pfree(set->members);
	search->bytes -= set->bytes;
	pfree(set);
}

/* Whether work_mem allows so many bytes more; the first who asks gets them. */
static bool
has_memory(Search *search, Size bytes)
{
	return search->bytes == 0 || search->bytes + bytes <= (Size) work_mem * 1024;
}

/* Account for memory that a set holds. */
static void
hold_memory(Search *search, Set *set, Size bytes)
{
	set->bytes = bytes;
	search->bytes += bytes;
}

/* The documents of a dictionary's entry; if memory is short, all. */
static Set *
make_entry(Search *search, const VsBm25Entry *entry)
{
	Size		bytes = sizeof(VsBm25Cursor) +
		(entry->df / VS_BM25_BLOCK + 1) * sizeof(VsBm25Skip);
	Set		   *set;

	if (!has_memory(search, bytes))
		return make_all(search, true);
	set = make_set(SET_TERM, entry->df);
	hold_memory(search, set, bytes);
	set->cursor = palloc(sizeof(VsBm25Cursor));
	vs_bm25_cursor_init(set->cursor, &search->reader, search->segment, NULL, entry);
	return set;
}

/* An empty bitmap; NULL if memory is short. */
static Set *
make_bits(Search *search)
{
	Size		bytes = (search->segment->ndocs / 64 + 1) * sizeof(uint64);
	Set		   *set;

	if (!has_memory(search, bytes))
		return NULL;
	set = make_set(SET_BITS, 0);
	hold_memory(search, set, bytes);
	set->bits = MemoryContextAllocExtended(CurrentMemoryContext, bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	return set;
}

/* Add the members of a set to a bitmap, and free the set. */
static void
add_to_bits(Search *search, Set *bits, Set *set)
{
	uint32		doc = 0;

	while ((doc = seek(search, set, doc)) < search->segment->ndocs && !*search->stale)
	{
		bits->bits[doc / 64] |= UINT64CONST(1) << (doc % 64);
		doc++;
	}
	bits->lossy |= set->lossy;
	bits->size = Min(bits->size + set->size, search->segment->ndocs);
	free_set(search, set);
}

/* Add the documents of an entry to a bitmap, one cursor after the other. */
static void
add_entry_to_bits(Search *search, Set *bits, const VsBm25Entry *entry)
{
	Size		bytes = search->bytes;
	Set		   *set;

	search->bytes = 0;			/* one cursor is always allowed */
	set = make_entry(search, entry);
	search->bytes += bytes;
	add_to_bits(search, bits, set);
}

/* The documents of all terms that begin so. */
static Set *
make_prefix(Search *search, const VsMatchTerm *term)
{
	VsBm25Entries *entries;
	Set		   *bits = make_bits(search);

	if (bits == NULL)
		return make_all(search, true);
	entries = palloc(sizeof(VsBm25Entries));
	vs_bm25_entries_begin_at(entries, &search->reader, search->segment, term->term, term->length);
	while (!*search->stale && vs_bm25_entries_next(entries))
	{
		const VsBm25Entry *entry = &entries->entry;
		int			order = memcmp(entry->term, term->term, Min(entry->length, term->length));

		CHECK_FOR_INTERRUPTS();
		if (order > 0)
			break;
		if (order == 0 && entry->length >= term->length)
			add_entry_to_bits(search, bits, entry);
	}
	pfree(entries);
	return bits;
}

static Set *
make_term(Search *search, const VsMatchTerm *term)
{
	VsBm25Entry entry;

	if (term->prefix)
		return make_prefix(search, term);
	if (!vs_bm25_lookup(&search->reader, search->segment, term->term, term->length, &entry))
		return make_set(SET_NONE, 0);
	return make_entry(search, &entry);
}

/* The rarest first; a NOT is not rare. */
static int
compare_sets(const void *a, const void *b)
{
	const Set  *x = *(Set *const *) a;
	const Set  *y = *(Set *const *) b;

	return (x->size > y->size) - (x->size < y->size);
}

/*
 * The AND or OR of sets, which become its members.  SET_ALL and SET_NONE are one's zero and the
 * other's one.
 */
static Set *
combine(Search *search, SetKind kind, Set **members, int n)
{
	SetKind		ends = kind == SET_AND ? SET_NONE : SET_ALL;
	SetKind		idle = kind == SET_AND ? SET_ALL : SET_NONE;
	Set		   *set = make_set(kind, kind == SET_AND ? search->segment->ndocs : 0);
	bool		ended = false;

	set->members = members;
	for (int i = 0; i < n; i++)
	{
		Set		   *member = members[i];

		ended |= member->kind == ends;
		set->lossy |= member->lossy;
		set->size = kind == SET_AND ? Min(set->size, member->size) :
			Min(set->size + member->size, search->segment->ndocs);
		if (member->kind == idle)
			free_set(search, member);
		else
			members[set->n++] = member;
	}
	if (ended || set->n == 0)
	{
		Set		   *constant = make_set(ended ? ends : idle, set->size);

		constant->lossy = set->lossy && constant->kind != SET_NONE;
		free_set(search, set);
		return constant;
	}
	qsort(members, set->n, sizeof(Set *), compare_sets);
	return set;
}

/* The documents that have one of a leaf's terms at each offset. */
static Set *
make_leaf(Search *search, const VsMatch *leaf)
{
	Set		  **places = palloc(leaf->nterms * sizeof(Set *));
	int			nplaces = 0;
	Set		   *set;

	for (int i = 0; i < leaf->nterms;)
	{
		int			offset = leaf->terms[i].offset;
		Set		  **terms = palloc((leaf->nterms - i) * sizeof(Set *));
		int			n = 0;

		for (; i < leaf->nterms && leaf->terms[i].offset == offset; i++)
			terms[n++] = make_term(search, &leaf->terms[i]);
		places[nplaces++] = combine(search, SET_OR, terms, n);
	}
	set = combine(search, SET_AND, places, nplaces);
	set->lossy |= vs_match_is_phrase(leaf) && set->kind != SET_NONE;
	return set;
}

/* All documents that are not in a set. */
static Set *
negate(Search *search, Set *set)
{
	Set		   *negated;

	if (set->lossy)
	{
		free_set(search, set);
		return make_all(search, true);
	}
	negated = make_set(SET_NOT, search->segment->ndocs);
	negated->members = palloc(sizeof(Set *));
	negated->members[negated->n++] = set;
	return negated;
}

static Set *make(Search *search, const VsMatch *match, bool negated);

/* The union of many nodes, one after the other. */
static Set *
make_union(Search *search, const VsMatch *first, bool negated)
{
	Set		   *bits = make_bits(search);

	if (bits == NULL)
		return make_all(search, true);
	for (const VsMatch *child = first; child; child = child->next)
		add_to_bits(search, bits, make(search, child, negated));
	return bits;
}

/* The AND or OR of nodes. */
static Set *
make_members(Search *search, const VsMatch *match, bool negated)
{
	SetKind		kind = (match->kind == VS_MATCH_AND) != negated ? SET_AND : SET_OR;
	Set		  **members;
	int			n = 0;

	for (const VsMatch *child = match->first; child; child = child->next)
		n++;
	if (kind == SET_OR && n > MAX_LAZY)
		return make_union(search, match->first, negated);
	members = palloc(n * sizeof(Set *));
	n = 0;
	for (const VsMatch *child = match->first; child; child = child->next)
		members[n++] = make(search, child, negated);
	return combine(search, kind, members, n);
}

/* The documents that match, or that do not. */
static Set *
make(Search *search, const VsMatch *match, bool negated)
{
	Set		   *set;

	CHECK_FOR_INTERRUPTS();
	switch (match->kind)
	{
		case VS_MATCH_WORDS:
			set = make_leaf(search, match);
			break;
		case VS_MATCH_MAYBE:
			set = make(search, match->first, false);
			set->lossy = set->kind != SET_NONE;
			break;
		case VS_MATCH_ANY:
			return make_all(search, true);
		case VS_MATCH_NOT:
			return make(search, match->first, !negated);
		default:
			return make_members(search, match, negated);
	}
	return negated ? negate(search, set) : set;
}

/* ---- rows ---- */

/* Hand out the rows of documents that ascend. */
static void
hand_out(VsBm25Reader *rows, const uint32 *docs, int n, bool recheck, VsBm25Found found, void *state)
{
	ItemPointerData tids[BATCH];
	ItemPointerData span[SPAN];

	for (int i = 0; i < n;)
	{
		uint32		first = docs[i];
		int			end = i + 1;

		while (end < n && docs[end] - first < SPAN)
			end++;
		vs_bm25_read_tids(rows, first, docs[end - 1] - first + 1, span);
		for (; i < end; i++)
			tids[i] = span[docs[i] - first];
	}
	if (!*rows->stale && n > 0)
		found(state, tids, n, recheck);
}

static void
find_in_segment(Relation rel, const VsBm25Segment *segment, const VsMatch *match, bool *stale,
				VsBm25Found found, void *state)
{
	Search		search = {.rel = rel,.segment = segment,.stale = stale};
	VsBm25Reader rows;
	uint32		docs[BATCH];
	int			n = 0;
	uint32		doc = 0;
	Set		   *set;

	vs_bm25_reader_init(&search.reader, rel, &segment->extent, stale);
	vs_bm25_reader_init(&rows, rel, &segment->extent, stale);
	set = make(&search, match, false);
	while ((doc = seek(&search, set, doc)) < segment->ndocs && !*stale)
	{
		docs[n++] = doc++;
		if (n == BATCH)
		{
			hand_out(&rows, docs, n, set->lossy, found, state);
			n = 0;
		}
	}
	if (!*stale)
		hand_out(&rows, docs, n, set->lossy, found, state);
	vs_bm25_reader_end(&rows);
	vs_bm25_reader_end(&search.reader);
}

/* ---- pending rows ---- */

/* Whether a row has a term, or one that begins with it. */
static bool
has_term(void *document, const VsMatchTerm *term)
{
	return term->prefix ? vs_bm25_document_has_prefix(document, term->term, term->length) :
		vs_bm25_document_find(document, term->term, term->length) != NULL;
}

static VsMatchAnswer
ask(void *document, const VsMatch *leaf)
{
	return vs_match_without_positions(leaf, has_term, document);
}

static void
find_in_pending(Relation rel, const VsBm25Meta *meta, const VsMatch *match, bool *stale,
				VsBm25Found found, void *state)
{
	VsBm25Pending pending;
	VsBm25Document document;

	vs_bm25_pending_begin(&pending, rel, meta, stale);
	while (vs_bm25_pending_next(&pending, &document))
	{
		VsMatchAnswer answer = document.null ? VS_MATCH_NO : vs_match_evaluate(match, ask, &document);

		CHECK_FOR_INTERRUPTS();
		if (answer != VS_MATCH_NO)
			found(state, &document.tid, 1, answer == VS_MATCH_PERHAPS);
	}
	vs_bm25_pending_end(&pending);
}

/* ---- all ---- */

void
vs_bm25_find(Relation rel, const VsMatch *match, VsBm25Found found, void *state)
{
	VsBm25Look	look = {.rel = rel};

	while (vs_bm25_look(&look))
	{
		find_in_pending(rel, &look.meta, match, &look.stale, found, state);
		for (int i = 0; i < look.meta.nsegments && !look.stale; i++)
		{
			MemoryContextReset(look.context);
			find_in_segment(rel, &look.meta.segments[i], match, &look.stale, found, state);
		}
	}
}
