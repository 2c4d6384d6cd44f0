#!/usr/bin/env python3
"""Prepare the data of compare.py.

usage: prepare.py images DATA_DIR PREFIX [ROWS]
       prepare.py synthetic ROWS DIM PREFIX

Writes PREFIX.copy and PREFIX_more.copy (binary COPY files of (id int4,
vector), which load into vecstore and pgvector columns alike: the table and
5,000 rows held out for inserts, or a fifth of ROWS if that is less),
PREFIX_query.fvecs (1,000 queries), PREFIX_gt.ivecs and PREFIX_gtall.ivecs (the
200 nearest by L2 of the table, and of the table with the rows held out).

images: DATA_DIR/base.bvecs.gz (MNIST, SIFT) is the table (its first ROWS rows), the query file
next to it gives queries and the rows held out. synthetic: points of 200
Gaussian clusters in 32 latent dimensions, sent through a random two-layer
network to DIM dimensions, plus 5% noise, scaled to unit length; always the same.
A set that is there already is left as it is. Needs numpy.
"""
import gzip
import os
import sys
import numpy as np

QUERIES, HELD_OUT, NEIGHBOURS = 1000, 5000, 200


def write_vecs(path, rows):
    out = np.empty((rows.shape[0], rows.shape[1] + 1), dtype=rows.dtype)
    out[:, 1:] = rows
    out.view("i4")[:, 0] = rows.shape[1]
    out.tofile(path)


def write_copy(path, rows, first_id):
    dim = rows.shape[1]
    tuples = np.zeros(len(rows), dtype=[("fields", ">i2"), ("len1", ">i4"), ("id", ">i4"),
                                        ("len2", ">i4"), ("dim", ">i2"), ("zero", ">i2"),
                                        ("v", ">f4", (dim,))])
    tuples["fields"], tuples["len1"], tuples["id"] = 2, 4, first_id + np.arange(len(rows))
    tuples["len2"], tuples["dim"], tuples["v"] = 4 + 4 * dim, dim, rows
    with open(path, "wb") as f:
        f.write(b"PGCOPY\n\xff\r\n\0" + b"\0" * 8)
        tuples.tofile(f)
        f.write(b"\xff\xff")


def exact(base, query):
    """Row numbers of the nearest rows of base for each query, nearest first."""
    norms = (base.astype("f8") ** 2).sum(1)
    depth = min(NEIGHBOURS, len(base))
    nearest = np.empty((len(query), depth), "i4")
    for i in range(0, len(query), 50):
        dist = norms[None] - 2 * (query[i:i + 50] @ base.T)
        idx = np.argpartition(dist, depth - 1, axis=1)[:, :depth]
        nearest[i:i + 50] = np.take_along_axis(idx, np.take_along_axis(dist, idx, 1).argsort(1), 1)
    return nearest


def read_bvecs(path):
    with gzip.open(path) as f:
        raw = f.read()
    dim = int(np.frombuffer(raw[:4], "<i4")[0])
    return np.frombuffer(raw, "u1").reshape(-1, dim + 4)[:, 4:].astype("f4")


def images(folder, rows):
    base = read_bvecs(os.path.join(folder, "base.bvecs.gz"))
    other = read_bvecs(os.path.join(folder, "query.bvecs.gz"))
    chosen = np.linspace(0, len(other) - 1, QUERIES).astype(int)
    rest = np.delete(other, chosen, axis=0)
    return base[:rows], other[chosen], rest


def synthetic(rows, dim):
    rng = np.random.default_rng(7)
    first = rng.standard_normal((32, 256)).astype("f4") / np.sqrt(32)
    second = rng.standard_normal((256, dim)).astype("f4") / 16
    centres = rng.standard_normal((200, 32)).astype("f4") * 1.2

    def make(n):
        z = centres[rng.integers(0, len(centres), n)]
        z = z + rng.standard_normal((n, 32)).astype("f4") * 0.8
        x = np.tanh(np.maximum(z @ first, 0) @ second * 0.7)
        x += 0.05 * rng.standard_normal((n, dim)).astype("f4")
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype("f4")

    return make(rows), make(QUERIES), make(HELD_OUT)


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("images", "synthetic"):
        sys.exit(__doc__)
    if sys.argv[1] == "images":
        folder, prefix = sys.argv[2:4]
        rows = int(sys.argv[4]) if len(sys.argv) > 4 else None
    else:
        rows, dim = int(sys.argv[2]), int(sys.argv[3])
        prefix = sys.argv[4]
    last = prefix + "_gtall.ivecs"  # written last, under another name at first
    if os.path.exists(last):
        return
    base, query, more = images(folder, rows) if sys.argv[1] == "images" else synthetic(rows, dim)
    more = more[:min(HELD_OUT, len(base) // 5)]
    write_copy(prefix + ".copy", base, 0)
    write_copy(prefix + "_more.copy", more, len(base))
    write_vecs(prefix + "_query.fvecs", np.ascontiguousarray(query))
    write_vecs(prefix + "_gt.ivecs", exact(base, query))
    write_vecs(last + ".new", exact(np.concatenate([base, more]), query))
    os.rename(last + ".new", last)
    print(f"{prefix}: {len(base)} x {base.shape[1]}, {len(query)} queries, {len(more)} rows held out")


if __name__ == "__main__":
    main()
