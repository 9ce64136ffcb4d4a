--
-- Where an edge comes from: what an engineer looks at who does not believe it.
--
-- explain_edge() tells what stands in the tables now, from the edge down to the
-- flows: the edge's windows, the hops of its ends and intermediaries, who held
-- their addresses, what stands in the inventory, what was told of translations,
-- and what metrics and traces have to say.
--
-- Cost: that of hops() over the range, of the nodes concerned.
--

CREATE FUNCTION topo.attribution_windows()
RETURNS TABLE (bucket timestamptz, share text, connections bigint, bytes numeric)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF to_regclass('topo_network.attribution_window') IS NOT NULL THEN
		RETURN QUERY SELECT w.bucket, w.share, w.connections, w.bytes FROM topo_network.attribution_window w;
	END IF;
END
$$;
COMMENT ON FUNCTION topo.attribution_windows() IS 'how much of each flow window was attributed; no rows where there is no graph "network"';

CREATE VIEW topo.attribution AS
	SELECT w.bucket, coalesce(sum(w.connections) FILTER (WHERE w.share <> 'unjoined'), 0)::bigint AS connections,
		   coalesce(sum(w.bytes) FILTER (WHERE w.share <> 'unjoined'), 0) AS bytes,
		   coalesce(sum(w.connections) FILTER (WHERE w.share = 'external'), 0)::bigint AS external,
		   coalesce(sum(w.connections) FILTER (WHERE w.share = 'unattributed'), 0)::bigint AS unattributed,
		   coalesce(sum(w.connections) FILTER (WHERE w.share = 'ambiguous'), 0)::bigint AS ambiguous,
		   coalesce(sum(w.connections) FILTER (WHERE w.share = 'overflow'), 0)::bigint AS overflow,
		   round(coalesce(sum(w.bytes) FILTER (WHERE w.share IN ('unattributed', 'overflow')), 0) / nullif(sum(w.bytes) FILTER (WHERE w.share <> 'unjoined'), 0), 4) AS unattributed_share,
		   round(coalesce(sum(w.bytes) FILTER (WHERE w.share = 'ambiguous'), 0) / nullif(sum(w.bytes) FILTER (WHERE w.share <> 'unjoined'), 0), 4) AS ambiguous_share,
		   round(coalesce(sum(w.bytes) FILTER (WHERE w.share = 'overflow'), 0) / nullif(sum(w.bytes) FILTER (WHERE w.share <> 'unjoined'), 0), 4) AS overflow_share,
		   coalesce(sum(w.connections) FILTER (WHERE w.share = 'unjoined'), 0)::bigint AS unjoined
	FROM topo.attribution_windows() w
	GROUP BY w.bucket;
COMMENT ON VIEW topo.attribution IS 'of each flow window: the connections and bytes counted, and how much of them is of addresses outside, of nobody known, or claimed by several';
COMMENT ON COLUMN topo.attribution.external IS 'connections with an end that is outside (external:...)';
COMMENT ON COLUMN topo.attribution.unattributed IS 'connections with an end that nobody is known to hold (address:...)';
COMMENT ON COLUMN topo.attribution.ambiguous IS 'connections with an end that several claim to hold';
COMMENT ON COLUMN topo.attribution.overflow IS 'connections with an end for which there is no node of its own any more (address:overflow)';
COMMENT ON COLUMN topo.attribution.unattributed_share IS 'share of the bytes, unattributed and overflow';
COMMENT ON COLUMN topo.attribution.ambiguous_share IS 'share of the bytes';
COMMENT ON COLUMN topo.attribution.overflow_share IS 'share of the bytes';
COMMENT ON COLUMN topo.attribution.unjoined IS 'connections of hops to and from intermediaries that were too many to be joined within topology.resolve_memory';

