# What the map is to say of the traffic of a test, whose truth its programs have
# counted.
#
#	my $view = view($node, 'callers', netns => [ $client ]);
#	inventory([$view], intermediary('edge', 'proxy', $edge->{ip4}));
#	...
#	edges_become('both ends', $view, edge('alpha', 'web', [qw(edge)], $done), ...);
#	never_believed($view);
#
# Names are those that the test gave: alpha for the app alpha-t123, address:web
# for the address of the host web.
package Topology::Edges;

use strict;
use warnings;
use Exporter qw(import);
use JSON::PP;
use List::Util qw(any uniq);
use Test::More;
use Time::HiRes qw(sleep time);
use Topology;

our @EXPORT = qw(name_hosts empty_view view inventory intermediary settle early_in_window next_window edge apportioned reversed
  edges_become edges_of calls_become evidence_of never_believed record both_records ingest);

# by address
my %host_names;

# The hosts whose addresses are to be told by name.
sub name_hosts
{
	my ($hosts) = @_;

	foreach my $host (values %$hosts) { $host_names{ $host->{$_} } = $host->{name} foreach qw(ip4 ip6) }
	return;
}

# A database with a map of its own, into which records are ingested.
sub empty_view
{
	my ($node, $name) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE \"$name\"");
	create_map($node, $name);
	return { node => $node, database => $name, name => $name, wrong => {} };
}

