# What goes wrong in the midst of work: it is cancelled or its session is ended, at many
# moments of builds, inserts, scans and vacuums of both access methods; the disk or the room
# for temporary files is full, memory is used up, sooner or later.  The statement ends with an error that
# says so, both indexes are sound and have the rows of the table, and the work can be done
# again.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);
use Vecstore qw(check_no_crash check_recall check_records create_functions has_asan index_only_settings wait_for_sessions);

my $dims = 300;
my $rows = 600;

# A limit of the size of files is to hit an index, not the log or the table: segments of
# the log are small, and so is the table, whose indexes are on expressions, which a view
# shows as columns.  Rare words make the text index the larger one.
my $node = PostgreSQL::Test::Cluster->new('faults');
$node->init(extra => ['--wal-segsize=1']);
$node->append_conf('postgresql.conf', q{
autovacuum = off
restart_after_crash = off
log_statement = none
shared_buffers = 128MB
max_parallel_maintenance_workers = 0
});
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');
create_functions($node);
my $vector = "(test_vector(v, $dims)::vecstore($dims))";
my $text = "(rare_words(v) || ' w' || v % 7)";
$node->safe_psql(
	'postgres', qq{
	CREATE FUNCTION rare_words(v bigint) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS \$\$
		SELECT string_agg(to_hex(hashint8extended(v, i)), ' ') FROM generate_series(1, 150) i
	\$\$;
	CREATE TABLE thin (id bigint PRIMARY KEY, v bigint) WITH (autovacuum_enabled = off, vacuum_truncate = off);
	INSERT INTO thin SELECT i, i FROM generate_series(1, $rows) i;
	CREATE INDEX records_idx ON thin USING vecstore ($vector vecstore_l2_ops);
	CREATE INDEX records_body_idx ON thin USING vecstore_bm25 ($text);
	CREATE VIEW records AS SELECT id, v, $vector AS embedding, $text AS body FROM thin;
	ANALYZE thin});

# ---- work ----

# Rows that replace others leave dead ones for a vacuum.
my $v = 10_000;

sub replace_rows
{
	my ($n) = @_;
	$v += 1000;
	return "INSERT INTO thin SELECT i, $v + i FROM generate_series(1, $n) i ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v;";
}

my $scan = index_only_settings() . " SET work_mem = '64kB'; SELECT count(*) FROM (SELECT id FROM records ORDER BY %s OFFSET 0) r;";
my @works = (
	{ name => 'build of a graph', sql => "BEGIN; CREATE INDEX again ON thin USING vecstore ($vector vecstore_l2_ops); ROLLBACK;" },
	{ name => 'build of a text index', sql => "SET maintenance_work_mem = '1MB'; BEGIN; CREATE INDEX again ON thin USING vecstore_bm25 ($text); ROLLBACK;" },
	{ name => 'inserts, flushes and merges', rows => 200 },
	{ name => 'vacuum', before => 200, sql => 'VACUUM (INDEX_CLEANUP on) thin;' },
	{ name => 'scan of the graph', sql => sprintf($scan, "embedding <-> test_vector(-1, $dims)") },
	{ name => 'scan of the text index', sql => sprintf($scan, "body <\@> bm25_query('w1 w2', 'records_body_idx')") });

sub work_sql
{
	my ($work) = @_;
	return $work->{sql} // replace_rows($work->{rows});
}

# What makes work to do.
sub before
{
	my ($work) = @_;
	return $work->{before} ? replace_rows($work->{before}) : '';
}

# ---- sessions to which something happens ----

# A session that has done some statements.
sub start_session
{
	my ($sql) = @_;
	my ($in, $out, $err) = ("SELECT 'pid', pg_backend_pid();\n$sql\n\\echo ready\n", '', '');
	my $run = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-f', '-' ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	$run->pump until $out =~ /^ready\n/m;
	my ($pid) = $out =~ /^pid\|(\d+)/m;
	return { run => $run, in => \$in, err => \$err, pid => $pid };
}

