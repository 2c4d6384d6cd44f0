-- Attacks on the store.  Objects that a hostile user has put where names are looked
-- up, before the extension was made and after; tenants who want to know of each
-- other, or to have an administrator run what is theirs; what is done to schemas,
-- tables and the store's own tables by hand; odd names.

CREATE ROLE regress_vecstore_a;
CREATE ROLE regress_vecstore_b;
SET client_min_messages = warning;
SELECT * FROM no_plan();

-- ---- names that are looked up ----

-- For each operator and function of ours from PostgreSQL, one that suits a pair of types, or a
-- type, for which PostgreSQL has none of just these types.  Where somebody else's is found, it fails.
CREATE SCHEMA hostile;
CREATE TABLE type AS SELECT unnest('{int4,int8,float8,text,name,oid,regclass,jsonb,text[]}'::text[]) AS name;
DO $$
DECLARE
	here record;
	body text := 'LANGUAGE plpgsql AS ''BEGIN RAISE ''''hostile''''; END''';
BEGIN
	FOR here IN SELECT o.oprname AS name, l.name AS l, r.name AS r FROM (SELECT DISTINCT oprname FROM pg_operator
			WHERE oprname IN ('=', '<>', '<', '>', '<=', '>=', '+', '-', '*', '/', '||', '->', '->>', '#>>', '@>', '&', '~~')) o, type l, type r
		WHERE to_regoperator(format('pg_catalog.%s(%s,%s)', o.oprname, l.name, r.name)) IS NULL
	LOOP
		EXECUTE format('CREATE FUNCTION hostile.%I(%s, %s) RETURNS bool %s', 'operator ' || here.name, here.l, here.r, body);
		EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = hostile.%I)',
			here.name, here.l, here.r, 'operator ' || here.name);
	END LOOP;
	FOR here IN SELECT p.name, a.types FROM unnest(ARRAY['format', 'cardinality', 'unnest', 'quote_ident', 'sum', 'count', 'array_agg',
				'string_agg', 'jsonb_build_object', 'array_to_string', 'array_cat', 'ln', 'abs', 'to_regclass', 'to_regrole', 'octet_length',
				'set_config', 'current_setting', 'replace', 'jsonb_each_text', 'jsonb_path_query', 'format_type', 'pg_table_size',
				'pg_indexes_size', 'pg_total_relation_size', 'pg_options_to_table', 'split_part', 'encode', 'decode', 'convert_from',
				'regexp_match', 'has_table_privilege', 'min', 'max', 'to_jsonb', 'substring']) p (name),
			(SELECT name FROM type UNION ALL SELECT l.name || ',' || r.name FROM type l, type r) a (types)
		WHERE to_regprocedure(format('pg_catalog.%s(%s)', p.name, a.types)) IS NULL
	LOOP
		EXECUTE format('CREATE FUNCTION hostile.%I(%s) RETURNS text %s', here.name, here.types, body);
	END LOOP;
END
$$;
CREATE TABLE hostile_object AS
	SELECT 'pg_proc'::regclass::oid AS class, oid FROM pg_proc WHERE pronamespace = 'hostile'::regnamespace
	UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator WHERE oprnamespace = 'hostile'::regnamespace;
SELECT cmp_ok(count(*), '>', 2000::bigint, 'traps') FROM hostile_object;
DROP EXTENSION vecstore;
SELECT lives_ok('CREATE EXTENSION vecstore SCHEMA hostile', 'the extension is made where they are');
SELECT is(string_agg(pg_describe_object(d.classid, d.objid, 0), ', '), NULL, 'no view, function or constraint of its has found one')
FROM pg_depend d JOIN hostile_object h ON h.class = d.refclassid AND h.oid = d.refobjid
WHERE (d.classid, d.objid) NOT IN (SELECT class, oid FROM hostile_object);

-- The first column of what a statement returns for a role, or "SQLSTATE message".
CREATE FUNCTION as_role(who name, statement text, path text DEFAULT 'public') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM pg_catalog.set_config('role', who, true), pg_catalog.set_config('search_path', path, true);
	IF statement ~ '^SELECT|^EXPLAIN' THEN
		EXECUTE statement INTO result;
	ELSE
		EXECUTE statement;
	END IF;
	PERFORM pg_catalog.set_config('search_path', 'public', true), pg_catalog.set_config('role', 'none', true);
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION run(statement text) RETURNS text LANGUAGE sql AS $$SELECT as_role('none', statement)$$;

