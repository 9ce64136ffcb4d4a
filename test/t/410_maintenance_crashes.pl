# The keeper is killed, and the server stopped at once, in the middle of each step of
# maintenance: while it makes partitions, fades and notifies, merges a minute, rolls up an
# hour and a day, drops windows, and forgets addresses.  It goes on, and the map becomes what
# it is on a server where nobody was in the way; whoever listens is told of each edge once.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Keeper;
use Topology::Session;

my %number_of = do { my $number = 0; map { $_ => ++$number } qw(partitions notify merge hour day drop forget) };

my $conf = <<'EOT';
topology.maintenance_interval = 20ms
topology.rollup_delay = 60
restart_after_crash = on
timezone = 'UTC'
EOT

my $triggers = <<'EOT';
CREATE FUNCTION stop_in_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.stop_at(CASE TG_TAG WHEN 'CREATE TABLE' THEN <partitions> ELSE <drop> END);
END
$$;
CREATE EVENT TRIGGER stop_in_create ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION stop_in_ddl();
CREATE EVENT TRIGGER stop_in_drop ON ddl_command_start WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION stop_in_ddl();
-- after that which notifies
CREATE TRIGGER zz_stop AFTER DELETE ON topo_ipc.link FOR EACH STATEMENT EXECUTE FUNCTION stop_here(<notify>);
CREATE TRIGGER stop_in_merge AFTER DELETE ON topo_ipc.open_window FOR EACH ROW EXECUTE FUNCTION stop_here(<merge>);
CREATE TRIGGER stop_in_hour BEFORE INSERT ON topo_ipc.rollup FOR EACH ROW WHEN (NEW.width = '1 hour') EXECUTE FUNCTION stop_here(<hour>);
CREATE TRIGGER stop_in_day BEFORE INSERT ON topo_ipc.rollup FOR EACH ROW WHEN (NEW.width = '1 day') EXECUTE FUNCTION stop_here(<day>);
CREATE TRIGGER stop_in_forget AFTER DELETE ON topo.reporter FOR EACH ROW EXECUTE FUNCTION stop_here(<forget>);
EOT
$triggers =~ s/<(\w+)>/$number_of{$1}/g;
$triggers = $STOPS . $triggers;

# What a keeper has to do now, or has left undone.
my $left_to_do = <<'EOT';
SELECT concat_ws(', ',
	(SELECT string_agg(format('%s %s: %s due, %s to merge', s.graph, s.grain, s.due, CASE s.grain WHEN '1 minute' THEN s.dirty ELSE 0 END), ', ')
	 FROM topo.maintenance_status s WHERE s.due > 0 OR s.grain = '1 minute' AND s.dirty > 0),
	(SELECT string_agg(e.partitions::text, ', ') FROM topo.expired_partitions() e),
	(SELECT string_agg(m.name, ', ') FROM topo.grain r JOIN topo.graph g ON g.name = r.graph, topo.missing_partitions(g.schema_name, r, tstzrange(topo.clock(), topo.clock() + r.partition)) m),
	(SELECT string_agg(format('%s to fade', l.src), ', ') FROM topo_ipc.live_edge l WHERE l.last_seen <= topo.clock() - interval '1 hour'),
	(SELECT string_agg('reporter to forget', ', ') FROM topo.reporter r WHERE upper(r.valid) < topo.clock() - interval '26 hours'))
EOT

# All that the map and its upkeep have to say.
my $map = <<'EOT';
WITH r AS (
	SELECT tstzrange(d, d + s) AS during FROM generate_series('2025-01-01'::timestamptz, '2025-02-01', '1 day') d, unnest('{1 day,10:11,3 days}'::interval[]) s
	UNION ALL SELECT tstzrange(h, h + '1 hour') FROM generate_series('2025-01-01 09:00'::timestamptz, '2025-02-01', '1 day') d, generate_series(d, d + interval '3 hours', '1 hour') h
)
SELECT string_agg(t, E'\n' ORDER BY t)
FROM (SELECT format('%s %s', r.during, e) FROM r, topo.edges(r.during) e
	  UNION ALL SELECT format('%s %s', r.during, p) FROM r, topo.graph g, topo.window_pieces(g, r.during) p
	  UNION ALL SELECT format('live %s', e) FROM topo.edges() e
	  UNION ALL SELECT format('%s %s', p.name, p.during) FROM topo.graph g JOIN topo.grain n ON n.graph = g.name, topo.partitions(g.schema_name, n.relation) p
	  UNION ALL SELECT format('%s %s %s %s %s', graph, grain, dirty, due, rolled_up) FROM topo.maintenance_status
	  UNION ALL SELECT format('%s %s', address, valid) FROM topo.reporter) a (t)
EOT

