-- Resolution: from what each end reported to who calls whom.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :refusal
\i :flows
\set ECHO all
SELECT topo.create_service_map(), topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE sql AS $$
	TRUNCATE topo.address, topo.reporter, topo_network.flow_window, topo_network.edge_window, topo_network.live_edge, topo_network.link, topo_network.dirty_window, topo_network.dirty_address
$$;
-- The live map, to set beside that of the windows.
CREATE FUNCTION pg_temp.links() RETURNS TABLE (level "char", source text, target text) LANGUAGE sql AS $$
	SELECT l.level, topo.node_label(s.type, s.name), topo.node_label(d.type, d.name)
	FROM topo_network.link l JOIN topo.node s ON s.id = l.src JOIN topo.node d ON d.id = l.dst
	ORDER BY l.level, topo.node_label(s.type, s.name) COLLATE "C", topo.node_label(d.type, d.name) COLLATE "C"
$$;

--
-- Counting
--
-- Both ends report a connection: it is counted once, as the client saw it.
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', at => 5), pg_temp.flow('db', '10.0.0.2:80', '10.0.0.1:40001', 'server', at => 5.1, sent => 999, received => 99));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- Also when the client's report comes later, in another batch and window.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('db', '10.0.0.2:80', '10.0.0.1:40001', 'server', at => 10, sent => 999, received => 99));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', at => 9.9));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- Where only the server reports, its word is turned the caller's way.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('db', '10.0.0.2:80', '10.0.0.1:40001', 'server', sent => 999, received => 99));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- A client without a name is still a client that reports.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow(NULL, '10.0.0.1:40001', '10.0.0.2:80'), pg_temp.flow('db', '10.0.0.2:80', '10.0.0.1:40001', 'server', sent => 1000, received => 100));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- So is one whose address is translated on its host: the server saw the translated one.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '172.17.0.2:40001', '10.0.0.2:80', more => '{"nat": {"local_ip": "10.0.0.1"}}'), pg_temp.flow('db', '10.0.0.2:80', '10.0.0.1:40001', 'server'));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- With the callee's translated address known, the edge is exact.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.96.0.1:80', more => '{"nat": {"peer_ip": "10.0.0.2", "peer_port": 8080}}'), pg_temp.flow('db', '10.0.0.2:8080', '10.0.0.1:40001', 'server'));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- Loopback is each host's own.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '127.0.0.1:40001', '127.0.0.1:80', more => '{"scope": "h1/lo"}'), pg_temp.flow('db', '127.0.0.1:80', '127.0.0.1:40001', 'server', more => '{"scope": "h1/lo"}'),
					pg_temp.flow('job', '127.0.0.1:40001', '127.0.0.1:80', more => '{"scope": "h2/lo"}'), pg_temp.flow('cache', '127.0.0.1:80', '127.0.0.1:40001', 'server', more => '{"scope": "h2/lo"}'));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- What failed is an edge too; a caller of itself as well.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', sent => 0, received => 0, connections => 0, more => '{"failed": 3}'), pg_temp.flow('web', '10.0.0.1:0', '10.0.0.1:81'), pg_temp.flow('web', '10.0.0.1:81', '10.0.0.1:0', 'server'));
SELECT topo.flush();
SELECT m.*, topo.failed(e.traffic) FROM pg_temp.map() m JOIN topo.edges('(,)') e USING (source, target);

--
-- Evidence that comes late
--
-- A call is held against its address until a report of the callee explains it; the map follows, live and in windows.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web/web-1', '10.0.0.1:40001', '10.0.0.2:80', at => 52));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT * FROM pg_temp.links();
SELECT pg_temp.take(pg_temp.flow('db/db-1', '10.0.0.2:80', '10.0.0.3:40001', 'server', at => 45, connections => 7));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT * FROM pg_temp.map('cluster');
SELECT * FROM pg_temp.links();
-- A second claimant makes it ambiguous again: an edge to neither.
SELECT pg_temp.take(pg_temp.flow('evil', '10.0.0.2:80', '10.0.0.4:40001', 'server', at => 60, connections => 9));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT * FROM pg_temp.links();
-- An address that changes hands within seconds: each is believed but for these seconds.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('old', '10.0.0.2:80', '10.0.0.9:1', 'server', at => 0, lasts => 298), pg_temp.flow('new', '10.0.0.2:80', '10.0.0.9:1', 'server', at => 300, lasts => 300));
SELECT pg_temp.take(VARIADIC array_agg(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', at => at, sent => at))) FROM generate_series(5, 595, 10) at;
SELECT topo.flush();
SELECT w.target, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen, sum(topo.bytes_sent(w.traffic)) AS sent, w.confidence
FROM pg_temp.windows() w WHERE w.source = 'web' GROUP BY w.target, w.confidence ORDER BY 2;
-- A cluster first seen without its app finds it.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80'), pg_temp.flow('lost', '10.0.0.2:80', '10.0.0.1:40001', 'server', more => '{"local": {"ip": "10.0.0.2", "port": 80, "cluster": "lost-1"}}'));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT * FROM pg_temp.links();
SELECT pg_temp.take(pg_temp.flow('lost/lost-1', '10.0.0.2:80', '10.0.0.1:40001', 'server'));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT * FROM pg_temp.links();

--
-- Confidence
--
-- The owner of a port, and that of a whole address, if somebody answered and nobody else listens there, are nearly certain.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80'), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.3:80'), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.4:80'),
					pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.5:80', connections => 0, more => '{"failed": 1}'),
					pg_temp.flow('port', '10.0.0.2:80', '10.0.0.9:1', 'server'), pg_temp.flow('whole', '10.0.0.3:1', '10.0.0.9:80'),
					pg_temp.flow('shared', '10.0.0.4:1', '10.0.0.9:80'), pg_temp.flow('listener', '10.0.0.4:81', '10.0.0.9:1', 'server'), pg_temp.flow('silent', '10.0.0.5:1', '10.0.0.9:80'));
