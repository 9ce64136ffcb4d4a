--
-- Rollups: minutes to hours, hours to days.
--
-- Who changes windows marks the hour and the day as dirty, in the same transaction
-- (topo.windows_changed()).  A rollup takes a bucket's marks, throws away what it
-- held and computes it anew from the next shorter windows, in one statement: so it
-- sees a change if, and only if, it sees its mark, and what it leaves is what a rollup
-- from scratch would.  A bucket is rolled up once it is over and nothing has come for
-- topology.rollup_delay; as long as it is dirty, questions read the shorter windows.
--
-- What can be computed anew no more, since the shorter windows were dropped, is told
-- apart by its part (50-expire.sql): it is added to, never replaced.
--
-- Of windows that are kept aside (50-ten-minutes.sql) nothing is rolled up: these are made,
-- dropped and made again without any other having to be.
--
-- Locks: one session at a time (an advisory lock), a bucket or minute a transaction
-- where a worker does it.  Merging the rows of a minute also takes the lock of who
-- resolves the graph.
--
-- Cost: a rollup reads the shorter windows of its bucket once.
--

CREATE FUNCTION topo.edge_grains(graph text) RETURNS SETOF topo.grain
LANGUAGE sql STABLE PARALLEL SAFE STRICT ROWS 3
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT g.* FROM topo.grain g WHERE g.graph = edge_grains.graph AND g.edges AND g.active ORDER BY g.width
$$;
COMMENT ON FUNCTION topo.edge_grains(text) IS 'the widths of windows of edges that a graph makes, shortest first';

CREATE FUNCTION topo.shorter_grain(grain topo.grain) RETURNS topo.grain
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT g FROM topo.grain g WHERE g.graph = grain.graph AND g.width < grain.width AND NOT g.aside ORDER BY g.width DESC LIMIT 1
$$;
COMMENT ON FUNCTION topo.shorter_grain(topo.grain) IS 'what windows of this width are made from; NULL: nothing';

CREATE FUNCTION topo.longer_grain(grain topo.grain) RETURNS topo.grain
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT g FROM topo.grain g WHERE g.graph = grain.graph AND g.width > grain.width AND NOT g.aside AND NOT grain.aside ORDER BY g.width LIMIT 1
$$;
COMMENT ON FUNCTION topo.longer_grain(topo.grain) IS 'what windows of this width are made into; NULL: nothing';

CREATE FUNCTION topo.lock_windows() RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT pg_try_advisory_xact_lock(1953460335, 4) $$;
COMMENT ON FUNCTION topo.lock_windows() IS 'be the one who rolls up, merges and drops windows, until the end of the transaction; false: somebody else is';

--
-- What has changed
--

