# A host's own agent: what it sends by Kafka makes exactly the map that the local
# worker makes of the same traffic, and that is what the programs counted.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Agent;
use Topology::Kafka;

need_kernel();
need_kafka();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $kafka = Topology::Kafka->new('agent');
my ($far, $near) = (new_server('far'), new_server('near'));
my $namespaces = join ',', map { $_->{namespace} } $client, $server;
my $dir = pin('agent');
# programs and what they did, for each edge
my %edges;

$kafka->tool('create', 'flows', 3);
add_kafka_source($far, $kafka, 'flows');
add_ebpf_source($near, pin('worker'));
my @options = ('--dir', $dir, '--netns', $namespaces, '--interval', 0.3, '--status', 0.2, '--region', 'eu');
my @to_kafka = ('--brokers', $kafka->brokers, '--topic', 'flows', @options);
my $agent = Topology::Agent->new(@to_kafka);

# tests: both have what the programs did
sub counted
{
	my ($name, $family, $port, $apps, $totals) = @_;

	both_ends_counted($_->[1], "$name, $_->[0]", $client->{$family}, $server->{$family}, $port, $apps, $totals)
	  foreach [ 'by Kafka', $far ], [ 'by the worker', $near ];
	$edges{"@$apps"} = $totals;
	return;
}

foreach my $case ([ 'short connections, IPv4', 'ip4', 4020 ], [ 'short connections, IPv6', 'ip6', 4030 ],
	[ 'UDP over IPv4', 'ip4', 4060, '--udp' ], [ 'UDP over IPv6', 'ip6', 4070, '--udp' ])
{
	my ($name, $family, $port, @udp) = @$case;
	my @to = (@udp, '--address', $server->{$family}, '--port', $port, '--up', 123, '--down', 1234);
	my $program = serve($server, "server-$port", @to);
	my $done = call($client, "client-$port", @to, '--count', 150);

	counted($name, $family, $port, [ "client-$port", "server-$port" ], totals($done));
	$program->finish;
}

my @refused = ('--address', $server->{ip4}, '--port', 4050);
my $refused = call($client, 'refused', @refused, '--refused', '--count', 25);
await($_, 'postgres', hop_totals($client->{ip4}, $server->{ip4}, 4050, 'client'), '0|25|0|0', 'refused connections are counted as failed')
  foreach $far, $near;

# names that JSON has to escape
my @odd = ('--address', $server->{ip4}, '--port', 4090);
my $odd_server = serve($server, 'odd "quoted" \\ back', @odd);
my $odd_done = call($client, 'odd é中', @odd, '--count', 5);
counted('odd names', 'ip4', 4090, [ 'odd é中', 'odd "quoted" \\ back' ], totals($odd_done));
$odd_server->finish;

# connections that stay open
my @long = ('--address', $server->{ip4}, '--port', 4080, '--up', 1000, '--down', 20000);
my $long_server = serve($server, 'long-server', @long);
my $long = hold($client, 'long-client', @long, '--count', 3);
within(5, $far, 'postgres', edge_totals('long-client', 'long-server'), '3|0|0|0', 'open connections are in the map by Kafka');
foreach my $step (1 .. 3)
{
	$long->tell('step')->expect('stepped');
	within(5, $far, 'postgres', edge_totals('long-client', 'long-server'),
		join('|', 3, 0, 3000 * $step, 60000 * $step), "bytes are counted while they are open, step $step");
}

# whatever one reports, the other does: every counter, but how often round trips were measured
my $hops = <<"EOT";
SELECT scope, source, source_node, target, target_port, target_node, protocol, reported_by, role_guessed,
	   sum(connections), sum(failed), sum(bytes_sent), sum(bytes_received), sum(retransmits)
FROM topo.hops() WHERE '$client->{ip4}' IN (host(source), host(target)) OR '$client->{ip6}' IN (host(source), host(target))
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
EOT
within(5, $near, "postgres", edge_totals("long-client", "long-server"), "3|0|9000|180000", "the local worker too");
await($far, 'postgres', $hops, $near->safe_psql('postgres', $hops), 'both have the same hops');
my $measured = "SELECT min(rtt_ms) > 0 AND max(rtt_ms) < 1000 FROM topo.hops() WHERE target_port = 4080 AND source = '$client->{ip4}'";
is($_->safe_psql('postgres', $measured), 't', 'and round trips') foreach $far, $near;
is( $far->safe_psql('postgres', "SELECT DISTINCT region FROM topo_network.flow_window WHERE local_address IN ('$client->{ip4}', '$server->{ip4}')"),
	'eu', 'the agent says in which region they are');
is( $far->safe_psql('postgres', "SELECT count(*) FROM topo.hops() WHERE scope = '' AND NOT (source << '$client->{ip4}/24'::inet OR source << '$client->{ip6}/64'::inet)"),
	0, 'and tells of no other namespace');

