-- Semantic caches: hits and misses by similarity and age, for plain users.

SELECT * FROM no_plan();

SELECT vecstore.create_namespace('acme') \gset
SELECT is(vecstore.create_cache('acme.answers', 3)::text, 'acme.answers', 'a cache is made');
SELECT has_table('acme', 'answers', 'it is a table');
SELECT is((SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
	WHERE i.indrelid = 'acme.answers'::regclass AND a.amname = 'vecstore'), 1::bigint, 'with an HNSW index');

SELECT is_empty($$SELECT * FROM vecstore.list_collections()$$, 'but no collection');
SET search_path = acme, public;
SELECT is_empty($$SELECT * FROM vecstore.cache_get('answers', '[1,0,0]')$$, 'a name alone is one of the current schema');
RESET search_path;
SELECT is_empty($$SELECT * FROM vecstore.cache_get('acme.answers', '[1,0,0]')$$, 'nothing in an empty cache');
SELECT lives_ok($$SELECT vecstore.cache_put('acme.answers', '[1,0,0]', '"x"')$$);
SELECT lives_ok($$SELECT vecstore.cache_put('acme.answers', '[0,1,0]', '{"answer": "y"}')$$);
SELECT is(payload, '{"answer": "y"}', 'the nearest entry') FROM vecstore.cache_get('acme.answers', '[0.1,3,0]');
SELECT ok(abs(similarity - 3 / sqrt(9.01)) < 1e-6, 'its cosine') FROM vecstore.cache_get('acme.answers', '[0.1,3,0]');
SELECT ok(age >= '0' AND age < '1 hour', 'its age') FROM vecstore.cache_get('acme.answers', '[0.1,3,0]');
-- Cosine .8 between (4, 3, 0) and (1, 0, 0).
SELECT is_empty($$SELECT * FROM vecstore.cache_get('acme.answers', '[4,3,0]')$$, 'not similar enough');
SELECT is_empty($$SELECT * FROM vecstore.cache_get('acme.answers', '[4,3,0]', .81)$$, 'not similar enough');
SELECT is(payload, '"x"', 'similar enough') FROM vecstore.cache_get('acme.answers', '[4,3,0]', threshold => .79);

SELECT lives_ok($$SELECT vecstore.cache_put('acme.answers', '[1,0,0]', '"new"')$$);
SELECT results_eq($$SELECT payload FROM acme.answers WHERE embedding = '[1,0,0]'$$, $$VALUES ('"new"'::jsonb)$$,
	'the same embedding takes the place of the entry');

-- age
UPDATE acme.answers SET created_at = created_at - interval '2 hours' WHERE payload = '"new"';
SELECT is_empty($$SELECT * FROM vecstore.cache_get('acme.answers', '[1,0,0]', max_age => '1 hour')$$, 'too old');
SELECT is(payload, '"new"', 'not too old') FROM vecstore.cache_get('acme.answers', '[1,0,0]', max_age => '3 hours');
SELECT lives_ok($$SELECT vecstore.cache_put('acme.answers', '[1,0.01,0]', '"nearer"', ttl => '1 hour')$$);
SELECT is(payload, '"nearer"', 'an entry for an hour') FROM vecstore.cache_get('acme.answers', '[1,0.01,0]');
UPDATE acme.answers SET expires_at = expires_at - interval '1 hour' WHERE payload = '"nearer"';
SELECT is(payload, '"new"', 'after it the next one is found') FROM vecstore.cache_get('acme.answers', '[1,0.01,0]');

-- pruning
SELECT is(vecstore.cache_prune('acme.answers'), 1::bigint, 'what has expired goes');
SELECT is(vecstore.cache_prune('acme.answers', older_than => '1 hour'), 1::bigint, 'and what is old');
DO $$ BEGIN PERFORM vecstore.cache_put('acme.answers', ARRAY[1, i, i * i]::real[]::vecstore, to_jsonb(i)) FROM generate_series(1, 9) i; END $$;
SELECT is(vecstore.cache_prune('acme.answers', keep => 3), 7::bigint, 'and what is too many');
SELECT results_eq($$SELECT payload FROM acme.answers ORDER BY id$$, $$VALUES ('7'::jsonb), ('8'), ('9')$$, 'the newest stay');

