/*
 * search.c
 *		Best-first search over pages, fused or not, and its measurement.
 *
 * The fused search keeps the ef best candidates by estimated rank.  It takes
 * the best one that is not expanded, pins its page, computes the distance of
 * its self vector, and estimates its whole list.  When all ef are expanded,
 * the expanded vertices, in the order of their self distance, are checked
 * against the heap: those that can still be among the first K.
 *
 * Without codes every neighbour not yet seen costs a page and a distance, as
 * in plain HNSW.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto.h"

typedef struct Candidate
{
	float		rank;
	int32_t		id;
	bool		expanded;
} Candidate;

typedef struct Search
{
	Store	   *store;
	int			ef;
	Descent		descent;
	bool		again;			/* let a neighbour enter again with a new estimate */
	VsKernel	l2;
	const float *raw;			/* query */
	float	   *query;			/* rotated */
	VsRabitqQuery *rabitq;
	FastScan	fast;
	uint32_t   *seen;			/* entered the pool */
	uint32_t   *expanded;
	uint32_t	now;
	Candidate  *pool;
	int			n;
	Candidate  *found;			/* expanded vertices by self distance */
	int			found_n;
	long		pages;
	long		heap;
	double		error;
	long		errors;
} Search;

static char *
pin_vertex(Search *s, int v)
{
	uint32_t	block = store_block(s->store, v);
	char	   *page = pool_pin(&s->store->pool, block);

	for (int i = 1; i < s->store->pages_each; i++)
	{
		(void) pool_pin(&s->store->pool, block + i);
		pool_unpin(&s->store->pool, block + i);
	}
	s->pages += s->store->pages_each;
	return page + store_offset(s->store, v);
}

static void
unpin_vertex(Search *s, int v)
{
	pool_unpin(&s->store->pool, store_block(s->store, v));
}

static float
self_distance(const Search *s, const char *tuple)
{
	const Store *st = s->store;

	if (st->format.self == 32)
		return s->l2(s->query, (const float *) (tuple + VERTEX_HEADER), st->padded);
	return vs_scalar_l2(st->format.self, st->padded, s->query,
						(const uint8_t *) tuple + VERTEX_HEADER);
}

/* Estimated ranks of a list of n. */
static void
estimate(Search *s, float centre, const char *factors, float unit, const char *codes, int n,
		 float *ranks)
{
	Format		f = s->store->format;
	float		dots[64];
	static const VsRabitqPacked one[64] = {[0 ... 63] = {0, 0x3C00}};

	if (f.scan == SCAN_ROWS && f.half_factors)
	{
		vs_rabitq_estimate(s->rabitq, centre, 1.0f, unit, (const VsRabitqPacked *) factors,
						   (const uint8_t *) codes, n, ranks);
		return;
	}
	if (f.scan == SCAN_FAST)
	{
		size_t		block = 16 * vs_rabitq_code_bytes(s->store->padded, f.bits);

		for (int i = 0; i < n; i += 16)
			fastscan_dots(&s->fast, (const uint8_t *) codes + i / 16 * block, dots + i);
	}
	else
		vs_rabitq_estimate(s->rabitq, 0.0f, 1.0f, 1.0f, one, (const uint8_t *) codes, n, dots);
	for (int i = 0; i < n; i++)
	{
		VsRabitqFactors factor;

		if (f.half_factors)
		{
			VsRabitqPacked packed;

			memcpy(&packed, factors + 4 * i, 4);
			factor = vs_rabitq_unpack(packed, unit);
		}
		else
			memcpy(&factor, factors + 8 * i, 8);
		ranks[i] = centre + factor.add + factor.rescale * dots[i];
	}
}

/* Put a candidate into the pool, sorted, ef at most. */
static void
offer(Search *s, int32_t id, float rank)
{
	int			low = 0;
	int			high = s->n;

	if (s->n == s->ef && rank >= s->pool[s->n - 1].rank)
		return;
	if (s->expanded[id] == s->now || (!s->again && s->seen[id] == s->now))
		return;
	s->seen[id] = s->now;
	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (s->pool[middle].rank <= rank)
			low = middle + 1;
		else
			high = middle;
	}
	if (s->n < s->ef)
		s->n++;
	memmove(s->pool + low + 1, s->pool + low, sizeof(Candidate) * (s->n - 1 - low));
	s->pool[low] = (Candidate) {rank, id, false};
}

