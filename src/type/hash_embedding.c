/*
 * hash_embedding.c
 *		SQL function hash_embedding(text, dims): text to a vector without a
 *		model, for demos and tests.  The method is in feature_hash.c.
 */
#include "postgres.h"
#include "compat.h"

#include "fmgr.h"

#include "type/feature_hash.h"
#include "type/vector.h"

PG_FUNCTION_INFO_V1(vecstore_hash_embedding);

/*
 * hash_embedding(body text, dims int): the unit vector of a text, or NULL when
 * the text has no word and so no direction.
 */
PGDLLEXPORT Datum
vecstore_hash_embedding(PG_FUNCTION_ARGS)
{
	int32		dims = PG_GETARG_INT32(1);
	text	   *body;
	VsFeature  *slots;
	size_t		nslots;
	int64	   *acc;
	VsVector   *result;

	if (dims < 1 || dims > VS_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("hash_embedding cannot make a vector of %d dimensions", dims),
				 errhint("Ask for 1 to %d dimensions.", VS_MAX_DIM)));

	/* Of a long stored text only the part that counts is read. */
	body = PG_GETARG_TEXT_P_SLICE(0, 0, VS_FEATURE_MAX_BYTES);
	nslots = vs_feature_slots(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body));
	if (nslots == 0)
		PG_RETURN_NULL();

	slots = (VsFeature *) palloc0(nslots * sizeof(VsFeature));
	acc = (int64 *) palloc0(dims * sizeof(int64));
	result = vs_vector_new(dims);
	if (!vs_feature_hash(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body), slots, nslots,
						 acc, result->x, dims))
		PG_RETURN_NULL();
	pfree(slots);
	pfree(acc);
	PG_RETURN_VSVECTOR_P(result);
}
