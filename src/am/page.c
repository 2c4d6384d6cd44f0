/*
 * page.c
 *		Reading, changing and finding room on the pages of a vecstore index.
 *
 * See page.h for what lies where and for the lock order.
 */
#include "postgres.h"
#include "compat.h"

#include "am/list.h"
#include "quant/rotation.h"
#include "miscadmin.h"
#include "storage/freespace.h"
#include "utils/memutils.h"

/*
 * What the free space map says of a page.  A HEAD page with a free slot is
 * worth less than an empty page, so that who asks for an empty page never gets
 * one with vertices.
 */
#define FSM_HEAD	(BLCKSZ / 2)
#define FSM_EMPTY	(BLCKSZ - BLCKSZ / 32)

/* ---- geometry ---- */

/*
 * Codes: from how many dimensions on, and how many bits a dimension.  Fewer
 * dimensions need finer codes; docs/file-format.md has the measurements.
 */
#define AUTO_MIN_DIMS		96
#define TWO_BITS_MAX_DIMS	256
#define FOUR_BITS_MAX_DIMS	64

/* With fewer links a vertex needs them all. */
#define LEAST_M				16

/* Whether there are codes for the metric. */
static bool
has_codes(VsMetric metric)
{
	return metric == VS_METRIC_L2 || metric == VS_METRIC_IP || metric == VS_METRIC_COSINE;
}

static int
code_bits(int dims)
{
	return dims <= FOUR_BITS_MAX_DIMS ? 4 : dims <= TWO_BITS_MAX_DIMS ? 2 : 1;
}

static VsCodec
codec_of_bits(int bits)
{
	return bits == 4 ? VS_CODEC_RABITQ4 : bits == 2 ? VS_CODEC_RABITQ2 :
		bits == 1 ? VS_CODEC_RABITQ1 : VS_CODEC_NONE;
}

static int
bits_of_codec(VsCodec codec)
{
	return codec == VS_CODEC_RABITQ4 ? 4 : codec == VS_CODEC_RABITQ2 ? 2 :
		codec == VS_CODEC_RABITQ1 ? 1 : 0;
}

/* AUX tuples a vector needs when it does not fit its slot. */
static int
tails_needed(Size vector_bytes)
{
	return (vector_bytes + VS_TAIL_BYTES - 1) / VS_TAIL_BYTES;
}

/* Bytes of a slot whose vector part takes so many bytes. */
static Size
slot_size(const VsIndex *index, Size vector_bytes, int degree)
{
	return MAXALIGN(sizeof(VsVertex)) + MAXALIGN(vector_bytes) +
		vs_list_size(index, degree);
}

static int
slots_a_page(Size slot)
{
	return VS_PAGE_CAPACITY / (slot + sizeof(ItemIdData));
}

/*
 * The degree of level 0.  The paper's is 2m.  Lists of codes may be shorter, if
 * one more vertex fits the page then, by a little where a code has one bit and
 * down to 5/4 of m where it is longer: what codes cost in room stays within what
 * indexes of floats take.  And no vertex of codes spans pages: so, if it must
 * be, lists are as short as m.  0: they do not fit even so.
 */
static int
choose_degree(const VsIndex *index)
{
	int			degree = 2 * index->m;
	int			least = index->bits == 1 || index->m < LEAST_M ? degree - degree / 8 :
		(5 * index->m + 3) / 4;
	int			slots;

	if (index->bits == 0)
		return degree;
	while (degree >= index->m &&
		   slot_size(index, index->vector_size, degree) > VS_MAX_TUPLE)
		degree--;
	if (degree < index->m)
		return 0;
	slots = slots_a_page(slot_size(index, index->vector_size, Min(least, degree)));
	while (slots_a_page(slot_size(index, index->vector_size, degree)) < slots)
		degree--;
	return degree;
}

/*
 * Levels are drawn with the probability of level_base^-level; this many no table
 * reaches, and the lists of all of them fit one AUX tuple.
 */
static int
max_level(const VsIndex *index)
{
	return Min(40, (int) ((VS_MAX_TUPLE - VS_AUX_HEADER) / index->upper_size));
}

/* What follows from metric, dimensions, m and the bits of codes. */
static void
set_shape(VsIndex *index)
{
	index->normalize = index->metric == VS_METRIC_COSINE;
	index->padded = vs_rotation_padded(index->dims);
	index->code_kind = index->metric == VS_METRIC_IP ? VS_RANK_IP : VS_RANK_L2;
	index->vector_size = index->bits > 0 ? vs_bytes_size(index->padded) :
		index->dims * sizeof(float);
	index->upper_size = vs_list_size(index, index->m);
	index->max_level = max_level(index);
}

