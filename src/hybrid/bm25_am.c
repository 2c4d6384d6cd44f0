/*
 * bm25_am.c
 *		The access method vecstore_bm25: handler, options, insert, vacuum.
 */
#include "postgres.h"
#include "compat.h"

#include "access/relation.h"
#include "access/reloptions.h"
#include "catalog/index.h"
#include "catalog/pg_type.h"
#include "commands/vacuum.h"
#include "funcapi.h"
#include "hybrid/bm25_am.h"
#include "hybrid/bm25_match.h"
#include "hybrid/bm25_merge.h"
#include "hybrid/bm25_pending.h"
#include "hybrid/bm25_query.h"
#include "hybrid/bm25_segment.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/execnodes.h"
#include "nodes/pathnodes.h"
#include "optimizer/optimizer.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/selfuncs.h"

static relopt_kind options_kind;

void
vs_bm25_init(void)
{
	options_kind = add_reloption_kind();
	add_real_reloption(options_kind, "k1", "How soon more occurrences of a term stop to count",
					   VS_BM25_DEFAULT_K1, 0, 100, ShareUpdateExclusiveLock);
	add_real_reloption(options_kind, "b", "How much a document's length counts",
					   VS_BM25_DEFAULT_B, 0, 1, ShareUpdateExclusiveLock);
	add_string_reloption(options_kind, "tokenizer", "simple, whitespace, ngram, language, or a text search configuration",
						 "simple", NULL, AccessExclusiveLock);
	add_string_reloption(options_kind, "language", "Language of stemmer and stop words", NULL, NULL,
						 AccessExclusiveLock);
	add_string_reloption(options_kind, "stemmer", "Snowball stemmer, or none", NULL, NULL,
						 AccessExclusiveLock);
	add_string_reloption(options_kind, "stopwords", "lucene, none, or a stop word file of the server",
						 NULL, NULL, AccessExclusiveLock);
	add_int_reloption(options_kind, "min_gram", "Characters of the shortest n-gram", 0, 0,
					  VS_MAX_GRAM, AccessExclusiveLock);
	add_int_reloption(options_kind, "max_gram", "Characters of the longest n-gram", 0, 0,
					  VS_MAX_GRAM, AccessExclusiveLock);
}

static bytea *
am_options(Datum reloptions, bool validate)
{
	static const relopt_parse_elt table[] = {
		{.optname = "k1",.opttype = RELOPT_TYPE_REAL,.offset = offsetof(VsBm25Options, k1)},
		{.optname = "b",.opttype = RELOPT_TYPE_REAL,.offset = offsetof(VsBm25Options, b)},
		{.optname = "tokenizer",.opttype = RELOPT_TYPE_STRING,.offset = offsetof(VsBm25Options, tokenizer)},
		{.optname = "language",.opttype = RELOPT_TYPE_STRING,.offset = offsetof(VsBm25Options, language)},
		{.optname = "stemmer",.opttype = RELOPT_TYPE_STRING,.offset = offsetof(VsBm25Options, stemmer)},
		{.optname = "stopwords",.opttype = RELOPT_TYPE_STRING,.offset = offsetof(VsBm25Options, stopwords)},
		{.optname = "min_gram",.opttype = RELOPT_TYPE_INT,.offset = offsetof(VsBm25Options, min_gram)},
		{.optname = "max_gram",.opttype = RELOPT_TYPE_INT,.offset = offsetof(VsBm25Options, max_gram)},
	};

	return (bytea *) build_reloptions(reloptions, validate, options_kind,
									  sizeof(VsBm25Options), table, lengthof(table));
}

/* A string option; NULL if it is not set. */
static const char *
string_option(const VsBm25Options *options, int offset)
{
	return options && offset > 0 ? (const char *) options + offset : NULL;
}

void
vs_bm25_tokenizer_config(Relation index, VsTokenizerConfig *config)
{
	const VsBm25Options *options = (const VsBm25Options *) index->rd_options;

	memset(config, 0, sizeof(VsTokenizerConfig));
	config->tokenizer = "simple";
	if (options == NULL)
		return;
	config->tokenizer = string_option(options, options->tokenizer);
	config->language = string_option(options, options->language);
	config->stemmer = string_option(options, options->stemmer);
	config->stopwords = string_option(options, options->stopwords);
	config->min_gram = options->min_gram;
	config->max_gram = options->max_gram;
}

double
vs_bm25_k1(Relation index)
{
	return index->rd_options ? ((VsBm25Options *) index->rd_options)->k1 : VS_BM25_DEFAULT_K1;
}

