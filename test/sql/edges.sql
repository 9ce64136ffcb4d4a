\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set map :srcdir '/lib/map.sql'
\i :map
\set ECHO all
-- edges(): who calls whom, live and in the past, over one graph and several.

-- A map that nobody has made is empty, but bad input is still bad.
SELECT * FROM topo.dependency;
\x on
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.edges(graphs => ARRAY['network'])$$);
\x off
SELECT topo.create_graph('select', '{"edge_ttl": "infinite"}'), topo.create_graph('with "quotes"', '{"edge_ttl": "infinite"}'),
	   topo.create_graph(repeat('x', 58), '{"edge_ttl": "infinite"}');

-- Without a service map, all graphs are asked, whatever their names.
SELECT pg_temp.live('select', 'a', 'b', topo.traffic(requests => 1)), pg_temp.live('with "quotes"', 'a', 'b', topo.traffic(requests => 10)),
	   pg_temp.live(repeat('x', 58), 'b', '"; DROP SCHEMA topo', topo.traffic(requests => 100));
SELECT source, target, graphs, requests FROM topo.edges() ORDER BY 1, 2;
SELECT source, target, graphs, requests FROM topo.edges(graphs => ARRAY['with "quotes"', 'select', 'select']) ORDER BY 1, 2;
SELECT source, target, graphs, requests FROM topo.edges('[2020-11-20 10:00Z,2020-11-20 10:01Z)', ARRAY[repeat('x', 58)]);

-- With one, its graphs are.
SELECT topo.create_service_map();
SELECT topo.set_graph(g, '{"edge_ttl": "infinite"}') FROM unnest(ARRAY['network', 'ipc', 'trace']) g;
SELECT count(*) FROM topo.edges();

-- Live: exactly the links, the traffic of all their windows merged; a link that nothing was seen of is there too.
SELECT pg_temp.live('network', 'web', 'checkout', topo.traffic(connections => 2, bytes_sent => 100, bytes_received => 1000)),
	   pg_temp.live('network', 'web', 'checkout', topo.traffic(connections => 3, bytes_sent => 10, bytes_received => 1), '2020-11-20 10:00:40Z'),
	   pg_temp.live('network', 'web', 'checkout', topo.traffic(connections => 4), '2020-11-20 10:02:07Z'),
	   pg_temp.saw('network', 'gone', 'checkout', topo.traffic(connections => 1)),
	   pg_temp.linked('network', 'loaded', 'checkout');
SELECT source, target, graphs, connections, bytes_sent, bytes_received, requests, p99_ms, first_seen, last_seen, via, confidence
FROM topo.dependency ORDER BY 1, 2;
SELECT traffic OPERATOR(topo.=) topo.traffic(connections => 9, bytes_sent => 110, bytes_received => 1001) AS merged FROM topo.edges() WHERE source = 'web';
SELECT traffic OPERATOR(topo.=) '{}' AS empty FROM topo.edges() WHERE source = 'loaded';

-- With an edge_ttl, live traffic is that of the last edge_ttl.
SELECT topo.set_graph('network', '{"edge_ttl": "1 hour"}');
SELECT pg_temp.saw('network', 'web', 'checkout', topo.traffic(connections => 5), now() - interval '59 minutes'),
	   pg_temp.saw('network', 'web', 'checkout', topo.traffic(connections => 50), now() - interval '62 minutes');
SELECT connections FROM topo.edges() WHERE source = 'web';
SELECT topo.set_graph('network', '{"edge_ttl": "infinite"}');

-- In the past: the edges of the minutes that overlap the range, live or not.
SELECT during, source, target, connections, first_seen, last_seen
FROM unnest(ARRAY[
	'[2020-11-20 10:00Z,2020-11-20 10:01Z)', '[2020-11-20 10:00:59.999999Z,2020-11-20 10:02Z)', '[2020-11-20 10:01Z,2020-11-20 10:02Z)',
	'[2020-11-20 10:01Z,2020-11-20 10:02Z]', '[2020-11-20 09:59Z,2020-11-20 10:00Z)', '[2020-11-20 09:59Z,2020-11-20 10:00Z]',
	'[2020-11-20 10:00:30Z,2020-11-20 10:00:30Z]', '(,2020-11-20 10:01Z)', '(2020-11-20 10:02:59.999999Z,2020-11-20 10:03Z)',
	'(2020-11-20 10:02:30Z,2020-11-21 00:00Z)']::tstzrange[]) WITH ORDINALITY AS d (during, n),
	 LATERAL topo.edges(during) ORDER BY n, 2, 3;
SELECT source, connections FROM topo.edges('(,)') ORDER BY 1;

-- Graphs merge: connections are those of network; calls those of ipc where it saw the edge, else of trace, never both.
SELECT pg_temp.live('network', 'both', 'redis', topo.traffic(connections => 7, bytes_sent => 70)),
	   pg_temp.live('ipc', 'both', 'redis', topo.traffic(requests => 2, errors => 1, latency_ms => '{10, 10}')),
	   pg_temp.live('trace', 'both', 'redis', topo.traffic(requests => 20, errors => 2, latency_ms => '{500, 500, 500}')),
	   pg_temp.live('network', 'traced', 'redis', topo.traffic(connections => 7)),
	   pg_temp.live('trace', 'traced', 'redis', topo.traffic(requests => 20, errors => 2, latency_ms => '{500}')),
	   pg_temp.linked('ipc', 'traced', 'redis'),
	   pg_temp.live('trace', 'only traced', 'redis', topo.traffic(requests => 3)),
	   pg_temp.live('ipc', 'metered', 'redis', topo.traffic(requests => 4));