VsIndex
vs_index_from_meta(const VsMeta *meta)
{
	VsIndex		index;
	Size		vector_part;

	memset(&index, 0, sizeof(index));
	index.metric = (VsMetric) meta->metric;
	index.dims = meta->dims;
	index.m = meta->m;
	index.ef_construction = meta->ef_construction;
	index.quantization = (VsQuantization) meta->quantization;
	index.codecs = meta->codecs;
	index.bits = bits_of_codec((VsCodec) (meta->codecs >> 4));
	index.slot_bits = meta->slot_bits;
	index.slots_per_page = meta->slots_per_page;
	index.vertex_size = meta->vertex_size;
	index.degree = meta->degree;
	index.seed = meta->seed;
	set_shape(&index);

	vector_part = index.vector_size;
	if (slot_size(&index, vector_part, index.degree) > VS_MAX_TUPLE)
	{
		index.ntails = tails_needed(vector_part);
		vector_part = index.ntails * sizeof(ItemPointerData);
	}
	index.vector_offset = MAXALIGN(sizeof(VsVertex));
	index.list_offset = index.vector_offset + MAXALIGN(vector_part) + 8 * meta->nattwords;
	return index;
}

/*
 * Bits of the codes that an index has: 0 for none, -1 if codes are asked for
 * and cannot be had.
 */
static int
choose_bits(VsIndex *index, VsQuantization quantization)
{
	if (quantization == VS_QUANTIZATION_NONE ||
		(quantization == VS_QUANTIZATION_AUTO && index->dims < AUTO_MIN_DIMS))
		return 0;
	index->bits = code_bits(index->dims);
	set_shape(index);
	if (has_codes(index->metric) && choose_degree(index) > 0 && index->max_level > 0)
		return index->bits;
	return quantization == VS_QUANTIZATION_AUTO ? 0 : -1;
}

bool
vs_meta_init(VsMeta *meta, VsMetric metric, int dims, int m,
			 int ef_construction, VsQuantization quantization)
{
	VsIndex		index = {.metric = metric,.dims = dims,.m = m};
	int			bits = choose_bits(&index, quantization);
	Size		size;

	if (bits < 0)
		return false;
	index.bits = bits;
	set_shape(&index);
	index.degree = choose_degree(&index);
	size = slot_size(&index, index.vector_size, index.degree);
	if (size > VS_MAX_TUPLE)
		size = slot_size(&index, tails_needed(index.vector_size) * sizeof(ItemPointerData),
						 index.degree);

	memset(meta, 0, sizeof(VsMeta));
	meta->magic = VS_MAGIC;
	meta->format_version = VS_FORMAT_VERSION;
	meta->dims = dims;
	meta->metric = metric;
	meta->m = m;
	meta->ef_construction = ef_construction;
	meta->quantization = quantization;
	meta->codecs = VS_CODECS(bits > 0 ? VS_CODEC_SQ8 : VS_CODEC_F32, codec_of_bits(bits));
	meta->vertex_size = size;
	meta->degree = index.degree;
	meta->slots_per_page = slots_a_page(size);
	while ((1 << meta->slot_bits) < meta->slots_per_page)
		meta->slot_bits++;
	meta->seed = UINT64CONST(0x9E3779B97F4A7C15);
	meta->entry = VS_INVALID_ID;
	meta->head_block = InvalidBlockNumber;
	meta->aux_block = InvalidBlockNumber;
	for (int i = 0; i < VS_ROWS_KINDS; i++)
		ItemPointerSetInvalid(&meta->rows[i]);
	return true;
}

void
vs_meta_form_page(Page page, const VsMeta *meta)
{
	vs_page_init(page, VS_PAGE_META);
	*VsPageGetMeta(page) = *meta;
	((PageHeader) page)->pd_lower =
		(char *) VsPageGetMeta(page) + sizeof(VsMeta) - (char *) page;
}

/*
 * Whether the geometry of a metapage is what follows from its options.
 */
