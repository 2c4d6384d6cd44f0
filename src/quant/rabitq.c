/*
 * rabitq.c
 *		RaBitQ codes: encoding, and the estimate for a whole neighbour list.
 *
 * Codes are row-major: one neighbour's code is one run of bytes, so that an
 * edge changes few bytes of its page.  A byte holds 8/bits coordinates; field
 * f of byte j (the bits from f * bits up) is coordinate j * (8/bits) + f.  The
 * query's 8-bit values are stored the other way round: first those for field
 * 0 of every byte, then those for field 1, ...  A vector register of code
 * bytes, shifted and masked, then meets the values of its field without any
 * shuffle, for every number of bits and every instruction set.
 */
#include "quant/rabitq.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "quant/half.h"
#include "quant/simd.h"

/* The centre of the codes: u - LEVEL_MIDDLE(bits) is symmetric about 0. */
#define LEVEL_MIDDLE(bits) ((float) ((1 << (bits)) - 1) * 0.5f)

/*
 * Width of a level, in standard deviations, that quantizes a Gaussian with
 * the least error (J. Max, "Quantizing for minimum distortion", 1960).  With
 * one bit any width gives the same code.
 */
static inline float
level_width(int bits)
{
	return bits == 4 ? 0.3352f : bits == 2 ? 0.9957f : 1.0f;
}

/*
 * Root mean square of a coordinate of x, and of its part perpendicular to r,
 * for Gaussian r.
 */
static inline float
level_rms(int bits)
{
	return bits == 4 ? 2.966f : bits == 2 ? 0.943f : 0.5f;
}

static inline float
level_noise(int bits)
{
	return bits == 4 ? 0.319f : bits == 2 ? 0.325f : 0.302f;
}

/* Squared distance between two vectors of n (a multiple of 16) floats. */
VS_INLINE float
squared_distance_body(const float *a, const float *b, int n)
{
	float		sum[VS_LANES] = {0};

	for (int i = 0; i < n; i += VS_LANES)
	{
		for (int l = 0; l < VS_LANES; l++)
		{
			float		r = a[i + l] - b[i + l];

			sum[l] += r * r;
		}
	}
	return vs_lanes_sum(sum);
}

/* Pack sixteen integers of the given number of bits. */
VS_INLINE void
pack_levels(uint8_t *code, const int32_t *levels, int bits)
{
	if (bits == 1)
	{
		unsigned	word = 0;

		for (int l = 0; l < VS_LANES; l++)
			word |= (unsigned) levels[l] << l;
		code[0] = (uint8_t) word;
		code[1] = (uint8_t) (word >> 8);
	}
	else if (bits == 2)
	{
		for (int j = 0; j < 4; j++)
			code[j] = (uint8_t) (levels[4 * j] | levels[4 * j + 1] << 2 |
								 levels[4 * j + 2] << 4 | levels[4 * j + 3] << 6);
	}
	else
	{
		for (int j = 0; j < 8; j++)
			code[j] = (uint8_t) (levels[2 * j] | levels[2 * j + 1] << 4);
	}
}

/* The level of a coordinate of r, where inverse is one by a level's width. */
VS_INLINE int32_t
level_of(int bits, float r, float inverse)
{
	float		top = (float) ((1 << bits) - 1);
	float		u = r * inverse + (LEVEL_MIDDLE(bits) + 0.5f);

	if (bits == 1)
		return r >= 0.0f;
	u = u > 0.0f ? u : 0.0f;	/* NaN too */
	u = u < top ? u : top;
	return (int32_t) u;
}

/* One by a level's width, for r of this length; 0 if r is 0, or if signs are all. */
VS_INLINE float
level_inverse(int bits, int padded, float norm2)
{
	if (bits == 1 || !(norm2 > 0.0f))
		return 0.0f;
	return sqrtf((float) padded) / (sqrtf(norm2) * level_width(bits));
}

/* Sums an encoding yields. */
typedef struct EncodeSums
{
	double		norm2;			/* <r, r> */
	double		rx;				/* <r, x> */
	double		cx;				/* <c, x> */
	double		cr;				/* <c, r> */
} EncodeSums;

/* ---- encoding floats ---- */

