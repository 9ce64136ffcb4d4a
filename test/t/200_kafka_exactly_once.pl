# Every record of a topic is in the map once, whatever is killed meanwhile: the
# worker, the server, the broker.  Records come over four partitions.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;

need_kafka();

my $records = $ENV{TOPOLOGY_KAFKA_RECORDS} // 200_000;
my $rounds = $ENV{TOPOLOGY_KAFKA_KILLS} // 9;
my $kafka = Topology::Kafka->new('once');
my $node = new_server('once', conf => "topology.batch_memory = '1MB'\nrestart_after_crash = on\n");
my $template = '{"host":"h","start":{ns},"end":{ns},"proto":"tcp","role":"client","local":{"ip":"10.1.0.{n:97}",'
  . '"app":"app{n:97}"},"peer":{"ip":"10.1.1.{n:89}","port":8080},"tx_bytes":7,"rx_bytes":11,"connections":1}';
my $taken = 'SELECT coalesce(sum(records), 0) FROM topo.source_status';

sub kill_worker
{
	my $pid = worker_of($node, 'postgres', 'topic') or return;

	kill 'KILL', $pid;
	# all of the server starts again, but not at once
	$node->poll_query_until('postgres', "SELECT NOT EXISTS (SELECT FROM topo.source_workers() WHERE pid = $pid)")
	  or die 'the server did not start again';
	return;
}

sub stop_server { $node->stop('immediate'); $node->start; return }

sub kill_broker { $kafka->kill; $kafka->start; return }

# What has been taken so far; nothing while the server starts again.
sub progress
{
	my $out;

	return eval { $node->psql('postgres', $taken, stdout => \$out) == 0 } && $out =~ /^\d+$/ ? $out : undef;
}

sub await_progress
{
	my ($more_than) = @_;
	my $now;

	for (1 .. 6000)
	{
		$now = progress();
		return $now if defined $now && $now > $more_than;
		select undef, undef, undef, 0.01;
	}
	die "no more than $more_than records were taken";
}

$kafka->tool('create', 'flows', 4);
my $brokers = $kafka->brokers;
$node->safe_psql('postgres', qq{SELECT topo.add_source('topic', 'kafka', 'flow', '{"brokers": "$brokers", "topic": "flows"}')});

my $made = 0;
my $seen = 0;
my @disturb = (\&kill_worker, \&stop_server, \&kill_broker);

for my $round (1 .. $rounds)
{
	my $share = int($records / $rounds);

	$kafka->tool('generate', 'flows', $share, '--template', $template, '--first', $made);
	$made += $share;
	# in the middle of what was made just now
	$seen = await_progress($seen);
	$disturb[ $round % @disturb ]->();
}

ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is there after it all');
$node->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '2 minutes')");
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', $taken), $made, "all $made records were taken, once, over $rounds kills");
is( $node->safe_psql('postgres', q{SELECT sum(connections), sum(bytes_sent), sum(bytes_received) FROM topo.edges() WHERE source ~ '^app'}),
	join('|', $made, 7 * $made, 11 * $made), 'and so they are in the map');
is( $node->safe_psql('postgres', 'SELECT sum(dead_letters), sum(dropped), sum(lag), count(*) FROM topo.source_status'),
	'0|0|0|4', 'nothing was refused or dropped, or is left to read');

# what cannot be used is put aside, and the rest is kept
$kafka->tool_input("{\"start\":\n{\"proto\":\"x\"}\n", 'produce', 'flows', '-');
$kafka->tool('generate', 'flows', 10, '--template', $template);
$node->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '1 minute')");
is( $node->safe_psql('postgres', q{SELECT source, convert_from(payload, 'UTF8'), reason <> '' FROM topo.dead_letter ORDER BY 2}),
	"topic|{\"proto\":\"x\"}|t\ntopic|{\"start\":|t", 'each record that cannot be used is a dead letter');
is($node->safe_psql('postgres', $taken), $made + 10, 'and the others were taken');

# a topic that was made anew is not read as if it were the old one
$kafka->tool('delete', 'flows');
$kafka->tool('create', 'flows', 4);
$kafka->tool('generate', 'flows', 1000, '--template', $template);
ok( $node->poll_query_until('postgres', q{SELECT bool_and(state IN ('backoff', 'starting') AND last_error <> '') FROM topo.source_status}),
	'a topic that was made anew stops the source')
  or diag($node->safe_psql('postgres', 'SELECT * FROM topo.source_status'));
$kafka->stop;
done_testing();
