-- Snapshots of collections: every function, what a restoration puts back, who
-- may do what, quotas, status; files.

CREATE ROLE regress_vecstore_a;
CREATE ROLE regress_vecstore_b;
CREATE ROLE regress_vecstore_reader;

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
-- All that is in acme.docs.
CREATE FUNCTION contents() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'SELECT d::text FROM acme.docs d ORDER BY id';
END
$$;

SELECT * FROM no_plan();
SELECT vecstore.create_namespace('acme', owner => 'regress_vecstore_a') \gset
SELECT vecstore.create_namespace('beta', owner => 'regress_vecstore_b') \gset
SELECT vecstore.create_collection('acme.docs', 3) \gset
INSERT INTO acme.docs (id, embedding, metadata, document)
	SELECT i, format('[%s,1,0]', i)::vecstore, jsonb_build_object('n', i), 'document ' || i FROM generate_series(1, 5) i;
SELECT vecstore.soft_delete('acme.docs', '5') \gset

-- ---- create, list ----
SELECT is_empty('SELECT * FROM vecstore.list_snapshots()', 'no snapshot yet');
SELECT is(run($$SELECT vecstore.create_snapshot('acme.docs', 'first')$$), '5', 'create_snapshot, soft-deleted rows too');
SELECT is(to_jsonb(s) - 'bytes' - 'created_at', '{"namespace": "acme", "collection": "acme.docs", "name": "first", "rows": 5, "snapshot": "acme.\"docs@first\""}', 'list_snapshots')
FROM vecstore.list_snapshots('acme.docs') s;
SELECT unnest(ARRAY[ok(bytes = pg_total_relation_size('acme."docs@first"') AND bytes > 0, 'its bytes'),
	ok(created_at BETWEEN now() - interval '1 minute' AND clock_timestamp(), 'its time')]) FROM vecstore.list_snapshots();
SELECT is(string_agg(name, ','), 'docs', 'it is no collection') FROM vecstore.list_collections();
SELECT is(run($$SELECT vecstore.count('acme."docs@first"')$$), '42809 "acme.docs@first" is no collection', 'for no function');
SELECT results_eq('SELECT s::text FROM acme."docs@first" s ORDER BY id', 'SELECT contents()', 'it has the rows as they are');
SELECT is(string_agg(name, ','), 'first', 'listed with all') FROM vecstore.list_snapshots();
SELECT vecstore.create_collection('beta.docs', 2) \gset
SELECT is_empty($$SELECT * FROM vecstore.list_snapshots('beta.docs')$$, 'and with its collection only');

