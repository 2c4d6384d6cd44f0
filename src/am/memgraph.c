/*
 * memgraph.c
 *		The graph in memory while an index is built.
 *
 * See memgraph.h; the algorithms are graph.c's.
 */
#include "postgres.h"
#include "compat.h"

#include "am/memgraph.h"
#include "miscadmin.h"

/* Cache lines of a vector to ask for before it is read. */
#define PREFETCH_LINES	4

/*
 * Memory is taken in blocks: an allocation of its own would be rounded up.
 * Blocks grow with the graph, so that a small maintenance_work_mem is not
 * spent on the first one.
 */
#define MIN_BLOCK_BYTES	((Size) 32 * 1024)
#define MAX_BLOCK_BYTES	((Size) 1024 * 1024)

/* Rounds of connecting what no path leads to. */
#define CONNECT_ROUNDS	8

static int
mem_neighbours(VsGraph *base, VsId id, int level, VsCandidate *out)
{
	VsMemVertex *vertex = &((VsMemGraph *) base)->vertices[id];
	VsMemList  *list;

	if (level > vertex->level)
		return 0;
	list = vertex->lists[level];
	for (int i = 0; i < list->n; i++)
	{
		out[i].id = list->links[i].id;
		out[i].rank = list->links[i].rank;
		out[i].version = 0;
		out[i].dead = false;
		out[i].cover = list->links[i].cover;
	}
	return list->n;
}

static int
mem_price(VsGraph *base, const float *query, VsCandidate *cands, int n)
{
	VsMemGraph *graph = (VsMemGraph *) base;

	/*
	 * Vertices and vectors are all over memory: let it fetch them side by
	 * side.  Behind the first lines of a vector the processor sees it coming.
	 */
	for (int i = 0; i < n; i++)
		vs_prefetch(&graph->vertices[cands[i].id]);
	for (int i = 0; i < n; i++)
		for (int line = 0; line < PREFETCH_LINES; line++)
			vs_prefetch((const char *) graph->vertices[cands[i].id].vector + 64 * line);
	for (int i = 0; i < n; i++)
		cands[i].rank = base->kernel(query, graph->vertices[cands[i].id].vector,
									 base->index.dims);
	return n;
}

static const float *
mem_vector(VsGraph *base, VsId id)
{
	return ((VsMemGraph *) base)->vertices[id].vector;
}

static bool
mem_replace(VsGraph *base, const VsCandidate *vertex, int level,
			const VsCandidate *old, int nold, const VsCandidate *new, int nnew)
{
	VsMemList  *list = ((VsMemGraph *) base)->vertices[vertex->id].lists[level];

	for (int i = 0; i < nnew; i++)
	{
		list->links[i].id = new[i].id;
		list->links[i].rank = new[i].rank;
		list->links[i].cover = new[i].cover;
	}
	list->n = nnew;
	return true;
}

static void
mem_forget(VsGraph *base)
{
}

/* Memory for the life of the graph. */
static void *
take_memory(VsMemGraph *graph, Size bytes)
{
	void	   *memory;

	bytes = MAXALIGN(bytes);
	if (bytes > graph->room_left)
	{
		Size		block = Min(Max(graph->bytes / 8, MIN_BLOCK_BYTES), MAX_BLOCK_BYTES);

		graph->room_left = Max(block, bytes);
		graph->room = MemoryContextAllocHuge(graph->context, graph->room_left);
		graph->bytes += graph->room_left;
	}
	memory = graph->room;
	graph->room += bytes;
	graph->room_left -= bytes;
	return memory;
}

void
vs_memgraph_init(VsMemGraph *graph, const VsIndex *index, MemoryContext context)
{
	memset(graph, 0, sizeof(VsMemGraph));
	graph->graph.index = *index;
	graph->graph.kernel = vs_kernel(vs_graph_metric(index));
	graph->graph.neighbours = mem_neighbours;
	graph->graph.price = mem_price;
	graph->graph.vector = mem_vector;
	graph->graph.replace = mem_replace;
	graph->graph.forget = mem_forget;
	graph->context = context;
	graph->size = 1024;
	graph->vertices = MemoryContextAlloc(context, graph->size * sizeof(VsMemVertex));
	graph->entry = VS_INVALID_ID;
	graph->bytes = graph->size * sizeof(VsMemVertex);
}

static Size
list_bytes(const VsIndex *index, int level)
{
	return MAXALIGN(offsetof(VsMemList, links) + VsDegree(index, level) * sizeof(VsMemLink));
}

static Size
vector_bytes(const VsIndex *index)
{
	return MAXALIGN(index->dims * sizeof(float));
}

Size
vs_memgraph_vertex_bytes(const VsIndex *index)
{
	/* Upper levels add 1/m of a list on average. */
	return sizeof(VsMemVertex) + vector_bytes(index) + list_bytes(index, 0) +
		list_bytes(index, 1) / index->m + sizeof(VsMemList *) +
		MAXALIGN(sizeof(ItemPointerData));
}

