/*
 * words.c
 *		Words as Unicode Standard Annex #29 has them, and case folding.  Pure C:
 *		no postgres.h here.
 *
 * ICU finds word boundaries in any script, with dictionaries for those written
 * without spaces, at some 50 MB/s.  ASCII text, most of what there is, needs a
 * table and a look at the two neighbours of a character, and gives exactly the
 * same words several times as fast.  So a text is read in chunks, in turns
 * with and without ICU.
 *
 * A chunk ends at ASCII white space that has ASCII on its other side: before a
 * white space if ICU is to read on, behind it otherwise.  There is always a
 * boundary on both sides of it then.  (Not so if a combining mark follows the
 * white space: the two belong together.)  The rules look no farther back than
 * the last boundary, so that a chunk by itself has the same words as within its
 * text.
 *
 * A chunk is not longer than CHUNK_BYTES, since ICU takes many bytes of memory
 * for each of a stretch that it looks up in a dictionary, and does not come back
 * before it is through.  If ICU's chunk has to end elsewhere than at white
 * space, the words near its end are not trusted: the next chunk starts with the
 * first of them.  Only a word longer than a chunk comes in pieces.
 */
#include "hybrid/words.h"

#include <stdio.h>
#include <string.h>
#include <unicode/ucasemap.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

/* ASCII that pays for leaving ICU, and for coming back to it. */
#define WORTH_BYTES		64

/* The longest chunk, and what is not trusted of one that is cut. */
#define CHUNK_BYTES		65536
#define DOUBT_BYTES		256

/*
 * Kinds of ASCII characters.  A joining one is part of a word between two
 * letters, or between two digits: it has the bit of the kind, shifted.
 */
#define LETTER			1
#define DIGIT			2
#define UNDERSCORE		4		/* joins anything to itself */
#define WORD			(LETTER | DIGIT | UNDERSCORE)
#define JOINS_SHIFT		4

/* Both are made when first needed, and stay. */
static UCaseMap *fold_map;
static uint8_t ascii_kinds[128];

/* Is the whole string one segment between two boundaries? */
static bool
is_one_segment(UBreakIterator *breaks, const char *string, UErrorCode *status)
{
	UText		utext = UTEXT_INITIALIZER;
	bool		one;

	utext_openUTF8(&utext, string, -1, status);
	ubrk_setUText(breaks, &utext, status);
	one = U_SUCCESS(*status) && ubrk_next(breaks) == (int32_t) strlen(string);
	utext_close(&utext);
	return one;
}

/*
 * What ICU thinks of an ASCII character.  Asked, not known: @ is a letter in
 * ICU 72 and none in 78, and the colon once joined letters.
 */
static uint8_t
ask_ascii_kind(UBreakIterator *breaks, char c, UErrorCode *status)
{
	const char	alone[] = {c, '\0'};
	const char	behind[] = {'a', c, '\0'};
	const char	letters[] = {'a', c, 'a', '\0'};
	const char	digits[] = {'1', c, '1', '\0'};
	uint8_t		kind = 0;

	is_one_segment(breaks, alone, status);
	if (ubrk_getRuleStatus(breaks) >= UBRK_WORD_LETTER)
		return LETTER;
	if (ubrk_getRuleStatus(breaks) >= UBRK_WORD_NUMBER)
		return DIGIT;
	if (is_one_segment(breaks, behind, status))
		return UNDERSCORE;
	if (is_one_segment(breaks, letters, status))
		kind |= LETTER << JOINS_SHIFT;
	if (is_one_segment(breaks, digits, status))
		kind |= DIGIT << JOINS_SHIFT;
	return kind;
}

/* The table of all of them, once. */
static void
make_ascii_kinds(UBreakIterator *breaks, UErrorCode *status)
{
	uint8_t		kinds[128] = {0};

	if (ascii_kinds['a'] != 0)
		return;
	for (int c = 1; c < 128; c++)
		kinds[c] = ask_ascii_kind(breaks, (char) c, status);
	if (U_SUCCESS(*status))
		memcpy(ascii_kinds, kinds, sizeof(kinds));
}

/* The status of ICU as ours. */
static VsTokenizerStatus
status_of(UErrorCode status)
{
	if (U_SUCCESS(status))
		return VS_TOKENIZER_OK;
	return status == U_MEMORY_ALLOCATION_ERROR ? VS_TOKENIZER_NO_MEMORY : VS_TOKENIZER_ICU_FAILED;
}

