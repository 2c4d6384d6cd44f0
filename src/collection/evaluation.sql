-- evaluation.sql: how good a ranking is, by the definitions of trec_eval.
-- docs/retrieval-helpers.md describes it.
--
-- Each measure is an aggregate over the documents of one query, retrieved or
-- judged, and a function of arrays, which unnests them for the aggregate.  One
-- state serves all four: {k, relevant documents in the first k, relevant
-- documents, rank of the first one, discounted gain, the positive grades ...}.

CREATE FUNCTION vecstore.evaluation_step(state double precision[], rank bigint, grade double precision, k integer)
	RETURNS double precision[] LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp AS $$
BEGIN
	IF k IS NULL OR k < 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('k must be at least 1, not %s', coalesce(k::text, 'null'));
	END IF;
	IF state[1] <> k THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'k must be the same for all documents of a query';
	END IF;
	IF rank < 1 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('ranks count from 1, this one is %s', rank);
	END IF;
	IF grade IN ('NaN', 'Infinity') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'a grade must be a finite number';
	END IF;
	state[1] := k;
	IF grade > 0 THEN
		IF rank <= k THEN
			state[5] := state[5] + grade / (ln(rank + 1.0::double precision) / ln(2.0::double precision));
		END IF;
		state := state || grade;
	END IF;
	IF grade >= 1 THEN
		state[2] := state[2] + (coalesce(rank, 'infinity'::double precision) <= k)::integer;
		state[3] := state[3] + 1;
		state[4] := least(state[4], rank);
	END IF;
	RETURN state;
END
$$;
COMMENT ON FUNCTION vecstore.evaluation_step(double precision[], bigint, double precision, integer) IS
	'transition function of the measures of a ranking';

