-- From 1 dimension to 16,000: vectors inside a vertex and vectors that need
-- pages of their own; the shortest and longest lists of neighbours.

-- The vector of row i; different for each i, in one dimension too.
CREATE FUNCTION made(i integer, dims integer) RETURNS vecstore LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(CASE k WHEN 1 THEN i ELSE (hashint8extended(k, i) % 100)::integer END)::vecstore FROM generate_series(1, dims) k
$$;

-- Is every row found first by its own vector, does a scan to the end give each
-- row once, is the structure sound, did tombstones stay?
CREATE FUNCTION report(step text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	item record;
	found record;
	missed integer := 0;
	scan record;
BEGIN
	FOR item IN SELECT id, v::text FROM items WHERE id % 3 = 1 ORDER BY id DESC LIMIT 5 LOOP
		SELECT * INTO found FROM by_index(format('SELECT id, v <-> %L FROM items ORDER BY v <-> %L LIMIT 1', item.v, item.v));
		missed := missed + (found.ids[1] IS DISTINCT FROM item.id::text OR found.distances[1] <> 0)::integer;
	END LOOP;
	SELECT * INTO scan FROM compare('SELECT id, v <-> (SELECT v FROM items LIMIT 1) FROM items ORDER BY v <-> (SELECT v FROM items LIMIT 1)');
	RETURN format('%s: %s rows, the same as of the table: %s; missed: %s; sound: %s; tombstones: %s', step, scan.n,
		scan.same_rows, missed, sound('items_v'), (SELECT tombstones FROM vecstore_check('items_v')));
END
$$;

-- Every line of output is one step in the life of an index.
\pset tuples_only on
\pset format unaligned
SELECT unnest(ARRAY[
		format('CREATE TABLE items (id integer, v vecstore(%s))', dims),
		format('INSERT INTO items SELECT i, made(i, %s) FROM generate_series(1, %s) i', dims, n),
		format('CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops) WITH (%s)', options),
		format('SELECT %L', format('-- %s dimensions, %s', dims, options)),
		'SELECT report(''built'')',
		format('INSERT INTO items SELECT i, made(i, %s) FROM generate_series(%s, %s) i', dims, n + 1, 2 * n),
		'SELECT report(''inserted'')',
		'DELETE FROM items WHERE id % 2 = 0',
		'SELECT report(''deleted'')',
		'VACUUM items',
		'SELECT report(''vacuumed'')',
		format('INSERT INTO items SELECT i, made(i, %s) FROM generate_series(%s, %s) i', dims, 2 * n + 1, 3 * n),
		'SELECT report(''inserted again'')',
		'DELETE FROM items',
		'VACUUM items',
		'SELECT report(''emptied'')',
		format('INSERT INTO items SELECT i, made(i, %s) FROM generate_series(1, 10) i', dims),
		'SELECT report(''begun again'')',
		'DROP TABLE items'])
	FROM (VALUES
		(1, 200, 'm = 16'),
		(1, 200, 'm = 2, ef_construction = 4'),
		(3, 110, 'm = 100, ef_construction = 4'),
		(3, 60, 'm = 100, ef_construction = 1000'),
		(1, 150, 'm = 2, ef_construction = 1000'),
		(768, 60, 'm = 16'),
		(1537, 40, 'm = 16'),
		(1800, 40, 'm = 100'),
		(2001, 40, 'm = 16'),
		(2047, 40, 'm = 16'),
		(4100, 20, 'm = 8'),
		(16000, 10, 'm = 16')) life(dims, n, options) \gexec
\pset tuples_only off
\pset format aligned

-- one dimension more than fits is refused before it reaches an index
SELECT outcome('CREATE TABLE items (v vecstore(16001))');
DROP FUNCTION report, made;
