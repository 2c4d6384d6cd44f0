# CREATE INDEX ... USING vecstore_bm25 with parallel workers: as many as asked for,
# fewer, none; what memory it takes; progress; cancelled; beside writers; on a standby
# and after a crash.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Vecstore qw(build_index check_no_crash has_asan start_workload stop_workload wait_for_sessions);

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', q{
autovacuum = off
shared_buffers = 2MB
max_worker_processes = 5
max_parallel_workers = 4
max_parallel_maintenance_workers = 3
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

# Every row has a word that all have, some of 50, and two of its own.
$primary->safe_psql('postgres', q{
	CREATE TABLE docs (id int, body text) WITH (parallel_workers = 3);
	INSERT INTO docs SELECT i, CASE WHEN i % 50 > 0 THEN 'all c' || abs(hashint4(i) % 50) || ' d' || abs(hashint4(-i) % 50)
		|| ' own' || i || ' too' || i END FROM generate_series(1, 60000) i;
	CREATE INDEX docs_body ON docs USING vecstore_bm25 (body);
	VACUUM ANALYZE docs});

# Build docs_body anew with these settings; returns how many workers helped.
sub rebuild
{
	my ($settings, $command) = @_;
	my ($workers) = build_index($primary, "$settings " . ($command // 'REINDEX INDEX docs_body'));
	return $workers;
}

# All rows are found, with the scores that BM25 gives them, and each by its own word.
sub check
{
	my ($node, $label, $table) = @_;
	my $index = ($table //= 'docs') . '_body';
	my $score = "body <@> bm25_query('all c7', '$index')";

	is($node->safe_psql('postgres', "SELECT documents = (SELECT count(body) FROM $table)
		AND nulls = (SELECT count(*) FROM $table WHERE body IS NULL) AND segments = 1 FROM bm25_index_info('$index')"),
		't', "$label: all rows, one segment");
	is($node->safe_psql('postgres', qq{
		SET enable_seqscan = off; SET enable_sort = off;
		WITH total AS (SELECT count(body)::float8 AS n, count(*) FILTER (WHERE body ~ '\\mc7\\M') AS c7 FROM $table),
			found AS MATERIALIZED (SELECT id, body, $score AS score, row_number() OVER () AS place
				FROM (SELECT * FROM $table ORDER BY $score) q)
		SELECT count(*) = (SELECT count(*) FROM $table), bool_and(score IS NULL OR abs(score +
				(CASE WHEN body ~ '\\mall\\M' THEN ln(1 + 0.5 / (n + 0.5)) / 2.2 ELSE 0 END
				+ CASE WHEN body ~ '\\mc7\\M' THEN ln(1 + (n - c7 + 0.5) / (c7 + 0.5)) / 2.2 ELSE 0 END)) < 1e-9),
			bool_and(body IS NOT NULL OR place > n), count(DISTINCT id) = count(*)
			FROM found, total}), 't|t|t|t', "$label: right scores");
	is($node->safe_psql('postgres', qq{
		SET enable_seqscan = off; SET enable_sort = off;
		SELECT count(*) FROM generate_series(1, 60000, 997) i, LATERAL (SELECT id, body <@> bm25_query('own' || i, '$index') AS s
			FROM $table ORDER BY body <@> bm25_query('own' || i, '$index') LIMIT 1) h
		WHERE h.s < 0 AND h.id <> i}), 0, "$label: each by its own word");
	return;
}

sub check_both
{
	my ($label) = @_;
	check($primary, $label);
	$primary->wait_for_catchup($standby, 'replay');
	check($standby, "$label, standby");
	return;
}

is(rebuild(''), 3, 'as many workers as asked for');
check_both('three workers');
is(rebuild("SET maintenance_work_mem = '1MB';"), 3, 'little memory');
check_both('three workers, little memory');
is(rebuild('SET max_parallel_maintenance_workers = 1;'), 1, 'no more than the setting allows');
check($primary, 'one worker');
is(rebuild('SET max_parallel_workers = 0;'), 0, 'no worker could be had');
check($primary, 'none came');
is(rebuild('SET max_parallel_maintenance_workers = 0;'), 0, 'no worker asked for');

# (Of the five processes the server keeps one for itself.)
my $force = $primary->safe_psql('postgres', 'SHOW server_version_num') >= 160000 ? 'debug_parallel_query' : 'force_parallel_mode';

# Others have taken the processes there are: fewer come than asked for, or none.
foreach my $taken (3, 4)
{
	my @busy = map { IPC::Run::start(
		[ 'psql', '-XAtq', '-h', $primary->host, '-p', $primary->port, '-d', 'postgres', '-c',
			"SET $force = on", '-c', 'SELECT pg_sleep(600)' ],
		'<', \undef, '>', \my $out, '2>', \my $err) } 1 .. $taken;
	$primary->poll_query_until('postgres',
		"SELECT count(*) = $taken FROM pg_stat_activity WHERE backend_type = 'parallel worker'") or die 'no workers';
	is(rebuild(''), 4 - $taken, "$taken of 4 processes were taken");
	check($primary, "$taken processes taken");
	$primary->safe_psql('postgres', "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query ~ 'pg_sleep.600' AND pid <> pg_backend_pid()");
	$_->finish foreach @busy;
}

# Memory: rows of four words, in every setting a quarter more than it at most.
SKIP:
{
	skip 'memory is read in /proc', 3 unless -r "/proc/$$/status";
	skip 'memory: the address sanitizer keeps what is freed', 3 if has_asan();
	$primary->safe_psql('postgres', q{
		CREATE TABLE rows (id int, body text) WITH (parallel_workers = 0);
		INSERT INTO rows SELECT i, abs(hashint4(i) % 5000) || ' w' || abs(hashint4(-i) % 20000) || ' x' || i % 100 || ' all'
			FROM generate_series(1, 400000) i});
	my %most;
	foreach my $memory (2, 8, 64)
	{
		my $building = IPC::Run::start(
			[ 'psql', '-XAtq', '-h', $primary->host, '-p', $primary->port, '-d', 'postgres', '-c', 'SELECT pg_backend_pid()',
				'-c', "SET maintenance_work_mem = '${memory}MB'", '-c', 'CREATE INDEX rows_body ON rows USING vecstore_bm25 (body)',
				'-c', 'DROP INDEX rows_body' ],
			'<', \undef, '>', \my $pid, '2>', \my $err);
		$building->pump until $pid =~ /\n/;
		chomp $pid;
		my $first;
		while ($building->pumpable)
		{
			$building->pump_nb;
			my ($now) = (eval { slurp_file("/proc/$pid/status") } // '') =~ /RssAnon:\s+(\d+)/ or next;
			$first //= $now;
			$most{$memory} = $now - $first if $now - $first > ($most{$memory} // 0);
			usleep(2000);
		}
		$building->finish;
		note("maintenance_work_mem = $memory MB: $most{$memory} kB");
	}
	# Beside that: ICU's tables, buffers of files.
	cmp_ok($most{2}, '<', 2048 + 5000, 'with 2 MB');
	cmp_ok($most{8}, '<', 8192 * 1.25 + 5000, 'with 8 MB');
	cmp_ok($most{64}, '>', $most{8}, 'more is used if it is there');
	$primary->safe_psql('postgres', 'DROP TABLE rows');
}

# Progress: phases in their order, counts that grow.
my $building = IPC::Run::start(
	[ 'psql', '-XAtq', '-h', $primary->host, '-p', $primary->port, '-d', 'postgres', '-c',
		"SET maintenance_work_mem = '1MB'", '-c', 'REINDEX INDEX docs_body' ],
	'<', \undef, '>', \my $built_out, '2>', \my $built_err);
my @seen;
my ($most, $most_blocks, $blocks_total, $rows_total) = (0, 0, 0, 0);
while ($building->pumpable)
{
	$building->pump_nb;
	my $now = $primary->safe_psql('postgres', q{
		SELECT phase, tuples_done, tuples_total, blocks_done, blocks_total FROM pg_stat_progress_create_index});
	my ($phase, $done, $total, $blocks, $all_blocks) = split /\|/, $now or next;
	push @seen, $phase unless @seen && $seen[-1] eq $phase;
	fail("rows done, $phase: $done after $most") if $done < $most;
	$most = $done;
	$rows_total = $total;
	($most_blocks, $blocks_total) = ($blocks, $all_blocks) if $all_blocks > 0;
}
$building->finish;
my @order = ('initializing', map { "building index: $_" } 'initializing', 'scanning table', 'merging segments', 'writing pages');
my %place = map { $order[$_] => $_ } 0 .. $#order;
is_deeply(\@seen, [ sort { $place{$a} <=> $place{$b} } grep { defined $place{$_} } @seen ],
	'phases in order: ' . join(', ', @seen));
ok((grep { $_ eq $order[2] } @seen) && (grep { $_ eq $order[3] } @seen), 'the long phases were seen');
cmp_ok($most, '>', 20000, "the last count seen is $most of 60,000 rows");
is($rows_total, 60000, 'rows to be done');
cmp_ok($blocks_total, '>', 0, "blocks: $most_blocks of $blocks_total");

# Cancelled at many moments: nothing is left, neither file nor process.
my $files = "SELECT count(*) FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = 'postgres')) f";
my $temporary = 'SELECT count(*) FROM pg_ls_tmpdir()';
$primary->safe_psql('postgres', 'CHECKPOINT');
my $before = $primary->safe_psql('postgres', $files);
my $cancelled = 0;
foreach my $ms (1, 10, 30, 60, 100, 150, 200, 300, 400, 600)
{
	foreach my $memory ('1MB', '64MB')
	{
		my ($status, $stdout, $stderr) = $primary->psql('postgres', qq{
			SET maintenance_work_mem = '$memory'; SET statement_timeout = $ms;
			BEGIN; CREATE INDEX cancelled ON docs USING vecstore_bm25 (body); ROLLBACK});
		$cancelled++ if $stderr =~ /canceling statement due to statement timeout/;
		unlike($stderr, qr/ERROR:  (?!canceling statement)/, "no other error after $ms ms, $memory");
	}
}
cmp_ok($cancelled, '>', 3, "$cancelled builds were cancelled");
$primary->safe_psql('postgres', 'CHECKPOINT');
is($primary->safe_psql('postgres', $files), $before, 'no file is left');
is($primary->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'parallel worker'"),
	0, 'no worker is left');
ok($primary->poll_query_until('postgres', "$temporary", '0'), 'no temporary file is left');

# An empty table, and one of a few rows: all is done before a worker comes.
$primary->safe_psql('postgres', q{
	CREATE TABLE empty_docs (LIKE docs) WITH (parallel_workers = 3);
	CREATE INDEX ON empty_docs USING vecstore_bm25 (body);
	CREATE TABLE few_docs (LIKE docs) WITH (parallel_workers = 3);
	INSERT INTO few_docs SELECT * FROM docs WHERE id < 4;
	CREATE INDEX few_docs_body ON few_docs USING vecstore_bm25 (body)});
$primary->safe_psql('postgres', 'TRUNCATE empty_docs; REINDEX INDEX few_docs_body') foreach 1 .. 10;
check($primary, 'workers that come late', 'few_docs');

# Beside writers.
my $script = $primary->basedir . '/write.sql';
append_to_file($script, q{\set id random(1, 60000)
\set new random(100000, 999999)
UPDATE docs SET body = body WHERE id = :id;
INSERT INTO docs VALUES (:new, 'all c' || :new % 50 || ' d' || :new % 47 || ' own' || :new || ' too' || :new);
});
my $writes = start_workload($primary, 1, '-c', 2, '-f', $script);
usleep(300_000);
is(rebuild('', 'REINDEX INDEX CONCURRENTLY docs_body'), 3, 'concurrently');
is(rebuild("SET maintenance_work_mem = '1MB';", 'REINDEX INDEX CONCURRENTLY docs_body'), 3, 'concurrently, little memory');
stop_workload($writes, 'writers');
wait_for_sessions($primary);
is( $primary->safe_psql('postgres', q{
	SET enable_seqscan = off; SET enable_sort = off;
	SELECT count(*) = (SELECT count(*) FROM docs) AND count(*) = count(DISTINCT place) FROM (
		SELECT ctid AS place FROM docs ORDER BY body <@> bm25_query('all', 'docs_body')) q}), 't', 'every row once');
$primary->safe_psql('postgres', "DELETE FROM docs WHERE id >= 100000; VACUUM docs");
rebuild('');
check_both('after writers');

# A crash right after, before any checkpoint; and without WAL for new files.
rebuild('');
$primary->stop('immediate');
$primary->start;
check_both('after a crash');
$standby->stop;
$primary->append_conf('postgresql.conf', "wal_level = minimal\nmax_wal_senders = 0\nwal_consistency_checking = ''");
$primary->restart;
is(rebuild("SET maintenance_work_mem = '1MB';",
		'BEGIN; DROP INDEX docs_body; CREATE INDEX docs_body ON docs USING vecstore_bm25 (body); COMMIT'),
	3, 'wal_level = minimal');
$primary->stop('immediate');
$primary->start;
check($primary, 'minimal, after a crash');
check_no_crash($primary, 'primary');
$primary->stop;
done_testing();
