# Who is in topo_reader, topo_writer or topo_admin may do what that says, and no more;
# and what a graph is made of belongs to none of them.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

my $node = new_server('roles', conf => "topology.maintenance_interval = 0\n");

$node->safe_psql('postgres', <<'EOT');
CREATE ROLE asker LOGIN IN ROLE topo_reader;
CREATE ROLE keeper LOGIN IN ROLE topo_writer;
CREATE ROLE chief LOGIN IN ROLE topo_admin;
CREATE ROLE stranger LOGIN;
SELECT topo.drop_graph(name) FROM topo.graph;
EOT

# A session of a role.
sub session_of
{
	my ($role, $database) = @_;
	my $session = Topology::Session->new($node, $database);

	$session->run("SET SESSION AUTHORIZATION $role");
	return $session;
}

my ($asker, $keeper, $chief, $stranger) = map { session_of($_) } qw(asker keeper chief stranger);

# A test: a statement does something for a role, or is refused.
sub may { my ($session, $statement) = @_; ok(eval { $session->run($statement); 1 }, "may: $statement") or diag $@; return; }
sub may_not { my ($session, $statement) = @_; like($session->failure($statement), qr/permission denied/, "may not: $statement"); return; }

# The chief makes the map.
may($chief, $_) foreach
  'SELECT topo.create_service_map()',
  "SELECT topo.create_graph('own')",
  "SELECT topo.create_graph('brief')",
  q(SELECT topo.set_graph('own', '{"grains": ["1 minute", "1 hour"], "retention": "7 days", "notify": true}')),
  q(SELECT topo.add_source('spans', 'kafka', 'otlp_proto', '{"brokers": "127.0.0.1:1", "topic": "t", "rdkafka.sasl.password": "secret"}')),
  q(SELECT topo.set_source('spans', '{"rdkafka.sasl.password": "other"}')),
  "SELECT topo.pause_source('spans')",
  "SELECT topo.drop_graph('brief')",
  'SELECT topo.maintain_windows()',
  "INSERT INTO topo.identity_rule VALUES (1, 'app', 'process', '^legacy\$', 'old')";
is($node->safe_psql('postgres', "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace::regnamespace::text ~ '^topo_'"),
	$node->safe_psql('postgres', "SELECT pg_get_userbyid(extowner) FROM pg_extension WHERE extname = 'topology'"), 'what it is made of is not his');
is($chief->run('SELECT current_user'), 'chief', 'he is who he was');
may_not($chief, $_) foreach
  'SELECT * FROM topo.source_secret',
  "INSERT INTO topo.graph (name, schema_name) VALUES ('x', 'pg_catalog')",
  "UPDATE topo.grain SET relation = 'x'",
  "INSERT INTO topo.source (name, kind, format) VALUES ('x', 'ebpf', 'flow')",
  "UPDATE topo.source SET options = '{}'";
foreach my $statement ('DROP TABLE topo_own.link', 'CREATE TABLE topo_own.mine (i integer)',
	'CREATE TRIGGER t AFTER INSERT ON topo_own.link EXECUTE FUNCTION topo.note_links()',
	'ALTER TABLE topo_own.link ADD COLUMN c integer', 'CREATE FUNCTION topo.f() RETURNS integer LANGUAGE sql RETURN 1')
{
	like($chief->failure($statement), qr/must be owner|permission denied/, "nobody may: $statement");
}

# Writers keep the inventory, and take records in: also of times that nobody made room for.
my $time = $node->safe_psql('postgres', "SELECT extract(epoch FROM date_trunc('hour', now()) - interval '5 hours')::bigint") . '0' x 9;
my $flow = '{"start":%s,"end":%s,"role":"client","local":{"ip":"10.0.0.1","port":40000,"app":"shop"},"peer":{"ip":"10.0.0.2","port":80},"proto":"tcp","connections":3,"tx_bytes":5,"rx_bytes":6}';
my $later = $time =~ s/0{9}$//r + 5 . '0' x 9;
may($keeper, $_) foreach
  "SELECT topo.set_node('app', 'pay', tier => 1::smallint)",
  "SELECT topo.set_address('10.0.0.2', 'pay', tstzrange('2020-01-01', NULL))",
  "SELECT topo.set_intermediary('edge', 'load_balancer', '10.0.0.9', backends => '{pay}')",
  "SELECT topo.set_external('203.0.113.0/24', 'partner')",
  "SELECT topo.ingest('flow', '" . sprintf($flow, $time, $later) . "')",
  "SELECT topo.ingest('ipc', '" . sprintf('{"start":%s,"end":%s,"client":"shop","server":"pay","protocol":"grpc","endpoint":"Pay/Charge","requests":120,"errors":3}', $time, $later) . "')",
  'SELECT topo.flush()',
  "SELECT topo.load_edges('own', 'VALUES (''shop'', ''pay'', ''reads''), (''pay'', ''bank'', NULL)')",
  "DELETE FROM topo_own.link WHERE src = topo.node_id('bank')",
  'SELECT topo.detect_intermediaries()',
  "SELECT topo.replay_dead_letters('spans')";
