/*
 * filter_parse.h
 *		What the scanner, the grammar and filter.c share of a filter that is
 *		being parsed.  Pure C: no postgres.h here.
 */
#ifndef VECSTORE_FILTER_PARSE_H
#define VECSTORE_FILTER_PARSE_H

#include <setjmp.h>

#include "filter/filter.h"

typedef struct VsFilterParse
{
	VsFilterMemory memory;
	size_t		position;		/* the word read last */
	size_t		length;
	int			depth;			/* of parentheses and NOTs that are open */
	VsFilter   *result;
	VsFilterError error;		/* the first one */
	jmp_buf		panic;			/* where a scanner that has gone wrong ends */
} VsFilterParse;

/*
 * filter.c: zeroed memory, errors, and the parts of a tree.  vs_filter_path()
 * notes an error and returns NULL if a path has too many names.
 */
extern void *vs_filter_alloc(VsFilterParse *parse, size_t bytes);
extern void vs_filter_fail(VsFilterParse *parse, VsFilterErrorKind kind);
extern VsFilterName *vs_filter_name(VsFilterParse *parse, const char *word, size_t len);
extern VsFilterName *vs_filter_path(VsFilterParse *parse, VsFilterName *path, VsFilterName *name);
extern VsFilterValue *vs_filter_value(VsFilterParse *parse, VsFilterValueKind kind,
									  const char *word, size_t len);
extern VsFilterValue *vs_filter_array(VsFilterParse *parse, VsFilterValue *array,
									  VsFilterValue *element);
extern VsFilter *vs_filter_leaf(VsFilterParse *parse, VsFilterKind kind, VsFilterName *path,
								VsFilterValue *value);
extern VsFilter *vs_filter_not(VsFilterParse *parse, VsFilter *child);
extern VsFilter *vs_filter_join(VsFilterParse *parse, VsFilterKind kind, VsFilter *left,
								VsFilter *right);

/* filter_scan.l, filter_gram.y */
extern void *vs_filter_scan_begin(VsFilterParse *parse, const char *text, size_t len);
extern int	vs_filter_yyparse(void *scanner, VsFilterParse *parse);

#endif							/* VECSTORE_FILTER_PARSE_H */
