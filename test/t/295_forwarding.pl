# A host that forwards tells of each connection that it translates, once, with
# both tuples: source NAT, virtual addresses over two servers, IPv4 and IPv6, TCP
# and UDP. It is followed as namespaces begin and cease to forward, and leaves
# nothing when it is unpinned.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;
use Topology::Agent;

need_kernel();

my $hosts = network('gateway', 'server', 'caller', 'late');
my ($gateway, $server, $caller, $late) = @{$hosts}{qw(gateway server caller late)};
my $inside = behind($gateway, 'client', 'one', 'two');
my ($client, @shop) = @{$inside}{qw(client one two)};
my $node = new_server('forwarding');
my $dir = pin('forwarding');

# Inside hosts go out by the gateway's address; who calls the gateway's port 8080
# gets the two shops in turn.
nft($gateway, <<"EOT");
table inet nat {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		iifname eth0 meta nfproto ipv4 meta l4proto { tcp, udp } th dport 8080 dnat ip to numgen inc mod 2 map { 0 : $shop[0]{ip4}, 1 : $shop[1]{ip4} }
		iifname eth0 meta nfproto ipv6 meta l4proto { tcp, udp } th dport 8080 dnat ip6 to numgen inc mod 2 map { 0 : $shop[0]{ip6}, 1 : $shop[1]{ip6} }
		iifname eth0 ip daddr $gateway->{ip4} tcp dport 81 dnat ip to $shop[0]{ip4}:4081
	}
	chain postrouting {
		type nat hook postrouting priority srcnat;
		iifname eth1 oifname eth0 masquerade
		iifname eth0 oifname eth1 tcp dport 4081 masquerade
	}
}
EOT
add_ebpf_source($node, $dir);

# What forwarders told of connections that called an address and port.
sub told
{
	my ($target, $port) = @_;

	return <<"EOT";
SELECT host(client_address), host(out_client_address), host(out_target_address), out_target_port, protocol, sum(connections)
FROM topo_network.translation
WHERE target_address = '$target' AND target_port = $port
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
EOT
}

my %number = (tcp => 6, udp => 17);

foreach my $family ('ip4', 'ip6')
{
	my $back = serve($server, "outside-$family", '--address', $server->{$family}, '--port', 4010);

	call($client, "inside-$family", '--address', $server->{$family}, '--port', 4010, '--count', 25);
	await($node, 'postgres', told($server->{$family}, 4010),
		"$client->{$family}|$gateway->{$family}|$server->{$family}|4010|6|25", "source NAT, $family: each connection is told once");
	$back->finish;

	foreach my $protocol ('tcp', 'udp')
	{
		my @option = $protocol eq 'udp' ? ('--udp') : ();
		my @servers = map { serve($_, "shop-$_->{name}-$protocol-$family", '--address', $_->{$family}, '--port', 8080, @option) } @shop;
		my @done = map { call($caller, "caller-$protocol-$family", '--address', $gateway->{$family}, '--port', 8080, '--count', 1, @option) } 1 .. 7;
		# each sent one exchange of 100 bytes; which shop was the first is not known
		my @told = map { my $calls = $servers[$_]->finish->{received} / 100;
			"$caller->{$family}|$caller->{$family}|$shop[$_]{$family}|8080|$number{$protocol}|$calls" } 0, 1;

		is(scalar @done, 7, "virtual address, $protocol, $family: the workload did its work");
		await($node, 'postgres', told($gateway->{$family}, 8080) =~ s/GROUP/AND protocol = $number{$protocol} GROUP/r,
			join("\n", @told), "virtual address, $protocol, $family: each is told once, with the server that it came to");
	}
}

# both ends translated
my $both = serve($shop[0], 'both', '--address', $shop[0]{ip4}, '--port', 4081);
call($caller, 'both-caller', '--address', $gateway->{ip4}, '--port', 81, '--count', 9);
await($node, 'postgres', told($gateway->{ip4}, 81) =~ s/host\(out_client_address\)/out_client_address <<= '10.128.0.0\/9'/r,
	"$caller->{ip4}|t|$shop[0]{ip4}|4081|6|9", 'source and destination: both are told');
is( $node->safe_psql('postgres', "SELECT host(source), sum(connections) FROM topo.hops() WHERE reported_by = 'server' AND target_port = 4081 GROUP BY 1"),
	$node->safe_psql('postgres', "SELECT DISTINCT host(out_client_address), 9 FROM topo_network.translation WHERE target_port = 81"),
	'and the server reports the caller that was told');

