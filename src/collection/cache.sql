-- cache.sql: semantic caches, answers found again by the meaning of a question.
-- docs/retrieval-helpers.md describes them.
--
-- A cache is an ordinary table in a namespace, with the trigger vecstore_cache,
-- which keeps the namespace's status and quotas as that of a collection does.  All
-- here runs as the caller: rights, row security, dumps and replication are those of
-- the table.  Names stand with their schema, as in record.sql.  The hash index lets
-- cache_put find the entry of the very same embedding, which it replaces; nobody
-- waits for a row that another session is about to delete.

CREATE FUNCTION vecstore.cache(name text) RETURNS regclass
	AS 'MODULE_PATHNAME', 'vecstore_cache' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecstore.cache(text) IS
	'the table of a semantic cache; an error if there is none, or it cannot be used now';

CREATE FUNCTION vecstore.create_cache(name text, dimension integer, m integer DEFAULT 16, ef_construction integer DEFAULT 64)
	RETURNS regclass LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	target record;
	relation text;
BEGIN
	IF name IS NULL OR dimension IS NULL THEN
		RAISE 'a cache needs a name and the dimension of its embeddings' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO target FROM vecstore.admit_name(name);
	PERFORM vecstore.admit_collection(target.namespace, dimension);
	relation := pg_catalog.format('%I.%I', target.namespace, target.name);
	EXECUTE pg_catalog.format('CREATE TABLE %s (
			id pg_catalog.int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			embedding @extschema@.vecstore(%s) NOT NULL,
			payload pg_catalog.jsonb NOT NULL,
			created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
			expires_at pg_catalog.timestamptz)', relation, dimension);
	EXECUTE pg_catalog.format('COMMENT ON TABLE %s IS ''semantic cache of vecstore''', relation);
	PERFORM vecstore.guard_table(relation::regclass, 'vecstore_cache', 'cosine');
	EXECUTE pg_catalog.format('CREATE INDEX ON %s USING vecstore (embedding @extschema@.vecstore_cosine_ops) WITH (m = %s, ef_construction = %s)',
		relation, coalesce(m, 16), coalesce(ef_construction, 64));
	EXECUTE pg_catalog.format('CREATE INDEX ON %s USING hash (embedding @extschema@.vecstore_ops)', relation);
	EXECUTE pg_catalog.format('CREATE INDEX ON %s (created_at)', relation);
	EXECUTE pg_catalog.format('CREATE INDEX ON %s (expires_at)', relation);
	PERFORM vecstore.share_table(relation::regclass, target.owner, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE');
	RETURN relation::regclass;
END
$$;
COMMENT ON FUNCTION vecstore.create_cache(text, integer, integer, integer) IS
	'make a semantic cache ''namespace.cache'' for embeddings of a dimension: a table with an HNSW index by cosine';

CREATE FUNCTION vecstore.cache_table(name text, embedding @extschema@.vecstore) RETURNS regclass
	LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
	relation regclass := vecstore.cache(name);
	dimension integer := (
		SELECT a.atttypmod FROM pg_catalog.pg_attribute a
		WHERE a.attrelid OPERATOR(pg_catalog.=) relation AND a.attname OPERATOR(pg_catalog.=) 'embedding');
BEGIN
	IF relation IS NULL THEN
		RAISE 'a cache needs a name' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF @extschema@.vector_dims(embedding) OPERATOR(pg_catalog.<>) dimension THEN
		RAISE 'cache % has embeddings of % dimensions, not %', relation, dimension, @extschema@.vector_dims(embedding)
			USING ERRCODE = 'data_exception';
	END IF;
	IF @extschema@.vector_norm(embedding) OPERATOR(pg_catalog.=) 0::float8 THEN
		RAISE 'a zero vector is similar to nothing' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN relation;
END
$$;
COMMENT ON FUNCTION vecstore.cache_table(text, @extschema@.vecstore) IS
	'the table of a semantic cache; an error if there is none, or if the embedding does not suit it';

CREATE FUNCTION vecstore.cache_put(name text, embedding @extschema@.vecstore, payload jsonb, ttl interval DEFAULT NULL)
	RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	relation regclass := vecstore.cache_table(name, embedding);
	moment timestamptz := pg_catalog.clock_timestamp();
	id bigint;
BEGIN
	IF embedding IS NULL OR payload IS NULL THEN
		RAISE 'a cache keeps no null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	EXECUTE pg_catalog.format('DELETE FROM %1$s WHERE id OPERATOR(pg_catalog.=) ANY (
			SELECT id FROM %1$s WHERE embedding OPERATOR(@extschema@.=) $1 FOR UPDATE SKIP LOCKED)', relation)
		USING embedding;
	EXECUTE pg_catalog.format('INSERT INTO %s (embedding, payload, created_at, expires_at) VALUES ($1, $2, $3, $4) RETURNING id', relation)
		INTO id USING embedding, payload, moment, moment OPERATOR(pg_catalog.+) ttl;
	RETURN id;
END
$$;
COMMENT ON FUNCTION vecstore.cache_put(text, @extschema@.vecstore, jsonb, interval) IS
	'put an answer into a semantic cache, for good or for a time, in place of one with the same embedding; returns its id';

CREATE FUNCTION vecstore.cache_get(name text, embedding @extschema@.vecstore, threshold double precision DEFAULT 0.95, max_age interval DEFAULT NULL,
		OUT payload jsonb, OUT similarity double precision, OUT age interval)
	RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1 AS $$
DECLARE
	relation regclass := vecstore.cache_table(name, embedding);
BEGIN
	IF (pg_catalog.abs(threshold) OPERATOR(pg_catalog.<=) 1) IS NOT TRUE THEN
		RAISE 'threshold cannot be %', coalesce(threshold::text, 'null') USING ERRCODE = 'invalid_parameter_value',
			HINT = 'It is the least similarity of a hit, from -1 to 1.';
	END IF;
	-- Sessions that put one embedding at the same time leave an entry each.
	RETURN QUERY EXECUTE pg_catalog.format('
		SELECT newest.payload, nearest.similarity, $4 OPERATOR(pg_catalog.-) newest.created_at
		FROM (
			SELECT embedding, 1 OPERATOR(pg_catalog.-) (embedding OPERATOR(@extschema@.<=>) $1) AS similarity
			FROM %1$s
			WHERE created_at OPERATOR(pg_catalog.>=) $3 AND (expires_at IS NULL OR expires_at OPERATOR(pg_catalog.>) $4)
			ORDER BY embedding OPERATOR(@extschema@.<=>) $1
			LIMIT 1
		) AS nearest, LATERAL (
			SELECT payload, created_at
			FROM %1$s
			WHERE embedding OPERATOR(@extschema@.=) nearest.embedding
				AND created_at OPERATOR(pg_catalog.>=) $3 AND (expires_at IS NULL OR expires_at OPERATOR(pg_catalog.>) $4)
			ORDER BY id DESC
			LIMIT 1
		) AS newest
		WHERE nearest.similarity OPERATOR(pg_catalog.>=) $2', relation)
		USING embedding, threshold, coalesce(pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) max_age, '-infinity'), pg_catalog.clock_timestamp();
END
$$;
COMMENT ON FUNCTION vecstore.cache_get(text, @extschema@.vecstore, double precision, interval) IS
	'the most similar entry of a semantic cache, unless it is less similar than threshold (cosine), older than max_age or expired: then no row';

CREATE FUNCTION vecstore.cache_prune(name text, older_than interval DEFAULT NULL, keep bigint DEFAULT NULL)
	RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	relation regclass := vecstore.cache_table(name, NULL);
	moment timestamptz := pg_catalog.clock_timestamp();
	pruned bigint;
BEGIN
	IF keep OPERATOR(pg_catalog.<) 0 THEN
		RAISE 'keep cannot be %', keep USING ERRCODE = 'invalid_parameter_value',
			HINT = 'It is the number of entries that may stay.';
	END IF;
	EXECUTE pg_catalog.format('
		DELETE FROM %1$s WHERE id OPERATOR(pg_catalog.=) ANY (
			SELECT id FROM %1$s
			WHERE expires_at OPERATOR(pg_catalog.<=) $1 OR created_at OPERATOR(pg_catalog.<) $2
				OR id OPERATOR(pg_catalog.=) ANY (SELECT id FROM %1$s
					WHERE $3 IS NOT NULL AND created_at OPERATOR(pg_catalog.>=) $2
						AND (expires_at IS NULL OR expires_at OPERATOR(pg_catalog.>) $1)
					ORDER BY created_at DESC, id DESC OFFSET $3)
			FOR UPDATE SKIP LOCKED)', relation)
		USING moment, coalesce(moment OPERATOR(pg_catalog.-) older_than, '-infinity'), keep;
	GET DIAGNOSTICS pruned = ROW_COUNT;
	RETURN pruned;
END
$$;
COMMENT ON FUNCTION vecstore.cache_prune(text, interval, bigint) IS
	'delete the entries of a semantic cache that are expired or older than older_than, and of the others all but the newest keep; returns how many';

