/*
 * tokenizer.c
 *		The tokenizers by name.  Pure C: no postgres.h here.
 *
 * The list of them is in tokenizer_kind.h, each has a file of its own.
 */
#include "hybrid/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "hybrid/tokenizer_kind.h"

#define KIND_ADDRESS(name)	&vs_##name##_kind,
#define KIND_NAME(name)		#name,

static const VsTokenizerKind *const kinds[] = {VS_TOKENIZERS(KIND_ADDRESS) NULL};
static const char *const names[] = {VS_TOKENIZERS(KIND_NAME) NULL};

/* The tokenizer of a name, or NULL. */
static const VsTokenizerKind *
find_kind(const char *name)
{
	const VsTokenizerKind *const *kind = kinds;

	while (*kind && strcmp((*kind)->name, name) != 0)
		kind++;
	return *kind;
}

/* Names of all tokenizers. */
const char *const *
vs_tokenizer_names(void)
{
	return names;
}

/* Names of the options that a tokenizer takes. */
const char *const *
vs_tokenizer_option_names(const char *name)
{
	const VsTokenizerKind *kind = find_kind(name);

	return kind ? kind->options : NULL;
}

/* Make a tokenizer by name. */
VsTokenizerStatus
vs_tokenizer_create(const char *name, const VsTokenizerOptions *options, VsTokenizer **tokenizer)
{
	const VsTokenizerKind *kind = find_kind(name);
	VsTokenizerStatus status;
	VsTokenizer *made;

	*tokenizer = NULL;
	if (kind == NULL)
		return VS_TOKENIZER_UNKNOWN;
	made = (VsTokenizer *) calloc(1, kind->size);
	if (made == NULL)
		return VS_TOKENIZER_NO_MEMORY;
	made->kind = kind;
	status = kind->init(made, options);
	if (status == VS_TOKENIZER_OK)
		*tokenizer = made;
	else
		vs_tokenizer_free(made);
	return status;
}

/* Free a tokenizer; NULL is none. */
void
vs_tokenizer_free(VsTokenizer *tokenizer)
{
	if (tokenizer == NULL)
		return;
	if (tokenizer->kind->finish)
		tokenizer->kind->finish(tokenizer);
	free(tokenizer);
}

/* What a tokenizer's terms depend on. */
void
vs_tokenizer_version(const VsTokenizer *tokenizer, char version[VS_TOKENIZER_VERSION_BYTES])
{
	tokenizer->kind->version(tokenizer, version);
}

/* Begin a text. */
void
vs_tokens_begin(VsTokenizer *tokenizer, const char *text, int32_t length)
{
	tokenizer->text = text;
	tokenizer->length = length;
	tokenizer->position = 0;
	tokenizer->failed = false;
	if (tokenizer->kind->begin)
		tokenizer->kind->begin(tokenizer);
}

/* The next token. */
bool
vs_tokens_next(VsTokenizer *tokenizer, VsToken *token)
{
	return tokenizer->kind->next(tokenizer, token);
}

/* Whether the tokens ended because memory ran out. */
bool
vs_tokens_failed(const VsTokenizer *tokenizer)
{
	return tokenizer->failed;
}