static bool
is_sound_meta(const VsMeta *meta)
{
	int			bits = bits_of_codec((VsCodec) (meta->codecs >> 4));
	VsMeta		again;

	if (meta->metric >= VS_METRIC_COUNT || meta->dims < 1 || meta->dims > VS_MAX_DIM ||
		meta->m < VS_MIN_M || meta->m > VS_MAX_M ||
		meta->ef_construction < VS_MIN_EF_CONSTRUCTION ||
		meta->ef_construction > VS_MAX_EF_CONSTRUCTION ||
		!vs_meta_init(&again, (VsMetric) meta->metric, meta->dims, meta->m, meta->ef_construction,
					  bits > 0 ? VS_QUANTIZATION_RABITQ : VS_QUANTIZATION_NONE))
		return false;
	return meta->codecs == again.codecs && meta->slot_bits == again.slot_bits &&
		meta->nattwords == again.nattwords && meta->slots_per_page == again.slots_per_page &&
		meta->vertex_size == again.vertex_size && meta->degree == again.degree;
}

/*
 * Refuse a metapage that this code does not understand.
 */
static void
check_meta(Relation rel, Page page)
{
	VsMeta	   *meta = VsPageGetMeta(page);

	if (PageIsNew(page) || vs_page_kind(page) != VS_PAGE_META ||
		meta->magic != VS_MAGIC)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" is not a vecstore index",
						RelationGetRelationName(rel)),
				 errhint("REINDEX it.")));
	if (meta->format_version != VS_FORMAT_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INDEX_CORRUPTED),
				 errmsg("index \"%s\" has format version %d, this vecstore reads version %d",
						RelationGetRelationName(rel), meta->format_version,
						VS_FORMAT_VERSION),
				 errhint("REINDEX it, or install the vecstore version that made it.")));
	if (!is_sound_meta(meta))
		vs_index_broken(rel, "What its metapage says does not fit together.");
}

VsMeta
vs_meta_read(Relation rel)
{
	Buffer		buffer = ReadBuffer(rel, VS_META_BLOCK);
	VsMeta		meta;

	LockBuffer(buffer, BUFFER_LOCK_SHARE);
	check_meta(rel, BufferGetPage(buffer));
	meta = *VsPageGetMeta(BufferGetPage(buffer));
	UnlockReleaseBuffer(buffer);
	return meta;
}

VsIndex
vs_index_open(Relation rel)
{
	if (rel->rd_amcache == NULL)
	{
		VsMeta		meta = vs_meta_read(rel);
		VsIndex    *cached = MemoryContextAlloc(rel->rd_indexcxt, sizeof(VsIndex));

		*cached = vs_index_from_meta(&meta);
		rel->rd_amcache = cached;
	}
	return *(VsIndex *) rel->rd_amcache;
}

/* ---- reading ---- */

VsPageKind
vs_page_kind(Page page)
{
	VsPageSpecial *special;

	if (PageIsNew(page) ||
		PageGetSpecialSize(page) != MAXALIGN(sizeof(VsPageSpecial)))
		return (VsPageKind) 0;
	special = VsPageGetSpecial(page);
	return special->page_id == VS_PAGE_ID ? (VsPageKind) special->kind : (VsPageKind) 0;
}

VsVertex *
vs_page_vertex(Page page, OffsetNumber offset)
{
	ItemId		item;

	if (vs_page_kind(page) != VS_PAGE_HEAD ||
		offset > PageGetMaxOffsetNumber(page))
		return NULL;
	item = PageGetItemId(page, offset);
	return ItemIdIsNormal(item) ? (VsVertex *) PageGetItem(page, item) : NULL;
}

VsAux *
vs_page_aux(Page page, OffsetNumber offset, Size *size)
{
	ItemId		item;

	if (vs_page_kind(page) != VS_PAGE_AUX || offset < FirstOffsetNumber ||
		offset > PageGetMaxOffsetNumber(page))
		return NULL;
	item = PageGetItemId(page, offset);
	if (!ItemIdIsNormal(item))
		return NULL;
	if (size)
		*size = ItemIdGetLength(item);
	return (VsAux *) PageGetItem(page, item);
}

/* Whether a tuple lies where tuples are. */
static bool
is_within(Page page, ItemId item)
{
	return ItemIdGetOffset(item) >= ((PageHeader) page)->pd_upper &&
		ItemIdGetOffset(item) + ItemIdGetLength(item) <= ((PageHeader) page)->pd_special &&
		ItemIdGetOffset(item) == MAXALIGN(ItemIdGetOffset(item));
}