-- ---- names ----
CREATE TABLE odd (name text);
INSERT INTO odd VALUES ('Upper case'), ('it''s'), ('"x"; DROP TABLE acme.docs; --'), ('%I%L%s'), ('\'), ('$$'), ('日本語'), ('a\000b'), ('\x41'), (repeat('x', 63)), (repeat('é', 31)), ('{"name": 1}');
SELECT is(run(format('SELECT vecstore.create_snapshot(%L, %L)', 'beta.docs', name)), '0', 'name ' || name) FROM odd;
SELECT set_eq($$SELECT name FROM vecstore.list_snapshots('beta.docs')$$, 'SELECT name FROM odd', 'listed by these names');
SELECT is(run(format('SELECT vecstore.restore_snapshot(%L, %L)', 'beta.docs', name)), '0', 'restored: ' || name) FROM odd;
SELECT is(run(format('SELECT vecstore.drop_snapshot(%L, %L)', 'beta.docs', name)), '', 'dropped: ' || name) FROM odd;
SELECT is(count(*), 1::bigint, 'none is left but the first') FROM vecstore.list_snapshots();
SELECT vecstore.create_collection('beta.docs2', 2) \gset
SELECT is(run(format('SELECT vecstore.create_snapshot(%L, %L)', c, 'x')), '0', c || ' may have a snapshot of the same name') FROM unnest('{beta.docs,beta.docs2}'::text[]) c;
ALTER TABLE beta.docs RENAME TO old;
SELECT vecstore.create_collection('beta.docs', 2) \gset
SELECT is(run($$SELECT vecstore.create_snapshot('beta.docs', 'x')$$), '0', 'a table that has the name already is in nobody''s way');
SELECT is(string_agg(format('%s %s', collection, snapshot), ', '), 'beta.docs beta."2@docs@x", beta.docs2 beta."docs2@x", beta.old beta."docs@x"', 'each is of its collection')
FROM vecstore.list_snapshots() WHERE namespace = 'beta';

SELECT is(run(statement), error, statement) FROM (VALUES
	($$SELECT vecstore.create_snapshot('acme.docs', 'first')$$, '42710 collection acme.docs has a snapshot "first" already'),
	($$SELECT vecstore.create_snapshot('acme.docs', '')$$, '42602 a snapshot needs a name of at most 63 bytes'),
	($$SELECT vecstore.create_snapshot('acme.docs', repeat('é', 32))$$, '42602 a snapshot needs a name of at most 63 bytes'),
	($$SELECT vecstore.create_snapshot('acme.docs', NULL)$$, '42602 a snapshot needs a name of at most 63 bytes'),
	($$SELECT vecstore.create_snapshot(NULL, 'x')$$, '22004 a collection needs a name'),
	($$SELECT vecstore.create_snapshot('acme.none', 'x')$$, '42P01 collection "none" does not exist in namespace "acme"'),
	($$SELECT vecstore.create_snapshot('acme."docs@first"', 'x')$$, '42809 "acme.docs@first" is no collection'),
	($$SELECT vecstore.list_snapshots('acme.none')$$, '42P01 collection "none" does not exist in namespace "acme"'),
	($$SELECT vecstore.restore_snapshot('acme.docs', 'First')$$, '42704 collection acme.docs has no snapshot "First"'),
	($$SELECT vecstore.restore_snapshot('beta.docs', 'first')$$, '42704 collection beta.docs has no snapshot "first"'),
	($$SELECT vecstore.drop_snapshot('acme.docs', 'second')$$, '42704 collection acme.docs has no snapshot "second"'),
	($$SELECT vecstore.admit_snapshot('acme.docs')$$, format('42809 table with OID %s is no snapshot', 'acme.docs'::regclass::oid)),
	($$INSERT INTO acme."docs@first" (id, metadata, created_at, updated_at) VALUES ('x', '{}', now(), now())$$, '55000 "docs@first" is a snapshot and cannot be written'),
	($$UPDATE acme."docs@first" SET document = NULL$$, '55000 "docs@first" is a snapshot and cannot be written'),
	($$DELETE FROM acme."docs@first"$$, '55000 "docs@first" is a snapshot and cannot be written'),
	($$TRUNCATE acme."docs@first"$$, '55000 "docs@first" is a snapshot and cannot be written'),
	($$DROP TABLE acme.docs$$, '2BP01 cannot drop table acme.docs because other objects depend on it'),
	($$SELECT vecstore.drop_collection('acme.docs')$$, '2BP01 collection acme.docs has snapshots')
) v(statement, error);

-- ---- restore ----
CREATE TABLE before AS SELECT contents() AS row;
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '0', 'nothing has changed, nothing is touched');
SELECT is(run($$UPDATE acme.docs SET updated_at = 'infinity' WHERE id = '1' RETURNING 1$$), '1', 'changes:');
SELECT is(run($$UPDATE acme.docs SET embedding = NULL, document = NULL WHERE id = '2' RETURNING 1$$), '1', 'NULL for values');
SELECT is(run($$SELECT vecstore.remove('acme.docs', '3')$$), '1', 'a row that goes');
SELECT is(run($$SELECT vecstore.restore('acme.docs', '5')$$), '1', 'one that is not soft-deleted any more');
SELECT is(run($$SELECT vecstore.upsert('acme.docs', '6', '[6,1,0]')$$), '', 'one that comes');
SELECT ctid AS place FROM acme.docs WHERE id = '4' \gset
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '5', 'restore_snapshot: one removed, three changed, one added');
SELECT results_eq('SELECT contents()', 'SELECT * FROM before', 'all is as it was');
SELECT is(ctid, :'place', 'what had not changed was not written') FROM acme.docs WHERE id = '4';
SELECT is(string_agg(id, ',' ORDER BY id), '1,2,3,4', 'the index finds what was restored')
FROM (SELECT id FROM acme.docs WHERE deleted_at IS NULL ORDER BY embedding <=> '[1,1,0]' LIMIT 10) q;
SELECT is(run('TRUNCATE acme.docs'), NULL, 'all rows go');
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '5', 'and come back');
SELECT results_eq('SELECT contents()', 'SELECT * FROM before', 'as they were');
SELECT is(run($$SELECT vecstore.create_snapshot('acme.docs', 'second')$$), '5', 'another snapshot');
SELECT is(string_agg(name, ','), 'first,second', 'in order of time') FROM vecstore.list_snapshots('acme.docs');

