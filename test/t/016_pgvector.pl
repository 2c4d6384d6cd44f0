# The companion extension vecstore_pgvector: the access method on pgvector's
# own columns, for pgvector's own queries.  Needs pgvector 0.7 or newer.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_no_crash);

my %operators = (l2 => '<->', ip => '<#>', cosine => '<=>', l1 => '<+>');
my $by_index = "SET enable_seqscan = off; SET enable_sort = off;";

my $node = PostgreSQL::Test::Cluster->new('pgvector');
$node->init;
$node->start;
my $pgvector = $node->safe_psql('postgres',
	"SELECT coalesce((SELECT default_version FROM pg_available_extensions WHERE name = 'vector'), '0')");
my (undef, $minor) = split /\./, "$pgvector.0";
if ($pgvector lt '0.7' && $minor < 7)
{
	$node->stop;
	plan skip_all => $pgvector eq '0' ? 'pgvector is not installed' : "pgvector $pgvector is too old";
}

# pgvector takes a superuser; the rest is done by a role that is none.  Another
# schema for vecstore: names must be found in it.
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
foreach my $database (qw(app copy))
{
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER app");
	$node->safe_psql($database, 'CREATE EXTENSION vector');
}

sub sql
{
	my ($sql, $database) = @_;
	return $node->safe_psql($database // 'app', "SET search_path = public, stores; $sql",
		extra_params => [ '-U', 'app' ]);
}

sql(q{
	CREATE SCHEMA stores;
	CREATE EXTENSION vecstore SCHEMA stores;
	CREATE EXTENSION vecstore_pgvector});
is( sql(q{SELECT count(*), bool_and(amvalidate(c.oid)) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
		WHERE amname = 'vecstore' AND opcintype = 'vector'::regtype}),
	'4|t', 'four operator classes, all valid');

# Real work: rows in clusters, a NULL, a zero vector, duplicates.
sql(q{
	CREATE FUNCTION row_vector(i int) RETURNS vector LANGUAGE sql IMMUTABLE AS $$
		SELECT array_agg((hashint8extended(i % 50, k) / 9.3e18 + hashint8extended(i, k) / 9.3e19)::real)::vector
		FROM generate_series(1, 24) k
	$$;
	CREATE TABLE items (id int PRIMARY KEY, embedding vector(24));
	INSERT INTO items SELECT i, row_vector(i) FROM generate_series(1, 1000) i;
	INSERT INTO items VALUES (-1, NULL), (-2, array_fill(0, ARRAY[24])::vector), (-3, row_vector(7))});

foreach my $metric (sort keys %operators)
{
	my $operator = $operators{$metric};
	my $query = "SELECT string_agg(id::text, ' ') FROM (SELECT id FROM items ORDER BY embedding $operator row_vector(5000) LIMIT 20) t";
	my $all = 'SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM items ORDER BY embedding %s LIMIT 5000) t';

	sql("CREATE INDEX items_$metric ON items USING vecstore (embedding vector_${metric}_ops) WITH (m = 12)");
	sql("INSERT INTO items SELECT i, row_vector(i) FROM generate_series(1001, 1500) i ON CONFLICT DO NOTHING");
	like(sql("$by_index SET vecstore.ef_search = 200; EXPLAIN $query"),
		qr/Index Scan using items_$metric /, "$metric: pgvector's operator uses the index");
	is(sql("$by_index SET vecstore.ef_search = 200; $query"), sql("SET enable_indexscan = off; $query"),
		"$metric: the rows of a sequential scan, in its order");
	is(sql($by_index . sprintf($all, "$operator row_vector(5000)")), '1503|1503',
		"$metric: a scan read to its end returns every row, NULL and zero vector, too");
	is(sql($by_index . sprintf($all, "$operator NULL::vector")), '1503|1503',
		"$metric: so does the distance to NULL");
	is(sql("SELECT metric = '$metric' OR metric LIKE '%$metric%', dimensions, m FROM vecstore_index_info('items_$metric')"),
		't|24|12', "$metric: vecstore_index_info");
	is(sql("SELECT rows + rows_aside FROM vecstore_check('items_$metric')"), '1503', "$metric: vecstore_check");
	sql("DROP INDEX items_$metric") if $metric ne 'l2';
}
cmp_ok(sql("SET vecstore.ef_search = 200; SELECT vecstore_recall('items_l2', 10, 100)"), '>=', 0.98, 'vecstore_recall');

