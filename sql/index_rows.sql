-- Rows of every kind: the same vector many times, NULLs, updates, transactions
-- that fail, vectors outside their row.

-- ---- the same vector in many rows ----

CREATE TABLE items (id integer PRIMARY KEY, v vecstore(4));
INSERT INTO items SELECT i, '[1,2,3,4]' FROM generate_series(1, 5000) i;
INSERT INTO items SELECT i, ARRAY[i % 7, i % 11, i % 13, 0]::vecstore FROM generate_series(5001, 5100) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
SELECT vertices, rows, rows_aside, unreachable FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[1,2,3,5]'' FROM items ORDER BY v <-> ''[1,2,3,5]''');
SELECT n, same_order FROM compare('SELECT id, v <-> ''[1,2,3,4]'' FROM items ORDER BY v <-> ''[1,2,3,4]'' LIMIT 10');
SELECT count(DISTINCT id) FROM (SELECT unnest(ids) AS id FROM by_index('SELECT id, v <-> ''[1,2,3,4]'' FROM items ORDER BY v <-> ''[1,2,3,4]'' LIMIT 3000')) q;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[9,9,9,9]'' FROM items WHERE id IN (17, 4999) ORDER BY v <-> ''[9,9,9,9]'' LIMIT 5');
-- half of them go
DELETE FROM items WHERE id % 2 = 0 AND id <= 5000;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[1,2,3,4]'' FROM items ORDER BY v <-> ''[1,2,3,4]''');
VACUUM items;
SELECT vertices, tombstones, rows, rows_aside, unreachable FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[1,2,3,4]'' FROM items ORDER BY v <-> ''[1,2,3,4]''');
-- more come, through INSERT
INSERT INTO items SELECT i, '[1,2,3,4]' FROM generate_series(6001, 9000) i;
SELECT vertices, rows, unreachable FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[1,2,3,4]'' FROM items ORDER BY v <-> ''[1,2,3,4]''');
-- all go, and the vertex with them
DELETE FROM items WHERE v = '[1,2,3,4]';
VACUUM items;
SELECT vertices, tombstones, rows, unreachable, stale_links FROM vecstore_check('items_v');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[1,2,3,4]'' FROM items ORDER BY v <-> ''[1,2,3,4]''');
TRUNCATE items;
SELECT vertices, rows FROM vecstore_check('items_v');
-- 5,000 through INSERT alone; the others point in one direction, so under cosine
-- they are nearly the same, too
INSERT INTO items SELECT i, ARRAY[i, 2 * i, 2 * i, 0]::vecstore FROM generate_series(1, 1000) i;
INSERT INTO items SELECT i, '[1,2,3,4]' FROM generate_series(2001, 7000) i;
SELECT vertices, rows, unreachable FROM vecstore_check('items_v');
CREATE INDEX items_cosine ON items USING vecstore (v vecstore_cosine_ops);
SELECT vertices < 1002, rows FROM vecstore_check('items_cosine');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[1,2,3,4]'' FROM items ORDER BY v <-> ''[1,2,3,4]''');
SELECT n, same_rows FROM compare('SELECT id, v <=> ''[1,2,3,4]'' FROM items ORDER BY v <=> ''[1,2,3,4]''');
DROP TABLE items;

-- ---- NULLs ----

