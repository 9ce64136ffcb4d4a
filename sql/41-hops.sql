--
-- Hops: from what each end reported, by address, to who talked to whom.
--
-- hops_of() reads flow windows and gives each connection once, between nodes,
-- before proxies and the like are joined (43-resolve.sql).  It writes nothing, so
-- the statement that calls it sees one state of the tables throughout.
--
-- Attribution.  The local side of a report is known where it was captured.  The
-- peer is looked up at the time of the flow, by address and port, then by address
-- alone: as the inventory says, or as its owner's own calls have taught, if somebody
-- answered there and nobody else is known to listen at that address.  A server that
-- reported as many connections of the same ends in the window is the callee,
-- whoever else may hold the address.  Without its word no more than 0.9 is believed,
-- unless the inventory says it; and a half, if the owner was not seen there, in the
-- reports of the window, at the time of the flow: it may have gone.  So what is
-- believed depends on the window's own reports, which make it dirty, and on no stay.
--
-- Counted once.  Where the client's host reports, its word counts, and the server's
-- is left out.  Over a translation (NAT) the server sees another address:
--
-- translated at the caller's or the far end as told: a report with a translated
--   tuple is of who holds the translated target; the server's report from the
--   translated source is the same connections.
-- masquerade (an intermediary of kind nat or gateway holds the source that the
--   server saw): what its host told of translations (topo_network.translation)
--   says whose connections these are: those of clients that report are counted
--   there; the server's word, in proportion to connections, stands for the others.
--   Where nothing was told, clients that report calls to this listener and that it
--   never saw are taken to be behind the NAT; what they do not account for stays an
--   edge of the NAT, half believed.
-- a kept connection to an address that was given to another: the host that has it now
--   reports, and not this connection; half believed.
-- virtual address (an intermediary without a host of its own holds the target): the
--   translations told, else what the servers saw of the same client at listeners that
--   it says it never called, among the backends declared, if nobody else shares the
--   client's address; else the one app that is declared behind it; else it stays a node.
--
-- via has the intermediaries that translated.  What a proxy does is not told here.
--
-- Cost: one read of the windows' flow rows, an index look-up for each distinct
-- conversation that is counted, and for what was translated some more.
--

CREATE TYPE topo.hop AS (
	bucket           timestamptz,
	scope            text,
	caller           inet,
	caller_node      bigint,
	caller_ambiguous boolean,
	target           inet,
	target_node      bigint,
	target_ambiguous boolean,
	listener         integer,
	via              bigint[],
	confidence       real,
	first_seen       timestamptz,
	last_seen        timestamptz,
	traffic          topo.traffic
);
COMMENT ON TYPE topo.hop IS
'what one address said to another in a window, counted once; a node of NULL: nobody is known to hold the address, or, where it is ambiguous, several are';

CREATE FUNCTION topo.portion(traffic topo.traffic, before bigint, upto bigint, total bigint) RETURNS topo.traffic
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT
AS 'MODULE_PATHNAME', 'traffic_portion';
COMMENT ON FUNCTION topo.portion(topo.traffic, bigint, bigint, bigint) IS
'the counters of a traffic from before/total to upto/total of each, rounded down at both ends: portions that meet add up to the whole';

CREATE FUNCTION topo.weight(traffic topo.traffic) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN least(topo.bytes_sent(traffic)::numeric + topo.bytes_received(traffic) + topo.connections(traffic), 9007199254740992)::bigint;
COMMENT ON FUNCTION topo.weight(topo.traffic) IS 'how much a traffic counts when another is divided in proportion';