/* The loop of vs_rabitq_encode for a constant number of bits. */
VS_INLINE EncodeSums
encode_levels(int bits, int padded, const float *o, const float *c, uint8_t *code)
{
	float		rx[VS_LANES] = {0};
	float		cx[VS_LANES] = {0};
	float		cr[VS_LANES] = {0};
	float		norm2 = squared_distance_body(o, c, padded);
	float		inverse = level_inverse(bits, padded, norm2);
	EncodeSums	sums;

	for (int i = 0; i < padded; i += VS_LANES)
	{
		int32_t		levels[VS_LANES];

		for (int l = 0; l < VS_LANES; l++)
		{
			float		r = o[i + l] - c[i + l];
			float		x;

			levels[l] = level_of(bits, r, inverse);
			x = (float) levels[l] - LEVEL_MIDDLE(bits);
			rx[l] += r * x;
			cx[l] += c[i + l] * x;
			cr[l] += c[i + l] * r;
		}
		pack_levels(code + i / 8 * bits, levels, bits);
	}
	sums.norm2 = norm2;
	sums.rx = vs_lanes_sum(rx);
	sums.cx = vs_lanes_sum(cx);
	sums.cr = vs_lanes_sum(cr);
	return sums;
}

VS_INLINE EncodeSums
encode_body(int bits, int padded, const float *o, const float *c, uint8_t *code)
{
	if (bits == 1)
		return encode_levels(1, padded, o, c, code);
	if (bits == 2)
		return encode_levels(2, padded, o, c, code);
	return encode_levels(4, padded, o, c, code);
}

VS_VARIANTS(EncodeSums, encode,
			(int bits, int padded, const float *o, const float *c, uint8_t *code),
			(bits, padded, o, c, code))

/* ---- encoding bytes ---- */

/*
 * r in whole numbers: o's level times one of these, less c's times the other.
 * They are to each other as the steps, the larger has 15 bits.  Rounding moves a
 * coordinate by less than a 500th of that step, where encoding the vector has
 * moved it by up to half.  r has 24 bits with its sign: it is exact as a float,
 * too, and the same on every processor.
 */
typedef struct StepRatio
{
	int16_t		o;
	int16_t		c;
	float		unit;			/* what one of r is worth */
} StepRatio;

static StepRatio
step_ratio(const VsBytes *o, const VsBytes *c)
{
	float		larger = o->step > c->step ? o->step : c->step;
	float		top = 32767.0f;
	StepRatio	ratio = {0, 0, larger / top};

	if (larger > 0.0f)
	{
		ratio.o = (int16_t) (o->step / larger * top + 0.5f);
		ratio.c = (int16_t) (c->step / larger * top + 0.5f);
	}
	return ratio;
}

/*
 * With levels of 8 bits all sums are whole numbers.  These two are of the
 * vectors' levels times 2 x, which is odd; the rest follows from the lengths,
 * which are known, and the distance.  At most 127 * 15 * 16,000: no overflow.
 */
typedef struct LevelSums
{
	int32_t		ox;
	int32_t		cx;
} LevelSums;

/*
 * The codes, by a plain loop, for any processor.  What is written for one
 * instruction set below gives the same bits.  inverse is one by a level's width,
 * in units of r.
 */
VS_INLINE LevelSums
byte_codes_plain(int bits, int padded, const VsBytes *o, const VsBytes *c, StepRatio ratio,
				 float inverse, uint8_t *code)
{
	LevelSums	sums = {0, 0};

	for (int i = 0; i < padded; i += VS_LANES)
	{
		int32_t		levels[VS_LANES];

		for (int l = 0; l < VS_LANES; l++)
		{
			int32_t		r = ratio.o * o->levels[i + l] - ratio.c * c->levels[i + l];
			int32_t		twice_x;

			levels[l] = level_of(bits, (float) r, inverse);
			twice_x = 2 * levels[l] - ((1 << bits) - 1);
			sums.ox += twice_x * o->levels[i + l];
			sums.cx += twice_x * c->levels[i + l];
		}
		pack_levels(code + i / 8 * bits, levels, bits);
	}
	return sums;
}

#ifdef VS_X86

/* What a step of byte_codes_avx2 needs and adds to. */
typedef struct ByteStep
{
	__m256i		ratio;			/* o's and minus c's, in pairs */
	__m256		inverse;		/* by 256 */
	__m256i		ox;
	__m256i		cx;
} ByteStep;

/*
 * The level of each of eight coordinates of 256 r, by level_of's steps; with one
 * bit only its sign counts, which is that of r.
 */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256i
eight_levels_avx2(int bits, const ByteStep *step, __m256i r)
{
	__m256		u;

	if (bits == 1)
		return r;
	u = _mm256_add_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(r), step->inverse),
					  _mm256_set1_ps(LEVEL_MIDDLE(bits) + 0.5f));
	u = _mm256_min_ps(_mm256_max_ps(u, _mm256_setzero_ps()),
					  _mm256_set1_ps((float) ((1 << bits) - 1)));
	return _mm256_cvttps_epi32(u);
}

