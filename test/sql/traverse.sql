-- What traverse() reaches in the live map, and what it refuses.
SET client_min_messages = warning;
\set VERBOSITY default
\set SHOW_CONTEXT never

-- A small map: two graphs that share nodes, a cycle, a self-loop, a long way
-- and a short one to the same node.
SELECT count(topo.set_node('app', 'tv-' || n)) FROM unnest(ARRAY['web', 'pay', 'cart', 'bank', 'db', 'disk', 'log', 'island']) n;
SELECT topo.create_service_map();
SELECT topo.create_graph('tv_own');
SELECT topo.load_edges('network', $$VALUES
	('tv-web', 'tv-cart'), ('tv-web', 'tv-pay'), ('tv-cart', 'tv-db'), ('tv-pay', 'tv-bank'),
	('tv-bank', 'tv-db'), ('tv-db', 'tv-disk'), ('tv-disk', 'tv-cart'), ('tv-pay', 'tv-pay')$$);
SELECT topo.load_edges('trace', $$VALUES
	('tv-web', 'tv-pay', 'calls'), ('tv-pay', 'tv-db', 'reads'), ('tv-cart', 'tv-log', 'writes')$$);
SELECT topo.load_edges('tv_own', $$VALUES ('tv-web', 'tv-island')$$);
SELECT count(topo.set_node('app', 'tv-bank', '{"region": "eu", "tags": {"pci": true}}', tier => 0::smallint, domain => 'payments'));
SELECT count(topo.set_node('app', n, '{"region": "us"}', tier => 1::smallint, domain => 'shop'))
FROM unnest(ARRAY['tv-cart', 'tv-db']) n;

-- Each node once, at its least depth; parent has the least id, graphs are merged.
SELECT * FROM topo.traverse(ARRAY['tv-web']);
SELECT * FROM topo.traverse('{tv-db}', 'in');
SELECT * FROM topo.traverse('{tv-bank}', 'both');

-- A cycle and a self-loop end.
SELECT node, depth FROM topo.traverse('{tv-cart}');
SELECT node, depth FROM topo.traverse('{tv-pay}', max_depth => 1, graphs => '{network}');

-- Depth
SELECT node, depth FROM topo.traverse('{tv-web}', max_depth => 0);
SELECT node, depth FROM topo.traverse('{tv-web}', max_depth => 1);

-- Several starts, one of them twice and one within reach of another
SELECT * FROM topo.traverse('{tv-disk,tv-pay,tv-disk}', max_depth => 1);

-- Graphs: NULL is the service map; others are asked for by name.
SELECT node, graphs FROM topo.traverse('{tv-web}', max_depth => 1);
SELECT node, graphs FROM topo.traverse('{tv-web}', max_depth => 1, graphs => '{trace,tv_own}');
SELECT node, graphs FROM topo.traverse('{tv-web}', max_depth => 1, graphs => '{ipc}');

-- Types of edges
SELECT node, depth, parent FROM topo.traverse('{tv-web}', edge_types => '{calls}', graphs => '{trace}');
SELECT node, depth, parent FROM topo.traverse('{tv-web}', edge_types => '{calls,writes}');
SELECT node, depth, parent FROM topo.traverse('{tv-db}', 'in', edge_types => '{reads}');

-- A node that fails the filter is not gone through; start nodes are exempt.
SELECT node, depth FROM topo.traverse('{tv-web}', node_filter => '{"tier": 1}');
SELECT node, depth FROM topo.traverse('{tv-web}', node_filter => '{"tier": [0, 1]}');
SELECT node, depth FROM topo.traverse('{tv-pay}', node_filter => '{"domain": "payments", "tier": 0}');
SELECT node, depth FROM topo.traverse('{tv-pay}', node_filter => '{"region": ["eu", "us"]}');
SELECT node, depth FROM topo.traverse('{tv-pay}', node_filter => '{"tags": {"pci": true}}');
SELECT node, depth FROM topo.traverse('{tv-pay}', node_filter => '{"type": "external"}');
SELECT node, depth FROM topo.traverse('{tv-pay}', max_depth => 1, node_filter => '{"type": ["app", "external"]}');
SELECT node, depth FROM topo.traverse('{tv-pay}', max_depth => 1, node_filter => '{}');
SELECT node, depth FROM topo.traverse('{tv-web}', max_depth => 1, node_filter => '{"it''s \"quoted\"": "o''clock"}');

