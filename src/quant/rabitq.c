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

#ifdef VS_X86
#include <immintrin.h>
#endif

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

/* Sums an encoding yields. */
typedef struct EncodeSums
{
	float		norm2;			/* <r, r> */
	float		rx;				/* <r, x> */
	float		cx;				/* <c, x> */
	float		cr;				/* <c, r> */
} EncodeSums;

/* The loop of vs_rabitq_encode for a constant number of bits. */
VS_INLINE EncodeSums
encode_levels(int bits, int padded, const float *o, const float *c, uint8_t *code)
{
	float		rx[VS_LANES] = {0};
	float		cx[VS_LANES] = {0};
	float		cr[VS_LANES] = {0};
	float		middle = LEVEL_MIDDLE(bits);
	float		top = 2.0f * middle;
	EncodeSums	sums;
	float		inverse = 0.0f;

	sums.norm2 = squared_distance_body(o, c, padded);
	if (sums.norm2 > 0.0f)
		inverse = sqrtf((float) padded) / (sqrtf(sums.norm2) * level_width(bits));
	for (int i = 0; i < padded; i += VS_LANES)
	{
		int32_t		levels[VS_LANES];

		for (int l = 0; l < VS_LANES; l++)
		{
			float		r = o[i + l] - c[i + l];
			float		x;

			if (bits == 1)
				levels[l] = r >= 0.0f;
			else
			{
				float		u = r * inverse + (middle + 0.5f);
				u = u > 0.0f ? u : 0.0f;	/* NaN too */
				u = u < top ? u : top;
				levels[l] = (int32_t) u;
			}
			x = (float) levels[l] - middle;
			rx[l] += r * x;
			cx[l] += c[i + l] * x;
			cr[l] += c[i + l] * r;
		}
		pack_levels(code + i / 8 * bits, levels, bits);
	}
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

/*
 * Encode a neighbour relative to the centre.
 *
 * A neighbour equal to the centre gets factors 0: its rank is the centre's.
 */
VsRabitqFactors
vs_rabitq_encode(VsRabitqKind kind, int bits, int padded,
				 const float *neighbour, const float *centre, uint8_t *code)
{
	VsRabitqFactors factors = {0.0f, 0.0f};
	EncodeSums	sums = encode(bits, padded, neighbour, centre, code);

	if (!(sums.rx > 0.0f))
		return factors;
	factors.rescale = -sums.norm2 / sums.rx;
	if (kind == VS_RABITQ_L2)
	{
		factors.rescale *= 2.0f;
		factors.add = sums.norm2 - factors.rescale * sums.cx;
	}
	else
		factors.add = -sums.cr - factors.rescale * sums.cx;
	return factors;
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

/* Bytes the caller must allocate for vs_rabitq_query_init. */
size_t
vs_rabitq_query_size(int bits, int padded)
{
	return sizeof(VsRabitqQuery) + (size_t) (8 / bits) * field_stride(bits, padded);
}

/* Make a rotated query ready: round it to 8 bits, sorted by field. */
void
vs_rabitq_query_init(VsRabitqQuery *query, int bits, int padded, const float *rotated)
{
	int			fields = 8 / bits;
	float		largest = 0.0f;
	float		inverse;
	int32_t		sum = 0;

	query->padded = padded;
	query->bits = bits;
	query->code_bytes = (int) vs_rabitq_code_bytes(padded, bits);
	query->field_stride = field_stride(bits, padded);
	for (int i = 0; i < padded; i++)
		largest = fmaxf(largest, fabsf(rotated[i]));
	query->step = largest / 127.0f;
	inverse = query->step > 0.0f ? 1.0f / query->step : 0.0f;
	if (!isfinite(inverse))
		inverse = 0.0f;			/* a query of subnormal numbers is zero */
	memset(query->values, 0, (size_t) fields * query->field_stride);
	for (int i = 0; i < padded; i++)
	{
		float		scaled = rotated[i] * inverse;
		int			value = (int) (scaled + (scaled < 0.0f ? -0.5f : 0.5f));

		value = value > 127 ? 127 : value < -127 ? -127 : value;
		query->values[(i % fields) * query->field_stride + i / fields] = (int8_t) value;
		sum += value;
	}
	query->offset = LEVEL_MIDDLE(bits) * (float) sum;
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

#define VS_TARGET_VNNI \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx2,fma")))

/* Sums of the eight lanes of four registers. */
VS_TARGET_AVX2 VS_INLINE __m128i
sum_lanes_avx2(const __m256i *sum)
{
	__m256i		all = _mm256_hadd_epi32(_mm256_hadd_epi32(sum[0], sum[1]),
										_mm256_hadd_epi32(sum[2], sum[3]));

	return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/* Add level times value of 32 code bytes, the first of which is byte j. */
VS_TARGET_AVX2 VS_INLINE __m256i
code_step_avx2(const VsRabitqQuery *query, __m256i code, int j, int bits, __m256i sum)
{
	const __m256i mask = _mm256_set1_epi8((char) ((1 << bits) - 1));
	__m256i		words = _mm256_setzero_si256();

	/* At most 8 * 2 * 127 or 2 * 2 * 15 * 127 in a word: no saturation. */
	for (int f = 0; f < 8 / bits; f++)
	{
		__m256i		levels = _mm256_and_si256(_mm256_srli_epi16(code, f * bits), mask);
		__m256i		values = _mm256_loadu_si256((const __m256i *)
												(query->values + f * query->field_stride + j));

		words = _mm256_add_epi16(words, _mm256_maddubs_epi16(levels, values));
	}
	return _mm256_add_epi32(sum, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
}

/*
 * The last bytes of a code, fewer than 32: nothing behind the code is read.
 * Longer codes have a full register that ends with them: the bytes before are
 * masked out, and the values are shifted as much.
 */
VS_TARGET_AVX2 VS_INLINE __m256i
code_tail_avx2(const VsRabitqQuery *query, const uint8_t *code, int rest, int bits, __m256i sum)
{
	static const uint8_t window[64] = {[32 ... 63] = 0xFF};
	int			bytes = query->code_bytes;
	uint8_t		tail[32] = {0};
	__m256i		last;

	if (bytes >= 32)
	{
		last = _mm256_and_si256(_mm256_loadu_si256((const __m256i *) (code + bytes - 32)),
								_mm256_loadu_si256((const __m256i *) (window + rest)));
		return code_step_avx2(query, last, bytes - 32, bits, sum);
	}
	if (rest == 16)
		last = _mm256_inserti128_si256(_mm256_setzero_si256(),
									   _mm_loadu_si128((const __m128i *) code), 0);
	else
	{
		memcpy(tail, code, rest);
		last = _mm256_loadu_si256((const __m256i *) tail);
	}
	return code_step_avx2(query, last, 0, bits, sum);
}

VS_TARGET_AVX2 VS_INLINE void
group_dots_avx2(const VsRabitqQuery *query, const uint8_t *codes, int n, int bits, int32_t *dots)
{
	int			bytes = query->code_bytes;
	__m256i		sum[GROUP];

	/* Sixteen registers do not hold the bytes of four codes: one by one. */
	for (int k = 0; k < GROUP; k++)
	{
		const uint8_t *code = codes + (k < n ? k : 0) * bytes;
		int			j = 0;

		sum[k] = _mm256_setzero_si256();
		for (; j + 32 <= bytes; j += 32)
			sum[k] = code_step_avx2(query, _mm256_loadu_si256((const __m256i *) (code + j)),
									j, bits, sum[k]);
		if (j < bytes)
			sum[k] = code_tail_avx2(query, code, bytes - j, bits, sum[k]);
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
	VsIsa		isa = vs_isa_current();

	if (isa == VS_ISA_AVX512 && __builtin_cpu_supports("avx512vnni"))
	{
		list_dots_vnni(query, codes, n, dots);
		return;
	}
	if (isa == VS_ISA_AVX512 || isa == VS_ISA_AVX2)
	{
		list_dots_avx2(query, codes, n, dots);
		return;
	}
#endif
	list_dots_plain(query, codes, n, dots);
}

/* Estimated ranks of the n neighbours of a list. */
void
vs_rabitq_estimate(const VsRabitqQuery *query, float centre_rank, float unit,
				   const VsRabitqPacked *factors, const uint8_t *codes, int n, float *ranks)
{
	float		step = query->step * unit;
	float		unit2 = unit * unit;
	int32_t		dots[64];

	while (n > 0)
	{
		int			batch = n < 64 ? n : 64;

		list_dots(query, codes, batch, dots);
		for (int i = 0; i < batch; i++)
		{
			float		rank = centre_rank + vs_half_to_float(factors[i].add) * unit2 +
				vs_half_to_float(factors[i].rescale) * (((float) dots[i] - query->offset) * step);

			ranks[i] = rank == rank ? rank : FLT_MAX;
		}
		factors += batch;
		codes += (size_t) batch * query->code_bytes;
		ranks += batch;
		n -= batch;
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
