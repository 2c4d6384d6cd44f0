-- The filter language: what SQL it becomes, which rows match, what is refused.

CREATE TABLE goods (
	id integer PRIMARY KEY,
	price integer,
	weight real,
	name text,
	code varchar(3),
	tags text[],
	sizes integer[],
	sold boolean,
	at timestamptz,
	day date,
	extra jsonb,
	"Odd ""name" text,
	doc json,
	gone text,
	metadata jsonb
);
ALTER TABLE goods DROP COLUMN gone;
SET timezone = 'UTC';
INSERT INTO goods VALUES
	(1, 5, 0.1, 'lamp', 'abc', '{red,big}', '{1,2}', true, '2024-01-01 12:00', '2024-01-01', '"x"', 'o',
		NULL, '{"lang": "en", "rank": 1, "Deep": {"a b": {"c": 10}}, "tags": ["x", "y"], "note": "solar cells"}'),
	(2, 10, 1.5, 'it''s', 'ab', '{}', '{2,3}', false, '2024-06-01 00:00+02', '2024-06-01', '["x", 1]', NULL,
		'{}', '{"lang": "de", "rank": 10, "Deep": {"a b": {"c": "10"}}, "tags": [], "note": "x"}'),
	(3, 15, -2, 'back\slash', 'a', '{blue}', NULL, NULL, NULL, NULL, '{"x": {"y": 1}}', '', NULL,
		'{"lang": null, "rank": "2", "tags": "x", "note": ["solar cells"]}'),
	(4, NULL, NULL, NULL, NULL, NULL, '{}', true, 'infinity', 'infinity', NULL, NULL, NULL,
		'{"rank": 2.0, "Deep": 7, "tags": {"x": 1}, "flag": true}'),
	(5, 20, 1e10, 'Lamp', 'AB', '{red,NULL}', '{NULL}', false, '2023-01-01', '2023-01-01', 'null', 'O', NULL, NULL),
	(6, -5, 'NaN', '', '', '{"",x}', '{10}', true, '2024-01-01 11:59:59', '2023-12-31', '1', '', NULL,
		'{"lang": "fr", "rank": [1, 2], "Deep": {"a b": {"c": null}}, "tags": [3, null, true, "xy"], "flag": false}');

-- the ids of the rows that match, without and with a NOT before
CREATE FUNCTION matching(filter text, params jsonb DEFAULT '{}', relation regclass DEFAULT 'goods') RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	yes text;
	no text;
BEGIN
	EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM %s WHERE %s', relation,
		vecstore.filter_sql(filter, relation, params)) INTO yes;
	EXECUTE format('SELECT string_agg(id::text, '' '' ORDER BY id) FROM %s WHERE %s', relation,
		vecstore.filter_sql('NOT (' || filter || ')', relation, params)) INTO no;
	RETURN format('%s | %s', coalesce(yes, '-'), coalesce(no, '-'));
END
$$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep '   =>   '

-- columns: the SQL, and the rows that match | that match NOT
SELECT f, vecstore.filter_sql(f, 'goods'), matching(f) FROM unnest(ARRAY[
	'price = 10',
	'PRICE <> 10',
	'price != 10',
	'price < 10',
	'price <= 10',
	'price > 10',
	'price >= 10',
	'price < ''10''',
	'price < 10.5',
	'price = 1e1',
	'price < 99999999999999999999',
	'price IN (5, 10, 11)',
	'price NOT IN (5, 10, 11)',
	'price IN (5, 9.5)',
	'price IN (5)',
	'weight = 0.1',
	'weight > 1',
	'name = ''lamp''',
	'name = ''it''''s''',
	'name = ''back\slash''',
	'name CONTAINS ''amp''',
	'name CONTAINS ''%''',
	'name CONTAINS ''\''',
	'name CONTAINS ''''',
	'name > ''M''',
	'code = ''abc''',
	'code = ''abcd''',
	'tags CONTAINS ''red''',
	'tags CONTAINS [''red'', ''big'']',
	'tags CONTAINS []',
	'tags = ''{red,big}''',
	'sizes CONTAINS 2',
	'sizes CONTAINS [2, 3]',
	'sizes CONTAINS [2, 2.5]',
	'sold = TRUE',
	'sold != true',
	'at > ''2024-01-01''',
	'at = TIMESTAMP ''2024-05-31 22:00''',
	'at < ''infinity'' AND at >= ''2024-01-01 12:00''',
	'day <= ''2024-01-01''',
	'price IS NULL',
	'price IS NOT NULL',
	'"Odd ""name" = ''o''',
	'"price" = 5'
]) f;

