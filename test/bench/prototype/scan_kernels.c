/*
 * scan_kernels.c
 *		The rivals of the byte-wise kernels in src/quant/rabitq.c: FastScan and
 *		popcount over query bit planes; and a table of all their times.
 *
 * FastScan here works on blocks of 16 neighbours: the block is the byte
 * transpose of their row-major codes, so byte g of neighbour j stands at
 * 16 g + j.  Each byte's two nibbles index tables of 16 partial sums.  Table
 * entries are at most 127, so that the sum of two fits a byte; 16-bit sums
 * are emptied before they overflow.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "proto.h"

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,bmi2")))
#define AVX512POP \
	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vpopcntdq,avx2,popcnt")))
#define AVX2 __attribute__((target("avx2,popcnt")))

/* Those kernels take a query in 8-bit levels. */
void
rabitq_query(VsRabitqQuery *query, int bits, int padded, const float *rotated)
{
	VsBytes    *bytes = xmalloc(vs_bytes_size(padded));

	vs_bytes_encode(padded, rotated, bytes);
	vs_rabitq_query_init_bytes(query, bits, padded, bytes);
	free(bytes);
}

void
fastscan_init(FastScan *scan, int bits, int padded, const float *query)
{
	int			bytes = padded / 8;
	int			room = (bytes + 3) & ~3;
	float		largest = 0.0f;

	scan->padded = padded;
	scan->bits = bits;
	scan->low = xmalloc(room * 16);
	scan->high = xmalloc(room * 16);
	memset(scan->low, 0, room * 16);
	memset(scan->high, 0, room * 16);
	for (int i = 0; i < padded; i += 4)
	{
		float		range = 0.0f;

		for (int j = 0; j < 4; j++)
			range += fabsf(query[i + j]);
		largest = fmaxf(largest, range);
	}
	scan->step = largest / 127.0f;
	scan->base = 0.0f;
	scan->middle_sum = 0.0f;
	for (int i = 0; i < padded; i++)
		scan->middle_sum += (float) ((1 << bits) - 1) * 0.5f * query[i];
	for (int i = 0; i < padded; i += 4)
	{
		uint8_t    *table = (i % 8 == 0 ? scan->low : scan->high) + i / 8 * 16;
		float		least = 0.0f;

		for (int j = 0; j < 4; j++)
			least += query[i + j] < 0.0f ? query[i + j] : 0.0f;
		scan->base += least;
		for (int x = 0; x < 16; x++)
		{
			float		sum = -least;

			for (int j = 0; j < 4; j++)
				sum += x >> j & 1 ? query[i + j] : 0.0f;
			table[x] = largest > 0.0f ? (uint8_t) (sum / scan->step + 0.5f) : 0;
		}
	}
}

void
fastscan_free(FastScan *scan)
{
	free(scan->low);
	free(scan->high);
}

/*
 * Put a row-major code (of rabitq.h) into a lane of a block: bit planes, lowest
 * first, each byte-transposed.
 */
void
fastscan_put(int bits, int padded, uint8_t *block, int lane, const uint8_t *code)
{
	int			per_byte = 8 / bits;

	for (int p = 0; p < bits; p++)
	{
		for (int g = 0; g < padded / 8; g++)
		{
			uint8_t		byte = 0;

			for (int d = g * 8; d < g * 8 + 8; d++)
				byte |= (code[d / per_byte] >> (d % per_byte * bits + p) & 1) << (d % 8);
			block[(size_t) p * padded * 2 + g * 16 + lane] = byte;
		}
	}
}

