\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set ECHO all
-- Travel in time: what was live then, and how an edge fared since.
\t on
SELECT topo.create_service_map();
SELECT topo.set_graph(g, '{"retention": "infinite"}') FROM unnest('{network,ipc,trace}'::text[]) g;
SELECT pg_temp.cluster('shop-v1', 'shop'), pg_temp.cluster('shop-v2', 'shop');
\t off

-- What was live at a time.
SELECT topo.as_of('2020-11-20 02:57Z');
SELECT topo.as_of('2020-11-20 02:57Z', 'ipc');
SELECT topo.set_graph('trace', '{"edge_ttl": "10 minutes"}');
SELECT topo.as_of('2020-11-20 02:57Z'), topo.as_of('2020-11-20 02:57Z', 'trace');
SELECT pg_temp.saw('network', 'web', 'db', '{"connections": 1}', '2020-11-20 01:50Z'), pg_temp.saw('network', 'web', 'shop', '{"connections": 2}', '2020-11-20 02:30Z'),
	   pg_temp.saw('network', 'web', 'mail', '{"connections": 4}', '2020-11-20 03:00Z');
SELECT source, target, connections FROM topo.edges(topo.as_of('2020-11-20 02:57Z'));
SELECT node FROM topo.downstream('web', during => topo.as_of('2020-11-20 02:57Z'));
SELECT topo.set_graph('trace', '{"edge_ttl": "infinite"}');
SELECT topo.as_of('2020-11-20 02:57Z');
SELECT r.state, r.message, r.hint FROM unnest(ARRAY['NULL', '''infinity''', '''2020-11-20'', ''nothing''']) a, pg_temp.refusal(format('SELECT topo.as_of(%s)', a)) r;

-- A series has a row for each step, those without traffic included; clusters count for their app.
SELECT pg_temp.saw('ipc', 'web', 'cluster:shop-v1', '{"requests": 10, "errors": 1, "latency": {"sum_ns": 1000000, "buckets": {"806": 10}}}', '2020-11-20 10:00:30Z'),
	   pg_temp.saw('ipc', 'web', 'cluster:shop-v2', '{"requests": 20}', '2020-11-20 10:00:40Z'),
	   pg_temp.saw('ipc', 'web', 'cluster:shop-v1', '{"requests": 40}', '2020-11-20 10:14:59Z'),
	   pg_temp.saw('ipc', 'mail', 'shop', '{"requests": 80}', '2020-11-20 10:07Z'),
	   pg_temp.saw('ipc', 'web', 'db', '{"requests": 160}', '2020-11-20 10:07Z');
SELECT * FROM topo.history('web', 'shop', '[2020-11-20 10:00Z,2020-11-20 10:20Z)', '5 minutes');
SELECT bucket, requests FROM topo.history('web', 'cluster:shop-v1', '[2020-11-20 10:00Z,2020-11-20 10:20Z)', '5 minutes') WHERE requests > 0;
-- All callers, all callees.
SELECT bucket, requests FROM topo.history(NULL, 'shop', '[2020-11-20 10:00Z,2020-11-20 10:20Z)', '10 minutes');
SELECT bucket, requests FROM topo.history('web', NULL, '[2020-11-20 10:00Z,2020-11-20 10:20Z)', '10 minutes');
-- Steps are whole, whatever the range: they are counted from midnight.
SELECT bucket, requests FROM topo.history('web', 'shop', '[2020-11-20 10:07Z,2020-11-20 10:21Z]', '7 minutes');
SELECT bucket, requests FROM topo.history('web', 'shop', '[2020-11-20 10:07Z,2020-11-20 10:07Z]', '1 hour');
-- Calls that two graphs know of are counted once; connections are those of the network.
SELECT pg_temp.saw('trace', 'web', 'shop', '{"requests": 29}', '2020-11-20 10:00Z'), pg_temp.saw('trace', 'web', 'shop', '{"requests": 7}', '2020-11-20 10:05Z'),
	   pg_temp.saw('network', 'web', 'shop', '{"connections": 3}', '2020-11-20 10:05Z');
SELECT bucket, requests, connections FROM topo.history('web', 'shop', '[2020-11-20 10:00Z,2020-11-20 10:10Z)', '5 minutes');
SELECT bucket, requests, connections FROM topo.history('web', 'shop', '[2020-11-20 10:00Z,2020-11-20 10:10Z)', '5 minutes', '{trace}');
-- Without a range: what is live.
SELECT topo.set_graph('trace', '{"edge_ttl": "1 hour"}'), pg_temp.clock('2020-11-20 10:30Z');
SELECT count(*), min(bucket), max(bucket), sum(requests) FROM topo.history('web', 'shop');

