-- Indexes that keep vectors rounded and neighbours as RaBitQ codes: which do, and
-- that a scan gives the rows of a sequential scan, the first ef_search of them in
-- exact order, whatever the vectors are like.

-- ---- which indexes have codes ----

-- What an index of so many dimensions gets for its WITH options.
CREATE FUNCTION quantization(dims integer, metric text, options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	error text;
	result text;
BEGIN
	EXECUTE format('CREATE TABLE none_yet (v vecstore(%s))', dims);
	error := outcome(format('CREATE INDEX none_yet_v ON none_yet USING vecstore (v vecstore_%s_ops) WITH (%s)', metric, options));
	IF error IS NULL THEN
		SELECT quantization INTO result FROM vecstore_index_info('none_yet_v');
	END IF;
	DROP TABLE none_yet;
	RETURN coalesce(left(error, 5), result);
END
$$;
SELECT dims, quantization(dims, 'l2', 'm = 16') AS default, quantization(dims, 'ip', 'quantization = auto') AS auto,
		quantization(dims, 'cosine', 'quantization = rabitq') AS rabitq, quantization(dims, 'cosine', 'quantization = none') AS none
	FROM unnest(ARRAY[1, 2, 64, 65, 95, 96, 256, 257, 2500, 3000]) dims;
SELECT metric, quantization(100, metric, 'm = 16') AS default, quantization(100, metric, 'quantization = rabitq') AS rabitq
	FROM unnest(ARRAY['l2', 'ip', 'cosine', 'l1', 'hamming', 'jaccard', 'chebyshev', 'canberra', 'bray_curtis']) metric;
-- a list of m codes must fit a page: 100 of 768 bits and their factors do not
SELECT dims, m, quantization(dims, 'l2', format('m = %s', m)) AS default, quantization(dims, 'l2', format('m = %s, quantization = rabitq', m)) AS rabitq
	FROM (VALUES (256, 100), (768, 60), (768, 100), (1536, 2), (1536, 30), (1536, 60)) v(dims, m);
DROP FUNCTION quantization;

-- "auto" looks at the first rows that are to be in the index: codes are for those that
-- differ by more than a tenth of their distance from the origin
CREATE TABLE places (id integer, far boolean, v vecstore(100));
CREATE INDEX places_l2 ON places USING vecstore (v vecstore_l2_ops);
INSERT INTO places SELECT i, true, ARRAY(SELECT 1000 + hashint8extended(k, i) / 9.3e18 FROM generate_series(1::bigint, 100) k)::vecstore FROM generate_series(1, 100) i;
INSERT INTO places SELECT i, false, ARRAY(SELECT 3 + hashint8extended(k, i) / 9.3e18 FROM generate_series(1::bigint, 100) k)::vecstore FROM generate_series(101, 300) i;
INSERT INTO places VALUES (301, false, NULL);
CREATE INDEX places_cosine ON places USING vecstore (v vecstore_cosine_ops) WHERE far;
CREATE INDEX places_ip ON places USING vecstore (v vecstore_ip_ops) WITH (quantization = rabitq) WHERE far;
CREATE INDEX places_near ON places USING vecstore (v vecstore_l2_ops) WHERE NOT far;
CREATE INDEX places_null ON places USING vecstore (v vecstore_l2_ops) WHERE v IS NULL;
CREATE INDEX places_moved ON places USING vecstore (((v - array_fill(1000, ARRAY[100])::vecstore)::vecstore(100)) vecstore_l2_ops) WHERE far;
SELECT indexrelid::regclass, quantization, vertices FROM pg_index, vecstore_index_info(indexrelid) WHERE indrelid = 'places'::regclass ORDER BY indexrelid;
-- an index that was made before the rows came cannot know them
DELETE FROM places WHERE NOT far;
REINDEX INDEX places_l2;
SELECT quantization, vertices FROM vecstore_index_info('places_l2');
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> (SELECT v FROM places WHERE id = 7) FROM places ORDER BY v <-> (SELECT v FROM places WHERE id = 7) LIMIT 20');
-- it stays that kind until it is made anew
INSERT INTO places SELECT i, false, ARRAY(SELECT 3 + hashint8extended(k, i) / 9.3e18 FROM generate_series(1::bigint, 100) k)::vecstore FROM generate_series(101, 300) i;
DELETE FROM places WHERE far;
VACUUM (INDEX_CLEANUP ON) places;
SELECT quantization, vertices FROM vecstore_index_info('places_l2');
REINDEX INDEX places_l2;
SELECT quantization, vertices FROM vecstore_index_info('places_l2');
DROP TABLE places;

-- ---- built, grown by INSERT, vacuumed and filled up ----

-- How often one of the first n distances is less than the one before, by more than
-- the rounding of float4.
CREATE FUNCTION back_steps(distances float8[], n integer) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM unnest(distances[1:n - 1], distances[2:n]) u(a, b) WHERE b < a - 1e-6 * greatest(abs(a), abs(b), 0.1)
$$;

-- What must hold of an index of codes at any time.  Every row comes once.  A search that
-- visits every vertex gives all rows in the order of the table, one of 40 the first 40
-- in order.  Says what does not hold.
CREATE FUNCTION flaws(items regclass, metric text, queries vecstore[], least_recall real) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	index regclass := items || '_' || metric;
	query text := format('SELECT id, v %s %%L FROM %s ORDER BY v %1$s %%1$L', CASE metric WHEN 'l2' THEN '<->' WHEN 'ip' THEN '<#>' ELSE '<=>' END, items);
	info record;
	graph record;
	whole record;
	wrong integer[] := '{0,0,0,0}';
	recall real;
BEGIN
	SELECT * INTO info FROM vecstore_index_info(index);
	SELECT * INTO graph FROM vecstore_check(index);
	FOR i IN 1..cardinality(queries) LOOP
		PERFORM set_config('vecstore.ef_search', '5000', true);
		SELECT * INTO whole FROM compare(format(query, queries[i]));
		wrong[1] := wrong[1] + (NOT whole.same_rows)::integer;
		wrong[2] := wrong[2] + (NOT whole.same_order)::integer;
		PERFORM set_config('vecstore.ef_search', '40', true);
		SELECT * INTO whole FROM compare(format(query, queries[i]));
		wrong[3] := wrong[3] + (NOT whole.same_rows)::integer;
		wrong[4] := wrong[4] + (SELECT back_steps(distances, 40) > 0 FROM by_index(format(query, queries[i]) || ' LIMIT 40'))::integer;
	END LOOP;
	recall := vecstore_recall(index, 10, 100);
	RETURN nullif(concat_ws(', ', metric, CASE WHEN info.quantization <> 'rabitq' THEN info.quantization END,
		CASE WHEN graph.rows + graph.rows_aside <> whole.n THEN graph.rows || ' rows' END, CASE WHEN graph.unreachable > 0 THEN graph.unreachable || ' unreachable' END,
		CASE WHEN graph.tombstones > 0 THEN graph.tombstones || ' tombstones' END, CASE WHEN graph.stale_links > 0 THEN graph.stale_links || ' stale links' END,
		CASE WHEN wrong[1] > 0 THEN wrong[1] || ' times other rows' END, CASE WHEN wrong[2] > 0 THEN wrong[2] || ' times another order' END,
		CASE WHEN wrong[3] > 0 THEN wrong[3] || ' times other rows of few' END, CASE WHEN wrong[4] > 0 THEN wrong[4] || ' times the first not in order' END,
		CASE WHEN recall < least_recall THEN 'recall ' || recall END), metric);
END
$$;
-- All indexes of a table of clustered vectors.
CREATE FUNCTION report(step text, items regclass) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s, %s: %s indexes, flaws: %s', step, items, count(*), coalesce(string_agg(flaws(items, split_part(indexrelid::regclass::text, '_', 2),
			ARRAY(SELECT clustered(-q, dimensions) FROM generate_series(1, 3) q), 0.96), '; ' ORDER BY indexrelid), 'none'))
	FROM pg_index, vecstore_index_info(indexrelid) WHERE indrelid = items