# One of what these hosts see; without netns (only those) and except_netns (all but
# those) all do.  pin: options of its capture.
sub view
{
	my ($node, $name, %option) = @_;
	my @pin = @{ delete $option{pin} // [] };
	my %options = map { $_ => join ',', map { $_->{namespace} } @{ $option{$_} } } keys %option;
	my $view = empty_view($node, $name);

	add_ebpf_source($node, pin($name, @pin), database => $name, name => $name, options => \%options);
	$view->{source} = $name;
	return $view;
}

sub ask
{
	my ($view, $query) = @_;

	return $view->{node}->safe_psql($view->{database}, $query);
}

# What views are told of what stands between.
sub inventory
{
	my ($views, @statements) = @_;

	ask($_, join ";\n", @statements) foreach @$views;
	return;
}

# The statement that says so of an intermediary of this test, and of what is behind
# it: apps, or others (type:name).
sub intermediary
{
	my ($name, $kind, $address, $port, @backends) = @_;

	return sprintf q(SELECT topo.set_intermediary('%s', '%s', '%s', %s, %s)), app($name), $kind, $address, $port // 'NULL',
	  @backends ? "ARRAY['" . join("', '", map { app($_) } @backends) . "']" : 'NULL';
}

# Wait until what happened so far is in the map.
sub settle
{
	my ($view) = @_;
	my $wait = $view->{source} ? "SELECT topo.wait_for_source('$view->{source}', '20 s');" : '';

	ask($view, "$wait SELECT topo.flush()");
	return;
}

# Wait until a window of the map has at least so many seconds left.
sub early_in_window
{
	my ($seconds) = @_;

	sleep 0.01 while 10 - time + 10 * int(time / 10) < $seconds;
	return;
}

# Wait until the next window of the map begins.
sub next_window
{
	my $end = 10 * (1 + int(time / 10));

	sleep 0.001 while time < $end;
	return;
}

# A name as the test gave it; $mine is set if it is of this test.
sub plain_name
{
	my ($label, $mine) = @_;

	$$mine = 1 if $label =~ s/-t$$\z//;
	if ($label =~ /^address:(.*)/ && defined $host_names{$1})
	{
		$$mine = 1;
		return "address:$host_names{$1}";
	}
	return $label;
}

# The edges of this test in a view: a hash each.
sub edges_of
{
	my ($view, %option) = @_;
	my $graphs = $option{graphs} // '{network}';
	my @edges;

	foreach my $row (split /\n/, ask($view, <<"EOT"))
SELECT source, target, array_to_string(via, ','), connections, topo.failed(traffic), bytes_sent, bytes_received, confidence
FROM topo.edges(graphs => '$graphs') ORDER BY source COLLATE "C", target COLLATE "C"
EOT
	{
		my ($source, $target, $via, @figures) = split /\|/, $row;
		my $confidence = pop @figures;
		my $mine = 0;
		my %edge = (
			source => plain_name($source, \$mine),
			target => plain_name($target, \$mine),
			via => join(' ', map { plain_name($_, \$mine) } split /,/, $via),
			totals => join('|', @figures),
			confidence => $confidence);

		push @edges, \%edge if $mine;
	}
	return @edges;
}

# An edge that is to be there: certain, with all that the caller counted.
sub edge
{
	my ($source, $target, $via, @done) = @_;

	return { source => $source, target => $target, via => join(' ', map { "intermediary:$_" } @$via),
		totals => totals(@done), certain => 1, caused => 1 };
}

# All that a caller did, over several edges of which none is certain: targets are
# those that the map cannot tell from each other, via all intermediaries that any
# of them goes over.
sub apportioned
{
	my ($source, $targets, $via, @done) = @_;

	return { source => $source, targets => $targets, via => join(' ', sort map { "intermediary:$_" } @$via),
		totals => totals(@done), certain => 0 };
}

# What servers did, as their callers would say it.
sub reversed
{
	my @done = @_;

	return map { { %$_, sent => $_->{received}, received => $_->{sent} } } @done;
}

sub as_text
{
	my ($edge) = @_;

	return join ' ', $edge->{source}, '>', join(',', @{ $edge->{targets} // [ $edge->{target} ] }),
	  $edge->{via} ne '' ? "via $edge->{via}" : (), $edge->{totals}, $edge->{certain} ? 'certain' : 'apportioned';
}

# The sum of several totals.
sub sum_of
{
	my @sums = (0) x 4;

	foreach my $totals (@_)
	{
		my @figures = split /\|/, $totals;
		$sums[$_] += $figures[$_] foreach 0 .. 3;
	}
	return join '|', @sums;
}

# Edges as expected ones are: those of a source that are not certain are one.
sub gathered
{
	my @edges = @_;
	my (@certain, %others);

	foreach my $edge (@edges)
	{
		if ($edge->{confidence} == 1)
		{
			push @certain, { %$edge, certain => 1 };
			next;
		}
		my $all = $others{ $edge->{source} } //= { %$edge, targets => [], totals => '0|0|0|0' };
		push @{ $all->{targets} }, $edge->{target};
		$all->{via} = join ' ', uniq(sort split ' ', "$all->{via} $edge->{via}");
		$all->{totals} = sum_of($all->{totals}, $edge->{totals});
	}
	return @certain, values %others;
}

sub is_app { return $_[0] !~ /:/ }

# Remember what is believed and was never so: between apps, since of a hop that
# leads to an intermediary or to somebody unknown it is true that it is there.
sub note_wrong
{
	my ($view, $caused, @edges) = @_;

	foreach my $edge (@edges)
	{
		next unless $edge->{confidence} == 1 && is_app($edge->{source}) && is_app($edge->{target});
		$view->{wrong}{"$edge->{source} > $edge->{target}"} = 1
		  unless any { $_ eq "$edge->{source} > $edge->{target}" } @$caused;
	}
	return;
}

# A test: these become the edges of a view, and no others.  caused: pairs of apps
# that do call each other, besides those of certain edges: "alpha > web".
sub edges_become
{
	my ($name, $view, $expected, %option) = @_;
	my $all = join "\n", sort map { as_text($_) } @$expected;
	my @caused = (@{ $option{caused} // [] }, map { "$_->{source} > $_->{target}" } grep { $_->{certain} } @$expected);
	my $deadline = time + 20;
	my $got;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	while (1)
	{
		my $late = time >= $deadline;
		settle($view);
		my @edges = edges_of($view);

		note_wrong($view, \@caused, @edges);
		$got = join "\n", sort map { as_text($_) } gathered(@edges);
		last if $got eq $all || $late;
		sleep 0.1;
	}
	return is($got, $all, "$name: the edges, and no others");
}

# A test: all calls of each caller, wherever the map has them go, become what it
# counted: each once.  done: by name of the caller.  caused: as for edges_become().
sub calls_become
{
	my ($name, $view, $done, %option) = @_;
	my $all = join "\n", map { "$_: " . totals($done->{$_}) } sort keys %$done;
	my $deadline = time + 20;
	my $got;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	while (1)
	{
		my $late = time >= $deadline;
		settle($view);
		my @edges = edges_of($view);

		note_wrong($view, $option{caused}, @edges);
		$got = join "\n", map {
			my $source = $_;
			"$source: " . sum_of(map { $_->{totals} } grep { $_->{source} eq $source } @edges)
		} sort keys %$done;
		last if $got eq $all || $late;
		sleep 0.1;
	}
	return is($got, $all, "$name: each call is counted once");
}

# All that explain_edge() says of the edge between two apps.
sub evidence_of
{
	my ($view, $source, $target) = @_;

	return ask($view, sprintf q(SELECT e FROM topo.explain_edge('%s', '%s', tstzrange(now() - interval '1 minute', now())) e),
		app($source), app($target));
}

# A test: at no look was an edge between apps believed that nobody caused.
sub never_believed
{
	my ($view) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is_deeply([ sort keys %{ $view->{wrong} } ], [], "$view->{name}: no edge was ever believed that nobody caused");
}

# the second 0 of records: a window begins, ten minutes ago
my $began = 10 * int(time / 10) - 600;

sub nanoseconds { return sprintf '%.0f', ($began + $_[0]) * 1e9 }

# A host's record of a connection of one of its apps, from a second to another.  Ends
# are address and port; more: further fields.
sub record
{
	my ($role, $app, $local, $peer, $from, $to, %more) = @_;

	return encode_json({
		start => nanoseconds($from), end => nanoseconds($to), proto => 'tcp', role => $role,
		local => { ip => $local->[0], port => $local->[1], app => app($app) },
		peer => { ip => $peer->[0], port => $peer->[1] }, %more });
}

# What both hosts tell of one short call: 100 bytes there, 1000 back.
sub both_records
{
	my ($caller, $from, $callee, $to, $at) = @_;

	return (
		record('client', $caller, $from, $to, $at, $at + 0.01, tx_bytes => 100, rx_bytes => 1000, connections => 1),
		record('server', $callee, $to, $from, $at, $at + 0.01, tx_bytes => 1000, rx_bytes => 100, connections => 1));
}

sub ingest
{
	my ($view, @records) = @_;

	ask($view, "SELECT topo.ingest('flow', convert_to('" . join("\n", @records) . "', 'UTF8'))");
	return;
}

1;
