/*
 * tokenizer_ngram.c
 *		Tokenizer "ngram": every run of min_gram to max_gram characters, letter
 *		case folded.  Pure C: no postgres.h here.
 *
 * For languages written without spaces, and for codes of which people know a
 * part.  A gram does not reach across white space; all else counts, since
 * punctuation is part of a code.  What is shorter than min_gram between two
 * white spaces is a term as it is, so that nothing is lost.
 *
 * A character is a code point with the combining marks behind it; code points
 * joined by a zero width joiner (families of emoji) are one, too.  The position
 * of a gram is that of its first character, a stretch of white space counting
 * as one, so that phrases do not match across it.
 */
#include <stdio.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "hybrid/tokenizer_kind.h"
#include "hybrid/words.h"

#define ZERO_WIDTH_JOINER	0x200D
#define FIRST_MARK			0x0300	/* no combining mark before it */

/*
 * The grams that start at one character are made one from the other.  Between
 * two calls, size characters of the text from start to end are in grams; 0
 * says that the grams of another start are to begin there.
 */
typedef struct NgramTokenizer
{
	VsTokenizer base;
	int			min_gram;
	int			max_gram;
	int32_t		start;			/* first byte of these grams */
	int32_t		second;			/* their second character: where the next ones start */
	int32_t		end;			/* byte behind the last character taken */
	int			size;			/* characters taken */
	int32_t		term_length;	/* their bytes, folded, in grams: */
	char		grams[2 * VS_MAX_TERM_BYTES];	/* a term, and a character behind it */
	bool		run_begins;		/* white space stands before start */
} NgramTokenizer;

static const char *const option_names[] = {"min_gram", "max_gram", NULL};

/* Take the options. */
static VsTokenizerStatus
ngram_init(VsTokenizer *tokenizer, const VsTokenizerOptions *options)
{
	NgramTokenizer *ngram = (NgramTokenizer *) tokenizer;
	int			min = options->min_gram;
	int			max = options->max_gram;

	/* Given one, the other follows if its default would not go with it. */
	if (max == 0)
		max = min > VS_DEFAULT_MAX_GRAM ? min : VS_DEFAULT_MAX_GRAM;
	if (min == 0)
		min = max < VS_DEFAULT_MIN_GRAM ? max : VS_DEFAULT_MIN_GRAM;
	if (min < 1 || max < min || max > VS_MAX_GRAM)
		return VS_TOKENIZER_WRONG_GRAMS;
	ngram->min_gram = min;
	ngram->max_gram = max;
	return vs_fold_init();
}

/* Begin the grams of a start. */
static void
start_at(NgramTokenizer *ngram, int32_t start)
{
	ngram->start = start;
	ngram->end = start;
	ngram->size = 0;
	ngram->term_length = 0;
}

/* A new text. */
static void
ngram_begin(VsTokenizer *tokenizer)
{
	NgramTokenizer *ngram = (NgramTokenizer *) tokenizer;

	start_at(ngram, 0);
	ngram->run_begins = true;
	tokenizer->position = 1;
}

/* Does a code point belong to the character before it? */
static bool
continues_character(UChar32 c, UChar32 before)
{
	return before == ZERO_WIDTH_JOINER || c == ZERO_WIDTH_JOINER ||
		(c >= FIRST_MARK && (U_GET_GC_MASK(c) & U_GC_M_MASK) != 0);
}

/*
 * The byte behind the character that starts at start; start if that is white
 * space or the text's end.
 */
static int32_t
character_end(const VsTokenizer *tokenizer, int32_t start)
{
	int32_t		i = start;
	int32_t		end;
	UChar32		before;
	UChar32		c;

	if (start == tokenizer->length)
		return start;
	U8_NEXT_OR_FFFD(tokenizer->text, i, tokenizer->length, c);
	if (vs_is_white_space(c))
		return start;
	do
	{
		end = i;
		before = c;
		if (i == tokenizer->length)
			break;
		U8_NEXT_OR_FFFD(tokenizer->text, i, tokenizer->length, c);
	} while (!vs_is_white_space(c) && continues_character(c, before));
	return end;
}

/* Take one more character into the term; false if the run ends. */
static bool
add_character(NgramTokenizer *ngram)
{
	const VsTokenizer *tokenizer = &ngram->base;
	int32_t		end = character_end(tokenizer, ngram->end);
	int32_t		n;

	if (end == ngram->end)
		return false;
	n = vs_fold(tokenizer->text + ngram->end, end - ngram->end, ngram->grams + ngram->term_length);
	ngram->term_length = vs_cut_term(ngram->grams, ngram->term_length + n);
	ngram->end = end;
	if (ngram->size++ == 0)
		ngram->second = end;
	return true;
}

/* Step over white space to the next run; false at the text's end. */
static bool
next_run(NgramTokenizer *ngram)
{
	VsTokenizer *tokenizer = &ngram->base;
	int32_t		i = ngram->end;

	while (i < tokenizer->length)
	{
		int32_t		start = i;
		UChar32		c;

		U8_NEXT_OR_FFFD(tokenizer->text, i, tokenizer->length, c);
		if (!vs_is_white_space(c))
		{
			/* Before the first run there is no position to count. */
			if (ngram->end > 0)
				tokenizer->position++;
			ngram->run_begins = true;
			start_at(ngram, start);
			return true;
		}
	}
	start_at(ngram, tokenizer->length);
	return false;
}

/* Give out the gram that has been made. */
static bool
give(const NgramTokenizer *ngram, VsToken *token)
{
	token->term = ngram->grams;
	token->length = ngram->term_length;
	token->position = ngram->base.position;
	token->start = ngram->start;
	token->end = ngram->end;
	return true;
}

/* The next gram: longer from the same start, or from the next one. */
static bool
ngram_next(VsTokenizer *tokenizer, VsToken *token)
{
	NgramTokenizer *ngram = (NgramTokenizer *) tokenizer;

	for (;;)
	{
		bool		short_run;

		if (ngram->size < ngram->max_gram && add_character(ngram))
		{
			if (ngram->size >= ngram->min_gram)
				return give(ngram, token);
			continue;
		}
		/* No character at all: here a run ends, or none has begun. */
		if (ngram->size == 0)
		{
			if (!next_run(ngram))
				return false;
			continue;
		}
		short_run = ngram->run_begins && ngram->size < ngram->min_gram;
		if (short_run)
			give(ngram, token);
		/* A short run is done with; else on with the second character. */
		tokenizer->position += short_run ? ngram->size : 1;
		ngram->run_begins = false;
		start_at(ngram, short_run ? ngram->end : ngram->second);
		if (short_run)
			return true;
	}
}

/* What folding and marks depend on. */
static void
ngram_version(const VsTokenizer *tokenizer, char version[VS_TOKENIZER_VERSION_BYTES])
{
	UVersionInfo unicode;

	(void) tokenizer;
	u_getUnicodeVersion(unicode);
	snprintf(version, VS_TOKENIZER_VERSION_BYTES, "Unicode %d.%d", unicode[0], unicode[1]);
}

const VsTokenizerKind vs_ngram_kind = {
	.name = "ngram",
	.options = option_names,
	.size = sizeof(NgramTokenizer),
	.init = ngram_init,
	.begin = ngram_begin,
	.next = ngram_next,
	.version = ngram_version,
};
