/*
 * bits.h
 *		Numbers side by side, in as many bits each as the largest takes.  Pure C: no
 *		postgres.h here.
 *
 * The first number is in the lowest bits of the first byte, on every machine.  Eight
 * numbers take a whole number of bytes, so unpacking goes by eights: one word, or two,
 * is read for all of them, or with AVX2 a register (D. Lemire, L. Boytsov, "Decoding billions
 * of integers per second through vectorization", Software: Practice and Experience 45, 2015).
 */
#ifndef VECSTORE_BITS_H
#define VECSTORE_BITS_H

#include <stdint.h>
#include <string.h>

/* Bytes behind the last number that must be readable, whatever is in them. */
#define VS_BITS_SLACK		32

/* So many numbers may be written beyond those asked for. */
#define VS_BITS_EXCESS		7

/* Bits that a number takes: 0 to 32. */
static inline int
vs_bits_of(uint32_t value)
{
	return value == 0 ? 0 : 32 - __builtin_clz(value);
}

/* Bytes of n numbers. */
static inline int
vs_bits_bytes(int n, int bits)
{
	return (n * bits + 7) / 8;
}

/* Eight bytes as a number. */
static inline uint64_t
vs_bits_word(const uint8_t *bytes)
{
	uint64_t	word;

	memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Number i. */
static inline uint32_t
vs_bits_get(const uint8_t *bytes, int i, int bits)
{
	int			bit = i * bits;

	return (uint32_t) (vs_bits_word(bytes + (bit >> 3)) >> (bit & 7)) &
		(uint32_t) ((UINT64_C(1) << bits) - 1);
}

/* Pack n numbers, none of which takes more bits; returns vs_bits_bytes(). */
extern int	vs_bits_pack(uint8_t *to, const uint32_t *values, int n, int bits);

/* The first n numbers. */
extern void vs_bits_unpack(const uint8_t *from, int n, int bits, uint32_t *to);

/*
 * n > 0 ascending numbers: what was packed of each is the gap to the one before, less one, and of
 * the first its distance from a number that it is not below.  Returns the last one plus one; these
 * are the numbers only if that is at most 2^32.
 */
extern uint64_t vs_bits_unpack_gaps(const uint8_t *from, int n, int bits, uint32_t first,
									uint32_t *to);

#endif							/* VECSTORE_BITS_H */
