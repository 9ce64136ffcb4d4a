--
-- How wide partitions are: by how much comes.
--
-- Whenever the next partition of a table of windows is due, the size of those before it
-- says how wide it is to be: where they are larger than topology.partition_size, the next
-- one is narrower, where even a much wider one would stay far below that, wider.  So a map
-- of many edges drops its windows in small pieces, soon after their time, and does not keep
-- one huge table; a small one does not have a table for each few kilobytes.
--
-- Partitions that are there stay as they are.  The widths divide each other, so those
-- of different widths lie side by side (48-partition.sql).
--
-- Reports (flow_window, call_window) stay at an hour, and parts of spans at ten minutes.
-- These are kept for a day, and for the span horizon, at the most by default: a partition of an
-- hour is the 24th of that already, however much comes, and one that is empty takes 16 kB and
-- 5 ms to make, 0.4 MB of a host's tables and a quarter of a second a day.
--
-- A graph that is thin needs nothing else: minutes of one edge each take 0.3 MB a day, of 5
-- edges 0.5 MB, of 50 edges 5 MB (70 bytes an edge and minute, half of which are the index's pages
-- that the rows before merging have left), and are kept for three days at the most; what
-- tells of them takes 0.2 MB of a graph, however long it runs.
--

CREATE FUNCTION topo.partition_widths(width interval) RETURNS interval[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT CASE width WHEN '1 minute' THEN ARRAY['1 hour', '3 hours', '6 hours', '12 hours', '1 day']::interval[]
					  WHEN '10 minutes' THEN ARRAY['3 hours', '6 hours', '12 hours', '1 day']::interval[]
					  WHEN '1 hour' THEN ARRAY['1 day', '7 days', '28 days']::interval[]
					  WHEN '1 day' THEN ARRAY['28 days', '84 days', '336 days']::interval[]
					  ELSE '{}' END
$$;
COMMENT ON FUNCTION topo.partition_widths(interval) IS
'how wide partitions of windows of that width may be, each a multiple of the one before; none: they are as wide as they are';

CREATE FUNCTION topo.usable_widths(grain topo.grain) RETURNS interval[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- so that retention stays about what it is to be, and there are not thousands of them
	SELECT ARRAY(SELECT w FROM unnest(topo.partition_widths(grain.width)) w
				 WHERE w = grain.partition
					OR w < grain.partition AND w * 200 >= grain.retention
					OR w > grain.partition AND (w * 2 <= grain.retention OR grain.retention IS NULL)
				 ORDER BY w)
$$;
COMMENT ON FUNCTION topo.usable_widths(topo.grain) IS 'how wide partitions may be where windows are kept for so long: not more than half of that, and at most 200 of them';

CREATE FUNCTION topo.partition_density(graph topo.graph, grain topo.grain, OUT seen bigint, OUT bytes_a_second double precision)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT count(*), sum(p.bytes) / sum(p.seconds)
	FROM (SELECT pg_total_relation_size(p.partition)::double precision AS bytes, extract(epoch FROM upper(p.during) - lower(p.during))::double precision AS seconds
		  FROM topo.partitions(graph.schema_name, grain.relation) p
		  WHERE upper(p.during) <= topo.clock() AND NOT lower_inf(p.during) AND pg_relation_size(p.partition) > 0
		  ORDER BY upper(p.during) DESC
		  LIMIT 3) p
$$;
COMMENT ON FUNCTION topo.partition_density(topo.graph, topo.grain) IS 'how much the last partitions that are over, at most three, hold of a second; seen: how many of them there are';

CREATE FUNCTION topo.fitting_width(grain topo.grain, seen bigint, bytes_a_second double precision) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT coalesce(CASE WHEN bytes_a_second * extract(epoch FROM grain.partition) > s.most
						 THEN coalesce(max(w) FILTER (WHERE w <= grain.partition AND bytes_a_second * extract(epoch FROM w) <= s.most), min(w))
						 -- only where it will not soon be too much again
						 WHEN seen >= 3 THEN max(w) FILTER (WHERE w > grain.partition AND bytes_a_second * extract(epoch FROM w) <= s.most / 4) END,
					grain.partition)
	FROM (SELECT pg_size_bytes(current_setting('topology.partition_size')) AS most) s, unnest(topo.usable_widths(grain)) w
	GROUP BY s.most
$$;
COMMENT ON FUNCTION topo.fitting_width(topo.grain, bigint, double precision) IS 'how wide partitions are to be where those before held so much';

CREATE FUNCTION topo.adapt_partitions(graph topo.graph, grain topo.grain) RETURNS interval
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	density record := topo.partition_density(graph, grain);
	fitting CONSTANT interval := coalesce(topo.fitting_width(grain, density.seen, density.bytes_a_second), grain.partition);
	message CONSTANT text := format('graph "%s": partitions of windows of %s will be %s wide, not %s', graph.name, grain.width, fitting, grain.partition);
	reason CONSTANT text := format('At %s a day, as in the last %s, one of %s takes %s.', pg_size_pretty((density.bytes_a_second * 86400)::bigint), density.seen, fitting,
								   pg_size_pretty((density.bytes_a_second * extract(epoch FROM fitting))::bigint));
BEGIN
	IF fitting <> grain.partition THEN
		UPDATE topo.grain g SET partition = fitting, partition_reason = reason WHERE g.graph = grain.graph AND g.width = grain.width;
		-- to whoever calls this, and to the log
		RAISE NOTICE USING MESSAGE = message, DETAIL = reason;
		RAISE LOG USING MESSAGE = message, DETAIL = reason;
	END IF;
	RETURN fitting;
END
$$;
COMMENT ON FUNCTION topo.adapt_partitions(topo.graph, topo.grain) IS
'decide how wide the partitions of one width of windows are from now on, and say so where that changes; returns it';

CREATE FUNCTION topo.set_adaptation(graph text, value jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	UPDATE topo.grain g SET adaptive = topo.boolean_option('adapt_partitions', value) WHERE g.graph = set_adaptation.graph;
END
$$;
COMMENT ON FUNCTION topo.set_adaptation(text, jsonb) IS 'whether the width of partitions follows how much comes';
