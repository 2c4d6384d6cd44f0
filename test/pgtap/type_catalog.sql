-- The nine metrics in the catalogs: each has its function and its operator, as
-- one table of metrics says.

CREATE TEMP TABLE metric (operator name, function name);
INSERT INTO metric VALUES
	('<->', 'l2_distance'),
	('<#>', 'negative_inner_product'),
	('<=>', 'cosine_distance'),
	('<+>', 'l1_distance'),
	('<~>', 'hamming_distance'),
	('<%>', 'jaccard_distance'),
	('<^>', 'chebyshev_distance'),
	('</>', 'canberra_distance'),
	('<*>', 'bray_curtis_distance');

SELECT plan(9 * 5 + 18);

-- The function: takes two vectors, gives float8, and the planner may move it.
SELECT has_function('public', function, ARRAY['vecstore', 'vecstore']) FROM metric;
SELECT function_returns('public', function, ARRAY['vecstore', 'vecstore'], 'double precision') FROM metric;
SELECT is(row(p.provolatile, p.proisstrict, p.proparallel)::text, '(i,t,s)',
		  format('%s is immutable, strict and parallel safe', function))
FROM metric
LEFT JOIN pg_proc p ON p.proname = function
	AND p.proargtypes = format('%s %s', 'vecstore'::regtype::oid, 'vecstore'::regtype::oid)::oidvector;

-- The operator calls that function and is its own commutator.
SELECT is(o.oprcode::text, function::text, format('operator %s calls %s', operator, function))
FROM metric
LEFT JOIN pg_operator o ON o.oprname = operator
	AND o.oprleft = 'vecstore'::regtype AND o.oprright = 'vecstore'::regtype;
SELECT is(o.oprcom, o.oid, format('operator %s commutes', operator))
FROM metric
LEFT JOIN pg_operator o ON o.oprname = operator
	AND o.oprleft = 'vecstore'::regtype AND o.oprright = 'vecstore'::regtype;

-- What else the type brings.
SELECT has_function('public', function, ARRAY['vecstore', 'vecstore'])
FROM unnest(ARRAY['inner_product']) function;
SELECT has_function('public', function, ARRAY['vecstore'])
FROM unnest(ARRAY['vector_dims', 'vector_norm', 'l2_normalize', 'binary_quantize', 'avg', 'sum']) function;
SELECT has_cast(source, target)
FROM unnest(ARRAY['real[]', 'double precision[]', 'integer[]', 'numeric[]']) a,
	 LATERAL (VALUES (a, 'vecstore'), ('vecstore', a)) c(source, target);
SELECT is((SELECT typlen FROM pg_type WHERE oid = 'vecstore'::regtype), -1::int2, 'the type has variable length');
SELECT opclass_exists FROM (
	SELECT is(count(*)::int, 1, 'there is one default btree operator class') AS opclass_exists
	FROM pg_opclass c JOIN pg_am a ON a.oid = c.opcmethod
	WHERE a.amname = 'btree' AND c.opcintype = 'vecstore'::regtype AND c.opcdefault) t;

-- Other schemas of the same database may hold an extension with the same
-- operators; nothing of ours is outside our schema.
SELECT is(count(*)::int, 0, 'all operators are in the schema of the extension')
FROM pg_operator o
WHERE (o.oprleft = 'vecstore'::regtype OR o.oprright = 'vecstore'::regtype)
  AND o.oprnamespace <> 'public'::regnamespace;

SELECT * FROM finish();
