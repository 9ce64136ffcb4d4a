# A real Kafka broker for tests, by kafka.sh.  It ends with the test, whichever
# way that ends.
#
#	my $kafka = Topology::Kafka->new('name', secure => 1);
#	my $second = Topology::Kafka->new('second', join => $kafka);	# of the same cluster
#	$kafka->tool('create', 'flows', 4);		# kafka_tool's commands
#	$kafka->kill; $kafka->start;			# kill -9; the same data and port again
#
package Topology::Kafka;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;

our @EXPORT = qw(need_kafka);

my $lib = abs_path(dirname(__FILE__) . '/..');
my $script = "$lib/kafka.sh";
my $tool = $ENV{TOPOLOGY_KAFKA_TOOL} // "$lib/../../build/kafka_tool";
my $ready_seconds = 90;
my @running;

sub why_no_kafka
{
	return "$tool is not built" unless -x $tool;
	return 'no Java runs' if system('java -version >/dev/null 2>&1') != 0;
	return 'the jars of Kafka are not here'
	  if system("bash -c 'source $script && kafka_home' >/dev/null 2>&1") != 0;
	return;
}

# Skip the whole test without what it needs; where nothing may be skipped, fail.
sub need_kafka
{
	my $why = why_no_kafka() // return;

	BAIL_OUT($why) if $ENV{TOPOLOGY_REQUIRE_ALL};
	plan skip_all => $why;
	return;
}

# A new broker, running.
sub new
{
	my ($class, $name, %option) = @_;
	my $self = bless {
		dir => PostgreSQL::Test::Utils::tempdir("kafka-$name"),
		mode => $option{join} ? 'join:' . $option{join}->dir : $option{secure} ? 'secure' : '',
	}, $class;

	$self->start;
	return $self;
}

sub dir { return $_[0]{dir} }

# HOST:PORT of the listener, and of those of a secure broker.
sub brokers { return $_[0]->address_of('brokers') }
sub sasl { return $_[0]->address_of('sasl') }
sub tls { return $_[0]->address_of('tls') }

sub address_of
{
	my ($self, $file) = @_;

	chomp(my $address = slurp_file("$self->{dir}/$file"));
	return $address;
}

# Start it, and wait until it takes requests.
sub start
{
	my ($self) = @_;

	push @running, $self unless grep { $_ == $self } @running;
	run_script('prepare', $self->{dir}, $self->{mode});
	$self->{pid} = fork() // die "fork: $!";
	if ($self->{pid} == 0)
	{
		# whatever becomes of the test, the broker ends with it
		exec 'setpriv', '--pdeathsig', 'KILL', 'bash', $script, 'exec', $self->{dir}
		  or die "exec: $!";
	}
	eval { $self->tool('ready', $ready_seconds); 1 }
	  or die "the broker did not start: " . slurp_file("$self->{dir}/server.log");
	return;
}

sub run_script
{
	my @arguments = @_;

	system('bash', $script, @arguments) == 0 or die "kafka.sh @arguments failed";
	return;
}

sub end_with
{
	my ($self, $signal) = @_;

	return unless $self->{pid};
	CORE::kill $signal, $self->{pid};
	waitpid $self->{pid}, 0;
	delete $self->{pid};
	return;
}

sub stop { $_[0]->end_with('TERM'); return }

sub kill { $_[0]->end_with('KILL'); return }

# The command line of kafka_tool, for who runs it beside the test.
sub command
{
	my ($self, @arguments) = @_;

	return [ $tool, '-b', $self->brokers, @arguments ];
}

# Run kafka_tool; die if it fails.  Returns its output, without the last newline.
sub tool
{
	my ($self, @arguments) = @_;
	my ($out, $err);

	IPC::Run::run([ $tool, '-b', $self->brokers, @arguments ], '>', \$out, '2>', \$err)
	  or die "kafka_tool @arguments: $err";
	chomp $out;
	return $out;
}

# The same, with lines for its "-".
sub tool_input
{
	my ($self, $input, @arguments) = @_;
	my ($out, $err);

	IPC::Run::run([ $tool, '-b', $self->brokers, @arguments ], '<', \$input, '>', \$out, '2>', \$err)
	  or die "kafka_tool @arguments: $err";
	return $out;
}

# [begin, end that committed readers see, end] of each partition.
sub ends
{
	my ($self, $topic) = @_;

	return map { [ (split / /)[ 1 .. 3 ] ] } split /\n/, $self->tool('ends', $topic);
}

END
{
	my $status = $?;

	$_->kill foreach @running;
	$? = $status;
}

1;
