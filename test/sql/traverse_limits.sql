-- Limits: edges per node in each order, and pages.
SET client_min_messages = warning;
SELECT count(topo.set_node('app', 'tl-' || n)) FROM unnest(ARRAY['hub', 'e', 'd', 'c', 'b', 'a', 'up']) n;
SELECT topo.create_graph('tl_one', '{"edge_ttl": "1 hour"}');
SELECT topo.create_graph('tl_two');
SELECT topo.load_edges('tl_one', $$VALUES
	('tl-hub', 'tl-a'), ('tl-hub', 'tl-b'), ('tl-hub', 'tl-c'), ('tl-hub', 'tl-d'),
	('tl-a', 'tl-b'), ('tl-d', 'tl-e'), ('tl-up', 'tl-hub')$$);
SELECT topo.load_edges('tl_two', $$VALUES ('tl-hub', 'tl-d', NULL), ('tl-hub', 'tl-e', 'reads')$$);
SELECT count(topo.set_node('cluster', 'tl-d-1', parent => 'tl-d'));
SELECT count(topo.set_node('cluster', 'tl-hub-1', parent => 'tl-hub'));

-- Traffic of this hour and, of tl-a, of long ago.  Partitions by hand, since
-- nothing was ingested.
CREATE TABLE topo_tl_one.edge_window_all PARTITION OF topo_tl_one.edge_window FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
CREATE TABLE topo_tl_two.edge_window_all PARTITION OF topo_tl_two.edge_window FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
CREATE FUNCTION pg_temp.add_window(graph text, age interval, source text, target text, traffic topo.traffic) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO topo_%s.edge_window (bucket, src, dst, first_seen, last_seen, traffic) VALUES ($1, $2, $3, $1, $1, $4)', graph)
	USING date_trunc('minute', now() - age), topo.node_id(source), topo.node_id(target), traffic;
END
$$;
SELECT pg_temp.add_window('tl_one', '3 hours', 'tl-hub', 'tl-a', topo.traffic(requests => 1000000));
SELECT pg_temp.add_window('tl_one', '2 minutes', 'tl-hub', 'tl-b', topo.traffic(requests => 10));
SELECT pg_temp.add_window('tl_one', '2 minutes', 'tl-hub', 'tl-c', topo.traffic(connections => 99));
SELECT pg_temp.add_window('tl_one', '3 minutes', 'cluster:tl-hub-1', 'cluster:tl-d-1', topo.traffic(requests => 6));
SELECT pg_temp.add_window('tl_two', '2 minutes', 'tl-hub', 'tl-d', topo.traffic(requests => 5));
SELECT pg_temp.add_window('tl_two', '2 minutes', 'tl-hub', 'tl-e', topo.traffic(bytes_sent => 3, bytes_received => 4));
INSERT INTO topo_tl_one.live_edge (src, dst, first_seen, last_seen)
SELECT topo.node_id(s), topo.node_id(d), now() - age, now() - age
FROM (VALUES ('tl-hub', 'tl-a', interval '9 minutes'), ('tl-hub', 'tl-c', '2 minutes'),
			 ('cluster:tl-hub-1', 'cluster:tl-d-1', '1 minute')) e (s, d, age);

-- The busiest: requests are summed over graphs and clusters (tl-d has 11), then
-- connections, then bytes; what was busy before the edges' time to live is not.
SELECT n AS edge_limit, array_agg(node ORDER BY node) FILTER (WHERE depth > 0) AS nodes
FROM generate_series(0, 6) n, topo.traverse('{tl-hub}', max_depth => 1, edge_limit => n, graphs => '{tl_one,tl_two}')
GROUP BY n ORDER BY n;
-- The latest; what was never seen comes last, by name
SELECT n AS edge_limit, array_agg(node ORDER BY node) FILTER (WHERE depth > 0) AS nodes
FROM generate_series(1, 5) n, topo.traverse('{tl-hub}', max_depth => 1, edge_limit => n, edge_order => 'latest', graphs => '{tl_one,tl_two}')
GROUP BY n ORDER BY n;
-- By name
SELECT n AS edge_limit, array_agg(node ORDER BY node) FILTER (WHERE depth > 0) AS nodes
FROM generate_series(1, 5) n, topo.traverse('{tl-hub}', max_depth => 1, edge_limit => n, edge_order => 'name', graphs => '{tl_one,tl_two}')
GROUP BY n ORDER BY n;

