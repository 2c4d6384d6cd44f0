/*
 * pool.c
 *		A buffer pool whose pin costs what PostgreSQL's costs.
 *
 * Pinning looks the block up in a hash table (its bucket is a cache miss),
 * takes and releases a partition lock, pins the buffer's descriptor (another
 * miss) and takes its content lock: real atomic operations on real memory.
 * What is missing to the measured 0.5 us of a cached page is spent in a spin.
 * Blocks lie in random buffers, so pages are cache misses as well.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto.h"

#define PARTITIONS 128

typedef struct Bucket
{
	uint32_t	block;
	uint32_t	buffer;
	uint32_t	used;
	uint32_t	pad;
} Bucket;

typedef struct PinState
{
	Bucket	   *bucket;
	uint32_t	mask;
	uint32_t   *partition;		/* 64 bytes each */
	uint32_t   *descriptor;		/* 64 bytes each: pin count, content lock */
	int			spin;
} PinState;

static uint32_t
hash(uint32_t x)
{
	x ^= x >> 16;
	x *= 0x7feb352dU;
	x ^= x >> 15;
	x *= 0x846ca68bU;
	return x ^ x >> 16;
}

void
pool_create(Pool *pool, uint32_t pages, bool scattered)
{
	PinState   *s = xmalloc(sizeof(PinState));
	uint32_t	size = 16;
	uint64_t	random = 777;

	while (size < pages * 2)
		size *= 2;
	pool->pages = pages;
	pool->memory = xmalloc((size_t) pages * PAGE_SIZE);
	memset(pool->memory, 0, (size_t) pages * PAGE_SIZE);
	pool->buffer_of = xmalloc(sizeof(uint32_t) * pages);
	pool->pins = s;
	s->bucket = xmalloc(sizeof(Bucket) * size);
	memset(s->bucket, 0, sizeof(Bucket) * size);
	s->mask = size - 1;
	s->partition = xmalloc(64 * PARTITIONS);
	memset(s->partition, 0, 64 * PARTITIONS);
	s->descriptor = xmalloc((size_t) 64 * pages);
	memset(s->descriptor, 0, (size_t) 64 * pages);
	s->spin = 0;
	for (uint32_t i = 0; i < pages; i++)
		pool->buffer_of[i] = i;
	for (uint32_t i = pages; i > 1 && scattered; i--)
	{
		uint32_t	j = random64(&random) % i;
		uint32_t	t = pool->buffer_of[i - 1];

		pool->buffer_of[i - 1] = pool->buffer_of[j];
		pool->buffer_of[j] = t;
	}
	for (uint32_t i = 0; i < pages; i++)
	{
		uint32_t	at = hash(i) & s->mask;

		while (s->bucket[at].used)
			at = (at + 1) & s->mask;
		s->bucket[at] = (Bucket) {i, pool->buffer_of[i], 1, 0};
	}
}

void
pool_free(Pool *pool)
{
	free(pool->pins->bucket);
	free(pool->pins->partition);
	free(pool->pins->descriptor);
	free(pool->pins);
	free(pool->memory);
	free(pool->buffer_of);
}

/* A page without pinning it: to fill the pool. */
char *
pool_page(const Pool *pool, uint32_t block)
{
	return pool->memory + (size_t) pool->buffer_of[block] * PAGE_SIZE;
}

static uint32_t
lookup(const PinState *s, uint32_t block)
{
	uint32_t	at = hash(block) & s->mask;

	while (s->bucket[at].block != block || !s->bucket[at].used)
		at = (at + 1) & s->mask;
	return s->bucket[at].buffer;
}

/* Pin and share-lock a page. */
char *
pool_pin(Pool *pool, uint32_t block)
{
	PinState   *s = pool->pins;
	uint32_t   *partition = s->partition + 16 * (hash(block) % PARTITIONS);
	uint32_t   *descriptor;
	uint32_t	buffer;
	uint32_t	state;

	__atomic_fetch_add(partition, 1, __ATOMIC_ACQ_REL);
	buffer = lookup(s, block);
	descriptor = s->descriptor + (size_t) 16 * buffer;
	state = __atomic_load_n(descriptor, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(descriptor, &state, state + 1, false, __ATOMIC_ACQ_REL,
										__ATOMIC_RELAXED))
		;
	__atomic_fetch_sub(partition, 1, __ATOMIC_ACQ_REL);
	__atomic_fetch_add(descriptor + 1, 1, __ATOMIC_ACQ_REL);
	for (int i = 0; i < s->spin; i++)
		__asm__ volatile("" : : : "memory");
	return pool->memory + (size_t) buffer * PAGE_SIZE;
}

/* Unlock and release a page.  The backend knows the buffer by then. */
void
pool_unpin(Pool *pool, uint32_t block)
{
	uint32_t   *descriptor = pool->pins->descriptor + (size_t) 16 * pool->buffer_of[block];

	__atomic_fetch_sub(descriptor + 1, 1, __ATOMIC_ACQ_REL);
	__atomic_fetch_sub(descriptor, 1, __ATOMIC_ACQ_REL);
}

static double
cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/* Mean cost of pinning random pages, us: the best of several tries. */
static double
pin_cost(Pool *pool)
{
	double		best = 1e9;
	uint64_t	random = 99;

	for (int pass = 0; pass < 7; pass++)
	{
		double		start = cpu_now();

		for (int i = 0; i < 100000; i++)
		{
			uint32_t	block = random64(&random) % pool->pages;

			(void) pool_pin(pool, block);
			pool_unpin(pool, block);
		}
		start = (cpu_now() - start) / 100000 * 1e6;
		best = start < best ? start : best;
	}
	return best;
}

/* Set the spin so that a pin of a random page costs target_us; returns the cost before. */
double
pool_calibrate(Pool *pool, double target_us)
{
	PinState   *s = pool->pins;
	double		bare;
	double		with;

	s->spin = 0;
	bare = pin_cost(pool);
	s->spin = 400;
	with = pin_cost(pool);
	s->spin = target_us > bare && with > bare ? (int) (400 * (target_us - bare) / (with - bare)) : 0;
	return bare;
}
