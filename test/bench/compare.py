#!/usr/bin/env python3
"""Compare vecstore with pgvector in one server, one run, one connection.

usage: compare.py BASE_PREFIX LABEL [--efs N ...] [--m N] [--efc N] [--out DIR]

Connects like psql (PGHOST, PGUSER, ...) to a server that has both extensions
installed. BASE_PREFIX.copy, BASE_PREFIX_query.fvecs and BASE_PREFIX_gt.ivecs
hold the data: a binary COPY file of (id int4, vector), queries, and the exact
neighbours by L2. For each system: load (vectors stored PLAIN), VACUUM ANALYZE,
CREATE INDEX, then annbench (compiled from annbench.c beside this file) at each
ef. Prints a Markdown table and draws recall against queries per second into
DIR/LABEL.png. Only ratios within one run mean anything; let nothing else run.
Needs numpy, matplotlib, libpq-dev.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEMS = [
    # name, extension, type, index clause, setting
    ("pgvector", "vector", "vector", "hnsw (e vector_l2_ops)", "hnsw.ef_search"),
    ("vecstore", "vecstore", "vecstore", "vecstore (e vecstore_l2_ops)", "vecstore.ef_search"),
]


def psql(sql):
    run = subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"], input=sql,
                         capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit("compare.py: psql failed:\n" + run.stderr)
    return run.stdout.strip()


def build_annbench(folder):
    include = subprocess.run(["pg_config", "--includedir"], capture_output=True,
                             text=True, check=True).stdout.strip()
    path = os.path.join(folder, "annbench")
    subprocess.run(["cc", "-O2", os.path.join(HERE, "annbench.c"), "-o", path,
                    "-I" + include, "-lpq"], check=True)
    return path


def qps_at(points, recall):
    """Queries per second at a recall, interpolated in log qps; None if out of reach."""
    points = sorted(points)
    for (r0, q0), (r1, q1) in zip(points, points[1:]):
        if r0 <= recall <= r1 and r1 > r0:
            share = (recall - r0) / (r1 - r0)
            return float(np.exp(np.log(q0) + share * (np.log(q1) - np.log(q0))))
    return None


def measure(system, prefix, dim, args, annbench):
    name, extension, column, clause, setting = system
    table = f"compare_{name}"
    psql(f"CREATE EXTENSION IF NOT EXISTS {extension}; DROP TABLE IF EXISTS {table};"
         f"CREATE TABLE {table} (id int, e {column}({dim}));"
         f"ALTER TABLE {table} ALTER e SET STORAGE PLAIN;")
    psql(f"\\copy {table} FROM '{prefix}.copy' WITH (FORMAT binary)")
    psql(f"VACUUM ANALYZE {table}; CHECKPOINT")
    start = time.monotonic()
    psql(f"CREATE INDEX {table}_idx ON {table} USING {clause} "
         f"WITH (m = {args.m}, ef_construction = {args.efc})")
    seconds = time.monotonic() - start
    size = int(psql(f"SELECT pg_relation_size('{table}_idx') >> 20"))
    operator = "<->"
    out = subprocess.run(
        [annbench, "", prefix, f"SELECT id FROM {table} ORDER BY e {operator} $1 LIMIT 10", setting]
        + [str(e) for e in args.efs], capture_output=True, text=True, check=False)
    if out.returncode != 0:
        sys.exit("compare.py: annbench failed:\n" + out.stderr)
    points = [(float(r), float(q)) for r, q in
              re.findall(r"recall=([\d.]+) qps=(\d+)", out.stdout)]
    return {"name": name, "build": seconds, "size": size, "points": points}


def draw(results, label, folder):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(6, 4))
    for result in results:
        recalls, qps = zip(*sorted(result["points"]))
        axes.plot(recalls, qps, marker="o", label=result["name"])
    axes.set_xlabel("recall@10")
    axes.set_ylabel("queries per second, one connection")
    axes.set_title(label)
    axes.set_ylim(bottom=0)
    axes.grid(True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(os.path.join(folder, re.sub(r"[^a-z0-9]+", "-", label.lower()).strip("-") + ".png"), dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("prefix")
    parser.add_argument("label")
    parser.add_argument("--efs", type=int, nargs="+", default=[10, 20, 40, 80, 200])
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--efc", type=int, default=64)
    parser.add_argument("--out", default=".")
    args = parser.parse_args()
    dim = int(np.fromfile(args.prefix + "_query.fvecs", "<i4", 1)[0])
    with tempfile.TemporaryDirectory() as folder:
        annbench = build_annbench(folder)
        results = [measure(s, args.prefix, dim, args, annbench) for s in SYSTEMS]
    print(f"{args.label}, m = {args.m}, ef_construction = {args.efc}; "
          + psql("SELECT split_part(version(), ' ', 2)") + "\n")
    print("| system | build s | index MB | QPS at ef " + " / ".join(map(str, args.efs))
          + " | recall@10 | QPS at recall .99 |")
    print("|---|---|---|---|---|---|")
    for result in results:
        at = qps_at(result["points"], 0.99)
        print(f"| {result['name']} | {result['build']:.1f} | {result['size']} | "
              + " / ".join(f"{q:.0f}" for _, q in result["points"]) + " | "
              + " / ".join(f"{r:.4f}" for r, _ in result["points"]) + " | "
              + (f"{at:.0f}" if at else "–") + " |")
    draw(results, args.label, args.out)


if __name__ == "__main__":
    main()
