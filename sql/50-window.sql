--
-- Windows: partitions that come and go with time, live edges that fade, and
-- the questions that read windows: edges() and hops().
--
-- Tables of windows have one level of partitions by time and no DEFAULT one.
-- Bounds are multiples of the grain's partition counted from 2000-01-01 UTC,
-- so that everybody who needs a partition means the same one.
--
-- Locks.  Making a partition takes SHARE UPDATE EXCLUSIVE on the table:
-- readers and writers go on, makers queue.  Dropping one takes ACCESS
-- EXCLUSIVE, fading SHARE ROW EXCLUSIVE on live_edge; both give up after
-- 100 ms, since the next round of maintenance tries again and ingest must not
-- wait.  Who adds a live edge writes live_edge before link, all in one
-- transaction: then fading cannot take away a link that is being renewed.
--

--
-- Partitions
--

CREATE FUNCTION topo.existing_grain(graph text, width interval) RETURNS topo.grain
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	owner topo.graph := topo.existing_graph(graph);
	result topo.grain;
BEGIN
	SELECT * INTO result FROM topo.grain g WHERE g.graph = owner.name AND g.width = existing_grain.width;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('graph %L has no windows of %s', graph, coalesce(quote_literal(width::text), 'NULL')),
			HINT = (SELECT format('Its windows: %s.', string_agg(quote_literal(g.width::text), ', ' ORDER BY g.width))
					FROM topo.grain g WHERE g.graph = owner.name);
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION topo.existing_grain(text, interval) IS 'the grain of that graph and width; an error where there is none';

CREATE FUNCTION topo.partition_name(relation name, span interval, start timestamptz) RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT relation || '_' || to_char(start AT TIME ZONE 'UTC',
		CASE 0 WHEN extract(epoch FROM span) % 86400 THEN 'YYYYMMDD'
			   WHEN extract(epoch FROM span) % 3600 THEN 'YYYYMMDDHH24'
			   WHEN extract(epoch FROM span) % 60 THEN 'YYYYMMDDHH24MI'
			   ELSE 'YYYYMMDDHH24MISS' END)
$$;
COMMENT ON FUNCTION topo.partition_name(name, interval, timestamptz) IS
'name of the partition of a table of windows that starts then: edge_window_20261120';

