# On a standby no worker starts until it is promoted; the map can be read there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $primary = new_server('primary', init => { allows_streaming => 1 }, conf => "topology.restart_delay_max = 1s\n");
my $workers = "SELECT count(*) FROM pg_stat_activity WHERE backend_type ~ '^topology'";

add_ebpf_source($primary, pin('standby'));
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my @to = ('--address', $server->{ip4}, '--port', 4000);
my $program = serve($server, 'server', @to);
my $first = call($client, 'client', @to, '--count', 30);
await($primary, 'postgres', edge_totals('client', 'server'), totals($first), 'the primary counts');
$primary->wait_for_catchup($standby);

is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'the standby is one');
is($standby->safe_psql('postgres', edge_totals('client', 'server')), totals($first), 'its map is that of the primary');
is($standby->safe_psql('postgres', $workers), 0, 'no worker of topology runs there');
is($standby->safe_psql('postgres', 'SELECT state, last_error FROM topo.source_status'), 'stopped|this server is in recovery, where no worker runs',
	'and the status says that none can run');
foreach my $command ("topo.wait_for_source('host', '2 s')", 'topo.flush()')
{
	my ($result, undef, $stderr) = $standby->psql('postgres', "SELECT $command");

	isnt($result, 0, "$command is refused there");
	like($stderr, qr/recovery|read-only|did not catch up/, 'and says why');
}

# the primary is gone, with its worker; what happens meanwhile waits in the ring
$primary->stop('immediate');
my $second = call($client, 'client', @to, '--count', 20);
$standby->promote;
await($standby, 'postgres', 'SELECT state FROM topo.source_status', 'running', 'after promotion the worker runs');
await($standby, 'postgres', edge_totals('client', 'server'), totals($first, $second), 'it goes on where the primary ended');

$standby->stop('fast');
done_testing();