CREATE FUNCTION topo.nodes_of_edge(source text, target text, during tstzrange) RETURNS bigint[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	ends CONSTANT bigint[] := ARRAY[topo.existing_node(source), topo.existing_node(target)];
	members CONSTANT bigint[] := ARRAY(SELECT n.id FROM topo.node n WHERE n.id = ANY (ends) OR n.parent = ANY (ends) AND n.type = 'cluster');
	between bigint[];
BEGIN
	IF to_regclass('topo_network.edge_window') IS NOT NULL THEN
		EXECUTE format('SELECT array_agg(DISTINCT v) FROM %s w CROSS JOIN LATERAL unnest(w.via) v',
					   topo.window_source(topo.existing_graph('network'), during, sources => '$1', targets => '$1'))
		INTO between USING members;
	END IF;
	RETURN members || between;
END
$$;
COMMENT ON FUNCTION topo.nodes_of_edge(text, text, tstzrange) IS
'the nodes at both ends of an edge, with their clusters, and those that it goes via';

CREATE FUNCTION topo.explain_windows(graph topo.graph, source text, target text, during tstzrange)
RETURNS TABLE (kind text, what text, seen tstzrange, connections bigint, bytes numeric, detail text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	sources CONSTANT bigint[] := (SELECT array_agg(n.id) FROM topo.node n, topo.node_id(source) s WHERE n.id = s OR n.parent = s AND n.type = 'cluster');
	targets CONSTANT bigint[] := (SELECT array_agg(n.id) FROM topo.node n, topo.node_id(target) t WHERE n.id = t OR n.parent = t AND n.type = 'cluster');
BEGIN
	RETURN QUERY EXECUTE format($windows$
		SELECT 'edge', $1 || ': ' || topo.node_label(s.type, s.name) || ' to ' || topo.node_label(d.type, d.name)
					   || coalesce(' via ' || array_to_string(topo.via_labels(ARRAY[e.way]), ', '), ''),
			   tstzrange(e.first_seen, e.last_seen, '[]'), topo.connections(e.traffic),
			   topo.bytes_sent(e.traffic)::numeric + topo.bytes_received(e.traffic),
			   format('%%s windows, confidence %%s to %%s%%s', e.windows, e.least, e.most,
					  CASE WHEN topo.requests(e.traffic) > 0 THEN format(', %%s requests', topo.requests(e.traffic)) ELSE '' END)
		FROM (SELECT w.src, w.dst, nullif(array_to_string(w.via, ' '), '') AS way, count(DISTINCT w.bucket) AS windows,
					 min(w.confidence) AS least, max(w.confidence) AS most, min(w.first_seen) AS first_seen,
					 max(w.last_seen) AS last_seen, topo.merge(w.traffic) AS traffic
			  FROM %s w
			  WHERE w.src = ANY ($2) AND w.dst = ANY ($3)
			  GROUP BY 1, 2, 3) e
			 JOIN topo.node s ON s.id = e.src JOIN topo.node d ON d.id = e.dst
		ORDER BY 2$windows$, topo.window_source(graph, during))
	USING graph.name, sources, targets;
END
$$;
COMMENT ON FUNCTION topo.explain_windows(topo.graph, text, text, tstzrange) IS 'explain_edge(): the edge in the windows of one graph';

CREATE FUNCTION topo.explain_addresses(nodes bigint[], during tstzrange)
RETURNS TABLE (scope text, address inet, port integer, valid tstzrange, node bigint, source text, ambiguous boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- with other claims to the same addresses: they are why an edge may be missing
	SELECT a.scope, a.address, a.port, a.valid, a.node, a.source, a.ambiguous
	FROM topo.address a
	WHERE a.valid && during
	  AND (a.scope, a.address) IN (SELECT o.scope, o.address FROM topo.address o WHERE o.node = ANY (nodes) AND o.valid && during)
$$;
COMMENT ON FUNCTION topo.explain_addresses(bigint[], tstzrange) IS 'explain_edge(): who held the addresses of some nodes';

CREATE FUNCTION topo.explain_hops(nodes bigint[], during tstzrange)
RETURNS TABLE (kind text, what text, seen tstzrange, connections bigint, bytes numeric, detail text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
	WITH held AS MATERIALIZED (
		SELECT * FROM topo.explain_addresses(nodes, during)
	)
	SELECT 'hop', format('%s to %s%s, reported by the %s', coalesce(h.source_node || ' at ', '') || host(h.source), coalesce(h.target_node || ' at ', '') || host(h.target),
						 coalesce(' port ' || h.target_port, ''), h.reported_by),
		   tstzrange(h.first_seen, h.last_seen, '[]'), h.connections, h.bytes_sent::numeric + h.bytes_received,
		   concat_ws(', ', h.protocol, nullif(h.failed, 0) || ' failed', CASE WHEN h.role_guessed THEN 'direction guessed' END,
					 'left as ' || host(h.nat_source), 'translated to ' || host(h.nat_target) || coalesce(' port ' || h.nat_target_port, ''))
	FROM topo.hops(during) h
	WHERE EXISTS (SELECT FROM held a WHERE a.scope = h.scope AND a.address IN (h.source, h.nat_source) AND a.node = ANY (nodes))
	  AND EXISTS (SELECT FROM held a WHERE a.scope = h.scope AND a.address IN (h.target, h.nat_target) AND a.node = ANY (nodes))
	ORDER BY 3, 2
$$;
COMMENT ON FUNCTION topo.explain_hops(bigint[], tstzrange) IS 'explain_edge(): what was reported between the addresses of some nodes';

CREATE FUNCTION topo.explain_translations(nodes bigint[], during tstzrange)
RETURNS TABLE (kind text, what text, seen tstzrange, connections bigint, bytes numeric, detail text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT 'translation', format('%s to %s port %s left as %s to %s port %s', host(t.client_address), host(t.target_address), t.target_port,
								 host(t.out_client_address), host(t.out_target_address), t.out_target_port),
		   tstzrange(min(t.bucket), max(t.bucket) + interval '10 seconds'), sum(t.connections)::bigint, NULL::numeric, topo.protocol_name(t.protocol)
	FROM topo_network.translation t
	WHERE t.bucket <@ during
	  AND EXISTS (SELECT FROM topo.explain_addresses(nodes, during) a WHERE a.scope = t.scope AND a.address = t.client_address AND a.node = ANY (nodes))
	  AND EXISTS (SELECT FROM topo.explain_addresses(nodes, during) a WHERE a.scope = t.scope AND a.address = t.out_target_address AND a.node = ANY (nodes))
	GROUP BY t.protocol, t.client_address, t.target_address, t.target_port, t.out_client_address, t.out_target_address, t.out_target_port
	ORDER BY 2
$$;
COMMENT ON FUNCTION topo.explain_translations(bigint[], tstzrange) IS 'explain_edge(): what forwarding hosts told of translations between some nodes';

CREATE FUNCTION topo.explain_inventory(nodes bigint[], during tstzrange)
RETURNS TABLE (kind text, what text, seen tstzrange, connections bigint, bytes numeric, detail text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT * FROM (
		SELECT 'holder', format('%s%s held by %s', topo.address_label(a.scope, a.address), coalesce(' port ' || a.port, ''), topo.node_label(n.type, n.name)),
			   a.valid, NULL::bigint, NULL::numeric,
			   CASE WHEN a.ambiguous THEN 'one of several that claim it, ' ELSE '' END || CASE a.source WHEN 'inventory' THEN 'said by the inventory' ELSE 'learned from ' || a.source END
		FROM topo.explain_addresses(nodes, during) a JOIN topo.node n ON n.id = a.node
		UNION ALL
		SELECT 'intermediary', topo.node_label(n.type, n.name), NULL, NULL, NULL,
			   i.kind || coalesce(', backends ' || (SELECT string_agg(b.backend || coalesce(' behind port ' || b.port, ''), ', ' ORDER BY b.port, b.backend)
													FROM topo.intermediary_backend b WHERE b.intermediary = i.node), '')
		FROM topo.intermediary i JOIN topo.node n ON n.id = i.node
		WHERE i.node = ANY (nodes)) e
	ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION topo.explain_inventory(bigint[], tstzrange) IS 'explain_edge(): who held the addresses of some nodes, and which of them are intermediaries';

CREATE FUNCTION topo.explain_edge(source text, target text, during tstzrange DEFAULT NULL)
RETURNS TABLE (kind text, what text, seen tstzrange, connections bigint, bytes numeric, detail text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 50
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	span tstzrange;
	nodes bigint[];
BEGIN
	PERFORM topo.existing_node(source), topo.existing_node(target);
	span := topo.hops_span(during);
	nodes := topo.nodes_of_edge(source, target, span);
	RETURN QUERY SELECT w.* FROM topo.graphs_asked(NULL) g CROSS JOIN LATERAL topo.explain_windows(g, source, target, span) w;
	RETURN QUERY SELECT * FROM topo.explain_hops(nodes, span);
	RETURN QUERY SELECT * FROM topo.explain_translations(nodes, span);
	RETURN QUERY SELECT * FROM topo.explain_inventory(nodes, span);
END
$$;
COMMENT ON FUNCTION topo.explain_edge(text, text, tstzrange) IS
'what an edge was made from: its windows in each graph, the hops between its ends and the intermediaries it goes via, translations, who held the addresses, the inventory; during NULL: what is live';
