--
-- Reading windows: which of them answer a range of time.
--
-- A range is answered by the longest windows that lie in it and are clean, then by
-- shorter ones; at its ends, in what is not over yet, and where something has still to
-- be rolled up, by minutes.  Windows that overlap the range count as a whole.  Where
-- the minutes have been dropped, the shortest windows that are left do: a longer
-- window whose shorter ones were dropped is used in any case, and what came late and
-- is not rolled up yet is read from the shorter ones besides.  So the answer is always
-- what the tables hold, each record counted once.
--
-- topo.window_conditions() says which: topo.window_source() makes a query of it, which
-- whoever reads windows in SQL puts into one of its own; what merges whole maps, in
-- src/window/window_read.c, reads packs as they are.
--

CREATE TYPE topo.window_piece AS (relation name, during tstzrange, sealed boolean);
COMMENT ON TYPE topo.window_piece IS
'windows of one table that take part in the answer for a range of time; sealed: only those that cannot be computed anew';

CREATE FUNCTION topo.whole_windows_in(spans tstzmultirange, width interval) RETURNS tstzmultirange
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
	SELECT coalesce(range_agg(tstzrange(w.first, w.last)), '{}')
	FROM (SELECT b.lower + CASE WHEN b.lower < lower(s) THEN width ELSE interval '0' END AS first, b.upper AS last
		  FROM unnest(spans) s
			   CROSS JOIN LATERAL (SELECT date_bin(width, lower(s), '2000-01-01 00:00+00') AS lower,
										  date_bin(width, upper(s), '2000-01-01 00:00+00') AS upper) b) w
	WHERE w.first < w.last OR w.first IS NULL OR w.last IS NULL
$$;
COMMENT ON FUNCTION topo.whole_windows_in(tstzmultirange, interval) IS 'the windows of that width which lie in the ranges';

CREATE FUNCTION topo.whole_windows_over(spans tstzmultirange, width interval) RETURNS tstzmultirange
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
	SELECT coalesce(range_agg(tstzrange(b.lower, b.upper + CASE WHEN b.upper < upper(s) THEN width ELSE interval '0' END)), '{}')
	FROM unnest(spans) s
		 CROSS JOIN LATERAL (SELECT date_bin(width, lower(s), '2000-01-01 00:00+00') AS lower,
									date_bin(width, upper(s), '2000-01-01 00:00+00') AS upper) b
$$;
COMMENT ON FUNCTION topo.whole_windows_over(tstzmultirange, interval) IS 'the windows of that width which overlap the ranges';

CREATE FUNCTION topo.half_open(during tstzrange) RETURNS tstzmultirange
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- the clock counts microseconds; the ends of time are no times
	SELECT tstzmultirange(tstzrange(
		nullif(lower(during), '-infinity'),
		nullif(upper(during), 'infinity') + CASE WHEN upper_inc(during) THEN interval '1 microsecond' ELSE interval '0' END))
$$;
COMMENT ON FUNCTION topo.half_open(tstzrange) IS 'a range with its lower end and without its upper one; an end that is infinite is none';

CREATE FUNCTION topo.kept_since(graph topo.graph, edges boolean) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT coalesce(min(lower(p.during)), topo.clock() - max(g.retention))
	FROM topo.grain g LEFT JOIN LATERAL topo.partitions(graph.schema_name, g.relation) p ON true
	WHERE g.graph = graph.name AND g.edges = kept_since.edges
	HAVING bool_and(g.retention IS NOT NULL AND NOT coalesce(lower_inf(p.during), false))
$$;
COMMENT ON FUNCTION topo.kept_since(topo.graph, boolean) IS
'begin of the oldest windows, of edges or of reports, that a graph may have; NULL: none have ever been dropped';

CREATE FUNCTION topo.tell(message text, detail text DEFAULT NULL) RETURNS void
LANGUAGE c STABLE PARALLEL SAFE CALLED ON NULL INPUT
AS 'MODULE_PATHNAME', 'topology_tell';
COMMENT ON FUNCTION topo.tell(text, text) IS 'a notice about the answer to a question, once a statement';

CREATE FUNCTION topo.missing_before(graph topo.graph, begin timestamptz, edges boolean) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	since timestamptz;
BEGIN
	-- what has been kept long enough may be there still; what came late may be younger
	IF begin < topo.clock() - (SELECT max(g.retention) FROM topo.grain g WHERE g.graph = graph.name AND g.edges = missing_before.edges) THEN
		since := topo.kept_since(graph, edges);
	END IF;
	RETURN CASE WHEN begin < since THEN since END;
END
$$;
COMMENT ON FUNCTION topo.missing_before(topo.graph, timestamptz, boolean) IS
'where a range begins before what a graph keeps of edges, or of reports: since when it does keep them';

CREATE FUNCTION topo.tell_what_is_kept(graph topo.graph, begin timestamptz, edges boolean) RETURNS void
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT topo.tell(format('graph "%s" keeps no %s from before %s', graph.name, CASE WHEN edges THEN 'windows' ELSE 'hops' END, since))
	FROM topo.missing_before(graph, begin, edges) since
	WHERE since IS NOT NULL
$$;
COMMENT ON FUNCTION topo.tell_what_is_kept(topo.graph, timestamptz, boolean) IS 'a notice where a range begins before what a graph keeps of edges, or of reports';

