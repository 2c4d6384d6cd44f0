-- hybrid_search() and hybrid_search_keys(): vector and text together.
CREATE SCHEMA hybrid;
SET search_path = hybrid, public;

-- ---- what is expected, computed here from the definition, without an index ----

CREATE FUNCTION expected(source text, distance text, text_score text, near text, k integer, candidates integer, alpha float8, method text, filter text,
		OUT key text, OUT score float8, OUT d float8, OUT t float8, OUT v bigint, OUT w bigint)
	RETURNS SETOF record LANGUAGE plpgsql
	SET enable_indexscan = off SET enable_bitmapscan = off SET enable_indexonlyscan = off AS $$
BEGIN
	RETURN QUERY EXECUTE format('WITH a AS MATERIALIZED (SELECT id, (%s)::float8 AS d, (%s)::float8 AS t FROM %s x WHERE %s),
		v AS (SELECT id, row_number() OVER (ORDER BY d, id) AS v FROM a WHERE d < ''Infinity'' ORDER BY 2 LIMIT $1),
		w AS (SELECT id, row_number() OVER (ORDER BY t DESC, id) AS w FROM a WHERE t > 0 ORDER BY 2 LIMIT $1),
		c AS (SELECT * FROM a LEFT JOIN v USING (id) LEFT JOIN w USING (id) WHERE v IS NOT NULL OR w IS NOT NULL),
		x AS (SELECT *, max(abs(d)) FILTER (WHERE v IS NOT NULL) OVER () AS far, max(t) OVER () AS best FROM c),
		s AS (SELECT *, CASE WHEN d < ''Infinity'' THEN %s ELSE 0 END AS near, CASE WHEN t > 0 THEN t / best ELSE 0 END AS text FROM x)
		SELECT id::text, (CASE WHEN $3 = ''rrf'' THEN coalesce(1.0::float8 / (60 + v), 0) + coalesce(1.0::float8 / (60 + w), 0)
			ELSE $2 * near + (1 - $2) * text END)::float8 AS score, d, t, v, w FROM s ORDER BY score DESC, s.id LIMIT $4',
		distance, text_score, source, filter, near) USING candidates, alpha, method, k;
END
$$;

-- The same from both functions.  more: further arguments.
CREATE FUNCTION agree(relation regclass, distance text, text_score text, near text, arguments text, k integer DEFAULT 10, candidates integer DEFAULT 100,
		alpha float8 DEFAULT 0.7, method text DEFAULT 'linear', sql_filter text DEFAULT 'true',
		OUT n bigint, OUT rows_with_both bigint, OUT same_keys boolean, OUT same_values boolean, OUT same_rows boolean) LANGUAGE plpgsql AS $$
