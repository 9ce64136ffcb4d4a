# Whatever a topic holds: no crash, bounded memory, and of each record that cannot
# be used one dead letter, with its place, key, bytes and reason.  The rest is kept;
# and letters are put through again once they can be used.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Kafka;
use Topology::Stream;

need_kafka();

my $kafka = Topology::Kafka->new('bad');
my $node = new_server('bad', conf => "topology.batch_memory = '16MB'\n");
my $day = 86400;
# a time in ns, so many seconds from now
my $ns = sub { return (time + $_[0]) . '000000000' };
my $flow = sub { my %field = @_; return flow_line(app => 'good', %field) };
my $at = sub { my ($start, $end) = @_; return flow_line(app => 'good') =~ s/"start":\d+,"end":\d+/"start":$start,"end":$end/r };

# Messages of a topic, each [key, payload, what the letters hold, reason, ...]; undef is
# none, and letters are those bytes, or all.  Topics are of one partition, so that
# the place of a message is its offset.
sub send_messages
{
	my ($topic, @messages) = @_;
	my $hex = sub { return defined $_[0] ? unpack 'H*', $_[0] : 'null' };

	$kafka->tool('create', $topic, 1);
	$kafka->tool_input(join('', map { $hex->($_->[0]) . ':' . $hex->($_->[1]) . "\n" } @messages), 'produce', $topic, '-', '--hex', '--key', ':');
	return;
}

# Each letter of a source: offset, key, payload, reason.
sub letters_of
{
	my ($name) = @_;

	return map { [ split /\|/, $_, 4 ] } split /\n/,
	  $node->safe_psql('postgres', qq{SELECT "offset", coalesce(encode(key, 'hex'), 'null'), encode(payload, 'hex'), reason FROM topo.dead_letter WHERE source = '$name' AND partition = 0 AND length IS NULL ORDER BY id});
}