$$;

-- 4, 2 and 1 bits a dimension; and so many dimensions that two vertices fill a page
CREATE TABLE sizes AS SELECT * FROM (VALUES (48, 700, 'built', '{l2,ip,cosine}'::text[]), (100, 600, 'grown', '{l2,ip,cosine}'), (300, 500, 'built', '{l2,ip,cosine}'), (1536, 150, 'grown', '{cosine}'))
	v(dims, n, changed, metrics);
\pset tuples_only on
\pset format unaligned
-- a table for each, and another that grows row by row
SELECT unnest(ARRAY[
		format('CREATE TABLE built%s (id integer, v vecstore(%1$s))', dims),
		format('CREATE TABLE grown%s (LIKE built%1$s)', dims),
		format('INSERT INTO built%s SELECT i, clustered(i, %1$s) FROM generate_series(1, %s) i', dims, n)]
		|| (SELECT array_agg(format('CREATE INDEX %s%s_%s ON %1$s%2$s USING vecstore (v vecstore_%3$s_ops) WITH (quantization = rabitq)', kind, dims, metric))
			FROM unnest(ARRAY['built', 'grown']) kind, unnest(metrics) metric)
		|| ARRAY[
		format('INSERT INTO grown%s SELECT * FROM built%1$s', dims),
		format('SELECT report(''built at once'', ''built%s'')', dims),
		format('SELECT report(''by INSERT'', ''grown%s'')', dims)])
	FROM sizes \gexec
