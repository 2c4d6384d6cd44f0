-- Casts between vecstore and arrays.
SELECT castsource::regtype, casttarget::regtype, castcontext FROM pg_cast
	WHERE 'vecstore'::regtype IN (castsource, casttarget) ORDER BY castsource::regtype::text, casttarget::regtype::text;

-- the same value through every type
SELECT '[1,-2.5,0]'::vecstore::real[] AS real, '[1,-2.5,0]'::vecstore::double precision[] AS double,
	'[1,-2.5,3.5]'::vecstore::integer[] AS integer, '[1,-2.5,0]'::vecstore::numeric[] AS numeric;
SELECT '{1,-2.5,0}'::real[]::vecstore AS real, '{1,-2.5,0}'::double precision[]::vecstore AS double,
	'{1,-2,0}'::integer[]::vecstore AS integer, '{1,-2.5,0}'::numeric[]::vecstore AS numeric;

-- 0.1 is not a float4: double shows what is stored, numeric keeps the digits
SELECT '[0.1,1e-45,3.4028235e38]'::vecstore::real[] AS real, '[0.1,16777216]'::vecstore::double precision[] AS double,
	'[0.1,1e-5,16777216,3.4028235e38]'::vecstore::numeric[] AS numeric;
SELECT ARRAY[16777217, 2147483647]::vecstore AS integer, ARRAY[0.1, 1e-50, 123456789.123]::vecstore AS numeric,
	ARRAY[0.1, 1e-50, 123456789.123]::double precision[]::vecstore AS double;

-- without a cast: assignment to a column, real[] where that is wanted
CREATE TABLE type_casts (v vecstore(2));
INSERT INTO type_casts VALUES (ARRAY[1, 2]), (ARRAY[1.5, 2.5]), (ARRAY[1.5, 2.5]::real[]), (ARRAY[1.5, 2.5]::double precision[]), ('{1.5,2.5}'::numeric[]);
CREATE FUNCTION second_of(a real[]) RETURNS real LANGUAGE sql AS 'SELECT a[2]';
SELECT v, second_of(v), v::text FROM type_casts;
DROP FUNCTION second_of;
SELECT outcome($$INSERT INTO type_casts VALUES (ARRAY[1, 2, 3])$$);
SELECT outcome($$INSERT INTO type_casts VALUES (ARRAY[1, 2, 3]::real[])$$);
DROP TABLE type_casts;

SELECT statement, outcome(statement) FROM (VALUES
	($$SELECT ARRAY[1, 2]::vecstore(2)$$),
	($$SELECT ARRAY[1, 2]::vecstore(3)$$),
	($$SELECT '{1,2}'::real[]::vecstore(3)$$),
	($$SELECT '{1,2}'::numeric[]::vecstore(3)$$),
	($$SELECT '{}'::real[]::vecstore$$),
	($$SELECT '{}'::integer[]::vecstore(3)$$),
	($$SELECT '{{1,2},{3,4}}'::real[]::vecstore$$),
	($$SELECT '{{1}}'::double precision[]::vecstore$$),
	($$SELECT '{1,NULL}'::integer[]::vecstore$$),
	($$SELECT '{NULL}'::numeric[]::vecstore$$),
	($$SELECT '{NULL,1}'::real[]::vecstore$$),
	($$SELECT '{1,NaN}'::real[]::vecstore$$),
	($$SELECT '{1,Infinity}'::real[]::vecstore$$),
	($$SELECT '{1,NaN}'::double precision[]::vecstore$$),
	($$SELECT '{-Infinity}'::double precision[]::vecstore$$),
	($$SELECT '{1e300}'::double precision[]::vecstore$$),
	($$SELECT '{3.4028236e38}'::double precision[]::vecstore$$),
	($$SELECT '{NaN}'::numeric[]::vecstore$$),
	($$SELECT '{-Infinity}'::numeric[]::vecstore$$),
	($$SELECT '{1e400}'::numeric[]::vecstore$$),
	($$SELECT '[2147483648]'::vecstore::integer[]$$),
	($$SELECT '[-2147483648,2147483520]'::vecstore::integer[]$$),
	($$SELECT '[1,-3e9]'::vecstore::integer[]$$),
	($$SELECT array_fill(1, ARRAY[16001])::vecstore$$),
	($$SELECT array_fill(1::real, ARRAY[16001])::vecstore$$),
	($$SELECT '[2:3]={7,8}'::integer[]::vecstore$$)
	) t (statement);

-- there and back, at the largest size
SELECT vector_dims(v), v::real[]::vecstore = v AS real, v::double precision[]::vecstore = v AS double,
	v::numeric[]::vecstore = v AS numeric, v::integer[]::vecstore = v AS integer
	FROM (SELECT array_agg((i * 7919 % 16000 - 8000)::real)::vecstore AS v FROM generate_series(1, 16000) i) t;
SELECT bool_and(vecstore_send(v::numeric[]::vecstore) = vecstore_send(v)) AS numeric, bool_and(vecstore_send(v::double precision[]::vecstore) = vecstore_send(v)) AS double
	FROM (SELECT ARRAY[(sin(i) * 10 ^ (i % 78 - 40))::float4]::vecstore AS v FROM generate_series(1, 1000) i) t;