CREATE FUNCTION vecstore.evaluation_step(state double precision[], rank bigint, grade double precision)
	RETURNS double precision[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN vecstore.evaluation_step(state, rank, grade, 2147483647);
COMMENT ON FUNCTION vecstore.evaluation_step(double precision[], bigint, double precision) IS
	'transition function of vecstore.mrr';

CREATE FUNCTION vecstore.recall_final(state double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(state[2] / nullif(state[3], 0), 0);
COMMENT ON FUNCTION vecstore.recall_final(double precision[]) IS 'final function of vecstore.recall_at_k';

CREATE FUNCTION vecstore.precision_final(state double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(state[2] / state[1], 0);
COMMENT ON FUNCTION vecstore.precision_final(double precision[]) IS 'final function of vecstore.precision_at_k';

CREATE FUNCTION vecstore.mrr_final(state double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(1 / state[4], 0);
COMMENT ON FUNCTION vecstore.mrr_final(double precision[]) IS 'final function of vecstore.mrr';

CREATE FUNCTION vecstore.ndcg_final(state double precision[]) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN coalesce(state[5] / nullif((
		SELECT sum(ideal.grade / (ln(ideal.rank + 1.0::double precision) / ln(2.0::double precision)) ORDER BY ideal.rank)
		FROM (SELECT judged.grade, row_number() OVER (ORDER BY judged.grade DESC) AS rank FROM unnest(state[6:]) AS judged (grade)) AS ideal
		WHERE ideal.rank <= state[1]), 0), 0);
COMMENT ON FUNCTION vecstore.ndcg_final(double precision[]) IS 'final function of vecstore.ndcg_at_k';

CREATE AGGREGATE vecstore.recall_at_k(rank bigint, grade double precision, k integer) (
	SFUNC = vecstore.evaluation_step, STYPE = double precision[], INITCOND = '{NULL,0,0,NULL,0}',
	FINALFUNC = vecstore.recall_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vecstore.recall_at_k(bigint, double precision, integer) IS
	'share of the documents of grade 1 or more that are among the first k; rank NULL: not retrieved, grade NULL: not judged';

CREATE AGGREGATE vecstore.precision_at_k(rank bigint, grade double precision, k integer) (
	SFUNC = vecstore.evaluation_step, STYPE = double precision[], INITCOND = '{NULL,0,0,NULL,0}',
	FINALFUNC = vecstore.precision_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vecstore.precision_at_k(bigint, double precision, integer) IS
	'documents of grade 1 or more among the first k, divided by k; rank NULL: not retrieved, grade NULL: not judged';

CREATE AGGREGATE vecstore.mrr(rank bigint, grade double precision) (
	SFUNC = vecstore.evaluation_step, STYPE = double precision[], INITCOND = '{NULL,0,0,NULL,0}',
	FINALFUNC = vecstore.mrr_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vecstore.mrr(bigint, double precision) IS
	'1 / rank of the first document of grade 1 or more, 0 if there is none; rank NULL: not retrieved, grade NULL: not judged';

CREATE AGGREGATE vecstore.ndcg_at_k(rank bigint, grade double precision, k integer) (
	SFUNC = vecstore.evaluation_step, STYPE = double precision[], INITCOND = '{NULL,0,0,NULL,0}',
	FINALFUNC = vecstore.ndcg_final, PARALLEL = SAFE);
COMMENT ON AGGREGATE vecstore.ndcg_at_k(bigint, double precision, integer) IS
	'gain of the first k documents, grade / log2(rank + 1) each, divided by that of the best possible order of all that are judged; rank NULL: not retrieved, grade NULL: not judged';

CREATE FUNCTION vecstore.judged(retrieved text[], judgements jsonb) RETURNS TABLE (rank bigint, grade double precision)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT r.rank, j.value::double precision
		FROM (SELECT u.document, min(u.rank) AS rank FROM unnest(retrieved) WITH ORDINALITY AS u (document, rank) GROUP BY u.document) AS r
		FULL JOIN jsonb_each_text(judgements) AS j (key, value) ON r.document = j.key;
	END;
COMMENT ON FUNCTION vecstore.judged(text[], jsonb) IS
	'rank and grade of each document that was retrieved or judged; one that was retrieved twice counts where it stands first';

CREATE FUNCTION vecstore.judged(retrieved text[], relevant text[]) RETURNS TABLE (rank bigint, grade double precision)
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	BEGIN ATOMIC
		SELECT r.rank, j.grade
		FROM (SELECT u.document, min(u.rank) AS rank FROM unnest(retrieved) WITH ORDINALITY AS u (document, rank) GROUP BY u.document) AS r
		FULL JOIN (SELECT DISTINCT v.document, 1::double precision AS grade FROM unnest(relevant) AS v (document) WHERE v.document IS NOT NULL) AS j
			ON r.document = j.document;
	END;
COMMENT ON FUNCTION vecstore.judged(text[], text[]) IS
	'the same, with grade 1 for each document that is relevant';

CREATE FUNCTION vecstore.recall_at_k(retrieved text[], relevant text[], k integer) RETURNS double precision
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (SELECT vecstore.recall_at_k(d.rank, d.grade, k) FROM vecstore.judged(retrieved, relevant) AS d HAVING relevant IS NOT NULL);
COMMENT ON FUNCTION vecstore.recall_at_k(text[], text[], integer) IS
	'share of the relevant documents that are among the first k retrieved; NULL if relevant is NULL';

CREATE FUNCTION vecstore.precision_at_k(retrieved text[], relevant text[], k integer) RETURNS double precision
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (SELECT vecstore.precision_at_k(d.rank, d.grade, k) FROM vecstore.judged(retrieved, relevant) AS d HAVING relevant IS NOT NULL);
COMMENT ON FUNCTION vecstore.precision_at_k(text[], text[], integer) IS
	'relevant documents among the first k retrieved, divided by k; NULL if relevant is NULL';

CREATE FUNCTION vecstore.mrr(retrieved text[], relevant text[]) RETURNS double precision
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (SELECT vecstore.mrr(d.rank, d.grade) FROM vecstore.judged(retrieved, relevant) AS d HAVING relevant IS NOT NULL);
COMMENT ON FUNCTION vecstore.mrr(text[], text[]) IS
	'1 / rank of the first relevant document retrieved, 0 if there is none; NULL if relevant is NULL';

CREATE FUNCTION vecstore.ndcg_at_k(retrieved text[], relevant text[], k integer) RETURNS double precision
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (SELECT vecstore.ndcg_at_k(d.rank, d.grade, k) FROM vecstore.judged(retrieved, relevant) AS d HAVING relevant IS NOT NULL);
COMMENT ON FUNCTION vecstore.ndcg_at_k(text[], text[], integer) IS
	'normalized discounted cumulative gain of the first k retrieved, each relevant document being of grade 1; NULL if relevant is NULL';

CREATE FUNCTION vecstore.ndcg_at_k(retrieved text[], judgements jsonb, k integer) RETURNS double precision
	LANGUAGE sql IMMUTABLE PARALLEL SAFE
	RETURN (SELECT vecstore.ndcg_at_k(d.rank, d.grade, k) FROM vecstore.judged(retrieved, judgements) AS d HAVING judgements IS NOT NULL);
COMMENT ON FUNCTION vecstore.ndcg_at_k(text[], jsonb, integer) IS
	'normalized discounted cumulative gain of the first k retrieved, with grades {"document": grade}; NULL if judgements is NULL';

