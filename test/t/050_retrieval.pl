# Helpers for retrieval: split_text in databases of other encodings, where positions
# are still those of substr(); measures of random rankings against a program that
# computes them from the definitions; caches that are filled by many at once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--no-locale', '--encoding=UTF8' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION vecstore');

# What must hold for the chunks of a text in the database at hand: how many chunks, and
# how many of them are not what stands at their position, or too large.
sub split_in
{
	my ($encoding, $text) = @_;
	my $db = lc "db_$encoding";

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LC_COLLATE 'C' LC_CTYPE 'C'");
	return $node->safe_psql(
		$db, qq{
		CREATE EXTENSION vecstore;
		SELECT method, size, count(*),
			count(*) FILTER (WHERE substr(t, start, length(chunk)) <> chunk OR (method <> 'token' AND length(chunk) > size))
		FROM (SELECT $text AS t) x, unnest(ARRAY['recursive', 'sentence', 'token', 'markdown']) method, unnest(ARRAY[1, 7, 40]) size,
			LATERAL vecstore.split_text(t, method, size, 0)
		GROUP BY t, method, size
		ORDER BY method, size});
}

# bytes(HEX): a text of the database's encoding.
sub bytes { return "repeat(convert_from('\\x$_[0]', getdatabaseencoding()), 40)"; }

foreach my $case (
	[ 'LATIN1', bytes('5374726173736520eb20e920fc62657220b52e0a') ],
	[ 'WIN1252', bytes('93e4e4942080206f6b2e0d0a') ],
	# A kana with a mark on it, one character here and two in Unicode.
	[ 'EUC_JIS_2004', bytes('c6fccbdca4f7a4c6a5ada5b9a5c8a1a3610a') ],
	[ 'EUC_KR', bytes('c7d1b1b92061a1a32e0a') ],
	# Bytes that are no UTF-8.
	[ 'SQL_ASCII', bytes('61ff20e697a520fe622e0ac3') ])
{
	my ($encoding, $text) = @$case;
	my @rows = split /\n/, split_in($encoding, $text);
	my @wrong = grep { (split /\|/)[3] != 0 } @rows;

	is(scalar @rows, 12, "$encoding: a text is split in all ways");
	is("@wrong", '', "$encoding: a chunk is what stands at its position, and not too large");
}
is( $node->safe_psql('db_euc_jis_2004', q{SELECT count(*) FROM vecstore.split_text(convert_from('\xa4f7a4f7a4f7', 'EUC_JIS_2004'), chunk_size => 1, overlap => 0)}),
	'3', 'EUC_JIS_2004: a character of two code points is one');

# Random rankings: of 30 documents some are retrieved, some are judged.
my $file = $node->basedir . '/rankings.json';
my $rankings = $node->safe_psql(
	'postgres', q{
	SELECT setseed(.17);
	CREATE TABLE ranking AS
		SELECT query, 1 + (random() * 15)::int AS k,
			(SELECT array_agg('d' || d ORDER BY random()) FROM generate_series(1, 30) d WHERE random() * 20 < query % 20) AS retrieved,
			(SELECT coalesce(jsonb_object_agg('d' || d, (random() * 4 - 1)::int), '{}') FROM generate_series(1, 30) d WHERE random() * 10 < query % 11) AS judgements
		FROM generate_series(1, 1000) query;
	SELECT jsonb_build_object('retrieved', coalesce(retrieved, '{}'), 'judgements', judgements, 'k', k,
			'recall', vecstore.recall_at_k(retrieved, relevant, k), 'precision', vecstore.precision_at_k(retrieved, relevant, k),
			'rr', vecstore.mrr(retrieved, relevant), 'ndcg', vecstore.ndcg_at_k(retrieved, judgements, k),
			'ndcg_binary', vecstore.ndcg_at_k(retrieved, relevant, k))
	FROM ranking, LATERAL (SELECT coalesce(array_agg(key), '{}') AS relevant FROM jsonb_each(judgements) WHERE value::int >= 1) r});
$rankings =~ s/^\s+//;
append_to_file($file, "$rankings\n");
my ($python) = grep { -x } '/usr/bin/python3', '/usr/local/bin/python3';
SKIP:
{
	skip 'there is no python3', 2 unless $python;
	my ($out, $err);
	my $ok = IPC::Run::run([ $python, "$FindBin::Bin/evaluation_check.py", $file ], '>', \$out, '2>', \$err);
	ok($ok, 'measures of random rankings are those of the definitions') or diag($out . $err);
	like($out, qr/^5000 of 5000 agree/m, 'all of them');
}
my ($trec_eval) = grep { -x } map { "$_/trec_eval" } split /:/, $ENV{PATH};
SKIP:
{
	skip 'there is no trec_eval (no package of Debian: github.com/usnistgov/trec_eval, in /usr/local/bin)', 1 unless $trec_eval && $python;
	my ($out, $err);
	my $ok = IPC::Run::run([ $python, "$FindBin::Bin/evaluation_check.py", $file, $trec_eval ], '>', \$out, '2>', \$err);
	ok($ok, 'and those of trec_eval') or diag($out . $err);
	note($out);
}
is( $node->safe_psql(
		'postgres', q{
		SELECT count(*), count(*) FILTER (WHERE abs(a.ndcg - vecstore.ndcg_at_k(retrieved, judgements, k)) < 1e-12)
		FROM (
			SELECT query, k, r.retrieved, r.judgements, vecstore.ndcg_at_k(u.rank, j.value::float8, k) AS ndcg
			FROM ranking r, LATERAL (SELECT * FROM unnest(r.retrieved) WITH ORDINALITY u (document, rank)
				FULL JOIN jsonb_each_text(r.judgements) j ON document = key) AS u (document, rank, key, value), LATERAL (SELECT u.value) j
			GROUP BY 1, 2, 3, 4) a}) =~ /^(\d+)\|\1$/ ? 1 : 0,
	1, 'the aggregate over rows gives the same');

# A cache that many fill with the same few embeddings, at the same time.
$node->safe_psql('postgres', q{SELECT vecstore.create_namespace('acme'); SELECT vecstore.create_cache('acme.c', 8)});
$node->pgbench(
	'--no-vacuum --client=6 --transactions=150',
	0,
	[qr{processed: 900/900}],
	[qr{^$}],
	'puts, gets and prunes by six clients',
	{
		'050_put' => q{
			\set i random(1, 20)
			SELECT vecstore.cache_put('acme.c', ARRAY[:i, 1, :i * :i, 2, 3, 4, 5, 6]::real[]::vecstore, to_jsonb(:i));
			SELECT * FROM vecstore.cache_get('acme.c', ARRAY[:i, 1, :i * :i, 2, 3, 4, 5, 6]::real[]::vecstore);
			SELECT vecstore.cache_prune('acme.c', keep => 500)}
	});
is( $node->safe_psql(
		'postgres', q{
		SELECT count(*), count(*) FILTER (WHERE payload = to_jsonb(i) AND similarity > .999999)
		FROM generate_series(1, 20) i
		LEFT JOIN LATERAL vecstore.cache_get('acme.c', ARRAY[i, 1, i * i, 2, 3, 4, 5, 6]::real[]::vecstore) ON TRUE}),
	'20|20', 'afterwards each embedding has its answer');
is($node->safe_psql('postgres', q{SELECT count(*) BETWEEN 20 AND 120 FROM acme.c}), 't', 'in not many more entries than there are embeddings');

$node->stop;
done_testing();
