# How a map compares with the truth of a simulated fleet.
#
#	my $score = Topology::Fleet::Score->new($fleet->truth, level => 'app');
#	$score->add($_) foreach @rows;
#	print $score->table;
#
# A row is what the map says of one edge in one window: [window, source, target,
# via (labels, joined by commas), confidence, confidence at the level of apps,
# connections, failed, sent, received].
#
# A row is right if the source called the target in that window, whatever was
# between; open if it is no more than unresolved (an address whose holder is not
# known, an intermediary that is not seen through); else wrong.  In the table, of the
# edges (source and target) of a kind:
#
#	recall		of the true edges, those that are in the map
#	precision	of those in the map that name both ends, the true ones
#	error		bytes missing from true edges or too many there, and bytes of false ones, in
#				proportion to the true bytes
#	via			of the bytes that are right, those with the true intermediaries, in order
#	wrong sure	rows that are wrong with a confidence of 1
package Topology::Fleet::Score;

use strict;
use warnings;

my @counters = qw(connections failed sent received);

sub new
{
	my ($class, $truth, %option) = @_;
	my $self = bless { level => $option{level} // 'cluster', app => $truth->{app}, box => $truth->{kind}, kinds => {} }, $class;

	$self->take_edges($truth->{edge});
	foreach my $set (qw(called open))
	{
		my $of = $truth->{$set};

		$self->{$set} = $self->{level} eq 'cluster' ? $of : { map { $self->at_level($_) => $of->{$_} } keys %$of };
	}
	return $self;
}

sub label
{
	my ($self, $label) = @_;

	return $self->{level} eq 'app' ? $self->{app}{$label} // $label : $label;
}

# "window source target", with the labels of this level.
sub at_level
{
	my ($self, $key) = @_;
	my ($window, @ends) = split /\t/, $key;

	return join "\t", $window, map { $self->label($_) } @ends;
}

# The true edges, and by what a wrong one is put down to a kind.
sub take_edges
{
	my ($self, $edges) = @_;

	foreach my $key (sort keys %$edges)
	{
		my ($source, $target, $via) = split /\t/, $key, -1;
		my $edge = $edges->{$key};
		my $kind = $self->of($edge->{kind});
		my $pair = join "\t", map { $self->label($_) } $source, $target;

		$self->{edge}{"$pair\t$via"} = $edge->{kind};
		$self->{pair}{$pair} = 1;
		$self->{target}{ $self->label($target) } //= $edge->{kind};
		$kind->{bytes}{$pair} += $edge->{sent} + $edge->{received};
		next if $self->is_box($source);
		$kind->{true}{$_} += $edge->{$_} foreach @counters;
	}
	return;
}

sub of { return $_[0]{kinds}{ $_[1] } //= { map({ $_ => {} } qw(bytes map found named true seen sure)), right => 0, via => 0, wrong => [] } }

# An intermediary that passes on what others send to it; what it sends is counted there.
sub is_box { return $_[1] =~ /^intermediary:(?!nat)/ }

sub is_named { return $_[1] !~ /^(?:intermediary|address):/ }

sub kind_of
{
	my ($self, $place, $source, $target, $via) = @_;
	my ($box) = grep { defined } map { $self->{box}{$_} } split(/,/, $via), $source, $target;

	return $self->{edge}{"$source\t$target\t$via"} // $self->{called}{$place} // $self->{open}{$place} // $box
	  // $self->{target}{$target} // 'other';
}

sub add
{
	my ($self, $row) = @_;
	my ($window, $source, $target, $via, $of_clusters, $of_apps, @count) = @$row;
	my $confidence = $self->{level} eq 'app' ? $of_apps : $of_clusters;

	($source, $target) = map { $self->label($_) } $source, $target;
	my ($place, $pair) = ("$window\t$source\t$target", "$source\t$target");
	my $kind = $self->of($self->kind_of($place, $source, $target, $via));
	my $verdict = $self->{called}{$place} ? 'right' : $self->{open}{$place} ? 'open' : 'wrong';
	my $bytes = $count[2] + $count[3];

	$kind->{seen}{ $counters[$_] } += $count[$_] foreach $self->is_box($source) ? () : 0 .. $#counters;
	$kind->{sure}{$verdict}++ if $confidence >= 0.9;
	$kind->{named}{$pair} = 1 if $self->is_named($source) && $self->is_named($target);
	$kind->{found}{$pair} = 1 if exists $kind->{bytes}{$pair};
	$kind->{map}{$pair} += $bytes if $kind->{found}{$pair} || $verdict eq 'wrong';
	if ($verdict eq 'right')
	{
		$kind->{right} += $bytes;
		$kind->{via} += $bytes if $self->{edge}{"$pair\t$via"};
	}
	push @{ $kind->{wrong} }, $row if $verdict eq 'wrong' && $confidence == 1;
	return;
}

# The rows of a kind that are wrong with a confidence of 1.
sub wrong { return @{ $_[0]->of($_[1])->{wrong} } }

# Of the rows with a confidence of 0.9 or more, those that are not wrong.
sub sure_precision
{
	my ($self) = @_;
	my ($all, $wrong) = (0, 0);

	foreach my $rows (map { $self->of($_)->{sure} } $self->kinds)
	{
		$all += $_ foreach values %$rows;
		$wrong += $rows->{wrong} // 0;
	}
	return share($all - $wrong, $all);
}

sub share { return $_[1] ? $_[0] / $_[1] : 1 }

# The figures of one kind, or of several together.
sub figures
{
	my ($self, @kinds) = @_;
	my %sum = map { $_ => 0 } qw(edges found named true bytes off right via wrong sure);

	foreach my $kind (map { $self->of($_) } @kinds)
	{
		my %off = %{ $kind->{bytes} };

		$off{$_} -= $kind->{map}{$_} foreach keys %{ $kind->{map} };
		$sum{edges} += keys %{ $kind->{bytes} };
		$sum{found} += keys %{ $kind->{found} };
		$sum{named} += keys %{ $kind->{named} };
		$sum{true} += grep { $self->{pair}{$_} } keys %{ $kind->{named} };
		$sum{sure} += $_ foreach values %{ $kind->{sure} };
		$sum{bytes} += $_ foreach values %{ $kind->{bytes} };
		$sum{off} += abs foreach values %off;
		$sum{$_} += $kind->{$_} foreach qw(right via);
		$sum{wrong} += @{ $kind->{wrong} };
	}
	return {
		%sum,
		recall => share(@sum{qw(found edges)}),
		precision => share(@sum{qw(true named)}),
		error => $sum{off} / ($sum{bytes} || 1),
		via => share(@sum{qw(via right)}) };
}

sub kinds { return sort keys %{ $_[0]{kinds} } }

# True totals and those in the map, of what did not come out of an intermediary.
sub totals
{
	my ($self, @kinds) = @_;
	my (%true, %seen);

	foreach my $kind (map { $self->of($_) } @kinds ? @kinds : $self->kinds)
	{
		$true{$_} += $kind->{true}{$_} // 0 foreach @counters;
		$seen{$_} += $kind->{seen}{$_} // 0 foreach @counters;
	}
	return (\%true, \%seen);
}

sub heading
{
	my ($self) = @_;

	return sprintf "%-18s %6s  %6s  %6s  %9s  %6s  %6s  %10s\n", $self->{level}, qw(edges recall named precision error via), 'wrong sure';
}

sub line
{
	my ($self, $name, @kinds) = @_;
	my $figures = $self->figures(@kinds);

	return sprintf "%-18s %6d  %6.4f  %6d  %9.4f  %6.4f  %6.4f  %10d\n", $name, @$figures{qw(edges recall named precision error via wrong)};
}

sub table
{
	my ($self) = @_;
	my @kinds = $self->kinds;

	return join '', $self->heading, $self->line('all', @kinds), map { $self->line($_, $_) } @kinds;
}

1;
