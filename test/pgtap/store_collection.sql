-- Collections and their rows: every function, what plans they get, what errors.

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
	EXECUTE format('SELECT string_agg(id, '','') FROM (%s) q', query) INTO result;
	RETURN result;
END
$$;
-- The index that a query's plan scans.
CREATE FUNCTION index_of(query text) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off SET enable_sort = off AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ 'Index.* Scan' THEN
			RETURN substring(line FROM '(?:using|on) (\w+)');
		END IF;
	END LOOP;
	RETURN NULL;
END
$$;

SELECT * FROM no_plan();
SELECT vecstore.create_namespace('acme') \gset
SELECT vecstore.create_namespace('beta') \gset

-- ---- create ----
SELECT is(run($$SELECT vecstore.create_collection('acme.docs', dimension => 3)$$), 'acme.docs', 'create_collection');
SELECT columns_are('acme', 'docs', ARRAY['id', 'embedding', 'metadata', 'document', 'created_at', 'updated_at', 'deleted_at']);
SELECT col_is_pk('acme', 'docs', 'id', 'id is the primary key');
SELECT is(string_agg(format('%s %s%s', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' not null' END), ', ' ORDER BY attnum),
	'id text not null, embedding vecstore(3), metadata jsonb not null, document text, created_at timestamp with time zone not null, updated_at timestamp with time zone not null, deleted_at timestamp with time zone', 'types')
FROM pg_attribute WHERE attrelid = 'acme.docs'::regclass AND attnum > 0;
SELECT is(to_jsonb(c), '{"namespace": "acme", "name": "docs", "collection": "acme.docs", "dimension": 3, "metric": "cosine", "vector_index": "acme.docs_embedding_idx", "m": 16, "ef_construction": 64, "quantization": "auto", "text_index": "acme.docs_document_idx", "tokenizer": "simple"}', 'get_collection')
FROM vecstore.get_collection('acme.docs') c;

CREATE TABLE metric (name text);
INSERT INTO metric SELECT substring(opcname FROM 'vecstore_(.*)_ops') FROM pg_opclass WHERE opcname ~ '^vecstore_.+_ops$';
SELECT is((SELECT count(*)::int FROM metric), 9, 'nine metrics');
SELECT is(run(format('SELECT vecstore.create_collection(%L, 2, metric => %L, text_index => false)', 'beta.' || name, name)), 'beta.' || name, name) FROM metric;
SELECT is((vecstore.get_collection('beta.' || name)).metric, name, name || ' is remembered') FROM metric;
SELECT is(pg_get_indexdef((vecstore.get_collection('beta.' || name)).vector_index),
	format('CREATE INDEX %1$s_embedding_idx ON beta.%1$s USING vecstore (embedding vecstore_%1$s_ops) WHERE (deleted_at IS NULL)', name), name || ' is indexed') FROM metric;
SELECT is((vecstore.get_collection('beta.' || name)).text_index, NULL, 'without a text index') FROM metric;
SELECT is(run($$SELECT vecstore.create_collection('beta.options', 4, 'l2', m => 8, ef_construction => 32, quantization => 'none', tokenizer => 'language', tokenizer_options => '{"language": "german", "k1": 2}')$$), 'beta.options', 'options');
SELECT is(to_jsonb(c) - 'namespace' - 'name' - 'collection', '{"dimension": 4, "metric": "l2", "vector_index": "beta.options_embedding_idx", "m": 8, "ef_construction": 32, "quantization": "none", "text_index": "beta.options_document_idx", "tokenizer": "language"}', 'are told') FROM vecstore.get_collection('beta.options') c;
SELECT is(k1, 2.0::float8, 'and reach the text index') FROM bm25_index_info('beta.options_document_idx');
SELECT is(run($$SELECT vecstore.create_collection('beta.untexted', 4, tokenizer => NULL)$$), 'beta.untexted', 'no tokenizer');
SELECT is((vecstore.get_collection('beta.untexted')).text_index, NULL, 'is no text index');

