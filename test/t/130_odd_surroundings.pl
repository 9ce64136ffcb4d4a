# Workers in databases with odd settings and encodings, and among commands and
# transactions that are in their way.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;

need_kernel();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $node = new_server('odd', map => 0, conf => "topology.restart_delay_max = 1s\ntopology.max_sources = 2\n");
my $dir = pin('odd');

sub running
{
	my ($database, $name) = @_;

	await($node, $database, state_query('host'), 'running', $name);
	return;
}

sub workers_of
{
	my ($database) = @_;

	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'topology source' AND datname = '$database'";
}

# An owner who is no superuser sets what would mislead or stop a worker.
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE owner LOGIN;
CREATE DATABASE latin OWNER owner TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';
ALTER DATABASE latin SET search_path = trap, pg_catalog;
ALTER DATABASE latin SET default_transaction_isolation = 'serializable';
ALTER DATABASE latin SET default_transaction_read_only = on;
ALTER DATABASE latin SET lock_timeout = '1ms';
ALTER DATABASE latin SET role = 'owner';
ALTER DATABASE latin SET synchronous_commit = off;
ALTER DATABASE latin SET standard_conforming_strings = off;
ALTER DATABASE latin SET datestyle = 'SQL, DMY';
ALTER DATABASE latin SET intervalstyle = 'sql_standard';
ALTER DATABASE latin SET timezone = 'Asia/Kathmandu';
ALTER DATABASE latin SET quote_all_identifiers = on;
ALTER DATABASE latin SET array_nulls = off;
EOT
$ENV{PGOPTIONS} = '-c default_transaction_read_only=off -c role=postgres';
$node->safe_psql('latin', <<'EOT');
CREATE SCHEMA trap AUTHORIZATION owner;
SET ROLE owner;
CREATE TABLE trap.sprung (by text);
CREATE FUNCTION trap.equal(integer, integer) RETURNS boolean LANGUAGE plpgsql
AS 'BEGIN INSERT INTO trap.sprung SELECT backend_type FROM pg_stat_activity WHERE pid OPERATOR(pg_catalog.=) pg_backend_pid(); RETURN $1 OPERATOR(pg_catalog.=) $2; END';
CREATE OPERATOR trap.= (LEFTARG = integer, RIGHTARG = integer, FUNCTION = trap.equal);
EOT
create_map($node, 'latin');
add_ebpf_source($node, $dir, database => 'latin');
pass('a worker runs whatever its database is set to');
my $listener = serve($server, "caf\xc3\xa9\xe4\xb8\xad", '--address', $server->{ip4}, '--port', 4000);
my $done = call($client, 'caller', '--address', $server->{ip4}, '--port', 4000, '--count', 5);
await($node, 'latin', hop_totals($client->{ip4}, $server->{ip4}, 4000, 'server'), totals($done),
	'a name that the encoding lacks is counted');
await($node, 'latin', "SELECT convert_to(name, 'UTF8') FROM topo.node WHERE name LIKE 'caf%'", '\x636166c3a93f2d74' . unpack('H*', $$),
	'with a question mark in its place');
is($node->safe_psql('latin', "SELECT count(*) FROM trap.sprung WHERE by <> 'client backend'"), 0, 'and no operator of the owner was run');
$listener->finish;

# who may not have the database disturbs nobody
my $pid = worker_of($node, 'latin', 'host');

$node->safe_psql('postgres', 'CREATE ROLE stranger LOGIN CREATEDB');
foreach my $command ('DROP DATABASE latin', 'ALTER DATABASE latin RENAME TO mine', 'CREATE DATABASE mine TEMPLATE latin')
{
	local $ENV{PGOPTIONS} = '';
	my ($result) = $node->psql('postgres', $command, extra_params => [ '-U', 'stranger' ]);

	isnt($result, 0, "a stranger cannot $command");
}
is(worker_of($node, 'latin', 'host'), $pid, 'and the worker stays');
delete $ENV{PGOPTIONS};
$node->safe_psql('postgres', 'DROP DATABASE latin');

