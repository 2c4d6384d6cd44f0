/*
 * split_text_pg.c
 *		SQL function vecstore.split_text(): a text in chunks.
 *
 * The splitter belongs to the backend and stays, since ICU takes longer to make
 * one than to split a short text.  Nothing that runs between two chunks calls it
 * again.
 *
 * In a database that is not UTF-8 the splitter reads a conversion that has one
 * character for each of the text, so that positions are the same in both.
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/namespace.h"
#include "collection/split_text.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

/* Bytes of another encoding that are converted at once. */
#define WINDOW_BYTES	8192

/* Overlap by default: a tenth of the chunk, at most so much. */
#define MAX_DEFAULT_OVERLAP		100

/* A text that is split. */
typedef struct SplitText
{
	const char *text;			/* as it was given */
	int32		length;
	const char *utf8;			/* what is split */
	int32		utf8_length;
	int32		text_at;		/* the same place in both */
	int32		utf8_at;
} SplitText;

static VsSplit *splitter = NULL;

/* ---- encodings ---- */

/*
 * Append the conversion of a character: its first code point, or U+FFFD if
 * Unicode lacks it.
 */
static void
append_character(StringInfo out, Oid conversion, const char *text, int length)
{
	unsigned char utf8[MAX_CONVERSION_GROWTH * MAX_CONVERSION_INPUT_LENGTH + 1];

	if (pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), PG_UTF8,
									  (unsigned char *) unconstify(char *, text), length,
									  utf8, sizeof(utf8), true) == length)
		appendBinaryStringInfo(out, (char *) utf8, pg_utf_mblen(utf8));
	else
		appendStringInfoString(out, "\xEF\xBF\xBD");
}

/* How many characters of UTF-8 a string has. */
static int
count_utf8(const char *utf8)
{
	int			n = 0;

	for (; *utf8; utf8++)
		n += ((unsigned char) *utf8 & 0xC0) != 0x80;
	return n;
}

/*
 * Append the conversion of some whole characters.  If it does not have a
 * character for each, as with 25 of EUC_JIS_2004 that are two code points each,
 * they are converted one by one.
 */
static void
append_window(StringInfo out, Oid conversion, const char *text, int length)
{
	int			room = length * MAX_CONVERSION_GROWTH + 1;
	int			done;

	enlargeStringInfo(out, room);
	done = pg_do_encoding_conversion_buf(conversion, GetDatabaseEncoding(), PG_UTF8,
										 (unsigned char *) unconstify(char *, text), length,
										 (unsigned char *) out->data + out->len, room, true);
	if (done == length && count_utf8(out->data + out->len) == pg_mbstrlen_with_len(text, length))
		out->len += strlen(out->data + out->len);
	else
	{
		for (int at = 0; at < length; at += pg_mblen(text + at))
			append_character(out, conversion, text + at, pg_mblen(text + at));
	}
}

/* A text of the database's encoding in UTF-8, with as many characters. */
static void
convert_text(SplitText *split, Oid conversion)
{
	StringInfoData utf8;
	int			at = 0;

	initStringInfo(&utf8);
	while (at < split->length)
	{
		int			window = pg_mbcliplen(split->text + at, split->length - at, WINDOW_BYTES);

		append_window(&utf8, conversion, split->text + at, window);
		at += window;
		CHECK_FOR_INTERRUPTS();
	}
	split->utf8 = utf8.data;
	split->utf8_length = utf8.len;
}

/* What the splitter reads of a text. */
static void
find_utf8(SplitText *split)
{
	int			encoding = GetDatabaseEncoding();
	Oid			conversion;

	split->utf8 = split->text;
	split->utf8_length = split->length;
	/* SQL_ASCII says nothing of bytes above 127; they are taken for UTF-8. */
	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
		return;
	conversion = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(conversion))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("texts of encoding %s cannot be split", pg_encoding_to_char(encoding)),
				 errdetail("There is no conversion to UTF8.")));
	convert_text(split, conversion);
}

