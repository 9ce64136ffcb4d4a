#!/usr/bin/perl
#
# Traffic of known totals, for tests of the capture.
#
#	workload.pl serve --address A --port P [--up B] [--down C] [--udp]
#	workload.pl call --address A --port P [--ports M] [--count N] [--up B] [--down C]
#	                 [--udp [--unconnected]] [--hold | --on] [--refused] [--pause SECONDS]
#	                 [--again A:P]
#
# An exchange is B bytes to the server and C bytes back.  serve answers any
# number of exchanges until it is told to end, by a line on standard input or by
# the end of it.  call makes N connections (for UDP: one socket, N exchanges)
# with one exchange each; with --on it goes on until it is told to end; with
# --hold all N stay open, each line "step" is one more exchange on each of them,
# and any other the end; with --refused each connect must be refused; with --ports M
# the calls go to M ports in turn, from P on.  With --unconnected the socket is
# given the address with each datagram; with --again A:P the socket then ends its
# connection and makes one to there.
#
# Both say when they are ready ("ready", "open", "stepped") and print what they
# have done as JSON when they end.  --name is the name of the process.
#
use strict;
use warnings;
use Errno qw(ECONNREFUSED EINTR);
use Getopt::Long;
use IO::Select;
use IO::Socket::IP;
use Socket qw(AF_INET AF_INET6 AF_UNSPEC SOCK_DGRAM SOCK_STREAM SOMAXCONN inet_pton pack_sockaddr_in pack_sockaddr_in6);
use Time::HiRes qw(sleep);

my %done = (connections => 0, failed => 0, sent => 0, received => 0);
my $calls = 0;
my %option = (ports => 1, count => 1, up => 100, down => 1000, pause => 0, name => 'workload');

sub say_now
{
	my ($line) = @_;

	syswrite(STDOUT, "$line\n") or die "cannot write: $!";
	return;
}

# Not by $0, which would write over the environment, where the capture reads.
sub set_name
{
	my ($name) = @_;

	open my $comm, '>', '/proc/self/comm' or die "cannot set the name: $!";
	print $comm $name;
	close $comm;
	return;
}

sub report
{
	say_now(sprintf '{%s}', join ',', map { qq("$_":$done{$_}) } sort keys %done);
	return;
}

sub send_bytes
{
	my ($socket, $count) = @_;

	while ($count > 0)
	{
		my $sent = syswrite($socket, 'x' x ($count < 65536 ? $count : 65536));

		next if !defined $sent && $! == EINTR;
		die "cannot send: $!" unless $sent;
		$done{sent} += $sent;
		$count -= $sent;
	}
	return;
}

# Returns how many came; 0 at the end of the connection.
sub receive_bytes
{
	my ($socket, $most) = @_;
	my $got;

	do { $got = sysread($socket, my $data, $most) } while (!defined $got && $! == EINTR);
	die "cannot receive: $!" unless defined $got;
	$done{received} += $got;
	return $got;
}

sub receive_all
{
	my ($socket, $count) = @_;

	while ($count > 0)
	{
		my $got = receive_bytes($socket, $count < 65536 ? $count : 65536)
		  or die 'the connection ended early';
		$count -= $got;
	}
	return;
}

sub socket_address
{
	my ($address, $port) = @_;
	my $ip6 = $address =~ /:/;
	my $ip = inet_pton($ip6 ? AF_INET6 : AF_INET, $address);

	return $ip6 ? pack_sockaddr_in6($port, $ip) : pack_sockaddr_in($port, $ip);
}

# The same socket to another server, once its connection has ended in order.
sub connect_again
{
	my ($socket) = @_;
	my ($address, $port) = $option{again} =~ /^(.*):(\d+)$/;

	shutdown($socket, 1) && receive_bytes($socket, 1) == 0 or die 'the connection did not end';
	connect($socket, pack('S x14', AF_UNSPEC)) or die "cannot disconnect: $!";
	connect($socket, socket_address($address, $port)) or die "cannot connect again: $!";
	$done{connections}++;
	return;
}

# A socket for datagrams that has no peer.
sub loose_socket
{
	socket(my $socket, $option{address} =~ /:/ ? AF_INET6 : AF_INET, SOCK_DGRAM, 0) or die "cannot make a socket: $!";
	$done{connections}++;
	return $socket;
}

