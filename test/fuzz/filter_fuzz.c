/*
 * filter_fuzz.c
 *		libFuzzer target: any bytes as a filter.
 *
 * What must hold is in filter_string(): a tree or an error, and an error lies
 * within the text.  Text and tree are in memory of their own size, so that the
 * address sanitizer sees a read beyond; nothing may leak.  A filter between
 * parentheses must be the same filter.
 */
#include <stdint.h>

#include "../unit/filter_print.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VsFilterError error;
	char	   *plain = filter_string((const char *) data, size, &error);

	if (error.kind == VS_FILTER_OK)
	{
		char	   *wrapped = malloc(size + 2);
		char	   *again;

		if (wrapped == NULL)
			abort();
		wrapped[0] = '(';
		memcpy(wrapped + 1, data, size);
		wrapped[size + 1] = ')';
		again = filter_string(wrapped, size + 2, &error);
		if (error.kind == VS_FILTER_OK ? strcmp(plain, again) != 0 : error.kind != VS_FILTER_TOO_DEEP)
			abort();
		free(wrapped);
		free(again);
	}
	free(plain);
	return 0;
}