SELECT is(run(statement), error, statement) FROM (VALUES
	($$SELECT vecstore.create_collection('acme.docs', 3)$$, '42P07 relation "docs" already exists'),
	($$SELECT vecstore.create_collection('gamma.docs', 3)$$, '3F000 namespace "gamma" does not exist'),
	($$SELECT vecstore.create_collection('public.docs', 3)$$, '3F000 namespace "public" does not exist'),
	($$SELECT vecstore.create_collection('docs', 3)$$, '3F000 namespace "public" does not exist'),
	($$SELECT vecstore.create_collection('acme.x', 0)$$, '22023 dimension must be between 1 and 16000, not 0'),
	($$SELECT vecstore.create_collection('acme.x', 16001)$$, '22023 dimension must be between 1 and 16000, not 16001'),
	($$SELECT vecstore.create_collection('acme.x', NULL)$$, '22004 a collection needs a name, a dimension and a metric'),
	($$SELECT vecstore.create_collection('acme.x', 3, 'euclid')$$, '22023 unknown metric "euclid"'),
	($$SELECT vecstore.create_collection('acme.x', 3, 'l2_ops) --')$$, '22023 unknown metric "l2_ops) --"'),
	($$SELECT vecstore.create_collection('acme.x', 3, m => 1000000)$$, '22023 value 1000000 out of bounds for option "m"'),
	($$SELECT vecstore.create_collection('acme.x', 3, quantization => 'x'') --')$$, '22023 invalid value for enum option "quantization": x'') --'),
	($$SELECT vecstore.create_collection('acme.x', 3, tokenizer_options => '{"k1) --": 1}')$$, '22023 unrecognized parameter "k1) --"')
) v(statement, error);
SELECT is(to_regclass('acme.x'), NULL, 'what failed left nothing');

-- ---- the current schema ----
SET search_path = acme, public;
SELECT is(run($$SELECT vecstore.create_collection('here', 3)$$), 'here', 'a name alone is one of the current schema');
SELECT is(run($$SELECT vecstore.upsert('here', 'a', '[1,2,3]')$$), '', 'for every function');
RESET search_path;
SELECT is(run($$SELECT vecstore.count('acme.here')$$), '1', 'which was acme');
SELECT is(run($$SELECT vecstore.drop_collection('acme.here')$$), '', 'drop_collection');
SELECT is(to_regclass('acme.here'), NULL, 'drops the table');

-- ---- upsert, get ----
SELECT is(run($$SELECT vecstore.upsert('acme.docs', 'a', '[1,0,0]', '{"n": 1, "tags": ["x"]}', 'solar cells')$$), '', 'upsert');
SELECT is(run($$SELECT vecstore.upsert('acme.docs', 'b', '[0,1,0]', metadata => '{"n": 2}', document => 'wind power')$$), '', 'with names');
SELECT is(run($$SELECT vecstore.upsert('acme.docs', 'c', '[0,0,1]')$$), '', 'a vector only');
SELECT is(run($$SELECT vecstore.upsert('acme.docs', 'd', NULL, document => 'no vector')$$), '', 'a document only');
SELECT is(to_jsonb(g) - 'created_at' - 'updated_at', '{"id": "a", "embedding": "[1,0,0]", "metadata": {"n": 1, "tags": ["x"]}, "document": "solar cells"}', 'get') FROM vecstore.get('acme.docs', 'a') g;
SELECT is(to_jsonb(g) - 'created_at' - 'updated_at', '{"id": "c", "embedding": "[0,0,1]", "metadata": {}, "document": null}', 'metadata is never NULL') FROM vecstore.get('acme.docs', 'c') g;
SELECT is(ids($$SELECT * FROM vecstore.get('acme.docs', ARRAY['c', 'none', 'a', 'd'])$$), 'c,a,d', 'get of several, in that order');
SELECT is(ids($$SELECT * FROM vecstore.get('acme.docs', 'none')$$), NULL, 'get of none');
UPDATE acme.docs SET created_at = '2020-01-01', updated_at = '2020-01-01' WHERE id = 'a';
SELECT is(run($$SELECT vecstore.upsert('acme.docs', 'a', '[1,1,0]', '{"n": 7}')$$), '', 'upsert of an id that is there');
SELECT is(row(g.embedding, g.metadata, g.document, g.created_at, g.updated_at > now() - interval '1 hour')::text,
	row('[1,1,0]'::text, '{"n": 7}'::jsonb, NULL::text, '2020-01-01'::timestamptz, true)::text, 'replaces all but created_at') FROM vecstore.get('acme.docs', 'a') g;
