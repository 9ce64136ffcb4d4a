# What dot() gives is drawn by graphviz, whatever the nodes are called, and its
# labels are their names; what mermaid() gives has one line a node and edge.
use strict;
use warnings;
use PostgreSQL::Test::Utils;
use Test::More;
use Topology;

my @names = (
	'plain', 'with space', 'quote"quote', "apostrophe'", 'back\\slash', 'ends in \\', '\\"both\\"', '<b>html</b>',
	'&amp; & &#34;', 'semi;colon', '{brace}', '[bracket]', '(round)', 'a->b', 'a--b', 'graph', 'end', 'node', 'subgraph',
	'%% comment', '#hash', '/* c */', '// c', '|pipe|', '`tick`', '$dollar$', "\x{c3}\x{a9}t\x{c3}\x{a9}", '-5', '1.0', 'x' x 500,
	'\\N', '\\G', '\\l\\r\\n', 'null', 'style', 'class', 'click', 'o--o', 'percent%d%s');

if (!grep { -x "$_/dot" } split /:/, $ENV{PATH})
{
	BAIL_OUT('graphviz is not installed') if $ENV{TOPOLOGY_REQUIRE_ALL};
	plan skip_all => 'graphviz is not installed';
}

my $node = new_server('pictures');
my $values = join ', ', map { my $name = s/'/''/gr; "(\$\$hub\$\$, '$name')" } map { "app:$_" } @names;
is( $node->safe_psql('postgres', "SELECT topo.load_edges('ipc', \$load\$VALUES $values\$load\$)"),
	scalar @names, 'there is a map of nodes with all kinds of names');

# Draw what a query gives; returns the picture.
sub draw
{
	my ($query) = @_;
	my $text = $node->safe_psql('postgres', $query);
	my ($svg, $err);

	ok(IPC::Run::run([ 'dot', '-Tsvg' ], '<', \$text, '>', \$svg, '2>', \$err), "graphviz draws $query");
	is($err, '', 'without a warning');
	return $svg;
}

# The text of an element, as it was before it became XML.
sub plain_text
{
	my ($text) = @_;
	my %entities = (amp => '&', lt => '<', gt => '>', quot => '"', '#39' => "'", '#45' => '-', '#160' => ' ');

	$text =~ s/&([^;]+);/$entities{$1} \/\/ "?$1?"/ge;
	return $text;
}

my $svg = draw('SELECT topo.dot()');
my %drawn;
while ($svg =~ m{<g id="node\d+" class="node">(.*?)</g>}gs)
{
	$drawn{ plain_text(join '', $1 =~ m{<text[^>]*>(.*?)</text>}gs) }++;
}
foreach my $name (@names)
{
	is($drawn{$name}, 1, 'drawn as it is called: ' . substr $name, 0, 40);
}
is(scalar(() = $svg =~ /class="edge"/g), scalar @names, 'every edge is drawn');

draw(q{SELECT topo.dot('hub', 'out', 1)});
draw(q{SELECT topo.dot('quote"quote', 'in')});
my $mermaid = $node->safe_psql('postgres', 'SELECT topo.mermaid()');
like($mermaid, qr/\A(?:flowchart|graph) /, 'mermaid() is a flowchart');
is(scalar(() = $mermaid =~ /^\s*n\d+ *(?:-->|==>|-\.->|--)/mg), scalar @names, 'with a line for each edge')
  or diag($mermaid);

$node->stop('fast');
done_testing();
