#!/usr/bin/env python3
"""Measure recall@10 of vecstore indexes on real data against exact search.

usage: recall.py [DATA_DIR] [--queries N] [--only NAME ...]

DATA_DIR holds mnist784/ and retail_sets/ (default ../shared/data beside the
repository, or $VECSTORE_DATA). Connects like psql (PGHOST, PGUSER, ...) to a
server in which vecstore is installed, works in a schema of its own,
recall_bench, and drops it at the end. A hit is any row within the exact 10th
distance, found by a sequential scan with the same SQL operator. Prints a
Markdown table. Needs numpy.
"""
import argparse
import collections
import gzip
import os
import subprocess
import sys
import tempfile
import time
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
EFS = (40, 100, 400)
RETAIL_ITEMS = 4000

# name, data set, operator class, operator, index options
CASES = [
    ("L2", "mnist", "vecstore_l2_ops", "<->", ""),
    ("cosine", "mnist", "vecstore_cosine_ops", "<=>", ""),
    ("dot product", "mnist", "vecstore_ip_ops", "<#>", ""),
    ("L1", "mnist", "vecstore_l1_ops", "<+>", ""),
    ("Canberra", "mnist", "vecstore_canberra_ops", "</>", ""),
    ("Bray-Curtis", "mnist", "vecstore_bray_curtis_ops", "<*>", ""),
    ("Hamming", "mnist_bits", "vecstore_hamming_ops", "<~>", ""),
    ("Jaccard", "mnist", "vecstore_jaccard_ops", "<%>", ""),
    ("Chebyshev", "mnist", "vecstore_chebyshev_ops", "<^>", ""),
    ("retail Jaccard", "retail", "vecstore_jaccard_ops", "<%>", ""),
    ("retail Jaccard, m 48, efc 400", "retail", "vecstore_jaccard_ops", "<%>",
     "WITH (m = 48, ef_construction = 400)"),
]

FUNCTIONS = """
CREATE TABLE exact (name text, query int, tenth float8);
CREATE FUNCTION find_exact(name text, tab text, op text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE q record; d float8;
BEGIN
    PERFORM set_config('enable_indexscan', 'off', true);
    FOR q IN EXECUTE format('SELECT id, e FROM %I', tab || '_query') LOOP
        EXECUTE format('SELECT max(d) FROM (SELECT e OPERATOR(public.%s) $1 AS d FROM %I ORDER BY 1 LIMIT 10) x', op, tab)
            INTO d USING q.e;
        INSERT INTO exact VALUES (name, q.id, d);
    END LOOP;
    PERFORM set_config('enable_indexscan', 'on', true);
END $$;
CREATE FUNCTION measure(name text, tab text, op text, ef int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE q record; n int; hits int := 0; total int := 0;
BEGIN
    PERFORM set_config('vecstore.ef_search', ef::text, true);
    PERFORM set_config('enable_seqscan', 'off', true);
    FOR q IN EXECUTE format('SELECT t.id, t.e, x.tenth FROM %I t JOIN exact x ON x.query = t.id AND x.name = %L', tab || '_query', name) LOOP
        EXECUTE format('SELECT count(*) FILTER (WHERE d <= $2) FROM (SELECT e OPERATOR(public.%1$s) $1 AS d FROM %2$I ORDER BY e OPERATOR(public.%1$s) $1 LIMIT 10) x', op, tab)
            INTO n USING q.e, q.tenth;
        hits := hits + n; total := total + 10;
    END LOOP;
    RETURN hits::float8 / total;
END $$;
"""


def psql(sql, *, quiet=True):
    """Run SQL in one session; what it prints, rows as tab-separated lines."""
    run = subprocess.run(
        ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"],
        input="SET client_min_messages = warning; SET search_path = recall_bench, public;\n" + sql,
        capture_output=True, text=True, check=False)
    if run.returncode != 0:
        sys.exit("recall.py: psql failed:\n" + run.stderr)
    return run.stdout.strip()


def read_bvecs(path):
    raw = gzip.open(path).read()
    dim = int(np.frombuffer(raw[:4], "<i4")[0])
    return np.frombuffer(raw, "u1").reshape(-1, dim + 4)[:, 4:].astype("f4")


def read_baskets(path):
    return [[int(i) for i in line.rstrip("\n").split("\t")[-1].replace(",", " ").split()]
            for line in gzip.open(path, "rt")]