-- 30 % of one of them go, and as many come
SELECT unnest(ARRAY[
		format('DELETE FROM %s%s WHERE hashint4extended(id, 3) %% 10 IN (1, 2, 3, -1, -2, -3)', changed, dims),
		format('VACUUM (INDEX_CLEANUP ON) %s%s', changed, dims),
		format('SELECT report(''vacuumed'', ''%s%s'')', changed, dims),
		format('INSERT INTO %s%s SELECT i, clustered(i, %2$s) FROM generate_series(%s + 1, 2 * %3$s - (SELECT count(*)::integer FROM %1$s%2$s)) i', changed, dims, n),
		format('SELECT report(''filled up'', ''%s%s'')', changed, dims)])
	FROM sizes \gexec
\pset tuples_only off
\pset format aligned

-- ---- REINDEX, another instruction set, the rest of the life of one index ----

REINDEX TABLE built300;
SELECT report('REINDEX', 'built300');
SET vecstore.kernel = portable;
SELECT report('portable', 'built300');
INSERT INTO built300 SELECT i, clustered(i, 300) FROM generate_series(2001, 2050) i;
SELECT report('portable, more rows', 'built300');
RESET vecstore.kernel;
SELECT report('and back', 'built300');
-- rows that are dead count among the first 40
UPDATE built300 SET v = clustered(id + 5000, 300) WHERE id % 7 = 0;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> clustered(-9, 300) FROM built300 ORDER BY v <-> clustered(-9, 300) LIMIT 20');
VACUUM built300;
SELECT report('updated and vacuumed', 'built300');
-- vectors outside their rows; the same in them, without WAL
CREATE UNLOGGED TABLE plain1536 (id integer, v vecstore(1536));
ALTER TABLE plain1536 ALTER COLUMN v SET STORAGE PLAIN;
INSERT INTO plain1536 SELECT * FROM grown1536;
CREATE INDEX plain1536_l2 ON plain1536 USING vecstore (v vecstore_l2_ops);
CREATE INDEX grown1536_l2 ON grown1536 USING vecstore (v vecstore_l2_ops);
SELECT relname, pg_relation_size(reltoastrelid) > 0 AS toasted, report('built', oid) FROM pg_class WHERE relname IN ('plain1536', 'grown1536') ORDER BY relname;
DROP TABLE built48, grown48, built100, grown100, grown300, built1536, grown1536, plain1536, sizes;

-- ---- order, to the last bit ----

-- Whole numbers: sums and squares of them are exact in every way to compute them.
CREATE FUNCTION whole(i integer, dims integer, size integer DEFAULT 50) RETURNS vecstore LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg((hashint8extended(k, i) % size)::integer ORDER BY k)::vecstore FROM generate_series(1::bigint, dims) k
$$;
-- One coordinate that is not 0.
CREATE FUNCTION along(dims integer, axis integer, size float8) RETURNS vecstore LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(CASE k WHEN axis THEN size ELSE 0 END ORDER BY k)::real[]::vecstore FROM generate_series(1, dims) k
$$;

-- Vectors that differ from one in one coordinate, by k / 1024, so that the index keeps
-- the same of many: each is a vertex of its own, and none changes places with another.
CREATE FUNCTION twins(dims integer, OUT vertices bigint, OUT rows bigint, OUT unreachable bigint, OUT n integer, OUT same boolean) LANGUAGE plpgsql AS $$
DECLARE
	query text := format('SELECT id, v <-> %L FROM twins ORDER BY v <-> %1$L LIMIT 300', whole(0, dims));