SELECT is(run(statement), error, statement) FROM (VALUES
	($$SELECT vecstore.upsert('acme.docs', 'x', '[1,2]')$$, '22000 expected 3 dimensions, not 2'),
	($$SELECT vecstore.upsert(NULL, 'x', '[1,2,3]')$$, '22004 a collection needs a name'),
	($$SELECT vecstore.count(NULL)$$, '22004 a collection needs a name'),
	($$SELECT vecstore.upsert('acme.docs', NULL, '[1,2,3]')$$, '23502 null value in column "id" of relation "docs" violates not-null constraint'),
	($$SELECT vecstore.upsert('acme.nodocs', 'x', '[1,2,3]')$$, '42P01 collection "nodocs" does not exist in namespace "acme"'),
	($$SELECT vecstore.upsert('acme.docs_pkey', 'x', '[1,2,3]')$$, '42809 "acme.docs_pkey" is no collection'),
	($$SELECT vecstore.upsert('gamma.docs', 'x', '[1,2,3]')$$, '3F000 namespace "gamma" does not exist'),
	($$SELECT vecstore.get_collection('acme.nodocs')$$, '42P01 collection "nodocs" does not exist in namespace "acme"'),
	($$SELECT vecstore.drop_collection('acme.nodocs')$$, '42P01 collection "nodocs" does not exist in namespace "acme"'),
	($$SELECT vecstore.rename_collection('acme.nodocs', 'x')$$, '42P01 collection "nodocs" does not exist in namespace "acme"'),
	($$SELECT vecstore.rename_collection('acme.docs', 'x.y')$$, '42602 invalid name: x.y'),
	($$SELECT vecstore.list_collections('gamma')$$, '3F000 namespace "gamma" does not exist')
) v(statement, error);

-- ---- upsert_batch ----
SELECT is(run($$SELECT vecstore.upsert_batch('acme.docs', ARRAY['e', 'a', 'f'], ARRAY['[1,0,1]', '[1,0,0]', NULL]::vecstore[], ARRAY['{"n": 5}', NULL, '{"n": 6}']::jsonb[], ARRAY['e text', 'a text', NULL])$$), '3', 'upsert_batch');
SELECT is(string_agg(row(g.id, g.embedding, g.metadata, g.document)::text, ' ' ORDER BY g.id),
	$$(a,"[1,0,0]",{},"a text") (e,"[1,0,1]","{""n"": 5}","e text") (f,,"{""n"": 6}",)$$, 'puts what it was given') FROM vecstore.get('acme.docs', ARRAY['a', 'e', 'f']) g;
SELECT is(run($$SELECT vecstore.upsert_batch('acme.docs', ARRAY['g'], ARRAY['[0,1,1]']::vecstore[])$$), '1', 'without metadata and documents');
SELECT is(run($$SELECT vecstore.upsert_batch('acme.docs', '{}', '{}')$$), '0', 'of nothing');
SELECT is(run(statement), error, statement) FROM (VALUES
	($$SELECT vecstore.upsert_batch('acme.docs', '{x,y,x}', NULL)$$, '21000 an id occurs twice in a batch: x'),
	($$SELECT vecstore.upsert_batch('acme.docs', '{x,y}', ARRAY['[1,2,3]']::vecstore[])$$, '22023 the arrays of a batch must be of the same length'),
	($$SELECT vecstore.upsert_batch('acme.docs', '{x}', NULL, ARRAY[]::jsonb[])$$, '22023 the arrays of a batch must be of the same length'),
	($$SELECT vecstore.upsert_batch('acme.docs', '{x}', NULL, NULL, '{a,b}')$$, '22023 the arrays of a batch must be of the same length'),
	($$SELECT vecstore.upsert_batch('acme.docs', NULL, NULL)$$, '22023 the arrays of a batch must be of the same length'),
	($$SELECT vecstore.upsert_batch('acme.docs', '{x,y}', ARRAY['[1,2,3]', '[1,2]']::vecstore[])$$, '22000 expected 3 dimensions, not 2')
) v(statement, error);
SELECT is(run($$SELECT vecstore.count('acme.docs')$$), '7', 'all or nothing');

