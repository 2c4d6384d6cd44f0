-- The access method vecstore_bm25: ORDER BY column <@> query.
CREATE SCHEMA bm25;
SET search_path = bm25, public;

-- ---- what is expected, computed here from the definition ----

-- All rows in order: score, then place; rows without a match are 0 and in the order of
-- their lengths, then places; NULLs come last.  Documents have at most 40 words: one byte
-- holds that length exactly.
CREATE FUNCTION expected(source text, query text[], tokens text, k1 float8, b float8, OUT id integer, OUT score float8)
	RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('WITH d AS MATERIALIZED (SELECT id, tableoid, ctid AS place, %s AS words FROM %s),
		total AS MATERIALIZED (SELECT count(words)::float8 AS n, avg(cardinality(words))::float8 AS avgdl FROM d),
		idf AS MATERIALIZED (SELECT word, ln(1 + (n - count(d.id) + 0.5) / (count(d.id) + 0.5)) AS idf
			FROM total, (SELECT DISTINCT unnest($1) AS word) w LEFT JOIN d ON word = ANY (words) GROUP BY word, n),
		asked AS (SELECT word, count(*) AS times FROM unnest($1) word GROUP BY 1),
		scored AS (SELECT id, tableoid, place, words IS NULL AS none, cardinality(words) AS length, (SELECT coalesce(sum(times * idf * tf / (tf + $2 * (1 - $3 + $3 * cardinality(words) / avgdl))), 0)
			FROM asked JOIN idf USING (word), LATERAL (SELECT count(*) AS tf FROM unnest(words) w WHERE w = word) f WHERE tf > 0) AS score
			FROM d, total)
		SELECT id, CASE WHEN NOT none THEN -score END FROM scored ORDER BY none, round(score::numeric, 12) DESC, CASE WHEN score = 0 THEN length END, tableoid, place',
		tokens, source) USING query, k1, b;
END
$$;

-- What the index says, compared with that and with a sort without the index, which knows
-- no lengths: of it, only matches are compared.
CREATE FUNCTION agree(source text, query text, index text DEFAULT NULL, k1 float8 DEFAULT 1.2, b float8 DEFAULT 0.75,
		tokens text DEFAULT 'vecstore_tokenize(body)', query_tokens text DEFAULT 'vecstore_tokenize($1)', body text DEFAULT 'body',
		OUT n integer, OUT matches integer, OUT same_order boolean, OUT same_scores boolean, OUT same_sorted boolean) LANGUAGE plpgsql AS $$
DECLARE
	term text := format(CASE WHEN index IS NULL THEN '%s <@> %L' ELSE '%s <@> bm25_query(%L, %L)' END, body, query, index);
	words text[];
	best text[];
	scores float8[];
BEGIN
	EXECUTE 'SELECT ' || query_tokens INTO words USING query;
	SELECT array_agg(e.id), array_agg(e.score), count(*), count(*) FILTER (WHERE e.score < 0) INTO best, scores, n, matches
		FROM expected(source, words, tokens, k1, b) e;
	SELECT i.ids = best, (SELECT bool_and(x IS NOT DISTINCT FROM y OR abs(x - y) < 1e-9) FROM unnest(i.distances, scores) u(x, y)),
			t.distances = i.distances AND t.ids[1:matches] = i.ids[1:matches]
		INTO same_order, same_scores, same_sorted
		FROM by_index(format('SELECT id, %s FROM %s ORDER BY %1$s', term, source)) i,
			by_table(format('SELECT id, %s FROM %s ORDER BY %1$s, tableoid, ctid', term, source)) t;
END
$$;

-- ---- a few rows: all can be checked by hand ----

CREATE TABLE few (id integer, body text);
INSERT INTO few VALUES
	(1, 'Solar cells convert light'),
	(2, 'wind power and solar power'),
	(3, 'Cells of cells'),
	(4, NULL),
	(5, 'nothing'),
	(6, ''),
	(7, 'cells of cells');
CREATE INDEX few_body ON few USING vecstore_bm25 (body);
\d few
\d few_body
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM few ORDER BY body <@> 'solar cells' LIMIT 10;
-- 6 documents, 16 words; solar is in 2, cells in 3
SELECT id, round((body <@> 'solar cells')::numeric, 9) AS score FROM few ORDER BY body <@> 'solar cells' LIMIT 10;
SELECT round((-(ln(1 + 4.5 / 2.5) + ln(1 + 3.5 / 3.5)) / (1 + 1.2 * (0.25 + 0.75 * 4 * 6 / 16)))::numeric, 9) AS expected_of_1;
SELECT query, a.* FROM unnest(ARRAY['solar cells', 'CELLS', 'cells solar cells', 'nothing', 'unknown', 'unknown solar', '', '!?', 'of and power wind']) query, agree('few', query) a;
SELECT documents, nulls, terms_in_documents, segments, pending_pages, k1, b, tokenizer_version <> '' AS tokenizer FROM bm25_index_info('few_body');

