/*
 * page.h
 *		The bytes of a vecstore index on disk, and safe ways to touch them.
 *
 * An index is one relation fork of standard 8 kB pages:
 *
 *	block 0		the metapage: what the index is, where a search enters
 *	HEAD pages	vertices, all of one size, each in a slot it keeps for life
 *	AUX pages	what does not fit a slot: upper-level lists, heap TIDs beyond
 *				the first four, vectors longer than a page, and rows that have
 *				no place in the graph (NULL, or a zero vector under cosine)
 *
 * A neighbour is named by a 4-byte id, block << slot_bits | slot.  A vertex is
 * never moved; when its slot is reused the slot's version changes, so that a
 * writer that read the old vertex notices.  No link is ever trusted: a reader
 * skips what it cannot use, because on a standby pages change without a lock
 * that a scan could hold.
 *
 * Locks.  A backend holds at most one HEAD, one AUX and the metapage's content
 * lock at a time, taken in this order.  Writers change pages between
 * vs_edit_begin() and vs_edit_commit(), which is one GenericXLog record.
 *
 * docs/file-format.md draws the same with sizes.
 */
#ifndef VECSTORE_PAGE_H
#define VECSTORE_PAGE_H

#include "access/generic_xlog.h"
#include "distance/distance.h"
#include "quant/bytes.h"
#include "quant/rabitq.h"
#include "storage/bufmgr.h"
#include "storage/itemptr.h"
#include "utils/rel.h"

#define VS_FORMAT_VERSION	2
#define VS_MAGIC			0x56454353	/* "VECS" */
#define VS_META_BLOCK		0

/* ---- every page's special space ---- */

typedef enum VsPageKind
{
	VS_PAGE_META = 1,
	VS_PAGE_HEAD,
	VS_PAGE_AUX
} VsPageKind;

typedef struct VsPageSpecial
{
	uint16		kind;			/* VsPageKind */
	uint16		last_version;	/* version of the slot last taken here */
	uint16		unused;
	uint16		page_id;		/* VS_PAGE_ID, last as in other indexes */
} VsPageSpecial;

#define VS_PAGE_ID			0xFF8A

#define VsPageGetSpecial(page)	((VsPageSpecial *) PageGetSpecialPointer(page))

/* Bytes a page has for tuples and their line pointers. */
#define VS_PAGE_CAPACITY \
	(BLCKSZ - MAXALIGN(SizeOfPageHeaderData) - MAXALIGN(sizeof(VsPageSpecial)))

/* The longest tuple a page can hold. */
#define VS_MAX_TUPLE \
	MAXALIGN_DOWN(VS_PAGE_CAPACITY - sizeof(ItemIdData))

/* ---- vertices ---- */

typedef uint32 VsId;

#define VS_INVALID_ID		((VsId) 0xFFFFFFFF)

/* How the self vector (codec A) and the neighbours' codes (codec B) are kept. */
typedef enum VsCodec
{
	VS_CODEC_NONE = 0,			/* codec B only: no neighbour codes */
	VS_CODEC_F32 = 1,
	VS_CODEC_F16 = 2,
	VS_CODEC_SQ8 = 3,			/* VsBytes of the rotated vector */
	VS_CODEC_SQ4 = 4,
	VS_CODEC_RABITQ1 = 5,
	VS_CODEC_RABITQ2 = 6,
	VS_CODEC_RABITQ4 = 7
} VsCodec;

#define VS_CODECS(self, neighbours)	((self) | ((neighbours) << 4))

typedef enum VsVertexState
{
	VS_FREE = 0,				/* the slot may be taken */
	VS_LIVE = 1,
	VS_TOMBSTONE = 2,			/* no heap TIDs left; navigable until repaired */
	VS_RESERVED = 3				/* its tails are being written */
} VsVertexState;

#define VS_STATE_MASK		0x03
#define VS_IN_TAILS			0x10	/* the vector lies in AUX tails */

#define VS_INLINE_TIDS		4

/*
 * A vertex.  Behind this header, each part at a multiple of 8 from the start:
 * the self vector (or the ItemPointers of its tails), filter attributes
 * (nattwords * 8 bytes), the list of level 0 (list.h).
 */
