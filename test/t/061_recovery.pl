# Other servers that replay the log, or that are sent the rows: one made by pg_basebackup
# amid writes, a standby of a standby, promotion amid writes and reads, recovery to a
# moment between two transactions, a subscriber of a collection.  Each has the rows that
# it must have, and both indexes say so.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Vecstore qw(check_no_crash check_recall check_records create_records difference index_only_settings is_running
  put_records record_reads record_writes start_workload stop_workload wait_for_sessions);

# Every record of the log is compared with what replay made of it.
my @tables = (
	{ name => 'codes', dims => 24, rows => 300, with => "quantization = 'rabitq'" },
	{ name => 'exact', dims => 16, rows => 300, with => "m = 6, quantization = 'none'" });
my $writers = 2;
my $rate = 30;    # transactions a second: each record in the log comes with its page

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 'logical', has_archiving => 1);
$primary->append_conf('postgresql.conf', q{
autovacuum = off
wal_consistency_checking = all
wal_keep_size = 2GB
log_statement = none
});
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION vecstore');
create_records($primary, $_->{name}, %$_) foreach @tables;
create_records($primary, 'between', dims => 24, rows => 300, with => "quantization = 'rabitq'");

my $seed = 0;

# Start writers of all tables, and wait until each has changed some hundred rows.
sub start_writers
{
	my ($node) = @_;
	my $changed = 'SELECT n_tup_ins + n_tup_upd + n_tup_del > %d FROM pg_stat_user_tables WHERE relname = \'%s\'';
	my @before = map { $node->safe_psql('postgres',
			"SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_stat_user_tables WHERE relname = '$_->{name}'") } @tables;
	my @runs = map { start_workload($node, ++$seed, '-c', $writers, '-R', $rate, record_writes($node, $_->{name}, $_->{dims}, 600)) } @tables;

	foreach my $i (0 .. $#tables)
	{
		$node->poll_query_until('postgres', sprintf $changed, $before[$i] + 200, $tables[$i]{name})
		  or die "the writers do not get under way: ${ $runs[$i]{err} }";
	}
	return @runs;
}

sub start_readers
{
	my ($node) = @_;
	local $ENV{PGOPTIONS} = '-c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off';
	return map { start_workload($node, ++$seed, '--max-tries=0', record_reads($node, $_->{name}, $_->{dims})) } @tables;
}

# Check all tables of a server; returns their rows.
sub check_tables
{
	my ($node, $label) = @_;
	my @rows;

	foreach my $table (@tables)
	{
		my ($found) = check_records($node, $table->{name}, $table->{dims}, "$label, $table->{name}");
		push @rows, map { "$table->{name} $_" } @$found;
	}
	return \@rows;
}

# ---- a base backup amid writes, its verification ----

my @writes = start_writers($primary);
$primary->backup('base');
command_ok([ 'pg_verifybackup', $primary->backup_dir . '/base' ], 'pg_verifybackup finds the base backup right');
ok(is_running($_), 'the writers are running') foreach @writes;

# ---- a standby, and a standby of the standby made from a backup of the first ----

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
# A conflict would end a reader that compares, now and then before it has an answer.
$standby->append_conf('postgresql.conf', "hot_standby_feedback = on\nmax_standby_streaming_delay = -1");
$standby->start;
$primary->safe_psql('postgres', 'CHECKPOINT');    # which a backup of the standby begins with
$standby->backup('base');
command_ok([ 'pg_verifybackup', $standby->backup_dir . '/base' ], 'pg_verifybackup finds the backup of a standby right');

my $cascade = PostgreSQL::Test::Cluster->new('cascade');
$cascade->init_from_backup($standby, 'base', has_streaming => 1);
$cascade->start;
my @reads = start_readers($cascade);
usleep(1_500_000);
ok(is_running($_), 'the writers are still running') foreach @writes;
ok(is_running($_), 'so are the readers') foreach @reads;
stop_workload($_, 'writers of the primary') foreach @writes;
stop_workload($_, 'readers of the cascaded standby') foreach @reads;
wait_for_sessions($primary);

$primary->wait_for_catchup($standby, 'replay');
$standby->wait_for_catchup($cascade, 'replay', $primary->lsn('insert'));
my $rows = check_tables($primary, 'primary');
is(difference(check_tables($standby, 'standby'), $rows), '', 'the standby has the rows of the primary');
is(difference(check_tables($cascade, 'cascaded standby'), $rows), '', 'the cascaded standby has them, too');

# ---- recovery to a moment between two transactions ----

# The second one has written its rows, and its index entries, when it is left out; the
# vacuum after it and the writers beside it are left out, too.
@writes = start_writers($primary);
$primary->safe_psql('postgres', put_records('between', 24, 'SELECT i, i * 31 FROM generate_series(200, 500) i')
	  . 'DELETE FROM between WHERE id % 7 = 0');
my ($expected) = check_records($primary, 'between', 24, 'before the second transaction');
my $xid = $primary->safe_psql('postgres', 'BEGIN; DELETE FROM between WHERE id % 2 = 0; '
	  . put_records('between', 24, 'SELECT i, i * 37 FROM generate_series(100, 700) i')
	  . 'SELECT pg_current_xact_id(); COMMIT');
$primary->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) between');
my ($after) = check_records($primary, 'between', 24, 'after the second transaction');
isnt(difference($after, $expected), '', 'the second transaction made a difference');
stop_workload($_, 'writers of the primary') foreach @writes;
wait_for_sessions($primary);
my $wal = $primary->safe_psql('postgres', 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())');
$primary->safe_psql('postgres', 'SELECT pg_switch_wal()');
$primary->poll_query_until('postgres', "SELECT last_archived_wal >= '$wal' FROM pg_stat_archiver")
  or die 'the log is not archived';

