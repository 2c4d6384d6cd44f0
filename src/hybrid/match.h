/*
 * match.h
 *		What a document must have to match: a tree of words and phrases, made of
 *		the text of a query.  Pure C: no postgres.h here.
 *
 *		solar & "thin film" & !wind
 *
 * match_scan.l makes words of the text, match_gram.y a tree of the words.  Whoever
 * has the tokenizer of an index then gives each leaf its terms, and leaves without a
 * term go (vs_match_prune).  A document's answer is one of three: where no positions
 * are at hand, a phrase whose words are all there may be there.
 *
 * All memory is the caller's: it is asked for through VsMatchCalls and never given back
 * piece by piece, so the caller may also leave by longjmp.
 */
#ifndef VECSTORE_MATCH_H
#define VECSTORE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer queries are refused, and so are those with more parentheses and NOTs open. */
#define VS_MATCH_MAX_BYTES		(64 * 1024)
#define VS_MATCH_MAX_DEPTH		200

/*
 * What the caller lends: alloc() never returns NULL, pause() is called now and then
 * where work may take long.  Both may longjmp away.
 */
typedef struct VsMatchCalls
{
	void	   *(*alloc) (void *context, size_t bytes);
	void		(*pause) (void);
	void	   *context;
} VsMatchCalls;

/*
 * A term of a leaf.  Terms of the same offset are alternatives; those of different
 * ones stand in a document as far from each other as here.
 */
typedef struct VsMatchTerm
{
	const char *term;
	int			length;			/* bytes */
	int			offset;
	bool		prefix;			/* stands for all terms that begin with it */
	int			word;			/* its number in VsMatchWords */
} VsMatchTerm;

typedef enum VsMatchKind
{
	VS_MATCH_AND,				/* two children or more, as OR */
	VS_MATCH_OR,
	VS_MATCH_NOT,				/* one child */
	VS_MATCH_WORDS,				/* a leaf: a word, a prefix, a phrase */
	VS_MATCH_MAYBE,				/* not more than its one child, and perhaps less */
	VS_MATCH_ANY				/* a leaf that nothing is known of */
} VsMatchKind;

typedef struct VsMatch
{
	struct VsMatch *next;		/* of the same AND or OR */
	VsMatchKind kind;
	struct VsMatch *first;
	struct VsMatch *last;
	const char *text;			/* of WORDS: as written, without quotes and star */
	size_t		len;
	bool		prefix;
	int			nterms;			/* what a tokenizer makes of it, by offsets */
	VsMatchTerm *terms;
} VsMatch;

typedef enum VsMatchErrorKind
{
	VS_MATCH_OK,
	VS_MATCH_SYNTAX,			/* at or near the word; at the end if it has no length */
	VS_MATCH_OPEN_QUOTE,		/* a " without its end */
	VS_MATCH_TOO_DEEP,
	VS_MATCH_TOO_LONG
} VsMatchErrorKind;

typedef struct VsMatchError
{
	VsMatchErrorKind kind;
	size_t		position;		/* bytes of the word at fault */
	size_t		length;
} VsMatchError;

/*
 * The tree of a query; NULL if it has no words, or if it is none, which the error
 * tells.
 */
extern VsMatch *vs_match_parse(const char *text, size_t len, const VsMatchCalls *calls,
							   VsMatchError *error);

/* ---- building trees ---- */

extern VsMatch *vs_match_leaf(const VsMatchCalls *calls, VsMatchKind kind);
extern VsMatch *vs_match_over(const VsMatchCalls *calls, VsMatchKind kind, VsMatch *child);

/* left AND right, or left OR right: one wide node for a long row of the same. */
extern VsMatch *vs_match_join(const VsMatchCalls *calls, VsMatchKind kind, VsMatch *left,
							  VsMatch *right);

/* The tree without leaves that have no term; NULL if nothing is left. */
extern VsMatch *vs_match_prune(VsMatch *match);

/* Whether terms of a leaf stand at different offsets. */
static inline bool
vs_match_is_phrase(const VsMatch *leaf)
{
	return leaf->terms[0].offset != leaf->terms[leaf->nterms - 1].offset;
}

/* ---- answers ---- */

typedef enum VsMatchAnswer
{
	VS_MATCH_NO,
	VS_MATCH_PERHAPS,
	VS_MATCH_YES
} VsMatchAnswer;

/* What a tree says, once ask() has said it for each leaf of words. */
extern VsMatchAnswer vs_match_evaluate(const VsMatch *match,
									   VsMatchAnswer (*ask) (void *context, const VsMatch *leaf),
									   void *context);

/*
 * What is known of the terms of a leaf without positions, once has() has said it for
 * each term.
 */
extern VsMatchAnswer vs_match_without_positions(const VsMatch *leaf,
												bool (*has) (void *context, const VsMatchTerm *term),
												void *context);

/* ---- match_words.c: documents, token by token ---- */

/* A word of a tree and where a document has it. */
typedef struct VsMatchWord
{
	const char *term;
	int			length;
	bool		prefix;
	bool		placed;			/* a phrase asks for its positions */
	bool		found;
	bool		sorted;
	int			n;
	int			size;
	int32_t    *positions;
} VsMatchWord;

typedef struct VsMatchWords
{
	const VsMatchCalls *calls;
	int			n;
	int			nexact;			/* the first ones, in the order of memcmp() */
	VsMatchWord *words;
} VsMatchWords;

/* The words of a tree, each once; the terms get their numbers. */
extern VsMatchWords *vs_match_words(const VsMatchCalls *calls, VsMatch *match);

/* Begin a document; note each of its tokens (position 0: not known); does it match? */
extern void vs_match_words_begin(VsMatchWords *words);
extern void vs_match_words_see(VsMatchWords *words, const char *term, int length, int32_t position);
extern bool vs_match_words_match(VsMatchWords *words, const VsMatch *match);

#endif							/* VECSTORE_MATCH_H */
