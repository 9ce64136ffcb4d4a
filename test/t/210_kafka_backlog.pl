# However much waits in a topic, a worker keeps to its memory, and the source says
# how much is left.  The bench does the same with ten million records.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my $records = 200_000;
my $kafka = Topology::Kafka->new('backlog');
my $node = new_server('backlog',
	conf => "topology.batch_memory = '2MB'\ntopology.resolve_memory = '16MB'\nshared_buffers = '16MB'\n");
# nearly every record is a conversation of its own: nothing is merged
my $template = '{"start":{ns},"end":{ns},"proto":"tcp","role":"client","local":{"ip":"10.1.0.{n:251}","app":"app{n:251}"},'
  . '"peer":{"ip":"10.2.0.{n:241}","port":8{n:7}},"tx_bytes":7,"connections":1}';
my $status = 'SELECT coalesce(sum(records), 0), coalesce(sum(lag), 0), count(*) FROM topo.source_status';

$kafka->tool('create', 'flows', 4);
$kafka->tool('generate', 'flows', $records, '--template', $template);
add_topic($node, $kafka, 'topic', 'flows');
$node->poll_query_until('postgres', 'SELECT count(*) = 4 AND sum(lag) > 0 FROM topo.source_status')
  or die 'the source does not run';

my $wrong = 0;
my $left = $records;
my %seen;

while ($left > 0)
{
	my ($taken, $lag) = split /\|/, $node->safe_psql('postgres', $status);

	$wrong++ if $taken + $lag != $records;
	$seen{$lag}++;
	$left = $lag;
}
is($wrong, 0, 'what was taken and what is left are all there is, whenever one looks');
cmp_ok(scalar keys %seen, '>', 3, 'which was done while it went down');

my $peak = memory_peak_of(worker_of($node, 'postgres', 'topic'));
# shared buffers, what a worker takes anyway, and by its two settings: as the README has it
my $bound = 16 + 96 + 2 * 2 + 16;
cmp_ok($peak, '<', $bound, "the worker took $peak MB of $bound at the most");

$node->safe_psql('postgres', 'SELECT topo.flush()');
is( $node->safe_psql('postgres', q{SELECT sum(connections), sum(bytes_sent) FROM topo.edges() WHERE source ~ '^app'}),
	join('|', $records, 7 * $records), 'every record is in the map, once');
is($node->safe_psql('postgres', 'SELECT sum(records), sum(lag), sum(dead_letters), sum(dropped) FROM topo.source_status'),
	"$records|0|0|0", 'nothing is left');
$kafka->stop;
done_testing();
