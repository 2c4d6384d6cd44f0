-- One search.  Variables: sentence, condition (SQL; "true" for none), dims.

\pset footer off
SELECT rpad(name, 24) AS name, rpad(section, 12) AS section,
	   rpad(CASE WHEN length(summary) <= 44 THEN summary ELSE left(summary, 41) || '...' END, 44) AS summary,
	   round((embedding <=> q)::numeric, 3) AS distance
FROM packages, hash_embedding(:'sentence', :dims) q
WHERE :condition
ORDER BY embedding <=> q
LIMIT 5;
