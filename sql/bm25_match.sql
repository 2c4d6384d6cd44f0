-- The access method vecstore_bm25: WHERE column @@ query.
CREATE SCHEMA bm25_match;
SET search_path = bm25_match, public;

-- The ids that a condition keeps, in order: without an index, by a bitmap, by an index scan; an error if
-- the plan is another one.
CREATE FUNCTION ids(source text, condition text, how text, OUT ids integer[]) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT array_agg(id ORDER BY id) FROM %s WHERE %s', source, condition);
	line text;
	plan text := '';
BEGIN
	PERFORM set_config('enable_seqscan', CASE how WHEN 'Seq Scan' THEN 'on' ELSE 'off' END, true),
		set_config('enable_bitmapscan', CASE how WHEN 'Bitmap Index Scan' THEN 'on' ELSE 'off' END, true),
		set_config('enable_indexscan', CASE how WHEN 'Index Scan' THEN 'on' ELSE 'off' END, true);
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		plan := plan || line || E'\n';
	END LOOP;
	IF strpos(plan, how) = 0 OR (how <> 'Seq Scan' AND strpos(plan, 'Seq Scan') > 0) THEN
		RAISE 'no %: %', how, plan;
	END IF;
	EXECUTE query INTO ids;
	PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true), set_config('enable_indexscan', 'on', true);
	ids := coalesce(ids, '{}');
END
$$;
CREATE FUNCTION found(source text, condition text, OUT ids integer[], OUT same boolean) LANGUAGE sql AS $$
	SELECT s, s = b AND s = i FROM ids(source, condition, 'Seq Scan') s, ids(source, condition, 'Bitmap Index Scan') b, ids(source, condition, 'Index Scan') i
$$;

-- ---- a few rows: all can be checked by hand ----

CREATE TABLE few (id integer, body text);
INSERT INTO few VALUES (1, 'Solar cells convert light'), (2, 'wind power and solar power'), (3, 'Cells of cells'), (4, NULL), (5, 'nothing'), (6, '');
CREATE INDEX few_body ON few USING vecstore_bm25 (body);
-- these rows are pending
INSERT INTO few VALUES (7, 'Thin-film solar'), (8, 'film, thin: solar'), (9, 'wind'), (10, NULL), (11, 'solar and cells; thin film');
SELECT q, f.* FROM unnest(ARRAY['solar', 'SOLAR & wind', 'solar wind', 'solar AND NOT wind', 'solar -wind -cells', '"thin film"', 'thin-film', '!"thin film" solar', '"thin fil"*', 'so* | li*',
	'"cells of"', '"of cells of"', '"cells cells"', 'nothing | light', '!solar', '!solar !cells', '!(solar | wind)', '!!solar', 'a | !solar', 'and', '... solar', '... | wind', '!...', '', ' ', '(nosuch | "thin film") cells',
	'"solar cells"', 'powe* -"solar power"', '"solar power" | "solar cells"', '!"film thin" & "thin film"']) WITH ORDINALITY u(q, n),
	found('few', format('body @@ bm25_query(%L, ''few_body'')', q)) f ORDER BY n;
