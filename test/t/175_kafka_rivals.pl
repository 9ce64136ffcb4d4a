# Two workers for one source: whoever has not the word ends without having written,
# and what both have taken is in the map once.  Then two servers, and two
# databases, that are copies of each other.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my $kafka = Topology::Kafka->new('rivals');
my $node = new_server('rivals', init => { allows_streaming => 1 },
	conf => "topology.batch_memory = '256kB'\ntopology.restart_delay_max = 1s\n");
my $lib = $0 =~ s{t/[^/]*$}{lib}r;
my $taken = q{SELECT sum(records), sum(next_offset), sum(dead_letters), sum(dropped) FROM topo.source_status WHERE source = '%s'};
# connections, bytes sent and received of apps in the map
my $totals = q{SELECT sum(connections), sum(bytes_sent), sum(bytes_received) FROM topo.edges('(,)') WHERE source ~ '^%s'};

sub id_of { return $node->safe_psql('postgres', "SELECT id FROM topo.source WHERE name = '$_[0]'") }

# A test: so many records were taken, and each is in the map once.
sub is_exact
{
	my ($server, $database, $name, $app, $count, $test) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($server->safe_psql($database, sprintf $taken, $name), "$count|$count|0|0", "$test: taken once");
	$server->safe_psql($database, 'SELECT topo.flush()');
	is($server->safe_psql($database, sprintf $totals, $app), join('|', $count, 7 * $count, 11 * $count), "$test: once in the map");
	return;
}

# Records whose text follows from partition and offset; of many conversations, so that batches are small.
sub numbered
{
	my ($app, $network) = @_;
	my $ns = int(time * 1e6) . '000';

	return flow_template(app => "$app-{n:7}", ip => "10.9.$network.{n:7}", port => '1{n:9973}') =~ s/\{ns\}/$ns/gr;
}

subtest 'a lock keeps a second worker from starting' => sub {
	$kafka->tool('create', 'locked', 2);
	add_topic($node, $kafka, 'locked', 'locked');
	catch_up($node, 'locked');
	pause_topic($node, 'locked');
	my $session = $node->background_psql('postgres');
	$session->query('SELECT pg_advisory_lock(1953460336, ' . id_of('locked') . ')');
	send_flows($kafka, 'locked', 50, app => 'locked');
	resume_topic($node, 'locked');
	status_is($node, 'locked', [qw(state last_error records)], qr/^(backoff|starting)\|another session holds the lock of this source.*\|0$/, 'while the other has it');
	$session->quit;
	catch_up($node, 'locked');
	is_exact($node, 'postgres', 'locked', 'locked', 50, 'then it starts');
};

# Stop a source's worker in the middle of a batch, have another session, which is given
# to do, take the source over meanwhile, and let the worker go on: to its end.
sub take_over_from
{
	my ($name, $do) = @_;
	my $id = id_of($name);
	my $other = $node->background_psql('postgres');
	my $waits = qq{SELECT min(a.pid) FROM pg_stat_activity a JOIN topo.source_workers() w ON w.pid = a.pid WHERE a.wait_event_type = 'Lock' AND w.source = $id};

	$other->query('BEGIN; LOCK TABLE topo_network.flow_window IN ACCESS EXCLUSIVE MODE');
	resume_topic($node, $name);
	$node->poll_query_until('postgres', "SELECT ($waits) IS NOT NULL") or die 'the worker writes nothing';
	my $pid = $node->safe_psql('postgres', $waits);
	kill 'STOP', $pid;
	$other->query("UPDATE topo.source_position SET epoch = epoch + 1 WHERE source = $id");
	$do->($other, $id);
	$other->query('COMMIT');
	$other->quit;
	kill 'CONT', $pid;
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid"), "$name: it ends");
	like(log_of($node), qr/\[$pid\] ERROR:  another worker has taken this source over/, "$name: and says why");
	catch_up($node, $name);
	isnt(worker_of($node, 'postgres', $name), $pid, "$name: a new worker goes on");
	return;
}

