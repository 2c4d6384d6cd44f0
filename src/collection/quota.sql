
-- quota.sql: what namespaces may hold, and what they do hold.
--
-- vecstore.usage is written by the trigger vecstore.guard() (guard.c) alone,
-- and only for namespaces with a quota of vectors or storage.  It is not
-- dumped: tables that have no row here are counted when they are written next.

CREATE TABLE vecstore.usage (
	collection oid PRIMARY KEY,
	namespace name NOT NULL REFERENCES vecstore.namespace_settings ON UPDATE CASCADE ON DELETE CASCADE,
	vectors bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX usage_namespace ON vecstore.usage (namespace);
ALTER TABLE vecstore.usage OWNER TO @extowner@;
COMMENT ON TABLE vecstore.usage IS 'rows of the collections of namespaces that have a quota of vectors or storage';

CREATE FUNCTION vecstore.guard() RETURNS trigger
	AS 'MODULE_PATHNAME', 'vecstore_guard' LANGUAGE C;
COMMENT ON FUNCTION vecstore.guard() IS 'the trigger of collections: keeps status and quotas of their namespace';

CREATE FUNCTION vecstore.recount(namespace name) RETURNS bigint
	AS 'MODULE_PATHNAME', 'vecstore_recount' LANGUAGE C STRICT;
COMMENT ON FUNCTION vecstore.recount(name) IS 'counts the rows of a namespace''s collections anew, while nobody writes';

CREATE FUNCTION vecstore.count_vectors(namespace name) RETURNS bigint
	AS 'MODULE_PATHNAME', 'vecstore_count_vectors' LANGUAGE C STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore.count_vectors(name) IS
	'the rows of a namespace''s collections: as counted for its quotas, or from the tables if it has none';

CREATE FUNCTION vecstore.set_quota(name text, max_vectors bigint DEFAULT NULL, max_storage_bytes bigint DEFAULT NULL,
		max_dimension bigint DEFAULT NULL, max_collections bigint DEFAULT NULL, max_batch_size bigint DEFAULT NULL,
		max_query_results bigint DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	schema_name name := vecstore.namespace_name($1);
	old vecstore.namespaces;
BEGIN
	SELECT * INTO old FROM vecstore.namespaces n WHERE n.name = schema_name FOR UPDATE;
	IF NOT FOUND THEN
		RAISE 'namespace "%" does not exist', schema_name USING ERRCODE = 'invalid_schema_name';
	END IF;
	IF old.max_vectors IS NULL AND old.max_storage_bytes IS NULL AND greatest(max_vectors, max_storage_bytes) >= 0 THEN
		PERFORM vecstore.recount(schema_name);
	END IF;
	UPDATE vecstore.namespaces n SET
		max_vectors = nullif(coalesce($2, n.max_vectors), -1),
		max_storage_bytes = nullif(coalesce($3, n.max_storage_bytes), -1),
		max_dimension = nullif(coalesce($4, n.max_dimension), -1),
		max_collections = nullif(coalesce($5, n.max_collections), -1),
		max_batch_size = nullif(coalesce($6, n.max_batch_size), -1),
		max_query_results = nullif(coalesce($7, n.max_query_results), -1)
	WHERE n.name = schema_name;
END
$$;
COMMENT ON FUNCTION vecstore.set_quota(text, bigint, bigint, bigint, bigint, bigint, bigint) IS
	'changes quotas of a namespace; NULL leaves one as it is, -1 takes it away';
