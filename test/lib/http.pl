#!/usr/bin/perl
#
# HTTP of known totals, for what reads it on the way: proxies.
#
#	http.pl serve --address A --port P [--down C]
#	http.pl call --address A --port P [--path /] [--count N] [--steps]
#
# Every request names its caller, and every body has C bytes.  call makes N
# requests, each on a connection of its own; with --steps it does so at each line
# "step", and any other line is the end.  serve answers until it is told to end,
# by a line on standard input or by the end of it, and keeps connections open for
# those that want it.
#
# Both say when they are ready ("ready", "stepped") and print what they have done
# as JSON when they end; a server also how many requests each caller made.  --name
# is the name of the process, and of the caller.
#
use strict;
use warnings;
use Errno qw(ECONNRESET);
use Getopt::Long;
use IO::Select;
use IO::Socket::IP;
use JSON::PP;
use Socket qw(SOCK_STREAM SOMAXCONN);

my %done = (connections => 0, failed => 0, requests => 0, sent => 0, received => 0);
my %option = (count => 1, path => '/', down => 1000, name => 'http');

sub say_now
{
	my ($line) = @_;

	syswrite(STDOUT, "$line\n") or die "cannot write: $!";
	return;
}

sub send_all
{
	my ($socket, $data) = @_;

	while (length $data)
	{
		my $sent = syswrite($socket, $data) or die "cannot send: $!";

		$done{sent} += $sent;
		substr($data, 0, $sent, '');
	}
	return;
}

# Adds to $$data; false at the end of the connection, which proxies reset when they
# are done with it.
sub receive
{
	my ($socket, $data) = @_;
	my $got = sysread($socket, $$data, 65536, length $$data);

	return 0 if !defined $got && $! == ECONNRESET;
	die "cannot receive: $!" unless defined $got;
	$done{received} += $got;
	return $got;
}

# Answer all requests that are whole.  False: the client wants no more.
sub answer
{
	my ($socket, $data) = @_;

	while ($$data =~ s/\A(.*?)\r\n\r\n//s)
	{
		my $head = $1;
		my ($caller) = $head =~ /^X-Caller: *(\S+)/mi or die "a request of nobody: $head";

		$done{requests}++;
		$done{callers}{$caller}++;
		send_all($socket, "HTTP/1.1 200 OK\r\nContent-Length: $option{down}\r\n\r\n" . 'x' x $option{down});
		return 0 if $head =~ /^Connection: *close/mi || $head =~ m{ HTTP/1\.0\r};
	}
	return 1;
}

sub serve
{
	my $listener = IO::Socket::IP->new(
		LocalHost => $option{address},
		LocalPort => $option{port},
		Type => SOCK_STREAM,
		ReuseAddr => 1,
		Listen => SOMAXCONN) or die "cannot listen: $@";
	my $ready = IO::Select->new($listener, \*STDIN);
	my %data;

	say_now('ready');
	while (1)
	{
		foreach my $socket ($ready->can_read)
		{
			return if $socket == \*STDIN;
			if ($socket == $listener)
			{
				my $connection = $listener->accept or next;
				$done{connections}++;
				$data{$connection} = '';
				$ready->add($connection);
			}
			elsif (!receive($socket, \$data{$socket}) || !answer($socket, \$data{$socket}))
			{
				delete $data{$socket};
				$ready->remove($socket);
				close $socket;
			}
		}
	}
	return;
}

sub request
{
	my $socket = IO::Socket::IP->new(PeerHost => $option{address}, PeerPort => $option{port}, Type => SOCK_STREAM)
	  or die "cannot connect: $@";
	my $answer = '';

	$done{connections}++;
	send_all($socket, "GET $option{path} HTTP/1.1\r\nHost: test\r\nX-Caller: $option{name}\r\nConnection: close\r\n\r\n");
	1 while receive($socket, \$answer);
	die "not answered: $answer"
	  unless $answer =~ m{\AHTTP/1\.[01] 200 .*^Content-Length: *(\d+)(?=\r).*?\r\n\r\n(x*)\z}msi && length $2 == $1;
	$done{requests}++;
	close $socket;
	return;
}

sub call
{
	if (!$option{steps})
	{
		request() foreach 1 .. $option{count};
		return;
	}
	say_now('ready');
	while (my $command = <STDIN>)
	{
		last if $command ne "step\n";
		request() foreach 1 .. $option{count};
		say_now('stepped');
	}
	return;
}

# a test that was killed leaves nothing behind for long
alarm 120;
GetOptions(\%option, 'address=s', 'port=i', 'path=s', 'count=i', 'down=i', 'steps', 'name=s')
  or die 'wrong usage';
my $mode = shift @ARGV // '';
if ($mode eq 'serve') { serve() }
elsif ($mode eq 'call') { call() }
else { die 'serve or call?' }
say_now(encode_json(\%done));
