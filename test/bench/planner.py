#!/usr/bin/env python3
"""Measure whether the planner chooses the cheapest plan of 20 queries.

usage: planner.py [--rounds N] [--queries N] [--only NAME ...] [--keep] [--plans]
                  [--set NAME=VALUE ...]

Connects like psql (PGHOST, PGUSER, ...) to a server in which vecstore is
installed, works in a schema of its own, planner_bench, and drops it at the
end; --keep leaves the tables there, and the next run uses them. Three tables
of clustered vectors: 1,000 and 100,000 rows of 96 dimensions, 500,000 of 32.

For each case the plan chosen with the server's settings (and --set, such as
random_page_cost=1.1) is compared with plans forced by enable_* settings: the
vecstore index, other indexes and a sort, a sequential scan and a sort, and for
joins each way to join; and with what the planner would choose if there were no
vecstore index. Plans run in turns with the same query vectors; their
time is what EXPLAIN ANALYZE says on the second of two runs, the median over the
rounds, the mean over the vectors. Plans ten times slower than the fastest at
first sight are not run again. A choice is right if it takes at most 10% longer
than the cheapest. Prints a Markdown table, "N of 20", and in how many the vecstore
index was used where the cheapest plan uses it and not where it does not: the
rest is up to core, such as whether to scan in parallel. Needs no module beyond
Python's own.
"""
import argparse
import array
import random
import re
import statistics
import struct
import subprocess
import sys

TOLERANCE = 1.10
HOPELESS = 10
CLUSTERS = 100
AUTHORS = 1000
PROBES = 20

# name, rows, dimensions
TABLES = [("small", 1000, 96), ("mid", 100000, 96), ("big", 500000, 32)]

# name, table, query, settings.  {t} is the table, {q} a query vector, {c} the
# cluster it lies in, {far} the cluster farthest from it.
CASES = [
    ("1k, LIMIT 1", "small",
     "SELECT id FROM {t} ORDER BY v <-> {q} LIMIT 1", {}),
    ("1k, WHERE 1% (btree), LIMIT 10", "small",
     "SELECT id FROM {t} WHERE category = 1 ORDER BY v <-> {q} LIMIT 10", {}),
    ("1k, join, no LIMIT", "small",
     "SELECT i.id FROM {t} i JOIN authors a ON a.id = i.author WHERE a.country = 1 ORDER BY v <-> {q}", {}),
    ("100k, LIMIT 10", "mid",
     "SELECT id FROM {t} ORDER BY v <-> {q} LIMIT 10", {}),
    ("100k, LIMIT 100 (more than ef)", "mid",
     "SELECT id FROM {t} ORDER BY v <-> {q} LIMIT 100", {}),
    ("100k, LIMIT 1000", "mid",
     "SELECT id FROM {t} ORDER BY v <-> {q} LIMIT 1000", {}),
    ("100k, no LIMIT", "mid",
     "SELECT id FROM {t} ORDER BY v <-> {q}", {}),
    ("100k, WHERE 0.01% (btree), LIMIT 10", "mid",
     "SELECT id FROM {t} WHERE category = 2 ORDER BY v <-> {q} LIMIT 10", {}),
    ("100k, WHERE 1% (no index), LIMIT 10", "mid",
     "SELECT id FROM {t} WHERE u < 100 ORDER BY v <-> {q} LIMIT 10", {}),
    ("100k, WHERE the query's cluster, LIMIT 10", "mid",
     "SELECT id FROM {t} WHERE cluster = {c} ORDER BY v <-> {q} LIMIT 10", {}),
    ("100k, WHERE the farthest cluster, LIMIT 10", "mid",
     "SELECT id FROM {t} WHERE cluster = {far} ORDER BY v <-> {q} LIMIT 10", {}),
    ("100k, join, filter on the other table, LIMIT 10", "mid",
     "SELECT i.id, a.name FROM {t} i JOIN authors a ON a.id = i.author WHERE a.country = 1 ORDER BY v <-> {q} LIMIT 10", {}),
    ("100k, GROUP BY over LIMIT 200", "mid",
     "SELECT cluster, count(*) FROM (SELECT cluster FROM {t} ORDER BY v <-> {q} LIMIT 200) n GROUP BY cluster", {}),
    ("500k, WHERE 50%, ef 400, LIMIT 10", "big",
     "SELECT id FROM {t} WHERE category = 0 ORDER BY v <-> {q} LIMIT 10", {"vecstore.ef_search": "400"}),
    ("500k, WHERE 0.01% (no index), LIMIT 10", "big",
     "SELECT id FROM {t} WHERE u = 7 ORDER BY v <-> {q} LIMIT 10", {}),
    ("500k, WHERE nothing (no index), LIMIT 10", "big",
     "SELECT id FROM {t} WHERE u = -1 ORDER BY v <-> {q} LIMIT 10", {}),
    ("500k, join that multiplies, LIMIT 30", "big",
     "SELECT i.id, g.tag FROM {t} i JOIN tags g ON g.item = i.id ORDER BY v <-> {q} LIMIT 30", {}),
    ("500k, LATERAL, 5 times LIMIT 10", "big",
     "SELECT p.id, n.id FROM probes p, LATERAL (SELECT id FROM {t} ORDER BY v <-> p.v LIMIT 10) n WHERE p.id <= 5", {}),
    ("500k, LIMIT 10 OFFSET 90", "big",
     "SELECT id FROM {t} ORDER BY v <-> {q} LIMIT 10 OFFSET 90", {}),
    ("500k, generic plan, WHERE category = $2, LIMIT 10", "big",
     "SELECT id FROM {t} WHERE category = $2 ORDER BY v <-> $1 LIMIT 10", {"plan_cache_mode": "force_generic_plan"}),
]

