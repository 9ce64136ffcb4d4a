\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set filled :srcdir '/lib/filled_windows.sql'
\set plain :srcdir '/lib/plain_edges.sql'
\i :filled
\i :plain
\set ECHO all
-- edges() beside plain SQL over the windows: of packs and rows, of every grain, live or then, row for row.
SELECT g.name, sum(CASE WHEN w.pack IS NULL THEN 1 END) > 0 AS rows, sum(topo.packed_count(w.pack)) > 0 AS packed
FROM topo.graph g, LATERAL (SELECT pack FROM topo_network.edge_window WHERE g.name = 'network' UNION ALL SELECT pack FROM topo_ipc.edge_window WHERE g.name = 'ipc'
							UNION ALL SELECT pack FROM topo_trace.edge_window WHERE g.name = 'trace' UNION ALL SELECT pack FROM topo_own.edge_window WHERE g.name = 'own') w
GROUP BY 1 ORDER BY 1;

CREATE TEMP TABLE question AS
SELECT d.during, g.graphs, l.level
FROM (VALUES ('[2020-11-20,2020-11-23)'::tstzrange), ('(,)'), ('[2020-11-20 08:30Z,2020-11-20 10:15Z)'), ('[2020-11-20,2020-11-21)'), ('[2020-11-20 23:50Z,2020-11-22 12:07:30Z]'),
			 ('[2020-11-22 12:00Z,2020-11-22 12:01Z)'), ('[2020-11-19,2020-11-20)'), ('[2020-11-22 11:00Z,2020-11-22 12:00Z)'), ('[2020-11-22 12:15Z,)'), (NULL)) d (during),
	 (VALUES (NULL::text[]), ('{trace,ipc}'), ('{own,network,trace}')) g (graphs), (VALUES ('app'), ('cluster')) l (level);
CREATE FUNCTION pg_temp.compared_all() RETURNS TABLE (during tstzrange, edges bigint, otherwise bigint) LANGUAGE sql AS $$
	SELECT q.during, sum(c.edges)::bigint, sum(c.otherwise)::bigint FROM question q, pg_temp.compared(q.during, q.graphs, q.level) c GROUP BY 1 ORDER BY 1
$$;
-- Live edges with traffic and without, some that nobody noted, some whose windows count no more.
SELECT count(topo.link_windows(g.name, ARRAY(SELECT b FROM generate_series('2020-11-22 11:00Z'::timestamptz, '2020-11-22 12:20Z', '1 minute') b))) FROM topo.graph g;
SELECT pg_temp.linked('network', 'e', 'e'), pg_temp.linked('trace', 'f', 'e', 'c'), pg_temp.linked('trace', 'f', 'e');
DELETE FROM topo_network.link l USING end_node s, end_node d WHERE s.id = l.src AND d.id = l.dst AND (s.n + d.n) % 3 = 0;
DELETE FROM topo_ipc.live_edge l USING end_node s, end_node d WHERE s.id = l.src AND d.id = l.dst AND (s.n + d.n) % 2 = 0;
SELECT * FROM pg_temp.compared_all();

-- The same where little memory is allowed, and edges go to temporary files: it is refused where there may be none.
SELECT pg_temp.fill_all('2020-11-22 12:05Z', 20, 4000, 6);
SELECT count(pg_temp.node('address:10.9.0.' || n)) FROM generate_series(1, 50) n;
INSERT INTO topo_own.edge_window (bucket, src, dst, via, first_seen, last_seen, traffic)
SELECT b, s.id, d.id, CASE WHEN d.id % 7 = 0 THEN ARRAY[s.id, d.id] END, b, b, topo.traffic(requests => 1)
FROM generate_series('2020-11-22 12:20Z'::timestamptz, '2020-11-22 12:24Z', '1 minute') b, topo.node s, topo.node d WHERE s.name LIKE '10.9.0.%' AND d.name LIKE '10.9.0.%' ORDER BY 1;
SELECT * FROM pg_temp.compared('(,)', NULL, 'cluster');
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT * FROM pg_temp.compared('(,)', NULL, 'cluster');
SELECT * FROM pg_temp.compared('(,)', '{own}', 'app');
SELECT * FROM pg_temp.compared(NULL, NULL, 'cluster');
SET temp_file_limit = 0;
SELECT state FROM pg_temp.refusal($$SELECT FROM topo.edges('(,)', NULL, 'cluster') OFFSET 1000000$$);
RESET temp_file_limit;
RESET work_mem;
RESET hash_mem_multiplier;

-- Whose rights they are: none without SELECT on windows, and what row security leaves of windows, and of nodes.
CREATE ROLE map_reader;
GRANT USAGE ON SCHEMA topo, topo_network, topo_ipc, topo_trace TO map_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA topo, topo_network, topo_trace TO map_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pg_temp TO map_reader;
SET ROLE map_reader;
SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.edges('[2020-11-20,2020-11-23)', '{ipc}')$$)
UNION ALL SELECT state, message FROM pg_temp.refusal($$SELECT * FROM pg_temp.plain_edges('[2020-11-20,2020-11-23)', '{ipc}', 'app')$$)
UNION ALL SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.edges(NULL, '{ipc}')$$);
SELECT * FROM pg_temp.compared('[2020-11-20,2020-11-23)', '{network}', 'app');
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA topo_ipc TO map_reader;
REVOKE SELECT ON topo_ipc.edge_window FROM map_reader;
SET ROLE map_reader;
SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.edges('[2020-11-19,2020-11-20)', '{ipc}')$$);
RESET ROLE;
GRANT SELECT ON topo_ipc.edge_window TO map_reader;
ALTER TABLE topo_network.edge_window ENABLE ROW LEVEL SECURITY;
CREATE POLICY map_reader ON topo_network.edge_window TO map_reader USING (bucket < '2020-11-22 12:10Z');
SET ROLE map_reader;
SELECT * FROM pg_temp.compared('[2020-11-22 12:05Z,2020-11-23)', NULL, 'cluster');
SELECT * FROM pg_temp.compared('[2020-11-22 12:10Z,2020-11-23)', '{network}', 'cluster');
RESET ROLE;
ALTER TABLE topo.node ENABLE ROW LEVEL SECURITY;
CREATE POLICY map_reader ON topo.node TO map_reader USING (name NOT IN ('b', 'c-1', 'e', 'e3', 'nat'));
SET ROLE map_reader;
SELECT * FROM pg_temp.compared('(,)', NULL, 'cluster');
SELECT * FROM pg_temp.compared('(,)', NULL, 'app');
SELECT * FROM pg_temp.compared(NULL, NULL, 'app');
RESET ROLE;

-- A partition that is gone takes its windows with it; what is damaged is refused.
DROP TABLE topo_network.edge_window_20201122;
SELECT * FROM pg_temp.compared('(,)', NULL, 'cluster');
UPDATE topo_network.edge_day SET pack = substr(pack, 1, 40) WHERE pack IS NOT NULL;
SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.edges('[2020-11-21,2020-11-22)', '{network}')$$);
ROLLBACK;
