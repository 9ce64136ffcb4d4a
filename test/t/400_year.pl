# A year in a moment: calls and flows come, some of them late by hours or months, windows
# roll up and go; whatever range is asked for, at any time and in any time zone, the answer
# is what the raw records themselves say, at the grain that is left of them.  Then many
# come at once, of all ages, while windows are kept up.
use strict;
use warnings;
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

my $node = new_server('year', conf => "topology.maintenance_interval = 0\nfsync = off\n");

$node->safe_psql('postgres', slurp_file("$FindBin::Bin/../lib/year.sql"));
$node->safe_psql('postgres', <<'EOT');
SELECT topo.set_graph(g, '{"retention": {"1 day": "250 days"}, "adapt_partitions": false}') FROM unnest('{ipc,network}'::text[]) g;
SELECT topo.set_node('app', 's' || i), topo.set_address(('10.2.0.' || i)::inet, 's' || i, '[2024-01-01,)') FROM generate_series(0, 4) i;
EOT

# Whoever keeps windows up may be anywhere.
my @zones = qw(UTC America/New_York Asia/Kathmandu Australia/Lord_Howe Europe/Berlin);

sub at { return "'2025-01-01 12:00Z'::timestamptz + interval '$_[0] days'" }
# when windows are kept up, and answers are looked at
sub kept { return at($_[0]) . " + interval '2 minutes'" }

