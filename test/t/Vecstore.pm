# What the TAP tests share: tables to work on, a mixed workload for pgbench,
# and the checks that must hold for an index at any time.

package Vecstore;

use strict;
use warnings;

use Exporter 'import';
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT_OK = qw(
  build_index check_changes check_index check_no_crash check_recall check_records complete_sql
  create_functions create_items create_record_indexes create_records damage_page
  difference first_error has_asan index_only_settings is_running put_records query_vector
  read_block record_reads record_writes sort_rest start_workload steady_workload stop_workload
  try_statements upgrade wait_for_sessions write_workload
);

# Does the address sanitizer watch the server?  Its allocator keeps what is freed, and ends a
# process that gets nothing.
sub has_asan { return ($ENV{TOOL} // '') eq 'asan'; }

# Settings that leave the planner no way but the index to order by distance.
my $index_only_settings =
  'SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;';

sub index_only_settings { return $index_only_settings; }

# create_functions NODE: reproducible vectors and texts.
#
# Vectors come from test_vector (every dimension by itself, evenly spread) or
# from clustered_vector, which is nearer to what people store: 200 clusters,
# each spread out in 4 directions of its own, with a little noise.  Of the words
# of test_text the first are frequent and the last ones rare; long_text has
# thousands of different words, which take several pages.  The body of test_vector is
# parsed here, since it serves in an index, whose build has no search_path (from 17 on).
sub create_functions
{
	my ($node) = @_;

	$node->safe_psql(
		'postgres', q{
		CREATE OR REPLACE FUNCTION test_vector(seed bigint, dims int) RETURNS vecstore
		LANGUAGE sql IMMUTABLE PARALLEL SAFE
		RETURN (SELECT array_agg((hashint8extended(seed, i) & 1048575)::real / 1048576)::vecstore
			FROM generate_series(1, dims) i);
		CREATE OR REPLACE FUNCTION test_unit(a bigint, b bigint) RETURNS real
		LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
			SELECT (hashint8extended(a, b) & 1048575)::real / 1048576
		$$;
		CREATE OR REPLACE FUNCTION clustered_vector(seed bigint, dims int) RETURNS vecstore
		LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
			SELECT array_agg((test_unit(c, i) + a * test_unit(c, 10000 + i)
				+ b * test_unit(c, 20000 + i) + d * test_unit(c, 30000 + i)
				+ e * test_unit(c, 40000 + i) + 0.02 * test_unit(seed, i))::real)::vecstore
			FROM (SELECT floor(test_unit(seed, -1) * 200)::bigint AS c, test_unit(seed, -2) AS a,
					test_unit(seed, -3) AS b, test_unit(seed, -4) AS d, test_unit(seed, -5) AS e
				OFFSET 0) s,
				generate_series(1, dims) i
		$$;
		CREATE OR REPLACE FUNCTION test_text(seed bigint) RETURNS text
		LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
			SELECT string_agg('w' || floor(2000 * test_unit(seed, i) ^ 3), ' ')
			FROM generate_series(1, 1 + (test_unit(seed, -1) * 80)::int) i
		$$;
		CREATE OR REPLACE FUNCTION long_text(seed bigint, words int) RETURNS text
		LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
			SELECT string_agg('x' || i + seed % 500, ' ') || ' w1 w700' FROM generate_series(1, words) i
		$$});
	return;
}

# create_items NODE, TABLE, dims => 24, rows => 500, seed => 1, with => '...',
# persistence => 'UNLOGGED', vectors => 'clustered': a table of reproducible
# vectors and its index TABLE_idx.  One row in 25 has no vector, one in 20 has
# the same as others.  With rows => 0 the index starts empty.
sub create_items
{
	my ($node, $table, %o) = @_;
	my $dims = $o{dims} // 24;
	my $rows = $o{rows} // 500;
	my $seed = $o{seed} // 1;
	my $with = $o{with} ? "WITH ($o{with})" : '';
	my $persistence = $o{persistence} // '';
	my $function = ($o{vectors} // 'test') . '_vector';

	create_functions($node);
	$node->safe_psql(
		'postgres', qq{
		CREATE $persistence TABLE $table (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			embedding vecstore($dims)) WITH (autovacuum_enabled = off);
		INSERT INTO $table (embedding)
		SELECT CASE WHEN i % 25 = 0 THEN NULL
					WHEN i % 20 = 0 THEN $function(7, $dims)
					ELSE $function($seed * 1000000 + i, $dims) END
		FROM generate_series(1, $rows) i;
		CREATE INDEX ${table}_idx ON $table USING vecstore (embedding vecstore_l2_ops) $with;
		ANALYZE $table});
	return;
}

# The text of a reproducible vector.
sub query_vector
{
	my ($seed, $dims) = @_;
	srand($seed);
	return '[' . join(',', map { sprintf '%.6f', rand() } 1 .. $dims) . ']';
}

# SQL that compares an index scan that is read to its end with the table, in
# one snapshot: rows missing, and rows that are extra or come twice.
sub complete_sql
{
	my ($table, $vector) = @_;
	return qq{
		WITH found AS MATERIALIZED (SELECT id FROM $table ORDER BY embedding <-> $vector),
			 truth AS MATERIALIZED (SELECT id FROM $table)
		SELECT (SELECT count(*) FROM (TABLE truth EXCEPT ALL TABLE found) t) AS missing,
			   (SELECT count(*) FROM (TABLE found EXCEPT ALL TABLE truth) t) AS extra};
}

# What must hold for an index on any server at any time: its structure is
# sound, hardly a vertex is cut off, a scan returns every row once, the first
# rows come in order of distance.  A crash may have cut off so many more vertices,
# whose neighbours did not have links to them yet; -1: a vacuum that was not disturbed
# has just connected all.
sub check_index
{
	my ($node, $table, $dims, $label, $seed, $cut_off) = @_;
	$seed //= 1;
	$cut_off //= 0;

	my ($status, $stdout, $stderr) = $node->psql('postgres',
		"SELECT unreachable <= CASE WHEN $cut_off < 0 THEN 0 ELSE greatest(1, vertices * 0.001) + $cut_off END, c FROM vecstore_check('${table}_idx') c");
	like($stdout, qr/^t/, "$label: structure sound, vertices reachable") or diag("$stdout\n$stderr");

	my $vector = "'" . query_vector($seed, $dims) . "'";
	my $plan = $node->safe_psql('postgres',
		"$index_only_settings EXPLAIN (COSTS OFF) SELECT id FROM $table ORDER BY embedding <-> $vector");
	like($plan, qr/Index Scan using ${table}_idx/, "$label: the scan uses the index");
	is( $node->safe_psql('postgres', $index_only_settings . complete_sql($table, $vector)),
		'0|0', "$label: an index scan returns every row once");
	# The first ef_search vertices come in order; rows that are dead but not yet
	# vacuumed count among them.  Index and SQL round differently: a hair of
	# disorder is none.
	is( $node->safe_psql(
			'postgres', qq{
			$index_only_settings
			SET vecstore.ef_search = 200;
			WITH first AS MATERIALIZED (
				SELECT embedding <-> $vector AS d FROM $table ORDER BY embedding <-> $vector LIMIT 20),
			numbered AS (SELECT d, row_number() OVER () AS n FROM first)
			SELECT count(*) FROM numbered a JOIN numbered b ON b.n = a.n + 1
			WHERE b.d < a.d - 1e-5 * a.d}),
		'0',
		"$label: the first rows come in order of distance");
	return;
}

# create_records NODE, TABLE, dims => 24, with => '...', rows => 0: a table of which a
# row's id and number v say all that is in it, and its two indexes, TABLE_idx and
# TABLE_body_idx.  One row in 25 has no vector and another one no text, one in 20 has
# the same vector as others, one in 100 has a long text.  No vacuum truncates the table or
# its TOAST table: after a crash wal_consistency_checking compares what replay makes of a
# block that was cut off later (zeros that are all visible) and ends recovery.
sub create_records
{
	my ($node, $table, %o) = @_;
	my $rows = $o{rows} // 0;

	create_functions($node);
	$node->safe_psql(
		'postgres', qq{
		CREATE OR REPLACE FUNCTION record_vector(v bigint, dims int) RETURNS vecstore
		LANGUAGE sql IMMUTABLE PARALLEL SAFE AS \$\$
			SELECT CASE WHEN v % 25 = 0 THEN NULL WHEN v % 20 = 1 THEN test_vector(7, dims)
				ELSE test_vector(v, dims) END
		\$\$;
		CREATE OR REPLACE FUNCTION record_text(v bigint) RETURNS text
		LANGUAGE sql IMMUTABLE PARALLEL SAFE AS \$\$
			SELECT CASE WHEN v % 25 = 1 THEN NULL WHEN v % 100 = 2 THEN long_text(v, 2000)
				ELSE test_text(v) END
		\$\$;
		CREATE TABLE $table (id bigint PRIMARY KEY, v bigint, embedding vecstore($o{dims}), body text)
			WITH (autovacuum_enabled = off, vacuum_truncate = off, toast.vacuum_truncate = off)});
	$node->safe_psql('postgres', put_records($table, $o{dims}, "SELECT i, i * 7919 FROM generate_series(1, $rows) i"));
	$node->safe_psql('postgres', create_record_indexes($table, $o{with}));
	return;
}

# SQL that makes the indexes of a table of records.
sub create_record_indexes
{
	my ($table, $with) = @_;
	$with = $with ? "WITH ($with)" : '';
	return "CREATE INDEX ${table}_idx ON $table USING vecstore (embedding vecstore_l2_ops) $with; "
	  . "CREATE INDEX ${table}_body_idx ON $table USING vecstore_bm25 (body);";
}

# SQL that inserts the records of a query that gives id and v, or replaces those there are.
sub put_records
{
	my ($table, $dims, $query) = @_;
	return "INSERT INTO $table SELECT id, v, record_vector(v, $dims), record_text(v) FROM ($query) r (id, v) "
	  . 'ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v, embedding = EXCLUDED.embedding, body = EXCLUDED.body;';
}

# difference GOT, EXPECTED: what one list of lines has that the other has not, in a few
# words; '' if they have the same lines, in whatever order.
sub difference
{
	my ($got, $expected) = @_;
	my %surplus;

	$surplus{$_}++ foreach @$got;
	$surplus{$_}-- foreach @$expected;
	my @extra = grep { $surplus{$_} > 0 } sort keys %surplus;
	my @missing = grep { $surplus{$_} < 0 } sort keys %surplus;
	return '' unless @extra || @missing;
	return sprintf 'extra %d (%s), missing %d (%s)', scalar @extra, join(' ', grep { defined } @extra[ 0 .. 4 ]),
	  scalar @missing, join(' ', grep { defined } @missing[ 0 .. 4 ]);
}

# check_records NODE, TABLE, DIMS, LABEL: what must hold for both indexes of a table of
# records on any server at any time: their structure is sound, and a scan of each that is
# read to its end returns every row of the table once.  Returns the rows of the table,
# "id|v" each, and how many vertices of the graph are cut off.
sub check_records
{
	my ($node, $table, $dims, $label) = @_;
	my $graph = "SELECT 'graph', id, v FROM $table ORDER BY embedding <-> test_vector(-1, $dims)";
	my $text = "SELECT 'text', id, v FROM $table ORDER BY body <\@> bm25_query('w1 w2 w700', '${table}_body_idx')";
	my ($status, $out, $err) = $node->psql('postgres', qq{
		BEGIN ISOLATION LEVEL REPEATABLE READ;
		$index_only_settings
		SELECT 'unreachable', unreachable FROM vecstore_check('${table}_idx');
		SELECT 'checked' FROM bm25_check('${table}_body_idx', true);
		EXPLAIN (COSTS OFF) $graph;
		EXPLAIN (COSTS OFF) $text;
		$graph;
		$text;
		SET LOCAL enable_seqscan = on;
		SET LOCAL enable_indexscan = off;
		SELECT 'table', id, v FROM $table;
		COMMIT});
	my (%rows, $unreachable);

	foreach my $line (split /\n/, $out)
	{
		push @{ $rows{$1} }, $2 if $line =~ /^(graph|text|table)\|(.*)/;
		$unreachable = $1 if $line =~ /^unreachable\|(\d+)/;
	}
	is($err, '', "$label: both indexes are sound") or return ([], 0);
	ok($out =~ /^Index Scan using ${table}_idx/m && $out =~ /^Index Scan using ${table}_body_idx/m, "$label: scans use the indexes")
	  or diag($out =~ s/^(graph|text|table)\|.*\n//mgr);
	is(difference($rows{graph}, $rows{table}), '', "$label: a scan of the graph returns every row once");
	is(difference($rows{text}, $rows{table}), '', "$label: a scan of the text index returns every row once");
	return ($rows{table} // [], $unreachable);
}

# The graph still finds what is near.  Of the vectors of test_vector each is nearly as
# far as any other, which codes of one bit tell apart less well.
sub check_recall
{
	my ($node, $table, $label) = @_;
	my $recall = $node->safe_psql('postgres', qq{
		SELECT FROM set_config('vecstore.ef_search', (SELECT CASE WHEN quantization = 'none' THEN 100 ELSE 200 END
			FROM vecstore_index_info('${table}_idx'))::text, false);
		SELECT vecstore_recall('${table}_idx', 10, 50)});
	$recall =~ s/^\s+//;
	cmp_ok($recall, '>=', 0.95, "$label: recall");
	return;
}

# Neither a crash, but for those of a process that a test KILLED, nor a page that replay
# made differently.
sub check_no_crash
{
	my ($node, $label, $killed) = @_;
	my $log = slurp_file($node->logfile);
	my @bad = grep { /PANIC|TRAP:|inconsistent page|was terminated by signal/ } split /\n/, $log;
	@bad = grep { !/was terminated by signal 9/ } @bad if $killed;
	is(scalar @bad, 0, "$label: no crash and no inconsistent page in the log")
	  or diag(join "\n", @bad);
	return;
}

# write_workload NODE, TABLE, DIMS, CHECKPOINTS: pgbench scripts that insert,
# update, delete, roll back, vacuum and, if told so, make checkpoints; returns
# pgbench's arguments for them.
sub write_workload
{
	my ($node, $table, $dims, $checkpoints) = @_;
	my $dir = $node->basedir;
	my %script = (
		work => qq{
\\set op random(1, 100)
\\set v random(1, 1000000000)
\\set id random(1, 3000)
\\if :op <= 40
INSERT INTO $table (embedding) VALUES (test_vector(:v, $dims));
\\elif :op <= 50
BEGIN;
INSERT INTO $table (embedding) SELECT test_vector(:v + i, $dims) FROM generate_series(1, 10) i;
DELETE FROM $table WHERE id = :id;
COMMIT;
\\elif :op <= 55
BEGIN;
INSERT INTO $table (embedding) SELECT test_vector(:v + i, $dims) FROM generate_series(1, 5) i;
ROLLBACK;
\\elif :op <= 60
INSERT INTO $table (embedding) SELECT test_vector(7, $dims) FROM generate_series(1, 3);
\\elif :op <= 63
INSERT INTO $table (embedding) VALUES (NULL);
\\elif :op <= 80
UPDATE $table SET embedding = test_vector(:v, $dims) WHERE id = :id;
\\else
DELETE FROM $table WHERE id = :id;
\\endif
},
		vacuum => "VACUUM $table;\n",
		checkpoint => "CHECKPOINT;\n");
	my %weight = (work => 200, vacuum => 3, checkpoint => $checkpoints ? 1 : 0);
	my @arguments;
	foreach my $name (sort keys %script)
	{
		my $file = "$dir/$table.$name.sql";
		append_to_file($file, $script{$name}) unless -e $file;
		push @arguments, '-f', "$file\@$weight{$name}";
	}
	return @arguments;
}

# steady_workload NODE, TABLE, DIMS, KEYS, SEARCHES: one pgbench script that
# inserts, updates, deletes and rolls back rows with ids from 1 to KEYS, so that
# the table neither grows without end nor empties, however long it runs;
# SEARCHES of 100 transactions are searches, which end in a division by zero if
# a row is missing or comes twice.  Returns the script's name.  Rows are locked
# in the order of their ids, so there is no deadlock.
sub steady_workload
{
	my ($node, $table, $dims, $keys, $searches) = @_;
	my $vector = "clustered_vector(:v, $dims)";
	my $put = "INSERT INTO $table (id, embedding) OVERRIDING SYSTEM VALUE";
	my $replace = 'ON CONFLICT (id) DO UPDATE SET embedding = EXCLUDED.embedding';
	my $complete = complete_sql($table, $vector);
	my $file = $node->basedir . "/$table.steady.sql";
	append_to_file($file, qq{
\\set search random(1, 100)
\\set op random(1, 100)
\\set rare random(1, 50)
\\set v random(1, 1000000000)
\\set id random(1, $keys)
\\if :search <= $searches
\\if :rare = 1
SELECT 1 / (missing + extra = 0)::int FROM ($complete) c;
\\else
SELECT 1 / (count(*) = 10 AND count(DISTINCT id) = 10)::int
FROM (SELECT id FROM $table ORDER BY embedding <-> $vector LIMIT 10) t;
\\endif
\\elif :op <= 35
$put VALUES (:id, $vector) $replace;
\\elif :op <= 40
$put SELECT i, clustered_vector(:v + i, $dims) FROM generate_series(:id, :id + 9) i $replace;
\\elif :op <= 43
BEGIN;
$put SELECT i, clustered_vector(:v + i, $dims) FROM generate_series(:id, :id + 4) i $replace;
ROLLBACK;
\\elif :op <= 46
$put SELECT i, clustered_vector(7, $dims) FROM generate_series(:id, :id + 2) i $replace;
\\elif :op <= 48
$put VALUES (:id, NULL) $replace;
\\elif :op <= 60
UPDATE $table SET embedding = $vector WHERE id = :id;
\\else
DELETE FROM $table WHERE id = :id;
\\endif
});
	return $file;
}

# record_writes NODE, TABLE, DIMS, KEYS: pgbench's arguments to insert, update, delete and
# roll back records with ids from 1 to KEYS, and to vacuum.
sub record_writes
{
	my ($node, $table, $dims, $keys) = @_;
	my $work = $node->basedir . "/$table.writes.sql";
	my $vacuum = $node->basedir . "/$table.vacuum.sql";
	my $one = put_records($table, $dims, 'VALUES (:id, :v)');
	my $some = put_records($table, $dims, 'SELECT i, :v + i FROM generate_series(:id, :id + 5) i');

	append_to_file($work, qq{
\\set op random(1, 100)
\\set v random(1, 1000000000)
\\set id random(1, $keys)
\\if :op <= 40
$one
\\elif :op <= 45
$some
\\elif :op <= 50
BEGIN;
$some
ROLLBACK;
\\elif :op <= 60
UPDATE $table SET v = v WHERE id = :id;
\\else
DELETE FROM $table WHERE id = :id;
\\endif
});
	append_to_file($vacuum, "VACUUM (INDEX_CLEANUP on) $table;\n");
	return ('-f', "$work\@50", '-f', "$vacuum\@1");
}

# record_reads NODE, TABLE, DIMS: pgbench's arguments to read each index to its end and
# compare that with the table; a division by zero says that a row is missing, or more than
# those of the table are there.  For sessions with index_only_settings in PGOPTIONS.
sub record_reads
{
	my ($node, $table, $dims) = @_;
	my $file = $node->basedir . "/$table.reads.sql";
	my $graph = complete_sql($table, "test_vector(:v, $dims)");
	my $text = complete_sql($table, "bm25_query('w1 w2 w700', '${table}_body_idx')") =~ s/embedding <->/body <\@>/r;

	append_to_file($file, qq{
\\set v random(1, 1000000000)
SELECT 1 / (missing + extra = 0)::int FROM ($graph) c;
SELECT 1 / (missing + extra = 0)::int FROM ($text) c;
});
	return ('-f', $file);
}

# start_workload NODE, SEED, ARGUMENTS: pgbench in the background, for two
# minutes unless ARGUMENTS say otherwise.
sub start_workload
{
	my ($node, $seed, @arguments) = @_;
	my ($out, $err) = ('', '');
	my $handle = IPC::Run::start(
		[
			'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-T', '120',
			"--random-seed=$seed", @arguments, 'postgres'
		],
		'<', \undef, '>', \$out, '2>', \$err);
	return { handle => $handle, out => \$out, err => \$err };
}

# Is a run of start_workload still at work?
sub is_running
{
	my ($run) = @_;
	$run->{handle}->pump_nb if $run->{handle}->pumpable;
	return $run->{handle}->pumpable;
}

# stop_workload RUN, LABEL: end a run of start_workload, unless its server has
# ended it; no statement may have failed.
sub stop_workload
{
	my ($run, $label) = @_;
	$run->{handle}->signal('TERM') if is_running($run);
	$run->{handle}->finish;
	unlike(${ $run->{err} }, qr/ERROR:/, "$label: no statement failed");
	return;
}

# build_index NODE, COMMAND: build an index, on a server that logs DEBUG1; returns how
# many workers helped, and the messages.
sub build_index
{
	my ($node, $command) = @_;
	my $offset = -s $node->logfile;
	my ($status, $stdout, $stderr) = $node->psql('postgres', $command);

	is($status, 0, 'built') or diag($stderr);
	my ($workers) = slurp_file($node->logfile, $offset) =~ /building index "\w+" with (\d+) parallel workers/;
	return ($workers // 0, $stderr);
}

# upgrade NODE, initdb => [...]: run pg_upgrade on a server that is stopped, of this
# version or, with an install_path of its own, of an older one; returns the new server,
# made with these options of initdb, started.  Files are copied, nothing is replayed.
sub upgrade
{
	my ($node, %o) = @_;
	my $new = PostgreSQL::Test::Cluster->new('new');
	my $bindir = $new->config_data('--bindir');

	$new->init(extra => $o{initdb} // []);
	chdir PostgreSQL::Test::Utils::tempdir;
	$node->command_ok(
		[
			"$bindir/pg_upgrade", '-d', $node->data_dir, '-D', $new->data_dir,
			'-b', $node->config_data('--bindir'), '-B', $bindir,
			'-s', $new->host, '-p', $node->port, '-P', $new->port
		],
		'pg_upgrade');
	$new->start;
	return $new;
}

# wait_for_sessions NODE: a session whose client has gone may still commit;
# wait until the last one has ended.
sub wait_for_sessions
{
	my ($node) = @_;
	$node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
	  or die 'a session does not end';
	return;
}

# ---- damaged pages ----

my $block_size = 8192;

# read_block FILE, BLOCK: the bytes of a page of a relation's file; its server is stopped.
sub read_block
{
	my ($file, $block) = @_;
	my $bytes;

	open my $handle, '<:raw', $file or die "$file: $!";
	seek $handle, $block * $block_size, 0;
	read $handle, $bytes, $block_size;
	close $handle;
	return $bytes;
}

sub write_block
{
	my ($file, $block, $bytes) = @_;
	open my $handle, '+<:raw', $file or die "$file: $!";
	seek $handle, $block * $block_size, 0;
	print $handle $bytes;
	close $handle;
	return;
}

# change_page FILE, BLOCK, AT, BYTES: other bytes at a place of a page; without BYTES one byte
# is one more or one less.
sub change_page
{
	my ($file, $block, $at, $bytes) = @_;
	my $page = read_block($file, $block);

	$bytes //= chr(ord(substr($page, $at, 1)) ^ 1);
	substr($page, $at, length $bytes) = $bytes;
	write_block($file, $block, $page);
	return;
}

# check_changes NODE, CREATE, CHECK, CHANGE...: numbers that are well formed and cannot be, each
# by itself, on a page of an index of its own.  CREATE makes a table of a name, and gives the
# name of its index; CHECK is the function that is to find the change: [block, byte, new bytes, what it says],
# where block and byte may be functions of the file.
sub check_changes
{
	my ($node, $create, $check, @changes) = @_;
	my @indexes = map { $create->("exact$_") } 0 .. $#changes;
	my @files = map { $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('$_')") } @indexes;

	$node->stop;
	foreach my $n (0 .. $#changes)
	{
		my ($block, $at, $bytes) = map { ref ? $_->($files[$n]) : $_ } @{ $changes[$n] }[ 0 .. 2 ];
		change_page($files[$n], $block, $at, $bytes);
	}
	$node->start;
	foreach my $n (0 .. $#changes)
	{
		my (undef, undef, $err) = $node->psql('postgres', "SELECT $check('$indexes[$n]')");
		like($err, $changes[$n][3], "change $n is found");
	}
	return;
}

# Flip a bit somewhere in a range of bytes.
sub flip
{
	my ($bytes, $from, $to) = @_;
	my $at = $from + int rand($to - $from);

	substr($$bytes, $at, 1) = substr($$bytes, $at, 1) ^ chr(1 << int rand 8);
	return;
}

# damage_page FILE, BLOCK, DAMAGE, FROM, TO, OTHER: damage a page: a bit or bits of the range
# of bytes, the header, the special space, garbage in the range, zero, or the page OTHER.
sub damage_page
{
	my ($file, $block, $damage, $from, $to, $other) = @_;
	my $bytes = read_block($file, $block);

	if ($damage eq 'bit') { flip(\$bytes, $from, $to); }
	elsif ($damage eq 'bits') { flip(\$bytes, $from, $to) foreach 1 .. 4; }
	elsif ($damage eq 'header') { flip(\$bytes, 8, 24); }
	elsif ($damage eq 'special') { flip(\$bytes, $block_size - 8, $block_size); }
	elsif ($damage eq 'garbage')
	{
		my $begin = $from + int rand($to - $from);
		my $n = 1 + int rand($to - $begin);
		substr($bytes, $begin, $n) = join '', map { chr int rand 256 } 1 .. $n;
	}
	elsif ($damage eq 'zero') { $bytes = "\0" x $block_size; }
	else { $bytes = read_block($file, $other); }
	write_block($file, $block, $bytes);
	return;
}

# try_statements NODE, STATEMENT...: output and errors of statements, each of which runs
# whatever the others do; dies if the server does.
sub try_statements
{
	my ($node, @statements) = @_;
	my ($status, $out, $err) = $node->psql('postgres', join("\n", map { "$_;" } "SET statement_timeout = '60s'", @statements),
		extra_params => [ '-v', 'VERBOSITY=verbose' ], on_error_stop => 0);

	die "the server is gone: $err" if $status == 2 || $err =~ /server closed|connection .*failed/;
	return ($out, $err =~ /(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}: .*)/g);
}

# sort_rest ANSWER: lines "id|score", of which those of score 0 that stand together are in some
# order of the index's own; sorted here.
sub sort_rest
{
	my (@lines, @rest);

	foreach my $line (split /\n/, $_[0])
	{
		if ($line =~ /\|-?0$/)
		{
			push @rest, $line;
			next;
		}
		push @lines, sort(@rest), $line;
		@rest = ();
	}
	return join "\n", @lines, sort @rest;
}

# first_error NODE, LABEL, ALLOWED, STATEMENT...: the first error, or ''; those of no allowed
# kind are told.
sub first_error
{
	my ($node, $label, $allowed, @statements) = @_;
	my ($out, @errors) = try_statements($node, @statements);
	my @bad = grep { !/$allowed/ } @errors;

	fail("$label: @bad") if @bad;
	return $errors[0] // '';
}

1;