BEGIN
	arguments := format('%s, k => %s, candidates => %s, alpha => %s, method => %L', arguments, k, candidates, alpha, method);
	EXECUTE format('WITH e AS (SELECT *, row_number() OVER () AS place FROM expected($1, $2, $3, $4, $5, $6, $7, $8, $9)),
		h AS (SELECT *, row_number() OVER () AS place FROM hybrid_search_keys(%L, %s)),
		r AS (SELECT *, row_number() OVER () AS place FROM hybrid_search(NULL::%1$s, %2$s))
		SELECT count(e.place), count(*) FILTER (WHERE v IS NOT NULL AND w IS NOT NULL),
			coalesce(bool_and(e.key = h.key->>''id'' AND v IS NOT DISTINCT FROM h.vector_rank AND w IS NOT DISTINCT FROM h.text_rank), count(*) = 0),
			coalesce(bool_and(close(e.score, h.score) AND close(d, h.vector_distance) AND close(t, h.text_score)), count(*) = 0),
			coalesce(bool_and(e.key = (r.doc).id::text AND h.score = r.score AND h.vector_distance IS NOT DISTINCT FROM r.vector_distance
				AND h.text_score IS NOT DISTINCT FROM r.text_score AND (r.doc)::text = (SELECT x::text FROM %1$s x WHERE x.id = (r.doc).id)), count(*) = 0)
		FROM e FULL JOIN h USING (place) FULL JOIN r USING (place)', relation, arguments)
		INTO n, rows_with_both, same_keys, same_values, same_rows
		USING relation::text, distance, text_score, near, k, candidates, alpha, method, sql_filter;
END
$$;
CREATE FUNCTION close(a float8, b float8) RETURNS boolean LANGUAGE sql AS $$
	SELECT a IS NOT DISTINCT FROM b OR abs(a - b) < 1e-9
$$;

-- ---- a few rows: all can be checked by hand ----

CREATE TABLE few (id integer PRIMARY KEY, body text, embedding vecstore(2));
INSERT INTO few VALUES
	(1, 'solar cells', '[1,0]'),
	(2, 'solar power', '[0,1]'),
	(3, 'wind', '[1,0]'),
	(4, 'wind', '[-1,0]'),
	(5, 'solar', NULL),
	(6, NULL, '[0,-1]');
CREATE INDEX ON few USING vecstore (embedding vecstore_cosine_ops);
CREATE INDEX few_body ON few USING vecstore_bm25 (body);
\set shown '(h.doc).id, round(h.score::numeric, 6) AS score, h.vector_distance AS distance, round(h.text_score::numeric, 6) AS text, h.vector_rank AS v, h.text_rank AS w'
SELECT id, round(-(body <@> 'solar')::numeric, 6) AS text, embedding <=> '[1,0]' AS distance FROM few ORDER BY id;
SELECT :shown FROM hybrid_search(NULL::few, 'solar', '[1,0]') h;
SELECT :shown FROM hybrid_search(NULL::few, 'solar', '[1,0]', alpha => 1) h;
SELECT :shown FROM hybrid_search(NULL::few, 'solar', '[1,0]', alpha => 0) h;
SELECT :shown FROM hybrid_search(NULL::few, 'solar', '[1,0]', method => 'rrf') h;
SELECT round(1.0 / 61 + 1.0 / 62, 6) AS expected_of_1, round(1.0 / 61, 6) AS of_5, round(1.0 / 11, 6) AS of_5_with_10;
SELECT :shown FROM hybrid_search(NULL::few, 'solar', '[1,0]', method => 'rrf', rrf_k => 10, k => 2) h;
-- one query alone: alpha does not matter
SELECT :shown FROM hybrid_search(NULL::few, 'solar', alpha => 0.1) h;
SELECT :shown FROM hybrid_search(NULL::few, query_vector => '[1,0]', alpha => 0.1) h;
SELECT :shown FROM hybrid_search(NULL::few, query_vector => '[1,0]', method => 'rrf', k => 2) h;
-- NULL is the default
SELECT count(*), min(round(score::numeric, 6)) FROM hybrid_search(NULL::few, 'solar', '[1,0]', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
-- nothing matches; no word at all; no direction
SELECT :shown FROM hybrid_search(NULL::few, 'nosuch') h;
SELECT :shown FROM hybrid_search(NULL::few, '', '[1,0]', k => 1) h;
SELECT :shown FROM hybrid_search(NULL::few, 'wind', '[0,0]') h;
SELECT :shown FROM hybrid_search(NULL::few, query_vector => '[0,0]') h;
-- keys, whole rows
SELECT key, round(score::numeric, 6) AS score, vector_rank, text_rank FROM hybrid_search_keys('few', 'solar', '[1,0]', k => 2);
SELECT doc FROM hybrid_search(NULL::few, 'solar', '[1,0]', k => 2);
SELECT (doc).*, pg_typeof(doc) FROM hybrid_search(NULL::few, 'solar', k => 1);
SELECT hybrid_search(NULL::few, 'power');
-- a filter holds for both legs
SELECT :shown FROM hybrid_search(NULL::few, 'solar', '[1,0]', filter => 'id > $n AND id < 6', filter_params => '{"n": 1}') h;
SELECT :shown FROM hybrid_search(NULL::few, 'solar', '[1,0]', filter => 'id > 100') h;

-- ---- compared with brute force: methods, weights, sizes, filters ----

CREATE FUNCTION words(i integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg('w' || (power(abs(hashint8extended(i, k) / 9.3e18), 3) * 60)::integer, ' ') FROM generate_series(1, 2 + abs(hashint8(i) % 12)) k
$$;
CREATE TABLE docs (id integer PRIMARY KEY, body text, lang text, embedding vecstore(8), metadata jsonb);
INSERT INTO docs SELECT i, CASE WHEN i % 31 > 0 THEN words(i) END, (ARRAY['en', 'de', 'fr'])[1 + i % 3], CASE WHEN i % 29 > 0 THEN clustered(i, 8) END,
	jsonb_build_object('title', words(i + 5000), 'year', 2000 + i % 20) FROM generate_series(1, 400) i;
CREATE INDEX docs_embedding ON docs USING vecstore (embedding vecstore_cosine_ops);
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
ANALYZE docs;
\set d '''embedding <=> clustered(1000, 8)'''
\set t '''-(body <@> bm25_query(''''w3 w9 w20'''', ''''docs_body''''))'''
\set both '''query_text => ''''w3 w9 w20'''', query_vector => clustered(1000, 8)'''
SELECT alpha, method, k, candidates, a.* FROM (VALUES (0.7, 'linear', 10, 100), (0.0, 'linear', 10, 100), (1, 'linear', 10, 100), (0.3, 'linear', 1, 1),
	(0.5, 'linear', 10, 10), (0.5, 'linear', 25, 40), (0.5, 'linear', 400, 400), (0.9, 'linear', 100, 400), (0.5, 'rrf', 10, 100), (0.5, 'rrf', 50, 50), (0.5, 'rrf', 400, 1000)) x(alpha, method, k, candidates),
	agree('docs', :d, :t, '1 - d / 2', :both, k, candidates, alpha, method) a;
SELECT f, a.* FROM (VALUES ('lang = ''en''', 'lang = ''en'''), ('year > 2015 OR lang IN (''de'')', '(metadata->>''year'')::int > 2015 OR lang = ''de'''), ('id < 5', 'id < 5'), ('id < 0', 'false')) x(f, sql),
	agree('docs', :d, :t, '1 - d / 2', format('%s, filter => %L', :both, f), sql_filter => sql) a;
-- through the indexes, which the planner may not have taken for so few rows
SET enable_seqscan = off;
SET enable_sort = on;
SELECT a.* FROM agree('docs', :d, :t, '1 - d / 2', :both) a;
SELECT a.* FROM agree('docs', :d, :t, '1 - d / 2', :both, method => 'rrf', k => 30, candidates => 60) a;
-- as if vecstore.ef_search were the number of candidates
SELECT vecstore_stat_reset();
SELECT count(*) FROM hybrid_search(NULL::docs, query_vector => clustered(1000, 8), candidates => 70);
CREATE TEMP TABLE spent AS SELECT scans, vertices_expanded, distances_computed FROM vecstore_stat_indexes WHERE indexrelid = 'docs_embedding'::regclass;
SELECT vecstore_stat_reset();
SET vecstore.ef_search = 70;
SELECT count(*) FROM (SELECT FROM docs ORDER BY embedding <=> clustered(1000, 8) LIMIT 70) d;
SELECT scans, vertices_expanded > 0 AS some FROM spent NATURAL JOIN vecstore_stat_indexes WHERE indexrelid = 'docs_embedding'::regclass;
RESET vecstore.ef_search;
RESET enable_seqscan;
-- rows changed in this transaction count, deleted ones do not
BEGIN;
DELETE FROM docs WHERE id % 5 = 0;
UPDATE docs SET body = body || ' w9', embedding = clustered(id + 3000, 8) WHERE id % 5 = 1;
INSERT INTO docs SELECT i, words(i), 'en', clustered(i, 8) FROM generate_series(1001, 1040) i;
SELECT a.* FROM agree('docs', :d, :t, '1 - d / 2', :both, k => 50) a;
ROLLBACK;
SELECT a.* FROM agree('docs', :d, :t, '1 - d / 2', :both, k => 50) a;
-- a longer leg does not change the setting
SHOW vecstore.ef_search;
SELECT outcome($$SELECT hybrid_search(NULL::docs, 'w3', '[1,0]', candidates => 300)$$);
SELECT outcome($$SELECT hybrid_search(NULL::docs, query_vector => clustered(1, 8), filter => '1 / (id - id) = 1')$$);
SHOW vecstore.ef_search;

-- ---- every metric ----

CREATE FUNCTION try(metric text, operator text, near text) RETURNS TABLE (n bigint, both_legs bigint, keys boolean, vals boolean, docs boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX marked_v ON marked USING vecstore (v vecstore_%s_ops)', metric);
	RETURN QUERY SELECT a.* FROM agree('marked', format('v %s marked_query()', operator), '-(body <@> bm25_query(''w3 w9 w20'', ''marked_body''))', near,
		'query_text => ''w3 w9 w20'', query_vector => marked_query()', 20, 150, 0.6) a;
	DROP INDEX marked_v;
END
$$;
CREATE FUNCTION marked_query() RETURNS vecstore LANGUAGE sql IMMUTABLE AS $$ SELECT '[1,0,3,0,-1,0.5]'::vecstore $$;
CREATE TABLE marked (id integer PRIMARY KEY, body text, v vecstore(6));
INSERT INTO marked SELECT i, words(i), (SELECT array_agg(CASE WHEN hashint8extended(i, k) % 3 = 0 THEN 0 ELSE round(hashint8extended(i, k + 10) / 9.3e18 * 4000) / 1000 END) FROM generate_series(1, 6) k)::vecstore
	FROM generate_series(1, 150) i;
CREATE INDEX marked_body ON marked USING vecstore_bm25 (body);
SELECT metric, t.* FROM (VALUES
	('l2', '<->', 'greatest(0, 1 - d / far)'), ('ip', '<#>', 'greatest(0, (1 - d / far) / 2)'), ('cosine', '<=>', '1 - d / 2'), ('l1', '<+>', 'greatest(0, 1 - d / far)'),
	('hamming', '<~>', '1 - d / 6'), ('jaccard', '<%>', '1 - d'), ('chebyshev', '<^>', 'greatest(0, 1 - d / far)'), ('canberra', '</>', '1 - d / 6'),
	('bray_curtis', '<*>', 'greatest(0, 1 - d / far)')) m(metric, operator, near), try(metric, operator, near) t;
-- all at one place
CREATE TABLE same (id integer PRIMARY KEY, body text, v vecstore(2));
INSERT INTO same VALUES (1, 'a', '[0,0]'), (2, 'b', '[0,0]');
CREATE INDEX same_v ON same USING vecstore (v vecstore_l2_ops);
CREATE INDEX ON same USING vecstore_bm25 (body);
SELECT :shown FROM hybrid_search(NULL::same, 'b', '[0,0]') h;
DROP INDEX same_v;
CREATE INDEX same_v ON same USING vecstore (v vecstore_ip_ops);
SELECT :shown FROM hybrid_search(NULL::same, 'b', '[0,0]') h;
-- dot products of both signs
UPDATE same SET v = CASE id WHEN 1 THEN '[-4,0]' ELSE '[2,0]' END::vecstore;
SELECT :shown FROM hybrid_search(NULL::same, 'b', '[1,0]') h;

-- ---- which columns ----

CREATE TABLE two (id integer PRIMARY KEY, title text, body text, code varchar(20), v vecstore(2), u vecstore(2), plain vecstore(2), loose vecstore);
INSERT INTO two VALUES (1, 'red', 'blue', 'x1', '[1,0]', '[0,1]', '[1,1]', '[1,1]'), (2, 'blue', 'red', 'x2', '[0,1]', '[1,0]', '[3,0]', '[3,0]');
SELECT outcome($$SELECT hybrid_search(NULL::two, 'red')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0]')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, 'red', text_column => 'body')$$);
-- exact: no index, cosine
SELECT :shown FROM hybrid_search(NULL::two, query_vector => '[1,0]', vector_column => 'plain') h;
SELECT :shown FROM hybrid_search(NULL::two, query_vector => '[1,0]', vector_column => 'loose') h;
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0,0]', vector_column => 'plain')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0,0]', vector_column => 'loose')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0]', vector_column => 'body')$$);
CREATE INDEX two_v ON two USING vecstore (v vecstore_l2_ops);
CREATE INDEX two_body ON two USING vecstore_bm25 (body);
SELECT :shown FROM hybrid_search(NULL::two, 'red', '[1,0]') h;
-- two columns, and two metrics or tokenizers of one
CREATE INDEX two_u ON two USING vecstore (u vecstore_cosine_ops);
CREATE INDEX two_title ON two USING vecstore_bm25 (title);
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0]')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, 'red')$$);
SELECT :shown FROM hybrid_search(NULL::two, 'red', '[1,0]', vector_column => 'u', text_column => 'title') h;
CREATE INDEX two_v_again ON two USING vecstore (v vecstore_l2_ops) WITH (m = 8);
CREATE INDEX two_v_l1 ON two USING vecstore (v vecstore_l1_ops);
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0]', vector_column => 'v')$$);
SELECT :shown FROM hybrid_search(NULL::two, query_vector => '[3,4]', vector_column => 'two_v_l1') h;
DROP INDEX two_v_l1;
SELECT :shown FROM hybrid_search(NULL::two, query_vector => '[3,4]', vector_column => 'v') h;
CREATE INDEX two_body_again ON two USING vecstore_bm25 (body) WITH (tokenizer = 'whitespace');
SELECT outcome($$SELECT hybrid_search(NULL::two, 'red', text_column => 'body')$$);
SELECT (doc).id FROM hybrid_search(NULL::two, 'red', text_column => 'two_body_again');
-- names that are none
SELECT outcome($$SELECT hybrid_search(NULL::two, 'red', text_column => 'nosuch')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0]', vector_column => 'nosuch')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, query_vector => '[1,0]', vector_column => 'two_body')$$);
SELECT outcome($$SELECT hybrid_search(NULL::two, 'red', text_column => 'code')$$);
-- a varchar column
CREATE INDEX two_code ON two USING vecstore_bm25 (code);
SELECT (doc).id FROM hybrid_search(NULL::two, 'x2', text_column => 'code');
-- expressions go by the name of their index; partial indexes by that, or if there is no other
CREATE INDEX docs_title ON docs USING vecstore_bm25 ((metadata->>'title'));
SELECT outcome($$SELECT hybrid_search(NULL::docs, 'w3')$$);
SELECT a.* FROM agree('docs', :d, $$-(metadata->>'title' <@> bm25_query('w3 w9', 'docs_title'))$$, '1 - d / 2',
	$$query_text => 'w3 w9', query_vector => clustered(1000, 8), text_column => 'docs_title'$$) a;
