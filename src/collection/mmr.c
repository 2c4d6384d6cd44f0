/*
 * mmr.c
 *		Maximal marginal relevance.  Pure C: no postgres.h here.
 *
 * J. Carbonell and J. Goldstein, "The Use of MMR, Diversity-Based Reranking for
 * Reordering Documents and Producing Summaries", SIGIR 1998.
 *
 * Each vector remembers how similar it is to the most similar one chosen so far, so
 * that a choice costs one comparison a vector: k * n in all.
 */
#include <math.h>

#include "collection/mmr.h"
#include "distance/distance.h"

/* A distance as a score; search.c says the same in SQL. */
double
vs_score(VsMetric metric, const float *a, const float *b, int dim)
{
	double		distance = vs_distance(metric, a, b, dim);

	switch (metric)
	{
		case VS_METRIC_COSINE:
			return 1 - distance;
		case VS_METRIC_IP:
			return -distance;
		default:
			return 1 / (1 + distance);
	}
}

/* The next to be chosen; -1 if there is none left.  score is NaN for those chosen already. */
static int
best(const double *score, const double *most, int n, double lambda)
{
	int			result = -1;
	double		best_value = 0;

	for (int i = 0; i < n; i++)
	{
		double		value;

		if (isnan(score[i]))
			continue;
		/* A part that does not count must not be 0 times infinity. */
		value = (lambda > 0 ? lambda * score[i] : 0) - (lambda < 1 ? (1 - lambda) * most[i] : 0);
		if (result < 0 || value > best_value)
		{
			result = i;
			best_value = value;
		}
	}
	return result;
}

/* Note a choice: others are now at least as similar to one chosen as to that. */
static void
compare_with(VsMetric metric, const float *const *vectors, int n, int dim, int chosen, int count,
			 const double *score, double *most, void (*check) (void))
{
	for (int i = 0; i < n; i++)
	{
		double		similar;

		if (isnan(score[i]))
			continue;
		check();
		similar = vs_score(metric, vectors[i], vectors[chosen], dim);
		if (count == 1 || similar > most[i])
			most[i] = similar;
	}
}

int
vs_mmr(VsMetric metric, const float *query, const float *const *vectors, int n, int dim,
	   int k, double lambda, double *score, double *most, void (*check) (void), int *order)
{
	int			count = 0;

	for (int i = 0; i < n; i++)
	{
		check();
		score[i] = vectors[i] ? vs_score(metric, query, vectors[i], dim) : NAN;
		most[i] = 0;
	}
	while (count < k)
	{
		int			chosen = best(score, most, n, count == 0 ? 1 : lambda);

		if (chosen < 0)
			break;
		order[count++] = chosen;
		score[chosen] = NAN;
		compare_with(metric, vectors, n, dim, chosen, count, score, most, check);
	}
	return count;
}
