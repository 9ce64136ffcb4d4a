# Destination NAT: a gateway that passes a port on, a virtual address over two
# apps, and one that the caller's own host translates.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Edges;
use Topology::Proxy;

need_kernel();
need_proxies();

my $hosts = network(qw(gate alpha beta gamma delta));
my $inside = behind($hosts->{gate}, qw(web shop));
name_hosts({ %$hosts, %$inside });
my ($gate, $alpha, $beta, $gamma, $delta) = @{$hosts}{qw(gate alpha beta gamma delta)};
my ($web, $shop) = @{$inside}{qw(web shop)};
# of this test alone, as hosts' addresses are
my ($virtual, $local) = map { sprintf '198.%d.%d.%d', $_, ($$ >> 8) % 256, $$ % 256 } 18, 19;

as_root('ip', '-n', $_->{namespace}, 'route', 'add', 'default', 'via', $gate->{ip4}) foreach $alpha, $beta, $gamma, $delta;
# 8001 is passed on as it is, 8002 hides the caller too
nft($gate, <<"EOT");
table ip nat {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		ip daddr $gate->{ip4} tcp dport { 8001, 8002 } dnat to $web->{ip4}:9000
		ip daddr $virtual tcp dport 81 dnat to $web->{ip4}:9000
		ip daddr $virtual tcp dport 82 dnat to $shop->{ip4}:9000
		ip daddr $virtual tcp dport 80 dnat ip addr . port to numgen inc mod 2 map { 0 : $web->{ip4} . 9000, 1 : $shop->{ip4} . 9000 }
	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
		meta l4proto tcp ct original proto-dst 8002 masquerade
	}
}
EOT
nft($gamma, <<"EOT");
table ip nat {
	chain output {
		type nat hook output priority -100;
		ip daddr $local tcp dport 80 dnat ip addr . port to numgen inc mod 2 map { 0 : $web->{ip4} . 9000, 1 : $shop->{ip4} . 9000 }
	}
}
EOT

my $node = new_server('virtual');
my $all = view($node, 'all');
my $callers = view($node, 'callers', netns => [ $alpha, $beta, $gamma, $delta ]);
my $ends = view($node, 'ends', except_netns => [$gate]);
my $callees = view($node, 'callees', netns => [ $web, $shop ]);
my @views = ($all, $ends, $callers, $callees);

inventory(\@views,
	intermediary('gate', 'gateway', $gate->{ip4}),
	intermediary('inner', 'nat', $web->{ip4} =~ s/\d+$/254/r),
	map({ intermediary('virtual', 'virtual_address', $virtual, $_, 'web', 'shop') } 80 .. 82),
	intermediary('local', 'virtual_address', $local, 80, 'web', 'shop'));
my @apps = map { http_serve(@$_, 9000) } [ $web, 'web' ], [ $shop, 'shop' ];

early_in_window(5);
my %done = (
	alpha => http_call($alpha, 'alpha', $gate->{ip4}, 8001, '--count', 12),
	beta => http_call($beta, 'beta', $virtual, 80, '--count', 30),
	gamma => http_call($gamma, 'gamma', $local, 80, '--count', 20),
	delta => http_call($delta, 'delta', $gate->{ip4}, 8002, '--count', 5),
	# two apps of one host, each by a port of the virtual address that leads to one app
	epsilon => http_call($delta, 'epsilon', $virtual, 81, '--count', 8),
	zeta => http_call($delta, 'zeta', $virtual, 82, '--count', 4));
my @served = map { $_->finish } @apps;
is_deeply([ map { $_->{callers} } @served ],
	[ { alpha => 12, beta => 15, gamma => 10, delta => 5, epsilon => 8 }, { beta => 15, gamma => 10, zeta => 4 } ], 'who called whom');

# half of what a caller did
sub half { return { map { ($_ => $_[0]{$_} / 2) } qw(connections failed sent received) } }

my @caused = ('alpha > web', 'beta > web', 'beta > shop', 'gamma > web', 'gamma > shop', 'delta > web', 'epsilon > web', 'zeta > shop');
edges_become('all tell', $all, [
	edge('alpha', 'web', ['gate'], $done{alpha}),
	edge('delta', 'web', [qw(gate inner)], $done{delta}),
	edge('epsilon', 'web', ['virtual'], $done{epsilon}),
	edge('zeta', 'shop', ['virtual'], $done{zeta}),
	map({ edge('beta', $_, ['virtual'], half($done{beta})) } qw(web shop)),
	map({ edge('gamma', $_, ['local'], half($done{gamma})) } qw(web shop)) ]);
# Where nobody told of translations, what servers saw of a caller's host may tell
# who was called, if one app alone was there to call.
calls_become('the gateway does not tell', $ends, { map { $_ => $done{$_} } qw(alpha beta gamma delta epsilon zeta) }, caused => \@caused);
is_deeply([ grep { /^(alpha|beta|gamma) / } map { "$_->{source} > $_->{target}" } edges_of($ends) ],
	[ 'alpha > web', 'beta > shop', 'beta > web', 'gamma > shop', 'gamma > web' ], 'and calls of one app lead to where they went');
edges_become('the callers alone tell', $callers, [
	edge('alpha', 'intermediary:gate', [], $done{alpha}),
	edge('delta', 'intermediary:gate', [], $done{delta}),
	map({ edge($_, 'intermediary:virtual', [], $done{$_}) } qw(beta epsilon zeta)),
	map({ edge('gamma', "address:$_", ['local'], half($done{gamma})) } qw(web shop)) ]);
edges_become('the callees alone tell', $callees, [
	edge('address:alpha', 'web', [], $done{alpha}),
	edge('intermediary:inner', 'web', [], $done{delta}),
	edge('address:delta', 'web', [], $done{epsilon}),
	edge('address:delta', 'shop', [], $done{zeta}),
	map({ edge('address:beta', $_, [], half($done{beta})) } qw(web shop)),
	map({ edge('address:gamma', $_, [], half($done{gamma})) } qw(web shop)) ]);
my $why = evidence_of($all, 'delta', 'web');
like($why, qr/\Q$_\E/, "why delta calls web: names $_")
  foreach $delta->{ip4}, "$gate->{ip4} port 8002 left as", app('inner'), "$web->{ip4} port 9000";
never_believed($_) foreach @views;
$node->stop('fast');
done_testing();