#ifdef __x86_64__
/* Sixteen sums of table entries over one plane. */
AVX512 static void
fast_sums_512(const FastScan *scan, const uint8_t *plane, uint32_t *sums)
{
	const __m512i nibble = _mm512_set1_epi8(15);
	const __m512i byte = _mm512_set1_epi16(255);
	int			groups = scan->padded / 8;
	__m512i		total_e = _mm512_setzero_si512();
	__m512i		total_o = total_e;
	__m512i		total_e2 = total_e;
	__m512i		total_o2 = total_e;

	for (int g = 0; g < groups;)
	{
		int			stop = g + 512 < groups ? g + 512 : groups;
		__m512i		even = _mm512_setzero_si512();
		__m512i		odd = even;

		for (; g < stop; g += 4)
		{
			int			rest = (groups - g) * 16;
			__mmask64	lanes = rest >= 64 ? ~(__mmask64) 0 : ((__mmask64) 1 << rest) - 1;
			__m512i		codes = _mm512_maskz_loadu_epi8(lanes, plane + g * 16);
			__m512i		sum = _mm512_add_epi8(
											  _mm512_shuffle_epi8(_mm512_load_si512(scan->low + g * 16),
																  _mm512_and_si512(codes, nibble)),
											  _mm512_shuffle_epi8(_mm512_load_si512(scan->high + g * 16),
																  _mm512_and_si512(_mm512_srli_epi16(codes, 4), nibble)));

			even = _mm512_add_epi16(even, _mm512_and_si512(sum, byte));
			odd = _mm512_add_epi16(odd, _mm512_srli_epi16(sum, 8));
		}
		total_e = _mm512_add_epi32(total_e, _mm512_and_si512(even, _mm512_set1_epi32(65535)));
		total_e2 = _mm512_add_epi32(total_e2, _mm512_srli_epi32(even, 16));
		total_o = _mm512_add_epi32(total_o, _mm512_and_si512(odd, _mm512_set1_epi32(65535)));
		total_o2 = _mm512_add_epi32(total_o2, _mm512_srli_epi32(odd, 16));
	}
	{
		uint32_t	part[4][16];

		_mm512_storeu_si512(part[0], total_e);
		_mm512_storeu_si512(part[1], total_o);
		_mm512_storeu_si512(part[2], total_e2);
		_mm512_storeu_si512(part[3], total_o2);
		for (int i = 0; i < 16; i++)
		{
			int			p = i % 4;
			int			j = i / 4;

			sums[i] = part[p][j] + part[p][j + 4] + part[p][j + 8] + part[p][j + 12];
		}
	}
}

AVX2 static void
fast_sums_256(const FastScan *scan, const uint8_t *plane, uint32_t *sums)
{
	const __m256i nibble = _mm256_set1_epi8(15);
	const __m256i byte = _mm256_set1_epi16(255);
	int			groups = scan->padded / 8;	/* even: padded is a multiple of 16 */
	uint16_t	part[2][16];

	memset(sums, 0, 16 * sizeof(uint32_t));
	for (int g = 0; g < groups;)
	{
		int			stop = g + 256 < groups ? g + 256 : groups;
		__m256i		even = _mm256_setzero_si256();
		__m256i		odd = even;

		for (; g < stop; g += 2)
		{
			__m256i		codes = _mm256_loadu_si256((const __m256i *) (plane + g * 16));
			__m256i		sum = _mm256_add_epi8(
											  _mm256_shuffle_epi8(_mm256_load_si256((const __m256i *) (scan->low + g * 16)),
																  _mm256_and_si256(codes, nibble)),
											  _mm256_shuffle_epi8(_mm256_load_si256((const __m256i *) (scan->high + g * 16)),
																  _mm256_and_si256(_mm256_srli_epi16(codes, 4), nibble)));

			even = _mm256_add_epi16(even, _mm256_and_si256(sum, byte));
			odd = _mm256_add_epi16(odd, _mm256_srli_epi16(sum, 8));
		}
		_mm256_storeu_si256((__m256i *) part[0], even);
		_mm256_storeu_si256((__m256i *) part[1], odd);
		for (int i = 0; i < 16; i++)
			sums[i] += part[i % 2][i / 2] + part[i % 2][i / 2 + 8];
	}
}
#endif

static void
fast_sums_plain(const FastScan *scan, const uint8_t *plane, uint32_t *sums)
{
	memset(sums, 0, 16 * sizeof(uint32_t));
	for (int g = 0; g < scan->padded / 8; g++)
	{
		for (int j = 0; j < 16; j++)
		{
			uint8_t		code = plane[g * 16 + j];

			sums[j] += scan->low[g * 16 + (code & 15)] + scan->high[g * 16 + (code >> 4)];
		}
	}
}

/* <q, x> of the 16 neighbours of a block; x is symmetric about 0. */
void
fastscan_dots(const FastScan *scan, const uint8_t *block, float *dots)
{
	uint32_t	sums[16];
	VsIsa		isa = vs_isa_current();

	for (int j = 0; j < 16; j++)
		dots[j] = -scan->middle_sum;
	for (int p = 0; p < scan->bits; p++)
	{
		const uint8_t *plane = block + (size_t) p * scan->padded * 2;

#ifdef __x86_64__
		if (isa == VS_ISA_AVX512)
			fast_sums_512(scan, plane, sums);
		else if (isa == VS_ISA_AVX2)
			fast_sums_256(scan, plane, sums);
		else
#endif
			fast_sums_plain(scan, plane, sums);
		for (int j = 0; j < 16; j++)
			dots[j] += (float) (1 << p) * (scan->step * (float) sums[j] + scan->base);
	}
	(void) isa;
}

