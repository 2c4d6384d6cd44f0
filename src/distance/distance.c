/*
 * distance.c
 *		The nine metrics defined: plain loops in double, norms, names.
 *
 * Every sum here is safe in double.  The largest float is about 3.4e38, so
 * 16,000 squared differences stay below 1e82, and the smallest product of two
 * floats, about 2e-90, is far from underflow.  Nothing is scaled for that
 * reason.
 *
 * The fast versions are in kernels_sums.h (loops) and kernels_body.h (what is
 * made of the sums).
 */
#include <math.h>
#include <string.h>

#include "distance/kernels.h"

/* Sum of squared differences, square root taken. */
static double
plain_l2(const float *a, const float *b, int dim)
{
	double		sum = 0.0;

	for (int i = 0; i < dim; i++)
	{
		double		d = (double) a[i] - b[i];

		sum += d * d;
	}
	return sqrt(sum);
}

/* Inner product. */
static double
plain_dot(const float *a, const float *b, int dim)
{
	double		sum = 0.0;

	for (int i = 0; i < dim; i++)
		sum += (double) a[i] * b[i];
	return sum;
}

/*
 * 1 - cos(a, b).  0/0 = NaN when one vector is zero.  One square root of the
 * product, so that equal vectors give exactly 0.
 */
static double
plain_cosine(const float *a, const float *b, int dim)
{
	double		d;

	d = 1.0 - plain_dot(a, b, dim) /
		sqrt(plain_dot(a, a, dim) * plain_dot(b, b, dim));
	return d < 0.0 ? 0.0 : (d > 2.0 ? 2.0 : d);
}

/* Sum of absolute differences. */
static double
plain_l1(const float *a, const float *b, int dim)
{
	double		sum = 0.0;

	for (int i = 0; i < dim; i++)
		sum += fabs((double) a[i] - b[i]);
	return sum;
}

/* Number of coordinates that differ. */
static double
plain_hamming(const float *a, const float *b, int dim)
{
	int			count = 0;

	for (int i = 0; i < dim; i++)
		count += (a[i] != b[i]);
	return count;
}

/* Share of the coordinates non-zero in either that are zero in the other. */
static double
plain_jaccard(const float *a, const float *b, int dim)
{
	int			both = 0;
	int			either = 0;

	for (int i = 0; i < dim; i++)
	{
		both += (a[i] != 0.0f && b[i] != 0.0f);
		either += (a[i] != 0.0f || b[i] != 0.0f);
	}
	return either == 0 ? 0.0 : (double) (either - both) / either;
}

/* Largest absolute difference. */
static double
plain_chebyshev(const float *a, const float *b, int dim)
{
	double		max = 0.0;

	for (int i = 0; i < dim; i++)
		max = fmax(max, fabs((double) a[i] - b[i]));
	return max;
}

/* Sum of |a-b| / (|a|+|b|); a coordinate that is zero in both adds nothing. */
static double
plain_canberra(const float *a, const float *b, int dim)
{
	double		sum = 0.0;

	for (int i = 0; i < dim; i++)
	{
		double		size = fabs((double) a[i]) + fabs((double) b[i]);

		if (size != 0.0)
			sum += fabs((double) a[i] - b[i]) / size;
	}
	return sum;
}

/* Sum |a-b| over sum |a+b|: 0/0 is 0, x/0 is infinity (b = -a). */
static double
plain_bray_curtis(const float *a, const float *b, int dim)
{
	double		difference = 0.0;
	double		total = 0.0;

	for (int i = 0; i < dim; i++)
	{
		difference += fabs((double) a[i] - b[i]);
		total += fabs((double) a[i] + b[i]);
	}
	return difference == 0.0 ? 0.0 : difference / total;
}

/* The metric's value by its plain loop. */
double
vs_distance_plain(VsMetric metric, const float *a, const float *b, int dim)
{
	switch (metric)
	{
		case VS_METRIC_L2:
			return plain_l2(a, b, dim);
		case VS_METRIC_IP:
			return 0.0 - plain_dot(a, b, dim);	/* never -0 */
		case VS_METRIC_COSINE:
			return plain_cosine(a, b, dim);
		case VS_METRIC_L1:
			return plain_l1(a, b, dim);
		case VS_METRIC_HAMMING:
			return plain_hamming(a, b, dim);
		case VS_METRIC_JACCARD:
			return plain_jaccard(a, b, dim);
		case VS_METRIC_CHEBYSHEV:
			return plain_chebyshev(a, b, dim);
		case VS_METRIC_CANBERRA:
			return plain_canberra(a, b, dim);
		case VS_METRIC_BRAY_CURTIS:
			return plain_bray_curtis(a, b, dim);
		case VS_METRIC_COUNT:
			break;
	}
	return (double) NAN;
}

/* The metric's value, by the instruction set in force. */
double
vs_distance(VsMetric metric, const float *a, const float *b, int dim)
{
	return vs_kernels_current()->value[metric] (a, b, dim);
}

/* Undo what a kernel saved itself: the square root, and 1 - cos. */
double
vs_rank_to_distance(VsMetric metric, double rank)
{
	if (!isfinite(rank))
		return rank;
	if (metric == VS_METRIC_L2)
		return sqrt(fmax(rank, 0.0));
	if (metric == VS_METRIC_COSINE)
		return fmin(fmax(1.0 + rank, 0.0), 2.0);
	return rank;
}

/* Euclidean norm: the inner product of a with itself is exact enough. */
double
vs_norm(const float *a, int dim)
{
	return sqrt(0.0 - vs_distance(VS_METRIC_IP, a, a, dim));	/* never minus zero */
}

/*
 * Scale to unit length.  The factor is kept in double: the reciprocal of a
 * subnormal norm is beyond float.
 */
bool
vs_normalize(float *dst, const float *src, int dim)
{
	double		norm = vs_norm(src, dim);
	double		factor;

	if (norm == 0.0)
	{
		memset(dst, 0, sizeof(float) * (size_t) dim);
		return false;
	}
	factor = 1.0 / norm;
	for (int i = 0; i < dim; i++)
		dst[i] = (float) (src[i] * factor);
	return true;
}

/* The metric's name in operator classes and reports. */
const char *
vs_metric_name(VsMetric metric)
{
	static const char *const names[VS_METRIC_COUNT] = {
#define VS_METRIC_NAME(ID, name, operator, function) #name,
		VS_METRICS(VS_METRIC_NAME)
#undef VS_METRIC_NAME
	};

	return names[metric];
}
