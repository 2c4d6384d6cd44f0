-- What the extension puts into the catalogue.

-- everything a user can call or write has a comment
SELECT pg_describe_object(classid, objid, objsubid) AS without_comment
	FROM pg_depend
	WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vecstore')
		AND deptype = 'e'
		AND (classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_am'::regclass)
			OR classid = 'pg_class'::regclass
			OR classid = 'pg_type'::regclass AND (SELECT typtype = 'b' AND typelem = 0 FROM pg_type WHERE oid = objid))
		AND obj_description(objid, classid::regclass::name) IS NULL
	ORDER BY 1;

-- all functions of the type are immutable or stable, and none stops a parallel plan but
-- those that run queries; those of the store write
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vecstore')
		AND p.pronamespace <> 'vecstore'::regnamespace
		AND 'vecstore'::regtype = ANY (p.proargtypes) AND (p.provolatile = 'v' OR p.proparallel <> 's')
	ORDER BY 1;

-- nothing lies outside the schema that was asked for and the store's own, and
-- nothing is left behind: tried in a database of its own
SELECT current_database() AS here \gset
CREATE DATABASE vecstore_catalog;
\c vecstore_catalog
CREATE SCHEMA "Odd schema";
CREATE EXTENSION vecstore SCHEMA "Odd schema";
SELECT n.nspname, count(*) > 0 AS some FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vecstore') GROUP BY 1 ORDER BY 1;
SELECT '[3,4]'::"Odd schema".vecstore OPERATOR("Odd schema".<->) '[0,0]' AS distance;
CREATE TABLE t (v "Odd schema".vecstore(2));
INSERT INTO t VALUES ('[1,2]');
SELECT "Odd schema".avg(v) FROM t;
DROP EXTENSION vecstore;
DROP EXTENSION vecstore CASCADE;
SELECT count(*) FROM t;
DROP SCHEMA "Odd schema";
CREATE EXTENSION vecstore;
SELECT '[3,4]'::vecstore <-> '[0,0]' AS distance;
\c :here
DROP DATABASE vecstore_catalog;
