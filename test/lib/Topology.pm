# Servers with the extension, and the questions that tests ask them.
package Topology;

use strict;
use warnings;
use Exporter qw(import);
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Topology::Kernel;
use Topology::Program;

our @EXPORT = (
	@Topology::Kernel::EXPORT,
	qw(new_server create_map add_ebpf_source start_program run_program app serve call hold
	  add_kafka_source state_query state_of worker_of kill_process await within poll_until hop_totals edge_totals totals
	  both_ends_counted traversal_answer));

# Longer than anything here may take.
$PostgreSQL::Test::Utils::timeout_default = 60 unless $ENV{PG_TEST_TIMEOUT_DEFAULT};

# A started server that preloads the extension, with the service map in database
# postgres.  conf: more lines; init: options of init(); map => 0: no service map.
sub new_server
{
	my ($name, %option) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(%{ $option{init} // {} });
	$node->append_conf('postgresql.conf', <<"EOT" . ($option{conf} // ''));
shared_preload_libraries = 'topology'
max_worker_processes = 40
topology.flush_interval = 100ms
topology.snapshot_interval = 500ms
EOT
	$node->start;
	create_map($node, 'postgres') if $option{map} // 1;
	return $node;
}

sub create_map
{
	my ($node, $database) = @_;

	$node->safe_psql($database, 'CREATE EXTENSION topology; SELECT topo.create_service_map()');
	return;
}

# A source of captured flows, running when this returns.  options: more of its
# options, by name.
sub add_ebpf_source
{
	my ($node, $dir, %option) = @_;
	my $database = $option{database} // 'postgres';
	my $name = $option{name} // 'host';
	my $options = encode_json({ pin_dir => $dir, %{ $option{options} // {} } });

	$node->safe_psql($database, "SELECT topo.add_source('$name', 'ebpf', 'flow', '$options')");
	$node->poll_query_until($database, state_query($name), 'running')
	  or die 'the source does not run';
	return;
}

# A source of what comes over a topic, running when this returns.
sub add_kafka_source
{
	my ($node, $kafka, $topic, %option) = @_;
	my $database = $option{database} // 'postgres';
	my $name = $option{name} // 'topic';
	my $format = $option{format} // 'flow';

	$node->safe_psql($database,
		"SELECT topo.add_source('$name', 'kafka', '$format', '{\"brokers\": \"@{[$kafka->brokers]}\", \"topic\": \"$topic\"}')");
	$node->poll_query_until($database, "SELECT coalesce(min(state), 'none') FROM topo.source_status WHERE source = '$name'", 'running')
	  or die 'the source does not run';
	return;
}

sub start_program { return Topology::Program->new(@_) }

# Run a program to its end; returns its totals.
sub run_program { return Topology::Program->new(@_)->finish }

# An app's name in the map: this test's own, since a capture sees all that the
# machine does, another run of the same test included.
sub app { return "$_[0]-t$$" }

# A server program on a host, ready.
sub serve
{
	my ($host, $app, @arguments) = @_;

	return start_program(
		in => $host,
		env => { OTEL_SERVICE_NAME => app($app) },
		args => [ 'serve', '--name', $app, @arguments ])->expect('ready');
}

# Calls from a host to their end; returns the totals.
sub call
{
	my ($host, $app, @arguments) = @_;

	return run_program(
		in => $host,
		env => { OTEL_SERVICE_NAME => app($app) },
		args => [ 'call', '--name', $app, @arguments ]);
}

# Open connections from a host; each line "step" is an exchange on all of them.
sub hold
{
	my ($host, $app, @arguments) = @_;

	return start_program(
		in => $host,
		env => { OTEL_SERVICE_NAME => app($app) },
		args => [ 'call', '--hold', '--name', $app, @arguments ])->expect('open');
}

sub state_query
{
	my ($source) = @_;

	return "SELECT state FROM topo.source_status WHERE source = '$source'";
}

sub state_of
{
	my ($node, $database, $source) = @_;

	return $node->safe_psql($database, state_query($source));
}

# The process id of a source's worker; empty: there is none.
sub worker_of
{
	my ($node, $database, $source) = @_;

	return $node->safe_psql($database,
		"SELECT w.pid FROM topo.source_workers() w JOIN topo.source s ON s.id = w.source WHERE s.name = '$source'"
	);
}

# Kill a process of a server, which then starts all of its processes again; returns when
# it answers.
sub kill_process
{
	my ($node, $pid) = @_;
	my $left = "SELECT count(*) FROM pg_stat_activity WHERE pid = $pid";

	kill 'KILL', $pid or die "cannot kill $pid: $!";
	# a psql that is refused may be gone before it has read its query, which is an error in here
	poll_until(sub { return (eval { $node->safe_psql('postgres', $left) } // '') eq '0' });
	return;
}

# A test: the query comes to yield what is expected.
sub await
{
	my ($node, $database, $query, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return ok($node->poll_query_until($database, $query, $expected), $name);
}

# A test: the same, within some seconds.
sub within
{
	my ($seconds, $node, $database, $query, $expected, $name) = @_;
	my $deadline = time + $seconds;
	my $got;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	while (1)
	{
		my $late = time >= $deadline;

		$got = $node->safe_psql($database, $query);
		return pass("$name, within $seconds s") if $got eq $expected;
		last if $late;
		sleep 0.05;
	}
	return is($got, $expected, "$name, within $seconds s");
}

# Wait for what Perl can tell; dies when it does not come.
sub poll_until
{
	my ($condition) = @_;

	foreach (1 .. 1000)
	{
		return 1 if $condition->();
		sleep 0.01;
	}
	die 'the condition never came';
}

# connections|failed|bytes sent|bytes received between two addresses, as one end
# reported them.
sub hop_totals
{
	my ($source, $target, $port, $reported_by) = @_;

	return <<"EOT";
SELECT coalesce(sum(connections), 0), coalesce(sum(failed), 0),
	   coalesce(sum(bytes_sent), 0), coalesce(sum(bytes_received), 0)
FROM topo.hops()
WHERE source = '$source' AND target = '$target' AND target_port = $port AND reported_by = '$reported_by'
EOT
}

# The same from one app of this test to another, or to type:name, in the map.
sub edge_totals
{
	my ($source, $target) = map { /:/ ? $_ : app($_) } @_;

	return <<"EOT";
SELECT connections, topo.failed(traffic), bytes_sent, bytes_received
FROM topo.edges() WHERE source = '$source' AND target = '$target'
EOT
}

# tests: what both ends reported of calls from one address to another, and the edge
# between the two apps, have these totals.
sub both_ends_counted
{
	my ($node, $name, $from, $to, $port, $apps, $totals) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	await($node, 'postgres', hop_totals($from, $to, $port, 'client'), $totals, "$name: the client's report");
	await($node, 'postgres', hop_totals($from, $to, $port, 'server'), $totals, "$name: the server's report");
	$node->safe_psql('postgres', 'SELECT topo.flush()');
	is($node->safe_psql('postgres', edge_totals(@$apps)), $totals, "$name: the edge");
	return;
}

# What a client program did, as those queries tell it.
sub totals
{
	my @totals = @_;
	my @sums;

	foreach my $total (@totals)
	{
		my @fields = @{$total}{qw(connections failed sent received)};
		$sums[$_] += $fields[$_] foreach 0 .. 3;
	}
	return join '|', @sums;
}

# Where a traversal of graph g from n1 is answered from, and what it says.
sub traversal_answer
{
	my ($node) = @_;
	my $from = "FROM topo.traverse('{n1}', graphs => '{g}')";
	my $plan = $node->safe_psql('postgres', "EXPLAIN (ANALYZE, COSTS OFF) SELECT * $from");

	$plan =~ /Answered From: (\w+)/ or die $plan;
	return "$1|" . $node->safe_psql('postgres', "SELECT count(*), md5(string_agg(concat_ws(' ', node, depth, parent), ',')) $from");
}

1;
