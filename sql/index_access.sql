-- How queries reach the index: plans, cursors, prepared statements, PL/pgSQL,
-- partitions, and vectors that lie outside their row.

-- A plan without the lines that only PostgreSQL 18 has.
CREATE FUNCTION plan_of(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line !~ 'Disabled: true' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END
$$;

CREATE TABLE items (id integer PRIMARY KEY, kind integer, v vecstore(4));
INSERT INTO items SELECT i, i % 10, ARRAY[i * i, i, 1, 1]::vecstore FROM generate_series(1, 500) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_partial ON items USING vecstore (v vecstore_l1_ops) WHERE kind = 3;
VACUUM ANALYZE items;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;

-- ---- index-only ----

-- the index does not give vectors back: the table is read, vacuumed or not
EXPLAIN (COSTS OFF) SELECT v FROM items ORDER BY v <-> '[1,1,1,1]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT v <-> '[1,1,1,1]' FROM items ORDER BY v <-> '[1,1,1,1]' LIMIT 3;
SELECT v, v <-> '[1,1,1,1]' FROM items ORDER BY v <-> '[1,1,1,1]' LIMIT 3;
EXPLAIN (COSTS OFF) SELECT FROM items WHERE kind = 3 ORDER BY v <+> '[1,1,1,1]' LIMIT 3;
-- nothing to order by: not through the index, not even for no column at all
SELECT plan_of('SELECT count(*) FROM items WHERE kind = 3');
DROP INDEX items_partial;
CREATE TABLE unkeyed AS SELECT * FROM items;
CREATE INDEX unkeyed_v ON unkeyed USING vecstore (v vecstore_l2_ops);
VACUUM ANALYZE unkeyed;
SELECT plan_of('SELECT count(*) FROM unkeyed');
SELECT plan_of('SELECT FROM unkeyed LIMIT 1');
SELECT plan_of('SELECT v FROM unkeyed WHERE v IS NOT NULL');
SELECT outcome('CREATE INDEX bad ON unkeyed USING vecstore (v vecstore_l2_ops) INCLUDE (id)');
SELECT outcome('CREATE INDEX bad ON unkeyed USING vecstore (v vecstore_l2_ops) INCLUDE (v)');
DROP TABLE unkeyed;

-- ---- cursors ----

-- A cursor goes forward unless it is told to SCROLL, whether it says so or not;
-- then a node keeps the rows.
EXPLAIN (COSTS OFF) DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,1,1,1]';
EXPLAIN (COSTS OFF) DECLARE c NO SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,1,1,1]';
EXPLAIN (COSTS OFF) DECLARE c SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,1,1,1]';
DO $$
DECLARE
	option text;
	command text;
BEGIN
	FOREACH option IN ARRAY ARRAY['', 'NO SCROLL'] LOOP
		FOREACH command IN ARRAY ARRAY['FETCH PRIOR FROM', 'FETCH BACKWARD 1 FROM', 'FETCH BACKWARD ALL FROM', 'MOVE BACKWARD 1 IN', 'FETCH -1 FROM',
				'FETCH FIRST FROM', 'FETCH LAST FROM', 'FETCH ABSOLUTE 1 FROM', 'FETCH RELATIVE -1 FROM'] LOOP
			EXECUTE format('DECLARE c %s CURSOR FOR SELECT id FROM items ORDER BY v <-> ''[1,1,1,1]''', option);
			EXECUTE 'MOVE 2 IN c';
			RAISE NOTICE '% %: %', option, command, outcome(command || ' c');
			EXECUTE 'CLOSE c';
		END LOOP;
	END LOOP;
