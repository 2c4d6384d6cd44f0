-- Functions of one vector and arithmetic.
SET extra_float_digits = 0;

SELECT vector_dims('[1,2,3]'), vector_dims('[0]');

-- norm: also where float4 squares would underflow or overflow
SELECT v, vector_norm(v::vecstore) FROM (VALUES ('[3,4]'), ('[0,0]'), ('[-2]'), ('[3e-30,4e-30]'), ('[3e30,4e30]'), ('[3e38,3e38]')) t (v);

SELECT v, (SELECT array_agg(round(x::numeric, 6)) FROM unnest(l2_normalize(v::vecstore)::real[]) x) AS l2_normalize FROM (VALUES ('[3,4]'), ('[-3,4]'), ('[0,0]'), ('[5]'), ('[3e-30,4e-30]'), ('[3e30,4e30]'), ('[1e-45,0]'), ('[3e38,0,0]')) t (v);

-- subvector: from 1, clipped to the vector as substring() clips text
SELECT start, count, outcome(format('SELECT subvector(''[1,2,3,4,5]'', %s, %s)', start, count)) FROM (VALUES
	(1, 5), (1, 1), (2, 3), (5, 1), (3, 100), (-1, 3), (0, 2), (1, 2147483647), (2147483647, 2147483647),
	(6, 1), (1, 0), (1, -1), (-5, 3), (-2147483648, 2147483647), (3, -2147483648)) t (start, count);

-- one bit an element, 1 where it is greater than 0
SELECT v, binary_quantize(v::vecstore) FROM (VALUES ('[1]'), ('[0]'), ('[-1,1e-45,0,-0,2,-3,4,5,6]')) t (v);
SELECT length(binary_quantize(array_to_vecstore(array_agg(i), -1, true))) FROM generate_series(1, 1001) i;

SELECT '[1,2,3]'::vecstore + '[4,5,6]' AS sum, '[1,2,3]'::vecstore - '[4,5,6]' AS difference,
	'[1,2,3]'::vecstore * '[4,5,6]' AS product, '[1,2,3]'::vecstore || '[4,5]' AS concatenation;
SELECT '[1e-30]'::vecstore * '[1e-30]' AS underflow;
SELECT op, outcome(format('SELECT %L::vecstore %s %L::vecstore', a, op, b)) FROM (VALUES
	('[1,2]', '+', '[1]'), ('[1,2]', '-', '[1]'), ('[1,2]', '*', '[1]'), ('[1,2]', '||', '[1]'),
	('[0,3e38]', '+', '[0,3e38]'), ('[3e38]', '-', '[-3e38]'), ('[1e20]', '*', '[-1e20]')) t (a, op, b);
SELECT vector_dims(v || v) FROM (SELECT ('[' || repeat('1,', 7999) || '1]')::vecstore AS v) t;
SELECT outcome($$SELECT v || v FROM (SELECT ('[' || repeat('1,', 8000) || '1]')::vecstore AS v) t$$);

-- NULL gives NULL
SELECT vector_dims(NULL::vecstore) IS NULL AND l2_normalize(NULL) IS NULL AND NULL::vecstore + '[1]' IS NULL
	AND subvector('[1]', 1, NULL) IS NULL AS nulls;

-- a datum with a short header and a toasted one are read as well
CREATE TABLE type_functions (v vecstore);
INSERT INTO type_functions VALUES ('[1]'), (array_to_vecstore(array_fill(0.5::real, ARRAY[16000]), -1, true));
SELECT vector_dims(v), vector_norm(v), v = v + (v - v) AS same FROM type_functions;
DROP TABLE type_functions;
