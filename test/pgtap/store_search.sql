-- Searching collections: every function beside hand-written SQL, what they leave out
-- (soft-deleted rows, rows of others), quotas, plans that are kept, what errors.

CREATE FUNCTION run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION ids(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('SELECT string_agg(id, '','' ORDER BY ordinality) FROM (SELECT q.id, row_number() OVER () AS ordinality FROM (%s) q) o', query) INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;

SET vecstore.ef_search = 400;
SELECT * FROM no_plan();
SELECT vecstore.create_namespace('acme') \gset
SELECT setseed(0.5) \gset

-- ---- query, by each metric ----
CREATE TABLE metric AS SELECT substring(o.opcname FROM 'vecstore_(.*)_ops') AS name, p.oprname AS operator
FROM pg_opclass o JOIN pg_amop a ON a.amopfamily = o.opcfamily JOIN pg_operator p ON p.oid = a.amopopr JOIN pg_am m ON m.oid = o.opcmethod
WHERE m.amname = 'vecstore' AND o.opcintype = 'vecstore'::regtype;
SELECT is(count(*)::int, 9, 'nine metrics') FROM metric;
SELECT count(vecstore.create_collection('acme.' || name, 8, metric => name, text_index => false)) FROM metric \gset
CREATE TABLE data AS
	SELECT i::text AS id, (SELECT array_agg(round((random() + 0 * (i + g))::numeric, 2)::real) FROM generate_series(1, 8) g)::vecstore AS embedding,
		jsonb_build_object('n', i, 'lang', (ARRAY['en', 'de', 'fr'])[i % 3 + 1]) AS metadata,
		CASE WHEN i % 5 > 0 THEN format('word%s word%s %s', i % 7, i % 11, repeat('word' || i % 4 || ' ', i % 6)) END AS document
	FROM generate_series(1, 300) i;
CREATE FUNCTION fill(collection text) RETURNS bigint LANGUAGE sql AS $$
	SELECT vecstore.upsert_batch(collection, array_agg(id), array_agg(embedding), array_agg(metadata), array_agg(document)) FROM data;
$$;
SELECT count(fill('acme.' || name)) FROM metric \gset
SELECT results_eq(
	format($$SELECT id, score, distance, metadata, document FROM vecstore.query('acme.%s', '[.1,.9,.3,.4,.5,.6,.2,.8]', 10)$$, name),
	format($$SELECT id, CASE '%1$s' WHEN 'cosine' THEN 1 - d WHEN 'ip' THEN 0 - d ELSE 1 / (1 + d) END, d, metadata, document
		FROM (SELECT *, embedding %2$s '[.1,.9,.3,.4,.5,.6,.2,.8]' AS d FROM acme.%1$s WHERE deleted_at IS NULL) q ORDER BY d LIMIT 10$$, name, operator),
	'query by ' || name)
FROM metric WHERE name NOT IN ('hamming', 'jaccard');
-- these two have ties
SELECT results_eq(
	format($$SELECT score, distance FROM vecstore.query('acme.%s', '[.1,.9,.3,.4,.5,.6,.2,.8]', 10)$$, name),
	format($$SELECT 1 / (1 + d), d FROM (SELECT embedding %2$s '[.1,.9,.3,.4,.5,.6,.2,.8]' AS d FROM acme.%1$s WHERE deleted_at IS NULL) q ORDER BY d LIMIT 10$$, name, operator),
	'query by ' || name)
FROM metric WHERE name IN ('hamming', 'jaccard');

-- ---- its arguments ----
SELECT vecstore.create_collection('acme.docs', 8, 'l2') \gset
SELECT fill('acme.docs') \gset
\set q '''[.1,.9,.3,.4,.5,.6,.2,.8]''::vecstore'
CREATE VIEW near AS SELECT id, embedding <-> :q AS d, metadata, document FROM acme.docs WHERE deleted_at IS NULL ORDER BY d;
SELECT is(ids($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]')$$), ids('SELECT id FROM near LIMIT 10'), 'ten by default');
SELECT is(ids(format($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', %s, "offset" => %s)$$, k, o)), ids(format('SELECT id FROM near LIMIT %s OFFSET %s', k, o)), format('k %s, offset %s', k, o))
FROM (VALUES (1, 0), (5, 5), (10, 295), (10, 300), (10000, 0), (200, 17)) v(k, o);
SELECT is(ids($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', NULL, NULL, NULL, NULL, NULL)$$), ids('SELECT id FROM near LIMIT 10'), 'NULL is the default');
SELECT is(ids($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', filter => 'lang = ''de'' AND n > 100')$$),
	ids($$SELECT id FROM near WHERE metadata ->> 'lang' = 'de' AND (metadata ->> 'n')::int > 100 LIMIT 10$$), 'a filter');
SELECT is(ids($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 5, 'n IN $list OR lang = $l', '{"list": [3, 33, 300], "l": "fr"}', 2)$$),
	ids($$SELECT id FROM near WHERE metadata ->> 'lang' = 'fr' OR id IN ('3', '33', '300') LIMIT 5 OFFSET 2$$), 'with parameters and an offset');
SELECT is(ids(format($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 100, min_score => %s)$$, s)),
	ids(format($$SELECT id FROM near WHERE 1 / (1 + d) >= %s LIMIT 100$$, s)), 'min_score ' || s)
FROM unnest(ARRAY[0.7, 0.6, 1, -1]) s;
SELECT is(ids(format($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 3, %L)$$, f)), ids('SELECT id FROM near WHERE ' || f || ' LIMIT 3'), f)
FROM unnest(ARRAY['id = ''7''', 'document IS NULL', 'id > ''9'' AND NOT id = ''93''']) f;

