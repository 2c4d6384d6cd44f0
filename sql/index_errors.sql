-- What the access method refuses, and in which words.

CREATE TABLE items (id integer, v vecstore(3), w vecstore, a real[]);
INSERT INTO items SELECT i, ARRAY[i, 1, 0]::vecstore, ARRAY[i, 2]::vecstore FROM generate_series(1, 10) i;

-- columns without dimensions
SELECT outcome('CREATE INDEX bad ON items USING vecstore (w vecstore_l2_ops)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore ((v + v) vecstore_l2_ops)');
-- rows of other dimensions than the expression says
SELECT outcome('CREATE INDEX bad ON items USING vecstore ((w::vecstore(3)) vecstore_l2_ops)');
-- no operator class is the default, so that nobody gets a metric by accident
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_nothing_ops)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v float4_ops)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (a vecstore_l2_ops)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (id vecstore_l2_ops)');
SELECT outcome('CREATE INDEX bad ON items USING btree (v vecstore_l2_ops)');

-- what the access method cannot do
SELECT outcome('CREATE UNIQUE INDEX bad ON items USING vecstore (v vecstore_l2_ops)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops, v vecstore_ip_ops)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) INCLUDE (id)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops DESC)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops NULLS FIRST)');
SELECT left(outcome('ALTER TABLE items ADD EXCLUDE USING vecstore (v vecstore_l2_ops WITH =)'), 5);
CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
SELECT outcome('CLUSTER items USING items_v');

-- options
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (m = 1)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (m = 101)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (m = ''many'')');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (ef_construction = 3)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (ef_construction = 1001)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l1_ops) WITH (quantization = ''rabitq'')');
SELECT outcome('CREATE INDEX bad ON items USING vecstore ((v::vecstore(3)::real[]::vecstore(16000)) vecstore_l2_ops) WITH (quantization = ''rabitq'')');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (quantization = ''best'')');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (lists = 100)');
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v vecstore_l2_ops) WITH (m = 8, m = 9)');
SELECT outcome('ALTER INDEX items_v SET (m = 1000)');
SELECT outcome('ALTER INDEX items_v SET (quantization = ''best'')');

-- options that hold, and take effect with REINDEX
SELECT metric, dimensions, vertices, tombstones, m, ef_construction, quantization, format_version FROM vecstore_index_info('items_v');
ALTER INDEX items_v SET (m = 5, ef_construction = 77, quantization = 'none');
SELECT m, ef_construction, quantization FROM vecstore_index_info('items_v');
REINDEX INDEX items_v;
SELECT m, ef_construction, quantization FROM vecstore_index_info('items_v');
ALTER INDEX items_v RESET (m, ef_construction);
SELECT reloptions FROM pg_class WHERE relname = 'items_v';
SELECT pg_get_indexdef('items_v'::regclass);

-- rows that do not fit
SELECT outcome('INSERT INTO items VALUES (11, ''[1,2]'')');
CREATE INDEX items_w ON items USING vecstore ((w::vecstore(2)) vecstore_l2_ops);
SELECT outcome('INSERT INTO items VALUES (11, NULL, ''[1,2,3]'')');
INSERT INTO items VALUES (11, NULL, NULL);
SELECT rows, rows_aside FROM vecstore_check('items_w');

-- functions that look into an index, given something else
CREATE INDEX items_id ON items (id);
CREATE VIEW seen AS SELECT * FROM items;
CREATE TABLE parts (v vecstore(3)) PARTITION BY RANGE (vector_norm(v));
CREATE INDEX parts_v ON parts USING vecstore (v vecstore_l2_ops);
DO $$
DECLARE
	function text;
	name text;
BEGIN
	FOREACH function IN ARRAY ARRAY['vecstore_index_info', 'vecstore_check', 'vecstore_recall'] LOOP
		FOREACH name IN ARRAY ARRAY['items', 'items_id', 'seen', 'parts', 'parts_v', 'nothing', '0'] LOOP
			RAISE NOTICE '% %: %', function, name, outcome(format('SELECT %I(%L)', function, name));
		END LOOP;
		RAISE NOTICE '% NULL: %', function, coalesce(outcome(format('SELECT %I(NULL)::text', function)), 'NULL');
	END LOOP;