# Hybrid search takes pgvector's columns, with an index and its metric, or without.
my $near = "SELECT string_agg(id::text, ' ') FROM (SELECT id FROM %s ORDER BY embedding %s row_vector(5000) LIMIT 20) t";
my $hybrid = "SELECT string_agg(key->>'id', ' ') FROM hybrid_search_keys('%s', query_vector => row_vector(5000)::vecstore, k => 20%s)";
is(sql(sprintf($hybrid, 'items', '')), sql('SET enable_indexscan = off; ' . sprintf($near, 'items', '<->')),
	'hybrid_search_keys: the nearest rows by the metric of the index');
sql('CREATE TABLE bare_items AS SELECT * FROM items; ALTER TABLE bare_items ADD PRIMARY KEY (id)');
is(sql(sprintf($hybrid, 'bare_items', ", vector_column => 'embedding'")), sql(sprintf($near, 'bare_items', '<=>')),
	'hybrid_search_keys: by cosine distance without an index');

# A client's prepared statement, as it is, under a generic plan.
like( sql(qq{
		$by_index SET plan_cache_mode = force_generic_plan;
		PREPARE nearest (vector, int) AS SELECT id FROM items WHERE id > \$2 ORDER BY embedding <-> \$1 LIMIT 3;
		EXPLAIN (COSTS OFF) EXECUTE nearest (row_vector(7), 0)}),
	qr/Index Scan using items_l2 /, 'a prepared statement uses the index');
is( sql(q{
		UPDATE items SET embedding = row_vector(8000) WHERE id = 10;
		DELETE FROM items WHERE id % 10 = 1;
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT id FROM items ORDER BY embedding <-> row_vector(8000) LIMIT 1}),
	'10', 'an updated row is found');

# Both access methods side by side, and what pgvector refuses.
sql(q{CREATE INDEX items_hnsw ON items USING hnsw (embedding vector_l2_ops);
	DROP INDEX items_hnsw;
	CREATE TABLE long_items (embedding vector(3000));
	INSERT INTO long_items SELECT array_fill(i, ARRAY[3000])::vector FROM generate_series(1, 20) i;
	CREATE INDEX long_items_idx ON long_items USING vecstore (embedding vector_cosine_ops)});
is(sql(q{SELECT dimensions FROM vecstore_index_info('long_items_idx')}), '3000', 'more than 2,000 dimensions');

# Casts: the same bytes, the column's dimensions are checked.
is( sql(q{
		CREATE TABLE copies (id int, embedding vecstore(24));
		INSERT INTO copies SELECT * FROM items;
		SELECT count(*), bool_and(c.embedding::vector = i.embedding), bool_and(i.embedding::vecstore = c.embedding)
		FROM copies c JOIN items i USING (id) WHERE c.embedding IS NOT NULL}),
	sql('SELECT count(*) FROM items WHERE embedding IS NOT NULL') . '|t|t', 'rows copied between the types are equal');
my (undef, undef, $stderr) = $node->psql('app',
	"SET search_path = public, stores; INSERT INTO copies VALUES (0, '[1,2]'::vector)");
like($stderr, qr/expected 24 dimensions, not 2/, 'a cast checks the dimensions of the column');
(undef, undef, $stderr) = $node->psql('app',
	"SET search_path = public, stores; SELECT '[1,2]'::vector <-> '[1,2]'::vecstore");
like($stderr, qr/operator does not exist: .*vector <-> .*vecstore/, 'no cast is implicit');

# Dump and restore, by the owner.
my $dump = $node->basedir . '/app.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-U', 'app', '-f', $dump, 'app' ], 'pg_dump');
$node->command_ok(
	[ 'pg_restore', '-U', 'app', '--no-owner', '--no-comments', '--exit-on-error', '-d', 'copy', $dump ],
	'pg_restore');
my $definition = "SELECT pg_get_indexdef('items_l2'::regclass)";
is(sql($definition, 'copy'), sql($definition), 'the index came with it');
like(sql($definition), qr/USING vecstore \(embedding vector_l2_ops\)/, '... with the operator class');

# What depends on what.
(undef, undef, $stderr) = $node->psql('app', 'DROP EXTENSION vecstore_pgvector');
like($stderr, qr/index items_l2 depends on operator class/, 'an index keeps the companion');
(undef, undef, $stderr) = $node->psql('app', 'DROP EXTENSION vecstore');
like($stderr, qr/extension vecstore_pgvector depends on/, 'the companion keeps vecstore');
sql('DROP EXTENSION vecstore_pgvector CASCADE');
is(sql('SELECT count(*) FROM pg_class WHERE relname = $$items$$'), '1', 'the table stays when the companion goes');

check_no_crash($node, 'pgvector');
$node->stop;
done_testing();
