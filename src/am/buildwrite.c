/*
 * buildwrite.c
 *		From the graph in memory to the pages of an index.
 *
 * The number of vertices fixes where HEAD pages and tails go, so every process
 * can write any of them.  What is small and of no fixed size (upper lists, heap
 * TIDs beyond the first few) goes behind them: each process writes that of a vertex
 * before its slot, which says where.
 *
 * A page is logged once, when nothing changes it any more.  HEAD pages and tails are
 * final as soon as they are written, unless rows follow that found no room in memory:
 * then all is logged in the end.  Early, the disk is at work while other processes
 * write pages.
 */
#include "postgres.h"
#include "compat.h"

#include "access/xloginsert.h"
#include "am/build.h"
#include "commands/progress.h"
#include "miscadmin.h"
#include "pgstat.h"

/* Blocks that a process logs at a time, in the end. */
#define LOG_BLOCKS		256

/* HEAD pages that a process writes at a time: as many as are logged in one record. */
#define HEADS_AT_ONCE	XLR_MAX_BLOCK_ID

/* ---- ids ---- */

/* The id on pages of vertex number i. */
static VsId
page_id(const VsIndex *index, int64 i)
{
	return VsMakeId(index, 1 + i / index->slots_per_page, 1 + i % index->slots_per_page);
}

/* Slots of a page are taken in order: their versions are 1, 2, ... */
static uint16
page_version(const VsIndex *index, int64 i)
{
	return 1 + i % index->slots_per_page;
}

/*
 * Write the list of vertex number i at a level, codes included.
 */
static void
fill_list(VsBuild *build, int64 i, int level, VsList out)
{
	const VsIndex *index = &build->index;
	VsGraph    *graph = &build->graph.graph;
	VsCandidate *members = build->members;
	int			n = graph->neighbours(graph, i, level, members);
	const void *owner = NULL;

	vs_list_clear(index, &out);
	if (index->bits > 0)
	{
		owner = graph->vector(graph, i);
		for (int j = 0; j < n; j++)
			graph->expect(graph, members[j].id);
	}
	for (int j = 0; j < n; j++)
		vs_list_put(index, &out, j, page_id(index, members[j].id),
					members[j].cover == VS_COVERED,
					index->bits > 0 ? graph->vector(graph, members[j].id) : NULL, owner);
	graph->forget(graph);
}

/* ---- layout ---- */

/* Refuse more blocks than ids can name. */
static void
check_blocks(VsBuild *build, uint64 blocks)
{
	uint64		most = VS_INVALID_ID >> build->index.slot_bits;

	if (blocks < most)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("index \"%s\" would need more than " UINT64_FORMAT " blocks",
					RelationGetRelationName(build->rel), most),
			 errhint("Partition the table and index each partition.")));
}

void
vs_build_lay_out(VsBuild *build)
{
	const VsIndex *index = &build->index;
	VsBuildLayout *layout = &build->layout;
	Size		bytes = index->ntails > 0 ? index->vector_size : 0;
	Size		last_tuple;
	uint64		full_pages;
	uint64		last_pages;

	memset(layout, 0, sizeof(VsBuildLayout));
	layout->n = build->graph.shared->n;
	layout->nfull = bytes / VS_TAIL_BYTES;
	layout->last_bytes = bytes % VS_TAIL_BYTES;
	last_tuple = MAXALIGN(VS_AUX_HEADER + layout->last_bytes) + sizeof(ItemIdData);
	layout->last_a_page = layout->last_bytes > 0 ? VS_PAGE_CAPACITY / last_tuple : 1;
	full_pages = (uint64) layout->n * layout->nfull;
	last_pages = layout->last_bytes > 0 ?
		(layout->n + layout->last_a_page - 1) / layout->last_a_page : 0;
	layout->nheads = (layout->n + index->slots_per_page - 1) / index->slots_per_page;
	layout->full_block = 1 + layout->nheads;
	layout->last_block = layout->full_block + full_pages;
	layout->nblocks = 1 + layout->nheads + full_pages + last_pages;
	check_blocks(build, layout->nblocks);
}

/* The place of a tail. */
static ItemPointerData
tail_place(const VsBuildLayout *layout, int64 i, int tail)
{
	ItemPointerData place;

	if (tail < layout->nfull)
		ItemPointerSet(&place, layout->full_block + i * layout->nfull + tail, 1);
	else
		ItemPointerSet(&place, layout->last_block + i / layout->last_a_page,
					   1 + i % layout->last_a_page);
	return place;
}

