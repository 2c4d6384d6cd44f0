# The store under many writers and on its travels: 16 sessions against a quota,
# a quota that comes while they write, dump and restore by a role that is no
# superuser, a standby, pg_upgrade.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_no_crash upgrade wait_for_sessions);

my $node = PostgreSQL::Test::Cluster->new('store');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', "max_connections = 40\nmax_prepared_transactions = 2\nautovacuum = off");
$node->start;

# A database whose owner is no superuser: he installs, he makes namespaces for
# a tenant.
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE tenant LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE app OWNER app');

sub sql
{
	my ($role, $sql, $database, $server) = @_;
	return ($server // $node)->safe_psql($database // 'app', $sql, extra_params => [ '-U', $role ]);
}

sub error
{
	my ($role, $sql, $database) = @_;
	my (undef, undef, $stderr) = $node->psql($database // 'app', $sql, extra_params => [ '-U', $role ]);
	return $stderr;
}

# What the quotas go by, beside what there is.
my $numbers = q{SELECT vectors, (SELECT count(*) FROM acme.docs) + (SELECT count(*) FROM acme.more) FROM vecstore.namespace_usage('acme')};

sql('app', 'CREATE EXTENSION vecstore');
sql('app', q{SELECT vecstore.create_namespace('acme', owner => 'tenant', max_vectors => 100)});
sql('tenant', q{SELECT vecstore.create_collection('acme.docs', 4, 'l2')});
sql('tenant', q{SELECT vecstore.create_collection('acme.more', 4, 'l2')});

# run_writers NAME, SESSIONS, TRANSACTIONS, SCRIPT...: pgbench, whose sessions end
# at their first error; returns the errors.
my $seed = 0;

sub run_writers
{
	my ($name, $sessions, $transactions, @scripts) = @_;
	my @files;
	foreach my $script (@scripts)
	{
		my $file = $node->basedir . "/$name." . scalar(@files) / 2 . '.sql';
		append_to_file($file, $script);
		push @files, '-f', $file;
	}
	my ($out, $err) = ('', '');
	IPC::Run::run(
		[
			'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'tenant',
			'-c', $sessions, '-j', '4', '-t', $transactions, '--random-seed=' . ++$seed, @files, 'app'
		],
		'<', \undef, '>', \$out, '2>', \$err);
	wait_for_sessions($node);
	my @errors = $err =~ /ERROR:\s+(.*)/g;
	return @errors;
}

my $insert = q{
\set id random(1, 1000000000)
INSERT INTO acme.%s (id, embedding) VALUES (:client_id || ' ' || :id, '[1,2,3,4]');
};

# 16 sessions, 20 rows each, 100 fit: each session goes on until it fails.
my @errors = run_writers('quota', 16, 20, sprintf($insert, 'docs'), sprintf($insert, 'more'));
is(sql('tenant', $numbers), '100|100', '16 writers leave as many rows as the quota says');
is(scalar @errors, 16, 'each of them is told');
is(scalar(grep { $_ eq 'quota of namespace "acme" exceeded: max_vectors' } @errors), 16, 'of the quota');

# Three rows a transaction, in two collections: all or none of them.
sql('tenant', 'TRUNCATE acme.docs, acme.more');
@errors = run_writers('transactions', 16, 20, 'BEGIN;' . sprintf($insert, 'docs') . q{
INSERT INTO acme.more (id) SELECT :client_id || ' ' || :id || ' ' || i FROM generate_series(1, 2) i;
COMMIT;
});
is(sql('tenant', $numbers), '99|99', 'whole transactions');
is(scalar(grep { /exceeded: max_vectors/ } @errors), 16, 'or an error');

# Some in snapshots of their own, some that roll back, some that delete.
sql('app', q{SELECT vecstore.set_quota('acme', max_vectors => 100000)});
@errors = run_writers('mixed', 16, 60,
	sprintf($insert, 'docs'),
	'BEGIN ISOLATION LEVEL REPEATABLE READ;' . sprintf($insert, 'docs') . sprintf($insert, 'more') . 'COMMIT;',
	'BEGIN;' . sprintf($insert, 'docs') . 'SAVEPOINT s;' . sprintf($insert, 'more') . 'ROLLBACK TO s;' . sprintf($insert, 'more') . 'COMMIT;',
	'BEGIN;' . sprintf($insert, 'more') . 'ROLLBACK;',
	q{DELETE FROM acme.docs WHERE id = (SELECT id FROM acme.docs LIMIT 1 OFFSET :client_id);},
	q{SELECT vecstore.upsert('acme.more', (:client_id % 4)::text, '[4,3,2,1]');});
is("@errors", '', 'a mixture: no error');
my ($counted, $there) = split /\|/, sql('tenant', $numbers);
is($counted, $there, 'rows are counted right');
cmp_ok($there, '>', 500, 'and there are some');

# A quota that comes while they write without one.
sql('app', q{SELECT vecstore.set_quota('acme', max_vectors => -1)});
my $writers = IPC::Run::start(
	[
		'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'tenant', '-c', '8', '-j', '2', '-T', '60',
		'--random-seed=9', '-f', $node->basedir . '/mixed.0.sql', '-f', $node->basedir . '/mixed.1.sql', 'app'
	],
	'<', \undef, '>', \my $out, '2>', \my $err);
foreach my $round (1 .. 10)
{
	$node->poll_query_until('app', sprintf('SELECT count(*) > %d FROM acme.docs', $there + 100 * $round));
	sql('app', q{SELECT vecstore.set_quota('acme', max_vectors => 1000000)});
	sql('app', q{SELECT vecstore.set_quota('acme', max_vectors => -1)}) if $round < 10;
}
$writers->signal('TERM');
$writers->finish;
wait_for_sessions($node);
unlike($err, qr/ERROR/, 'quotas that come and go stop no writer');
($counted, $there) = split /\|/, sql('tenant', $numbers);
is($counted, $there, 'a quota that comes late counts what was written before');

# A prepared transaction keeps its rows and its place.
is(error('tenant', q{BEGIN; INSERT INTO acme.docs (id) VALUES ('prepared'); PREPARE TRANSACTION 'p'}), '', 'PREPARE TRANSACTION');
like(error('tenant', q{SET lock_timeout = '100ms'; INSERT INTO acme.docs (id) VALUES ('x')}), qr/lock timeout/, 'the next writer waits for it');
$node->restart;
like(error('tenant', q{SET lock_timeout = '100ms'; INSERT INTO acme.docs (id) VALUES ('x')}), qr/lock timeout/, 'after a restart, too');
sql('tenant', q{COMMIT PREPARED 'p'});
is(sql('tenant', $numbers), join('|', ($there + 1) x 2), 'and it counts');

# A standby answers.
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(sql('tenant', $numbers, 'app', $standby), sql('tenant', $numbers), 'usage on a standby');
is(sql('tenant', q{SELECT vecstore.count('acme.docs')}, 'app', $standby), sql('tenant', q{SELECT vecstore.count('acme.docs')}), 'and the functions that read');
$standby->stop;

# Dump and restore, by the owner of another database, to whom all tables belong
# afterwards.
sql('tenant', q{DELETE FROM acme.docs; DELETE FROM acme.more});
sql('tenant', q{SELECT vecstore.upsert_batch('acme.docs', '{a,b,c}', ARRAY['[1,2,3,4]', '[2,3,4,5]', '[3,4,5,6]']::vecstore[], documents => '{one,two,three}')});
sql('tenant', q{INSERT INTO acme.more (id) SELECT generate_series(1, 5)});
sql('app', q{SELECT vecstore.set_quota('acme', max_vectors => 9)});
sql('app', q{SELECT vecstore.create_namespace('"Odd; one"', owner => 'tenant')});
sql('tenant', q{SELECT vecstore.create_collection('"Odd; one"."My docs"', 2, 'jaccard')});
sql('tenant', q{SELECT vecstore.create_cache('"Odd; one".answers', 2); SELECT vecstore.cache_put('"Odd; one".answers', '[1,2]', '"kept"')});
sql('app', q{SELECT vecstore.set_namespace_status('"Odd; one"', 'suspended')});
my $state = q{SELECT * FROM vecstore.list_namespaces(); SELECT * FROM vecstore.list_collections(); SELECT vecstore.count_vectors('acme')};
my $before = sql('app', $state);
like($before, qr/suspended/, 'something to compare');
$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER app');
$node->safe_psql('postgres', 'GRANT tenant TO app');
my $dump = $node->basedir . '/store.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-U', 'app', '-f', $dump, 'app' ], 'pg_dump by the owner of the database');
$node->safe_psql('postgres', 'CREATE ROLE dumper LOGIN IN ROLE pg_read_all_data');
$node->command_ok([ 'pg_dump', '-Fc', '-U', 'dumper', '-f', "$dump.2", 'app' ], 'and by one who may read all');
$node->command_ok(
	[ 'pg_restore', '-U', 'app', '--no-owner', '--no-comments', '--exit-on-error', '-d', 'copy', $dump ],
	'pg_restore by the owner of another one');
