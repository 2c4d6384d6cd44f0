/*
 * split_borders.c
 *		Where a text may be cut, and how well.  Pure C: no postgres.h here.
 *
 * Every place of the text, in bytes, has a level, which says what ends there.
 * The text is read once, from its begin to its end, in pieces of a line or a
 * part of one.  Grapheme clusters are marked first, since there is no border
 * within one; words and sentences raise the level of some of these places, each
 * read by ICU with its own reader; the level at the begin of a line is set last
 * and for good.  So the level of the place where reading stopped may change.
 *
 * White space belongs to what it follows.
 */
#include "collection/split_borders.h"

#include <stdlib.h>
#include <string.h>

/* The longest piece, but for a cluster that is longer. */
#define PIECE_BYTES		65536

/* Make ready a reader that is all zeros. */
bool
vs_borders_init(VsBorders *borders)
{
	const UText initial = UTEXT_INITIALIZER;
	UErrorCode	status = U_ZERO_ERROR;

	borders->grapheme_text = initial;
	borders->sentence_text = initial;
	/* The root locale: the same chunks whatever the locale of the server. */
	borders->graphemes = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &status);
	borders->sentences = ubrk_open(UBRK_SENTENCE, "", NULL, 0, &status);
	return vs_words_init(&borders->words) == VS_TOKENIZER_OK && U_SUCCESS(status);
}

/* Return the memory that a text took. */
void
vs_borders_release(VsBorders *borders)
{
	free(borders->levels);
	borders->levels = NULL;
	borders->room = 0;
}

/* Free what a reader holds, ready or not. */
void
vs_borders_finish(VsBorders *borders)
{
	vs_words_finish(&borders->words);
	if (borders->graphemes)
		ubrk_close(borders->graphemes);
	if (borders->sentences)
		ubrk_close(borders->sentences);
	utext_close(&borders->grapheme_text);
	utext_close(&borders->sentence_text);
	vs_borders_release(borders);
}

/* ---- levels ---- */

/* Make room for the levels up to a place; a new one is none. */
static bool
reserve(VsBorders *borders, int32_t end)
{
	size_t		wanted = (size_t) (end - borders->base) + 1;

	if (wanted > (size_t) borders->room)
	{
		size_t		room = wanted + wanted / 2;
		uint8_t    *levels;

		if (room > INT32_MAX)
			room = INT32_MAX;
		levels = (uint8_t *) realloc(borders->levels, room);
		if (levels == NULL)
			return false;
		borders->levels = levels;
		borders->room = (int32_t) room;
	}
	return true;
}

static void
set_level(VsBorders *borders, int32_t at, VsLevel level)
{
	borders->levels[at - borders->base] = (uint8_t) level;
}

/* Raise a level, unless the place is within a cluster or should stay whole. */
static bool
raise_level(VsBorders *borders, int32_t at, VsLevel level)
{
	VsLevel		old = vs_level(borders, at);

	if (old == VS_LEVEL_NONE)
		return false;
	if (old < level && !borders->quiet)
		set_level(borders, at, level);
	return true;
}

/* Forget all before a place. */
void
vs_borders_forget(VsBorders *borders, int32_t at)
{
	int32_t		gone = at - borders->base;
	int32_t		left = borders->read - at + 1;

	/* Moving the rest must cost no more than what goes. */
	if (gone < left)
		return;
	memmove(borders->levels, borders->levels + gone, (size_t) left);
	borders->base = at;
}

/* ---- grapheme clusters ---- */

/*
 * Is there a border between any two such characters?  So it is for most of
 * all text, by the rules GB4 to GB999 of Unicode Standard Annex #29.
 */
static bool
is_simple(UChar32 c)
{
	int32_t		kind;

	if (c < 0x80)
		return c != '\r';
	kind = u_getIntPropertyValue(c, UCHAR_GRAPHEME_CLUSTER_BREAK);
	return kind == U_GCB_OTHER || kind == U_GCB_LV || kind == U_GCB_LVT;
}

/* The end of the cluster at a place, as ICU finds it. */
static int32_t
icu_cluster_end(VsBorders *borders, int32_t at)
{
	UErrorCode	status = U_ZERO_ERROR;
	int32_t		next;

	if (!borders->graphemes_on)
	{
		/* A cluster begins here, and rules do not look farther back. */
		utext_openUTF8(&borders->grapheme_text, borders->text + at, borders->length - at, &status);
		ubrk_setUText(borders->graphemes, &borders->grapheme_text, &status);
		if (U_FAILURE(status))
			return -1;
		borders->graphemes_on = true;
		borders->grapheme_base = at;
	}
	next = ubrk_next(borders->graphemes);
	return next == UBRK_DONE ? borders->length : borders->grapheme_base + next;
}

