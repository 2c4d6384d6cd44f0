# CREATE INDEX says when maintenance_work_mem will not be or was not enough.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(has_asan);

my $node = PostgreSQL::Test::Cluster->new('build_memory');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');

# The messages of CREATE INDEX with so much memory.
sub messages
{
	my ($quantization, $memory) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', qq{
		SET maintenance_work_mem = '$memory';
		CREATE INDEX items_v ON items USING vecstore (v vecstore_l2_ops) WITH (quantization = '$quantization');
		SET client_min_messages = warning;
		SELECT vecstore_check('items_v');
		DROP INDEX items_v});
	is($status, 0, "$quantization, $memory: the index is made");
	return $stderr;
}

my $from_pages = qr/DETAIL:  maintenance_work_mem is \d+ MB; \d+% of the vectors will be read from the index's pages/;
my $one_by_one = qr/DETAIL:  maintenance_work_mem is \d+ MB; the rows that do not fit are inserted one by one/;
my $amid = qr/NOTICE:  the graph no longer fits into maintenance_work_mem after \d+ rows\n.*HINT:  Increase maintenance_work_mem/s;

# Vectors of floats and their links; and with codes, when all takes half as much.
foreach my $case ([ 'none', 3000, '1536kB' ], [ 'rabitq', 6000, '2816kB' ])
{
	my ($quantization, $all, $half) = @$case;
	my $before = qr/NOTICE:  the graph of about $all rows needs about \d+ MB of maintenance_work_mem\n/;

	# Not even the links fit.
	$node->safe_psql('postgres', qq{
		DROP TABLE IF EXISTS items;
		CREATE TABLE items (v vecstore(100));
		INSERT INTO items SELECT array_agg(hashint8extended(k, i) % 100)::real[]::vecstore
		FROM generate_series(1, $all) i, generate_series(1, 100) k GROUP BY i});
	my $said = messages($quantization, '1MB');
	like($said, $amid, 'not enough: a notice when it runs out');
	my ($rows) = $said =~ /after (\d+) rows/;
	cmp_ok($rows, '>', 2000, 'most of the memory was used before');
	cmp_ok($rows, '<', $all, 'and no more than that');
	unlike($said, $before, 'without statistics nothing is foretold');
	$node->safe_psql('postgres', 'ANALYZE items');
	$said = messages($quantization, '1MB');
	like($said, $before, 'with statistics it is foretold');
	like($said, $one_by_one, 'what will happen, too');
	like($said, $amid, 'and comes true');

	# The links fit, and half of the vectors.
	$said = messages($quantization, $half);
	like($said, $before, 'vectors that do not fit are foretold');
	like($said, $from_pages, 'and where they will be');
	unlike($said, $amid, 'but the graph fits');
	is(messages($quantization, '64MB'), '', 'enough memory, no message');
}

# Of a list longer than the pages that are pinned at once the vectors are copied; 12,000 lists
# of 80 such vectors would be 100 MB more.
SKIP:
{
	skip 'memory is read in /proc', 2 unless -r '/proc/self/status';
	skip 'memory: the address sanitizer keeps what is freed', 2 if has_asan();
	my $status = "pg_read_file('/proc/self/status')";
	my ($kilobytes, $said) = ('', '');
	(undef, $kilobytes, $said) = $node->psql('postgres', qq{
		CREATE TABLE long AS SELECT (SELECT array_agg((hashint8extended(i, j) & 1048575)::real)::vecstore FROM generate_series(1, 400) j)::vecstore(400) AS v
			FROM generate_series(1, 12000) i;
		ANALYZE long;
		SET max_parallel_maintenance_workers = 0;
		SET maintenance_work_mem = '12500kB';
		CREATE INDEX ON long USING vecstore (v vecstore_l2_ops) WITH (m = 40, ef_construction = 80, quantization = rabitq);
		SELECT substring($status from 'VmHWM:\\s*(\\d+)')::int - substring($status from 'RssShmem:\\s*(\\d+)')::int});
	like($said, $from_pages, 'long lists: vectors are read from pages');
	note("$kilobytes kB");
	ok($kilobytes =~ /^\d+$/ && $kilobytes < 120_000, 'and do not stay in memory') or diag("$kilobytes kB");
}

$node->stop;
done_testing();
