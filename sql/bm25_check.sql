-- bm25_check(): whether a vecstore_bm25 index is sound.  Damaged pages: test/t/031.
CREATE SCHEMA bm25_checked;
SET search_path = bm25_checked, public;

CREATE TABLE few (id integer, body text) WITH (fillfactor = 40);
INSERT INTO few VALUES (1, 'Solar cells convert light'), (2, 'wind power and solar power'), (3, NULL), (4, ''), (5, 'power of cells');
CREATE INDEX few_body ON few USING vecstore_bm25 (body);
-- solar, cells, convert, light, wind, power, and, of; of 4 + 4 + 3 postings
SELECT * FROM bm25_check('few_body');
SELECT * FROM bm25_check('few_body', true);
INSERT INTO few VALUES (6, 'more power'), (7, NULL);
SELECT * FROM bm25_check('few_body', heap => true);
VACUUM few;
SELECT * FROM bm25_check('few_body', true);
SELECT bm25_check(NULL), bm25_check('few_body', NULL);
TRUNCATE few;
SELECT * FROM bm25_check('few_body', true);

-- rows of every kind: updated in place (500 rows, 71 moved, 100 and 555 of the open transaction), deleted, rolled back
INSERT INTO few SELECT i, 'word' || i % 7 || ' word' || i % 11 FROM generate_series(1, 500) i;
UPDATE few SET id = -id WHERE id % 5 = 0;
UPDATE few SET body = body || ' again' WHERE id % 7 = 0;
DELETE FROM few WHERE id % 11 = 0;
BEGIN;
INSERT INTO few SELECT i, 'mine' FROM generate_series(501, 600) i;
SAVEPOINT s;
UPDATE few SET body = 'gone';
ROLLBACK TO s;
SELECT documents, pending_rows FROM bm25_check('few_body', true);
ROLLBACK;
SELECT documents, pending_rows FROM bm25_check('few_body', true);
VACUUM (INDEX_CLEANUP ON) few;
SELECT documents = (SELECT count(*) FROM few) AS all_rows, pending_rows FROM bm25_check('few_body', true);

-- many segments, and postings of several blocks
CREATE TABLE many (id integer, body text);
CREATE INDEX many_body ON many USING vecstore_bm25 (body);
DO $$
BEGIN
	FOR i IN 0..39 LOOP
		INSERT INTO many SELECT k, CASE WHEN k % 50 > 0 THEN concat_ws(' ', 'all', 'w' || k % 100, 'v' || k, repeat('much ', k % 9)) END
			FROM generate_series(i * 500, i * 500 + 499) k;
	END LOOP;
END
$$;
SELECT segments > 1 AS segments, documents + nulls + pending_rows AS rows, pending_rows > 0 AS pending, lost_pages FROM bm25_check('many_body', true);
-- memory for fewer documents than there are at once: several passes
REINDEX INDEX many_body;
SET maintenance_work_mem = '1MB';
INSERT INTO many SELECT k, 'all' FROM generate_series(1, 100000) k;
VACUUM many;
SELECT documents + nulls AS rows, pending_rows FROM bm25_check('many_body', true);
RESET maintenance_work_mem;