-- Columns of one's own: generated, numbered, of a type without equality; added, dropped.
ALTER TABLE acme.docs ADD COLUMN raw json, ADD COLUMN words integer GENERATED ALWAYS AS (length(document)) STORED,
	ADD COLUMN no integer GENERATED ALWAYS AS IDENTITY, ADD COLUMN gone integer;
UPDATE acme.docs SET raw = '{"a": 1}', gone = 1;
TRUNCATE before;
INSERT INTO before SELECT contents();
SELECT is(run($$SELECT vecstore.create_snapshot('acme.docs', 'columns')$$), '5', 'a snapshot with more columns');
UPDATE acme.docs SET raw = '{"a": 2}' WHERE id = '1';
UPDATE acme.docs SET document = 'other' WHERE id = '2';
DELETE FROM acme.docs WHERE id = '3';
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'columns')$$), '3', 'is restored');
SELECT results_eq('SELECT contents()', 'SELECT * FROM before', 'with all of them');
ALTER TABLE acme.docs DROP COLUMN gone, ADD COLUMN new integer DEFAULT 7;
DELETE FROM acme.docs WHERE id = '3';
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'columns')$$), '1', 'a column that has gone, one that is new');
SELECT is((SELECT new FROM acme.docs WHERE id = '3'), 7, 'which gets its default');
ALTER TABLE acme.docs DROP COLUMN raw, DROP COLUMN words, DROP COLUMN no, DROP COLUMN new;
SELECT is(run($$SELECT vecstore.drop_snapshot('acme.docs', 'columns')$$), '', 'drop_snapshot');
SELECT is(to_regclass('acme."docs@columns"'), NULL, 'drops the table');

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '25000 restore_snapshot needs the isolation level READ COMMITTED', 'not with an older view of the table');
COMMIT;

-- ---- rename, move, drop ----
SELECT is(run($$SELECT vecstore.rename_collection('acme.docs', 'papers')$$), 'acme.papers', 'rename_collection');
SELECT is(string_agg(name, ','), 'first,second', 'keeps the snapshots') FROM vecstore.list_snapshots('acme.papers');
SELECT is(run($$SELECT vecstore.remove('acme.papers', '1')$$), '1', 'a row goes');
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.papers', 'first')$$), '1', 'and they can be restored');
SELECT vecstore.create_namespace('gamma') \gset
ALTER TABLE acme.papers SET SCHEMA gamma;
SELECT is(string_agg(namespace || ' ' || name, ','), 'acme first,acme second', 'so can those of a collection that was moved') FROM vecstore.list_snapshots('gamma.papers');
ALTER TABLE gamma.papers SET SCHEMA acme;
SELECT is(run($$SELECT vecstore.rename_collection('acme.papers', 'docs')$$), 'acme.docs', 'its old name');
SELECT is(run($$SELECT vecstore.drop_collection('beta.old')$$), '2BP01 collection beta.old has snapshots', 'drop_collection');
SELECT is(run($$SELECT vecstore.drop_collection('beta.old', cascade => true)$$), '', 'cascade');
SELECT is(to_regclass('beta."docs@x"'), NULL, 'drops snapshots, too');
SELECT is(run($$SELECT vecstore.drop_namespace('beta', cascade => true)$$), '', 'drop_namespace does');
SELECT is(string_agg(name, ','), 'first,second', 'the other namespace''s stay') FROM vecstore.list_snapshots();
SELECT vecstore.create_namespace('beta', owner => 'regress_vecstore_b') \gset

