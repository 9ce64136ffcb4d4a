--
-- Windows that have been kept long enough go, a partition at a time.
--
-- A partition is dropped when its windows are older than their retention, all that
-- they are rolled up (or resolved) into is clean, and no shorter windows are left of
-- its time that could still change it.  Partitions of one longer window go together,
-- or what is left of them would pass for all of it.  In the same transaction their time is sealed:
-- the longer windows can no longer be computed anew.  Late records have the partition
-- made again, and come into the longer windows as rows of another part, beside the
-- sealed ones; when it is dropped once more, these are merged.
--
-- Locks: ACCESS EXCLUSIVE on the table of windows, for which it waits 100 ms: the
-- next round of maintenance tries again, and ingest must not wait.
--

CREATE FUNCTION topo.mark_missing_rollups(graph topo.graph, short topo.grain, long topo.grain, during tstzrange) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
	EXECUTE format($mark$
		INSERT INTO %1$I.dirty_rollup (width, bucket, marked)
		SELECT DISTINCT g.width, date_bin(g.width, b, '2000-01-01 00:00+00'), topo.clock()
		FROM generate_series(lower($1), upper($1) - $2, $2) b JOIN topo.edge_grains($3) g ON g.width >= $2
		WHERE NOT EXISTS (SELECT FROM %1$I.rollup r WHERE r.width = $2 AND r.bucket = b)
		  AND NOT EXISTS (SELECT FROM %1$I.dirty_rollup d WHERE d.width = $2 AND d.bucket = b)
		  AND EXISTS (SELECT FROM %1$I.%2$I w WHERE w.bucket >= b AND w.bucket < b + $2)$mark$, graph.schema_name, short.relation)
	USING during, long.width, graph.name;
END
$$;
COMMENT ON FUNCTION topo.mark_missing_rollups(topo.graph, topo.grain, topo.grain, tstzrange) IS
'mark as dirty what somebody has written without saying so: longer windows of a time that have never been rolled up from windows that are there';

CREATE FUNCTION topo.awaits_resolution(schema name, during tstzrange) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	awaits boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.dirty_window d WHERE d.bucket <@ $1)', schema) INTO awaits USING during;
	RETURN awaits;
END
$$;
COMMENT ON FUNCTION topo.awaits_resolution(name, tstzrange) IS 'whether reports of a time have still to be resolved';

CREATE FUNCTION topo.awaits_rollup(schema name, width interval, during tstzrange) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	awaits boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.dirty_rollup d WHERE d.width = $1 AND d.bucket <@ $2)', schema)
	INTO awaits USING width, during;
	RETURN awaits;
END
$$;
COMMENT ON FUNCTION topo.awaits_rollup(name, interval, tstzrange) IS 'whether windows of a width and time have still to be rolled up';

CREATE FUNCTION topo.is_needed(graph topo.graph, grain topo.grain, during tstzrange) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	long CONSTANT topo.grain := topo.longer_grain(grain);
BEGIN
	RETURN NOT grain.aside AND EXISTS (SELECT FROM topo.grain s CROSS JOIN LATERAL topo.partitions(graph.schema_name, s.relation) p
									   WHERE s.graph = grain.graph AND s.width < grain.width AND NOT s.aside AND p.during && is_needed.during)
		OR NOT grain.edges AND topo.awaits_resolution(graph.schema_name, during)
		OR grain.edges AND long.width IS NOT NULL AND topo.awaits_rollup(graph.schema_name, long.width, during);
END
$$;
COMMENT ON FUNCTION topo.is_needed(topo.graph, topo.grain, tstzrange) IS
'whether windows of a time are to stay although they are old: longer ones are still to be computed from them, or shorter ones are there that could change them';

CREATE FUNCTION topo.seal(graph topo.graph, grain topo.grain, during tstzrange) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	short CONSTANT topo.grain := topo.shorter_grain(grain);
	long CONSTANT topo.grain := topo.longer_grain(grain);
	-- parts from this on are of what came after the first seal
	late CONSTANT integer := CASE WHEN grain.edges THEN 1 ELSE 7 END;