SELECT source, graphs, connections, bytes_sent, requests, errors, round(p50_ms), round(p99_ms) FROM topo.edges() WHERE target = 'redis' ORDER BY 1;
SELECT source, graphs, connections, requests FROM topo.edges('(,)') WHERE target = 'redis' ORDER BY 1;
SELECT source, graphs, connections, requests FROM topo.edges(graphs => ARRAY['trace', 'network']) WHERE target = 'redis' ORDER BY 1;
SELECT source, graphs, connections, requests FROM topo.edges(graphs => ARRAY['trace']) WHERE target = 'redis' ORDER BY 1;

-- via is the union of all intermediaries, confidence the least.
SELECT pg_temp.live('network', 'a', 'z', '{}', via => ARRAY['intermediary:lb2', 'intermediary:lb1'], confidence => 0.9),
	   pg_temp.live('network', 'a', 'z', '{}', '2020-11-20 10:01Z', ARRAY['intermediary:lb1', 'intermediary:lb3'], 0.75),
	   pg_temp.live('network', 'a', 'z', '{}', '2020-11-20 10:02Z'),
	   pg_temp.live('trace', 'a', 'z', '{}', '2020-11-20 10:02Z', ARRAY['intermediary:mesh']);
SELECT via, confidence FROM topo.edges() WHERE target = 'z';
SELECT via, confidence FROM topo.edges('[2020-11-20 10:02Z,2020-11-20 10:03Z)') WHERE target = 'z';
SELECT via, confidence FROM topo.edges('[2020-11-20 10:02Z,2020-11-20 10:03Z)', ARRAY['network']) WHERE target = 'z';

-- Clusters are their apps' at the level of apps, and a cluster of no app is itself.
SELECT topo.create_graph('levels', '{"edge_ttl": "infinite"}');
SELECT pg_temp.cluster('shop-v1', 'shop'), pg_temp.cluster('shop-v2', 'shop'), pg_temp.cluster('db-1', 'db');
SELECT pg_temp.live('levels', 'cluster:shop-v1', 'cluster:db-1', topo.traffic(connections => 1), '2020-11-20 10:00Z', ARRAY['intermediary:lb1'], 0.5),
	   pg_temp.live('levels', 'cluster:shop-v2', 'cluster:db-1', topo.traffic(connections => 10), '2020-11-20 10:01Z', ARRAY['intermediary:lb2']),
	   pg_temp.live('levels', 'shop', 'db', topo.traffic(connections => 100), '2020-11-20 10:02Z'),
	   pg_temp.live('levels', 'cluster:shop-v1', 'cluster:shop-v2', topo.traffic(connections => 1000)),
	   pg_temp.live('levels', 'cluster:nobody''s', 'db', topo.traffic(connections => 10000));
SELECT l, source, target, connections, first_seen, last_seen, via, confidence
FROM unnest(ARRAY['app', 'cluster']) l, topo.edges(graphs => ARRAY['levels'], level => l) ORDER BY 1, 2, 3;
-- The past and the present agree.
SELECT l, count(*) FROM unnest(ARRAY['app', 'cluster']) l, LATERAL (
	(SELECT * FROM topo.edges(NULL, ARRAY['levels'], l) EXCEPT SELECT * FROM topo.edges('(,)', ARRAY['levels'], l))
	UNION ALL
	(SELECT * FROM topo.edges('(,)', ARRAY['levels'], l) EXCEPT SELECT * FROM topo.edges(NULL, ARRAY['levels'], l))) difference GROUP BY l;
SELECT count(*) FROM topo.edges(NULL, ARRAY['levels'], 'cluster');

-- Edges of several types between two nodes are one row.
INSERT INTO topo.edge_type (id, name) VALUES (1000, 'reads');
INSERT INTO topo_levels.link (level, src, dst, type) SELECT 'a', topo.node_id('shop'), topo.node_id('db'), 1000;
INSERT INTO topo_levels.edge_window (bucket, src, dst, type, first_seen, last_seen, traffic)
SELECT b, topo.node_id('shop'), topo.node_id('db'), 1000, b, b, topo.traffic(connections => 100000) FROM CAST('2020-11-20 10:00Z' AS timestamptz) b;
SELECT source, target, connections FROM topo.edges(graphs => ARRAY['levels']) WHERE target = 'db' ORDER BY 1;

-- Bad input.
\x on
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.edges(graphs => ARRAY['nothing'])$$);
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.edges(graphs => ARRAY['network', NULL])$$);
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.edges(graphs => '{}')$$);
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.edges(level => 'pod')$$);
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.edges(level => NULL)$$);
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.edges('empty')$$);
ROLLBACK;
