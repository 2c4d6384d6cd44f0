/*
 * half.h
 *		IEEE 754 half precision as it is stored: 16 bits, converted in plain C.
 *		Pure C: no postgres.h here.
 */
#ifndef VECSTORE_HALF_H
#define VECSTORE_HALF_H

#include <stdint.h>
#include <string.h>

/* Largest finite half. */
#define VS_HALF_MAX 65504.0f

/* A half as a float: exact. */
static inline float
vs_half_to_float(uint16_t half)
{
	uint32_t	sign = (uint32_t) (half & 0x8000) << 16;
	uint32_t	bits = (uint32_t) (half & 0x7FFF) << 13;
	float		value;

	/* The exponent's bias differs by 112; multiplying serves subnormals too. */
	memcpy(&value, &bits, sizeof(value));
	value *= 0x1p112f;
	memcpy(&bits, &value, sizeof(bits));
	if ((half & 0x7C00) == 0x7C00)
		bits |= 0x7F800000;
	bits |= sign;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

/*
 * The nearest half, ties to even; what is too large becomes infinity.  Not
 * for NaN.
 */
static inline uint16_t
vs_half_from_float(float value)
{
	uint32_t	bits;
	uint16_t	sign;

	memcpy(&bits, &value, sizeof(bits));
	sign = (uint16_t) (bits >> 16 & 0x8000);
	bits &= 0x7FFFFFFF;
	if (bits >= 0x477FF000)		/* rounds above VS_HALF_MAX */
		return sign | 0x7C00;
	if (bits < 0x38800000)		/* subnormal: let the adder round */
	{
		float		magnitude;

		memcpy(&magnitude, &bits, sizeof(magnitude));
		magnitude += 0.5f;
		memcpy(&bits, &magnitude, sizeof(bits));
		return sign | (uint16_t) (bits - 0x3F000000);
	}
	bits += 0xFFF + (bits >> 13 & 1);
	return sign | (uint16_t) ((bits - 0x38000000) >> 13);
}

#endif							/* VECSTORE_HALF_H */