may_not($keeper, $_) foreach
  "SELECT topo.create_graph('x')", "SELECT topo.drop_graph('own')", "SELECT topo.set_graph('own', '{}')", 'SELECT topo.create_service_map()',
  "SELECT topo.add_source('x', 'ebpf', 'flow')", "SELECT topo.drop_source('spans')", "SELECT topo.resume_source('spans')", 'SELECT topo.maintain_windows()',
  "SELECT topo.take_snapshot('own')", 'INSERT INTO topo.identity_rule VALUES (2, \'app\', \'process\', \'x\', \'y\')', 'DELETE FROM topo.graph', 'TRUNCATE topo_own.link';

# Readers ask everything.
my $range = "tstzrange(now() - interval '1 day', now())";
my %answers = (
	"SELECT source, target, connections FROM topo.edges($range)" => 'shop|pay|3',
	'SELECT count(*) FROM topo.dependency' => undef,
	"SELECT count(*) FROM topo.hops($range)" => 1,
	"SELECT node, depth FROM topo.downstream('shop', graphs => '{own}')" => "pay|1\nbank|2",
	"SELECT node FROM topo.downstream('shop', during => $range)" => 'pay',
	"SELECT topo.reachable_count('{shop}', graphs => '{own}', edge_types => '{reads}')" => 1,
	"SELECT node FROM topo.blast_radius('bank', '{own}')" => "pay\nshop",
	"SELECT node FROM topo.traverse('{shop}', graphs => '{own}', edge_limit => 1)" => "shop\npay\nbank",
	"SELECT node FROM topo.traverse('{bank}', graphs => '{own}', hops => '[{\"direction\": \"in\"}]')" => "bank\npay",
	"SELECT count(*) FROM topo.shortest_path('shop', 'bank', '{own}')" => 3,
	"SELECT length FROM topo.paths('shop', 'bank', graphs => '{own}')" => 2,
	"SELECT count(*) FROM topo.cycles(graphs => '{own}')" => 0,
	"SELECT count(*) FROM topo.components(graphs => '{own}')" => 3,
	"SELECT change, source, target FROM topo.diff(tstzrange(now() - interval '2 days', now() - interval '1 day'), $range)" => undef,
	"SELECT count(*) FROM topo.history('shop', 'pay', $range, interval '1 hour')" => undef,
	"SELECT count(*) FROM topo.as_of(now())" => undef,
	"SELECT count(*) > 0 FROM topo.explain_edge('shop', 'pay', $range)" => 't',
	"SELECT topo.mermaid('shop', graphs => '{own}') ~ 'pay'" => 't',
	'SELECT source, state FROM topo.source_status' => 'spans|paused',
	'SELECT count(*) > 0 FROM topo.snapshot_status' => 't',
	'SELECT count(*) > 0 FROM topo.maintenance_status' => 't',
	'SELECT memory FROM topo.memo_status' => 64 * 1024 * 1024,
	'SELECT count(*) FROM topo.attribution' => undef,
	'SELECT count(*) FROM topo.dead_letter' => 0,
	'TABLE topo_network.translation' => '');
foreach my $question (sort keys %answers)
{
	my $answer = eval { $asker->run($question) };

	if (defined $answers{$question}) { is($answer, $answers{$question}, $question) or diag $@ }
	else { ok(defined $answer, $question) or diag $@ }
}
may_not($asker, $_) foreach
  "SELECT topo.set_node('app', 'x')", "SELECT topo.ingest('flow', '" . sprintf($flow, $time, $later) . "')", "SELECT topo.load_edges('own', 'VALUES (''a'', ''b'')')",
  'DELETE FROM topo_own.link', 'SELECT topo.flush()', 'SELECT topo.forget_memos()', "SELECT topo.create_graph('x')", 'SELECT * FROM topo.source_secret',
  "SELECT topo.ensure_partitions('own', interval '1 minute', $range)";

