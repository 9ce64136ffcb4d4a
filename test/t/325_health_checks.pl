# A load balancer calls, for itself, what is behind it: that is no call of its
# callers.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Edges;
use Topology::Proxy;

need_kernel();
need_proxies();

my $hosts = network(qw(alpha edge web shop));
my ($alpha, $edge, $web, $shop) = @{$hosts}{qw(alpha edge web shop)};
name_hosts($hosts);
my $node = new_server('checks');
my $declared = view($node, 'declared');
my $undeclared = view($node, 'undeclared');

inventory([ $declared, $undeclared ], intermediary('edge', 'load_balancer', $edge->{ip4}));
inventory([$declared], map { intermediary('edge', 'load_balancer', $edge->{ip4}, @$_) } [ 8001, 'web' ], [ 8002, 'shop' ]);
my @apps = map { http_serve(@$_, 9000) } [ $web, 'web' ], [ $shop, 'shop' ];

early_in_window(5);
my $proxy = haproxy($edge,
	{ port => 8001, mode => 'http', check => 1, to => ["$web->{ip4}:9000"] },
	{ port => 8002, mode => 'http', check => 1, to => ["$shop->{ip4}:9000"] });
my $done = http_call($alpha, 'alpha', $edge->{ip4}, 8001, '--count', 10);

# by then it has looked after the app that nobody called, too
await($node, 'undeclared', "SELECT sum(connections) > 3 FROM topo.hops() WHERE source = '$edge->{ip4}' AND target = '$shop->{ip4}'",
	't', 'the load balancer has called it');
my @served = map { $_->finish } @apps;
ok(delete $_->{callers}{health}, 'the load balancer asked whether it is well') foreach @served;
is_deeply([ map { $_->{callers} } @served ], [ { alpha => 10 }, {} ], 'who called whom');
$proxy->stop;

calls_become('declared', $declared, { alpha => $done }, caused => ['alpha > web']);
is_deeply([ map { "$_->{source} > $_->{target}" } grep { $_->{source} eq 'alpha' } edges_of($declared) ], ['alpha > web'],
	'what is declared behind another listener is not called');
calls_become('undeclared', $undeclared, { alpha => $done }, caused => ['alpha > web']);
never_believed($_) foreach $declared, $undeclared;
$node->stop('fast');
done_testing();
