/*
 * tslexemes.h
 *		The lexemes of a text by a text search configuration: those that
 *		parsetext(), which to_tsvector() calls, finds, in less time.
 */
#ifndef VECSTORE_TSLEXEMES_H
#define VECSTORE_TSLEXEMES_H

#include "tsearch/ts_cache.h"
#include "tsearch/ts_utils.h"

typedef struct VsTsLexemes VsTsLexemes;

/* For texts by a configuration, as long as the current memory context lives. */
extern VsTsLexemes *vs_ts_lexemes_open(Oid config);

/*
 * Append a text's lexemes to those of "parsed", with their positions; they stay until the
 * next call, if the current memory context lives so long.
 */
extern void vs_ts_lexemes_parse(VsTsLexemes *lexemes, ParsedText *parsed, const char *text, int length);

/*
 * How often configurations, dictionaries and what they are made of have changed, as far as
 * this session knows; above 0.
 */
extern uint64 vs_ts_catalogs_generation(void);

/*
 * What the dictionaries of a configuration make of a word of some type of token, as
 * ts_lexize() does with one of them; NULL if none knows it.
 */
extern TSLexeme *vs_ts_lexize(const TSConfigCacheEntry *config, int type, char *word, int length);

#endif							/* VECSTORE_TSLEXEMES_H */