/*
 * 32 levels, in bytes.  Unpacking and packing both work on halves of a register,
 * so that the order is restored; packing saturates, which keeps signs.
 */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256i
levels_avx2(int bits, const ByteStep *step, __m256i o, __m256i c)
{
	const __m256i zero = _mm256_setzero_si256();
	__m256i		pairs[2] = {_mm256_unpacklo_epi8(o, c), _mm256_unpackhi_epi8(o, c)};
	__m256i		words[2];
	__m256i		levels;

	for (int k = 0; k < 2; k++)
	{
		/* A byte over a zero is 256 times its value: the products fit 32 bits. */
		__m256i		low = _mm256_madd_epi16(_mm256_unpacklo_epi8(zero, pairs[k]), step->ratio);
		__m256i		high = _mm256_madd_epi16(_mm256_unpackhi_epi8(zero, pairs[k]), step->ratio);

		words[k] = _mm256_packs_epi32(eight_levels_avx2(bits, step, low),
									  eight_levels_avx2(bits, step, high));
	}
	levels = _mm256_packs_epi16(words[0], words[1]);
	if (bits == 1)
		levels = _mm256_add_epi8(_mm256_set1_epi8(1), _mm256_cmpgt_epi8(zero, levels));
	return levels;
}

/* Pack 32 levels into a code, 4 * bits bytes. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE void
pack_levels_avx2(int bits, __m256i levels, uint8_t *code)
{
	if (bits == 1)
	{
		int			word = _mm256_movemask_epi8(_mm256_slli_epi16(levels, 7));

		memcpy(code, &word, sizeof(word));
	}
	else if (bits == 2)
	{
		/* Pairs, then pairs of pairs, which each end up in 32 bits. */
		__m256i		pairs = _mm256_maddubs_epi16(levels, _mm256_set1_epi16(4 << 8 | 1));
		__m256i		fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(16 << 16 | 1));
		__m128i		words = _mm_packs_epi32(_mm256_castsi256_si128(fours),
											_mm256_extracti128_si256(fours, 1));

		_mm_storel_epi64((__m128i *) code, _mm_packus_epi16(words, words));
	}
	else
	{
		__m256i		pairs = _mm256_maddubs_epi16(levels, _mm256_set1_epi16(16 << 8 | 1));

		_mm_storeu_si128((__m128i *) code,
						 _mm_packus_epi16(_mm256_castsi256_si128(pairs),
										  _mm256_extracti128_si256(pairs, 1)));
	}
}

/* Encode 32 coordinates. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE void
byte_step_avx2(int bits, ByteStep *step, __m256i o, __m256i c, uint8_t *code)
{
	__m256i		levels = levels_avx2(bits, step, o, c);
	__m256i		twice_x = _mm256_sub_epi8(_mm256_add_epi8(levels, levels),
										  _mm256_set1_epi8((char) ((1 << bits) - 1)));

	pack_levels_avx2(bits, levels, code);
	step->ox = _mm256_add_epi32(step->ox, vs_products_avx2(twice_x, o));
	step->cx = _mm256_add_epi32(step->cx, vs_products_avx2(twice_x, c));
}

VS_TARGET_AVX2_SAME_BITS VS_INLINE LevelSums
byte_codes_avx2(int bits, int padded, const VsBytes *o, const VsBytes *c, StepRatio ratio,
				float inverse, uint8_t *code)
{
	__m256i		zero = _mm256_setzero_si256();
	__m256i		pair = _mm256_unpacklo_epi16(_mm256_set1_epi16(ratio.o),
											 _mm256_set1_epi16((int16_t) -ratio.c));
	ByteStep	step = {pair, _mm256_set1_ps(inverse / 256.0f), zero, zero};
	__m256i		sums;
	int			i = 0;

	for (; i + 32 <= padded; i += 32)
		byte_step_avx2(bits, &step, _mm256_loadu_si256((const __m256i *) (o->levels + i)),
					   _mm256_loadu_si256((const __m256i *) (c->levels + i)), code + i / 8 * bits);
	if (i < padded)
	{
		/* Sixteen more, and as many zeros, which add nothing to the sums. */
		__m128i		o16 = _mm_loadu_si128((const __m128i *) (o->levels + i));
		__m128i		c16 = _mm_loadu_si128((const __m128i *) (c->levels + i));
		uint8_t		bytes[16];

		byte_step_avx2(bits, &step, _mm256_zextsi128_si256(o16), _mm256_zextsi128_si256(c16),
					   bytes);
		memcpy(code + i / 8 * bits, bytes, VS_LANES / 8 * bits);
	}
	sums = _mm256_hadd_epi32(step.ox, step.cx);
	sums = _mm256_hadd_epi32(sums, sums);
	sums = _mm256_add_epi32(sums, _mm256_permute2x128_si256(sums, sums, 1));
	return (LevelSums) {_mm256_extract_epi32(sums, 0), _mm256_extract_epi32(sums, 1)};
}

