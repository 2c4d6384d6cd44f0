-- What the access method tells the server about itself; and scans over random
-- tables that rows come to and go from: whatever the metric, filter, LIMIT and
-- settings, the rows are those of a sequential scan.

SELECT plan(8 + 7 + 6 + 1 + (9 + 3) * 4 + 3);

-- What it can do.
SELECT is(pg_indexam_has_property(oid, property), can, format('access method: %s', property))
FROM pg_am,
	(VALUES ('can_order', false), ('can_unique', false), ('can_multi_col', false), ('can_exclude', true), ('can_include', false)) v(property, can)
WHERE amname = 'vecstore';

CREATE TABLE items (id integer PRIMARY KEY, kind integer, v vecstore(6));
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
SELECT is(pg_index_has_property('items_v', property), can, format('index: %s', property))
FROM (VALUES ('clusterable', false), ('index_scan', true), ('bitmap_scan', false)) v(property, can);
SELECT is(pg_index_column_has_property('items_v', 1, property), can, format('column: %s', property))
FROM (VALUES ('orderable', false), ('distance_orderable', true), ('returnable', false), ('search_array', false), ('search_nulls', false)) v(property, can);
DROP INDEX items_v;

-- The phases that pg_stat_progress_create_index shows.
SELECT is(pg_indexam_progress_phasename(oid, phase), name, format('phase %s', phase))
FROM pg_am,
	(VALUES (0, NULL), (1, 'initializing'), (2, 'building graph in memory'), (3, 'laying out pages'), (4, 'writing pages'), (5, 'inserting rows on pages'), (6, 'logging pages'), (7, NULL)) v(phase, name)
WHERE amname = 'vecstore';

SELECT is((SELECT count(*)::int FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'vecstore') AND opcdefault), 0,
	'no operator class is the default');

-- A small random vector (n makes the subquery run for each row); one in ten is NULL, one in twenty zero, many are equal.
CREATE FUNCTION some_vector(n integer) RETURNS vecstore LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN n % 10 = 0 THEN NULL WHEN n % 20 = 1 THEN '[0,0,0,0,0,0]'
		ELSE ARRAY(SELECT floor(random() * 5 - 2)::integer + n * 0 FROM generate_series(1, 6))::vecstore END
$$;

-- The ids, sorted, that a query returns with or without the index.
CREATE FUNCTION ids(query text, by_index boolean) RETURNS integer[] LANGUAGE plpgsql AS $$
DECLARE
	result integer[];
BEGIN
	PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_sort', (NOT by_index)::text, true),
		set_config('enable_indexscan', by_index::text, true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true);
	EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (%s) q', query) INTO result;
	RETURN result;
END
$$;

