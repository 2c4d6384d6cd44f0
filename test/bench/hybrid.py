#!/usr/bin/env python3
"""Measure how well hybrid_search() ranks.

usage: hybrid.py [--data DIR]

Connects like psql (PGHOST, PGUSER, ...) to a server in which vecstore is installed,
works in a schema of its own and drops it at the end. Needs no module beyond Python's own.

nDCG@10 as in gin_score.py, the mean over the judged queries of scifact, Cranfield and NPL:
the vector alone (LSA, 128 dimensions, cosine, HNSW), the text alone (vecstore_bm25 with
tokenizer english, on a generated column of to_tsvector('english', body)), and both. alpha is tuned on every other query and scored on the rest,
then the other way round, so that no query is scored by an alpha that it helped to choose. In the
end the best that reciprocal ranks could give, whatever their k, the depth of the lists and what
becomes of a row that one list lacks: exact ranks of both sides, fused here.
"""
import argparse
import collections
import gzip
import heapq
import pathlib
import statistics
import struct

from gin_score import ndcg, psql, read_judgements

COLLECTIONS = ["scifact", "cranfield", "npl"]
ALPHAS = [step / 20 for step in range(21)]
DEFAULT_ALPHA = 0.7
KS = [0, 1, 2, 5, 10, 20, 60, 200, 1000]
DEPTHS = [10, 20, 50, 100, 200, 1000]


def read_fvecs(path):
    """The vectors of a file, as text."""
    data = path.read_bytes()
    place = 0
    while place < len(data):
        (dims,) = struct.unpack_from("<i", data, place)
        yield "[" + ",".join(map(repr, struct.unpack_from(f"<{dims}f", data, place + 4))) + "]"
        place += 4 + 4 * dims


def load(texts, vectors, table):
    """A table (id, body, embedding) from two files of as many rows."""
    opener = gzip.open if texts.suffix == ".gz" else open
    with opener(texts, "rb") as file:
        rows = [line.rstrip(b"\n").split(b"\t", 1) for line in file]
    psql(f"CREATE TABLE {table} (id text COLLATE \"C\" PRIMARY KEY, body text, embedding vecstore(128))")
    data = b"".join(key + b"\t" + body.replace(b"\\", b"\\\\").replace(b"\t", b" ") + b"\t" + vector.encode() + b"\n"
                    for (key, body), vector in zip(rows, read_fvecs(vectors), strict=True))
    psql(f"COPY {table} FROM STDIN", data=data)


def search(name, arguments, alphas=(DEFAULT_ALPHA,)):
    """{alpha: {query: [document]}}"""
    output = psql(f"""SELECT alpha, q.id, h.key->>'id' FROM unnest(ARRAY{list(alphas)}::float8[]) alpha, {name}_queries q,
        LATERAL hybrid_search_keys('{name}', alpha => alpha, {arguments}) WITH ORDINALITY h ORDER BY alpha, q.id, h.ordinality""")
    result = collections.defaultdict(lambda: collections.defaultdict(list))
    for line in output.splitlines():
        alpha, query, document = line.split("\t")
        result[float(alpha)][query].append(document)
    return result


def score(found, judged, queries):
    return statistics.mean(ndcg(found[query], judged[query]) for query in queries)


def exact_ranks(name):
    """{query: [(document, rank by text or None, rank by vector)]} of what is among the first of either side"""
    output = psql(f"""WITH vectors AS (
            SELECT q.id AS query, d.id, rank() OVER (PARTITION BY q.id ORDER BY d.embedding <=> q.embedding, d.id) AS rank
            FROM {name} d, {name}_queries q),
        texts AS (
            SELECT q.id AS query, h.id, h.rank FROM {name}_queries q, LATERAL (
                SELECT d.id, d.s, rank() OVER (ORDER BY d.s, d.id) AS rank FROM (
                    SELECT id, words <@> bm25_query(q.body, '{name}_words_idx') AS s FROM {name}) d WHERE d.s < 0) h)
        SELECT query, id, texts.rank, vectors.rank FROM vectors LEFT JOIN texts USING (query, id)
        WHERE vectors.rank <= {max(DEPTHS)} OR texts.rank <= {max(DEPTHS)}""")
    result = collections.defaultdict(list)
    for line in output.splitlines():
        query, document, text, vector = line.split("\t")
        result[query].append((document, int(text) if text else None, int(vector)))
    return result


def fuse(rows, k, depth, exact):
    """The ten best by reciprocal ranks; exact: a row that one list lacks has its rank there all the same."""
    scored = []
    for document, text, vector in rows:
        sides = [rank for rank in (text, vector) if rank and (exact or rank <= depth)]
        if min(sides, default=depth + 1) <= depth:
            scored.append((-sum(1 / (k + rank) for rank in sides), document))
    return [document for _, document in heapq.nsmallest(10, scored)]


def best_rrf(name, judged):
    """(nDCG@10, k, depth, exact) of the best."""
    ranks = exact_ranks(name)
    return max((statistics.mean(ndcg(fuse(ranks[query], k, depth, exact), judged[query]) for query in judged), k, depth, exact)
               for k in KS for depth in DEPTHS for exact in (False, True))


def measure(data, name):
    load(data / name / "corpus.tsv.gz", data / name / "lsa128_docs.fvecs", name)
    load(data / name / "queries.tsv", data / name / "lsa128_queries.fvecs", f"{name}_queries")
    psql(f"""CREATE INDEX ON {name} USING vecstore (embedding vecstore_cosine_ops);
        ALTER TABLE {name} ADD words tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED;
        CREATE INDEX ON {name} USING vecstore_bm25 (words) WITH (tokenizer = 'english');
        VACUUM ANALYZE {name}""")
    judged = read_judgements(data / name / "qrels.tsv")
    queries = sorted(judged)
    both = "query_text => q.body, query_vector => q.embedding"
    vector = search(name, "query_vector => q.embedding")[DEFAULT_ALPHA]
    text = search(name, "query_text => q.body")[DEFAULT_ALPHA]
    rrf = search(name, both + ", method => 'rrf'")[DEFAULT_ALPHA]
    linear = search(name, both, ALPHAS)
    halves = [queries[0::2], queries[1::2]]
    best = [max(ALPHAS, key=lambda alpha: score(linear[alpha], judged, half)) for half in halves]
    tuned = [ndcg(linear[best[1 - i]][query], judged[query]) for i, half in enumerate(halves) for query in half]
    print(f"| {name} | {score(vector, judged, queries):.4f} | {score(text, judged, queries):.4f} "
          f"| {statistics.mean(tuned):.4f} ({best[0]}, {best[1]}) "
          f"| {score(linear[DEFAULT_ALPHA], judged, queries):.4f} | {score(rrf, judged, queries):.4f} "
          "| {:.4f} ({}, {}, {}) |".format(*best_rrf(name, judged)), flush=True)


def main():
    parser = argparse.ArgumentParser(description="nDCG@10 of hybrid_search() beside its two sides")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[3] / "shared" / "data")
    options = parser.parse_args()
    psql("DROP SCHEMA IF EXISTS gin_score_bench CASCADE; CREATE SCHEMA gin_score_bench;"
         "CREATE EXTENSION IF NOT EXISTS vecstore SCHEMA public;")
    try:
        print("| nDCG@10 | vector | text | linear, alpha tuned | linear, alpha 0.7 | rrf | best rrf (k, depth, exact ranks) |\n"
              "|---|---|---|---|---|---|---|")
        for name in COLLECTIONS:
            measure(options.data, name)
    finally:
        psql("DROP SCHEMA gin_score_bench CASCADE")


if __name__ == "__main__":
    main()
