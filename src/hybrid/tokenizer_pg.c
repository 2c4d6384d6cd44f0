/*
 * tokenizer_pg.c
 *		Tokenizers in the server: names and options, encodings, stop words, text
 *		search configurations, memory.
 *
 * Our tokenizers hold memory that PostgreSQL does not know of.  Each in use
 * belongs to a stream, and goes from there into a small pool when the stream's
 * memory context is reset, which happens after errors, too.  The next stream
 * with the same options takes it from there.  So one tokenizer never reads two
 * texts at once, and nothing leaks.
 *
 * Text search configurations are found in pg_catalog unless their schema is
 * named, whatever the search_path: the terms of an index must not depend on who
 * inserts.
 */
#include "postgres.h"
#include "compat.h"

#include <unistd.h>

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_parser.h"
#include "catalog/pg_ts_template.h"
#include "common/hashfn.h"
#include "hybrid/tokenizer_pg.h"
#include "hybrid/tslexemes.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "tsearch/ts_cache.h"
#include "tsearch/ts_public.h"
#include "tsearch/ts_utils.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* Idle tokenizers that are kept. */
#define POOL_SIZE		8

/* Bytes of another encoding that are converted at once. */
#define WINDOW_BYTES	8192

/* A tokenizer and the options it was made with. */
typedef struct Pooled
{
	struct Pooled *next;
	VsTokenizer *tokenizer;
	char		key[FLEXIBLE_ARRAY_MEMBER];
} Pooled;

struct VsTokenStream
{
	MemoryContextCallback callback;
	MemoryContext scratch;		/* what one text needs */

	/* One of ours. */
	Pooled	   *pooled;
	Oid			to_utf8;		/* conversions; invalid if none is needed */
	Oid			from_utf8;
	const char *text;			/* as it was given */
	size_t		length;
	const char *utf8;			/* what the tokenizer reads */
	int32		utf8_at;		/* the same place in that, */
	int32		text_at;		/* and in the text */
	char		term[VS_MAX_TERM_BYTES * MAX_CONVERSION_GROWTH + 8];

	/* Or a text search configuration. */
	Oid			ts_config;
	VsTsLexemes *ts_lexemes;
	ParsedText	parsed;
	int			next_word;

	/* Or that, word by word, so that there are offsets. */
	void	   *parser;			/* the configuration's, at work; NULL: the above */
	MemoryContext word_memory;
	TSLexeme   *lexemes;		/* of the word, as far as not given out yet */
	int32		word_start;
	int32		word_end;
};

/* Idle tokenizers, the last used first. */
static Pooled *pool = NULL;

/* ---- names and options ---- */

/* Is a name in a list? */
static bool
is_listed(const char *name, const char *const *list)
{
	while (*list && strcmp(*list, name) != 0)
		list++;
	return *list != NULL;
}

/* A list of names as text. */
static char *
join_names(const char *const *list)
{
	StringInfoData text;

	initStringInfo(&text);
	for (; *list; list++)
		appendStringInfo(&text, "%s%s", text.len > 0 ? ", " : "", *list);
	return text.data;
}

/* The text search configuration of a name, or InvalidOid. */
static Oid
find_ts_config(const char *name)
{
	List	   *parts = NIL;
	List	   *names = NIL;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(name), '.', &parts) || list_length(parts) > 2)
		return InvalidOid;
	foreach(cell, parts)
		names = lappend(names, makeString((char *) lfirst(cell)));
	/* "Simple" is a misspelt tokenizer of ours, not PostgreSQL's configuration. */
	if (list_length(names) == 1 && is_listed(strVal(linitial(names)), vs_tokenizer_names()))
		return InvalidOid;
	if (list_length(names) == 1)
		names = lcons(makeString("pg_catalog"), names);
	return names == NIL ? InvalidOid : get_ts_config_oid(names, true);
}

/* The text search configuration that a tokenizer is, or InvalidOid. */
Oid
vs_tokenizer_ts_config(const char *tokenizer)
{
	Oid			config;

	if (is_listed(tokenizer, vs_tokenizer_names()))
		return InvalidOid;
	config = find_ts_config(tokenizer);
	if (!OidIsValid(config))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no tokenizer \"%s\"", tokenizer),
				 errhint("Tokenizers are %s, and text search configurations such as english; outside of pg_catalog they need their schema.",
						 join_names(vs_tokenizer_names()))));
	return config;
}

