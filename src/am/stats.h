/*
 * stats.h
 *		What scans did: counted for EXPLAIN, NOTICEs and vecstore_stat_indexes.
 */
#ifndef VECSTORE_STATS_H
#define VECSTORE_STATS_H

#include "access/genam.h"
#include "utils/rel.h"

/* Why a scan left the graph and read the index from end to end. */
typedef enum VsSweepReason
{
	VS_SWEEP_NONE,				/* it did not */
	VS_SWEEP_NO_QUERY,			/* nothing has a distance to the query */
	VS_SWEEP_EMPTY,				/* the graph has no vertex */
	VS_SWEEP_SHARE,				/* the graph is the slower way by now */
	VS_SWEEP_MEMORY,			/* the search has used up work_mem */
	VS_SWEEP_END				/* the graph leads to no more vertices */
} VsSweepReason;

/* What one or several runs of a scan did. */
typedef struct VsScanCounts
{
	int64		scans;
	int64		expanded;		/* vertices whose neighbours were read */
	int64		distances;		/* computed, in the graph and in sweeps */
	int64		batches;		/* of up to ef vertices each */
	int64		rows;			/* returned to the executor */
	int64		reranked;		/* vertices whose rows were looked at */
	int64		sweeps;
	int64		swept;			/* rows that sweeps sorted */
	int			ef;				/* of the last run */
	VsSweepReason reason;		/* of the last sweep */
} VsScanCounts;

/* Called by vs_am_init. */
extern void vs_stats_init(void);

/* Add what more, of later runs, says to sum. */
extern void vs_counts_add(VsScanCounts *sum, const VsScanCounts *more);

/*
 * Add to this session's counters what a run has done since its counts were
 * noted last.
 */
extern void vs_stats_note(Oid index, const VsScanCounts *now, VsScanCounts *noted);

/* Raise the NOTICE of vecstore.explain about a run. */
extern void vs_stats_report(Relation rel, const VsScanCounts *counts);

/* In scan.c: what a scan did so far, all its runs together. */
extern VsScanCounts vs_scan_counts(IndexScanDesc scan);

#endif							/* VECSTORE_STATS_H */
