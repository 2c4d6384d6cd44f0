/*
 * match_fuzz.c
 *		libFuzzer target: any bytes as a query for documents.
 *
 * What must hold of a tree is in match_string().  A query between parentheses is the
 * same query, and a document that matches it does not match its negation.
 */
#include <stdint.h>

#include "../unit/match_print.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input between two strings, to be freed. */
static char *
wrap(const char *before, const uint8_t *data, size_t size, size_t *len)
{
	char	   *text = malloc(size + strlen(before) + 1);

	if (text == NULL)
		abort();
	strcpy(text, before);
	memcpy(text + strlen(before), data, size);
	text[strlen(before) + size] = ')';
	*len = strlen(before) + size + 1;
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char document[] = "abcabxa 1 ba? zyx";
	VsMatchError error;
	char	   *plain = match_string((const char *) data, size, &error);

	if (error.kind == VS_MATCH_OK && *plain != '\0')
	{
		size_t		len;
		char	   *wrapped = wrap("(", data, size, &len);
		char	   *again = match_string(wrapped, len, &error);
		bool		match = matches((const char *) data, size, document, true);

		if (error.kind == VS_MATCH_OK ? strcmp(plain, again) != 0 || matches(wrapped, len, document, true) != match :
			error.kind != VS_MATCH_TOO_DEEP)
			abort();
		free(wrapped);
		wrapped = wrap("!(", data, size, &len);
		if (match && matches(wrapped, len, document, true))
			abort();
		free(wrapped);
		free(again);
	}
	free(plain);
	return 0;
}
