# Every SQL example of the README runs, in the order in which it stands there, and
# its questions have answers.
use strict;
use warnings;
use Cwd;
use File::Basename;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

my $root = $ENV{TOPOLOGY_ROOT} // dirname(__FILE__) . '/../..';
my $readme = "$root/README.md";
open my $file, '<', $readme or BAIL_OUT("$readme: $!");
my $text = do { local $/; <$file> };
my @blocks = $text =~ /^[ ]*```sql\n(.*?)^[ ]*```$/msg;
cmp_ok(scalar @blocks, '>', 10, 'the README has examples');

my $node = new_server('readme', map => 0);

# What a question of the README answered, as rows.
sub run_block
{
	my ($block) = @_;
	my ($out, $err);
	my $name = (split /\n/, $block)[0];

	$name =~ s/^\s+//;
	is($node->psql('postgres', $block, stdout => \$out, stderr => \$err, on_error_stop => 1), 0, "runs: $name")
		or diag($err);
	return $out;
}

my $asked = 0;

for my $block (@blocks)
{
	my $out = run_block($block);

	if ($block =~ /create_service_map/)
	{
		# a table's first partition changes its entry in the catalog, which a GRANT of
		# the same moment would stumble over
		$node->poll_query_until('postgres', q{
			SELECT bool_and(c.relhassubclass)
			FROM topo.grain r JOIN topo.graph g ON g.name = r.graph
				 JOIN pg_class c ON c.oid = format('%I.%I', g.schema_name, r.relation)::regclass}) or BAIL_OUT('no partitions');
		# the traffic that the demo recorded
		my $here = getcwd();
		chdir "$root/test/demo" or BAIL_OUT("test/demo: $!");
		$node->safe_psql('postgres', slurp_file('replay.sql'));
		chdir $here;
		$node->safe_psql('postgres', 'SELECT topo.flush()');
	}
	if ($block =~ /FROM topo\.(edges|blast_radius|downstream|shortest_path|paths|components|hops|traverse)\(|reachable_count/)
	{
		isnt($out, '', 'and has an answer');
		$asked++;
	}
}
cmp_ok($asked, '>=', 8, 'the README asks the map');
done_testing();