sub exchange
{
	my ($socket) = @_;

	if ($option{unconnected})
	{
		$done{sent} += send($socket, 'x' x $option{up}, 0, socket_address(@option{qw(address port)})) // die "cannot send: $!";
	}
	else
	{
		send_bytes($socket, $option{up});
	}
	if ($option{udp})
	{
		receive_bytes($socket, 65536) == $option{down} or die 'a datagram of another size';
	}
	else
	{
		receive_all($socket, $option{down});
	}
	return;
}

sub listening_socket
{
	my $socket = IO::Socket::IP->new(
		LocalHost => $option{address},
		LocalPort => $option{port},
		Type => $option{udp} ? SOCK_DGRAM : SOCK_STREAM,
		ReuseAddr => 1,
		$option{udp} ? () : (Listen => SOMAXCONN)) or die "cannot listen: $@";

	return $socket;
}

# One look at a connection that has something to read.  False: it has ended.
sub serve_connection
{
	my ($socket, $due) = @_;
	my $got = receive_bytes($socket, 65536) or return 0;

	$$due += $got;
	while ($$due >= $option{up})
	{
		$$due -= $option{up};
		send_bytes($socket, $option{down});
	}
	return 1;
}

sub serve_datagram
{
	my ($socket) = @_;

	defined(my $from = recv($socket, my $data, 65536, 0)) or return;
	$done{received} += length $data;
	$done{sent} += send($socket, 'x' x $option{down}, 0, $from) // 0;
	return;
}

sub serve
{
	my $listener = listening_socket();
	my $ready = IO::Select->new($listener, \*STDIN);
	my %due;

	say_now('ready');
	while (1)
	{
		foreach my $socket ($ready->can_read)
		{
			return if $socket == \*STDIN;
			if ($socket == $listener)
			{
				if ($option{udp}) { serve_datagram($listener); next; }
				my $connection = $listener->accept or next;
				$done{connections}++;
				$due{$connection} = 0;
				$ready->add($connection);
			}
			elsif (!serve_connection($socket, \$due{$socket}))
			{
				delete $due{$socket};
				$ready->remove($socket);
				close $socket;
			}
		}
	}
	return;
}

sub connect_once
{
	return loose_socket() if $option{unconnected};
	my $socket = IO::Socket::IP->new(
		PeerHost => $option{address},
		PeerPort => $option{port} + $calls++ % $option{ports},
		Type => $option{udp} ? SOCK_DGRAM : SOCK_STREAM);
	my $code = $! + 0;

	if ($option{refused})
	{
		die 'was not refused' unless !$socket && $code == ECONNREFUSED;
		$done{failed}++;
		return;
	}
	die "cannot connect: $@" unless $socket;
	$done{connections}++;
	return $socket;
}

sub hold
{
	my @sockets = map { connect_once() } 1 .. $option{count};

	say_now('open');
	while (my $command = <STDIN>)
	{
		last if $command ne "step\n";
		exchange($_) foreach @sockets;
		say_now('stepped');
	}
	close $_ foreach @sockets;
	return;
}

sub call
{
	if ($option{udp})
	{
		my $socket = connect_once();
		exchange($socket) foreach 1 .. $option{count};
		return;
	}
	my $told = IO::Select->new(\*STDIN);
	for (my $i = 0; $option{on} ? !$told->can_read(0) : $i < $option{count}; $i++)
	{
		my $socket = connect_once();

		if ($socket)
		{
			exchange($socket);
			connect_again($socket) if $option{again};
			close $socket;
		}
		sleep $option{pause} if $option{pause};
	}
	return;
}

# a test that was killed leaves nothing behind for long
alarm 120;
GetOptions(\%option, 'address=s', 'port=i', 'ports=i', 'count=i', 'up=i', 'down=i', 'udp', 'unconnected', 'hold', 'on', 'refused',
	'pause=f', 'name=s', 'again=s')
  or die 'wrong usage';
set_name($option{name});
my $mode = shift @ARGV // '';
if ($mode eq 'serve') { serve() }
elsif ($mode eq 'call') { $option{hold} ? hold() : call() }
else { die 'serve or call?' }
report();
