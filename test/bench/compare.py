#!/usr/bin/env python3
"""Compare vecstore with pgvector in one server and one run.

usage: compare.py PREFIX LABEL [options], see --help; test/bench/run sets up a
server and calls it

Connects like psql (PGHOST, PGUSER, ...), as a superuser on the same machine, to
a server that has both extensions installed. PREFIX is what prepare.py wrote.

What is measured, the two systems taking turns so that a drift of the machine
hits both:
  build     CREATE INDEX after VACUUM ANALYZE; seconds of the fastest of --builds
            rounds, CPU seconds of the backend and its parallel workers, how
            many workers there were; for each --mwm
  search    annbench (annbench.c beside this file), one connection, prepared
            statement with a binary parameter, ten rows; the median of --rounds
            rounds; the same with client and server on one CPU (on two, each
            query waits for the other one to wake up, which on a virtual machine
            takes as long as a search, and not always the same time: see
            /sys/module/haltpoll/parameters/guest_halt_poll_ns, 200000 unless the
            machine says otherwise); ten rows by a B-tree, for what a query costs
            without a search; and two connections at once; the index is used even
            where a sequential scan would be cheaper
  insert    the rows held out, one INSERT each (a prepared statement run by a
            PL/pgSQL loop, in transactions of 500 rows); WAL, and buffers of an
            INSERT ... SELECT of 200 more rows from EXPLAIN
  vacuum    DELETE of a tenth of the rows, VACUUM (PARALLEL 0): seconds, CPU,
            WAL; recall afterwards
A table without an index goes the same way; what it needs for inserts and vacuum
is shown, and taken off where "index" is said. full_page_writes is off during
inserts and vacuum unless --fpw, since pages touched first after a checkpoint
would hide everything else.

Prints Markdown; writes LABEL.md, LABEL.json, LABEL.png (recall against queries
per second) and LABEL-costs.png into --out. Only ratios within one run mean
anything; let nothing else run. Needs numpy, matplotlib, libpq-dev.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SYSTEMS = {
    # name: extension and type, index clause, setting
    "pgvector": ("vector", "hnsw (e vector_l2_ops)", "hnsw.ef_search"),
    "vecstore": ("vecstore", "vecstore (e vecstore_l2_ops)", "vecstore.ef_search"),
}
NO_INDEX = "no index"
HALT_POLL = "/sys/module/haltpoll/parameters/guest_halt_poll_ns"
EXPLAINED, CHUNK = 200, 500
TICKS = os.sysconf("SC_CLK_TCK")


class Session:
    """A psql that stays connected."""

    def __init__(self):
        self.psql = subprocess.Popen(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.run("SET client_min_messages = warning")
        self.pid = int(self.run("SELECT pg_backend_pid()"))
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            self.postmaster = int(stat.read().rpartition(")")[2].split()[1])

    def run(self, sql):
        self.psql.stdin.write(sql + "\n;\n\\echo @done@\n" if not sql.startswith("\\")
                              else sql + "\n\\echo @done@\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line == "@done@\n":
                return "\n".join(lines)
            lines.append(line.rstrip("\n"))
        sys.exit("compare.py: psql ended, running:\n" + sql)

    def number(self, sql):
        return float(self.run(sql))

    def wal(self):
        return self.number("SELECT pg_current_wal_insert_lsn() - '0/0'")

    def cpu(self):
        return cpu_of(self.pid)


def cpu_of(pid):
    """CPU seconds that a process has used; None if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS


class Workers(threading.Thread):
    """Watches the parallel workers of a backend and their CPU seconds."""

    def __init__(self, leader):
        super().__init__(daemon=True)
        self.leader, self.seen, self.ended = leader, {}, threading.Event()
        self.session = Session()

    def run(self):
        while not self.ended.wait(0.1):
            for pid in self.session.run("SELECT pid FROM pg_stat_activity WHERE leader_pid = "
                                        f"{self.leader}").split():
                self.seen.setdefault(pid, 0)
            for pid in self.seen:
                self.seen[pid] = cpu_of(pid) or self.seen[pid]

    def stop(self):
        self.ended.set()
        self.join()
        self.session.psql.stdin.close()
        return self.seen


def table_of(name):
    return "compare_" + name.replace(" ", "_")


