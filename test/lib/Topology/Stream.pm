# Sources of kind kafka, and flow records for their topics.
#
#	add_topic($node, $kafka, 'name', 'topic', on_gap => 'earliest');
#	send_flows($kafka, 'topic', 100, app => 'shop');
#	catch_up($node, 'name');
#	is(connections_of($node, 'shop'), 100);
#
package Topology::Stream;

use strict;
use warnings;
use Exporter qw(import);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

our @EXPORT = qw(add_topic set_topic pause_topic resume_topic flow_template flow_line send_flows catch_up status_of
  connections_of status_is log_of memory_peak_of);

my $json = JSON::PP->new->canonical;

sub quote { return "'" . $_[0] =~ s/'/''/gr . "'" }

# A source of that topic; more options by name.
sub add_topic
{
	my ($node, $kafka, $name, $topic, %option) = @_;
	my $format = delete $option{format} // 'flow';
	my $options = $json->encode({ brokers => $kafka->brokers, topic => $topic, %option });

	$node->safe_psql('postgres',
		sprintf 'SELECT topo.add_source(%s, %s, %s, %s)', map { quote($_) } $name, 'kafka', $format, $options);
	return;
}

# Change options; undef takes one away.
sub set_topic
{
	my ($node, $name, %option) = @_;

	$node->safe_psql('postgres',
		sprintf 'SELECT topo.set_source(%s, %s)', map { quote($_) } $name, $json->encode(\%option));
	return;
}

# Until no worker runs.
sub pause_topic
{
	my ($node, @names) = @_;

	$node->safe_psql('postgres', "SELECT topo.pause_source('$_')") foreach @names;
	foreach my $name (@names)
	{
		$node->poll_query_until('postgres', "SELECT bool_and(state = 'paused') FROM topo.source_status WHERE source = '$name'")
		  or die "$name does not pause";
	}
	return;
}

sub resume_topic
{
	my ($node, @names) = @_;

	$node->safe_psql('postgres', "SELECT topo.resume_source('$_')") foreach @names;
	return;
}

# A flow record: a connection of an app, 7 bytes sent and 11 received.
sub flow
{
	my ($ns, %field) = @_;
	my $app = $field{app} // 'shop';
	my $port = $field{port} // 8080;
	my $more = $field{more} // '';

	return qq({"host":"h","start":$ns,"end":$ns,"proto":"tcp","role":"client","local":{"ip":")
	  . ($field{ip} // '10.1.0.1')
	  . qq(","app":"$app"},"peer":{"ip":"10.1.1.1","port":$port},"tx_bytes":7,"rx_bytes":11,"connections":1$more});
}

# As a template of kafka_tool, for records of the time when they are sent.
sub flow_template { return flow('{ns}', @_) }

# As a line, of now or of so many seconds later.
sub flow_line
{
	my (%field) = @_;

	return flow(int((time + ($field{later} // 0)) * 1e6) . '000', %field);
}

sub send_flows
{
	my ($kafka, $topic, $count, %option) = @_;
	my @partition = defined $option{partition} ? ('--partition', $option{partition}) : ();

	$kafka->tool('generate', $topic, $count, '--template', flow_template(%option), @partition);
	return;
}

# Until the source has taken in what its topic holds now.
sub catch_up
{
	my ($node, @names) = @_;
	my $seconds = $PostgreSQL::Test::Utils::timeout_default;

	$node->safe_psql('postgres', "SELECT topo.wait_for_source('$_', '$seconds s')") foreach @names;
	return;
}

# Columns of a source's status, summed up where they are numbers of partitions.
sub status_of
{
	my ($node, $name, @columns) = @_;
	my %sum = map { $_ => "sum($_)" } qw(records dead_letters dropped lag next_offset);
	my $columns = join ', ', map { $sum{$_} // "min($_)" } @columns;

	return $node->safe_psql('postgres', "SELECT $columns FROM topo.source_status WHERE source = '$name'");
}

# A test: these columns come to match a pattern.
sub status_is
{
	my ($node, $name, $columns, $pattern, $test) = @_;
	my $end = time + $PostgreSQL::Test::Utils::timeout_default;
	my $status = '';

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	while (time < $end)
	{
		$status = status_of($node, $name, @$columns);
		return pass($test) if $status =~ $pattern;
		select undef, undef, undef, 0.02;
	}
	return like($status, $pattern, $test);
}

# Connections of an app in the map, as long as it is kept.
sub connections_of
{
	my ($node, $app) = @_;

	# one after the other: a query sees what was there when it began
	$node->safe_psql('postgres', 'SELECT topo.flush()');
	return $node->safe_psql('postgres',
		"SELECT coalesce(sum(connections), 0) FROM topo.edges('(,)') WHERE source = '$app'");
}

sub log_of { return slurp_file($_[0]->logfile) }

# The most memory that a process has had so far, in MB, what it shares with others included.
sub memory_peak_of
{
	my ($pid) = @_;
	my ($peak) = slurp_file("/proc/$pid/status") =~ /^VmHWM:\s*(\d+) kB/m;

	return int($peak / 1024);
}

1;
