# Every record of a topic is in the map once, whatever is killed meanwhile, with
# SIGKILL and at random times: the worker, the server, the broker, or two at once.
# Records come over four partitions all the while; each that cannot be used is one
# dead letter.
#
# TOPOLOGY_SEED chooses the times, TOPOLOGY_KAFKA_RECORDS how many records there are.
use strict;
use warnings;
use IPC::Run ();
use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my $records = $ENV{TOPOLOGY_KAFKA_RECORDS} // 1_000_000;
my $seed = $ENV{TOPOLOGY_SEED} // int(time);
my $patience = 120;
my $begin = time;

srand $seed;
note("TOPOLOGY_SEED=$seed");

my $kafka = Topology::Kafka->new('once');
my $node = new_server('once',
	conf => "topology.batch_memory = '1MB'\ntopology.restart_delay_max = 1s\nrestart_after_crash = on\nlog_statement = none\n");
my $taken = 'SELECT coalesce(sum(records), 0) FROM topo.source_status';
my %killed;
my $last_worker = 0; # that was killed

sub wait_until
{
	my ($what, $condition) = @_;
	my $end = time + $patience;

	until ($condition->())
	{
		die "$what: not in $patience s" if time > $end;
		select undef, undef, undef, 0.01;
	}
	return;
}

# What has been taken so far; undef while the server starts again.
sub progress
{
	my $out;

	return eval { $node->psql('postgres', $taken, stdout => \$out, stderr => \my $err) == 0 } && $out =~ /^\d+$/ ? $out : undef;
}

# Processes of the server, but for its postmaster.
sub children_of
{
	my ($parent) = @_;

	return grep { (eval { slurp_file("/proc/$_/stat") } // '') =~ /\) \S $parent / } map { m{/proc/(\d+)} } glob '/proc/[0-9]*';
}

# Each kills and returns what brings it back.
my %kill = (
	worker => sub {
		my $pid = eval { worker_of($node, 'postgres', 'topic') } or return;
		kill 'KILL', $pid;
		$last_worker = $pid;
		# the server starts its processes again by itself
		return sub { };
	},
	server => sub {
		my ($postmaster) = slurp_file($node->data_dir . '/postmaster.pid') =~ /^(\d+)/;
		my @children = children_of($postmaster);
		$node->kill9;
		return sub {
			wait_until('the end of the server', sub { !grep { kill 0, $_ } @children });
			$node->start;
		};
	},
	broker => sub { $kafka->kill; return sub { $kafka->start } });

# Kill some at once; of what was not there to be killed, nothing is counted.
sub strike
{
	my @what = @_;
	my @back;

	foreach my $what (@what)
	{
		my $bring_back = $kill{$what}->() // next;
		$killed{$what}++;
		push @back, $bring_back;
	}
	$killed{'two at once'}++ if @back > 1;
	$_->() foreach @back;
	return;
}

my @strikes = shuffle(
	(map { ['worker'] } 1 .. 12), (map { ['server'] } 1 .. 8), ['broker'],
	(map { ['worker', 'broker'] } 1 .. 2), (map { ['server', 'broker'] } 1 .. 2), ['worker', 'server']);
my ($made, $bad, $seen) = (0, 0, 0);
my $template = flow_template(app => 'app{n:97}', ip => '10.1.0.{n:97}');

$kafka->tool('create', 'flows', 4);
add_topic($node, $kafka, 'topic', 'flows');

foreach my $round (1 .. @strikes)
{
	my $count = int($records * $round / @strikes) - $made;
	my $now;

	$kafka->tool_input("{\"start\":\nnonsense\n", 'produce', 'flows', '-');
	$bad += 2;
	# as long as it takes to come through, so that something is always on its way
	my $producer = IPC::Run::start(
		$kafka->command('generate', 'flows', $count, '--template', $template, '--first', $made, '--rate', $count));
	$made += $count;
	wait_until('progress', sub { defined($now = progress()) && $now > $seen });
	$seen = $now;
	select undef, undef, undef, rand(0.8);
	strike(@{ $strikes[ $round - 1 ] });
	$producer->finish;
}
note(sprintf '%d taken when the last was killed, after %.0f s', $seen, time - $begin);

# not the one that has not noticed yet that it has to start again
wait_until('the server', sub { my $pid = eval { worker_of($node, 'postgres', 'topic') }; defined $pid && $pid ne $last_worker });
$node->safe_psql('postgres', "SELECT topo.wait_for_source('topic', '$patience s')");
$node->safe_psql('postgres', 'SELECT topo.flush()');
my $kills = ($killed{worker} // 0) + $killed{server} + $killed{broker};
cmp_ok($kills, '>=', 30, join ', ', "$kills kills", map { "$_: $killed{$_}" } sort keys %killed);
is($kafka->tool('count', 'flows'), $records + $bad, 'the topic has every record, once');
is($node->safe_psql('postgres', $taken), $records, "all $records records were taken, once");
is( $node->safe_psql('postgres', q{SELECT sum(connections), sum(bytes_sent), sum(bytes_received), count(DISTINCT source) FROM topo.edges('(,)') WHERE source ~ '^app'}),
	join('|', $records, 7 * $records, 11 * $records, 97), 'and so they are in the map');
is( $node->safe_psql('postgres', 'SELECT sum(dead_letters), sum(dropped), sum(lag), count(*) FROM topo.source_status'),
	"$bad|0|0|4", 'nothing was dropped, or is left to read');
is( $node->safe_psql('postgres', q{SELECT count(*), count(DISTINCT (partition, "offset")) FROM topo.dead_letter}),
	"$bad|$bad", 'each record that cannot be used is a dead letter, once');
note(sprintf '%.0f s', time - $begin);
$node->stop('fast');
$kafka->stop;
done_testing();