# a transaction that the worker waits for
create_map($node, 'postgres');
add_ebpf_source($node, $dir);
my ($result, undef, $stderr) = $node->psql('postgres', 'BEGIN; LOCK TABLE topo_network.dirty_address; SELECT topo.flush()');
isnt($result, 0, 'flush() in a transaction that holds what the worker needs');
like($stderr, qr/waits for this transaction/, 'is an error, also where it has written nothing');
$node->safe_psql('postgres', 'BEGIN; LOCK TABLE topo_network.dirty_address; DROP EXTENSION topology CASCADE; ROLLBACK');
running('postgres', 'DROP EXTENSION in such a transaction ends, and the worker comes back after ROLLBACK');

# waiting costs nothing
$node->safe_psql('postgres', "SELECT topo.add_source('absent', 'ebpf', 'flow', '{\"pin_dir\": \"$dir-absent\"}')");
my $busy = <<'EOT';
DO $$
BEGIN
	PERFORM topo.wait_for_source('absent', '2 s');
EXCEPTION WHEN query_canceled THEN
	NULL;
END $$;
SELECT split_part(pg_read_file('/proc/' || pg_backend_pid() || '/stat'), ' ', 14)::int < 100
EOT
is($node->safe_psql('postgres', $busy), 't', 'wait_for_source() sleeps while it waits');

# more sources than slots
$node->safe_psql('postgres', "SELECT topo.drop_source('absent'), topo.drop_source('host')");
await($node, 'postgres', 'SELECT count(*) FROM topo.source_workers()', 0, 'both slots are free');
$node->safe_psql('postgres', "SELECT topo.add_source(n, 'ebpf', 'flow', jsonb_build_object('pin_dir', d)) FROM (VALUES ('a', '$dir-a'), ('b', '$dir-b'), ('host', '$dir')) v (n, d)");
await($node, 'postgres', "SELECT string_agg(source || ' ' || state, ',' ORDER BY source) FROM topo.source_status", 'a backoff,b backoff,host stopped',
	'a source without a slot stands still');
like($node->safe_psql('postgres', "SELECT last_error FROM topo.source_status WHERE source = 'host'"), qr/max_sources/, 'and the status says why');
$node->safe_psql('postgres', "SELECT topo.drop_source('a')");
running('postgres', 'and gets the next that is free');

# the schema goes, and with it the extension, without DROP EXTENSION
$node->safe_psql('postgres', 'DROP SCHEMA topo, topo_network, topo_ipc, topo_trace CASCADE');
await($node, 'postgres', workers_of('postgres'), 0, 'DROP SCHEMA topo ends the worker');
my $started = -s $node->logfile;
create_map($node, 'postgres');
add_ebpf_source($node, $dir);

# nodes that are deleted while flows still name them
my $target = serve($server, 'gone', '--address', $server->{ip4}, '--port', 4001);
my $calls = call($client, 'caller', '--address', $server->{ip4}, '--port', 4001, '--count', 3);
await($node, 'postgres', edge_totals('caller', 'gone'), totals($calls), 'an edge');
# of these two only: what else the machine does may have clusters of its apps
my $names = join ', ', map { "'" . app($_) . "'" } qw(caller gone);
$node->safe_psql('postgres', "DELETE FROM topo.node WHERE type = 'app' AND name IN ($names)");
my $more = call($client, 'caller', '--address', $server->{ip4}, '--port', 4001, '--count', 4);
await($node, 'postgres', hop_totals($client->{ip4}, $server->{ip4}, 4001, 'client'), totals($calls, $more), 'flows are counted after their nodes were deleted');
$node->safe_psql('postgres', 'SELECT topo.flush()');
running('postgres', 'and the worker resolves them');
unlike(slurp_file($node->logfile, $started), qr/ERROR|FATAL/, 'without an error in the log');
$target->finish;

# rules that no worker could use
($result, undef, $stderr) = $node->psql('postgres', "INSERT INTO topo.identity_rule VALUES (1, 'app', 'process', '(', 'x')");
isnt($result, 0, 'an identity rule that is no regular expression is refused');
like($stderr, qr/Rule 1 .*Unmatched/, 'with the reason');
running('postgres', 'and the worker never sees it');

$node->stop('fast');
done_testing();
