--
-- What a question asks for, and edges(): who calls whom, live or in the windows of
-- a range of time.
--

CREATE FUNCTION topo.level_code(level text) RETURNS "char"
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	CASE level
		WHEN 'app' THEN RETURN 'a';
		WHEN 'cluster' THEN RETURN 'c';
		ELSE
			RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
				MESSAGE = format('unknown level %s', coalesce(quote_literal(level), 'NULL')),
				HINT = 'Levels are ''app'' and ''cluster''.';
	END CASE;
END
$$;
COMMENT ON FUNCTION topo.level_code(text) IS 'how tables write a level; an error for one that is none';

CREATE FUNCTION topo.check_during(during tstzrange) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	-- far enough from the ends of the type that no window, step or retention leads beyond them
	first CONSTANT timestamptz := '4000-01-01 00:00+00 BC';
	last CONSTANT timestamptz := '290000-01-01 00:00+00';
BEGIN
	IF isempty(during) OR lower(during) = 'infinity' OR upper(during) = '-infinity' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = CASE WHEN isempty(during) THEN 'the range of time is empty'
						   ELSE format('there is no time in the range %L', during::text) END,
			HINT = 'Give a range such as tstzrange(now() - interval ''1 hour'', now()), or NULL for what is live now.';
	END IF;
	IF isfinite(lower(during)) AND NOT lower(during) BETWEEN first AND last
	   OR isfinite(upper(during)) AND NOT upper(during) BETWEEN first AND last THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('the range %L ends where no windows can be', during::text),
			HINT = 'Give times from 4000 BC to the year 290000, or leave an end out.';
	END IF;
END
$$;
COMMENT ON FUNCTION topo.check_during(tstzrange) IS 'an error for a range that holds no time, or ends near the limits of timestamps; NULL and ends that are left out pass';

CREATE FUNCTION topo.graphs_asked(graphs text[]) RETURNS SETOF topo.graph
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	service_map CONSTANT text[] := ARRAY['network', 'ipc', 'trace'];
	graph text;
BEGIN
	IF graphs IS NULL THEN
		RETURN QUERY SELECT g.* FROM topo.graph g
		WHERE g.name = ANY (service_map) OR NOT EXISTS (SELECT FROM topo.graph m WHERE m.name = ANY (service_map))
		ORDER BY g.name COLLATE "C";
		RETURN;
	END IF;
	IF cardinality(graphs) = 0 THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the list of graphs is empty',
			HINT = 'Name at least one graph, or give NULL for the graphs of the service map.';
	END IF;
	FOR graph IN SELECT DISTINCT g COLLATE "C" FROM unnest(graphs) g ORDER BY 1 LOOP
		RETURN NEXT topo.existing_graph(graph);
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.graphs_asked(text[]) IS
'the graphs of those names, in order of name; NULL: those of the service map, or all where there is none';
--
-- edges()
--

