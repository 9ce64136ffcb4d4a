# A program that runs beside a test: it is talked to by lines, and it ends with
# the test at the latest.
#
#	my $server = Topology::Program->new(args => [...], in => $host, env => {...});
#	$server->expect('ready');
#	$server->tell('step');
#	my $totals = $server->finish;	# what it printed as JSON
#
package Topology::Program;

use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;

my $workload = abs_path(dirname(__FILE__) . '/../workload.pl');
my @running;

# args: workload.pl's, or command: a whole command line; in: a host of
# Topology::Kernel::network(); env: its environment, added to ours; before: words
# before the command line.
sub new
{
	my ($class, %option) = @_;
	my $env = $option{env} // {};
	my @command = ('env', map({ "$_=$env->{$_}" } sort keys %$env),
		@{ $option{before} // [] }, $option{in} ? ('nsenter', "--net=/run/netns/$option{in}{namespace}") : (),
		$option{command} ? @{ $option{command} } : ($^X, $workload, @{ $option{args} }));
	my $self = bless { in => '', out => '', err => '', seen => 0, command => "@command" }, $class;

	$self->{harness} = IPC::Run::start(
		\@command, '<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		$self->{timeout} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	push @running, $self;
	return $self;
}

# The process id, for what looks at the process from outside.
sub pid
{
	my ($self) = @_;

	return $self->{harness}{KIDS}[0]{PID};
}

# Wait for a line of output; die with what came instead.
sub expect
{
	my ($self, $line) = @_;

	while (1)
	{
		if (substr($self->{out}, $self->{seen}) =~ /^\Q$line\E\n/m)
		{
			$self->{seen} += $+[0];
			last;
		}
		$self->{harness}->pumpable && eval { $self->{harness}->pump; 1 }
		  or die "no \"$line\" from $self->{command}: $self->{out}$self->{err}";
	}
	return $self;
}

sub tell
{
	my ($self, $line) = @_;

	$self->{in} .= "$line\n";
	$self->{harness}->pump_nb;
	return $self;
}

# Have it end, wait for that, and return its last line, decoded.  It is told, as
# a server started meanwhile may have inherited its input.
sub finish
{
	my ($self) = @_;

	$self->{in} .= "close\n";
	my $ended = $self->{harness}->finish;
	delete $self->{harness};
	die "$self->{command} failed: $self->{err}" unless $ended;
	return decode_json((split /\n/, $self->{out})[-1]);
}

sub is_running
{
	my ($self) = @_;

	$self->{harness}->pump_nb;
	return $self->{harness}->pumpable;
}

# End it by a signal, for what takes no lines.
sub stop
{
	my ($self) = @_;

	(delete $self->{harness})->kill_kill(grace => 5);
	return;
}

sub end_all
{
	foreach my $program (grep { $_->{harness} } @running)
	{
		my $harness = delete $program->{harness};
		$harness->kill_kill;
	}
	return;
}

1;
