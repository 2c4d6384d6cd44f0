/*
 * memgraph.c
 *		The graph in memory while an index is built.
 *
 * See memgraph.h; the algorithms are graph.c's.
 *
 * Several processes insert at once.  A vertex is complete before any list
 * names it, and lists change under its spinlock, so whoever comes upon an id
 * finds the vertex behind it; a search reads ids even without that lock.  Vectors
 * never change and need no lock; one that lies on a page is read under a pin
 * alone, which keeps the page where it is: nobody but the build knows the relation
 * yet, and no build moves a slot.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "am/memgraph.h"
#include "am/recent.h"
#include "miscadmin.h"

/* Cache lines of a vector to ask for before it is read. */
#define PREFETCH_LINES	16

/*
 * Vectors on pages that are pinned at once, while they are priced or given out:
 * a whole list, since a pin is an atomic operation, behind which memory does
 * not work ahead.
 */
#define MAX_PINS		32

/* Chunks are of about so many bytes: a share of the memory, within bounds. */
#define CHUNK_SHARE		64
#define MIN_CHUNK_BYTES	((Size) 16 * 1024)
#define MAX_CHUNK_BYTES	((Size) 512 * 1024)

/* log2 of the ranks that are remembered of one search. */
#define KNOWN_BITS		12

/* Bits a coordinate of a sketch, and where a vector is so long that sketches pay. */
#define SKETCH_BITS		1
#define SKETCH_DIMS		320

#define LINE_BYTES		64

/* Vertices that a process takes at a time, to count or to shrink. */
#define VERTICES_AT_ONCE	64

/* ---- where things are ---- */

/*
 * Coordinates that a sketch is of: all, unless only its last bytes would lie on one more
 * cache line, as at 1,024 and 1,536.
 */
static int
sketch_dims(const VsIndex *index)
{
	Size		code = vs_rabitq_code_bytes(index->padded, SKETCH_BITS);
	Size		past = (offsetof(VsSketch, code) + code) % LINE_BYTES;

	if (past == 0 || past > offsetof(VsSketch, code))
		return index->padded;
	return index->padded - 8 * past / SKETCH_BITS;
}

static Size
sketch_code_bytes(const VsIndex *index)
{
	return vs_rabitq_code_bytes(sketch_dims(index), SKETCH_BITS);
}

static Size
list_bytes(const VsIndex *index, int level)
{
	return offsetof(VsMemList, ids) +
		MAXALIGN(VsLinksRoom(index, level) * (sizeof(VsId) + sizeof(float) + sizeof(uint8)));
}

static inline float *
list_ranks(const VsMemList *list, int room)
{
	return (float *) (list->ids + room);
}

static inline uint8 *
list_covers(const VsMemList *list, int room)
{
	return (uint8 *) (list_ranks(list, room) + room);
}

static Size
vertex_record_bytes(const VsIndex *index)
{
	return MAXALIGN(offsetof(VsMemVertex, bottom) + list_bytes(index, 0));
}

