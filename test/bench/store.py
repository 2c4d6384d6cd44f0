#!/usr/bin/env python3
"""Measure what the store's functions cost beside hand-written SQL.

usage: store.py [--rows N] [--dims N] [--queries N] [--rounds N] [--loads N] [--batch N]
                [--only query|upsert]

Connects like psql (PGHOST, PGUSER, ...) to a server in which vecstore is
installed, works in the database of PGDATABASE (the extension must be there) in a
namespace of its own, store_bench, and drops it at the end. Needs the right to
make namespaces, and no module beyond Python's own.

query: vecstore.query() and the same SELECT, prepared and planned anew each
time, in turns in one session, over N query vectors a round; of the rounds the
best, since others may use the machine, and of that the mean time of one query,
without and with a filter. Times are taken in the server, so no round trip to a
client hides a difference.

upsert: N rows into a collection with its three indexes, by upsert_batch() in
batches and by INSERT ... SELECT of the same batches, in turns, --loads of each
into new collections; the medians. Prints Markdown tables.
"""
import argparse
import statistics
import subprocess

HAND = """SELECT id, 1 - d AS score, d AS distance, metadata, document FROM (
    SELECT id, embedding <=> v AS d, metadata, document FROM store_bench.docs
    WHERE deleted_at IS NULL{filter} ORDER BY d LIMIT 10) r"""

CASES = [("no filter", "", ""),
         ("lang = 'en', half of the rows", " AND metadata @> ''{\"lang\": \"en\"}''", ", filter => ''lang = ''''en''''''"),
         ("n = 77, one row", " AND metadata @> ''{\"n\": 77}''", ", filter => ''n = 77''")]

SETUP = """
DROP SCHEMA IF EXISTS store_bench_source CASCADE;
CREATE SCHEMA store_bench_source;
SELECT vecstore.drop_namespace(name, true) FROM vecstore.namespaces WHERE name = 'store_bench';
SELECT vecstore.create_namespace('store_bench');
SELECT setseed(0.5);
CREATE TABLE store_bench_source.centre AS
    SELECT c, (SELECT array_agg(random() + 0 * (c + g)) FROM generate_series(1, {dims}) g) AS x FROM generate_series(0, 99) c;
CREATE FUNCTION store_bench_source.vector(c int) RETURNS vecstore LANGUAGE sql VOLATILE AS $$
    SELECT array_agg((u.value + random() * 0.8)::real)::vecstore FROM store_bench_source.centre t, unnest(t.x) u (value) WHERE t.c = $1 % 100 $$;
CREATE TABLE store_bench_source.row AS
    SELECT i AS n, 'id' || i AS id, store_bench_source.vector(i) AS embedding,
        jsonb_build_object('n', i, 'lang', CASE i % 2 WHEN 0 THEN 'en' ELSE 'de' END) AS metadata, 'document of number ' || i AS document
    FROM generate_series(1, {rows}) i;
CREATE TABLE store_bench_source.probe AS SELECT i AS n, store_bench_source.vector(i) AS v FROM generate_series(1, {queries}) i;
CREATE TABLE store_bench_source.batch (b int, ids text[], embeddings vecstore[], metadata jsonb[], documents text[]);
ALTER TABLE store_bench_source.batch ALTER ids SET STORAGE EXTERNAL, ALTER metadata SET STORAGE EXTERNAL, ALTER documents SET STORAGE EXTERNAL;
INSERT INTO store_bench_source.batch SELECT (n - 1) / {batch}, array_agg(id), array_agg(embedding), array_agg(metadata), array_agg(document)
    FROM store_bench_source.row GROUP BY 1;
"""

LOOP = """
CREATE FUNCTION pg_temp.prepared() RETURNS void LANGUAGE plpgsql AS '
DECLARE v vecstore;
BEGIN
    FOR v IN SELECT p.v FROM store_bench_source.probe p LOOP PERFORM * FROM ({hand}) q; END LOOP;
END';
CREATE FUNCTION pg_temp.planned() RETURNS void LANGUAGE plpgsql AS '
DECLARE v vecstore; r record;
BEGIN
    FOR v IN SELECT p.v FROM store_bench_source.probe p LOOP EXECUTE {planned} USING v; END LOOP;
END';
CREATE FUNCTION pg_temp.store() RETURNS void LANGUAGE plpgsql AS '
DECLARE v vecstore;
BEGIN
    FOR v IN SELECT p.v FROM store_bench_source.probe p LOOP PERFORM * FROM vecstore.query(''store_bench.docs'', v{argument}); END LOOP;
END';
CREATE FUNCTION pg_temp.microseconds(name text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE start timestamptz := clock_timestamp();
BEGIN
    EXECUTE format('SELECT pg_temp.%I()', name);
    RETURN round(extract(epoch FROM clock_timestamp() - start) * 1000000 / {queries}, 1);
END $$;
SELECT pg_temp.microseconds(name) FROM unnest(ARRAY['prepared', 'planned', 'store']) name \\g
"""


