/*
 * inspect.c
 *		vecstore_index_info() and vecstore_check(): what an index holds, and
 *		whether its structure is sound.
 *
 * Both read every page once, a share lock on one page at a time, so they run
 * beside inserts and on a standby.  What can change between two pages (a link
 * to a slot freed since) is counted, not called broken.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "am/am.h"
#include "am/pagegraph.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "commands/defrem.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "quant/half.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * Open a vecstore index for a function call; the caller must be allowed to
 * read the table.  The table is locked first, as everyone does: DROP INDEX
 * would else wait for us, and we for it.
 */
Relation
vs_index_open_checked(Oid oid)
{
	Relation	rel;
	Oid			table;

	if (get_rel_relkind(oid) == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is the index of a partitioned table", get_rel_name(oid)),
				 errhint("Give the name of the index of one partition.")));
	if (get_rel_relkind(oid) != RELKIND_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not an index",
						get_rel_name(oid) ? get_rel_name(oid) : "(unknown)"),
				 errhint("Give the name of an index made with USING vecstore.")));
	table = IndexGetRelation(oid, false);
	if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(table));
	LockRelationOid(table, AccessShareLock);
	rel = index_open(oid, AccessShareLock);
	if (rel->rd_indam->ambuild != vs_build)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a vecstore index", RelationGetRelationName(rel)),
				 errhint("Give the name of an index made with USING vecstore.")));
	if (!rel->rd_index->indisvalid)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("index \"%s\" is not valid", RelationGetRelationName(rel)),
				 errhint("Its build is under way or has failed; in that case REINDEX or drop it.")));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary indexes of other sessions")));
	return rel;
}

/* ---- a walk over the pages ---- */

typedef struct Inspection
{
	Relation	rel;
	VsIndex		index;
	BlockNumber nblocks;
	bool		check;			/* complain, and count edges */
	int64		vertices;
	int64		tombstones;
	int64		edges;
	int64		stale;
	int64		rows;
	int64		aside;
	int			levels;
	VsIdSet		live;			/* live vertices seen */
	VsIdSet		known;			/* those and tombstones */
} Inspection;

/* Raise on a broken structure. */
#define broken(inspection, ...)	vs_index_broken((inspection)->rel, __VA_ARGS__)

/*
 * Check and count the ids of one list.
 */
static void
inspect_ids(Inspection *in, VsId self, const VsId *ids, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (ids[i] == VS_INVALID_ID)
			continue;
		in->edges++;
		if (ids[i] == self)
			broken(in, "Vertex %u is its own neighbour.", self);
		if (VsIdBlock(&in->index, ids[i]) == VS_META_BLOCK ||
			VsIdBlock(&in->index, ids[i]) >= RelationGetNumberOfBlocks(in->rel) ||
			VsIdOffset(&in->index, ids[i]) > in->index.slots_per_page)
			broken(in, "Vertex %u has a neighbour %u outside the index.", self, ids[i]);
		for (int j = 0; j < i; j++)
			if (ids[j] == ids[i])
				broken(in, "Vertex %u has neighbour %u twice.", self, ids[i]);
	}
}

/*
 * The same, and that its codes mean something.  That they are those of the
 * neighbours cannot be told: one may have gone, and another taken its slot.
 */
static void
inspect_list(Inspection *in, VsId self, const VsList *list)
{
	inspect_ids(in, self, list->ids, list->degree);
	for (int i = 0; i < list->degree && in->index.bits > 0; i++)
		if (list->ids[i] != VS_INVALID_ID &&
			(!isfinite(*list->unit) || *list->unit <= 0 ||
			 !isfinite(vs_half_to_float(list->factors[i].add)) ||
			 !isfinite(vs_half_to_float(list->factors[i].rescale))))
			broken(in, "The code of neighbour %u of vertex %u is broken.", list->ids[i], self);
}

/*
 * Check a vertex's own fields.
 */
static void
inspect_vertex(Inspection *in, VsId id, VsVertex *vertex)
{
	const VsIndex *index = &in->index;
	VsList		list;

	if (vertex->format != VS_FORMAT_VERSION)
		broken(in, "Vertex %u has format %d.", id, vertex->format);
	if (VsVertexGetState(vertex) == VS_FREE || VsVertexGetState(vertex) == VS_RESERVED)
		return;
	if (vertex->dims != index->dims || vertex->degree != VsDegree(index, 0) ||
		vertex->codecs != index->codecs)
		broken(in, "Vertex %u has fields out of range.", id);
	if (vertex->level > 0 && !ItemPointerIsValid(&vertex->upper))
		broken(in, "Vertex %u of level %d has no upper lists.", id, vertex->level);
	if (VsVertexGetState(vertex) == VS_LIVE && vertex->ntids == 0 &&
		!ItemPointerIsValid(&vertex->overflow))
		broken(in, "Vertex %u is live and has no rows.", id);
	list = VsVertexList(index, vertex);
	inspect_list(in, id, &list);
}