-- errors
SELECT throws_ok($$SELECT vecstore.cache_put('acme.answers', '[1,2]', '1')$$, '22000', 'cache acme.answers has embeddings of 3 dimensions, not 2');
SELECT throws_ok($$SELECT * FROM vecstore.cache_get('acme.answers', '[1,2,3,4]')$$, '22000', 'cache acme.answers has embeddings of 3 dimensions, not 4');
SELECT throws_ok($$SELECT vecstore.cache_put('acme.answers', '[0,0,0]', '1')$$, '22023', 'a zero vector is similar to nothing');
SELECT throws_ok($$SELECT vecstore.cache_put('acme.answers', NULL, '1')$$, '22004', 'a cache keeps no null');
SELECT throws_ok($$SELECT vecstore.cache_get('acme.none', '[1]')$$, '42P01', 'cache "none" does not exist in namespace "acme"');
SELECT throws_ok($$SELECT vecstore.cache_get('acme.answers_pkey', '[1]')$$, '42809', '"acme.answers_pkey" is no cache');
SELECT throws_ok($$SELECT vecstore.create_cache('public.answers', 3)$$, '3F000', 'namespace "public" does not exist');
SELECT throws_ok($$SELECT vecstore.create_cache(NULL, 3)$$, '22004', 'a cache needs a name and the dimension of its embeddings');
SELECT throws_ok($$SELECT vecstore.cache_get(NULL, '[1,2,3]')$$, '22004', 'a cache needs a name');
SELECT throws_ok($$SELECT vecstore.cache_get('acme.answers', '[1,2,3]', 'NaN')$$, '22023', 'threshold cannot be NaN');

-- a user without rights on the cache, and one with the right to read
CREATE ROLE retrieval_cache_user;
GRANT USAGE ON SCHEMA acme TO retrieval_cache_user;
SET ROLE retrieval_cache_user;
SELECT throws_ok($$SELECT vecstore.cache_get('acme.answers', '[1,9,81]')$$, '42501', 'permission denied for table answers');
RESET ROLE;
GRANT SELECT ON acme.answers TO retrieval_cache_user;
SET ROLE retrieval_cache_user;
SELECT is(payload, '9', 'the right to read the table is the right to use the cache') FROM vecstore.cache_get('acme.answers', '[1,9,81]');
RESET ROLE;
REVOKE ALL ON acme.answers FROM retrieval_cache_user;
REVOKE ALL ON SCHEMA acme FROM retrieval_cache_user;
DROP ROLE retrieval_cache_user;

-- ---- the namespace's status and quotas ----
CREATE ROLE retrieval_cache_tenant;
SELECT vecstore.create_namespace('beta', owner => 'retrieval_cache_tenant', max_vectors => 3, max_dimension => 4, max_collections => 2,
	max_storage_bytes => 100000000) \gset
SELECT is(vecstore.create_cache('beta.c', 2)::text, 'beta.c', 'a cache in a namespace with quotas');
CREATE FUNCTION run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	SET LOCAL ROLE retrieval_cache_tenant;
	IF statement ~ '^SELECT' THEN
		EXECUTE statement INTO result;
	ELSE
		EXECUTE statement;
	END IF;
	RESET ROLE;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION usage() RETURNS text LANGUAGE sql AS $$
	SELECT format('%s collections, %s vectors of %s', collections, vectors, (SELECT count(*) FROM beta.c)) FROM vecstore.namespace_usage('beta')
$$;
CREATE TABLE entry (n int, put text);
INSERT INTO entry SELECT n, format('SELECT vecstore.cache_put(''beta.c'', ''[1,%s]'', ''%s'') > 0', n, n) FROM generate_series(1, 4) n;
SELECT is(run(put), 'true', 'who made it shares it with the namespace''s owner: entry ' || n) FROM entry WHERE n < 4 ORDER BY n;
SELECT is(usage(), '1 collections, 3 vectors of 3', 'entries count');
SELECT cmp_ok(storage_bytes, '>=', pg_total_relation_size('beta.c'), 'so do bytes') FROM vecstore.namespace_usage('beta');
SELECT is(run(put), '53400 quota of namespace "beta" exceeded: max_vectors', 'no fourth one') FROM entry WHERE n = 4;
SELECT is(run(put), 'true', 'but one in place of another') FROM entry WHERE n = 2;
SELECT is(run(statement), '53400 quota of namespace "beta" exceeded: max_vectors', statement) FROM unnest(ARRAY[
	$$INSERT INTO beta.c (embedding, payload) VALUES ('[1,9]', '9')$$,
	$$MERGE INTO beta.c USING (VALUES ('[1,9]'::vecstore)) v (e) ON c.embedding = v.e WHEN NOT MATCHED THEN INSERT (embedding, payload) VALUES (e, '9')$$]) statement;
