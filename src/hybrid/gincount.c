/*
 * gincount.c
 *		How many rows a GIN index lists for a lexeme.
 *
 * A GIN index is a B-tree of keys, here lexemes.  The entry of a rare one holds
 * the list of its rows and says how long that is.  The entry of a common one
 * names the root of a second B-tree, the posting tree, with the lists on its
 * leaves.  A list is a first row address and, for each following one, the
 * distance in as many bytes as it takes, all but the last with their high bit
 * set; so it is counted without being decoded, at the speed of memory.  A tree
 * of more than COUNTED_LEAVES leaves is estimated from as many of them, spread
 * over it evenly.
 *
 * This reads as GIN's own scans do (access/gin/ginget.c): a share lock on one
 * page at a time, none on the entries while the posting tree is read.  Between
 * two pages the tree may change; the count is then off by what changed.  A page
 * that vacuum deleted in the meantime keeps its bytes while a snapshot as old
 * as ours is there.
 */
#include "postgres.h"
#include "compat.h"

#include "access/gin_private.h"
#include "access/genam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "hybrid/gincount.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Leaves of one posting tree that are counted; the lexemes of one prefix. */
#define COUNTED_LEAVES		64
#define COUNTED_LEXEMES		1000

/* The lexemes of a term: what is in their lists, and their posting trees. */
typedef struct Entries
{
	double		listed;
	int			n;				/* lexemes seen */
	int			ntrees;
	BlockNumber trees[COUNTED_LEXEMES];
} Entries;

int
vs_gin_column(Relation index, AttrNumber attnum)
{
	/* That of the class tsvector has by default, which is the only one. */
	Oid			family = get_opclass_family(GetDefaultOpClass(TSVECTOROID, GIN_AM_OID));

	if (index->rd_rel->relam != GIN_AM_OID || !index->rd_index->indisvalid ||
		RelationGetIndexPredicate(index) != NIL)
		return 0;
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
	{
		if (index->rd_index->indkey.values[i] == attnum && index->rd_opfamily[i] == family)
			return i + 1;
	}
	return 0;
}

double
vs_gin_pending_rows(Relation index)
{
	Buffer		buffer = ReadBuffer(index, GIN_METAPAGE_BLKNO);
	double		rows;

	LockBuffer(buffer, GIN_SHARE);
	rows = GinPageGetMeta(BufferGetPage(buffer))->nPendingHeapTuples;
	UnlockReleaseBuffer(buffer);
	return rows;
}

/* Rows on a leaf of a posting tree. */
static double
count_leaf(Page page)
{
	const unsigned char *at;
	const unsigned char *end;
	int64		rows = 0;

	/* From before 9.4 (pg_upgrade): plain addresses. */
	if (!GinPageIsCompressed(page))
		return GinPageGetOpaque(page)->maxoff;

	at = (const unsigned char *) GinDataLeafPageGetPostingList(page);
	end = at + GinDataLeafPageGetPostingListSize(page);
	while (at < end)
	{
		const GinPostingList *list = (const GinPostingList *) at;
		int			followers = 0;

		for (int i = 0; i < list->nbytes; i++)
			followers += list->bytes[i] < 0x80;
		rows += 1 + followers;
		at += SizeOfGinPostingList(list);
	}
	return (double) rows;
}

/*
 * Rows in the part of a posting tree below a page, of which no more than
 * max_leaves leaves are read.
 */
