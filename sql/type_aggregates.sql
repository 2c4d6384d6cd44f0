-- sum(vecstore) and avg(vecstore).
SELECT sum(v), avg(v) FROM (VALUES ('[1,2,3]'::vecstore), ('[3,5,8]')) t (v);
SELECT sum(v), avg(v) FROM (VALUES ('[1,2,3]'::vecstore), (NULL), ('[3,5,8]'), (NULL)) t (v);
SELECT sum(v), avg(v) FROM (VALUES (NULL::vecstore)) t (v);
SELECT sum(v), avg(v) FROM (VALUES ('[1]'::vecstore)) t (v) WHERE false;
SELECT sum(DISTINCT v), avg(v) FILTER (WHERE v > '[1]') FROM (VALUES ('[1]'::vecstore), ('[1]'), ('[2]'), ('[3]')) t (v);

-- groups of different dimensions are fine, one group is not
SELECT g, sum(v), avg(v) FROM (VALUES (1, '[1]'::vecstore), (2, '[1,2]'), (1, '[2]'), (2, '[3,4]')) t (g, v) GROUP BY g ORDER BY g;
SELECT outcome($$SELECT sum(v) FROM (VALUES ('[1]'::vecstore), ('[1,2]')) t (v)$$);
SELECT outcome($$SELECT avg(v) FROM (VALUES ('[1,2]'::vecstore), (NULL), ('[1]')) t (v)$$);

-- no loss: float4 would stop at 2^24, and overflow on the way
SELECT sum(v), avg(v) FROM (SELECT '[16777216]'::vecstore AS v UNION ALL SELECT '[1]' FROM generate_series(1, 1000)) t;
SELECT sum(v), avg(v) FROM (VALUES (1, '[3e38]'::vecstore), (2, '[3e38]'), (3, '[-3e38]')) t (i, v);
SELECT avg(v) FROM (VALUES ('[3e38]'::vecstore), ('[3e38]')) t (v);
SELECT outcome($$SELECT sum(v) FROM (VALUES ('[0,3e38]'::vecstore), ('[0,3e38]')) t (v)$$);

-- as a window function the state is read many times
SELECT i, sum(v) OVER w, avg(v) OVER w FROM (VALUES (1, '[1]'::vecstore), (2, '[2]'), (3, '[6]')) t (i, v) WINDOW w AS (ORDER BY i);
SELECT i, sum(v) OVER w FROM (VALUES (1, '[1]'::vecstore), (2, '[2]'), (3, '[6]')) t (i, v) WINDOW w AS (ORDER BY i ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);

-- parallel workers send their states
CREATE TABLE type_aggregates (g int, v vecstore(50));
INSERT INTO type_aggregates
	SELECT i % 3, array_to_vecstore(array_agg(sin(i * 50 + j) * 1000), 50, true)
	FROM generate_series(1, 3000) i, generate_series(1, 50) j GROUP BY i;
INSERT INTO type_aggregates SELECT 3, NULL FROM generate_series(1, 100);
ALTER TABLE type_aggregates SET (parallel_workers = 2);
ANALYZE type_aggregates;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE type_aggregates_serial AS SELECT g, count(*) AS n, sum(v) AS s, avg(v) AS a FROM type_aggregates GROUP BY g;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET enable_hashagg = off;
EXPLAIN (COSTS OFF) SELECT sum(v), avg(v) FROM type_aggregates;
SELECT g, p.n = t.n AS counted, p.s <+> t.s < 0.01 AS sum, p.a <+> t.a < 0.0001 AS avg, p.s IS NULL AS empty
	FROM (SELECT g, count(*) AS n, sum(v) AS s, avg(v) AS a FROM type_aggregates GROUP BY g) p
	JOIN type_aggregates_serial t USING (g) ORDER BY g;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET enable_hashagg;

-- against the built-in sums of the elements
SELECT count(*), count(*) FILTER (WHERE abs(a.x - b.x) > 1e-3) AS differ
	FROM (SELECT i, sum(x) AS x FROM type_aggregates, unnest(v::double precision[]) WITH ORDINALITY e (x, i) GROUP BY i) a
	JOIN (SELECT i, x FROM (SELECT sum(v) AS s FROM type_aggregates) t, unnest(s::double precision[]) WITH ORDINALITY e (x, i)) b USING (i);
DROP TABLE type_aggregates, type_aggregates_serial;