/* Where in the text a place of its UTF-8 is.  Starts never go back. */
static int32
place_in_text(SplitText *split, int32 utf8_at)
{
	int32		at = split->text_at;

	if (split->utf8 == split->text)
		return utf8_at;
	for (int32 i = split->utf8_at; i < utf8_at; i += pg_utf_mblen((const unsigned char *) split->utf8 + i))
		at += pg_mblen(split->text + at);
	return at;
}

/* ---- arguments ---- */

/* The method of a name. */
static VsSplitMethod
parse_method(const char *name)
{
	for (int i = 0; vs_split_method_names[i]; i++)
	{
		if (strcmp(name, vs_split_method_names[i]) == 0)
			return (VsSplitMethod) i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no method \"%s\" to split a text", name),
			 errhint("Methods are recursive, sentence, token, markdown.")));
	return VS_SPLIT_RECURSIVE;	/* not reached */
}

/* How to split: the function's arguments but the first. */
static VsSplitOptions
parse_options(FunctionCallInfo fcinfo)
{
	VsSplitOptions options = {.bytes = GetDatabaseEncoding() == PG_SQL_ASCII};

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("method and chunk_size must not be null")));
	options.method = parse_method(text_to_cstring(PG_GETARG_TEXT_PP(1)));
	options.chunk_size = PG_GETARG_INT32(2);
	if (options.chunk_size < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("chunk_size must be at least 1, not %d", options.chunk_size)));
	options.overlap = PG_ARGISNULL(3) ? Min(options.chunk_size / 10, MAX_DEFAULT_OVERLAP) : PG_GETARG_INT32(3);
	if (options.overlap < 0 || options.overlap >= options.chunk_size)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("overlap cannot be %d", options.overlap),
				 errhint("It must be at least 0 and less than chunk_size, %d.", options.chunk_size)));
	return options;
}

/* ---- chunks ---- */

/* Return one chunk as a row. */
static void
put_chunk(ReturnSetInfo *result, SplitText *split, const VsChunk *chunk, int32 number)
{
	Datum		values[3];
	bool		nulls[3] = {false};
	int32		start = place_in_text(split, chunk->start);
	int32		end;
	text	   *copy;

	split->text_at = start;
	split->utf8_at = chunk->start;
	end = place_in_text(split, chunk->end);
	copy = cstring_to_text_with_len(split->text + start, end - start);
	values[0] = Int32GetDatum(number);
	values[1] = Int32GetDatum(chunk->position);
	values[2] = PointerGetDatum(copy);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	pfree(copy);				/* the row has another */
}

/* Make the backend's splitter, once. */
static void
make_splitter(void)
{
	if (splitter == NULL)
		splitter = vs_split_create();
	if (splitter == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("Could not make a splitter of texts."),
				 errhint("If there is enough memory, ICU is not installed as it should be.")));
}

/* Return all chunks. */
static void
put_chunks(ReturnSetInfo *result, SplitText *split, const VsSplitOptions *options)
{
	VsSplitStatus status;
	VsChunk		chunk;
	int32		number = 0;

	vs_split_begin(splitter, options, split->utf8, split->utf8_length);
	while ((status = vs_split_next(splitter, &chunk)) != VS_SPLIT_END)
	{
		CHECK_FOR_INTERRUPTS();
		if (status == VS_SPLIT_FAILED)
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("out of memory"),
					 errdetail("ICU failed on a text of %d bytes.", split->utf8_length)));
		if (status == VS_SPLIT_CHUNK)
			put_chunk(result, split, &chunk, ++number);
	}
}

PG_FUNCTION_INFO_V1(vecstore_split_text);

/*
 * vecstore.split_text(text, method, chunk_size, overlap): the chunks of a text.
 */
PGDLLEXPORT Datum
vecstore_split_text(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	VsSplitOptions options = parse_options(fcinfo);
	SplitText	split = {0};
	text	   *document;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		return (Datum) 0;
	document = PG_GETARG_TEXT_PP(0);
	split.text = VARDATA_ANY(document);
	split.length = VARSIZE_ANY_EXHDR(document);
	find_utf8(&split);
	make_splitter();
	PG_TRY();
	{
		put_chunks(result, &split, &options);
	}
	PG_FINALLY();
	{
		vs_split_finish(splitter);
	}
	PG_END_TRY();
	return (Datum) 0;
}