#endif							/* VS_X86 */

/* Define the codes for one instruction set, a loop per number of bits. */
#define BYTE_CODES(suffix, target) \
	target static LevelSums \
	byte_codes_bits_##suffix(int bits, int padded, const VsBytes *o, const VsBytes *c, \
							 StepRatio ratio, float inverse, uint8_t *code) \
	{ \
		if (bits == 1) \
			return byte_codes_##suffix(1, padded, o, c, ratio, inverse, code); \
		if (bits == 2) \
			return byte_codes_##suffix(2, padded, o, c, ratio, inverse, code); \
		return byte_codes_##suffix(4, padded, o, c, ratio, inverse, code); \
	}

BYTE_CODES(plain, )
#ifdef VS_X86
BYTE_CODES(avx2, VS_TARGET_AVX2_SAME_BITS)
#endif

/*
 * Squares are stored with the vectors, so lengths are those of all coordinates even where
 * the code is of the first ones: rescale then makes up for the others.
 */
static EncodeSums
encode_bytes(int bits, int padded, const VsBytes *o, const VsBytes *c, uint8_t *code)
{
	float		norm2 = vs_bytes_kernel(VS_RANK_L2) (o, c, padded);
	StepRatio	ratio = step_ratio(o, c);
	float		inverse = level_inverse(bits, padded, norm2) * ratio.unit;
	double		o_step = o->step;
	double		c_step = c->step;
	LevelSums	levels;
	EncodeSums	sums;

#ifdef VS_X86
	if (vs_isa_has_avx2())
		levels = byte_codes_bits_avx2(bits, padded, o, c, ratio, inverse, code);
	else
#endif
		levels = byte_codes_bits_plain(bits, padded, o, c, ratio, inverse, code);
	sums.norm2 = norm2;
	sums.cx = 0.5 * c_step * levels.cx;
	sums.rx = 0.5 * o_step * levels.ox - sums.cx;

	/* |o|^2 = |c|^2 + 2 <c, r> + |r|^2. */
	sums.cr = 0.5 * (o_step * o_step * o->square - c_step * c_step * c->square - norm2);
	return sums;
}

/*
 * Factors from what an encoding yields.
 *
 * A neighbour equal to the centre gets factors 0: its rank is the centre's.
 */
static VsRabitqFactors
factors_of(VsRankKind kind, EncodeSums sums)
{
	VsRabitqFactors factors = {0.0f, 0.0f};
	double		rescale;

	if (!(sums.rx > 0.0))
		return factors;
	rescale = -sums.norm2 / sums.rx;
	if (kind == VS_RANK_L2)
		rescale *= 2.0;
	factors.rescale = (float) rescale;
	factors.add = (float) ((kind == VS_RANK_L2 ? sums.norm2 : -sums.cr) - rescale * sums.cx);
	return factors;
}

/* Encode a neighbour relative to the centre. */
VsRabitqFactors
vs_rabitq_encode(VsRankKind kind, int bits, int padded,
				 const float *neighbour, const float *centre, uint8_t *code)
{
	return factors_of(kind, encode(bits, padded, neighbour, centre, code));
}

VsRabitqFactors
vs_rabitq_encode_bytes(VsRankKind kind, int bits, int padded,
					   const VsBytes *neighbour, const VsBytes *centre, uint8_t *code)
{
	return factors_of(kind, encode_bytes(bits, padded, neighbour, centre, code));
}

/*
 * A unit for a list: the distance itself, rounded to a power of two so that
 * packing rounds once only.
 */
float
vs_rabitq_unit(float distance_squared)
{
	float		distance = sqrtf(distance_squared);
	int			exponent;

	if (!(distance > 0x1p-60f))
		return 0x1p-60f;
	if (!(distance < 0x1p60f))
		return 0x1p60f;
	(void) frexpf(distance, &exponent);
	return ldexpf(1.0f, exponent);
}

/* A half no larger than the largest; NaN counts as large. */
static uint16_t
half_clamped(float value)
{
	if (value < -VS_HALF_MAX)
		value = -VS_HALF_MAX;
	else if (!(value <= VS_HALF_MAX))
		value = VS_HALF_MAX;
	return vs_half_from_float(value);
}

