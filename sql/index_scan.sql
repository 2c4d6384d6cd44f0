-- A scan through the index: every row once, whatever LIMIT, WHERE, settings and
-- plan ask of it.

-- Small integers: their distances are exact.  Rows 2001-2020 are NULL.
CREATE TABLE items (id integer PRIMARY KEY, kind integer, v vecstore(8));
INSERT INTO items SELECT i, i % 100, ARRAY(SELECT (hashint8extended(k, i) % 50)::integer FROM generate_series(1, 8) k)::vecstore
	FROM generate_series(1, 2000) i;
INSERT INTO items SELECT i, -1, NULL FROM generate_series(2001, 2020) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
ANALYZE items;
SELECT v::text AS q FROM items WHERE id = 77 \gset
SELECT sound('items_v');

-- no LIMIT: every row once, NULLs last
SELECT n, same_rows FROM compare(format('SELECT id, v <-> %L FROM items ORDER BY v <-> %L', :'q', :'q'));
SELECT distances[1] AS itself, array_position(distances, NULL) AS first_null,
		(SELECT count(*) FROM unnest(distances) d WHERE d IS NULL) AS nulls
	FROM by_index(format('SELECT id, v <-> %L FROM items ORDER BY v <-> %L', :'q', :'q'));

-- LIMIT beyond ef_search is filled, up to the last row, whatever ef_search is;
-- the first ef_search rows are in order
DO $$
DECLARE
	ef integer;
	want integer;
	distances float8[];
BEGIN
	FOREACH ef IN ARRAY ARRAY[1, 2, 10, 40, 1000, 10000] LOOP
		PERFORM set_config('vecstore.ef_search', ef::text, true);
		FOREACH want IN ARRAY ARRAY[1, 5, 39, 41, 100, 1999, 2020, 5000] LOOP
			SELECT i.distances INTO distances
				FROM by_index(format('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT %s', want)) i;
			IF cardinality(distances) <> least(want, 2020) THEN
				RAISE NOTICE 'ef_search %, LIMIT %: % rows', ef, want, cardinality(distances);
			END IF;
			IF EXISTS (SELECT FROM generate_series(2, least(ef, want, 2000)) n WHERE distances[n] < distances[n - 1]) THEN
				RAISE NOTICE 'ef_search %, LIMIT %: not in order', ef, want;
			END IF;
		END LOOP;
	END LOOP;
END
$$;
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <-> '[0,0,0,0,0,0,0,0]' OFFSET 15 LIMIT 100) page;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[0,0,0,0,0,0,0,0]' OFFSET 2019 LIMIT 100) page;

-- WHERE: rows that a filter keeps are found, however many they are and wherever
-- they lie: 0, 1, 20, 1 %, the farthest, NULLs, all but the nearest
DO $$
DECLARE
	condition text;
	result record;
BEGIN
	FOREACH condition IN ARRAY ARRAY['id < 0', 'id = 1234', 'id BETWEEN 500 AND 519', 'kind = 7',
			'v <-> ''[1,2,3,4,5,6,7,8]'' > 120', 'v <-> ''[1,2,3,4,5,6,7,8]'' < 40', 'v IS NULL', 'v IS NOT NULL AND kind <> 3', 'id > 10'] LOOP
		SELECT * INTO result FROM compare(format(
			'SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items WHERE %s ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 3000', condition));
		RAISE NOTICE '%: % rows, the same as of the table: %', condition, result.n, result.same_rows;
	END LOOP;
END
$$;

-- a LIMIT that the filter fills
SELECT n, same_order FROM compare('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items WHERE kind < 50 ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');

-- too little memory for the search: the sweep gives the rest
SET work_mem = '64kB';
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
SET vecstore.ef_search = 10000;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
RESET work_mem;
RESET vecstore.ef_search;

-- strict_order: distances never decrease, no row comes twice; LIMIT 10 is filled
SET vecstore.strict_order = on;
DO $$
DECLARE
	ef integer;
	result record;