void
vs_build_write_meta(VsBuild *build)
{
	const VsIndex *index = &build->index;
	VsMemShared *graph = build->graph.shared;
	VsMeta		meta = build->meta;
	Buffer		buffer;

	meta.vertices = graph->n;
	if (graph->entry != VS_INVALID_ID)
	{
		meta.entry = page_id(index, graph->entry);
		meta.entry_version = page_version(index, graph->entry);
		meta.entry_level = graph->entry_level;
	}
	if (graph->n % index->slots_per_page != 0)
		meta.head_block = build->layout.nheads;
	buffer = ReadBuffer(build->rel, VS_META_BLOCK);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	vs_meta_form_page(BufferGetPage(buffer), &meta);
	MarkBufferDirty(buffer);
	UnlockReleaseBuffer(buffer);
}

/* ---- AUX tuples behind the tails ---- */

/* Appends AUX tuples to pages that no other process writes. */
typedef struct AuxWriter
{
	VsBuild    *build;
	Buffer		buffer;			/* page being filled, pinned */
	VsAux	   *tuple;			/* scratch */
} AuxWriter;

/* The writer's page, locked, if there is one and it has room. */
static bool
has_room(AuxWriter *writer, Size size)
{
	if (!BufferIsValid(writer->buffer))
		return false;
	LockBuffer(writer->buffer, BUFFER_LOCK_EXCLUSIVE);
	if (vs_aux_room(BufferGetPage(writer->buffer)) >= MAXALIGN(size))
		return true;
	UnlockReleaseBuffer(writer->buffer);
	writer->buffer = InvalidBuffer;
	return false;
}

/* Append the writer's tuple. */
static ItemPointerData
append_aux(AuxWriter *writer, Size size)
{
	ItemPointerData place;
	OffsetNumber offset;

	if (!has_room(writer, size))
	{
		writer->buffer = vs_extend(writer->build->rel, MAIN_FORKNUM);
		check_blocks(writer->build, BufferGetBlockNumber(writer->buffer));
	}
	offset = vs_aux_add(BufferGetPage(writer->buffer), writer->tuple, size);
	ItemPointerSet(&place, BufferGetBlockNumber(writer->buffer), offset);
	MarkBufferDirty(writer->buffer);
	LockBuffer(writer->buffer, BUFFER_LOCK_UNLOCK);
	return place;
}

/* Let go of the last page, on which there may be room for others. */
static void
end_aux(AuxWriter *writer)
{
	if (!BufferIsValid(writer->buffer))
		return;
	vs_meta_set_aux_block(writer->build->rel, BufferGetBlockNumber(writer->buffer));
	ReleaseBuffer(writer->buffer);
}

/* Begin a tuple that belongs to vertex number i. */
static VsAux *
begin_aux(VsAux *aux, const VsIndex *index, int64 i, VsAuxKind kind, Size size)
{
	memset(aux, 0, size);
	aux->format = VS_FORMAT_VERSION;
	aux->kind = kind;
	aux->owner = page_id(index, i);
	aux->version = page_version(index, i);
	ItemPointerSetInvalid(&aux->next);
	return aux;
}

/* The lists of a vertex's upper levels. */
static void
write_upper(AuxWriter *writer, int64 i, VsMemVertex *vertex)
{
	const VsIndex *index = &writer->build->index;
	Size		size = VsUpperSize(index, vertex->level);
	VsAux	   *aux = begin_aux(writer->tuple, index, i, VS_AUX_UPPER, size);

	aux->part = vertex->level;
	for (int l = 1; l <= vertex->level; l++)
		fill_list(writer->build, i, l, VsUpperList(index, aux, l));
	vertex->upper_place = append_aux(writer, size);
}

/*
 * The heap TIDs of a vertex that have no place in its slot: a chain of
 * segments, of which each leads to the one written before.
 */