/* The greedy way down the upper levels; returns where level 0 starts. */
static int
descend(Search *s)
{
	Store	   *st = s->store;
	const Graph *g = st->graph;
	int			at = g->entry;
	float		best;
	bool		fused = s->descent == DESCENT_FUSED && st->aux_codes;

	if (s->descent == DESCENT_NONE)
		return at;
	best = self_distance(s, pin_vertex(s, at));
	unpin_vertex(s, at);
	for (int level = g->levels; level > 0; level--)
	{
		for (;;)
		{
			int			number = st->aux_first[at] + level - 1;
			uint32_t	block = st->aux_start + number / st->aux_per_page;
			const char *tuple = pool_pin(&st->pool, block) + PAGE_HEADER + 4 * st->aux_per_page +
				number % st->aux_per_page * st->aux_tuple;
			const int32_t *ids = (const int32_t *) tuple;
			float		ranks[64];
			int			n = 0;
			int			next = at;
			float		next_rank = best;

			s->pages++;
			while (n < g->m && ids[n] >= 0)
				n++;
			if (fused)
			{
				float		unit;

				memcpy(&unit, tuple + 4 * g->m, 4);
				estimate(s, best, tuple + 4 * g->m + 4, unit, tuple + aux_codes_at(st), n, ranks);
			}
			else
			{
				for (int i = 0; i < n; i++)
				{
					ranks[i] = self_distance(s, pin_vertex(s, ids[i]));
					unpin_vertex(s, ids[i]);
				}
			}
			for (int i = 0; i < n; i++)
			{
				if (ranks[i] < next_rank)
				{
					next_rank = ranks[i];
					next = ids[i];
				}
			}
			pool_unpin(&st->pool, block);
			if (next == at)
				break;
			if (fused)
			{
				next_rank = self_distance(s, pin_vertex(s, next));
				unpin_vertex(s, next);
				if (next_rank >= best)
					break;		/* the estimate was too good */
			}
			at = next;
			best = next_rank;
		}
	}
	return at;
}

static int
compare_candidates(const void *a, const void *b)
{
	float		x = ((const Candidate *) a)->rank;
	float		y = ((const Candidate *) b)->rank;

	return (x > y) - (x < y);
}

static void
search_fused(Search *s)
{
	Store	   *st = s->store;
	const Graph *g = st->graph;
	int			start = descend(s);

	s->n = 0;
	s->found_n = 0;
	offer(s, start, 0.0f);
	for (int at = 0; at < s->n;)
	{
		Candidate  *c = &s->pool[at];
		int			v = c->id;
		float		estimated = c->rank;
		const char *tuple;
		float		centre;
		float		unit;
		float		ranks[128];
		const int32_t *ids;
		int			n = 0;

		c->expanded = true;
		if (s->expanded[v] == s->now)
		{
			at++;
			continue;
		}
		s->expanded[v] = s->now;
		tuple = pin_vertex(s, v);
		for (size_t i = 0; i < st->tuple; i += 64)
			__builtin_prefetch(tuple + i);
		centre = self_distance(s, tuple);
		if (estimated > 0.0f)
		{
			s->error += fabsf(estimated / centre - 1.0f);
			s->errors++;
		}
		s->found[s->found_n++] = (Candidate) {centre, v, true};
		memcpy(&unit, tuple + st->unit_at, 4);
		ids = (const int32_t *) (tuple + st->ids_at);
		while (n < g->degree && ids[n] >= 0)
			n++;
		estimate(s, centre, tuple + st->factors_at, unit, tuple + st->codes_at, n, ranks);
		for (int i = 0; i < n; i++)
			offer(s, ids[i], ranks[i]);
		unpin_vertex(s, v);
		/* On to the best candidate not expanded, which may have come in before. */
		for (at = 0; at < s->n && s->pool[at].expanded;)
			at++;
	}
	qsort(s->found, s->found_n, sizeof(Candidate), compare_candidates);
}

/* Plain HNSW over pages: the candidates in the pool have exact (self) ranks. */
static void
search_exact(Search *s)
{
	Store	   *st = s->store;
	const Graph *g = st->graph;
	int			start = descend(s);

	s->n = 0;
	s->found_n = 0;
	offer(s, start, self_distance(s, pin_vertex(s, start)));
	unpin_vertex(s, start);
	for (int at = 0; at < s->n;)
	{
		Candidate  *c = &s->pool[at];
		int			v = c->id;
		int32_t		ids[128];
		int			n = 0;
		const char *tuples[128];

		c->expanded = true;
		s->expanded[v] = s->now;
		s->found[s->found_n++] = *c;
		memcpy(ids, pin_vertex(s, v) + st->ids_at, 4 * g->degree);
		unpin_vertex(s, v);
		for (int i = 0; i < g->degree && ids[i] >= 0; i++)
		{
			if (s->seen[ids[i]] == s->now)
				continue;
			s->seen[ids[i]] = s->now;
			tuples[n] = pin_vertex(s, ids[i]);
			for (int j = 0; j < 4; j++)
				__builtin_prefetch(tuples[n] + VERTEX_HEADER + j * 64);
			ids[n++] = ids[i];
		}
		for (int i = 0; i < n; i++)
		{
			float		rank = self_distance(s, tuples[i]);

			s->seen[ids[i]] = s->now - 1;	/* offer() tests it itself */
			offer(s, ids[i], rank);
			s->seen[ids[i]] = s->now;
			unpin_vertex(s, ids[i]);
		}
		for (at = 0; at < s->n && s->pool[at].expanded;)
			at++;
	}
	qsort(s->found, s->found_n, sizeof(Candidate), compare_candidates);
}