BEGIN
	FOREACH ef IN ARRAY ARRAY[1, 3, 40, 500] LOOP
		PERFORM set_config('vecstore.ef_search', ef::text, true);
		SELECT * INTO result FROM by_index('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]''');
		IF EXISTS (SELECT FROM generate_series(2, cardinality(result.distances)) n WHERE result.distances[n] < result.distances[n - 1]) THEN
			RAISE NOTICE 'ef_search %: not in order', ef;
		END IF;
		IF (SELECT count(DISTINCT id) FROM unnest(result.ids) id) <> cardinality(result.ids) THEN
			RAISE NOTICE 'ef_search %: a row came twice', ef;
		END IF;
		IF (SELECT count(*) FROM unnest(result.distances) d WHERE d IS NULL) <> 20 THEN
			RAISE NOTICE 'ef_search %: not all NULLs', ef;
		END IF;
		SELECT * INTO result FROM by_index('SELECT id, v <-> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');
		IF cardinality(result.ids) <> 10 THEN
			RAISE NOTICE 'ef_search %: LIMIT 10 gives % rows', ef, cardinality(result.ids);
		END IF;
	END LOOP;
END
$$;
RESET vecstore.strict_order;

-- settings out of range
SELECT outcome('SET vecstore.ef_search = 0');
SELECT outcome('SET vecstore.ef_search = 10001');
SELECT outcome('SET vecstore.strict_order = maybe');

-- a query that is NULL, of other dimensions, or no vector at all
SELECT n, same_rows FROM compare('SELECT id, v <-> (SELECT NULL::vecstore) FROM items ORDER BY v <-> (SELECT NULL::vecstore)');
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY v <-> NULL) all_rows;
-- an operator or a direction the index is not for: no index scan
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <=> '[1,2,3,4,5,6,7,8]' LIMIT 1;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]' DESC LIMIT 1;

SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> (SELECT NULL::vecstore) LIMIT 30) page;
SELECT outcome($$SELECT id FROM items ORDER BY v <-> '[1,2,3]' LIMIT 1$$);
SELECT outcome($$SELECT id FROM items ORDER BY v <-> array_fill(1, ARRAY[16000])::vecstore LIMIT 1$$);
SELECT outcome($$SELECT id FROM items ORDER BY v <-> '[1,2' LIMIT 1$$);

-- the same with its sides exchanged
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY '[1,2,3,4,5,6,7,8]' <-> v LIMIT 1;

-- scans that start again: nested loops, LATERAL, correlated subqueries
EXPLAIN (COSTS OFF) SELECT near.id FROM generate_series(1, 3) q, LATERAL (SELECT id FROM items ORDER BY v <-> array_fill(q, ARRAY[8])::vecstore LIMIT 1) near;
SELECT count(*), count(*) FILTER (WHERE q.id = near.id) AS itself, count(*) FILTER (WHERE near.place = 1 AND near.d = 0) AS first
	FROM items q, LATERAL (SELECT id, i.v <-> q.v AS d, row_number() OVER () AS place FROM (SELECT * FROM items i ORDER BY i.v <-> q.v LIMIT 3) i) near
	WHERE q.kind = 5 AND q.id <= 2000;
SELECT count(*) FILTER (WHERE id = (SELECT i.id FROM items i ORDER BY i.v <-> q.v LIMIT 1)) FROM items q WHERE id <= 100;
-- of rows that are NULL, too
SELECT count(*) FROM items q, LATERAL (SELECT id FROM items i ORDER BY i.v <-> q.v LIMIT 5) near WHERE q.id > 1995;

-- a prepared statement, planned each time and once for all
PREPARE nearest (vecstore, integer) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;
SET plan_cache_mode = force_custom_plan;
EXECUTE nearest (:'q', 1);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE nearest (:'q', 1);
EXECUTE nearest (:'q', 1);
SELECT v::text AS another FROM items WHERE id = 78 \gset
EXECUTE nearest (:'another', 1);
EXECUTE nearest (NULL, 0);
RESET plan_cache_mode;
DEALLOCATE nearest;

-- cursors: forward as far as wanted; backward only with SCROLL, which keeps the
-- rows
BEGIN;
DECLARE plain NO SCROLL CURSOR FOR SELECT v <-> (SELECT v FROM items WHERE id = 77) AS d FROM items ORDER BY d;
FETCH 1 FROM plain;
MOVE 2018 FROM plain;
FETCH 2 FROM plain;
FETCH 1 FROM plain;
SAVEPOINT before_error;
FETCH BACKWARD 1 FROM plain;
ROLLBACK TO before_error;
DECLARE keeping SCROLL CURSOR FOR SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = 77);
FETCH 1 FROM keeping;
MOVE 50 FROM keeping;
FETCH FIRST FROM keeping;
FETCH BACKWARD 1 FROM keeping;
FETCH 1 FROM keeping;
COMMIT;

-- a cursor goes on while rows come and go; it sees the table as it was
DO $$
DECLARE
	c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]';
	id integer;
	n integer := 0;
