# Network namespaces that are hosts of their own: one source takes them, another
# leaves them out, and together they have every connection once.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $hosts = network('client', 'server', 'apart', 'later');
my ($client, $server, $apart, $later) = @{$hosts}{qw(client server apart later)};
my ($most, $few) = (new_server('most'), new_server('few'));

sub add_source
{
	my ($node, $dir, %option) = @_;
	my $options = join ', ', map { "\"$_\": \"$option{$_}\"" } sort keys %option;

	$node->safe_psql('postgres', "SELECT topo.add_source('host', 'ebpf', 'flow', '{\"pin_dir\": \"$dir\", $options}')");
	return;
}

# Of a host that the second source takes, there is nothing in the first, and the
# other way round.
sub told_by_one
{
	my ($name, $from, $to, $port, $totals, $by_client, $by_server) = @_;

	await($by_client, 'postgres', hop_totals($from->{ip4}, $to->{ip4}, $port, 'client'), $totals, "$name: the client's report");
	await($by_server, 'postgres', hop_totals($from->{ip4}, $to->{ip4}, $port, 'server'), $totals, "$name: the server's report");
	foreach my $end ([ 'client', $by_client ], [ 'server', $by_server ])
	{
		my ($role, $there) = @$end;
		my $elsewhere = $there == $most ? $few : $most;

		$elsewhere->safe_psql('postgres', "SELECT topo.wait_for_source('host', '10 s')");
		is($elsewhere->safe_psql('postgres', hop_totals($from->{ip4}, $to->{ip4}, $port, $role)), '0|0|0|0', "$name: only one has what the $role says");
	}
	return;
}

# a name that the kernel does not know yet may be left out, not taken
my $names = join ',', $apart->{namespace}, "$later->{namespace}-again";
add_source($most, pin('most'), except_netns => $names);
await($most, 'postgres', state_query('host'), 'running', 'who leaves out what is not there runs');
my $dir = pin('few');
add_source($few, $dir, netns => $names);
await($few, 'postgres', "SELECT state, last_error FROM topo.source_status",
	"backoff|there is no network namespace \"/run/netns/$later->{namespace}-again\"", 'who wants what is not there says so');

# the same namespace by another name, made while both sources run
as_root('ip', 'netns', 'attach', "$later->{namespace}-again", $$);
$few->safe_psql('postgres', "SELECT topo.drop_source('host')");
add_source($few, $dir, netns => $names);
await($few, 'postgres', state_query('host'), 'running', 'and runs once it is');
as_root('ip', 'netns', 'delete', "$later->{namespace}-again");

my @to = ('--address', $server->{ip4}, '--port', 4000, '--up', 11, '--down', 22);
my $program = serve($server, 'server', @to);
told_by_one('two hosts that are not apart', $client, $server, 4000, totals(call($client, 'client', @to, '--count', 20)), $most, $most);
told_by_one('a client apart', $apart, $server, 4000, totals(call($apart, 'apart', @to, '--count', 30)), $few, $most);
$program->finish;

@to = ('--address', $apart->{ip4}, '--port', 4001, '--up', 11, '--down', 22);
$program = serve($apart, 'server', @to);
told_by_one('a server apart', $client, $apart, 4001, totals(call($client, 'client', @to, '--count', 40)), $most, $few);
$program->finish;

# a namespace that gets its name while the sources run is apart from its first socket on
as_root('ln', '-s', $later->{namespace}, "/run/netns/$later->{namespace}-again");
@to = ('--udp', '--address', $later->{ip4}, '--port', 4002, '--up', 11, '--down', 22);
$program = serve($later, 'server', @to);
told_by_one('a name that came later', $client, $later, 4002, totals(call($client, 'client', @to, '--count', 7)), $most, $few);
$program->finish;
as_root('rm', "/run/netns/$later->{namespace}-again");

$_->stop('fast') foreach $most, $few;
done_testing();
