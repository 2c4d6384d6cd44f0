# pg_upgrade from an older version of PostgreSQL: it takes the files of indexes as they
# are, and they give the answers that they gave before.  VECSTORE_OLD_PG_CONFIG names the
# older server's pg_config; vecstore is installed in both servers (docs/testing.md).

use strict;
use warnings;

use Digest::MD5;
use File::Basename qw(dirname);
use FindBin;
use lib $FindBin::Bin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_no_crash check_recall create_items create_records difference
  index_only_settings put_records query_vector upgrade);

my $old_pg_config = $ENV{VECSTORE_OLD_PG_CONFIG};
my ($old_major, $new_major) =
  map { $_ && `'$_' --version` =~ /PostgreSQL (\d+)/ ? $1 : 0 } $old_pg_config, $ENV{PG_CONFIG};
plan skip_all => 'VECSTORE_OLD_PG_CONFIG names no older server'
  unless $old_major && $old_major < $new_major;
chomp(my $old_bindir = `'$old_pg_config' --bindir`);
my @initdb = qw(--data-checksums --encoding=UTF8 --locale=C);

my $old = PostgreSQL::Test::Cluster->new('old', install_path => dirname($old_bindir));
$old->init(extra => \@initdb);
$old->append_conf('postgresql.conf', 'autovacuum = off');
$old->start;

# ---- all kinds of index ----

# The tables and the dimensions of their vectors.
my %dims = (items => 24, metrics => 24, coded => 100, wide => 3000, unlogged => 24, empty => 24, records => 24);

# The indexes: their table, and what a search by them orders by; ? is the query.
my %metrics = (
	ip => '<#>', cosine => '<=>', l1 => '<+>', hamming => '<~>', jaccard => '<%>',
	chebyshev => '<^>', canberra => '</>', bray_curtis => '<*>');
my %index = (
	(map { ("${_}_idx" => [ $_, 'embedding <-> ?' ]) } keys %dims),
	(map { ("metrics_$_" => [ 'metrics', "embedding $metrics{$_} ?" ]) } keys %metrics),
	coded_ip => [ 'coded', 'embedding <#> ?' ],
	coded_part => [ 'coded', 'subvector(embedding, 1, 50)::vecstore(50) <=> subvector(?, 1, 50)' ],
	(map { ("records_$_" => [ 'records', "body <@> bm25_query(?, 'records_$_')" ]) } qw(body_idx english ngram)),
	records_words => [ 'records', q{words <@> bm25_query(?, 'records_words')} ]);

$old->safe_psql('postgres', 'CREATE EXTENSION vecstore');
create_items($old, 'items', rows => 1500, with => "m = 12, quantization = 'none'");
create_items($old, 'metrics', rows => 200, seed => 2);
create_items($old, 'coded', dims => 100, rows => 800, seed => 3, with => "quantization = 'rabitq'");
create_items($old, 'wide', dims => 3000, rows => 60, seed => 4);
create_items($old, 'unlogged', persistence => 'UNLOGGED', rows => 300, seed => 5);
create_items($old, 'empty', rows => 0);
create_records($old, 'records', dims => 24, rows => 1000);
$old->safe_psql('postgres', "CREATE INDEX metrics_$_ ON metrics USING vecstore (embedding vecstore_${_}_ops)")
  foreach sort keys %metrics;
$old->safe_psql('postgres', q{
	CREATE INDEX coded_ip ON coded USING vecstore (embedding vecstore_ip_ops);
	CREATE INDEX coded_part ON coded USING vecstore ((subvector(embedding, 1, 50)::vecstore(50)) vecstore_cosine_ops)
		WITH (m = 12, quantization = rabitq);
	CREATE INDEX records_english ON records USING vecstore_bm25 (body) WITH (tokenizer = english, k1 = 1.5);
	CREATE INDEX records_ngram ON records USING vecstore_bm25 (body) WITH (tokenizer = ngram);
	ALTER TABLE records ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('english', body)) STORED;
	CREATE INDEX records_words ON records USING vecstore_bm25 (words) WITH (tokenizer = english)});

# Rows go, are vacuumed away, others come, and some of them go, too: so the files hold more
# than a fresh build leaves (places taken again, dead rows, segments, pending rows).
sub change
{
	my ($node, $round) = @_;

	foreach my $table (sort keys %dims)
	{
		my $insert = $table eq 'records'
		  ? put_records('records', 24, "SELECT 10000 * $round + i, 10000 * $round + i FROM generate_series(1, 200) i")
		  : "INSERT INTO $table (embedding) SELECT test_vector(10000 * $round + i, $dims{$table}) FROM generate_series(1, 50) i";
		foreach my $statement ("DELETE FROM $table WHERE id % 7 = $round", "VACUUM (INDEX_CLEANUP ON) $table",
			$insert, "DELETE FROM $table WHERE id % 11 = $round")
		{
			$node->safe_psql('postgres', $statement);
		}
	}
	return;
}

