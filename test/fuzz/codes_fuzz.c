/*
 * codes_fuzz.c
 *		libFuzzer target: any bytes as vectors of levels, RaBitQ codes, scalar codes and
 *		halves, and any floats to be encoded.
 *
 * Estimates of what is damaged are numbers without a meaning, but never NaN; every
 * instruction set says the same of what this code encoded.  All arrays are exactly as
 * long as their memory, so that the address sanitizer sees a read beyond.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "distance/distance.h"
#include "quant/bytes.h"
#include "quant/half.h"
#include "quant/rabitq.h"
#include "quant/scalar.h"

#define MAX_CODES	5

static const VsIsa isas[] = {VS_ISA_PORTABLE, VS_ISA_AVX2, VS_ISA_AVX512, VS_ISA_NEON};
static const VsRankKind kinds[] = {VS_RANK_L2, VS_RANK_IP};

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stop with the case if something does not hold. */
static void
require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: does not hold: %s\n", vs_isa_name(vs_isa_current()), what);
	abort();
}

/* Memory of so many bytes, filled with the input, repeated. */
static void *
fill(const uint8_t *data, size_t size, size_t from, size_t bytes)
{
	uint8_t    *memory = malloc(bytes ? bytes : 1);

	if (memory == NULL)
		abort();
	for (size_t i = 0; i < bytes; i++)
		memory[i] = data[(from + i) % size];
	return memory;
}

/* Levels as they lie on a page: -128 is no level. */
static VsBytes *
read_bytes(const uint8_t *data, size_t size, size_t from, int padded)
{
	VsBytes    *bytes = fill(data, size, from, vs_bytes_size(padded));

	for (int i = 0; i < padded; i++)
		if (bytes->levels[i] == -128)
			bytes->levels[i] = -127;
	return bytes;
}

/* Everything that reads codes, which are any bytes. */
static void
decode(const uint8_t *data, size_t size, int padded, int bits)
{
	size_t		code_bytes = vs_rabitq_code_bytes(padded, bits);
	VsBytes    *a = read_bytes(data, size, 1, padded);
	VsBytes    *b = read_bytes(data, size, 3, padded);
	VsRabitqQuery *query = malloc(vs_rabitq_query_size(bits, padded));
	VsRabitqPacked *factors = fill(data, size, 5, MAX_CODES * sizeof(VsRabitqPacked));
	uint8_t    *codes = fill(data, size, 7, MAX_CODES * code_bytes);
	float	   *numbers = fill(data, size, 9, 4 * sizeof(float));
	float	   *vector = malloc(sizeof(float) * (size_t) padded);
	float		ranks[MAX_CODES];

	if (query == NULL || vector == NULL)
		abort();
	vs_bytes_decode(padded, a, vector);
	for (int k = 0; k < 2; k++)
	{
		float		rank = vs_bytes_kernel(kinds[k]) (a, b, padded);

		(void) vs_bytes_error(kinds[k], rank, a, b, padded);
	}
	vs_rabitq_query_init_bytes(query, bits, padded, a);
	vs_rabitq_estimate(query, numbers[0], numbers[1], numbers[2], factors, codes, MAX_CODES, ranks);
	for (int i = 0; i < MAX_CODES; i++)
	{
		require(!isnan(ranks[i]), "an estimate is a number");
		(void) vs_rabitq_error(query, vs_rabitq_unpack(factors[i], numbers[2]).rescale, numbers[3]);
	}
	for (int b48 = 4; b48 <= 8; b48 += 4)
	{
		uint8_t    *code = fill(data, size, 2, vs_scalar_bytes(padded, b48));
		float	   *any = fill(data, size, 4, sizeof(float) * (size_t) padded);

		vs_scalar_decode(b48, padded, code, vector);
		(void) vs_scalar_l2(b48, padded, any, code);
		(void) vs_scalar_ip(b48, padded, any, code);
		free(code);
		free(any);
	}
	free(a);
	free(b);
	free(query);
	free(factors);
	free(codes);
	free(numbers);
	free(vector);
}