DROP INDEX docs_title;
CREATE INDEX docs_english ON docs USING vecstore_bm25 (body) WHERE lang = 'en';
SELECT a.* FROM agree('docs', :d, :t, '1 - d / 2', :both) a;
SELECT a.* FROM agree('docs', :d, $$-(body <@> bm25_query('w3 w9', 'docs_english'))$$, '1 - d / 2',
	$$query_text => 'w3 w9', query_vector => clustered(1000, 8), text_column => 'docs_english', filter => 'lang = ''en'''$$, sql_filter => $$lang = 'en'$$) a;
DROP INDEX docs_english;
CREATE TABLE casts (id integer PRIMARY KEY, v vecstore);
INSERT INTO casts VALUES (1, '[1,2]'), (2, '[2,1]');
CREATE INDEX casts_v ON casts USING vecstore ((v::vecstore(2)) vecstore_l2_ops);
SELECT :shown FROM hybrid_search(NULL::casts, query_vector => '[1,2]') h;
SELECT outcome($$SELECT hybrid_search(NULL::casts, query_vector => '[1,2,3]')$$);
-- tsvectors: under vecstore_bm25, or, without, under GIN
CREATE TABLE articles (id integer PRIMARY KEY, body text, words tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED, v vecstore(8));
INSERT INTO articles (id, body, v) SELECT i, 'The running ' || words(i), clustered(i, 8) FROM generate_series(1, 200) i;
CREATE INDEX ON articles USING vecstore (v vecstore_l2_ops);
CREATE INDEX articles_gin ON articles USING gin (words);
VACUUM ANALYZE articles;
SET default_text_search_config = 'english';
SELECT a.* FROM agree('articles', 'v <-> clustered(1000, 8)', $$bm25_score('articles', 'words', words, 'w3 | w9 | w20')$$, 'greatest(0, 1 - d / far)',
	$$query_text => 'the w3 w9 & w20', query_vector => clustered(1000, 8)$$) a;
