/*
 * bm25_match.c
 *		The operator @@: what a query asks for, and whether a document has it.
 *
 * A bm25query becomes a tree (match.h) whose leaves have the terms that the tokenizer of
 * the index it names makes of them.  A tsquery becomes one, too, for an index scan to find
 * candidates: what the index does not know (positions, weights) is a MAYBE there, and the
 * executor asks PostgreSQL's own operator again.
 */
#include "postgres.h"
#include "compat.h"

#include "access/relation.h"
#include "fmgr.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_match.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "tsearch/ts_utils.h"
#include "utils/memutils.h"

/* ---- what match.c is lent ---- */

static void *
allocate(void *context, size_t bytes)
{
	return MemoryContextAllocHuge(context ? context : CurrentMemoryContext, bytes);
}

static void
pause_for_interrupts(void)
{
	CHECK_FOR_INTERRUPTS();
}

const VsMatchCalls vs_bm25_match_calls = {allocate, pause_for_interrupts, NULL};

/* ---- trees of bm25query ---- */

/* Where an error is, and what stands there. */
static int
error_place(const char *text, size_t bytes, size_t position)
{
	int			left = bytes - position;

	if (left == 0)
		return errdetail("At the end of \"%s\".", pnstrdup(text, pg_mbcliplen(text, bytes, 80)));
	return errdetail("At character %d, before \"%s\".", pg_mbstrlen_with_len(text, position) + 1,
					 pnstrdup(text + position, pg_mbcliplen(text + position, left, 40)));
}

/* What the parser found wrong. */
static void
parse_error(const char *text, size_t bytes, const VsMatchError *error)
{
	switch (error->kind)
	{
		case VS_MATCH_OPEN_QUOTE:
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("unterminated phrase in query"),
					 error_place(text, bytes, error->position),
					 errhint("A phrase stands between two \"; a \" within it is written twice.")));
			break;
		case VS_MATCH_TOO_DEEP:
			ereport(ERROR,
					(errcode(ERRCODE_STATEMENT_TOO_COMPLEX),
					 errmsg("query is nested too deep"),
					 error_place(text, bytes, error->position),
					 errhint("At most %d parentheses and NOTs can be open.", VS_MATCH_MAX_DEPTH)));
			break;
		case VS_MATCH_TOO_LONG:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("query is longer than %d bytes", VS_MATCH_MAX_BYTES)));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("syntax error in query"),
					 error_place(text, bytes, error->position),
					 errhint("Words, \"phrases\", word*, and between them &, |, !, ( and ); put what is to be taken as it is between two \".")));
	}
}

VsMatch *
vs_bm25_match_parse(const VsBm25QueryDatum *query)
{
	VsMatchError error;
	VsMatch    *match = vs_match_parse(query->text, VsBm25QueryTextSize(query), &vs_bm25_match_calls,
									   &error);

	if (error.kind != VS_MATCH_OK)
		parse_error(query->text, VsBm25QueryTextSize(query), &error);
	return match;
}

/*
 * The terms of a leaf.  Of grams that begin at one place the longest says it all, and comes
 * last; lexemes that a text search configuration puts at one place (it gives no offsets into
 * the text) are alternatives.
 */
static void
analyze_leaf(VsMatch *leaf, VsTokenStream *stream)
{
	int			size = 4;
	VsToken		token;
	int			last;

	leaf->terms = palloc(size * sizeof(VsMatchTerm));
	vs_token_stream_begin(stream, leaf->text, leaf->len);
	while (vs_token_stream_next(stream, &token))
	{
		VsMatchTerm *term;

		if (leaf->nterms > 0 && token.start >= 0 &&
			leaf->terms[leaf->nterms - 1].offset == token.position)
			leaf->nterms--;
		if (leaf->nterms == size)
			leaf->terms = repalloc(leaf->terms, (size *= 2) * sizeof(VsMatchTerm));
		term = &leaf->terms[leaf->nterms++];
		term->term = pnstrdup(token.term, token.length);
		term->length = token.length;
		term->offset = token.position;
		term->prefix = false;
	}
	last = leaf->nterms - 1;
	for (int i = last; leaf->prefix && i >= 0 && leaf->terms[i].offset == leaf->terms[last].offset; i--)
		leaf->terms[i].prefix = true;
}

/* The terms of all leaves. */
static void
analyze_leaves(VsMatch *match, VsTokenStream *stream)
{
	if (match->kind == VS_MATCH_WORDS)
		analyze_leaf(match, stream);
	for (VsMatch *child = match->first; child; child = child->next)
		analyze_leaves(child, stream);
}

VsMatch *
vs_bm25_match_analyze(VsMatch *match, VsBm25Analyzer *analyzer)
{
	if (match == NULL)
		return NULL;
	analyze_leaves(match, analyzer->stream);
	return vs_match_prune(match);
}

/* ---- trees of tsquery ---- */

