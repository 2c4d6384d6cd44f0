/*
 * bm25_score.c
 *		SQL function bm25_score(): the BM25 score of a document for a query, by
 *		the statistics of the tsvector column that the document is from.
 *
 * It goes where ts_rank() goes: over the rows that a GIN index found for @@.
 * It is called once a row with the same query, so what depends on the query
 * alone is kept between calls: the terms, the idf of each, and for every length
 * a document can have what the frequencies compete with.  What is left for a
 * row is to look up the terms, and to add up how many positions there are.
 */
#include "postgres.h"
#include "compat.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "hybrid/bm25.h"
#include "hybrid/corpus.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/array.h"

/* The arguments' places. */
enum
{
	ARG_RELATION,
	ARG_COLUMN,
	ARG_DOCUMENT,
	ARG_QUERY,
	ARG_K1,
	ARG_B,
	ARG_WEIGHTS,
	ARG_N,
	ARG_AVGDL,
	NARGS
};

/* An optional argument; NaN where it is NULL, which no valid one is. */
#define GETARG_OPTIONAL(n) (PG_ARGISNULL(n) ? NAN : PG_GETARG_FLOAT8(n))

/* All arguments but the document, and what else the answer depends on. */
typedef struct Question
{
	VsMoment	moment;
	Oid			user;
	Oid			relid;
	const char *column;			/* a copy */
	TSQuery		query;			/* a copy */
	double		k1;
	double		b;
	double		n;				/* NaN: not given */
	double		avgdl;
	ArrayType  *weights;		/* a copy, or NULL */
} Question;

/* What is kept between calls. */
typedef struct Scorer
{
	bool		constant;		/* every call has the same arguments but for the document */
	bool		ready;			/* all that follows is there */
	Question	question;		/* that this answers */
	MemoryContext memory;		/* for all that follows, and the copies */
	VsTerm	   *terms;
	double	   *idf;
	int			nterms;
	bool		weighted;
	double		weights[VS_WEIGHT_CLASSES];
	double		norms[VS_BM25_LENGTHS];
} Scorer;

/* Whether two optional numbers are the same. */
static inline bool
same_number(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* Whether two values of a varlena type, or NULLs, are the same bytes. */
static inline bool
same_bytes(const void *a, const void *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

/* Whether what is kept answers a question. */
static bool
same_question(const Question *a, const Question *b)
{
	return vs_same_moment(&a->moment, &b->moment) && a->user == b->user &&
		a->relid == b->relid && strcmp(a->column, b->column) == 0 &&
		same_bytes(a->query, b->query) && a->k1 == b->k1 && a->b == b->b &&
		same_number(a->n, b->n) && same_number(a->avgdl, b->avgdl) &&
		same_bytes(a->weights, b->weights);
}

/* Error unless a number of the question is in its range. */
static void
check_numbers(const Question *question)
{
	if (!(question->k1 >= 0 && isfinite(question->k1)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("k1 must be a number of at least 0"),
				 errhint("Usual values are 0.9 to 2; the default is 1.2.")));
	if (!(question->b >= 0 && question->b <= 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("b must be between 0 and 1"),
				 errhint("0 ignores how long documents are, 1 allows for it in full; the default is 0.75.")));
	if (!isnan(question->n) && !(question->n >= 0 && isfinite(question->n)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("n, the number of documents, must be at least 0")));
	if (!isnan(question->avgdl) && !(question->avgdl > 0 && isfinite(question->avgdl)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("avgdl, the average length of a document, must be above 0")));
}

/* Take the weights of positions from an array. */
static void
read_weights(ArrayType *array, double *weights)
{
	const float4 *values = (const float4 *) ARR_DATA_PTR(array);

	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != VS_WEIGHT_CLASSES ||
		array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("weights must be an array of %d numbers", VS_WEIGHT_CLASSES),
				 errhint("They are those of the classes D, C, B and A, as for ts_rank().")));
	for (int i = 0; i < VS_WEIGHT_CLASSES; i++)
	{
		weights[i] = values[i];
		if (!(weights[i] >= 0 && isfinite(weights[i])))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a weight must be a number of at least 0")));
	}
}

/* Prepare to answer a question for one document after the other. */
static void
prepare(Scorer *scorer, const Question *question)
{
	Question   *kept = &scorer->question;
	MemoryContext old;
	VsCorpus	corpus;

	/* Should this fail, nothing is kept. */
	scorer->ready = false;
	MemoryContextReset(scorer->memory);
	old = MemoryContextSwitchTo(scorer->memory);

	check_numbers(question);
	vs_check_corpus(question->relid, question->column);
	scorer->weighted = question->weights != NULL;
	if (scorer->weighted)
		read_weights(question->weights, scorer->weights);

	*kept = *question;
	kept->column = pstrdup(question->column);
	kept->query = (TSQuery) memcpy(palloc(VARSIZE(question->query)), question->query,
								   VARSIZE(question->query));
	if (kept->weights)
		kept->weights = (ArrayType *) memcpy(palloc(VARSIZE(question->weights)), question->weights,
											 VARSIZE(question->weights));

	scorer->terms = vs_query_terms(kept->query, &scorer->nterms);
	scorer->idf = (double *) palloc(Max(scorer->nterms, 1) * sizeof(double));
	vs_corpus_statistics(question->relid, question->column, scorer->terms, scorer->nterms,
						 &corpus, scorer->idf);
	if (!isnan(question->n))
		corpus.documents = question->n;
	if (!isnan(question->avgdl))
		corpus.avgdl = question->avgdl;
	for (int i = 0; i < scorer->nterms; i++)
		scorer->idf[i] = vs_bm25_idf(corpus.documents, scorer->idf[i]);
	vs_bm25_norms(scorer->norms, question->k1, question->b, corpus.avgdl);

	MemoryContextSwitchTo(old);
	scorer->ready = true;
}