CREATE FUNCTION topo.distinct_nodes_step(seen bigint[], more bigint[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF seen @> more THEN
		RETURN seen;
	END IF;
	RETURN ARRAY(SELECT unnest(seen) UNION SELECT unnest(more) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION topo.distinct_nodes_step(bigint[], bigint[]) IS 'distinct_nodes(ids): take one array';

CREATE AGGREGATE topo.distinct_nodes(bigint[]) (
	SFUNC = topo.distinct_nodes_step,
	STYPE = bigint[],
	COMBINEFUNC = topo.distinct_nodes_step,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE topo.distinct_nodes(bigint[]) IS
'the ids that are in any of the arrays; unlike array_agg(DISTINCT) it does not force a sort';

CREATE FUNCTION topo.ways_step(ways text[], way bigint[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF array_to_string(way, ' ') = ANY (ways) THEN
		RETURN ways;
	END IF;
	RETURN topo.joined_ways(ways, ARRAY[array_to_string(way, ' ')]);
END
$$;
COMMENT ON FUNCTION topo.ways_step(text[], bigint[]) IS 'ways(via): take one way';

CREATE FUNCTION topo.joined_ways(ways text[], more text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF ways @> more THEN
		RETURN ways;
	END IF;
	RETURN ARRAY(SELECT unnest(ways) UNION SELECT unnest(more) ORDER BY 1);
END
$$;
COMMENT ON FUNCTION topo.joined_ways(text[], text[]) IS 'ways(via): put two states together';

CREATE AGGREGATE topo.ways(bigint[]) (
	SFUNC = topo.ways_step,
	STYPE = text[],
	INITCOND = '{}',
	COMBINEFUNC = topo.joined_ways,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE topo.ways(bigint[]) IS 'the distinct ways, each written as the ids of its intermediaries; unlike array_agg(DISTINCT) it does not force a sort';

CREATE AGGREGATE topo.ways(text[]) (
	SFUNC = topo.joined_ways,
	STYPE = text[],
	INITCOND = '{}',
	COMBINEFUNC = topo.joined_ways,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE topo.ways(text[]) IS 'the distinct ways that are in any of the arrays';

CREATE FUNCTION topo.window_edges(graph topo.graph, during tstzrange, level "char", types integer[] DEFAULT NULL)
RETURNS TABLE (src bigint, dst bigint, traffic topo.traffic, first_seen timestamptz, last_seen timestamptz,
			   ways text[], confidence real, endpoints bigint[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	RETURN QUERY EXECUTE format($windows$
		WITH finest AS (
			SELECT w.src, w.dst, w.endpoint, topo.merge(w.traffic) AS traffic, min(w.first_seen) AS first_seen,
				   max(w.last_seen) AS last_seen, topo.ways(w.via) AS ways,
				   max(%5$s) AS confidence
			FROM %1$s w
			WHERE %6$s
			GROUP BY w.src, w.dst, w.endpoint
		)
		SELECT %2$s, %3$s, topo.merge(f.traffic), min(f.first_seen), max(f.last_seen), topo.ways(f.ways),
			   max(f.confidence), array_agg(f.endpoint) FILTER (WHERE f.endpoint IS NOT NULL)
		FROM finest f %4$s
		GROUP BY 1, 2
		$windows$, topo.window_source(graph, during),
		CASE level WHEN 'c' THEN 'f.src' ELSE 'topo.app_of(s)' END,
		CASE level WHEN 'c' THEN 'f.dst' ELSE 'topo.app_of(d)' END,
		CASE level WHEN 'c' THEN '' ELSE 'JOIN topo.node s ON s.id = f.src JOIN topo.node d ON d.id = f.dst' END,
		CASE level WHEN 'c' THEN 'w.confidence' ELSE 'coalesce(w.app_confidence, w.confidence)' END,
		CASE WHEN types IS NULL THEN 'true' ELSE 'w.type = ANY ($1)' END)
	USING types;
END
$$;
COMMENT ON FUNCTION topo.window_edges(topo.graph, tstzrange, "char", integer[]) IS
'edges of one graph (of some types) whose windows overlap a range of time, by id of node';

CREATE FUNCTION topo.live_edges(graph topo.graph, level "char")
RETURNS TABLE (src bigint, dst bigint, traffic topo.traffic, first_seen timestamptz, last_seen timestamptz,
			   ways text[], confidence real, endpoints bigint[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	recent tstzrange := tstzrange(topo.live_since(graph.name), NULL);
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
			 LEFT JOIN topo.window_edges($1, $2, $3) w ON w.src = l.src AND w.dst = l.dst
			 LEFT JOIN seen s ON s.src = l.src AND s.dst = l.dst
		$live$, graph.schema_name,
		CASE level WHEN 'c' THEN 's.id' ELSE 'topo.app_of(s)' END,
		CASE level WHEN 'c' THEN 'd.id' ELSE 'topo.app_of(d)' END)
	USING graph, recent, level;
END
$$;
COMMENT ON FUNCTION topo.live_edges(topo.graph, "char") IS
'the live edges of one graph, with the traffic of the last edge_ttl, by id of node';

CREATE FUNCTION topo.calls_counted_once(others topo.traffic, trace topo.traffic, ipc_requests numeric)
RETURNS topo.traffic
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- no pinned search_path: it must be inlined, and names all with their schema
AS $$
	SELECT CASE WHEN trace IS NULL OR ipc_requests OPERATOR(pg_catalog.>) 0 THEN others
				WHEN others IS NULL THEN trace
				ELSE others OPERATOR(topo.+) trace END
$$;
COMMENT ON FUNCTION topo.calls_counted_once(topo.traffic, topo.traffic, numeric) IS
'traffic of an edge over graphs: ipc and trace report the same calls, so trace counts only where ipc has none';

CREATE FUNCTION topo.node_labels(nodes bigint[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT array_agg(l ORDER BY l COLLATE "C")
	FROM topo.node n, topo.node_label(n.type, n.name) l
	WHERE n.id = ANY (nodes)
$$;
COMMENT ON FUNCTION topo.node_labels(bigint[]) IS 'how nodes are written, in order';

CREATE FUNCTION topo.via_labels(ways text[]) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	WITH way AS (
		SELECT w.way, array_agg(topo.node_label(n.type, n.name) ORDER BY i.position) AS labels
		FROM unnest(ways) w (way)
			 CROSS JOIN LATERAL unnest(string_to_array(w.way, ' ')::bigint[]) WITH ORDINALITY i (node, position)
			 JOIN topo.node n ON n.id = i.node
		GROUP BY 1
	), named AS (
		SELECT DISTINCT ON (l.label) l.label, w.rank, l.position
		FROM (SELECT y.labels, row_number() OVER (ORDER BY cardinality(y.labels) DESC, y.labels COLLATE "C") AS rank FROM way y) w
			 CROSS JOIN LATERAL unnest(w.labels) WITH ORDINALITY l (label, position)
		ORDER BY l.label, w.rank, l.position
	)
	SELECT array_agg(n.label ORDER BY n.rank, n.position) FROM named n
$$;
COMMENT ON FUNCTION topo.via_labels(text[]) IS
'the intermediaries of some ways, each once: those of the longest way in its order, then what others have besides';

CREATE FUNCTION topo.weighed(confidence real, ways text[], graphs text[], caller_told boolean, callee_told boolean) RETURNS real
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN confidence < 1 AND ways <> '{}' AND NOT graphs && ARRAY['ipc', 'trace'] AND caller_told AND callee_told
			THEN confidence / 4 ELSE confidence END;
COMMENT ON FUNCTION topo.weighed(real, text[], text[], boolean, boolean) IS
'confidence of an edge over graphs: where one was apportioned by the network, and both its ends tell of their calls in metrics or traces, which do not have it, it is believed a quarter';

CREATE FUNCTION topo.merged_edges(during tstzrange, asked text[], level text)
RETURNS TABLE (source text, target text, graphs text[], traffic topo.traffic,
			   first_seen timestamptz, last_seen timestamptz, via text[], confidence real, endpoints text[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling these plans takes longer than it saves
AS $$
DECLARE
	-- here, and not in the query, so that bad input is an error on an empty map too
	code "char" := topo.level_code(level);
	chosen topo.graph[] := ARRAY(SELECT g FROM topo.graphs_asked(asked) g);
BEGIN
	PERFORM topo.check_during(during);
	RETURN QUERY
	WITH edge AS MATERIALIZED (
		SELECT e.src, e.dst, array_agg(g.name) AS graphs,
			   topo.calls_counted_once(topo.merge(e.traffic) FILTER (WHERE g.name <> 'trace'),
									   topo.merge(e.traffic) FILTER (WHERE g.name = 'trace'),
									   sum(topo.requests(e.traffic)) FILTER (WHERE g.name = 'ipc')) AS traffic,
			   min(e.first_seen) AS first_seen, max(e.last_seen) AS last_seen,
			   topo.ways(e.ways) AS ways, max(e.confidence) AS confidence,
			   topo.distinct_nodes(e.endpoints) AS endpoints
		FROM unnest(chosen) g,
			 LATERAL (SELECT * FROM topo.live_edges(g, code) WHERE during IS NULL
					  UNION ALL
					  SELECT * FROM topo.window_edges(g, during, code) WHERE during IS NOT NULL) e
		GROUP BY e.src, e.dst
	), label AS MATERIALIZED (
		SELECT n.id, topo.node_label(n.type, n.name) AS label,
			   n.id IN (SELECT e.src FROM edge e WHERE e.graphs && ARRAY['ipc', 'trace']) AS caller_told,
			   n.id IN (SELECT e.dst FROM edge e WHERE e.graphs && ARRAY['ipc', 'trace']) AS callee_told
		FROM topo.node n
		WHERE n.id IN (SELECT e.src FROM edge e UNION SELECT e.dst FROM edge e)
	)
	SELECT s.label, d.label,
		   -- an ORDER BY in array_agg() would sort all edges of all graphs
		   CASE WHEN cardinality(e.graphs) = 1 THEN e.graphs
				ELSE ARRAY(SELECT x FROM unnest(e.graphs) x ORDER BY x COLLATE "C") END,
		   e.traffic, e.first_seen, e.last_seen,
		   CASE WHEN e.ways <> '{}' THEN topo.via_labels(e.ways) END,
		   topo.weighed(e.confidence, e.ways, e.graphs, s.caller_told, d.callee_told),
		   CASE WHEN e.endpoints IS NOT NULL THEN topo.node_labels(e.endpoints) END
	FROM edge e JOIN label s ON s.id = e.src JOIN label d ON d.id = e.dst;
END
$$;
COMMENT ON FUNCTION topo.merged_edges(tstzrange, text[], text) IS
'edges() without readings: edges of several graphs, one row for each pair of nodes';

CREATE FUNCTION topo.edges(during tstzrange DEFAULT NULL, graphs text[] DEFAULT NULL, level text DEFAULT 'app')
RETURNS TABLE (source text, target text, graphs text[], traffic topo.traffic,
			   connections bigint, bytes_sent bigint, bytes_received bigint, requests bigint, errors bigint,
			   p50_ms double precision, p99_ms double precision,
			   first_seen timestamptz, last_seen timestamptz, via text[], confidence real, endpoints text[])
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT e.source, e.target, e.graphs, e.traffic,
		   topo.connections(e.traffic), topo.bytes_sent(e.traffic), topo.bytes_received(e.traffic),
		   topo.requests(e.traffic), topo.errors(e.traffic), topo.p50_ms(e.traffic), topo.p99_ms(e.traffic),
		   e.first_seen, e.last_seen, e.via, e.confidence, e.endpoints
	FROM topo.merged_edges(during, graphs, level) e
$$;
COMMENT ON FUNCTION topo.edges(tstzrange, text[], text) IS
'who calls whom: live (during NULL: the live edges, with the traffic of the last edge_ttl), or in the windows that overlap a range.
One row for each source and target over all graphs asked for; graphs NULL: network, ipc and trace where they are, else all.
Connections and bytes are those of network; requests, errors and latency those of ipc where it saw the edge, else of trace: both count the same calls, so they are never added up.
via: the intermediaries between the two, in order; confidence: how surely the one calls the other, by the best of the windows, NULL where none says; endpoints: the API operations of the target that were called';

CREATE VIEW topo.dependency AS SELECT * FROM topo.edges();
COMMENT ON VIEW topo.dependency IS 'who calls whom now: topo.edges()';
