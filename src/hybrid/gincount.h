/*
 * gincount.h
 *		How many rows a GIN index lists for a lexeme.
 */
#ifndef VECSTORE_GINCOUNT_H
#define VECSTORE_GINCOUNT_H

#include "hybrid/tsterms.h"
#include "utils/rel.h"

/*
 * The number, from 1, of the index's column for this column of the table; 0
 * unless it is a GIN index over the tsvectors of all rows.
 */
extern int	vs_gin_column(Relation index, AttrNumber attnum);

/* Rows that were inserted lately, and that no count below includes. */
extern double vs_gin_pending_rows(Relation index);

/*
 * counts[i]: rows listed for terms[i].  Exact for up to some 100,000 rows,
 * dead ones included; an estimate beyond.
 */
extern void vs_gin_count(Relation index, int column, const VsTerm *const *terms, int nterms,
						 double *counts);

#endif							/* VECSTORE_GINCOUNT_H */
