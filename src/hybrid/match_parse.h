/*
 * match_parse.h
 *		What the scanner, the grammar and match.c share of a query that is being
 *		parsed.  Pure C: no postgres.h here.
 */
#ifndef VECSTORE_MATCH_PARSE_H
#define VECSTORE_MATCH_PARSE_H

#include <setjmp.h>

#include "hybrid/match.h"

typedef struct VsMatchParse
{
	VsMatchCalls calls;
	const char *text;
	size_t		len;
	size_t		position;		/* the word read last */
	size_t		length;
	int			depth;			/* of parentheses and NOTs that are open */
	VsMatch    *result;
	VsMatchError error;			/* the first one */
	jmp_buf		panic;			/* where a scanner that has gone wrong ends */
} VsMatchParse;

/* match.c: zeroed memory, errors, leaves; whether a - read last begins a word. */
extern void *vs_match_alloc(const VsMatchCalls *calls, size_t bytes);
extern void vs_match_fail(VsMatchParse *parse, VsMatchErrorKind kind);
extern VsMatch *vs_match_word(VsMatchParse *parse, const char *word, size_t len);
extern bool vs_match_dash_is_not(const VsMatchParse *parse);

/* match_scan.l, match_gram.y */
extern void *vs_match_scan_begin(VsMatchParse *parse);
extern int	vs_match_yyparse(void *scanner, VsMatchParse *parse);

#endif							/* VECSTORE_MATCH_PARSE_H */
