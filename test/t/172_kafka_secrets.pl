# A broker that asks for a password, over TLS: what is wrong is told in the source's
# status, mended in place, and no secret is shown to anybody.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my $kafka = Topology::Kafka->new('secrets', secure => 1);
my $node = new_server('secrets', conf => "topology.restart_delay_max = 1s\nlog_statement = none\nlog_min_error_statement = error\n");
my %alice = ('rdkafka.sasl.username' => 'alice', 'rdkafka.sasl.password' => 'alice-secret');
my %plain = (brokers => $kafka->sasl, 'rdkafka.security.protocol' => 'SASL_PLAINTEXT', 'rdkafka.sasl.mechanism' => 'PLAIN');
my %tls = (brokers => $kafka->tls, 'rdkafka.security.protocol' => 'SASL_SSL', 'rdkafka.sasl.mechanism' => 'PLAIN');
my %ca = ('rdkafka.ssl.ca.location' => $kafka->dir . '/ca.pem');
# whatever happens, none of these may be seen
my @secrets = qw(alice-secret hunter2-is-wrong bob-secret key-that-is-none);

$kafka->tool('create', 'guarded', 2);
send_flows($kafka, 'guarded', 10, app => 'first');

# Sources that cannot run: what is to be said of it, their options, and what mends them.
my @wrong = (
	[ 'wrong password', qr/Authentication failed/, { %plain, %alice, 'rdkafka.sasl.password' => 'hunter2-is-wrong' }, { 'rdkafka.sasl.password' => 'alice-secret' } ],
	[ 'wrong user', qr/authorization failed/, { %plain, 'rdkafka.sasl.username' => 'bob', 'rdkafka.sasl.password' => 'bob-secret' }, \%alice ],
	[ 'no password', qr/sasl.password must be set/, \%plain, \%alice ],
	[ 'unknown authority', qr/certificate verify failed/, { %tls, %alice }, \%ca ],
	[ 'not TLS', qr/SSL handshake failed/, { %tls, %alice, %ca, brokers => $kafka->sasl }, { brokers => $kafka->tls } ],
	[ 'TLS unawares', qr/incorrect security.protocol/, { %plain, %alice, brokers => $kafka->tls }, { 'rdkafka.security.protocol' => 'SASL_SSL', %ca } ],
	[ 'bad key', qr/not in PEM format/, { %tls, %alice, %ca, 'rdkafka.ssl.key.pem' => 'key-that-is-none' }, { 'rdkafka.ssl.key.pem' => undef } ],
	[ 'unknown setting', qr/no setting "sasl.pasword"/, { %plain, %alice, 'rdkafka.sasl.pasword' => 'hunter2-is-wrong' }, { 'rdkafka.sasl.pasword' => undef } ]);

add_topic($node, $kafka, $_->[0], 'guarded', %{ $_->[2] }) foreach @wrong;
foreach (@wrong)
{
	my ($name, $reason) = @$_;

	status_is($node, $name, [qw(state last_error)], qr/^(backoff|starting)\|.*$reason/, "$name: is told");
	note(status_of($node, $name, 'last_error'));
}
set_topic($node, $_->[0], %{ $_->[3] }) foreach @wrong;
foreach my $name (map { $_->[0] } @wrong)
{
	catch_up($node, $name);
	is(status_of($node, $name, qw(state records last_error)), 'running|10|', "$name: is mended in place");
}

subtest 'a password that is mended keeps the position' => sub {
	my $name = 'wrong password';

	set_topic($node, $name, 'rdkafka.sasl.password' => 'hunter2-is-wrong');
	status_is($node, $name, [qw(state last_error)], qr/^(backoff|starting)\|.*Authentication failed/, 'it is wrong again');
	send_flows($kafka, 'guarded', 5, app => 'second');
	set_topic($node, $name, 'rdkafka.sasl.password' => 'alice-secret');
	catch_up($node, $name);
	is(status_of($node, $name, qw(records dropped)), '15|0', 'and nothing is lost or repeated');
};

