# HAProxy and nginx on hosts in network namespaces, and the HTTP programs before and
# behind them.
package Topology::Proxy;

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use Topology;

our @EXPORT = qw(need_proxies haproxy nginx http_serve http_call http_steps);

my $http = abs_path(dirname(__FILE__) . '/../http.pl');

# Skip the whole test without the programs; where nothing may be skipped, fail.
sub need_proxies
{
	my @missing = grep { my $name = $_; !grep { -x "$_/$name" } split /:/, $ENV{PATH} } qw(haproxy nginx nft);

	return unless @missing;
	BAIL_OUT("not installed: @missing") if $ENV{TOPOLOGY_REQUIRE_ALL};
	plan skip_all => "not installed: @missing";
	return;
}

# Wait until something listens on a TCP port of a host.
sub listening
{
	my ($host, $port) = @_;
	my $deadline = time + $PostgreSQL::Test::Utils::timeout_default;

	until (on_host($host, 'ss', '-Hltn', "sport = :$port"))
	{
		die "nothing listens on port $port of $host->{name}" if time > $deadline;
		sleep 0.05;
	}
	return;
}

sub config_file
{
	my ($name, $text) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/$name.conf";

	open my $handle, '>', $file or die "cannot write $file: $!";
	print $handle $text;
	close $handle;
	return $file;
}

# The process has a name of its own, which is to be in no edge: its host is an
# intermediary.
sub start_proxy
{
	my ($host, $ports, @command) = @_;
	my $proxy = start_program(in => $host, env => { OTEL_SERVICE_NAME => app("process-of-$host->{name}") }, command => \@command);

	listening($host, $_) foreach @$ports;
	return $proxy;
}

# HAProxy on a host.  Each listener: a hash with port, mode (tcp, http) and to, a
# list of address:port, taken in turn; check: it asks them, many times a second, whether
# they are well.
sub haproxy
{
	my ($host, @listeners) = @_;
	my $config = <<'EOT';
global
	nbthread 1
defaults
	timeout connect 5s
	timeout client 60s
	timeout server 60s
EOT

	foreach my $listener (@listeners)
	{
		my $number = 0;

		$config .= "listen on$listener->{port}\n\tmode $listener->{mode}\n\tbind $host->{ip4}:$listener->{port}\n\tbalance roundrobin\n";
		$config .= "\toption httpchk\n\thttp-check send meth GET uri /health ver HTTP/1.1 hdr X-Caller health hdr Connection close\n"
		  if $listener->{check};
		$config .= sprintf "\tserver s%d %s %s\n", ++$number, $_, $listener->{check} ? 'check inter 100ms' : '' foreach @{ $listener->{to} };
	}
	return start_proxy($host, [ map { $_->{port} } @listeners ],
		'haproxy', '-db', '-f', config_file("haproxy-$host->{name}", $config));
}

# nginx on a host: a reverse proxy on a port, by path, a hash of path to
# address:port; it keeps connections to these open.
sub nginx
{
	my ($host, $port, $paths) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my ($upstreams, $locations) = ('', '');

	foreach my $path (sort keys %$paths)
	{
		my $name = $path =~ s{^/}{}r;

		$upstreams .= "upstream $name { server $paths->{$path}; keepalive 16; }\n";
		$locations .= "location $path { proxy_pass http://$name; proxy_http_version 1.1; proxy_set_header Connection ''; }\n";
	}
	my $temporary = join '', map { "${_}_temp_path $dir/$_;\n" } qw(client_body proxy fastcgi uwsgi scgi);
	my $file = config_file("nginx-$host->{name}", <<"EOT");
daemon off;
master_process off;
pid $dir/pid;
error_log stderr;
events { }
http {
access_log off;
$temporary$upstreams
server { listen $host->{ip4}:$port; $locations }
}
EOT
	return start_proxy($host, [$port], 'nginx', '-e', 'stderr', '-p', $dir, '-c', $file);
}

sub http_program
{
	my ($host, $app, $mode, @arguments) = @_;

	return start_program(
		in => $host,
		env => { OTEL_SERVICE_NAME => app($app) },
		command => [ $^X, $http, $mode, '--name', $app, @arguments ]);
}

# An app that answers on a host and port.
sub http_serve
{
	my ($host, $app, $port, @arguments) = @_;

	return http_program($host, $app, 'serve', '--address', $host->{ip4}, '--port', $port, @arguments)->expect('ready');
}

# Requests to an address and port; returns what the caller counted.
sub http_call
{
	my ($host, $app, $address, $port, @arguments) = @_;

	return http_program($host, $app, 'call', '--address', $address, '--port', $port, @arguments)->finish;
}

# The same by steps; returns the program, ready.
sub http_steps
{
	my ($host, $app, $address, $port, @arguments) = @_;

	return http_program($host, $app, 'call', '--address', $address, '--port', $port, '--steps', @arguments)->expect('ready');
}

1;