# an attempt without an answer is told once, however often its packet is repeated
on_host($gateway, 'nft', "add rule inet nat prerouting iifname eth0 tcp dport 82 dnat ip to $shop[1]{ip4}:4082");
on_host($shop[1], 'nft', 'add table inet filter; add chain inet filter input { type filter hook input priority 0; }; add rule inet filter input tcp dport 4082 counter drop');
on_host($caller, 'sh', '-c', "socat -u /dev/null TCP:$gateway->{ip4}:82,connect-timeout=2 2>/dev/null || true");
like(on_host($shop[1], 'nft', 'list', 'chain', 'inet', 'filter', 'input'), qr/counter packets [2-9]/, 'an attempt was repeated');
await($node, 'postgres', told($gateway->{ip4}, 82), "$caller->{ip4}|$caller->{ip4}|$shop[1]{ip4}|4082|6|1", 'and is told once');

# what is forwarded as it is, is not told, nor what the gateway itself calls
as_root('ip', '-n', $caller->{namespace}, 'route', 'add', $shop[0]{ip4}, 'via', $gateway->{ip4});
on_host($gateway, 'nft', "add chain inet nat output { type nat hook output priority -100; }; add rule inet nat output ip daddr 198.51.100.9 tcp dport 80 dnat ip to $server->{ip4}:4012");
as_root('ip', '-n', $gateway->{namespace}, 'route', 'add', '198.51.100.9', 'dev', 'eth0');
my $plain = serve($shop[0], 'plain', '--address', $shop[0]{ip4}, '--port', 4011);
my $own = serve($server, 'own', '--address', $server->{ip4}, '--port', 4012);
call($caller, 'plain-caller', '--address', $shop[0]{ip4}, '--port', 4011, '--count', 3);
call($gateway, 'own-caller', '--address', '198.51.100.9', '--port', 80, '--count', 4);
await($node, 'postgres', edge_totals('own-caller', 'own'), '4|0|400|4000', "the gateway's own translated connections are in its own reports");
await($node, 'postgres', edge_totals('plain-caller', 'plain'), '3|0|300|3000', 'what is forwarded as it is, is seen by both ends');
is($node->safe_psql('postgres', "SELECT count(*) FROM topo_network.translation WHERE target_port IN (4011, 4012) OR client_address = '$gateway->{ip4}'"), 0, 'neither is told');

# a reader that dies in the middle loses and repeats nothing
my $steady = serve($server, 'steady', '--address', $server->{ip4}, '--port', 4013);
my $steady_client = start_program(
	in => $client, env => { OTEL_SERVICE_NAME => app('steady-client') },
	args => [ 'call', '--name', 'steady-client', '--address', $server->{ip4}, '--port', 4013, '--on', '--pause', 0.002 ]);
foreach my $round (1 .. 2)
{
	$node->poll_query_until('postgres', "SELECT sum(connections) > 20 * $round FROM topo_network.translation WHERE target_port = 4013") or die 'nothing is told';
	$node->stop('immediate');
	$node->start;
}
my $made = $steady_client->finish->{connections};
await($node, 'postgres', "SELECT sum(connections) FROM topo_network.translation WHERE target_port = 4013", $made, 'after a crash of the reader, each is told once');

# Links of a host's namespace.
my ($inum) = on_host($late, 'readlink', '/proc/self/ns/net') =~ /\[(\d+)\]/;
my ($forward) = as_root('bpftool', '-j', 'prog', 'show', 'pinned', "$dir/forward") =~ /"id":(\d+)/;

sub links_of_late { return join ' ', grep { /_$inum$/ } split /\n/, as_root('ls', $dir) }