static void
inspect_head_page(Inspection *in, Page page, BlockNumber block)
{
	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		VsId		id = VsMakeId(&in->index, block, offset);
		VsVertex   *vertex = vs_page_vertex(page, offset);

		if (in->check)
			inspect_vertex(in, id, vertex);
		if (VsVertexGetState(vertex) == VS_TOMBSTONE)
		{
			in->tombstones++;
			vs_idset_add(&in->known, id);
		}
		if (VsVertexGetState(vertex) != VS_LIVE)
			continue;
		in->vertices++;
		in->levels = Max(in->levels, vertex->level + 1);
		if (in->check)
		{
			ItemPointerData *tids;

			vs_idset_add(&in->live, id);
			vs_idset_add(&in->known, id);
			in->rows += vs_locked_vertex_tids(in->rel, id, vertex, &tids);
			pfree(tids);
		}
	}
}

static void
inspect_aux_page(Inspection *in, Page page, BlockNumber block)
{
	const VsIndex *index = &in->index;

	for (OffsetNumber offset = 1; offset <= PageGetMaxOffsetNumber(page); offset++)
	{
		VsAux	   *aux = vs_page_aux(page, offset, NULL);

		if (aux == NULL)
			continue;
		if (aux->format != VS_FORMAT_VERSION)
			broken(in, "Tuple (%u,%u) has format %d.", block, offset, aux->format);
		for (int l = 1; aux->kind == VS_AUX_UPPER && l <= aux->part && in->check; l++)
		{
			VsList		list = VsUpperList(index, aux, l);

			inspect_list(in, aux->owner, &list);
		}
		if (aux->kind == VS_AUX_ROWS)
			in->aside += aux->count;
	}
}

static void
inspect_page(Inspection *in, BlockNumber block, BufferAccessStrategy strategy)
{
	Buffer		buffer = ReadBufferExtended(in->rel, MAIN_FORKNUM, block, RBM_NORMAL,
											strategy);
	Page		page = BufferGetPage(buffer);

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	vs_check_page(in->rel, &in->index, buffer);
	switch (vs_page_kind(page))
	{
		case VS_PAGE_HEAD:
			inspect_head_page(in, page, block);
			break;
		case VS_PAGE_AUX:
			inspect_aux_page(in, page, block);
			break;
		default:
			break;				/* new */
	}
	UnlockReleaseBuffer(buffer);
}

static void
inspect(Inspection *in, Relation rel, bool check)
{
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);

	memset(in, 0, sizeof(Inspection));
	in->rel = rel;
	in->index = vs_index_open(rel);
	in->nblocks = RelationGetNumberOfBlocks(rel);
	in->check = check;
	vs_idset_init(&in->live, CurrentMemoryContext);
	vs_idset_init(&in->known, CurrentMemoryContext);
	for (BlockNumber block = VS_META_BLOCK + 1; block < in->nblocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		inspect_page(in, block, strategy);
	}
	FreeAccessStrategy(strategy);
}

/* ---- what one page alone does not show ---- */

/* Whether a link to the vertex leads anywhere. */
static bool
exists(Inspection *in, VsId id)
{
	VsVertexState state = vs_vertex_state(in->rel, &in->index, id, NULL);

	return state == VS_LIVE || state == VS_TOMBSTONE;
}

/*
 * Whether a vertex's vector can be read.  One that was vacuumed, or vacuumed
 * and replaced, while we looked gets a second chance.
 */
static bool
has_vector(VsPageGraph *graph, VsId id)
{
	for (int tries = 0; tries < 2; tries++)
	{
		if (graph->graph.vector(&graph->graph, id) != NULL ||
			vs_vertex_state(graph->rel, &graph->graph.index, id, NULL) != VS_LIVE)
			return true;
		vs_pagegraph_reset(graph);
	}
	return false;
}

/*
 * Look at what a vertex leads to: its vector must be there, links to free slots
 * are counted.
 */
