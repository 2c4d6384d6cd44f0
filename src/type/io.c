/*
 * io.c
 *		The vecstore type to and from the outside: text, binary, type modifier.
 *
 * Text is [1,2,3]: decimal numbers between brackets, blanks allowed around
 * each.  Output is the shortest text that reads back as the same floats.
 * Binary is int16 dimensions, int16 zero, then the float4 elements, all in
 * network order (pgvector's wire format, so its drivers can be used).
 *
 * NaN and infinity are refused everywhere: no metric has a meaning for them
 * and an index could not order them.  A number too small for a float4 becomes
 * zero, as embeddings computed in double often hold such numbers; one too
 * large is an error.
 *
 * The text input reports soft errors where the server knows them (see
 * compat.h), so that COPY ... ON_ERROR and pg_input_is_valid() work.
 */
#include "postgres.h"

#include "compat.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "port/pg_bswap.h"
#include "type/vector.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(vecstore_in);
PG_FUNCTION_INFO_V1(vecstore_out);
PG_FUNCTION_INFO_V1(vecstore_recv);
PG_FUNCTION_INFO_V1(vecstore_send);
PG_FUNCTION_INFO_V1(vecstore_typmod_in);
PG_FUNCTION_INFO_V1(vecstore_typmod_out);
PG_FUNCTION_INFO_V1(vecstore_apply_typmod);

/* Bytes of an offending text that an error message shows. */
#define EXCERPT_LEN 40

/*
 * A zeroed vector of dim elements.
 *
 * Every vector is made here, so none can have a wrong number of dimensions.
 */
VsVector *
vs_vector_new(int dim)
{
	VsVector   *result;

	if (dim < 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("a vecstore must have at least 1 dimension")));
	if (dim > VS_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a vecstore cannot have more than %d dimensions", VS_MAX_DIM),
				 errdetail("It would have %d.", dim),
				 errhint("Reduce the dimensions, or split the vector over several columns.")));

	result = (VsVector *) palloc0(VS_VECTOR_SIZE(dim));
	SET_VARSIZE(result, VS_VECTOR_SIZE(dim));
	result->dim = dim;

	return result;
}

/* Error 22000 unless both have the same dimensions. */
void
vs_check_same_dim(const VsVector *a, const VsVector *b)
{
	if (a->dim != b->dim)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("different vecstore dimensions %d and %d", a->dim, b->dim),
				 errhint("Only vectors of the same dimensions can be compared or combined.")));
}

/*
 * Whether dim suits a type modifier; false after a soft error.
 */
static bool
typmod_accepts(int dim, int32 typmod, Node *escontext)
{
	if (typmod >= 0 && VS_TYPMOD_DIM(typmod) != dim)
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("expected %d dimensions, not %d", VS_TYPMOD_DIM(typmod), dim),
				 errhint("A column of type vecstore(%d) holds no other vectors; one of type vecstore holds any.",
						 VS_TYPMOD_DIM(typmod))));
	return true;
}

/* Error 22000 unless dim is what the type modifier asks for, if any. */
void
vs_check_typmod(int dim, int32 typmod)
{
	(void) typmod_accepts(dim, typmod, NULL);
}

/*
 * Whether an element may stand in a vector; false after a soft error.
 */
static bool
element_accepted(float value, Node *escontext)
{
	if (isnan(value) || isinf(value))
		ereturn(escontext, false,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("%s is not allowed in a vecstore", isnan(value) ? "NaN" : "infinity"),
				 errhint("Every element must be a finite number.")));
	return true;
}

/* Error 22000 if the element is NaN or infinite. */
void
vs_check_element(float value)
{
	(void) element_accepted(value, NULL);
}

/* The start of a text, short enough for an error message. */
static char *
excerpt(const char *text)
{
	int			len = strlen(text);

	if (len <= EXCERPT_LEN)
		return pstrdup(text);
	return psprintf("%.*s...", pg_mbcliplen(text, len, EXCERPT_LEN), text);
}

/* Blanks as the SQL lexer sees them; independent of the locale. */
static inline bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline const char *
skip_blanks(const char *p)
{
	while (is_blank(*p))
		p++;
	return p;
}

/*
 * The end of the decimal number at p, or p itself when there is none.
 *
 * strtof() alone would take more than we want: hexadecimal numbers, "inf",
 * "nan(...)".
 */