/* Make ready a reader that is all zeros. */
VsTokenizerStatus
vs_words_init(VsWords *words)
{
	const UText initial = UTEXT_INITIALIZER;
	UErrorCode	status = U_ZERO_ERROR;

	words->utext = initial;
	/* The root locale: the same words whatever the locale of the server. */
	words->breaks = ubrk_open(UBRK_WORD, "", NULL, 0, &status);
	if (U_SUCCESS(status))
		make_ascii_kinds(words->breaks, &status);
	return status_of(status);
}

/* Free what a reader holds, ready or not. */
void
vs_words_finish(VsWords *words)
{
	if (words->breaks == NULL)
		return;
	ubrk_close(words->breaks);
	utext_close(&words->utext);
}

/* Begin a text. */
void
vs_words_begin(VsWords *words, const char *text, int32_t length)
{
	words->text = text;
	words->length = length;
	words->next = 0;
	words->chunk_start = 0;
	words->chunk_end = 0;
	words->failed = false;
}

/* The first byte from start on that is not ASCII, or the limit. */
static int32_t
ascii_end(const char *text, int32_t start, int32_t limit)
{
	const uint64_t high_bits = UINT64_C(0x8080808080808080);
	int32_t		i = start;
	uint64_t	eight;

	for (; limit - i >= 8; i += 8)
	{
		memcpy(&eight, text + i, 8);
		if (eight & high_bits)
			break;
	}
	while (i < limit && U8_IS_SINGLE(text[i]))
		i++;
	return i;
}

/* White space at which a chunk may end. */
static bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Where a chunk that starts here must end at the latest. */
static int32_t
chunk_limit(const VsWords *words, int32_t start)
{
	return words->length - start > CHUNK_BYTES ? start + CHUNK_BYTES : words->length;
}

/*
 * Where an ASCII chunk ends that starts here, if what starts here is worth one;
 * its start otherwise.
 */
static int32_t
ascii_chunk_end(const VsWords *words, int32_t start)
{
	int32_t		end = ascii_end(words->text, start, chunk_limit(words, start));

	if (end == words->length)
		return end;
	if (end - start < WORTH_BYTES)
		return start;
	/* The last white space, and the word behind it, are for the next chunk. */
	do
		end--;
	while (end > start && !is_space(words->text[end]));
	return end;
}

/* Where a chunk for ICU ends that starts here. */
static int32_t
icu_chunk_end(const VsWords *words, int32_t start)
{
	const char *text = words->text;
	int32_t		limit = chunk_limit(words, start);
	int32_t		end = ascii_end(text, start, limit);

	while (end < limit)
	{
		/* A run of ASCII that is worth a chunk starts behind a white space. */
		int32_t		run = end;

		while (run < limit && !is_space(text[run]))
			run++;
		if (run == limit)
			break;
		run++;
		end = ascii_end(text, run, limit);
		if (end - run >= WORTH_BYTES)
			return run;
	}
	if (limit < words->length)
		U8_SET_CP_START((const uint8_t *) text, start, limit);
	return limit;
}

/* Does the chunk end with the text or as it should, behind a white space? */
static bool
ends_at_space(const VsWords *words)
{
	int32_t		end = words->chunk_end;

	return end == words->length || (is_space(words->text[end - 1]) && U8_IS_SINGLE(words->text[end]));
}

/* Find the next chunk, and give it to ICU if it is to read it. */
static void
next_chunk(VsWords *words)
{
	UErrorCode	status = U_ZERO_ERROR;

	words->chunk_start = words->next;
	words->chunk_end = words->icu_only ? words->next : ascii_chunk_end(words, words->next);
	words->chunk_ascii = words->chunk_end > words->chunk_start;
	if (words->chunk_ascii)
		return;
	words->chunk_end = words->icu_only ? words->length : icu_chunk_end(words, words->next);
	words->chunk_trusted = ends_at_space(words) ? words->chunk_end : words->chunk_end - DOUBT_BYTES;
	utext_openUTF8(&words->utext, words->text + words->chunk_start,
				   words->chunk_end - words->chunk_start, &status);
	ubrk_setUText(words->breaks, &words->utext, &status);
	if (U_FAILURE(status))
	{
		words->failed = true;
		words->next = words->chunk_end = words->length;
	}
}

/* The next word of a chunk of ASCII. */
static bool
next_by_table(VsWords *words, int32_t *start, int32_t *end)
{
	const unsigned char *text = (const unsigned char *) words->text;
	int32_t		limit = words->chunk_end;
	int32_t		i = words->next;
	int32_t		first;

	do
	{
		while (i < limit && !(ascii_kinds[text[i]] & WORD))
			i++;
		first = i;
		for (;;)
		{
			while (i < limit && (ascii_kinds[text[i]] & WORD))
				i++;
			if (i == first || i + 1 >= limit ||
				!((ascii_kinds[text[i]] >> JOINS_SHIFT) & ascii_kinds[text[i - 1]] & ascii_kinds[text[i + 1]]))
				break;
			i++;
		}
		/* A lone underscore is no word; two are one. */
	} while (i == first + 1 && (ascii_kinds[text[first]] & UNDERSCORE));
	words->next = i;
	*start = first;
	*end = i;
	return i > first;
}

