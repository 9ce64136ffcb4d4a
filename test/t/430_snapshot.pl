# Traversal from snapshots in shared memory: it sees just what the transaction sees,
# and falls back to the tables wherever it may not, or cannot, do so.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

my $node = new_server('snapshot', conf => "max_prepared_transactions = 4\nrestart_after_crash = on\ntopology.maintenance_interval = 0\n");
my $graph = "graphs => '{g}'";

$node->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('g');
SELECT topo.load_edges('g', $$SELECT 'n' || i, 'n' || (i + 1) FROM generate_series(1, 20) i$$);
CREATE FUNCTION public.link(source text, target text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO topo_g.link (src, dst) VALUES (topo.node_id(source), topo.set_node('app', target))
$$;
EOT

sub take { return $node->safe_psql('postgres', "SELECT topo.take_snapshot('g')"); }
sub uses { return $node->safe_psql('postgres', "SELECT uses FROM topo.snapshot_status WHERE graph = 'g'"); }

# A test: a query comes to the same from the snapshot and from the tables, to what is
# expected; used: whether the snapshot had to be used for it, undef where a new one may be
# taken just then.
sub reaches
{
	my ($session, $start, $expected, $used, $name) = @_;
	my $query = "SELECT topo.reachable_count('{$start}', $graph) || '/' || (SELECT count(*) FROM topo.traverse('{$start}', $graph))";
	my $before = uses();
	my $got = $session->run($query);
	my $after = uses();

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($got, $expected . '/' . ($expected + 1), "$name: what is reached");
	is($after - $before, $used ? 2 : 0, "$name: " . ($used ? 'from the snapshot' : 'from the tables')) if defined $used;
	is($session->run("SET topology.use_snapshot = off; $query"), $got, "$name: the tables say the same");
	$session->run('SET topology.use_snapshot = on');
	return;
}

my $one = Topology::Session->new($node);
my $two = Topology::Session->new($node);

# The first to ask is answered from the tables, and has the snapshot taken.
is($one->run("SELECT topo.reachable_count('{n1}', $graph)"), 20, 'without a snapshot the tables answer');
await($node, 'postgres', "SELECT version IS NOT NULL FROM topo.snapshot_status WHERE graph = 'g'", 't',
	'a snapshot is taken for who asks next');
reaches($one, 'n1', 20, 1, 'first');
is($node->safe_psql('postgres', "SELECT nodes, edges, delta, readers > 0 FROM topo.snapshot_status WHERE graph = 'g'"),
	'21|20|0|t', 'the status tells what is in it, and that it is read');

# Own changes, and those that are rolled back
$one->run("BEGIN; SELECT topo.load_edges('g', 'VALUES (''n21'', ''x1'')')");
reaches($one, 'n1', 21, 1, 'own writes');
reaches($two, 'n1', 20, 1, 'not committed');
$one->run("SAVEPOINT s; SELECT topo.load_edges('g', 'VALUES (''x1'', ''x2''), (''x2'', ''x3'')')");
reaches($one, 'n1', 23, 1, 'in a savepoint');
$one->run('ROLLBACK TO s');
reaches($one, 'n1', 21, 1, 'rolled back to a savepoint');
$one->run('ROLLBACK');
reaches($one, 'n1', 20, 1, 'rolled back');

# Direct DML, of every kind
$one->run("DELETE FROM topo_g.link WHERE src = topo.node_id('n10')");
reaches($two, 'n1', 9, 1, 'a link that was deleted');
$one->run("INSERT INTO topo_g.link (src, dst) VALUES (topo.node_id('n10'), topo.node_id('n15'))");
reaches($two, 'n1', 16, 1, 'one that was inserted');
$one->run("UPDATE topo_g.link SET dst = topo.node_id('n19') WHERE src = topo.node_id('n10')");
reaches($two, 'n1', 12, 1, 'one that was updated');
reaches($two, 'n12', 9, 1, 'the rest');
$one->run("BEGIN; DELETE FROM topo_g.link; INSERT INTO topo_g.link (src, dst) VALUES (topo.node_id('n1'), topo.node_id('n3'))");
reaches($one, 'n1', 1, 1, 'all deleted, and one inserted');
$one->run('ROLLBACK');
$one->run("INSERT INTO topo_g.link (src, dst) VALUES (topo.node_id('n1'), topo.node_id('n20'))
	ON CONFLICT (level, src, dst, type) DO UPDATE SET dst = topo.node_id('n20')");
reaches($two, 'n1', 12, 1, 'an upsert');
$node->safe_psql('postgres', "COPY topo_g.link (level, src, dst, type) FROM PROGRAM 'psql -AtX -F \"\t\" -h @{[$node->host]} -p @{[$node->port]} -c \"SELECT ''a'', topo.node_id(''n5''), topo.node_id(''n13''), 0\" postgres'");
reaches($two, 'n1', 18, 1, 'COPY');
$two->run("SET session_replication_role = replica; DELETE FROM topo_g.link WHERE src = topo.node_id('n5') AND dst = topo.node_id('n13')");
reaches($two, 'n1', 12, 1, 'a change of a replica');
$two->run('RESET session_replication_role');

# Names
$one->run("UPDATE topo.node SET name = 'renamed' WHERE name = 'n3'");
is($two->run("SELECT string_agg(node, ' ') FROM topo.traverse('{n2}', max_depth => 2, $graph)"), 'n2 renamed n4', 'a new name is seen');
$one->run("BEGIN; UPDATE topo.node SET name = 'n3' WHERE name = 'renamed'");
is($one->run("SELECT string_agg(node, ' ') FROM topo.traverse('{n2}', max_depth => 2, $graph)"), 'n2 n3 n4', "a transaction's own, too");
is($two->run("SELECT string_agg(node, ' ') FROM topo.traverse('{n2}', max_depth => 2, $graph)"), 'n2 renamed n4', 'others do not see it yet');
$one->run('COMMIT');
is($two->run("SELECT string_agg(node, ' ') FROM topo.traverse('{n2}', max_depth => 2, $graph)"), 'n2 n3 n4', 'now they do');

# Prepared transactions
$one->run("BEGIN; SELECT public.link('n21', 'p1'); PREPARE TRANSACTION 'p'");
reaches($two, 'n1', 12, 1, 'prepared');
take();
reaches($two, 'n1', 12, 1, 'prepared before a snapshot was taken');
$one->run("COMMIT PREPARED 'p'");
reaches($two, 'n1', 13, 1, 'committed after it was taken');

# A transaction that was before the snapshot is not shown what came after it.
$two->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$one->run("SELECT topo.load_edges('g', 'VALUES (''p1'', ''p2'')')");
reaches($two, 'n1', 13, 1, 'repeatable read');
my $version = take();
reaches($two, 'n1', 13, 0, 'repeatable read, when a newer snapshot was taken');
reaches($one, 'n1', 14, 1, 'all others');
$two->run('COMMIT');
reaches($two, 'n1', 14, 1, 'the next transaction');
is($node->safe_psql('postgres', "SELECT delta FROM topo.snapshot_status WHERE graph = 'g'"), 0, 'what the snapshot has is no longer in its delta');
is($node->safe_psql('postgres', 'SELECT count(*) FROM topo.link_change'), 0, 'nor anywhere');

# Transactions that run while a snapshot is taken
$two->run("BEGIN; SELECT topo.load_edges('g', 'VALUES (''p2'', ''p3'')')");
take();
reaches($one, 'n1', 14, 1, 'running when it was taken');
reaches($two, 'n1', 15, 1, 'running when it was taken, itself');
$two->run('COMMIT');
reaches($one, 'n1', 15, 1, 'committed after that');

# TRUNCATE and other changes of all
$one->run('BEGIN; TRUNCATE topo_g.link');
is($one->run("SELECT topo.reachable_count('{n1}', $graph)"), 0, 'truncated');
$one->run('ROLLBACK');
reaches($one, 'n1', 15, 1, 'not truncated after all');
$node->safe_psql('postgres', 'VACUUM FULL topo_g.link');
reaches($one, 'n1', 15, undef, 'after VACUUM FULL');
take();
reaches($one, 'n1', 15, 1, 'after VACUUM FULL, with another snapshot');
$one->run("BEGIN; SELECT topo.load_edges('g', \$\$SELECT 'n1', 'many' || i FROM generate_series(1, 20000) i\$\$)");
is($one->run('SELECT count(*), min(sign) FROM topo.link_change WHERE xid = pg_current_xact_id()'), '1|0', 'a load in bulk is noted in a row');
$one->run('COMMIT');
reaches($one, 'n1', 20015, undef, 'a load in bulk');
take();
reaches($one, 'n1', 20015, 1, 'after it');
$two->run('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
$one->run('TRUNCATE topo_g.link');
reaches($one, 'n1', 0, undef, 'truncated for good');
reaches($two, 'n1', 0, 0, 'to a transaction from before, too, as the tables are');
$two->run('COMMIT');
$one->run("SELECT topo.load_edges('g', \$\$SELECT 'n' || i, 'n' || (i + 1) FROM generate_series(1, 20) i\$\$)");
take();
reaches($one, 'n1', 20, 1, 'filled again');

# Reads amid a statement that writes
$one->run(<<'EOT');
CREATE TABLE seen (n bigint);
CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO public.seen SELECT topo.reachable_count('{n1}', graphs => '{g}');
	RETURN NULL;
END $$;
CREATE TRIGGER aaa_each AFTER INSERT OR DELETE ON topo_g.link FOR EACH ROW EXECUTE FUNCTION seen();
CREATE TRIGGER zzz_all AFTER INSERT OR DELETE ON topo_g.link EXECUTE FUNCTION seen();
EOT
$one->run("SELECT topo.load_edges('g', 'VALUES (''n21'', ''t1'')')");
is($one->run('SELECT string_agg(n::text, \' \') FROM seen'), '21 21', 'triggers see what the statement did');
$one->run("BEGIN; DELETE FROM topo_g.link WHERE dst = topo.node_id('t1'); DELETE FROM topo.node WHERE name = 't1'; COMMIT; DROP TABLE seen; DROP TRIGGER aaa_each ON topo_g.link; DROP TRIGGER zzz_all ON topo_g.link; DROP FUNCTION seen()");
take();

# Whose changes cannot be noted is not answered from a snapshot.
$one->run("ALTER TABLE topo_g.link DISABLE TRIGGER USER; DELETE FROM topo_g.link WHERE src = topo.node_id('n20')");
reaches($one, 'n1', 19, 0, 'triggers are disabled');
$one->run('ALTER TABLE topo_g.link ' . join ', ', map { "ENABLE ALWAYS TRIGGER topo_note_$_" } qw(change insert update delete truncate));
reaches($two, 'n1', 19, undef, 'and enabled again');
take();
reaches($two, 'n1', 19, 1, 'after another snapshot');

# Who may not read the tables reads nothing; who may read some rows reads those.
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE reader LOGIN;
GRANT USAGE ON SCHEMA topo, topo_g TO reader;
GRANT SELECT ON topo.node, topo.graph TO reader;
EOT
$two->run('SET ROLE reader');
like($two->failure("SELECT topo.reachable_count('{n1}', $graph)"), qr/permission denied for table link/, 'without SELECT there is no answer');
like($two->failure("SELECT * FROM topo.traverse('{n1}', $graph)"), qr/permission denied for table link/, 'nor rows');
$node->safe_psql('postgres', 'GRANT SELECT ON topo_g.link TO reader');
is($two->run("SELECT topo.reachable_count('{n1}', $graph)"), 19, 'with it there is');
$node->safe_psql('postgres', 'REVOKE USAGE ON SCHEMA topo_g FROM reader');
like($two->failure("SELECT topo.reachable_count('{n1}', $graph)"), qr/permission denied for schema topo_g/, 'without the schema there is none');
$node->safe_psql('postgres', "GRANT USAGE ON SCHEMA topo_g TO reader;
	ALTER TABLE topo_g.link ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON topo_g.link TO reader USING (src <> topo.node_id('n5'))");
is($two->run("SELECT topo.reachable_count('{n1}', $graph)"), 4, 'row security on links is obeyed');
$node->safe_psql('postgres', 'ALTER TABLE topo_g.link DISABLE ROW LEVEL SECURITY');
is($two->run("SELECT topo.reachable_count('{n1}', $graph)"), 19, 'as long as it is on');
$node->safe_psql('postgres', "ALTER TABLE topo.node ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON topo.node TO reader USING (name <> 'n3')");
is($two->run("SELECT string_agg(node, ' ') FROM topo.traverse('{n1}', max_depth => 3, $graph)"), 'n1 n2', 'row security on nodes is, too: what is hidden is not there, nor a way over it');
is($two->run("SELECT topo.reachable_count('{n1}', through_external => $_, $graph)"), 1, "reachable_count(), $_") foreach qw(false true);
is($two->run("SELECT count(*) FROM topo.shortest_path('n2', 'n4', '{g}')"), 0, 'shortest_path()');
is($two->run("SELECT count(*) FROM topo.paths('n2', 'n4', graphs => '{g}', through_external => $_)"), 0, "paths(), $_") foreach qw(false true);
is($two->run("SELECT string_agg(size::text, ' ' ORDER BY size) FROM (SELECT DISTINCT size FROM topo.components(graphs => '{g}', through_external => $_)) c"), '2 17', "components(), $_") foreach qw(false true);
is($two->run("SELECT count(*) FROM topo.traverse('{n1}', $graph, hops => '[{}, {}, {}]')"), 2, 'hops');
$node->safe_psql('postgres', 'ALTER TABLE topo.node DISABLE ROW LEVEL SECURITY');
$two->run('RESET ROLE');

# SERIALIZABLE reads have to be seen.
$two->run('BEGIN ISOLATION LEVEL SERIALIZABLE');
reaches($two, 'n1', 19, 0, 'serializable');
$two->run('COMMIT');

# Memory: what does not fit is answered from the tables.
$node->append_conf('postgresql.conf', "topology.snapshot_memory = 1kB\n");
$node->reload;
my (undef, undef, $error) = $node->psql('postgres', "SELECT topo.take_snapshot('g')");
like($error, qr/no room for a snapshot/, 'a snapshot that does not fit is refused');
reaches($one, 'n1', 19, 0, 'without room');
like($node->safe_psql('postgres', "SELECT last_error FROM topo.snapshot_status WHERE graph = 'g'"), qr/no room/, 'the status says why');
$node->append_conf('postgresql.conf', "topology.snapshot_memory = 1GB\n");
$node->reload;
take();
reaches($one, 'n1', 19, 1, 'with room');

# A crash takes snapshots, but nothing of what they said.
$one->run("BEGIN; SELECT public.link('n20', 'c1'); PREPARE TRANSACTION 'crash'");
my $victim = $one->run('SELECT pg_backend_pid()');
kill 'KILL', $victim;
$_->end foreach $one, $two;
poll_until(sub { return eval { take() } });
$one = Topology::Session->new($node);
$two = Topology::Session->new($node);
reaches($one, 'n1', 19, 1, 'after a crash');
$one->run("COMMIT PREPARED 'crash'");
reaches($two, 'n1', 20, 1, 'what was prepared before the crash is committed');

# What is dropped takes its snapshot with it.
$one->run("SELECT topo.drop_graph('g'); SELECT topo.create_graph('g'); SELECT topo.load_edges('g', 'VALUES (''n1'', ''n2'')')");
reaches($two, 'n1', 1, undef, 'made anew');
take();
reaches($two, 'n1', 1, 1, 'with a snapshot of its own');
is($node->safe_psql('postgres', 'SELECT count(*) FROM topo.snapshots()'), 1, 'that of the old one is gone');
$_->end foreach $one, $two;
$node->safe_psql('postgres', "CREATE DATABASE other; DROP DATABASE other");
$node->safe_psql('postgres', "SELECT topo.drop_graph(name) FROM topo.graph; DROP EXTENSION topology");
$node->stop('fast');
done_testing();
