/*
 * graph.c
 *		HNSW built in memory by several threads (Malkov and Yashunin, arXiv
 *		1603.09320), with exact distances; then every list is filled up.
 *
 * A fused list prices all its slots at once, so an empty slot is a waste:
 * after the build, free slots get the nearest vertices two hops away that the
 * heuristic had not chosen.  Search without codes uses the chosen ones only.
 */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

typedef struct Near
{
	float		d;
	int32_t		id;
} Near;

typedef struct Build
{
	Graph	   *g;
	const Data *data;
	VsKernel	kernel;
	int			ef;
	pthread_spinlock_t *lock;
	pthread_mutex_t entry_lock;
} Build;

/* Per thread: which vertices a search has seen. */
static __thread uint32_t *seen;
static __thread uint32_t seen_now;
static __thread int seen_n;

static float
distance(const Build *b, int i, int j)
{
	int			dim = b->data->dim;

	return b->kernel(b->data->base + (size_t) i * dim, b->data->base + (size_t) j * dim, dim);
}

static int32_t *
list_at(const Graph *g, int v, int level)
{
	return level == 0 ? g->list + (size_t) v * g->degree : g->upper[v] + (level - 1) * g->m;
}

/* Binary heap of Near, largest (sign 1) or smallest (-1) on top. */
static void
heap_push(Near *h, int *n, Near x, int sign)
{
	int			i = (*n)++;

	while (i > 0 && sign * h[(i - 1) / 2].d < sign * x.d)
	{
		h[i] = h[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h[i] = x;
}

static Near
heap_pop(Near *h, int *n, int sign)
{
	Near		top = h[0];
	Near		x = h[--(*n)];
	int			i = 0;

	for (;;)
	{
		int			c = 2 * i + 1;

		if (c >= *n)
			break;
		if (c + 1 < *n && sign * h[c + 1].d > sign * h[c].d)
			c++;
		if (sign * h[c].d <= sign * x.d)
			break;
		h[i] = h[c];
		i = c;
	}
	h[i] = x;
	return top;
}

static void
start_seen(int n)
{
	if (seen_n < n)
	{
		free(seen);
		seen = calloc(n, sizeof(uint32_t));
		seen_n = n;
		seen_now = 0;
	}
	seen_now++;
}

/* The ef nearest to v on a level, from one start; returns how many, sorted. */
static int
search_level(const Build *b, int v, int start, int level, int ef, Near *out)
{
	static __thread Near *waiting;
	static __thread int waiting_room;
	int			waiting_n = 0;
	int			n = 0;
	int			width = level == 0 ? b->g->degree : b->g->m;
	Near		first = {distance(b, v, start), start};

	if (waiting_room < b->g->n + 1)
	{
		waiting_room = b->g->n + 1;
		waiting = realloc(waiting, sizeof(Near) * waiting_room);
	}
	start_seen(b->g->n);
	seen[start] = seen_now;
	heap_push(waiting, &waiting_n, first, -1);
	heap_push(out, &n, first, 1);
	while (waiting_n > 0)
	{
		Near		c = heap_pop(waiting, &waiting_n, -1);
		int32_t		ids[256];

		if (n == ef && c.d > out[0].d)
			break;
		pthread_spin_lock(&b->lock[c.id]);
		memcpy(ids, list_at(b->g, c.id, level), sizeof(int32_t) * width);
		pthread_spin_unlock(&b->lock[c.id]);
		for (int i = 0; i < width && ids[i] >= 0; i++)
		{
			Near		x;

			if (seen[ids[i]] == seen_now)
				continue;
			seen[ids[i]] = seen_now;
			x.id = ids[i];
			x.d = distance(b, v, x.id);
			if (n < ef || x.d < out[0].d)
			{
				heap_push(waiting, &waiting_n, x, -1);
				if (n == ef)
					heap_pop(out, &n, 1);
				heap_push(out, &n, x, 1);
			}
		}
	}
	/* Heap sort: largest to the end. */
	for (int i = n; i > 1;)
	{
		int			left = i;
		Near		top = heap_pop(out, &left, 1);

		out[--i] = top;
	}
	return n;
}

/* The paper's heuristic over sorted candidates; returns how many were chosen. */
static int
choose(const Build *b, const Near *cand, int n, int max, int32_t *out)
{
	int			chosen = 0;

	for (int i = 0; i < n && chosen < max; i++)
	{
		bool		good = true;

		for (int j = 0; j < chosen && good; j++)
			good = distance(b, cand[i].id, out[j]) >= cand[i].d;
		if (good)
			out[chosen++] = cand[i].id;
	}
	return chosen;
}

static int
compare_near(const void *a, const void *b)
{
	float		x = ((const Near *) a)->d;
	float		y = ((const Near *) b)->d;

	return (x > y) - (x < y);
}

/* Give owner a new neighbour, choosing again when its list is full. */
static void
add_edge(const Build *b, int owner, int v, int level)
{
	int			width = level == 0 ? b->g->degree : b->g->m;
	int32_t    *list = list_at(b->g, owner, level);
	int			n = 0;

	pthread_spin_lock(&b->lock[owner]);
	while (n < width && list[n] >= 0)
		n++;
	if (n < width)
		list[n] = v;
	else
	{
		Near		cand[256];
		int32_t		out[256];
		int			kept;

		for (int i = 0; i < n; i++)
			cand[i] = (Near) {distance(b, owner, list[i]), list[i]};
		cand[n] = (Near) {distance(b, owner, v), v};
		qsort(cand, n + 1, sizeof(Near), compare_near);
		kept = choose(b, cand, n + 1, width, out);
		memcpy(list, out, sizeof(int32_t) * kept);
		for (int i = kept; i < width; i++)
			list[i] = -1;
	}
	pthread_spin_unlock(&b->lock[owner]);
}

static void
insert(int v, void *arg)
{
	Build	   *b = arg;
	Graph	   *g = b->g;
	int			level = g->level[v];
	bool		top;
	int			at;
	int			levels;
	Near	   *cand = malloc(sizeof(Near) * (b->ef + 1));

	if (v == 0)
		return;					/* the first entry point */
	pthread_mutex_lock(&b->entry_lock);
	at = g->entry;
	levels = g->levels;
	top = level > levels;
	if (!top)
		pthread_mutex_unlock(&b->entry_lock);
	for (int l = levels; l > level; l--)
	{
		search_level(b, v, at, l, 1, cand);
		at = cand[0].id;
	}
	for (int l = level < levels ? level : levels; l >= 0; l--)
	{
		int			n = search_level(b, v, at, l, b->ef, cand);
		int32_t		out[256];
		int			kept;

		at = cand[0].id;
		kept = choose(b, cand, n, g->m, out);
		pthread_spin_lock(&b->lock[v]);
		memcpy(list_at(g, v, l), out, sizeof(int32_t) * kept);
		pthread_spin_unlock(&b->lock[v]);
		for (int i = 0; i < kept; i++)
			add_edge(b, out[i], v, l);
	}
	if (top)
	{
		g->entry = v;
		g->levels = level;
		pthread_mutex_unlock(&b->entry_lock);
	}
	free(cand);
}

/* Up to max vertices within two hops of v, nearest first, without its list. */
int
graph_nearby(const Graph *g, const Data *data, int v, int32_t *out, int max)
{
	static __thread Near *cand;
	Build		b = {(Graph *) g, data, vs_kernel(VS_METRIC_L2), 0, NULL, {{0}}};
	int			n = 0;

	if (cand == NULL)
		cand = malloc(sizeof(Near) * 256 * 256);
	start_seen(g->n);
	seen[v] = seen_now;
	for (int i = 0; i < g->degree; i++)
	{
		if (list_at(g, v, 0)[i] >= 0)
			seen[list_at(g, v, 0)[i]] = seen_now;
	}
	for (int i = 0; i < g->chosen[v]; i++)
	{
		int			u = list_at(g, v, 0)[i];

		for (int j = 0; j < g->chosen[u]; j++)
		{
			int			w = list_at(g, u, 0)[j];

			if (seen[w] == seen_now)
				continue;
			seen[w] = seen_now;
			cand[n++] = (Near) {distance(&b, v, w), w};
		}
	}
	qsort(cand, n, sizeof(Near), compare_near);
	n = n < max ? n : max;
	for (int i = 0; i < n; i++)
		out[i] = cand[i].id;
	return n;
}

static void
fill(int v, void *arg)
{
	Build	   *b = arg;
	Graph	   *g = b->g;
	int			n = g->chosen[v];
	int32_t		near[256];
	int			found = graph_nearby(g, b->data, v, near, g->degree - n);

	memcpy(list_at(g, v, 0) + n, near, sizeof(int32_t) * found);
}

static void
allocate(Graph *g, int n, int m)
{
	g->n = n;
	g->m = m;
	g->degree = 2 * m;
	g->level = calloc(n, 1);
	g->chosen = calloc(n, 1);
	g->upper = calloc(n, sizeof(int32_t *));
	g->list = malloc(sizeof(int32_t) * n * g->degree);
	memset(g->list, 0xFF, sizeof(int32_t) * n * g->degree);
}

static void
build(Graph *g, const Data *data, int m, int ef)
{
	Build		b = {g, data, vs_kernel(VS_METRIC_L2), ef, NULL, PTHREAD_MUTEX_INITIALIZER};
	uint64_t	random = 88172645463325252ULL;

	allocate(g, data->n, m);
	b.lock = malloc(sizeof(pthread_spinlock_t) * g->n);
	for (int v = 0; v < g->n; v++)
	{
		double		u = (double) ((random64(&random) >> 11) + 1) / 9007199254740993.0;
		int			level = (int) (-log(u) / log(m));

		level = level < MAX_LEVELS ? level : MAX_LEVELS - 1;
		g->level[v] = level;
		if (level > 0)
		{
			g->upper[v] = malloc(sizeof(int32_t) * level * m);
			memset(g->upper[v], 0xFF, sizeof(int32_t) * level * m);
		}
		pthread_spin_init(&b.lock[v], PTHREAD_PROCESS_PRIVATE);
	}
	g->entry = 0;
	g->levels = g->level[0];
	parallel(g->n, insert, &b);
	for (int v = 0; v < g->n; v++)
	{
		while (g->chosen[v] < g->degree && list_at(g, v, 0)[g->chosen[v]] >= 0)
			g->chosen[v]++;
	}
	parallel(g->n, fill, &b);
	free((void *) b.lock);
}

/* Write (or read) all of a graph; false when the file ends early. */
static bool
transfer(FILE *f, Graph *g, size_t (*io) (void *, size_t, size_t, FILE *))
{
	size_t		n = g->n;

	if (io(&g->entry, 4, 1, f) != 1 || io(&g->levels, 4, 1, f) != 1 ||
		io(g->level, 1, n, f) != n || io(g->chosen, 1, n, f) != n ||
		io(g->list, sizeof(int32_t) * g->degree, n, f) != n)
		return false;
	for (size_t v = 0; v < n; v++)
	{
		if (g->level[v] > 0 && g->upper[v] == NULL)
			g->upper[v] = malloc(sizeof(int32_t) * g->level[v] * g->m);
		if (g->level[v] > 0 && io(g->upper[v], sizeof(int32_t) * g->m, g->level[v], f) != g->level[v])
			return false;
	}
	return true;
}

/* fwrite with fread's type. */
static size_t
write_back(void *p, size_t size, size_t n, FILE *f)
{
	return fwrite(p, size, n, f);
}

/* Build the graph, or read it if a run before has left it in the cache folder. */
void
graph_get(Graph *g, const Data *data, int m, int ef, const char *cache_folder)
{
	char		path[1024];
	FILE	   *f;

	snprintf(path, sizeof(path), "%s/%s_%d_m%d_ef%d.graph", cache_folder, data->name, data->n,
			 m, ef);
	f = fopen(path, "rb");
	if (f != NULL)
	{
		allocate(g, data->n, m);
		if (!transfer(f, g, fread))
		{
			fprintf(stderr, "%s is broken\n", path);
			exit(1);
		}
		fclose(f);
		return;
	}
	build(g, data, m, ef);
	f = fopen(path, "wb");
	if (f == NULL || !transfer(f, g, write_back) || fclose(f) != 0)
		fprintf(stderr, "could not keep %s\n", path);
}

void
graph_free(Graph *g)
{
	for (int v = 0; v < g->n; v++)
		free(g->upper[v]);
	free(g->upper);
	free(g->level);
	free(g->chosen);
	free(g->list);
}
