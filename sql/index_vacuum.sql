-- VACUUM: dead rows leave the index, the graph stays whole, room is used again.

CREATE TABLE items (id integer PRIMARY KEY, v vecstore(64));
CREATE SEQUENCE ids;
CREATE FUNCTION add_rows(n integer) RETURNS void LANGUAGE sql AS $$
	INSERT INTO items SELECT i, clustered(i::integer, 64) FROM (SELECT nextval('ids') AS i FROM generate_series(1, n) OFFSET 0) new
$$;
SELECT add_rows(2000);
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_codes ON items USING vecstore (v vecstore_cosine_ops) WITH (quantization = rabitq);

-- What must hold after every step.  Pages: more than before the rows went.
CREATE TABLE size (index regclass, operator text, pages bigint);
INSERT INTO size SELECT index, operator, pg_relation_size(index) / 8192 FROM (VALUES ('items_v'::regclass, '<->'), ('items_codes', '<=>')) i(index, operator);
CREATE FUNCTION report(step text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s, %s: rows %s, same %s, sound %s, recall good %s, tombstones %s, stale links %s, grown %s', step, index, n, same_rows, sound(index),
		vecstore_recall(index, 10, 50) >= 0.95, tombstones, stale_links, pg_relation_size(index) / 8192 > pages + greatest(8, pages / 10))
	FROM size, compare(format('SELECT id, v %s clustered(-1, 64) FROM items ORDER BY v %1$s clustered(-1, 64)', operator)), vecstore_check(index)
	ORDER BY index
$$;
\pset tuples_only on
\pset format unaligned
SELECT report('built');
SELECT unnest(ARRAY[
		format('DELETE FROM items WHERE hashint4extended(id, %s) %% 100 BETWEEN -%s AND %s', share, share - 1, share - 1),
		format('SELECT report(''%s %% deleted'')', share),
		'VACUUM (INDEX_CLEANUP ON) items',
		'SELECT report(''vacuumed'')',
		'SELECT add_rows(2000 - (SELECT count(*) FROM items)::integer)',
		'SELECT report(''filled up'')'])
	FROM unnest(ARRAY[10, 50, 90]) share \gexec
-- all of them
DELETE FROM items;
SELECT report('all deleted');
VACUUM (INDEX_CLEANUP ON) items;
SELECT report('vacuumed');
SELECT add_rows(2000);
SELECT report('filled up');

-- rows that are near each other: whole regions go
DELETE FROM items WHERE v <-> clustered(1, 64) < (SELECT percentile_disc(0.4) WITHIN GROUP (ORDER BY v <-> clustered(1, 64)) FROM items);
VACUUM (INDEX_CLEANUP ON) items;
SELECT report('the nearest gone');
SELECT add_rows(2000 - (SELECT count(*) FROM items)::integer);
SELECT report('filled up');

-- over and over: the room for rows that come before the others are vacuumed is
-- taken once, in the first cycle
SELECT unnest(ARRAY[
		format('DELETE FROM items WHERE hashint4extended(id, %s) %% 10 IN (1, 2, 3, -4)', cycle),
		'SELECT add_rows(400)',
		'VACUUM (INDEX_CLEANUP ON) items',
		'SELECT add_rows(2000 - (SELECT count(*) FROM items)::integer)',
		format('UPDATE items SET v = clustered(id + %s, 64) WHERE id %% 10 = %s', 100000 * cycle, cycle),
		'VACUUM (INDEX_CLEANUP ON) items',
		format('UPDATE size SET pages = pg_relation_size(index) / 8192 WHERE %s = 1', cycle)])
	FROM generate_series(1, 5) cycle \gexec
SELECT report('cycles');
-- all rows go, again and again: pages of any kind become pages of any kind
SELECT unnest(ARRAY[
		'DELETE FROM items',
		'VACUUM (INDEX_CLEANUP ON) items',
		'SELECT add_rows(2000)',
		format('UPDATE size SET pages = pg_relation_size(index) / 8192 WHERE %s = 1', cycle)])
	FROM generate_series(1, 4) cycle \gexec
SELECT report('emptied');
SELECT pg_relation_size(index) / 8192 - pages AS more FROM size ORDER BY index;
\pset tuples_only off
\pset format aligned

