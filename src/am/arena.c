/*
 * arena.c
 *		Memory for a graph that several processes may build together; see
 *		arena.h.
 */
#include "postgres.h"
#include "compat.h"

#include <sys/statvfs.h>

#include "am/arena.h"
#include "storage/dsm_impl.h"
#include "storage/lwlock.h"
#include "utils/memutils.h"

/* Where Linux keeps POSIX shared memory. */
#define SHM_FOLDER	"/dev/shm"

static void
share(VsArena *arena, VsArenaShared *shared, uint64 limit)
{
	memset(arena, 0, sizeof(VsArena));
	arena->shared = shared;
	pg_atomic_init_u64(&shared->used, 0);
	shared->limit = limit;
}

void
vs_arena_create(VsArena *arena, VsArenaShared *shared, uint64 limit,
				MemoryContext context)
{
	share(arena, shared, limit);
	arena->context = context;
}

void
vs_arena_create_shared(VsArena *arena, VsArenaShared *shared, uint64 limit)
{
	share(arena, shared, limit);
	arena->area = dsa_create(LWTRANCHE_PARALLEL_QUERY_DSA);
	dsa_set_size_limit(arena->area, Min(limit, vs_arena_shared_room()));
	shared->handle = dsa_get_handle(arena->area);
}

void
vs_arena_attach(VsArena *arena, VsArenaShared *shared)
{
	memset(arena, 0, sizeof(VsArena));
	arena->shared = shared;
	arena->area = dsa_attach(shared->handle);
}

void
vs_arena_detach(VsArena *arena)
{
	if (arena->area)
		dsa_detach(arena->area);
	arena->area = NULL;
}

/*
 * A container often has little of it, and running out is an error that cannot
 * be caught: better to know before.
 */
uint64
vs_arena_shared_room(void)
{
	struct statvfs room;

	if (dynamic_shared_memory_type != DSM_IMPL_POSIX || statvfs(SHM_FOLDER, &room) != 0)
		return PG_UINT64_MAX;
	return (uint64) room.f_bavail * room.f_frsize;
}

bool
vs_arena_charge(VsArena *arena, Size bytes)
{
	VsArenaShared *shared = arena->shared;

	if (pg_atomic_add_fetch_u64(&shared->used, bytes) <= shared->limit)
		return true;
	pg_atomic_sub_fetch_u64(&shared->used, bytes);
	return false;
}

VsArenaPtr
vs_arena_take(VsArena *arena, Size bytes)
{
	VsArenaPtr	ptr;

	if (!vs_arena_charge(arena, bytes))
		return 0;
	if (arena->area == NULL)
		return (VsArenaPtr) (uintptr_t)
			MemoryContextAllocExtended(arena->context, bytes,
									   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	ptr = dsa_allocate_extended(arena->area, bytes,
								DSA_ALLOC_HUGE | DSA_ALLOC_NO_OOM | DSA_ALLOC_ZERO);
	if (!DsaPointerIsValid(ptr))
		pg_atomic_sub_fetch_u64(&arena->shared->used, bytes);
	return ptr;
}
