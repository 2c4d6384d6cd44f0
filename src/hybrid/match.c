/*
 * match.c
 *		Trees of what a document must have: parsing, pruning, answers.  Pure C: no
 *		postgres.h here.
 */
#include <string.h>

#include "hybrid/match.h"
#include "hybrid/match_parse.h"

/* So many zeroed bytes. */
void *
vs_match_alloc(const VsMatchCalls *calls, size_t bytes)
{
	void	   *block = calls->alloc(calls->context, bytes);

	memset(block, 0, bytes);
	return block;
}

/* ---- parsing ---- */

/* Note an error at the word read last, unless there was one before. */
void
vs_match_fail(VsMatchParse *parse, VsMatchErrorKind kind)
{
	if (parse->error.kind != VS_MATCH_OK)
		return;
	parse->error.kind = kind;
	parse->error.position = parse->position;
	parse->error.length = parse->length;
}

/* A leaf: word, word*, "a phrase", "a phrase"*; a quote within quotes is doubled. */
VsMatch *
vs_match_word(VsMatchParse *parse, const char *word, size_t len)
{
	VsMatch    *leaf = vs_match_leaf(&parse->calls, VS_MATCH_WORDS);
	bool		quoted = word[0] == '"';
	char	   *to = vs_match_alloc(&parse->calls, len + 1);

	leaf->text = to;
	if (word[len - 1] == '*')
	{
		leaf->prefix = true;
		len--;
	}
	if (quoted)
	{
		word++;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++)
	{
		*to++ = word[i];
		if (quoted && word[i] == '"')
			i++;
	}
	leaf->len = (size_t) (to - leaf->text);
	return leaf;
}

/* Whether something to be denied follows the - read last; else it is punctuation. */
bool
vs_match_dash_is_not(const VsMatchParse *parse)
{
	size_t		next = parse->position + parse->length;

	return next < parse->len && strchr(" \t\n\r\f\v&|)", parse->text[next]) == NULL;
}

VsMatch *
vs_match_parse(const char *text, size_t len, const VsMatchCalls *calls, VsMatchError *error)
{
	VsMatchParse *parse = vs_match_alloc(calls, sizeof(VsMatchParse));
	const char *nul = memchr(text, '\0', len);

	parse->calls = *calls;
	parse->text = text;
	parse->len = len;
	if (len > VS_MATCH_MAX_BYTES)
		vs_match_fail(parse, VS_MATCH_TOO_LONG);
	else if (nul != NULL)
	{
		parse->position = (size_t) (nul - text);
		parse->length = 1;
		vs_match_fail(parse, VS_MATCH_SYNTAX);
	}
	else if (setjmp(parse->panic) != 0 ||
			 vs_match_yyparse(vs_match_scan_begin(parse), parse) != 0)
		vs_match_fail(parse, VS_MATCH_SYNTAX);
	*error = parse->error;
	return error->kind == VS_MATCH_OK ? parse->result : NULL;
}

/* ---- building ---- */

/* A node without children. */
VsMatch *
vs_match_leaf(const VsMatchCalls *calls, VsMatchKind kind)
{
	VsMatch    *match = vs_match_alloc(calls, sizeof(VsMatch));

	match->kind = kind;
	return match;
}

/* A node over one child. */
VsMatch *
vs_match_over(const VsMatchCalls *calls, VsMatchKind kind, VsMatch *child)
{
	VsMatch    *match = vs_match_leaf(calls, kind);

	match->first = match->last = child;
	return match;
}

VsMatch *
vs_match_join(const VsMatchCalls *calls, VsMatchKind kind, VsMatch *left, VsMatch *right)
{
	VsMatch    *match = left->kind == kind ? left : vs_match_over(calls, kind, left);

	if (right->kind == kind)
	{
		match->last->next = right->first;
		match->last = right->last;
	}
	else
	{
		match->last->next = right;
		match->last = right;
	}
	return match;
}

/* The children that are left, in the same order. */
static void
prune_children(VsMatch *match)
{
	VsMatch    *child = match->first;

	match->first = match->last = NULL;
	while (child != NULL)
	{
		VsMatch    *next = child->next;
		VsMatch    *left = vs_match_prune(child);

		if (left != NULL)
		{
			left->next = NULL;
			if (match->last != NULL)
				match->last->next = left;
			else
				match->first = left;
			match->last = left;
		}
		child = next;
	}
}

VsMatch *
vs_match_prune(VsMatch *match)
{
	if (match->kind == VS_MATCH_ANY)
		return match;
	if (match->kind == VS_MATCH_WORDS)
		return match->nterms > 0 ? match : NULL;
	prune_children(match);
	if (match->first == NULL)
		return NULL;
	if (match->first == match->last && (match->kind == VS_MATCH_AND || match->kind == VS_MATCH_OR))
		return match->first;
	return match;
}

/* ---- answers ---- */

/* The least answer of a node's children, or the greatest. */
static VsMatchAnswer
evaluate_children(const VsMatch *match, VsMatchAnswer (*ask) (void *, const VsMatch *), void *context)
{
	bool		all = match->kind == VS_MATCH_AND;
	VsMatchAnswer answer = all ? VS_MATCH_YES : VS_MATCH_NO;

	for (const VsMatch *child = match->first; child != NULL; child = child->next)
	{
		VsMatchAnswer one = vs_match_evaluate(child, ask, context);

		if (all ? one < answer : one > answer)
			answer = one;
		if (answer == (all ? VS_MATCH_NO : VS_MATCH_YES))
			break;
	}
	return answer;
}

VsMatchAnswer
vs_match_evaluate(const VsMatch *match, VsMatchAnswer (*ask) (void *, const VsMatch *), void *context)
{
	switch (match->kind)
	{
		case VS_MATCH_WORDS:
			return ask(context, match);
		case VS_MATCH_NOT:
			return (VsMatchAnswer) (VS_MATCH_YES - vs_match_evaluate(match->first, ask, context));
		case VS_MATCH_MAYBE:
			return vs_match_evaluate(match->first, ask, context) == VS_MATCH_NO ?
				VS_MATCH_NO : VS_MATCH_PERHAPS;
		case VS_MATCH_ANY:
			return VS_MATCH_PERHAPS;
		default:
			return evaluate_children(match, ask, context);
	}
}

VsMatchAnswer
vs_match_without_positions(const VsMatch *leaf, bool (*has) (void *, const VsMatchTerm *), void *context)
{
	int			i = 0;

	while (i < leaf->nterms)
	{
		int			offset = leaf->terms[i].offset;
		bool		found = false;

		for (; i < leaf->nterms && leaf->terms[i].offset == offset; i++)
			found = found || has(context, &leaf->terms[i]);
		if (!found)
			return VS_MATCH_NO;
	}
	return vs_match_is_phrase(leaf) ? VS_MATCH_PERHAPS : VS_MATCH_YES;
}