static Size
chunk_bytes(uint64 limit)
{
	return Min(Max(limit / CHUNK_SHARE, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
}

/* log2 of how many items of a size a chunk holds. */
static int
chunk_bits(uint64 limit, Size item)
{
	int			bits = 0;

	while ((item << (bits + 1)) <= chunk_bytes(limit))
		bits++;
	return bits;
}

static uint32
chunks_of(const VsIndex *index, uint64 limit)
{
	Size		vertices = vertex_record_bytes(index);
	Size		vectors = vs_memgraph_vector_bytes(index);
	Size		sketches = vs_memgraph_sketch_bytes(index);
	uint64		least = Min(vertices << chunk_bits(limit, vertices),
							vectors << chunk_bits(limit, vectors));

	if (sketches > 0)
		least = Min(least, sketches << chunk_bits(limit, sketches));
	return limit / least + 1;
}

/* The chunk of a directory in this process, looked up when first used. */
static inline char *
chunk(VsMemGraph *graph, char **mine, const VsArenaPtr *directory, uint32 number)
{
	if (unlikely(mine[number] == NULL))
		mine[number] = vs_arena_address(graph->arena, directory[number]);
	return mine[number];
}

VsMemVertex *
vs_memgraph_vertex(VsMemGraph *graph, VsId id)
{
	char	   *base = chunk(graph, graph->vertices, graph->shared->chunks,
							 id >> graph->vertex_bits);

	return (VsMemVertex *)
		(base + (id & ((1u << graph->vertex_bits) - 1)) * graph->vertex_bytes);
}

const void *
vs_memgraph_vector(VsMemGraph *graph, VsId id)
{
	char	   *base;

	if (id >= graph->shared->nvectors)
		return NULL;
	base = chunk(graph, graph->vectors,
				 graph->shared->chunks + graph->shared->max_chunks,
				 id >> graph->vector_bits);
	return base + (id & ((1u << graph->vector_bits) - 1)) *
		vs_memgraph_vector_bytes(&graph->graph.index);
}

static VsSketch *
sketch_of(VsMemGraph *graph, VsId id)
{
	char	   *base = chunk(graph, graph->sketches,
							 graph->shared->chunks + 2 * graph->shared->max_chunks,
							 id >> graph->sketch_bits);

	return (VsSketch *) (base + (id & ((1u << graph->sketch_bits) - 1)) * graph->sketch_bytes);
}

/* The list of a vertex at one of its levels. */
static VsMemList *
list_of(VsMemGraph *graph, VsMemVertex *vertex, int level)
{
	char	   *upper;

	if (level == 0)
		return &vertex->bottom;
	upper = vs_arena_address(graph->arena, vertex->upper);
	return (VsMemList *) (upper + (level - 1) * MAXALIGN(list_bytes(&graph->graph.index, level)));
}

const ItemPointerData *
vs_memgraph_tids(VsMemGraph *graph, VsMemVertex *vertex)
{
	return vertex->tids ? vs_arena_address(graph->arena, vertex->tids) : &vertex->tid;
}

/* ---- vectors on pages ---- */

/*
 * A process takes so many blocks that nobody has begun, and adds as many to the relation.
 * Most of the work is to find buffers, which several do side by side.
 */
void
vs_memgraph_extend(VsMemGraph *graph, BlockNumber nblocks)
{
	VsMemShared *shared = graph->shared;
	uint32		begun = pg_atomic_read_u32(&shared->begun);

	while (begun < nblocks)
	{
		uint32		n = Min(nblocks - begun, VS_EXTEND_AT_ONCE);

		CHECK_FOR_INTERRUPTS();
		if (!pg_atomic_compare_exchange_u32(&shared->begun, &begun, begun + n))
			continue;
		while (n > 0)
		{
			int			added = vs_extend_by(graph->rel, n);

			pg_atomic_fetch_add_u32(&shared->nblocks, added);
			n -= added;
		}
		begun = pg_atomic_read_u32(&shared->begun);
	}
}

/* See to it that the relation has a block while the graph still grows. */
static void
need_block(VsMemGraph *graph, BlockNumber block)
{
	VsMemShared *shared = graph->shared;

	if (block < pg_atomic_read_u32(&shared->nblocks))
		return;
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	vs_memgraph_extend(graph, block + 1);
	Assert(RelationGetNumberOfBlocks(graph->rel) == pg_atomic_read_u32(&shared->nblocks));
	LWLockRelease(&shared->lock);
}

/*
 * All slots are laid out at once: vertices come in any order.
 */
Buffer
vs_memgraph_head(VsMemGraph *graph, BlockNumber block)
{
	const VsIndex *index = &graph->graph.index;
	Buffer		buffer;
	Page		page;

	need_block(graph, block);
	buffer = ReadBuffer(graph->rel, block);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	page = BufferGetPage(buffer);
	if (PageIsNew(page))
	{
		VsVertex   *empty = palloc0(index->vertex_size);

		empty->format = VS_FORMAT_VERSION;
		empty->flags = VS_FREE;
		ItemPointerSetInvalid(&empty->upper);
		ItemPointerSetInvalid(&empty->overflow);
		vs_page_init(page, VS_PAGE_HEAD);
		for (int slot = 1; slot <= index->slots_per_page; slot++)
			vs_slot_take(page, index, slot, empty);
		pfree(empty);
	}
	MarkBufferDirty(buffer);
	return buffer;
}

static BlockNumber
block_of(const VsIndex *index, VsId id)
{
	return 1 + id / index->slots_per_page;
}

static VsVertex *
slot_of(const VsIndex *index, Buffer buffer, VsId id)
{
	return vs_page_vertex(BufferGetPage(buffer), 1 + id % index->slots_per_page);
}

/* Put a vector into its slot. */
static void
put_on_page(VsMemGraph *graph, VsId id, const void *vector)
{
	const VsIndex *index = &graph->graph.index;
	Buffer		buffer = vs_memgraph_head(graph, block_of(index, id));

	memcpy(VsVertexVector(index, slot_of(index, buffer, id)), vector, index->vector_size);
	UnlockReleaseBuffer(buffer);
}

/* Pin the page of a vector. */
static Buffer
pin_vector(VsMemGraph *graph, VsId id)
{
	return vs_recent_read(graph->rel, block_of(&graph->graph.index, id));
}

/* All slots of a page were laid out in order, so the place is known. */
static const void *
pinned_vector(VsMemGraph *graph, Buffer buffer, VsId id)
{
	const VsIndex *index = &graph->graph.index;
	char	   *slot = (char *) BufferGetPage(buffer) +
		VsSlotPlace(index, 1 + id % index->slots_per_page);

	Assert(slot == (char *) slot_of(index, buffer, id));
	return VsVertexVector(index, slot);
}

/*
 * Ask memory for a vector.  Behind its first lines the processor sees the
 * others coming.
 */
static void
prefetch_vector(VsMemGraph *graph, VsId id)
{
	const VsIndex *index = &graph->graph.index;
	const char *vector = (const char *) vs_memgraph_vector(graph, id);

	if (vector)
		for (int line = 0; line < PREFETCH_LINES && line * 64 < index->vector_size; line++)
			vs_prefetch(vector + 64 * line);
	else
		vs_recent_prefetch(graph->rel, block_of(index, id), false,
						   VsSlotPlace(index, 1 + id % index->slots_per_page) + index->vector_offset,
						   index->vector_size);
}

/* ---- what graph.c asks for ---- */

/* A list as it was at one moment. */
typedef struct ListCopy
{
	int			n;
	VsId		ids[2 * VS_MAX_M];
	float		ranks[2 * VS_MAX_M];
	uint8		covers[2 * VS_MAX_M];
} ListCopy;

static void
copy_list(VsMemGraph *graph, VsMemVertex *vertex, int level, ListCopy *copy)
{
	int			room = VsLinksRoom(&graph->graph.index, level);
	VsMemList  *list = list_of(graph, vertex, level);

	SpinLockAcquire(&vertex->lock);
	copy->n = list->n;
	memcpy(copy->ids, list->ids, list->n * sizeof(VsId));
	memcpy(copy->ranks, list_ranks(list, room), list->n * sizeof(float));
	memcpy(copy->covers, list_covers(list, room), list->n);
	SpinLockRelease(&vertex->lock);
}

static int
mem_neighbours(VsGraph *base, VsId id, int level, VsCandidate *out)
{
	VsMemGraph *graph = (VsMemGraph *) base;
	VsMemVertex *vertex = vs_memgraph_vertex(graph, id);
	ListCopy	copy;

	if (level > vertex->level)
		return 0;
	copy_list(graph, vertex, level, &copy);
	for (int i = 0; i < copy.n; i++)
		out[i] = (VsCandidate) {
			.id = copy.ids[i],.rank = copy.ranks[i],.cover = copy.covers[i]
		};
	return copy.n;
}

/*
 * A search asks for nothing else, a dozen times as often.  It does without the lock: taking
 * that would keep memory from working ahead, and the line from other processors.  While
 * somebody changes the list an id may be missed or read twice, which is all the same to a
 * search.  Barriers see to it that whoever reads an id sees the vertex, and all that was
 * written before it: who writes one puts a barrier before it, and one before it counts.
 */
static int
mem_neighbour_ids(VsGraph *base, VsId id, int level, VsId *out)
{
	VsMemGraph *graph = (VsMemGraph *) base;
	VsMemVertex *vertex = vs_memgraph_vertex(graph, id);
	VsMemList  *list;
	int			n;

	if (level > vertex->level)
		return 0;
	list = list_of(graph, vertex, level);
	n = *(volatile int32 *) &list->n;
	pg_read_barrier();
	memcpy(out, list->ids, n * sizeof(VsId));
	pg_read_barrier();
	return n;
}

static const void *mem_vector(VsGraph *base, VsId id);

static void
mem_begin(VsGraph *base, const void *vector)
{
	VsMemGraph *graph = (VsMemGraph *) base;

	graph->begun = vector;
	graph->nbegun++;
	if (graph->shared->sketched)
	{
		vs_rabitq_query_init_bytes(graph->sketch_query, SKETCH_BITS, sketch_dims(&base->index), vector);
		graph->origin_rank = vs_graph_rank(base, vector, graph->origin);
	}
}

/* The place of a rank in the cache; others may share it. */
static inline VsKnownRank *
known_place(VsMemGraph *graph, VsId id)
{
	return &graph->known[(id * 0x9E3779B1u) >> (32 - KNOWN_BITS)];
}

static inline void
note_rank(VsMemGraph *graph, VsId id, float rank)
{
	*known_place(graph, id) = (VsKnownRank) {
		.id = id,.vector = graph->nbegun,.rank = rank
	};
}

/*
 * The rank of a vertex against the vector at hand, or what its sketch says of it.  The
 * search has computed most of those that linking asks for: neighbours of its neighbours.
 */
static float
rank_of(VsMemGraph *graph, VsId id)
{
	const VsKnownRank *known = known_place(graph, id);
	const VsSketch *sketch;
	float		rank;

	if (known->id == id && known->vector == graph->nbegun)
		return known->rank;
	if (!graph->shared->sketched)
		return vs_graph_rank(&graph->graph, graph->begun, mem_vector(&graph->graph, id));
	sketch = sketch_of(graph, id);
	vs_rabitq_estimate_each(graph->sketch_query, graph->origin_rank, &sketch->factors,
							sketch->code, 1, &rank);
	return rank;
}

/* Price at most max_pins vertices. */
static void
price_some(VsMemGraph *graph, const void *query, VsCandidate *cands, int n)
{
	const void *vectors[MAX_PINS];
	Buffer		pins[MAX_PINS];

	for (int i = 0; i < n; i++)
	{
		vectors[i] = vs_memgraph_vector(graph, cands[i].id);
		pins[i] = vectors[i] ? InvalidBuffer : pin_vector(graph, cands[i].id);
	}
	for (int i = 0; i < n; i++)
	{
		if (vectors[i] == NULL)
			vectors[i] = pinned_vector(graph, pins[i], cands[i].id);
		cands[i].rank = vs_graph_rank(&graph->graph, query, vectors[i]);
		if (query == graph->begun)
			note_rank(graph, cands[i].id, cands[i].rank);
		if (BufferIsValid(pins[i]))
			ReleaseBuffer(pins[i]);
	}
}

static void
mem_expect(VsGraph *base, VsId id)
{
	prefetch_vector((VsMemGraph *) base, id);
}

/*
 * Vectors are all over memory: let it fetch them side by side.
 */
static int
mem_price(VsGraph *base, const void *query, VsCandidate *cands, int n)
{
	VsMemGraph *graph = (VsMemGraph *) base;

	for (int i = 0; i < n; i++)
		prefetch_vector(graph, cands[i].id);
	for (int i = 0; i < n; i += graph->max_pins)
		price_some(graph, query, cands + i, Min(n - i, graph->max_pins));
	return n;
}

/*
 * Sketches are all over memory: it fetches them while the vertex is priced.
 */
static void
mem_estimate(VsGraph *base, VsCandidate *vertex, VsCandidate *others, int n)
{
	VsMemGraph *graph = (VsMemGraph *) base;
	Size		bytes = sketch_code_bytes(&base->index);

	for (int i = 0; i < n; i++)
		for (Size line = 0; line < graph->sketch_bytes; line += LINE_BYTES)
			vs_prefetch((const char *) sketch_of(graph, others[i].id) + line);
	price_some(graph, graph->begun, vertex, 1);
	for (int i = 0; i < n; i++)
	{
		const VsSketch *sketch = sketch_of(graph, others[i].id);

		graph->factors[i] = sketch->factors;
		memcpy(graph->codes + i * bytes, sketch->code, bytes);
	}
	vs_rabitq_estimate_each(graph->sketch_query, graph->origin_rank, graph->factors, graph->codes,
							n, graph->estimates);
	for (int i = 0; i < n; i++)
	{
		others[i].rank = graph->estimates[i];
		note_rank(graph, others[i].id, others[i].rank);
	}
}

/*
 * A vector on a page stays pinned until mem_forget(); beyond a number of pins
 * it is copied until then.
 */
static const void *
mem_vector(VsGraph *base, VsId id)
{
	VsMemGraph *graph = (VsMemGraph *) base;
	const void *vector = vs_memgraph_vector(graph, id);
	void	   *copy;
	Buffer		buffer;

	if (vector)
		return vector;
	buffer = pin_vector(graph, id);
	vector = pinned_vector(graph, buffer, id);
	if (graph->nheld < graph->max_pins)
	{
		graph->held[graph->nheld++] = buffer;
		return vector;
	}
	copy = MemoryContextAlloc(graph->copies, base->index.vector_size);
	memcpy(copy, vector, base->index.vector_size);
	ReleaseBuffer(buffer);
	return copy;
}

static void
mem_forget(VsGraph *base)
{
	VsMemGraph *graph = (VsMemGraph *) base;

	while (graph->nheld > 0)
		ReleaseBuffer(graph->held[--graph->nheld]);
	MemoryContextReset(graph->copies);
}

static bool
list_is(const VsMemList *list, const VsCandidate *old, int nold)
{
	if (list->n != nold)
		return false;
	for (int i = 0; i < nold; i++)
		if (list->ids[i] != old[i].id)
			return false;
	return true;
}

static bool
mem_replace(VsGraph *base, const VsCandidate *vertex, int level,
			const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	VsMemGraph *graph = (VsMemGraph *) base;
	VsMemVertex *there = vs_memgraph_vertex(graph, vertex->id);
	VsMemList  *list = list_of(graph, there, level);
	int			room = VsLinksRoom(&base->index, level);
	bool		same;

	SpinLockAcquire(&there->lock);
	same = list_is(list, old, nold);
	if (same)
	{
		pg_write_barrier();
		for (int i = 0; i < nnew; i++)
		{
			list->ids[i] = new[i].id;
			list_ranks(list, room)[i] = new[i].rank;
			list_covers(list, room)[i] = new[i].cover;
		}
		pg_write_barrier();
		list->n = nnew;
	}
	SpinLockRelease(&there->lock);
	return same;
}

/* Ask memory for the list of a vertex. */
static void
mem_approach(VsGraph *base, VsId id, int level)
{
	VsMemGraph *graph = (VsMemGraph *) base;
	const char *vertex = (const char *) vs_memgraph_vertex(graph, id);

	for (Size i = 0; level == 0 && i < graph->vertex_bytes; i += 64)
		vs_prefetch(vertex + i);
}

/* Put a member at the end of a list that is not full; false if it is. */
static bool
append_member(VsMemGraph *graph, VsMemVertex *vertex, VsMemList *list, int level,
			  VsCandidate added, bool *there)
{
	const VsIndex *index = &graph->graph.index;
	int			room = VsLinksRoom(index, level);
	bool		appended = false;

	SpinLockAcquire(&vertex->lock);
	for (int i = 0; i < list->n && !*there; i++)
		*there = list->ids[i] == added.id;
	if (!*there && list->n < VsDegree(index, level))
	{
		list_ranks(list, room)[list->n] = added.rank;
		list_covers(list, room)[list->n] = VS_COVER_UNKNOWN;
		pg_write_barrier();
		list->ids[list->n] = added.id;
		pg_write_barrier();
		list->n++;
		appended = true;
	}
	SpinLockRelease(&vertex->lock);
	return appended;
}

/*
 * What one more member of a full list has to be compared with: those that nobody
 * covers, until it is covered itself.
 */
static void
compare_with_added(VsMemGraph *graph, const VsId *ids, VsMember *members, int n, VsCandidate added)
{
	bool		covered = false;

	for (int nearer = 1; nearer >= 0 && !covered; nearer--)
		for (int i = 0; i < n && !covered; i++)
		{
			if (members[i].covered || (members[i].rank < added.rank) != nearer)
				continue;
			members[i].to_added = rank_of(graph, ids[i]);
			covered = nearer && members[i].to_added < added.rank;
		}
}

/* Replace a member of a list, if the list is as it was, and note all covers. */
static bool
replace_member(VsMemVertex *vertex, VsMemList *list, int room, const ListCopy *old,
			   const VsMember *members, int gone, VsCandidate added, bool covered)
{
	bool		same;

	SpinLockAcquire(&vertex->lock);
	same = list->n == old->n && memcmp(list->ids, old->ids, old->n * sizeof(VsId)) == 0;
	if (same)
	{
		for (int i = 0; i < old->n; i++)
			list_covers(list, room)[i] = members[i].covered ? VS_COVERED : VS_UNCOVERED;
		pg_write_barrier();
		list->ids[gone] = added.id;
		list_ranks(list, room)[gone] = added.rank;
		list_covers(list, room)[gone] = covered ? VS_COVERED : VS_UNCOVERED;
	}
	SpinLockRelease(&vertex->lock);
	return same;
}

/*
 * A list whose members' cover is known is shrunk without sorting it; the first
 * time, graph.c finds out about all of them.
 */
static bool
mem_link(VsGraph *base, const VsCandidate *vertex, int level, VsCandidate added,
		 bool forced, VsId *gone)
{
	VsMemGraph *graph = (VsMemGraph *) base;
	VsMemVertex *there = vs_memgraph_vertex(graph, vertex->id);
	VsMemList  *list = list_of(graph, there, level);
	ListCopy	old;
	VsMember	members[2 * VS_MAX_M];
	bool		linked = false;

	*gone = VS_INVALID_ID;
	if (append_member(graph, there, list, level, added, &linked) || linked)
		return true;
	while (!linked)
	{
		VsMember	one = {.rank = forced ? -INFINITY : added.rank};
		int			unknown = 0;
		int			place;

		copy_list(graph, there, level, &old);
		for (int i = 0; i < old.n; i++)
		{
			members[i].rank = old.ranks[i];
			members[i].to_added = INFINITY;
			members[i].covered = old.covers[i] == VS_COVERED;
			unknown += old.covers[i] == VS_COVER_UNKNOWN;
		}
		if (unknown > 0)
		{
			linked = vs_graph_link_list(base, vertex, level, added, forced, gone);
			break;
		}
		compare_with_added(graph, old.ids, members, old.n, added);
		place = vs_choose_gone(members, old.n, &one);
		if (place == old.n)
			break;
		*gone = old.ids[place];
		linked = replace_member(there, list, VsLinksRoom(&base->index, level), &old, members, place,
								added, one.covered);
	}
	mem_forget(base);
	return linked;
}

/* ---- setting up ---- */

Size
vs_memgraph_vector_bytes(const VsIndex *index)
{
	return MAXALIGN(index->vector_size);
}

Size
vs_memgraph_sketch_bytes(const VsIndex *index)
{
	if (index->bits == 0 || index->padded < SKETCH_DIMS)
		return 0;
	return TYPEALIGN(LINE_BYTES, offsetof(VsSketch, code) + sketch_code_bytes(index));
}

Size
vs_memgraph_link_bytes(const VsIndex *index)
{
	/* Upper levels add 1/(m-1) of a list on average. */
	return vertex_record_bytes(index) + list_bytes(index, 1) / (index->m - 1);
}

Size
vs_memgraph_shared_bytes(const VsIndex *index, uint64 limit)
{
	return offsetof(VsMemShared, chunks) + VS_MEM_DIRECTORIES * chunks_of(index, limit) * sizeof(VsArenaPtr);
}

void
vs_memgraph_share(VsMemShared *shared, const VsIndex *index, uint64 limit, int64 nvectors,
				  bool sketched)
{
	memset(shared, 0, vs_memgraph_shared_bytes(index, limit));
	LWLockInitialize(&shared->lock, LWTRANCHE_PARALLEL_QUERY_DSA);
	SpinLockInit(&shared->entry_lock);
	pg_atomic_init_u32(&shared->begun, VS_META_BLOCK + 1);
	pg_atomic_init_u32(&shared->nblocks, VS_META_BLOCK + 1);
	pg_atomic_init_u64(&shared->next_count, 0);
	pg_atomic_init_u64(&shared->next_shrink, 0);
	shared->nvectors = nvectors;
	shared->sketched = sketched;
	shared->entry = VS_INVALID_ID;
	shared->max_chunks = chunks_of(index, limit);
}

static void
init_sketches(VsMemGraph *graph, MemoryContext context)
{
	const VsIndex *index = &graph->graph.index;
	int			max = VsDegree(index, 0);

	graph->graph.estimate = mem_estimate;
	graph->sketch_bytes = vs_memgraph_sketch_bytes(index);
	graph->sketch_bits = chunk_bits(graph->shared->arena.limit, graph->sketch_bytes);
	graph->sketches = MemoryContextAllocExtended(context,
												 graph->shared->max_chunks * sizeof(char *),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	graph->origin = MemoryContextAllocZero(context, vs_bytes_size(index->padded));
	graph->sketch_query = MemoryContextAlloc(context,
											 vs_rabitq_query_size(SKETCH_BITS, sketch_dims(index)));
	graph->factors = MemoryContextAlloc(context, max * sizeof(VsRabitqFactors));
	graph->codes = MemoryContextAlloc(context, max * sketch_code_bytes(index));
	graph->estimates = MemoryContextAlloc(context, max * sizeof(float));
}

void
vs_memgraph_init(VsMemGraph *graph, VsMemShared *shared, VsArena *arena,
				 const VsIndex *index, Relation rel, MemoryContext context)
{
	uint64		limit = shared->arena.limit;

	memset(graph, 0, sizeof(VsMemGraph));
	graph->graph.index = *index;
	graph->graph.index.degree = VsLinksRoom(index, 0);
	graph->degree = index->degree;
	graph->graph.kernel = vs_kernel(vs_graph_metric(index));
	graph->graph.bytes_kernel = index->bits > 0 ? vs_bytes_kernel(VS_RANK_L2) : NULL;
	graph->graph.connected_later = true;
	graph->graph.begin = mem_begin;
	graph->graph.neighbours = mem_neighbours;
	graph->graph.neighbour_ids = mem_neighbour_ids;
	graph->graph.price = mem_price;
	graph->graph.approach = mem_approach;
	graph->graph.expect = mem_expect;
	graph->graph.vector = mem_vector;
	graph->graph.replace = mem_replace;
	graph->graph.link = mem_link;
	graph->graph.forget = mem_forget;
	graph->shared = shared;
	graph->arena = arena;
	graph->rel = rel;
	graph->vertex_bytes = vertex_record_bytes(index);
	graph->vertex_bits = chunk_bits(limit, graph->vertex_bytes);
	graph->vector_bits = chunk_bits(limit, vs_memgraph_vector_bytes(index));
	graph->vertices = MemoryContextAllocExtended(context, shared->max_chunks * sizeof(char *),
												 MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	graph->vectors = MemoryContextAllocExtended(context, shared->max_chunks * sizeof(char *),
												MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	if (shared->sketched)
		init_sketches(graph, context);
	graph->known = MemoryContextAllocZero(context, sizeof(VsKnownRank) << KNOWN_BITS);
	graph->held = MemoryContextAlloc(context, MAX_PINS * sizeof(Buffer));
	graph->copies = AllocSetContextCreate(context, "vecstore build vectors", ALLOCSET_DEFAULT_SIZES);

	/* All processes of the build together may pin a small share of the buffers. */
	graph->max_pins = Min(MAX_PINS, NBuffers / (16 * (1 + max_parallel_maintenance_workers)));
	graph->max_pins = Max(graph->max_pins, 1);
}

/* ---- inserting ---- */

/*
 * Memory for the life of the graph, in small pieces; 0 if there is no more.
 */
static VsArenaPtr
take_memory(VsMemGraph *graph, Size bytes)
{
	VsArenaPtr	ptr;

	bytes = MAXALIGN(bytes);
	if (bytes > graph->room_left)
	{
		Size		block = Max(bytes, chunk_bytes(graph->shared->arena.limit) / 8);

		ptr = vs_arena_take(graph->arena, block);
		if (ptr == 0)
			return 0;
		graph->room_ptr = ptr;
		graph->room_left = block;
	}
	ptr = graph->room_ptr;
	graph->room_ptr += bytes;
	graph->room_left -= bytes;
	return ptr;
}

/*
 * Give a vertex one more heap TID; false if memory has run out.  Taking, mapping
 * and copying memory can take long: not under the spinlock.
 */
static bool
add_tid(VsMemGraph *graph, VsMemVertex *vertex, const ItemPointerData *tid)
{
	for (;;)
	{
		VsArenaPtr	where;
		VsArenaPtr	larger;
		ItemPointerData *tids;
		ItemPointerData *more;
		int			size;
		int			n;
		bool		done;

		SpinLockAcquire(&vertex->lock);
		where = vertex->tids;
		size = vertex->tids_size;
		SpinLockRelease(&vertex->lock);
		tids = where ? vs_arena_address(graph->arena, where) : &vertex->tid;
		SpinLockAcquire(&vertex->lock);
		done = vertex->tids == where && vertex->ntids < size;
		if (done)
			tids[vertex->ntids++] = *tid;
		SpinLockRelease(&vertex->lock);
		if (done)
			return true;

		/* A full array does not change any more. */
		n = Max(size, 1);
		larger = take_memory(graph, Max(2 * n, 4) * sizeof(ItemPointerData));
		if (larger == 0)
			return false;
		more = vs_arena_address(graph->arena, larger);
		memcpy(more, tids, n * sizeof(ItemPointerData));
		SpinLockAcquire(&vertex->lock);
		if (vertex->tids == where && vertex->ntids == n)	/* else someone was faster */
		{
			vertex->tids = larger;
			vertex->tids_size = Max(2 * n, 4);
		}
		SpinLockRelease(&vertex->lock);
	}
}

/*
 * See to it that there is room for vertex n and, unless vectors go to pages by
 * now, for its vector.  Memory that is short goes to links first.  The caller
 * has the lock.
 */
static bool
make_room(VsMemGraph *graph, int64 n)
{
	VsMemShared *shared = graph->shared;
	const VsIndex *index = &graph->graph.index;
	VsArenaPtr *chunks = shared->chunks;
	VsArenaPtr *vectors = shared->chunks + shared->max_chunks;
	VsArenaPtr *sketches = vectors + shared->max_chunks;
	int64		number = n >> graph->vertex_bits;

	/* Inserts on pages will say that ids cannot name so many. */
	if (1 + n / index->slots_per_page >= VS_INVALID_ID >> index->slot_bits)
		return false;
	Assert(number < shared->max_chunks);
	if (chunks[number] == 0)
		chunks[number] = vs_arena_take(graph->arena,
									   graph->vertex_bytes << graph->vertex_bits);
	if (chunks[number] == 0)
		return false;
	if (shared->sketched)
	{
		number = n >> graph->sketch_bits;
		if (sketches[number] == 0)
			sketches[number] = vs_arena_take(graph->arena,
											 graph->sketch_bytes << graph->sketch_bits);
		if (sketches[number] == 0)
			return false;
	}
	number = n >> graph->vector_bits;
	Assert(n >= shared->nvectors || number < shared->max_chunks);
	if (n >= shared->nvectors || vectors[number] != 0)
		return true;
	vectors[number] = vs_arena_take(graph->arena,
									vs_memgraph_vector_bytes(index) << graph->vector_bits);
	if (vectors[number] != 0)
		return true;
	if (index->ntails > 0)
		return false;			/* has no place on pages yet */
	shared->nvectors = n;
	return true;
}

/*
 * A new vertex without links; VS_INVALID_ID if memory has run out.
 */
static VsId
new_vertex(VsMemGraph *graph, const void *vector, int level, const ItemPointerData *tid)
{
	VsMemShared *shared = graph->shared;
	const VsIndex *index = &graph->graph.index;
	VsArenaPtr	upper = 0;
	VsMemVertex *vertex;
	void	   *place;
	VsId		id;

	if (level > 0)
	{
		upper = take_memory(graph, level * MAXALIGN(list_bytes(index, 1)));
		if (upper == 0)
			return VS_INVALID_ID;
	}
	LWLockAcquire(&shared->lock, LW_EXCLUSIVE);
	id = shared->n;
	if (!make_room(graph, id))
		id = VS_INVALID_ID;
	else
		shared->n++;
	LWLockRelease(&shared->lock);
	if (id == VS_INVALID_ID)
		return id;

	vertex = vs_memgraph_vertex(graph, id);
	SpinLockInit(&vertex->lock);
	pg_atomic_init_u32(&vertex->named, 0);
	vertex->level = level;
	vertex->ntids = 1;
	vertex->tid = *tid;
	vertex->upper = upper;
	ItemPointerSetInvalid(&vertex->upper_place);
	ItemPointerSetInvalid(&vertex->overflow_place);
	if (graph->shared->sketched)
	{
		VsSketch   *sketch = sketch_of(graph, id);

		sketch->factors = vs_rabitq_encode_bytes(VS_RANK_L2, SKETCH_BITS, sketch_dims(index),
												 vector, graph->origin, sketch->code);
	}
	place = (void *) vs_memgraph_vector(graph, id);
	if (place)
		memcpy(place, vector, index->vector_size);
	else
		put_on_page(graph, id, vector);
	return id;
}

static VsCandidate
read_entry(VsMemShared *shared, int *level)
{
	VsCandidate entry = {0};

	SpinLockAcquire(&shared->entry_lock);
	entry.id = shared->entry;
	*level = shared->entry_level;
	SpinLockRelease(&shared->entry_lock);
	return entry;
}

/* Make a vertex the entry if it reaches higher than the present one. */
static bool
raise_entry(VsMemShared *shared, VsId id, int level)
{
	bool		raise;

	SpinLockAcquire(&shared->entry_lock);
	raise = shared->entry == VS_INVALID_ID || level > shared->entry_level;
	if (raise)
	{
		shared->entry = id;
		shared->entry_level = level;
	}
	SpinLockRelease(&shared->entry_lock);
	return raise;
}

bool
vs_memgraph_insert(VsMemGraph *graph, VsSearch *search, const void *vector,
				   const ItemPointerData *tid)
{
	const VsIndex *index = &graph->graph.index;
	int			level = vs_draw_level(index, tid);
	VsLinks    *links = palloc((level + 1) * sizeof(VsLinks));
	int			entry_level;
	VsCandidate entry = read_entry(graph->shared, &entry_level);
	VsCandidate same;
	VsId		id;

	for (int l = 0; l <= level; l++)
		links[l].cands = palloc(VsLinksRoom(index, l) * sizeof(VsCandidate));
	if (!vs_graph_find_links(search, vector, level, entry, entry_level, links, &same))
		return add_tid(graph, vs_memgraph_vertex(graph, same.id), tid);

	id = new_vertex(graph, vector, level, tid);
	if (id == VS_INVALID_ID)
		return false;
	if (entry.id == VS_INVALID_ID && !raise_entry(graph->shared, id, level))
	{
		/* Someone else came first: be linked to that one. */
		entry = read_entry(graph->shared, &entry_level);
		if (!vs_graph_find_links(search, vector, level, entry, entry_level, links, &same))
		{
			links[0].cands[0] = same;
			links[0].n = 1;
		}
	}
	for (int l = 0; l <= level; l++)
	{
		VsCandidate self = {.id = id};

		mem_replace(&graph->graph, &self, l, NULL, 0, links[l].cands, links[l].n);
	}
	vs_graph_link_back(&graph->graph, id, 0, level, links);
	raise_entry(graph->shared, id, level);
	return true;
}

/* ---- counting and shrinking ---- */

/* Vertices to be done next by one of all processes; false if there are none left. */
static bool
take_vertices(VsMemGraph *graph, pg_atomic_uint64 *next, int64 *first, int64 *end)
{
	*first = pg_atomic_fetch_add_u64(next, VERTICES_AT_ONCE);
	*end = Min(*first + VERTICES_AT_ONCE, graph->shared->n);
	CHECK_FOR_INTERRUPTS();
	return *first < *end;
}

static inline uint32
count_of(VsMemGraph *graph, VsId id)
{
	return pg_atomic_read_u32(&vs_memgraph_vertex(graph, id)->named);
}

/*
 * Who is named by few lists more keeps its place in this one: it takes that of the last
 * member that is named by many.
 */
static void
keep_seldom_named(VsMemGraph *graph, const VsCandidate *cands, int n,
				  VsCandidate *chosen, int nchosen)
{
	uint32		few = graph->degree / 2;
	int			place = nchosen;

	for (int i = 0; i < n; i++)
	{
		if (vs_candidates_have(chosen, nchosen, cands[i].id) || count_of(graph, cands[i].id) > few)
			continue;
		do
			place--;
		while (place >= 0 && count_of(graph, chosen[place].id) <= few);
		if (place < 0)
			break;
		chosen[place] = cands[i];
	}
}

/* Keep the best neighbours of a vertex; scratch has room for three lists. */
static void
shrink_bottom(VsMemGraph *graph, VsId id, VsCandidate *scratch)
{
	int			room = VsLinksRoom(&graph->graph.index, 0);
	VsCandidate *old = scratch;
	VsCandidate *cands = scratch + room;
	VsCandidate *chosen = scratch + 2 * room;
	VsCandidate vertex = {.id = id};
	int			n = mem_neighbours(&graph->graph, id, 0, old);
	int			nchosen;

	if (n <= graph->degree)
		return;
	memcpy(cands, old, n * sizeof(VsCandidate));
	vs_sort_candidates(cands, n);
	nchosen = vs_choose_neighbours(&graph->graph, cands, n, graph->degree, chosen);
	keep_seldom_named(graph, cands, n, chosen, nchosen);
	for (int i = 0; i < n; i++)
		if (!vs_candidates_have(chosen, nchosen, cands[i].id))
			pg_atomic_fetch_sub_u32(&vs_memgraph_vertex(graph, cands[i].id)->named, 1);
	mem_replace(&graph->graph, &vertex, 0, old, n, chosen, nchosen);
	mem_forget(&graph->graph);
}

void
vs_memgraph_count(VsMemGraph *graph)
{
	int64		first;
	int64		end;

	while (take_vertices(graph, &graph->shared->next_count, &first, &end))
		for (int64 i = first; i < end; i++)
		{
			const VsMemList *list = &vs_memgraph_vertex(graph, i)->bottom;

			for (int j = 0; j < list->n; j++)
				pg_atomic_fetch_add_u32(&vs_memgraph_vertex(graph, list->ids[j])->named, 1);
		}
}

void
vs_memgraph_shrink(VsMemGraph *graph)
{
	int			room = VsLinksRoom(&graph->graph.index, 0);
	VsCandidate *scratch = palloc(3 * room * sizeof(VsCandidate));
	int64		first;
	int64		end;

	while (graph->degree < room && take_vertices(graph, &graph->shared->next_shrink, &first, &end))
		for (int64 i = first; i < end; i++)
			shrink_bottom(graph, i, scratch);
	graph->graph.index.degree = graph->degree;
	pfree(scratch);
}

/* ---- connecting ---- */

void
vs_memgraph_connect(VsMemGraph *graph)
{
	int64		n = graph->shared->n;
	VsInDegrees degrees;

	if (n == 0)
		return;
	degrees.size = n;
	degrees.counts = MemoryContextAllocHuge(CurrentMemoryContext, n);
	for (int64 i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		degrees.counts[i] = Min(count_of(graph, i), 255);
	}
	vs_graph_connect(&graph->graph, graph->shared->entry, NULL, &degrees);
	pfree(degrees.counts);
}
