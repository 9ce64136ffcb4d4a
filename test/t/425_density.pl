# A map that is thin, then a hub with many edges in every minute, then thin again: windows of
# ten minutes come and go, partitions become narrow, and both is told.  Then the same of a smaller
# hub, while the keeper is killed, and the server stopped at once, in each of these steps: the
# map answers what was called, at every moment.  Then records of all ages come while the ten minutes come and go.
use strict;
use warnings;
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Keeper;
use Topology::Session;

my %number_of = do { my $number = 0; map { $_ => ++$number } qw(count begin ten hour end drop forget) };
my $triggers = <<'EOT';
CREATE FUNCTION stop_in_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	-- those of ten minutes, when the minutes are gone
	IF NOT EXISTS (SELECT FROM topo.expired_partitions() e WHERE (e.grain).relation = 'edge_window') THEN
		PERFORM public.stop_at(<drop>);
	END IF;
END
$$;
CREATE EVENT TRIGGER stop_in_drop ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION stop_in_drop();
CREATE TRIGGER stop_in_count AFTER INSERT ON topo_map.merged_minute FOR EACH ROW EXECUTE FUNCTION stop_here(<count>);
CREATE TRIGGER stop_in_begin AFTER INSERT OR UPDATE ON topo.grain FOR EACH ROW WHEN (NEW.aside AND NEW.active) EXECUTE FUNCTION stop_here(<begin>);
CREATE TRIGGER stop_in_ten BEFORE INSERT ON topo_map.rollup FOR EACH ROW WHEN (NEW.width = '10 minutes') EXECUTE FUNCTION stop_here(<ten>);
CREATE TRIGGER stop_in_hour BEFORE INSERT ON topo_map.rollup FOR EACH ROW WHEN (NEW.width = '1 hour') EXECUTE FUNCTION stop_here(<hour>);
CREATE TRIGGER stop_in_end AFTER UPDATE ON topo.grain FOR EACH ROW WHEN (NEW.aside AND NOT NEW.active) EXECUTE FUNCTION stop_here(<end>);
CREATE TRIGGER stop_in_forget AFTER DELETE ON topo.grain FOR EACH ROW WHEN (OLD.aside) EXECUTE FUNCTION stop_here(<forget>);
EOT
$triggers =~ s/<(\w+)>/$number_of{$1}/g;

my $offset = 1735722000 - time; # 2025-01-01 09:00
my $node = new_server('density', map => 0, conf => <<"EOT");
topology.maintenance_interval = 20ms
topology.rollup_delay = 0
topology.partition_size = 1MB
topology.clock_offset = $offset
restart_after_crash = on
fsync = off
timezone = 'UTC'
EOT
$node->safe_psql('postgres', 'CREATE EXTENSION topology');
$node->safe_psql('postgres', slurp_file("$FindBin::Bin/../lib/density.sql"));
$node->safe_psql('postgres', $STOPS . $triggers);

sub at
{
	my ($day, $time) = @_;

	return "'2025-01-01 $time'::timestamptz + interval '$day days'";
}

sub ask { return $node->safe_psql('postgres', $_[0]) }

my $left_to_do = <<'EOT';
SELECT (SELECT count(*) FROM topo.rollups_due('topo_map')) + (SELECT count(*) FROM topo_map.open_window o WHERE o.appended <= topo.clock() - interval '1 minute')
	 + (SELECT count(*) FROM topo.expired_partitions())
EOT

sub settle
{
	$node->poll_query_until('postgres', $left_to_do, '0') or die 'maintenance does not come to an end';
	return;
}

# tests: a range is answered as it was called
sub answers
{
	my ($what, $day, $from, $to, $edges) = @_;

	is(ask("SELECT * FROM compared(tstzrange(@{[at($day, $from)]}, @{[at($day, $to)]}))"), "$edges|0", "$what: the answer from $from to $to is what was called");
	return;
}

# tests: who goes to a time, and is ended on the way in each of some steps, if at all, answers right before and after
sub survives
{
	my ($steps, $end, $clock, @answers) = @_;

	stop_in($node, @number_of{@$steps}) if $end;
	set_clock($node, $clock);
	foreach my $step ($end ? @$steps : ())
	{
		my $keeper = stopped_in($node, $number_of{$step});
		answers("in the step '$step'", @answers);
		$end->($node, $keeper);
		answers("ended in the step '$step'", @answers);
		go_on($node, $number_of{$step});
	}
	return;
}

# tests: it was said since the last time that it was asked
my $read = 0;
sub is_told
{
	my ($message, $what) = @_;
	my $log = substr(slurp_file($node->logfile), $read);

	like($log, qr/LOG:  graph "map": $message/, $what);
	$read += length $log;
	return;
}

sub ten_minutes { return ask(q(SELECT string_agg(concat(aside, active), '') FROM topo.grain WHERE graph = 'map' AND width = '10 minutes')) }

sub reason { return ask(q(SELECT DISTINCT grain_reason FROM topo.maintenance_status WHERE graph = 'map' AND grain = '1 minute')) }

