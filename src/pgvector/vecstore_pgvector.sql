-- vecstore_pgvector.sql: the access method vecstore on columns of pgvector's
-- type vector, for queries as they are.
--
-- Both types have the same bytes (src/type/vector.h), so an index takes a
-- vector's datum as it is and no cast runs.  The operators are pgvector's own;
-- names without a schema are found because PostgreSQL puts the schemas of the
-- extensions required into the search path of this script.

\echo Use "CREATE EXTENSION vecstore_pgvector" to load this file. \quit

DO $$
BEGIN
	IF to_regoperator('<+>(vector,vector)') IS NULL THEN
		RAISE EXCEPTION USING
			ERRCODE = 'feature_not_supported',
			MESSAGE = 'vecstore_pgvector needs pgvector 0.7.0 or newer',
			DETAIL = format('Version %s is installed here.',
				(SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector')),
			HINT = 'Install a newer pgvector, then run ALTER EXTENSION vector UPDATE.';
	END IF;
END
$$;

-- Explicit or in assignments: an implicit cast would make vector <-> vecstore
-- ambiguous.
CREATE CAST (vector AS vecstore) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (vector AS vecstore) IS 'pgvector''s vector and vecstore are stored alike';
CREATE CAST (vecstore AS vector) WITHOUT FUNCTION AS ASSIGNMENT;
COMMENT ON CAST (vecstore AS vector) IS 'vecstore and pgvector''s vector are stored alike';

CREATE OPERATOR CLASS vector_l2_ops FOR TYPE vector USING vecstore AS
	OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_l2_metric(internal);
COMMENT ON OPERATOR CLASS vector_l2_ops USING vecstore IS 'nearest rows by Euclidean distance, ORDER BY column <-> vector';

CREATE OPERATOR CLASS vector_ip_ops FOR TYPE vector USING vecstore AS
	OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_ip_metric(internal);
COMMENT ON OPERATOR CLASS vector_ip_ops USING vecstore IS 'nearest rows by negative inner product, ORDER BY column <#> vector';

CREATE OPERATOR CLASS vector_cosine_ops FOR TYPE vector USING vecstore AS
	OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_cosine_metric(internal);
COMMENT ON OPERATOR CLASS vector_cosine_ops USING vecstore IS 'nearest rows by cosine distance, ORDER BY column <=> vector';

CREATE OPERATOR CLASS vector_l1_ops FOR TYPE vector USING vecstore AS
	OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
	FUNCTION 1 vecstore_l1_metric(internal);
COMMENT ON OPERATOR CLASS vector_l1_ops USING vecstore IS 'nearest rows by Manhattan distance, ORDER BY column <+> vector';
