# Several sources at once, of two clusters: each has a worker and a region of its
# own.  Partitions that are added, that are idle, or that a transaction holds back;
# how far behind a source is; a broker that goes away and comes back.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my $eu = Topology::Kafka->new('eu');
my $us = Topology::Kafka->new('us');
my $node = new_server('sources',
	conf => "topology.batch_memory = '256kB'\ntopology.restart_delay_max = 1s\ntopology.metadata_interval = 300ms\n");
my $lines = sub { join '', map { flow_line(@_) . "\n" } 1 .. shift };

# offset, lag and so on of each partition, in order
sub partitions_of
{
	my ($name, $columns) = @_;

	return $node->safe_psql('postgres', "SELECT $columns FROM topo.source_status WHERE source = '$name' ORDER BY partition");
}

subtest 'sources of two clusters' => sub {
	foreach my $region ([ 'eu', $eu ], [ 'us', $us ])
	{
		my ($name, $kafka) = @$region;

		$kafka->tool('create', 'flows', 3);
		send_flows($kafka, 'flows', 30, app => "shop-$name");
		send_flows($kafka, 'flows', 3, app => "told-$name", more => ',"region":"own"');
		add_topic($node, $kafka, $name, 'flows', region => "region-$name");
	}
	catch_up($node, 'eu', 'us');
	is($node->safe_psql('postgres', 'SELECT count(DISTINCT pid) FROM topo.source_workers()'), 2, 'each has its worker');
	is(status_of($node, $_, qw(state records last_error)), 'running|33|', "$_ takes its own records") foreach qw(eu us);
	is($node->safe_psql('postgres', <<'EOT'), "shop-eu|region-eu\nshop-us|region-us\ntold-eu|own\ntold-us|own", 'the region is the record\'s, or else the source\'s');
SELECT DISTINCT n.name, w.region FROM topo_network.flow_window w JOIN topo.node n ON n.id = w.local_node ORDER BY 1, 2
EOT
};

subtest 'many partitions, of which most are idle' => sub {
	foreach my $topic (qw(wide wider))
	{
		$eu->tool('create', $topic, 24);
		add_topic($node, $eu, $topic, $topic);
	}
	catch_up($node, qw(wide wider));
	send_flows($eu, 'wide', 500, partition => 17, app => 'seventeen');
	send_flows($eu, 'wider', 240, app => 'all');
	status_is($node, 'wide', [qw(records lag)], qr/^500\|0$/, 'idle partitions hold back no other');
	status_is($node, 'wider', [qw(records lag)], qr/^240\|0$/, 'all are read');
	is(connections_of($node, 'seventeen'), 500, 'and in the map');
};

subtest 'partitions that are added' => sub {
	foreach my $start (qw(earliest latest))
	{
		my $name = "growing $start";

		$eu->tool('create', "growing-$start", 1);
		send_flows($eu, "growing-$start", 10);
		add_topic($node, $eu, $name, "growing-$start", start => $start);
		catch_up($node, $name);
		my ($begin) = status_of($node, $name, 'records');
		is($begin, $start eq 'latest' ? 0 : 10, "a source begins at the $start offset");
		$eu->tool('partitions', "growing-$start", 3);
		send_flows($eu, "growing-$start", 30);
		status_is($node, $name, [qw(records lag)], qr/^@{[ $begin + 30 ]}\|0$/, 'and finds partitions, with all that is in them');
		$eu->tool('partitions', "growing-$start", 4);
		send_flows($eu, "growing-$start", 5, partition => 3);
		catch_up($node, $name);
		is(status_of($node, $name, 'records'), $begin + 35, 'who waits for it waits for those too that are not found yet');
	}
};

subtest 'transactions of a producer' => sub {
	$eu->tool('create', 'payments', 2);
	add_topic($node, $eu, 'payments', 'payments');
	my $transaction = sub {
		my ($how, $app, $count, @option) = @_;
		$eu->tool_input($lines->($count, app => $app), 'transaction', 'payments', $how, '-', '--partition', 0, @option);
	};
	$transaction->('commit', 'committed', 10);
	$transaction->('abort', 'aborted', 50);
	$transaction->('commit', 'committed', 10);
	send_flows($eu, 'payments', 5, partition => 1, app => 'plain');
	catch_up($node, 'payments');
	is(partitions_of('payments', 'partition, next_offset, lag'), "0|73|0\n1|5|0", 'marks of transactions are no lag');
	is(connections_of($node, 'committed'), 20, 'what was committed is in the map');
	is(connections_of($node, 'aborted'), 0, 'what was aborted is not');

	send_flows($eu, 'payments', 4, partition => 0, app => 'plain');
	$transaction->('leave', 'open', 7, '--id', 'open');
	send_flows($eu, 'payments', 6, partition => 0, app => 'plain');
	send_flows($eu, 'payments', 9, partition => 1, app => 'plain');
	status_is($node, 'payments', [qw(records next_offset lag)], qr/^38\|91\|13$/, 'one that is open holds back what is behind it in its partition, and no more');
	is(partitions_of('payments', 'partition, next_offset, lag'), "0|77|13\n1|14|0", 'which is its lag');
	is(connections_of($node, 'plain'), 18, 'what was before it is in the map');
	my $begin = time;
	catch_up($node, 'payments');
	pass(sprintf 'nobody waits for it (%.1f s)', time - $begin);

	# whoever takes its id ends it
	$transaction->('commit', 'committed', 1, '--id', 'open');
	status_is($node, 'payments', [qw(records lag)], qr/^45\|0$/, 'until it is ended');
	is(connections_of($node, 'open'), 0, 'what it held never comes');
	is(connections_of($node, 'plain') . '|' . connections_of($node, 'committed'), '24|21', 'but what was behind it');
};

