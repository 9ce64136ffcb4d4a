--
-- One window of stage 1, written straight into its table: as many rows as "rows"
-- says.  Always the same, but for the time.  Its traffic is, as "shape" says,
--
-- plain	both ends of conversations between 20,000 instances of 4,000 clusters of 2,000
--			apps, whose addresses are known
-- hub		the same; some of the rows are those of a load balancer that carries 100 times
--			the traffic of anybody else: 5,000 callers of 1,000 clusters, before 30 backends
--			of 10 clusters.  That is as many edges as one listener may become
-- proxies	all of it goes through one of 200 proxies, each before 2 instances
-- mesh		all of it goes through 100 proxies that call each other, each before 20 instances
-- scan		plain, but for one instance that tries 65,535 ports of another, and 60,000
--			addresses that nobody holds; each at most as many as a quarter of the rows
-- clients	all of it comes to one instance, from as many private addresses that nobody holds
--
SET jit = off;

SELECT topo.create_service_map();
SELECT date_bin('10 seconds', now() - interval '2 minutes', '2000-01-01 00:00Z') AS bucket,
	   tstzrange(now() - interval '1 hour', now() + interval '1 hour') AS valid,
	   :'shape' IN ('plain', 'hub', 'scan') AS direct,
	   CASE :'shape' WHEN 'scan' THEN least(:rows / 4, 65535) ELSE 0 END AS ports,
	   CASE :'shape' WHEN 'scan' THEN least(:rows / 4, 60000) ELSE 0 END AS addresses,
	   CASE :'shape' WHEN 'clients' THEN :rows ELSE 0 END AS clients,
	   CASE :'shape' WHEN 'hub' THEN 1 ELSE 0 END AS hubs,
	   CASE :'shape' WHEN 'proxies' THEN 200 WHEN 'mesh' THEN 100 ELSE 0 END AS proxies \gset

INSERT INTO topo.node (type, name) SELECT 'app', 'app' || a FROM generate_series(0, 1999) a;
INSERT INTO topo.node (type, name, parent)
SELECT 'cluster', format('app%s-v%s', a, v), topo.node_id('app' || a) FROM generate_series(0, 1999) a, generate_series(0, 1) v;
CREATE TEMPORARY TABLE proxy AS
SELECT p, '10.9.0.1'::inet + p AS address, CASE p WHEN 0 THEN 'haproxy' ELSE 'proxy' || p END AS name FROM generate_series(0, :proxies) p WHERE p > 0 OR :hubs > 0;
SELECT count(topo.set_node('app', p.name)), count(topo.set_intermediary('at ' || p.name, 'load_balancer', p.address)) FROM proxy p;

CREATE TEMPORARY TABLE instance AS
SELECT i, '10.0.0.1'::inet + i AS address, topo.node_id(format('cluster:app%s-v%s', i % 2000, i / 2000 % 2)) AS node
FROM generate_series(0, 19999) i;
INSERT INTO topo.address (address, port, valid, node, source)
SELECT i.address, p, :'valid', i.node, 'bench' FROM instance i, unnest(ARRAY[NULL, 8080]) p;
INSERT INTO topo.reporter (scope, address, valid)
SELECT '', a.address, :'valid' FROM (SELECT address FROM instance UNION ALL SELECT address FROM proxy) a;

CREATE TEMPORARY TABLE conversation AS
-- of proxies and their backends
SELECT p.address AS client, topo.node_id(p.name) AS client_node, s.address AS server, s.node AS server_node, 8080 AS port, 100 AS connections
FROM proxy p JOIN instance s ON s.i % nullif(:proxies, 0) = p.p - 1 AND s.i < :proxies * CASE :'shape' WHEN 'mesh' THEN 20 ELSE 2 END
WHERE p.p > 0
UNION ALL
SELECT p.address, topo.node_id(p.name), o.address, topo.node_id(o.name), 80, 100 FROM proxy p JOIN proxy o ON p.p > 0 AND o.p > 0 AND o.p <> p.p WHERE :'shape' = 'mesh'
UNION ALL
-- of the hub
SELECT c.address, c.node, '10.9.0.1', topo.node_id('haproxy'), 443, 1 FROM instance c WHERE :hubs > 0 AND c.i % 4 = 0
UNION ALL
SELECT '10.9.0.1', topo.node_id('haproxy'), s.address, s.node, 8080, 167 FROM instance s
WHERE :hubs > 0 AND s.i % 2000 < 20 AND s.i % 2 = 1 AND s.i / 2000 IN (0, 2, 4);

INSERT INTO conversation
SELECT c.address, c.node, s.address, s.node, 8080, 1
FROM generate_series(1::bigint, (:rows - :ports - :addresses - :clients) / 2 - (SELECT count(*) FROM conversation)) n
	 JOIN instance c ON c.i = (hashint8extended(n, 1) & 1073741823) % 20000
	 JOIN instance s ON s.i = (hashint8extended(n, 2) & 1073741823) % 20000
WHERE :'direct'
UNION ALL
SELECT c.address, c.node, p.address, topo.node_id(p.name), 80, 1
FROM generate_series(1::bigint, (:rows - :ports - :addresses - :clients) / 2 - (SELECT count(*) FROM conversation)) n
	 JOIN instance c ON c.i = (hashint8extended(n, 1) & 1073741823) % 20000
	 JOIN proxy p ON p.p = 1 + (hashint8extended(n, 2) & 1073741823) % nullif(:proxies, 0)
WHERE NOT :'direct';

SELECT topo.ensure_partitions('network', '10 seconds', tstzrange(:'bucket', :'bucket', '[]'));
INSERT INTO topo_network.flow_window (bucket, scope, protocol, role, role_guessed, local_address, local_port, local_node,
									  peer_address, peer_port, first_seen, last_seen, traffic)
SELECT :'bucket', '', 6, r.role, false, r.local, CASE r.role WHEN 2 THEN c.port ELSE 0 END, r.node, r.peer,
	   CASE r.role WHEN 1 THEN c.port ELSE 0 END, :'bucket', :'bucket'::timestamptz + interval '1 second',
	   format('{"connections": %s, "bytes_sent": %s, "bytes_received": %s}', c.connections, r.sent * c.connections, r.received * c.connections)::topo.traffic
FROM conversation c, LATERAL (VALUES (1, c.client, c.client_node, c.server, 1200, 5400),
									 (2, c.server, c.server_node, c.client, 5400, 1200)) r (role, local, node, peer, sent, received);
INSERT INTO topo_network.flow_window (bucket, scope, protocol, role, role_guessed, local_address, local_port, local_node,
									  peer_address, peer_port, first_seen, last_seen, traffic)
SELECT :'bucket', '', 6, o.role, false, i.address, o.local_port, i.node, o.peer, o.peer_port, :'bucket', :'bucket', o.traffic::topo.traffic
FROM (SELECT 0 AS i, 1 AS role, 0 AS local_port, '10.0.0.2'::inet AS peer, n AS peer_port, '{"failed": 1}' AS traffic FROM generate_series(1, :ports) n
	  UNION ALL SELECT 0, 1, 0, '10.64.0.0'::inet + n, 80, '{"failed": 1}' FROM generate_series(1, :addresses) n
	  UNION ALL SELECT 1, 2, 443, '10.128.0.0'::inet + n, 0, '{"connections": 1, "bytes_sent": 5400, "bytes_received": 1200}' FROM generate_series(1, :clients) n) o
	 JOIN instance i ON i.i = o.i;
INSERT INTO topo_network.dirty_window VALUES (:'bucket');
VACUUM ANALYZE topo.node, topo.address, topo.reporter;
