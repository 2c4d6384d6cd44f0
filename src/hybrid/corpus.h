/*
 * corpus.h
 *		What BM25 wants to know of all documents of a tsvector column.
 */
#ifndef VECSTORE_CORPUS_H
#define VECSTORE_CORPUS_H

#include "hybrid/tsterms.h"
#include "utils/timestamp.h"

/* The documents of a column, together with those of the table's partitions. */
typedef struct VsCorpus
{
	double		documents;
	double		avgdl;			/* their average length; 0 if there are none */
} VsCorpus;

/*
 * Error unless this is a table with a tsvector column of this name that the
 * caller may read.  The table stays locked for reading.
 */
extern void vs_check_corpus(Oid relid, const char *name);

/*
 * Statistics of the column: df[i] is how many documents have terms[i].  The
 * relation is one that vs_check_corpus() has let pass.
 */
extern void vs_corpus_statistics(Oid relid, const char *name, const VsTerm *terms, int nterms,
								 VsCorpus *corpus, double *df);

/*
 * A mark that is the same as long as a statement runs: what was learned at one
 * mark holds until the next.
 */
typedef struct VsMoment
{
	TimestampTz statement;
	CommandId	command;
} VsMoment;

extern VsMoment vs_this_moment(void);
extern bool vs_same_moment(const VsMoment *a, const VsMoment *b);

#endif							/* VECSTORE_CORPUS_H */