def build_annbench(folder):
    include = subprocess.run([os.environ.get("PG_CONFIG", "pg_config"), "--includedir"],
                             capture_output=True, text=True, check=True).stdout.strip()
    path = os.path.join(folder, "annbench")
    subprocess.run(["cc", "-O2", os.path.join(HERE, "annbench.c"), "-o", path,
                    "-I" + include, "-lpq"], check=True)
    return path


class Bench:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.annbench = build_annbench(folder)
        self.dim = int(np.fromfile(args.prefix + "_query.fvecs", "<i4", 1)[0])
        self.session = Session()
        self.results = {name: {} for name in SYSTEMS}
        self.floor = {}
        self.fpw = None
        self.settings = ", ".join(
            f"{name} {self.session.run('SHOW ' + name)}" for name in
            ("shared_buffers", "max_parallel_maintenance_workers", "fsync", "wal_level", "jit"))

    def load(self, name, more):
        """Make the table of a system, or fill compare_..._more with the rows held out."""
        column = SYSTEMS.get(name, ("vector",))[0]
        table = table_of(name) + ("_more" if more else "")
        storage = f"ALTER TABLE {table} ALTER e SET STORAGE PLAIN;"
        self.session.run(f"CREATE EXTENSION IF NOT EXISTS {column}; DROP TABLE IF EXISTS {table};"
                         f"CREATE TABLE {table} (id int, e {column}({self.dim}))"
                         " WITH (autovacuum_enabled = off);"
                         + (storage if self.args.storage == "plain" else ""))
        self.session.run(f"\\copy {table} FROM '{self.args.prefix}{'_more' if more else ''}.copy'"
                         " WITH (FORMAT binary)")
        self.session.run(f"VACUUM ANALYZE {table}")

    # ---- build ----

    def build_once(self, name, mwm):
        table, clause = table_of(name), SYSTEMS[name][1]
        self.session.run(f"DROP INDEX IF EXISTS {table}_idx; SET maintenance_work_mem = '{mwm}'")
        self.session.run("CHECKPOINT")
        workers = Workers(self.session.pid)
        workers.start()
        cpu, wal, start = self.session.cpu(), self.session.wal(), time.monotonic()
        self.session.run(f"CREATE INDEX {table}_idx ON {table} USING {clause} "
                         f"WITH (m = {self.args.m}, ef_construction = {self.args.efc})")
        seconds = time.monotonic() - start
        seen = workers.stop()
        build = {"seconds": seconds, "workers": len(seen),
                 "cpu": self.session.cpu() - cpu + sum(seen.values()),
                 "wal": self.session.wal() - wal}
        best = self.results[name].setdefault("build", {}).get(mwm)
        if best is None or seconds < best["seconds"]:
            self.results[name]["build"][mwm] = build

    def build(self):
        # The index of the first value is built last: it is the one that is searched.
        for mwm in reversed(self.args.mwm):
            for _ in range(self.args.builds if mwm == self.args.mwm[0] else 1):
                for name in SYSTEMS:
                    self.build_once(name, mwm)
        for name in SYSTEMS:
            self.results[name]["bytes"] = self.session.number(
                f"SELECT pg_relation_size('{table_of(name)}_idx')")

    # ---- search ----

    def pin(self, cpus):
        """Let this process, the server and what they start run on these CPUs."""
        for pid in (0, self.session.postmaster):
            os.sched_setaffinity(pid, cpus)

    def start_queries(self, name, prefix, efs, query):
        return subprocess.Popen(
            [self.annbench, "options='-c enable_seqscan=off'", prefix, query, SYSTEMS[name][2]]
            + [str(e) for e in efs], text=True, stdout=subprocess.PIPE)

    def start_search(self, name, prefix, efs, table=None):
        return self.start_queries(name, prefix, efs,
                                  f"SELECT id FROM {table or table_of(name)} ORDER BY e <-> $1 LIMIT 10")

    @staticmethod
    def points(process):
        out, _ = process.communicate()
        if process.returncode != 0:
            sys.exit("compare.py: annbench failed")
        return [(float(r), float(q)) for r, q in re.findall(r"recall=([\d.]+) qps=(\d+)", out)]

    def measure_floor(self):
        """Queries a second that get ten rows by a B-tree, and send a vector for nothing."""
        column = SYSTEMS["vecstore"][0]
        (_, qps), = self.points(self.start_queries(
            "vecstore", self.args.prefix, [self.args.ef],
            f"SELECT id FROM {table_of('vecstore')} WHERE $1::{column} IS NOT NULL ORDER BY id LIMIT 10"))
        return qps

    def search(self):
        everywhere = os.sched_getaffinity(0)
        rounds = {"points": {}, "pinned": {}}
        pairs = {name: [] for name in SYSTEMS}
        floors = {"points": [], "pinned": []}
        self.session.run(f"CREATE INDEX compare_floor ON {table_of('vecstore')} (id)")
        for _ in range(self.args.rounds):
            for way, cpus in (("points", everywhere), ("pinned", {min(everywhere)})):
                self.pin(cpus)
                floors[way].append(self.measure_floor())
                for name in SYSTEMS:
                    rounds[way].setdefault(name, []).append(
                        self.points(self.start_search(name, self.args.prefix, self.args.efs)))
            self.pin(everywhere)
            for name in SYSTEMS:
                one = self.points(self.start_search(name, self.args.prefix, [self.args.ef]))
                two = [self.start_search(name, self.args.prefix, [self.args.ef]) for _ in range(2)]
                both = [self.points(process) for process in two]
                pairs[name].append((one[0][1], both[0][0][1] + both[1][0][1]))
        self.session.run("DROP INDEX compare_floor")
        self.floor = {way: statistics.median(qps) for way, qps in floors.items()}
        for name in SYSTEMS:
            for way, measured in rounds.items():
                self.results[name][way] = [
                    (point[0][0], statistics.median(qps for _, qps in point))
                    for point in zip(*measured[name])]
            self.results[name]["one"], self.results[name]["two"] = (
                statistics.median(column) for column in zip(*pairs[name]))

    # ---- insert and vacuum ----

    def full_page_writes(self, value):
        self.session.run(f"ALTER SYSTEM {'RESET' if value is None else 'SET'} full_page_writes"
                         + ("" if value is None else f" = {value}"))
        self.session.run("SELECT pg_reload_conf()")
        self.session.run("CHECKPOINT")  # the checkpointer has read the new value by now

    def insert_chunk(self, name, first, last):
        """Insert the rows held out with FIRST <= id < LAST one by one; seconds, CPU, WAL."""
        table = table_of(name)
        cpu, wal, start = self.session.cpu(), self.session.wal(), time.monotonic()
        self.session.run(f"DO $$ DECLARE r record; BEGIN FOR r IN SELECT * FROM {table}_more "
                         f"WHERE id >= {first} AND id < {last} LOOP "
                         f"INSERT INTO {table} VALUES (r.id, r.e); END LOOP; END $$")
        return np.array([time.monotonic() - start, self.session.cpu() - cpu,
                         self.session.wal() - wal])

    def insert(self):
        names = [*SYSTEMS, NO_INDEX]
        first, last = (int(n) for n in self.session.run(
            f"SELECT min(id), max(id) + 1 FROM {table_of(NO_INDEX)}_more").split("|"))
        single = last - min(EXPLAINED, (last - first) // 2)
        totals = {name: np.zeros(3) for name in names}
        for chunk in range(first, single, CHUNK):
            for name in names:
                totals[name] += self.insert_chunk(name, chunk, min(chunk + CHUNK, single))
        rows = single - first
        for name in names:
            table = table_of(name)
            plan = self.session.run(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) INSERT INTO {table} "
                                    f"SELECT * FROM {table}_more WHERE id >= {single}")
            plan = json.loads(plan)[0]["Plan"]
            seconds, cpu, wal = totals[name]
            self.results[name]["insert"] = {
                "rows": rows, "rows_per_s": rows / seconds, "cpu_ms": 1000 * cpu / rows,
                "wal": wal / rows,
                "buffers": (plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]) / (last - single)}

    def vacuum(self):
        for name in [*SYSTEMS, NO_INDEX]:
            table = table_of(name)
            self.session.run(f"DELETE FROM {table} WHERE id % 10 = 0")
            self.session.run("CHECKPOINT")
            cpu, wal, start = self.session.cpu(), self.session.wal(), time.monotonic()
            self.session.run(f"VACUUM (PARALLEL 0, INDEX_CLEANUP ON) {table}")
            self.results[name]["vacuum"] = {
                "seconds": time.monotonic() - start, "cpu": self.session.cpu() - cpu,
                "wal": self.session.wal() - wal}

    def recall_after(self):
        """Recall among the rows that are left, from the truth for all rows."""
        raw = np.fromfile(self.args.prefix + "_gtall.ivecs", "<i4")
        truth = raw.reshape(-1, raw[0] + 1)[:, 1:]
        left = [row[row % 10 != 0] for row in truth]
        depth = min(len(row) for row in left)
        if depth < 10:
            sys.exit("compare.py: too few known neighbours are left after the deletion")
        out = np.empty((len(left), depth + 1), "<i4")
        out[:, 0] = depth
        out[:, 1:] = [row[:depth] for row in left]
        prefix = os.path.join(self.folder, "after")
        out.tofile(prefix + "_gt.ivecs")
        os.symlink(os.path.abspath(self.args.prefix + "_query.fvecs"), prefix + "_query.fvecs")
        for name in SYSTEMS:
            self.results[name]["after"] = self.points(
                self.start_search(name, prefix, [self.args.ef, 200]))

    def write(self):
        if not self.args.fpw:
            self.full_page_writes("off")
        try:
            self.fpw = self.session.run("SHOW full_page_writes")
            self.insert()
            self.vacuum()
        finally:
            self.full_page_writes(None)
        self.recall_after()

    def run(self):
        self.results[NO_INDEX] = {}
        for name in [*SYSTEMS, NO_INDEX]:
            self.load(name, False)
            self.load(name, True)
        self.session.run("CHECKPOINT")
        self.build()
        self.search()
        if not self.args.no_writes:
            self.write()
        for name in [*SYSTEMS, NO_INDEX]:
            self.session.run(f"DROP TABLE {table_of(name)}, {table_of(name)}_more")