double
vs_bm25_b(Relation index)
{
	return index->rd_options ? ((VsBm25Options *) index->rd_options)->b : VS_BM25_DEFAULT_B;
}

/* ---- build ---- */

static void
am_buildempty(Relation rel)
{
	vs_bm25_meta_create(rel, INIT_FORKNUM, vs_bm25_analyzer_open(rel)->version);
}

/* ---- insert ---- */

/* What an insert keeps for the next row of the statement. */
typedef struct Inserter
{
	VsBm25Analyzer *analyzer;
	MemoryContext row;
} Inserter;

static Inserter *
create_inserter(Relation rel, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Inserter   *inserter = palloc(sizeof(Inserter));
	VsBm25Meta	meta;

	inserter->analyzer = vs_bm25_analyzer_open(rel);
	inserter->row = AllocSetContextCreate(context, "vecstore_bm25 insert", ALLOCSET_DEFAULT_SIZES);
	vs_bm25_meta_read(rel, &meta);
	if (strcmp(meta.tokenizer_version, inserter->analyzer->version) != 0)
		vs_bm25_warn_version(rel, meta.tokenizer_version);
	MemoryContextSwitchTo(old);
	return inserter;
}

static void
insert_document(Relation rel, const VsBm25Document *document)
{
	VsBm25Collector *collector;
	VsBm25Writer *writer;
	int			blocks;

	for (;;)
	{
		switch (vs_bm25_pending_append(rel, document, &blocks))
		{
			case VS_BM25_APPENDED:
				if (blocks >= VS_BM25_PENDING_BLOCKS)
					vs_bm25_tidy_up(rel);
				return;
			case VS_BM25_FULL:
				vs_bm25_flush(rel);
				break;
			case VS_BM25_TOO_LONG:
				collector = vs_bm25_collector_create(CurrentMemoryContext);
				vs_bm25_collector_add(collector, document);
				writer = vs_bm25_writer_begin(NULL, NULL);
				vs_bm25_collector_write(collector, writer);
				vs_bm25_collector_free(collector);
				vs_bm25_add_written(rel, writer);
				return;
		}
	}
}

static bool
am_insert(Relation rel, Datum *values, bool *isnull, ItemPointer tid, Relation heap,
		  IndexUniqueCheck unique, bool unchanged, IndexInfo *info)
{
	Inserter   *inserter = info->ii_AmCache;
	VsBm25Document document;
	MemoryContext old;

	if (inserter == NULL)
		info->ii_AmCache = inserter = create_inserter(rel, info->ii_Context);
	old = MemoryContextSwitchTo(inserter->row);
	vs_bm25_analyze(inserter->analyzer, values[0], isnull[0], &document);
	document.tid = *tid;
	insert_document(rel, &document);
	MemoryContextSwitchTo(old);
	MemoryContextReset(inserter->row);
	return false;
}

/* ---- vacuum ---- */

/* Dead rows of a segment that is locked. */
static uint32
count_dead(Relation rel, const VsBm25Segment *segment, IndexBulkDeleteCallback callback,
		   void *callback_state)
{
	ItemPointerData tids[1024];
	VsBm25Reader reader;
	bool		stale = false;
	uint32		n = segment->ndocs + segment->nnulls;
	uint32		dead = 0;

	vs_bm25_reader_init(&reader, rel, &segment->extent, &stale);
	for (uint32 done = 0; done < n;)
	{
		uint32		part = Min(n - done, lengthof(tids));

		vs_vacuum_delay_point();
		vs_bm25_read_tids(&reader, done, part, tids);
		for (uint32 i = 0; i < part; i++)
			dead += callback(&tids[i], callback_state);
		done += part;
	}
	vs_bm25_reader_end(&reader);
	vs_bm25_check_segments(rel, stale);
	return dead;
}

/* The generations of segments without dead rows. */
typedef struct Clean
{
	uint32		generations[VS_BM25_MAX_SEGMENTS];
	int			n;
} Clean;

static bool
is_clean(const Clean *clean, const VsBm25Segment *segment)
{
	for (int i = 0; i < clean->n; i++)
		if (clean->generations[i] == segment->extent.generation)
			return true;
	return false;
}

/* A segment of which nobody knows yet whether it is clean; forgets those given up. */
static const VsBm25Segment *
next_unclean(const VsBm25Meta *meta, Clean *clean)
{
	const VsBm25Segment *found = NULL;
	Clean		left = {.n = 0};

	for (int i = 0; i < meta->nsegments; i++)
		if (is_clean(clean, &meta->segments[i]))
			left.generations[left.n++] = meta->segments[i].extent.generation;
		else
			found = &meta->segments[i];
	*clean = left;
	return found;
}

