-- A scan finds out how many rows LIMIT wants, and its search ends when those seem
-- to be settled: under which plans it does, and that it misses no more for it.
SET enable_seqscan = off;
SET enable_sort = off;
SET jit = off;
SET vecstore.ef_search = 200;
CREATE TABLE items (id integer PRIMARY KEY, kind integer, v vecstore(16));
INSERT INTO items SELECT i, i % 10, clustered(i, 16) FROM generate_series(1, 4000) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
CREATE TABLE coded (LIKE items);
INSERT INTO coded SELECT * FROM items;
CREATE INDEX coded_v ON coded USING vecstore (v vecstore_l2_ops) WITH (quantization = rabitq);
CREATE TABLE parted (LIKE items) PARTITION BY LIST (kind);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES IN (0, 1, 2, 3, 4);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (5, 6, 7, 8, 9);
INSERT INTO parted SELECT * FROM items;
CREATE INDEX parted_v ON parted USING vecstore (v vecstore_l2_ops);
VACUUM ANALYZE items, coded, parted;
SELECT v::text AS q FROM items WHERE id = 77 \gset

CREATE FUNCTION ten_nearest(q vecstore) RETURNS SETOF integer LANGUAGE sql STABLE AS
	'SELECT id FROM items ORDER BY v <-> q LIMIT 10';
CREATE FUNCTION the_nearest(q vecstore) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	found integer;
BEGIN
	SELECT id INTO found FROM items ORDER BY v <-> q LIMIT 1;
	RETURN found;
END
$$;
CREATE FUNCTION ten_of_a_loop(q vecstore) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	row record;
	n integer := 0;
BEGIN
	FOR row IN SELECT id FROM items ORDER BY v <-> q LIMIT 10 LOOP
		n := n + 1;
	END LOOP;
	RETURN n;
END
$$;
CREATE FUNCTION ten_of_a_cursor(q vecstore) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	all_rows CURSOR FOR SELECT id FROM items ORDER BY v <-> q;
	row record;
BEGIN
	OPEN all_rows;
	FOR n IN 1 .. 10 LOOP
		FETCH all_rows INTO row;
	END LOOP;
	CLOSE all_rows;
	RETURN 10;
END
$$;

-- As much as all 200 takes a scan of which nobody says how much is wanted.
SELECT expanded AS all_200 FROM did(format('SELECT ten_of_a_cursor(%L)', :'q')) \gset
SELECT :all_200 BETWEEN 200 AND 400 AS all_200;

-- Less where it can be seen from the plan, the same where not.
SELECT what, CASE WHEN expanded < 0.7 * :all_200 THEN 'less' WHEN expanded = :all_200 THEN 'all' ELSE expanded::text END AS expanded
	FROM unnest(ARRAY['LIMIT', 'LIMIT 1', 'OFFSET', 'OFFSET far', 'LIMIT 200', 'LIMIT NULL', 'LIMIT of an expression',
			'subquery', 'CTE', 'lateral', 'scalar', 'FOR UPDATE', 'a value of each row', 'filter', 'join',
			'SQL function', 'PL/pgSQL', 'PL/pgSQL, loop'],
		ARRAY['SELECT id FROM items ORDER BY v <-> %1$L LIMIT 10',
			'SELECT id FROM items ORDER BY v <-> %1$L LIMIT 1',
			'SELECT id FROM items ORDER BY v <-> %1$L OFFSET 5 LIMIT 5',
			'SELECT id FROM items ORDER BY v <-> %1$L OFFSET 195 LIMIT 5',
			'SELECT id FROM items ORDER BY v <-> %1$L LIMIT 200',
			'SELECT * FROM (SELECT id FROM items ORDER BY v <-> %1$L LIMIT (SELECT NULL::bigint)) t LIMIT 10',
			'SELECT id FROM items ORDER BY v <-> %1$L LIMIT (SELECT count(*) FROM generate_series(1, 10))',
			'SELECT * FROM (SELECT id FROM items ORDER BY v <-> %1$L LIMIT 10) t WHERE id > 0',
			'WITH t AS MATERIALIZED (SELECT id FROM items ORDER BY v <-> %1$L LIMIT 10) SELECT * FROM t',
			'SELECT t.id FROM (VALUES (%1$L::vecstore)) q(q), LATERAL (SELECT id FROM items ORDER BY v <-> q LIMIT 10) t',
			'SELECT (SELECT id FROM items ORDER BY v <-> %1$L LIMIT 1)',
			'SELECT id FROM items ORDER BY v <-> %1$L LIMIT 10 FOR UPDATE',
			'SELECT id, random() FROM items ORDER BY v <-> %1$L LIMIT 10',
			'SELECT id FROM items WHERE id > 0 ORDER BY v <-> %1$L LIMIT 10',
			'SELECT i.id FROM items i JOIN coded c USING (id) ORDER BY i.v <-> %1$L LIMIT 10',
			'SELECT id FROM ten_nearest(%1$L) id',
			'SELECT the_nearest(%1$L)',
			'SELECT ten_of_a_loop(%1$L)']) WITH ORDINALITY u(what, statement, place),
		did(format(statement, :'q'))
	ORDER BY place;