# What it says.
sub attach { return as_root('sh', '-c', '"$0" attach --dir "$1" 2>&1', agent(), $_[0] // $dir) }

is(links_of_late(), '', 'a host that does not forward has no hook');
nft($late, <<"EOT");
table inet nat {
	chain prerouting { type nat hook prerouting priority dstnat; tcp dport 80 dnat ip to $server->{ip4}:4014; }
	chain postrouting { type nat hook postrouting priority srcnat; tcp dport 4014 masquerade; }
}
EOT
on_host($late, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/conf/eth0/forwarding');
attach();
is(links_of_late(), "forward_ipv4_$inum", 'it has one once it forwards, for that family');
is(attach() =~ s/.*namespaces that forward.*\n//r, '', 'nothing is to be done the next time');
my $behind = serve($server, 'behind-late', '--address', $server->{ip4}, '--port', 4014);
call($caller, 'late-caller', '--address', $late->{ip4}, '--port', 80, '--count', 6);
await($node, 'postgres', told($late->{ip4}, 80), "$caller->{ip4}|$late->{ip4}|$server->{ip4}|4014|6|6", 'what it forwards is told');
is(as_root('stat', '-c', '%a %U:%G', "$dir/forward", "$dir/forward_ipv4_$inum"), "400 root:root\n400 root:root", 'the program and its links are for root alone');
on_host($late, 'sh', '-c', 'echo 0 >/proc/sys/net/ipv4/conf/eth0/forwarding; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding');
attach();
is(links_of_late(), "forward_ipv6_$inum", 'the hooks follow what it forwards');

# a namespace that is not used any more is let go
my $port_of_late = "ip -n topo-t$$-switch link show port4";
like(as_root('sh', '-c', $port_of_late), qr/port4/, 'its cable is there');
as_root('ip', 'netns', 'delete', $late->{namespace});
attach();
is(links_of_late(), '', 'a namespace that is gone has no hook');
ok(poll_until(sub { as_root('sh', '-c', "$port_of_late 2>/dev/null || true") eq '' }), 'and is gone indeed');

# several captures look at the same namespace
my ($inum_of_gateway, $inum_of_caller) = map { on_host($_, 'readlink', '/proc/self/ns/net') =~ /\[(\d+)\]/ } $gateway, $caller;
my $second = pin('second');
like(as_root('ls', $second), qr/^forward_ipv4_$inum_of_gateway\nforward_ipv6_$inum_of_gateway$/m, 'a second capture attaches there too');

# an agent that pins for itself follows on its own, and its records say what was forwarded
my $own_dir = pin_dir_of('own');
my $agent = Topology::Agent->new('--dir', $own_dir, '--stdout', '--interval', 0.2);
on_host($caller, 'sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
poll_until(sub { as_root('ls', $own_dir) =~ /^forward_ipv4_$inum_of_caller$/m });
my $by_agent = serve($server, 'by-agent', '--address', $server->{ip4}, '--port', 4015);
call($client, 'agent-client', '--address', $server->{ip4}, '--port', 4015, '--count', 8);
poll_until(sub { $agent->output =~ /"role":"forwarder".*"port":4015/ });
is($agent->stop, 0, 'the agent ends in good order');
my ($record) = grep { /"role":"forwarder"/ && /"port":4015/ } split /\n/, $agent->output;
like($record, qr/"local":\{"ip":"\Q$client->{ip4}\E"\},"peer":\{"ip":"\Q$server->{ip4}\E","port":4015\},"nat":\{"local_ip":"\Q$gateway->{ip4}\E"\},"connections":\d+/,
	"an agent's record says what was forwarded");
$node->safe_psql('postgres', "TRUNCATE topo_network.translation; SELECT topo.ingest('flow', '$record')");
is($node->safe_psql('postgres', told($server->{ip4}, 4015)) =~ s/\d+$//r, "$client->{ip4}|$gateway->{ip4}|$server->{ip4}|4015|6|", 'and is taken from a stream as from the ring');

is($node->safe_psql('postgres', 'SELECT dropped, dead_letters FROM topo.source_status'), '0|0', 'nothing was lost or refused');
$node->stop('fast');

# without it
unpin($dir);
ok(poll_until(sub { system("bpftool prog show id $forward >/dev/null 2>&1") != 0 }), 'the program goes with its pins');
my $without = pin('forwarding', '--no-forwarding');
is(join(' ', grep { /^forward/ } split /\n/, as_root('ls', $without)), '', 'nothing is attached where that is not wanted');
like(attach($without), qr/does not look at what is forwarded/, 'and attach says so');

# pins of another version are replaced, and that is said
my ($version, @about) = about($without);
set_about($without, $version - 1, @about);
like(as_root('sh', '-c', '"$0" pin --dir "$1" --group postgres 2>&1', agent(), $without), qr/event version @{[$version - 1]}: replaced/, 'pins of another version are replaced');
is((about($without))[0], $version, 'by those of this one');
done_testing();
