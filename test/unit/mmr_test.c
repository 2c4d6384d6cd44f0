/*
 * mmr_test.c
 *		Maximal marginal relevance: beside the definition, on random vectors; its
 *		edges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "collection/mmr.h"
#include "distance/distance.h"

#define N		30
#define DIM		4

static int	checks;

static void
count_check(void)
{
	checks++;
}

/* The choice as the paper has it: every candidate beside every one chosen, anew each time. */
static int
by_definition(VsMetric metric, const float *query, const float *const *vectors, int n, int k, double lambda,
			  int *order)
{
	bool		chosen[N] = {false};
	int			count = 0;

	while (count < k)
	{
		int			best = -1;
		double		best_value = -INFINITY;

		for (int i = 0; i < n; i++)
		{
			double		most = -INFINITY;
			double		value;

			if (chosen[i])
				continue;
			for (int j = 0; j < count; j++)
				most = fmax(most, vs_score(metric, vectors[i], vectors[order[j]], DIM));
			value = vs_score(metric, query, vectors[i], DIM);
			if (count > 0)
				value = lambda * value - (1 - lambda) * most;
			if (best < 0 || value > best_value)
			{
				best = i;
				best_value = value;
			}
		}
		chosen[best] = true;
		order[count++] = best;
	}
	return count;
}

static void
definition(void **state)
{
	float		data[N + 1][DIM];
	const float *vectors[N];
	double		score[N];
	double		most[N];
	int			order[N];
	int			expected[N];

	(void) state;
	srand(7);
	for (int round = 0; round < 200; round++)
	{
		VsMetric	metric = round % VS_METRIC_COUNT;
		double		lambda = (round % 10 + 1) / 11.0;
		int			k = 1 + round % N;

		for (int i = 0; i <= N; i++)
			for (int j = 0; j < DIM; j++)
				data[i][j] = 1 + rand() % 1000 / 1000.0f;
		for (int i = 0; i < N; i++)
			vectors[i] = data[i];
		assert_int_equal(vs_mmr(metric, data[N], vectors, N, DIM, k, lambda, score, most, count_check, order), k);
		by_definition(metric, data[N], vectors, N, k, lambda, expected);
		for (int i = 0; i < k; i++)
			assert_int_equal(order[i], expected[i]);
	}
}

static void
edges(void **state)
{
	const float query[2] = {1, 0};
	const float near[2] = {1, 0.1f};
	const float same[2] = {1, 0.1f};
	const float far[2] = {0.2f, 1};
	const float zero[2] = {0, 0};
	const float *vectors[] = {zero, NULL, near, same, far};
	double		score[5];
	double		most[5];
	int			order[5];

	(void) state;
	/* no vector and no distance: not chosen; of equals the first */
	assert_int_equal(vs_mmr(VS_METRIC_COSINE, query, vectors, 5, 2, 5, 1, score, most, count_check, order), 3);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 3);
	assert_int_equal(order[2], 4);
	/* the first is the nearest even if only diversity counts */
	assert_int_equal(vs_mmr(VS_METRIC_COSINE, query, vectors, 5, 2, 2, 0, score, most, count_check, order), 2);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 4);
	assert_int_equal(vs_mmr(VS_METRIC_COSINE, query, vectors, 0, 2, 3, 0.5, score, most, count_check, order), 0);
	assert_int_equal(vs_mmr(VS_METRIC_COSINE, query, vectors, 5, 2, 0, 0.5, score, most, count_check, order), 0);
	assert_true(checks > 0);
}

static void
scores(void **state)
{
	const float a[2] = {3, 4};
	const float b[2] = {3, 0};

	(void) state;
	assert_true(fabs(vs_score(VS_METRIC_COSINE, a, b, 2) - 0.6) < 1e-9);
	assert_true(fabs(vs_score(VS_METRIC_IP, a, b, 2) - 9) < 1e-9);
	assert_true(fabs(vs_score(VS_METRIC_L2, a, b, 2) - 0.2) < 1e-9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(definition),
		cmocka_unit_test(edges),
		cmocka_unit_test(scores),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
