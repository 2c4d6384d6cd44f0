/*
 * sample.h
 *		A sample of a column's documents.
 */
#ifndef VECSTORE_SAMPLE_H
#define VECSTORE_SAMPLE_H

#include "hybrid/tsterms.h"
#include "utils/rel.h"

/* What is on the blocks that were drawn. */
typedef struct VsSample
{
	BlockNumber blocks;
	double		rows;
	double		documents;		/* rows that have one */
	double		length;			/* of all documents */
} VsSample;

/*
 * Read the rows, those that the active snapshot sees, on this many blocks of a
 * table, or on all.  having[i] is how many of the documents have terms[i], which
 * come in the order of lexemes.
 */
extern void vs_sample_documents(Relation rel, AttrNumber attnum, int blocks,
								const VsTerm *const *terms, int nterms,
								VsSample *sample, double *having);

#endif							/* VECSTORE_SAMPLE_H */
