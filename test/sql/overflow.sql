-- Addresses nobody is known to hold: which have nodes does not depend on what came first, and neither a scan nor a million clients makes more than there is room for.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :flows
\set ECHO all
SELECT topo.create_service_map(), topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');
SELECT set_config('topology.max_address_nodes', '6', true);

--
-- Whatever the order
--
-- Twenty-five addresses in five windows, in which more and more are met; of some it is told who holds them, for a time.
CREATE TEMP TABLE report AS
	SELECT row_number() OVER () AS n, r.line
	FROM (SELECT pg_temp.flow('web', '10.0.0.1:0', format('10.7.0.%s:80', a), at => w * 70, sent => a) AS line
		  FROM generate_series(0, 4) w, generate_series(1, 25) a WHERE a <= 5 + w * 5 AND (a * 7 + w) % 3 > 0
		  UNION ALL
		  SELECT pg_temp.flow('app' || a, format('10.7.0.%s:80', a), '10.0.0.1:0', 'server', at => w * 70, received => a)
		  FROM generate_series(0, 4) w, generate_series(1, 25) a
		  WHERE (a % 5 = 0 OR a % 4 = 1 AND (a + w) % 2 = 0) AND a <= 5 + w * 5 AND (a * 7 + w) % 3 > 0) r;
