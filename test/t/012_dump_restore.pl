# Tables with indexes travel: pg_dump and pg_restore by a role that is no
# superuser rebuild each index with its options, and pg_upgrade carries the
# index files over as they are.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_index check_no_crash check_recall create_items upgrade);

# The nine operator classes, and options that differ from the defaults.
my @opclasses = map { "vecstore_${_}_ops" }
  qw(l2 ip cosine l1 hamming jaccard chebyshev canberra bray_curtis);
my $definitions =
  "SELECT indexrelid::regclass, pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid IN ('public.items'::regclass, 'public.coded'::regclass) ORDER BY indexrelid::regclass::text";

my $node = PostgreSQL::Test::Cluster->new('old');
$node->init;
$node->start;

$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');
create_items($node, 'items', rows => 1000, with => 'm = 12, ef_construction = 80');
my $number = 0;
foreach my $opclass (@opclasses)
{
	$number++;
	$node->safe_psql('postgres',
		"CREATE INDEX items_$number ON items USING vecstore (embedding $opclass) WITH (quantization = 'none') WHERE id <= 100");
}
# Another table, whose indexes have codes.
create_items($node, 'coded', dims => 100, rows => 600, seed => 2, with => "quantization = 'rabitq'");
$node->safe_psql('postgres',
	'CREATE INDEX coded_cosine ON coded USING vecstore ((subvector(embedding, 1, 50)::vecstore(50)) vecstore_cosine_ops) WITH (m = 12, quantization = rabitq)');
# Vacuumed and grown, so that the files hold more than a fresh build leaves.
foreach my $table (qw(items coded))
{
	my $dims = $table eq 'coded' ? 100 : 24;
	$node->safe_psql('postgres', "DELETE FROM $table WHERE id % 7 = 0");
	$node->safe_psql('postgres', "VACUUM $table");
	$node->safe_psql('postgres',
		"INSERT INTO $table (embedding) SELECT test_vector(i, $dims) FROM generate_series(1, 200) i");
}
my $before = $node->safe_psql('postgres', $definitions);
# Bits of floats, which their text might round: here, and where they are read again.
my $rows_sql = "SELECT id, encode(vecstore_send(embedding), 'hex') FROM items ORDER BY id";
my $rows = $node->safe_psql('postgres', $rows_sql);

# Dump and restore as the owner of another database.
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER app');
my $dump = $node->basedir . '/items.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, 'postgres' ], 'pg_dump');
$node->command_ok(
	[
		'pg_restore', '-U', 'app', '--no-owner', '--no-comments', '--exit-on-error',
		'-d', 'copy', $dump
	],
	'pg_restore by the owner of the database');
is($node->safe_psql('copy', $definitions), $before, 'restored: the same indexes');
is($node->safe_psql('copy', $rows_sql), $rows, 'restored: the same rows');
is( $node->safe_psql(
		'copy',
		"SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam CROSS JOIN LATERAL vecstore_check(i.indexrelid) WHERE amname = 'vecstore'"
	),
	scalar(@opclasses) + 3,
	'restored: every index is sound');

# pg_upgrade to the same version; t/063 comes from an older one.
$node->safe_psql('postgres', 'DROP DATABASE copy');
$node->stop;
my $new = upgrade($node);
is($new->safe_psql('postgres', $definitions), $before, 'upgraded: the same indexes');
is($new->safe_psql('postgres', $rows_sql), $rows, 'upgraded: the same rows');
check_index($new, 'items', 24, 'upgraded');
check_index($new, 'coded', 100, 'upgraded, codes');
is($new->safe_psql('postgres', "SELECT string_agg(DISTINCT quantization, ' ') FROM vecstore_stat_indexes WHERE relname = 'coded'"),
	'rabitq', 'upgraded: codes stay codes');
is( $new->safe_psql(
		'postgres',
		"SELECT count(*), count(*) FILTER (WHERE metric IS NOT NULL AND bytes > 0), bool_and(has_table_privilege('pg_monitor', 'vecstore_stat_indexes', 'SELECT')) FROM vecstore_stat_indexes"
	),
	'12|12|t',
	'upgraded: the view of the indexes, for everybody');
$new->safe_psql('postgres',
	'INSERT INTO items (embedding) SELECT test_vector(1000 + i, 24) FROM generate_series(1, 50) i');
$new->safe_psql('postgres',
	'INSERT INTO coded (embedding) SELECT test_vector(1000 + i, 100) FROM generate_series(1, 50) i');
foreach my $table (qw(items coded))
{
	$new->safe_psql('postgres', "DELETE FROM $table WHERE id % 5 = 0");
	$new->safe_psql('postgres', "VACUUM $table");
}
check_index($new, 'items', 24, 'upgraded, then changed');
check_recall($new, 'items', 'upgraded, then changed');
check_index($new, 'coded', 100, 'upgraded, then changed, codes');
check_recall($new, 'coded', 'upgraded, then changed, codes');
check_no_crash($new, 'upgraded');
$new->stop;
done_testing();