CREATE FUNCTION topo.flow_reports(buckets timestamptz[])
RETURNS TABLE (report bigint, bucket timestamptz, scope text, protocol smallint, by_client boolean, node bigint,
			   caller inet, caller_outside inet, caller_port integer, target inet, port integer, inside inet, inside_port integer,
			   translated boolean, role_guessed boolean, first_seen timestamptz, last_seen timestamptz, traffic topo.traffic)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	RETURN QUERY
	SELECT row_number() OVER (), f.bucket, f.scope, f.protocol, f.role = 1, f.local_node,
		   CASE f.role WHEN 1 THEN f.local_address ELSE f.peer_address END,
		   CASE f.role WHEN 1 THEN coalesce(f.nat_local_address, f.local_address) ELSE f.peer_address END,
		   nullif(CASE f.role WHEN 1 THEN f.local_port ELSE f.peer_port END, 0),
		   CASE f.role WHEN 1 THEN f.peer_address ELSE coalesce(f.nat_local_address, f.local_address) END,
		   nullif(CASE WHEN f.role = 1 THEN f.peer_port WHEN f.nat_local_address IS NULL THEN f.local_port ELSE f.nat_local_port END, 0),
		   CASE f.role WHEN 1 THEN coalesce(f.nat_peer_address, f.peer_address) ELSE f.local_address END,
		   nullif(CASE WHEN f.role = 2 THEN f.local_port WHEN f.nat_peer_address IS NULL THEN f.peer_port ELSE f.nat_peer_port END, 0),
		   f.role = 1 AND f.nat_peer_address IS NOT NULL,
		   bool_and(f.role_guessed), min(f.first_seen), max(f.last_seen),
		   CASE f.role WHEN 1 THEN topo.merge(f.traffic) ELSE topo.reversed(topo.merge(f.traffic)) END
	FROM topo_network.flow_window f
	WHERE f.bucket = ANY (buckets)
	GROUP BY f.bucket, f.scope, f.protocol, f.role, f.local_address, f.local_port, f.local_node, f.peer_address, f.peer_port,
			 f.nat_local_address, f.nat_local_port, f.nat_peer_address, f.nat_peer_port;
END
$$;
COMMENT ON FUNCTION topo.flow_reports(timestamptz[]) IS
'the flow windows of some times, merged, from the caller''s side: inside and inside_port are where a translated call came to, caller_outside is the caller as the far end sees it';

CREATE FUNCTION topo.holder_of(flow_scope text, flow_address inet, flow_port integer, at timestamptz, until timestamptz,
							   called boolean, answered boolean)
