-- For tests that ingest flows, around 2020-11-20 10:00 UTC.

-- One record of the native format.  local and peer are written host:port; "at"
-- is seconds after ten o'clock; more is merged into the record, over the rest.
CREATE FUNCTION pg_temp.flow(app text, local text, peer text, role text DEFAULT 'client', at numeric DEFAULT 0,
							 sent bigint DEFAULT 100, received bigint DEFAULT 1000, connections bigint DEFAULT 1,
							 lasts numeric DEFAULT 1, more jsonb DEFAULT '{}')
RETURNS text LANGUAGE sql AS $$
	SELECT (jsonb_build_object(
		'start', (1605866400000000000 + at * 1000000000)::bigint,
		'end', (1605866400000000000 + (at + lasts) * 1000000000)::bigint,
		'proto', 'tcp', 'role', role,
		'local', jsonb_strip_nulls(jsonb_build_object(
			'ip', regexp_replace(local, ':[^:]*$', ''), 'port', regexp_replace(local, '^.*:', ''),
			'app', split_part(app, '/', 1), 'cluster', nullif(split_part(app, '/', 2), ''))),
		'peer', jsonb_build_object('ip', regexp_replace(peer, ':[^:]*$', ''), 'port', regexp_replace(peer, '^.*:', '')),
		'tx_bytes', sent, 'rx_bytes', received, 'connections', connections) || more)::text
$$;

-- Ingest records, in one payload.
CREATE FUNCTION pg_temp.take(VARIADIC records text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT topo.ingest('flow', convert_to(array_to_string(records, E'\n'), 'UTF8'))
$$;

-- The map of that day, from the windows.
CREATE FUNCTION pg_temp.map(level text DEFAULT 'app')
RETURNS TABLE (source text, target text, connections bigint, sent bigint, received bigint, confidence real)
LANGUAGE sql AS $$
	SELECT e.source, e.target, e.connections, e.bytes_sent, e.bytes_received, e.confidence
	FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', '{network}', level) e
	ORDER BY e.source COLLATE "C", e.target COLLATE "C"
$$;

-- The content of the windows, whatever rows it is in.
CREATE FUNCTION pg_temp.windows()
RETURNS TABLE (bucket timestamptz, source text, target text, traffic topo.traffic, confidence real,
			   first_seen timestamptz, last_seen timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	SELECT w.bucket, topo.node_label(s.type, s.name), topo.node_label(d.type, d.name), topo.merge(w.traffic),
		   min(w.confidence), min(w.first_seen), max(w.last_seen)
	FROM topo_network.edge_window w JOIN topo.node s ON s.id = w.src JOIN topo.node d ON d.id = w.dst
	GROUP BY 1, 2, 3;
END
$$;
