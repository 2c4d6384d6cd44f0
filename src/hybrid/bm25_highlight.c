/*
 * bm25_highlight.c
 *		SQL functions bm25_highlight() and bm25_snippet(): a text with tags around the
 *		words that a query has found, the whole of it or a piece.
 *
 * The document goes through the tokenizer of the query's index once more, since no index
 * keeps where words stand.  That is for the rows that are shown, not for those that are
 * searched, so the functions cost as much as their callers let them: in a select list
 * above LIMIT they see the rows of the LIMIT only.
 *
 * A *hit* is a word of the document with a term of the query.  Hits may overlap (grams; a
 * compound word and its parts), and such ones share their tags.  All else is copied byte
 * for byte; nothing is escaped, which is for those to do who know what the text is put
 * into.
 */
#include "postgres.h"
#include "compat.h"

#include "fmgr.h"
#include "hybrid/bm25_query.h"
#include "hybrid/tsterms.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Bytes of a document. */
typedef struct Span
{
	int32		start;
	int32		end;			/* behind the last one */
} Span;

typedef struct Hit
{
	Span		span;
	int			term;			/* of the query */
} Hit;

typedef struct Hits
{
	Hit		   *hits;			/* by where they start */
	int64		n;
	int64		size;
} Hits;

/* What stands before and behind a hit. */
typedef struct Tags
{
	text	   *start;
	text	   *end;
} Tags;

/* ---- hits ---- */