SELECT count(*) FROM report;
CREATE TEMP TABLE result (way text, bucket timestamptz, source text, target text, traffic text, confidence real, first_seen timestamptz, last_seen timestamptz);
CREATE TEMP TABLE chosen (way text, address inet, first timestamptz);
CREATE TEMP TABLE share (way text, bucket timestamptz, connections bigint, unattributed bigint, overflow bigint, overflow_share numeric);
CREATE FUNCTION pg_temp.note(way text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	PERFORM topo.flush();
	INSERT INTO result SELECT way, w.* FROM pg_temp.windows() w;
	GET DIAGNOSTICS rows = ROW_COUNT;
	INSERT INTO chosen SELECT way, k.address, k.first FROM topo_network.address_node k;
	INSERT INTO share SELECT way, a.bucket, a.connections, a.unattributed, a.overflow, a.overflow_share FROM topo.attribution a;
	TRUNCATE topo.address, topo.reporter, topo_network.flow_window, topo_network.edge_window, topo_network.live_edge, topo_network.link, topo_network.dirty_window,
			 topo_network.dirty_address, topo_network.attribution_window, topo_network.address_node, topo_network.overflow_window;
	DELETE FROM topo.node WHERE type = 'address';
	RETURN rows;
END
$$;
CREATE FUNCTION pg_temp.take_and_flush(lines text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	taken bigint := pg_temp.take(VARIADIC lines);
BEGIN
	PERFORM topo.flush();
	RETURN taken;
END
$$;
SELECT pg_temp.take(VARIADIC array_agg(line ORDER BY n)) = count(*) AS taken FROM report;
SELECT pg_temp.note('at once') > 0 AS noted;
SELECT sum(pg_temp.take_and_flush(ARRAY[line])) = count(*) AS taken FROM (SELECT line FROM report ORDER BY n) r;
SELECT pg_temp.note('one by one') > 0 AS noted;
SELECT sum(pg_temp.take_and_flush(ARRAY[line])) = count(*) AS taken FROM (SELECT line FROM report ORDER BY n DESC) r;
SELECT pg_temp.note('one by one, backwards') > 0 AS noted;
SELECT sum(pg_temp.take_and_flush(ARRAY[line])) = count(*) AS taken FROM (SELECT line FROM report ORDER BY md5(line)) r;
SELECT pg_temp.note('one by one, shuffled') > 0 AS noted;
SELECT sum(pg_temp.take_and_flush(lines)) = (SELECT count(*) FROM report) AS taken FROM (SELECT array_agg(line) AS lines FROM report GROUP BY n % 7 ORDER BY n % 7) r;
SELECT pg_temp.note('in batches of all windows') > 0 AS noted;
SELECT sum(pg_temp.take_and_flush(lines)) = (SELECT count(*) FROM report) AS taken FROM (SELECT array_agg(line ORDER BY n DESC) AS lines FROM report GROUP BY n / 20 ORDER BY n / 20 DESC) r;
SELECT pg_temp.note('in batches, backwards') > 0 AS noted;
SELECT way, count(*) FROM (SELECT way, bucket, source, target, traffic, confidence, first_seen, last_seen, count(*) OVER (PARTITION BY bucket, source, target, traffic, confidence, first_seen, last_seen) AS ways FROM result) r
WHERE r.ways <> 6 GROUP BY 1 ORDER BY 1;
SELECT count(*) AS otherwise FROM (SELECT bucket, connections, unattributed, overflow FROM share GROUP BY 1, 2, 3, 4 HAVING count(*) <> 6) s;
SELECT count(*) AS chosen, count(*) FILTER (WHERE c.ways <> 6) AS otherwise FROM (SELECT address, first, count(*) AS ways FROM chosen GROUP BY 1, 2) c;
-- Those met first have the nodes, but for those that somebody holds.
SELECT string_agg(DISTINCT target, ' ' ORDER BY target) AS of_their_own FROM result WHERE way = 'at once' AND target ~ '^address:';
SELECT bucket, connections, unattributed, overflow, overflow_share FROM share WHERE way = 'at once' ORDER BY 1;

-- An owner who is known late leaves room for the next one, in all its windows, and for nobody else.
SELECT set_config('topology.max_address_nodes', '2', true);
CREATE FUNCTION pg_temp.seen() RETURNS TABLE (bucket timestamptz, targets text) LANGUAGE sql AS $$
	SELECT w.bucket, string_agg(w.target, ' ' ORDER BY w.target COLLATE "C") FROM pg_temp.windows() w WHERE w.source = 'web' GROUP BY 1 ORDER BY 1
$$;
SELECT pg_temp.take_and_flush(array_agg(pg_temp.flow('web', '10.0.0.1:0', '10.7.0.' || a || ':80', at => w * 70)))
FROM (VALUES (0, 1), (0, 2), (1, 1), (1, 3), (2, 4), (3, 3), (3, 1), (4, 4)) v (w, a);
SELECT * FROM pg_temp.seen();
SELECT pg_temp.take_and_flush(ARRAY[pg_temp.flow('app2', '10.7.0.2:80', '10.0.0.1:0', 'server')]);
SELECT * FROM pg_temp.seen();
-- Who is met for the first time does not come before those who wait.
SELECT pg_temp.take(pg_temp.flow('app1', '10.7.0.1:80', '10.0.0.1:0', 'server', at => 0), pg_temp.flow('web', '10.0.0.1:0', '10.7.0.5:80', at => 500));
SELECT topo.resolve_pending(false);
SELECT * FROM pg_temp.seen();
SELECT topo.flush();
SELECT * FROM pg_temp.seen();
SELECT pg_temp.take_and_flush(ARRAY[pg_temp.flow('app1', '10.7.0.1:80', '10.0.0.1:0', 'server', at => 70), pg_temp.flow('app1', '10.7.0.1:80', '10.0.0.1:0', 'server', at => 210)]);
SELECT * FROM pg_temp.seen();
SELECT address, first FROM topo_network.address_node ORDER BY 1;
SELECT * FROM topo_network.overflow_window ORDER BY 1;
-- And where the room is made, all have it.
SELECT set_config('topology.max_address_nodes', '8', true), topo.flush();
SELECT * FROM pg_temp.seen();
-- An owner of the first time only: it is known from the next on, also where a later one is resolved at once.
SELECT pg_temp.take_and_flush(ARRAY[pg_temp.flow('app4', '10.7.0.4:80', '10.0.0.1:0', 'server', at => 140), pg_temp.flow('web', '10.0.0.1:0', '10.7.0.4:80', at => 600)]);
SELECT address, first FROM topo_network.address_node WHERE address = '10.7.0.4';
SELECT pg_temp.note('late') > 0 AS noted;

--
-- Many
--
CREATE FUNCTION pg_temp.window_of(at timestamptz, role integer, most integer, network inet, ports integer) RETURNS void LANGUAGE sql AS $$
	SELECT topo.ensure_partitions('network', '10 seconds', tstzrange(at, at, '[]'));
	INSERT INTO topo_network.flow_window (bucket, scope, protocol, role, role_guessed, local_address, local_port, local_node, peer_address, peer_port, first_seen, last_seen, traffic)
	SELECT at, '', 6, role, false, '10.0.0.1', CASE role WHEN 2 THEN 443 ELSE 0 END, topo.node_id('app:web'), network + a, CASE role WHEN 1 THEN p ELSE 0 END, at, at, '{"connections": 1, "bytes_sent": 40, "bytes_received": 40}'
	FROM generate_series(0, most - 1) a, generate_series(1, ports) p;
	INSERT INTO topo_network.dirty_window VALUES (at)
$$;
SELECT set_config('topology.max_address_nodes', '100', true);
SELECT topo.set_node('app', 'web') IS NOT NULL AS web;
-- A scan: every port of three, of each address of a network, in two windows.
SELECT pg_temp.window_of('2020-11-20 10:00Z', 1, 16384, '10.8.0.0', 1), pg_temp.window_of('2020-11-20 10:00:10Z', 1, 4096, '10.8.0.0', 3);
SELECT topo.flush();
SELECT count(*) AS nodes FROM topo.node WHERE type = 'address';
SELECT count(*) AS edges, count(*) FILTER (WHERE source <> 'web') AS others FROM pg_temp.windows();
SELECT bucket, connections, unattributed + overflow AS of_nobody, overflow > 0.98 * connections AS mostly, overflow_share > 0.98 AS shown FROM topo.attribution ORDER BY 1;
-- As many public clients: the internet.
SELECT pg_temp.window_of('2020-11-20 10:01Z', 2, 30000, '11.0.0.0', 1);
SELECT topo.flush();
SELECT source, target, topo.connections(traffic) AS connections FROM pg_temp.windows() WHERE bucket = '2020-11-20 10:01Z';
SELECT type, count(*) AS nodes FROM topo.node WHERE type IN ('address', 'external') GROUP BY 1 ORDER BY 1;
ROLLBACK;