-- Days are those of the session's time zone: one of 23 hours, one of 25, and one that begins at no full hour of UTC.
SELECT pg_temp.saw('network', 'web', 'shop', topo.traffic(connections => 1), h)
FROM generate_series('2021-03-26 00:30Z'::timestamptz, '2021-03-30 23:30Z', '1 hour') h \g /dev/null
SELECT pg_temp.saw('network', 'web', 'shop', topo.traffic(connections => 1), h)
FROM generate_series('2021-10-29 00:30Z'::timestamptz, '2021-11-02 23:30Z', '1 hour') h \g /dev/null
SELECT pg_temp.clock('2021-11-05 00:00Z'), topo.windows_changed('network', ARRAY(SELECT DISTINCT bucket FROM topo_network.edge_window)),
	   pg_temp.clock('2021-11-05 01:00Z'), topo.maintain_windows();
SELECT relation, count(*) FROM pg_temp.content('network') GROUP BY 1 ORDER BY 1;
SET timezone = 'Europe/Berlin';
SELECT bucket, connections FROM topo.history('web', 'shop', '[2021-03-27,2021-03-30)', '1 day', '{network}');
SELECT bucket, connections FROM topo.history('web', 'shop', '[2021-10-30,2021-11-02)', '1 day', '{network}');
SELECT bucket, connections FROM topo.history('web', 'shop', '[2021-03-28,2021-03-28 12:00)', '3 hours', '{network}');
SELECT bucket, connections FROM topo.history('web', 'shop', '[2021-03-15,2021-04-02)', '7 days', '{network}');
SELECT bucket, connections FROM topo.history('web', 'shop', '[2021-03-15,2021-05-02)', '1 month', '{network}');
SET timezone = 'Asia/Kathmandu';
SELECT bucket, connections FROM topo.history('web', 'shop', '[2021-10-30,2021-11-01)', '1 day', '{network}');
SET timezone = 'UTC';
-- Every grain tells the same, as long as steps are whole windows of it.
SELECT step, sum(connections), count(*) FROM unnest('{1 minute,20 minutes,1 hour,6 hours,1 day}'::interval[]) step,
	 topo.history('web', 'shop', '[2021-10-29,2021-11-03)', step, '{network}') GROUP BY 1 ORDER BY 1;

-- What makes no series.
\x on
SELECT args, r.* FROM unnest(ARRAY[
	$$'web', 'shop', '[2020-11-20,2020-11-21)', '0'$$, $$'web', 'shop', '[2020-11-20,2020-11-21)', '-1 hour'$$, $$'web', 'shop', '[2020-11-20,2020-11-21)', NULL$$,
	$$'web', 'shop', '[2020-11-20,2020-11-21)', '10 seconds'$$, $$'web', 'shop', '[2020-11-20,2020-11-21)', '1 month -29 days'$$,
	$$'web', 'shop', '[1000-01-01,2020-11-21)', '1 minute'$$, $$'web', 'shop', '[2020-11-20,)', '1 hour'$$, $$'web', 'shop', '[-infinity,2020-11-20)', '1 hour'$$,
	$$'web', 'shop', 'empty', '1 hour'$$, $$'web', 'nobody', '[2020-11-20,2020-11-21)', '1 hour'$$, $$'web', 'shop', '[2020-11-20,2020-11-21)', '1 hour', '{nothing}'$$
]) args, pg_temp.refusal(format('SELECT topo.history(%s)', args)) r;
SELECT r.* FROM pg_temp.refusal($$SELECT topo.edges(tstzrange('2020-11-21', '2020-11-20'))$$) r;
\x off
-- No question is asked of a range that holds no time, or ends near the limits of timestamps; up to there, all answer.
CREATE TEMP VIEW question AS SELECT q FROM unnest(ARRAY[
	'topo.edges(%L)', 'topo.hops(%L)', 'topo.traverse(''{web}'', during => %L)', 'topo.reachable_count(''{web}'', during => %L)', 'topo.blast_radius(''shop'', during => %L)',
	'topo.shortest_path(''web'', ''shop'', during => %L)', 'topo.paths(''web'', ''shop'', during => %L)', 'topo.cycles(during => %L)', 'topo.components(during => %L)',
	'topo.mermaid(during => %L)', 'topo.dot(during => %L)', 'topo.explain_edge(''web'', ''shop'', %L)', 'topo.history(''web'', ''shop'', %L, ''100 years'')', 'topo.diff(%1$L, %1$L)']) q;
