--
-- Maintenance: what a worker does from time to time, so that windows come and go.
--

CREATE FUNCTION topo.keep_up() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.make_partitions_ahead(), topo.maintain_spans();
	PERFORM topo.fade_edges(g) FROM topo.kept_graphs() g WHERE g.edge_ttl IS NOT NULL;
END
$$;
COMMENT ON FUNCTION topo.keep_up() IS
'what must not wait: make partitions ahead, give up spans, take faded edges out of the live map';

CREATE FUNCTION topo.maintain_windows() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.keep_up();
	WHILE topo.merge_next_minute() LOOP END LOOP;
	WHILE topo.roll_up_next() LOOP END LOOP;
	WHILE topo.detect_next() LOOP END LOOP;
	WHILE topo.adapt_next() LOOP END LOOP;
	-- last, since its locks are the strongest and last until commit
	PERFORM topo.expire_windows(1000);
END
$$;
COMMENT ON FUNCTION topo.maintain_windows() IS
'all that maintenance has to do now, in one transaction; a worker does the same in many';

--
-- How far it has come
--

CREATE FUNCTION topo.grain_partitions(graph topo.graph, grain topo.grain, OUT partitions bigint, OUT during tstzrange,
									  OUT bytes numeric, OUT next_expiry timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT count(*), range_merge(range_agg(p.during)), coalesce(sum(pg_total_relation_size(p.partition)), 0),
		   min(upper(p.during)) + grain.retention
	FROM topo.partitions(graph.schema_name, grain.relation) p
$$;
COMMENT ON FUNCTION topo.grain_partitions(topo.graph, topo.grain) IS
'maintenance_status: what is stored of one width of windows, and when its oldest partition has been kept long enough';

CREATE FUNCTION topo.grain_backlog(graph topo.graph, grain topo.grain, OUT dirty bigint, OUT oldest_dirty timestamptz,
								   OUT due bigint, OUT rolled_up bigint, OUT last_rollup timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	short CONSTANT topo.grain := topo.shorter_grain(grain);
BEGIN
	IF NOT grain.edges THEN
		EXECUTE format('SELECT count(DISTINCT d.bucket), min(d.bucket) FROM %I.dirty_window d', graph.schema_name) INTO dirty, oldest_dirty;
	ELSIF NOT coalesce(short.edges, false) THEN
		EXECUTE format('SELECT count(*), min(o.bucket) FROM %I.open_window o', graph.schema_name) INTO dirty, oldest_dirty;
	ELSE
		EXECUTE format('SELECT count(DISTINCT d.bucket), min(d.bucket) FROM %I.dirty_rollup d WHERE d.width = $1', graph.schema_name)
		INTO dirty, oldest_dirty USING grain.width;
		EXECUTE format('SELECT count(*), max(r.rolled_at) FROM %I.rollup r WHERE r.width = $1', graph.schema_name)
		INTO rolled_up, last_rollup USING grain.width;
		due := (SELECT count(*) FROM topo.rollups_due(graph.schema_name) d WHERE d.width = grain.width);
	END IF;
END
$$;
COMMENT ON FUNCTION topo.grain_backlog(topo.graph, topo.grain) IS 'maintenance_status: what is still to be done to one width of windows';

CREATE VIEW topo.maintenance_status AS
	SELECT r.graph, r.width AS grain, r.retention, s.partitions, s.during, s.bytes, s.next_expiry,
		   b.dirty, b.oldest_dirty, b.due, b.rolled_up, b.last_rollup,
		   k.state AS worker, k.last_turn, coalesce(k.last_error, CASE WHEN k.pid IS NULL THEN topo.worker_obstacle() END) AS last_error,
		   r.partition AS partition_width, coalesce(r.partition_reason, CASE WHEN r.adaptive THEN 'None have been too large, or far too small, so far.' ELSE 'It is fixed.' END) AS partition_reason,
		   CASE WHEN r.graph = 'network' AND r.relation = 'edge_window' THEN (SELECT nullif(d.examined, '-infinity') FROM topo.detection d) END AS examined_until,
		   topo.grain_reason(g, r) AS grain_reason
	FROM topo.kept_graphs() g
		 JOIN topo.grain r ON r.graph = g.name
		 CROSS JOIN LATERAL topo.grain_partitions(g, r) s
		 CROSS JOIN LATERAL topo.grain_backlog(g, r) b
		 LEFT JOIN topo.keeper() k ON true
	ORDER BY g.name, r.width;
COMMENT ON VIEW topo.maintenance_status IS 'for each graph and width of windows: what is stored of them, what is still to be done, and how the worker is that does it';
COMMENT ON COLUMN topo.maintenance_status.during IS 'time of the partitions that are there, those made ahead included';
COMMENT ON COLUMN topo.maintenance_status.next_expiry IS 'when the oldest partition has been kept long enough; it goes once longer windows hold what is in it';
COMMENT ON COLUMN topo.maintenance_status.dirty IS 'windows in which something has changed since they were resolved (reports), merged to one row an edge (minutes) or rolled up (hours and days)';
COMMENT ON COLUMN topo.maintenance_status.due IS 'those of them that are to be rolled up now: they are over, and nothing has come for topology.rollup_delay';
COMMENT ON COLUMN topo.maintenance_status.rolled_up IS 'hours or days that are kept and have been rolled up';
COMMENT ON COLUMN topo.maintenance_status.last_turn IS 'when the worker last had done all that there was to do';
COMMENT ON COLUMN topo.maintenance_status.last_error IS 'what keeps the worker from its work';
COMMENT ON COLUMN topo.maintenance_status.examined_until IS 'up to when the minutes of graph "network" were looked at for intermediaries';
COMMENT ON COLUMN topo.maintenance_status.partition_width IS 'span of time of each partition that is made from now on; a partition is dropped as a whole';
COMMENT ON COLUMN topo.maintenance_status.partition_reason IS 'why it is that';
COMMENT ON COLUMN topo.maintenance_status.grain_reason IS 'why there are windows of ten minutes besides minutes, or none';