-- Whoever calls these has the traps in his path; each of them is there to be stepped on.
SELECT is(as_role('none', 'SELECT format(''%s'', 1::regclass)', 'hostile, public'), 'P0001 hostile', 'a trap of a function');
SELECT is(as_role('none', 'SELECT 1::regclass = 1::regclass', 'hostile, public'), 'P0001 hostile', 'a trap of an operator');
CREATE TABLE call (n serial, statement text);
INSERT INTO call (statement) SELECT 'SELECT vecstore.' || statement FROM unnest(ARRAY[
	$$create_namespace('acme', max_vectors => 100, max_storage_bytes => 100000000, max_batch_size => 5)$$,
	$$create_collection('acme.docs', 2, 'l2')$$,
	$$set_quota('acme', max_collections => 5)$$,
	$$upsert('acme.docs', 'a', '[1,2]', '{"n": 1}', 'one word')$$,
	$$upsert_batch('acme.docs', ARRAY['b', 'c'], ARRAY['[2,3]', '[3,4]']::hostile.vecstore[], ARRAY['{"n": 2}', '{"n": 3}']::jsonb[], ARRAY['two words', 'x'])$$,
	$$get('acme.docs', 'a')$$,
	$$count('acme.docs', 'n > 1 AND n IN (2, 3)')$$,
	$$soft_delete('acme.docs', 'c')$$,
	$$restore('acme.docs', 'c')$$,
	$$query('acme.docs', '[1,2]', filter => 'n < $n', filter_params => '{"n": 7}', min_score => 0)$$,
	$$query_explain('acme.docs', '[1,2]', filter => 'n < 7', min_score => 0)$$,
	$$text_query('acme.docs', 'one', filter => 'n < 7', min_score => 0)$$,
	$$hybrid_query('acme.docs', '[1,2]', 'one', filter => 'n < 7', min_score => 0)$$,
	$$multi_query('acme.docs', ARRAY['[1,2]']::hostile.vecstore[], filter => 'n < 7', min_score => 0)$$,
	$$recommend('acme.docs', ARRAY['a'], ARRAY['b'], filter => 'n < 7', min_score => 0)$$,
	$$query_mmr('acme.docs', '[1,2]', filter => 'n < 7', min_score => 0)$$,
	$$mmr_rerank('[1,2]', ARRAY['[1,2]']::hostile.vecstore[])$$,
	$$create_snapshot('acme.docs', 's')$$,
	$$list_snapshots('acme.docs')$$,
	$$remove('acme.docs', 'a')$$,
	$$upsert('acme.docs', 'b', '[7,7]')$$,
	$$restore_snapshot('acme.docs', 's')$$,
	$$drop_snapshot('acme.docs', 's')$$,
	$$remove_where('acme.docs', 'n = 3')$$,
	$$compact('acme.docs')$$,
	$$stats('acme.docs')$$,
	$$optimize('acme.docs', reindex => true)$$,
	$$create_cache('acme.answers', 2)$$,
	$$cache_put('acme.answers', '[1,2]', '1', '1 day')$$,
	$$cache_get('acme.answers', '[1,2]', max_age => '1 day')$$,
	$$cache_prune('acme.answers', '1 day', 5)$$,
	$$list_namespaces()$$,
	$$get_namespace('acme')$$,
	$$namespace_usage('acme')$$,
	$$list_collections('acme')$$,
	$$get_collection('acme.docs')$$,
	$$set_namespace_status('acme', 'suspended')$$,
	$$set_namespace_status('acme', 'active')$$,
	$$recount('acme')$$,
	$$rename_collection('acme.docs', 'other')$$,
	$$drop_collection('acme.other', cascade => true)$$,
	$$split_text('a text', 'markdown')$$,
	$$recall_at_k(ARRAY['a', 'b'], ARRAY['b'], 2)$$,
	$$precision_at_k(ARRAY['a', 'b'], ARRAY['b'], 2)$$,
	$$mrr(ARRAY['a', 'b'], ARRAY['b'])$$,
	$$ndcg_at_k(ARRAY['a', 'b'], '{"b": 2}'::jsonb, 2)$$,
	$$ndcg_at_k(ARRAY['a', 'b'], ARRAY['b'], 2)$$,
	$$drop_namespace('acme', cascade => true)$$
]) statement;
SELECT unalike(coalesce(as_role('none', statement, 'hostile, public'), ''), '_____ %', 'not stepped on: ' || statement) FROM call ORDER BY n;
SELECT is(as_role('none', 'SELECT count(*) FROM hostile.vecstore_stat_indexes', 'hostile, public'), '0', 'nor by a view');
SELECT is(string_agg(DISTINCT p.proname || ' in ' || f.proname, ', '), NULL, 'no body that is read when it runs calls a function without its schema')
FROM pg_proc f, LATERAL regexp_matches(f.prosrc, '(?:^|[^\w.])([a-z_0-9]+)\(', 'g') c (word), pg_proc p
WHERE f.pronamespace = 'vecstore'::regnamespace AND f.prosqlbody IS NULL AND f.prolang <> (SELECT oid FROM pg_language WHERE lanname = 'c')
	AND NOT coalesce(f.proconfig::text ~ 'search_path', false) AND p.proname = c.word[1] AND p.pronamespace = 'pg_catalog'::regnamespace
	-- two constructs of the grammar: extract(epoch FROM x), and unnest(a, b) of several arrays
	AND p.proname <> 'extract' AND NOT (f.proname = 'upsert_batch' AND p.proname = 'unnest' AND f.prosrc ~ 'FROM unnest\(\$1, \$2');