def qps_at(points, recall):
    """Queries per second at a recall, interpolated in log qps; None if out of reach."""
    points = sorted(points)
    for (r0, q0), (r1, q1) in zip(points, points[1:]):
        if r0 <= recall <= r1 and r1 > r0:
            share = (recall - r0) / (r1 - r0)
            return float(np.exp(np.log(q0) + share * (np.log(q1) - np.log(q0))))
    return None


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def table(head, rows):
    return "\n".join([row(*head), "|" + "---|" * len(head), *(row(*cells) for cells in rows)])


def halt_poll():
    """What tells how long the other process takes to wake up, on a virtual machine."""
    if not os.path.exists(HALT_POLL):
        return ""
    with open(HALT_POLL, encoding="ascii") as f:
        return f"; guest_halt_poll_ns {f.read().strip()}"


def report(bench):
    args, results = bench.args, bench.results
    first = args.mwm[0]
    version = bench.session.run("SELECT split_part(version(), ' ', 2)")
    extensions = bench.session.run("SELECT string_agg(extname || ' ' || extversion, ', ' ORDER BY 1) "
                                   "FROM pg_extension WHERE extname IN ('vector', 'vecstore')")
    parts = [f"{args.label}, m = {args.m}, ef_construction = {args.efc}, storage {args.storage}; "
             f"PostgreSQL {version} ({extensions}; {bench.settings})"]

    def builds(name):
        for mwm in args.mwm:
            build = results[name]["build"][mwm]
            ratio = build["seconds"] / results[name]["build"][first]["seconds"]
            yield (name, mwm, f"{build['seconds']:.1f}", f"{build['cpu']:.1f}", build["workers"],
                   f"{build['wal'] / 2**20:.0f}", f"{ratio:.2f}")

    parts.append(table(["system", "maintenance_work_mem", "build s", "CPU s", "parallel workers",
                        "WAL MB", f"build s / that with {first}"],
                       [cells for name in SYSTEMS for cells in builds(name)]))

    def at(name, way):
        qps = qps_at(results[name][way], 0.99)
        return f"{qps:.0f}" if qps else "–"

    parts.append(table(
        ["system", "index MB", "QPS at ef " + " / ".join(map(str, args.efs)), "recall@10",
         "QPS at recall .99", "on one CPU", f"two connections, ef {args.ef}: QPS", "times one connection"],
        [(name, f"{r['bytes'] / 2**20:.0f}", " / ".join(f"{q:.0f}" for _, q in r["points"]),
          " / ".join(f"{p:.4f}" for p, _ in r["points"]), at(name, "points"), at(name, "pinned"),
          f"{r['two']:.0f}", f"{r['two'] / r['one']:.2f}")
         for name, r in results.items() if name != NO_INDEX]))
    parts.append(f"Ten rows by a B-tree instead: {bench.floor['points']:.0f} queries a second, "
                 f"on one CPU {bench.floor['pinned']:.0f}" + halt_poll() + ".")
    if not args.no_writes:
        parts += report_of_writes(bench)
    return "\n\n".join(parts) + "\n"