# Let a session do its work; AFTER is called once it is at it.
sub run_session
{
	my ($session, $sql, $after) = @_;

	${ $session->{in} } .= "$sql\n\\q\n";
	$session->{run}->pump_nb;
	$after->() if $after;
	$session->{run}->finish;
	return ${ $session->{err} } =~ /^(?:psql\S* )?((?:ERROR|FATAL|PANIC):.*)/mg;
}

# The same, until the server has no session any more.
sub finish_session
{
	my @errors = run_session(@_);

	wait_for_sessions($node);
	return @errors;
}

sub limit
{
	my ($session, $resource, $bytes) = @_;
	system_or_bail('prlimit', '--pid', $session->{pid}, "--$resource=$bytes:");
	return;
}

# Virtual memory of a process.
sub memory_of
{
	my ($pid) = @_;
	my ($kilobytes) = slurp_file("/proc/$pid/status") =~ /^VmSize:\s*(\d+)/m;
	return 1024 * $kilobytes;
}

sub size_of
{
	my ($index) = @_;
	return $node->safe_psql('postgres', "SELECT pg_relation_size('$index')");
}

my %hit;

# What must hold after a fault; ALLOWED is what the statement may have said.  Scans change
# nothing.
sub check_fault
{
	my ($label, $fault, $work, $allowed, @errors) = @_;
	my @bad = grep { !/$allowed/ } @errors;

	is("@bad", '', "$label: no other error");
	$hit{$fault}{ $work->{name} } += @errors > 0;
	check_records($node, 'records', $dims, $label) unless $work->{name} =~ /scan/;
	return;
}

# After all faults of a kind: that work was hit at all, and goes well now.
sub check_works
{
	my ($fault) = @_;

	foreach my $work (@works)
	{
		my $hits = $hit{$fault}{ $work->{name} } // next;
		note "$fault, $work->{name}: $hits times";
		cmp_ok($hits, '>', 0, "$fault: $work->{name} was hit");
		my ($status, $out, $err) = $node->psql('postgres', work_sql($work));
		is($err, '', "$fault: $work->{name} can be done again");
	}
	my ($rows, $unreachable) = check_records($node, 'records', $dims, "$fault, all work done again");
	$node->safe_psql('postgres', 'VACUUM (INDEX_CLEANUP on) thin');
	($rows, $unreachable) = check_records($node, 'records', $dims, "$fault, vacuumed");
	is($unreachable, 0, "$fault, vacuumed: no vertex is cut off");
	return;
}

# ---- cancelled, ended ----

# How long work takes here and now; then it is cancelled at so many parts of that.
my $parts = 4;
foreach my $work (@works)
{
	$node->safe_psql('postgres', before($work));
	my $start = time();
	$node->safe_psql('postgres', work_sql($work));
	my $duration = time() - $start;
	foreach my $part (0 .. $parts - 1)
	{
		my $delay = $duration * $part / $parts;
		my $timeout = int($delay * 1000) || 1;
		check_fault("$work->{name}, statement_timeout of $timeout ms", 'statement_timeout', $work, qr/57014/,
			finish_session(start_session(before($work)), "SET statement_timeout = $timeout; " . work_sql($work)));

		# Each second time the session is ended.
		my ($name, $allowed) = $part % 2 ? ('pg_terminate_backend', qr/57P01/) : ('pg_cancel_backend', qr/57014/);
		my $session = start_session(before($work));
		check_fault("$work->{name}, $name after part $part", $name, $work, $allowed,
			finish_session($session, work_sql($work), sub {
				usleep(1e6 * $delay);
				$node->safe_psql('postgres', "SELECT $name($session->{pid})");
			}));
	}
}
check_works('statement_timeout');

# ---- room ----