/* Raise an error unless the tokenizer takes the option. */
void
vs_tokenizer_check_option(const char *tokenizer, const char *option)
{
	const char *const *options = vs_tokenizer_option_names(tokenizer);

	if (options && is_listed(option, options))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("tokenizer \"%s\" has no option \"%s\"", tokenizer, option),
			 options && *options ?
			 errhint("Its options are %s.", join_names(options)) :
			 errhint("It has no options.")));
}

/* Refuse options that the tokenizer does not take. */
static void
check_options(const VsTokenizerConfig *config)
{
	const struct
	{
		const char *name;
		bool		given;
	}			options[] = {
		{"language", config->language != NULL},
		{"stemmer", config->stemmer != NULL},
		{"stopwords", config->stopwords != NULL},
		{"keep_possessive", config->keep_possessive},
		{"min_gram", config->min_gram != 0},
		{"max_gram", config->max_gram != 0},
	};

	for (int i = 0; i < lengthof(options); i++)
	{
		if (options[i].given)
			vs_tokenizer_check_option(config->tokenizer, options[i].name);
	}
}

/* ---- encodings ---- */

/*
 * Append text of the database's encoding as UTF-8.  A character that Unicode
 * lacks becomes U+FFFD: a row is not refused for that.
 */
static void
append_utf8(StringInfo out, Oid conversion, const char *text, size_t length)
{
	const char *end = text + length;

	while (text < end)
	{
		int			window = Min(end - text, WINDOW_BYTES);
		int			room = window * MAX_CONVERSION_GROWTH + 8;
		int			done;

		enlargeStringInfo(out, room);
		done = pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), PG_UTF8,
											 (unsigned char *) unconstify(char *, text), window,
											 (unsigned char *) out->data + out->len, room, true);
		out->len += strlen(out->data + out->len);
		text += done;
		/* A full window may end within a character, which begins the next. */
		if (done == 0)
		{
			appendStringInfoString(out, "\xEF\xBF\xBD");
			text += Min(pg_mblen(text), end - text);
		}
		CHECK_FOR_INTERRUPTS();
	}
}

/* Is the text ASCII, and so the same in any encoding? */
static bool
is_ascii(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (IS_HIGHBIT_SET(text[i]))
			return false;
	}
	return true;
}

/*
 * Where in the text a place of its UTF-8 is, at or behind the place noted last.
 * Characters correspond one to one.  (Not 25 of EUC_JIS_2004, whose UTF-8 has
 * two code points: behind them, offsets are too large by some characters.)
 */
static int32
offset_in_text(const VsTokenStream *stream, int32 utf8_offset)
{
	int32		at = stream->text_at;
	int32		end = stream->length;

	for (int32 i = stream->utf8_at; i < utf8_offset && at < end;
		 i += pg_utf_mblen((const unsigned char *) stream->utf8 + i))
		at += pg_mblen(stream->text + at);
	return Min(at, end);
}

/* Make of a token of the UTF-8 one of the text. */
static void
convert_token(VsTokenStream *stream, VsToken *token)
{
	int			done;

	if (stream->utf8 != stream->text)
	{
		/* Starts never go back. */
		stream->text_at = offset_in_text(stream, token->start);
		stream->utf8_at = token->start;
		token->start = stream->text_at;
		token->end = offset_in_text(stream, token->end);
	}
	if (is_ascii(token->term, token->length))
		return;
	done = pg_do_encoding_conversion_buf(stream->from_utf8, PG_UTF8, GetDatabaseEncoding(),
										 (unsigned char *) unconstify(char *, token->term), token->length,
										 (unsigned char *) stream->term, sizeof(stream->term), true);
	if (done == token->length)
	{
		token->term = stream->term;
		token->length = strlen(stream->term);
	}
	else
	{
		token->term = stream->text + token->start;
		token->length = token->end - token->start;
	}
	token->length = pg_mbcliplen(token->term, token->length, VS_MAX_TERM_BYTES);
}