-- the keys of metadata
SELECT f, vecstore.filter_sql(f, 'goods'), matching(f) FROM unnest(ARRAY[
	'lang = ''en''',
	'lang != ''en''',
	'lang IN (''en'', ''de'')',
	'lang NOT IN (''en'', ''de'')',
	'lang IN (''en'')',
	'lang IS NULL',
	'lang IS NOT NULL',
	'Lang = ''en''',
	'rank = 1',
	'rank = 2',
	'rank != 2',
	'rank IN (1, ''2'')',
	'rank < 10',
	'rank <= 10',
	'rank > 1.5',
	'rank >= 2',
	'rank >= ''1''',
	'lang > ''de''',
	'flag = true',
	'flag < TRUE',
	'Deep."a b".c = 10',
	'Deep."a b".c = ''10''',
	'Deep."a b".c < 11',
	'Deep."a b".c IS NULL',
	'Deep."a b".c != 10',
	'"Deep"."a b"."c" IN (10, ''10'')',
	'metadata.lang = ''en''',
	'metadata.price IS NULL',
	'metadata.tags CONTAINS ''x''',
	'metadata.tags CONTAINS [''x'']',
	'metadata.tags CONTAINS [''x'', ''y'']',
	'metadata.tags CONTAINS 3',
	'metadata.tags CONTAINS TRUE',
	'metadata.tags CONTAINS []',
	'metadata.tags.x = 1',
	'metadata.tags."0" = ''x''',
	'metadata.tags."0" < ''z''',
	'note CONTAINS ''solar''',
	'note CONTAINS ''solar cells''',
	'note CONTAINS ''%'''
]) f;

-- another jsonb column: its own value, and its keys
SELECT f, vecstore.filter_sql(f, 'goods'), matching(f) FROM unnest(ARRAY[
	'extra = ''x''',
	'extra IN (1, ''x'')',
	'extra != 1',
	'extra CONTAINS ''x''',
	'extra CONTAINS [1, ''x'']',
	'extra < 2',
	'extra IS NULL',
	'extra.x.y = 1',
	'EXTRA.x.y > 0'
]) f;

-- AND, OR, NOT: three values, as in SQL
SELECT f, vecstore.filter_sql(f, 'goods'), matching(f) FROM unnest(ARRAY[
	'price < 10 OR price > 10 AND sold = true',
	'(price < 10 OR price > 10) AND sold = true',
	'NOT price < 10 AND sold = true',
	'NOT (lang = ''en'' AND rank < 5)',
	'NOT (lang = ''en'' OR NOT rank < 5)',
	'lang = ''en'' OR lang != ''en'' OR lang IS NULL',
	'price = 5 AND lang = ''en'' AND rank = 1 AND tags CONTAINS ''red'''
]) f;
SELECT bool_and(matching(f) = matching('NOT NOT (' || f || ')')
		AND matching(f) = matching('NOT (NOT (' || f || ') OR NOT (' || f || '))'))
	FROM unnest(ARRAY['price < 10', 'rank < 10', 'lang = ''en''', 'lang IN (''en'', ''de'')', 'metadata.tags CONTAINS ''x''',
		'lang IS NULL', 'price IS NULL', 'price IN (5, 9.5) AND flag = true']) f;

