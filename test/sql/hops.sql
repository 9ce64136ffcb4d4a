\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set map :srcdir '/lib/map.sql'
\i :map
\set ECHO all
-- hops(): what each end reported, by address, before resolution.
\x on
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.hops()$$);
\x off
SELECT topo.create_service_map();
SELECT topo.set_graph('network', '{"edge_ttl": "infinite"}');
SELECT * FROM topo.hops();
SELECT topo.ensure_partitions('network', '10 seconds', '[2020-11-20 09:00Z,2020-11-20 11:00Z)');

-- One window of one end's reports.
CREATE FUNCTION pg_temp.report(role text, app text, local_address inet, local_port integer, peer_address inet, peer_port integer,
							   traffic topo.traffic, bucket timestamptz DEFAULT '2020-11-20 10:00Z', protocol smallint DEFAULT 6,
							   nat_local_address inet DEFAULT NULL, nat_peer_address inet DEFAULT NULL, nat_peer_port integer DEFAULT NULL)
RETURNS void LANGUAGE sql AS $$
	INSERT INTO topo_network.flow_window (bucket, scope, protocol, role, role_guessed, local_address, local_port, local_node, peer_address,
										  peer_port, nat_local_address, nat_peer_address, nat_peer_port, first_seen, last_seen, traffic)
	SELECT bucket, 'vpc-1', protocol, CASE role WHEN 'client' THEN 1 ELSE 2 END, false, local_address, local_port,
		   CASE WHEN app IS NOT NULL THEN pg_temp.node(app) END, peer_address, peer_port, nat_local_address, nat_peer_address, nat_peer_port,
		   bucket + interval '1 second', bucket + interval '9 seconds', traffic
$$;

-- Both ends report one connection: two rows, and the readings of both are the caller's.
SELECT pg_temp.report('client', 'checkout', '10.0.0.7', 0, '10.0.1.9', 6379,
					  topo.traffic(connections => 2, failed => 1, bytes_sent => 100, bytes_received => 5000, retransmits => 3, rtt_sum_us => 3000, rtt_samples => 2)),
	   pg_temp.report('server', 'cluster:redis-1', '10.0.1.9', 6379, '10.0.0.7', 0,
					  topo.traffic(connections => 1, bytes_sent => 5000, bytes_received => 100));
SELECT scope, source, source_node, target, target_port, target_node, protocol, reported_by, role_guessed FROM topo.hops() ORDER BY reported_by;
SELECT reported_by, connections, failed, bytes_sent, bytes_received, retransmits, rtt_ms, first_seen, last_seen FROM topo.hops() ORDER BY reported_by;
SELECT reported_by, traffic FROM topo.hops() ORDER BY reported_by;

-- Windows of one conversation merge; another window, end, port or protocol is another hop, and IPv6 is as good as IPv4.
SELECT pg_temp.report('client', 'checkout', '10.0.0.7', 0, '10.0.1.9', 6379, topo.traffic(connections => 10), '2020-11-20 10:00:10Z'),
	   pg_temp.report('client', 'checkout', '10.0.0.7', 0, '10.0.1.9', 6380, topo.traffic(connections => 100)),
	   pg_temp.report('client', NULL, 'fd00::7', 0, 'fd00::53', 53, topo.traffic(connections => 1000), protocol => 17::smallint),
	   pg_temp.report('client', NULL, '10.0.0.8', 0, '10.0.1.9', 1, topo.traffic(connections => 10000), protocol => 132::smallint);
SELECT source, source_node, target, target_port, protocol, connections, first_seen, last_seen FROM topo.hops() WHERE reported_by = 'client' ORDER BY target_port, source;

-- Translated addresses are shown beside those that the socket has.
SELECT pg_temp.report('client', 'web', '10.0.2.1', 0, '10.96.0.1', 80, topo.traffic(connections => 1), nat_local_address => '192.0.2.1', nat_peer_address => '10.0.3.3', nat_peer_port => 8080),
	   pg_temp.report('server', 'web', '10.0.3.3', 8080, '192.0.2.1', 0, topo.traffic(connections => 1), nat_local_address => '10.96.0.1', nat_peer_address => '10.0.2.1', nat_peer_port => 4711);
SELECT reported_by, source, nat_source, target, target_port, nat_target, nat_target_port FROM topo.hops() WHERE nat_source IS NOT NULL ORDER BY 1;

-- A range of time takes the windows of 10 seconds that overlap it.
SELECT during, sum(connections)
FROM unnest(ARRAY['[2020-11-20 10:00:09.999999Z,2020-11-20 10:00:10Z)', '[2020-11-20 10:00:10Z,2020-11-20 10:00:20Z)', '[2020-11-20 10:00:20Z,)',
				  '[2020-11-20 09:00Z,2020-11-20 10:00Z)', '[2020-11-20 09:00Z,2020-11-20 10:00Z]', '(,)']::tstzrange[]) WITH ORDINALITY d (during, n)
	 LEFT JOIN LATERAL topo.hops(during) h ON h.target_port = 6379 AND h.reported_by = 'client'
GROUP BY during, n ORDER BY n;

-- Without one it is the last edge_ttl.
SELECT topo.set_graph('network', '{"edge_ttl": "1 hour"}');
SELECT topo.maintain_windows();
SELECT topo.ensure_partitions('network', '10 seconds', tstzrange(now() - interval '2 hours', now()));
SELECT pg_temp.report('client', 'web', '10.0.9.1', 0, '10.0.9.2', 80, topo.traffic(connections => 1), now() - interval '59 minutes'),
	   pg_temp.report('client', 'web', '10.0.9.1', 0, '10.0.9.2', 80, topo.traffic(connections => 10), now() - interval '61 minutes');
SELECT source, target, connections FROM topo.hops() WHERE source = '10.0.9.1';

\x on
SELECT * FROM pg_temp.refusal($$SELECT * FROM topo.hops('empty')$$);
ROLLBACK;
