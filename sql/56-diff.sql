--
-- diff(): what changed between two ranges of time.
--
-- An edge that has windows in one range only was added or removed.  One that has them
-- in both has changed if a reading differs by more than chance, and by as much as is
-- asked for; src/window/significance.h has the tests.  Rates are by second of what the
-- windows that answer for a range cover, so that ranges of any length compare.
--

CREATE FUNCTION topo.changed_readings(before topo.traffic, before_seconds double precision,
									  after topo.traffic, after_seconds double precision, least_change double precision)
RETURNS text[]
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT
AS 'MODULE_PATHNAME', 'topology_changed_readings';
COMMENT ON FUNCTION topo.changed_readings(topo.traffic, double precision, topo.traffic, double precision, double precision) IS
'which readings of an edge differ between two ranges, by more than chance and at least so many times: of requests, errors, p50, p99, connections, failed, bytes';

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

--
-- As people read it
--

CREATE FUNCTION topo.short_number(value double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT CASE WHEN value = 0 THEN '0'
				WHEN abs(value) >= 100 THEN round(value)::bigint::text
				ELSE trim_scale(round(value::numeric, greatest(2 - floor(log(abs(value)))::integer, 0)))::text END
$$;
COMMENT ON FUNCTION topo.short_number(double precision) IS 'a number in three digits';

CREATE FUNCTION topo.rate_text(rate double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT CASE WHEN rate = 0 THEN '0'
				WHEN rate >= 1 THEN topo.short_number(rate) || '/s'
				WHEN rate * 60 >= 1 THEN topo.short_number(rate * 60) || '/min'
				ELSE topo.short_number(rate * 3600) || '/h' END
$$;
COMMENT ON FUNCTION topo.rate_text(double precision) IS 'a rate by second, as people read it';

CREATE FUNCTION topo.volume_text(bytes double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT pg_size_pretty(least(bytes, 9e18)::bigint) || '/s' $$;
COMMENT ON FUNCTION topo.volume_text(double precision) IS 'bytes by second, as people read it';

CREATE FUNCTION topo.share(part bigint, whole bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN part / nullif(whole, 0)::double precision;
COMMENT ON FUNCTION topo.share(bigint, bigint) IS 'part of a whole, 0 to 1; NULL: there is none';

CREATE FUNCTION topo.bytes(traffic topo.traffic) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN topo.bytes_sent(traffic)::double precision + topo.bytes_received(traffic);
COMMENT ON FUNCTION topo.bytes(topo.traffic) IS 'bytes both ways';

CREATE FUNCTION topo.failed_share(traffic topo.traffic) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN topo.share(topo.failed(traffic), topo.failed(traffic) + topo.connections(traffic));
COMMENT ON FUNCTION topo.failed_share(topo.traffic) IS 'share of the attempts to connect that failed, 0 to 1';

CREATE FUNCTION topo.reading_text(reading text, traffic topo.traffic, seconds double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT coalesce(CASE reading
		WHEN 'requests' THEN topo.rate_text(topo.requests(traffic) / seconds)
		WHEN 'errors' THEN topo.short_number(100 * topo.share(topo.errors(traffic), topo.requests(traffic))) || ' %'
		WHEN 'p50' THEN topo.short_number(topo.p50_ms(traffic)) || ' ms'
		WHEN 'p99' THEN topo.short_number(topo.p99_ms(traffic)) || ' ms'
		WHEN 'connections' THEN topo.rate_text(topo.connections(traffic) / seconds)
		WHEN 'failed' THEN topo.short_number(100 * topo.failed_share(traffic)) || ' %'
		WHEN 'bytes' THEN topo.volume_text(topo.bytes(traffic) / seconds) END, 'none')
$$;
COMMENT ON FUNCTION topo.reading_text(text, topo.traffic, double precision) IS 'one reading of the traffic of so many seconds';

CREATE FUNCTION topo.change_text(readings text[], before topo.traffic, before_seconds double precision,
								 after topo.traffic, after_seconds double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT string_agg(format('%s %s -> %s', r.reading, topo.reading_text(r.reading, before, before_seconds),
							 topo.reading_text(r.reading, after, after_seconds)), ', ' ORDER BY r.number)
	FROM unnest(readings) WITH ORDINALITY r (reading, number)
$$;
COMMENT ON FUNCTION topo.change_text(text[], topo.traffic, double precision, topo.traffic, double precision) IS 'summary of an edge that has changed';

CREATE FUNCTION topo.count_text(count bigint, noun text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN nullif(count, 0) || ' ' || noun || CASE count WHEN 1 THEN '' ELSE 's' END;
COMMENT ON FUNCTION topo.count_text(bigint, text) IS 'so many of something; NULL: none';

CREATE FUNCTION topo.presence_text(change text, traffic topo.traffic, seconds double precision, other_seconds double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT format('%s: %s%s', CASE change WHEN 'added' THEN 'new' ELSE 'gone' END,
				  coalesce(nullif(concat_ws(', ', topo.count_text(topo.requests(traffic), 'request'), topo.count_text(topo.errors(traffic), 'error'),
											topo.count_text(topo.connections(traffic), 'connection'), nullif(topo.failed(traffic), 0) || ' failed'), ''),
						   topo.volume_text(topo.bytes(traffic) / seconds)),
				  -- of so few that the other range had none by chance in more than one of a hundred
				  CASE WHEN (topo.requests(traffic)::double precision + topo.connections(traffic) + topo.failed(traffic)) * other_seconds / seconds < 5
					   THEN ', so few that it may be chance' ELSE '' END)
$$;
COMMENT ON FUNCTION topo.presence_text(text, topo.traffic, double precision, double precision) IS
'summary of an edge that was added or removed: what it carried in the range that it is in';

--
-- diff()
--

CREATE FUNCTION topo.edge_changes(graph topo.graph, before tstzrange, after tstzrange, level "char", least_change double precision)
RETURNS TABLE (change text, src bigint, dst bigint, readings text[], before_traffic topo.traffic, after_traffic topo.traffic,
			   before_seconds double precision, after_seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	was CONSTANT double precision := topo.seconds_answered(graph, before);
	is_ CONSTANT double precision := topo.seconds_answered(graph, after);
BEGIN
	RETURN QUERY
	SELECT CASE WHEN b.src IS NULL THEN 'added' WHEN a.src IS NULL THEN 'removed' WHEN c.readings <> '{}' THEN 'changed' END,
		   coalesce(b.src, a.src), coalesce(b.dst, a.dst), c.readings, b.traffic, a.traffic, was, is_
	FROM topo.window_edges(graph, before, level) b
		 FULL JOIN topo.window_edges(graph, after, level) a ON a.src = b.src AND a.dst = b.dst
		 LEFT JOIN LATERAL topo.changed_readings(b.traffic, was, a.traffic, is_, least_change) c (readings) ON true;
END
$$;
COMMENT ON FUNCTION topo.edge_changes(topo.graph, tstzrange, tstzrange, "char", double precision) IS
'the edges of one graph in two ranges, and how each changed; a change of NULL: not at all';

CREATE FUNCTION topo.changes(graphs topo.graph[], before tstzrange, after tstzrange, level "char", least_change double precision)
RETURNS TABLE (change text, src bigint, dst bigint, graph text, summary text, before_traffic topo.traffic, after_traffic topo.traffic,
			   before_seconds double precision, after_seconds double precision)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling these plans takes longer than it saves
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH edge AS MATERIALIZED (
		SELECT g.name, e.*
		FROM unnest(graphs) g CROSS JOIN LATERAL topo.edge_changes(g, before, after, level, least_change) e
	), node AS (
		SELECT CASE WHEN bool_and(e.before_traffic IS NULL) THEN 'added' ELSE 'removed' END AS change, e.name, n.id,
			   count(*) FILTER (WHERE n.called AND n.peer <> n.id) AS callers, count(*) FILTER (WHERE NOT n.called AND n.peer <> n.id) AS callees
		FROM edge e CROSS JOIN LATERAL (VALUES (e.src, e.dst, false), (e.dst, e.src, true)) n (id, peer, called)
		GROUP BY e.name, n.id
		HAVING bool_and(e.before_traffic IS NULL) OR bool_and(e.after_traffic IS NULL)
	)
	SELECT n.change, n.id, NULL::bigint, n.name,
		   format('%s node: %s', CASE n.change WHEN 'added' THEN 'new' ELSE 'gone' END,
				  concat_ws(', ', 'called by ' || nullif(n.callers, 0), 'calls ' || nullif(n.callees, 0))),
		   NULL::topo.traffic, NULL::topo.traffic, NULL::double precision, NULL::double precision
	FROM node n
	UNION ALL
	SELECT e.change, e.src, e.dst, e.name,
		   CASE e.change WHEN 'added' THEN topo.presence_text('added', e.after_traffic, e.after_seconds, e.before_seconds)
						 WHEN 'removed' THEN topo.presence_text('removed', e.before_traffic, e.before_seconds, e.after_seconds)
						 ELSE topo.change_text(e.readings, e.before_traffic, e.before_seconds, e.after_traffic, e.after_seconds) END,
		   e.before_traffic, e.after_traffic, e.before_seconds, e.after_seconds
	FROM edge e WHERE e.change IS NOT NULL;
END
$$;
COMMENT ON FUNCTION topo.changes(topo.graph[], tstzrange, tstzrange, "char", double precision) IS 'diff() by id of node, in no order';

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
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1000
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	code "char" := topo.level_code(diff.level);
	chosen topo.graph[] := ARRAY(SELECT g FROM topo.graphs_asked(diff.graphs) g);
BEGIN
	PERFORM topo.check_comparison(diff.before, diff.after, diff.least_change);
	RETURN QUERY
	SELECT c.change, l.source, l.target, c.graph, c.summary,
		   topo.requests(c.before_traffic) / c.before_seconds, topo.requests(c.after_traffic) / c.after_seconds,
		   topo.share(topo.errors(c.before_traffic), topo.requests(c.before_traffic)), topo.share(topo.errors(c.after_traffic), topo.requests(c.after_traffic)),
		   topo.p50_ms(c.before_traffic), topo.p50_ms(c.after_traffic), topo.p99_ms(c.before_traffic), topo.p99_ms(c.after_traffic),
		   topo.connections(c.before_traffic) / c.before_seconds, topo.connections(c.after_traffic) / c.after_seconds,
		   topo.failed_share(c.before_traffic), topo.failed_share(c.after_traffic),
		   topo.bytes(c.before_traffic) / c.before_seconds, topo.bytes(c.after_traffic) / c.after_seconds,
		   c.before_traffic, c.after_traffic
	FROM topo.changes(chosen, diff.before, diff.after, code, diff.least_change) c
		 JOIN topo.node s ON s.id = c.src LEFT JOIN topo.node d ON d.id = c.dst
		 CROSS JOIN LATERAL (SELECT topo.node_label(s.type, s.name) AS source, topo.node_label(d.type, d.name) AS target) l
	ORDER BY c.change, l.target IS NOT NULL, l.source COLLATE "C", l.target COLLATE "C", c.graph COLLATE "C";
END
$$;
COMMENT ON FUNCTION topo.diff(tstzrange, tstzrange, text[], text, double precision) IS
'what changed from one range of time to another: edges and, with a target of NULL, nodes that were added or removed, and edges that changed, of each graph.
summary says what, for people; the readings of both ranges are by second, shares from 0 to 1, NULL where there is nothing to tell of.
An edge has changed where requests, errors, latency, connections, failed ones or bytes differ by more than chance, and are at least least_change times as much, or as little (latency: half of that)';