BEGIN
	EXECUTE format('CREATE TABLE twins (id integer, v vecstore(%s))', dims);
	INSERT INTO twins SELECT k, whole(0, dims) + along(dims, 1 + k % dims, k / 1024.0) FROM generate_series(1, 150) k;
	INSERT INTO twins SELECT k, whole(k, dims) FROM generate_series(1001, 1200) k;
	CREATE INDEX twins_v ON twins USING vecstore (v vecstore_l2_ops) WITH (quantization = rabitq);
	INSERT INTO twins SELECT k, whole(0, dims) + along(dims, 1 + k % dims, k / 1024.0) FROM generate_series(151, 300) k;
	PERFORM set_config('vecstore.ef_search', '320', true);
	SELECT c.vertices, c.rows, c.unreachable, cardinality(i.ids), i.ids = t.ids AND i.distances = t.distances INTO vertices, rows, unreachable, n, same
		FROM by_index(query) i, by_table(query) t, vecstore_check('twins_v') c;
	DROP TABLE twins;
END
$$;
SELECT dims, twins.* FROM unnest(ARRAY[48, 100, 768]) dims, twins(dims);
DROP FUNCTION twins;

-- more of them than a list has places, all with the same levels and code, one by one (among
-- one in six of such sets some become unreachable and come last; not in this one)
CREATE TABLE items (id integer, v vecstore(100));
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
INSERT INTO items SELECT k, whole(k, 100) FROM generate_series(2001, 2200) k;
INSERT INTO items SELECT k, whole(0, 100) + along(100, 1 + k % 100, k / 131072.0) FROM generate_series(1, 400) k;
SELECT quantization, c.vertices, rows, unreachable FROM vecstore_index_info('items_v'), vecstore_check('items_v') c;
SET vecstore.ef_search = 1000;
SELECT n, same_rows, same_order FROM compare(format('SELECT id, v <-> %L FROM items ORDER BY v <-> %1$L', whole(0, 100)));
-- the order of the 400 among themselves
SELECT ids[1:400] = ARRAY(SELECT k::text FROM generate_series(1, 400) k) AS in_order FROM by_index(format('SELECT id, v <-> %L FROM items ORDER BY v <-> %1$L LIMIT 400', whole(0, 100)));
RESET vecstore.ef_search;
DROP TABLE items;

-- 700 rows with one vector, and room for four in a vertex; half of them go, the others, too
CREATE TABLE items (id integer, v vecstore(100));
CREATE INDEX items_v ON items USING vecstore (v vecstore_cosine_ops) WITH (quantization = rabitq);
INSERT INTO items SELECT k, whole(k, 100) FROM generate_series(1001, 1200) k;
INSERT INTO items SELECT k, whole(0, 100) FROM generate_series(1, 350) k;
REINDEX INDEX items_v;
INSERT INTO items SELECT k, whole(0, 100) FROM generate_series(351, 700) k;
SELECT vertices, rows FROM vecstore_check('items_v');
SET vecstore.ef_search = 1000;
SELECT n, same_rows, same_order FROM compare(format('SELECT id, v <=> %L FROM items ORDER BY v <=> %1$L', whole(0, 100)));
RESET vecstore.ef_search;
SELECT n, same_order FROM compare(format('SELECT id, v <=> %L FROM items ORDER BY v <=> %1$L LIMIT 650', whole(0, 100)));
SELECT n, same_rows FROM compare(format('SELECT id, v <=> %L FROM items WHERE id IN (7, 698) ORDER BY v <=> %1$L LIMIT 3', whole(1, 100)));
DELETE FROM items WHERE id <= 700 AND id % 2 = 0;
SELECT n, same_rows FROM compare(format('SELECT id, v <=> %L FROM items ORDER BY v <=> %1$L', whole(0, 100)));
VACUUM (INDEX_CLEANUP ON) items;
SELECT vertices, rows, stale_links, unreachable FROM vecstore_check('items_v');
DELETE FROM items WHERE id <= 700;
VACUUM (INDEX_CLEANUP ON) items;
SELECT vertices, rows, tombstones, stale_links, unreachable FROM vecstore_check('items_v');
SELECT n, same_rows FROM compare(format('SELECT id, v <=> %L FROM items ORDER BY v <=> %1$L', whole(0, 100)));
DROP TABLE items;

-- The dot product of vectors of different lengths: rounding moves the long ones more.
CREATE TABLE items (id integer, v vecstore(48));
INSERT INTO items SELECT i, ARRAY(SELECT x * 10 ^ (i % 3) FROM unnest(whole(i, 48, 9)::real[]) x)::vecstore FROM generate_series(1, 500) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_ip_ops) WITH (quantization = rabitq);
SELECT ef, count(*), count(*) FILTER (WHERE steps > 0) AS not_in_order
	FROM unnest(ARRAY[40, 200, 1000]) ef, generate_series(1, 20) q,
		LATERAL (SELECT set_config('vecstore.ef_search', ef::text, false) OFFSET 0) s,
		LATERAL (SELECT back_steps(distances, ef) AS steps FROM by_index(format('SELECT id, v <#> %L FROM items ORDER BY v <#> %1$L LIMIT %s', whole(-q, 48, 9), ef))) b
	GROUP BY ef ORDER BY ef;
