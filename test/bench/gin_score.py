#!/usr/bin/env python3
"""Measure bm25_score() beside ts_rank() and ts_rank_cd(): ranking and time.

usage: gin_score.py [--data DIR] [--rounds N] [--no-ranking]

Connects like psql (PGHOST, PGUSER, ...) to a server in which vecstore is
installed, works in a schema of its own, gin_score_bench, and drops it at the
end. Needs no module beyond Python's own.

Ranking: the documents of scifact and Cranfield, to_tsvector('english', text)
under a GIN index; each judged query as the OR of its words; nDCG@10 as trec_eval's
ndcg_cut.10 (gain = the judgement, documents of equal score in descending order of
their names), the mean over all judged queries.

Time: the sentences of nltk_sentences that match one word, or one of several,
the ten best by score: the time of the whole query, and of the same query with
the score left out, both divided by the number of matches. The rounds go in turns;
the median counts. Then the function alone: each of the matches scored REPEATS times,
less what it takes to read the document's length; the least of the rounds. The
first call in a session, which draws the sample, is shown apart.
"""
import argparse
import collections
import gzip
import math
import pathlib
import statistics
import subprocess
import sys

COLLECTIONS = ["scifact", "cranfield"]

# How a document d is scored for a query q, in a table {t}.
SCORES = [
    ("bm25_score, k1 = 1.2, b = 0.75", "bm25_score('{t}', 'd', d, q)"),
    ("bm25_score, k1 = 0.9, b = 0.4", "bm25_score('{t}', 'd', d, q, 0.9, 0.4)"),
    ("ts_rank", "ts_rank(d, q)"),
    ("ts_rank, by length (1)", "ts_rank(d, q, 1)"),
    ("ts_rank_cd", "ts_rank_cd(d, q)"),
    ("ts_rank_cd, by length (1)", "ts_rank_cd(d, q, 1)"),
]

TIMED = [SCORES[0], SCORES[2], SCORES[4]]
TIMED_QUERIES = ["time", "one", "time | year", "one | time | year | world", "say:*"]
NO_SCORE = "length(d)"
REPEATS = 20