-- placeholders
SELECT f, vecstore.filter_sql(f, 'goods', p), matching(f, p)
FROM (SELECT '{"max": 10, "tag": "red", "tags": ["red", "big"], "none": [], "q": "it''s", "on": true, "1": 5, "mixed": [1, "2", true]}'::jsonb) v(p),
	unnest(ARRAY[
		'price < $max AND tags CONTAINS $tag',
		'tags CONTAINS $tags',
		'tags CONTAINS $none',
		'name = $q',
		'sold = $on',
		'price = $1',
		'price IN ($1, $max)',
		'price IN $none',
		'price NOT IN $none',
		'price IN ($1, $none, 15)',
		'rank IN $mixed',
		'rank NOT IN $mixed',
		'rank NOT IN $none',
		'metadata.tags CONTAINS $none',
		'name = ''$q'''
	]) f;

-- NULLs of the call; unused parameters do no harm
SELECT vecstore.filter_sql(NULL, 'goods') IS NULL, vecstore.filter_sql('price = 1', 'goods', '{"a": 1}');

-- what is refused
CREATE FUNCTION refusal(filter text, relation text DEFAULT 'goods', params text DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT filter || E'\n' || outcome(format('SELECT vecstore.filter_sql(%L, %L, %L)', filter, relation, params)) || E'\n'
$$;
SELECT refusal(f) FROM unnest(ARRAY[
	'',
	'price',
	'price < < 10',
	'price = 1; DROP TABLE goods',
	'price = 1 -- comment',
	E'lang = ''é''\n\tAND  naïve ?= 1',
	repeat('price = 1 OR ', 20) || 'price == 2 OR ' || repeat('price = 1 OR ', 20) || 'price = 1',
	'name = ''lamp',
	'"name = 1',
	'name = "lamp"',
	'price = NULL',
	'price IN (1, NULL)',
	'tags CONTAINS [''x'', null]',
	'price = $max',
	'price.a = 1',
	'price CONTAINS 1',
	'name CONTAINS [''x'']',
	'tags IN (''{a}'', ''{b}'')',
	'doc = ''{}''',
	'doc < ''{}''',
	'name > TIMESTAMP ''2024-01-01''',
	'day > TIMESTAMP ''2024-01-01''',
	'lang > TIMESTAMP ''2024-01-01'''
]) f;
SELECT refusal('price = $p', params => p) FROM unnest(ARRAY['{"p": null}', '{"p": [1]}', '{"p": {"a": 1}}', '{"P": 1}', '[1]', '"p"']) p;
SELECT refusal('price IN $p', params => p) FROM unnest(ARRAY['{"p": [1, null]}', '{"p": [1, [2]]}', '{"p": [1, {"a": 2}]}']) p;

-- limits: depth, length, length of the condition
SELECT left(outcome(format('SELECT vecstore.filter_sql(%L, ''goods'') IS NOT NULL', f)), 70)
FROM (VALUES (repeat('(', 200) || 'price = 1' || repeat(')', 200)),
	(repeat('(', 201) || 'price = 1' || repeat(')', 201)),
	(repeat('NOT ', 200) || 'lang = 1'),
	(repeat('NOT ', 300000) || 'lang = 1'),
	(repeat('a.', 199) || 'a = 1'),
	(repeat('a.', 200) || 'a = 1'),
	('lang IN (' || repeat('1, ', 300000) || '1)'),
	('price IN (' || repeat('1, ', 300000) || '1)'),
	(repeat('price = 1 OR ', 70000) || 'price = 1'),
	('name = ''' || repeat('x', 1048567) || ''''),
	('name = ''' || repeat('x', 1048568) || ''''),
	('"' || repeat('k', 500000) || '" IN (' || repeat('1, ', 10000) || '1)')) v(f);
SELECT left(outcome(format('SELECT vecstore.filter_sql(%L, ''goods'', %L)', repeat('name = $p OR ', 1000) || 'name = $p',
	jsonb_build_object('p', repeat('x', 100000)))), 70);

-- without a column metadata of type jsonb, names are columns; no system columns, no dropped ones
CREATE TABLE plain (id integer, price integer, pride integer, "Mixed" integer, metadata json, gone integer);
ALTER TABLE plain DROP COLUMN gone;
SELECT refusal(f, 'plain') FROM unnest(ARRAY['prize = 1', 'mixed = 1', 'lang = 1', 'metadata.lang = 1', 'ctid = ''(0,1)''', 'tableoid = 1',
	'xmin = 1', 'gone = 1', '"........pg.dropped.6........" = 1', '"PRICE" = 1', 'plain = 1', '"" = 1',
	'"' || repeat('x', 100) || '" = 1']) f;
SELECT vecstore.filter_sql('Mixed = 1 and PRICE = 2', 'plain');

-- relations of every kind
CREATE TABLE parts (id integer, price integer, metadata jsonb) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
CREATE TABLE parts_2 (metadata jsonb, price integer, gone integer, id integer);
ALTER TABLE parts_2 DROP COLUMN gone;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES FROM (10) TO (20);
INSERT INTO parts VALUES (1, 5, '{"lang": "en"}'), (2, 10, '{"lang": "de"}'), (11, 5, '{"lang": "de"}'), (12, 10, '{"lang": "en"}');
CREATE VIEW cheap AS SELECT id, price * 2 AS "Double price", metadata AS metadata FROM parts WHERE price < 10;
CREATE MATERIALIZED VIEW stored AS SELECT * FROM cheap;
SELECT r, matching(f, relation => r::regclass) FROM (VALUES
	('parts', 'price = 5 AND lang = ''de'''),
	('parts_2', 'price = 5 AND lang = ''de'''),
	('cheap', '"Double price" = 10 AND lang = ''de'''),
	('stored', '"Double price" = 10 AND lang = ''de''')) v(r, f);
CREATE SEQUENCE counter;
CREATE TYPE pair AS (a integer, b integer);
SELECT refusal('a = 1', r) FROM unnest(ARRAY['goods_pkey', 'counter', 'pair', '0', 'no_such_table']) r;

-- other types: enum, domains, uuid, ranges, records, arrays of domains
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN short AS varchar(5) CHECK (value <> 'never');
CREATE DOMAIN object AS jsonb CHECK (jsonb_typeof(value) = 'object');
CREATE DOMAIN numbers AS integer[];
CREATE TABLE typed (id integer, m mood, s short, o object, n numbers, u uuid, r int4range, p pair, b bytea, i interval,
	c char(4), sys name, one "char", big bigint, num numeric(5,2), metadata object);
INSERT INTO typed VALUES (1, 'ok', 'abc', '{"a": 1}', '{1,2}', '00000000-0000-0000-0000-000000000001', '[1,5)', '(1,2)', '\x00ff', '1 day',
	'ab', 'pg_class', 'x', 9007199254740993, 1.01, '{"k": "v"}');
SELECT f, vecstore.filter_sql(f, 'typed'), matching(f, relation => 'typed') FROM unnest(ARRAY[
	'm < ''happy''', 's = ''abc''', 's = ''never''', 's CONTAINS ''b''', 'o.a = 1', 'n CONTAINS 2', 'n = ''{1,2}''',
	'u = ''00000000-0000-0000-0000-000000000001''', 'r = ''[1,5)''', 'p = ''(1,2)''', 'b = ''\x00ff''', 'i = ''24 hours''', 'c = ''ab''',
	'c CONTAINS ''b''', 'sys = ''pg_class''', 'sys IN (''pg_class'', ''x'')', 'one = ''x''', 'one = ''xyz''', 'big = 9007199254740993',
	'num = 1.01', 'num = 1.014', 'k = ''v''']) f;
SELECT outcome('SELECT id FROM typed WHERE ' || vecstore.filter_sql(f, 'typed'))
	FROM unnest(ARRAY['m = ''angry''', 'u = ''x''', 'big = ''x''', 'i > ''soon''', 'num = TRUE']) f;

-- a collation that is not deterministic
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE collated (id integer, t text COLLATE blind);
INSERT INTO collated VALUES (1, 'Lamp');
SELECT f, matching(f, relation => 'collated') FROM unnest(ARRAY['t = ''lamp''', 't IN (''lamp'', ''x'')', 't CONTAINS ''am''', 't CONTAINS ''AM''']) f;

-- indexes serve the conditions
CREATE TABLE many (id integer, price integer, metadata jsonb);
INSERT INTO many SELECT i, i, jsonb_build_object('lang', 'l' || i % 1000, 'rank', i, 'tags', jsonb_build_array('t' || i % 1000)) FROM generate_series(1, 10000) i;
INSERT INTO many VALUES (0, 0, '{"rank": "x"}'), (0, 0, '{"rank": [1]}'), (0, 0, NULL);
CREATE INDEX by_price ON many (price);
CREATE INDEX by_keys ON many USING gin (metadata jsonb_path_ops);
CREATE INDEX by_rank ON many ((metadata -> 'rank'));
ANALYZE many;
CREATE FUNCTION indexes(filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	line text;
	result text;
	n bigint;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) SELECT * FROM many WHERE ' || vecstore.filter_sql(filter, 'many') LOOP
		result := concat_ws(' ', result, substring(line FROM '(?:Scan on|using) (by_\w+)'));
	END LOOP;
	EXECUTE 'SELECT count(*) FROM many WHERE ' || vecstore.filter_sql(filter, 'many') INTO n;
	RETURN trim(result) || ': ' || n;
END
$$;
SELECT f, indexes(f) FROM unnest(ARRAY[
	'price < 10', 'price IN (1, 2, 3)', 'lang = ''l7''', 'lang IN (''l7'', ''l8'')', 'tags CONTAINS [''t7'']', 'tags CONTAINS [''t7'', ''t8'']',
	'rank < 10', 'rank >= 9999', 'lang = ''l7'' OR price = 3']) f;

-- a search_path with other operators and types of the same names
CREATE SCHEMA traps;
CREATE FUNCTION traps.yes(integer, integer) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION traps.yes(jsonb, jsonb) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION traps.yes(text[], text[]) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR traps.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = traps.yes);
CREATE OPERATOR traps.@> (LEFTARG = jsonb, RIGHTARG = jsonb, FUNCTION = traps.yes);
CREATE OPERATOR traps.@> (LEFTARG = text[], RIGHTARG = text[], FUNCTION = traps.yes);
CREATE DOMAIN traps.jsonb AS text;
SET search_path = traps, pg_catalog, public;
SELECT f, vecstore.filter_sql(f, 'public.goods'), public.matching(f, relation => 'public.goods')
	FROM unnest(ARRAY['price = 10', 'price IN (5, 10)', 'lang = ''en''', 'tags CONTAINS ''red''']) f;