def report_of_writes(bench):
    args, results = bench.args, bench.results
    plain = results[NO_INDEX]
    yield table(
        ["system", "inserts/s", "CPU ms a row", "WAL bytes a row: all / index",
         "buffers a row: all / index"],
        [(name, f"{r['insert']['rows_per_s']:.0f}", f"{r['insert']['cpu_ms']:.2f}",
          f"{r['insert']['wal']:.0f} / {r['insert']['wal'] - plain['insert']['wal']:.0f}",
          f"{r['insert']['buffers']:.0f} / {r['insert']['buffers'] - plain['insert']['buffers']:.0f}")
         for name, r in results.items()])
    yield table(
        ["system", "vacuum s", "CPU s", "WAL MB: all / index",
         f"recall@10 afterwards, ef {args.ef} / 200"],
        [(name, f"{r['vacuum']['seconds']:.2f}", f"{r['vacuum']['cpu']:.2f}",
          f"{r['vacuum']['wal'] / 2**20:.1f} / {(r['vacuum']['wal'] - plain['vacuum']['wal']) / 2**20:.1f}",
          " / ".join(f"{p:.4f}" for p, _ in r["after"]) if "after" in r else "–")
         for name, r in results.items()])
    yield (f"Inserts: {plain['insert']['rows']} single rows. Vacuum: after deleting a tenth "
           f"of all rows. Both with full_page_writes {bench.fpw}.")