/*
 * The first K by exact distance from the heap.  With x the vector and e the
 * error of its code, the squared self distance is |q-x|^2 + |e|^2 + 2<q-x, e>,
 * the last with a standard deviation of 2 |e| |q-x| / sqrt(D).  A vertex whose
 * distance is likely (three deviations) beyond the K-th so far ends the walk;
 * an uncompressed self vector needs the heap for the K rows themselves only.
 * Returns the hits: rows within the exact K-th distance.
 */
static int
rerank(Search *s, float kth)
{
	Store	   *st = s->store;
	const Data *data = st->data;
	float		best[K];
	int			n = 0;
	int			hits = 0;

	for (int i = 0; i < s->found_n; i++)
	{
		int			v = s->found[i].id;
		float		self = s->found[i].rank;
		float		e = st->self_error[v];
		float		likely = fmaxf(self - e * e, 0.0f);
		float		noise = 3.0f * 2.0f * e * sqrtf(likely / st->padded);
		uint32_t	block = (uint32_t) (v / st->heap_per_page);
		const char *page;
		float		d;
		int			at;

		if (n == K && (e == 0.0f || likely - noise > best[K - 1]))
			break;
		page = pool_pin(&st->heap, block);
		s->heap++;
		d = s->l2(s->raw, (const float *) (page + PAGE_HEADER +
										   (size_t) (v % st->heap_per_page) * 4 * data->dim), data->dim);
		pool_unpin(&st->heap, block);
		if (n == K && d >= best[K - 1])
			continue;
		at = n < K ? n++ : K - 1;
		while (at > 0 && best[at - 1] > d)
		{
			best[at] = best[at - 1];
			at--;
		}
		best[at] = d;
	}
	for (int i = 0; i < n; i++)
		hits += best[i] <= kth;
	return hits;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* One query from the raw vector to the number of hits. */
static int
one_query(Search *s, int q)
{
	Store	   *st = s->store;
	int			hits;

	s->raw = st->data->query + (size_t) q * st->data->dim;
	s->now += 2;
	vs_rotate(st->rotation, s->raw, s->query);
	if (st->format.bits > 0 && st->format.scan == SCAN_FAST)
	{
		fastscan_init(&s->fast, st->format.bits, st->padded, s->query);
		search_fused(s);
		fastscan_free(&s->fast);
	}
	else if (st->format.bits > 0)
	{
		rabitq_query(s->rabitq, st->format.bits, st->padded, s->query);
		search_fused(s);
	}
	else
		search_exact(s);
	hits = rerank(s, st->data->kth[q]);
	return hits;
}

/*
 * Run all queries, passes times; the counts are of one pass, the time is the
 * sum of every query's best: what other programs on the machine add, drops
 * out.
 */
void
search_run(Store *store, int ef, Descent descent, bool again, int passes, Outcome *out)
{
	const Data *data = store->data;
	Search		s;
	double		total = 0.0;
	double	   *best = xmalloc(sizeof(double) * data->queries);
	long		hits = 0;

	memset(&s, 0, sizeof(s));
	s.store = store;
	s.ef = ef;
	s.descent = descent;
	s.again = again;
	s.l2 = vs_kernel(VS_METRIC_L2);
	s.query = xmalloc(sizeof(float) * store->padded);
	s.rabitq = xmalloc(vs_rabitq_query_size(store->format.bits > 0 ? store->format.bits : 1,
											store->padded));
	s.seen = calloc(data->n, sizeof(uint32_t));
	s.expanded = calloc(data->n, sizeof(uint32_t));
	s.pool = xmalloc(sizeof(Candidate) * (ef + 1));
	s.found = xmalloc(sizeof(Candidate) * data->n);
	for (int pass = 0; pass < passes; pass++)
	{
		hits = 0;
		s.pages = s.heap = 0;
		for (int q = 0; q < data->queries; q++)
		{
			double		start = now();

			hits += one_query(&s, q);
			start = now() - start;
			best[q] = pass == 0 ? start : fmin(best[q], start);
		}
	}
	for (int q = 0; q < data->queries; q++)
		total += best[q];
	out->recall = (double) hits / data->queries / K;
	out->qps = data->queries / total;
	out->pages = (double) s.pages / data->queries;
	out->heap = (double) s.heap / data->queries;
	out->error = s.errors > 0 ? s.error / s.errors : 0.0;
	free(best);
	free(s.query);
	free(s.rabitq);
	free(s.seen);
	free(s.expanded);
	free(s.pool);
	free(s.found);
}