sub ask
{
	my ($day, $query, $zone) = @_;

	return $node->safe_psql('postgres',
		"SET client_min_messages = warning; SET timezone = '" . ($zone // 'UTC') . "'; CALL set_clock(" . kept($day) . "); $query");
}

# the days after the clocks were changed: in the Americas, in Europe, on Lord Howe
my %changed = (
	68 => 'America/New_York', 89 => 'Europe/Berlin', 95 => 'Australia/Lord_Howe',
	278 => 'Australia/Lord_Howe', 299 => 'Europe/Berlin', 306 => 'America/New_York');
my $today = 0;

# Days pass, a week at a time: what has come is taken, and two minutes later kept up.
sub live_until
{
	my ($last) = @_;
	my $steps = '';

	while ($today <= $last)
	{
		my $zone = $changed{$today} // $zones[ $today % @zones ];

		$steps .= "SET timezone = '$zone'; CALL set_clock(@{[at($today)]}); CALL take(@{[at($today)]}); SELECT topo.flush();\n"
		  . "CALL set_clock(@{[kept($today)]}); SELECT topo.maintain_windows();\n";
		last if $today == $last;
		$today = $today + 7 < $last ? $today + 7 : $last;
	}
	$node->safe_psql('postgres', "SET client_min_messages = warning;\n$steps");
	return;
}

# tests: whatever is asked for is answered rightly
sub answers_are_right
{
	my ($what) = @_;
	my ($with_edges, $wrong) = split /\|/, ask($today, "SELECT * FROM answers(40, @{[kept($today)]})"), -1;

	cmp_ok($with_edges, '>', 20, "$what: most ranges have edges");
	is($wrong, '', "$what: edges() is right for every range");
	return;
}

# tests: the tables of windows hold what they should, each by itself
sub windows_are_right
{
	my ($what) = @_;

	foreach my $graph (qw(ipc network))
	{
		is( ask($today, "SELECT string_agg(concat(grain, ': ', wrong, ' of ', expected), ', ' ORDER BY grain) FILTER (WHERE wrong > 0 OR expected = 0)
			FROM unnest('{1 minute,1 hour,1 day}'::interval[]) grain, wrong_windows('$graph', grain, @{[kept($today)]})"),
			'', "$what, $graph: windows of each width are right");
	}
	return;
}

# tests: series of a server's calls are right in every time zone
sub series_are_right
{
	my ($what, $unit, $days) = @_;

	foreach my $zone (@zones)
	{
		my ($buckets, $wrong) = split /\|/,
		  ask($today, "SELECT * FROM wrong_buckets('s1', tstzrange(date_trunc('$unit', @{[at($today - $days)]}), @{[at($today + 1)]}), '$unit', @{[kept($today)]})", $zone), -1;

		cmp_ok($buckets, '>', $days * ($unit eq 'hour' ? 23 : 0.9), "$what, $zone: $buckets buckets");
		is($wrong, '', "$what, $zone: history() is right by the $unit");
	}
	return;
}

foreach my $day (28, 68, 89, 95, 210, 278, 299, 306, 364)
{
	live_until($day);
	answers_are_right("after $day days");
	windows_are_right("after $day days");
	series_are_right("when clocks were changed in $changed{$day}", 'hour', 4) if $changed{$day};
}
is(ask(306, "SELECT count(*) FROM topo.history(NULL, 's1', '[2025-11-02,2025-11-03)', '1 hour')", 'America/New_York'), 25, 'a day of 25 hours has 25');
is(ask(68, "SELECT count(*) FROM topo.history(NULL, 's1', '[2025-03-09,2025-03-10)', '1 hour')", 'America/New_York'), 23, 'and one of 23 has 23');
series_are_right('all hours that are left', 'hour', 50);
series_are_right('all days', 'day', 300);

# late data that is not rolled up yet
$today = 371;
$node->safe_psql('postgres', 'CREATE TABLE dirty AS SELECT DISTINCT width, bucket FROM topo_ipc.dirty_rollup');
$node->safe_psql('postgres', 'SET client_min_messages = warning; CALL set_clock(' . at(371) . '); CALL take(' . at(371) . '); SELECT topo.flush()');
is(ask(371, "SELECT bool_and(dirty > 0) FROM topo.maintenance_status WHERE graph = 'ipc' AND grain >= '1 hour'"), 't', 'late records have dirtied hours and days');
is( $node->safe_psql('postgres', <<"EOT"), '0', 'just those that they are of');
WITH was AS (SELECT DISTINCT width, bucket FROM topo_ipc.dirty_rollup), due AS (
	SELECT width, bucket FROM dirty UNION SELECT w, date_bin(w, at, '2000-01-01Z') FROM come, unnest('{1 hour,1 day}'::interval[]) w
	WHERE graph = 'ipc' AND comes > @{[at(364)]})
SELECT count(*) FROM ((TABLE was EXCEPT TABLE due) UNION ALL (TABLE due EXCEPT TABLE was)) d
EOT
# nothing was kept up since
is(ask(371, "SELECT wrong FROM answers(40, @{[kept(364)]})"), '', 'and are in all answers');
live_until(371);
answers_are_right('rolled up');

# many at once, of all ages, while windows come and go
$node->safe_psql('postgres', <<"EOT");
INSERT INTO coming SELECT c.n + 100000, c.at, @{[at(378)]}, c.graph, c.client, c.server, c.amount, c.errors, c.ms
FROM come c WHERE c.at > @{[at(378)]} - interval '100 days' AND c.n % 3 = 0;
EOT

# Start a session that does this at a time.
sub session
{
	my ($at, $call) = @_;
	my $err = '';
	my @before = ("SET client_min_messages = warning", "SET topology.rollup_delay = 0", "CALL set_clock($at)");

	return { err => \$err,
		harness => IPC::Run::start(
			[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), map { ('-c', $_) } @before, $call ],
			'<', \undef, '>', '/dev/null', '2>', \$err,
			IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default)) };
}

my @sessions = (
	(map { session(at(378), "CALL take_in_turns(@{[at(378)]}, 3, $_)") } 0 .. 2),
	session(kept(378), "CALL keep_in_turns(@{[at(378)]})"));
$_->{harness}->finish foreach @sessions;
is(join('', map { ${ $_->{err} } } @sessions), '', 'three sessions ingest records of all ages while a fourth keeps windows up');
$today = 378;
live_until(378);
answers_are_right('what came at once');
series_are_right('what came at once', 'day', 100);

# each grain is kept for as long as it is to be
is( ask(378, <<'EOT'), "00:00:10|t\n00:01:00|t\n01:00:00|t\n1 day|t", 'nothing is kept for longer than it is to be');
SELECT s.grain, upper(s.during) - lower(s.during) <= s.retention + 3 * r.partition
FROM topo.maintenance_status s JOIN topo.grain r ON r.graph = s.graph AND r.width = s.grain WHERE s.graph = 'ipc' ORDER BY 1
EOT
is(ask(378, "SELECT sum(dirty) FROM topo.maintenance_status"), 0, 'and nothing is left to do');
foreach my $graph (qw(ipc network))
{
	is(ask(378, "SELECT string_agg(grain::text, ',') FROM unnest('{1 hour,1 day}'::interval[]) grain, wrong_windows('$graph', grain, @{[kept(378)]}) WHERE unpacked > 0 OR packs = 0"),
		'', "$graph: hours and days are packed");
}
my ($status, $out, $err) = $node->psql('postgres', 'CALL set_clock(' . kept(378) . "); SELECT count(*) FROM topo.edges('[2025-01-01,2025-12-31)', '{ipc}')");
like($err, qr/NOTICE:  graph "ipc" keeps no windows from before 2025-/, 'a range from before what is kept is answered with a notice');

$node->stop('fast');
done_testing();
