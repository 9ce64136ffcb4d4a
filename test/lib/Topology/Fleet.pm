# A simulated fleet: thousands of workloads on addresses that change hands, with
# whatever stands between them; what their agents report over a quarter of an
# hour; and the truth of who called whom.  The same options give the same fleet.
#
#	my $fleet = Topology::Fleet->new(seed => 1, scale => 0.5, busy => 0.4)->live;
#	$fleet->inventory	what a person knows: SQL, a statement each
#	$fleet->records		the agents' records: [when it begins, when it arrives, line], in
#						order of the beginning; times in microseconds after T0
#	$fleet->truth		see truth(); Topology::Fleet::Score compares the map with it
#
# Agents report a connection when it ends, and what it has carried every ten
# seconds, each at a phase of its own; a record begins where the connection's last
# one ended.  Nothing is said of a connection that carried nothing for thirty
# seconds.  Records come a little late, from some agents minutes late.
#
# As a program, it prints the records in the order of their arrival:
#	perl -I test/lib test/lib/Topology/Fleet.pm [SEED [SCALE [BUSY]]]
package Topology::Fleet;

use strict;
use warnings;
use POSIX qw(ceil);
use Topology::Fleet::Between;
use Topology::Fleet::Direct;

use constant { T0 => 1605866400, SPAN => 900, TICK => 10, WINDOW => 10 };

# scale: how many there are of each kind; busy: how often they call.
sub new
{
	my ($class, %option) = @_;
	my $self = bless {
		seed => $option{seed} // 1,
		scale => $option{scale} // 1,
		busy => $option{busy} // 1,
		inventory => [],
		records => [],
		truth => { edge => {}, called => {}, open => {}, kind => {} },
		callers => {},
		numbers => {},
	}, $class;

	srand($self->{seed});
	return $self;
}

sub live
{
	my ($self) = @_;

	Topology::Fleet::Direct::live($self);
	Topology::Fleet::Between::live($self);
	$self->{records} = [ sort { $a->[0] <=> $b->[0] || $a->[2] cmp $b->[2] } @{ $self->{records} } ];
	return $self;
}

sub workloads { return $_[0]{numbers}{workload} }
sub records { return $_[0]{records} }
sub inventory { return $_[0]{inventory} }

#
# Chance
#

sub real { return rand($_[1]) }
sub below { return int(rand($_[1])) }
sub one_of { return $_[1][ rand @{ $_[1] } ] }

# That many of a kind, at this scale; one at the least.
sub scaled
{
	my ($self, $count) = @_;
	my $scaled = int($count * $self->{scale} + 0.5);

	return $scaled > 1 ? $scaled : 1;
}

# That many calls, as busy as this fleet is; three at the least.
sub often
{
	my ($self, $count) = @_;
	my $calls = int($count * $self->{busy} + 0.5);

	return $calls > 3 ? $calls : 3;
}

sub some_of
{
	my ($self, $count, $from) = @_;
	my @rest = @$from;
	my @some;

	push @some, splice(@rest, rand @rest, 1) while @rest && @some < $count;
	return @some;
}

#
# Who is there
#

# The next number of a series.
sub next_of
{
	my ($self, $series) = @_;

	return ++$self->{numbers}{$series};
}