/* Pack factors in a list's unit; false if they had to be clamped. */
bool
vs_rabitq_pack(VsRabitqFactors factors, float unit, VsRabitqPacked *packed)
{
	float		add = factors.add / unit / unit;
	float		rescale = factors.rescale / unit;

	packed->add = half_clamped(add);
	packed->rescale = half_clamped(rescale);
	return fabsf(add) <= VS_HALF_MAX && fabsf(rescale) <= VS_HALF_MAX;
}

/* Factors as they were before vs_rabitq_pack, but for rounding. */
VsRabitqFactors
vs_rabitq_unpack(VsRabitqPacked packed, float unit)
{
	VsRabitqFactors factors;

	factors.add = vs_half_to_float(packed.add) * unit * unit;
	factors.rescale = vs_half_to_float(packed.rescale) * unit;
	return factors;
}

/* Bytes of one field's values: whole AVX-512 registers. */
static inline int
field_stride(int bits, int padded)
{
	return ((int) vs_rabitq_code_bytes(padded, bits) + 63) & ~63;
}

/* Bytes the caller must allocate for vs_rabitq_query_init_bytes. */
size_t
vs_rabitq_query_size(int bits, int padded)
{
	return sizeof(VsRabitqQuery) + (size_t) (8 / bits) * field_stride(bits, padded);
}

/* Sort the levels that meet the code bytes from j on by field. */
static void
sort_levels_plain(VsRabitqQuery *query, const int8_t *levels, int j)
{
	int			fields = 8 / query->bits;

	for (; j < query->code_bytes; j++)
	{
		for (int f = 0; f < fields; f++)
			query->values[f * query->field_stride + j] = levels[j * fields + f];
	}
}

#ifdef VS_X86

/*
 * The same for whole groups of 16 code bytes; returns how many bytes that is.
 *
 * A level's place in a group, in binary, is that of its byte (4 digits), then its
 * field.  Interleaving the first half of the group with the second moves the
 * first digit to the end: four times, and the field comes first.
 */
VS_TARGET_AVX2_SAME_BITS VS_INLINE int
sort_levels_fields(VsRabitqQuery *query, const int8_t *levels, int fields)
{
	int			j = 0;

	for (; j + 16 <= query->code_bytes; j += 16)
	{
		__m128i		group[8];
		__m128i		next[8];

		for (int k = 0; k < fields; k++)
			group[k] = _mm_loadu_si128((const __m128i *) (levels + j * fields + 16 * k));
		for (int round = 0; round < 4; round++)
		{
			for (int k = 0; k < fields / 2; k++)
			{
				next[2 * k] = _mm_unpacklo_epi8(group[k], group[k + fields / 2]);
				next[2 * k + 1] = _mm_unpackhi_epi8(group[k], group[k + fields / 2]);
			}
			for (int k = 0; k < fields; k++)
				group[k] = next[k];
		}
		for (int f = 0; f < fields; f++)
			_mm_storeu_si128((__m128i *) (query->values + f * query->field_stride + j), group[f]);
	}
	return j;
}

VS_TARGET_AVX2_SAME_BITS static int
sort_levels_avx2(VsRabitqQuery *query, const int8_t *levels)
{
	if (query->bits == 1)
		return sort_levels_fields(query, levels, 8);
	if (query->bits == 2)
		return sort_levels_fields(query, levels, 4);
	return sort_levels_fields(query, levels, 2);
}

#endif							/* VS_X86 */

VS_INLINE int32_t
levels_sum_body(const int8_t *levels, int n)
{
	int32_t		sum = 0;

	for (int i = 0; i < n; i++)
		sum += levels[i];
	return sum;
}

VS_VARIANTS(int32_t, levels_sum, (const int8_t *levels, int n), (levels, n))

/* Make a query of 8-bit levels ready: sort them by field. */
void
vs_rabitq_query_init_bytes(VsRabitqQuery *query, int bits, int padded, const VsBytes *bytes)
{
	int			sorted = 0;

	query->padded = padded;
	query->bits = bits;
	query->code_bytes = (int) vs_rabitq_code_bytes(padded, bits);
	query->field_stride = field_stride(bits, padded);
	query->step = bytes->step;
	query->offset = LEVEL_MIDDLE(bits) * (float) levels_sum(bytes->levels, padded);
#ifdef VS_X86
	if (vs_isa_has_avx2())
		sorted = sort_levels_avx2(query, bytes->levels);
#endif
	sort_levels_plain(query, bytes->levels, sorted);
	for (int f = 0; f < 8 / bits; f++)
		memset(query->values + f * query->field_stride + query->code_bytes, 0,
			   query->field_stride - query->code_bytes);
}

