-- The nine metrics as SQL functions and operators, and the kernels.

-- each metric has an operator, commutative, of the same function
SELECT o.oprname, p.proname, o.oprcom = o.oid AS commutes, p.prorettype::regtype, p.provolatile, p.proparallel, p.proisstrict
	FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode
	WHERE o.oprleft = 'vecstore'::regtype AND o.oprright = 'vecstore'::regtype AND o.oprresult = 'double precision'::regtype
	ORDER BY p.proname COLLATE "C";

-- hand-checked values, operator and function
CREATE TABLE metrics (metric text, a vecstore, b vecstore, expected float8);
INSERT INTO metrics VALUES
	('l2', '[1,2,3]', '[4,6,3]', 5),
	('l2', '[0]', '[0]', 0),
	('l2', '[3e38]', '[-3e38]', 6e38),
	('l2', '[3e-30,0]', '[0,4e-30]', 5e-30),
	('ip', '[1,2,3]', '[4,6,3]', -25),
	('ip', '[1,0]', '[0,1]', 0),
	('ip', '[1e30]', '[1e30]', -1e60),
	('cosine', '[3,4]', '[4,3]', 1 - 24 / 25.0),
	('cosine', '[1,0]', '[0,2]', 1),
	('cosine', '[1,2]', '[-2,-4]', 2),
	('cosine', '[1,2]', '[5,10]', 0),
	('cosine', '[3e-30,4e-30]', '[4e30,3e30]', 1 - 24 / 25.0),
	('cosine', '[0,0]', '[1,2]', 'NaN'),
	('cosine', '[0]', '[0]', 'NaN'),
	('l1', '[1,2,3]', '[4,6,3]', 7),
	('l1', '[3e38,3e38]', '[-3e38,-3e38]', 12e38),
	('hamming', '[1,2,3]', '[4,6,3]', 2),
	('hamming', '[0,0]', '[-0,0]', 0),
	('hamming', '[1,0]', '[0,1]', 2),
	('jaccard', '[1,2,3]', '[4,6,3]', 0),
	('jaccard', '[1,0,2,0]', '[3,4,0,0]', 1 - 1 / 3.0),
	('jaccard', '[1,0]', '[0,1]', 1),
	('jaccard', '[0,0]', '[0,-0]', 0),
	('jaccard', '[0,0]', '[0,1]', 1),
	('chebyshev', '[1,2,3]', '[4,6,3]', 4),
	('chebyshev', '[1]', '[-1]', 2),
	('canberra', '[1,2,3]', '[4,6,3]', 3 / 5.0 + 4 / 8.0),
	('canberra', '[0,1]', '[0,-1]', 1),
	('canberra', '[0,0]', '[0,0]', 0),
	('canberra', '[0,2]', '[5,2]', 1),
	('bray_curtis', '[1,2,3]', '[4,6,3]', 7 / 19.0),
	('bray_curtis', '[0,0]', '[0,0]', 0),
	('bray_curtis', '[1]', '[-1]', 'Infinity'),
	('bray_curtis', '[1,2]', '[1,2]', 0);

-- The operator and the function of a metric applied to two vectors.
CREATE FUNCTION by_operator(metric text, a vecstore, b vecstore) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE metric
		WHEN 'l2' THEN a <-> b WHEN 'ip' THEN a <#> b WHEN 'cosine' THEN a <=> b
		WHEN 'l1' THEN a <+> b WHEN 'hamming' THEN a <~> b WHEN 'jaccard' THEN a <%> b
		WHEN 'chebyshev' THEN a <^> b WHEN 'canberra' THEN a </> b WHEN 'bray_curtis' THEN a <*> b END
$$;
CREATE FUNCTION by_function(metric text, a vecstore, b vecstore) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE metric
		WHEN 'l2' THEN l2_distance(a, b) WHEN 'ip' THEN negative_inner_product(a, b) WHEN 'cosine' THEN cosine_distance(a, b)
		WHEN 'l1' THEN l1_distance(a, b) WHEN 'hamming' THEN hamming_distance(a, b) WHEN 'jaccard' THEN jaccard_distance(a, b)
		WHEN 'chebyshev' THEN chebyshev_distance(a, b) WHEN 'canberra' THEN canberra_distance(a, b) WHEN 'bray_curtis' THEN bray_curtis_distance(a, b) END
$$;
-- Equal up to the rounding of float4 input: 1e-6 of the larger.
CREATE FUNCTION close_to(x float8, y float8) RETURNS bool LANGUAGE sql IMMUTABLE AS $$
	SELECT x = y OR abs(x - y) <= 1e-6 * greatest(abs(x), abs(y), CASE WHEN abs(x) < 1e-20 THEN 0 ELSE 1e-6 END)
$$;

SELECT metric, a, b, round(expected::numeric, 6) AS expected,
	close_to(by_operator(metric, a, b), expected) AS operator,
	close_to(by_operator(metric, b, a), expected) AS commuted,
	close_to(by_function(metric, a, b), expected) AS function
	FROM metrics ORDER BY metric COLLATE "C", a, b;