CREATE TABLE items (id integer PRIMARY KEY, v vecstore(3));
INSERT INTO items SELECT i, NULL FROM generate_series(1, 1000) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_cosine_ops);
INSERT INTO items SELECT i, CASE i % 3 WHEN 0 THEN '[0,0,0]' WHEN 1 THEN NULL ELSE '[1,1,1]' END::vecstore FROM generate_series(1001, 2000) i;
SELECT vertices, rows, rows_aside FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <=> ''[1,2,3]'' FROM items ORDER BY v <=> ''[1,2,3]''');
DELETE FROM items WHERE id % 4 > 0;
VACUUM items;
SELECT vertices, rows, rows_aside, (SELECT count(*) FROM items) FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <=> ''[1,2,3]'' FROM items ORDER BY v <=> ''[1,2,3]''');
UPDATE items SET v = '[1,2,3]' WHERE v IS NULL AND id <= 1000;
UPDATE items SET v = NULL WHERE v = '[1,1,1]';
VACUUM items;
SELECT vertices, rows, rows_aside, (SELECT count(*) FROM items WHERE v IS NOT NULL AND v <> '[0,0,0]') AS with_v FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <=> ''[1,2,3]'' FROM items ORDER BY v <=> ''[1,2,3]''');
-- zero vectors become others, and others zero; then all at once, by a build
UPDATE items SET v = CASE WHEN v = '[0,0,0]' THEN '[3,1,2]'::vecstore ELSE '[0,0,0]' END WHERE v IS NOT NULL AND id % 8 = 0;
SELECT count(*) FILTER (WHERE v = '[0,0,0]') AS zero, count(*) FILTER (WHERE v = '[3,1,2]') AS others, count(*) FROM items;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <=> ''[1,2,3]'' FROM items ORDER BY v <=> ''[1,2,3]''');
VACUUM items;
SELECT vertices, rows, rows_aside, (SELECT count(*) FROM items WHERE v IS NOT NULL AND v <> '[0,0,0]') AS with_v FROM vecstore_check('items_v');
REINDEX INDEX items_v;
SELECT vertices, rows, rows_aside FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <=> ''[1,2,3]'' FROM items ORDER BY v <=> ''[1,2,3]''');
DROP TABLE items;

-- ---- updates ----

CREATE TABLE items (id integer PRIMARY KEY, note text, v vecstore(3)) WITH (fillfactor = 50);
INSERT INTO items SELECT i, 'old', ARRAY[i, i % 10, 1]::vecstore FROM generate_series(1, 300) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
-- HOT: the index does not hear of it
UPDATE items SET note = 'new';
SELECT rows FROM vecstore_check('items_v');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[7,7,1]'' FROM items ORDER BY v <-> ''[7,7,1]'' LIMIT 20');
-- not HOT: another index changes, so does this one
CREATE INDEX items_note ON items (note);
UPDATE items SET note = 'newer' WHERE id <= 200;
SELECT vertices, rows FROM vecstore_check('items_v');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[7,7,1]'' FROM items ORDER BY v <-> ''[7,7,1]''');
-- the vector itself
UPDATE items SET v = v + '[1000,0,0]' WHERE id <= 100;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[7,7,1]'' FROM items ORDER BY v <-> ''[7,7,1]''');
VACUUM items;
SELECT vertices, rows, tombstones, unreachable FROM vecstore_check('items_v');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[7,7,1]'' FROM items ORDER BY v <-> ''[7,7,1]''');
-- one row, many times
UPDATE items SET note = note || 'x' WHERE id = 5;
DO $$ BEGIN FOR i IN 1..200 LOOP UPDATE items SET note = i WHERE id = 5; END LOOP; END $$;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[1005,5,1]'' FROM items WHERE id = 5 ORDER BY v <-> ''[1005,5,1]'' LIMIT 2');
VACUUM items;
SELECT vertices, rows FROM vecstore_check('items_v');
-- INSERT ... ON CONFLICT, DELETE and INSERT in one transaction, MERGE
INSERT INTO items VALUES (5, 'again', '[5,5,5]'), (301, 'first', '[301,1,1]') ON CONFLICT (id) DO UPDATE SET v = excluded.v;
BEGIN;
DELETE FROM items WHERE id = 6;
INSERT INTO items VALUES (6, 'back', '[6,6,6]');
COMMIT;
MERGE INTO items i USING (VALUES (7), (302)) s(id) ON i.id = s.id
	WHEN MATCHED THEN UPDATE SET v = '[7,7,7]' WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'merged', '[302,2,2]');