SELECT count(*), min(text_rank), max(text_rank) FROM hybrid_search(NULL::articles, 'runs', k => 300);
CREATE INDEX articles_words ON articles USING vecstore_bm25 (words) WITH (tokenizer = 'english');
SELECT a.* FROM agree('articles', 'v <-> clustered(1000, 8)', $$-(words <@> bm25_query('w3 w9 w20', 'articles_words'))$$, 'greatest(0, 1 - d / far)',
	$$query_text => 'w3 w9 w20', query_vector => clustered(1000, 8)$$) a;
RESET default_text_search_config;

-- ---- keys ----

CREATE TABLE pairs ("the ""id" text COLLATE "C", t timestamptz, body text, v vecstore(2), d text, k1 text, score text, PRIMARY KEY (t, "the ""id"));
SET timezone = 'UTC';
INSERT INTO pairs VALUES ('it''s', '2024-01-01', 'red', '[1,0]', 'd', 'k', 's'), ('b\c', '2024-01-01', 'red', '[1,0]', 'd', 'k', 's'), ('a', '2025-01-01', 'red', '[1,0]', 'd', 'k', 's');
CREATE INDEX ON pairs USING vecstore (v vecstore_l2_ops);
CREATE INDEX ON pairs USING vecstore_bm25 (body);
SELECT * FROM hybrid_search_keys('pairs', 'red', '[1,0]', method => 'rrf');
SELECT doc FROM hybrid_search(NULL::pairs, 'red', '[1,0]', filter => 'd = ''d'' AND score = ''s''');
-- no primary key: by place; a row that is there twice is two rows
CREATE TABLE keyless (body text, v vecstore(2));
INSERT INTO keyless VALUES ('red', '[1,0]'), ('red', '[1,0]'), ('blue', '[0,1]');
CREATE INDEX ON keyless USING vecstore (v vecstore_cosine_ops);
CREATE INDEX ON keyless USING vecstore_bm25 (body);
SELECT doc, score, vector_rank, text_rank FROM hybrid_search(NULL::keyless, 'red', '[1,0]');
SELECT outcome($$SELECT hybrid_search_keys('keyless', 'red', '[1,0]')$$);
-- a key that tables which inherit do not share, and a deferrable one
CREATE TABLE heir (extra integer) INHERITS (few);
INSERT INTO heir VALUES (1, 'solar solar', '[1,0]', 7);
SELECT doc, score, vector_rank, text_rank FROM hybrid_search(NULL::few, 'solar', '[1,0]', k => 3);
SELECT outcome($$SELECT hybrid_search_keys('few', 'solar', '[1,0]')$$);
DROP TABLE heir;
CREATE TABLE deferred (id integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, body text);
CREATE INDEX ON deferred USING vecstore_bm25 (body);
BEGIN;
INSERT INTO deferred VALUES (1, 'red'), (1, 'red'), (1, 'red');
SELECT doc FROM hybrid_search(NULL::deferred, 'red');
ROLLBACK;
-- a column with the name that rows have in the statement
CREATE TABLE t (id integer PRIMARY KEY, t text, r text);
INSERT INTO t VALUES (1, 'red', 'x');
CREATE INDEX ON t USING vecstore_bm25 (t);
SELECT doc FROM hybrid_search(NULL::t, 'red', filter => 't = ''red''');

