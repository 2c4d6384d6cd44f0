# One request for memory that gets nothing, at many places of every kind of work: of the
# library, of the server beneath it, of ICU and Snowball.  The statement ends with an error
# that says so, or goes on with what it has; the session lives, and does the same work rightly
# at once; both indexes are sound and have the rows of the table.  t/062_faults has memory
# that is used up and stays so.  ICU does not look at all that it gets itself: sessions have
# it loaded, and no text is of a language whose words it finds in a dictionary (Chinese,
# Japanese, Thai).
#
#	VECSTORE_FAULTS=N	requests of each work that fail (default 8), and 8 times as many of libraries
#	VECSTORE_WORK=REGEX	work of these names only

use strict;
use warnings;

use FindBin;
use lib $FindBin::Bin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Vecstore qw(check_no_crash check_records create_records has_asan index_only_settings put_records);

plan skip_all => 'the address sanitizer has an allocator of its own' if has_asan();

my $places = $ENV{VECSTORE_FAULTS} // 8;
my $only = $ENV{VECSTORE_WORK} // '';
my $dims = 40;

# fail_malloc.c stands before glibc's malloc() in the server.
my $library = $PostgreSQL::Test::Utils::tmp_check . '/fail_malloc.so';
chomp(my $headers = `"$ENV{PG_CONFIG}" --includedir-server`);
system_or_bail('cc', '-shared', '-fPIC', '-O2', "-I$headers", "$FindBin::Bin/fail_malloc.c", '-o', $library);

my $node = PostgreSQL::Test::Cluster->new('no_memory');
$node->init(extra => [ "--encoding=UTF8", "--no-locale" ]);
$node->append_conf('postgresql.conf', q{
autovacuum = off
restart_after_crash = off
log_statement = none
max_parallel_maintenance_workers = 0
max_parallel_workers_per_gather = 0
jit = off  # it ends a session that gets no memory
});
{
	local $ENV{LD_PRELOAD} = $library;
	$node->start;
}
$node->safe_psql('postgres', "CREATE EXTENSION vecstore; CREATE FUNCTION fail_malloc(bigint, boolean) RETURNS bigint AS '$library' LANGUAGE C STRICT");

create_records($node, 'records', dims => $dims, rows => 300);
create_records($node, 'codes', dims => $dims, rows => 300, with => "quantization = 'rabitq'");
$node->safe_psql(
	'postgres', q{
	CREATE TABLE prose (id int PRIMARY KEY, body text, tsv tsvector, embedding vecstore(40));
	INSERT INTO prose SELECT i, body, to_tsvector('english', body), test_vector(i, 40)
		FROM generate_series(1, 200) i, LATERAL (SELECT 'Zellen und Crème: the running cells of ' || test_text(i) || ' für jede № ' || i) b (body);
	CREATE INDEX prose_language ON prose USING vecstore_bm25 (body) WITH (tokenizer = 'language', language = 'english');
	CREATE INDEX prose_ngram ON prose USING vecstore_bm25 ((body || '')) WITH (tokenizer = 'ngram');
	CREATE INDEX prose_english ON prose USING vecstore_bm25 ((body || ' ')) WITH (tokenizer = 'pg_catalog.english');
	CREATE INDEX prose_graph ON prose USING vecstore (embedding vecstore_cosine_ops);
	CREATE INDEX prose_gin ON prose USING gin (tsv);
	SELECT vecstore.create_namespace('acme');
	SELECT vecstore.create_collection('acme.docs', 40);
	SELECT vecstore.upsert('acme.docs', 'a' || i, test_vector(i, 40), jsonb_build_object('n', i), 'solar cells ' || i) FROM generate_series(1, 50) i;
	CREATE TABLE wide AS SELECT i AS id, test_vector(i, 2000)::vecstore(2000) AS embedding FROM generate_series(1, 30) i;
	CREATE INDEX wide_idx ON wide USING vecstore (embedding vecstore_l2_ops) WITH (quantization = 'rabitq');
	ANALYZE});

# ---- work ----

