/*
 * match_words.c
 *		Does a document match?  Its tokens are seen one after the other; of those
 *		that the tree asks for, it is noted that they are there, and for phrases
 *		where.  Pure C: no postgres.h here.
 */
#include <stdlib.h>
#include <string.h>

#include "hybrid/match.h"
#include "hybrid/match_parse.h"

/* Start positions of a phrase to look at between two pauses. */
#define PAUSE_AFTER		1024

/* As memcmp() and then by length. */
static int
compare_terms(const char *a, int a_length, const char *b, int b_length)
{
	int			order = memcmp(a, b, (size_t) (a_length < b_length ? a_length : b_length));

	return order != 0 ? order : a_length - b_length;
}

/* Words before prefixes, each in their order. */
static int
compare_words(const void *a, const void *b)
{
	const VsMatchWord *x = a;
	const VsMatchWord *y = b;

	if (x->prefix != y->prefix)
		return x->prefix ? 1 : -1;
	return compare_terms(x->term, x->length, y->term, y->length);
}

/* How many terms the leaves of a tree have. */
static int
count_terms(const VsMatch *match)
{
	int			n = match->kind == VS_MATCH_WORDS ? match->nterms : 0;

	for (const VsMatch *child = match->first; child != NULL; child = child->next)
		n += count_terms(child);
	return n;
}

/* All terms of a tree. */
static void
add_terms(VsMatchWords *words, const VsMatch *match)
{
	for (int i = 0; match->kind == VS_MATCH_WORDS && i < match->nterms; i++)
	{
		VsMatchWord *word = &words->words[words->n++];

		word->term = match->terms[i].term;
		word->length = match->terms[i].length;
		word->prefix = match->terms[i].prefix;
		word->placed = vs_match_is_phrase(match);
	}
	for (const VsMatch *child = match->first; child != NULL; child = child->next)
		add_terms(words, child);
}

/* Tell terms which word they are. */
static void
number_terms(VsMatchWords *words, VsMatch *match)
{
	for (int i = 0; match->kind == VS_MATCH_WORDS && i < match->nterms; i++)
	{
		VsMatchTerm *term = &match->terms[i];
		VsMatchWord key = {.term = term->term,.length = term->length,.prefix = term->prefix};
		VsMatchWord *word = bsearch(&key, words->words, (size_t) words->n, sizeof(VsMatchWord),
									compare_words);

		term->word = (int) (word - words->words);
	}
	for (VsMatch *child = match->first; child != NULL; child = child->next)
		number_terms(words, child);
}

VsMatchWords *
vs_match_words(const VsMatchCalls *calls, VsMatch *match)
{
	VsMatchWords *words = vs_match_alloc(calls, sizeof(VsMatchWords));
	int			n = 0;

	words->calls = calls;
	words->words = vs_match_alloc(calls, ((size_t) count_terms(match) + 1) * sizeof(VsMatchWord));
	add_terms(words, match);
	qsort(words->words, (size_t) words->n, sizeof(VsMatchWord), compare_words);
	for (int i = 0; i < words->n; i++)
		if (n > 0 && compare_words(&words->words[n - 1], &words->words[i]) == 0)
			words->words[n - 1].placed |= words->words[i].placed;
		else
			words->words[n++] = words->words[i];
	words->n = n;
	while (words->nexact < n && !words->words[words->nexact].prefix)
		words->nexact++;
	number_terms(words, match);
	return words;
}

void
vs_match_words_begin(VsMatchWords *words)
{
	for (int i = 0; i < words->n; i++)
	{
		words->words[i].found = false;
		words->words[i].sorted = true;
		words->words[i].n = 0;
	}
}

