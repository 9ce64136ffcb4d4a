-- For tests: what diff() tells, as plain SQL says it.  Needs plain_edges.sql.

--
-- As people read it
--



CREATE FUNCTION pg_temp.short_number(value double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
	SELECT CASE WHEN value = 0 THEN '0'
				WHEN abs(value) >= 100 THEN round(value)::bigint::text
				ELSE trim_scale(round(value::numeric, greatest(2 - floor(log(abs(value)))::integer, 0)))::text END
$$;

CREATE FUNCTION pg_temp.rate_text(rate double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
	SELECT CASE WHEN rate = 0 THEN '0'
				WHEN rate >= 1 THEN pg_temp.short_number(rate) || '/s'
				WHEN rate * 60 >= 1 THEN pg_temp.short_number(rate * 60) || '/min'
				ELSE pg_temp.short_number(rate * 3600) || '/h' END
$$;

CREATE FUNCTION pg_temp.volume_text(bytes double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$ SELECT pg_size_pretty(least(bytes, 9e18)::bigint) || '/s' $$;

CREATE FUNCTION pg_temp.share(part bigint, whole bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN part / nullif(whole, 0)::double precision;

CREATE FUNCTION pg_temp.bytes(traffic topo.traffic) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN topo.bytes_sent(traffic)::double precision + topo.bytes_received(traffic);

CREATE FUNCTION pg_temp.failed_share(traffic topo.traffic) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN pg_temp.share(topo.failed(traffic), topo.failed(traffic) + topo.connections(traffic));

CREATE FUNCTION pg_temp.reading_text(reading text, traffic topo.traffic, seconds double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
	SELECT coalesce(CASE reading
		WHEN 'requests' THEN pg_temp.rate_text(topo.requests(traffic) / seconds)
		WHEN 'errors' THEN pg_temp.short_number(100 * pg_temp.share(topo.errors(traffic), topo.requests(traffic))) || ' %'
		WHEN 'p50' THEN pg_temp.short_number(topo.p50_ms(traffic)) || ' ms'
		WHEN 'p99' THEN pg_temp.short_number(topo.p99_ms(traffic)) || ' ms'
		WHEN 'connections' THEN pg_temp.rate_text(topo.connections(traffic) / seconds)
		WHEN 'failed' THEN pg_temp.short_number(100 * pg_temp.failed_share(traffic)) || ' %'
		WHEN 'bytes' THEN pg_temp.volume_text(pg_temp.bytes(traffic) / seconds) END, 'none')
$$;

CREATE FUNCTION pg_temp.change_text(readings text[], before topo.traffic, before_seconds double precision,
								 after topo.traffic, after_seconds double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT string_agg(format('%s %s -> %s', r.reading, pg_temp.reading_text(r.reading, before, before_seconds),
							 pg_temp.reading_text(r.reading, after, after_seconds)), ', ' ORDER BY r.number)
	FROM unnest(readings) WITH ORDINALITY r (reading, number)
$$;

CREATE FUNCTION pg_temp.count_text(count bigint, noun text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN nullif(count, 0) || ' ' || noun || CASE count WHEN 1 THEN '' ELSE 's' END;

CREATE FUNCTION pg_temp.presence_text(change text, traffic topo.traffic, seconds double precision, other_seconds double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
AS $$
	SELECT format('%s: %s%s', CASE change WHEN 'added' THEN 'new' ELSE 'gone' END,
				  coalesce(nullif(concat_ws(', ', pg_temp.count_text(topo.requests(traffic), 'request'), pg_temp.count_text(topo.errors(traffic), 'error'),
											pg_temp.count_text(topo.connections(traffic), 'connection'), nullif(topo.failed(traffic), 0) || ' failed'), ''),
						   pg_temp.volume_text(pg_temp.bytes(traffic) / seconds)),
				  -- of so few that the other range had none by chance in more than one of a hundred
				  CASE WHEN (topo.requests(traffic)::double precision + topo.connections(traffic) + topo.failed(traffic)) * other_seconds / seconds < 5
					   THEN ', so few that it may be chance' ELSE '' END)
$$;

--
-- The comparison
--

-- Who has no row here is gone, whatever row security hides.
CREATE TEMP VIEW every_node AS SELECT id FROM topo.node;

-- How a node is told of; NULL: it is not.
CREATE FUNCTION pg_temp.told_as(node bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce((SELECT topo.node_label(n.type, n.name) FROM topo.node n WHERE n.id = told_as.node),
					CASE WHEN told_as.node NOT IN (SELECT id FROM every_node) THEN 'gone:' || told_as.node END)
$$;

-- Both maps of one graph, side by side.
CREATE FUNCTION pg_temp.plain_pairs(graph topo.graph, before tstzrange, after tstzrange, level "char")
RETURNS TABLE (change text, src bigint, dst bigint, b topo.traffic, b_s double precision, a topo.traffic, a_s double precision) LANGUAGE sql AS $$
	SELECT CASE WHEN b.src IS NULL THEN 'added' WHEN a.src IS NULL THEN 'removed' END, coalesce(b.src, a.src), coalesce(b.dst, a.dst),
		   b.traffic, topo.seconds_answered(graph, before), a.traffic, topo.seconds_answered(graph, after)
	FROM pg_temp.plain_windows(graph, before, level) b FULL JOIN pg_temp.plain_windows(graph, after, level) a ON a.src = b.src AND a.dst = b.dst
$$;

-- What diff() has to say of edges, in all columns, as text.  Whether a reading differs by more
-- than chance is not for this to judge: it takes the names of the readings from diff().
CREATE FUNCTION pg_temp.plain_diff(before tstzrange, after tstzrange, graphs text[], level text) RETURNS TABLE (line text) LANGUAGE sql AS $$
	WITH told AS MATERIALIZED (
		SELECT d.graph, d.source, d.target, ARRAY(SELECT split_part(r, ' ', 1) FROM unnest(string_to_array(d.summary, ', ')) r) AS readings
		FROM topo.diff(before, after, graphs, level) d WHERE d.change = 'changed'
	), pair AS MATERIALIZED (
		SELECT * FROM (
			SELECT (g.g).name AS graph, p.*, pg_temp.told_as(p.src) AS source, pg_temp.told_as(p.dst) AS target
			FROM (SELECT g FROM topo.graphs_asked(graphs) g) g, pg_temp.plain_pairs(g.g, before, after, topo.level_code(level)) p OFFSET 0) p
		WHERE p.source IS NOT NULL AND p.target IS NOT NULL
	), node AS (
		SELECT CASE WHEN bool_and(p.b IS NULL) THEN 'added' ELSE 'removed' END AS change, p.graph, n.id, min(n.label) AS label,
			   count(*) FILTER (WHERE n.called AND n.peer <> n.id) AS callers, count(*) FILTER (WHERE NOT n.called AND n.peer <> n.id) AS callees
		FROM pair p CROSS JOIN LATERAL (VALUES (p.src, p.source, p.dst, false), (p.dst, p.target, p.src, true)) n (id, label, peer, called)
		GROUP BY p.graph, n.id
		HAVING bool_and(p.b IS NULL) OR bool_and(p.a IS NULL)
	), row AS (
		SELECT coalesce(p.change, 'changed') AS change, p.source, p.target, p.graph,
			   CASE p.change WHEN 'added' THEN pg_temp.presence_text('added', p.a, p.a_s, p.b_s)
							 WHEN 'removed' THEN pg_temp.presence_text('removed', p.b, p.b_s, p.a_s)
							 ELSE pg_temp.change_text(t.readings, p.b, p.b_s, p.a, p.a_s) END AS summary, p.b, p.b_s, p.a, p.a_s
		FROM pair p LEFT JOIN told t ON t.graph = p.graph AND t.source = p.source AND t.target = p.target
		WHERE p.change IS NOT NULL OR t.graph IS NOT NULL
		UNION ALL
		SELECT n.change, n.label, NULL, n.graph,
			   format('%s node: %s', CASE n.change WHEN 'added' THEN 'new' ELSE 'gone' END,
					  concat_ws(', ', 'called by ' || nullif(n.callers, 0), 'calls ' || nullif(n.callees, 0))), NULL, NULL, NULL, NULL
		FROM node n
	)
	SELECT ROW(r.change, r.source, r.target, r.graph, r.summary, topo.requests(r.b) / r.b_s, topo.requests(r.a) / r.a_s,
			   pg_temp.share(topo.errors(r.b), topo.requests(r.b)), pg_temp.share(topo.errors(r.a), topo.requests(r.a)),
			   topo.p50_ms(r.b), topo.p50_ms(r.a), topo.p99_ms(r.b), topo.p99_ms(r.a), topo.connections(r.b) / r.b_s, topo.connections(r.a) / r.a_s,
			   pg_temp.failed_share(r.b), pg_temp.failed_share(r.a), pg_temp.bytes(r.b) / r.b_s, pg_temp.bytes(r.a) / r.a_s, r.b, r.a)::text
	FROM row r
$$;

-- How many rows diff() has of each change, and how many are otherwise.
CREATE FUNCTION pg_temp.compared_diff(before tstzrange, after tstzrange, graphs text[], level text,
									  OUT added bigint, OUT removed bigint, OUT changed bigint, OUT otherwise bigint) LANGUAGE sql AS $$
	WITH told AS MATERIALIZED (SELECT d.change, d::text AS line FROM topo.diff(before, after, graphs, level) d),
		 plain AS MATERIALIZED (SELECT line FROM pg_temp.plain_diff(before, after, graphs, level))
	SELECT count(*) FILTER (WHERE change = 'added'), count(*) FILTER (WHERE change = 'removed'), count(*) FILTER (WHERE change = 'changed'),
		   (SELECT count(*) FROM (SELECT line FROM told EXCEPT ALL SELECT line FROM plain) m)
		   + (SELECT count(*) FROM (SELECT line FROM plain EXCEPT ALL SELECT line FROM told) m)
	FROM told
$$;
