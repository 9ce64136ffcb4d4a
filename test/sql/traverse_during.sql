-- The map of a range of time: edges whose minute overlaps it.
SET client_min_messages = warning;
SET timezone = 'UTC';
SELECT topo.create_graph('td_net');
SELECT topo.create_graph('td_trace');
SELECT count(topo.set_node('app', n)) FROM unnest(ARRAY['td-web', 'td-pay', 'td-db', 'td-old']) n;
SELECT count(topo.set_node('cluster', 'td-' || n || '-1', parent => 'td-' || n)) FROM unnest(ARRAY['web', 'pay']) n;
SELECT count(topo.set_node('cluster', 'td-orphan-1'));

CREATE TABLE topo_td_net.edge_window_1 PARTITION OF topo_td_net.edge_window FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE topo_td_net.edge_window_2 PARTITION OF topo_td_net.edge_window FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
CREATE TABLE topo_td_trace.edge_window_1 PARTITION OF topo_td_trace.edge_window FOR VALUES FROM ('2026-01-01') TO ('2026-01-03');
INSERT INTO topo_td_net.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
SELECT bucket::timestamptz, topo.node_id(s), topo.node_id(d), bucket::timestamptz, bucket::timestamptz, topo.traffic(connections => 1)
FROM (VALUES
	('2026-01-01 10:00', 'cluster:td-web-1', 'td-old'),
	('2026-01-01 10:01', 'cluster:td-web-1', 'cluster:td-pay-1'),
	('2026-01-01 10:02', 'cluster:td-web-1', 'cluster:td-pay-1'),
	('2026-01-02 00:00', 'cluster:td-pay-1', 'td-db'),
	('2026-01-02 00:01', 'td-db', 'td-web'),
	('2026-01-02 00:01', 'cluster:td-orphan-1', 'td-db')) w (bucket, s, d);
INSERT INTO topo.edge_type (name) VALUES ('td-reads');
INSERT INTO topo_td_trace.edge_window (bucket, src, dst, type, first_seen, last_seen, traffic)
SELECT bucket::timestamptz, topo.node_id(s), topo.node_id(d), t.id, bucket::timestamptz, bucket::timestamptz, topo.traffic(requests => 1)
FROM (VALUES ('2026-01-01 10:01', 'td-web', 'cluster:td-pay-1', 'calls'),
			 ('2026-01-02 00:02', 'cluster:td-pay-1', 'td-db', 'td-reads')) w (bucket, s, d, type)
	 JOIN topo.edge_type t ON t.name = w.type;

CREATE FUNCTION pg_temp.seen(during tstzrange) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(node || ' ' || depth || graphs::text, ', ' ORDER BY depth, node)
	FROM topo.traverse('{td-web}', graphs => '{td_net,td_trace}', during => during)
$$;

-- A cluster stands for its app; both graphs and all partitions count.
SELECT * FROM topo.traverse('{td-web}', graphs => '{td_net,td_trace}', during => '[2026-01-01, 2026-01-03)');
SELECT * FROM topo.traverse('{td-db}', 'in', graphs => '{td_net,td_trace}', during => '[2026-01-01, 2026-01-03)');
SELECT * FROM topo.traverse('{td-db}', 'both', 1, graphs => '{td_net,td_trace}', during => '[2026-01-01, 2026-01-03)');
-- Clusters as they are
SELECT * FROM topo.traverse('{cluster:td-web-1}', graphs => '{td_net,td_trace}', during => '[2026-01-01, 2026-01-03)');
-- Types, filter
SELECT node, depth FROM topo.traverse('{td-pay}', graphs => '{td_net,td_trace}', edge_types => '{td-reads}', during => '(,)');
SELECT node, depth FROM topo.traverse('{td-web}', graphs => '{td_net,td_trace}', node_filter => '{"type": "cluster"}', during => '(,)');
SELECT topo.reachable_count('{td-web}', graphs => '{td_net,td_trace}', during => '(,)');
SELECT * FROM topo.shortest_path('td-web', 'td-db', '{td_net,td_trace}', during => '(,)');
SELECT node FROM topo.blast_radius('td-db', '{td_net}', '[2026-01-02 00:00, 2026-01-02 00:01)');

-- A minute counts when any of it is in the range.
SELECT during, pg_temp.seen(during) FROM unnest(ARRAY[
	'[2026-01-01 10:00, 2026-01-01 10:01)',
	'[2026-01-01 10:00, 2026-01-01 10:01]',
	'[2026-01-01 10:00:59.999999, 2026-01-01 10:01)',
	'[2026-01-01 10:01, 2026-01-01 10:02)',
	'(2026-01-01 10:00:30, 2026-01-01 10:00:31)',
	'[2026-01-01 10:00, 2026-01-01 10:00]',
	'[2026-01-01 10:03, 2026-01-01 11:00)',
	'(,2026-01-01 10:00)',
	'(,2026-01-01 10:00]',
	'[2026-01-02,)',
	'[-infinity, infinity]',
	'(,)']::tstzrange[]) during;

-- The live map has none of these edges.
SELECT count(*) FROM topo.traverse('{td-web}', graphs => '{td_net,td_trace}');

SELECT topo.drop_graph(g) FROM unnest(ARRAY['td_net', 'td_trace']) g;
DELETE FROM topo.node WHERE name ~ '^td-' AND type = 'cluster';
DELETE FROM topo.node WHERE name ~ '^td-';
DELETE FROM topo.edge_type WHERE name = 'td-reads';
