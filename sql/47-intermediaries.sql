--
-- Intermediaries: the map follows the inventory of them; and some that are not in
-- it are proposed, from the shape of their traffic.
--
-- A proposal is that: it changes no edge until somebody accepts it.
--
-- What is proposed.  A proxy, load balancer or gateway: an app or cluster that has
-- callers and callees, and of which nearly as many bytes go out to the callees as come in
-- from the callers, and the other way, in nearly all of at least ten minutes in
-- which both had traffic.  A virtual address: an address that nobody holds, called
-- by clients that report, whose calls servers see that they say they never called.
--
-- The keeper looks at each minute once it has settled, in a transaction of its own, and
-- notes the shape of each node in it; those of the last half hour together make a
-- proposal.  Cost: one read of the minute's windows and flows.
--

CREATE FUNCTION topo.intermediary_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	changed jsonb := to_jsonb(coalesce(NEW, OLD));
	changed_node bigint := coalesce(changed ->> 'intermediary', changed ->> 'node')::bigint;
BEGIN
	IF TG_OP <> 'DELETE' AND changed ? 'backend' THEN
		PERFORM topo.make_missing_nodes(ARRAY(SELECT (k.type, k.name, NULL)::topo.node_name
											  FROM topo.node_key(changed ->> 'backend') k));
	END IF;
	PERFORM topo.mark_dirty(ARRAY(SELECT (a.scope, a.address, a.valid)::topo.address_span FROM topo.address a WHERE a.node = changed_node));
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.intermediary_changed() IS
'has windows resolved again after a change of the inventory of intermediaries, and makes the nodes that it names';

CREATE TRIGGER intermediary_changed AFTER INSERT OR UPDATE OR DELETE ON topo.intermediary
	FOR EACH ROW EXECUTE FUNCTION topo.intermediary_changed();
COMMENT ON TRIGGER intermediary_changed ON topo.intermediary IS 'the map follows the inventory';
CREATE TRIGGER intermediary_changed AFTER INSERT OR UPDATE OR DELETE ON topo.intermediary_backend
	FOR EACH ROW EXECUTE FUNCTION topo.intermediary_changed();
COMMENT ON TRIGGER intermediary_changed ON topo.intermediary_backend IS 'the map follows the inventory';

CREATE TABLE topo.detected_intermediary (
	node        bigint PRIMARY KEY,
	kind        text NOT NULL CHECK (kind IN ('proxy', 'virtual_address')),
	windows     bigint NOT NULL,
	alike       bigint NOT NULL,
	first_seen  timestamptz NOT NULL,
	last_seen   timestamptz NOT NULL
);
COMMENT ON TABLE topo.detected_intermediary IS 'nodes whose traffic has the shape of an intermediary''s; they are not taken for one until topo.accept_intermediary() says so';
COMMENT ON COLUMN topo.detected_intermediary.kind IS 'what it looks like: what goes in goes out again (proxy), or servers see calls that were made to it (virtual_address)';
COMMENT ON COLUMN topo.detected_intermediary.windows IS 'windows that were looked at';
COMMENT ON COLUMN topo.detected_intermediary.alike IS 'windows that had the shape';
SELECT pg_catalog.pg_extension_config_dump('topo.detected_intermediary', '');

