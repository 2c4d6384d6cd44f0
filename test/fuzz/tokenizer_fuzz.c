/*
 * tokenizer_fuzz.c
 *		libFuzzer target: any bytes, every tokenizer.
 *
 * Tokens lie within the text and come in its order, terms are short and valid
 * UTF-8, and the words that are found without ICU are those of ICU.  The text
 * is exactly as long as its memory, so that the address sanitizer sees a read
 * beyond.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/utf8.h>

#include "hybrid/tokenizer.h"
#include "hybrid/words.h"

#define MAX_TOKENIZERS 16

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stop with the case if something does not hold. */
static void
require(bool holds, const char *what, const char *tokenizer)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", tokenizer, what);
	abort();
}

/* Is a term whole characters of UTF-8? */
static bool
is_valid(const char *term, int32_t length)
{
	int32_t		i = 0;
	UChar32		c = 0;

	while (i < length && c >= 0)
		U8_NEXT(term, i, length, c);
	return c >= 0;
}

/* All tokens of one tokenizer, which is made the first time. */
static void
read_tokens(VsTokenizer **made, const char *name, const char *text, int32_t length)
{
	static const char *const stop_words[] = {"a", "the", "\xC3\x9F"};
	VsTokenizerOptions options = {.stemmer = "english",.stop_words = stop_words,.nstop_words = 3,.min_gram = 1,.max_gram = 3};
	VsTokenizer *tokenizer;
	VsToken		token;
	int32_t		start = 0;
	int32_t		position = 1;

	if (*made == NULL)
		require(vs_tokenizer_create(name, &options, made) == VS_TOKENIZER_OK, "not made", name);
	tokenizer = *made;
	vs_tokens_begin(tokenizer, text, length);
	while (vs_tokens_next(tokenizer, &token))
	{
		require(token.length >= 1 && token.length <= VS_MAX_TERM_BYTES, "length of a term", name);
		require(is_valid(token.term, token.length), "a term is not UTF-8", name);
		require(token.start >= start && token.end > token.start && token.end <= length, "offsets", name);
		require(token.position >= position, "positions", name);
		start = token.start;
		position = token.position;
	}
	require(!vs_tokens_failed(tokenizer), "failed", name);
}

/* The words in chunks against those of ICU alone. */
static void
compare_words(const char *text, int32_t length)
{
	static VsWords chunks = {0};
	static VsWords icu = {.icu_only = true};
	static bool made = false;
	int32_t		start[2];
	int32_t		end[2];
	bool		more;

	if (!made)
		require(vs_words_init(&chunks) == VS_TOKENIZER_OK && vs_words_init(&icu) == VS_TOKENIZER_OK, "not made", "words");
	made = true;
	vs_words_begin(&chunks, text, length);
	vs_words_begin(&icu, text, length);
	do
	{
		more = vs_words_next(&icu, &start[1], &end[1]);
		require(vs_words_next(&chunks, &start[0], &end[0]) == more, "number of words", "words");
		require(!more || (start[0] == start[1] && end[0] == end[1]), "other words than ICU's", "words");
	} while (more);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static VsTokenizer *tokenizers[MAX_TOKENIZERS];
	const char *const *names = vs_tokenizer_names();
	char	   *text = (char *) malloc(size ? size : 1);

	if (text == NULL)
		abort();
	memcpy(text, data, size);
	for (int i = 0; names[i]; i++)
	{
		require(i < MAX_TOKENIZERS, "one too many", names[i]);
		read_tokens(&tokenizers[i], names[i], text, (int32_t) size);
	}
	compare_words(text, (int32_t) size);
	free(text);
	return 0;
}
