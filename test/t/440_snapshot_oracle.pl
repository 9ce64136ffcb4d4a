# Random interleavings of transactions that change links and names, with snapshots
# taken in between: whoever asks is told the same from snapshots as from the tables,
# row for row.  TOPOLOGY_SEED repeats a run, TOPOLOGY_STEPS makes it longer.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Session;

my $seed = $ENV{TOPOLOGY_SEED} // time;
my $steps = $ENV{TOPOLOGY_STEPS} // 3000;
my $node = new_server('oracle', conf => "max_prepared_transactions = 20\nlog_statement = none\nlog_min_messages = fatal\n");

srand $seed;
note "seed $seed";

$node->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('o1'), topo.create_graph('o2');
INSERT INTO topo.node (id, type, name, tier) SELECT i, CASE WHEN i % 5 = 0 THEN 'cluster' WHEN i % 7 = 0 THEN 'external' WHEN i % 11 = 0 THEN 'address' ELSE 'app' END, 'o' || i, i % 3 FROM generate_series(1, 40) i;
INSERT INTO topo.edge_type (id, name) VALUES (1, 'reads'), (2, 'writes');
INSERT INTO topo_o1.link (level, src, dst, type)
SELECT (CASE WHEN i % 3 = 0 THEN 'c' ELSE 'a' END)::"char", i % 37 + 1, i * 7 % 31 + 1, i % 2 FROM generate_series(1, 60) i ON CONFLICT DO NOTHING;
INSERT INTO topo_o2.link (src, dst, type) SELECT i % 11 + 1, i * 5 % 29 + 1, i % 3 FROM generate_series(1, 30) i ON CONFLICT DO NOTHING;

-- What all functions say, as one text
CREATE FUNCTION public.answers(starts text[], target text, direction text, k integer, of_graphs text[], types text[], filter jsonb, at_level text, through boolean, steps jsonb)
RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(E'\n',
		-- fetched one by one, in the order in which they come; the page below goes over a tuplestore
		(SELECT string_agg(row(t.node, t.node_type, t.depth, t.parent, t.graphs)::text, E'\n')
		 FROM topo.traverse(starts, direction, k, of_graphs, edge_types => types, node_filter => filter, level => at_level, through_external => through) t),
		(SELECT string_agg(row(t.node, t.node_type, t.depth, t.parent, t.graphs)::text, E'\n')
		 FROM topo.traverse(starts, direction, graphs => of_graphs, edge_types => types, node_filter => filter, level => at_level, through_external => through, hops => steps) t),
		'count ' || topo.reachable_count(starts, direction, graphs => of_graphs, edge_types => types, node_filter => filter, level => at_level, through_external => through, hops => steps),
		'count ' || topo.reachable_count(starts, direction, k, of_graphs, edge_types => types, node_filter => filter, level => at_level, through_external => through),
		(SELECT string_agg(t::text, E'\n' ORDER BY t.ordinality)
		 FROM topo.traverse(starts, direction, k, of_graphs, edge_types => types, level => at_level, max_nodes => 4, through_external => through, with_properties => '{tier,name}') WITH ORDINALITY t),
		(SELECT string_agg(p::text, E'\n' ORDER BY p.step)
		 FROM topo.shortest_path(starts[1], target, of_graphs, max_depth => k, direction => answers.direction, level => at_level, edge_types => types, through_external => through) p))
$$;
CREATE FUNCTION public.compare(starts text[], target text, direction text, k integer, of_graphs text[], types text[], filter jsonb, at_level text, through boolean, steps jsonb)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	of_snapshot text;
	of_tables text;
BEGIN
	SET LOCAL topology.use_snapshot = on;
	of_snapshot := public.answers(starts, target, direction, k, of_graphs, types, filter, at_level, through, steps);
	SET LOCAL topology.use_snapshot = off;
	of_tables := public.answers(starts, target, direction, k, of_graphs, types, filter, at_level, through, steps);
	SET LOCAL topology.use_snapshot = on;
	RETURN CASE WHEN of_snapshot = of_tables THEN 'same'
				ELSE format(E'snapshot:\n%s\ntables:\n%s', of_snapshot, of_tables) END;
END $$;
EOT

my $taker = Topology::Session->new($node);
my @sessions = map { { session => Topology::Session->new($node), number => $_ } } 1 .. 4;
my %prepared;
my $prepared = 0;
my ($compared, $failures, @trace) = (0, 0);

sub pick { return $_[int rand @_]; }

sub graph { return pick('topo_o1', 'topo_o1', 'topo_o2'); }

sub id { return 1 + int rand 40; }

# Run a statement in a session; it may fail, and ends the transaction then.
sub try
{
	my ($s, $statement) = @_;

	push @trace, "$s->{number}: $statement";
	return 1 if eval { $s->{session}->run($statement); 1 };
	$failures++;
	finish($s, 'ROLLBACK');
	return 0;
}

sub finish
{
	my ($s, $command) = @_;

	push @trace, "$s->{number}: $command";
	eval { $s->{session}->run($command) };
	$s->{open} = $s->{repeatable} = $s->{savepoint} = 0;
	return;
}

