# An agent while Kafka is away: flows merge in memory, and all of them are there
# when it is back; where there is no memory left, what is lost is counted; what
# cannot be delivered at the end is told.  And the ways into a guarded Kafka.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Agent;
use Topology::Kafka;

need_kernel();
need_kafka();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $namespaces = join ',', map { $_->{namespace} } $client, $server;
my $kafka = Topology::Kafka->new('away');
my $node = new_server('away');
my @options = ('--dir', pin('away', '--no-udp'), '--netns', $namespaces, '--interval', 0.2, '--status', 0.1);
my @to_kafka = ('--brokers', $kafka->brokers, '--topic', 'flows', @options);

$kafka->tool('create', 'flows', 2);
add_kafka_source($node, $kafka, 'flows');

sub all_delivered { return $_->{in_flight} == 0 && $_->{waiting} == 0 }

# The database has taken all that is in the topic.
sub take_in
{
	$node->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '60 s'), topo.flush()");
	return;
}

# the broker is killed again and again while connections are made
my @to = ('--address', $server->{ip4}, '--port', 4000, '--up', 10, '--down', 20);
my $agent = Topology::Agent->new(@to_kafka);
my $program = serve($server, 'server', @to);
my $going = start_program(in => $client, env => { OTEL_SERVICE_NAME => app('going') },
	args => [ 'call', '--name', 'going', @to, '--on', '--pause', 0.001 ]);
foreach my $round (1 .. 4)
{
	my $delivered = $agent->figures->{delivered} // 0;

	$agent->wait_until(sub { $_->{delivered} > $delivered });
	$kafka->kill;
	# a batch is on its way, and another merges
	$agent->wait_until(sub { $_->{in_flight} > 0 && $_->{waiting} > 0 });
	$kafka->start;
}
my $made = $going->finish;
is($agent->stop, 0, 'the agent delivered all, over 4 kills of the broker');
my $figures = $agent->figures;
is(join('|', @{$figures}{qw(uncertain dropped lost_events)}), '0|0|0', 'and lost nothing');
is($kafka->tool('count', 'flows'), $figures->{delivered}, 'the topic has every record once');
like($agent->said, qr/kafka: broker away: .*kafka: takes records again/s, 'it said when Kafka was away, and when it was back');
take_in();
both_ends_counted($node, 'over 4 kills of the broker', $client->{ip4}, $server->{ip4}, 4000, [qw(going server)], totals($made));
$program->finish;

# no memory left, nor room in the ring
my $refused = 14_000;
my $small = pin('small', '--ring-size', '256kB', '--no-udp');
my $witness = pin('witness', '--ring-size', '64MB', '--no-udp');
my @open = ('--address', $server->{ip4}, '--port', 4001, '--up', 100, '--down', 200);
$program = serve($server, 'open-server', @open);
my $open = hold($client, 'open', @open);
$agent = Topology::Agent->new(@to_kafka, '--memory', '4MB', '--dir', $small);
$agent->wait_until(sub { $_->{connections_delivered} > 0 && all_delivered() });
$kafka->kill;
$open->tell('step')->expect('stepped');
$agent->wait_until(sub { $_->{in_flight} > 0 });
my $done = call($client, 'many', '--address', $server->{ip4}, '--port', 10_000, '--ports', $refused, '--count', $refused, '--refused');
is($done->{failed}, $refused, "$refused conversations while Kafka is away");
$open->tell('step')->expect('stepped');
$agent->wait_until(sub { $_->{lost_failed} > 0 });
my ($peak) = slurp_file('/proc/' . $agent->pid . '/status') =~ /^VmHWM:\s*(\d+) kB/m;
cmp_ok($peak, '<', 40 * 1024, "the whole agent has taken $peak kB");
cmp_ok($agent->figures->{memory_kb}, '<=', 3 * 1024, 'memory is bounded, at ' . $agent->figures->{memory_kb} . ' kB of flows');
$kafka->start;
$agent->wait_until(\&all_delivered);
my $lost = $agent->figures->{lost_failed};
$open->tell('step')->expect('stepped');
my $opened = $open->finish;
my $calm = call($client, 'calm', @open, '--count', 50);
$program->finish;
is($agent->stop, 0, 'the agent goes on when Kafka is back');
is(join('|', @{ $agent->figures }{qw(uncertain dropped)}), '0|0', 'all that it could take was delivered');
take_in();
my ($delivered) = $node->safe_psql('postgres', "SELECT sum(failed) FROM topo.hops() WHERE source = '$client->{ip4}' AND target_port >= 10000");
my ($out) = run_command([ capture_dump(), '--dir', $witness ]);
my @lines = split /\n/, $out;
my $summary = decode_json(pop @lines);
is($summary->{lost}{events}, 0, 'a witness with a large ring missed nothing');
# the kernel counts what it loses of all namespaces
my $noise = grep { /"failed":[1-9]/ && !/"local":"\Q$client->{ip4}\E"/ } @lines;
note "refused $refused, delivered $delivered, counted as lost $lost, of others $noise";
cmp_ok($delivered, '>', 0, 'a part was delivered');
cmp_ok($delivered + $lost, '>=', $refused, 'nothing is missing without being counted');
cmp_ok($delivered + $lost, '<=', $refused + $noise, 'and nothing is counted as both');
is($node->safe_psql('postgres', edge_totals('open', 'open-server')), totals($opened), 'a connection that stayed open lost nothing');
is($node->safe_psql('postgres', edge_totals('calm', 'open-server')), totals($calm), 'and what came after is exact');