/*
 * Neighbours are priced four at a time: they share the loads of the query's
 * values and the final addition across the lanes.
 */
#define GROUP 4

/*
 * Sum over all coordinates of level times query value.  At most 15 * 127 *
 * 16,000: no overflow.
 */
VS_INLINE int32_t
code_dot_plain(const VsRabitqQuery *query, const uint8_t *code, int bits)
{
	int32_t		sum = 0;

	for (int f = 0; f < 8 / bits; f++)
	{
		const int8_t *values = query->values + f * query->field_stride;

		for (int j = 0; j < query->code_bytes; j++)
			sum += (code[j] >> (f * bits) & ((1 << bits) - 1)) * values[j];
	}
	return sum;
}

#ifdef VS_X86

/* Sums of the eight lanes of four registers. */
VS_TARGET_AVX2 VS_INLINE __m128i
sum_lanes_avx2(const __m256i *sum)
{
	__m256i		all = _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]),
										_mm256_hadd_epi32(sum[2], sum[3]));

	return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/* Add level times value of 32 bytes of each code, the first of which is byte j. */
VS_TARGET_AVX2 VS_INLINE void
group_step_avx2(const VsRabitqQuery *query, const __m256i *code, int j, int bits, __m256i *sum)
{
	const __m256i mask = _mm256_set1_epi8((char) ((1 << bits) - 1));
	__m256i		words[GROUP];

	for (int k = 0; k < GROUP; k++)
		words[k] = _mm256_setzero_si256();

	/* At most 8 * 2 * 127 or 2 * 2 * 15 * 127 in a word: no saturation. */
	for (int f = 0; f < 8 / bits; f++)
	{
		__m256i		values = _mm256_loadu_si256((const __m256i *)
												(query->values + f * query->field_stride + j));

		for (int k = 0; k < GROUP; k++)
		{
			__m256i		levels = _mm256_and_si256(_mm256_srli_epi16(code[k], f * bits), mask);

			words[k] = _mm256_add_epi16(words[k], _mm256_maddubs_epi16(levels, values));
		}
	}
	for (int k = 0; k < GROUP; k++)
		sum[k] = _mm256_add_epi32(sum[k], _mm256_madd_epi16(words[k], _mm256_set1_epi16(1)));
}

/*
 * The last bytes of a code, fewer than 32: nothing behind the code is read.
 * Longer codes have a full register that ends with them, where the bytes before
 * are masked out.
 */
VS_TARGET_AVX2 VS_INLINE __m256i
load_tail_avx2(const uint8_t *code, int bytes, int rest)
{
	static const uint8_t window[64] = {[32 ... 63] = 0xFF};
	uint8_t		tail[32] = {0};

	if (bytes >= 32)
		return _mm256_and_si256(_mm256_loadu_si256((const __m256i *) (code + bytes - 32)),
								_mm256_loadu_si256((const __m256i *) (window + rest)));
	if (rest == 16)
		return _mm256_zextsi128_si256(_mm_loadu_si128((const __m128i *) code));
	memcpy(tail, code, rest);
	return _mm256_loadu_si256((const __m256i *) tail);
}

VS_TARGET_AVX2 VS_INLINE void
group_dots_avx2(const VsRabitqQuery *query, const uint8_t *codes, int n, int bits, int32_t *dots)
{
	int			bytes = query->code_bytes;
	int			j = 0;
	const uint8_t *code[GROUP];
	__m256i		loaded[GROUP];
	__m256i		sum[GROUP];

	for (int k = 0; k < GROUP; k++)
	{
		code[k] = codes + (k < n ? k : 0) * bytes;
		sum[k] = _mm256_setzero_si256();
	}
	for (; j + 32 <= bytes; j += 32)
	{
		for (int k = 0; k < GROUP; k++)
			loaded[k] = _mm256_loadu_si256((const __m256i *) (code[k] + j));
		group_step_avx2(query, loaded, j, bits, sum);
	}
	if (j < bytes)
	{
		for (int k = 0; k < GROUP; k++)
			loaded[k] = load_tail_avx2(code[k], bytes, bytes - j);
		group_step_avx2(query, loaded, bytes >= 32 ? bytes - 32 : 0, bits, sum);
	}
	_mm_storeu_si128((__m128i *) dots, sum_lanes_avx2(sum));
}