-- ---- what is not there ----
SELECT ids('SELECT id FROM near LIMIT 1') AS first \gset
SELECT vecstore.soft_delete('acme.docs', :'first') \gset
SELECT is(ids($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 400)$$) ~ ('(^|,)' || :'first' || '(,|$)'), false, 'soft-deleted rows are not found');
SELECT is(ids($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]')$$), ids('SELECT id FROM near LIMIT 10'), 'and take nobody''s place');
SELECT vecstore.restore('acme.docs', :'first') \gset
SELECT is(ids($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]')$$), ids('SELECT id FROM near LIMIT 10'), 'a restored row is there again');
SELECT vecstore.upsert('acme.docs', 'bare', NULL, document => 'word1') \gset
SELECT is((SELECT count(*)::int FROM vecstore.query('acme.docs', :q, 400)), 300, 'a row without a vector is not found');
SELECT vecstore.upsert('acme.cosine', 'zero', '[0,0,0,0,0,0,0,0]') \gset
SELECT is((SELECT count(*)::int FROM vecstore.query('acme.cosine', :q, 400)), 300, 'nor one without a distance');
SELECT is((SELECT count(*)::int FROM vecstore.query('acme.cosine', '[0,0,0,0,0,0,0,0]', 400)), 0, 'nothing is near to the zero vector by cosine');

-- ---- plans that are kept ----
SELECT vecstore.create_collection('acme.young', 8, 'l2') \gset
SELECT is(ids($$SELECT * FROM vecstore.query('acme.young', '[1,0,0,0,0,0,0,0]')$$), NULL, 'an empty collection');
SELECT vecstore.upsert('acme.young', 'a', '[1,2,3,4,5,6,7,8]') \gset
SELECT is(ids($$SELECT * FROM vecstore.query('acme.young', '[1,0,0,0,0,0,0,0]')$$), 'a', 'a new row is found');
ALTER TABLE acme.young ADD price int DEFAULT 5;
SELECT is(ids($$SELECT * FROM vecstore.query('acme.young', '[1,0,0,0,0,0,0,0]', filter => 'price = 5')$$), 'a', 'a new column');
ALTER TABLE acme.young DROP price;
SELECT is(ids($$SELECT * FROM vecstore.query('acme.young', '[1,0,0,0,0,0,0,0]', filter => 'price = 5')$$), NULL, 'is a key when it is gone');
SELECT vecstore.drop_collection('acme.young') \gset
SELECT vecstore.create_collection('acme.young', 2, 'cosine') \gset
SELECT vecstore.upsert('acme.young', 'b', '[1,2]') \gset
SELECT is(ids($$SELECT * FROM vecstore.query('acme.young', '[1,0]')$$), 'b', 'another collection of the same name');
SELECT vecstore.rename_collection('acme.young', 'old') \gset
SELECT is(ids($$SELECT * FROM vecstore.query('acme.old', '[1,0]')$$), 'b', 'another name of the same collection');
SELECT is(ids($$SELECT * FROM vecstore.query('acme.young', '[1,0]')$$) ~ '^42P01', true, 'the old name is gone');
SELECT is((SELECT count(DISTINCT ids(format($$SELECT * FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', %s)$$, k)))::int FROM generate_series(1, 100) k), 100, 'more plans than are kept');
CREATE FUNCTION inner_query(v vecstore) RETURNS text LANGUAGE sql STABLE AS $$ SELECT id FROM vecstore.query('acme.old', '[1,0]', 1) $$;
CREATE ROLE regress_vecstore_nested;
GRANT USAGE ON SCHEMA acme TO regress_vecstore_nested;
GRANT SELECT ON ALL TABLES IN SCHEMA acme TO regress_vecstore_nested;
ALTER TABLE acme.l1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY nested ON acme.l1 USING (inner_query(embedding) = 'b' AND id = '7');
SET ROLE regress_vecstore_nested;
SELECT is(ids($$SELECT * FROM vecstore.query('acme.l1', '[.1,.9,.3,.4,.5,.6,.2,.8]')$$), '7', 'a search within a search');
RESET ROLE;
SET search_path = acme, public;
SELECT is(ids($$SELECT * FROM vecstore.query('old', '[1,0]')$$), 'b', 'a name alone is one of the current schema');
RESET search_path;
CREATE TABLE many AS SELECT row_number() OVER () AS n, embedding FROM data LIMIT 20;
SELECT is((SELECT count(*)::int FROM many m, LATERAL vecstore.query('acme.docs', m.embedding, 1) q WHERE q.distance = 0), 20, 'once for each row of a table');

-- ---- plans use the indexes, partial as they are ----
SELECT vecstore.create_collection('acme.big', 8, 'l2') \gset
INSERT INTO acme.big (id, embedding, metadata, document)
	SELECT i, (SELECT array_agg((random() + 0 * (i + g))::real) FROM generate_series(1, 8) g)::vecstore, jsonb_build_object('n', i), 'word' || i % 100 FROM generate_series(1, 5000) i;
ANALYZE acme.big;
SET vecstore.ef_search = 40;
SELECT is(row(vector_index, filter_indexes, rows, sweeps)::text, '(acme.big_embedding_idx,,10,0)', 'query_explain: the vector index') FROM vecstore.query_explain('acme.big', :q);
SELECT cmp_ok(vertices_expanded, '>=', 10::bigint, 'vertices') FROM vecstore.query_explain('acme.big', :q);
SELECT cmp_ok(distances_computed, '>', vertices_expanded, 'distances') FROM vecstore.query_explain('acme.big', :q);
SELECT is(milliseconds > 0 AND estimated_cost > 0, true, 'time and cost') FROM vecstore.query_explain('acme.big', :q);
SELECT is(row(vector_index, filter_indexes, rows, vertices_expanded)::text, '(,{acme.big_metadata_idx},1,0)', 'the index for the filter') FROM vecstore.query_explain('acme.big', :q, filter => 'n = 77');
SELECT is(statement, vecstore.query_sql('acme.big', NULL, 5, 'n > 3', "offset" => 7), 'the statement') FROM vecstore.query_explain('acme.big', :q, 5, 'n > 3', "offset" => 7);
SELECT is(plan #>> '{Plan,Node Type}', 'Subquery Scan', 'the plan') FROM vecstore.query_explain('acme.big', :q);
SELECT is(plan::text ~ '0\.9', false, 'without the vector') FROM vecstore.query_explain('acme.big', :q);
SELECT cmp_ok(distances_computed, '>', (SELECT distances_computed FROM vecstore.query_explain('acme.big', :q)), 'a large k looks at more') FROM vecstore.query_explain('acme.big', :q, 200);
SELECT is(current_setting('vecstore.ef_search'), '40', 'ef_search is as before');
SELECT vecstore_stat_reset() \gset
SELECT count(*) FROM vecstore.query('acme.big', :q, 200) \gset
SELECT is(row(scans, sweeps)::text, '(1,0)', 'query uses the vector index') FROM vecstore_stat_indexes WHERE indexrelid = 'acme.big_embedding_idx'::regclass;
SELECT is(current_setting('vecstore.ef_search'), '40', 'and leaves ef_search alone, too');
SELECT count(*) FROM vecstore.hybrid_query('acme.big', :q, 'word7') \gset
SELECT is(row(scans, sweeps)::text, '(2,0)', 'so does hybrid_query') FROM vecstore_stat_indexes WHERE indexrelid = 'acme.big_embedding_idx'::regclass;
SET vecstore.ef_search = 400;

-- ---- by words ----
CREATE VIEW fit AS SELECT id, 0 - (document <@> 'word3 word9') AS score, metadata, document FROM acme.docs WHERE deleted_at IS NULL AND document <@> 'word3 word9' < 0;
SELECT results_eq($$SELECT score FROM vecstore.text_query('acme.docs', 'word3 word9', 20)$$, $$SELECT score FROM fit ORDER BY score DESC LIMIT 20$$, 'text_query: scores');
SELECT set_eq($$SELECT * FROM vecstore.text_query('acme.docs', 'word3 word9', 1000)$$, 'SELECT * FROM fit', 'rows, only those with a word');
SELECT set_eq($$SELECT * FROM vecstore.text_query('acme.docs', 'word3 word9', 1000, 'lang = $l', '{"l": "de"}')$$, $$SELECT * FROM fit WHERE metadata ->> 'lang' = 'de'$$, 'a filter');
SELECT results_eq($$SELECT score FROM vecstore.text_query('acme.docs', 'word3 word9', 20, "offset" => 30)$$, $$SELECT score FROM fit ORDER BY score DESC LIMIT 20 OFFSET 30$$, 'offset');
SELECT set_eq($$SELECT * FROM vecstore.text_query('acme.docs', 'word3 word9', 1000, min_score => 1.5)$$, $$SELECT * FROM fit WHERE score >= 1.5$$, 'min_score');
SELECT is(ids($$SELECT * FROM vecstore.text_query('acme.docs', 'nowhere')$$), NULL, 'no word, no row');
SELECT is(run($$SELECT vecstore.text_query('acme.l2', 'x')$$), '42704 collection acme.l2 has no text index', 'no index, no search');

-- ---- by both ----
SELECT results_eq(format($$SELECT * FROM vecstore.hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 'word3', 7, 0.4, '%s', 30, 50, 'n < 200')$$, method),
	format($$SELECT (h.doc).id, h.score, h.vector_distance, h.text_score, (h.doc).metadata, (h.doc).document
		FROM hybrid_search(NULL::acme.docs, 'word3', '[.1,.9,.3,.4,.5,.6,.2,.8]', 7, 0.4, '%s', 30, 50, 'n < 200 AND deleted_at IS NULL') h$$, method), 'hybrid_query ' || method)
FROM unnest(ARRAY['linear', 'rrf']) method;
SELECT results_eq(format($$SELECT id, score FROM vecstore.hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 'word3', 7, candidates => 60, method => '%s', "offset" => 5)$$, method),
	format($$SELECT (h.doc).id, h.score FROM hybrid_search(NULL::acme.docs, 'word3', '[.1,.9,.3,.4,.5,.6,.2,.8]', 12, 0.7, '%s', 60, 60, 'deleted_at IS NULL') h OFFSET 5$$, method), 'offset of hybrid_query ' || method)
FROM unnest(ARRAY['linear', 'rrf']) method;
SELECT results_eq($$SELECT id, score FROM vecstore.hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 'word3', 30, min_score => 0.5)$$,
	$$SELECT id, score FROM vecstore.hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 'word3', 30) WHERE score >= 0.5$$, 'min_score of hybrid_query');
SELECT cmp_ok(count(*) FILTER (WHERE score >= 0.5), '<', count(*), 'which some do not have')
FROM vecstore.hybrid_query('acme.docs', :q, 'word3', 30);
SELECT is(ids($$SELECT * FROM vecstore.hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', NULL)$$), ids('SELECT id FROM near LIMIT 10'), 'without words');
SELECT results_eq($$SELECT text_score FROM vecstore.hybrid_query('acme.docs', NULL, 'word3 word9')$$, $$SELECT score FROM fit ORDER BY score DESC LIMIT 10$$, 'without a vector');
UPDATE acme.docs SET deleted_at = now() WHERE id IN (SELECT id FROM near LIMIT 3);
SELECT is((SELECT count(*)::int FROM vecstore.hybrid_query('acme.docs', :q, 'word3', 1000)), 297, 'soft-deleted rows are not found');
SELECT is(run(format($$SELECT id FROM vecstore.%s$$, call)) ~ '^42601', true, 'a filter is one condition: ' || call) FROM unnest(ARRAY[
	$$hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 'word3', filter => 'n > 1) OR (n > 0')$$,
	$$hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 'word3', filter => 'n > 1) OR (n > 0 OR "x')$$,
	$$text_query('acme.docs', 'word3', filter => 'n > 1) OR (n > 0')$$,
	$$query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', filter => 'true) OR (true')$$,
	$$query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', filter => 'n = 1; DROP TABLE acme.docs')$$,
	$$recommend('acme.docs', ARRAY['7'], filter => 'n = 1) --')$$,
	$$multi_query('acme.docs', ARRAY['[.1,.9,.3,.4,.5,.6,.2,.8]']::vecstore[], filter => 'n = 1) --')$$,
	$$query_mmr('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', filter => 'n = 1) --')$$,
	$$query_sql('acme.docs', filter => 'n = 1) --') id$$]) call;
UPDATE acme.docs SET deleted_at = NULL;

-- ---- several vectors ----
SELECT results_eq($$SELECT id, score, distance, metadata FROM vecstore.multi_query('acme.docs', ARRAY['[1,0,0,0,0,0,0,0]', '[0,0,0,0,0,0,0,1]']::vecstore[], 8, 20, 50, 'n < 250')$$,
	$$WITH leg AS (SELECT v, id, metadata, embedding <-> v AS d, row_number() OVER (PARTITION BY v ORDER BY embedding <-> v) AS r
			FROM acme.docs, unnest(ARRAY['[1,0,0,0,0,0,0,0]', '[0,0,0,0,0,0,0,1]']::vecstore[]) v WHERE deleted_at IS NULL AND (metadata ->> 'n')::int < 250)
		SELECT id, sum(1.0::float8 / (20 + r)) AS s, min(d), (array_agg(metadata))[1] FROM leg WHERE r <= 50 GROUP BY id ORDER BY s DESC, id LIMIT 8$$, 'multi_query');
SELECT is(ids($$SELECT * FROM vecstore.multi_query('acme.docs', ARRAY['[1,0,0,0,0,0,0,0]', '[0,0,0,0,0,0,0,1]']::vecstore[], 5, candidates => 60, "offset" => 4)$$),
	ids($$SELECT * FROM vecstore.multi_query('acme.docs', ARRAY['[1,0,0,0,0,0,0,0]', '[0,0,0,0,0,0,0,1]']::vecstore[], 9, candidates => 60) OFFSET 4$$), 'offset of multi_query');
SELECT is(ids($$SELECT * FROM vecstore.multi_query('acme.docs', ARRAY['[.1,.9,.3,.4,.5,.6,.2,.8]']::vecstore[], min_score => 1 / 66.5)$$), ids('SELECT id FROM near LIMIT 6'), 'min_score of multi_query: 1 / (60 + rank)');
SELECT is(ids($$SELECT * FROM vecstore.multi_query('acme.docs', ARRAY['[.1,.9,.3,.4,.5,.6,.2,.8]']::vecstore[])$$), ids('SELECT id FROM near LIMIT 10'), 'of one vector');
SELECT results_eq($$SELECT id, distance FROM vecstore.recommend('acme.docs', ARRAY['1', '2'], ARRAY['3', '4', '4'], 5)$$,
	$$SELECT id, embedding <-> (SELECT (SELECT avg(embedding) FROM data WHERE id IN ('1', '2')) - (SELECT avg(embedding) FROM data WHERE id IN ('3', '4'))) AS d
		FROM acme.docs WHERE deleted_at IS NULL AND id NOT IN ('1', '2', '3', '4') ORDER BY d LIMIT 5$$, 'recommend');
SELECT is(ids($$SELECT * FROM vecstore.recommend('acme.docs', ARRAY['1', '2'], ARRAY['3'], 5, "offset" => 3)$$),
	ids($$SELECT * FROM vecstore.recommend('acme.docs', ARRAY['1', '2'], ARRAY['3'], 8) OFFSET 3$$), 'offset of recommend');
SELECT is((SELECT count(*)::int FROM vecstore.recommend('acme.docs', ARRAY['1'], k => 10000, "offset" => 2147483647)), 0, 'one that is large');
SELECT results_eq($$SELECT id, score FROM vecstore.recommend('acme.docs', ARRAY['1'], k => 300, min_score => 0.5)$$,
	$$SELECT id, score FROM vecstore.recommend('acme.docs', ARRAY['1'], k => 300) WHERE score >= 0.5$$, 'min_score of recommend');
SELECT is(ids($$SELECT * FROM vecstore.recommend('acme.docs', ARRAY['1'], k => 5, filter => 'n > 100')$$),
	ids($$SELECT d.id FROM data d, data one WHERE one.id = '1' AND (d.metadata ->> 'n')::int > 100 ORDER BY d.embedding <-> one.embedding LIMIT 5$$), 'by one, with a filter');

-- ---- diversity ----
SELECT is(vecstore.mmr_rerank('[1,0]', ARRAY['[1,0.1]', '[1,0.11]', '[0.5,0.5]', NULL, '[0,0]']::vecstore[], 10, lambda), answer, 'mmr_rerank, lambda ' || lambda)
FROM (VALUES (1, '{1,2,3}'::int[]), (0.5, '{1,2,3}'), (0.3, '{1,3,2}'), (0, '{1,3,2}')) v(lambda, answer);
SELECT is(vecstore.mmr_rerank('[1,0]', ARRAY['[1,0.1]', '[1,0.11]', '[0.5,0.5]']::vecstore[], 2, 0.3), '{1,3}'::int[], 'k of them');
SELECT is(vecstore.mmr_rerank('[1,0]', '{}'), '{}'::int[], 'of none');
SELECT is(ids($$SELECT * FROM vecstore.query_mmr('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', lambda => 1)$$), ids('SELECT id FROM near LIMIT 10'), 'query_mmr with lambda 1 is query');
SELECT is(ids($$SELECT * FROM vecstore.query_mmr('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 5, 0.3, 40, 'n > 50')$$),
	(WITH c AS (SELECT id, embedding, row_number() OVER () AS r FROM (SELECT * FROM acme.docs WHERE (metadata ->> 'n')::int > 50 ORDER BY embedding <-> :q LIMIT 40) o)
	SELECT string_agg(c.id, ',' ORDER BY p.o) FROM unnest(vecstore.mmr_rerank(:q, (SELECT array_agg(embedding ORDER BY r) FROM c), 5, 0.3, 'l2')) WITH ORDINALITY p(r, o) JOIN c USING (r)), 'and else mmr_rerank of the candidates');

SELECT is(ids($$SELECT * FROM vecstore.query_mmr('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 5, 0.3, 40, "offset" => 6)$$),
	ids($$SELECT * FROM vecstore.query_mmr('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 11, 0.3, 40) OFFSET 6$$), 'offset of query_mmr');
SELECT is(ids($$SELECT * FROM vecstore.query_mmr('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 5, 0.3, 40, min_score => 0.62)$$),
	(WITH c AS (SELECT id, embedding, row_number() OVER () AS r FROM (SELECT * FROM acme.docs WHERE 1 / (1 + (embedding <-> :q)) >= 0.62 ORDER BY embedding <-> :q LIMIT 40) o)
	SELECT string_agg(c.id, ',' ORDER BY p.o) FROM unnest(vecstore.mmr_rerank(:q, (SELECT array_agg(embedding ORDER BY r) FROM c), 5, 0.3, 'l2')) WITH ORDINALITY p(r, o) JOIN c USING (r)), 'min_score of query_mmr is that of its candidates');

-- ---- rights, status, quotas ----
ALTER TABLE acme.docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON acme.docs USING (metadata ->> 'lang' = 'de');
CREATE ROLE regress_vecstore_reader;
SET ROLE regress_vecstore_reader;
SELECT is(run($$SELECT vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]')$$), '42501 permission denied for schema acme', 'no right on the schema, though there is a plan');
RESET ROLE;
GRANT USAGE ON SCHEMA acme TO regress_vecstore_reader;
CREATE TABLE calls (call text);
GRANT SELECT ON calls TO regress_vecstore_reader;
INSERT INTO calls VALUES ($$query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 400)$$), ($$text_query('acme.docs', 'word3', 400)$$),
	($$hybrid_query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 'word3', 400)$$),
	($$multi_query('acme.docs', ARRAY['[.1,.9,.3,.4,.5,.6,.2,.8]']::vecstore[], 400)$$), ($$recommend('acme.docs', ARRAY['7'], k => 400)$$),
	($$query_mmr('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 400)$$);
SET ROLE regress_vecstore_reader;
SELECT is(run('SELECT count(*) FROM vecstore.' || call), '42501 permission denied for table docs', 'no right on the table: ' || call) FROM calls;
RESET ROLE;
GRANT SELECT ON acme.docs TO regress_vecstore_reader;
SET ROLE regress_vecstore_reader;
SELECT is(run(format($$SELECT count(*) > 0 AND bool_and(metadata ->> 'lang' = 'de') FROM vecstore.%s$$, call)), 'true', 'row security: ' || call) FROM calls;
SELECT is(run($$SELECT id FROM vecstore.recommend('acme.docs', ARRAY['3'])$$), 'P0002 no vectors in collection acme.docs for these ids: 3', 'ids of others are not known');
RESET ROLE;
SELECT is((SELECT count(*)::int FROM vecstore.query('acme.docs', :q, 400)), 300, 'its owner finds all');
SELECT vecstore.set_quota('acme', max_query_results => 20) \gset
SELECT is(run(format('SELECT count(*) FROM vecstore.%s', replace(call, '400', '21'))), '53400 21 rows are more than a query may find in namespace "acme"', 'quota: ' || call) FROM calls;
SELECT is(run(format('SELECT count(*) BETWEEN 1 AND 20 FROM vecstore.%s', replace(call, '400', '20'))), 'true', 'as many as it allows: ' || call) FROM calls;
SELECT is(run(format('SELECT count(*) FROM vecstore.%s', replace(call, '400)', '10, "offset" => 11)'))), '53400 21 rows are more than a query may find in namespace "acme"', 'an offset counts: ' || call) FROM calls;
SELECT is(run($$SELECT count(*) FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 10000, "offset" => 2147483647)$$), '53400 2147493647 rows are more than a query may find in namespace "acme"', 'and does not overflow');
SELECT vecstore.set_quota('acme', max_query_results => -1) \gset
SELECT is(run($$SELECT count(*) FROM vecstore.query('acme.docs', '[.1,.9,.3,.4,.5,.6,.2,.8]', 10000, "offset" => 2147483647)$$), '0', 'without a quota neither');
SELECT vecstore.set_namespace_status('acme', 'suspended') \gset
SELECT is(run('SELECT count(*) FROM vecstore.' || call), '55000 namespace "acme" is suspended', 'suspended: ' || call) FROM calls;
SELECT vecstore.set_namespace_status('acme', 'read_only') \gset
SELECT is(run(format('SELECT count(*) > 0 FROM vecstore.%s', call)), 'true', 'read-only: ' || call) FROM calls;
SELECT vecstore.set_namespace_status('acme', 'active') \gset

-- ---- errors ----
SELECT is(run('SELECT vecstore.' || call), error, call) FROM (VALUES
	($$query(NULL, '[1]')$$, '22004 a collection needs a name'),
	($$query('acme.docs', NULL)$$, '22004 there is no vector to search for'),
	($$query('acme.docs', '[1,2]')$$, '22000 expected 8 dimensions, not 2'),
	($$query('acme.none', '[1,2]')$$, '42P01 collection "none" does not exist in namespace "acme"'),
	($$query('none.docs', '[1,2]')$$, '3F000 namespace "none" does not exist'),
	($$query('acme.docs_pkey', '[1,2]')$$, '42809 "acme.docs_pkey" is no collection'),
	($$query('acme.docs; DROP', '[1,2]')$$, '42602 invalid name: acme.docs; DROP'),
	($$query('acme.docs', '[1,2]', 0)$$, '22023 k must be between 1 and 10000, not 0'),
	($$query('acme.docs', '[1,2]', 10001)$$, '22023 k must be between 1 and 10000, not 10001'),
	($$query('acme.docs', '[1,2]', "offset" => -1)$$, '22023 offset must be at least 0, not -1'),
	($$query('acme.docs', '[1,0,0,0,0,0,0,0]', filter => 'n = $x')$$, '22023 filter parameter "x" has no value'),
	($$text_query('acme.docs', NULL)$$, '22004 there is no text to search for'),
	($$text_query('acme.docs', 'x', -1)$$, '22023 k must be between 1 and 10000, not -1'),
	($$text_query('acme.docs', 'x', "offset" => -1)$$, '22023 offset must be at least 0, not -1'),
	($$hybrid_query('acme.docs', NULL, NULL)$$, '22023 nothing to search for'),
	($$hybrid_query('acme.docs', '[1,2]', NULL)$$, '22000 different vector dimensions 8 and 2'),
	($$hybrid_query('acme.docs', NULL, 'x', method => 'x')$$, '22023 unknown method "x"'),
	($$multi_query('acme.docs', '{}')$$, '22004 there is no vector to search for'),
	($$multi_query('acme.docs', NULL)$$, '22004 there is no vector to search for'),
	($$multi_query('acme.docs', ARRAY[NULL]::vecstore[])$$, '22004 there is no vector to search for'),
	($$multi_query('acme.docs', ARRAY['[1]']::vecstore[], 10, candidates => 9)$$, '22023 candidates must be between k and offset, 10 here, and 100000'),
	($$multi_query('acme.docs', ARRAY['[1]']::vecstore[], 10, candidates => 12, "offset" => 3)$$, '22023 candidates must be between k and offset, 13 here, and 100000'),
	($$multi_query('acme.docs', ARRAY['[1]']::vecstore[], "offset" => 2147483647)$$, '22023 candidates must be between k and offset, 2147483657 here, and 100000'),
	($$hybrid_query('acme.docs', NULL, 'x', "offset" => 9991)$$, '22023 k and offset must be at most 10000 together, not 10001'),
	($$hybrid_query('acme.docs', NULL, 'x', "offset" => -1)$$, '22023 offset must be at least 0, not -1'),
	($$recommend('acme.docs', ARRAY['7'], "offset" => -1)$$, '22023 offset must be at least 0, not -1'),
	($$query_mmr('acme.docs', '[1]', "offset" => -1)$$, '22023 offset must be at least 0, not -1'),
	($$multi_query('acme.docs', ARRAY['[1,0,0,0,0,0,0,0]']::vecstore[], rrf_k => -1)$$, '22023 k must be at least 0'),
	($$recommend('acme.docs', '{}')$$, '22004 recommend needs a positive id'),
	($$recommend('acme.docs', ARRAY['x', '1'], ARRAY['bare', NULL])$$, 'P0002 no vectors in collection acme.docs for these ids: NULL, bare, x'),
	($$query_mmr('acme.docs', NULL)$$, '22004 there is no vector to search for'),
	($$query_mmr('acme.docs', '[1,0,0,0,0,0,0,0]', lambda => 1.1)$$, '22023 lambda must be between 0 and 1'),
	($$query_mmr('acme.docs', '[1,0,0,0,0,0,0,0]', candidates => 100001)$$, '22023 candidates must be between k and offset, 10 here, and 100000'),
	($$mmr_rerank('[1]', ARRAY['[1]']::vecstore[], 0)$$, '22023 k must be at least 1, not 0'),
	($$mmr_rerank('[1]', ARRAY['[1]']::vecstore[], lambda => 'NaN')$$, '22023 lambda must be between 0 and 1'),
	($$mmr_rerank('[1]', ARRAY['[1]']::vecstore[], metric => 'x')$$, '22023 unknown metric "x"'),
	($$mmr_rerank('[1]', ARRAY['[1]', '[1,2]']::vecstore[])$$, '22000 different vecstore dimensions 1 and 2'),
	($$nearest('pg_class', '[1]', 5)$$, '42809 "pg_class" cannot be searched'),
	($$nearest(1::regclass, '[1]', 5)$$, '42P01 relation with OID 1 does not exist'),
	($$nearest(NULL, '[1]', 5)$$, '22023 nearest() needs a collection and a number of rows')
) v(call, error);

DROP OWNED BY regress_vecstore_reader, regress_vecstore_nested;
DROP ROLE regress_vecstore_reader, regress_vecstore_nested;
SELECT * FROM finish();