/* Find the conversions to and from UTF-8, if the database is of another encoding. */
static void
find_conversions(VsTokenStream *stream)
{
	int			encoding = GetDatabaseEncoding();

	/* SQL_ASCII says nothing of bytes above 127; they are taken for UTF-8. */
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return;
	stream->to_utf8 = FindDefaultConversionProc(encoding, PG_UTF8);
	stream->from_utf8 = FindDefaultConversionProc(PG_UTF8, encoding);
	if (!OidIsValid(stream->to_utf8) || !OidIsValid(stream->from_utf8))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("vecstore has no tokenizers for encoding %s", pg_encoding_to_char(encoding)),
				 errdetail("There is no conversion to and from UTF8."),
				 errhint("Use a text search configuration.")));
}

/* ---- making a tokenizer of ours ---- */

/* Is there a file NAME.stop among the server's text search data? */
static bool
has_stop_file(const char *name)
{
	char	   *path = get_tsearch_config_filename(name, "stop");
	bool		found = access(path, R_OK) == 0;

	pfree(path);
	return found;
}

/* Read the stop words of a file, as UTF-8. */
static void
read_stop_file(const char *name, VsTokenizerOptions *options)
{
	StopList	list;

	readstoplist(name, &list, NULL);
	for (int i = 0; i < list.len; i++)
		list.stop[i] = pg_server_to_any(list.stop[i], strlen(list.stop[i]), PG_UTF8);
	options->stop_words = (const char *const *) list.stop;
	options->nstop_words = list.len;
}

/* Find the stop words: those asked for, else those of the language. */
static void
set_stop_words(const VsTokenizerConfig *config, const char *language, VsTokenizerOptions *options)
{
	const char *name = config->stopwords;

	if (name == NULL)
	{
		if (has_stop_file(language))
			read_stop_file(language, options);
	}
	else if (strcmp(name, "lucene") == 0)
	{
		options->stop_words = vs_lucene_stop_words;
		while (options->stop_words[options->nstop_words])
			options->nstop_words++;
	}
	else if (strcmp(name, "none") != 0)
	{
		if (!has_stop_file(name))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no list of stop words \"%s\"", name),
					 errhint("Lists are lucene, none, and the files NAME.stop in the server's folder tsearch_data, such as english.")));
		read_stop_file(name, options);
	}
}

/* What the tokenizer is told: defaults filled in, lists read. */
static VsTokenizerOptions
resolve_options(const VsTokenizerConfig *config)
{
	VsTokenizerOptions options = {0};
	const char *language = config->language ? config->language : "english";
	const char *stemmer = config->stemmer ? config->stemmer : language;

	options.keep_possessive = config->keep_possessive;
	options.min_gram = config->min_gram;
	options.max_gram = config->max_gram;
	if (strcmp(config->tokenizer, "language") != 0)
		return options;

	if (strcmp(stemmer, "none") != 0)
	{
		if (!is_listed(stemmer, vs_stemmer_names()))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("there is no stemmer \"%s\"", stemmer),
					 errhint("Stemmers are none, %s.", join_names(vs_stemmer_names()))));
		options.stemmer = stemmer;
	}
	set_stop_words(config, language, &options);
	return options;
}

/* Make a tokenizer, or say why not. */
static VsTokenizer *
create_tokenizer(const VsTokenizerConfig *config)
{
	VsTokenizerOptions options = resolve_options(config);
	VsTokenizer *tokenizer;

	switch (vs_tokenizer_create(config->tokenizer, &options, &tokenizer))
	{
		case VS_TOKENIZER_OK:
			return tokenizer;
		case VS_TOKENIZER_WRONG_GRAMS:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("tokenizer \"%s\" cannot make such grams", config->tokenizer),
					 errhint("Options must be 1 <= min_gram <= max_gram <= %d.", VS_MAX_GRAM)));
			break;
		case VS_TOKENIZER_NO_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
			break;
		case VS_TOKENIZER_UNKNOWN:
		case VS_TOKENIZER_NO_STEMMER:
		case VS_TOKENIZER_ICU_FAILED:
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not make tokenizer \"%s\"", config->tokenizer),
					 errhint("ICU or Snowball is not installed as it should be.")));
			break;
	}
	return NULL;				/* not reached */
}

/* ---- streams ---- */