# Settings that force a way to read the table, and a way to join.  No setting
# keeps vecstore's index out and leaves all others in: for that, "+ 0" behind the
# distance makes it an order that the index does not know.
NO_VECSTORE = "no vecstore"
SCANS = [
    {},
    {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"},
    {"enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_seqscan": "off"},
    {"enable_indexscan": "off", "enable_indexonlyscan": "off", "enable_bitmapscan": "off"},
    {NO_VECSTORE: "on"},
    {NO_VECSTORE: "on", "max_parallel_workers_per_gather": "0"},
]
JOINS = [
    {"enable_hashjoin": "off", "enable_mergejoin": "off"},
    {"enable_nestloop": "off", "enable_mergejoin": "off"},
    {"enable_nestloop": "off", "enable_hashjoin": "off"},
]


def psql(sql, *, data=None):
    """Run SQL in one session; what it prints."""
    head = "SET client_min_messages = warning; SET search_path = planner_bench, public;\n"
    command = ["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"]
    if data is None:
        run = subprocess.run(command, input=(head + sql).encode(), capture_output=True, check=False)
    else:
        run = subprocess.run(command + ["-c", head, "-c", sql], input=data, capture_output=True, check=False)
    if run.returncode != 0:
        sys.exit("planner.py: psql failed:\n" + run.stderr.decode())
    return run.stdout.decode()


class Vectors:
    """Clustered vectors: a cluster's centre and two steps in a subspace of 12 dimensions."""

    def __init__(self, dims, seed):
        self.rng = random.Random(seed)
        gauss = self.rng.gauss
        axes = [[gauss(0, 1) for _ in range(dims)] for _ in range(12)]
        self.centres = [[gauss(0, 1) for _ in range(dims)] for _ in range(CLUSTERS)]
        self.steps = []
        for _ in range(4096):
            place = [gauss(0, 0.15) for _ in axes]
            self.steps.append([sum(p * a[k] for p, a in zip(place, axes)) + gauss(0, 0.05) for k in range(dims)])

    def draw(self, cluster):
        one, two = self.rng.choice(self.steps), self.rng.choice(self.steps)
        return [a + b + c for a, b, c in zip(self.centres[cluster], one, two)]

    def farthest(self, cluster):
        here = self.centres[cluster]
        return max(range(CLUSTERS), key=lambda c: sum((a - b) ** 2 for a, b in zip(here, self.centres[c])))


def copy_rows(rows):
    """Rows of integers and a vector in COPY's binary format."""
    out = bytearray(b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0))
    for numbers, vector in rows:
        floats = array.array("f", vector)
        floats.byteswap()
        out += struct.pack(">h", len(numbers) + 1)
        for number in numbers:
            out += struct.pack(">ii", 4, number)
        out += struct.pack(">ihh", 4 + 4 * len(vector), len(vector), 0) + floats.tobytes()
    return bytes(out + struct.pack(">h", -1))


