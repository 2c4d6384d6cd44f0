# A server that stops dead amid concurrent inserts, updates, deletes, vacuums
# and checkpoints: after recovery the index is sound and returns every row.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Vecstore qw(check_index check_no_crash check_recall create_items is_running
  start_workload stop_workload write_workload);

my $rounds = 2;
my $clients = 4;

# Replaying a whole page hides a wrong delta, so some runs do without; some
# check after each replayed record that the page is what it was.  With
# wal_level = minimal and no threshold a new index is not logged but synced.
my $none = "quantization = 'none'";
my $codes = "quantization = 'rabitq'";
my @cases = (
	{ seed => 1, dims => 24, rows => 500, conf => 'wal_consistency_checking = all' },
	{ seed => 2, dims => 24, rows => 0, conf => 'full_page_writes = off' },
	{ seed => 3, dims => 3, rows => 500, with => 'm = 4', conf => 'full_page_writes = off' },
	{ seed => 4, dims => 2001, rows => 60, with => $none, conf => 'wal_consistency_checking = all' },
	{ seed => 5, dims => 24, rows => 300, with => $codes, conf => 'wal_level = minimal' },
	{ seed => 6, dims => 24, rows => 0, with => "m = 12, $codes", conf => 'wal_consistency_checking = all' },
	{ seed => 7, dims => 128, rows => 300, with => $codes, conf => 'full_page_writes = off' },
	{ seed => 8, dims => 1500, rows => 60, with => $codes, conf => 'wal_consistency_checking = all' });

my $node = PostgreSQL::Test::Cluster->new('crash');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nrestart_after_crash = off\nwal_skip_threshold = 0");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');

foreach my $case (@cases)
{
	my ($seed, $dims) = @$case{qw(seed dims)};
	my $table = "items$seed";
	my $kind = "$dims dimensions" . ($case->{with} ? ", $case->{with}" : '');

	$node->append_conf('postgresql.conf',
		"full_page_writes = on\nwal_consistency_checking = ''\nwal_level = replica\n$case->{conf}");
	$node->restart;
	create_items($node, $table, %$case);

	# No checkpoint has written the new index yet.
	$node->stop('immediate');
	$node->start;
	check_index($node, $table, $dims, "$kind, $case->{conf}, new index");

	foreach my $round (1 .. $rounds)
	{
		my $label = "$kind, $case->{conf}, round $round";
		my $count = $node->safe_psql('postgres', "SELECT last_value FROM ${table}_id_seq");

		# A checkpoint would hide what the first round does not log.
		my $run = start_workload($node, $seed * 100 + $round, '-c', $clients, '-j', 2,
			write_workload($node, $table, $dims, $round > 1));

		# Once it is well under way, wait a moment that is never the same.
		$node->poll_query_until('postgres', "SELECT last_value > $count + 50 FROM ${table}_id_seq")
		  or die 'the workload does not get under way';
		usleep(300_000 + rand(700_000));
		ok(is_running($run), "$label: the workload is running");
		$node->stop('immediate');
		stop_workload($run, $label);

		$node->start;
		check_index($node, $table, $dims, $label, $round, $clients * $round);
	}

	# Work goes on, and cleaning up what the crash left behind works.
	my $label = "$kind, after the last crash";
	$node->safe_psql('postgres',
		"INSERT INTO $table (embedding) SELECT test_vector(i, $dims) FROM generate_series(1, 50) i");
	$node->safe_psql('postgres', "DELETE FROM $table WHERE id % 3 = 0");
	$node->safe_psql('postgres', "VACUUM $table");
	check_index($node, $table, $dims, $label, 1, -1);
	check_recall($node, $table, $label);
	$node->safe_psql('postgres', "REINDEX INDEX ${table}_idx");
	check_index($node, $table, $dims, "$label, REINDEX");
}

# An unlogged table is empty after a crash, and so is its index; both work.
create_items($node, 'unlogged', persistence => 'UNLOGGED');
$node->stop('immediate');
$node->start;
check_index($node, 'unlogged', 24, 'unlogged table after a crash');
$node->safe_psql('postgres',
	'INSERT INTO unlogged (embedding) SELECT test_vector(i, 24) FROM generate_series(1, 100) i');
check_index($node, 'unlogged', 24, 'unlogged table, filled again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM unlogged'),
	'100', 'unlogged table: the rows from before the crash are gone');

check_no_crash($node, 'all rounds');
$node->stop;
done_testing();
