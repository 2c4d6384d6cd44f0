/*
 * bits.c
 *		Packing and unpacking numbers; see bits.h.
 */
#include "hybrid/bits.h"
#include "quant/simd.h"

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

static void
unpack_portable(const uint8_t *from, int n, int bits, uint32_t *to)
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

/* Turn gaps into numbers, four at a time, so that only additions wait for each other. */
static uint64_t
sum_gaps(uint32_t *gaps, int n, uint64_t first)
{
	int			i = 0;

	for (; i + 4 <= n; i += 4)
	{
		uint64_t	second = (uint64_t) gaps[i] + gaps[i + 1] + 1;
		uint64_t	third = second + gaps[i + 2] + 1;
		uint64_t	fourth = third + gaps[i + 3] + 1;

		gaps[i] += first;
		gaps[i + 1] = first + second;
		gaps[i + 2] = first + third;
		gaps[i + 3] = first + fourth;
		first += fourth + 1;
	}
	for (; i < n; i++)
	{
		first += gaps[i];
		gaps[i] = first++;
	}
	return first;
}

#ifdef VS_X86

/* A number of so many bits, wherever it begins in a byte, is in four bytes. */
#define WIDE_BITS	24

/* So many gaps of so many bits do not add up to 2^32. */
#define MAX_GAPS	128

/* Where in eight numbers each one is: the bytes that have it, and its first bit there. */
typedef struct Places
{
	uint8_t		bytes[32];
	uint32_t	shifts[8];
} Places;

static Places places_of[WIDE_BITS + 1];

/*
 * The first four numbers are taken from the first byte on, the others from the byte that has
 * the beginning of the fifth: so each half of a register finds its numbers in 16 bytes.
 */
static void
fill_places(Places *places, int bits)
{
	for (int i = 0; i < 8; i++)
	{
		int			bit = i * bits - (i < 4 ? 0 : bits / 2 * 8);

		for (int j = 0; j < 4; j++)
			places->bytes[i * 4 + j] = (uint8_t) (bit / 8 + j);
		places->shifts[i] = bit % 8;
	}
}

static const Places *
get_places(int bits)
{
	Places	   *places = &places_of[bits];

	if (places->bytes[1] == 0)
		fill_places(places, bits);
	return places;
}

/* What eight numbers of so many bits need to be unpacked. */
typedef struct Unpacking
{
	__m256i		bytes;
	__m256i		shifts;
	__m256i		mask;
	int			bits;
} Unpacking;

VS_TARGET_AVX2_SAME_BITS VS_INLINE Unpacking
begin_unpacking(int bits)
{
	const Places *places = get_places(bits);

	return (Unpacking)
	{
		.bytes = _mm256_loadu_si256((const __m256i *) places->bytes),
		.shifts = _mm256_loadu_si256((const __m256i *) places->shifts),
		.mask = _mm256_set1_epi32((1 << bits) - 1),
		.bits = bits
	};
}

VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256i
unpack_eight(const Unpacking *unpacking, const uint8_t *from)
{
	__m128i		low = _mm_loadu_si128((const __m128i *) from);
	__m128i		high = _mm_loadu_si128((const __m128i *) (from + unpacking->bits / 2));
	__m256i		eight = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), unpacking->bytes);

	return _mm256_and_si256(_mm256_srlv_epi32(eight, unpacking->shifts), unpacking->mask);
}

VS_TARGET_AVX2_SAME_BITS static void
unpack_avx2(const uint8_t *from, int n, int bits, uint32_t *to)
{
	Unpacking	unpacking = begin_unpacking(bits);

	for (int i = 0; i < n; i += 8, from += bits)
		_mm256_storeu_si256((__m256i *) (to + i), unpack_eight(&unpacking, from));
}

/* The sums of the first one, two, ... and of all eight numbers. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256i
sum_eight(__m256i eight)
{
	__m256i		low_fourth;

	eight = _mm256_add_epi32(eight, _mm256_slli_si256(eight, 4));
	eight = _mm256_add_epi32(eight, _mm256_slli_si256(eight, 8));
	low_fourth = _mm256_shuffle_epi32(_mm256_permute2x128_si256(eight, eight, 0x08), 0xFF);
	return _mm256_add_epi32(eight, low_fourth);
}

VS_TARGET_AVX2_SAME_BITS static uint64_t
unpack_gaps_avx2(const uint8_t *from, int n, int bits, uint32_t first, uint32_t *to)
{
	Unpacking	unpacking = begin_unpacking(bits);
	__m256i		before = _mm256_set1_epi32((int) (first - 1));

	for (int i = 0; i < n; i += 8, from += bits)
	{
		__m256i		steps = _mm256_add_epi32(unpack_eight(&unpacking, from), _mm256_set1_epi32(1));
		__m256i		numbers = _mm256_add_epi32(sum_eight(steps), before);

		_mm256_storeu_si256((__m256i *) (to + i), numbers);
		before = _mm256_permutevar8x32_epi32(numbers, _mm256_set1_epi32(7));
	}
	return (uint64_t) first + (uint32_t) (to[n - 1] - first) + 1;
}

#endif

void
vs_bits_unpack(const uint8_t *from, int n, int bits, uint32_t *to)
{
#ifdef VS_X86
	if (bits > 0 && bits <= WIDE_BITS && vs_isa_has_avx2())
		unpack_avx2(from, n, bits, to);
	else
#endif
		unpack_portable(from, n, bits, to);
}

uint64_t
vs_bits_unpack_gaps(const uint8_t *from, int n, int bits, uint32_t first, uint32_t *to)
{
#ifdef VS_X86
	if (bits > 0 && bits <= WIDE_BITS && n <= MAX_GAPS && vs_isa_has_avx2())
		return unpack_gaps_avx2(from, n, bits, first, to);
#endif
	unpack_portable(from, n, bits, to);
	return sum_gaps(to, n, first);
}