-- How many of many random scans differ from a sequential scan: other rows where
-- LIMIT does not cut, another number of rows where it does.
CREATE FUNCTION differing(operator text, scans integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	query text;
	wanted integer[];
	found integer[];
	n integer := 0;
	want integer;
BEGIN
	FOR scan IN 1..scans LOOP
		PERFORM set_config('vecstore.ef_search', (1 + floor(random() * random() * 200))::text, true),
			set_config('work_mem', CASE WHEN random() < 0.5 THEN '64kB' ELSE '4MB' END, true);
		want := 1 + floor(random() * random() * 1200);
		query := format('SELECT id FROM items WHERE %s ORDER BY v %s %L',
			CASE floor(random() * 6)
				WHEN 0 THEN 'true' WHEN 1 THEN 'kind = 1' WHEN 2 THEN format('id BETWEEN %s AND %s', scan * 7, scan * 9)
				WHEN 3 THEN format('v <-> %L > 4', some_vector(3)) WHEN 4 THEN 'v IS NULL' ELSE 'kind <> 1' END,
			operator, coalesce(some_vector(scan), '[1,0,0,-1,2,2]'));
		wanted := ids(query, false);
		found := ids(query, true);
		n := n + (found IS DISTINCT FROM wanted)::integer;
		found := ids(format('%s LIMIT %s', query, want), true);
		n := n + (coalesce(cardinality(found), 0) <> least(want, coalesce(cardinality(wanted), 0)) OR NOT coalesce(found <@ wanted, true))::integer;
	END LOOP;
	RETURN n;
END
$$;

-- Does an index scan serve the order?
CREATE FUNCTION planned(operator text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	SET LOCAL enable_seqscan = off;
	SET LOCAL enable_sort = off;
	EXECUTE format('EXPLAIN (FORMAT json) SELECT id FROM items ORDER BY v %s ''[1,0,0,-1,2,2]''', operator) INTO plan;
	RETURN plan->0->'Plan'->>'Node Type' = 'Index Scan';
END
$$;

-- The life of a table under one operator class, with codes, too, where it has them.
-- Commands for \gexec, since VACUUM runs in no function.
CREATE VIEW life AS
	SELECT c.opcname, quantization, n, step
	FROM pg_opclass c
	JOIN pg_amop a ON a.amopfamily = c.opcfamily
	JOIN pg_operator o ON o.oid = a.amopopr,
		unnest(CASE WHEN c.opcname IN ('vecstore_l2_ops', 'vecstore_ip_ops', 'vecstore_cosine_ops') THEN ARRAY['none', 'rabitq'] ELSE ARRAY['none'] END) quantization,
		LATERAL format('%s, %s', c.opcname, quantization) name,
		LATERAL unnest(ARRAY[
			format('SELECT setseed(0.%s)', length(c.opcname) * 100 + ascii(substr(c.opcname, 10))),
			'TRUNCATE items',
			'INSERT INTO items SELECT i, i % 3, some_vector(i) FROM generate_series(1, 600) i',
			format('CREATE INDEX items_v ON items USING vecstore (v %s) WITH (m = 6, ef_construction = 20, quantization = %s)', c.opcname, quantization),
			format('SELECT ok(planned(%L), ''%s: the index serves the order'')', o.oprname, name),
			format('SELECT is(differing(%L, 25), 0, ''%s: built'')', o.oprname, name),
			'INSERT INTO items SELECT i, i % 3, some_vector(i) FROM generate_series(601, 1000) i',
			'UPDATE items SET v = some_vector(id + 7) WHERE id % 5 = 0',
			'DELETE FROM items WHERE kind = 2 AND id % 4 > 0',
			format('SELECT is(differing(%L, 25), 0, ''%s: changed'')', o.oprname, name),
			'VACUUM (INDEX_CLEANUP ON) items',
			'INSERT INTO items SELECT i, i % 3, some_vector(i) FROM generate_series(1001, 1200) i',
			format('SELECT is(differing(%L, 25) + (SELECT (rows + rows_aside <> (SELECT count(*) FROM items))::integer FROM vecstore_check(''items_v'')), 0, ''%s: vacuumed and filled'')',
				o.oprname, name),
			'DROP INDEX items_v']) WITH ORDINALITY s(step, n)
	WHERE c.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'vecstore') AND c.opcintype = 'vecstore'::regtype;
SELECT step FROM life ORDER BY opcname COLLATE "C", quantization, n \gexec

-- A transaction prepared on one side is in the index and not seen.
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
BEGIN;
INSERT INTO items VALUES (5000, 0, '[90,0,0,0,0,0]');
PREPARE TRANSACTION 'am_scan';
SELECT isnt(ids('SELECT id FROM (SELECT * FROM items ORDER BY v <-> ''[90,0,0,0,0,0]'' LIMIT 1) near', true), ARRAY[5000], 'prepared: not seen');
COMMIT PREPARED 'am_scan';
SELECT is(ids('SELECT id FROM (SELECT * FROM items ORDER BY v <-> ''[90,0,0,0,0,0]'' LIMIT 1) near', true), ARRAY[5000], 'committed: found');
BEGIN;
DELETE FROM items WHERE id = 5000;
PREPARE TRANSACTION 'am_scan';
ROLLBACK PREPARED 'am_scan';
SELECT is(ids('SELECT id FROM (SELECT * FROM items ORDER BY v <-> ''[90,0,0,0,0,0]'' LIMIT 1) near', true), ARRAY[5000], 'a deletion undone: found');

SELECT * FROM finish();
