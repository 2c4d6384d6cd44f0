/*
 * bm25.c
 *		BM25's formulas and the one-byte document length.  Pure C: no
 *		postgres.h here.
 *
 * The score of a document for a query is the sum over the query's terms of
 *
 *		idf(t) * tf / (tf + k1 * (1 - b + b * dl / avgdl))
 *		idf(t) = ln(1 + (n - df + 0.5) / (df + 0.5))
 *
 * where tf says how often the term occurs in the document, dl how long that
 * is, avgdl the average of that over all n documents, and df how many
 * documents have the term: S. Robertson and H. Zaragoza, "The Probabilistic
 * Relevance Framework: BM25 and Beyond", 2009, section 3.4.  Two details are
 * Lucene's.  The 1 within the logarithm keeps the idf of a term positive that
 * more than half of the documents have.  The factor k1 + 1 of the original is
 * left out (since Lucene 8): it multiplies every score alike, so it changes no
 * order, and without it a term adds its idf at most.
 *
 * A document's length is kept in one byte, in the format of Lucene's norms
 * (SmallFloat.intToByte4), everywhere in vecstore, also where the exact length
 * is at hand: so the same document has the same score whichever way it was
 * found.  The first 24 codes stand for themselves.  The others are 24 plus a
 * floating-point number of four significant bits, the first of which, always
 * set, is not stored: three bits of mantissa below five of exponent.  Numbers
 * below 16 need no more than that, so lengths up to 40 are exact; above, the
 * rounding, always down, costs at most an eighth.
 */
#include "hybrid/bm25.h"

#include <math.h>

#define EXACT_CODES		24		/* codes that stand for themselves */
#define MANTISSA_BITS	3
#define MAX_LENGTH		INT32_MAX	/* what the format was made for */

uint8_t
vs_bm25_encode_length(uint32_t length)
{
	uint32_t	mantissa;
	int			shift = 0;

	if (length < EXACT_CODES)
		return (uint8_t) length;
	if (length > MAX_LENGTH)
		length = MAX_LENGTH;

	mantissa = length - EXACT_CODES;
	while (mantissa >> shift >= 2u << MANTISSA_BITS)
		shift++;
	mantissa >>= shift;

	/*
	 * Exponent 0 means that the first bit is not set: numbers below 8.  With
	 * it, the bit itself carries into the exponent's place and makes it 1.
	 */
	return (uint8_t) (EXACT_CODES + ((uint32_t) shift << MANTISSA_BITS) + mantissa);
}

uint32_t
vs_bm25_decode_length(uint8_t code)
{
	uint32_t	bits;
	uint32_t	exponent;
	uint32_t	mantissa;

	if (code < EXACT_CODES)
		return code;
	bits = code - EXACT_CODES;
	exponent = bits >> MANTISSA_BITS;
	mantissa = bits & ((1u << MANTISSA_BITS) - 1);
	if (exponent == 0)
		return EXACT_CODES + mantissa;
	return EXACT_CODES + ((mantissa | 1u << MANTISSA_BITS) << (exponent - 1));
}

double
vs_bm25_idf(double n, double df)
{
	/* Estimates may say that more documents have the term than there are. */
	if (df > n)
		df = n;
	return log(1 + (n - df + 0.5) / (df + 0.5));
}

void
vs_bm25_norms(double norms[VS_BM25_LENGTHS], double k1, double b, double avgdl)
{
	for (int code = 0; code < VS_BM25_LENGTHS; code++)
	{
		double		relative = 1;

		if (avgdl > 0)
			relative = vs_bm25_decode_length((uint8_t) code) / avgdl;
		norms[code] = k1 * (1 - b + b * relative);
	}
}
