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

-- ---- by words, and by both ----

-- The condition is not put beside a filter unread: a) OR (b would get around it.
CREATE FUNCTION vecstore.live_filter(collection regclass, filter text, filter_params jsonb) RETURNS text
	LANGUAGE sql STABLE PARALLEL SAFE
	RETURN CASE WHEN filter IS NULL THEN 'deleted_at IS NULL'
		WHEN vecstore.filter_sql(filter, collection, coalesce(filter_params, '{}')) IS NOT NULL
			THEN '(' || filter || ') AND deleted_at IS NULL' END;
COMMENT ON FUNCTION vecstore.live_filter(regclass, text, jsonb) IS
	'the filter for the rows of a collection that a filter (NULL: none) lets pass and that are not soft-deleted';

CREATE FUNCTION vecstore.text_query(collection text, query_text text, k integer DEFAULT 10,
		filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL, "offset" integer DEFAULT 0,
		min_score double precision DEFAULT NULL)
	RETURNS TABLE (id text, score double precision, metadata jsonb, document text)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 ROWS 10 AS $$
DECLARE
	place regclass := vecstore.admit_search($1, $3, $6);
	words_index oid := (
		SELECT x.indexrelid
		FROM pg_catalog.pg_index x
			JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
			JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) i.relam
			JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) x.indrelid
				AND a.attnum OPERATOR(pg_catalog.=) x.indkey[0]
		WHERE x.indrelid OPERATOR(pg_catalog.=) place AND x.indisvalid
			AND m.amname OPERATOR(pg_catalog.=) 'vecstore_bm25' AND a.attname OPERATOR(pg_catalog.=) 'document'
		ORDER BY x.indexrelid LIMIT 1);
