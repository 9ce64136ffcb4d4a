# A question of a large range of time that is cancelled while it reads, merges or writes
# out ends at once, and leaves nothing behind: no memory, no file, and a session that
# answers the next one.
use strict;
use warnings;
use List::Util qw(min max);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;
use Topology::Session;

my $node = new_server('cancelled', conf => "topology.maintenance_interval = 0\njit = off\nwork_mem = 64MB\nfsync = off\n");

# A map of 300 apps and 45,000 edges, in packs of a minute, of which two hours are copies.
$node->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('g', '{"retention": "infinite"}');
INSERT INTO topo.node (type, name) SELECT 'app', 'n' || i FROM generate_series(1, 300) i;
SELECT topo.ensure_partitions('g', '1 minute', '[2026-01-05 10:00Z,2026-01-05 12:00Z)');
INSERT INTO topo_g.edge_window (bucket, part, src, dst, first_seen, last_seen, traffic)
SELECT '2026-01-05 10:00Z', 6, s.id, d.id, '2026-01-05 10:00:05Z', '2026-01-05 10:00:50Z', topo.traffic(connections => 1 + s.id % 7, bytes_sent => d.id)
FROM topo.node s, topo.node d WHERE s.name ~ '^n\d+$' AND d.name ~ '^n\d+$' AND (s.id + d.id) % 2 = 0;
SELECT topo.merge_rows('topo_g', g, ARRAY['2026-01-05 10:00Z'::timestamptz], '6::smallint') FROM topo.grain g WHERE g.graph = 'g' AND g.relation = 'edge_window';
INSERT INTO topo_g.edge_window (bucket, part, src, last_src, first_seen, last_seen, pack)
SELECT w.bucket + i * interval '1 minute', w.part, w.src, w.last_src, w.first_seen, w.last_seen, w.pack FROM topo_g.edge_window w, generate_series(1, 119) i WHERE w.pack IS NOT NULL;
VACUUM ANALYZE;
EOT
my $session = Topology::Session->new($node);

sub memory_held { return $session->run('SELECT sum(total_bytes) FROM pg_backend_memory_contexts') }

# Cancel a question after so many seconds; how many it ends later, the best of three tries.
sub lateness
{
	my ($query, $seconds) = @_;
	my $timeout = max(1, int(1000 * $seconds));
	my @late;

	for (1 .. 3)
	{
		my $began = time;
		my ($answer, $problem) = $session->ask("SET statement_timeout = $timeout; $query");

		push @late, time - $began - $timeout / 1000 if $problem =~ /canceling statement due to statement timeout/;
		$session->run('RESET statement_timeout');
	}
	return min(@late);
}

sub ends_at_once
{
	my ($name, $query, $settings) = @_;

	$session->run($settings // '');
	my $answer = $session->run($query);
	my $began = time;

	is($session->run($query), $answer, "$name: an answer");
	my $whole = time - $began;
	my $first = lateness($query, 0.1 * $whole);
	my $held = memory_held();
	my @late = ($first, map { lateness($query, $_ * $whole) } 0.3, 0.6);

	is(scalar(grep { !defined } @late), 0, "$name: it can be cancelled at each time");
	my $late = max(map { $_ // $whole } @late);
	note sprintf '%s: %.0f ms; cancelled, it ends %.0f ms late', $name, 1000 * $whole, 1000 * $late;
	cmp_ok($late, '<', max(0.1, 0.3 * $whole), "$name: it ends at once");
	cmp_ok(memory_held(), '<', $held + 1_000_000, "$name: no memory is held");
	is($session->run('SELECT count(*) FROM pg_ls_tmpdir()'), 0, "$name: no file is left");
	is($session->run("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'topo%'"), 0, "$name: no lock is held");
	is($session->run($query), $answer, "$name: the same answer afterwards");
	$session->run('RESET work_mem; RESET hash_mem_multiplier');
	return;
}

my $range = "'[2026-01-05 10:00Z,2026-01-05 12:00Z)'";
my $halves = "'[2026-01-05 10:00Z,2026-01-05 11:00Z)', '[2026-01-05 11:00Z,2026-01-05 12:00Z)'";

# what is remembered would be no merge
$session->run('SET topology.use_memos = off');

ends_at_once('edges', "SELECT count(*), sum(connections) FROM topo.edges($range, '{g}')");
ends_at_once('edges, by way of files', "SELECT count(*), sum(connections) FROM topo.edges($range, '{g}')", "SET work_mem = '2MB'; SET hash_mem_multiplier = 1");
ends_at_once('diff', "SELECT count(*), count(DISTINCT source) FROM topo.diff($halves, '{g}', least_change => 1)");
ends_at_once('traverse', "SELECT count(*), max(depth) FROM topo.traverse('{n1}', graphs => '{g}', during => $range)");
ends_at_once('traverse, ranked', "SELECT count(*), max(depth) FROM topo.traverse('{n1}', 'both', edge_limit => 3, graphs => '{g}', during => $range)");
ends_at_once('reachable_count', "SELECT topo.reachable_count('{n1}', graphs => '{g}', during => $range)");
ends_at_once('components', "SELECT count(DISTINCT component) FROM topo.components(graphs => '{g}', during => $range)");

$session->end;
$node->stop('fast');
done_testing();
