# What VACUUM does when it is cut off, when memory is short, and when an earlier
# one left something behind.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_index check_no_crash check_recall create_items query_vector);

my $node = PostgreSQL::Test::Cluster->new('vacuum');
$node->init;
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');

sub query { return $node->safe_psql('postgres', $_[0]); }

# VACUUM with these settings; returns what the access method says of it.
sub vacuum
{
	my ($table, $settings, $database) = @_;
	my ($status, $stdout, $stderr) = $node->psql($database // 'postgres',
		"$settings; SET client_min_messages = debug2; VACUUM (INDEX_CLEANUP ON, PARALLEL 0) $table");
	my ($said) = $stderr =~ /(vecstore: vacuum of index "${table}_idx".*)/;
	return $said // "nothing; status $status: $stderr";
}

# ---- cancelled at several moments ----

foreach my $case ([ 24, 3000, 'none' ], [ 2001, 200, 'none' ], [ 48, 3000, 'rabitq' ], [ 1500, 200, 'rabitq' ])
{
	my ($dims, $rows, $quantization) = @$case;
	my $table = "cancelled$dims";
	my ($marked, $cancelled, $done) = (0, 0, 0);

	create_items($node, $table, dims => $dims, rows => $rows, with => "quantization = '$quantization'");
	query("DELETE FROM $table WHERE id % 5 IN (1, 2)");
	# Each page touched costs a nap.  The time allowed grows until it suffices.
	for (my $timeout = 5; !$done && $timeout < 300_000; $timeout *= 2)
	{
		my ($status, $stdout, $stderr) = $node->psql('postgres', sprintf(
			q{SET vacuum_cost_delay = '1ms'; SET vacuum_cost_limit = %d; SET statement_timeout = %d;
			VACUUM (INDEX_CLEANUP ON, PARALLEL 0) %s}, $rows < 1000 ? 20 : 200, $timeout, $table));
		$done = $status == 0;
		last if $done;
		$cancelled++;
		like($stderr, qr/canceling statement due to statement timeout/, "$dims dimensions: cancelled")
		  or last;
		my ($tombstones, $live) = split /\|/,
		  query("SELECT tombstones, vertices FROM vecstore_check('${table}_idx')");
		$marked++ if $tombstones > 0;
		check_index($node, $table, $dims, "$dims dimensions, cancelled after $timeout ms");
	}
	ok($done, "$dims dimensions: with enough time a vacuum completes");
	cmp_ok($cancelled, '>=', 3, "$dims dimensions: several were cancelled");
	cmp_ok($marked, '>=', 1, "$dims dimensions: also one that had marked the dead");
	is( query(qq{SELECT tombstones, stale_links, rows + rows_aside = (SELECT count(*) FROM $table)
			FROM vecstore_check('${table}_idx')}),
		'0|0|t', "$dims dimensions: the last one reclaimed everything");
	check_index($node, $table, $dims, "$dims dimensions, vacuumed");
	check_recall($node, $table, "$dims dimensions, vacuumed");

	# What it reclaimed is used again.
	my $size = query("SELECT pg_relation_size('${table}_idx')");
	query("INSERT INTO $table (embedding) SELECT test_vector(77000000 + i, $dims)
		FROM generate_series(1, $rows * 3 / 10) i");
	cmp_ok(query("SELECT pg_relation_size('${table}_idx')"),
		'<=', $size + 4 * 8192, "$dims dimensions: new rows take the room of the old");
	check_index($node, $table, $dims, "$dims dimensions, filled up");
}

# ---- little memory ----

# The same graph twice: links of 200 neighbours (with codes, of 125), so that 1 MB
# does not hold those of all vertices; the dead are the last, so that all must be
# remembered.
foreach my $case ([ 'wide', 'none', 2800 ], [ 'wide_codes', 'rabitq', 4500 ])
{
	my ($table, $quantization, $rows) = @$case;
	create_items($node, $table, dims => 8, rows => $rows, with => "m = 100, quantization = '$quantization'");
	query("DELETE FROM $table WHERE id > $rows - 200");
}
$node->safe_psql('template1', 'CREATE DATABASE twin TEMPLATE postgres');

sub state
{
	my ($database, $table) = @_;
	my $sql = qq{SET enable_seqscan = off; SELECT vecstore_check('${table}_idx');};
	$sql .= "SELECT id FROM $table ORDER BY embedding <-> '" . query_vector($_, 8) . "' LIMIT 20;"
	  foreach 1 .. 20;
	return $node->safe_psql($database, $sql);
}

foreach my $table (qw(wide wide_codes))
{
	unlike(vacuum($table, q{SET maintenance_work_mem = '64MB'}, 'twin'),
		qr/nothing|did not fit/, "$table: with much memory all links are remembered");
	like(vacuum($table, q{SET maintenance_work_mem = '1MB'}),
		qr/; lists did not fit into memory$/, "$table: with little they are not");
	is(state('postgres', $table), state('twin', $table), "$table: the graph is the same afterwards");
	check_index($node, $table, 8, "$table, little memory");
	check_recall($node, $table, "$table, little memory");
}

# A byte for each slot of an index of 5,000 pages: too much for half of 1 MB.
create_items($node, 'long', dims => 16000, rows => 0, with => 'm = 2, ef_construction = 4');
query(q{INSERT INTO long (embedding)
	SELECT ('[' || repeat(i || ',', 15999) || i || ']')::vecstore FROM generate_series(1, 640) i});
query('DELETE FROM long WHERE id % 4 = 0');
like(vacuum('long', q{SET maintenance_work_mem = '1MB'}),
	qr/160 slots freed.*links to vertices did not fit into memory$/, 'no room to count links');
is(query(q{SELECT vertices, tombstones, stale_links FROM vecstore_check('long_idx')}),
	'480|0|0', 'the dead are gone all the same');
is( query(q{SET enable_seqscan = off; WITH found AS MATERIALIZED (
			SELECT id FROM long ORDER BY embedding <-> (SELECT embedding FROM long WHERE id = 1))
		SELECT count(*), count(DISTINCT id) FROM found}),
	'480|480', 'and a scan returns the others');

# ---- upper lists ----

# vecstore_check() counts links of level 0; what upper lists name is read from
# the file.  With codes (of 4 bits, for 8 dimensions padded to 16) a list is longer.
foreach my $case ([ 'upper', 'none', 12 ], [ 'upper_codes', 'rabitq', 64 ])
{
	my ($table, $quantization, $list_bytes) = @$case;
	create_items($node, $table, dims => 8, rows => 1500, with => "m = 3, quantization = '$quantization'");
	query("DELETE FROM $table WHERE id % 3 = 0");
	vacuum($table, '');
	query('CHECKPOINT');
	my ($links, $stale, $ownerless) = upper_links(
		$node->data_dir . '/' . query("SELECT pg_relation_filepath('${table}_idx')"), $list_bytes);
	cmp_ok($links, '>', 300, "$table: there are upper lists");
	is($stale, 0, "$table: none names a vertex that is gone");
	is($ownerless, 0, "$table: none has lost its vertex");
}

# ---- what a crash left between unlinking a segment and removing it ----

# One vertex with 1,000 rows.  All but its first four go, and the file is made
# what it is after such a crash: no segment of the vertex's is linked any more.
query(q{
	CREATE TABLE segments (id int, embedding vecstore(3)) WITH (autovacuum_enabled = off);
	INSERT INTO segments SELECT i, '[1,2,3]' FROM generate_series(1, 1000) i;
	CREATE INDEX segments_idx ON segments USING vecstore (embedding vecstore_l2_ops)});
query(q{CHECKPOINT});
my $path = $node->data_dir . '/' . query(q{SELECT pg_relation_filepath('segments_idx')});
$node->stop;
my ($unlinked, @rows) = unlink_segments($path);
is($unlinked, 1, 'a vertex lost its segments');
$node->append_conf('postgresql.conf', 'ignore_checksum_failure = on');
$node->start;
query('DELETE FROM segments WHERE ctid NOT IN (' . join(',', map { "'$_'" } @rows) . ')');
is(query(q{SELECT rows FROM vecstore_check('segments_idx')}), scalar @rows, 'it has its first rows only');
like(vacuum('segments', ''), qr/ [1-9]\d* orphans removed/, 'the segments are found and removed');
query('DELETE FROM segments WHERE id = (SELECT min(id) FROM segments)');
like(vacuum('segments', ''), qr/: 1 rows removed.* 0 orphans removed/, 'none is left');
my $size = query(q{SELECT pg_relation_size('segments_idx')});
query(q{INSERT INTO segments SELECT i, '[1,2,3]' FROM generate_series(1, 900) i});
is(query(q{SELECT pg_relation_size('segments_idx')}), $size, 'their room is used again');
query('DELETE FROM segments WHERE id = 700');
like(vacuum('segments', ''), qr/: 1 rows removed.* 0 orphans removed/, 'segments in use are no orphans');
is(query(q{SELECT rows = (SELECT count(*) FROM segments) FROM vecstore_check('segments_idx')}),
	't', 'no row is lost');

# The pages of an index file; page.h tells what lies where.
sub read_pages
{
	my ($file) = @_;
	my @pages;
	open my $fh, '<:raw', $file or die "$file: $!";
	while (sysread $fh, my $page, 8192) { push @pages, $page; }
	close $fh;
	return @pages;
}

# Where the tuples of a page of this kind begin, by line pointer from 0; none
# for another kind, undef for a line pointer that is not in use.
sub tuples
{
	my ($page, $kind) = @_;
	return () if unpack('S', substr($page, 8184, 2)) != $kind;
	return map { ($_ >> 15 & 3) == 1 ? $_ & 0x7fff : undef }
	  unpack 'L*', substr($page, 24, unpack('S', substr($page, 12, 2)) - 24);
}

# Links in the upper lists of an index file, which are so long; how many of them,
# and how many of the lists' owners, are no live vertices.
sub upper_links
{
	my ($file, $list_bytes) = @_;
	my @pages = read_pages($file);
	my ($m) = unpack 'S', substr($pages[0], 36, 2);
	my ($slot_bits) = unpack 'C', substr($pages[0], 42, 1);
	my (%live, $links, $stale, $ownerless);
	$links = $stale = $ownerless = 0;
	foreach my $block (1 .. $#pages)
	{
		my @at = tuples($pages[$block], 2);
		foreach my $slot (0 .. $#at)
		{
			$live{ $block << $slot_bits | $slot } = 1
			  if (unpack('C', substr($pages[$block], $at[$slot] + 1, 1)) & 3) == 1;
		}
	}
	foreach my $page (@pages)
	{
		foreach my $at (grep { defined } tuples($page, 3))
		{
			my ($kind, $owner, $levels) = unpack 'xCx2Lx2S', substr($page, $at, 12);
			next if $kind != 1;
			$ownerless++ if !$live{$owner};
			my @ids = grep { $_ != 0xFFFFFFFF }
			  map { unpack 'L*', substr($page, $at + 24 + $list_bytes * $_, 4 * $m) } 0 .. $levels - 1;
			$links += @ids;
			$stale += grep { !$live{$_} } @ids;
		}
	}
	return ($links, $stale, $ownerless);
}

# Take the overflow segments off the vertices of an index file; returns how many
# vertices had some, and the rows these keep, as "(block,line)".
sub unlink_segments
{
	my ($file) = @_;
	my @pages = read_pages($file);
	my ($found, @tids) = (0);
	foreach my $page (@pages)
	{
		foreach my $at (tuples($page, 2))
		{
			my ($ntids) = unpack 'C', substr($page, $at + 5, 1);
			next if unpack('S', substr($page, $at + 22, 2)) == 0;	# no overflow
			foreach my $i (0 .. $ntids - 1)
			{
				my ($high, $low, $line) = unpack 'SSS', substr($page, $at + 24 + 6 * $i, 6);
				push @tids, sprintf '(%d,%d)', $high << 16 | $low, $line;
			}
			substr($page, $at + 18, 6) = pack 'SSS', 0xFFFF, 0xFFFF, 0;
			$found++;
		}
	}
	open my $fh, '>:raw', $file or die "$file: $!";
	print $fh @pages;
	close $fh;
	return ($found, @tids);
}

check_no_crash($node, 'vacuum');
$node->stop;
done_testing();