# Networks number their hosts alike.
sub new_address
{
	my ($self, $scope, $prefix) = @_;
	my $n = $self->next_of("$scope/" . ($prefix // '10.0'));

	return sprintf 'fd00::a:%x', $n if $prefix && $prefix eq 'fd00';
	return sprintf '%s.%d.%d', $prefix // '10.0', $n / 250, 1 + $n % 250;
}

sub address_label
{
	my ($scope, $address) = @_;

	return 'address:' . ($scope eq '' ? $address : "$scope/$address");
}

# One in twenty is minutes late, one in twenty is silent for some minutes and
# tells all of it then.
sub new_agent
{
	my ($self) = @_;
	my $lot = $self->below(20);
	my $silent = $self->real(SPAN);

	return {
		host => 'h' . $self->next_of('host'),
		phase => $self->real(TICK),
		delay => $lot == 0 ? 60 + $self->real(240) : 0.2 + $self->real(2),
		silent => $lot == 1 ? [ $silent, $silent + 60 + $self->real(240) ] : [ SPAN * 2, SPAN * 2 ],
	};
}

# The end of a connection: an address, and what the map may call it, the right
# name first.  With an agent it reports.
sub workload
{
	my ($self, %of) = @_;
	my $scope = $of{scope} // '';
	my $label = $of{cluster} ? "cluster:$of{cluster}" : $of{app};
	my %names = (app => $of{app}, cluster => $of{cluster}, instance => "$of{app}-i" . $self->next_of($of{app}));

	$self->next_of('workload');
	$self->{truth}{app}{$label} = $of{app};
	return {
		scope => $scope,
		address => $of{address},
		port => $of{port} // 8080,
		agent => $of{agent},
		forms => [ $label, address_label($scope, $of{address}) ],
		local => sprintf('{"ip":"%s","port":%%d%s}', $of{address},
			join('', map { $names{$_} ? qq(,"$_":"$names{$_}") : '' } qw(app cluster instance))),
		scope_field => $scope eq '' ? '' : qq(,"scope":"$scope"),
	};
}

# An end that reports nothing: an address, and its right name where it has one.
sub silent_end
{
	my ($self, $address, %of) = @_;
	my $label = address_label($of{scope} // '', $address);

	return { address => $address, port => 8080, forms => [ $of{name} ? ($of{name}, $label) : $label ] };
}

# An app: its instances, over its clusters in turn.
sub new_app
{
	my ($self, %of) = @_;
	my $name = 'app' . $self->next_of('app');
	my $clusters = $of{clusters} // $self->below(4);
	my $app = { name => $name, number => $self->{numbers}{app}, scope => $of{scope} // '', instances => [] };

	foreach my $i (1 .. $of{instances} // 2 + $self->below(7))
	{
		push @{ $app->{instances} }, $self->workload(
			app => $name, scope => $of{scope}, port => $of{port},
			cluster => $clusters ? "$name-v" . (1 + $i % $clusters) : undef,
			address => $of{address} ? $of{address}->() : $self->new_address($of{scope} // '', $of{prefix}),
			agent => $of{dark} ? undef : $self->new_agent);
	}
	return $app;
}

# Apps of a scope that do nothing but call.
sub callers
{
	my ($self, $scope) = @_;

	return $self->{callers}{$scope} //=
	  [ map { $self->new_app(scope => $scope, instances => 3 + $self->below(8)) } 1 .. $self->scaled($scope eq '' ? 160 : 30) ];
}

sub one_caller
{
	my ($self, $callers) = @_;

	return $self->one_of($self->one_of($callers)->{instances});
}

# What a person knows.
sub know
{
	my ($self, $statement) = @_;

	push @{ $self->{inventory} }, $statement;
	return;
}

sub know_address
{
	my ($self, $end, $name) = @_;
	my $scope = $end->{scope} ? ", scope => '$end->{scope}'" : '';

	$self->know("SELECT topo.set_address('$end->{address}', '$name', '(,)'$scope)");
	return;
}

#
# What happens
#

# Most are over in half a second, a few last minutes.
sub duration
{
	my ($self) = @_;
	my $lot = rand;

	return $lot < 0.8 ? 0.001 + rand(0.5) : $lot < 0.95 ? rand(8) : 20 + rand(100);
}

sub connection
{
	my ($self, %of) = @_;
	my $begins = $of{begins} // rand(SPAN - 130);

	return {
		proto => 'tcp',
		connections => 1,
		failed => 0,
		begins => $begins,
		ends => $begins + ($of{lasts} // $self->duration),
		sent => int(2 ** (6 + rand 9)),
		received => int(2 ** (6 + rand 12)),
		windows => {},
		%of,
	};
}

sub failed_connection
{
	my ($self, %of) = @_;

	return $self->connection(lasts => rand(1), connections => 0, failed => 1, sent => 0, received => 0, %of);
}

# One record of an agent, of [when it begins, when it ends].
sub record
{
	my ($self, $connection, $end, $span, $text) = @_;
	my $agent = $end->{agent};
	my ($first, $last) = @{ $agent->{silent} };
	my ($begins, $ends) = map { int($_ * 1_000_000) } @$span;
	my $arrives = $span->[1] > $first && $span->[1] < $last ? $last + rand(5) : $span->[1] + $agent->{delay};

	push @{ $self->{records} }, [ $begins, int($arrives * 1_000_000), sprintf(
		'{"host":"%s","start":%d,"end":%d,"proto":"%s",%s%s}', $agent->{host},
		map({ ($_ + T0 * 1_000_000) * 1000 } $begins, $ends), $connection->{proto}, $text, $end->{scope_field}) ];
	$connection->{windows}{ int($begins / (WINDOW * 1_000_000)) } = 1;
	return;
}

# What an end reports of a connection: a record at each tick of its agent, and one
# at the end.  peer: [address, port] as the end sees it; nat: JSON, with a comma.
sub report
{
	my ($self, $connection, $end, %of) = @_;
	my ($from, $until) = ($connection->{begins} + ($of{lag} // 0), $connection->{ends} + ($of{lag} // 0));
	my ($phase, $told) = ($end->{agent}{phase}, { sent => 0, received => 0 });
	my ($tx, $rx) = $of{role} eq 'client' ? qw(sent received) : qw(received sent);
	my $texts = sprintf '%s"local":%s,"peer":{"ip":"%s","port":%d}%s', $connection->{no_role} ? '' : qq("role":"$of{role}",),
	  sprintf($end->{local}, $of{port}), @{ $of{peer} }, $of{nat} // '';
	my ($first, $since) = (1, $from);

	while ($since < $until)
	{
		my $tick = $phase + TICK * ceil(($since - $phase) / TICK + 1e-9);
		my $to = $tick < $until ? $tick : $until;
		my $share = ($to - $from) / ($until - $from);
		my %now = map { $_ => $to == $until ? $connection->{$_} : int($connection->{$_} * $share) } qw(sent received);

		$self->record($connection, $end, [ $since, $to ], sprintf '%s,"tx_bytes":%d,"rx_bytes":%d,"connections":%d,"failed":%d', $texts,
			map({ $now{$_} - $told->{$_} } $tx, $rx), $first ? @$connection{qw(connections failed)} : (0, 0));
		($first, $since, $told) = (0, $to, \%now);
	}
	return;
}

# A connection between two ends.  port: where the server listens, if not where it always
# does; at: [address, port] that the client calls, if another; from: the address that the
# server sees, if not the client's; nat: of the client's record.
sub hop
{
	my ($self, $connection, $client, $server, %of) = @_;
	my $listens = $of{port} // $server->{port};
	my $port = 32768 + $self->below(28000);
	my $lag = $of{lag} // 0;

	$self->report($connection, $client, role => 'client', port => $port, peer => $of{at} // [ $server->{address}, $listens ],
		nat => $of{nat}, lag => $lag)
	  if $client->{agent};
	$self->report($connection, $server, role => 'server', port => $listens, peer => [ $of{from} // $client->{address}, $port ],
		lag => $lag + 0.0001 + $self->real(0.001))
	  if $server->{agent} && !$connection->{failed};
	return;
}

#
# The truth
#
# edge: "caller target via,via" to its kind and totals.  called: "window caller
# target" for each edge and window in which records of it begin.  open: the same
# for what is not wrong, though not the whole truth: an address where its holder
# is not known, an intermediary where it is not seen through.  app: of each workload.
#

sub truth { return $_[0]{truth} }

sub count
{
	my ($self, $connection, $kind, $key) = @_;
	my $edge = $self->{truth}{edge}{$key} //= { kind => $kind, connections => 0, failed => 0, sent => 0, received => 0 };

	die "$key is of two kinds: $edge->{kind} and $kind" if $edge->{kind} ne $kind;
	$edge->{$_} += $connection->{$_} foreach qw(connections failed sent received);
	return;
}

# chain: the caller, what is between, the target, each as the map may call it; apart:
# which pairs of these may be seen, as far as they are not all.
sub happened
{
	my ($self, $connection, $kind, $chain, $pairs) = @_;
	my ($from, $to) = ($chain->[0][0], $chain->[-1][0]);
	my $truth = $self->{truth};

	my %passed;
	my @via = grep { !$passed{$_}++ } map { $_->[0] } @$chain[ 1 .. $#$chain - 1 ];

	$self->count($connection, $kind, join("\t", $from, $to, join(',', @via)));
	$pairs //= [ map { my $i = $_; map { [ $i, $_ ] } $i + 1 .. $#$chain } 0 .. $#$chain - 1 ];
	foreach my $window (keys %{ $connection->{windows} })
	{
		$truth->{called}{"$window\t$from\t$to"} = $kind;
		foreach my $pair (@$pairs)
		{
			foreach my $source (@{ $chain->[ $pair->[0] ] })
			{
				$truth->{open}{"$window\t$source\t$_"} //= $kind foreach @{ $chain->[ $pair->[1] ] };
			}
		}
	}
	return;
}

# One connection from one to the other, with nothing between.
sub call
{
	my ($self, $kind, $client, $server, %of) = @_;
	my $connection = $of{connection} // $self->connection;

	$self->hop($connection, $client, $server, %of);
	$self->happened($connection, $kind, [ $client->{forms}, $server->{forms} ]);
	return;
}

unless (caller)
{
	my $fleet = __PACKAGE__->new(seed => $ARGV[0], scale => $ARGV[1], busy => $ARGV[2])->live;
	print "$_->[2]\n" foreach sort { $a->[1] <=> $b->[1] || $a->[2] cmp $b->[2] } @{ $fleet->records };
}

1;