/* The term of a query that a token is, or -1. */
static int
find_term(const VsBm25Query *query, const VsToken *token)
{
	int			low = 0;
	int			high = query->n;

	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const VsBm25QueryTerm *term = &query->terms[middle];
		int			order = vs_compare_lexemes(term->term, term->length, token->term, token->length);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

/* One more hit. */
static void
add_hit(Hits *found, int term, const VsToken *token)
{
	if (found->n == found->size)
	{
		found->size = Max(2 * found->size, 64);
		found->hits = found->hits == NULL ? palloc(found->size * sizeof(Hit)) :
			repalloc_huge(found->hits, found->size * sizeof(Hit));
	}
	found->hits[found->n].span.start = token->start;
	found->hits[found->n].span.end = token->end;
	found->hits[found->n++].term = term;
}

/* All hits of a query in a document. */
static Hits
find_hits(const VsBm25Prepared *prepared, const char *document, int32 bytes)
{
	VsTokenStream *stream = prepared->analyzer->stream;
	Hits		found = {0};
	VsToken		token;

	if (prepared->query->n == 0)
		return found;
	vs_token_stream_begin_offsets(stream, document, bytes);
	while (vs_token_stream_next(stream, &token))
	{
		int			term = find_term(prepared->query, &token);

		if (term >= 0 && token.start >= 0)
			add_hit(&found, term, &token);
	}
	return found;
}

/* ---- tags ---- */

/* Append a value of type text. */
static void
append_text(StringInfo out, const text *value)
{
	appendBinaryStringInfo(out, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

/* Append a piece of a document, with tags around what the piece has of each hit. */
static void
append_piece(StringInfo out, const char *document, Span piece, const Hits *found, const Tags *tags)
{
	int32		at = piece.start;

	for (int64 i = 0; i < found->n;)
	{
		Span		tagged = found->hits[i++].span;

		/* Those that overlap are one. */
		for (; i < found->n && found->hits[i].span.start < tagged.end; i++)
			tagged.end = Max(tagged.end, found->hits[i].span.end);
		tagged.start = Max(tagged.start, at);
		tagged.end = Min(tagged.end, piece.end);
		if (tagged.start >= tagged.end)
			continue;
		appendBinaryStringInfo(out, document + at, tagged.start - at);
		append_text(out, tags->start);
		appendBinaryStringInfo(out, document + tagged.start, tagged.end - tagged.start);
		append_text(out, tags->end);
		at = tagged.end;
		CHECK_FOR_INTERRUPTS();
	}
	appendBinaryStringInfo(out, document + at, piece.end - at);
}

PG_FUNCTION_INFO_V1(vecstore_bm25_highlight);

/* bm25_highlight(document text, query bm25query, start_tag text, end_tag text) */
PGDLLEXPORT Datum
vecstore_bm25_highlight(PG_FUNCTION_ARGS)
{
	text	   *document = PG_GETARG_TEXT_PP(0);
	VsBm25Prepared *prepared = vs_bm25_prepare_call(fcinfo, DatumGetVsBm25Query(PG_GETARG_DATUM(1)));
	Tags		tags = {PG_GETARG_TEXT_PP(2), PG_GETARG_TEXT_PP(3)};
	Span		whole = {0, VARSIZE_ANY_EXHDR(document)};
	Hits		found = find_hits(prepared, VARDATA_ANY(document), whole.end);
	StringInfoData out;

	if (found.n == 0)
		PG_RETURN_TEXT_P(document);
	initStringInfo(&out);
	append_piece(&out, VARDATA_ANY(document), whole, &found, &tags);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ---- the piece to show ---- */

/* The words of a text, as the tokenizer "simple" finds them: what a snippet is cut at. */
typedef struct Words
{
	Span	   *words;
	int64		n;
} Words;

static Words
find_words(const char *document, int32 bytes)
{
	VsTokenizerConfig config = {.tokenizer = "simple"};
	VsTokenStream *stream = vs_token_stream_open(&config);
	int64		size = 64;
	Words		found = {palloc(size * sizeof(Span)), 0};
	VsToken		token;

	vs_token_stream_begin(stream, document, bytes);
	while (vs_token_stream_next(stream, &token))
	{
		if (found.n == size)
			found.words = repalloc_huge(found.words, (size *= 2) * sizeof(Span));
		found.words[found.n].start = token.start;
		found.words[found.n++].end = token.end;
	}
	return found;
}

/* The number of the word in which each hit begins, or of the next one, or of the last. */
static int64 *
number_words(const Hits *found, const Words *words)
{
	int64	   *numbers = MemoryContextAllocHuge(CurrentMemoryContext, Max(found->n, 1) * sizeof(int64));
	int64		word = 0;

	for (int64 i = 0; i < found->n; i++)
	{
		while (word < words->n - 1 && words->words[word].end <= found->hits[i].span.start)
			word++;
		numbers[i] = word;
	}
	return numbers;
}

/* What a term adds that a piece has so many times: more of the same count less and less. */
static double
piece_score(const VsBm25QueryTerm *term, int64 times)
{
	return term->factor * vs_bm25_weight(times, 1);
}

/*
 * The first and last of those hits that lie within so many words and add up to most; the
 * first such, if there are several.  One pass: each hit comes in once and goes once.
 */
static void
best_hits(const VsBm25Query *query, const Hits *found, const int64 *numbers, int64 width,
		  int64 *first, int64 *last)
{
	int64	   *times = palloc0(query->n * sizeof(int64));
	int64		from = 0;
	double		score = 0;
	double		best = 0;

	for (int64 to = 0; to < found->n; to++)
	{
		int			term = found->hits[to].term;

		score -= piece_score(&query->terms[term], times[term]);
		score += piece_score(&query->terms[term], ++times[term]);
		for (; numbers[to] - numbers[from] >= width; from++)
		{
			term = found->hits[from].term;
			score -= piece_score(&query->terms[term], times[term]);
			score += piece_score(&query->terms[term], --times[term]);
		}
		/* Not for what rounding adds. */
		if (score > best * (1 + 1e-9))
		{
			best = score;
			*first = from;
			*last = to;
		}
	}
}

/* The number of the first word to show: the best hits in the middle, if there is room. */
static int64
first_word(const VsBm25Query *query, const Hits *found, const Words *words, int64 width)
{
	int64	   *numbers = number_words(found, words);
	int64		first = 0;
	int64		last = 0;
	int64		begin;

	if (found->n == 0)
		return 0;
	best_hits(query, found, numbers, width, &first, &last);
	begin = numbers[first] - (width - (numbers[last] - numbers[first] + 1)) / 2;
	return Min(Max(begin, 0), words->n - width);
}

PG_FUNCTION_INFO_V1(vecstore_bm25_snippet);

/*
 * bm25_snippet(document text, query bm25query, words integer, start_tag text, end_tag text)
 */
PGDLLEXPORT Datum
vecstore_bm25_snippet(PG_FUNCTION_ARGS)
{
	text	   *document = PG_GETARG_TEXT_PP(0);
	VsBm25Prepared *prepared = vs_bm25_prepare_call(fcinfo, DatumGetVsBm25Query(PG_GETARG_DATUM(1)));
	int32		width = PG_GETARG_INT32(2);
	Tags		tags = {PG_GETARG_TEXT_PP(3), PG_GETARG_TEXT_PP(4)};
	const char *cut = GetDatabaseEncoding() == PG_UTF8 ? "\xE2\x80\xA6" : "...";
	const char *bytes = VARDATA_ANY(document);
	Span		piece = {0, VARSIZE_ANY_EXHDR(document)};
	Hits		found;
	Words		words;
	StringInfoData out;

	if (width < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a snippet cannot have %d words", width),
				 errhint("It must have at least 1; the default is 20.")));
	found = find_hits(prepared, bytes, piece.end);
	words = find_words(bytes, piece.end);
	initStringInfo(&out);
	if (words.n > width)
	{
		int64		first = first_word(prepared->query, &found, &words, width);

		if (first > 0)
		{
			piece.start = words.words[first].start;
			appendStringInfoString(&out, cut);
		}
		if (first + width < words.n)
			piece.end = words.words[first + width - 1].end;
	}
	append_piece(&out, bytes, piece, &found, &tags);
	if (piece.end < VARSIZE_ANY_EXHDR(document))
		appendStringInfoString(&out, cut);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}

/* ---- queries that do not name their index ---- */

PG_FUNCTION_INFO_V1(vecstore_bm25_function_no_index);

/* f(document text, query text, …), when no index was found. */
PGDLLEXPORT Datum
vecstore_bm25_function_no_index(PG_FUNCTION_ARGS)
{
	char	   *name = get_func_name(fcinfo->flinfo->fn_oid);

	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("%s() finds no single vecstore_bm25 index of its document", name),
			 errdetail("The index says how texts become words; the document must be a column or expression with one such index, in the query that has the table."),
			 errhint("Name the index: %s(…, bm25_query('query', 'index_name')).", name)));
	PG_RETURN_NULL();
}

/*
 * f(column, text, …) becomes the function of the same name that takes a bm25query, if
 * the column has one index.
 */
static Node *
simplify(SupportRequestSimplify *request)
{
	FuncExpr   *call = request->fcall;
	Oid			family;
	Node	   *query = vs_bm25_find_query(request, &family);
	List	   *arguments;
	Oid		   *types;
	Oid			function;

	if (query == NULL)
		return NULL;
	arguments = list_copy(call->args);
	lsecond(arguments) = query;
	types = palloc(list_length(arguments) * sizeof(Oid));
	for (int i = 0; i < list_length(arguments); i++)
		types[i] = exprType(list_nth(arguments, i));
	function = LookupFuncName(list_make2(makeString(get_namespace_name(get_func_namespace(call->funcid))),
										 makeString(get_func_name(call->funcid))),
							  list_length(arguments), types, true);
	if (!OidIsValid(function))
		return NULL;
	return (Node *) makeFuncExpr(function, call->funcresulttype, arguments, call->funccollid,
								 call->inputcollid, COERCE_EXPLICIT_CALL);
}

PG_FUNCTION_INFO_V1(vecstore_bm25_function_support);

/* The planner's support function of those functions. */
PGDLLEXPORT Datum
vecstore_bm25_function_support(PG_FUNCTION_ARGS)
{
	Node	   *request = (Node *) PG_GETARG_POINTER(0);

	if (IsA(request, SupportRequestSimplify))
		PG_RETURN_POINTER(simplify((SupportRequestSimplify *) request));
	PG_RETURN_POINTER(NULL);
}
