-- Every other test needs this one to have run in the same database.
CREATE EXTENSION vecstore;

-- The first column of a query's first row, nothing for another statement, or "SQLSTATE message | detail |
-- hint" of the error it raises.
CREATE FUNCTION outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	IF statement ~ '^SELECT|RETURNING' THEN
		EXECUTE statement INTO result;
	ELSE
		EXECUTE statement;
	END IF;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS
		state = RETURNED_SQLSTATE,
		message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', state || ' ' || message, nullif(detail, ''), nullif(hint, ''));
END
$$;
SELECT outcome('SELECT 1 + 1') AS value, outcome('SELECT 1 / 0') AS error;

-- ---- for the tests of the index ----

-- The vector of row i: one of 40 clusters, and within it a place given by 6
-- numbers, so that rows have neighbours that are much nearer than others.
-- Every number comes from a hash, so it is the same in every plan.
CREATE FUNCTION clustered(i integer, dims integer, seed integer DEFAULT 1) RETURNS vecstore
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
	SELECT array_agg(hashint8extended(k, c) / 9.3e18::real + sin(a * 0.7 * k + b * 5) * 0.5 + cos(d * k + e) * 0.3
			+ hashint8extended(k + 131072::bigint * i, seed) / 9.3e18::real * 0.1)::vecstore
	FROM (SELECT abs(hashint8extended(i, seed + 1)) % 40, hashint8extended(i, seed + 2) / 9.3e18, hashint8extended(i, seed + 3) / 9.3e18,
			hashint8extended(i, seed + 4) / 9.3e18, hashint8extended(i, seed + 5) / 9.3e18 OFFSET 0) h(c, a, b, d, e),
		generate_series(1::bigint, dims) k
$$;

-- What a query "SELECT id, distance ... ORDER BY distance" returns through a
-- vecstore index; an error if it is not planned that way.
CREATE FUNCTION by_index(query text, OUT ids text[], OUT distances float8[]) LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off SET enable_bitmapscan = off SET jit = off AS $$
DECLARE
	line text;
	ordered boolean := false;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		ordered := ordered OR line ~ 'Order By:';
	END LOOP;
	IF NOT ordered THEN
		RAISE 'no index scan: %', query;
	END IF;
	EXECUTE format('SELECT array_agg(id), array_agg(d) FROM (%s) q(id, d)', query) INTO ids, distances;
END
$$;

-- The same without an index.
CREATE FUNCTION by_table(query text, OUT ids text[], OUT distances float8[]) LANGUAGE plpgsql
	SET enable_indexscan = off SET enable_bitmapscan = off SET jit = off AS $$
BEGIN
	EXECUTE format('SELECT array_agg(id), array_agg(d) FROM (%s) q(id, d)', query) INTO ids, distances;
END
$$;

-- Are two lists of distances the same, but for the rounding of float4?
CREATE FUNCTION near(a float8[], b float8[]) RETURNS boolean LANGUAGE sql AS $$
	SELECT coalesce(cardinality(a), 0) = coalesce(cardinality(b), 0)
		AND coalesce(bool_and(x IS NOT DISTINCT FROM y OR abs(x - y) <= 1e-5 * greatest(abs(x), abs(y), 0.1)), true)
	FROM unnest(a, b) u(x, y)
$$;

-- Both ways compared: how many rows, whether they are the same rows, and
-- whether their distances come in the same order.
CREATE FUNCTION compare(query text, OUT n integer, OUT same_rows boolean, OUT same_order boolean) LANGUAGE sql AS $$
	SELECT coalesce(cardinality(i.ids), 0),
		coalesce(cardinality(i.ids), 0) = coalesce(cardinality(t.ids), 0)
			AND coalesce(i.ids, '{}') @> coalesce(t.ids, '{}') AND coalesce(t.ids, '{}') @> coalesce(i.ids, '{}'),
		near(i.distances, t.distances)
	FROM by_index(query) i, by_table(query) t
$$;

-- The worst that vecstore_check() may say of an index: true if at most one
-- vertex in a thousand is out of reach.
CREATE FUNCTION sound(index regclass) RETURNS boolean LANGUAGE sql AS $$
	SELECT unreachable <= vertices / 1000 FROM vecstore_check(index)
$$;

-- What this session's counters say of a query.
CREATE FUNCTION did(query text, OUT rows bigint, OUT scans bigint, OUT expanded bigint, OUT distances bigint, OUT sweeps bigint) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM vecstore_stat_reset();
	EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO rows;
	SELECT sum(s.scans), sum(s.vertices_expanded), sum(s.distances_computed), sum(s.sweeps) INTO scans, expanded, distances, sweeps
		FROM vecstore_stat_indexes s;
END
$$;
