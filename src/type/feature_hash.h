/*
 * feature_hash.h
 *		Text to a vector by feature hashing.  Pure C: no postgres.h here.
 */
#ifndef VECSTORE_FEATURE_HASH_H
#define VECSTORE_FEATURE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer texts are cut here, as real models cut them; about 10,000 words. */
#define VS_FEATURE_MAX_BYTES	65536

/* One word, or pair of neighbouring words, of the text and its frequency. */
typedef struct VsFeature
{
	uint64_t	hash;
	uint32_t	count;			/* 0: free slot */
	uint32_t	start;			/* the word's first byte in the text */
	uint32_t	len;			/* its bytes; 0 for a pair */
} VsFeature;

/*
 * How many zeroed VsFeature slots vs_feature_hash() wants for this text; a
 * power of two, 0 when the text has no word.
 */
extern size_t vs_feature_slots(const char *text, size_t len);

/*
 * Embed text into out[dims], unit length.  slots is the zeroed array that
 * vs_feature_slots() sized, acc a zeroed array of dims.  False, and out
 * zeroed, when the text has no word or, which takes luck, when its features
 * cancel out.
 */
extern bool vs_feature_hash(const char *text, size_t len, VsFeature *slots, size_t nslots,
							int64_t *acc, float *out, int dims);

#endif							/* VECSTORE_FEATURE_HASH_H */