SELECT d, count(r) AS refused, min(r.state) AS state, min(r.message) AS message, bool_and(r.message = m.message AND r.hint <> '') AS alike
FROM unnest(ARRAY['empty', '[infinity,infinity]', '[-infinity,-infinity]', '(,-infinity)', '(infinity,)', '[4714-12-01 BC,2020-01-01)', '[2020-01-01,294276-12-31 23:59:59.999999]']) d
	 CROSS JOIN LATERAL (SELECT message FROM pg_temp.refusal(format('SELECT topo.edges(%L)', d))) m
	 CROSS JOIN question LEFT JOIN LATERAL pg_temp.refusal('SELECT ' || format(q, d)) r ON true
GROUP BY 1 ORDER BY 1;
SELECT q, r.state, r.message FROM question, pg_temp.refusal('SELECT ' || format(q, '[4000-01-01 BC,290000-01-01]')) r;
SELECT q FROM question, pg_temp.refusal('SELECT ' || format(q, '(,)')) r;
SELECT args, r.* FROM unnest(ARRAY[$$history('web', 'shop', '[2020-11-20,2020-11-21)', '170000000 years')$$, $$as_of('4714-12-01 BC')$$, $$as_of('294276-12-31')$$,
	$$set_graph('ipc', '{"retention": "170000000 years"}')$$, $$set_graph('ipc', '{"edge_ttl": "101 years"}')$$, $$ensure_partitions('ipc', '1 minute', '[294276-12-31 20:00,294276-12-31 23:59:59]')$$
]) args, pg_temp.refusal('SELECT topo.' || args) r \gx
-- A range that is not known to hold anything is answered.
SELECT count(*) FROM topo.history('web', 'shop', '[2020-01-01,2020-01-02)', '1 day');

-- A range from before what is kept: the answer for the part that there is, and a notice.
SELECT topo.set_graph(g, '{"retention": {"1 minute": "2 days", "1 hour": "60 days", "1 day": "2 years", "10 seconds": "1 day"}}') FROM unnest('{network,ipc}'::text[]) g;
SELECT topo.set_graph('trace', '{"retention": "2 years"}');
SELECT pg_temp.clock('2021-11-05 01:00Z'), topo.maintain_windows();
SET client_min_messages = notice;
SELECT source, target, connections FROM topo.edges('[2019-01-01,2021-11-03)', '{network}') ORDER BY 1, 2;
SELECT source, target, connections FROM topo.edges('[2021-10-30 10:15,2021-10-30 11:15)', '{network}') ORDER BY 1, 2;
SELECT source, target, connections FROM topo.edges('[2021-03-28 10:15,2021-03-28 11:15)', '{network}') ORDER BY 1, 2;
SELECT count(*) FROM topo.edges('[2018-01-01,2019-01-01)', '{network}');
SELECT node FROM topo.traverse('{web}', graphs => '{network}', during => '[2021-03-28 10:15,2021-03-28 11:15)');
SELECT count(*) FROM topo.hops('[2021-10-30 10:15,2021-11-30 11:15)');
-- Once a statement, however often windows are read for the answer.
SELECT count(*) > 0 FROM topo.traverse('{web}', 'both', during => '[2018-01-01,2021-01-01)');
SELECT count(*) > 0 FROM topo.explain_edge('web', 'shop', '[2018-01-01,2021-01-01)');
SELECT topo.mermaid('web', during => '[2018-01-01,2019-01-01)') <> '';
-- By second of what is kept.
SELECT change, target, connections_per_s_before * 86400 AS a_day_before, connections_per_s_after * 86400 AS a_day_after
FROM topo.diff('[2019-01-01,2020-11-21)', '[2021-03-26,2021-03-28)', '{network}') WHERE target IS NOT NULL;
-- None where nothing is missing, or nothing was asked for in particular.
SELECT count(*) FROM topo.edges('[2020-11-20,2021-11-03)', '{network}');
SELECT count(*) FROM topo.edges('(,)', '{network}');
SELECT count(*) FROM topo.edges('[-infinity,infinity]', '{network}');
SELECT count(*) FROM topo.hops('[-infinity,2021-11-05)');
SELECT count(*) FROM topo.hops('[2021-11-05 00:00,2021-11-05 01:00)');
ROLLBACK;
