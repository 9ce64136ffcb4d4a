-- ingest(): records from SQL, all or none, and each refusal by line and field.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :refusal
\i :flows
\set ECHO all
SELECT r.* FROM pg_temp.refused($$SELECT topo.ingest('flow', '')$$) r \gx
SELECT topo.create_service_map();

-- The record of the design, of 2023: too old, until the graph keeps all.
\set sample '{"host":"h1","start":1700000000000000000,"end":1700000010000000000,"proto":"tcp","role":"client","local":{"ip":"10.0.0.7","port":43210,"app":"checkout","cluster":"checkout-v12","instance":"checkout-v12-7"},"peer":{"ip":"10.0.1.9","port":6379},"nat":{"local_ip":"192.0.2.1","local_port":1,"peer_ip":"10.0.1.10","peer_port":6380},"tx_bytes":1200,"rx_bytes":5400,"tx_packets":9,"rx_packets":11,"retransmits":0,"rtt_us":180,"connections":1,"failed":0,"region":"us-east-1","scope":"vpc-1"}'
SELECT r.* FROM pg_temp.refused(format('SELECT topo.ingest(''flow'', convert_to(%L, ''UTF8''))', :'sample')) r \gx
SELECT topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');
SELECT topo.ingest('flow', convert_to(:'sample', 'UTF8'));
SELECT bucket, scope, protocol, role, role_guessed, local_address, local_port, peer_address, peer_port,
	   nat_local_address, nat_peer_address, nat_peer_port, region, first_seen, last_seen, traffic, topo.node_label(n.type, n.name) AS local_node
FROM topo_network.flow_window JOIN topo.node n ON n.id = local_node \gx
SELECT topo.node_label(n.type, n.name) AS node, topo.node_label(p.type, p.name) AS parent FROM topo.node n LEFT JOIN topo.node p ON p.id = n.parent ORDER BY n.id;
SELECT topo.flush();
SELECT source, target, connections, bytes_sent, bytes_received, first_seen, last_seen, confidence FROM topo.edges('(,)');
SELECT source, target FROM topo.edges('(,)', level => 'cluster');
TRUNCATE topo_network.flow_window, topo_network.edge_window, topo_network.live_edge, topo_network.link;

-- How many were taken is returned: blank lines are none, and neither is nothing.
SELECT topo.ingest('flow', ''), topo.ingest('flow', E'\\x0a0d0a'), topo.ingest('flow', NULL) IS NULL AS null_is_null;
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80'), '', '  ', pg_temp.flow('a', '[::1]:1', '10.0.0.8:80', more => '{"local": {"ip": "::1"}, "peer": {"ip": "fd00::8"}}'), E'\r');
-- What is absent is absent.
SELECT topo.ingest('flow', '{"start":"1605866400000000000","end":1605866400000000000,"proto":17,"local":{"ip":"10.0.0.9"},"peer":{"ip":"10.0.0.8"},"role":null,"unknown":{"nested":[1]}}');
SELECT bucket, scope, protocol, role, role_guessed, local_address, local_port, local_node IS NULL AS no_node, peer_address, peer_port, nat_local_address, nat_peer_address, nat_peer_port, region, traffic
FROM topo_network.flow_window WHERE local_address = '10.0.0.9' \gx
TRUNCATE topo_network.flow_window;

-- A batch merges the records of one conversation and window, and none of different ones.
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80', at => 0), pg_temp.flow('a', '10.0.0.7:2', '10.0.0.8:80', at => 9.999999999),
					pg_temp.flow('a', '10.0.0.7:3', '10.0.0.8:80', at => 10), pg_temp.flow('a', '10.0.0.7:3', '10.0.0.8:81'), pg_temp.flow('b', '10.0.0.7:3', '10.0.0.8:80'),
					pg_temp.flow('a', '10.0.0.7:3', '10.0.0.8:80', more => '{"scope": "vpc-1"}'), pg_temp.flow('a', '10.0.0.7:3', '10.0.0.8:80', more => '{"proto": "UDP"}'),
					pg_temp.flow('a', '10.0.0.7:80', '10.0.0.8:3', 'server'));
