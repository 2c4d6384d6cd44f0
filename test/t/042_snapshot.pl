# Snapshots of collections while sessions write and read, and on their travels:
# dump and restore by a role that is no superuser, a standby, pg_upgrade.

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_no_crash upgrade wait_for_sessions);

my $node = PostgreSQL::Test::Cluster->new('snapshot');
$node->init(allows_streaming => 1);
$node->append_conf('postgresql.conf', 'max_connections = 40');
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE tenant LOGIN');
$node->safe_psql('postgres', 'CREATE DATABASE app OWNER app');

sub sql
{
	my ($role, $sql, $database, $server) = @_;
	return ($server // $node)->safe_psql($database // 'app', $sql, extra_params => [ '-U', $role ]);
}

sub error
{
	my ($role, $sql, $database, $server) = @_;
	my (undef, undef, $stderr) = ($server // $node)->psql($database // 'app', $sql, extra_params => [ '-U', $role ]);
	return $stderr;
}

sql('app', 'CREATE EXTENSION vecstore');
sql('app', q{SELECT vecstore.create_namespace('acme', owner => 'tenant', max_vectors => 100000)});
sql('tenant', q{SELECT vecstore.create_collection('acme.docs', 4)});
sql('tenant', q{INSERT INTO acme.docs (id, embedding, metadata, document)
	SELECT i, format('[1,2,3,%s]', i)::vecstore, jsonb_build_object('n', 100), 'number ' || i FROM generate_series(1, 1000) i});

# ---- writers and readers ----

# start_pgbench SCRIPT, SESSIONS: works until it is stopped.
my $files = 0;

sub start_pgbench
{
	my ($script, $sessions) = @_;
	my $file = $node->basedir . '/script' . $files++;
	append_to_file($file, $script);
	my $job = { out => '', err => '' };
	$job->{run} = IPC::Run::start(
		[
			'pgbench', '-n', '-h', $node->host, '-p', $node->port, '-U', 'tenant', '-c', $sessions, '-j', '1',
			'-T', '300', "--random-seed=$files", '-f', $file, 'app'
		],
		'<', \undef, '>', \$job->{out}, '2>', \$job->{err});
	return $job;
}

sub stop_pgbench
{
	my ($job) = @_;
	$job->{run}->signal('TERM');
	$job->{run}->finish;
	return $job->{err} =~ /ERROR:\s+(.*)/g;
}

# Rows give to each other, and come and go by twos: in any state of the table
# the sum is the same, and the number of rows even.
my $sound = q{count(*) % 2 = 0 AND count(*) >= 1000 AND sum((metadata ->> 'n')::int) = 100000};
my $writers = start_pgbench(q{
\set a random(1, 500)
\set b random(501, 1000)
\set id random(1, 1000000000)
BEGIN;
UPDATE acme.docs SET metadata = jsonb_build_object('n', (metadata ->> 'n')::int - 1), updated_at = now() WHERE id = (:a)::text;
UPDATE acme.docs SET metadata = jsonb_build_object('n', (metadata ->> 'n')::int + 1), embedding = '[1,1,1,1]' WHERE id = (:b)::text;
INSERT INTO acme.docs (id, metadata) VALUES (:client_id || ' ' || :id, '{"n": 0}');
INSERT INTO acme.docs (id, metadata) VALUES (:client_id || '+' || :id, '{"n": 0}');
COMMIT;
}, 4);
my $readers = start_pgbench(qq{
SELECT 1 / ($sound)::int FROM acme.docs;
SELECT 1 / (count(*) = 10)::int FROM (SELECT id FROM acme.docs WHERE deleted_at IS NULL ORDER BY embedding <=> '[1,2,3,4]' LIMIT 10) q;
}, 2);

my @numbers = (1 .. 5);
my $restored = 0;
foreach my $i (@numbers)
{
	my $rows = sql('tenant', 'SELECT count(*) FROM acme.docs');
	$node->poll_query_until('app', "SELECT count(*) > $rows + 50 FROM acme.docs");
	sql('tenant', "SELECT vecstore.create_snapshot('acme.docs', 'number $i')");
	# While the others go on, an older one comes back: the reader in the same
	# transaction sees exactly that.
	if ($i > 2)
	{
		my $old = $i - 2;
		is(sql('tenant', qq{
			BEGIN;
			SELECT vecstore.restore_snapshot('acme.docs', 'number $old') > 0;
			SELECT count(*) FROM (SELECT d::text FROM acme.docs d EXCEPT SELECT d::text FROM acme."docs\@number $old" d) q;
			SELECT count(*) FROM (SELECT d::text FROM acme."docs\@number $old" d EXCEPT SELECT d::text FROM acme.docs d) q;
			COMMIT;}), "t\n0\n0", "snapshot $old is restored among writers");
	}
}
is(join("\n", stop_pgbench($writers)), '', 'no writer had an error');
is(join("\n", stop_pgbench($readers)), '', 'readers always saw a sound state');
wait_for_sessions($node);
foreach my $i (@numbers)
{
	is(sql('tenant', qq{SELECT $sound FROM acme."docs\@number $i"}), 't', "snapshot $i is of one moment");
	is(sql('tenant', qq{SELECT rows = (SELECT count(*) FROM acme."docs\@number $i") AND rows > 1000 FROM vecstore.list_snapshots() WHERE name = 'number $i'}), 't', "snapshot $i has as many rows as it says");
}
is(sql('tenant', q{SELECT vectors = (SELECT count(*) FROM acme.docs) FROM vecstore.namespace_usage('acme')}), 't', 'the quota has counted right');
is($node->safe_psql('app', q{SELECT count(*) FROM vecstore_check((SELECT vector_index FROM vecstore.get_collection('acme.docs')))}), '1', 'the index is sound');

# ---- travels ----
sql('tenant', qq{SELECT vecstore.drop_snapshot('acme.docs', 'number ' || i) FROM generate_series(1, 4) i});
sql('tenant', q{SELECT vecstore.restore_snapshot('acme.docs', 'number 5'); SELECT vecstore.rename_collection('acme.docs', 'papers'); DELETE FROM acme.papers WHERE id IN ('1', '2')});
sql('app', q{SELECT vecstore.create_namespace('"Odd; one"')});
sql('app', q{SELECT vecstore.create_collection('"Odd; one"."My docs"', 2)});
sql('app', q{SELECT vecstore.create_snapshot('"Odd; one"."My docs"', $$it's "it"$$)});
my $state = q{SELECT namespace, collection, name, rows, created_at, snapshot FROM vecstore.list_snapshots(); SELECT * FROM vecstore.list_collections()};
my $before = sql('app', $state);
like($before, qr/^acme\|acme.papers\|number 5\|\d+\|.*\|acme."docs\@number 5"$/m, 'something to compare');
like($before, qr/^Odd; one\|.*\|it's "it"\|0\|/m, 'a name to be quoted');

# A restoration that brings two rows back, beside what else must be.
sub check_copy
{
	my ($role, $database, $server, $label) = @_;
	is(sql('app', $state, $database, $server), $before, "$label: the snapshots, by name, time and rows");
	is(sql($role, q{BEGIN; SELECT vecstore.restore_snapshot('acme.papers', 'number 5'); COMMIT}, $database, $server), '2', "$label: one is restored");
	like(error($role, q{DELETE FROM acme."docs@number 5"}, $database, $server), qr/is a snapshot and cannot be written/, "$label: and stays what it is");
	like(error('app', 'DROP TABLE acme.papers', $database, $server), qr/other objects depend on it/, "$label: and keeps its collection");
	is(sql('app', q{SELECT bool_and(bytes = pg_total_relation_size(snapshot) AND bytes > 0) FROM vecstore.list_snapshots()}, $database, $server), 't', "$label: their sizes");
	# A quota of storage: snapshots count.
	sql('app', q{SELECT vecstore.set_quota('acme', max_storage_bytes => pg_total_relation_size('acme.papers') + 100000)}, $database, $server);
	like(error($role, q{INSERT INTO acme.papers (id) VALUES ('x')}, $database, $server), qr/exceeded: max_storage_bytes/, "$label: their bytes count");
	sql('app', q{SELECT vecstore.set_quota('acme', max_storage_bytes => storage_bytes + 100000) FROM vecstore.namespace_usage('acme')}, $database, $server);
	is(error($role, q{INSERT INTO acme.papers (id) VALUES ('x')}, $database, $server), '', "$label: as namespace_usage says");
	return;
}

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby);
is(sql('app', $state, 'app', $standby), $before, 'the snapshots on a standby');
$standby->stop;

$node->safe_psql('postgres', 'CREATE DATABASE copy OWNER app; GRANT tenant TO app');
my $dump = $node->basedir . '/snapshot.dump';
$node->command_ok([ 'pg_dump', '-Fc', '-U', 'app', '-f', $dump, 'app' ], 'pg_dump by the owner of the database');
$node->command_ok(
	[ 'pg_restore', '-U', 'app', '--no-owner', '--no-comments', '--exit-on-error', '-j', '2', '-d', 'copy', $dump ],
	'pg_restore by the owner of another one');
check_copy('app', 'copy', $node, 'restored');
is(sql('app', q{SELECT vecstore.drop_collection('acme.papers', cascade => true); SELECT count(*) FROM vecstore.list_snapshots('"Odd; one"."My docs"')}, 'copy'), "\n1", 'restored: dropped with its collection, the other stays');
$node->safe_psql('postgres', 'DROP DATABASE copy');
check_no_crash($node, 'snapshot');
$node->stop;

my $new = upgrade($node);
check_copy('tenant', 'app', $new, 'upgraded');
is(error('tenant', q{SELECT vecstore.drop_snapshot('acme.papers', 'number 5')}, 'app', $new), '', 'upgraded: the tenant drops his own');
is($new->safe_psql('app', 'SET client_min_messages = warning; DROP EXTENSION vecstore CASCADE; SELECT count(*) FROM "Odd; one"."My docs@it\'s ""it"""'), '0', 'upgraded: and the extension can be dropped');
check_no_crash($new, 'upgraded');
$new->stop;
done_testing();