# A test of a topic of these messages: those with a reason become letters, of the others so many records are taken.
sub is_buried
{
	my ($name, $format, $records, @messages) = @_;

	send_messages($name, @messages);
	add_topic($node, $kafka, $name, $name, format => $format, region => 'eu');
	catch_up($node, $name);
	my @letters = letters_of($name);
	for my $offset (0 .. $#messages)
	{
		my ($key, $payload, $reason, $letter) = @{ $messages[$offset] };
		my @mine = grep { $_->[0] == $offset } @letters;

		next if !defined $reason && !@mine;
		my $place = "$name, message $offset";
		is(scalar @mine, defined $reason ? 1 : 0, "$place: one dead letter") or next;
		is($mine[0][1], defined $key ? unpack 'H*', $key : 'null', "$place: its key");
		is($mine[0][2], unpack('H*', $letter // $payload), "$place: its bytes");
		like($mine[0][3], $reason, "$place: $mine[0][3]");
	}
	is(status_of($node, $name, qw(state records dead_letters lag last_error)), "running|$records|" . @letters . '|0|', "$name: the rest is taken");
	return;
}

is_buried('flows', 'flow', 10,
	[ undef, $flow->() ],
	[ "\x00\xff\x80key", '{"start":', qr/JSON|ends|end of/ ],
	[ 'deep', '[' x 100_000, qr/deep|nest|object/ ],
	[ undef, '{"x":' x 100_000, qr/deep|nest/ ],
	[ undef, $flow->() =~ s/good/\xff\xfe/r, qr/UTF-8/ ],
	[ undef, $flow->() =~ s/good/go\x00od/r, qr/NUL|zero|control|character/ ],
	[ undef, $flow->() =~ s/good/go\\u0000od/r, qr/NUL|u0000|control|character/ ],
	[ undef, $flow->() =~ s/good/go\\ud800od/r, qr/surrogate|Unicode|character/ ],
	[ "\x00", '', qr/empty/ ],
	[ 'tombstone', undef ],
	[ undef, $flow->() ],
	[ undef, join('', map { chr } 11 .. 255), qr/./ ],
	[ undef, $flow->() =~ s/"tx_bytes":7/"tx_bytes":-7/r, qr/tx_bytes/ ],
	[ undef, $flow->() =~ s/"tx_bytes":7/"tx_bytes":1e400/r, qr/tx_bytes/ ],
	[ undef, $flow->() =~ s/10\.1\.0\.1/10.1.0.256/r, qr/local.ip/ ],
	[ undef, 'null', qr/object/ ],
	[ undef, '7', qr/object/ ],
	# the unit is the line: those around a bad one are taken
	[ 'lines', join("\n", $flow->(), '{"bad":1}', $flow->()), qr/missing|must|proto|start/, '{"bad":1}' ],
	# times
	[ undef, $at->($ns->(7200), $ns->(7200)), qr/"start" is more than an hour ahead/ ],
	[ undef, $at->($ns->(-5000 * $day), $ns->(-5000 * $day)), qr/"start" is older than what the graph keeps/ ],
	[ undef, $at->('9223372036854775807', '9223372036854775807'), qr/start|ahead/ ],
	[ undef, $at->('-9223372036854775808', '-9223372036854775808'), qr/start|older/ ],
	[ undef, $at->('1', '1'), qr/older/ ],
	[ undef, $at->('99999999999999999999', '99999999999999999999'), qr/start/ ],
	[ undef, $at->($ns->(0), $ns->(-100)), qr/end/ ],
	[ undef, $at->($ns->(3000), $ns->(3000)) ],
	(map { [ undef, $flow->() ] } 1 .. 5));
is(connections_of($node, 'good'), 10, 'what was good is in the map');

# a protobuf of one span, and what can be wrong with it
my $varint = sub { my ($n) = @_; my $out = ''; while ($n > 127) { $out .= chr(128 | $n & 127); $n >>= 7 } return $out . chr $n };
my $field = sub { my ($number, $bytes) = @_; return $varint->($number << 3 | 2) . $varint->(length $bytes) . $bytes };
my $attribute = sub { return $field->(1, $field->(1, $_[0]) . $field->(2, $_[1])) };
my $span = sub {
	my ($id, $start) = @_;
	return $field->(1, "\x01" x 16) . $field->(2, pack 'Q>', $id) . $field->(5, 'GET /')
	  . "\x30\x02" . "\x39" . pack('Q<', $start) . "\x41" . pack('Q<', $start + 1000);
};
my $traces = sub { my ($service, @spans) = @_; return $field->(1, $field->(1, $attribute->('service.name', $field->(1, $service))) . $field->(2, join '', map { $field->(2, $_) } @spans)) };
my $good = $traces->('web', $span->(7, time * 1e9));
my $nested = 'x';
$nested = $field->(6, $field->(1, $field->(1, 'k') . $field->(2, $nested))) foreach 1 .. 5000;

is_buried('spans', 'otlp_proto', 3,
	[ undef, $good ],
	(map { [ "cut $_", substr($good, 0, $_), qr/./ ] } 1, 5, 20, 40, length($good) - 1),
	[ undef, "\xff" x 100, qr/./ ],
	[ undef, "\x0a" . "\xff" x 8 . "\x7f", qr/./ ],
	[ "\xde\xad", '', qr/empty/ ],
	[ undef, $traces->("we\xffb", $span->(8, time * 1e9)), qr/UTF-8/ ],
	# all or nothing of a message
	[ undef, $traces->('web', $span->(9, time * 1e9), $span->(10, (time + 2 * $day) * 1e9)), qr/ahead/ ],
	# what is not read may be nested as it likes
	[ undef, $field->(1, $field->(1, $attribute->('x', $nested))) ],
	[ undef, $traces->('web', $span->(11, time * 1e9)) ],
	[ undef, undef ],
	[ undef, $traces->('web', $span->(12, time * 1e9)) ]);

is_buried('json', 'otlp_json', 0,
	[ undef, '{"resourceSpans":' . '[' x 70_000, qr/array of objects/ ],
	[ undef, '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"kvlistValue":{"values":[' x 300, qr/./ ],
	[ undef, '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}', qr/traceId/ ],
	[ undef, '', qr/empty/ ],
	[ undef, '{}' ]);

is_buried('metrics', 'otlp_metrics_proto', 0, [ undef, "\x0a\x05abc", qr/./ ], [ undef, substr($good, 0, 30), qr/./ ]);
is_buried('vpc', 'vpc', 1,
	[ undef, "2 1 eni-1 10.0.0.1 10.0.0.2 1 80 6 1 1 " . time . ' ' . time . " ACCEPT OK\nnonsense", qr/./, 'nonsense' ],
	[ undef, "\x00\x01\x02", qr/./ ]);

subtest 'messages of 100 MB' => sub {
	my $file = PostgreSQL::Test::Utils::tempdir() . '/large';
	my @large = ('7' . ' ' x 100_000_000, '{"x":"' . 'y' x 100_000_000);

	$kafka->tool('create', 'large', 1, 'max.message.bytes=134217728');
	append_to_file($file, join "\n", @large);
	$kafka->tool('-X', 'message.max.bytes=134217728', 'produce', 'large', $file);
	foreach my $format (qw(flow otlp_json otlp_proto))
	{
		my $topic = "large $format";

		add_topic($node, $kafka, $topic, 'large', format => $format);
		catch_up($node, $topic);
		is(status_of($node, $topic, qw(state records dead_letters lag last_error)), 'running|0|2|0|', "$format: each is a dead letter");
		is( $node->safe_psql('postgres', qq{SELECT "offset", length, octet_length(payload), encode(substr(payload, 1, 2), 'escape'), reason LIKE '%of its ' || length || ' bytes the first 16777216 are kept%' FROM topo.dead_letter WHERE source = '$topic' ORDER BY 1}),
			join("\n", map { my $l = $large[$_]; join '|', $_, length $l, 16777216, substr($l, 0, 2), 't' } 0 .. 1),
			"$format: of which the first 16 MB are kept, and the whole length");
		note($node->safe_psql('postgres', "SELECT DISTINCT reason FROM topo.dead_letter WHERE source = '$topic'"));
		is($node->safe_psql('postgres', "SELECT topo.replay_dead_letters('$topic')"), 0, "$format: they are not put through again");
		my $peak = memory_peak_of(worker_of($node, 'postgres', $topic));
		cmp_ok($peak, '<', 400, "$format: the worker took $peak MB at the most");
	}
};

subtest 'put through again' => sub {
	my $letters = $node->safe_psql('postgres', q{SELECT count(*) FROM topo.dead_letter WHERE source = 'flows'});

	is($node->safe_psql('postgres', q{SELECT topo.replay_dead_letters('flows')}), 0, 'nothing can be used yet');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM topo.dead_letter WHERE source = 'flows'}), $letters, 'and all stay');
	$node->safe_psql('postgres', q{SELECT topo.set_graph('network', '{"retention": "infinite", "edge_ttl": "infinite"}')});
	is($node->safe_psql('postgres', q{SELECT topo.replay_dead_letters('flows')}), 3, 'once more is kept, what was too old is taken');
	is(connections_of($node, 'good'), 13, 'into the map');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM topo_network.flow_window WHERE bucket < now() - interval '4000 days' AND region = 'eu'}), 3, 'with the region of its source');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM topo.dead_letter WHERE source = 'flows' AND reason ~ 'older'}), 0, 'and is no letter any more');
	is($node->safe_psql('postgres', q{SELECT topo.replay_dead_letters('flows')}), 0, 'once');
	cmp_ok($node->safe_psql('postgres', q{SELECT count(*) FROM topo.dead_letter WHERE source = 'flows'}), '>', 10, 'the others stay');
};

unlike(log_of($node), qr/was terminated by signal|"topology source" .* exited with exit code|PANIC/, 'nothing crashed, no worker failed');
$node->stop('fast');
$kafka->stop;
done_testing();