END
$$;
BEGIN;
DECLARE plain CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,1,1,1]';
FETCH 2 FROM plain;
FETCH NEXT FROM plain;
FETCH RELATIVE 2 FROM plain;
FETCH ABSOLUTE 8 FROM plain;
FETCH ABSOLUTE 501 FROM plain;
FETCH NEXT FROM plain;
DECLARE keeping SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,1,1,1]';
FETCH ABSOLUTE 4 FROM keeping;
FETCH BACKWARD 2 FROM keeping;
FETCH PRIOR FROM keeping;
FETCH PRIOR FROM keeping;
FETCH LAST FROM keeping;
FETCH ABSOLUTE -3 FROM keeping;
MOVE BACKWARD ALL IN keeping;
FETCH FORWARD 2 FROM keeping;
COMMIT;
-- WITH HOLD: its rows outlive the transaction, and the index
BEGIN;
CREATE INDEX passing ON items USING vecstore (v vecstore_chebyshev_ops);
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM items ORDER BY v <^> '[1,1,1,1]' LIMIT 10;
FETCH 2 FROM held;
COMMIT;
DROP INDEX passing;
FETCH 2 FROM held;
CLOSE held;
-- the row a cursor stands on is changed and deleted; the cursor goes on
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,1,1,1]' FOR UPDATE;
FETCH 2 FROM c;
UPDATE items SET v = '[1,1,1,1]' WHERE CURRENT OF c;
FETCH 1 FROM c;
DELETE FROM items WHERE CURRENT OF c;
FETCH 2 FROM c;
SELECT id FROM items WHERE id BETWEEN 1 AND 5 ORDER BY v <-> '[1,1,1,1]' LIMIT 4;
ROLLBACK;
-- rows locked in order of distance
BEGIN;
SELECT id FROM items ORDER BY v <-> '[1,1,1,1]' LIMIT 3 FOR UPDATE SKIP LOCKED;
ROLLBACK;

-- ---- prepared statements ----

PREPARE nearest (vecstore, integer) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest ('[1,1,1,1]', 1);
EXECUTE nearest ('[102,10,1,1]', 2);
-- NULL has no distance; a LIMIT of NULL is none
EXECUTE nearest (NULL, 0);
CREATE TEMP TABLE got AS EXECUTE nearest (NULL, 7);
SELECT count(*), count(DISTINCT id) FROM got;
DROP TABLE got;
CREATE TEMP TABLE got AS EXECUTE nearest ('[101,10,1,1]', NULL);
SELECT count(*), count(DISTINCT id) FROM got;
DROP TABLE got;
SELECT outcome('EXECUTE nearest (''[1,2]'', 1)');
-- one plan for all: the rows, and the index, as of now
INSERT INTO items VALUES (501, 0, '[101,10,1,1]');
EXECUTE nearest ('[101,10,1,1]', 1);
DROP INDEX items_v;
SELECT plan_of('EXECUTE nearest (''[1,1,1,1]'', 1)');
EXECUTE nearest ('[101,10,1,1]', 1);
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
EXPLAIN (COSTS OFF) EXECUTE nearest ('[1,1,1,1]', 1);
EXECUTE nearest ('[101,10,1,1]', 1);
REINDEX INDEX CONCURRENTLY items_v;
EXECUTE nearest ('[101,10,1,1]', 1);
-- by itself, the server goes from plans for each value to one for all
RESET plan_cache_mode;
DEALLOCATE nearest;
PREPARE nearest (vecstore) AS SELECT array_agg(id) FROM (SELECT id FROM items ORDER BY v <-> $1 LIMIT 2) q;
DO $$
DECLARE
	ids integer[];
BEGIN
	FOR i IN 1..12 LOOP
		EXECUTE format('EXECUTE nearest (''[%s,%s,1,1]'')', i * i, i) INTO ids;
		IF ids[1] <> i THEN
			RAISE NOTICE 'execution % found %', i, ids;
		END IF;
	END LOOP;
END
$$;
SELECT generic_plans + custom_plans AS executions FROM pg_prepared_statements WHERE name = 'nearest';
DEALLOCATE nearest;

-- ---- PL/pgSQL ----

CREATE FUNCTION nearest_ids(q vecstore, n integer) RETURNS SETOF integer LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT id FROM items ORDER BY v <-> q LIMIT n;
END
$$;
SELECT nearest_ids('[27,5,1,1]', 3);
DO $$
DECLARE
	c CURSOR (q vecstore) FOR SELECT id FROM items ORDER BY v <-> q;
	r refcursor;
	item record;
	ids integer[] := '{}';
	hint text;
BEGIN
	-- a loop over a cursor with an argument, one scan within another
	FOR item IN c ('[9,3,1,1]') LOOP
		EXIT WHEN cardinality(ids) = 6;
		ids := ids || item.id || ARRAY(SELECT nearest_ids(v, 1) FROM items WHERE id = item.id);
	END LOOP;
	RAISE NOTICE 'each twice: %', ids;
	-- a query that is a string
	ids := '{}';
	FOR item IN EXECUTE 'SELECT id FROM items ORDER BY v <-> $1 LIMIT 3' USING '[49,7,1,1]'::vecstore LOOP
		ids := ids || item.id;
	END LOOP;
	RAISE NOTICE 'by EXECUTE: %', ids;
	-- backward, without and with SCROLL
	OPEN r FOR SELECT id FROM items ORDER BY v <-> '[9,3,1,1]';
	FETCH r INTO item;
	BEGIN
		FETCH PRIOR FROM r INTO item;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
		RAISE NOTICE '% % | %', SQLSTATE, SQLERRM, hint;
	END;