static void
check_parts(Inspection *in, VsPageGraph *graph)
{
	VsCandidate *list = palloc(VsDegree(&in->index, 0) * sizeof(VsCandidate));

	for (BlockNumber block = VS_META_BLOCK + 1; block < in->nblocks; block++)
	{
		for (OffsetNumber offset = 1; offset <= in->index.slots_per_page; offset++)
		{
			VsId		id = VsMakeId(&in->index, block, offset);
			int			n;

			if (!vs_idset_has(&in->live, id))
				continue;
			CHECK_FOR_INTERRUPTS();
			if (!has_vector(graph, id))
				broken(in, "The vector of vertex %u is not there.", id);
			n = graph->graph.neighbours(&graph->graph, id, 0, list);
			for (int i = 0; i < n; i++)
				if (!vs_idset_has(&in->known, list[i].id) && !exists(in, list[i].id))
					in->stale++;
		}
		vs_pagegraph_reset(graph);
	}
}

/*
 * Live vertices that no path leads to from the entry.  Links above level 0 count: some
 * groups of vectors, far away from all others, are led to by these alone.
 */
static int64
count_unreachable(Inspection *in, VsPageGraph *graph)
{
	VsMeta		meta = vs_meta_read(in->rel);
	int64		live = 0;
	VsIdSet		reached;

	if (meta.entry == VS_INVALID_ID)
		return in->vertices;
	vs_idset_init(&reached, CurrentMemoryContext);
	vs_graph_reach(&graph->graph, meta.entry, meta.entry_level, &reached);
	for (int64 id = vs_idset_next(&reached, 0); id >= 0; id = vs_idset_next(&reached, id + 1))
		live += vs_idset_has(&in->live, id);
	vs_idset_end(&reached);
	return in->vertices - live;
}

/*
 * The entry, if there is one, must be a vertex.  Vacuum may set another entry
 * and free this one while we look.
 */
static void
check_entry(Inspection *in)
{
	VsMeta		meta = vs_meta_read(in->rel);

	if (meta.entry == VS_INVALID_ID || exists(in, meta.entry) ||
		vs_meta_read(in->rel).entry != meta.entry)
		return;
	broken(in, "The entry %u is no vertex.", meta.entry);
}

/* ---- functions ---- */

/*
 * What "auto" has chosen, as far as codes go.
 */
const char *
vs_quantization_in_use(const VsIndex *index)
{
	return index->codecs >> 4 == VS_CODEC_NONE ? "none" : "rabitq";
}

PG_FUNCTION_INFO_V1(vecstore_index_info);
Datum
vecstore_index_info(PG_FUNCTION_ARGS)
{
	Relation	rel = vs_index_open_checked(PG_GETARG_OID(0));
	Inspection	in;
	TupleDesc	desc;
	Datum		values[10];
	bool		nulls[10] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	inspect(&in, rel, false);
	values[0] = CStringGetTextDatum(vs_metric_name(in.index.metric));
	values[1] = Int32GetDatum(in.index.dims);
	values[2] = Int64GetDatum(in.vertices);
	values[3] = Int64GetDatum(in.tombstones);
	values[4] = Int32GetDatum(in.index.m);
	values[5] = Int32GetDatum(in.index.ef_construction);
	values[6] = CStringGetTextDatum(vs_quantization_in_use(&in.index));
	values[7] = Int32GetDatum(in.levels);
	values[8] = Int64GetDatum((int64) in.nblocks * BLCKSZ);
	values[9] = Int32GetDatum(VS_FORMAT_VERSION);
	index_close(rel, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

PG_FUNCTION_INFO_V1(vecstore_check);
Datum
vecstore_check(PG_FUNCTION_ARGS)
{
	Relation	rel = vs_index_open_checked(PG_GETARG_OID(0));
	Inspection	in;
	VsPageGraph graph;
	TupleDesc	desc;
	Datum		values[7];
	bool		nulls[7] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	inspect(&in, rel, true);
	vs_pagegraph_init(&graph, rel, &in.index, VS_TO_LINK,
					  CurrentMemoryContext);
	check_entry(&in);
	check_parts(&in, &graph);
	values[0] = Int64GetDatum(in.vertices);
	values[1] = Int64GetDatum(in.edges);
	values[2] = Int64GetDatum(count_unreachable(&in, &graph));
	values[3] = Int64GetDatum(in.tombstones);
	values[4] = Int64GetDatum(in.stale);
	values[5] = Int64GetDatum(in.rows);
	values[6] = Int64GetDatum(in.aside);
	index_close(rel, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
