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

-- ---- what the planner knows ----

-- Cases of test/bench/planner.py, smaller, where the plans lie far apart.
CREATE TABLE few (id integer PRIMARY KEY, v vecstore(128));
INSERT INTO few SELECT i, clustered(i, 128) FROM generate_series(1, 1000) i;
CREATE INDEX few_items_v ON few USING vecstore (v vecstore_l2_ops);
CREATE TABLE owners AS SELECT id, id % 50 AS country FROM generate_series(0, 999) id;
ALTER TABLE owners ADD PRIMARY KEY (id);
VACUUM ANALYZE few, owners;

SELECT query, uses('SELECT f.id FROM few f ' || query) FROM (VALUES
	('ORDER BY v <-> clustered(-1, 128) LIMIT 1'),
	('ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	('ORDER BY v <-> clustered(-1, 128)'),
	('ORDER BY v <-> clustered(-1, 128) LIMIT 1000'),
	('WHERE f.id % 1000 = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	('JOIN owners o ON o.id = f.id ORDER BY v <-> clustered(-1, 128)')) q(query);

SELECT query, uses(query) FROM (VALUES
	('SELECT id FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 100'),
	('SELECT id FROM items WHERE id > 10000 ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	('SELECT count(*) FROM (SELECT rare FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 50) n GROUP BY rare'),
	('SELECT DISTINCT rare FROM (SELECT rare FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 50) n'),
	('SELECT f.id, n.id FROM few f, LATERAL (SELECT id FROM items ORDER BY v <-> f.v LIMIT 10) n WHERE f.id < 5'),
	-- a join that drops nothing, one that multiplies, and one that keeps a row in 1,000
	('SELECT i.id FROM items i JOIN owners o ON o.id = i.id % 1000 ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	('SELECT i.id FROM items i JOIN owners o ON o.country = i.id % 50 ORDER BY v <-> clustered(-1, 128) LIMIT 30'),
	('SELECT i.id FROM items i JOIN owners o ON o.id = i.id WHERE o.country = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	-- a join without LIMIT takes all
	('SELECT i.id FROM items i JOIN owners o ON o.id = i.id % 1000 ORDER BY v <-> clustered(-1, 128)'),
	-- filters that keep few rows, which no other index finds
	('SELECT id FROM items WHERE rare + 0 = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 100'),
	('SELECT id FROM items WHERE id % 1000 = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 10')) q(query);
SET random_page_cost = 1.1;
SELECT uses('SELECT id FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 10'),
	uses('SELECT id FROM items ORDER BY v <-> clustered(-1, 128)') AS uses_without_limit,
	uses('SELECT id FROM items WHERE rare = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 10') AS uses_for_few;
RESET random_page_cost;

-- a LIMIT that is not known before the query runs
SET plan_cache_mode = force_generic_plan;
PREPARE nearest(vecstore, bigint) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2;
PREPARE next_nearest(vecstore, bigint) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT 10 OFFSET $2;
SELECT uses('EXECUTE nearest(clustered(-1, 128), 10)'), uses('EXECUTE next_nearest(clustered(-1, 128), 10)') AS uses_with_offset;
DEALLOCATE ALL;
RESET plan_cache_mode;

-- The cost of a query through the index.
CREATE FUNCTION cost(query text) RETURNS float8 LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off SET enable_bitmapscan = off AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN plan #>> '{0,Plan,Total Cost}';
END
$$;
-- it rises with LIMIT, and with the rows that a filter or a join drops
SELECT bool_and(before < cost) AS rises FROM (SELECT cost, lag(cost) OVER (ORDER BY n) AS before FROM (VALUES
	(1, cost('SELECT id FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 40')),
	(2, cost('SELECT id FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 80')),
	(3, cost('SELECT id FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 40 OFFSET 80')),
	(4, cost('SELECT id FROM items WHERE id % 2 = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 40')),
	(5, cost('SELECT id FROM items ORDER BY v <-> clustered(-1, 128)'))) c(n, cost)) q;
SELECT cost('SELECT i.id FROM items i JOIN owners o ON o.id = i.id % 1000 ORDER BY v <-> clustered(-1, 128) LIMIT 10') <
	cost('SELECT i.id FROM items i JOIN owners o ON o.id = i.id % 1000 WHERE o.country = 1 ORDER BY v <-> clustered(-1, 128) LIMIT 10') AS rises_with_join;
-- and with ef
CREATE FUNCTION cost_at(ef text) RETURNS float8 LANGUAGE sql AS $$
	SELECT cost('SELECT id FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 10')
	FROM set_config('vecstore.ef_search', ef, true)
$$;
SELECT cost_at('10') < cost_at('40') AND cost_at('40') < cost_at('400') AS rises_with_ef;
-- a scan that has no room to walk on has to sweep
CREATE FUNCTION cost_within(memory text) RETURNS float8 LANGUAGE sql AS $$
	SELECT cost('SELECT id FROM items ORDER BY v <-> clustered(-1, 128) LIMIT 120')
	FROM set_config('work_mem', memory, true)
$$;
SELECT cost_within('64kB') > 2 * cost_within('4MB') AS rises_without_memory;

-- a join takes no more than it needs
SELECT count(*) FROM (SELECT i.id FROM items i JOIN items j ON j.id = i.id % 100 ORDER BY i.v <-> clustered(-1, 128) LIMIT 10) q;

DROP TABLE items, few, owners;
DROP FUNCTION uses, cost, cost_at, cost_within;
