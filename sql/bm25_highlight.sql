-- bm25_highlight, bm25_snippet: the words that a query has found, in the text.
CREATE SCHEMA highlight;
SET search_path = highlight, public;

CREATE TABLE docs (id integer PRIMARY KEY, body text, title varchar(100));
INSERT INTO docs VALUES
	(1, 'Solar cells convert light; the SOLAR-powered cell ran.', 'Running'),
	(2, 'wind power', 'runs'),
	(3, NULL, NULL),
	(4, '', '');
CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);

-- ---- the index is found, or named ----

SELECT id, bm25_highlight(body, 'solar cells') FROM docs ORDER BY id;
SELECT id, bm25_highlight(body, bm25_query('Wind SOLAR', 'docs_body'), '[', ']') FROM docs ORDER BY id;
EXPLAIN (COSTS OFF, VERBOSE) SELECT bm25_highlight(body, 'solar') FROM docs;
-- as with <@>: views, parameters, varchar, expressions; a CTE needs the name
CREATE INDEX docs_title ON docs USING vecstore_bm25 (title) WITH (tokenizer = 'language');
CREATE INDEX docs_both ON docs USING vecstore_bm25 ((title || ' ' || body)) WITH (tokenizer = 'english');
CREATE VIEW seen AS SELECT id AS number, body AS words FROM docs;
SELECT bm25_highlight(words, 'light') FROM seen WHERE number = 1;
SELECT bm25_highlight(title, 'run'), bm25_highlight(title || ' ' || body, 'runs power', '<i>', '</i>') FROM docs WHERE id = 2;
PREPARE p(text) AS SELECT bm25_highlight(body, $1), bm25_snippet(body, $1, 2) FROM docs WHERE id = 2;
SET plan_cache_mode = force_generic_plan;
EXECUTE p('power');
EXECUTE p('wind');
EXECUTE p(NULL);
RESET plan_cache_mode;
SELECT q, bm25_highlight(body, q) FROM docs, unnest(ARRAY['light', 'ran', '', 'the']) q WHERE id = 1;
WITH c AS MATERIALIZED (SELECT body FROM docs WHERE id = 2) SELECT bm25_highlight(body, bm25_query('wind', 'docs_body')) FROM c;
SELECT outcome('WITH c AS MATERIALIZED (SELECT body FROM docs) SELECT bm25_highlight(body, ''wind'') FROM c');
SELECT outcome('SELECT bm25_snippet(body || id, ''wind'') FROM docs');
CREATE INDEX docs_second ON docs USING vecstore_bm25 (body);
SELECT outcome('SELECT bm25_highlight(body, ''wind'') FROM docs');
DROP INDEX docs_second;
SELECT outcome('SELECT bm25_highlight(body, bm25_query(''wind'', ''docs'')) FROM docs');

-- a document that is not in the index; partitions; an index on tsvector tells its configuration
SELECT bm25_highlight('Light winds, and no wind', bm25_query('wind', 'docs_body'));
CREATE TABLE parts (id integer, body text) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE INDEX parts_body ON parts USING vecstore_bm25 (body);
INSERT INTO parts VALUES (1, 'one sun');
SELECT bm25_highlight(body, 'sun') FROM parts;
CREATE TABLE vectors (body text, tsv tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED);
CREATE INDEX vectors_tsv ON vectors USING vecstore_bm25 (tsv) WITH (tokenizer = 'english');
INSERT INTO vectors VALUES ('The runner is running');
SELECT bm25_highlight(body, bm25_query('the runs', 'vectors_tsv')) FROM vectors ORDER BY tsv <@> 'the runs';

-- an index that is gone
CREATE TABLE kept AS SELECT bm25_query('solar', 'docs_both') AS query;
SELECT bm25_highlight('The sun is solar', query) FROM kept;
DROP INDEX docs_both;
SELECT regexp_replace(outcome('SELECT bm25_highlight(''The sun is solar'', query) FROM kept'), 'OID \d+', 'OID ...');

-- ---- NULLs, tags, queries ----

