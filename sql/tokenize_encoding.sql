-- Tokenizers in databases of other encodings: terms are in the database's own.
SELECT current_database() AS here \gset
SET client_encoding = 'UTF8';

CREATE DATABASE vecstore_latin1 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c vecstore_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION vecstore;
SHOW server_encoding;
SELECT vecstore_tokenize('Zoë ÉTÉ Straße ÿ naïve') AS simple, vecstore_tokenize('É-x ü', 'whitespace') AS whitespace,
	vecstore_tokenize('ÉÜß', 'ngram') AS ngram, vecstore_tokenize('die Häuser für', 'language', '{"language": "german"}') AS german,
	vecstore_tokenize('die Häuser', 'german') AS configuration;
-- the bytes are those of LATIN1
SELECT ARRAY(SELECT convert_to(term, 'LATIN1') FROM unnest(vecstore_tokenize('ZOË Ü')) term);
-- the micro sign would be folded to a letter that LATIN1 lacks: its word stays as it is
SELECT vecstore_tokenize('É ß 5 µM MICRO') AS terms, vecstore_tokenize('µx', 'ngram') AS grams;
-- cut at 255 bytes of UTF-8, or of the text where a word stays as it is
SELECT length(term), octet_length(term) FROM unnest(vecstore_tokenize(repeat('É', 1000) || ' ' || repeat('µ', 1000))) term;
-- every character there is: 62 words in ASCII and 65 beyond (of @ and cedilla, versions of ICU think differently)
SELECT cardinality(vecstore_tokenize(string_agg(chr(c), ' '))) AS words FROM generate_series(1, 255) c WHERE chr(c) NOT IN ('@', '¸');
-- a long text
SELECT cardinality(t) AS words, t[1] AS first, t[100000] AS last
	FROM (SELECT vecstore_tokenize(string_agg('É' || i, ' ' ORDER BY i)) FROM generate_series(1, 100000) i) s(t);
\c :here
DROP DATABASE vecstore_latin1;

-- two bytes and more a character
CREATE DATABASE vecstore_eucjp ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c vecstore_eucjp
SET client_encoding = 'UTF8';
CREATE EXTENSION vecstore;
SELECT vecstore_tokenize('日本語のテキスト ABC') AS simple, vecstore_tokenize('日本語', 'ngram') AS ngram,
	octet_length((vecstore_tokenize('日本語'))[1]) AS bytes;
SELECT length(term), octet_length(term) FROM unnest(vecstore_tokenize(repeat('Ж', 1000))) term;
SELECT cardinality(vecstore_tokenize(repeat('日本語のテキスト。', 20000))) AS words;
\c :here
DROP DATABASE vecstore_eucjp;

-- bytes without an encoding are taken for UTF-8; what is not becomes U+FFFD
CREATE DATABASE vecstore_bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0;
\c vecstore_bytes
SET client_encoding = 'SQL_ASCII';
CREATE EXTENSION vecstore;
SELECT vecstore_tokenize('ÉTÉ abc') AS simple, vecstore_tokenize(E'a\xC9b', 'simple') AS damaged,
	encode((vecstore_tokenize(E'a\xC9b', 'whitespace'))[1]::bytea, 'hex') AS damaged;
\c :here
DROP DATABASE vecstore_bytes;
