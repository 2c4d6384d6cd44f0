#!/usr/bin/env python3
"""Measure what an insert into a vecstore_bm25 index takes at worst, and what writers cost readers.

usage: bm25_writers.py [--data DIR] [--seconds N] [--writers N] [--rate N]

Connects like psql to a server in which vecstore is installed, works in a schema of its
own and drops it at the end; needs pgbench. The table has the sentences of nltk_sentences.
Writers insert one of them after the other, each in a transaction of its own; a reader
asks for the ten best of two words of a sentence. Each row of the output is a run of so many
seconds: writers without an index, which is what server and machine do by themselves;
writers with the index; writers while VACUUM removes a twentieth of the rows and merges; the
reader alone, both, and the reader alone again, as the table has grown; the reader beside
writers of another table, which has no index, so that the processors are all that they share;
and both again with writers that insert at a given rate (2,000 rows a second), which leaves the
reader a processor. Set fsync = off or synchronous_commit = off,
or the disk is what you measure.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

from gin_score import load, psql

TABLES = """
CREATE TABLE source AS SELECT row_number() OVER () AS number, id, body FROM nltk;
ALTER TABLE source ADD PRIMARY KEY (number);
CREATE TABLE queries AS SELECT row_number() OVER () AS number, words[1] || ' ' || words[2] AS q
    FROM (SELECT array(SELECT w FROM regexp_split_to_table(body, '[^a-zA-Z]+') w WHERE length(w) > 3 LIMIT 2) AS words
        FROM source WHERE number % 100 = 0) w WHERE cardinality(words) = 2;
ALTER TABLE queries ADD PRIMARY KEY (number);
ALTER TABLE nltk SET (autovacuum_enabled = off);
CREATE TABLE elsewhere (LIKE nltk) WITH (autovacuum_enabled = off);
VACUUM ANALYZE;
"""

INSERT = """\\set n random(1, {sentences})
INSERT INTO {table} SELECT id, body FROM source WHERE number = :n;
"""

SEARCH = """\\set n random(1, {queries})
SELECT q FROM queries WHERE number = :n \\gset
SELECT id FROM nltk ORDER BY body <@> ':q' LIMIT 10;
"""


class Run:
    """pgbench with one script; the latencies of its transactions."""

    def __init__(self, folder, name, script, clients, seconds, rate=None):
        self.prefix = folder / name
        path = folder / (name + ".sql")
        path.write_text(script)
        command = ["pgbench", "-n", "-c", str(clients), "-j", str(clients), "-T", str(seconds), "-f", str(path),
                   "-l", f"--log-prefix={self.prefix}"] + (["-R", str(rate)] if rate else [])
        environment = dict(os.environ, PGOPTIONS="-c search_path=gin_score_bench,public -c enable_seqscan=off")
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.seconds = seconds

    def report(self, label):
        _, errors = self.process.communicate()
        if self.process.returncode != 0:
            sys.exit("bm25_writers.py: pgbench failed:\n" + errors.decode())
        times = []
        for path in self.prefix.parent.glob(self.prefix.name + ".[0-9]*"):
            times += [int(line.split()[2]) / 1000 for line in path.read_text().splitlines()]
            path.unlink()
        times.sort()
        shares = " | ".join(f"{times[min(len(times) - 1, int(len(times) * s))]:.2f}" for s in (0.5, 0.95, 0.99, 0.999))
        over = sum(1 for time in times if time > 100)
        print(f"| {label} | {len(times) / self.seconds:.0f} | {shares} | {times[-1]:.1f} | {over} |", flush=True)


def measure(data, folder, writers, seconds, rate):
    sentences = load(data / "nltk_sentences" / "corpus.tsv.gz", "nltk", False)
    psql(TABLES)
    insert = INSERT.format(sentences=sentences, table="nltk")
    insert_elsewhere = INSERT.format(sentences=sentences, table="elsewhere")
    search = SEARCH.format(queries=psql("SELECT count(*) FROM queries").strip())

    print("| load | a second | p50 ms | p95 | p99 | p99.9 | max | over 100 ms |\n|---|---|---|---|---|---|---|---|")
    Run(folder, "insert", insert, writers, seconds).report(f"{writers} writers, no index")
    psql("CREATE INDEX nltk_body ON nltk USING vecstore_bm25 (body)")
    Run(folder, "insert", insert, writers, seconds).report(f"{writers} writers")
    psql("DELETE FROM nltk WHERE random() < 0.05")
    run = Run(folder, "insert", insert, writers, seconds)
    vacuums = 0
    while run.process.poll() is None:
        psql("VACUUM nltk")
        vacuums += 1
    run.report(f"{writers} writers beside {vacuums} VACUUMs")
    Run(folder, "search", search, 1, seconds).report("1 reader")
    both = [(f"{writers} writers beside a reader", Run(folder, "insert", insert, writers, seconds)),
            (f"1 reader beside {writers} writers", Run(folder, "search", search, 1, seconds))]
    for label, run in both:
        run.report(label)
    Run(folder, "search", search, 1, seconds).report("1 reader, after that")
    others = Run(folder, "insert", insert_elsewhere, writers, seconds)
    Run(folder, "search", search, 1, seconds).report(f"1 reader beside {writers} writers of another table")
    others.report(f"{writers} writers of another table beside a reader")
    slow = Run(folder, "insert", insert, writers, seconds, rate)
    Run(folder, "search", search, 1, seconds).report(f"1 reader beside {writers} writers of {rate} rows a second")
    slow.report(f"{writers} writers of {rate} rows a second beside a reader")
    Run(folder, "search", search, 1, seconds).report("1 reader, at the end")
    rows, segments = psql("SELECT documents, segments FROM bm25_index_info('nltk_body')").split()
    print(f"\nIn the end {rows} rows in {segments} segments.")


def main():
    parser = argparse.ArgumentParser(description="latency of inserts into vecstore_bm25, and of searches beside them")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(__file__).parents[3] / "shared/data")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--rate", type=int, default=2000)
    options = parser.parse_args()
    psql("DROP SCHEMA IF EXISTS gin_score_bench CASCADE; CREATE SCHEMA gin_score_bench")
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(options.data, pathlib.Path(folder), options.writers, options.seconds, options.rate)
    finally:
        psql("DROP SCHEMA gin_score_bench CASCADE")


if __name__ == "__main__":
    main()