-- ---- filters ----
SELECT is(run($$SELECT vecstore.count('acme.docs', 'n > 1')$$), '3', 'count with a filter');
SELECT is(run($$SELECT vecstore.count('acme.docs', 'n IN $list', '{"list": [2, 5]}')$$), '2', 'and parameters');
SELECT is(run($$SELECT vecstore.count('acme.docs', 'n IN $list', NULL)$$) ~ '^22023', true, 'or none');
SELECT is(run($$SELECT vecstore.count('acme.docs', 'n > 1) OR (true')$$) ~ '^42601', true, 'a filter is one condition');
SELECT is(run($$SELECT vecstore.remove_where('acme.docs', 'n = $n', '{"n": 6}')$$), '1', 'remove_where');
SELECT is(ids('SELECT id FROM acme.docs ORDER BY id'), 'a,b,c,d,e,g', 'removes those rows');
SELECT is(run($$SELECT vecstore.remove_where('acme.docs', NULL)$$), '22004 remove_where needs a filter', 'but not all by mistake');

-- ---- remove, soft_delete, restore, compact ----
SELECT is(run($$SELECT vecstore.remove('acme.docs', 'g')$$), '1', 'remove');
SELECT is(run($$SELECT vecstore.remove('acme.docs', 'g')$$), '0', 'of what is gone');
SELECT is(run($$SELECT vecstore.remove('acme.docs', ARRAY['e', 'd', 'none'])$$), '2', 'remove of several');
SELECT is(run($$SELECT vecstore.soft_delete('acme.docs', 'a')$$), '1', 'soft_delete');
SELECT is(run($$SELECT vecstore.soft_delete('acme.docs', ARRAY['a', 'b', 'none'])$$), '1', 'of several, one of them soft-deleted already');
SELECT is(run($$SELECT vecstore.count('acme.docs')$$), '1', 'count does not see them');
SELECT is(run($$SELECT vecstore.count('acme.docs', 'n = 2')$$), '0', 'nor with a filter');
SELECT is(ids($$SELECT * FROM vecstore.get('acme.docs', ARRAY['a', 'b', 'c'])$$), 'c', 'nor does get');
SELECT is(run($$SELECT vecstore.remove_where('acme.docs', 'n = 2')$$), '0', 'nor remove_where');
SELECT is(row(live_rows, soft_deleted_rows, vectors, documents)::text, '(1,2,1,0)', 'stats') FROM vecstore.stats('acme.docs');
SELECT ok(table_bytes > 0 AND index_bytes > 0 AND last_update > now() - interval '1 hour', 'stats: the rest') FROM vecstore.stats('acme.docs');
SELECT is(run($$SELECT vecstore.restore('acme.docs', 'a')$$), '1', 'restore');
SELECT is(run($$SELECT vecstore.restore('acme.docs', ARRAY['a', 'c', 'none'])$$), '0', 'of none that is soft-deleted');
SELECT is(ids($$SELECT id FROM acme.docs WHERE deleted_at IS NULL ORDER BY embedding <=> '[1,0,0]' LIMIT 1$$), 'a', 'a restored row is in the index');
SELECT is(run($$SELECT vecstore.upsert('acme.docs', 'b', '[0,1,0]', '{"n": 2}', 'wind power')$$), '', 'upsert of a soft-deleted row');
SELECT is(ids($$SELECT * FROM vecstore.get('acme.docs', 'b')$$), 'b', 'brings it back');
SELECT is(run($$SELECT vecstore.soft_delete('acme.docs', ARRAY['a', 'c'])$$), '2', 'soft_delete again');
UPDATE acme.docs SET deleted_at = now() - interval '8 days' WHERE id = 'c';
SELECT is(run($$SELECT vecstore.compact('acme.docs', older_than => '7 days')$$), '1', 'compact what is old');
SELECT is(ids('SELECT id FROM acme.docs ORDER BY id'), 'a,b', 'the rest stays');
SELECT is(run($$SELECT vecstore.remove('acme.docs', 'a')$$), '1', 'remove of a soft-deleted row');
SELECT is(run($$SELECT vecstore.soft_delete('acme.docs', 'b')$$), '1', 'soft_delete');
SELECT is(run($$SELECT vecstore.compact('acme.docs')$$), '1', 'compact all');