-- lists with codes; every partition; another metric whose ranks are squares, and
-- two whose are not
CREATE INDEX coded_cos ON coded USING vecstore (v vecstore_cosine_ops) WITH (quantization = rabitq);
CREATE INDEX items_ip ON items USING vecstore (v vecstore_ip_ops);
CREATE INDEX items_l1 ON items USING vecstore (v vecstore_l1_ops);
SELECT what, a.expanded < 0.7 * b.expanded AS less, a.expanded = b.expanded AS all
	FROM (VALUES ('codes', 'coded', '<->'), ('partitions', 'parted', '<->'), ('cosine', 'coded', '<=>'),
		('inner product', 'items', '<#>'), ('L1', 'items', '<+>')) t(what, relation, operator),
		did(format('SELECT id FROM %s ORDER BY v %s %L LIMIT 10', relation, operator, :'q')) a,
		did(format('SELECT id FROM %s ORDER BY v %s %L LIMIT 200', relation, operator, :'q')) b
	ORDER BY what COLLATE "C";

-- a generic plan, of which LIMIT is a parameter
SET plan_cache_mode = force_generic_plan;
PREPARE nearest(vecstore, bigint) AS SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> $1 LIMIT $2) t;
SELECT vecstore_stat_reset();
EXECUTE nearest(:'q', 10);
SELECT sum(vertices_expanded) < 0.7 * :all_200 AS less FROM vecstore_stat_indexes;
SELECT vecstore_stat_reset();
EXECUTE nearest(:'q', 200);
SELECT sum(vertices_expanded) = :all_200 AS all FROM vecstore_stat_indexes;
RESET plan_cache_mode;

-- What is found: of the nearest of 100 rows, all but a hundredth at most, with and
-- without codes.
CREATE FUNCTION missed(relation regclass, wanted integer) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(1, 4000, 40) q, clustered(q, 16, 1) v,
		by_table(format('SELECT id, v <-> %1$L FROM %2$s ORDER BY v <-> %1$L LIMIT %3$s', v, relation, wanted)) t,
		by_index(format('SELECT id, v <-> %1$L FROM %2$s ORDER BY v <-> %1$L LIMIT %3$s', v, relation, wanted)) i,
		unnest(t.ids) id
	WHERE id <> ALL (i.ids)
$$;
SET vecstore.ef_search = 40;
SELECT relation, wanted, missed(relation, wanted) <= wanted AS found
	FROM unnest(ARRAY['items', 'coded', 'parted']::regclass[]) relation, unnest(ARRAY[1, 10, 40]) wanted ORDER BY 1, 2;

-- Where some of the first rows may be dead, others may be wanted in their place:
-- the search goes on for all ef.  Before the first row comes, so that all are in order.
BEGIN;
SET LOCAL vecstore.ef_search = 120;
DELETE FROM items WHERE id % 3 > 0;
SELECT wanted, missed('items', wanted) <= wanted AS found FROM unnest(ARRAY[1, 10, 40]) wanted;
SET LOCAL vecstore.ef_search = 200;
SELECT expanded >= :all_200 AS all FROM did(format('SELECT id FROM items ORDER BY v <-> %L LIMIT 10', :'q'));
ROLLBACK;
SET vecstore.ef_search = 200;
VACUUM items;

-- an error while a query runs leaves nothing behind
SELECT outcome(format('SELECT id / 0 FROM items ORDER BY v <-> %L LIMIT 10', :'q'));
SELECT expanded < 0.7 * :all_200 AS less FROM did(format('SELECT id FROM items ORDER BY v <-> %L LIMIT 10', :'q'));
DROP TABLE items, coded, parted;
DROP FUNCTION ten_nearest, the_nearest, ten_of_a_loop, ten_of_a_cursor, missed;