END
$$;
DO $$
DECLARE
	r refcursor;
	id integer;
	ids integer[] := '{}';
BEGIN
	OPEN r SCROLL FOR SELECT i.id FROM items i ORDER BY v <-> '[9,3,1,1]';
	FOR i IN 1..3 LOOP
		FETCH r INTO id;
		ids := ids || id;
	END LOOP;
	FETCH PRIOR FROM r INTO id;
	ids := ids || id;
	FETCH ABSOLUTE 1 FROM r INTO id;
	RAISE NOTICE 'three, and two back: %', ids || id;
END
$$;
-- a loop that changes what it reads sees the table as it was
DO $$
DECLARE
	item record;
	n integer := 0;
BEGIN
	FOR item IN SELECT id FROM items ORDER BY v <-> '[1,1,1,1]' LOOP
		n := n + 1;
		UPDATE items SET v = v + '[0.25,0,0,0]' WHERE id = item.id;
	END LOOP;
	RAISE NOTICE '% rows, each once', n;
END
$$;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[26,5,1,1]'' FROM items ORDER BY v <-> ''[26,5,1,1]'' LIMIT 40');
-- COMMIT within a loop: the rows left are kept
DO $$
DECLARE
	item record;
	n integer := 0;
BEGIN
	FOR item IN SELECT id FROM items ORDER BY v <-> '[1,1,1,1]' LOOP
		n := n + 1;
		IF n % 100 = 0 THEN
			DELETE FROM items WHERE id = item.id;
			COMMIT;
		END IF;
	END LOOP;
	RAISE NOTICE '% rows, % left', n, (SELECT count(*) FROM items);
END
$$;
DROP FUNCTION nearest_ids;
DROP TABLE items;

-- ---- merge append ----

