-- vecstore_tokenize: the terms of a text.

-- simple, also by default: words, letter case folded
SELECT vecstore_tokenize('It''s 3.5 GHz', 'simple') AS simple, vecstore_tokenize('Straße, ÉTÉ & e-mail a_b') AS by_default;
SELECT vecstore_tokenize('日本語のテキスト。한국어 ภาษาไทย') AS without_spaces;
SELECT vecstore_tokenize('') AS empty, vecstore_tokenize(' .,;') AS no_word, vecstore_tokenize(NULL) AS "null";
SELECT vecstore_tokenize('a', NULL) AS "null", vecstore_tokenize('a', 'simple', NULL) AS "null";

-- whitespace: as it is
SELECT vecstore_tokenize(E' AB-12/x\t(É)\n#tag ', 'whitespace');

-- ngram
SELECT vecstore_tokenize('ABCd 日本語 x', 'ngram');
SELECT vecstore_tokenize('ABCd', 'ngram', '{"min_gram": 1, "max_gram": 1}') AS one,
	vecstore_tokenize('ABCde', 'ngram', '{"min_gram": 4}') AS four,
	vecstore_tokenize('ABCd', 'ngram', '{"max_gram": "2", "min_gram": null}') AS two;

-- language: english by default
SELECT vecstore_tokenize('The dog''s running, and the SKIES are generously blue', 'language') AS english,
	vecstore_tokenize('Die Häuser und die Straßen', 'language', '{"language": "german"}') AS german,
	vecstore_tokenize('Les maisons et les journées', 'language', '{"language": "french"}') AS french;
-- the terms of Lucene's English analysis
SELECT vecstore_tokenize('If the dog''s SKIES were relational, then such is it', 'language', '{"stemmer": "porter", "stopwords": "lucene"}');
-- one without the other
SELECT vecstore_tokenize('the dogs were running', 'language', '{"stemmer": "none"}') AS no_stemmer,
	vecstore_tokenize('the dogs were running', 'language', '{"stopwords": "none"}') AS no_stop_words,
	vecstore_tokenize('the dog''s', 'language', '{"stemmer": "none", "stopwords": "none", "keep_possessive": true}') AS neither,
	vecstore_tokenize('die the', 'language', '{"stopwords": "german"}') AS mixed;
-- a language of which PostgreSQL has no stop words
SELECT vecstore_tokenize('والكتابات', 'language', '{"language": "arabic"}');
-- nothing but stop words
SELECT vecstore_tokenize('to be or not to be', 'language');

-- text search configurations; simple without its schema is ours
SELECT vecstore_tokenize('The dog''s running to http://example.com/a?b', 'english') AS english,
	vecstore_tokenize('The dog''s', 'pg_catalog.simple') AS simple,
	vecstore_tokenize('The dogs', 'PG_CATALOG."english"') AS quoted;
-- the same lexemes as PostgreSQL's, here in the order of the text
SELECT tsvector_to_array(to_tsvector('english', t)) = ARRAY(SELECT DISTINCT unnest(vecstore_tokenize(t, 'english')) COLLATE "C" ORDER BY 1) AS same
	FROM (VALUES ('Foot-and-mouth disease, 3.14, -5e3, user@example.com and /usr/bin/true were parsed'), (''), ('the')) v(t);
CREATE SCHEMA tokenize_own;
CREATE TEXT SEARCH CONFIGURATION tokenize_own.mine (COPY = pg_catalog.german);
SELECT vecstore_tokenize('die Häuser', 'tokenize_own.mine');
-- the search_path makes no difference
SET search_path = tokenize_own, public;
CREATE TEXT SEARCH CONFIGURATION tokenize_own.english (COPY = pg_catalog.simple);
SELECT vecstore_tokenize('the houses', 'english');
SELECT outcome($$SELECT vecstore_tokenize('a', 'mine')$$);
RESET search_path;
DROP SCHEMA tokenize_own CASCADE;

