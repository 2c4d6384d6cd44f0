/*
 * data.c
 *		Reads .fvecs and .bvecs.gz, finds the exact answers by brute force.
 */
#include <pthread.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "proto.h"

void *
xmalloc(size_t size)
{
	void	   *p = NULL;

	if (posix_memalign(&p, 64, size ? size : 64) != 0)
	{
		fprintf(stderr, "out of memory (%zu bytes)\n", size);
		exit(1);
	}
	return p;
}

uint64_t
random64(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

typedef struct Job
{
	int			n;
	int			next;
	void		(*work) (int i, void *arg);
	void	   *arg;
} Job;

static void *
run_job(void *p)
{
	Job		   *job = p;

	for (;;)
	{
		int			i = __atomic_fetch_add(&job->next, 1, __ATOMIC_RELAXED);

		if (i >= job->n)
			return NULL;
		job->work(i, job->arg);
	}
}

/* Call work(0 .. n-1), on all processors. */
void
parallel(int n, void (*work) (int i, void *arg), void *arg)
{
	int			threads = (int) sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t	id[64];
	Job			job = {n, 0, work, arg};

	threads = threads > 64 ? 64 : threads;
	for (int t = 0; t < threads; t++)
		pthread_create(&id[t], NULL, run_job, &job);
	for (int t = 0; t < threads; t++)
		pthread_join(id[t], NULL);
}

/* Rows of a file into floats; gzread reads plain files too. */
static float *
read_vectors(const char *path, bool bytes, int max, int *n, int *dim)
{
	gzFile		file = gzopen(path, "rb");
	float	   *rows = NULL;
	int			room = 0;
	int32_t		d;

	if (file == NULL)
	{
		fprintf(stderr, "cannot open %s\n", path);
		exit(1);
	}
	*n = 0;
	while (*n < max && gzread(file, &d, 4) == 4)
	{
		float	   *row;

		if (*n == room)
		{
			room = room == 0 ? 1024 : room * 2;
			rows = realloc(rows, sizeof(float) * room * d);
		}
		row = rows + (size_t) *n * d;
		if (bytes)
		{
			uint8_t		raw[4096];

			if (gzread(file, raw, d) != d)
				break;
			for (int i = 0; i < d; i++)
				row[i] = raw[i];
		}
		else if (gzread(file, row, d * 4) != d * 4)
			break;
		*dim = d;
		(*n)++;
	}
	gzclose(file);
	return rows;
}

/* Exact K-th distance of one query. */
static void
exact_kth(int q, void *arg)
{
	Data	   *data = arg;
	VsKernel	kernel = vs_kernel(VS_METRIC_L2);
	float		best[K];
	int			n = 0;

	for (int i = 0; i < data->n; i++)
	{
		float		d = kernel(data->query + (size_t) q * data->dim,
							   data->base + (size_t) i * data->dim, data->dim);
		int			at;

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
	data->kth[q] = best[K - 1];
}

/*
 * Load a set by name.  minilm384 is for cosine, so its vectors are scaled to
 * unit length: then the L2 order is the cosine order.
 */
void
data_load(Data *data, const char *folder, const char *name, int max_rows, int max_queries)
{
	char		path[1024];
	int			dim = 0;
	bool		bytes = strncmp(name, "mnist", 5) == 0 || strncmp(name, "cifar", 5) == 0;

	data->name = name;
	if (strncmp(name, "syn", 3) == 0)
		snprintf(path, sizeof(path), "%s/%s_base.fvecs", folder, name);
	else
		snprintf(path, sizeof(path), "%s/%s/base.%s", folder, name, bytes ? "bvecs.gz" : "fvecs");
	data->base = read_vectors(path, bytes, max_rows, &data->n, &dim);
	if (strncmp(name, "syn", 3) == 0)
		snprintf(path, sizeof(path), "%s/%s_query.fvecs", folder, name);
	else
		snprintf(path, sizeof(path), "%s/%s/query.%s", folder, name, bytes ? "bvecs.gz" : "fvecs");
	data->query = read_vectors(path, bytes, max_queries, &data->queries, &dim);
	data->dim = dim;
	if (strncmp(name, "minilm", 6) == 0)
	{
		for (int i = 0; i < data->n; i++)
			vs_normalize(data->base + (size_t) i * dim, data->base + (size_t) i * dim, dim);
		for (int i = 0; i < data->queries; i++)
			vs_normalize(data->query + (size_t) i * dim, data->query + (size_t) i * dim, dim);
	}
	data->kth = xmalloc(sizeof(float) * data->queries);
	parallel(data->queries, exact_kth, data);
}
