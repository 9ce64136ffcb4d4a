# Real traces, split per service and shuffled, come by several sessions at once,
# and the server is killed while they do: every call is found, and none twice.
# What the traces show of a fault, before and after it.  Then the horizon: what never
# comes is given up in time.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::TrainTicket;

my $missing = why_no_trainticket();
plan skip_all => $missing if $missing;

my $node = new_server('traces', conf => "topology.span_horizon = 1h\n");
$node->safe_psql('postgres', "SELECT topo.set_graph('trace', '{\"retention\": \"infinite\", \"edge_ttl\": \"infinite\"}')");
my $edges = "SELECT source, target, requests FROM topo.edges('(,)', '{trace}') ORDER BY (source || '|' || target || '|') COLLATE \"C\"";

# Messages wait in a table; who ingests one takes it out of there in the same transaction.
$node->safe_psql('postgres', 'CREATE TABLE message (id serial PRIMARY KEY, batch int NOT NULL, payload text NOT NULL)');
my $number = 0;
my $rows = join('', map { int($number++ / 40) . "\t" . s/\\/\\\\/gr . "\n" } trainticket_messages(3));
IPC::Run::run([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', 'COPY message (batch, payload) FROM STDIN' ], '<', \$rows)
  or die 'the messages could not be loaded';
$node->safe_psql('postgres', <<'EOT');
CREATE PROCEDURE take_all(pairs boolean) LANGUAGE plpgsql AS $$
DECLARE
	chosen int;
BEGIN
	LOOP
		SELECT m.batch INTO chosen FROM message m ORDER BY m.id LIMIT 1 FOR UPDATE SKIP LOCKED;
		EXIT WHEN chosen IS NULL;
		WITH taken AS (DELETE FROM message WHERE batch = chosen RETURNING payload)
		SELECT topo.ingest('otlp_json', convert_to(string_agg(payload, E'\n'), 'UTF8')) INTO chosen FROM taken;
		IF pairs THEN
			PERFORM topo.pair_pending(false);
		END IF;
		COMMIT;
	END LOOP;
END
$$
EOT

# tests: sessions that take messages until the server dies, or there are none
sub take_messages
{
	my ($kill_at) = @_;
	my @sessions = map {
		IPC::Run::start([ 'psql', '-Xq', '-d', $node->connstr('postgres'), '-c', "CALL take_all($_)" ],
			'>', '/dev/null', '2>', '/dev/null')
	} qw(true true false);

	if (defined $kill_at)
	{
		# waited for where they are taken: a poll from here would come too late
		$node->safe_psql('postgres', "DO \$\$ BEGIN WHILE (SELECT count(*) > $kill_at FROM message) LOOP PERFORM pg_sleep(0.002); END LOOP; END \$\$");
		$node->stop('immediate');
	}
	$_->finish foreach @sessions;
	$node->start if defined $kill_at;
	return;
}

my $total = $node->safe_psql('postgres', 'SELECT count(*) FROM message');
take_messages(int($total * $_)) foreach (0.8, 0.5, 0.3);
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM message'), '>', 0, 'the server was killed on the way');
take_messages();
is($node->safe_psql('postgres', 'SELECT count(*) FROM message'), 0, 'all messages were taken');
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', $edges), trainticket_edges(), 'the edges and counts are exactly the true ones');
is($node->safe_psql('postgres', 'SELECT waiting, unpaired, repeated, unattributed FROM topo.trace_status'),
	'0|0|0|0', 'every span found its parent, and none came twice');

# A fault was injected at 08:52:06: ts-contacts-service answers wrongly, and who books a
# ticket goes no further than to ask it.
sub differences
{
	my ($before, $after) = @_;

	return $node->safe_psql('postgres',
		"SELECT change, source, target, summary FROM topo.diff('$before', '$after', '{trace}') WHERE source IN ('ts-preserve-service', 'ts-contacts-service') AND summary NOT LIKE '%chance'");
}
is( differences('[2023-01-29 08:49Z,2023-01-29 08:52Z)', '[2023-01-29 08:53Z,2023-01-29 08:55Z)'), <<'EOT' =~ s/\n$//r, 'diff() shows what a fault cut off');
removed|ts-preserve-service|ts-basic-service|gone: 9 requests
removed|ts-preserve-service|ts-order-service|gone: 9 requests
removed|ts-preserve-service|ts-seat-service|gone: 9 requests
removed|ts-preserve-service|ts-user-service|gone: 9 requests
EOT
is(differences('[2023-01-29 08:50Z,2023-01-29 08:51Z)', '[2023-01-29 08:51Z,2023-01-29 08:52Z)'), '', 'and nothing where there was none');

# the same again, in another order
my @again = trainticket_messages(4);
$rows = join('', map { "0\t" . s/\\/\\\\/gr . "\n" } @again[0 .. 999]);
IPC::Run::run([ 'psql', '-XqAt', '-d', $node->connstr('postgres'), '-c', 'COPY message (batch, payload) FROM STDIN' ], '<', \$rows)
  or die 'the messages could not be loaded';
take_messages();
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', $edges), trainticket_edges(), 'what comes again does not count again');

# the horizon
my $orphan = 'SELECT topo.ingest(\'otlp_json\', convert_to(format($j$'
  . '{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"scopeSpans":[{"spans":['
  . '{"traceId":"000000000000000000000000000000ff","spanId":"00000000000000f1","parentSpanId":"00000000000000f0","kind":2,"startTimeUnixNano":"%1$s","endTimeUnixNano":"%1$s"},'
  . '{"traceId":"000000000000000000000000000000ff","spanId":"00000000000000f2","parentSpanId":"00000000000000f1","kind":3,"startTimeUnixNano":"%1$s","endTimeUnixNano":"%1$s",'
  . '"attributes":[{"key":"server.address","value":{"stringValue":"api.example.com"}}]}]}]}]}$j$, (extract(epoch FROM now()) * 1000000)::bigint * 1000), \'UTF8\'))';
$node->safe_psql('postgres', $orphan);
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', 'SELECT waiting, assumed, unpaired FROM topo.trace_status'), '2|0|0', 'spans wait for the horizon');
$node->append_conf('postgresql.conf', "topology.span_horizon = 1s\n");
$node->reload;
$node->poll_query_until('postgres', 'SELECT waiting = 0 FROM topo.pair_pending(true), topo.trace_status')
  or die 'spans wait for ever';
is($node->safe_psql('postgres', 'SELECT assumed, unpaired FROM topo.trace_status'), '1|1', 'and no longer');
is($node->safe_psql('postgres', "SELECT target, requests FROM topo.edges(graphs => '{trace}') WHERE source = 'web'"),
	'external:api.example.com|1', 'a callee that never came is the one that was named');

$node->stop('fast');
done_testing();
