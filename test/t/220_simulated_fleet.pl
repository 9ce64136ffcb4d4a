# A simulated fleet, whose truth is known: no edge of which the map is sure is
# wrong, what is exact is found, and the map is the same in whatever order and
# batches the records came.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;
use Topology::Fleet;
use Topology::Fleet::Score;

# TOPOLOGY_FLEET_SEED, _SCALE (how many workloads) and _BUSY (how often they call)
# make another fleet.
my $seed = $ENV{TOPOLOGY_FLEET_SEED} // 1;
my %size = (scale => $ENV{TOPOLOGY_FLEET_SCALE} // 0.6, busy => $ENV{TOPOLOGY_FLEET_BUSY} // 0.25);
my $node = new_server('fleet', map => 0, conf => "topology.max_address_nodes = 100000\n");

# What a kind must reach: the recall, and the bytes in error.  No kind has a row that is
# wrong with a confidence of 1.
my @must = (1, 0.001);
my %reaches = (
	# what was meant for a tenant that has gone
	churn => [ 0.99, 0.03 ],
	churn_dark => [ 0.7, 0.5 ],
	# known by its calls alone, and not while it makes none
	caller_only => [ 0.1, 1 ],
	no_role => [ 1, 0.01 ],
	# divided in proportion, though each caller is served by one app or cluster
	map({ $_ => [ 1, 0.3 ] } qw(lb_path lb_managed_path lb_clusters chain_path)),
	lb_hub => [ 1, 1.5 ],
	# a report of a connection that is kept open begins before the calls that it tells of
	lb_pooled => [ 0.6, 0.9 ],
	lb_pooled_path => [ 0.6, 1.3 ],
	# what a proxy does of its own is taken for its callers'
	lb_health => [ 1, 0.1 ],
	lb_refuses => [ 1, 0.05 ],
	# who went on trying, and what began in one window here and in another there
	map({ $_ => [ 1, 0.03 ] } qw(redirected redirected_hidden redirected_churn redirected_churn_hidden)),
	# of a kept connection, nobody says that it is not the host's own
	redirected_own => [ 1, 0.15 ],
	# which of them called whom is not known
	redirected_shared => [ 1, 0.2 ],
	# the halves of a call begin in two windows
	map({ $_ => [ 1, 0.08 ] } qw(lb_one_app lb_one_client lb_declared lb_scoped lb_pair lb_managed lb_backend_dark
		chain_one egress egress_one loop)),
	map({ $_ => [ 1, 0.15 ] } qw(vip_join vip_mixed vip_declared vip_unknown nat_plain nat_tuple nat_mixed)));

# A database with the records of a fleet, copied for each way to take them in.
sub make_records
{
	my ($database, $fleet) = @_;
	my $n = 0;
	my $rows = join '', map { join("\t", $n++, @$_[ 1, 2 ]) . "\n" } @{ $fleet->records };

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	create_map($node, $database);
	$node->safe_psql($database, <<'EOT');
SELECT topo.set_graph('network', '{"retention": "infinite", "edge_ttl": "infinite"}');
CREATE TABLE record (n int, arrives bigint, line text);
CREATE TABLE batch (number bigint, place bigint, n int);
CREATE PROCEDURE take(wanted int8range, flush_every int) LANGUAGE plpgsql AS $$
DECLARE
	taken record;
BEGIN
	FOR taken IN
		SELECT b.number, string_agg(r.line, E'\n' ORDER BY b.place) AS lines
		FROM batch b JOIN record r USING (n) WHERE b.number <@ wanted
		GROUP BY b.number ORDER BY b.number
	LOOP
		PERFORM topo.ingest('flow', convert_to(taken.lines, 'UTF8'));
		IF taken.number % flush_every = 0 THEN
			PERFORM topo.flush();
		END IF;
		COMMIT;
	END LOOP;
END
$$;
EOT
	IPC::Run::run([ 'psql', '-XqAt', '-d', $node->connstr($database), '-c', 'COPY record FROM STDIN' ], '<', \$rows)
	  or die 'the records could not be loaded';
	return;
}

# Each way: in what order, cut into batches how, and after how many batches a flush.
my %way = (
	ordered => [ 'n', 'place / 4000', 1000 ],
	late => [ 'arrives', 'arrives / 20000000', 25 ],
	map { ("shuffled_$_" => [ "hashint8extended(n, $_)", "count(*) FILTER (WHERE hashint8extended(n, -$_) % 1000 = 0) OVER (ORDER BY place)", 5 ]) } 1, 2);

# Take the records in; the inventory is told where "told" of the batches have come.
sub take_in
{
	my ($template, $way, $fleet, $told) = @_;
	my ($order, $cut, $flush_every) = @{ $way{$way} };
	my $database = "${template}_$way";
	my $begin = time;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE $template");
	$node->safe_psql($database, <<"EOT");
INSERT INTO batch SELECT $cut, place, n FROM (SELECT row_number() OVER (ORDER BY $order, n) AS place, n, arrives FROM record) r;
ANALYZE batch;
EOT
	my $cutoff = $node->safe_psql($database, "SELECT (max(number) * $told)::bigint FROM batch");

	$node->safe_psql($database, join ";\n", "CALL take('[,$cutoff)', $flush_every)", @{ $fleet->inventory },
		"CALL take('[$cutoff,]', $flush_every)", 'SELECT topo.flush()');
	note(sprintf "%s: %.1f s", $database, time - $begin);
	return $database;
}

# A query for the windows of edges, in rows of their own or packed.
sub stored
{
	my ($database) = @_;

	return $node->safe_psql($database, "SELECT topo.stored_windows('topo_network', 'edge_window', 'true')");
}

# All that the map says, and what was learned of addresses, in one order.
sub content
{
	my ($database) = @_;

	return $node->safe_psql($database, <<"EOT");
SET timezone = 'UTC';
SELECT bucket, part, topo.node_label(s.type, s.name) COLLATE "C", topo.node_label(d.type, d.name) COLLATE "C",
	   ARRAY(SELECT topo.node_label(v.type, v.name) FROM unnest(w.via) WITH ORDINALITY u (id, place) JOIN topo.node v USING (id) ORDER BY place),
	   w.type, confidence, app_confidence, first_seen, last_seen, traffic::text COLLATE "C"
FROM (@{[stored($database)]}) w JOIN topo.node s ON s.id = src JOIN topo.node d ON d.id = dst
ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11;
SELECT level, during, e.source, e.target, e.graphs, e.traffic, e.first_seen, e.last_seen, e.via, e.confidence, e.endpoints
FROM unnest('{app,cluster}'::text[]) level, unnest('{NULL,"(,)","[2020-11-20 10:03Z,2020-11-20 10:05Z)"}'::tstzrange[]) during,
	 topo.edges(during, '{network}', level) e
ORDER BY 1, 2, e.source COLLATE "C", e.target COLLATE "C";
SELECT a.scope COLLATE "C", a.address, a.port, topo.node_label(n.type, n.name) COLLATE "C",
	   array_agg(a.valid ORDER BY a.valid) FILTER (WHERE NOT a.ambiguous), range_agg(a.valid) FILTER (WHERE a.ambiguous)
FROM topo.address a JOIN topo.node n ON n.id = a.node WHERE a.source <> 'inventory'
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT scope COLLATE "C", address, valid FROM topo.reporter ORDER BY 1, 2, 3;
EOT
}

# A test: two contents are the same; where not, the first lines that differ are shown.
sub same
{
	my ($got, $expected, $name) = @_;

	return if ok($got eq $expected, $name);
	my %expected = map { $_ => 1 } split /\n/, $expected;
	my %got = map { $_ => 1 } split /\n/, $got;
	my @more = grep { !$expected{$_} } sort keys %got;
	my @less = grep { !$got{$_} } sort keys %expected;

	diag(scalar(@more) . ' lines otherwise, ' . @less . ' missing');
	diag("+ $_") foreach splice @more, 0, 5;
	diag("- $_") foreach splice @less, 0, 5;
	return;
}

# The edges of each window, as Topology::Fleet::Score takes them.
sub rows
{
	my ($database) = @_;

	return map { [ split /\t/, $_, -1 ] } split /\n/, $node->safe_psql($database, <<"EOT");
\\pset fieldsep '\\t'
SELECT extract(epoch FROM bucket - '2020-11-20 10:00Z')::int / 10 + part, topo.node_label(s.type, s.name), topo.node_label(d.type, d.name),
	   array_to_string(ARRAY(SELECT topo.node_label(v.type, v.name) FROM unnest(w.via) WITH ORDINALITY u (id, place) JOIN topo.node v USING (id) ORDER BY place), ','),
	   w.confidence, coalesce(w.app_confidence, w.confidence),
	   topo.connections(w.traffic), topo.failed(w.traffic), topo.bytes_sent(w.traffic), topo.bytes_received(w.traffic)
FROM (@{[stored($database)]}) w JOIN topo.node s ON s.id = w.src JOIN topo.node d ON d.id = w.dst
EOT
}

# A test: a kind reaches what it must.
sub reaches
{
	my ($score, $kind) = @_;
	my $reached = $score->figures($kind);
	my ($recall, $error) = @{ $reaches{$kind} // \@must };

	return if ok($reached->{recall} >= $recall && $reached->{error} <= $error && $reached->{wrong} == 0,
		"$kind, $score->{level}: found, counted, and not wrong where it is sure");
	diag(sprintf 'recall %.4f of %.4f, error %.4f of %.4f, %d rows wrong with a confidence of 1', $reached->{recall}, $recall,
		$reached->{error}, $error, $reached->{wrong});
	my @wrong = map { join '|', @$_ } $score->wrong($kind);
	diag("$_") foreach splice @wrong, 0, 5;
	return;
}

# Print the scores of a map, and test them.
sub judge
{
	my ($database, $fleet) = @_;
	my @rows = rows($database);

	foreach my $level (qw(cluster app))
	{
		my $score = Topology::Fleet::Score->new($fleet->truth, level => $level);

		$score->add($_) foreach @rows;
		diag($level eq 'cluster' ? $score->table : $score->heading . $score->line('all', $score->kinds));
		reaches($score, $_) foreach $score->kinds;
		diag(sprintf 'of the rows with a confidence of 0.9 or more, %.4f are not wrong', $score->sure_precision);
		cmp_ok($score->sure_precision, '>=', 0.99, "$level: what is believed is true");
		conserved($score) if $level eq 'cluster';
	}
	return;
}

# Tests: all that was opened and sent is in the map, once, but for what was said of
# those who took the address of a workload just gone, and of calls over NAT that begin
# in one window here and in another there.
sub conserved
{
	my ($score) = @_;
	my ($true, $seen) = $score->totals;

	foreach my $counter (sort keys %$true)
	{
		my $off = abs($seen->{$counter} - $true->{$counter});

		diag("$counter: $true->{$counter}, in the map $seen->{$counter}");
		cmp_ok($off, '<=', $true->{$counter} * 0.005, "$counter are in the map, once");
	}
	return;
}

sub again
{
	my ($database) = @_;

	$node->safe_psql($database, 'INSERT INTO topo_network.dirty_window SELECT DISTINCT bucket FROM topo_network.flow_window; SELECT topo.flush()');
	return $database;
}

sub make_fleet
{
	my ($database, %option) = @_;
	my $fleet = Topology::Fleet->new(%option)->live;

	diag(sprintf '%s: seed %d, %d workloads of %d apps and clusters, %d records', $database, $option{seed},
		$fleet->workloads, scalar keys %{ $fleet->truth->{app} }, scalar @{ $fleet->records });
	make_records($database, $fleet);
	return $fleet;
}

my $fleet = make_fleet('fleet', seed => $seed, %size);
my $ordered = take_in('fleet', 'ordered', $fleet, 0);
my $content = content($ordered);
judge($ordered, $fleet);
same(content(take_in('fleet', 'late', $fleet, 0.5)), $content, 'records that come late, and the inventory later, give the same map');
same(content(again($ordered)), $content, 'what is resolved again stays the same');

foreach my $more (1, 2)
{
	my $small = make_fleet("small$more", seed => $seed + $more, scale => 0.03, busy => 0.15);
	my $in_order = content(take_in("small$more", 'ordered', $small, 0));

	same(content(take_in("small$more", $_, $small, $more / 3)), $in_order, "$_ records give the same map") foreach qw(shuffled_1 shuffled_2);
}

$node->stop('fast');
done_testing();
