-- What a user can see of a scan: the NOTICE of vecstore.explain, and the view
-- vecstore_stat_indexes.

-- ---- vecstore.explain, on a graph whose counts are known ----

-- Eight vertices, all on the bottom level, each linked to all others: a search
-- of the whole graph expands eight and computes eight distances.
CREATE TABLE items (id integer, v vecstore(3));
INSERT INTO items SELECT i, ARRAY[i * i, 0, 0]::vecstore FROM generate_series(1, 8) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
SELECT vertices, levels FROM vecstore_index_info('items_v');
SELECT edges FROM vecstore_check('items_v');
INSERT INTO items VALUES (9, NULL), (10, NULL);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT id FROM items ORDER BY v <-> '[11,0,0]' LIMIT 1;
SET vecstore.explain = on;
SELECT id FROM items ORDER BY v <-> '[11,0,0]' LIMIT 5;
-- to the end: nothing but the NULLs is left to the sweep
SELECT id FROM items ORDER BY v <-> '[11,0,0]' LIMIT 10;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[11,0,0]') q;
-- batches of three: the last has two
SET vecstore.ef_search = 3;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[11,0,0]' LIMIT 8) q;
-- a filter that nothing passes
SELECT id FROM items WHERE id > 100 ORDER BY v <-> '[11,0,0]' LIMIT 1;
RESET vecstore.ef_search;
-- no distance to anything
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> (SELECT NULL::vecstore)) q;
CREATE INDEX items_cosine ON items USING vecstore (v vecstore_cosine_ops);
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <=> '[0,0,0]') q;
DROP INDEX items_cosine;
-- one NOTICE for each time the scan starts again; none for a plan that is not
-- executed, or not through the index
SELECT q, (SELECT id FROM items ORDER BY v <-> ARRAY[q, 0, 0]::vecstore LIMIT 1) FROM generate_series(1, 3) q;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '[11,0,0]' LIMIT 5;
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <+> '[11,0,0]' LIMIT 5) q;
-- a plan made once for all: settings hold as of the execution
PREPARE nearest AS SELECT id FROM items ORDER BY v <-> '[11,0,0]' LIMIT 3;
EXECUTE nearest;
SET vecstore.ef_search = 6;
EXECUTE nearest;
RESET vecstore.ef_search;
DEALLOCATE nearest;
-- a cursor tells when it is closed; one that an error ends tells nothing
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[11,0,0]';
FETCH 2 FROM c;
CLOSE c;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[11,0,0]';
FETCH 2 FROM c;
SELECT 1 / 0;
ROLLBACK;
SELECT id FROM items WHERE 1 / (id - 2) > 100 ORDER BY v <-> '[11,0,0]';
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[11,0,0]';
FETCH 2 FROM c;
SAVEPOINT a;
DECLARE d CURSOR FOR SELECT id FROM items ORDER BY v <-> '[11,0,0]';
FETCH 3 FROM d;
ROLLBACK TO a;
COMMIT;
-- scans of vecstore's own functions are not the user's
SELECT vecstore_recall('items_v', 3, 5);
SHOW vecstore.explain;
TRUNCATE items;
INSERT INTO items VALUES (1, NULL);
SELECT id FROM items ORDER BY v <-> '[11,0,0]';
RESET vecstore.explain;
SELECT id FROM items ORDER BY v <-> '[11,0,0]';
SELECT outcome('SET vecstore.explain = maybe');
DROP TABLE items;

-- ---- vecstore_stat_indexes ----

CREATE TABLE items (id integer, kind integer, v vecstore(8));
INSERT INTO items SELECT i, i % 100, ARRAY(SELECT (hashint8extended(k, i) % 50)::integer FROM generate_series(1, 8) k)::vecstore
	FROM generate_series(1, 2000) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops) WITH (m = 12, ef_construction = 50);
CREATE INDEX items_l1 ON items USING vecstore (v vecstore_l1_ops) WHERE kind = 3;
CREATE INDEX items_id ON items (id);
SELECT schemaname, relname, indexrelname, indexrelid::regclass, metric, dimensions, m, ef_construction, quantization, vertices
	FROM vecstore_stat_indexes ORDER BY indexrelname COLLATE "C";
