# Without shared_preload_libraries no worker runs, and the status says why;
# everything that needs none works.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

my $node = PostgreSQL::Test::Cluster->new('plain');
$node->init;
$node->start;
create_map($node, 'postgres');

my $checkout = app('checkout');
is( $node->safe_psql('postgres', <<"EOT"),
SELECT topo.ingest('flow', convert_to(format(
	'{"start":%1\$s,"end":%1\$s,"proto":"tcp","role":"client","local":{"ip":"10.0.0.7","port":43210,"app":"$checkout"},'
	'"peer":{"ip":"10.0.1.9","port":6379},"tx_bytes":1200,"rx_bytes":5400,"connections":3}',
	(extract(epoch FROM now()) * 1000000)::bigint * 1000), 'UTF8'))
EOT
	1, 'a record is ingested');
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', edge_totals('checkout', 'address:10.0.1.9')),
	'3|0|1200|5400', 'it is in the map after flush()');

$node->safe_psql('postgres', "SELECT topo.add_source('host', 'ebpf', 'flow')");
is( $node->safe_psql('postgres', 'SELECT state, last_error FROM topo.source_status'),
	'stopped|topology is not in shared_preload_libraries, so no worker runs',
	'the status of a source says why no worker runs');

my ($result, undef, $stderr) =
  $node->psql('postgres', "SELECT topo.wait_for_source('host', '1 minute')");
isnt($result, 0, 'waiting for a source is refused');
like($stderr, qr/not in shared_preload_libraries/, 'and the error says why');

is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ 'topology'"),
	0, 'no process of topology runs');

$node->safe_psql('postgres', 'DROP EXTENSION topology CASCADE');
pass('the extension can be dropped');

$node->stop('fast');
done_testing();