# The snapshot answers who may read the tables, and nobody else.
may($chief, "SELECT topo.take_snapshot('own')");
may($chief, 'SELECT topo.forget_memos()');
my $uses = "SELECT uses FROM topo.snapshot_status WHERE graph = 'own'";
my $before = $asker->run($uses);
is($asker->run("SELECT count(*) FROM topo.downstream('shop', graphs => '{own}')"), 2, 'a reader');
cmp_ok($asker->run($uses), '>', $before, 'is answered from the snapshot');
$before = $asker->run($uses);
may_not($stranger, $_) foreach
  "SELECT * FROM topo.traverse('{shop}', graphs => '{own}')", "SELECT topo.reachable_count('{shop}', graphs => '{own}')", 'SELECT * FROM topo.edges()',
  "SELECT * FROM topo.traverse('{shop}', graphs => '{own}', hops => '[{}]')";
$node->safe_psql('postgres', 'GRANT USAGE ON SCHEMA topo, topo_own TO stranger; GRANT SELECT ON topo.graph, topo.node, topo.edge_type TO stranger');
may_not($stranger, $_) foreach
  "SELECT * FROM topo.traverse('{shop}', graphs => '{own}')", "SELECT topo.reachable_count('{shop}', graphs => '{own}', through_external => true)",
  "SELECT * FROM topo.shortest_path('shop', 'bank', '{own}')", "SELECT * FROM topo.traverse('{shop}', graphs => '{own}', hops => '[{}]')",
  "SELECT * FROM topo.paths('shop', 'bank', graphs => '{own}')", "SELECT * FROM topo.components(graphs => '{own}')";
$node->safe_psql('postgres', 'GRANT SELECT ON topo_own.link TO stranger; REVOKE SELECT ON topo.node FROM stranger');
may_not($stranger, $_) foreach
  "SELECT * FROM topo.traverse('{shop}', graphs => '{own}')", "SELECT topo.reachable_count('{shop}', graphs => '{own}', through_external => true)";
is($asker->run($uses), $before, 'none of these is');

# With row security, all questions answer from the rows that may be seen.
$node->safe_psql('postgres', <<'EOT');
ALTER TABLE topo_own.link ENABLE ROW LEVEL SECURITY;
CREATE POLICY part ON topo_own.link TO topo_reader USING (dst <> topo.node_id('bank'));
EOT
is($asker->run("SELECT string_agg(node, ' ') FROM topo.traverse('{shop}', graphs => '{own}')"), 'shop pay', 'row security on links: traverse()');
is($asker->run("SELECT topo.reachable_count('{shop}', graphs => '{own}')"), 1, 'reachable_count()');
is($asker->run("SELECT count(*) FROM topo.traverse('{pay}', graphs => '{own}', hops => '[{\"direction\": \"both\"}]')"), 2, 'hops');
is($asker->run("SELECT count(*) FROM topo.shortest_path('shop', 'bank', '{own}')"), 0, 'shortest_path()');
is($asker->run("SELECT count(*) FROM topo.components(graphs => '{own}')"), 2, 'components()');
is($asker->run($uses), $before, 'none from the snapshot');
is($chief->run("SELECT topo.reachable_count('{shop}', graphs => '{own}')"), 1, 'for the chief too');
$node->safe_psql('postgres', 'ALTER TABLE topo_own.link DISABLE ROW LEVEL SECURITY; DROP POLICY part ON topo_own.link');

# Dumped and restored, everybody may do what he might.
my $file = $node->basedir . '/dump.custom';
$node->command_ok([ 'pg_dump', '-Fc', '-d', $node->connstr('postgres'), '-f', $file ], 'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('restored'), $file ], 'pg_restore');
my ($other_asker, $other_keeper, $other_chief) = map { session_of($_, 'restored') } qw(asker keeper chief);
is($other_asker->run("SELECT count(*) FROM topo.downstream('shop', graphs => '{own}')"), 2, 'a reader reads what was restored');
may_not($other_asker, "SELECT topo.set_node('app', 'x')");
may($other_keeper, "SELECT topo.load_edges('own', 'VALUES (''bank'', ''shop'')')");
may($other_chief, "SELECT topo.create_graph('new')");
may_not($other_keeper, "SELECT topo.create_graph('newer')");

# The roles are of the cluster: the extension goes, and comes back, without them.
$_->end foreach $other_asker, $other_keeper, $other_chief;
$node->safe_psql('restored', "SELECT topo.drop_graph(name) FROM topo.graph; DROP EXTENSION topology; CREATE EXTENSION topology; SELECT topo.create_graph('again')");
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_roles WHERE rolname ~ '^topo_'"), 3, 'the roles stay');
is(session_of('asker', 'restored')->run("SELECT count(*) FROM topo_again.link"), 0, 'and are granted what is made anew');

$_->end foreach $asker, $keeper, $chief, $stranger;
$node->stop('fast');
done_testing();