/* Whether all arguments but the document are constants. */
static bool
is_constant(const FmgrInfo *flinfo)
{
	const FuncExpr *call = (const FuncExpr *) flinfo->fn_expr;

	if (call == NULL || !IsA(call, FuncExpr) || list_length(call->args) != NARGS)
		return false;
	for (int i = 0; i < NARGS; i++)
		if (i != ARG_DOCUMENT && !IsA(list_nth(call->args, i), Const))
			return false;
	return true;
}

/* Whether the question need not be looked at: it is the same one, at the same time. */
static bool
asks_the_same(const Scorer *scorer)
{
	VsMoment	now;

	if (!scorer->constant || !scorer->ready)
		return false;
	now = vs_this_moment();
	return vs_same_moment(&scorer->question.moment, &now) && scorer->question.user == GetUserId();
}

/* The scorer of this call site, ready for the question. */
static Scorer *
get_scorer(FmgrInfo *flinfo, const Question *question)
{
	Scorer	   *scorer = (Scorer *) flinfo->fn_extra;

	if (scorer == NULL)
	{
		scorer = (Scorer *) MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(Scorer));
		scorer->memory = AllocSetContextCreate(flinfo->fn_mcxt, "bm25_score",
											   ALLOCSET_SMALL_SIZES);
		scorer->constant = is_constant(flinfo);
		flinfo->fn_extra = scorer;
	}
	if (!scorer->ready || !same_question(&scorer->question, question))
		prepare(scorer, question);
	return scorer;
}

/* The score of a document. */
static double
score_document(const Scorer *scorer, const TSVectorData *document)
{
	const double *weights = scorer->weighted ? scorer->weights : NULL;
	double		score = 0;
	double		norm = -1;		/* not known yet */
	int			from = 0;

	for (int i = 0; i < scorer->nterms; i++)
	{
		double		tf = vs_term_frequency(document, &scorer->terms[i], weights, &from);

		if (tf <= 0)
			continue;
		if (norm < 0)
			norm = scorer->norms[vs_bm25_encode_length(vs_document_length(document))];
		score += scorer->idf[i] * vs_bm25_weight(tf, norm);
	}
	return score;
}

/*
 * Ask for the memory of a document: to add its positions up all of it is read, here and there.
 * Of a long one the first bytes are enough to begin with.
 */
static void
prefetch_document(const TSVectorData *document)
{
	for (int at = 0; at < Min(VARSIZE(document), 1024); at += 64)
		vs_prefetch((const char *) document + at);
}

/* What a call asks for. */
static Question
get_question(FunctionCallInfo fcinfo)
{
	return (Question)
	{
		.moment = vs_this_moment(),
		.user = GetUserId(),
		.relid = PG_GETARG_OID(ARG_RELATION),
		.column = NameStr(*PG_GETARG_NAME(ARG_COLUMN)),
		.query = PG_GETARG_TSQUERY(ARG_QUERY),
		.k1 = PG_GETARG_FLOAT8(ARG_K1),
		.b = PG_GETARG_FLOAT8(ARG_B),
		.weights = PG_ARGISNULL(ARG_WEIGHTS) ? NULL : PG_GETARG_ARRAYTYPE_P(ARG_WEIGHTS),
		.n = GETARG_OPTIONAL(ARG_N),
		.avgdl = GETARG_OPTIONAL(ARG_AVGDL)
	};
}

PG_FUNCTION_INFO_V1(vecstore_bm25_score);

/*
 * bm25_score(relation, column_name, document, query, k1, b, weights, n, avgdl);
 * NULL if one of the first six is.
 */
PGDLLEXPORT Datum
vecstore_bm25_score(PG_FUNCTION_ARGS)
{
	Scorer	   *scorer = (Scorer *) fcinfo->flinfo->fn_extra;
	TSVector	document;
	double		score;

	Assert(PG_NARGS() == NARGS);
	for (int i = 0; i <= ARG_B; i++)
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();

	if (scorer == NULL || !asks_the_same(scorer))
	{
		Question	question = get_question(fcinfo);

		scorer = get_scorer(fcinfo->flinfo, &question);
	}
	document = PG_GETARG_TSVECTOR(ARG_DOCUMENT);
	prefetch_document(document);
	score = score_document(scorer, document);
	PG_FREE_IF_COPY(document, ARG_DOCUMENT);
	PG_RETURN_FLOAT8(score);
}
