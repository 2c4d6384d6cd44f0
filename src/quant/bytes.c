/*
 * bytes.c
 *		Vectors of 8-bit levels: encoding, and their products.
 *
 * A product of two levels fits 15 bits, of which no sum of 16,000 overflows 32.
 * Ranks are put together in double: a distance is a small difference of large
 * squares, and of huge vectors the squares go beyond float.
 */
#include "quant/bytes.h"

#include <float.h>
#include <math.h>

#include "quant/simd.h"

/* Largest level. */
#define TOP 127.0f

/* Largest coordinate that is told from larger ones: 127 steps stay finite. */
#define LARGEST 0x1.FFFFp127f

/* ---- encoding ---- */

/*
 * Set the step that fits the largest coordinate, and return one by it.  A vector
 * of subnormal numbers counts as zero.
 */
static float
fit_step(float largest, VsBytes *bytes)
{
	float		inverse;

	bytes->step = (largest < LARGEST ? largest : LARGEST) / TOP;
	inverse = bytes->step > 0.0f ? 1.0f / bytes->step : 0.0f;
	return isfinite(inverse) ? inverse : 0.0f;
}

static void
encode_portable(int padded, const float *rotated, VsBytes *bytes)
{
	float		largest = 0.0f;
	float		inverse;

	for (int i = 0; i < padded; i++)
		largest = fabsf(rotated[i]) > largest ? fabsf(rotated[i]) : largest;
	inverse = fit_step(largest, bytes);
	bytes->square = 0;
	for (int i = 0; i < padded; i++)
	{
		float		scaled = rotated[i] * inverse;
		int			level;

		scaled = scaled > -TOP ? scaled : -TOP; /* NaN too */
		scaled = scaled < TOP ? scaled : TOP;
		level = (int) (scaled + copysignf(0.5f, scaled));
		bytes->levels[i] = (int8_t) level;
		bytes->square += level * level;
	}
}

#ifdef VS_X86

/* Sum of the eight lanes. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE int32_t
lanes_sum_avx2(__m256i lanes)
{
	__m128i		half = _mm_add_epi32(_mm256_castsi256_si128(lanes),
									 _mm256_extracti128_si256(lanes, 1));

	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
	half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
	return _mm_cvtsi128_si32(half);
}

VS_TARGET_AVX2_SAME_BITS VS_INLINE float
largest_avx2(int padded, const float *rotated)
{
	const __m256 sign = _mm256_set1_ps(-0.0f);
	__m256		largest = _mm256_setzero_ps();
	float		lanes[8];

	/* Where a coordinate is NaN, the second operand is taken. */
	for (int i = 0; i < padded; i += 8)
		largest = _mm256_max_ps(_mm256_andnot_ps(sign, _mm256_loadu_ps(rotated + i)), largest);
	_mm256_storeu_ps(lanes, largest);
	for (int l = 1; l < 8; l++)
		lanes[0] = lanes[l] > lanes[0] ? lanes[l] : lanes[0];
	return lanes[0];
}

/* Eight levels: encode_portable's steps, one by one. */
VS_TARGET_AVX2_SAME_BITS VS_INLINE __m256i
levels_avx2(const float *rotated, __m256 inverse)
{
	__m256		scaled = _mm256_mul_ps(_mm256_loadu_ps(rotated), inverse);
	__m256		half;

	scaled = _mm256_min_ps(_mm256_max_ps(scaled, _mm256_set1_ps(-TOP)), _mm256_set1_ps(TOP));
	half = _mm256_or_ps(_mm256_and_ps(scaled, _mm256_set1_ps(-0.0f)), _mm256_set1_ps(0.5f));
	return _mm256_cvttps_epi32(_mm256_add_ps(scaled, half));
}

VS_TARGET_AVX2_SAME_BITS static void
encode_avx2(int padded, const float *rotated, VsBytes *bytes)
{
	const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
	__m256		inverse = _mm256_set1_ps(fit_step(largest_avx2(padded, rotated), bytes));
	__m256i		square = _mm256_setzero_si256();

	for (int i = 0; i < padded; i += 16)
	{
		__m256i		words = _mm256_packs_epi32(levels_avx2(rotated + i, inverse),
											   levels_avx2(rotated + i + 8, inverse));
		__m256i		levels = _mm256_packs_epi16(words, words);

		/* Packing works on halves of a register: put the quarters in order. */
		levels = _mm256_permutevar8x32_epi32(levels, order);
		_mm_storeu_si128((__m128i *) (bytes->levels + i), _mm256_castsi256_si128(levels));
		square = _mm256_add_epi32(square, _mm256_madd_epi16(words, words));
	}
	bytes->square = lanes_sum_avx2(square);
}

#endif							/* VS_X86 */

void
vs_bytes_encode(int padded, const float *rotated, VsBytes *bytes)
{
	bytes->mark = 0;
#ifdef VS_X86
	if (vs_isa_has_avx2())
	{
		encode_avx2(padded, rotated, bytes);
		return;
	}
#endif
	encode_portable(padded, rotated, bytes);
}