void
vs_check_vertex(Relation rel, const VsIndex *index, Buffer buffer, OffsetNumber offset)
{
	Page		page = BufferGetPage(buffer);
	VsVertex   *vertex = vs_page_vertex(page, offset);
	ItemId		item;

	if (vertex == NULL)
		return;
	item = PageGetItemId(page, offset);
	if (ItemIdGetLength(item) != index->vertex_size || !is_within(page, item) ||
		vertex->ntids > VS_INLINE_TIDS || vertex->level > index->max_level)
		vs_index_broken(rel, "Block %u has no sound vertex in slot %d.", BufferGetBlockNumber(buffer), offset - 1);
}

static bool
is_sound_aux(const VsIndex *index, const VsAux *aux, Size size)
{
	if (size < VS_AUX_HEADER)
		return false;
	switch (aux->kind)
	{
		case VS_AUX_UPPER:
			return aux->part <= index->max_level && size == VsUpperSize(index, aux->part);
		case VS_AUX_TIDS:
		case VS_AUX_ROWS:
			return aux->count <= VsAuxTidCapacity(size);
		case VS_AUX_TAIL:
			return aux->count <= size - VS_AUX_HEADER && aux->part < index->ntails;
		default:
			return false;
	}
}

/* The kind of a page that is not new, which must be one that its place allows. */
static VsPageKind
check_kind(Relation rel, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);
	BlockNumber block = BufferGetBlockNumber(buffer);
	VsPageKind	kind = vs_page_kind(page);

	if (((PageHeader) page)->pd_lower < SizeOfPageHeaderData ||
		(block == VS_META_BLOCK ? kind != VS_PAGE_META : kind != VS_PAGE_HEAD && kind != VS_PAGE_AUX))
		vs_index_broken(rel, "Block %u is of no kind.", block);
	return kind;
}

static void
check_tuple(Relation rel, const VsIndex *index, Buffer buffer, OffsetNumber offset)
{
	Page		page = BufferGetPage(buffer);
	Size		size;
	VsAux	   *aux = vs_page_aux(page, offset, &size);

	if (aux && (!is_within(page, PageGetItemId(page, offset)) || !is_sound_aux(index, aux, size)))
		vs_index_broken(rel, "Tuple (%u,%u) is not sound.", BufferGetBlockNumber(buffer), offset);
}

void
vs_check_aux(Relation rel, const VsIndex *index, Buffer buffer, OffsetNumber offset)
{
	if (PageIsNew(BufferGetPage(buffer)))
		return;
	(void) check_kind(rel, buffer);
	check_tuple(rel, index, buffer, offset);
}

void
vs_check_page(Relation rel, const VsIndex *index, Buffer buffer)
{
	Page		page = BufferGetPage(buffer);
	VsPageKind	kind;

	if (PageIsNew(page))
		return;
	kind = check_kind(rel, buffer);
	for (OffsetNumber offset = 1; kind != VS_PAGE_META && offset <= PageGetMaxOffsetNumber(page); offset++)
		if (kind == VS_PAGE_AUX)
			check_tuple(rel, index, buffer, offset);
		else if (!ItemIdIsNormal(PageGetItemId(page, offset)) || offset > index->slots_per_page)
			vs_index_broken(rel, "Block %u has no vertex in slot %d.", BufferGetBlockNumber(buffer), offset - 1);
		else
			vs_check_vertex(rel, index, buffer, offset);
}

void
vs_check_chain(Relation rel, VsId id, int64 segments)
{
	if (segments > (int64) RelationGetNumberOfBlocks(rel) * MaxOffsetNumber)
		vs_index_broken(rel, "The rows of vertex %u have no end.", id);
}

VsAux *
vs_page_owned_aux(Page page, OffsetNumber offset, VsAuxKind kind, VsId owner, uint16 version)
{
	VsAux	   *aux = vs_page_aux(page, offset, NULL);

	return aux && aux->kind == kind && aux->owner == owner && aux->version == version ?
		aux : NULL;
}

Buffer
vs_block_lock(Relation rel, BlockNumber block, int mode)
{
	VsIndex		index = vs_index_open(rel);
	Buffer		buffer;

	if (block >= RelationGetNumberOfBlocks(rel))
		return InvalidBuffer;
	buffer = ReadBuffer(rel, block);
	LockBuffer(buffer, mode);
	vs_check_page(rel, &index, buffer);
	return buffer;
}

