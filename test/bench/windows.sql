--
-- Windows of a map of 8,000 nodes and 161,000 edges: what they take to store, and how
-- fast they answer.  Needs what service_map.sql makes; the variable "minutes" says for
-- how many minutes the map is filled, an hour at most.
--
-- Every edge has traffic in every minute, as eBPF reports it: connections, bytes and
-- packets both ways, round-trip times.  Numbers are a hash of edge and minute.
--
SET search_path = pg_catalog;
SET timezone = 'UTC';
SET jit = off;
SET work_mem = '256MB';
-- what it costs to merge; dashboard.sql shows what it costs to ask again
SET topology.use_memos = off;
-- what is of the past must stay, and be merged and rolled up here only
SELECT topo.set_graph('bench', '{"retention": "infinite"}') \g /dev/null
\set begin '2026-01-05 10:00Z'
SELECT set_config('topology.clock_offset', extract(epoch FROM '2026-01-05 12:30Z'::timestamptz - now())::text, false) \g /dev/null
SELECT topo.ensure_partitions('bench', g, tstzrange(:'begin', '2026-01-05 13:00Z')) FROM unnest('{1 minute,1 hour,1 day}'::interval[]) g \g /dev/null

CREATE FUNCTION pg_temp.hashed(edge bigint, minute integer, what integer, most integer) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN (pg_catalog.hashint8extended(edge * 1000 + minute, what) & 1073741823) % most;

-- Traffic of so many minutes of an hour.
CREATE PROCEDURE pg_temp.fill(hour timestamptz, minutes integer) LANGUAGE sql AS $$
INSERT INTO topo_bench.edge_window (bucket, part, src, dst, first_seen, last_seen, traffic)
SELECT m.bucket, 6, l.src, l.dst, m.bucket + pg_temp.hashed(l.n, m.i, 1, 9000000) * interval '1 microsecond',
	   m.bucket + interval '1 minute' - pg_temp.hashed(l.n, m.i, 2, 9000000) * interval '1 microsecond',
	   topo.traffic(connections => pg_temp.hashed(l.n, m.i, 3, 60), bytes_sent => pg_temp.hashed(l.n, m.i, 4, 300000), bytes_received => pg_temp.hashed(l.n, m.i, 5, 300000),
					packets_sent => pg_temp.hashed(l.n, m.i, 6, 900), packets_received => pg_temp.hashed(l.n, m.i, 7, 900),
					rtt_sum_us => pg_temp.hashed(l.n, m.i, 8, 90000), rtt_samples => 1 + pg_temp.hashed(l.n, m.i, 9, 60))
FROM (SELECT f.first + i AS i, hour + i * interval '1 minute' AS bucket
	  FROM (SELECT extract(hour FROM hour)::integer * 60 AS first) f, generate_series(0, minutes - 1) i) m
	 CROSS JOIN (SELECT src, dst, row_number() OVER (ORDER BY src, dst) AS n FROM topo_bench.link WHERE level = 'a') l;
$$;
CALL pg_temp.fill(:'begin', :minutes);

CREATE FUNCTION pg_temp.bytes(relation text) RETURNS numeric LANGUAGE sql
RETURN (SELECT sum(pg_catalog.pg_total_relation_size(p.partition)) FROM topo.partitions('topo_bench', relation) p);
CREATE TEMP TABLE size (grain text, bytes numeric, windows numeric);
VACUUM topo_bench.edge_window;
INSERT INTO size SELECT 'a row for each edge and minute', pg_temp.bytes('edge_window'), count(*) FROM topo_bench.edge_window;
CREATE TEMP TABLE lean AS SELECT bucket, src, dst, topo.connections(traffic) AS connections, topo.bytes_sent(traffic) AS bytes_sent, topo.bytes_received(traffic) AS bytes_received
FROM topo_bench.edge_window WHERE bucket = :'begin';
CREATE INDEX ON lean (bucket);
INSERT INTO size SELECT 'a plain row of bucket, src, dst and three counters', pg_total_relation_size('lean'), count(*) FROM lean;

