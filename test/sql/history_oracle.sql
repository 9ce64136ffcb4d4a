\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set filled :srcdir '/lib/filled_windows.sql'
\set plain :srcdir '/lib/plain_history.sql'
\i :filled
\i :plain
\set ECHO all
-- history() beside plain SQL over the windows: of packs and rows, of every grain, row for row.
CREATE TEMP TABLE question AS
SELECT row_number() OVER (ORDER BY d.number, n.number) AS number, n.source, n.target, d.during, d.step,
	   (ARRAY[NULL, '{trace,ipc}', '{own,network,trace}'])[1 + (n.number + d.number) % 3]::text[] AS graphs
FROM (VALUES (1, 'a', NULL), (2, NULL, 'b'), (3, 'c', 'd'), (4, 'cluster:a-1', 'e'), (5, 'e', 'cluster:c-2'), (6, NULL, NULL), (7, 'intermediary:lb', NULL)) n (number, source, target),
	 (VALUES (1, '[2020-11-20,2020-11-23)'::tstzrange, '1 hour'::interval), (2, '[2020-11-20,2020-11-23)', '1 day'), (3, '[2020-11-20 08:30Z,2020-11-20 10:15Z)', '1 minute'),
			 (4, '[2020-11-20 23:50Z,2020-11-22 12:07:30Z]', '7 minutes'), (5, '[2020-11-22 10:00Z,2020-11-22 12:35Z)', '10 minutes'), (6, '[2020-11-18,2020-11-20)', '6 hours'),
			 (7, '[2020-11-20 08:00Z,2020-11-22)', '1 month'), (8, '[2020-11-20,2020-11-23)', '90 minutes'), (9, NULL, '1 minute')) d (number, during, step);
CREATE FUNCTION pg_temp.compared_all() RETURNS TABLE (during tstzrange, step interval, buckets bigint, filled bigint, otherwise bigint) LANGUAGE sql AS $$
	SELECT q.during, q.step, sum(c.buckets)::bigint, sum(c.filled)::bigint, sum(c.otherwise)::bigint
	FROM question q, pg_temp.compared_history(q.source, q.target, q.during, q.step, q.graphs) c GROUP BY 1, 2 ORDER BY 1, 2
$$;
CREATE FUNCTION pg_temp.compared_some(turn integer, OUT filled bigint, OUT otherwise bigint) LANGUAGE sql AS $$
	SELECT sum(c.filled)::bigint, sum(c.otherwise)::bigint
	FROM question q, pg_temp.compared_history(q.source, q.target, q.during, q.step, q.graphs) c WHERE q.number % 5 = turn
$$;
SELECT * FROM pg_temp.compared_all();
-- As other time zones have days.
SET timezone = 'America/St_Johns';
SELECT * FROM pg_temp.compared_history(NULL, 'b', '[2020-11-20 06:00Z,2020-11-23)', '1 day', NULL);
SELECT * FROM pg_temp.compared_history(NULL, 'b', '[2020-11-20 06:00Z,2020-11-23)', '1 month', NULL);
SET timezone = 'UTC';
-- What comes late, and what is merged, packed and rolled up meanwhile.
SELECT pg_temp.fill_all('2020-11-21 22:30Z', 300, 300, 6), pg_temp.fill_all('2020-11-22 12:10Z', 20, 300, 7);
SELECT * FROM pg_temp.compared_some(0);
SELECT pg_temp.clock('2020-11-23 00:10Z'), topo.maintain_windows();
SELECT * FROM pg_temp.compared_some(1);
-- Ten minutes, and no hours.
SELECT topo.set_graph(name, '{"grains": ["1 minute", "10 minutes", "1 day"]}') FROM topo.graph;
SELECT * FROM pg_temp.compared_some(2);
SELECT topo.maintain_windows();
SELECT * FROM pg_temp.compared_some(3);
-- Minutes that are dropped leave windows that are longer than a step; what then comes late is besides.
SELECT topo.set_graph(name, '{"retention": {"1 minute": "1 day", "10 minutes": "30 hours"}}') FROM topo.graph;
SELECT pg_temp.clock('2020-11-24 00:10Z'), topo.maintain_windows();
SELECT pg_temp.fill_all('2020-11-21 06:00Z', 60, 100, 8);
SELECT * FROM pg_temp.compared_all();
SELECT topo.maintain_windows();
SELECT * FROM pg_temp.compared_some(4);

-- Whose rights they are: none without SELECT on windows, and what row security leaves of windows, and of nodes.
CREATE ROLE series_reader;
GRANT USAGE ON SCHEMA topo, topo_network, topo_ipc, topo_trace, topo_own TO series_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA topo, topo_network, topo_trace, topo_own TO series_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pg_temp TO series_reader;
SET ROLE series_reader;
SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.history('a', NULL, '[2020-11-20,2020-11-23)', '1 hour', '{ipc}')$$)
UNION ALL SELECT state, message FROM pg_temp.refusal($$SELECT * FROM pg_temp.plain_history('a', NULL, '[2020-11-20,2020-11-23)', '1 hour', '{ipc}')$$);
SELECT * FROM pg_temp.compared_history('a', NULL, '[2020-11-20,2020-11-23)', '1 hour', '{network}');
RESET ROLE;
GRANT SELECT ON ALL TABLES IN SCHEMA topo_ipc TO series_reader;
REVOKE SELECT ON topo_ipc.edge_window FROM series_reader;
SET ROLE series_reader;
SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.history('a', NULL, '[2020-11-10,2020-11-11)', '1 hour', '{ipc}')$$);
RESET ROLE;
GRANT SELECT ON topo_ipc.edge_window TO series_reader;
ALTER TABLE topo_network.edge_day ENABLE ROW LEVEL SECURITY;
CREATE POLICY series_reader ON topo_network.edge_day TO series_reader USING (src % 2 = 0);
SET ROLE series_reader;
SELECT * FROM pg_temp.compared_history('a', NULL, '[2020-11-20,2020-11-23)', '1 day', '{network}');
RESET ROLE;
SELECT * FROM pg_temp.compared_history('a', NULL, '[2020-11-20,2020-11-23)', '1 day', '{network}');
ALTER TABLE topo.node ENABLE ROW LEVEL SECURITY;
CREATE POLICY series_reader ON topo.node TO series_reader USING (name NOT IN ('b', 'a-1'));
SET ROLE series_reader;
SELECT * FROM pg_temp.compared_history('a', NULL, '[2020-11-20,2020-11-23)', '1 day', NULL);
SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.history(NULL, 'b', '[2020-11-20,2020-11-23)', '1 day')$$);
RESET ROLE;

-- What is damaged is refused.
UPDATE topo_network.edge_day SET pack = substr(pack, 1, 40) WHERE pack IS NOT NULL;
SELECT state, message FROM pg_temp.refusal($$SELECT * FROM topo.history(NULL, 'b', '[2020-11-21,2020-11-22)', '1 day', '{network}')$$);

-- What no series is made of.
SELECT r.state, r.message
FROM unnest(ARRAY[$$NULL, NULL, NULL, ARRAY[now()]$$, $$'{network}', NULL, NULL, '{}'$$, $$'{network}', '{NULL}', NULL, ARRAY[now(), now()]$$, $$'{network}', NULL, NULL, NULL$$]) args,
	 pg_temp.refusal(format('SELECT topo.series(%s)', args)) r;
SELECT count(*), sum(connections) FROM topo.series('{network}', '{}', NULL, '{2020-11-20,2020-11-21,2020-11-22}');
ROLLBACK;