/* Query as planes of bits: value = low + step * integer. */
void
popcount_init(Popcount *pop, int planes, int padded, const float *query)
{
	float		low = query[0];
	float		high = query[0];
	int			top = (1 << planes) - 1;

	pop->padded = padded;
	pop->planes = planes;
	pop->words = ((padded + 511) / 512) * 8;
	pop->plane = xmalloc(sizeof(uint64_t) * planes * pop->words);
	memset(pop->plane, 0, sizeof(uint64_t) * planes * pop->words);
	pop->sum = 0.0f;
	for (int i = 0; i < padded; i++)
	{
		low = fminf(low, query[i]);
		high = fmaxf(high, query[i]);
	}
	pop->low = low;
	pop->step = (high - low) / top;
	for (int i = 0; i < padded; i++)
	{
		int			value = pop->step > 0.0f ? (int) ((query[i] - low) / pop->step + 0.5f) : 0;

		pop->sum += low + pop->step * value;
		for (int p = 0; p < planes; p++)
			pop->plane[p * pop->words + i / 64] |= (uint64_t) (value >> p & 1) << (i % 64);
	}
}

void
popcount_free(Popcount *pop)
{
	free(pop->plane);
}

#ifdef __x86_64__
AVX512POP static void
popcount_512(const Popcount *pop, const uint8_t *code, int *ones, int *weighted)
{
	int			bytes = pop->padded / 8;
	__m512i		all = _mm512_setzero_si512();
	__m512i		sum[8];

	for (int p = 0; p < pop->planes; p++)
		sum[p] = all;
	for (int j = 0; j < bytes; j += 64)
	{
		int			rest = bytes - j;
		__mmask64	lanes = rest >= 64 ? ~(__mmask64) 0 : ((__mmask64) 1 << rest) - 1;
		__m512i		c = _mm512_maskz_loadu_epi8(lanes, code + j);

		all = _mm512_add_epi64(all, _mm512_popcnt_epi64(c));
		for (int p = 0; p < pop->planes; p++)
			sum[p] = _mm512_add_epi64(sum[p], _mm512_popcnt_epi64(
																  _mm512_and_si512(c, _mm512_load_si512(pop->plane + p * pop->words + j / 8))));
	}
	for (int p = 1; p < pop->planes; p++)
		sum[0] = _mm512_add_epi64(sum[0], _mm512_slli_epi64(sum[p], p));
	*ones = (int) _mm512_reduce_add_epi64(all);
	*weighted = (int) _mm512_reduce_add_epi64(sum[0]);
}

AVX2 static void
popcount_64(const Popcount *pop, const uint8_t *code, int *ones, int *weighted)
{
	int			bytes = pop->padded / 8;

	*ones = 0;
	*weighted = 0;
	for (int j = 0; j < bytes; j += 8)
	{
		uint64_t	c = 0;

		if (bytes - j >= 8)
			memcpy(&c, code + j, 8);
		else
			memcpy(&c, code + j, bytes - j);
		*ones += __builtin_popcountll(c);
		for (int p = 0; p < pop->planes; p++)
			*weighted += __builtin_popcountll(c & pop->plane[p * pop->words + j / 8]) << p;
	}
}
#endif

/* <q, x> of n row-major 1-bit codes. */
void
popcount_dots(const Popcount *pop, const uint8_t *codes, int n, float *dots)
{
	for (int i = 0; i < n; i++)
	{
		int			ones = 0;
		int			weighted = 0;

#ifdef __x86_64__
		if (vs_isa_current() == VS_ISA_AVX512)
			popcount_512(pop, codes + (size_t) i * pop->padded / 8, &ones, &weighted);
		else
			popcount_64(pop, codes + (size_t) i * pop->padded / 8, &ones, &weighted);
#endif
		dots[i] = pop->low * ones + pop->step * weighted - 0.5f * pop->sum;
	}
}

