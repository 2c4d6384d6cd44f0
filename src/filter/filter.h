/*
 * filter.h
 *		The filter language: from text to a tree.  Pure C: no postgres.h here.
 *
 * docs/filter-language.md describes the language.  filter_scan.l makes words of
 * the text, filter_gram.y a tree of the words; filter_sql.c makes SQL of the
 * tree.  A tree says nothing yet about columns, types and parameters.
 *
 * All memory is the caller's: it is asked for through VsFilterMemory and never
 * given back piece by piece, so the caller may also leave by longjmp.
 */
#ifndef VECSTORE_FILTER_H
#define VECSTORE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

/* Longer filters are refused, and so are deeper ones: parentheses, NOTs, names of a path. */
#define VS_FILTER_MAX_BYTES		(1024 * 1024)
#define VS_FILTER_MAX_DEPTH		200

/* Where memory comes from.  alloc() never returns NULL; it may longjmp away. */
typedef struct VsFilterMemory
{
	void	   *(*alloc) (void *context, size_t bytes);
	void	   *context;
} VsFilterMemory;

/* One name of a dotted path. */
typedef struct VsFilterName
{
	struct VsFilterName *next;
	const char *text;			/* as written, or without its quotes */
	size_t		position;		/* first byte in the filter */
	bool		quoted;
} VsFilterName;

typedef enum VsFilterValueKind
{
	VS_VALUE_NUMBER,			/* written as JSON writes it */
	VS_VALUE_TEXT,
	VS_VALUE_BOOL,				/* text is "true" or "false" */
	VS_VALUE_TIMESTAMP,
	VS_VALUE_NULL,
	VS_VALUE_PARAM,				/* text is the name, without its dollar sign */
	VS_VALUE_ARRAY				/* of elements, none of which is an array */
} VsFilterValueKind;

typedef struct VsFilterValue
{
	struct VsFilterValue *next;
	VsFilterValueKind kind;
	const char *text;
	size_t		position;
	struct VsFilterValue *elements;
	struct VsFilterValue *last; /* of elements, while the tree is built */
} VsFilterValue;

/*
 * a != 1 is NOT a = 1, and a NOT IN (1) is NOT a IN (1).  AND and OR have two
 * children or more.
 */
typedef enum VsFilterKind
{
	VS_FILTER_AND,
	VS_FILTER_OR,
	VS_FILTER_NOT,
	VS_FILTER_EQ,
	VS_FILTER_LT,
	VS_FILTER_LE,
	VS_FILTER_GT,
	VS_FILTER_GE,
	VS_FILTER_IN,				/* value is an array, or the parameter that is one */
	VS_FILTER_CONTAINS,
	VS_FILTER_NULL				/* has no value */
} VsFilterKind;

typedef struct VsFilter
{
	struct VsFilter *next;		/* of the same AND or OR */
	VsFilterKind kind;
	struct VsFilter *first;		/* children of AND, OR and NOT */
	struct VsFilter *last;
	VsFilterName *path;			/* all others */
	VsFilterValue *value;
} VsFilter;

typedef enum VsFilterErrorKind
{
	VS_FILTER_OK,
	VS_FILTER_SYNTAX,			/* at or near the word; at the end if it has no length */
	VS_FILTER_OPEN_TEXT,		/* a ' without its end */
	VS_FILTER_OPEN_NAME,		/* a " without its end */
	VS_FILTER_TOO_DEEP,
	VS_FILTER_TOO_LONG
} VsFilterErrorKind;

typedef struct VsFilterError
{
	VsFilterErrorKind kind;
	size_t		position;		/* bytes of the word at fault */
	size_t		length;
} VsFilterError;

/* The tree of a filter; NULL, and the error filled in, if it is none. */
extern VsFilter *vs_filter_parse(const char *text, size_t len, const VsFilterMemory *memory,
								 VsFilterError *error);

#endif							/* VECSTORE_FILTER_H */
