# A host agent that runs beside a test, as root, and ends with the test.
#
#	my $agent = Topology::Agent->new('--dir', $dir, '--brokers', ...);	# captures when this returns
#	$agent->wait_for(qr/^.../m);		# something that it says
#	my $figures = $agent->figures;		# of the last line of status, or of the end
#	is($agent->stop, 0);				# SIGTERM; its exit code
#
package Topology::Agent;

use strict;
use warnings;
use Exporter qw(import);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Topology::Kernel;

our @EXPORT = qw(run_agent);

my @running;

# Whose agents they are: root's, or those of the caller's user without any privilege.
# It becomes the agent, so that a signal to it comes there.
my @root = ('setpriv', '--reuid=0', '--regid=0', '--clear-groups', '--');
my @nobody = ('setpriv', '--inh-caps=-all', '--ambient-caps=-all', '--no-new-privs', '--');
our $as_root = 1;

sub command { return ($as_root ? @root : @nobody, agent(), @_) }

# Run a command of the agent to its end: exit code, standard output, the rest.
sub run_agent
{
	my @arguments = @_;
	my ($out, $err) = ('', '');

	IPC::Run::run([ command(@arguments) ], '<', \undef, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return ($? >> 8, $out, $err);
}

# Start "run" with these arguments.
sub start
{
	my ($class, @arguments) = @_;
	my $self = bless { out => '', err => '' }, $class;

	$self->{harness} = IPC::Run::start([ command('run', @arguments) ], '<', \undef, '>', \$self->{out}, '2>', \$self->{err},
		IPC::Run::timeout(10 * $PostgreSQL::Test::Utils::timeout_default));
	push @running, $self;
	return $self;
}

sub new
{
	my $self = start(@_);

	return $self->wait_for(qr/^topology-agent: capturing /m);
}

sub output { $_[0]->look; return $_[0]{out} }
sub said { $_[0]->look; return $_[0]{err} }

sub look { my ($self) = @_; $self->{harness}->pump_nb if $self->{harness}; return }

# Wait until what it has said matches.
sub wait_for
{
	my ($self, $pattern) = @_;
	my $timer = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);

	$timer->start;
	until ($self->{err} =~ $pattern)
	{
		die "no $pattern from the agent: $self->{err}" if $timer->is_expired || !$self->{harness}->pumpable;
		$self->{harness}->pump_nb;
		select undef, undef, undef, 0.02;
	}
	return $self;
}

# Wait until the last line of status satisfies a condition on its figures.
sub wait_until
{
	my ($self, $condition) = @_;
	my $timer = IPC::Run::timer($PostgreSQL::Test::Utils::timeout_default);

	$timer->start;
	until (do { local $_ = $self->figures; %$_ && $condition->($_) })
	{
		die "not in time: $self->{err}" if $timer->is_expired;
		select undef, undef, undef, 0.02;
	}
	return $self;
}

# The figures of the last line that has some.
sub figures
{
	my ($self) = @_;
	my ($line) = $self->said =~ /.*^topology-agent: (?:status|ended): ([^\n]+)\n/ms;

	return { map { split /=/ } split / /, $line // '' };
}

sub pid { return $_[0]{harness}{KIDS}[0]{PID} }

sub signal { my ($self, $signal) = @_; kill $signal, $self->pid or die "kill: $!"; return }

# Wait for its end; returns its exit code, or -1 when a signal ended it.
sub finish
{
	my ($self) = @_;
	my $harness = $self->{harness};

	$harness->finish;
	delete $self->{harness};
	return ($harness->full_results)[0] & 127 ? -1 : ($harness->results)[0];
}

sub stop { my ($self) = @_; $self->signal('TERM'); return $self->finish }

sub kill_now { my ($self) = @_; $self->signal('KILL'); return $self->finish }

END
{
	my $status = $?;

	foreach my $agent (grep { $_->{harness} } @running)
	{
		$agent->{harness}->kill_kill(grace => 0);
	}
	$? = $status;
}

1;