typedef struct VsVertex
{
	uint8		format;			/* VS_FORMAT_VERSION */
	uint8		flags;			/* VsVertexState, VS_IN_TAILS */
	uint16		version;		/* changes whenever the slot is taken */
	uint8		level;			/* top level of this vertex */
	uint8		ntids;			/* inline heap TIDs in use */
	uint8		codecs;			/* VS_CODECS() */
	uint8		nattwords;
	uint16		dims;
	uint16		degree;			/* neighbour ids at level 0 */
	ItemPointerData upper;		/* AUX tuple with the lists of levels 1.. */
	ItemPointerData overflow;	/* AUX tuple with more heap TIDs */
	ItemPointerData tids[VS_INLINE_TIDS];
} VsVertex;

#define VsVertexGetState(v)		((VsVertexState) ((v)->flags & VS_STATE_MASK))
#define VsVertexSetState(v, state) \
	((v)->flags = ((v)->flags & ~VS_STATE_MASK) | (state))

/* ---- AUX tuples ---- */

typedef enum VsAuxKind
{
	VS_AUX_UPPER = 1,			/* part = levels; a list each, from level 1 */
	VS_AUX_TIDS,				/* count heap TIDs; next = older segment */
	VS_AUX_TAIL,				/* part = number of this chunk of the vector */
	VS_AUX_ROWS					/* part = VsRowsKind; count heap TIDs */
} VsAuxKind;

typedef enum VsRowsKind
{
	VS_ROWS_NULL,				/* distance NULL, last */
	VS_ROWS_UNRANKED,			/* distance NaN, before the NULLs */
	VS_ROWS_KINDS
} VsRowsKind;

typedef struct VsAux
{
	uint8		format;			/* VS_FORMAT_VERSION */
	uint8		kind;			/* VsAuxKind */
	uint16		version;		/* the owner's version */
	VsId		owner;			/* VS_INVALID_ID for ROWS */
	uint16		count;			/* entries (bytes for a TAIL) in use */
	uint16		part;
	ItemPointerData next;
	uint8		unused[6];
	char		data[FLEXIBLE_ARRAY_MEMBER];	/* 8-aligned */
} VsAux;

#define VS_AUX_HEADER		offsetof(VsAux, data)

/* Bytes of a vector one tail carries. */
#define VS_TAIL_BYTES		MAXALIGN_DOWN(VS_MAX_TUPLE - VS_AUX_HEADER)
#define VS_MAX_TAILS \
	((VS_MAX_DIM * sizeof(float) + VS_TAIL_BYTES - 1) / VS_TAIL_BYTES)

/* Heap TIDs a tuple of so many bytes holds. */
#define VsAuxTidCapacity(size)	(((size) - VS_AUX_HEADER) / sizeof(ItemPointerData))
#define VsAuxTidSize(ntids)		(VS_AUX_HEADER + (ntids) * sizeof(ItemPointerData))
#define VS_MAX_SEGMENT_TIDS		VsAuxTidCapacity(VS_MAX_TUPLE)
#define VS_MIN_SEGMENT_TIDS		32
#define VS_ROWS_TIDS			128

/* ---- metapage ---- */

/* Bounds of the options of an index. */
#define VS_MIN_M				2
#define VS_MAX_M				100
#define VS_MIN_EF_CONSTRUCTION	4
#define VS_MAX_EF_CONSTRUCTION	1000

typedef enum VsQuantization
{
	VS_QUANTIZATION_AUTO,
	VS_QUANTIZATION_NONE,
	VS_QUANTIZATION_RABITQ
} VsQuantization;

typedef struct VsMeta
{
	uint32		magic;
	uint16		format_version;
	uint16		element_kind;	/* 0 = float4 */

	/* What the index is; never changes. */
	uint16		dims;
	uint16		metric;			/* VsMetric */
	uint16		m;
	uint16		ef_construction;
	uint8		quantization;	/* VsQuantization */
	uint8		codecs;			/* VS_CODECS() */
	uint8		slot_bits;
	uint8		nattwords;
	uint16		slots_per_page;
	uint16		vertex_size;	/* bytes of a slot, 8-aligned */
	uint16		degree;			/* of level 0; of the others it is m */
	uint16		unused[3];
	uint64		seed;			/* of the levels and of the rotation */

	/* Where a search enters; VS_INVALID_ID while the graph is empty. */
	VsId		entry;
	uint16		entry_version;
	uint16		entry_level;

	/* Where to put things next; hints, checked before use. */
	BlockNumber head_block;
	BlockNumber aux_block;
	ItemPointerData rows[VS_ROWS_KINDS];

	/* Vertices at the end of the last build or vacuum, for the planner. */
	float8		vertices;

	/* Room for a recall calibration table and attribute descriptions. */
	uint32		calibration_offset;
	uint32		calibration_length;
} VsMeta;

