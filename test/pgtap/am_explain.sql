-- EXPLAIN (ANALYZE, VERBOSE) tells what a scan of a vecstore index did: from
-- PostgreSQL 18 on, and the same as the session's counters.  Before, the lines
-- are not there, and nothing else is.

CREATE FUNCTION told() RETURNS boolean LANGUAGE sql AS $$ SELECT current_setting('server_version_num')::integer >= 180000 $$;

CREATE TABLE items (id integer PRIMARY KEY, kind integer, v vecstore(8));
INSERT INTO items SELECT i, i % 100, ARRAY(SELECT (hashint8extended(k, i) % 50)::integer FROM generate_series(1, 8) k)::vecstore
	FROM generate_series(1, 3000) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
CREATE TABLE few (id integer, v vecstore(3));
INSERT INTO few SELECT i, ARRAY[i * i, 0, 0]::vecstore FROM generate_series(1, 8) i;
CREATE INDEX few_v ON few USING vecstore (v vecstore_l2_ops);
ANALYZE;
-- The lines of a plan that tell it, as text.
CREATE FUNCTION text_lines(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (ANALYZE, VERBOSE, COSTS OFF) ' || query LOOP
		IF line ~ '(Expanded|Computed|Sweeps|Swept|Reason): ' THEN
			RETURN NEXT trim(line);
		END IF;
	END LOOP;
END
$$;

-- A fresh session, in which EXPLAIN is what loads the library.
\c
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SET jit = off;
SELECT plan(1 + 3 + 4 * 5 + 2 + 4 + 4);
SELECT is(ARRAY(SELECT text_lines('SELECT id FROM few ORDER BY v <-> ''[10,0,0]'' LIMIT 2')),
	CASE WHEN told() THEN ARRAY['Vertices Expanded: 8', 'Distances Computed: 8', 'Sweeps: 0'] ELSE '{}' END, 'the first statement of a session');

-- The plan node that scans an index.
CREATE FUNCTION node(query text, options text DEFAULT 'ANALYZE, VERBOSE', index text DEFAULT 'items_v') RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	PERFORM vecstore_stat_reset();
	EXECUTE format('EXPLAIN (%s, FORMAT json) %s', options, query) INTO plan;
	RETURN jsonb_path_query_first(plan, 'strict $.**?(@."Index Name" == $index)', jsonb_build_object('index', index));
END
$$;

-- The lines of it that the tests are about.
CREATE FUNCTION lines(node jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(node)
	WHERE key IN ('Index Searches', 'Vertices Expanded', 'Distances Computed', 'Sweeps', 'Rows Swept', 'Sweep Reason')
$$;

-- What is expected, on the versions that tell it.
CREATE FUNCTION expected(lines jsonb) RETURNS jsonb LANGUAGE sql AS $$ SELECT CASE WHEN told() THEN lines ELSE '{}' END $$;

-- A graph whose counts are known.
SELECT is(lines(node('SELECT id FROM few ORDER BY v <-> ''[10,0,0]'' LIMIT 5', index => 'few_v')),
	expected('{"Index Searches": 1, "Vertices Expanded": 8, "Distances Computed": 8, "Sweeps": 0}'), 'eight vertices');
SELECT is(lines(node('SELECT id FROM few ORDER BY v <-> ''[10,0,0]''', index => 'few_v')),
	expected('{"Index Searches": 1, "Vertices Expanded": 8, "Distances Computed": 8, "Sweeps": 1, "Rows Swept": 0, "Sweep Reason": "the graph led to no more rows"}'), 'eight vertices, to the end');
SELECT is(lines(node('SELECT (SELECT id FROM few ORDER BY v <-> ARRAY[q,0,0]::vecstore LIMIT 1) FROM generate_series(1, 7) q', index => 'few_v')),
	expected('{"Index Searches": 7, "Vertices Expanded": 56, "Distances Computed": 56, "Sweeps": 0}'), 'seven times eight vertices');

-- Every way to leave the graph: the reason, the number of scans and sweeps,
-- and that the counts are those of the session.
CREATE FUNCTION agrees(name text, query text, scans integer, sweeps integer, reason text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	node jsonb := node(query);
	here record;
BEGIN
	SELECT * INTO here FROM vecstore_stat_indexes WHERE indexrelname = 'items_v';
	RETURN NEXT is(node -> 'Index Searches', CASE WHEN told() THEN to_jsonb(scans) END, name || ': index searches');
	RETURN NEXT is(here.scans, scans::bigint, name || ': scans of the session');
	RETURN NEXT is(here.sweeps, sweeps::bigint, name || ': sweeps of the session');
	RETURN NEXT is(lines(node) - 'Rows Swept', expected(jsonb_build_object('Index Searches', scans, 'Vertices Expanded', here.vertices_expanded,
			'Distances Computed', here.distances_computed, 'Sweeps', sweeps) || CASE WHEN sweeps > 0 THEN jsonb_build_object('Sweep Reason', reason) ELSE '{}' END),
		name || ': lines');
END
$$;
SELECT agrees('a search', 'SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10', 1, 0, NULL);
SELECT agrees('a filter', 'SELECT id FROM items WHERE kind = 7 ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 25', 1, 1, 'more than an eighth of the graph had been visited');
SET work_mem = '64kB';
SET vecstore.ef_search = 10000;
SELECT agrees('little memory', 'SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''', 1, 1, 'the search had used up work_mem');
RESET work_mem;
RESET vecstore.ef_search;
SELECT agrees('no query', 'SELECT id FROM items ORDER BY v <-> (SELECT NULL::vecstore) LIMIT 3', 1, 1, 'no row has a distance to the query');
SELECT agrees('loops', 'SELECT (SELECT id FROM items WHERE kind = q ORDER BY v <-> array_fill(q, ARRAY[8])::vecstore LIMIT 25) FROM generate_series(100, 104) q', 5, 5,
	'more than an eighth of the graph had been visited');

-- Rows swept: those that the batches did not give.
SELECT is(node('SELECT id FROM items ORDER BY v <-> (SELECT NULL::vecstore)') -> 'Rows Swept', CASE WHEN told() THEN '3000'::jsonb END, 'all rows swept');
SELECT ok(coalesce((node('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''') ->> 'Rows Swept')::integer BETWEEN 1000 AND 2999, NOT told()), 'some rows swept');

-- Rows looked at, where rounded vectors leave the order open; by an index of codes alone.
CREATE TABLE coded AS SELECT * FROM items;
CREATE INDEX coded_v ON coded USING vecstore (v vecstore_l2_ops) WITH (quantization = rabitq);
SELECT ok(coalesce((node('SELECT id FROM coded ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10', index => 'coded_v') ->> 'Rows Reranked')::integer > 0, NOT told())
	AND node('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10') -> 'Rows Reranked' IS NULL, 'rows reranked');

-- Nothing without ANALYZE or VERBOSE, nothing of other indexes.
SELECT is(lines(node('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 1', 'ANALYZE')) - 'Index Searches', '{}', 'not VERBOSE');
SELECT is(lines(node('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 1', 'VERBOSE')), '{}', 'not ANALYZE');
SELECT is(lines(node('SELECT v FROM items WHERE id = 5', index => 'items_pkey')) - 'Index Searches', '{}', 'another access method');

-- Zeros where nothing was executed; as text; nothing where workers scan, too,
-- and the leader's counts are not the whole.
SELECT is(lines(node('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 0')),
	expected('{"Index Searches": 0, "Vertices Expanded": 0, "Distances Computed": 0, "Sweeps": 0}'), 'never executed');
SELECT is(ARRAY(SELECT text_lines('SELECT id FROM few ORDER BY v <-> ''[10,0,0]''')),
	CASE WHEN told() THEN ARRAY['Vertices Expanded: 8', 'Distances Computed: 8', 'Sweeps: 1', 'Rows Swept: 0', 'Sweep Reason: the graph led to no more rows'] ELSE '{}' END, 'as text');
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET parallel_leader_participation = off;
SET min_parallel_table_scan_size = 0;
SET enable_seqscan = on;
CREATE TABLE queries AS SELECT q FROM generate_series(1, 5000) q;
ALTER TABLE queries SET (parallel_workers = 2);
ANALYZE queries;
CREATE FUNCTION near(q integer) RETURNS vecstore LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT array_fill(q, ARRAY[8])::vecstore $$;
SELECT is(lines(node('SELECT q FROM queries WHERE q NOT IN (SELECT id FROM items ORDER BY v <-> near(1) LIMIT 10)')) - 'Index Searches', '{}', 'workers scan');

-- The plan was below Gather, or the last test said nothing.
CREATE FUNCTION below_gather() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan jsonb;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT q FROM queries WHERE q NOT IN (SELECT id FROM items ORDER BY v <-> near(1) LIMIT 10)' INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Node Type' = 'Gather';
END
$$;
SELECT ok(below_gather(), 'the plan has a Gather');

SELECT * FROM finish();