END
$$;
SELECT outcome('SELECT vecstore_recall(''items_v'', 0)');
SELECT outcome('SELECT vecstore_recall(''items_v'', 1001)');
SELECT outcome('SELECT vecstore_recall(''items_v'', 10, 0)');
SELECT outcome('SELECT vecstore_recall(''items_v'', 10, -1)');
SELECT outcome('SELECT vecstore_recall(''items_v'', 10, 100001)');
SELECT vecstore_recall('items_v', 1), vecstore_recall('items_v', 9), vecstore_recall('items_v', 1000, 3);

-- by a role that may not read the table, not even all of it
CREATE ROLE regress_vecstore_guest;
SET ROLE regress_vecstore_guest;
SELECT outcome('SELECT vecstore_index_info(''items_v'')');
SELECT outcome('SELECT vecstore_check(''items_v'')');
SELECT outcome('SELECT vecstore_recall(''items_v'')');
RESET ROLE;
GRANT SELECT (id) ON items TO regress_vecstore_guest;
SET ROLE regress_vecstore_guest;
SELECT outcome('SELECT vecstore_recall(''items_v'')');
RESET ROLE;
GRANT SELECT ON items TO regress_vecstore_guest;
SET ROLE regress_vecstore_guest;
SELECT rows FROM vecstore_check('items_v');
SELECT vecstore_recall('items_v');
RESET ROLE;
REVOKE ALL ON items FROM regress_vecstore_guest;
DROP ROLE regress_vecstore_guest;

-- amvalidate: our operator classes are sound, broken ones are found
SELECT opcname, amvalidate(oid) FROM pg_opclass
	WHERE opcmethod = (SELECT oid FROM pg_am WHERE amname = 'vecstore') AND opcintype = 'vecstore'::regtype ORDER BY opcname COLLATE "C";
CREATE OPERATOR CLASS no_function FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <-> (vecstore, vecstore) FOR ORDER BY float_ops;
CREATE OPERATOR CLASS no_operator FOR TYPE vecstore USING vecstore AS
	FUNCTION 1 vecstore_l2_metric(internal);
CREATE OPERATOR CLASS searches FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 < (vecstore, vecstore), FUNCTION 1 vecstore_l2_metric(internal);
SELECT outcome('CREATE OPERATOR CLASS two_functions FOR TYPE vecstore USING vecstore AS OPERATOR 1 <-> (vecstore, vecstore) FOR ORDER BY float_ops, FUNCTION 2 vecstore_l2_metric(internal)');
CREATE OPERATOR CLASS text_order FOR TYPE vecstore USING vecstore AS
	OPERATOR 1 <-> (vecstore, vecstore) FOR ORDER BY text_ops, FUNCTION 1 vecstore_l2_metric(internal);
CREATE OPERATOR CLASS other_strategy FOR TYPE vecstore USING vecstore AS
	OPERATOR 2 <-> (vecstore, vecstore) FOR ORDER BY float_ops, FUNCTION 1 vecstore_l2_metric(internal);
SELECT opcname, amvalidate(oid) FROM pg_opclass WHERE opcname IN ('no_function', 'no_operator', 'searches', 'text_order', 'other_strategy') ORDER BY opcname COLLATE "C";
SELECT outcome('CREATE INDEX bad ON items USING vecstore (v no_function)');

-- a metric function is not for SQL
SELECT outcome('SELECT vecstore_l2_metric(NULL)');

-- nothing was left behind
SELECT relname FROM pg_class WHERE relname = 'bad';
DROP OPERATOR FAMILY no_function USING vecstore;
DROP OPERATOR FAMILY no_operator USING vecstore;
DROP OPERATOR FAMILY searches USING vecstore;
DROP OPERATOR FAMILY text_order USING vecstore;
DROP OPERATOR FAMILY other_strategy USING vecstore;
DROP VIEW seen;
DROP TABLE items, parts;
