# A source that cannot be opened: the worker says why, waits, tries again, and
# recovers when the reason is gone; nothing else is disturbed.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $node = new_server('failing', conf => "topology.restart_delay_max = 1s\n");
my $dir = pin_dir_of('late');

sub add_source
{
	my ($name, $pin_dir) = @_;

	$node->safe_psql('postgres',
		"SELECT topo.add_source('$name', 'ebpf', 'flow', '{\"pin_dir\": \"$pin_dir\"}')");
	return;
}

sub last_error
{
	my ($name) = @_;

	return $node->safe_psql('postgres',
		"SELECT last_error FROM topo.source_status WHERE source = '$name'");
}

# no pins yet
add_source('late', $dir);
await($node, 'postgres', state_query('late'), 'backoff', 'without pins the source backs off');
like(last_error('late'), qr/\Q$dir\E/, 'the error names the directory');
my ($result, undef, $stderr) =
  $node->psql('postgres', "SELECT topo.wait_for_source('late', '1 s')");
isnt($result, 0, 'waiting for it fails');
like($stderr, qr/did not catch up/, 'with an error after the timeout');
$node->safe_psql('postgres', 'SELECT topo.flush()');
pass('flush() does not wait for it');

# they come
pin('late');
within(5, $node, 'postgres', state_query('late'), 'running', 'it runs once the pins are there');

# one reader per ring
add_source('second', $dir);
await($node, 'postgres', state_query('second'), 'backoff', 'a second source on the same pins backs off');
like(last_error('second'), qr/another process already reads "\Q$dir\E"/, 'and says that another reads there');
is(state_of($node, 'postgres', 'late'), 'running', 'the first goes on');
$node->safe_psql('postgres', "SELECT topo.drop_source('late')");
within(5, $node, 'postgres', state_query('second'), 'running', 'the second takes over when the first is dropped');
$node->safe_psql('postgres', "SELECT topo.drop_source('second')");

# not for this server's group
my $foreign = pin_dir_of('foreign');
pin('foreign');
as_root('chgrp', 'root', $foreign);
add_source('foreign', $foreign);
await($node, 'postgres', state_query('foreign'), 'backoff', 'pins of another group cannot be opened');
like(last_error('foreign'), qr/ermission|permitted/, 'and the error says so');
as_root('chgrp', 'postgres', $foreign);
within(5, $node, 'postgres', state_query('foreign'), 'running', 'permission given, it runs');

# pins of another version, and pins that were not finished
my ($version, $size, $udp) = about($foreign);
$node->safe_psql('postgres', "SELECT topo.pause_source('foreign')");
await($node, 'postgres', state_query('foreign'), 'paused', 'paused');
set_about($foreign, $version + 1, $size, $udp, 1);
$node->safe_psql('postgres', "SELECT topo.resume_source('foreign')");
await($node, 'postgres', state_query('foreign'), 'backoff', 'pins of another version are refused');
like(last_error('foreign'), qr/version @{[$version + 1]}\b.*\b$version\b/, 'and the error names both');
set_about($foreign, $version, $size, $udp, 0);
await($node, 'postgres', "SELECT last_error ~ 'incomplete' FROM topo.source_status WHERE source = 'foreign'",
	't', 'pins that were not finished are refused, and the error says so');
set_about($foreign, $version, $size, $udp, 1);
within(5, $node, 'postgres', state_query('foreign'), 'running', 'put right, they are read');

# pinned anew under a running worker
my $log = $node->safe_psql('postgres', "SELECT log FROM topo.source_position p JOIN topo.source s ON s.id = p.source WHERE s.name = 'foreign'");
pin('foreign', '--replace');
await($node, 'postgres', "SELECT log <> '$log' FROM topo.source_position p JOIN topo.source s ON s.id = p.source WHERE s.name = 'foreign'",
	't', 'pins that were replaced are followed');
is(state_of($node, 'postgres', 'foreign'), 'running', 'and the source runs');
unpin($foreign);
await($node, 'postgres', state_query('foreign'), 'backoff', 'pins that were removed are noticed');

is($node->safe_psql('postgres', "SELECT count(*) FROM topo.dead_letter"), 0, 'none of it made a dead letter');
$node->stop('fast');
done_testing();