#define VsPageGetMeta(page)	((VsMeta *) PageGetContents(page))

/* ---- an open index ---- */

/*
 * What every operation needs to know, read once from the metapage and kept in
 * the relation cache (rd_amcache): only fields that never change.
 *
 * An index of codes keeps each vector as VsBytes, rotated, and beside each
 * neighbour's id its RaBitQ code; other indexes keep floats, and ids alone.
 */
typedef struct VsIndex
{
	VsMetric	metric;
	int			dims;
	int			m;
	int			ef_construction;
	VsQuantization quantization;
	int			codecs;
	int			bits;			/* of a code, a dimension; 0: no codes */
	int			padded;			/* dimensions of a rotated vector */
	VsRankKind code_kind;		/* what codes estimate */
	int			slot_bits;
	int			slots_per_page;
	int			vertex_size;
	int			degree;			/* of level 0 */
	int			upper_size;		/* bytes of a list of an upper level */
	int			vector_size;	/* bytes of a vector as it is kept */
	int			ntails;			/* AUX tuples a vector needs; 0: inline */
	int			vector_offset;	/* of the vector, or of the tails' pointers */
	int			list_offset;	/* of the list of level 0 */
	int			max_level;
	uint64		seed;
	bool		normalize;		/* the index keeps unit vectors */
} VsIndex;

/*
 * A metapage for these options: geometry computed, graph empty.  False if codes
 * are asked for that the metric does not have, or that do not fit a page.
 */
extern bool vs_meta_init(VsMeta *meta, VsMetric metric, int dims, int m,
						 int ef_construction, VsQuantization quantization);

/* Make a page the metapage with this content. */
extern void vs_meta_form_page(Page page, const VsMeta *meta);

/* The geometry of an index from its metapage. */
extern VsIndex vs_index_from_meta(const VsMeta *meta);

/* The same, cached; error XX002 when the metapage is not ours. */
extern VsIndex vs_index_open(Relation rel);

/* A copy of the metapage as it is now. */
extern VsMeta vs_meta_read(Relation rel);

#define VsDegree(index, level)	((level) == 0 ? (index)->degree : (index)->m)
#define VsMakeId(index, block, offset) \
	(((VsId) (block) << (index)->slot_bits) | (VsId) ((offset) - 1))
#define VsIdBlock(index, id)	((BlockNumber) ((id) >> (index)->slot_bits))
#define VsIdOffset(index, id) \
	((OffsetNumber) (((id) & ((1u << (index)->slot_bits) - 1)) + 1))

/*
 * Where a slot lies on a page whose slots were taken in order: they are filled
 * from the end.
 */
#define VsSlotPlace(index, offset) \
	(BLCKSZ - MAXALIGN(sizeof(VsPageSpecial)) - (Size) (offset) * (index)->vertex_size)

/* Parts of a vertex. */
#define VsVertexVector(index, v)	((void *) ((char *) (v) + (index)->vector_offset))
#define VsVertexTails(index, v) \
	((ItemPointerData *) ((char *) (v) + (index)->vector_offset))
#define VsVertexIds(index, v)		((VsId *) ((char *) (v) + (index)->list_offset))

/* Parts of an AUX tuple. */
#define VsUpperSize(index, level)	(VS_AUX_HEADER + (index)->upper_size * (level))
#define VsUpperIds(index, aux, level) \
	((VsId *) ((aux)->data + (index)->upper_size * ((level) - 1)))
#define VsAuxTids(aux)		((ItemPointerData *) (aux)->data)

/* ---- reading ---- */

extern VsPageKind vs_page_kind(Page page);

/*
 * The vertex in a slot, free slots included, or NULL when the page is no HEAD
 * page or has no such slot.  Caller holds the page's content lock.
 */
extern VsVertex *vs_page_vertex(Page page, OffsetNumber offset);

/* The AUX tuple at a line pointer, or NULL; its bytes in *size if given. */
extern VsAux *vs_page_aux(Page page, OffsetNumber offset, Size *size);

/* The same, or NULL if it is not of this kind and owner. */
extern VsAux *vs_page_owned_aux(Page page, OffsetNumber offset, VsAuxKind kind,
								VsId owner, uint16 version);

/*
 * Pin and lock the page of an AUX tuple if there is a tuple of this kind and
 * owner; InvalidBuffer otherwise.
 */
