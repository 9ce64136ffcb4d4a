# Load balancers: HAProxy passes on connections and requests, one after another
# too.  The map has who called whom, whichever hosts tell.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Edges;
use Topology::Proxy;

need_kernel();
need_proxies();

my $hosts = network(qw(alpha beta gamma delta edge front web1 web2 shop depot));
my ($alpha, $beta, $gamma, $delta, $edge, $front, $web1, $web2, $shop, $depot) =
  @{$hosts}{qw(alpha beta gamma delta edge front web1 web2 shop depot)};
name_hosts($hosts);
my $node = new_server('proxies');
my $all = view($node, 'all');
my $callers = view($node, 'callers', netns => [ $alpha, $beta, $gamma, $delta ]);
my $callees = view($node, 'callees', netns => [ $web1, $web2, $shop, $depot ]);
my $between = view($node, 'between', netns => [ $edge, $front ]);
my $undeclared = view($node, 'undeclared');
my @views = ($all, $callers, $callees, $between, $undeclared);

inventory(\@views,
	intermediary('edge', 'load_balancer', $edge->{ip4}),
	intermediary('front', 'proxy', $front->{ip4}));
inventory([ $all, $callers, $callees, $between ],
	intermediary('edge', 'load_balancer', $edge->{ip4}, 8001, 'web'),
	intermediary('edge', 'load_balancer', $edge->{ip4}, 8002, 'shop'),
	intermediary('front', 'proxy', $front->{ip4}, 8003, 'intermediary:edge'),
	intermediary('front', 'proxy', $front->{ip4}, 8004, 'depot'));
my @apps = map { http_serve(@$_, 9000) } [ $web1, 'web' ], [ $web2, 'web' ], [ $shop, 'shop' ], [ $depot, 'depot' ];
my @proxies = (
	haproxy($edge,
		{ port => 8001, mode => 'tcp', to => [ "$web1->{ip4}:9000", "$web2->{ip4}:9000" ] },
		{ port => 8002, mode => 'http', to => ["$shop->{ip4}:9000"] }),
	haproxy($front,
		{ port => 8003, mode => 'tcp', to => ["$edge->{ip4}:8001"] },
		{ port => 8004, mode => 'http', to => ["$depot->{ip4}:9000"] }));

early_in_window(5);
my %done = (
	alpha => http_call($alpha, 'alpha', $edge->{ip4}, 8001, '--count', 30),
	beta => http_call($beta, 'beta', $edge->{ip4}, 8002, '--count', 20),
	gamma => http_call($gamma, 'gamma', $front->{ip4}, 8003, '--count', 10),
	delta => http_call($delta, 'delta', $front->{ip4}, 8004, '--count', 5));
my @served = map { $_->finish } @apps;
my %called = map { $_ => $served[0]{callers}{$_} + $served[1]{callers}{$_} } qw(alpha gamma);
is_deeply([ \%called, map { $_->{callers} } @served[ 2, 3 ] ], [ { alpha => 30, gamma => 10 }, { beta => 20 }, { delta => 5 } ], 'who called whom');
$_->stop foreach @proxies;

edges_become('all tell', $all, [
	edge('alpha', 'web', ['edge'], $done{alpha}),
	edge('beta', 'shop', ['edge'], $done{beta}),
	edge('gamma', 'web', [qw(front edge)], $done{gamma}),
	edge('delta', 'depot', ['front'], $done{delta}) ]);
edges_become('the callers alone tell', $callers, [
	edge('alpha', 'intermediary:edge', [], $done{alpha}),
	edge('beta', 'intermediary:edge', [], $done{beta}),
	edge('gamma', 'intermediary:front', [], $done{gamma}),
	edge('delta', 'intermediary:front', [], $done{delta}) ]);
edges_become('the callees alone tell', $callees, [
	edge('intermediary:edge', 'web', [], reversed(@served[ 0, 1 ])),
	edge('intermediary:edge', 'shop', [], reversed($served[2])),
	edge('intermediary:front', 'depot', [], reversed($served[3])) ]);
edges_become('the proxies alone tell: what is behind is not known to be what was declared', $between, [
	edge('address:alpha', 'intermediary:edge', [], $done{alpha}),
	edge('address:beta', 'intermediary:edge', [], $done{beta}),
	apportioned('address:gamma', ['intermediary:edge'], ['front'], $done{gamma}),
	edge('address:delta', 'intermediary:front', [], $done{delta}),
	edge('intermediary:edge', 'address:web1', [], reversed($served[0])),
	edge('intermediary:edge', 'address:web2', [], reversed($served[1])),
	edge('intermediary:edge', 'address:shop', [], reversed($served[2])),
	edge('intermediary:front', 'address:depot', [], reversed($served[3])) ]);
edges_become('all tell, and what is behind is not declared', $undeclared, [
	map({ apportioned($_, [qw(shop web)], ['edge'], $done{$_}) } qw(alpha beta)),
	map({ apportioned($_, [qw(depot shop web)], [qw(front edge)], $done{$_}) } qw(gamma delta)) ],
	caused => [ 'alpha > web', 'beta > shop', 'gamma > web', 'delta > depot' ]);
never_believed($_) foreach @views;
$node->stop('fast');
done_testing();
