/*
 * bm25.h
 *		BM25's formulas and the one-byte document length.  Pure C: no
 *		postgres.h here.
 */
#ifndef VECSTORE_BM25_H
#define VECSTORE_BM25_H

#include <stdint.h>

/* The values that a document length can have, once it is one byte. */
#define VS_BM25_LENGTHS		256

/* A length as one byte, rounded down; and what such a byte stands for. */
extern uint8_t vs_bm25_encode_length(uint32_t length);
extern uint32_t vs_bm25_decode_length(uint8_t code);

/* How rare a term is that df of n documents have; never negative. */
extern double vs_bm25_idf(double n, double df);

/*
 * For every one-byte length, what a term's frequency competes with:
 * k1 * (1 - b + b * length / avgdl).  Where avgdl is not above 0, nothing is
 * known of lengths, and every document counts as average.
 */
extern void vs_bm25_norms(double norms[VS_BM25_LENGTHS], double k1, double b, double avgdl);

/*
 * What a term that occurs tf times adds to the score, per unit of its idf.  Written so
 * that rounding keeps the order: a larger tf or a smaller norm never has a smaller
 * weight, on which the bounds of top-k searches rely.
 */
static inline double
vs_bm25_weight(double tf, double norm)
{
	return tf > 0 ? 1 / (1 + norm / tf) : 0;
}

#endif							/* VECSTORE_BM25_H */
