\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set map :srcdir '/lib/map.sql'
\i :map
\set ECHO all
-- Windows: their partitions, how long they are kept, and live edges that fade.
CREATE FUNCTION pg_temp.partitions(graph text, relation text DEFAULT 'edge_window')
RETURNS TABLE (name name, bound text) LANGUAGE sql AS $$
	SELECT c.relname, pg_get_expr(c.relpartbound, c.oid)
	FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	WHERE i.inhparent = to_regclass(format('%I.%I', 'topo_' || graph, relation))
	ORDER BY c.relname
$$;
-- the start of each partition, in partitions from the one of now
CREATE FUNCTION pg_temp.ages(graph text, relation text, span interval) RETURNS numeric[] LANGUAGE sql AS $$
	SELECT array_agg(extract(epoch FROM (regexp_match(bound, $r$FROM \('([^']+)$r$))[1]::timestamptz
							 - date_bin(span, now(), '2000-01-01 00:00Z')) / extract(epoch FROM span) ORDER BY name)::numeric(9,1)[]
	FROM pg_temp.partitions(graph, relation)
$$;
\t on
SELECT topo.create_service_map();
\t off

-- Partitions are days and hours of UTC, whatever the session's clock and dates look like.
SET timezone = 'Asia/Kathmandu';
SET datestyle = 'SQL, DMY';
SELECT topo.ensure_partitions('network', '1 minute', '[2020-11-20 23:59:59.999999Z,2020-11-21 00:00Z]');
SELECT topo.ensure_partitions('network', '10 seconds', '[2020-11-20 22:30Z,2020-11-20 23:30Z)');
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT * FROM pg_temp.partitions('network');
SELECT * FROM pg_temp.partitions('network', 'flow_window');

-- What is there is left alone; an end that is not of the range needs no partition.
SELECT topo.ensure_partitions('network', '1 minute', '[2020-11-20 00:00Z,2020-11-22 00:00Z)');
SELECT name FROM pg_temp.partitions('network');
SELECT topo.ensure_partitions('network', '1 minute', '[2020-11-22 00:00Z,2020-11-22 00:00Z]');
SELECT name FROM pg_temp.partitions('network');

-- A partition has the table's index, and takes rows at both its ends.
INSERT INTO topo_network.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
SELECT b, 1, 2, b, b, '{}' FROM unnest(ARRAY['2020-11-21 00:00Z', '2020-11-21 23:59:59.999999Z']::timestamptz[]) b;
SELECT tableoid::regclass, bucket FROM topo_network.edge_window ORDER BY bucket;
SELECT count(*) FROM pg_index WHERE indrelid = 'topo_network.edge_window_20201121'::regclass;
INSERT INTO topo_network.edge_window (bucket, src, dst, first_seen, last_seen, traffic) VALUES ('2020-11-23 00:00Z', 1, 2, now(), now(), '{}');

-- What is not there has none.
SELECT count(*) FROM topo.partition_bounds('topo_network', 'nothing');
-- Any name of a graph will do.
SELECT topo.create_graph(g), topo.ensure_partitions(g, '1 minute', '[2020-11-20 10:00Z,2020-11-20 10:01Z)')
FROM unnest(ARRAY['select', 'with "quotes"', 'dot.ted', 'naïve ☕', repeat('x', 58)]) g;
SELECT g, p.* FROM unnest(ARRAY['select', 'with "quotes"', 'dot.ted', 'naïve ☕', repeat('x', 58)]) g, pg_temp.partitions(g) p;

-- What cannot be partitioned.
\x on
SELECT * FROM pg_temp.refusal($$SELECT topo.ensure_partitions('network', '1 minute', 'empty')$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.ensure_partitions('network', '1 minute', NULL)$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.ensure_partitions('network', '1 minute', '[2020-11-20,)')$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.ensure_partitions('network', '1 minute', '[-infinity,2020-11-20)')$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.ensure_partitions('network', '1 minute', '[1970-01-01,2020-11-20)')$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.ensure_partitions('network', '2 hours', '[2020-11-20,2020-11-21)')$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.ensure_partitions('network', NULL, '[2020-11-20,2020-11-21)')$$);
SELECT state, message FROM pg_temp.refusal($$SELECT topo.ensure_partitions('nothing', '1 minute', '[2020-11-20,2020-11-21)')$$);
\x off

-- Maintenance makes the partitions of now and of what comes next.
SELECT topo.drop_graph(g) FROM unnest(ARRAY['network', 'ipc', 'trace', 'select', 'with "quotes"', 'dot.ted', 'naïve ☕', repeat('x', 58)]) g;
SELECT topo.create_service_map();
SELECT topo.create_graph('mine', '{"retention": "infinite"}');
SELECT topo.maintain_windows();
SELECT g, r, pg_temp.ages(g, r, s)
FROM (VALUES ('network', 'edge_window', interval '1 day'), ('network', 'flow_window', '1 hour'), ('ipc', 'edge_window', '1 day'),
			 ('trace', 'edge_window', '1 day'), ('mine', 'edge_window', '1 day')) t (g, r, s);
-- Again, it finds nothing to do.
SELECT topo.maintain_windows();
SELECT pg_temp.ages('network', 'edge_window', '1 day');

