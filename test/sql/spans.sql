-- Spans to edges: who is paired with whom, whatever the order they come in.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/map.sql'
\set spans :srcdir '/lib/spans.sql'
\i :start
\i :spans
SELECT pg_temp.forget();
\set ECHO all

-- A span whose parent is of another service is one call, whatever the parent's kind; one of its own service is none.
SELECT pg_temp.message(pg_temp.span('web', 1), pg_temp.span('web', 2, 1, 'internal'), pg_temp.span('web', 3, 2, 'client'),
					   pg_temp.span('cart', 4, 3, lasts => 0.05, name => 'GET /cart'), pg_temp.span('cart', 5, 4, 'internal'),
					   pg_temp.span('stock', 6, 5, lasts => 0.02, name => 'Stock/Reserve'));
SELECT * FROM pg_temp.calls();
SELECT * FROM topo.trace_status;
SELECT first_seen, last_seen, traffic FROM topo.edges('(,)', '{trace}') WHERE target = 'cart' \gx

-- The same in each of the 120 orders in which five messages can come, paired after each: every order is a trace of its own.
CREATE FUNCTION pg_temp.in_every_order() RETURNS bigint LANGUAGE sql AS $$
	WITH RECURSIVE o AS (SELECT '{}'::integer[] AS p UNION ALL SELECT o.p || i FROM o, generate_series(1, 5) i WHERE i <> ALL (o.p)), numbered AS (
		SELECT p, row_number() OVER (ORDER BY p)::integer AS t FROM o WHERE cardinality(p) = 5)
	SELECT count(pg_temp.messages(VARIADIC ARRAY(
		SELECT (ARRAY[pg_temp.span('web', 1, trace => 1000 + t), pg_temp.span('web', 3, 1, 'client', trace => 1000 + t),
					  pg_temp.span('cart', 4, 3, trace => 1000 + t, failed => true), pg_temp.span('stock', 6, 4, trace => 1000 + t),
					  pg_temp.span('mail', 7, 3, 'consumer', trace => 1000 + t)])[i]
		FROM unnest(p) i)) IS NULL) FROM numbered
$$;
SELECT pg_temp.forget();
SELECT pg_temp.in_every_order();
SELECT * FROM pg_temp.calls();
SELECT * FROM topo.trace_status;

-- Retries are calls of their own; so is each consumer of what one producer sent.
SELECT pg_temp.forget();
SELECT pg_temp.message(pg_temp.span('web', 1, kind => 'client'), pg_temp.span('cart', 2, 1, failed => true), pg_temp.span('cart', 3, 1)),
	   pg_temp.message(pg_temp.span('web', 10, kind => 'producer', attributes => '{"messaging.system": "kafka", "messaging.destination.name": "orders"}')),
	   pg_temp.message(pg_temp.span('mail', 11, 10, 'consumer')), pg_temp.message(pg_temp.span('stock', 12, 10, 'consumer'), pg_temp.span('stock', 13, 10, 'consumer'));
SELECT * FROM pg_temp.calls();

-- Failed if either side failed; a side that tells no end has no latency, and not 0.
SELECT pg_temp.forget();
SELECT pg_temp.messages(pg_temp.span('a', 1, kind => 'client', failed => true), pg_temp.span('b', 2, 1)),
	   pg_temp.message(pg_temp.span('a', 3, kind => 'client', failed => true), pg_temp.span('c', 4, 3, lasts => NULL));
SELECT * FROM pg_temp.calls();

-- Sampling is undone by each span's own probability; a fraction of a call by chance, which the id decides.
SELECT pg_temp.forget();
SELECT pg_temp.message(pg_temp.span('a', 1), pg_temp.span('b', 2, 1, more => '{"traceState": "ot=th:c"}'), pg_temp.span('b', 3, 1),
					   pg_temp.span('c', 4, 1, more => '{"traceState": "ot=th:8"}', failed => true), pg_temp.span('d', 5, 1, more => '{"traceState": "ot=p:63"}'));
