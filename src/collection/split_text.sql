-- split_text.sql: long texts in chunks.  docs/retrieval-helpers.md describes it.

-- STABLE: another version of ICU may find other words and sentences.
CREATE FUNCTION vecstore.split_text(text text, method text DEFAULT 'recursive', chunk_size integer DEFAULT 1000, overlap integer DEFAULT NULL)
	RETURNS TABLE (chunk_no integer, start integer, chunk text)
	AS 'MODULE_PATHNAME', 'vecstore_split_text'
	LANGUAGE C STABLE PARALLEL SAFE COST 1000 ROWS 20;
COMMENT ON FUNCTION vecstore.split_text(text, text, integer, integer) IS
	'a text in chunks of at most chunk_size characters (words for method token), each with the position of its first character; methods: recursive, sentence, token, markdown; overlap NULL: a tenth of chunk_size, 100 at most';

