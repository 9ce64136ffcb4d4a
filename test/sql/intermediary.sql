-- What stands between callers and callees: counted once, and joined, from the records of both ends.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :refusal
\i :flows
\set ECHO all
SELECT topo.create_service_map(), topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}'), topo.set_graph('ipc', '{"retention": "infinite"}');
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE sql AS $$
	TRUNCATE topo.address, topo.reporter, topo.intermediary CASCADE;
	TRUNCATE topo_network.flow_window, topo_network.edge_window, topo_network.live_edge, topo_network.link, topo_network.dirty_window,
			 topo_network.dirty_address, topo_network.translation, topo_network.attribution_window, topo_network.address_node, topo_network.overflow_window
$$;
CREATE FUNCTION pg_temp.joined() RETURNS TABLE (source text, target text, via text[], connections bigint, sent bigint, confidence real) LANGUAGE sql AS $$
	SELECT topo.flush();
	SELECT e.source, e.target, e.via, e.connections, e.bytes_sent, e.confidence
	FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', '{network}') e ORDER BY e.source COLLATE "C", e.target COLLATE "C"
$$;

--
-- A load balancer whose host reports
--
-- Two callers, one app behind: exact, and the balancer's own calls are in no edge.
SELECT topo.set_intermediary('lb', 'load_balancer', '10.0.0.10');
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '10.0.0.10:80', sent => 100), pg_temp.flow('job', '10.0.0.2:1', '10.0.0.10:80', sent => 50),
					pg_temp.flow('haproxy', '10.0.0.10:80', '10.0.0.1:1', 'server'), pg_temp.flow('haproxy', '10.0.0.10:80', '10.0.0.2:1', 'server'),
					pg_temp.flow('haproxy', '10.0.0.10:9', '10.0.0.20:8080', sent => 70), pg_temp.flow('haproxy', '10.0.0.10:9', '10.0.0.21:8080', sent => 90),
					pg_temp.flow('shop/shop-1', '10.0.0.20:8080', '10.0.0.10:9', 'server', sent => 1000, received => 70), pg_temp.flow('shop/shop-2', '10.0.0.21:8080', '10.0.0.10:9', 'server'));
SELECT * FROM pg_temp.joined();
-- Between clusters it is apportioned.
SELECT source, target, via, connections, bytes_sent, confidence FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', '{network}', 'cluster') ORDER BY 1, 2;
-- A second app behind the same listener: nobody knows who calls which.
SELECT pg_temp.take(pg_temp.flow('haproxy', '10.0.0.10:9', '10.0.0.30:8080', sent => 40), pg_temp.flow('cart', '10.0.0.30:8080', '10.0.0.10:9', 'server'));
SELECT * FROM pg_temp.joined();
-- Metrics of calls that know one of the edges, and have no other between ends that report them.
SELECT topo.ingest('ipc', convert_to(format('{"start": 1605866400000000000, "end": 1605866405000000000, "client": "%s", "server": "%s", "requests": 1}', c, s), 'UTF8'))
FROM (VALUES ('web', 'shop'), ('job', 'cart')) v (c, s);
SELECT topo.flush();
SELECT source, target, graphs, via, connections, requests, confidence FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)') ORDER BY 1, 2;
-- Each listener with its backends declared: exact again.
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '10.0.0.10:81', sent => 10), pg_temp.flow('haproxy', '10.0.0.10:81', '10.0.0.1:1', 'server'));
SELECT topo.set_intermediary('lb', 'load_balancer', '10.0.0.10', backends => '{shop}'), topo.set_intermediary('lb', 'load_balancer', '10.0.0.10', 81, '{cart}');
SELECT * FROM pg_temp.joined();
-- The hops are what they were.
SELECT source, target, target_port, reported_by, connections FROM topo.hops('[2020-11-20 00:00Z,2020-11-21 00:00Z)') ORDER BY 1, 2, 3, 4;
-- When it is no intermediary any more, it is an end again.
DELETE FROM topo.intermediary;
SELECT * FROM pg_temp.joined();

