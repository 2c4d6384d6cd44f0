/*
 * rabitq.h
 *		RaBitQ codes of 1, 2 or 4 bits a dimension: a neighbour's place relative
 *		to the vertex that owns the list.  Pure C: no postgres.h here.
 *
 * Papers: RaBitQ (arXiv 2405.12497), its extension to several bits (arXiv
 * 2409.09913) and, for codes relative to the owner of a neighbour list,
 * SymphonyQG (arXiv 2411.12229).
 *
 * All vectors here are rotated (rotation.h), of padded dimension D.  Let c be
 * the owner's vector (the centre), o the neighbour, r = o - c.  The code holds
 * an integer u[i] in 0 .. 2^bits - 1 for each coordinate of r; x = u -
 * (2^bits - 1)/2 points nearly where r does.  For a query q
 *
 *		<q - c, r>  is estimated by  |r|^2 / <r, x> * <q - c, x>
 *
 * without bias.  With two floats a neighbour, add and rescale, that becomes
 *
 *		rank(q, o)  =  rank(q, c) + add + rescale * <q, x>
 *
 * for squared Euclidean distance and for minus the inner product alike.  The
 * part that costs time, <q, x>, does not depend on c; q is rounded to 8 bits
 * once a query, so <q, x> is a sum of small integers.
 *
 * The error grows with |q - c|.  An inner product may as well be estimated from
 * q - t * c for any t, which makes that rank(q, c) + t * add + rescale * <q, x>;
 * the error is least where q - t * c stands upright on c: t = <q, c> / <c, c>.  So
 * neither the query's length matters nor that of the centre.
 *
 * The two floats are stored as halves in units of the list (VsRabitqList).
 */
#ifndef VECSTORE_RABITQ_H
#define VECSTORE_RABITQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quant/bytes.h"

/* Factors of one code before they are packed. */
typedef struct VsRabitqFactors
{
	float		add;
	float		rescale;
} VsRabitqFactors;

/*
 * Factors as stored.  add is in units of unit * unit, rescale in units of
 * unit, where unit is one float a list.
 */
typedef struct VsRabitqPacked
{
	uint16_t	add;
	uint16_t	rescale;
} VsRabitqPacked;

/* A query made ready.  Opaque; allocate vs_rabitq_query_size bytes. */
typedef struct VsRabitqQuery
{
	int			padded;
	int			bits;
	int			code_bytes;
	int			field_stride;	/* bytes from one field's values to the next */
	float		step;			/* value of one unit of an 8-bit coordinate */
	float		offset;			/* (2^bits - 1)/2 * sum of the coordinates */
	int8_t		values[];		/* 8/bits fields: see rabitq.c */
} VsRabitqQuery;

/* Bytes of one code: a multiple of 2. */
static inline size_t
vs_rabitq_code_bytes(int padded, int bits)
{
	return (size_t) padded * bits / 8;
}

/*
 * Encode a neighbour relative to the centre; from floats, or from bytes.
 *
 * Of bytes, and relative to the origin, a code may be of the first coordinates alone,
 * if padded says so, here and for the query: a rotated vector's are alike, so what
 * those say of the product of two vectors goes for all.  That is without bias, too; what
 * is left out adds to the error, which vs_rabitq_error() does not know.
 */
extern VsRabitqFactors vs_rabitq_encode(VsRankKind kind, int bits, int padded,
										const float *neighbour, const float *centre,
										uint8_t *code);
extern VsRabitqFactors vs_rabitq_encode_bytes(VsRankKind kind, int bits, int padded,
											  const VsBytes *neighbour, const VsBytes *centre,
											  uint8_t *code);

/*
 * A unit for a list whose neighbours lie about this far (square of it) from
 * the centre.  Never zero.
 */
extern float vs_rabitq_unit(float distance_squared);

/*
 * Pack factors in a list's unit.  False if they do not fit: then they are
 * clamped, and the list should get a larger unit (repack all its factors).
 * Vectors so large that their squares overflow fit no unit.
 */
extern bool vs_rabitq_pack(VsRabitqFactors factors, float unit, VsRabitqPacked *packed);
extern VsRabitqFactors vs_rabitq_unpack(VsRabitqPacked packed, float unit);

/* Make a query ready, which is given in bytes. */
extern size_t vs_rabitq_query_size(int bits, int padded);
extern void vs_rabitq_query_init_bytes(VsRabitqQuery *query, int bits, int padded,
									   const VsBytes *bytes);

/*
 * Estimated ranks of the n neighbours of a list.  Codes follow each other
 * without gaps.  share is t, see above: 1 for L2.  Never NaN: where numbers
 * overflow, the neighbour is far away.
 */
extern void vs_rabitq_estimate(const VsRabitqQuery *query, float centre_rank, float share,
							   float unit, const VsRabitqPacked *factors, const uint8_t *codes,
							   int n, float *ranks);

/* The same for codes whose factors are not packed, of the centre's own rank. */
extern void vs_rabitq_estimate_each(const VsRabitqQuery *query, float centre_rank,
									const VsRabitqFactors *factors, const uint8_t *codes,
									int n, float *ranks);

/*
 * One standard deviation of an estimate's error, given the neighbour's
 * rescale factor and the Euclidean distance between query and centre.  The
 * error is nearly Gaussian: the paper's bound is 1.9 of these.
 */
extern float vs_rabitq_error(const VsRabitqQuery *query, float rescale, float centre_distance);

#endif							/* VECSTORE_RABITQ_H */
