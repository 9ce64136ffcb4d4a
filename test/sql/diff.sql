\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set ECHO all
-- What changed between two ranges of time: of two known maps, and what is chance.
\t on
SELECT topo.create_service_map();
SELECT topo.set_graph(g, '{"retention": "infinite"}') FROM unnest('{network,ipc,trace}'::text[]) g;
SELECT pg_temp.cluster('shop-v1', 'shop'), pg_temp.cluster('shop-v2', 'shop');
SELECT pg_temp.clock('2020-11-20 12:00Z');
\t off
-- the same traffic in each minute of a range
CREATE FUNCTION pg_temp.went(graph text, source text, target text, during tstzrange, traffic topo.traffic) RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.saw(graph, source, target, traffic, m) FROM generate_series(lower(during), upper(during) - interval '1 minute', '1 minute') m
$$;
CREATE TEMP TABLE span AS SELECT tstzrange('2020-11-20 10:00Z', '2020-11-20 11:00Z') AS before, tstzrange('2020-11-20 11:00Z', '2020-11-20 11:20Z') AS after;

-- A dependency less, one more, a rollout, more load, errors and latency, a link that breaks, one that carries more; and what stays.
SELECT pg_temp.went('ipc', 'web', 'shop', before, topo.traffic(requests => 100, errors => 1, latency_ms => array_fill(10::float8, ARRAY[100]))),
	   pg_temp.went('ipc', 'web', 'shop', after, topo.traffic(requests => 100, errors => 20, latency_ms => array_fill(10::float8, ARRAY[95]) || array_fill(900::float8, ARRAY[5]))),
	   pg_temp.went('ipc', 'shop', 'legacy', before, topo.traffic(requests => 5)),
	   pg_temp.went('ipc', 'shop', 'fraud', after, topo.traffic(requests => 5, errors => 1)),
	   pg_temp.went('ipc', 'shop', 'stock', before, topo.traffic(requests => 30)), pg_temp.went('ipc', 'shop', 'stock', after, topo.traffic(requests => 90)),
	   pg_temp.went('ipc', 'web', 'search', before, topo.traffic(requests => 600, latency_ms => array_fill(20::float8, ARRAY[200]))),
	   pg_temp.went('ipc', 'web', 'search', after, topo.traffic(requests => 610, latency_ms => array_fill(20.2::float8, ARRAY[200]))),
	   pg_temp.went('network', 'shop', 'db', before, topo.traffic(connections => 10, bytes_sent => 1000, bytes_received => 5000)),
	   pg_temp.went('network', 'shop', 'db', after, topo.traffic(failed => 10)),
	   pg_temp.went('network', 'shop', 'cache', before, topo.traffic(packets_sent => 500, packets_received => 500, bytes_received => 100000)),
	   pg_temp.went('network', 'shop', 'cache', after, topo.traffic(packets_sent => 5000, packets_received => 5000, bytes_received => 1000000)),
	   pg_temp.went('network', 'web', 'shop', before, topo.traffic(connections => 3, bytes_sent => 300)), pg_temp.went('network', 'web', 'shop', after, topo.traffic(connections => 3, bytes_sent => 300)),
	   pg_temp.saw('network', 'cron', 'db', topo.traffic(connections => 1), '2020-11-20 10:30Z')
FROM span \g /dev/null
SELECT d.change, d.source, d.target, d.graph, d.summary FROM span, topo.diff(before, after) d;
-- Both readings, by second.
\x on
SELECT d.* FROM span, topo.diff(before, after, '{ipc}') d WHERE d.source = 'web';
SELECT d.connections_per_s_before, d.connections_per_s_after, d.failed_rate_before, d.failed_rate_after, d.bytes_per_s_before, d.bytes_per_s_after, d.error_rate_before
FROM span, topo.diff(before, after, '{network}') d WHERE d.target = 'db' AND d.source = 'shop';
\x off
-- The other way round, all of it is the other way round.
SELECT d.change, d.source, d.target, d.graph, d.summary FROM span, topo.diff(after, before) d;
-- A range has not changed from itself.
SELECT count(*) FROM span, topo.diff(before, before) d;
-- How much is a change is for the caller to say.
SELECT d.source, d.target, d.summary FROM span, topo.diff(before, after, least_change => 5) d WHERE d.change = 'changed';
SELECT d.source, d.target, d.summary FROM span, topo.diff(before, after, '{ipc}', least_change => 1) d WHERE d.change = 'changed';

