-- bm25_score(): BM25 over a tsvector column and its GIN index; rrf_score().

-- ---- what is expected, computed here from the definition ----

-- A document's length, and what one byte keeps of it: numbers up to 40, above
-- that 24 and a number of four significant bits.
CREATE FUNCTION doc_length(doc tsvector) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$
	SELECT coalesce(sum(coalesce(cardinality(positions), 1)), 0)::integer FROM unnest(doc)
$$;
CREATE FUNCTION one_byte(length integer) RETURNS integer LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN length < 40 THEN length
		ELSE 24 + (length - 24) / step * step END
	FROM (SELECT (2 ^ (floor(log(2, greatest(length - 24, 16))) - 3))::integer) s(step)
$$;
SELECT l, one_byte(l) FROM unnest(ARRAY[0, 39, 40, 41, 55, 56, 59, 60, 100, 1000]) l;

-- Every word of every document of a table, and the scores that follow.
CREATE TABLE expected_tf (id integer, lexeme text, tf integer, length integer);
CREATE TABLE expected_df (lexeme text PRIMARY KEY, df float8);
CREATE TABLE expected_totals (n float8, avgdl float8);
CREATE PROCEDURE count_words(source text) LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE expected_tf, expected_df, expected_totals;
	EXECUTE format('INSERT INTO expected_tf SELECT id, lexeme, coalesce(cardinality(positions), 1), length
		FROM (SELECT id, tsv, doc_length(tsv) AS length FROM %s OFFSET 0) d, unnest(tsv)', source);
	INSERT INTO expected_df SELECT lexeme, count(*) FROM expected_tf GROUP BY 1;
	EXECUTE format('INSERT INTO expected_totals SELECT count(tsv), avg(doc_length(tsv)) FROM %s', source);
	ANALYZE expected_tf, expected_df;
END
$$;
CREATE FUNCTION expected_scores(words text[], k1 float8 DEFAULT 1.2, b float8 DEFAULT 0.75, OUT id integer, OUT score float8)
	RETURNS SETOF record LANGUAGE sql STABLE AS $$
	SELECT id, sum(ln(1 + (n - df + 0.5) / (df + 0.5)) * tf / (tf + k1 * (1 - b + b * one_byte(length) / avgdl)))
	FROM expected_totals, expected_df JOIN expected_tf USING (lexeme) WHERE lexeme = ANY (words) GROUP BY id
$$;

-- What bm25_score() believes.  With k1 = 0 the score of one word is its idf,
-- from which df follows where n is known, and n where df is 0.  With b = k1 = 1
-- it is idf / (1 + length / avgdl).
CREATE FUNCTION believed_df(source regclass, word text) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((1000001 / exp(bm25_score(source, 'tsv', word::tsvector, word::tsquery, 0, n => 1000000)) - 0.5)::numeric, 3)
$$;
CREATE FUNCTION believed_n(source regclass) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((exp(bm25_score(source, 'tsv', 'nosuchword', 'nosuchword', 0)) * 0.5 - 1)::numeric, 3)
$$;
CREATE FUNCTION believed_avgdl(source regclass) RETURNS numeric LANGUAGE sql AS $$
	SELECT round((1 / (bm25_score(source, 'tsv', 'x', 'x', 0) / bm25_score(source, 'tsv', 'x', 'x', 1, 1) - 1))::numeric, 3)
$$;

-- ---- a few rows: all can be checked by hand ----

CREATE TABLE few (id integer, tsv tsvector);
INSERT INTO few VALUES
	(1, to_tsvector('simple', 'solar cells convert light')),
	(2, to_tsvector('simple', 'wind power and solar power')),
	(3, to_tsvector('simple', 'cells of cells')),
	(4, NULL),
	(5, to_tsvector('simple', 'nothing')),
	(6, '');
CREATE INDEX few_tsv ON few USING gin (tsv);

-- The query of the manual.  5 documents, 13 words: avgdl is 2.6; solar and
-- cells are in 2 each: idf = ln(1 + 3.5 / 2.5).
SELECT id, bm25_score('few', 'tsv', tsv, q) AS score,
	2 * ln(2.4::float8) / (1 + 1.2 * (0.25 + 0.75 * 4 / 2.6)) AS expected
FROM few, plainto_tsquery('simple', 'solar cells') q WHERE tsv @@ q ORDER BY 2 DESC LIMIT 10;
SELECT id, round(bm25_score('few', 'tsv', tsv, 'solar | cells')::numeric, 6) AS score
FROM few ORDER BY 2 DESC NULLS LAST, id;
SELECT believed_n('few'), believed_avgdl('few'), believed_df('few', 'solar'), believed_df('few', 'power'), believed_df('few', 'sun');

-- A tiny table is read anew by every statement, and by every statement of a
-- function; within a statement nothing changes.
INSERT INTO few VALUES (7, 'solar');
SELECT believed_n('few'), believed_df('few', 'solar');
DO $$
BEGIN
	RAISE NOTICE 'before: %', believed_df('few', 'solar');
	INSERT INTO few VALUES (8, 'solar');
	RAISE NOTICE 'after: %', believed_df('few', 'solar');
END
$$;
BEGIN;
DELETE FROM few;
SELECT believed_n('few');
ROLLBACK;
SELECT believed_n('few');

-- Without a document nothing is known: each counts as of average length.
CREATE TABLE none (tsv tsvector);
SELECT bm25_score('none', 'tsv', 'a:1,2,3 b', 'a') / ln(2::float8) AS share, 3 / 4.2 AS expected;

-- ---- some thousand rows: every score, whatever the statistics come from ----

-- Words w0, w1, ... of ever less frequency, 3 to 102 of them a document.
CREATE TABLE docs (id integer, tsv tsvector);
CREATE FUNCTION words(i integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
	SELECT string_agg('w' || floor(800 * ((hashint4extended(i, w) & 65535) / 65536.0) ^ 3), ' ')
	FROM generate_series(1, 3 + (hashint4extended(i, 0) & 127) * (hashint4extended(i, -1) & 127) / 162) w
$$;
INSERT INTO docs SELECT i, to_tsvector('simple', words(i)) FROM generate_series(1, 3000) i;
INSERT INTO docs VALUES (0, NULL), (-1, '');
SELECT min(doc_length(tsv)), max(doc_length(tsv)), pg_relation_size('docs') > 8 * 8192 AS not_tiny,
	pg_relation_size('docs') < 300 * 8192 AS whole_sample FROM docs WHERE id > 0;
CALL count_words('docs');

-- Queries, and the words that count in them.
SET client_min_messages = warning;
CREATE TABLE queries (qid integer, q tsquery, words text[]);
INSERT INTO queries VALUES
	(1, 'w0', '{w0}'),
	(2, 'w700', '{w700}'),
	(3, 'w1 | w20 | w300 | w799', '{w1,w20,w300,w799}'),
	(4, 'w1 & w20', '{w1,w20}'),
	(5, 'w5 <-> w7 | w8 <3> w9', '{w5,w7,w8,w9}'),
	(6, 'w2 | w2 & w3 | w3', '{w2,w3}'),
	(7, 'w2 & !(w3 | w4 <-> w5) & !!w6', '{w2}'),
	(8, '!w2', '{}'),
	(9, '', '{}'),
	(10, 'w1 | nosuchword', '{w1,nosuchword}'),
	(11, 'w10 & (!w11 | w12) & !w13 & (w14 | !(w15 & !w16))', '{w10,w12,w14}');
RESET client_min_messages;

-- Wrong scores, over all documents and queries.
CREATE FUNCTION wrong(source regclass, k1 float8 DEFAULT 1.2, b float8 DEFAULT 0.75,
		OUT scores bigint, OUT positive bigint, OUT wrong bigint) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(s), count(*) FILTER (WHERE s > 0),
			count(*) FILTER (WHERE s IS NULL <> (tsv IS NULL) OR abs(s - coalesce(score, 0)) > 1e-12)
		FROM (SELECT qid, id, tsv, bm25_score($1, ''tsv'', tsv, q, $2, $3) AS s FROM queries, %s) x
			LEFT JOIN (SELECT qid, e.* FROM queries, expected_scores(words, $2, $3) e) y USING (qid, id)',
		source) USING source, k1, b INTO scores, positive, wrong;
END
$$;

-- From the sample, which is the whole table; then from the index.
SELECT * FROM wrong('docs');
CREATE INDEX docs_tsv ON docs USING gin (tsv);
SELECT * FROM wrong('docs');
SELECT * FROM wrong('docs', 0.9, 0.4);
SELECT * FROM wrong('docs', 2, 1);
SELECT * FROM wrong('docs', 0, 0);
VACUUM ANALYZE docs;
SELECT * FROM wrong('docs');

-- Dead rows stay in the index, not in the table, until vacuum.
DELETE FROM docs WHERE id % 3 = 0;
SELECT believed_df('docs', 'w100') AS df, count(*) FILTER (WHERE id % 3 <> 0) AS live
FROM (SELECT i AS id FROM generate_series(1, 3000) i WHERE to_tsvector('simple', words(i)) @@ 'w100') s;
VACUUM docs;
CALL count_words('docs');
SELECT * FROM wrong('docs');

-- New rows are seen when the table is vacuumed or analyzed, or has grown by a
-- tenth; by the index, when they have left its pending list.
SELECT believed_n('docs') AS n, believed_df('docs', 'new') AS df;
INSERT INTO docs SELECT 5000 + i, 'new' FROM generate_series(1, 10) i;
SELECT believed_n('docs') AS n, believed_df('docs', 'new') AS df;
ANALYZE docs;
SELECT believed_n('docs') AS n, believed_df('docs', 'new') AS df;
VACUUM docs;
SELECT believed_n('docs') AS n, believed_df('docs', 'new') AS df;
DELETE FROM docs WHERE id >= 5000;
VACUUM docs;
CALL count_words('docs');

-- With many rows in the pending list the index is not asked, but the sample.
CREATE TABLE pending (id integer, tsv tsvector);
CREATE INDEX ON pending USING gin (tsv) WITH (fastupdate = on);
INSERT INTO pending SELECT i, to_tsvector('simple', words(i)) FROM generate_series(1, 1000) i;
CALL count_words('pending');
SELECT * FROM wrong('pending');
SELECT believed_n('pending') AS n;
INSERT INTO pending SELECT i, to_tsvector('simple', words(i)) FROM generate_series(1001, 1200) i;
SELECT believed_n('pending') AS n;
CALL count_words('pending');
SELECT * FROM wrong('pending');
CALL count_words('docs');

-- ---- plans ----

-- One query after the other at the same place, and a query of a parameter.
SELECT count(*), count(*) FILTER (WHERE abs(s - coalesce(score, 0)) > 1e-12) AS wrong
FROM (SELECT id, qid, bm25_score('docs', 'tsv', tsv, q) AS s
	  FROM (SELECT id, tsv, qid, q FROM docs, queries WHERE id < 100 ORDER BY id, qid OFFSET 0) t) x
	LEFT JOIN (SELECT qid, e.* FROM queries, expected_scores(words) e) y USING (id, qid);
SET plan_cache_mode = force_generic_plan;
PREPARE top(text, float8) AS SELECT id, round(bm25_score('docs', 'tsv', tsv, $1::tsquery, $2)::numeric, 8) AS score
	FROM docs WHERE tsv @@ $1::tsquery ORDER BY 2 DESC, 1 LIMIT 3;
EXECUTE top('w300 | w10', 1.2);
SELECT id, round(score::numeric, 8) AS score FROM expected_scores('{w300,w10}', 1.2) ORDER BY 2 DESC, 1 LIMIT 3;
EXECUTE top('w250 | w11', 2);
SELECT id, round(score::numeric, 8) AS score FROM expected_scores('{w250,w11}', 2) ORDER BY 2 DESC, 1 LIMIT 3;
DEALLOCATE top;
RESET plan_cache_mode;

-- Processes side by side agree.
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
SET enable_bitmapscan = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM docs WHERE bm25_score('docs', 'tsv', tsv, 'w1 | w2') > 0.5;
SELECT count(*) AS parallel FROM docs WHERE bm25_score('docs', 'tsv', tsv, 'w1 | w2') > 0.5 \gset
RESET max_parallel_workers_per_gather;
SET parallel_leader_participation = off;
SELECT count(*) AS workers FROM docs WHERE bm25_score('docs', 'tsv', tsv, 'w1 | w2') > 0.5 \gset
RESET parallel_leader_participation;
SET max_parallel_workers_per_gather = 0;
SELECT count(*) > 100 AS some, count(*) = :parallel AS parallel, count(*) = :workers AS workers
FROM expected_scores('{w1,w2}') WHERE score > 0.5;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET max_parallel_workers_per_gather;
RESET enable_bitmapscan;

-- ---- terms ----

-- A prefix is one term: occurrences add up, and so do the counts of its
-- lexemes, though rows share them.
CREATE TABLE prefixes (id integer, tsv tsvector);
INSERT INTO prefixes SELECT i, 'a' FROM generate_series(1, 20) i;
INSERT INTO prefixes VALUES (101, 'foo:1'), (102, 'foo:1 foobar:2,3'), (103, 'food:1'), (104, 'fo:1'), (105, 'fop:1');
CREATE INDEX prefixes_tsv ON prefixes USING gin (tsv);
SELECT id, bm25_score('prefixes', 'tsv', tsv, 'foo:*', b => 0) AS prefix,
	ln(1 + 21.5 / 4.5) * tf / (tf + 1.2) AS expected,
	bm25_score('prefixes', 'tsv', tsv, 'foo | foo:*', b => 0) > bm25_score('prefixes', 'tsv', tsv, 'foo:*', b => 0) AS two_terms
FROM prefixes JOIN (VALUES (101, 1::float8), (102, 3), (103, 1), (104, 0), (105, 0)) v(id, tf) USING (id) ORDER BY id;
SELECT believed_df('prefixes', 'fo') AS fo, bm25_score('prefixes', 'tsv', 'foo', 'f:*', 0) = ln(1 + 19.5 / 6.5) AS f,
	bm25_score('prefixes', 'tsv', 'foo', 'g:*', 0) AS none, bm25_score('prefixes', 'tsv', 'z', 'z:*', 0) = ln(1 + 25.5 / 0.5) AS last;

-- More lexemes than are looked at; never more rows than there are.
CREATE TABLE many (tsv tsvector);
INSERT INTO many SELECT format('k%s', i)::tsvector FROM generate_series(1, 2500) i;
INSERT INTO many SELECT 'other' FROM generate_series(1, 500) i;
CREATE INDEX many_tsv ON many USING gin (tsv);
SELECT round((3001 / exp(bm25_score('many', 'tsv', 'k', 'k:*', 0)) - 0.5)::numeric) AS df;
DROP INDEX many_tsv;
SELECT round((3001 / exp(bm25_score('many', 'tsv', 'k', 'k:*', 0)) - 0.5)::numeric) AS df;

-- Without positions each lexeme occurs once.
CREATE TABLE stripped AS SELECT id, strip(tsv) AS tsv FROM docs;
CALL count_words('stripped');
SELECT * FROM wrong('stripped');

-- Weights: occurrences count as much as their class says, in the order D, C, B, A.
SELECT bm25_score('few', 'tsv', d, 'a', 1, 0, w, n => 0) / ln(2::float8) AS share, expected
FROM (VALUES ('a:1,2C,3B,4A'::tsvector, NULL::real[], 4 / 5.0),
	('a:1,2C,3B,4A', '{1,1,1,1}', 4 / 5.0),
	('a:1,2C,3B,4A', '{0.5,1,2,4}', 7.5 / 8.5),
	('a:1,2C,3B,4A', '{0,0,0,3}', 3 / 4.0),
	('a:1,2C,3B', '{0,0,0,3}', 0),
	('a', '{2,0,0,0}', 2 / 3.0),
	('b', '{1,1,1,1}', 0)) v(d, w, expected);

-- A query may say which classes count; a lexeme without positions counts.
SELECT bm25_score('few', 'tsv', d, q::tsquery, 1, 0, n => 0) / ln(2::float8) AS share, expected, d @@ q::tsquery AS matches
FROM (VALUES ('a:1,2C,3B,4A'::tsvector, 'a:A', 1 / 2.0),
	('a:1,2C,3B,4A', 'a:AB', 2 / 3.0),
	('a:1,2C,3B,4A', 'a:A | a:D', 2 / 3.0),
	('a:1,2C,3B', 'a:A', 0),
	('a', 'a:A', 1 / 2.0),
	('ab:1A ac:1B,2A', 'a:*A', 2 / 3.0)) v(d, q, expected);

-- ---- where statistics come from ----

-- A posting tree of several pages is counted to the row; a large one estimated.
CREATE UNLOGGED TABLE large (tsv tsvector);
ALTER TABLE large ALTER tsv SET STATISTICS 0;
INSERT INTO large SELECT CASE WHEN i % 1000 = 0 THEN 'thousandth' WHEN i % 3 = 0 THEN 'third' ELSE 'other' END::tsvector
	FROM generate_series(1, 900000) i;
CREATE INDEX large_tsv ON large USING gin (tsv) WITH (fastupdate = off);
VACUUM large;
SELECT believed_df('large', 'thousandth') AS thousandth, believed_df('large', 'third') AS third,
	abs(believed_df('large', 'other') / 599400 - 1) < 0.02 AS other, believed_n('large') AS n;

-- Gaps of many pages, and lists that grew by inserts.
CREATE TABLE sparse (id integer, tsv tsvector);
CREATE INDEX sparse_tsv ON sparse USING gin (tsv) WITH (fastupdate = off);
INSERT INTO sparse SELECT i, CASE WHEN i % 10 = 0 THEN 'tenth' ELSE 'other' END::tsvector FROM generate_series(1, 30000) i;
DELETE FROM sparse WHERE id % 10 = 0 AND id % 7 = 0;
VACUUM sparse;
SELECT believed_df('sparse', 'tenth') = count(*) AS tenth FROM sparse WHERE tsv @@ 'tenth';
SELECT believed_df('sparse', 'other') = count(*) AS other FROM sparse WHERE tsv @@ 'other';
DROP TABLE sparse;

-- A sample of a table, and its growth since it was analyzed.
DROP INDEX large_tsv;
SELECT believed_n('large') AS n, abs(believed_df('large', 'third') / 299700 - 1) < 0.03 AS third;
INSERT INTO large SELECT 'more' FROM generate_series(1, 300000);
SELECT abs(believed_n('large') / 1200000 - 1) < 0.02 AS n, abs(believed_df('large', 'more') / 300000 - 1) < 0.2 AS more;
DROP TABLE large;

-- ANALYZE's most common elements: as good for what is among them.
CREATE TABLE analyzed AS SELECT i AS id, to_tsvector('simple', words(i)) AS tsv FROM generate_series(1, 3000) i;
ALTER TABLE analyzed ALTER tsv SET STATISTICS 10;
ANALYZE analyzed;
CALL count_words('analyzed');
SELECT abs(believed_df('analyzed', 'w0') / df - 1) < 0.001 AS w0 FROM expected_df WHERE lexeme = 'w0';
SELECT believed_df('analyzed', 'w799') = believed_df('analyzed', 'nosuchword') AS unknown,
	abs(believed_df('analyzed', 'w799') / (3000 * most_common_elem_freqs[cardinality(most_common_elems::text::text[]) + 1] / 2) - 1) < 0.001 AS half_the_rarest
FROM pg_stats WHERE tablename = 'analyzed' AND attname = 'tsv';

-- Indexes that will not do: of some rows only, not valid, of another column.
CREATE TABLE indexed (other tsvector, gone integer, tsv tsvector);
INSERT INTO indexed SELECT 'a', i, 'a' FROM generate_series(1, 100) i;
INSERT INTO indexed SELECT 'b', i, 'b' FROM generate_series(1, 100) i;
ALTER TABLE indexed DROP gone;
CREATE INDEX ON indexed USING gin (other);
CREATE INDEX ON indexed USING gin (tsv) WHERE tsv @@ 'b';
CREATE INDEX ON indexed (tsv);
CREATE INDEX ON indexed USING gist (tsv);
SELECT believed_df('indexed', 'a') AS a, believed_df('indexed', 'b') AS b;
-- And one that will: dead rows show that it is asked.
CREATE INDEX ON indexed USING gin (other, tsv);
DELETE FROM indexed WHERE ctid IN (SELECT ctid FROM indexed WHERE tsv @@ 'a' LIMIT 40);
SELECT believed_df('indexed', 'a') AS a, believed_df('indexed', 'c') AS c;

-- Documents out of line: ten a block are measured.
CREATE TABLE toasted (tsv tsvector);
ALTER TABLE toasted ALTER tsv SET STORAGE EXTERNAL;
INSERT INTO toasted SELECT to_tsvector('simple', string_agg('long' || i || 'w' || w, ' '))
	FROM generate_series(1, 60) i, generate_series(1, 300) w GROUP BY i;
INSERT INTO toasted SELECT 'short' FROM generate_series(1, 20);
SELECT believed_n('toasted') AS n, believed_avgdl('toasted') AS avgdl, 18020 / 80.0 AS expected, believed_df('toasted', 'short') AS short;

-- Given statistics.
SELECT bm25_score('few', 'tsv', 'nosuchword:1,2 x:3', 'nosuchword', n => 99, avgdl => 6) AS score,
	ln(1 + 99.5 / 0.5) * 2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 6)) AS expected;

