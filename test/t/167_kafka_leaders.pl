# Partitions of a cluster of two brokers move: one broker is killed, and the other
# leads all of them; it comes back, and they are spread over both again.  Records
# come all the while, and each is in the map once.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my ($partitions, $count, $rounds) = (6, 20_000, 2);
my $first = Topology::Kafka->new('first');
my $second = Topology::Kafka->new('second', join => $first);
my $node = new_server('leaders', conf => "topology.batch_memory = '1MB'\ntopology.restart_delay_max = 1s\n");
my $brokers = join ',', $second->brokers, $first->brokers;

# A test: so many partitions come to be led by each broker.
sub leads
{
	my ($expected, $name) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my $leads = '';

	while ($leads ne $expected && time < $end)
	{
		my %led;

		$led{$_}++ foreach $first->tool('leaders', 'moving') =~ /(\S+)$/mg;
		$leads = join ' ', map { "$_:$led{$_}" } sort keys %led;
	}
	return is($leads, $expected, $name);
}

$first->tool('create', 'moving', "${partitions}x2");
leads('1:3 2:3', 'both brokers lead partitions');
add_topic($node, $first, 'moving', 'moving', brokers => $brokers);
catch_up($node, 'moving');
my $pid = worker_of($node, 'postgres', 'moving');

foreach my $round (1 .. $rounds)
{
	my $seen = status_of($node, 'moving', 'records');
	my $producer = IPC::Run::start($first->command('-X', "bootstrap.servers=$brokers", 'generate', 'moving', $count,
			'--template', flow_template(app => 'moving'), '--rate', $count));

	status_is($node, 'moving', ['records'], qr/^(?!$seen$)\d+$/, 'records come');
	$second->kill;
	leads('1:6', 'all are led by the other');
	$producer->finish;
	catch_up($node, 'moving');
	is(status_of($node, 'moving', qw(state records dropped lag)), join('|', 'running', $round * $count, 0, 0), 'all were taken');
	$second->start;
	leads('1:3 2:3', 'they are spread over both again');
}
catch_up($node, 'moving');
is($first->tool('count', 'moving'), $rounds * $count, 'the topic has every record, once');
is(status_of($node, 'moving', qw(state records dead_letters dropped lag last_error)), join('|', 'running', $rounds * $count, 0, 0, 0, ''), 'all were taken, once');
is(connections_of($node, 'moving'), $rounds * $count, 'and are in the map');
is(worker_of($node, 'postgres', 'moving'), $pid, 'all by the same worker');
$node->stop('fast');
$_->stop foreach $second, $first;
done_testing();
