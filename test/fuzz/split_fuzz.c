/*
 * split_fuzz.c
 *		libFuzzer target: any bytes, split in every way.
 *
 * The first bytes say how; what must hold is in split_check.h.  Where characters
 * are counted, the text is valid UTF-8.
 */
#include <stdio.h>

#include "../unit/split_check.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Is a text valid UTF-8? */
static bool
is_valid(const char *text, int32_t length)
{
	int32_t		i = 0;
	UChar32		c = 0;

	while (i < length && c >= 0)
		U8_NEXT(text, i, length, c);
	return c >= 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static VsSplit *split = NULL;
	VsSplitOptions options;
	const char *wrong;
	char	   *text;

	if (size < 3)
		return 0;
	if (split == NULL)
		split = vs_split_create();
	options.method = (VsSplitMethod) (data[0] & 3);
	options.bytes = (data[0] & 4) != 0 || !is_valid((const char *) data + 3, (int32_t) size - 3);
	options.chunk_size = data[1] + 1;
	options.overlap = data[2] % options.chunk_size;
	data += 3;
	size -= 3;
	text = (char *) malloc(size ? size : 1);
	if (split == NULL || text == NULL)
		abort();
	memcpy(text, data, size);
	wrong = check_split(split, &options, text, (int32_t) size);
	if (wrong)
	{
		fprintf(stderr, "%s by %d with %d: %s\n", vs_split_method_names[options.method],
				options.chunk_size, options.overlap, wrong);
		abort();
	}
	free(text);
	return 0;
}
