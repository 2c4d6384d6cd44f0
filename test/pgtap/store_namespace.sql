-- Namespaces: made, listed, suspended, dropped; hostile names; two tenants who
-- cannot reach each other, and what neither may do.

CREATE ROLE regress_vecstore_a;
CREATE ROLE regress_vecstore_b;
CREATE ROLE "regress_vecstore ""odd"" '; --";

-- The first column of what a statement returns for a role, or "SQLSTATE message".
CREATE FUNCTION as_role(who name, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('role', who, true);
	IF statement ~ '^SELECT|RETURNING' THEN
		EXECUTE statement INTO result;
	ELSE
		EXECUTE statement;
	END IF;
	PERFORM set_config('role', 'none', true);
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE FUNCTION run(statement text) RETURNS text LANGUAGE sql AS $$SELECT as_role('none', statement)$$;

SELECT * FROM no_plan();

-- ---- create, list, get ----
SELECT is(run($$SELECT vecstore.create_namespace('acme', owner => 'regress_vecstore_a', max_vectors => 100, max_dimension => 8, max_collections => 2, max_batch_size => 50, max_query_results => 20, max_storage_bytes => 100000000)$$), 'acme', 'create_namespace');
SELECT is(run($$SELECT vecstore.create_namespace('beta', owner => 'regress_vecstore_b')$$), 'beta', 'another one');
SELECT has_schema('acme', 'a namespace is a schema');
SELECT is(to_jsonb(n) - 'created_at' - 'suspended_grants', '{"name": "acme", "owner": "regress_vecstore_a", "status": "active", "schema_exists": true, "max_vectors": 100, "max_storage_bytes": 100000000, "max_dimension": 8, "max_collections": 2, "max_batch_size": 50, "max_query_results": 20}', 'get_namespace')
FROM vecstore.get_namespace('acme') n;
SELECT ok(created_at <= now() AND created_at > now() - interval '1 hour', 'created_at') FROM vecstore.get_namespace('acme');
SELECT is(array_agg(name::text), '{acme,beta}', 'list_namespaces, in order') FROM vecstore.list_namespaces();
SELECT is(run($$SELECT vecstore.create_namespace('acme')$$), '42P06 namespace "acme" already exists', 'a name is taken once');
SELECT is(run($$SELECT vecstore.create_namespace('public')$$), '42P06 schema "public" already exists', 'a schema that is there is not taken over');
SELECT is(run($$SELECT vecstore.create_namespace('pg_mine')$$), '42939 unacceptable schema name "pg_mine"', 'nor are PostgreSQL''s names');
SELECT is(run($$SELECT vecstore.create_namespace('gamma', owner => 'nobody_here')$$), '42704 role "nobody_here" does not exist', 'the owner must exist');
SELECT is(run($$SELECT vecstore.create_namespace('gamma', max_vectors => -3)$$) ~ '^23514', true, 'a quota is not negative');
SELECT is(run($$SELECT vecstore.create_namespace(NULL)$$), '22004 a namespace needs a name', 'NULL is no name');
SELECT is(run($$SELECT vecstore.get_namespace('gamma')$$), '3F000 namespace "gamma" does not exist', 'what failed left nothing');
SELECT is(run($$SELECT vecstore.drop_namespace('gamma')$$), '3F000 namespace "gamma" does not exist', 'drop_namespace of none');
SELECT is(run($$SELECT vecstore.set_namespace_status('gamma', 'active')$$), '3F000 namespace "gamma" does not exist', 'status of none');
SELECT is(run($$SELECT vecstore.set_quota('gamma', max_vectors => 1)$$), '3F000 namespace "gamma" does not exist', 'quota of none');
SELECT is(run($$SELECT vecstore.namespace_usage('gamma')$$), '3F000 namespace "gamma" does not exist', 'usage of none');

-- ---- names ----
CREATE TABLE odd (text text, name text);
INSERT INTO odd VALUES
	('Upper', 'upper'), ('"Upper"', 'Upper'), ('"a b"', 'a b'), ('"a.b"', 'a.b'), ('"a""b"', 'a"b'), ('my-app', 'my-app'), ('"it''s"', 'it''s'),
	('"; DROP SCHEMA beta; --"', '; DROP SCHEMA beta; --'), ('"%I%L%s"', '%I%L%s'), ('"\"', '\'), ('ünï', 'ünï'), ('"日本語"', '日本語'),
	('"$$"', '$$'), ('select', 'select'), (repeat('x', 63), repeat('x', 63)), (repeat('é', 31), repeat('é', 31));
SELECT is(run(format('SELECT vecstore.create_namespace(%L)', text)), name, 'name ' || text) FROM odd;
SELECT is(run(format('SELECT (vecstore.get_namespace(%L)).name', text)), name, 'found by ' || text) FROM odd;
SELECT is(run(format('SELECT vecstore.create_collection(%L, 2)', text || '.' || text)), format('%I.%I', name, name), 'a collection in and with it') FROM odd;
SELECT is(run(format('SELECT vecstore.upsert(%L, %L, ''[1,2]'', ''{"k": 1}'', %L)', text || '.' || text, text, text)), '', 'a row in that') FROM odd;
SELECT is(run(format('SELECT vecstore.count(%L, ''k = 1'')', text || '.' || text)), '1', 'and it counts') FROM odd;
SELECT is(run(format('SELECT (vecstore.get(%L, %L)).document', text || '.' || text, text)), text, 'and comes back') FROM odd;
SELECT is(run(format('SELECT vecstore.rename_collection(%L, ''"x"" y"'')', text || '.' || text)), format('%I."x"" y"', name), 'renamed') FROM odd;
SELECT is(run(format('SELECT vecstore.set_namespace_status(%L, ''suspended'')', text)), '', 'suspended') FROM odd;
SELECT is(run(format('SELECT vecstore.set_namespace_status(%L, ''active'')', text)), '', 'active again') FROM odd;
SELECT is(run(format('SELECT vecstore.set_quota(%L, max_vectors => 1)', text)), '', 'given a quota') FROM odd;
SELECT is(run(format('SELECT vecstore.upsert(%L, ''y'', NULL)', text || '."x"" y"')), format('53400 quota of namespace "%s" exceeded: max_vectors', name), 'which holds') FROM odd;
SELECT is(run(format('SELECT (vecstore.namespace_usage(%L)).vectors', text)), '1', 'its usage') FROM odd;
SELECT is(run(format('SELECT vecstore.drop_collection(%L)', text || '."x"" y"')), '', 'dropped') FROM odd;
SELECT is(run(format('SELECT vecstore.drop_namespace(%L)', text)), '', 'namespace dropped') FROM odd;
SELECT is(run(format('SELECT vecstore.create_namespace(%L)', bad)), '42602 invalid name: ' || bad, 'no name: ' || bad)
FROM unnest(ARRAY['', ' ', 'a b', 'a.b', '"a', 'a"b', '""', '"a"b', 'a;b c', '.', 'a.']) bad;
SELECT is(run(format('SELECT vecstore.count(%L)', bad)), '42602 invalid name: ' || bad, 'no collection: ' || bad)
FROM unnest(ARRAY['', 'a.b.c', 'a..b', '.b', 'a.', '"a.b', 'a. b']) bad;
SELECT is(run(format('SELECT vecstore.create_namespace(%L)', repeat('x', 64))), '42622 name is too long: ' || repeat('x', 64), '64 bytes are too long');
SELECT is(run(format('SELECT vecstore.create_namespace(%L, owner => %L)', 'odd', 'regress_vecstore "odd" ''; --')), 'odd', 'an odd role');
SELECT is(as_role('regress_vecstore "odd" ''; --', $$SELECT vecstore.create_collection('odd.c', 2)$$), 'odd.c', 'which may use its namespace');
SELECT is(run($$SELECT vecstore.set_namespace_status('odd', 'suspended')$$), '', 'suspended');
SELECT is(run($$SELECT vecstore.set_namespace_status('odd', 'active')$$), '', 'and back');
SELECT is(as_role('regress_vecstore "odd" ''; --', 'SELECT count(*) FROM odd.c'), '0', 'with its rights');
SELECT is(run($$SELECT vecstore.drop_namespace('odd', cascade => true)$$), '', 'dropped with its collection');

-- ---- tenants ----
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.create_collection('acme.docs', 3, metric => 'l2')$$), 'acme.docs', 'a tenant makes a collection');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.upsert('acme.docs', 'secret', '[1,2,3]', '{"n": 1}', 'words')$$), '', 'and fills it');
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.create_collection('beta.docs', 3)$$), 'beta.docs', 'so does the other');
SELECT is(as_role('regress_vecstore_a', $$SELECT string_agg(name, ',') FROM vecstore.list_namespaces()$$), 'acme', 'list_namespaces shows one''s own');
SELECT is(as_role('regress_vecstore_a', $$SELECT string_agg(collection::text, ',') FROM vecstore.list_collections()$$), 'acme.docs', 'list_collections as well');
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.get_namespace('acme')$$), '3F000 namespace "acme" does not exist', 'another''s namespace is not shown');
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.list_collections('acme')$$), '3F000 namespace "acme" does not exist', 'nor its collections');
SELECT is(left(as_role('regress_vecstore_b', statement), 5), '42501', 'b: ' || statement)
FROM unnest(ARRAY[
	$$SELECT * FROM acme.docs$$,
	$$INSERT INTO acme.docs (id) VALUES ('x')$$,
	$$SELECT vecstore.get_collection('acme.docs')$$,
	$$SELECT vecstore.upsert('acme.docs', 'x', '[1,2,3]')$$,
	$$SELECT vecstore.upsert_batch('acme.docs', '{x}', NULL)$$,
	$$SELECT vecstore.get('acme.docs', 'secret')$$,
	$$SELECT vecstore.count('acme.docs')$$,
	$$SELECT vecstore.count('acme.docs', 'n = 1')$$,
	$$SELECT vecstore.remove('acme.docs', 'secret')$$,
	$$SELECT vecstore.remove_where('acme.docs', 'n = 1')$$,
	$$SELECT vecstore.soft_delete('acme.docs', 'secret')$$,
	$$SELECT vecstore.restore('acme.docs', 'secret')$$,
	$$SELECT vecstore.compact('acme.docs')$$,
	$$SELECT vecstore.stats('acme.docs')$$,
	$$SELECT vecstore.optimize('acme.docs', reindex => true)$$,
	$$SELECT vecstore.rename_collection('acme.docs', 'mine')$$,
	$$SELECT vecstore.drop_collection('acme.docs')$$,
	$$SELECT vecstore.create_collection('acme.mine', 3)$$,
	$$SELECT vecstore.admit_collection('acme', 3)$$,
	$$SELECT vecstore.count_vectors('acme')$$,
	$$CREATE TABLE acme.mine (x int)$$,
	-- and, of one's own, what is not for tenants
	$$SELECT vecstore.create_namespace('mine')$$,
	$$SELECT vecstore.drop_namespace('beta', true)$$,
	$$SELECT vecstore.set_quota('beta', max_vectors => 1)$$,
	$$SELECT vecstore.set_namespace_status('beta', 'active')$$,
	$$SELECT vecstore.recount('beta')$$,
	$$SELECT * FROM vecstore.namespace_settings$$,
	$$UPDATE vecstore.namespace_settings SET max_vectors = NULL$$,
	$$INSERT INTO vecstore.namespaces (name) VALUES ('mine')$$,
	$$DELETE FROM vecstore.namespaces$$,
	$$SELECT * FROM vecstore.usage$$,
	$$UPDATE vecstore.namespaces SET max_vectors = NULL$$,
	$$UPDATE vecstore.usage SET vectors = 0$$,
	$$DELETE FROM vecstore.usage$$,
	$$INSERT INTO vecstore.usage VALUES (1, 'acme', -5)$$,
	$$CREATE TABLE vecstore.mine (x int)$$,
	$$DROP SCHEMA beta CASCADE$$,
	$$ALTER SCHEMA beta RENAME TO gamma$$,
	$$GRANT ALL ON SCHEMA acme TO regress_vecstore_b$$
]) statement;
SELECT is(as_role('regress_vecstore_a', $$SELECT document FROM acme.docs$$), 'words', 'all is as it was');
SELECT is(as_role('regress_vecstore_a', $$SELECT string_agg(name || ' ' || owner, ',') FROM vecstore.namespaces$$), 'acme regress_vecstore_a', 'vecstore.namespaces has one''s own for a');
SELECT is(as_role('regress_vecstore_b', $$SELECT string_agg(name || ' ' || owner, ',') FROM vecstore.namespaces$$), 'beta regress_vecstore_b', 'and for b');
-- A function that costs next to nothing is asked before the view's own condition, unless the view forbids it.
CREATE FUNCTION leak(name) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$BEGIN IF $1 = 'acme' THEN RAISE 'leaked'; END IF; RETURN true; END$$;
SELECT is(as_role('regress_vecstore_b', 'SELECT count(*) FROM vecstore.namespaces WHERE leak(name)'), '1', 'not even to a curious function');

