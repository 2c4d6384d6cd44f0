-- Quotas: kept whichever way rows are written, given back by what takes rows
-- away, right after a rollback, and counted right when they come late.

CREATE FUNCTION run(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	IF statement ~ '^SELECT|RETURNING id$' THEN
		EXECUTE statement INTO result;
	ELSE
		EXECUTE statement;
	END IF;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
-- What the quotas go by, beside what there is; a number that is off is a failure of every test that asks.
CREATE FUNCTION vectors() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
	counted integer := (vecstore.namespace_usage('acme')).vectors;
	rows_ integer := (SELECT count(*) FROM acme.docs) + (SELECT count(*) FROM acme.more);
BEGIN
	RETURN CASE WHEN counted = rows_ THEN counted ELSE -1 END;
END
$$;

SELECT * FROM no_plan();
SELECT vecstore.create_namespace('acme', max_vectors => 10) \gset
SELECT vecstore.create_collection('acme.docs', 2, text_index => false) \gset
SELECT vecstore.create_collection('acme.more', 2, text_index => false) \gset

-- ---- vectors, on every path ----
SELECT is(vectors(), 0, 'nothing yet');
SELECT is(run($$INSERT INTO acme.docs (id) SELECT generate_series(1, 8)$$), NULL, 'INSERT ... SELECT');
SELECT is(vectors(), 8, 'counts');
SELECT is(run($$INSERT INTO acme.more (id) VALUES ('a'), ('b')$$), NULL, 'the other collection');
SELECT is(vectors(), 10, 'counts, too');
CREATE TABLE too_much (statement text);
INSERT INTO too_much VALUES
	($$INSERT INTO acme.docs (id) VALUES ('x')$$),
	($$INSERT INTO acme.more (id) VALUES ('x')$$),
	($$INSERT INTO acme.docs (id) SELECT 'x'$$),
	($$INSERT INTO acme.docs (id) VALUES ('x') RETURNING id$$),
	($$INSERT INTO acme.docs (id) VALUES ('x') ON CONFLICT (id) DO NOTHING$$),
	($$INSERT INTO acme.docs (id) VALUES ('1'), ('x') ON CONFLICT (id) DO UPDATE SET document = 'new'$$),
	($$SELECT vecstore.upsert('acme.docs', 'x', '[1,2]')$$),
	($$SELECT vecstore.upsert_batch('acme.docs', '{1,x}', NULL)$$),
	($$COPY acme.docs (id) FROM PROGRAM 'echo x'$$),
	($$MERGE INTO acme.docs USING (VALUES ('x')) v(id) ON v.id = docs.id WHEN NOT MATCHED THEN INSERT (id) VALUES (v.id)$$),
	($$WITH i AS (INSERT INTO acme.docs (id) VALUES ('x')) UPDATE acme.docs SET document = 'y' WHERE id = '1'$$);
SELECT is(run(statement), '53400 quota of namespace "acme" exceeded: max_vectors', statement) FROM too_much;
SELECT is(vectors(), 10, 'none of them left a row');
SELECT is(run(statement), NULL, statement) FROM unnest(ARRAY[
	$$INSERT INTO acme.docs (id) VALUES ('1') ON CONFLICT (id) DO NOTHING$$,
	$$INSERT INTO acme.docs (id) VALUES ('1'), ('2') ON CONFLICT (id) DO UPDATE SET document = 'new'$$,
	$$UPDATE acme.docs SET document = 'newer'$$,
	$$INSERT INTO acme.docs (id) SELECT 'x' WHERE false$$]) statement;
SELECT is(run($$SELECT vecstore.upsert('acme.docs', '1', '[1,2]')$$), '', 'upsert in place of a row');
SELECT is(run($$SELECT vecstore.upsert_batch('acme.docs', '{1,2,3}', NULL)$$), '3', 'upsert_batch as well');
SELECT is(vectors(), 10, 'no row more');

-- ---- what gives back ----
SELECT is(run($$DELETE FROM acme.docs WHERE id IN ('1', '2')$$), NULL, 'DELETE');
SELECT is(vectors(), 8, 'gives back');
SELECT is(run($$SELECT vecstore.remove('acme.docs', '{3,4}'::text[])$$), '2', 'remove');
SELECT is(vectors(), 6, 'as well');
SELECT is(run($$SELECT vecstore.soft_delete('acme.docs', '5')$$), '1', 'soft_delete');
SELECT is(vectors(), 6, 'does not');
SELECT is(run($$SELECT vecstore.compact('acme.docs')$$), '1', 'compact');
SELECT is(vectors(), 5, 'does');
SELECT is(run($$MERGE INTO acme.docs USING (VALUES ('6')) v(id) ON v.id = docs.id WHEN MATCHED THEN DELETE$$), NULL, 'MERGE ... DELETE');
SELECT is(vectors(), 4, 'gives back');
SELECT is(run($$WITH d AS (DELETE FROM acme.docs WHERE id = '7' RETURNING id) INSERT INTO acme.more (id) SELECT id FROM d$$), NULL, 'a row moves');
SELECT is(vectors(), 4, 'and counts once');
TRUNCATE acme.docs;
SELECT is(vectors(), 3, 'TRUNCATE gives back');
TRUNCATE acme.docs, acme.more;
SELECT is(vectors(), 0, 'of two at once');

-- ---- rollback ----
BEGIN;
INSERT INTO acme.docs (id) SELECT generate_series(1, 10);
SAVEPOINT s;
TRUNCATE acme.docs;
INSERT INTO acme.more (id) SELECT generate_series(1, 5);
SELECT is(vectors(), 5, 'within a transaction');
ROLLBACK TO s;
SELECT is(vectors(), 10, 'back to the savepoint');
SELECT is(run($$INSERT INTO acme.docs (id) VALUES ('x')$$), '53400 quota of namespace "acme" exceeded: max_vectors', 'the quota holds');
ROLLBACK;
SELECT is(vectors(), 0, 'rolled back');

BEGIN;
INSERT INTO acme.docs (id) VALUES ('1');
SAVEPOINT s;
INSERT INTO acme.docs (id) VALUES ('2');
INSERT INTO acme.docs (id) VALUES ('3');
ROLLBACK TO s;
SELECT is(vectors(), 1, 'two statements taken back');
INSERT INTO acme.docs (id) VALUES ('4');
INSERT INTO acme.docs (id) VALUES ('5');
RELEASE s;
INSERT INTO acme.docs (id) VALUES ('6');
INSERT INTO acme.docs (id) VALUES ('7');
DELETE FROM acme.docs WHERE id = '1';
SELECT is(vectors(), 4, 'others kept');
COMMIT;
SELECT is(vectors(), 4, 'for good');
TRUNCATE acme.docs;
-- A version of the number for each statement would fill 13 pages, which each statement after it would have to read.
VACUUM (FULL) vecstore.usage;
SELECT vecstore.set_quota('acme', max_vectors => 1000) \gset
BEGIN;
DO $$ BEGIN FOR i IN 1 .. 1000 LOOP INSERT INTO acme.docs (id) VALUES (i); END LOOP; END $$;
SELECT is(vectors(), 1000, 'many statements');
SELECT is(pg_relation_size('vecstore.usage'), current_setting('block_size')::bigint, 'leave one version of the number');
ROLLBACK;
SELECT is(vectors(), 0, 'and none, taken back');
SELECT vecstore.set_quota('acme', max_vectors => 10) \gset

-- ---- isolation levels ----
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO acme.docs (id) SELECT generate_series(1, 9);
INSERT INTO acme.docs (id) VALUES ('10');
SELECT is(run($$INSERT INTO acme.docs (id) VALUES ('x')$$), '53400 quota of namespace "acme" exceeded: max_vectors', 'repeatable read');
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
DELETE FROM acme.docs WHERE id = '10';
SELECT is(vectors(), 9, 'serializable');
COMMIT;

-- ---- quotas that change ----
SELECT is(run($$SELECT vecstore.set_quota('acme', max_vectors => 5)$$), '', 'a quota below what there is');
SELECT is(run($$INSERT INTO acme.docs (id) VALUES ('x')$$), '53400 quota of namespace "acme" exceeded: max_vectors', 'lets nothing in');
SELECT is(run($$DELETE FROM acme.docs WHERE id = '9'$$), NULL, 'but out');
SELECT is(run($$UPDATE acme.docs SET document = 'x'$$), NULL, 'and changes');
SELECT is(vectors(), 8, 'and counts');
SELECT is(run($$SELECT vecstore.set_quota('acme', max_vectors => -1)$$), '', 'no quota');
SELECT is(max_vectors, NULL, 'is NULL') FROM vecstore.get_namespace('acme');
SELECT is(run($$INSERT INTO acme.docs (id) SELECT generate_series(100, 111)$$), NULL, 'uncounted rows');
SELECT is(vectors(), 20, 'usage counts the table');
SELECT is(run($$SELECT vecstore.set_quota('acme', max_vectors => 21)$$), '', 'a quota again');
SELECT is(vectors(), 20, 'knows the uncounted rows');
SELECT is(run($$INSERT INTO acme.more (id) VALUES ('a')$$), NULL, 'one more fits');
SELECT is(run($$INSERT INTO acme.more (id) VALUES ('b')$$), '53400 quota of namespace "acme" exceeded: max_vectors', 'two do not');
SELECT is(run($$SELECT vecstore.set_quota('acme', max_collections => 7)$$), '', 'another quota');
SELECT is(row(max_vectors, max_collections)::text, '(21,7)', 'leaves this one alone') FROM vecstore.get_namespace('acme');

-- ---- numbers that are not there: a restored table ----
DELETE FROM vecstore.usage;
SELECT is(run($$INSERT INTO acme.docs (id) VALUES ('x')$$), '53400 quota of namespace "acme" exceeded: max_vectors', 'an INSERT counts what was not counted');
SELECT is(run($$DELETE FROM acme.docs WHERE id = '100'$$), NULL, 'so does a DELETE');
SELECT is((SELECT sum(vectors)::int FROM vecstore.usage), 20, 'all collections of the namespace');
SELECT is(vectors(), 20, 'rightly');
UPDATE vecstore.usage SET vectors = 1000;
SELECT is(vecstore.recount('acme')::int, 20, 'recount');
SELECT is(vectors(), 20, 'sets numbers right');

-- ---- by hand ----
ALTER TABLE acme.docs RENAME TO renamed;
ALTER TABLE acme.more RENAME TO docs;
ALTER TABLE acme.renamed RENAME TO more;
TRUNCATE acme.docs;
SELECT is(vectors(), 19, 'numbers follow tables that were renamed');
DROP TABLE acme.more;
SELECT is((vecstore.namespace_usage('acme')).vectors, 0::bigint, 'a dropped table gives back');
SELECT is(run($$INSERT INTO acme.docs (id) SELECT generate_series(1, 21)$$), NULL, 'to the others');
SELECT vecstore.create_namespace('beta', max_vectors => 10) \gset
SELECT vecstore.create_collection('beta.other', 2) \gset
INSERT INTO beta.other (id) VALUES ('a');
ALTER TABLE beta.other SET SCHEMA acme;
SELECT is(run($$INSERT INTO acme.other (id) VALUES ('b')$$), '53400 quota of namespace "acme" exceeded: max_vectors', 'a table counts where it was moved to');
SELECT is((vecstore.namespace_usage('beta')).vectors, 0::bigint, 'not where it was');
DROP TABLE acme.other;
SELECT vecstore.create_collection('acme.more', 2) \gset
SELECT is((SELECT count(*)::int FROM vecstore.usage u WHERE namespace = 'acme' AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = u.collection)), 0, 'numbers of dropped tables are forgotten');