is(sql('app', $state, 'copy'), $before, 'restored: namespaces and collections');
is($node->safe_psql('copy', 'SELECT count(*) FROM vecstore.usage'), '0', 'restored: nothing counted yet');
sql('app', 'GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA acme, "Odd; one" TO tenant', 'copy');
is(sql('tenant', q{SELECT id FROM acme.docs WHERE deleted_at IS NULL ORDER BY embedding <-> '[3,4,5,6]' LIMIT 1}, 'copy'), 'c', 'restored: the tenant has his rights');
sql('tenant', q{INSERT INTO acme.more (id) VALUES ('x')}, 'copy');
is(sql('tenant', $numbers, 'copy'), '9|9', 'restored: the first write counts');
like(error('tenant', q{INSERT INTO acme.docs (id) VALUES ('x')}, 'copy'), qr/exceeded: max_vectors/, 'restored: the quota holds');
like(error('tenant', q{SELECT count(*) FROM "Odd; one"."My docs"}, 'copy'), qr/permission denied for schema/, 'restored: what was suspended is');
sql('app', q{SELECT vecstore.set_namespace_status('"Odd; one"', 'active')}, 'copy');
is(sql('tenant', q{SELECT vecstore.count('"Odd; one"."My docs"')}, 'copy'), '0', 'restored: and can be active again');
is(sql('tenant', q{SELECT payload FROM vecstore.cache_get('"Odd; one".answers', '[1,2]')}, 'copy'), '"kept"', 'restored: a cache');
sql('app', q{SELECT vecstore.set_quota('"Odd; one"', max_vectors => 1)}, 'copy');
like(error('tenant', q{SELECT vecstore.cache_put('"Odd; one".answers', '[2,1]', '1')}, 'copy'), qr/exceeded: max_vectors/, 'restored: with the quotas of its namespace');
is($node->safe_psql('copy', 'SELECT count(*) FROM vecstore_check((SELECT vector_index FROM vecstore.get_collection($$acme.docs$$)))'), '1', 'restored: the index is sound');
$node->safe_psql('postgres', 'DROP DATABASE copy');
check_no_crash($node, 'store');
$node->stop;

my $new = upgrade($node);
is(sql('app', $state, 'app', $new), $before, 'upgraded: namespaces and collections');
is(sql('tenant', $numbers, 'app', $new), '8|8', 'upgraded: the numbers');
sql('tenant', q{INSERT INTO acme.more (id) VALUES ('x')}, 'app', $new);
my (undef, undef, $stderr) = $new->psql('app', q{INSERT INTO acme.docs (id) VALUES ('x')}, extra_params => [ '-U', 'tenant' ]);
like($stderr, qr/exceeded: max_vectors/, 'upgraded: the quota holds');
is($new->safe_psql('app', 'SET client_min_messages = warning; DROP EXTENSION vecstore CASCADE; SELECT count(*) FROM acme.more'), '6', 'upgraded: and the extension can be dropped');
check_no_crash($new, 'upgraded');
$new->stop;
done_testing();
