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
-- answered there and nobody else is known to listen at that address.  The inventory
-- outweighs all else.
--
-- Witness.  A server that reports all connections of the same ends in the window is
-- the callee, whoever else may hold the address.  If it reports some, and others who
-- share the client's address do not account for these, its word proves the edge to
-- it, where it is also who held the address.  So both have a confidence of 1.  Who
-- is only known to have held the address has 0.9, if the reports of the window show
-- it there at the time of the flow, and 0.5 if not: it may have gone.  Thus what is
-- believed of a window is read from its own reports, which mark it as dirty, and not
-- from a stay's end, which marks no window.
--
-- Counted once.  Where the client's host reports, its word counts, and the server's
-- is left out.  Over a translation (NAT) the server sees another address:
--
-- translated at the caller's or the far end as told: a report with a translated
--   tuple is of who holds the translated target; the server's report from the
--   translated source is the same connections.
-- masquerade (an intermediary of kind nat or gateway holds the source that the
--   server saw, or a forwarder told that it hid a client): what its host told of
--   translations (topo_network.translation) says whose connections these are: those
--   of clients that report are counted there; the server's word, in proportion to
--   connections, stands for the others.  Where nothing was told, clients that report
--   calls to this listener and that it never saw are taken to be behind the NAT; what
--   they do not account for stays an edge of the NAT, half believed.
-- redirection: where a forwarder told what became of a client's calls, they are of who
--   reported them as their server there, else half of who held that address.
-- a kept connection to an address that was given to another: the host that has it now
--   reports, and not this connection; half believed.
-- virtual address (an intermediary without a host of its own holds the target), where
--   nothing was told: what the servers saw of the same client at listeners that it says
--   it never called, among the backends declared, if nobody else shares the client's
--   address, nearly believed; else the one app that is declared behind it; else it stays
--   a node.
--
-- Of translations, those of connections that began in the window count; else, at
-- intermediaries, the last before it, which kept connections may be of, or those of
-- the next one, since a connection may begin in one window here and in another there.
-- These are believed wholly only if no others were ever told, up to then, of the same
-- ends, as long as translations are kept.  So a translation marks as dirty all windows
-- from the one before its own in which its client appears.
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

CREATE FUNCTION topo.trust(by_client boolean, role_guessed boolean, unknown boolean, answered boolean, unheard boolean,
						   source text, ambiguous boolean, whole boolean, proven boolean, seen boolean) RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN unknown THEN 0.5
			WHEN answered THEN CASE WHEN role_guessed THEN 0.5 ELSE 1 END
			-- who only sends, and gets no answer, may send to one who is gone
			WHEN unheard AND source <> 'inventory' THEN 0.5
			WHEN source IS NULL OR ambiguous THEN 1
			WHEN NOT whole OR role_guessed THEN 0.5
			WHEN source = 'inventory' OR NOT by_client OR proven THEN 1
			WHEN seen THEN 0.9
			ELSE 0.5 END::real;