SELECT pg_temp.message(VARIADIC pg_temp.span('e', 6) || array_agg(pg_temp.span('f', 1000000007 * i, 6, attributes => '{"sampling.probability": 0.4}')))
FROM generate_series(1, 2) i;
SELECT * FROM pg_temp.calls();
SELECT pg_temp.message(VARIADIC pg_temp.span('g', 6, trace => 2) || array_agg(pg_temp.span('h', i, 6, trace => 2, attributes => '{"sampling.probability": 0.4}')))
FROM generate_series(1000, 1999) i;
SELECT topo.flush();
SELECT requests BETWEEN 2400 AND 2600 AS near_2500, topo.latency_count(traffic) = requests AS of_all FROM topo.edges('(,)', '{trace}') WHERE source = 'g';

-- Clusters: the finest that is known of either end; another version of the same app is no call.
SELECT pg_temp.forget();
SELECT pg_temp.messages(pg_temp.span('web/v1', 1), pg_temp.span('cart/v7', 2, 1), pg_temp.span('cart/v8', 3, 1), pg_temp.span('cart/v8', 4, 2), pg_temp.span('stock', 5, 4));
SELECT * FROM pg_temp.calls();
SELECT * FROM pg_temp.calls(level => 'cluster');
SELECT topo.node_label(n.type, n.name) AS node, topo.node_label(p.type, p.name) AS parent FROM topo.node n LEFT JOIN topo.node p ON p.id = n.parent ORDER BY 1;

-- A span that comes again, as after an exporter's retry, counts once: in its message, in its batch, later.
SELECT pg_temp.forget();
SELECT pg_temp.message(pg_temp.span('a', 1), pg_temp.span('b', 2, 1), pg_temp.span('b', 2, 1)),
	   pg_temp.message(pg_temp.span('a', 1), pg_temp.span('b', 2, 1));
SELECT pg_temp.messages(pg_temp.span('b', 2, 1), pg_temp.span('a', 1));
SELECT * FROM pg_temp.calls();
SELECT * FROM topo.trace_status;
-- while one with the same ids in another trace does, and so do both sides of a call that share an id
SELECT pg_temp.messages(pg_temp.span('b', 2, 1, trace => 2), pg_temp.span('a', 1, trace => 2),
						pg_temp.span('a', 1, trace => 3), pg_temp.span('a', 2, 1, 'client', trace => 3), pg_temp.span('b', 2, 1, trace => 3), pg_temp.span('b', 4, 2, trace => 3));
SELECT * FROM pg_temp.calls();

-- Whoever does not come within the horizon is what the peer names: a database, a host, an app; the caller of a root is told at once.
SELECT pg_temp.forget();
SELECT pg_temp.message(pg_temp.span('web', 1), pg_temp.span('web', 2, 1, 'client', attributes => '{"db.system.name": "postgresql", "db.namespace": "shop"}', failed => true),
					   pg_temp.span('web', 3, 1, 'client', attributes => '{"server.address": "api.example.com"}'),
					   pg_temp.span('web', 4, 1, 'client', attributes => '{"peer.service": "billing"}'),
					   pg_temp.span('web', 5, 1, 'client', attributes => '{"server.address": "cart.shop"}'),
					   pg_temp.span('web', 6, 1, 'client'),
					   pg_temp.span('mail', 7, attributes => '{"peer.service": "mobile"}'),
					   pg_temp.span('stock', 8, 99), pg_temp.span('stock', 9, 98, attributes => '{"service.peer.name": "shelf"}'),
					   pg_temp.span('', 10), pg_temp.span('stock', 11, 10));
SELECT pg_temp.message(pg_temp.span('cart', 20, 5));
SELECT * FROM pg_temp.calls();
SELECT * FROM topo.trace_status;
SELECT pg_temp.horizon_passes();
SELECT * FROM pg_temp.calls();
SELECT * FROM topo.trace_status;
-- What was assumed is not also found: who comes after the horizon is not paired.
SELECT pg_temp.message(pg_temp.span('api', 30, 3));
SELECT pg_temp.horizon_passes();
SELECT * FROM pg_temp.calls() WHERE target LIKE '%api%';
SELECT * FROM topo.trace_status;
-- A service that calls itself through its address is no external.
SELECT pg_temp.forget();
SELECT pg_temp.messages(pg_temp.span('web', 1, kind => 'client', attributes => '{"server.address": "web.shop"}'), pg_temp.span('web', 2, 1)),
	   pg_temp.message(pg_temp.span('web', 3, kind => 'client', attributes => '{"server.address": "web.shop"}'), pg_temp.span('web', 4, 3));
