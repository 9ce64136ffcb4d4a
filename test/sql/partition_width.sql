\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set ECHO all
-- Partitions are as wide as fits what comes: a dense map gets narrower ones, a thin one wider ones.
SET topology.partition_size = '256kB';
SELECT topo.create_graph('map'), pg_temp.node(VARIADIC ARRAY(SELECT 'n' || i FROM generate_series(1, 60) i)) > 0 AS nodes;
CREATE FUNCTION pg_temp.minutes() RETURNS TABLE (begin timestamptz, span interval, rows bigint) LANGUAGE sql AS $$
	SELECT lower(p.during), upper(p.during) - lower(p.during), (SELECT count(*) FROM pg_temp.stored('topo_map', 'edge_window') w WHERE w.bucket <@ p.during)
	FROM topo.partitions('topo_map', 'edge_window') p ORDER BY 1
$$;
-- so many edges have traffic every ten minutes of a range, and all is kept up then
CREATE FUNCTION pg_temp.busy(edges integer, during tstzrange) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.ensure_partitions('map', '1 minute', during);
	INSERT INTO topo_map.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
	SELECT m, topo.node_id('n' || i), topo.node_id('n' || i % 60 + 1), m, m, topo.traffic(requests => i)
	FROM generate_series(lower(during), upper(during) - interval '1 second', '10 minutes') m, generate_series(1, edges) i;
	PERFORM topo.windows_changed('map', ARRAY(SELECT generate_series(lower(during), upper(during) - interval '1 second', '10 minutes')));
	PERFORM pg_temp.clock(upper(during) + interval '5 minutes');
	PERFORM topo.maintain_windows();
END
$$;
SET client_min_messages = notice;

-- The first partitions are a day each.
SELECT pg_temp.clock('2020-11-20 00:00Z'), topo.maintain_windows();
SELECT * FROM pg_temp.minutes();
-- A day of much traffic: what is there stays, the next ones are narrower.  Sizes depend on the server's version.
\set VERBOSITY terse
SELECT pg_temp.busy(60, '[2020-11-20 00:00Z,2020-11-21 00:00Z)');
SELECT grain, partition_width, regexp_replace(partition_reason, '[0-9]+ (kB|MB|bytes)', '# \1', 'g') AS reason FROM topo.maintenance_status WHERE graph = 'map';
SELECT pg_temp.busy(60, '[2020-11-21 00:00Z,2020-11-21 23:00Z)');
SELECT * FROM pg_temp.minutes();
SELECT pg_temp.busy(60, '[2020-11-21 23:00Z,2020-11-22 04:00Z)');
SELECT * FROM pg_temp.minutes();
-- They lie side by side, and every question is answered from both.
SELECT count(*) FROM topo.partitions('topo_map', 'edge_window') a JOIN topo.partitions('topo_map', 'edge_window') b ON a.partition <> b.partition AND a.during && b.during;
SELECT sum(requests) = (SELECT sum(topo.requests(traffic)) FROM pg_temp.stored('topo_map', 'edge_window')) AS all_there FROM topo.edges('(,)', '{map}');
SELECT count(*), sum(requests) FROM topo.edges('[2020-11-21 23:30Z,2020-11-22 00:30Z)', '{map}');
-- What is late comes into partitions that are made again, as wide as there is room between others.
SELECT pg_temp.busy(1, '[2020-11-19 05:00Z,2020-11-19 05:10Z)');
SELECT * FROM pg_temp.minutes() WHERE begin < '2020-11-20Z';
-- A day without much: three narrow partitions later the next one is wide, and begins where they end.
SELECT pg_temp.clock('2020-11-22 04:05Z'), topo.maintain_windows();
SELECT pg_temp.busy(1, '[2020-11-22 04:00Z,2020-11-22 07:00Z)'), pg_temp.busy(1, '[2020-11-22 07:00Z,2020-11-22 11:00Z)'), pg_temp.busy(1, '[2020-11-22 11:00Z,2020-11-22 13:00Z)');
SELECT pg_temp.busy(1, '[2020-11-22 13:00Z,2020-11-22 22:00Z)');
SELECT * FROM pg_temp.minutes();
-- Old ones go as a whole, each on its own.
SELECT pg_temp.clock('2020-11-24 00:05Z'), topo.maintain_windows();
SELECT begin, span FROM pg_temp.minutes() WHERE begin < '2020-11-23Z';
SELECT pg_temp.clock('2020-11-24 03:05Z'), topo.maintain_windows();
SELECT begin, span FROM pg_temp.minutes() WHERE begin < '2020-11-23Z';
SELECT bucket, requests FROM topo.history('n1', 'n2', '[2020-11-19,2020-11-23)', '1 day', '{map}');
-- Unless they are to stay as they are.
SELECT topo.set_graph('map', '{"adapt_partitions": false}');
SELECT pg_temp.busy(60, '[2020-11-25 00:00Z,2020-11-26 00:00Z)');
SELECT DISTINCT partition_reason FROM topo.maintenance_status WHERE graph = 'map' AND grain > '1 minute';
SELECT r.* FROM pg_temp.refusal($$SELECT topo.set_graph('map', '{"adapt_partitions": "no"}')$$) r;

-- Not more than half of what is kept, nor hundreds of them.
SELECT g.width, r.retention, topo.usable_widths((g.graph, g.width, 'r', d.partition, r.retention, true, true, NULL, false, true)::topo.grain) AS usable
FROM topo.grain g JOIN topo.default_grains('map') d ON d.width = g.width CROSS JOIN unnest('{00:30,2 days,20 days,60 days,2 years,NULL}'::interval[]) r (retention)
WHERE g.graph = 'map' ORDER BY 1, 2;
ROLLBACK;