static const char *
number_end(const char *p)
{
	const char *start = p;
	int			digits = 0;

	if (*p == '+' || *p == '-')
		p++;
	for (; is_digit(*p); p++)
		digits++;
	if (*p == '.')
	{
		p++;
		for (; is_digit(*p); p++)
			digits++;
	}
	if (digits == 0)
		return start;

	if (*p == 'e' || *p == 'E')
	{
		const char *exponent = p + 1;

		if (*exponent == '+' || *exponent == '-')
			exponent++;
		if (!is_digit(*exponent))
			return start;
		while (is_digit(*exponent))
			exponent++;
		p = exponent;
	}
	return p;
}

/*
 * The value that a text spells that is no decimal number but a float's name
 * (NaN, inf, Infinity, any case, any sign), or 0: for a better error message.
 */
static float
special_value(const char *p)
{
	if (*p == '+' || *p == '-')
		p++;
	if (pg_strncasecmp(p, "nan", 3) == 0)
		return NAN;
	if (pg_strncasecmp(p, "inf", 3) == 0)
		return INFINITY;
	return 0;
}

/*
 * Report a syntax error of the text input; NULL, for the caller to return,
 * after a soft error.
 */
static void *
syntax_error(Node *escontext, const char *detail)
{
	ereturn(escontext, NULL,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type vecstore"),
			 errdetail("%s", detail),
			 errhint("Write a vecstore as decimal numbers between brackets, such as [1,2.5,-3e-2].")));
}

/*
 * Read one element at p, blanks before and after it included, into *value.
 * The place where reading stopped, or NULL after a soft error.
 */
static const char *
read_element(const char *p, float *value, Node *escontext)
{
	const char *end;

	p = skip_blanks(p);
	end = number_end(p);
	if (end == p)
	{
		if (!element_accepted(special_value(p), escontext))
			return NULL;
		if (*p == '\0')
			return syntax_error(escontext, "A number is missing at the end.");
		if (*p == ',' || *p == ']')
			return syntax_error(escontext, psprintf("A number is missing before \"%c\".", *p));
		return syntax_error(escontext, psprintf("Expected a number at \"%s\".", excerpt(p)));
	}

	/* The server keeps LC_NUMERIC at C, so the decimal point is a point. */
	*value = strtof(p, NULL);
	if (isinf(*value))
		ereturn(escontext, NULL,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("\"%s\" is out of range for an element of type vecstore",
						excerpt(pnstrdup(p, end - p))),
				 errhint("Elements are 4-byte floats, up to 3.4e38 in size.")));

	return skip_blanks(end);
}

/* One element from decimal text; the same errors as the type's text input. */
float
vs_element_from_text(const char *text)
{
	float		value = 0;
	const char *rest = read_element(text, &value, NULL);

	if (*rest != '\0')
		syntax_error(NULL, psprintf("Expected a number at \"%s\".", excerpt(text)));
	return value;
}

/*
 * Elements that a text can hold: one more than it has commas.  Stops counting
 * when there are too many.
 */
static int
count_elements(const char *p)
{
	int			count = 1;

	while (count <= VS_MAX_DIM && (p = strchr(p, ',')) != NULL)
	{
		count++;
		p++;
	}
	return count;
}

/*
 * The vector that a text spells, or NULL after a soft error.
 */
static VsVector *
parse_vector(const char *text, Node *escontext)
{
	const char *p = skip_blanks(text);
	VsVector   *result;
	int			dim;

	if (*p != '[')
		return syntax_error(escontext,
							*p == '\0' ? "The text is empty." :
							psprintf("Expected \"[\" at \"%s\".", excerpt(p)));
	p++;
	if (*skip_blanks(p) == ']')
		ereturn(escontext, NULL,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("a vecstore must have at least 1 dimension"),
				 errhint("Store NULL where there is no vector.")));
	dim = count_elements(p);
	if (dim > VS_MAX_DIM)
		ereturn(escontext, NULL,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a vecstore cannot have more than %d dimensions", VS_MAX_DIM),
				 errhint("Reduce the dimensions, or split the vector over several columns.")));

	/* An element more for each comma passed: never more than dim. */
	result = vs_vector_new(dim);
	for (float *x = result->x;; x++)
	{
		p = read_element(p, x, escontext);
		if (p == NULL)
			return NULL;
		if (*p != ',')
			break;
		p++;
	}

	if (*p == '\0')
		return syntax_error(escontext, "The closing \"]\" is missing.");
	if (*p != ']')
		return syntax_error(escontext,
							psprintf("Expected \",\" or \"]\" at \"%s\".", excerpt(p)));
	p = skip_blanks(p + 1);
	if (*p != '\0')
		return syntax_error(escontext,
							psprintf("Junk after the closing \"]\": \"%s\".", excerpt(p)));

	/* Every comma was passed, so the vector is full. */
	return result;
}