BEGIN
	OPEN c;
	LOOP
		FETCH c INTO id;
		EXIT WHEN NOT FOUND;
		n := n + 1;
		IF n = 100 THEN
			DELETE FROM items WHERE kind = 9;
			INSERT INTO items SELECT i, 9, '[1,2,3,4,5,6,7,8]' FROM generate_series(3001, 3050) i;
		END IF;
	END LOOP;
	CLOSE c;
	RAISE NOTICE '% rows by the cursor, % after it', n, (SELECT count(*) FROM (SELECT FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]') q);
	RAISE EXCEPTION 'undo';
EXCEPTION WHEN raise_exception THEN
	NULL;
END
$$;

-- loops in PL/pgSQL that leave a scan early
DO $$
DECLARE
	item record;
	found integer := 0;
BEGIN
	FOR round IN 1..50 LOOP
		FOR item IN SELECT id FROM items ORDER BY v <-> (SELECT v FROM items WHERE id = round) LOOP
			EXIT WHEN item.id <> round;
			found := found + 1;
		END LOOP;
	END LOOP;
	RAISE NOTICE '% of 50 found themselves first', found;
END
$$;

-- through a view
CREATE VIEW by_distance AS SELECT id, v <-> '[1,2,3,4,5,6,7,8]' AS d FROM items;
EXPLAIN (COSTS OFF) SELECT id FROM by_distance ORDER BY d LIMIT 3;
SELECT (SELECT array_agg(d) FROM (SELECT d FROM by_distance ORDER BY d LIMIT 3) x) =
	(WITH all_rows AS MATERIALIZED (SELECT * FROM items) SELECT array_agg(d) FROM (SELECT v <-> '[1,2,3,4,5,6,7,8]' AS d FROM all_rows ORDER BY 1 LIMIT 3) x) AS same;
DROP VIEW by_distance;

-- zero vectors have no cosine: NaN, before the NULLs
CREATE INDEX items_cosine ON items USING vecstore (v vecstore_cosine_ops);
INSERT INTO items SELECT i, -2, '[0,0,0,0,0,0,0,0]' FROM generate_series(2021, 2025) i;
SELECT n, same_rows FROM compare('SELECT id, v <=> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <=> ''[1,2,3,4,5,6,7,8]''');
SELECT array_position(distances, 'NaN') AS first_nan, array_position(distances, NULL) AS first_null, cardinality(distances) AS n
	FROM by_index('SELECT id, v <=> ''[1,2,3,4,5,6,7,8]'' FROM items ORDER BY v <=> ''[1,2,3,4,5,6,7,8]''');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <=> ''[1,2,3,4,5,6,7,8]'' FROM items WHERE kind < 0 ORDER BY v <=> ''[1,2,3,4,5,6,7,8]''');
-- a zero query: NaN against every vector
SELECT n, same_rows, same_order FROM compare('SELECT id, v <=> ''[0,0,0,0,0,0,0,0]'' FROM items ORDER BY v <=> ''[0,0,0,0,0,0,0,0]''');
SELECT n, same_order FROM compare('SELECT id, v <=> ''[0,0,0,0,0,0,0,0]'' FROM items ORDER BY v <=> ''[0,0,0,0,0,0,0,0]'' LIMIT 7');
DROP TABLE items;

-- an empty table, then rows
CREATE TABLE items (id integer, v vecstore(3));
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
SELECT * FROM items ORDER BY v <-> '[1,2,3]';
SELECT * FROM items ORDER BY v <-> NULL;
SELECT vertices, edges, unreachable, rows, rows_aside FROM vecstore_check('items_v');
SELECT vecstore_recall('items_v');
INSERT INTO items VALUES (1, NULL);
SELECT * FROM items ORDER BY v <-> '[1,2,3]';
INSERT INTO items VALUES (2, '[1,2,4]');
SELECT * FROM items ORDER BY v <-> '[1,2,3]';
INSERT INTO items VALUES (3, '[1,2,3]'), (4, '[0,0,0]');
SELECT * FROM items ORDER BY v <-> '[1,2,3]';
SELECT vertices, edges, unreachable, rows, rows_aside FROM vecstore_check('items_v');
DELETE FROM items;
SELECT * FROM items ORDER BY v <-> '[1,2,3]';
VACUUM items;
SELECT * FROM items ORDER BY v <-> '[1,2,3]';
SELECT vertices, edges, unreachable, rows, rows_aside FROM vecstore_check('items_v');
INSERT INTO items VALUES (5, '[1,1,1]');
SELECT * FROM items ORDER BY v <-> '[1,2,3]';
DROP TABLE items;
