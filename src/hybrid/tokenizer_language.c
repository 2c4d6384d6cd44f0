/*
 * tokenizer_language.c
 *		Tokenizer "language": words as those of "simple", without stop words,
 *		reduced to their stems.  Pure C: no postgres.h here.
 *
 * In this order: case folding, the possessive 's goes, stop words go, the
 * Snowball stemmer.  With Lucene's stop words and the stemmer "porter" these
 * are the terms of Lucene's English analysis.  A stop word leaves a gap in the
 * positions, so that a phrase does not match across it by accident.
 *
 * Stop words are folded like the text, and may have an apostrophe.
 */
#include <libstemmer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hybrid/tokenizer_kind.h"
#include "hybrid/words.h"

typedef struct StopWord
{
	int32_t		length;
	char		word[VS_MAX_TERM_BYTES];
} StopWord;

typedef struct LanguageTokenizer
{
	VsTokenizer base;
	VsWords		words;
	struct sb_stemmer *stemmer; /* NULL: none */
	StopWord   *stop_words;		/* sorted */
	int			nstop_words;
	bool		keep_possessive;
} LanguageTokenizer;

static const char *const option_names[] = {
	"language", "stemmer", "stopwords", "keep_possessive", NULL
};

const char *const vs_lucene_stop_words[] = {
	"a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in",
	"into", "is", "it", "no", "not", "of", "on", "or", "such", "that", "the",
	"their", "then", "there", "these", "they", "this", "to", "was", "will",
	"with", NULL
};

/* Names of all stemmers. */
const char *const *
vs_stemmer_names(void)
{
	return (const char *const *) sb_stemmer_list();
}

/* Order of words: by bytes. */
static int
compare_words(const char *a, int32_t a_length, const char *b, int32_t b_length)
{
	int			diff = memcmp(a, b, (size_t) (a_length < b_length ? a_length : b_length));

	return diff != 0 ? diff : a_length - b_length;
}

/* The same for qsort(). */
static int
compare_stop_words(const void *a, const void *b)
{
	const StopWord *x = (const StopWord *) a;
	const StopWord *y = (const StopWord *) b;

	return compare_words(x->word, x->length, y->word, y->length);
}

/* Take a copy of the stop words. */
static VsTokenizerStatus
copy_stop_words(LanguageTokenizer *language, const VsTokenizerOptions *options)
{
	if (options->nstop_words == 0)
		return VS_TOKENIZER_OK;
	language->stop_words = (StopWord *) malloc((size_t) options->nstop_words * sizeof(StopWord));
	if (language->stop_words == NULL)
		return VS_TOKENIZER_NO_MEMORY;
	for (int i = 0; i < options->nstop_words; i++)
	{
		const char *word = options->stop_words[i];
		size_t		length = strnlen(word, 3 * VS_MAX_TERM_BYTES);

		language->stop_words[i].length = vs_fold(word, (int32_t) length, language->stop_words[i].word);
	}
	qsort(language->stop_words, (size_t) options->nstop_words, sizeof(StopWord), compare_stop_words);
	language->nstop_words = options->nstop_words;
	return VS_TOKENIZER_OK;
}

/* A stemmer by its full name: Snowball would take abbreviations, too. */
static VsTokenizerStatus
make_stemmer(LanguageTokenizer *language, const char *name)
{
	const char *const *known = vs_stemmer_names();

	if (name == NULL)
		return VS_TOKENIZER_OK;
	while (*known && strcmp(*known, name) != 0)
		known++;
	if (*known == NULL)
		return VS_TOKENIZER_NO_STEMMER;
	language->stemmer = sb_stemmer_new(name, "UTF_8");
	return language->stemmer ? VS_TOKENIZER_OK : VS_TOKENIZER_NO_MEMORY;
}

/* Make ready. */
static VsTokenizerStatus
language_init(VsTokenizer *tokenizer, const VsTokenizerOptions *options)
{
	LanguageTokenizer *language = (LanguageTokenizer *) tokenizer;
	VsTokenizerStatus status = vs_fold_init();

	language->keep_possessive = options->keep_possessive;
	if (status == VS_TOKENIZER_OK)
		status = make_stemmer(language, options->stemmer);
	if (status == VS_TOKENIZER_OK)
		status = vs_words_init(&language->words);
	if (status == VS_TOKENIZER_OK)
		status = copy_stop_words(language, options);
	return status;
}

/* Free what language_init() has got. */
static void
language_finish(VsTokenizer *tokenizer)
{
	LanguageTokenizer *language = (LanguageTokenizer *) tokenizer;

	vs_words_finish(&language->words);
	free(language->stop_words);
	sb_stemmer_delete(language->stemmer);
}

/* A new text. */
static void
language_begin(VsTokenizer *tokenizer)
{
	vs_words_begin(&((LanguageTokenizer *) tokenizer)->words, tokenizer->text, tokenizer->length);
}

