/*
 * bm25_matchsel.c
 *		How many rows text @@ bm25query keeps, for the planner.
 *
 * The index that the query names knows how many documents have each word; words are taken
 * for independent of each other, a phrase for an AND of its words.  Pending rows are left
 * out, of many partitions the first ones stand for all: this must be cheap.
 */
#include "postgres.h"
#include "compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "hybrid/bm25_match.h"
#include "hybrid/bm25_segment.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/selfuncs.h"
#include "utils/syscache.h"

/* What is kept when nothing is known, as for tsvector @@ tsquery. */
#define DEFAULT_SELECTIVITY		0.001

/* Indexes to look into, words to look up, terms of a prefix to count. */
#define MAX_INDEXES		16
#define MAX_TERMS		64
#define MAX_EXPANSION	64

typedef struct Sample
{
	int			n;
	Relation	indexes[MAX_INDEXES];
	VsBm25Meta *metas[MAX_INDEXES];
	double		docs;
	double		nulls;
	int			terms;			/* looked up so far */
	bool		stale;
} Sample;

/* An index, or partitions of one, as many as there is room for. */
static void
add_index(Sample *sample, Relation index)
{
	List	   *children;
	ListCell   *cell;
	VsBm25Meta *meta;

	if (index->rd_rel->relkind == RELKIND_INDEX)
	{
		if (sample->n == MAX_INDEXES || !index->rd_index->indisvalid)
			return;
		meta = palloc(sizeof(VsBm25Meta));
		vs_bm25_meta_read(index, meta);
		for (int i = 0; i < meta->nsegments; i++)
		{
			sample->docs += meta->segments[i].ndocs;
			sample->nulls += meta->segments[i].nnulls;
		}
		RelationIncrementReferenceCount(index);
		sample->indexes[sample->n] = index;
		sample->metas[sample->n++] = meta;
		return;
	}
	children = find_inheritance_children(RelationGetRelid(index), AccessShareLock);
	foreach(cell, children)
	{
		Relation	child = relation_open(lfirst_oid(cell), NoLock);

		add_index(sample, child);
		relation_close(child, NoLock);
	}
}

static void
close_sample(Sample *sample)
{
	for (int i = 0; i < sample->n; i++)
		RelationDecrementReferenceCount(sample->indexes[i]);
}

/* Documents of a segment that have a term, or one that begins with it. */
static double
count_segment(VsBm25Reader *reader, const VsBm25Segment *segment, const VsMatchTerm *term)
{
	VsBm25Entries entries;
	double		df = 0;
	int			expansion = 0;

	if (!term->prefix)
		return vs_bm25_lookup(reader, segment, term->term, term->length, &entries.entry) ?
			entries.entry.df : 0;
	vs_bm25_entries_begin_at(&entries, reader, segment, term->term, term->length);
	while (expansion < MAX_EXPANSION && !*reader->stale && vs_bm25_entries_next(&entries))
	{
		const VsBm25Entry *entry = &entries.entry;
		int			order = memcmp(entry->term, term->term, Min(entry->length, term->length));

		if (order > 0)
			break;
		if (order == 0 && entry->length >= term->length)
		{
			df += entry->df;
			expansion++;
		}
	}
	return df;
}

/* The share of documents that have a term. */
static double
term_share(Sample *sample, const VsMatchTerm *term)
{
	double		df = 0;

	CHECK_FOR_INTERRUPTS();
	if (++sample->terms > MAX_TERMS)
		return DEFAULT_SELECTIVITY;
	for (int i = 0; i < sample->n; i++)
		for (int j = 0; j < sample->metas[i]->nsegments; j++)
		{
			const VsBm25Segment *segment = &sample->metas[i]->segments[j];
			VsBm25Reader reader;

			vs_bm25_reader_init(&reader, sample->indexes[i], &segment->extent, &sample->stale);
			df += count_segment(&reader, segment, term);
			vs_bm25_reader_end(&reader);
		}
	return Min(df / sample->docs, 1);
}

/* The share of documents that have one of a leaf's terms at each offset. */
static double
leaf_share(Sample *sample, const VsMatch *leaf)
{
	double		share = 1;

	for (int i = 0; i < leaf->nterms;)
	{
		int			offset = leaf->terms[i].offset;
		double		none = 1;

		for (; i < leaf->nterms && leaf->terms[i].offset == offset; i++)
			none *= 1 - term_share(sample, &leaf->terms[i]);
		share *= 1 - none;
	}
	return share;
}

/* The share of documents that match. */
static double
match_share(Sample *sample, const VsMatch *match)
{
	double		all = 1;
	double		none = 1;

	if (match->kind == VS_MATCH_WORDS)
		return leaf_share(sample, match);
	for (const VsMatch *child = match->first; child; child = child->next)
	{
		double		share = match_share(sample, child);

		all *= share;
		none *= 1 - share;
	}
	return match->kind == VS_MATCH_AND ? all : match->kind == VS_MATCH_OR ? 1 - none : none;
}

/* The share of an index's rows that match; what is known of nothing, if the index is empty. */
static double
index_share(Relation index, const VsBm25QueryDatum *query)
{
	VsMatchError error;
	VsMatch    *match = vs_match_parse(query->text, VsBm25QueryTextSize(query), &vs_bm25_match_calls,
									   &error);
	Sample		sample = {0};
	double		share = DEFAULT_SELECTIVITY;

	/* It is for the operator to say what is wrong. */
	if (error.kind != VS_MATCH_OK)
		return share;
	match = vs_bm25_match_analyze(match, vs_bm25_analyzer_open(index));
	if (match == NULL)
		return 0;
	add_index(&sample, index);
	if (sample.docs > 0)
	{
		share = match_share(&sample, match) * sample.docs / (sample.docs + sample.nulls);
		if (sample.stale)
			share = DEFAULT_SELECTIVITY;
	}
	close_sample(&sample);
	return share;
}

/* Whether a type is the bm25query of the extension that has this function. */
static bool
is_bm25query(Oid type, Oid function)
{
	return type == GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("bm25query"),
								   ObjectIdGetDatum(get_func_namespace(function)));
}

/* The same for a query that is known to the planner. */
static double
query_share(const VsBm25QueryDatum *query)
{
	Relation	index = try_relation_open(query->index, AccessShareLock);
	double		share = DEFAULT_SELECTIVITY;

	if (index == NULL)
		return share;
	if (vs_bm25_is_index(index) && vs_bm25_may_read(index))
		share = index_share(index, query);
	relation_close(index, NoLock);
	return share;
}

PG_FUNCTION_INFO_V1(vecstore_bm25_matchsel);
Datum
vecstore_bm25_matchsel(PG_FUNCTION_ARGS)
{
	PlannerInfo *root = (PlannerInfo *) PG_GETARG_POINTER(0);
	List	   *args = (List *) PG_GETARG_POINTER(2);
	double		share = DEFAULT_SELECTIVITY;
	VariableStatData vardata;
	Node	   *other;
	bool		on_left;

	if (!get_restriction_variable(root, args, PG_GETARG_INT32(3), &vardata, &other, &on_left))
		PG_RETURN_FLOAT8(share);
	if (IsA(other, Const) && is_bm25query(((Const *) other)->consttype, fcinfo->flinfo->fn_oid))
		share = ((Const *) other)->constisnull ? 0 :
			query_share(DatumGetVsBm25Query(((Const *) other)->constvalue));
	ReleaseVariableStats(vardata);
	CLAMP_PROBABILITY(share);
	PG_RETURN_FLOAT8(share);
}