sub live_through
{
	my ($day, $edges, $end) = @_;

	# thin
	set_clock($node, at($day, '09:30'));
	ask("SELECT called(3, @{[at($day, '09:00')]}, 20)");
	settle();
	is(ten_minutes(), '', 'thin: no windows of ten minutes');
	# dense
	ask("SELECT called($edges, @{[at($day, '10:00')]}, 12)");
	survives([qw(count begin ten)], $end, at($day, '10:14'), $day, '09:00', '10:12', $edges);
	$node->poll_query_until('postgres', q(SELECT active FROM topo.grain WHERE graph = 'map' AND aside)) or die 'windows of ten minutes do not come';
	settle();
	my $late = Topology::Session->new($node);
	$late->run('BEGIN');
	$late->run("SELECT called(5, @{[at($day, '09:43')]}), called(7, @{[at($day, '10:03')]})");
	settle();
	is(ten_minutes(), 'tt', "$edges edges a minute: windows of ten minutes");
	is_told('windows of ten minutes are kept besides minutes from now on', 'which is told');
	my $dense_reason = reason();
	like($dense_reason, qr/^Minutes of the last three hours came to [0-9]+ windows each; from [0-9]+ on they pay\.$/, 'and why');
	my $pieces = "SELECT string_agg(DISTINCT relation, ' ' ORDER BY relation) FROM topo.graph g, topo.window_pieces(g, tstzrange(@{[at($day, '09:57')]}, @{[at($day, '10:12')]})) WHERE g.name = 'map'";
	is(ask($pieces), 'edge_ten_minutes edge_window', 'they answer');
	answers('while something is late', $day, '09:00', '10:12', $edges);
	stop_in($node, $number_of{ten}) if $end;
	$late->run('COMMIT');
	answers('when it has come', $day, '09:00', '10:12', $edges);
	answers('when it has come', $day, '10:00', '10:10', $edges);
	$late->end;
	survives(['ten'], $end, at($day, '10:16'), $day, '09:00', '10:12', $edges);
	survives(['hour'], $end, at($day, '11:02'), $day, '09:00', '10:12', $edges);
	settle();
	answers('rolled up', $day, '09:57', '10:12', $edges);
	answers('rolled up', $day, '09:00', '11:00', $edges);
	# its partitions become narrow, if they are not since the last time
	my $wide = q(SELECT partition = '1 day' FROM topo.grain WHERE graph = 'map' AND width = '1 minute');
	my $was_wide = ask($wide) eq 't';
	set_clock($node, at($day + 1, '00:05'));
	$node->poll_query_until('postgres', $wide, 'f') or die 'partitions stay wide';
	is_told('partitions of windows of 00:01:00 will be [0-9:]+ wide, not 1 day', 'that partitions become narrow is told') if $was_wide;
	# thin again, for a night, then for a day
	ask("SELECT called(2, @{[at($day, '23:50')]}, 10)");
	settle();
	is(ten_minutes(), 'tt', 'a thin night: windows of ten minutes stay');
	is(reason(), $dense_reason, 'for the same reason');
	survives(['end'], $end, at($day + 1, '10:30'), $day, '09:57', '10:12', $edges);
	$node->poll_query_until('postgres', q(SELECT NOT active FROM topo.grain WHERE graph = 'map' AND width = '10 minutes')) or die 'windows of ten minutes do not go';
	is_told('windows of ten minutes are kept no more from now on', 'a thin day: that they go is told');
	like(reason(), qr/^Minutes of no hour of the last day came to more than [0-9.]+ windows each; from [0-9.]+ on ten minutes are worth keeping\.$/, 'and why');
	is(ask($pieces), 'edge_window', 'minutes answer');
	ask("SELECT called(4, @{[at($day, '10:05')]})");
	answers('late since', $day, '10:00', '10:10', $edges);
	survives([qw(drop forget)], $end, at($day + 4, '00:05'), $day, '09:00', '11:00', $edges);
	$node->poll_query_until('postgres', q(SELECT count(*) FROM topo.grain WHERE graph = 'map' AND width = '10 minutes'), '0') or die 'windows of ten minutes stay';
	settle();
	is(ask(q(SELECT count(*) FROM topo.partitions('topo_map', 'edge_ten_minutes'))), 0, 'no partitions of ten minutes are left');
	answers('all gone but hours and days', $day, '09:00', '11:00', $edges);
	return;
}

live_through(0, 100000);
$node->append_conf('postgresql.conf', "topology.dense_minute = 50\ntopology.partition_size = 64kB\n");
live_through(10, 1000, \&kill_process);
live_through(20, 1000, \&stop_server);

# many at once, while they come and go
set_clock($node, at(30, '12:00'));
ask('TRUNCATE raw');

sub session
{
	my (@queries) = @_;
	my $err = '';

	return { err => \$err,
		harness => IPC::Run::start(
			[ 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), map { ('-c', $_) } @queries ],
			'<', \undef, '>', '/dev/null', '2>', \$err,
			IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default)) };
}

my @sessions = ((map { session("CALL call_at_random($_, 150, 5)") } 1 .. 2), session('CALL change_density(20)'));
my %seen;
while (grep { $_->{harness}->pumpable } @sessions)
{
	$_->{harness}->pump_nb foreach grep { $_->{harness}->pumpable } @sessions;
	$seen{ ask("SELECT concat(otherwise) FROM compared(tstzrange(@{[at(30, '06:57')]}, @{[at(30, '12:10')]}))") }++;
}
$_->{harness}->finish foreach @sessions;
is(join('', map { ${ $_->{err} } } @sessions), '', 'two sessions call while windows of ten minutes come and go ten times');
is(join(' ', keys %seen), '0', 'each answer meanwhile was what had been called');
set_clock($node, at(30, '12:03'));
settle();
like(ask("SELECT * FROM compared(tstzrange(@{[at(30, '06:57')]}, @{[at(30, '12:10')]}))"), qr/^4\|0$/, 'and so it is in the end');

$node->stop('fast');
done_testing();
