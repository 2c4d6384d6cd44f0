/*
 * prototype.c
 *		Measures formats of the vertex tuple.  See README.md.
 *
 *	prototype sizes
 *	prototype kernels
 *	prototype search FOLDER SET CACHE [DEGREE [QUERIES [VARIANT...]]]
 *
 * With 0 queries search only builds the graph and leaves it in CACHE.  A
 * variant is a row of the table below, counted from 0; without any, all are
 * measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

#define PIN_US 0.5
#define EF_CONSTRUCTION 128
#define PASSES 5

static const int efs[] = {10, 20, 40, 80, 120, 200, 400};
#define N_EFS ((int) (sizeof(efs) / sizeof(efs[0])))

/*
 * Bytes a vertex, vertices a page, pages that one vertex touches, for every
 * format.  Without neighbour codes a float self vector is not rotated, hence
 * not padded.
 */
static void
size_table(void)
{
	static const int dims[] = {1, 3, 64, 128, 384, 768, 784, 1024, 1536, 2001, 3072, 16000};
	static const int selves[] = {32, 8, 4};
	static const int bits[] = {0, 1, 2, 4};
	static const int degrees[] = {24, 32, 48};

	printf("degree,dim,self,bits,bytes,per_page,pages\n");
	for (int i = 0; i < 3 * 12 * 3 * 4; i++)
	{
		int			degree = degrees[i / 144];
		int			dim = dims[i / 12 % 12];
		Format		f = {selves[i / 4 % 3], bits[i % 4], SCAN_ROWS, true};
		bool		raw = f.self == 32 && f.bits == 0;
		size_t		bytes = format_bytes(f, raw ? dim : vs_rotation_padded(dim), degree);
		int			per_page = (int) ((PAGE_SIZE - PAGE_HEADER - PAGE_SPECIAL) / (bytes + 4));

		printf("%d,%d,%d,%d,%zu,%d,%zu\n", degree, dim, f.self, f.bits, bytes, per_page,
			   per_page > 0 ? 1 : (bytes + PAGE_ROOM - 1) / PAGE_ROOM);
	}
}

typedef struct Variant
{
	Format		format;
	Descent		descent;
	bool		again;
	bool		all_degrees;	/* measured at every degree, or at 32 only */
} Variant;

static const Variant variants[] = {
	{{32, 0, SCAN_ROWS, true}, DESCENT_PAGES, false, true},
	{{8, 0, SCAN_ROWS, true}, DESCENT_PAGES, false, false},
	{{32, 1, SCAN_ROWS, true}, DESCENT_NONE, false, false},
	{{8, 1, SCAN_ROWS, true}, DESCENT_NONE, false, true},
	{{8, 1, SCAN_FAST, true}, DESCENT_NONE, false, false},
	{{4, 1, SCAN_ROWS, true}, DESCENT_NONE, false, false},
	{{8, 2, SCAN_ROWS, true}, DESCENT_NONE, false, true},
	{{8, 2, SCAN_FAST, true}, DESCENT_NONE, false, false},
	{{4, 2, SCAN_ROWS, true}, DESCENT_NONE, false, false},
	{{8, 4, SCAN_ROWS, true}, DESCENT_NONE, false, true},
	{{8, 4, SCAN_FAST, true}, DESCENT_NONE, false, false},
	{{4, 4, SCAN_ROWS, true}, DESCENT_NONE, false, false},
	{{8, 1, SCAN_ROWS, false}, DESCENT_NONE, false, false},
	{{8, 4, SCAN_ROWS, false}, DESCENT_NONE, false, false},
	{{8, 1, SCAN_ROWS, true}, DESCENT_NONE, true, true},
	{{8, 2, SCAN_ROWS, true}, DESCENT_NONE, true, true},
	{{8, 4, SCAN_ROWS, true}, DESCENT_NONE, true, true},
	{{8, 1, SCAN_ROWS, true}, DESCENT_FUSED, false, false},
	{{8, 1, SCAN_ROWS, true}, DESCENT_PAGES, false, false},
	{{32, 0, SCAN_ROWS, true}, DESCENT_NONE, false, false},
};
#define N_VARIANTS ((int) (sizeof(variants) / sizeof(variants[0])))

static void
measure(const char *folder, const char *set, const char *cache, int degree, int queries,
		char **only, int n_only)
{
	static const char *const descents[] = {"none", "pages", "fused"};
	Data		data;
	Graph		graph;
	double		chosen = 0.0;

	data_load(&data, folder, set, 1 << 30, queries);
	graph_get(&graph, &data, degree / 2, EF_CONSTRUCTION, cache);
	for (int v = 0; v < graph.n; v++)
		chosen += graph.chosen[v];
	fprintf(stderr, "%s: %d x %d, %d queries, degree %d, %.1f chosen by the heuristic, %d levels\n",
			set, data.n, data.dim, data.queries, degree, chosen / graph.n, graph.levels);
	for (int i = 0; i < N_VARIANTS && queries > 0; i++)
	{
		Variant		v = variants[i];
		Store		store;
		double		append;
		double		replace;
		double		bare;

		bool		wanted = n_only == 0 && (degree == 32 || v.all_degrees);

		for (int k = 0; k < n_only; k++)
			wanted |= atoi(only[k]) == i;
		if (!wanted)
			continue;
		store_create(&store, v.format, &data, &graph);
		wal_edge(&store, &append, &replace);
		bare = pool_calibrate(&store.pool, PIN_US);
		(void) pool_calibrate(&store.heap, PIN_US);
		fprintf(stderr, "%s %d: pin %.2f us before the spin\n", set, i, bare);
		for (int e = 0; e < N_EFS; e++)
		{
			Outcome		o;

			search_run(&store, efs[e], v.descent, v.again, PASSES, &o);
			printf("%s,%d,%d,%d,%s,%s,%s,%s,%zu,%d,%d,%d,%.4f,%.0f,%.1f,%.1f,%.4f,%.0f,%.0f\n", set, degree,
				   v.format.self, v.format.bits, v.format.scan == SCAN_FAST ? "fast" : "rows",
				   v.format.half_factors ? "f16" : "f32", descents[v.descent], v.again ? "again" : "once",
				   store.tuple, store.per_page, store.pages_each, efs[e], o.recall, o.qps, o.pages,
				   o.heap, o.error, append, replace);
			fflush(stdout);
		}
		store_free(&store);
	}
	graph_free(&graph);
}

int
main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "sizes") == 0)
		size_table();
	else if (argc >= 2 && strcmp(argv[1], "kernels") == 0)
		kernel_table();
	else if (argc >= 5 && strcmp(argv[1], "search") == 0)
		measure(argv[2], argv[3], argv[4], argc > 5 ? atoi(argv[5]) : 32,
				argc > 6 ? atoi(argv[6]) : 1000, argv + 7, argc > 7 ? argc - 7 : 0);
	else
	{
		fprintf(stderr, "usage: prototype sizes | kernels | search FOLDER SET CACHE [DEGREE [QUERIES [VARIANT...]]]\n");
		return 1;
	}
	return 0;
}