/* What has the lexeme of an item, or one that begins with it. */
static VsMatch *
match_operand(TSQuery query, const QueryOperand *operand)
{
	VsMatch    *leaf = vs_match_leaf(&vs_bm25_match_calls, VS_MATCH_WORDS);

	if (operand->length == 0)
		return vs_match_leaf(&vs_bm25_match_calls, VS_MATCH_ANY);
	leaf->nterms = 1;
	leaf->terms = palloc0(sizeof(VsMatchTerm));
	leaf->terms->term = GETOPERAND(query) + operand->distance;
	leaf->terms->length = Min(operand->length, VS_MAX_TERM_BYTES);
	leaf->terms->prefix = operand->prefix;

	/* The index has no weights, and nothing behind so many bytes. */
	if (operand->weight != 0 || operand->length >= VS_MAX_TERM_BYTES)
		return vs_match_over(&vs_bm25_match_calls, VS_MATCH_MAYBE, leaf);
	return leaf;
}

static VsMatch *match_item(TSQuery query, QueryItem *item, bool in_phrase, int depth);

/*
 * Two sides.  A long row of the same operator is nested to the left: go down there without
 * recursion.
 */
static VsMatch *
match_sides(TSQuery query, QueryItem *item, bool in_phrase, int depth)
{
	int8		operator = item->qoperator.oper;
	VsMatchKind kind = operator == OP_OR ? VS_MATCH_OR : VS_MATCH_AND;
	VsMatch    *match;

	in_phrase = in_phrase || operator == OP_PHRASE;
	match = match_item(query, item + 1, in_phrase, depth + 1);
	for (item += item->qoperator.left; item->type == QI_OPR && item->qoperator.oper == operator;
		 item += item->qoperator.left)
		match = vs_match_join(&vs_bm25_match_calls, kind, match,
							  match_item(query, item + 1, in_phrase, depth + 1));
	match = vs_match_join(&vs_bm25_match_calls, kind, match, match_item(query, item, in_phrase, depth + 1));
	return operator == OP_PHRASE ? vs_match_over(&vs_bm25_match_calls, VS_MATCH_MAYBE, match) : match;
}

/*
 * What an item of a query asks for.  Within a phrase, a NOT is about a place and not about the
 * document.  What is nested very deep is left to the operator.
 */
static VsMatch *
match_item(TSQuery query, QueryItem *item, bool in_phrase, int depth)
{
	bool		is_not = item->type == QI_OPR && item->qoperator.oper == OP_NOT;

	if (depth > VS_MATCH_MAX_DEPTH || (in_phrase && is_not))
		return vs_match_leaf(&vs_bm25_match_calls, VS_MATCH_ANY);
	if (item->type == QI_VAL)
		return match_operand(query, &item->qoperand);
	if (is_not)
		return vs_match_over(&vs_bm25_match_calls, VS_MATCH_NOT,
							 match_item(query, item + 1, false, depth + 1));
	return match_sides(query, item, in_phrase, depth);
}

/* ---- keys of a scan ---- */

