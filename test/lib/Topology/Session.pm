# A session that stays open: several statements of one connection, while others run.  It
# holds what it has locked, and hears what it listens for.
#
#	my $session = Topology::Session->new($node);
#	$session->run('BEGIN; LOCK TABLE t');		# what it answers
#	like($session->failure('SELECT 1/0'), qr/zero/);
#	my @told = $session->notifications('topo_edge_added');
#	$session->end;
#
package Topology::Session;

use strict;
use warnings;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;

sub new
{
	my ($class, $node, $database) = @_;
	my $self = bless { in => '', out => '', err => '', count => 0, heard => [] }, $class;

	$self->{harness} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr($database // 'postgres') ],
		'<', \$self->{in}, '>', \$self->{out}, '2>', \$self->{err},
		$self->{timer} = IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$self->run('SELECT 1');
	return $self;
}

# Answer and errors of statements, once they have ended; dies when the session does.
sub ask
{
	my ($self, $query) = @_;
	my $end = 'end of ' . ++$self->{count};

	$self->{timer}->start;
	$self->{in} .= "$query;\n\\echo $end\n\\warn $end\n";
	until ($self->{out} =~ /^\Q$end\E$/m && $self->{err} =~ /^\Q$end\E$/m)
	{
		die "the session has ended: $self->{err}" unless $self->{harness}->pumpable;
		$self->{harness}->pump;
	}
	my $answer = $self->{out} =~ s/^\Q$end\E\n//mr;
	my $errors = $self->{err} =~ s/^\Q$end\E\n//mr;
	$self->{out} = $self->{err} = '';
	push @{ $self->{heard} }, [ $1, $2 ]
	  while $answer =~ s/^Asynchronous notification "(\w+)" with payload "(.*)" received from server process with PID \d+\.\n//m;
	return ($answer =~ s/\n\z//r, $errors);
}

# What statements answer; dies where one fails.
sub run
{
	my ($self, $query) = @_;
	my ($answer, $errors) = $self->ask($query);

	die "$query: $errors" if $errors =~ /ERROR|FATAL|PANIC/;
	return $answer;
}

# What a statement that fails says.
sub failure
{
	my ($self, $query) = @_;
	my ($answer, $errors) = $self->ask($query);

	return $errors;
}

# The payloads that have come on a channel since this was last asked, decoded.
sub notifications
{
	my ($self, $channel) = @_;

	$self->run('SELECT');
	my @told = grep { $_->[0] eq $channel } @{ $self->{heard} };
	$self->{heard} = [ grep { $_->[0] ne $channel } @{ $self->{heard} } ];
	return map { decode_json($_->[1]) } @told;
}

sub end
{
	my ($self) = @_;

	$self->{harness}->kill_kill(grace => 0);
	return;
}

1;