-- Properties that are asked for
SELECT node, properties FROM topo.traverse('{tv-pay}', with_properties => '{tier,tags,none}');
SELECT node, properties FROM topo.downstream('tv-pay', 1, with_properties => '{*}');
SELECT node, properties FROM topo.upstream('tv-disk', 2, with_properties => '{domain}');
SELECT node, properties FROM topo.blast_radius('tv-disk', with_properties => '{region}');
SELECT node, properties FROM topo.traverse('{tv-pay}', with_properties => '{region}', hops => '[{}, {}]', max_nodes => 2, after => 'tv-pay');

-- Apps and clusters
SELECT count(topo.set_node('cluster', 'tv-web-1', parent => 'tv-web'));
SELECT count(topo.set_node('cluster', 'tv-pay-1', parent => 'tv-pay'));
INSERT INTO topo_network.link (level, src, dst)
SELECT 'c', topo.node_id(s), topo.node_id(d)
FROM (VALUES ('cluster:tv-web-1', 'cluster:tv-pay-1'), ('cluster:tv-pay-1', 'tv-bank')) e (s, d);
SELECT * FROM topo.traverse('{cluster:tv-web-1}');
SELECT * FROM topo.traverse('{tv-bank}', 'in', level => 'cluster');
SELECT node FROM topo.traverse('{cluster:tv-web-1}', level => 'app');

-- Names that hold a colon or a quote come back as they were written.
SELECT topo.load_edges('tv_own', $$VALUES ('app:tv:colon', 'it''s:a "tv"'), ('it''s:a "tv"', ':tv')$$);
SELECT * FROM topo.traverse('{app:tv:colon}', graphs => '{tv_own}');
SELECT t.node, topo.node_label(n.type, n.name) = t.node AS as_written
FROM topo.traverse('{app:tv:colon}', graphs => '{tv_own}') t JOIN topo.node n ON n.id = topo.node_id(t.node);

-- The questions that are asked most
SELECT * FROM topo.upstream('tv-bank', 1);
SELECT * FROM topo.upstream('tv-db', graphs => '{trace}');
SELECT * FROM topo.downstream('tv-pay', 1);
SELECT * FROM topo.downstream('tv-web', edge_limit => 1, edge_order => 'name', max_nodes => 2);
SELECT * FROM topo.blast_radius('tv-bank');
SELECT node FROM topo.blast_radius('tv-db', graphs => '{trace}');
SELECT node FROM topo.blast_radius('tv-web');

-- How many: the start nodes are not counted, not even within reach of each other.
SELECT topo.reachable_count('{tv-web}');
SELECT topo.reachable_count('{tv-web}', 'out', 1);
SELECT topo.reachable_count('{tv-cart,tv-db,tv-cart}');
SELECT topo.reachable_count('{tv-web}', node_filter => '{"tier": 1}');
SELECT topo.reachable_count('{tv-web}', edge_types => '{calls}', graphs => '{trace}');
SELECT topo.reachable_count('{cluster:tv-web-1}'), topo.reachable_count('{cluster:tv-web-1}', level => 'app');

-- Own changes are seen, and gone after a rollback.
BEGIN;
SELECT topo.load_edges('trace', $$VALUES ('tv-log', 'tv-new')$$);
SELECT node, depth FROM topo.traverse('{tv-log}');
DELETE FROM topo_trace.link WHERE dst = topo.node_id('tv-new');
SELECT node, depth FROM topo.traverse('{tv-log}');
ROLLBACK;
SELECT topo.reachable_count('{tv-log}');

-- A graph that was dropped and made again is the new one.
SELECT topo.reachable_count('{tv-web}', graphs => '{tv_own}');
SELECT topo.drop_graph('tv_own');
SELECT topo.create_graph('tv_own');
SELECT topo.reachable_count('{tv-web}', graphs => '{tv_own}');

-- Nodes that row security hides are not named.
CREATE ROLE tv_reader;
GRANT USAGE ON SCHEMA topo, topo_network, topo_ipc, topo_trace TO tv_reader;
GRANT SELECT ON topo.node, topo.graph, topo_network.link, topo_ipc.link, topo_trace.link TO tv_reader;
ALTER TABLE topo.node ENABLE ROW LEVEL SECURITY;
CREATE POLICY tv_seen ON topo.node TO tv_reader USING (name <> 'tv-bank');
SET ROLE tv_reader;
SELECT node, depth, parent FROM topo.traverse('{tv-pay}', graphs => '{network}');
SELECT topo.reachable_count('{tv-bank}');
RESET ROLE;
REVOKE SELECT ON topo_trace.link FROM tv_reader;
SET ROLE tv_reader;
SELECT node FROM topo.traverse('{tv-pay}');
RESET ROLE;
DROP POLICY tv_seen ON topo.node;
ALTER TABLE topo.node DISABLE ROW LEVEL SECURITY;
DROP OWNED BY tv_reader;
DROP ROLE tv_reader;

