# What tests need of the kernel: privileges, pinned captures, and hosts in
# network namespaces.  All that is made here is removed when the test ends,
# whichever way; what a killed test left behind is removed by the next one.
package Topology::Kernel;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use PostgreSQL::Test::Utils;
use Test::More;
use Topology::Program;

our @EXPORT = qw(need_kernel as_root on_host pin unpin pin_dir_of network behind nft agent capture_dump
  cgroup about set_about ring_writer write_ring bpftool);

# where Debian has bpftool and ip
$ENV{PATH} .= ':/usr/local/sbin:/usr/sbin:/sbin';

my $root = abs_path(dirname(__FILE__) . '/../../..');
my $bpffs = '/sys/fs/bpf';
my (@pinned, @namespaces, @cgroups, @programs);

# CAP_KILL, CAP_SETGID, CAP_SETUID: to become root for a command;
# CAP_SYS_ADMIN: to enter a namespace
my @capabilities = (5, 6, 7, 21);

sub agent { return $ENV{TOPOLOGY_AGENT} // "$root/topology-agent" }

sub capture_dump { return $ENV{TOPOLOGY_CAPTURE_DUMP} // "$root/build/capture_dump" }

sub why_no_kernel
{
	my ($effective) = slurp_file('/proc/self/status') =~ /^CapEff:\s*(\w+)/m;

	return 'needs the capabilities of root'
	  if grep { !(hex($effective) & (1 << $_)) } @capabilities;
	return 'the kernel has no BTF' unless -r '/sys/kernel/btf/vmlinux';
	return agent() . ' is not built' unless -x agent();
	return 'bpftool is not installed' unless grep { -x "$_/bpftool" } split /:/, $ENV{PATH};
	return;
}

# Skip the whole test without what it needs; where nothing may be skipped, fail.
sub need_kernel
{
	my $why = why_no_kernel();

	if (!$why)
	{
		remove_leftovers();
		return;
	}
	BAIL_OUT($why) if $ENV{TOPOLOGY_REQUIRE_ALL};
	plan skip_all => $why;
	return;
}

sub root_command { return ('setpriv', '--reuid=0', '--regid=0', '--clear-groups', '--', @_) }

# Run a command as root; die when it fails.  Returns its output.
sub as_root
{
	my @command = @_;
	my ($out, $err) = run_command([ root_command(@command) ]);

	die "@command: $err" if $? != 0;
	return $out;
}

# A directory for pins of this name, which are removed in the end, whoever made them.
sub pin_dir_of
{
	my ($name) = @_;
	my $dir = "$bpffs/topology-test-$$-$name";

	push @pinned, $dir unless grep { $_ eq $dir } @pinned;
	return $dir;
}

# Pin a capture of this test's own; returns its directory.
sub pin
{
	my ($name, @options) = @_;
	my $dir = pin_dir_of($name);

	as_root(agent(), 'pin', '--dir', $dir, '--group', 'postgres', @options);
	return $dir;
}

sub unpin
{
	my ($dir) = @_;

	as_root(agent(), 'unpin', '--dir', $dir);
	return;
}

sub bpftool { return as_root('bpftool', @_) }

# What pins say of themselves: version, size of an event, UDP, complete.
sub about
{
	my ($dir) = @_;
	my $entry = bpftool('-j', 'map', 'lookup', 'pinned', "$dir/about", 'key', 0, 0, 0, 0);
	my ($bytes) = $entry =~ /"value":\s*\[([^\]]*)\]/ or die "unknown output of bpftool: $entry";

	return unpack 'L4', pack 'C*', map { hex } $bytes =~ /0x([0-9a-f]+)/g;
}

sub set_about
{
	my ($dir, @about) = @_;

	bpftool('map', 'update', 'pinned', "$dir/about", 'key', 0, 0, 0, 0, 'value', unpack 'C*', pack 'L4', @about);
	return;
}

# A program that writes any bytes into the ring of these pins; returns its pin.
sub ring_writer
{
	my ($dir) = @_;
	my ($clang) = grep { -x } map { ("$_/clang-14", "$_/clang") } split /:/, $ENV{PATH};
	my ($multiarch) = run_command([ 'gcc', '-print-multiarch' ]);
	my $object = "$PostgreSQL::Test::Utils::tmp_check/ring_writer.o";
	my $program = "$dir-writer";

	system_or_bail($clang, '-O2', '-g', '-target', 'bpf', "-I/usr/include/$multiarch", '-c',
		abs_path(dirname(__FILE__) . '/../ring_writer.bpf.c'), '-o', $object);
	push @programs, $program;
	bpftool('prog', 'load', $object, $program, 'map', 'name', 'events', 'pinned', "$dir/events");
	return $program;
}

sub write_ring
{
	my ($program, $bytes) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/ring_bytes";

	open my $handle, '>:raw', $file or die "cannot write $file: $!";
	print $handle $bytes;
	close $handle;
	bpftool('prog', 'run', 'pinned', $program, 'data_in', $file, 'repeat', 1) =~ /^Return value: 0,/m
	  or die 'the ring took no bytes';
	return;
}

sub add_namespace
{
	my ($namespace) = @_;

	as_root('ip', 'netns', 'add', $namespace);
	push @namespaces, $namespace;
	as_root('ip', '-n', $namespace, 'link', 'set', 'lo', 'up');
	return;
}

sub add_switch
{
	my ($switch) = @_;

	add_namespace($switch);
	as_root('ip', '-n', $switch, 'link', 'add', 'switch', 'type', 'bridge');
	as_root('ip', '-n', $switch, 'link', 'set', 'switch', 'up');
	return;
}

# A cable from a host's namespace to a switch.
sub plug
{
	my ($switch, $namespace, $interface, $number, $ip4, $ip6) = @_;

	as_root('sh', '-ec', <<"EOT");
ip link add $interface netns $namespace type veth peer name port$number netns $switch
ip -n $switch link set port$number master switch up
ip -n $namespace link set $interface up
ip -n $namespace addr add $ip4/24 dev $interface
ip -n $namespace addr add $ip6/64 dev $interface nodad
EOT
	return;
}

# The number-th address of this test's network-th subnet, IPv4 and IPv6.
sub addresses
{
	my ($network, $number) = @_;

	return (
		sprintf('10.%d.%d.%d', 64 * (1 + $network) + ($$ >> 8) % 64, $$ % 256, $number),
		sprintf('fd00:%x:%x::%x', 0x70 + $network, $$ % 65536, $number));
}

sub add_host
{
	my ($switch, $name, $network, $number) = @_;
	my ($ip4, $ip6) = addresses($network, $number);
	my $host = { name => $name, namespace => "topo-t$$-$name", ip4 => $ip4, ip6 => $ip6 };

	add_namespace($host->{namespace});
	plug($switch, $host->{namespace}, 'eth0', $number, $ip4, $ip6);
	return $host;
}

# Hosts in network namespaces, joined by a bridge: by name a hash with
# namespace, ip4 and ip6.
sub network
{
	my @names = @_;
	my $switch = "topo-t$$-switch";
	my %hosts;

	add_switch($switch);
	$hosts{$_} = add_host($switch, $_, 0, 1 + keys %hosts) foreach @names;
	return \%hosts;
}

# Hosts of a network of their own, which a host of the other one joins to it: it
# forwards, and is their way to everywhere.
sub behind
{
	my ($router, @names) = @_;
	my $switch = "topo-t$$-inside";
	my ($gateway4, $gateway6) = addresses(1, 254);
	my %hosts;

	add_switch($switch);
	plug($switch, $router->{namespace}, 'eth1', 254, $gateway4, $gateway6);
	on_host($router, 'sh', '-ec', 'echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding');
	foreach my $name (@names)
	{
		$hosts{$name} = add_host($switch, $name, 1, 1 + keys %hosts);
		as_root('ip', '-n', $hosts{$name}{namespace}, 'route', 'add', 'default', 'via', $_) foreach $gateway4, $gateway6;
	}
	return \%hosts;
}

# Run a command as root in a host's network; returns its output.
sub on_host
{
	my ($host, @command) = @_;

	return as_root('nsenter', "--net=/run/netns/$host->{namespace}", @command);
}

# Load nftables rules on a host, in place of those before.
sub nft
{
	my ($host, $rules) = @_;

	on_host($host, 'nft', "flush ruleset; $rules");
	return;
}

# A cgroup v2 of this name: the words that, put before a command line, run it
# there; nothing where there is no such hierarchy.
sub cgroup
{
	my ($name) = @_;
	my ($mount) = slurp_file('/proc/mounts') =~ /^\S+ (\S+) cgroup2 /m;

	return unless $mount;
	my $parent = "$mount/topo-t$$";
	my $path = "$parent/$name";
	as_root('mkdir', '-p', $path);
	push @cgroups, $path, $parent;
	return root_command('sh', '-c', "echo \$\$ > $path/cgroup.procs && exec \"\$@\"", 'sh');
}

sub process_lives { return -d "/proc/$_[0]" }

# Of tests that were killed.
sub remove_leftovers
{
	foreach my $path (glob "/run/netns/topo-t*")
	{
		run_command([ root_command('ip', 'netns', 'delete', basename($path)) ])
		  if $path =~ /topo-t(\d+)-/ && !process_lives($1);
	}
	foreach my $dir (split /\n/, (run_command([ root_command('ls', $bpffs) ]))[0])
	{
		next unless $dir =~ /^topology-test-(\d+)-/ && !process_lives($1);
		run_command([ root_command($dir =~ /-writer$/ ? ('rm', '-f') : (agent(), 'unpin', '--dir'), "$bpffs/$dir") ]);
	}
	return;
}

# exit() in a handler runs the END blocks, which a signal alone does not.
$SIG{$_} = sub { exit 1 }
  foreach qw(HUP INT TERM);

END
{
	my $status = $?;

	Topology::Program::end_all();
	run_command([ root_command('rm', '-f', @programs) ]) if @programs;
	run_command([ root_command(agent(), 'unpin', '--dir', $_) ]) foreach @pinned;
	run_command([ root_command('ip', 'netns', 'delete', $_) ]) foreach @namespaces;
	run_command([ root_command('rmdir', $_) ]) foreach @cgroups;
	$? = $status;
}

1;