foreach my $inclusive ('off', 'on')
{
	my $label = 'recovered to ' . ($inclusive eq 'off' ? 'before' : 'after') . ' the second transaction';
	my $restored = PostgreSQL::Test::Cluster->new("restored_$inclusive");
	$restored->init_from_backup($primary, 'base', has_restoring => 1, standby => 0);
	$restored->append_conf('postgresql.conf', "archive_mode = off\nrecovery_target_xid = '$xid'\n"
		  . "recovery_target_inclusive = $inclusive\nrecovery_target_action = promote");
	$restored->start;
	$restored->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()') or die 'recovery does not end';

	my ($found) = check_records($restored, 'between', 24, $label);
	is(difference($found, $inclusive eq 'off' ? $expected : $after), '', "$label: the rows of that moment");
	check_tables($restored, $label);

	# What was left out is dead rows now, which a vacuum removes.
	$restored->safe_psql('postgres', put_records('between', 24, 'SELECT i, i * 41 FROM generate_series(600, 800) i')
		  . 'DELETE FROM between WHERE id % 3 = 0');
	$restored->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) between');
	my ($rows, $unreachable) = check_records($restored, 'between', 24, "$label, vacuumed");
	is($unreachable, 0, "$label, vacuumed: no vertex is cut off");
	check_recall($restored, 'between', "$label, vacuumed");
	check_no_crash($restored, $label);
	$restored->stop;
}

# ---- promotion amid writes and reads ----

@writes = start_writers($primary);
@reads = start_readers($standby);
usleep(500_000);
ok(is_running($_), 'promotion: writers and readers are running') foreach @writes, @reads;
# A standby that runs may stop here (PANIC: could not open file) if the log it has ends in
# the midst of a record that begins in an older segment: PostgreSQL's, it goes on once
# started anew.
$cascade->stop;
$standby->promote;
my @new_writes = start_writers($standby);
ok(is_running($_), 'promotion: readers are running after it') foreach @reads;
stop_workload($_, 'promotion, readers') foreach @reads;
stop_workload($_, 'promotion, writers of the old primary') foreach @writes;
stop_workload($_, 'promotion, writers of the new primary') foreach @new_writes;
wait_for_sessions($_) foreach $primary, $standby;
check_tables($primary, 'promotion, the old primary');
$cascade->start;
$standby->wait_for_catchup($cascade, 'replay', $standby->lsn('insert'));
$rows = check_tables($standby, 'promoted');
is(difference(check_tables($cascade, 'standby of the promoted'), $rows), '', 'its standby has followed');
foreach my $table (map { $_->{name} } @tables)
{
	$standby->safe_psql('postgres', "VACUUM (INDEX_CLEANUP on) $table");
	check_recall($standby, $table, "promoted, $table");
}

