#!/usr/bin/env python3
"""The nine metrics against scipy.spatial.distance.

    scipy_check.py [shared object]

Without an argument the shared object is built by the Makefile of this folder.
Every instruction set of the machine is checked, vs_distance() (what SQL
returns) and the kernels (what the index compares), over random, sparse,
binary, zero, tiny and huge vectors of many lengths.

A result must be within 1e-5 of the sum of the absolute terms; the two metrics
that count must be exact.  Ranks beyond the range of float must be infinite,
and squares and products too small for float may be zero.

Where SciPy has no answer (0/0) the answer is vecstore's own and is checked as
such: see CONTRACT below.

Exit status: 0 if all agree or SciPy is missing (it says "skipped"), 1 if not.
"""
import ctypes
import os
import subprocess
import sys

try:
    import numpy as np
    from scipy.spatial import distance as sp
except ImportError:
    # The first python3 may not be the system's, which has python3-scipy.
    system = "/usr/bin/python3"
    if os.path.exists(system) and "VS_SCIPY_RETRY" not in os.environ:
        os.environ["VS_SCIPY_RETRY"] = "1"
        os.execv(system, [system] + sys.argv)
    print("scipy_check: skipped, no python3 here has SciPy (Debian: python3-scipy)")
    sys.exit(0)

TOLERANCE = 1e-5
METRICS = ["l2", "ip", "cosine", "l1", "hamming", "jaccard", "chebyshev",
           "canberra", "bray_curtis"]
ISAS = ["auto", "portable", "avx2", "avx512", "neon"]
DIMS = [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 63, 65, 70, 100, 128, 384, 768, 784,
        1537, 2001, 16000]
FLOAT_MAX = float(np.finfo(np.float32).max)
FLOAT_STEP = 2.0 ** -149        # the smallest float


def load(path):
    """The shared object with the argument types of the functions used."""
    lib = ctypes.CDLL(path)
    floats = ctypes.POINTER(ctypes.c_float)
    kernel = ctypes.CFUNCTYPE(ctypes.c_float, floats, floats, ctypes.c_int)
    lib.vs_distance.argtypes = [ctypes.c_int, floats, floats, ctypes.c_int]
    lib.vs_distance.restype = ctypes.c_double
    lib.vs_kernel.argtypes = [ctypes.c_int]
    lib.vs_kernel.restype = kernel
    lib.vs_rank_to_distance.argtypes = [ctypes.c_int, ctypes.c_double]
    lib.vs_rank_to_distance.restype = ctypes.c_double
    lib.vs_normalize.argtypes = [floats, floats, ctypes.c_int]
    lib.vs_normalize.restype = ctypes.c_bool
    lib.vs_metric_name.restype = ctypes.c_char_p
    lib.vs_isa_name.restype = ctypes.c_char_p
    lib.vs_isa_available.restype = ctypes.c_bool
    for number, name in enumerate(METRICS):
        assert lib.vs_metric_name(number).decode() == name
    for number, name in enumerate(ISAS):
        assert lib.vs_isa_name(number).decode() == name
    return lib


def pointer(x):
    return x.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


def shapes(rng, dim):
    """Pairs of float32 vectors to compare, by name."""
    def sign():
        return rng.choice([-1.0, 1.0], dim)

    def sparse():
        return rng.normal(size=dim) * (rng.random(dim) < 0.1)

    def tiny():
        return sign() * rng.uniform(0.01, 1, dim) * 1e-38

    def huge():
        return sign() * rng.uniform(0.1, 3, dim) * 1e38

    pairs = {
        "random": (rng.normal(size=dim), rng.normal(size=dim)),
        "positive": (rng.random(dim), rng.random(dim)),
        "sparse": (sparse(), sparse()),
        "binary": (rng.integers(0, 2, dim), rng.integers(0, 2, dim)),
        "levels": (rng.integers(-2, 3, dim), rng.integers(-2, 3, dim)),
        "zero": (np.zeros(dim), np.zeros(dim)),
        "half zero": (np.zeros(dim), rng.normal(size=dim)),
        "tiny": (tiny(), tiny()),
        "subnormal": (sign() * 3 * FLOAT_STEP, sign() * 2 * FLOAT_STEP),
        "huge": (huge(), huge()),
        "mixed": (10.0 ** rng.uniform(-40, 38, dim), sign() * 10.0 ** rng.uniform(-40, 38, dim)),
    }
    same = rng.normal(size=dim)
    pairs["equal"] = (same, same)
    pairs["opposite"] = (same, -same)
    return {name: (np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32))
            for name, (a, b) in pairs.items()}


