/*
 * tslexemes.c
 *		Lexemes by a text search configuration; see tslexemes.h.
 *
 * PostgreSQL's default parser (wparser_def.c) is a state machine that asks several
 * questions of each character, and a dictionary stems a word each time it comes: together
 * most of the time of building an index on text.  Most words are plain, though: ASCII
 * letters or digits, and behind them a space, a comma or the full stop of a sentence.
 * These are found here by a look at one character and the next, and what the
 * dictionaries make of them is kept.
 *
 * All else is left to the parser: a piece of text that begins where it would be in its
 * first state, TPS_Base (or in TPS_InSpace before a character that is not ASCII, which
 * makes no difference), and ends where it would be there again: behind a white space that
 * a letter or digit follows.  No token but a tag goes on across white space, so a text
 * with a '<' is parsed as a whole.  So is any text if the configuration has another parser,
 * or a dictionary that might want several words, such as a thesaurus.
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_ts_dict.h"
#include "catalog/pg_ts_template.h"
#include "common/hashfn.h"
#include "hybrid/tslexemes.h"
#include "miscadmin.h"
#include "tsearch/ts_public.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* Types of the default parser's tokens (wparser_def.c). */
#define ASCII_WORD		1
#define UNSIGNED_INTEGER	22

/* Longer words are hardly ever the same again. */
#define MAX_KEPT_WORD	40

/* When what is kept takes more memory, it is forgotten. */
#define MAX_KEPT_BYTES	(4 * 1024 * 1024)

typedef struct Word
{
	const char *text;
	int			length;
} Word;

/* A word, and what the dictionaries made of it. */
typedef struct KeptWord
{
	Word		word;
	TSLexeme   *lexemes;		/* NULL: no dictionary knows it */
	uint32		hash;
	char		status;
} KeptWord;