subtest 'a worker that was thought dead comes back in the middle of a batch' => sub {
	my $template = numbered('fenced', 1);

	$kafka->tool('create', 'fenced', 2);
	add_topic($node, $kafka, 'fenced', 'fenced');
	# the nodes are there, so that nobody waits for who makes them
	$kafka->tool('generate', 'fenced', 14, '--template', $template);
	catch_up($node, 'fenced');

	# the other one has written nothing yet
	pause_topic($node, 'fenced');
	$kafka->tool('generate', 'fenced', 86, '--template', $template, '--first', 14);
	take_over_from('fenced', sub { });
	is_exact($node, 'postgres', 'fenced', 'fenced', 100, 'what it had in hand');

	# the other one has written a partition of it
	pause_topic($node, 'fenced');
	$kafka->tool('generate', 'fenced', 900, '--template', $template, '--first', 100);
	my @messages = map { s/'/''/gr } $kafka->tool('print', 'fenced') =~ /^0\t(?:[5-9]\d|\d\d\d)\t\t(.*)$/mg;
	is(scalar @messages, 450, 'the other worker has the records of a partition');
	take_over_from('fenced', sub {
		my ($other, $id) = @_;
		$other->query("SELECT topo.ingest('flow', convert_to('" . join("\n", @messages) . "', 'UTF8'))");
		$other->query("UPDATE topo.source_position SET next_offset = 500, records = 500, last_offset = -1 WHERE source = $id AND partition = 0");
	});
	is_exact($node, 'postgres', 'fenced', 'fenced', 1000, 'what both had in hand');
};

subtest 'two that take over from each other again and again' => sub {
	my $template = numbered('fight', 2);
	my ($partitions, $chunks, $chunk) = (4, 30, 200);
	my $total = $chunks * $chunk;
	my $said = '';

	$kafka->tool('create', 'fight', $partitions);
	add_topic($node, $kafka, 'fight', 'fight');
	catch_up($node, 'fight');
	# the template, with the number put in
	my $message = "'" . $template . "'";
	$message =~ s/\{n:(\d+)\}/' || (o * $partitions + p) % $1 || '/g;
	$node->safe_psql('postgres', "CREATE FUNCTION message(p integer, o bigint) RETURNS text LANGUAGE sql IMMUTABLE RETURN $message");
	$node->safe_psql('postgres', slurp_file("$lib/kafka_rival.sql"));
	$node->safe_psql('postgres', 'INSERT INTO made VALUES (0)');
	my $rival = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c',
			'CALL rival(' . id_of('fight') . ", $partitions, $total / $partitions, 3, 40)" ],
		'>', \$said, '2>&1', IPC::Run::timeout(120));
	# at a rate that leaves something for both
	foreach my $made (map { $_ * $chunk } 0 .. $chunks - 1)
	{
		$kafka->tool('generate', 'fight', $chunk, '--template', $template, '--first', $made, '--rate', 4 * $chunk);
		$node->safe_psql('postgres', sprintf 'UPDATE made SET records = %d', ($made + $chunk) / $partitions);
	}
	is( $node->safe_psql('postgres', 'SELECT message(3, 2)'),
		($kafka->tool('print', 'fight') =~ /^3\t2\t\t(.*)$/m)[0], 'the rival knows the records');
	$rival->finish or diag($said);
	catch_up($node, 'fight');
	is_exact($node, 'postgres', 'fight', 'fight', $total, 'between them');
	my ($rounds, $count) = split /\|/, $node->safe_psql('postgres', 'TABLE fight');
	my $fenced = () = log_of($node) =~ /another worker has taken this source over/g;
	cmp_ok($rounds, '>=', 3, "the rival took over $rounds times, and took $count records");
	cmp_ok($fenced, '>=', 3, "workers were fenced $fenced times");
};

subtest 'paused and resumed again and again' => sub {
	my $most = 0;

	$kafka->tool('create', 'restless', 4);
	add_topic($node, $kafka, 'restless', 'restless');
	my $producer = IPC::Run::start($kafka->command('generate', 'restless', 8000, '--template', numbered('restless', 3), '--rate', 4000));
	foreach (1 .. 25)
	{
		$node->safe_psql('postgres', q{SELECT topo.pause_source('restless')});
		$node->safe_psql('postgres', q{SELECT topo.resume_source('restless')});
		my $workers = $node->safe_psql('postgres', q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1953460336 AND granted AND objid = } . id_of('restless'));
		$most = $workers if $workers > $most;
	}
	$producer->finish;
	catch_up($node, 'restless');
	is_exact($node, 'postgres', 'restless', 'restless', 8000, 'meanwhile');
	cmp_ok($most, '<=', 1, 'there were never two workers');
};

subtest 'copies of a server and of a database' => sub {
	$kafka->tool('create', 'copied', 2);
	add_topic($node, $kafka, 'copied', 'copied');
	send_flows($kafka, 'copied', 1000, app => 'copied');
	catch_up($node, 'copied');
	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new('standby');
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	send_flows($kafka, 'copied', 1000, app => 'copied');
	catch_up($node, 'copied');
	$node->wait_for_catchup($standby);
	# the old primary goes on
	$standby->promote;
	$node->safe_psql('template1', 'CREATE DATABASE twin TEMPLATE postgres');
	send_flows($kafka, 'copied', 1000, app => 'copied');
	foreach ([ $node, 'postgres', 'the old primary' ], [ $standby, 'postgres', 'the promoted standby' ], [ $node, 'twin', 'a copy of the database' ])
	{
		my ($server, $database, $name) = @$_;

		$server->poll_query_until($database, q{SELECT count(*) = 1 FROM topo.source_workers() w JOIN topo.source s ON s.id = w.source WHERE s.name = 'copied' AND w.state = 'running'}) or die "no worker in $name";
		$server->safe_psql($database, q{SELECT topo.wait_for_source('copied', '1 minute')});
		is_exact($server, $database, 'copied', 'copied', 3000, $name);
	}
	$standby->stop('fast');
};

$node->stop('fast');
$kafka->stop;
unlike(log_of($node), qr/was terminated by signal|PANIC/, 'nothing crashed');
done_testing();
