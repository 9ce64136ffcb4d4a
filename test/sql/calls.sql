-- Calls that metrics tell of: both ends, endpoints, latencies, and each call counted once.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/map.sql'
\set spans :srcdir '/lib/spans.sql'
\i :start
\i :spans
SELECT pg_temp.forget();

-- One record of the native format; "at" is seconds after ten o'clock, ends are app/cluster.
CREATE FUNCTION pg_temp.called(client text, server text, endpoint text DEFAULT NULL, requests bigint DEFAULT 10, errors bigint DEFAULT 0,
							   at numeric DEFAULT 0, lasts numeric DEFAULT 10, latency jsonb DEFAULT NULL)
RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object(
		'start', (1605866400000000000 + at * 1000000000)::bigint, 'end', (1605866400000000000 + (at + lasts) * 1000000000)::bigint,
		'client', split_part(client, '/', 1), 'client_cluster', nullif(split_part(client, '/', 2), ''),
		'server', split_part(server, '/', 1), 'server_cluster', nullif(split_part(server, '/', 2), ''),
		'protocol', 'grpc', 'endpoint', endpoint, 'requests', requests, 'errors', errors, 'latency_ms', latency))::text
$$;
CREATE FUNCTION pg_temp.take(VARIADIC records text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT topo.ingest('ipc', convert_to(array_to_string(records, E'\n'), 'UTF8'))
$$;

-- The same told by one side, as OpenTelemetry does: calls of an app to or from a peer, of 5 ms each.
CREATE FUNCTION pg_temp.told(side text, app text, peer jsonb, requests bigint, at numeric DEFAULT 0, lasts numeric DEFAULT 10, more jsonb DEFAULT '{}')
RETURNS bigint LANGUAGE sql AS $$
	SELECT topo.ingest('otlp_metrics_json', convert_to(jsonb_build_object('resourceMetrics', jsonb_build_array(jsonb_build_object(
		'resource', jsonb_build_object('attributes', pg_temp.attributes(jsonb_strip_nulls(jsonb_build_object(
			'service.name', split_part(app, '/', 1), 'service.version', nullif(split_part(app, '/', 2), ''))))),
		'scopeMetrics', jsonb_build_array(jsonb_build_object('metrics', jsonb_build_array(jsonb_build_object(
			'name', 'http.' || side || '.request.duration', 'unit', 's', 'histogram', jsonb_build_object(
				'aggregationTemporality', 1, 'dataPoints', jsonb_build_array(jsonb_build_object(
					'startTimeUnixNano', (1605866400000000000 + at * 1000000000)::bigint::text,
					'timeUnixNano', (1605866400000000000 + (at + lasts) * 1000000000)::bigint::text,
					'count', requests, 'sum', requests * 0.005, 'explicitBounds', '[0.004, 0.006]'::jsonb,
					'bucketCounts', jsonb_build_array(0, requests, 0), 'attributes', pg_temp.attributes(peer)) || more)))))))))::text, 'UTF8'))
$$;
\set ECHO all

-- Requests, errors and endpoints of caller and callee; all records of an edge and window are one row.
SELECT pg_temp.take(pg_temp.called('web', 'cart', 'Cart/Add', 100, 3), pg_temp.called('web', 'cart', 'Cart/Add', 20, 1, at => 5), pg_temp.called('web', 'cart', 'Cart/List', 7),
					pg_temp.called('cart/v1', 'stock/s2', 'Stock/Reserve', 50), pg_temp.called('cart/v2', 'stock/s2', 'Stock/Reserve', 30), pg_temp.called('cart', 'stock', NULL, 1));
SELECT * FROM pg_temp.calls('ipc');
SELECT * FROM pg_temp.calls('ipc', 'cluster');
SELECT bucket, part, topo.node_label(s.type, s.name) AS src, topo.node_label(d.type, d.name) AS dst, topo.node_label(e.type, e.name) AS endpoint, topo.requests(traffic)
FROM topo_ipc.edge_window w JOIN topo.node s ON s.id = src JOIN topo.node d ON d.id = dst LEFT JOIN topo.node e ON e.id = endpoint ORDER BY 1, 2, 3, 4, 5;
SELECT topo.node_label(n.type, n.name) AS node, topo.node_label(p.type, p.name) AS parent FROM topo.node n LEFT JOIN topo.node p ON p.id = n.parent ORDER BY 1;
-- They are live, and can be traversed.
SELECT source, target, requests FROM topo.edges(graphs => '{ipc}') ORDER BY 1, 2;
SELECT node, depth FROM topo.traverse('{web}', graphs => '{ipc}');
-- Calls of an edge come in several windows, and late.
SELECT pg_temp.take(pg_temp.called('web', 'cart', 'Cart/Add', 1000, 10, at => 3600)), pg_temp.take(pg_temp.called('web', 'cart', 'Cart/Add', 10000, 100, at => 3));
SELECT * FROM pg_temp.calls('ipc') WHERE source = 'web';

-- p50 and p99 are within the sketch's 1 % of the exact values: 10000 latencies, a bucket for each.
SELECT pg_temp.forget();
CREATE TEMPORARY TABLE latency ON COMMIT DROP AS SELECT round((exp(1 + 0.0007 * i) * (1 + i % 7))::numeric, 3) AS ms FROM generate_series(1, 10000) i;
SELECT pg_temp.take(VARIADIC array_agg(pg_temp.called('web', 'cart', NULL, 2, 0, at => i % 60, latency =>
	jsonb_build_object('count', 2, 'sum', 2 * ms, 'bounds', jsonb_build_array(ms * 0.9999, ms * 1.0001), 'counts', '[0, 2, 0]'::jsonb))))
FROM (SELECT ms, row_number() OVER () AS i FROM latency) l;
SELECT topo.flush();
SELECT e.requests, topo.latency_count(traffic), round(topo.latency_sum_ms(traffic)::numeric) = round(2 * x.sum) AS sum,
	   abs(p50_ms / x.p50 - 1) < 0.0105 AS p50, abs(p99_ms / x.p99 - 1) < 0.0105 AS p99
FROM topo.edges('(,)', '{ipc}') e, (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ms)::float8 AS p50, percentile_disc(0.99) WITHIN GROUP (ORDER BY ms)::float8 AS p99, sum(ms) FROM latency) x;