void
vs_bytes_decode(int padded, const VsBytes *bytes, float *rotated)
{
	for (int i = 0; i < padded; i++)
		rotated[i] = bytes->step * (float) bytes->levels[i];
}

/* ---- products of levels ---- */

VS_INLINE int32_t
dot_portable(const int8_t *a, const int8_t *b, int n)
{
	int32_t		sum = 0;

	for (int i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

#ifdef VS_X86

VS_TARGET_AVX2 VS_INLINE int32_t
dot_avx2(const int8_t *a, const int8_t *b, int n)
{
	__m256i		sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
	int			i = 0;

	for (; i + 64 <= n; i += 64)
	{
		for (int k = 0; k < 2; k++)
		{
			__m256i		x = _mm256_loadu_si256((const __m256i *) (a + i + 32 * k));
			__m256i		y = _mm256_loadu_si256((const __m256i *) (b + i + 32 * k));

			sum[k] = _mm256_add_epi32(sum[k], vs_products_avx2(x, y));
		}
	}
	for (; i < n; i += 16)
	{
		__m128i		x = _mm_loadu_si128((const __m128i *) (a + i));
		__m128i		y = _mm_loadu_si128((const __m128i *) (b + i));

		sum[0] = _mm256_add_epi32(sum[0], vs_products_avx2(_mm256_zextsi128_si256(x),
														_mm256_zextsi128_si256(y)));
	}
	return lanes_sum_avx2(_mm256_add_epi32(sum[0], sum[1]));
}

VS_TARGET_VNNI VS_INLINE int32_t
dot_vnni(const int8_t *a, const int8_t *b, int n)
{
	__m512i		sum = _mm512_setzero_si512();

	for (int i = 0; i < n; i += 64)
	{
		int			rest = n - i;
		__mmask64	lanes = rest >= 64 ? ~(__mmask64) 0 : ((__mmask64) 1 << rest) - 1;
		__m512i		x = _mm512_maskz_loadu_epi8(lanes, a + i);
		__m512i		y = _mm512_maskz_loadu_epi8(lanes, b + i);

		y = _mm512_mask_sub_epi8(y, _mm512_movepi8_mask(x), _mm512_setzero_si512(), y);
		sum = _mm512_dpbusd_epi32(sum, _mm512_abs_epi8(x), y);
	}
	return _mm512_reduce_add_epi32(sum);
}

#endif							/* VS_X86 */

/* ---- ranks ---- */

/*
 * A step times a sum of 28 bits is exact in double, so the two differences are
 * rounded once.  Of a vector and itself they are 0, fused operations or not.
 */
VS_INLINE float
l2_rank(const VsBytes *a, const VsBytes *b, int32_t dot)
{
	double		p = a->step;
	double		q = b->step;
	double		rank = p * (p * a->square - q * dot) + q * (q * b->square - p * dot);

	return rank < FLT_MAX ? (rank > 0.0 ? (float) rank : 0.0f) : FLT_MAX;
}

VS_INLINE float
ip_rank(const VsBytes *a, const VsBytes *b, int32_t dot)
{
	double		rank = -((double) a->step * b->step * dot);

	return rank < FLT_MAX ? (rank > -FLT_MAX ? (float) rank : -FLT_MAX) : FLT_MAX;
}

/* Both kernels for one instruction set. */
#define KERNELS(suffix, target) \
	target static float \
	l2_##suffix(const VsBytes *a, const VsBytes *b, int padded) \
	{ \
		return l2_rank(a, b, dot_##suffix(a->levels, b->levels, padded)); \
	} \
	target static float \
	ip_##suffix(const VsBytes *a, const VsBytes *b, int padded) \
	{ \
		return ip_rank(a, b, dot_##suffix(a->levels, b->levels, padded)); \
	}

KERNELS(portable, )
#ifdef VS_X86
KERNELS(avx2, VS_TARGET_AVX2)
KERNELS(vnni, VS_TARGET_VNNI)
#endif

VsBytesKernel
vs_bytes_kernel(VsRankKind kind)
{
#ifdef VS_X86
	if (vs_isa_current() == VS_ISA_AVX512 && __builtin_cpu_supports("avx512vnni"))
		return kind == VS_RANK_L2 ? l2_vnni : ip_vnni;
	if (vs_isa_has_avx2())
		return kind == VS_RANK_L2 ? l2_avx2 : ip_avx2;
#endif
	return kind == VS_RANK_L2 ? l2_portable : ip_portable;
}

/*
 * In double, like the ranks.  For a distance, two times |q - x| times an error
 * along it, which may go either way, and the square of the errors' own length,
 * which always adds: it counts where vectors are a few steps apart.
 */
float
vs_bytes_error(VsRankKind kind, float rank, const VsBytes *a, const VsBytes *b, int padded)
{
	double		p = a->step;
	double		q = b->step;
	double		variance = (p * p + q * q) / 12.0;
	double		own = padded * variance;
	double		error;

	if (kind == VS_RANK_IP)
		error = p * q * sqrt(((double) a->square + b->square) / 12.0);
	else
		error = sqrt(4.0 * rank * variance + own * own);
	return error < FLT_MAX ? (float) error : FLT_MAX;
}
