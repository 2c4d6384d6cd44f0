
-- The words that a query has found, shown in the text.

CREATE FUNCTION vecstore_bm25_function_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_bm25_function_support(internal) IS
	'finds the index of the document of bm25_highlight and bm25_snippet for the planner';

CREATE FUNCTION bm25_highlight(document text, query bm25query,
		start_tag text DEFAULT '<b>', end_tag text DEFAULT '</b>') RETURNS text
	AS 'MODULE_PATHNAME', 'vecstore_bm25_highlight' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION bm25_highlight(text, bm25query, text, text) IS
	'the text with tags around the words of the query, as the query''s index finds them; HTML is not escaped';
CREATE FUNCTION bm25_highlight(document text, query text,
		start_tag text DEFAULT '<b>', end_tag text DEFAULT '</b>') RETURNS text
	AS 'MODULE_PATHNAME', 'vecstore_bm25_function_no_index' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
	SUPPORT vecstore_bm25_function_support;
COMMENT ON FUNCTION bm25_highlight(text, text, text, text) IS
	'the text of a column that has one vecstore_bm25 index, with tags around the words of the query; HTML is not escaped';

CREATE FUNCTION bm25_snippet(document text, query bm25query, words integer DEFAULT 20,
		start_tag text DEFAULT '<b>', end_tag text DEFAULT '</b>') RETURNS text
	AS 'MODULE_PATHNAME', 'vecstore_bm25_snippet' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION bm25_snippet(text, bm25query, integer, text, text) IS
	'of the text, the piece of so many words that has most of the query''s, with tags around these; HTML is not escaped';
CREATE FUNCTION bm25_snippet(document text, query text, words integer DEFAULT 20,
		start_tag text DEFAULT '<b>', end_tag text DEFAULT '</b>') RETURNS text
	AS 'MODULE_PATHNAME', 'vecstore_bm25_function_no_index' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
	SUPPORT vecstore_bm25_function_support;
COMMENT ON FUNCTION bm25_snippet(text, text, integer, text, text) IS
	'of the text of a column that has one vecstore_bm25 index, the piece of so many words that has most of the query''s, with tags around these; HTML is not escaped';