-- nothing to do; not done; done in parallel
VACUUM items;
SELECT rows = (SELECT count(*) FROM items) AS same FROM vecstore_check('items_v');
DELETE FROM items WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP OFF) items;
SELECT rows > (SELECT count(*) FROM items) AS more FROM vecstore_check('items_v');
SELECT n = (SELECT count(*) FROM items) AS all_rows, same_rows FROM compare('SELECT id, v <-> clustered(-1, 64) FROM items ORDER BY v <-> clustered(-1, 64)');
CREATE INDEX items_v3 ON items USING vecstore (v vecstore_l1_ops);
SET min_parallel_index_scan_size = 0;
VACUUM (INDEX_CLEANUP ON, PARALLEL 2) items;
SELECT rows = (SELECT count(*) FROM items) AS same, sound('items_v') FROM vecstore_check('items_v');
SELECT rows = (SELECT count(*) FROM items) AS same, sound('items_codes') FROM vecstore_check('items_codes');
RESET min_parallel_index_scan_size;

-- what the planner learns
VACUUM ANALYZE items;
SELECT c.reltuples = (SELECT count(*) FROM items) AS reltuples, c.relpages = pg_relation_size('items_v') / 8192 AS relpages
	FROM pg_class c WHERE relname = 'items_v';

-- rows with tails
DROP TABLE items;
CREATE TABLE items (id integer PRIMARY KEY, v vecstore(3000));
INSERT INTO items SELECT i, clustered(i, 3000) FROM generate_series(1, 60) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
-- a build packs the last tails of several vectors on a page, an insert does not
DELETE FROM items WHERE id % 3 = 1;
VACUUM (INDEX_CLEANUP ON) items;
INSERT INTO items SELECT i, clustered(i, 3000) FROM generate_series(1, 60) i ON CONFLICT DO NOTHING;
SELECT pg_relation_size('items_v') / 8192 AS pages \gset
\pset tuples_only on
\pset format unaligned
SELECT unnest(ARRAY[
		format('DELETE FROM items WHERE id %% 3 = %s', cycle),
		'VACUUM (INDEX_CLEANUP ON) items',
		format('INSERT INTO items SELECT i, clustered(i + %s, 3000) FROM generate_series(1, 63) i ON CONFLICT DO NOTHING', 1000 * cycle)])
	FROM unnest(ARRAY[0, 1, 2, 0]) cycle \gexec
\pset tuples_only off
\pset format aligned
SELECT n, same_rows, sound('items_v'), pg_relation_size('items_v') / 8192 <= :pages + 8 AS no_larger
	FROM compare('SELECT id, v <-> (SELECT v FROM items WHERE id = 1) FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 1)');

-- where one vertex is as far away as another, mending cuts many off: each gets a link anew
CREATE FUNCTION even(i integer, dims integer, base integer DEFAULT 0) RETURNS vecstore LANGUAGE sql AS $$
	SELECT array_agg((hashint8extended(i, d) & 1023)::real + base)::vecstore FROM generate_series(1, dims) d
$$;
CREATE TABLE alike (id integer, v vecstore(32));
INSERT INTO alike SELECT i, even(i, 32) FROM generate_series(1, 2000) i;
CREATE INDEX alike_v ON alike USING vecstore (v vecstore_l2_ops) WITH (m = 2, quantization = none);
CREATE INDEX alike_codes ON alike USING vecstore (v vecstore_l2_ops) WITH (m = 2, quantization = rabitq);
DELETE FROM alike WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) alike;
SELECT vertices, unreachable FROM vecstore_check('alike_v');
SELECT vertices, unreachable FROM vecstore_check('alike_codes');

-- there, too, a vertex that few lists name is seldom met: a vacuum sees to it that enough do
CREATE TABLE spread (id integer, v vecstore(600));
INSERT INTO spread SELECT i, even(i, 600) FROM generate_series(1, 1000) i;
CREATE INDEX spread_v ON spread USING vecstore (v vecstore_l2_ops) WITH (quantization = rabitq);
DELETE FROM spread WHERE id % 2 = 0;
VACUUM (INDEX_CLEANUP ON) spread;
INSERT INTO spread SELECT i, even(i, 600) FROM generate_series(1001, 1500) i;
DELETE FROM spread WHERE id % 4 = 1;
VACUUM (INDEX_CLEANUP ON) spread;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), count(*) FILTER (WHERE v <> (SELECT v FROM spread s ORDER BY s.v <-> spread.v LIMIT 1)) <= 1 AS found_by_themselves FROM spread;
RESET enable_seqscan;
RESET enable_sort;

-- groups far away from each other: links of upper levels lead to all
CREATE TABLE islands (id integer, v vecstore(32));
INSERT INTO islands SELECT i, even(i, 32, 20000 * (i % 3)) FROM generate_series(1, 3000) i;
CREATE INDEX islands_v ON islands USING vecstore (v vecstore_l2_ops);
SELECT vertices, unreachable FROM vecstore_check('islands_v');

DROP TABLE items, size, alike, spread, islands;
DROP SEQUENCE ids;
DROP FUNCTION add_rows, even, report;
