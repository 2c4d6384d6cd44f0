/*
 * tokenize.c
 *		SQL function vecstore_tokenize(document, tokenizer, options): the terms
 *		that an index would have of a text.
 */
#include "postgres.h"
#include "compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "hybrid/tokenizer_pg.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

/* The value of an option as text, NULL if it is null. */
static char *
option_text(const char *name, const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(value->val.string.val, value->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
		case jbvBool:
			return pstrdup(value->val.boolean ? "true" : "false");
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("option \"%s\" wants one value, not an array or an object", name)));
	}
	return NULL;				/* not reached */
}

/* An option that is a number; 0 is no number for any of them. */
static int
number_option(const char *name, const char *value)
{
	int			number = pg_strtoint32(value);

	if (number < 1 || number > VS_MAX_GRAM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be %d", name, number),
				 errhint("It must be from 1 to %d.", VS_MAX_GRAM)));
	return number;
}

/* An option that is yes or no. */
static bool
bool_option(const char *name, const char *value)
{
	bool		result;

	if (!parse_bool(value, &result))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" cannot be \"%s\"", name, value),
				 errhint("It must be true or false.")));
	return result;
}

/* Take one option. */
static void
set_option(VsTokenizerConfig *config, const char *name, const char *value)
{
	if (strcmp(name, "language") == 0)
		config->language = value;
	else if (strcmp(name, "stemmer") == 0)
		config->stemmer = value;
	else if (strcmp(name, "stopwords") == 0)
		config->stopwords = value;
	else if (strcmp(name, "keep_possessive") == 0)
		config->keep_possessive = bool_option(name, value);
	else if (strcmp(name, "min_gram") == 0)
		config->min_gram = number_option(name, value);
	else if (strcmp(name, "max_gram") == 0)
		config->max_gram = number_option(name, value);
	else
		elog(ERROR, "option \"%s\" is listed and not known", name);
}

/* Take options from JSON: {"language": "german"}. */
static void
set_options(VsTokenizerConfig *config, Jsonb *json)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;

	if (!JB_ROOT_IS_OBJECT(json))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options of a tokenizer must be a JSON object"),
				 errhint("For example: {\"language\": \"german\"}.")));
	iterator = JsonbIteratorInit(&json->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		char	   *name;
		char	   *text;

		if (token != WJB_KEY)
			continue;
		name = pnstrdup(value.val.string.val, value.val.string.len);
		vs_tokenizer_check_option(config->tokenizer, name);
		JsonbIteratorNext(&iterator, &value, true);
		text = option_text(name, &value);
		if (text)
			set_option(config, name, text);
	}
}

PG_FUNCTION_INFO_V1(vecstore_tokenize);

/*
 * vecstore_tokenize(document text, tokenizer text, options jsonb): the terms in
 * the order of the text.
 */
PGDLLEXPORT Datum
vecstore_tokenize(PG_FUNCTION_ARGS)
{
	text	   *document = PG_GETARG_TEXT_PP(0);
	VsTokenizerConfig config = {.tokenizer = text_to_cstring(PG_GETARG_TEXT_PP(1))};
	ArrayBuildState *terms = initArrayResult(TEXTOID, CurrentMemoryContext, false);
	VsTokenStream *stream;
	VsToken		token;

	vs_tokenizer_ts_config(config.tokenizer);	/* an unknown one first */
	set_options(&config, PG_GETARG_JSONB_P(2));
	stream = vs_token_stream_open(&config);
	vs_token_stream_begin(stream, VARDATA_ANY(document), VARSIZE_ANY_EXHDR(document));
	while (vs_token_stream_next(stream, &token))
	{
		text	   *term = cstring_to_text_with_len(token.term, token.length);

		accumArrayResult(terms, PointerGetDatum(term), false, TEXTOID, CurrentMemoryContext);
		pfree(term);			/* the array has a copy */
	}
	PG_RETURN_DATUM(makeArrayResult(terms, CurrentMemoryContext));
}
