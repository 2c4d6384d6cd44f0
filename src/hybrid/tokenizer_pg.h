/*
 * tokenizer_pg.h
 *		Tokenizers in the server: by name and options, for text in the
 *		database's encoding.
 *
 * One interface for the tokenizers of tokenizer.h and for text search
 * configurations:
 *
 *		stream = vs_token_stream_open(&config);
 *		vs_token_stream_begin(stream, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
 *		while (vs_token_stream_next(stream, &token))
 *			...
 *
 * A stream reads one text after the other and lives as long as the memory
 * context in which it was opened; nothing closes it.  To open one with options
 * that were used before is cheap.
 *
 * Terms are in the database's encoding, so that what an index stores is what
 * memcmp() compares and what is shown.  A folded letter may be missing there
 * (the micro sign of LATIN1 is folded to a Greek letter): that word keeps its
 * spelling in the text, in documents and in queries alike.
 */
#ifndef VECSTORE_TOKENIZER_PG_H
#define VECSTORE_TOKENIZER_PG_H

#include "hybrid/tokenizer.h"

/* A tokenizer as users name it; what is NULL, 0 or false is as by default. */
typedef struct VsTokenizerConfig
{
	const char *tokenizer;		/* ours, or a text search configuration */
	const char *language;		/* of stemmer and stop words: "english" */
	const char *stemmer;		/* a Snowball algorithm or "none": the language */
	const char *stopwords;		/* "lucene", "none", or NAME.stop of tsearch_data:
								 * the language, if there is such a file */
	bool		keep_possessive;
	int			min_gram;
	int			max_gram;
} VsTokenizerConfig;

typedef struct VsTokenStream VsTokenStream;

/* Raises 22023 for a tokenizer, option or value that there is not. */
extern VsTokenStream *vs_token_stream_open(const VsTokenizerConfig *config);

/* Begin a text; it must stay until its last token. */
extern void vs_token_stream_begin(VsTokenStream *stream, const char *text, size_t length);

/*
 * The same, for tokens that have offsets with text search configurations, too,
 * and no positions (0) there.  What a thesaurus makes of several words is not
 * found then.
 */
extern void vs_token_stream_begin_offsets(VsTokenStream *stream, const char *text, size_t length);

/*
 * The next token, false at the end; asks for interrupts.  Tokens of text search
 * configurations have no offsets (-1), and their positions end at 16383.
 */
extern bool vs_token_stream_next(VsTokenStream *stream, VsToken *token);

/* What the terms depend on, for an index to keep. */
extern void vs_token_stream_version(VsTokenStream *stream, char version[VS_TOKENIZER_VERSION_BYTES]);

/*
 * The text search configuration that a tokenizer is, InvalidOid if it is one of
 * ours; raises 22023 if it is neither.  An index on one depends on it.
 */
extern Oid	vs_tokenizer_ts_config(const char *tokenizer);

/* Raise 22023 unless the tokenizer takes the option. */
extern void vs_tokenizer_check_option(const char *tokenizer, const char *option);

#endif							/* VECSTORE_TOKENIZER_PG_H */