-- Both sides tell of the same calls: they count once, the client's word, whichever comes first, and whatever each knows of the other.
SELECT pg_temp.forget();
SELECT pg_temp.told('client', 'web/v1', '{"service.peer.name": "cart", "url.template": "/cart"}', 90);
SELECT topo.flush();
SELECT pg_temp.told('server', 'cart/v7', '{"service.peer.name": "web", "http.route": "/cart"}', 88);
SELECT pg_temp.told('server', 'stock', '{"service.peer.name": "web", "http.route": "/stock/{id}"}', 50);
SELECT * FROM pg_temp.calls('ipc');
SELECT * FROM pg_temp.calls('ipc', 'cluster');
SELECT pg_temp.told('client', 'web', '{"service.peer.name": "stock"}', 55, 4);
SELECT * FROM pg_temp.calls('ipc');
SELECT source, target, requests FROM topo.edges(graphs => '{ipc}', level => 'cluster') ORDER BY 1, 2;
-- A client that reports each minute speaks for all windows of the minute, not for those after it.
SELECT pg_temp.forget();
SELECT pg_temp.told('server', 'cart', '{"service.peer.name": "web"}', 10, at, 10) FROM unnest('{0,10,20,50,60,70}'::numeric[]) at;
SELECT * FROM pg_temp.calls('ipc');
SELECT pg_temp.told('client', 'web', '{"service.peer.name": "cart"}', 61, 0, 60);
SELECT * FROM pg_temp.calls('ipc');
-- Whatever the order, the same: each of the two first, with and without resolving between.
SELECT pg_temp.forget();
SELECT pg_temp.told('client', 'web', '{"service.peer.name": "cart"}', 61, 0, 60), topo.flush();
SELECT pg_temp.told('server', 'cart', '{"service.peer.name": "web"}', 10, at, 10) FROM unnest('{70,60,20,50,10,0}'::numeric[]) at;
SELECT * FROM pg_temp.calls('ipc');
-- A record of both ends speaks for the client.
SELECT pg_temp.take(pg_temp.called('web', 'cart', NULL, 5, at => 60));
SELECT * FROM pg_temp.calls('ipc');