RESET search_path;
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('a');
CREATE TABLE other.t (m other.mood);
SELECT vecstore.filter_sql('m = ''a''', 'other.t');

-- anyone may ask for the SQL; reading rows is the query's right
CREATE ROLE regress_vecstore_filter;
SET ROLE regress_vecstore_filter;
SELECT vecstore.filter_sql('price < 10', 'goods');
SELECT outcome('SELECT id FROM goods WHERE ' || vecstore.filter_sql('price < 10', 'goods'));
SELECT outcome('CREATE TABLE vecstore.t ()');
RESET ROLE;
GRANT SELECT (id, price) ON goods TO regress_vecstore_filter;
SET ROLE regress_vecstore_filter;
SELECT matching('price < 10');
SELECT outcome('SELECT id FROM goods WHERE ' || vecstore.filter_sql('name = ''lamp''', 'goods'));
RESET ROLE;
REVOKE ALL ON goods FROM regress_vecstore_filter;
DROP ROLE regress_vecstore_filter;

DROP FUNCTION matching, refusal, indexes;
DROP TABLE goods, plain, typed, collated, many;
DROP MATERIALIZED VIEW stored;
DROP VIEW cheap;
DROP TABLE parts;
DROP SEQUENCE counter;
DROP TYPE mood, pair;
DROP DOMAIN short, object, numbers;
DROP COLLATION blind;
SET client_min_messages = warning;
DROP SCHEMA traps, other CASCADE;
