-- hash_embedding: text to a vector without a model.

-- The same bits on every machine: the numbers expected here were computed by
-- a separate program, from the description in src/type/feature_hash.c.
SELECT hash_embedding('Encrypt files', 16);
SELECT hash_embedding('Encrypt the files with a password, a Password', 6);

-- Unit length, the dimensions asked for, 256 by default.
SELECT vector_dims(hash_embedding('a chess engine'));
SELECT dims, vector_dims(v) = dims AS dims_ok, abs(vector_norm(v) - 1) < 1e-6 AS unit
FROM (SELECT dims, hash_embedding('play chess against the computer', dims) AS v
	  FROM unnest(ARRAY[1, 2, 3, 384, 16000]) dims) s;
SELECT hash_embedding('chess', 0);
SELECT hash_embedding('chess', -1);
SELECT hash_embedding('chess', 16001);

-- A text without a word has no direction, so no vector.
SELECT t, hash_embedding(t, 4) IS NULL AS none
FROM (VALUES (NULL), (''), ('   '), ('.,;:!?-_()'), ('0'), ('the'), ('The who?')) v(t);

-- Letter case, punctuation and words without meaning make no difference.
SELECT hash_embedding('Encrypt files with a password!') = hash_embedding('ENCRYPT ... files (password)') AS same;

-- Without any other word, those words count.  Order and repetition count.
SELECT hash_embedding('to be or not') IS NOT NULL AS stop_words,
	   hash_embedding('chess club') <> hash_embedding('club chess') AS order_counts,
	   hash_embedding('chess chess club') <> hash_embedding('chess club') AS repetition_counts;

-- Shared words, and shared pieces of words, bring texts together.
SELECT q <=> hash_embedding('program that encrypts a file') <
	   q <=> hash_embedding('weather forecast for the desktop') AS words,
	   hash_embedding('encrypt') <=> hash_embedding('encryption') <
	   hash_embedding('encrypt') <=> hash_embedding('weather') AS pieces,
	   abs(1 - (hash_embedding('chess') <=> hash_embedding('weather'))) < 0.2 AS unrelated
FROM hash_embedding('encrypt files with a password') q;

-- A word that occurs n times counts more than once, and less than n times.
SELECT once > nine AS more, nine > eighty_one AS still_more, nine > 0.02 AS less_than_nine_times
FROM (SELECT hash_embedding('chess club', 4096) <=> chess AS once,
			 hash_embedding(repeat('chess. ', 9) || 'club', 4096) <=> chess AS nine,
			 hash_embedding(repeat('chess. ', 81) || 'club', 4096) <=> chess AS eighty_one
	  FROM hash_embedding('chess', 4096) chess) s;

-- Letters outside ASCII belong to words; letter case is that of ASCII alone.
SELECT hash_embedding('naïve café') = hash_embedding('NAïVE CAFé') AS ascii_case,
	   hash_embedding('naïve café') <> hash_embedding('naive cafe') AS accents_count,
	   hash_embedding('日本語') <=> hash_embedding('日本語学校') < 0.7 AS pieces;

-- Only the first 65,536 bytes count, wherever the text is stored.
CREATE TABLE hash_embedding_texts (id int, body text);
INSERT INTO hash_embedding_texts
	SELECT 1, rpad(repeat('chess game ', 5957), 65536) || repeat('weather ', 20000);
ALTER TABLE hash_embedding_texts ALTER body SET STORAGE EXTERNAL;
INSERT INTO hash_embedding_texts SELECT 2, body || '' FROM hash_embedding_texts;
SELECT id, length(body) > 65536 AS long,
	   hash_embedding(body, 8) = hash_embedding(repeat('chess game ', 5957), 8) AS cut,
	   hash_embedding(substr(body, 2), 8) = hash_embedding(repeat('chess game ', 5957), 8) AS cut_elsewhere
FROM hash_embedding_texts ORDER BY id;
SELECT hash_embedding(repeat('x', 1000000), 8) = hash_embedding(repeat('x', 65536), 8) AS one_word;
DROP TABLE hash_embedding_texts;

-- Usable in a generated column and in an index expression: IMMUTABLE.
CREATE TABLE hash_embedding_texts (body text,
	embedding vecstore(8) GENERATED ALWAYS AS (hash_embedding(body, 8)) STORED);
INSERT INTO hash_embedding_texts VALUES ('Encrypt files'), (''), (NULL);
SELECT body, embedding = hash_embedding('encrypt files', 8) AS same FROM hash_embedding_texts;
DROP TABLE hash_embedding_texts;

SELECT provolatile, proisstrict, proparallel FROM pg_proc WHERE proname = 'hash_embedding';
