#!/usr/bin/env python3
"""The measures of a ranking, computed once more, from the definitions.

    evaluation_check.py FILE

Each line of FILE is JSON: retrieved (documents in order), judgements (document
to grade), k, and what the server computed: recall, precision, rr, ndcg, and
ndcg_binary.  The definitions are those of trec_eval: P_k, recall_k, recip_rank
(all with relevance level 1) and ndcg_cut_k with the grade as gain.

Prints how many agree; exit status 1 if one does not, or if there is none.
"""
import json
import math
import sys


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


def main():
    checked = failed = 0
    for line in open(sys.argv[1]):
        query = json.loads(line)
        for name, want in measures(query["retrieved"], query["judgements"], query["k"]).items():
            checked += 1
            if abs(query[name] - want) > 1e-9:
                failed += 1
                print(f"{name}: {query[name]}, not {want}: {line.strip()}")
    print(f"{checked - failed} of {checked} agree")
    return 1 if failed or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
