# Edges come into the live map within five seconds of their first connection, leave it
# when there has been no traffic for edge_ttl, stay in history, and come back with traffic.
# Who listens is told of it, where the graph is asked to tell; never of more than a hundred
# edges a second.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Topology;
use Topology::Session;

need_kernel();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
# as it comes: what is measured is not what is set for tests
my $node = new_server('live', conf => <<'EOT');
topology.flush_interval = 1s
topology.snapshot_interval = 2s
topology.maintenance_interval = 100ms
EOT
my $asking = Topology::Session->new($node);
my $listener = Topology::Session->new($node);

add_ebpf_source($node, pin('live'));
$listener->run("LISTEN $_") foreach qw(topo_edge_added topo_edge_removed);

sub is_live
{
	my ($source, $target) = map { app($_) } @_;

	return $asking->run("SELECT count(*) FROM topo.edges() WHERE source = '$source' AND target = '$target'") eq '1';
}

# Seconds until an edge is live that began before; dies where that takes too long.
sub seconds_until_live
{
	my ($began, @edge) = @_;

	until (is_live(@edge))
	{
		die "@edge: not live" if time - $began > $PostgreSQL::Test::Utils::timeout_default;
		sleep 0.01;
	}
	return time - $began;
}

# Of this test's edges, what was told on a channel: "alpha>web"
sub told
{
	my ($channel) = @_;

	return join ' ', sort map { s/-t$$\b//gr } grep { /-t$$>/ } map { "$_->{source}>$_->{target}" } $listener->notifications($channel);
}

# The same, once there is something.
sub come_to_be_told
{
	my ($channel) = @_;
	my $told = '';

	poll_until(sub { return ($told = told($channel)) ne '' });
	return $told;
}

# freshness, of connections that end at once and of one that stays
my $web = serve($server, 'web', '--address', $server->{ip4}, '--port', 4000);
my @seconds;
foreach my $number (1 .. 8)
{
	my $began = time;

	call($client, "short-$number", '--address', $server->{ip4}, '--port', 4000);
	push @seconds, seconds_until_live($began, "short-$number", 'web');
}
my $began = time;
my $kept = hold($client, 'kept', '--address', $server->{ip4}, '--port', 4000);
push @seconds, seconds_until_live($began, 'kept', 'web');
@seconds = sort { $a <=> $b } @seconds;
note sprintf 'from the call to the edge in edges(): median %.2f s, at most %.2f s, of %d', $seconds[ @seconds / 2 ], $seconds[-1], scalar @seconds;
cmp_ok($seconds[-1], '<', 5, 'a new edge is live within 5 s');
is(told('topo_edge_added'), '', 'nobody is told where nobody has asked');

# fading
$node->safe_psql('postgres', q(SELECT topo.set_graph('network', '{"notify": true}')));
call($client, 'alpha', '--address', $server->{ip4}, '--port', 4000);
is(come_to_be_told('topo_edge_added'), 'alpha>web', 'a new edge is told of, and those that there were are not');
my $seen = sub { return $asking->run("SELECT extract(epoch FROM last_seen) FROM topo.edges() WHERE source = '@{[app('alpha')]}'") };
my $first = $seen->();
call($client, 'alpha', '--address', $server->{ip4}, '--port', 4000);
await($node, 'postgres', "SELECT extract(epoch FROM last_seen) > $first FROM topo.edges() WHERE source = '@{[app('alpha')]}'", 't', 'last_seen follows the traffic');
$node->safe_psql('postgres', q(SELECT topo.set_graph('network', '{"edge_ttl": "4 seconds"}')));
my $last = $seen->();
poll_until(sub { return !is_live('alpha', 'web') });
cmp_ok(time - $last, '>', 4, 'an edge is live for edge_ttl after it was last seen');
like(come_to_be_told('topo_edge_removed'), qr/alpha>web/, 'that it has faded is told of');
is($node->safe_psql('postgres', "SELECT connections FROM topo.edges(tstzrange(now() - interval '10 minutes', now())) WHERE source = '@{[app('alpha')]}'"), 2,
	'what it carried stays in history');
is($node->safe_psql('postgres', "SELECT count(*) FROM topo.downstream('@{[app('alpha')]}')"), 0, 'it is traversed no more');
call($client, 'alpha', '--address', $server->{ip4}, '--port', 4000);
cmp_ok(seconds_until_live(time, 'alpha', 'web'), '<', 5, 'it comes back with traffic');
is(come_to_be_told('topo_edge_added'), 'alpha>web', 'which is told of');
is($node->safe_psql('postgres', "SELECT node FROM topo.downstream('@{[app('alpha')]}')"), app('web'), 'and is traversed again');
$_->finish foreach $kept, $web;

# a storm of edges, in graphs of their own
my $now = $node->safe_psql('postgres', 'SELECT (extract(epoch FROM now()) * 1000)::bigint * 1000000');
my $storm = sub {
	my ($from, $to) = @_;

	return "SELECT topo.ingest('ipc', convert_to(string_agg(format('{\"start\":$now,\"end\":$now,\"client\":\"s%s\",\"server\":\"t\",\"requests\":1}', i), E'\\n'), 'UTF8')), topo.flush() FROM generate_series($from, $to) i";
};
sub is_bounded
{
	my ($channel, $edges, $name) = @_;
	my @told = grep { $_->{graph} eq 'ipc' } $listener->notifications($channel);
	my @left_out = grep { exists $_->{left_out} } @told;
	my $named = @told - @left_out;
	my $left_out = 0;

	$left_out += $_->{left_out} foreach @left_out;
	cmp_ok($named, '<=', 100, "$name: at most 100 are named");
	cmp_ok($named, '>', 0, "$name: some are");
	is($named + $left_out, $edges, "$name: the others are counted");
	return;
}

$node->safe_psql('postgres', q(SELECT topo.set_graph('ipc', '{"notify": true, "edge_ttl": "1 hour"}')));
my $payload = do { $asking->run($storm->(0, 0)); my ($only) = grep { $_->{graph} eq 'ipc' } $listener->notifications('topo_edge_added'); $only };
is(join(' ', map { "$_=" . ($_ eq 'at' ? '' : $payload->{$_}) } sort keys %$payload), 'at= graph=ipc source=s0 target=t type=calls', 'the payload names the edge');
$asking->run('BEGIN');
$asking->run($storm->(2001, 2001));
$asking->run('ROLLBACK');
is(scalar(grep { $_->{graph} eq 'ipc' } $listener->notifications('topo_edge_added')), 0, 'what is undone is not told of');
$asking->run($storm->(1, 1000));
is_bounded('topo_edge_added', 1000, 'a thousand new edges');
$node->append_conf('postgresql.conf', "topology.clock_offset = 4000\n");
$node->reload;
poll_until(sub { return $asking->run("SELECT count(*) FROM topo_ipc.link") eq '0' });
is_bounded('topo_edge_removed', 1001, 'a thousand edges that fade');
$node->append_conf('postgresql.conf', "topology.clock_offset = 0\n");
$node->reload;
$node->safe_psql('postgres', q(SELECT topo.set_graph('ipc', '{"notify": false}')));
$node->safe_psql('postgres', 'SELECT topo.ingest(\'ipc\', convert_to(\'{"start":' . $now . ',"end":' . $now . ',"client":"late","server":"t","requests":1}\', \'UTF8\')), topo.flush()');
is(scalar(grep { $_->{graph} eq 'ipc' } $listener->notifications('topo_edge_added')), 0, 'nor is anything when it is turned off');

$_->end foreach $asking, $listener;
$node->stop('fast');
done_testing();
