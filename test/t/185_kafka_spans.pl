# Real traces, split per service and shuffled over partitions, come by Kafka, while
# worker and server are killed: every call is found, and none twice, also where one
# side of it came before a crash and the other after it.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;
use Topology::Stream;
use Topology::TrainTicket;

my $missing = why_no_trainticket();
plan skip_all => $missing if $missing;
need_kafka();

my $seed = $ENV{TOPOLOGY_SEED} // time;
note("TOPOLOGY_SEED=$seed");

my $kafka = Topology::Kafka->new('spans');
my $node = new_server('spans', conf => "topology.span_horizon = 1h\ntopology.batch_memory = '1MB'\nrestart_after_crash = on\n");
my $edges = "SELECT source, target, requests FROM topo.edges('(,)', '{trace}') ORDER BY (source || '|' || target || '|') COLLATE \"C\"";
my @messages = trainticket_messages($seed);
my $send = sub { $kafka->tool_input(join('', map { "$_\n" } @_), 'produce', 'traces', '-'); return };
# as the server may be starting again
my $try = sub { my ($query) = @_; my $out; return $node->psql('postgres', $query, stdout => \$out) == 0 ? $out : '' };

sub until_true
{
	my ($query) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;

	until ((eval { $try->($query) } // '') eq 't')
	{
		die "in vain: $query" if time > $end;
		select undef, undef, undef, 0.02;
	}
	return;
}

# And wait for the one that follows, in a server that has started again.
sub kill_worker
{
	my $pid = worker_of($node, 'postgres', 'traces');

	kill 'KILL', $pid;
	until_true("SELECT count(*) = 1 FROM topo.source_workers() WHERE state = 'running' AND pid <> $pid");
	return;
}

$node->safe_psql('postgres', q{SELECT topo.set_graph('trace', '{"retention": "infinite", "edge_ttl": "infinite"}')});
$kafka->tool('create', 'traces', 4);
add_topic($node, $kafka, 'traces', 'traces', format => 'otlp_json');
catch_up($node, 'traces');

# a third, and nothing is in anybody's memory any more
my $third = int(@messages / 3);
$send->(@messages[0 .. $third - 1]);
catch_up($node, 'traces');
$node->safe_psql('postgres', 'SELECT topo.flush()');
cmp_ok($node->safe_psql('postgres', 'SELECT waiting FROM topo.trace_status'), '>', 100, 'many spans wait for the other side of their call');
isnt($node->safe_psql('postgres', $edges), trainticket_edges(), 'and calls are missing');
kill_worker();

# the second third, in the middle of which the worker is killed; then the server
my $records = $node->safe_psql('postgres', 'SELECT sum(records) FROM topo.source_status');
$send->(@messages[$third .. 2 * $third - 1]);
until_true("SELECT sum(records) > $records FROM topo.source_status");
kill_worker();
$node->stop('immediate');
$send->(@messages[2 * $third .. $#messages]);
$node->start;
until_true(q{SELECT sum(lag) < 1000 FROM topo.source_status});
$node->stop('immediate');
$node->start;

catch_up($node, 'traces');
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', $edges), trainticket_edges(), 'the edges and counts are exactly the true ones');
is($node->safe_psql('postgres', 'SELECT waiting, unpaired, repeated, unattributed FROM topo.trace_status'),
	'0|0|0|0', 'every span found its parent, and none came twice');
is(status_of($node, 'traces', qw(dead_letters dropped lag)), '0|0|0', 'nothing was refused or dropped');

# delivered again, as at-least-once producers do
$send->(@messages[0 .. $third]);
catch_up($node, 'traces');
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', $edges), trainticket_edges(), 'what is sent twice counts once');

# the horizon bounds what waits, by time
my $ns = time . '000000000';
$send->(qq({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"scopeSpans":[{"spans":[)
	. qq({"traceId":"000000000000000000000000000000ff","spanId":"00000000000000f2","parentSpanId":"00000000000000f1","kind":2,"startTimeUnixNano":"$ns","endTimeUnixNano":"$ns"}]}]}]}));
catch_up($node, 'traces');
await($node, 'postgres', 'SELECT waiting FROM topo.trace_status', '1', 'a span waits');
$node->append_conf('postgresql.conf', "topology.span_horizon = 1s\n");
$node->reload;
await($node, 'postgres', 'SELECT waiting, unpaired FROM topo.trace_status', '0|1', 'for the horizon and no longer');

my $peak = memory_peak_of(worker_of($node, 'postgres', 'traces'));
cmp_ok($peak, '<', 300, "the worker took $peak MB at the most");
$node->stop('fast');
$kafka->stop;
done_testing();
