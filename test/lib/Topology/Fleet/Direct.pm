# What the simulated fleet does with nothing between caller and callee.  Each
# kind has callees of its own, so that an edge tells its kind.
package Topology::Fleet::Direct;

use strict;
use warnings;

sub live
{
	my ($fleet) = @_;

	plain($fleet);
	scopes($fleet);
	shared_hosts($fleet);
	one_end($fleet);
	outside($fleet);
	loopback($fleet);
	unclear($fleet);
	in_vain($fleet);
	churn($fleet);
	return;
}

# Calls of some callers to an app; of: as for call(), and with: of each connection.
sub calls
{
	my ($fleet, $kind, $callers, $app, $count, %of) = @_;
	my $with = delete $of{with} // {};

	foreach (1 .. $fleet->often($count))
	{
		my $server = $fleet->one_of($app->{instances});

		$fleet->call($kind, $fleet->one_caller($callers), $server, connection => $fleet->connection(%$with), %of);
	}
	return;
}

# Services of a kind, each with its callers.
sub services
{
	my ($fleet, $kind, $count, %of) = @_;
	my $callers = $of{callers} // $fleet->callers($of{scope} // '');

	foreach (1 .. $fleet->scaled($count))
	{
		calls($fleet, $kind, [ $fleet->some_of(1 + $fleet->below(6), $callers) ], $fleet->new_app(%of), $of{calls} // 150,
			with => $of{with});
	}
	return;
}

sub plain
{
	my ($fleet) = @_;

	services($fleet, 'direct', 60);
	services($fleet, 'udp', 8, with => { proto => 'udp' });
	my $callers = [ map { $fleet->new_app(prefix => 'fd00') } 1 .. 4 ];
	services($fleet, 'ipv6', 8, prefix => 'fd00', callers => $callers);
	return;
}

# Two networks with the addresses of the first.
sub scopes
{
	my ($fleet) = @_;

	services($fleet, 'scoped', 10, scope => $_) foreach qw(vpc-1 vpc-2);
	return;
}

# Containers on the address of their host, told apart by port.
sub shared_hosts
{
	my ($fleet) = @_;
	my @hosts = map { { address => $fleet->new_address('', '10.100'), agent => $fleet->new_agent } } 1 .. $fleet->scaled(20);
	my @apps = map { { name => "shared$_", instances => [] } } 1 .. 2 * @hosts;

	foreach my $i (0 .. 4 * @hosts - 1)
	{
		my $app = $apps[ $i % @apps ];

		push @{ $app->{instances} }, $fleet->workload(%{ $hosts[ $fleet->below(scalar @hosts) ] },
			app => $app->{name}, port => 30000 + $i);
	}
	calls($fleet, 'shared_host', [ $fleet->some_of(3, $fleet->callers('')), $fleet->one_of(\@apps) ], $_, 60) foreach @apps;
	return;
}

# Only one end has an agent; what the inventory knows of the other has a name.
sub one_end
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');

	foreach (1 .. $fleet->scaled(10))
	{
		my @known = map { $fleet->new_app(dark => 1, clusters => 0) } 1, 2;
		my $unknown = { instances => [ map { $fleet->silent_end($fleet->new_address('', '10.101')) } 1 .. 3 ] };

		foreach my $app (@known)
		{
			$fleet->know("SELECT topo.set_node('app', '$app->{name}')");
			$fleet->know_address($_, $app->{name}) foreach @{ $app->{instances} };
		}
		calls($fleet, 'server_dark', [ $fleet->some_of(3, $callers) ], $known[0], 60);
		calls($fleet, 'server_unknown', [ $fleet->some_of(3, $callers) ], $unknown, 40);
		calls($fleet, 'client_dark', [ $known[1] ], $fleet->new_app, 60);
		calls($fleet, 'client_unknown', [$unknown], $fleet->new_app, 40);
		caller_only($fleet, $callers);
	}
	return;
}

# An app that is known by its own calls alone: what it serves it does not report.
sub caller_only
{
	my ($fleet, $callers) = @_;
	my $app = $fleet->new_app;
	my $backend = $fleet->new_app(instances => 2);

	foreach my $instance (@{ $app->{instances} })
	{
		calls($fleet, 'direct', [ { instances => [$instance] } ], $backend, 12);
	}
	calls($fleet, 'caller_only', [ $fleet->some_of(2, $callers) ],
		{ instances => [ map { { %$_, agent => undef } } @{ $app->{instances} } ] }, 40);
	return;
}

sub public_address
{
	my ($fleet, $prefix) = @_;

	return sprintf '%s.%d.%d', $prefix, $fleet->below(256), 1 + $fleet->below(254);
}

sub internet_end
{
	my ($fleet) = @_;

	return $fleet->silent_end(public_address($fleet, '81.' . $fleet->below(256)), name => 'external:internet');
}

# The world outside: many callers, and what is called there, partly known by name.
sub outside
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');

	$fleet->know("SELECT topo.set_external('52.10.0.0/16', 'partner')");
	foreach (1 .. $fleet->scaled(8))
	{
		my @ends = (map({ $fleet->silent_end(public_address($fleet, '52.10'), name => 'external:partner') } 1 .. 3),
			map { internet_end($fleet) } 1 .. 5);

		calls($fleet, 'internet_out', [ $fleet->one_of($callers) ], { instances => \@ends }, 60);
	}
	foreach (1 .. $fleet->scaled(4))
	{
		my $app = $fleet->new_app(port => 443);

		$fleet->call('internet_in', internet_end($fleet), $fleet->one_of($app->{instances})) foreach 1 .. $fleet->often(300);
	}
	return;
}