BEGIN
	IF $2 IS NULL THEN
		RAISE 'there is no text to search for' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	IF words_index IS NULL THEN
		RAISE 'collection % has no text index', place USING ERRCODE = 'undefined_object',
			HINT = pg_catalog.format('CREATE INDEX ON %s USING vecstore_bm25 (document) WHERE deleted_at IS NULL;', place);
	END IF;
	RETURN QUERY EXECUTE pg_catalog.format('
		SELECT id, 0 OPERATOR(pg_catalog.-) t, metadata, document FROM (
			SELECT id, metadata, document, document OPERATOR(@extschema@.<@>) @extschema@.bm25_query($1, %s::pg_catalog.regclass) AS t
			FROM %s WHERE %s ORDER BY t LIMIT %s OFFSET %s) r
		WHERE t OPERATOR(pg_catalog.<) 0 AND ($2 IS NULL OR 0 OPERATOR(pg_catalog.-) t OPERATOR(pg_catalog.>=) $2)
		ORDER BY t', words_index, place, vecstore.live_rows(place, $4, $5), coalesce($3, 10), coalesce($6, 0))
		USING $2, $7;
END
$$;
COMMENT ON FUNCTION vecstore.text_query(text, text, integer, text, jsonb, integer, double precision) IS
	'the k rows of a collection whose documents fit words best, by BM25, of those that a filter lets pass';

CREATE FUNCTION vecstore.hybrid_query(collection text, embedding @extschema@.vecstore, query_text text, k integer DEFAULT 10,
		alpha double precision DEFAULT 0.7, method text DEFAULT 'linear', rrf_k integer DEFAULT 60, candidates integer DEFAULT NULL,
		filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL, "offset" integer DEFAULT 0,
		min_score double precision DEFAULT NULL)
	RETURNS TABLE (id text, score double precision, distance double precision, text_score double precision,
		metadata jsonb, document text)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 ROWS 10 AS $$
DECLARE
	place regclass := vecstore.admit_search($1, $4, $11);
	wanted bigint := coalesce($4, 10) OPERATOR(pg_catalog.+) coalesce($11, 0)::bigint;
BEGIN
	IF wanted OPERATOR(pg_catalog.>) 10000 THEN
		RAISE 'k and offset must be at most 10000 together, not %', wanted USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN QUERY EXECUTE pg_catalog.format('
		SELECT (h.doc).id, h.score, h.vector_distance, h.text_score, (h.doc).metadata, (h.doc).document
		FROM @extschema@.hybrid_search(NULL::%s, $1, $2, $3, $4, $5, $6, $7, $8, $9, ''embedding'', ''document'') h
		WHERE $10 IS NULL OR h.score OPERATOR(pg_catalog.>=) $10
		OFFSET $11', place)
		USING $3, $2, wanted::integer, $5, $6, $7, $8, vecstore.live_filter(place, $9, $10), $10, $12, coalesce($11, 0);
END
$$;
COMMENT ON FUNCTION vecstore.hybrid_query(text, @extschema@.vecstore, text, integer, double precision, text, integer, integer, text, jsonb, integer, double precision) IS
	'the k best rows of a collection by a vector and by words together, as hybrid_search() has it';

-- ---- several vectors ----

-- How many rows to look at in order to find k good ones from an offset on.
CREATE FUNCTION vecstore.candidates(k integer, "offset" integer, candidates integer) RETURNS integer
	LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
	wanted bigint := coalesce(k, 10) OPERATOR(pg_catalog.+) coalesce("offset", 0)::bigint;
BEGIN
	IF coalesce(candidates, 100000) OPERATOR(pg_catalog.<) wanted OR candidates OPERATOR(pg_catalog.>) 100000 THEN
		RAISE 'candidates must be between k and offset, % here, and 100000', wanted USING ERRCODE = 'invalid_parameter_value',
			HINT = 'So many rows are taken by vector; the default is 4 times k and offset, at least 100.';
	END IF;
	RETURN coalesce(candidates, least(100000, greatest(100, wanted OPERATOR(pg_catalog.*) 4))::integer);
END
$$;
COMMENT ON FUNCTION vecstore.candidates(integer, integer, integer) IS
	'part of searches: how many rows to look at in order to find k from an offset on, NULL for the default';

CREATE FUNCTION vecstore.multi_query(collection text, embeddings @extschema@.vecstore[], k integer DEFAULT 10,
		rrf_k integer DEFAULT 60, candidates integer DEFAULT NULL, filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL,
		"offset" integer DEFAULT 0, min_score double precision DEFAULT NULL)
	RETURNS TABLE (id text, score double precision, distance double precision, metadata jsonb, document text)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 ROWS 10 AS $$
DECLARE
	place regclass := vecstore.admit_search($1, $3, $8);
BEGIN
	IF coalesce(pg_catalog.cardinality($2), 0) OPERATOR(pg_catalog.=) 0 THEN
		RAISE 'there is no vector to search for' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	RETURN QUERY
		SELECT * FROM (
			SELECT n.id, pg_catalog.sum(@extschema@.rrf_score(n.rank, coalesce($4, 60))) AS fused, pg_catalog.min(n.distance),
				(pg_catalog.array_agg(n.metadata))[1], (pg_catalog.array_agg(n.document))[1]
			FROM pg_catalog.unnest($2) e (embedding),
				LATERAL vecstore.nearest(place, e.embedding, vecstore.candidates($3, $8, $5), $6, $7)
					WITH ORDINALITY n (id, score, distance, metadata, document, found, rank)
			GROUP BY n.id) f
		WHERE $9 IS NULL OR f.fused OPERATOR(pg_catalog.>=) $9
		ORDER BY f.fused DESC, f.id LIMIT coalesce($3, 10) OFFSET $8;
END
$$;
COMMENT ON FUNCTION vecstore.multi_query(text, @extschema@.vecstore[], integer, integer, integer, text, jsonb, integer, double precision) IS
	'the k best rows of a collection for several vectors together, by reciprocal rank fusion';

CREATE FUNCTION vecstore.recommend(collection text, positive_ids text[], negative_ids text[] DEFAULT '{}', k integer DEFAULT 10,
		filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL, "offset" integer DEFAULT 0,
		min_score double precision DEFAULT NULL)
	RETURNS TABLE (id text, score double precision, distance double precision, metadata jsonb, document text)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 ROWS 10 AS $$
DECLARE
	place regclass := vecstore.admit_search($1, $4, $7);
	given text[] := pg_catalog.array_cat($2, $3);
	missing text;
	target @extschema@.vecstore;
BEGIN
	IF coalesce(pg_catalog.cardinality($2), 0) OPERATOR(pg_catalog.=) 0 THEN
		RAISE 'recommend needs a positive id' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	EXECUTE pg_catalog.format('
		SELECT pg_catalog.string_agg(coalesce(g.id, ''NULL''), '', '') FILTER (WHERE c.id IS NULL),
			CASE WHEN pg_catalog.cardinality($2) OPERATOR(pg_catalog.>) 0
				THEN @extschema@.avg(c.embedding) FILTER (WHERE g.id OPERATOR(pg_catalog.=) ANY ($1))
					OPERATOR(@extschema@.-) @extschema@.avg(c.embedding) FILTER (WHERE g.id OPERATOR(pg_catalog.=) ANY ($2))
				ELSE @extschema@.avg(c.embedding) END
		FROM (SELECT DISTINCT u.id FROM pg_catalog.unnest($3) u (id)) g
			LEFT JOIN %s c ON c.id OPERATOR(pg_catalog.=) g.id AND c.deleted_at IS NULL AND c.embedding IS NOT NULL', place)
		INTO missing, target USING $2, $3, given;
	IF missing IS NOT NULL THEN
		RAISE 'no vectors in collection % for these ids: %', place, missing USING ERRCODE = 'no_data_found';
	END IF;
	-- As many more as may have to be left out.
	RETURN QUERY
		SELECT n.id, n.score, n.distance, n.metadata, n.document
		FROM vecstore.nearest(place, target, least(2147483647, coalesce($4, 10)::bigint OPERATOR(pg_catalog.+) coalesce($7, 0)
				OPERATOR(pg_catalog.+) pg_catalog.cardinality(given))::integer, $5, $6) n
		WHERE n.id OPERATOR(pg_catalog.<>) ALL (given) AND ($8 IS NULL OR n.score OPERATOR(pg_catalog.>=) $8)
		ORDER BY n.distance LIMIT coalesce($4, 10) OFFSET $7;
END
$$;
COMMENT ON FUNCTION vecstore.recommend(text, text[], text[], integer, text, jsonb, integer, double precision) IS
	'the k rows of a collection nearest to the mean of some rows minus the mean of others, without these';

-- ---- diversity ----

CREATE FUNCTION vecstore.mmr_rerank(query @extschema@.vecstore, embeddings @extschema@.vecstore[], k integer DEFAULT 10,
		lambda double precision DEFAULT 0.5, metric text DEFAULT 'cosine') RETURNS integer[]
	AS 'MODULE_PATHNAME', 'vecstore_mmr_rerank' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION vecstore.mmr_rerank(@extschema@.vecstore, @extschema@.vecstore[], integer, double precision, text) IS
	'positions in an array of the k vectors that are near to a query but not to each other (maximal marginal relevance), best first';

CREATE FUNCTION vecstore.query_mmr(collection text, embedding @extschema@.vecstore, k integer DEFAULT 10,
		lambda double precision DEFAULT 0.5, candidates integer DEFAULT NULL, filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL,
		"offset" integer DEFAULT 0, min_score double precision DEFAULT NULL)
	RETURNS TABLE (id text, score double precision, distance double precision, metadata jsonb, document text)
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED COST 10000 ROWS 10 AS $$
DECLARE
	place regclass := vecstore.admit_search($1, $3, $8);
	rows integer := vecstore.candidates($3, $8, $5);
BEGIN
	RETURN QUERY
		WITH n AS MATERIALIZED (
			SELECT * FROM vecstore.nearest(place, $2, rows, $6, $7) WITH ORDINALITY n (id, score, distance, metadata, document, found, rank)
			WHERE $9 IS NULL OR n.score OPERATOR(pg_catalog.>=) $9)
		SELECT n.id, n.score, n.distance, n.metadata, n.document
		FROM pg_catalog.unnest(vecstore.mmr_rerank($2, ARRAY(SELECT n.found FROM n ORDER BY n.rank), least(rows, coalesce($3, 10)
				OPERATOR(pg_catalog.+) coalesce($8, 0)), coalesce($4, 0.5), (vecstore.get_collection($1)).metric)) WITH ORDINALITY u (rank, place)
			JOIN n ON n.rank OPERATOR(pg_catalog.=) u.rank
		ORDER BY u.place OFFSET $8;
END
$$;
COMMENT ON FUNCTION vecstore.query_mmr(text, @extschema@.vecstore, integer, double precision, integer, text, jsonb, integer, double precision) IS
	'k rows of a collection near to a vector but not to each other, by maximal marginal relevance';

-- ---- how ----

CREATE FUNCTION vecstore.query_explain(collection text, embedding @extschema@.vecstore, k integer DEFAULT 10,
		filter text DEFAULT NULL, filter_params jsonb DEFAULT NULL, "offset" integer DEFAULT 0,
		min_score double precision DEFAULT NULL, OUT statement text, OUT vector_index regclass, OUT filter_indexes regclass[],
		OUT rows bigint, OUT vertices_expanded bigint, OUT distances_computed bigint, OUT sweeps bigint,
		OUT estimated_cost double precision, OUT milliseconds double precision, OUT plan jsonb)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE AS $$
DECLARE
	place regclass := vecstore.admit_search($1, $3, $6);
	ef_search text := pg_catalog.current_setting('vecstore.ef_search');
	wanted integer := least(10000, coalesce($3, 10)::bigint OPERATOR(pg_catalog.+) coalesce($6, 0));
	before record;
	explained jsonb;
BEGIN
	statement := vecstore.query_sql($1, $2, $3, $4, $5, $6, $7);
	SELECT pg_catalog.sum(s.vertices_expanded) AS vertices, pg_catalog.sum(s.distances_computed) AS distances,
			pg_catalog.sum(s.sweeps) AS sweeps
		INTO before FROM pg_catalog.pg_index x, LATERAL @extschema@.vecstore_stat_index(x.indexrelid) s
		WHERE x.indrelid OPERATOR(pg_catalog.=) place;
	-- as query() does
	IF wanted OPERATOR(pg_catalog.>) ef_search::integer THEN
		PERFORM pg_catalog.set_config('vecstore.ef_search', wanted::text, true);
	END IF;
	EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' OPERATOR(pg_catalog.||) statement INTO explained USING $2, $7;
	PERFORM pg_catalog.set_config('vecstore.ef_search', ef_search, true);
	-- the vector would fill pages
	plan := pg_catalog.replace(explained::text, $2::text, '$1')::jsonb OPERATOR(pg_catalog.->) 0;
	rows := (plan OPERATOR(pg_catalog.#>>) '{Plan,Actual Rows}')::numeric;
	estimated_cost := plan OPERATOR(pg_catalog.#>>) '{Plan,Total Cost}';
	milliseconds := (plan OPERATOR(pg_catalog.->>) 'Planning Time')::numeric OPERATOR(pg_catalog.+) (plan OPERATOR(pg_catalog.->>) 'Execution Time')::numeric;
	SELECT pg_catalog.sum(s.vertices_expanded) OPERATOR(pg_catalog.-) before.vertices,
			pg_catalog.sum(s.distances_computed) OPERATOR(pg_catalog.-) before.distances,
			pg_catalog.sum(s.sweeps) OPERATOR(pg_catalog.-) before.sweeps
		INTO vertices_expanded, distances_computed, sweeps
		FROM pg_catalog.pg_index x, LATERAL @extschema@.vecstore_stat_index(x.indexrelid) s
		WHERE x.indrelid OPERATOR(pg_catalog.=) place;
	SELECT pg_catalog.min(i.oid) FILTER (WHERE m.amname OPERATOR(pg_catalog.=) 'vecstore'),
			pg_catalog.array_agg(i.oid::regclass ORDER BY i.oid) FILTER (WHERE m.amname OPERATOR(pg_catalog.<>) 'vecstore')
		INTO vector_index, filter_indexes
		FROM pg_catalog.pg_index x
			JOIN pg_catalog.pg_class i ON i.oid OPERATOR(pg_catalog.=) x.indexrelid
			JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) i.relam
		WHERE x.indrelid OPERATOR(pg_catalog.=) place
			AND i.relname::text OPERATOR(pg_catalog.=) ANY (
				SELECT n OPERATOR(pg_catalog.#>>) '{}' FROM pg_catalog.jsonb_path_query(plan, '$.**."Index Name"') n);
END
$$;
COMMENT ON FUNCTION vecstore.query_explain(text, @extschema@.vecstore, integer, text, jsonb, integer, double precision) IS
	'runs query() for these arguments once and tells how: its statement and plan, which indexes served the vector and the filter, what it cost';
