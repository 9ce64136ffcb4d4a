# What the ring holds and cannot be used becomes a dead letter, with its bytes
# and the reason; what is around it is taken in.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $node = new_server('letters');
my $dir = pin('letters', '--no-udp');
my ($version, $size) = about($dir);
my $writer = ring_writer($dir);

add_ebpf_source($node, $dir);

# A flow event, as struct flow_event of bpf/flow_event.h lays it out.
sub event
{
	my (%field) = @_;
	my ($uptime) = slurp_file('/proc/uptime') =~ /^(\S+)/;
	my $now = int($uptime * 1e9);

	return pack 'S2 C4 Q3 L2 Q L S2 a16 a16 Q4 L4 a16 a16 S2 C x3 a16',
	  $field{version} // $version, $field{size} // $size,
	  2, 6, 1, $field{family} // 4,
	  ($now + ($field{ahead} // 0)) x 2, 12345,
	  0, 0, 0, 1, 40000, $field{port} // 4000,
	  pack('C4', 192, 0, 2, 1), pack('C4', 192, 0, 2, 2),
	  100, 200, 3, 4, 0, 250, 1, 0, '', '', 0, 0, $field{translated} // 0, 'written';
}

is(length event(), $size, 'events are laid out as the capture does');

my @letters = (
	[ 'x' x 20, 'shorter', 'an event that is too short' ],
	[ event(version => $version + 1), 'version', 'an event of another version' ],
	[ event(size => $size + 8), 'size', 'an event of another size' ],
	[ event(family => 7), 'family', 'an event of an unknown address family' ],
	[ event(translated => 7), 'family', 'an event of an unknown translated address family' ],
	[ event(ahead => 36e12), 'ahead of this server', 'an event from the future' ]);

write_ring($writer, event(port => 4001));
foreach my $letter (@letters)
{
	write_ring($writer, $letter->[0]);
	write_ring($writer, event(port => 4002));
}
my $ports = "SELECT target_port, connections, bytes_sent, bytes_received FROM topo.hops() WHERE target = '192.0.2.2' ORDER BY 1";
await($node, 'postgres', $ports, "4001|1|100|200\n4002|6|600|1200", 'events before and after are taken in');
is($node->safe_psql('postgres', 'SELECT state, dead_letters FROM topo.source_status'), 'running|6', 'the status counts dead letters');
foreach my $letter (@letters)
{
	my ($bytes, $reason, $name) = @$letter;

	is( $node->safe_psql('postgres', sprintf q{SELECT count(*) FROM topo.dead_letter WHERE source = 'host' AND payload = '\x%s' AND reason ~ '%s'},
			unpack('H*', $bytes), $reason),
		1, "$name is a dead letter, with its bytes and the reason");
}
is($node->safe_psql('postgres', 'SELECT count(DISTINCT "offset") FROM topo.dead_letter'), 6, 'each has its position');

# a dead letter is not read twice, whatever happens to the reader
$node->stop('immediate');
$node->start;
write_ring($writer, event(port => 4003));
await($node, 'postgres', "$ports DESC LIMIT 1", '4003|1|100|200', 'it goes on after a crash');
is($node->safe_psql('postgres', 'SELECT count(*), max(dead_letters) FROM topo.dead_letter, topo.source_status'), '6|6', 'with no dead letter more');

# those that still cannot be used stay
is($node->safe_psql('postgres', "SELECT topo.replay_dead_letters('host')"), 0, 'replaying them takes none');
is($node->safe_psql('postgres', 'SELECT count(*) FROM topo.dead_letter'), 6, 'and all stay');

$node->stop('fast');
done_testing();