SELECT is(run($$SELECT vecstore.cache_prune('beta.c', keep => 1)$$), '2', 'pruning');
SELECT is(usage(), '1 collections, 1 vectors of 1', 'gives back');
SELECT is(run('TRUNCATE beta.c'), NULL, 'TRUNCATE');
SELECT is(usage(), '1 collections, 0 vectors of 0', 'as well');
DELETE FROM vecstore.usage;
SELECT is(run(put), 'true', 'one without a number') FROM entry WHERE n = 1;
SELECT is(usage(), '1 collections, 1 vectors of 1', 'is counted');
SELECT is(vecstore.recount('beta')::int, 1, 'by recount, too');
SELECT is(run($$SELECT vecstore.create_collection('beta.docs', 2)$$), 'beta.docs', 'a collection beside it');
SELECT is(run($$INSERT INTO beta.docs (id) SELECT generate_series(1, 3)$$), '53400 quota of namespace "beta" exceeded: max_vectors', 'has the same quota');
SELECT is(run($$SELECT vecstore.create_cache('beta.d', 2)$$), '53400 namespace "beta" has as many collections as it may have', 'max_collections');
SELECT is(run($$SELECT vecstore.create_collection('beta.d', 2)$$), '53400 namespace "beta" has as many collections as it may have', 'for both');
SELECT is(run($$SELECT vecstore.create_cache('beta.d', 5)$$), '53400 5 dimensions are more than namespace "beta" may have', 'max_dimension');
SELECT vecstore.set_quota('beta', max_vectors => -1, max_storage_bytes => 0) \gset
SELECT is(run(put), '53400 quota of namespace "beta" exceeded: max_storage_bytes', 'max_storage_bytes') FROM entry WHERE n = 1;
SELECT is(run($$UPDATE beta.c SET payload = '"x"'$$), '53400 quota of namespace "beta" exceeded: max_storage_bytes', 'of an update');
SELECT vecstore.set_quota('beta', max_storage_bytes => -1, max_batch_size => 1) \gset
SELECT is(run($$INSERT INTO beta.c (embedding, payload) SELECT ARRAY[1, n]::real[]::vecstore, '1' FROM generate_series(1, 2) n$$), '53400 quota of namespace "beta" exceeded: max_batch_size', 'max_batch_size');
SELECT is(run(put), 'true', 'one is no batch') FROM entry WHERE n = 1;
CREATE TABLE write (statement text);
INSERT INTO write SELECT put FROM entry WHERE n = 1;
INSERT INTO write VALUES ($$SELECT vecstore.cache_prune('beta.c')$$), ($$INSERT INTO beta.c (embedding, payload) VALUES ('[1,9]', '9')$$),
	($$UPDATE beta.c SET expires_at = now()$$), ($$DELETE FROM beta.c$$), ($$TRUNCATE beta.c$$);
SELECT vecstore.set_namespace_status('beta', 'read_only') \gset
SELECT is(run(statement), '25006 namespace "beta" is read-only', 'read-only: ' || statement) FROM write;
SELECT is(run($$SELECT vecstore.create_cache('beta.d', 2)$$), '55000 namespace "beta" is read-only', 'read-only: no new cache');
SELECT is(run($$SELECT payload FROM vecstore.cache_get('beta.c', '[1,1]')$$), '1', 'read-only: can be read');
SELECT vecstore.set_namespace_status('beta', 'suspended') \gset
SELECT is(run(statement), CASE WHEN statement LIKE 'SELECT%' THEN '55000 namespace "beta" is suspended' ELSE '42501 permission denied for schema beta' END, 'suspended: ' || statement) FROM write;
SELECT is(run($$SELECT payload FROM vecstore.cache_get('beta.c', '[1,1]')$$), '55000 namespace "beta" is suspended', 'suspended: no reading');
SELECT vecstore.set_namespace_status('beta', 'active') \gset
SELECT is(run(put), 'true', 'active again') FROM entry WHERE n = 1;
SELECT vecstore.drop_namespace('beta', cascade => true) \gset
DROP ROLE retrieval_cache_tenant;

SELECT * FROM finish();