/* The end of the cluster at a place; -1: no memory. */
static int32_t
cluster_end(VsBorders *borders, int32_t at)
{
	const char *text = borders->text;
	int32_t		length = borders->length;
	int32_t		next = at;
	int32_t		after;
	UChar32		c;
	UChar32		d;

	U8_NEXT_OR_FFFD(text, next, length, c);
	if (c == '\r' && next < length && text[next] == '\n')
		next++;
	else if (c != '\r' && next < length)
	{
		after = next;
		U8_NEXT_OR_FFFD(text, after, length, d);
		/* A carriage return is no part of what stands before it. */
		if (!is_simple(c) || !(is_simple(d) || d == '\r'))
			return icu_cluster_end(borders, at);
	}
	borders->graphemes_on = false;
	return next;
}

/* Is the cluster white space and nothing else? */
static bool
is_white_cluster(const char *text, int32_t start, int32_t end)
{
	UChar32		c;

	U8_NEXT_OR_FFFD(text, start, end, c);
	return vs_is_white_space(c) && (start == end || c == '\r');
}

/*
 * Mark the clusters from where reading stopped up to a limit, and behind it up
 * to the end of the last one; sets read, false: no memory.  But for counted
 * words, a border behind white space is as good as one between words.
 */
static bool
read_clusters(VsBorders *borders, int32_t limit)
{
	VsLevel		word = borders->method == VS_SPLIT_TOKEN ? VS_LEVEL_GRAPHEME : VS_LEVEL_WORD;
	int32_t		at = borders->read;

	while (at < limit)
	{
		int32_t		end = cluster_end(borders, at);
		bool		white;

		if (end < 0 || !reserve(borders, end))
			return false;
		white = is_white_cluster(borders->text, at, end);
		/* The begin of a line has its level. */
		if (borders->after_white && !white && !(borders->line_begins && at == borders->read))
			raise_level(borders, at, word);
		borders->after_white = white;
		memset(borders->levels + (at + 1 - borders->base), VS_LEVEL_NONE, (size_t) (end - at));
		set_level(borders, end, borders->quiet ? VS_LEVEL_QUIET : VS_LEVEL_GRAPHEME);
		at = end;
	}
	borders->read = at;
	return true;
}

/* ---- words and sentences ---- */

/* Behind the last white space between two places, or the first of them. */
static int32_t
behind_white(const char *text, int32_t start, int32_t end)
{
	int32_t		behind = start;
	UChar32		c;

	for (int32_t i = start; i < end;)
	{
		U8_NEXT_OR_FFFD(text, i, end, c);
		if (vs_is_white_space(c))
			behind = i;
	}
	return behind;
}

/* A place moved before brackets and quotation marks that open there. */
static int32_t
before_opening(const char *text, int32_t start, int32_t at)
{
	while (at > start)
	{
		int32_t		before = at;
		UChar32		c;

		U8_PREV_OR_FFFD((const uint8_t *) text, start, before, c);
		if (!(U_GET_GC_MASK(c) & (U_GC_PS_MASK | U_GC_PI_MASK)))
			break;
		at = before;
	}
	return at;
}

/*
 * Find the border between the last word and the next: behind the white space
 * there is between them, otherwise before the next one.
 */
static void
next_word(VsBorders *borders)
{
	int32_t		start;
	int32_t		end;

	borders->word_next = INT32_MAX;
	if (!vs_words_next(&borders->words, &start, &end))
		return;
	if (borders->word_end < 0)
		borders->word_next = -1;	/* all before the first word belongs to it */
	else
	{
		borders->word_next = behind_white(borders->text, borders->word_end, start);
		if (borders->word_next == borders->word_end)
			borders->word_next = before_opening(borders->text, borders->word_end, start);
	}
	borders->word_start = start;
	borders->word_end = end;
}

/* Mark the borders of words up to a limit. */
static bool
read_words(VsBorders *borders, int32_t limit)
{
	while (borders->word_next <= limit)
	{
		bool		inside = borders->word_next >= 0 && !raise_level(borders, borders->word_next, VS_LEVEL_WORD);

		/* White space that has a mark on it is one with the mark. */
		if (inside && borders->word_next < borders->word_start)
			borders->word_next = borders->word_start;
		else
			next_word(borders);
	}
	return !borders->words.failed;
}

/* Mark the borders of sentences up to a limit. */
static void
read_sentences(VsBorders *borders, int32_t limit)
{
	while (borders->sentence_next <= limit)
	{
		int32_t		next;

		raise_level(borders, borders->sentence_next, VS_LEVEL_SENTENCE);
		next = ubrk_next(borders->sentences);
		borders->sentence_next = next == UBRK_DONE ? INT32_MAX : next;
	}
}

/* ---- lines ---- */

