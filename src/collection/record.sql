
-- record.sql: the rows of collections.  docs/store.md describes them.
--
-- Each function makes one statement for the table of its collection and runs it
-- with the rights of its caller, and with his search_path, which says what the
-- current schema is and which triggers of his may depend on.  So all that is named
-- here stands with its schema, operators too: what others put into a schema of
-- that path must not be taken for PostgreSQL's own.

CREATE TYPE vecstore.record AS (
	id text,
	embedding @extschema@.vecstore,
	metadata jsonb,
	document text,
	created_at timestamptz,
	updated_at timestamptz
);
COMMENT ON TYPE vecstore.record IS 'a row of a collection';

CREATE FUNCTION vecstore.upsert(collection text, id text, embedding @extschema@.vecstore, metadata jsonb DEFAULT NULL,
		document text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE pg_catalog.format('INSERT INTO %s (id, embedding, metadata, document) VALUES ($1, $2, coalesce($3, ''{}''), $4)
		ON CONFLICT (id) DO UPDATE SET embedding = excluded.embedding, metadata = excluded.metadata,
			document = excluded.document, updated_at = pg_catalog.now(), deleted_at = NULL',
		vecstore.collection(collection)) USING id, embedding, metadata, document;
END
$$;
COMMENT ON FUNCTION vecstore.upsert(text, text, @extschema@.vecstore, jsonb, text) IS
	'puts a row into a collection, in place of the one with this id if there is one';

CREATE FUNCTION vecstore.upsert_batch(collection text, ids text[], embeddings @extschema@.vecstore[],
		metadata jsonb[] DEFAULT NULL, documents text[] DEFAULT NULL) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	n integer := pg_catalog.cardinality(ids);
	done bigint;
BEGIN
	IF n IS NULL OR pg_catalog.cardinality(embeddings) OPERATOR(pg_catalog.<>) n
		OR pg_catalog.cardinality(metadata) OPERATOR(pg_catalog.<>) n OR pg_catalog.cardinality(documents) OPERATOR(pg_catalog.<>) n THEN
		RAISE 'the arrays of a batch must be of the same length' USING ERRCODE = 'invalid_parameter_value',
			DETAIL = pg_catalog.format('There are %s ids, %s embeddings, %s metadata, %s documents.',
				coalesce(n, 0), pg_catalog.cardinality(embeddings), pg_catalog.cardinality(metadata), pg_catalog.cardinality(documents)),
			HINT = 'Pass NULL for an array that is not needed.';
	END IF;
	EXECUTE pg_catalog.format('INSERT INTO %s (id, embedding, metadata, document)
		SELECT u.id, u.embedding, coalesce(u.metadata, ''{}''), u.document
		FROM unnest($1, $2, $3, $4) u(id, embedding, metadata, document)
		ON CONFLICT (id) DO UPDATE SET embedding = excluded.embedding, metadata = excluded.metadata,
			document = excluded.document, updated_at = pg_catalog.now(), deleted_at = NULL',
		vecstore.collection(collection, n)) USING ids, embeddings, metadata, documents;
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
EXCEPTION WHEN cardinality_violation THEN
	RAISE 'an id occurs twice in a batch: %', (SELECT id FROM pg_catalog.unnest(ids) id GROUP BY id HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 LIMIT 1)
		USING ERRCODE = 'cardinality_violation';
END
$$;
COMMENT ON FUNCTION vecstore.upsert_batch(text, text[], @extschema@.vecstore[], jsonb[], text[]) IS
	'puts rows into a collection, all or none, in place of those with these ids; returns their number';

CREATE FUNCTION vecstore.get(collection text, ids text[]) RETURNS SETOF vecstore.record
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
BEGIN
	RETURN QUERY EXECUTE pg_catalog.format('SELECT c.id, c.embedding, c.metadata, c.document, c.created_at, c.updated_at
		FROM pg_catalog.unnest($1) WITH ORDINALITY w(id, n) JOIN %s c ON c.id OPERATOR(pg_catalog.=) w.id
		WHERE c.deleted_at IS NULL ORDER BY w.n', vecstore.collection(collection)) USING ids;
END
$$;
COMMENT ON FUNCTION vecstore.get(text, text[]) IS 'the rows with these ids, in this order; none for an id that is not there';

CREATE FUNCTION vecstore.get(collection text, id text) RETURNS SETOF vecstore.record
	LANGUAGE sql STABLE STRICT PARALLEL SAFE
	BEGIN ATOMIC
		SELECT * FROM vecstore.get(collection, ARRAY[id]);
	END;
COMMENT ON FUNCTION vecstore.get(text, text) IS 'the row with this id, if there is one';

CREATE FUNCTION vecstore.remove(collection text, ids text[]) RETURNS bigint
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	done bigint;
BEGIN
	EXECUTE pg_catalog.format('DELETE FROM %s WHERE id OPERATOR(pg_catalog.=) ANY ($1)', vecstore.collection(collection)) USING ids;
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.remove(text, text[]) IS 'removes the rows with these ids, soft-deleted or not; returns their number';

CREATE FUNCTION vecstore.remove(collection text, id text) RETURNS bigint
	LANGUAGE sql STRICT
	RETURN vecstore.remove(collection, ARRAY[id]);
COMMENT ON FUNCTION vecstore.remove(text, text) IS 'removes the row with this id; returns 1, or 0 if there is none';

-- The condition of a filter on the rows of a collection that are not soft-deleted.
CREATE FUNCTION vecstore.live_rows(collection regclass, filter text, filter_params jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN 'deleted_at IS NULL' OPERATOR(pg_catalog.||) CASE WHEN filter IS NULL THEN ''
		ELSE ' AND ' OPERATOR(pg_catalog.||) vecstore.filter_sql(filter, collection, coalesce(filter_params, '{}')) END;
COMMENT ON FUNCTION vecstore.live_rows(regclass, text, jsonb) IS
	'the condition of SQL for the rows of a collection that a filter (NULL: none) lets pass and that are not soft-deleted';

CREATE FUNCTION vecstore.remove_where(collection text, filter text, filter_params jsonb DEFAULT '{}') RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	place regclass := vecstore.collection(collection);
	done bigint;
BEGIN
	IF filter IS NULL THEN
		RAISE 'remove_where needs a filter' USING ERRCODE = 'null_value_not_allowed',
			HINT = 'TRUNCATE removes all rows.';
	END IF;
	EXECUTE pg_catalog.format('DELETE FROM %s WHERE %s', place, vecstore.live_rows(place, filter, filter_params));
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.remove_where(text, text, jsonb) IS
	'removes the rows that a filter lets pass, but for soft-deleted ones; returns their number';

CREATE FUNCTION vecstore.count(collection text, filter text DEFAULT NULL, filter_params jsonb DEFAULT '{}') RETURNS bigint
	LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
	place regclass := vecstore.collection(collection);
	result bigint;
BEGIN
	EXECUTE pg_catalog.format('SELECT pg_catalog.count(*) FROM %s WHERE %s', place, vecstore.live_rows(place, filter, filter_params))
		INTO result;
	RETURN result;
END
$$;
COMMENT ON FUNCTION vecstore.count(text, text, jsonb) IS
	'how many rows a filter lets pass, or there are without one, not counting soft-deleted ones';

CREATE FUNCTION vecstore.soft_delete(collection text, ids text[]) RETURNS bigint
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	done bigint;
BEGIN
	EXECUTE pg_catalog.format('UPDATE %s SET deleted_at = pg_catalog.now() WHERE id OPERATOR(pg_catalog.=) ANY ($1) AND deleted_at IS NULL',
		vecstore.collection(collection)) USING ids;
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.soft_delete(text, text[]) IS
	'hides the rows with these ids until they are restored or compacted; returns how many it hid';

CREATE FUNCTION vecstore.soft_delete(collection text, id text) RETURNS bigint
	LANGUAGE sql STRICT
	RETURN vecstore.soft_delete(collection, ARRAY[id]);
COMMENT ON FUNCTION vecstore.soft_delete(text, text) IS
	'hides the row with this id until it is restored or compacted; returns 1, or 0 if there is none to hide';

CREATE FUNCTION vecstore.restore(collection text, ids text[]) RETURNS bigint
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	done bigint;
BEGIN
	EXECUTE pg_catalog.format('UPDATE %s SET deleted_at = NULL WHERE id OPERATOR(pg_catalog.=) ANY ($1) AND deleted_at IS NOT NULL',
		vecstore.collection(collection)) USING ids;
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.restore(text, text[]) IS 'shows soft-deleted rows again; returns their number';

CREATE FUNCTION vecstore.restore(collection text, id text) RETURNS bigint
	LANGUAGE sql STRICT
	RETURN vecstore.restore(collection, ARRAY[id]);
COMMENT ON FUNCTION vecstore.restore(text, text) IS 'shows a soft-deleted row again; returns 1, or 0 if there is none';

CREATE FUNCTION vecstore.compact(collection text, older_than interval DEFAULT '0') RETURNS bigint
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	done bigint;
BEGIN
	EXECUTE pg_catalog.format('DELETE FROM %s WHERE deleted_at OPERATOR(pg_catalog.<=) (pg_catalog.now() OPERATOR(pg_catalog.-) $1)', vecstore.collection(collection))
		USING older_than;
	GET DIAGNOSTICS done = ROW_COUNT;
	RETURN done;
END
$$;
COMMENT ON FUNCTION vecstore.compact(text, interval) IS
	'removes the rows that were soft-deleted that long ago or longer; returns their number';

CREATE FUNCTION vecstore.optimize(collection text, reindex boolean DEFAULT false) RETURNS text
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	place regclass := vecstore.collection(collection);
BEGIN
	IF reindex THEN
		EXECUTE pg_catalog.format('REINDEX TABLE %s', place);
	END IF;
	EXECUTE pg_catalog.format('ANALYZE %s', place);
	RETURN pg_catalog.format('Statistics are new%s. What no function can do: VACUUM %s;',
		CASE WHEN reindex THEN ', and so are the indexes' ELSE '' END, place);
END
$$;
COMMENT ON FUNCTION vecstore.optimize(text, boolean) IS
	'renews the planner''s statistics and, if told so, builds the indexes anew; VACUUM cannot run in a function';

CREATE FUNCTION vecstore.stats(collection text, OUT live_rows bigint, OUT soft_deleted_rows bigint, OUT vectors bigint,
		OUT documents bigint, OUT last_update timestamptz, OUT table_bytes bigint, OUT index_bytes bigint)
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
	place regclass := vecstore.collection(collection);
BEGIN
	EXECUTE pg_catalog.format('SELECT pg_catalog.count(*) FILTER (WHERE deleted_at IS NULL), pg_catalog.count(deleted_at),
			pg_catalog.count(embedding) FILTER (WHERE deleted_at IS NULL),
			pg_catalog.count(document) FILTER (WHERE deleted_at IS NULL), pg_catalog.max(updated_at)
		FROM %s', place)
		INTO live_rows, soft_deleted_rows, vectors, documents, last_update;
	table_bytes := pg_catalog.pg_table_size(place);
	index_bytes := pg_catalog.pg_indexes_size(place);
END
$$;
COMMENT ON FUNCTION vecstore.stats(text) IS
	'rows of a collection that are there and that are soft-deleted, vectors and documents of the former, and bytes';