# SIGHUP does nothing; SIGTERM has it deliver what it has
$agent->signal('HUP');
$long->tell('step')->expect('stepped');
is($agent->stop, 0, 'SIGTERM ends it in good order');
my $figures = $agent->figures;
is(join('|', @{$figures}{qw(in_flight waiting uncertain dropped lost_events unreadable)}), '0|0|0|0|0|0', 'and all was delivered');
$far->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '30 s'), topo.flush()");
is($far->safe_psql('postgres', edge_totals('long-client', 'long-server')), '3|0|12000|240000', 'up to its last moment');
is($kafka->tool('count', 'flows'), $figures->{delivered}, 'what it says it delivered is in the topic');

# nobody reads meanwhile; the next agent does
$long->tell('step')->expect('stepped');
my $totals = totals($long->finish);
$agent = Topology::Agent->new(@to_kafka);
counted('an agent that was stopped and started', 'ip4', 4080, [qw(long-client long-server)], $totals);

# a killed agent has released nothing that it did not hand over
is($agent->stop, 0, 'stopped again');
my @to = ('--address', $server->{ip4}, '--port', 4100, '--up', 10, '--down', 20);
my $program = serve($server, 'kill-server', @to);
$agent = Topology::Agent->new(@to_kafka, '--interval', 60);
my @calls = call($client, 'kill-client', @to, '--count', 50);
is($agent->kill_now, -1, 'an agent is killed before it hands over');
push @calls, call($client, 'kill-client', @to, '--count', 30);
$agent = Topology::Agent->new(@to_kafka);
counted('killed before it handed over', 'ip4', 4100, [qw(kill-client kill-server)], totals(@calls));
$program->finish;

# nothing is told twice, whenever it is killed
@to = ('--address', $server->{ip4}, '--port', 4110, '--up', 10, '--down', 20);
$program = serve($server, 'killed-server', @to);
my $going = start_program(in => $client, env => { OTEL_SERVICE_NAME => app('killed-client') },
	args => [ 'call', '--name', 'killed', @to, '--on', '--pause', 0.002 ]);
foreach my $round (1 .. 6)
{
	my $sent = $kafka->tool('count', 'flows');

	# in the middle of things
	select undef, undef, undef, 0.02 until $kafka->tool('count', 'flows') > $sent;
	$agent->kill_now;
	$agent = Topology::Agent->new(@to_kafka);
}
my $made = $going->finish;
$program->finish;
is($agent->stop, 0, 'the last one is stopped');
$far->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '30 s'), topo.flush()");
my ($counted) = split /\|/, $far->safe_psql('postgres', edge_totals('killed-client', 'killed-server'));
note "made $made->{connections}, counted $counted over 6 kills";
cmp_ok($counted, '<=', $made->{connections}, 'nothing is told twice, over 6 kills');
cmp_ok($counted, '>=', 0.5 * $made->{connections}, 'and most is told');

# the same records by way of standard output
my $third = new_server('third');
my $rules = PostgreSQL::Test::Utils::tempdir('rules') . '/rules';
append_to_file($rules, "# names by rule\napp otel.service.name ^(.+)\$ ruled-\\1\n");
$agent = Topology::Agent->new('--stdout', @options, '--host', 'a "host"', '--scope', 'vpc-1', '--rules', $rules);
@to = ('--address', $server->{ip4}, '--port', 4120, '--up', 10, '--down', 20);
$program = serve($server, 'out-server', @to);
my $done = call($client, 'out-client', @to, '--count', 40);
$program->finish;
is($agent->stop, 0, 'an agent that prints');
my $lines = $agent->output;
like($lines, qr/\A(\{"host":"a \\"host\\"",.*,"scope":"vpc-1"\}\n)+\z/, 'prints one record a line, and nothing else');
my $taken = $third->safe_psql('postgres', 'SELECT topo.ingest(\'flow\', convert_to($records$' . $lines . '$records$, \'UTF8\'))');
is($taken, $agent->figures->{delivered}, 'ingest() takes them all');
$third->safe_psql('postgres', 'SELECT topo.flush()');
is($third->safe_psql('postgres', edge_totals('ruled-out-client', 'ruled-out-server')), totals($done),
	'and has what the programs counted, named by the rules of the file');

is( $far->safe_psql('postgres', 'SELECT sum(dead_letters), sum(dropped) FROM topo.source_status'), '0|0', 'nothing of it was refused or lost');
is($far->safe_psql('postgres', edge_totals(split / /, $_)), $edges{$_}, "still exact: $_")
  foreach grep { !/odd/ } sort keys %edges;
$_->stop('fast') foreach $far, $near, $third;
$kafka->stop;
done_testing();