DROP EXTENSION vecstore CASCADE;
DROP SCHEMA hostile CASCADE;
CREATE EXTENSION vecstore;

-- ---- what runs with whose rights ----

SELECT is(string_agg(p.oid::regprocedure::text, ', '), NULL, 'no function runs with its owner''s rights')
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
WHERE d.refclassid = 'pg_extension'::regclass AND p.prosecdef;
SELECT vecstore.create_namespace('acme', owner => 'regress_vecstore_a', max_vectors => 10, max_batch_size => 7, max_query_results => 50) \gset
SELECT vecstore.create_namespace('beta', owner => 'regress_vecstore_b', max_vectors => 3) \gset
SELECT vecstore.create_collection('acme.docs', 2) \gset
SELECT vecstore.create_collection('beta.docs', 2) \gset
SELECT vecstore.upsert('acme.docs', 'secret', '[1,2]', '{"n": 1}', 'secret words') \gset
SELECT vecstore.create_cache('acme.answers', 2) \gset
SELECT vecstore.cache_put('acme.answers', '[1,2]', '"secret"') \gset
SELECT vecstore.create_snapshot('acme.docs', 'kept') \gset
SELECT is(as_role('regress_vecstore_b', statement), '42501 permission denied for ' || what, 'b: ' || statement)
FROM (VALUES
	($$SELECT vecstore.collection('acme.docs', 1000)$$, 'schema acme'),
	($$SELECT vecstore.collection('acme.nothing')$$, 'schema acme'),
	($$SELECT vecstore.admit_name('acme.docs')$$, 'schema acme'),
	($$SELECT vecstore.admit_search('acme.docs', 1000)$$, 'schema acme'),
	($$SELECT vecstore.create_collection('acme.mine', 2)$$, 'schema acme'),
	($$SELECT vecstore.create_cache('acme.mine', 2)$$, 'schema acme'),
	($$SELECT vecstore.cache('acme.answers')$$, 'schema acme'),
	($$SELECT vecstore.cache_get('acme.answers', '[1,2]')$$, 'schema acme'),
	($$SELECT vecstore.cache_put('acme.answers', '[1,2]', '1')$$, 'schema acme'),
	($$SELECT vecstore.cache_prune('acme.answers')$$, 'schema acme'),
	($$SELECT vecstore.query_explain('acme.docs', '[1,2]')$$, 'schema acme'),
	($$SELECT vecstore.create_snapshot('acme.docs', 'mine')$$, 'schema acme'),
	($$SELECT vecstore.list_snapshots('acme.docs')$$, 'schema acme'),
	($$SELECT vecstore.restore_snapshot('acme.docs', 'kept')$$, 'schema acme'),
	($$SELECT vecstore.export_collection('acme.docs', '/tmp/docs.bin')$$, 'schema acme'),
	($$SELECT vecstore.count_vectors('acme')$$, 'namespace "acme"'),
	($$SELECT vecstore.recount('beta')$$, 'namespace "beta"'),
	-- what takes tables by their oid, which all may know
	(format('SELECT vecstore.nearest(%s::regclass, ''[1,2]'', 1)', 'acme.docs'::regclass::oid), 'schema acme'),
	(format('SELECT vecstore.admit_snapshot(%s::regclass)', 'acme."docs@kept"'::regclass::oid), 'schema acme'),
	(format('SELECT hybrid_search_keys(%s::regclass, ''secret'')', 'acme.docs'::regclass::oid), 'table docs'),
	(format('SELECT vecstore_index_info(%s::regclass)', 'acme.docs_embedding_idx'::regclass::oid), 'table docs'),
	(format('SELECT vecstore_check(%s::regclass)', 'acme.docs_embedding_idx'::regclass::oid), 'table docs'),
	(format('SELECT vecstore_recall(%s::regclass)', 'acme.docs_embedding_idx'::regclass::oid), 'table docs'),
	(format('SELECT bm25_index_info(%s::regclass)', 'acme.docs_document_idx'::regclass::oid), 'index docs_document_idx'),
	(format('SELECT bm25_check(%s::regclass)', 'acme.docs_document_idx'::regclass::oid), 'index docs_document_idx'),
	(format('SELECT ''secret'' <@> bm25_query(''secret'', %s::regclass)', 'acme.docs_document_idx'::regclass::oid), 'table docs'),
	(format('SELECT vecstore.guard_table(%s::regclass, ''mine'', ''l2'')', 'acme.docs'::regclass::oid), 'schema acme'),
	(format('SELECT vecstore.share_table(%s::regclass, ''regress_vecstore_a'', ''SELECT'')', 'acme.docs'::regclass::oid), 'schema acme')
) v (statement, what);
SELECT is(as_role('regress_vecstore_b', statement), result, 'b: ' || statement)
FROM (VALUES
	(format('SELECT vecstore.has_snapshot(%s::regclass, ''kept'')', 'acme.docs'::regclass::oid), 'false'),
	($$SELECT count(*) FROM vecstore.snapshots$$, '0'),
	($$SELECT string_agg(namespace, ',') FROM vecstore.collections$$, 'beta'),
	($$SELECT string_agg(name, ',') FROM vecstore.namespaces$$, 'beta'),
	($$SELECT metric FROM vecstore_stat_indexes WHERE schemaname = 'acme'$$, NULL)) v (statement, result);