-- Metrics of one side: a host is an external, a named peer an app; a server's without its client is no edge.
SELECT pg_temp.forget();
SELECT pg_temp.told('client', 'web', '{"server.address": "api.example.com"}', 3), pg_temp.told('server', 'web', '{"http.route": "/"}', 1000), pg_temp.told('client', 'web', '{}', 1000);
SELECT * FROM pg_temp.calls('ipc');
SELECT * FROM topo.node WHERE type = 'endpoint';
-- A cluster, or an endpoint, that another app has under the same name, is not meant.
SELECT pg_temp.take(pg_temp.called('a/blue', 'b', 'c/d'), pg_temp.called('x', 'y')), pg_temp.take(pg_temp.called('y/blue', 'b/c', 'd'));
SELECT pg_temp.take('{"start":1605866400000000000,"end":1605866401000000000,"client":"y","server":"b/c","endpoint":"d","requests":4}');
SELECT * FROM pg_temp.calls('ipc', 'cluster');

-- What cannot be taken: by line, and a message of metrics as a whole.
SELECT r.* FROM pg_temp.refusal($$SELECT pg_temp.take(pg_temp.called('a', 'b'), '', pg_temp.called(E'a\u0001', 'b'))$$) r \gx
SELECT r.message FROM pg_temp.refusal($$SELECT pg_temp.take('{"start":1,"end":2,"requests":3,"server":"a"}')$$) r;
SELECT r.message FROM pg_temp.refusal($$SELECT pg_temp.told('client', 'a', '{"service.peer.name": "b"}', 1, more => '{"bucketCounts": [1]}')$$) r;
SELECT topo.set_graph('ipc', '{"retention": "1 day"}');
SELECT r.message FROM pg_temp.refusal($$SELECT pg_temp.take(pg_temp.called('a', 'b'))$$) r;
SELECT r.message FROM pg_temp.refusal($$SELECT pg_temp.told('client', 'a', '{"service.peer.name": "b"}', 1)$$) r;
ROLLBACK;

-- A batch that is full is stored, and there is room again.
ALTER SYSTEM SET topology.batch_memory = '256kB';
SELECT pg_reload_conf();
\c -
\set ECHO none
\i :start
\i :spans
SELECT pg_temp.forget();
\set ECHO all
SHOW topology.batch_memory;
SELECT topo.ingest('ipc', convert_to(string_agg(format('{"start":1605866400000000000,"end":1605866400000000000,"client":"c%s","server":"s%s","requests":%s}', i % 100, i, i), E'\n'), 'UTF8'))
FROM generate_series(1, 5000) i;
SELECT topo.flush();
SELECT count(*), sum(topo.requests(traffic)) FROM topo_ipc.edge_window;
SELECT count(DISTINCT cmin::text) > 2 AS several_batches FROM topo_ipc.call_window;
-- A message of spans is never in two batches, a payload of several may be.
SELECT pg_temp.message(VARIADIC pg_temp.span('a', 1) || array_agg(pg_temp.span('b', i, 1))) FROM generate_series(2, 5000) i;
SELECT topo.ingest('otlp_json', convert_to(string_agg(jsonb_build_object('resourceSpans', jsonb_build_array(pg_temp.span('c', 1, trace => i), pg_temp.span('d', 2, 1, trace => i)))::text, E'\n'), 'UTF8'))
FROM generate_series(2, 5000) i;
SELECT * FROM pg_temp.calls();
ROLLBACK;
ALTER SYSTEM RESET topology.batch_memory;
SELECT pg_reload_conf();
