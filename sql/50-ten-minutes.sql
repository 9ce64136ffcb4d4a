--
-- Windows of ten minutes come and go by how dense minutes are.
--
-- A panel of the last three hours reads some 60 minutes at their ends, and up to 180 where
-- its steps are shorter than an hour, at some 50 ns a window.  Where minutes are dense, that is
-- what it waits for, and windows of ten minutes take nine tenths of it away; where they are
-- not, these would only be one more copy.  So the keeper adds them to a graph whose minutes came
-- to topology.dense_minute windows each in the last three hours, on average: at 5000, the
-- default, 180 minutes take 45 ms.  It leaves them out again when no hour of the last day
-- came to a quarter of that: a graph that is dense by day only keeps them over the night.
-- topo.maintenance_status says so, and why.  What is counted is what merging came to
-- (merged_minute, a row for each minute of a day), so that deciding reads no window.
--
-- These windows are kept aside: nothing is rolled up from them, and none is read of a time
-- whose minutes are gone.  So they can begin at any time, with the last three hours, each
-- window a rollup of its own; and end at any time: none is read from then on, and their
-- partitions go by their retention, two days, so that whoever still asks as of before finds
-- them.  Where the grains of a graph were given by name, they stay what they are, and longer windows
-- are rolled up from ten minutes too (50-grains.sql), since these may outlive the minutes.
--
-- Locks: like set_grains(), but whoever marks windows as dirty is waited for for 100 ms only; the
-- next round tries again.
--

