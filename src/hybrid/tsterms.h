/*
 * tsterms.h
 *		BM25's view of tsquery and tsvector: the terms of a query, how often
 *		each occurs in a document, how long that is.
 */
#ifndef VECSTORE_TSTERMS_H
#define VECSTORE_TSTERMS_H

#include "tsearch/ts_type.h"

/* Weight classes of a position: D, C, B, A are 0 to 3. */
#define VS_WEIGHT_CLASSES	4
#define VS_ANY_CLASS		((1 << VS_WEIGHT_CLASSES) - 1)

/* A term of a query: a lexeme, or all lexemes that begin with it. */
typedef struct VsTerm
{
	const char *lexeme;			/* within the query */
	int			len;
	bool		prefix;
	uint8		classes;		/* weight classes that count, a bit each */
} VsTerm;

/*
 * The distinct terms of a query that do not stand under a NOT, in the order of
 * lexemes.  They point into the query.
 */
extern VsTerm *vs_query_terms(TSQuery query, int *nterms);

/* Occurrences of lexemes in a document; what BM25 takes for its length. */
extern uint32 vs_document_length(const TSVectorData *document);

/*
 * How often a term occurs in a document, each occurrence counted by weights
 * (one a class; NULL: 1 each).  *from is where to begin to look: 0 for the
 * first of the query's terms, left where it was for the next one.
 */
extern double vs_term_frequency(const TSVectorData *document, const VsTerm *term,
								const double *weights, int *from);

/* How many positions a lexeme has; one without any occurs once. */
static inline int
vs_count_positions(const TSVectorData *document, const WordEntry *entry)
{
	return entry->haspos ? POSDATALEN(document, entry) : 1;
}

/* As memcmp() and then by length, the order of lexemes in a tsvector. */
static inline int
vs_compare_lexemes(const char *a, int a_len, const char *b, int b_len)
{
	int			n = Min(a_len, b_len);
	int			diff = 0;

	/* Most differ in the first byte: no call for these. */
	if (n > 0)
		diff = a[0] != b[0] ? (uint8) a[0] - (uint8) b[0] : memcmp(a, b, n);
	return diff != 0 ? diff : a_len - b_len;
}

/* Whether a lexeme is the term, or one of the lexemes it stands for. */
static inline bool
vs_term_matches(const VsTerm *term, const char *lexeme, int len)
{
	return (term->prefix ? len >= term->len : len == term->len) &&
		memcmp(lexeme, term->lexeme, term->len) == 0;
}

#endif							/* VECSTORE_TSTERMS_H */
