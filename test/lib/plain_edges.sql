-- For tests: edges() as plain SQL says it, window by window, without regard to cost.

-- Edges of one graph from its windows in a range.
CREATE FUNCTION pg_temp.plain_windows(graph topo.graph, during tstzrange, level "char")
RETURNS TABLE (src bigint, dst bigint, traffic topo.traffic, first_seen timestamptz, last_seen timestamptz,
			   ways text[], confidence real, endpoints bigint[])
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($windows$
		SELECT %2$s, %3$s, topo.merge(w.traffic), min(w.first_seen), max(w.last_seen),
			   coalesce(array_agg(DISTINCT array_to_string(w.via, ' ')) FILTER (WHERE w.via IS NOT NULL), '{}'),
			   max(%4$s), array_agg(DISTINCT w.endpoint) FILTER (WHERE w.endpoint IS NOT NULL)
		FROM %1$s w LEFT JOIN topo.node s ON s.id = w.src LEFT JOIN topo.node d ON d.id = w.dst
		GROUP BY 1, 2
		$windows$, topo.window_source(graph, during),
		CASE level WHEN 'c' THEN 'w.src' ELSE 'coalesce(topo.app_of(s), w.src)' END,
		CASE level WHEN 'c' THEN 'w.dst' ELSE 'coalesce(topo.app_of(d), w.dst)' END,
		CASE level WHEN 'c' THEN 'w.confidence' ELSE 'coalesce(w.app_confidence, w.confidence)' END);
END
$$;

-- Its live edges, with the traffic of the last edge_ttl.
CREATE FUNCTION pg_temp.plain_live(graph topo.graph, level "char")
RETURNS TABLE (src bigint, dst bigint, traffic topo.traffic, first_seen timestamptz, last_seen timestamptz,
			   ways text[], confidence real, endpoints bigint[])
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($live$
		WITH link AS (
			SELECT DISTINCT l.src, l.dst FROM %1$I.link l WHERE l.level = $3
		), seen AS (
			SELECT n.src, n.dst, min(n.first_seen) AS first_seen, max(n.last_seen) AS last_seen
			FROM (SELECT %2$s AS src, %3$s AS dst, e.first_seen, e.last_seen
				  FROM %1$I.live_edge e JOIN topo.node s ON s.id = e.src JOIN topo.node d ON d.id = e.dst) n
			GROUP BY n.src, n.dst
		)
		SELECT l.src, l.dst, coalesce(w.traffic, topo.traffic()), coalesce(s.first_seen, w.first_seen),
			   coalesce(s.last_seen, w.last_seen), coalesce(w.ways, '{}'), w.confidence, w.endpoints
		FROM link l
			 LEFT JOIN pg_temp.plain_windows($1, $2, $3) w ON w.src = l.src AND w.dst = l.dst
			 LEFT JOIN seen s ON s.src = l.src AND s.dst = l.dst
		$live$, graph.schema_name,
		CASE level WHEN 'c' THEN 's.id' ELSE 'topo.app_of(s)' END,
		CASE level WHEN 'c' THEN 'd.id' ELSE 'topo.app_of(d)' END)
	USING graph, tstzrange(topo.live_since(graph.name), NULL), level;
END
$$;

CREATE FUNCTION pg_temp.plain_edges(during tstzrange, asked text[], level text)
RETURNS TABLE (source text, target text, graphs text[], traffic topo.traffic,
			   connections bigint, bytes_sent bigint, bytes_received bigint, requests bigint, errors bigint,
			   p50_ms double precision, p99_ms double precision,
			   first_seen timestamptz, last_seen timestamptz, via text[], confidence real, endpoints text[])
LANGUAGE sql AS $$
	WITH one AS MATERIALIZED (
		SELECT (g.g).name AS graph, e.*
		FROM (SELECT g FROM topo.graphs_asked(asked) g) g,
			 LATERAL (SELECT * FROM pg_temp.plain_live(g.g, topo.level_code(level)) WHERE during IS NULL
					  UNION ALL
					  SELECT * FROM pg_temp.plain_windows(g.g, during, topo.level_code(level)) WHERE during IS NOT NULL) e
	), edge AS MATERIALIZED (
		SELECT o.src, o.dst, array_agg(o.graph ORDER BY o.graph COLLATE "C") AS graphs,
			   topo.calls_counted_once(topo.merge(o.traffic) FILTER (WHERE o.graph <> 'trace'),
									   topo.merge(o.traffic) FILTER (WHERE o.graph = 'trace'),
									   sum(topo.requests(o.traffic)) FILTER (WHERE o.graph = 'ipc')) AS traffic,
			   min(o.first_seen) AS first_seen, max(o.last_seen) AS last_seen, max(o.confidence) AS confidence
		FROM one o GROUP BY o.src, o.dst
	), label AS (
		SELECT n.id, topo.node_label(n.type, n.name) AS label,
			   n.id IN (SELECT e.src FROM edge e WHERE e.graphs && ARRAY['ipc', 'trace']) AS caller_told,
			   n.id IN (SELECT e.dst FROM edge e WHERE e.graphs && ARRAY['ipc', 'trace']) AS callee_told
		FROM topo.node n
	), way AS (
		SELECT o.src, o.dst, array_agg(DISTINCT w) AS ways FROM one o CROSS JOIN LATERAL unnest(o.ways) w GROUP BY 1, 2
	), called AS (
		SELECT o.src, o.dst, array_agg(l.label ORDER BY l.label COLLATE "C") AS endpoints
		FROM (SELECT DISTINCT o.src, o.dst, unnest(o.endpoints) AS id FROM one o) o JOIN label l USING (id) GROUP BY 1, 2
	)
	SELECT s.label, d.label, e.graphs, e.traffic,
		   topo.connections(e.traffic), topo.bytes_sent(e.traffic), topo.bytes_received(e.traffic),
		   topo.requests(e.traffic), topo.errors(e.traffic), topo.p50_ms(e.traffic), topo.p99_ms(e.traffic),
		   e.first_seen, e.last_seen, topo.via_labels(w.ways),
		   -- apportioned by the network, while both ends tell of their calls elsewhere: believed a quarter
		   CASE WHEN e.confidence < 1 AND w.ways <> '{}' AND NOT e.graphs && ARRAY['ipc', 'trace'] AND s.caller_told AND d.callee_told
				THEN e.confidence / 4 ELSE e.confidence END::real,
		   c.endpoints
	FROM edge e JOIN label s ON s.id = e.src JOIN label d ON d.id = e.dst
		 LEFT JOIN way w ON w.src = e.src AND w.dst = e.dst LEFT JOIN called c ON c.src = e.src AND c.dst = e.dst
$$;

-- How many edges there are, and how many rows edges() has otherwise.
CREATE FUNCTION pg_temp.compared(during tstzrange, asked text[], level text, OUT edges bigint, OUT otherwise bigint) LANGUAGE sql AS $$
	WITH plain AS MATERIALIZED (SELECT * FROM pg_temp.plain_edges(during, asked, level)),
		 merged AS MATERIALIZED (SELECT * FROM topo.edges(during, asked, level))
	SELECT (SELECT count(*) FROM plain),
		   (SELECT count(*) FROM (SELECT * FROM plain EXCEPT ALL SELECT * FROM merged) m)
		   + (SELECT count(*) FROM (SELECT * FROM merged EXCEPT ALL SELECT * FROM plain) m)
$$;
