-- Indexes on every kind of relation, and every way to make or remake one.

-- Compare an index on table "items" with it, and check its structure.
CREATE FUNCTION agrees(index regclass, filter text DEFAULT 'true') RETURNS text LANGUAGE sql AS $$
	SELECT format('%s rows, same %s, sound %s', n, same_rows, sound(index))
	FROM compare(format('SELECT id, v <-> ''[5,5,5]'' FROM items WHERE %s ORDER BY v <-> ''[5,5,5]''', filter))
$$;

CREATE TABLE items (id integer PRIMARY KEY, kind integer, v vecstore(3));
INSERT INTO items SELECT i, i % 5, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(1, 400) i;

-- ---- made while others write, remade ----

CREATE INDEX CONCURRENTLY items_v ON items USING vecstore (v vecstore_l2_ops);
SELECT agrees('items_v');
INSERT INTO items SELECT i, i % 5, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(401, 500) i;
REINDEX INDEX items_v;
SELECT agrees('items_v');
REINDEX INDEX CONCURRENTLY items_v;
SELECT agrees('items_v');
REINDEX TABLE CONCURRENTLY items;
SELECT agrees('items_v');
-- two indexes on one column, one of another metric
CREATE INDEX items_v2 ON items USING vecstore (v vecstore_l2_ops) WITH (m = 4);
CREATE INDEX items_l1 ON items USING vecstore (v vecstore_l1_ops);
DELETE FROM items WHERE kind = 4;
INSERT INTO items SELECT i, i % 5, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(501, 600) i;
SELECT agrees('items_v'), agrees('items_v2'), sound('items_l1');
SELECT n, same_rows FROM compare('SELECT id, v <+> ''[5,5,5]'' FROM items ORDER BY v <+> ''[5,5,5]''');
DROP INDEX items_v;
VACUUM items;
SELECT agrees('items_v2'), sound('items_l1');
DROP INDEX items_v2, items_l1;

-- ---- the table changes under the index ----

CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
SELECT pg_relation_filenode('items_v') AS before \gset
VACUUM FULL items;
SELECT pg_relation_filenode('items_v') <> :before AS rebuilt, agrees('items_v');
ALTER TABLE items ADD COLUMN note text DEFAULT 'none', ADD COLUMN at timestamptz DEFAULT clock_timestamp();
SELECT agrees('items_v');
ALTER TABLE items ALTER COLUMN id TYPE bigint;
SELECT agrees('items_v');
CLUSTER items USING items_pkey;
SELECT agrees('items_v');
-- to other dimensions: the index follows
ALTER TABLE items ALTER COLUMN v TYPE vecstore(2) USING subvector(v, 1, 2);
SELECT dimensions FROM vecstore_index_info('items_v');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[5,5]'' FROM items ORDER BY v <-> ''[5,5]''');
-- to no dimensions at all: PostgreSQL keeps the index, which keeps its own
ALTER TABLE items ALTER COLUMN v TYPE vecstore;
SELECT outcome('INSERT INTO items VALUES (0, 0, ''[1,2,3]'')');
SELECT outcome('REINDEX INDEX items_v');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[5,5]'' FROM items ORDER BY v <-> ''[5,5]''');
ALTER TABLE items ALTER COLUMN v TYPE vecstore(3) USING (v || '[1]');
SELECT agrees('items_v');
TRUNCATE items;
SELECT vertices, bytes FROM vecstore_index_info('items_v');
BEGIN;
INSERT INTO items SELECT i, i % 5, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(1, 200) i;
TRUNCATE items;
INSERT INTO items SELECT i, i % 5, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(1, 100) i;
ROLLBACK;
SELECT agrees('items_v');
-- created, filled and indexed in one transaction
BEGIN;
CREATE TABLE fresh (id integer, v vecstore(3));
CREATE INDEX fresh_v ON fresh USING vecstore (v vecstore_l2_ops);
INSERT INTO fresh SELECT i, ARRAY[i, 0, 0]::vecstore FROM generate_series(1, 50) i;
SAVEPOINT a;
DROP INDEX fresh_v;
ROLLBACK TO a;
COMMIT;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[5,5,5]'' FROM fresh ORDER BY v <-> ''[5,5,5]''');
DROP TABLE fresh;
ALTER TABLE items RENAME COLUMN v TO w;
ALTER INDEX items_v RENAME TO items_w;
INSERT INTO items SELECT i, i % 5, ARRAY[i, 0, 0]::vecstore FROM generate_series(1, 20) i;
SELECT n, same_rows, sound('items_w') FROM compare('SELECT id, w <-> ''[5,5,5]'' FROM items ORDER BY w <-> ''[5,5,5]''');
DROP TABLE items;

-- ---- expression and partial index ----