CREATE FUNCTION topo.windows_changed(graph text, buckets timestamptz[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	schema CONSTANT name := (topo.existing_graph(graph)).schema_name;
	finest CONSTANT interval := (SELECT min(g.width) FROM topo.edge_grains(windows_changed.graph) g);
BEGIN
	EXECUTE format($mark$
		INSERT INTO %I.dirty_rollup (width, bucket, marked)
		SELECT DISTINCT g.width, date_bin(g.width, b, '2000-01-01 00:00+00'), topo.clock()
		FROM topo.edge_grains($1) g, unnest($2) b
		WHERE g.width > $3$mark$, schema)
	USING graph, buckets, finest;
	EXECUTE format($open$
		INSERT INTO %I.open_window AS o (bucket, appended)
		SELECT DISTINCT date_bin($2, b, '2000-01-01 00:00+00'), topo.clock() FROM unnest($1) b
		ON CONFLICT (bucket) DO UPDATE SET appended = excluded.appended$open$, schema)
	USING buckets, finest;
END
$$;
COMMENT ON FUNCTION topo.windows_changed(text, timestamptz[]) IS
'to be called in each transaction that changes edge_window, for the minutes that it changes, before these are read again: they have to be merged, and their hours and days rolled up';

--
-- Merging: one row for each edge
--

CREATE FUNCTION topo.merging(source text, bucket text, part text, finish text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format($merging$
	SELECT g.bucket, g.part, p.src, p.last_src, p.first_seen, p.last_seen, p.pack
	FROM (SELECT %2$s AS bucket, %3$s AS part, topo.fold(%2$s, %4$s, w.src, w.dst, w.type, w.endpoint, w.via, w.confidence, w.app_confidence,
														 w.first_seen, w.last_seen, w.traffic, w.pack ORDER BY w.src) AS packs
		  FROM %1$s w
		  GROUP BY 1, 2) g
		 CROSS JOIN LATERAL unnest(g.packs) p$merging$, source, bucket, part, finish);
COMMENT ON FUNCTION topo.merging(text, text, text, text) IS
'a query: the windows of a source (called w), which are rows of a table of windows, one for each edge, endpoint and way, packed, with a bucket, a part and the end of the bucket as expressions of w';

CREATE FUNCTION topo.merge_rows(schema name, grain topo.grain, buckets timestamptz[], part text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS $$
BEGIN
	EXECUTE format($merge$
		WITH taken AS (
			DELETE FROM %1$I.%2$I w WHERE w.bucket = ANY ($1) RETURNING w.*
		)
		INSERT INTO %1$I.%2$I (bucket, part, src, last_src, first_seen, last_seen, pack)
		%3$s$merge$, schema, grain.relation,
		topo.merging('taken', 'w.bucket', part, 'w.bucket + $2'))
	USING buckets, grain.width;
END
$$;
COMMENT ON FUNCTION topo.merge_rows(name, topo.grain, timestamptz[], text) IS
'replace the rows of some buckets of a table of windows by packs with one window for each edge, with a part as an expression of w';

CREATE FUNCTION topo.lock_to_resolve(graph text) RETURNS boolean
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT coalesce(pg_try_advisory_xact_lock(1953460335, array_position(ARRAY['network', 'trace', 'ipc'], graph)), true)
$$;
COMMENT ON FUNCTION topo.lock_to_resolve(text) IS
'be the one who writes a graph''s edge_window, until the end of the transaction; false: somebody else is';

CREATE FUNCTION topo.merge_minute(graph topo.graph) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	minute timestamptz;
BEGIN
	IF NOT topo.lock_to_resolve(graph.name) THEN
		RETURN false;
	END IF;
	EXECUTE format('DELETE FROM %1$I.open_window WHERE bucket = (
					SELECT o.bucket FROM %1$I.open_window o WHERE o.appended <= $1 ORDER BY o.bucket LIMIT 1) RETURNING bucket',
				   graph.schema_name)
	INTO minute USING topo.clock() - interval '1 minute';
	IF minute IS NULL THEN
		RETURN false;
	END IF;
	PERFORM topo.merge_rows(graph.schema_name, g, ARRAY[minute], '(w.part / 7 * 7 + 6)::smallint')
	FROM topo.edge_grains(graph.name) g WHERE g.relation = 'edge_window';
	PERFORM topo.note_merged_minute(graph.schema_name, minute);
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.merge_minute(topo.graph) IS
'merge the rows of the oldest minute to which nothing was appended for a minute; false: there is none, or somebody is at them';

--
-- Rolling up
--

CREATE FUNCTION topo.is_sealed(schema name, width interval, bucket timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	sealed boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.seal s WHERE s.width = $1 AND s.during @> $2)', schema)
	INTO sealed USING width, bucket;
	RETURN sealed;
END
$$;
COMMENT ON FUNCTION topo.is_sealed(name, interval, timestamptz) IS 'whether windows of that width and time have been dropped';

CREATE FUNCTION topo.has_windows(schema name, grain topo.grain, during tstzrange) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT EXISTS (SELECT FROM topo.partitions(schema, grain.relation) p WHERE p.during && has_windows.during)
$$;
COMMENT ON FUNCTION topo.has_windows(name, topo.grain, tstzrange) IS 'whether windows of a time are still, or again, there';

CREATE FUNCTION topo.give_up_rollup(schema name, grain topo.grain, bucket timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format('DELETE FROM %I.dirty_rollup d WHERE d.width = $1 AND d.bucket = $2', schema) USING grain.width, bucket;
	IF grain.aside THEN
		EXECUTE format('DELETE FROM %I.rollup r WHERE r.width = $1 AND r.bucket = $2', schema) USING grain.width, bucket;
	END IF;
END
$$;
COMMENT ON FUNCTION topo.give_up_rollup(name, topo.grain, timestamptz) IS
'leave a window as it is, although it is dirty; one that is kept aside is read no more';

CREATE FUNCTION topo.roll_up(graph topo.graph, width interval, bucket timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC' -- a day has 24 hours
SET jit = off
AS $$
DECLARE
	long CONSTANT topo.grain := topo.existing_grain(graph.name, width);
	short CONSTANT topo.grain := topo.shorter_grain(long);
	part CONSTANT smallint := topo.is_sealed(graph.schema_name, short.width, bucket)::integer;
	rows bigint;
BEGIN
	-- somebody has dropped them: there is nothing to compute it from
	IF NOT topo.has_windows(graph.schema_name, short, tstzrange(bucket, bucket + width))
	   OR long.aside AND (part > 0 OR bucket <= topo.clock() - long.retention) THEN
		PERFORM topo.give_up_rollup(graph.schema_name, long, bucket);
		RETURN NULL;
	END IF;
	PERFORM topo.ensure_partitions(graph.name, width, tstzrange(bucket, bucket, '[]'));
	EXECUTE format($roll$
		WITH taken AS (
			DELETE FROM %1$I.dirty_rollup d
			WHERE d.width = $1 AND d.bucket = $2
			  AND NOT EXISTS (SELECT FROM %1$I.dirty_rollup f WHERE f.width = $4 AND f.bucket >= $2 AND f.bucket < $2 + $1)
			RETURNING d.bucket
		), replaced AS (
			DELETE FROM %1$I.%2$I w WHERE w.bucket IN (SELECT t.bucket FROM taken t) AND w.part = $3
		), written AS (
			INSERT INTO %1$I.%2$I (bucket, part, src, last_src, first_seen, last_seen, pack)
			%3$s
			RETURNING pack
		)
		INSERT INTO %1$I.rollup AS r (width, bucket, rolled_at, edges)
		SELECT $1, $2, topo.clock(), (SELECT coalesce(sum(topo.packed_count(w.pack)), 0) FROM written w) WHERE EXISTS (SELECT FROM taken)
		ON CONFLICT (width, bucket) DO UPDATE SET rolled_at = excluded.rolled_at, edges = excluded.edges
		RETURNING r.edges$roll$,
		graph.schema_name, long.relation,
		topo.merging(format('(SELECT w.* FROM %I.%I w WHERE w.bucket >= $2 AND w.bucket < $2 + $1 AND EXISTS (SELECT FROM taken))',
							graph.schema_name, short.relation), '$2', '$3', '$2 + $1'))
	INTO rows USING width, bucket, part, short.width;
	RETURN rows;
END
$$;
COMMENT ON FUNCTION topo.roll_up(topo.graph, interval, timestamptz) IS
'compute a dirty hour or day anew from the next shorter windows; returns how many windows it has now, NULL: it is not dirty, or something in it is';

CREATE FUNCTION topo.rollups_due(schema name) RETURNS TABLE (width interval, bucket timestamptz)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	delay CONSTANT interval := current_setting('topology.rollup_delay');
BEGIN
	RETURN QUERY EXECUTE format($due$
		WITH dirty AS (
			-- not what somebody has marked of a width that is kept no more
			SELECT d.* FROM %1$I.dirty_rollup d
			WHERE d.width IN (SELECT k.width FROM topo.grain k JOIN topo.graph g ON g.name = k.graph WHERE g.schema_name = $3 AND k.active)
		)
		SELECT m.width, m.bucket
		FROM (SELECT d.width, d.bucket, min(d.marked) AS first, max(d.marked) AS last FROM dirty d GROUP BY 1, 2) m
		WHERE m.bucket + m.width <= $1 - $2
		  -- what never comes to rest must not wait for ever
		  AND (m.last <= $1 - $2 OR m.first <= $1 - 10 * $2)
		  AND NOT EXISTS (SELECT FROM dirty f WHERE f.width < m.width AND f.bucket >= m.bucket AND f.bucket < m.bucket + m.width)
		$due$, schema)
	USING topo.clock(), delay, schema;
END
$$;
COMMENT ON FUNCTION topo.rollups_due(name) IS
'hours and days of a graph that are over, dirty, and without news for topology.rollup_delay';

CREATE FUNCTION topo.kept_graphs() RETURNS SETOF topo.graph
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT g.* FROM topo.graph g WHERE to_regclass(format('%I.edge_window', g.schema_name)) IS NOT NULL ORDER BY g.name
$$;
COMMENT ON FUNCTION topo.kept_graphs() IS 'the graphs whose tables are there: not those whose schema somebody has dropped';

CREATE FUNCTION topo.roll_up_next() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	memory CONSTANT text := current_setting('topology.resolve_memory');
	due record;
BEGIN
	IF NOT topo.lock_windows() THEN
		RETURN false;
	END IF;
	-- the oldest first: what they are made from cannot be dropped before
	SELECT g AS graph, d.width, d.bucket INTO due
	FROM topo.kept_graphs() g CROSS JOIN LATERAL topo.rollups_due(g.schema_name) d
	ORDER BY d.width, d.bucket, g.name
	LIMIT 1;
	IF NOT FOUND THEN
		RETURN false;
	END IF;
	PERFORM set_config('work_mem', memory, true);
	PERFORM topo.roll_up(due.graph, due.width, due.bucket);
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.roll_up_next() IS
'roll up one hour or day; false: none is due, or somebody else is at it';

CREATE FUNCTION topo.merge_next_minute() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	graph topo.graph;
BEGIN
	FOR graph IN SELECT * FROM topo.kept_graphs() LOOP
		IF topo.merge_minute(graph) THEN
			RETURN true;
		END IF;
	END LOOP;
	RETURN false;
END
$$;
COMMENT ON FUNCTION topo.merge_next_minute() IS
'merge the rows of one minute of one graph; false: none is due, or somebody is at them';