# ---- a subscriber of a collection, which has indexes of its own ----

my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init;
$subscriber->append_conf('postgresql.conf', "autovacuum = off\nwal_level = logical");
$subscriber->start;
$subscriber->safe_psql('postgres', 'CREATE EXTENSION vecstore');
foreach my $node ($primary, $subscriber)
{
	$node->safe_psql('postgres', q{
		SELECT vecstore.create_namespace('acme');
		SELECT vecstore.create_collection('acme.docs', 24, 'l2')});
}
my $upsert = q{SELECT vecstore.upsert_batch('acme.docs', array_agg(i::text), array_agg(test_vector(%d + i, 24)),
	array_agg(jsonb_build_object('even', i % 2 = 0)), array_agg(test_text(%1$d + i))) FROM generate_series(%d, %d) i;};
$primary->safe_psql('postgres', sprintf($upsert, 1000, 1, 300) . 'CREATE PUBLICATION docs FOR TABLE acme.docs');
$subscriber->safe_psql('postgres', "CREATE SUBSCRIPTION docs CONNECTION '" . $primary->connstr . " dbname=postgres' PUBLICATION docs");
$subscriber->wait_for_subscription_sync($primary, 'docs');
$primary->safe_psql('postgres', $_) foreach
  sprintf($upsert, 5000, 200, 400),
  q{SELECT vecstore.remove('acme.docs', array_agg(i::text)) FROM generate_series(1, 400, 3) i},
  q{SELECT vecstore.soft_delete('acme.docs', array_agg(i::text)) FROM generate_series(2, 400, 9) i},
  'BEGIN; ' . sprintf($upsert, 9000, 1, 50) . 'ROLLBACK';
$primary->wait_for_catchup('docs');

is($subscriber->safe_psql('postgres', 'SELECT * FROM acme.docs ORDER BY id'),
	$primary->safe_psql('postgres', 'SELECT * FROM acme.docs ORDER BY id'),
	'the subscriber has the rows of the collection');

# Rows that a vacuum has not removed yet count in the scores, and are not the same on both.
# So few rows would be read without the graph; with as many candidates as rows it gives
# what a sort does.
$_->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) acme.docs') foreach $primary, $subscriber;
my $settings = index_only_settings() . ' SET vecstore.ef_search = 400;';
my $query = "'" . $primary->safe_psql('postgres', 'SELECT test_vector(1, 24)') . "'";
foreach my $search (
	"SELECT id, round(score::numeric, 5) FROM vecstore.query('acme.docs', $query, k => 1000) ORDER BY 2 DESC, 1",
	"SELECT id, score FROM vecstore.text_query('acme.docs', 'w1 w2 w700', k => 1000) ORDER BY 2 DESC, 1",
	"SELECT id FROM vecstore.query('acme.docs', $query, k => 20, filter => 'even = true')")
{
	my $answer = $primary->safe_psql('postgres', "$settings $search");
	isnt($answer, '', 'the publisher has an answer');
	is($subscriber->safe_psql('postgres', "$settings $search"), $answer, 'the subscriber gives the same answer');
}
foreach my $node ($primary, $subscriber)
{
	my $name = $node->name;
	foreach my $index (split /\n/, $node->safe_psql('postgres', q{
		SELECT indexrelid::regclass FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = c.relam
		WHERE indrelid = 'acme.docs'::regclass AND amname ~ 'vecstore' ORDER BY amname}))
	{
		my $check = $index =~ /embedding/ ? "vecstore_check('$index')" : "bm25_check('$index', true)";
		is($node->safe_psql('postgres', "SELECT count(*) FROM $check"), '1', "$name: $check");
	}
}

foreach my $node ($primary, $standby, $cascade, $subscriber)
{
	check_no_crash($node, $node->name);
	$node->stop;
}
done_testing();
