# Sources of several databases, and commands that need a database for
# themselves, or that take the extension away, while workers run.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $node = new_server('databases', map => 0, conf => "topology.restart_delay_max = 1s\n");
my @names = qw(one two three);
my %dirs = map { $_ => pin($_, '--ring-size', '1MB') } @names;

sub make_database
{
	my ($database) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	create_map($node, $database);
	add_ebpf_source($node, $dirs{$database}, database => $database);
	return;
}

sub workers
{
	my ($database) = @_;

	return "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'topology source' AND datname = '$database'";
}

make_database($_) foreach @names;
is( $node->safe_psql('postgres', "SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_stat_activity WHERE backend_type = 'topology source'"),
	'one three two', 'each database has its worker');
is($node->safe_psql('one', 'SELECT count(*) FROM topo.source_workers()'), 1, 'and sees no other');

# pause in one database leaves the others
$node->safe_psql('one', "SELECT topo.pause_source('host')");
within(2, $node, 'postgres', workers('one'), 0, 'a source is paused in one database');
is($node->safe_psql('postgres', workers('two')), 1, 'and goes on in another');
$node->safe_psql('one', "SELECT topo.resume_source('host')");
await($node, 'one', state_query('host'), 'running', 'resumed');

# commands that need a database without connections
$node->safe_psql('postgres', 'ALTER DATABASE one RENAME TO uno');
within(5, $node, 'uno', state_query('host'), 'running', 'ALTER DATABASE RENAME works, and the worker comes back');

$node->safe_psql('postgres', 'CREATE DATABASE copy TEMPLATE uno');
within(5, $node, 'uno', state_query('host'), 'running', 'CREATE DATABASE TEMPLATE works, and the worker comes back');
await($node, 'copy', "SELECT state, last_error ~ 'already reads' FROM topo.source_status", 'backoff|t',
	'the copy has a source of its own, which cannot read the same ring');
$node->safe_psql('postgres', 'DROP DATABASE copy');

my ($result, undef, $stderr) = $node->psql('postgres', 'ALTER DATABASE uno RENAME TO two');
isnt($result, 0, 'a command that fails');
within(5, $node, 'uno', state_query('host'), 'running', 'brings the worker back too');

# somebody else is connected: the error is PostgreSQL's, and the worker goes on
my $session = $node->background_psql('uno');
$session->query_safe('SELECT 1');
($result, undef, $stderr) = $node->psql('postgres', 'ALTER DATABASE uno RENAME TO other');
like($stderr, qr/being accessed by other users/, 'another session still stands in the way');
$session->quit;
within(5, $node, 'uno', state_query('host'), 'running', 'the worker runs after that');

$node->safe_psql('postgres', 'DROP DATABASE two');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'two'"), 0, 'DROP DATABASE works while a worker runs');
$node->safe_psql('postgres', 'DROP DATABASE three WITH (FORCE)');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = 'three'"), 0, 'WITH (FORCE) too');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'topology source'"), 1, 'only the worker of the other database is left');

# the ring of a database that is gone can be read by another
make_database('two');
pass('a database of the same name has a worker at once');

# the extension goes
my $before = -s $node->logfile;
$node->safe_psql('uno', 'DROP EXTENSION topology CASCADE');
within(2, $node, 'postgres', workers('uno'), 0, 'DROP EXTENSION CASCADE ends the worker');
# graphs belong to the database, not to the extension
$node->safe_psql('uno', 'DROP SCHEMA topo_network, topo_ipc, topo_trace CASCADE');
create_map($node, 'uno');
is($node->safe_psql('uno', 'SELECT count(*) FROM topo.source'), 0, 'the extension can be created anew, without sources');
add_ebpf_source($node, $dirs{one}, database => 'uno');
pass('and has a worker again');
unlike(slurp_file($node->logfile, $before), qr/(?:ERROR|FATAL|PANIC):/, 'without an error in the log');

# the schema of the graphs goes while the worker runs
$node->safe_psql('uno', "SELECT topo.drop_graph('network')");
await($node, 'uno', "SELECT last_error ~ 'network' FROM topo.source_status", 't', 'a source without its graph says so');
$node->safe_psql('uno', "SELECT topo.drop_source('host')");
within(2, $node, 'postgres', workers('uno'), 0, 'and can be dropped');

is($node->safe_psql('two', 'SELECT state FROM topo.source_status'), 'running', 'none of it disturbed the other database');
$node->stop('fast');
done_testing();