# Loopback means another host on each host.
sub loopback
{
	my ($fleet) = @_;

	foreach (1 .. $fleet->scaled(10))
	{
		my $agent = $fleet->new_agent;
		my %here = (address => '127.0.0.1', agent => $agent, scope => "host:$agent->{host}/netns:4026531840");
		my ($caller, $callee) = map { { instances => [ $fleet->workload(%here, app => 'local' . $fleet->next_of('local')) ] } } 1, 2;

		calls($fleet, 'loopback', [$caller], $callee, 20);
	}
	return;
}

# Two networks with the same addresses, and nothing that tells them apart; agents that
# do not say which end they saw.
sub unclear
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');

	foreach (1 .. $fleet->scaled(3))
	{
		my @addresses = map { $fleet->new_address('', '10.102') } 1 .. 3;

		foreach (1, 2)
		{
			my @own = @addresses;
			my $app = $fleet->new_app(instances => 3, address => sub { shift @own });

			calls($fleet, 'overlap', [ $fleet->some_of(2, $callers) ], $app, 40);
		}
	}
	services($fleet, 'no_role', 6, with => { no_role => 1 });
	return;
}

# Connections that come to nothing: nobody listens, nobody is there, a scan of ports.
sub in_vain
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');
	my @there = map { @{ $fleet->new_app->{instances} } } 1 .. $fleet->scaled(4);

	foreach my $end (@there)
	{
		foreach (1 .. 8)
		{
			my $target = $fleet->below(2) ? $fleet->silent_end($end->{address}) : $fleet->silent_end($fleet->new_address('', '10.103'));

			$fleet->call('failed', $fleet->one_caller($callers), $target, port => 8099, connection => $fleet->failed_connection);
		}
	}
	my $scanner = $fleet->one_caller([ $fleet->new_app(instances => 1) ]);
	my $begins = $fleet->real(600);

	foreach my $i (1 .. $fleet->often($fleet->scaled(3000)))
	{
		my $target = $fleet->silent_end($i % 3 ? $fleet->new_address('', '10.104') : $fleet->one_of(\@there)->{address});

		$fleet->call('scan', $scanner, $target, port => 1 + $fleet->below(1024),
			connection => $fleet->failed_connection(begins => $begins + $i / 100));
	}
	return;
}

# A tenant of an address from now on, for a while.
sub tenant
{
	my ($fleet, $address, $from) = @_;
	my $name = 'guest' . (1 + $fleet->below($fleet->scaled(60)));

	return { from => $from, until => $from + 30 + $fleet->real(200),
		%{ $fleet->workload(app => $name, cluster => "$name-v" . (1 + $fleet->below(2)), address => $address, agent => $fleet->new_agent) } };
}

# A call to a tenant.  If he leaves before it ends, the caller does not learn of it,
# and goes on trying for up to two minutes.
sub call_tenant
{
	my ($fleet, $kind, $client, $tenant) = @_;
	my $begins = $tenant->{from} + $fleet->real($tenant->{until} - $tenant->{from});
	my $lasts = $fleet->duration;
	my $left = $tenant->{until} - $begins;

	$fleet->call($kind, $client, $tenant, connection => $fleet->connection(begins => $begins, lasts => $lasts < $left ? $lasts : $left));
	return if $lasts < $left;
	$fleet->call($kind, $client, { %$tenant, agent => undef }, connection => $fleet->connection(
		begins => $tenant->{until}, lasts => 5 + $fleet->real(120), connections => 0, sent => $fleet->below(3000), received => 0));
	return;
}

# Addresses that pass from app to app, within seconds or minutes; sometimes to
# somebody without an agent.
sub churn
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');
	my $stable = $fleet->new_app(instances => 4);

	foreach my $slot (1 .. $fleet->scaled(100))
	{
		my $address = $fleet->new_address('', '10.200');
		my $at = $fleet->real(60);

		while ($at < Topology::Fleet::SPAN() - 250)
		{
			my $tenant = tenant($fleet, $address, $at);

			call_tenant($fleet, 'churn', $fleet->one_caller($callers), $tenant) foreach 1 .. 6;
			$fleet->call('churn_caller', $tenant, $fleet->one_of($stable->{instances}),
				connection => $fleet->connection(begins => $at + $fleet->real(25), lasts => $fleet->real(5)))
			  foreach 1 .. 3;
			$at = $tenant->{until} + ($fleet->below(2) ? 0.5 + $fleet->real(5) : $fleet->real(90));
		}
		dark_tenant($fleet, $callers, $stable, $address, $at) if $slot % 10 == 0;
	}
	return;
}

sub dark_tenant
{
	my ($fleet, $callers, $stable, $address, $at) = @_;
	my $tenant = { from => $at, until => $at + 100, %{ $fleet->silent_end($address) } };

	foreach (1 .. 6)
	{
		call_tenant($fleet, 'churn_dark', $fleet->one_caller($callers), $tenant);
		$fleet->call('churn_dark', $tenant, $fleet->one_of($stable->{instances}),
			connection => $fleet->connection(begins => $at + $fleet->real(90), lasts => $fleet->real(5)));
	}
	return;
}

1;
