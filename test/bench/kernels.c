/*
 * kernels.c
 *		Nanoseconds a call: every metric, instruction set and a few lengths.
 *
 *	make -C test/unit bench
 *
 * "rank" is the kernel of index code, "value" is vs_distance() of SQL.  One
 * vector meets 32 others that lie in the cache, as in a search; the figure is
 * the best of several rounds, so that other work on the machine disturbs
 * little.  Not a test: no figure is right or wrong.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "distance/distance.h"

#define VECTORS 32
#define ROUNDS 15
#define LONGEST 1537

/* Called through pointers, so that no call is left out. */
static volatile double sink;

/* Seconds of a clock that only goes forward. */
static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + 1e-9 * (double) t.tv_nsec;
}

/* One pass of a query over all vectors, by rank or by value. */
static void
one_pass(VsMetric metric, bool rank, const float *query, const float *vectors, int dim)
{
	VsKernel	kernel = vs_kernel(metric);
	double		sum = 0.0;

	for (size_t v = 0; v < VECTORS; v++)
	{
		const float *x = vectors + v * (size_t) dim;

		sum += rank ? (double) kernel(query, x, dim) : vs_distance(metric, query, x, dim);
	}
	sink = sum;
}

/* Best time of a call in nanoseconds. */
static double
measure(VsMetric metric, bool rank, const float *query, const float *vectors, int dim)
{
	int			passes = 200000 / (VECTORS * (dim + 100)) + 1;
	double		best = 1e9;

	for (int round = 0; round < ROUNDS; round++)
	{
		double		start = now();
		double		time;

		for (int p = 0; p < passes; p++)
			one_pass(metric, rank, query, vectors, dim);
		time = (now() - start) / ((double) passes * VECTORS);
		if (time < best)
			best = time;
	}
	return best * 1e9;
}

int
main(void)
{
	static const VsIsa isas[] = {VS_ISA_PORTABLE, VS_ISA_AVX2, VS_ISA_AVX512, VS_ISA_NEON};
	static const int dims[] = {16, 128, 384, 768, 1536, LONGEST};
	const int	dim_count = (int) (sizeof(dims) / sizeof(dims[0]));
	static float query[LONGEST];
	static float vectors[LONGEST * VECTORS];

	srand(1);
	for (int i = 0; i < LONGEST; i++)
		query[i] = (float) rand() / (float) RAND_MAX - 0.5f;
	for (int i = 0; i < LONGEST * VECTORS; i++)
		vectors[i] = (float) rand() / (float) RAND_MAX - 0.5f;

	for (int rank = 1; rank >= 0; rank--)
	{
		printf("%-9s %-12s", rank ? "rank, ns" : "value, ns", "");
		for (int d = 0; d < dim_count; d++)
			printf("%8d", dims[d]);
		printf("\n");
		for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++)
		{
			if (!vs_isa_available(isas[i]))
				continue;
			vs_isa_force(isas[i]);
			for (int m = 0; m < VS_METRIC_COUNT; m++)
			{
				printf("%-9s %-12s", vs_isa_name(isas[i]), vs_metric_name((VsMetric) m));
				for (int d = 0; d < dim_count; d++)
					printf("%8.1f", measure((VsMetric) m, rank != 0, query, vectors, dims[d]));
				printf("\n");
			}
		}
	}
	return 0;
}
