/*
 * tokenizer_whitespace.c
 *		Tokenizer "whitespace": what stands between white space, as it is.  Pure
 *		C: no postgres.h here.
 *
 * For texts that are lists of keys, tags or codes already: punctuation and
 * letter case stay.
 */
#include <stdio.h>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include "hybrid/tokenizer_kind.h"
#include "hybrid/words.h"

typedef struct WhitespaceTokenizer
{
	VsTokenizer base;
	int32_t		next;			/* where to go on */
} WhitespaceTokenizer;

static const char *const option_names[] = {NULL};

/* Nothing to make ready. */
static VsTokenizerStatus
whitespace_init(VsTokenizer *tokenizer, const VsTokenizerOptions *options)
{
	(void) tokenizer;
	(void) options;
	return VS_TOKENIZER_OK;
}

/* A new text. */
static void
whitespace_begin(VsTokenizer *tokenizer)
{
	((WhitespaceTokenizer *) tokenizer)->next = 0;
}

/* The next run of characters that are no white space. */
static bool
whitespace_next(VsTokenizer *tokenizer, VsToken *token)
{
	WhitespaceTokenizer *reader = (WhitespaceTokenizer *) tokenizer;
	const char *text = tokenizer->text;
	int32_t		i = reader->next;
	int32_t		n = 0;
	bool		full = false;

	while (i < tokenizer->length)
	{
		int32_t		start = i;
		UChar32		c;

		U8_NEXT_OR_FFFD(text, i, tokenizer->length, c);
		if (vs_is_white_space(c))
		{
			if (n > 0)
			{
				i = start;
				break;
			}
			continue;
		}
		if (n == 0)
			token->start = start;
		token->end = i;
		/* What does not fit is cut off. */
		full = full || !vs_append_character(tokenizer->term, &n, VS_MAX_TERM_BYTES, c);
	}
	reader->next = i;
	token->term = tokenizer->term;
	token->length = n;
	token->position = ++tokenizer->position;
	return n > 0;
}

/* What white space depends on. */
static void
whitespace_version(const VsTokenizer *tokenizer, char version[VS_TOKENIZER_VERSION_BYTES])
{
	UVersionInfo unicode;

	(void) tokenizer;
	u_getUnicodeVersion(unicode);
	snprintf(version, VS_TOKENIZER_VERSION_BYTES, "Unicode %d.%d", unicode[0], unicode[1]);
}

const VsTokenizerKind vs_whitespace_kind = {
	.name = "whitespace",
	.options = option_names,
	.size = sizeof(WhitespaceTokenizer),
	.init = whitespace_init,
	.begin = whitespace_begin,
	.next = whitespace_next,
	.version = whitespace_version,
};
