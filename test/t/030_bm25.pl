# The access method vecstore_bm25: a server that stops dead amid inserts, updates,
# deletes, rollbacks and vacuums, and a streaming standby that answers during replay.
# At any time an index scan returns every row once; in peace it is, row by row and
# score by score, what a sequential scan and a sort give.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(usleep);
use Vecstore qw(check_no_crash create_functions is_running sort_rest start_workload stop_workload wait_for_sessions);

my $rounds = 3;
my $clients = 4;

# Frequent words, rare ones, a word twice, one that no text has, none at all.
my @queries = ('w1 w2 w3', 'w0 w700 w1500', 'w40 w40 w7', 'x17 w1999 nowhere', 'nowhere', '');

# Scans of the index alone; how the table is read does not matter to them.
my %settings = (
	bitmap => 'SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off;',
	index => 'SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off;',
	sort => 'SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off;');
my $index_options = '-c enable_seqscan=off -c enable_bitmapscan=off -c enable_sort=off';

# create_texts NODE, TABLE, ROWS: a table of reproducible texts and its index.  One row in
# 25 is NULL, one in 100 has some thousands of different words, which take several pages.
# No vacuum tries to make the table shorter: for five seconds it would wait until nobody
# uses it.
sub create_texts
{
	my ($node, $table, $rows) = @_;

	create_functions($node);
	$node->safe_psql(
		'postgres', qq{
		CREATE TABLE $table (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			body text) WITH (autovacuum_enabled = off, vacuum_truncate = off);
		INSERT INTO $table (body)
		SELECT CASE WHEN i % 25 = 0 THEN NULL WHEN i % 100 = 1 THEN long_text(i, 4000) ELSE test_text(i) END
		FROM generate_series(1, $rows) i;
		CREATE INDEX ${table}_body_idx ON $table USING vecstore_bm25 (body);
		ANALYZE $table});
	return;
}

# SQL that divides by zero unless an index scan that is read to its end returns each
# row of the table once, and @@ with three words finds the rows that LIKE finds.
sub complete_sql
{
	my ($table, $query) = @_;
	my ($a, $b, $c) = split / /, $query;
	return qq{
		WITH found AS MATERIALIZED (SELECT id FROM $table WHERE body \@\@ bm25_query('$a -$b | "$b $c"', '${table}_body_idx')),
			 truth AS MATERIALIZED (SELECT id FROM (SELECT id, ' ' || body || ' ' AS words FROM $table OFFSET 0) t
				WHERE (words LIKE '% $a %' AND words NOT LIKE '% $b %') OR words LIKE '% $b $c %')
		SELECT 1 / (NOT EXISTS (TABLE truth EXCEPT ALL TABLE found) AND NOT EXISTS (TABLE found EXCEPT ALL TABLE truth))::int;
		WITH found AS MATERIALIZED (SELECT id FROM $table ORDER BY body <@> bm25_query('$query', '${table}_body_idx')),
			 truth AS MATERIALIZED (SELECT id FROM $table)
		SELECT 1 / (NOT EXISTS (TABLE truth EXCEPT ALL TABLE found) AND NOT EXISTS (TABLE found EXCEPT ALL TABLE truth))::int;};
}

# write_script NODE, TABLE, NAME, TEXT: a pgbench script; returns its file.
sub write_script
{
	my ($node, $table, $name, $text) = @_;
	my $file = $node->basedir . "/$table.$name.sql";

	append_to_file($file, $text) unless -e $file;
	return $file;
}

# pgbench's arguments for writers of a table, with checkpoints if told so.
sub write_workload
{
	my ($node, $table, $checkpoints) = @_;
	my $complete = complete_sql($table, 'w:a w:b w:c');
	my %script = (
		work => qq{
\\set op random(1, 100)
\\set v random(1, 1000000000)
\\set id random(1, 3000)
\\if :op <= 40
INSERT INTO $table (body) VALUES (test_text(:v));
\\elif :op <= 55
BEGIN;
INSERT INTO $table (body) SELECT test_text(:v + i) FROM generate_series(1, 10) i;
DELETE FROM $table WHERE id = :id;
COMMIT;
\\elif :op <= 60
BEGIN;
INSERT INTO $table (body) SELECT test_text(:v + i) FROM generate_series(1, 5) i;
ROLLBACK;
\\elif :op <= 62
INSERT INTO $table (body) VALUES (long_text(:v, 3000 + :id));
\\elif :op <= 66
INSERT INTO $table (body) VALUES (NULL), (''), (NULL);
\\elif :op <= 85
UPDATE $table SET body = test_text(:v) WHERE id = :id;
\\else
DELETE FROM $table WHERE id = :id;
\\endif
},
		# More words than all pending pages hold.  Who deletes such rows waits for nobody:
		# scans of a table need not begin at the same page, so two who did could wait
		# for each other.
		huge => qq{
\\set v random(1, 1000000000)
INSERT INTO $table (body) VALUES (long_text(:v, 130000));
DELETE FROM $table WHERE id IN (SELECT id FROM $table WHERE length(body) > 500000 FOR UPDATE SKIP LOCKED);
},
		search => qq{
\\set a random(0, 20)
\\set b random(0, 200)
\\set c random(0, 1999)
$complete
},
		check => "SELECT bm25_check('${table}_body_idx', true);\n",
		vacuum => "VACUUM $table;\n",
		clean => "VACUUM (INDEX_CLEANUP on) $table;\n",
		checkpoint => "CHECKPOINT;\n");
	my %weight = (work => 500, search => 10, check => 5, huge => 1, vacuum => 3, clean => 3,
		checkpoint => $checkpoints ? 2 : 0);

	return map { ('-f', write_script($node, $table, $_, $script{$_}) . "\@$weight{$_}") }
	  sort keys %script;
}

