-- A build that runs out of maintenance_work_mem, and an index that grew row by
-- row: both as good as one built at once.  (test/t/013_build_memory.pl has the
-- notices.)

CREATE TABLE items (id integer, v vecstore(128));
INSERT INTO items SELECT i, clustered(i, 128) FROM generate_series(1, 4000) i;
INSERT INTO items SELECT 4000 + i, clustered(i, 128) FROM generate_series(1, 50) i;
INSERT INTO items VALUES (5001, NULL), (5002, ('[' || repeat('0,', 127) || '0]')::vecstore);

-- the whole graph in memory, with codes and without
CREATE INDEX built ON items USING vecstore (v vecstore_cosine_ops);
CREATE INDEX built_floats ON items USING vecstore (v vecstore_l2_ops) WITH (quantization = none);

-- a part of it
SET client_min_messages = warning;
SET maintenance_work_mem = '1MB';
CREATE INDEX spilled ON items USING vecstore (v vecstore_cosine_ops);
CREATE INDEX spilled_floats ON items USING vecstore (v vecstore_l2_ops) WITH (quantization = none);
RESET maintenance_work_mem;
RESET client_min_messages;

-- by INSERT alone
CREATE TABLE grown_items (LIKE items);
CREATE INDEX grown ON grown_items USING vecstore (v vecstore_cosine_ops);
CREATE INDEX grown_floats ON grown_items USING vecstore (v vecstore_l2_ops) WITH (quantization = none);
INSERT INTO grown_items SELECT * FROM items;

SELECT index, quantization, c.vertices, rows, rows_aside, sound(index)
	FROM unnest(ARRAY['built', 'spilled', 'grown', 'built_floats', 'spilled_floats', 'grown_floats']::regclass[]) index, vecstore_index_info(index), vecstore_check(index) c;

-- few steps, so that a worse graph would show
SET vecstore.ef_search = 10;
SELECT vecstore_recall('built', 10, 1000) AS recall \gset
SELECT :recall >= 0.95 AS built, vecstore_recall('spilled', 10, 1000) >= :recall - 0.015 AS spilled,
	vecstore_recall('grown', 10, 1000) >= :recall - 0.015 AS grown;
SELECT vecstore_recall('built_floats', 10, 1000) AS recall \gset
SELECT :recall >= 0.95 AS built, vecstore_recall('spilled_floats', 10, 1000) >= :recall - 0.015 AS spilled,
	vecstore_recall('grown_floats', 10, 1000) >= :recall - 0.015 AS grown;
RESET vecstore.ef_search;
SELECT vecstore_recall('built', 10, 1000) AS recall \gset
SELECT :recall >= 0.99 AS built, vecstore_recall('spilled', 10, 1000) >= :recall - 0.01 AS spilled,
	vecstore_recall('grown', 10, 1000) >= :recall - 0.01 AS grown;
SELECT vecstore_recall('built_floats', 10, 1000) AS recall \gset
SELECT :recall >= 0.99 AS built, vecstore_recall('spilled_floats', 10, 1000) >= :recall - 0.01 AS spilled,
	vecstore_recall('grown_floats', 10, 1000) >= :recall - 0.01 AS grown;

-- all rows come from the one that spilled
DROP INDEX built, built_floats;
SELECT n, same_rows FROM compare('SELECT id, v <=> clustered(-1, 128) FROM items ORDER BY v <=> clustered(-1, 128)');
SELECT n, same_rows FROM compare('SELECT id, v <-> clustered(-1, 128) FROM items ORDER BY v <-> clustered(-1, 128)');
SELECT n, same_rows FROM compare('SELECT id, v <=> clustered(-1, 128) FROM grown_items ORDER BY v <=> clustered(-1, 128)');
DROP TABLE items, grown_items;

-- 768 dimensions, of which codes have one bit each: they want more steps
CREATE TABLE items (id integer, v vecstore(768));
INSERT INTO items SELECT i, clustered(i, 768) FROM generate_series(1, 1200) i;
CREATE TABLE grown_items (LIKE items);
CREATE INDEX built ON items USING vecstore (v vecstore_l2_ops);
CREATE INDEX grown ON grown_items USING vecstore (v vecstore_l2_ops);
INSERT INTO grown_items SELECT * FROM items;
SET vecstore.ef_search = 30;
SELECT vecstore_recall('built', 10, 500) AS recall \gset
SELECT :recall >= 0.95 AS built, vecstore_recall('grown', 10, 500) >= :recall - 0.02 AS grown, sound('built'), sound('grown');
RESET vecstore.ef_search;

-- vectors longer than a page; memory for hardly any
CREATE TABLE long_items (id integer, v vecstore(5000));
INSERT INTO long_items SELECT i, clustered(i, 5000) FROM generate_series(1, 120) i;
SET client_min_messages = warning;
SET maintenance_work_mem = '1MB';
CREATE INDEX spilled ON long_items USING vecstore (v vecstore_l2_ops);
RESET maintenance_work_mem;
RESET client_min_messages;
SELECT vertices, rows, sound('spilled'), vecstore_recall('spilled', 10, 30) >= 0.95 AS recall FROM vecstore_check('spilled');
DROP TABLE items, grown_items, long_items;
