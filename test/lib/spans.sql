-- For tests that ingest spans and calls, around 2020-11-20 10:00 UTC.

-- Attributes of OpenTelemetry.
CREATE FUNCTION pg_temp.attributes(object jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce(jsonb_agg(jsonb_build_object('key', key, 'value', jsonb_build_object(
		CASE jsonb_typeof(value) WHEN 'number' THEN 'doubleValue' ELSE 'stringValue' END, value))), '[]')
	FROM jsonb_each(object)
$$;

-- One span, as an element of resourceSpans; ids are small numbers, "at" is
-- seconds after ten o'clock, app may be app/version, lasts NULL: no end.
CREATE FUNCTION pg_temp.span(app text, id integer, parent integer DEFAULT NULL, kind text DEFAULT 'server',
							 trace integer DEFAULT 1, at numeric DEFAULT 0, lasts numeric DEFAULT 0.1,
							 failed boolean DEFAULT false, name text DEFAULT NULL, attributes jsonb DEFAULT '{}',
							 more jsonb DEFAULT '{}')
RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object(
		'resource', jsonb_build_object('attributes', pg_temp.attributes(jsonb_strip_nulls(jsonb_build_object(
			'service.name', nullif(split_part(app, '/', 1), ''), 'service.version', nullif(split_part(app, '/', 2), ''))))),
		'scopeSpans', jsonb_build_array(jsonb_build_object('spans', jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
			'traceId', lpad(to_hex(trace), 32, '0'), 'spanId', lpad(to_hex(id), 16, '0'),
			'parentSpanId', lpad(to_hex(parent), 16, '0'), 'name', name,
			'kind', array_position('{internal,server,client,producer,consumer}', kind),
			'startTimeUnixNano', (1605866400000000000 + at * 1000000000)::bigint::text,
			'endTimeUnixNano', (1605866400000000000 + (at + lasts) * 1000000000)::bigint::text,
			'status', CASE WHEN failed THEN '{"code": 2}'::jsonb END,
			'attributes', pg_temp.attributes(attributes))) || more))))
$$;

-- Ingest spans, in one message.
CREATE FUNCTION pg_temp.message(VARIADIC spans jsonb[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT topo.ingest('otlp_json', convert_to(jsonb_build_object('resourceSpans', to_jsonb(spans))::text, 'UTF8'))
$$;

-- Ingest each in a message of its own, and pair after each.
CREATE FUNCTION pg_temp.messages(VARIADIC spans jsonb[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	span jsonb;
BEGIN
	FOREACH span IN ARRAY spans LOOP
		PERFORM pg_temp.message(span), topo.flush();
	END LOOP;
END
$$;

-- The horizon has passed for all that has come so far.
CREATE FUNCTION pg_temp.horizon_passes() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.flush();
	UPDATE topo_trace.span_count SET cutoff = clock_timestamp();
	PERFORM topo.flush();
END
$$;

-- Who calls whom, that day.
CREATE FUNCTION pg_temp.calls(graph text DEFAULT 'trace', level text DEFAULT 'app')
RETURNS TABLE (source text, target text, requests bigint, errors bigint, p50 numeric, endpoints text[]) LANGUAGE sql AS $$
	SELECT topo.flush();
	SELECT e.source, e.target, e.requests, e.errors, round(e.p50_ms::numeric), e.endpoints
	FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', ARRAY[graph], level) e
	ORDER BY e.source COLLATE "C", e.target COLLATE "C"
$$;

-- Forget all traces and calls.
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE sql AS $$
	SELECT topo.drop_graph(g.name) FROM topo.graph g;
	DELETE FROM topo.node;
	SELECT topo.create_service_map();
	SELECT topo.set_graph(g.name, '{"edge_ttl": "infinite", "retention": "infinite"}') FROM topo.graph g;
$$;
