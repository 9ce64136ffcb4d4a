# What the simulated fleet does through load balancers, proxies, gateways, virtual
# addresses and NAT.  Each kind has intermediaries of its own.
package Topology::Fleet::Between;

use strict;
use warnings;
use Topology::Fleet::Direct;

sub live
{
	my ($fleet) = @_;

	balancers($fleet);
	half_seen($fleet);
	chains($fleet);
	egress($fleet);
	impure($fleet);
	virtual_addresses($fleet);
	translations($fleet);
	redirections($fleet);
	return;
}

# An intermediary; managed: nobody reports from there.
sub box
{
	my ($fleet, $type, $kind, %of) = @_;
	my $name = $of{name} // $type . $fleet->next_of('box');
	# set_intermediary() knows of no scopes, so no two may have the same address
	my $address = $fleet->new_address('', '10.150');
	my $box = $fleet->workload(app => 'haproxy', address => $address, scope => $of{scope}, port => 443,
		agent => $of{managed} ? undef : $fleet->new_agent);

	@$box{qw(name type forms)} = ($name, $type, ["intermediary:$name"]);
	$fleet->know("SELECT topo.set_intermediary('$name', '$type', '$address')");
	$fleet->know_address($box, "intermediary:$name") if $of{scope};
	$fleet->truth->{kind}{"intermediary:$name"} = $kind;
	return $box;
}

# What stands behind a port of it.
sub declare
{
	my ($fleet, $box, $port, @apps) = @_;
	my $backends = join ',', map { $_->{name} } @apps;

	$fleet->know("SELECT topo.set_node('app', '$_->{name}')") foreach @apps;
	$fleet->know("SELECT topo.set_intermediary('$box->{name}', '$box->{type}', '$box->{address}', $port, '{$backends}')");
	return;
}

# A connection through boxes: each [box, port].  Each hop is a connection of its own,
# a little later; a proxy adds to what it passes on.
sub through
{
	my ($fleet, $kind, $client, $boxes, $server, $connection) = @_;
	my ($from, $lag) = ($client, 0);
	my $part = $connection // $fleet->connection;
	my $whole = $part;

	foreach my $next (@$boxes, [ $server, $server->{port} ])
	{
		$fleet->hop($part, $from, $next->[0], port => $next->[1], lag => $lag);
		$part = { %$part, sent => $part->{sent} + 60 };
		$lag += 0.0003 + $fleet->real(0.003);
		$from = $next->[0];
	}
	$fleet->happened($whole, $kind, [ $client->{forms}, map({ $_->[0]{forms} } @$boxes), $server->{forms} ]);
	return;
}

