# Address translation in the network namespace of one of the ends: what is on the
# wire is known of every connection, and each is counted once, by both ends'
# reports or by one: source NAT, virtual addresses, a local proxy, a server behind
# a redirected port, IPv4 and IPv6, TCP and UDP, whenever the connection began.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

need_kernel();

my $hosts = network('client', 'server');
my ($client, $server) = @{$hosts}{qw(client server)};
my $node = new_server('translation');
my %second = (ip4 => $client->{ip4} =~ s/\d+$/200/r, ip6 => $client->{ip6} . '00');
# the ports of the virtual address, and where they lead
my %listener = (80 => 4020, 81 => 4021, 82 => 4010, 83 => 4023, 84 => 4024, 85 => 4025);
my %virtual = (ip4 => '198.51.100.7', ip6 => '2001:db8:70::7');

as_root('ip', '-n', $client->{namespace}, 'addr', 'add', "$second{ip4}/24", 'dev', 'eth0');
as_root('ip', '-n', $client->{namespace}, 'addr', 'add', "$second{ip6}/64", 'dev', 'eth0', 'nodad');
# preferred_lft 0: not for connections that leave the choice to the kernel
as_root('ip', '-n', $client->{namespace}, 'addr', 'change', "$second{ip6}/64", 'dev', 'eth0', 'preferred_lft', 0);
as_root('ip', '-n', $client->{namespace}, 'route', 'add', $virtual{$_}, 'dev', 'eth0') foreach qw(ip4 ip6);
nft($client, <<"EOT");
table inet nat {
	chain postrouting {
		type nat hook postrouting priority srcnat;
		ip daddr $server->{ip4} meta l4proto { tcp, udp } th dport { 4010, 4011, 4012, 4013 } snat ip to $second{ip4}
		ip6 daddr $server->{ip6} meta l4proto { tcp, udp } th dport { 4010, 4011, 4012, 4013 } snat ip6 to $second{ip6}
	}
	chain output {
		type nat hook output priority -100;
@{[map { "ip daddr $virtual{ip4} meta l4proto { tcp, udp } th dport $_ dnat ip to $server->{ip4}:$listener{$_}\n" } sort keys %listener]}
@{[map { "ip6 daddr $virtual{ip6} meta l4proto { tcp, udp } th dport $_ dnat ip6 to [$server->{ip6}]:$listener{$_}\n" } sort keys %listener]}
		ip daddr $server->{ip4} tcp dport 8080 redirect to :3128
		ip6 daddr $server->{ip6} tcp dport 8080 redirect to :3128
	}
}
EOT
nft($server, <<"EOT");
table inet nat {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		meta l4proto { tcp, udp } th dport 443 redirect to :4030
	}
}
EOT

# What the reports of one end say, with the addresses on the wire.
sub on_wire
{
	my ($by, $target, $port) = @_;

	return <<"EOT";
SELECT host(source) AS source, host(nat_source) AS nat_source, host(target) AS target, target_port,
	   host(nat_target) AS nat_target, nat_target_port, sum(connections)
FROM topo.hops()
WHERE reported_by = '$by' AND target = '$target' AND target_port = $port
GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
EOT
}

# connections that are older than the capture
my @old = ('--address', $virtual{ip4}, '--port', 83);
my $old_server = serve($server, 'old-server', '--address', $server->{ip4}, '--port', 4023);
my $old_client = hold($client, 'old-client', @old);
$old_client->tell('step')->expect('stepped');

add_ebpf_source($node, pin('translation'));

$old_client->tell('step')->expect('stepped');
await($node, 'postgres', on_wire('client', $virtual{ip4}, 83), "$client->{ip4}||$virtual{ip4}|83|$server->{ip4}|4023|0",
	'older than the capture: the translation is seen once it talks');
$old_client->finish;
$node->safe_psql('postgres', 'SELECT topo.flush()');
is($node->safe_psql('postgres', edge_totals('old-client', 'old-server')), '0|0|100|1000', 'and the edge is exact');

