# An index built by several processes: with as many as asked for, with fewer,
# with none; in little memory; cancelled at any moment; on a standby and after a
# crash; beside writers.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Vecstore qw(build_index check_index check_no_crash check_recall create_items start_workload
  stop_workload write_workload);

my $dims = 48;
my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
# The server logs 32 pages in one record and pins them: four processes at it want
# more than the 128 buffers that test clusters have.
$primary->append_conf('postgresql.conf', q{
autovacuum = off
shared_buffers = 2MB
max_worker_processes = 8
max_parallel_workers = 8
max_parallel_maintenance_workers = 4
wal_consistency_checking = all
wal_keep_size = 1GB
log_min_messages = debug1
});
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION vecstore');
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

create_items($primary, 'items', dims => $dims, rows => 4000);
$primary->safe_psql('postgres', 'ALTER TABLE items SET (parallel_workers = 3)');

# Build items_idx anew with these settings; returns how many workers helped, and
# the messages.
sub rebuild
{
	my ($settings, $command) = @_;
	return build_index($primary, "$settings " . ($command // 'REINDEX INDEX items_idx'));
}

# Make items_idx another kind of index.
sub with_quantization
{
	my ($quantization) = @_;
	$primary->safe_psql('postgres', qq{
		DROP INDEX items_idx;
		CREATE INDEX items_idx ON items USING vecstore (embedding vecstore_l2_ops) WITH (quantization = '$quantization')});
	return;
}

# A whole index, here and on the standby.
sub check_both
{
	my ($label) = @_;
	check_index($primary, 'items', $dims, $label);
	check_recall($primary, 'items', $label);
	$primary->wait_for_catchup($standby, 'replay');
	check_index($standby, 'items', $dims, "$label, standby");
	return;
}

my ($workers, $messages) = rebuild('');
is($workers, 3, 'as many workers as asked for');
check_both('three workers');

($workers) = rebuild("SET max_parallel_maintenance_workers = 1;");
is($workers, 1, 'no more than the setting allows');
check_both('one worker');

($workers) = rebuild('SET max_parallel_workers = 0;');
is($workers, 0, 'no worker could be had');
check_both('none came');

($workers) = rebuild('SET max_parallel_maintenance_workers = 0;');
is($workers, 0, 'no worker asked for');

with_quantization('rabitq');
($workers) = rebuild('');
is($workers, 3, 'three workers for codes');
check_both('codes, three workers');

# Memory for all links and some vectors; and for not even the links.
$primary->safe_psql('postgres', q{
	DROP INDEX items_idx;
	INSERT INTO items (embedding) SELECT test_vector(500000 + i, 48) FROM generate_series(1, 12000) i;
	CREATE INDEX items_idx ON items USING vecstore (embedding vecstore_l2_ops) WITH (quantization = rabitq);
	VACUUM ANALYZE items});
foreach my $case ([ 'rabitq', '6500kB', '4MB' ], [ 'none', '7MB', '4MB' ])
{
	my ($quantization, $little, $less) = @$case;

	with_quantization($quantization) if $quantization ne 'rabitq';
	($workers, $messages) = rebuild("SET maintenance_work_mem = '$little';");
	is($workers, 3, "$quantization: little memory, shared");
	like($messages, qr/\d+% of the vectors will be read from the index's pages/, 'for some vectors');
	check_both("$quantization, vectors on pages");

	($workers, $messages) = rebuild("SET maintenance_work_mem = '$less';");
	is($workers, 3, "$quantization: less memory, shared");
	like($messages, qr/no longer fits into maintenance_work_mem/, 'not for all links');
	check_both("$quantization, rows inserted");
}

# An empty table: all is done before a worker comes, if one comes at all.
$primary->safe_psql('postgres', q{
	CREATE TABLE empty_items (id int, embedding vecstore(3)) WITH (parallel_workers = 3);
	CREATE INDEX ON empty_items USING vecstore (embedding vecstore_l2_ops);
	CREATE TABLE few_items (LIKE empty_items) WITH (parallel_workers = 3);
	INSERT INTO few_items SELECT i, test_vector(i, 3) FROM generate_series(1, 3) i;
	CREATE INDEX few_idx ON few_items USING vecstore (embedding vecstore_l2_ops)});
foreach my $round (1 .. 15)
{
	$primary->safe_psql('postgres', 'TRUNCATE empty_items; REINDEX INDEX few_idx');
}
is($primary->safe_psql('postgres', "SELECT rows FROM vecstore_check('few_idx')"), 3,
	'workers that come late');

# Vectors longer than a page.
$primary->safe_psql('postgres', q{
	CREATE TABLE long_items (id int, embedding vecstore(2500)) WITH (parallel_workers = 2);
	INSERT INTO long_items SELECT i, test_vector(i, 2500) FROM generate_series(1, 300) i});
rebuild('', "CREATE INDEX long_items_idx ON long_items USING vecstore (embedding vecstore_l2_ops) WITH (quantization = 'none')");
check_index($primary, 'long_items', 2500, 'long vectors');
$primary->wait_for_catchup($standby, 'replay');
check_index($standby, 'long_items', 2500, 'long vectors, standby');

# Unlogged tables, and expressions and predicates, that workers may compute or not.
$primary->safe_psql('postgres', q{
	CREATE UNLOGGED TABLE quick (id int, embedding vecstore(48)) WITH (parallel_workers = 2);
	INSERT INTO quick SELECT id, embedding FROM items});
($workers) = rebuild('', 'CREATE INDEX quick_idx ON quick USING vecstore (embedding vecstore_l2_ops)');
is($workers, 2, 'unlogged table');
check_index($primary, 'quick', $dims, 'unlogged');
$primary->safe_psql('postgres', q{
	CREATE FUNCTION halve(v vecstore) RETURNS vecstore(48) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
		AS $$ BEGIN RETURN public.subvector(v, 1, 48); END $$;
	CREATE FUNCTION halve_here(v vecstore) RETURNS vecstore(48) LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE
		AS $$ BEGIN RETURN public.subvector(v, 1, 48); END $$});
($workers) = rebuild('', 'CREATE INDEX quick_safe ON quick USING vecstore ((halve(embedding)::vecstore(48)) vecstore_l2_ops) WHERE id > 100');
is($workers, 2, 'a safe expression');
($workers) = rebuild('', 'CREATE INDEX quick_unsafe ON quick USING vecstore ((halve_here(embedding)::vecstore(48)) vecstore_l2_ops) WHERE id > 100');
is($workers, 0, 'an unsafe expression');
is( $primary->safe_psql('postgres', q{
	SELECT count(DISTINCT rows) FROM (VALUES ('quick_safe'), ('quick_unsafe')) i(name), vecstore_check(name::regclass)}),
	1, 'both hold the same rows');

# Progress: phases in their order, and counts that grow to what there is.
my $building = IPC::Run::start(
	[ 'psql', '-XAtq', '-h', $primary->host, '-p', $primary->port, '-d', 'postgres', '-c',
		"SET maintenance_work_mem = '4MB'; SET client_min_messages = error", '-c',
		'CREATE INDEX watched ON items USING vecstore (embedding vecstore_l2_ops) WITH (quantization = rabitq)' ],
	'<', \undef, '>', \my $built_out, '2>', \my $built_err);
my @seen;
my $most = 0;
while ($building->pumpable)
{
	$building->pump_nb;
	my $now = $primary->safe_psql('postgres', q{
		SELECT phase, tuples_done, tuples_total FROM pg_stat_progress_create_index});
	my ($phase, $done, $total) = split /\|/, $now or next;
	push @seen, $phase unless @seen && $seen[-1] eq $phase;
	cmp_ok($done, '>=', $most, "rows done, $phase") if $done < $most;
	$most = $done;
}
$building->finish;
my @order = ('initializing', map { "building index: $_" } 'initializing',
	'building graph in memory', 'laying out pages', 'writing pages', 'inserting rows on pages', 'logging pages');
my %place = map { $order[$_] => $_ } 0 .. $#order;
is_deeply(\@seen, [ sort { $place{$a} <=> $place{$b} } grep { defined $place{$_} } @seen ],
	'phases in order: ' . join(', ', @seen));
ok((grep { /in memory/ } @seen) && (grep { /on pages/ } @seen),
	'the long phases were seen');
cmp_ok($most, '>', 8000, "the last count seen is $most of 16,000 rows");
$primary->safe_psql('postgres', 'DROP INDEX watched');

# Cancelled at many moments: nothing is left, neither file nor process.
my $files = "SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = 'postgres')) f";
$primary->safe_psql('postgres', 'CHECKPOINT');
my $before = $primary->safe_psql('postgres', $files);
my $cancelled = 0;
foreach my $ms (1, 3, 10, 20, 40, 80, 120, 160, 250, 400, 600)
{
	foreach my $case ([ '4MB', 'none' ], [ '3MB', 'rabitq' ], [ '64MB', $ms % 20 ? 'none' : 'rabitq' ])
	{
		my ($memory, $quantization) = @$case;
		my ($status, $stdout, $stderr) = $primary->psql('postgres', qq{
			SET maintenance_work_mem = '$memory'; SET statement_timeout = $ms;
			BEGIN; CREATE INDEX cancelled ON items USING vecstore (embedding vecstore_l2_ops) WITH (quantization = '$quantization'); ROLLBACK});
		$cancelled++ if $stderr =~ /canceling statement due to statement timeout/;
		unlike($stderr, qr/ERROR:  (?!canceling statement)/, "no other error after $ms ms, $memory, $quantization");
	}
}
cmp_ok($cancelled, '>', 3, "$cancelled builds were cancelled");
$primary->safe_psql('postgres', 'CHECKPOINT');
is($primary->safe_psql('postgres', $files), $before, 'no file is left');
is($primary->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
	0, 'no worker is left');

# Beside writers.
my $writes = start_workload($primary, 1, '-c', 2, write_workload($primary, 'items', $dims, 0));
usleep(300_000);
foreach my $quantization ('none', 'rabitq')
{
	with_quantization($quantization) if $quantization ne 'none';
	($workers) = rebuild('', 'REINDEX INDEX CONCURRENTLY items_idx');
	is($workers, 3, "$quantization, concurrently");
}
stop_workload($writes, 'writers');
check_both('codes, concurrently');

# A crash right after, before any checkpoint; and without WAL for new files.
foreach my $quantization ('rabitq', 'none')
{
	with_quantization($quantization) if $quantization ne 'rabitq';
	rebuild('');
	$primary->stop('immediate');
	$primary->start;
	check_both("$quantization, after a crash");
}
$standby->stop;
$primary->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\nwal_consistency_checking = ''");
$primary->restart;
($workers) = rebuild("SET maintenance_work_mem = '4MB';",
	'BEGIN; DROP INDEX items_idx; CREATE INDEX items_idx ON items USING vecstore (embedding vecstore_l2_ops) WITH (quantization = rabitq); COMMIT');
is($workers, 3, 'wal_level = minimal');
$primary->stop('immediate');
$primary->start;
check_index($primary, 'items', $dims, 'minimal, after a crash');
check_no_crash($primary, 'primary');
$primary->stop;
done_testing();
