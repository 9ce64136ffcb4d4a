--
-- Resolution: from what each end reported, by address, to who calls whom.
--
-- Each dirty flow window is computed anew from stage 1, in one statement, so
-- that deleting the old edges and writing the new ones see the same rows: a
-- flow committed meanwhile is in neither, and its own mark brings the window
-- back.  So windows resolve to the same edges in whatever order records and
-- evidence come, and resolving twice changes nothing.
--
-- Rules.  The local side is known where it was captured.  The peer is looked
-- up at the time of the flow, by address and port, then by address alone: as
-- the inventory says, or as its owner's own calls have taught, if somebody
-- answered there and nobody else is known to listen at that address.  An address
-- with no owner, or with several, stays a node of its own.  Both ends may report
-- a connection: the client's word counts, the server's only where the client's
-- host reports nothing.
--
-- Cost: one read of a window's flow rows, and one index look-up for each
-- distinct conversation in it.  One resolver at a time (an advisory lock).
--

CREATE TYPE topo.edge_key AS (src bigint, dst bigint, type integer);
COMMENT ON TYPE topo.edge_key IS 'an edge of a graph, at the finest level known';

CREATE TYPE topo.seen_edge AS (src bigint, dst bigint, type integer, first_seen timestamptz, last_seen timestamptz);
COMMENT ON TYPE topo.seen_edge IS 'an edge of a graph, and when it was seen';

CREATE FUNCTION topo.address_label(scope text, address inet) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN scope = '' THEN pg_catalog.host(address) ELSE scope || '/' || pg_catalog.host(address) END;
COMMENT ON FUNCTION topo.address_label(text, inet) IS 'the name of the node that stands for an address without an owner';

