-- For tests that let time pass: opens a transaction, as map.sql does, whose clock can be moved.
\getenv srcdir PG_ABS_SRCDIR
\set map :srcdir '/lib/map.sql'
\i :map
SET datestyle = 'ISO';
SET intervalstyle = 'postgres';

-- It is that time, until it is another.
CREATE FUNCTION pg_temp.clock(at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT set_config('topology.clock_offset', extract(epoch FROM at - now())::text, false)
$$;

-- Calls of one window of 10 seconds, as records come.
CREATE FUNCTION pg_temp.called(at timestamptz, client text, server text, requests bigint DEFAULT 1, ms integer DEFAULT 10)
RETURNS void LANGUAGE sql AS $$
	SELECT topo.ingest('ipc', convert_to(format(
		'{"start":%s000,"end":%s000,"client":"%s","server":"%s","requests":%s,"errors":0,"latency_ms":{"count":%s,"sum":%s,"bounds":[%s],"counts":[%s,0]}}',
		t.us, t.us + 1000000, client, server, requests, requests, requests * ms, ms, requests), 'UTF8'))
	FROM (SELECT (extract(epoch FROM at) * 1000000)::bigint AS us) t
$$;

-- One connection, as both its ends report it in one window of 10 seconds.
CREATE FUNCTION pg_temp.reported(at timestamptz, client text, server text, bytes bigint) RETURNS void LANGUAGE sql AS $$
	SELECT topo.ingest('flow', convert_to(format(
		'{"start":%1$s000,"end":%2$s000,"proto":"tcp","role":"%3$s","local":{"ip":"%4$s","port":%5$s,"app":"%6$s"},"peer":{"ip":"%7$s","port":%8$s},"tx_bytes":%9$s,"rx_bytes":%10$s}',
		t.us, t.us + 1000000, e.role, e.ip, e.port, e.app, e.peer_ip, e.peer_port, e.tx, e.rx), 'UTF8'))
	FROM (SELECT (extract(epoch FROM at) * 1000000)::bigint AS us) t,
		 (VALUES ('client', '10.0.0.1', 40000, client, '10.0.0.2', 80, bytes, 0), ('server', '10.0.0.2', 80, server, '10.0.0.1', 40000, 0, bytes))
			e (role, ip, port, app, peer_ip, peer_port, tx, rx)
$$;

-- The windows of a table, packed or not.
CREATE FUNCTION pg_temp.stored(schema name, relation name) RETURNS TABLE (bucket timestamptz, part smallint, src bigint, dst bigint, traffic topo.traffic)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT w.bucket, w.part, w.src, w.dst, w.traffic FROM (%s) w', topo.stored_windows(schema, relation, 'true'));
END
$$;

-- The content of a graph's tables of windows, whatever rows it is in.
CREATE FUNCTION pg_temp.content(graph text) RETURNS TABLE (relation text, bucket timestamptz, source text, target text, traffic topo.traffic,
														   first_seen timestamptz, last_seen timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
	r text;
BEGIN
	FOREACH r IN ARRAY ARRAY['edge_window', 'edge_ten_minutes', 'edge_hour', 'edge_day'] LOOP
		RETURN QUERY EXECUTE format('SELECT %L, w.bucket, topo.node_label(s.type, s.name), topo.node_label(d.type, d.name), topo.merge(w.traffic),
										   min(w.first_seen), max(w.last_seen)
									FROM (%s) w JOIN topo.node s ON s.id = w.src JOIN topo.node d ON d.id = w.dst
									GROUP BY 1, 2, 3, 4', r, topo.stored_windows(('topo_' || graph)::name, r::name, 'true'));
	END LOOP;
END
$$;

-- What is in them, in short.
CREATE FUNCTION pg_temp.held(graph text DEFAULT 'ipc') RETURNS TABLE (relation text, bucket timestamptz, edge text, requests bigint)
LANGUAGE sql AS $$
	SELECT c.relation, c.bucket, c.source || ' > ' || c.target, topo.requests(c.traffic) FROM pg_temp.content(graph) c
	ORDER BY array_position(ARRAY['edge_window', 'edge_ten_minutes', 'edge_hour', 'edge_day'], c.relation), c.bucket, 3
$$;
