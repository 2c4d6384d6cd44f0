
-- Text search beside vectors: BM25 for tsvector columns, fusion of ranked lists.

CREATE FUNCTION bm25_score(relation regclass, column_name name, document tsvector, query tsquery,
		k1 double precision DEFAULT 1.2, b double precision DEFAULT 0.75, weights real[] DEFAULT NULL,
		n double precision DEFAULT NULL, avgdl double precision DEFAULT NULL)
	RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_bm25_score'
	LANGUAGE C STABLE PARALLEL SAFE COST 10;

COMMENT ON FUNCTION bm25_score(regclass, name, tsvector, tsquery, double precision, double precision, real[], double precision, double precision) IS
	'BM25 score of a document of this column for the words of a query, larger is better; statistics come from the column''s GIN index and a sample of the table, or from n (number of documents) and avgdl (their average length)';

CREATE FUNCTION rrf_score(rank bigint, k integer DEFAULT 60) RETURNS double precision
	AS 'MODULE_PATHNAME', 'vecstore_rrf_score'
	LANGUAGE C IMMUTABLE PARALLEL SAFE;

COMMENT ON FUNCTION rrf_score(bigint, integer) IS
	'reciprocal rank fusion: 1 / (k + rank), or 0 where rank is NULL because a list lacks the row; add up over the lists';
