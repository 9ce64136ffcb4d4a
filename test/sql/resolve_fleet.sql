-- Resolution of a fleet: whatever the order of records, batches and flushes, the edges are the same, none is wrong, and nothing is counted twice or lost.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :refusal
\i :flows
\set ECHO all
SELECT topo.create_service_map(), topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');

-- A number below "most" for each pair of numbers.
CREATE FUNCTION pg_temp.pick(i integer, salt integer, most integer) RETURNS integer LANGUAGE sql AS $$
	SELECT (('x' || left(md5(i || '/' || salt), 7))::bit(28)::integer % most)
$$;
-- Six hosts; who is on a host changes every hundred seconds, within two.
CREATE FUNCTION pg_temp.tenant(host integer, at numeric) RETURNS text LANGUAGE sql AS $$
	SELECT chr(97 + w) || CASE WHEN w < 4 THEN '/' || chr(97 + w) || '-1' ELSE '' END FROM pg_temp.pick(host, 1000 + (at / 100)::integer, 7) w
$$;
-- 150 calls, seen by both ends, by one, through a virtual address, on loopback, to the world, from hosts without agents.
CREATE TEMP TABLE call AS
	SELECT i, c.*, pg_temp.tenant(c.client_host, c.at) AS client, pg_temp.tenant(c.server_host, c.at) AS server
	FROM generate_series(1, 150) i,
		 LATERAL (SELECT pg_temp.pick(i, 1, 5) * 100 - 49 + pg_temp.pick(i, 2, 97) AS at, pg_temp.pick(i, 3, 6) AS client_host,
						 (pg_temp.pick(i, 3, 6) + 1 + pg_temp.pick(i, 4, 5)) % 6 AS server_host, 1 + pg_temp.pick(i, 5, 5000) AS sent, pg_temp.pick(i, 6, 5000) AS received,
						 (ARRAY['both', 'both', 'both', 'client', 'server', 'virtual', 'loopback', 'world'])[1 + pg_temp.pick(i, 7, 8)] AS seen) c;
CREATE TEMP TABLE report AS
	SELECT row_number() OVER (ORDER BY i, role) AS n, r.line
	FROM call, LATERAL (
		SELECT 'client' AS role, pg_temp.flow(client,
			CASE seen WHEN 'loopback' THEN '127.0.0.1:0' ELSE format('10.0.0.%s:0', client_host) END,
			CASE seen WHEN 'loopback' THEN '127.0.0.1:80' WHEN 'virtual' THEN '10.96.0.1:80' WHEN 'world' THEN format('198.51.100.%s:443', server_host) ELSE format('10.0.0.%s:80', server_host) END,
			at => at, sent => sent, received => received,
			more => CASE seen WHEN 'loopback' THEN jsonb_build_object('scope', 'lo' || server_host)
							  WHEN 'virtual' THEN jsonb_build_object('nat', jsonb_build_object('peer_ip', '10.0.0.' || server_host, 'peer_port', 80)) ELSE '{}' END) AS line
		WHERE seen <> 'server'
		UNION ALL
		SELECT 'server', pg_temp.flow(server,
			CASE seen WHEN 'loopback' THEN '127.0.0.1:80' ELSE format('10.0.0.%s:80', server_host) END,
			CASE seen WHEN 'loopback' THEN '127.0.0.1:0' WHEN 'server' THEN format('10.7.0.%s:0', client_host) ELSE format('10.0.0.%s:0', client_host) END, 'server',
			at => at + 0.3, sent => received, received => sent, more => CASE seen WHEN 'loopback' THEN jsonb_build_object('scope', 'lo' || server_host) ELSE '{}' END)
		WHERE seen NOT IN ('client', 'world')) r;
SELECT count(*) > 200 AS many FROM report;
SELECT seen, count(*) > 5 AS some FROM call GROUP BY 1 ORDER BY 1;

