\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set ECHO all
-- Minutes are rolled up to hours and days, once they are quiet; what is late is added exactly.
\t on
SELECT topo.create_service_map();
SELECT pg_temp.clock('2020-11-20 10:30Z');
\t off
CREATE TEMP VIEW state AS
	SELECT graph, grain, dirty, oldest_dirty, due, rolled_up FROM topo.maintenance_status WHERE graph = 'ipc';
SELECT pg_temp.called('2020-11-20 09:10:05Z', 'a', 'b', 1), pg_temp.called('2020-11-20 09:10:15Z', 'a', 'b', 2),
	   pg_temp.called('2020-11-20 09:50:05Z', 'a', 'b', 4), pg_temp.called('2020-11-20 10:10:05Z', 'a', 'c', 8);
SELECT topo.flush();
SELECT * FROM state;
-- Nothing is due before it has been quiet for a minute; then the minutes are merged, and the hour that is over is rolled up.
SELECT topo.maintain_windows();
SELECT * FROM state;
SELECT part, count(*) FROM pg_temp.stored('topo_ipc', 'edge_window') GROUP BY 1 ORDER BY 1;
SELECT pg_temp.clock('2020-11-20 10:31Z'), topo.maintain_windows();
SELECT * FROM state;
SELECT part, count(*) FROM pg_temp.stored('topo_ipc', 'edge_window') GROUP BY 1 ORDER BY 1;
SELECT * FROM pg_temp.held();
-- The same windows come of any rows: latency too.
SELECT topo.p50_ms(traffic), topo.requests(traffic) FROM pg_temp.stored('topo_ipc', 'edge_hour');

-- What is late dirties the hour and day that it is of, and no other; until they are rolled up, the minutes answer.
SELECT pg_temp.clock('2020-11-21 00:05Z'), topo.maintain_windows();
SELECT * FROM state;
SELECT pg_temp.called('2020-11-20 09:10:25Z', 'a', 'b', 16, 1000), topo.flush();
SELECT * FROM state;
SELECT relation, bucket, edge, requests FROM pg_temp.held() WHERE relation <> 'edge_window';
SELECT * FROM topo.window_pieces((SELECT g FROM topo.graph g WHERE name = 'ipc'), '[2020-11-20 00:00Z,2020-11-21 00:00Z)');
SELECT source, target, requests, round(p99_ms::numeric, 1) AS p99 FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)') ORDER BY 1, 2;
SELECT pg_temp.clock('2020-11-21 00:07Z'), topo.maintain_windows();
SELECT * FROM state;
SELECT * FROM topo.window_pieces((SELECT g FROM topo.graph g WHERE name = 'ipc'), '[2020-11-20 00:00Z,2020-11-21 00:00Z)');
SELECT source, target, requests, round(p99_ms::numeric, 1) AS p99 FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)') ORDER BY 1, 2;
-- What comes without end is rolled up all the same, now and then.
SELECT pg_temp.clock('2020-11-21 00:20Z'), pg_temp.called('2020-11-20 09:10:25Z', 'a', 'b', 32), topo.flush();
SELECT pg_temp.clock('2020-11-21 00:30Z'), pg_temp.called('2020-11-20 09:10:25Z', 'a', 'b', 64), topo.flush();
SELECT due FROM state WHERE grain = '1 hour';
SELECT pg_temp.clock('2020-11-21 00:35Z'), topo.maintain_windows();

-- Nothing is dirty now.  What is late dirties its minutes, hours and days, whoever writes it, and nothing else.
CREATE TEMP VIEW dirty AS
	SELECT 'ipc' AS graph, width, bucket FROM topo_ipc.dirty_rollup UNION SELECT 'ipc', '1 minute', bucket FROM topo_ipc.open_window
	UNION SELECT 'network', width, bucket FROM topo_network.dirty_rollup UNION SELECT 'network', '1 minute', bucket FROM topo_network.open_window
	UNION SELECT 'network', '10 seconds', bucket FROM topo_network.dirty_window;
SELECT * FROM dirty ORDER BY 1, 2, 3;
SELECT pg_temp.called('2020-11-20 00:00:00Z', 'a', 'b', 1), pg_temp.called('2020-11-20 09:59:58.999Z', 'a', 'd', 1), pg_temp.called('2020-11-20 09:10:25Z', 'a', 'b', 1),
	   pg_temp.called('2020-11-19 23:59:59Z', 'a', 'b', 1), pg_temp.reported('2020-11-20 23:59:51Z', 'web', 'shop', 1);
SELECT * FROM dirty WHERE width < '1 minute' ORDER BY 1, 2, 3;
SELECT topo.flush();
SELECT * FROM dirty ORDER BY 1, 2, 3;
SELECT pg_temp.clock('2020-11-21 00:38Z'), topo.maintain_windows();
SELECT * FROM dirty ORDER BY 1, 2, 3;