RETURNS TABLE (node bigint, port integer, source text, ambiguous boolean, whole boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
-- no pinned search_path: it must be inlined, and names all with their schema
AS $$
	SELECT a.node, a.port, a.source, a.ambiguous,
		   a.valid OPERATOR(pg_catalog.@>) pg_catalog.tstzrange(at, until, '[]')
	FROM topo.address a
	WHERE a.address OPERATOR(pg_catalog.=) flow_address AND a.scope OPERATOR(pg_catalog.=) flow_scope
	  AND a.valid OPERATOR(pg_catalog.@>) at
	  AND (a.port OPERATOR(pg_catalog.=) flow_port
		   OR a.port IS NULL AND (NOT called OR a.source OPERATOR(pg_catalog.=) 'inventory' OR answered
								  AND NOT EXISTS (
									SELECT FROM topo.address o
									WHERE o.address OPERATOR(pg_catalog.=) a.address AND o.scope OPERATOR(pg_catalog.=) a.scope
									  AND o.port IS NOT NULL AND o.node OPERATOR(pg_catalog.<>) a.node
									  AND o.valid OPERATOR(pg_catalog.@>) at)))
	ORDER BY a.source OPERATOR(pg_catalog.<>) 'inventory', a.port IS NULL, a.ambiguous DESC, a.id
	LIMIT 1
$$;
COMMENT ON FUNCTION topo.holder_of(text, inet, integer, timestamptz, timestamptz, boolean, boolean) IS
'who held an address and port, as the inventory says, or as was learned; where it was called, who is known by its own calls alone only if somebody answered and nobody else listens there';

CREATE FUNCTION topo.intermediary_at(flow_scope text, flow_address inet, flow_port integer, at timestamptz)
RETURNS TABLE (node bigint, kind text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
-- no pinned search_path: it must be inlined, and names all with their schema
AS $$
	SELECT i.node, i.kind
	FROM topo.address a JOIN topo.intermediary i ON i.node OPERATOR(pg_catalog.=) a.node
	WHERE a.address OPERATOR(pg_catalog.=) flow_address AND a.scope OPERATOR(pg_catalog.=) flow_scope
	  AND a.valid OPERATOR(pg_catalog.@>) at AND NOT a.ambiguous
	  AND (a.port IS NULL OR a.port OPERATOR(pg_catalog.=) flow_port)
	ORDER BY a.port IS NULL, a.source OPERATOR(pg_catalog.<>) 'inventory', a.id
	LIMIT 1
$$;
COMMENT ON FUNCTION topo.intermediary_at(text, inet, integer, timestamptz) IS 'the intermediary that held an address and port';

CREATE FUNCTION topo.is_behind(declared_port integer, port integer, has_own boolean) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN has_own THEN declared_port IS NOT DISTINCT FROM port ELSE declared_port IS NULL END;
COMMENT ON FUNCTION topo.is_behind(integer, integer, boolean) IS
'whether what is declared for a port is behind a listener: what is declared for all ports is not, where the listener has its own';

CREATE FUNCTION topo.declared_backends()
RETURNS TABLE (intermediary bigint, port integer, node bigint, app bigint)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT b.intermediary, b.port, n.id, topo.app_of(n)
	FROM topo.intermediary_backend b
		 CROSS JOIN LATERAL topo.node_key(b.backend) k
		 JOIN topo.node n ON n.type = k.type AND n.name = k.name
$$;
COMMENT ON FUNCTION topo.declared_backends() IS 'the backends that the inventory declares, as nodes, as far as these are there';

-- One statement, for one state of the tables and one plan over reports that may be a million.
CREATE FUNCTION topo.hops_of(buckets timestamptz[]) RETURNS SETOF topo.hop
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100000
SET search_path = pg_catalog, topo, pg_temp
SET enable_mergejoin = off -- nothing is known of what is joined, so hashing seems to cost more than it does
AS $$
BEGIN
	RETURN QUERY
	WITH nat AS MATERIALIZED (
		SELECT a.scope, a.address, a.valid, a.node
		FROM topo.address a JOIN topo.intermediary i ON i.node = a.node
		WHERE i.kind IN ('nat', 'gateway') AND a.port IS NULL AND NOT a.ambiguous
	), report AS MATERIALIZED (
		SELECT r.*, topo.connections(r.traffic) AS connections, topo.failed(r.traffic) AS failed, n.node AS nat,
			   NOT r.by_client AND EXISTS (SELECT FROM topo.reporter p WHERE p.address = r.caller AND p.scope = r.scope
										   AND p.valid @> r.first_seen) AS covered
		FROM topo.flow_reports(buckets) r
			 LEFT JOIN nat n ON NOT r.by_client AND n.scope = r.scope AND n.address = r.caller AND n.valid @> r.first_seen
	), heard AS MATERIALIZED (
		-- what servers reported, by where they are called; and by where they listen, which a client on the same host may know
		SELECT s.report, s.bucket, s.scope, s.protocol, s.caller, s.node, s.first_seen, s.last_seen, s.connections, s.target, s.port
		FROM report s WHERE NOT s.by_client
		UNION ALL
		SELECT s.report, s.bucket, s.scope, s.protocol, s.caller, s.node, s.first_seen, s.last_seen, s.connections, s.inside, s.inside_port
		FROM report s WHERE NOT s.by_client AND (s.inside, s.inside_port) IS DISTINCT FROM (s.target, s.port)
	), met AS MATERIALIZED (
		-- what both ends reported
		SELECT c.report AS of_client, s.report AS of_server, s.node, s.connections
		FROM report c JOIN heard s ON s.bucket = c.bucket AND s.scope = c.scope AND s.protocol = c.protocol
								  AND s.caller = c.caller_outside AND s.target = c.inside AND s.port = c.inside_port
		WHERE c.by_client
	), masqueraded AS MATERIALIZED (
		-- a server's word of a NAT, but for what is the NAT's own or was translated at the caller's
		SELECT r.* FROM report r
		WHERE r.nat IS NOT NULL AND NOT EXISTS (SELECT FROM met WHERE met.of_server = r.report)
	), told AS MATERIALIZED (
		SELECT m.report, t.client, t.connections, sum(t.connections) OVER (PARTITION BY m.report ORDER BY t.client) AS upto,
			   sum(t.connections) OVER (PARTITION BY m.report) AS total,
			   EXISTS (SELECT FROM topo.reporter p WHERE p.address = t.client AND p.scope = m.scope AND p.valid @> m.first_seen) AS covered
		FROM masqueraded m CROSS JOIN LATERAL (
			SELECT t.client_address AS client, sum(t.connections) AS connections
			FROM topo_network.translation t
			WHERE t.scope = m.scope AND t.protocol = m.protocol AND t.out_client_address = m.caller
			  AND t.out_target_address = m.target AND t.out_target_port = m.port
			  AND t.bucket = (SELECT max(l.bucket) FROM topo_network.translation l
							  WHERE l.scope = m.scope AND l.protocol = m.protocol AND l.out_client_address = m.caller
								AND l.out_target_address = m.target AND l.out_target_port = m.port AND l.bucket <= m.bucket)
			GROUP BY 1 HAVING sum(t.connections) > 0) t
	), hidden AS MATERIALIZED (
		-- clients that call the listener, and that it did not see
		SELECT m.report AS masqueraded, m.nat, c.report, c.connections
		FROM masqueraded m JOIN report c ON c.by_client AND c.bucket = m.bucket AND c.scope = m.scope AND c.protocol = m.protocol
										AND c.inside = m.target AND c.inside_port = m.port AND c.caller_outside = c.caller
		WHERE NOT EXISTS (SELECT FROM told t WHERE t.report = m.report)
		  AND NOT EXISTS (SELECT FROM met WHERE met.of_client = c.report)
	), behind AS MATERIALIZED (
		-- the client's word of what a server reported of a NAT
		SELECT h.report, h.nat, m.node FROM hidden h JOIN masqueraded m ON m.report = h.masqueraded
		UNION
		SELECT c.report, m.nat, m.node
		FROM told t JOIN masqueraded m ON m.report = t.report
			 JOIN report c ON c.by_client AND c.bucket = m.bucket AND c.scope = m.scope AND c.protocol = m.protocol
						  AND c.caller = t.client AND c.inside = m.target AND c.inside_port = m.port
	), witness AS MATERIALIZED (
		-- who reported the same connections as their server; a node of NULL: several did; connections of NULL: not known, over a NAT
		SELECT w.report, CASE WHEN min(w.node) = max(w.node) THEN min(w.node) END AS node,
			   CASE WHEN count(*) = count(w.connections) THEN sum(w.connections) END AS connections
		FROM (SELECT met.of_client AS report, met.node, met.connections FROM met
			  UNION ALL
			  SELECT b.report, b.node, NULL FROM behind b) w
		WHERE w.node IS NOT NULL
		GROUP BY w.report
	), alone_in_word AS MATERIALIZED (
		SELECT c.report, c.bucket, c.scope, c.inside AS target FROM report c
		WHERE c.by_client AND NOT EXISTS (SELECT FROM witness w WHERE w.report = c.report)
	), sighting AS MATERIALIZED (
		-- from when to when a node was seen in a window, at addresses whose callers are not confirmed
		SELECT s.bucket, s.scope, s.address, s.port, s.node, min(s.first_seen) AS since, max(s.last_seen) AS until
		FROM (SELECT c.bucket, c.scope, c.caller AS address, 0 AS port, c.node, c.first_seen, c.last_seen FROM report c WHERE c.by_client
			  UNION ALL
			  SELECT h.bucket, h.scope, h.target, h.port, h.node, h.first_seen, h.last_seen FROM heard h) s
		WHERE (s.bucket, s.scope, s.address) IN (SELECT c.bucket, c.scope, c.target FROM alone_in_word c)
		GROUP BY 1, 2, 3, 4, 5
	), remainder AS (
		SELECT m.*, greatest(m.connections - coalesce(h.connections, 0), 0) AS rest, h.report IS NOT NULL AS shared
		FROM masqueraded m LEFT JOIN (SELECT h.masqueraded AS report, sum(h.connections)::bigint AS connections
									  FROM hidden h GROUP BY 1) h ON h.report = m.report
		WHERE NOT EXISTS (SELECT FROM told t WHERE t.report = m.report)
	), unconfirmed AS MATERIALIZED (
		-- a connection kept from before to a host that reports, and knows nothing of it: maybe another held the address then
		SELECT c.report FROM report c JOIN alone_in_word USING (report)
		WHERE c.connections = 0 AND c.failed = 0
		  AND EXISTS (SELECT FROM topo.reporter p WHERE p.address = c.inside AND p.scope = c.scope AND p.valid @> c.first_seen)
	), said AS MATERIALIZED (
		SELECT a.scope, a.address, coalesce(a.port, 0) AS port, a.valid, a.node
		FROM topo.address a WHERE a.source = 'inventory' AND NOT a.ambiguous
	), spoken_of AS MATERIALIZED (
		SELECT DISTINCT a.scope, a.address FROM topo.address a WHERE a.source = 'inventory'
	), counted AS (
		SELECT r.report, r.bucket, r.scope, r.protocol, r.by_client, r.node, r.caller, r.caller_outside, r.caller_port,
			   r.target AS called, r.port AS called_port, r.inside AS target, r.inside_port AS port, r.translated,
			   r.role_guessed, NULL::bigint AS nat, false AS shared, r.first_seen, r.last_seen, r.connections, r.failed, r.traffic
		FROM report r
		WHERE r.by_client OR r.nat IS NULL AND NOT r.covered
		UNION ALL
		SELECT m.report, m.bucket, m.scope, m.protocol, false, m.node, t.client, t.client, NULL, m.target, m.port, m.inside, m.inside_port, false,
			   m.role_guessed, m.nat, false, m.first_seen, m.last_seen, m.connections, m.failed,
			   topo.portion(m.traffic, (t.upto - t.connections)::bigint, t.upto::bigint, t.total::bigint)
		FROM told t JOIN masqueraded m ON m.report = t.report
		WHERE NOT t.covered
		UNION ALL
		SELECT r.report, r.bucket, r.scope, r.protocol, false, r.node, r.caller, r.caller, NULL, r.target, r.port, r.inside, r.inside_port, false,
			   r.role_guessed, NULL, r.shared, r.first_seen, r.last_seen, r.connections, r.failed,
			   CASE WHEN r.shared THEN topo.portion(r.traffic, 0, r.rest, r.connections) ELSE r.traffic END
		FROM remainder r
		WHERE NOT r.shared OR r.rest > 0
	), attributed AS MATERIALIZED (
		SELECT c.*, coalesce(port_said.node, said.node, known.id) AS local_owner,
			   CASE WHEN e.is_answered THEN w.node WHEN NOT peer.ambiguous THEN peer.node END AS peer_owner,
			   coalesce(peer.ambiguous, false) AND NOT e.is_answered AS ambiguous,
			   CASE WHEN c.shared OR u.report IS NOT NULL THEN 0.5
					WHEN e.is_answered THEN CASE WHEN c.role_guessed THEN 0.5 ELSE 1 END
					-- who only sends, and gets no answer, may send to one who is gone
					WHEN c.by_client AND c.connections = 0 AND c.failed = 0
						 AND topo.bytes_received(c.traffic) = 0 AND peer.source <> 'inventory' AND c.protocol = 6 THEN 0.5
					WHEN peer.node IS NULL OR peer.ambiguous THEN 1
					WHEN NOT peer.whole OR c.role_guessed THEN 0.5
					WHEN peer.source = 'inventory' OR NOT c.by_client THEN 1
					WHEN w.report IS NULL THEN CASE WHEN g.since - interval '2 seconds' <= c.first_seen AND g.until >= c.first_seen THEN 0.9 ELSE 0.5 END
					WHEN w.node IS DISTINCT FROM peer.node THEN 0.5
					-- the other end of some of them may be another's
					WHEN peer.port IS NULL OR w.connections < c.connections THEN 0.9
					ELSE 1 END::real AS confidence
		FROM counted c
			 -- somebody may have deleted the node since
			 LEFT JOIN topo.node known ON known.id = c.node
			 LEFT JOIN unconfirmed u ON u.report = c.report AND c.by_client
			 LEFT JOIN said port_said ON port_said.scope = c.scope AND port_said.address = CASE WHEN c.by_client THEN c.caller ELSE c.target END
									 AND port_said.port = CASE WHEN c.by_client THEN c.caller_port ELSE c.port END AND port_said.valid @> c.first_seen
			 LEFT JOIN said ON said.scope = c.scope AND said.address = CASE WHEN c.by_client THEN c.caller ELSE c.target END
						   AND said.port = 0 AND said.valid @> c.first_seen
			 LEFT JOIN witness w ON c.by_client AND w.report = c.report
			 LEFT JOIN topo.node answerer ON answerer.id = w.node
			 LEFT JOIN spoken_of o ON o.scope = c.scope AND o.address = c.target
			 CROSS JOIN LATERAL (SELECT answerer.id IS NOT NULL AND coalesce(w.connections = c.connections, false)) m (is_met)
			 -- who answered need not be looked up
			 LEFT JOIN LATERAL topo.holder_of(
				c.scope, CASE WHEN m.is_met AND o.address IS NULL THEN NULL WHEN c.by_client THEN c.target ELSE c.caller END, CASE WHEN c.by_client THEN c.port ELSE c.caller_port END,
				c.first_seen,
				-- of a longer report, the time in its window: no other makes the window dirty
				least(c.last_seen, c.bucket + interval '10 seconds'), c.by_client,
				-- somebody listened, and the address means one host, not every host's own
				(c.failed = 0 OR c.connections > 0)
				AND NOT c.target <<= ANY (ARRAY['127.0.0.0/8', '::1/128']::inet[])) peer ON true
			 CROSS JOIN LATERAL (SELECT m.is_met AND peer.source IS DISTINCT FROM 'inventory') e (is_answered)
			 LEFT JOIN sighting g ON w.report IS NULL AND c.by_client AND g.bucket = c.bucket AND g.scope = c.scope AND g.address = c.target
								 AND g.port = coalesce(peer.port, 0) AND g.node = peer.node
	), declared AS MATERIALIZED (
		SELECT * FROM topo.declared_backends()
	), without_host AS (
		-- calls to what is known as an intermediary, or not known at all, and has no host that reports
		SELECT a.report, a.bucket, a.scope, a.protocol, a.node, a.caller, a.caller_outside, a.target, a.port, a.peer_owner, a.connections,
			   a.first_seen, i.kind, d.has_own, d.declared,
			   count(*) FILTER (WHERE NOT d.declared) OVER (PARTITION BY a.bucket, a.scope, a.caller, a.protocol) AS undeclared
		FROM attributed a LEFT JOIN topo.intermediary i ON i.node = a.peer_owner
			 CROSS JOIN LATERAL (SELECT coalesce(bool_or(d.port = a.port), false) AS has_own, coalesce(bool_or(d.port IS NULL OR d.port = a.port), false) AS declared
								 FROM declared d WHERE d.intermediary = i.node) d
		WHERE a.by_client AND NOT a.translated AND (a.peer_owner IS NULL OR i.node IS NOT NULL)
		  AND NOT EXISTS (SELECT FROM topo.reporter p WHERE p.address = a.target AND p.scope = a.scope AND p.valid @> a.first_seen)
	), virtual AS MATERIALIZED (
		SELECT * FROM without_host w WHERE w.kind IS NOT NULL
	), redirected AS MATERIALIZED (
		SELECT v.report, v.bucket, t.out_client_address, t.out_target_address AS target, t.out_target_port AS port, sum(t.connections) AS weight
		FROM virtual v JOIN topo_network.translation t
			 ON t.scope = v.scope AND t.protocol = v.protocol AND t.client_address = v.caller_outside
			AND t.target_address = v.target AND t.target_port = v.port
			AND t.bucket = (SELECT max(l.bucket) FROM topo_network.translation l
							WHERE l.scope = v.scope AND l.protocol = v.protocol AND l.client_address = v.caller_outside
							  AND l.target_address = v.target AND l.target_port = v.port AND l.bucket <= v.bucket)
		WHERE t.connections > 0
		GROUP BY 1, 2, 3, 4, 5
	), stray AS MATERIALIZED (
		SELECT s.bucket, s.scope, s.protocol, s.caller, s.node, s.inside AS target, s.inside_port AS port, s.first_seen, topo.weight(s.traffic) AS weight
		FROM report s
		WHERE s.covered AND s.nat IS NULL AND s.node IS NOT NULL
		  AND (s.bucket, s.scope, s.caller) IN (SELECT v.bucket, v.scope, v.caller_outside FROM virtual v)
		  AND NOT EXISTS (SELECT FROM met WHERE met.of_server = s.report)
	), answer AS MATERIALIZED (
		SELECT r.report, r.target, r.port, NULL::bigint AS node, true AS declared, r.out_client_address AS translated_to, r.weight
		FROM redirected r
		UNION ALL
		SELECT v.report, s.target, s.port, coalesce(p.node, w.node, s.node), v.declared, NULL, s.weight::numeric
		FROM virtual v JOIN stray s ON v.kind IN ('virtual_address', 'gateway') AND s.bucket = v.bucket AND s.scope = v.scope AND s.protocol = v.protocol AND s.caller = v.caller_outside
			 LEFT JOIN said p ON p.scope = s.scope AND p.address = s.target AND p.port = s.port AND p.valid @> s.first_seen
			 LEFT JOIN said w ON w.scope = s.scope AND w.address = s.target AND w.port = 0 AND w.valid @> s.first_seen
		WHERE NOT EXISTS (SELECT FROM redirected r WHERE r.report = v.report) AND s.weight > 0
		  AND CASE WHEN v.declared
				   THEN EXISTS (SELECT FROM declared d JOIN topo.node n ON n.id = coalesce(p.node, w.node, s.node)
								WHERE d.intermediary = v.peer_owner AND topo.is_behind(d.port, v.port, v.has_own)
								  AND d.node IN (n.id, topo.app_of(n)))
				   ELSE v.undeclared = 1 END
		  -- what was seen of an address may be anybody's who shares it
		  AND NOT EXISTS (SELECT FROM report o
						  WHERE o.by_client AND o.bucket = v.bucket AND o.scope = v.scope AND o.caller_outside = v.caller_outside
							AND o.node IS DISTINCT FROM v.node)
	), divided AS (
		SELECT a.*, sum(a.weight) OVER (PARTITION BY a.report ORDER BY a.target, a.port, a.translated_to) AS upto,
			   sum(a.weight) OVER (PARTITION BY a.report) AS total
		FROM answer a
	), alone AS MATERIALIZED (
		-- a virtual address whose backends are all of one app is that app
		SELECT v.report, CASE WHEN min(d.node) = max(d.node) THEN min(d.node) ELSE min(d.app) END AS node
		FROM virtual v JOIN declared d ON d.intermediary = v.peer_owner AND topo.is_behind(d.port, v.port, v.has_own)
		WHERE v.kind = 'virtual_address' AND v.connections > 0
		  AND NOT EXISTS (SELECT FROM answer a WHERE a.report = v.report)
		GROUP BY v.report
		HAVING min(d.app) = max(d.app)
	)
	SELECT a.bucket, a.scope, a.caller, CASE WHEN a.by_client THEN a.local_owner ELSE a.peer_owner END, NOT a.by_client AND a.ambiguous,
		   a.target, CASE WHEN NOT a.by_client THEN a.local_owner ELSE coalesce(o.node, a.peer_owner) END,
		   a.by_client AND a.ambiguous, a.port,
		   nullif(array_remove(ARRAY[CASE WHEN o.node IS NOT NULL THEN a.peer_owner END, v.node, coalesce(n.node, b.nat, a.nat)], NULL), '{}'),
		   a.confidence, a.first_seen, a.last_seen, a.traffic
	FROM attributed a
		 LEFT JOIN alone o ON o.report = a.report AND a.by_client
		 LEFT JOIN (SELECT b.report, min(b.nat) AS nat FROM behind b GROUP BY 1 HAVING min(b.nat) = max(b.nat)) b ON b.report = a.report AND a.by_client
		 -- of NULL, nothing is looked up
		 LEFT JOIN LATERAL topo.intermediary_at(a.scope, CASE WHEN a.translated THEN a.called END, a.called_port, a.first_seen) v ON true
		 LEFT JOIN LATERAL topo.intermediary_at(a.scope, CASE WHEN a.by_client THEN nullif(a.caller_outside, a.caller) END, NULL, a.first_seen) n ON true
	WHERE NOT a.by_client OR NOT EXISTS (SELECT FROM answer x WHERE x.report = a.report)
	UNION ALL
	SELECT a.bucket, a.scope, a.caller, a.local_owner, false, d.target,
		   coalesce(d.node, CASE WHEN NOT peer.ambiguous THEN peer.node END), coalesce(peer.ambiguous, false), d.port,
		   array_remove(ARRAY[a.peer_owner, n.node], NULL),
		   CASE WHEN a.role_guessed THEN 0.5 WHEN d.node IS NOT NULL AND NOT d.declared THEN 0.9 WHEN d.node IS NOT NULL OR peer.port IS NOT NULL OR peer.source = 'inventory' THEN 1 ELSE 0.9 END,
		   a.first_seen, a.last_seen,
		   topo.portion(a.traffic, (d.upto - d.weight)::bigint, d.upto::bigint, d.total::bigint)
	FROM attributed a JOIN divided d ON d.report = a.report
		 LEFT JOIN LATERAL topo.holder_of(a.scope, d.target, d.port, a.first_seen, least(a.last_seen, a.bucket + interval '10 seconds'), true, true) peer ON d.node IS NULL
		 LEFT JOIN LATERAL topo.intermediary_at(a.scope, nullif(d.translated_to, a.caller_outside), NULL, a.first_seen) n ON true
	WHERE a.by_client;
END
$$;
COMMENT ON FUNCTION topo.hops_of(timestamptz[]) IS
'the hops of these flow windows: what each end reported, each connection once, between nodes as far as they are known';