/*
 * A segment with dead rows is written anew without them, so that statistics are those
 * of the rows that are left.  Rows that were dead when the vacuum began are in a segment
 * or pending, and the latter are made a segment first.  Inserts may merge segments at
 * the same time: what comes of that is looked at like any other.
 */
static IndexBulkDeleteResult *
am_bulkdelete(IndexVacuumInfo *info, IndexBulkDeleteResult *stats,
			  IndexBulkDeleteCallback callback, void *callback_state)
{
	Relation	rel = info->index;
	VsBm25Meta	meta;
	Clean		clean = {.n = 0};
	const VsBm25Segment *segment;

	if (stats == NULL)
		stats = palloc0(sizeof(IndexBulkDeleteResult));
	vs_bm25_flush(rel);
	LockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
	while (vs_bm25_meta_read(rel, &meta), (segment = next_unclean(&meta, &clean)) != NULL)
	{
		uint32		generation = segment->extent.generation;
		uint32		dead;

		if (!vs_bm25_lock_segment(rel, segment))
			continue;
		dead = count_dead(rel, segment, callback, callback_state);
		if (dead > 0)
			generation = vs_bm25_merge(rel, segment, 1, true, callback, callback_state);
		vs_bm25_unlock_segment(rel, segment);
		clean.generations[clean.n++] = generation;
		stats->tuples_removed += dead;
	}
	UnlockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
	stats->num_index_tuples = 0;
	for (int i = 0; i < meta.nsegments; i++)
		stats->num_index_tuples += meta.segments[i].ndocs + meta.segments[i].nnulls;
	return stats;
}

static IndexBulkDeleteResult *
am_vacuumcleanup(IndexVacuumInfo *info, IndexBulkDeleteResult *stats)
{
	Relation	rel = info->index;
	VsBm25Meta	meta;

	if (info->analyze_only)
		return stats;
	if (stats == NULL)
	{
		stats = palloc0(sizeof(IndexBulkDeleteResult));
		vs_bm25_flush(rel);
		stats->num_index_tuples = info->num_heap_tuples;
		stats->estimated_count = true;
	}
	LockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
	vs_bm25_merge_tiers(rel);
	UnlockPage(rel, VS_BM25_MERGE_LOCK, ExclusiveLock);
	vs_bm25_meta_read(rel, &meta);
	stats->num_pages = RelationGetNumberOfBlocks(rel);
	stats->pages_free = 0;
	for (int i = 0; i < meta.nfree; i++)
		stats->pages_free += meta.free[i].nblocks;
	return stats;
}

/* ---- costs, properties ---- */

/*
 * What it takes to find the rows that match the keys: a way down the dictionary, postings and
 * TIDs of those rows and of some more, which an AND or a NOT passes by.
 */
static Cost
match_cost(const IndexOptInfo *info, double selectivity)
{
	double		rows = selectivity * Max(info->tuples, 1);
	double		pages = Min(info->pages, 10 + 2 * selectivity * info->pages);

	return pages * random_page_cost + 2 * rows * cpu_operator_cost;
}

/* Whether the order is that of a query for other terms than the index has. */
static bool
is_for_other_terms(const IndexPath *path)
{
	Const	   *query = (Const *) get_rightop(linitial(path->indexorderbys));
	Relation	index;
	bool		other;

	if (!IsA(query, Const) || query->constisnull || query->consttype == TEXTOID)
		return false;
	index = index_open(path->indexinfo->indexoid, NoLock);
	other = !vs_bm25_has_terms_of(index, DatumGetVsBm25Query(query->constvalue)->index);
	index_close(index, NoLock);
	return other;
}

/*
 * A search in the order of scores reads postings of a few terms: say of a tenth of the index, at
 * a fraction of an operator each.  Without ORDER BY and keys the index is of no use, nor if it
 * knows no scores.
 */
static void
am_costestimate(PlannerInfo *root, IndexPath *path, double loop_count, Cost *startup, Cost *total,
				Selectivity *selectivity, double *correlation, double *pages)
{
	double		rows = Max(path->indexinfo->tuples, 1);
	List	   *quals = get_quals_from_indexclauses(path->indexclauses);
	Cost		match;

	quals = add_predicate_to_index_quals(path->indexinfo, quals);
	*selectivity = clauselist_selectivity(root, quals, path->indexinfo->rel->relid, JOIN_INNER, NULL);
	*correlation = 0;
	*pages = path->indexinfo->pages;
	match = path->indexclauses ? match_cost(path->indexinfo, *selectivity) : 0;
	if (path->indexorderbys == NIL && path->indexclauses != NIL)
	{
		*startup = match;
		*total = match + *selectivity * rows * cpu_index_tuple_cost;
		return;
	}
	if (path->indexorderbys == NIL || is_for_other_terms(path))
	{
		*startup = *total = get_float8_infinity();
		vs_disable_path(&path->path);
		return;
	}
	*startup = match + 10 * random_page_cost + 0.02 * rows * cpu_operator_cost;
	*total = *startup + rows * cpu_index_tuple_cost +
		0.1 * path->indexinfo->pages * seq_page_cost;
}

