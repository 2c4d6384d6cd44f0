/*
 * bits.c
 *		Packing and unpacking numbers; see bits.h.
 */
#include "hybrid/bits.h"

int
vs_bits_pack(uint8_t *to, const uint32_t *values, int n, int bits)
{
	uint64_t	word = 0;
	int			filled = 0;
	uint8_t    *start = to;

	for (int i = 0; i < n; i++)
	{
		word |= (uint64_t) values[i] << filled;
		for (filled += bits; filled >= 8; filled -= 8, word >>= 8)
			*to++ = (uint8_t) word;
	}
	if (filled > 0)
		*to++ = (uint8_t) word;
	return (int) (to - start);
}

/* Eight numbers of at most 8 bits. */
static inline void
unpack_word(const uint8_t *from, int bits, uint32_t *to)
{
	uint64_t	word = vs_bits_word(from);
	uint32_t	mask = (1u << bits) - 1;

	for (int i = 0; i < 8; i++, word >>= bits)
		to[i] = (uint32_t) word & mask;
}

/* Eight numbers of at most 16 bits: the second four begin at half a byte if bits are odd. */
static inline void
unpack_two_words(const uint8_t *from, int bits, uint32_t *to)
{
	uint64_t	low = vs_bits_word(from);
	uint64_t	high = vs_bits_word(from + bits / 2) >> (bits % 2 * 4);
	uint32_t	mask = (1u << bits) - 1;

	for (int i = 0; i < 4; i++, low >>= bits, high >>= bits)
	{
		to[i] = (uint32_t) low & mask;
		to[i + 4] = (uint32_t) high & mask;
	}
}

void
vs_bits_unpack(const uint8_t *from, int n, int bits, uint32_t *to)
{
	if (bits == 0)
		memset(to, 0, n * sizeof(uint32_t));
	else if (bits <= 8)
		for (int i = 0; i < n; i += 8, from += bits)
			unpack_word(from, bits, to + i);
	else if (bits <= 16)
		for (int i = 0; i < n; i += 8, from += bits)
			unpack_two_words(from, bits, to + i);
	else
		for (int i = 0; i < n; i++)
			to[i] = vs_bits_get(from, i, bits);
}
