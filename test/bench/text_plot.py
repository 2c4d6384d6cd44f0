#!/usr/bin/env python3
"""Draw what text_compare.py printed: the median time of a search by its number of terms.

usage: text_plot.py OUT.png < TABLE

Reads the table's rows, whatever is around them; one chart for each corpus.
"""
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

HEAD = "p50 ms at "


def read_table(lines):
    """{corpus: {system: [ms]}} and the numbers of terms."""
    result, terms, at = {}, [], None
    for line in lines:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        times = [i for i, cell in enumerate(cells) if cell.startswith(HEAD)]
        if times:
            at = times[0]
            terms = cells[at][len(HEAD):].removesuffix(" terms").split(" / ")
        elif at is not None and len(cells) > at and cells[at].count("/") == len(terms) - 1 and len(terms) > 1:
            result.setdefault(cells[0], {})[cells[1]] = [float(ms) for ms in cells[at].split(" / ")]
    return result, terms


def draw(corpora, terms, path):
    figure, all_axes = plt.subplots(1, len(corpora), figsize=(4.5 * len(corpora), 3.4))
    for axes, (corpus, systems) in zip([all_axes] if len(corpora) == 1 else all_axes, corpora.items()):
        width = 0.8 / len(systems)
        for i, (system, times) in enumerate(systems.items()):
            axes.bar([t + (i - (len(systems) - 1) / 2) * width for t in range(len(terms))], times, width, label=system)
        axes.set_xticks(range(len(terms)), terms)
        axes.set_xlabel("terms of the query")
        axes.set_ylabel("median, ms")
        axes.set_title(corpus, fontsize=10)
        axes.grid(True, axis="y", alpha=0.3)
        axes.legend(fontsize=8)
    figure.suptitle("ten best rows by BM25: less is better", fontsize=11)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    corpora, terms = read_table(sys.stdin)
    if not corpora:
        sys.exit("text_plot.py: no table of text_compare.py was read")
    draw(corpora, terms, sys.argv[1])


if __name__ == "__main__":
    main()
