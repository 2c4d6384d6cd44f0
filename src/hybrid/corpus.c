/*
 * corpus.c
 *		What BM25 wants to know of all documents of a tsvector column: how many
 *		there are, how long they are on average, how many have a term.
 *
 * A column under a GIN index has nobody who keeps these numbers.  They are
 * estimated, as the planner estimates, and exact where that is cheap:
 *
 * - Length: the average over the visible rows on up to SAMPLE_BLOCKS blocks,
 *	 drawn with a fixed seed.
 * - Documents: the rows of that sample, if it is the whole table; else what the
 *	 planner thinks, pg_class.reltuples scaled by how the table has grown since;
 *	 or the sample's rows a block, if the table was never analyzed.
 * - Documents with a term: from a GIN index over the column (gincount.c) if
 *	 there is one, and few rows wait in its pending list.  Else from the most
 *	 common elements that ANALYZE found; a lexeme not among them counts half as
 *	 much as the rarest of those, as in core's selectivity estimates.  Else from
 *	 the sample.
 *
 * Each backend keeps what it learned, for a table and column, until the relcache
 * says that something about the table has changed (VACUUM, ANALYZE and DDL do
 * that) or the table has grown or shrunk by a tenth.  What is known of a tiny
 * table lasts for one statement only.  Within a statement nothing changes.
 *
 * The numbers of a partitioned table are sums over its partitions, those of a
 * table include its children's.  A partition that is a foreign table counts
 * for nothing.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "hybrid/corpus.h"
#include "hybrid/gincount.h"
#include "hybrid/sample.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

/* Blocks in a sample; of a partition at least this many. */
#define SAMPLE_BLOCKS		300
#define MIN_SAMPLE_BLOCKS	10

/* A tiny table is read anew by every statement. */
#define TINY_BLOCKS			8

/* A GIN index is not asked if more than this share of the rows is pending. */
#define MAX_PENDING			0.1

/* What a backend remembers at most: tables, and terms of each. */
#define MAX_TABLES			1024
#define MAX_TERMS			4096

/* A table and one of its columns. */
typedef struct LeafKey
{
	Oid			relid;
	int32		attnum;
} LeafKey;

/* What is known of one table without its children. */
typedef struct Leaf
{
	LeafKey		key;
	bool		valid;
	VsMoment	checked;		/* when it was last found to be up to date */
	BlockNumber nblocks;		/* the table's size when this was learned */
	int			sampled;		/* blocks asked for; 0: no sample yet */
	double		documents;		/* rows that have one */
	double		length;			/* of all documents */
	HTAB	   *df;				/* DfEntry */
} Leaf;

/*
 * How many documents have a term.  Of the term there is a hash: should two ever
 * have the same, a score is off, nothing else.
 */
typedef struct DfEntry
{
	uint64		term;
	double		df;
} DfEntry;

static HTAB *leaves = NULL;

/* ---- the cache ---- */

VsMoment
vs_this_moment(void)
{
	VsMoment	moment;

	moment.statement = GetCurrentStatementStartTimestamp();
	moment.command = GetActiveSnapshot()->curcid;
	return moment;
}

bool
vs_same_moment(const VsMoment *a, const VsMoment *b)
{
	return a->statement == b->statement && a->command == b->command;
}

/* Relcache callback: something about a table, or about all, has changed. */
static void
forget_relation(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS seq;
	Leaf	   *leaf;

	if (leaves == NULL)
		return;
	hash_seq_init(&seq, leaves);
	while ((leaf = (Leaf *) hash_seq_search(&seq)) != NULL)
		if (relid == InvalidOid || leaf->key.relid == relid)
			leaf->valid = false;
}

