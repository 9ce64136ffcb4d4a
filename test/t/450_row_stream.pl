# In FROM, the rows of traverse() are fetched one by one: the same rows, whatever the
# query does with them.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

my $node = new_server('stream', conf => "topology.maintenance_interval = 0\n");

# A tree: n1 to n400, each calling the two with twice its number.
$node->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('g');
SELECT topo.load_edges('g', $$SELECT 'n' || i / 2, 'n' || i FROM generate_series(2, 400) i$$);
SELECT topo.take_snapshot('g');
CREATE TABLE public.owner AS SELECT 'n' || i AS node, 'team' || i % 7 AS team FROM generate_series(1, 400) i;
ANALYZE public.owner;
CREATE ROLE nobody;
EOT

my $one = Topology::Session->new($node);
my $all = "topo.traverse('{n1}', graphs => '{g}')";

sub plan_of { return $one->run("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $_[0]"); }

# A test: a query is scanned so, from the snapshot, and the tables say the same.
sub same
{
	my ($query, $name) = @_;
	my $got = $one->run($query);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $plan = plan_of($query);
	like($plan, qr/Custom Scan \(topology rows\).*Answered From: snapshot/s, "$name: one by one");
	isnt($got, '', "$name: there are rows");
	is($one->run("SET topology.use_snapshot = off; $query"), $got, "$name: as the tables say");
	$one->run('SET topology.use_snapshot = on');
	return;
}

same("SELECT * FROM $all", 'all columns');
same("SELECT count(*) FROM $all", 'no column');
same("SELECT parent, upper(node) FROM $all WHERE depth = 3 AND node <> 'n9'", 'a condition and expressions');
same("SELECT node FROM topo.traverse('{n1}', graphs => '{g}', max_nodes => 10, after => 'n5')", 'a page');
same("SELECT node FROM $all LIMIT 5", 'only the first');
same("SELECT team, count(*), min(depth) FROM $all JOIN public.owner USING (node) GROUP BY team ORDER BY team", 'joined');
same("SELECT a.node, b.node FROM topo.traverse('{n100}', graphs => '{g}') a, topo.traverse('{n150}', graphs => '{g}') b",
	'scanned again, as it was');
same("SELECT o.node, t.node FROM public.owner o, LATERAL topo.traverse(ARRAY[o.node], 'in', 3, '{g}') t WHERE team = 'team3' ORDER BY 1, t.depth",
	'scanned again, for another start');
same("SELECT node FROM topo.traverse(ARRAY(SELECT node FROM topo.traverse('{n3}', 'out', 1, '{g}')), 'out', 1, '{g}')",
	'a call in the argument of another');
same("SELECT (SELECT count(*) FROM topo.traverse(ARRAY[o.node], graphs => '{g}')) FROM public.owner o WHERE team = 'team1' ORDER BY o.node",
	'in a subquery');
$one->run('SET enable_nestloop = off; SET enable_hashjoin = off');
same("SELECT a.node, b.depth FROM $all a JOIN $all b ON b.node = a.node ORDER BY 1", 'merged with itself');
$one->run('RESET enable_nestloop; RESET enable_hashjoin');

is($one->run("SELECT count(*), count(properties) FROM topo.traverse('{n1}', graphs => '{g}', with_properties => '{tier}')"), '400|400', 'with properties');

# What cannot be scanned so still is
unlike(plan_of("SELECT t FROM $all t"), qr/Custom Scan/, 'a row wanted as a whole is not');
unlike(plan_of("SELECT node FROM $all t WHERE t IS NOT NULL"), qr/Custom Scan/, 'nor one of a condition');
unlike(plan_of("SELECT node, ordinality FROM $all WITH ORDINALITY"), qr/Custom Scan/, 'nor rows with their number');
is($one->run("SELECT count(*) FROM (SELECT t FROM $all t) q"), 400, 'and has its rows');
is($one->run("SELECT count(*) FROM public.owner JOIN $all t USING (node) WHERE team = 'team2'"),
	$one->run("SELECT count(*) FROM (SELECT 1 FROM public.owner JOIN $all t USING (node) WHERE team = 'team2' FOR UPDATE OF owner) q"),
	'a join that locks rows of the other table');
is($one->run("SELECT (topo.traverse('{n390}', 'in', NULL, '{g}')).depth"), join("\n", 0 .. 8), 'in the list of what is selected');

# Cursors
my $rows = $one->run("SELECT node FROM $all");
my @labels = split /\n/, $rows;

$one->run("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT node FROM $all");
is($one->run('FETCH 3 FROM c'), join("\n", @labels[ 0 .. 2 ]), 'a cursor');
is($one->run('FETCH BACKWARD 2 FROM c'), join("\n", @labels[ 1, 0 ]), 'that goes back');
$one->run("COMMIT; BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT node FROM $all; FETCH 2 FROM c; COMMIT");
is($one->run('FETCH ALL FROM c'), join("\n", @labels[ 2 .. $#labels ]), 'a cursor that outlives its transaction');
$one->run('CLOSE c');

# Another version takes the snapshot's place, and is changed, while rows are fetched.
$one->run("BEGIN; DECLARE c CURSOR FOR SELECT node FROM $all; FETCH 2 FROM c");
$node->safe_psql('postgres', "SELECT topo.load_edges('g', \$\$SELECT 'n' || i, 'm' || i FROM generate_series(1, 400) i\$\$); SELECT topo.take_snapshot('g')");
$one->run("SAVEPOINT s; DELETE FROM topo_g.link; ROLLBACK TO s");
is($one->run('FETCH ALL FROM c'), join("\n", @labels[ 2 .. $#labels ]), 'a cursor keeps the version that it began with');
$one->run('COMMIT');
is($one->run("SELECT count(*) FROM $all"), 800, 'the next statement has the new one');

# Statements that are prepared, and settings
$one->run("PREPARE p(text[], int) AS SELECT count(*) FROM topo.traverse(\$1, max_depth => \$2, graphs => '{g}')");
is($one->run("EXECUTE p('{n1}', $_)"), 2**($_ + 1) - 1 + 2**$_ - 1, "prepared, depth $_") for 1 .. 7;
$one->run('SET topology.use_snapshot = off');
is($one->run("EXECUTE p('{n1}', 2)"), 10, 'prepared, and answered from the tables since');
like(plan_of("SELECT node FROM $all"), qr/Answered From: tables/, 'which the plan tells');
$one->run('SET topology.use_snapshot = on');

# Parallel query; what forces it has another name since 16
my $forced = $node->safe_psql('postgres', "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
$one->run("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET $forced = on");
is($one->run("SELECT count(*) FROM public.owner JOIN $all t USING (node)"), 400, 'in a parallel query');
$one->run("RESET parallel_setup_cost; RESET parallel_tuple_cost; RESET min_parallel_table_scan_size; RESET $forced");

# Errors, and privileges
like($one->failure("SELECT * FROM topo.traverse('{nobody-knows}', graphs => '{g}')"), qr/nobody-knows/, 'an unknown start');
is($one->run("SELECT count(*) FROM $all"), 800, 'after an error');
like($one->failure("SELECT 1 / (depth - 3) FROM $all"), qr/division by zero/, 'an error while rows are fetched');
is($one->run("SELECT count(*) FROM $all"), 800, 'after that');
$node->safe_psql('postgres', 'REVOKE EXECUTE ON FUNCTION topo.traverse FROM PUBLIC');
like($one->failure("SET ROLE nobody; SELECT * FROM $all"), qr/permission denied/, 'who may not call it is refused');
$one->run('RESET ROLE');

$one->end;
$node->stop;
done_testing();
