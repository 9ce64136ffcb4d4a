# What was merged once is remembered: of panels that ask again while late data comes, is
# rolled back or deleted, windows are merged, rolled up, dropped and rewritten, whoever
# asks is told the same as without memos, in whichever transaction.  TOPOLOGY_SEED repeats
# a run, TOPOLOGY_STEPS makes it longer.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

my $seed = $ENV{TOPOLOGY_SEED} // time;
my $steps = $ENV{TOPOLOGY_STEPS} // 250;
my $node = new_server('memos', conf => <<'EOT');
topology.maintenance_interval = 0
topology.memo_memory = 2MB
topology.rollup_delay = 0
max_prepared_transactions = 10
EOT

srand $seed;
note "seed $seed";

$node->safe_psql('postgres', <<'EOT');
CREATE PROCEDURE set_clock(at timestamptz DEFAULT '2020-11-22 13:10Z') LANGUAGE sql AS $$
	SELECT set_config('topology.clock_offset', extract(epoch FROM at - now())::text, false)
$$;
CALL set_clock();
SELECT topo.create_graph('m'), topo.set_graph('m', '{"retention": "infinite", "grains": ["1 minute", "10 minutes", "1 hour", "1 day"]}');
INSERT INTO topo.node (id, type, name) SELECT i, CASE WHEN i % 5 = 0 THEN 'cluster' ELSE 'app' END, 'm' || i FROM generate_series(1, 60) i;
UPDATE topo.node c SET parent = c.id + 1 WHERE c.type = 'cluster' AND c.id < 60;

