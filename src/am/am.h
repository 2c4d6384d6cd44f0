/*
 * am.h
 *		What the parts of the access method share: options, settings, inserts.
 */
#ifndef VECSTORE_AM_H
#define VECSTORE_AM_H

#include "access/amapi.h"
#include "access/genam.h"
#include "am/page.h"
#include "nodes/pathnodes.h"
#include "type/vector.h"

#define VS_DEFAULT_M				16
#define VS_DEFAULT_EF_CONSTRUCTION	64
#define VS_DEFAULT_EF_SEARCH		40
#define VS_MAX_EF_SEARCH			10000

/* WITH (m = ..., ef_construction = ..., quantization = ...) */
typedef struct VsOptions
{
	int32		vl_len_;
	int			m;
	int			ef_construction;
	VsQuantization quantization;
} VsOptions;

/* Settings. */
extern int	vs_ef_search;
extern bool vs_strict_order;
extern bool vs_explain;

/* Let searches keep as many vertices as rows are wanted, until the GUC nest level ends. */
extern void vs_raise_ef_search(int rows);

/* The one support function of an operator class: which metric it is. */
#define VS_METRIC_PROC		1

/* Phases of a build, for pg_stat_progress_create_index. */
#define VS_PHASE_GRAPH		2
#define VS_PHASE_LAYOUT		3
#define VS_PHASE_WRITE		4
#define VS_PHASE_INSERT		5
#define VS_PHASE_LOG		6

/* Called by _PG_init. */
extern void vs_am_init(void);

/* The metric of the index's operator class. */
extern VsMetric vs_index_metric(Relation rel);

/*
 * The vector of a row or query as the index keeps it, palloc'd or detoasted:
 * of the right dimensions (error 22000) and of unit length where the metric
 * wants it.  NULL for a vector that has no place in the graph (zero under
 * cosine).
 */
extern const float *vs_index_form_vector(Relation rel, const VsIndex *index, Datum value);

/*
 * That vector as it is kept in the graph: itself or, in an index of codes, its
 * rotation as VsBytes, palloc'd, which are the same for two vectors only if these
 * are the same, as far as a hash of 32 bits can tell.
 */
extern const void *vs_index_kept_vector(const VsIndex *index, const float *vector);

/* The same for a vector that is only searched for: without the hash. */
extern const void *vs_index_kept_query(const VsIndex *index, const float *vector);

/*
 * Open a vecstore index named in a function call, with AccessShareLock; error
 * unless it is one and the caller may read its table.
 */
extern Relation vs_index_open_checked(Oid oid);

/* The quantization that the index's neighbours' codes are of. */
extern const char *vs_quantization_in_use(const VsIndex *index);

/* The access method's functions, one file each. */
extern IndexBuildResult *vs_build(Relation heap, Relation rel, struct IndexInfo *info);
extern void vs_buildempty(Relation rel);
extern bool vs_insert(Relation rel, Datum *values, bool *isnull, ItemPointer tid,
					  Relation heap, IndexUniqueCheck unique, bool unchanged,
					  struct IndexInfo *info);
extern IndexBulkDeleteResult *vs_bulkdelete(IndexVacuumInfo *info,
											IndexBulkDeleteResult *stats,
											IndexBulkDeleteCallback callback,
											void *state);
extern IndexBulkDeleteResult *vs_vacuumcleanup(IndexVacuumInfo *info,
											   IndexBulkDeleteResult *stats);
extern void vs_costestimate(PlannerInfo *root, IndexPath *path, double loop_count,
							Cost *startup, Cost *total, Selectivity *selectivity,
							double *correlation, double *pages);
extern bool vs_validate(Oid opclass);
extern IndexScanDesc vs_beginscan(Relation rel, int nkeys, int norderbys);
extern void vs_rescan(IndexScanDesc scan, ScanKey keys, int nkeys,
					  ScanKey orderbys, int norderbys);
extern bool vs_gettuple(IndexScanDesc scan, ScanDirection dir);
extern void vs_endscan(IndexScanDesc scan);

/* Tell a scan that no plan is for how many rows will be wanted of it. */
extern void vs_scan_want(IndexScanDesc scan, int64 rows);

#endif							/* VECSTORE_AM_H */