-- ---- storage ----
TRUNCATE acme.docs;
SELECT is(run($$SELECT vecstore.set_quota('acme', max_vectors => -1, max_storage_bytes => 1000000)$$), '', 'storage');
INSERT INTO acme.docs (id, document) SELECT i, repeat(md5(i::text), 20) FROM generate_series(1, 1000) i;
SELECT is(run($$INSERT INTO acme.docs (id, document) SELECT i, repeat(md5(i::text), 20) FROM generate_series(1001, 3000) i$$), '53400 quota of namespace "acme" exceeded: max_storage_bytes', 'INSERT');
SELECT is(run($$COPY acme.docs (id) FROM PROGRAM 'echo x'$$), '53400 quota of namespace "acme" exceeded: max_storage_bytes', 'what failed has taken room');
SELECT is(run($$UPDATE acme.docs SET document = 'x'$$), '53400 quota of namespace "acme" exceeded: max_storage_bytes', 'UPDATE');
SELECT is(run($$DELETE FROM acme.docs WHERE id > '5'$$), NULL, 'DELETE is always possible');
VACUUM (FULL) acme.docs;
SELECT is(run($$INSERT INTO acme.docs (id) VALUES ('x')$$), NULL, 'after VACUUM FULL there is room');
SELECT is(storage_bytes, pg_total_relation_size('acme.docs') + pg_total_relation_size('acme.more'), 'usage of storage') FROM vecstore.namespace_usage('acme');
SELECT is(vectors(), (SELECT count(*)::int FROM acme.docs), 'vectors, too');

