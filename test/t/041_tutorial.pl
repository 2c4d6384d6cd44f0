# The tour of docs/tutorial.md, from top to bottom, as a new user would take it:
# in a fresh database of his own, in one psql.  What each block of SQL prints is
# compared with the block of text below it.  A copy of the document that has the
# output of this run is left among the logs, to be read and put in its place.

use strict;
use warnings;

use FindBin;
use Cwd qw(getcwd);
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $document = slurp_file("$FindBin::Bin/../../docs/tutorial.md");

# A block: the function that it waits for, the SQL, what it shall print.
my $block = qr/(?:^<!-- needs vecstore\.(\w+) -->\n)?^```sql\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?/ms;

my $node = PostgreSQL::Test::Cluster->new('tutorial');
$node->init;
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE tour OWNER reader');

# What there is to wait for is asked of another database, since the tour itself
# makes the extension.
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');

sub there_is
{
	my ($function) = @_;
	return $node->safe_psql('postgres', "SELECT count(*) > 0 FROM pg_proc WHERE proname = '$function' AND pronamespace = 'vecstore'::regnamespace") eq 't';
}

my (@blocks, $script);
while ($document =~ /$block/g)
{
	my ($function, $sql, $expected) = ($1, $2, $3);
	my $absent = defined $function && !there_is($function);
	push @blocks, { sql => $sql, expected => $expected // '', absent => $absent ? $function : undef };
	$script .= $absent ? '' : $sql;
	$script .= "\\echo -- end of block\n";
}
cmp_ok(scalar @blocks, '>=', 14, 'the document has blocks');

my $home = getcwd();
chdir PostgreSQL::Test::Utils::tempdir;
my $out = '';
IPC::Run::run(
	[ 'psql', '-X', '-h', $node->host, '-p', $node->port, '-U', 'reader', 'tour' ],
	'<', \$script, '>&', \$out);
chdir $home;

# As it stands in the document: no blanks at the ends of lines, no empty line at the end.
my @printed = map { s/[ \t]+$//gmr =~ s/\n+\z/\n/r } split /-- end of block\n/, $out;
is(scalar @printed, scalar @blocks, 'psql went through all of them');
foreach my $i (0 .. $#blocks)
{
	my ($title) = $blocks[$i]{sql} =~ /^(.*)/;
  SKIP:
	{
		skip "there is no vecstore.$blocks[$i]{absent} yet", 1 if $blocks[$i]{absent};
		is($printed[$i], $blocks[$i]{expected}, $title);
	}
}

my $i = 0;
$document =~ s{($block)}{
	my ($whole, $expected) = ($1, $4);
	my $text = $blocks[$i]{absent} ? $blocks[$i]{expected} : $printed[$i];
	$i++;
	(defined $expected ? $whole =~ s/\n```text\n.*//sr : $whole) . ($text eq '' ? '' : "\n```text\n$text```\n")
}gme;
append_to_file("$PostgreSQL::Test::Utils::log_path/tutorial.md", $document);
$node->stop;
done_testing();
