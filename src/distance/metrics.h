/*
 * metrics.h
 *		The nine metrics, listed once.
 *
 * Types, kernels, operators, operator classes and tests are generated from or
 * checked against this table.  Pure C: no postgres.h here.
 */
#ifndef VECSTORE_METRICS_H
#define VECSTORE_METRICS_H

#include <stdbool.h>

/*
 * X(ID, name, operator, SQL function)
 *
 * The operator class is vecstore_<name>_ops, its metric function
 * vecstore_<name>_metric.
 */
#define VS_METRICS(X) \
	X(L2, l2, "<->", l2_distance) \
	X(IP, ip, "<#>", negative_inner_product) \
	X(COSINE, cosine, "<=>", cosine_distance) \
	X(L1, l1, "<+>", l1_distance) \
	X(HAMMING, hamming, "<~>", hamming_distance) \
	X(JACCARD, jaccard, "<%>", jaccard_distance) \
	X(CHEBYSHEV, chebyshev, "<^>", chebyshev_distance) \
	X(CANBERRA, canberra, "</>", canberra_distance) \
	X(BRAY_CURTIS, bray_curtis, "<*>", bray_curtis_distance)

typedef enum VsMetric
{
#define VS_METRIC_ENUM(ID, name, operator, function) VS_METRIC_##ID,
	VS_METRICS(VS_METRIC_ENUM)
#undef VS_METRIC_ENUM
	VS_METRIC_COUNT
} VsMetric;

/* Dimensions a vector may have. */
#define VS_MAX_DIM 16000

#endif							/* VECSTORE_METRICS_H */