CREATE FUNCTION topo.resolve_windows(buckets timestamptz[]) RETURNS topo.edge_key[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	shrunk topo.edge_key[];
BEGIN
	WITH conversation AS MATERIALIZED (
		-- both ends' reports, turned the caller's way
		SELECT f.bucket, f.scope, f.role,
			   f.local_address, nullif(f.local_port, 0) AS local_port, f.local_node,
			   CASE WHEN f.role = 1 AND f.nat_peer_address IS NOT NULL THEN f.nat_peer_address ELSE f.peer_address END AS peer_address,
			   nullif(CASE WHEN f.role = 1 AND f.nat_peer_address IS NOT NULL THEN f.nat_peer_port ELSE f.peer_port END, 0) AS peer_port,
			   bool_and(f.role_guessed) AS role_guessed,
			   min(f.first_seen) AS first_seen, max(f.last_seen) AS last_seen,
			   CASE f.role WHEN 1 THEN topo.merge(f.traffic) ELSE topo.reversed(topo.merge(f.traffic)) END AS traffic
		FROM topo_network.flow_window f
		WHERE f.bucket = ANY (buckets)
		GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
	), counted AS (
		SELECT c.*,
			   -- somebody listened, and the address means one host, not every host's own
			   (topo.failed(c.traffic) = 0 OR topo.connections(c.traffic) > 0)
			   AND NOT c.peer_address <<= ANY (ARRAY['127.0.0.0/8', '::1/128']::inet[]) AS may_be_whole_address
		FROM conversation c
		WHERE c.role = 1
		   OR NOT EXISTS (SELECT FROM topo.reporter r
						  WHERE r.address = c.peer_address AND r.scope = c.scope AND r.valid @> c.first_seen)
	), attributed AS (
		SELECT c.*,
			   coalesce(said.node, known.id) AS local_owner,
			   CASE WHEN NOT peer.ambiguous THEN peer.node END AS peer_owner,
			   CASE WHEN peer.node IS NULL OR peer.ambiguous THEN 1
					WHEN NOT peer.whole OR c.role_guessed THEN 0.5
					WHEN peer.port IS NOT NULL OR peer.source = 'inventory' OR c.role = 2 THEN 1
					ELSE 0.9 END AS confidence
		FROM counted c
			 -- somebody may have deleted the node since
			 LEFT JOIN topo.node known ON known.id = c.local_node
			 LEFT JOIN LATERAL (
				SELECT a.node FROM topo.address a
				WHERE a.address = c.local_address AND a.scope = c.scope
				  AND (a.port = c.local_port OR a.port IS NULL)
				  AND a.source = 'inventory' AND a.valid @> c.first_seen
				ORDER BY a.port IS NULL LIMIT 1) said ON true
			 LEFT JOIN LATERAL (
				SELECT a.node, a.port, a.source, a.ambiguous,
					   -- of a longer report, the time in its window: no other makes the window dirty
					   a.valid @> tstzrange(c.first_seen, least(c.last_seen, c.bucket + interval '10 seconds'), '[]') AS whole
				FROM topo.address a
				WHERE a.address = c.peer_address AND a.scope = c.scope AND a.valid @> c.first_seen
				  AND (a.port = c.peer_port
					   OR a.port IS NULL AND (c.role = 2 OR a.source = 'inventory' OR c.may_be_whole_address
											  AND NOT EXISTS (
												SELECT FROM topo.address o
												WHERE o.address = a.address AND o.scope = a.scope AND o.port IS NOT NULL
												  AND o.node <> a.node AND o.valid @> c.first_seen)))
				ORDER BY a.source <> 'inventory', a.port IS NULL, a.ambiguous DESC, a.id LIMIT 1) peer ON true
	), unowned AS (
		SELECT DISTINCT topo.address_label(u.scope, u.address) AS name
		FROM (SELECT scope, local_address AS address FROM attributed WHERE local_owner IS NULL
			  UNION ALL
			  SELECT scope, peer_address FROM attributed WHERE peer_owner IS NULL) u
	), made AS (
		INSERT INTO topo.node (type, name)
		SELECT 'address', u.name FROM unowned u
		WHERE NOT EXISTS (SELECT FROM topo.node n WHERE n.type = 'address' AND n.name = u.name)
		ON CONFLICT (type, name) DO UPDATE SET name = excluded.name
		RETURNING id, name
	), address_node AS (
		SELECT m.id, m.name FROM made m
		UNION
		SELECT n.id, n.name FROM unowned u JOIN topo.node n ON n.type = 'address' AND n.name = u.name
	), sided AS (
		SELECT a.*, coalesce(a.local_owner, l.id) AS local_end, coalesce(a.peer_owner, p.id) AS peer_end
		FROM attributed a
			 LEFT JOIN address_node l ON a.local_owner IS NULL AND l.name = topo.address_label(a.scope, a.local_address)
			 LEFT JOIN address_node p ON a.peer_owner IS NULL AND p.name = topo.address_label(a.scope, a.peer_address)
	), edge AS (
		SELECT date_bin('1 minute', s.bucket, '2000-01-01 00:00+00') AS minute, s.bucket,
			   CASE s.role WHEN 1 THEN s.local_end ELSE s.peer_end END AS src,
			   CASE s.role WHEN 1 THEN s.peer_end ELSE s.local_end END AS dst,
			   min(s.confidence) AS confidence, min(s.first_seen) AS first_seen, max(s.last_seen) AS last_seen,
			   topo.merge(s.traffic) AS traffic
		FROM sided s
		GROUP BY 1, 2, 3, 4
	), replaced AS (
		DELETE FROM topo_network.edge_window w
		USING (SELECT DISTINCT c.bucket FROM conversation c) b
		WHERE w.bucket = date_bin('1 minute', b.bucket, '2000-01-01 00:00+00')
		  AND w.part = extract(second FROM b.bucket)::smallint / 10
		RETURNING w.bucket, w.part, w.src, w.dst, w.type, w.first_seen, w.last_seen
	), written AS (
		INSERT INTO topo_network.edge_window (bucket, part, src, dst, confidence, first_seen, last_seen, traffic)
		SELECT e.minute, extract(second FROM e.bucket)::smallint / 10, e.src, e.dst, e.confidence,
			   e.first_seen, e.last_seen, e.traffic
		FROM edge e
		ORDER BY e.minute, e.src, e.dst
		RETURNING bucket, part, src, dst, type, first_seen, last_seen
	)
	SELECT array_agg(DISTINCT (r.src, r.dst, r.type)::topo.edge_key) INTO shrunk
	FROM replaced r
		 LEFT JOIN written w ON (w.bucket, w.part, w.src, w.dst, w.type) = (r.bucket, r.part, r.src, r.dst, r.type)
	WHERE w.src IS NULL OR w.first_seen > r.first_seen OR w.last_seen < r.last_seen;
	RETURN shrunk;
END
$$;
COMMENT ON FUNCTION topo.resolve_windows(timestamptz[]) IS
'compute the edges of flow windows anew; returns edges that they no longer have, or in less time';

CREATE FUNCTION topo.live_since(graph text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT coalesce(now() - g.edge_ttl, '-infinity') FROM topo.graph g WHERE g.name = graph $$;
COMMENT ON FUNCTION topo.live_since(text) IS 'an edge seen after this is live';

CREATE FUNCTION topo.app_of(node bigint) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT CASE WHEN n.type = 'cluster' THEN coalesce(n.parent, n.id) ELSE n.id END FROM topo.node n WHERE n.id = node $$;
COMMENT ON FUNCTION topo.app_of(bigint) IS 'the node that stands for this one at the level of apps';

CREATE FUNCTION topo.cluster_adopted() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	schema name;
BEGIN
	FOR schema IN SELECT g.schema_name FROM topo.graph g WHERE to_regclass(format('%I.link', g.schema_name)) IS NOT NULL LOOP
		EXECUTE format($adopt$
			WITH orphaned AS (
				DELETE FROM %1$I.link l WHERE l.level = 'a' AND (l.src = $1 OR l.dst = $1) RETURNING l.src, l.dst, l.type
			)
			INSERT INTO %1$I.link (level, src, dst, type)
			SELECT DISTINCT 'a'::"char", CASE o.src WHEN $1 THEN $2 ELSE o.src END, CASE o.dst WHEN $1 THEN $2 ELSE o.dst END, o.type
			FROM orphaned o
			ON CONFLICT DO NOTHING$adopt$, schema)
		USING NEW.id, NEW.parent;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.cluster_adopted() IS 'at the level of apps, gives the links of a cluster to the app that it turns out to be of';

CREATE TRIGGER cluster_adopted AFTER UPDATE OF parent ON topo.node
	FOR EACH ROW WHEN (NEW.type = 'cluster' AND OLD.parent IS NULL AND NEW.parent IS NOT NULL)
	EXECUTE FUNCTION topo.cluster_adopted();
COMMENT ON TRIGGER cluster_adopted ON topo.node IS 'the live map follows the inventory';

CREATE FUNCTION topo.link_seen(graph text, edges topo.seen_edge[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($link$
		WITH seen AS (
			SELECT e.*, topo.app_of(s) AS src_app, topo.app_of(d) AS dst_app
			FROM (SELECT e.src, e.dst, e.type, min(e.first_seen) AS first_seen, max(e.last_seen) AS last_seen
				  FROM unnest($1) e
				  GROUP BY 1, 2, 3
				  HAVING max(e.last_seen) > (SELECT topo.live_since($2))) e
				 JOIN topo.node s ON s.id = e.src
				 JOIN topo.node d ON d.id = e.dst
		), told AS (
			INSERT INTO %1$I.live_edge AS l (src, dst, type, first_seen, last_seen)
			SELECT src, dst, type, first_seen, last_seen FROM seen ORDER BY 1, 2, 3
			ON CONFLICT (src, dst, type) DO UPDATE
			SET first_seen = least(l.first_seen, excluded.first_seen),
				last_seen = greatest(l.last_seen, excluded.last_seen)
			WHERE l.last_seen < excluded.last_seen OR l.first_seen > excluded.first_seen
		)
		INSERT INTO %1$I.link (level, src, dst, type)
		SELECT DISTINCT e.*
		FROM seen s
			 CROSS JOIN LATERAL (VALUES ('c'::"char", s.src, s.dst, s.type),
										('a'::"char", s.src_app, s.dst_app, s.type)) e (level, src, dst, type)
		WHERE NOT EXISTS (SELECT FROM %1$I.link k
						  WHERE k.level = e.level AND k.src = e.src AND k.dst = e.dst AND k.type = e.type)
		ON CONFLICT DO NOTHING$link$, (topo.existing_graph(graph)).schema_name)
	USING edges, graph;
END
$$;
COMMENT ON FUNCTION topo.link_seen(text, topo.seen_edge[]) IS
'make edges live that were seen, where that is recent enough';

CREATE FUNCTION topo.link_windows(graph text, buckets timestamptz[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	seen topo.seen_edge[];
BEGIN
	EXECUTE format($windows$
		SELECT array_agg((s.src, s.dst, s.type, s.first_seen, s.last_seen)::topo.seen_edge)
		FROM (SELECT w.src, w.dst, w.type, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
			  FROM %I.edge_window w
			  WHERE w.bucket = ANY ($1)
			  GROUP BY 1, 2, 3
			  HAVING max(w.last_seen) > (SELECT topo.live_since($2))) s$windows$, (topo.existing_graph(graph)).schema_name)
	INTO seen USING buckets, graph;
	PERFORM topo.link_seen(graph, seen);
END
$$;
COMMENT ON FUNCTION topo.link_windows(text, timestamptz[]) IS
'make live the edges of these windows, where they are young enough';

CREATE FUNCTION topo.unlink(graph text, edges topo.edge_key[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($unlink$
		WITH gone AS (
			DELETE FROM %1$I.live_edge l USING unnest($1) e
			WHERE l.src = e.src AND l.dst = e.dst AND l.type = e.type
			  AND NOT EXISTS (SELECT FROM %1$I.edge_window w
							  WHERE w.src = e.src AND w.dst = e.dst AND w.type = e.type
								AND w.bucket > (SELECT topo.live_since($2)) - interval '1 minute')
			RETURNING l.src, l.dst, l.type
		), gone_clusters AS (
			DELETE FROM %1$I.link k USING gone g
			WHERE k.level = 'c' AND k.src = g.src AND k.dst = g.dst AND k.type = g.type
		)
		DELETE FROM %1$I.link k
		USING (SELECT DISTINCT topo.app_of(g.src) AS src, topo.app_of(g.dst) AS dst, g.type FROM gone g) g
		WHERE k.level = 'a' AND k.src = g.src AND k.dst = g.dst AND k.type = g.type
		  AND NOT EXISTS (
			SELECT FROM topo.node s, topo.node d, %1$I.live_edge l
			WHERE (s.id = k.src OR s.parent = k.src AND s.type = 'cluster')
			  AND (d.id = k.dst OR d.parent = k.dst AND d.type = 'cluster')
			  AND l.src = s.id AND l.dst = d.id AND l.type = k.type
			  AND NOT EXISTS (SELECT FROM gone x WHERE x.src = l.src AND x.dst = l.dst AND x.type = l.type))
		$unlink$, (topo.existing_graph(graph)).schema_name)
	USING edges, graph;
END
$$;
COMMENT ON FUNCTION topo.unlink(text, topo.edge_key[]) IS
'take out of the live map those of these edges that no live window has any more';

CREATE FUNCTION topo.retime(graph text, edges topo.edge_key[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	-- what was seen before the live windows is not known better than before
	EXECUTE format($retime$
		UPDATE %1$I.live_edge l
		SET first_seen = CASE WHEN l.first_seen > (SELECT topo.live_since($2)) THEN k.first_seen ELSE l.first_seen END,
			last_seen = k.last_seen
		FROM (SELECT w.src, w.dst, w.type, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
			  FROM unnest($1) e JOIN %1$I.edge_window w ON w.src = e.src AND w.dst = e.dst AND w.type = e.type
			  WHERE w.bucket > (SELECT topo.live_since($2)) - interval '1 minute'
			  GROUP BY 1, 2, 3) k
		WHERE l.src = k.src AND l.dst = k.dst AND l.type = k.type
		  AND (l.first_seen, l.last_seen) <> (k.first_seen, k.last_seen)
		$retime$, (topo.existing_graph(graph)).schema_name)
	USING edges, graph;
END
$$;
COMMENT ON FUNCTION topo.retime(text, topo.edge_key[]) IS
'set anew when these edges, as far as they are live, were seen';

CREATE FUNCTION topo.windows_of_addresses(changes topo.address_span[]) RETURNS SETOF timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET enable_nestloop = off -- the newest partition has no statistics, and looks small
AS $$
DECLARE
	earliest timestamptz;
	latest timestamptz;
BEGIN
	SELECT min(coalesce(lower(c.valid), '-infinity')) - interval '10 seconds', max(coalesce(upper(c.valid), 'infinity'))
	INTO earliest, latest
	FROM unnest(changes) c;
	RETURN QUERY
	WITH appearance AS MATERIALIZED (
		SELECT f.bucket, f.scope, a.address, tstzrange(f.first_seen, f.last_seen, '[]') AS seen
		FROM topo_network.flow_window f
			 CROSS JOIN LATERAL (VALUES (f.peer_address), (f.local_address), (f.nat_peer_address)) a (address)
		WHERE f.bucket BETWEEN earliest AND latest
	), changed AS MATERIALIZED (
		SELECT c.scope, c.address, range_agg(c.valid) AS valid
		FROM unnest(changes) c
		GROUP BY 1, 2
	)
	SELECT DISTINCT p.bucket
	FROM appearance p JOIN changed c ON c.scope = p.scope AND c.address = p.address
	WHERE p.seen && c.valid;
END
$$;
COMMENT ON FUNCTION topo.windows_of_addresses(topo.address_span[]) IS
'the flow windows in which one of these addresses appears in its time';

CREATE FUNCTION topo.take_dirty_windows() RETURNS timestamptz[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	changes topo.address_span[];
	buckets timestamptz[];
BEGIN
	WITH taken AS (DELETE FROM topo_network.dirty_address RETURNING scope, address, valid)
	SELECT array_agg(DISTINCT (t.scope, t.address, t.valid)::topo.address_span) INTO changes FROM taken t;
	WITH taken AS (DELETE FROM topo_network.dirty_window RETURNING bucket)
	SELECT array_agg(d.bucket) INTO buckets
	FROM (SELECT t.bucket FROM taken t
		  UNION
		  SELECT w FROM topo.windows_of_addresses(changes) w WHERE changes IS NOT NULL) d;
	RETURN buckets;
END
$$;
COMMENT ON FUNCTION topo.take_dirty_windows() IS
'the flow windows to resolve, taken off the lists of what is dirty; NULL: none';

CREATE FUNCTION topo.ensure_partitions_at(graph text, width interval, buckets timestamptz[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	span interval := (topo.existing_grain(graph, width)).partition;
BEGIN
	-- not the whole range: between two times of a backfill there may be years
	PERFORM topo.ensure_partitions(graph, width, tstzrange(min(b), max(b), '[]'))
	FROM unnest(buckets) b
	GROUP BY date_bin(span, b, '2000-01-01 00:00+00')
	ORDER BY min(b);
END
$$;
COMMENT ON FUNCTION topo.ensure_partitions_at(text, interval, timestamptz[]) IS
'make the partitions, for a graph''s windows of one width, that these windows need';

CREATE FUNCTION topo.resolve_pending(wait boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling these plans takes longer than it saves
AS $$
DECLARE
	buckets timestamptz[];
	shrunk topo.edge_key[];
BEGIN
	IF to_regclass('topo_network.dirty_window') IS NULL THEN
		RETURN true;
	ELSIF wait THEN
		PERFORM pg_advisory_xact_lock(1953460335, 1);
	ELSIF NOT pg_try_advisory_xact_lock(1953460335, 1) THEN
		RETURN false;
	END IF;
	buckets := topo.take_dirty_windows();
	IF buckets IS NULL THEN
		RETURN true;
	END IF;
	PERFORM topo.ensure_partitions_at('network', interval '1 minute', buckets);
	shrunk := topo.resolve_windows(buckets);
	PERFORM topo.link_windows('network', ARRAY(SELECT DISTINCT date_bin('1 minute', b, '2000-01-01 00:00+00') FROM unnest(buckets) b));
	IF shrunk IS NOT NULL THEN
		PERFORM topo.unlink('network', shrunk), topo.retime('network', shrunk);
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.resolve_pending(boolean) IS
'resolve the flow windows that are dirty; false where another session is at it and wait is false';