/* A word is here. */
static void
note(VsMatchWords *words, VsMatchWord *word, int32_t position)
{
	word->found = true;
	if (!word->placed || position == 0)
		return;
	if (word->n > 0)
	{
		int32_t		last = word->positions[word->n - 1];

		if (last == position)
			return;
		word->sorted = word->sorted && last < position;
	}
	if (word->n == word->size)
	{
		int			size = word->size > 0 ? 2 * word->size : 16;
		int32_t    *positions = words->calls->alloc(words->calls->context, (size_t) size * sizeof(int32_t));

		if (word->n > 0)
			memcpy(positions, word->positions, (size_t) word->n * sizeof(int32_t));
		word->positions = positions;
		word->size = size;
	}
	word->positions[word->n++] = position;
}

void
vs_match_words_see(VsMatchWords *words, const char *term, int length, int32_t position)
{
	VsMatchWord key = {.term = term,.length = length};
	VsMatchWord *word = bsearch(&key, words->words, (size_t) words->nexact, sizeof(VsMatchWord),
								compare_words);

	if (word != NULL)
		note(words, word, position);
	for (int i = words->nexact; i < words->n; i++)
	{
		word = &words->words[i];
		if (word->length <= length && memcmp(word->term, term, (size_t) word->length) == 0)
			note(words, word, position);
	}
}

/* ---- phrases ---- */

static int
compare_positions(const void *a, const void *b)
{
	int32_t		x = *(const int32_t *) a;
	int32_t		y = *(const int32_t *) b;

	return (x > y) - (x < y);
}

/* Whether one of the terms at an offset stands at a position; moves *i behind them. */
static bool
stands_at(const VsMatchWords *words, const VsMatch *leaf, int *i, int32_t position)
{
	int			offset = leaf->terms[*i].offset;
	bool		found = false;

	for (; *i < leaf->nterms && leaf->terms[*i].offset == offset; (*i)++)
	{
		const VsMatchWord *word = &words->words[leaf->terms[*i].word];

		if (!found && word->n > 0)
			found = bsearch(&position, word->positions, (size_t) word->n, sizeof(int32_t),
							compare_positions) != NULL;
	}
	return found;
}

/* Whether the phrase stands where its first term has this position. */
static bool
phrase_at(const VsMatchWords *words, const VsMatch *leaf, int32_t position)
{
	int			i = 0;

	while (i < leaf->nterms)
		if (!stands_at(words, leaf, &i, position + leaf->terms[i].offset - leaf->terms[0].offset))
			return false;
	return true;
}

/* Whether the phrase stands anywhere. */
static bool
has_phrase(VsMatchWords *words, const VsMatch *leaf)
{
	int			seen = 0;

	for (int i = 0; i < leaf->nterms; i++)
	{
		VsMatchWord *word = &words->words[leaf->terms[i].word];

		if (!word->sorted)
			qsort(word->positions, (size_t) word->n, sizeof(int32_t), compare_positions);
		word->sorted = true;
	}
	for (int i = 0; i < leaf->nterms && leaf->terms[i].offset == leaf->terms[0].offset; i++)
	{
		const VsMatchWord *first = &words->words[leaf->terms[i].word];

		for (int j = 0; j < first->n; j++)
		{
			if (++seen % PAUSE_AFTER == 0)
				words->calls->pause();
			if (phrase_at(words, leaf, first->positions[j]))
				return true;
		}
	}
	return false;
}

/* Whether the document has a term at all. */
static bool
has_term(void *context, const VsMatchTerm *term)
{
	return ((VsMatchWords *) context)->words[term->word].found;
}

/* A leaf's answer. */
static VsMatchAnswer
ask(void *context, const VsMatch *leaf)
{
	VsMatchAnswer answer = vs_match_without_positions(leaf, has_term, context);

	if (answer == VS_MATCH_PERHAPS)
		answer = has_phrase(context, leaf) ? VS_MATCH_YES : VS_MATCH_NO;
	return answer;
}

bool
vs_match_words_match(VsMatchWords *words, const VsMatch *match)
{
	return vs_match_evaluate(match, ask, words) == VS_MATCH_YES;
}
