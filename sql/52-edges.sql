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

CREATE FUNCTION topo.edges(during tstzrange DEFAULT NULL, graphs text[] DEFAULT NULL, level text DEFAULT 'app')
RETURNS TABLE (source text, target text, graphs text[], traffic topo.traffic,
			   connections bigint, bytes_sent bigint, bytes_received bigint, requests bigint, errors bigint,
			   p50_ms double precision, p99_ms double precision,
			   first_seen timestamptz, last_seen timestamptz, via text[], confidence real, endpoints text[])
LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10000 SUPPORT topo.estimate_rows
SET search_path = pg_catalog, topo, pg_temp
SET jit = off -- compiling the plans of its queries takes longer than it saves
AS 'MODULE_PATHNAME', 'topology_edges';
COMMENT ON FUNCTION topo.edges(tstzrange, text[], text) IS
'who calls whom: live (during NULL: the live edges, with the traffic of the last edge_ttl), or in the windows that overlap a range.
One row for each source and target over all graphs asked for; graphs NULL: network, ipc and trace where they are, else all.
Connections and bytes are those of network; requests, errors and latency those of ipc where it saw the edge, else of trace: both count the same calls, so they are never added up.
via: the intermediaries between the two, in order; confidence: how surely the one calls the other, by the best of the windows, NULL where none says; endpoints: the API operations of the target that were called';

CREATE VIEW topo.dependency AS SELECT * FROM topo.edges();
COMMENT ON VIEW topo.dependency IS 'who calls whom now: topo.edges()';
