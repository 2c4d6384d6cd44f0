-- When the planner takes the index, and few rows among many behind a filter.

-- Four rows for each of 5,000 vectors, a little apart.
CREATE TABLE items (id integer PRIMARY KEY, rare integer, v vecstore(128));
INSERT INTO items SELECT 4 * i + j, CASE (4 * i + j) % 6000 WHEN 0 THEN 1 END, near + away
	FROM (SELECT i, clustered(i, 128) AS near FROM generate_series(1, 5000) i OFFSET 0) a,
		(SELECT j, clustered(-j, 128) * array_fill(0.1, ARRAY[128])::vecstore AS away FROM generate_series(0, 3) j OFFSET 0) b;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_rare ON items (rare);
VACUUM ANALYZE items;

-- Does the plan of a query scan the index?
CREATE FUNCTION uses(query text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'items_v' THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;

SELECT query, uses('SELECT id FROM items ' || query) FROM (VALUES
	('ORDER BY v <-> clustered(-1, 128) LIMIT 1'),
	('ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	('ORDER BY v <-> clustered(-1, 128) LIMIT 10 OFFSET 10'),
	('WHERE rare IS NULL ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	-- everything: reading and sorting the table is cheaper
	('ORDER BY v <-> clustered(-1, 128)'),
	('ORDER BY v <-> clustered(-1, 128) LIMIT 20000'),
	-- few rows that another index finds
	('WHERE id = 77 ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	('WHERE rare = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	('WHERE id BETWEEN 100 AND 120 ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	-- nothing to order by
	('WHERE id % 2 = 0'),
	('LIMIT 1'),
	('WHERE v IS NULL'),
	('WHERE v = clustered(1, 128)'),
	('WHERE v <-> clustered(-1, 128) < 1')) q(query);
-- not even if there is no other way
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT uses('SELECT count(v) FROM items');
RESET enable_seqscan;
RESET enable_bitmapscan;

-- the index finds the few that a filter keeps: 3 of 20,000, 2, 1, none; the
-- nearest, the farthest
DO $$
DECLARE
	filter text;
	want integer;
	result record;
BEGIN
	FOREACH filter IN ARRAY ARRAY['rare + 0 = 1', 'id + 0 IN (5, 15000)', 'id + 0 = 12345', 'id + 0 = 0',
			'v <-> clustered(-1, 128) < (SELECT percentile_disc(0.0002) WITHIN GROUP (ORDER BY v <-> clustered(-1, 128)) FROM items)',
			'v <-> clustered(-1, 128) > (SELECT percentile_disc(0.9998) WITHIN GROUP (ORDER BY v <-> clustered(-1, 128)) FROM items)'] LOOP
		FOREACH want IN ARRAY ARRAY[10, 100] LOOP
			SELECT * INTO result FROM compare(format('SELECT id, v <-> clustered(-1, 128) FROM items WHERE %s ORDER BY v <-> clustered(-1, 128) LIMIT %s', filter, want));
			RAISE NOTICE '% LIMIT %: % rows, the same as of the table: %', filter, want, result.n, result.same_rows;
		END LOOP;
	END LOOP;
END
$$;
-- and fills LIMIT where the filter keeps enough: 1 % of the rows
SELECT n FROM compare('SELECT id, v <-> clustered(-1, 128) FROM items WHERE id % 100 = 7 ORDER BY v <-> clustered(-1, 128) LIMIT 50');
-- with little memory, too
SET work_mem = '64kB';
SELECT n, same_rows FROM compare('SELECT id, v <-> clustered(-1, 128) FROM items WHERE rare + 0 = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 50');
SELECT n, same_rows FROM compare('SELECT id, v <-> clustered(-1, 128) FROM items ORDER BY v <-> clustered(-1, 128)');
RESET work_mem;

-- a join takes no more than it needs
SELECT count(*) FROM (SELECT i.id FROM items i JOIN items j ON j.id = i.id % 100 ORDER BY i.v <-> clustered(-1, 128) LIMIT 10) q;

DROP TABLE items;
DROP FUNCTION uses;