my $near = "embedding <-> test_vector(-1, $dims)";
my %work = (
	'search of a graph' => "SELECT id FROM records ORDER BY $near LIMIT 10;",
	'scan of a graph' => "SELECT count(*), sum(id) FROM (SELECT id FROM records ORDER BY $near OFFSET 0) r;",
	'search of a graph with codes' => "SELECT id FROM codes ORDER BY $near LIMIT 10; SELECT id FROM wide ORDER BY embedding <-> test_vector(-1, 2000) LIMIT 10;",
	'search of a text index' => 'SELECT id FROM records ORDER BY body <@> bm25_query(\'w1 w2 w700\', \'records_body_idx\') LIMIT 10;',
	'scan of a text index' => q{SELECT count(*), sum(id) FROM (SELECT id FROM records ORDER BY body <@> bm25_query('w1 w2', 'records_body_idx') OFFSET 0) r;},
	'boolean query' => q{SELECT count(*) FROM records WHERE body @@ bm25_query('w1 & "w0 w1" | !w2 & (w3 | w4)', 'records_body_idx');},
	'words of a language' => q{SELECT id FROM prose ORDER BY body <@> bm25_query('the cell ran to the Crème', 'prose_language') LIMIT 10;
		SELECT vecstore_tokenize('Zellen für running e' || U&'\0301', 'language', '{"language": "english"}');},
	'n-grams' => q{SELECT id FROM prose ORDER BY body || '' <@> bm25_query('Crème für', 'prose_ngram') LIMIT 10;
		SELECT vecstore_tokenize('日本語 Straße', 'ngram'), vecstore_tokenize('A b  C', 'whitespace'), vecstore_tokenize('Straße ÄÖ', 'simple');},
	'a text search configuration' => q{SELECT id FROM prose ORDER BY body || ' ' <@> bm25_query('the cells of w1', 'prose_english') LIMIT 10;
		SELECT vecstore_tokenize('the running cells', 'pg_catalog.english');},
	'scores of a GIN index' => q{SELECT id, bm25_score('prose', 'tsv', tsv, q) FROM prose, to_tsquery('english', 'cells & w1') q WHERE tsv @@ q ORDER BY 2 DESC, 1 LIMIT 5;},
	'words in bold' => q{SELECT bm25_highlight(body, bm25_query('cell', 'prose_language'), '<b>', '</b>'), bm25_snippet(body, bm25_query('cell', 'prose_language')) FROM prose WHERE id < 4 ORDER BY id;},
	'text in pieces' => q{SELECT count(*), sum(hashtext(c::text)) FROM unnest(ARRAY['recursive', 'sentence', 'token', 'markdown']) m, vecstore.split_text(long_text(1, 300) || '. Ein Satz! Noch einer?', m, 200) c;},
	'hybrid search' => q{SELECT (h.doc).id, h.score FROM hybrid_search(NULL::prose, query_text => 'running cells', query_vector => test_vector(3, 40), k => 5, text_column => 'body', filter => 'id > $low', filter_params => '{"low": 2}') h;
		SELECT key FROM hybrid_search_keys('prose', query_text => 'running cells', query_vector => test_vector(3, 40), k => 5, text_column => 'body', method => 'rrf');},
	'store: searches' => q{SELECT id FROM vecstore.query('acme.docs', test_vector(7, 40), 5, filter => 'n > 3 AND n IN (4, 5, 6, 7, 8, 9, 10)');
		SELECT id FROM vecstore.hybrid_query('acme.docs', test_vector(7, 40), 'solar cells', 5);},
	'checks' => q{SELECT vecstore_check('records_idx'), vecstore_check('codes_idx'), bm25_check('records_body_idx', true), bm25_index_info('records_body_idx'), vecstore_index_info('codes_idx'), vecstore_recall('records_idx', 5, 5) > 0;},
	'vectors' => q{SELECT hashtext((test_vector(1, 4000)::text::vecstore || test_vector(2, 4000))::text), avg(embedding), sum(embedding), hashtext(hash_embedding('solar cells', 3000)::text) FROM prose;});
my %write = (
	'inserts into a graph and a text index' => put_records('%s', $dims, 'SELECT i, i * 31 + (random() * 1000)::int FROM generate_series(1, 30) i'),
	'build of a graph' => 'BEGIN; CREATE INDEX again ON %s USING vecstore (embedding vecstore_l2_ops); ROLLBACK;',
	'build of a graph with codes' => 'BEGIN; CREATE INDEX again ON %s USING vecstore (embedding vecstore_l2_ops) WITH (quantization = rabitq); ROLLBACK;',
	'build of a text index' => q{BEGIN; CREATE INDEX again ON %s USING vecstore_bm25 (body) WITH (tokenizer = 'language'); ROLLBACK;},
	'vacuum' => 'VACUUM (INDEX_CLEANUP on) %s;',
	'store: writes' => q{SELECT vecstore.upsert('acme.docs', 'b', test_vector(1, 40), '{"n": 1}', 'wind'); SELECT vecstore.remove('acme.docs', 'b');});

# ---- a session, which goes on after errors ----

sub start_session
{
	my %session = (in => '', out => '', err => '');
	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-h', $node->host, '-p', $node->port, '-d', 'postgres', '-f', '-' ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(600));
	ask(\%session, index_only_settings() . " SET enable_bitmapscan = on; LOAD '$library'; DO 'BEGIN END'; SELECT vecstore_tokenize('über', 'language');");
	return \%session;
}

# What it answers, and its errors.  Each of the two pipes is read to its mark: an error
# may come to hand later than an answer that psql wrote after it.
sub ask
{
	my ($session, $sql) = @_;
	my $done = qr/^\w+ done\n\z/m;
	$session->{$_} = '' foreach 'out', 'err';
	$session->{in} .= "$sql\n\\warn :SQLSTATE done\n\\echo :SQLSTATE done\n";
	$session->{run}->pump until $session->{out} =~ $done && $session->{err} =~ $done || !$session->{run}->pumpable;
	$session->{$_} =~ s/$done// foreach 'out', 'err';
	return ($session->{out}, join ' ', $session->{err} =~ /((?:ERROR|FATAL|PANIC|connection to server).*)/g);
}