CREATE TEMP TABLE result (way text, bucket timestamptz, source text, target text, traffic topo.traffic, confidence real, first_seen timestamptz, last_seen timestamptz);
CREATE TEMP TABLE live_result (way text, level "char", source text, target text, first_seen timestamptz, last_seen timestamptz);
CREATE FUNCTION pg_temp.note(way text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.flush();
	INSERT INTO result SELECT way, w.* FROM pg_temp.windows() w;
	INSERT INTO live_result SELECT way, l.level, topo.node_label(s.type, s.name), topo.node_label(d.type, d.name), e.first_seen, e.last_seen
	FROM topo_network.link l JOIN topo.node s ON s.id = l.src JOIN topo.node d ON d.id = l.dst
		 LEFT JOIN topo_network.live_edge e ON l.level = 'c' AND e.src = l.src AND e.dst = l.dst;
	TRUNCATE topo.address, topo.reporter, topo_network.flow_window, topo_network.edge_window, topo_network.live_edge, topo_network.link, topo_network.dirty_window, topo_network.dirty_address, topo_network.address_node, topo_network.overflow_window;
END
$$;
CREATE FUNCTION pg_temp.take_and_flush(flush boolean, lines text[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	taken bigint := pg_temp.take(VARIADIC lines);
BEGIN
	IF flush THEN
		PERFORM topo.flush();
	END IF;
	RETURN taken;
END
$$;
SELECT pg_temp.take(VARIADIC array_agg(line ORDER BY n)) = count(*) AS taken FROM report;
SELECT pg_temp.note('at once');
SELECT sum(pg_temp.take(line)) = count(*) AS taken FROM (SELECT line FROM report ORDER BY n) r;
SELECT pg_temp.note('one by one');
SELECT sum(pg_temp.take(line)) = count(*) AS taken FROM (SELECT line FROM report ORDER BY md5(line)) r;
SELECT pg_temp.note('shuffled');
SELECT sum(pg_temp.take_and_flush(true, lines)) = (SELECT count(*) FROM report) AS taken FROM (SELECT array_agg(line) AS lines FROM report GROUP BY n % 17 ORDER BY n % 17) r;
SELECT pg_temp.note('in batches, flushed between');
SELECT sum(pg_temp.take_and_flush(n % 3 = 0, ARRAY[line])) = count(*) AS taken FROM (SELECT n, line FROM report ORDER BY md5(line) DESC) r;
SELECT pg_temp.note('shuffled, one by one, flushed between');
SELECT sum(pg_temp.take_and_flush(true, lines)) = (SELECT count(*) FROM report) AS taken FROM (SELECT array_agg(line ORDER BY n DESC) AS lines FROM report GROUP BY n / 40 ORDER BY n / 40 DESC) r;
SELECT pg_temp.note('backwards, in batches, flushed between');

-- All ways give the same windows.
SELECT way, count(*) > 50 AS some FROM result GROUP BY way ORDER BY way COLLATE "C";
SELECT count(*) AS otherwise FROM (SELECT bucket, source, target, traffic::text, confidence, first_seen, last_seen FROM result GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) <> 6) r;
SELECT count(*) AS otherwise_live FROM (SELECT level, source, target, first_seen, last_seen FROM live_result GROUP BY 1, 2, 3, 4, 5 HAVING count(*) <> 6) r;
-- The live map is that of the windows.
SELECT count(*) AS otherwise
FROM (SELECT source, target, min(first_seen) AS first_seen, max(last_seen) AS last_seen FROM result WHERE way = 'at once' GROUP BY 1, 2) w
	 FULL JOIN (SELECT * FROM live_result WHERE way = 'at once' AND level = 'c') l USING (source, target, first_seen, last_seen)
WHERE w.source IS NULL OR l.source IS NULL;

-- Every call is counted once, and what it carried.
SELECT r.connections = c.calls AS calls, r.sent = c.sent AS sent, r.received = c.received AS received
FROM (SELECT sum(topo.connections(traffic)) AS connections, sum(topo.bytes_sent(traffic)) AS sent, sum(topo.bytes_received(traffic)) AS received FROM result WHERE way = 'at once') r,
	 (SELECT count(*) AS calls, sum(sent) AS sent, sum(received) AS received FROM call) c;
-- No edge is wrong: where it names a callee, that one was called, by that one, in that minute.
CREATE TEMP VIEW truth AS
	SELECT date_trunc('minute', '2020-11-20 10:00Z'::timestamptz + c.at * interval '1 second') AS bucket,
		   CASE seen WHEN 'server' THEN 'address:10.7.0.' || client_host ELSE regexp_replace(client, '^./', 'cluster:') END AS source,
		   CASE seen WHEN 'world' THEN 'external:internet' ELSE regexp_replace(server, '^./', 'cluster:') END AS target,
		   seen, 'address:10.0.0.' || server_host AS address
	FROM call c;
SELECT r.bucket, r.source, r.target, r.confidence FROM result r
WHERE r.way = 'at once' AND r.target !~ '^address:' AND NOT EXISTS (SELECT FROM truth t WHERE t.bucket = r.bucket AND t.source = r.source AND t.target = r.target)
ORDER BY 1, 2, 3;
-- Nor is none named: left open is who was called while the address changed hands, and reported nothing of it; and the world stays what it is.
SELECT count(*) FILTER (WHERE target !~ '^address:' AND confidence = 1) > 90 AS named, count(*) FILTER (WHERE target ~ '^address:10\.0') > 0 AS left_open,
	   count(DISTINCT target) FILTER (WHERE target ~ '^external:') AS world
FROM result WHERE way = 'at once';
SELECT count(*) AS wrongly_left_open FROM result r
WHERE r.way = 'at once' AND r.target ~ '^address:10\.0' AND NOT EXISTS (SELECT FROM truth t WHERE t.seen = 'client' AND (t.bucket, t.source, t.address) = (r.bucket, r.source, r.target));
SELECT count(*) AS missing FROM truth t WHERE t.target ~ '^external:' AND NOT EXISTS (SELECT FROM result r WHERE r.way = 'at once' AND (r.bucket, r.source, r.target) = (t.bucket, t.source, t.target));
ROLLBACK;
