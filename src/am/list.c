/*
 * list.c
 *		A neighbour list on a page; see list.h.
 */
#include "postgres.h"
#include "compat.h"

#include "am/list.h"

static int
covered_words(int degree)
{
	return (degree + 31) / 32;
}

/* Bytes of ids: without codes upper lists follow each other without a gap. */
static int
ids_size(const VsIndex *index, int degree)
{
	int			bytes = degree * sizeof(VsId);

	return index->bits > 0 ? MAXALIGN(bytes) : bytes;
}

int
vs_list_size(const VsIndex *index, int degree)
{
	int			bytes = ids_size(index, degree);

	if (index->bits > 0)
		bytes += MAXALIGN(sizeof(float) + covered_words(degree) * sizeof(uint32) +
						  degree * (sizeof(VsRabitqPacked) +
									vs_rabitq_code_bytes(index->padded, index->bits)));
	return bytes;
}

VsList
vs_list_at(const VsIndex *index, void *start, int degree)
{
	VsList		list = {.degree = degree,.ids = start};

	if (index->bits == 0)
		return list;
	list.unit = (float *) ((char *) start + ids_size(index, degree));
	list.covered = (uint32 *) (list.unit + 1);
	list.factors = (VsRabitqPacked *) (list.covered + covered_words(degree));
	list.codes = (uint8 *) (list.factors + degree);
	return list;
}

void
vs_list_clear(const VsIndex *index, VsList *list)
{
	memset(list->ids, 0xFF, list->degree * sizeof(VsId));
	if (index->bits == 0)
		return;
	*list->unit = 0;
	memset(list->covered, 0, covered_words(list->degree) * sizeof(uint32));
	memset(list->factors, 0, list->degree * sizeof(VsRabitqPacked));
	memset(list->codes, 0,
		   list->degree * vs_rabitq_code_bytes(index->padded, index->bits));
}

/* Express all factors in another unit. */
static void
set_unit(VsList *list, float unit)
{
	for (int i = 0; i < list->degree; i++)
		if (list->ids[i] != VS_INVALID_ID)
			vs_rabitq_pack(vs_rabitq_unpack(list->factors[i], *list->unit), unit,
						   &list->factors[i]);
	*list->unit = unit;
}

/* The unit that suits a neighbour. */
static float
unit_for(const VsIndex *index, const VsBytes *vector, const VsBytes *owner)
{
	return vs_rabitq_unit(vs_bytes_kernel(VS_RANK_L2) (vector, owner, index->padded));
}

void
vs_list_put(const VsIndex *index, VsList *list, int place, VsId id, bool covered,
			const void *vector, const void *owner)
{
	Size		code_bytes = vs_rabitq_code_bytes(index->padded, index->bits);
	VsRabitqFactors factors;

	list->ids[place] = id;
	if (index->bits == 0)
		return;
	vs_list_set_covered(list, place, covered);
	factors = vs_rabitq_encode_bytes(index->code_kind, index->bits, index->padded,
									 vector, owner, list->codes + place * code_bytes);
	if (*list->unit == 0)
		*list->unit = unit_for(index, vector, owner);

	/* What does not fit half precision gets a unit of its own size. */
	if (!vs_rabitq_pack(factors, *list->unit, &list->factors[place]))
	{
		set_unit(list, Max(unit_for(index, vector, owner), *list->unit * 2));
		vs_rabitq_pack(factors, *list->unit, &list->factors[place]);
	}
}

int
vs_list_find(const VsList *list, VsId id)
{
	for (int i = 0; i < list->degree; i++)
		if (list->ids[i] == id)
			return i;
	return -1;
}

void
vs_list_estimate(const VsList *list, const VsRabitqQuery *query, float owner_rank, float share,
				 float *ranks)
{
	vs_rabitq_estimate(query, owner_rank, share, *list->unit, list->factors, list->codes,
					   list->degree, ranks);
}