Buffer
vs_aux_lock(Relation rel, const ItemPointerData *tid, VsAuxKind kind,
			VsId owner, uint16 version, int mode, VsAux **aux)
{
	Buffer		buffer;

	if (!ItemPointerIsValid(tid))
		return InvalidBuffer;
	buffer = vs_block_lock(rel, ItemPointerGetBlockNumber(tid), mode);
	if (!BufferIsValid(buffer))
		return InvalidBuffer;
	*aux = vs_page_owned_aux(BufferGetPage(buffer), ItemPointerGetOffsetNumber(tid), kind,
							 owner, version);
	if (*aux == NULL)
	{
		UnlockReleaseBuffer(buffer);
		return InvalidBuffer;
	}
	return buffer;
}

/* ---- writing ---- */

/* The index this process is building. */
static Oid	unlogged = InvalidOid;

Oid
vs_edit_unlogged(Oid index)
{
	Oid			before = unlogged;

	unlogged = index;
	return before;
}

VsEdit
vs_edit_begin(Relation rel)
{
	VsEdit		edit;

	edit.xlog = RelationGetRelid(rel) == unlogged ? NULL : GenericXLogStart(rel);
	return edit;
}

/*
 * Without a log record there is no private copy: an edit that is not committed
 * must leave the page as it was.
 */
Page
vs_edit_page(VsEdit *edit, Buffer buffer)
{
	bool		fresh = PageIsNew(BufferGetPage(buffer));

	if (edit->xlog == NULL)
	{
		MarkBufferDirty(buffer);
		return BufferGetPage(buffer);
	}
	return GenericXLogRegisterBuffer(edit->xlog, buffer,
									 fresh ? GENERIC_XLOG_FULL_IMAGE : 0);
}

void
vs_edit_commit(VsEdit *edit)
{
	if (edit->xlog)
		GenericXLogFinish(edit->xlog);
}

void
vs_edit_abort(VsEdit *edit)
{
	if (edit->xlog)
		GenericXLogAbort(edit->xlog);
}

void
vs_page_init(Page page, VsPageKind kind)
{
	/* Links to the slots it had as a HEAD page may be about still. */
	uint16		last_version = PageIsNew(page) ? 0 : VsPageGetSpecial(page)->last_version;
	VsPageSpecial *special;

	PageInit(page, BLCKSZ, sizeof(VsPageSpecial));
	special = VsPageGetSpecial(page);
	special->last_version = last_version;
	special->kind = kind;
	special->page_id = VS_PAGE_ID;
}

/* ---- space ---- */

/* Whether the page holds nothing and may become a page of any kind. */
static bool
page_is_empty(Page page)
{
	if (PageIsNew(page))
		return true;
	for (OffsetNumber offset = FirstOffsetNumber; offset <= PageGetMaxOffsetNumber(page); offset++)
		if (vs_page_kind(page) != VS_PAGE_HEAD ||
			VsVertexGetState(vs_page_vertex(page, offset)) != VS_FREE)
			return false;
	return vs_page_kind(page) != VS_PAGE_META;
}

/* A slot to take on this page, or InvalidOffsetNumber. */
static OffsetNumber
find_slot(Page page, const VsIndex *index)
{
	OffsetNumber last;

	if (page_is_empty(page))
		return FirstOffsetNumber;
	if (vs_page_kind(page) != VS_PAGE_HEAD)
		return InvalidOffsetNumber;
	last = PageGetMaxOffsetNumber(page);
	if (last < index->slots_per_page)
		return last + 1;
	for (OffsetNumber offset = FirstOffsetNumber; offset <= last; offset++)
		if (VsVertexGetState(vs_page_vertex(page, offset)) == VS_FREE)
			return offset;
	return InvalidOffsetNumber;
}

/* Lock a block that may have a slot; InvalidBuffer if it has none. */
static Buffer
try_head(Relation rel, const VsIndex *index, BlockNumber block, OffsetNumber *offset)
{
	Buffer		buffer;

	if (block == InvalidBlockNumber || block == VS_META_BLOCK)
		return InvalidBuffer;
	buffer = vs_block_lock(rel, block, BUFFER_LOCK_EXCLUSIVE);
	if (!BufferIsValid(buffer))
		return InvalidBuffer;
	*offset = find_slot(BufferGetPage(buffer), index);
	if (*offset == InvalidOffsetNumber)
	{
		UnlockReleaseBuffer(buffer);
		return InvalidBuffer;
	}
	return buffer;
}

