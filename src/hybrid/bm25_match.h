/*
 * bm25_match.h
 *		What a document must have to match @@: trees of match.h, made of a bm25query or a
 *		tsquery, and the rows of an index that match one.
 */
#ifndef VECSTORE_BM25_MATCH_H
#define VECSTORE_BM25_MATCH_H

#include "access/skey.h"
#include "hybrid/bm25_document.h"
#include "hybrid/bm25_query.h"
#include "hybrid/match.h"

/* Memory of the current context, interrupts at a pause. */
extern const VsMatchCalls vs_bm25_match_calls;

/* The tree of a query's text, NULL if it has no words; raises what is wrong with it. */
extern VsMatch *vs_bm25_match_parse(const VsBm25QueryDatum *query);

/*
 * Give the leaves the terms that an analyzer makes of them, and take those away that have
 * none; NULL if none is left: no row matches.
 */
extern VsMatch *vs_bm25_match_analyze(VsMatch *match, VsBm25Analyzer *analyzer);

/*
 * Whether an index has the terms that the one which a query names would make of its rows;
 * true also if that is none, for others to say so.
 */
extern bool vs_bm25_has_terms_of(Relation index, Oid named);

/* What rows must have for the key of a scan of this index; NULL: no row has it. */
extern VsMatch *vs_bm25_match_key(Relation index, ScanKey key);

/* Rows of an index, some at a time.  They match, or must be looked at again. */
typedef void (*VsBm25Found) (void *state, ItemPointerData *tids, int n, bool recheck);

/* bm25_find.c: all rows that match; a row may be found twice. */
extern void vs_bm25_find(Relation rel, const VsMatch *match, VsBm25Found found, void *state);

#endif							/* VECSTORE_BM25_MATCH_H */
