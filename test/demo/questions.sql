-- What the demo asks, of captured and of recorded traffic alike.
-- psql variables: redis, the app that is Redis; dot, the file for the picture.

\set ON_ERROR_STOP on
\pset null ''
\pset pager off

\echo
\echo '-- The source: what it has read, and what was lost.'
\echo '-- SELECT * FROM topo.source_status'
SELECT source, kind, state, records, dropped, dead_letters, lag, last_error FROM topo.source_status;

-- The machine may do more than the demo: what hangs together with checkout is the
-- fleet.
SELECT node INTO TEMPORARY fleet FROM topo.traverse('{checkout}', 'both');

\pset footer off
\echo '-- The hops: what each end of a connection said, by address.  The worst and the busiest.'
\echo '-- SELECT ... FROM topo.hops() ORDER BY failed DESC, connections DESC LIMIT 14'
SELECT source, source_node, target, target_port AS port, target_node, protocol, reported_by, connections, failed
FROM topo.hops()
WHERE source << '10.77.0.0/16' OR source << 'fd77::/16'
ORDER BY failed DESC, connections DESC, source, target, port, reported_by LIMIT 14;

\echo '-- The map: who calls whom (what hangs together with checkout).'
\echo '-- SELECT ... FROM topo.edges()'
SELECT source, target, array_to_string(via, ', ') AS via, connections AS conns, topo.failed(traffic) AS failed,
	   pg_size_pretty(bytes_sent) AS sent, pg_size_pretty(bytes_received) AS received, confidence AS conf
FROM topo.edges()
WHERE source IN (TABLE fleet) AND target IN (TABLE fleet)
ORDER BY source, target;

\echo '-- Why does it say that the partner calls checkout?  The edge, its hops, who held the addresses, the inventory.'
\echo '-- SELECT kind, what, connections, detail FROM topo.explain_edge(''reporting'', ''checkout'')'
SELECT kind, what, connections, detail FROM topo.explain_edge('reporting', 'checkout');

\echo '-- Who is hit when Redis fails, and whom to call?'
\echo '-- SELECT ... FROM topo.blast_radius(''':redis''') b LEFT JOIN owner o ON o.app = ...'
SELECT b.depth, b.node, o.team, o.pager
FROM topo.blast_radius(:'redis') b
	 LEFT JOIN owner o ON o.app = regexp_replace(b.node, '^intermediary:', '')
ORDER BY b.depth, b.node;

\echo '-- How does the partner come to the orders'' database?'
\echo '-- SELECT * FROM topo.shortest_path(''reporting'', ''orders-db'')'
SELECT * FROM topo.shortest_path('reporting', 'orders-db');

\echo '-- The map as a Mermaid flowchart: SELECT topo.mermaid(''checkout'')'
SELECT topo.mermaid('checkout') \g (format=unaligned tuples_only=on)
SELECT topo.dot('checkout') \g (format=unaligned tuples_only=on) :dot
