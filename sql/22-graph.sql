--
-- Graphs: made, changed and dropped.
--
-- The edges of a graph are in tables of its own, in a schema of its own, made by
-- create_graph(): they belong to the database, not to the extension, so that pg_dump
-- dumps them and Citus can distribute them.
--

CREATE TABLE topo.graph (
	name        text PRIMARY KEY CHECK (name <> ''),
	schema_name name NOT NULL UNIQUE,
	edge_ttl    interval CHECK (edge_ttl > interval '0'),
	adapt_grains boolean NOT NULL DEFAULT true,
	grains_reason text
);
COMMENT ON TABLE topo.graph IS 'the graphs of this database';
COMMENT ON COLUMN topo.graph.schema_name IS 'the schema that holds the graph''s tables';
COMMENT ON COLUMN topo.graph.edge_ttl IS 'an edge without traffic for this long leaves the live map; NULL is never';
COMMENT ON COLUMN topo.graph.adapt_grains IS 'windows of ten minutes come and go by how dense minutes are';
COMMENT ON COLUMN topo.graph.grains_reason IS 'why they came or went last; NULL: they never did';

CREATE TABLE topo.grain (
	graph     text NOT NULL REFERENCES topo.graph (name) ON DELETE CASCADE,
	width     interval NOT NULL CHECK (width > interval '0'),
	relation  name NOT NULL,
	partition interval NOT NULL CHECK (partition > interval '0'),
	retention interval CHECK (retention > interval '0'),
	edges     boolean NOT NULL DEFAULT true,
	adaptive  boolean NOT NULL DEFAULT true,
	partition_reason text,
	aside     boolean NOT NULL DEFAULT false,
	active    boolean NOT NULL DEFAULT true,
	PRIMARY KEY (graph, width)
);
COMMENT ON TABLE topo.grain IS 'the widths of window that each graph keeps, and for how long';
COMMENT ON COLUMN topo.grain.width IS 'span of one window';
COMMENT ON COLUMN topo.grain.relation IS 'table, in the graph''s schema, that holds the windows';
COMMENT ON COLUMN topo.grain.partition IS 'span of time of one partition of that table, of those that are made from now on';
COMMENT ON COLUMN topo.grain.retention IS 'windows older than this are dropped, once longer ones hold what is in them; NULL is never';
COMMENT ON COLUMN topo.grain.edges IS 'the windows are of edges, each width rolled up from the one before; false: of reports, from which the shortest windows of edges are resolved';
COMMENT ON COLUMN topo.grain.adaptive IS 'the span of partitions follows how much comes';
COMMENT ON COLUMN topo.grain.partition_reason IS 'why partitions have the span that they have; NULL: nothing has changed it';
COMMENT ON COLUMN topo.grain.aside IS 'nothing is rolled up from these windows, so they may come and go: longer ones are made of the next shorter that are not aside';
COMMENT ON COLUMN topo.grain.active IS 'false: none are made any more, and none are read; those that there are go after their retention';

SELECT pg_catalog.pg_extension_config_dump('topo.graph', '');
SELECT pg_catalog.pg_extension_config_dump('topo.grain', '');

CREATE FUNCTION topo.existing_graph(name text) RETURNS topo.graph
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	result topo.graph;
BEGIN
	SELECT * INTO result FROM topo.graph g WHERE g.name = existing_graph.name;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('graph %s does not exist', coalesce(quote_literal(name), 'NULL')),
			HINT = coalesce('Graphs of this database: ' || (SELECT string_agg(quote_literal(g.name), ', ' ORDER BY g.name) FROM topo.graph g) || '.',
							'Make the service map with topo.create_service_map(), or a graph with topo.create_graph().');
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION topo.existing_graph(text) IS 'the graph of that name; an error where there is none';