-- who makes a collection for a tenant shares it with him, but keeps it
SELECT is(run($$SELECT vecstore.create_collection('acme.shared', 3)$$), 'acme.shared', 'the administrator makes a collection');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.upsert('acme.shared', 'x', '[1,2,3]')$$), '', 'the tenant writes');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.count('acme.shared')$$), '1', 'and reads');
SELECT is(as_role('regress_vecstore_a', statement), '42501 must be owner of ' || what, 'but: ' || statement)
FROM (VALUES ('ALTER TABLE acme.shared DISABLE TRIGGER ALL', 'table shared'), ('DROP TRIGGER vecstore_guard ON acme.shared', 'relation shared'),
	($$SELECT vecstore.drop_collection('acme.shared')$$, 'table shared')) v(statement, what);

-- ---- status ----
SELECT is(run($$SELECT vecstore.set_namespace_status('acme', 'frozen')$$), '22023 unknown status "frozen"', 'three statuses');
SELECT is(run($$SELECT vecstore.set_namespace_status('acme', 'read_only')$$), '', 'read_only');
CREATE TABLE writes (statement text);
INSERT INTO writes VALUES
	($$INSERT INTO acme.docs (id) VALUES ('x')$$),
	($$INSERT INTO acme.docs (id) SELECT 'x'$$),
	($$UPDATE acme.docs SET id = 'y'$$),
	($$DELETE FROM acme.docs$$),
	($$TRUNCATE acme.docs$$),
	($$MERGE INTO acme.docs USING (VALUES ('secret')) v(id) ON v.id = docs.id WHEN MATCHED THEN DELETE$$),
	($$SELECT vecstore.upsert('acme.docs', 'x', '[1,2,3]')$$),
	($$SELECT vecstore.upsert_batch('acme.docs', '{x}', NULL)$$),
	($$SELECT vecstore.remove('acme.docs', 'secret')$$),
	($$SELECT vecstore.remove_where('acme.docs', 'n = 1')$$),
	($$SELECT vecstore.soft_delete('acme.docs', 'secret')$$),
	($$SELECT vecstore.restore('acme.docs', 'secret')$$),
	($$SELECT vecstore.compact('acme.docs')$$);
