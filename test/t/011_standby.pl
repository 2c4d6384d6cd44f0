# A streaming standby: replay makes the same pages (wal_consistency_checking),
# queries that run during replay see every row and raise nothing but a recovery
# conflict, at the same position both servers answer alike, and a promoted
# standby works on.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Vecstore qw(check_index check_no_crash check_recall complete_sql create_items
  index_only_settings is_running query_vector start_workload stop_workload
  wait_for_sessions write_workload);

my @cases = (
	{ seed => 1, dims => 24, rows => 500 },
	{ seed => 2, dims => 3, rows => 0, with => 'm = 4' },
	{ seed => 3, dims => 2001, rows => 60, with => "quantization = 'none'" },
	{ seed => 4, dims => 24, rows => 300, with => "m = 8, quantization = 'rabitq'" },
	{ seed => 5, dims => 600, rows => 60, with => "quantization = 'rabitq'" });

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf',
	"autovacuum = off\nwal_consistency_checking = all\nwal_keep_size = 1GB");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION vecstore');
create_items($primary, 'early', seed => 9);

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf', 'max_standby_streaming_delay = 200ms');
$standby->start;

check_index($standby, 'early', 24, 'an index that came with the base backup');

foreach my $case (@cases)
{
	my ($seed, $dims) = @$case{qw(seed dims)};
	my $table = "items$seed";
	my $label = "$dims dimensions" . ($case->{with} ? ", $case->{with}" : '');

	create_items($primary, $table, %$case);
	$primary->wait_for_catchup($standby, 'replay');

	# Readers on the standby: the first rows, and all rows, which must be those
	# of the table in the same snapshot (a division by zero says they are not).
	# pgbench tries again after a recovery conflict and fails after any other
	# error.
	my $dir = $standby->basedir;
	my $settings = index_only_settings();
	my $complete = complete_sql($table, "test_vector(:v, $dims)");
	append_to_file("$dir/$table.read.sql", qq{
\\set v random(1, 1000000)
SELECT id FROM $table ORDER BY embedding <-> test_vector(:v, $dims) LIMIT 10;
SELECT 1 / (missing + extra = 0)::int FROM ($complete) c;
});
	my $reads;
	{
		local $ENV{PGOPTIONS} = '-c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off';
		$reads = start_workload($standby, $seed, '-c', 2, '--max-tries=0', '-f',
			"$dir/$table.read.sql");
	}

	my $writes = start_workload($primary, $seed, '-c', 2, write_workload($primary, $table, $dims, 1));
	my $count = $primary->safe_psql('postgres', "SELECT last_value FROM ${table}_id_seq");
	$primary->poll_query_until('postgres', "SELECT last_value > $count + 200 FROM ${table}_id_seq")
	  or die 'the workload does not get under way';
	usleep(500_000);
	ok(is_running($writes), "$label: the writers are running");
	$primary->safe_psql('postgres', "DELETE FROM $table WHERE id % 3 = 0");
	$primary->safe_psql('postgres', "VACUUM $table");
	usleep(500_000);
	$primary->safe_psql('postgres', "REINDEX INDEX ${table}_idx");
	usleep(300_000);
	ok(is_running($reads), "$label: the readers are still running");
	stop_workload($reads, "$label, readers during replay");

	# Not while queries run on the standby: whatever the access method, the
	# planner may be about to open the index that replay drops.
	$primary->safe_psql('postgres', "REINDEX INDEX CONCURRENTLY ${table}_idx");
	stop_workload($writes, "$label, writers");
	wait_for_sessions($primary);

	# At the same position: both sound, the same rows in the same order.
	$primary->wait_for_catchup($standby, 'replay');
	check_index($primary, $table, $dims, "$label, primary");
	check_index($standby, $table, $dims, "$label, standby");
	foreach my $query (1 .. 3)
	{
		my $vector = "'" . query_vector($query, $dims) . "'";
		my $sql = "$settings SELECT id FROM $table ORDER BY embedding <-> $vector LIMIT 40";
		is($standby->safe_psql('postgres', $sql),
			$primary->safe_psql('postgres', $sql),
			"$label: query $query has the same answer on both");
	}
}

check_no_crash($standby, 'standby');

$standby->promote;
$primary->stop('immediate');
foreach my $case (@cases)
{
	my ($seed, $dims) = @$case{qw(seed dims)};
	my $table = "items$seed";
	my $label = "$dims dimensions" . ($case->{with} ? ", $case->{with}" : '') . ', promoted';

	$standby->safe_psql('postgres',
		"INSERT INTO $table (embedding) SELECT test_vector(i, $dims) FROM generate_series(1, 50) i");
	$standby->safe_psql('postgres', "DELETE FROM $table WHERE id % 2 = 0");
	$standby->safe_psql('postgres', "VACUUM $table");
	check_index($standby, $table, $dims, $label);
	check_recall($standby, $table, $label);
}

check_no_crash($standby, 'promoted standby');
$standby->stop;
done_testing();
