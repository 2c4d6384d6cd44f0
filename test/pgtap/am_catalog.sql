-- The access method in the catalogs: nine operator classes, each ordering by
-- the operator of its metric.

CREATE TEMP TABLE metric (name text, operator name, function name);
INSERT INTO metric VALUES
	('l2', '<->', 'l2_distance'),
	('ip', '<#>', 'negative_inner_product'),
	('cosine', '<=>', 'cosine_distance'),
	('l1', '<+>', 'l1_distance'),
	('hamming', '<~>', 'hamming_distance'),
	('jaccard', '<%>', 'jaccard_distance'),
	('chebyshev', '<^>', 'chebyshev_distance'),
	('canberra', '</>', 'canberra_distance'),
	('bray_curtis', '<*>', 'bray_curtis_distance');

SELECT plan(9 * 4 + 9);

SELECT is((SELECT amtype FROM pg_am WHERE amname = 'vecstore'), 'i'::"char", 'vecstore is an index access method');

CREATE TEMP VIEW opclass AS
	SELECT c.*, 'vecstore_' || m.name || '_ops' AS wanted, m.operator, m.function
	FROM metric m
	LEFT JOIN pg_opclass c ON c.opcname = 'vecstore_' || m.name || '_ops'
		AND c.opcmethod = (SELECT oid FROM pg_am WHERE amname = 'vecstore');

SELECT is(opcintype, 'vecstore'::regtype::oid, wanted || ' exists, for type vecstore') FROM opclass;
SELECT ok(amvalidate(oid), wanted || ' is valid') FROM opclass;
SELECT is(o.oprname, operator, format('%s orders by %s', wanted, operator))
FROM opclass c
LEFT JOIN pg_amop a ON a.amopfamily = c.opcfamily AND a.amopstrategy = 1 AND a.amoppurpose = 'o'
LEFT JOIN pg_operator o ON o.oid = a.amopopr;
SELECT is(o.oprcode::text, function::text, format('%s: that operator calls %s', wanted, function))
FROM opclass c
LEFT JOIN pg_amop a ON a.amopfamily = c.opcfamily AND a.amopstrategy = 1 AND a.amoppurpose = 'o'
LEFT JOIN pg_operator o ON o.oid = a.amopopr;

SELECT is(count(*)::int, 9, 'there are nine operator classes for type vecstore')
FROM pg_opclass
WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'vecstore') AND opcintype = 'vecstore'::regtype;

SELECT has_function('public', function, ARRAY['regclass'])
FROM unnest(ARRAY['vecstore_index_info', 'vecstore_check']) function;
SELECT has_function('public', 'vecstore_recall', ARRAY['regclass', 'integer', 'integer']);

SELECT has_function('public', 'vecstore_stat_index', ARRAY['oid']);
SELECT has_function('public', 'vecstore_stat_reset', '{}'::name[]);
SELECT columns_are('public', 'vecstore_stat_indexes', ARRAY['schemaname', 'relname', 'indexrelname', 'indexrelid',
	'metric', 'dimensions', 'm', 'ef_construction', 'quantization', 'vertices', 'bytes',
	'idx_scan', 'idx_tup_read', 'idx_tup_fetch', 'last_idx_scan', 'blks_read', 'blks_hit',
	'scans', 'vertices_expanded', 'distances_computed', 'sweeps']);
SELECT table_privs_are('public', 'vecstore_stat_indexes', 'public', ARRAY['SELECT']);

SELECT * FROM finish();