VS_TARGET_VNNI VS_INLINE void
group_dots_vnni(const VsRabitqQuery *query, const uint8_t *codes, int n, int bits, int32_t *dots)
{
	const __m512i mask = _mm512_set1_epi8((char) ((1 << bits) - 1));
	__m512i		sum[GROUP];
	__m256i		half[GROUP];
	int			bytes = query->code_bytes;

	for (int k = 0; k < GROUP; k++)
		sum[k] = _mm512_setzero_si512();
	for (int j = 0; j < bytes; j += 64)
	{
		int			rest = bytes - j;
		__mmask64	lanes = rest >= 64 ? ~(__mmask64) 0 : ((__mmask64) 1 << rest) - 1;
		__m512i		code[GROUP];

		for (int k = 0; k < GROUP; k++)
			code[k] = _mm512_maskz_loadu_epi8(lanes, codes + (k < n ? k : 0) * bytes + j);
		for (int f = 0; f < 8 / bits; f++)
		{
			__m512i		values = _mm512_loadu_si512(query->values + f * query->field_stride + j);

			for (int k = 0; k < GROUP; k++)
			{
				__m512i		levels = _mm512_and_si512(_mm512_srli_epi16(code[k], f * bits), mask);

				sum[k] = _mm512_dpbusd_epi32(sum[k], levels, values);
			}
		}
	}
	for (int k = 0; k < GROUP; k++)
		half[k] = _mm256_add_epi32(_mm512_castsi512_si256(sum[k]),
								   _mm512_extracti64x4_epi64(sum[k], 1));
	_mm_storeu_si128((__m128i *) dots, sum_lanes_avx2(half));
}

#endif							/* VS_X86 */

/* One neighbour after another, for any processor. */
VS_INLINE void
group_dots_plain(const VsRabitqQuery *query, const uint8_t *codes, int n, int bits, int32_t *dots)
{
	for (int k = 0; k < n; k++)
		dots[k] = code_dot_plain(query, codes + (size_t) k * query->code_bytes, bits);
}

/* Define the sums of a list for one instruction set, a loop per number of bits. */
#define LIST_DOTS(suffix, target) \
	target VS_INLINE void \
	list_dots_bits_##suffix(const VsRabitqQuery *query, const uint8_t *codes, int n, int bits, \
							int32_t *dots) \
	{ \
		for (int i = 0; i < n; i += GROUP) \
			group_dots_##suffix(query, codes + (size_t) i * query->code_bytes, \
								n - i < GROUP ? n - i : GROUP, bits, dots + i); \
	} \
	target static void \
	list_dots_##suffix(const VsRabitqQuery *query, const uint8_t *codes, int n, int32_t *dots) \
	{ \
		if (query->bits == 1) \
			list_dots_bits_##suffix(query, codes, n, 1, dots); \
		else if (query->bits == 2) \
			list_dots_bits_##suffix(query, codes, n, 2, dots); \
		else \
			list_dots_bits_##suffix(query, codes, n, 4, dots); \
	}

LIST_DOTS(plain, )
#ifdef VS_X86
LIST_DOTS(avx2, VS_TARGET_AVX2)
LIST_DOTS(vnni, VS_TARGET_VNNI)
#endif

/*
 * Level times value sums of n codes, by the instruction set in force; dots has
 * room for n rounded up to a multiple of GROUP.
 */
static void
list_dots(const VsRabitqQuery *query, const uint8_t *codes, int n, int32_t *dots)
{
#ifdef VS_X86
	if (vs_isa_current() == VS_ISA_AVX512 && __builtin_cpu_supports("avx512vnni"))
	{
		list_dots_vnni(query, codes, n, dots);
		return;
	}
	if (vs_isa_has_avx2())
	{
		list_dots_avx2(query, codes, n, dots);
		return;
	}
#endif
	list_dots_plain(query, codes, n, dots);
}

/* What the estimates of a list share. */
typedef struct ListTerms
{
	float		centre_rank;
	float		offset;
	float		step;			/* of the query, times the unit */
	float		unit2;
} ListTerms;

/* Ranks from the sums of n codes; sums may be read up to a multiple of eight. */
static void
list_ranks_plain(const ListTerms *terms, const VsRabitqPacked *factors, const int32_t *dots,
				 int n, float *ranks)
{
	for (int i = 0; i < n; i++)
	{
		float		rank = terms->centre_rank + vs_half_to_float(factors[i].add) * terms->unit2 +
			vs_half_to_float(factors[i].rescale) *
			(((float) dots[i] - terms->offset) * terms->step);

		ranks[i] = rank == rank ? rank : FLT_MAX;
	}
}

#ifdef VS_X86