/* Free a tokenizer of the pool. */
static void
free_pooled(Pooled *pooled)
{
	vs_tokenizer_free(pooled->tokenizer);
	pfree(pooled);
}

/*
 * A stream's memory goes: its tokenizer returns to the pool, whose last one
 * leaves it if it is full.  Allocates nothing, since it may be called after any
 * error.
 */
static void
release_stream(void *argument)
{
	Pooled	   *pooled = ((VsTokenStream *) argument)->pooled;
	Pooled	  **last = &pool;

	if (pooled == NULL)
		return;
	if (pooled->tokenizer == NULL)
	{
		free_pooled(pooled);	/* making it has failed */
		return;
	}
	pooled->next = pool;
	pool = pooled;
	for (int i = 0; i < POOL_SIZE && *last; i++)
		last = &(*last)->next;
	if (*last)
	{
		free_pooled(*last);
		*last = NULL;
	}
}

/* Options as a string that no other options have. */
static char *
make_key(const VsTokenizerConfig *config)
{
	const char *const texts[] = {config->tokenizer, config->language, config->stemmer, config->stopwords};
	StringInfoData key;

	initStringInfo(&key);
	for (int i = 0; i < lengthof(texts); i++)
		appendStringInfo(&key, "%d:%s,", texts[i] ? (int) strlen(texts[i]) : -1, texts[i] ? texts[i] : "");
	appendStringInfo(&key, "%d,%d,%d", config->keep_possessive, config->min_gram, config->max_gram);
	return key.data;
}

/* Take an idle tokenizer out of the pool, or make one. */
static void
take_tokenizer(VsTokenStream *stream, const VsTokenizerConfig *config)
{
	char	   *key = make_key(config);
	Pooled	  **idle = &pool;
	Pooled	   *pooled;

	while (*idle && strcmp((*idle)->key, key) != 0)
		idle = &(*idle)->next;
	pooled = *idle;
	if (pooled)
		*idle = pooled->next;
	else
	{
		pooled = (Pooled *) MemoryContextAllocZero(TopMemoryContext, offsetof(Pooled, key) + strlen(key) + 1);
		strcpy(pooled->key, key);
	}
	/* From here on release_stream() takes care of it. */
	stream->pooled = pooled;
	if (pooled->tokenizer == NULL)
		pooled->tokenizer = create_tokenizer(config);
}

/* Open a stream; the current memory context holds it. */
VsTokenStream *
vs_token_stream_open(const VsTokenizerConfig *config)
{
	VsTokenStream *stream = (VsTokenStream *) palloc0(sizeof(VsTokenStream));
	MemoryContext caller = CurrentMemoryContext;

	stream->callback.func = release_stream;
	stream->callback.arg = stream;
	MemoryContextRegisterResetCallback(caller, &stream->callback);
	stream->scratch = AllocSetContextCreate(caller, "vecstore tokens", ALLOCSET_DEFAULT_SIZES);

	MemoryContextSwitchTo(stream->scratch);
	stream->ts_config = vs_tokenizer_ts_config(config->tokenizer);
	check_options(config);
	if (!OidIsValid(stream->ts_config))
	{
		find_conversions(stream);
		take_tokenizer(stream, config);
	}
	MemoryContextSwitchTo(caller);
	if (OidIsValid(stream->ts_config))
		stream->ts_lexemes = vs_ts_lexemes_open(stream->ts_config);
	return stream;
}

/* Let a text search configuration parse a whole text. */
static void
parse_text(VsTokenStream *stream, const char *text, size_t length)
{
	stream->parsed.lenwords = 64;
	stream->parsed.curwords = 0;
	stream->parsed.pos = 0;
	stream->parsed.words = (ParsedWord *) palloc(stream->parsed.lenwords * sizeof(ParsedWord));
	stream->next_word = 0;
	vs_ts_lexemes_parse(stream->ts_lexemes, &stream->parsed, text, length);
}

