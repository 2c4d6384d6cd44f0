/*
 * words.h
 *		The words of a text as Unicode Standard Annex #29 has them, and case
 *		folding; for tokenizers.  Pure C: no postgres.h here.
 */
#ifndef VECSTORE_WORDS_H
#define VECSTORE_WORDS_H

#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include "hybrid/tokenizer.h"

/* A reader of words.  Its text is read in chunks, see words.c. */
typedef struct VsWords
{
	UBreakIterator *breaks;
	UText		utext;
	const char *text;
	int32_t		length;
	int32_t		next;			/* where to go on */
	int32_t		chunk_start;
	int32_t		chunk_end;
	int32_t		chunk_trusted;	/* behind it, words are read again */
	bool		chunk_ascii;	/* read without ICU */
	bool		icu_only;		/* for tests and benchmarks: read all with ICU */
	bool		failed;			/* memory ran out */
} VsWords;

/* Make ready a reader that is all zeros, and free what it holds. */
extern VsTokenizerStatus vs_words_init(VsWords *words);
extern void vs_words_finish(VsWords *words);

/* Begin a text, and find the next word's first byte and the byte behind it. */
extern void vs_words_begin(VsWords *words, const char *text, int32_t length);
extern bool vs_words_next(VsWords *words, int32_t *start, int32_t *end);

/*
 * Fold the letter case of a piece of text, cut to what a term may have;
 * returns the term's length.  vs_fold_init() must have succeeded once.
 */
extern VsTokenizerStatus vs_fold_init(void);
extern int32_t vs_fold(const char *text, int32_t length, char term[VS_MAX_TERM_BYTES]);

/* Has a character Unicode's property White_Space? */
static inline bool
vs_is_white_space(UChar32 c)
{
	if (c < 0x80)
		return c == ' ' || (c >= '\t' && c <= '\r');
	return u_isUWhiteSpace(c);
}

/* Append a character to a buffer; false if it does not fit. */
extern bool vs_append_character(char *buffer, int32_t *length, int32_t room, UChar32 c);

/* The length of a term that is cut to VS_MAX_TERM_BYTES at a character. */
extern int32_t vs_cut_term(const char *term, int32_t length);

/* "ICU 72.1, Unicode 15.0" */
extern void vs_words_version(char version[VS_TOKENIZER_VERSION_BYTES]);

#endif							/* VECSTORE_WORDS_H */
