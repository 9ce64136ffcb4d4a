# What a source does when its topic is not what it was: not there yet, made anew,
# shorter than was read.  By default it stops and says so; told to go on, it counts
# what it jumped over.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my $kafka = Topology::Kafka->new('gaps');
my $node = new_server('gaps', conf => "topology.restart_delay_max = 1s\ntopology.metadata_interval = 200ms\n");
my @ways = qw(stop earliest latest);

# A source for each way to go on, all of one topic.
sub add_ways
{
	my ($topic) = @_;

	add_topic($node, $kafka, "$topic $_", $topic, on_gap => $_) foreach @ways;
	return;
}

sub ways { return map { "$_[0] $_" } @ways }

sub make_anew
{
	my ($topic, $partitions, $count) = @_;

	$kafka->tool('delete', $topic);
	$kafka->tool('create', $topic, $partitions);
	send_flows($kafka, $topic, $count) if $count;
	return;
}

subtest 'a topic that is not there yet' => sub {
	add_topic($node, $kafka, 'early', 'late');
	status_is($node, 'early', [qw(state last_error)], qr/^(backoff|starting)\|.*Unknown topic/, 'is told');
	$kafka->tool('create', 'late', 2);
	send_flows($kafka, 'late', 10);
	catch_up($node, 'early');
	is(status_of($node, 'early', qw(state records last_error)), 'running|10|', 'and read when it appears');
};

subtest 'a topic that is deleted, and made again while it is read' => sub {
	$kafka->tool('create', 'again', 1);
	send_flows($kafka, 'again', 100);
	add_ways('again');
	catch_up($node, ways('again'));
	$kafka->tool('delete', 'again');
	status_is($node, "again $_", [qw(state last_error)], qr/^running\|.*[Uu]nknown topic/, "source $_ says that it is gone")
	  foreach @ways;
	$kafka->tool('create', 'again', 1);
	send_flows($kafka, 'again', 300);
	status_is($node, 'again stop', [qw(state last_error records)],
		qr/^(backoff|starting)\|.*deleted and made again.*\|100$/, 'stops the source that is not told to go on');
	catch_up($node, 'again earliest', 'again latest');
	is(status_of($node, 'again earliest', qw(state records dropped lag last_error)), 'running|400|0|0|',
		'is read from its beginning where that was asked for');
	my ($records, $dropped) = split /\|/, status_of($node, 'again latest', qw(records dropped));
	is($records + $dropped, 400, "and from its end: $records taken, $dropped dropped");

	set_topic($node, 'again stop', on_gap => 'earliest');
	catch_up($node, 'again stop');
	is(status_of($node, 'again stop', qw(state records dropped last_error)), 'running|400|0|',
		'a source that stopped goes on when it is told how');
	set_topic($node, 'again stop', on_gap => undef);
};

subtest 'a topic that is made again while nobody reads' => sub {
	my $sum = sub { status_of($node, "again $_[0]", qw(records dropped)) };

	catch_up($node, ways('again'));
	my %before = map { $_ => $sum->($_) } @ways;
	my $more = sub {
		my ($way, $records, $dropped) = @_;
		my @sums = split /\|/, $before{$way};
		return join '|', $sums[0] + $records, $sums[1] + $dropped;
	};

	pause_topic($node, ways('again'));
	make_anew('again', 1, 20);
	resume_topic($node, ways('again'));
	status_is($node, 'again stop', ['last_error'], qr/deleted and made again/, 'stops the source');
	is($sum->('stop'), $before{stop}, 'which takes nothing');
	catch_up($node, 'again earliest', 'again latest');
	is($sum->('earliest'), $more->('earliest', 20, 0), 'or is read from its beginning');
	is($sum->('latest'), $more->('latest', 0, 20), 'or from its end, and what was jumped over is counted');

	# nothing is there to take the place of the last record of the old one
	pause_topic($node, ways('again'));
	make_anew('again', 1, 0);
	resume_topic($node, ways('again'));
	catch_up($node, 'again earliest');
	pause_topic($node, ways('again'));
	resume_topic($node, ways('again'));
	catch_up($node, 'again earliest');
	send_flows($kafka, 'again', 5);
	catch_up($node, 'again earliest');
	is($sum->('earliest'), $more->('earliest', 25, 0), 'also when it is empty at first');
};