CREATE FUNCTION topo.note_merged_minute(schema name, minute timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	oldest CONSTANT timestamptz := topo.clock() - interval '25 hours';
BEGIN
	EXECUTE format('DELETE FROM %I.merged_minute m WHERE m.bucket < $1', schema) USING oldest;
	IF minute >= oldest THEN
		EXECUTE format($note$
			INSERT INTO %1$I.merged_minute (bucket, windows)
			SELECT $1, coalesce(sum(topo.packed_count(w.pack)), 0) FROM %1$I.edge_window w WHERE w.bucket = $1
			ON CONFLICT (bucket) DO UPDATE SET windows = excluded.windows$note$, schema)
		USING minute;
	END IF;
END
$$;
COMMENT ON FUNCTION topo.note_merged_minute(name, timestamptz) IS 'note how many windows a minute of the last day came to, now that its rows are merged';

CREATE FUNCTION topo.minute_density(schema name, OUT lately double precision, OUT at_most double precision)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($density$
		SELECT coalesce(sum(h.lately), 0) / 180, coalesce(max(h.windows), 0) / 60
		FROM (SELECT sum(m.windows) AS windows, sum(m.windows) FILTER (WHERE m.bucket >= $1 - interval '3 hours') AS lately
			  FROM %I.merged_minute m WHERE m.bucket >= $1 - interval '1 day'
			  GROUP BY date_bin('1 hour', m.bucket, '2000-01-01 00:00+00')) h$density$, schema)
	INTO lately, at_most USING topo.clock();
END
$$;
COMMENT ON FUNCTION topo.minute_density(name) IS 'how many windows a minute came to on average: in the last three hours, and in that hour of the last day in which they were the most';

CREATE FUNCTION topo.say_of_grains(graph topo.graph, message text, reason text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	UPDATE topo.graph g SET grains_reason = reason WHERE g.name = graph.name;
	-- to whoever calls this, and to the log
	RAISE NOTICE USING MESSAGE = format('graph "%s": %s', graph.name, message), DETAIL = reason;
	RAISE LOG USING MESSAGE = format('graph "%s": %s', graph.name, message), DETAIL = reason;
END
$$;
COMMENT ON FUNCTION topo.say_of_grains(topo.graph, text, text) IS 'say that windows of ten minutes come or go, and note why';

CREATE FUNCTION topo.begin_ten_minutes(graph topo.graph) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	minutes CONSTANT topo.grain := topo.existing_grain(graph.name, '1 minute');
	ten CONSTANT interval := '10 minutes';
BEGIN
	-- who marks without them has committed, who comes later marks them too
	EXECUTE format('LOCK TABLE %I.dirty_rollup IN EXCLUSIVE MODE', graph.schema_name);
	INSERT INTO topo.grain (graph, width, relation, partition, retention, adaptive, aside)
	SELECT p.graph, p.width, p.relation, p.partition, least(p.retention, minutes.retention), minutes.adaptive, true
	FROM topo.possible_grains(graph.name) p WHERE p.width = ten
	ON CONFLICT ON CONSTRAINT grain_pkey DO UPDATE SET active = true;
	EXECUTE format($mark$
		INSERT INTO %1$I.dirty_rollup (width, bucket, marked)
		SELECT $1, b, topo.clock()
		FROM generate_series(date_bin($1, topo.clock() - interval '3 hours', '2000-01-01 00:00+00'), topo.clock() + interval '1 hour', $1) b
		WHERE EXISTS (SELECT FROM %1$I.edge_window w WHERE w.bucket >= b AND w.bucket < b + $1)$mark$, graph.schema_name)
	USING ten;
END
$$;
COMMENT ON FUNCTION topo.begin_ten_minutes(topo.graph) IS 'keep windows of ten minutes too, from the last three hours on';

CREATE FUNCTION topo.end_ten_minutes(graph topo.graph) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	UPDATE topo.grain g SET active = false, retention = least(g.retention, interval '2 days') WHERE g.graph = graph.name AND g.aside;
	EXECUTE format('DELETE FROM %I.rollup r WHERE r.width = ''10 minutes''', graph.schema_name);
END
$$;
COMMENT ON FUNCTION topo.end_ten_minutes(topo.graph) IS 'make no more windows of ten minutes, and read none; those that there are go after their retention';

CREATE FUNCTION topo.adapt_grains(graph topo.graph) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
	dense CONSTANT integer := current_setting('topology.dense_minute');
	adapts CONSTANT boolean := graph.adapt_grains AND dense > 0;
	seen CONSTANT record := topo.minute_density(graph.schema_name);
	there CONSTANT topo.grain := (SELECT g FROM topo.grain g WHERE g.graph = graph.name AND g.width = '10 minutes');
BEGIN
	IF adapts AND seen.lately >= dense AND there.active IS NOT TRUE THEN
		PERFORM topo.begin_ten_minutes(graph);
		PERFORM topo.say_of_grains(graph, 'windows of ten minutes are kept besides minutes from now on',
			format('Minutes of the last three hours came to %s windows each; from %s on they pay.', round(seen.lately), dense));
		RETURN true;
	ELSIF adapts AND 4 * seen.at_most < dense AND there.aside AND there.active THEN
		PERFORM topo.end_ten_minutes(graph);
		PERFORM topo.say_of_grains(graph, 'windows of ten minutes are kept no more from now on',
			format('Minutes of no hour of the last day came to more than %s windows each; from %s on ten minutes are worth keeping.', round(seen.at_most::numeric, 1), trim_scale(dense / 4.0)));
		RETURN true;
	ELSIF NOT there.active AND NOT EXISTS (SELECT FROM topo.partitions(graph.schema_name, there.relation)) THEN
		DELETE FROM topo.grain g WHERE g.graph = graph.name AND g.width = there.width;
	END IF;
	RETURN false;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'windows of graph "%" are in use: %', graph.name, SQLERRM;
	RETURN false;
END
$$;
COMMENT ON FUNCTION topo.adapt_grains(topo.graph) IS 'have windows of ten minutes come or go, as fits how dense minutes are, and say so; false: all is as it fits, or somebody is in the way';

CREATE FUNCTION topo.adapt_next() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	graph topo.graph;
BEGIN
	IF topo.lock_windows() THEN
		FOR graph IN SELECT * FROM topo.kept_graphs() LOOP
			IF topo.adapt_grains(graph) THEN
				RETURN true;
			END IF;
		END LOOP;
	END IF;
	RETURN false;
END
$$;
COMMENT ON FUNCTION topo.adapt_next() IS 'adapt the grains of one graph; false: those of all are as they fit, or somebody else is at it';

CREATE FUNCTION topo.drop_aside(graph topo.graph) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	grain topo.grain;
	partition regclass;
BEGIN
	FOR grain IN SELECT g.* FROM topo.grain g WHERE g.graph = graph.name AND g.aside LOOP
		FOR partition IN SELECT p.partition FROM topo.partitions(graph.schema_name, grain.relation) p LOOP
			EXECUTE format('DROP TABLE %s', partition);
		END LOOP;
		EXECUTE format('DELETE FROM %I.rollup r WHERE r.width = $1', graph.schema_name) USING grain.width;
		EXECUTE format('DELETE FROM %I.dirty_rollup d WHERE d.width = $1', graph.schema_name) USING grain.width;
		DELETE FROM topo.grain g WHERE g.graph = grain.graph AND g.width = grain.width;
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.drop_aside(topo.graph) IS 'drop what is kept aside, at once: before the grains of a graph are given by name';

CREATE FUNCTION topo.set_grain_adaptation(graph text, value jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	UPDATE topo.graph g SET adapt_grains = topo.boolean_option('adapt_grains', value) WHERE g.name = graph;
END
$$;
COMMENT ON FUNCTION topo.set_grain_adaptation(text, jsonb) IS 'whether windows of ten minutes come and go by how dense minutes are';

CREATE FUNCTION topo.grain_reason(graph topo.graph, grain topo.grain) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT CASE WHEN NOT grain.edges OR grain.width > interval '10 minutes' THEN NULL
				WHEN graph.grains_reason IS NOT NULL THEN graph.grains_reason
				WHEN graph.adapt_grains THEN 'Minutes have not been so dense that windows of ten minutes pay.'
				ELSE 'They are as they were chosen.' END
$$;
COMMENT ON FUNCTION topo.grain_reason(topo.graph, topo.grain) IS 'maintenance_status: why there are windows of ten minutes, or none';