# Id and score of every row in the order of the scores, from an index scan or a sort;
# matches of the same score come in the order of their places.
sub answer_sql
{
	my ($table, $query, $how) = @_;
	my $score = "body <@> bm25_query('$query', '${table}_body_idx')";
	my $order = $how eq 'index' ? $score : "$score, ctid";

	return "$settings{$how} SELECT id, $score FROM $table ORDER BY $order;";
}

# The first line in which two answers differ.
sub first_difference
{
	my ($got, $expected) = @_;
	my @got = split /\n/, $got;
	my @expected = split /\n/, $expected;
	my $i = 0;

	$i++ while $i < @got && $i < @expected && $got[$i] eq $expected[$i];
	return sprintf '%d and %d rows, row %d: %s, not %s', scalar @got, scalar @expected, $i + 1,
	  $got[$i] // 'none', $expected[$i] // 'none';
}

# Ids of an answer, sorted.
sub ids
{
	my ($answer) = @_;
	return join ' ', sort { $a <=> $b } map { (split /\|/)[0] } split /\n/, $answer;
}

# Check the index, and compare an index scan of each query with the table, while nobody
# writes.
sub check_texts
{
	my ($node, $table, $label) = @_;
	my ($code, $checked, $wrong) = $node->psql('postgres', "SELECT bm25_check('${table}_body_idx', true)");

	is($wrong, '', "$label: the index is sound and has the table's rows");

	like($node->safe_psql('postgres', "BEGIN; $settings{index} EXPLAIN (COSTS OFF) "
			  . "SELECT id FROM $table ORDER BY body <@> bm25_query('w1', '${table}_body_idx')"),
		qr/^Index Scan using ${table}_body_idx/m, "$label: the scan uses the index");
	foreach my $query (@queries)
	{
		my ($status, $out, $err) = $node->psql('postgres',
			'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; '
			  . answer_sql($table, $query, 'index')
			  . "SELECT 'sorted';"
			  . answer_sql($table, $query, 'sort') . 'COMMIT');
		my ($found, $sorted) = map { sort_rest($_) } split /\n?^sorted\n?/m, $out, 2;

		is($err, '', "$label, query '$query': no error");
		ok(defined $sorted && ids($found) eq ids($sorted), "$label, query '$query': an index scan returns every row once");
		ok(defined $sorted && $found eq $sorted, "$label, query '$query': rows and scores of a sort")
		  or diag(first_difference($found, $sorted // ''));
	}
	foreach my $how ('index', 'bitmap')
	{
		my ($status, $out, $err) = $node->psql('postgres', "BEGIN; $settings{$how} " . complete_sql($table, 'w1 w2 w3') . 'COMMIT');

		is($err, '', "$label, \@\@ by $how: the rows that LIKE finds");
	}
	return;
}

# After a vacuum that nobody disturbs the index counts what the table has.  A vacuum
# passes by pages in use, were it only that they are being written to disk; one that
# freezes waits for them.
sub check_counts
{
	my ($node, $table, $label) = @_;

	$node->safe_psql('postgres', "VACUUM (FREEZE, INDEX_CLEANUP on) $table");
	is( $node->safe_psql('postgres',
			"SELECT documents, nulls, terms_in_documents, pending_pages FROM bm25_index_info('${table}_body_idx')"),
		$node->safe_psql('postgres', qq{
			SELECT count(body), count(*) - count(body),
				coalesce(sum(cardinality(string_to_array(body, ' '))), 0), 0 FROM $table}),
		"$label: a vacuum leaves the rows of the table and their terms");
	return;
}

# Start writers and wait until they are well under way.
sub start_writers
{
	my ($node, $table, $seed, $checkpoints, $rows) = @_;
	my $count = $node->safe_psql('postgres', "SELECT last_value FROM ${table}_id_seq");
	my $run = start_workload($node, $seed, '-c', $clients, '-j', 2,
		write_workload($node, $table, $checkpoints));

	$node->poll_query_until('postgres', "SELECT last_value > $count + $rows FROM ${table}_id_seq")
	  or die "the workload does not get under way: ${ $run->{err} }";
	return $run;
}

# A check on a server that replays what others write; it may say that it comes to no end.
sub check_sql
{
	my ($table) = @_;
	return qq{
		DO \$\$ BEGIN
			PERFORM bm25_check('${table}_body_idx', true);
		EXCEPTION WHEN object_in_use THEN NULL;
		END \$\$;};
}

# Readers on a standby: pgbench tries again after a recovery conflict and gives up after
# any other error.  A conflict between two statements ends the session, whatever the
# access method: then others take its place.  (pgbench does not always say why a session
# has ended; an error of a statement, or a crash, fails the test all the same.)
sub start_readers
{
	my ($node, $script) = @_;
	local $ENV{PGOPTIONS} = $index_options;

	return start_workload($node, 7, '-c', 2, '-P', 1, '--max-tries=0', '-f', $script);
}

# Keep readers at work for so many seconds.
sub read_on
{
	my ($node, $script, $runs, $seconds) = @_;

	for (my $i = 0; $i < 5 * $seconds; $i++)
	{
		push @$runs, start_readers($node, $script) if !is_running($runs->[-1]);
		usleep(200_000);
	}
	return;
}

# What readers have said so far; and a second in which they got answers.
my $answered = qr/^progress: \S+ s, [0-9.]*[1-9]/m;

sub progress_of
{
	return join '', map { ${ $_->{err} } } @_;
}

# No session of a server met another error than a recovery conflict.
sub check_errors
{
	my ($node, $label) = @_;
	my @bad = grep { /ERROR:|WARNING:/ && !/canceling statement due to conflict with recovery/ }
	  split /\n/, slurp_file($node->logfile);

	is(scalar @bad, 0, "$label: no error and no warning in the log") or diag(join "\n", @bad[0 .. ($#bad < 9 ? $#bad : 9)]);
	return;
}

# ---- crashes ----

# Replaying a whole page hides a wrong delta, so some runs do without; some check after
# each replayed record that the page is what it was.  With wal_level = minimal a new
# index is not logged but synced.
my @cases = (
	{ seed => 1, rows => 500, conf => 'wal_consistency_checking = all' },
	{ seed => 2, rows => 0, conf => 'full_page_writes = off' },
	{ seed => 3, rows => 2000, conf => "wal_level = minimal\nfull_page_writes = off" },
	{ seed => 4, rows => 0, conf => "wal_consistency_checking = all\nfull_page_writes = off" });

my $node = PostgreSQL::Test::Cluster->new('bm25_crash');
$node->init;
$node->append_conf('postgresql.conf', "autovacuum = off\nrestart_after_crash = off\nmax_wal_senders = 0");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');

foreach my $case (@cases)
{
	my $table = "texts$case->{seed}";
	my $kind = $case->{conf} =~ s/\n/, /r;

	$node->append_conf('postgresql.conf',
		"full_page_writes = on\nwal_consistency_checking = ''\nwal_level = replica\n$case->{conf}");
	$node->restart;
	create_texts($node, $table, $case->{rows});

	# No checkpoint has written the new index yet.
	$node->stop('immediate');
	$node->start;
	check_texts($node, $table, "$kind, new index");

	foreach my $round (1 .. $rounds)
	{
		my $label = "$kind, round $round";

		# A checkpoint would hide what the first round does not log.  The moment of
		# the crash is never the same.
		my $run = start_writers($node, $table, $case->{seed} * 100 + $round, $round > 1, 100);
		usleep(300_000 + rand(1_500_000));
		ok(is_running($run), "$label: the workload is running");
		$node->stop('immediate');
		stop_workload($run, $label);

		$node->start;
		check_texts($node, $table, $label);
		note($node->safe_psql('postgres', "SELECT i FROM bm25_index_info('${table}_body_idx') i"));
	}

	# Work goes on, and cleaning up what the crash left behind works.
	my $label = "$kind, after the last crash";
	check_counts($node, $table, $label);
	$node->safe_psql('postgres',
		"INSERT INTO $table (body) SELECT test_text(i) FROM generate_series(1, 500) i");
	$node->safe_psql('postgres', "DELETE FROM $table WHERE id % 3 = 0");
	check_texts($node, $table, "$label, rows deleted");
	check_counts($node, $table, "$label, rows deleted");
	check_texts($node, $table, "$label, vacuumed");
}

# An unlogged table is empty after a crash, and so is its index; both work.
create_texts($node, 'unlogged', 500);
$node->safe_psql('postgres', 'ALTER TABLE unlogged SET UNLOGGED');
$node->stop('immediate');
$node->start;
check_texts($node, 'unlogged', 'unlogged table after a crash');
$node->safe_psql('postgres',
	'INSERT INTO unlogged (body) SELECT test_text(i) FROM generate_series(1, 100) i');
check_texts($node, 'unlogged', 'unlogged table, filled again');
is($node->safe_psql('postgres', 'SELECT count(*) FROM unlogged'),
	'100', 'unlogged table: the rows from before the crash are gone');

check_no_crash($node, 'all rounds');
check_errors($node, 'all rounds');
$node->stop;

# ---- a standby ----

my $primary = PostgreSQL::Test::Cluster->new('bm25_primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf',
	"autovacuum = off\nwal_consistency_checking = all\nwal_keep_size = 2GB");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION vecstore');
create_texts($primary, 'early', 500);

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('bm25_standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->append_conf('postgresql.conf',
	"max_standby_streaming_delay = 200ms\nwal_receiver_status_interval = 1s");
$standby->start;
check_texts($standby, 'early', 'an index that came with the base backup');

foreach my $feedback ('off', 'on')
{
	my $table = "feedback_$feedback";
	my $label = "standby, hot_standby_feedback $feedback";

	$standby->append_conf('postgresql.conf', "hot_standby_feedback = $feedback");
	$standby->reload;
	create_texts($primary, $table, $feedback eq 'off' ? 500 : 0);
	$primary->wait_for_catchup($standby, 'replay');

	my $complete = complete_sql($table, 'w:a w:b w:c');
	my $check = check_sql($table);
	my $read = write_script($standby, $table, 'read', qq{
\\set a random(0, 20)
\\set b random(0, 200)
\\set c random(0, 1999)
SELECT id, body <@> bm25_query('w:a w:b w:c', '${table}_body_idx') FROM $table
ORDER BY body <@> bm25_query('w:a w:b w:c', '${table}_body_idx') LIMIT 10;
$complete
\\if :b < 20
$check
\\endif
});
	my @reads = (start_readers($standby, $read));
	my $writes = start_writers($primary, $table, 7, 1, 500);
	read_on($standby, $read, \@reads, 4);
	ok(is_running($writes), "$label: the writers are running");
	$primary->safe_psql('postgres', "DELETE FROM $table WHERE id % 3 = 0");
	$primary->safe_psql('postgres', "VACUUM (INDEX_CLEANUP on) $table");
	read_on($standby, $read, \@reads, 1);
	$primary->safe_psql('postgres', "REINDEX INDEX ${table}_body_idx");
	# On a busy machine replay may end readers before their first answer.
	my $running = 0;
	for (my $more = 0; $more < 60 && !$running; $more++)
	{
		read_on($standby, $read, \@reads, 1);
		$running = is_running($reads[-1]) && progress_of(@reads) =~ $answered;
	}
	ok($running, "$label: the readers are still running");
	stop_workload($_, "$label, readers during replay") foreach @reads;
	like(progress_of(@reads), $answered, "$label: readers got answers")
	  or diag(progress_of(@reads));
	stop_workload($writes, "$label, writers");
	wait_for_sessions($_) foreach $primary, $standby;

	# At the same position both answer alike.
	$primary->wait_for_catchup($standby, 'replay');
	note($primary->safe_psql('postgres', "SELECT i FROM bm25_index_info('${table}_body_idx') i"));
	check_texts($primary, $table, "$label, primary");
	check_texts($standby, $table, $label);
	foreach my $query (@queries)
	{
		my $sql = 'BEGIN; ' . answer_sql($table, $query, 'index');
		ok($standby->safe_psql('postgres', $sql) eq $primary->safe_psql('postgres', $sql),
			"$label, query '$query': the primary's rows and scores");
	}
}

check_no_crash($standby, 'standby');
$standby->promote;
$primary->stop('immediate');
foreach my $table ('feedback_off', 'feedback_on')
{
	$standby->safe_psql('postgres',
		"INSERT INTO $table (body) SELECT test_text(i) FROM generate_series(1, 500) i");
	check_texts($standby, $table, "$table, promoted");
	$standby->safe_psql('postgres', "DELETE FROM $table WHERE id % 2 = 0");
	check_counts($standby, $table, "$table, promoted");
	check_texts($standby, $table, "$table, promoted and vacuumed");
}
check_no_crash($standby, 'promoted standby');
check_errors($standby, 'standby');
check_errors($primary, 'primary');
$standby->stop;
done_testing();
