-- Address translation: what forwarders tell is kept apart from flows, and a server
-- is found by what its clients call.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :refusal
\i :flows
\set ECHO all
SELECT topo.create_service_map();
SELECT topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');

-- A forwarder's record: who called what, and what became of it.
CREATE FUNCTION pg_temp.forwarded(client text, target text, nat jsonb, at numeric DEFAULT 0, more jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.flow('ignored/too', client, target, 'forwarder', at, 0, 0, more => jsonb_build_object('nat', nat) || more)
$$;
CREATE FUNCTION pg_temp.translations()
RETURNS TABLE (bucket time, scope text, protocol smallint, client inet, target inet, port integer, out_client inet, out_target inet, out_port integer, connections numeric)
LANGUAGE sql AS $$
	SELECT bucket::time, scope, protocol, client_address, target_address, target_port, out_client_address, out_target_address, out_target_port, sum(connections)
	FROM topo_network.translation
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9
$$;
SELECT pg_temp.take(
	pg_temp.forwarded('10.0.0.7:40001', '192.0.2.80:80', '{"local_ip": "192.0.2.1", "local_port": 1024, "peer_ip": "10.1.0.9", "peer_port": 8080}'),
	pg_temp.forwarded('10.0.0.7:40002', '192.0.2.80:80', '{"local_ip": "192.0.2.1", "local_port": 1025, "peer_ip": "10.1.0.9", "peer_port": 8080}', 9.9),
	pg_temp.forwarded('10.0.0.7:40003', '192.0.2.80:80', '{"local_ip": "192.0.2.1", "local_port": 1026, "peer_ip": "10.1.0.10", "peer_port": 8080}'),
	pg_temp.forwarded('10.0.0.7:40004', '192.0.2.80:80', '{"local_ip": "192.0.2.1", "local_port": 1027, "peer_ip": "10.1.0.9", "peer_port": 8080}', 10),
	-- only one end is translated
	pg_temp.forwarded('10.0.0.7:40005', '198.51.100.1:443', '{"local_ip": "192.0.2.1", "local_port": 1028}'),
	pg_temp.forwarded('10.0.0.7:40006', '192.0.2.80:81', '{"peer_port": 8081}'),
	pg_temp.forwarded('fd00::7:40007', '2001:db8::80:53', '{"peer_ip": "fd00::53", "peer_port": 5353}', more => '{"proto": "udp", "scope": "vpc-1", "connections": 3}'));
SELECT * FROM pg_temp.translations();
-- Another batch adds to it.
SELECT pg_temp.take(pg_temp.forwarded('10.0.0.7:40008', '192.0.2.80:81', '{"peer_port": 8081}', more => '{"connections": 9}'));
SELECT * FROM pg_temp.translations() WHERE port = 81;

-- It is no flow, and nobody is learned from it: the client reports elsewhere.
SELECT (SELECT count(*) FROM topo_network.flow_window) AS flows, (SELECT count(*) FROM topo.node) AS nodes,
	   (SELECT count(*) FROM topo.address) AS addresses, (SELECT count(*) FROM topo.reporter) AS reporters;
SELECT topo.flush();
SELECT * FROM pg_temp.map();

-- A forwarder that says nothing of a translation tells nothing.
SELECT r.state, r.detail FROM pg_temp.refused($$SELECT pg_temp.take(pg_temp.forwarded('10.0.0.7:1', '10.0.0.8:80', 'null'))$$) r;
SELECT r.state, r.detail FROM pg_temp.refused($$SELECT pg_temp.take(pg_temp.forwarded('10.0.0.7:1', '10.0.0.8:80', '{"peer_ip": "10.0.0.8"}'))$$) r;

-- A server behind a redirected port holds what its clients call, and is its callee.
SELECT pg_temp.take(
	pg_temp.flow('web', '10.2.0.1:40000', '10.2.0.9:443'),
	pg_temp.flow('shop', '10.2.0.9:8443', '10.2.0.1:40000', 'server', more => '{"nat": {"local_port": 443}}'));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT host(source) AS source, host(target) AS target, target_port, host(nat_target) AS nat_target, nat_target_port
FROM topo.hops('(,)') WHERE reported_by = 'server';
-- What it calls as a client, translated, is not where it is called.
SELECT pg_temp.take(pg_temp.flow('shop', '10.2.0.9:50000', '10.2.0.1:25', more => '{"nat": {"local_ip": "192.0.2.99", "local_port": 443}}'));
SELECT n.name, a.address, a.port FROM topo.address a JOIN topo.node n ON n.id = a.node ORDER BY 1, 2, 3;
-- Several behind one address: then it is nobody's, but for who says whose call it answered.
SELECT pg_temp.take(pg_temp.flow('other', '10.2.0.10:8443', '10.2.0.2:40000', 'server', more => '{"nat": {"local_ip": "10.2.0.9", "local_port": 443}}'),
					pg_temp.flow('web', '10.2.0.3:40001', '10.2.0.9:443'));
SELECT topo.flush();
SELECT source, target, connections FROM pg_temp.map() WHERE source = 'web';
-- A client on the same host knows it by where it listens.
SELECT pg_temp.take(pg_temp.flow('local', '10.2.0.2:40000', '10.2.0.9:443', more => '{"nat": {"peer_ip": "10.2.0.10", "peer_port": 8443}}'));
SELECT topo.flush();
SELECT source, target, connections, confidence FROM pg_temp.map() WHERE source = 'local';

--
-- Calls that a forwarder passed on
--
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE sql AS $$
	TRUNCATE topo.address, topo.intermediary, topo.intermediary_backend, topo.reporter, topo_network.translation, topo_network.flow_window, topo_network.edge_window,
		topo_network.live_edge, topo_network.link, topo_network.dirty_window, topo_network.dirty_address
$$;
CREATE FUNCTION pg_temp.joined() RETURNS TABLE (source text, target text, via text[], connections bigint, sent bigint, confidence real) LANGUAGE sql AS $$
	SELECT e.source, e.target, e.via, e.connections, e.bytes_sent, e.confidence
	FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', '{network}', 'cluster') e ORDER BY e.source COLLATE "C", e.target COLLATE "C"
$$;
-- Who held the address that they came to may have gone; who reports them is the callee.
SELECT pg_temp.forget();
SELECT topo.set_intermediary('door', 'virtual_address', '10.3.0.80');
SELECT pg_temp.take(
	pg_temp.flow('old', '10.3.1.1:8080', '10.3.0.9:1', 'server', at => 0), pg_temp.flow('web', '10.3.0.1:1', '10.3.0.80:80', at => 5),
	pg_temp.forwarded('10.3.0.1:1', '10.3.0.80:80', '{"peer_ip": "10.3.1.1", "peer_port": 8080}', 5));
SELECT topo.flush();
SELECT * FROM pg_temp.joined() WHERE source = 'web';
SELECT pg_temp.take(pg_temp.flow('new', '10.3.1.1:8080', '10.3.0.1:1', 'server', at => 5));
SELECT topo.flush();
SELECT * FROM pg_temp.joined() WHERE source = 'web';
-- A forwarder that is not known as an intermediary, at whose address another app answers, and that hides who calls: each connection counts once.
SELECT pg_temp.forget();
SELECT pg_temp.take(
	pg_temp.flow('own', '10.3.0.3:80', '10.3.0.2:1', 'server'), pg_temp.flow('job', '10.3.0.2:1', '10.3.0.3:80'), pg_temp.flow('own', '10.3.0.3:1', '10.3.0.8:80'),
	pg_temp.flow('web', '10.3.0.1:1', '10.3.0.3:80', connections => 3), pg_temp.flow('shop', '10.3.1.1:8080', '10.3.0.3:1', 'server', connections => 3),
	pg_temp.forwarded('10.3.0.1:1', '10.3.0.3:80', '{"local_ip": "10.3.0.3", "peer_ip": "10.3.1.1", "peer_port": 8080}', more => '{"connections": 2}'),
	pg_temp.forwarded('10.3.0.7:1', '10.3.0.3:80', '{"local_ip": "10.3.0.3", "peer_ip": "10.3.1.1", "peer_port": 8080}'));
SELECT topo.flush();
SELECT * FROM pg_temp.joined();
-- Of a connection that is kept, the last that began tells, wholly only if none ever went elsewhere; whenever it is told.
SELECT pg_temp.forget();
SELECT topo.set_intermediary('door', 'virtual_address', '10.3.0.80');
CREATE FUNCTION pg_temp.by_window() RETURNS TABLE (at time, target text, connections bigint, sent bigint, confidence real) LANGUAGE sql AS $$
	SELECT w.first_seen::time, w.target, topo.connections(w.traffic), topo.bytes_sent(w.traffic), w.confidence FROM pg_temp.windows() w WHERE w.source = 'web' ORDER BY 1, 2
$$;
SELECT pg_temp.take(
	pg_temp.flow('web', '10.3.0.1:1', '10.3.0.80:80', at => 5), pg_temp.flow('web', '10.3.0.1:1', '10.3.0.80:80', at => 65, connections => 0),
	pg_temp.flow('web', '10.3.0.1:1', '10.3.0.80:80', at => 125), pg_temp.flow('web', '10.3.0.1:1', '10.3.0.80:80', at => 185, connections => 0),
	pg_temp.flow('one', '10.3.1.1:8080', '10.3.0.1:1', 'server', at => 5, lasts => 200), pg_temp.flow('two', '10.3.1.2:8080', '10.3.0.1:1', 'server', at => 125, lasts => 80),
	pg_temp.flow('one', '10.3.1.1:8080', '10.3.0.1:1', 'server', at => 65, connections => 0), pg_temp.flow('two', '10.3.1.2:8080', '10.3.0.1:1', 'server', at => 185, connections => 0));
SELECT topo.flush();
SELECT * FROM pg_temp.by_window();
SELECT pg_temp.take(pg_temp.forwarded('10.3.0.1:1', '10.3.0.80:80', '{"peer_ip": "10.3.1.1", "peer_port": 8080}', 5));
SELECT topo.flush();
SELECT * FROM pg_temp.by_window();
SELECT pg_temp.take(pg_temp.forwarded('10.3.0.1:1', '10.3.0.80:80', '{"peer_ip": "10.3.1.2", "peer_port": 8080}', 125));
SELECT topo.flush();
SELECT * FROM pg_temp.by_window();
-- What is resolved again stays the same; and told in the next window, it is the same connection.
INSERT INTO topo_network.dirty_window SELECT DISTINCT bucket FROM topo_network.flow_window;
SELECT topo.flush();
SELECT * FROM pg_temp.by_window();
SELECT pg_temp.forget();
SELECT topo.set_intermediary('door', 'virtual_address', '10.3.0.80');
SELECT pg_temp.take(
	pg_temp.flow('web', '10.3.0.1:1', '10.3.0.80:80', at => 9.9999), pg_temp.flow('one', '10.3.1.1:8080', '10.3.0.1:1', 'server', at => 9.9999),
	pg_temp.forwarded('10.3.0.1:1', '10.3.0.80:80', '{"peer_ip": "10.3.1.1", "peer_port": 8080}', 10));
SELECT topo.flush();
SELECT * FROM pg_temp.by_window();

-- Kept as long as the flow windows, a partition at a time.
SELECT topo.set_graph('network', '{"retention": {"10 seconds": "1 hour"}}');
INSERT INTO topo_network.translation SELECT topo.clock() - age, '', 6, '10.0.0.1', '10.0.0.2', 80, '10.0.0.1', '10.0.0.3', 80, 1
FROM unnest('{59 minutes,119 minutes,121 minutes}'::interval[]) age;
SELECT topo.flush(), topo.maintain_windows(), topo.forget_owners();
SELECT date_trunc('minute', topo.clock() - t.bucket) AS age FROM topo_network.translation t ORDER BY 1;
ROLLBACK;