SELECT is(run($$SELECT vecstore.create_namespace('everybody', owner => 'public')$$), '42704 role "public" does not exist', '"public" is nobody');

-- ---- what an administrator runs ----

-- All that a tenant can make others run says who did.
CREATE FUNCTION spy() RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'spy runs as %', current_user; END$$;
CREATE SCHEMA spies AUTHORIZATION regress_vecstore_a;
GRANT USAGE ON SCHEMA spies TO PUBLIC;
SET ROLE regress_vecstore_a;
CREATE VIEW acme.view AS SELECT spy() AS id, NULL::vecstore AS embedding, '{}'::jsonb AS metadata, ''::text AS document, NULL::timestamptz AS deleted_at;
CREATE TRIGGER vecstore_guard BEFORE INSERT ON acme.view FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard('l2');
RESET ROLE;
SELECT is(run(statement), '42809 "acme.view" is no collection', statement) FROM unnest(ARRAY[
	$$SELECT vecstore.count('acme.view')$$, $$SELECT vecstore.stats('acme.view')$$, $$SELECT vecstore.get('acme.view', 'x')$$,
	$$SELECT id FROM vecstore.query('acme.view', '[1,2]')$$, $$SELECT vecstore.create_snapshot('acme.view', 'x')$$]) statement;
