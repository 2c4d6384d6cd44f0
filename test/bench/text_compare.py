#!/usr/bin/env python3
"""Top-k text search beside pg_textsearch and pg_fts: build, size, latency.

usage: text_compare.py [--data DIR] [--docs N] [--only CORPUS] [--systems NAME ...] [--queries N]
       text_compare.py --exact [--docs N]

Connects like psql to a PostgreSQL 18 server that has the three extensions (for
pg_textsearch also in shared_preload_libraries), and makes a database for each, which
it drops at the end.  Corpora: nltk_sentences of the data folder, and N synthetic
documents (2,000,000) whose words follow Zipf's law.  All use the configuration
`english`, k1 1.2, b 0.75.

Build: from CREATE INDEX to its end; two times, the better one counts.  Latency: inside
the server, one session, SELECT id ... ORDER BY score LIMIT 10 with the query as a
literal, planning included; each query runs three times, the first is not counted; the
systems take turns after each number of terms.  Agreement: how many of vecstore's
ten rows the peer has in its ten.  A peer that has no row for a query counts 0.

With --exact: vecstore alone, tokenizer `whitespace`, a third of the documents inserted
behind the index, every tenth deleted; the 1,000 best rows of an index scan that match, in
order, beside those of a sort of all rows by score and place.
"""
import argparse
import gzip
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

import numpy

TERMS = (1, 2, 4, 8)

# database, extension: index, query with %1$L for the words, what joins words of which one suffices
SYSTEMS = {
    "vecstore": (
        "CREATE INDEX docs_index ON docs USING vecstore_bm25 (body) WITH (tokenizer = 'english')",
        "SELECT id FROM docs ORDER BY body <@> bm25_query(%1$L, 'docs_index') LIMIT 10", " "),
    "pg_textsearch": (
        "CREATE INDEX docs_index ON docs USING bm25 (body) WITH (text_config = 'english')",
        "SELECT id FROM docs ORDER BY body <@> to_bm25query(%1$L, 'docs_index') LIMIT 10", " "),
    "pg_fts": (
        "CREATE INDEX docs_index ON docs USING fts (to_ftsdoc('english', body))",
        # Without the condition its index is not used.
        "SELECT id FROM docs WHERE to_ftsdoc('english', body) @@@ to_ftsquery('english', %1$L) "
        "ORDER BY to_ftsdoc('english', body) <=> to_ftsquery('english', %1$L) LIMIT 10", " | "),
    # Not a search: what parsing, planning and fetching ten rows take whatever the index is.
    "btree": (
        "CREATE INDEX docs_index ON docs (id)",
        "SELECT id FROM docs WHERE id >= abs(hashtext(%1$L) %% 100000) AND body <> '' ORDER BY id LIMIT 10",
        " "),
}

TIMING = """
CREATE TABLE queries (number int, terms int, words text);
CREATE FUNCTION time_query(query text, words text) RETURNS TABLE (ms float8[], ids int[]) LANGUAGE plpgsql AS $$
DECLARE t timestamptz;
BEGIN
    FOR i IN 1..3 LOOP
        t := clock_timestamp();
        EXECUTE format('SELECT array_agg(id) FROM (' || query || ') x', words) INTO ids;
        IF i > 1 THEN ms := ms || extract(epoch FROM clock_timestamp() - t)::float8 * 1000; END IF;
    END LOOP;
    RETURN NEXT;
END $$;
"""


def psql(database, script):
    done = subprocess.run(["psql", "-XAtqF", "\t", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"],
                          input=script, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"psql failed in {database}:\n{done.stderr}")
    return done.stdout


def word(number):
    """A word of letters that no stemmer changes, its own for each number."""
    letters = "bdfgjkmpqvwxz"
    result = ""
    while True:
        result = letters[number % len(letters)] + "o" + result
        number //= len(letters)
        if number == 0:
            return result + "k"


def synthetic(n, path):
    """n documents of 10 to 50 words out of 300,000 by Zipf's law with exponent 1."""
    generator = numpy.random.default_rng(1)
    words = [word(i) for i in range(300000)]
    shares = numpy.cumsum(1.0 / numpy.arange(1, len(words) + 1))
    with open(path, "w", encoding="ascii") as out:
        for begin in range(0, n, 50000):
            lengths = generator.integers(10, 51, min(50000, n - begin))
            drawn = numpy.searchsorted(shares, generator.random(lengths.sum()) * shares[-1])
            at = 0
            for i, length in enumerate(lengths):
                out.write(f"{begin + i}\t{' '.join(words[j] for j in drawn[at:at + length])}\n")
                at += length


def sentences(data, path):
    with gzip.open(data / "nltk_sentences" / "corpus.tsv.gz", "rt", encoding="utf-8") as lines, \
            open(path, "w", encoding="utf-8") as out:
        for number, line in enumerate(lines):
            body = line.rstrip("\n").split("\t", 1)[1].replace("\\", "\\\\")
            out.write(f"{number}\t{body}\n")


def draw_queries(path, n):
    """(terms, words): words of more than three letters from random documents."""
    generator = random.Random(2)
    lines = open(path, encoding="utf-8").read().splitlines()
    result = []
    for terms in TERMS:
        while sum(1 for t, _ in result if t == terms) < n:
            words = {w for _ in range(8) for w in generator.choice(lines).split("\t")[1].split()
                     if w.isalpha() and w.isascii() and len(w) > 3}
            if len(words) >= terms:
                result.append((terms, " ".join(generator.sample(sorted(words), terms))))
    return result


def build(system, path, queries):
    index = SYSTEMS[system][0]
    database = f"text_{system}"
    psql("postgres", f"DROP DATABASE IF EXISTS {database}")
    psql("postgres", f"CREATE DATABASE {database}")
    psql(database, f"{'' if system == 'btree' else 'CREATE EXTENSION ' + system}; CREATE TABLE docs (id int, body text); "
         f"\\copy docs FROM '{path}'\n{TIMING}")
    values = ", ".join(f"({i}, {terms}, '{words}')" for i, (terms, words) in enumerate(queries))
    psql(database, f"INSERT INTO queries VALUES {values}; VACUUM ANALYZE docs")
    seconds = []
    for _ in range(2):
        output = psql(database, f"DROP INDEX IF EXISTS docs_index; CHECKPOINT; SELECT clock_timestamp() AS t \\gset\n{index};\n"
                      "SELECT extract(epoch FROM clock_timestamp() - :'t'::timestamptz), pg_relation_size('docs_index')")
        seconds.append(float(output.split("\t")[0]))
    return min(seconds), int(output.split("\t")[1])


def time_queries(system, terms):
    """(milliseconds of all, {query: ids})"""
    _, query, join = SYSTEMS[system]
    output = psql(f"text_{system}", f"SET enable_seqscan = off; SET jit = off; SELECT number, ms, ids "
                  f"FROM queries, time_query($q${query}$q$, replace(words, ' ', '{join}')) WHERE terms = {terms}")
    times, found = [], {}
    for line in output.splitlines():
        number, ms, ids = line.split("\t")
        times += [float(x) for x in ms.strip("{}").split(",")]
        found[number] = set(ids.strip("{}").split(","))
    return times, found


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, math.floor(len(values) * share))]