/* The halves in the low bits of eight integers, by vs_half_to_float's steps. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256
halves_avx2(__m256i half)
{
	__m256i		magnitude = _mm256_and_si256(half, _mm256_set1_epi32(0x7FFF));
	__m256		value = _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(magnitude, 13)),
									  _mm256_set1_ps(0x1p112f));
	__m256i		infinite = _mm256_and_si256(_mm256_cmpgt_epi32(magnitude,
															   _mm256_set1_epi32(0x7BFF)),
											_mm256_set1_epi32(0x7F800000));
	__m256i		sign = _mm256_slli_epi32(_mm256_srli_epi32(half, 15), 31);

	return _mm256_or_ps(value, _mm256_castsi256_ps(_mm256_or_si256(infinite, sign)));
}

/* Eight ranks; factors are the pairs as they are stored, rescale in the high half. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256
eight_ranks_avx2(const ListTerms *terms, __m256i factors, const int32_t *dots)
{
	__m256		dot = _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *) dots));
	__m256		add = _mm256_mul_ps(halves_avx2(factors), _mm256_set1_ps(terms->unit2));
	__m256		turn = _mm256_mul_ps(_mm256_sub_ps(dot, _mm256_set1_ps(terms->offset)),
									 _mm256_set1_ps(terms->step));
	__m256		rank = _mm256_add_ps(_mm256_set1_ps(terms->centre_rank), add);

	turn = _mm256_mul_ps(halves_avx2(_mm256_srli_epi32(factors, 16)), turn);
	rank = _mm256_add_ps(rank, turn);
	return _mm256_blendv_ps(_mm256_set1_ps(FLT_MAX), rank,
							_mm256_cmp_ps(rank, rank, _CMP_ORD_Q));
}

VS_TARGET_AVX2_SAME_BITS static void
list_ranks_avx2(const ListTerms *terms, const VsRabitqPacked *factors, const int32_t *dots,
				int n, float *ranks)
{
	static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
	int			i = 0;

	for (; i + 8 <= n; i += 8)
		_mm256_storeu_ps(ranks + i,
						 eight_ranks_avx2(terms,
										  _mm256_loadu_si256((const __m256i *) (factors + i)),
										  dots + i));
	if (i < n)
	{
		__m256i		lanes = _mm256_loadu_si256((const __m256i *) (window + 8 - (n - i)));
		__m256i		last = _mm256_maskload_epi32((const int *) (factors + i), lanes);

		_mm256_maskstore_ps(ranks + i, lanes, eight_ranks_avx2(terms, last, dots + i));
	}
}

#endif							/* VS_X86 */

static void
list_ranks(const ListTerms *terms, const VsRabitqPacked *factors, const int32_t *dots, int n,
		   float *ranks)
{
#ifdef VS_X86
	if (vs_isa_has_avx2())
	{
		list_ranks_avx2(terms, factors, dots, n, ranks);
		return;
	}
#endif
	list_ranks_plain(terms, factors, dots, n, ranks);
}

/* Codes that are priced at a time. */
#define BATCH 64

/* Estimated ranks of the n neighbours of a list. */
void
vs_rabitq_estimate(const VsRabitqQuery *query, float centre_rank, float share, float unit,
				   const VsRabitqPacked *factors, const uint8_t *codes, int n, float *ranks)
{
	ListTerms	terms = {centre_rank, query->offset, query->step * unit, share * unit * unit};
	int32_t		dots[BATCH];

	for (int first = 0; first < n; first += BATCH)
	{
		int			batch = n - first < BATCH ? n - first : BATCH;

		list_dots(query, codes + (size_t) first * query->code_bytes, batch, dots);
		list_ranks(&terms, factors + first, dots, batch, ranks + first);
	}
}

void
vs_rabitq_estimate_each(const VsRabitqQuery *query, float centre_rank,
						const VsRabitqFactors *factors, const uint8_t *codes, int n, float *ranks)
{
	int32_t		dots[BATCH];

	for (int first = 0; first < n; first += BATCH)
	{
		int			batch = n - first < BATCH ? n - first : BATCH;

		list_dots(query, codes + (size_t) first * query->code_bytes, batch, dots);
		for (int i = 0; i < batch; i++)
		{
			VsRabitqFactors of = factors[first + i];
			float		rank = centre_rank + of.add +
				of.rescale * (((float) dots[i] - query->offset) * query->step);

			ranks[first + i] = rank == rank ? rank : FLT_MAX;
		}
	}
}

/*
 * One standard deviation of an estimate's error: what the code leaves out,
 * seen from the query, and the rounding of the query.
 */
float
vs_rabitq_error(const VsRabitqQuery *query, float rescale, float centre_distance)
{
	float		code = level_noise(query->bits) * centre_distance;
	float		rounding = level_rms(query->bits) * query->step *
		sqrtf((float) query->padded / 12.0f);

	return fabsf(rescale) * sqrtf(code * code + rounding * rounding);
}
