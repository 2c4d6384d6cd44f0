-- Segments, many and large: a list that becomes full between vacuums, merges of what an
-- insert can merge and of what is left to a vacuum, postings that take more than a merge
-- has memory for.
SET client_min_messages = warning;
CREATE SCHEMA segments;
SET search_path = segments, public;
RESET client_min_messages;

-- The first rows that match, by score and place, by the index and by a sort.
CREATE FUNCTION same(source regclass, query text, k int) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	score text := format('body <@> bm25_query(%L, %L)', query, source || '_body');
	by_index text;
	by_sort text;
BEGIN
	SET LOCAL enable_seqscan = off;
	EXECUTE format('SELECT string_agg(id || '' '' || s, '', '') FROM (SELECT id, %s AS s FROM %s ORDER BY s LIMIT %s) r WHERE s < 0', score, source, k) INTO by_index;
	SET LOCAL enable_seqscan = on;
	SET LOCAL enable_indexscan = off;
	EXECUTE format('SELECT string_agg(id || '' '' || s, '', '') FROM (SELECT id, s FROM (SELECT id, ctid, %s AS s FROM %s OFFSET 0) r ORDER BY s, ctid LIMIT %s) r WHERE s < 0', score, source, k) INTO by_sort;
	SET LOCAL enable_indexscan = on;
	RETURN by_index = by_sort;
END
$$;

-- Texts of rare words make segments that soon are too large for an insert to merge eight;
-- of long ones two are too large, so that nothing is merged until the list is full.
CREATE FUNCTION rare(v bigint, n int) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT string_agg(to_hex(hashint8extended(v, i)), ' ') || repeat(' seven', (v % 7)::int) FROM generate_series(1, n) i
$$;
CREATE TABLE many (id bigint, body text) WITH (autovacuum_enabled = off);
CREATE INDEX many_body ON many USING vecstore_bm25 (body);
DO $$
DECLARE
	n int;
	most int := 0;
BEGIN
	FOR i IN 0..7 LOOP
		INSERT INTO many SELECT k, rare(k, 150) FROM generate_series(1000 * i + 1, 1000 * i + 1000) k;
	END LOOP;
	FOR i IN 8001..8055 LOOP
		INSERT INTO many VALUES (i, rare(i, 45000));
		SELECT segments INTO n FROM bm25_index_info('many_body');
		most := greatest(most, n);
	END LOOP;
	RAISE NOTICE 'at most % segments, now %', most, n;
END
$$;
SELECT segments > 40 AS segments, documents + pending_rows AS rows, lost_pages FROM bm25_check('many_body', true);
SELECT same('many', q, 20) FROM unnest(ARRAY['seven', to_hex(hashint8extended(77, 3)), 'seven ' || to_hex(hashint8extended(8055, 45000))]) q;
DELETE FROM many WHERE id % 4 = 0;
VACUUM many;
SELECT segments < 40 AS segments, documents = (SELECT count(*) FROM many) AS rows, pending_rows, lost_pages FROM bm25_check('many_body', true);
SELECT same('many', q, 20) FROM unnest(ARRAY['seven', to_hex(hashint8extended(77, 3)), 'seven ' || to_hex(hashint8extended(8055, 45000))]) q;

-- A word of half of all rows, as often as by chance, in texts of all lengths.
CREATE TABLE large (id int, body text) WITH (autovacuum_enabled = off);
INSERT INTO large SELECT i, CASE WHEN hashint4(i) % 2 = 0 THEN repeat('half ', 1 + abs(hashint4(i + 1)) % 15) ELSE '' END || 'all' || repeat(' more', abs(hashint4(-i)) % 40)
	FROM generate_series(1, 400000) i;
CREATE INDEX large_body ON large USING vecstore_bm25 (body);
SELECT segments, documents, postings = (SELECT count(*) + count(*) FILTER (WHERE body LIKE '%half%') + count(*) FILTER (WHERE body LIKE '%more%') FROM large) AS postings FROM bm25_check('large_body', true);
SELECT same('large', q, 100) FROM unnest(ARRAY['half', 'half more']) q;
-- by a merge
INSERT INTO large SELECT id + 1000000, body FROM large WHERE id <= 2000;
DELETE FROM large WHERE id % 100 = 0;
VACUUM large;
SELECT documents = (SELECT count(*) FROM large) AS rows FROM bm25_check('large_body', true);
SELECT same('large', q, 100) FROM unnest(ARRAY['half', 'half more']) q;

SET client_min_messages = warning;
DROP SCHEMA segments CASCADE;
RESET search_path;
