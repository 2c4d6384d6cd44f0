-- Semantic caches: hits and misses by similarity and age, for plain users.

SELECT plan(33);

CREATE SCHEMA acme;
SELECT is(vecstore.create_cache('acme.answers', 3)::text, 'acme.answers', 'a cache is made');
SELECT has_table('acme', 'answers', 'it is a table');
SELECT is((SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam
	WHERE i.indrelid = 'acme.answers'::regclass AND a.amname = 'vecstore'), 1::bigint, 'with an HNSW index');

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
SELECT throws_ok($$SELECT vecstore.cache_get('acme.none', '[1]')$$, '42P01', 'there is no cache "acme.none"');
SELECT throws_ok($$SELECT vecstore.cache_get('pg_catalog.pg_class', '[1]')$$, '42809', 'pg_class is not a cache');
SELECT throws_ok($$SELECT vecstore.create_cache('answers', 3)$$, '22023', '"answers" is not the name of a cache');
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

SELECT * FROM finish();
