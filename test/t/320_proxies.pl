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

my $hosts = network(qw(alpha beta gamma edge front web1 web2 shop));
my %host = %$hosts;
my $node = new_server('proxies');
my $all = view($node, 'all');

inventory(
	"SELECT topo.set_intermediary('@{[app('edge')]}', 'load_balancer', '$host{edge}{ip4}', 8001, ARRAY['@{[app('web')]}'])",
	"SELECT topo.set_intermediary('@{[app('edge')]}', 'load_balancer', '$host{edge}{ip4}', 8002, ARRAY['@{[app('shop')]}'])",
	"SELECT topo.set_intermediary('@{[app('edge')]}', 'load_balancer', '$host{edge}{ip4}')");
early_in_window(4);
my $web1 = http_serve($host{web1}, 'web', 9000);
my $web2 = http_serve($host{web2}, 'web', 9000);
my $shop = http_serve($host{shop}, 'shop', 9000);
my $edge = haproxy($host{edge},
	{ port => 8001, mode => 'tcp', to => [ "$host{web1}{ip4}:9000", "$host{web2}{ip4}:9000" ] },
	{ port => 8002, mode => 'http', to => [ "$host{shop}{ip4}:9000" ] });

my $alpha = http_call($host{alpha}, 'alpha', $host{edge}{ip4}, 8001, '--count', 30);
my $beta = http_call($host{beta}, 'beta', $host{edge}{ip4}, 8002, '--count', 20);
my $gamma = http_call($host{gamma}, 'gamma', $host{edge}{ip4}, 8001, '--count', 10);

my @served = map { $_->finish } $web1, $web2, $shop;
is_deeply([ map { $_->{callers} } @served ], [ { alpha => 15, gamma => 5 }, { alpha => 15, gamma => 5 }, { beta => 20 } ], 'who called whom');

edges_become('all', $all, [
	edge('alpha', 'web', ['edge'], $alpha),
	edge('beta', 'shop', ['edge'], $beta),
	edge('gamma', 'web', ['edge'], $gamma) ]);
never_believed($all);
$node->stop('fast');
done_testing();
