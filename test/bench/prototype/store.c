/*
 * store.c
 *		The graph laid out on pages, as docs/file-format.md describes a vertex:
 *		header, heap TIDs, self vector, ids, neighbour codes.
 *
 * Neighbour ids are the vertices' numbers: block and slot follow by division,
 * which costs what unpacking a stored block and slot costs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto.h"

static size_t
align8(size_t n)
{
	return (n + 7) & ~(size_t) 7;
}

static size_t
self_bytes(Format f, int padded)
{
	return f.self == 32 ? sizeof(float) * padded : vs_scalar_bytes(padded, f.self);
}

/* Lanes that a list of codes takes: FastScan works on 16 at a time. */
static int
lanes(Format f, int degree)
{
	return f.scan == SCAN_FAST ? (degree + 15) / 16 * 16 : degree;
}

/* Bytes of a vertex tuple. */
size_t
format_bytes(Format f, int padded, int degree)
{
	size_t		bytes = VERTEX_HEADER + align8(self_bytes(f, padded)) + align8(4 * degree);

	if (f.bits > 0)
		bytes += align8(sizeof(float) + (f.half_factors ? 4 : 8) * degree +
						vs_rabitq_code_bytes(padded, f.bits) * lanes(f, degree));
	return bytes;
}

static float *
rotated(const Store *s, int v)
{
	return s->rotated + (size_t) v * s->padded;
}

/* The vector that vertex v is taken to have, rotated. */
void
store_self(const Store *s, int v, float *decoded)
{
	uint8_t		code[4 + 4 * 16000];

	if (s->format.self == 32)
	{
		memcpy(decoded, rotated(s, v), sizeof(float) * s->padded);
		return;
	}
	vs_scalar_encode(s->format.self, s->padded, rotated(s, v), code);
	vs_scalar_decode(s->format.self, s->padded, code, decoded);
}

/* Write neighbour codes and factors of one slot; base points at the codes' part. */
static void
put_code(const Store *s, char *factors, char *codes, float unit, const float *centre, int slot,
		 int neighbour)
{
	Format		f = s->format;
	size_t		bytes = vs_rabitq_code_bytes(s->padded, f.bits);
	uint8_t		code[16000];
	VsRabitqFactors factor = vs_rabitq_encode(VS_RANK_L2, f.bits, s->padded,
											  rotated(s, neighbour), centre, code);

	if (f.scan == SCAN_FAST)
		fastscan_put(f.bits, s->padded, (uint8_t *) codes + slot / 16 * 16 * bytes, slot % 16, code);
	else
		memcpy(codes + slot * bytes, code, bytes);
	if (f.half_factors)
	{
		VsRabitqPacked packed;

		(void) vs_rabitq_pack(factor, unit, &packed);
		memcpy(factors + slot * 4, &packed, 4);
	}
	else
		memcpy(factors + slot * 8, &factor, 8);
}

/* Set one slot of a list whose owner is centre: what an insert does to the page. */
void
store_set_edge(const Store *s, char *tuple, const float *centre, int slot, int neighbour)
{
	int32_t		id = neighbour;

	memcpy(tuple + s->ids_at + 4 * slot, &id, 4);
	if (s->format.bits > 0)
	{
		float		unit;

		memcpy(&unit, tuple + s->unit_at, sizeof(unit));
		put_code(s, tuple + s->factors_at, tuple + s->codes_at, unit, centre, slot, neighbour);
	}
}

/* The unit of a list: the distance to its first neighbour. */
static float
list_unit(const Store *s, const float *centre, int neighbour)
{
	double		sum = 0.0;
	const float *o = rotated(s, neighbour);

	for (int i = 0; i < s->padded; i++)
		sum += ((double) o[i] - centre[i]) * ((double) o[i] - centre[i]);
	return vs_rabitq_unit((float) sum);
}

static void
write_upper(Store *s, int v, const float *centre)
{
	const Graph *g = s->graph;

	for (int l = 0; l < g->level[v]; l++)
	{
		int			number = s->aux_first[v] + l;
		char	   *tuple = pool_page(&s->pool, s->aux_start + number / s->aux_per_page) +
			PAGE_HEADER + 4 * s->aux_per_page + number % s->aux_per_page * s->aux_tuple;
		const int32_t *ids = g->upper[v] + l * g->m;
		float		unit = ids[0] >= 0 ? list_unit(s, centre, ids[0]) : 1.0f;

		memcpy(tuple, ids, sizeof(int32_t) * g->m);
		memcpy(tuple + 4 * g->m, &unit, 4);
		for (int i = 0; i < g->m && ids[i] >= 0 && s->aux_codes; i++)
			put_code(s, tuple + 4 * g->m + 4, tuple + aux_codes_at(s), unit, centre, i, ids[i]);
	}
}

/* Where the codes of a fused upper list start: after ids, unit and factors. */
size_t
aux_codes_at(const Store *s)
{
	return 4 + (s->format.half_factors ? 8 : 12) * (size_t) s->graph->m;
}

