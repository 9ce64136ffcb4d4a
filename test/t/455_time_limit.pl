# A search that is over its time returns what it has, with a word of how far it came:
# from the snapshot, from the tables, and from a range of time.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;
use Topology::Session;

my $node = new_server('limit', conf => "topology.maintenance_interval = 0\nwork_mem = 64MB\n");

# A tree of 60,000 nodes, in which each calls three, and some of what is below those.
$node->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('g');
SELECT topo.load_edges('g', $$SELECT 'n' || (i + 1) / 3, 'n' || i FROM generate_series(2, 60000) i
	UNION ALL SELECT 'n' || i, 'n' || i * 5 % 60000 + 1 FROM generate_series(1, 12000) i$$);
INSERT INTO topo_g.live_edge (src, dst, first_seen, last_seen) SELECT DISTINCT src, dst, now(), now() FROM topo_g.link;
CREATE TABLE topo_g.edge_window_all PARTITION OF topo_g.edge_window FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
INSERT INTO topo_g.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
SELECT date_trunc('minute', now()), src, dst, now(), now(), topo.traffic(requests => 1) FROM topo_g.live_edge;
VACUUM ANALYZE;
SELECT topo.take_snapshot('g');
EOT
my $one = Topology::Session->new($node);

# Halve the limit until a search does not find all in it: what it returns then is
# a part of the whole, at the same depths, and as many as it says.
sub is_cut
{
	my ($name, $arguments) = @_;
	my $call = "SELECT node, depth FROM topo.traverse('{n1}', graphs => '{g}'$arguments";
	my $began = time;
	my %whole = map { $_ => 1 } split /\n/, $one->run("$call)");
	my $limit = int(1e6 * (time - $began));
	my ($notice, $took, @part);

	do
	{
		$limit = int($limit / 2) || 1;
		$began = time;
		(my $answer, $notice) = $one->ask("$call, time_limit => '$limit us')");
		$took = time - $began;
		@part = split /\n/, $answer;
	} until (@part < keys %whole || $limit == 1);
	my ($reached, $depth) = $notice =~ /It reached (\d+) nodes?, and was at depth (\d+)/;
	my ($deepest) = sort { $b <=> $a } map { /\|(\d+)/ } @part;

	note "$name: " . @part . ' of ' . keys(%whole) . " nodes in $limit us, and rows after " . int(1e6 * $took) . ' us';
	cmp_ok(scalar keys %whole, '>=', 59999, "$name: the whole");
	cmp_ok(scalar @part, '<', keys %whole, "$name: less than the whole");
	is(scalar(grep { !$whole{$_} } @part), 0, "$name: nothing but what is in the whole");
	is($reached, scalar @part, "$name: it says how many");
	cmp_ok($deepest, '<=', $depth, "$name: and how deep");
	like($notice, qr/time limit.*HINT:  Raise time_limit/s, "$name: and what to do");
	return;
}

is_cut('from the snapshot', '');
is_cut('from the snapshot, both ways', ", direction => 'both'");
$one->run('SET topology.use_snapshot = off');
is_cut('from the tables', '');
is_cut('with a filter', q(, node_filter => '{"type": "app"}'));
is_cut('with a limit of edges', q(, edge_limit => 10, edge_order => 'name'));
is_cut('in a range of time', ", during => tstzrange(now() - interval '1 hour', NULL)");

$one->end;
$node->stop('fast');
done_testing();
