--
-- Resolution: from the hops of flow windows to who calls whom.
--
-- Each dirty flow window is computed anew from stage 1, in one statement, so
-- that deleting the old edges and writing the new ones see the same rows: a
-- flow committed meanwhile is in neither, and its own mark brings the window
-- back.  So windows resolve to the same edges in whatever order records and
-- evidence come, and resolving twice changes nothing.
--
-- An address with no owner, or with several, becomes the node that stands in for
-- it (36-external.sql).  Hops from and to intermediaries (all of topo.intermediary
-- but those of kind nat, which 41-hops.sql takes care of) are joined in each
-- window, by absorb_hops(); src/resolve/absorb.h has the method, with its formula.
-- They are handed to it in the order of their names, not of ids, which depend on
-- what came first.
--
-- Cost: that of hops_of(), and for the hops of intermediaries some 2 us each.
-- Memory: topology.resolve_memory in all.  Each sort, hash and intermediate result has
-- a share of it, and what does not fit goes to disk.  Intermediaries that call each
-- other are joined together, and apart from others: only their hops are in memory at
-- once.  Where there is less than a kB of the memory for each of these, they stay hops,
-- which topo.attribution tells of as unjoined; and so do, untold, those for whose ways
-- a quarter of it does not suffice.  One resolver at a time (an advisory lock).
--

CREATE TYPE topo.edge_key AS (src bigint, dst bigint, type integer);
COMMENT ON TYPE topo.edge_key IS 'an edge of a graph, at the finest level known';

CREATE TYPE topo.seen_edge AS (src bigint, dst bigint, type integer, first_seen timestamptz, last_seen timestamptz);
COMMENT ON TYPE topo.seen_edge IS 'an edge of a graph, and when it was seen';

CREATE TYPE topo.absorb_node AS (id bigint, app bigint, between boolean, reports boolean);
COMMENT ON TYPE topo.absorb_node IS 'an end of a hop, for absorb_hops(): between: an intermediary; reports: its host reports all its connections';

CREATE TYPE topo.absorb_hop AS (src bigint, dst bigint, listener integer, via bigint[], confidence real,
								first_seen timestamptz, last_seen timestamptz, traffic topo.traffic);
COMMENT ON TYPE topo.absorb_hop IS 'a hop from or to an intermediary, for absorb_hops()';

CREATE TYPE topo.absorb_backend AS (intermediary bigint, port integer, node bigint, app bigint);
COMMENT ON TYPE topo.absorb_backend IS 'what the inventory declares behind a listener of an intermediary; a port of NULL: behind each';

CREATE FUNCTION topo.absorb_hops(nodes topo.absorb_node[], hops topo.absorb_hop[], backends topo.absorb_backend[], most bigint, memory bigint DEFAULT NULL)
RETURNS TABLE (src bigint, dst bigint, via bigint[], confidence real, app_confidence real,
			   first_seen timestamptz, last_seen timestamptz, traffic topo.traffic)
LANGUAGE c IMMUTABLE PARALLEL SAFE ROWS 100
AS 'MODULE_PATHNAME', 'topology_absorb_hops';
COMMENT ON FUNCTION topo.absorb_hops(topo.absorb_node[], topo.absorb_hop[], topo.absorb_backend[], bigint, bigint) IS
'the hops of one window, of which each has an intermediary at an end, to edges from caller to callee; most: edges that one listener may become, memory: bytes for the ways that hops may take, above which hops stay';

CREATE FUNCTION topo.linked_transition(internal, bigint, bigint) RETURNS internal
	LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'topology_linked_transition';
COMMENT ON FUNCTION topo.linked_transition(internal, bigint, bigint) IS 'linked(): take one pair';

CREATE FUNCTION topo.linked_final(internal) RETURNS bigint[]
	LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'topology_linked_final';
COMMENT ON FUNCTION topo.linked_final(internal) IS 'linked(): state to nodes';

