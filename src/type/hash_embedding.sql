
-- Text to a vector without a model: a stand-in for demos and tests.

CREATE FUNCTION hash_embedding(body text, dims integer DEFAULT 256) RETURNS vecstore
	AS 'MODULE_PATHNAME', 'vecstore_hash_embedding'
	LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;

COMMENT ON FUNCTION hash_embedding(text, integer) IS
	'unit vector of a text by feature hashing: a stand-in for a real embedding model, good for demos and tests; compares spelling, not meaning; NULL when the text has no word';
