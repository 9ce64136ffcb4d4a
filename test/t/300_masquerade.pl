# Source NAT: hosts behind a gateway that masquerades, and one before it.  Each
# call is counted once, at its caller, whichever hosts tell.  Apps have names of one
# length, so all calls are as long.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Edges;
use Topology::Proxy;

need_kernel();
need_proxies();

my $hosts = network(qw(gate web shop outer));
my $inside = behind($hosts->{gate}, qw(alpha gamma));
name_hosts({ %$hosts, %$inside });
my ($gate, $web, $shop, $outer, $alpha, $gamma) = (@{$hosts}{qw(gate web shop outer)}, @{$inside}{qw(alpha gamma)});
nft($gate, <<'EOT');
table ip nat {
	chain postrouting {
		type nat hook postrouting priority srcnat
		oifname eth0 masquerade
	}
}
EOT

my $node = new_server('masquerade');
my $all = view($node, 'all');
my $callers = view($node, 'callers', netns => [ $alpha, $gamma, $outer ]);
my $callees = view($node, 'callees', netns => [ $web, $shop ]);
my $forwarder = view($node, 'forwarder', netns => [ $web, $shop, $gate ]);
my $ends = view($node, 'ends', except_netns => [$gate]);
my $some = view($node, 'some', except_netns => [ $gate, $gamma ]);
my @views = ($all, $callers, $callees, $forwarder, $ends, $some);

inventory(\@views, intermediary('gate', 'nat', $gate->{ip4}));
my @apps = map { http_serve(@$_, 9000) } [ $web, 'web' ], [ $shop, 'shop' ];

early_in_window(5);
my %done = (
	alpha => http_call($alpha, 'alpha', $web->{ip4}, 9000, '--count', 30),
	alpha_shop => http_call($alpha, 'alpha', $shop->{ip4}, 9000, '--count', 7),
	gamma => http_call($gamma, 'gamma', $web->{ip4}, 9000, '--count', 20),
	outer => http_call($outer, 'outer', $web->{ip4}, 9000, '--count', 10));
my @served = map { $_->finish } @apps;
is_deeply([ map { $_->{callers} } @served ], [ { alpha => 30, gamma => 20, outer => 10 }, { alpha => 7 } ], 'who called whom');

foreach my $view ($all, $ends)
{
	edges_become($view->{name}, $view, [
		edge('alpha', 'web', ['gate'], $done{alpha}),
		edge('alpha', 'shop', ['gate'], $done{alpha_shop}),
		edge('gamma', 'web', ['gate'], $done{gamma}),
		edge('outer', 'web', [], $done{outer}) ]);
}
edges_become('a caller behind the gateway does not tell', $some, [
	edge('alpha', 'web', ['gate'], $done{alpha}),
	edge('alpha', 'shop', ['gate'], $done{alpha_shop}),
	apportioned('intermediary:gate', ['web'], [], $done{gamma}),
	edge('outer', 'web', [], $done{outer}) ]);
edges_become('the callers alone tell', $callers, [
	edge('alpha', 'address:web', [], $done{alpha}),
	edge('alpha', 'address:shop', [], $done{alpha_shop}),
	edge('gamma', 'address:web', [], $done{gamma}),
	edge('outer', 'address:web', [], $done{outer}) ]);
edges_become('the callees alone tell', $callees, [
	edge('intermediary:gate', 'web', [], @done{qw(alpha gamma)}),
	edge('intermediary:gate', 'shop', [], $done{alpha_shop}),
	edge('address:outer', 'web', [], $done{outer}) ]);
edges_become('the callees and the gateway tell', $forwarder, [
	edge('address:alpha', 'web', ['gate'], $done{alpha}),
	edge('address:alpha', 'shop', ['gate'], $done{alpha_shop}),
	edge('address:gamma', 'web', ['gate'], $done{gamma}),
	edge('address:outer', 'web', [], $done{outer}) ]);
never_believed($_) foreach @views;
$node->stop('fast');
done_testing();
