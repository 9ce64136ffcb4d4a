# What is remembered of windows is what the tables hold: for whoever asks, in whatever
# transaction, whatever comes late, is rolled up again, hidden or rewritten.
use strict;
use warnings;
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

$ENV{PG_ABS_SRCDIR} = "$FindBin::Bin/..";
my $node = new_server('history_memos', map => 0, conf => "topology.maintenance_interval = 0\nautovacuum = off\ntimezone = 'UTC'\n");

$node->safe_psql('postgres', 'CREATE EXTENSION topology');
my $writer = Topology::Session->new($node);
$writer->run("\\i $FindBin::Bin/../lib/filled_windows.sql");
$writer->run("SELECT pg_temp.clock('2020-11-23 00:10Z'), topo.maintain_windows(); COMMIT");
# of all sessions
$node->safe_psql('postgres', slurp_file("$FindBin::Bin/../lib/plain_history.sql") =~ s/pg_temp\./public./gr);
$node->safe_psql('postgres', 'ALTER SYSTEM SET topology.clock_offset = ' . $writer->run("SELECT current_setting('topology.clock_offset')::numeric"));
$node->reload;

my $reader = Topology::Session->new($node);
my $hours = "NULL, 'b', '[2020-11-20,2020-11-23)', '1 hour', '{network,ipc,trace,own}'";

