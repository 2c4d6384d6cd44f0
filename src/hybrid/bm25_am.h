/*
 * bm25_am.h
 *		The access method vecstore_bm25: options and entry points.
 */
#ifndef VECSTORE_BM25_AM_H
#define VECSTORE_BM25_AM_H

#include "access/amapi.h"
#include "access/genam.h"
#include "hybrid/tokenizer_pg.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

typedef struct VsBm25Options
{
	int32		vl_len_;
	double		k1;
	double		b;
	int			tokenizer;		/* offsets of strings */
	int			language;
	int			stemmer;
	int			stopwords;
	int			min_gram;
	int			max_gram;
} VsBm25Options;

#define VS_BM25_DEFAULT_K1	1.2
#define VS_BM25_DEFAULT_B	0.75

extern void vs_bm25_init(void);

/*
 * Open an index for a function that tells of it; the caller must be allowed to read the
 * table, which stays locked.
 */
extern Relation vs_bm25_open_to_inspect(Oid oid);

/* An index's options, or what they are by default. */
extern void vs_bm25_tokenizer_config(Relation index, VsTokenizerConfig *config);
extern double vs_bm25_k1(Relation index);
extern double vs_bm25_b(Relation index);

/* bm25_validate.c: whether an operator class is one for this access method. */
extern bool vs_bm25_validate(Oid opclass);

/* bm25_build.c */
extern IndexBuildResult *vs_bm25_build(Relation heap, Relation rel, IndexInfo *info);
extern char *vs_bm25_build_phase(int64 phase);

/* bm25_scan.c */
extern IndexScanDesc vs_bm25_beginscan(Relation index, int nkeys, int norderbys);
extern void vs_bm25_rescan(IndexScanDesc scan, ScanKey keys, int nkeys,
						   ScanKey orderbys, int norderbys);
extern int64 vs_bm25_getbitmap(IndexScanDesc scan, TIDBitmap *bitmap);
extern bool vs_bm25_gettuple(IndexScanDesc scan, ScanDirection direction);
extern void vs_bm25_endscan(IndexScanDesc scan);

#endif							/* VECSTORE_BM25_AM_H */