def reference(metric, a, b):
    """SciPy's value in float64, and the sum of the absolute terms."""
    a = a.astype(np.float64)
    b = b.astype(np.float64)
    terms = None
    if metric == "l2":
        value = sp.euclidean(a, b)
    elif metric == "ip":
        value, terms = -np.dot(a, b), np.sum(np.abs(a * b))
    elif metric == "cosine":
        if not a.any() or not b.any():
            return np.nan, 1.0          # CONTRACT: NaN (SciPy: NaN or 0 by version)
        value = sp.cosine(a, b)
        terms = 1.0 + np.sum(np.abs(a * b)) / (np.linalg.norm(a) * np.linalg.norm(b))
    elif metric == "l1":
        value = sp.cityblock(a, b)
    elif metric == "hamming":
        value, terms = sp.hamming(a, b) * len(a), 0.0
    elif metric == "jaccard":
        value, terms = sp.jaccard(a != 0, b != 0), 0.0
    elif metric == "chebyshev":
        value = sp.chebyshev(a, b)
    elif metric == "canberra":
        value = sp.canberra(a, b)
    else:
        if not a.any() and not b.any():
            return 0.0, 0.0             # CONTRACT: 0 (SciPy: NaN)
        value = sp.braycurtis(a, b)
    return float(value), float(value if terms is None else terms)


def value_agrees(metric, got, want, terms):
    if np.isnan(want) or np.isinf(want):
        return got == want or (np.isnan(got) and np.isnan(want))
    allowed = TOLERANCE * terms
    if metric in ("hamming", "jaccard"):
        allowed = 1e-12                 # SciPy's own fraction is rounded
    return abs(got - want) <= allowed


def rank_agrees(metric, rank, distance, want, terms, dim):
    """A kernel's result; want and terms are those of the distance."""
    if metric in ("l2", "ip"):
        if metric == "l2":
            want, terms, got = want * want, terms * terms, rank
        else:
            got = rank
        # terms too small for float lose at most half a step each
        allowed = TOLERANCE * terms + dim * FLOAT_STEP
    else:
        got = distance
        allowed = TOLERANCE * terms
        if metric == "cosine":
            allowed += TOLERANCE
        if metric in ("hamming", "jaccard"):
            allowed = 1e-6              # counts exact, one float quotient
    if np.isnan(got):
        return False
    if np.isinf(got):
        return (got > 0) == (want > 0) and abs(want) > FLOAT_MAX * (1 - TOLERANCE)
    return abs(got - want) <= allowed


def check(lib, isa):
    """Failures for one instruction set, and how many comparisons were made."""
    rng = np.random.default_rng(20260115)
    failures = []
    done = 0
    lib.vs_isa_force(ISAS.index(isa))
    for dim in DIMS:
        for shape, (a, b) in shapes(rng, dim).items():
            for number, metric in enumerate(METRICS):
                with np.errstate(all="ignore"):
                    want, terms = reference(metric, a, b)
                got = lib.vs_distance(number, pointer(a), pointer(b), dim)
                if not value_agrees(metric, got, want, terms):
                    failures.append((isa, "value", metric, shape, dim, got, want))
                ka, kb = a, b
                if metric == "cosine":
                    ka, kb = np.empty_like(a), np.empty_like(b)
                    units = [lib.vs_normalize(pointer(k), pointer(v), dim)
                             for k, v in ((ka, a), (kb, b))]
                    if not all(units):
                        want = 1.0      # CONTRACT: a zero vector stays zero
                rank = lib.vs_kernel(number)(pointer(ka), pointer(kb), dim)
                distance = lib.vs_rank_to_distance(number, rank)
                if not rank_agrees(metric, rank, distance, want, terms, dim):
                    failures.append((isa, "rank", metric, shape, dim, rank, want))
                done += 2
    return failures, done


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    if len(sys.argv) > 1:
        path = sys.argv[1]
    else:
        path = subprocess.run(["make", "-s", "--no-print-directory", "-C", here, "lib"], check=True,
                              stdout=subprocess.PIPE, text=True).stdout.strip()
    lib = load(path)
    failed = 0
    for isa in ISAS[1:]:
        if not lib.vs_isa_available(ISAS.index(isa)):
            print(f"scipy_check: no {isa} here")
            continue
        failures, done = check(lib, isa)
        failed += len(failures)
        for failure in failures[:20]:
            print("  {} {} {} {} dim {}: got {!r}, SciPy {!r}".format(*failure))
        print(f"scipy_check: {isa}: {done - len(failures)} of {done} comparisons agree")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