/* Let the parser of a text search configuration begin. */
static void
begin_words(VsTokenStream *stream, const char *text, size_t length)
{
	TSConfigCacheEntry *config = lookup_ts_config_cache(stream->ts_config);
	TSParserCacheEntry *parser = lookup_ts_parser_cache(config->prsId);

	stream->text = text;
	stream->length = length;
	stream->word_memory = AllocSetContextCreate(stream->scratch, "vecstore word", ALLOCSET_SMALL_SIZES);
	stream->lexemes = NULL;
	stream->parser = DatumGetPointer(FunctionCall2(&parser->prsstart, PointerGetDatum(text),
												   Int32GetDatum((int32) length)));
}

/* Begin a text with a tokenizer of ours. */
static void
begin_tokens(VsTokenStream *stream, const char *text, size_t length)
{
	StringInfoData utf8;

	stream->text = text;
	stream->length = length;
	stream->utf8 = text;
	stream->utf8_at = 0;
	stream->text_at = 0;
	if (OidIsValid(stream->to_utf8) && !is_ascii(text, length))
	{
		initStringInfo(&utf8);
		append_utf8(&utf8, stream->to_utf8, text, length);
		stream->utf8 = utf8.data;
		length = utf8.len;
	}
	vs_tokens_begin(stream->pooled->tokenizer, stream->utf8, length);
}

/* Begin a text, with offsets in any case or not. */
static void
begin(VsTokenStream *stream, const char *text, size_t length, bool offsets)
{
	MemoryContext caller;

	MemoryContextReset(stream->scratch);
	caller = MemoryContextSwitchTo(stream->scratch);
	stream->parser = NULL;
	if (!OidIsValid(stream->ts_config))
		begin_tokens(stream, text, length);
	else if (offsets)
		begin_words(stream, text, length);
	else
		parse_text(stream, text, length);
	MemoryContextSwitchTo(caller);
}

/* Begin a text. */
void
vs_token_stream_begin(VsTokenStream *stream, const char *text, size_t length)
{
	begin(stream, text, length, false);
}

/* Begin a text whose tokens shall have offsets. */
void
vs_token_stream_begin_offsets(VsTokenStream *stream, const char *text, size_t length)
{
	begin(stream, text, length, true);
}

/* Step to the next word of a text search configuration's parser. */
static bool
next_word(VsTokenStream *stream)
{
	TSConfigCacheEntry *config = lookup_ts_config_cache(stream->ts_config);
	TSParserCacheEntry *parser = lookup_ts_parser_cache(config->prsId);
	MemoryContext caller = MemoryContextSwitchTo(stream->scratch);
	char	   *word = NULL;
	int			length = 0;
	int			type;

	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(stream->word_memory);
	stream->lexemes = NULL;
	type = DatumGetInt32(FunctionCall3(&parser->prstoken, PointerGetDatum(stream->parser),
									   PointerGetDatum(&word), PointerGetDatum(&length)));
	/* Longer ones are no words for parsetext(), which indexes use. */
	if (type > 0 && length < MAXSTRLEN)
	{
		/* A parser might give a copy of the word; then there is no offset. */
		bool		in_text = word >= stream->text && word + length <= stream->text + stream->length;

		stream->word_start = in_text ? word - stream->text : -1;
		stream->word_end = in_text ? stream->word_start + length : -1;
		MemoryContextSwitchTo(stream->word_memory);
		stream->lexemes = vs_ts_lexize(config, type, word, length);
	}
	else if (type <= 0)
		FunctionCall1(&parser->prsend, PointerGetDatum(stream->parser));
	MemoryContextSwitchTo(caller);
	return type > 0;
}

/* The length of a term that is cut, at a character, to what it may have. */
static int
clip_term(const char *term, int length)
{
	return length <= VS_MAX_TERM_BYTES ? length : pg_mbcliplen(term, length, VS_MAX_TERM_BYTES);
}

/* The next lexeme, with its offsets. */
static bool
next_lexeme_of_word(VsTokenStream *stream, VsToken *token)
{
	while (stream->lexemes == NULL || stream->lexemes->lexeme == NULL)
	{
		if (!next_word(stream))
			return false;
	}
	token->term = stream->lexemes->lexeme;
	token->length = clip_term(token->term, strlen(token->term));
	token->position = 0;
	token->start = stream->word_start;
	token->end = stream->word_end;
	stream->lexemes++;
	return true;
}

