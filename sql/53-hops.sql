--
-- hops(): what was reported, before resolution.
--

CREATE FUNCTION topo.protocol_name(protocol smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT CASE protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' ELSE protocol::text END
$$;
COMMENT ON FUNCTION topo.protocol_name(smallint) IS 'name of an IP protocol, or its number';

CREATE FUNCTION topo.hops_span(during tstzrange) RETURNS tstzrange
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.check_during(during), topo.tell_what_is_kept(topo.existing_graph('network'), lower(topo.half_open(during)), false);
	RETURN coalesce(during, tstzrange(topo.live_since((topo.existing_graph('network')).name), NULL));
END
$$;
COMMENT ON FUNCTION topo.hops_span(tstzrange) IS 'the range that hops() reads; NULL: the last edge_ttl of the graph network';

CREATE FUNCTION topo.hops(during tstzrange DEFAULT NULL)
RETURNS TABLE (scope text, source inet, source_node text, target inet, target_port integer, target_node text,
			   protocol text, reported_by text, role_guessed boolean,
			   connections bigint, failed bigint, bytes_sent bigint, bytes_received bigint, retransmits bigint,
			   rtt_ms double precision, nat_source inet, nat_target inet, nat_target_port integer,
			   first_seen timestamptz, last_seen timestamptz, traffic topo.traffic)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	span tstzrange := topo.hops_span(during);
	width interval := (topo.existing_grain('network', '10 seconds')).width;
	after timestamptz := coalesce(lower(span) - width, '-infinity');
	before timestamptz := coalesce(CASE WHEN upper_inc(span) THEN upper(span) + interval '1 microsecond'
										ELSE upper(span) END, 'infinity');
BEGIN
	RETURN QUERY
	WITH flow AS (
		SELECT w.scope, w.protocol, w.role = 1 AS by_client, w.role_guessed, w.local_address, w.local_port, w.local_node,
			   w.peer_address, w.peer_port, w.nat_local_address, w.nat_local_port, w.nat_peer_address, w.nat_peer_port,
			   min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen,
			   CASE w.role WHEN 1 THEN topo.merge(w.traffic) ELSE topo.reversed(topo.merge(w.traffic)) END AS traffic
		FROM topo_network.flow_window w
		WHERE w.bucket > after AND w.bucket < before
		GROUP BY w.role, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
	), label AS MATERIALIZED (
		SELECT n.id, topo.node_label(n.type, n.name) AS label
		FROM topo.node n WHERE n.id IN (SELECT f.local_node FROM flow f)
	)
	SELECT f.scope,
		   CASE WHEN f.by_client THEN f.local_address ELSE f.peer_address END,
		   CASE WHEN f.by_client THEN l.label END,
		   CASE WHEN f.by_client THEN f.peer_address ELSE f.local_address END,
		   CASE WHEN f.by_client THEN f.peer_port ELSE f.local_port END,
		   CASE WHEN NOT f.by_client THEN l.label END,
		   topo.protocol_name(f.protocol), CASE WHEN f.by_client THEN 'client' ELSE 'server' END, f.role_guessed,
		   topo.connections(f.traffic), topo.failed(f.traffic),
		   topo.bytes_sent(f.traffic), topo.bytes_received(f.traffic),
		   topo.retransmits(f.traffic), topo.rtt_ms(f.traffic),
		   CASE WHEN f.by_client THEN f.nat_local_address ELSE f.nat_peer_address END,
		   CASE WHEN f.by_client THEN f.nat_peer_address ELSE f.nat_local_address END,
		   CASE WHEN f.by_client THEN f.nat_peer_port ELSE f.nat_local_port END,
		   f.first_seen, f.last_seen, f.traffic
	FROM flow f LEFT JOIN label l ON l.id = f.local_node;
END
$$;
COMMENT ON FUNCTION topo.hops(tstzrange) IS
'what each end of a connection reported in a range of time, by address, before resolution; NULL: the last edge_ttl of network.
A connection that both ends report is two rows, told apart by reported_by; the node of the reporting end is given, that of the other is NULL.
Traffic and readings are the caller''s view: bytes_sent flowed from source to target; retransmits are those of the reporting end';