/* The next word of a chunk that ICU reads. */
static bool
next_by_icu(VsWords *words, int32_t *start, int32_t *end)
{
	int32_t		boundary;

	while ((boundary = ubrk_next(words->breaks)) != UBRK_DONE)
	{
		*start = words->next;
		*end = words->chunk_start + boundary;
		if (*end > words->chunk_trusted && *start > words->chunk_start)
		{
			words->chunk_end = *start;
			return false;
		}
		words->next = *end;
		/* Letters, numbers, kana, ideographs; not what lies between words. */
		if (ubrk_getRuleStatus(words->breaks) >= UBRK_WORD_NUMBER)
			return true;
	}
	words->next = words->chunk_end;
	return false;
}

/* The next word. */
bool
vs_words_next(VsWords *words, int32_t *start, int32_t *end)
{
	for (;;)
	{
		if (words->next < words->chunk_end &&
			(words->chunk_ascii ? next_by_table(words, start, end) : next_by_icu(words, start, end)))
			return true;
		words->next = words->chunk_end;
		if (words->next == words->length)
			return false;
		next_chunk(words);
	}
}

/* Append a character; false if it does not fit.  (U8_APPEND() has no such check for ASCII.) */
bool
vs_append_character(char *buffer, int32_t *length, int32_t room, UChar32 c)
{
	if (room - *length < U8_LENGTH(c))
		return false;
	U8_APPEND_UNSAFE(buffer, *length, c);
	return true;
}

/* Make the map of case folding, once. */
VsTokenizerStatus
vs_fold_init(void)
{
	UErrorCode	status = U_ZERO_ERROR;

	if (fold_map == NULL)
		fold_map = ucasemap_open("", U_FOLD_CASE_DEFAULT, &status);
	if (U_FAILURE(status))
		fold_map = NULL;
	return status_of(status);
}

/* The length of a term that is cut to VS_MAX_TERM_BYTES at a character. */
int32_t
vs_cut_term(const char *term, int32_t length)
{
	if (length <= VS_MAX_TERM_BYTES)
		return length;
	length = VS_MAX_TERM_BYTES;
	U8_TRUNCATE_IF_INCOMPLETE(term, 0, length);
	return length;
}

/*
 * Fold what is not all ASCII.  Folding goes character by character, so it is
 * enough to fold what may end up in the term.  A character shrinks to a third
 * of its bytes at most (the Kelvin sign to a "k") and grows to three times as
 * many at most.  ICU would leave damaged bytes as they are.
 */
static int32_t
fold_by_icu(const char *text, int32_t length, char *term)
{
	char		valid[3 * VS_MAX_TERM_BYTES];
	char		folded[3 * sizeof(valid)];
	UErrorCode	status = U_ZERO_ERROR;
	UChar32		c;
	int32_t		i = 0;
	int32_t		n = 0;

	do
		U8_NEXT_OR_FFFD(text, i, length, c);
	while (vs_append_character(valid, &n, sizeof(valid), c) && i < length);
	n = ucasemap_utf8FoldCase(fold_map, folded, (int32_t) sizeof(folded), valid, n, &status);
	if (U_FAILURE(status))
		return 0;				/* never: the room is enough */
	n = vs_cut_term(folded, n);
	memcpy(term, folded, (size_t) n);
	return n;
}

/* Fold the letter case of a piece of text. */
int32_t
vs_fold(const char *text, int32_t length, char term[VS_MAX_TERM_BYTES])
{
	int32_t		n = length < VS_MAX_TERM_BYTES ? length : VS_MAX_TERM_BYTES;
	unsigned char all = 0;

	for (int32_t i = 0; i < n; i++)
	{
		unsigned char c = (unsigned char) text[i];

		all |= c;
		term[i] = (char) (c + ((c >= 'A' && c <= 'Z') ? 'a' - 'A' : 0));
	}
	return all < 0x80 ? n : fold_by_icu(text, length, term);
}

/* The versions that words depend on. */
void
vs_words_version(char version[VS_TOKENIZER_VERSION_BYTES])
{
	UVersionInfo icu;
	UVersionInfo unicode;

	u_getVersion(icu);
	u_getUnicodeVersion(unicode);
	snprintf(version, VS_TOKENIZER_VERSION_BYTES, "ICU %d.%d, Unicode %d.%d",
			 icu[0], icu[1], unicode[0], unicode[1]);
}