/* The next lexeme of a text search configuration. */
static bool
next_lexeme(VsTokenStream *stream, VsToken *token)
{
	const ParsedWord *word;

	if (stream->next_word == stream->parsed.curwords)
		return false;
	word = &stream->parsed.words[stream->next_word++];
	token->term = word->word;
	token->length = clip_term(word->word, word->len);
	token->position = word->pos.pos;
	token->start = -1;
	token->end = -1;
	return true;
}

/* The next token. */
bool
vs_token_stream_next(VsTokenStream *stream, VsToken *token)
{
	CHECK_FOR_INTERRUPTS();
	if (stream->parser)
		return next_lexeme_of_word(stream, token);
	if (OidIsValid(stream->ts_config))
		return next_lexeme(stream, token);
	if (vs_tokens_next(stream->pooled->tokenizer, token))
	{
		if (OidIsValid(stream->from_utf8))
			convert_token(stream, token);
		return true;
	}
	if (vs_tokens_failed(stream->pooled->tokenizer))
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("ICU or Snowball failed on a text of %zu bytes.", stream->length)));
	return false;
}

/* Append the name of a row of a text search catalog. */
static void
append_ts_name(StringInfo out, int cache, Oid oid, AttrNumber column)
{
	HeapTuple	tuple = SearchSysCache1(cache, ObjectIdGetDatum(oid));
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search object %u", oid);
	appendStringInfo(out, "%s\n",
					 NameStr(*DatumGetName(SysCacheGetAttr(cache, tuple, column, &isnull))));
	ReleaseSysCache(tuple);
}

/* Append what makes a dictionary: name, template, options. */
static void
append_dictionary(StringInfo out, Oid oid)
{
	HeapTuple	tuple = SearchSysCache1(TSDICTOID, ObjectIdGetDatum(oid));
	Datum		options;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for text search dictionary %u", oid);
	options = SysCacheGetAttr(TSDICTOID, tuple, Anum_pg_ts_dict_dictinitoption, &isnull);
	appendStringInfo(out, "%s %s ", NameStr(((Form_pg_ts_dict) GETSTRUCT(tuple))->dictname),
					 isnull ? "" : TextDatumGetCString(options));
	append_ts_name(out, TSTEMPLATEOID, ((Form_pg_ts_dict) GETSTRUCT(tuple))->dicttemplate,
				   Anum_pg_ts_template_tmplname);
	ReleaseSysCache(tuple);
}

/*
 * A number that changes when the configuration or one of its dictionaries is altered: of
 * names, not OIDs, so that it outlives an upgrade.  What is in the dictionaries' files
 * nobody knows.
 */
static uint64
fingerprint_ts_config(Oid oid)
{
	TSConfigCacheEntry *config = lookup_ts_config_cache(oid);
	StringInfoData text;
	uint64		fingerprint;

	initStringInfo(&text);
	append_ts_name(&text, TSPARSEROID, config->prsId, Anum_pg_ts_parser_prsname);
	for (int type = 0; type < config->lenmap; type++)
		for (int i = 0; i < config->map[type].len; i++)
		{
			appendStringInfo(&text, "%d ", type);
			append_dictionary(&text, config->map[type].dictIds[i]);
		}
	fingerprint = hash_bytes_extended((const unsigned char *) text.data, text.len, 0);
	pfree(text.data);
	return fingerprint;
}

/* The same without looking again, as long as nothing has changed: every query asks. */
static uint64
known_fingerprint(Oid oid)
{
	static Oid	known = InvalidOid;
	static uint64 generation;
	static uint64 fingerprint;
	uint64		now = vs_ts_catalogs_generation();

	if (known == oid && generation == now)
		return fingerprint;
	known = InvalidOid;
	fingerprint = fingerprint_ts_config(oid);
	generation = now;
	known = oid;
	return fingerprint;
}

/* What the terms depend on. */
void
vs_token_stream_version(VsTokenStream *stream, char version[VS_TOKENIZER_VERSION_BYTES])
{
	if (OidIsValid(stream->ts_config))
		snprintf(version, VS_TOKENIZER_VERSION_BYTES, "PostgreSQL " PG_MAJORVERSION " %016llx",
				 (unsigned long long) known_fingerprint(stream->ts_config));
	else
		vs_tokenizer_version(stream->pooled->tokenizer, version);
}