CREATE TABLE items (id integer PRIMARY KEY, kind integer, raw vecstore, list real[]);
INSERT INTO items SELECT i, i % 5, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore, ARRAY[i, i % 3] FROM generate_series(1, 300) i;
CREATE INDEX items_expression ON items USING vecstore ((raw::vecstore(3)) vecstore_l2_ops);
CREATE INDEX items_cast ON items USING vecstore ((list::vecstore(2)) vecstore_l2_ops) WHERE kind > 0;
CREATE INDEX items_partial ON items USING vecstore ((raw::vecstore(3)) vecstore_l1_ops) WHERE kind = 3;
INSERT INTO items SELECT i, i % 5, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore, ARRAY[i, i % 3] FROM generate_series(301, 400) i;
UPDATE items SET kind = 3 WHERE id BETWEEN 10 AND 19;
UPDATE items SET raw = NULL WHERE id = 20;
SELECT n, same_rows FROM compare('SELECT id, raw::vecstore(3) <-> ''[5,5,5]'' FROM items ORDER BY raw::vecstore(3) <-> ''[5,5,5]''');
SELECT n, same_rows FROM compare('SELECT id, list::vecstore(2) <-> ''[5,5]'' FROM items WHERE kind > 0 ORDER BY list::vecstore(2) <-> ''[5,5]''');
SELECT n, same_rows FROM compare('SELECT id, raw::vecstore(3) <+> ''[5,5,5]'' FROM items WHERE kind = 3 ORDER BY raw::vecstore(3) <+> ''[5,5,5]''');
SELECT (SELECT count(*) FROM items WHERE kind = 3) = n AS no_other_rows
	FROM compare('SELECT id, raw::vecstore(3) <+> ''[5,5,5]'' FROM items WHERE kind = 3 ORDER BY raw::vecstore(3) <+> ''[5,5,5]''');
SELECT outcome($$SELECT n FROM compare('SELECT id, raw::vecstore(3) <+> ''[5,5,5]'' FROM items WHERE kind = 4 ORDER BY raw::vecstore(3) <+> ''[5,5,5]''')$$);
SELECT vecstore_recall('items_expression'), vecstore_recall('items_cast'), vecstore_recall('items_partial');
SELECT outcome($$INSERT INTO items VALUES (1000, 1, '[1,2]', NULL)$$);
SELECT sound('items_expression'), sound('items_cast'), sound('items_partial');
DROP TABLE items;

-- ---- unlogged, temporary ----

CREATE UNLOGGED TABLE items (id integer, v vecstore(3));
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
INSERT INTO items SELECT i, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(1, 300) i;
SELECT pg_relation_size('items_v', 'init') AS init_bytes, agrees('items_v');
DELETE FROM items WHERE id % 3 = 0;
VACUUM items;
SELECT agrees('items_v');
ALTER TABLE items SET LOGGED;
SELECT agrees('items_v');
ALTER TABLE items SET UNLOGGED;
REINDEX TABLE items;
SELECT agrees('items_v');
DROP TABLE items;

CREATE TEMP TABLE items (id integer, v vecstore(3)) ON COMMIT PRESERVE ROWS;
INSERT INTO items SELECT i, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(1, 300) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
INSERT INTO items SELECT i, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(301, 400) i;
DELETE FROM items WHERE id % 3 = 0;
VACUUM items;
SELECT agrees('items_v');
DROP TABLE items;
BEGIN;
CREATE TEMP TABLE items (id integer, v vecstore(3)) ON COMMIT DELETE ROWS;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
INSERT INTO items SELECT i, ARRAY[i, i, i]::vecstore FROM generate_series(1, 30) i;
SELECT agrees('items_v');
COMMIT;
SELECT agrees('items_v');
DROP TABLE items;

-- ---- another schema ----

CREATE SCHEMA "Other schema";
CREATE TABLE "Other schema"."Items" (id integer, "V" vecstore(3));
INSERT INTO "Other schema"."Items" SELECT i, ARRAY[i, i, i]::vecstore FROM generate_series(1, 30) i;
CREATE INDEX "The index" ON "Other schema"."Items" USING vecstore ("V" vecstore_l2_ops);
SELECT vertices FROM vecstore_check('"Other schema"."The index"');
SELECT vertices FROM vecstore_index_info('"Other schema"."The index"');
SELECT vecstore_recall('"Other schema"."The index"', 5);
SELECT n, same_rows FROM compare('SELECT id, "V" <-> ''[5,5,5]'' FROM "Other schema"."Items" ORDER BY "V" <-> ''[5,5,5]''');
SET search_path = pg_catalog;
SELECT vertices FROM public.vecstore_check('"Other schema"."The index"'::regclass);
SELECT id FROM "Other schema"."Items" ORDER BY "V" OPERATOR(public.<->) '[5,5,5]' LIMIT 1;
REINDEX SCHEMA "Other schema";
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA "Other schema" CASCADE;
RESET client_min_messages;

-- ---- partitions ----

