
-- collection.sql: collections, which are tables.  docs/store.md describes them.
--
-- A table of a namespace is a collection if it has the trigger vecstore_guard.
-- So the catalogs list the collections, whatever is done to them by hand.  The
-- trigger's argument is the metric.  (A view with that trigger is none: it would
-- run what its owner likes.)

CREATE VIEW vecstore.collections WITH (security_barrier) AS
	SELECT n.nspname AS namespace, c.relname AS name, c.oid::regclass AS collection,
		a.atttypmod AS dimension, split_part(encode(t.tgargs, 'escape'), '\000', 1) AS metric,
		v.index AS vector_index, v.m, v.ef_construction, v.quantization,
		b.index AS text_index, b.tokenizer
	FROM pg_catalog.pg_trigger t
		JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
		JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		JOIN vecstore.namespace_settings s ON s.name = n.nspname
		LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'embedding'
			AND a.atttypid = '@extschema@.vecstore'::regtype
		LEFT JOIN LATERAL (
			SELECT i.oid::regclass AS index,
				coalesce((SELECT option_value::integer FROM pg_options_to_table(i.reloptions) WHERE option_name = 'm'), 16) AS m,
				coalesce((SELECT option_value::integer FROM pg_options_to_table(i.reloptions) WHERE option_name = 'ef_construction'), 64) AS ef_construction,
				coalesce((SELECT option_value FROM pg_options_to_table(i.reloptions) WHERE option_name = 'quantization'), 'auto') AS quantization
			FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_am am ON am.oid = i.relam
			WHERE x.indrelid = c.oid AND am.amname = 'vecstore' AND x.indkey[0] = a.attnum
			ORDER BY i.oid LIMIT 1) v ON true
		LEFT JOIN LATERAL (
			SELECT i.oid::regclass AS index,
				coalesce((SELECT option_value FROM pg_options_to_table(i.reloptions) WHERE option_name = 'tokenizer'), 'simple') AS tokenizer
			FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid JOIN pg_catalog.pg_am am ON am.oid = i.relam
			WHERE x.indrelid = c.oid AND am.amname = 'vecstore_bm25'
			ORDER BY i.oid LIMIT 1) b ON true
	WHERE t.tgname = 'vecstore_guard' AND t.tgfoid = 'vecstore.guard()'::regprocedure AND c.relkind IN ('r', 'p')
		AND vecstore.can_see(s.name, s.owner);
ALTER VIEW vecstore.collections OWNER TO @extowner@;
COMMENT ON VIEW vecstore.collections IS 'the collections of the namespaces that the current user may use or administer';
GRANT SELECT ON vecstore.collections TO PUBLIC;

CREATE FUNCTION vecstore.collection(collection text, batch integer DEFAULT 0) RETURNS regclass
	AS 'MODULE_PATHNAME', 'vecstore_collection' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION vecstore.collection(text, integer) IS
	'the table of a collection; an error if there is none, it cannot be used now, or takes no batch of so many rows';

CREATE FUNCTION vecstore.admit_name(collection text, OUT namespace name, OUT name name, OUT owner name)
	AS 'MODULE_PATHNAME', 'vecstore_admit_name' LANGUAGE C STRICT;
COMMENT ON FUNCTION vecstore.admit_name(text) IS
	'the namespace and the name of a collection to be made, renamed or dropped; an error if the namespace is not active';

CREATE FUNCTION vecstore.admit_collection(namespace name, dimension integer) RETURNS void
	AS 'MODULE_PATHNAME', 'vecstore_admit_collection' LANGUAGE C STRICT;
COMMENT ON FUNCTION vecstore.admit_collection(name, integer) IS
	'an error if the quotas of a namespace forbid one more collection of this dimension';

CREATE FUNCTION vecstore.metrics() RETURNS text[]
	LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	RETURN (SELECT array_agg(substring(o.opcname::text, '^vecstore_(.*)_ops$') ORDER BY o.oid)
		FROM pg_opclass o JOIN pg_am a ON a.oid = o.opcmethod
		WHERE a.amname = 'vecstore' AND o.opcname::text LIKE 'vecstore\_%\_ops');
COMMENT ON FUNCTION vecstore.metrics() IS 'the metrics that collections may have';

CREATE FUNCTION vecstore.index_options(options jsonb) RETURNS text
	LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
	RETURN (SELECT coalesce('WITH (' || string_agg(format('%I = %L', key, value), ', ') || ')', '')
		FROM jsonb_each_text(options) WHERE value IS NOT NULL);
COMMENT ON FUNCTION vecstore.index_options(jsonb) IS 'WITH (...) of names and values, without those that are NULL';