SELECT pg_temp.horizon_passes();
SELECT * FROM pg_temp.calls();

-- All or nothing of a message; and spans that the map cannot take.
CREATE FUNCTION pg_temp.told(spans jsonb[]) RETURNS TABLE (state text, message text, hint text) LANGUAGE sql AS $$
	SELECT r.* FROM pg_temp.refusal(format('SELECT pg_temp.message(VARIADIC %L::jsonb[])', spans)) r
$$;
SELECT pg_temp.forget();
SELECT r.* FROM pg_temp.told(ARRAY[pg_temp.span('a', 1), pg_temp.span('b', 2, 1), pg_temp.span(E'c\u0001', 3)]) r;
SELECT r.* FROM pg_temp.told(ARRAY[pg_temp.span('a', 1, more => '{"spanId": "0000000000000000"}')]) r;
SELECT topo.set_graph('trace', '{"retention": "1 day"}');
SELECT r.* FROM pg_temp.told(ARRAY[pg_temp.span('a', 1)]) r;
SELECT r.state, r.message FROM pg_temp.told(ARRAY[pg_temp.span('a', 1, at => extract(epoch FROM now() - '2020-11-20 10:00Z') + 3660)]) r;
SELECT count(*) FROM topo_trace.span_news;
SELECT count(*) FROM topo.node;

-- A trace of more spans than fit a row; spans that are their own parents, or parents of each other.
SELECT topo.set_graph('trace', '{"retention": "infinite"}');
SELECT pg_temp.message(VARIADIC array_agg(pg_temp.span('a', i, CASE WHEN i > 1 THEN 1 END, 'internal'))) FROM generate_series(1, 350) i;
SELECT count(*), sum(cardinality(spans)) FROM topo_trace.span_part;
SELECT pg_temp.message(pg_temp.span('b', 1000, 350), pg_temp.span('c', 1001, 1001), pg_temp.span('d', 1002, 1003), pg_temp.span('e', 1003, 1002));
SELECT * FROM pg_temp.calls();
-- Each round appends its rows to a minute; a while after the last they are merged into one for each edge.
SELECT pg_temp.messages(pg_temp.span('x', 1, trace => 7), pg_temp.span('y', 2, 1, trace => 7), pg_temp.span('y', 3, 1, trace => 7, lasts => 0.3), pg_temp.span('y', 4, 1, trace => 7, name => 'Y'));
SELECT count(*), topo.merge(w.traffic) FROM topo_trace.edge_window w JOIN topo.node n ON n.id = w.src AND n.name = 'x';
SELECT topo.merge_next_minute();
UPDATE topo_trace.open_window SET appended = topo.clock() - interval '61 seconds';
SELECT topo.merge_next_minute() FROM topo_trace.open_window;
SELECT count(*), topo.merge(u.traffic) FROM topo_trace.edge_window w CROSS JOIN LATERAL topo.unpack(w.pack) u JOIN topo.node n ON n.id = u.src AND n.name = 'x';
SELECT count(*) FROM topo_trace.open_window;
-- Parts go with their partition, when nobody waits for them any more.
SELECT pg_temp.horizon_passes();
-- the oldest part is of that moment, whichever partitions the others came to
UPDATE topo_trace.span_count SET cutoff = (SELECT min(p.seen) FROM topo_trace.span_part p);
SELECT topo.maintain_spans();
SELECT count(*) FROM topo_trace.span_part;
UPDATE topo_trace.span_count SET cutoff = now() + interval '1 day';
SELECT topo.maintain_spans();
SELECT count(*) FROM topo_trace.span_part;
-- The map is live.
SELECT source, target, requests FROM topo.edges(graphs => '{trace}') ORDER BY 1, 2;
SELECT node, depth FROM topo.traverse('{a}', graphs => '{trace}');
ROLLBACK;

-- Without a service map there is nothing to pair, and nowhere to put spans.
\set ECHO none
\i :start
\i :spans
\set ECHO all
SELECT topo.flush();
SELECT * FROM topo.trace_status;
SELECT r.* FROM pg_temp.refusal('SELECT pg_temp.message(pg_temp.span(''a'', 1))') r;
ROLLBACK;
