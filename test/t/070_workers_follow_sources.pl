# Workers follow the table of sources at once, say in pg_stat_activity what they
# are, and come back whatever ends them.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use Topology;

need_kernel();

# no polling may hide a missed wake-up
my $node = new_server('follow', conf => "topology.restart_delay_max = 1s\ntopology.flush_interval = 60s\n");
my $dir = pin('follow');
my $soon = 2;

sub backends
{
	my ($type) = @_;

	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = '$type'";
}

sub with_source
{
	my ($function) = @_;

	$node->safe_psql('postgres', "SELECT topo.$function('host')");
	return;
}

await($node, 'postgres', backends('topology launcher'), 1, 'the launcher is in pg_stat_activity');
is($node->safe_psql('postgres', backends('topology source')), 0, 'without a source there is no worker');

# add, pause, resume, drop
my $add = "SELECT topo.add_source('host', 'ebpf', 'flow', '{\"pin_dir\": \"$dir\"}')";
$node->safe_psql('postgres', $add);
within($soon, $node, 'postgres', state_query('host'), 'running', 'add_source() starts the worker');
is( $node->safe_psql('postgres', "SELECT datname, application_name FROM pg_stat_activity WHERE backend_type = 'topology source'"),
	'postgres|topology source', 'the worker is in pg_stat_activity, with its database');
my $pid = worker_of($node, 'postgres', 'host');
like(slurp_file("/proc/$pid/cmdline"), qr/topology source "host"/, 'its title names the source');

with_source('pause_source');
within($soon, $node, 'postgres', state_query('host'), 'paused', 'pause_source() stops it');
is($node->safe_psql('postgres', backends('topology source')), 0, 'and it is gone');
my ($result, undef, $stderr) = $node->psql('postgres', "SELECT topo.wait_for_source('host', '1 s')");
isnt($result, 0, 'waiting for a paused source is refused');
like($stderr, qr/source "host" is paused.*resume_source/s, 'with a hint');

with_source('resume_source');
within($soon, $node, 'postgres', state_query('host'), 'running', 'resume_source() starts it again');

$node->safe_psql('postgres', "BEGIN; SELECT topo.pause_source('host'); ROLLBACK");
is(state_of($node, 'postgres', 'host'), 'running', 'what is rolled back has no effect');

$pid = worker_of($node, 'postgres', 'host');
$node->safe_psql('postgres', "UPDATE topo.source SET options = options || '{\"region\": \"eu\"}'");
within($soon, $node, 'postgres', "SELECT state = 'running' AND pid <> $pid FROM topo.source_workers()",
	't', 'a change of options starts a new worker');

with_source('drop_source');
within($soon, $node, 'postgres', backends('topology source'), 0, 'drop_source() stops it');

# a name that was dropped can be taken again at once
$node->safe_psql('postgres', $add);
within($soon, $node, 'postgres', state_query('host'), 'running', 'a source of the same name runs');
$node->safe_psql('postgres', "BEGIN; SELECT topo.drop_source('host'); $add; COMMIT");
within($soon, $node, 'postgres', state_query('host'), 'running', 'dropped and added in one transaction, it runs');

# the launcher ends
my $launcher = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'topology launcher'");
$pid = worker_of($node, 'postgres', 'host');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($launcher, 10000)");
is(worker_of($node, 'postgres', 'host'), $pid, 'a worker outlives its launcher');
with_source('pause_source');
await($node, 'postgres', "SELECT pid <> $launcher FROM pg_stat_activity WHERE backend_type = 'topology launcher'",
	't', 'a new launcher comes');
await($node, 'postgres', state_query('host'), 'paused', 'and knows what happened meanwhile');
with_source('resume_source');
await($node, 'postgres', state_query('host'), 'running', 'it starts workers');

# the worker ends
$pid = worker_of($node, 'postgres', 'host');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 10000)");
await($node, 'postgres', "SELECT pid <> $pid AND state = 'running' FROM topo.source_workers()", 't', 'a worker that was ended is started again');

# no place for it: the launcher, the keeper, PostgreSQL's own, and one more
my $before = -s $node->logfile;
$node->append_conf('postgresql.conf', "max_worker_processes = 4\n");
$node->restart;
await($node, 'postgres', state_query('host'), 'running', 'it runs after a restart');
$node->safe_psql('postgres', "SELECT topo.add_source('more' || i, 'ebpf', 'flow', '{\"pin_dir\": \"/nowhere\"}') FROM generate_series(1, 3) i");
$node->wait_for_log(qr/topology has no place to start "topology .*\n.*HINT: +Raise "max_worker_processes"/, $before);
pass('a worker for which there is no place is told of');
$node->append_conf('postgresql.conf', "max_worker_processes = 16\ntopology.max_sources = 2\n");
$node->restart;
$node->wait_for_log(qr/topology has no place for \d of the workers\n.*HINT: +Raise "topology.max_sources"/, $before);
pass('so is a source');
$node->safe_psql('postgres', "SELECT topo.drop_source(name) FROM topo.source WHERE name <> 'host'");
await($node, 'postgres', state_query('host'), 'running', 'the first goes on');

# settings are followed
$node->append_conf('postgresql.conf', "topology.flush_interval = 50ms\n");
$node->reload;
is(state_of($node, 'postgres', 'host'), 'running', 'the worker goes on after a reload');

# it does not hold up a shutdown
my $begun = time;
$node->stop('fast');
cmp_ok(time - $begun, '<', 5, 'a fast shutdown is fast');
$node->start;
await($node, 'postgres', state_query('host'), 'running', 'after a restart of the server it runs again');
$begun = time;
$node->stop('smart');
cmp_ok(time - $begun, '<', 5, 'a smart shutdown is too');
done_testing();