CREATE TABLE changes (statement text);
INSERT INTO changes VALUES
	($$SELECT vecstore.create_collection('acme.more', 3)$$),
	($$SELECT vecstore.drop_collection('acme.docs')$$),
	($$SELECT vecstore.rename_collection('acme.docs', 'other')$$);
SELECT is(as_role('regress_vecstore_a', statement), '25006 namespace "acme" is read-only', 'read-only: ' || statement) FROM writes;
SELECT is(as_role('regress_vecstore_a', statement), '55000 namespace "acme" is read-only', 'read-only: ' || statement) FROM changes;
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.count('acme.docs')$$), '1', 'read-only: can be read');
SELECT is(run($$SELECT vecstore.set_namespace_status('acme', 'suspended')$$), '', 'suspended');
SELECT is(as_role('regress_vecstore_a', statement), CASE WHEN statement LIKE 'SELECT%' THEN '55000 namespace "acme" is suspended' ELSE '42501 permission denied for schema acme' END, 'suspended: ' || statement) FROM writes;
SELECT is(as_role('regress_vecstore_a', statement), '55000 namespace "acme" is suspended', 'suspended: ' || statement) FROM changes;
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.count('acme.docs')$$), '55000 namespace "acme" is suspended', 'suspended: no reading');
SELECT is(as_role('regress_vecstore_a', $$SELECT count(*) FROM acme.docs$$), '42501 permission denied for schema acme', 'suspended: no plain reading either');
SELECT is(as_role('regress_vecstore_a', $$SELECT status FROM vecstore.get_namespace('acme')$$), 'suspended', 'suspended: the tenant can see why');
SELECT is(run('DELETE FROM acme.docs'), '25006 namespace "acme" is suspended', 'suspended: a superuser does not write by mistake');
SELECT is(run($$SELECT vecstore.set_namespace_status('acme', 'suspended')$$), '', 'suspended twice');
SELECT is(run($$SELECT vecstore.set_namespace_status('acme', 'read_only')$$), '', 'read_only after that');
SELECT is(as_role('regress_vecstore_a', $$SELECT count(*) FROM acme.docs$$), '1', 'which gives the rights back');
SELECT is(run($$SELECT vecstore.set_namespace_status('acme', 'active')$$), '', 'active');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.upsert('acme.docs', 'x', '[1,2,3]')$$), '', 'and writing goes on');