static void
write_overflow(AuxWriter *writer, int64 i, VsMemVertex *vertex)
{
	const ItemPointerData *tids = vs_memgraph_tids(&writer->build->graph, vertex);

	for (int done = VS_INLINE_TIDS; done < vertex->ntids;)
	{
		int			count = Min(vertex->ntids - done, VS_MAX_SEGMENT_TIDS);
		Size		size = VsAuxTidSize(count);
		VsAux	   *aux = begin_aux(writer->tuple, &writer->build->index, i,
									VS_AUX_TIDS, size);

		aux->count = count;
		aux->next = vertex->overflow_place;
		memcpy(VsAuxTids(aux), tids + done, count * sizeof(ItemPointerData));
		vertex->overflow_place = append_aux(writer, size);
		done += count;
	}
}

/* What a vertex has beside its slot and tails. */
static void
write_aux(AuxWriter *writer, int64 i)
{
	VsMemVertex *vertex = vs_memgraph_vertex(&writer->build->graph, i);

	if (vertex->level > 0)
		write_upper(writer, i, vertex);
	if (vertex->ntids > VS_INLINE_TIDS)
		write_overflow(writer, i, vertex);
}

/* ---- HEAD pages and tails ---- */

/* Whether HEAD pages and tails are final as they are written. */
static bool
are_final(const VsBuild *build)
{
	return pg_atomic_read_u32(&build->shared->full) == 0;
}

/*
 * Log pages; end is behind them.  The WAL writer is told of them, so that log is written
 * while pages are: else who finds its buffers full writes, and all others wait.
 */
static void
log_pages(VsBuild *build, BlockNumber first, BlockNumber end)
{
	log_newpage_range(build->rel, MAIN_FORKNUM, first, end, true);
	XLogSetAsyncXactLSN(XactLastRecEnd);
}

/* Log pages that were just written, if they are final. */
static void
log_written(VsBuild *build, BlockNumber first, BlockNumber end)
{
	if (RelationNeedsWAL(build->rel) && are_final(build))
		log_pages(build, first, end);
}

/*
 * Fill the slot of vertex number i; its vector may be there already.
 */
static void
fill_vertex(VsBuild *build, int64 i, VsVertex *out)
{
	const VsIndex *index = &build->index;
	VsMemVertex *vertex = vs_memgraph_vertex(&build->graph, i);
	const void *vector = vs_memgraph_vector(&build->graph, i);

	out->flags = VS_LIVE | (index->ntails > 0 ? VS_IN_TAILS : 0);
	out->level = vertex->level;
	out->codecs = index->codecs;
	out->dims = index->dims;
	out->degree = VsDegree(index, 0);
	out->ntids = Min(vertex->ntids, VS_INLINE_TIDS);
	memcpy(out->tids, vs_memgraph_tids(&build->graph, vertex),
		   out->ntids * sizeof(ItemPointerData));
	out->upper = vertex->upper_place;
	out->overflow = vertex->overflow_place;
	for (int t = 0; t < index->ntails; t++)
		VsVertexTails(index, out)[t] = tail_place(&build->layout, i, t);
	if (index->ntails == 0 && vector)
		memcpy(VsVertexVector(index, out), vector, index->vector_size);
	fill_list(build, i, 0, VsVertexList(index, out));
}

static void
write_head_page(VsBuild *build, BlockNumber block, AuxWriter *writer)
{
	const VsIndex *index = &build->index;
	int64		first = (int64) (block - 1) * index->slots_per_page;
	int64		end = Min(first + index->slots_per_page, build->layout.n);
	Buffer		buffer;

	for (int64 i = first; i < end; i++)
		write_aux(writer, i);
	buffer = vs_memgraph_head(&build->graph, block);
	for (int64 i = first; i < end; i++)
		fill_vertex(build, i, vs_page_vertex(BufferGetPage(buffer), 1 + i - first));
	UnlockReleaseBuffer(buffer);
}

static void
write_heads(VsBuild *build, BlockNumber first, AuxWriter *writer)
{
	BlockNumber end = Min(first + HEADS_AT_ONCE, 1 + build->layout.nheads);

	for (BlockNumber block = first; block < end; block++)
	{
		CHECK_FOR_INTERRUPTS();
		write_head_page(build, block, writer);
	}
	log_written(build, first, end);
}

/* Begin a page of tails. */
static Buffer
begin_tails(VsBuild *build, BlockNumber block)
{
	Buffer		buffer = ReadBufferExtended(build->rel, MAIN_FORKNUM, block, RBM_ZERO_AND_LOCK, NULL);

	MarkBufferDirty(buffer);
	return buffer;
}