-- ---- rights ----
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.create_snapshot('acme.docs', 'his')$$), '5', 'a tenant makes a snapshot of a collection that he may write');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.remove('acme.docs', '1')$$), '1', 'removes a row');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.restore_snapshot('acme.docs', 'his')$$), '1', 'restores it');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.remove('acme.docs', '1')$$), '1', 'and again');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.restore_snapshot('acme.docs', 'second')$$), '1', 'from one that was made for him');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.drop_snapshot('acme.docs', 'second')$$), '42501 must be owner of table docs@second', 'which he cannot drop');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.drop_snapshot('acme.docs', 'his')$$), '', 'his own he can');
SELECT is(as_role('regress_vecstore_a', $$SELECT count(*) FROM vecstore.list_snapshots()$$), '2', 'he sees what there is');
SELECT is(as_role('regress_vecstore_b', $$SELECT count(*) FROM vecstore.list_snapshots()$$), '0', 'another tenant does not');
SELECT is(as_role('regress_vecstore_b', statement), error, statement) FROM (VALUES
	($$SELECT vecstore.create_snapshot('acme.docs', 'x')$$, '42501 permission denied for schema acme'),
	($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$, '42501 permission denied for schema acme'),
	($$SELECT vecstore.drop_snapshot('acme.docs', 'first')$$, '42501 permission denied for schema acme'),
	($$SELECT count(*) FROM acme."docs@first"$$, '42501 permission denied for schema acme')
) v(statement, error);
GRANT USAGE, CREATE ON SCHEMA acme TO regress_vecstore_reader;
GRANT SELECT ON acme.docs TO regress_vecstore_reader;
SELECT is(as_role('regress_vecstore_reader', $$SELECT vecstore.create_snapshot('acme.docs', 'x')$$), '42501 permission denied for table docs', 'who may only read makes no snapshot');
SELECT is(as_role('regress_vecstore_reader', $$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '42501 permission denied for table docs', 'and restores none');
SELECT is(as_role('regress_vecstore_reader', $$SELECT count(*) FROM acme."docs@first"$$), '42501 permission denied for table docs@first', 'nor reads one');
GRANT UPDATE, INSERT, DELETE ON acme.docs TO regress_vecstore_reader;
REVOKE CREATE ON SCHEMA acme FROM regress_vecstore_reader;
SELECT is(as_role('regress_vecstore_reader', $$SELECT vecstore.create_snapshot('acme.docs', 'x')$$), '42501 permission denied for schema acme', 'a snapshot is a table: it needs CREATE');
GRANT CREATE ON SCHEMA acme TO regress_vecstore_reader;
ALTER TABLE acme.docs ENABLE ROW LEVEL SECURITY;
CREATE POLICY first_rows ON acme.docs USING (id < '3');
SELECT is(as_role('regress_vecstore_reader', $$SELECT vecstore.create_snapshot('acme.docs', 'x')$$), '42501 query would be affected by row-level security policy for table "docs"', 'nothing in part: row security');
SELECT is(run($$SELECT vecstore.create_snapshot('acme.docs', 'secured')$$), '5', 'whom it does not concern can');
SELECT is(as_role('regress_vecstore_a', $$SELECT count(*) FROM acme."docs@secured"$$), '42501 permission denied for table docs@secured', 'and it is shared with nobody');
SELECT is(as_role('regress_vecstore_a', $$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '42501 query would be affected by row-level security policy for table "docs"', 'restored: all or nothing');
ALTER TABLE acme.docs DISABLE ROW LEVEL SECURITY;
SELECT is(run($$SELECT vecstore.drop_snapshot('acme.docs', 'secured')$$), '', 'dropped');
-- What only looks like a snapshot: of a collection of others, or with odd arguments.
SELECT vecstore.create_collection('acme.other', 2), vecstore.create_collection('beta.own', 2) \gset
SELECT 'acme.other'::regclass::oid AS other \gset
CREATE FUNCTION forge(args text, collection text) RETURNS text LANGUAGE sql AS $$
	SELECT as_role('regress_vecstore_b', format('DROP TABLE IF EXISTS beta.forged; CREATE TABLE beta.forged (id text);
		CREATE TRIGGER vecstore_snapshot BEFORE INSERT ON beta.forged WHEN (%L::regclass IS NOT NULL) EXECUTE FUNCTION vecstore.guard(%s)', collection, args));
$$;
SELECT is(forge($$1, 1, 'forged'$$, :'other'), NULL, 'a snapshot that is none can be made');
SELECT is_empty($$SELECT * FROM vecstore.list_snapshots('acme.other')$$, 'and is not shown even to a superuser');
SELECT is(as_role('regress_vecstore_b', $$SELECT vecstore.admit_snapshot('beta.forged')$$), '', 'it gains nothing by being counted');
CREATE FUNCTION list_forged(args text) RETURNS bigint LANGUAGE sql AS $$
	SELECT forge(args, 'beta.own');
	SELECT count(*) FROM vecstore.list_snapshots('beta.own');
$$;
SELECT is(list_forged($$1, 2, 'x'$$), 1::bigint, 'one''s own is one''s own');
SELECT is(list_forged(args), 0::bigint, 'arguments ' || args)
FROM unnest(ARRAY['', '1', '1, 2', '1, 2, 3, 4', '''x'', 2, 3', '1, ''-1'', 3', '99999999999999999999, 1, 2', '1, 99999999999999999, 2', '1, 2, ''''']) args;
DROP TABLE beta.forged;
SELECT is(run($$SELECT vecstore.drop_collection('acme.other')$$), '', 'the collection can be dropped');
SELECT is(count(*), 0::bigint, 'no SECURITY DEFINER') FROM pg_proc WHERE pronamespace = 'vecstore'::regnamespace AND prosecdef;
SELECT is(string_agg(p.oid::regprocedure::text, ','), NULL, 'every function has a comment')
FROM pg_proc p WHERE pronamespace = 'vecstore'::regnamespace AND proname ~ 'snapshot|export|import' AND obj_description(p.oid, 'pg_proc') IS NULL;

-- ---- status ----
SELECT vecstore.set_namespace_status('acme', 'read_only') \gset
SELECT is(run(statement), error, 'read-only: ' || statement) FROM (VALUES
	($$SELECT vecstore.create_snapshot('acme.docs', 'x')$$, '55000 namespace "acme" is read-only'),
	($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$, '25006 namespace "acme" is read-only'),
	($$SELECT vecstore.drop_snapshot('acme.docs', 'first')$$, '55000 namespace "acme" is read-only'),
	($$SELECT count(*) FROM vecstore.list_snapshots('acme.docs')$$, '2')
) v(statement, error);
SELECT vecstore.set_namespace_status('acme', 'suspended') \gset
SELECT is(run(statement), error, 'suspended: ' || statement) FROM (VALUES
	($$SELECT vecstore.create_snapshot('acme.docs', 'x')$$, '55000 namespace "acme" is suspended'),
	($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$, '55000 namespace "acme" is suspended'),
	($$SELECT vecstore.drop_snapshot('acme.docs', 'first')$$, '55000 namespace "acme" is suspended'),
	($$SELECT vecstore.export_collection('acme.docs', '/tmp/x')$$, '55000 namespace "acme" is suspended'),
	($$SELECT vecstore.list_snapshots('acme.docs')$$, '55000 namespace "acme" is suspended')
) v(statement, error);
SELECT is(as_role('regress_vecstore_a', $$SELECT count(*) FROM acme."docs@first"$$), '42501 permission denied for schema acme', 'suspended: not read by hand, either');
SELECT vecstore.set_namespace_status('acme', 'active') \gset

-- ---- quotas ----
SELECT vecstore.set_quota('acme', max_vectors => 5, max_batch_size => 2, max_collections => 1) \gset
TRUNCATE acme.docs;
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '5', 'restored in small batches');
SELECT unnest(ARRAY[is(vectors, 5::bigint, 'and counted'), is(collections, 1::bigint, 'a snapshot is no collection'),
	is(storage_bytes, (SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class WHERE relname IN ('docs', 'docs@first', 'docs@second')), 'its bytes count')])
FROM vecstore.namespace_usage('acme');
SELECT is(run($$SELECT vecstore.create_snapshot('acme.docs', 'third')$$), '5', 'its rows do not');
SELECT vecstore.set_quota('acme', max_vectors => 4) \gset
TRUNCATE acme.docs;
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '53400 quota of namespace "acme" exceeded: max_vectors', 'more than the quota is not restored');
SELECT is(run($$SELECT vecstore.count('acme.docs')$$), '0', 'not in part, either');
SELECT vecstore.set_quota('acme', max_vectors => -1, max_batch_size => -1, max_storage_bytes => storage_bytes) FROM vecstore.namespace_usage('acme') \gset
SELECT is(run($$SELECT vecstore.create_snapshot('acme.docs', 'fourth')$$), '53400 quota of namespace "acme" exceeded: max_storage_bytes', 'storage: one more snapshot is too much');
SELECT is(count(*), 3::bigint, 'and is not there') FROM vecstore.list_snapshots('acme.docs');
SELECT is(run($$SELECT vecstore.drop_snapshot('acme.docs', 'third')$$), '', 'one less');
SELECT vecstore.set_quota('acme', max_storage_bytes => storage_bytes + 24576) FROM vecstore.namespace_usage('acme') \gset
SELECT is(run($$SELECT vecstore.create_snapshot('acme.docs', 'fourth')$$), '0', 'there is room for an empty one');
SELECT is(run($$INSERT INTO acme.docs (id, document) SELECT i, repeat('x', 1000) FROM generate_series(1, 200) i$$), '53400 quota of namespace "acme" exceeded: max_storage_bytes', 'snapshots leave less for rows');
-- The number that keeps a snapshot's bytes counted is not dumped: it is lost and found.
TRUNCATE vecstore.usage;
SELECT vecstore.set_quota('acme', max_storage_bytes => storage_bytes - 1) FROM vecstore.namespace_usage('acme') \gset
SELECT is(run($$DELETE FROM acme.docs WHERE false$$), NULL, 'nothing written');
SELECT unnest(ARRAY[is(run($$INSERT INTO acme.docs (id) VALUES ('x')$$), NULL, 'the first write counts'),
	is(run($$INSERT INTO acme.docs (id) VALUES ('y')$$), '53400 quota of namespace "acme" exceeded: max_storage_bytes', 'snapshots again as well')]);
SELECT vecstore.set_quota('acme', max_storage_bytes => -1, max_collections => -1) \gset
SELECT is(run($$SELECT vecstore.restore_snapshot('acme.docs', 'first')$$), '6', 'as it was');

-- ---- files ----
\set file `mktemp -u /tmp/vecstore_snapshot.XXXXXX`
SELECT is(run(format('SELECT vecstore.export_collection(%L, %L)', 'acme.docs', :'file')), '5', 'export_collection');
SELECT vecstore.create_collection('acme.copy', 3) \gset
SELECT is(run(format('SELECT vecstore.import_collection(%L, %L)', 'acme.copy', :'file')), '5', 'import_collection');
SELECT results_eq('SELECT c::text FROM acme.copy c ORDER BY id', 'SELECT contents()', 'the same rows, soft-deleted ones too');
SELECT is(run(format('SELECT vecstore.import_collection(%L, %L)', 'acme.copy', :'file')), '23505 duplicate key value violates unique constraint "copy_pkey"', 'ids that are there');
TRUNCATE acme.docs;
SELECT is(run(format('SELECT vecstore.export_collection(%L, %L, snapshot => %L)', 'acme.docs', :'file', 'first')), '5', 'a snapshot of a collection');
TRUNCATE acme.copy;
SELECT is(run(format('SELECT vecstore.import_collection(%L, %L)', 'acme.copy', :'file')), '5', 'import_collection');
SELECT results_eq('SELECT c::text FROM acme.copy c ORDER BY id', 'SELECT s::text FROM acme."docs@first" s ORDER BY id', 'the rows of the snapshot');
SELECT vecstore.create_collection('acme.narrow', 2) \gset
SELECT is(run(format('SELECT vecstore.import_collection(%L, %L)', 'acme.narrow', :'file')), '22000 expected 2 dimensions, not 3', 'another dimension');
SELECT is(run(format('SELECT vecstore.export_collection(%L, %L, %L)', 'acme.docs', :'file', 'none')), '42704 collection acme.docs has no snapshot "none"', 'no such snapshot');
SELECT is(run($$SELECT vecstore.export_collection('acme.docs', NULL)$$), '22004 export_collection needs the path of a file', 'no path');
SELECT is(run($$SELECT vecstore.export_collection('acme.docs', 'x'' TO PROGRAM ''true')$$), '42602 relative path not allowed for COPY to file', 'a path is nothing else');
SELECT is(run($$SELECT vecstore.import_collection('acme.docs', '/nonexistent/file')$$), '58P01 could not open file "/nonexistent/file" for reading: No such file or directory', 'no such file');
SELECT ok(as_role('regress_vecstore_a', format('SELECT vecstore.%s(%L, %L)', f, 'acme.docs', :'file')) ~ '^42501 ', f || ' wants a role that may touch files') FROM unnest('{export_collection,import_collection}'::text[]) f;
GRANT pg_write_server_files, pg_read_server_files TO regress_vecstore_a;
SELECT unnest(ARRAY[is(as_role('regress_vecstore_a', format('SELECT vecstore.export_collection(%L, %L, %L)', 'acme.docs', :'file', 'first')), '5', 'who is a member of pg_write_server_files may write'),
	is(as_role('regress_vecstore_a', format('SELECT vecstore.import_collection(%L, %L)', 'acme.docs', :'file')), '5', 'and of pg_read_server_files read')]);
SELECT vecstore.set_namespace_status('acme', 'read_only') \gset
SELECT unnest(ARRAY[is(run(format('SELECT vecstore.export_collection(%L, %L)', 'acme.docs', :'file')), '5', 'read-only: may be exported'),
	is(run(format('SELECT vecstore.import_collection(%L, %L)', 'acme.copy', :'file')), '25006 namespace "acme" is read-only', 'not imported into')]);
\! rm -f /tmp/vecstore_snapshot.??????

SELECT * FROM finish();
DROP SCHEMA acme CASCADE;
DROP OWNED BY regress_vecstore_a, regress_vecstore_b, regress_vecstore_reader;
DROP ROLE regress_vecstore_a, regress_vecstore_b, regress_vecstore_reader;
