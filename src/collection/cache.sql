-- cache.sql: semantic caches, answers found again by the meaning of a question.
-- docs/retrieval-helpers.md describes them.
--
-- A cache is an ordinary table in a namespace, and all here runs as the caller:
-- rights, row security, dumps and replication are those of the table.  The hash
-- index lets cache_put find the entry of the very same embedding, which it
-- replaces; nobody waits for a row that another session is about to delete.

CREATE FUNCTION vecstore.create_cache(name text, dimension integer, m integer DEFAULT 16, ef_construction integer DEFAULT 64)
	RETURNS regclass LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	part text[] := parse_ident(name);
	relation text;
BEGIN
	IF cardinality(part) IS DISTINCT FROM 2 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('"%s" is not the name of a cache', name),
			HINT = 'Name the namespace, too: namespace.cache.';
	END IF;
	IF dimension IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a cache needs the dimension of its embeddings';
	END IF;
	relation := format('%I.%I', part[1], part[2]);
	EXECUTE format('CREATE TABLE %s (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			embedding @extschema@.vecstore(%s) NOT NULL,
			payload jsonb NOT NULL,
			created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
			expires_at timestamptz)', relation, dimension);
	EXECUTE format('COMMENT ON TABLE %s IS ''semantic cache of vecstore''', relation);
	EXECUTE format('CREATE INDEX ON %s USING vecstore (embedding @extschema@.vecstore_cosine_ops) WITH (m = %s, ef_construction = %s)',
		relation, coalesce(m, 16), coalesce(ef_construction, 64));
	EXECUTE format('CREATE INDEX ON %s USING hash (embedding @extschema@.vecstore_ops)', relation);
	EXECUTE format('CREATE INDEX ON %s (created_at)', relation);
	EXECUTE format('CREATE INDEX ON %s (expires_at)', relation);
	RETURN relation::regclass;
END
$$;
COMMENT ON FUNCTION vecstore.create_cache(text, integer, integer, integer) IS
	'make a semantic cache ''namespace.cache'' for embeddings of a dimension: a table with an HNSW index by cosine';

CREATE FUNCTION vecstore.cache_table(name text, embedding @extschema@.vecstore DEFAULT NULL)
	RETURNS regclass LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	relation regclass := to_regclass(name);
	dimension integer;
BEGIN
	IF relation IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('there is no cache "%s"', name),
			HINT = 'Make one with vecstore.create_cache(''namespace.cache'', dimension).';
	END IF;
	SELECT min(a.atttypmod) FILTER (WHERE a.attname = 'embedding') & 65535
	INTO dimension
	FROM pg_attribute a
	WHERE a.attrelid = relation AND NOT a.attisdropped
		AND (a.attname, a.atttypid) IN (('embedding', '@extschema@.vecstore'::regtype), ('payload', 'jsonb'::regtype),
			('created_at', 'timestamptz'::regtype), ('expires_at', 'timestamptz'::regtype))
	HAVING count(*) = 4;
	IF dimension IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is not a cache', relation),
			HINT = 'Make one with vecstore.create_cache(''namespace.cache'', dimension).';
	END IF;
	IF @extschema@.vector_dims(embedding) <> dimension THEN
		RAISE EXCEPTION USING ERRCODE = 'data_exception',
			MESSAGE = format('cache %s has embeddings of %s dimensions, not %s', relation, dimension, @extschema@.vector_dims(embedding));
	END IF;
	IF @extschema@.vector_norm(embedding) = 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a zero vector is similar to nothing';
	END IF;
	RETURN relation;
END
$$;
COMMENT ON FUNCTION vecstore.cache_table(text, @extschema@.vecstore) IS
	'the table of a semantic cache; an error if there is none, or if the embedding does not suit it';

CREATE FUNCTION vecstore.cache_put(name text, embedding @extschema@.vecstore, payload jsonb, ttl interval DEFAULT NULL)
	RETURNS bigint LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	relation regclass := vecstore.cache_table(name, embedding);
	moment timestamptz := clock_timestamp();
	id bigint;