COMMENT ON FUNCTION topo.trust(boolean, boolean, boolean, boolean, boolean, text, boolean, boolean, boolean, boolean) IS
'how much is believed of a peer; unknown: its host knows nothing of a kept connection; answered: it reported all of the connections; unheard: it answered nothing; source, ambiguous, whole: of holder_of(); proven: it reported some of them; seen: it was seen there at the time';

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
	), passed AS MATERIALIZED (
		-- what forwarders told of connections that began in these windows
		SELECT t.bucket, t.scope, t.protocol, t.client_address AS client, t.target_address AS target, t.target_port AS port,
			   t.out_client_address AS out_client, t.out_target_address AS out_target, t.out_target_port AS out_port, sum(t.connections) AS connections
		FROM topo_network.translation t
		WHERE t.bucket = ANY (buckets)
		GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
		HAVING sum(t.connections) > 0
	), hiding AS MATERIALIZED (
		-- those that hid their client
		SELECT p.bucket, p.scope, p.protocol, p.out_client, p.out_target, p.out_port, sum(p.connections) AS connections
		FROM passed p
		GROUP BY 1, 2, 3, 4, 5, 6
		HAVING bool_or(p.client <> p.out_client)
	), report AS MATERIALIZED (
		SELECT r.*, topo.connections(r.traffic) AS connections, topo.failed(r.traffic) AS failed, n.node AS nat,
			   n.node IS NOT NULL OR h.bucket IS NOT NULL AS is_hidden,
			   NOT r.by_client AND EXISTS (SELECT FROM topo.reporter p WHERE p.address = r.caller AND p.scope = r.scope
										   AND p.valid @> r.first_seen) AS covered
		FROM topo.flow_reports(buckets) r
			 LEFT JOIN nat n ON NOT r.by_client AND n.scope = r.scope AND n.address = r.caller AND n.valid @> r.first_seen
			 LEFT JOIN hiding h ON NOT r.by_client AND h.bucket = r.bucket AND h.scope = r.scope AND h.protocol = r.protocol
							   AND h.out_client = r.caller AND h.out_target = r.target AND h.out_port = r.port
	), heard AS MATERIALIZED (
		-- what servers reported, by where they are called; and by where they listen, which a client on the same host may know
		SELECT s.report, s.bucket, s.scope, s.protocol, s.caller, s.node, s.first_seen, s.last_seen, s.connections, s.target, s.port
		FROM report s WHERE NOT s.by_client
		UNION ALL
		SELECT s.report, s.bucket, s.scope, s.protocol, s.caller, s.node, s.first_seen, s.last_seen, s.connections, s.inside, s.inside_port
		FROM report s WHERE NOT s.by_client AND (s.inside, s.inside_port) IS DISTINCT FROM (s.target, s.port)
	), met AS MATERIALIZED (
		-- what both ends reported; asked: connections of all the clients that one server's report may be of, others: of the rest of these
		SELECT c.report AS of_client, s.report AS of_server, s.node, s.connections, sum(c.connections) OVER w AS asked,
			   sum(c.connections) OVER w - c.connections AS others, count(*) OVER w = 1 AS is_sole
		FROM report c JOIN heard s ON s.bucket = c.bucket AND s.scope = c.scope AND s.protocol = c.protocol
								  AND s.caller = c.caller_outside AND s.target = c.inside AND s.port = c.inside_port
		WHERE c.by_client
		WINDOW w AS (PARTITION BY s.report)
	), masqueraded AS MATERIALIZED (
		-- a server's word of a NAT, but for what is the NAT's own or was translated at the caller's
		SELECT r.* FROM report r
		-- as a number, so that few are expected: joins of half of all seem to need thousands of files
		WHERE r.is_hidden::integer = 1 AND NOT r.by_client AND NOT EXISTS (SELECT FROM met WHERE met.of_server = r.report)
	), told AS MATERIALIZED (
		-- whose connections these are, of those that began in the window, or last
		SELECT m.report, t.client, t.connections, sum(t.connections) OVER (PARTITION BY m.report ORDER BY t.client) AS upto,
			   sum(t.connections) OVER (PARTITION BY m.report) AS total,
			   EXISTS (SELECT FROM topo.reporter p WHERE p.address = t.client AND p.scope = m.scope AND p.valid @> m.first_seen) AS covered,
			   -- no other ever was; or others do not account for all, or nobody else can have been called
			   NOT t.others OR l.bucket = m.bucket AND (m.connections > sum(t.connections) OVER (PARTITION BY m.report) - t.connections
														OR coalesce(h.whole AND h.node = m.node, false)) AS is_sure
		FROM masqueraded m
			 LEFT JOIN LATERAL topo.holder_of(m.scope, m.target, m.port, m.bucket, m.bucket + interval '10 seconds', true, true) h ON true
			 CROSS JOIN LATERAL (
				SELECT t.bucket FROM topo_network.translation t
				WHERE t.scope = m.scope AND t.protocol = m.protocol AND t.out_client_address = m.caller
				  AND t.out_target_address = m.target AND t.out_target_port = m.port
				  AND t.bucket <= m.bucket + interval '10 seconds' AND t.connections > 0
				ORDER BY t.bucket > m.bucket, t.bucket DESC LIMIT 1) l
			 CROSS JOIN LATERAL (
				SELECT t.client_address AS client, sum(t.connections) FILTER (WHERE t.bucket = l.bucket) AS connections, count(*) OVER () > 1 AS others
				FROM topo_network.translation t
				WHERE t.scope = m.scope AND t.protocol = m.protocol AND t.out_client_address = m.caller
				  AND t.out_target_address = m.target AND t.out_target_port = m.port
				  AND t.bucket <= m.bucket + interval '10 seconds' AND t.connections > 0
				GROUP BY 1) t
		WHERE t.connections > 0
	), hidden AS MATERIALIZED (
		-- clients that call the listener, and that it did not see; is_sure: it saw as many connections
		SELECT m.report AS masqueraded, m.nat, m.node, c.report, c.connections,
			   sum(c.connections) OVER (PARTITION BY m.report) <= m.connections AS is_sure
		FROM masqueraded m JOIN report c ON c.by_client AND c.bucket = m.bucket AND c.scope = m.scope AND c.protocol = m.protocol
										AND c.inside = m.target AND c.inside_port = m.port AND c.caller_outside = c.caller
		WHERE NOT EXISTS (SELECT FROM told t WHERE t.report = m.report)
		  AND NOT EXISTS (SELECT FROM met WHERE met.of_client = c.report)
	), behind AS MATERIALIZED (
		-- the client's word of what a server reported of a NAT
		SELECT h.report, h.nat, h.node, CASE WHEN h.is_sure THEN h.connections END AS connections FROM hidden h
		UNION
		SELECT c.report, m.nat, m.node, CASE WHEN t.is_sure THEN c.connections END
		FROM told t JOIN masqueraded m ON m.report = t.report
			 JOIN report c ON c.by_client AND c.bucket = m.bucket AND c.scope = m.scope AND c.protocol = m.protocol
						  AND c.caller = t.client AND c.inside = m.target AND c.inside_port = m.port
	), witness AS MATERIALIZED (
		-- who reported a client's connections as their server; a node of NULL: several did.  is_full: all that was asked was
		-- answered; is_proof: others do not account for all that was answered
		SELECT w.report, CASE WHEN min(w.node) = max(w.node) THEN min(w.node) END AS node, max(w.asked) > 0 OR bool_and(w.is_sole) AS is_clear,
			   bool_and(w.connections IS NOT NULL) AND sum(w.connections) >= max(w.asked) AS is_full,
			   bool_and(w.connections IS NOT NULL) AND sum(w.connections) > max(w.others) AS is_proof
		FROM (SELECT met.of_client AS report, met.node, met.connections, met.asked, met.others, met.is_sole FROM met
			  UNION ALL
			  SELECT b.report, b.node, b.connections, b.connections, 0, true FROM behind b) w
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
			   r.role_guessed, NULL::bigint AS nat, 1::real AS most, r.first_seen, r.last_seen, r.connections, r.failed, r.traffic
		FROM report r
		WHERE r.by_client OR NOT r.is_hidden AND NOT r.covered
		UNION ALL
		SELECT m.report, m.bucket, m.scope, m.protocol, false, m.node, t.client, t.client, NULL, m.target, m.port, m.inside, m.inside_port, false,
			   m.role_guessed, m.nat, CASE WHEN t.is_sure THEN 1 ELSE 0.8 END::real, m.first_seen, m.last_seen, m.connections, m.failed,
			   topo.portion(m.traffic, (t.upto - t.connections)::bigint, t.upto::bigint, t.total::bigint)
		FROM told t JOIN masqueraded m ON m.report = t.report
		WHERE NOT t.covered
		UNION ALL
		SELECT r.report, r.bucket, r.scope, r.protocol, false, r.node, r.caller, r.caller, NULL, r.target, r.port, r.inside, r.inside_port, false,
			   r.role_guessed, NULL, CASE WHEN r.shared THEN 0.5 ELSE 1 END::real, r.first_seen, r.last_seen, r.connections, r.failed,
			   CASE WHEN r.shared THEN topo.portion(r.traffic, 0, r.rest, r.connections) ELSE r.traffic END
		FROM remainder r
		WHERE NOT r.shared OR r.rest > 0
	), attributed AS MATERIALIZED (
		SELECT c.*, coalesce(port_said.node, said.node, known.id) AS local_owner,
			   CASE WHEN e.is_answered THEN w.node WHEN NOT peer.ambiguous THEN peer.node END AS peer_owner,
			   coalesce(peer.ambiguous, false) AND NOT e.is_answered AS ambiguous, e.is_answered,
			   least(c.most, topo.trust(
					c.by_client, c.role_guessed, u.report IS NOT NULL, e.is_answered,
					c.by_client AND c.protocol = 6 AND c.connections = 0 AND c.failed = 0 AND topo.bytes_received(c.traffic) = 0,
					peer.source, peer.ambiguous, peer.whole, w.is_proof AND w.node = peer.node,
					CASE WHEN w.report IS NOT NULL THEN w.node IS NOT DISTINCT FROM peer.node
						 ELSE coalesce(g.since - interval '2 seconds' <= c.first_seen AND g.until >= c.first_seen, false) END)) AS confidence
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
			 CROSS JOIN LATERAL (SELECT answerer.id IS NOT NULL AND w.is_full AND (w.is_clear OR topo.bytes_received(c.traffic) > 0)) m (is_met)
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
			 -- so that few are expected, and these are hashed: of who is not known, all reports would have one hash
			 LEFT JOIN (SELECT * FROM sighting s WHERE s.node BETWEEN 1 AND 9223372036854775807) g ON w.report IS NULL AND c.by_client AND g.bucket = c.bucket AND g.scope = c.scope AND g.address = c.target
								 AND g.port = coalesce(peer.port, 0) AND g.node = peer.node
	), declared AS MATERIALIZED (
		SELECT * FROM topo.declared_backends()
	), without_host AS (
		-- calls to what is known as an intermediary, or not known at all, and has no host that reports
		SELECT a.report, a.bucket, a.scope, a.protocol, a.node, a.caller, a.caller_outside, a.target, a.port, a.peer_owner, a.connections,
			   a.first_seen, i.kind, d.has_own, d.declared
		FROM attributed a LEFT JOIN topo.intermediary i ON i.node = a.peer_owner
			 CROSS JOIN LATERAL (SELECT coalesce(bool_or(d.port = a.port), false) AS has_own, coalesce(bool_or(d.port IS NULL OR d.port = a.port), false) AS declared
								 FROM declared d WHERE d.intermediary = i.node) d
		WHERE a.by_client AND NOT a.translated AND (a.peer_owner IS NULL OR i.node IS NOT NULL)
		  AND NOT EXISTS (SELECT FROM topo.reporter p WHERE p.address = a.target AND p.scope = a.scope AND p.valid @> a.first_seen)
	), virtual AS MATERIALIZED (
		SELECT w.*, EXISTS (SELECT FROM topo_network.translation t
							WHERE t.scope = w.scope AND t.protocol = w.protocol AND t.client_address = w.caller_outside
							  AND t.target_address = w.target AND t.target_port = w.port
							  AND t.bucket <= w.bucket + interval '10 seconds' AND t.connections > 0) AS is_told
		FROM without_host w
		WHERE w.kind IS NOT NULL
	), forwarded AS (
		-- calls that a forwarder may have passed on: to an intermediary, or, if the connection began in the window, to whomever
		SELECT f.*, sum(f.connections) OVER w - f.connections AS of_others, count(*) OVER w = 1 AS is_sole
		FROM (SELECT a.report, a.bucket, a.scope, a.protocol, a.caller_outside, a.target, a.port, a.connections
			  FROM attributed a JOIN topo.intermediary i ON i.node = a.peer_owner
			  WHERE a.by_client
			  UNION
			  SELECT a.report, a.bucket, a.scope, a.protocol, a.caller_outside, a.target, a.port, a.connections
			  FROM attributed a JOIN passed p ON p.bucket = a.bucket AND p.scope = a.scope AND p.protocol = a.protocol AND p.client = a.caller_outside
											 AND p.target = a.target AND p.port = a.port
			  WHERE a.by_client AND NOT a.is_answered AND (p.out_target, p.out_port) <> (p.target, p.port)) f
		WINDOW w AS (PARTITION BY f.bucket, f.scope, f.protocol, f.caller_outside, f.target, f.port)
	), redirected AS MATERIALIZED (
		-- to where, of the connections that began in the window, or last
		SELECT f.report, f.bucket, f.scope, f.protocol, t.out_client, t.target, t.port, t.connections AS weight, t.out_client <> f.caller_outside AS hides,
			   f.connections - sum(t.connections) OVER (PARTITION BY f.report) AS rest, l.bucket = f.bucket AS at_once,
			   -- it went nowhere else, or those who share the address do not account for all that went there
			   NOT t.others OR l.bucket = f.bucket AND t.connections > f.of_others AS is_sure, f.is_sole
		FROM forwarded f
			 CROSS JOIN LATERAL (
				SELECT t.bucket FROM topo_network.translation t
				WHERE t.scope = f.scope AND t.protocol = f.protocol AND t.client_address = f.caller_outside
				  AND t.target_address = f.target AND t.target_port = f.port
				  AND t.bucket <= f.bucket + interval '10 seconds' AND t.connections > 0
				ORDER BY t.bucket > f.bucket, t.bucket DESC LIMIT 1) l
			 CROSS JOIN LATERAL (
				SELECT t.out_client_address AS out_client, t.out_target_address AS target, t.out_target_port AS port,
					   sum(t.connections) FILTER (WHERE t.bucket = l.bucket) AS connections, count(*) OVER () > 1 AS others
				FROM topo_network.translation t
				WHERE t.scope = f.scope AND t.protocol = f.protocol AND t.client_address = f.caller_outside
				  AND t.target_address = f.target AND t.target_port = f.port
				  AND t.bucket <= f.bucket + interval '10 seconds' AND t.connections > 0
				GROUP BY 1, 2, 3) t
		WHERE t.connections > 0
	), reached AS (
		-- who reported such a connection as its server; is_sure: others do not account for it, or nobody else can have been called
		SELECT x.report, x.out_client, x.target, x.port, x.node,
			   NOT x.hides OR x.at_once AND (x.connections > x.passed - x.weight OR coalesce(h.whole AND h.node = x.node, false)) AS is_sure
		FROM (SELECT r.report, r.bucket, r.scope, r.out_client, r.target, r.port, r.hides, r.at_once, r.weight,
					 CASE WHEN min(h.node) = max(h.node) THEN min(h.node) END AS node, sum(h.connections) AS connections,
					 -- by the index, as there may be many
					 CASE WHEN r.hides THEN (
						SELECT sum(t.connections) FROM topo_network.translation t
						WHERE t.bucket = r.bucket AND t.scope = r.scope AND t.protocol = r.protocol AND t.out_client_address = r.out_client
						  AND t.out_target_address = r.target AND t.out_target_port = r.port) END AS passed
			  FROM redirected r JOIN heard h ON h.bucket = r.bucket AND h.scope = r.scope AND h.protocol = r.protocol
											AND h.caller = r.out_client AND h.target = r.target AND h.port = r.port
			  WHERE h.node IS NOT NULL
			  GROUP BY r.report, r.bucket, r.scope, r.protocol, r.out_client, r.target, r.port, r.hides, r.at_once, r.weight) x
			 LEFT JOIN LATERAL topo.holder_of(x.scope, x.target, x.port, x.bucket, x.bucket + interval '10 seconds', true, true) h ON x.hides AND x.at_once
	), undeclared AS (
		-- callers of one such address alone
		SELECT w.bucket, w.scope, w.caller, w.protocol
		FROM without_host w
		WHERE NOT w.declared AND NOT EXISTS (SELECT FROM redirected r WHERE r.report = w.report)
		  AND (w.bucket, w.scope, w.caller) IN (SELECT v.bucket, v.scope, v.caller FROM virtual v)
		GROUP BY 1, 2, 3, 4
		HAVING count(*) = 1
	), stray AS MATERIALIZED (
		SELECT s.bucket, s.scope, s.protocol, s.caller, s.node, s.inside AS target, s.inside_port AS port, s.first_seen, topo.weight(s.traffic) AS weight
		FROM report s
		WHERE s.covered AND NOT s.is_hidden AND s.node IS NOT NULL
		  AND (s.bucket, s.scope, s.caller) IN (SELECT v.bucket, v.scope, v.caller_outside FROM virtual v)
		  AND NOT EXISTS (SELECT FROM met WHERE met.of_server = s.report)
	), answer AS MATERIALIZED (
		SELECT r.report, r.target, r.port, coalesce(p.node, w.node, x.node) AS node, r.out_client AS translated_to, r.weight,
			   CASE WHEN NOT (r.is_sure OR r.is_sole AND NOT r.hides AND x.is_sure IS TRUE) THEN 0.8
					WHEN coalesce(p.node, w.node) IS NOT NULL OR x.is_sure THEN 1 ELSE 0.9 END AS most
		FROM redirected r
			 JOIN attributed a ON a.report = r.report AND a.by_client
			 LEFT JOIN reached x ON x.report = r.report AND x.out_client = r.out_client AND x.target = r.target AND x.port = r.port
			 LEFT JOIN said p ON p.scope = r.scope AND p.address = r.target AND p.port = r.port AND p.valid @> a.first_seen
			 LEFT JOIN said w ON w.scope = r.scope AND w.address = r.target AND w.port = 0 AND w.valid @> a.first_seen
		UNION ALL
		-- what is left is of who holds the address
		SELECT a.report, a.target, a.port, a.peer_owner, a.caller_outside, r.rest, a.confidence
		FROM (SELECT DISTINCT r.report, r.rest FROM redirected r WHERE r.rest > 0) r
			 JOIN attributed a ON a.report = r.report AND a.by_client
		WHERE a.report NOT IN (SELECT v.report FROM virtual v)
		UNION ALL
		SELECT v.report, s.target, s.port, coalesce(p.node, w.node, s.node), NULL, s.weight::numeric, 0.9
		FROM virtual v JOIN stray s ON v.kind IN ('virtual_address', 'gateway') AND s.bucket = v.bucket AND s.scope = v.scope AND s.protocol = v.protocol AND s.caller = v.caller_outside
			 LEFT JOIN said p ON p.scope = s.scope AND p.address = s.target AND p.port = s.port AND p.valid @> s.first_seen
			 LEFT JOIN said w ON w.scope = s.scope AND w.address = s.target AND w.port = 0 AND w.valid @> s.first_seen
		WHERE NOT v.is_told AND s.weight > 0
		  AND CASE WHEN v.declared
				   THEN EXISTS (SELECT FROM declared d JOIN topo.node n ON n.id = coalesce(p.node, w.node, s.node)
								WHERE d.intermediary = v.peer_owner AND topo.is_behind(d.port, v.port, v.has_own)
								  AND d.node IN (n.id, topo.app_of(n)))
				   ELSE (v.bucket, v.scope, v.caller, v.protocol) IN (SELECT u.bucket, u.scope, u.caller, u.protocol FROM undeclared u) END
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
		 LEFT JOIN (SELECT DISTINCT x.report FROM answer x) x ON x.report = a.report AND a.by_client
		 LEFT JOIN alone o ON o.report = a.report AND a.by_client
		 LEFT JOIN (SELECT b.report, min(b.nat) AS nat FROM behind b GROUP BY 1 HAVING min(b.nat) = max(b.nat)) b ON b.report = a.report AND a.by_client
		 -- of NULL, nothing is looked up
		 LEFT JOIN LATERAL topo.intermediary_at(a.scope, CASE WHEN a.translated THEN a.called END, a.called_port, a.first_seen) v ON true
		 LEFT JOIN LATERAL topo.intermediary_at(a.scope, CASE WHEN a.by_client THEN nullif(a.caller_outside, a.caller) END, NULL, a.first_seen) n ON true
	WHERE x.report IS NULL
	UNION ALL
	SELECT a.bucket, a.scope, a.caller, a.local_owner, false, d.target,
		   coalesce(d.node, CASE WHEN NOT peer.ambiguous THEN peer.node END), coalesce(peer.ambiguous, false), d.port,
		   nullif(array_remove(ARRAY[v.node, CASE WHEN d.node IS DISTINCT FROM i.node THEN i.node END, n.node], NULL), '{}'),
		   CASE WHEN a.role_guessed THEN 0.5 WHEN d.node IS NOT NULL OR peer.node IS NULL OR peer.ambiguous THEN d.most ELSE least(d.most, 0.5) END,
		   a.first_seen, a.last_seen,
		   topo.portion(a.traffic, (d.upto - d.weight)::bigint, d.upto::bigint, d.total::bigint)
	FROM attributed a JOIN divided d ON d.report = a.report
		 LEFT JOIN topo.intermediary i ON i.node = a.peer_owner
		 LEFT JOIN LATERAL topo.holder_of(a.scope, d.target, d.port, a.first_seen, least(a.last_seen, a.bucket + interval '10 seconds'), true, true) peer ON d.node IS NULL
		 LEFT JOIN LATERAL topo.intermediary_at(a.scope, CASE WHEN a.translated THEN a.called END, a.called_port, a.first_seen) v ON true
		 LEFT JOIN LATERAL topo.intermediary_at(a.scope, nullif(d.translated_to, a.caller_outside), NULL, a.first_seen) n ON true
	WHERE a.by_client;
END
$$;
COMMENT ON FUNCTION topo.hops_of(timestamptz[]) IS
'the hops of these flow windows: what each end reported, each connection once, between nodes as far as they are known';