-- ---- kinds of relation ----

CREATE TABLE parts (id integer PRIMARY KEY, body text, embedding vecstore(8), lang text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100) TO (1000) PARTITION BY RANGE (id);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES FROM (100) TO (200);
CREATE TABLE parts_2b (lang text, id integer NOT NULL, embedding vecstore(8), body text);
ALTER TABLE parts_2 ATTACH PARTITION parts_2b FOR VALUES FROM (200) TO (1000);
CREATE INDEX parts_v ON parts USING vecstore (embedding vecstore_cosine_ops);
CREATE INDEX parts_body ON parts USING vecstore_bm25 (body);
INSERT INTO parts SELECT id, body, embedding, lang FROM docs;
ANALYZE parts;
SELECT alpha, method, a.* FROM (VALUES (0.7, 'linear'), (0.2, 'linear'), (0.5, 'rrf')) x(alpha, method),
	agree('parts', :d, $$-(body <@> bm25_query('w3 w9 w20', 'parts_body'))$$, '1 - d / 2', :both, k => 30, candidates => 400, alpha => alpha, method => method) a;
SELECT a.* FROM agree('parts', :d, $$-(body <@> bm25_query('w3 w9 w20', 'parts_body'))$$, '1 - d / 2', :both || $$, filter => 'id >= 150'$$, candidates => 400, sql_filter => 'id >= 150') a;
-- a partition by itself has its own statistics
SELECT a.* FROM agree('parts_2b', :d, $$-(body <@> bm25_query('w3 w9 w20', 'parts_2b_body_idx'))$$, '1 - d / 2', :both) a;
CREATE TABLE bare (body text, n integer) PARTITION BY RANGE (n);
CREATE TABLE bare_1 PARTITION OF bare FOR VALUES FROM (0) TO (10);
CREATE TABLE bare_2 PARTITION OF bare FOR VALUES FROM (10) TO (20);
CREATE INDEX ON bare USING vecstore_bm25 (body);
INSERT INTO bare VALUES ('red', 1), ('red red', 11), ('red', 12), ('blue', 2);
SELECT doc, text_rank FROM hybrid_search(NULL::bare, 'red');
CREATE TEMP TABLE temporary AS SELECT * FROM docs;
ALTER TABLE temporary ADD PRIMARY KEY (id);
CREATE INDEX temporary_v ON temporary USING vecstore (embedding vecstore_cosine_ops);
CREATE INDEX temporary_body ON temporary USING vecstore_bm25 (body);
SELECT a.* FROM agree('temporary', :d, $$-(body <@> bm25_query('w3 w9 w20', 'temporary_body'))$$, '1 - d / 2', :both) a;
CREATE MATERIALIZED VIEW kept AS SELECT id, body, embedding FROM docs;
CREATE INDEX ON kept USING vecstore (embedding vecstore_cosine_ops);
CREATE INDEX kept_body ON kept USING vecstore_bm25 (body);
SELECT (h.doc).id, h.vector_rank, h.text_rank FROM hybrid_search(NULL::kept, 'w3 w9 w20', clustered(1000, 8), k => 3) h;
SELECT (h.doc).id, h.vector_rank, h.text_rank FROM hybrid_search(NULL::docs, 'w3 w9 w20', clustered(1000, 8), k => 3) h;

