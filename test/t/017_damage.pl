# Damaged pages of a vecstore index: bits that flip, bytes of no meaning, pages that are
# lost, or stand in another's place.  Whatever a page says, a statement works or ends with
# an error, soon, and the server lives; REINDEX makes all good.  (A graph has nothing to
# compare with: a link to somewhere else is as good as another, and so is a coordinate.)
#
# With prove, VECSTORE_SEED=N VECSTORE_ROUNDS=M makes other damage, and more of it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_changes check_no_crash complete_sql create_functions damage_page first_error index_only_settings read_block);

my $seed = $ENV{VECSTORE_SEED} // 1;
my $rounds = $ENV{VECSTORE_ROUNDS} // 2;
my $block_size = 8192;
my @damages = qw(bit bits header special garbage zero other);
my @kinds = qw(meta head aux);

# Floats, codes, and vectors longer than a page, which lie in tails.
my @forms = (
	{ name => 'floats', dims => 16, rows => 800, with => "quantization = 'none', m = 4" },
	{ name => 'codes', dims => 128, rows => 500, with => "quantization = 'rabitq', m = 8" },
	{ name => 'tails', dims => 2100, rows => 60, with => "quantization = 'none', m = 4" });

# Errors of damaged data, and of a row whose place is behind the table's end, when the table
# is asked for it.
my $allowed = qr/^(XX00[12]: |\w{5}: could not open file .* previous segment is only)/;

sub outcome
{
	my ($node, $label, @statements) = @_;

	return first_error($node, $label, $allowed, split(/;\s*/, index_only_settings()), @statements);
}

# A block of a kind: its number is in the special space.
sub choose_block
{
	my ($file, $kind) = @_;
	my $blocks = (-s $file) / $block_size;
	my @found = grep { unpack('S', substr(read_block($file, $_), $block_size - 8, 2)) == ($kind eq 'head' ? 2 : 3) } 1 .. $blocks - 1;

	return $kind eq 'meta' ? 0 : $found[ int rand @found ];
}

# Damage in the line pointers or in the tuples; of the metapage, in its fields.
sub damage
{
	my ($file, $block, $kind, $damage, $other) = @_;
	my ($lower, $upper) = unpack 'SS', substr(read_block($file, $block), 12, 4);
	my ($from, $to) = $kind eq 'meta' || rand() < 0.3 ? (24, $lower) : ($upper, $block_size - 8);

	damage_page($file, $block, $damage, $from, $to, $other);
	return;
}

# PostgreSQL 18 makes checksums unless told otherwise: they would find it all first.
my ($help) = run_command([ 'initdb', '--help' ]);
my $node = PostgreSQL::Test::Cluster->new('damage');
$node->init(extra => $help =~ /--no-data-checksums/ ? ['--no-data-checksums'] : []);
$node->append_conf('postgresql.conf', "autovacuum = off\nrestart_after_crash = off");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');
create_functions($node);

# NULLs lie aside; the same vector often makes chains of heap TIDs.
foreach my $form (@forms)
{
	$node->safe_psql('postgres', qq{
		CREATE TABLE rows_$form->{name} AS
		SELECT i AS id, CASE WHEN i % 25 = 0 THEN NULL
				ELSE test_vector(CASE WHEN i % 3 = 0 THEN 7 ELSE i END, $form->{dims}) END::vecstore($form->{dims}) AS embedding
		FROM generate_series(1, $form->{rows}) i});
}

# Block 1 has vertices; the first one is the last on its page.
my $meta = 24;
my $unfit = qr/What its metapage says does not fit together/;
my $vertex = sub { return unpack('S', substr(read_block($_[0], 1), 24, 2)) & 0x7fff };
my @exact = (
	[ 0, $meta, pack('L', 1), qr/is not a vecstore index/ ],
	[ 0, $meta + 4, pack('S', 99), qr/has format version 99/ ],
	(map { [ 0, $meta + $_->[0], pack($_->[1], $_->[2]), $unfit ] }
		[ 8, 'S', 0 ], [ 8, 'S', 16001 ], [ 10, 'S', 99 ], [ 12, 'S', 1 ], [ 12, 'S', 101 ], [ 14, 'S', 1 ], [ 14, 'S', 9999 ],
		[ 17, 'C', 0x70 ], [ 18, 'C', 3 ], [ 19, 'C', 1 ], [ 20, 'S', 1 ], [ 22, 'S', 8 ], [ 24, 'S', 1 ]),
	[ 0, $meta + 40, pack('L', 0x7fffff00), qr/entry/ ],
	[ 1, 12, pack('S', 0), qr/Block 1 is of no kind/ ],
	[ 1, 8184, pack('S', 1), qr/Block 1 is of no kind/ ],
	[ 1, 24, pack('L', 0), qr/Block 1 has no vertex in slot 0/ ],
	[ 1, 26, pack('S', 16), qr/Block 1 has no sound vertex in slot 0/ ],
	[ 1, sub { $vertex->($_[0]) }, pack('C', 99), qr/format|Vertex/ ],
	[ 1, sub { $vertex->($_[0]) + 4 }, pack('C', 99), qr/Block 1 has no sound vertex in slot 0/ ],
	[ 1, sub { $vertex->($_[0]) + 5 }, pack('C', 99), qr/Block 1 has no sound vertex in slot 0/ ],
	[ 1, sub { $vertex->($_[0]) + 8 }, pack('S', 99), qr/Vertex/ ],
	[ 1, sub { $vertex->($_[0]) + 10 }, pack('S', 99), qr/Vertex/ ]);

