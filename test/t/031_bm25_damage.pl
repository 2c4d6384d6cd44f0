# Damaged pages of a vecstore_bm25 index: bits that flip, bytes of no meaning, pages that
# are lost, or stand in another's place.  Whatever a page says, a statement works or ends
# with an error, soon, and the server lives; if bm25_check finds nothing, answers are
# right; REINDEX makes all good.
#
# With prove, VECSTORE_SEED=N VECSTORE_ROUNDS=M makes other damage, and more of it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_changes check_no_crash damage_page first_error index_only_settings read_block sort_rest try_statements);

my $seed = $ENV{VECSTORE_SEED} // 1;
my $rounds = $ENV{VECSTORE_ROUNDS} // 2;
my $tables = 45;
my $block_size = 8192;

# An index has one segment, then pending rows; its kinds of page by the place they have.
my @kinds = qw(meta rows postings dictionary pending);

# What is done to a page.
my @damages = qw(bit bits header special garbage zero other);

my @queries = ('w1 w2', 'w0 w70', 'x7', 'nowhere');

# Errors of damaged data; of a row whose place is behind the table's end, when the table
# is asked for it; and of a metapage that says that its format is another one.
my $allowed = qr/^(XX00[12]: |\w{5}: could not open file .* previous segment is only|0A000: index .* is of format)/;

# ---- damage ----

# Damage a page; $other is a page of the same index.  Bytes in use end where the header
# says; of the metapage, the lists are mostly empty.
sub damage
{
	my ($file, $block, $kind, $damage, $other) = @_;
	my $lower = unpack 'S', substr(read_block($file, $block), 12, 2);

	damage_page($file, $block, $damage, 24, $kind eq 'meta' ? 24 + 220 : $lower, $other);
	return;
}

# ---- what is asked of a damaged index ----

my @settings = split /;\s*/, index_only_settings();

sub run_sql
{
	my ($node, @statements) = @_;

	return try_statements($node, @settings, @statements);
}

# The first error, or ''; those of no allowed kind are told.
sub outcome
{
	my ($node, $label, @statements) = @_;

	return first_error($node, $label, $allowed, @settings, @statements);
}

# Whether index scans give what sorts give.
sub is_right
{
	my ($node, $table) = @_;
	my (@by_index, @by_sort);

	foreach my $query (@queries)
	{
		my $score = "body <@> bm25_query('$query', '${table}_body_idx')";

		push @by_index, "SELECT id, $score FROM $table ORDER BY $score";
		push @by_sort, "SELECT id, $score FROM $table ORDER BY $score, ctid";
	}
	my ($out, @errors) = run_sql($node, @by_index, "SELECT 'sorted'", 'SET enable_sort = on',
		'SET enable_indexscan = off', 'SET enable_seqscan = on', @by_sort);
	my ($found, $sorted) = map { sort_rest($_) } split /\n?^sorted\n?/m, $out, 2;

	return !@errors && defined $sorted && $found ne '' && $found eq $sorted;
}

# PostgreSQL 18 makes checksums unless told otherwise: they would find it all first.
my ($help) = run_command([ 'initdb', '--help' ]);
my $node = PostgreSQL::Test::Cluster->new('bm25_damage');
$node->init(extra => $help =~ /--no-data-checksums/ ? ['--no-data-checksums'] : []);
$node->append_conf('postgresql.conf', "autovacuum = off\nrestart_after_crash = off");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION vecstore;
	CREATE TABLE rows AS SELECT i AS id, CASE WHEN i % 25 > 0 THEN (
			SELECT string_agg('w' || floor(300 * ((hashint8extended(i, k) & 1048575)::float8 / 1048576) ^ 3), ' ')
			FROM generate_series(1, 1 + i % 70) k) || ' x' || i END AS body
		FROM generate_series(1, 1500) i});

# ---- what one comparison alone sees ----

