/*
 * match_print.h
 *		For the tests of match.h: memory that goes all at once, a tokenizer of single
 *		letters, a tree as an s-expression.
 */
#ifndef VECSTORE_MATCH_PRINT_H
#define VECSTORE_MATCH_PRINT_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hybrid/match.h"

/* Every block by itself, so that the address sanitizer sees where each one ends. */
struct MatchBlock
{
	struct MatchBlock *next;
};

static struct MatchBlock *match_blocks;
static int	match_pauses;

static inline void *
match_alloc(void *context, size_t bytes)
{
	struct MatchBlock *block = malloc(16 + bytes);

	(void) context;
	if (block == NULL)
		abort();
	block->next = match_blocks;
	match_blocks = block;
	memset((char *) block + 16, 0xA5, bytes);
	return (char *) block + 16;
}

static inline void
match_pause(void)
{
	match_pauses++;
}

static inline void
match_free(void)
{
	while (match_blocks != NULL)
	{
		struct MatchBlock *next = match_blocks->next;

		free(match_blocks);
		match_blocks = next;
	}
}

static const VsMatchCalls match_calls = {match_alloc, match_pause, NULL};

/*
 * Terms are letters and digits, one each.  Capital letters are stop words: no terms,
 * but they count as positions.  An x has the alternative y.
 */
static inline void
match_analyze(VsMatch *match)
{
	if (match->kind == VS_MATCH_WORDS)
	{
		int			offset = 0;

		match->terms = match_alloc(NULL, (2 * match->len + 1) * sizeof(VsMatchTerm));
		for (size_t i = 0; i < match->len; i++)
		{
			if (!isalnum((unsigned char) match->text[i]))
				continue;
			offset++;
			if (isupper((unsigned char) match->text[i]))
				continue;
			match->terms[match->nterms++] = (VsMatchTerm) {.term = match->text + i,.length = 1,.offset = offset};
			if (match->text[i] == 'x')
				match->terms[match->nterms++] = (VsMatchTerm) {.term = "y",.length = 1,.offset = offset};
		}
		for (int i = match->nterms - 1; match->prefix && i >= 0 && match->terms[i].offset == match->terms[match->nterms - 1].offset; i--)
			match->terms[i].prefix = true;
	}
	for (VsMatch *child = match->first; child != NULL; child = child->next)
		match_analyze(child);
}

/* A tree: (and <solar> (not <thin film>*)). */
static inline void
print_match(FILE *out, const VsMatch *match)
{
	static const char *const words[] = {"and", "or", "not"};

	if (match->kind == VS_MATCH_WORDS)
	{
		fprintf(out, "<%s>%s", match->text, match->prefix ? "*" : "");
		return;
	}
	fprintf(out, "(%s", words[match->kind]);
	for (const VsMatch *child = match->first; child != NULL; child = child->next)
	{
		fputc(' ', out);
		print_match(out, child);
	}
	fputc(')', out);
}

/* Parse text, in memory of just its length; a new string, "" if it has no words or is no query. */
static inline char *
match_string(const char *text, size_t len, VsMatchError *error)
{
	char	   *copy = malloc(len ? len : 1);
	char	   *printed = NULL;
	size_t		size;
	FILE	   *out = open_memstream(&printed, &size);
	VsMatch    *match;

	if (copy == NULL || out == NULL)
		abort();
	memcpy(copy, text, len);
	match = vs_match_parse(copy, len, &match_calls, error);
	free(copy);					/* a tree keeps nothing of the text */
	if (match != NULL)
		print_match(out, match);
	if (error->kind != VS_MATCH_OK && (match != NULL || error->position + error->length > len))
		abort();
	fclose(out);
	match_free();
	return printed;
}

/* Whether a document, a token for each of its characters, matches a query. */
static inline bool
matches(const char *query, size_t len, const char *document, bool positions)
{
	VsMatchError error;
	VsMatch    *match = vs_match_parse(query, len, &match_calls, &error);
	VsMatchWords *words;
	bool		answer = false;

	if (match != NULL)
	{
		match_analyze(match);
		match = vs_match_prune(match);
	}
	if (match != NULL)
	{
		words = vs_match_words(&match_calls, match);
		for (int round = 0; round < 2; round++)
		{
			vs_match_words_begin(words);
			for (int i = 0; document[i] != '\0'; i++)
				if (document[i] != ' ')
					vs_match_words_see(words, document + i, 1, positions ? i + 1 : 0);
			answer = vs_match_words_match(words, match);
		}
	}
	match_free();
	return answer;
}

#endif							/* VECSTORE_MATCH_PRINT_H */
