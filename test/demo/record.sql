-- The fleet's traffic of stage 1 as flow records, a line each.

WITH flow AS (
	SELECT bucket, protocol, role, local_address, local_port, local_node, peer_address, peer_port,
		   min(first_seen) AS first_seen, max(last_seen) AS last_seen, topo.merge(traffic) AS traffic
	FROM topo_network.flow_window
	WHERE NOT role_guessed
	  AND (local_address << '10.77.0.0/16' OR local_address << 'fd77::/16')
	  AND (peer_address << '10.77.0.0/16' OR peer_address << 'fd77::/16')
	GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
)
SELECT json_strip_nulls(json_build_object(
		   'host', 'demo',
		   'start', (extract(epoch FROM first_seen) * 1000000000)::bigint,
		   'end', (extract(epoch FROM last_seen) * 1000000000)::bigint,
		   'proto', topo.protocol_name(protocol),
		   'role', CASE role WHEN 1 THEN 'client' ELSE 'server' END,
		   'local', json_build_object('ip', host(local_address), 'port', local_port,
									  'app', coalesce(app.name, n.name), 'cluster', CASE n.type WHEN 'cluster' THEN n.name END),
		   'peer', json_build_object('ip', host(peer_address), 'port', peer_port),
		   'tx_bytes', topo.bytes_sent(traffic), 'rx_bytes', topo.bytes_received(traffic),
		   'tx_packets', topo.packets_sent(traffic), 'rx_packets', topo.packets_received(traffic),
		   'retransmits', topo.retransmits(traffic), 'rtt_us', round(topo.rtt_ms(traffic) * 1000),
		   'connections', topo.connections(traffic), 'failed', topo.failed(traffic)))
FROM flow
	 LEFT JOIN topo.node n ON n.id = local_node
	 LEFT JOIN topo.node app ON app.id = n.parent AND n.type = 'cluster'
ORDER BY last_seen, first_seen, local_address, peer_address, peer_port, role;