-- ---- plans ----
INSERT INTO acme.docs (id, embedding, metadata, document)
SELECT i, format('[%s,%s,%s]', i % 10, i % 7, i % 3 + 1)::vecstore, jsonb_build_object('n', i), CASE WHEN i % 10 = 0 THEN 'solar' ELSE 'wind' END FROM generate_series(1, 2000) i;
SELECT is(run($$SELECT vecstore.optimize('acme.docs')$$), 'Statistics are new. What no function can do: VACUUM acme.docs;', 'optimize');
SELECT is(reltuples, 2000::real, 'analyzes') FROM pg_class WHERE oid = 'acme.docs'::regclass;
SELECT is(run($$SELECT vecstore.optimize('acme.docs', reindex => true)$$), 'Statistics are new, and so are the indexes. What no function can do: VACUUM acme.docs;', 'optimize with indexes');
SELECT is(index_of($$SELECT id FROM acme.docs WHERE deleted_at IS NULL ORDER BY embedding <=> '[1,2,3]' LIMIT 5$$), 'docs_embedding_idx', 'the vector index serves');
SELECT is(index_of($$SELECT id FROM acme.docs WHERE deleted_at IS NULL ORDER BY document <@> 'solar' LIMIT 5$$), 'docs_document_idx', 'so does the text index');
SELECT is(index_of($$SELECT id FROM acme.docs WHERE $$ || vecstore.live_rows('acme.docs', 'n = 7', '{}')), 'docs_metadata_idx', 'and that of metadata');
SELECT is(index_of($$SELECT id FROM acme.docs WHERE id = 'x'$$), 'docs_pkey', 'and the primary key');
SELECT is(run($$SELECT vecstore.soft_delete('acme.docs', array_agg(i::text)) FROM generate_series(1, 1000) i$$), '1000', 'half of the rows soft-deleted');
SELECT is(count(*)::int, 1000, 'a scan by distance finds the others') FROM (SELECT id FROM acme.docs WHERE deleted_at IS NULL ORDER BY embedding <=> '[1,2,3]') s;

-- ---- lists, names ----
SELECT is(string_agg(name, ',' ORDER BY name), 'docs', 'list_collections of a namespace') FROM vecstore.list_collections('acme');
SELECT is(count(*)::int, 12, 'list_collections of all') FROM vecstore.list_collections();
SELECT is(run($$SELECT vecstore.rename_collection('acme.docs', '"My docs"')$$), 'acme."My docs"', 'rename_collection');
SELECT is(run($$SELECT vecstore.count('acme."My docs"')$$), '1000', 'found by its new name');
SELECT is(run($$SELECT vecstore.count('acme.docs')$$), '42P01 collection "docs" does not exist in namespace "acme"', 'not by the old');
SELECT is(run($$SELECT vecstore.create_collection('acme.docs', 5)$$), 'acme.docs', 'which is free');
SELECT is(run($$SELECT vecstore.rename_collection('acme."My docs"', 'docs')$$), '42P07 relation "docs" already exists', 'or not');
ALTER TABLE acme."My docs" RENAME TO other;
ALTER TABLE acme.other SET SCHEMA beta;
SELECT is(run($$SELECT vecstore.count('beta.other')$$), '1000', 'renamed and moved by hand');
SELECT is((vecstore.get_collection('beta.other')).metric, 'cosine', 'with all that is known of it');
DROP TABLE beta.other;
SELECT is(string_agg(name, ',' ORDER BY name), 'docs', 'dropped by hand') FROM vecstore.list_collections('acme');

-- ---- an ordinary table: plain SQL, upsert, row security ----
INSERT INTO acme.docs (id, embedding) VALUES ('x', '[1,2,3,4,5]') ON CONFLICT (id) DO NOTHING;
SELECT is(ids($$SELECT * FROM vecstore.get('acme.docs', 'x')$$), 'x', 'a row of plain SQL');
CREATE ROLE regress_vecstore_reader;
GRANT USAGE ON SCHEMA acme TO regress_vecstore_reader;
GRANT SELECT, DELETE ON acme.docs TO regress_vecstore_reader;
ALTER TABLE acme.docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON acme.docs USING (metadata ->> 'who' = current_user);
SELECT vecstore.upsert('acme.docs', 'y', NULL, '{"who": "regress_vecstore_reader"}') \gset
SET ROLE regress_vecstore_reader;
SELECT vecstore.count('acme.docs') AS n, (SELECT string_agg(id, ',') FROM vecstore.get('acme.docs', '{x,y}'::text[])) AS got, vecstore.remove('acme.docs', 'x') AS removed \gset
RESET ROLE;
SELECT is(:'n' || ' ' || :'got' || ' ' || :'removed', '1 y 0', 'row security applies');
DROP OWNED BY regress_vecstore_reader;
DROP ROLE regress_vecstore_reader;

SELECT * FROM finish();
