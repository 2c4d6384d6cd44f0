
-- The access method vecstore_bm25: the best documents for a query, from an index.

CREATE TYPE bm25query;
CREATE FUNCTION vecstore_bm25query_in(cstring) RETURNS bm25query
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_bm25query_in(cstring) IS 'reads INDEX:QUERY';
CREATE FUNCTION vecstore_bm25query_out(bm25query) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_bm25query_out(bm25query) IS 'writes INDEX:QUERY';
CREATE TYPE bm25query (INPUT = vecstore_bm25query_in, OUTPUT = vecstore_bm25query_out,
	INTERNALLENGTH = VARIABLE, STORAGE = extended);
COMMENT ON TYPE bm25query IS 'the words of a query, and the vecstore_bm25 index that it is for';

CREATE FUNCTION bm25_query(query text, index regclass) RETURNS bm25query
	AS 'MODULE_PATHNAME', 'vecstore_bm25_query' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25_query(text, regclass) IS
	'a query for a vecstore_bm25 index, named where column <@> text cannot find one';

CREATE FUNCTION vecstore_bm25_support(internal) RETURNS internal
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_bm25_support(internal) IS 'finds the index of the left side of text <@> text for the planner';

CREATE FUNCTION bm25_rank(document text, query bm25query) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_bm25_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION bm25_rank(text, bm25query) IS
	'minus the BM25 score of a text with the statistics of the query''s index; 0: none of the words';
CREATE FUNCTION bm25_rank(document tsvector, query bm25query) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_bm25_tsvector' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION bm25_rank(tsvector, bm25query) IS
	'minus the BM25 score of a tsvector with the statistics of the query''s index; 0: none of the words';
CREATE FUNCTION bm25_rank(document text, query text) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_bm25_no_index' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100
	SUPPORT vecstore_bm25_support;
COMMENT ON FUNCTION bm25_rank(text, text) IS
	'minus the BM25 score of a text column that has one vecstore_bm25 index';
CREATE FUNCTION bm25_rank(document tsvector, query text) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_bm25_no_index' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20
	SUPPORT vecstore_bm25_support;
COMMENT ON FUNCTION bm25_rank(tsvector, text) IS
	'minus the BM25 score of a tsvector column that has one vecstore_bm25 index';

CREATE OPERATOR <@> (LEFTARG = text, RIGHTARG = text, FUNCTION = bm25_rank);
COMMENT ON OPERATOR <@> (text, text) IS 'minus the BM25 score; the index is found from the left side';
CREATE OPERATOR <@> (LEFTARG = text, RIGHTARG = bm25query, FUNCTION = bm25_rank);
COMMENT ON OPERATOR <@> (text, bm25query) IS 'minus the BM25 score';
CREATE OPERATOR <@> (LEFTARG = tsvector, RIGHTARG = text, FUNCTION = bm25_rank);
COMMENT ON OPERATOR <@> (tsvector, text) IS 'minus the BM25 score; the index is found from the left side';
CREATE OPERATOR <@> (LEFTARG = tsvector, RIGHTARG = bm25query, FUNCTION = bm25_rank);
COMMENT ON OPERATOR <@> (tsvector, bm25query) IS 'minus the BM25 score';

-- What a document must have.
CREATE FUNCTION bm25_match(document text, query bm25query) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecstore_bm25_match_text' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 100;
COMMENT ON FUNCTION bm25_match(text, bm25query) IS
	'whether a text has the words and phrases that a boolean query asks for';
CREATE FUNCTION bm25_match(document tsvector, query bm25query) RETURNS boolean
	AS 'MODULE_PATHNAME', 'vecstore_bm25_match_tsvector' LANGUAGE C STABLE STRICT PARALLEL SAFE COST 20;
COMMENT ON FUNCTION bm25_match(tsvector, bm25query) IS
	'whether a tsvector has the words and phrases that a boolean query asks for';
CREATE FUNCTION vecstore_bm25_matchsel(internal, oid, internal, integer) RETURNS double precision
	AS 'MODULE_PATHNAME' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore_bm25_matchsel(internal, oid, internal, integer) IS
	'share of the rows that text @@ bm25query keeps';
CREATE OPERATOR @@ (LEFTARG = text, RIGHTARG = bm25query, FUNCTION = bm25_match,
	RESTRICT = vecstore_bm25_matchsel, JOIN = contjoinsel);
COMMENT ON OPERATOR @@ (text, bm25query) IS 'has the words and phrases that a boolean query asks for';
-- None for tsvector: beside it, tsvector @@ 'a literal' would not be tsvector @@ tsquery any more.

CREATE FUNCTION vecstore_bm25_handler(internal) RETURNS index_am_handler
	AS 'MODULE_PATHNAME' LANGUAGE C;
COMMENT ON FUNCTION vecstore_bm25_handler(internal) IS 'handler of the access method vecstore_bm25';
CREATE ACCESS METHOD vecstore_bm25 TYPE INDEX HANDLER vecstore_bm25_handler;
COMMENT ON ACCESS METHOD vecstore_bm25 IS 'full-text search: ORDER BY column <@> query by BM25, WHERE column @@ query';

CREATE OPERATOR CLASS bm25_text_ops DEFAULT FOR TYPE text USING vecstore_bm25 AS
	OPERATOR 1 <@> (text, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (text, bm25query) FOR ORDER BY float_ops,
	OPERATOR 3 @@ (text, bm25query);
COMMENT ON OPERATOR CLASS bm25_text_ops USING vecstore_bm25 IS 'the best texts for a query';
CREATE OPERATOR CLASS bm25_tsvector_ops DEFAULT FOR TYPE tsvector USING vecstore_bm25 AS
	OPERATOR 1 <@> (tsvector, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (tsvector, bm25query) FOR ORDER BY float_ops,
	OPERATOR 3 pg_catalog.@@ (tsvector, tsquery);
COMMENT ON OPERATOR CLASS bm25_tsvector_ops USING vecstore_bm25 IS 'the best tsvectors for a query';

CREATE FUNCTION bm25_index_info(index regclass, OUT tokenizer_version text, OUT k1 double precision,
		OUT b double precision, OUT segments integer, OUT documents bigint, OUT nulls bigint,
		OUT terms_in_documents bigint, OUT pending_pages integer, OUT free_pages bigint, OUT bytes bigint)
	AS 'MODULE_PATHNAME', 'vecstore_bm25_index_info' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION bm25_index_info(regclass) IS
	'what a vecstore_bm25 index holds, but for the rows in its pending pages';

CREATE FUNCTION bm25_check(index regclass, heap boolean DEFAULT false, OUT segments integer, OUT documents bigint,
		OUT nulls bigint, OUT terms bigint, OUT postings bigint, OUT pending_rows bigint, OUT lost_pages bigint)
	AS 'MODULE_PATHNAME', 'vecstore_bm25_check' LANGUAGE C VOLATILE STRICT;
COMMENT ON FUNCTION bm25_check(regclass, boolean) IS
	'reads every page of a vecstore_bm25 index and raises XX002 if it is broken; heap: also if a row of the table is not in it with its terms. documents, nulls: rows in segments; terms: of each segment; lost_pages: neither in use nor free, until REINDEX';

CREATE FUNCTION bm25_fields(fields text[], weights integer[] DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'vecstore_bm25_fields' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION bm25_fields(text[], integer[]) IS
	'several texts as one document for a vecstore_bm25 index on this expression; a text of weight w counts w times (0 to 100), a NULL not at all';