-- kinds of index
CREATE INDEX many_part ON many USING vecstore_bm25 ((upper(body))) WITH (tokenizer = 'english') WHERE id % 3 = 0;
SELECT documents + nulls = (SELECT count(*) FROM many WHERE id % 3 = 0) AS all_rows FROM bm25_check('many_part', true);
CREATE TABLE vectors (id integer, body tsvector);
INSERT INTO vectors SELECT id, to_tsvector('simple', body) FROM many WHERE id < 1000;
INSERT INTO vectors VALUES (1, 'a:1A,2B b c'), (2, strip('a:1,2')), (3, '');
CREATE INDEX vectors_body ON vectors USING vecstore_bm25 (body) WITH (tokenizer = 'simple');
SELECT documents + nulls = (SELECT count(*) FROM vectors) AS all_rows FROM bm25_check('vectors_body', true);
CREATE TEMP TABLE temporary AS TABLE few;
CREATE INDEX temporary_body ON temporary USING vecstore_bm25 (body);
SELECT documents FROM bm25_check('temporary_body', true);
CREATE TABLE parts (id integer, body text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (500);
CREATE INDEX parts_body ON parts USING vecstore_bm25 (body);
INSERT INTO parts VALUES (1, 'one');
SELECT pending_rows FROM bm25_check('parts_1_body_idx', true);

-- what is no index of ours, or not valid
SELECT outcome('SELECT bm25_check(''parts_body'')'), outcome('SELECT bm25_check(''few'')'), outcome('SELECT bm25_check(''pg_class_oid_index'')');
SELECT outcome('SELECT bm25_check(0)');
UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'few_body'::regclass;
SELECT outcome('SELECT bm25_check(''few_body'')');
UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'few_body'::regclass;

-- a row that the index lacks
UPDATE pg_index SET indisready = false WHERE indexrelid = 'few_body'::regclass;
INSERT INTO few VALUES (1000, 'unseen');
SELECT outcome(q) FROM unnest(ARRAY['SELECT ''x'' <@> bm25_query(''x'', ''few_body'')', 'SELECT ''x'' @@ bm25_query(''x'', ''few_body'')', 'SELECT bm25_index_info(''few_body'')', 'SELECT bm25_check(''few_body'')']) q;
UPDATE pg_index SET indisready = true WHERE indexrelid = 'few_body'::regclass;
SELECT pending_rows FROM bm25_check('few_body');
SELECT replace(outcome('SELECT bm25_check(''few_body'', true)'), ctid::text, '(this)') AS outcome FROM few WHERE id = 1000;
DELETE FROM few WHERE id = 1000;
SELECT pending_rows FROM bm25_check('few_body', true);
-- a transaction whose snapshot is older than the index
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM few;
UPDATE few SET id = id + 1 WHERE id = 1;
REINDEX INDEX few_body;
SELECT pending_rows FROM bm25_check('few_body', true);
COMMIT;

-- ---- rights ----

CREATE ROLE bm25_checker;
CREATE ROLE bm25_owner;
GRANT USAGE ON SCHEMA bm25_checked TO bm25_checker, bm25_owner;
CREATE FUNCTION who(body text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	RAISE NOTICE 'who() runs as %', current_user;
	RETURN body;
END
$$;
CREATE TABLE owned (body text);
INSERT INTO owned VALUES ('one row');
ALTER TABLE owned OWNER TO bm25_owner;
CREATE INDEX owned_body ON owned USING vecstore_bm25 (who(body));
SET ROLE bm25_checker;
SELECT outcome('SELECT bm25_check(''owned_body'')'), outcome('SELECT bm25_check(''owned_body'', true)');
RESET ROLE;
GRANT SELECT ON owned TO bm25_checker;
SET ROLE bm25_checker;
SELECT documents FROM bm25_check('owned_body', true);
SELECT current_user;
RESET ROLE;
DROP TABLE owned;
REVOKE USAGE ON SCHEMA bm25_checked FROM bm25_checker, bm25_owner;
DROP ROLE bm25_checker, bm25_owner;

-- ---- a tokenizer that is another one now ----

\set VERBOSITY terse
CREATE TEXT SEARCH CONFIGURATION ours (COPY = pg_catalog.simple);
CREATE TEXT SEARCH DICTIONARY ours_words (TEMPLATE = pg_catalog.simple);
CREATE TABLE texts (id integer, body text);
INSERT INTO texts VALUES (1, 'the houses'), (2, 'a house');
CREATE INDEX texts_body ON texts USING vecstore_bm25 (body) WITH (tokenizer = 'bm25_checked.ours');
CREATE INDEX texts_other ON texts USING vecstore_bm25 (body) WITH (tokenizer = 'simple');
SELECT id, body <@> bm25_query('houses', 'texts_body') < 0 AS found FROM texts ORDER BY 1;
ALTER TEXT SEARCH CONFIGURATION ours ALTER MAPPING FOR asciiword WITH english_stem;
-- warned once; what the index has stays sound, and is not what the table would give now
SELECT id, body <@> bm25_query('houses', 'texts_body') < 0 AS found FROM texts ORDER BY 1;
SELECT id, body <@> bm25_query('houses', 'texts_body') < 0 AS found FROM texts ORDER BY 1;
SELECT id, body <@> bm25_query('houses', 'texts_other') < 0 AS found FROM texts ORDER BY 1;
INSERT INTO texts VALUES (3, NULL);
SELECT documents FROM bm25_check('texts_body');
SELECT outcome('SELECT bm25_check(''texts_body'', true)');
REINDEX INDEX texts_body;
SELECT id, body <@> bm25_query('houses', 'texts_body') < 0 AS found FROM texts ORDER BY 1;
SELECT documents FROM bm25_check('texts_body', true);
-- by an insert; by a change of a dictionary
ALTER TEXT SEARCH CONFIGURATION ours ALTER MAPPING FOR asciiword WITH ours_words;
INSERT INTO texts VALUES (4, 'of mine');
INSERT INTO texts VALUES (5, 'of yours');
REINDEX INDEX texts_body;
ALTER TEXT SEARCH DICTIONARY ours_words (STOPWORDS = english);
SELECT id, body <@> bm25_query('of', 'texts_body') < 0 AS found FROM texts ORDER BY 1;
-- a new session
\c -
SET search_path = bm25_checked, public;
\set VERBOSITY terse
SELECT id, body <@> bm25_query('of', 'texts_body') < 0 AS found FROM texts ORDER BY 1;
-- of partitions each has its own version
ALTER TEXT SEARCH CONFIGURATION ours ALTER MAPPING FOR asciiword WITH simple;
CREATE INDEX parts_ours ON parts USING vecstore_bm25 (body) WITH (tokenizer = 'bm25_checked.ours');
ALTER TEXT SEARCH CONFIGURATION ours ALTER MAPPING FOR asciiword WITH english_stem;
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (500) TO (1000);
SELECT id, body <@> bm25_query('one', 'parts_ours') < 0 AS found FROM parts ORDER BY 1;
\set VERBOSITY default

SET client_min_messages = warning;
DROP SCHEMA bm25_checked CASCADE;
RESET search_path;