subtest 'a topic that is made again with fewer partitions' => sub {
	$kafka->tool('create', 'fewer', 3);
	send_flows($kafka, 'fewer', 30);
	add_ways('fewer');
	catch_up($node, ways('fewer'));
	make_anew('fewer', 1, 10);
	status_is($node, 'fewer stop', [qw(state last_error records)], qr/^(backoff|starting)\|.*deleted and made again.*\|30$/,
		'stops the source');
	catch_up($node, 'fewer earliest', 'fewer latest');
	is(status_of($node, 'fewer earliest', qw(state records dropped lag last_error)), 'running|40|0|0|', 'or is read from its beginning');
	my ($records, $dropped) = split /\|/, status_of($node, 'fewer latest', qw(records dropped));
	is($records + $dropped, 40, "or from its end: $records taken, $dropped dropped");
};

subtest 'records that are no longer kept' => sub {
	$kafka->tool('create', 'short', 2);
	send_flows($kafka, 'short', 1000, partition => 0);
	add_ways('short');
	catch_up($node, ways('short'));
	pause_topic($node, ways('short'));
	send_flows($kafka, 'short', 1000, partition => 0);
	send_flows($kafka, 'short', 1, partition => 1);
	$kafka->tool('forget', 'short', 0, 1500);
	resume_topic($node, ways('short'));
	status_is($node, 'short stop', [qw(state last_error dropped)],
		qr/^(backoff|starting)\|.*begins at offset 1500, after the next offset 1000: 500 offsets are no longer kept.*\|0$/,
		'stop the source, which says how many');
	catch_up($node, 'short earliest', 'short latest');
	is(status_of($node, 'short earliest', qw(state records dropped lag last_error)), 'running|1501|500|0|',
		'or are counted, and it goes on behind them');
	is(status_of($node, 'short latest', qw(state records dropped lag last_error)), 'running|1001|1000|0|',
		'or, at the end, with all that was jumped over');
	set_topic($node, 'short stop', on_gap => 'latest');
	catch_up($node, 'short stop');
	is(status_of($node, 'short stop', qw(state records dropped last_error)), 'running|1001|1000|', 'as does the one that stopped, when it is told to');
};

subtest 'a source that is turned to another topic' => sub {
	$kafka->tool('create', 'other', 2);
	send_flows($kafka, 'other', 10, app => 'other');
	add_topic($node, $kafka, 'turned', 'late', on_gap => 'latest');
	catch_up($node, 'turned');
	set_topic($node, 'turned', topic => 'other');
	status_is($node, 'turned', [qw(state dropped)], qr/^running\|[1-9]/, 'goes on where it was told');
	send_flows($kafka, 'other', 4, app => 'other');
	catch_up($node, 'turned');
	is(status_of($node, 'turned', qw(records dropped lag)), '14|10|0', 'and counts what it jumped over, once');
	set_topic($node, 'early', topic => 'other');
	status_is($node, 'early', [qw(state last_error)], qr/^(backoff|starting)\|.*another cluster or topic/, 'or stops, since its offsets mean nothing there');
	set_topic($node, 'early', on_gap => 'earliest');
	catch_up($node, 'early');
	is(status_of($node, 'early', qw(records dropped)), '24|0', 'and reads it when it is told where to begin');
};

is(connections_of($node, 'other'), 4 + 14, 'what was taken is in the map');
$node->stop('fast');
$kafka->stop;
unlike(log_of($node), qr/server process .* was terminated|PANIC/, 'nothing crashed');
done_testing();