\echo Merging and packing of a minute, rollup of an hour and a day: rows read a second
CREATE TEMP TABLE took (what text, rows numeric, seconds numeric);
CREATE PROCEDURE pg_temp.time(what text, rows numeric, statement text) LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz := clock_timestamp();
BEGIN
	EXECUTE statement;
	INSERT INTO took VALUES (what, rows, extract(epoch FROM clock_timestamp() - start));
END
$$;
SELECT topo.windows_changed('bench', ARRAY(SELECT DISTINCT bucket FROM topo_bench.edge_window)) \g /dev/null
SELECT count(*) AS edges FROM topo_bench.link WHERE level = 'a' \gset
CALL pg_temp.time('minutes', :edges * :minutes, $$SELECT topo.merge_rows('topo_bench', g, ARRAY(SELECT DISTINCT w.bucket FROM topo_bench.edge_window w), '6::smallint') FROM topo.grain g WHERE g.graph = 'bench' AND g.relation = 'edge_window'$$);
CALL pg_temp.time('hour', :edges * :minutes, $$SELECT topo.roll_up(g, '1 hour', '2026-01-05 10:00Z') FROM topo.graph g WHERE g.name = 'bench'$$);
CALL pg_temp.time('day', :edges, $$SELECT topo.roll_up(g, '1 day', '2026-01-05 00:00Z') FROM topo.graph g WHERE g.name = 'bench'$$);
SELECT what, rows, round(seconds, 2) AS seconds, round(rows / seconds) AS rows_per_s FROM took;
VACUUM FULL topo_bench.edge_window;
INSERT INTO size
SELECT 'packed, ' || g.grain, pg_temp.bytes(g.relation), :edges * g.buckets
FROM (VALUES ('1 minute', 'edge_window', :minutes), ('1 hour', 'edge_hour', 1), ('1 day', 'edge_day', 1)) g (grain, relation, buckets);

\echo Bytes an edge and window, heap, TOAST and indexes
SELECT grain, windows, round(bytes / windows, 1) AS bytes_each FROM size;

\echo A month of the map with the default retentions (2 and, until their partition goes, up to 3 days of minutes and ten minutes, each of which is taken to be as large as an hour; 30 of hours and of days)
SELECT pg_size_pretty(plain.bytes / plain.windows * :edges * 43200) AS rows, pg_size_pretty(lean.bytes / lean.windows * :edges * 43200) AS lean,
	   pg_size_pretty(kept.two) AS packed, pg_size_pretty(kept.three) AS packed_at_most,
	   round(plain.bytes / plain.windows * :edges * 43200 / kept.two) AS times_smaller, round(plain.bytes / plain.windows * :edges * 43200 / kept.three) AS at_least
FROM (SELECT * FROM size WHERE grain LIKE 'a row%') plain, (SELECT * FROM size WHERE grain LIKE 'a plain%') lean,
	 (SELECT sum(bytes / windows * :edges * CASE grain WHEN 'packed, 1 minute' THEN 2880 WHEN 'packed, 1 hour' THEN 720 + 288 ELSE 30 END) AS two,
			 sum(bytes / windows * :edges * CASE grain WHEN 'packed, 1 minute' THEN 4320 WHEN 'packed, 1 hour' THEN 720 + 432 ELSE 30 END) AS three
	  FROM size WHERE grain LIKE 'packed%') kept;

\echo edges(during), milliseconds, medians of five: an hour, a day, 30 days; diff() and history()
CREATE PROCEDURE pg_temp.time_of_five(what text, rows numeric, statement text) LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz;
	seconds numeric[];
