-- Measures of a ranking, by hand from the definitions of trec_eval.  test/t/050
-- compares them with a program of its own on random rankings.

SELECT plan(32);

-- Retrieved a, b, c, d, e; relevant b, d, f: ranks 2 and 4.
CREATE TABLE result (query int, document text, rank int);
CREATE TABLE judgement (query int, document text, grade int);
INSERT INTO result SELECT 1, document, rank FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e']) WITH ORDINALITY u (document, rank);
INSERT INTO judgement VALUES (1, 'a', 0), (1, 'b', 1), (1, 'd', 3), (1, 'f', 2);
-- A query whose one relevant document was not found, and one with no relevant document.
INSERT INTO result VALUES (2, 'x', 1), (3, 'x', 1);
INSERT INTO judgement VALUES (2, 'y', 1), (3, 'x', 0);

CREATE FUNCTION about(have double precision, want double precision, what text) RETURNS text LANGUAGE sql AS
	$$SELECT ok(abs(have - want) < 1e-12, what)$$;

CREATE VIEW joined AS
	SELECT query, r.rank, j.grade FROM judgement j FULL JOIN result r USING (query, document);

SELECT about(vecstore.recall_at_k(rank, grade, 1), 0, 'recall@1') FROM joined WHERE query = 1;
SELECT about(vecstore.recall_at_k(rank, grade, 3), 1/3., 'recall@3') FROM joined WHERE query = 1;
SELECT about(vecstore.recall_at_k(rank, grade, 5), 2/3., 'recall@5') FROM joined WHERE query = 1;
SELECT about(vecstore.recall_at_k(rank, grade, 1000), 2/3., 'recall@1000') FROM joined WHERE query = 1;
SELECT about(vecstore.precision_at_k(rank, grade, 2), 1/2., 'precision@2') FROM joined WHERE query = 1;
SELECT about(vecstore.precision_at_k(rank, grade, 5), 2/5., 'precision@5') FROM joined WHERE query = 1;
SELECT about(vecstore.precision_at_k(rank, grade, 10), 2/10., 'precision@10 divides by 10, though 5 were retrieved') FROM joined WHERE query = 1;
SELECT about(vecstore.mrr(rank, grade), 1/2., 'reciprocal rank') FROM joined WHERE query = 1;
-- Gain 1 at rank 2, 3 at rank 4; the best order is 3, 2, 1.
SELECT about(vecstore.ndcg_at_k(rank, grade, 5), (1 / log(2, 3) + 3 / log(2, 5)) / (3 + 2 / log(2, 3) + 1 / 2.), 'nDCG@5') FROM joined WHERE query = 1;
SELECT about(vecstore.ndcg_at_k(rank, grade, 2), (1 / log(2, 3)) / (3 + 2 / log(2, 3)), 'nDCG@2: the best two') FROM joined WHERE query = 1;
SELECT about(vecstore.ndcg_at_k(rank, grade, 1), 0, 'nDCG@1') FROM joined WHERE query = 1;

SELECT results_eq($$SELECT query, vecstore.recall_at_k(rank, grade, 5), vecstore.precision_at_k(rank, grade, 5),
		vecstore.mrr(rank, grade), vecstore.ndcg_at_k(rank, grade, 5) FROM joined WHERE query > 1 GROUP BY query ORDER BY query$$,
	$$VALUES (2, 0::float8, 0::float8, 0::float8, 0::float8), (3, 0, 0, 0, 0)$$, 'nothing found, and nothing to find: 0');
SELECT about(avg(rr), 1/6., 'the mean over queries')
FROM (SELECT vecstore.mrr(rank, grade) AS rr FROM joined GROUP BY query) q;

-- the same on arrays
SELECT about(vecstore.recall_at_k('{a,b,c,d,e}'::text[], '{b,d,f}', 3), 1/3., 'recall@3 of arrays');
SELECT about(vecstore.precision_at_k('{a,b,c,d,e}'::text[], '{b,d,f}', 4), 2/4., 'precision@4 of arrays');
SELECT about(vecstore.mrr('{a,b,c,d,e}'::text[], '{b,d,f}'), 1/2., 'reciprocal rank of arrays');
SELECT about(vecstore.ndcg_at_k('{a,b,c,d,e}'::text[], '{"a": 0, "b": 1, "d": 3, "f": 2}'::jsonb, 5),
	(1 / log(2, 3) + 3 / log(2, 5)) / (3 + 2 / log(2, 3) + 1 / 2.), 'nDCG@5 of arrays');
SELECT about(vecstore.ndcg_at_k('{a,b,c,d,e}'::text[], '{b,d,f}'::text[], 5),
	(1 / log(2, 3) + 1 / log(2, 5)) / (1 + 1 / log(2, 3) + 1 / 2.), 'nDCG@5, each relevant document of grade 1');
SELECT about(vecstore.ndcg_at_k('{b,a}'::text[], '{"a": -2, "b": 1}'::jsonb, 5), 1, 'a negative grade is no gain, and no loss');
SELECT about(vecstore.recall_at_k('{b,b,a}'::text[], '{a,b}', 2), 1/2., 'what was retrieved twice counts once, and takes two places');
SELECT about(vecstore.recall_at_k('{b,NULL,a}'::text[], '{a,b,b,NULL}', 2), 1/2., 'NULL is no document; what is relevant twice counts once');
SELECT about(vecstore.mrr(NULL, '{a}'::text[]), 0, 'nothing was retrieved: 0');
SELECT about(vecstore.mrr('{}'::text[], '{a}'), 0, 'likewise');
SELECT about(vecstore.recall_at_k('{a}'::text[], '{}', 1), 0, 'nothing is relevant: 0');
SELECT is(vecstore.recall_at_k('{a}'::text[], NULL, 1), NULL, 'what is relevant is not known: NULL');
SELECT is(vecstore.ndcg_at_k('{a}'::text[], NULL::jsonb, 1), NULL, 'likewise');

SELECT throws_ok($$SELECT vecstore.recall_at_k('{a}'::text[], '{a}', 0)$$, '22023', 'k must be at least 1, not 0');
SELECT throws_ok($$SELECT vecstore.ndcg_at_k('{a}'::text[], '{a}'::text[], NULL)$$, '22023', 'k must be at least 1, not null');
SELECT throws_ok($$SELECT vecstore.mrr(0, 1)$$, '22023', 'ranks count from 1, this one is 0');
SELECT throws_ok($$SELECT vecstore.ndcg_at_k(1, 'NaN', 5)$$, '22023', 'a grade must be a finite number');
SELECT throws_ok($$SELECT vecstore.ndcg_at_k(rank, grade, rank) FROM result JOIN judgement USING (query, document)$$, '22023',
	'k must be the same for all documents of a query');
SELECT throws_ok($$SELECT vecstore.ndcg_at_k('{a}'::text[], '{"a": "good"}'::jsonb, 5)$$, '22P02');

SELECT * FROM finish();