def draw(bench, stem):
    import matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(6, 4))
    for name in SYSTEMS:
        recalls, qps = zip(*sorted(bench.results[name]["points"]))
        axes.plot(recalls, qps, marker="o", label=name)
    axes.set_xlabel("recall@10")
    axes.set_ylabel("queries per second, one connection")
    axes.set_title(bench.args.label)
    axes.set_ylim(bottom=0)
    axes.grid(True, alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(stem + ".png", dpi=120)
    if not bench.args.no_writes:
        draw_costs(bench, stem, plt)


def draw_costs(bench, stem, plt):
    first = bench.args.mwm[0]
    charts = [("build, s", lambda r: r["build"][first]["seconds"]),
              ("build, CPU s", lambda r: r["build"][first]["cpu"]),
              ("an insert, CPU ms", lambda r: r["insert"]["cpu_ms"]),
              ("vacuum, CPU s", lambda r: r["vacuum"]["cpu"])]
    figure, all_axes = plt.subplots(1, len(charts), figsize=(9, 3))
    for axes, (title, value) in zip(all_axes, charts):
        values = [value(bench.results[name]) for name in SYSTEMS]
        bars = axes.bar(list(SYSTEMS), values, color=["C0", "C1"])
        axes.bar_label(bars, [f"{v:.3g}" for v in values])
        axes.set_title(title, fontsize=10)
        axes.margins(y=0.15)
    figure.suptitle(f"{bench.args.label}: less is better", fontsize=11)
    figure.tight_layout()
    figure.savefig(stem + "-costs.png", dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prefix")
    parser.add_argument("label")
    parser.add_argument("--efs", type=int, nargs="+", default=[10, 20, 40, 80, 200])
    parser.add_argument("--ef", type=int, default=40, help="for two connections, and after the vacuum")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--efc", type=int, default=64)
    parser.add_argument("--mwm", nargs="+", default=["2GB"],
                        help="values of maintenance_work_mem; the first one's index is searched")
    parser.add_argument("--builds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--storage", choices=["plain", "default"], default="plain",
                        help="of the vectors in the table")
    parser.add_argument("--no-writes", action="store_true",
                        help="build and search only, no costs in a plot")
    parser.add_argument("--fpw", action="store_true",
                        help="leave full_page_writes as the server has it")
    parser.add_argument("--out", default=".")
    args = parser.parse_args()
    if args.storage != "plain":
        args.label += f", storage {args.storage}"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args, folder)
        bench.run()
    text = report(bench)
    stem = os.path.join(args.out, re.sub(r"[^a-z0-9]+", "-", args.label.lower()).strip("-"))
    with open(stem + ".md", "w", encoding="utf-8") as f:
        f.write(text)
    with open(stem + ".json", "w", encoding="utf-8") as f:
        json.dump({"label": args.label, "settings": bench.settings, "full_page_writes": bench.fpw,
                   "options": vars(args), "results": bench.results}, f, indent=1)
    print(text)
    draw(bench, stem)


if __name__ == "__main__":
    main()