-- ---- whom the administrator lets do his work ----
GRANT SELECT, INSERT, UPDATE, DELETE ON vecstore.namespaces TO regress_vecstore_b;
SELECT is(as_role('regress_vecstore_b', $$SELECT string_agg(name, ',') FROM vecstore.list_namespaces()$$), 'acme,beta', 'a second administrator sees all');
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.set_quota('acme', max_vectors => 5)$$), '', 'sets quotas');
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.recount('acme')$$), '3', 'counts');
SELECT is(as_role('regress_vecstore_b', $$SELECT count(*) FROM acme.docs$$), '42501 permission denied for schema acme', 'and reads nothing');
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.set_namespace_status('acme', 'suspended')$$), '42501 must be owner of schema acme', 'rights on the schema are its owner''s');
REVOKE ALL ON vecstore.namespaces FROM regress_vecstore_b;

-- ---- done by hand ----
ALTER SCHEMA beta RENAME TO gamma;
SELECT is(schema_exists, false, 'a renamed schema is missed') FROM vecstore.get_namespace('beta');
SELECT is(run($$INSERT INTO gamma.docs (id) VALUES ('x')$$), '3F000 schema "gamma" is no namespace', 'and its collections take no rows');
SELECT is(run($$SELECT vecstore.count('gamma.docs')$$), '3F000 namespace "gamma" does not exist', 'no namespace by the new name');
SELECT is(run($$SELECT vecstore.count('beta.docs')$$), '3F000 namespace "beta" does not exist', 'nor by the old one');
UPDATE vecstore.namespaces SET name = 'gamma' WHERE name = 'beta';
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.count('gamma.docs')$$), '0', 'until the store knows the new name');
DROP SCHEMA gamma CASCADE;
SELECT is(run($$SELECT vecstore.drop_namespace('gamma')$$), '', 'a namespace whose schema was dropped is forgotten');

