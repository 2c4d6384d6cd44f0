-- The nine operator classes: each builds, finds, and agrees with a sequential
-- scan.  They come from the catalog, so that none is forgotten.

CREATE TEMP VIEW opclass AS
	SELECT c.opcname AS name, o.oprname AS operator, o.oprcode::regproc::text AS function, c.oid
	FROM pg_opclass c
	JOIN pg_am a ON a.oid = c.opcmethod
	JOIN pg_amop p ON p.amopfamily = c.opcfamily
	JOIN pg_operator o ON o.oid = p.amopopr
	WHERE a.amname = 'vecstore' AND c.opcintype = 'vecstore'::regtype;
SELECT name, operator, function FROM opclass ORDER BY name COLLATE "C";
-- Three of them with codes, too.
CREATE TEMP VIEW kind AS
	SELECT opclass.*, quantization
	FROM opclass, unnest(CASE WHEN operator IN ('<->', '<#>', '<=>') THEN ARRAY['none', 'rabitq'] ELSE ARRAY['none'] END) quantization;

-- A small table that one batch of the search holds: small integers, whose
-- distances are exact, two rows for most vectors, a zero vector, NULLs.
CREATE TABLE small (id integer PRIMARY KEY, v vecstore(12));
INSERT INTO small SELECT i, ARRAY(SELECT (hashint8extended(k, i % 120) % 3)::integer FROM generate_series(1, 12) k)::vecstore
	FROM generate_series(1, 201) i;
INSERT INTO small VALUES (202, array_fill(0, ARRAY[12])::vecstore), (203, NULL), (204, NULL);

DO $$
DECLARE
	class record;
	query text;
	result record;
BEGIN
	FOR class IN SELECT * FROM kind ORDER BY name COLLATE "C", quantization LOOP
		EXECUTE format('CREATE INDEX small_index ON small USING vecstore (v %I) WITH (quantization = %s)', class.name, class.quantization);
		SET LOCAL vecstore.ef_search = 300;
		-- the last is the zero vector, which has no cosine: every distance is NaN
		FOREACH query IN ARRAY ARRAY['[1,0,2,-1,1,0,-2,0,0,2,1,1]', '[-3,8,0,0,0,0,0,0,0,0,0,5]', '[0,0,0.5,0,0,0,0,0,0,0,0,0]', '[0,0,0,0,0,0,0,0,0,0,0,0]'] LOOP
			FOR result IN
				SELECT 204 AS wanted, * FROM compare(format('SELECT id, v %s %L AS d FROM small ORDER BY d', class.operator, query))
				UNION ALL
				SELECT 20, * FROM compare(format('SELECT id, v %s %L AS d FROM small ORDER BY d LIMIT 20', class.operator, query))
			LOOP
				-- LIMIT may cut rows of equal distance in another place
				IF NOT result.same_order OR result.n <> result.wanted OR NOT result.same_rows AND result.wanted = 204 THEN
					RAISE NOTICE '%, % %: %', class.name, class.quantization, query, result;
				END IF;
			END LOOP;
		END LOOP;
		RAISE NOTICE '% %, %: sound %', class.name, class.operator, class.quantization, sound('small_index');
		DROP INDEX small_index;
	END LOOP;
END
$$;

-- Recall at a real number of dimensions.  Hamming and Jaccard distance are for
-- coordinates that repeat: there, the signs.
CREATE TABLE big (id integer, v vecstore(128), signs vecstore(128));
INSERT INTO big SELECT i, v, ARRAY(SELECT (x > 0)::integer FROM unnest(v::real[]) x)::vecstore
	FROM (SELECT i, clustered(i, 128) AS v FROM generate_series(1, 2000) i) rows;

DO $$
DECLARE
	class record;
	recall float8;
	info record;
BEGIN
	FOR class IN SELECT * FROM kind ORDER BY name COLLATE "C", quantization LOOP
		EXECUTE format('CREATE INDEX big_index ON big USING vecstore (%I %I) WITH (quantization = %s)',
			CASE WHEN class.operator IN ('<~>', '<%>') THEN 'signs' ELSE 'v' END, class.name, class.quantization);
		recall := vecstore_recall('big_index');
		SELECT * INTO info FROM vecstore_index_info('big_index');
		RAISE NOTICE '%, %: recall@10 %, metric %, sound %', class.name, info.quantization,
			CASE WHEN recall >= 0.95 THEN 'good' ELSE recall::text END, info.metric, sound('big_index');
		DROP INDEX big_index;
	END LOOP;
END
$$;

-- The same measured in SQL: of the 10 rows a scan returns for queries that are
-- no rows of the table, those within the exact 10th distance.
CREATE FUNCTION recall_of(operator text, dims integer) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE
	query text;
	hits integer := 0;
	exact float8[];
	found float8[];
BEGIN
	FOR i IN 100001..100030 LOOP
		query := format('SELECT id, v %s %L AS d FROM big ORDER BY d LIMIT 10', operator, clustered(i, dims));
		SELECT distances INTO found FROM by_index(query);
		SELECT distances INTO exact FROM by_table(query);
		hits := hits + (SELECT count(*) FROM unnest(found) d WHERE d <= exact[10] + 1e-6 * abs(exact[10]));
	END LOOP;
	RETURN hits / 300.0;
END
$$;
CREATE INDEX big_index ON big USING vecstore (v vecstore_l2_ops);
SELECT recall_of('<->', 128) >= 0.95 AS l2;
DROP INDEX big_index;
CREATE INDEX big_index ON big USING vecstore (v vecstore_cosine_ops);
SELECT recall_of('<=>', 128) >= 0.95 AS cosine;
DROP INDEX big_index;

-- More to search finds more; at ef_search = 1 the first row alone is sought.
CREATE INDEX big_index ON big USING vecstore (v vecstore_l2_ops) WITH (m = 4, ef_construction = 16);
SET vecstore.ef_search = 10;
SELECT vecstore_recall('big_index', 10, 200) AS low \gset
SET vecstore.ef_search = 200;
SELECT vecstore_recall('big_index', 10, 200) AS high \gset
RESET vecstore.ef_search;
SELECT :low < :high AS more_finds_more, :high >= 0.9 AS enough_finds_most;
DROP INDEX big_index;

-- 768 dimensions
TRUNCATE big;
ALTER TABLE big DROP COLUMN signs, ALTER COLUMN v TYPE vecstore(768);
INSERT INTO big SELECT i, clustered(i, 768) FROM generate_series(1, 1000) i;
CREATE INDEX big_index ON big USING vecstore (v vecstore_ip_ops);
SELECT recall_of('<#>', 768) >= 0.95 AS ip, sound('big_index');

-- text embedded
CREATE TABLE words (id integer, v vecstore(256));
INSERT INTO words SELECT i, hash_embedding(cash_words((i * 7919 % 100003)::numeric::money), 256) FROM generate_series(1, 2000) i;
CREATE INDEX words_index ON words USING vecstore (v vecstore_cosine_ops);
SELECT vecstore_recall('words_index') >= 0.95 AS words, sound('words_index');

DROP TABLE small, big, words;
DROP FUNCTION recall_of;
