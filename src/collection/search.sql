-- search.sql: searching collections.  docs/store.md describes it.
--
-- query() and nearest() are C (search.c), with kept plans; the others are made of
-- nearest(), hybrid_search() or a statement of their own.  Each begins with
-- admit_search(), and runs with the rights of its caller.

CREATE FUNCTION vecstore.admit_search(collection text, k integer DEFAULT 10, "offset" integer DEFAULT 0) RETURNS regclass
	AS 'MODULE_PATHNAME', 'vecstore_admit_search' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION vecstore.admit_search(text, integer, integer) IS
	'the table of a collection; an error if it cannot be searched now for so many rows';

CREATE FUNCTION vecstore.query(collection text, embedding @extschema@.vecstore, k integer DEFAULT 10,
		filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL, "offset" integer DEFAULT 0,
		min_score double precision DEFAULT NULL)
	RETURNS TABLE (id text, score double precision, distance double precision, metadata jsonb, document text)
	AS 'MODULE_PATHNAME', 'vecstore_query' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10;
COMMENT ON FUNCTION vecstore.query(text, @extschema@.vecstore, integer, text, jsonb, integer, double precision) IS
	'the k rows of a collection nearest to a vector, of those that a filter lets pass, best first';

CREATE FUNCTION vecstore.query_sql(collection text, embedding @extschema@.vecstore DEFAULT NULL, k integer DEFAULT 10,
		filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL, "offset" integer DEFAULT 0,
		min_score double precision DEFAULT NULL) RETURNS text
	AS 'MODULE_PATHNAME', 'vecstore_query_sql' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION vecstore.query_sql(text, @extschema@.vecstore, integer, text, jsonb, integer, double precision) IS
	'the statement that query() runs for these arguments, with the vector as $1 and min_score as $2';

CREATE FUNCTION vecstore.nearest(collection regclass, embedding @extschema@.vecstore, rows integer,
		filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL)
	RETURNS TABLE (id text, score double precision, distance double precision, metadata jsonb, document text,
		found @extschema@.vecstore)
	AS 'MODULE_PATHNAME', 'vecstore_nearest' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 100;
COMMENT ON FUNCTION vecstore.nearest(regclass, @extschema@.vecstore, integer, text, jsonb) IS
	'part of other searches: their candidates, with vectors';