/* Whether two options are the same, or both are not set. */
static bool
same_option(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Whether two indexes make the same terms of texts. */
static bool
same_tokenizer(Relation a, Relation b)
{
	VsTokenizerConfig x;
	VsTokenizerConfig y;

	vs_bm25_tokenizer_config(a, &x);
	vs_bm25_tokenizer_config(b, &y);
	return same_option(x.tokenizer, y.tokenizer) && same_option(x.language, y.language) &&
		same_option(x.stemmer, y.stemmer) && same_option(x.stopwords, y.stopwords) &&
		x.min_gram == y.min_gram && x.max_gram == y.max_gram;
}

/* A row of a tsvector has the terms it says, whatever the tokenizer. */
bool
vs_bm25_has_terms_of(Relation index, Oid named)
{
	Relation	rel;
	bool		has = true;

	if (named == RelationGetRelid(index) || (rel = try_relation_open(named, AccessShareLock)) == NULL)
		return true;
	if (vs_bm25_is_index(rel) && !vs_bm25_is_tsvector(index))
		has = !vs_bm25_is_tsvector(rel) && same_tokenizer(index, rel);
	relation_close(rel, NoLock);
	return has;
}

/* Open the index that a query names, which must be one of texts. */
static Relation
open_text_index(Oid oid)
{
	Relation	index = vs_bm25_open_index(oid);

	if (vs_bm25_is_tsvector(index))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the index of the query is on a column of type tsvector, not text")));
	return index;
}

/*
 * A query may name another index than the one that is scanned.  If that makes other terms, it
 * is left to the operator.
 */
static VsMatch *
match_query(Relation index, const VsBm25QueryDatum *query)
{
	Relation	named = open_text_index(query->index);
	VsMatch    *match = vs_bm25_match_parse(query);

	if (match)
		match = vs_bm25_match_analyze(match, vs_bm25_analyzer_open(named));
	if (match && !same_tokenizer(index, named))
		match = vs_match_leaf(&vs_bm25_match_calls, VS_MATCH_ANY);
	relation_close(named, NoLock);
	return match;
}

VsMatch *
vs_bm25_match_key(Relation index, ScanKey key)
{
	TSQuery		query;

	if (key->sk_flags & SK_ISNULL)
		return NULL;
	if (!vs_bm25_is_tsvector(index))
		return match_query(index, DatumGetVsBm25Query(key->sk_argument));
	query = DatumGetTSQuery(key->sk_argument);
	return query->size == 0 ? NULL : match_item(query, GETQUERY(query), false, 0);
}

/* ---- SQL functions ---- */

/* What a call keeps for the next row. */
typedef struct Matcher
{
	MemoryContext context;
	VsMatchCalls calls;
	VsBm25QueryDatum *query;	/* that this answers */
	VsBm25Analyzer *analyzer;
	VsMatch    *match;
	VsMatchWords *words;
} Matcher;

/* Make a matcher of a query, in a memory context of its own. */
static Matcher *
create_matcher(const VsBm25QueryDatum *query, bool of_text, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "vecstore_bm25 match",
												  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Matcher    *matcher = palloc0(sizeof(Matcher));
	Relation	index = of_text ? open_text_index(query->index) : vs_bm25_open_index(query->index);

	matcher->context = context;
	matcher->calls = vs_bm25_match_calls;
	matcher->calls.context = context;
	matcher->query = memcpy(palloc(VARSIZE(query)), query, VARSIZE(query));
	matcher->analyzer = vs_bm25_analyzer_open(index);
	relation_close(index, NoLock);
	matcher->match = vs_bm25_match_analyze(vs_bm25_match_parse(query), matcher->analyzer);
	if (matcher->match)
		matcher->words = vs_match_words(&matcher->calls, matcher->match);
	MemoryContextSwitchTo(old);
	return matcher;
}

/* The matcher of a call, of this query. */
static Matcher *
get_matcher(FunctionCallInfo fcinfo, bool of_text)
{
	VsBm25QueryDatum *query = DatumGetVsBm25Query(PG_GETARG_DATUM(1));
	Matcher    *matcher = fcinfo->flinfo->fn_extra;

	if (matcher && VARSIZE(matcher->query) == VARSIZE(query) &&
		memcmp(matcher->query, query, VARSIZE(query)) == 0)
		return matcher;
	fcinfo->flinfo->fn_extra = NULL;
	if (matcher)
		MemoryContextDelete(matcher->context);
	fcinfo->flinfo->fn_extra = create_matcher(query, of_text, fcinfo->flinfo->fn_mcxt);
	return fcinfo->flinfo->fn_extra;
}

/* text @@ bm25query */
PG_FUNCTION_INFO_V1(vecstore_bm25_match_text);
Datum
vecstore_bm25_match_text(PG_FUNCTION_ARGS)
{
	text	   *document = PG_GETARG_TEXT_PP(0);
	Matcher    *matcher = get_matcher(fcinfo, true);
	VsTokenStream *stream = matcher->analyzer->stream;
	VsToken		token;

	if (matcher->match == NULL)
		PG_RETURN_BOOL(false);
	vs_match_words_begin(matcher->words);
	vs_token_stream_begin(stream, VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document));
	while (vs_token_stream_next(stream, &token))
		vs_match_words_see(matcher->words, token.term, token.length, token.position);
	PG_RETURN_BOOL(vs_match_words_match(matcher->words, matcher->match));
}

/* Note a lexeme of a tsvector, at each of its positions. */
static void
see_lexeme(VsMatchWords *words, TSVector vector, WordEntry *entry)
{
	const char *term = STRPTR(vector) + entry->pos;
	int			length = pg_mbcliplen(term, entry->len, VS_MAX_TERM_BYTES);
	int			n = entry->haspos ? POSDATALEN(vector, entry) : 0;

	if (n == 0)
		vs_match_words_see(words, term, length, 0);
	for (int i = 0; i < n; i++)
		vs_match_words_see(words, term, length, WEP_GETPOS(POSDATAPTR(vector, entry)[i]));
}

/* tsvector @@ bm25query */
PG_FUNCTION_INFO_V1(vecstore_bm25_match_tsvector);
Datum
vecstore_bm25_match_tsvector(PG_FUNCTION_ARGS)
{
	TSVector	vector = PG_GETARG_TSVECTOR(0);
	Matcher    *matcher = get_matcher(fcinfo, false);

	if (matcher->match == NULL)
		PG_RETURN_BOOL(false);
	vs_match_words_begin(matcher->words);
	for (int i = 0; i < vector->size; i++)
		see_lexeme(matcher->words, vector, &ARRPTR(vector)[i]);
	PG_RETURN_BOOL(vs_match_words_match(matcher->words, matcher->match));
}