-- All of it is what rolling up from scratch gives, byte for byte.
CREATE TEMP TABLE as_it_came AS SELECT * FROM pg_temp.content('ipc');
TRUNCATE topo_ipc.edge_hour, topo_ipc.edge_day, topo_ipc.rollup;
SELECT topo.windows_changed('ipc', ARRAY(SELECT DISTINCT bucket FROM topo_ipc.edge_window));
SELECT pg_temp.clock('2020-11-21 00:40Z'), topo.maintain_windows();
SELECT count(*) AS held, count(*) FILTER (WHERE s.traffic IS NULL OR s.traffic::text <> c.traffic::text) AS otherwise
FROM as_it_came c FULL JOIN pg_temp.content('ipc') s USING (relation, bucket, source, target, first_seen, last_seen);
DROP TABLE as_it_came;

-- A range is answered from days, at its ends from hours, then from minutes.
SELECT pg_temp.clock('2020-11-22 02:20Z');
SELECT pg_temp.called('2020-11-21 00:10:05Z', 'a', 'b', 1), pg_temp.called('2020-11-21 02:10:05Z', 'a', 'b', 2),
	   pg_temp.called('2020-11-22 02:10:05Z', 'a', 'b', 4), topo.flush(), pg_temp.clock('2020-11-22 02:30Z'), topo.maintain_windows();
SELECT d AS asked, p.relation, p.during
FROM unnest(ARRAY['[2020-11-20 00:00Z,2020-11-22 00:00Z)', '[2020-11-20 00:00Z,2020-11-22 02:20Z)', '[2020-11-20 09:09:30Z,2020-11-22 02:15Z]',
				  '[2020-11-21 02:10Z,2020-11-21 02:11Z)', '(2020-11-19 23:59:59Z,)', '(,)', '(-infinity,2020-11-20 10:00Z)']::tstzrange[]) WITH ORDINALITY a (d, number),
	 topo.graph g, topo.window_pieces(g, d) p
WHERE g.name = 'ipc' ORDER BY a.number, p.during;

