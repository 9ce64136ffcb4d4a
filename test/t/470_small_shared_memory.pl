# Without room in shared memory for a snapshot, the tables answer.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $node = PostgreSQL::Test::Cluster->new('small');
my $room = PostgreSQL::Test::Utils::tempdir;
my @mounted;

# of what is mounted to, the last first
sub let_go
{
	as_root('umount', pop @mounted) while @mounted;
	return;
}

sub mount
{
	my ($to, @what) = @_;

	as_root('mount', @what, $to);
	push @mounted, $to;
	return;
}

END
{
	my $result = $?;
	$node->stop('immediate') if $node;
	let_go();
	$? = $result;
}

$node->init;
$node->append_conf('postgresql.conf', <<'EOT');
shared_preload_libraries = 'topology'
max_worker_processes = 40
topology.maintenance_interval = 0
work_mem = 64MB
dynamic_shared_memory_type = mmap
EOT
mount($room, '-t', 'tmpfs', '-o', 'size=2m,mode=1777', 'topology-test');
mount($node->data_dir . '/pg_dynshmem', '--bind', $room);
$node->start;
create_map($node, 'postgres');
$node->safe_psql('postgres', <<'EOT');
SELECT topo.create_graph('g');
SELECT topo.load_edges('g', $$SELECT 'n' || i / 2, 'n' || i FROM generate_series(2, 60000) i$$);
EOT

my (undef, undef, $error) = $node->psql('postgres', "SELECT topo.take_snapshot('g')");
like($error, qr/No space left on device/, 'a snapshot that has no room is refused');
my $from_tables = traversal_answer($node);
like($from_tables, qr/^tables\|60000\|/, 'the tables answer, with all rows');
like($node->safe_psql('postgres', "SELECT last_error FROM topo.snapshot_status WHERE graph = 'g'"), qr/No space left/, 'the status says why');

as_root('mount', '-o', 'remount,size=64m', $room);
$node->safe_psql('postgres', "SELECT topo.take_snapshot('g')");
is(traversal_answer($node), $from_tables =~ s/tables/snapshot/r, 'with room there is one, and it says the same');

$node->stop;
let_go();
done_testing();