SELECT id, v FROM (SELECT * FROM items ORDER BY v <-> '[6,6,6]' LIMIT 3) near ORDER BY id;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> ''[6,6,6]'' FROM items ORDER BY v <-> ''[6,6,6]'' LIMIT 30');

-- ---- transactions that fail ----

BEGIN;
INSERT INTO items SELECT i, 'undone', ARRAY[i, 1, 2]::vecstore FROM generate_series(1001, 1200) i;
SELECT n FROM compare('SELECT id, v <-> ''[6,6,6]'' FROM items ORDER BY v <-> ''[6,6,6]''');
ROLLBACK;
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[6,6,6]'' FROM items ORDER BY v <-> ''[6,6,6]''');
BEGIN;
INSERT INTO items VALUES (2001, 'kept', '[1,0,0]');
SAVEPOINT a;
INSERT INTO items VALUES (2002, 'undone', '[1,0,0]');
ROLLBACK TO a;
INSERT INTO items VALUES (2003, 'kept', '[1,0,0]');
DELETE FROM items WHERE id = 1;
SAVEPOINT b;
DELETE FROM items WHERE id = 2;
ROLLBACK TO b;
RELEASE a;
COMMIT;
-- a duplicate key after the vector went into the index
SELECT outcome('INSERT INTO items VALUES (2003, ''dup'', ''[1,0,0]'')');
SELECT n, same_rows FROM compare('SELECT id, v <-> ''[1,0,0]'' FROM items ORDER BY v <-> ''[1,0,0]''');
VACUUM items;
SELECT rows = (SELECT count(*) FROM items) AS all_rows, tombstones, unreachable FROM vecstore_check('items_v');
SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM items ORDER BY v <-> '[1,0,0]' LIMIT 2) near;
DROP TABLE items;

-- ---- where the vectors lie: in the row, or TOASTed ----

CREATE TABLE items (id integer, plain vecstore(600), external vecstore(600), extended vecstore(600));
ALTER TABLE items ALTER COLUMN plain SET STORAGE PLAIN, ALTER COLUMN external SET STORAGE EXTERNAL, ALTER COLUMN extended SET STORAGE EXTENDED;
INSERT INTO items SELECT i, v, v, v FROM (SELECT i, clustered(i, 600) AS v FROM generate_series(1, 150) i OFFSET 0) t;
-- zeros compress
INSERT INTO items SELECT i, v, v, v FROM (SELECT i, array_fill((i % 17)::real, ARRAY[600])::vecstore AS v FROM generate_series(151, 200) i OFFSET 0) t;
CREATE INDEX items_plain ON items USING vecstore (plain vecstore_l2_ops);
CREATE INDEX items_external ON items USING vecstore (external vecstore_l2_ops);
CREATE INDEX items_extended ON items USING vecstore (extended vecstore_l2_ops);
INSERT INTO items SELECT i, v, v, v FROM (SELECT i, array_fill((i % 19)::real, ARRAY[600])::vecstore AS v FROM generate_series(201, 250) i OFFSET 0) t;
SELECT sound('items_plain'), sound('items_external'), sound('items_extended');
SELECT (SELECT distances FROM by_index('SELECT id, plain <-> (SELECT plain FROM items WHERE id = 9) FROM items ORDER BY 2 LIMIT 25')) =
	(SELECT distances FROM by_index('SELECT id, external <-> (SELECT plain FROM items WHERE id = 9) FROM items ORDER BY 2 LIMIT 25')) AS external,
	(SELECT distances FROM by_index('SELECT id, plain <-> (SELECT plain FROM items WHERE id = 9) FROM items ORDER BY 2 LIMIT 25')) =
	(SELECT distances FROM by_index('SELECT id, extended <-> (SELECT extended FROM items WHERE id = 9) FROM items ORDER BY 2 LIMIT 25')) AS extended;
SELECT n, same_rows FROM compare('SELECT id, extended <-> (SELECT extended FROM items WHERE id = 180) FROM items ORDER BY 2');
DROP TABLE items;