def baskets_to_vectors(baskets, place):
    out = np.zeros((len(baskets), RETAIL_ITEMS), "f4")
    for row, basket in enumerate(baskets):
        for item in basket:
            if item in place:
                out[row, place[item]] = 1
    return out[out.any(axis=1)]


def load(table, rows):
    """COPY the rows, as binary, into a table of (id, e)."""
    dim = rows.shape[1]
    psql(f"CREATE TABLE {table} (id int, e public.vecstore({dim}));"
         f"ALTER TABLE {table} ALTER e SET STORAGE PLAIN" if dim < 2000 else
         f"CREATE TABLE {table} (id int, e public.vecstore({dim}));")
    step = max(1, 50_000_000 // dim)
    for start in range(0, len(rows), step):
        part = rows[start:start + step]
        tup = np.zeros(len(part), dtype=[("fields", ">i2"), ("len1", ">i4"), ("id", ">i4"),
                                         ("len2", ">i4"), ("dim", ">i2"), ("zero", ">i2"),
                                         ("v", ">f4", (dim,))])
        tup["fields"], tup["len1"], tup["id"] = 2, 4, np.arange(start, start + len(part))
        tup["len2"], tup["dim"], tup["v"] = 4 + 4 * dim, dim, part
        with tempfile.NamedTemporaryFile(suffix=".copy") as f:
            f.write(b"PGCOPY\n\xff\r\n\0" + b"\0" * 8)
            tup.tofile(f)
            f.write(b"\xff\xff")
            f.flush()
            psql(f"\\copy {table} FROM '{f.name}' WITH (FORMAT binary)")
    psql(f"VACUUM ANALYZE {table}")


def load_mnist(data, queries):
    base = read_bvecs(f"{data}/mnist784/base.bvecs.gz")
    query = read_bvecs(f"{data}/mnist784/query.bvecs.gz")
    query = query[np.linspace(0, len(query) - 1, queries).astype(int)]
    load("mnist", base)
    load("mnist_query", query)
    load("mnist_bits", (base > 127).astype("f4"))
    load("mnist_bits_query", (query > 127).astype("f4"))


def load_retail(data, queries):
    base = read_baskets(f"{data}/retail_sets/base.tsv.gz")
    query = read_baskets(f"{data}/retail_sets/query.tsv.gz")[:queries]
    count = collections.Counter(i for b in base for i in b)
    place = {item: n for n, (item, _) in enumerate(count.most_common(RETAIL_ITEMS))}
    load("retail", baskets_to_vectors(base, place))
    load("retail_query", baskets_to_vectors(query, place))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("data", nargs="?", default=os.environ.get(
        "VECSTORE_DATA", os.path.join(HERE, "../../../shared/data")))
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--only", nargs="*")
    args = parser.parse_args()
    if not os.path.isdir(args.data):
        print(f"recall.py: skipped, no data in {args.data}")
        return
    cases = [c for c in CASES if not args.only or c[0] in args.only]
    psql("DROP SCHEMA IF EXISTS recall_bench CASCADE; CREATE SCHEMA recall_bench;"
         "CREATE EXTENSION IF NOT EXISTS vecstore SCHEMA public;" + FUNCTIONS)
    if any(c[1].startswith("mnist") for c in cases):
        load_mnist(args.data, args.queries)
    if any(c[1] == "retail" for c in cases):
        load_retail(args.data, args.queries)
    print("| data, metric | build s | index MB | unreachable | " +
          " | ".join(f"ef {ef}" for ef in EFS) + " |")
    print("|---" * (4 + len(EFS)) + "|")
    for name, table, opclass, operator, options in cases:
        start = time.monotonic()
        psql(f"CREATE INDEX bench_idx ON {table} USING vecstore (e {opclass}) {options}")
        seconds = time.monotonic() - start
        psql(f"SELECT find_exact('{name}', '{table}', '{operator}')")
        recalls = [float(psql(f"SELECT measure('{name}', '{table}', '{operator}', {ef})"))
                   for ef in EFS]
        size, unreachable = psql(
            "SELECT pg_relation_size('bench_idx') >> 20, unreachable "
            "FROM vecstore_check('bench_idx')").split("|")
        psql("DROP INDEX bench_idx")
        print(f"| {name} | {seconds:.1f} | {size} | {unreachable} | " +
              " | ".join(f"{r:.4f}" for r in recalls) + " |", flush=True)
    psql("DROP SCHEMA recall_bench CASCADE")


if __name__ == "__main__":
    main()