extern Buffer vs_aux_lock(Relation rel, const ItemPointerData *tid, VsAuxKind kind,
						  VsId owner, uint16 version, int mode, VsAux **aux);

/* Raise XX002; what follows the index is what errdetail() takes. */
#define vs_index_broken(rel, ...) \
	ereport(ERROR, \
			(errcode(ERRCODE_INDEX_CORRUPTED), \
			 errmsg("index \"%s\" is broken", RelationGetRelationName(rel)), \
			 errdetail(__VA_ARGS__), \
			 errhint("REINDEX it.")))

/*
 * Damaged pages.  A locked page is checked before what it says is used: tuples lie
 * within it and have their size, counts fit their tuples.  Raises XX002, with the block.
 * A search that knows its slot, or its tuple, checks that alone.
 */
extern void vs_check_page(Relation rel, const VsIndex *index, Buffer buffer);
extern void vs_check_vertex(Relation rel, const VsIndex *index, Buffer buffer,
							OffsetNumber offset);
extern void vs_check_aux(Relation rel, const VsIndex *index, Buffer buffer, OffsetNumber offset);

/* The same for the segments of a vertex's heap TIDs: more than there can be go round. */
extern void vs_check_chain(Relation rel, VsId id, int64 segments);

/* Pin and lock a block; InvalidBuffer if the relation does not reach so far. */
extern Buffer vs_block_lock(Relation rel, BlockNumber block, int mode);

/* ---- writing ---- */

/* One atomic, logged change of up to four pages. */
typedef struct VsEdit
{
	GenericXLogState *xlog;		/* NULL: not logged */
} VsEdit;

extern VsEdit vs_edit_begin(Relation rel);

/*
 * While an index is built nobody else knows it, and its pages are logged when
 * they are complete: this process's edits of that index go to the pages at
 * once.  Returns the index that was so before, to be set again at the end
 * (InvalidOid: none).
 */
extern Oid	vs_edit_unlogged(Oid index);

/* The private copy of a page to change; its buffer is locked exclusively. */
extern Page vs_edit_page(VsEdit *edit, Buffer buffer);

extern void vs_edit_commit(VsEdit *edit);
extern void vs_edit_abort(VsEdit *edit);

extern void vs_page_init(Page page, VsPageKind kind);

/* ---- space ---- */

/*
 * A HEAD page, pinned and locked exclusively, with a slot to take: *offset
 * names it (a free slot, or the next one the page has room for).  The page may
 * still be new or an emptied AUX page: vs_slot_take() sets it up.
 */
extern Buffer vs_space_head(Relation rel, const VsIndex *index, OffsetNumber *offset);

/*
 * An AUX page, or one to become one, with room for size bytes; locked.  Never
 * the block whose lock the caller holds (InvalidBlockNumber for none).
 */
extern Buffer vs_space_aux(Relation rel, Size size, BlockNumber held);

/*
 * Write the vertex into the slot of the page copy under a new version, which
 * is set in *vertex and returned.
 */
extern uint16 vs_slot_take(Page page, const VsIndex *index, OffsetNumber offset,
						   VsVertex *vertex);

/* Put an AUX tuple on the page copy; returns its offset. */
extern OffsetNumber vs_aux_add(Page page, const VsAux *aux, Size size);

/* Remove an AUX tuple from the page copy. */
extern void vs_aux_remove(Page page, OffsetNumber offset);

/* Bytes left for one more AUX tuple. */
extern Size vs_aux_room(Page page);

/*
 * Tell the free space map of a locked page with a free slot, or with nothing in it at
 * all; returns whether that is so.
 */
extern bool vs_space_record(Relation rel, Buffer buffer);

/* ---- the metapage's changing parts, each one short record ---- */

/* Remember where to put things next. */
extern void vs_meta_set_head_block(Relation rel, BlockNumber block);
extern void vs_meta_set_aux_block(Relation rel, BlockNumber block);
extern void vs_meta_set_rows(Relation rel, VsRowsKind kind, const ItemPointerData *tid);

/*
 * Make a vertex the entry if there is none or it reaches higher than the
 * present one.  False when the index has an entry at least as high.
 */
extern bool vs_meta_raise_entry(Relation rel, VsId id, uint16 version, int level);

/* Replace the entry if it still is the expected one; id may be invalid. */
extern bool vs_meta_replace_entry(Relation rel, VsId expected, VsId id,
								  uint16 version, int level);

/* Note how many vertices there are. */
extern void vs_meta_set_vertices(Relation rel, double vertices);

#endif							/* VECSTORE_PAGE_H */
