/*
 * wal.c
 *		Bytes of WAL that one edge costs, by GenericXLog's own rule.
 *
 * GenericXLog compares the page before and after: runs of changed bytes become
 * fragments with a header of 4 bytes; two runs with at most 4 equal bytes
 * between them become one.  The record itself adds 24 bytes and its block
 * reference 20.
 */
#include <stdlib.h>
#include <string.h>

#include "proto.h"

#define FRAGMENT_HEADER 4
#define RECORD (24 + 20)

static int
delta_bytes(const char *before, const char *after, size_t n)
{
	int			bytes = 0;
	size_t		i = 0;

	while (i < n)
	{
		size_t		start;
		size_t		end;

		while (i < n && before[i] == after[i])
			i++;
		if (i == n)
			break;
		start = i;
		end = i;
		for (; i < n && i - end <= FRAGMENT_HEADER; i++)
		{
			if (before[i] != after[i])
				end = i + 1;
		}
		bytes += FRAGMENT_HEADER + (int) (end - start);
	}
	return bytes;
}

/*
 * Mean bytes of a record that appends an edge to a list with free slots, and
 * of one that replaces an edge in a full list, over edges to vertices nearby.
 */
void
wal_edge(Store *s, double *append, double *replace)
{
	const Graph *g = s->graph;
	char	   *before = xmalloc(s->tuple);
	char	   *after = xmalloc(s->tuple);
	char	   *empty = xmalloc(s->tuple);
	float	   *centre = xmalloc(sizeof(float) * s->padded);
	uint64_t	random = 4711;
	int			trials = 500;

	*append = *replace = 0.0;
	for (int t = 0; t < trials; t++)
	{
		int			v = (int) (random64(&random) % g->n);
		int			slot = (int) (random64(&random) % g->degree);
		char	   *tuple = pool_page(&s->pool, store_block(s, v)) + store_offset(s, v);
		int32_t		near[8];
		int32_t		none = -1;
		int			found = graph_nearby(g, s->data, v, near, 8);

		if (found == 0)
			continue;
		memcpy(before, tuple, s->tuple);
		memcpy(after, tuple, s->tuple);
		store_self(s, v, centre);
		store_set_edge(s, after, centre, slot, near[t % found]);
		*replace += RECORD + delta_bytes(before, after, s->tuple);

		/* A free slot holds zeros, and so do its lanes in a FastScan block. */
		memcpy(empty, before, s->tuple);
		if (s->format.bits > 0)
		{
			size_t		bytes = vs_rabitq_code_bytes(s->padded, s->format.bits);
			int			factor = s->format.half_factors ? 4 : 8;

			memset(empty + s->factors_at + slot * factor, 0, factor);
			if (s->format.scan == SCAN_FAST)
			{
				for (size_t i = 0; i < bytes; i++)
					empty[s->codes_at + slot / 16 * 16 * bytes + i * 16 + slot % 16] = 0;
			}
			else
				memset(empty + s->codes_at + slot * bytes, 0, bytes);
		}
		memcpy(empty + s->ids_at + 4 * slot, &none, 4);
		*append += RECORD + delta_bytes(empty, before, s->tuple);
	}
	*append /= trials;
	*replace /= trials;
	free(before);
	free(after);
	free(empty);
	free(centre);
}
