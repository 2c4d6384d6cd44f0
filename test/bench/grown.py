#!/usr/bin/env python3
"""Compare an index that grew by inserts, and one whose rows came and went, with one
built at once over the same rows.

usage: grown.py PREFIX LABEL [options], see --help; test/bench/run --grown sets up a
server and calls it

Connects like psql (PGHOST, PGUSER, ...) to a server that has the extensions installed.
PREFIX is what prepare.py wrote. For each system:
  grown    half of the rows are there when the index is built, the others are inserted
           one by one (a prepared statement run by a PL/pgSQL loop)
  churned  of all rows three tenths are deleted, VACUUM, and inserted again one by one
  built    REINDEX
and recall@10 against exact search for each --efs, by annbench, after VACUUM. Prints a Markdown table
and writes it as LABEL-grown.md into --out. Needs numpy, libpq-dev.
"""
import argparse
import os
import re
import tempfile
import time

from compare import SYSTEMS, Bench, row

TABLE = "compare_grown"


class Grown(Bench):
    def prepare(self, name):
        """The table with half of the rows and their index; the other half in ..._rest."""
        column, clause = SYSTEMS[name][0], SYSTEMS[name][1]
        self.session.run(
            f"CREATE EXTENSION IF NOT EXISTS {column}; DROP TABLE IF EXISTS {TABLE}, {TABLE}_rest;"
            f"CREATE TABLE {TABLE} (id int, e {column}({self.dim})) WITH (autovacuum_enabled = off);"
            f"ALTER TABLE {TABLE} ALTER e SET STORAGE PLAIN;"
            f"CREATE TABLE {TABLE}_rest (LIKE {TABLE} INCLUDING STORAGE)")
        self.session.run(f"\\copy {TABLE}_rest FROM '{self.args.prefix}.copy' WITH (FORMAT binary)")
        self.session.run(
            f"WITH half AS (DELETE FROM {TABLE}_rest WHERE id % 2 = 0 RETURNING *)"
            f"INSERT INTO {TABLE} SELECT * FROM half; SET maintenance_work_mem = '2GB';"
            f"CREATE INDEX {TABLE}_idx ON {TABLE} USING {clause} "
            f"WITH (m = {self.args.m}, ef_construction = {self.args.efc})")

    def insert_rest(self):
        start = time.monotonic()
        self.session.run(f"DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM {TABLE}_rest "
                         f"LOOP INSERT INTO {TABLE} VALUES (r.id, r.e); END LOOP; END $$")
        return time.monotonic() - start

    def churn(self):
        self.session.run(
            f"TRUNCATE {TABLE}_rest;"
            f"WITH gone AS (DELETE FROM {TABLE} WHERE abs(hashint4(id) % 10) < 3 RETURNING *)"
            f"INSERT INTO {TABLE}_rest SELECT * FROM gone")
        self.session.run(f"VACUUM {TABLE}")
        self.insert_rest()

    def recall(self, name):
        # Searches look for fewer where rows are known to be visible: be that so for all.
        self.session.run(f"VACUUM {TABLE}")
        return [recall for recall, _ in self.points(
            self.start_search(name, self.args.prefix, self.args.efs, TABLE))]

    def measure(self, name):
        self.prepare(name)
        seconds = self.insert_rest()
        grown = self.recall(name)
        self.churn()
        churned = self.recall(name)
        self.session.run(f"REINDEX INDEX {TABLE}_idx")
        built = self.recall(name)
        self.session.run(f"DROP TABLE {TABLE}, {TABLE}_rest")
        return seconds, grown, churned, built


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix")
    parser.add_argument("label")
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=["vecstore"])
    parser.add_argument("--efs", type=int, nargs="+", default=[40, 100, 200])
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--efc", type=int, default=64)
    parser.add_argument("--out", default=".")
    args = parser.parse_args()
    efs = " / ".join(str(ef) for ef in args.efs)
    lines = [f"{args.label}, recall@10 at ef_search {efs}", "",
             row("system", "grown", "churned", "built at once", "seconds of the inserts"),
             row(*["---"] * 5)]
    with tempfile.TemporaryDirectory() as folder:
        bench = Grown(args, folder)
        for name in args.systems:
            seconds, *recalls = bench.measure(name)
            lines.append(row(name, *(" / ".join(f"{r:.4f}" for r in recall) for recall in recalls),
                             f"{seconds:.1f}"))
    text = "\n".join(lines) + "\n"
    stem = re.sub(r"[^a-z0-9]+", "-", args.label.lower()).strip("-")
    with open(os.path.join(args.out, stem + "-grown.md"), "w", encoding="utf-8") as f:
        f.write(text)
    print(text)


if __name__ == "__main__":
    main()