-- a NULL query: all rows, all scores NULL
SELECT count(*), count(s) FROM (SELECT body <@> NULL AS s FROM few ORDER BY body <@> NULL) q;
SELECT count(*), count(s) FROM (SELECT body <@> bm25_query(NULL, 'few_body') AS s FROM few ORDER BY 1) q;
SELECT q, (SELECT count(*) || ' ' || count(s) FROM (SELECT body <@> q AS s FROM few ORDER BY body <@> q) x) FROM (VALUES (NULL), ('solar')) v(q);

-- LIMIT, OFFSET
SELECT id FROM few ORDER BY body <@> 'solar cells' LIMIT 2 OFFSET 1;
SELECT id FROM few ORDER BY body <@> 'solar cells' OFFSET 5;
SELECT id FROM few ORDER BY body <@> 'solar cells' LIMIT 0;
-- the other direction is a sort
RESET enable_seqscan;
EXPLAIN (COSTS OFF) SELECT id FROM few ORDER BY body <@> 'solar' DESC LIMIT 2;
SET enable_seqscan = off;
SELECT id FROM few ORDER BY body <@> 'solar' DESC NULLS LAST, id LIMIT 2;
-- no ORDER BY
SELECT id, round((body <@> 'solar')::numeric, 6) AS score FROM few WHERE body <@> 'solar' < 0 ORDER BY id;
SELECT round(min(body <@> 'solar')::numeric, 6) FROM few;

-- the type
SELECT bm25_query('solar: cells', 'few_body'), 'few_body:a:b'::bm25query;
SELECT outcome($$SELECT 'solar'::bm25query$$), outcome($$SELECT 'none:solar'::bm25query$$), outcome($$SELECT 'a' <@> bm25_query('a', 'few')$$);
SELECT outcome($$SELECT bm25_index_info('few')$$);

-- ---- many rows, of few words, so that scores are often the same ----

