# An address that passes from one app to another within seconds, while
# connections to the first are still open: nobody is said to call an app that it
# never called.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Edges;

need_kernel();

my $hosts = network(qw(alpha beta old new));
name_hosts($hosts);
my ($alpha, $beta, $old, $new) = @{$hosts}{qw(alpha beta old new)};
my $address = $old->{ip4};
my @to = ('--address', $address, '--port', 4000, '--up', 100, '--down', 1000);

my $node = new_server('reuse');
my $all = view($node, 'all');
my $callers = view($node, 'callers', netns => [ $alpha, $beta ]);
my $callees = view($node, 'callees', netns => [ $old, $new ]);
my @views = ($all, $callers, $callees);

my $first = serve($old, 'first', @to);
my $open = hold($alpha, 'alpha', @to, '--count', 3);
$open->tell('step')->expect('stepped');
my $before = { connections => 3, failed => 0, sent => 300, received => 3000 };
edges_become('before', $all, [ edge('alpha', 'first', [], $before) ]);

# the host vanishes without a word to its callers, and another one has its address
on_host($old, 'ip', 'link', 'set', 'eth0', 'down');
$first->stop;
on_host($new, 'ip', 'addr', 'add', "$address/24", 'dev', 'eth0');
on_host($_, 'ip', 'neigh', 'flush', 'all') foreach $alpha, $beta;
my $second = serve($new, 'second', @to);
my $after = call($beta, 'beta', @to, '--count', 20);

# the old connections talk to whom they do not know, and are refused
$open->tell('step');
ok(!eval { $open->finish; 1 }, 'the old connections are at their end');
$second->finish;

my %done = (alpha => { %$before, sent => 400 }, beta => $after);
my @caused = ('alpha > first', 'beta > second');

# Of the time in which the address changed hands the map may say that it is not
# known who had it: then an edge leads to the address itself.
calls_become('all tell', $all, \%done, caused => \@caused);
my %allowed = map { $_ => 1 } @caused, 'alpha > address:old', 'beta > address:old';
is_deeply([ grep { !$allowed{$_} } map { "$_->{source} > $_->{target}" } edges_of($all) ], [], 'all tell: nobody calls anybody else');
edges_become('the callers alone tell', $callers, [
	edge('alpha', 'address:old', [], $done{alpha}),
	edge('beta', 'address:old', [], $done{beta}) ]);
edges_become('the callees alone tell', $callees, [
	edge('address:alpha', 'first', [], $before),
	edge('address:beta', 'second', [], $after) ], caused => \@caused);

# The same minutes apart, as its hosts would have told it: who still holds a
# connection to the first app, when the address has long been the second's, is
# not said to call that.
my $later = empty_view($node, 'later');
my @from = map { [ $_->{ip4}, 1024 ] } $alpha, $beta;
my $listener = [ $address, 4000 ];
ingest($later,
	both_records('alpha', $from[0], 'first', $listener, 0),
	# open, silent, and at last talking to nobody
	map({ record('client', 'alpha', $from[0], $listener, 1 + 30 * $_, 31 + 30 * $_) } 0 .. 10),
	record('client', 'alpha', $from[0], $listener, 331, 340, tx_bytes => 50),
	map { both_records('beta', $from[1], 'second', $listener, 180 + 20 * $_) } 0 .. 8);
calls_become('minutes later', $later, {
	alpha => { connections => 1, failed => 0, sent => 150, received => 1000 },
	beta => { connections => 9, failed => 0, sent => 900, received => 9000 } }, caused => \@caused);
never_believed($_) foreach @views, $later;
$node->stop('fast');
done_testing();