SELECT is(run($$SELECT string_agg(name, ',' ORDER BY name) FROM vecstore.list_collections('acme')$$), 'docs', 'it is not listed');
SELECT is(run($$SELECT collections FROM vecstore.namespace_usage('acme')$$), '2', 'nor counted');
SET ROLE regress_vecstore_a;
DROP TRIGGER vecstore_guard ON acme.view;
CREATE TRIGGER vecstore_cache BEFORE INSERT ON acme.view FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard('cosine');
RESET ROLE;
SELECT is(run($$SELECT vecstore.cache_get('acme.view', '[1,2]')$$), '42809 "acme.view" is no cache', 'nor a cache');
SET ROLE regress_vecstore_a;
DROP TRIGGER vecstore_cache ON acme.view;
CREATE TRIGGER vecstore_snapshot BEFORE INSERT ON acme.view FOR EACH STATEMENT WHEN ('acme.docs'::regclass IS NOT NULL)
	EXECUTE FUNCTION vecstore.guard('1', '1', 'view');
-- a table with a column of a type that a function of the tenant's turns into text
CREATE TYPE spies.odd AS (x int);
CREATE FUNCTION spies.text_of(spies.odd) RETURNS text LANGUAGE sql AS 'SELECT public.spy()';
CREATE CAST (spies.odd AS text) WITH FUNCTION spies.text_of(spies.odd) AS IMPLICIT;
CREATE TABLE acme.odd (id text, embedding vecstore(2), metadata jsonb, document spies.odd, created_at timestamptz, updated_at timestamptz, deleted_at timestamptz);
INSERT INTO acme.odd (id, document, metadata) VALUES ('secret', ROW(1), '{}'), ('new', ROW(1), '{}');
CREATE TRIGGER vecstore_snapshot BEFORE INSERT ON acme.odd FOR EACH STATEMENT WHEN ('acme.docs'::regclass IS NOT NULL)
	EXECUTE FUNCTION vecstore.guard('1', '1', 'odd');
RESET ROLE;
SELECT is(run($$SELECT string_agg(name, ',' ORDER BY name) FROM vecstore.list_snapshots('acme.docs')$$), 'kept,odd', 'a view is no snapshot');
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'view')$$), '42704 collection acme.docs has no snapshot "view"', 'it is not read');
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'odd')$$),
	'42804 collection acme.docs and its snapshot "odd" have columns of different types: document', 'a cast of the tenant''s does not run');
SET ROLE regress_vecstore_a;
DROP VIEW acme.view;
DROP TABLE acme.odd;
RESET ROLE;
ALTER TABLE acme.docs ADD price int DEFAULT 5;
SELECT vecstore.create_snapshot('acme.docs', 'int') \gset
ALTER TABLE acme.docs ALTER price TYPE bigint;
UPDATE acme.docs SET price = 7;
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'int')$$), '1', 'PostgreSQL''s own casts do');
SELECT is(run($$SELECT price FROM acme.docs$$), '5', 'rightly');
ALTER TABLE acme.docs DROP price;
SELECT vecstore.drop_snapshot('acme.docs', 'int') \gset

-- ---- the trigger, put to other use ----

