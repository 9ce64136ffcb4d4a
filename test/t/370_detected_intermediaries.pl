# What looks like an intermediary is proposed without anybody asking, and changes nothing
# in the map until somebody accepts it; then it is joined, also in the past.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

# the worker begins once the records are there: what comes late it does not look at
my $node = new_server('detected', conf => "topology.maintenance_interval = 0\n");
my $now = time;

# One end's record of a connection, so many seconds ago.
sub record
{
	my ($ago, $app, $local, $peer, $role, $sent, $received) = @_;
	my %at = map { my ($ip, $port) = split /:/, $_->[1]; ($_->[0] => { ip => $ip, port => $port }) } [ local => $local ], [ peer => $peer ];

	return encode_json({ start => ($now - $ago) . '000000000', end => ($now - $ago + 1) . '000000000', proto => 'tcp', role => $role,
			local => { %{ $at{local} }, app => $app }, peer => $at{peer}, tx_bytes => $sent, rx_bytes => $received, connections => 1 });
}

sub both_ends
{
	my ($ago, $client, $from, $server, $to, $sent, $received) = @_;

	return (record($ago, $client, $from, $to, 'client', $sent, $received), record($ago, $server, $to, $from, 'server', $received, $sent));
}

# for a quarter of an hour a proxy sends on what comes in, an app calls another for a reason
# of its own, and an address that nobody holds is called, of which a server sees the clients
my @records;

foreach my $ago (map { 240 + $_ * 60 } 0 .. 14)
{
	push @records, both_ends($ago, 'web', '10.0.0.1:1024', 'proxy', '10.0.0.10:80', 1000 + $ago, 5000),
	  both_ends($ago, 'proxy', '10.0.0.10:1024', 'shop', '10.0.0.20:80', 1100 + $ago, 5100),
	  both_ends($ago, 'shop', '10.0.0.20:1024', 'stock', '10.0.0.30:80', 10, 10),
	  record($ago, 'web', '10.0.0.1:1025', '10.96.0.9:80', 'client', 100, 200), record($ago, 'tax', '10.0.0.40:80', '10.0.0.1:1025', 'server', 200, 100);
}
my $payload = join "\n", @records;
is($node->safe_psql('postgres', "SELECT topo.ingest('flow', convert_to(\$\$$payload\$\$, 'UTF8'))"), scalar @records, 'records are taken');
$node->safe_psql('postgres', 'SELECT topo.flush()');

my $during = "during => tstzrange(now() - interval '1 hour', now())";
my $map = "SELECT source, target, via FROM topo.edges($during) WHERE source = 'web' ORDER BY 2";
my $unjoined = "web|address:10.96.0.9|\nweb|proxy|";
my $proposals = "SELECT topo.node_label(n.type, n.name), d.kind, d.alike = d.windows FROM topo.detected_intermediary d JOIN topo.node n ON n.id = d.node ORDER BY 1";
my $expected = "address:10.96.0.9|virtual_address|t\nproxy|proxy|t";

is($node->safe_psql('postgres', $proposals), '', 'nothing is proposed before anybody looks');
$node->append_conf('postgresql.conf', 'topology.maintenance_interval = 100ms');
$node->reload;
ok($node->poll_query_until('postgres', $proposals, $expected), 'both are proposed, and nothing else');
ok( $node->poll_query_until('postgres', q{SELECT examined_until > now() - interval '4 minutes' FROM topo.maintenance_status WHERE graph = 'network' AND grain = '1 minute'}),
	'the worker looks at all minutes that have settled, and says how far it has come');
is($node->safe_psql('postgres', $proposals), $expected, 'which makes no difference');
is($node->safe_psql('postgres', "SELECT topo.flush(); $map") =~ s/^\n//r, $unjoined, 'the map stays what it was');

$node->safe_psql('postgres', "SELECT topo.accept_intermediary('proxy'), topo.accept_intermediary('address:10.96.0.9'), topo.flush()");
is($node->safe_psql('postgres', "SELECT DISTINCT target, via FROM topo.edges($during) WHERE source = 'web' ORDER BY 1"),
	"shop|{proxy}\ntax|{address:10.96.0.9}", 'once accepted, they are what callers go through');
is($node->safe_psql('postgres', $proposals), '', 'and proposed no more');
$node->stop('fast');
done_testing();