/* Refuse to grow past what ids can name. */
static void
check_id_space(Relation rel, const VsIndex *index, BlockNumber block)
{
	if (block >= (VS_INVALID_ID >> index->slot_bits))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("index \"%s\" cannot grow beyond %u blocks",
						RelationGetRelationName(rel), block),
				 errhint("Partition the table and index each partition.")));
}

Buffer
vs_space_head(Relation rel, const VsIndex *index, OffsetNumber *offset)
{
	BlockNumber block = vs_meta_read(rel).head_block;
	Buffer		buffer = try_head(rel, index, block, offset);

	if (BufferIsValid(buffer))
		return buffer;

	while ((block = GetPageWithFreeSpace(rel, FSM_HEAD)) != InvalidBlockNumber)
	{
		buffer = try_head(rel, index, block, offset);
		if (BufferIsValid(buffer))
		{
			check_id_space(rel, index, block);
			return buffer;
		}
		RecordPageWithFreeSpace(rel, block, 0);
		CHECK_FOR_INTERRUPTS();
	}

	buffer = vs_extend(rel, MAIN_FORKNUM);
	check_id_space(rel, index, BufferGetBlockNumber(buffer));
	*offset = FirstOffsetNumber;
	return buffer;
}

Size
vs_aux_room(Page page)
{
	if (page_is_empty(page))
		return VS_MAX_TUPLE;
	if (vs_page_kind(page) != VS_PAGE_AUX)
		return 0;
	return MAXALIGN_DOWN(PageGetFreeSpace(page));
}

/*
 * Lock a block that may have room; InvalidBuffer if it has not.
 *
 * The hint that names the block may be old: an AUX page that vacuum emptied
 * can have become a HEAD page.  Who holds a HEAD lock must not wait for
 * another, so this never waits for long: after a few milliseconds it gives the
 * page up, and the caller takes another one.
 */
static Buffer
try_aux(Relation rel, BlockNumber block, Size size, BlockNumber held)
{
	VsIndex		index = vs_index_open(rel);
	Buffer		buffer;
	int			tries = 0;

	if (block == InvalidBlockNumber || block == VS_META_BLOCK || block == held ||
		block >= RelationGetNumberOfBlocks(rel))
		return InvalidBuffer;
	buffer = ReadBuffer(rel, block);
	while (!ConditionalLockBuffer(buffer))
	{
		if (++tries > 50)
		{
			ReleaseBuffer(buffer);
			return InvalidBuffer;
		}
		pg_usleep(100L);
	}
	vs_check_page(rel, &index, buffer);
	if (vs_aux_room(BufferGetPage(buffer)) < MAXALIGN(size))
	{
		UnlockReleaseBuffer(buffer);
		return InvalidBuffer;
	}
	return buffer;
}

/*
 * The caller may hold a HEAD page's lock: the only locks taken here are an AUX
 * page's and, briefly before it, the metapage's.  The metapage comes last in
 * the lock order, and it is let go before the AUX page is locked.
 *
 * That HEAD page may be an empty page still, which the hint or the free space
 * map names, too.  Its lock would tell, but a temporary table has no locks.
 */
Buffer
vs_space_aux(Relation rel, Size size, BlockNumber held)
{
	BlockNumber block = vs_meta_read(rel).aux_block;
	Buffer		buffer = try_aux(rel, block, size, held);

	if (BufferIsValid(buffer))
		return buffer;

	/*
	 * Among the pages in the free space map only empty ones are of use; take
	 * each off the map, whatever becomes of it.
	 */
	while (!BufferIsValid(buffer) &&
		   (block = GetPageWithFreeSpace(rel, FSM_EMPTY)) != InvalidBlockNumber)
	{
		RecordPageWithFreeSpace(rel, block, 0);
		buffer = try_aux(rel, block, VS_MAX_TUPLE, held);
	}
	if (!BufferIsValid(buffer))
		buffer = vs_extend(rel, MAIN_FORKNUM);

	/* A tail fills its page: only what leaves room is worth remembering. */
	if (size < VS_MAX_TUPLE / 2)
		vs_meta_set_aux_block(rel, BufferGetBlockNumber(buffer));
	return buffer;
}