SELECT s.bytes = pg_relation_size('items_v') AS bytes, (s.metric, s.dimensions, s.vertices, s.m, s.ef_construction, s.quantization, s.bytes)
		= (i.metric, i.dimensions, i.vertices, i.m, i.ef_construction, i.quantization, i.bytes) AS as_index_info
	FROM vecstore_stat_indexes s, vecstore_index_info('items_v') i WHERE indexrelname = 'items_v';
-- vertices are those of the last build or vacuum
INSERT INTO items SELECT 2000 + i, 0, ARRAY[i, 99, 99, 99, 99, 99, 99, 99]::vecstore FROM generate_series(1, 7) i;
DELETE FROM items WHERE kind = 5;
SELECT vertices FROM vecstore_stat_indexes WHERE indexrelname = 'items_v';
VACUUM items;
SELECT s.vertices, i.vertices AS counted FROM vecstore_stat_indexes s, vecstore_index_info('items_v') i WHERE indexrelname = 'items_v';

-- a search: far fewer vertices than there are, and at least those that it returns
SELECT rows, scans, sweeps, expanded BETWEEN 10 AND 200 AS expanded, distances BETWEEN expanded AND 1000 AS distances
	FROM did('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');
-- a sweep when and only when the filter forces one
SELECT kept, rows, scans, sweeps, distances >= CASE sweeps WHEN 1 THEN 1987 ELSE 0 END AS all_of_them
	FROM (VALUES (100), (50), (20), (1), (0)) filter(kept),
		did(format('SELECT id FROM items WHERE kind < %s ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10', kept));
-- larger ef_search: more work
SET vecstore.ef_search = 10;
SELECT expanded AS ten FROM did('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10') \gset
SET vecstore.ef_search = 200;
SELECT sweeps, expanded > :ten AS more FROM did('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 10');
SELECT sweeps, expanded >= 200 AS at_least FROM did('SELECT id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 200');
RESET vecstore.ef_search;
-- scans that start again are added up
SELECT scans, sweeps FROM did('SELECT FROM generate_series(1, 25) q WHERE (SELECT id FROM items ORDER BY v <-> array_fill(q, ARRAY[8])::vecstore LIMIT 1) > 0');
SELECT scans, sweeps FROM did('SELECT FROM generate_series(1, 4) q WHERE (SELECT id FROM items WHERE id < q ORDER BY v <-> array_fill(q, ARRAY[8])::vecstore LIMIT 1) IS NULL');
-- what an error ends counts as far as it went
SELECT vecstore_stat_reset();
SELECT outcome('SELECT 1 / (SELECT id - id FROM items ORDER BY v <-> ''[1,2,3,4,5,6,7,8]'' LIMIT 1)');
SELECT scans, vertices_expanded > 0 AS expanded, distances_computed > 0 AS distances, sweeps FROM vecstore_stat_indexes WHERE indexrelname = 'items_v';
SELECT vecstore_stat_reset();
SELECT indexrelname, scans, vertices_expanded, distances_computed, sweeps FROM vecstore_stat_indexes ORDER BY indexrelname COLLATE "C";
-- many indexes come and go: the counters of those that are there stay
SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10) q;
DO $$
BEGIN
	FOR i IN 1..300 LOOP
		CREATE TEMP TABLE passing (v vecstore(1));
		CREATE INDEX passing_v ON passing USING vecstore (v vecstore_l2_ops);
		PERFORM v FROM passing ORDER BY v <-> '[1]' LIMIT 1;
		DROP TABLE passing;
	END LOOP;
END
$$;
SELECT indexrelname, scans, sweeps FROM vecstore_stat_indexes ORDER BY indexrelname COLLATE "C";

