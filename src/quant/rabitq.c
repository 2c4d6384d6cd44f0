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

/* Add level times value of 32 code bytes to eight sums. */
VS_TARGET_AVX2 VS_INLINE __m256i
code_step_avx2(const VsRabitqQuery *query, __m256i bytes, int j, int bits, __m256i sum)
{
	const __m256i mask = _mm256_set1_epi8((char) ((1 << bits) - 1));
	__m256i		words = _mm256_setzero_si256();

	/* At most 8 * 2 * 127 or 2 * 2 * 15 * 127 in a word: no saturation. */
	for (int f = 0; f < 8 / bits; f++)
	{
		__m256i		levels = _mm256_and_si256(_mm256_srli_epi16(bytes, f * bits), mask);
		__m256i		values = _mm256_loadu_si256((const __m256i *)
												(query->values + f * query->field_stride + j));

		words = _mm256_add_epi16(words, _mm256_maddubs_epi16(levels, values));
	}
	return _mm256_add_epi32(sum, _mm256_madd_epi16(words, _mm256_set1_epi16(1)));
}

VS_TARGET_AVX2 VS_INLINE int32_t
code_dot_avx2(const VsRabitqQuery *query, const uint8_t *code, int bits)
{
	__m256i		sum = _mm256_setzero_si256();
	__m128i		half;
	int			rest = query->code_bytes % 32;
	int			j = 0;

	for (; j + 32 <= query->code_bytes; j += 32)
		sum = code_step_avx2(query, _mm256_loadu_si256((const __m256i *) (code + j)),
							 j, bits, sum);
	if (rest > 0)
	{
		uint8_t		tail[32] = {0};

		memcpy(tail, code + j, rest);
		sum = code_step_avx2(query, _mm256_loadu_si256((const __m256i *) tail), j, bits, sum);
	}
	half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
	return _mm_cvtsi128_si32(half);
}

VS_TARGET_VNNI VS_INLINE int32_t
code_dot_vnni(const VsRabitqQuery *query, const uint8_t *code, int bits)
{
	const __m512i mask = _mm512_set1_epi8((char) ((1 << bits) - 1));
	__m512i		even = _mm512_setzero_si512();
	__m512i		odd = _mm512_setzero_si512();

	for (int j = 0; j < query->code_bytes; j += 64)
	{
		int			rest = query->code_bytes - j;
		__mmask64	lanes = rest >= 64 ? ~(__mmask64) 0 : ((__mmask64) 1 << rest) - 1;
		__m512i		bytes = _mm512_maskz_loadu_epi8(lanes, code + j);

		for (int f = 0; f < 8 / bits; f += 2)
		{
			const int8_t *values = query->values + f * query->field_stride + j;
			__m512i		low = _mm512_and_si512(_mm512_srli_epi16(bytes, f * bits), mask);
			__m512i		high = _mm512_and_si512(_mm512_srli_epi16(bytes, (f + 1) * bits), mask);

			even = _mm512_dpbusd_epi32(even, low, _mm512_loadu_si512(values));
			odd = _mm512_dpbusd_epi32(odd, high,
									  _mm512_loadu_si512(values + query->field_stride));
		}
	}
	return _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd));
}

#endif							/* VS_X86 */

/* Define the estimate of a list for one instruction set and number of bits. */
#define ESTIMATE_LIST(suffix, target, bits) \
	target static void \
	estimate_##suffix##_##bits(const VsRabitqQuery *query, const uint8_t *codes, \
							   int n, int32_t *dots) \
	{ \
		for (int i = 0; i < n; i++) \
			dots[i] = code_dot_##suffix(query, codes + (size_t) i * query->code_bytes, bits); \
	}

#define ESTIMATE_LISTS(suffix, target) \
	ESTIMATE_LIST(suffix, target, 1) \
	ESTIMATE_LIST(suffix, target, 2) \
	ESTIMATE_LIST(suffix, target, 4) \
	target static void \
	estimate_##suffix(const VsRabitqQuery *query, const uint8_t *codes, int n, int32_t *dots) \
	{ \
		if (query->bits == 1) \
			estimate_##suffix##_1(query, codes, n, dots); \
		else if (query->bits == 2) \
			estimate_##suffix##_2(query, codes, n, dots); \
		else \
			estimate_##suffix##_4(query, codes, n, dots); \
	}

ESTIMATE_LISTS(plain, )
#ifdef VS_X86
ESTIMATE_LISTS(avx2, VS_TARGET_AVX2)
ESTIMATE_LISTS(vnni, VS_TARGET_VNNI)
#endif

/* Level times value sums of n codes, by the instruction set in force. */
static void
list_dots(const VsRabitqQuery *query, const uint8_t *codes, int n, int32_t *dots)
{
#ifdef VS_X86
	VsIsa		isa = vs_isa_current();

	if (isa == VS_ISA_AVX512 && __builtin_cpu_supports("avx512vnni"))
	{
		estimate_vnni(query, codes, n, dots);
		return;
	}
	if (isa == VS_ISA_AVX512 || isa == VS_ISA_AVX2)
	{
		estimate_avx2(query, codes, n, dots);
		return;
	}
#endif
	estimate_plain(query, codes, n, dots);
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
