--
-- Ingest: batches of flow records and spans into stage 1.
--
-- The C side decodes and aggregates a batch; store_flows() writes it, and what
-- it teaches of addresses, in the transaction that also writes the source's
-- position; so does store_spans().  Nothing is resolved here, so that batches of
-- several sources never wait for each other.
--

CREATE TYPE topo.flow_row AS (
	bucket            timestamptz,
	first_seen        timestamptz,
	last_seen         timestamptz,
	scope             text,
	protocol          smallint,
	role              smallint,
	role_guessed      boolean,
	local_address     inet,
	local_port        integer,
	peer_address      inet,
	peer_port         integer,
	nat_local_address inet,
	nat_local_port    integer,
	nat_peer_address  inet,
	nat_peer_port     integer,
	app               text,
	cluster           text,
	region            text,
	traffic           topo.traffic
);
COMMENT ON TYPE topo.flow_row IS 'one aggregated conversation on its way to flow_window, or to translation';

CREATE FUNCTION topo.accepted_times(graph text, OUT oldest timestamptz, OUT newest timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	-- on its own: in a condition on no rows it would not be called
	known CONSTANT topo.graph := topo.existing_graph(accepted_times.graph);
BEGIN
	-- older than the shortest windows are kept, records come into those that are kept longer
	SELECT CASE WHEN bool_and(g.retention IS NOT NULL) THEN topo.clock() - max(g.retention) ELSE '-infinity' END,
		   clock_timestamp() + (topo.clock() - now()) + interval '1 hour'
	INTO oldest, newest
	FROM topo.grain g WHERE g.graph = known.name;
END
$$;
COMMENT ON FUNCTION topo.accepted_times(text) IS
'records from before all that a graph keeps, or from more than an hour ahead, are refused';

CREATE FUNCTION topo.make_workloads(rows topo.flow_row[]) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	INSERT INTO topo.node (type, name)
	SELECT DISTINCT 'app', r.app FROM unnest(rows) r
	WHERE r.app IS NOT NULL AND NOT EXISTS (SELECT FROM topo.node n WHERE n.type = 'app' AND n.name = r.app)
	ORDER BY 2
	ON CONFLICT DO NOTHING;

	INSERT INTO topo.node AS n (type, name, parent)
	SELECT DISTINCT ON (r.cluster) 'cluster', r.cluster, a.id
	FROM unnest(rows) r LEFT JOIN topo.node a ON a.type = 'app' AND a.name = r.app
	WHERE r.cluster IS NOT NULL
	  AND NOT EXISTS (SELECT FROM topo.node c
					  WHERE c.type = 'cluster' AND c.name = r.cluster AND (c.parent IS NOT NULL OR a.id IS NULL))
	ORDER BY r.cluster, r.app
	ON CONFLICT (type, name) DO UPDATE SET parent = excluded.parent WHERE n.parent IS NULL;
$$;
COMMENT ON FUNCTION topo.make_workloads(topo.flow_row[]) IS 'the apps and clusters that a batch names, as nodes';

CREATE FUNCTION topo.append_flows(rows topo.flow_row[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.ensure_partitions_at('network', interval '10 seconds', ARRAY(SELECT r.bucket FROM unnest(rows) r));
	INSERT INTO topo_network.flow_window
		   (bucket, scope, protocol, role, role_guessed, local_address, local_port, local_node, peer_address, peer_port,
			nat_local_address, nat_local_port, nat_peer_address, nat_peer_port, region, first_seen, last_seen, traffic)
	SELECT r.bucket, r.scope, r.protocol, r.role, r.role_guessed, r.local_address, r.local_port, coalesce(c.id, a.id),
		   r.peer_address, r.peer_port, r.nat_local_address, r.nat_local_port, r.nat_peer_address, r.nat_peer_port, r.region,
		   r.first_seen, r.last_seen, r.traffic
	FROM unnest(rows) r
		 LEFT JOIN topo.node a ON a.type = 'app' AND a.name = r.app
		 LEFT JOIN topo.node c ON c.type = 'cluster' AND c.name = r.cluster;
	INSERT INTO topo_network.dirty_window (bucket) SELECT DISTINCT r.bucket FROM unnest(rows) r;
END
$$;
COMMENT ON FUNCTION topo.append_flows(topo.flow_row[]) IS 'a batch into stage 1, its windows marked as dirty';

CREATE FUNCTION topo.learn_from_flows(rows topo.flow_row[], source text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	claims topo.address_claim[];
	reporters topo.address_span[];
BEGIN
	SELECT array_agg((x.scope, x.address, x.port, x.node, lower(span), upper(span) - interval '60 seconds')::topo.address_claim) INTO claims
	FROM (SELECT r.scope, l.address, l.port, coalesce(c.id, a.id) AS node,
				 range_agg(topo.stay_span(r.first_seen, topo.stay_step(r.last_seen))) AS spans
		  FROM unnest(rows) r
			   -- a server is what its clients call, too
			   CROSS JOIN LATERAL (VALUES (r.local_address, CASE r.role WHEN 2 THEN r.local_port ELSE 0 END),
										  (CASE r.role WHEN 2 THEN r.nat_local_address END, r.nat_local_port)) l (address, port)
			   LEFT JOIN topo.node a ON a.type = 'app' AND a.name = r.app
			   LEFT JOIN topo.node c ON c.type = 'cluster' AND c.name = r.cluster
		  WHERE NOT r.role_guessed AND l.address IS NOT NULL AND coalesce(c.id, a.id) IS NOT NULL
		  GROUP BY 1, 2, 3, 4) x, unnest(x.spans) span;
	-- a client's translated address is the host's own too: that is how its flows left it
	SELECT array_agg((x.scope, x.address, span)::topo.address_span) INTO reporters
	FROM (SELECT r.scope, l.address, range_agg(topo.reporter_span(r.first_seen, r.last_seen)) AS spans
		  FROM unnest(rows) r
			   CROSS JOIN LATERAL (VALUES (r.local_address), (CASE r.role WHEN 1 THEN r.nat_local_address END)) l (address)
		  WHERE l.address IS NOT NULL
		  GROUP BY 1, 2) x, unnest(x.spans) span;
	PERFORM topo.learn_addresses(claims, reporters, source);
END
$$;
COMMENT ON FUNCTION topo.learn_from_flows(topo.flow_row[], text) IS
'what a batch tells of who holds which address';

CREATE FUNCTION topo.store_flows(source text, rows topo.flow_row[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling these plans takes longer than it saves
AS $$
BEGIN
	PERFORM topo.make_workloads(rows), topo.append_flows(rows), topo.learn_from_flows(rows, source);
END
$$;
COMMENT ON FUNCTION topo.store_flows(text, topo.flow_row[]) IS
'write a batch of aggregated flows, and learn from it who holds which address';

CREATE FUNCTION topo.store_translations(rows topo.flow_row[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling these plans takes longer than it saves
AS $$
BEGIN
	-- before the others, as whoever drops the graph does
	LOCK TABLE ONLY topo_network.flow_window IN ROW EXCLUSIVE MODE;
	INSERT INTO topo_network.translation
		   (bucket, scope, protocol, client_address, target_address, target_port,
			out_client_address, out_target_address, out_target_port, connections)
	SELECT r.bucket, r.scope, r.protocol, r.local_address, r.peer_address, r.peer_port,
		   coalesce(r.nat_local_address, r.local_address), coalesce(r.nat_peer_address, r.peer_address),
		   CASE WHEN r.nat_peer_address IS NULL THEN r.peer_port ELSE r.nat_peer_port END, topo.connections(r.traffic)
	FROM unnest(rows) r;
	INSERT INTO topo_network.dirty_window (bucket) SELECT DISTINCT r.bucket FROM unnest(rows) r;
	-- a connection may be kept for any time, and begin in another window for its ends
	PERFORM topo.mark_dirty(ARRAY(
		SELECT (r.scope, a, tstzrange(min(r.bucket) - interval '10 seconds', NULL))::topo.address_span
		FROM unnest(rows) r CROSS JOIN LATERAL (VALUES (r.local_address), (r.nat_local_address)) v (a)
		WHERE a IS NOT NULL
		GROUP BY r.scope, a));
END
$$;
COMMENT ON FUNCTION topo.store_translations(topo.flow_row[]) IS
'write a batch of what hosts that forward made of connections of others, of which local is the client and peer what it called';

--
-- Spans
--

CREATE TYPE topo.span_part_row AS (trace_id uuid, spans bigint[], owners bigint[], failed bigint[]);
COMMENT ON TYPE topo.span_part_row IS 'spans of one trace on their way to span_part';

CREATE FUNCTION topo.store_spans(parts topo.span_part_row[], traces uuid[], waits bigint[], texts text[], unattributed bigint, repeated bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
	stored CONSTANT timestamptz := clock_timestamp();
	batch bigint;
BEGIN
	PERFORM topo.existing_graph('trace'), topo.ensure_span_partitions(tstzrange(stored, stored, '[]'));
	INSERT INTO topo_trace.span_news (seen, traces, waits, texts, unattributed, repeated)
	VALUES (stored, traces, waits, texts, unattributed, repeated)
	RETURNING part INTO batch;
	INSERT INTO topo_trace.span_part (seen, part, trace_id, spans, owners, failed)
	SELECT stored, batch, p.* FROM unnest(parts) p;
END
$$;
COMMENT ON FUNCTION topo.store_spans(topo.span_part_row[], uuid[], bigint[], text[], bigint, bigint) IS
'write a batch of spans, for topo.pair_pending() to take up';
