-- bm25_fields: several columns as one document, each with a weight

SET client_min_messages = warning;
CREATE SCHEMA fields;
SET search_path = fields, public;
RESET client_min_messages;

SELECT bm25_fields(ARRAY['solar', 'cells convert light']);
SELECT bm25_fields(ARRAY['a', 'b', 'c'], ARRAY[2, 0, 1]);
SELECT bm25_fields(ARRAY['a', NULL]), bm25_fields(ARRAY[NULL, NULL]::text[]) IS NULL AS nothing, bm25_fields(NULL) IS NULL AS nothing, bm25_fields('{}') IS NULL AS nothing;
SELECT bm25_fields(ARRAY['a', ''], ARRAY[0, 3]);
SELECT bm25_fields(ARRAY['a', 'b'], ARRAY[1]);
SELECT bm25_fields(ARRAY['a', 'b'], ARRAY[1, NULL]);
SELECT bm25_fields(ARRAY['a', 'b'], ARRAY[1, -1]);
SELECT bm25_fields(ARRAY['a', 'b'], ARRAY[1, 101]);

CREATE TABLE docs (id int PRIMARY KEY, title text, body text);
INSERT INTO docs VALUES (1, 'wind', 'solar solar cells and more of it'), (2, 'solar', 'cells convert light into power'), (3, 'power', NULL), (4, NULL, NULL);
INSERT INTO docs SELECT i, 'title ' || i % 7, 'words of document ' || i FROM generate_series(5, 300) i;
CREATE INDEX docs_fields ON docs USING vecstore_bm25 (bm25_fields(ARRAY[title, body], ARRAY[3, 1]));
SET enable_seqscan = off;
EXPLAIN (COSTS OFF) SELECT id FROM docs ORDER BY bm25_fields(ARRAY[title, body], ARRAY[3, 1]) <@> 'solar' LIMIT 3;
SELECT id, round((bm25_fields(ARRAY[title, body], ARRAY[3, 1]) <@> 'solar')::numeric, 4) AS rank FROM docs
	ORDER BY bm25_fields(ARRAY[title, body], ARRAY[3, 1]) <@> 'solar' LIMIT 3;
-- without weights the text that says it twice is better
CREATE INDEX docs_plain ON docs USING vecstore_bm25 (bm25_fields(ARRAY[title, body]));
SELECT id FROM docs ORDER BY bm25_fields(ARRAY[title, body]) <@> 'solar' LIMIT 2;
-- a weight is a repetition: formulas from the counts
SELECT d.id, abs(-(bm25_fields(ARRAY[title, body], ARRAY[3, 1]) <@> 'solar')
		- ln(1 + (s.n - 2 + 0.5) / 2.5) * c.tf / (c.tf + 1.2 * (0.25 + 0.75 * c.len / s.avg))) < 1e-9 AS same
	FROM docs d, (VALUES (1, 2, 3 + 7), (2, 3, 3 + 5)) c (id, tf, len),
		(SELECT documents::float8 AS n, terms_in_documents::float8 / documents AS avg FROM bm25_index_info('docs_fields')) s
	WHERE d.id = c.id ORDER BY d.id;

SET client_min_messages = warning;
DROP SCHEMA fields CASCADE;
RESET search_path;
