/*
 * tsterms.c
 *		BM25's view of tsquery and tsvector: the terms of a query, how often
 *		each occurs in a document, how long that is.
 *
 * A query is a boolean tree, which says what matches.  For the score only its
 * words count: those of a phrase one by one, each once however often it is
 * written, and none that stands under a NOT, where it names what is not wanted.
 * A prefix is one term whose occurrences are those of all its lexemes.
 */
#include "postgres.h"
#include "compat.h"

#include "hybrid/tsterms.h"
#include "tsearch/ts_utils.h"

/*
 * Which items of a query stand under a NOT.  The operator comes before what it
 * operates on: the right side, or the only one, follows at once, the left one
 * where the operator says.  So one pass does, without recursion.
 */
static bool *
find_negated(QueryItem *items, int n)
{
	bool	   *negated = (bool *) palloc0(n * sizeof(bool));

	for (int i = 0; i < n; i++)
	{
		if (items[i].type != QI_OPR)
			continue;
		if (items[i].qoperator.oper == OP_NOT)
			negated[i + 1] = true;
		else
		{
			negated[i + 1] = negated[i];
			negated[i + items[i].qoperator.left] = negated[i];
		}
	}
	return negated;
}

/* Order of terms: that of their lexemes, a prefix after the lexeme itself. */
static int
compare_terms(const void *a, const void *b)
{
	const VsTerm *left = (const VsTerm *) a;
	const VsTerm *right = (const VsTerm *) b;
	int			diff = vs_compare_lexemes(left->lexeme, left->len, right->lexeme, right->len);

	return diff != 0 ? diff : (int) left->prefix - (int) right->prefix;
}

VsTerm *
vs_query_terms(TSQuery query, int *nterms)
{
	QueryItem  *items = GETQUERY(query);
	VsTerm	   *terms = (VsTerm *) palloc(Max(query->size, 1) * sizeof(VsTerm));
	bool	   *negated = find_negated(items, query->size);
	int			n = 0;
	int			distinct = 0;

	for (int i = 0; i < query->size; i++)
	{
		QueryOperand *operand = &items[i].qoperand;

		if (items[i].type != QI_VAL || negated[i])
			continue;
		terms[n].lexeme = GETOPERAND(query) + operand->distance;
		terms[n].len = operand->length;
		terms[n].prefix = operand->prefix;
		terms[n].classes = operand->weight ? operand->weight : VS_ANY_CLASS;
		n++;
	}
	pfree(negated);

	/* The same term in several places: what counts in one of them counts. */
	qsort(terms, n, sizeof(VsTerm), compare_terms);
	for (int i = 0; i < n; i++)
	{
		if (distinct > 0 && compare_terms(&terms[distinct - 1], &terms[i]) == 0)
			terms[distinct - 1].classes |= terms[i].classes;
		else
			terms[distinct++] = terms[i];
	}
	*nterms = distinct;
	return terms;
}

uint32
vs_document_length(const TSVectorData *document)
{
	uint32		length = 0;

	for (int i = 0; i < document->size; i++)
		length += vs_count_positions(document, &document->entries[i]);
	return length;
}

/*
 * What the occurrences of one lexeme come to.  Without positions there is no
 * class either: it counts as D, as it does for ts_rank, and for any query, as
 * it does for @@.
 */
static double
weigh_positions(const TSVectorData *document, const WordEntry *entry, uint8 classes,
				const double *weights)
{
	const WordEntryPos *positions;
	double		sum = 0;

	if (!entry->haspos)
		return weights ? weights[0] : 1;
	if (classes == VS_ANY_CLASS && weights == NULL)
		return POSDATALEN(document, entry);

	positions = POSDATAPTR(document, entry);
	for (int i = 0; i < POSDATALEN(document, entry); i++)
	{
		int			class = WEP_GETWEIGHT(positions[i]);

		if (classes & (1 << class))
			sum += weights ? weights[class] : 1;
	}
	return sum;
}

double
vs_term_frequency(const TSVectorData *document, const VsTerm *term, const double *weights,
				  int *from)
{
	const char *strings = STRPTR(document);
	int			low = *from;
	int			high = document->size;
	double		tf = 0;

	/* The first lexeme that is not before the term. */
	while (low < high)
	{
		int			middle = low + (high - low) / 2;
		const WordEntry *entry = &document->entries[middle];

		if (vs_compare_lexemes(strings + entry->pos, entry->len, term->lexeme, term->len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*from = low;

	for (; low < document->size; low++)
	{
		const WordEntry *entry = &document->entries[low];

		if (!vs_term_matches(term, strings + entry->pos, entry->len))
			break;
		tf += weigh_positions(document, entry, term->classes, weights);
		if (!term->prefix)
			break;
	}
	return tf;
}
