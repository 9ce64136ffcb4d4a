-- External nodes and addresses are reached, but not gone on from, unless asked.
SET client_min_messages = warning;
SELECT topo.create_graph('te');
SELECT count(topo.set_node(t, 'te-' || n)) FROM (VALUES
	('app', 'a'), ('app', 'b'), ('app', 'c'), ('external', 'net'), ('address', '10.0.0.9'), ('intermediary', 'lb')) v (t, n);
SELECT topo.load_edges('te', $$VALUES
	('te-a', 'external:te-net'), ('te-b', 'external:te-net'), ('external:te-net', 'te-b'),
	('te-c', 'te-a'), ('te-b', 'intermediary:te-lb'), ('intermediary:te-lb', 'te-c'),
	('te-a', 'address:te-10.0.0.9'), ('address:te-10.0.0.9', 'te-c'), ('te-c', 'te-c'), ('external:te-net', 'external:te-net')$$);

-- Both ways, and counted
SELECT node, depth, parent FROM topo.traverse('{te-a}', graphs => '{te}');
SELECT node, depth, parent FROM topo.traverse('{te-a}', graphs => '{te}', through_external => true);
SELECT node, depth, parent FROM topo.traverse('{te-a}', 'both', graphs => '{te}');
SELECT topo.reachable_count('{te-a}', d, graphs => '{te}', through_external => t) AS reached, d, t
FROM unnest(ARRAY['out', 'in', 'both']) d, unnest(ARRAY[false, true, NULL]) t ORDER BY d, t;
-- From a start node of the kind, once
SELECT node, depth FROM topo.traverse('{external:te-net}', graphs => '{te}');
SELECT node, depth FROM topo.traverse('{te-a,address:te-10.0.0.9}', max_depth => 1, graphs => '{te}');
-- With a limit, where the external node takes the only place
SELECT node, depth FROM topo.traverse('{te-b}', graphs => '{te}', edge_limit => 1, edge_order => 'name');
SELECT node, depth FROM topo.traverse('{te-b}', graphs => '{te}', edge_limit => 1, edge_order => 'name', through_external => true);
-- The questions that share it
SELECT 'upstream' AS question, t, array_agg(node ORDER BY node COLLATE "C") FROM unnest(ARRAY[false, true]) t, topo.upstream('te-b', graphs => '{te}', through_external => t) GROUP BY t
UNION ALL SELECT 'downstream', t, array_agg(node ORDER BY node COLLATE "C") FROM unnest(ARRAY[false, true]) t, topo.downstream('te-a', graphs => '{te}', through_external => t) GROUP BY t
UNION ALL SELECT 'blast_radius', t, array_agg(node ORDER BY node COLLATE "C") FROM unnest(ARRAY[false, true]) t, topo.blast_radius('te-c', graphs => '{te}', through_external => t) GROUP BY t
ORDER BY 1, 2;

-- No way goes over them, but one may begin or end there.
SELECT step, node FROM topo.shortest_path('te-a', 'te-b', '{te}');
SELECT step, node FROM topo.shortest_path('te-a', 'te-b', '{te}', through_external => true);
SELECT step, node FROM topo.shortest_path('te-a', 'te-b', '{te}', direction => 'both');
SELECT step, node FROM topo.shortest_path('te-b', 'external:te-net', '{te}');
SELECT step, node FROM topo.shortest_path('external:te-net', 'te-c', '{te}');
SELECT step, node FROM topo.shortest_path('external:te-net', 'address:te-10.0.0.9', '{te}');
SELECT nodes FROM topo.paths('te-a', 'te-c', graphs => '{te}');
SELECT nodes FROM topo.paths('te-a', 'te-c', graphs => '{te}', through_external => true);
SELECT nodes FROM topo.paths('te-c', 'external:te-net', graphs => '{te}');
SELECT nodes FROM topo.cycles(graphs => '{te}');
SELECT nodes FROM topo.cycles(graphs => '{te}', through_external => true);
-- Nor do they hold together what calls them.
SELECT * FROM topo.components(graphs => '{te}');
SELECT * FROM topo.components(true, graphs => '{te}');
SELECT size, count(*) FROM topo.components(graphs => '{te}', through_external => true) GROUP BY size;

-- The type that a node has now is what counts.
UPDATE topo.node SET type = 'external' WHERE name = 'te-lb';
SELECT node, depth FROM topo.traverse('{te-b}', graphs => '{te}');

SELECT topo.drop_graph('te');
DELETE FROM topo.node WHERE name ~ '^te-';
