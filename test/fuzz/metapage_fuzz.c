/*
 * metapage_fuzz.c
 *		libFuzzer target: any bytes in the metapage of a vecstore_bm25 index.
 *
 * The input is changes of a sound metapage: a place, and the four bytes to be written
 * there.  What vs_bm25_meta_read() and vs_bm25_check_extents() let pass is within the
 * file, and extents can be taken and given back; else they raise.
 */
#include "server.h"

#include "hybrid/bm25_page.h"

#define BLOCKS 40

/* Segments in blocks 1 to 6, pending extents in 7 to 38, block 39 free. */
static VsBm25Meta *
make_index(void)
{
	Page		page = fuzz_add_page(sizeof(VsBm25Special));
	VsBm25Meta *meta = (VsBm25Meta *) PageGetContents(page);

	fuzz_set_blocks(BLOCKS);
	((PageHeader) page)->pd_lower += sizeof(VsBm25Meta);
	VsBm25PageSpecial(page)->page_id = VS_BM25_PAGE_ID;
	meta->magic = VS_BM25_MAGIC;
	meta->format = VS_BM25_FORMAT;
	meta->next_generation = 10;
	meta->end = BLOCKS;
	strcpy(meta->tokenizer_version, "simple 1");
	meta->nsegments = 2;
	for (int i = 0; i < 2; i++)
		meta->segments[i] = (VsBm25Segment)
	{
		.extent = {1 + 3 * i, 3, 1 + i},
		.ndocs = 100,.nnulls = 1,.nterms = 50,.dict_pages = 1,.postings_at = 606 + sizeof(VsBm25Lengths),
		.dict_at = 2 * VS_BM25_PAGE_BYTES,.length = 1000
	};
	meta->npending = 2;
	for (int i = 0; i < 2; i++)
		meta->pending[i] = (VsBm25Extent)
	{
		7 + VS_BM25_PENDING_BLOCKS * i, i == 0 ? VS_BM25_PENDING_BLOCKS : 1, 3 + i
	};
	meta->nfree = 1;
	meta->free[0] = (VsBm25Extent)
	{
		39, 1, 0
	};
	return meta;
}

static void
read_meta(void *argument)
{
	vs_bm25_meta_read(fuzz_relation, argument);
}

static void
check_extents(void *argument)
{
	vs_bm25_check_extents(fuzz_relation, argument);
}

static void
check_segments(const VsBm25Meta *meta)
{
	for (int i = 0; i < meta->nsegments; i++)
	{
		const VsBm25Segment *segment = &meta->segments[i];

		fuzz_require(segment->extent.start >= 1 &&
					 (uint64) segment->extent.start + segment->extent.nblocks <= BLOCKS, "a segment is within the file");
		fuzz_require(segment->postings_at <= segment->dict_at &&
					 segment->dict_at + (uint64) segment->dict_pages * VS_BM25_PAGE_BYTES ==
					 (uint64) segment->extent.nblocks * VS_BM25_PAGE_BYTES, "its parts are within its pages");
		fuzz_require(VsBm25LengthsAt(segment) + sizeof(VsBm25Lengths) == segment->postings_at,
					 "its rows are as many");
	}
}

/* Give all back, and take extents until there is no block free. */
static void
use_extents(VsBm25Meta *meta)
{
	for (int i = 0; i < meta->nsegments; i++)
		vs_bm25_extent_free(meta, &meta->segments[i].extent);
	meta->nsegments = 0;
	fuzz_require(meta->nfree <= VS_BM25_MAX_FREE, "free extents fit their list");
	for (int i = 0; i < 8; i++)
	{
		VsBm25Extent extent = vs_bm25_extent_take(meta, 1 + i % 3);

		fuzz_require(extent.start >= 1 && (uint64) extent.start + extent.nblocks <= meta->end, "what is taken is behind the metapage");
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	input = {data, size};
	VsBm25Meta	meta;
	char	   *bytes;

	fuzz_begin();
	bytes = (char *) make_index();
	while (input.left > 0)
	{
		int			at = fuzz_take_number(&input, sizeof(VsBm25Meta) / sizeof(uint32)) * sizeof(uint32);

		fuzz_take(&input, bytes + at, sizeof(uint32));
	}
	if (!fuzz_try(read_meta, &meta))
		return 0;
	check_segments(&meta);
	if (fuzz_try(check_extents, &meta))
		use_extents(&meta);
	return 0;
}
