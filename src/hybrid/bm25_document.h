/*
 * bm25_document.h
 *		What an index knows of a row's text: its terms, how often each occurs, and
 *		its length.
 */
#ifndef VECSTORE_BM25_DOCUMENT_H
#define VECSTORE_BM25_DOCUMENT_H

#include "hybrid/tokenizer_pg.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

typedef struct VsBm25Term
{
	const char *term;
	int			length;			/* bytes */
	uint32		tf;
} VsBm25Term;

typedef struct VsBm25Document
{
	ItemPointerData tid;
	bool		null;
	uint32		length;			/* terms, counted as often as they occur */
	int			n;				/* different terms, in the order of memcmp() */
	VsBm25Term *terms;
} VsBm25Document;

/* How an index takes its column apart. */
typedef struct VsBm25Analyzer
{
	bool		tsvector;		/* the column is one already */
	VsTokenStream *stream;		/* of texts; of queries in any case */
	char		version[VS_TOKENIZER_VERSION_BYTES];
} VsBm25Analyzer;

/* Whether the column is a tsvector, or of a domain over it; else it is text. */
extern bool vs_bm25_is_tsvector(Relation index);

/* An index's analyzer, in the current memory context. */
extern VsBm25Analyzer *vs_bm25_analyzer_open(Relation index);

/*
 * Warn if the version that an index was made with is not that of its tokenizer now: once
 * in a session, until the index is built anew.
 */
extern void vs_bm25_warn_version(Relation index, const char *made);

/* The terms of a value of the column, or of a text as the analyzer splits it. */
extern void vs_bm25_analyze(VsBm25Analyzer *analyzer, Datum value, bool isnull,
							VsBm25Document *document);
extern void vs_bm25_analyze_text(VsBm25Analyzer *analyzer, const char *text, size_t bytes,
								 VsBm25Document *document);

/*
 * The same as it comes: in any order, a term as often as it occurs.  That is enough for
 * a collector.
 */
extern void vs_bm25_analyze_unsorted(VsBm25Analyzer *analyzer, Datum value, bool isnull,
									 VsBm25Document *document);

/* The terms of a tsvector: as often as they have positions, else once. */
extern void vs_bm25_analyze_tsvector(Datum value, VsBm25Document *document);

/* The term of this spelling, NULL if the document lacks it. */
extern const VsBm25Term *vs_bm25_document_find(const VsBm25Document *document,
											   const char *term, int length);

/* Whether the document has a term that begins so. */
extern bool vs_bm25_document_has_prefix(const VsBm25Document *document,
										const char *prefix, int length);

#endif							/* VECSTORE_BM25_DOCUMENT_H */
