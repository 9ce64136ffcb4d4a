# A reverse proxy that chooses by path: nginx before two apps, two callers, each
# with one path.  The network cannot tell who came to which app, and says so;
# traces can.
use strict;
use warnings;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Edges;
use Topology::Proxy;

need_kernel();
need_proxies();

my $hosts = network(qw(alpha beta edge web shop));
my ($alpha, $beta, $edge, $web, $shop) = @{$hosts}{qw(alpha beta edge web shop)};
name_hosts($hosts);
my $node = new_server('paths');
my $all = view($node, 'all');
my $one_caller = view($node, 'one_caller', netns => [ $alpha, $web, $shop ]);
my @true = ('alpha > web', 'beta > shop');
my @false = ('alpha > shop', 'beta > web');

# How much each edge is believed, by "source > target".
sub confidences
{
	return { map { ("$_->{source} > $_->{target}" => $_->{confidence}) } edges_of($all, @_) };
}

# The calls of one app to another, as both would send them.
sub trace
{
	my ($caller, $callee, $number) = @_;
	my $now = int(time) . '000000000';
	my %span = (traceId => sprintf('%032x', $number), startTimeUnixNano => $now, endTimeUnixNano => $now);
	my $payload = encode_json({ resourceSpans => [ map {
		my ($app, %more) = @$_;
		{ resource => { attributes => [ { key => 'service.name', value => { stringValue => app($app) } } ] },
		  scopeSpans => [ { spans => [ { %span, name => 'GET', %more } ] } ] }
	} [ $caller, spanId => '00000000000000a1', kind => 3 ], [ $callee, spanId => '00000000000000b2', parentSpanId => '00000000000000a1', kind => 2 ] ] });

	return "SELECT topo.ingest('otlp_json', convert_to('$payload', 'UTF8'))";
}

inventory([ $all, $one_caller ], intermediary('edge', 'proxy', $edge->{ip4}, undef, 'web', 'shop'));
my @apps = (http_serve($web, 'web', 9000), http_serve($shop, 'shop', 9000));
my $proxy = nginx($edge, 8001, { '/web' => "$web->{ip4}:9000", '/shop' => "$shop->{ip4}:9000" });

early_in_window(5);
my @done = (
	http_call($alpha, 'alpha', $edge->{ip4}, 8001, '--path', '/web', '--count', 30),
	http_call($beta, 'beta', $edge->{ip4}, 8001, '--path', '/shop', '--count', 20));
my @served = map { $_->finish } @apps;
is_deeply([ map { $_->{callers} } @served ], [ { alpha => 30 }, { beta => 20 } ], 'who called whom');
$proxy->stop;

edges_become('each may have called each', $all, [
	apportioned('alpha', [qw(shop web)], ['edge'], $done[0]),
	apportioned('beta', [qw(shop web)], ['edge'], $done[1]) ], caused => \@true);

# beta calls too, but its host does not tell, nor that of the proxy
calls_become('a caller and the callees tell', $one_caller, { alpha => $done[0] }, caused => \@true);

# what an edge was made of
foreach my $pair ([qw(alpha web)], [qw(beta shop)])
{
	my ($source, $target) = @$pair;
	my $why = evidence_of($all, $source, $target);

	like($why, qr/\Q$_->{ip4}\E/, "why $source calls $target: names $_->{name}") foreach $hosts->{$source}, $edge, $hosts->{$target};
}

my $before = confidences(graphs => '{network,ipc,trace}');
inventory([$all], map({ trace('alpha', 'web', $_) } 1 .. 3), map({ trace('beta', 'shop', $_) } 4 .. 6));
settle($all);
my $after = confidences(graphs => '{network,ipc,trace}');
cmp_ok($after->{$_}, '>', $before->{$_}, "a trace speaks for $_") foreach @true;
cmp_ok($after->{$_}, '<', $before->{$_}, "no trace speaks for $_, whose ends both send traces") foreach @false;
is_deeply(confidences(), $before, 'the network alone says what it said');

never_believed($_) foreach $all, $one_caller;
$node->stop('fast');
done_testing();