-- ---- drop ----
SELECT is(run($$SELECT vecstore.drop_namespace('acme')$$), '2BP01 namespace "acme" is not empty', 'drop_namespace keeps collections');
SELECT has_table('acme', 'docs', 'they are there');
SELECT is(run($$SELECT vecstore.drop_namespace('acme', cascade => true)$$), '', 'unless told otherwise');
SELECT hasnt_schema('acme', 'they are gone');
SELECT is((SELECT count(*)::int FROM vecstore.usage) + (SELECT count(*)::int FROM vecstore.namespaces), 0, 'and nothing is left');

-- ---- who can do what in the schema vecstore ----
SELECT is(array_agg(p.oid::regprocedure::text), NULL, 'no function runs with its owner''s rights')
FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND e.extname = 'vecstore'
WHERE p.prosecdef;
SELECT is(string_agg(c.relname, ',' ORDER BY c.relname), 'collections,namespaces,snapshots', 'everybody reads three views, which show one''s own')
FROM pg_class c WHERE relnamespace = 'vecstore'::regnamespace AND has_table_privilege('regress_vecstore_a', c.oid, 'SELECT');
SELECT is(array_agg(c.relname::text), NULL, 'and writes nothing')
FROM pg_class c WHERE relnamespace = 'vecstore'::regnamespace AND relkind IN ('r', 'v')
	AND has_table_privilege('regress_vecstore_a', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');

DROP OWNED BY regress_vecstore_a, regress_vecstore_b, "regress_vecstore ""odd"" '; --";
DROP ROLE regress_vecstore_a, regress_vecstore_b, "regress_vecstore ""odd"" '; --";
SELECT * FROM finish();
