/*
 * distance_tolerance.h
 *		How close a kernel and vs_distance() must come to the plain loops; for
 *		the unit test and the fuzz target.
 *
 * u is the unit roundoff, 2^-24 for ranks and 2^-53 for values.
 * The narrowest set has 4 accumulators of 4 lanes (values: of 2), so one
 * accumulator adds at most dim/16 + 5 (dim/8 + 5) terms and four more
 * additions join the accumulators and lanes.  A term carries at most four
 * roundings of its own (|a|, |b|, +, -, /), and a quotient of two sums twice
 * the error of a sum and one more.  Every bound is therefore below
 * 2 (dim/8 + 16) u times the sum of the absolute terms.  Terms too small for
 * the type lose at most half its smallest step each.
 */
#ifndef VECSTORE_DISTANCE_TOLERANCE_H
#define VECSTORE_DISTANCE_TOLERANCE_H

#include <float.h>
#include <math.h>

#include "distance/kernels.h"

typedef struct Comparison
{
	bool		agrees;
	double		got;
	double		want;
	double		allowed;		/* largest difference that passes */
} Comparison;

/*
 * Sum of the absolute terms: what rounding errors are relative to.  The plain
 * value is this sum already where no term is negative.
 */
static double
absolute_terms(VsMetric metric, const float *a, const float *b, int dim)
{
	double		sum = 0.0;

	if (metric != VS_METRIC_IP)
		return vs_distance_plain(metric, a, b, dim);
	for (int i = 0; i < dim; i++)
		sum += fabs((double) a[i] * b[i]);
	return sum;
}

/* Relative part of the tolerance; see the top of the file. */
static double
relative_tolerance(int dim, double roundoff)
{
	return 2.0 * (dim / 8 + 16) * roundoff;
}

/*
 * A kernel's rank against the plain distance.  A value beyond the range of
 * float must come out infinite, and one near its end may.
 */
static Comparison
compare_rank(VsMetric metric, const float *a, const float *b, int dim)
{
	VsMetric	meant = (metric == VS_METRIC_COSINE) ? VS_METRIC_IP : metric;
	Comparison	c;

	c.got = vs_kernel(metric) (a, b, dim);
	c.want = vs_distance_plain(meant, a, b, dim);
	c.allowed = absolute_terms(meant, a, b, dim);
	if (metric == VS_METRIC_L2)
	{
		c.want *= c.want;
		c.allowed *= c.allowed;
	}
	c.allowed *= relative_tolerance(dim, ldexp(1.0, -24));
	c.allowed += dim * (double) FLT_TRUE_MIN;

	if (isinf(c.want) || isinf(c.got))
		c.agrees = isinf(c.got) && (c.got > 0) == (c.want > 0) &&
			fabs(c.want) + c.allowed >= FLT_MAX;
	else
		c.agrees = fabs(c.got - c.want) <= c.allowed;	/* false for NaN */
	return c;
}

/*
 * vs_distance against the plain distance: only the order of additions differs,
 * and counts do not at all.
 */
static Comparison
compare_value(VsMetric metric, const float *a, const float *b, int dim)
{
	Comparison	c;

	c.got = vs_distance(metric, a, b, dim);
	c.want = vs_distance_plain(metric, a, b, dim);
	if (metric == VS_METRIC_HAMMING || metric == VS_METRIC_JACCARD)
		c.allowed = 0.0;
	else if (metric == VS_METRIC_COSINE)
		c.allowed = 2.0 * relative_tolerance(dim, ldexp(1.0, -53)); /* |a.b| <= |a||b| */
	else
		c.allowed = relative_tolerance(dim, ldexp(1.0, -53)) * absolute_terms(metric, a, b, dim);

	if (isfinite(c.want))
		c.agrees = fabs(c.got - c.want) <= c.allowed;
	else
		c.agrees = c.got == c.want || (isnan(c.got) && isnan(c.want));
	return c;
}

#endif							/* VECSTORE_DISTANCE_TOLERANCE_H */