-- Windows of so many edges in each of some minutes.
CREATE FUNCTION fill(begin timestamptz, minutes integer, many integer, salt integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.ensure_partitions('m', '1 minute', tstzrange(begin, begin + minutes * interval '1 minute'));
	INSERT INTO topo_m.edge_window (bucket, src, dst, type, endpoint, via, confidence, first_seen, last_seen, traffic)
	SELECT b, 1 + k / 60, 1 + k % 60, k % 2, CASE WHEN k % 7 = 0 THEN k % 60 + 1 END, CASE WHEN k % 11 = 0 THEN ARRAY[(k % 60 + 1)::bigint] END,
		   CASE WHEN k % 3 = 0 THEN 0.5 ELSE 1 END, b + k % 29 * interval '1 second', b + (30 + k % 29) * interval '1 second',
		   topo.traffic(connections => 1 + salt, bytes_sent => k, requests => k % 3, latency_ms => array_fill((k % 1000 + 1)::double precision, ARRAY[k % 3]))
	FROM generate_series(0, minutes - 1) m, LATERAL (SELECT begin + m * interval '1 minute') t (b),
		 LATERAL (SELECT (k * 1009 + salt * 37) % 3600 AS k FROM generate_series(1, many) k) e;
	PERFORM topo.windows_changed('m', ARRAY(SELECT begin + m * interval '1 minute' FROM generate_series(0, minutes - 1) m));
END
$$;
SELECT fill('2020-11-22 10:30Z', 160, 1100, 1);
CALL set_clock('2020-11-22 13:15Z');
SELECT topo.maintain_windows();

CREATE FUNCTION answers(asked tstzrange, at_level text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(E'\n',
		(SELECT string_agg(e::text, E'\n' ORDER BY e.source COLLATE "C", e.target COLLATE "C") FROM topo.edges(asked, '{m}', at_level) e),
		(SELECT string_agg(t::text, E'\n') FROM topo.traverse('{m1}', graphs => '{m}', during => asked, level => at_level) t),
		(SELECT string_agg('busiest ' || t, E'\n') FROM topo.traverse('{m1}', 'both', graphs => '{m}', during => asked, level => at_level, edge_limit => 2, max_depth => 3) t))
$$;
CREATE FUNCTION compare(asked tstzrange, at_level text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	remembered text;
	merged text;
BEGIN
	SET LOCAL topology.use_memos = on;
	remembered := answers(asked, at_level);
	SET LOCAL topology.use_memos = off;
	merged := answers(asked, at_level);
	SET LOCAL topology.use_memos = on;
	IF remembered IS NOT DISTINCT FROM merged THEN
		RETURN 'same';
	END IF;
	RETURN (SELECT string_agg(l, E'\n') FROM (
		(SELECT 'remembered: ' || l FROM unnest(string_to_array(remembered, E'\n')) l EXCEPT SELECT 'remembered: ' || l FROM unnest(string_to_array(merged, E'\n')) l) UNION ALL
		(SELECT 'merged: ' || l FROM unnest(string_to_array(merged, E'\n')) l EXCEPT SELECT 'merged: ' || l FROM unnest(string_to_array(remembered, E'\n')) l) LIMIT 6) d (l));
END
$$;
EOT

# Windows are merged once they have been left alone for a minute.
sub later { return "CALL set_clock('2020-11-22 13:15Z'); $_[0]; CALL set_clock()" }

sub hits { return $node->safe_psql('postgres', 'SELECT hits FROM topo.memo_status') }

sub open_session
{
	my $session = Topology::Session->new($node);

	$session->run("SET client_min_messages = warning; SET lock_timeout = '1s'; CALL set_clock()");
	return $session;
}

# in turn: what is asked for the first, second and third time
my $one = open_session();
my $two = open_session();
my $panel = "SELECT sum(connections) FROM topo.edges('[2020-11-22 10:41Z,2020-11-22 12:55Z)', '{m}')";
my $sum = $one->run($panel);
my $hits = hits();
is($node->safe_psql('postgres', 'SELECT memos FROM topo.memo_status'), 0, 'what is asked for once is not remembered');
$one->run($panel);
is(hits(), $hits, 'the second question makes memos');
is($two->run($panel), $sum, 'the third');
is(hits(), $hits + 3, 'is answered from three of them, whoever asks');

# late data
my $late = "SELECT fill('2020-11-22 11:05Z', 1, 40, 9)";
$one->run("BEGIN; $late");
my $more = $one->run($panel);
is($more, $sum + 40 * 10, 'late data is seen at once by who writes it');
is($two->run($panel), $sum, 'and not by others');
$one->run('ROLLBACK');
$hits = hits();
is($one->run($panel), $sum, 'nor by anybody, if it is rolled back');
is(hits(), $hits + 3, 'where the memos are of use again');
$two->run("BEGIN ISOLATION LEVEL REPEATABLE READ; $panel");
$one->run("$late; " . later('SELECT topo.maintain_windows()'));
is($one->run($panel), $more, 'once it is merged');
is($two->run($panel), $sum, 'a transaction that began before does not see it');
$two->run('COMMIT');
is($two->run($panel), $more, 'the next one does');

# other packs in the very places of those that are gone
my $places = "SELECT string_agg(tableoid || ' ' || ctid, ',' ORDER BY ctid) FROM topo_m.edge_window WHERE bucket = '2020-11-22 12:52Z' AND pack IS NOT NULL";
$one->run('VACUUM FULL topo_m.edge_window');
my $were = $one->run($places);
$one->run($panel) foreach 1 .. 2;
$one->run(q(DELETE FROM topo_m.edge_window WHERE bucket = '2020-11-22 12:52Z'));
$one->run('VACUUM topo_m.edge_window');
$one->run(<<'EOT');
INSERT INTO topo_m.edge_window (bucket, part, src, last_src, first_seen, last_seen, pack)
SELECT '2020-11-22 12:52Z', part, src, last_src, first_seen, last_seen, pack FROM topo_m.edge_window WHERE bucket = '2020-11-22 11:05Z' AND pack IS NOT NULL
EOT
is($one->run($places), $were, 'where packs were others are put');
is($one->run($panel), $more + 40 * 10, 'these are told of');
$more += 40 * 10;

# whose rights they are
$node->safe_psql('postgres', <<'EOT');
CREATE ROLE stranger;
CREATE ROLE viewer;
GRANT USAGE ON SCHEMA topo, topo_m TO stranger, viewer;
GRANT SELECT ON ALL TABLES IN SCHEMA topo TO stranger, viewer;
GRANT SELECT ON ALL TABLES IN SCHEMA topo_m TO viewer;
EOT
$two->run('SET ROLE stranger');
like($two->failure($panel), qr/permission denied for table \w+/, 'who may not read windows is told nothing that is remembered');
$two->run('SET ROLE viewer');
is($two->run($panel), $more, 'who may, is');
$node->safe_psql('postgres', 'ALTER TABLE topo_m.edge_hour ENABLE ROW LEVEL SECURITY; CREATE POLICY some_callers ON topo_m.edge_hour TO viewer USING (src > 20)');
my $some = $two->run($panel);
cmp_ok($some, '<', $more, 'what row security hides is in nothing remembered');
is($two->run($panel), $some, 'neither the second time');
is($two->run("SELECT compare('[2020-11-22 10:41Z,2020-11-22 12:55Z)', 'cluster')"), 'same', 'and the rest is as without memos');
is($one->run($panel), $more, 'nor is what is remembered for them given to others');
$node->safe_psql('postgres', 'ALTER TABLE topo_m.edge_hour DISABLE ROW LEVEL SECURITY');
$two->run('RESET ROLE');

cmp_ok($node->safe_psql('postgres', 'SELECT topo.forget_memos()'), '>', 3, 'memos can be forgotten');
is($node->safe_psql('postgres', 'SELECT memos FROM topo.memo_status'), 0, 'then there are none');
is($one->run($panel), $more, 'and answers are the same');

# at random
sub pick { return $_[int rand @_]; }

sub minute { return "'2020-11-22 10:30Z'::timestamptz + " . int(rand 150) . " * interval '1 minute'" }

my %change = (
	late => sub { sprintf 'SELECT fill(%s, %d, %d, %d)', minute(), 1 + rand 3, 1 + rand 60, rand 20 },
	minutes => sub { sprintf 'DELETE FROM topo_m.edge_window WHERE bucket = %s AND src %% 2 = %d', minute(), rand 2 },
	hours => sub { "DELETE FROM topo_m.@{[pick('edge_hour', 'edge_ten_minutes')]} WHERE src = @{[1 + int rand 60]}" },
	merge => sub { later('SELECT topo.merge_next_minute() FROM generate_series(1, 5)') },
	roll => sub { later('SELECT topo.roll_up_next() FROM generate_series(1, 3)') },
	keep => sub { later('SELECT topo.maintain_windows()') });
my @changes = ((map { ($_) x 4 } qw(late merge roll)), qw(late late minutes hours keep));
my %alone = (
	rewrite => sub { 'VACUUM FULL topo_m.' . pick('edge_window', 'edge_hour', 'edge_ten_minutes') },
	vacuum => sub { 'VACUUM FREEZE topo_m.' . pick('edge_window', 'edge_hour', 'edge_ten_minutes') },
	grains => sub { sprintf q|SELECT topo.set_graph('m', '{"grains": ["1 minute", %s"1 hour", "1 day"]}')|, pick('', '"10 minutes", ') });
my @sessions = map { { session => $_, open => 0 } } $one, $two, open_session();
my @prepared;
my ($compared, $failures, $prepared, @trace) = (0, 0, 0);

sub try
{
	my ($s, $statement) = @_;

	push @trace, $statement;
	return 1 if eval { $s->{session}->run($statement); 1 };
	$failures++;
	$s->{session}->run('ROLLBACK') if $s->{open};
	$s->{open} = 0;
	return 0;
}

sub act
{
	my ($s) = @_;
	my $roll = rand;

	if (!$s->{open} && $roll < 0.3) { $s->{open} = try($s, 'BEGIN ISOLATION LEVEL ' . pick('REPEATABLE READ; SELECT FROM topo.graph', 'READ COMMITTED')) }
	elsif ($s->{open} && $roll < 0.3) { try($s, pick('COMMIT', 'ROLLBACK')); $s->{open} = 0 }
	elsif ($s->{open} && $roll < 0.36)
	{
		push @prepared, 'p' . ++$prepared if try($s, "PREPARE TRANSACTION 'p@{[$prepared + 1]}'");
		$s->{open} = 0;
	}
	elsif ($s->{open} && $roll < 0.5) { try($s, 'SAVEPOINT s; ' . $change{ pick(@changes) }->() . '; ROLLBACK TO SAVEPOINT s') }
	elsif (!@prepared && $roll < 0.4 && !grep { $_->{open} } @sessions) { try($s, $alone{ pick(keys %alone) }->()) }
	elsif (@prepared && $roll < 0.6) { try({ session => $s->{session}, open => 0 }, pick('COMMIT', 'ROLLBACK') . " PREPARED '" . shift(@prepared) . "'") unless $s->{open} }
	else { try($s, $change{ pick(@changes) }->()) }
	return;
}

# time passes slowly, so that they come again
sub compare
{
	my ($s, $step) = @_;
	my $end = sprintf "'2020-11-22 11:40Z'::timestamptz + %d * interval '1 minute'", $step / 8 + rand 2;
	my $call = sprintf "SELECT compare(tstzrange(%s - interval '%s', %s), '%s')", $end, pick('30 minutes', '70 minutes', '2 hours'), $end, pick('app', 'cluster');
	my $answer = $s->{session}->run($call);

	push @trace, $call;
	$compared++;
	return 1 if $answer eq 'same';
	diag join "\n", "seed $seed", @trace[ ($#trace > 40 ? -40 : -@trace) .. -1 ], $answer;
	return 0;
}

my $same = 1;
for (my $step = 0; $same && $step < $steps; $step++)
{
	act(pick(@sessions));
	$same = compare(pick(@sessions), $step);
}
ok($same, "$compared questions of panels are answered the same with memos and without");
cmp_ok(hits(), '>', $compared / 2, 'of ' . hits() . ' memos');
cmp_ok($failures, '<', $steps / 3, "$failures statements were refused for locks, or since somebody else had been there");
cmp_ok($node->safe_psql('postgres', 'SELECT evicted FROM topo.memo_status'), '>', 0, 'old ones went for others');
$_->{session}->end foreach @sessions;

# without any
$node->append_conf('postgresql.conf', "topology.memo_memory = 0\n");
$node->safe_psql('postgres', 'COMMIT PREPARED ' . "'$_'") foreach @prepared;
$node->restart;
is($node->safe_psql('postgres', 'SELECT memory, memos, hits FROM topo.memo_status'), '0|0|0', 'a server may do without');
cmp_ok($node->safe_psql('postgres', "CALL set_clock(); $panel"), '>', 0, 'and answers');
$node->stop('fast');
done_testing();