/* Text to vector: cstring, type oid, type modifier. */
Datum
vecstore_in(PG_FUNCTION_ARGS)
{
	const char *text = PG_GETARG_CSTRING(0);
	int32		typmod = PG_GETARG_INT32(2);
	VsVector   *result = parse_vector(text, fcinfo->context);

	if (result == NULL || !typmod_accepts(result->dim, typmod, fcinfo->context))
		PG_RETURN_NULL();
	PG_RETURN_VSVECTOR_P(result);
}

/* Vector to text: the shortest that reads back as the same floats. */
Datum
vecstore_out(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	/* an element's length includes a byte for the comma after it */
	char	   *text = palloc(vector->dim * FLOAT_SHORTEST_DECIMAL_LEN + 3);
	char	   *p = text;

	*p++ = '[';
	for (int i = 0; i < vector->dim; i++)
	{
		if (i > 0)
			*p++ = ',';
		p += float_to_shortest_decimal_bufn(vector->x[i], p);
	}
	*p++ = ']';
	*p = '\0';

	PG_RETURN_CSTRING(text);
}

/*
 * Elements in network order.  A query's vector comes this way: the loop is one that
 * compilers turn into wide registers, and who is wrong is looked for afterwards.
 */
static void
read_elements(float *x, const char *bytes, int dim)
{
	const uint32 exponent = 0x7F800000;
	uint32		wrong = 0;

	for (int i = 0; i < dim; i++)
	{
		uint32		bits;

		memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
		bits = pg_ntoh32(bits);
		wrong |= (bits & exponent) == exponent;
		memcpy(&x[i], &bits, sizeof(bits));
	}
	for (int i = 0; wrong && i < dim; i++)
		vs_check_element(x[i]);
}

/* Binary to vector: message, type oid, type modifier. */
Datum
vecstore_recv(PG_FUNCTION_ARGS)
{
	StringInfo	message = (StringInfo) PG_GETARG_POINTER(0);
	int32		typmod = PG_GETARG_INT32(2);
	VsVector   *result;
	int			dim = (int16) pq_getmsgint(message, sizeof(int16));
	int			unused = (int16) pq_getmsgint(message, sizeof(int16));
	int			left = message->len - message->cursor;

	if (dim < 1 || dim > VS_MAX_DIM)
		ereport(ERROR,
				(errcode(dim < 1 ? ERRCODE_DATA_EXCEPTION : ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a vecstore in binary format cannot have %d dimensions", dim),
				 errhint("The first two bytes hold the dimensions, 1 to %d, high byte first.", VS_MAX_DIM)));
	if (unused != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unknown element kind %d in the binary format of type vecstore", unused),
				 errhint("The third and fourth bytes must be zero.")));
	if (left != dim * (int) sizeof(float))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("a vecstore of %d dimensions in binary format cannot have %d bytes of elements", dim, left),
				 errhint("Every element is a float4 of 4 bytes, high byte first.")));
	vs_check_typmod(dim, typmod);

	result = vs_vector_new(dim);
	read_elements(result->x, pq_getmsgbytes(message, left), dim);

	PG_RETURN_VSVECTOR_P(result);
}

/* Vector to binary. */
Datum
vecstore_send(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);
	StringInfoData message;

	pq_begintypsend(&message);
	pq_sendint16(&message, vector->dim);
	pq_sendint16(&message, vector->unused);
	for (int i = 0; i < vector->dim; i++)
		pq_sendfloat4(&message, vector->x[i]);

	PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* The type modifier of vecstore(d). */
Datum
vecstore_typmod_in(PG_FUNCTION_ARGS)
{
	int			count;
	int32	   *modifiers = ArrayGetIntegerTypmods(PG_GETARG_ARRAYTYPE_P(0), &count);

	if (count != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type vecstore takes one modifier, the number of dimensions"),
				 errhint("Write it as vecstore(3).")));
	if (modifiers[0] < 1 || modifiers[0] > VS_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("dimensions for type vecstore must be between 1 and %d", VS_MAX_DIM)));

	PG_RETURN_INT32(modifiers[0]);
}

/* The text of a type modifier: "(d)". */
Datum
vecstore_typmod_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(psprintf("(%d)", VS_TYPMOD_DIM(PG_GETARG_INT32(0))));
}

/* Cast of the type to itself: check a vector against a type modifier. */
Datum
vecstore_apply_typmod(PG_FUNCTION_ARGS)
{
	VsVector   *vector = PG_GETARG_VSVECTOR_P(0);

	vs_check_typmod(vector->dim, PG_GETARG_INT32(1));

	PG_RETURN_VSVECTOR_P(vector);
}
