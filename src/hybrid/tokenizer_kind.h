/*
 * tokenizer_kind.h
 *		What a new tokenizer has to bring.  Pure C: no postgres.h here.
 *
 * To add one, write a file that defines "const VsTokenizerKind vs_NAME_kind"
 * and put NAME into the list below; nothing else changes.
 */
#ifndef VECSTORE_TOKENIZER_KIND_H
#define VECSTORE_TOKENIZER_KIND_H

#include "hybrid/tokenizer.h"

#define VS_TOKENIZERS(X) \
	X(simple) \
	X(whitespace) \
	X(ngram) \
	X(language)

typedef struct VsTokenizerKind
{
	const char *name;
	const char *const *options; /* names of those it takes, NULL at the end */
	size_t		size;			/* of a struct that starts with a VsTokenizer */
	/* Make ready a struct that is all zeros but for its VsTokenizer. */
	VsTokenizerStatus (*init) (VsTokenizer *tokenizer, const VsTokenizerOptions *options);
	/* Free what init has got so far; may be NULL. */
	void		(*finish) (VsTokenizer *tokenizer);
	/* A new text; may be NULL. */
	void		(*begin) (VsTokenizer *tokenizer);
	/* The next token, all its fields. */
	bool		(*next) (VsTokenizer *tokenizer, VsToken *token);
	void		(*version) (const VsTokenizer *tokenizer, char version[VS_TOKENIZER_VERSION_BYTES]);
} VsTokenizerKind;

#define VS_DECLARE_KIND(name)	extern const VsTokenizerKind vs_##name##_kind;
VS_TOKENIZERS(VS_DECLARE_KIND)

/* What all tokenizers have. */
struct VsTokenizer
{
	const VsTokenizerKind *kind;
	const char *text;
	int32_t		length;
	int32_t		position;		/* of the last word, 0 before the first */
	bool		failed;			/* memory ran out */
	char		term[VS_MAX_TERM_BYTES];
};

#endif							/* VECSTORE_TOKENIZER_KIND_H */
