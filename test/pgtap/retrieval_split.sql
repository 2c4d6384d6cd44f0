-- vecstore.split_text: what it returns, arguments, and what must hold for
-- random texts of any characters.

SELECT plan(20 + 1);

SELECT results_eq($$SELECT * FROM vecstore.split_text('Grüße an alle. Bis bald!', chunk_size => 15)$$,
	$$VALUES (1, 1, 'Grüße an alle.'), (2, 16, 'Bis bald!')$$, 'number, position in characters, chunk');
SELECT results_eq($$SELECT * FROM vecstore.split_text('one two three four', 'token', 2, 1)$$,
	$$VALUES (1, 1, 'one two'), (2, 5, 'two three'), (3, 9, 'three four')$$, 'words, with an overlap of one');
SELECT results_eq($$SELECT chunk FROM vecstore.split_text('One. Two. Three.', method => 'sentence', chunk_size => 10, overlap => 0)$$,
	$$VALUES ('One. Two.'), ('Three.')$$, 'sentences');
SELECT results_eq($$SELECT chunk FROM vecstore.split_text(E'# A\n\naaa\n\n# B\n\nbbb', 'markdown', 10, 0)$$,
	$$VALUES (E'# A\n\naaa'), (E'# B\n\nbbb')$$, 'sections of Markdown');
SELECT is((SELECT count(*) FROM vecstore.split_text(repeat('word ', 1000))), 6::bigint, 'chunks of 1000 characters by default');
SELECT is((SELECT max(start + length(chunk)) - 1 FROM vecstore.split_text(repeat('word ', 1000))), 4999, 'which reach to the end');
SELECT is((SELECT start FROM vecstore.split_text(repeat('word ', 1000)) WHERE chunk_no = 2), 901, 'and overlap by 100');
SELECT is_empty($$SELECT * FROM vecstore.split_text('')$$, 'no chunk of an empty text');
SELECT is_empty($$SELECT * FROM vecstore.split_text(E' \n\t')$$, 'none of white space');
SELECT is_empty($$SELECT * FROM vecstore.split_text(NULL)$$, 'none of NULL');
SELECT is((SELECT count(*) FROM vecstore.split_text('a b', chunk_size => 2147483647)), 1::bigint, 'the largest chunk_size');

SELECT throws_ok($$SELECT vecstore.split_text('x', 'words')$$, '22023', 'there is no method "words" to split a text');
SELECT throws_ok($$SELECT vecstore.split_text('x', chunk_size => 0)$$, '22023', 'chunk_size must be at least 1, not 0');
SELECT throws_ok($$SELECT vecstore.split_text('x', chunk_size => -1)$$, '22023', 'chunk_size must be at least 1, not -1');
SELECT throws_ok($$SELECT vecstore.split_text('x', chunk_size => 10, overlap => 10)$$, '22023', 'overlap cannot be 10');
SELECT throws_ok($$SELECT vecstore.split_text('x', overlap => -1)$$, '22023', 'overlap cannot be -1');
SELECT throws_ok($$SELECT vecstore.split_text('x', NULL)$$, '22004', 'method and chunk_size must not be null');
SELECT throws_ok($$SELECT vecstore.split_text('x', chunk_size => NULL)$$, '22004', 'method and chunk_size must not be null');

-- Characters of many scripts, often those that break rules.
CREATE FUNCTION random_text(length integer) RETURNS text LANGUAGE sql VOLATILE AS $$
	SELECT coalesce(string_agg(CASE (random() * 12)::integer
		WHEN 0 THEN ' ' WHEN 1 THEN E'\n' WHEN 2 THEN '. ' WHEN 3 THEN U&'\0301' WHEN 4 THEN U&'\200D'
		WHEN 5 THEN chr(x'1F1E6'::integer + (random() * 25)::integer) WHEN 6 THEN chr(x'1F440'::integer + (random() * 500)::integer)
		WHEN 7 THEN chr(x'4E00'::integer + (random() * 5000)::integer) WHEN 8 THEN chr(x'0900'::integer + (random() * 1000)::integer)
		WHEN 9 THEN chr(x'1100'::integer + (random() * 200)::integer) WHEN 10 THEN chr(x'10000'::integer + (random() * 900000)::integer)
		ELSE chr(33 + (random() * 90)::integer) END, ''), '')
	FROM generate_series(1, length)
$$;

CREATE TABLE split AS
	WITH texts AS MATERIALIZED (
		SELECT setseed(.42) AS seed, NULL::text AS t, 0 AS id, '' AS method, 0 AS size
		UNION ALL
		SELECT NULL, random_text(n), n, (ARRAY['recursive', 'sentence', 'token', 'markdown'])[1 + n % 4], 1 + (random() * 60)::integer
		FROM generate_series(1, 400) n)
	SELECT t.id, t.t, t.method, t.size, t.size / 3 AS overlap, s.*,
		lag(s.start + length(s.chunk), 1, 1) OVER (PARTITION BY t.id ORDER BY s.chunk_no) AS last_end
	FROM texts t, vecstore.split_text(t.t, t.method, t.size, t.size / 3) s
	WHERE t.id > 0;

SELECT ok(count(*) > 3000 AND count(DISTINCT id) > 390, 'random texts were split') FROM split;
SELECT is_empty($$SELECT id, chunk_no FROM split WHERE substr(t, start, length(chunk)) <> chunk$$, 'a chunk is what stands at its position');
SELECT is_empty($$SELECT id, chunk_no FROM split
	WHERE (method <> 'token' AND (length(chunk) > size OR last_end - start > overlap))
		OR start + length(chunk) <= last_end
		OR (start > last_end AND substr(t, last_end, start - last_end) !~ '^\s*$')$$,
	'no chunk is too large, none overlaps too far, each goes on, nothing is left out');

SELECT * FROM finish();
