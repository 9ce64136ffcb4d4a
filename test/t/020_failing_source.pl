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
SKIP:
{
	my $bpftool = (grep { -x } qw(/usr/sbin/bpftool /usr/local/sbin/bpftool))[0];

	skip 'no bpftool', 4 unless $bpftool;
	$node->safe_psql('postgres', "SELECT topo.pause_source('foreign')");
	await($node, 'postgres', state_query('foreign'), 'paused', 'paused');
	set_about($bpftool, $foreign, 0xff, 1);
	$node->safe_psql('postgres', "SELECT topo.resume_source('foreign')");
	await($node, 'postgres', state_query('foreign'), 'backoff', 'pins of another version are refused');
	like(last_error('foreign'), qr/version/, 'and the error says so');
	set_about($bpftool, $foreign, 1, 0);
	await($node, 'postgres', "SELECT last_error ~ 'incomplete' FROM topo.source_status WHERE source = 'foreign'",
		't', 'pins that were not finished are refused, and the error says so');
}

is($node->safe_psql('postgres', "SELECT count(*) FROM topo.dead_letter"), 0, 'none of it made a dead letter');
$node->stop('fast');
done_testing();

# Change what the pins say of themselves: version and whether they are complete.
sub set_about
{
	my ($bpftool, $pins, $version, $complete) = @_;
	my $path = "$pins/about";
	my $old = as_root($bpftool, '-j', 'map', 'lookup', 'pinned', $path, 'key', 0, 0, 0, 0);
	my ($bytes) = $old =~ /"value":\s*\[([^\]]*)\]/ or die "unknown output of bpftool: $old";
	my @value = map { hex } $bytes =~ /0x([0-9a-f]+)/g;

	$value[0] = $version;
	$value[12] = $complete;
	as_root($bpftool, 'map', 'update', 'pinned', $path, 'key', 0, 0, 0, 0, 'value', @value);
	return;
}