BEGIN
	-- what tells of the windows that go
	EXECUTE format('DELETE FROM %I.rollup r WHERE r.width = $1 AND r.bucket <@ $2', graph.schema_name) USING grain.width, during;
	IF grain.aside THEN
		RETURN;
	END IF;
	-- what is kept aside is of no use without what it is made of
	EXECUTE format('DELETE FROM %I.rollup r WHERE r.width IN (SELECT g.width FROM topo.grain g WHERE g.graph = $1 AND g.aside AND (topo.shorter_grain(g)).width = $2) AND r.bucket <@ $3',
				   graph.schema_name)
	USING graph.name, grain.width, during;
	EXECUTE format('DELETE FROM %I.seal s WHERE s.width = $1 AND s.during <@ $2', graph.schema_name) USING short.width, during;
	EXECUTE format('DELETE FROM %I.open_window o WHERE $1 AND o.bucket <@ $2', graph.schema_name)
	USING grain.edges AND short.edges IS NOT TRUE, during;
	IF long.width IS NULL THEN
		RETURN;
	END IF;
	EXECUTE format('INSERT INTO %I.seal (width, during) VALUES ($1, $2) ON CONFLICT DO NOTHING', graph.schema_name) USING grain.width, during;
	EXECUTE format('SELECT topo.merge_rows($1, $4, array_agg(DISTINCT w.bucket), ''0::smallint'')
					FROM %I.%I w WHERE w.bucket >= coalesce(lower($2), ''-infinity'') AND w.bucket < upper($2) AND w.part >= $3 HAVING count(*) > 0',
				   graph.schema_name, long.relation)
	USING graph.schema_name, during, late, long;
END
$$;
COMMENT ON FUNCTION topo.seal(topo.graph, topo.grain, tstzrange) IS
'note that windows of a time are dropped, which the caller does: the longer ones stay as they are; what they hold apart since an earlier seal is merged into them';

CREATE FUNCTION topo.expire(graph topo.graph, grain topo.grain, partitions regclass[], during tstzrange) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
	partition regclass;
BEGIN
	EXECUTE format('LOCK TABLE ONLY %I.%I IN ACCESS EXCLUSIVE MODE', graph.schema_name, grain.relation);
	-- once more, now that nobody writes
	IF topo.is_needed(graph, grain, during) THEN
		RAISE lock_not_available; -- gives the lock back
	END IF;
	PERFORM topo.seal(graph, grain, during);
	FOREACH partition IN ARRAY partitions LOOP
		EXECUTE format('DROP TABLE %s', partition);
	END LOOP;
	RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'windows older than their retention are in use: %', SQLERRM;
	RETURN false;
END
$$;
COMMENT ON FUNCTION topo.expire(topo.graph, topo.grain, regclass[], tstzrange) IS
'drop partitions of windows; false: they are needed, or somebody is in the way';

CREATE FUNCTION topo.expired_partitions()
RETURNS TABLE (graph topo.graph, grain topo.grain, partitions regclass[], during tstzrange)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT g, r, array_agg(p.partition ORDER BY p.during), w.during
	FROM topo.kept_graphs() g
		 JOIN topo.grain r ON r.graph = g.name
		 CROSS JOIN LATERAL topo.partitions(g.schema_name, r.relation) p
		 CROSS JOIN LATERAL (SELECT CASE WHEN l.width IS NULL THEN p.during ELSE range_merge(topo.whole_windows_over(tstzmultirange(p.during), l.width)) END AS during
							 FROM topo.longer_grain(r) l) w
	WHERE upper(p.during) <= topo.clock() - r.retention AND upper(w.during) <= topo.clock() - r.retention
	GROUP BY g, r, w.during
	ORDER BY min(r.width), upper(w.during), min(g.name)
$$;
COMMENT ON FUNCTION topo.expired_partitions() IS
'partitions of windows that are all older than their retention, those of one longer window together, shortest windows first';

CREATE FUNCTION topo.expire_windows(most integer) RETURNS integer
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	expired record;
	long topo.grain;
	dropped integer := 0;
BEGIN
	IF NOT topo.lock_windows() THEN
		RETURN 0;
	END IF;
	FOR expired IN SELECT * FROM topo.expired_partitions() LOOP
		EXIT WHEN dropped >= most;
		long := topo.longer_grain(expired.grain);
		IF long.edges AND (expired.grain).edges AND NOT lower_inf(expired.during) THEN
			PERFORM topo.mark_missing_rollups(expired.graph, expired.grain, long, expired.during);
		END IF;
		IF NOT topo.is_needed(expired.graph, expired.grain, expired.during)
		   AND topo.expire(expired.graph, expired.grain, expired.partitions, expired.during) THEN
			dropped := dropped + 1;
		END IF;
	END LOOP;
	RETURN dropped;
END
$$;
COMMENT ON FUNCTION topo.expire_windows(integer) IS
'drop the partitions of at most so many spans of time whose windows are older than their retention; returns of how many: none that is needed, or where somebody is in the way';

CREATE FUNCTION topo.expire_next() RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT topo.expire_windows(1) > 0 $$;
COMMENT ON FUNCTION topo.expire_next() IS
'drop the partitions of one span of time whose windows are older than their retention; false: there is none, or somebody is in the way';