-- ---- partitions, children ----

CREATE TABLE parts (id integer, tsv tsvector) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_2 (gone text, tsv tsvector, id integer);
ALTER TABLE parts_2 DROP gone;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (1000) TO (2000);
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM (2000) TO (4000) PARTITION BY RANGE (id);
CREATE TABLE parts_3a PARTITION OF parts_3 FOR VALUES FROM (2000) TO (4000);
INSERT INTO parts SELECT i, to_tsvector('simple', words(i)) FROM generate_series(1, 3000) i;
CREATE INDEX ON parts USING gin (tsv);
CALL count_words('parts');
SELECT * FROM wrong('parts');
SELECT believed_n('parts') AS all, believed_n('parts_2') AS of_one, believed_n('parts_3') AS of_subpartitions;
DROP INDEX parts_tsv_idx;
ANALYZE parts_1;
SELECT abs(believed_df('parts', 'w0') / df - 1) < 0.001 AS w0 FROM expected_df WHERE lexeme = 'w0';
CREATE TABLE parts_4 PARTITION OF parts FOR VALUES FROM (4000) TO (5000);
INSERT INTO parts SELECT i, 'w0' FROM generate_series(4000, 4099) i;
SELECT abs(believed_df('parts', 'w0') / (df + 100) - 1) < 0.001 AS w0 FROM expected_df WHERE lexeme = 'w0';