DROP TABLE items;
-- So it is by L2, where some lie near the origin and others beyond the query, all as far
-- from it.
CREATE TABLE items (id integer, v vecstore(48));
INSERT INTO items SELECT i, ARRAY(SELECT (0.03 * hashint8extended(i, k) + i % 2 * 2.0 * hashint8extended(0, k)) / 9.3e18 FROM generate_series(1::bigint, 48) k)::vecstore FROM generate_series(1, 400) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops) WITH (quantization = rabitq);
SET vecstore.ef_search = 500;
SELECT count(*), count(*) FILTER (WHERE back_steps(distances, 400) > 0) AS not_in_order
	FROM generate_series(1001, 1020) q,
		LATERAL by_index(format('SELECT id, v <-> %L FROM items ORDER BY v <-> %1$L',
			ARRAY(SELECT (hashint8extended(0, k) + 0.001 * hashint8extended(q, k)) / 9.3e18 FROM generate_series(1::bigint, 48) k)::vecstore));
RESET vecstore.ef_search;
DROP TABLE items;

-- The length of a query matters to no order by dot product.
CREATE TABLE items (id integer, v vecstore(48));
INSERT INTO items SELECT i, whole(i, 48) FROM generate_series(1, 600) i;
CREATE INDEX items_v ON items USING vecstore (v vecstore_ip_ops) WITH (quantization = rabitq);
SET vecstore.ef_search = 100;
SELECT length, sum((SELECT count(*) FROM (SELECT unnest(ids) FROM by_index(query) INTERSECT SELECT unnest(ids) FROM by_table(query)) both_ways)) >= 190 AS found
	FROM unnest(ARRAY[0.001, 1, 1000]) length, generate_series(1, 20) q,
		LATERAL format('SELECT id, v <#> %L FROM items ORDER BY v <#> %1$L LIMIT 10', ARRAY(SELECT x * length FROM unnest(whole(-q, 48)::real[]) x)::vecstore) query
	GROUP BY length ORDER BY length;
RESET vecstore.ef_search;
DROP TABLE items;

-- ---- vectors of every size ----

-- Zero, huge and tiny vectors and elements, vectors far from the origin, neighbours at
-- distances of all sizes.
CREATE FUNCTION of_kind(kind text, i integer, dims integer) RETURNS vecstore LANGUAGE sql IMMUTABLE AS $$
	SELECT array_agg(CASE kind
		WHEN 'zero' THEN CASE WHEN i % 10 = 0 THEN 0 ELSE x END
		WHEN 'huge' THEN x * 1e18
		WHEN 'tiny' THEN x * 1e-30
		WHEN 'huge or tiny' THEN x * (ARRAY[1e18, 1e-30, 1, 1e-6])[1 + i % 4]
		WHEN 'huge and tiny' THEN x * (ARRAY[1e18, 1e-30])[1 + k % 2]
		WHEN 'far' THEN 1000 + x
		WHEN 'scales' THEN x * 10 ^ (i % 7)
		WHEN 'clusters' THEN hashint8extended(i % 20, k) / 9.3e15 + hashint8extended(i % 100, k) / 9.3e18 + x / 1000 END ORDER BY k)::vecstore
	FROM (SELECT k, hashint8extended(i, k) / 9.3e18::float8 AS x FROM generate_series(1::bigint, dims) k) h
$$;
CREATE FUNCTION flaws_of_kind(kind text, dims integer, least_recall real, OUT l2 text, OUT ip text, OUT cosine text) LANGUAGE plpgsql AS $$
DECLARE
	queries vecstore[] := ARRAY[of_kind(kind, 17, dims), of_kind(kind, 222, dims), of_kind(kind, 390, dims)];
