# A standby has no snapshots: the tables answer there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

my $primary = new_server('primary', init => { allows_streaming => 1 }, conf => "topology.maintenance_interval = 0\nwork_mem = 64MB\n");

$primary->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('g');
SELECT topo.load_edges('g', $$SELECT 'n' || i / 2, 'n' || i FROM generate_series(2, 60000) i$$);
SELECT topo.take_snapshot('g');
EOT

my $of_primary = traversal_answer($primary);
like($of_primary, qr/^snapshot\|60000\|/, 'the primary has a snapshot');

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;
$primary->wait_for_catchup($standby);
is(traversal_answer($standby), $of_primary =~ s/snapshot/tables/r, 'its standby says the same, from the tables');
$primary->safe_psql('postgres', "SELECT topo.load_edges('g', 'VALUES (''n9'', ''new'')')");
$primary->wait_for_catchup($standby);
is(traversal_answer($standby), traversal_answer($primary) =~ s/snapshot/tables/r, 'and what has changed since');
my (undef, undef, $error) = $standby->psql('postgres', "SELECT topo.take_snapshot('g')");
like($error, qr/recovery|read-only/, 'none can be taken there');
$primary->stop;
$standby->promote;
$standby->safe_psql('postgres', "SELECT topo.take_snapshot('g')");
like(traversal_answer($standby), qr/^snapshot\|60001\|/, 'promoted, it has its own');
$standby->stop;

done_testing();