subtest 'secrets are seen by nobody' => sub {
	my $pattern = join '|', @secrets;
	my $seen = sub {
		my ($query, $name) = @_;
		is($node->safe_psql('postgres', "SELECT count(*) FROM ($query) x WHERE x::text ~ '$pattern'"), 0, $name);
	};
	# statements that fail are logged
	foreach my $call (
		q{topo.add_source('wrong password', 'kafka', 'flow', '{"brokers": "b", "topic": "t", "rdkafka.sasl.password": "alice-secret"}')},
		q{topo.add_source('x', 'kafka', 'nonsense', '{"brokers": "b", "topic": "t", "rdkafka.sasl.password": "alice-secret"}')},
		q{topo.add_source('x', 'kafka', 'flow', '{"topic": "t", "rdkafka.sasl.password": "alice-secret"}')},
		q{topo.add_source('x', 'kafka', 'flow', '{"brokers": "b", "topic": "t", "rdkafka.sasl.password": ["alice-secret"]}')},
		q{topo.add_source('x', 'kafka', 'flow', '{"brokers": "b", "topic": "t", "rdkafka.debug": "all", "rdkafka.sasl.password": "alice-secret"}')},
		q{topo.set_source('nope', '{"rdkafka.sasl.password": "alice-secret"}')})
	{
		my ($status, undef, $stderr) = $node->psql('postgres', "SELECT $call");

		isnt($status, 0, 'an error: ' . (split /\n/, $stderr)[0] =~ s/.*ERROR:\s*//r);
		unlike($stderr, qr/$pattern/, 'is told without it');
	}
	$seen->('SELECT * FROM topo.source_status', 'not in the status');
	$seen->('SELECT * FROM topo.source', 'not among the options');

	# who has just given one is seen while his session is idle, and in the middle of the statement
	my $session = $node->background_psql('postgres');
	$session->query(q{SELECT topo.set_source('no password', '{"rdkafka.sasl.password": "alice-secret"}')});
	$seen->('SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()', 'not in pg_stat_activity');
	$session->quit;

	$node->safe_psql('postgres', <<'EOT');
CREATE ROLE map_reader LOGIN;
GRANT pg_read_all_stats TO map_reader;
GRANT USAGE ON SCHEMA topo, topo_network, topo_ipc, topo_trace TO map_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA topo, topo_network, topo_ipc, topo_trace TO map_reader;
EOT
	my $tables = $node->safe_psql('postgres', q{SELECT string_agg(format('%I.%I', relnamespace::regnamespace, relname), ' ') FROM pg_class WHERE relkind IN ('r', 'v', 'p') AND relnamespace = 'topo'::regnamespace});
	my $all = '';
	foreach my $table (split / /, $tables)
	{
		my ($status, $rows, $stderr) = $node->psql('postgres', "SELECT t::text FROM $table t", extra_params => [ '-U', 'map_reader' ]);

		is($status, 0, "a reader reads $table") or diag($stderr);
		$all .= $rows;
	}
	unlike($all, qr/$pattern/, 'and finds none of them');
	like($all, qr/SASL_PLAINTEXT/, 'though other options');
	isnt($node->safe_psql('postgres', "SELECT count(*) FROM topo.source_secret s WHERE s::text ~ 'alice-secret'"), 0, 'the owner does');
};

subtest 'dump and restore' => sub {
	my $file = $node->basedir . '/dump';

	$node->safe_psql('postgres', "SELECT topo.pause_source(name) FROM topo.source");
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $file, '-d', $node->connstr('postgres') ], 'it is dumped');
	$node->safe_psql('postgres', 'CREATE DATABASE restored');
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $file ], 'and restored');
	my $query = 'SELECT count(*), md5(string_agg(s::text, NULL ORDER BY source, name)) FROM topo.source_secret s';
	is($node->safe_psql('restored', $query), $node->safe_psql('postgres', $query), 'with its secrets');
};

$node->stop('fast');
$kafka->stop;
my $pattern = join '|', @secrets;
unlike(log_of($node), qr/$pattern/, 'no secret is in the log');
like(log_of($node), qr/STATEMENT:  <a statement with secrets of a source>/, 'which has the statements that failed without it');
unlike(log_of($node), qr/was terminated by signal|PANIC/, 'nothing crashed');
done_testing();