CREATE FUNCTION words(i bigint, n integer, vocabulary integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg('w' || (power(abs(hashint8extended(i, k) / 9.3e18), 3) * vocabulary)::integer, ' ')
	FROM generate_series(1, 1 + abs(hashint8(i) % n)) k
$$;
CREATE TABLE docs (id integer, body text, part integer);
INSERT INTO docs SELECT i, CASE WHEN i % 97 > 0 THEN words(i, 12, 200) END, i % 50 FROM generate_series(1, 2000) i;
INSERT INTO docs SELECT id + 2000, body, part FROM docs WHERE id % 4 = 0;
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
ANALYZE docs;
SELECT query, a.* FROM unnest(ARRAY['w0', 'w199', 'w0 w1', 'w3 w0 w50 w7 w120', 'w5 w5 w6', 'w7 w8 w9 w10 w11 w12 w13 w14 w15']) query, agree('docs', query) a;
-- a score that knows no lengths: ties among documents of all lengths, in a segment of 1,500 rows, one of 500 and pending ones
CREATE TABLE flat (id integer, body text);
INSERT INTO flat SELECT id, body FROM docs WHERE id <= 1500;
CREATE INDEX flat_body ON flat USING vecstore_bm25 (body) WITH (b = 0);
INSERT INTO flat SELECT id, body FROM docs WHERE id > 2000;
VACUUM flat;
INSERT INTO flat SELECT id, body FROM docs WHERE id BETWEEN 1501 AND 2000;
SELECT segments, documents, pending_pages > 0 AS pending FROM bm25_index_info('flat_body');
SELECT query, a.* FROM unnest(ARRAY['w0', 'w1', 'w0 w1', 'w3 w0 w50 w7 w120', 'w5 w5 w6', 'w7 w8 w9 w10 w11 w12 w13 w14 w15']) query, agree('flat', query, b => 0) a;
DROP TABLE flat;
-- words that all documents have: so many that a window is as wide as it can be, and each document in it is met
CREATE TABLE wide (id integer, body text);
INSERT INTO wide SELECT i, (SELECT string_agg('v' || k, ' ') FROM generate_series(1, 34) k) || repeat(' v' || i % 34 + 1, i % 3)
	FROM generate_series(1, 9000) i;
CREATE INDEX wide_body ON wide USING vecstore_bm25 (body);
SELECT * FROM agree('wide', (SELECT string_agg('v' || k, ' ') FROM generate_series(1, 34) k));
DROP TABLE wide;
-- batches: every length of a prefix is the beginning of the whole
SELECT bool_and(ids = whole[1:l]) FROM (SELECT array_agg(id) FROM (SELECT id FROM docs ORDER BY body <@> 'w0 w3') q) w(whole),
	unnest(ARRAY[1, 31, 32, 33, 159, 160, 161, 500, 1000]) l,
	LATERAL (SELECT array_agg(id) FROM (SELECT id FROM docs ORDER BY body <@> 'w0 w3' LIMIT l) q) p(ids);
-- filters that keep few rows
SELECT count(*), bool_and(same_rows AND same_order) FROM unnest(ARRAY['part = 3', 'id = 1997', 'id % 500 = 1', 'body IS NULL', 'body LIKE ''%w190%''', 'id < 0']) f,
	compare('SELECT id, body <@> ''w0 w2'' FROM docs WHERE ' || f || ' ORDER BY body <@> ''w0 w2'' LIMIT 20');
SELECT f, n FROM unnest(ARRAY['part = 3', 'id = 1997', 'id % 500 = 1', 'body IS NULL', 'id < 0']) f,
	compare('SELECT id, body <@> ''w0 w2'' FROM docs WHERE ' || f || ' ORDER BY body <@> ''w0 w2'' LIMIT 20');

-- rescans: several queries in one statement
EXPLAIN (COSTS OFF) SELECT q, id FROM unnest(ARRAY['w0', 'w9 w0']) q, LATERAL (SELECT id FROM docs ORDER BY body <@> q LIMIT 3) d;
SELECT q, array_agg(id ORDER BY r) = (SELECT ids[1:40]::integer[] FROM by_index(format('SELECT id, body <@> %L FROM docs ORDER BY 2', q))) AS same
	FROM unnest(ARRAY['w0', 'w9 w0', '', 'nosuch', 'w4']) q,
	LATERAL (SELECT id, row_number() OVER () AS r FROM (SELECT id FROM docs ORDER BY body <@> q LIMIT 40) x) d GROUP BY q ORDER BY q;
-- a cursor, row by row
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM docs ORDER BY body <@> 'w1 w2';
CREATE TEMP TABLE fetched (place serial, id integer);
DO $$
DECLARE
	c refcursor := 'c';
	r integer;
BEGIN
	FOR i IN 1..300 LOOP
		FETCH c INTO r;
		INSERT INTO fetched (id) VALUES (r);
	END LOOP;
END
$$;
CLOSE c;
SELECT array_agg(id ORDER BY place) = (SELECT ids[1:300]::integer[] FROM by_index('SELECT id, body <@> ''w1 w2'' FROM docs ORDER BY 2')) AS same FROM fetched;
COMMIT;

-- ---- where the index is found ----

CREATE FUNCTION search(query text) RETURNS SETOF integer LANGUAGE plpgsql AS $$
DECLARE
	d record;
BEGIN
	FOR d IN SELECT id, body <@> query AS s FROM few ORDER BY body <@> query LIMIT 2 LOOP
		RETURN NEXT d.id;
	END LOOP;
END
$$;
SELECT search('solar');
SELECT search(q) FROM unnest(ARRAY['light', 'wind', 'nothing', 'light', 'light', 'light', 'light', 'wind']) q;
SET plan_cache_mode = force_generic_plan;
PREPARE p(text) AS SELECT id, round((body <@> $1)::numeric, 4) AS s FROM few ORDER BY body <@> $1 LIMIT 2;
EXPLAIN (COSTS OFF) EXECUTE p('solar');
EXECUTE p('solar');
EXECUTE p('wind');
EXECUTE p(NULL);
RESET plan_cache_mode;
DEALLOCATE p;
CREATE VIEW seen AS SELECT id AS number, body AS words FROM few WHERE id < 7;
SELECT number, round((words <@> 'cells')::numeric, 4) AS s FROM seen ORDER BY words <@> 'cells' LIMIT 2;
-- an alias, a join, a subquery that the planner pulls up, a common table expression
SELECT f.id FROM few f JOIN docs d ON d.id = f.id ORDER BY f.body <@> 'solar', 1 LIMIT 2;
SELECT id FROM (SELECT id, body FROM few) q ORDER BY body <@> 'wind' LIMIT 1;
SELECT id FROM (SELECT id, body FROM few OFFSET 0) q ORDER BY body <@> bm25_query('wind', 'few_body') LIMIT 1;
WITH c AS MATERIALIZED (SELECT id, body FROM few) SELECT id FROM c ORDER BY body <@> bm25_query('wind', 'few_body') LIMIT 1;
SELECT outcome('WITH c AS MATERIALIZED (SELECT id, body FROM few) SELECT id FROM c ORDER BY body <@> ''wind'' LIMIT 1');
SELECT outcome('SELECT id FROM (SELECT id, body FROM few OFFSET 0) q ORDER BY body <@> ''wind'' LIMIT 1');
SELECT outcome('SELECT id FROM few ORDER BY body || id <@> ''wind''');
-- two indexes
CREATE INDEX few_second ON few USING vecstore_bm25 (body) WITH (b = 0);
SELECT outcome('SELECT id FROM few ORDER BY body <@> ''solar''');
SELECT i, a.* FROM (VALUES ('few_body', 0.75), ('few_second', 0)) v(i, b), agree('few', 'solar cells', i, b => v.b) a;
DROP INDEX few_second;
SELECT id FROM few ORDER BY body <@> 'solar' LIMIT 1;
-- two with other terms: the query's index says which count, whichever is scanned, and the planner takes that one
CREATE INDEX few_stems ON few USING vecstore_bm25 (body) WITH (tokenizer = language);
EXPLAIN (COSTS OFF) SELECT id FROM few ORDER BY body <@> bm25_query('cell', 'few_body');
EXPLAIN (COSTS OFF) SELECT id FROM few ORDER BY body <@> bm25_query('cell', 'few_stems');
CREATE TABLE fewer (id integer, body text);
CREATE INDEX fewer_body ON fewer USING vecstore_bm25 (body);
INSERT INTO fewer TABLE few;
CREATE FUNCTION by_other(query text, keys text DEFAULT 'true') RETURNS TABLE (rows bigint, best integer[], ranks boolean, in_order boolean, nulls_last boolean) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT count(*), (array_agg(id ORDER BY id) FILTER (WHERE rank < 0)), bool_and(rank IS NOT DISTINCT FROM (body || '''') <@> bm25_query(%1$L, ''few_stems'')),
		bool_and(last <= rank OR last IS NULL), bool_and(rank IS NULL OR last IS NOT NULL OR n = 1) FROM (SELECT *, lag(rank) OVER (ORDER BY n) AS last FROM (SELECT *, row_number() OVER () AS n FROM
		(SELECT id, body, body <@> (SELECT bm25_query(%1$L, ''few_stems'')) AS rank FROM fewer WHERE %2$s ORDER BY 3) q) q) q', query, keys);
END
$$;
SET enable_sort = off;
SELECT q, b.* FROM unnest(ARRAY['cell', 'converting cell light', 'unknown', '']) q, by_other(q) b;
SELECT * FROM by_other('converting cell', 'body @@ bm25_query(''of'', ''fewer_body'')');
RESET enable_sort;
DROP TABLE fewer;
DROP INDEX few_stems;

-- ---- kinds of index ----

CREATE TABLE meta (id integer, metadata jsonb, lang text);
INSERT INTO meta SELECT id, jsonb_build_object('title', body), CASE WHEN id % 2 = 0 THEN 'en' ELSE 'de' END FROM docs;
CREATE INDEX meta_title ON meta USING vecstore_bm25 ((metadata->>'title'));
ANALYZE meta;
EXPLAIN (COSTS OFF) SELECT id FROM meta ORDER BY metadata->>'title' <@> 'w1' LIMIT 3;
SELECT * FROM agree('meta', 'w1 w3', body => '(metadata->>''title'')', tokens => 'vecstore_tokenize(metadata->>''title'')');
DROP INDEX meta_title;
-- partial: its own statistics
CREATE INDEX meta_en ON meta USING vecstore_bm25 ((metadata->>'title')) WHERE lang = 'en';
EXPLAIN (COSTS OFF) SELECT id FROM meta WHERE lang = 'en' ORDER BY metadata->>'title' <@> 'w1' LIMIT 3;
SELECT * FROM agree('(SELECT *, ctid, tableoid FROM meta WHERE lang = ''en'') m', 'w1 w3', body => '(metadata->>''title'')', tokens => 'vecstore_tokenize(metadata->>''title'')');
SELECT documents FROM bm25_index_info('meta_en');
-- partitions: statistics of all of them
CREATE TABLE parts (id integer, body text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (500);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (500) TO (1000) PARTITION BY RANGE (id);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES FROM (500) TO (600);
CREATE TABLE parts_2b PARTITION OF parts_2 FOR VALUES FROM (600) TO (1000);
CREATE INDEX parts_body ON parts USING vecstore_bm25 (body);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (1000) TO (10000);
INSERT INTO parts SELECT id, body FROM docs;
EXPLAIN (COSTS OFF) SELECT id FROM parts ORDER BY body <@> 'w1' LIMIT 3;
SELECT n, matches, same_scores FROM agree('parts', 'w1 w3 w100');
SELECT n, matches, same_scores FROM agree('parts', 'w1 w3 w100', 'parts_body');
SELECT n, matches, same_order, same_scores FROM agree('parts_2b', 'w1 w3 w100');
-- temporary, unlogged
CREATE TEMP TABLE temporary (id integer, body text);
CREATE INDEX ON temporary USING vecstore_bm25 (body);
INSERT INTO temporary SELECT id, body FROM docs;
SELECT * FROM agree('temporary', 'w1 w3');
CREATE UNLOGGED TABLE unlogged (id integer, body text);
CREATE INDEX ON unlogged USING vecstore_bm25 (body);
INSERT INTO unlogged SELECT id, body FROM docs;
SELECT * FROM agree('unlogged', 'w1 w3');
ALTER TABLE unlogged SET LOGGED;
SELECT * FROM agree('unlogged', 'w1 w3');
-- tsvector: rows as they are, queries by the index's tokenizer
CREATE TABLE vectors (id integer, body tsvector);
INSERT INTO vectors SELECT id, to_tsvector('english', 'running ' || body) FROM docs;
INSERT INTO vectors VALUES (5000, 'w1 w3 w3'), (5001, '');
CREATE INDEX vectors_body ON vectors USING vecstore_bm25 (body) WITH (tokenizer = 'english');
SELECT q, a.* FROM unnest(ARRAY['w1 w3', 'The runs', 'nosuch', '']) q, agree('vectors', q, query_tokens => 'vecstore_tokenize($1, ''english'')',
	tokens => '(SELECT CASE WHEN body IS NOT NULL THEN coalesce(array_agg(lexeme), ''{}'') END FROM (SELECT lexeme FROM unnest(body), generate_series(1, coalesce(cardinality(positions), 1))) l)') a;
SELECT tokenizer_version FROM bm25_index_info('vectors_body');
SELECT outcome('SELECT ''a''::text <@> bm25_query(''a'', ''vectors_body'')');

-- ---- options ----

CREATE TABLE texts (id integer, body text);
INSERT INTO texts VALUES (1, 'The houses ran'), (2, 'HOUSE-BOATS run'), (3, 'der Häuser Haus'), (4, 'a house'), (5, NULL), (6, 'the the');
CREATE FUNCTION try(tokenizer text, options text, more text) RETURNS TABLE (query text, n integer, matches integer, good boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX texts_body ON texts USING vecstore_bm25 (body) WITH (tokenizer = %L%s)', tokenizer, options);
	RETURN QUERY SELECT q, a.n, a.matches, a.same_order AND a.same_scores AND a.same_sorted FROM unnest(ARRAY['The house', 'haus']) q,
		agree('texts', q, tokens => format('vecstore_tokenize(body, %L, %L)', tokenizer, more), query_tokens => format('vecstore_tokenize($1, %L, %L)', tokenizer, more)) a;
	DROP INDEX texts_body;
END
$$;
SELECT tokenizer, more, t.* FROM (VALUES
	('simple', '', '{}'), ('whitespace', '', '{}'), ('ngram', ', min_gram = 2, max_gram = 3', '{"min_gram": 2, "max_gram": 3}'),
	('language', ', language = german', '{"language": "german"}'),
	('language', ', language = english, stemmer = none', '{"language": "english", "stemmer": "none"}'),
	('language', ', language = english, stopwords = none', '{"language": "english", "stopwords": "none"}'),
	('language', ', language = english, stopwords = english', '{"language": "english", "stopwords": "english"}'),
	('english', '', '{}'), ('pg_catalog.german', '', '{}')) o(tokenizer, options, more), try(tokenizer, options, more) t;
SELECT options, regexp_replace(outcome('CREATE INDEX ON texts USING vecstore_bm25 (body) WITH (' || options || ')'), 'Stemmers are .*', 'Stemmers are these.') AS outcome FROM unnest(ARRAY[
	'tokenizer = nosuch', 'k1 = -1', 'k1 = 101', 'k1 = NaN', 'b = 1.1', 'b = -0.1', 'b = x', 'language = german', 'tokenizer = language, language = klingon',
	'tokenizer = language, language = german, stemmer = x', 'tokenizer = language, language = german, stopwords = ''../x''',
	'tokenizer = ngram, min_gram = 3, max_gram = 2', 'tokenizer = ngram, max_gram = 1000', 'nosuch = 1']) options;
SELECT outcome(statement) FROM unnest(ARRAY['CREATE INDEX ON texts USING vecstore_bm25 (id)', 'CREATE UNIQUE INDEX ON texts USING vecstore_bm25 (body)',
	'CREATE INDEX ON texts USING vecstore_bm25 (body DESC)', 'CREATE INDEX ON texts USING vecstore_bm25 (body, body)', 'CREATE INDEX ON texts USING vecstore_bm25 (body) INCLUDE (id)']) statement;
CREATE INDEX texts_body ON texts USING vecstore_bm25 (body) WITH (k1 = 0, b = 0);
SELECT * FROM agree('texts', 'the house', k1 => 0, b => 0);
-- k1 and b take effect at once, on an index that is there
ALTER INDEX texts_body SET (k1 = 2, b = 1);
SELECT * FROM agree('texts', 'the house', k1 => 2, b => 1);
ALTER INDEX texts_body RESET (k1, b);
SELECT * FROM agree('texts', 'the house');
SELECT outcome('ALTER INDEX texts_body SET (k1 = 1000)');

-- ---- rights ----

CREATE ROLE bm25_reader;
GRANT USAGE ON SCHEMA bm25 TO bm25_reader;
SET ROLE bm25_reader;
SELECT outcome(statement) FROM unnest(ARRAY['SELECT id FROM few ORDER BY body <@> ''solar''', 'SELECT ''solar'' <@> bm25_query(''solar'', ''few_body'')', 'SELECT bm25_index_info(''few_body'')']) statement;
RESET ROLE;
GRANT SELECT (id) ON few TO bm25_reader;
SET ROLE bm25_reader;
SELECT outcome(statement) FROM unnest(ARRAY['SELECT id FROM few ORDER BY body <@> ''solar''', 'SELECT ''solar'' <@> bm25_query(''solar'', ''few_body'')']) statement;
RESET ROLE;
GRANT SELECT (body) ON few TO bm25_reader;
SET ROLE bm25_reader;
SELECT id FROM few ORDER BY body <@> 'solar' LIMIT 2;
RESET ROLE;
-- row security: others' rows are not returned; statistics are those of all rows
ALTER TABLE few ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON few USING (id % 2 = 1);
SET ROLE bm25_reader;
SELECT id, round((body <@> 'solar cells')::numeric, 6) AS score FROM few ORDER BY body <@> 'solar cells';
RESET ROLE;
REVOKE ALL ON few FROM bm25_reader;
REVOKE USAGE ON SCHEMA bm25 FROM bm25_reader;
DROP ROLE bm25_reader;
ALTER TABLE few DISABLE ROW LEVEL SECURITY;

-- ---- changes ----

-- What an index knows, beside a new index on the same rows.
CREATE FUNCTION like_new(source text, OUT documents bigint, OUT nulls bigint, OUT terms bigint, OUT like_new boolean) LANGUAGE plpgsql AS $$
BEGIN
	SELECT i.documents, i.nulls, i.terms_in_documents INTO documents, nulls, terms FROM bm25_index_info((source || '_body')::regclass) i;
	EXECUTE format('CREATE INDEX other ON %s USING vecstore_bm25 (body)', source);
	SELECT i.documents = like_new.documents AND i.nulls = like_new.nulls AND i.terms_in_documents = terms INTO like_new FROM bm25_index_info('other') i;
	DROP INDEX other;
	PERFORM bm25_check((source || '_body')::regclass, true);
END
$$;
UPDATE docs SET body = words(id + 7000, 12, 200) WHERE part < 10;
UPDATE docs SET body = NULL WHERE part = 11;
UPDATE docs SET part = -part WHERE part = 12;
DELETE FROM docs WHERE part BETWEEN 20 AND 29;
SELECT id, n, same_rows, same_order FROM unnest(ARRAY[1, 3]) id, compare(format('SELECT id, body <@> ''w0 w%s'' FROM docs ORDER BY 2 LIMIT 50', id));
SELECT (SELECT documents + nulls FROM bm25_index_info('docs_body')) > (SELECT count(*) FROM docs) AS dead_rows_count;
VACUUM (INDEX_CLEANUP ON) docs;
SELECT * FROM like_new('docs');
-- a row that was updated in place (HOT) stands where it began, so ties are not by its ctid
SELECT n, matches, same_scores FROM agree('docs', 'w0 w3 w77');
-- all rows, twice
DELETE FROM docs;
VACUUM (INDEX_CLEANUP ON) docs;
SELECT * FROM like_new('docs');
SELECT count(*) FROM (SELECT id FROM docs ORDER BY body <@> 'w0') q;
INSERT INTO docs SELECT i, words(i, 12, 200), 0 FROM generate_series(1, 100) i;
SELECT * FROM agree('docs', 'w0 w3');

-- many inserts in one transaction: pending rows, flushes, merges
CREATE TABLE stream (id integer, body text);
CREATE INDEX stream_body ON stream USING vecstore_bm25 (body);
DO $$
BEGIN
	FOR i IN 0..199 LOOP
		INSERT INTO stream SELECT i * 100 + k, CASE WHEN k % 50 > 0 THEN words(i * 100 + k, 12, 1000) END FROM generate_series(1, 100) k;
	END LOOP;
END
$$;
SELECT segments BETWEEN 1 AND 20 AS merged, documents > 15000 AS flushed, pending_pages > 0 AS pending FROM bm25_index_info('stream_body');
CREATE TABLE once AS TABLE stream;
CREATE INDEX once_body ON once USING vecstore_bm25 (body);
CREATE FUNCTION best(source text, query text) RETURNS TABLE (ids text[], distances float8[]) LANGUAGE sql AS $$
	SELECT * FROM by_index(format('SELECT id, body <@> %L FROM %s ORDER BY body <@> %1$L LIMIT 50', query, source))
$$;
SELECT q, a.ids = b.ids AS same_ids, a.distances = b.distances AS same_scores FROM unnest(ARRAY['w0', 'w999', 'w5 w70', 'w1 w2 w3 w4', 'w900 w0 w901 w902 w10', 'nosuch']) q, best('stream', q) a, best('once', q) b;
SELECT segments FROM bm25_index_info('once_body');
VACUUM stream;
SELECT segments BETWEEN 1 AND 20 AS merged, documents, nulls, pending_pages FROM bm25_index_info('stream_body');
SELECT q, a.ids = b.ids AS same_ids, a.distances = b.distances AS same_scores FROM unnest(ARRAY['w0', 'w999', 'w5 w70', 'w1 w2 w3 w4', 'w900 w0 w901 w902 w10', 'nosuch']) q, best('stream', q) a, best('once', q) b;

-- long documents: the log of pending rows is smaller
CREATE TABLE long (id integer, body text);
CREATE INDEX long_body ON long USING vecstore_bm25 (body);
INSERT INTO long VALUES (1, 'w1 short');
INSERT INTO long SELECT 2, string_agg('w' || i, ' ') FROM generate_series(1, 45000) i;
INSERT INTO long SELECT 3, string_agg('v' || i, ' ') FROM generate_series(1, 260000) i;
INSERT INTO long SELECT 4, repeat('w1 ', 1000) || repeat('x', 3000);
INSERT INTO long VALUES (5, 'w45000 after'), (6, NULL);
SELECT id, length(body) FROM long;
SELECT q, (SELECT array_agg(id) FROM (SELECT id FROM long ORDER BY body <@> q LIMIT 3) b) FROM unnest(ARRAY['w1', 'w45000', 'v260000 short', 'after w2 v7']) q;
SELECT n, same_rows, same_order FROM unnest(ARRAY['w1', 'w45000 v3', repeat('x', 3000)]) q, compare(format('SELECT id, body <@> %L FROM long ORDER BY 2', q));
UPDATE long SET id = id + 10 WHERE id = 3;
VACUUM (INDEX_CLEANUP ON) long;
SELECT * FROM like_new('long');
SELECT id FROM long ORDER BY body <@> 'v260000' LIMIT 1;

-- savepoints, COPY, TRUNCATE
BEGIN;
INSERT INTO few VALUES (10, 'zebra one');
SAVEPOINT s;
INSERT INTO few SELECT i, 'zebra ' || i FROM generate_series(11, 3000) i;
SELECT count(*) FROM (SELECT id FROM few WHERE body <@> 'zebra' < 0 ORDER BY body <@> 'zebra') q;
ROLLBACK TO s;
SELECT id FROM few ORDER BY body <@> 'zebra' LIMIT 2;
COMMIT;
VACUUM (INDEX_CLEANUP ON) few;
SELECT * FROM like_new('few');
COPY few FROM stdin;
20	copied zebra
21	\N
22	two copied zebras
\.
SELECT * FROM agree('few', 'copied zebra');
BEGIN;
TRUNCATE few;
SELECT count(*) FROM (SELECT id FROM few ORDER BY body <@> 'zebra') q;
INSERT INTO few VALUES (30, 'zebra');
SELECT id FROM few ORDER BY body <@> 'zebra';
ROLLBACK;
SELECT * FROM agree('few', 'copied zebra');
TRUNCATE few;
SELECT documents, segments, pending_pages FROM bm25_index_info('few_body');
INSERT INTO few VALUES (31, 'zebra');
SELECT * FROM agree('few', 'zebra');

-- rebuilt
REINDEX INDEX docs_body;
SELECT * FROM agree('docs', 'w0 w3');
REINDEX INDEX CONCURRENTLY docs_body;
SELECT * FROM agree('docs', 'w0 w3');
CREATE INDEX CONCURRENTLY docs_other ON docs USING vecstore_bm25 (body);
SELECT * FROM agree('docs', 'w0 w3', 'docs_other');
DROP INDEX docs_body;
SELECT * FROM agree('docs', 'w0 w3');
VACUUM FULL docs;
SELECT * FROM agree('docs', 'w0 w3');
ALTER TABLE docs ALTER body TYPE varchar(1000);
SELECT id FROM docs ORDER BY body <@> 'w0' LIMIT 1;
-- a query outlives its index
SELECT outcome('SELECT id FROM docs ORDER BY body <@> bm25_query(''w0'', ' || max(oid::bigint) + 1 || ')') ~ '^42704 index with OID \d+ does not exist$' FROM pg_class;

-- ---- the rank of a row that a scan has given: the indexed column's, in the version that is seen ----

CREATE TABLE pairs (id serial, title text, body text, n int) WITH (fillfactor = 50);
INSERT INTO pairs (title, body, n) SELECT 'w' || i % 3 || ' w1', repeat('w' || i % 4 || ' ', 1 + i % 5), 0 FROM generate_series(1, 400) i;
CREATE INDEX pairs_body ON pairs USING vecstore_bm25 (body);
BEGIN;
UPDATE pairs SET n = n + 1 WHERE id % 2 = 0;
UPDATE pairs SET n = n + 1 WHERE id % 4 = 0;
SELECT pg_stat_get_xact_tuples_hot_updated('pairs'::regclass) > 200 AS hot;
COMMIT;
-- ranks beside those of copies, whose place in memory tells nothing
CREATE FUNCTION same_ranks(query text) RETURNS TABLE (rows bigint, body_same bool, title_same bool, titles_rank bool) LANGUAGE sql AS $$
	WITH found AS MATERIALIZED (
		SELECT id, title, body, n, body <@> bm25_query(query, 'pairs_body') AS body_rank, title <@> bm25_query(query, 'pairs_body') AS title_rank
		FROM pairs ORDER BY body <@> bm25_query(query, 'pairs_body') LIMIT 300)
	SELECT count(*), bool_and(body_rank = (body || '') <@> bm25_query(query, 'pairs_body')),
		bool_and(title_rank = (title || '') <@> bm25_query(query, 'pairs_body')), bool_or(title_rank <> body_rank) FROM found $$;
SELECT q.*, r.* FROM unnest(ARRAY['w1', 'w0 w2', 'w1 w1 w3', 'nothing']) q, same_ranks(q) r;
-- rows are read in batches that work_mem allows
CREATE TABLE plenty (id integer, body text);
INSERT INTO plenty SELECT i, 'x' FROM generate_series(1, 40000) i;
CREATE INDEX plenty_body ON plenty USING vecstore_bm25 (body);
BEGIN;
SET LOCAL work_mem = '64kB';
DECLARE c CURSOR FOR SELECT id FROM plenty ORDER BY body <@> 'y';
MOVE 30000 FROM c;
SELECT sum(total_bytes) < 100000 AS small FROM pg_backend_memory_contexts WHERE name = 'vecstore_bm25 batch';
FETCH 1 FROM c;
MOVE ALL FROM c;
COMMIT;
DROP TABLE plenty;
-- two scans of one index, one of them outer
SELECT count(*), bool_and(a.rank = (a.body || '') <@> bm25_query('w1', 'pairs_body')), bool_and(b.rank = (b.body || '') <@> bm25_query('w2 w1', 'pairs_body')) FROM
	(SELECT body, body <@> bm25_query('w1', 'pairs_body') AS rank FROM pairs ORDER BY body <@> bm25_query('w1', 'pairs_body') LIMIT 20) a,
	LATERAL (SELECT body, body <@> bm25_query('w2 w1', 'pairs_body') AS rank FROM pairs WHERE a.rank IS NOT NULL ORDER BY body <@> bm25_query('w2 w1', 'pairs_body') LIMIT 20) b;
-- all that is left is sound
SELECT count(*) > 10 AS many, count(bm25_check(oid, true)) = count(*) AS sound FROM pg_class
	WHERE relkind = 'i' AND relam = (SELECT oid FROM pg_am WHERE amname = 'vecstore_bm25') AND pg_table_is_visible(oid);

-- ---- what the access method says of itself ----

SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'vecstore_bm25') ORDER BY 1;
CREATE FUNCTION int_rank(text, text) RETURNS integer IMMUTABLE LANGUAGE sql RETURN 1;
CREATE OPERATOR <@@@> (LEFTARG = text, RIGHTARG = text, FUNCTION = int_rank);
CREATE FUNCTION wrong_rank(text, tsvector) RETURNS float8 IMMUTABLE LANGUAGE sql RETURN 1;
CREATE OPERATOR <@@@> (LEFTARG = text, RIGHTARG = tsvector, FUNCTION = wrong_rank);
CREATE OPERATOR CLASS bad_operator FOR TYPE text USING vecstore_bm25 AS OPERATOR 1 <@@@> (text, text) FOR ORDER BY integer_ops;
CREATE OPERATOR CLASS bad_right FOR TYPE text USING vecstore_bm25 AS OPERATOR 1 <@@@> (text, tsvector) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS bad_purpose FOR TYPE text USING vecstore_bm25 AS OPERATOR 1 = (text, text), OPERATOR 2 <@> (text, bm25query) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS bad_type FOR TYPE integer USING vecstore_bm25 AS STORAGE integer;
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname LIKE 'bad_%' ORDER BY 1;
SELECT p, pg_indexam_has_property((SELECT oid FROM pg_am WHERE amname = 'vecstore_bm25'), p) AS am, pg_index_has_property('few_body', p) AS index, pg_index_column_has_property('few_body', 1, p) AS column
	FROM unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include', 'clusterable', 'index_scan', 'bitmap_scan', 'backward_scan',
		'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) p;

-- Rows that tie with the worst of the first 16 and come behind it need not come behind another
-- one that is the worst later: 317 is before 318.
CREATE TABLE tie (id int, body text);
INSERT INTO tie SELECT i, 'x x x x' FROM generate_series(1, 14) i;
INSERT INTO tie VALUES (15, 'x y y y');
INSERT INTO tie SELECT i, 'x y y y z' FROM generate_series(16, 315) i;
INSERT INTO tie VALUES (316, 'x x x y z'), (317, 'x x y y z'), (318, 'x x y y');
CREATE INDEX tie_body ON tie USING vecstore_bm25 (body) WITH (tokenizer = 'whitespace', b = 0);
SELECT string_agg(id::text, ' ') FROM (SELECT id FROM tie ORDER BY body <@> bm25_query('x', 'tie_body') LIMIT 16) t;

RESET enable_seqscan;
SET client_min_messages = warning;
DROP SCHEMA bm25 CASCADE;
RESET search_path;
