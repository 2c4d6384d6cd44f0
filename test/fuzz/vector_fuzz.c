/*
 * vector_fuzz.c
 *		libFuzzer target: any bytes as a vector's text, and as its binary format.
 *
 * A vector that is accepted has finite elements and comes back the same by either
 * way; of the binary format, byte for byte.
 */
#include "server.h"

#include <math.h>

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "type/vector.h"

/* What is read, and what has become of it. */
typedef struct VectorCase
{
	const uint8_t *data;
	size_t		size;
	VsVector   *vector;
} VectorCase;

extern Datum vecstore_in(PG_FUNCTION_ARGS);
extern Datum vecstore_out(PG_FUNCTION_ARGS);
extern Datum vecstore_recv(PG_FUNCTION_ARGS);
extern Datum vecstore_send(PG_FUNCTION_ARGS);

/* Call a function of a type, without a type modifier. */
static Datum
call(PGFunction function, Datum argument)
{
	LOCAL_FCINFO(fcinfo, 3);

	InitFunctionCallInfoData(*fcinfo, NULL, 3, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = argument;
	fcinfo->args[1].value = ObjectIdGetDatum(InvalidOid);
	fcinfo->args[2].value = Int32GetDatum(-1);
	return function(fcinfo);
}

static void
read_text(void *argument)
{
	VectorCase *c = argument;
	char	   *text = pnstrdup((const char *) c->data, c->size);

	c->vector = (VsVector *) call(vecstore_in, CStringGetDatum(text));
}

static void
read_binary(void *argument)
{
	VectorCase *c = argument;
	StringInfoData message = {.len = c->size,.maxlen = c->size};

	message.data = palloc(c->size);
	memcpy(message.data, c->data, c->size);
	c->vector = (VsVector *) call(vecstore_recv, PointerGetDatum(&message));
}

/* Whether bytes come to the same vector; -0 is not 0 here. */
static void
require_same(void (*read) (void *), const char *data, size_t size, const VsVector *vector,
			 const char *what)
{
	VectorCase	again = {(const uint8_t *) data, size, NULL};

	fuzz_require(fuzz_try(read, &again) && VARSIZE(again.vector) == VARSIZE(vector) &&
				 memcmp(again.vector, vector, VARSIZE(vector)) == 0, what);
}

static void
check_vector(const VsVector *vector)
{
	const char *text = DatumGetCString(call(vecstore_out, PointerGetDatum(vector)));
	bytea	   *binary = (bytea *) call(vecstore_send, PointerGetDatum(vector));

	fuzz_require(vector->dim >= 1 && vector->dim <= VS_MAX_DIM && vector->unused == 0 &&
				 VARSIZE(vector) == VS_VECTOR_SIZE(vector->dim), "the header of a vector");
	for (int i = 0; i < vector->dim; i++)
		fuzz_require(isfinite(vector->x[i]), "finite elements");
	require_same(read_text, text, strlen(text), vector, "text comes back");
	require_same(read_binary, VARDATA(binary), VARSIZE(binary) - VARHDRSZ, vector, "binary comes back");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	VectorCase	c = {data, size, NULL};

	fuzz_begin();
	if (fuzz_try(read_text, &c))
		check_vector(c.vector);
	if (fuzz_try(read_binary, &c))
	{
		bytea	   *binary = (bytea *) call(vecstore_send, PointerGetDatum(c.vector));

		check_vector(c.vector);
		fuzz_require(VARSIZE(binary) - VARHDRSZ == size && memcmp(VARDATA(binary), data, size) == 0,
					 "the same bytes");
	}
	return 0;
}