BEGIN
	IF embedding IS NULL OR payload IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a cache keeps no null';
	END IF;
	EXECUTE format('DELETE FROM %1$s WHERE id IN (SELECT id FROM %1$s WHERE embedding OPERATOR(@extschema@.=) $1 FOR UPDATE SKIP LOCKED)', relation)
		USING embedding;
	EXECUTE format('INSERT INTO %s (embedding, payload, created_at, expires_at) VALUES ($1, $2, $3, $4) RETURNING id', relation)
		INTO id USING embedding, payload, moment, moment + ttl;
	RETURN id;
END
$$;
COMMENT ON FUNCTION vecstore.cache_put(text, @extschema@.vecstore, jsonb, interval) IS
	'put an answer into a semantic cache, for good or for a time, in place of one with the same embedding; returns its id';

CREATE FUNCTION vecstore.cache_get(name text, embedding @extschema@.vecstore, threshold double precision DEFAULT 0.95, max_age interval DEFAULT NULL,
		OUT payload jsonb, OUT similarity double precision, OUT age interval)
	RETURNS SETOF record LANGUAGE plpgsql STABLE PARALLEL RESTRICTED ROWS 1
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	relation regclass := vecstore.cache_table(name, embedding);
BEGIN
	IF threshold IS NULL OR NOT threshold BETWEEN -1 AND 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('threshold cannot be %s', coalesce(threshold::text, 'null')),
			HINT = 'It is the least similarity of a hit, from -1 to 1.';
	END IF;
	-- Sessions that put one embedding at the same time leave an entry each.
	RETURN QUERY EXECUTE format('
		SELECT newest.payload, nearest.similarity, $4 - newest.created_at
		FROM (
			SELECT embedding, 1 - (embedding OPERATOR(@extschema@.<=>) $1) AS similarity
			FROM %1$s
			WHERE created_at >= $3 AND (expires_at IS NULL OR expires_at > $4)
			ORDER BY embedding OPERATOR(@extschema@.<=>) $1
			LIMIT 1
		) AS nearest, LATERAL (
			SELECT payload, created_at
			FROM %1$s
			WHERE embedding OPERATOR(@extschema@.=) nearest.embedding
				AND created_at >= $3 AND (expires_at IS NULL OR expires_at > $4)
			ORDER BY id DESC
			LIMIT 1
		) AS newest
		WHERE nearest.similarity >= $2', relation)
		USING embedding, threshold, coalesce(clock_timestamp() - max_age, '-infinity'), clock_timestamp();
END
$$;
COMMENT ON FUNCTION vecstore.cache_get(text, @extschema@.vecstore, double precision, interval) IS
	'the most similar entry of a semantic cache, unless it is less similar than threshold (cosine), older than max_age or expired: then no row';

CREATE FUNCTION vecstore.cache_prune(name text, older_than interval DEFAULT NULL, keep bigint DEFAULT NULL)
	RETURNS bigint LANGUAGE plpgsql VOLATILE
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	relation regclass := vecstore.cache_table(name);
	moment timestamptz := clock_timestamp();
	pruned bigint;
BEGIN
	IF keep < 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('keep cannot be %s', keep),
			HINT = 'It is the number of entries that may stay.';
	END IF;
	EXECUTE format('
		DELETE FROM %1$s WHERE id IN (
			SELECT id FROM %1$s
			WHERE expires_at <= $1 OR created_at < $2
				OR id IN (SELECT id FROM %1$s
					WHERE $3 IS NOT NULL AND created_at >= $2 AND (expires_at IS NULL OR expires_at > $1)
					ORDER BY created_at DESC, id DESC OFFSET $3)
			FOR UPDATE SKIP LOCKED)', relation)
		USING moment, coalesce(moment - older_than, '-infinity'), keep;
	GET DIAGNOSTICS pruned = ROW_COUNT;
	RETURN pruned;
END
$$;
COMMENT ON FUNCTION vecstore.cache_prune(text, interval, bigint) IS
	'delete the entries of a semantic cache that are expired or older than older_than, and of the others all but the newest keep; returns how many';

