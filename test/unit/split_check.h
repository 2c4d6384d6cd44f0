/*
 * split_check.h
 *		What must hold for the chunks of any text, for a unit test and a fuzzer.
 *		Clusters are those that ICU finds in the whole text.
 */
#ifndef SPLIT_CHECK_H
#define SPLIT_CHECK_H

#include <stdlib.h>
#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include "collection/split_text.h"
#include "hybrid/words.h"

/* Which bytes, and the end, begin a cluster or a word. */
typedef struct SplitMarks
{
	char	   *cluster;
	char	   *word;
} SplitMarks;

static SplitMarks
mark_text(const char *text, int32_t length)
{
	SplitMarks	marks = {calloc(1, (size_t) length + 1), calloc(1, (size_t) length + 1)};
	UErrorCode	status = U_ZERO_ERROR;
	UText		utext = UTEXT_INITIALIZER;
	static UBreakIterator *breaks = NULL;	/* both take longer to open than to use */
	static VsWords words = {0};
	int32_t		start;
	int32_t		end;

	if (breaks == NULL)
	{
		breaks = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &status);
		if (vs_words_init(&words) != VS_TOKENIZER_OK)
			abort();
	}
	utext_openUTF8(&utext, text, length, &status);
	ubrk_setUText(breaks, &utext, &status);
	if (U_FAILURE(status))
		abort();
	for (int32_t at = 0; at != UBRK_DONE; at = ubrk_next(breaks))
		marks.cluster[at] = 1;
	vs_words_begin(&words, text, length);
	while (vs_words_next(&words, &start, &end))
		marks.word[start] = marks.cluster[start];
	utext_close(&utext);
	return marks;
}

/* Characters between two places. */
static int32_t
characters(const char *text, int32_t start, int32_t end, bool bytes)
{
	int32_t		n = 0;

	for (int32_t i = start; i < end; i++)
		n += bytes || i == 0 || !U8_IS_TRAIL(text[i]);
	return n;
}

/* Marks between two places. */
static int32_t
count_marks(const char *marks, int32_t start, int32_t end)
{
	int32_t		n = 0;

	while (start < end)
		n += marks[start++];
	return n;
}

static bool
all_white(const char *text, int32_t start, int32_t end)
{
	UChar32		c = ' ';

	while (start < end && vs_is_white_space(c))
		U8_NEXT_OR_FFFD(text, start, end, c);
	return vs_is_white_space(c);
}

/* What is wrong with a chunk; NULL: nothing. */
static const char *
check_chunk(const VsSplitOptions *options, const char *text, int32_t length,
			const SplitMarks *marks, const VsChunk *last, const VsChunk *chunk)
{
	bool		part = chunk->start < length && !marks->cluster[chunk->end];
	bool		words = options->method == VS_SPLIT_TOKEN;
	int32_t		size = words ? count_marks(marks->word, chunk->start, chunk->end)
		: characters(text, chunk->start, chunk->end, options->bytes);
	int32_t		overlap = words ? count_marks(marks->word, chunk->start, last->end)
		: characters(text, chunk->start, last->end, options->bytes);

	if (chunk->start < 0 || chunk->end <= chunk->start || chunk->end > length)
		return "out of the text";
	if (last->end > 0 && (chunk->start <= last->start || chunk->end <= last->end))
		return "no progress";
	if (chunk->position != characters(text, 0, chunk->start, options->bytes) + 1)
		return "wrong position";
	if (chunk->start > last->end && !all_white(text, last->end, chunk->start))
		return "something was left out";
	if (size > options->chunk_size)
		return "too large";
	if (overlap > options->overlap)
		return "too much overlap";
	if (part && (size != options->chunk_size || count_marks(marks->cluster, chunk->start + 1, chunk->end) > 0))
		return "ends within a cluster";
	if (!marks->cluster[chunk->start] && chunk->start != last->end)
		return "starts within a cluster";
	if (!part && marks->cluster[chunk->start] && all_white(text, chunk->start, chunk->end))
		return "nothing but white space";
	return NULL;
}

/* What is wrong with the chunks of a text; NULL: nothing. */
static const char *
check_split(VsSplit *split, const VsSplitOptions *options, const char *text, int32_t length)
{
	SplitMarks	marks = mark_text(text, length);
	VsChunk		last = {0};
	VsChunk		chunk;
	VsSplitStatus status;
	const char *wrong = NULL;

	vs_split_begin(split, options, text, length);
	while (wrong == NULL && (status = vs_split_next(split, &chunk)) != VS_SPLIT_END)
	{
		if (status == VS_SPLIT_FAILED)
			wrong = "failed";
		if (status != VS_SPLIT_CHUNK)
			continue;
		wrong = check_chunk(options, text, length, &marks, &last, &chunk);
		last = chunk;
	}
	if (wrong == NULL && !all_white(text, last.end, length))
		wrong = "the end is missing";
	free(marks.cluster);
	free(marks.word);
	return wrong;
}

#endif							/* SPLIT_CHECK_H */