CREATE FUNCTION topo.proxy_shapes(during tstzrange) RETURNS TABLE (bucket timestamptz, node bigint, alike boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($proxies$
		WITH edge AS (
			SELECT w.bucket, w.src, w.dst, topo.merge(w.traffic) AS traffic
			FROM %s w
			WHERE w.src <> w.dst
			GROUP BY 1, 2, 3
		), side AS (
			SELECT e.bucket, s.node, sum(topo.bytes_sent(e.traffic)) FILTER (WHERE s.called) AS asked,
				   sum(topo.bytes_received(e.traffic)) FILTER (WHERE s.called) AS answered,
				   sum(topo.bytes_sent(e.traffic)) FILTER (WHERE NOT s.called) AS asks,
				   sum(topo.bytes_received(e.traffic)) FILTER (WHERE NOT s.called) AS is_answered
			FROM edge e CROSS JOIN LATERAL (VALUES (e.src, false), (e.dst, true)) s (node, called)
			GROUP BY 1, 2
		)
		SELECT s.bucket, s.node, s.asks BETWEEN s.asked * 0.7 AND s.asked * 1.4 AND s.is_answered BETWEEN s.answered * 0.7 AND s.answered * 1.4
		FROM side s JOIN topo.node n ON n.id = s.node
		WHERE n.type IN ('app', 'cluster') AND s.asked + s.answered > 0 AND s.asks + s.is_answered > 0
		$proxies$, topo.window_source(topo.existing_graph('network'), during, interval '1 minute'));
END
$$;
COMMENT ON FUNCTION topo.proxy_shapes(tstzrange) IS
'the minutes of nodes that both call and are called, and whether nearly all goes out again that comes in';

CREATE FUNCTION topo.virtual_address_shapes(during tstzrange) RETURNS TABLE (bucket timestamptz, node bigint, alike boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	RETURN QUERY
	WITH called AS MATERIALIZED (
		SELECT DISTINCT w.bucket, n.id, w.scope, w.local_address AS client, w.peer_address AS address
		FROM topo_network.flow_window w JOIN topo.node n ON n.type = 'address' AND n.name = topo.address_label(w.scope, w.peer_address)
		WHERE w.bucket <@ during AND w.role = 1 AND w.nat_peer_address IS NULL AND topo.connections(w.traffic) > 0
	), unclaimed AS (
		SELECT DISTINCT s.bucket, s.scope, s.peer_address AS client
		FROM topo_network.flow_window s
		WHERE s.bucket <@ during AND s.role = 2
		  AND EXISTS (SELECT FROM called c WHERE c.bucket = s.bucket AND c.scope = s.scope AND c.client = s.peer_address)
		  AND NOT EXISTS (SELECT FROM topo_network.flow_window c
						  WHERE c.bucket = s.bucket AND c.scope = s.scope AND c.role = 1 AND c.local_address = s.peer_address
							AND c.peer_address = s.local_address AND c.peer_port = s.local_port)
	)
	SELECT c.bucket, c.id, bool_or(u.bucket IS NOT NULL)
	FROM called c LEFT JOIN unclaimed u ON u.bucket = c.bucket AND u.scope = c.scope AND u.client = c.client
	GROUP BY 1, 2;
END
$$;
COMMENT ON FUNCTION topo.virtual_address_shapes(tstzrange) IS
'the flow windows in which addresses are called that nobody holds, and whether servers see the same clients that these say they never called';

CREATE FUNCTION topo.shapes(during tstzrange) RETURNS TABLE (bucket timestamptz, kind text, node bigint, alike boolean)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT s.bucket, 'proxy', s.node, s.alike FROM topo.proxy_shapes(during) s
	UNION ALL
	SELECT s.bucket, 'virtual_address', s.node, s.alike FROM topo.virtual_address_shapes(during) s
$$;
COMMENT ON FUNCTION topo.shapes(tstzrange) IS 'windows of nodes that may be intermediaries, and whether their traffic has the shape';

CREATE FUNCTION topo.is_likely(kind text, windows bigint, alike bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN alike >= 0.9 * windows AND CASE kind WHEN 'proxy' THEN windows >= 10 ELSE alike >= 3 END;
COMMENT ON FUNCTION topo.is_likely(text, bigint, bigint) IS 'whether so many windows that have the shape, of so many that were looked at, make a proposal';

CREATE FUNCTION topo.detect_intermediaries(during tstzrange DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	span CONSTANT tstzrange := coalesce(during, tstzrange(topo.clock() - interval '30 minutes', topo.clock()));
	found bigint;
BEGIN
	PERFORM topo.existing_graph('network'), topo.check_during(span);
	INSERT INTO topo.detected_intermediary AS i (node, kind, windows, alike, first_seen, last_seen)
	SELECT s.node, s.kind, count(*), count(*) FILTER (WHERE s.alike), min(s.bucket), max(s.bucket)
	FROM topo.shapes(span) s
	WHERE s.node NOT IN (SELECT m.node FROM topo.intermediary m)
	GROUP BY s.node, s.kind
	HAVING topo.is_likely(s.kind, count(*), count(*) FILTER (WHERE s.alike))
	ORDER BY 1
	ON CONFLICT (node) DO UPDATE SET kind = excluded.kind, windows = excluded.windows, alike = excluded.alike,
		first_seen = least(i.first_seen, excluded.first_seen), last_seen = greatest(i.last_seen, excluded.last_seen);
	GET DIAGNOSTICS found = ROW_COUNT;
	RETURN found;
END
$$;
COMMENT ON FUNCTION topo.detect_intermediaries(tstzrange) IS
'look for nodes whose traffic has the shape of an intermediary''s (NULL: in the last half hour), and note them in topo.detected_intermediary; returns how many it saw';

CREATE TABLE topo.shape_window (
	bucket timestamptz NOT NULL,
	kind   text NOT NULL,
	node   bigint NOT NULL,
	alike  boolean NOT NULL
);
CREATE INDEX shape_window_bucket_idx ON topo.shape_window (bucket);
COMMENT ON TABLE topo.shape_window IS 'of the last half hour that the keeper has looked at: windows of nodes that may be intermediaries, and whether their traffic has the shape';

CREATE TABLE topo.detection (examined timestamptz NOT NULL);
COMMENT ON TABLE topo.detection IS 'how far the keeper has looked for intermediaries';
COMMENT ON COLUMN topo.detection.examined IS 'the first minute that it has not looked at';
INSERT INTO topo.detection VALUES ('-infinity');

CREATE FUNCTION topo.detect_in(minute timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	DELETE FROM topo.shape_window w WHERE w.bucket < minute - interval '29 minutes';
	INSERT INTO topo.shape_window (bucket, kind, node, alike)
	SELECT s.bucket, s.kind, s.node, s.alike FROM topo.shapes(tstzrange(minute, minute + interval '1 minute')) s;
	INSERT INTO topo.detected_intermediary AS i (node, kind, windows, alike, first_seen, last_seen)
	SELECT w.node, w.kind, count(*), count(*) FILTER (WHERE w.alike), min(w.bucket), max(w.bucket)
	FROM topo.shape_window w
	WHERE w.node NOT IN (SELECT m.node FROM topo.intermediary m)
	GROUP BY w.node, w.kind
	HAVING max(w.bucket) >= minute AND topo.is_likely(w.kind, count(*), count(*) FILTER (WHERE w.alike))
	ORDER BY 1
	ON CONFLICT (node) DO UPDATE SET kind = excluded.kind, windows = excluded.windows, alike = excluded.alike,
		first_seen = least(i.first_seen, excluded.first_seen), last_seen = greatest(i.last_seen, excluded.last_seen);
	UPDATE topo.detection SET examined = minute + interval '1 minute';
END
$$;
COMMENT ON FUNCTION topo.detect_in(timestamptz) IS
'look for intermediaries in a minute, together with the half hour before it';

CREATE FUNCTION topo.detect_next() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	-- its records have come, and its edges are merged
	settled CONSTANT timestamptz := date_bin('1 minute', topo.clock(), '2000-01-01 00:00+00') - interval '3 minutes';
	minute timestamptz;
BEGIN
	IF to_regclass('topo_network.edge_window') IS NULL THEN
		RETURN false;
	END IF;
	SELECT greatest(d.examined, settled - interval '29 minutes') INTO minute FROM topo.detection d FOR UPDATE SKIP LOCKED;
	IF NOT FOUND OR minute > settled OR topo.awaits_resolution('topo_network', tstzrange(minute, minute + interval '1 minute')) THEN
		RETURN false;
	END IF;
	PERFORM topo.detect_in(minute);
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.detect_next() IS
'look for intermediaries in the next minute that has settled; false: there is none, or somebody is at it';

CREATE FUNCTION topo.accept_intermediary(node text, kind text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	accepted bigint := topo.existing_node(accept_intermediary.node);
	proposed topo.detected_intermediary;
BEGIN
	SELECT * INTO proposed FROM topo.detected_intermediary d WHERE d.node = accepted;
	IF NOT FOUND AND accept_intermediary.kind IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('node %L was not detected as an intermediary', accept_intermediary.node),
			HINT = 'topo.detected_intermediary lists those that were; or say what kind it is.';
	END IF;
	PERFORM topo.check_intermediary_kind(coalesce(accept_intermediary.kind, proposed.kind));
	INSERT INTO topo.intermediary (node, kind) VALUES (accepted, coalesce(accept_intermediary.kind, proposed.kind))
	ON CONFLICT (node) DO UPDATE SET kind = excluded.kind;
	-- an address that nobody held is held by its node from now on
	IF proposed.kind = 'virtual_address' THEN
		INSERT INTO topo.address (scope, address, valid, node)
		SELECT CASE WHEN position('/' IN n.name) > 0 THEN regexp_replace(n.name, '/[^/]*$', '') ELSE '' END,
			   regexp_replace(n.name, '^.*/', '')::inet, tstzrange(NULL, NULL), n.id
		FROM topo.node n
		WHERE n.id = accepted AND n.type = 'address' AND NOT EXISTS (SELECT FROM topo.address a WHERE a.node = n.id);
	END IF;
	DELETE FROM topo.detected_intermediary d WHERE d.node = accepted;
END
$$;
COMMENT ON FUNCTION topo.accept_intermediary(text, text) IS
'take a node for an intermediary, as detected, or of the kind given: its hops are joined from then on, and in what is kept of the past';