def category(rng, i, rows):
    """0: half of the rows, 1: one in 100, 2: one in 10,000 (at least one), else spread."""
    if i % max(rows // max(rows // 10000, 1), 1) == 5:
        return 2
    if i % 100 == 7:
        return 1
    return 0 if rng.random() < 0.5 else rng.randrange(3, 1000)


def make_table(name, rows, dims):
    vectors = Vectors(dims, 42)
    rng = vectors.rng

    def generate():
        for i in range(1, rows + 1):
            cluster = rng.randrange(CLUSTERS)
            yield (i, category(rng, i, rows), rng.randrange(10000), cluster, rng.randrange(AUTHORS)), vectors.draw(cluster)
    print(f"building {name}: {rows} x {dims}", file=sys.stderr)
    psql(f"CREATE TABLE {name} (id int, category int, u int, cluster int, author int, v vecstore({dims}))")
    psql(f"COPY {name} FROM STDIN (FORMAT binary)", data=copy_rows(generate()))
    psql(f"ALTER TABLE {name} ADD PRIMARY KEY (id); CREATE INDEX ON {name} (category);"
         f"CREATE INDEX ON {name} (author); SET maintenance_work_mem = '1GB';"
         f"CREATE INDEX {name}_v ON {name} USING vecstore (v vecstore_l2_ops);")


def probes(table):
    """Query vectors of a table, as (vector, its cluster, the farthest cluster)."""
    dims = dict((name, dims) for name, rows, dims in TABLES)[table]
    vectors = Vectors(dims, 42)
    vectors.rng.seed(7)
    clusters = [vectors.rng.randrange(CLUSTERS) for _ in range(PROBES)]
    return [(vectors.draw(c), c, vectors.farthest(c)) for c in clusters]


def make_tables():
    if psql("SELECT to_regclass('planner_bench.done')").strip():
        return
    psql("DROP SCHEMA IF EXISTS planner_bench CASCADE; CREATE EXTENSION IF NOT EXISTS vecstore; CREATE SCHEMA planner_bench")
    for table in TABLES:
        make_table(*table)
    psql(f"CREATE TABLE probes (id int PRIMARY KEY, v vecstore({TABLES[2][2]}))")
    psql("COPY probes FROM STDIN (FORMAT binary)",
         data=copy_rows(((i + 1,), vector) for i, (vector, _, _) in enumerate(probes("big"))))
    psql(f"""
CREATE TABLE authors AS SELECT id, id % 50 AS country, 'author ' || id AS name FROM generate_series(0, {AUTHORS - 1}) id;
ALTER TABLE authors ADD PRIMARY KEY (id);
CREATE TABLE tags AS SELECT id AS item, (id * 7 + k) % 1000 AS tag FROM big, generate_series(1, 3) k;
CREATE INDEX ON tags (item);
VACUUM ANALYZE;
CREATE TABLE done ();
""")


def literal(vector):
    return "'[" + ",".join(f"{x:.6g}" for x in vector) + "]'"


def statements(case, settings, probe):
    """What to run for one plan and one query vector."""
    _, table, query, _ = case
    vector, cluster, far = probe
    settings = dict(settings)
    if settings.pop(NO_VECSTORE, None):
        query = re.sub(r"(v <-> (?:\{q\}|\$1|p\.v))", r"(\1) + 0", query)
    lines = [f"SET {name} = {value};" for name, value in settings.items()]
    if "$1" in query:
        lines += [f"PREPARE p(vecstore, int) AS {query.format(t=table)};",
                  f"EXPLAIN (ANALYZE, TIMING OFF) EXECUTE p({literal(vector)}, 10);", "DEALLOCATE p;"]
    else:
        text = query.format(t=table, q=literal(vector), c=cluster, far=far)
        lines.append(f"EXPLAIN (ANALYZE, TIMING OFF) {text};")
    lines += [f"RESET {name};" for name in settings]
    return lines


def summary(plan):
    """The nodes of a plan from the top, shortly: joins, sorts, scans."""
    nodes = []
    for line in plan.splitlines():
        node = re.match(r"\s*(?:->\s*)?([A-Z][A-Za-z ]*?)(?: using (\S+))?(?: on (\S+)(?: \S+)?)?  ?\((?:cost|actual)", line)
        if not node:
            continue
        kind, index, relation = node.groups()
        if index and index.endswith("_v"):
            nodes.append("vecstore")
        elif kind in ("Bitmap Index Scan",):
            continue
        elif relation or index:
            kind = kind.replace(" Heap Scan", "").replace("Index Only Scan", "index").replace("Index Scan", "index")
            nodes.append(f"{kind.replace(' Scan', '').lower()} {relation}")
        elif kind in ("Nested Loop", "Hash Join", "Merge Join", "Sort", "Incremental Sort", "Gather Merge", "Gather", "Parallel Hash Join"):
            nodes.append(kind.lower())
    return ", ".join(nodes)


def cost(plan):
    """The plan's cost, less what enable_* settings add for each node they disable."""
    return float(re.search(r"cost=[\d.]+\.\.([\d.]+)", plan).group(1)) % 1e10


def explain_all(case, variants, vectors):
    """Each variant's plans and times, one for each vector, on warm caches."""
    script = []
    for i, variant in enumerate(variants):
        # Once to bring its pages into the processor's caches, once timed.
        for timed in (0, 1):
            for probe in vectors:
                script += [f"\\echo @ {i} {timed}"] + statements(case, variant, probe)
    found = {}
    for chunk in psql("\n".join(script)).split("@ ")[1:]:
        head, plan = chunk.split("\n", 1)
        number, timed = map(int, head.split())
        if timed:
            ms = float(re.search(r"Execution Time: ([\d.]+)", plan).group(1))
            found.setdefault(number, []).append((plan, ms))
    return [found[i] for i in range(len(variants))]


def run_case(case, options):
    """All plans of a case, {summary: (cost, ms)}, and the summary of the one chosen."""
    _, table, query, settings = case
    base = {**options.set, **settings}
    variants = [{**base, **scan} for scan in SCANS]
    if " JOIN " in query:
        variants += [{**base, **scan, **join} for scan in SCANS for join in JOINS]
    vectors = probes(table)[:options.queries]

    # One look at each, with one vector; then those that come near the fastest.
    plans = {}
    for variant, [(plan, ms)] in zip(variants, explain_all(case, variants, vectors[:1])):
        plans.setdefault(summary(plan), (variant, cost(plan), ms))
    chosen = next(iter(plans))
    limit = HOPELESS * min(ms for _, _, ms in plans.values())
    near = [key for key, (_, _, ms) in plans.items() if ms <= limit or key == chosen]
    times = {key: [[] for _ in vectors] for key in near}
    for _ in range(options.rounds):
        near = near[1:] + near[:1]
        found = explain_all(case, [plans[key][0] for key in near], vectors)
        for key, runs in zip(near, found):
            for of_vector, (_, ms) in zip(times[key], runs):
                of_vector.append(ms)
    mean = {key: statistics.mean(statistics.median(t) for t in times[key]) for key in near}
    return chosen, {key: (c, mean.get(key, ms)) for key, (_, c, ms) in plans.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--queries", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME")
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    options.set = dict(pair.split("=", 1) for pair in options.set)
    make_tables()
    cases = [case for case in CASES if not options.only or any(part in case[0] for part in options.only)]
    right = index_right = 0
    print("| case | chosen | cost | ms | best of the others | cost | ms | right |\n|---|---|---|---|---|---|---|---|")
    for case in cases:
        chosen, plans = run_case(case, options)
        others = sorted((ms, key) for key, (_, ms) in plans.items() if key != chosen)
        good = not others or plans[chosen][1] <= TOLERANCE * others[0][0]
        right += good
        index_right += good or ("vecstore" in chosen) == ("vecstore" in others[0][1])
        other = others[0][1] if others else None
        cells = [case[0], chosen, f"{plans[chosen][0]:.0f}", f"{plans[chosen][1]:.2f}"]
        cells += [other, f"{plans[other][0]:.0f}", f"{plans[other][1]:.2f}"] if other else ["none", "", ""]
        print("| " + " | ".join(cells + ["yes" if good else "no"]) + " |", flush=True)
        if options.plans:
            for key, (c, ms) in sorted(plans.items(), key=lambda item: item[1][1]):
                print(f"    {ms:10.3f} ms  {c:10.1f}  {key}")
    print(f"\n{right} of {len(cases)}; the index used where it should be: {index_right} of {len(cases)}")
    if not options.keep:
        psql("DROP SCHEMA planner_bench CASCADE")


if __name__ == "__main__":
    main()