# In the metapage stand counts, then the one segment.  Behind the rows, of six bytes each,
# the ends of 256 lengths are numbers of four, the last one that of all 384 documents; then
# postings begin with the skip of a term; in it from byte 11 on the bound of a block: the
# highest frequency, and the least length of those with a frequency of more than 0, 1, 2, 3.
# The last page of postings is not full.
my ($meta, $segment, $ends) = (24, 24 + 152, 24 + 400 * 6);
my $skip = $ends + 256 * 4;
my $counts = qr/\d+ segments, \d+ pending and \d+ free extents, blocks up to \d+/;
my $parts = qr/the parts of the segment that begins at block \d+ do not fit its \d+ blocks/;
my $not_full = sub {
	my ($file) = @_;
	my %lower = map { $_ => unpack 'S', substr(read_block($file, $_), 12, 2) } 2 .. (-s $file) / $block_size - 1;
	return (sort { $lower{$a} <=> $lower{$b} } keys %lower)[0];
};
my @exact = (
	[ 0, $meta, pack('L', 1), qr/Block 0 is no metapage/ ],
	[ 0, $meta + 4, pack('L', 99), qr/is of format 99, this vecstore reads/ ],
	[ 0, $meta + 12, pack('L', 0), $counts ],
	[ 0, $meta + 16, pack('L', 49), $counts ],
	[ 0, $meta + 20, pack('L', 13), $counts ],
	[ 0, $meta + 24, pack('L', 129), $counts ],
	[ 0, $meta + 52, "\x07", qr/the version of the tokenizer is no text/ ],
	[ 0, 12, pack('S', 1000), qr/the metapage, is of another size/ ],
	[ 0, $segment, pack('L', 0), qr/a segment begins at block 0/ ],
	[ 0, $segment, pack('L', 1000), qr/a segment begins at block 1000/ ],
	[ 0, $segment + 4, pack('L', 0), qr/a segment begins at block 1 and has 0/ ],
	[ 0, $segment + 8, pack('L', 0), qr/generation/ ],
	[ 0, $segment + 12, pack('L', 399), $parts ],
	[ 0, $segment + 12, pack('LL', 0, 0), $parts ],
	[ 0, $segment + 20, pack('L', 0), $parts ],
	[ 0, $segment + 24, pack('L', 0), $parts ],
	[ 0, $segment + 32, pack('Q', 0), $parts ],
	[ 0, $segment + 40, pack('Q', 0), $parts ],
	[ 0, $segment + 40, pack('Q', 8193), $parts ],
	[ 0, $segment + 48, pack('Q', 1), qr/words, not 1\b/ ],
	[ 1, $ends, pack('L', 385), qr/the ends of the lengths of 384 documents cannot be so/ ],
	[ 1, $ends + 255 * 4, pack('L', 385), qr/the ends of the lengths of 384 documents cannot be so/ ],
	[ 1, $skip, pack('L', 400), qr/skip 0 of a term cannot be so/ ],
	[ 1, $skip + 4, pack('L', 1), qr/skip 0 of a term cannot be so/ ],
	[ 1, $skip + 8, pack('C', 33), qr/skip 0 of a term cannot be so/ ],
	[ 1, $skip + 9, pack('C', 25), qr/skip 0 of a term cannot be so/ ],
	[ 1, $skip + 10, pack('C', 1), qr/skip 0 of a term cannot be so/ ],
	[ 1, $skip + 11, pack('C', 0), qr/skip 0 of a term cannot be so/ ],
	(map { [ 1, $skip + $_, undef, qr/postings have frequencies to .* their skip says/ ] } 11, 13, 14, 15),
	[ $not_full, 12, undef, qr/Block \d+ has \d+ bytes, not \d+/ ]);

check_changes(
	$node,
	sub {
		my ($table) = @_;
		$node->safe_psql('postgres', "CREATE TABLE $table AS SELECT * FROM rows WHERE id <= 400; "
			  . "CREATE INDEX ${table}_body_idx ON $table USING vecstore_bm25 (body)");
		return "${table}_body_idx";
	},
	'bm25_check', @exact);

# Three rows, two of which have no word: no posting tells of their lengths.
check_changes(
	$node,
	sub {
		my ($table) = @_;
		$node->safe_psql('postgres', "CREATE TABLE of_few_$table (body text); INSERT INTO of_few_$table VALUES (''), ('word'), (''); "
			  . "CREATE INDEX ON of_few_$table USING vecstore_bm25 (body)");
		return "of_few_${table}_body_idx";
	},
	'bm25_check',
	[ 1, 24 + 3 * 6, pack('L', 1), qr/Document 1 of the segment that begins at block 1 has 0 words and stands among those of length 1/ ],
	[ 1, 24 + 3 * 6, pack('L', 3), qr/Document 2 of the segment that begins at block 1 has 1 words and stands among those of length 0/ ],
	[ 1, 24 + 4, pack('S', 3), qr/Block 1: row 1 is not in order/ ],
	[ 1, 24 + 2 * 6 + 4, pack('S', 1), qr/Row \(0,1\) is in the extents that begin at blocks 1 and 1, or twice in one/ ]);

