# The keeper of a server whose clock a test sets: stopped in the middle of steps, and ended there.
#
# Each step has a number.  What STOPS makes are a table of the numbers of those in which the
# keeper is to stop, which outlives a crash, and functions for triggers, whose argument is
# the number of their step.
package Topology::Keeper;

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT = qw($STOPS set_clock stop_in go_on stopped_in stop_server);

our $STOPS = <<'EOT';
CREATE TABLE stop (step integer PRIMARY KEY);
CREATE FUNCTION stop_at(step integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	-- the keeper is to stop, and not who ingests
	IF pg_backend_pid() = (SELECT k.pid FROM topo.keeper() k) AND EXISTS (SELECT FROM public.stop s WHERE s.step = stop_at.step) THEN
		PERFORM pg_advisory_xact_lock(42, step);
		WHILE EXISTS (SELECT FROM public.stop s WHERE s.step = stop_at.step) LOOP
			PERFORM pg_sleep(0.01);
		END LOOP;
	END IF;
END
$$;
CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.stop_at(TG_ARGV[0]::integer);
	RETURN coalesce(NEW, OLD);
END
$$;
EOT

# The clock of a server, from now on, in words of SQL.
sub set_clock
{
	my ($node, $then) = @_;
	my $offset = $node->safe_psql('postgres', "SELECT extract(epoch FROM $then - now())");

	$node->append_conf('postgresql.conf', "topology.clock_offset = $offset\n");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT topo.clock() BETWEEN $then AND $then + interval '30 seconds'")
	  or die 'the clock does not change';
	return;
}

# Have the keeper stop in steps, from the next time on that it comes to them.
sub stop_in
{
	my ($node, @steps) = @_;

	$node->safe_psql('postgres', "INSERT INTO stop VALUES ($_) ON CONFLICT DO NOTHING") foreach @steps;
	return;
}

sub go_on
{
	my ($node, $step) = @_;

	$node->safe_psql('postgres', "DELETE FROM stop WHERE step = $step");
	return;
}

# Wait until the keeper is stopped in a step; its process id.
sub stopped_in
{
	my ($node, $step) = @_;
	my $stands = "FROM pg_locks WHERE locktype = 'advisory' AND classid = 42 AND objid = $step";

	$node->poll_query_until('postgres', "SELECT count(*) $stands", 1) or die "the keeper does not come to step $step";
	return $node->safe_psql('postgres', "SELECT pid $stands");
}

sub stop_server
{
	my ($node) = @_;

	$node->stop('immediate');
	$node->start;
	return;
}

1;
