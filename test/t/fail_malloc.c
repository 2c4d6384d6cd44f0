/*
 * fail_malloc.c
 *		An allocation that gets no memory, at a place of the test's choice.
 *
 * To be preloaded with a server, where it stands before glibc's malloc(), and to be
 * loaded as a library with an SQL function:
 *
 *		fail_malloc(nth bigint) RETURNS bigint
 *
 * From now on the nth request of this session gets nothing; with 0 none does.  Returns how
 * many requests there were since the last call.
 */
#include "postgres.h"

#include <errno.h>

#include "fmgr.h"

PG_MODULE_MAGIC;

/* What glibc calls its own. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int64 requests;
static int64 failing;

static bool
fails(void)
{
	requests++;
	if (requests != failing)
		return false;
	errno = ENOMEM;
	return true;
}

void *
malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails() ? NULL : __libc_realloc(old, size);
}

PG_FUNCTION_INFO_V1(fail_malloc);
Datum
fail_malloc(PG_FUNCTION_ARGS)
{
	int64		before = requests;

	requests = 0;
	failing = PG_GETARG_INT64(0);
	PG_RETURN_INT64(before);
}
