#!/usr/bin/env python3
"""Measure the access method vecstore_bm25: ranking, exactness, time.

usage: bm25_index.py [--data DIR] [--no-ranking] [--no-time]

Connects like psql to a server in which vecstore is installed, works in a schema of its
own and drops it at the end.

Ranking: nDCG@10 of the judged queries of scifact and Cranfield as in gin_score.py,
through an index scan; of Cranfield also with each title once more before the text, which
begins with it twice. Exactness: the ten best of each query beside a computation in
Python from the terms that vecstore_tokenize() gives, with the one-byte length of Lucene
(SmallFloat.intToByte4) written anew here. Time: build, size, and a query in a session of
its own on nltk_sentences; queries are words of random sentences.
"""
import argparse
import collections
import json
import math
import pathlib
import statistics

from gin_score import load, ndcg, psql, read_judgements

SETTINGS = [
    ("english", {"tokenizer": "english"}),
    ("language, stopwords = lucene, stemmer = porter",
     {"tokenizer": "language", "stopwords": "lucene", "stemmer": "porter"}),
    ("simple", {"tokenizer": "simple"}),
    ("PostgreSQL's simple", {"tokenizer": "pg_catalog.simple"}),
]
PARAMETERS = [(1.2, 0.75), (0.9, 0.4)]


def decoded_length(length):
    """Lucene's one-byte length and back: four significant bits from 40 on."""
    if length < 40:
        return length
    free = 40 - 16                      # 255 - 231 values are kept as they are
    rest = length - 24
    shift = rest.bit_length() - 4
    return ((rest >> shift) << shift) + free


def tokens(table, options):
    """{id: Counter of terms}"""
    tokenizer = options["tokenizer"]
    extra = json.dumps({k: v for k, v in options.items() if k != "tokenizer"})
    rows = psql(f"SELECT id, to_json(vecstore_tokenize(body, '{tokenizer}', '{extra}')) FROM {table}")
    result = {}
    for line in rows.splitlines():
        key, terms = line.split("\t", 1)
        result[key] = collections.Counter(json.loads(terms.replace("\\\\", "\\")))
    return result


def brute_force(documents, queries, k1, b):
    """{query: [(score, id)]}: all that match."""
    df = collections.Counter(term for terms in documents.values() for term in terms)
    n = len(documents)
    average = sum(sum(terms.values()) for terms in documents.values()) / n
    lengths = {key: decoded_length(sum(terms.values())) for key, terms in documents.items()}
    postings = collections.defaultdict(list)
    for key, terms in documents.items():
        for term, tf in terms.items():
            postings[term].append((key, tf))
    result = {}
    for query, terms in queries.items():
        scores = collections.defaultdict(float)
        for term, times in terms.items():
            idf = math.log(1 + (n - df[term] + 0.5) / (df[term] + 0.5))
            for key, tf in postings[term]:
                scores[key] += times * idf * tf / (tf + k1 * (1 - b + b * lengths[key] / average))
        result[query] = sorted(((score, key) for key, score in scores.items()), reverse=True)
    return result


def same_scores(a, b):
    return len(a) == len(b) and all(math.isclose(x, y, rel_tol=1e-9) for (x, _), (y, _) in zip(a, b))


def by_index(name, k1, b, limit):
    """{query: [(score, id)]} of index scans."""
    output = psql(f"""ALTER INDEX {name}_bm25 SET (k1 = {k1}, b = {b}); SET enable_seqscan = off; SET enable_sort = off;
        SELECT q.id, h.id, -h.s FROM {name}_queries q, LATERAL (
            SELECT d.id, d.body <@> bm25_query(q.body, '{name}_bm25') AS s FROM {name} d
            ORDER BY d.body <@> bm25_query(q.body, '{name}_bm25') LIMIT {limit}) h WHERE h.s < 0""")
    result = collections.defaultdict(list)
    for line in output.splitlines():
        query, key, score = line.split("\t")
        result[query].append((float(score), key))
    return result


def rank(data, name, title_again):
    psql(f"DROP TABLE IF EXISTS {name}, {name}_queries")
    load(data / name / "corpus.tsv.gz", name, False)
    load(data / name / "queries.tsv", f"{name}_queries", False)
    collection = name
    if title_again:
        psql(f"UPDATE {name} SET body = regexp_replace(body, '^(.+) \\1 ', '\\1 \\1 \\1 ')")
        collection = f"{name}, title once more"
    judged = read_judgements(data / name / "qrels.tsv")
    for label, options in SETTINGS:
        settings = ", ".join(f"{key} = '{value}'" for key, value in options.items())
        psql(f"CREATE INDEX {name}_bm25 ON {name} USING vecstore_bm25 (body) WITH ({settings})")
        documents, queries = tokens(name, options), tokens(f"{name}_queries", options)
        for k1, b in PARAMETERS:
            found = by_index(name, k1, b, 1000)
            exact = brute_force(documents, queries, k1, b)
            wrong = sum(1 for query in exact if not same_scores(exact[query][:1000], found[query]))
            # Ties as trec_eval has them: by name, descending, at single precision.
            ranked = {query: [key for _, key in sorted(((round(s, 6), key) for s, key in hits), reverse=True)]
                      for query, hits in found.items()}
            value = statistics.mean(ndcg(ranked.get(query, []), gains) for query, gains in judged.items())
            print(f"| {collection} | {label} | {k1} / {b} | {value:.4f} | {wrong} of {len(exact)} |", flush=True)
        psql(f"DROP INDEX {name}_bm25")