CREATE AGGREGATE topo.linked(a bigint, b bigint) (
	SFUNC = topo.linked_transition,
	STYPE = internal,
	SSPACE = 65536,
	FINALFUNC = topo.linked_final,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE topo.linked(bigint, bigint) IS
'the nodes of pairs, each followed by the one that stands for all that it hangs together with by these pairs';

CREATE FUNCTION topo.parts_of(schema name, buckets timestamptz[])
RETURNS TABLE (bucket timestamptz, minute timestamptz, part smallint, merged smallint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($parts$
		SELECT b.bucket, date_bin('1 minute', b.bucket, '2000-01-01 00:00+00'),
			   (b.first + extract(second FROM b.bucket)::integer / 10)::smallint, (b.first + 6)::smallint
		FROM (SELECT u AS bucket, CASE WHEN EXISTS (SELECT FROM %I.seal s WHERE s.width = interval '10 seconds' AND s.during @> u) THEN 7 ELSE 0 END AS first
			  FROM unnest($1) u) b$parts$, schema)
	USING buckets;
END
$$;
COMMENT ON FUNCTION topo.parts_of(name, timestamptz[]) IS
'where the edges of windows of stage 1 are in edge_window: as a part of their minute, or, once this is merged, with the rest of it';

CREATE FUNCTION topo.with_merged_minutes(schema name, buckets timestamptz[]) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	more timestamptz[];
BEGIN
	EXECUTE format($merged$
		SELECT array_agg(DISTINCT p.minute + i * interval '10 seconds')
		FROM topo.parts_of($1, $2) p CROSS JOIN generate_series(0, 5) i
		WHERE EXISTS (SELECT FROM %I.edge_window w WHERE w.bucket = p.minute AND w.part = p.merged)$merged$, schema)
	INTO more USING schema, buckets;
	RETURN ARRAY(SELECT unnest(buckets) UNION SELECT unnest(more));
END
$$;
COMMENT ON FUNCTION topo.with_merged_minutes(name, timestamptz[]) IS
'windows of stage 1 to resolve: where the edges of a minute are merged, all of the minute has to be resolved again';

CREATE FUNCTION topo.resolve_windows(buckets timestamptz[]) RETURNS SETOF topo.edge_key
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	max_addresses CONSTANT bigint := current_setting('topology.max_address_nodes');
	most CONSTANT bigint := current_setting('topology.max_apportioned_edges');
	memory CONSTANT bigint := pg_size_bytes(current_setting('topology.resolve_memory'));
	-- an array has no room for more than a few million
	most_hops CONSTANT bigint := least(memory / 1024, 2000000);
	-- whose addresses were left out there come before those that appear later
	left_out CONSTANT timestamptz := (SELECT min(o.bucket) FROM topo_network.overflow_window o WHERE o.bucket <> ALL (buckets));
BEGIN
	RETURN QUERY
	WITH resolved AS MATERIALIZED (
		-- whole: all flows that the window ever had are there
		SELECT p.*, p.part < 7 AND EXISTS (SELECT FROM topo_network.flow_window f WHERE f.bucket = p.bucket) AS whole
		FROM topo.parts_of('topo_network', buckets) p
	), hop AS MATERIALIZED (
		SELECT * FROM topo.hops_of(buckets)
	), appearance AS MATERIALIZED (
		-- addresses without an owner, and since when
		SELECT h.bucket, h.scope, a.address, min(least(greatest(h.first_seen, h.bucket), h.bucket + interval '9.999999 seconds')) AS first
		FROM hop h CROSS JOIN LATERAL (VALUES (h.caller, h.caller_node), (h.target, h.target_node)) a (address, node)
		WHERE a.node IS NULL
		GROUP BY 1, 2, 3
	), standing_in AS MATERIALIZED (
		SELECT p.scope, p.address, p.first, s.type, s.name
		FROM (SELECT scope, address, min(first) AS first FROM appearance GROUP BY 1, 2) p CROSS JOIN LATERAL topo.stand_in(p.scope, p.address) s
	), moved AS MATERIALIZED (
		-- since later than was known, or never, as far as these windows tell
		SELECT k.scope, k.address, k.first
		FROM topo_network.address_node k
			 JOIN resolved v ON v.bucket = date_bin('10 seconds', k.first, '2000-01-01 00:00+00') AND v.whole
			 LEFT JOIN standing_in s ON s.type = 'address' AND s.scope = k.scope AND s.address = k.address
		WHERE s.first IS NULL OR s.first > k.first
	), admitted AS MATERIALIZED (
		SELECT c.scope, c.address, min(c.first) AS first
		FROM (SELECT s.scope, s.address, s.first FROM standing_in s WHERE s.type = 'address' AND (left_out IS NULL OR s.first < left_out)
			  UNION ALL
			  SELECT k.scope, k.address, k.first FROM topo_network.address_node k
			  WHERE NOT EXISTS (SELECT FROM moved m WHERE m.scope = k.scope AND m.address = k.address)) c
		GROUP BY 1, 2
		ORDER BY min(c.first), c.scope COLLATE "C", c.address
		LIMIT max_addresses
	), given_up AS (
		DELETE FROM topo_network.address_node k
		WHERE NOT EXISTS (SELECT FROM admitted d WHERE d.scope = k.scope AND d.address = k.address)
		RETURNING k.scope, k.address, k.first
	), taken AS (
		INSERT INTO topo_network.address_node AS k (scope, address, first)
		SELECT d.scope, d.address, d.first FROM admitted d
		WHERE NOT EXISTS (SELECT FROM topo_network.address_node k WHERE k.scope = d.scope AND k.address = d.address AND k.first = d.first)
		ON CONFLICT (scope, address) DO UPDATE SET first = excluded.first
	), changed AS MATERIALIZED (
		SELECT m.scope, m.address, m.first FROM moved m
		UNION
		SELECT g.scope, g.address, g.first FROM given_up g
		UNION
		-- maybe left out before
		SELECT d.scope, d.address, d.first FROM admitted d
		WHERE left_out IS NOT NULL AND NOT EXISTS (SELECT FROM topo_network.address_node k WHERE k.scope = d.scope AND k.address = d.address)
	), again AS (
		INSERT INTO topo_network.dirty_window (bucket)
		SELECT DISTINCT f.bucket
		FROM topo_network.flow_window f
			 CROSS JOIN LATERAL (VALUES (f.peer_address), (f.local_address), (f.nat_peer_address), (f.nat_local_address)) a (address)
			 JOIN changed c ON c.scope = f.scope AND c.address = a.address
		WHERE f.bucket >= (SELECT min(c.first) - interval '10 seconds' FROM changed c) AND f.bucket <> ALL (buckets)
	), named AS MATERIALIZED (
		SELECT s.scope, s.address, s.type, CASE WHEN s.type = 'address' AND d.address IS NULL THEN 'overflow' ELSE s.name END AS name
		FROM standing_in s LEFT JOIN admitted d ON d.scope = s.scope AND d.address = s.address
	), overflowed AS (
		DELETE FROM topo_network.overflow_window o WHERE o.bucket = ANY (buckets)
	), overflowing AS (
		INSERT INTO topo_network.overflow_window (bucket, addresses)
		SELECT p.bucket, count(*)
		FROM appearance p JOIN named n ON n.scope = p.scope AND n.address = p.address
		WHERE n.type = 'address' AND n.name = 'overflow'
		GROUP BY 1
	), made AS (
		INSERT INTO topo.node (type, name)
		SELECT DISTINCT m.type, m.name FROM named m
		WHERE NOT EXISTS (SELECT FROM topo.node n WHERE n.type = m.type AND n.name = m.name)
		ORDER BY 1, 2
		ON CONFLICT (type, name) DO UPDATE SET name = excluded.name
		RETURNING id, type, name
	), known AS MATERIALIZED (
		SELECT m.id, m.type, m.name FROM made m
		UNION
		SELECT n.id, n.type, n.name FROM (SELECT DISTINCT type, name FROM named) m JOIN topo.node n ON n.type = m.type AND n.name = m.name
	), stand_in AS MATERIALIZED (
		SELECT s.scope, s.address, s.type, k.id, s.name FROM named s JOIN known k ON k.type = s.type AND k.name = s.name
	), ended AS MATERIALIZED (
		SELECT h.*, coalesce(h.caller_node, c.id) AS src, coalesce(h.target_node, t.id) AS dst,
			   b.node IS NOT NULL AS to_intermediary, a.node IS NOT NULL OR b.node IS NOT NULL AS through
		FROM hop h
			 LEFT JOIN stand_in c ON h.caller_node IS NULL AND c.scope = h.scope AND c.address = h.caller
			 LEFT JOIN stand_in t ON h.target_node IS NULL AND t.scope = h.scope AND t.address = h.target
			 LEFT JOIN topo.intermediary a ON a.node = h.caller_node AND a.kind <> 'nat'
			 LEFT JOIN topo.intermediary b ON b.node = h.target_node AND b.kind <> 'nat'
	), through AS MATERIALIZED (
		SELECT e.bucket, e.src, e.dst, CASE WHEN e.to_intermediary THEN e.listener END AS listener, e.via, min(e.confidence) AS confidence,
			   min(e.first_seen) AS first_seen, max(e.last_seen) AS last_seen, topo.merge(e.traffic) AS traffic
		-- a connection that is only kept leads nowhere
		FROM ended e WHERE e.through AND (topo.weight(e.traffic) > 0 OR topo.failed(e.traffic) > 0)
		GROUP BY 1, 2, 3, 4, 5
	), linked AS MATERIALIZED (
		-- intermediaries that call each other, and the one that stands for them
		SELECT l.bucket, l.nodes[2 * i - 1] AS node, l.nodes[2 * i] AS part
		FROM (SELECT t.bucket, topo.linked(t.src, t.dst) AS nodes
			  FROM through t
				   JOIN topo.intermediary a ON a.node = t.src AND a.kind <> 'nat'
				   JOIN topo.intermediary b ON b.node = t.dst AND b.kind <> 'nat'
			  GROUP BY 1) l
			 CROSS JOIN LATERAL generate_series(1, cardinality(l.nodes) / 2) i
	), end_point AS MATERIALIZED (
		SELECT t.bucket, t.id, coalesce(topo.app_of(n), t.id) AS app, i.node IS NOT NULL AS between,
			   i.node IS NOT NULL AND EXISTS (
				SELECT FROM topo.address a JOIN topo.reporter p ON p.address = a.address AND p.scope = a.scope
				WHERE a.node = t.id AND a.valid && tstzrange(t.bucket, t.bucket + interval '10 seconds') AND p.valid && tstzrange(t.bucket, t.bucket + interval '10 seconds')) AS reports,
			   CASE WHEN i.node IS NOT NULL THEN coalesce(l.part, t.id) END AS part,
			   row_number() OVER (PARTITION BY t.bucket ORDER BY coalesce(topo.node_label(n.type, n.name), s.name) COLLATE "C") AS rank
		FROM (SELECT bucket, src AS id FROM through UNION SELECT bucket, dst FROM through) t
			 LEFT JOIN topo.node n ON n.id = t.id
			 LEFT JOIN topo.intermediary i ON i.node = t.id AND i.kind <> 'nat'
			 LEFT JOIN linked l ON l.bucket = t.bucket AND l.node = t.id
			 -- just made, so not to be seen in topo.node
			 LEFT JOIN (SELECT DISTINCT id, topo.node_label(type, name) AS name FROM stand_in) s ON s.id = t.id AND n.id IS NULL
	), part_hop AS MATERIALIZED (
		SELECT t.*, coalesce(s.part, d.part) AS part, s.rank AS src_rank, d.rank AS dst_rank
		FROM through t
			 JOIN end_point s ON s.bucket = t.bucket AND s.id = t.src
			 JOIN end_point d ON d.bucket = t.bucket AND d.id = t.dst
	), crowded AS MATERIALIZED (
		SELECT h.bucket, h.part FROM part_hop h GROUP BY 1, 2 HAVING count(*) > most_hops
	), joined AS (
		SELECT h.bucket, a.*
		FROM (SELECT h.bucket, h.part, array_agg((h.src, h.dst, h.listener, h.via, h.confidence, h.first_seen, h.last_seen, h.traffic)::topo.absorb_hop
												 ORDER BY h.src_rank, h.dst_rank, h.listener, h.via) AS hops
			  FROM part_hop h
			  WHERE (h.bucket, h.part) NOT IN (SELECT c.bucket, c.part FROM crowded c)
			  GROUP BY h.bucket, h.part) h
			 JOIN (SELECT m.bucket, m.part, array_agg((p.id, p.app, p.between, p.reports)::topo.absorb_node ORDER BY p.rank) AS nodes
				   FROM (SELECT bucket, part, src AS id FROM part_hop UNION SELECT bucket, part, dst FROM part_hop) m
						JOIN end_point p ON p.bucket = m.bucket AND p.id = m.id
				   WHERE (m.bucket, m.part) NOT IN (SELECT c.bucket, c.part FROM crowded c)
				   GROUP BY m.bucket, m.part) n ON n.bucket = h.bucket AND n.part = h.part
			 LEFT JOIN (SELECT p.bucket, p.part, array_agg((d.intermediary, d.port, d.node, d.app)::topo.absorb_backend) AS backends
						FROM topo.declared_backends() d JOIN end_point p ON p.id = d.intermediary AND p.between
						GROUP BY p.bucket, p.part) b ON b.bucket = h.bucket AND b.part = h.part
			 CROSS JOIN LATERAL topo.absorb_hops(n.nodes, h.hops, b.backends, most, memory / 4) a
	), edge AS (
		SELECT e.bucket, e.src, e.dst, e.via,
			   max(e.confidence) AS confidence, max(e.app_confidence) AS app_confidence,
			   min(e.first_seen) AS first_seen, max(e.last_seen) AS last_seen, topo.merge(e.traffic) AS traffic
		FROM (SELECT d.bucket, d.src, d.dst, d.via, d.confidence, d.confidence AS app_confidence, d.first_seen, d.last_seen, d.traffic
			  FROM ended d WHERE NOT d.through
			  UNION ALL
			  SELECT j.bucket, j.src, j.dst, j.via, j.confidence, j.app_confidence, j.first_seen, j.last_seen, j.traffic FROM joined j
			  UNION ALL
			  SELECT h.bucket, h.src, h.dst, h.via, h.confidence, h.confidence, h.first_seen, h.last_seen, h.traffic
			  FROM part_hop h JOIN crowded c ON c.bucket = h.bucket AND c.part = h.part) e
		GROUP BY 1, 2, 3, 4
	), told AS (
		DELETE FROM topo_network.attribution_window a WHERE a.bucket = ANY (buckets)
	), telling AS (
		INSERT INTO topo_network.attribution_window (bucket, share, connections, bytes)
		SELECT e.bucket,
			   CASE WHEN e.caller_ambiguous OR e.target_ambiguous THEN 'ambiguous'
					WHEN 'overflow' IN (c.name, t.name) THEN 'overflow'
					WHEN 'address' IN (c.type, t.type) THEN 'unattributed'
					WHEN 'external' IN (c.type, t.type) THEN 'external'
					ELSE 'attributed' END,
			   sum(topo.connections(e.traffic)), sum(topo.bytes_sent(e.traffic)::numeric + topo.bytes_received(e.traffic))
		FROM ended e
			 LEFT JOIN stand_in c ON e.caller_node IS NULL AND c.scope = e.scope AND c.address = e.caller
			 LEFT JOIN stand_in t ON e.target_node IS NULL AND t.scope = e.scope AND t.address = e.target
		GROUP BY 1, 2
		UNION ALL
		SELECT h.bucket, 'unjoined', sum(topo.connections(h.traffic)), sum(topo.bytes_sent(h.traffic)::numeric + topo.bytes_received(h.traffic))
		FROM part_hop h JOIN crowded c ON c.bucket = h.bucket AND c.part = h.part
		GROUP BY 1
	), replaced AS (
		DELETE FROM topo_network.edge_window w
		-- not where the flows are dropped, whatever made the window dirty
		USING (SELECT DISTINCT v.minute, p AS part FROM resolved v CROSS JOIN LATERAL unnest(ARRAY[v.part, v.merged]) p
			   WHERE EXISTS (SELECT FROM topo_network.flow_window f WHERE f.bucket = v.bucket)) v
		WHERE w.bucket = v.minute AND w.part = v.part
		RETURNING w.bucket, w.src, w.dst, w.type, w.first_seen, w.last_seen, w.pack
	), written AS (
		INSERT INTO topo_network.edge_window (bucket, part, src, dst, via, confidence, app_confidence, first_seen, last_seen, traffic)
		SELECT v.minute, v.part, e.src, e.dst, e.via, e.confidence, e.app_confidence,
			   e.first_seen, e.last_seen, e.traffic
		FROM edge e JOIN resolved v ON v.bucket = e.bucket
		ORDER BY v.minute, e.src, e.dst
		RETURNING bucket, src, dst, type, first_seen, last_seen
	)
	SELECT DISTINCT r.src, r.dst, r.type
	FROM (SELECT r.bucket, r.src, r.dst, r.type, min(r.first_seen) AS first_seen, max(r.last_seen) AS last_seen
		  FROM (SELECT r.bucket, r.src, r.dst, r.type, r.first_seen, r.last_seen FROM replaced r WHERE r.pack IS NULL
				UNION ALL
				SELECT r.bucket, u.src, u.dst, u.type, u.first_seen, u.last_seen FROM replaced r CROSS JOIN LATERAL topo.unpack(r.pack) u) r
		  GROUP BY 1, 2, 3, 4) r
		 LEFT JOIN (SELECT w.bucket, w.src, w.dst, w.type, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
					FROM written w GROUP BY 1, 2, 3, 4) w
			ON (w.bucket, w.src, w.dst, w.type) = (r.bucket, r.src, r.dst, r.type)
	WHERE w.src IS NULL OR w.first_seen > r.first_seen OR w.last_seen < r.last_seen;
END
$$;
COMMENT ON FUNCTION topo.resolve_windows(timestamptz[]) IS
'compute the edges of flow windows anew; returns edges that they no longer have, or in less time';

CREATE FUNCTION topo.take_dirty_windows() RETURNS timestamptz[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET enable_nestloop = off -- the newest partition has no statistics, and looks small
AS $$
DECLARE
	buckets timestamptz[];
BEGIN
	WITH taken AS (
		DELETE FROM topo_network.dirty_window RETURNING bucket
	), learned AS (
		DELETE FROM topo_network.dirty_address RETURNING scope, address, valid
	), changed AS MATERIALIZED (
		SELECT l.scope, l.address, range_agg(l.valid) AS valid FROM learned l GROUP BY 1, 2
	), span AS MATERIALIZED (
		SELECT min(coalesce(lower(c.valid), '-infinity')) - interval '10 seconds' AS earliest, max(coalesce(upper(c.valid), 'infinity')) AS latest
		FROM changed c
	), appearance AS MATERIALIZED (
		SELECT f.bucket, f.scope, a.address, tstzrange(f.first_seen, f.last_seen, '[]') AS seen
		FROM topo_network.flow_window f
			 CROSS JOIN LATERAL (VALUES (f.peer_address), (f.local_address), (f.nat_peer_address), (f.nat_local_address)) a (address)
		WHERE f.bucket BETWEEN (SELECT s.earliest FROM span s) AND (SELECT s.latest FROM span s)
		  -- those that are taken anyway need not be searched
		  AND NOT EXISTS (SELECT FROM taken t WHERE t.bucket = f.bucket)
	)
	SELECT array_agg(d.bucket) INTO buckets
	FROM (SELECT t.bucket FROM taken t
		  UNION
		  SELECT p.bucket
		  FROM appearance p JOIN changed c ON c.scope = p.scope AND c.address = p.address
		  WHERE p.seen && c.valid) d;
	RETURN buckets;
END
$$;
COMMENT ON FUNCTION topo.take_dirty_windows() IS
'the flow windows to resolve, taken off the lists of what is dirty; those, too, in which an address appears of which something was learned; NULL: none';

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

CREATE FUNCTION topo.resolve_dirty_windows() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	at_once CONSTANT bigint := least(pg_size_bytes(current_setting('topology.resolve_memory')) / 1024, 2000000);
	buckets timestamptz[] := topo.take_dirty_windows();
	resolving CURSOR FOR SELECT * FROM topo.resolve_windows(buckets);
	edge topo.edge_key;
	shrunk topo.edge_key[] := '{}';
BEGIN
	IF buckets IS NULL THEN
		RETURN false;
	END IF;
	PERFORM topo.ensure_partitions_at('network', interval '1 minute', buckets);
	buckets := topo.with_merged_minutes('topo_network', buckets);
	OPEN resolving;
	-- the first row comes when all are there, and all is written
	FETCH resolving INTO edge;
	PERFORM topo.windows_changed('network', buckets);
	PERFORM topo.link_windows('network', ARRAY(SELECT DISTINCT date_bin('1 minute', b, '2000-01-01 00:00+00') FROM unnest(buckets) b));
	WHILE edge.src IS NOT NULL LOOP
		shrunk := shrunk || edge;
		FETCH resolving INTO edge;
		IF edge.src IS NULL OR cardinality(shrunk) >= at_once THEN
			PERFORM topo.unlink('network', shrunk), topo.retime('network', shrunk);
			shrunk := '{}';
		END IF;
	END LOOP;
	CLOSE resolving;
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.resolve_dirty_windows() IS
'resolve the flow windows that are dirty, and have the live map follow; false: there are none';

CREATE FUNCTION topo.resolve_pending(wait boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling these plans takes longer than it saves
SET hash_mem_multiplier = 1
AS $$
DECLARE
	-- a share for each of the sorts and hashes that a statement may have at once
	memory CONSTANT text := greatest(pg_size_bytes(current_setting('topology.resolve_memory')) / 32768, 512) || 'kB';
	callers_memory CONSTANT text := current_setting('work_mem');
BEGIN
	IF to_regclass('topo_network.dirty_window') IS NULL THEN
		RETURN true;
	ELSIF wait THEN
		PERFORM pg_advisory_xact_lock(1953460335, 1);
	ELSIF NOT pg_try_advisory_xact_lock(1953460335, 1) THEN
		RETURN false;
	END IF;
	PERFORM set_config('work_mem', memory, true);
	-- which addresses have nodes may change in other windows, and so once more
	FOR round IN 1..CASE WHEN wait THEN 50 ELSE 1 END LOOP
		EXIT WHEN NOT topo.resolve_dirty_windows() AND NOT (wait AND topo.readmit_addresses());
	END LOOP;
	PERFORM set_config('work_mem', callers_memory, true);
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.resolve_pending(boolean) IS
'resolve the flow windows that are dirty; false where another session is at it and wait is false';