-- views: of a table's rows, of other views, with other names, orders and expressions
CREATE VIEW seen AS SELECT embedding AS place, lang, body AS words, id, metadata->>'title' AS title FROM docs WHERE lang <> 'fr';
CREATE VIEW seen_again WITH (security_barrier) AS SELECT id, words, place AS spot, title, upper(words) AS loud FROM seen WHERE id % 2 = 0;
SELECT a.* FROM agree('seen', $$place <=> clustered(1000, 8)$$, $$-(words <@> bm25_query('w3 w9 w20', 'docs_body'))$$, '1 - d / 2', :both) a;
SELECT a.* FROM agree('seen_again', $$spot <=> clustered(1000, 8)$$, $$-(words <@> bm25_query('w3 w9 w20', 'docs_body'))$$, '1 - d / 2', :both) a;
SELECT a.* FROM agree('seen', $$place <=> clustered(1000, 8)$$, $$-(words <@> bm25_query('w3 w9 w20', 'docs_body'))$$, '1 - d / 2',
	:both || $$, vector_column => 'place', text_column => 'words', filter => 'lang = ''en'''$$, sql_filter => $$lang = 'en'$$) a;
-- the planner finds the indexes below
SET enable_seqscan = off;
SELECT vecstore_stat_reset();
SELECT a.* FROM agree('seen', $$place <=> clustered(1000, 8)$$, $$-(words <@> bm25_query('w3 w9 w20', 'docs_body'))$$, '1 - d / 2', :both) a;
SELECT scans FROM vecstore_stat_indexes WHERE indexrelid = 'docs_embedding'::regclass;
RESET enable_seqscan;
CREATE INDEX docs_title ON docs USING vecstore_bm25 ((metadata->>'title'));
SELECT outcome($$SELECT hybrid_search(NULL::seen, 'w3')$$);
SELECT a.* FROM agree('seen_again', $$spot <=> clustered(1000, 8)$$, $$-(title <@> bm25_query('w3 w9', 'docs_title'))$$, '1 - d / 2',
	$$query_text => 'w3 w9', query_vector => clustered(1000, 8), text_column => 'title'$$) a;
DROP INDEX docs_title;
CREATE VIEW parts_seen AS SELECT * FROM parts;
SELECT a.* FROM agree('parts_seen', :d, $$-(body <@> bm25_query('w3 w9 w20', 'parts_body'))$$, '1 - d / 2', :both, candidates => 400) a;
CREATE VIEW without_key AS SELECT body, embedding FROM docs;
CREATE VIEW without_text AS SELECT id, lower(body) AS body, embedding FROM docs;
CREATE VIEW joined AS SELECT d.* FROM docs d JOIN few USING (id);
CREATE VIEW grouped AS SELECT lang, min(body) AS body FROM docs GROUP BY lang;
CREATE VIEW constants AS SELECT 1 AS id, 'w3'::text AS body;
SELECT v, outcome(format($$SELECT hybrid_search_keys(%L, 'w3')$$, v)) FROM unnest(ARRAY['without_key', 'without_text', 'joined', 'grouped', 'constants']) v;
-- views whose rows are no rows of a table, or not as they are there
DO $$
DECLARE
	body text;
	n int := 0;
BEGIN
	FOREACH body IN ARRAY ARRAY[
		'SELECT id, body FROM docs UNION ALL SELECT id, body FROM docs',
		'SELECT id, body FROM docs GROUP BY GROUPING SETS ((id, body))',
		'SELECT id, body FROM docs GROUP BY id HAVING count(*) > 0',
		'SELECT DISTINCT ON (body) id, body FROM docs',
		'SELECT max(id) AS id, max(body) AS body FROM docs',
		'SELECT 1 AS id, ''w3''::text AS body FROM docs HAVING true',
		'SELECT id, body, rank() OVER (ORDER BY id) FROM docs',
		'SELECT id, body, generate_series(1, 2) FROM docs',
		'SELECT a.id, b.body FROM docs a, docs b',
		'SELECT a.id, a.body FROM docs a LEFT JOIN few b USING (id)',
		'SELECT id, body FROM docs TABLESAMPLE SYSTEM (100)',
		'SELECT id, body FROM (SELECT id, body FROM docs) s',
		'SELECT id, body FROM docs ORDER BY lang, id LIMIT 5',
		'SELECT id, (SELECT body) AS body FROM docs',
		'SELECT id, tableoid::text AS body FROM docs',
		'WITH c AS (SELECT id, body FROM docs) SELECT id, body FROM c']
	LOOP
		n := n + 1;
		EXECUTE format('CREATE VIEW of_kind_%s AS %s', n, body);
		RAISE NOTICE '%: %', body, outcome(format('SELECT count(*) FROM hybrid_search_keys(%L, ''w3'')', 'of_kind_' || n));
	END LOOP;