my %change = (
	insert => sub { sprintf "INSERT INTO %s.link (level, src, dst, type) VALUES ('%s', %d, %d, %d) ON CONFLICT DO NOTHING", graph(), pick('a', 'a', 'c'), id(), id(), rand 3 },
	remove => sub { sprintf 'DELETE FROM %s.link WHERE src = %d', graph(), id() },
	update => sub { sprintf 'UPDATE %s.link SET type = (type + 1) %% 3 WHERE dst = %d', graph(), id() },
	move => sub { sprintf 'UPDATE %s.link SET dst = dst %% 40 + 1 WHERE src = %d AND type = %d', graph(), id(), rand 3 },
	again => sub { my $g = graph(); my $i = id(); "WITH gone AS (DELETE FROM $g.link WHERE src = $i RETURNING *) INSERT INTO $g.link SELECT level, src, dst % 40 + 1, type FROM gone ON CONFLICT DO NOTHING" },
	bulk => sub { my $g = graph(); my $i = int rand 1000; "INSERT INTO $g.link (src, dst) SELECT n, n FROM generate_series(100000 + $i, 112000 + $i) n ON CONFLICT DO NOTHING; DELETE FROM $g.link WHERE src > 99999" },
	rename => sub { sprintf "UPDATE topo.node SET name = 'o%s' WHERE id = %d", pick('x', 'y') . id(), id() },
	retype => sub { sprintf "UPDATE topo.node SET type = '%s' WHERE id = %d", pick('app', 'external', 'address'), id() },
	forget => sub { sprintf 'DELETE FROM topo.node WHERE id = %d', 35 + rand 6 },
	name => sub { my $i = 35 + int rand 6; "INSERT INTO topo.node (id, type, name) VALUES ($i, '@{[pick('app', 'external')]}', 'o$i') ON CONFLICT DO NOTHING" });
my @changes = ((map { ($_) x 6 } qw(insert insert remove update move again)), qw(rename rename retype retype name name forget bulk));

sub act
{
	my ($s) = @_;
	my $roll = rand;

	if (!$s->{open} && $roll < 0.5)
	{
		$s->{repeatable} = rand() < 0.4;
		$s->{open} = 1;
		try($s, 'BEGIN ISOLATION LEVEL ' . ($s->{repeatable} ? 'REPEATABLE READ; SELECT 1 FROM topo.graph' : 'READ COMMITTED'));
	}
	elsif ($s->{open} && $roll < 0.12) { finish($s, 'COMMIT') }
	elsif ($s->{open} && $roll < 0.2) { finish($s, 'ROLLBACK') }
	elsif ($s->{open} && $roll < 0.24)
	{
		my $name = 'p' . ++$prepared;

		$prepared{$name} = 1 if try($s, "PREPARE TRANSACTION '$name'");
		$s->{open} = $s->{repeatable} = $s->{savepoint} = 0;
	}
	elsif ($s->{open} && $roll < 0.34) { $s->{savepoint} = try($s, 'SAVEPOINT s') }
	elsif ($s->{savepoint} && $roll < 0.44) { try($s, 'ROLLBACK TO SAVEPOINT s') }
	elsif ($s->{savepoint} && $roll < 0.47) { try($s, 'RELEASE SAVEPOINT s'); $s->{savepoint} = 0 }
	elsif (!$s->{open} && $roll < 0.53 && !grep { $_->{open} } @sessions) { try($s, 'TRUNCATE ' . graph() . '.link') }
	else { try($s, $change{ pick(@changes) }->()) }
	return;
}

# Chained steps
sub steps
{
	return '[' . join(', ', map { '{' . join(', ',
		pick('', '"direction": "in"', '"direction": "both"'),
		pick('', '', '"edge_types": ["calls", "reads"]'),
		pick('', '', '"node_filter": {"tier": [1, 2]}'),
		pick('', '', '', '"edge_limit": 2, "edge_order": "name"')) =~ s/^(, )+|(, )+$//gr =~ s/(, )+/, /gr . '}' } 1 .. 1 + int rand 3) . ']';
}

sub settle_prepared
{
	my ($name) = pick(keys %prepared);
	my $command = pick('COMMIT', 'COMMIT', 'ROLLBACK') . " PREPARED '$name'";

	push @trace, $command;
	delete $prepared{$name};
	$taker->run($command);
	return;
}

sub compare
{
	my ($s) = @_;
	my @known = split /\n/, $s->{session}->run("SELECT topo.node_label(type, name) FROM topo.node ORDER BY hashint8(id + $compared) LIMIT 3");
	my $call = sprintf "SELECT public.compare('{%s}', '%s', '%s', %s, '{%s}', %s, %s, '%s', %s, '%s')",
	  join(',', @known[ 0 .. int rand 2 ]), $known[2], pick('out', 'in', 'both'), pick('NULL', 1, 2, 3), pick('o1', 'o2', 'o1,o2'),
	  pick('NULL', 'NULL', "'{calls}'", "'{calls,writes}'"), pick('NULL', 'NULL', q('{"tier": [0, 1]}')), pick('app', 'app', 'cluster'), pick('false', 'false', 'true'), steps();
	my $answer = $s->{session}->run($call);

	push @trace, "$s->{number}: $call";
	$compared++;
	return 1 if $answer eq 'same';
	diag join "\n", "seed $seed", @trace[ -60 .. -1 ], $answer;
	return 0;
}

$_->{session}->run("SET lock_timeout = '5ms'") foreach @sessions;
my $same = 1;
for (my $step = 0; $same && $step < $steps; $step++)
{
	my $s = pick(@sessions);

	act($s);
	settle_prepared() if %prepared && rand() < 0.1;
	if (rand() < 0.06)
	{
		my $g = pick('o1', 'o2');

		push @trace, "take $g";
		$taker->run("SELECT topo.take_snapshot('$g')");
	}
	$same = compare(pick(@sessions)) if $same;
}
ok($same, "$compared comparisons, of snapshots and of tables, found the same");
my $uses = $node->safe_psql('postgres', 'SELECT sum(uses) FROM topo.snapshot_status');
cmp_ok($uses, '>', 2 * $compared, "in $uses cases snapshots answered");
cmp_ok($failures, '<', $steps / 4, "$failures statements were refused for locks, or since somebody else had been there");
$_->{session}->end foreach @sessions;
$taker->end;
$node->stop('fast');
done_testing();