static bool
am_property(Oid index, int column, IndexAMProperty property, const char *name, bool *answer,
			bool *isnull)
{
	if (property != AMPROP_DISTANCE_ORDERABLE || column == 0)
		return false;
	*answer = true;
	return true;
}

PG_FUNCTION_INFO_V1(vecstore_bm25_handler);
Datum
vecstore_bm25_handler(PG_FUNCTION_ARGS)
{
	IndexAmRoutine *am = makeNode(IndexAmRoutine);

	am->amstrategies = 3;
	am->amsupport = 0;
	am->amcanorderbyop = true;
	am->amoptionalkey = true;
	am->amusemaintenanceworkmem = true;
	vs_can_build_parallel(am);
	am->amparallelvacuumoptions = VACUUM_OPTION_NO_PARALLEL;
	am->amkeytype = InvalidOid;

	am->ambuild = vs_bm25_build;
	am->ambuildempty = am_buildempty;
	am->aminsert = am_insert;
	am->ambulkdelete = am_bulkdelete;
	am->amvacuumcleanup = am_vacuumcleanup;
	am->amcostestimate = am_costestimate;
	am->amoptions = am_options;
	am->amproperty = am_property;
	am->ambuildphasename = vs_bm25_build_phase;
	am->amvalidate = vs_bm25_validate;
	am->ambeginscan = vs_bm25_beginscan;
	am->amrescan = vs_bm25_rescan;
	am->amgettuple = vs_bm25_gettuple;
	am->amgetbitmap = vs_bm25_getbitmap;
	am->amendscan = vs_bm25_endscan;
	PG_RETURN_POINTER(am);
}

/* ---- looking into an index ---- */

/* The table is locked first, as everyone does: DROP INDEX would else wait for us, and we for it. */
Relation
vs_bm25_open_to_inspect(Oid oid)
{
	Oid			table = IndexGetRelation(oid, true);
	Relation	rel;

	if (OidIsValid(table))
	{
		if (pg_class_aclcheck(table, GetUserId(), ACL_SELECT) != ACLCHECK_OK)
			aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_INDEX, get_rel_name(oid));
		LockRelationOid(table, AccessShareLock);
	}
	rel = vs_bm25_open_index(oid);
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a partitioned index", RelationGetRelationName(rel)),
				 errhint("Name the index of a partition.")));
	if (RELATION_IS_OTHER_TEMP(rel))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot access temporary indexes of other sessions")));
	return rel;
}

PG_FUNCTION_INFO_V1(vecstore_bm25_index_info);
Datum
vecstore_bm25_index_info(PG_FUNCTION_ARGS)
{
	Relation	rel = vs_bm25_open_to_inspect(PG_GETARG_OID(0));
	TupleDesc	desc;
	Datum		values[10];
	bool		nulls[10] = {0};
	VsBm25Meta	meta;
	int64		docs = 0;
	int64		nnulls = 0;
	int64		length = 0;
	int64		unused = 0;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	vs_bm25_meta_read(rel, &meta);
	for (int i = 0; i < meta.nsegments; i++)
	{
		docs += meta.segments[i].ndocs;
		nnulls += meta.segments[i].nnulls;
		length += meta.segments[i].length;
	}
	for (int i = 0; i < meta.nfree; i++)
		unused += meta.free[i].nblocks;
	values[0] = CStringGetTextDatum(meta.tokenizer_version);
	values[1] = Float8GetDatum(vs_bm25_k1(rel));
	values[2] = Float8GetDatum(vs_bm25_b(rel));
	values[3] = Int32GetDatum(meta.nsegments);
	values[4] = Int64GetDatum(docs);
	values[5] = Int64GetDatum(nnulls);
	values[6] = Int64GetDatum(length);
	values[7] = Int32GetDatum(vs_bm25_pending_blocks(&meta));
	values[8] = Int64GetDatum(unused);
	values[9] = Int64GetDatum((int64) RelationGetNumberOfBlocks(rel) * BLCKSZ);
	relation_close(rel, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
