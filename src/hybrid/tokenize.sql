
-- Text to terms, as full-text indexes do it.

CREATE FUNCTION vecstore_tokenize(document text, tokenizer text DEFAULT 'simple', options jsonb DEFAULT '{}') RETURNS text[]
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION vecstore_tokenize(text, text, jsonb) IS
	'the terms of a text, in order; tokenizers: simple, whitespace, ngram, language, or a text search configuration; options such as {"language": "german"}';