END
$$;
-- some rows of a table: those, and no others
SELECT count(*) AS found, count(*) FILTER (WHERE s.id IS NULL) AS others, (SELECT count(*) FROM of_kind_13 WHERE to_tsvector('simple', body) @@ 'w3') AS expected
	FROM hybrid_search_keys('of_kind_13', 'w3') h LEFT JOIN of_kind_13 s ON s.id = (h.key->>'id')::int;
SELECT outcome($$SELECT hybrid_search(NULL::without_key, 'w3')$$);
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE elsewhere (id integer, body text) SERVER nowhere;
SELECT outcome($$SELECT hybrid_search(NULL::elsewhere, 'w3')$$);
CREATE FOREIGN TABLE bare_3 PARTITION OF bare FOR VALUES FROM (20) TO (30) SERVER nowhere;
SELECT outcome($$SELECT hybrid_search(NULL::bare, 'w3')$$);
SELECT doc FROM hybrid_search(NULL::bare_2, 'red');
CREATE TYPE composite AS (id integer, body text);
SELECT outcome($$SELECT hybrid_search(NULL::composite, 'w3')$$);
SELECT outcome($$SELECT hybrid_search(NULL::integer, 'w3')$$);
SELECT outcome($$SELECT hybrid_search(NULL, 'w3')$$);
SELECT outcome($$SELECT hybrid_search_keys(NULL, 'w3')$$);
SELECT outcome($$SELECT hybrid_search_keys('docs_body', 'w3')$$);
SELECT regexp_replace(outcome($$SELECT hybrid_search_keys(1::regclass, 'w3')$$), '\d+ does', 'N does');

-- ---- who may see what ----

CREATE ROLE hybrid_reader;
CREATE ROLE hybrid_stranger;
GRANT USAGE ON SCHEMA hybrid TO hybrid_reader, hybrid_stranger;
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY german ON docs TO hybrid_reader USING (lang = 'de');
GRANT SELECT ON docs, few, seen TO hybrid_reader;
CREATE VIEW invoked WITH (security_invoker) AS SELECT * FROM docs WHERE id > 50;
CREATE VIEW lent AS SELECT * FROM docs WHERE id > 50;
GRANT SELECT ON invoked, lent TO hybrid_reader, hybrid_stranger;
SET ROLE hybrid_reader;
SELECT a.* FROM agree('docs', :d, :t, '1 - d / 2', :both) a;
SELECT a.* FROM agree('docs', :d, :t, '1 - d / 2', :both, method => 'rrf', k => 200, candidates => 200) a;
SELECT count(*), bool_and((doc).lang = 'de') FROM hybrid_search(NULL::docs, 'w3 w9 w20', clustered(1000, 8), k => 300);
SELECT a.* FROM agree('invoked', :d, :t, '1 - d / 2', :both) a;
SELECT count(*), bool_and((doc).lang = 'de') FROM hybrid_search(NULL::invoked, 'w3 w9 w20', clustered(1000, 8), k => 300);
-- an ordinary view has its owner's rows
SELECT count(DISTINCT (doc).lang) FROM hybrid_search(NULL::lent, 'w3 w9 w20', clustered(1000, 8), k => 300);
RESET ROLE;
-- without rights on the table a view that lends them serves for vectors; statistics of the text want rights
SET ROLE hybrid_stranger;
SELECT count(DISTINCT (doc).lang) FROM hybrid_search(NULL::lent, query_vector => clustered(1000, 8), k => 300);
SELECT outcome($$SELECT hybrid_search(NULL::lent, 'w3')$$);
SELECT outcome($$SELECT hybrid_search(NULL::invoked, query_vector => clustered(1000, 8))$$);
SELECT outcome($$SELECT hybrid_search(NULL::docs, 'w3')$$);
SELECT outcome($$SELECT hybrid_search_keys('hybrid.few', 'w3')$$);
RESET ROLE;
-- rights on some columns are enough for the keys
GRANT SELECT (id, body) ON few TO hybrid_stranger;
SET ROLE hybrid_stranger;
SELECT key FROM hybrid_search_keys('few', 'wind');
SELECT outcome($$SELECT hybrid_search(NULL::few, 'wind')$$);
SELECT outcome($$SELECT hybrid_search_keys('few', query_vector => '[1,0]')$$);
RESET ROLE;
-- the operators of somebody else's search_path mean nothing
CREATE SCHEMA trap;
CREATE FUNCTION trap.fail(float8, float8) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION trap.fail_comparison(float8, float8) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION trap.fail_distance(vecstore, vecstore) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION trap.fail_integer(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR trap.+ (LEFTARG = float8, RIGHTARG = float8, FUNCTION = trap.fail);
CREATE OPERATOR trap.- (LEFTARG = float8, RIGHTARG = float8, FUNCTION = trap.fail);
CREATE OPERATOR trap.* (LEFTARG = float8, RIGHTARG = float8, FUNCTION = trap.fail);
CREATE OPERATOR trap./ (LEFTARG = float8, RIGHTARG = float8, FUNCTION = trap.fail);
CREATE OPERATOR trap.< (LEFTARG = float8, RIGHTARG = float8, FUNCTION = trap.fail_comparison);
CREATE OPERATOR trap.>= (LEFTARG = float8, RIGHTARG = float8, FUNCTION = trap.fail_comparison);
CREATE OPERATOR trap.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = trap.fail_integer);
CREATE OPERATOR trap.<=> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = trap.fail_distance);
CREATE OPERATOR trap.<-> (LEFTARG = vecstore, RIGHTARG = vecstore, FUNCTION = trap.fail_distance);
CREATE FUNCTION trap.min(float8) RETURNS float8 LANGUAGE sql AS 'SELECT 1/0::float8';
SET search_path = trap, hybrid, public, pg_catalog;
SELECT outcome('SELECT 1::float8 + 1');
SELECT key, round(pg_catalog.float8(score)::numeric, 6) FROM public.hybrid_search_keys('few', 'solar', '[1,0]', k => 2, filter => 'id < 6');
SELECT (doc).id FROM hybrid_search(NULL::same, 'b', '[1,0]');
SELECT (doc).id FROM hybrid_search(NULL::casts, query_vector => '[1,0]');
SET search_path = '';
SELECT (doc).id FROM public.hybrid_search(NULL::hybrid.few, 'solar', '[1,0]', k => 2);
SET search_path = hybrid, public;