SET ROLE regress_vecstore_b;
CREATE TABLE beta.own (id text);
CREATE TRIGGER vecstore_guard BEFORE INSERT ON beta.own FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard();
CREATE TRIGGER vecstore_deleted AFTER DELETE ON beta.own REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard();
RESET ROLE;
SELECT is(as_role('regress_vecstore_b', $$INSERT INTO beta.docs (id) SELECT generate_series(1, 3)$$), NULL, 'a quota that is used up');
SELECT is(as_role('regress_vecstore_b', $$INSERT INTO beta.own SELECT generate_series(1, 9)$$), NULL, 'rows that are not counted');
SELECT is(as_role('regress_vecstore_b', $$DELETE FROM beta.own$$), NULL, 'give nothing back');
SELECT is(as_role('regress_vecstore_b', $$INSERT INTO beta.docs (id) VALUES ('x')$$), '53400 quota of namespace "beta" exceeded: max_vectors', 'the quota holds');
SELECT is((SELECT string_agg(DISTINCT namespace::text, ',') FROM vecstore.usage WHERE collection = 'beta.own'::regclass), 'beta', 'a number of one''s own');
CREATE TRIGGER vecstore_cache BEFORE INSERT ON beta.docs FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard();
DELETE FROM vecstore.usage;
SELECT is(as_role('regress_vecstore_b', $$INSERT INTO beta.docs (id) VALUES ('x')$$), '53400 quota of namespace "beta" exceeded: max_vectors', 'who is two things is counted once');
SELECT is(vecstore.recount('beta'), 3::bigint, 'by recount, too');
DROP TRIGGER vecstore_cache ON beta.docs;
-- rows that go by a foreign key
DELETE FROM beta.docs;
DROP TABLE beta.own;
SELECT vecstore.create_collection('beta.parts', 2, text_index => false) \gset
ALTER TABLE beta.parts ADD doc text REFERENCES beta.docs ON DELETE CASCADE;
SELECT is(as_role('regress_vecstore_b', $$INSERT INTO beta.docs (id) VALUES ('x')$$), NULL, 'a row');
SELECT is(as_role('regress_vecstore_b', $$INSERT INTO beta.parts (id, doc) VALUES ('1', 'x'), ('2', 'x')$$), NULL, 'and two that hang on it');
SELECT is(as_role('regress_vecstore_b', $$INSERT INTO beta.parts (id, doc) VALUES ('3', 'x')$$), '53400 quota of namespace "beta" exceeded: max_vectors', 'are all there may be');
SELECT is(as_role('regress_vecstore_b', $$DELETE FROM beta.docs$$), NULL, 'they go together');
SELECT is((SELECT sum(vectors)::int FROM vecstore.usage WHERE namespace = 'beta'), 0, 'and are given back');

-- ---- by hand ----

ALTER TABLE acme.docs OWNER TO regress_vecstore_a;
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.upsert('acme.docs', 'mine', '[2,1]')$$), '', 'ALTER TABLE ... OWNER');
ALTER SCHEMA acme OWNER TO regress_vecstore_a;
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.create_collection('acme.more', 2)$$), 'acme.more', 'ALTER SCHEMA ... OWNER');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.set_quota('acme', max_vectors => -1)$$), '42501 permission denied for view namespaces', 'quotas are not the schema''s');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.set_namespace_status('acme', 'active')$$), '42501 permission denied for view namespaces', 'nor is the status');
SELECT is(as_role('regress_vecstore_a', 'DROP TRIGGER vecstore_guard ON acme.more'), NULL, 'a tenant''s own table without its trigger');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.count('acme.more')$$), '42809 "acme.more" is no collection', 'is no collection');
SELECT is(as_role('regress_vecstore_a', 'ALTER TABLE acme.docs SET SCHEMA spies'), NULL, 'a collection that leaves');
SELECT is(as_role('regress_vecstore_a', $$INSERT INTO spies.docs (id) VALUES ('x')$$), '3F000 schema "spies" is no namespace', 'takes no rows');
SELECT is(as_role('regress_vecstore_a', 'ALTER TABLE spies.docs SET SCHEMA acme'), NULL, 'until it is back');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.count('acme.docs')$$), '2', 'as it was');
SELECT is(as_role('regress_vecstore_a', 'ALTER SCHEMA acme RENAME TO public2'), '42501 permission denied for database ' || quote_ident(current_database()), 'no other name without a right on the database');
-- A role that has gone, and one whose name another has.
ALTER SCHEMA beta OWNER TO regress_vecstore_a;
DROP OWNED BY regress_vecstore_b;
DROP ROLE regress_vecstore_b;
SELECT is(run($$SELECT owner FROM vecstore.get_namespace('beta')$$), 'regress_vecstore_b', 'an owner who has gone');
SELECT is(run($$SELECT vecstore.create_collection('beta.third', 2)$$), 'beta.third', 'is in nobody''s way');

-- ---- the store's own tables, altered by their owner ----