# What history() says, in short.
sub answer { my ($session, $question) = @_; return $session->run("SELECT md5(string_agg(h::text, '' ORDER BY bucket)) FROM topo.history(" . ($question // $hours) . ') h'); }

# What has been counted since this was last asked.
my %counted;

sub counted
{
	my ($what) = @_;
	my $now = $node->safe_psql('postgres', "SELECT $what FROM topo.memo_status");
	my $more = $now - ($counted{$what} // 0);

	$counted{$what} = $now;
	return $more;
}

# A test: history() answers as the tables do, and there is something in it.
sub answers_as_the_tables
{
	my ($session, $what, $question) = @_;

	like($session->run('SELECT otherwise, filled > 0 FROM public.compared_history(' . ($question // $hours) . ')'), qr/^0\|t$/, $what);
	return;
}

# Asked again, packs are not read again.
counted($_) foreach qw(hits misses kept);
my $first = answer($reader);
my $lots = counted('misses');
cmp_ok($lots, '>', 100, 'what was never asked for is not remembered');
is(counted('kept'), $lots, 'then it is');
is(answer($reader), $first, 'asked again, the answer is the same');
is_deeply([ counted('hits'), counted('misses') ], [ $lots, 0 ], 'and remembered');
answers_as_the_tables($reader, 'which is that of the tables');
counted($_) foreach qw(hits misses);
answers_as_the_tables($reader, 'steps of other lengths', "NULL, 'b', '[2020-11-20 06:00,2020-11-23)', '3 hours', '{network,ipc,trace,own}'");
is(counted('misses'), 0, 'use the same memos');
answers_as_the_tables($reader, 'other nodes', "'a', 'b', '[2020-11-20,2020-11-23)', '1 hour', NULL");
cmp_ok(counted('misses'), '>', 0, 'do not');
answers_as_the_tables($reader, 'one callee is not another', "NULL, 'c', '[2020-11-20,2020-11-23)', '1 hour', '{network,ipc,trace,own}'");
answers_as_the_tables($reader, 'callers and callees change places', "'b', NULL, '[2020-11-20,2020-11-23)', '1 hour', NULL");
answers_as_the_tables($reader, 'an app is not its cluster', "NULL, 'cluster:b-1', '[2020-11-20,2020-11-23)', '1 hour', NULL");

# What comes late is in the answer at once: for who writes it, and, once that is committed, for all.
my $old = Topology::Session->new($node);
$old->run('BEGIN ISOLATION LEVEL REPEATABLE READ');
is(answer($old), $first, 'a transaction begins');
$writer->run("BEGIN; SELECT pg_temp.fill_all('2020-11-21 22:30Z', 60, 300, 6)");
my $late = answer($writer);
isnt($late, $first, 'what comes late is in the answer of who writes it');
answers_as_the_tables($writer, 'as the tables have it');
is(answer($reader), $first, 'but not of others');
counted('kept');
$writer->run("SELECT pg_temp.clock('2020-11-23 00:20Z'), topo.maintain_windows()");
is(answer($writer), $late, 'rolled up, it is the same');
answers_as_the_tables($writer, 'as the tables have it');
is(counted('kept'), 0, 'what is not committed is not remembered');
is(answer($reader), $first, 'nor in the answer of others');
$writer->run('COMMIT');
is(answer($reader), $late, 'until it is committed');
cmp_ok(counted('kept'), '>', 0, 'then it is remembered');
answers_as_the_tables($reader, 'as the tables have it');
is(answer($old), $first, 'a transaction that began before sees what was then');
answers_as_the_tables($old, 'as the tables have it');
$old->run('COMMIT');
is(answer($old), $late, 'and the next what is now');

# What is undone was never there.
$writer->run('BEGIN; SAVEPOINT s; DELETE FROM topo_ipc.edge_hour');
isnt(answer($writer), $late, 'windows that are deleted are not in the answer');
answers_as_the_tables($writer, 'as the tables have it');
$writer->run('ROLLBACK TO s');
is(answer($writer), $late, 'unless that is undone');
$writer->run('ROLLBACK');

# Rows of a transaction may take the places of others that it wrote.
# Without ON_ERROR_ROLLBACK, which has a transaction for each statement.
$writer->run(<<'EOT');
\set ON_ERROR_ROLLBACK off
CREATE TEMP TABLE hour AS SELECT w.*, lead(pack, 1, pack) OVER (ORDER BY bucket) AS other FROM topo_ipc.edge_hour w ORDER BY bucket;
BEGIN;
TRUNCATE topo_ipc.edge_hour;
INSERT INTO topo_ipc.edge_hour (bucket, part, src, last_src, first_seen, last_seen, pack) SELECT bucket, part, src, last_src, first_seen, last_seen, pack FROM hour;
EOT
answers_as_the_tables($writer, 'windows are written anew');
$writer->run(<<'EOT');
TRUNCATE topo_ipc.edge_hour;
INSERT INTO topo_ipc.edge_hour (bucket, part, src, last_src, first_seen, last_seen, pack) SELECT bucket, part, 0, 1000000, first_seen, last_seen, other FROM hour;
EOT
answers_as_the_tables($writer, 'and others in their places');
$writer->run('ROLLBACK');
is(answer($writer), $late, 'nothing of that stays');
$node->safe_psql('postgres', 'DELETE FROM topo_ipc.edge_hour WHERE bucket IN (SELECT min(bucket) FROM topo_ipc.edge_hour); VACUUM FULL topo_ipc.edge_hour');
answers_as_the_tables($reader, 'rows change places when a table is rewritten');
isnt(answer($reader), $late, 'one that was deleted is gone');

# Nobody is told what he may not see, whoever has asked before.
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE even LOGIN IN ROLE topo_reader;
ALTER TABLE topo_own.edge_hour ENABLE ROW LEVEL SECURITY;
CREATE POLICY even ON topo_own.edge_hour TO even USING (extract(hour FROM bucket)::integer % 2 = 0);
EOT
my $own = "NULL, 'b', '[2020-11-20,2020-11-23)', '3 hours', '{own}'";
my $all = answer($reader, $own);
my $even = Topology::Session->new($node);
$even->run('SET SESSION AUTHORIZATION even');
isnt(answer($even, $own), $all, 'windows are hidden from a role');
answers_as_the_tables($even, 'as the tables have it', $own);
is(answer($reader, $own), $all, 'and not from others');
answers_as_the_tables($reader, 'as the tables have it', $own);
like($even->failure('SELECT topo.forget_memos()'), qr/permission denied/, 'who may not, does not have memos forgotten');

# Forgotten, they are made again.
cmp_ok($reader->run('SELECT topo.forget_memos()'), '>', 100, 'memos are forgotten');
is($reader->run('SELECT memos, bytes FROM topo.memo_status'), '0|0', 'all of them');
answers_as_the_tables($reader, 'the answer stays');
cmp_ok($reader->run('SELECT memos FROM topo.memo_status'), '>', 100, 'and they are back');
$_->end foreach $writer, $reader, $old, $even;

# With little room for memos, of which there are more; while windows come, are merged and rolled up.
$node->append_conf('postgresql.conf', "topology.memo_memory = 32kB\n");
$node->restart;
append_to_file($node->basedir . '/ask.sql', <<'EOT');
\set node random(1, 6)
\set day random(20, 22)
\set hours random(1, 3)
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 / (otherwise = 0)::integer FROM public.compared_history((ARRAY['a', 'b', 'c', 'd', 'e', NULL])[:node], NULL, tstzrange(make_timestamptz(2020, 11, :day, 0, 0, 0), '2020-11-23'), make_interval(hours => :hours), '{ipc,trace}');
COMMIT;
EOT
append_to_file($node->basedir . '/write.sql', <<'EOT');
BEGIN;
INSERT INTO topo_ipc.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
SELECT b, s.id, d.id, b, b, topo.traffic(requests => 1)
FROM date_trunc('minute', '2020-11-21 22:00Z'::timestamptz + random() * interval '13 hours') b, topo.node s, topo.node d WHERE s.name = 'a' AND d.type = 'app';
SELECT topo.windows_changed('ipc', ARRAY(SELECT bucket FROM topo_ipc.edge_window WHERE xmin = pg_current_xact_id()::xid AND pack IS NULL));
COMMIT;
SELECT topo.maintain_windows();
EOT
$node->command_ok([ 'pgbench', '-n', '-c', 4, '-t', 20, '-f', $node->basedir . '/ask.sql@7', '-f', $node->basedir . '/write.sql@1', '-d', 'postgres', '-p', $node->port, '-h', $node->host ],
	'all who ask at once are answered as the tables do');
is($node->safe_psql('postgres', 'SELECT memory, hits > 0, evicted > 0, bytes <= memory FROM topo.memo_status'), '32768|t|t|t', 'memos go for others');

# Without any.
$node->append_conf('postgresql.conf', "topology.memo_memory = 0\n");
$node->restart;
$reader = Topology::Session->new($node);
answers_as_the_tables($reader, 'without memory for memos, the tables are read') foreach 1, 2;
is($reader->run('SELECT memory, hits, misses FROM topo.memo_status'), '0|0|0', 'and nothing is remembered');
is($reader->run('SELECT topo.forget_memos()'), 0, 'nor forgotten');
$reader->end;
$node->stop;
done_testing();
