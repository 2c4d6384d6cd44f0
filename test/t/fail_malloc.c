/*
 * fail_malloc.c
 *		An allocation that gets no memory, at a place of the test's choice.
 *
 * To be preloaded with a server, where it stands before glibc's malloc(), and to be
 * loaded as a library with an SQL function:
 *
 *		fail_malloc(nth bigint, of_libraries boolean) RETURNS bigint
 *
 * From now on the nth request of this session gets nothing, or the nth of those that come
 * from a library and not from the server's own program; with 0 none.  Returns how many there
 * were, or how many of these, since the last call.
 */
#define _GNU_SOURCE
#include "postgres.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/auxv.h>

#include "fmgr.h"

PG_MODULE_MAGIC;

/* What glibc calls its own. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int64 requests[2];		/* all, those of libraries */
static int64 failing[2];

/* Is an address in a library? */
static bool
is_of_library(void *address)
{
	static void *program = NULL;
	Dl_info		info;

	if (program == NULL && dladdr((void *) getauxval(AT_PHDR), &info))
		program = info.dli_fbase;
	return dladdr(address, &info) && info.dli_fbase != program;
}

static bool
fails(void *caller)
{
	bool		fail = ++requests[0] == failing[0];

	if (is_of_library(caller))
		fail = ++requests[1] == failing[1] || fail;
	if (fail)
		errno = ENOMEM;
	return fail;
}

void *
malloc(size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *old, size_t size)
{
	return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

PG_FUNCTION_INFO_V1(fail_malloc);
Datum
fail_malloc(PG_FUNCTION_ARGS)
{
	bool		of_libraries = PG_GETARG_BOOL(1);
	int64		before = requests[of_libraries];

	failing[of_libraries] = PG_GETARG_INT64(0);
	failing[!of_libraries] = 0;
	requests[0] = requests[1] = 0;
	PG_RETURN_INT64(before);
}
