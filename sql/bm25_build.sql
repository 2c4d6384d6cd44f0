-- Building vecstore_bm25: alone and with workers, in much memory and in little, the index is the same.
-- (test/t/032_bm25_build.pl has the number of workers, progress, and crashes.)
CREATE SCHEMA bm25_build;
SET search_path = bm25_build, public;

CREATE FUNCTION words(i bigint, n integer, vocabulary integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg('w' || (power(abs(hashint8extended(i, k) / 9.3e18), 3) * vocabulary)::integer, ' ')
	FROM generate_series(1, 1 + abs(hashint8(i) % n)) k
$$;
-- Words that are common, words that one row has, NULLs, texts without a word; rows whose place is not their
-- order of coming: updated within their page, deleted, come back.
CREATE TABLE docs (id integer, body text, part integer) WITH (parallel_workers = 2, fillfactor = 80);
INSERT INTO docs SELECT i, CASE WHEN i % 89 = 0 THEN NULL WHEN i % 97 = 0 THEN ' - ' ELSE words(i, 9, 300) || ' all ' || repeat('all ', i % 3)
		|| (SELECT string_agg(chr(96 + k) || i, ' ') FROM generate_series(1, 14) k) END, i % 50
	FROM generate_series(1, 14000) i;
UPDATE docs SET part = part + 1 WHERE id % 7 = 0;
DELETE FROM docs WHERE id % 11 = 0;
UPDATE docs SET body = body || ' again' WHERE id % 23 = 0;
VACUUM docs;
INSERT INTO docs SELECT 20000 + i, words(-i, 9, 300) || ' all late', i % 50 FROM generate_series(1, 2000) i;
ANALYZE docs;

-- What an index answers: all rows for one query, the best for others, what it says of itself.
CREATE TABLE answers (build text, query text, place bigint, id integer, score float8);
CREATE FUNCTION note_answers(build text, index text) RETURNS TABLE (segments integer, free_pages bigint, pending_pages integer) LANGUAGE plpgsql
	SET enable_seqscan = off SET enable_sort = off AS $$
DECLARE
	source record;
	q text;
BEGIN
	SELECT i.indrelid::regclass AS name, pg_get_indexdef(i.indexrelid, 1, true) AS body, 'WHERE ' || pg_get_expr(i.indpred, i.indrelid) AS predicate
		INTO source FROM pg_index i WHERE indexrelid = index::regclass;
	FOREACH q IN ARRAY ARRAY['all w3 w77', 'b10001', 'late again w0', 'w250 w251 w252 w253', 'n1 m13999 c777', 'nosuch'] LOOP
		EXECUTE format('INSERT INTO answers SELECT $1, $2, row_number() OVER (), id, s FROM (SELECT id, %s <@> bm25_query(%L, %L) AS s FROM %s %s ORDER BY %1$s <@> bm25_query(%2$L, %3$L) LIMIT $3) q',
			source.body, q, index, source.name, source.predicate) USING build, q, CASE WHEN q LIKE 'all%' THEN 1000000 ELSE 1000 END;
	END LOOP;
	RETURN QUERY SELECT i.segments, i.free_pages, i.pending_pages FROM bm25_index_info(index) i;
	INSERT INTO answers SELECT build, 'documents', 0, i.documents, i.terms_in_documents FROM bm25_index_info(index) i;
	INSERT INTO answers SELECT build, 'nulls', 0, i.nulls, 0 FROM bm25_index_info(index) i;
END
$$;
CREATE FUNCTION compare_builds(a text, b text, OUT n bigint, OUT different bigint) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE x IS NULL OR y IS NULL OR x.id <> y.id OR x.score IS DISTINCT FROM y.score)
	FROM (SELECT * FROM answers WHERE build = a) x FULL JOIN (SELECT * FROM answers WHERE build = b) y USING (query, place)
$$;

-- alone, all in memory; the answers are right, as the table without the index tells
SET max_parallel_maintenance_workers = 0;
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
SELECT * FROM note_answers('alone', 'docs_body');
SELECT (SELECT count(*) FROM docs WHERE body IS NULL) = i.nulls AS nulls, (SELECT count(body) FROM docs) = i.documents AS documents,
	(SELECT sum(cardinality(vecstore_tokenize(body))) FROM docs) = i.terms_in_documents AS terms FROM bm25_index_info('docs_body') i;
SELECT n, same_rows, same_order FROM compare('SELECT id, body <@> ''all w3 w77'' FROM docs ORDER BY body <@> ''all w3 w77''');
SELECT query, count(*), count(*) FILTER (WHERE score < 0) AS matches, array_agg(id ORDER BY place) FILTER (WHERE score < 0 AND query ~ '^[bn]1') AS found
	FROM answers WHERE place > 0 GROUP BY query ORDER BY query;