/*
 * A vertex larger than a page: contiguous in memory here only because the
 * buffers of its pages were made so; every page is pinned all the same.
 */
static void
write_vertex(int v, void *arg)
{
	Store	   *s = arg;
	const Graph *g = s->graph;
	char	   *tuple = pool_page(&s->pool, store_block(s, v)) + store_offset(s, v);
	float		centre[16000];

	store_self(s, v, centre);
	if (s->format.self == 32)
		memcpy(tuple + VERTEX_HEADER, centre, sizeof(float) * s->padded);
	else
		vs_scalar_encode(s->format.self, s->padded, rotated(s, v), (uint8_t *) tuple + VERTEX_HEADER);
	s->self_error[v] = 0.0f;
	for (int i = 0; i < s->padded; i++)
	{
		float		e = rotated(s, v)[i] - centre[i];

		s->self_error[v] += e * e;
	}
	s->self_error[v] = sqrtf(s->self_error[v]);
	for (int i = 0; i < g->degree; i++)
	{
		int32_t		id = g->list[(size_t) v * g->degree + i];

		/* Without codes a surplus neighbour costs a page: leave it out. */
		if (s->format.bits == 0 && i >= g->chosen[v])
			id = -1;
		if (s->format.bits > 0 && i == 0)
		{
			float		unit = id >= 0 ? list_unit(s, centre, id) : 1.0f;

			memcpy(tuple + s->unit_at, &unit, sizeof(unit));
		}
		if (id >= 0)
			store_set_edge(s, tuple, centre, i, id);
		else
			memcpy(tuple + s->ids_at + 4 * i, &id, 4);
	}
	write_upper(s, v, centre);
	memcpy(pool_page(&s->heap, v / s->heap_per_page) + PAGE_HEADER +
		   (size_t) (v % s->heap_per_page) * sizeof(float) * s->data->dim,
		   s->data->base + (size_t) v * s->data->dim, sizeof(float) * s->data->dim);
}

static void
rotate_one(int v, void *arg)
{
	Store	   *s = arg;

	vs_rotate(s->rotation, s->data->base + (size_t) v * s->data->dim, rotated(s, v));
}

void
store_create(Store *s, Format f, const Data *data, const Graph *graph)
{
	int			lists = 0;
	uint32_t	blocks;

	memset(s, 0, sizeof(*s));
	s->format = f;
	s->data = data;
	s->graph = graph;
	s->padded = vs_rotation_padded(data->dim);
	s->rotation = xmalloc(vs_rotation_size(data->dim));
	vs_rotation_init(s->rotation, data->dim, 20240518);
	s->rotated = xmalloc(sizeof(float) * data->n * s->padded);
	s->self_error = xmalloc(sizeof(float) * data->n);
	parallel(data->n, rotate_one, s);

	s->tuple = format_bytes(f, s->padded, graph->degree);
	s->ids_at = VERTEX_HEADER + align8(self_bytes(f, s->padded));
	s->unit_at = s->ids_at + align8(4 * graph->degree);
	s->factors_at = s->unit_at + 4;
	s->codes_at = s->factors_at + (f.half_factors ? 4 : 8) * graph->degree;
	s->per_page = (int) ((PAGE_SIZE - PAGE_HEADER - PAGE_SPECIAL) / (s->tuple + 4));
	s->pages_each = 1;
	if (s->per_page == 0)
	{
		s->per_page = 1;
		s->pages_each = (int) ((s->tuple + PAGE_ROOM - 1) / PAGE_ROOM);
	}
	blocks = (uint32_t) ((data->n + s->per_page - 1) / s->per_page) * s->pages_each;

	s->aux_first = xmalloc(sizeof(int32_t) * data->n);
	for (int v = 0; v < data->n; v++)
	{
		s->aux_first[v] = lists;
		lists += graph->level[v];
	}
	s->aux_tuple = 4 * graph->m + 4;
	s->aux_codes = f.bits > 0 && f.bits * s->padded / 8 * lanes(f, graph->m) < 7800;
	if (s->aux_codes)
		s->aux_tuple = align8(4 * graph->m + 4 + (f.half_factors ? 4 : 8) * graph->m +
							  vs_rabitq_code_bytes(s->padded, f.bits) * lanes(f, graph->m));
	s->aux_per_page = (int) ((PAGE_SIZE - PAGE_HEADER - PAGE_SPECIAL) / (s->aux_tuple + 4));
	s->aux_start = blocks;
	pool_create(&s->pool, blocks + lists / s->aux_per_page + 1, s->pages_each == 1);
	s->heap_per_page = (int) ((PAGE_SIZE - PAGE_HEADER) / (sizeof(float) * data->dim + 40));
	pool_create(&s->heap, (uint32_t) (data->n / s->heap_per_page) + 1, true);
	parallel(data->n, write_vertex, s);
}

void
store_free(Store *s)
{
	pool_free(&s->pool);
	pool_free(&s->heap);
	free(s->rotation);
	free(s->rotated);
	free(s->self_error);
	free(s->aux_first);
}
