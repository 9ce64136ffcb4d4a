# The TrainTicket traces of the shared data, as a deployment would send them:
# each service exports its own spans, so a trace comes in many messages, in any
# order.
#
# As a program, it prints the messages, one a line:
#	perl TrainTicket.pm [SEED]
package Topology::TrainTicket;

use strict;
use warnings;
use Exporter 'import';
use IO::Uncompress::Gunzip qw(gunzip $GunzipError);
use List::Util qw(shuffle);

our @EXPORT = qw(trainticket_messages trainticket_edges why_no_trainticket);

# Beside the clone, or where TOPOLOGY_SHARED says.
(my $root = __FILE__) =~ s{[^/]*$}{../../..};
my $data = ($ENV{TOPOLOGY_SHARED} // "$root/../shared") . '/data';

# Why the data cannot be used, or undef.
sub why_no_trainticket
{
	my ($missing) = grep { !-r "$data/$_" } qw(trainticket.otlp.jsonl.gz trainticket.edges.tsv);
	return $missing ? "$data/$missing cannot be read" : undef;
}

# One message (otlp_json) for each trace and service, in an order that the seed decides.
sub trainticket_messages
{
	my ($seed) = @_;
	my $lines;

	gunzip("$data/trainticket.otlp.jsonl.gz", \$lines) or die "trainticket.otlp.jsonl.gz: $GunzipError";
	srand($seed);
	return shuffle(map { qq({"resourceSpans":[$_]}) }
		  map { split /,(?=\{"resource":)/, s/^\{"resourceSpans":\[(.*)\]\}$/$1/r } split /\n/, $lines);
}

# The true edges: a line "caller|callee|spans" each, in order.
sub trainticket_edges
{
	open(my $file, '<', "$data/trainticket.edges.tsv") or die "trainticket.edges.tsv: $!";
	return join("\n", sort map { s/\t/|/gr } map { s/\s+$//r } <$file>);
}

print map { "$_\n" } trainticket_messages($ARGV[0] // 1) unless caller;

1;