BEGIN
	FOR i IN 1..5 LOOP
		start := clock_timestamp();
		EXECUTE statement;
		seconds[i] := extract(epoch FROM clock_timestamp() - start);
	END LOOP;
	INSERT INTO took SELECT what, rows, percentile_disc(0.5) WITHIN GROUP (ORDER BY s) FROM unnest(seconds) s;
END
$$;
-- the day stands for each of the 30
SELECT topo.ensure_partitions('bench', '1 day', '[2025-12-07 00:00Z,2026-01-06 00:00Z)') \g /dev/null
INSERT INTO topo_bench.edge_day (bucket, part, src, last_src, first_seen, last_seen, pack)
SELECT d.bucket - i * interval '1 day', d.part, d.src, d.last_src, d.first_seen, d.last_seen, d.pack
FROM topo_bench.edge_day d CROSS JOIN generate_series(1, 29) i WHERE d.bucket = '2026-01-05 00:00Z';
INSERT INTO topo_bench.rollup (width, bucket, rolled_at, edges)
SELECT r.width, r.bucket - i * interval '1 day', r.rolled_at, r.edges
FROM topo_bench.rollup r CROSS JOIN generate_series(1, 29) i WHERE r.width = '1 day';
VACUUM ANALYZE topo_bench.edge_day;
TRUNCATE took;
CALL pg_temp.time_of_five('1 hour', :edges, $$SELECT count(*) FROM topo.edges('[2026-01-05 10:00Z,2026-01-05 11:00Z)', '{bench}')$$);
CALL pg_temp.time_of_five('1 hour, of minutes', :edges * :minutes, $$SELECT count(*) FROM topo.edges('[2026-01-05 10:00Z,2026-01-05 10:59Z)', '{bench}')$$);
CALL pg_temp.time_of_five('1 day', :edges, $$SELECT count(*) FROM topo.edges('[2026-01-05 00:00Z,2026-01-06 00:00Z)', '{bench}')$$);
CALL pg_temp.time_of_five('30 days', :edges * 30, $$SELECT count(*) FROM topo.edges('[2025-12-07 00:00Z,2026-01-06 00:00Z)', '{bench}')$$);
SET work_mem = '4MB';
CALL pg_temp.time_of_five('30 days, work_mem 4 MB', :edges * 30, $$SELECT count(*) FROM topo.edges('[2025-12-07 00:00Z,2026-01-06 00:00Z)', '{bench}')$$);
SET work_mem = '256MB';
-- another hour, to compare
CALL pg_temp.fill('2026-01-05 11:00Z', :minutes);
SELECT topo.windows_changed('bench', ARRAY(SELECT DISTINCT bucket FROM topo_bench.edge_window WHERE bucket >= '2026-01-05 11:00Z')) \g /dev/null
SELECT topo.roll_up(g, '1 hour', '2026-01-05 11:00Z') FROM topo.graph g WHERE g.name = 'bench' \g /dev/null
VACUUM ANALYZE topo_bench.edge_window;
VACUUM ANALYZE topo_bench.edge_hour;
CALL pg_temp.time_of_five('diff of two hours', :edges * 2, $$SELECT count(*) FROM topo.diff('[2026-01-05 10:00Z,2026-01-05 11:00Z)', '[2026-01-05 11:00Z,2026-01-05 12:00Z)', '{bench}')$$);
CALL pg_temp.time_of_five('diff, of two times of minutes', :edges * 4, $$SELECT count(*) FROM topo.diff('[2026-01-05 10:00Z,2026-01-05 10:02Z)', '[2026-01-05 10:02Z,2026-01-05 10:04Z)', '{bench}')$$);
CALL pg_temp.time_of_five('history of one edge, by the minute', :minutes, $$SELECT count(*) FROM topo.history('bench-0001', 'bench-0001', '[2026-01-05 10:00Z,2026-01-05 11:00Z)', '1 minute', '{bench}')$$);
SELECT what, rows AS windows, round(seconds * 1000) AS ms FROM took;
