/*
 * bm25_query.h
 *		A query: its terms, and what the corpus says of them.
 */
#ifndef VECSTORE_BM25_QUERY_H
#define VECSTORE_BM25_QUERY_H

#include "hybrid/bm25.h"
#include "hybrid/bm25_document.h"
#include "hybrid/bm25_page.h"
#include "nodes/supportnodes.h"

/* The type bm25query: the text of a query, and the index that is meant. */
typedef struct VsBm25QueryDatum
{
	int32		vl_len_;
	Oid			index;
	char		text[FLEXIBLE_ARRAY_MEMBER];
} VsBm25QueryDatum;

#define VsBm25QueryTextSize(q)	(VARSIZE(q) - offsetof(VsBm25QueryDatum, text))
#define DatumGetVsBm25Query(d)	((VsBm25QueryDatum *) PG_DETOAST_DATUM(d))

typedef struct VsBm25QueryTerm
{
	const char *term;
	int			length;
	double		factor;			/* idf, as often as the query has the term; times scale */
} VsBm25QueryTerm;

/* What the dictionary of a segment says of the query's terms. */
typedef struct VsBm25TermsOf
{
	uint32		generation;
	struct VsBm25TermsOf *next;
	struct
	{
		uint32		df;			/* 0: not there */
		uint64		place;
	}			terms[FLEXIBLE_ARRAY_MEMBER];
} VsBm25TermsOf;

/*
 * Statistics are those of the moment the query was prepared: all its scores go
 * together.  Scores are integers, in units of 1 / scale, so that their sums are the same
 * in whatever order they are added up.
 */
typedef struct VsBm25Query
{
	int			n;
	VsBm25QueryTerm *terms;		/* in the order of memcmp() */
	double		scale;
	Oid			index;
	VsBm25TermsOf *found;			/* of the index's segments, unless it is partitioned */
	double		norms[VS_BM25_LENGTHS];
} VsBm25Query;

/*
 * Open an index that a query names, or raise what it is instead.  Its lock is meant to be
 * kept until the transaction ends.
 */
extern Relation vs_bm25_open_index(Oid index);

/* Whether a relation is a vecstore_bm25 index, perhaps a partitioned one. */
extern bool vs_bm25_is_index(Relation rel);

/* Who asks for statistics must be allowed to read the column. */
extern bool vs_bm25_may_read(Relation index);

/*
 * Prepare a query, with the statistics of an index, or of all partitions of one.  The
 * index's lock is taken and kept until the transaction ends.
 */
extern VsBm25Query *vs_bm25_query_prepare(Oid index, const char *text, size_t bytes);

/* What a term adds to a score: at least 1. */
static inline int64
vs_bm25_term_score(const VsBm25Query *query, int term, uint32 tf, uint8 length)
{
	return (int64) (query->terms[term].factor * vs_bm25_weight(tf, query->norms[length])) + 1;
}

/* The score of a document; 0 if it has none of the terms. */
extern int64 vs_bm25_score_document(const VsBm25Query *query, const VsBm25Document *document);

/* Minus a score, as SQL has it. */
static inline double
vs_bm25_rank(const VsBm25Query *query, int64 score)
{
	return score > 0 ? -(double) score / query->scale : 0;
}

/* What a function keeps from one call to the next: its query, made ready. */
typedef struct VsBm25Prepared
{
	MemoryContext memory;		/* of all this */
	VsBm25QueryDatum *datum;
	VsBm25Query *query;
	VsBm25Analyzer *analyzer;
} VsBm25Prepared;

/* The query made ready, by this call or by one before; fn_extra keeps it. */
extern VsBm25Prepared *vs_bm25_prepare_call(FunctionCallInfo fcinfo, const VsBm25QueryDatum *datum);

/*
 * For the support functions of f(column, text, …): the bm25query that takes the place
 * of the text, with the one index on the column, and that index's operator family.
 * NULL if there is no such index, or two.
 */
extern Node *vs_bm25_find_query(SupportRequestSimplify *request, Oid *family);

/* ---- the best documents of an index ---- */

typedef struct VsBm25Hit
{
	int64		score;
	ItemPointerData tid;
} VsBm25Hit;

/* Which rows a search may find. */
typedef struct VsBm25Wanted
{
	bool		(*is_wanted) (void *state, const ItemPointerData *tid);
	void	   *state;
} VsBm25Wanted;

/*
 * The k best documents that are wanted (NULL: all are) behind one (NULL: from the best on) in
 * the order of scores, then TIDs; returns how many there are.  hits has room for k.
 */
extern int64 vs_bm25_top(Relation rel, const VsBm25Query *query, const VsBm25Wanted *wanted,
						 const VsBm25Hit *after, int64 k, VsBm25Hit **hits);

/* A row without a score.  The order is that of lengths, then TIDs: as in every segment. */
typedef struct VsBm25Row
{
	ItemPointerData tid;
	uint8		length;			/* as one byte; 0 for a NULL */
} VsBm25Row;

/*
 * The first k rows behind one (NULL: from the first on) that have text but none of the
 * terms, or that are NULL; in order; returns how many there are.  rows has room for k.
 */
extern int64 vs_bm25_rest(Relation rel, const VsBm25Query *query, const VsBm25Row *after,
						  int64 k, VsBm25Row *rows);
extern int64 vs_bm25_nulls(Relation rel, const VsBm25Row *after, int64 k, VsBm25Row *rows);

#endif							/* VECSTORE_BM25_QUERY_H */