# Connections from client to server, and a test of all that is known of them.
# to: where the client calls; listen: where the server listens; wire: what each
# end's reports say, by client and server.
sub translated
{
	my ($name, %case) = @_;
	my @options = @{ $case{options} // [] };
	my $count = $case{count} // 20;
	my $program = serve($case{at} // $server, "$case{name}-server", '--address', $case{listen}[0], '--port', $case{listen}[1],
		'--up', 123, '--down', 4567, @options);
	my $done = call($client, "$case{name}-client", '--address', $case{to}[0], '--port', $case{to}[1],
		'--up', 123, '--down', 4567, '--count', $count, @options, @{ $case{call} // [] });
	my $connections = $done->{connections};

	is($done->{received}, 4567 * $count, "$name: the workload did its work");
	await($node, 'postgres', on_wire('client', @{ $case{to} }), "$case{wire}{client}|$connections", "$name: the client's report");
	await($node, 'postgres', on_wire('server', @{ $case{listen} }), "$case{wire}{server}|$connections", "$name: the server's report");
	$node->safe_psql('postgres', 'SELECT topo.flush()');
	is($node->safe_psql('postgres', edge_totals("$case{name}-client", "$case{name}-server")), totals($done), "$name: the edge counts each once");
	is( $node->safe_psql('postgres', "SELECT string_agg(DISTINCT target, ' ') FROM topo.edges() WHERE source = '@{[app(qq($case{name}-client))]}'"),
		app("$case{name}-server"), "$name: and the client calls nobody else");
	$program->finish;
	return;
}

foreach my $family ('ip4', 'ip6')
{
	my ($c, $s, $v, $second) = ($client->{$family}, $server->{$family}, $virtual{$family}, $second{$family});
	my $loopback = $family eq 'ip4' ? '127.0.0.1' : '::1';

	translated("source NAT, $family", name => "snat-$family", to => [ $s, 4011 ], listen => [ $s, 4011 ],
		wire => { client => "$c|$second|$s|4011||", server => "$second||$s|4011||" });
	translated("virtual address, $family", name => "dnat-$family", to => [ $v, 80 ], listen => [ $s, 4020 ],
		wire => { client => "$c||$v|80|$s|4020", server => "$c||$s|4020||" });
	translated("virtual address and source NAT, $family", name => "both-$family", to => [ $v, 82 ], listen => [ $s, 4010 ],
		wire => { client => "$c|$second|$v|82|$s|4010", server => "$second||$s|4010||" });
	translated("a proxy on the client's own host, $family", name => "proxy-$family", at => $client,
		to => [ $s, 8080 ], listen => [ $loopback, 3128 ],
		wire => { client => "$c||$s|8080|$loopback|3128", server => "$c||$loopback|3128|$s|8080" });
	translated("a port that the server's host redirects, $family", name => "redirect-$family", to => [ $s, 443 ], listen => [ $s, 4030 ],
		wire => { client => "$c||$s|443||", server => "$c||$s|4030|$s|443" });

	foreach my $socket ('connected', 'unconnected')
	{
		my %udp = (options => ['--udp'], call => [ $socket eq 'unconnected' ? '--unconnected' : () ]);
		my $port = $socket eq 'unconnected' ? 4012 : 4013;

		translated("source NAT, UDP $socket, $family", name => "udp-snat-$socket-$family", %udp,
			to => [ $s, $port ], listen => [ $s, $port ],
			wire => { client => "$c|$second|$s|$port||", server => "$second||$s|$port||" });
	}
	translated("virtual address, UDP unconnected, $family", name => "udp-dnat-$family", options => ['--udp'], call => ['--unconnected'],
		to => [ $v, 81 ], listen => [ $s, 4021 ],
		wire => { client => "$c||$v|81|$s|4021", server => "$c||$s|4021||" });
}

# while it is open
my $open_server = serve($server, 'open-server', '--address', $server->{ip4}, '--port', 4024);
my $open_client = hold($client, 'open-client', '--address', $virtual{ip4}, '--port', 84, '--count', 3);
within(5, $node, 'postgres', edge_totals('open-client', 'open-server'), '3|0|0|0', 'the translation of open connections is in the map');
$open_client->finish;

# a socket that connects again: what was known of its first connection is forgotten
my $direct_server = serve($server, 'direct-server', '--address', $server->{ip4}, '--port', 4026);
my %place = (
	virtual => [ $virtual{ip4}, 84, "$server->{ip4}|4024" ],
	other => [ $virtual{ip4}, 83, "$server->{ip4}|4023" ],
	direct => [ $server->{ip4}, 4026, '|' ]);
foreach my $case ([qw(virtual direct)], [qw(direct virtual)], [qw(virtual other)])
{
	my $app = join '-', 'again', @$case;
	my @places = @place{@$case};

	call($client, $app, '--address', $places[0][0], '--port', $places[0][1], '--again', "$places[1][0]:$places[1][1]");
	await($node, 'postgres', <<"EOT", join("\n", map { "$_->[0]|$_->[1]|$_->[2]|1" } sort { $a->[1] <=> $b->[1] } @places), "$app: a socket that connects anew has the translation of its new connection");
SELECT host(target), target_port, host(nat_target), nat_target_port, sum(connections) FROM topo.hops()
WHERE source_node = '@{[app($app)]}' GROUP BY 1, 2, 3, 4 ORDER BY 2
EOT
}

# refused: there is no connection, but it is known where it went
call($client, 'refused', '--address', $virtual{ip4}, '--port', 85, '--refused', '--count', 5);
await($node, 'postgres', <<"EOT", "$server->{ip4}|4025|5", 'a refused attempt tells where it went');
SELECT host(nat_target), nat_target_port, sum(failed) FROM topo.hops() WHERE source_node = '@{[app('refused')]}' GROUP BY 1, 2
EOT

is($node->safe_psql('postgres', 'SELECT dropped, dead_letters FROM topo.source_status'), '0|0', 'nothing was lost or refused');
is($node->safe_psql('postgres', 'SELECT count(*) FROM topo_network.translation WHERE client_address IN ' . "('$client->{ip4}', '$client->{ip6}')"),
	0, 'and none of it is told once more as forwarded');
$node->stop('fast');
done_testing();
