--
-- Travel in time: what was live then, and how an edge fared since.
--
-- The buckets of a series are whole steps that overlap the range.  A step of months or
-- days is one of the session's time zone, so a day may have 23 or 25 hours; any other is
-- a fixed span, counted from the midnight before the range.  A window is counted in the
-- bucket that it begins in, or in the first where it begins before; where minutes are
-- gone, and a bucket is not one of whole hours or days of UTC, that is as exact as can be.
--
-- Cost: that of the windows of the range; of those that are packed, only packs that have
-- the callers asked for.  What the packs of one time come to is remembered, in shared
-- memory: src/window/series_windows.h.
--

CREATE FUNCTION topo.as_of(at timestamptz, graph text DEFAULT NULL) RETURNS tstzrange
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	longest interval;
BEGIN
	IF at IS NULL OR NOT isfinite(at) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('%s is no time that the map could be of', coalesce(at::text, 'NULL')),
			HINT = 'For example topo.as_of(now() - interval ''1 day'').';
	END IF;
	PERFORM topo.check_during(tstzrange(at, at, '[]'));
	SELECT max(g.edge_ttl) INTO longest
	FROM topo.graphs_asked(CASE WHEN graph IS NOT NULL THEN ARRAY[graph] END) g
	HAVING bool_and(g.edge_ttl IS NOT NULL);
	RETURN tstzrange(at - longest, at, '(]');
END
$$;
COMMENT ON FUNCTION topo.as_of(timestamptz, text) IS
'the range whose edges were live at a time: edge_ttl back from there, the longest of the service map or that of one graph; for the parameter during of any question';

CREATE FUNCTION topo.check_step(during tstzrange, step interval) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET intervalstyle = 'postgres'
AS $$
DECLARE
	most CONSTANT integer := 100000;
	span numeric;
BEGIN
	PERFORM topo.check_during(during);
	IF NOT coalesce(isfinite(lower(during)) AND isfinite(upper(during)), false) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a series needs a range with both ends, not %s', coalesce(quote_literal(during::text), 'NULL')),
			HINT = 'For example tstzrange(now() - interval ''3 hours'', now()).';
	END IF;
	IF step IS NULL OR step < interval '1 minute' OR position('-' IN step::text) > 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a step cannot be %s', coalesce(quote_literal(step::text), 'NULL')),
			HINT = 'Give at least ''1 minute'', which is the shortest window.';
	END IF;
	IF step > interval '100 years' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('a step cannot be %L', step::text),
			HINT = 'Give at most ''100 years''.';
	END IF;
	span := extract(epoch FROM upper(during)) - extract(epoch FROM lower(during));
	IF span / extract(epoch FROM step) > most THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
			MESSAGE = format('the range %L has more than %s steps of %L', during::text, most, step::text),
			HINT = format('Give a shorter range, or steps of at least %s.', make_interval(secs => ceil(span / most / 60)::double precision * 60));
	END IF;
END
$$;
COMMENT ON FUNCTION topo.check_step(tstzrange, interval) IS 'an error for a range and step that make no series, or one of more than 100,000 buckets';

CREATE FUNCTION topo.first_step(at timestamptz, step interval) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- all of these are as the session's time zone has it
	SELECT CASE WHEN months > 0 THEN
					date_trunc('month', at) - make_interval(months => (extract(year FROM at)::integer * 12 + extract(month FROM at)::integer - 1) % months)
				WHEN days > 0 THEN
					-- so that weeks begin on Monday
					date_trunc('day', at) - make_interval(days => (((at::date - date '2000-01-03') % days) + days) % days)
				ELSE date_bin(step, at, date_trunc('day', at)) END
	FROM (SELECT extract(year FROM step)::integer * 12 + extract(month FROM step)::integer AS months, extract(day FROM step)::integer AS days) s
$$;
COMMENT ON FUNCTION topo.first_step(timestamptz, interval) IS 'begin of the step that a time is in';

CREATE FUNCTION topo.steps_of(during tstzrange, step interval) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	steps timestamptz[];
BEGIN
	PERFORM topo.check_step(during, step);
	SELECT array_agg(s ORDER BY s) INTO steps
	FROM generate_series(topo.first_step(lower(during), step), upper(during), step) s
	WHERE s < upper(during) OR upper_inc(during);
	RETURN steps || (steps[cardinality(steps)] + step);
END
$$;
COMMENT ON FUNCTION topo.steps_of(tstzrange, interval) IS 'where the buckets of a series begin, and where the last ends';

CREATE FUNCTION topo.widest_window(graph text, steps timestamptz[]) RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT max(g.width) FROM topo.edge_grains(graph) g
	WHERE (SELECT bool_and(date_bin(g.width, s, '2000-01-01 00:00+00') = s) FROM unnest(steps) s)
$$;
COMMENT ON FUNCTION topo.widest_window(text, timestamptz[]) IS 'the longest windows of a graph that lie in one bucket of a series each; NULL: not even the shortest do';

CREATE FUNCTION topo.node_members(label text) RETURNS bigint[]
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT array_agg(n.id) FROM topo.existing_node(label) e JOIN topo.node n ON n.id = e OR n.parent = e AND n.type = 'cluster'
$$;
COMMENT ON FUNCTION topo.node_members(text) IS 'a node and, of an app, its clusters; an error where there is no such node';

CREATE FUNCTION topo.series(graphs text[], sources bigint[], targets bigint[], steps timestamptz[])
RETURNS TABLE (bucket timestamptz, requests bigint, errors bigint, p50_ms double precision, p99_ms double precision,
			   connections bigint, failed bigint, bytes_sent bigint, bytes_received bigint, traffic topo.traffic)
LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling the plans of its queries takes longer than it saves
AS 'MODULE_PATHNAME', 'topology_series';
COMMENT ON FUNCTION topo.series(text[], bigint[], bigint[], timestamptz[]) IS
'the traffic of graphs between some nodes, by bucket of a series, with calls counted once; sources or targets NULL: any nodes';

CREATE FUNCTION topo.history(source text, target text, during tstzrange DEFAULT NULL, step interval DEFAULT '1 minute',
							 graphs text[] DEFAULT NULL)
RETURNS TABLE (bucket timestamptz, requests bigint, errors bigint, p50_ms double precision, p99_ms double precision,
			   connections bigint, failed bigint, bytes_sent bigint, bytes_received bigint, traffic topo.traffic)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	asked CONSTANT text[] := ARRAY(SELECT g.name FROM topo.graphs_asked(history.graphs) g);
	sources CONSTANT bigint[] := topo.node_members(source);
	targets CONSTANT bigint[] := topo.node_members(target);
	steps CONSTANT timestamptz[] := topo.steps_of(coalesce(during, topo.as_of(topo.clock())), history.step);
BEGIN
	RETURN QUERY SELECT * FROM topo.series(asked, sources, targets, steps);
END
$$;
COMMENT ON FUNCTION topo.history(text, text, tstzrange, interval, text[]) IS
'how an edge fared, as a series with one row for each step of a range, those without traffic included; a source or target of NULL stands for all callers or callees; during NULL: what is live.
Steps of days and months are those of the session''s time zone. Requests, errors and latency are counted once over graphs, as in edges()';
