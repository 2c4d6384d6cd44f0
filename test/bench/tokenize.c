/*
 * tokenize.c
 *		How many MB/s the tokenizers read, a line a text: bench_tokenize FILE.
 *
 * "simple, ICU only" is what simple would be without its table for ASCII;
 * "accents in most words": the same lines, each a and e with a combining acute.
 * Each figure is the best of three passes; one core.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hybrid/tokenizer.h"
#include "hybrid/words.h"

/* Seconds since some point in time. */
static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}

/* Read a whole file. */
static char *
read_file(const char *name, size_t *size)
{
	FILE	   *file = fopen(name, "rb");
	char	   *text;

	if (file == NULL || fseek(file, 0, SEEK_END) != 0)
	{
		perror(name);
		exit(1);
	}
	*size = (size_t) ftell(file);
	rewind(file);
	text = (char *) malloc(*size + 1);
	if (text == NULL || fread(text, 1, *size, file) != *size)
	{
		perror(name);
		exit(1);
	}
	fclose(file);
	return text;
}

/* The same text, each a and e with a combining acute. */
static char *
with_accents(const char *text, size_t size, size_t *new_size)
{
	char	   *copy = (char *) malloc(3 * size + 1);
	size_t		n = 0;

	if (copy == NULL)
		exit(1);
	for (size_t i = 0; i < size; i++)
	{
		copy[n++] = text[i];
		if (text[i] == 'e' || text[i] == 'a')
		{
			copy[n++] = (char) 0xCC;
			copy[n++] = (char) 0x81;
		}
	}
	*new_size = n;
	return copy;
}

/* How many tokens a line has; a sum of their bytes keeps the compiler from being clever. */
typedef size_t (*Reader) (void *state, const char *line, int32_t length, size_t *bytes);

/* ... by a tokenizer, */
static size_t
read_with_tokenizer(void *state, const char *line, int32_t length, size_t *bytes)
{
	VsTokenizer *tokenizer = (VsTokenizer *) state;
	VsToken		token;
	size_t		n = 0;

	vs_tokens_begin(tokenizer, line, length);
	for (; vs_tokens_next(tokenizer, &token); n++)
		*bytes += (size_t) token.length;
	return n;
}

/* ... and by a reader of words, with the folding that "simple" does. */
static size_t
read_with_icu(void *state, const char *line, int32_t length, size_t *bytes)
{
	VsWords    *words = (VsWords *) state;
	char		term[VS_MAX_TERM_BYTES];
	int32_t		start;
	int32_t		end;
	size_t		n = 0;

	vs_words_begin(words, line, length);
	for (; vs_words_next(words, &start, &end); n++)
		*bytes += (size_t) vs_fold(line + start, end - start, term);
	return n;
}

/* Time one reader over all lines. */
static void
measure(const char *what, Reader reader, void *state, const char *text, size_t size)
{
	double		best = 1e9;
	size_t		tokens = 0;
	size_t		bytes = 0;

	for (int pass = 0; pass < 3; pass++)
	{
		double		start = now();
		const char *line = text;

		tokens = 0;
		while (line < text + size)
		{
			const char *newline = (const char *) memchr(line, '\n', (size_t) (text + size - line));
			const char *end = newline ? newline : text + size;

			tokens += reader(state, line, (int32_t) (end - line), &bytes);
			line = end + 1;
		}
		best = now() - start < best ? now() - start : best;
	}
	printf("%-34s %7.1f MB/s %10zu terms of %.1f bytes\n", what, (double) size / 1e6 / best, tokens,
		   (double) bytes / 3 / (double) tokens);
}

int
main(int argc, char **argv)
{
	VsTokenizerOptions options = {.stemmer = "english",.stop_words = vs_lucene_stop_words,.nstop_words = 33};
	VsWords		words = {.icu_only = true};
	size_t		size;
	size_t		accented_size;
	char	   *text;
	char	   *accented;
	VsTokenizer *tokenizer;

	if (argc != 2)
	{
		fprintf(stderr, "usage: %s FILE\n", argv[0]);
		return 1;
	}
	text = read_file(argv[1], &size);
	accented = with_accents(text, size, &accented_size);
	for (const char *const *name = vs_tokenizer_names(); *name; name++)
	{
		if (vs_tokenizer_create(*name, &options, &tokenizer) != VS_TOKENIZER_OK)
			return 1;
		measure(*name, read_with_tokenizer, tokenizer, text, size);
		if (strcmp(*name, "simple") == 0)
			measure("simple, accents in most words", read_with_tokenizer, tokenizer, accented, accented_size);
		vs_tokenizer_free(tokenizer);
	}
	if (vs_words_init(&words) != VS_TOKENIZER_OK)
		return 1;
	measure("simple, ICU only", read_with_icu, &words, text, size);
	vs_words_finish(&words);
	free(text);
	free(accented);
	return 0;
}