CREATE TABLE items (id integer, kind integer, v vecstore(3)) PARTITION BY LIST (kind);
CREATE TABLE items_0 PARTITION OF items FOR VALUES IN (0);
CREATE TABLE items_1 PARTITION OF items FOR VALUES IN (1);
INSERT INTO items SELECT i, i % 2, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(1, 400) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
-- one that comes later gets its index, too; one that is attached brings its own
CREATE TABLE items_2 PARTITION OF items FOR VALUES IN (2);
CREATE TABLE items_3 (id integer, kind integer, v vecstore(3));
INSERT INTO items_3 SELECT i, 3, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(401, 500) i;
CREATE INDEX items_3_own ON items_3 USING vecstore (v vecstore_l2_ops);
ALTER TABLE items ATTACH PARTITION items_3 FOR VALUES IN (3);
INSERT INTO items SELECT i, i % 4, ARRAY[i % 10, i / 10 % 10, i / 100]::vecstore FROM generate_series(501, 700) i;
INSERT INTO items VALUES (701, 0, NULL), (702, 3, NULL);
SELECT relid, vertices FROM pg_partition_tree('items_v'), vecstore_index_info(relid) WHERE isleaf ORDER BY relid::text;
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM items ORDER BY v <-> '[5,5,5]' LIMIT 5;
RESET enable_seqscan;
RESET enable_sort;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[5,5,5]'' FROM items ORDER BY v <-> ''[5,5,5]''');
SELECT n, same_order FROM compare('SELECT id, v <-> ''[5,5,5]'' FROM items ORDER BY v <-> ''[5,5,5]'' LIMIT 20');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[5,5,5]'' FROM items WHERE kind = 3 ORDER BY v <-> ''[5,5,5]''');
-- a row that moves to another partition
UPDATE items SET kind = 2 WHERE id = 3;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[5,5,5]'' FROM items WHERE kind = 2 ORDER BY v <-> ''[5,5,5]''');
ALTER TABLE items DETACH PARTITION items_1;
DELETE FROM items WHERE id % 2 = 0;
VACUUM items;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[5,5,5]'' FROM items ORDER BY v <-> ''[5,5,5]''');
SELECT bool_and(sound(relid)) FROM pg_partition_tree('items_v') WHERE isleaf;
DROP TABLE items, items_1;
-- inheritance
CREATE TABLE parent (id integer, v vecstore(3));
CREATE TABLE child () INHERITS (parent);
INSERT INTO parent SELECT i, ARRAY[i, 1, 1]::vecstore FROM generate_series(1, 50) i;
INSERT INTO child SELECT i, ARRAY[i, 2, 2]::vecstore FROM generate_series(51, 100) i;
CREATE INDEX ON parent USING vecstore (v vecstore_l2_ops);
CREATE INDEX ON child USING vecstore (v vecstore_l2_ops);
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[45,2,2]'' FROM parent ORDER BY v <-> ''[45,2,2]'' LIMIT 30');
DROP TABLE parent, child;

-- a materialized view
CREATE TABLE items (id integer, v vecstore(3));
INSERT INTO items SELECT i, ARRAY[i, 1, 1]::vecstore FROM generate_series(1, 50) i;
CREATE MATERIALIZED VIEW seen AS SELECT id * 10 AS id, v FROM items;
CREATE INDEX seen_v ON seen USING vecstore (v vecstore_l2_ops);
CREATE UNIQUE INDEX ON seen (id);
INSERT INTO items SELECT i, ARRAY[i, 1, 1]::vecstore FROM generate_series(51, 70) i;
REFRESH MATERIALIZED VIEW seen;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[45,2,2]'' FROM seen ORDER BY v <-> ''[45,2,2]''');
DELETE FROM items WHERE id < 20;
REFRESH MATERIALIZED VIEW CONCURRENTLY seen;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[45,2,2]'' FROM seen ORDER BY v <-> ''[45,2,2]''');
DROP MATERIALIZED VIEW seen;
DROP TABLE items;

-- ---- row security: a role sees its rows through the index, no others ----

CREATE TABLE items (id integer, owner name, v vecstore(3));
INSERT INTO items SELECT i, CASE WHEN i % 10 = 0 THEN 'regress_vecstore_guest' ELSE 'another' END, ARRAY[i, 1, 1]::vecstore FROM generate_series(1, 200) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
ALTER TABLE items ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON items USING (owner = current_user);
CREATE ROLE regress_vecstore_guest;
GRANT SELECT ON items TO regress_vecstore_guest;
SET ROLE regress_vecstore_guest;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[45,2,2]'' FROM items ORDER BY v <-> ''[45,2,2]''');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[191,1,1]'' FROM items ORDER BY v <-> ''[191,1,1]'' LIMIT 3');
RESET ROLE;
DROP TABLE items;
DROP ROLE regress_vecstore_guest;
DROP FUNCTION agrees;