static double
count_tree(Relation index, BlockNumber block, int max_leaves)
{
	Buffer		buffer = ReadBuffer(index, block);
	Page		page = BufferGetPage(buffer);
	BlockNumber *children;
	double		rows = 0;
	int			n = 0;
	int			visits;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	LockBuffer(buffer, GIN_SHARE);
	if (PageIsNew(page) || !GinPageIsData(page) || GinPageIsDeleted(page) || GinPageIsLeaf(page))
	{
		if (!PageIsNew(page) && GinPageIsData(page) && !GinPageIsDeleted(page))
			rows = count_leaf(page);
		UnlockReleaseBuffer(buffer);
		return rows;
	}

	n = GinPageGetOpaque(page)->maxoff;
	children = (BlockNumber *) palloc(Max(n, 1) * sizeof(BlockNumber));
	for (int i = 0; i < n; i++)
		children[i] = PostingItemGetBlockNumber(GinDataPageGetPostingItem(page, i + 1));
	UnlockReleaseBuffer(buffer);

	visits = Min(n, max_leaves);
	for (int i = 0; i < visits; i++)
		rows += count_tree(index, children[(int64) i * n / visits], max_leaves / visits);
	pfree(children);
	return visits > 0 ? rows * n / visits : 0;
}

/*
 * Look at one entry; false if neither it nor any that follows belongs to the
 * term.
 */
static bool
visit_entry(GinState *state, int column, IndexTuple entry, const VsTerm *term, Entries *entries)
{
	GinNullCategory category;
	Datum		key;
	text	   *lexeme;
	bool		matches;

	if (gintuple_get_attrnum(state, entry) != column)
		return false;
	key = gintuple_get_key(state, entry, &category);
	if (category != GIN_CAT_NORM_KEY)
		return false;
	lexeme = DatumGetTextPP(key);
	matches = vs_term_matches(term, VARDATA_ANY(lexeme), VARSIZE_ANY_EXHDR(lexeme));
	if ((Pointer) lexeme != DatumGetPointer(key))
		pfree(lexeme);
	if (!matches || entries->n == COUNTED_LEXEMES)
		return false;

	entries->n++;
	if (GinIsPostingTree(entry))
		entries->trees[entries->ntrees++] = GinGetPostingTree(entry);
	else
		entries->listed += GinGetNPosting(entry);
	return term->prefix;
}

/* Find the entries of a term's lexemes. */
static void
find_entries(GinState *state, int column, const VsTerm *term, Entries *entries)
{
	GinBtreeData btree;
	GinBtreeStack *stack;
	Datum		key = PointerGetDatum(cstring_to_text_with_len(term->lexeme, term->len));
	Page		page;

	entries->listed = 0;
	entries->n = 0;
	entries->ntrees = 0;

	ginPrepareEntryScan(&btree, column, key, GIN_CAT_NORM_KEY, state);
	stack = vs_gin_find_leaf(&btree);
	(void) btree.findItem(&btree, stack);	/* the lexeme or the next one */
	for (;;)
	{
		page = BufferGetPage(stack->buffer);
		if (stack->off > PageGetMaxOffsetNumber(page))
		{
			if (GinPageRightMost(page))
				break;
			stack->buffer = ginStepRight(stack->buffer, state->index, GIN_SHARE);
			stack->blkno = BufferGetBlockNumber(stack->buffer);
			stack->off = FirstOffsetNumber;
			continue;
		}
		if (!visit_entry(state, column,
						 (IndexTuple) PageGetItem(page, PageGetItemId(page, stack->off)),
						 term, entries))
			break;
		stack->off++;
	}
	LockBuffer(stack->buffer, GIN_UNLOCK);
	freeGinBtreeStack(stack);
	pfree(DatumGetPointer(key));
}

void
vs_gin_count(Relation index, int column, const VsTerm *const *terms, int nterms, double *counts)
{
	GinState   *state = (GinState *) palloc(sizeof(GinState));
	Entries    *entries = (Entries *) palloc(sizeof(Entries));

	initGinState(state, index);
	for (int i = 0; i < nterms; i++)
	{
		find_entries(state, column, terms[i], entries);
		counts[i] = entries->listed;
		for (int t = 0; t < entries->ntrees; t++)
			counts[i] += count_tree(index, entries->trees[t],
									Max(COUNTED_LEAVES / entries->ntrees, 1));
	}
	pfree(entries);
	pfree(state);
}