static inline bool
same_word(Word a, Word b)
{
	return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

#define SH_PREFIX		kept
#define SH_ELEMENT_TYPE	KeptWord
#define SH_KEY_TYPE		Word
#define SH_KEY			word
#define SH_HASH_KEY(tb, k)	hash_bytes((const unsigned char *) (k).text, (k).length)
#define SH_EQUAL(tb, a, b)	same_word(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a)	(a)->hash
#define SH_SCOPE		static inline
#define SH_DEFINE
#define SH_DECLARE
#include "lib/simplehash.h"

struct VsTsLexemes
{
	Oid			config;
	uint64		generation;		/* of the catalogs, when the following was found */
	bool		plain_words;	/* may be found here */
	MemoryContext context;		/* of what is kept */
	kept_hash  *kept;
};

static uint64 generation = 1;

static void
catalogs_changed(Datum argument, int cache, uint32 hash)
{
	generation++;
}

uint64
vs_ts_catalogs_generation(void)
{
	static const int caches[] = {TSCONFIGOID, TSCONFIGMAP, TSDICTOID, TSPARSEROID, TSTEMPLATEOID};
	static bool watching = false;

	for (int i = 0; i < lengthof(caches) && !watching; i++)
		CacheRegisterSyscacheCallback(caches[i], catalogs_changed, 0);
	watching = true;
	return generation;
}

/* ---- configurations ---- */

/* Whether a dictionary looks at one word at a time, whatever came before it. */
static bool
takes_single_words(Oid dictionary)
{
	static const char *const templates[] = {"simple", "synonym", "ispell", "snowball"};
	HeapTuple	dict = SearchSysCache1(TSDICTOID, ObjectIdGetDatum(dictionary));
	HeapTuple	template;
	Form_pg_ts_template form;
	bool		result = false;

	if (!HeapTupleIsValid(dict))
		elog(ERROR, "cache lookup failed for text search dictionary %u", dictionary);
	template = SearchSysCache1(TSTEMPLATEOID,
							   ObjectIdGetDatum(((Form_pg_ts_dict) GETSTRUCT(dict))->dicttemplate));
	if (!HeapTupleIsValid(template))
		elog(ERROR, "cache lookup failed for the template of text search dictionary %u", dictionary);
	form = (Form_pg_ts_template) GETSTRUCT(template);
	for (int i = 0; i < lengthof(templates); i++)
		result = result || (form->tmplnamespace == PG_CATALOG_NAMESPACE &&
							strcmp(NameStr(form->tmplname), templates[i]) == 0);
	ReleaseSysCache(template);
	ReleaseSysCache(dict);
	return result;
}

/* Whether plain words of a configuration's texts can be found here. */
static bool
has_plain_words(Oid oid)
{
	TSConfigCacheEntry *config = lookup_ts_config_cache(oid);
	TSParserCacheEntry *parser = lookup_ts_parser_cache(config->prsId);

	if (parser->tokenOid != F_PRSD_NEXTTOKEN)
		return false;
	for (int type = 0; type < config->lenmap; type++)
		for (int i = 0; i < config->map[type].len; i++)
			if (!takes_single_words(config->map[type].dictIds[i]))
				return false;
	return true;
}

VsTsLexemes *
vs_ts_lexemes_open(Oid config)
{
	VsTsLexemes *lexemes = (VsTsLexemes *) palloc0(sizeof(VsTsLexemes));

	lexemes->config = config;
	lexemes->context = AllocSetContextCreate(CurrentMemoryContext, "vecstore lexemes",
											 ALLOCSET_DEFAULT_SIZES);
	return lexemes;
}

/* Forget what may be wrong, or is too much; nobody holds lexemes now. */
static void
refresh(VsTsLexemes *lexemes)
{
	uint64		now = vs_ts_catalogs_generation();

	if (lexemes->generation == now &&
		MemoryContextMemAllocated(lexemes->context, true) < MAX_KEPT_BYTES)
		return;
	MemoryContextReset(lexemes->context);
	lexemes->kept = kept_create(lexemes->context, 64, NULL);
	lexemes->plain_words = has_plain_words(lexemes->config);
	lexemes->generation = now;
}

/* ---- characters ---- */

static inline bool
is_letter(char c)
{
	return (unsigned char) ((c | 0x20) - 'a') < 26;
}

static inline bool
is_digit(char c)
{
	return (unsigned char) (c - '0') < 10;
}

static inline bool
is_space(char c)
{
	return c == ' ' || (unsigned char) (c - '\t') < 5;
}

/* ---- dictionaries ---- */

TSLexeme *
vs_ts_lexize(const TSConfigCacheEntry *config, int type, char *word, int length)
{
	const ListDictionary *dictionaries = type < config->lenmap ? &config->map[type] : NULL;

	for (int i = 0; dictionaries && i < dictionaries->len; i++)
	{
		TSDictionaryCacheEntry *dictionary = lookup_ts_dictionary_cache(dictionaries->dictIds[i]);
		DictSubState state = {0};
		TSLexeme   *lexemes;

		do
		{
			state.isend = state.getnext;	/* a phrase that begins here ends here, too */
			state.getnext = false;
			lexemes = (TSLexeme *) DatumGetPointer(FunctionCall4(&dictionary->lexize,
																 PointerGetDatum(dictionary->dictData),
																 PointerGetDatum(word), Int32GetDatum(length),
																 PointerGetDatum(&state)));
		} while (state.getnext && !state.isend);
		if (lexemes && !(lexemes->flags & TSL_FILTER))
			return lexemes;
		if (lexemes)
		{
			word = lexemes->lexeme; /* for the dictionaries that follow */
			length = strlen(word);
		}
	}
	return NULL;
}

/* The lexemes of a plain word, in memory that stays. */
static TSLexeme *
lexize_plain(VsTsLexemes *lexemes, Word word)
{
	int			type = is_digit(word.text[0]) ? UNSIGNED_INTEGER : ASCII_WORD;

	return vs_ts_lexize(lookup_ts_config_cache(lexemes->config), type,
						unconstify(char *, word.text), word.length);
}

/* The same, kept if it may be of use again. */
static TSLexeme *
find_lexemes(VsTsLexemes *lexemes, Word word)
{
	MemoryContext caller;
	KeptWord   *kept;
	TSLexeme   *found;

	if (word.length > MAX_KEPT_WORD)
		return lexize_plain(lexemes, word);
	kept = kept_lookup(lexemes->kept, word);
	if (kept)
		return kept->lexemes;

	caller = MemoryContextSwitchTo(lexemes->context);
	found = lexize_plain(lexemes, word);
	word.text = pnstrdup(word.text, word.length);
	MemoryContextSwitchTo(caller);
	/* An error before this leaves nothing half done. */
	kept_insert(lexemes->kept, word, &(bool) {false})->lexemes = found;
	return found;
}

/* Append a word's lexemes as parsetext() does. */
static void
append_lexemes(ParsedText *parsed, const TSLexeme *lexeme)
{
	if (lexeme == NULL)
		return;
	parsed->pos++;
	for (; lexeme->lexeme; lexeme++)
	{
		ParsedWord *word;

		if (parsed->curwords == parsed->lenwords)
		{
			parsed->lenwords *= 2;
			parsed->words = (ParsedWord *) repalloc_huge(parsed->words,
														 parsed->lenwords * sizeof(ParsedWord));
		}
		if (lexeme->flags & TSL_ADDPOS)
			parsed->pos++;
		word = &parsed->words[parsed->curwords++];
		memset(word, 0, sizeof(ParsedWord));
		word->word = lexeme->lexeme;
		word->len = strlen(lexeme->lexeme);
		word->nvariant = lexeme->nvariant;
		word->flags = lexeme->flags & TSL_PREFIX;
		word->pos.pos = LIMITPOS(parsed->pos);
	}
}

/* ---- plain words ---- */

/*
 * Whether what the parser looks for behind one of the signs - + & ~ / . : is not there:
 * they begin numbers, entities and paths, and join hosts, files and words.
 */
static bool
ends_sign(const char *at, const char *end)
{
	return at == end || is_space(*at) || strchr("-,;!?()\"'", *at) != NULL;
}

/* Whether the parser ends a plain word here: TPS_InAsciiWord, TPS_InUnsignedInt. */
static bool
ends_word(const char *at, const char *end)
{
	if (at == end || is_space(*at) || *at == ',')
		return true;
	if (IS_HIGHBIT_SET(*at) || is_letter(*at) || is_digit(*at) || *at == '_' || *at == '@')
		return false;
	if (*at && strchr(".-/:", *at))
		return ends_sign(at + 1, end);
	return true;
}

/* Whether a token other than space may begin here, where no word does: TPS_Base. */
static bool
begins_token(const char *at, const char *end)
{
	return IS_HIGHBIT_SET(*at) || (*at && strchr("-+&~/.", *at) && !ends_sign(at + 1, end));
}

/* Whether a token of space goes on: TPS_InSpace. */
static bool
goes_on(char c)
{
	return !(IS_HIGHBIT_SET(c) || is_letter(c) || is_digit(c) ||
			 c == '-' || c == '+' || c == '&' || c == '/');
}

/*
 * The next plain word from *at on, where the parser is in TPS_Base; *at moves to its end.
 * If there is none before something else, *at stays there, and the word has no length.
 */
static Word
next_word(const char **at, const char *end)
{
	const char *p = *at;
	Word		word = {NULL, 0};

	while (p < end && !is_letter(*p) && !is_digit(*p))
	{
		if (begins_token(p, end))
			return word;
		do
			p++;
		while (p < end && goes_on(*p));
		*at = p;
	}
	if (p == end)
		return word;
	word.text = p;
	if (is_letter(*p))
		while (p < end && is_letter(*p))
			p++;
	else
		while (p < end && is_digit(*p))
			p++;
	if (ends_word(p, end) && p - word.text < MAXSTRLEN)
	{
		word.length = p - word.text;
		*at = p;
	}
	return word;
}

/* Where the parser, which begins in TPS_Base at "at", is there again. */
static const char *
next_base(const char *at, const char *end)
{
	at++;
	while (at < end && !(is_space(at[-1]) && (is_letter(*at) || is_digit(*at))))
		at++;
	return at;
}

void
vs_ts_lexemes_parse(VsTsLexemes *lexemes, ParsedText *parsed, const char *text, int length)
{
	const char *end = text + length;
	const char *at = text;

	refresh(lexemes);
	if (!lexemes->plain_words || memchr(text, '<', length) != NULL)
	{
		parsetext(lexemes->config, parsed, unconstify(char *, text), length);
		return;
	}
	while (at < end)
	{
		Word		word = next_word(&at, end);

		CHECK_FOR_INTERRUPTS();
		if (word.length > 0)
			append_lexemes(parsed, find_lexemes(lexemes, word));
		else if (at < end)
		{
			const char *base = next_base(at, end);

			parsetext(lexemes->config, parsed, unconstify(char *, at), base - at);
			at = base;
		}
	}
}
