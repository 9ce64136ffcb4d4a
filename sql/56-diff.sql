--
-- diff(): what changed between two ranges of time.
--
-- An edge that has windows in one range only was added or removed.  One that has them
-- in both has changed if a reading differs by more than chance, and by as much as is
-- asked for: src/window/significance.h has the tests, src/window/changes_sql.c compares.
-- Rates are by second of what the windows that answer for a range cover, so that ranges
-- of any length compare.
--

CREATE FUNCTION topo.check_comparison(before tstzrange, after tstzrange, least_change double precision) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	during tstzrange;
BEGIN
	FOREACH during IN ARRAY ARRAY[before, after] LOOP
		PERFORM topo.check_during(during);
		IF NOT coalesce(isfinite(lower(during)) AND isfinite(upper(during)), false) THEN
			RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
				MESSAGE = format('a comparison needs ranges with both ends, not %s', coalesce(quote_literal(during::text), 'NULL')),
				HINT = 'For example tstzrange(now() - interval ''2 hours'', now() - interval ''1 hour'').';
		END IF;
	END LOOP;
	IF least_change IS NULL OR NOT least_change BETWEEN 1 AND 1e6 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('least_change cannot be %s', coalesce(least_change::text, 'NULL')),
			HINT = 'It says how many times as much, or as little, is a change: 1.5, or 1 for whatever is not by chance.';
	END IF;
END
$$;
COMMENT ON FUNCTION topo.check_comparison(tstzrange, tstzrange, double precision) IS 'an error for what diff() cannot compare';

CREATE FUNCTION topo.seconds_answered(graph topo.graph, during tstzrange) RETURNS double precision
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- what is not kept, or has not come yet, is no reason to call it less; at least a second, as a divisor
	SELECT greatest(coalesce(sum(extract(epoch FROM upper(r) - lower(r))), 0), 1)
	FROM (SELECT range_agg(p.during) * tstzmultirange(tstzrange(least(coalesce(topo.missing_before(graph, lower(seconds_answered.during), true), '-infinity'), topo.clock()), topo.clock())) AS spans
		  FROM topo.window_pieces(graph, seconds_answered.during) p) w
		 CROSS JOIN LATERAL unnest(w.spans) r
$$;
COMMENT ON FUNCTION topo.seconds_answered(topo.graph, tstzrange) IS 'how long the windows are, as far as they are kept and past, that answer for a range';

CREATE FUNCTION topo.gone_nodes(ids bigint[]) RETURNS SETOF bigint
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT i FROM unnest(ids) i WHERE NOT EXISTS (SELECT FROM topo.node n WHERE n.id = i) $$;
COMMENT ON FUNCTION topo.gone_nodes(bigint[]) IS 'which of these nodes there are no more, for nobody: row security does not make a node gone';

CREATE FUNCTION topo.changes(before tstzrange, after tstzrange, graphs text[], level text, least_change double precision)
RETURNS TABLE (change text, source text, target text, graph text, summary text,
			   requests_per_s_before double precision, requests_per_s_after double precision,
			   error_rate_before double precision, error_rate_after double precision,
			   p50_ms_before double precision, p50_ms_after double precision,
			   p99_ms_before double precision, p99_ms_after double precision,
			   connections_per_s_before double precision, connections_per_s_after double precision,
			   failed_rate_before double precision, failed_rate_after double precision,
			   bytes_per_s_before double precision, bytes_per_s_after double precision,
			   traffic_before topo.traffic, traffic_after topo.traffic)
LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling the plans of its queries takes longer than it saves
AS 'MODULE_PATHNAME', 'topology_changes';
COMMENT ON FUNCTION topo.changes(tstzrange, tstzrange, text[], text, double precision) IS 'diff() in no order';

CREATE FUNCTION topo.diff(before tstzrange, after tstzrange, graphs text[] DEFAULT NULL, level text DEFAULT 'app',
						  least_change double precision DEFAULT 1.5)
RETURNS TABLE (change text, source text, target text, graph text, summary text,
			   requests_per_s_before double precision, requests_per_s_after double precision,
			   error_rate_before double precision, error_rate_after double precision,
			   p50_ms_before double precision, p50_ms_after double precision,
			   p99_ms_before double precision, p99_ms_after double precision,
			   connections_per_s_before double precision, connections_per_s_after double precision,
			   failed_rate_before double precision, failed_rate_after double precision,
			   bytes_per_s_before double precision, bytes_per_s_after double precision,
			   traffic_before topo.traffic, traffic_after topo.traffic)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT * FROM topo.changes(before, after, graphs, level, least_change) c
	ORDER BY c.change, c.target IS NOT NULL, c.source COLLATE "C", c.target COLLATE "C", c.graph COLLATE "C"
$$;
COMMENT ON FUNCTION topo.diff(tstzrange, tstzrange, text[], text, double precision) IS
'what changed from one range of time to another: edges and, with a target of NULL, nodes that were added or removed, and edges that changed, of each graph.
A node that was deleted since is written gone:number, by its number in the windows; one that row security hides is not told of, nor are its edges.
summary says what, for people; the readings of both ranges are by second, shares from 0 to 1, NULL where there is nothing to tell of.
An edge has changed where requests, errors, latency, connections, failed ones or bytes differ by more than chance, and are at least least_change times as much, or as little (latency: half of that)';