BEGIN
	EXECUTE format('CREATE TABLE items (id integer, v vecstore(%s))', dims);
	INSERT INTO items SELECT i, of_kind(kind, i, dims) FROM generate_series(1, 300) i;
	CREATE INDEX items_l2 ON items USING vecstore (v vecstore_l2_ops) WITH (quantization = rabitq);
	CREATE INDEX items_ip ON items USING vecstore (v vecstore_ip_ops) WITH (quantization = rabitq);
	CREATE INDEX items_cosine ON items USING vecstore (v vecstore_cosine_ops) WITH (quantization = rabitq);
	INSERT INTO items SELECT i, of_kind(kind, i, dims) FROM generate_series(301, 400) i;
	l2 := coalesce(flaws('items', 'l2', queries, least_recall), 'none');
	ip := coalesce(flaws('items', 'ip', queries, least_recall), 'none');
	cosine := coalesce(flaws('items', 'cosine', queries, least_recall), 'none');
	DROP TABLE items;
END
$$;
SELECT kind, dims, flaws_of_kind.* FROM (VALUES ('zero', 48), ('huge', 48), ('huge', 300), ('huge and tiny', 48)) k(kind, dims), flaws_of_kind(kind, dims, 0.9);
-- Recall is another matter: rounding makes equal what is near each other and far from
-- the origin (a scan for 10 of 400 rows finds 1 or 2 of the nearest), and a list with
-- neighbours at distances of all sizes has one unit for all.
SELECT kind, dims, flaws_of_kind.* FROM (VALUES ('far', 48), ('far', 300), ('scales', 48), ('scales', 300), ('clusters', 48)) k(kind, dims), flaws_of_kind(kind, dims, 0);
-- Where squares do not fit float4, L2 distances and dot products are all the same.
SELECT kind, cosine, l2 !~ 'rows' AS l2, ip !~ 'rows' AS ip FROM unnest(ARRAY['tiny', 'huge or tiny']) kind, flaws_of_kind(kind, 48, 0.9);

-- Dot products with vectors of all lengths: codes find what floats find.
CREATE TABLE lengths AS SELECT i AS id, of_kind('scales', i, 48)::vecstore(48) AS v FROM generate_series(1, 2000) i;
CREATE INDEX lengths_codes ON lengths USING vecstore (v vecstore_ip_ops) WITH (quantization = rabitq);
CREATE INDEX lengths_floats ON lengths USING vecstore (v vecstore_ip_ops) WITH (quantization = none);
SET vecstore.ef_search = 200;
SELECT vecstore_recall('lengths_floats', 10, 100) > 0.9 AS floats, vecstore_recall('lengths_codes', 10, 100) > 0.9 AS codes;
RESET vecstore.ef_search;
DROP TABLE lengths;

-- ---- what queries ask for ----