def compare(corpus, path, systems, nqueries):
    queries = draw_queries(path, nqueries)
    built = {system: build(system, path, queries) for system in systems}
    times = {system: [] for system in systems}
    agreement = {system: [] for system in systems}
    for terms in TERMS:
        found = {}
        for system in systems:
            ms, found[system] = time_queries(system, terms)
            times[system].append(ms)
        for system in systems:
            for number, ids in found[systems[0]].items():
                agreement[system].append(len(ids & found[system].get(number, set())) / max(len(ids), 1))
    for system in systems:
        seconds, size = built[system]
        cells = [" / ".join(f"{percentile(ms, share):.3f}" for ms in times[system]) for share in (0.5, 0.95)]
        print(f"| {corpus} | {system} | {seconds:.1f} | {size / 1048576:.0f} | {cells[0]} | {cells[1]} | "
              f"{'–' if system == 'btree' else format(statistics.mean(agreement[system]), '.3f')} |", flush=True)
        psql("postgres", f"DROP DATABASE text_{system}")


EXACT = """
CREATE EXTENSION vecstore;
CREATE TABLE docs (id int, body text);
CREATE TABLE loaded (id int, body text);
\\copy loaded FROM '{path}'
INSERT INTO docs SELECT * FROM loaded WHERE id % 3 <> 0;
CREATE INDEX docs_index ON docs USING vecstore_bm25 (body) WITH (tokenizer = 'whitespace');
INSERT INTO docs SELECT * FROM loaded WHERE id % 3 = 0;
DELETE FROM docs WHERE id % 10 = 0;
SELECT segments, pending_pages FROM bm25_index_info('docs_index');
CREATE FUNCTION best(words text, by_index bool) RETURNS text LANGUAGE plpgsql AS $$
DECLARE result text;
BEGIN
    PERFORM set_config('enable_seqscan', (NOT by_index)::text, true), set_config('enable_indexscan', by_index::text, true);
    EXECUTE format('SELECT string_agg(id || '' '' || s, '','') FROM (SELECT id, body <@> bm25_query(%L, ''docs_index'') AS s
        FROM docs ORDER BY body <@> bm25_query(%L, ''docs_index'') %s LIMIT 1000) x WHERE s < 0', words, words, CASE WHEN NOT by_index THEN ', ctid' END)
        INTO result;
    RETURN result;
END $$;
"""


def check_exact(path, nqueries):
    psql("postgres", "DROP DATABASE IF EXISTS text_exact")
    psql("postgres", "CREATE DATABASE text_exact")
    print("segments, pending pages:", psql("text_exact", EXACT.format(path=path)).strip())
    different = 0
    queries = draw_queries(path, nqueries)
    for _, words in queries:
        output = psql("text_exact", f"SELECT best('{words}', true) = best('{words}', false)")
        different += output.strip() != "t"
    print(f"{different} of {len(queries)} queries differ")
    psql("postgres", "DROP DATABASE text_exact")


def main():
    parser = argparse.ArgumentParser(description="vecstore_bm25 beside pg_textsearch and pg_fts")
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[3] / "shared/data")
    parser.add_argument("--docs", type=int, default=2000000)
    parser.add_argument("--only", choices=("nltk", "zipf"))
    parser.add_argument("--systems", nargs="+", choices=tuple(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--exact", action="store_true")
    options = parser.parse_args()
    if options.exact:
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            synthetic(options.docs, os.path.join(folder, "docs"))
            check_exact(os.path.join(folder, "docs"), min(options.queries, 5))
        return
    print("| corpus | system | build s | MB | p50 ms at 1 / 2 / 4 / 8 terms | p95 | agreement |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "docs")
        if options.only != "zipf":
            sentences(options.data, path)
            compare("nltk_sentences", path, options.systems, options.queries)
        if options.only != "nltk":
            synthetic(options.docs, path)
            compare(f"{options.docs:,} by Zipf", path, options.systems, options.queries)


if __name__ == "__main__":
    main()