SELECT outcome(format('SELECT array_agg(id) FROM few WHERE body @@ bm25_query(%L, ''few_body'')', q)) FROM unnest(ARRAY['AND', 'solar &', '| solar', 'solar (wind', 'solar)', 'say "thin film', 'é & & solar', repeat('!', 201) || 'solar', repeat('a', 65537)]) q;
-- the plan and the query as it is shown
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM few WHERE body @@ bm25_query('solar & !wind', 'few_body');
SET enable_indexscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM few WHERE body @@ bm25_query('solar', 'few_body') OR body @@ bm25_query('wind', 'few_body') AND id > 3;
SELECT id FROM few WHERE body @@ bm25_query('cells', 'few_body') OR body @@ bm25_query('wind', 'few_body') AND id > 3 ORDER BY id;
RESET enable_indexscan;
-- a phrase is looked at again, words are not
CREATE FUNCTION rechecked(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (ANALYZE, FORMAT json) SELECT id FROM few WHERE body @@ bm25_query(%L, ''few_body'')', query) INTO plan;
	RETURN coalesce(plan->0->'Plan'->>'Rows Removed by Index Recheck', 'none');
END
$$;
SELECT rechecked('"thin film"') AS phrase, rechecked('!"thin film"') AS no_phrase, rechecked('thin & film') AS words;
-- two keys, no query, rescans
SELECT id FROM few WHERE body @@ bm25_query('solar', 'few_body') AND body @@ bm25_query('"thin film" | power', 'few_body') ORDER BY id;
SELECT count(*) FROM few WHERE body @@ bm25_query(NULL, 'few_body');
SELECT q, array_agg(id ORDER BY id) FROM unnest(ARRAY['solar', 'wind', '', NULL, '"thin film"']) q, LATERAL (SELECT id FROM few WHERE body @@ bm25_query(q, 'few_body') OFFSET 0) f GROUP BY q ORDER BY q;
SELECT id FROM few WHERE body @@ ANY (ARRAY[bm25_query('wind', 'few_body'), bm25_query('"thin film"', 'few_body')]) ORDER BY id;
RESET enable_seqscan;
-- the function; many queries at one place of the plan
SELECT bm25_match('thin film', bm25_query('"thin film"', 'few_body')), bm25_match(NULL, bm25_query('a', 'few_body')), bm25_match('a', NULL);
SELECT id, string_agg(q, ', ' ORDER BY q) FROM few, unnest(ARRAY['solar', 'wind', '"thin film"', 'cells']) q WHERE bm25_match(body, bm25_query(q, 'few_body')) GROUP BY id ORDER BY id;
SELECT outcome('SELECT ''a'' @@ bm25_query(''a'', ''few'')');
-- with ORDER BY, in both orders of size, and without enough rows
SELECT id, round((body <@> 'cells thin')::numeric, 4) AS s FROM few WHERE body @@ bm25_query('solar', 'few_body') ORDER BY body <@> 'cells thin', id;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM few WHERE body @@ bm25_query('solar', 'few_body') ORDER BY body <@> 'cells thin' LIMIT 3;
SELECT id, round((body <@> 'cells thin')::numeric, 4) AS s FROM few WHERE body @@ bm25_query('solar', 'few_body') ORDER BY body <@> 'cells thin';
SELECT id FROM few WHERE body @@ bm25_query('"thin film"', 'few_body') ORDER BY body <@> 'cells' LIMIT 10;
SELECT id FROM few WHERE body @@ bm25_query('nosuch', 'few_body') ORDER BY body <@> 'cells' LIMIT 10;
SELECT id FROM few WHERE body @@ bm25_query('!solar', 'few_body') AND body @@ bm25_query('!nothing', 'few_body') ORDER BY body <@> 'cells' LIMIT 10;
RESET enable_seqscan;
RESET enable_sort;
RESET enable_bitmapscan;

-- ---- what other operators become of it: nothing ----

SELECT 'a b'::tsvector @@ 'a & b' AS literal, to_tsvector('simple', 'a b') @@ plainto_tsquery('simple', 'b') AS tsquery, 'a b'::text @@ 'b' AS two_texts, 'a b' @@ to_tsquery('b') AS one_text;

-- ---- random queries beside LIKE ----

CREATE FUNCTION words(i bigint, n integer, vocabulary integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg('w' || (power(abs(hashint8extended(i, k) / 9.3e18), 3) * vocabulary)::integer, ' ')
	FROM generate_series(1, 1 + abs(hashint8(i) % n)) k
$$;
CREATE FUNCTION dice(seed bigint, roll bigint, sides integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
	SELECT (abs(hashint8extended(seed, roll)) % sides)::integer
$$;
-- A query and the same in SQL; the column is b, with a space before and behind.
CREATE FUNCTION random_query(seed bigint, depth integer, OUT query text, OUT condition text) LANGUAGE plpgsql AS $$
DECLARE
	kind integer := dice(seed, 1, CASE WHEN depth > 0 THEN 9 ELSE 3 END);
	word text := words(seed, 1, 120);
	word2 text := words(seed + 1, 1, 12);
	a record;
	c record;
BEGIN
	IF kind <= 1 THEN
		query := word;
		condition := format('b LIKE ''%% %s %%''', word);
	ELSIF kind = 2 AND dice(seed, 2, 2) = 0 THEN
		query := format('"%s %s"', word, word2);
		condition := format('b LIKE ''%% %s %s %%''', word, word2);
	ELSIF kind = 2 THEN
		query := left(word, 2) || '*';
		condition := format('b LIKE ''%% %s%%''', left(word, 2));
	ELSE
		a := random_query(7 * seed + 1, depth - 1);
		c := random_query(7 * seed + 2, depth - 1);
		IF kind <= 5 THEN
			query := format('(%s%s%s)', a.query, (ARRAY[' ', ' & ', ' AND '])[kind - 2], c.query);
			condition := format('(%s AND %s)', a.condition, c.condition);
		ELSIF kind <= 7 THEN
			query := format('(%s | %s)', a.query, c.query);
			condition := format('(%s OR %s)', a.condition, c.condition);
		ELSE
			query := (ARRAY['!', '-', 'NOT '])[dice(seed, 3, 3) + 1] || a.query;
			condition := format('NOT %s', a.condition);
		END IF;
	END IF;
END
$$;
-- How many of the queries have the same rows in all ways; how many rows that is.
CREATE FUNCTION agree(source text, index text, queries integer, seed integer, OUT n integer, OUT same integer, OUT rows bigint) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE f.same AND f.ids = t.ids), sum(cardinality(f.ids))
	FROM generate_series(1, queries) i, random_query(seed * 1000 + i, 3) q,
		found(source, format('body @@ bm25_query(%L, %L)', q.query, index)) f,
		ids(format('(SELECT *, '' '' || body || '' '' AS b FROM %s) s', source), q.condition, 'Seq Scan') t
$$;
SELECT query, condition FROM unnest(ARRAY[4, 13, 20]) i, random_query(i, 3);
CREATE TABLE docs (id integer, body text, part integer);
INSERT INTO docs SELECT i, CASE WHEN i % 97 > 0 THEN words(i, 12, 200) END, i % 50 FROM generate_series(1, 3000) i;
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
SELECT n, same, rows > 20000 AS enough FROM agree('docs', 'docs_body', 100, 1);
-- pending rows
INSERT INTO docs SELECT i, CASE WHEN i % 97 > 0 THEN words(i, 12, 200) END, i % 50 FROM generate_series(3001, 3500) i;
SELECT pending_pages > 0 AS pending FROM bm25_index_info('docs_body');
SELECT n, same FROM agree('docs', 'docs_body', 60, 2);
-- several segments, rows deleted and changed, not vacuumed; then vacuumed
INSERT INTO docs SELECT i, words(i, 30, 200), i % 50 FROM generate_series(3501, 8000) i;
DELETE FROM docs WHERE part BETWEEN 20 AND 29;
UPDATE docs SET body = words(id + 9000, 12, 200) WHERE part < 10;
UPDATE docs SET body = NULL WHERE part = 11;
SELECT segments > 1 AS several, pending_pages > 0 AS pending FROM bm25_index_info('docs_body');
SELECT n, same FROM agree('docs', 'docs_body', 60, 3);
VACUUM (INDEX_CLEANUP ON) docs;
SELECT n, same FROM agree('docs', 'docs_body', 60, 4);
-- little memory: sets that do not fit are looked at by the executor
SET work_mem = '64kB';
SELECT n, same FROM agree('docs', 'docs_body', 40, 5);
SELECT cardinality(ids) > 5000 AS many, same FROM found('docs', format('body @@ bm25_query(%L, ''docs_body'')', (SELECT string_agg('w' || i || '*', ' | ') || ' | ' || string_agg('(w1 & w' || i || ')', ' | ') FROM generate_series(1, 60) i)));
RESET work_mem;
-- wide queries
SELECT cardinality(ids) > 1000 AS many, same FROM found('docs', format('body @@ bm25_query(%L, ''docs_body'')', (SELECT string_agg('w' || i, ' | ') FROM generate_series(20, 500) i)));
SELECT cardinality(ids) > 100 AS some, same FROM found('docs', format('body @@ bm25_query(%L, ''docs_body'')', (SELECT string_agg('-w' || i, ' ') FROM generate_series(20, 500) i)));
-- with an order: the same rows and scores as a sort
SELECT count(*), bool_and(same_rows AND same_order) FROM generate_series(1, 20) i, random_query(7000 + i, 2) q,
	compare(format('SELECT id, body <@> ''w1 w20'' FROM docs WHERE body @@ bm25_query(%L, ''docs_body'') ORDER BY 2', q.query));
SELECT bool_and(ids = whole[1:l]) FROM (SELECT array_agg(id) FROM (SELECT id FROM docs WHERE body @@ bm25_query('w2 | "w3 w1"', 'docs_body') ORDER BY body <@> 'w0 w3') q) w(whole),
	unnest(ARRAY[1, 31, 32, 33, 159, 160, 161, 500, 1000]) l,
	LATERAL (SELECT array_agg(id) FROM (SELECT id FROM docs WHERE body @@ bm25_query('w2 | "w3 w1"', 'docs_body') ORDER BY body <@> 'w0 w3' LIMIT l) q) p(ids);
-- bitmaps that no longer hold single rows
SET work_mem = '64kB';
SELECT ids('docs', 'body @@ bm25_query(''w1 | w2 | w5'', ''docs_body'')', 'Bitmap Index Scan') = ids('docs', 'body @@ bm25_query(''w1 | w2 | w5'', ''docs_body'')', 'Seq Scan') AS same;
RESET work_mem;

-- ---- tsvector @@ tsquery beside the operator without an index ----

-- A tsquery with weights, prefixes, phrases, and NOTs within them.
CREATE FUNCTION random_tsquery(seed bigint, depth integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	kind integer := dice(seed, 1, CASE WHEN depth > 0 THEN 9 ELSE 3 END);
	word text := words(seed, 1, 60);
BEGIN
	IF kind <= 2 THEN
		RETURN (ARRAY[word, word, word, word || ':' || substr('ABCD', dice(seed, 2, 4) + 1, 1), left(word, 2) || ':*', left(word, 2) || ':*AB'])[dice(seed, 3, 6) + 1];
	ELSIF kind <= 7 THEN
		RETURN format('(%s %s %s)', random_tsquery(7 * seed + 1, depth - 1), (ARRAY['&', '|', '<->', '<2>', '&'])[kind - 2], random_tsquery(7 * seed + 2, depth - 1));
	ELSE
		RETURN '!' || random_tsquery(7 * seed + 1, depth - 1);
	END IF;
END
$$;
CREATE TABLE vectors (id integer, body tsvector);
INSERT INTO vectors SELECT id, CASE id % 3 WHEN 0 THEN strip(to_tsvector('simple', body)) WHEN 1 THEN setweight(to_tsvector('simple', body), 'B') || setweight(to_tsvector('simple', words(id, 3, 60)), 'A') ELSE to_tsvector('simple', body) END FROM docs WHERE id < 2500;
INSERT INTO vectors VALUES (9001, ''), (9002, to_tsvector('simple', repeat('x', 300) || ' ' || repeat('x', 255))), (9003, to_tsvector('simple', repeat('x', 254))), (9004, NULL);
CREATE INDEX vectors_body ON vectors USING vecstore_bm25 (body) WITH (tokenizer = 'pg_catalog.simple');
INSERT INTO vectors SELECT 10000 + id, to_tsvector('simple', body) FROM docs WHERE id BETWEEN 2500 AND 2700;
SELECT random_tsquery(i, 3) FROM unnest(ARRAY[3, 4, 9, 21]) i;
SELECT count(*), count(*) FILTER (WHERE same), sum(cardinality(ids)) > 20000 AS enough FROM generate_series(1, 150) i, found('vectors', format('body @@ %L::tsquery', random_tsquery(i, 3)));
SET client_min_messages = warning;
SELECT left(q, 20) || '...' AS q, length(q), cardinality(ids) AS n, same FROM unnest(ARRAY['', 'w1 & w1', '!nosuch', '!w1 & !w0', 'w1 <-> !w0', '!(w1 <-> w0)', repeat('x', 300), repeat('x', 255), repeat('x', 254), repeat('x', 250) || ':*', repeat('x', 299) || ':*', '!' || repeat('x', 300)]) WITH ORDINALITY u(q, o),
	LATERAL (SELECT f.* FROM found('vectors', format('body @@ %L::tsquery', q)) f) f ORDER BY o;
RESET client_min_messages;
-- deep and wide
SELECT cardinality(ids) > 10 AS some, same FROM found('vectors', format('body @@ %L::tsquery', (SELECT repeat('(', 300) || 'w1' || string_agg(CASE WHEN i % 2 = 0 THEN ' | w' || i % 40 ELSE ' & !w' || i + 500 END || ')', '') FROM generate_series(1, 300) i)));
SELECT cardinality(ids) > 100 AS many, same FROM found('vectors', format('body @@ %L::tsquery', (SELECT string_agg('w' || i, ' | ') FROM generate_series(1, 2000) i)));
SELECT cardinality(ids) AS n, same FROM found('vectors', format('body @@ %L::tsquery', (SELECT string_agg('w' || i, ' & ') FROM generate_series(1, 2000) i)));
SELECT count(*), bool_and(same_rows AND same_order) FROM generate_series(1, 20) i,
	compare(format('SELECT id, body <@> ''w1 w20'' FROM vectors WHERE body @@ %L::tsquery ORDER BY 2', random_tsquery(i, 2)));
-- the function: positions where there are some
SELECT v, bm25_match(v, bm25_query('"a b"', 'vectors_body')) AS phrase, bm25_match(v, bm25_query('a b', 'vectors_body')) AS words, bm25_match(v, bm25_query('a & !b*', 'vectors_body')) AS no_prefix
	FROM unnest(ARRAY['a:1 b:2', 'a:2 b:1', 'a b', 'a:1,5 bc:7 b:6', '', 'a:1 c:2']::tsvector[]) v;
SELECT outcome('SELECT ''a''::text @@ bm25_query(''a'', ''vectors_body'')');
-- a domain
CREATE DOMAIN vector_domain AS tsvector;
CREATE TABLE domains (id integer, body vector_domain);
INSERT INTO domains SELECT id, body FROM vectors WHERE id < 100;
CREATE INDEX domains_body ON domains USING vecstore_bm25 (body);
SELECT tokenizer_version FROM bm25_index_info('domains_body');
SELECT cardinality(ids) > 0 AS some, same FROM found('domains', 'body @@ ''w1''::tsquery');

-- ---- tokenizers ----

CREATE TABLE texts (id integer, body text);
INSERT INTO texts VALUES (1, 'The houses ran fast'), (2, 'HOUSE-BOATS of the fast'), (3, 'fast the house'), (4, 'a"b 東京都に住む'), (5, 'well-known house of cards'), (6, 'ab-123 abc12'), (7, 'fast house of');
CREATE FUNCTION try(tokenizer text, options text, VARIADIC queries text[]) RETURNS TABLE (query text, ids integer[], same boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE INDEX texts_body ON texts USING vecstore_bm25 (body) WITH (tokenizer = %L%s)', tokenizer, options);
	RETURN QUERY SELECT q, f.* FROM unnest(queries) q, found('texts', format('body @@ bm25_query(%L, ''texts_body'')', q)) f;
	DROP INDEX texts_body;
END
$$;
SELECT * FROM try('simple', '', '"fast house"', 'house-boats', '東京都', '東京', '"東京都に住む"', 'the', 'HOUSE*');
SELECT * FROM try('whitespace', '', 'house', 'HOUSE*', '"a""b"', 'ab-123', '"ab-123 abc12"');
-- stop words are dropped, but leave their place
SELECT * FROM try('language', ', stopwords = lucene', 'the', 'the house', '!the house', '"fast house"', '"fast the house"', '"fast a house"', 'houses*', '"house of cards"', '"house cards"');
SELECT * FROM try('english', '', 'the', 'the house', '"fast house"', '"fast the house"', 'houses', 'hous*', 'well-known', '"well-known house"');
SELECT * FROM try('ngram', '', 'oats', 'hou', 'b-12', 'b-1*', 'bc', '"b-123 abc"', 'o', '!ast');
SELECT * FROM try('ngram', ', min_gram = 3, max_gram = 3', 'oats', 'ho', 'ho*', 'house');

-- ---- which index ----

-- two indexes with other terms: the query's index says what matches, whichever is scanned
CREATE INDEX texts_simple ON texts USING vecstore_bm25 (body);
SELECT * FROM found('texts', 'body @@ bm25_query(''houses'', ''texts_simple'')');
CREATE INDEX texts_language ON texts USING vecstore_bm25 (body) WITH (tokenizer = language);
SELECT i, f.* FROM unnest(ARRAY['texts_simple', 'texts_language']) i, found('texts', format('body @@ bm25_query(''houses'', %L)', i)) f;
DROP INDEX texts_simple;
CREATE TABLE alone (id integer, body text);
CREATE INDEX alone_body ON alone USING vecstore_bm25 (body);
INSERT INTO alone TABLE texts;
SELECT i, f.* FROM unnest(ARRAY['alone_body', 'texts_language']) i, found('alone', format('body @@ bm25_query(''houses'', %L)', i)) f;
-- an expression, a partial index
CREATE TABLE meta (id integer, metadata jsonb, lang text);
INSERT INTO meta SELECT id, jsonb_build_object('title', body), CASE WHEN id % 2 = 0 THEN 'en' ELSE 'de' END FROM docs;
CREATE INDEX meta_en ON meta USING vecstore_bm25 ((metadata->>'title')) WHERE lang = 'en';
ANALYZE meta;
SELECT cardinality(ids) > 10 AS some, same FROM found('meta', 'metadata->>''title'' @@ bm25_query(''w1 "w2 w0"'', ''meta_en'') AND lang = ''en''');
-- partitions, by the index of all and of one
CREATE TABLE parts (id integer, body text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (2000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (2000) TO (10000);
CREATE INDEX parts_body ON parts USING vecstore_bm25 (body);
INSERT INTO parts SELECT id, body FROM docs;
SELECT n, same FROM agree('parts', 'parts_body', 20, 6);
SELECT n, same FROM agree('parts', 'parts_1_body_idx', 20, 7);
-- a temporary table
CREATE TEMP TABLE temporary (id integer, body text);
CREATE INDEX temporary_body ON temporary USING vecstore_bm25 (body);
INSERT INTO temporary SELECT id, body FROM docs;
SELECT n, same FROM agree('temporary', 'temporary_body', 20, 8);
-- the last words of a dictionary of several pages
CREATE TABLE many (id integer, body text);
INSERT INTO many SELECT i, 'w' || i FROM generate_series(10000, 12999) i;
CREATE INDEX many_body ON many USING vecstore_bm25 (body);
SELECT q, cardinality(ids), same FROM unnest(ARRAY['w*', 'w10*', 'w12*', 'w12999*', 'x*']) q, found('many', format('body @@ bm25_query(%L, ''many_body'')', q));

-- ---- operator classes: the search operator with another right side ----

CREATE OPERATOR CLASS bad_match FOR TYPE text USING vecstore_bm25 AS OPERATOR 1 <@> (text, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (text, bm25query) FOR ORDER BY float_ops, OPERATOR 3 = (text, text);
CREATE OPERATOR CLASS bad_tsvector FOR TYPE tsvector USING vecstore_bm25 AS OPERATOR 1 <@> (tsvector, text) FOR ORDER BY float_ops,
	OPERATOR 2 <@> (tsvector, bm25query) FOR ORDER BY float_ops, OPERATOR 3 = (tsvector, tsvector);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname IN ('bad_match', 'bad_tsvector', 'bm25_text_ops', 'bm25_tsvector_ops') ORDER BY opcname COLLATE "C";

-- ---- the planner ----

CREATE TABLE big (id integer, body text);
INSERT INTO big SELECT i, CASE WHEN i % 10 > 0 THEN 'all ' || CASE WHEN i % 2 = 0 THEN 'half ' ELSE '' END || CASE WHEN i % 1000 = 1 THEN 'rare ' ELSE '' END || words(i, 12, 1000) END FROM generate_series(1, 20000) i;
CREATE INDEX big_body ON big USING vecstore_bm25 (body);
ANALYZE big;
CREATE FUNCTION estimate(condition text, source text DEFAULT 'big') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) SELECT * FROM ' || source || ' WHERE ' || condition INTO plan;
	RETURN plan->0->'Plan'->>'Plan Rows';
END
$$;
-- 20000 rows, 18000 of which have a text
SELECT q, estimate(format('body @@ bm25_query(%L, ''big_body'')', q)) FROM unnest(ARRAY['all', 'half', 'rare', 'nosuch', 'half & rare', 'half | rare', '!half', '!nosuch', 'ra*', '"half rare"', '', 'rare &']) q;
SELECT estimate('body @@ bm25_query(''rare'', 0)'), estimate('body @@ bm25_query(''rare'', ''big'')'), estimate('body @@ NULL::bm25query'), estimate('body @@ (SELECT bm25_query(''rare'', ''big_body''))');
EXPLAIN (COSTS OFF) SELECT id FROM big WHERE body @@ bm25_query('rare', 'big_body');
EXPLAIN (COSTS OFF) SELECT id FROM big WHERE body @@ bm25_query('half w7', 'big_body') LIMIT 4;
EXPLAIN (COSTS OFF) SELECT id FROM big WHERE body @@ bm25_query('rare', 'big_body') ORDER BY body <@> 'w1' LIMIT 10;
EXPLAIN (COSTS OFF) SELECT id FROM big WHERE body @@ bm25_query('all', 'big_body') ORDER BY body <@> 'w1' LIMIT 10;
SET plan_cache_mode = force_generic_plan;
PREPARE p(text) AS SELECT count(*) FROM big WHERE body @@ bm25_query($1, 'big_body');
EXPLAIN (COSTS OFF) EXECUTE p('rare');
EXECUTE p('rare');
EXECUTE p('rare | !half');
RESET plan_cache_mode;
DEALLOCATE p;

-- ---- rights: who may not read the column learns nothing from an estimate ----

CREATE ROLE bm25_matcher;
GRANT USAGE ON SCHEMA bm25_match TO bm25_matcher;
CREATE TABLE open (id integer, body text);
GRANT SELECT ON open TO bm25_matcher;
INSERT INTO open SELECT i, 'x' FROM generate_series(1, 20000) i;
ANALYZE open;
SET ROLE bm25_matcher;
SELECT estimate('body @@ bm25_query(''half'', ''big_body'')', 'open');
RESET ROLE;
REVOKE ALL ON open FROM bm25_matcher;
REVOKE USAGE ON SCHEMA bm25_match FROM bm25_matcher;
DROP ROLE bm25_matcher;

SET client_min_messages = warning;
DROP SCHEMA bm25_match CASCADE;
