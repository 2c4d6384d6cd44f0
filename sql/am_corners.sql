-- Corners of the access method that went wrong once.

-- In a temporary table no lock tells an insert that the empty page it puts the vertex on is the very page
-- that the free space map offers for the vertex's upper lists: both must not land on it.  Row 6 is the first
-- whose level is 0, so that the overflow segment of its duplicates is alone on its page.
CREATE FUNCTION noise(n int) RETURNS vecstore LANGUAGE sql AS $$
	SELECT array_agg(sin(i * n)::float4 ORDER BY i)::vecstore FROM generate_series(1, 1900) i
$$;
CREATE TEMP TABLE corner (id serial, v vecstore(1900));
CREATE INDEX corner_v ON corner USING vecstore (v vecstore_l2_ops) WITH (m = 2) WHERE id > 5;
INSERT INTO corner (v) SELECT noise(i) FROM generate_series(1, 6) i;
INSERT INTO corner (v) SELECT v FROM corner, generate_series(1, 6) WHERE id = 6;
DELETE FROM corner WHERE id > 6;
VACUUM corner;
INSERT INTO corner (v) SELECT noise(i) FROM generate_series(7, 9) i;
SET enable_seqscan = off;
SELECT id FROM corner WHERE id > 5 ORDER BY v <-> noise(7) LIMIT 1;
SELECT vertices, unreachable, rows FROM vecstore_check('corner_v');
RESET enable_seqscan;
DROP TABLE corner;
DROP FUNCTION noise;

-- A zero vector has no cosine distance to any row (NaN), and a NULL row has none to any vector (NULL): as
-- without the index, NaN comes before NULL.
CREATE TABLE corner (id int, v vecstore(2));
INSERT INTO corner VALUES (1, NULL), (2, '[1,0]'), (3, NULL), (4, '[0,0]'), (5, '[0,1]');
CREATE INDEX corner_v ON corner USING vecstore (v vecstore_cosine_ops);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT v IS NULL AS is_null, v <=> '[0,0]' AS distance FROM corner ORDER BY v <=> '[0,0]';
SELECT v IS NULL AS is_null, v <=> '[1,0]' AS distance FROM corner ORDER BY v <=> '[1,0]';
SELECT count(*) FROM (SELECT id FROM corner ORDER BY v <=> NULL) AS all_rows;

-- An index scan gives the order of one distance, not of a second one among its ties.
RESET enable_sort;
DROP INDEX corner_v;
CREATE INDEX corner_v ON corner USING vecstore (v vecstore_l2_ops);
TRUNCATE corner;
INSERT INTO corner VALUES (1, '[0,-1]'), (2, '[0,1]'), (3, '[1,0]'), (4, '[-1,0]');
SELECT id, v <-> '[0,0]' AS first, v <-> '[3,0]' AS second FROM corner ORDER BY v <-> '[0,0]', v <-> '[3,0]', id;
SELECT id FROM (SELECT id FROM corner ORDER BY v <-> '[0,0]', v <-> '[3,0]' LIMIT 1) AS nearest;
SELECT id FROM (SELECT id FROM corner ORDER BY v <-> '[0,0]', v <-> '[-3,0]' LIMIT 1) AS nearest;
RESET enable_seqscan;
DROP TABLE corner;

-- vecstore_recall() evaluates the index's expression: with the rights of the table's owner, not of the caller.
CREATE ROLE regress_vecstore_owner;
CREATE TABLE corner (id int, v vecstore(2));
CREATE FUNCTION corner_user(v vecstore) RETURNS vecstore LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	IF current_user <> 'regress_vecstore_owner' THEN
		RAISE EXCEPTION 'the index expression runs as another user than the owner';
	END IF;
	RETURN v;
END
$$;
ALTER TABLE corner OWNER TO regress_vecstore_owner;
CREATE INDEX corner_v ON corner USING vecstore ((corner_user(v)::vecstore(2)) vecstore_l2_ops);
SET ROLE regress_vecstore_owner;
INSERT INTO corner SELECT i, array[i, i * i]::float4[]::vecstore FROM generate_series(1, 20) i;
RESET ROLE;
SELECT vecstore_recall('corner_v', 3, 5), current_user <> 'regress_vecstore_owner' AS same_user;
DROP TABLE corner;
DROP FUNCTION corner_user;
DROP ROLE regress_vecstore_owner;