CREATE FUNCTION topo.partitions_of_span(span interval, during tstzrange,
										OUT start timestamptz, OUT finish timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
	SELECT s, s + span
	FROM generate_series(date_bin(span, lower(during), '2000-01-01 UTC'), upper(during), span) s
	WHERE s < upper(during) OR upper_inc(during)
$$;
COMMENT ON FUNCTION topo.partitions_of_span(interval, tstzrange) IS
'bounds of the partitions of that length that cover a range';

CREATE FUNCTION topo.check_partition_range(span interval, during tstzrange) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	-- so many tables are made in one transaction and its lock table
	most CONSTANT integer := 1000;
BEGIN
	IF during IS NULL OR isempty(during) OR NOT coalesce(isfinite(lower(during)) AND isfinite(upper(during)), false) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('cannot make partitions for the range %s', coalesce(quote_literal(during::text), 'NULL')),
			HINT = 'Give a range with both ends.';
	END IF;
	IF extract(epoch FROM upper(during)) - extract(epoch FROM lower(during)) > most * extract(epoch FROM span) THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
			MESSAGE = format('the range %L needs more than %s partitions', during::text, most),
			HINT = 'Check its times, or make the partitions in several transactions.';
	END IF;
END
$$;
COMMENT ON FUNCTION topo.check_partition_range(interval, tstzrange) IS
'an error for a range without both ends, or of more than 1000 partitions';

CREATE FUNCTION topo.make_partition(schema name, relation name, partition name,
									start timestamptz, finish timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
BEGIN
	-- attaching an empty table of the same shape locks less than PARTITION OF
	EXECUTE format('CREATE TABLE %1$I.%3$I (LIKE %1$I.%2$I INCLUDING ALL)', schema, relation, partition);
	EXECUTE format('ALTER TABLE %1$I.%2$I ATTACH PARTITION %1$I.%3$I FOR VALUES FROM (%4$L) TO (%5$L)',
				   schema, relation, partition, start, finish);
EXCEPTION WHEN duplicate_table THEN
	RAISE EXCEPTION USING ERRCODE = 'duplicate_table',
		MESSAGE = format('table %I.%I stands where a partition of %I is needed', schema, partition, relation),
		HINT = 'Rename a partition that you detach, or drop it.';
END
$$;
COMMENT ON FUNCTION topo.make_partition(name, name, name, timestamptz, timestamptz) IS
'make one partition of a table of windows';

CREATE FUNCTION topo.missing_partitions(schema name, grain topo.grain, during tstzrange,
										OUT name name, OUT start timestamptz, OUT finish timestamptz)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- these look at the catalogs as they are now, whatever the transaction's snapshot
	SELECT n, p.start, p.finish
	FROM topo.partitions_of_span(grain.partition, during) p,
		 topo.partition_name(grain.relation, grain.partition, p.start) n
	WHERE pg_partition_root(to_regclass(format('%I.%I', schema, n)))
		  IS DISTINCT FROM to_regclass(format('%I.%I', schema, grain.relation))
$$;
COMMENT ON FUNCTION topo.missing_partitions(name, topo.grain, tstzrange) IS
'partitions that a range needs and that are not there';

CREATE FUNCTION topo.ensure_partitions(graph text, width interval, during tstzrange) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	grain topo.grain := topo.existing_grain(graph, width);
	schema name := (topo.existing_graph(graph)).schema_name;
BEGIN
	PERFORM topo.check_partition_range(grain.partition, during);
	IF NOT EXISTS (SELECT FROM topo.missing_partitions(schema, grain, during)) THEN
		RETURN;
	END IF;
	EXECUTE format('LOCK TABLE ONLY %I.%I IN SHARE UPDATE EXCLUSIVE MODE', schema, grain.relation);
	PERFORM topo.make_partition(schema, grain.relation, m.name, m.start, m.finish)
	FROM topo.missing_partitions(schema, grain, during) m;
END
$$;
COMMENT ON FUNCTION topo.ensure_partitions(text, interval, tstzrange) IS
'make the partitions, for a graph''s windows of one width, that a range of time needs; quick when they are there';

--
-- Maintenance
--

CREATE FUNCTION topo.make_partitions_ahead() RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT topo.ensure_partitions(r.graph, r.width, tstzrange(now(), now() + r.partition))
	FROM topo.grain r JOIN topo.graph g ON g.name = r.graph
	WHERE to_regclass(format('%I.%I', g.schema_name, r.relation)) IS NOT NULL
	ORDER BY r.graph, r.width
$$;
COMMENT ON FUNCTION topo.make_partitions_ahead() IS 'make the current and the next partition of every table of windows';

CREATE FUNCTION topo.expired_partitions() RETURNS SETOF regclass
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
	SELECT c.oid::regclass
	FROM topo.grain r
		 JOIN topo.graph g ON g.name = r.graph
		 JOIN pg_inherits i ON i.inhparent = to_regclass(format('%I.%I', g.schema_name, r.relation))
		 JOIN pg_class c ON c.oid = i.inhrelid
	WHERE (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO [(]''([^'']+)''[)]'))[1]::timestamptz
		  <= now() - r.retention
	ORDER BY r.graph, r.width, c.relname
$$;
COMMENT ON FUNCTION topo.expired_partitions() IS 'partitions of windows that are all older than their retention';

CREATE FUNCTION topo.drop_expired_partitions() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
	expired regclass;
BEGIN
	FOR expired IN SELECT * FROM topo.expired_partitions() LOOP
		EXECUTE format('DROP TABLE %s', expired);
	END LOOP;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'windows older than their retention are in use: %', SQLERRM;
END
$$;
COMMENT ON FUNCTION topo.drop_expired_partitions() IS
'drop the partitions that are older than their retention; none where somebody is in the way';

CREATE FUNCTION topo.app_of(node topo.node) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- no pinned search_path: it must be inlined, and names all with their schema
AS $$
	SELECT CASE WHEN node.type OPERATOR(pg_catalog.=) 'cluster' AND node.parent IS NOT NULL THEN node.parent ELSE node.id END
$$;
COMMENT ON FUNCTION topo.app_of(topo.node) IS 'the node that stands for this one at the level of apps';

CREATE FUNCTION topo.nodes_of_same_apps(nodes bigint[]) RETURNS bigint[]
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	WITH app AS MATERIALIZED (
		SELECT DISTINCT topo.app_of(n) AS id FROM topo.node n WHERE n.id = ANY (nodes)
	)
	SELECT array_agg(id)
	FROM (SELECT a.id FROM app a
		  UNION ALL
		  SELECT n.id FROM app a JOIN topo.node n ON n.parent = a.id AND n.type = 'cluster') m
$$;
COMMENT ON FUNCTION topo.nodes_of_same_apps(bigint[]) IS 'the apps that nodes stand for, and all clusters of these';

CREATE FUNCTION topo.delete_faded_edges(schema name, cutoff timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	faded topo.edge_key[];
	sources bigint[];
BEGIN
	EXECUTE format('WITH faded AS (DELETE FROM %I.live_edge WHERE last_seen <= $1 RETURNING src, dst, type)
					SELECT array_agg((src, dst, type)::topo.edge_key) FROM faded', schema)
	INTO faded USING cutoff;
	sources := topo.nodes_of_same_apps(ARRAY(SELECT DISTINCT f.src FROM unnest(faded) f));
	EXECUTE format('DELETE FROM %I.link l USING unnest($1) f
					WHERE l.level = ''c'' AND l.src = f.src AND l.dst = f.dst AND l.type = f.type', schema)
	USING faded;
	-- arrays, since the planner knows their lengths; EXCEPT, since no wrong estimate makes it quadratic
	EXECUTE format($apps$
		DELETE FROM %1$I.link l
		USING (SELECT coalesce(topo.app_of(s), f.src) AS src, coalesce(topo.app_of(d), f.dst) AS dst, f.type
			   FROM unnest($1) f LEFT JOIN topo.node s ON s.id = f.src LEFT JOIN topo.node d ON d.id = f.dst
			   EXCEPT
			   SELECT topo.app_of(s), topo.app_of(d), e.type
			   FROM %1$I.live_edge e JOIN topo.node s ON s.id = e.src JOIN topo.node d ON d.id = e.dst
			   WHERE e.src = ANY ($2)) gone
		WHERE l.level = 'a' AND l.src = gone.src AND l.dst = gone.dst AND l.type = gone.type
		$apps$, schema) USING faded, sources;
END
$$;
COMMENT ON FUNCTION topo.delete_faded_edges(name, timestamptz) IS
'take the edges not seen since then out of live_edge and link; the edge of an app goes with the last of its clusters';

CREATE FUNCTION topo.fade_edges(graph topo.graph) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
	cutoff timestamptz := topo.live_since(graph.name);
	some_faded boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.live_edge WHERE last_seen <= $1)', graph.schema_name)
	INTO some_faded USING cutoff;
	IF some_faded THEN
		EXECUTE format('LOCK TABLE %I.live_edge IN SHARE ROW EXCLUSIVE MODE', graph.schema_name);
		PERFORM topo.delete_faded_edges(graph.schema_name, cutoff);
	END IF;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'faded edges of graph "%" are in use: %', graph.name, SQLERRM;
END
$$;
COMMENT ON FUNCTION topo.fade_edges(topo.graph) IS
'take the edges without traffic for edge_ttl out of the live map; none where somebody is in the way';

CREATE FUNCTION topo.maintain_windows() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.make_partitions_ahead(), topo.maintain_spans();
	PERFORM topo.fade_edges(g) FROM topo.graph g
	WHERE g.edge_ttl IS NOT NULL AND to_regclass(format('%I.live_edge', g.schema_name)) IS NOT NULL
	ORDER BY g.name;
	-- last, since its locks are the strongest and last until commit
	PERFORM topo.drop_expired_partitions();
END
$$;
COMMENT ON FUNCTION topo.maintain_windows() IS
'make partitions ahead, take faded edges out of the live map, drop windows older than their retention; workers call it';

--
-- What a question asks for
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
BEGIN
	IF isempty(during) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the range of time is empty',
			HINT = 'Give a range such as tstzrange(now() - interval ''1 hour'', now()), or NULL for what is live now.';
	END IF;
END
$$;
COMMENT ON FUNCTION topo.check_during(tstzrange) IS 'an error for an empty range of time';

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

CREATE FUNCTION topo.window_edges(graph topo.graph, during tstzrange, level "char")
RETURNS TABLE (src bigint, dst bigint, traffic topo.traffic, first_seen timestamptz, last_seen timestamptz,
			   ways text[], confidence real, endpoints bigint[])
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	width interval := (SELECT g.width FROM topo.grain g WHERE g.graph = graph.name AND g.relation = 'edge_window');
	-- a window overlaps the range if its start is strictly between these
	after timestamptz := coalesce(lower(during) - width, '-infinity');
	before timestamptz := coalesce(CASE WHEN upper_inc(during) THEN upper(during) + interval '1 microsecond'
										ELSE upper(during) END, 'infinity');
BEGIN
	RETURN QUERY EXECUTE format($windows$
		WITH finest AS (
			SELECT w.src, w.dst, w.endpoint, topo.merge(w.traffic) AS traffic, min(w.first_seen) AS first_seen,
				   max(w.last_seen) AS last_seen, topo.ways(w.via) AS ways,
				   max(%5$s) AS confidence
			FROM %1$I.edge_window w
			WHERE w.bucket > $1 AND w.bucket < $2
			GROUP BY w.src, w.dst, w.endpoint
		)
		SELECT %2$s, %3$s, topo.merge(f.traffic), min(f.first_seen), max(f.last_seen), topo.ways(f.ways),
			   max(f.confidence), array_agg(f.endpoint) FILTER (WHERE f.endpoint IS NOT NULL)
		FROM finest f %4$s
		GROUP BY 1, 2
		$windows$, graph.schema_name,
		CASE level WHEN 'c' THEN 'f.src' ELSE 'topo.app_of(s)' END,
		CASE level WHEN 'c' THEN 'f.dst' ELSE 'topo.app_of(d)' END,
		CASE level WHEN 'c' THEN '' ELSE 'JOIN topo.node s ON s.id = f.src JOIN topo.node d ON d.id = f.dst' END,
		CASE level WHEN 'c' THEN 'w.confidence' ELSE 'coalesce(w.app_confidence, w.confidence)' END)
	USING after, before;
END
$$;
COMMENT ON FUNCTION topo.window_edges(topo.graph, tstzrange, "char") IS
'edges of one graph whose windows overlap a range of time, by id of node';

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

--
-- hops()
--

CREATE FUNCTION topo.protocol_name(protocol smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT CASE protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' ELSE protocol::text END
$$;
COMMENT ON FUNCTION topo.protocol_name(smallint) IS 'name of an IP protocol, or its number';

CREATE FUNCTION topo.hops_span(during tstzrange) RETURNS tstzrange
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.check_during(during);
	RETURN coalesce(during, tstzrange(topo.live_since((topo.existing_graph('network')).name), NULL));
END
$$;
COMMENT ON FUNCTION topo.hops_span(tstzrange) IS 'the range that hops() reads; NULL: the last edge_ttl of the graph network';

CREATE FUNCTION topo.hops(during tstzrange DEFAULT NULL)
RETURNS TABLE (scope text, source inet, source_node text, target inet, target_port integer, target_node text,
			   protocol text, reported_by text, role_guessed boolean,
			   connections bigint, failed bigint, bytes_sent bigint, bytes_received bigint, retransmits bigint,
			   rtt_ms double precision, nat_source inet, nat_target inet, nat_target_port integer,
			   first_seen timestamptz, last_seen timestamptz, traffic topo.traffic)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 10000
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	span tstzrange := topo.hops_span(during);
	width interval := (topo.existing_grain('network', '10 seconds')).width;
	after timestamptz := coalesce(lower(span) - width, '-infinity');
	before timestamptz := coalesce(CASE WHEN upper_inc(span) THEN upper(span) + interval '1 microsecond'
										ELSE upper(span) END, 'infinity');
BEGIN
	RETURN QUERY
	WITH flow AS (
		SELECT w.scope, w.protocol, w.role = 1 AS by_client, w.role_guessed, w.local_address, w.local_port, w.local_node,
			   w.peer_address, w.peer_port, w.nat_local_address, w.nat_peer_address, w.nat_peer_port,
			   min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen,
			   CASE w.role WHEN 1 THEN topo.merge(w.traffic) ELSE topo.reversed(topo.merge(w.traffic)) END AS traffic
		FROM topo_network.flow_window w
		WHERE w.bucket > after AND w.bucket < before
		GROUP BY w.role, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
	), label AS MATERIALIZED (
		SELECT n.id, topo.node_label(n.type, n.name) AS label
		FROM topo.node n WHERE n.id IN (SELECT f.local_node FROM flow f)
	)
	SELECT f.scope,
		   CASE WHEN f.by_client THEN f.local_address ELSE f.peer_address END,
		   CASE WHEN f.by_client THEN l.label END,
		   CASE WHEN f.by_client THEN f.peer_address ELSE f.local_address END,
		   CASE WHEN f.by_client THEN f.peer_port ELSE f.local_port END,
		   CASE WHEN NOT f.by_client THEN l.label END,
		   topo.protocol_name(f.protocol), CASE WHEN f.by_client THEN 'client' ELSE 'server' END, f.role_guessed,
		   topo.connections(f.traffic), topo.failed(f.traffic),
		   topo.bytes_sent(f.traffic), topo.bytes_received(f.traffic),
		   topo.retransmits(f.traffic), topo.rtt_ms(f.traffic),
		   CASE WHEN f.by_client THEN f.nat_local_address ELSE f.nat_peer_address END,
		   CASE WHEN f.by_client THEN f.nat_peer_address ELSE f.nat_local_address END,
		   CASE WHEN f.by_client THEN f.nat_peer_port END,
		   f.first_seen, f.last_seen, f.traffic
	FROM flow f LEFT JOIN label l ON l.id = f.local_node;
END
$$;
COMMENT ON FUNCTION topo.hops(tstzrange) IS
'what each end of a connection reported in a range of time, by address, before resolution; NULL: the last edge_ttl of network.
A connection that both ends report is two rows, told apart by reported_by; the node of the reporting end is given, that of the other is NULL.
Traffic and readings are the caller''s view: bytes_sent flowed from source to target; retransmits are those of the reporting end';
