# Connections, failures and bytes are exact: short and long connections, IPv4
# and IPv6, TCP and UDP, connections older than the capture, several hosts; and
# the server that reads them has no capabilities.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $hosts = network('client', 'other', 'server');
my ($client, $other, $server) = @{$hosts}{qw(client other server)};
my $node = new_server('counts');

# what was counted, to be looked at again in the end
my %edges;

sub counted
{
	my ($name, $from, $to, $port, $apps, $totals) = @_;

	both_ends_counted($node, $name, $from, $to, $port, $apps, $totals);
	$edges{"@$apps"} = $totals;
	return;
}

# a connection that is older than the capture
my @old = ('--address', $server->{ip4}, '--port', 4010, '--up', 70, '--down', 7000);
my $old_server = serve($server, 'old-server', @old);
my $old_client = hold($client, 'old-client', @old);
$old_client->tell('step')->expect('stepped');

add_ebpf_source($node, pin('counts'));

my $worker = worker_of($node, 'postgres', 'host');
my $status = slurp_file("/proc/$worker/status");
is(join(' ', $status =~ /^Cap(?:Prm|Eff|Amb):\s*(\w+)/mg), join(' ', ('0' x 16) x 3), 'the worker has no capabilities');

$old_client->tell('step')->expect('stepped');
counted('older than the capture', $client->{ip4}, $server->{ip4}, 4010,
	[qw(old-client old-server)], '0|0|70|7000');

# short connections
foreach my $case ([ 'IPv4', 'ip4', 4020 ], [ 'IPv6', 'ip6', 4030 ])
{
	my ($name, $family, $port) = @$case;
	my @to = ('--address', $server->{$family}, '--port', $port, '--up', 123, '--down', 45678);
	my $program = serve($server, "short-server-$port", @to);
	my $done = call($client, "short-client-$port", @to, '--count', 150);

	is(totals($done), '150|0|18450|6851700', "$name: the workload did its work");
	counted("short connections, $name", $client->{$family}, $server->{$family}, $port,
		[ "short-client-$port", "short-server-$port" ], totals($done));
	$program->finish;
}

# much data in one connection
my @much = ('--address', $server->{ip4}, '--port', 4040, '--up', 3000001, '--down', 5000003);
my $much_server = serve($server, 'much-server', @much);
counted('a large transfer', $client->{ip4}, $server->{ip4}, 4040,
	[qw(much-client much-server)], totals(call($client, 'much-client', @much)));

# refused connections
my $refused = call($client, 'refused-client', '--address', $server->{ip4}, '--port', 4050, '--refused', '--count', 25);
await($node, 'postgres', hop_totals($client->{ip4}, $server->{ip4}, 4050, 'client'), '0|25|0|0',
	'refused connections are counted as failed');
$node->safe_psql('postgres', 'SELECT topo.flush()');
is( $node->safe_psql('postgres', edge_totals('refused-client', "address:$server->{ip4}")),
	totals($refused), 'refused connections: the edge, to an address that nobody holds');

# datagrams
foreach my $case ([ 'IPv4', 'ip4', 4060 ], [ 'IPv6', 'ip6', 4070 ])
{
	my ($name, $family, $port) = @$case;
	my @to = ('--udp', '--address', $server->{$family}, '--port', $port, '--up', 321, '--down', 987);
	my $program = serve($server, "udp-server-$port", @to);
	my $done = call($client, "udp-client-$port", @to, '--count', 40);

	is(totals($done), '1|0|12840|39480', "UDP over $name: the workload did its work");
	counted("UDP over $name", $client->{$family}, $server->{$family}, $port,
		[ "udp-client-$port", "udp-server-$port" ], totals($done));
	$program->finish;
}

# long-lived connections, from two hosts to one server
my @long = ('--address', $server->{ip4}, '--port', 4080, '--up', 1000, '--down', 20000);
my $long_server = serve($server, 'long-server', @long);
my @long_clients = map { hold(@$_, @long) } ([ $client, 'long-client', '--count', 3 ], [ $other, 'long-other', '--count', 2 ]);
within(5, $node, 'postgres', edge_totals('long-client', 'long-server'), '3|0|0|0', 'open connections are in the map');
within(5, $node, 'postgres', edge_totals('long-other', 'long-server'), '2|0|0|0', 'those of the other host too');
foreach my $step (1 .. 3)
{
	$_->tell('step')->expect('stepped') foreach @long_clients;
	within(5, $node, 'postgres', edge_totals('long-client', 'long-server'),
		join('|', 3, 0, 3000 * $step, 60000 * $step), "bytes are counted while they are open, step $step");
}
my @long_done = map { $_->finish } @long_clients;
is(totals(@long_done), '5|0|15000|300000', 'long connections: the workload did its work');
counted('long connections', $client->{ip4}, $server->{ip4}, 4080, [qw(long-client long-server)], totals($long_done[0]));
counted('long connections from the other host', $other->{ip4}, $server->{ip4}, 4080, [qw(long-other long-server)], totals($long_done[1]));

# the older connection again, to its end
$old_client->tell('step')->expect('stepped');
$old_client->finish;
counted('older than the capture, after its end', $client->{ip4}, $server->{ip4}, 4010,
	[qw(old-client old-server)], '0|0|140|14000');

# nothing is counted twice, however often it is looked at
$node->safe_psql('postgres', 'SELECT topo.flush()') foreach 1 .. 3;
is($node->safe_psql('postgres', edge_totals(split / /, $_)), $edges{$_}, "still exact: $_")
  foreach sort keys %edges;

is($node->safe_psql('postgres', 'SELECT dropped, dead_letters FROM topo.source_status'), '0|0', 'nothing was lost or refused');
my $apps = "'" . join("', '", $client->{ip4}, $client->{ip6}, $other->{ip4}) . "'";
is( $node->safe_psql('postgres', "SELECT count(*) FROM topo.hops() WHERE source IN ($apps) AND source_node IS NULL AND reported_by = 'client'"),
	0, 'every client was attributed');
$node->stop('fast');
done_testing();
