# What SQL refuses of a batch is put aside, record by record; all else of the
# batch is in the map once, though it is read twice for that.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;

need_kafka();

my $records = 100_000;
my $kafka = Topology::Kafka->new('refused');
my $node = new_server('refused', conf => "topology.batch_memory = '4MB'\n");
my $template = '{"start":{ns},"end":{ns},"proto":"tcp","role":"client","local":{"ip":"10.1.0.{n:97}","app":"app{n:97}"},'
  . '"peer":{"ip":"10.1.1.{n:89}","port":%s},"tx_bytes":7,"connections":1}';
my $generate = sub {
	my ($count, $port, @options) = @_;

	$kafka->tool('generate', 'flows', $count, '--template', sprintf($template, $port), @options);
};
my $sums = 'SELECT sum(records), sum(dead_letters), sum(dropped), sum(lag) FROM topo.source_status';
my $brokers = $kafka->brokers;

# of a user who knows better; each other row of the batch is as good as ever
$node->safe_psql('postgres', q{ALTER TABLE topo_network.flow_window ADD CONSTRAINT no_telnet CHECK (peer_port <> 23)});
$kafka->tool('create', 'flows', 4);
$generate->($records / 2, 80);
$generate->(5, 23, '--partition', 2);
$generate->($records / 2, 80);
my $log = -s $node->logfile;
$node->safe_psql('postgres', qq{SELECT topo.add_source('topic', 'kafka', 'flow', '{"brokers": "$brokers", "topic": "flows"}')});
$node->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '2 minutes')");
$node->safe_psql('postgres', 'SELECT topo.flush()');

is($node->safe_psql('postgres', $sums), "$records|5|0|0", 'every other record was taken, once');
is( $node->safe_psql('postgres', q{SELECT sum(connections), sum(bytes_sent) FROM topo.edges() WHERE source ~ '^app'}),
	join('|', $records, 7 * $records), 'and is in the map');
is( $node->safe_psql('postgres', q{SELECT min("offset"), max("offset"), count(DISTINCT "offset"), min(partition), max(partition) FROM topo.dead_letter}),
	join('|', $records / 8, $records / 8 + 4, 5, 2, 2), 'those that were refused are dead letters');
is( $node->safe_psql('postgres', q{SELECT DISTINCT reason ~ 'no_telnet', payload LIKE '%"port":23%' FROM (SELECT reason, convert_from(payload, 'UTF8') AS payload FROM topo.dead_letter) l}),
	't|t', 'with what SQL had to say, and their bytes');
like(slurp_file($node->logfile, $log), qr/source "topic" reads a batch again that could not be stored/, 'the log tells of it');
is($node->safe_psql('postgres', 'SELECT state, last_error FROM topo.source_status LIMIT 1'), 'running|', 'the source goes on');

$generate->(1000, 80);
$node->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '1 minute')");
is($node->safe_psql('postgres', $sums), $records + 1000 . '|5|0|0', 'and takes what follows');

$node->safe_psql('postgres', 'ALTER TABLE topo_network.flow_window DROP CONSTRAINT no_telnet');
is($node->safe_psql('postgres', "SELECT topo.replay_dead_letters('topic')"), 5, 'once they are allowed, they are taken too');
$kafka->stop;
done_testing();