SKIP:
{
	skip 'prlimit is not there', 1 unless eval { run_log([ 'prlimit', '--version' ]) };

	# The disk is full when a file becomes larger than this: a new index, which begins with
	# nothing, so that there is room for the megabyte of a segment of the log; one that is
	# there, which may have some pages more.
	my $full = qr/could not (extend|write).*File too large/;
	foreach my $work (grep { $_->{name} =~ /build/ } @works)
	{
		foreach my $part (0 .. 3)
		{
			my $limit = 1024 * (1032 + 32 * $part);
			my $session = start_session('');
			limit($session, 'fsize', $limit);
			check_fault("$work->{name}, files of $limit bytes at most", 'full disk', $work, $full,
				finish_session($session, work_sql($work)));
		}
	}
	foreach my $index ('records_idx', 'records_body_idx')
	{
		# No slot is free in it; of the text index some rows that are committed are pending
		# when there is no room for the segment that they are to become.
		$node->safe_psql('postgres', 'REINDEX TABLE thin');
		$node->safe_psql('postgres', replace_rows(10)) if $index eq 'records_body_idx';
		foreach my $pages (0, 1, 2, 4, 8, 16)
		{
			my ($work) = grep { $_->{rows} } @works;
			my $session = start_session('');
			limit($session, 'fsize', size_of($index) + 8192 * $pages);
			check_fault("$work->{name}, $pages more pages for $index", "full disk, $index", $work, $full,
				finish_session($session, work_sql($work)));
		}
	}
	cmp_ok(size_of('records_body_idx'), '>', size_of('records_idx'), 'the text index is the larger one');
	check_works($_) foreach 'full disk', 'full disk, records_idx', 'full disk, records_body_idx';

	# The sanitizer ends a process that gets no more memory.
	skip 'memory: the address sanitizer', 1 if has_asan();

	# Memory is used up: what a session may have more than it has after the same work; a
	# scan, which gets along with that, than it has before.
	foreach my $work (@works)
	{
		foreach my $more (0, 64, 256, 1024)
		{
			my $session = start_session(
				$work->{name} =~ /scan/ ? "LOAD 'vecstore';" : before($work) . work_sql($work) . before($work));
			limit($session, 'as', memory_of($session->{pid}) + 1024 * $more);
			check_fault("$work->{name}, $more kB more memory", 'memory used up', $work, qr/53200/,
				finish_session($session, work_sql($work)));
		}
	}
	check_works('memory used up');

	# Of a build the workers alone have a limit, which they have from the postmaster: some do
	# not get to load the library, some to map what is shared, some to their part.
	my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
	$node->safe_psql('postgres', 'ALTER TABLE thin SET (parallel_workers = 2)');
	foreach my $work (grep { $_->{name} =~ /build/ } @works)
	{
		foreach my $more (map { 512 * $_ } 5 .. 14)
		{
			my $session = start_session('SET max_parallel_maintenance_workers = 2;');
			limit({ pid => $postmaster }, 'as', memory_of($postmaster) + 1024 * $more);
			my @errors = run_session($session, work_sql($work));
			limit({ pid => $postmaster }, 'as', 'unlimited');
			wait_for_sessions($node);
			check_fault("$work->{name}, $more kB more memory for workers", 'memory of workers used up',
				$work, qr{53200|could not load library|parallel worker failed to initialize}, @errors);
		}
	}
	$node->safe_psql('postgres', 'ALTER TABLE thin RESET (parallel_workers)');
	check_works('memory of workers used up');
}

# The session itself looks whether a file is left: with it, all of its files go.
my $none_left = ' SELECT 1 / (count(*) = 0)::int FROM pg_ls_tmpdir();';
foreach my $work (grep { $_->{name} eq 'build of a text index' } @works)
{
	foreach my $limit (0, 64, 256, 512)
	{
		check_fault("$work->{name}, temporary files of $limit kB", 'full of temporary files', $work, qr/53400/,
			finish_session(start_session(''), "SET temp_file_limit = $limit; " . work_sql($work) . $none_left));
	}
}
check_works('full of temporary files');

check_recall($node, 'records', 'at the end');
check_no_crash($node, 'faults');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'no temporary file is left');
$node->stop;
done_testing();
