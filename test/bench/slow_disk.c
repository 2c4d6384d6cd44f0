/*
 * slow_disk.c
 *		A disk on which the first read of each page takes SLOW_US microseconds,
 *		any number of reads at a time: to be loaded into a server.
 *
 *	cc -O2 -shared -fPIC -o slow_disk.so slow_disk.c -ldl
 *	LD_PRELOAD=$PWD/slow_disk.so SLOW_US=500 pg_ctl start ...
 *
 * A read waits until SLOW_US have gone by since the page was first asked for,
 * be it by posix_fadvise(POSIX_FADV_WILLNEED), which is PrefetchBuffer(), or by
 * the read itself.  So one sees what reading ahead gains, on a machine whose
 * disk is a file in memory.  Each process has a state of its own; only files of
 * 8 MB and more are slow.  For PostgreSQL 15 to 17: 18 has other ways to read.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE			8192
#define PLACES			(1u << 20)	/* pages that a process may read */
#define SLOW_FILE		(8 << 20)

typedef struct Place
{
	uint64_t	page;			/* 0: unused */
	uint64_t	ready;			/* nanoseconds */
} Place;

static Place places[PLACES];
static uint64_t latency;

__attribute__((constructor)) static void
init(void)
{
	const char *us = getenv("SLOW_US");

	latency = us ? strtoull(us, NULL, 10) * 1000 : 0;
}

static uint64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* When the page is there; asks for it if nobody has.  0: at once. */
static uint64_t
ask_for(int fd, off_t offset)
{
	struct stat st;
	uint64_t	page;
	uint32_t	i;

	if (latency == 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < SLOW_FILE)
		return 0;
	page = st.st_ino * 1000003u + offset / PAGE + 1;
	i = (page * 0x9E3779B97F4A7C15u) >> 44;
	while (places[i].page != 0 && places[i].page != page)
		i = (i + 1) % PLACES;
	if (places[i].page == 0)
	{
		places[i].page = page;
		places[i].ready = now() + latency;
	}
	return places[i].ready;
}

ssize_t
pread(int fd, void *buffer, size_t bytes, off_t offset)
{
	static ssize_t (*next) (int, void *, size_t, off_t);
	uint64_t	ready = bytes == PAGE ? ask_for(fd, offset) : 0;
	uint64_t	time = now();

	if (ready > time)
		nanosleep(&(struct timespec) {.tv_nsec = ready - time}, NULL);
	if (!next)
		next = dlsym(RTLD_NEXT, "pread");
	return next(fd, buffer, bytes, offset);
}

int
posix_fadvise(int fd, off_t offset, off_t bytes, int advice)
{
	static int	(*next) (int, off_t, off_t, int);

	if (advice == POSIX_FADV_WILLNEED)
		ask_for(fd, offset);
	if (!next)
		next = dlsym(RTLD_NEXT, "posix_fadvise");
	return next(fd, offset, bytes, advice);
}
