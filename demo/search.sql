-- One search.  Variables: sentence, condition (SQL; "true" for none), dims.

\pset footer off
SELECT rpad(left(name, 24), 24) AS name, rpad(section, 10) AS section,
	   rpad(left(summary, 46), 46) AS summary, round((embedding <=> q)::numeric, 3) AS distance
FROM packages, hash_embedding(:'sentence', :dims) q
WHERE :condition
ORDER BY embedding <=> q
LIMIT 5;