#ifdef __x86_64__
/* One bit: load the query's bytes under the code as a mask, no shifting. */
__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
static void
masked_sums(const int8_t *values, int bytes, const uint8_t *codes, int n, int32_t *sums)
{
	const __m512i one = _mm512_set1_epi8(1);

	for (int i = 0; i < n; i++)
	{
		const uint8_t *code = codes + (size_t) i * bytes;
		__m512i		sum = _mm512_setzero_si512();
		int			j = 0;

		for (; j + 8 <= bytes; j += 8)
		{
			uint64_t	c;

			memcpy(&c, code + j, 8);
			sum = _mm512_dpbusd_epi32(sum, one, _mm512_maskz_loadu_epi8(c, values + j * 8));
		}
		if (j < bytes)
		{
			uint64_t	c = 0;

			memcpy(&c, code + j, bytes - j);
			sum = _mm512_dpbusd_epi32(sum, one, _mm512_maskz_loadu_epi8(c, values + j * 8));
		}
		sums[i] = _mm512_reduce_add_epi32(sum);
	}
}
#endif

static double
cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

/*
 * Print the nanoseconds that a list of 32 takes in each kernel.  One list after
 * another from 512 KB, so codes come from the second-level cache.
 */
void
kernel_table(void)
{
	static const int dims[] = {128, 384, 768, 784, 1536, 3072};
	static const VsIsa isas[] = {VS_ISA_PORTABLE, VS_ISA_AVX2, VS_ISA_AVX512};
	enum
	{
		BYTES1, BYTES2, BYTES4, FAST1, FAST2, FAST4, POP4, POP8, MASKED, KINDS
	};
	static const char *names[] = {"bytes1", "bytes2", "bytes4", "fastscan1", "fastscan2",
		"fastscan4", "popcount4", "popcount8", "masked1"};

	printf("kernel,dim,isa,ns_per_list_of_32\n");
	for (int d = 0; d < 6; d++)
	{
		int			dim = dims[d];
		float	   *query = xmalloc(sizeof(float) * dim);
		uint8_t    *codes = xmalloc(32 * dim);
		uint64_t	random = 12345;
		float		dots[32] = {0};

		for (int i = 0; i < dim; i++)
			query[i] = (float) (random64(&random) % 1000) / 1000.0f - 0.5f;
		for (int i = 0; i < 32 * dim; i++)
			codes[i] = (uint8_t) random64(&random);
		for (int s = 0; s < 3; s++)
		{
			vs_isa_force(isas[s]);
			for (int k = 0; k < KINDS; k++)
			{
				int			bits = k % 3 == 0 ? 1 : k % 3 == 1 ? 2 : 4;
				VsRabitqQuery *rq = xmalloc(vs_rabitq_query_size(bits, dim));
				VsRabitqPacked f[32] = {{0, 0}};
				FastScan	scan;
				Popcount	pop;
				double		best = 1e9;

				if ((k >= POP4 && isas[s] == VS_ISA_PORTABLE) ||
					(k == MASKED && isas[s] != VS_ISA_AVX512))
					continue;
				rabitq_query(rq, bits, dim, query);
				fastscan_init(&scan, bits, dim, query);
				popcount_init(&pop, k == POP4 ? 4 : 8, dim, query);
				for (int pass = 0; pass < 15; pass++)
				{
					int			rounds = 2000000 / dim / (s == 0 ? 10 : 1);
					double		start = cpu_now();

					for (int r = 0; r < rounds; r++)
					{
						if (k <= BYTES4)
							vs_rabitq_estimate(rq, 1.0f, 1.0f, 1.0f, f, codes, 32, dots);
						else if (k <= FAST4)
						{
							fastscan_dots(&scan, codes, dots);
							fastscan_dots(&scan, codes + 16 * dim / 8 * bits, dots + 16);
						}
						else if (k <= POP8)
							popcount_dots(&pop, codes, 32, dots);
#ifdef __x86_64__
						else
						{
							int32_t		sums[32];

							masked_sums(rq->values, dim / 8, codes, 32, sums);
							dots[0] += sums[r & 31];
						}
#endif
						__asm__ volatile("" : : "r"(dots) : "memory");
					}
					best = fmin(best, (cpu_now() - start) / rounds);
				}
				printf("%s,%d,%s,%.0f\n", names[k], dim, vs_isa_name(isas[s]), best * 1e9);
				free(rq);
				fastscan_free(&scan);
				popcount_free(&pop);
			}
		}
		free(query);
		free(codes);
	}
	vs_isa_force(VS_ISA_AUTO);
}