/* The bytes of a newline that is at a place, or 0. */
static int32_t
newline_length(const char *text, int32_t at, int32_t length)
{
	const unsigned char *c = (const unsigned char *) text + at;

	if (*c >= '\n' && *c <= '\r')
		return *c == '\r' && at + 1 < length && c[1] == '\n' ? 2 : 1;
	/* U+0085, U+2028 and U+2029 */
	if (*c == 0xC2 && at + 1 < length && c[1] == 0x85)
		return 2;
	if (*c == 0xE2 && at + 2 < length && c[1] == 0x80 && (c[2] & 0xFE) == 0xA8)
		return 3;
	return 0;
}

/* Does a text end with a character that ends a paragraph, not only a line? */
static bool
ends_paragraph(const char *text, int32_t start, int32_t end)
{
	return (end > start && text[end - 1] == '\f') ||
		(end - start >= 3 && memcmp(text + end - 3, "\xE2\x80\xA9", 3) == 0);
}

/* The line that starts at a place. */
VsLine
vs_line_at(const char *text, int32_t length, int32_t start)
{
	VsLine		line = {.text = text,.length = length,.start = start};
	int32_t		limit = length - start > PIECE_BYTES ? start + PIECE_BYTES : length;
	int32_t		newline = 0;

	line.end = start;
	while (line.end < limit && (newline = newline_length(text, line.end, length)) == 0)
		line.end++;
	line.end += newline;
	line.whole = newline > 0 || line.end == length;
	if (!line.whole)
		U8_SET_CP_START((const uint8_t *) text, start, line.end);
	return line;
}

/* Is there nothing in it but white space? */
bool
vs_line_is_blank(const VsLine *line)
{
	UChar32		c = ' ';

	for (int32_t i = line->start; i < line->end && vs_is_white_space(c);)
		U8_NEXT_OR_FFFD(line->text, i, line->end, c);
	return vs_is_white_space(c);
}

/* How to treat a line of a text that is no Markdown. */
static VsLineVerdict
plain_line(VsBorders *borders, const VsLine *line)
{
	VsLineVerdict verdict = {.level = VS_LEVEL_LINE};

	if (vs_line_is_blank(line))
		verdict.level = VS_LEVEL_GRAPHEME;
	else if (borders->after_blank)
		verdict.level = VS_LEVEL_PARAGRAPH;
	borders->after_blank = verdict.level == VS_LEVEL_GRAPHEME ||
		ends_paragraph(line->text, line->start, line->end);
	return verdict;
}

/* Look at the line that begins where reading stopped. */
static void
begin_line(VsBorders *borders, const VsLine *line)
{
	VsLineVerdict verdict;

	if (borders->method == VS_SPLIT_RECURSIVE)
		verdict = plain_line(borders, line);
	else if (borders->method == VS_SPLIT_MARKDOWN)
		verdict = vs_markdown_line(&borders->markdown, line);
	else
		return;
	borders->quiet = verdict.quiet;
	set_level(borders, line->start, verdict.level);
}

/* ---- reading ---- */

/* Begin a text. */
void
vs_borders_begin(VsBorders *borders, const VsSplitOptions *options, const char *text, int32_t length)
{
	borders->text = text;
	borders->length = length;
	borders->method = options->method;
	borders->read = 0;
	borders->base = 0;
	borders->graphemes_on = false;
	borders->after_white = false;
	borders->sentence_next = -1;
	borders->word_end = -1;
	borders->word_next = -1;
	borders->line_begins = true;
	borders->after_blank = false;
	borders->quiet = false;
	memset(&borders->markdown, 0, sizeof(borders->markdown));
	borders->markdown.chunk_size = options->chunk_size;
	borders->markdown.bytes = options->bytes;
	vs_words_begin(&borders->words, text, length);
}

/* What could fail when a text begins. */
static bool
begin_reading(VsBorders *borders)
{
	UErrorCode	status = U_ZERO_ERROR;

	if (!reserve(borders, 0))
		return false;
	set_level(borders, 0, VS_LEVEL_GRAPHEME);
	borders->sentence_next = INT32_MAX;
	if (borders->method != VS_SPLIT_TOKEN)
	{
		utext_openUTF8(&borders->sentence_text, borders->text, borders->length, &status);
		ubrk_setUText(borders->sentences, &borders->sentence_text, &status);
		borders->sentence_next = 0;
	}
	next_word(borders);
	return U_SUCCESS(status);
}

/* Read on, a bounded piece. */
bool
vs_borders_read(VsBorders *borders)
{
	VsLine		line = vs_line_at(borders->text, borders->length, borders->read);

	if (borders->sentence_next < 0 && !begin_reading(borders))
		return false;
	if (borders->line_begins)
		begin_line(borders, &line);
	if (!read_clusters(borders, line.end) || !read_words(borders, borders->read))
		return false;
	read_sentences(borders, borders->read);
	borders->line_begins = line.whole && borders->read == line.end;
	if (borders->read == borders->length)
		set_level(borders, borders->length, VS_LEVEL_TEXT);
	return true;
}
