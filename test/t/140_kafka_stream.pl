# The Kafka consumer and producer of src/stream against a real broker: nothing is
# lost or read twice, whatever is killed, and each trouble is told for what it is.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IPC::Run;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology::Kafka;

my $program = $ENV{TOPOLOGY_KAFKA_STREAM} // abs_path(dirname(__FILE__) . '/../../build/kafka_stream');

need_kafka();
plan skip_all => "$program is not built" unless -x $program;

my $kafka = Topology::Kafka->new('plain');
my $work = PostgreSQL::Test::Utils::tempdir('kafka-stream');

sub command
{
	my ($what, $topic, $third, @options) = @_;

	return [ $program, $what, $kafka->brokers, $topic, $third, @options ];
}

# Run to the end; returns the output and the exit status.
sub run_program
{
	my @command = @_;
	my $out = '';

	IPC::Run::run(command(@command), '>', \$out, '2>&1',
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return ($out, $? >> 8);
}

# Start it in the background; its output comes in ${$out}.
sub start_program
{
	my ($out, @command) = @_;

	return IPC::Run::start(command(@command), '>', $out, '2>&1',
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
}

sub wait_for_output
{
	my ($harness, $out, $pattern) = @_;

	$harness->pump until ${$out} =~ $pattern;
	return;
}

sub state_of { return "$work/$_[0].state" }

subtest 'one million records, each once, though consumer and broker are killed' => sub {
	my ($produced, $consumed) = ('', '');
	my $count = 1_000_000;
	my %kills = (broker => 0, consumer => 0);

	$kafka->tool('create', 'million', 4);
	my $producer = start_program(\$produced, 'produce', 'million', $count);
	my $consumer;
	foreach my $round (1 .. 10)
	{
		$consumer = start_program(\$consumed, 'consume', 'million', state_of('million'),
			'--expect', $count, '--batch', 5000)
		  unless $consumer;

		# in mid-stream: it has committed some batches since it started
		wait_until_replaced($consumer, state_of('million'), 3);
		last if !$consumer->pumpable;
		if ($round % 4 == 2)
		{
			$kafka->kill;
			$kafka->start;
			$kills{broker}++;
			next;
		}
		$consumer->kill_kill(grace => 0);
		undef $consumer;
		$kills{consumer}++;
	}
	$consumer->kill_kill(grace => 0) if $consumer;
	my ($out, $status) = run_program('consume', 'million', state_of('million'), '--expect', $count);
	is($status, 0, 'the consumer ends well') or diag($out);
	$producer->finish;
	like($produced, qr/delivered $count failed 0/, 'every record was delivered');
	like($out, qr/distinct $count repeated 0 /, 'and consumed once');
	cmp_ok($kills{consumer}, '>=', 3, "$kills{consumer} kills of the consumer");
	cmp_ok($kills{broker}, '>=', 1, "$kills{broker} kills of the broker");
	is($kafka->tool('count', 'million'), $count, 'the topic has no duplicates either');
};

# Wait until the file was replaced so many times, or the program has ended.
sub wait_until_replaced
{
	my ($harness, $file, $times) = @_;
	my $inode = (stat $file)[1] // 0;

	while ($times > 0 && $harness->pumpable)
	{
		$harness->pump_nb;
		my $now = (stat $file)[1] // 0;
		$times-- if $now != $inode;
		$inode = $now;
		select(undef, undef, undef, 0.002);
	}
	return;
}

subtest 'partitions that are added while it runs are read from their begin' => sub {
	my $out = '';

	$kafka->tool('create', 'growing', 1);
	$kafka->tool('generate', 'growing', 100);
	my $consumer = start_program(\$out, 'consume', 'growing', state_of('growing'),
		'--latest', '--expect', 150, '--discover', 200);
	wait_for_output($consumer, \$out, qr/^end 0 100$/m);
	$kafka->tool('partitions', 'growing', 3);
	$kafka->tool('generate', 'growing', 150, '--first', 1000);
	$consumer->finish;
	like($out, qr/^partitions 3$/m, 'they are found');
	like($out, qr/records 150 distinct 150 repeated 0/, 'and nothing of them is missed');
};

subtest 'partitions are assigned again before they have stopped' => sub {
	$kafka->tool('create', 'reassigned', 8);
	$kafka->tool('generate', 'reassigned', 1000);
	my ($out, $status) = run_program('reassign', 'reassigned', 1000);
	is($out, "assigned 1000\n", 'which librdkafka survives');
	is($status, 0, 'and its end');
};

subtest 'of transactions, only what was committed is seen, and the end is right' => sub {
	my $lines = sub { join('', map { "$_\n" } @_) };
	my $out = '';

	$kafka->tool('create', 'transactional', 1);
	$kafka->tool_input($lines->(1 .. 10), 'transaction', 'transactional', 'commit', '-');
	$kafka->tool_input($lines->(100 .. 199), 'transaction', 'transactional', 'abort', '-');
	$kafka->tool_input($lines->(11 .. 20), 'transaction', 'transactional', 'commit', '-');
	my ($seen) = run_program('consume', 'transactional', state_of('transactional'), '--to-end');
	like($seen, qr/records 20 distinct 20 repeated 0/, 'aborted records are skipped');
	my ($edge) = $kafka->ends('transactional');
	like($seen, qr/^end 0 $edge->[2]$/m, 'the end is behind the mark of the last transaction');

	$kafka->tool_input($lines->(21 .. 30), 'transaction', 'transactional', 'leave', '-', '--id', 'open');
	($seen) = run_program('consume', 'transactional', state_of('transactional'), '--to-end');
	like($seen, qr/records 20 distinct 20/, 'an open transaction is not seen');
	# whoever takes over its id ends it
	$kafka->tool_input($lines->(31), 'transaction', 'transactional', 'commit', '-', '--id', 'open');
	($seen) = run_program('consume', 'transactional', state_of('transactional'), '--to-end');
	like($seen, qr/records 21 distinct 21 repeated 0/, 'and gone when it was taken over');
};

subtest 'a topic that was deleted and made again is noticed' => sub {
	my $consume = sub { run_program('consume', 'again', state_of("again-$_[0]"), '--expect', $_[1]) };
	my $remake = sub {
		$kafka->tool('delete', 'again');
		$kafka->tool('create', 'again', 1);
		$kafka->tool('generate', 'again', $_[0]) if $_[0];
	};
	my ($out, $status);

	$kafka->tool('create', 'again', 1);
	$kafka->tool('generate', 'again', 1000);
	$consume->($_, 1000) foreach qw(shorter empty longer running);

	$remake->(0);
	($out, $status) = $consume->('empty', 2000);
	is($status, 2, 'when it is empty');
	like($out, qr/^error topic recreated 0 .*ends at offset 0, before the next offset 1000/m, 'it says so');

	$remake->(500);
	($out, $status) = $consume->('shorter', 2000);
	is($status, 2, 'when it is shorter');
	like($out, qr/^error topic recreated 0 .*ends at offset 500/m, 'it says so');

	$remake->(3000);
	($out, $status) = $consume->('longer', 4000);
	is($status, 2, 'when it is longer');
	like($out, qr/^error topic recreated 0 the record at offset 999/m, 'it says so');
	like(run_again('again', 'longer'), qr/^error topic recreated/m, 'every time');

	foreach my $length (300, 1000, 2000)
	{
		$remake->(1000);
		unlink state_of('again-running');
		my $seen = '';
		my $consumer =
		  start_program(\$seen, 'consume', 'again', state_of('again-running'), '--expect', 4000);
		wait_for_output($consumer, \$seen, qr/^end 0 1000$/m);
		$remake->($length);
		eval { $consumer->finish };
		like($seen, qr/^error topic recreated 0 /m, "while it is being read, $length records long");
	}
};

sub run_again
{
	my ($topic, $state) = @_;
	my ($out) = run_program('consume', $topic, state_of("$topic-$state"), '--expect', 4000);

	return $out;
}

subtest 'a topic that is deleted and made again too late is an unknown topic until then' => sub {
	my $out = '';

	$kafka->tool('create', 'late', 1);
	$kafka->tool('generate', 'late', 10);
	my $consumer = start_program(\$out, 'consume', 'late', state_of('late'), '--expect', 20);
	wait_for_output($consumer, \$out, qr/^end 0 10$/m);
	$kafka->tool('delete', 'late');
	wait_for_output($consumer, \$out, qr/^error unknown topic/m);
	$consumer->kill_kill(grace => 0);
	pass('it says so');
};

subtest 'records that are no longer kept are told, not skipped' => sub {
	$kafka->tool('create', 'short-lived', 1);
	$kafka->tool('generate', 'short-lived', 1000);
	run_program('consume', 'short-lived', state_of('short-lived'), '--expect', 1000);
	$kafka->tool('generate', 'short-lived', 1000, '--first', 1000);

	$kafka->tool('forget', 'short-lived', 0, 1000);
	my ($out, $status) =
	  run_program('consume', 'short-lived', state_of('short-lived'), '--expect', 2000);
	is($status, 0, 'that the last record that was taken is gone is no harm') or diag($out);
	like($out, qr/records 2000 distinct 2000 repeated 0/, 'it goes on behind it');

	$kafka->tool('generate', 'short-lived', 1000, '--first', 2000);
	$kafka->tool('forget', 'short-lived', 0, 2500);
	($out, $status) = run_program('consume', 'short-lived', state_of('short-lived'), '--expect', 3000);
	is($status, 2, 'but not that those before the position are gone');
	like($out, qr/^error offset gone 0 .*begins at offset 2500, after the next offset 2000: 500 offsets/m,
		'and it says how many');
};

subtest 'a broker that is away, and comes back' => sub {
	my ($consumed, $produced) = ('', '');

	$kafka->tool('create', 'patient', 2);
	$kafka->tool('generate', 'patient', 100);
	my $consumer = start_program(\$consumed, 'consume', 'patient', state_of('patient'), '--expect', 50100);
	wait_for_output($consumer, \$consumed, qr/^end/m);
	$kafka->kill;
	wait_for_output($consumer, \$consumed, qr/^error broker away/m);
	my $producer = start_program(\$produced, 'produce', 'patient', 50000, '--first', 100,
		'--memory', 1 << 20);
	wait_for_output($producer, \$produced, qr/^error broker away/m);
	$kafka->start;
	$producer->finish;
	like($produced, qr/delivered 50000 failed 0 full [1-9]/,
		'the producer is full meanwhile, and delivers all in the end');
	$consumer->finish;
	like($consumed, qr/^recovered$/m, 'the consumer recovers');
	like($consumed, qr/distinct 50100 repeated 0/, 'and reads all');
};

subtest 'memory is bounded' => sub {
	my $filler = 'x' x 380;

	$kafka->tool('create', 'backlog', 4);
	$kafka->tool('generate', 'backlog', 2_000_000, '--template', "{n} $filler");
	my ($out) = run_program('consume', 'backlog', state_of('slow'), '--seconds', 4, '--slow', 1000,
		'--batch', 100, '--memory', 16 << 20);
	my ($slow) = $out =~ /peak (\d+)/;
	cmp_ok($slow, '<', 48 << 10, "a slow reader of 800 MB takes $slow kB");
	($out) = run_program('consume', 'backlog', state_of('fast'), '--expect', 2_000_000,
		'--memory', 16 << 20, '--batch', 5000);
	my ($fast, $seconds) = $out =~ /distinct 2000000 repeated 0 peak (\d+) seconds (\S+)/;
	cmp_ok($fast, '<', 64 << 10, "a fast one $fast kB, and $seconds s");
	$kafka->tool('delete', 'backlog');
};

subtest 'a record of 100 MB is a record' => sub {
	my $file = "$work/large";

	append_to_file($file, '7' . (' ' x 100_000_000) . "\n8\n");
	$kafka->tool('create', 'large', 1, 'max.message.bytes=134217728');
	$kafka->tool('-X', 'message.max.bytes=134217728', 'produce', 'large', $file);
	my ($out, $status) = run_program('consume', 'large', state_of('large'), '--to-end');
	is($status, 0, 'it is read') or diag($out);
	like($out, qr/records 2 distinct 2/, 'and what comes after it');
	my ($peak) = $out =~ /peak (\d+)/;
	cmp_ok($peak, '<', 400 << 10, "at $peak kB");
};

$kafka->stop;
$kafka = Topology::Kafka->new('secure', secure => 1);

subtest 'passwords and permissions' => sub {
	my $secret = 'hunter2-is-wrong';
	my @sasl = ('-X', 'security.protocol=SASL_PLAINTEXT', '-X', 'sasl.mechanism=PLAIN');
	my @tls = ('-X', 'security.protocol=SASL_SSL', '-X', 'sasl.mechanism=PLAIN');
	my @alice = ('-X', 'sasl.username=alice', '-X', 'sasl.password=alice-secret');
	my @ca = ('-X', 'ssl.ca.location=' . $kafka->dir . '/ca.pem');
	my $attempt = sub {
		my ($address, @options) = @_;
		my $out = '';

		unlink state_of('secure');
		IPC::Run::run([ $program, 'consume', $address, 'guarded', state_of('secure'), '--to-end',
				'--any-error', @options ], '>', \$out, '2>&1', IPC::Run::timeout(60));
		return $out;
	};
	my $out;

	$kafka->tool('create', 'guarded', 1);
	$kafka->tool('generate', 'guarded', 10);
	like($attempt->($kafka->sasl, @sasl, @alice), qr/records 10 distinct 10/, 'a right password is taken');
	like($attempt->($kafka->tls, @tls, @alice, @ca), qr/records 10 distinct 10/, 'and over TLS');

	$out = $attempt->($kafka->sasl, @sasl, '-X', 'sasl.username=alice', '-X', "sasl.password=$secret");
	like($out, qr/^error authentication -1 /m, 'a wrong password is told');
	unlike($out, qr/\Q$secret\E/, 'and not shown');

	$out = $attempt->($kafka->sasl, @sasl, '-X', 'sasl.username=bob', '-X', 'sasl.password=bob-secret');
	like($out, qr/^error (authorization|unknown topic) /m, 'that a user may not read is told');

	# with its first error ignored, what follows still tells the cause
	($out) = '';
	IPC::Run::run([ $program, 'consume', $kafka->sasl, 'guarded', state_of('secure'), '--seconds', 3,
			@sasl, '-X', 'sasl.username=alice', '-X', "sasl.password=$secret" ],
		'>', \$out, '2>&1', IPC::Run::timeout(60));
	unlike($out, qr/^error broker away/m, 'a broker that refuses us is not called away');

	$out = $attempt->($kafka->tls, @tls, @alice);
	like($out, qr/^error tls -1 /m, 'a certificate of an unknown authority is told');

	$out = $attempt->($kafka->tls, @tls, @alice, '-X', "ssl.key.pem=$secret");
	like($out, qr/^error bad setting -1 /m, 'a key that is none is told');
	unlike($out, qr/\Q$secret\E/, 'and not shown');

	$out = $attempt->($kafka->sasl, '-X', "sasl.pasword=$secret");
	like($out, qr/^error bad setting -1 librdkafka has no setting "sasl.pasword"/m, 'so is a wrong name');
	unlike($out, qr/\Q$secret\E/, 'without its value');

	like($attempt->($kafka->sasl, '-X', $_),
		qr/^error bad setting -1 .*(may not be given|not supported)/m, "$_ is refused")
	  foreach 'plugin.library.paths=/tmp/evil.so', 'sasl.kerberos.kinit.cmd=touch /tmp/evil',
	  'sasl.mechanism=GSSAPI', 'enable.auto.commit=true', 'queued.min.messages=1', 'Debug=all';
};

done_testing();