CREATE FUNCTION topo.duration_option(name text, value jsonb) RETURNS interval
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	result interval;
BEGIN
	IF jsonb_typeof(value) IS DISTINCT FROM 'string' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value';
	END IF;
	IF value #>> '{}' = 'infinite' THEN
		RETURN NULL;
	END IF;
	result := (value #>> '{}')::interval;
	IF NOT (result > interval '0' AND result <= interval '100 years') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN result;
EXCEPTION WHEN data_exception THEN
	RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
		MESSAGE = format('option "%s" cannot be %s', name, coalesce(value::text, 'null')),
		HINT = 'Give a span of time of at most 100 years as a string, such as "2 days", or "infinite".';
END
$$;
COMMENT ON FUNCTION topo.duration_option(text, jsonb) IS
'a span of time from a JSON option; "infinite" is NULL';

CREATE FUNCTION topo.boolean_option(name text, value jsonb) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF jsonb_typeof(value) IS DISTINCT FROM 'boolean' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('option "%s" cannot be %s', name, coalesce(value::text, 'null')),
			HINT = 'Give true or false.';
	END IF;
	RETURN value::boolean;
END
$$;
COMMENT ON FUNCTION topo.boolean_option(text, jsonb) IS 'true or false from a JSON option';

CREATE FUNCTION topo.set_grain_retention(graph text, width text, retention interval) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	BEGIN
		UPDATE topo.grain g SET retention = set_grain_retention.retention
		WHERE g.graph = set_grain_retention.graph AND g.width = set_grain_retention.width::interval;
		IF FOUND THEN
			RETURN;
		END IF;
	EXCEPTION WHEN data_exception THEN
		-- not a span of time: named below
	END;
	RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
		MESSAGE = format('graph %L has no windows of %L', graph, width),
		HINT = (SELECT format('Its windows: %s.', string_agg(quote_literal(g.width::text), ', ' ORDER BY g.width))
				FROM topo.grain g WHERE g.graph = set_grain_retention.graph);
END
$$;
COMMENT ON FUNCTION topo.set_grain_retention(text, text, interval) IS
'how long the windows of one width are kept';

CREATE FUNCTION topo.set_retention(graph text, retention jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	width text;
BEGIN
	IF jsonb_typeof(retention) IS DISTINCT FROM 'object' THEN
		UPDATE topo.grain g SET retention = topo.duration_option('retention', set_retention.retention)
		WHERE g.graph = set_retention.graph;
		RETURN;
	END IF;
	FOR width IN SELECT jsonb_object_keys(retention) LOOP
		PERFORM topo.set_grain_retention(graph, width,
			topo.duration_option('retention.' || width, retention -> width));
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.set_retention(text, jsonb) IS
'how long windows are kept: one span for all widths, or an object of width to span';

CREATE FUNCTION topo.set_graph(name text, options jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	graph topo.graph := topo.existing_graph(name);
	option text;
BEGIN
	IF jsonb_typeof(options) IS DISTINCT FROM 'object' THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the options of a graph must be a JSON object',
			HINT = 'For example {"edge_ttl": "1 hour", "retention": {"1 minute": "2 days"}}.';
	END IF;
	-- grains first: others speak of them
	FOR option IN SELECT k FROM jsonb_object_keys(options) k ORDER BY k <> 'grains', k COLLATE "C" LOOP
		CASE option
			WHEN 'adapt_grains' THEN
				PERFORM topo.set_grain_adaptation(graph.name, options -> 'adapt_grains');
			WHEN 'adapt_partitions' THEN
				PERFORM topo.set_adaptation(graph.name, options -> 'adapt_partitions');
			WHEN 'edge_ttl' THEN
				UPDATE topo.graph g SET edge_ttl = topo.duration_option('edge_ttl', options -> 'edge_ttl')
				WHERE g.name = graph.name;
			WHEN 'retention' THEN
				PERFORM topo.set_retention(graph.name, options -> 'retention');
			WHEN 'grains' THEN
				PERFORM topo.set_grains(graph, options -> 'grains');
			WHEN 'notify' THEN
				PERFORM topo.set_notify(graph, options -> 'notify');
			ELSE
				RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
					MESSAGE = format('unknown option "%s" of a graph', option),
					HINT = 'Options are "adapt_grains", "adapt_partitions", "edge_ttl", "grains", "notify" and "retention".';
		END CASE;
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.set_graph(text, jsonb) IS
'change a graph''s options: edge_ttl, retention (per width of window), for which "infinite" is allowed; grains, the widths of windows that it keeps: an array; adapt_grains (true or false; where grains are given, false): windows of ten minutes besides where minutes are dense; adapt_partitions (true or false): partitions are as wide as fits what comes; notify (true or false): NOTIFY of edges that come into the live map and leave it';

CREATE FUNCTION topo.create_graph(name text, options jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	schema name := topo.graph_schema_name(name);
BEGIN
	-- before its schema, so that the second of two at once waits here and learns why
	INSERT INTO topo.graph (name, schema_name) VALUES (create_graph.name, schema) ON CONFLICT DO NOTHING;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
			MESSAGE = format('graph %L exists already', name),
			HINT = 'Change its options with topo.set_graph().';
	END IF;
	PERFORM topo.create_graph_tables(schema);
	INSERT INTO topo.grain SELECT * FROM topo.default_grains(name);
	PERFORM topo.set_graph(name, options), topo.grant_graph(schema);
END
$$;
COMMENT ON FUNCTION topo.create_graph(text, jsonb) IS
'make a graph: a schema with its tables; options as in set_graph()';

CREATE FUNCTION topo.create_service_map() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.create_graph(graph, '{"edge_ttl": "1 hour"}')
	FROM unnest(ARRAY['network', 'ipc', 'trace']) graph;
	PERFORM topo.create_flow_tables('topo_network'), topo.create_call_tables('topo_ipc'), topo.create_span_tables('topo_trace');
	INSERT INTO topo.grain (graph, width, relation, partition, retention, edges)
	VALUES ('network', '10 seconds', 'flow_window', '1 hour', '1 day', false),
		   ('ipc', '10 seconds', 'call_window', '1 hour', '1 day', false);
	PERFORM topo.grant_graph(s) FROM unnest(ARRAY['topo_network', 'topo_ipc', 'topo_trace']) s;
END
$$;
COMMENT ON FUNCTION topo.create_service_map() IS
'make the three graphs of the service map: network (eBPF flows), ipc (metrics of calls), trace (spans)';

CREATE FUNCTION topo.lock_graph_to_drop(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF to_regclass(format('%I.flow_window', schema)) IS NOT NULL THEN
		-- no resolver, then no writer: each takes these first
		PERFORM pg_advisory_xact_lock(1953460335, 1);
		EXECUTE format('LOCK TABLE %I.flow_window IN ACCESS EXCLUSIVE MODE', schema);
	END IF;
END
$$;
COMMENT ON FUNCTION topo.lock_graph_to_drop(name) IS
'wait until no worker is at a graph''s tables, in the order in which workers lock them';

CREATE FUNCTION topo.drop_graph(name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET client_min_messages = warning -- not what DROP SCHEMA cascades to
AS $$
DECLARE
	graph topo.graph := topo.existing_graph(name);
BEGIN
	PERFORM topo.lock_graph_to_drop(graph.schema_name);
	DELETE FROM topo.graph g WHERE g.name = graph.name;
	IF NOT FOUND THEN
		-- somebody else dropped it meanwhile
		PERFORM topo.existing_graph(drop_graph.name);
	END IF;
	EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', graph.schema_name);
END
$$;
COMMENT ON FUNCTION topo.drop_graph(text) IS 'drop a graph: its schema, and all that is in it';
