/*
 * search.h
 *		What searches of collections share.
 */
#ifndef VECSTORE_SEARCH_H
#define VECSTORE_SEARCH_H

#include "distance/metrics.h"

/* The metric of a name, as in create_collection(); false if there is none. */
extern bool vs_metric_of_name(const char *name, VsMetric *metric);

#endif							/* VECSTORE_SEARCH_H */