/* Floats, of which none is NaN or infinite, as the vector type has them. */
static float *
read_vector(const uint8_t *data, size_t size, size_t from, int padded)
{
	float	   *x = fill(data, size, from, sizeof(float) * (size_t) padded);

	for (int i = 0; i < padded; i++)
	{
		uint32_t	bits;

		memcpy(&bits, &x[i], sizeof(bits));
		if ((bits & 0x7F800000u) == 0x7F800000u)
			bits &= ~0x00800000u;
		memcpy(&x[i], &bits, sizeof(bits));
	}
	return x;
}

/* Everything that makes codes, of which all instruction sets make the same. */
static void
encode(const uint8_t *data, size_t size, int padded, int bits, VsIsa isa, VsBytes *first,
	   uint8_t *first_code)
{
	size_t		code_bytes = vs_rabitq_code_bytes(padded, bits);
	float	   *x = read_vector(data, size, 0, padded);
	float	   *centre = read_vector(data, size, 2, padded);
	VsBytes    *bytes = malloc(vs_bytes_size(padded));
	VsBytes    *centre_bytes = malloc(vs_bytes_size(padded));
	uint8_t    *code = calloc(1, code_bytes);

	if (bytes == NULL || centre_bytes == NULL || code == NULL)
		abort();
	vs_bytes_encode(padded, x, bytes);
	vs_bytes_encode(padded, centre, centre_bytes);
	for (int i = 0; i < padded; i++)
		require(bytes->levels[i] != -128, "levels from -127 on");
	for (int k = 0; k < 2; k++)
	{
		VsRabitqFactors factors;
		VsRabitqPacked packed;
		float		rank = vs_bytes_kernel(kinds[k]) (bytes, centre_bytes, padded);

		require(!isnan(rank), "a rank is a number");
		if (kinds[k] == VS_RANK_L2)
			require(vs_bytes_kernel(kinds[k]) (bytes, bytes, padded) == 0, "no distance from itself");
		factors = vs_rabitq_encode_bytes(kinds[k], bits, padded, bytes, centre_bytes, code);
		vs_rabitq_pack(factors, vs_rabitq_unit(fabsf(rank)), &packed);
		(void) vs_rabitq_encode(kinds[k], bits, padded, x, centre, code);
	}
	if (isa == VS_ISA_PORTABLE)
	{
		memcpy(first, bytes, vs_bytes_size(padded));
		memcpy(first_code, code, code_bytes);
	}
	else
		require(memcmp(first, bytes, vs_bytes_size(padded)) == 0, "the same levels");
	for (int b48 = 4; b48 <= 8; b48 += 4)
	{
		uint8_t    *scalar = malloc(vs_scalar_bytes(padded, b48));

		if (scalar == NULL)
			abort();
		vs_scalar_encode(b48, padded, x, scalar);
		free(scalar);
	}
	free(x);
	free(centre);
	free(bytes);
	free(centre_bytes);
	free(code);
}

/* A half becomes a float and comes back. */
static void
check_half(uint16_t half)
{
	float		value = vs_half_to_float(half);

	require(isnan(value) || vs_half_from_float(value) == half, "a half comes back");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int			padded;
	int			bits;
	VsBytes    *first;
	uint8_t    *first_code;

	if (size < 4)
		return 0;
	check_half((uint16_t) (data[0] | data[1] << 8));
	bits = 1 << data[2] % 3;
	padded = 16 * (1 + data[3] % 8);
	data += 4;
	size -= 4;
	if (size == 0)
		return 0;
	first = malloc(vs_bytes_size(padded));
	first_code = malloc(vs_rabitq_code_bytes(padded, bits));
	if (first == NULL || first_code == NULL)
		abort();
	for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++)
	{
		if (!vs_isa_available(isas[i]))
			continue;
		vs_isa_force(isas[i]);
		decode(data, size, padded, bits);
		encode(data, size, padded, bits, isas[i], first, first_code);
	}
	free(first);
	free(first_code);
	return 0;
}