-- plain words are found without PostgreSQL's parser: the lexemes of random texts are those of to_tsvector
CREATE TEXT SEARCH DICTIONARY phrases (TEMPLATE = thesaurus, DICTFILE = thesaurus_sample, DICTIONARY = pg_catalog.english_stem);
CREATE TEXT SEARCH CONFIGURATION with_phrases (COPY = pg_catalog.english);
ALTER TEXT SEARCH CONFIGURATION with_phrases ALTER MAPPING FOR asciiword WITH phrases, english_stem;
CREATE TABLE pieces AS
	SELECT row_number() OVER () - 1 AS n, piece
		FROM unnest(ARRAY[' ', ' ', ' ', ' ', '  ', E'\n', E'\t', '.', '.', ',', ';', '!', '?', '-', '-', '--', '/', '//', ':', '://', '@', '_', '+', '&', '#', '~',
			'''', '"', '(', ')', '[', ']', '*', '%', '$', '=', '>', '|', E'\\', '^', '`', '{', '}', E'\x01', E'\x7f',
			'a', 'the', 'running', 'Foxes', 'http', 'www', 'com', 'x', 'e', 'E', 'NASA', 'one', 'two', 'three', 'supernovae', 'stars',
			'1', '12', '2024', '0', '3.14', '1e5', '-7', '1.2.3', 'é', 'ß', 'Straße', '日本', '½', '²', '٣', U&'\00A0', U&'\2003', U&'\200D', U&'\0308', U&'\093E',
			'a@b.com', 'example.com/path?x=1', '/usr/local', './x', '../y', '~/z', '&amp;', '&', 'e-mail', 'x86', 'foo_bar', 'readme.txt', 'don''t']) piece;
CREATE TABLE texts AS
	SELECT t, string_agg(piece, '' ORDER BY i) || CASE WHEN t % 50 = 0 THEN '<b a="x y">bold</b> <unclosed' ELSE '' END AS body
		FROM generate_series(1, 4000) t, generate_series(1, 1 + t % 30) i, (SELECT count(*) FROM pieces) c,
			LATERAL (SELECT piece FROM pieces WHERE n = abs(hashint8extended(t, i)) % c.count) p
		GROUP BY t;
SELECT configuration, count(*) AS texts, sum(cardinality(terms)) > 20000 AS many, count(*) FILTER (WHERE terms <> lexemes) AS differ
	FROM unnest(ARRAY['english', 'german', 'public.with_phrases']) configuration, texts,
		vecstore_tokenize(body, configuration) terms,
		LATERAL (SELECT coalesce(array_agg(lexeme ORDER BY position), '{}') AS lexemes
			FROM unnest(to_tsvector(configuration::regconfig, body)) v, unnest(v.positions) position) l
	GROUP BY configuration ORDER BY configuration;
SELECT vecstore_tokenize('one two three stars, supernovae stars', 'public.with_phrases');
DROP TABLE pieces, texts;
DROP TEXT SEARCH CONFIGURATION with_phrases;
DROP TEXT SEARCH DICTIONARY phrases;

-- errors
SELECT regexp_replace(outcome(format('SELECT vecstore_tokenize(''a'', %L, %L)', tokenizer, options)), 'none, arabic.*', 'none, arabic, ...') AS outcome
	FROM (VALUES
		('nonsense', '{}'), ('', '{}'), ('Simple', '{}'), ('a.b.c', '{}'), ('no_schema.english', '{}'), ('"', '{}'), ('two words', '{}'),
		('nonsense', '{"language": "german"}'),
		('language', '{"language": "en"}'), ('language', '{"stemmer": "klingon"}'), ('language', '{"stopwords": "nonsense"}'), ('language', '{"stopwords": "../x"}'),
		('simple', '{"language": "german"}'), ('english', '{"stemmer": "none"}'), ('language', '{"min_gram": 2}'),
		('ngram', '{"min_gram": 3, "max_gram": 2}'), ('ngram', '{"min_gram": 0}'), ('ngram', '{"max_gram": 17}'),
		('ngram', '{"max_gram": 2.5}'), ('ngram', '{"max_gram": "x"}'), ('ngram', '{"nonsense": 1}'),
		('language', '{"keep_possessive": "perhaps"}'), ('language', '{"language": ["german"]}'), ('language', '{"language": {}}'),
		('simple', '[]'), ('simple', '1')) v(tokenizer, options);

-- long words are cut at a character: found by their beginning, the same in documents and queries
SELECT octet_length(term) AS bytes, right(term, 1) AS last, vecstore_tokenize(repeat('É', 300), t) = ARRAY[term] AS again
	FROM unnest(ARRAY['simple', 'language', 'whitespace']) t, unnest(vecstore_tokenize(repeat('É', 30000), t)) term;
-- words of more than 64 kB come in pieces
SELECT cardinality(vecstore_tokenize(repeat('é', 1000000))) AS pieces, cardinality(vecstore_tokenize(repeat('漢', 1000000))) > 0 AS ideographs;
SELECT array_length(vecstore_tokenize(repeat('the ', 300000), 'language'), 1) AS stop_words, array_length(vecstore_tokenize(repeat('a b ', 300000)), 1) AS words;
SELECT vecstore_tokenize(repeat('x', 2000), 'english') = ARRAY[repeat('x', 255)] AS lexeme_cut;

-- many options in one session: tokenizers come and go; errors in between
SELECT count(*), bool_and(vecstore_tokenize('abcdefghijklmnopqr', 'ngram', jsonb_build_object('min_gram', g, 'max_gram', g))
		= ARRAY(SELECT substr('abcdefghijklmnopqr', i, g) FROM generate_series(1, 19 - g) i)) AS right_grams
	FROM generate_series(1, 16) g, generate_series(1, 3) again;
SELECT count(outcome(format('SELECT vecstore_tokenize(''a'', ''ngram'', ''{"min_gram": 9, "max_gram": %s}'')', g % 8 + 1))) FROM generate_series(1, 40) g;
-- two at once in one query
SELECT vecstore_tokenize(array_to_string(vecstore_tokenize('One, two', 'language'), ' '), 'language') AS nested, t.term, u.term
	FROM unnest(vecstore_tokenize('b a')) t(term), unnest(vecstore_tokenize('d ' || t.term)) u(term);

-- what an index on terms needs
SELECT provolatile, proisstrict, proparallel FROM pg_proc WHERE proname = 'vecstore_tokenize';