SELECT vecstore.set_quota('acme', max_vectors => 100) \gset
SELECT is(run($$INSERT INTO acme.docs (id) VALUES ('counted')$$), NULL, 'before');
CREATE TABLE change (statement text, undo text, error text);
INSERT INTO change VALUES
	('ALTER TABLE vecstore.usage ALTER vectors TYPE text', 'ALTER TABLE vecstore.usage ALTER vectors TYPE bigint USING vectors::bigint', '55000 the table vecstore.usage was altered'),
	('ALTER TABLE vecstore.usage ADD more text', NULL, '55000 the table vecstore.usage was altered'),
	('ALTER TABLE vecstore.usage DROP vectors', NULL, '55000 the table vecstore.usage was altered'),
	('ALTER TABLE vecstore.usage ALTER vectors DROP NOT NULL; UPDATE vecstore.usage SET vectors = NULL', NULL, '55000 the table vecstore.usage was altered'),
	('ALTER TABLE vecstore.namespace_settings ADD more text', NULL, '55000 the table vecstore.namespace_settings was altered'),
	('ALTER TABLE vecstore.namespace_settings ALTER status DROP NOT NULL; UPDATE vecstore.namespace_settings SET status = NULL', NULL, '55000 the table vecstore.namespace_settings was altered'),
	('DROP VIEW vecstore.namespaces CASCADE', NULL, '2BP01 cannot drop view vecstore.namespaces because extension vecstore requires it');
-- Each is taken back.
CREATE FUNCTION altered(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE statement;
	INSERT INTO acme.docs (id) VALUES ('x'), ('y');
	RAISE 'it was inserted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT is(altered(statement), error, statement) FROM change;
SELECT is(run($$INSERT INTO acme.docs (id) VALUES ('after')$$), NULL, 'after');

-- ---- odd names, of caches and snapshots ----

CREATE TABLE odd (text text, name text);
INSERT INTO odd VALUES
	('"Upper"', 'Upper'), ('"a b"', 'a b'), ('"a.b"', 'a.b'), ('"a""b"', 'a"b'), ('my-app', 'my-app'), ('"it''s"', 'it''s'),
	('"; DROP SCHEMA beta; --"', '; DROP SCHEMA beta; --'), ('"%I%L%s"', '%I%L%s'), ('"\"', '\'), ('ünï', 'ünï'), ('"日本語"', '日本語'),
	('"$$"', '$$'), ('select', 'select'), (repeat('x', 63), repeat('x', 63)), (repeat('é', 31), repeat('é', 31));
SELECT is(run(format('SELECT vecstore.create_namespace(%L)', text)), name, 'namespace ' || text) FROM odd;
SELECT is(run(format('SELECT vecstore.create_cache(%L, 2)', text || '.' || text)), format('%I.%I', name, name), 'a cache in it') FROM odd;
SELECT is(run(format('SELECT vecstore.cache_put(%L, ''[1,2]'', %L)', text || '.' || text, to_jsonb(name))), '1', 'an answer') FROM odd;
SELECT is(run(format('SELECT payload FROM vecstore.cache_get(%L, ''[1,2]'')', text || '.' || text))::jsonb, to_jsonb(name), 'found') FROM odd;
SELECT is(run(format('SELECT vecstore.cache_prune(%L, keep => 0)', text || '.' || text)), '1', 'pruned') FROM odd;
SELECT is(run(format('SELECT vecstore.create_collection(%L, 2)', text || '.docs')), format('%I.docs', name), 'a collection') FROM odd;
SELECT is(run(format('SELECT vecstore.create_snapshot(%L, %L)', text || '.docs', name)), '0', 'a snapshot of that name') FROM odd;
SELECT is(run(format('SELECT name FROM vecstore.list_snapshots(%L)', text || '.docs')), name, 'is listed') FROM odd;
SELECT is(run(format('SELECT vecstore.restore_snapshot(%L, %L)', text || '.docs', name)), '0', 'restored') FROM odd;
SELECT is(run(format('SELECT vecstore.drop_snapshot(%L, %L)', text || '.docs', name)), '', 'dropped') FROM odd;
SELECT is(run(format('SELECT vecstore.drop_namespace(%L, cascade => true)', text)), '', 'all dropped') FROM odd;
SELECT has_schema('beta', 'and nothing else');

DROP OWNED BY regress_vecstore_a CASCADE;
DROP ROLE regress_vecstore_a;
SELECT * FROM finish();