sub is_text { return $index{ $_[0] }->[1] =~ /<@>/; }

# The SQL of a search by an index; $number chooses the query.
sub search
{
	my ($name, $number, $what, $limit) = @_;
	my ($table, $order) = @{ $index{$name} };
	my $query = is_text($name) ? "'w$number w700 x17'" : "'" . query_vector($number, $dims{$table}) . "'";

	$order =~ s/\?/$query/;
	$what =~ s/ORDER/$order/;
	return "SELECT $what FROM $table ORDER BY $order LIMIT $limit";
}

# What every index says of itself, and the first rows of four searches by it, with their
# distances; or the error.
sub answers
{
	my ($node) = @_;
	my %answer;

	foreach my $name (keys %index)
	{
		my $info = is_text($name) ? 'bm25_index_info' : 'vecstore_index_info';
		my ($status, $out, $err) = $node->psql('postgres', join ';', 'SET client_min_messages = error', index_only_settings,
			"SELECT pg_get_indexdef('$name'::regclass), i FROM $info('$name') i",
			map { search($name, $_, 'id, ORDER', 25) } 1 .. 4);
		$answer{$name} = $out . $err;
	}
	return \%answer;
}

# check_indexes NODE, LABEL, NAME => WARNING...: each index is sound (and warns of nothing
# but that), and a scan of it that is read to its end returns every row once.
sub check_indexes
{
	my ($node, $label, %warning) = @_;

	foreach my $name (sort keys %index)
	{
		my $table = $index{$name}->[0];
		my $check = is_text($name) ? "bm25_check('$name', true)" : "vecstore_check('$name')";
		my $scan = search($name, 9, 'id', 'ALL');
		my ($status, $out, $err) = $node->psql('postgres', join ';', "SELECT FROM $check", index_only_settings,
			"EXPLAIN (COSTS OFF) $scan", "SELECT 'found'", $scan);
		my ($plan, $found) = split /^found$/m, $out;

		like($err, $warning{$name} // qr/^$/, "$label, $name: sound");
		like($plan // '', qr/Index Scan using $name on/, "$label, $name: a scan uses it");
		is(difference([ split ' ', $found // '' ], [ split ' ', $node->safe_psql('postgres', "SELECT id FROM $table") ]),
			'', "$label, $name: the scan returns every row once");
	}
	return;
}

# The name, the place and the digest of every index's file, of a list of "name|path".
sub digests
{
	my ($node, $paths) = @_;

	return join "\n", map {
		my ($name, $path) = split /\|/;
		"$name $path " . Digest::MD5->new->add(slurp_file($node->data_dir . "/$path"))->hexdigest
	} split /\n/, $paths;
}

change($old, 3);
check_indexes($old, 'before');
is($old->safe_psql('postgres', q{SELECT segments > 0, pending_pages > 0 FROM bm25_index_info('records_body_idx')}),
	't|t', 'before: a text index with segments and pending rows');
is($old->safe_psql('postgres', q{SELECT quantization FROM vecstore_index_info('coded_idx')}), 'rabitq', 'before: a graph with codes');
my $before = answers($old);
is(scalar(() = $before->{$_} =~ /^\d+\|/mg), 100, "before, $_: answers") foreach sort keys %index;

# ---- a store, whose database belongs to a role that is no superuser ----

$old->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE tenant LOGIN');
$old->safe_psql('postgres', 'CREATE DATABASE app OWNER app');

sub sql
{
	my ($node, $role, $sql) = @_;
	return $node->safe_psql('app', $sql, extra_params => [ '-U', $role ]);
}

sub error
{
	my ($node, $role, $sql) = @_;
	my (undef, undef, $stderr) = $node->psql('app', $sql, extra_params => [ '-U', $role ]);
	return $stderr;
}

# SQL that puts records into the collection.
sub upsert
{
	my ($from, $to) = @_;
	return qq{SELECT count(*) FROM generate_series($from, $to) i,
		vecstore.upsert('acme.docs', i::text, format('[%s,%s,1,2]', i % 17, i % 23)::vecstore, jsonb_build_object('n', i), 'number ' || i)};
}

sql($old, 'app', 'CREATE EXTENSION vecstore');
sql($old, 'app', q{SELECT vecstore.create_namespace('acme', owner => 'tenant', max_vectors => 500)});
sql($old, 'tenant', q{SELECT vecstore.create_collection('acme.docs', 4, 'l2', quantization => 'none', tokenizer => 'english')});
sql($old, 'tenant', upsert(1, 400));
sql($old, 'tenant', q{SELECT vecstore.create_snapshot('acme.docs', 'first')});
sql($old, 'tenant', q{SELECT vecstore.remove('acme.docs', '7'), vecstore.soft_delete('acme.docs', '8')});
sql($old, 'tenant', q{SELECT vecstore.create_cache('acme.answers', 2); SELECT vecstore.cache_put('acme.answers', '[1,0]', '"one"')});

my $state = q{
	SELECT * FROM vecstore.list_namespaces();
	SELECT * FROM vecstore.list_collections();
	SELECT * FROM vecstore.list_snapshots();
	SELECT vectors FROM vecstore.namespace_usage('acme');
	SELECT vecstore.count('acme.docs', 'n > 100');
	SELECT * FROM vecstore.query('acme.docs', '[3,4,1,2]', 10, 'n > 20');
	SELECT * FROM vecstore.text_query('acme.docs', 'number 33');
	SELECT * FROM vecstore.hybrid_query('acme.docs', '[3,4,1,2]', 'numbers 33');
	SELECT payload FROM vecstore.cache_get('acme.answers', '[1,0]')};
my $store_before = sql($old, 'tenant', $state);
like($store_before, qr/^33\|/m, 'before: the store answers');

# ---- upgrade ----

my $paths_sql = q{SELECT c.relname, pg_relation_filepath(c.oid) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
	WHERE amname IN ('vecstore', 'vecstore_bm25') AND relkind = 'i' ORDER BY 1};
my @databases = qw(postgres app);
my @paths = map { $old->safe_psql($_, $paths_sql) } @databases;
my $from = $old->safe_psql('postgres', 'SHOW server_version');
check_no_crash($old, 'before');
$old->stop;
my @digests = map { digests($old, $_) } @paths;

my $new = upgrade($old, initdb => \@initdb);
note("from $from to " . $new->safe_psql('postgres', 'SHOW server_version'));
is_deeply([ map { $new->safe_psql($_, $paths_sql) } @databases ], \@paths, 'upgraded: the same indexes, in the same places');
is_deeply([ map { digests($new, $_) } @paths ], \@digests, 'upgraded: their files are the same');

my $after = answers($new);
is($after->{$_}, $before->{$_}, "upgraded, $_: the same answers") foreach sort keys %index;
# Stemmers and parsers are others in another version, of which indexes that work by a text
# search configuration warn.
my $other_tokenizer = qr/^psql:<stdin>:\d+: WARNING:  index "\w+" was made with another version of its tokenizer\n.*"PostgreSQL $old_major (\w+)".*"PostgreSQL $new_major \1".*\n.*REINDEX the index\.$/;
check_indexes($new, 'upgraded', records_english => $other_tokenizer);
is(sql($new, 'tenant', $state), $store_before, 'upgraded: the store answers as before');

# ---- life goes on ----

$new->safe_psql('postgres', 'REINDEX INDEX records_english');
change($new, 5);
check_indexes($new, 'changed');
check_recall($new, $_, "changed, $_") foreach qw(items coded);
is(sql($new, 'tenant', q{BEGIN; SELECT vecstore.restore_snapshot('acme.docs', 'first'); COMMIT}), 2, 'store: a snapshot is restored');
is(sql($new, 'tenant', upsert(401, 499)), 99, 'store: takes records');
is(sql($new, 'tenant', q{SELECT id FROM vecstore.text_query('acme.docs', '444')}), 444, 'store: and finds them');
like(error($new, 'tenant', upsert(500, 600)), qr/exceeded: max_vectors/, 'store: the quota holds');
sql($new, 'tenant', q{VACUUM acme.docs});
is(sql($new, 'tenant', q{SELECT count(*) FROM vecstore.get_collection('acme.docs') c, vecstore_check(c.vector_index)}), 1, 'store: the index is sound');
check_no_crash($new, 'upgraded');

# What was not logged is empty after a crash, which needs the init fork.
$new->stop('immediate');
$new->start;
is($new->safe_psql('postgres', 'SELECT count(*) FROM unlogged'), 0, 'crashed: the unlogged table is empty');
check_indexes($new, 'crashed');
check_no_crash($new, 'crashed');
$new->stop;
done_testing();
