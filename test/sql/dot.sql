\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set map :srcdir '/lib/map.sql'
\i :map
\set ECHO all
-- dot(): the map in the DOT language.
SELECT topo.create_service_map();
SELECT topo.set_graph(g, '{"edge_ttl": "infinite"}') FROM unnest(ARRAY['network', 'ipc', 'trace']) g;

-- An empty map is a graph without nodes.
\t on
\a
SELECT topo.dot();

-- Shapes tell types apart; an edge that is not certain is dashed and says via what.
SELECT pg_temp.live('network', 'web', 'intermediary:lb', topo.traffic(connections => 1234, bytes_sent => 10, bytes_received => 20)),
	   pg_temp.live('network', 'checkout', 'address:10.0.0.7', topo.traffic(bytes_sent => 9223372036854775807, bytes_received => 1)),
	   pg_temp.live('ipc', 'web', 'checkout', topo.traffic(requests => 45678, errors => 3), via => ARRAY['intermediary:lb'], confidence => 0.5),
	   pg_temp.live('trace', 'checkout', 'external:stripe', topo.traffic(requests => 999999)),
	   pg_temp.live('trace', 'checkout', 'endpoint:GET /x'),
	   pg_temp.live('trace', 'checkout', 'queue:orders');
SELECT topo.dot();

-- From a start: what it reaches, and every edge among that.
SELECT topo.dot('web', 'out', 1);
SELECT topo.dot('address:10.0.0.7', 'in');
SELECT topo.dot('web', graphs => ARRAY['ipc']);
SELECT topo.dot('web', during => '[2020-11-20 09:00Z,2020-11-20 10:00Z)');

-- Clusters, where they are asked for.
SELECT pg_temp.cluster('checkout-v12', 'checkout');
SELECT pg_temp.live('trace', 'cluster:checkout-v12', 'cluster:redis-1', topo.traffic(requests => 1));
SELECT topo.dot('cluster:checkout-v12', level => 'cluster');

-- No name is taken for syntax: not quotes, backslashes, escapes, entities, HTML, ports or keywords.
SELECT topo.create_graph('hostile', '{"edge_ttl": "infinite"}');
SELECT pg_temp.live('hostile', '"', '\'),
	   pg_temp.live('hostile', '\N\"', 'a\nb'),
	   pg_temp.live('hostile', '<b>bold</b>', '&lt; &amp; &#34;'),
	   pg_temp.live('hostile', 'node', 'digraph'),
	   pg_temp.live('hostile', '"];} evil [x="', '{a|b}:n1'),
	   pg_temp.live('hostile', 'naïve ☕', '日本'),
	   pg_temp.live('hostile', 'ty"pe:x', 'external:"', via => ARRAY['intermediary:\"']);
SELECT topo.dot(graphs => ARRAY['hostile']);

-- Bad input.
\t off
\a
\x on
SELECT * FROM pg_temp.refusal($$SELECT topo.dot(max_depth => 1)$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.dot(direction => 'up')$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.dot(direction => NULL)$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.dot(graphs => ARRAY['nothing'])$$);
SELECT * FROM pg_temp.refusal($$SELECT topo.dot(level => 'pod')$$);
SELECT state FROM pg_temp.refusal($$SELECT topo.dot('nobody')$$);
SELECT state FROM pg_temp.refusal($$SELECT topo.dot('web', 'up')$$);
SELECT state FROM pg_temp.refusal($$SELECT topo.dot('web', max_depth => -1)$$);

-- A picture has at most 2000 edges.
\x off
SELECT topo.create_graph('large', '{"edge_ttl": "infinite"}');
SELECT count(pg_temp.linked('large', 'hub', 'spoke-' || i)) FROM generate_series(1, 2000) i;
SELECT count(*) FROM string_to_table(topo.dot(graphs => ARRAY['large']), E'\n') line WHERE line LIKE '%->%';
SELECT count(*) FROM string_to_table(topo.dot('hub', graphs => ARRAY['large']), E'\n') line WHERE line LIKE '%->%';
SELECT pg_temp.linked('large', 'hub', 'one too many');
SELECT * FROM pg_temp.refusal($$SELECT topo.dot(graphs => ARRAY['large'])$$);
SELECT state FROM pg_temp.refusal($$SELECT topo.dot('hub', graphs => ARRAY['large'])$$);
SELECT count(*) FROM string_to_table(topo.dot('spoke-7', 'in', graphs => ARRAY['large']), E'\n') line WHERE line LIKE '%->%';
ROLLBACK;