check_changes(
	$node,
	sub {
		my ($table) = @_;
		$node->safe_psql('postgres', "CREATE TABLE $table AS SELECT * FROM rows_floats WHERE id <= 100; "
			  . "CREATE INDEX ${table}_idx ON $table USING vecstore (embedding vecstore_l2_ops) WITH ($forms[0]{with})");
		return "${table}_idx";
	},
	'vecstore_check', @exact);

my (%made, %found);
foreach my $round (1 .. $rounds)
{
	my @victims;

	note('seed ' . ($seed + $round - 1));
	srand($seed + $round - 1);
	foreach my $n (0 .. 26)
	{
		my $form = $forms[ $n % 3 ];
		my $table = "damaged$n";

		$node->safe_psql('postgres', "CREATE TABLE $table AS TABLE rows_$form->{name}; "
			  . "CREATE INDEX ${table}_idx ON $table USING vecstore (embedding vecstore_l2_ops) WITH ($form->{with})");
		push @victims, {
			table => $table, form => $form, kind => $kinds[ ($n / 3) % @kinds ], damage => $damages[ int rand @damages ],
			file => $node->data_dir . '/' . $node->safe_psql('postgres', "SELECT pg_relation_filepath('${table}_idx')") };
	}
	$node->stop;
	foreach my $victim (@victims)
	{
		$victim->{block} = choose_block($victim->{file}, $victim->{kind});
		damage(@{$victim}{qw(file block kind damage)}, ($victim->{block} + 1) % ((-s $victim->{file}) / $block_size));
	}
	$node->start;

	foreach my $victim (@victims)
	{
		my ($table, $kind) = @{$victim}{qw(table kind)};
		my $rows = "rows_$victim->{form}{name}";
		my $vector = "test_vector(5, $victim->{form}{dims})";
		my $label = "round $round, $table, $victim->{form}{name}, $kind, $victim->{damage} in block $victim->{block}";
		my $check = outcome($node, $label, "SELECT vecstore_check('${table}_idx')");

		$made{$kind}++;
		$found{$kind}++ if $check;
		note("$label: " . ($check || 'nothing found'));
		outcome($node, $label,
			"SELECT vecstore_index_info('${table}_idx')",
			"SELECT id FROM $table ORDER BY embedding <-> $vector LIMIT 10",
			complete_sql($table, $vector),
			"INSERT INTO $table SELECT id + 5000, embedding FROM $rows WHERE id <= 100",
			"SELECT vecstore_recall('${table}_idx', 5, 5)",
			"DELETE FROM $table WHERE id % 3 = 0",
			"VACUUM (INDEX_CLEANUP on) $table",
			"INSERT INTO $table SELECT id + 9000, embedding FROM $rows WHERE id <= 30",
			complete_sql($table, $vector),
			"SELECT vecstore_check('${table}_idx')");
		is(outcome($node, $label, "REINDEX INDEX ${table}_idx", "SELECT vecstore_check('${table}_idx')"), '',
			"$label: a new index passes");
		is($node->safe_psql('postgres', index_only_settings() . complete_sql($table, $vector)), '0|0',
			"$label: a new index has every row");
		$node->safe_psql('postgres', "DROP TABLE $table");
	}
}

diag(sprintf '%s: %d damaged, found %d', $_, $made{$_}, $found{$_} // 0) foreach @kinds;
check_no_crash($node, 'all rounds');
unlike(slurp_file($node->logfile), qr/invalid memory alloc|out of memory/, 'nobody asks for memory without bounds');
$node->stop;
done_testing();