TIME = """
CREATE TABLE numbered AS SELECT row_number() OVER (ORDER BY id) AS number, body FROM nltk;
CREATE INDEX ON numbered (number);
ANALYZE numbered;
CREATE FUNCTION query_words(n int, seed int) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(w, ' ') FROM (SELECT w FROM (
        SELECT regexp_split_to_table(body, '[^a-zA-Z]+') AS w FROM numbered WHERE number IN (
            SELECT 1 + (hashint4extended(seed, i) & 2147483647) % 290000 FROM generate_series(1, 8) i)) x
        WHERE length(w) > 3 ORDER BY hashtextextended(w, seed) LIMIT n) y $$;
CREATE TABLE timed AS SELECT n, query_words(n, s * 10 + n) AS q FROM unnest(ARRAY[1, 2, 4, 8]) n, generate_series(1, 200) s;
DO $$ BEGIN ASSERT (SELECT bool_and(array_length(string_to_array(q, ' '), 1) = n) FROM timed); END $$;
CREATE FUNCTION time_queries(index text) RETURNS TABLE (terms int, p50 numeric, p95 numeric) LANGUAGE plpgsql AS $$
DECLARE r record; t timestamptz; d float8[];
BEGIN
    FOR terms IN SELECT unnest(ARRAY[1, 2, 4, 8]) LOOP
        d := '{}';
        FOR r IN SELECT q FROM timed WHERE n = terms LOOP
            FOR i IN 1..3 LOOP
                t := clock_timestamp();
                EXECUTE format('SELECT id FROM nltk ORDER BY body <@> bm25_query($1, %L) LIMIT 10', index) USING r.q;
                IF i > 1 THEN d := d || extract(epoch FROM clock_timestamp() - t)::float8 * 1000; END IF;
            END LOOP;
        END LOOP;
        SELECT round(percentile_cont(0.5) WITHIN GROUP (ORDER BY x)::numeric, 3), round(percentile_cont(0.95) WITHIN GROUP (ORDER BY x)::numeric, 3)
            INTO p50, p95 FROM unnest(d) x;
        RETURN NEXT;
    END LOOP;
END $$;
"""


def measure_time(data):
    load(data / "nltk_sentences" / "corpus.tsv.gz", "nltk", False)
    psql("VACUUM ANALYZE nltk")
    psql(TIME)
    for label in ("english", "simple"):
        output = psql(f"""SET maintenance_work_mem = '512MB'; SELECT clock_timestamp() AS t \\gset
            CREATE INDEX nltk_bm25 ON nltk USING vecstore_bm25 (body) WITH (tokenizer = '{label}');
            SELECT round(extract(epoch FROM clock_timestamp() - :'t'::timestamptz), 2), pg_relation_size('nltk_bm25') / 1048576;
            SET enable_seqscan = off; SELECT * FROM time_queries('nltk_bm25'); DROP INDEX nltk_bm25""")
        build, *lines = output.splitlines()
        seconds, size = build.split("\t")
        times = [line.split("\t") for line in lines]
        print(f"| {label} | {seconds} | {size} | " + " / ".join(t[1] for t in times) + " | " +
              " / ".join(t[2] for t in times) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description="ranking, exactness and time of vecstore_bm25")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(__file__).parents[3] / "shared/data")
    parser.add_argument("--no-ranking", action="store_true")
    parser.add_argument("--no-time", action="store_true")
    options = parser.parse_args()
    psql("DROP SCHEMA IF EXISTS gin_score_bench CASCADE; CREATE SCHEMA gin_score_bench")
    try:
        if not options.no_ranking:
            print("| collection | terms | k1 / b | nDCG@10 | queries that differ from brute force |\n|---|---|---|---|---|")
            for name, title_again in (("scifact", False), ("cranfield", False), ("cranfield", True)):
                rank(options.data, name, title_again)
        if not options.no_time:
            print("\n| terms | build s | MB | p50 ms at 1 / 2 / 4 / 8 terms | p95 |\n|---|---|---|---|---|")
            measure_time(options.data)
    finally:
        psql("DROP SCHEMA gin_score_bench CASCADE")


if __name__ == "__main__":
    main()
