#!/usr/bin/env python3
"""Turn what `prototype` prints into the Markdown tables of docs/file-format.md.

usage: tables.py curves CSV...     one table a set: every format, every ef
       tables.py equal CSV...      pages and queries a second at equal recall
       tables.py kernels CSV       nanoseconds a list
       tables.py sizes CSV         bytes a vertex, from `prototype sizes`

The CSV of `prototype search` has no header; FIELDS names its columns.
"""
import csv
import sys

FIELDS = ("set degree self bits scan factors descent again bytes per_page pages_each ef "
          "recall qps pages heap error wal_append wal_replace").split()
RECALLS = (0.90, 0.95, 0.99)


def rows(paths):
    for path in paths:
        with open(path) as f:
            for line in csv.reader(f):
                yield dict(zip(FIELDS, line))


def name(r):
    """A format in words; what is the usual choice is left out."""
    self = {"32": "float", "8": "8-bit", "4": "4-bit"}[r["self"]]
    if r["bits"] == "0":
        return f"{self} / none"
    words = [f"{self} / {r['bits']}"]
    words += ["FastScan"] if r["scan"] == "fast" else []
    words += ["float factors"] if r["factors"] == "f32" else []
    words += ["re-entry"] if r["again"] == "again" else []
    words += [f"descent: {r['descent']}"] if r["descent"] != "none" else []
    return ", ".join(words)


def series(paths):
    """Rows of one format, set and degree together, by ef; the first file wins."""
    found = {}
    for r in rows(paths):
        per_ef = found.setdefault((r["set"], int(r["degree"]), name(r)), {})
        per_ef.setdefault(int(r["ef"]), r)
    return found


def short(recall):
    return "1.0" if float(recall) > 0.9995 else f"{float(recall):.3f}".lstrip("0")


def thousands(qps):
    return f"{float(qps) / 1000:.1f}k"


def where(r):
    if int(r["per_page"]) > 1 or r["pages_each"] == "1":
        return f"{r['per_page']} a page"
    return f"{r['pages_each']} pages"


def curves(paths):
    found = series(paths)
    for key in sorted({k[:2] for k in found}):
        efs = (10, 20, 40, 80, 200, 400)
        print(f"\n{key[0]}, degree {key[1]}: recall@10 / queries a second / index pages a query\n")
        print("| self / bits | " + " | ".join(f"ef {e}" for e in efs) + " |")
        print("|---|" + "---|" * len(efs))
        for k, per_ef in found.items():
            if k[:2] != key:
                continue
            cells = [f"{short(per_ef[e]['recall'])} / {thousands(per_ef[e]['qps'])} / "
                     f"{float(per_ef[e]['pages']):.0f}" for e in efs if e in per_ef]
            print(f"| {k[2]} | " + " | ".join(cells) + " |")


def at_recall(per_ef, field, target):
    """Straight line between the two measured points around a recall."""
    last = None
    for ef in sorted(per_ef):
        r = per_ef[ef]
        here = (float(r["recall"]), float(r[field]))
        if here[0] >= target:
            if last is None or here[0] == last[0]:
                return here[1]
            share = (target - last[0]) / (here[0] - last[0])
            return last[1] + share * (here[1] - last[1])
        last = here
    return None


def equal(paths):
    print("| set | degree | self / bits | bytes | vertices | WAL, replace | " +
          " | ".join(f"pages, QPS at {t:.2f}" for t in RECALLS) + " |")
    print("|---|---|---|---|---|---|" + "---|" * len(RECALLS))
    for (dataset, degree, what), per_ef in series(paths).items():
        r = next(iter(per_ef.values()))
        cells = []
        for t in RECALLS:
            pages = at_recall(per_ef, "pages", t)
            heap = at_recall(per_ef, "heap", t)
            qps = at_recall(per_ef, "qps", t)
            cells.append("–" if pages is None else f"{pages:.0f}+{heap:.0f}, {thousands(qps)}")
        print(f"| {dataset} | {degree} | {what} | {r['bytes']} | {where(r)} | {r['wal_replace']} | " +
              " | ".join(cells) + " |")


def kernels(paths):
    found = {}
    with open(paths[0]) as f:
        for r in csv.DictReader(f):
            found.setdefault((r["isa"], r["kernel"]), {})[int(r["dim"])] = r["ns_per_list_of_32"]
    dims = sorted({d for v in found.values() for d in v})
    print("| instruction set | kernel | " + " | ".join(f"{d} d" for d in dims) + " |")
    print("|---|---|" + "---|" * len(dims))
    for (isa, kernel), v in found.items():
        print(f"| {isa} | {kernel} | " + " | ".join(v[d] for d in dims) + " |")


def sizes(paths):
    found = {}
    with open(paths[0]) as f:
        for r in csv.DictReader(f):
            if r["degree"] != "32":
                continue
            place = (f"{r['per_page']} a page" if int(r["per_page"]) > 0 else f"{r['pages']} pages")
            found.setdefault((int(r["dim"]), r["self"]), {})[r["bits"]] = f"{r['bytes']}: {place}"
    print("| dimensions | self vector | no codes | 1 bit | 2 bits | 4 bits |")
    print("|---|---|---|---|---|---|")
    for (dim, self), v in found.items():
        print(f"| {dim} | {name({'self': self, 'bits': '0'}).split()[0]} | " +
              " | ".join(v[b] for b in "0124") + " |")


if __name__ == "__main__":
    {"curves": curves, "equal": equal, "kernels": kernels, "sizes": sizes}[sys.argv[1]](sys.argv[2:])