/* The length of a folded term without its possessive 's. */
static int32_t
without_possessive(const char *term, int32_t length)
{
	/* The apostrophe of typewriters, of typographers, and of wide letters. */
	static const char *const endings[] = {"'s", "\xE2\x80\x99s", "\xEF\xBC\x87s"};

	for (int i = 0; i < 3; i++)
	{
		int32_t		n = (int32_t) strlen(endings[i]);

		if (length > n && memcmp(term + length - n, endings[i], (size_t) n) == 0)
			return length - n;
	}
	return length;
}

/* Is a folded term a stop word? */
static bool
is_stop_word(const LanguageTokenizer *language, const char *term, int32_t length)
{
	int			low = 0;
	int			high = language->nstop_words;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		const StopWord *stop = &language->stop_words[middle];
		int			diff = compare_words(term, length, stop->word, stop->length);

		if (diff == 0)
			return true;
		if (diff < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

/*
 * Replace a term by its stem; returns the stem's length, or -1 if memory ran
 * out.  A word of which nothing would be left stays.
 */
static int32_t
stem(struct sb_stemmer *stemmer, char *term, int32_t length)
{
	const sb_symbol *result = sb_stemmer_stem(stemmer, (const sb_symbol *) term, length);
	int32_t		n;

	if (result == NULL)
		return -1;
	n = vs_cut_term((const char *) result, sb_stemmer_length(stemmer));
	if (n == 0)
		return length;
	memcpy(term, result, (size_t) n);
	return n;
}

/* The next word that is no stop word, as its stem. */
static bool
language_next(VsTokenizer *tokenizer, VsToken *token)
{
	LanguageTokenizer *language = (LanguageTokenizer *) tokenizer;
	char	   *term = tokenizer->term;
	int32_t		length;

	do
	{
		if (!vs_words_next(&language->words, &token->start, &token->end))
		{
			tokenizer->failed = language->words.failed;
			return false;
		}
		tokenizer->position++;
		length = vs_fold(tokenizer->text + token->start, token->end - token->start, term);
		if (!language->keep_possessive)
			length = without_possessive(term, length);
	} while (is_stop_word(language, term, length));
	if (language->stemmer)
		length = stem(language->stemmer, term, length);
	tokenizer->failed = length < 0;
	token->term = term;
	token->length = length;
	token->position = tokenizer->position;
	return !tokenizer->failed;
}

/* One more term into a hash: FNV-1a, with a '\0' at the end. */
static uint32_t
hash_term(uint32_t hash, const char *term, int32_t length)
{
	for (int32_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char) term[i]) * UINT32_C(16777619);
	return hash * UINT32_C(16777619);
}

/* The stem of a word into a hash. */
static uint32_t
hash_stem(const LanguageTokenizer *language, uint32_t hash, const char *word, int32_t word_length)
{
	char		term[VS_MAX_TERM_BYTES];
	int32_t		length = vs_fold(word, word_length, term);

	if (language->stemmer)
		length = stem(language->stemmer, term, length);
	return hash_term(hash, term, length);
}

/*
 * Snowball does not tell its version: a fingerprint of what the stemmer makes
 * of some words and of the stop words, and of these.
 */
static uint32_t
fingerprint(const LanguageTokenizer *language)
{
	/* Endings that stemmers care about, in some scripts. */
	static const char *const samples[] = {
		"relational", "hopefulness", "generously", "skies", "evening", "added", "communism",
		"vietnamization", "aufgeregten", "häuser", "strassen", "continuellement", "majestueuses",
		"rapidamente", "canciones", "cantando", "abbandonata", "propagandas", "gladde", "onverwachts",
		"jakternas", "havnedistriktene", "matkustajat", "szerencsétlen", "frumoasele", "kitapları",
		"вечерами", "красивейшего", "εξωτερικων", "والكتابات", "किताबों", "புத்தகங்கள்",
		"երեխաներից", "pekerjaannya", "bhfuinneogaí", "केटाहरूलाई", "געארבעט"
	};
	uint32_t	hash = UINT32_C(2166136261);

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		hash = hash_stem(language, hash, samples[i], (int32_t) strlen(samples[i]));
	for (int i = 0; i < language->nstop_words; i++)
	{
		const StopWord *stop = &language->stop_words[i];

		hash = hash_term(hash, stop->word, stop->length);
		hash = hash_stem(language, hash, stop->word, stop->length);
	}
	return hash;
}

/* What words, stop words and stems depend on. */
static void
language_version(const VsTokenizer *tokenizer, char version[VS_TOKENIZER_VERSION_BYTES])
{
	size_t		length;

	vs_words_version(version);
	length = strlen(version);
	snprintf(version + length, VS_TOKENIZER_VERSION_BYTES - length, ", stems and stop words %08x",
			 (unsigned) fingerprint((const LanguageTokenizer *) tokenizer));
}

const VsTokenizerKind vs_language_kind = {
	.name = "language",
	.options = option_names,
	.size = sizeof(LanguageTokenizer),
	.init = language_init,
	.finish = language_finish,
	.begin = language_begin,
	.next = language_next,
	.version = language_version,
};