subtest 'how far behind' => sub {
	my $records = 60_000;
	my %end;
	my $samples = 0;

	$eu->tool('create', 'backlog', 2);
	send_flows($eu, 'backlog', $records / 3, partition => 0, app => 'late');
	send_flows($eu, 'backlog', $records * 2 / 3, partition => 1, app => 'late');
	%end = (0 => $records / 3, 1 => $records * 2 / 3);
	add_topic($node, $eu, 'backlog', 'backlog');
	my $wrong = '';
	my $taken = 0;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	while ($taken < $records && time < $deadline)
	{
		foreach my $row (split /\n/, partitions_of('backlog', 'partition, next_offset, lag, state'))
		{
			my ($partition, $next, $lag) = split /\|/, $row;

			next if $partition eq '' || $lag eq '';
			$samples++ if $lag > 0;
			$wrong .= "$row\n" if $next + $lag != $end{$partition};
		}
		$taken = status_of($node, 'backlog', 'records') || 0;
	}
	is($taken, $records, 'a backlog is taken in');
	is($wrong, '', "at each of $samples looks the lag was the rest, exactly");
	cmp_ok($samples, '>', 0, 'some were while it was behind');

	pause_topic($node, 'backlog');
	send_flows($eu, 'backlog', 100);
	is(status_of($node, 'backlog', 'lag'), '', 'where no worker runs, nobody knows');
	resume_topic($node, 'backlog');
	catch_up($node, 'backlog');
	is(status_of($node, 'backlog', qw(records lag)), ($records + 100) . '|0', 'and it goes on from there');
};

subtest 'a broker that goes away and comes back' => sub {
	my $pid = worker_of($node, 'postgres', 'us');
	my $before = status_of($node, 'us', 'records');
	my $waited = '';

	$us->kill;
	status_is($node, 'us', [qw(state last_error)], qr/^running\|.+/, 'its source says so');
	note(status_of($node, 'us', 'last_error'));
	is(status_of($node, 'eu', qw(state last_error)), 'running|', 'the others do not');
	send_flows($eu, 'flows', 10, app => 'meanwhile');
	catch_up($node, 'eu');
	is(connections_of($node, 'meanwhile'), 10, 'and go on');
	# it has to wait for the worker, which waits for the broker
	my $waiter = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', q{SELECT topo.wait_for_source('us', '1 minute')}, '-c', q{SELECT 'came'} ],
		'>', \$waited, '2>&1');
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query ~ '^SELECT topo.wait_for_source' AND wait_event = 'Extension'})
	  or die 'nobody waits';
	$us->start;
	send_flows($us, 'flows', 20, app => 'after');
	$waiter->finish;
	is($waited, "\ncame\n", 'who waited while it was away is answered');
	catch_up($node, 'us');
	is(status_of($node, 'us', qw(state records last_error)), 'running|' . ($before + 20) . '|', 'when it is back, nothing is lost, and the error is gone');
	is(worker_of($node, 'postgres', 'us'), $pid, 'all by the same worker');
};

subtest 'a server that starts while the broker is away' => sub {
	my $before = status_of($node, 'us', 'records');

	$us->kill;
	$node->restart('immediate');
	status_is($node, 'us', [qw(state last_error)], qr/^(backoff|starting)\|.+/, 'its source says so');
	note(status_of($node, 'us', 'last_error'));
	send_flows($eu, 'flows', 5, app => 'again');
	catch_up($node, 'eu');
	is(connections_of($node, 'again'), 5, 'the others go on');
	$us->start;
	send_flows($us, 'flows', 5, app => 'after');
	catch_up($node, 'us');
	is(status_of($node, 'us', qw(state records last_error)), 'running|' . ($before + 5) . '|', 'and it comes back');
};

$node->stop('fast');
$_->stop foreach $eu, $us;
my @starts = log_of($node) =~ /could not ask a broker/g;
cmp_ok(scalar @starts, '<', 60, scalar(@starts) . ' lines about brokers in the log: no storm');
unlike(log_of($node), qr/was terminated by signal|PANIC/, 'nothing crashed');
done_testing();