-- ---- how it is called ----

PREPARE p(text, vecstore, integer) AS SELECT (doc).id, vector_rank, text_rank FROM hybrid_search(NULL::docs, $1, $2, k => $3);
SET plan_cache_mode = force_generic_plan;
EXECUTE p('w3 w9 w20', clustered(1000, 8), 3);
EXECUTE p('w3', NULL, 2);
EXECUTE p(NULL, clustered(1000, 8), 2);
DROP INDEX docs_body;
SELECT outcome($$EXECUTE p('w3', NULL, 2)$$);
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
EXECUTE p('w3', NULL, 2);
RESET plan_cache_mode;
CREATE FUNCTION search(words text, place vecstore) RETURNS SETOF docs LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN QUERY SELECT (h.doc).* FROM hybrid_search(NULL::docs, words, place, k => 3) h;
END
$$;
SELECT id FROM search('w3 w9 w20', clustered(1000, 8));
SELECT bool_and(through = direct AND cardinality(direct) = 3) FROM generate_series(1, 12) i,
	LATERAL (SELECT array_agg(id) FROM search('w' || i, clustered(i, 8))) s(through),
	LATERAL (SELECT array_agg((doc).id) FROM hybrid_search(NULL::docs, 'w' || i, clustered(i, 8), k => 3)) h(direct);
SELECT q, h.key, h.vector_rank, h.text_rank FROM (VALUES ('solar', '[1,0]'::vecstore), ('wind', '[0,1]'), (NULL, '[0,1]'), ('power', NULL)) v(q, e), hybrid_search_keys('few', q, e, k => 2) h;
SELECT d.id, h.score > 0 AS good FROM hybrid_search_keys('docs', 'w3 w9 w20', clustered(1000, 8), k => 2) h JOIN docs d ON d.id = (h.key->>'id')::integer ORDER BY h.score DESC;
BEGIN TRANSACTION READ ONLY;
SELECT (doc).id FROM hybrid_search(NULL::few, 'solar', '[1,0]', k => 1);
COMMIT;
BEGIN;
DECLARE c CURSOR FOR SELECT (doc).id FROM hybrid_search(NULL::few, 'solar', '[1,0]') h;
DELETE FROM few;
FETCH 2 FROM c;
ROLLBACK;
SELECT set_config(name, 'on', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
SELECT count(*) FROM hybrid_search(NULL::docs, 'w3', clustered(1000, 8));
SELECT set_config(name, 'off', false) FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query');

-- ---- arguments ----

SELECT a, outcome(format($$SELECT hybrid_search(NULL::few, 'solar', '[1,0]', %s)$$, a)) FROM unnest(ARRAY[
	'alpha => -0.1', 'alpha => 1.1', 'alpha => ''NaN''', 'method => ''max''', 'method => ''''', 'k => 0', 'k => -1', 'k => 10001', 'k => 20, candidates => 19', 'candidates => 100001',
	'rrf_k => -1', 'filter => ''nosuch = 1''', 'filter => ''id =''', 'filter => ''id = $x''', 'filter => ''id = $x'', filter_params => ''[1]''',
	'filter => ''id = 1; DROP TABLE few''']) a;
SELECT outcome($$SELECT hybrid_search(NULL::few)$$);
SELECT outcome($$SELECT hybrid_search(NULL::few, 'solar', '[1,0,0]')$$);
SELECT provolatile, proparallel, proisstrict, proretset FROM pg_proc WHERE proname IN ('hybrid_search', 'hybrid_search_keys');

SET client_min_messages = warning;
RESET search_path;
DROP SCHEMA trap CASCADE;
DROP SCHEMA hybrid CASCADE;
DROP SERVER nowhere CASCADE;
DROP FOREIGN DATA WRAPPER nowhere;
DROP ROLE hybrid_reader;
DROP ROLE hybrid_stranger;