-- Partitions of partitions, one without an index of its own at first, one whose
-- columns stand in another order.
CREATE TABLE items (id integer, kind integer, v vecstore(4)) PARTITION BY RANGE (id);
CREATE TABLE items_low PARTITION OF items FOR VALUES FROM (0) TO (200) PARTITION BY LIST (kind);
CREATE TABLE items_low_0 PARTITION OF items_low FOR VALUES IN (0);
CREATE TABLE items_low_1 PARTITION OF items_low FOR VALUES IN (1);
CREATE TABLE items_mid (v vecstore(4), dropped text, kind integer, id integer);
ALTER TABLE items_mid DROP COLUMN dropped;
ALTER TABLE items ATTACH PARTITION items_mid FOR VALUES FROM (200) TO (400);
CREATE TABLE items_high PARTITION OF items FOR VALUES FROM (400) TO (1000);
INSERT INTO items SELECT i, i % 2, ARRAY[(hashint8(i) % 100)::integer, i % 7, 1, 1]::vecstore FROM generate_series(1, 799) i;
CREATE INDEX items_v ON ONLY items USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_low_v ON items_low USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_mid_v ON items_mid USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_high_v ON items_high USING vecstore (v vecstore_l2_ops) WITH (m = 8);
SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_v'::regclass;
ALTER INDEX items_v ATTACH PARTITION items_low_v;
ALTER INDEX items_v ATTACH PARTITION items_mid_v;
ALTER INDEX items_v ATTACH PARTITION items_high_v;
SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_v'::regclass;
SELECT outcome('ALTER INDEX items_v SET (m = 8)');
ANALYZE items;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '[5,5,1,1]' LIMIT 7;
SELECT n, same_order FROM compare('SELECT id, v <-> ''[5,5,1,1]'' FROM items ORDER BY v <-> ''[5,5,1,1]'' LIMIT 7');
SELECT n, same_order FROM compare('SELECT id, v <-> ''[5,5,1,1]'' FROM items ORDER BY v <-> ''[5,5,1,1]'' LIMIT 40');
SELECT n, same_order FROM compare('SELECT id, v <-> ''[5,5,1,1]'' FROM items WHERE id % 10 = 3 ORDER BY v <-> ''[5,5,1,1]'' LIMIT 9');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[5,5,1,1]'' FROM items ORDER BY v <-> ''[5,5,1,1]''');
-- what is pruned is not scanned: when planned, and when executed
EXPLAIN (COSTS OFF) SELECT id FROM items WHERE id >= 400 ORDER BY v <-> '[5,5,1,1]' LIMIT 7;
PREPARE pruned (integer) AS SELECT id FROM items WHERE id >= $1 ORDER BY v <-> '[5,5,1,1]' LIMIT 1000;
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE pruned (300);
SELECT vecstore_stat_reset();
CREATE TEMP TABLE got AS EXECUTE pruned (300);
SELECT count(*), count(DISTINCT id) FROM got;
SELECT indexrelname, scans FROM vecstore_stat_indexes ORDER BY indexrelname COLLATE "C";
DROP TABLE got;
RESET plan_cache_mode;
DEALLOCATE pruned;
-- an index on some partitions only
DROP INDEX items_v;
CREATE INDEX items_high_v ON items_high USING vecstore (v vecstore_l2_ops);
SELECT n, same_order FROM compare('SELECT id, v <-> ''[5,5,1,1]'' FROM items_high ORDER BY v <-> ''[5,5,1,1]'' LIMIT 7');
SELECT n, same_order FROM compare('SELECT id, v <-> ''[5,5,1,1]'' FROM items ORDER BY v <-> ''[5,5,1,1]'' LIMIT 20');
DROP TABLE items;

-- ---- vectors outside their row ----

-- As they come (EXTERNAL is the type's own), and compressed (EXTENDED); a query
-- from the table itself is outside its row, too.
CREATE TABLE items (id integer PRIMARY KEY, note text, v vecstore(1500), w vecstore(1500)) WITH (fillfactor = 50);
SELECT attname, attstorage FROM pg_attribute WHERE attrelid = 'items'::regclass AND attname IN ('v', 'w') ORDER BY 1;
ALTER TABLE items ALTER COLUMN w SET STORAGE EXTENDED;
INSERT INTO items SELECT i, 'old', made, made FROM (SELECT i, array_fill(i % 40, ARRAY[1499])::vecstore || ARRAY[i]::vecstore AS made FROM generate_series(1, 120) i OFFSET 0) t;
SELECT pg_column_size(v) > 6000 AS whole, pg_column_size(w) < 1000 AS compressed FROM items WHERE id = 7;
SELECT pg_relation_size(reltoastrelid) > 120 * 6000 AS toasted FROM pg_class WHERE oid = 'items'::regclass;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_w ON items USING vecstore (w vecstore_l2_ops);
INSERT INTO items SELECT i, 'old', made, made FROM (SELECT i, array_fill(i % 40, ARRAY[1499])::vecstore || ARRAY[i]::vecstore AS made FROM generate_series(121, 160) i OFFSET 0) t;
CREATE FUNCTION agree() RETURNS text LANGUAGE sql AS $$
	SELECT format('%s rows, same order %s, compressed %s; sound %s %s', v.n, v.same_order, w.same_order, sound('items_v'), sound('items_w'))
	FROM compare('SELECT id, v <-> (SELECT v FROM items WHERE id = 9) FROM items ORDER BY 2 LIMIT 12') v,
		compare('SELECT id, w <-> (SELECT w FROM items WHERE id = 9) FROM items ORDER BY 2 LIMIT 12') w
$$;
SELECT agree();
-- an update that leaves the vector: a row of the index more, its vector the same
CREATE INDEX items_note ON items (note);
UPDATE items SET note = 'new' WHERE id <= 100;
SELECT vertices, rows FROM vecstore_check('items_v');
SELECT agree();
-- HOT, and the vector itself
DROP INDEX items_note;
VACUUM items;
UPDATE items SET note = 'newer' WHERE id <= 20;
SELECT vertices, rows FROM vecstore_check('items_v');
UPDATE items SET v = v + w, w = w + w WHERE id % 2 = 0;
SELECT agree();
VACUUM items;
SELECT vertices, rows FROM vecstore_check('items_v');
SELECT agree();
-- one into the other: a value that was EXTERNAL in a column that is EXTENDED
UPDATE items SET w = v WHERE id % 3 = 0;
INSERT INTO items SELECT id + 1000, note, v, v FROM items WHERE id % 5 = 0;
SELECT agree();
DELETE FROM items WHERE id % 4 = 0;
VACUUM FULL items;
SELECT agree(), vecstore_recall('items_v', 5, 20), vecstore_recall('items_w', 5, 20);
DROP TABLE items;
DROP FUNCTION agree;
DROP FUNCTION plan_of;
