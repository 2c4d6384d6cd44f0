/*
 * tokenizer_simple.c
 *		Tokenizer "simple": the words of a text, their letter case folded.  Pure
 *		C: no postgres.h here.
 *
 * Words are those of Unicode Standard Annex #29 that have letters, numbers,
 * kana or ideographs: "It's" and "3.5" are one word each, "e-mail" is two.
 * Folding is full ("Straße" is "strasse"), the same in every language, and no
 * normalization: letters composed in different ways stay different.
 */
#include "hybrid/tokenizer_kind.h"
#include "hybrid/words.h"

typedef struct SimpleTokenizer
{
	VsTokenizer base;
	VsWords		words;
} SimpleTokenizer;

static const char *const option_names[] = {NULL};

/* Make ready. */
static VsTokenizerStatus
simple_init(VsTokenizer *tokenizer, const VsTokenizerOptions *options)
{
	VsTokenizerStatus status = vs_fold_init();

	(void) options;
	return status == VS_TOKENIZER_OK ? vs_words_init(&((SimpleTokenizer *) tokenizer)->words) : status;
}

/* Free what simple_init() has got. */
static void
simple_finish(VsTokenizer *tokenizer)
{
	vs_words_finish(&((SimpleTokenizer *) tokenizer)->words);
}

/* A new text. */
static void
simple_begin(VsTokenizer *tokenizer)
{
	vs_words_begin(&((SimpleTokenizer *) tokenizer)->words, tokenizer->text, tokenizer->length);
}

/* The next word, folded. */
static bool
simple_next(VsTokenizer *tokenizer, VsToken *token)
{
	VsWords    *words = &((SimpleTokenizer *) tokenizer)->words;

	if (!vs_words_next(words, &token->start, &token->end))
	{
		tokenizer->failed = words->failed;
		return false;
	}
	token->term = tokenizer->term;
	token->length = vs_fold(tokenizer->text + token->start, token->end - token->start, tokenizer->term);
	token->position = ++tokenizer->position;
	return true;
}

/* What words and folding depend on. */
static void
simple_version(const VsTokenizer *tokenizer, char version[VS_TOKENIZER_VERSION_BYTES])
{
	(void) tokenizer;
	vs_words_version(version);
}

const VsTokenizerKind vs_simple_kind = {
	.name = "simple",
	.options = option_names,
	.size = sizeof(SimpleTokenizer),
	.init = simple_init,
	.finish = simple_finish,
	.begin = simple_begin,
	.next = simple_next,
	.version = simple_version,
};