-- What makes a table one of its namespace's: the trigger that says what it is,
-- and those that count.
CREATE FUNCTION vecstore.guard_table(relation regclass, kind name, metric text) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE pg_catalog.format('CREATE TRIGGER %I BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s
		FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard(%L)', kind, relation, metric);
	EXECUTE pg_catalog.format('CREATE TRIGGER vecstore_inserted AFTER INSERT ON %s REFERENCING NEW TABLE AS inserted
		FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard()', relation);
	EXECUTE pg_catalog.format('CREATE TRIGGER vecstore_deleted AFTER DELETE ON %s REFERENCING OLD TABLE AS deleted
		FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard()', relation);
	EXECUTE pg_catalog.format('CREATE TRIGGER vecstore_changed AFTER UPDATE OR TRUNCATE ON %s
		FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard()', relation);
END
$$;
COMMENT ON FUNCTION vecstore.guard_table(regclass, name, text) IS
	'part of create_collection and create_cache: puts a new table under the status and the quotas of its namespace';

-- Who makes a table for the namespace's owner shares it with him.
CREATE FUNCTION vecstore.share_table(relation regclass, owner name, rights text) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	IF owner OPERATOR(pg_catalog.<>) current_user AND pg_catalog.to_regrole(pg_catalog.quote_ident(owner)) IS NOT NULL THEN
		EXECUTE pg_catalog.format('GRANT %s ON %s TO %I', rights, relation, owner);
	END IF;
END
$$;
COMMENT ON FUNCTION vecstore.share_table(regclass, name, text) IS
	'part of what makes tables: grants the owner of the namespace rights on one that somebody else made';

CREATE FUNCTION vecstore.create_collection(collection text, dimension integer, metric text DEFAULT 'cosine',
		m integer DEFAULT NULL, ef_construction integer DEFAULT NULL, quantization text DEFAULT NULL,
		tokenizer text DEFAULT 'simple', text_index boolean DEFAULT true, tokenizer_options jsonb DEFAULT '{}')
	RETURNS regclass
	LANGUAGE plpgsql AS $$
DECLARE
	target record;
	place text;
BEGIN
	IF collection IS NULL OR dimension IS NULL OR metric IS NULL THEN
		RAISE 'a collection needs a name, a dimension and a metric' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO target FROM vecstore.admit_name(collection);
	PERFORM vecstore.admit_collection(target.namespace, dimension);
	IF vecstore.metrics() OPERATOR(pg_catalog.@>) ARRAY[metric] IS NOT TRUE THEN
		RAISE 'unknown metric "%"', metric USING ERRCODE = 'invalid_parameter_value',
			HINT = pg_catalog.format('Metrics are %s.', pg_catalog.array_to_string(vecstore.metrics(), ', '));
	END IF;

	place := pg_catalog.format('%I.%I', target.namespace, target.name);
	EXECUTE pg_catalog.format('CREATE TABLE %s (
			id pg_catalog.text PRIMARY KEY,
			embedding %s.vecstore(%s),
			metadata pg_catalog.jsonb NOT NULL DEFAULT ''{}'',
			document pg_catalog.text,
			created_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
			updated_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(),
			deleted_at pg_catalog.timestamptz)', place, '@extschema@', dimension);
	PERFORM vecstore.guard_table(place::regclass, 'vecstore_guard', metric);

	-- Soft-deleted rows cost searches nothing.
	EXECUTE pg_catalog.format('CREATE INDEX ON %s USING vecstore (embedding %s.%I) %s WHERE deleted_at IS NULL',
		place, '@extschema@', pg_catalog.format('vecstore_%s_ops', metric),
		vecstore.index_options(pg_catalog.jsonb_build_object('m', m, 'ef_construction', ef_construction, 'quantization', quantization)));
	EXECUTE pg_catalog.format('CREATE INDEX ON %s USING gin (metadata pg_catalog.jsonb_path_ops) WHERE deleted_at IS NULL', place);
	IF text_index AND tokenizer IS NOT NULL THEN
		EXECUTE pg_catalog.format('CREATE INDEX ON %s USING vecstore_bm25 (document %s.bm25_text_ops) %s WHERE deleted_at IS NULL',
			place, '@extschema@', vecstore.index_options(
				pg_catalog.jsonb_build_object('tokenizer', tokenizer) OPERATOR(pg_catalog.||) tokenizer_options));
	END IF;
	PERFORM vecstore.share_table(place::regclass, target.owner, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE');
	RETURN place::regclass;
END
$$;
COMMENT ON FUNCTION vecstore.create_collection(text, integer, text, integer, integer, text, text, boolean, jsonb) IS
	'makes a table for vectors, their metadata and documents, with indexes on all three';

CREATE FUNCTION vecstore.list_collections(namespace text DEFAULT NULL) RETURNS SETOF vecstore.collections
	LANGUAGE sql STABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT * FROM vecstore.collections c
		WHERE $1 IS NULL OR c.namespace = (vecstore.get_namespace($1)).name
		ORDER BY c.namespace, c.name;
	END;
COMMENT ON FUNCTION vecstore.list_collections(text) IS 'the collections of a namespace, or of all that the current user may see';

CREATE FUNCTION vecstore.get_collection(collection text) RETURNS vecstore.collections
	LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
	found_row vecstore.collections;
BEGIN
	SELECT * INTO found_row FROM vecstore.collections c
		WHERE c.collection OPERATOR(pg_catalog.=) vecstore.collection($1);
	IF NOT FOUND THEN
		RAISE 'permission denied for collection %', $1 USING ERRCODE = 'insufficient_privilege';
	END IF;
	RETURN found_row;
END
$$;
COMMENT ON FUNCTION vecstore.get_collection(text) IS 'a collection, its dimension, metric and indexes; an error if there is none';

CREATE FUNCTION vecstore.drop_collection(collection text, cascade boolean DEFAULT false) RETURNS void
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	place regclass;
	snapshot regclass;
BEGIN
	PERFORM vecstore.admit_name(collection);
	place := vecstore.collection(collection);
	FOR snapshot IN SELECT s.snapshot FROM vecstore.snapshots s WHERE s.collection OPERATOR(pg_catalog.=) place LOOP
		IF NOT cascade THEN
			RAISE 'collection % has snapshots', place
				USING ERRCODE = 'dependent_objects_still_exist', HINT = 'cascade => true drops them, too.';
		END IF;
		EXECUTE pg_catalog.format('DROP TABLE %s', snapshot);
	END LOOP;
	EXECUTE pg_catalog.format('DROP TABLE %s', place);
END
$$;
COMMENT ON FUNCTION vecstore.drop_collection(text, boolean) IS
	'drops a collection with all its rows; cascade: with its snapshots';

CREATE FUNCTION vecstore.rename_collection(collection text, new_name text) RETURNS regclass
	LANGUAGE plpgsql STRICT AS $$
DECLARE
	renamed regclass := vecstore.collection(collection);
BEGIN
	PERFORM vecstore.admit_name(collection);
	EXECUTE pg_catalog.format('ALTER TABLE %s RENAME TO %I', renamed, vecstore.namespace_name(new_name));
	RETURN renamed;
END
$$;
COMMENT ON FUNCTION vecstore.rename_collection(text, text) IS 'gives a collection another name in its namespace';

CREATE FUNCTION vecstore.namespace_usage(name text, OUT namespace name,
		OUT collections bigint, OUT max_collections bigint, OUT collections_utilization double precision,
		OUT vectors bigint, OUT max_vectors bigint, OUT vectors_utilization double precision,
		OUT storage_bytes bigint, OUT max_storage_bytes bigint, OUT storage_utilization double precision)
	LANGUAGE plpgsql STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	quotas vecstore.namespaces := vecstore.get_namespace(name);
BEGIN
	namespace := quotas.name;
	max_collections := quotas.max_collections;
	max_vectors := quotas.max_vectors;
	max_storage_bytes := quotas.max_storage_bytes;
	SELECT count(*), coalesce(sum(pg_total_relation_size(t.relation)), 0) INTO collections, storage_bytes
		FROM (SELECT DISTINCT t.tgrelid
			FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = quotas.name AND c.relkind IN ('r', 'p') AND t.tgname IN ('vecstore_guard', 'vecstore_cache')
				AND t.tgfoid = 'vecstore.guard()'::regprocedure) t (relation);
	storage_bytes := storage_bytes + (SELECT coalesce(sum(s.bytes), 0) FROM vecstore.snapshots s WHERE s.namespace = quotas.name);
	vectors := vecstore.count_vectors(quotas.name);
	-- a quota of nothing is used up
	collections_utilization := CASE max_collections WHEN 0 THEN 1 ELSE collections / max_collections::float8 END;
	vectors_utilization := CASE max_vectors WHEN 0 THEN 1 ELSE vectors / max_vectors::float8 END;
	storage_utilization := CASE max_storage_bytes WHEN 0 THEN 1 ELSE storage_bytes / max_storage_bytes::float8 END;
END
$$;
COMMENT ON FUNCTION vecstore.namespace_usage(text) IS
	'what a namespace holds, what it may hold, and the one divided by the other';