-- A rollout is none for apps, but for clusters.
SELECT pg_temp.went('trace', 'web', 'cluster:shop-v1', before, topo.traffic(requests => 20)), pg_temp.went('trace', 'web', 'cluster:shop-v2', after, topo.traffic(requests => 20))
FROM span \g /dev/null
SELECT d.change, d.source, d.target, d.summary FROM span, topo.diff(before, after, '{trace}') d;
SELECT d.change, d.source, d.target, d.summary FROM span, topo.diff(before, after, '{trace}', 'cluster') d;

-- A node that was deleted since: its edges are told of, with its number for the name that nobody knows any more.
SAVEPOINT whole;
CREATE TEMP TABLE deleted AS SELECT id FROM topo.node WHERE type = 'cluster' AND name = 'shop-v1';
DELETE FROM topo.node WHERE id = (SELECT id FROM deleted);
SELECT d.change, regexp_replace(d.source, '^gone:' || id || '$', 'gone:#') AS source, regexp_replace(d.target, '^gone:' || id || '$', 'gone:#') AS target, d.summary FROM span, deleted, topo.diff(before, after, '{trace}', 'cluster') d;
ROLLBACK TO whole;

-- What is only chance is no change: two draws of the same, from edges of few calls and of many.
SELECT topo.create_graph('chance', '{"retention": "infinite"}');
SELECT topo.ensure_partitions('chance', '1 minute', '[2020-11-20 10:00Z,2020-11-20 12:00Z)'), pg_temp.node(VARIADIC ARRAY(SELECT 'n' || i FROM generate_series(0, 400) i)) > 0;
-- a sum of many rare events is as good as Poisson's
CREATE FUNCTION pg_temp.drawn(mean double precision, seed bigint) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM generate_series(1::bigint, greatest((mean * 50)::bigint, 1)) i WHERE (hashint8extended(i, seed) & 1048575) / 1048576.0::float8 < 0.02
$$;
INSERT INTO topo_chance.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
SELECT m, topo.node_id('n0'), topo.node_id('n' || i), m, m,
	   topo.traffic(requests => r.requests, errors => least(pg_temp.drawn(r.requests * 0.1, i * 31 + extract(minute FROM m)::bigint + 7), r.requests), connections => pg_temp.drawn(i / 100.0, i * 1000 + extract(epoch FROM m)::bigint % 7200 + 3))
FROM generate_series(1, 400) i, generate_series('2020-11-20 10:00Z'::timestamptz, '2020-11-20 11:19Z', '4 minutes') m,
	 LATERAL (SELECT pg_temp.drawn(i / 20.0, i * 100000 + extract(epoch FROM m)::bigint % 7200) AS requests) r;
SELECT count(*) AS edges, min(requests), max(requests) FROM topo.edges('[2020-11-20 10:00Z,2020-11-20 11:20Z)', '{chance}');
SELECT d.change, count(*) FROM span, topo.diff(before, after, '{chance}') d GROUP BY 1;
-- The same test finds what is none.
UPDATE topo_chance.edge_window w SET traffic = w.traffic OPERATOR(topo.+) w.traffic WHERE w.bucket >= '2020-11-20 11:00Z';
SELECT d.change, count(*) > 100 AS many FROM span, topo.diff(before, after, '{chance}') d GROUP BY 1;

-- What cannot be compared.
SELECT args, r.* FROM unnest(ARRAY[
	$$'[2020-11-20,2020-11-21)', NULL$$, $$'[2020-11-20,)', '[2020-11-20,2020-11-21)'$$, $$'[2020-11-20,2020-11-21)', '[2020-11-20,infinity)'$$,
	$$'empty', '[2020-11-20,2020-11-21)'$$, $$'[2020-11-20,2020-11-21)', '[2020-11-20,2020-11-21)', '{nothing}'$$,
	$$'[2020-11-20,2020-11-21)', '[2020-11-20,2020-11-21)', NULL, 'rack'$$, $$'[2020-11-20,2020-11-21)', '[2020-11-20,2020-11-21)', least_change => 0.5$$
]) args, pg_temp.refusal(format('SELECT topo.diff(%s)', args)) r \gx
-- A range without anything: all of the other was added.
SELECT d.change, count(*) FROM span, topo.diff('[2020-01-01,2020-01-02)', after, '{ipc}') d GROUP BY 1;
ROLLBACK;
