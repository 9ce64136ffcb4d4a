# Whatever dies in the middle of traffic, nothing is lost and nothing is counted
# twice: the worker is killed, the server is stopped at once, the worker is told
# to end.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use Topology;

need_kernel();

# How many times each goes wrong.
my $rounds = 3;

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $node = new_server('crash', conf => "topology.restart_delay_max = 1s\nrestart_after_crash = on\n");
my $dir = pin('crash');
add_ebpf_source($node, $dir);

my $runs = 'SELECT state FROM topo.source_status';
my $port = 4000;

sub kill_worker
{
	kill_process($node, worker_of($node, 'postgres', 'host'));
	return;
}

sub stop_server
{
	$node->stop('immediate');
	$node->start;
	return;
}

sub end_worker
{
	my $pid = worker_of($node, 'postgres', 'host');

	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
	return;
}

# While traffic flows, do something to the reader some times, each time once it
# has taken in some more; then all that the traffic was is in the map, once.
sub survives
{
	my ($name, $disturb) = @_;
	my @to = ('--address', $server->{ip4}, '--port', ++$port, '--up', 200, '--down', 3000);
	my $program = serve($server, "server-$port", @to);
	my $held = hold($client, "holder-$port", @to, '--count', 5);
	my $caller = start_program(
		in => $client, env => { OTEL_SERVICE_NAME => app("caller-$port") },
		args => [ 'call', '--name', 'caller', @to, '--on', '--pause', 0.001 ]);
	my $seen = 0;

	foreach my $round (1 .. $rounds)
	{
		$held->tell('step')->expect('stepped');
		$node->poll_query_until('postgres', "SELECT sum(connections) > $seen FROM topo.hops() WHERE target = '$server->{ip4}' AND target_port = $port")
		  or die 'no traffic comes in';
		# at another point of the worker's turn each time
		sleep 0.03 * $round;
		ok($caller->is_running, "$name, round $round: traffic flows");
		$disturb->();
		$node->poll_query_until('postgres', $runs, 'running') or die 'the worker does not come back';
		$seen = $node->safe_psql('postgres', "SELECT coalesce(sum(connections), 0) FROM topo.hops() WHERE target = '$server->{ip4}' AND target_port = $port");
	}
	my $called = $caller->finish;
	my $held_done = $held->finish;

	await($node, 'postgres', hop_totals($client->{ip4}, $server->{ip4}, $port, 'client'),
		totals($called, $held_done), "$name: the clients' reports are exact");
	await($node, 'postgres', hop_totals($client->{ip4}, $server->{ip4}, $port, 'server'),
		totals($called, $held_done), "$name: the server's reports are exact");
	$node->safe_psql('postgres', 'SELECT topo.flush()');
	is($node->safe_psql('postgres', edge_totals("caller-$port", "server-$port")), totals($called), "$name: the edge is exact");
	is($node->safe_psql('postgres', edge_totals("holder-$port", "server-$port")), totals($held_done), "$name: that of held connections too");
	$program->finish;
	return;
}

survives('kill -9 of the worker', \&kill_worker);
survives('immediate stop of the server', \&stop_server);
survives('end of the worker by pg_terminate_backend()', \&end_worker);

# traffic while no server runs waits in the ring
$node->stop('fast');
my @to = ('--address', $server->{ip4}, '--port', 4900, '--up', 10, '--down', 20);
my $program = serve($server, 'server-down', @to);
my $done = call($client, 'caller-down', @to, '--count', 300);
$node->start;
await($node, 'postgres', edge_totals('caller-down', 'server-down'), totals($done), 'what happens while the server is down is counted when it is up');

is($node->safe_psql('postgres', 'SELECT dropped, dead_letters FROM topo.source_status'), '0|0', 'nothing was lost or refused');
$node->stop('fast');
done_testing();

