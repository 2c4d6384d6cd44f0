%code top
{
/*
 * filter_gram.y
 *		The grammar of the filter language.  Pure C: no postgres.h here.
 *
 * Lists are left-recursive, so the parser's stack grows with parentheses and
 * NOTs only, which "deeper" counts.
 */
}
%code requires
{
#include "filter/filter_parse.h"
}

%code
{
#define YYMALLOC(bytes) vs_filter_alloc(parse, bytes)
#define YYFREE(block)	((void) (block))
#define YYSTACK_USE_ALLOCA 0

extern int	vs_filter_yylex(VS_FILTER_YYSTYPE *value, void *scanner);
static void vs_filter_yyerror(void *scanner, VsFilterParse *parse, const char *message);
}

%define api.pure full
%define api.prefix {vs_filter_yy}
%lex-param {void *scanner}
%parse-param {void *scanner} {VsFilterParse *parse}
%expect 0

%union
{
	VsFilterName *name;
	VsFilterValue *value;
	VsFilter   *filter;
	VsFilterKind kind;
}

%token BAD
%token CONTAINS IN IS
%token NOT_EQUAL LESS_EQUAL GREATER_EQUAL
%token <name> NAME
%token <value> VALUE NULL_VALUE PARAM
%type <name> path
%type <value> value values array
%type <filter> condition comparison
%type <kind> operator

%left OR
%left AND
%precedence NOT

%%

filter:
	condition
		{
			parse->result = $1;
			(void) yynerrs;		/* bison counts, nobody asks: no warning */
		}
	;

condition:
	condition OR condition				{ $$ = vs_filter_join(parse, VS_FILTER_OR, $1, $3); }
	| condition AND condition			{ $$ = vs_filter_join(parse, VS_FILTER_AND, $1, $3); }
	| NOT deeper condition %prec NOT	{ $$ = vs_filter_not(parse, $3); parse->depth--; }
	| '(' deeper condition ')'			{ $$ = $3; parse->depth--; }
	| comparison
	;

deeper:
	%empty
		{
			if (++parse->depth > VS_FILTER_MAX_DEPTH)
			{
				vs_filter_fail(parse, VS_FILTER_TOO_DEEP);
				YYABORT;
			}
		}
	;

comparison:
	path operator value			{ $$ = vs_filter_leaf(parse, $2, $1, $3); }
	| path NOT_EQUAL value		{ $$ = vs_filter_not(parse, vs_filter_leaf(parse, VS_FILTER_EQ, $1, $3)); }
	| path IN array				{ $$ = vs_filter_leaf(parse, VS_FILTER_IN, $1, $3); }
	| path NOT IN array			{ $$ = vs_filter_not(parse, vs_filter_leaf(parse, VS_FILTER_IN, $1, $4)); }
	| path CONTAINS value		{ $$ = vs_filter_leaf(parse, VS_FILTER_CONTAINS, $1, $3); }
	| path CONTAINS '[' ']'		{ $$ = vs_filter_leaf(parse, VS_FILTER_CONTAINS, $1, vs_filter_array(parse, NULL, NULL)); }
	| path CONTAINS '[' values ']'		{ $$ = vs_filter_leaf(parse, VS_FILTER_CONTAINS, $1, $4); }
	| path IS NULL_VALUE		{ $$ = vs_filter_leaf(parse, VS_FILTER_NULL, $1, NULL); }
	| path IS NOT NULL_VALUE	{ $$ = vs_filter_not(parse, vs_filter_leaf(parse, VS_FILTER_NULL, $1, NULL)); }
	;

operator:
	'='					{ $$ = VS_FILTER_EQ; }
	| '<'				{ $$ = VS_FILTER_LT; }
	| LESS_EQUAL		{ $$ = VS_FILTER_LE; }
	| '>'				{ $$ = VS_FILTER_GT; }
	| GREATER_EQUAL		{ $$ = VS_FILTER_GE; }
	;

path:
	NAME
	| path '.' NAME
		{
			$$ = vs_filter_path(parse, $1, $3);
			if ($$ == NULL)
				YYABORT;
		}
	;

array:
	'(' values ')'		{ $$ = $2; }
	| PARAM
	;

values:
	value				{ $$ = vs_filter_array(parse, NULL, $1); }
	| values ',' value	{ $$ = vs_filter_array(parse, $1, $3); }
	;

value:
	VALUE
	| NULL_VALUE
	| PARAM
	;

%%

/* bison calls this for a word that fits nowhere. */
static void
vs_filter_yyerror(void *scanner, VsFilterParse *parse, const char *message)
{
	(void) scanner;
	(void) message;
	vs_filter_fail(parse, VS_FILTER_SYNTAX);
}
