-- One search in three ways, side by side, and what the words found.  Variables:
-- sentence, dims.

\pset footer off
WITH q AS (SELECT hash_embedding(:'sentence', :dims) AS vector),
by_vector AS (
	SELECT name, row_number() OVER (ORDER BY distance) AS rank
	FROM (SELECT name, embedding <=> vector AS distance
		  FROM packages, q ORDER BY embedding <=> vector LIMIT 5) s),
by_words AS (
	SELECT name, row_number() OVER (ORDER BY score) AS rank
	FROM (SELECT name, (name || ' ' || summary || ' ' || coalesce(description, '')) <@> :'sentence' AS score
		  FROM packages ORDER BY score LIMIT 5) s),
by_both AS (
	SELECT (h.doc).name, row_number() OVER (ORDER BY h.score DESC, (h.doc).name) AS rank
	FROM q, hybrid_search(NULL::packages, query_text => :'sentence', query_vector => vector, k => 5) h)
SELECT rpad(v.name, 30) AS "by vector", rpad(w.name, 30) AS "by words", rpad(b.name, 30) AS "by both"
FROM by_vector v FULL JOIN by_words w USING (rank) FULL JOIN by_both b USING (rank)
ORDER BY rank;

\echo 'what the words found, the words in brackets'
SELECT rpad(name, 24) AS name, rpad(CASE WHEN length(summary) <= 68 THEN summary ELSE left(summary, 65) || '...' END, 68) AS summary
FROM (SELECT name, bm25_highlight(summary, bm25_query(:'sentence', 'packages_text_idx'), '[', ']') AS summary
	  FROM packages ORDER BY (name || ' ' || summary || ' ' || coalesce(description, '')) <@> :'sentence' LIMIT 5) s;
