# Hosts in network namespaces, joined by networks, and what stands between them:
# routers, and rules of nftables.  All is removed when the test ends.
package Topology::Network;

use strict;
use warnings;
use Exporter qw(import);
use PostgreSQL::Test::Utils;
use Time::HiRes qw(sleep time);
use Topology::Kernel;

our @EXPORT = qw(network plug replace route forward rules listening host_name);

my (@namespaces, %switches, %name_of);

# A bridge in a namespace of its own.
sub add_switch
{
	my $number = 1 + keys %switches;
	my $switch = "topo-t$$-switch$number";

	die 'too many networks' if $number > 3;
	$switches{$switch} = { number => $number, ports => 0 };
	as_root('ip', 'netns', 'add', $switch);
	push @namespaces, $switch;
	as_root('ip', '-n', $switch, 'link', 'add', 'switch', 'type', 'bridge');
	as_root('ip', '-n', $switch, 'link', 'set', 'switch', 'up');
	return $switch;
}

# A cable from a host to a switch: switch, port, interface, ip4, ip6, mac.  What is
# not given is new.
sub connect_host
{
	my ($host, %cable) = @_;
	my $network = $switches{ $cable{switch} }{number};
	my $number = ++$switches{ $cable{switch} }{ports};

	%cable = (
		interface => 'eth0',
		ip4 => sprintf('10.%d.%d.%d', 64 * $network + ($$ >> 8) % 64, $$ % 256, $number),
		ip6 => sprintf('fd00:7%d:%x::%x', $network - 1, $$ % 65536, $number),
		mac => sprintf('02:00:00:00:%02x:%02x', $network, $number),
		%cable,
		port => "port$number");
	as_root('sh', '-ec', <<"EOT");
ip link add $cable{interface} netns $host->{namespace} address $cable{mac} type veth peer name $cable{port} netns $cable{switch}
ip -n $cable{switch} link set $cable{port} master switch up
ip -n $host->{namespace} link set lo up
ip -n $host->{namespace} link set $cable{interface} up
ip -n $host->{namespace} addr add $cable{ip4}/24 dev $cable{interface}
ip -n $host->{namespace} addr add $cable{ip6}/64 dev $cable{interface} nodad
EOT
	$name_of{$_} //= $host->{name} foreach @cable{qw(ip4 ip6)};
	return \%cable;
}

sub add_host
{
	my ($name, %cable) = @_;
	my $host = { name => $name, namespace => "topo-t$$-$name" };

	as_root('ip', 'netns', 'add', $host->{namespace});
	push @namespaces, $host->{namespace};
	$host->{cable} = connect_host($host, %cable);
	@{$host}{qw(ip4 ip6)} = @{ $host->{cable} }{qw(ip4 ip6)};
	return $host;
}

# Hosts on a network of their own: by name a hash with namespace, ip4 and ip6.
sub network
{
	my @names = @_;
	my $switch = add_switch();

	return { map { $_ => add_host($_, switch => $switch) } @names };
}

# A second interface, in the network of another host: a hash with ip4 and ip6.
sub plug
{
	my ($host, $other) = @_;

	return connect_host($host, switch => $other->{cable}{switch}, interface => 'eth1');
}

# A host is cut off as it is, and a new one gets its addresses.
sub replace
{
	my ($host, $name) = @_;
	my %cable = %{ $host->{cable} };

	as_root('ip', '-n', $cable{switch}, 'link', 'set', $cable{port}, 'down');
	return add_host($name, map { $_ => $cable{$_} } qw(switch ip4 ip6 mac));
}

# Hosts reach all others by a gateway.
sub route
{
	my ($gateway, @hosts) = @_;

	as_root('ip', '-n', $_->{namespace}, 'route', 'add', 'default', 'via', $gateway) foreach @hosts;
	return;
}

# Have a host forward, and translate by these rules of nftables.
sub forward
{
	my ($host, $rules) = @_;

	as_root('ip', 'netns', 'exec', $host->{namespace}, 'sh', '-ec', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
	rules($host, $rules);
	return;
}

sub rules
{
	my ($host, $rules) = @_;

	as_root('ip', 'netns', 'exec', $host->{namespace}, 'nft', $rules);
	return;
}

# Wait until something listens there on a TCP port.
sub listening
{
	my ($host, $port) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	until (as_root('ip', 'netns', 'exec', $host->{namespace}, 'ss', '-Hltn', "sport = :$port"))
	{
		die "nothing listens on port $port of $host->{name}" if time > $deadline;
		sleep 0.05;
	}
	return;
}

# The host that has an address, or had it first.
sub host_name { return $name_of{ $_[0] } }

END
{
	my $status = $?;

	eval { as_root('ip', 'netns', 'delete', $_) } foreach @namespaces;
	$? = $status;
}

1;