CREATE FUNCTION topo.tell_what_is_widened(graph topo.graph, width interval, asked tstzmultirange, answered tstzmultirange) RETURNS void
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT topo.tell(format('graph "%s" has no windows shorter than %s from %s to %s', graph.name, width, lower(answered), upper(answered)),
					 'They are counted as a whole.')
	WHERE NOT answered <@ asked
$$;
COMMENT ON FUNCTION topo.tell_what_is_widened(topo.graph, interval, tstzmultirange, tstzmultirange) IS
'a notice where windows reach beyond what was asked for, since shorter ones were dropped';

CREATE FUNCTION topo.clean_windows(schema name, width interval, during tstzrange) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
	clean tstzmultirange;
BEGIN
	EXECUTE format($clean$
		SELECT range_agg(tstzrange(r.bucket, r.bucket + $1))
		FROM %1$I.rollup r
		WHERE r.width = $1 AND r.bucket >= coalesce(lower($2), '-infinity') AND r.bucket < coalesce(upper($2), 'infinity')
		  AND r.bucket NOT IN (SELECT d.bucket FROM %1$I.dirty_rollup d
							   WHERE d.width = $1 AND d.bucket >= coalesce(lower($2), '-infinity') AND d.bucket < coalesce(upper($2), 'infinity'))
		$clean$, schema)
	INTO clean USING width, during;
	RETURN coalesce(clean, '{}');
END
$$;
COMMENT ON FUNCTION topo.clean_windows(name, interval, tstzrange) IS 'the hours or days in a range that are rolled up, and not dirty';

CREATE FUNCTION topo.sealed_windows(schema name, width interval, during tstzrange) RETURNS tstzmultirange
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	sealed tstzmultirange;
BEGIN
	EXECUTE format('SELECT range_agg(s.during) FROM %I.seal s WHERE s.width = $1 AND s.during && $2', schema)
	INTO sealed USING width, during;
	RETURN coalesce(sealed, '{}');
END
$$;
COMMENT ON FUNCTION topo.sealed_windows(name, interval, tstzrange) IS 'times near a range whose windows of that width have been dropped';

CREATE FUNCTION topo.window_pieces(graph topo.graph, during tstzrange, widest interval DEFAULT NULL) RETURNS SETOF topo.window_piece
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	grains CONSTANT topo.grain[] := ARRAY(SELECT g FROM topo.edge_grains(graph.name) g);
	asked CONSTANT tstzmultirange := topo.whole_windows_over(topo.half_open(during), grains[1].width);
	rest tstzmultirange := asked;
	kept tstzmultirange; -- whole windows, of which nothing shorter is left
	taken tstzmultirange;
BEGIN
	PERFORM topo.tell_what_is_kept(graph, lower(asked), true);
	FOR i IN REVERSE cardinality(grains)..2 LOOP
		kept := CASE WHEN grains[i].aside THEN '{}'
					 ELSE topo.whole_windows_over(rest * topo.sealed_windows(graph.schema_name, grains[i - 1 - grains[i - 1].aside::integer].width, range_merge(rest)),
												  grains[i].width) END;
		PERFORM topo.tell_what_is_widened(graph, grains[i].width, asked, kept);
		taken := kept;
		IF widest IS NULL OR grains[i].width <= widest THEN
			taken := taken + topo.whole_windows_in(rest, grains[i].width);
		END IF;
		taken := taken * topo.clean_windows(graph.schema_name, grains[i].width, range_merge(taken));
		RETURN QUERY SELECT grains[i].relation, t, false FROM unnest(taken) t;
		RETURN QUERY SELECT grains[i].relation, t, true FROM unnest(kept - taken) t;
		rest := rest + kept - taken;
	END LOOP;
	RETURN QUERY SELECT grains[1].relation, r, false FROM unnest(rest) r;
END
$$;
COMMENT ON FUNCTION topo.window_pieces(topo.graph, tstzrange, interval) IS
'which windows answer a range of time; none longer than widest but where shorter ones were dropped';

CREATE FUNCTION topo.window_conditions(graph topo.graph, during tstzrange, widest interval DEFAULT NULL)
RETURNS TABLE (relation name, condition text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
	WITH piece AS MATERIALIZED (
		SELECT p.relation, concat_ws(' AND ', format('w.bucket >= %L', coalesce(lower(p.during), '-infinity')),
									 'w.bucket < ' || quote_literal(upper(p.during)), CASE WHEN p.sealed THEN 'w.part = 0' END) AS condition
		FROM topo.window_pieces(graph, during, widest) p
	)
	SELECT p.relation, p.condition FROM piece p
	UNION ALL
	-- who may not read windows is told so, even where there are none
	SELECT 'edge_window', 'false' WHERE NOT EXISTS (SELECT FROM piece)
$$;
COMMENT ON FUNCTION topo.window_conditions(topo.graph, tstzrange, interval) IS
'the tables whose windows answer a range of time, called w, and on what condition';

CREATE FUNCTION topo.window_source(graph topo.graph, during tstzrange, widest interval DEFAULT NULL,
								   sources text DEFAULT NULL, targets text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT format('(%s)', string_agg(topo.stored_windows(graph.schema_name, c.relation, c.condition, sources, targets), ' UNION ALL '))
	FROM topo.window_conditions(graph, during, widest) c
$$;
COMMENT ON FUNCTION topo.window_source(topo.graph, tstzrange, interval, text, text) IS
'a subquery: the windows of edges that answer a range of time, none longer than widest but where shorter ones were dropped, of sources and targets given as expressions of bigint[]; the windows of one edge are still to be merged';
