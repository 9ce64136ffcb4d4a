# A session that stays: several statements of one connection, while others run.
package Topology::Session;

use strict;
use warnings;
use PostgreSQL::Test::Cluster;

# A session in database postgres of a server.
sub new
{
	my ($class, $node) = @_;
	my $psql = $node->background_psql('postgres', on_error_stop => 0);

	$psql->set_query_timer_restart;
	return bless { psql => $psql }, $class;
}

# What statements print; dies where one fails.
sub query
{
	my ($self, $statements) = @_;
	my ($output, $failed) = $self->{psql}->query($statements);
	my $error = $self->{psql}{stderr};

	$self->{psql}{stderr} = '';
	die "$statements: $error" if $failed && $error =~ /ERROR|FATAL|PANIC/;
	return $output;
}

# What a statement that fails says.
sub failure
{
	my ($self, $statement) = @_;
	my ($output) = $self->{psql}->query($statement);
	my $error = $self->{psql}{stderr};

	$self->{psql}{stderr} = '';
	return $error;
}

sub end
{
	my ($self) = @_;

	eval { $self->{psql}->quit };
	return;
}

1;
