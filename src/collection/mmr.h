/*
 * mmr.h
 *		Maximal marginal relevance: a choice of rows that are near to the query and
 *		not near to each other.  Pure C: no postgres.h here.
 */
#ifndef VECSTORE_MMR_H
#define VECSTORE_MMR_H

#include "distance/metrics.h"

/*
 * How similar two vectors are, larger is more: the score that searches give a
 * distance.  NaN where there is no distance.
 */
extern double vs_score(VsMetric metric, const float *a, const float *b, int dim);

/*
 * Choose up to k of n vectors (NULL: not to be chosen) for a query: one after the
 * other that with the most
 *
 *		lambda * score to the query - (1 - lambda) * most score to one chosen before
 *
 * Fills order with their numbers, from 0 on, and returns how many they are: those
 * without a score to the query are not chosen.  Of equals the first is.  score and
 * most are room for n numbers.  check is called once in a while and may not return.
 */
extern int	vs_mmr(VsMetric metric, const float *query, const float *const *vectors, int n, int dim,
				   int k, double lambda, double *score, double *most, void (*check) (void), int *order);

#endif							/* VECSTORE_MMR_H */