sub start_server
{
	my ($name) = @_;
	my $offset = 1735722000 - time; # 2025-01-01 09:00
	my $node = new_server($name, conf => $conf . "topology.clock_offset = $offset\n");

	$node->safe_psql('postgres', $triggers);
	$node->safe_psql('postgres', q(SELECT topo.set_graph('ipc', '{"notify": true}')));
	return $node;
}

# Calls and a connection at some minutes of a day.
sub ingest
{
	my ($node, $day, @times) = @_;

	foreach my $time (@times)
	{
		$node->safe_psql('postgres', <<"EOT");
SELECT topo.ingest('ipc', convert_to(format('{"start":%1\$s,"end":%1\$s,"client":"c","server":"s","requests":7,"errors":1}', ns), 'UTF8')),
	   topo.ingest('flow', convert_to(format('{"start":%1\$s,"end":%1\$s,"proto":"tcp","role":"client","local":{"ip":"10.1.0.1","app":"c"},"peer":{"ip":"10.1.0.2","port":80},"connections":3}', ns), 'UTF8'))
FROM (SELECT extract(epoch FROM '2025-01-01 $time'::timestamptz + interval '$day days')::bigint * 1000000000 AS ns) t;
SELECT topo.flush();
EOT
	}
	return;
}

sub settle
{
	my ($node) = @_;

	$node->poll_query_until('postgres', $left_to_do, '') or die 'maintenance does not come to an end: ' . $node->safe_psql('postgres', $left_to_do);
	return;
}

my ($disturbed, $calm) = map { start_server($_) } qw(disturbed calm);

# A time of a day.
sub at
{
	my ($day, $time) = @_;

	return "'2025-01-01 $time'::timestamptz + interval '$day days'";
}

# Have the keeper of one server go to a time, undisturbed.
sub go_to
{
	my ($node, $day, $time) = @_;

	set_clock($node, at($day, $time));
	settle($node);
	return;
}

# tests: who comes to a time, and is ended on the way in a step, comes to the same
sub survives
{
	my ($how, $end, $step, $day, $time) = @_;

	stop_in($disturbed, $number_of{$step});
	set_clock($disturbed, at($day, $time));
	my $keeper = stopped_in($disturbed, $number_of{$step});
	isnt($disturbed->safe_psql('postgres', $left_to_do), '', "$how in the step '$step': it is not done");
	$end->($disturbed, $keeper);
	go_on($disturbed, $number_of{$step});
	settle($disturbed);
	go_to($calm, $day, $time);
	is($disturbed->safe_psql('postgres', $map), $calm->safe_psql('postgres', $map), "$how in the step '$step': the same becomes of it");
	return;
}

# The same while somebody listens: nobody keeps up windows until he does again.
sub tells_once
{
	my ($how, $end, $day, $time) = @_;
	my $listener = Topology::Session->new($disturbed);
	my @told;

	$listener->run('LISTEN topo_edge_removed');
	survives($how, sub {
			$disturbed->append_conf('postgresql.conf', "topology.maintenance_interval = 0\n");
			$disturbed->reload;
			@told = $listener->notifications('topo_edge_removed');
			$listener->end;
			$end->(@_);
			$listener = Topology::Session->new($disturbed);
			$listener->run('LISTEN topo_edge_removed');
			$disturbed->append_conf('postgresql.conf', "topology.maintenance_interval = 20ms\n");
			$disturbed->reload;
		}, 'notify', $day, $time);
	push @told, $listener->notifications('topo_edge_removed');
	is(join(' ', map { "$_->{source}>$_->{target}" } @told), 'c>s', "$how: the edge that fades is told of once");
	$listener->end;
	return;
}

sub live_through
{
	my ($day, $how, $end) = @_;

	survives($how, $end, 'partitions', $day, '10:30');
	ingest($_, $day, '10:10:05', '10:10:15', '10:11:05') foreach $disturbed, $calm;
	survives($how, $end, 'merge', $day, '10:32');
	survives($how, $end, 'hour', $day, '11:05');
	tells_once($how, $end, $day, '11:30');
	survives($how, $end, 'day', $day + 1, '00:05');
	survives($how, $end, 'drop', $day + 4, '12:00');
	ingest($_, $day + 4, '11:10:05') foreach $disturbed, $calm;
	survives($how, $end, 'forget', $day + 6, '13:00');
	return;
}

live_through(0, 'the keeper is killed', \&kill_process);
live_through(10, 'the server is stopped', \&stop_server);
like($calm->safe_psql('postgres', $map), qr/edge_day/, 'days were rolled up');
is($calm->safe_psql('postgres', q(SELECT sum(requests) FROM topo.edges('(,)', '{ipc}'))), 56, 'all calls are there');

$_->stop('fast') foreach $disturbed, $calm;
done_testing();