SELECT bucket, scope, protocol, role, local_port, peer_port, n.name AS node, topo.connections(traffic), topo.bytes_sent(traffic) AS sent, first_seen, last_seen
FROM topo_network.flow_window JOIN topo.node n ON n.id = local_node
ORDER BY bucket, scope, protocol, role, local_port, peer_port, n.name;

-- Bad input. One record with one field changed:
CREATE FUNCTION pg_temp.spoilt(change jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT (pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80')::jsonb || change)::text
$$;
SELECT change, r.state, r.message, r.detail
FROM unnest(ARRAY[
	'{"start": null}', '{"end": null}', '{"proto": null}', '{"local": null}', '{"peer": null}', '{"local": {}}', '{"peer": {"port": 1}}',
	'{"start": "yesterday"}', '{"start": 1.5}', '{"start": 9223372036854775808}', '{"start": true}', '{"end": 1605866399000000000}', '{"end": []}',
	'{"proto": "sctp"}', '{"proto": 132}', '{"proto": {}}', '{"role": "peer"}', '{"role": 1}',
	'{"local": "10.0.0.7"}', '{"local": {"ip": "10.0.0.300"}}', '{"local": {"ip": "10.0.0.0/8"}}', '{"local": {"ip": 7}}', '{"local": {"ip": ""}}',
	'{"local": {"ip": "10.0.0.7", "port": 65536}}', '{"local": {"ip": "10.0.0.7", "port": -1}}', '{"local": {"ip": "10.0.0.7", "app": 5}}',
	'{"local": {"ip": "10.0.0.7", "app": "a\u0001"}}', '{"local": {"ip": "10.0.0.7", "app": "a", "cluster": "\n"}}', '{"scope": "a\tb"}', '{"region": "\u007f"}',
	'{"peer": {"ip": "fd00::zz"}}', '{"peer": {"ip": "10.0.0.8", "port": "http"}}',
	'{"nat": 1}', '{"nat": {"local_ip": "x"}}', '{"nat": {"peer_ip": "x"}}', '{"nat": {"local_port": 70000}}', '{"nat": {"peer_port": 70000}}',
	'{"tx_bytes": -1}', '{"rx_bytes": 1.5}', '{"tx_packets": "many"}', '{"rx_packets": 9223372036854775808}', '{"retransmits": {}}', '{"rtt_us": -1}', '{"connections": null, "failed": -1}',
	'{"scope": 1}', '{"region": []}', '{"host": {}}'
]) change, pg_temp.refused(format('SELECT pg_temp.take(pg_temp.spoilt(%L))', change)) r;
SELECT r.state, r.detail FROM pg_temp.refused(format('SELECT pg_temp.take(pg_temp.spoilt(%L))', jsonb_build_object('scope', repeat('x', 256)))) r;
-- Lines that are no records; NUL bytes and bytes that are no UTF-8.
SELECT left(line, 30) AS line, r.state, r.message, r.detail
FROM unnest(ARRAY['{', '[]', '1', 'null', '"a"', 'nonsense', '{} {}', '{"start": 1', '{"start" 1}', '{''start'': 1}', '{"a": "\u0000"}', '{"a": "\ud800"}', repeat('[', 100000)]) line,
	 pg_temp.refused(format('SELECT pg_temp.take(%L)', line)) r;
SELECT bytes, r.state, r.message, r.detail
FROM unnest(ARRAY['\xff', '\x00', '\x7b7d00', '\x7b226122003a317d', '\x7b2261223a22c328227d', '\xc3', '\xeda080', '\xf5808080']::bytea[]) bytes,
	 pg_temp.refused(format('SELECT topo.ingest(''flow'', %L)', bytes)) r;
SELECT r.* FROM pg_temp.refused($$SELECT topo.ingest('flow', '{}')$$) r \gx
-- The line is that of the payload, blank ones counted.
SELECT r.message, r.detail FROM pg_temp.refused($$SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80'), '', pg_temp.spoilt('{"role": "x"}'), pg_temp.spoilt('{"proto": "x"}'))$$) r;
-- Formats that there are not.
SELECT format, r.* FROM unnest(ARRAY['', 'Flow', 'flow ', 'otlp']) format, pg_temp.refused(format('SELECT topo.ingest(%L, ''{}'')', format)) r;
-- None of it was stored, nor what was good in the same payload.
SELECT count(*) FROM topo_network.flow_window;
SELECT pg_temp.take(pg_temp.flow('left', '10.0.9.9:1', '10.0.9.8:80'), 'bad');
SELECT count(*) FILTER (WHERE local_address = '10.0.9.9') AS flows, (SELECT count(*) FROM topo.node WHERE name = 'left') AS nodes,
	   (SELECT count(*) FROM topo.address WHERE address = '10.0.9.9') AS addresses
FROM topo_network.flow_window;

-- Times: by retention, and at most an hour ahead of the clock.
SELECT topo.set_graph('network', '{"retention": "1 day"}');
CREATE FUNCTION pg_temp.seen(age interval) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80', at => extract(epoch FROM clock_timestamp() - age - '2020-11-20 10:00Z'))
$$;
SELECT age, r.state, r.detail
FROM unnest(ARRAY['23:59', '24:01', '1000 days', '-59 min', '-61 min', '-1000 days']::interval[]) age,
	 LATERAL (SELECT age AS asked) a LEFT JOIN LATERAL pg_temp.refused(format('SELECT pg_temp.take(pg_temp.seen(%L))', age)) r ON true;
SELECT topo.set_graph('network', '{"retention": "infinite"}');
-- Years apart in one payload, and the ends of time.
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80'), pg_temp.seen('1 min'), pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80', more => '{"start": 0, "end": 1}'),
					pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80', more => '{"start": -1, "end": 0}'), pg_temp.flow('a', '10.0.0.7:1', '10.0.0.8:80', more => '{"start": "-9223372036854775808", "end": "-9223372036854775808"}'));
SELECT topo.flush();
SELECT bucket, first_seen FROM topo_network.edge_window WHERE bucket < '2000-01-01' ORDER BY 1, 2;
ROLLBACK;

-- A payload of several batches is one statement all the same. (The setting is the server's.)
SET timezone = 'UTC';
ALTER SYSTEM SET topology.batch_memory = '256kB';
SELECT pg_reload_conf();
\c -
SET client_min_messages = warning;
SHOW topology.batch_memory;
\set ECHO none
\i :start
\i :refusal
\i :flows
\set ECHO all
SELECT topo.create_service_map(), topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');
CREATE FUNCTION pg_temp.many() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT pg_temp.flow('app' || i % 100, format('10.1.%s.%s:1', i / 250, i % 250), format('10.2.%s.%s:80', i / 250, i % 250), sent => i) FROM generate_series(1, 5000) i
$$;
SELECT pg_temp.take(VARIADIC ARRAY(SELECT pg_temp.many()));
SELECT count(*), count(DISTINCT xmin::text) AS transactions, count(DISTINCT cmin::text) > 2 AS several_batches, sum(topo.bytes_sent(traffic)) AS sent FROM topo_network.flow_window;
SELECT topo.flush();
SELECT count(*), sum(topo.bytes_sent(traffic)) AS sent FROM topo_network.edge_window;
DELETE FROM topo_network.flow_window;
SELECT r.message, r.detail FROM pg_temp.refused($$SELECT pg_temp.take(VARIADIC ARRAY(SELECT pg_temp.many()) || 'bad'::text)$$) r;
SELECT count(*) FROM topo_network.flow_window;
ROLLBACK;
ALTER SYSTEM RESET topology.batch_memory;
SELECT pg_reload_conf();