def psql(script):
    """The lines that a script prints."""
    result = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1"], input=script, text=True, capture_output=True)
    if result.returncode != 0:
        raise SystemExit(result.stderr)
    return result.stdout.split()


def collection(text=""):
    """SQL for a new, empty collection."""
    return f"""DROP TABLE IF EXISTS store_bench.docs;
SELECT vecstore.create_collection('store_bench.docs', {text}) \\gset
"""


def milliseconds(statement):
    """SQL that prints how long a statement took."""
    return ("SELECT clock_timestamp() AS start \\gset\n" + statement +
            "\nSELECT extract(epoch FROM clock_timestamp() - :'start'::timestamptz) * 1000;\n")


def query(options):
    """One table of latencies."""
    psql(collection(str(options.dims)) +
         "INSERT INTO store_bench.docs (id, embedding, metadata, document) SELECT id, embedding, metadata, document FROM store_bench_source.row;"
         "VACUUM ANALYZE store_bench.docs;")
    print("| query, microseconds | prepared SELECT | planned SELECT | vecstore.query | beside prepared |")
    print("|---|---|---|---|---|")
    for name, condition, argument in CASES:
        hand = HAND.format(filter=condition)
        planned = "''" + hand.replace("<=> v ", "<=> $1 ").replace("''", "''''") + "''"
        script = LOOP.format(hand=hand, planned=planned, argument=argument, queries=options.queries)
        again = "SELECT pg_temp.microseconds(name) FROM unnest(ARRAY['prepared', 'planned', 'store']) name;\n"
        # the first round warms up
        numbers = [float(x) for x in psql(script + again * options.rounds)][3:]
        prepared, planned, store = (min(numbers[i::3]) for i in range(3))
        print(f"| {name} | {prepared:.0f} | {planned:.0f} | {store:.0f} | {100 * (store / prepared - 1):+.1f}% |", flush=True)


def upsert(options):
    """One table of rates."""
    by_insert = """INSERT INTO store_bench.docs (id, embedding, metadata, document)
SELECT u.* FROM store_bench_source.batch b, unnest(b.ids, b.embeddings, b.metadata, b.documents) u WHERE b.b = {b};
"""
    by_upsert = """SELECT vecstore.upsert_batch('store_bench.docs', ids, embeddings, metadata, documents) AS done
FROM store_bench_source.batch WHERE b = {b} \\gset
"""
    batches = range((options.rows + options.batch - 1) // options.batch)
    times = {by_insert: [], by_upsert: []}
    for _ in range(options.loads):
        for statement, taken in times.items():
            load = "".join(statement.format(b=b) for b in batches)
            taken.append(float(psql(collection(str(options.dims)) + milliseconds(load))[-1]))
    insert, batch = (statistics.median(taken) for taken in times.values())
    print("\n| rows a second | INSERT ... SELECT | upsert_batch | share |")
    print("|---|---|---|---|")
    print(f"| {options.rows} x {options.dims}, batches of {options.batch} | {options.rows / insert * 1000:.0f} | "
          f"{options.rows / batch * 1000:.0f} | {100 * insert / batch:.0f}% |")


def main():
    """Set up, measure, clean up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100000)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--loads", type=int, default=3)
    parser.add_argument("--batch", type=int, default=10000)
    parser.add_argument("--only", choices=["query", "upsert"])
    options = parser.parse_args()
    psql(SETUP.format(**vars(options)))
    try:
        if options.only != "upsert":
            query(options)
        if options.only != "query":
            upsert(options)
    finally:
        psql("SELECT vecstore.drop_namespace('store_bench', true); DROP SCHEMA store_bench_source CASCADE;")


if __name__ == "__main__":
    main()