def psql(sql, *, data=None):
    """Run SQL in one session; what it prints."""
    head = ("SET client_min_messages = warning; SET search_path = gin_score_bench, public;"
            "SET max_parallel_workers_per_gather = 0; SET jit = off;\n")
    command = ["psql", "-X", "-A", "-t", "-q", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
    if data is None:
        run = subprocess.run(command, input=(head + sql).encode(), capture_output=True, check=False)
    else:
        run = subprocess.run(command + ["-c", head, "-c", sql], input=data, capture_output=True, check=False)
    if run.returncode != 0:
        sys.exit("gin_score.py: psql failed:\n" + run.stderr.decode())
    return run.stdout.decode()


def load(path, table, indexed):
    """A table (id, body) from a file; with a column d of its lexemes, and an index."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        rows = [line.rstrip(b"\n").split(b"\t", 1) for line in file]
    psql(f"CREATE TABLE {table} (id text, body text)")
    data = b"".join(id + b"\t" + body.replace(b"\\", b"\\\\").replace(b"\t", b" ") + b"\n" for id, body in rows)
    psql(f"COPY {table} FROM STDIN", data=data)
    if indexed:
        psql(f"""ALTER TABLE {table} ADD d tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED;
            CREATE INDEX ON {table} USING gin (d);
            VACUUM ANALYZE {table};""")
    return len(rows)


def read_judgements(path):
    """{query: {document: gain}}"""
    judged = collections.defaultdict(dict)
    for line in path.read_text().splitlines():
        query, document, gain = line.split("\t")
        judged[query][document] = int(gain)
    return judged


def ndcg(ranked, gains, depth=10):
    """trec_eval's ndcg_cut of one query."""
    def dcg(values):
        return sum(value / math.log2(rank + 1) for rank, value in enumerate(values, 1) if value > 0)
    best = dcg(sorted(gains.values(), reverse=True)[:depth])
    return dcg([gains.get(document, 0) for document in ranked[:depth]]) / best if best > 0 else 0


def rank_collection(data, name):
    """nDCG@10 of a collection by every score."""
    load(data / name / "corpus.tsv.gz", name, True)
    load(data / name / "queries.tsv", f"{name}_queries", False)
    judged = read_judgements(data / name / "qrels.tsv")
    result = []
    for _, score in SCORES:
        output = psql(f"""SELECT qid, h.id
            FROM (SELECT id AS qid, replace(plainto_tsquery('english', body)::text, ' & ', ' | ')::tsquery AS q
                  FROM {name}_queries) s,
                LATERAL (SELECT id, {score.format(t=name)}::real AS s FROM {name} WHERE d @@ q
                         ORDER BY s DESC, id COLLATE "C" DESC LIMIT 10) h
            ORDER BY qid, s DESC, h.id COLLATE "C" DESC""")
        ranked = collections.defaultdict(list)
        for line in output.splitlines():
            query, document = line.split("\t")
            ranked[query].append(document)
        result.append(statistics.mean(ndcg(ranked[query], gains) for query, gains in judged.items()))
    return result


def time_query(sql):
    """Milliseconds of a query within the server, the second time it is run in a session."""
    output = psql(f"{sql};\nEXPLAIN (ANALYZE, TIMING OFF, COSTS OFF) {sql}")
    line = [line for line in output.splitlines() if line.startswith("Execution Time")][-1]
    return float(line.split()[2])


def time_scores(rounds):
    """Per query: matches, us a match without a score and with each."""
    for query in TIMED_QUERIES:
        where = f"FROM nltk, to_tsquery('english', '{query}') q WHERE d @@ q"
        matches = int(psql(f"SELECT count(*) {where}"))
        # Without a score: the same column is fetched, the same number of rows sorted.
        scores = [NO_SCORE] + [score.format(t="nltk") for _, score in TIMED]
        times = collections.defaultdict(list)
        for _ in range(rounds):
            for score in scores:
                times[score].append(time_query(f"SELECT id, {score} AS s {where} ORDER BY s DESC LIMIT 10"))
        yield query, matches, [statistics.median(times[score]) * 1000 / matches for score in scores]


def time_functions(rounds):
    """Per query: matches, us that each function takes for one, beyond length()."""
    for query in TIMED_QUERIES:
        matches = int(psql(f"""DROP TABLE IF EXISTS matches;
            CREATE TABLE matches AS SELECT d FROM nltk, to_tsquery('english', '{query}') q WHERE d @@ q;
            SELECT count(*) FROM matches"""))
        times = collections.defaultdict(list)
        for _ in range(rounds):
            for score in [NO_SCORE] + [score.format(t="nltk") for _, score in TIMED]:
                times[score].append(time_query(f"""SELECT count(*) FROM to_tsquery('english', '{query}') q, matches,
                    generate_series(1, {REPEATS}) r WHERE {score} > 1e6 + r""") * 1000 / matches / REPEATS)
        base, *rest = [min(values) for values in times.values()]
        yield query, matches, [value - base for value in rest]


def print_times(labels, lines):
    """A table of times by query."""
    print("| query | matches | " + " | ".join(labels) + " |")
    print("|---|---|" + "---|" * len(labels))
    for query, matches, times in lines:
        cell = query.replace("|", "\\|")
        print(f"| `{cell}` | {matches} | " + " | ".join(f"{t:.2f}" for t in times) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("--data", type=pathlib.Path, default=here.parents[2] / "shared" / "data")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-ranking", action="store_true")
    options = parser.parse_args()

    psql("DROP SCHEMA IF EXISTS gin_score_bench CASCADE; CREATE SCHEMA gin_score_bench;"
         "CREATE EXTENSION IF NOT EXISTS vecstore SCHEMA public;")
    if not options.no_ranking:
        columns = [rank_collection(options.data, name) for name in COLLECTIONS]
        print("| nDCG@10 | " + " | ".join(COLLECTIONS) + " |")
        print("|---|" + "---|" * len(COLLECTIONS))
        for i, (label, _) in enumerate(SCORES):
            print(f"| {label} | " + " | ".join(f"{column[i]:.4f}" for column in columns) + " |")

    rows = load(options.data / "nltk_sentences" / "corpus.tsv.gz", "nltk", True)
    print(f"\n{rows} sentences, us a match for the ten best:\n")
    labels = [label for label, _ in TIMED]
    print_times(["no score"] + labels, time_scores(options.rounds))
    print("\nThe function alone, us a document:\n")
    print_times(labels, time_functions(options.rounds))

    first = psql("EXPLAIN (ANALYZE, COSTS OFF) SELECT bm25_score('nltk', 'd', '', 'time')")
    print(f"\nFirst call in a session: {first.split()[-2]} ms")
    psql("DROP SCHEMA gin_score_bench CASCADE")


if __name__ == "__main__":
    main()
