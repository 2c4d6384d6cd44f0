/*
 * distance_fuzz.c
 *		libFuzzer target: any two finite vectors, every metric and instruction
 *		set, against the plain loops.
 *
 * The input's bytes are the floats of both vectors; where they spell NaN or
 * infinity the exponent loses a bit, since the vector type refuses both.  The
 * vectors are exactly as long as their memory, so that the address sanitizer
 * sees a read beyond.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/distance_tolerance.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* dim finite floats made of bytes, in memory of their own. */
static float *
read_vector(const uint8_t *data, int dim)
{
	float	   *x = malloc(sizeof(float) * (size_t) dim);

	if (x == NULL)
		abort();
	for (int i = 0; i < dim; i++)
	{
		uint32_t	bits;

		memcpy(&bits, data + sizeof(bits) * (size_t) i, sizeof(bits));
		if ((bits & 0x7F800000u) == 0x7F800000u)
			bits &= ~0x00800000u;
		memcpy(&x[i], &bits, sizeof(bits));
	}
	return x;
}

/* Stop with the case if a result is off. */
static void
require(Comparison c, const char *what, VsMetric metric, int dim)
{
	if (c.agrees)
		return;
	fprintf(stderr, "%s %s %s, dim %d: got %.17g, want %.17g +- %g\n", vs_isa_name(vs_isa_current()),
			what, vs_metric_name(metric), dim, c.got, c.want, c.allowed);
	abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const VsIsa isas[] = {VS_ISA_PORTABLE, VS_ISA_AVX2, VS_ISA_AVX512, VS_ISA_NEON};
	int			dim = (int) (size / (2 * sizeof(float)));
	float	   *a;
	float	   *b;

	if (dim == 0)
		return 0;
	a = read_vector(data, dim);
	b = read_vector(data + sizeof(float) * (size_t) dim, dim);
	for (size_t i = 0; i < sizeof(isas) / sizeof(isas[0]); i++)
	{
		if (!vs_isa_available(isas[i]))
			continue;
		vs_isa_force(isas[i]);
		for (int m = 0; m < VS_METRIC_COUNT; m++)
		{
			VsMetric	metric = (VsMetric) m;

			require(compare_rank(metric, a, b, dim), "rank", metric, dim);
			require(compare_value(metric, a, b, dim), "value", metric, dim);
		}
	}
	free(a);
	free(b);
	return 0;
}
