
-- Search by vector and text together.

CREATE FUNCTION hybrid_search(relation anyelement, query_text text DEFAULT NULL, query_vector vecstore DEFAULT NULL,
		k integer DEFAULT 10, alpha double precision DEFAULT 0.7, method text DEFAULT 'linear', rrf_k integer DEFAULT 60,
		candidates integer DEFAULT NULL, filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL,
		vector_column name DEFAULT NULL, text_column name DEFAULT NULL)
	RETURNS TABLE (doc anyelement, score double precision, vector_distance double precision,
		text_score double precision, vector_rank bigint, text_rank bigint)
	AS 'MODULE_PATHNAME', 'vecstore_hybrid_search' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10;
COMMENT ON FUNCTION hybrid_search(anyelement, text, vecstore, integer, double precision, text, integer, integer, text, jsonb, name, name) IS
	'the k best rows of the table whose row type the first argument is of, NULL::docs, by a vector, by words, or by both: weighted scores (linear) or reciprocal ranks (rrf)';

CREATE FUNCTION hybrid_search_keys(relation regclass, query_text text DEFAULT NULL, query_vector vecstore DEFAULT NULL,
		k integer DEFAULT 10, alpha double precision DEFAULT 0.7, method text DEFAULT 'linear', rrf_k integer DEFAULT 60,
		candidates integer DEFAULT NULL, filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL,
		vector_column name DEFAULT NULL, text_column name DEFAULT NULL)
	RETURNS TABLE (key jsonb, score double precision, vector_distance double precision,
		text_score double precision, vector_rank bigint, text_rank bigint)
	AS 'MODULE_PATHNAME', 'vecstore_hybrid_search_keys' LANGUAGE C STABLE PARALLEL RESTRICTED COST 10000 ROWS 10;
COMMENT ON FUNCTION hybrid_search_keys(regclass, text, vecstore, integer, double precision, text, integer, integer, text, jsonb, name, name) IS
	'hybrid_search() for clients that have no row type to pass: primary keys, {"id": 5}, in place of rows';