-- ---- the others ----
SELECT is(run($$SELECT vecstore.set_quota('acme', max_storage_bytes => -1, max_dimension => 10, max_collections => 3, max_batch_size => 5)$$), '', 'dimension, collections, batch size');
SELECT is(run($$SELECT vecstore.create_collection('acme.third', 11)$$), '53400 11 dimensions are more than namespace "acme" may have', 'max_dimension');
SELECT is(run($$SELECT vecstore.create_collection('acme.third', 10)$$), 'acme.third', 'at the quota');
SELECT is(run($$SELECT vecstore.create_collection('acme.fourth', 1)$$), '53400 namespace "acme" has as many collections as it may have', 'max_collections');
SELECT is(run($$SELECT vecstore.upsert_batch('acme.third', '{1,2,3,4,5,6}', NULL)$$), '53400 6 rows are more than namespace "acme" takes in one batch', 'max_batch_size: upsert_batch');
SELECT is(run($$INSERT INTO acme.third (id) SELECT generate_series(1, 6)$$), '53400 quota of namespace "acme" exceeded: max_batch_size', 'max_batch_size: INSERT');
SELECT is(run($$COPY acme.third (id) FROM PROGRAM 'seq 6'$$), '53400 quota of namespace "acme" exceeded: max_batch_size', 'max_batch_size: COPY');
SELECT is(run($$SELECT vecstore.upsert_batch('acme.third', '{1,2,3,4,5}', NULL)$$), '5', 'max_batch_size: as many');
SELECT is(row(collections, max_collections, collections_utilization, vectors_utilization)::text, '(3,3,1,)', 'utilization') FROM vecstore.namespace_usage('acme');
SELECT is(run($$SELECT vecstore.drop_collection('acme.third')$$), '', 'drop_collection');
SELECT is(run($$SELECT vecstore.set_quota('acme', max_collections => 0, max_vectors => 0)$$), '', 'nothing at all');
SELECT is(row(collections, collections_utilization, vectors_utilization, storage_utilization)::text, '(2,1,1,)', 'is used up') FROM vecstore.namespace_usage('acme');
SELECT is(run($$SELECT vecstore.set_quota('acme', max_collections => 4, max_vectors => 1000)$$), '', 'much more');
SELECT is(round(collections_utilization::numeric, 3) || ' ' || round(vectors_utilization::numeric, 3), '0.500 ' || round(vectors / 1000.0, 3), 'is not') FROM vecstore.namespace_usage('acme');

-- ---- the trigger ----
CREATE TABLE acme.own (id text);
CREATE TRIGGER own AFTER INSERT ON acme.own FOR EACH ROW EXECUTE FUNCTION vecstore.guard();
SELECT is(run($$INSERT INTO acme.own VALUES ('x')$$), '39P01 vecstore.guard() is a trigger for statements', 'not for rows');
SELECT is(run($$SELECT vecstore.guard()$$), '39P01 vecstore.guard() is a trigger for statements', 'not to be called');
DROP TRIGGER own ON acme.own;
CREATE TRIGGER own AFTER INSERT OR DELETE ON acme.own FOR EACH STATEMENT EXECUTE FUNCTION vecstore.guard();
SELECT is(run($$INSERT INTO acme.own VALUES ('x')$$), NULL, 'without its transition table');
SELECT is(run($$DELETE FROM acme.own$$), NULL, 'it does no harm');
SELECT is(run($$SELECT vecstore.recount('public')$$), '3F000 schema "public" is no namespace', 'recount of what is none');

SELECT * FROM finish();