/* A hash table that lives as long as the backend. */
static HTAB *
make_hash(const char *name, Size key_size, Size entry_size)
{
	HASHCTL		ctl = {0};

	ctl.keysize = key_size;
	ctl.entrysize = entry_size;
	ctl.hcxt = CacheMemoryContext;
	return hash_create(name, 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Forget all tables. */
static void
forget_all(void)
{
	HASH_SEQ_STATUS seq;
	Leaf	   *leaf;

	hash_seq_init(&seq, leaves);
	while ((leaf = (Leaf *) hash_seq_search(&seq)) != NULL)
		if (leaf->df)
			hash_destroy(leaf->df);
	hash_destroy(leaves);
	leaves = NULL;
}

/* The cache's entry, new or not. */
static Leaf *
find_leaf(LeafKey key)
{
	static bool registered = false;
	Leaf	   *leaf;
	bool		found;

	if (!registered)
		CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
	registered = true;

	if (leaves && hash_get_num_entries(leaves) >= MAX_TABLES &&
		hash_search(leaves, &key, HASH_FIND, NULL) == NULL)
		forget_all();
	if (leaves == NULL)
		leaves = make_hash("vecstore tables with documents", sizeof(LeafKey), sizeof(Leaf));
	leaf = (Leaf *) hash_search(leaves, &key, HASH_ENTER, &found);
	if (!found)
	{
		leaf->sampled = 0;
		leaf->df = NULL;
	}
	return leaf;
}

/* Whether what is known of a table may be used, in a sample of wanted blocks. */
static bool
up_to_date(const Leaf *leaf, const VsMoment *now, BlockNumber nblocks, int wanted)
{
	double		change = fabs((double) nblocks - leaf->nblocks);

	if (leaf->sampled == 0 || leaf->sampled < wanted)
		return false;
	if (vs_same_moment(&leaf->checked, now))
		return true;
	return leaf->valid && nblocks > TINY_BLOCKS && change * 10 <= leaf->nblocks;
}

/* Forget the terms of a table. */
static void
forget_terms(Leaf *leaf)
{
	if (leaf->df)
		hash_destroy(leaf->df);
	leaf->df = NULL;			/* should the next line fail */
	leaf->df = make_hash("vecstore document frequencies", sizeof(uint64), sizeof(DfEntry));
}

/* What stands for a term in the cache. */
static uint64
hash_term(const VsTerm *term)
{
	return hash_bytes_extended((const unsigned char *) term->lexeme, term->len, term->prefix);
}

/* ---- the sample ---- */

/* Rows of the table that the sample, which has some, was drawn from. */
static double
estimate_rows(Relation rel, const Leaf *leaf, const VsSample *sample)
{
	if (sample->blocks >= leaf->nblocks)
		return sample->rows;
	if (rel->rd_rel->reltuples > 0 && rel->rd_rel->relpages > 0)
		return (double) rel->rd_rel->reltuples / rel->rd_rel->relpages * leaf->nblocks;
	return sample->rows * leaf->nblocks / sample->blocks;
}

/*
 * Draw a sample: sets the number of documents and their length, and in df[] how
 * many of them have the terms.
 */
static void
draw_sample(Relation rel, Leaf *leaf, int wanted, const VsTerm *const *terms, int nterms,
			double *df)
{
	VsSample	sample;
	double		scale = 0;

	vs_sample_documents(rel, leaf->key.attnum, wanted, terms, nterms, &sample, df);
	if (sample.rows > 0)
		scale = estimate_rows(rel, leaf, &sample) / sample.rows;
	leaf->documents = scale * sample.documents;
	leaf->length = scale * sample.length;
	for (int i = 0; i < nterms; i++)
		df[i] *= scale;
	leaf->sampled = wanted;
}

/* ---- where a document frequency comes from ---- */

/*
 * Count with a GIN index of the table; false if it has none that will do.
 */
static bool
count_by_index(Relation rel, const Leaf *leaf, const VsTerm *const *terms, int nterms, double *df)
{
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *cell;
	bool		done = false;

	foreach(cell, indexes)
	{
		Relation	index = index_open(lfirst_oid(cell), AccessShareLock);
		int			column = vs_gin_column(index, leaf->key.attnum);

		if (column > 0 && vs_gin_pending_rows(index) <= MAX_PENDING * leaf->documents)
		{
			vs_gin_count(index, column, terms, nterms, df);
			done = true;
		}
		index_close(index, AccessShareLock);
		if (done)
			break;
	}
	list_free(indexes);
	return done;
}

/*
 * The share of documents that have a term, by the most common elements that
 * ANALYZE found: the sum over the lexemes of a prefix.  The last numbers of
 * the slot are not a lexeme's: the least frequency and the largest.
 */
static double
common_frequency(const VsTerm *term, const AttStatsSlot *slot)
{
	double		least = slot->numbers[slot->nvalues];
	double		sum = 0;

	for (int i = 0; i < slot->nvalues; i++)
	{
		text	   *lexeme = DatumGetTextPP(slot->values[i]);

		if (vs_term_matches(term, VARDATA_ANY(lexeme), VARSIZE_ANY_EXHDR(lexeme)))
			sum += slot->numbers[i];
	}
	return sum > 0 ? sum : least / 2;
}

/*
 * Estimate from what ANALYZE found; false if it found nothing.
 */
static bool
estimate_by_statistics(const Leaf *leaf, const VsTerm *const *terms, int nterms, double *df)
{
	HeapTuple	tuple = SearchSysCache3(STATRELATTINH, ObjectIdGetDatum(leaf->key.relid),
										Int16GetDatum(leaf->key.attnum), BoolGetDatum(false));
	AttStatsSlot slot;
	bool		found;

	if (!HeapTupleIsValid(tuple))
		return false;
	found = get_attstatsslot(&slot, tuple, STATISTIC_KIND_MCELEM, InvalidOid,
							 ATTSTATSSLOT_VALUES | ATTSTATSSLOT_NUMBERS);
	if (found && slot.nnumbers == slot.nvalues + 2)
	{
		for (int i = 0; i < nterms; i++)
			df[i] = leaf->documents * common_frequency(terms[i], &slot);
	}
	else
		found = false;
	free_attstatsslot(&slot);
	ReleaseSysCache(tuple);
	return found;
}

/* Learn the frequencies of terms that the cache does not know. */
static void
learn_terms(Relation rel, Leaf *leaf, const VsTerm *const *terms, int nterms)
{
	double	   *df = (double *) palloc(nterms * sizeof(double));

	if (!count_by_index(rel, leaf, terms, nterms, df) &&
		!estimate_by_statistics(leaf, terms, nterms, df))
		draw_sample(rel, leaf, leaf->sampled, terms, nterms, df);

	for (int i = 0; i < nterms; i++)
	{
		uint64		key = hash_term(terms[i]);
		DfEntry    *entry = (DfEntry *) hash_search(leaf->df, &key, HASH_ENTER, NULL);

		/* A prefix's lexemes may share rows, and an index list dead ones. */
		entry->df = Min(df[i], leaf->documents);
	}
	pfree(df);
}

/* ---- the numbers of a table, of all its partitions ---- */

/*
 * Add one table's numbers: what of them is not known is learned first.
 */
static void
add_leaf(Relation rel, AttrNumber attnum, int sample_blocks, const VsTerm *terms, int nterms,
		 VsCorpus *corpus, double *df)
{
	LeafKey		key = {RelationGetRelid(rel), attnum};
	Leaf	   *leaf = find_leaf(key);
	VsMoment	now = vs_this_moment();
	BlockNumber nblocks = RelationGetNumberOfBlocks(rel);
	const VsTerm **unknown = (const VsTerm **) palloc(Max(nterms, 1) * sizeof(VsTerm *));
	int			nunknown = 0;

	if (!up_to_date(leaf, &now, nblocks, sample_blocks))
	{
		leaf->sampled = 0;
		leaf->valid = true;		/* the callback may say otherwise from here on */
		leaf->nblocks = nblocks;
		forget_terms(leaf);
		draw_sample(rel, leaf, sample_blocks, NULL, 0, NULL);
	}
	else if (hash_get_num_entries(leaf->df) + nterms > MAX_TERMS)
		forget_terms(leaf);
	leaf->checked = now;

	for (int i = 0; i < nterms; i++)
	{
		uint64		term = hash_term(&terms[i]);

		if (hash_search(leaf->df, &term, HASH_FIND, NULL) == NULL)
			unknown[nunknown++] = &terms[i];
	}
	if (nunknown > 0)
		learn_terms(rel, leaf, unknown, nunknown);
	pfree(unknown);

	for (int i = 0; i < nterms; i++)
	{
		uint64		term = hash_term(&terms[i]);

		df[i] += ((DfEntry *) hash_search(leaf->df, &term, HASH_FIND, NULL))->df;
	}
	corpus->documents += leaf->documents;
	corpus->avgdl += leaf->length;	/* their sum, for now */
}

/* Whether the relation has rows that this server, and this session, can read. */
static bool
is_readable(Relation rel)
{
	return RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind) && !RELATION_IS_OTHER_TEMP(rel) &&
		(RelationIsPermanent(rel) || !RecoveryInProgress());
}

void
vs_corpus_statistics(Oid relid, const char *name, const VsTerm *terms, int nterms,
					 VsCorpus *corpus, double *df)
{
	MemoryContext work = AllocSetContextCreate(CurrentMemoryContext, "corpus statistics",
											   ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(work);
	List	   *tables = find_all_inheritors(relid, AccessShareLock, NULL);
	int			sample_blocks;
	ListCell   *cell;

	Assert(tables != NIL);		/* the relation itself is one */
	sample_blocks = Max(SAMPLE_BLOCKS / list_length(tables), MIN_SAMPLE_BLOCKS);
	memset(corpus, 0, sizeof(*corpus));
	memset(df, 0, nterms * sizeof(double));
	foreach(cell, tables)
	{
		Relation	rel = relation_open(lfirst_oid(cell), NoLock);

		if (is_readable(rel))
			add_leaf(rel, get_attnum(RelationGetRelid(rel), name), sample_blocks,
					 terms, nterms, corpus, df);
		relation_close(rel, AccessShareLock);
	}
	if (corpus->documents > 0)
		corpus->avgdl /= corpus->documents;
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);
}

/* ---- who may ask, and for what ---- */

/* Error unless the relation is of a kind that has documents. */
static void
check_kind(Relation rel)
{
	char		relkind = rel->rd_rel->relkind;

	if (relkind == RELKIND_VIEW)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a view", RelationGetRelationName(rel)),
				 errdetail("BM25 needs to know of all documents of a table."),
				 errhint("Give the name of the table that the view takes the column from.")));
	if (relkind != RELKIND_RELATION && relkind != RELKIND_MATVIEW &&
		relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table or materialized view",
						RelationGetRelationName(rel)),
				 errhint("Give the name of the table that has the column.")));
}

void
vs_check_corpus(Oid relid, const char *name)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	AttrNumber	attnum;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	check_kind(rel);
	attnum = get_attnum(relid, name);
	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of relation \"%s\" does not exist", name,
						RelationGetRelationName(rel))));
	if (getBaseType(get_atttype(relid, attnum)) != TSVECTOROID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of relation \"%s\" is of type %s, not tsvector", name,
						RelationGetRelationName(rel), format_type_be(get_atttype(relid, attnum))),
				 errhint("Add a column tsvector GENERATED ALWAYS AS (to_tsvector(...)) STORED, and index that.")));
	if (pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) != ACLCHECK_OK &&
		pg_attribute_aclcheck(relid, attnum, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
		aclcheck_error_col(ACLCHECK_NO_PRIV, OBJECT_COLUMN, RelationGetRelationName(rel), name);
	relation_close(rel, NoLock);
}
