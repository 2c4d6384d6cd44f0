/*
 * dispatch.c
 *		Which instruction set serves: the best the processor and the operating
 *		system support, or the one a test forces.
 *
 * The choice is one pointer, made at the first call.  A second thread that
 * comes at the same time would store the same value; PostgreSQL backends have
 * one thread anyway.
 */
#include <stddef.h>

#include "distance/kernels.h"

static const VsKernels *kernels_in_force = NULL;
static VsIsa isa_in_force = VS_ISA_AUTO;

/* The code this build has for a set, NULL if none. */
static const VsKernels *
isa_kernels(VsIsa isa)
{
	switch (isa)
	{
		case VS_ISA_PORTABLE:
			return vs_kernels_portable;
		case VS_ISA_AVX2:
			return vs_kernels_avx2;
		case VS_ISA_AVX512:
			return vs_kernels_avx512;
		case VS_ISA_NEON:
			return vs_kernels_neon;
		case VS_ISA_AUTO:
			break;
	}
	return NULL;
}

/*
 * Whether the processor can run a set.  __builtin_cpu_supports also asks
 * (XGETBV) whether the operating system saves the wide registers.  NEON is
 * part of every 64-bit ARM, so code built for it can run.
 */
static bool
isa_runs_here(VsIsa isa)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_cpu_init();
	if (isa == VS_ISA_AVX2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
	if (isa == VS_ISA_AVX512)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
			__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
			__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
	(void) isa;
	return true;
}

/* Whether this build and processor can run the set. */
bool
vs_isa_available(VsIsa isa)
{
	return isa == VS_ISA_AUTO || (isa_kernels(isa) != NULL && isa_runs_here(isa));
}

/* The best set available here. */
static VsIsa
isa_best(void)
{
	static const VsIsa by_speed[] = {VS_ISA_AVX512, VS_ISA_AVX2, VS_ISA_NEON};

	for (size_t i = 0; i < sizeof(by_speed) / sizeof(by_speed[0]); i++)
	{
		if (vs_isa_available(by_speed[i]))
			return by_speed[i];
	}
	return VS_ISA_PORTABLE;
}

/*
 * Put a set in force; AUTO, or one that cannot run here, means the best.
 * Kernels handed out before keep working.
 */
void
vs_isa_force(VsIsa isa)
{
	if (isa == VS_ISA_AUTO || !vs_isa_available(isa))
		isa = isa_best();
	isa_in_force = isa;
	kernels_in_force = isa_kernels(isa);
}

/* The table in force, chosen at the first call. */
const VsKernels *
vs_kernels_current(void)
{
	if (kernels_in_force == NULL)
		vs_isa_force(VS_ISA_AUTO);
	return kernels_in_force;
}

/* The set in force. */
VsIsa
vs_isa_current(void)
{
	(void) vs_kernels_current();
	return isa_in_force;
}

/* The kernel of a metric for the set in force. */
VsKernel
vs_kernel(VsMetric metric)
{
	return vs_kernels_current()->rank[metric];
}

/* The set's name in settings and reports. */
const char *
vs_isa_name(VsIsa isa)
{
	switch (isa)
	{
		case VS_ISA_AUTO:
			return "auto";
		case VS_ISA_PORTABLE:
			return "portable";
		case VS_ISA_AVX2:
			return "avx2";
		case VS_ISA_AVX512:
			return "avx512";
		case VS_ISA_NEON:
			return "neon";
	}
	return "unknown";
}