SELECT inner_product('[1,2,3]', '[4,6,3]'), inner_product('[1,0]', '[0,1]'), '[1,0]'::vecstore <#> '[0,1]' AS not_minus_zero;

-- dimensions must agree
SELECT metric, outcome(format('SELECT by_operator(%L, ''[1,2]'', ''[1]'')', metric)) AS operator
	FROM (SELECT DISTINCT metric COLLATE "C" AS metric FROM metrics) t ORDER BY metric;
SELECT outcome($$SELECT inner_product('[1]', '[1,2]')$$);
SELECT outcome($$SELECT vecstore_kernel_distance('l2', '[1]', '[1,2]')$$);
SELECT outcome($$SELECT vecstore_kernel_distance('l3', '[1]', '[1]')$$);
SELECT '[1]'::vecstore <-> NULL AS null;

-- the operators parse without blanks and with a literal on either side
SELECT '[3]'<->'[1]'::vecstore, '[3]'::vecstore<^>'[1]', '[3]'::vecstore</>'[1]', '[3]'::vecstore<*>'[1]', '[3]'::vecstore<%>'[1]', '[3]'::vecstore<~>'[1]', '[3]'::vecstore<+>'[1]';

--
-- Kernels: every instruction set that this machine has gives what the SQL
-- functions give.  The output does not tell which ones it has.
--

-- dense, sparse, tiny and huge vectors of many lengths
CREATE TABLE metrics_vectors AS
	SELECT dim, shape, array_to_vecstore(array_agg(scale * CASE WHEN shape = 'sparse' AND (i * 7 + dim) % 5 > 0 THEN 0 ELSE sin(i * 12.9898 + dim) END ORDER BY i), dim, true) AS a,
		array_to_vecstore(array_agg(scale * CASE WHEN shape = 'sparse' AND (i * 3 + dim) % 4 > 0 THEN 0 ELSE cos(i * 78.233 - dim) END ORDER BY i), dim, true) AS b
	FROM unnest(ARRAY[1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 257, 784, 1000, 1537, 2001]) dim,
		(VALUES ('dense', 1), ('sparse', 1), ('tiny', 1e-15), ('huge', 1e15)) s (shape, scale), generate_series(1, dim) i
	GROUP BY dim, shape, scale;

-- The scale of a metric's absolute terms: what the float error is measured against.
CREATE FUNCTION magnitude(metric text, a vecstore, b vecstore) RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE metric WHEN 'ip' THEN vector_norm(a) * vector_norm(b) WHEN 'cosine' THEN 1 ELSE abs(by_function(metric, a, b)) END
$$;

-- What the kernels get wrong.
CREATE FUNCTION kernel_errors(OUT kernel text, OUT metric text, OUT dim int, OUT shape text, OUT got float8, OUT wanted float8)
RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
	FOREACH kernel IN ARRAY ARRAY['portable', 'avx2', 'avx512', 'neon'] LOOP
		BEGIN
			PERFORM set_config('vecstore.kernel', kernel, false);
		EXCEPTION WHEN invalid_parameter_value THEN
			CONTINUE;			-- this machine does not have it
		END;
		IF vecstore_kernel() <> kernel THEN
			RAISE 'asked for %, got %', kernel, vecstore_kernel();
		END IF;
		RETURN QUERY
			SELECT kernel, m.metric, v.dim, v.shape, k.got, k.wanted
			FROM metrics_vectors v, (SELECT DISTINCT t.metric FROM metrics t) m,
				LATERAL (SELECT vecstore_kernel_distance(m.metric, a, b) AS got, by_function(m.metric, a, b) AS wanted) k
			WHERE NOT (k.got = k.wanted OR abs(k.got - k.wanted) <= 1e-5 * magnitude(m.metric, a, b));
	END LOOP;
	RESET vecstore.kernel;
END
$$;
SELECT * FROM kernel_errors();

-- choosing
SET vecstore.kernel = 'portable';
SELECT vecstore_kernel();
RESET vecstore.kernel;
SHOW vecstore.kernel;
SELECT vecstore_kernel() IN ('portable', 'avx2', 'avx512', 'neon') AS known;
-- no machine has both AVX2 and NEON
SELECT replace(replace(e, 'neon', 'THE OTHER'), 'avx2', 'THE OTHER') FROM unnest(ARRAY[outcome($$SET vecstore.kernel = 'avx2'$$), outcome($$SET vecstore.kernel = 'neon'$$)]) e
	WHERE e IS NOT NULL LIMIT 1;
SELECT outcome($$SET vecstore.kernel = 'mmx'$$);
RESET vecstore.kernel;

DROP TABLE metrics, metrics_vectors;
DROP FUNCTION by_operator, by_function, close_to, magnitude, kernel_errors;
