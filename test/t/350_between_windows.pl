# What goes into a proxy in one window and out of it in another.  A proxy keeps
# connections open, and callers take turns: what went over such a connection since
# it was last told may have come from whoever called in all that time, and is not
# put down to who called in a part of it.
use strict;
use warnings;
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
my $node = new_server('kept');
# a connection that is silent is told of in each snapshot
my $all = view($node, 'all', pin => [ '--heartbeat', 1 ]);
my @caused = ('alpha > web', 'beta > shop');

inventory([$all], intermediary('edge', 'proxy', $edge->{ip4}, undef, 'web', 'shop'));
my @apps = (http_serve($web, 'web', 9000), http_serve($shop, 'shop', 9000));
my $proxy = nginx($edge, 8001, { '/web' => "$web->{ip4}:9000", '/shop' => "$shop->{ip4}:9000" });
my $asking_web = http_steps($alpha, 'alpha', $edge->{ip4}, 8001, '--path', '/web', '--count', 5);
my $asking_shop = http_steps($beta, 'beta', $edge->{ip4}, 8001, '--path', '/shop');

# the proxy's connection to shop is made in one window, alpha alone calls in the
# next, and beta again right after it, over that connection
$asking_shop->tell('step')->expect('stepped');
next_window();
$asking_web->tell('step')->expect('stepped');
next_window();
$asking_shop->tell('step')->expect('stepped');

my %done = (alpha => $asking_web->finish, beta => $asking_shop->finish);
my @served = map { $_->finish } @apps;
is_deeply([ map { $_->{callers} } @served ], [ { alpha => 5 }, { beta => 2 } ], 'who called whom');
is($served[1]{connections}, 1, 'over one connection that was kept');
$proxy->stop;

calls_become('in turns', $all, \%done, caused => \@caused);
never_believed($all);

# one call, just as a window ends: the proxy connects when the next one has begun, in
# which another calls
my $late = empty_view($node, 'late');
my ($listener, @backends) = ([ $edge->{ip4}, 8001 ], map { [ $_->{ip4}, 9000 ] } $web, $shop);
inventory([$late], intermediary('edge', 'proxy', $edge->{ip4}, undef, 'web', 'shop'));
ingest($late,
	both_records('alpha', [ $alpha->{ip4}, 1024 ], 'process-of-edge', $listener, 9.995),
	both_records('process-of-edge', [ $edge->{ip4}, 1024 ], 'web', $backends[0], 10.001),
	both_records('beta', [ $beta->{ip4}, 1024 ], 'process-of-edge', $listener, 15),
	both_records('process-of-edge', [ $edge->{ip4}, 1025 ], 'shop', $backends[1], 15.001));
my $once = { connections => 1, failed => 0, sent => 100, received => 1000 };
calls_become('at the end of a window', $late, { alpha => $once, beta => $once }, caused => \@caused);
never_believed($late);
$node->stop('fast');
done_testing();