# Calls of callers through a box; each caller is served by one of the apps, or by any.
sub serve
{
	my ($fleet, $kind, $callers, $box, $apps, %of) = @_;

	foreach (1 .. $fleet->often($of{calls} // 120))
	{
		my $caller = $fleet->one_of($callers);
		my $app = $of{any} ? $fleet->one_of($apps) : $apps->[ ($caller->{number} // 0) % @$apps ];

		through($fleet, $kind, $fleet->one_of($caller->{instances}), [ [ $box, $of{port} // 443 ] ], $fleet->one_of($app->{instances}));
	}
	return;
}

sub apps
{
	my ($fleet, $count, %of) = @_;

	return map { $fleet->new_app(clusters => 1, instances => 3, %of) } 1 .. $count;
}

sub balancers
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');
	my $some = sub { return [ $fleet->some_of($_[0], $callers) ] };

	foreach my $calls (map { (15, 120, 300) } 1 .. $fleet->scaled(3))
	{
		serve($fleet, 'lb_one_app', $some->(4), box($fleet, 'load_balancer', 'lb_one_app'), [ apps($fleet, 1) ], calls => $calls);
		serve($fleet, 'lb_clusters', $some->(4), box($fleet, 'load_balancer', 'lb_clusters'), [ apps($fleet, 1, clusters => 2) ], calls => $calls);
		serve($fleet, 'lb_one_client', [ apps($fleet, 1) ], box($fleet, 'proxy', 'lb_one_client'), [ apps($fleet, 3) ], any => 1, calls => $calls);
		serve($fleet, 'lb_path', $some->(5), box($fleet, 'proxy', 'lb_path'), [ apps($fleet, 3) ], calls => $calls);
		listeners($fleet, $callers, $calls);
	}
	serve($fleet, 'lb_hub', $some->(60), box($fleet, 'gateway', 'lb_hub'), [ apps($fleet, 20) ], calls => 3000 * $fleet->{scale});
	in_scope($fleet);
	two_hosts($fleet, $some->(3));
	foreach (1 .. $fleet->scaled(3))
	{
		pool($fleet, 'lb_pooled', $some->(4), apps($fleet, 1));
		pool($fleet, 'lb_pooled_path', $some->(4), apps($fleet, 3));
	}
	return;
}

# Three listeners, each with backends of its own, as declared.
sub listeners
{
	my ($fleet, $callers, $calls) = @_;
	my $box = box($fleet, 'load_balancer', 'lb_declared');

	foreach my $port (8001 .. 8003)
	{
		my ($app) = apps($fleet, 1);

		declare($fleet, $box, $port, $app);
		serve($fleet, 'lb_declared', [ $fleet->some_of(4, $callers) ], $box, [$app], port => $port, calls => $calls / 2);
	}
	return;
}

sub in_scope
{
	my ($fleet) = @_;

	foreach my $scope (qw(vpc-1 vpc-2))
	{
		serve($fleet, 'lb_scoped', [ $fleet->some_of(4, $fleet->callers($scope)) ], box($fleet, 'load_balancer', 'lb_scoped', scope => $scope),
			[ apps($fleet, 1, scope => $scope) ]);
	}
	return;
}

# One load balancer of two hosts.
sub two_hosts
{
	my ($fleet, $callers) = @_;
	my $name = 'pair' . $fleet->next_of('box');
	my @apps = apps($fleet, 1);

	serve($fleet, 'lb_pair', $callers, box($fleet, 'load_balancer', 'lb_pair', name => $name), \@apps) foreach 1, 2;
	return;
}

# A proxy that keeps its connections to the backends open, and passes on each call
# over one of these: a report of it tells of all since the last one, which may be long ago.
# Each caller is served by one of the apps.
sub pool
{
	my ($fleet, $kind, $callers, @apps) = @_;
	my $box = box($fleet, 'proxy', $kind);
	my $opened = $fleet->real(20);
	my %calls;

	foreach (1 .. $fleet->often(150))
	{
		my $call = $fleet->connection(begins => $opened + 1 + $fleet->real(700), lasts => $fleet->real(0.3));
		my $caller = $fleet->one_of($callers);
		my $client = $fleet->one_of($caller->{instances});
		my $app = $caller->{number} % @apps;
		my $backend = $fleet->below(scalar @{ $apps[$app]{instances} });

		$fleet->hop($call, $client, $box);
		$fleet->happened($call, $kind, [ $client->{forms}, $box->{forms}, $apps[$app]{instances}[$backend]{forms} ]);
		push @{ $calls{"$app $backend"} }, [ $call, $client->{forms} ];
	}
	foreach my $to (sort keys %calls)
	{
		my ($app, $backend) = split / /, $to;

		pooled($fleet, $box, $apps[$app]{instances}[$backend], $opened, $calls{$to});
	}
	return;
}

# What both ends of a pooled connection report: at a tick, if it has carried something
# since the last one, or for thirty seconds nothing.
sub pooled
{
	my ($fleet, $box, $server, $opened, $calls) = @_;
	my $port = 32768 + $fleet->below(28000);

	foreach my $end ([ $box, 'client', $port, [ @$server{qw(address port)} ] ], [ $server, 'server', $server->{port}, [ $box->{address}, $port ] ])
	{
		my ($of, $role, $local, $peer) = @$end;
		my @calls = sort { $a->[0]{begins} <=> $b->[0]{begins} } @$calls;
		my ($since, $first) = ($opened, 1);

		for (my $tick = $of->{agent}{phase}; $tick < Topology::Fleet::SPAN(); $tick += Topology::Fleet::TICK())
		{
			next if $tick <= $opened;
			my @told;
			push @told, shift @calls while @calls && $calls[0][0]{begins} < $tick;
			next unless @told || $tick - $since >= 30;
			my %part = (begins => $since, ends => $tick, connections => $first, failed => 0, proto => 'tcp', windows => {}, sent => 0, received => 0);

			foreach my $call (map { $_->[0] } @told)
			{
				$part{$_} += $call->{$_} foreach qw(sent received);
			}
			tell_part($fleet, \%part, $of, $role, $local, $peer);
			seen($fleet, \%part, [ map { $_->[1] } @told ], $box, $server);
			($since, $first) = ($tick, 0);
		}
	}
	return;
}

# One record, whatever the ticks.
sub tell_part
{
	my ($fleet, $part, $end, $role, $port, $peer) = @_;
	my ($tx, $rx) = $role eq 'client' ? qw(sent received) : qw(received sent);

	$fleet->record($part, $end, [ @$part{qw(begins ends)} ], sprintf
		'"role":"%s","local":%s,"peer":{"ip":"%s","port":%d},"tx_bytes":%d,"rx_bytes":%d,"connections":%d,"failed":0',
		$role, sprintf($end->{local}, $port), @$peer, @$part{ $tx, $rx, 'connections' });
	return;
}

# In the windows of a record of a pooled connection, these callers may be seen to call.
sub seen
{
	my ($fleet, $part, $callers, $box, $server) = @_;
	my $truth = $fleet->truth;

	foreach my $window (keys %{ $part->{windows} })
	{
		foreach my $to (@{ $server->{forms} })
		{
			$truth->{open}{"$window\t$_\t$to"} //= $truth->{kind}{ $box->{forms}[0] } foreach $box->{forms}[0], map { @$_ } @$callers;
		}
	}
	return;
}

# Only some of the ends report.
sub half_seen
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');

	foreach (1 .. $fleet->scaled(4))
	{
		my @some = $fleet->some_of(4, $callers);
		my $nobody = [ { instances => [ map { $fleet->silent_end($fleet->new_address('', '10.105')) } 1 .. 3 ] } ];
		my $internet = [ { instances => [ map { Topology::Fleet::Direct::internet_end($fleet) } 1 .. 200 ] } ];
		my ($dark) = apps($fleet, 1, dark => 1, clusters => 0);

		$fleet->know("SELECT topo.set_node('app', '$dark->{name}')");
		$fleet->know_address($_, $dark->{name}) foreach @{ $dark->{instances} };
		serve($fleet, 'lb_managed', \@some, box($fleet, 'load_balancer', 'lb_managed', managed => 1), [ apps($fleet, 1) ]);
		serve($fleet, 'lb_managed_path', \@some, box($fleet, 'load_balancer', 'lb_managed_path', managed => 1), [ apps($fleet, 3) ]);
		serve($fleet, 'lb_internet', $internet, box($fleet, 'load_balancer', 'lb_internet'), [ apps($fleet, 1) ], calls => 200);
		serve($fleet, 'lb_client_unknown', $nobody, box($fleet, 'load_balancer', 'lb_client_unknown'), [ apps($fleet, 1) ]);
		serve($fleet, 'lb_backend_dark', \@some, box($fleet, 'load_balancer', 'lb_backend_dark'), [$dark]);
		blind($fleet, $nobody);
	}
	return;
}

# Only the backends report: who calls is not seen.
sub blind
{
	my ($fleet, $callers) = @_;
	my $box = box($fleet, 'load_balancer', 'lb_blind', managed => 1);
	my ($app) = apps($fleet, 1);

	$fleet->call('lb_blind', $box, $fleet->one_of($app->{instances})) foreach 1 .. $fleet->often(40);
	return;
}

sub chains
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');

	foreach (1 .. $fleet->scaled(3))
	{
		my ($edge, $inner) = map { box($fleet, $_, 'chain_one') } qw(gateway load_balancer);
		my ($first, @second) = map { box($fleet, $_, 'chain_path') } qw(gateway proxy proxy);
		my ($one, $other) = map { box($fleet, 'proxy', 'loop') } 1, 2;
		my ($app, $behind, @apps) = apps($fleet, 6);
		my @some = $fleet->some_of(5, $callers);

		foreach (1 .. $fleet->often(120))
		{
			my $caller = $fleet->one_of(\@some);
			my $route = $caller->{number} % 4;
			my $client = $fleet->one_of($caller->{instances});

			through($fleet, 'chain_one', $client, [ [ $edge, 443 ], [ $inner, 80 ] ], $fleet->one_of($app->{instances}));
			through($fleet, 'chain_path', $client, [ [ $first, 443 ], [ $second[ $route % 2 ], 80 ] ], $fleet->one_of($apps[$route]{instances}));
			through($fleet, 'loop', $client, [ [ $one, 443 ], [ $other, 80 ], [ $one, 444 ] ], $fleet->one_of($behind->{instances}))
			  if $_ % 3 == 0;
		}
	}
	return;
}

# Out into the world through a proxy: to one place, or to several.
sub egress
{
	my ($fleet) = @_;
	my $callers = $fleet->callers('');

	foreach my $places (map { (1, 2) } 1 .. $fleet->scaled(2))
	{
		my $kind = $places == 1 ? 'egress_one' : 'egress';
		my $box = box($fleet, 'gateway', $kind);
		my @caller = $fleet->some_of(3, $callers);
		my @place = (
			map({ $fleet->silent_end(Topology::Fleet::Direct::public_address($fleet, '52.10'), name => 'external:partner') } 1 .. 3),
			$places > 1 ? map { Topology::Fleet::Direct::internet_end($fleet) } 1 .. 3 : ());

		through($fleet, $kind, $fleet->one_caller(\@caller), [ [ $box, 3128 ] ], $fleet->one_of(\@place)) foreach 1 .. $fleet->often(150);
	}
	return;
}

# A proxy that also does something of its own: asks its backends how they are, or answers
# by itself.
sub impure
{
	my ($fleet) = @_;

	foreach (1 .. $fleet->scaled(3))
	{
		my ($asking, $refusing) = map { box($fleet, 'load_balancer', $_) } qw(lb_health lb_refuses);
		my ($client, $stranger, $app, $idle, $other) = apps($fleet, 5);

		serve($fleet, 'lb_health', [$client], $asking, [$app], calls => 60);
		foreach my $server (map { @{ $_->{instances} } } $app, $idle)
		{
			$fleet->call('lb_health', $asking, $server, connection => $fleet->connection(begins => $_ * 10, lasts => 0.01, sent => 90, received => 30))
			  foreach 1 .. 75;
		}
		serve($fleet, 'lb_refuses', [$client], $refusing, [$other], calls => 60);
		$fleet->call('lb_refuses', $fleet->one_of($stranger->{instances}), $refusing,
			connection => $fleet->connection(lasts => 0.01, sent => 400, received => 150)) foreach 1 .. $fleet->often(30);
	}
	return;
}

# A virtual address is translated on the way; only where the client's host tells to
# what (the tuple) does its record show it.
sub virtually
{
	my ($fleet, $kind, $callers, $app, %of) = @_;
	my $address = $of{address};

	foreach (1 .. $fleet->often($of{calls} // 100))
	{
		my $connection = $fleet->connection;
		my $client = $fleet->one_caller($callers);
		my $server = $fleet->one_of($app->{instances});

		$fleet->hop($connection, $client, $server, at => [ $address->{address}, 80 ],
			nat => $of{tuple} ? qq(,"nat":{"peer_ip":"$server->{address}","peer_port":$server->{port}}) : undef);
		$fleet->happened($connection, $kind, [ $client->{forms}, $address->{forms}, $of{unknown} ? () : $server->{forms} ], [ [ 0, 1 ], [ 0, -1 ] ]);
	}
	return;
}

sub virtual_addresses
{
	my ($fleet) = @_;
	my $new = sub { return box($fleet, 'virtual_address', $_[0], managed => 1) };

	foreach (1 .. $fleet->scaled(4))
	{
		my @some = $fleet->some_of(4, $fleet->callers(''));
		my ($dark, $darker) = apps($fleet, 2, dark => 1, clusters => 0);
		my ($app, @two) = apps($fleet, 3);
		my $mixed = $fleet->new_app(clusters => 2);
		my %at = map { $_ => $new->($_) } qw(vip_join vip_mixed vip_declared vip_unknown);

		virtually($fleet, 'vip_tuple', \@some, $fleet->new_app(clusters => 2), address => $new->('vip_tuple'), tuple => 1);
		virtually($fleet, 'vip_join', \@some, $_, address => $at{vip_join}) foreach @two;
		virtually($fleet, 'vip_mixed', \@some, $mixed, address => $at{vip_mixed});
		Topology::Fleet::Direct::calls($fleet, 'vip_mixed', [ @some[ 0, 1 ] ], $mixed, 60);
		declare($fleet, $at{vip_declared}, 80, $dark);
		$fleet->know_address($_, $dark->{name}) foreach @{ $dark->{instances} };
		virtually($fleet, 'vip_declared', \@some, $dark, address => $at{vip_declared});
		virtually($fleet, 'vip_unknown', \@some, $darker, address => $at{vip_unknown}, unknown => 1);
	}
	return;
}

# A call that leaves a network through NAT: the server sees that.
sub masqueraded
{
	my ($fleet, $kind, $callers, $app, %of) = @_;
	my $nat = $of{through};

	foreach (1 .. $fleet->often($of{calls} // 100))
	{
		my $connection = $fleet->connection;
		my $client = $fleet->one_caller($callers);
		my $server = $fleet->one_of($app->{instances});

		$fleet->hop($connection, $client, $server, from => $nat->{address},
			nat => $of{tuple} ? qq(,"nat":{"local_ip":"$nat->{address}","local_port":1024}) : undef);
		if ($client->{agent})
		{
			$fleet->happened($connection, $kind, [ $client->{forms}, $nat->{forms}, $server->{forms} ], [ [ 0, 2 ], [ 1, 2 ] ]);
		}
		else
		{
			$fleet->happened($connection, $kind, [ $nat->{forms}, $server->{forms} ]);
		}
	}
	return;
}

sub translations
{
	my ($fleet) = @_;

	foreach (1 .. $fleet->scaled(4))
	{
		my @some = $fleet->some_of(4, $fleet->callers(''));
		my $dark = { instances => [ map { $fleet->silent_end($fleet->new_address('', '10.106')) } 1 .. 3 ] };
		my ($mixed) = apps($fleet, 1);
		my %at = map { $_ => box($fleet, 'nat', $_, managed => 1) } qw(nat_tuple nat_plain nat_dark nat_mixed);

		masqueraded($fleet, 'nat_tuple', \@some, apps($fleet, 1), through => $at{nat_tuple}, tuple => 1);
		masqueraded($fleet, 'nat_plain', \@some, apps($fleet, 1), through => $at{nat_plain});
		masqueraded($fleet, 'nat_dark', [$dark], apps($fleet, 1), through => $at{nat_dark});
		masqueraded($fleet, 'nat_mixed', \@some, $mixed, through => $at{nat_mixed}, calls => 60);
		masqueraded($fleet, 'nat_mixed', [$dark], $mixed, through => $at{nat_mixed}, calls => 60);
	}
	return;
}

# A call that a forwarder passes on to a server, and tells of: to an address of which
# the server knows nothing; it may hide the caller, too.
sub redirect
{
	my ($fleet, $kind, $client, $server, $connection, %of) = @_;
	my ($at, $forwarder) = @of{qw(at forwarder)};
	my $hides = $of{hides} ? qq("local_ip":"$forwarder->{address}",) : '';
	my $told = $connection->{begins} + 0.00005;

	$fleet->record($connection, $forwarder, [ $told, $told ], sprintf
		'"role":"forwarder","local":{"ip":"%s"},"peer":{"ip":"%s","port":80},"nat":{%s"peer_ip":"%s","peer_port":%d},"connections":1',
		$client->{address}, $at->{address}, $hides, $server->{address}, $server->{port})
	  if $connection->{connections};
	$fleet->hop($connection, $client, $server, at => [ $at->{address}, 80 ], $of{hides} ? (from => $forwarder->{address}) : ());
	$fleet->happened($connection, $kind, [ $client->{forms}, $of{unknown} ? () : $at->{forms}, $server->{forms} ],
		$of{unknown} ? () : [ [ 0, 1 ], [ 0, -1 ] ]);
	# where nothing is told in the window
	my $truth = $fleet->truth;
	my @seen = ([ $client->{forms}[0], "address:$at->{address}" ], $of{hides} ? [ "address:$forwarder->{address}", $server->{forms}[0] ] : ());

	foreach my $pair (@seen)
	{
		$truth->{open}{ join "\t", $_, @$pair } //= $kind foreach keys %{ $connection->{windows} };
	}
	return;
}

# Hosts that forward: to virtual addresses over apps, to tenants that come and go, and
# what is called at their own address, where an app of their own calls and answers.
sub redirections
{
	my ($fleet) = @_;
	my $virtual = sub { return box($fleet, 'virtual_address', $_[0], managed => 1) };

	foreach my $i (1 .. $fleet->scaled(4))
	{
		my @some = $fleet->some_of(4, $fleet->callers(''));
		my ($app, $behind, $own) = apps($fleet, 3);
		my $forwarder = { address => $fleet->new_address('', '10.107'), agent => $fleet->new_agent, scope_field => '' };
		my %neighbour = (address => $fleet->new_address('', '10.107'), agent => $fleet->new_agent);
		my $host = $fleet->workload(app => $own->{name}, address => $forwarder->{address}, port => 80, agent => $forwarder->{agent});

		foreach my $of ([ 'redirected', $app, at => $virtual->('redirected') ], [ 'redirected_hidden', $behind, at => $virtual->('redirected_hidden'), hides => 1 ],
			[ 'redirected_own', $fleet->new_app(clusters => 1), at => $host, hides => $i % 2, unknown => 1 ])
		{
			my ($kind, $to, @how) = @$of;

			redirect($fleet, $kind, $fleet->one_caller(\@some), $fleet->one_of($to->{instances}), $fleet->connection, forwarder => $forwarder, @how)
			  foreach 1 .. $fleet->often(100);
		}
		# two apps of one host call what leads to several
		my @neighbours = map { { instances => [ $fleet->workload(app => $_->{name}, %neighbour) ] } } apps($fleet, 2);
		my $several = $virtual->('redirected_shared');

		redirect($fleet, 'redirected_shared', $fleet->one_caller(\@neighbours), $fleet->one_caller([ $app, $behind ]), $fleet->connection,
			forwarder => $forwarder, at => $several) foreach 1 .. $fleet->often(100);
		Topology::Fleet::Direct::calls($fleet, 'redirected_own', \@some, { instances => [$host] }, 40);
		Topology::Fleet::Direct::calls($fleet, 'redirected_own', [ { instances => [$host] } ], $app, 40);
		tenants($fleet, $_, $forwarder, $virtual->($_), $_ eq 'redirected_churn_hidden') foreach qw(redirected_churn redirected_churn_hidden);
	}
	return;
}

# Addresses behind a virtual one pass from tenant to tenant within seconds.  Who called one
# that has left goes on trying.
sub tenants
{
	my ($fleet, $kind, $forwarder, $virtual, $hides) = @_;
	my $callers = $fleet->callers('');

	foreach (1 .. 3)
	{
		my $address = $fleet->new_address('', '10.108');
		my $at = $fleet->real(60);

		while ($at < Topology::Fleet::SPAN() - 250)
		{
			my $tenant = Topology::Fleet::Direct::tenant($fleet, $address, $at);

			foreach (1 .. 6)
			{
				my $client = $fleet->one_caller($callers);
				my $begins = $at + $fleet->real($tenant->{until} - $at);
				my ($lasts, $left) = ($fleet->duration, $tenant->{until} - $begins);

				redirect($fleet, $kind, $client, $tenant, $fleet->connection(begins => $begins, lasts => $lasts < $left ? $lasts : $left),
					forwarder => $forwarder, at => $virtual, hides => $hides);
				redirect($fleet, $kind, $client, { %$tenant, agent => undef }, $fleet->connection(
					begins => $tenant->{until}, lasts => 5 + $fleet->real(120), connections => 0, sent => $fleet->below(3000), received => 0),
					forwarder => $forwarder, at => $virtual, hides => $hides) if $lasts >= $left;
			}
			$at = $tenant->{until} + 0.5 + $fleet->real(5);
		}
	}
	return;
}

1;
