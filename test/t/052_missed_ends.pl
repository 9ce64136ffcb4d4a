# Connections whose end the hook does not see, as when the kernel does not run it,
# are counted as lost once they are gone, and those that live are not.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $node = new_server('unseen');
my $pins = pin('unseen', '--no-udp');
my $dropped = 'SELECT dropped FROM topo.source_status';

sub reported
{
	my ($port) = @_;

	return "SELECT coalesce(sum(connections), 0) FROM topo.hops() WHERE target = '$server->{ip4}' AND target_port = $port";
}

add_ebpf_source($node, $pins);

my @to = ('--address', $server->{ip4}, '--port', 4000, '--up', 10, '--down', 20);
my $program = serve($server, 'unseen', @to);
call($client, 'seen', @to, '--count', 500);
my $holder = hold($client, 'holder', @to, '--count', 7);
await($node, 'postgres', reported(4000), 1014, 'all connections are in the map, and seven of them live');
is($node->safe_psql('postgres', $dropped), 0, 'nothing is missed yet');

as_root('rm', "$pins/tcp_state");
$holder->finish;
$program->finish;
await($node, 'postgres', "SELECT dropped >= 14 FROM topo.source_status", 't', 'both ends of the seven are missed');

# what the balance says is of the pins: who reads them next comes to the same
my $before = $node->safe_psql('postgres', $dropped);
$node->safe_psql('postgres', "SELECT topo.pause_source('host')");
await($node, 'postgres', state_query('host'), 'paused', 'nobody reads');
$node->safe_psql('postgres', "SELECT topo.resume_source('host')");
await($node, 'postgres', "SELECT dropped >= $before FROM topo.source_status", 't', 'a new reader comes to the same');

$node->stop('fast');
done_testing();
