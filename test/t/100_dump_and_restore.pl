# A database with a filled service map and a graph of its own, dumped and
# restored: the same answers, nothing twice, and the sources go on.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
# nothing is made or dropped between the two looks
my $node = new_server('dump', conf => "topology.maintenance_interval = 0\n");
my $file = $node->basedir . '/dump.custom';

add_ebpf_source($node, pin('dump'));
my @to = ('--address', $server->{ip4}, '--port', 4000);
my $program = serve($server, 'server', @to);
my $first = call($client, 'client', @to, '--count', 30);
await($node, 'postgres', edge_totals('client', 'server'), totals($first), 'there is traffic');

$node->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('Odd "name"', '{"edge_ttl": "infinite", "retention": "infinite"}');
SELECT topo.load_edges('Odd "name"', $$VALUES ('a:b', 'checkout', 'owns'), ('team:x', 'it''s "it"', 'owns')$$);
SELECT topo.set_node('app', 'checkout', '{"language": "go"}', tier => 1::smallint, domain => 'shop');
SELECT topo.set_address('192.0.2.9', 'checkout', tstzrange('2020-01-01', NULL), 443);
SELECT topo.set_intermediary('lb', 'load_balancer', '192.0.2.1', 80, ARRAY['checkout']);
INSERT INTO topo.identity_rule VALUES (1, 'app', 'process', '^legacy$', 'old');
INSERT INTO topo.dead_letter (source, partition, "offset", payload, reason) VALUES ('host', 0, 1, 'x', 'a reason');
SELECT topo.pause_source('host');
EOT
await($node, 'postgres', state_query('host'), 'paused', 'the source is paused');
$node->safe_psql('postgres', 'SELECT topo.flush()');

# rows of the extension's tables and of the graphs', and answers
my %questions = (
	map({ $_ => "TABLE topo.$_" } qw(node edge_type graph grain source source_position dead_letter address
		  intermediary intermediary_backend identity_rule stay reporter)),
	map({ $_ => "TABLE $_" } 'topo_network.flow_window', 'topo_network.edge_window', 'topo_network.link',
		'topo_network.live_edge', '"topo_Odd ""name""".link'),
	'edges()' => 'SELECT * FROM topo.edges()',
	'edges() of clusters' => "SELECT * FROM topo.edges(level => 'cluster')",
	'edges() of the own graph' => q{SELECT source, target FROM topo.edges(graphs => ARRAY['Odd "name"'])},
	'hops()' => 'SELECT * FROM topo.hops()',
	'downstream()' => "SELECT node, depth FROM topo.downstream('@{[app('client')]}')",
	'settings of the extension' => "SELECT extname, extversion FROM pg_extension",
	'constraints' => "SELECT conrelid::regclass, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace::regnamespace::text ~ 'topo'",
	'comments' => "SELECT objoid::regclass, objsubid, description FROM pg_description d WHERE classoid = 'pg_class'::regclass AND objoid::regclass::text ~ '^.?topo'");

sub answers
{
	my ($database) = @_;

	return { map { $_ => $node->safe_psql($database, "SELECT r::text FROM ($questions{$_}) r ORDER BY r::text COLLATE \"C\"") }
		  sort keys %questions };
}

my $before = answers('postgres');
isnt($before->{'edges()'}, '', 'the map is not empty');
isnt($before->{'downstream()'}, '', 'and can be traversed');
is($before->{'edges() of the own graph'}, qq{(a:b,checkout)\n(team:x,"it's ""it""")}, 'the own graph has its edges');

$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $file ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $file ], 'pg_restore');

my $after = answers('restored');
is($after->{$_}, $before->{$_}, "the same after the restore: $_") foreach sort keys %questions;

# new rows take new ids
$node->safe_psql('restored', "SELECT topo.set_node('app', 'brand new'), topo.create_graph('more')");
is($node->safe_psql('restored', "SELECT count(*) FROM topo.node WHERE id = topo.node_id('brand new')"), 1, 'a new node has an id of its own');

# the restored database goes on, where the other one stopped
my $second = call($client, 'client', @to, '--count', 12);
$node->safe_psql('restored', "SELECT topo.resume_source('host')");
await($node, 'restored', edge_totals('client', 'server'), totals($first, $second), 'the restored database goes on ingesting, exactly');
$node->safe_psql('restored', "SELECT topo.flush()");
is($node->safe_psql('restored', 'SELECT state, dropped FROM topo.source_status'), 'running|0', 'its source runs');
is($node->safe_psql('postgres', edge_totals('client', 'server')), totals($first), 'the first database has what it had');

# a second dump, of the restored database, is the same to a third
$node->safe_psql('restored', "SELECT topo.pause_source('host')");
await($node, 'restored', state_query('host'), 'paused', 'paused');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('restored'), '-f', "$file.sql" ], 'pg_dump as a script');
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->command_ok([ 'psql', '-XqAt', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('again'), '-f', "$file.sql" ], 'restored by psql');
is_deeply(answers('again'), answers('restored'), 'the same again');

$node->stop('fast');
done_testing();
