# Installing, dumping and restoring by a role that owns its database and is no
# superuser: what a user of a managed server can do.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# The control file, the PGXN metadata and the server must agree on the version.
my ($version) = slurp_file('vecstore.control') =~ /^default_version = '(.*)'/m;
my @versions = slurp_file('META.json') =~ /^\t*"version": "([^"]*)",?$/mg;
pop @versions;    # the last one is that of the metadata format
is_deeply(\@versions, [ ($version) x 3 ], "META.json has version $version");

my $node = PostgreSQL::Test::Cluster->new('basic');
$node->init;
$node->start;

# Run SQL as a role; returns what psql printed.
sub as_role
{
	my ($role, $db, $sql) = @_;
	return $node->safe_psql($db, $sql, extra_params => [ '-U', $role ]);
}

# Run SQL that must fail; returns the error text.
sub error_of
{
	my ($role, $db, $sql) = @_;
	my ($status, $stdout, $stderr) =
	  $node->psql($db, $sql, extra_params => [ '-U', $role ]);
	return $status == 0 ? 'no error' : $stderr;
}

$node->safe_psql('postgres', 'CREATE ROLE app LOGIN; CREATE ROLE guest LOGIN');
$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER app") for qw(app copy plain);

# A trusted extension: the database's owner installs it, nobody else does.
like(
	error_of('guest', 'app', 'CREATE EXTENSION vecstore'),
	qr/permission denied to create extension/,
	'a role without CREATE on the database cannot install');
as_role('app', 'app', 'CREATE SCHEMA ext; CREATE EXTENSION vecstore SCHEMA ext');
is( $node->safe_psql(
		'app',
		"SELECT r.rolname, e.extversion FROM pg_extension e JOIN pg_roles r ON r.oid = e.extowner WHERE extname = 'vecstore'"
	),
	"app|$version",
	'the database owner installs it and owns it');

# Its objects live in the schema that was asked for, and need no search_path.
is( $node->safe_psql(
		'app', q{
		SELECT count(*) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
		JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
		WHERE e.extname = 'vecstore' AND p.pronamespace <> 'ext'::regnamespace
		  AND p.pronamespace::regnamespace::text <> 'vecstore'}),
	'0',
	'all functions are in the schema of CREATE EXTENSION');
is( as_role(
		'app', 'app', q{
		SET search_path = pg_catalog;
		SELECT '[0,0]'::ext.vecstore OPERATOR(ext.<->) '[3,4]'::ext.vecstore}),
	'5',
	'operators work by their qualified name');
as_role('app', 'app', 'GRANT USAGE ON SCHEMA ext TO guest');
is(as_role('guest', 'app', q{SELECT ext.l1_distance('[1,2]', '[3,5]')}),
	'5', 'any role may use it');

# Dump and restore as that role, in both formats; rows and the column's type
# come back, and so does its dimension check.
as_role(
	'app', 'app', q{
	CREATE TABLE items (id int PRIMARY KEY, embedding ext.vecstore(3),
						loose ext.vecstore DEFAULT '[7]');
	INSERT INTO items SELECT i, ARRAY[i, i / 3.0::real, -i]::real[]::ext.vecstore,
							 array_fill(i::real, ARRAY[1 + i % 5])::ext.vecstore
	FROM generate_series(1, 200) i;
	INSERT INTO items VALUES (1000, NULL, NULL), (1001, '[1e-38,3.4e38,0.1]', DEFAULT)});

my $rows = 'SELECT id, embedding::text, loose::text FROM items ORDER BY id';
my $before = as_role('app', 'app', $rows);
my $dump = $node->basedir;
$node->command_ok([ 'pg_dump', '-U', 'app', '-Fc', '-f', "$dump/app.dump", 'app' ],
	'pg_dump, custom format');
$node->command_ok(
	[ 'pg_restore', '-U', 'app', '--exit-on-error', '--no-comments', '-d', 'copy', "$dump/app.dump" ],
	'pg_restore');
$node->command_ok([ 'pg_dump', '-U', 'app', '--no-comments', '-f', "$dump/app.sql", 'app' ],
	'pg_dump, plain format');
$node->command_ok([ 'psql', '-X', '-U', 'app', '-v', 'ON_ERROR_STOP=1', '-q', '-d', 'plain', '-f', "$dump/app.sql" ],
	'psql restores it');

foreach my $db (qw(copy plain))
{
	is(as_role('app', $db, $rows), $before, "$db: the same rows");
	is( as_role(
			'app', $db,
			"SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'items'::regclass AND attname = 'embedding'"
		),
		'ext.vecstore(3)',
		"$db: the same column type");
	like(
		error_of('app', $db, "INSERT INTO items VALUES (2000, '[1,2]')"),
		qr/expected 3 dimensions/,
		"$db: the dimension is still checked");
}

# Binary COPY out and in.
$node->command_ok(
	[ 'psql', '-X', '-U', 'app', '-d', 'app', '-c', "\\copy items TO '$dump/items.bin' WITH (FORMAT binary)" ],
	'binary COPY out');
as_role('app', 'copy', 'TRUNCATE items');
$node->command_ok(
	[ 'psql', '-X', '-U', 'app', '-d', 'copy', '-c', "\\copy items FROM '$dump/items.bin' WITH (FORMAT binary)" ],
	'binary COPY in');
is(as_role('app', 'copy', $rows), $before, 'binary COPY loses nothing');

# The first version: no script leads from another version to it.
is( $node->safe_psql(
		'app', "SELECT count(*) FROM pg_extension_update_paths('vecstore')"),
	'0',
	'no update path');

# The owner can remove it, with what depends on it only when asked to.
like(
	error_of('app', 'app', 'DROP EXTENSION vecstore'),
	qr/other objects depend on it/,
	'a used extension is not dropped by accident');
as_role('app', 'app', 'DROP EXTENSION vecstore CASCADE');
is( $node->safe_psql(
		'app', "SELECT count(*) FROM pg_proc WHERE pronamespace = 'ext'::regnamespace"),
	'0',
	'nothing is left behind');

$node->stop;
done_testing();
