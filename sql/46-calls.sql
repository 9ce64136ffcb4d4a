--
-- Calls: what metrics say of them, into stage 1 of the graph "ipc" and from
-- there into its edges.
--
-- Both ends may report the same calls.  They are the same edge only at the level
-- of apps (a client knows its own cluster, not the server's), and their intervals
-- of export need not meet.  So the rule is by app edge and window: what a server
-- says counts in a window that no report of a client reaches into.  Which reports
-- those are may be known only later, so a window is resolved anew, as a whole, when
-- any report that reaches into it has come, as with flows: the same edges come of
-- any order and batches of records.  Reports reach from the window of their start
-- to that of their end, at the most an hour.
--
-- A metric whose client is not known names no edge, and is passed over.
--
-- Cost: one read of the reports of the windows that are dirty and of the hour
-- before.  One resolver at a time (an advisory lock).
--

CREATE TYPE topo.call_row AS (
	bucket     timestamptz,
	src        bigint,
	dst        bigint,
	src_app    bigint,
	dst_app    bigint,
	endpoint   bigint,
	by_server  boolean,
	first_seen timestamptz,
	last_seen  timestamptz,
	traffic    topo.traffic
);
COMMENT ON TYPE topo.call_row IS 'the calls of an edge on their way to call_window';

CREATE FUNCTION topo.call_windows_reached(bucket timestamptz, last_seen timestamptz) RETURNS SETOF timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT ROWS 6
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
	-- a report that ends where a window begins does not reach into it
	SELECT generate_series(bucket, greatest(bucket, least(last_seen - interval '1 microsecond', bucket + interval '1 hour')),
						   interval '10 seconds')
$$;
COMMENT ON FUNCTION topo.call_windows_reached(timestamptz, timestamptz) IS
'the windows that a report reaches into, by its first window and its end';

CREATE FUNCTION topo.store_calls(rows topo.call_row[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.ensure_partitions_at('ipc', interval '10 seconds', ARRAY(SELECT DISTINCT r.bucket FROM unnest(rows) r));
	INSERT INTO topo_ipc.call_window (bucket, src, dst, src_app, dst_app, endpoint, by_server, first_seen, last_seen, traffic)
	SELECT r.* FROM unnest(rows) r;
	INSERT INTO topo_ipc.dirty_window (bucket)
	SELECT DISTINCT w FROM unnest(rows) r, topo.call_windows_reached(r.bucket, r.last_seen) w;
END
$$;
COMMENT ON FUNCTION topo.store_calls(topo.call_row[]) IS 'a batch of calls into stage 1, the windows that it reaches into marked as dirty';

CREATE FUNCTION topo.resolve_call_windows(buckets timestamptz[]) RETURNS topo.edge_key[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET enable_nestloop = off -- the newest partition has no statistics, and looks small
SET jit = off
AS $$
DECLARE
	earliest CONSTANT timestamptz := (SELECT min(b) - interval '1 hour' FROM unnest(buckets) b);
	latest CONSTANT timestamptz := (SELECT max(b) FROM unnest(buckets) b);
	vanished topo.edge_key[];
BEGIN
	WITH resolved AS MATERIALIZED (
		SELECT * FROM topo.parts_of('topo_ipc', buckets)
	), report AS MATERIALIZED (
		SELECT c.bucket, c.src, c.dst, c.src_app, c.dst_app, c.endpoint, c.by_server,
			   min(c.first_seen) AS first_seen, max(c.last_seen) AS last_seen, topo.merge(c.traffic) AS traffic
		FROM topo_ipc.call_window c
		WHERE c.bucket = ANY (buckets)
		GROUP BY 1, 2, 3, 4, 5, 6, 7
	), told_by_client AS (
		SELECT DISTINCT w.bucket, c.src_app, c.dst_app
		FROM (SELECT o.bucket, o.src_app, o.dst_app, max(o.last_seen) AS last_seen
			  FROM topo_ipc.call_window o
			  WHERE o.bucket BETWEEN earliest AND latest AND NOT o.by_server
				AND (o.src_app, o.dst_app) IN (SELECT r.src_app, r.dst_app FROM report r WHERE r.by_server)
			  GROUP BY 1, 2, 3) c
			 CROSS JOIN LATERAL topo.call_windows_reached(c.bucket, c.last_seen) w (bucket)
	), edge AS (
		SELECT r.bucket, r.src, r.dst, r.endpoint, min(r.first_seen) AS first_seen, max(r.last_seen) AS last_seen,
			   topo.merge(r.traffic) AS traffic
		FROM report r
			 LEFT JOIN told_by_client t ON t.bucket = r.bucket AND t.src_app = r.src_app AND t.dst_app = r.dst_app
		WHERE NOT r.by_server OR t.bucket IS NULL
		GROUP BY 1, 2, 3, 4
	), replaced AS (
		DELETE FROM topo_ipc.edge_window w
		USING (SELECT DISTINCT v.minute, p AS part FROM resolved v CROSS JOIN LATERAL unnest(ARRAY[v.part, v.merged]) p
			   WHERE v.bucket IN (SELECT r.bucket FROM report r)) v
		WHERE w.bucket = v.minute AND w.part = v.part
		RETURNING w.src, w.dst, w.type, w.pack
	), written AS (
		INSERT INTO topo_ipc.edge_window (bucket, part, src, dst, endpoint, first_seen, last_seen, traffic)
		SELECT v.minute, v.part, e.src, e.dst, e.endpoint, e.first_seen, e.last_seen, e.traffic
		FROM edge e JOIN resolved v ON v.bucket = e.bucket
		ORDER BY e.bucket, e.src, e.dst
		RETURNING src, dst, type
	)
	SELECT array_agg((v.src, v.dst, v.type)::topo.edge_key) INTO vanished
	FROM ((SELECT r.src, r.dst, r.type FROM replaced r WHERE r.pack IS NULL
		   UNION ALL
		   SELECT u.src, u.dst, u.type FROM replaced r CROSS JOIN LATERAL topo.unpack(r.pack) u)
		  EXCEPT SELECT * FROM written) v;
	RETURN vanished;
END
$$;
COMMENT ON FUNCTION topo.resolve_call_windows(timestamptz[]) IS
'compute the edges of call windows anew; returns edges that they had and no longer have';

CREATE FUNCTION topo.resolve_calls(wait boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	buckets timestamptz[];
	vanished topo.edge_key[];
BEGIN
	IF to_regclass('topo_ipc.dirty_window') IS NULL THEN
		RETURN true;
	ELSIF wait THEN
		PERFORM pg_advisory_xact_lock(1953460335, 3);
	ELSIF NOT pg_try_advisory_xact_lock(1953460335, 3) THEN
		RETURN false;
	END IF;
	WITH taken AS (DELETE FROM topo_ipc.dirty_window RETURNING bucket)
	SELECT array_agg(DISTINCT t.bucket) INTO buckets FROM taken t;
	IF buckets IS NULL THEN
		RETURN true;
	END IF;
	PERFORM topo.ensure_partitions_at('ipc', interval '1 minute', buckets);
	buckets := topo.with_merged_minutes('topo_ipc', buckets);
	vanished := topo.resolve_call_windows(buckets);
	PERFORM topo.windows_changed('ipc', buckets);
	PERFORM topo.link_windows('ipc', ARRAY(SELECT DISTINCT date_bin('1 minute', b, '2000-01-01 00:00+00') FROM unnest(buckets) b));
	IF vanished IS NOT NULL THEN
		PERFORM topo.unlink('ipc', vanished);
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.resolve_calls(boolean) IS
'resolve the windows of calls that are dirty; false where another session is at it and wait is false';
