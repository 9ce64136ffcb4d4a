# However many rows a window has, and whatever its traffic goes through or comes from,
# resolving it keeps to topology.resolve_memory, and the nodes that stand for addresses
# to topology.max_address_nodes.  The bench does the same with a million rows.
use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

my $megabytes = 16;
my $most_nodes = 2000;
my $node = new_server('memory', map => 0,
	conf => "topology.resolve_memory = '${megabytes}MB'\ntopology.max_address_nodes = $most_nodes\ntopology.maintenance_interval = 0\nshared_buffers = '16MB'\njit = off\n");

# calls of who is no intermediary, by the client's word where there is one
my $reported_calls = q{SELECT sum(topo.connections(traffic)) FROM topo_network.flow_window
	WHERE CASE role WHEN 1 THEN local_address NOT IN (SELECT a.address FROM topo.address a JOIN topo.intermediary i ON i.node = a.node)
				   ELSE peer_address NOT IN (SELECT address FROM topo.reporter) END};
my $map_calls = q{SELECT sum(topo.connections(traffic)) FROM topo_network.edge_window WHERE src NOT IN (SELECT node FROM topo.intermediary)};

# Resolves a window of a shape.  Returns the most memory, in MB, that the session had of
# its own, how many connections through intermediaries were not joined, the nodes that
# stand for addresses, and the connections, tried or made, of address:overflow.
sub resolve
{
	my ($shape, $rows) = @_;
	my $database = "${shape}_$rows";

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION topology');
	run_log([ 'psql', '-qX', '-d', $node->connstr($database), '-v', 'ON_ERROR_STOP=1', '-v', "rows=$rows", '-v', "shape=$shape",
			'-f', dirname(__FILE__) . '/../bench/resolve.sql' ], '>', \my $answers)
	  or BAIL_OUT("no window of shape $shape");

	my $session = Topology::Session->new($node, $database);
	$session->run('SELECT topo.flush()');
	my $status = slurp_file('/proc/' . $session->run('SELECT pg_backend_pid()') . '/status');
	my ($most, @others) = map { $status =~ /^$_:\s*(\d+) kB/m } qw(VmHWM RssShmem RssFile);
	is( $session->run($map_calls), $session->run($reported_calls), "$shape: every call is in the map, once");
	my @found = split /\|/, $session->run(q{SELECT (SELECT sum(unjoined) FROM topo.attribution), (SELECT count(*) FROM topo.node WHERE type = 'address'),
		coalesce(sum(topo.connections(traffic) + topo.failed(traffic)), 0)
		FROM topo_network.edge_window WHERE topo.node_id('address:overflow') IN (src, dst)});
	$session->end;
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return (($most - $others[0] - $others[1]) / 1024, @found);
}

my ($least) = resolve('plain', 1000);

for my $shape ('plain', 'hub', 'proxies')
{
	my ($most, $unjoined) = resolve($shape, 80_000);

	cmp_ok($most - $least, '<', $megabytes, sprintf('%s: %.0f MB more than for 1000 rows', $shape, $most - $least));
	is($unjoined, 0, "$shape: all that goes through something is joined");
}

# proxies that all call each other can only be joined together, and these are too many
my ($most, $unjoined) = resolve('mesh', 150_000);

cmp_ok($most - $least, '<', $megabytes, sprintf('mesh: %.0f MB more than for 1000 rows', $most - $least));
cmp_ok($unjoined, '>', 0, "mesh: what is not joined is told of: $unjoined connections");

# a scan of as many ports of one address, which nobody answers, and as many addresses, as
# a quarter of the rows; and as many private addresses as rows that call one
my %rows = (scan => 60_000, clients => 150_000);
my %addresses = (scan => $rows{scan} / 4 + 1, clients => $rows{clients});

for my $shape (sort keys %addresses)
{
	my ($most, $unjoined, $nodes, $overflowed) = resolve($shape, $rows{$shape});

	cmp_ok($most - $least, '<', $megabytes, sprintf('%s: %.0f MB more than for 1000 rows', $shape, $most - $least));
	is($nodes, $most_nodes + 1, "$shape: as many nodes of addresses as there may be, and the one for the rest");
	cmp_ok($overflowed, '>=', $addresses{$shape} - $most_nodes, "$shape: the rest is there");
}
$node->stop('fast');
done_testing();