-- The limit holds at each node, both ways, and for the types that are asked for.
SELECT * FROM topo.traverse('{tl-hub}', edge_limit => 1, edge_order => 'name', graphs => '{tl_one}');
SELECT * FROM topo.traverse('{tl-e}', 'in', edge_limit => 1, edge_order => 'name', graphs => '{tl_one,tl_two}');
SELECT * FROM topo.traverse('{tl-b}', 'both', edge_limit => 1, edge_order => 'name', graphs => '{tl_one,tl_two}');
SELECT * FROM topo.traverse('{tl-hub}', edge_types => '{reads}', edge_limit => 1, graphs => '{tl_one,tl_two}');
-- A neighbour that the filter refuses has used the limit up.
SELECT node FROM topo.traverse('{tl-hub}', max_depth => 1, edge_limit => 1, edge_order => 'name', graphs => '{tl_one}', node_filter => '{"tier": 1}');
-- In a range of time the ranks are those of the range.
SELECT node FROM topo.traverse('{tl-hub}', max_depth => 1, edge_limit => 1, graphs => '{tl_one}', during => tstzrange(now() - interval '1 day', now()));
SELECT node FROM topo.traverse('{tl-hub}', max_depth => 1, edge_limit => 1, graphs => '{tl_one}', during => tstzrange(now() - interval '1 hour', now()));
SELECT node FROM topo.traverse('{tl-hub}', max_depth => 1, edge_limit => 1, edge_order => 'latest', graphs => '{tl_one}', during => tstzrange(now() - interval '1 day', now()));
-- Clusters
SELECT node, parent FROM topo.traverse('{cluster:tl-hub-1}', edge_limit => 1, graphs => '{tl_one}', during => tstzrange(now() - interval '1 hour', now()));

-- Pages of every size, one after the other, are the whole in order.
SELECT topo.create_graph('tl_pages');
SELECT topo.load_edges('tl_pages', $$SELECT 'tl-page-' || i / 3 AS source, 'tl-page-' || i AS target FROM generate_series(1, 40) i$$);
CREATE FUNCTION pg_temp.pages(page_size integer) RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[], properties jsonb)
LANGUAGE plpgsql AS $$
DECLARE
	last text;
	taken bigint;
BEGIN
	LOOP
		taken := 0;
		FOR node, node_type, depth, parent, graphs, properties IN
			SELECT * FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', max_nodes => page_size, after => last)
		LOOP
			taken := taken + 1;
			last := node;
			RETURN NEXT;
		END LOOP;
		EXIT WHEN taken < page_size;
	END LOOP;
END
$$;
SELECT node, depth FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', max_nodes => 5);
SELECT node, depth, parent FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', max_nodes => 3, after => 'tl-page-2');
SELECT page_size,
	   (SELECT array_agg(p ORDER BY p.ordinality)
		FROM pg_temp.pages(page_size) WITH ORDINALITY p)::text =
	   (SELECT array_agg(t ORDER BY t.ordinality)
		FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}') WITH ORDINALITY t)::text AS same
FROM unnest(ARRAY[1, 2, 3, 7, 40, 41, 42, 1000]) page_size;
SELECT count(*) FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', max_nodes => 0);
SELECT count(*) FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', after => 'tl-page-0');
SELECT count(*) FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', max_depth => 1, max_nodes => 9, after => 'tl-page-2');

-- A search that is over its time says how far it came, and returns what it has.
SET client_min_messages = notice;
SELECT node, depth FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', time_limit => '1 microsecond');
SELECT topo.reachable_count('{tl-page-0,tl-page-1}', graphs => '{tl_pages}', time_limit => '1 microsecond');
SELECT * FROM topo.downstream('tl-page-0', graphs => '{tl_pages}', time_limit => '1 microsecond');
SELECT node FROM topo.traverse('{tl-hub}', graphs => '{tl_one}', during => tstzrange(now() - interval '1 day', now()), time_limit => '1 microsecond');
SELECT node FROM topo.traverse('{tl-hub}', graphs => '{tl_one}', edge_limit => 1, time_limit => '1 microsecond');
SELECT node FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', after => 'tl-page-1', time_limit => '1 microsecond');
SELECT count(*) FROM topo.traverse('{tl-page-0}', graphs => '{tl_pages}', time_limit => '1 hour');
SET client_min_messages = warning;

SELECT topo.drop_graph(g) FROM unnest(ARRAY['tl_one', 'tl_two', 'tl_pages']) g;
DELETE FROM topo.node WHERE name ~ '^tl-' AND type = 'cluster';
DELETE FROM topo.node WHERE name ~ '^tl-';
DELETE FROM topo.edge_type WHERE name = 'reads';
