# CREATE INDEX says when maintenance_work_mem will not be or was not enough.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('build_memory');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION vecstore;
	CREATE TABLE items (v vecstore(100));
	INSERT INTO items SELECT array_agg(hashint8extended(k, i) % 100)::real[]::vecstore
	FROM generate_series(1, 3000) i, generate_series(1, 100) k GROUP BY i});

# The messages of CREATE INDEX with so much memory.
sub messages
{
	my ($memory) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', qq{
		SET maintenance_work_mem = '$memory';
		CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops);
		SET client_min_messages = warning;
		SELECT vecstore_check('items_v');
		DROP INDEX items_v});
	is($status, 0, "$memory: the index is made");
	return $stderr;
}

my $before = qr/NOTICE:  the graph of 3000 rows needs about \d+ MB of maintenance_work_mem\n/;
my $amid = qr/NOTICE:  the graph no longer fits into maintenance_work_mem after \d+ rows\n.*HINT:  Increase maintenance_work_mem/s;

my $said = messages('1MB');
like($said, $amid, 'not enough: a notice when it runs out');
my ($rows) = $said =~ /after (\d+) rows/;
cmp_ok($rows, '>', 500, 'most of the memory was used before');
cmp_ok($rows, '<', 2000, 'and no more than that');
unlike($said, $before, 'without statistics nothing is foretold');
$node->safe_psql('postgres', 'ANALYZE items');
$said = messages('1MB');
like($said, $before, 'with statistics it is foretold');
like($said, $amid, 'and comes true');
is(messages('64MB'), '', 'enough memory, no message');

$node->stop;
done_testing();
