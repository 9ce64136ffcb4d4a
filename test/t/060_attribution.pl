# Who the ends of a connection are: by OpenTelemetry's variables, by systemd
# unit, by process name, and by the user's rules before all of them.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $node = new_server('names');
my $port = 4000;
my @to;

add_ebpf_source($node, pin('names'));

# One call to a server that is run with these options; a test: what it is
# called, at the level of apps or of clusters.
sub named
{
	my ($name, $expected, $level, %option) = @_;
	my @to = ('--address', $server->{ip4}, '--port', ++$port);
	my $literal = $expected =~ s/'/''/gr;
	my $program = start_program(
		in => $server, %option, args => [ 'serve', '--name', $option{process} // 'program', @to ])->expect('ready');

	call($client, 'caller', @to);
	await($node, 'postgres', "SELECT target FROM topo.edges(level => '$level') WHERE source = '@{[app('caller')]}' AND target = '$literal'",
		$expected, $name);
	is( $node->safe_psql('postgres', "SELECT target_node FROM topo.hops() WHERE target = '$server->{ip4}' AND target_port = $port AND reported_by = 'server'"),
		$option{cluster} // $expected, "$name: and so is the hop");
	$program->finish;
	return;
}

named('process name', 'plain-process', 'app', process => 'plain-process');
named('OTEL_SERVICE_NAME', 'payments', 'app', env => { OTEL_SERVICE_NAME => 'payments' });
named('service.name in OTEL_RESOURCE_ATTRIBUTES', 'ledger service', 'app',
	env => { OTEL_RESOURCE_ATTRIBUTES => 'deployment.environment=prod,service.name=ledger%20service' });
named('OTEL_SERVICE_NAME before service.name', 'first', 'app',
	env => { OTEL_SERVICE_NAME => 'first', OTEL_RESOURCE_ATTRIBUTES => 'service.name=second' });
named('service.version names the cluster', 'cluster:orders-v12', 'cluster',
	env => { OTEL_SERVICE_NAME => 'orders', OTEL_RESOURCE_ATTRIBUTES => 'service.version=v12' });
is( $node->safe_psql('postgres', "SELECT topo.node_label(p.type, p.name) FROM topo.node n JOIN topo.node p ON p.id = n.parent WHERE n.name = 'orders-v12'"),
	'orders', 'and its app is its parent');
named('names with quotes and more', 'a"b\'c;--<é>', 'app',
	env => { OTEL_SERVICE_NAME => 'a"b\'c;--<é>' });

SKIP:
{
	my @before = cgroup('invoicing.service');

	if (!@before)
	{
		BAIL_OUT('no cgroup v2') if $ENV{TOPOLOGY_REQUIRE_ALL};
		skip 'no cgroup v2 hierarchy', 4;
	}
	named('systemd unit', 'invoicing', 'app', before => \@before);
	named('OTEL_SERVICE_NAME before the unit', 'billing', 'app',
		before => \@before, env => { OTEL_SERVICE_NAME => 'billing' });
}

# the user's rules, followed at once
$node->safe_psql('postgres', <<'EOT');
INSERT INTO topo.identity_rule VALUES
	(1, 'app', 'process', '^legacy-(.+)$', 'old-\1'),
	(2, 'cluster', 'otel.region', '^(.+)$', '{app}-in-\1')
EOT
$node->safe_psql('postgres', "SELECT topo.wait_for_source('host', '10 s')");
named('a rule of the user', 'old-billing', 'app', process => 'legacy-billing', env => { OTEL_SERVICE_NAME => 'not-this' });
named('a rule of the user for clusters', 'cluster:shop-in-eu', 'cluster',
	env => { OTEL_SERVICE_NAME => 'shop', OTEL_RESOURCE_ATTRIBUTES => 'region=eu' });
named('what no rule of the user names, the built-in ones do', 'checkout', 'app', env => { OTEL_SERVICE_NAME => 'checkout' });

# a process may call itself anything: bytes that are no text must not stop the worker
@to = ('--address', $server->{ip4}, '--port', 4800);
my $odd = start_program(in => $server, args => [ 'serve', '--name', "odd\xff\x01\x7f\ttext", @to ])->expect('ready');
my $done = call($client, 'odd-caller', @to, '--count', 7);
await($node, 'postgres', hop_totals($client->{ip4}, $server->{ip4}, 4800, 'server'), totals($done), 'a process whose name is no text is counted');
my $last = call($client, "\xc3\x28", @to, '--count', 2);
await($node, 'postgres', hop_totals($client->{ip4}, $server->{ip4}, 4800, 'client'), totals($done, $last), 'so is OTEL_SERVICE_NAME that is no UTF-8');
is(state_of($node, 'postgres', 'host'), 'running', 'and the worker runs');
$odd->finish;

# the inventory outweighs what was learned
$node->safe_psql('postgres', "SELECT topo.set_node('app', 'mainframe')");
$node->safe_psql('postgres', "SELECT topo.set_address('$server->{ip4}', 'mainframe', tstzrange(now(), NULL), 4900)");
$port = 4899;
named('the inventory', 'mainframe', 'app', cluster => 'payments', env => { OTEL_SERVICE_NAME => 'payments' });

$node->stop('fast');
done_testing();
