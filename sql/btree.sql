-- Order, equality and hash of vectors.
SELECT a, b, a < b AS lt, a <= b AS le, a = b AS eq, a <> b AS ne, a >= b AS ge, a > b AS gt, vecstore_cmp(a, b) AS cmp
	FROM (VALUES ('[1,2]'::vecstore, '[1,2]'::vecstore), ('[1,2]', '[1,3]'), ('[2]', '[1,3]'), ('[1,2]', '[1,2,0]'), ('[0]', '[-0]'), ('[1,2,3]', '[1,2]')) t (a, b);

CREATE TABLE btree (id int, v vecstore);
INSERT INTO btree VALUES (1, '[0,0]'), (2, '[1,2]'), (3, '[1,1]'), (4, NULL), (5, '[-1]'), (6, '[1]'), (7, '[1,2,3]'), (8, '[-0,0]');
SELECT id, v FROM btree ORDER BY v, id;
SELECT id, v FROM btree ORDER BY v DESC NULLS LAST, id DESC;

CREATE INDEX btree_v ON btree (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM btree WHERE v = '[1,2]';
SELECT id FROM btree WHERE v = '[1,2]';
SELECT id FROM btree WHERE v > '[1]' AND v <= '[1,2]' ORDER BY v;
SELECT id FROM btree WHERE v = '[0,0]' ORDER BY id;
RESET enable_seqscan;
RESET enable_bitmapscan;
DROP INDEX btree_v;

-- UNIQUE, DISTINCT, GROUP BY, joins by hash and by merge: zero is minus zero
CREATE UNIQUE INDEX btree_v ON btree (v) WHERE id < 8;
SELECT outcome($$INSERT INTO btree VALUES (0, '[1]')$$);
DROP INDEX btree_v;
SELECT count(DISTINCT v) FROM btree;
SET enable_sort = off;
SELECT count(*) FROM (SELECT v FROM btree GROUP BY v) t;
RESET enable_sort;
SET enable_nestloop = off;
SET enable_mergejoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM btree a JOIN btree b USING (v);
SELECT count(*) FROM btree a JOIN btree b USING (v);
RESET enable_mergejoin;
SET enable_hashjoin = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM btree a JOIN btree b USING (v);
SELECT count(*) FROM btree a JOIN btree b USING (v);
RESET enable_nestloop;
RESET enable_hashjoin;

-- a hash index, and hash partitions
CREATE INDEX btree_hash ON btree USING hash (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT id FROM btree WHERE v = '[-0,0]' ORDER BY id;
RESET enable_seqscan;
RESET enable_bitmapscan;
CREATE TABLE btree_parts (v vecstore) PARTITION BY HASH (v);
CREATE TABLE btree_part_0 PARTITION OF btree_parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE btree_part_1 PARTITION OF btree_parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO btree_parts SELECT ARRAY[i]::vecstore FROM generate_series(1, 200) i;
SELECT count(*) > 50 AS some FROM btree_part_0;
SELECT count(*) > 50 AS some FROM btree_part_1;
SELECT count(*) FROM btree_parts WHERE v = '[77]';

-- hashes: spread, long vectors, agreement of the two functions, the seed
SELECT count(DISTINCT vecstore_hash(v)) > 990 AS spread, bool_and(vecstore_hash_extended(v, 0) & 4294967295 = vecstore_hash(v)::bigint & 4294967295) AS agree,
	bool_and(vecstore_hash_extended(v, 1) <> vecstore_hash_extended(v, 2)) AS seeded
	FROM (SELECT array_to_vecstore(array_agg(i % 10 * j), -1, true) || ARRAY[i]::vecstore AS v FROM generate_series(1, 1000) i, generate_series(1, 100) j GROUP BY i) t;

-- operator classes: what the catalogue holds them to
SELECT a.amname, c.opcname, c.opcdefault, amvalidate(c.oid) AS valid
	FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
	WHERE c.opcintype = 'vecstore'::regtype AND a.amname IN ('btree', 'hash') ORDER BY 1;
DROP TABLE btree, btree_parts;