/* Give a vertex one more heap TID. */
static void
add_tid(VsMemGraph *graph, VsMemVertex *vertex, const ItemPointerData *tid)
{
	if (vertex->ntids == vertex->tids_size)
	{
		int			size = Max(1, vertex->tids_size * 2);
		ItemPointerData *tids = take_memory(graph, size * sizeof(ItemPointerData));

		if (vertex->ntids > 0)
			memcpy(tids, vertex->tids, vertex->ntids * sizeof(ItemPointerData));
		vertex->tids = tids;
		vertex->tids_size = size;
	}
	vertex->tids[vertex->ntids++] = *tid;
}

/*
 * A vertex without links, in one allocation: list pointers, TID, vector and
 * lists.
 */
static VsMemVertex *
new_vertex(VsMemGraph *graph, const float *vector, int level, const ItemPointerData *tid)
{
	const VsIndex *index = &graph->graph.index;
	Size		pointers = MAXALIGN((level + 1) * sizeof(VsMemList *));
	Size		bytes = pointers + vector_bytes(index);
	VsMemVertex *vertex;
	char	   *memory;

	for (int l = 0; l <= level; l++)
		bytes += list_bytes(index, l);
	if (graph->n == graph->size)
	{
		graph->bytes += graph->size * sizeof(VsMemVertex);
		graph->size *= 2;
		graph->vertices = repalloc_huge(graph->vertices, graph->size * sizeof(VsMemVertex));
	}
	vertex = &graph->vertices[graph->n++];
	memory = take_memory(graph, bytes);
	vertex->level = level;
	vertex->lists = (VsMemList **) memory;
	memory += pointers;
	vertex->vector = memcpy(memory, vector, index->dims * sizeof(float));
	memory += vector_bytes(index);
	for (int l = 0; l <= level; l++)
	{
		vertex->lists[l] = (VsMemList *) memory;
		vertex->lists[l]->n = 0;
		memory += list_bytes(index, l);
	}
	vertex->ntids = vertex->tids_size = 0;
	add_tid(graph, vertex, tid);
	return vertex;
}

void
vs_memgraph_insert(VsMemGraph *graph, VsSearch *search, const float *vector,
				   const ItemPointerData *tid)
{
	const VsIndex *index = &graph->graph.index;
	int			level = vs_draw_level(index, tid);
	VsCandidate entry = {.id = graph->entry};
	VsLinks    *links = palloc((level + 1) * sizeof(VsLinks));
	VsCandidate same;
	VsId		id;

	for (int l = 0; l <= level; l++)
		links[l].cands = palloc(VsDegree(index, l) * sizeof(VsCandidate));
	if (!vs_graph_find_links(search, vector, level, entry, graph->entry_level,
							 links, &same))
	{
		add_tid(graph, &graph->vertices[same.id], tid);
		return;
	}

	id = graph->n;
	new_vertex(graph, vector, level, tid);
	for (int l = 0; l <= level; l++)
	{
		VsCandidate self = {.id = id};

		mem_replace(&graph->graph, &self, l, NULL, 0, links[l].cands, links[l].n);
	}
	vs_graph_link_back(&graph->graph, id, 0, level, links);
	if (graph->entry == VS_INVALID_ID || level > graph->entry_level)
	{
		graph->entry = id;
		graph->entry_level = level;
	}
}

/* ---- connecting ---- */

/* Add what level-0 links lead to from a vertex, itself included. */
static void
reach(VsMemGraph *graph, VsId start, VsIdSet *reached)
{
	int64		size = 1024;
	int64		n = 0;
	VsId	   *stack = palloc(size * sizeof(VsId));

	if (vs_idset_add(reached, start))
		stack[n++] = start;
	while (n > 0)
	{
		VsMemList  *list = graph->vertices[stack[--n]].lists[0];

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < list->n; i++)
		{
			if (!vs_idset_add(reached, list->links[i].id))
				continue;
			if (n == size)
				stack = repalloc_huge(stack, (size *= 2) * sizeof(VsId));
			stack[n++] = list->links[i].id;
		}
	}
	pfree(stack);
}

static void
count_indegrees(VsMemGraph *graph, VsInDegrees *degrees)
{
	memset(degrees->counts, 0, degrees->size);
	for (int64 i = 0; i < graph->n; i++)
	{
		VsMemList  *list = graph->vertices[i].lists[0];

		for (int j = 0; j < list->n; j++)
			vs_indegree_add(degrees, list->links[j].id);
	}
}

void
vs_memgraph_connect(VsMemGraph *graph)
{
	VsInDegrees degrees;
	VsIdSet		reached;

	if (graph->n == 0)
		return;
	degrees.size = graph->n;
	degrees.counts = MemoryContextAllocHuge(CurrentMemoryContext, graph->n);
	vs_idset_init(&reached, CurrentMemoryContext);
	count_indegrees(graph, &degrees);
	for (int round = 0; round < CONNECT_ROUNDS; round++)
	{
		vs_idset_clear(&reached);
		reach(graph, graph->entry, &reached);
		if (reached.count == graph->n)
			break;
		for (int64 i = 0; i < graph->n; i++)
		{
			VsCandidate vertex = {.id = i};

			if (vs_idset_has(&reached, i))
				continue;
			CHECK_FOR_INTERRUPTS();
			if (vs_graph_attach(&graph->graph, vertex, &degrees, &reached))
				reach(graph, i, &reached);
		}
	}
	pfree(degrees.counts);
}