--
-- Virtual addresses
--
-- The client's host knows where the call went.
SELECT pg_temp.forget();
SELECT topo.set_intermediary('vip', 'virtual_address', '10.96.0.1');
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '10.96.0.1:80', more => '{"nat": {"peer_ip": "10.0.0.20", "peer_port": 8080}}'), pg_temp.flow('shop', '10.0.0.20:8080', '10.0.0.1:1', 'server'));
SELECT * FROM pg_temp.joined();
-- It does not: the servers saw calls of the same client, which says that it never called them.
SELECT pg_temp.forget();
SELECT topo.set_intermediary('vip', 'virtual_address', '10.96.0.1');
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '10.96.0.1:80', connections => 4, sent => 400), pg_temp.flow('web', '10.0.0.1:1', '10.0.0.22:8080'),
					pg_temp.flow('shop', '10.0.0.20:8080', '10.0.0.1:1', 'server', sent => 2, received => 2), pg_temp.flow('cart', '10.0.0.21:8080', '10.0.0.1:1', 'server', connections => 3, sent => 6, received => 6),
					pg_temp.flow('tax', '10.0.0.22:8080', '10.0.0.1:1', 'server'));
SELECT * FROM pg_temp.joined();
-- Two virtual addresses: only what is declared behind each can be its.
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '10.96.0.2:80', sent => 7));
SELECT topo.set_intermediary('vip', 'virtual_address', '10.96.0.1', backends => '{shop}'), topo.set_intermediary('vip2', 'virtual_address', '10.96.0.2', backends => '{cart}');
SELECT * FROM pg_temp.joined();
-- With nothing seen behind it, it is the app that it is declared for; of two apps it is neither.
SELECT pg_temp.forget();
SELECT topo.set_intermediary('one', 'virtual_address', '10.96.0.1', backends => '{shop}'), topo.set_intermediary('two', 'virtual_address', '10.96.0.2', backends => '{shop,cart}');
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '10.96.0.1:80'), pg_temp.flow('web', '10.0.0.1:1', '10.96.0.2:80'), pg_temp.flow('web', '10.0.0.1:1', '10.96.0.1:81', connections => 0, sent => 0, received => 0, more => '{"failed": 1}'));
SELECT * FROM pg_temp.joined();

--
-- NAT
--
-- Clients behind one whose host is silent: their own word counts.
SELECT pg_temp.forget();
SELECT topo.set_intermediary('gw', 'nat', '192.168.0.254');
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '192.168.0.9:80', sent => 100), pg_temp.flow('job', '10.0.0.2:1', '192.168.0.9:80', sent => 50),
					pg_temp.flow('shop', '192.168.0.9:80', '192.168.0.254:1', 'server', connections => 2), pg_temp.flow('tax', '192.168.0.8:1', '192.168.0.9:80'), pg_temp.flow('shop', '192.168.0.9:80', '192.168.0.8:1', 'server'));
SELECT * FROM pg_temp.joined();
-- What they do not account for is the NAT's.
SELECT pg_temp.take(pg_temp.flow('shop', '192.168.0.9:80', '192.168.0.254:1', 'server', connections => 8, received => 800));
SELECT * FROM pg_temp.joined();
-- The gateway tells which connections it translated: of clients that report, and of one that does not.
INSERT INTO topo_network.translation VALUES
	('2020-11-20 10:00Z', '', 6, '10.0.0.1', '192.168.0.9', 80, '192.168.0.254', '192.168.0.9', 80, 1), ('2020-11-20 10:00Z', '', 6, '10.0.0.2', '192.168.0.9', 80, '192.168.0.254', '192.168.0.9', 80, 1),
	('2020-11-20 10:00Z', '', 6, '10.0.0.3', '192.168.0.9', 80, '192.168.0.254', '192.168.0.9', 80, 8);
INSERT INTO topo_network.dirty_window VALUES ('2020-11-20 10:00Z');
SELECT * FROM pg_temp.joined();
-- And where it sent what came to a virtual address of its own.
SELECT topo.set_intermediary('door', 'virtual_address', '192.168.0.250');
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:1', '192.168.0.250:443', sent => 30));
INSERT INTO topo_network.translation VALUES ('2020-11-20 10:00Z', '', 6, '10.0.0.1', '192.168.0.250', 443, '192.168.0.254', '192.168.0.9', 80, 1);
SELECT * FROM pg_temp.joined();