-- It drops what is all older than the retention, and nothing else: 2 days of minutes, 1 day of flows, all of "mine".
SELECT topo.ensure_partitions(g, '1 minute', tstzrange(now() - interval '4 days', now())) FROM unnest(ARRAY['network', 'mine']) g;
SELECT topo.ensure_partitions('network', '10 seconds', tstzrange(now() - interval '27 hours', now() - interval '23 hours'));
SELECT topo.maintain_windows();
SELECT pg_temp.ages('network', 'edge_window', '1 day') AS network, pg_temp.ages('mine', 'edge_window', '1 day') AS mine,
	   pg_temp.ages('network', 'flow_window', '1 hour') AS flows;
-- A shorter retention takes effect; the partition that still has windows to keep stays whole.
SELECT topo.set_graph('mine', '{"retention": {"1 minute": "1 minute"}}');
CREATE TEMPORARY TABLE expected AS
SELECT array_agg(d ORDER BY d)::numeric(9,1)[] AS ages FROM generate_series(-1, 1) d
WHERE d >= 0 OR now() - interval '1 minute' < date_bin('1 day', now(), '2000-01-01 00:00Z');
SELECT topo.maintain_windows();
SELECT pg_temp.ages('mine', 'edge_window', '1 day') = ages AS only_what_is_old_is_gone FROM expected;
-- A table that somebody made part of the windows with bounds of its own is judged by these.
CREATE TABLE topo_mine.archive (LIKE topo_mine.edge_window INCLUDING ALL);
ALTER TABLE topo_mine.edge_window ATTACH PARTITION topo_mine.archive FOR VALUES FROM (MINVALUE) TO ('2020-01-01Z');
SELECT topo.maintain_windows();
SELECT to_regclass('topo_mine.archive');

-- Edges fade: those of network after an hour without traffic, on both levels.
CREATE FUNCTION pg_temp.links(graph text) RETURNS TABLE (level "char", source text, target text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT l.level, topo.node_label(s.type, s.name), topo.node_label(d.type, d.name)
		FROM %I.link l JOIN topo.node s ON s.id = l.src JOIN topo.node d ON d.id = l.dst ORDER BY 1, 2, 3', 'topo_' || graph);
END
$$;
-- what links and live_edge say of an edge that was last seen so long ago
CREATE FUNCTION pg_temp.live_since(graph text, source text, target text, age interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.linked(graph, source, target, 'c');
	EXECUTE format('INSERT INTO %1$I.link (level, src, dst) SELECT ''a'', topo.app_of(s), topo.app_of(d) FROM topo.node s, topo.node d WHERE s.id = $1 AND d.id = $2 ON CONFLICT DO NOTHING', 'topo_' || graph)
	USING pg_temp.node(source), pg_temp.node(target);
	EXECUTE format('INSERT INTO %1$I.live_edge (src, dst, first_seen, last_seen) VALUES ($1, $2, $3, $3)', 'topo_' || graph)
	USING pg_temp.node(source), pg_temp.node(target), now() - age;
END
$$;
SELECT pg_temp.cluster('checkout-v1', 'checkout'), pg_temp.cluster('checkout-v2', 'checkout');
SELECT pg_temp.live_since('network', 'cluster:checkout-v1', 'redis', '61 minutes'),
	   pg_temp.live_since('network', 'cluster:checkout-v2', 'redis', '59 minutes'),
	   pg_temp.live_since('network', 'cluster:checkout-v1', 'payments', '61 minutes'),
	   pg_temp.live_since('network', 'web', 'cluster:checkout-v1', '1 hour'),
	   pg_temp.live_since('network', 'cluster:orphan', 'web', '2 days'),
	   pg_temp.linked('network', 'loaded', 'by hand');
SELECT topo.maintain_windows();
-- The app's edge to redis stays for the sake of v2; what was loaded by hand never fades.
SELECT * FROM pg_temp.links('network');
SELECT topo.node_label(s.type, s.name), topo.node_label(d.type, d.name)
FROM topo_network.live_edge e JOIN topo.node s ON s.id = e.src JOIN topo.node d ON d.id = e.dst;
-- When its last cluster falls silent, it goes too.
UPDATE topo_network.live_edge SET last_seen = now() - interval '2 hours';
SELECT topo.maintain_windows();
SELECT * FROM pg_temp.links('network');
-- An edge of another type does not keep it.
INSERT INTO topo.edge_type (id, name) VALUES (1000, 'reads');
SELECT pg_temp.live_since('network', 'web', 'redis', '2 hours');
INSERT INTO topo_network.link (level, src, dst, type) SELECT l, topo.node_id('web'), topo.node_id('redis'), 1000 FROM unnest('{a,c}'::"char"[]) l;
INSERT INTO topo_network.live_edge (src, dst, type, first_seen, last_seen) SELECT topo.node_id('web'), topo.node_id('redis'), 1000, now(), now();
SELECT topo.maintain_windows();
SELECT level, type FROM topo_network.link WHERE src = topo.node_id('web') ORDER BY 1, 2;
-- A graph without edge_ttl keeps its edges.
SELECT pg_temp.live_since('mine', 'web', 'redis', '10 years');
SELECT topo.maintain_windows();
SELECT * FROM pg_temp.links('mine');
ROLLBACK;