# the end while Kafka is away
$agent = Topology::Agent->new(@to_kafka, '--wait', 0.3);
$agent->wait_until(\&all_delivered);
$kafka->kill;
@to = ('--address', $server->{ip4}, '--port', 4002, '--up', 10, '--down', 20);
$program = serve($server, 'last-server', @to);
my @calls = call($client, 'last', @to, '--count', 20);
$agent->wait_until(sub { $_->{in_flight} > 0 });
push @calls, call($client, 'last', @to, '--count', 30);
is($agent->stop, 5, 'it ends, and tells by its exit code that flows were not delivered');
$figures = $agent->figures;
my $gone = $figures->{connections_dropped} + $figures->{connections_uncertain};
cmp_ok($gone, '>', 0, "it tells of $gone connections");
like($agent->said, qr/ flows stay in the ring, for the next agent$/m, 'and of those that are not lost');
$kafka->start;
$agent = Topology::Agent->new(@to_kafka);
$agent->wait_until(\&all_delivered);
is($agent->stop, 0, 'the next agent delivers those');
take_in();
my $arrived = "SELECT coalesce(sum(connections), 0) FROM topo.hops() WHERE target_port = 4002";
is($node->safe_psql('postgres', $arrived) + $gone, 2 * 50, 'what both ends reported arrived, or was told');
$program->finish;

# an own capture ends with the agent: nothing stays
my $own = pin_dir_of('own');
$kafka->kill;
$agent = Topology::Agent->new('--brokers', $kafka->brokers, '--topic', 'flows', '--netns', $namespaces, '--dir', $own,
	'--interval', 0.2, '--status', 0.1, '--wait', 0.3);
@to = ('--address', $server->{ip4}, '--port', 4003, '--refused');
call($client, 'own', @to, '--count', 20);
$agent->wait_until(sub { $_->{in_flight} > 0 });
call($client, 'own', @to, '--count', 30);
is($agent->stop, 5, 'an agent with a capture of its own ends without Kafka');
unlike($agent->said, qr/stay in the ring/, 'leaves nothing');
is($agent->figures->{dropped} > 1 ? 'more than one batch' : 'one', 'more than one batch', 'and tells of all that it gives up');
$kafka->start;

# a topic that is made too late
@to_kafka = ('--brokers', $kafka->brokers, '--topic', 'late', '-X', 'topic.metadata.propagation.max.ms=2000', @options);
$agent = Topology::Agent->new(@to_kafka);
@to = ('--address', $server->{ip4}, '--port', 4004, '--refused');
$done = call($client, 'late', @to, '--count', 40);
$agent->wait_for(qr/kafka: unknown topic: /);
$kafka->tool('create', 'late', 1);
$agent->wait_until(\&all_delivered);
is($agent->stop, 0, 'a topic that is made late gets all');
is(join('|', @{ $agent->figures }{qw(uncertain dropped lost_events)}), '0|0|0', 'and nothing is lost');
is($kafka->tool('count', 'late'), $agent->figures->{delivered}, 'or there twice');

$node->stop('fast');
$kafka->stop;

# a guarded Kafka; what opens it is in a file that not all may read
$kafka = Topology::Kafka->new('guarded', secure => 1);
$kafka->tool('create', 'guarded', 1);
my $work = PostgreSQL::Test::Utils::tempdir('agent-settings');
my $settings = sub {
	my ($user, $password) = @_;

	open my $file, '>', "$work/settings" or die "settings: $!";
	print $file "# how to Kafka\nsecurity.protocol=SASL_SSL\n\nsasl.mechanism = PLAIN\nsasl.username=$user\nsasl.password=$password\n";
	close $file;
	chmod 0600, "$work/settings";
	return ('--settings', "$work/settings", '-X', 'ssl.ca.location=' . $kafka->dir . '/ca.pem');
};
@to_kafka = ('--brokers', $kafka->tls, '--topic', 'guarded', @options);
$agent = Topology::Agent->new(@to_kafka, $settings->('alice', 'alice-secret'));
call($client, 'guarded', @to, '--count', 10);
$agent->wait_until(sub { $_->{delivered} > 0 && all_delivered() });
is($agent->stop, 0, 'with TLS and a password');
is($kafka->tool('count', 'guarded'), $agent->figures->{delivered}, 'records are in the topic');
$agent = Topology::Agent->new(@to_kafka, '--wait', 0, $settings->('alice', 'wrong-secret'));
call($client, 'guarded', @to, '--count', 10);
$agent->wait_for(qr/kafka: authentication: /);
is($agent->stop, 5, 'a wrong password is told, and the end tells what was not delivered');
unlike($agent->said, qr/wrong-secret/, 'without the password');
# a producer that may not begin is given up, and the next one tries again: no flow is lost by that
$agent = Topology::Agent->new(@to_kafka, '--wait', 0, $settings->('bob', 'bob-secret'));
call($client, 'guarded', @to, '--count', 10);
$agent->wait_for(qr/kafka: [^\n]*authorization failed/);
$agent->wait_until(sub { $_->{waiting} + $_->{in_flight} > 0 && $_->{events} >= 10 });
is($agent->figures->{uncertain}, 0, 'a user who may not write is told, and no flow is given up');
is($agent->stop, 5, 'until the end');
$kafka->stop;
done_testing();