# ---- rounds ----

my (%made, %found, %found_by_table);
foreach my $round (1 .. $rounds)
{
	my @victims;

	note('seed ' . ($seed + $round - 1));
	srand($seed + $round - 1);
	foreach my $n (1 .. $tables)
	{
		my $table = "damaged$n";
		my $blocks;

		$node->safe_psql('postgres', "CREATE TABLE $table AS TABLE rows; "
			  . "CREATE INDEX ${table}_body_idx ON $table USING vecstore_bm25 (body)");
		$blocks = $node->safe_psql('postgres', "SELECT pg_relation_size('${table}_body_idx') / $block_size");
		$node->safe_psql('postgres', "INSERT INTO $table SELECT id + 2000, body FROM rows WHERE id <= 60");
		push @victims, {
			table => $table,
			kind => $kinds[ $n % @kinds ],
			damage => $damages[ int rand @damages ],
			file => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${table}_body_idx')"),
			block => { meta => 0, rows => 1, postings => 2 + int rand($blocks - 4), dictionary => $blocks - 1,
				pending => $blocks }->{ $kinds[ $n % @kinds ] },
			other => int rand($blocks + 1) };
		$victims[-1]{other} = $blocks - $victims[-1]{block} if $victims[-1]{other} == $victims[-1]{block};
	}
	is($node->safe_psql('postgres', "SELECT count(*) FROM bm25_check('damaged1_body_idx', true)"), '1',
		"round $round: a whole index passes");
	$node->stop;
	damage(@{$_}{qw(file block kind damage other)}) foreach @victims;
	$node->start;

	foreach my $victim (@victims)
	{
		my ($table, $kind) = @{$victim}{qw(table kind)};
		my $index = "${table}_body_idx";
		my $label = "round $round, $table, $kind, $victim->{damage} in block $victim->{block}";
		my $check = outcome($node, $label, "SELECT bm25_check('$index')");
		my $with_table = outcome($node, $label, "SELECT bm25_check('$index', true)");

		$made{$kind}++;
		$found{$kind}++ if $check;
		$found_by_table{$kind}++ if $with_table;
		ok(!$check || $with_table, "$label: what a check finds, one with the table finds");
		ok(is_right($node, $table), "$label: nothing is found, answers are right") if !$with_table;
		note("$label: " . ($with_table ? $check ? "found ($check)" : "found with the table ($with_table)" : 'nothing found'));

		outcome($node, $label,
			"SELECT bm25_index_info('$index')",
			(map { ("SELECT id FROM $table ORDER BY body <@> '$_' LIMIT 10", "SELECT count(*) FROM (SELECT id FROM $table ORDER BY body <@> '$_') q") } @queries),
			"INSERT INTO $table VALUES (5000, 'w1 new'), (5001, NULL)",
			"SELECT count(*) FROM (SELECT id FROM $table ORDER BY body <@> 'w1 new') q",
			"INSERT INTO $table SELECT id + 6000, body FROM rows",
			"SELECT bm25_check('$index', true)",
			"DELETE FROM $table WHERE id % 3 = 0",
			"VACUUM (INDEX_CLEANUP on) $table",
			"INSERT INTO $table SELECT id + 9000, body FROM rows WHERE id < 100",
			"SELECT count(*) FROM (SELECT id FROM $table ORDER BY body <@> 'w3') q",
			"SELECT bm25_check('$index', true)");
		is(outcome($node, $label, "REINDEX INDEX $index", "SELECT bm25_check('$index', true)"), '',
			"$label: a new index passes");
		ok(is_right($node, $table), "$label: answers of a new index");
		$node->safe_psql('postgres', "DROP TABLE $table");
	}
}

diag(sprintf '%s: %d damaged, found %d, with the table %d', $_, $made{$_}, $found{$_} // 0,
	$found_by_table{$_} // 0) foreach @kinds;
check_no_crash($node, 'all rounds');
unlike(slurp_file($node->logfile), qr/invalid memory alloc|out of memory/, 'nobody asks for memory without bounds');
$node->stop;
done_testing();
