-- How fast and how exact the searches are.  Variable dims.  Everything here
-- is for this session only.

-- What demo/run searched for: sentence, section.
CREATE TEMP TABLE searches (number serial, sentence text, section text);
\copy searches (sentence, section) FROM pstdin WITH (DELIMITER '|')

-- Median time of a search in milliseconds as EXPLAIN ANALYZE tells it, the
-- embedding of the sentence and the planning included.  The first round only
-- warms the caches.  Raises when the plan has the index and shall not, or the
-- other way round, but leaves it to the planner when use_index is null.
CREATE FUNCTION pg_temp.median_ms(search text, use_index boolean, rounds integer DEFAULT 5)
RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
	plan json;
	times double precision[] := '{}';
BEGIN
	PERFORM set_config('enable_indexscan', coalesce(use_index, true)::text, true);
	FOR round IN 0..rounds LOOP
		EXECUTE 'EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ' || search INTO plan;
		IF (plan::text ~ 'packages_embedding_idx') <> use_index THEN
			RAISE EXCEPTION 'this search is not planned as it shall be measured: %', search
				USING DETAIL = plan::text;
		END IF;
		IF round > 0 THEN
			times := times || (plan->0->>'Planning Time')::double precision
				+ (plan->0->>'Execution Time')::double precision;
		END IF;
	END LOOP;
	PERFORM set_config('enable_indexscan', 'on', true);
	RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(times) t);
END
$$;

-- The SQL of a search, of all packages when there is no section.
CREATE FUNCTION pg_temp.search_sql(sentence text, section text, dims integer)
RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT name FROM packages WHERE %s ORDER BY embedding <=> hash_embedding(%L, %s) LIMIT 10',
				  CASE WHEN section IS NULL THEN 'true' ELSE format('section = %L', section) END,
				  sentence, dims)
$$;

\pset footer off
\echo 'Time of each search (LIMIT 10, median of 5), in milliseconds:'
SELECT rpad(sentence, 42) AS sentence, rpad(coalesce(s.section, 'all'), 9) AS section,
	   (SELECT count(*) FROM packages p WHERE p.section = coalesce(s.section, p.section)) AS packages,
	   round(with_index, 2) AS "with index", round(without_index, 2) AS without
FROM (SELECT number, sentence, unnest(ARRAY[NULL, section]) AS section FROM searches) s,
	 LATERAL pg_temp.search_sql(sentence, s.section, :dims) sql,
	 LATERAL pg_temp.median_ms(sql, NULL) with_index,
	 LATERAL pg_temp.median_ms(sql, false) without_index
ORDER BY number, s.section NULLS FIRST;

-- Recall and time by ef_search, for 300 packages picked at random, others each time.
CREATE FUNCTION pg_temp.tradeoff(ef integer, dims integer, OUT recall double precision, OUT ms numeric)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('vecstore.ef_search', ef::text, true);
	recall := vecstore_recall('packages_embedding_idx'::regclass, 10, 300);
	SELECT percentile_cont(0.5) WITHIN GROUP (
			ORDER BY pg_temp.median_ms(pg_temp.search_sql(sentence, NULL, dims), true))
	FROM searches INTO ms;
END
$$;

\echo 'More exact or faster, as vecstore.ef_search says.  Recall: the share of the 10 nearest'
\echo 'that a search finds; here with 300 packages, picked at random for each line, as the queries:'
SELECT ef AS ef_search, to_char(recall, '0.000') AS "recall@10", round(ms, 2) AS "median ms"
FROM unnest(ARRAY[40, 100, 200]) ef, LATERAL pg_temp.tradeoff(ef, :dims);
