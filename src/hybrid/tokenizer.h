/*
 * tokenizer.h
 *		Text to terms: the tokenizers of full-text search.  Pure C: no
 *		postgres.h here.
 *
 * A tokenizer is made once, by name and options, and then reads one text after
 * the other:
 *
 *		vs_tokens_begin(tokenizer, text, length);
 *		while (vs_tokens_next(tokenizer, &token))
 *			...
 *
 * The caller pulls, so that it may stop, raise an error or ask for interrupts
 * between two tokens: a tokenizer holds memory of malloc(), ICU and Snowball,
 * and no frame of ours is on the stack when the caller jumps out of its loop.
 * Whoever made a tokenizer frees it; a tokenizer reads one text at a time.
 *
 * Texts and terms are UTF-8.  What is not valid UTF-8 counts as U+FFFD, as in
 * ICU, and never harms.
 */
#ifndef VECSTORE_TOKENIZER_H
#define VECSTORE_TOKENIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A term is cut, at a character, to so many bytes.  Its length fits one byte
 * of a dictionary then.  It is cut, not left out, since a query for the same
 * word is cut in the same way: a DNA sequence or a URL can be found, if only by
 * its beginning.
 */
#define VS_MAX_TERM_BYTES	255

/* Bounds of the options min_gram and max_gram, and what they are by default. */
#define VS_MAX_GRAM			16
#define VS_DEFAULT_MIN_GRAM	2
#define VS_DEFAULT_MAX_GRAM	3

/* Room for any version, with the '\0'. */
#define VS_TOKENIZER_VERSION_BYTES	96

typedef struct VsTokenizer VsTokenizer;

/* What a tokenizer may be told; each looks at what concerns it. */
typedef struct VsTokenizerOptions
{
	const char *stemmer;		/* language: a Snowball algorithm, NULL for none */
	const char *const *stop_words;	/* language: words to leave out */
	int			nstop_words;
	bool		keep_possessive;	/* language: "dog's" is not "dog" */
	int			min_gram;		/* ngram: characters of the shortest gram, */
	int			max_gram;		/* and of the longest; 0: the default */
} VsTokenizerOptions;

/* One term and where it comes from. */
typedef struct VsToken
{
	const char *term;			/* no '\0' at its end; valid until the next call */
	int32_t		length;			/* 1 to VS_MAX_TERM_BYTES */
	int32_t		position;		/* counts from 1, words left out included */
	int32_t		start;			/* first byte in the text */
	int32_t		end;			/* byte behind its last one */
} VsToken;

typedef enum VsTokenizerStatus
{
	VS_TOKENIZER_OK,
	VS_TOKENIZER_UNKNOWN,		/* no tokenizer of this name */
	VS_TOKENIZER_NO_STEMMER,	/* no stemmer of this name */
	VS_TOKENIZER_WRONG_GRAMS,	/* min_gram or max_gram out of bounds */
	VS_TOKENIZER_NO_MEMORY,
	VS_TOKENIZER_ICU_FAILED		/* ICU lacks its data */
} VsTokenizerStatus;

/* The English stop words of Lucene, NULL at the end. */
extern const char *const vs_lucene_stop_words[];

/* Names of all tokenizers, and of all stemmers, NULL at the end. */
extern const char *const *vs_tokenizer_names(void);
extern const char *const *vs_stemmer_names(void);

/*
 * Names of the options that a tokenizer takes, NULL at the end; NULL if there
 * is no such tokenizer.
 */
extern const char *const *vs_tokenizer_option_names(const char *name);

/* Make a tokenizer; it keeps nothing of the options' memory. */
extern VsTokenizerStatus vs_tokenizer_create(const char *name, const VsTokenizerOptions *options,
											 VsTokenizer **tokenizer);
extern void vs_tokenizer_free(VsTokenizer *tokenizer);

/*
 * What its terms depend on: the versions of ICU and Unicode, a fingerprint of
 * stemmer and stop words.  An index keeps it; if it changes, terms of old and
 * new rows may differ.
 */
extern void vs_tokenizer_version(const VsTokenizer *tokenizer, char version[VS_TOKENIZER_VERSION_BYTES]);

/* Begin a text; it must stay until its last token. */
extern void vs_tokens_begin(VsTokenizer *tokenizer, const char *text, int32_t length);

/*
 * The next token; false at the end, and when memory ran out, which
 * vs_tokens_failed() tells apart.
 */
extern bool vs_tokens_next(VsTokenizer *tokenizer, VsToken *token);
extern bool vs_tokens_failed(const VsTokenizer *tokenizer);

#endif							/* VECSTORE_TOKENIZER_H */
