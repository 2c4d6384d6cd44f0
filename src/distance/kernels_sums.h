/*
 * kernels_sums.h
 *		The loops of the metrics, written once for lanes of any width.
 *
 * kernels_body.h includes this file twice for each instruction set: with
 * lanes of float (L(x) is f_x) for ranks, and with lanes of double (L(x) is
 * d_x), which read floats too, for exact values.  A loop only makes sums; the
 * caller makes a distance of them.
 *
 * Before, these must exist (n is less than the lanes of a vector):
 *
 *	L(Vec), L(LANES)		a vector of lanes that knows + - * /
 *	L(load)(p)				lanes from unaligned floats
 *	L(load_tail)(p, n)		n floats, zero in the other lanes, nothing read
 *							beyond the n
 *	L(fma)(a, b, c)			a * b + c
 *	L(abs), L(max)
 *	L(one_if_zero)(a)		a, and 1 where it is 0
 *	L(sum), L(top)			sum and largest of the lanes
 *
 * and with VS_COUNTS, for the two metrics that count (float is exact there):
 *
 *	L(min)
 *	L(count_ne)(c, a, b)	c + 1 where a and b differ
 *
 * Zero against zero adds nothing in any of the nine metrics, so a tail filled
 * up with zeros needs no code of its own.  Four accumulators hide the latency
 * of addition and keep the rounding error of a long sum small.
 */

/* Up to three running sums a metric. */
typedef struct L(Acc)
{
	L(Vec)		x;
	L(Vec)		y;
	L(Vec)		z;
} L(Acc);

/* Squared difference. */
VS_INLINE L(Acc)
L(step_l2) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	L(Vec)		d = a - b;

	s.x = L(fma) (d, d, s.x);
	return s;
}

/* Product. */
VS_INLINE L(Acc)
L(step_dot) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	s.x = L(fma) (a, b, s.x);
	return s;
}

/* Product, and both squares. */
VS_INLINE L(Acc)
L(step_cosine) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	s.x = L(fma) (a, b, s.x);
	s.y = L(fma) (a, a, s.y);
	s.z = L(fma) (b, b, s.z);
	return s;
}

/* Absolute difference. */
VS_INLINE L(Acc)
L(step_l1) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	s.x = s.x + L(abs) (a - b);
	return s;
}

/* Largest absolute difference. */
VS_INLINE L(Acc)
L(step_chebyshev) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	s.x = L(max) (s.x, L(abs) (a - b));
	return s;
}

/*
 * |a-b| / (|a|+|b|).  Where the divisor is zero the dividend is too, so
 * dividing by 1 gives the wanted 0.  The second sum tells the caller whether a
 * divisor overflowed.
 */
VS_INLINE L(Acc)
L(step_canberra) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	L(Vec)		size = L(abs) (a) + L(abs) (b);

	s.x = s.x + L(abs) (a - b) / L(one_if_zero) (size);
	s.y = s.y + size;
	return s;
}

/* |a-b| and |a+b|. */
VS_INLINE L(Acc)
L(step_bray_curtis) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	s.x = s.x + L(abs) (a - b);
	s.y = s.y + L(abs) (a + b);
	return s;
}

#ifdef VS_COUNTS

/* Coordinates that differ. */
VS_INLINE L(Acc)
L(step_hamming) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	s.x = L(count_ne) (s.x, a, b);
	return s;
}

/* Coordinates non-zero in both, in either. */
VS_INLINE L(Acc)
L(step_jaccard) (L(Acc) s, L(Vec) a, L(Vec) b)
{
	L(Vec)		zero = {0};

	a = L(abs) (a);
	b = L(abs) (b);
	s.x = L(count_ne) (s.x, L(min) (a, b), zero);
	s.y = L(count_ne) (s.y, L(max) (a, b), zero);
	return s;
}

#endif

/* Two sets of sums become one; Chebyshev's is a maximum. */
VS_INLINE L(Acc)
L(join_sum) (L(Acc) s, L(Acc) t)
{
	s.x = s.x + t.x;
	s.y = s.y + t.y;
	s.z = s.z + t.z;
	return s;
}

VS_INLINE L(Acc)
L(join_max) (L(Acc) s, L(Acc) t)
{
	s.x = L(max) (s.x, t.x);
	return s;
}

/*
 * The loop around a step: four vectors a turn, then one, then the tail.
 * Defines L(sums_<metric>).
 */
#define VS_SUMS(metric, join) \
VS_INLINE L(Acc) \
L(sums_##metric) (const float *a, const float *b, int dim) \
{ \
	const int	n = L(LANES); \
	L(Acc)		s0 = {{0}, {0}, {0}}; \
	L(Acc)		s1 = s0; \
	L(Acc)		s2 = s0; \
	L(Acc)		s3 = s0; \
	int			i = 0; \
\
	for (; i <= dim - 4 * n; i += 4 * n) \
	{ \
		s0 = L(step_##metric) (s0, L(load) (a + i), L(load) (b + i)); \
		s1 = L(step_##metric) (s1, L(load) (a + i + n), L(load) (b + i + n)); \
		s2 = L(step_##metric) (s2, L(load) (a + i + 2 * n), L(load) (b + i + 2 * n)); \
		s3 = L(step_##metric) (s3, L(load) (a + i + 3 * n), L(load) (b + i + 3 * n)); \
	} \
	for (; i <= dim - n; i += n) \
		s0 = L(step_##metric) (s0, L(load) (a + i), L(load) (b + i)); \
	if (i < dim) \
		s1 = L(step_##metric) (s1, L(load_tail) (a + i, dim - i), \
							   L(load_tail) (b + i, dim - i)); \
	return L(join) (L(join) (s0, s1), L(join) (s2, s3)); \
}

VS_SUMS(l2, join_sum)
VS_SUMS(dot, join_sum)
VS_SUMS(cosine, join_sum)
VS_SUMS(l1, join_sum)
VS_SUMS(chebyshev, join_max)
VS_SUMS(canberra, join_sum)
VS_SUMS(bray_curtis, join_sum)
#ifdef VS_COUNTS
VS_SUMS(hamming, join_sum)
VS_SUMS(jaccard, join_sum)
#endif

#undef VS_SUMS
#undef L