CREATE TABLE parent (tsv tsvector);
CREATE TABLE child (more integer) INHERITS (parent);
INSERT INTO parent SELECT 'a' FROM generate_series(1, 10);
INSERT INTO child SELECT 'a' FROM generate_series(1, 5);
SELECT believed_n('parent'), believed_df('parent', 'a'), believed_n('child');

-- ---- who may ask ----

CREATE ROLE regress_bm25_reader;
CREATE ROLE regress_bm25_column;
CREATE ROLE regress_bm25_other;
GRANT SELECT ON few TO regress_bm25_reader;
GRANT SELECT (tsv) ON few TO regress_bm25_column;
GRANT SELECT (id) ON few TO regress_bm25_other;
GRANT SELECT ON parts TO regress_bm25_reader;
CREATE VIEW few_view AS SELECT * FROM few;
CREATE FUNCTION ask(who text, source text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', who);
	result := outcome(format('SELECT bm25_score(%L, ''tsv'', ''w0'', ''w0'') > 0', source));
	RESET ROLE;
	RETURN result;
END
$$;
SELECT who, ask('regress_bm25_' || who, 'few') FROM unnest(ARRAY['reader', 'column', 'other']) who;
-- Rights on the parent are enough, as for a query of it.
SELECT ask('regress_bm25_reader', 'parts') AS parts, ask('regress_bm25_reader', 'parts_1') AS parts_1;
-- The same place in a statement, another user.
CREATE FUNCTION switch(who text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT set_config('role', who, true) $$;
SELECT outcome($q$SELECT string_agg(bm25_score('few', 'tsv', 'a', 'a')::text, ',')
	FROM unnest(ARRAY['regress_bm25_reader', 'regress_bm25_other']) who WHERE switch(who) IS NOT NULL$q$);
RESET ROLE;
DROP VIEW few_view;
REVOKE ALL ON few, parts FROM regress_bm25_reader, regress_bm25_column, regress_bm25_other;
REVOKE ALL (id, tsv) ON few FROM regress_bm25_reader, regress_bm25_column, regress_bm25_other;
DROP ROLE regress_bm25_reader, regress_bm25_column, regress_bm25_other;

-- ---- errors, NULLs ----

SET client_min_messages = warning;
CREATE VIEW few_view AS SELECT * FROM few;
CREATE DOMAIN lexemes AS tsvector;
CREATE TABLE domains (tsv lexemes);
CREATE MATERIALIZED VIEW few_copy AS SELECT * FROM few;
SELECT args, outcome(format('SELECT bm25_score(%s)', args)) FROM unnest(ARRAY[
	$$'few', 'text', 'a', 'a'$$, $$'few', 'id', 'a', 'a'$$, $$'few', 'ctid', 'a', 'a'$$,
	$$'nosuchtable', 'tsv', 'a', 'a'$$, $$1, 'tsv', 'a', 'a'$$,
	$$'few_view', 'tsv', 'a', 'a'$$, $$'few_tsv', 'tsv', 'a', 'a'$$,
	$$'few', 'tsv', 'a', 'a', -0.1$$, $$'few', 'tsv', 'a', 'a', 'NaN'$$, $$'few', 'tsv', 'a', 'a', 'Infinity'$$,
	$$'few', 'tsv', 'a', 'a', b => -0.1$$, $$'few', 'tsv', 'a', 'a', b => 1.1$$, $$'few', 'tsv', 'a', 'a', b => 'NaN'$$,
	$$'few', 'tsv', 'a', 'a', weights => '{1,2,3}'$$, $$'few', 'tsv', 'a', 'a', weights => '{1,2,3,4,5}'$$,
	$$'few', 'tsv', 'a', 'a', weights => '{{1,2},{3,4}}'$$, $$'few', 'tsv', 'a', 'a', weights => '{}'$$,
	$$'few', 'tsv', 'a', 'a', weights => '{1,2,3,NULL}'$$, $$'few', 'tsv', 'a', 'a', weights => '{1,2,3,-1}'$$,
	$$'few', 'tsv', 'a', 'a', weights => '{1,2,3,NaN}'$$,
	$$'few', 'tsv', 'a', 'a', n => -1$$, $$'few', 'tsv', 'a', 'a', avgdl => 0$$, $$'few', 'tsv', 'a', 'a', avgdl => 'Infinity'$$,
	$$NULL, 'tsv', 'a', 'a'$$, $$'few', NULL, 'a', 'a'$$, $$'few', 'tsv', NULL, 'a'$$, $$'few', 'tsv', 'a', NULL$$,
	$$'few', 'tsv', 'a', 'a', NULL$$, $$'few', 'tsv', 'a', 'a', b => NULL$$,
	$$'few', 'tsv', '', 'a'$$, $$'few', 'tsv', 'a', ''$$,
	$$'few', 'tsv', 'b', 'a', n => NULL, avgdl => NULL$$,
	$$'domains', 'tsv', 'b', 'a'$$, $$'few_copy', 'tsv', 'b', 'a'$$]) args;

-- After an error, the next call starts afresh.
SELECT outcome($$SELECT bm25_score('few', 'tsv', 'a', 'a', k) FROM unnest(ARRAY[1, -1]) k$$);
SELECT round(bm25_score('few', 'tsv', 'solar', 'solar', k)::numeric, 4) AS score FROM unnest(ARRAY[1, 1.5]) k;

-- A table that is gone, another of the same name.
CREATE TEMP TABLE few AS SELECT 'a'::tsvector AS tsv;
SELECT believed_n('few');
DROP TABLE pg_temp.few;
SELECT believed_n('few');

-- ---- reciprocal rank fusion ----

SELECT rrf_score(1), rrf_score(2, 0), rrf_score(NULL), rrf_score(10, 10) = 0.05 AS tenth, rrf_score(1, NULL) AS no_k,
	rrf_score(9223372036854775807, 2147483647) > 0 AS large;
SELECT args, outcome(format('SELECT rrf_score(%s)', args)) FROM unnest(ARRAY['0', '-1', '1, -1', 'NULL, -1']) args;
-- The rows of two lists, in one: id 2 is in both.
SELECT id, rrf_score(a.rank) + rrf_score(b.rank) AS score
FROM (VALUES (1, 1), (2, 2)) a(id, rank) FULL JOIN (VALUES (3, 1), (2, 3)) b(id, rank) USING (id) ORDER BY 2 DESC, 1;

DROP TABLE few, none, docs, pending, queries, prefixes, many, stripped, analyzed, indexed, toasted, parts, parent, domains,
	expected_tf, expected_df, expected_totals CASCADE;
DROP FUNCTION doc_length, one_byte, expected_scores, believed_df, believed_n, believed_avgdl, words, wrong, ask, switch;
DROP PROCEDURE count_words;
DROP DOMAIN lexemes;
