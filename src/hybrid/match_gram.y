%code top
{
/*
 * match_gram.y
 *		The grammar of what a document must have.  Pure C: no postgres.h here.
 *
 * Words side by side are an AND.  Lists are left-recursive, so the parser's stack
 * grows with parentheses and NOTs only, which "deeper" counts.
 */
}
%code requires
{
#include "hybrid/match_parse.h"
}

%code
{
#define YYMALLOC(bytes) vs_match_alloc(&parse->calls, bytes)
#define YYFREE(block)	((void) (block))
#define YYSTACK_USE_ALLOCA 0

extern int	vs_match_yylex(VS_MATCH_YYSTYPE *value, void *scanner);
static void vs_match_yyerror(void *scanner, VsMatchParse *parse, const char *message);
}

%define api.pure full
%define api.prefix {vs_match_yy}
%lex-param {void *scanner}
%parse-param {void *scanner} {VsMatchParse *parse}
%expect 0

%union
{
	VsMatch    *match;
}

%token AND BAD NOT OR
%token <match> WORD
%type <match> some all one

%%

query:
	%empty				{ (void) yynerrs; /* bison counts, nobody asks: no warning */ }
	| some				{ parse->result = $1; }
	;

some:
	all
	| some OR all		{ $$ = vs_match_join(&parse->calls, VS_MATCH_OR, $1, $3); }
	;

all:
	one
	| all one			{ $$ = vs_match_join(&parse->calls, VS_MATCH_AND, $1, $2); }
	| all AND one		{ $$ = vs_match_join(&parse->calls, VS_MATCH_AND, $1, $3); }
	;

one:
	WORD
	| NOT deeper one		{ $$ = vs_match_over(&parse->calls, VS_MATCH_NOT, $3); parse->depth--; }
	| '(' deeper some ')'	{ $$ = $3; parse->depth--; }
	;

deeper:
	%empty
		{
			if (++parse->depth > VS_MATCH_MAX_DEPTH)
			{
				vs_match_fail(parse, VS_MATCH_TOO_DEEP);
				YYABORT;
			}
		}
	;

%%

/* bison calls this for a word that fits nowhere. */
static void
vs_match_yyerror(void *scanner, VsMatchParse *parse, const char *message)
{
	(void) scanner;
	(void) message;
	vs_match_fail(parse, VS_MATCH_SYNTAX);
}