SELECT bm25_highlight(NULL, bm25_query('a', 'docs_body')), bm25_highlight('a', NULL::bm25query), bm25_highlight('a', bm25_query('a', 'docs_body'), NULL), bm25_highlight('a', bm25_query('a', 'docs_body'), '<', NULL);
SELECT bm25_highlight(body, 'wind', E'\\1 "''', E'"\\0&%s') AS backslashes_and_quotes, bm25_highlight(body, 'wind', '', '') AS none, bm25_highlight(body, 'wind', end_tag => '!') AS named FROM docs WHERE id = 2;
-- no syntax in a query
SELECT query, bm25_highlight(body, query) FROM unnest(ARRAY['', ' !?', 'nosuch', 'cell & !light', '"solar cells"', 'solar OR -ran', 'sol*', 'light light']) query, docs WHERE id = 1;
-- nothing is escaped; one way to do that
CREATE FUNCTION escape(t text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT replace(replace(replace(t, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
$$;
SELECT bm25_highlight(t, q) AS plain,
	replace(replace(escape(bm25_highlight(translate(t, E'\x01\x02', ''), q, E'\x01', E'\x02')), E'\x01', '<b>'), E'\x02', '</b>') AS escaped
	FROM (VALUES (E'<script>alert("wind") && \x01b\x02</script>')) v(t), bm25_query('wind', 'docs_body') q;

-- ---- every tokenizer ----

CREATE FUNCTION try(tokenizer text, document text, query text, options text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	CREATE TABLE tried (body text);
	EXECUTE format('CREATE INDEX tried_body ON tried USING vecstore_bm25 (body) WITH (tokenizer = %L%s)', tokenizer, options);
	EXECUTE 'SELECT bm25_highlight($1, bm25_query($2, ''tried_body''), ''['', '']'')' INTO result USING document, query;
	DROP TABLE tried;
	RETURN result;
END
$$;
SELECT tokenizer, query, try(tokenizer, 'The runner ran, "Running" on it''s e-mail', query) FROM unnest(ARRAY['simple', 'whitespace', 'ngram', 'language', 'english', 'pg_catalog.simple']) tokenizer, unnest(ARRAY['the run', 'e-mail running']) query;
SELECT try('language', 'Die Häuser, das Haus; der Häuschenbau', 'die Haus', ', language = german'), try('german', 'Die Häuser, das Haus; der Häuschenbau', 'die Haus');
-- grams that overlap share their tags, those that only touch do not
SELECT try('ngram', 'abcabc ab xabcx', 'abc'), try('ngram', 'abcabc cab', 'ab', ', min_gram = 1, max_gram = 1'), try('ngram', '日本語の日本', '本語'), try('ngram', 'AB-12 und b-1', 'B-1', ', min_gram = 3, max_gram = 3');
-- words without spaces, letters of several code points, emoji
SELECT try('simple', '日本語のテキストと日本', '日本'), try('simple', 'ภาษาไทยง่าย', 'ไทย'), try('english', '日本語 text', 'texts 日本語');
-- (psql's versions differ in how wide an emoji is)
\pset format unaligned
SELECT try('simple', E'cafe\u0301 caf\u00e9 CAFE\u0301!', E'cafe\u0301') AS combining, try('ngram', E'xe\u0301y', E'e\u0301y') AS gram, try('whitespace', '👩‍🚀 👩 🚀👍', '👩 👩‍🚀') AS emoji, try('ngram', 'a👩‍🚀👍b', '👩‍🚀👍') AS emoji_gram, try('simple', '👍 yes 👍no', 'no 👍') AS beside;
\pset format aligned
SELECT try('simple', 'Die STRASSE, die Straße; ﬁn FIN ſo', 'straße fin SO') AS folded;
-- a parser's words within words: all of them, some of them
SELECT query, try('english', 'foot-and-mouth at http://example.com/a/b?c, Mouths', query) FROM unnest(ARRAY['foot-and-mouth', 'mouth', 'foot', 'example.com', 'http://example.com/a/b?c']) query;
SELECT try('english', 'a' || repeat('b', 2000) || ' sun', 'sun a' || repeat('b', 1000)) = '[a' || repeat('b', 2000) || '] [sun]' AS long_word;
-- longer ones are no words of a configuration, as PostgreSQL's NOTICE says where it indexes them
SET client_min_messages = warning;
SELECT try('english', 'a' || repeat('b', 3000) || ' sun', 'sun a' || repeat('b', 3000)) = 'a' || repeat('b', 3000) || ' [sun]' AS too_long_word;
RESET client_min_messages;
SELECT try('simple', repeat('é', 300) || ' ' || repeat('é', 299), repeat('É', 400)) = '[' || repeat('é', 300) || '] [' || repeat('é', 299) || ']' AS by_their_beginning;
-- dictionaries in a row: one that knows some words, one that filters, one that knows phrases
CREATE TEXT SEARCH DICTIONARY synonyms (TEMPLATE = synonym, SYNONYMS = synonym_sample);
CREATE TEXT SEARCH CONFIGURATION mine (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR asciiword WITH synonyms, english_stem;
SELECT try('highlight.mine', 'Postgres, pgsql, PostgreSQL and Google; the indices', 'postgresql index');
CREATE EXTENSION unaccent SCHEMA highlight;
ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR word WITH highlight.unaccent, english_stem;
SELECT try('highlight.mine', 'Hôtels, hotel', 'hotel');
CREATE TEXT SEARCH DICTIONARY phrases (TEMPLATE = thesaurus, DICTFILE = thesaurus_sample, DICTIONARY = pg_catalog.english_stem);
ALTER TEXT SEARCH CONFIGURATION mine ALTER MAPPING FOR asciiword WITH phrases, english_stem;
-- "supernovae stars" is "sn" there: words are found, its phrases are not
SELECT try('highlight.mine', 'one star and supernovae stars', 'star'), vecstore_tokenize('one star and supernovae stars', 'highlight.mine');

-- Tags come out of the text and nothing else changes; with the document as its own query, what is tagged
-- has the document's terms.
CREATE FUNCTION sound(tokenizer text, document text, query text, OUT same_text boolean, OUT same_terms boolean) LANGUAGE sql AS $$
	SELECT translate(t.tried, '[]', '') = document,
		vecstore_tokenize(coalesce((SELECT string_agg(m[1], ' ') FROM regexp_matches(try(tokenizer, document, document), '\[([^]]*)\]', 'g') m), ''), tokenizer)
			= vecstore_tokenize(document, tokenizer)
	FROM (SELECT try(tokenizer, document, query) AS tried) t
$$;
CREATE FUNCTION noise(i integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg((ARRAY['the', 'Sun', 'suns', 'É', 'straße', '日本語', 'ไทย', '👍', ', ', '-', ' ', ' ', ' ', E'\n', '.', '3.5', 'x@y.z', 'it''s', '/a/b', '&', 'a-b', E'e\u0301'])[1 + abs(hashint8extended(i, k)) % 22], '')
	FROM generate_series(1, 40) k
$$;
SELECT tokenizer, count(*), bool_and(same_text) AS same_text, bool_and(same_terms) AS same_terms
	FROM unnest(ARRAY['simple', 'whitespace', 'language', 'english', 'pg_catalog.simple']) tokenizer, generate_series(1, 40) i,
		-- in PostgreSQL's parser, what a full stop is depends on what follows
		translate(noise(i), CASE WHEN tokenizer ~ 'english|pg_catalog' THEN '.' ELSE '' END, '') document, sound(tokenizer, document, noise(i + 1000)) GROUP BY 1 ORDER BY 1;
SELECT count(*), bool_and(same_text) AS same_text FROM generate_series(1, 40) i, sound('ngram', noise(i), noise(i + 1000));

-- ---- snippets ----

INSERT INTO docs VALUES (5, 'One two three four, five solar six seven: eight (nine) ten eleven wind twelve solar wind cells, thirteen fourteen fifteen.', NULL);
SELECT words, bm25_snippet(body, 'solar wind cells', words) FROM docs, unnest(ARRAY[1, 2, 3, 4, 5, 6, 18, 19, 20, 1000, 2147483647]) words WHERE id = 5;
SELECT query, bm25_snippet(body, query, 3, '[', ']') FROM docs, unnest(ARRAY['', 'nosuch', 'one', 'two', 'fifteen', 'fourteen', 'seven', 'one fifteen', 'solar solar', 'cells']) query WHERE id = 5;
SELECT bm25_snippet(body, bm25_query('six', 'docs_body')) FROM docs WHERE id = 5;
SELECT id, bm25_snippet(body, 'power', 1) FROM docs ORDER BY id;
-- the rare word counts more than a frequent one that comes twice
INSERT INTO docs SELECT i, 'common' FROM generate_series(101, 150) i;
INSERT INTO docs VALUES (6, 'common x common x x x x x x rare x x', NULL);
SELECT bm25_snippet(body, 'common rare', 3) FROM docs WHERE id = 6;
SELECT bm25_snippet('👍👍👍', bm25_query('a', 'docs_body'), 1), bm25_snippet('日本語のテキスト', bm25_query('テキスト', 'docs_body'), 1);
SELECT outcome('SELECT bm25_snippet(body, ''solar'', ' || n || ') FROM docs WHERE id = 5') FROM unnest(ARRAY[0, -1]) n;
SELECT bm25_snippet('a', bm25_query('a', 'docs_body'), NULL);

-- ---- long documents: a megabyte; many hits, many terms ----

SELECT length(h) - length(d) = 7 * 50000 AS all_tagged, left(h, 40) AS begins FROM (SELECT string_agg('sun ' || i, ' ' ORDER BY i) || repeat(' ', 400000) FROM generate_series(1, 50000) i) s(d), LATERAL (SELECT bm25_highlight(d, bm25_query('sun', 'docs_body'))) l(h);
SELECT bm25_snippet(d, bm25_query('sun 77777', 'docs_body'), 5) FROM (SELECT string_agg('sun ' || i, ' ' ORDER BY i) FROM generate_series(1, 100000) i) s(d);
SELECT length(bm25_highlight(d, bm25_query(d, 'docs_body'), '', '')) = length(d) AS same FROM (SELECT string_agg('w' || i, ' ') FROM generate_series(1, 100000) i) s(d);
SELECT try('ngram', repeat('a', 1000000), 'aa') = '[' || repeat('a', 1000000) || ']' AS one_run;
SELECT length(try('english', repeat('suns ', 200000), 'sun')) = 1400000 AS configuration;

-- ---- what it costs: the rows of a LIMIT, whatever the plan ----

INSERT INTO docs SELECT i, 'sun ' || i FROM generate_series(1000, 2999) i;
ANALYZE docs;
-- How many documents a query looks at, for its plan.
CREATE FUNCTION calls(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint := coalesce(pg_stat_get_xact_function_calls('bm25_highlight(text,bm25query,text,text)'::regprocedure), 0);
BEGIN
	EXECUTE 'SELECT count(h) FROM (' || query || ') q(id, h)';
	RETURN pg_stat_get_xact_function_calls('bm25_highlight(text,bm25query,text,text)'::regprocedure) - before;
END
$$;
SET track_functions = 'all';
SET enable_seqscan = off;
\set query 'SELECT id, bm25_highlight(body, ''sun'') FROM docs WHERE id % 2 = 0 ORDER BY body <@> ''sun'' LIMIT 10'
EXPLAIN (COSTS OFF, VERBOSE) :query;
SELECT calls(:'query');
RESET enable_seqscan;
SET enable_indexscan = off;
EXPLAIN (COSTS OFF, VERBOSE) :query;
SELECT calls(:'query');
RESET enable_indexscan;
RESET track_functions;

-- ---- rights: those of <@> ----

CREATE ROLE highlight_reader;
GRANT USAGE ON SCHEMA highlight TO highlight_reader;
SET ROLE highlight_reader;
SELECT outcome('SELECT bm25_highlight(''the sun'', bm25_query(''sun'', ''docs_body''))');
RESET ROLE;
GRANT SELECT (body) ON docs TO highlight_reader;
SET ROLE highlight_reader;
SELECT outcome('SELECT bm25_highlight(''the sun'', bm25_query(''sun'', ''docs_body''))');
RESET ROLE;
REVOKE ALL ON docs FROM highlight_reader;
REVOKE USAGE ON SCHEMA highlight FROM highlight_reader;
DROP ROLE highlight_reader;

-- ---- other encodings: offsets are those of the text ----

SELECT current_database() AS here \gset
SET client_encoding = 'UTF8';
CREATE DATABASE vecstore_light_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c vecstore_light_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION vecstore;
CREATE TABLE docs (body text);
CREATE INDEX simple ON docs USING vecstore_bm25 (body);
CREATE INDEX gram ON docs USING vecstore_bm25 (body) WITH (tokenizer = 'ngram');
CREATE INDEX german ON docs USING vecstore_bm25 (body) WITH (tokenizer = 'german');
SELECT bm25_highlight('Zoë: ÉTÉ é µM, été', bm25_query('été zoë µM', 'simple')) AS simple, bm25_highlight('ÉÜßäé', bm25_query('üß', 'gram')) AS ngram,
	bm25_highlight('é, Haus é haus', bm25_query('Haus', 'german')) AS german, bm25_snippet('éins zwéi dréi viér', bm25_query('dréi', 'simple'), 1) AS snippet;
\c :here
DROP DATABASE vecstore_light_latin1;
CREATE DATABASE vecstore_light_eucjp ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c vecstore_light_eucjp
SET client_encoding = 'UTF8';
CREATE EXTENSION vecstore;
CREATE TABLE docs (body text);
CREATE INDEX simple ON docs USING vecstore_bm25 (body);
CREATE INDEX gram ON docs USING vecstore_bm25 (body) WITH (tokenizer = 'ngram');
SELECT bm25_highlight('日本語のテキスト ABC', bm25_query('テキスト abc', 'simple')) AS simple, bm25_highlight('日本語の日本', bm25_query('本語', 'gram')) AS ngram;
\c :here
DROP DATABASE vecstore_light_eucjp;
CREATE DATABASE vecstore_light_bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c vecstore_light_bytes
SET client_encoding = 'SQL_ASCII';
CREATE EXTENSION vecstore;
CREATE TABLE docs (body text);
CREATE INDEX bytes ON docs USING vecstore_bm25 (body) WITH (tokenizer = 'whitespace');
SELECT encode(bm25_highlight(E'a \xC9b \xC9 b', bm25_query(E'\xC9b', 'bytes'), '[', ']')::bytea, 'escape');
\c :here
DROP DATABASE vecstore_light_bytes;
SET client_min_messages = warning;
DROP SCHEMA highlight CASCADE;
