/*
 * pending_fuzz.c
 *		libFuzzer target: any bytes as pending rows of a vecstore_bm25 index.
 *
 * The input is cut into pages, each behind the number of its bytes.  Reading them
 * returns or raises XX002; what a row says of itself is so.
 */
#include "server.h"

#include "hybrid/bm25_page.h"
#include "hybrid/bm25_pending.h"

#define GENERATION	1
#define MAX_BLOCKS	4

static void
read_rows(void *argument)
{
	const VsBm25Meta *meta = argument;
	VsBm25Pending pending;
	VsBm25Document document;
	bool		stale = false;

	vs_bm25_pending_begin(&pending, fuzz_relation, meta, &stale);
	while (vs_bm25_pending_next(&pending, &document))
	{
		uint64		length = 0;

		fuzz_require(vs_bm25_tid_is_valid(&document.tid), "the place of a row");
		fuzz_require(!document.null || document.n == 0, "a NULL has no terms");
		for (int i = 0; i < document.n; i++)
		{
			const VsBm25Term *term = &document.terms[i];

			fuzz_require(term->tf >= 1 && term->length >= 1 && term->length <= VS_MAX_TERM_BYTES, "a term");
			free(memcpy(malloc(term->length), term->term, term->length));
			length += term->tf;
		}
		fuzz_require(length == document.length, "length of a document");
	}
	fuzz_require(!stale, "no page is of another extent");
	vs_bm25_pending_end(&pending);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	FuzzInput	input = {data, size};
	VsBm25Meta	meta = {.npending = 1};

	fuzz_begin();
	meta.pending[0].generation = GENERATION;
	while (input.left > 0 && meta.pending[0].nblocks < MAX_BLOCKS)
	{
		Page		page = fuzz_add_page(sizeof(VsBm25Special));
		int			n = fuzz_take_number(&input, VS_BM25_PAGE_BYTES + 1);

		((PageHeader) page)->pd_lower += n;
		fuzz_take(&input, PageGetContents(page), n);
		VsBm25PageSpecial(page)->generation = GENERATION;
		VsBm25PageSpecial(page)->page_id = VS_BM25_PAGE_ID;
		meta.pending[0].nblocks++;
	}
	fuzz_require(fuzz_try(read_rows, &meta) || fuzz_sqlstate == ERRCODE_INDEX_CORRUPTED, "the error is XX002");
	return 0;
}