-- the server's own statistics
SELECT pg_stat_force_next_flush();
SELECT pg_stat_clear_snapshot();
SELECT (v.idx_scan, v.idx_tup_read, v.idx_tup_fetch, v.blks_read, v.blks_hit)
		= (s.idx_scan, s.idx_tup_read, s.idx_tup_fetch, io.idx_blks_read, io.idx_blks_hit) AS the_same,
		v.idx_scan > 30 AS idx_scan, v.idx_tup_read > 2000 AS idx_tup_read, v.idx_tup_fetch > 2000 AS idx_tup_fetch, v.blks_hit > 0 AS blks_hit,
		(v.last_idx_scan IS NOT NULL) = (current_setting('server_version_num')::integer >= 160000) AS last_idx_scan
	FROM vecstore_stat_indexes v JOIN pg_stat_all_indexes s USING (indexrelid) JOIN pg_statio_all_indexes io USING (indexrelid)
	WHERE v.indexrelname = 'items_v';

-- Whose table one may not read, his index tells no more than the catalogs do.
CREATE ROLE regress_vecstore_guest;
SET ROLE regress_vecstore_guest;
SELECT indexrelname, metric, dimensions, m, ef_construction, quantization, vertices, bytes > 0 AS bytes, scans FROM vecstore_stat_indexes ORDER BY indexrelname COLLATE "C";
SELECT metric, vertices FROM vecstore_stat_index('items_v'::regclass);
RESET ROLE;
GRANT SELECT (id) ON items TO regress_vecstore_guest;
SET ROLE regress_vecstore_guest;
SELECT indexrelname, metric, vertices FROM vecstore_stat_indexes ORDER BY indexrelname COLLATE "C";
RESET ROLE;
GRANT SELECT ON items TO regress_vecstore_guest;
SET ROLE regress_vecstore_guest;
SELECT indexrelname, metric FROM vecstore_stat_indexes ORDER BY indexrelname COLLATE "C";
SELECT vecstore_stat_reset();
RESET ROLE;
REVOKE ALL ON items FROM regress_vecstore_guest;
DROP ROLE regress_vecstore_guest;

-- given something else
SELECT x, (vecstore_stat_index(x)).* FROM (VALUES (0::oid), ('items'::regclass), ('items_id'::regclass), (4294967295)) v(x) WHERE x IN (0, 4294967295)
	UNION ALL SELECT 1, (vecstore_stat_index('items'::regclass)).* UNION ALL SELECT 2, (vecstore_stat_index('items_id'::regclass)).*;
SELECT vecstore_stat_index(NULL);

-- unlogged, temporary, of a partition, in another schema; not of the parent
CREATE SCHEMA elsewhere;
CREATE UNLOGGED TABLE elsewhere.fast (v vecstore(2));
CREATE INDEX fast_v ON elsewhere.fast USING vecstore (v vecstore_ip_ops);
CREATE TEMP TABLE mine (v vecstore(3));
CREATE INDEX mine_v ON mine USING vecstore (v vecstore_cosine_ops);
CREATE TABLE parent (k integer, v vecstore(4)) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF parent FOR VALUES IN (1);
CREATE INDEX parent_v ON parent USING vecstore (v vecstore_chebyshev_ops);
SELECT regexp_replace(schemaname, '^pg_temp_\d+', 'pg_temp_N') AS schemaname, relname, indexrelname, metric, dimensions, vertices, bytes
	FROM vecstore_stat_indexes WHERE relname <> 'items' ORDER BY indexrelname COLLATE "C";

-- an index that is not valid
INSERT INTO elsewhere.fast VALUES ('[1,2]');
ALTER TABLE elsewhere.fast ADD w vecstore;
UPDATE elsewhere.fast SET w = '[1,2,3]';
CREATE INDEX CONCURRENTLY broken ON elsewhere.fast USING vecstore ((w::vecstore(2)) vecstore_l2_ops);
SELECT indexrelname, metric, dimensions, vertices FROM vecstore_stat_indexes WHERE relname = 'fast' ORDER BY indexrelname COLLATE "C";
SET client_min_messages = warning;
DROP SCHEMA elsewhere CASCADE;
RESET client_min_messages;
DROP TABLE items, mine, parent;
SELECT count(*) FROM vecstore_stat_indexes;

-- everything about it has a comment
SELECT attname AS without_comment FROM pg_attribute
	WHERE attrelid = 'vecstore_stat_indexes'::regclass AND attnum > 0 AND col_description(attrelid, attnum) IS NULL;
SELECT obj_description('vecstore_stat_indexes'::regclass) IS NOT NULL AS commented;