/* One tail of vertex number i, on a page that has room. */
static void
write_tail(VsBuild *build, Buffer buffer, int64 i, int tail, Size bytes, VsAux *aux)
{
	begin_aux(aux, &build->index, i, VS_AUX_TAIL, VS_AUX_HEADER + bytes);
	aux->part = tail;
	aux->count = bytes;
	memcpy(aux->data, (const char *) vs_memgraph_vector(&build->graph, i) + tail * VS_TAIL_BYTES,
		   bytes);
	vs_aux_add(BufferGetPage(buffer), aux, VS_AUX_HEADER + bytes);
}

/*
 * All tails of the vertices whose last tails share a page.
 */
static void
write_tails(VsBuild *build, int64 group, VsAux *aux)
{
	const VsBuildLayout *layout = &build->layout;
	int64		first = group * layout->last_a_page;
	int64		end = Min(first + layout->last_a_page, layout->n);
	Buffer		buffer;

	for (int64 i = first; i < end; i++)
		for (int t = 0; t < layout->nfull; t++)
		{
			buffer = begin_tails(build, layout->full_block + i * layout->nfull + t);
			write_tail(build, buffer, i, t, VS_TAIL_BYTES, aux);
			UnlockReleaseBuffer(buffer);
			CHECK_FOR_INTERRUPTS();
		}
	log_written(build, layout->full_block + first * layout->nfull,
				layout->full_block + end * layout->nfull);
	if (layout->last_bytes == 0)
		return;
	buffer = begin_tails(build, layout->last_block + group);
	for (int64 i = first; i < end; i++)
		write_tail(build, buffer, i, layout->nfull, layout->last_bytes, aux);
	UnlockReleaseBuffer(buffer);
	log_written(build, layout->last_block + group, layout->last_block + group + 1);
}

void
vs_build_write(VsBuild *build)
{
	const VsBuildLayout *layout = &build->layout;
	AuxWriter	writer = {.build = build,.buffer = InvalidBuffer,.tuple = palloc(VS_MAX_TUPLE)};
	int64		nheads = (layout->nheads + HEADS_AT_ONCE - 1) / HEADS_AT_ONCE;
	int64		ngroups = build->index.ntails == 0 ? 0 :
		(layout->n + layout->last_a_page - 1) / layout->last_a_page;

	if (build->leader)
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_WRITE);
		if (build->scanned)		/* else the scan goes on to count its blocks */
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, layout->nblocks);
	}
	for (;;)
	{
		int64		unit = pg_atomic_fetch_add_u64(&build->shared->next_write, 1);

		if (unit >= nheads + ngroups)
			break;
		CHECK_FOR_INTERRUPTS();
		if (unit < nheads)
			write_heads(build, 1 + unit * HEADS_AT_ONCE, &writer);
		else
			write_tails(build, unit - nheads, writer.tuple);
		if (build->leader && build->scanned)
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE,
										 layout->nblocks * (unit + 1) / (nheads + ngroups));
	}
	end_aux(&writer);
	pfree(writer.tuple);
}

/* ---- logging ---- */

void
vs_build_log(VsBuild *build)
{
	BlockNumber nblocks = RelationGetNumberOfBlocks(build->rel);
	BlockNumber written = 0;

	if (!RelationNeedsWAL(build->rel))
		return;
	if (build->leader)
	{
		pgstat_progress_update_param(PROGRESS_CREATEIDX_SUBPHASE, VS_PHASE_LOG);
		pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_TOTAL, nblocks);
	}
	if (are_final(build))
	{
		/* All but the metapage and what lies behind was logged when it was written. */
		written = build->layout.nblocks;
		if (build->leader)
			log_newpage_range(build->rel, MAIN_FORKNUM, VS_META_BLOCK, VS_META_BLOCK + 1, true);
	}
	for (;;)
	{
		uint64		first = written + pg_atomic_fetch_add_u64(&build->shared->next_log, LOG_BLOCKS);

		if (first >= nblocks)
			break;
		CHECK_FOR_INTERRUPTS();
		log_pages(build, first, Min(first + LOG_BLOCKS, nblocks));
		if (build->leader)
			pgstat_progress_update_param(PROGRESS_SCAN_BLOCKS_DONE,
										 Min(first + LOG_BLOCKS, nblocks));
	}
}
