/*
 * arena.h
 *		Memory for a graph that several processes may build together.
 *
 * One process alone takes it from a memory context.  With parallel workers it
 * comes from a dynamic shared memory area, which every process maps at another
 * address: what is kept there is named by a VsArenaPtr.  Either way no more
 * than a limit is handed out, and nothing is given back before the end.
 */
#ifndef VECSTORE_ARENA_H
#define VECSTORE_ARENA_H

#include "port/atomics.h"
#include "utils/dsa.h"

/* Names memory of an arena in every process; 0 is none. */
typedef uint64 VsArenaPtr;

/* The part all processes share. */
typedef struct VsArenaShared
{
	pg_atomic_uint64 used;		/* bytes handed out */
	uint64		limit;
	dsa_handle	handle;			/* of the area, if shared */
} VsArenaShared;

/* One process's access. */
typedef struct VsArena
{
	VsArenaShared *shared;
	dsa_area   *area;			/* NULL: private memory */
	MemoryContext context;
} VsArena;

/* Set up an arena in private memory. */
extern void vs_arena_create(VsArena *arena, VsArenaShared *shared, uint64 limit,
							MemoryContext context);

/* Set up an arena in dynamic shared memory; in the process that leads. */
extern void vs_arena_create_shared(VsArena *arena, VsArenaShared *shared, uint64 limit);

/* Reach that arena from another process. */
extern void vs_arena_attach(VsArena *arena, VsArenaShared *shared);

/* Let go of it; shared memory goes when the last process lets go. */
extern void vs_arena_detach(VsArena *arena);

/* Bytes of dynamic shared memory the system has left, as far as can be told. */
extern uint64 vs_arena_shared_room(void);

/* So many bytes, aligned to MAXALIGN and zeroed; 0 if that is beyond the limit. */
extern VsArenaPtr vs_arena_take(VsArena *arena, Size bytes);

/* Count memory held elsewhere on the arena's account; false beyond the limit. */
extern bool vs_arena_charge(VsArena *arena, Size bytes);

/* Where memory lies in this process. */
static inline void *
vs_arena_address(const VsArena *arena, VsArenaPtr ptr)
{
	return arena->area ? dsa_get_address(arena->area, (dsa_pointer) ptr) :
		(void *) (uintptr_t) ptr;
}

#endif							/* VECSTORE_ARENA_H */
