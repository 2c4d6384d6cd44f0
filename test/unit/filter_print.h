/*
 * filter_print.h
 *		For the tests of the filter language: memory that goes all at once, and
 *		a tree as an s-expression.
 */
#ifndef VECSTORE_FILTER_PRINT_H
#define VECSTORE_FILTER_PRINT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "filter/filter.h"

/* Every block by itself, so that the address sanitizer sees where each one ends. */
typedef struct TreeMemory
{
	struct TreeBlock
	{
		struct TreeBlock *next;
	}		   *blocks;
	size_t		bytes;
} TreeMemory;

static inline void *
tree_alloc(void *context, size_t bytes)
{
	TreeMemory *memory = (TreeMemory *) context;
	struct TreeBlock *block = (struct TreeBlock *) malloc(16 + bytes);

	if (block == NULL)
		abort();
	block->next = memory->blocks;
	memory->blocks = block;
	memory->bytes += bytes;
	memset((char *) block + 16, 0xA5, bytes);
	return (char *) block + 16;
}

static inline void
tree_free(TreeMemory *memory)
{
	while (memory->blocks != NULL)
	{
		struct TreeBlock *next = memory->blocks->next;

		free(memory->blocks);
		memory->blocks = next;
	}
	memory->bytes = 0;
}

/* A value: 1, 'text', true, null, $name, timestamp'text', [1 2]. */
static inline void
print_value(FILE *out, const VsFilterValue *value)
{
	switch (value->kind)
	{
		case VS_VALUE_TEXT:
			fprintf(out, "'%s'", value->text);
			break;
		case VS_VALUE_TIMESTAMP:
			fprintf(out, "timestamp'%s'", value->text);
			break;
		case VS_VALUE_NULL:
			fprintf(out, "null");
			break;
		case VS_VALUE_PARAM:
			fprintf(out, "$%s", value->text);
			break;
		case VS_VALUE_ARRAY:
			fputc('[', out);
			for (const VsFilterValue *e = value->elements; e != NULL; e = e->next)
			{
				print_value(out, e);
				if (e->next != NULL)
					fputc(' ', out);
			}
			fputc(']', out);
			break;
		default:
			fprintf(out, "%s", value->text);
	}
}

/* A tree: (and (= a 1) (not (in b."C d" [1 2]))). */
static inline void
print_filter(FILE *out, const VsFilter *filter)
{
	static const char *const words[] = {"and", "or", "not", "=", "<", "<=", ">", ">=", "in", "contains", "null"};

	fprintf(out, "(%s", words[filter->kind]);
	for (const VsFilter *child = filter->first; child != NULL; child = child->next)
	{
		fputc(' ', out);
		print_filter(out, child);
	}
	for (const VsFilterName *name = filter->path; name != NULL; name = name->next)
		fprintf(out, name->quoted ? "%s\"%s\"" : "%s%s", name == filter->path ? " " : ".", name->text);
	if (filter->value != NULL)
	{
		fputc(' ', out);
		print_value(out, filter->value);
	}
	fputc(')', out);
}

/* Parse text, in memory of just its length; a new string, "" and error set if it is no filter. */
static inline char *
filter_string(const char *text, size_t len, VsFilterError *error)
{
	TreeMemory	memory = {NULL, 0};
	VsFilterMemory source = {tree_alloc, &memory};
	char	   *copy = (char *) malloc(len ? len : 1);
	char	   *printed = NULL;
	size_t		size;
	FILE	   *out = open_memstream(&printed, &size);
	VsFilter   *filter;

	if (copy == NULL || out == NULL)
		abort();
	memcpy(copy, text, len);
	filter = vs_filter_parse(copy, len, &source, error);
	free(copy);					/* a tree keeps nothing of the text */
	if ((filter == NULL) != (error->kind != VS_FILTER_OK))
		abort();
	if (filter != NULL)
		print_filter(out, filter);
	else if (error->position + error->length > len)
		abort();
	fclose(out);
	tree_free(&memory);
	return printed;
}

#endif							/* VECSTORE_FILTER_PRINT_H */