DROP INDEX docs_body;
-- alone, 16 and more runs
SET maintenance_work_mem = '1MB';
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
SELECT * FROM note_answers('alone, 1 MB', 'docs_body');
SELECT * FROM compare_builds('alone', 'alone, 1 MB');
DROP INDEX docs_body;
-- with workers
RESET maintenance_work_mem;
SET max_parallel_maintenance_workers = 2;
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
SELECT * FROM note_answers('workers', 'docs_body');
SELECT * FROM compare_builds('alone', 'workers');
SET maintenance_work_mem = '1MB';
REINDEX INDEX docs_body;
SELECT * FROM note_answers('workers, 1 MB', 'docs_body');
SELECT * FROM compare_builds('alone', 'workers, 1 MB');
RESET maintenance_work_mem;
REINDEX INDEX CONCURRENTLY docs_body;
SELECT * FROM note_answers('concurrently', 'docs_body');
SELECT * FROM compare_builds('alone', 'concurrently');
DROP INDEX docs_body;
-- none to be had
SET max_parallel_workers = 0;
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
SELECT * FROM note_answers('none came', 'docs_body');
SELECT * FROM compare_builds('alone', 'none came');
RESET max_parallel_workers;
DROP INDEX docs_body;

-- partial, and of an expression: one that workers may compute, one that they may not
CREATE FUNCTION shout(text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS 'BEGIN RETURN upper($1); END';
CREATE FUNCTION shout_here(text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL RESTRICTED AS 'BEGIN RETURN upper($1); END';
CREATE INDEX docs_part ON docs USING vecstore_bm25 (shout(body)) WHERE part < 20;
SELECT * FROM note_answers('part, workers', 'docs_part');
CREATE INDEX docs_here ON docs USING vecstore_bm25 (shout_here(body)) WHERE part < 20;
SELECT * FROM note_answers('part, alone', 'docs_here');
SELECT * FROM compare_builds('part, workers', 'part, alone');
SELECT count(*) = (SELECT count(body) FROM docs WHERE part < 20) AS same FROM answers WHERE build = 'part, alone' AND query LIKE 'all%' AND score IS NOT NULL;

-- tsvector, and a configuration of text search
CREATE TABLE vectors (id integer, body tsvector) WITH (parallel_workers = 2);
INSERT INTO vectors SELECT id, to_tsvector('simple', body) FROM docs;
CREATE INDEX vectors_body ON vectors USING vecstore_bm25 (body) WITH (tokenizer = 'pg_catalog.simple');
SELECT * FROM note_answers('vectors', 'vectors_body');
CREATE TABLE texts (id integer, body text) WITH (parallel_workers = 2);
INSERT INTO texts SELECT id, body FROM docs;
CREATE INDEX texts_body ON texts USING vecstore_bm25 (body) WITH (tokenizer = 'pg_catalog.simple');
SELECT * FROM note_answers('texts', 'texts_body');
-- (rows of one score are in the order of their places, which are others here)
SELECT count(*), count(*) FILTER (WHERE x.id IS NULL OR y.id IS NULL OR x.score IS DISTINCT FROM y.score) AS different
	FROM (SELECT * FROM answers WHERE build = 'vectors' AND query LIKE 'all%') x FULL JOIN (SELECT * FROM answers WHERE build = 'texts' AND query LIKE 'all%') y USING (id);

-- unlogged, temporary, empty, NULLs alone
CREATE UNLOGGED TABLE quick (LIKE texts) WITH (parallel_workers = 2);
INSERT INTO quick SELECT * FROM texts;
CREATE INDEX quick_body ON quick USING vecstore_bm25 (body) WITH (tokenizer = 'pg_catalog.simple');
SELECT * FROM note_answers('unlogged', 'quick_body');
SELECT * FROM compare_builds('texts', 'unlogged');
CREATE TEMP TABLE own (LIKE texts) WITH (parallel_workers = 2);
INSERT INTO own SELECT * FROM texts;
SET maintenance_work_mem = '1MB';
CREATE INDEX own_body ON own USING vecstore_bm25 (body) WITH (tokenizer = 'pg_catalog.simple');
RESET maintenance_work_mem;
SELECT * FROM note_answers('temporary', 'own_body');
SELECT * FROM compare_builds('texts', 'temporary');
CREATE TABLE few (id integer, body text) WITH (parallel_workers = 2);
CREATE INDEX few_body ON few USING vecstore_bm25 (body);
SELECT segments, documents, nulls FROM bm25_index_info('few_body');
INSERT INTO few SELECT i, NULL FROM generate_series(1, 1000) i;
REINDEX INDEX few_body;
SELECT segments, documents, nulls FROM bm25_index_info('few_body');
SELECT count(*), count(s) FROM (SELECT body <@> bm25_query('w', 'few_body') AS s FROM few ORDER BY 1) q;

-- rows of one place of time and others of another: merged by VACUUM, with dead ones among them
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
UPDATE docs SET body = body || ' fresh' WHERE id % 3 = 0;
DELETE FROM docs WHERE id % 5 = 0 OR id BETWEEN 5000 AND 7000;
VACUUM docs;
INSERT INTO docs SELECT 30000 + i, words(-i, 9, 300) || ' fresh', i % 50 FROM generate_series(1, 3000) i;
UPDATE docs SET body = body || ' fresher' WHERE id % 4 = 0;
VACUUM docs;
SELECT documents = (SELECT count(body) FROM docs) AS documents, nulls = (SELECT count(*) FROM docs WHERE body IS NULL) AS nulls FROM bm25_index_info('docs_body');
SELECT segments > 0 AS some FROM note_answers('grown', 'docs_body');
REINDEX INDEX docs_body;
SELECT * FROM note_answers('anew', 'docs_body');
SELECT * FROM compare_builds('grown', 'anew');

SET client_min_messages = warning;
DROP SCHEMA bm25_build CASCADE;
