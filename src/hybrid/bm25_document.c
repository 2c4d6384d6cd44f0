/*
 * bm25_document.c
 *		A row's terms; see bm25_document.h.
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_document.h"
#include "hybrid/tsterms.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"

bool
vs_bm25_is_tsvector(Relation index)
{
	return getBaseType(TupleDescAttr(index->rd_att, 0)->atttypid) == TSVECTOROID;
}

VsBm25Analyzer *
vs_bm25_analyzer_open(Relation index)
{
	VsBm25Analyzer *analyzer = palloc0(sizeof(VsBm25Analyzer));
	VsTokenizerConfig config;

	analyzer->tsvector = vs_bm25_is_tsvector(index);

	/* Rows of type tsvector need no tokenizer, but queries are text always. */
	vs_bm25_tokenizer_config(index, &config);
	analyzer->stream = vs_token_stream_open(&config);
	if (analyzer->tsvector)
		strlcpy(analyzer->version, "tsvector", sizeof(analyzer->version));
	else
		vs_token_stream_version(analyzer->stream, analyzer->version);
	return analyzer;
}

/* Whether an index, by its file, is new to those that were warned of; it is then not. */
static bool
is_first_warning(Relation index)
{
	static HTAB *warned = NULL;
	Oid			file = vs_rel_number(index);
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Oid)};
	bool		found;

	if (warned == NULL)
		warned = hash_create("vecstore_bm25 warnings", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	(void) hash_search(warned, &file, HASH_ENTER, &found);
	return !found;
}

void
vs_bm25_warn_version(Relation index, const char *made)
{
	const char *now = vs_bm25_analyzer_open(index)->version;

	if (strcmp(made, now) == 0 || !is_first_warning(index))
		return;
	ereport(WARNING,
			(errmsg("index \"%s\" was made with another version of its tokenizer",
					RelationGetRelationName(index)),
			 errdetail("The index has \"%s\", the tokenizer is \"%s\" now; terms of old and new rows, and of queries, may differ.",
					   made, now),
			 errhint("REINDEX the index.")));
}

static int
compare(const void *a, const void *b)
{
	const VsBm25Term *x = a;
	const VsBm25Term *y = b;

	return vs_compare_lexemes(x->term, x->length, y->term, y->length);
}

/* Sort terms and let each be there once. */
static void
settle(VsBm25Document *document)
{
	int			n = 0;

	qsort(document->terms, document->n, sizeof(VsBm25Term), compare);
	for (int i = 0; i < document->n; i++)
		if (n > 0 && compare(&document->terms[n - 1], &document->terms[i]) == 0)
			document->terms[n - 1].tf += document->terms[i].tf;
		else
			document->terms[n++] = document->terms[i];
	document->n = n;
}

static void
init_document(VsBm25Document *document)
{
	memset(document, 0, sizeof(VsBm25Document));
	ItemPointerSetInvalid(&document->tid);
}

/* The terms of a text as they come. */
static void
split_text(VsBm25Analyzer *analyzer, const char *text, size_t bytes, VsBm25Document *document)
{
	VsToken		token;
	int			size = 64;
	StringInfoData terms;

	init_document(document);
	document->terms = palloc(size * sizeof(VsBm25Term));
	initStringInfo(&terms);
	vs_token_stream_begin(analyzer->stream, text, bytes);
	while (vs_token_stream_next(analyzer->stream, &token))
	{
		if (document->n == size)
			document->terms = repalloc_huge(document->terms, (size *= 2) * sizeof(VsBm25Term));

		/* The string may move: until its end, a term is where it begins. */
		document->terms[document->n].term = (const char *) (uintptr_t) terms.len;
		document->terms[document->n].length = token.length;
		document->terms[document->n++].tf = 1;
		appendBinaryStringInfo(&terms, token.term, token.length);
	}
	for (int i = 0; i < document->n; i++)
		document->terms[i].term = terms.data + (uintptr_t) document->terms[i].term;
	document->length = document->n;
}

void
vs_bm25_analyze_text(VsBm25Analyzer *analyzer, const char *text, size_t bytes,
					 VsBm25Document *document)
{
	split_text(analyzer, text, bytes, document);
	settle(document);
}

/* The terms of a tsvector as they come: by length first. */
static void
split_tsvector(Datum value, VsBm25Document *document)
{
	TSVector	vector = DatumGetTSVector(value);
	WordEntry  *words = ARRPTR(vector);
	char	   *strings = STRPTR(vector);

	init_document(document);
	document->terms = palloc(Max(vector->size, 1) * sizeof(VsBm25Term));
	for (int i = 0; i < vector->size; i++)
	{
		VsBm25Term *term = &document->terms[document->n];

		if (words[i].len == 0)
			continue;
		term->term = strings + words[i].pos;
		term->length = Min(words[i].len, VS_MAX_TERM_BYTES);
		term->tf = vs_count_positions(vector, &words[i]);
		document->length += term->tf;
		document->n++;
	}
}

void
vs_bm25_analyze_tsvector(Datum value, VsBm25Document *document)
{
	split_tsvector(value, document);
	settle(document);
}

void
vs_bm25_analyze_unsorted(VsBm25Analyzer *analyzer, Datum value, bool isnull,
						 VsBm25Document *document)
{
	text	   *string;

	if (isnull)
	{
		init_document(document);
		document->null = true;
	}
	else if (analyzer->tsvector)
		split_tsvector(value, document);
	else
	{
		string = DatumGetTextPP(value);
		split_text(analyzer, VARDATA_ANY(string), VARSIZE_ANY_EXHDR(string), document);
	}
}

void
vs_bm25_analyze(VsBm25Analyzer *analyzer, Datum value, bool isnull, VsBm25Document *document)
{
	vs_bm25_analyze_unsorted(analyzer, value, isnull, document);
	settle(document);
}

/* The number of the first term that is not before this one. */
static int
find_place(const VsBm25Document *document, const char *term, int length)
{
	int			low = 0;
	int			high = document->n;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const VsBm25Term *found = &document->terms[middle];

		if (vs_compare_lexemes(found->term, found->length, term, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const VsBm25Term *
vs_bm25_document_find(const VsBm25Document *document, const char *term, int length)
{
	int			place = find_place(document, term, length);
	const VsBm25Term *found = &document->terms[place];

	if (place == document->n || vs_compare_lexemes(found->term, found->length, term, length) != 0)
		return NULL;
	return found;
}

bool
vs_bm25_document_has_prefix(const VsBm25Document *document, const char *prefix, int length)
{
	int			place = find_place(document, prefix, length);

	return place < document->n && document->terms[place].length >= length &&
		memcmp(document->terms[place].term, prefix, length) == 0;
}
