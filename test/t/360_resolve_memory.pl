# However many rows a window has, and whatever its traffic goes through, resolving it
# keeps to topology.resolve_memory.  The bench does the same with a million rows.
use strict;
use warnings;
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

my $megabytes = 16;
my $node = new_server('memory', map => 0,
	conf => "topology.resolve_memory = '${megabytes}MB'\ntopology.maintenance_interval = 0\nshared_buffers = '16MB'\njit = off\n");

# calls of who is no intermediary
my $reported_calls = q{SELECT sum(topo.connections(traffic)) FROM topo_network.flow_window WHERE role = 1
	AND local_address NOT IN (SELECT a.address FROM topo.address a JOIN topo.intermediary i ON i.node = a.node)};
my $map_calls = q{SELECT sum(topo.connections(traffic)) FROM topo_network.edge_window WHERE src NOT IN (SELECT node FROM topo.intermediary)};

# Resolves a window of a shape.  Returns the most memory, in MB, that the session had of
# its own, and how many connections through intermediaries were not joined.
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
	my $unjoined = $session->run('SELECT sum(unjoined) FROM topo.attribution');
	$session->end;
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return (($most - $others[0] - $others[1]) / 1024, $unjoined);
}

my ($least) = resolve('plain', 1000);

for my $shape ('plain', 'hub', 'proxies')
{
	my ($most, $unjoined) = resolve($shape, 150_000);

	cmp_ok($most - $least, '<', $megabytes, sprintf('%s: %.0f MB more than for 1000 rows', $shape, $most - $least));
	is($unjoined, 0, "$shape: all that goes through something is joined");
}

# proxies that all call each other can only be joined together, and these are too many
my ($most, $unjoined) = resolve('mesh', 150_000);

cmp_ok($most - $least, '<', $megabytes, sprintf('mesh: %.0f MB more than for 1000 rows', $most - $least));
cmp_ok($unjoined, '>', 0, "mesh: what is not joined is told of: $unjoined connections");
$node->stop('fast');
done_testing();