uint16
vs_slot_take(Page page, const VsIndex *index, OffsetNumber offset, VsVertex *vertex)
{
	if (vs_page_kind(page) != VS_PAGE_HEAD)
		vs_page_init(page, VS_PAGE_HEAD);
	vertex->version = ++VsPageGetSpecial(page)->last_version;
	if (offset > PageGetMaxOffsetNumber(page))
	{
		if (PageAddItem(page, (Item) vertex, index->vertex_size, offset,
						false, false) != offset)
			elog(ERROR, "vecstore: no room for a vertex in its slot");
	}
	else
		memcpy(PageGetItem(page, PageGetItemId(page, offset)), vertex,
			   index->vertex_size);
	return vertex->version;
}

OffsetNumber
vs_aux_add(Page page, const VsAux *aux, Size size)
{
	OffsetNumber offset;

	if (vs_page_kind(page) != VS_PAGE_AUX)
		vs_page_init(page, VS_PAGE_AUX);
	offset = PageAddItem(page, (Item) aux, size, InvalidOffsetNumber, false, false);
	if (offset == InvalidOffsetNumber)
		elog(ERROR, "vecstore: no room for an auxiliary tuple of %zu bytes", size);
	return offset;
}

void
vs_aux_remove(Page page, OffsetNumber offset)
{
	PageIndexTupleDeleteNoCompact(page, offset);
	while (PageGetMaxOffsetNumber(page) > 0 &&
		   !ItemIdIsUsed(PageGetItemId(page, PageGetMaxOffsetNumber(page))))
		((PageHeader) page)->pd_lower -= sizeof(ItemIdData);
	PageSetHasFreeLinePointers(page);
}

bool
vs_space_record(Relation rel, Buffer buffer)
{
	bool		empty = page_is_empty(BufferGetPage(buffer));

	RecordPageWithFreeSpace(rel, BufferGetBlockNumber(buffer), empty ? FSM_EMPTY : FSM_HEAD);
	return empty;
}

/* ---- the metapage's changing parts ---- */

/* A change of the metapage under way. */
typedef struct MetaEdit
{
	Buffer		buffer;
	VsEdit		edit;
	VsMeta	   *meta;
} MetaEdit;

static MetaEdit
meta_edit_begin(Relation rel)
{
	MetaEdit	change;

	change.buffer = ReadBuffer(rel, VS_META_BLOCK);
	LockBuffer(change.buffer, BUFFER_LOCK_EXCLUSIVE);
	change.edit = vs_edit_begin(rel);
	change.meta = VsPageGetMeta(vs_edit_page(&change.edit, change.buffer));
	return change;
}

static void
meta_edit_end(MetaEdit *change, bool commit)
{
	if (commit)
		vs_edit_commit(&change->edit);
	else
		vs_edit_abort(&change->edit);
	UnlockReleaseBuffer(change->buffer);
}

void
vs_meta_set_head_block(Relation rel, BlockNumber block)
{
	MetaEdit	change = meta_edit_begin(rel);

	change.meta->head_block = block;
	meta_edit_end(&change, true);
}

void
vs_meta_set_aux_block(Relation rel, BlockNumber block)
{
	MetaEdit	change = meta_edit_begin(rel);

	change.meta->aux_block = block;
	meta_edit_end(&change, true);
}

void
vs_meta_set_rows(Relation rel, VsRowsKind kind, const ItemPointerData *tid)
{
	MetaEdit	change = meta_edit_begin(rel);

	change.meta->rows[kind] = *tid;
	meta_edit_end(&change, true);
}

void
vs_meta_set_vertices(Relation rel, double vertices)
{
	MetaEdit	change = meta_edit_begin(rel);

	change.meta->vertices = vertices;
	meta_edit_end(&change, true);
}

static void
set_entry(VsMeta *meta, VsId id, uint16 version, int level)
{
	meta->entry = id;
	meta->entry_version = version;
	meta->entry_level = level;
}

bool
vs_meta_raise_entry(Relation rel, VsId id, uint16 version, int level)
{
	MetaEdit	change = meta_edit_begin(rel);
	bool		raise = change.meta->entry == VS_INVALID_ID ||
		level > change.meta->entry_level;

	if (raise)
		set_entry(change.meta, id, version, level);
	meta_edit_end(&change, raise);
	return raise;
}

bool
vs_meta_replace_entry(Relation rel, VsId expected, VsId id, uint16 version, int level)
{
	MetaEdit	change = meta_edit_begin(rel);
	bool		replace = change.meta->entry == expected;

	if (replace)
		set_entry(change.meta, id, version, level);
	meta_edit_end(&change, replace);
	return replace;
}
