/*
 * proto.h
 *		What the files of the format prototype share.  See README.md.
 *
 * This is evidence for docs/file-format.md, not part of the extension.
 */
#ifndef PROTO_H
#define PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "distance/distance.h"
#include "quant/rabitq.h"
#include "quant/rotation.h"
#include "quant/scalar.h"

#define PAGE_SIZE 8192
#define PAGE_HEADER 24			/* as PostgreSQL's */
#define PAGE_SPECIAL 8
#define PAGE_ROOM (PAGE_SIZE - PAGE_HEADER - PAGE_SPECIAL - 4)	/* one tuple */
#define VERTEX_HEADER 48		/* header 24, four heap TIDs of 6 */
#define K 10					/* neighbours asked for */
#define MAX_LEVELS 16

/* data.c: vectors in memory, queries, exact answers */
typedef struct Data
{
	const char *name;
	int			dim;
	int			n;
	int			queries;
	float	   *base;			/* n x dim */
	float	   *query;			/* queries x dim */
	float	   *kth;			/* exact distance (squared) of the K-th neighbour */
} Data;

extern void data_load(Data *data, const char *folder, const char *name, int max_rows,
					  int max_queries);
extern void *xmalloc(size_t size);
extern void parallel(int n, void (*work) (int i, void *arg), void *arg);
extern uint64_t random64(uint64_t *state);

/* graph.c: an HNSW graph built with exact distances */
typedef struct Graph
{
	int			n;
	int			m;
	int			entry;
	int			levels;			/* of the entry: lists at 0 .. levels */
	uint8_t    *level;			/* of each vertex */
	int			degree;			/* 2 m */
	int32_t    *list;			/* n x degree at level 0, -1 where empty */
	uint8_t    *chosen;			/* how many the heuristic chose; the rest fills up */
	int32_t   **upper;			/* per vertex: level x m, NULL without upper lists */
} Graph;

extern void graph_get(Graph *graph, const Data *data, int m, int ef_construction,
					  const char *cache_folder);
extern void graph_free(Graph *graph);
extern int	graph_nearby(const Graph *graph, const Data *data, int v, int32_t *out, int max);

/* scan_kernels.c: the rivals of the kernels in src/quant/rabitq.c */
typedef struct FastScan
{
	int			padded;
	int			bits;
	float		step;
	float		base;			/* value of a sum of zeros from the tables */
	float		middle_sum;		/* (2^bits - 1)/2 times the sum of the query */
	uint8_t    *low;			/* padded/8 tables of 16 */
	uint8_t    *high;
} FastScan;

extern void fastscan_init(FastScan *scan, int bits, int padded, const float *query);
extern void fastscan_free(FastScan *scan);
extern void fastscan_put(int bits, int padded, uint8_t *block, int lane, const uint8_t *code);
/* <q, x> of 16 neighbours */
extern void fastscan_dots(const FastScan *scan, const uint8_t *block, float *dots);

typedef struct Popcount
{
	int			padded;
	int			planes;
	float		step;
	float		low;
	float		sum;			/* of all query values */
	uint64_t   *plane;			/* planes x words */
	int			words;			/* of 64 bits, a multiple of 8 */
} Popcount;

extern void popcount_init(Popcount *pop, int planes, int padded, const float *query);
extern void popcount_free(Popcount *pop);
extern void popcount_dots(const Popcount *pop, const uint8_t *codes, int n, float *dots);
extern void kernel_table(void);
/* A query of floats made ready for the kernels of src/quant/rabitq.c */
extern void rabitq_query(VsRabitqQuery *query, int bits, int padded, const float *rotated);

/* pool.c: a buffer pool whose pin costs what PostgreSQL's costs */
typedef struct Pool
{
	uint32_t	pages;
	char	   *memory;			/* buffers */
	uint32_t   *buffer_of;		/* to fill the pages: block -> buffer */
	struct PinState *pins;
} Pool;

extern void pool_create(Pool *pool, uint32_t pages, bool scattered);
extern void pool_free(Pool *pool);
extern char *pool_page(const Pool *pool, uint32_t block);
extern char *pool_pin(Pool *pool, uint32_t block);
extern void pool_unpin(Pool *pool, uint32_t block);
extern double pool_calibrate(Pool *pool, double target_us);

/* store.c: the graph laid out on pages */
typedef enum Scan
{
	SCAN_ROWS,					/* row-major codes */
	SCAN_FAST					/* FastScan blocks */
} Scan;

typedef struct Format
{
	int			self;			/* bits a coordinate of the self vector: 32, 8, 4 */
	int			bits;			/* of the neighbour codes, 0 = none */
	Scan		scan;
	bool		half_factors;
} Format;

typedef struct Store
{
	Format		format;
	const Data *data;
	const Graph *graph;
	int			padded;
	VsRotation *rotation;
	Pool		pool;
	Pool		heap;
	float	   *rotated;		/* n x padded */
	float	   *self_error;		/* |x - decoded x| per vertex */
	/* a vertex tuple */
	size_t		tuple;
	size_t		ids_at;
	size_t		unit_at;
	size_t		factors_at;
	size_t		codes_at;
	int			per_page;		/* vertices a page, or 1 */
	int			pages_each;		/* pages a vertex, usually 1 */
	/* an upper list, fused */
	uint32_t	aux_start;		/* first page of upper lists */
	size_t		aux_tuple;
	bool		aux_codes;		/* whether codes fit there */
	int			aux_per_page;
	int32_t    *aux_first;		/* number of a vertex's first upper list */
	int			heap_per_page;
} Store;

extern size_t format_bytes(Format format, int padded, int degree);
extern void store_create(Store *store, Format format, const Data *data, const Graph *graph);
extern void store_free(Store *store);
extern void store_set_edge(const Store *store, char *tuple, const float *centre, int slot,
						   int neighbour);
extern void store_self(const Store *store, int v, float *decoded);
static inline uint32_t
store_block(const Store *store, int v)
{
	return (uint32_t) (v / store->per_page) * store->pages_each;
}
static inline size_t
store_offset(const Store *store, int v)
{
	return PAGE_HEADER + 4 * store->per_page + (size_t) (v % store->per_page) * store->tuple;
}
extern size_t aux_codes_at(const Store *store);

/* search.c */
typedef enum Descent
{
	DESCENT_NONE,				/* start at the entry point, on level 0 */
	DESCENT_PAGES,				/* upper lists of ids, a page for each neighbour */
	DESCENT_FUSED				/* upper lists carry codes too */
} Descent;

typedef struct Outcome
{
	double		recall;
	double		qps;			/* from every query's best pass */
	double		pages;			/* index pages pinned a query */
	double		heap;			/* heap pages pinned a query */
	double		error;			/* |estimate / distance - 1|, mean, expanded vertices */
} Outcome;

extern void search_run(Store *store, int ef, Descent descent, bool again, int passes,
					   Outcome *outcome);

/* wal.c: bytes of WAL an edge */
extern void wal_edge(Store *store, double *append, double *replace);

#endif							/* PROTO_H */