sub end_session
{
	my ($session) = @_;
	$session->{in} .= "\\q\n";
	$session->{run}->finish;
	return;
}

# What a session answers to work, and how many requests it makes for it; or only those of
# libraries.
sub count_requests
{
	my ($session, $sql, $of_libraries) = @_;
	ask($session, "SELECT fail_malloc(0, $of_libraries);");
	my ($answer) = ask($session, $sql);
	my ($requests) = ask($session, "SELECT fail_malloc(0, $of_libraries);");
	chomp $requests;
	return ($answer, $requests);
}

# N of the requests from 1 on.
sub choose
{
	my ($requests, $n) = @_;
	my %chosen = map { 1 + int($_ * $requests / $n) => 1 } 0 .. $n - 1;
	return sort { $a <=> $b } grep { $_ <= $requests } keys %chosen;
}

# The arguments of fail_malloc() for work: all requests of libraries, which are few, and some
# of all, most of which come from the server's program, which looks at what it gets.
sub find_places
{
	my ($sql, $cold) = @_;
	my ($session, $answer, @found);

	foreach my $of_libraries ('true', 'false')
	{
		my $requests;
		$session = start_session() if $cold || !$session;
		($answer, $requests) = count_requests($session, $sql, $of_libraries) foreach $cold .. 1;
		push @found, map { "$_, $of_libraries" } choose($requests, $of_libraries eq 'true' ? 8 * $places : $places);
		end_session($session) if $cold;
	}
	end_session($session) unless $cold;
	return ($answer, @found);
}

# Do work while a request fails.  Errors other than of memory are given back, and whether there was
# one of memory.
sub failing
{
	my ($session, $place, $sql) = @_;
	my $no_memory = qr/ERROR:  (53200:|.*Cannot allocate memory).*/;
	ask($session, "SELECT fail_malloc($place);");
	my ($answer, $error) = ask($session, $sql);
	ask($session, 'ROLLBACK;') if $sql =~ /ROLLBACK/;
	ask($session, 'SELECT fail_malloc(0, false);');
	return ($error =~ $no_memory || 0, $error =~ s/$no_memory//r, $answer);
}

# ---- what reads ----

foreach my $cold (0, 1)
{
	foreach my $name (sort grep { /$only/ } keys %work)
	{
		my ($answer, @found) = find_places($work{$name}, $cold);
		my $label = $name . ($cold ? ', in a new session' : '');
		my ($hits, @bad) = 0;
		cmp_ok(length $answer, '>', 1, "$label: an answer");
		my $session = start_session();
		ask($session, $work{$name}) unless $cold;
		foreach my $place (@found)
		{
			if ($cold)
			{
				end_session($session);
				$session = start_session();
			}
			my ($hit, $error, $got) = failing($session, $place, $work{$name});
			$hits += $hit;
			push @bad, "request ($place): $error" if $error;
			push @bad, "request ($place): another answer" if !$hit && $got ne $answer;
			my ($again, $no_error) = ask($session, $work{$name});
			push @bad, "after request ($place): $no_error" if $no_error;
			push @bad, "after request ($place): another answer" if $again ne $answer;
		}
		end_session($session);
		note "$label: " . @found . " requests failed, $hits errors";
		is(join("\n", @bad), '', "$label: no other error, and the same answer");
		cmp_ok($hits, '>', 0, "$label: was hit") if $cold;
	}
}

# ---- what writes ----

foreach my $table ('records', 'codes')
{
	foreach my $name (sort grep { /$only/ } keys %write)
	{
		my $sql = $write{$name} =~ s/%s/$table/r;
		my (undef, @found) = find_places($sql, 0);
		my ($hits, @bad) = 0;
		my $session = start_session();
		ask($session, $sql);
		foreach my $place (@found)
		{
			ask($session, put_records($table, $dims, 'SELECT i, i * 7 + (random() * 1000)::int FROM generate_series(1, 10) i')) if $name eq 'vacuum';
			my ($hit, $error) = failing($session, $place, $sql);
			$hits += $hit;
			push @bad, "request ($place): $error" if $error;
			check_records($node, $table, $dims, "$table, $name, request ($place)") if $sql =~ /VACUUM|INSERT/;
			my (undef, $no_error) = ask($session, $sql);
			push @bad, "after request ($place): $no_error" if $no_error;
		}
		end_session($session);
		note "$table, $name: " . @found . " requests failed, $hits errors";
		is(join("\n", @bad), '', "$table, $name: no other error, and goes well afterwards");
		cmp_ok($hits, '>', 0, "$table, $name: was hit");
		check_records($node, $table, $dims, "$table, $name, done");
	}
}
check_no_crash($node, 'no memory');
is($node->safe_psql('postgres', 'SELECT count(*) FROM pg_ls_tmpdir()'), '0', 'no temporary file is left');
$node->stop;
done_testing();