SELECT topo.flush();
SELECT target, confidence FROM pg_temp.map() WHERE source = 'web';
-- A guessed direction, and an owner only for a part of the window, are half believed.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', NULL), pg_temp.flow('port', '10.0.0.2:80', '10.0.0.9:1', 'server'),
					pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.3:80', at => 55, lasts => 100), pg_temp.flow('brief', '10.0.0.3:80', '10.0.0.9:1', 'server', at => 0),
					pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.4:80', at => 45, lasts => 100), pg_temp.flow('longer', '10.0.0.4:80', '10.0.0.9:1', 'server', at => 0),
					pg_temp.flow('longer', '10.0.0.4:80', '10.0.0.9:1', 'server', at => 44));
SELECT topo.flush();
SELECT target, confidence FROM pg_temp.map() WHERE source = 'web';
-- Who is known to hold an address, and not seen there in the window, may have gone: half believed; who is seen, and says nothing of the calls, nearly; who says so of some of them, wholly.
SELECT pg_temp.forget();
SELECT pg_temp.take(
	pg_temp.flow('gone', '10.0.0.2:80', '10.0.0.9:1', 'server'), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', at => 15),
	pg_temp.flow('left', '10.0.0.3:80', '10.0.0.9:1', 'server', at => 11), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.3:80', at => 15),
	pg_temp.flow('seen', '10.0.0.4:80', '10.0.0.9:1', 'server', at => 14), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.4:80', at => 15),
	pg_temp.flow('part', '10.0.0.5:80', '10.0.0.1:40001', 'server', at => 15), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.5:80', at => 15, connections => 2),
	pg_temp.flow('all', '10.0.0.6:80', '10.0.0.1:40001', 'server', at => 15), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.6:80', at => 15));
SELECT topo.flush();
SELECT target, confidence FROM pg_temp.map() WHERE source = 'web';
-- Who answered is the callee, whoever else may hold the address.
SELECT pg_temp.forget();
SELECT pg_temp.take(
	pg_temp.flow('old', '10.0.0.2:80', '10.0.0.9:1', 'server', at => 10), pg_temp.flow('new', '10.0.0.2:80', '10.0.0.9:1', 'server', at => 18),
	pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', at => 14), pg_temp.flow('old', '10.0.0.2:80', '10.0.0.1:40001', 'server', at => 14),
	pg_temp.flow('cron', '10.0.0.3:40001', '10.0.0.2:80', at => 16), pg_temp.flow('shop', '10.0.0.4:40001', '10.0.0.2:80', at => 16),
	pg_temp.flow('old', '10.0.0.2:80', '10.0.0.4:40001', 'server', at => 16), pg_temp.flow('new', '10.0.0.2:80', '10.0.0.4:40001', 'server', at => 16));
SELECT topo.flush();
SELECT source, target, connections, confidence FROM pg_temp.map();
-- What the inventory says is certain, also of the caller.
SELECT topo.set_node('external', 'stripe') IS NOT NULL AS made;
SELECT topo.set_address('10.0.0.2', 'external:stripe', '(,)'), topo.set_address('10.0.0.1', 'external:stripe', '(,)');
SELECT topo.flush();
SELECT source, target, confidence FROM pg_temp.map() WHERE target LIKE '%stripe%';
DELETE FROM topo.address;

--
-- flush()
--
-- Done again, it changes nothing: not even a row is written.
SELECT topo.flush();
CREATE TEMP TABLE rows_before AS SELECT ctid AS row_at, xmin::text AS written_by, bucket, src, dst FROM topo_network.edge_window;
SELECT topo.flush();
SELECT count(*) > 0 AS some FROM rows_before;
SELECT count(*) FROM (SELECT ctid, xmin::text, bucket, src, dst FROM topo_network.edge_window EXCEPT TABLE rows_before) changed;
-- Windows marked without need are written anew, and the same.
CREATE TEMP TABLE windows_before AS SELECT * FROM pg_temp.windows();
INSERT INTO topo_network.dirty_window SELECT DISTINCT bucket FROM topo_network.flow_window UNION ALL SELECT '2020-11-20 09:00Z';
SELECT topo.flush();
SELECT (SELECT count(*) FROM topo_network.dirty_window) AS dirty, count(*) AS changed FROM (TABLE windows_before EXCEPT SELECT * FROM pg_temp.windows()) c;
-- Settled edges stay when their flows are gone, whatever is learned then.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80'), pg_temp.flow('db', '10.0.0.2:80', '10.0.0.1:40001', 'server'), pg_temp.flow('web', '10.0.0.1:40001', '10.0.0.2:80', at => 3600));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
DROP TABLE topo_network.flow_window_2020112010;
SELECT pg_temp.take(pg_temp.flow('evil', '10.0.0.2:80', '10.0.0.1:40001', 'server', at => 3590, lasts => 11));
SELECT topo.set_address('10.0.0.2', 'evil', '(,2020-11-20 10:30Z)');
INSERT INTO topo_network.dirty_window VALUES ('2020-11-20 10:00Z');
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- Without a service map there is nothing to do.
SELECT topo.drop_graph('network');
SELECT topo.flush();
ROLLBACK;
-- It reads what others commit meanwhile, so it needs to see that.
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT topo.flush();
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT topo.flush();
ROLLBACK;