-- Minutes that are older than their retention go, once all is rolled up; the hours stay, and answer as a whole.
SELECT pg_temp.clock('2020-11-23 00:00Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held();
SET client_min_messages = notice;
SELECT source, target, requests FROM topo.edges('[2020-11-20 09:10Z,2020-11-20 09:11Z)', '{ipc}') ORDER BY 1, 2;
SET client_min_messages = warning;
-- What is late for them lands in the hour, besides what is sealed there.
SELECT pg_temp.called('2020-11-20 09:10:05Z', 'a', 'b', 128), pg_temp.called('2020-11-20 12:10:05Z', 'a', 'd', 256), topo.flush();
SELECT relation, bucket, edge, requests FROM pg_temp.held() WHERE bucket < '2020-11-21Z';
SELECT relation, during, sealed FROM topo.graph g, topo.window_pieces(g, '[2020-11-20 09:10Z,2020-11-20 09:11Z)') WHERE name = 'ipc';
SELECT source, target, requests FROM topo.edges('[2020-11-20 09:10Z,2020-11-20 09:11Z)', '{ipc}') ORDER BY 1, 2;
SELECT source, target, requests FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', '{ipc}') ORDER BY 1, 2;
SELECT pg_temp.clock('2020-11-23 00:02Z'), topo.roll_up_next();
SELECT relation, bucket, edge, requests FROM pg_temp.held() WHERE bucket < '2020-11-21Z';
SELECT bucket, part, topo.requests(traffic) AS requests FROM pg_temp.stored('topo_ipc', 'edge_hour') WHERE bucket = '2020-11-20 09:00Z' ORDER BY 2;
SELECT source, target, requests FROM topo.edges('[2020-11-20 09:10Z,2020-11-20 09:11Z)', '{ipc}') ORDER BY 1, 2;
SELECT topo.maintain_windows();
-- When it goes once more, the two are one; and so on.
SELECT bucket, part, topo.requests(traffic) AS requests FROM pg_temp.stored('topo_ipc', 'edge_hour') WHERE bucket = '2020-11-20 09:00Z' ORDER BY 2;
SELECT pg_temp.called('2020-11-20 09:10:05Z', 'a', 'b', 512), topo.flush(), pg_temp.clock('2020-11-23 00:05Z'), topo.maintain_windows();
SELECT relation, bucket, edge, requests FROM pg_temp.held() WHERE bucket < '2020-11-21Z';

-- Two months later the hours are gone; two years later the days.
SELECT pg_temp.clock('2021-02-01 00:00Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held();
SELECT pg_temp.called('2020-11-20 09:10:05Z', 'a', 'b', 1024), topo.flush(), pg_temp.clock('2021-02-01 00:05Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held();
SET client_min_messages = notice;
SELECT source, target, requests FROM topo.edges('[2020-11-20 09:10Z,2020-11-20 09:11Z)', '{ipc}') ORDER BY 1, 2;
SELECT pg_temp.clock('2023-02-01 00:00Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held();
SELECT source, target, requests FROM topo.edges('[2020-11-20 09:10Z,2020-11-20 09:11Z)', '{ipc}') ORDER BY 1, 2;
SET client_min_messages = warning;
-- Then what is older is refused.
SELECT r.state, r.message FROM pg_temp.refusal($$SELECT pg_temp.called('2021-01-31 00:00Z', 'a', 'b')$$) r;
SELECT r.message FROM pg_temp.refusal($$SELECT pg_temp.called('2021-02-02 00:00Z', 'a', 'b')$$) r;
SELECT topo.drop_graph(g) FROM unnest('{network,ipc,trace}'::text[]) g;
SELECT topo.create_service_map();

-- Flows, of which one comes late for a minute that is merged; then for one whose flows are dropped.
SELECT pg_temp.clock('2020-11-20 10:30Z');
SELECT pg_temp.reported('2020-11-20 10:10:05Z', 'web', 'shop', 1), pg_temp.reported('2020-11-20 10:10:25Z', 'web', 'shop', 2), topo.flush(), topo.maintain_windows();
SELECT part, topo.bytes_sent(traffic) AS bytes FROM pg_temp.stored('topo_network', 'edge_window') ORDER BY 1;
SELECT pg_temp.clock('2020-11-20 10:32Z'), topo.maintain_windows();
SELECT part, topo.bytes_sent(traffic) AS bytes FROM pg_temp.stored('topo_network', 'edge_window') ORDER BY 1;
SELECT pg_temp.reported('2020-11-20 10:10:15Z', 'web', 'shop', 4), topo.flush();
SELECT part, topo.bytes_sent(traffic) AS bytes FROM pg_temp.stored('topo_network', 'edge_window') ORDER BY 1;
SELECT pg_temp.clock('2020-11-21 12:00Z'), topo.maintain_windows();
SELECT count(*) AS flows FROM topo_network.flow_window;
SELECT pg_temp.reported('2020-11-20 10:10:05Z', 'web', 'shop', 8), pg_temp.reported('2020-11-20 10:10:35Z', 'web', 'shop', 16), topo.flush();
SELECT part, topo.bytes_sent(traffic) AS bytes FROM pg_temp.stored('topo_network', 'edge_window') ORDER BY 1;
SELECT pg_temp.clock('2020-11-21 12:02Z'), topo.merge_next_minute();
SELECT pg_temp.reported('2020-11-20 10:10:05Z', 'web', 'shop', 32), topo.flush();
SELECT part, topo.bytes_sent(traffic) AS bytes FROM pg_temp.stored('topo_network', 'edge_window') ORDER BY 1;
SELECT source, target, bytes_sent, confidence FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', '{network}') ORDER BY 1, 2;
SELECT pg_temp.clock('2020-11-21 12:05Z'), topo.maintain_windows();
SELECT part, topo.bytes_sent(traffic) AS bytes FROM pg_temp.stored('topo_network', 'edge_window') ORDER BY 1;
SELECT source, target, bytes_sent, confidence FROM topo.edges('[2020-11-20 00:00Z,2020-11-21 00:00Z)', '{network}') ORDER BY 1, 2;
SELECT count(*) AS flows FROM topo_network.flow_window;

-- Windows that nobody has marked are rolled up before they go; a table whose rollups are dirty stays.
SELECT topo.drop_graph(g) FROM unnest('{network,ipc,trace}'::text[]) g;
SELECT topo.create_graph('mine');
SELECT pg_temp.clock('2020-11-20 10:30Z');
SELECT pg_temp.saw('mine', 'x', 'y', '{"requests": 5}', '2020-11-20 10:10Z');
SELECT pg_temp.clock('2020-11-20 23:00Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held('mine');
SELECT pg_temp.clock('2020-11-23 00:00Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held('mine');
SELECT pg_temp.clock('2020-11-23 00:02Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held('mine');
-- So it does where what is longer is kept for ever.
SELECT topo.create_graph('ever', '{"retention": {"1 hour": "infinite", "1 day": "infinite"}}');
SELECT pg_temp.saw('ever', 'x', 'y', '{"requests": 7}', '2020-11-20 10:10Z'), topo.windows_changed('ever', '{2020-11-20 10:10Z}');
SELECT topo.maintain_windows();
SELECT * FROM pg_temp.held('ever');
SELECT pg_temp.clock('2020-11-23 00:04Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held('ever');
ROLLBACK;
