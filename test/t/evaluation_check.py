#!/usr/bin/env python3
"""The measures of a ranking, computed once more, from the definitions.

    evaluation_check.py FILE [TREC_EVAL]

Each line of FILE is JSON: retrieved (documents in order), judgements (document
to grade), k, and what the server computed: recall, precision, rr, ndcg, and
ndcg_binary.  The definitions are those of trec_eval: P_k, recall_k, recip_rank
(all with relevance level 1) and ndcg_cut_k with the grade as gain.  With the
program trec_eval as the second argument that computes them instead, for the
queries that it takes: some document retrieved, some judged with a grade of 0 or
more.  It prints four decimals.

Prints how many agree; exit status 1 if one does not, or if there is none.
"""
import json
import math
import os
import subprocess
import sys
import tempfile


def dcg(gains):
    return sum(max(g, 0) / math.log2(i + 2) for i, g in enumerate(gains))


def ndcg(retrieved, judgements, k):
    ideal = dcg(sorted(judgements.values(), reverse=True)[:k])
    return dcg([judgements.get(d, 0) for d in retrieved[:k]]) / ideal if ideal > 0 else 0.0


def measures(retrieved, judgements, k):
    relevant = {d for d, grade in judgements.items() if grade >= 1}
    hits = len([d for d in retrieved[:k] if d in relevant])
    first = next((i + 1 for i, d in enumerate(retrieved) if d in relevant), None)
    return {
        "recall": hits / len(relevant) if relevant else 0.0,
        "precision": hits / k,
        "rr": 1 / first if first else 0.0,
        "ndcg": ndcg(retrieved, judgements, k),
        "ndcg_binary": ndcg(retrieved, {d: 1 for d in relevant}, k),
    }


def run_trec_eval(program, queries, grade):
    """What trec_eval prints: {(query's number, measure): value}; grade: of a judgement."""
    with tempfile.TemporaryDirectory() as folder:
        qrels, run = os.path.join(folder, "qrels"), os.path.join(folder, "run")
        with open(qrels, "w") as judged, open(run, "w") as retrieved:
            for n, query in queries.items():
                for document, value in query["judgements"].items():
                    print(n, 0, document, grade(value), file=judged)
                for rank, document in enumerate(query["retrieved"]):
                    print(n, "Q0", document, rank + 1, 1000 - rank, "run", file=retrieved)
        ks = ",".join(str(k) for k in sorted({query["k"] for query in queries.values()}))
        out = subprocess.run(
            [program, "-q", "-m", f"P.{ks}", "-m", f"recall.{ks}", "-m", f"ndcg_cut.{ks}", "-m", "recip_rank", qrels, run],
            stdout=subprocess.PIPE, check=True, text=True).stdout
    fields = (line.split() for line in out.splitlines())
    return {(int(n), measure): float(value) for measure, n, value in fields if n != "all"}


def trec_eval_measures(program, queries):
    taken = {n: q for n, q in queries.items() if q["retrieved"] and any(g >= 0 for g in q["judgements"].values())}
    graded = run_trec_eval(program, taken, lambda grade: grade)
    binary = run_trec_eval(program, taken, lambda grade: int(grade >= 1))
    for n, query in taken.items():
        k = query["k"]
        yield query, {
            "recall": graded[n, f"recall_{k}"],
            "precision": graded[n, f"P_{k}"],
            "rr": graded[n, "recip_rank"],
            "ndcg": graded[n, f"ndcg_cut_{k}"],
            "ndcg_binary": binary[n, f"ndcg_cut_{k}"],
        }


def main():
    with open(sys.argv[1]) as file:
        queries = {n + 1: json.loads(line) for n, line in enumerate(file)}
    if len(sys.argv) > 2:
        wanted, tolerance = trec_eval_measures(sys.argv[2], queries), 0.5001e-4
    else:
        wanted, tolerance = ((q, measures(q["retrieved"], q["judgements"], q["k"])) for q in queries.values()), 1e-9
    checked = failed = 0
    for query, values in wanted:
        for name, want in values.items():
            checked += 1
            if abs(query[name] - want) > tolerance:
                failed += 1
                print(f"{name}: {query[name]}, not {want}: {query}")
    print(f"{checked - failed} of {checked} agree")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