CREATE TABLE items (id integer PRIMARY KEY, v vecstore(300));
INSERT INTO items SELECT row_number() OVER (ORDER BY id), v FROM built300 ORDER BY id LIMIT 500;
INSERT INTO items SELECT i, NULL FROM generate_series(501, 510) i;
INSERT INTO items SELECT i, array_fill(0, ARRAY[300])::vecstore FROM generate_series(511, 515) i;
DROP TABLE built300;
CREATE INDEX items_l2 ON items USING vecstore (v vecstore_l2_ops);
CREATE INDEX items_ip ON items USING vecstore (v vecstore_ip_ops);
CREATE INDEX items_cosine ON items USING vecstore (v vecstore_cosine_ops);
-- NULLs last, before them zero vectors where they have no distance
SELECT metric, n, array_position(distances, NULL) AS first_null, array_position(distances, 'NaN') AS first_nan, same_rows
	FROM (VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>')) m(metric, operator),
		LATERAL format('SELECT id, v %s clustered(-5, 300) FROM items ORDER BY v %1$s clustered(-5, 300)', operator) query, by_index(query) i, compare(query) c;

-- WHERE: what it keeps is found: no row, one, three, 1 %, the farthest, NULLs
SELECT condition, count(*) AS scans, min(n) AS n, max(n) AS most, bool_and(same_rows) AS same_rows
	FROM unnest(ARRAY['id < 0', 'id = 123', 'id IN (11, 222, 333)', 'id % 100 = 44', 'v <-> clustered(-5, 300) > 19', 'v IS NULL', 'id > 30']) WITH ORDINALITY c(condition, place),
		unnest(ARRAY['<->', '<#>', '<=>']) operator, unnest(ARRAY[10, 100]) ef,
		LATERAL (SELECT set_config('vecstore.ef_search', ef::text, false) OFFSET 0) s,
		LATERAL (SELECT * FROM compare(format('SELECT id, v %s clustered(-5, 300) FROM items WHERE %s ORDER BY v %1$s clustered(-5, 300)', operator, condition)) WHERE s IS NOT NULL) r
	GROUP BY condition, place ORDER BY place;
RESET vecstore.ef_search;

-- LIMIT up to the last row and beyond, ef_search below and above it, little memory
SELECT work_mem, ef, count(*) AS scans, bool_and(cardinality(ids) = least(lim, 515)) AS filled, bool_and(cardinality(ids) = (SELECT count(DISTINCT id) FROM unnest(ids) id)) AS once, sum(back_steps(distances, least(lim, ef))) AS back
	FROM unnest(ARRAY['64kB', '4MB']) work_mem, unnest(ARRAY[1, 2, 40, 1000]) ef, unnest(ARRAY[1, 3, 41, 499, 515, 1000]) lim,
		LATERAL (SELECT set_config('vecstore.ef_search', ef::text, false), set_config('work_mem', work_mem, false) OFFSET 0) s(ef_set, mem_set),
		LATERAL (SELECT * FROM by_index(format('SELECT id, v <-> clustered(-6, 300) FROM items ORDER BY v <-> clustered(-6, 300) LIMIT %s', lim)) WHERE ef_set IS NOT NULL AND mem_set IS NOT NULL) i
	GROUP BY work_mem, ef ORDER BY work_mem, ef;
RESET vecstore.ef_search;
RESET work_mem;

-- scans that start again, with and without a look at rows; queries that are NULL, zero,
-- of other dimensions
SET enable_seqscan = off;
SET enable_sort = off;
SELECT count(*), count(*) FILTER (WHERE q.id = near.id) AS itself, count(*) FILTER (WHERE place = 1 AND d < 1e-6) AS first
	FROM items q, LATERAL (SELECT id, i.v <-> q.v AS d, row_number() OVER () AS place FROM (SELECT * FROM items i ORDER BY i.v <-> q.v LIMIT 3) i) near
	WHERE q.id % 10 = 1 AND q.id <= 500;
SELECT count(*) FROM items q, LATERAL (SELECT id FROM items i ORDER BY i.v <=> q.v LIMIT 2) near WHERE q.id > 498;
SELECT metric, n, same_rows
	FROM (VALUES ('l2', '<->'), ('ip', '<#>'), ('cosine', '<=>')) m(metric, operator), unnest(ARRAY['(SELECT NULL::vecstore)', 'array_fill(0, ARRAY[300])::vecstore']) query,
		LATERAL compare(format('SELECT id, v %s %s FROM items ORDER BY v %1$s %2$s', operator, query));
SELECT outcome('SELECT id FROM items ORDER BY v <-> ''[1,2,3]'' LIMIT 1');
RESET enable_seqscan;
RESET enable_sort;

-- strict_order never goes back, the sweep at the end not either; LIMIT is filled
SET vecstore.strict_order = on;
SELECT operator, bool_and(back_steps(array_remove(array_remove(i.distances, NULL), 'NaN'), 500) = 0) AS in_order, bool_and(cardinality(i.ids) = (SELECT count(DISTINCT id) FROM unnest(i.ids) id)) AS once,
		bool_and(array_position(i.distances, NULL) IS NOT NULL) AS nulls, bool_and(cardinality(ten.ids) = 10) AS filled
	FROM unnest(ARRAY['<->', '<#>', '<=>']) operator, unnest(ARRAY[3, 40]) ef, generate_series(1, 3) q,
		LATERAL (SELECT set_config('vecstore.ef_search', ef::text, false) OFFSET 0) s,
		LATERAL format('SELECT id, v %s clustered(-%s, 300) FROM items ORDER BY v %1$s clustered(-%2$s, 300)', operator, q) query,
		LATERAL (SELECT * FROM by_index(query) WHERE s IS NOT NULL) i, LATERAL (SELECT * FROM by_index(query || ' LIMIT 10') WHERE s IS NOT NULL) ten
	GROUP BY operator ORDER BY operator;
RESET vecstore.strict_order;
RESET vecstore.ef_search;

-- indexes on an expression, and of some rows
CREATE INDEX items_half ON items USING vecstore ((subvector(v, 1, 150)::vecstore(150)) vecstore_l2_ops);
CREATE INDEX items_few ON items USING vecstore (v vecstore_l2_ops) WHERE id % 3 = 0;
INSERT INTO items SELECT i, clustered(i, 300) FROM generate_series(601, 620) i;
SELECT i.relname, quantization, rows + rows_aside AS rows FROM pg_class i, vecstore_index_info(oid), vecstore_check(oid) WHERE relname IN ('items_half', 'items_few') ORDER BY 1;
SET vecstore.ef_search = 1000;
SELECT n, same_rows, same_order FROM compare('SELECT id, subvector(v, 1, 150)::vecstore(150) <-> clustered(-2, 150) FROM items ORDER BY subvector(v, 1, 150)::vecstore(150) <-> clustered(-2, 150)');
DROP INDEX items_l2;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> clustered(-2, 300) FROM items WHERE id % 3 = 0 ORDER BY v <-> clustered(-2, 300)');
DROP INDEX items_half, items_few;

-- rows that a transaction changed itself, and savepoints: what is looked at is what
-- the snapshot sees
CREATE INDEX items_l2 ON items USING vecstore (v vecstore_l2_ops);
BEGIN;
UPDATE items SET v = clustered(id + 3000, 300) WHERE id % 4 = 0;
DELETE FROM items WHERE id % 5 = 0;
INSERT INTO items SELECT i, clustered(-2, 300) FROM generate_series(701, 710) i;
SAVEPOINT a;
UPDATE items SET v = clustered(-2, 300) WHERE id % 7 = 0;
DELETE FROM items WHERE id > 705;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> clustered(-2, 300) FROM items ORDER BY v <-> clustered(-2, 300)');
ROLLBACK TO a;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> clustered(-2, 300) FROM items ORDER BY v <-> clustered(-2, 300)');
ROLLBACK;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> clustered(-2, 300) FROM items ORDER BY v <-> clustered(-2, 300)');
-- updates that keep the vector, in place and in other places
ALTER TABLE items ADD note integer;
UPDATE items SET note = id WHERE id % 2 = 0;
CREATE INDEX items_note ON items (note);
UPDATE items SET note = id WHERE id % 3 = 0;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> clustered(-3, 300) FROM items ORDER BY v <-> clustered(-3, 300)');
VACUUM (INDEX_CLEANUP ON) items;
SELECT n, same_rows, same_order FROM compare('SELECT id, v <-> clustered(-3, 300) FROM items ORDER BY v <-> clustered(-3, 300)');
RESET vecstore.ef_search;

-- cursors: the rows of their snapshot, whatever comes meanwhile, in a subtransaction
-- too; and of a table that is looked at through them, nothing is kept
BEGIN;
CREATE TEMP TABLE seen (place integer GENERATED ALWAYS AS IDENTITY, id integer);
CREATE TEMP TABLE expected AS SELECT id FROM items;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> clustered(-4, 300);
CREATE FUNCTION take(n integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	c refcursor := 'c';
	row_id integer;
BEGIN
	FOR i IN 1..n LOOP
		FETCH c INTO row_id;
		EXIT WHEN NOT FOUND;
		INSERT INTO seen (id) VALUES (row_id);
	END LOOP;
	RETURN (SELECT count(*) FROM seen);
END
$$;
SELECT take(5);
DELETE FROM items WHERE id % 3 = 0;
UPDATE items SET v = clustered(-4, 300) WHERE id % 3 = 1;
SAVEPOINT b;
SELECT take(60);
ROLLBACK TO b;
SELECT take(100);
SELECT take(1000);
-- the 60 were fetched, and what a savepoint undoes is the note of them
SELECT (SELECT count(*) FROM (SELECT id FROM seen EXCEPT ALL SELECT id FROM expected) t) AS other_rows, (SELECT count(*) FROM (SELECT id FROM expected EXCEPT SELECT id FROM seen) t) AS missing;
ROLLBACK;
DROP TABLE items;

-- ---- memory ----

-- Rows are looked at one by one: 1,500 of them, of 6 kB, leave nothing behind.
CREATE TABLE items (id integer, v vecstore(1536));
INSERT INTO items SELECT i, array_fill(1 + i / 1e4::real, ARRAY[1536])::vecstore FROM generate_series(1, 1500) i;
CREATE INDEX items_l2 ON items USING vecstore (v vecstore_l2_ops) WITH (m = 4, quantization = rabitq);
SET enable_seqscan = off;
SET enable_sort = off;
SET vecstore.ef_search = 2000;
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> array_fill(1, ARRAY[1536])::vecstore;
MOVE 1490 FROM c;
SELECT sum(used_bytes) < 2000000 AS little FROM pg_backend_memory_contexts WHERE name ~ '^vecstore';
COMMIT;
DROP TABLE items;
DROP FUNCTION report, flaws, back_steps, whole, along, of_kind, flaws_of_kind;
