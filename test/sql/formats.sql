-- ingest(): each format from bytes to the map, and what it says to bytes that are none.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/map.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set spans :srcdir '/lib/spans.sql'
\i :start
\i :refusal
\i :spans
SELECT pg_temp.forget();
CREATE FUNCTION pg_temp.take(format text, VARIADIC lines text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT topo.ingest(format, convert_to(array_to_string(lines, E'\n'), 'UTF8'))
$$;
CREATE FUNCTION pg_temp.flows() RETURNS TABLE (source text, target text, connections bigint, failed bigint, sent bigint, received bigint) LANGUAGE sql AS $$
	SELECT topo.flush();
	SELECT e.source, e.target, e.connections, topo.failed(e.traffic), e.bytes_sent, e.bytes_received
	FROM topo.edges('(,)', '{network}') e ORDER BY 1, 2;
$$;
\set ECHO all

SELECT pg_temp.take('flow', '{"start":1605866400000000000,"end":1605866401000000000,"proto":"tcp","role":"client","local":{"ip":"10.0.0.7","app":"web"},"peer":{"ip":"10.0.0.8","port":80},"tx_bytes":1,"rx_bytes":2,"connections":3,"failed":4}');
SELECT * FROM pg_temp.flows();

SELECT pg_temp.forget();
SELECT pg_temp.take('netobserv',
	'{"SrcAddr":"10.1.0.7","DstAddr":"10.1.0.8","SrcPort":40000,"DstPort":80,"Proto":6,"Flags":["SYN"],"FlowDirection":1,"Bytes":100,"Packets":1,"TimeFlowStartMs":1605866400000,"TimeFlowEndMs":1605866401000,"SrcK8S_OwnerName":"web","SrcK8S_Namespace":"shop"}',
	'{"SrcAddr":"10.1.0.8","DstAddr":"10.1.0.7","SrcPort":80,"DstPort":40000,"Proto":6,"Flags":["SYN_ACK"],"FlowDirection":0,"Bytes":700,"Packets":1,"TimeFlowStartMs":1605866400000,"TimeFlowEndMs":1605866401000,"DstK8S_OwnerName":"web","DstK8S_Namespace":"shop"}',
	'{"SrcAddr":"10.1.0.8","DstAddr":"10.1.0.7","Proto":1,"TimeFlowStartMs":1605866400000,"TimeFlowEndMs":1605866401000}');
SELECT * FROM pg_temp.flows();

SELECT pg_temp.forget();
SELECT pg_temp.take('hubble',
	'{"flow":{"time":"2020-11-20T10:00:00.5Z","verdict":"FORWARDED","IP":{"source":"10.2.0.7","destination":"10.2.0.8"},"l4":{"TCP":{"source_port":40000,"destination_port":80,"flags":{"SYN":true}}},"source":{"namespace":"shop","workloads":[{"name":"web","kind":"Deployment"}]},"traffic_direction":"EGRESS","Type":"L3_L4"},"node_name":"n1"}',
	'{"flow":{"time":"2020-11-20T10:00:00.6Z","verdict":"FORWARDED","is_reply":true,"IP":{"source":"10.2.0.8","destination":"10.2.0.7"},"l4":{"TCP":{"source_port":80,"destination_port":40000,"flags":{"SYN":true,"ACK":true}}},"traffic_direction":"INGRESS","Type":"L3_L4"}}');
SELECT * FROM pg_temp.flows();

SELECT pg_temp.forget();
SELECT pg_temp.take('vpc', 'version vpc-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags flow-direction',
	'5 - 10.3.0.7 10.3.0.8 40000 80 6 5 500 1605866400 1605866410 ACCEPT OK 2 egress', '5 - 10.3.0.8 10.3.0.7 80 40000 6 5 900 1605866400 1605866410 ACCEPT OK 18 ingress',
	'5 - - - - - - - - 1605866400 1605866410 - NODATA - -');
SELECT * FROM pg_temp.flows();
-- The header holds for all lines of its payload, and for no other.
SELECT r.message, r.detail FROM pg_temp.refused($$SELECT pg_temp.take('vpc', '5 - 10.3.0.7 10.3.0.8 40000 80 6 5 500 1605866400 1605866410 ACCEPT OK 2 egress')$$) r;

SELECT pg_temp.take('ipc', '{"start":1605866400000000000,"end":1605866410000000000,"client":"web","server":"cart","protocol":"grpc","endpoint":"Cart/Add","requests":120,"errors":3,"latency_ms":{"count":120,"sum":960.0,"bounds":[1,10,100],"counts":[0,120,0,0]}}');
SELECT * FROM pg_temp.calls('ipc');

-- Traces, JSON and protobuf: web (span 1) calls cart (span 2), which fails.
SELECT pg_temp.message(pg_temp.span('web', 1), pg_temp.span('cart', 2, 1, failed => true));
CREATE FUNCTION pg_temp.tagged(field integer, content bytea) RETURNS bytea LANGUAGE sql AS $$
	SELECT set_byte('\x00', 0, field * 8 + 2) || CASE WHEN length(content) < 128 THEN set_byte('\x00', 0, length(content))
		ELSE set_byte(set_byte('\x0000', 0, length(content) % 128 + 128), 1, length(content) / 128) END || content
$$;
CREATE FUNCTION pg_temp.proto_span(app text, id bytea, parent bytea, kind bytea, failed boolean) RETURNS bytea LANGUAGE sql AS $$
	SELECT pg_temp.tagged(1, pg_temp.tagged(1, pg_temp.tagged(1, pg_temp.tagged(1, 'service.name') || pg_temp.tagged(2, pg_temp.tagged(1, app::bytea)))) ||
		pg_temp.tagged(2, pg_temp.tagged(2, pg_temp.tagged(1, '\x000102030405060708090a0b0c0d0e0f') || pg_temp.tagged(2, id) ||
			CASE WHEN parent IS NOT NULL THEN pg_temp.tagged(4, parent) ELSE '' END || '\x30' || kind ||
			-- 2020-11-20 10:00:00 and a tenth of a second later, little-endian
			'\x39' || '\x0040bc88fb2e4916' || '\x41' || '\x0021b28efb2e4916' || CASE WHEN failed THEN pg_temp.tagged(15, '\x1802') ELSE '' END)))
$$;
SELECT topo.ingest('otlp_proto', pg_temp.proto_span('web', '\x0000000000000001', NULL, '\x03', false) || pg_temp.proto_span('cart', '\x0000000000000002', '\x0000000000000001', '\x02', true));
SELECT * FROM pg_temp.calls();
SELECT DISTINCT first_seen, last_seen FROM topo_trace.edge_window;

-- Metrics, JSON and protobuf.
\set metrics '{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"web"}}]},"scopeMetrics":[{"metrics":[{"name":"http.client.request.duration","unit":"s","histogram":{"aggregationTemporality":1,"dataPoints":[{"startTimeUnixNano":"1605866460000000000","timeUnixNano":"1605866470000000000","count":"4","sum":0.02,"explicitBounds":[0.01],"bucketCounts":["4","0"],"attributes":[{"key":"service.peer.name","value":{"stringValue":"stock"}}]}]}}]}]}]}'
SELECT topo.ingest('otlp_metrics_json', convert_to(:'metrics', 'UTF8'));
SELECT r.message, r.detail FROM pg_temp.refused(format('SELECT topo.ingest(''otlp_metrics_json'', convert_to(%L, ''UTF8''))', replace(:'metrics', '"aggregationTemporality":1', '"aggregationTemporality":2'))) r;
SELECT * FROM pg_temp.calls('ipc');
SELECT topo.ingest('otlp_metrics_proto', '');

-- Nothing, and bytes that are no record of a format.
SELECT f AS format, b AS bytes, r.state, r.message, r.detail
FROM unnest('{flow,netobserv,hubble,vpc,ipc,otlp_json,otlp_proto,otlp_metrics_json,otlp_metrics_proto}'::text[]) f,
	 unnest(ARRAY['', '\xff', '\x00', '\x7b', '\x6e756c6c', '\x0a']::bytea[]) b
	 LEFT JOIN LATERAL pg_temp.refused(format('SELECT topo.ingest(%L, %L)', f, b)) r ON true;
SELECT f AS format, count(r.state) AS refused
FROM unnest('{flow,netobserv,hubble,vpc,ipc,otlp_json,otlp_proto,otlp_metrics_json,otlp_metrics_proto}'::text[]) f,
	 unnest(ARRAY[convert_to(repeat('[', 1000000), 'UTF8'), convert_to(repeat('{"a":', 100000), 'UTF8'), decode(repeat('0affffff7f', 1000), 'hex'), decode(repeat('0a', 100000), 'hex'), convert_to(repeat('x', 17000000), 'UTF8')]) b
	 LEFT JOIN LATERAL pg_temp.refused(format('SELECT topo.ingest(%L, %L)', f, b)) r ON true
GROUP BY 1 ORDER BY 1;
SELECT r.* FROM pg_temp.refused($$SELECT topo.ingest('avro', '')$$) r \gx
ROLLBACK;