-- What cannot be is refused, with what was wrong and a hint.


CREATE FUNCTION pg_temp.refused(query text) RETURNS TABLE (state text, message text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	state := 'not refused';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END
$$;
\pset format unaligned
SELECT call, r.* FROM unnest(ARRAY[
	$$traverse(NULL)$$,
	$$traverse('{}')$$,
	$$traverse('{tv-web,NULL}')$$,
	$$traverse('{tv-nobody}')$$,
	$$traverse('{cluster:}')$$,
	$$traverse('{tv-web}', 'up')$$,
	$$traverse('{tv-web}', NULL)$$,
	$$traverse('{tv-web}', max_depth => -1)$$,
	$$traverse('{tv-web}', graphs => '{network,tv_none}')$$,
	$$traverse('{tv-web}', graphs => '{}')$$,
	$$traverse('{tv-web}', graphs => '{NULL}')$$,
	$$traverse('{tv-web}', during => 'empty')$$,
	$$traverse('{tv-web}', during => '[2026-01-01 00:01Z, 2026-01-01 00:00Z)')$$,
	$$traverse('{tv-web}', edge_types => '{tv-type}')$$,
	$$traverse('{tv-web}', edge_types => '{}')$$,
	$$traverse('{tv-web}', edge_types => '{calls,NULL}')$$,
	$$traverse('{tv-web}', node_filter => '[1]')$$,
	$$traverse('{tv-web}', node_filter => '1')$$,
	$$traverse('{tv-web}', node_filter => '{"tier": "one"}')$$,
	$$traverse('{tv-web}', node_filter => '{"tier": []}')$$,
	$$traverse('{tv-web}', node_filter => '{"tier": [1, [2]]}')$$,
	$$traverse('{tv-web}', node_filter => '{"domain": 1}')$$,
	$$traverse('{tv-web}', node_filter => '{"type": {"is": "app"}}')$$,
	$$traverse('{tv-web}', node_filter => '{"region": null}')$$,
	$$traverse('{tv-web}', node_filter => '{"region": [["eu"]]}')$$,
	$$traverse('{tv-web}', edge_limit => -1)$$,
	$$traverse('{tv-web}', edge_order => 'slowest')$$,
	$$traverse('{tv-web}', edge_order => NULL)$$,
	$$traverse('{tv-web}', max_nodes => -1)$$,
	$$traverse('{tv-web}', after => 'tv-nobody')$$,
	$$traverse('{tv-web}', after => 'tv-island')$$,
	$$traverse('{tv-web}', after => 'tv-pay', node_filter => '{"tier": 1}')$$,
	$$traverse('{tv-web}', level => 'pod')$$,
	$$traverse('{tv-web}', time_limit => '0')$$,
	$$traverse('{tv-web}', with_properties => '{}')$$,
	$$traverse('{tv-web}', with_properties => '{tier,NULL}')$$,
	$$traverse('{tv-web}', time_limit => '-1 ms')$$,
	$$upstream(NULL)$$,
	$$upstream('tv-nobody')$$,
	$$upstream('tv-web', -1)$$,
	$$downstream('tv-web', edge_order => 'slowest')$$,
	$$blast_radius('tv-nobody')$$,
	$$reachable_count('{}')$$,
	$$reachable_count('{tv-nobody}')$$,
	$$reachable_count('{tv-web}', 'up')$$,
	$$reachable_count('{tv-web}', 'out', -1)$$,
	$$reachable_count('{tv-web}', graphs => '{tv_none}')$$,
	$$reachable_count('{tv-web}', during => 'empty')$$,
	$$reachable_count('{tv-web}', edge_types => '{tv-type}')$$,
	$$reachable_count('{tv-web}', node_filter => '"app"')$$,
	$$reachable_count('{tv-web}', level => 'pod')$$,
	$$reachable_count('{tv-web}', time_limit => '-1 day')$$
]) call, pg_temp.refused('SELECT * FROM topo.' || call) r;
\pset format aligned

-- Without a service map NULL is all graphs; without a graph there is nothing.
SELECT topo.load_edges('tv_own', $$VALUES ('tv-web', 'tv-island')$$);
SELECT topo.drop_graph(g) FROM unnest(ARRAY['network', 'ipc', 'trace']) g;
SELECT * FROM topo.traverse('{tv-web}');
SELECT topo.drop_graph('tv_own');
SELECT r.* FROM pg_temp.refused($$SELECT topo.reachable_count('{tv-web}')$$) r;
DELETE FROM topo.node WHERE name ~ 'tv';
DELETE FROM topo.edge_type WHERE name IN ('reads', 'writes');
