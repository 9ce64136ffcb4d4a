# A ring too small for a storm while nobody reads: what is delivered and what is
# counted as dropped add up to what was produced.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $storm = 1500;
my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $node = new_server('overflow');
# another capture sees what the rest of this machine does meanwhile
my $witness = pin('witness');

add_ebpf_source($node, pin('tiny', '--ring-size', '64kB', '--no-udp'));
my $dropped = 'SELECT dropped FROM topo.source_status';
my $before = $node->safe_psql('postgres', $dropped);

sub reported
{
	my ($port) = @_;

	return "SELECT coalesce(sum(connections), 0) FROM topo.hops() WHERE target = '$server->{ip4}' AND target_port = $port";
}

# events of the witness that are not of this test's hosts
sub noise
{
	my ($out, $err) = run_command([ capture_dump(), '--dir', $witness ]);
	my @lines = map { decode_json($_) } split /\n/, $out;
	my $summary = pop @lines;

	is($summary->{lost}{events}, 0, 'the witness missed nothing');
	return scalar grep { $_->{local} ne $client->{ip4} && $_->{local} ne $server->{ip4} } @lines;
}

$node->safe_psql('postgres', "SELECT topo.pause_source('host')");
await($node, 'postgres', state_query('host'), 'paused', 'nobody reads');
my @to = ('--address', $server->{ip4}, '--port', 4000, '--up', 10, '--down', 20);
my $program = serve($server, 'stormy', @to);
my $done = call($client, 'storm', @to, '--count', $storm);
is($done->{connections}, $storm, 'the storm has passed');
$program->finish;

$node->safe_psql('postgres', "SELECT topo.resume_source('host')");
await($node, 'postgres', "SELECT dropped > $before FROM topo.source_status", 't', 'drops are shown');
$node->safe_psql('postgres', "SELECT topo.wait_for_source('host', '30 s')");
my $lost = $node->safe_psql('postgres', $dropped) - $before;
my $delivered = $node->safe_psql('postgres', reported(4000));
my $noise = noise();

note "produced @{[2 * $storm]}, delivered $delivered, dropped $lost, of others $noise";
cmp_ok($delivered, '>', 0, 'a part was delivered');
cmp_ok($delivered + $lost, '>=', 2 * $storm, 'no event is missing without being counted');
cmp_ok($delivered + $lost, '<=', 2 * $storm + $noise, 'no event is counted as both');

# the ring is good again
@to = ('--address', $server->{ip4}, '--port', 4001, '--up', 10, '--down', 20);
$program = serve($server, 'calm', @to);
call($client, 'calm', @to, '--count', 20);
await($node, 'postgres', reported(4001), 40, 'what comes after is delivered');

# drops are of the source, not of its worker: a new one does not count them again
my $total = $node->safe_psql('postgres', $dropped);
$node->safe_psql('postgres', "SELECT topo.pause_source('host')");
await($node, 'postgres', state_query('host'), 'paused', 'paused again');
$node->safe_psql('postgres', "SELECT topo.resume_source('host')");
$node->safe_psql('postgres', "SELECT topo.wait_for_source('host', '30 s')");
is($node->safe_psql('postgres', $dropped), $total, 'drops are not counted twice');

$node->stop('fast');
done_testing();
