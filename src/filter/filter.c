/*
 * filter.c
 *		The parts a filter's tree is made of, and the call that makes one.
 *		Pure C: no postgres.h here.
 */
#include <string.h>

#include "filter/filter.h"
#include "filter/filter_parse.h"

/* So many zeroed bytes. */
void *
vs_filter_alloc(VsFilterParse *parse, size_t bytes)
{
	void	   *block = parse->memory.alloc(parse->memory.context, bytes);

	memset(block, 0, bytes);
	return block;
}

/* Note an error at the word read last, unless there was one before. */
void
vs_filter_fail(VsFilterParse *parse, VsFilterErrorKind kind)
{
	if (parse->error.kind != VS_FILTER_OK)
		return;
	parse->error.kind = kind;
	parse->error.position = parse->position;
	parse->error.length = parse->length;
}

/* A copy of len bytes, in which every doubled quote counts once (0: no quote). */
static const char *
copy_word(VsFilterParse *parse, const char *word, size_t len, char quote)
{
	char	   *copy = vs_filter_alloc(parse, len + 1);
	char	   *to = copy;

	for (size_t i = 0; i < len; i++)
	{
		*to++ = word[i];
		if (quote != 0 && word[i] == quote)
			i++;
	}
	return copy;
}

/* A name, quoted or not. */
VsFilterName *
vs_filter_name(VsFilterParse *parse, const char *word, size_t len)
{
	VsFilterName *name = vs_filter_alloc(parse, sizeof(VsFilterName));

	name->position = parse->position;
	name->quoted = word[0] == '"';
	name->text = name->quoted ? copy_word(parse, word + 1, len - 2, '"') :
		copy_word(parse, word, len, 0);
	return name;
}

/* A path with one name more; NULL, and an error, if it has too many. */
VsFilterName *
vs_filter_path(VsFilterParse *parse, VsFilterName *path, VsFilterName *name)
{
	VsFilterName *last = path;
	int			names = 1;

	for (; last->next != NULL; last = last->next)
		names++;
	if (names == VS_FILTER_MAX_DEPTH)
	{
		vs_filter_fail(parse, VS_FILTER_TOO_DEEP);
		return NULL;
	}
	last->next = name;
	return path;
}

/* A value made of its word in the filter. */
VsFilterValue *
vs_filter_value(VsFilterParse *parse, VsFilterValueKind kind, const char *word, size_t len)
{
	VsFilterValue *value = vs_filter_alloc(parse, sizeof(VsFilterValue));
	const char *quote;

	value->kind = kind;
	value->position = parse->position;
	switch (kind)
	{
		case VS_VALUE_TEXT:
		case VS_VALUE_TIMESTAMP:
			quote = memchr(word, '\'', len);
			value->text = copy_word(parse, quote + 1, len - (size_t) (quote - word) - 2, '\'');
			break;
		case VS_VALUE_BOOL:
			value->text = len == strlen("true") ? "true" : "false";
			break;
		case VS_VALUE_PARAM:
			value->text = copy_word(parse, word + 1, len - 1, 0);
			break;
		default:
			value->text = copy_word(parse, word, len, 0);
	}
	return value;
}

/* An array with one element more; a new array if there was none, and no element is none. */
VsFilterValue *
vs_filter_array(VsFilterParse *parse, VsFilterValue *array, VsFilterValue *element)
{
	if (array == NULL)
	{
		array = vs_filter_alloc(parse, sizeof(VsFilterValue));
		array->kind = VS_VALUE_ARRAY;
		array->position = element ? element->position : parse->position;
	}
	if (element != NULL)
	{
		if (array->last != NULL)
			array->last->next = element;
		else
			array->elements = element;
		array->last = element;
	}
	return array;
}

/* A comparison. */
VsFilter *
vs_filter_leaf(VsFilterParse *parse, VsFilterKind kind, VsFilterName *path, VsFilterValue *value)
{
	VsFilter   *filter = vs_filter_alloc(parse, sizeof(VsFilter));

	filter->kind = kind;
	filter->path = path;
	filter->value = value;
	return filter;
}

/* NOT child. */
VsFilter *
vs_filter_not(VsFilterParse *parse, VsFilter *child)
{
	VsFilter   *filter = vs_filter_alloc(parse, sizeof(VsFilter));

	filter->kind = VS_FILTER_NOT;
	filter->first = filter->last = child;
	return filter;
}

/*
 * left AND right, or left OR right.  A long row of the same becomes one wide
 * node, not a deep tree.
 */
VsFilter *
vs_filter_join(VsFilterParse *parse, VsFilterKind kind, VsFilter *left, VsFilter *right)
{
	VsFilter   *filter = left;

	if (left->kind != kind)
	{
		filter = vs_filter_alloc(parse, sizeof(VsFilter));
		filter->kind = kind;
		filter->first = filter->last = left;
	}
	filter->last->next = right;
	filter->last = right;
	return filter;
}

/* The tree of a filter; NULL, and the error filled in, if it is none. */
VsFilter *
vs_filter_parse(const char *text, size_t len, const VsFilterMemory *memory, VsFilterError *error)
{
	VsFilterParse *parse = memory->alloc(memory->context, sizeof(VsFilterParse));
	const char *nul = memchr(text, '\0', len);

	memset(parse, 0, sizeof(VsFilterParse));
	parse->memory = *memory;
	if (len > VS_FILTER_MAX_BYTES)
		vs_filter_fail(parse, VS_FILTER_TOO_LONG);
	else if (nul != NULL)
	{
		/* Texts are C strings from here on. */
		parse->position = (size_t) (nul - text);
		parse->length = 1;
		vs_filter_fail(parse, VS_FILTER_SYNTAX);
	}
	else if (setjmp(parse->panic) != 0 ||
			 vs_filter_yyparse(vs_filter_scan_begin(parse, text, len), parse) != 0)
		vs_filter_fail(parse, VS_FILTER_SYNTAX);
	*error = parse->error;
	return error->kind == VS_FILTER_OK ? parse->result : NULL;
}