--
-- Outside
--
-- Rules name what is outside, the narrowest first; private addresses are nodes as long as there is room.
SELECT pg_temp.forget();
SELECT topo.set_external('203.0.113.0/24', 'bank'), topo.set_external('203.0.113.128/25', 'bank-test'), topo.set_external('172.20.0.0/16', 'office');
SELECT pg_temp.take(VARIADIC array_agg(pg_temp.flow('web', '10.0.0.1:1', a || ':443')))
FROM unnest('{203.0.113.1,203.0.113.200,8.8.8.8,1.1.1.1,172.20.1.1,10.9.9.1,10.9.9.2,10.9.9.3}'::text[]) a;
SELECT set_config('topology.max_address_nodes', '2', true);
SELECT * FROM pg_temp.joined();
SELECT bucket, connections, external, unattributed, ambiguous, overflow, unattributed_share FROM topo.attribution;
-- Where room is scarce, nodes of addresses that no window tells of any more go.
SELECT topo.forget_addresses();
SELECT count(*) AS told_of FROM topo.node WHERE type = 'address';
-- A rule that goes is no rule any more.
DELETE FROM topo.external_rule WHERE name = 'bank-test';
SELECT target, connections FROM pg_temp.joined() WHERE target ~ '^external:' ORDER BY 1;
SELECT r.state, r.message, r.hint FROM pg_temp.refused($$SELECT topo.set_external(NULL, 'x')$$) r;
SELECT r.state, r.message, r.hint FROM pg_temp.refused($$SELECT topo.set_external('10.0.0.0/8', '')$$) r;

--
-- Detection, and why
--
-- What goes in goes out again, minute for minute: proposed, and nothing more, until it is accepted.
SELECT pg_temp.forget(), set_config('topology.max_address_nodes', '10000', true);
SELECT pg_temp.take(VARIADIC array_agg(r)) FROM generate_series(0, 660, 60) at, LATERAL (VALUES
	(pg_temp.flow('web', '10.0.0.1:1', '10.0.0.10:80', at => at, sent => 100 + at)), (pg_temp.flow('proxy', '10.0.0.10:80', '10.0.0.1:1', 'server', at => at, sent => 1000, received => 100 + at)),
	(pg_temp.flow('proxy', '10.0.0.10:9', '10.0.0.20:80', at => at, sent => 110 + at)), (pg_temp.flow('shop', '10.0.0.20:80', '10.0.0.10:9', 'server', at => at)),
	(pg_temp.flow('shop', '10.0.0.20:9', '10.0.0.40:80', at => at, sent => 9))) v (r);
SELECT pg_temp.take(VARIADIC array_agg(r)) FROM generate_series(0, 60, 10) at, LATERAL (VALUES
	(pg_temp.flow('web', '10.0.0.1:1', '10.96.0.9:80', at => at)), (pg_temp.flow('tax', '10.0.0.50:80', '10.0.0.1:1', 'server', at => at))) v (r);
SELECT * FROM pg_temp.joined();
SELECT topo.detect_intermediaries('[2020-11-20,2020-11-21)');
SELECT topo.node_label(n.type, n.name) AS node, d.kind, d.windows, d.alike FROM topo.detected_intermediary d JOIN topo.node n ON n.id = d.node ORDER BY 1;
SELECT * FROM pg_temp.joined();
SELECT topo.accept_intermediary('proxy'), topo.accept_intermediary('address:10.96.0.9');
SELECT * FROM pg_temp.joined();
SELECT r.state, r.message, r.hint FROM pg_temp.refused($$SELECT topo.accept_intermediary('web')$$) r;
SELECT r.state, r.message, r.hint FROM pg_temp.refused($$SELECT topo.accept_intermediary('web', 'wall')$$) r;
-- Why an edge is there.
SELECT kind, what, connections, bytes, detail FROM topo.explain_edge('web', 'shop', '[2020-11-20 10:00Z,2020-11-20 10:01Z)');
SELECT r.state, r.message, r.hint FROM pg_temp.refused($$SELECT topo.explain_edge('web', 'nobody')$$) r;
ROLLBACK;
