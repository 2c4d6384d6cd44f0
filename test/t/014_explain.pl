# The NOTICE of vecstore.explain tells why a scan read the whole index, and the
# view vecstore_stat_indexes works for a role that owns nothing, and on a standby.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('explain');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION vecstore;
	CREATE ROLE guest LOGIN;
	CREATE TABLE items (id int, kind int, v vecstore(8));
	INSERT INTO items SELECT i, i % 100, ARRAY(SELECT (hashint8extended(k, i) % 50)::int FROM generate_series(1, 8) k)::vecstore
		FROM generate_series(1, 3000) i;
	CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
	CREATE UNLOGGED TABLE fast (id int, v vecstore(2));
	INSERT INTO fast VALUES (1, '[1,2]');
	CREATE INDEX fast_v ON fast USING vecstore (v vecstore_l2_ops)});

# What psql printed beside the result of a query.
sub notices
{
	my ($settings, $query) = @_;
	my ($stdout, $stderr);

	$node->psql(
		'postgres',
		"SET enable_seqscan = off; SET enable_sort = off; SET vecstore.explain = on; $settings; SELECT count(*) FROM ($query) q",
		stdout => \$stdout,
		stderr => \$stderr);
	return $stderr;
}

my $near = "ORDER BY v <-> '[1,2,3,4,5,6,7,8]'";
my $line = qr/^.*NOTICE:  vecstore index "items_v": (\d+) vertices expanded, (\d+) distances computed/;

like(
	notices('', "SELECT id FROM items $near LIMIT 10"),
	qr/$line, 10 rows returned, no sweep\nDETAIL:  The graph gave 1 batch of at most 40 vertices\.$/,
	'a search');
like(
	notices('', "SELECT id FROM items WHERE kind = 7 $near LIMIT 40"),
	qr/$line, 3000 rows returned, one sweep\nDETAIL:  The graph gave \d+ batch(?:es)? of at most 40 vertices\. A sweep sorted \d+ rows, because more than an eighth of the graph had been visited\.$/,
	'a filter that few rows pass');
like(
	notices("SET work_mem = '64kB'; SET vecstore.ef_search = 10000", "SELECT id FROM items $near"),
	qr/$line, 3000 rows returned, one sweep\nDETAIL:  The graph gave 1 batch of at most 10000 vertices\. A sweep sorted \d+ rows, because the search had used up work_mem\.$/,
	'little memory');
is(notices('SET vecstore.explain = off', "SELECT id FROM items $near LIMIT 10"), '', 'off: nothing');

# A scan that a timeout ends, and one whose client goes away.
like(
	notices("SET statement_timeout = '100ms'", "SELECT pg_sleep(0.01) FROM items $near OFFSET 0"),
	qr/^[^\n]*ERROR:  canceling statement due to statement timeout$/,
	'a timeout: its error and no NOTICE');

# A standby has no unlogged data; there and for others, the view raises nothing.
my $view =
  'SELECT indexrelname, metric, vertices, bytes > 0 FROM vecstore_stat_indexes ORDER BY 1';
is( $node->safe_psql('postgres', $view),
	"fast_v|l2|1|t\nitems_v|l2|3000|t", 'the view');
is( $node->safe_psql('postgres', $view, extra_params => [ '-U', 'guest' ]),
	"fast_v|||t\nitems_v|||t",
	'the view, seen by a role without rights');
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay');
is( $standby->safe_psql('postgres', $view),
	"fast_v|||\nitems_v|l2|3000|t", 'the view on a standby');
is( $standby->safe_psql(
		'postgres',
		"SET enable_seqscan = off; SELECT count(*) FROM (SELECT id FROM items $near LIMIT 10) q; SELECT scans, sweeps FROM vecstore_stat_indexes WHERE indexrelname = 'items_v'"
	),
	"10\n1|0",
	'counters of a session on a standby');
$standby->stop;
$node->stop;
done_testing();
