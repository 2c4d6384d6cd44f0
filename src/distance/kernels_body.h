/*
 * kernels_body.h
 *		Distances made of the sums of kernels_sums.h, for one instruction set.
 *
 * kernels_<set>.c defines the lanes (f_Vec, f_load, ..., d_Vec, d_load, ...;
 * the list is in kernels_sums.h) and VS_KERNELS, the name of the table, and
 * then includes this file.
 *
 * Ranks are made in float.  They settle overflow like this: a sum of terms
 * that are not negative may be infinite, which is its right value in float.
 * Where infinity could meet another infinity (a dot product, a quotient), the
 * rank is computed again in double.
 */
#include <math.h>

#define VS_COUNTS
#define L(x) f_##x
#include "distance/kernels_sums.h"
#undef VS_COUNTS

#define L(x) d_##x
#include "distance/kernels_sums.h"

/* Squared distance. */
static float
rank_l2(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_l2(a, b, dim);

	return f_sum(s.x);
}

/* Minus the inner product. */
static float
rank_ip(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_dot(a, b, dim);
	float		dot = f_sum(s.x);

	if (isfinite(dot))
		return 0.0f - dot;
	return (float) vs_distance_plain(VS_METRIC_IP, a, b, dim);
}

static float
rank_l1(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_l1(a, b, dim);

	return f_sum(s.x);
}

/* Counts are exact in float up to 2^24. */
static float
rank_hamming(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_hamming(a, b, dim);

	return f_sum(s.x);
}

static float
rank_jaccard(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_jaccard(a, b, dim);
	float		both = f_sum(s.x);
	float		either = f_sum(s.y);

	return either == 0.0f ? 0.0f : (either - both) / either;
}

static float
rank_chebyshev(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_chebyshev(a, b, dim);

	return f_top(s.x);
}

/* A divisor that overflowed would pass for a term of 0. */
static float
rank_canberra(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_canberra(a, b, dim);

	if (isfinite(f_sum(s.y)))
		return f_sum(s.x);
	return (float) vs_distance_plain(VS_METRIC_CANBERRA, a, b, dim);
}

static float
rank_bray_curtis(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_bray_curtis(a, b, dim);
	float		difference = f_sum(s.x);
	float		total = f_sum(s.y);

	if (!isfinite(difference) || !isfinite(total))
		return (float) vs_distance_plain(VS_METRIC_BRAY_CURTIS, a, b, dim);
	return difference == 0.0f ? 0.0f : difference / total;
}

static double
value_l2(const float *a, const float *b, int dim)
{
	d_Acc		s = d_sums_l2(a, b, dim);

	return sqrt(d_sum(s.x));
}

/* Minus the inner product; 0, not -0, when it is zero. */
static double
value_ip(const float *a, const float *b, int dim)
{
	d_Acc		s = d_sums_dot(a, b, dim);

	return 0.0 - d_sum(s.x);
}

/*
 * 0/0 = NaN when one vector is zero.  One square root of the product of the
 * squares, so that equal vectors give exactly 0.
 */
static double
value_cosine(const float *a, const float *b, int dim)
{
	d_Acc		s = d_sums_cosine(a, b, dim);
	double		d = 1.0 - d_sum(s.x) / sqrt(d_sum(s.y) * d_sum(s.z));

	return d < 0.0 ? 0.0 : (d > 2.0 ? 2.0 : d);
}

static double
value_l1(const float *a, const float *b, int dim)
{
	d_Acc		s = d_sums_l1(a, b, dim);

	return d_sum(s.x);
}

/* Counts are exact in float lanes too. */
static double
value_hamming(const float *a, const float *b, int dim)
{
	return rank_hamming(a, b, dim);
}

static double
value_jaccard(const float *a, const float *b, int dim)
{
	f_Acc		s = f_sums_jaccard(a, b, dim);
	double		both = f_sum(s.x);
	double		either = f_sum(s.y);

	return either == 0.0 ? 0.0 : (either - both) / either;
}

static double
value_chebyshev(const float *a, const float *b, int dim)
{
	d_Acc		s = d_sums_chebyshev(a, b, dim);

	return d_top(s.x);
}

static double
value_canberra(const float *a, const float *b, int dim)
{
	d_Acc		s = d_sums_canberra(a, b, dim);

	return d_sum(s.x);
}

static double
value_bray_curtis(const float *a, const float *b, int dim)
{
	d_Acc		s = d_sums_bray_curtis(a, b, dim);
	double		difference = d_sum(s.x);
	double		total = d_sum(s.y);

	return difference == 0.0 ? 0.0 : difference / total;
}

/* A cosine kernel gets unit vectors: its rank is that of the dot product. */
#define rank_cosine rank_ip

static const VsKernels kernels = {
	.rank = {
#define VS_KERNEL_RANK(ID, name, operator, function) [VS_METRIC_##ID] = rank_##name,
		VS_METRICS(VS_KERNEL_RANK)
	},
	.value = {
#define VS_KERNEL_VALUE(ID, name, operator, function) [VS_METRIC_##ID] = value_##name,
		VS_METRICS(VS_KERNEL_VALUE)
	},
};

const VsKernels *const VS_KERNELS = &kernels;
