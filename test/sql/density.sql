\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set ECHO all
-- Windows of ten minutes come where minutes are dense, and go where they have not been for a day.
SET topology.dense_minute = 20;
SELECT topo.create_graph('map'), pg_temp.node(VARIADIC ARRAY(SELECT 'n' || i FROM generate_series(1, 60) i)) > 0 AS nodes;
CREATE TEMP TABLE raw (at timestamptz, source text, target text, requests bigint);
-- so many edges have traffic at each step of a range
CREATE FUNCTION pg_temp.seen(edges integer, during tstzrange, step interval DEFAULT '1 minute') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.ensure_partitions('map', '1 minute', during);
	WITH r AS (
		INSERT INTO raw SELECT m, 'n' || i, 'n' || i % 60 + 1, i + extract(epoch FROM m)::bigint % 7919
		FROM generate_series(lower(during), upper(during) - interval '1 second', step) m, generate_series(1, edges) i RETURNING *)
	INSERT INTO topo_map.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
	SELECT r.at, s.id, d.id, r.at, r.at, topo.traffic(requests => r.requests)
	FROM r JOIN topo.node s ON s.name = r.source JOIN topo.node d ON d.name = r.target WHERE s.type = 'app' AND d.type = 'app';
	PERFORM topo.windows_changed('map', ARRAY(SELECT generate_series(lower(during), upper(during) - interval '1 second', step)));
END
$$;
-- it is that time, and all is kept up
CREATE FUNCTION pg_temp.kept(at timestamptz) RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.clock(at), topo.maintain_windows()
$$;
-- ranges of which the answer is not what the raw records say: in the hours before, as a panel asks, and elsewhere
CREATE FUNCTION pg_temp.wrong() RETURNS SETOF tstzrange LANGUAGE sql AS $$
	SELECT d
	FROM (SELECT tstzrange(e - span, e) AS d
		  FROM unnest('{10 minutes,1 hour,3 hours,5 hours}'::interval[]) span,
			   generate_series(date_trunc('minute', topo.clock()) - interval '4 hours', topo.clock(), '23 minutes') e
		  UNION ALL SELECT tstzrange(h - interval '3 hours', h) FROM generate_series(date_trunc('hour', topo.clock()) - interval '90 hours', topo.clock(), '3 hours') h) r
	WHERE EXISTS (SELECT FROM (SELECT r.source, r.target, sum(r.requests)::bigint AS requests FROM raw r WHERE r.at <@ d GROUP BY 1, 2) r
					   FULL JOIN topo.edges(d, '{map}') e USING (source, target) WHERE r.requests IS DISTINCT FROM e.requests)
$$;
CREATE FUNCTION pg_temp.ten_minutes() RETURNS TABLE (active boolean, aside boolean, retention interval, rolled_up bigint, first timestamptz, last timestamptz, dirty bigint) LANGUAGE sql AS $$
	SELECT g.active, g.aside, g.retention, count(r.bucket), min(r.bucket), max(r.bucket), (SELECT count(*) FROM topo_map.dirty_rollup d WHERE d.width = g.width)
	FROM topo.grain g LEFT JOIN topo_map.rollup r USING (width) WHERE g.graph = 'map' AND g.width = '10 minutes' GROUP BY g.width, g.graph
$$;
SET client_min_messages = notice;
\set VERBOSITY default

-- Thin minutes need none.
SELECT pg_temp.clock('2020-11-20 00:05Z'), pg_temp.seen(3, '[2020-11-20 00:00Z,2020-11-20 09:00Z)', '5 minutes');
SELECT pg_temp.kept('2020-11-20 09:02Z');
SELECT grain, grain_reason FROM topo.maintenance_status WHERE graph = 'map';
-- Dense ones, once they have been for long enough to be what a panel of three hours waits for: from three hours ago on.
SELECT pg_temp.seen(60, '[2020-11-20 09:00Z,2020-11-20 09:40Z)'), pg_temp.kept('2020-11-20 09:42Z');
SELECT pg_temp.seen(60, '[2020-11-20 09:40Z,2020-11-20 10:08Z)'), pg_temp.kept('2020-11-20 10:10Z');
SELECT * FROM pg_temp.ten_minutes();
SELECT pg_temp.kept('2020-11-20 10:12Z');
SELECT * FROM pg_temp.ten_minutes();
SELECT grain, grain_reason FROM topo.maintenance_status WHERE graph = 'map';
SELECT p.relation, p.during FROM topo.graph g, topo.window_pieces(g, '[2020-11-20 06:55Z,2020-11-20 10:12Z)') p WHERE g.name = 'map' ORDER BY p.during;
SELECT pg_temp.wrong();
-- What comes late is of the ten minutes too, or of minutes that none are of.
SELECT pg_temp.seen(5, '[2020-11-20 08:13Z,2020-11-20 08:15Z)'), pg_temp.seen(5, '[2020-11-20 03:13Z,2020-11-20 03:15Z)');
SELECT dirty FROM pg_temp.ten_minutes();
SELECT pg_temp.wrong();
SELECT pg_temp.kept('2020-11-20 10:15Z');
SELECT * FROM pg_temp.ten_minutes();
SELECT pg_temp.wrong();
-- Thin hours do not make them go before a day is over.
SELECT pg_temp.seen(4, '[2020-11-20 10:10Z,2020-11-21 09:50Z)', '10 minutes'), pg_temp.kept('2020-11-21 09:52Z');
SELECT active, rolled_up FROM pg_temp.ten_minutes();
SELECT pg_temp.wrong();
-- Then none are made, and none are read.
SELECT pg_temp.seen(4, '[2020-11-21 09:50Z,2020-11-21 11:20Z)', '10 minutes'), pg_temp.kept('2020-11-21 11:22Z');
SELECT grain, grain_reason FROM topo.maintenance_status WHERE graph = 'map';
SELECT * FROM pg_temp.ten_minutes();
SELECT p.relation, p.during FROM topo.graph g, topo.window_pieces(g, '[2020-11-20 08:55Z,2020-11-20 10:12Z)') p WHERE g.name = 'map' ORDER BY p.during;
SELECT pg_temp.wrong();
SELECT pg_temp.seen(5, '[2020-11-21 10:13Z,2020-11-21 10:15Z)'), pg_temp.seen(5, '[2020-11-20 10:03Z,2020-11-20 10:05Z)'), pg_temp.kept('2020-11-21 11:25Z');
SELECT * FROM pg_temp.ten_minutes();
SELECT pg_temp.wrong();
-- They come again, before those of the day before are gone: these are not read, since what came late is not in them.
SELECT pg_temp.seen(60, '[2020-11-21 11:22Z,2020-11-21 12:30Z)'), pg_temp.kept('2020-11-21 12:32Z'), pg_temp.kept('2020-11-21 12:35Z');
SELECT * FROM pg_temp.ten_minutes();
SELECT pg_temp.wrong();
SELECT d, sum(e.requests) = (SELECT sum(r.requests) FROM raw r WHERE r.at <@ d) AS all_there
FROM unnest('{"[2020-11-20 09:57Z,2020-11-20 10:13Z)","[2020-11-20 03:07Z,2020-11-21 12:35Z)"}'::tstzrange[]) d, topo.edges(d, '{map}') e GROUP BY 1 ORDER BY 1;
-- And go for good, with their partitions.
SELECT pg_temp.seen(4, '[2020-11-21 12:30Z,2020-11-22 13:10Z)', '10 minutes'), pg_temp.kept('2020-11-22 13:12Z'), pg_temp.kept('2020-11-22 14:12Z');
SELECT active, (SELECT count(*) > 0 FROM topo.partitions('topo_map', 'edge_ten_minutes')) AS partitions FROM pg_temp.ten_minutes();
SELECT pg_temp.kept('2020-11-26 00:02Z'), pg_temp.kept('2020-11-26 00:03Z');
SELECT count(*) AS grains, (SELECT count(*) FROM topo.partitions('topo_map', 'edge_ten_minutes')) AS partitions FROM topo.grain WHERE graph = 'map' AND width = '10 minutes';
-- What a day came to is forgotten after it.
SELECT pg_temp.seen(1, '[2020-11-26 00:00Z,2020-11-26 00:01Z)'), pg_temp.kept('2020-11-26 00:06Z');
SELECT count(*) FROM topo_map.merged_minute;
SET client_min_messages = warning;

-- Who names the grains of a graph has those, unless told otherwise.
SELECT r.* FROM unnest('{"\"yes\"",1,null}'::text[]) v, pg_temp.refusal(format('SELECT topo.set_graph(''map'', ''{"adapt_grains": %s}'')', coalesce(v, 'null'))) r;
CREATE FUNCTION pg_temp.dense(yes boolean) RETURNS void LANGUAGE sql AS $$
	DELETE FROM topo_map.merged_minute;
	INSERT INTO topo_map.merged_minute SELECT date_trunc('minute', topo.clock()), 1000000 WHERE yes
$$;
CREATE FUNCTION pg_temp.grains() RETURNS TABLE (adapt_grains boolean, grains text[]) LANGUAGE sql AS $$
	SELECT g.adapt_grains, array_agg(concat(r.width, CASE WHEN r.aside THEN ' aside' END, CASE WHEN NOT r.active THEN ' no more' END) ORDER BY r.width)
	FROM topo.graph g JOIN topo.grain r ON r.graph = g.name WHERE g.name = 'map' GROUP BY 1
$$;
SELECT pg_temp.dense(true), topo.maintain_windows();
SELECT * FROM pg_temp.grains();
SELECT topo.set_graph('map', '{"adapt_grains": false}'), pg_temp.dense(false), topo.maintain_windows();
SELECT * FROM pg_temp.grains();
SELECT topo.set_graph('map', '{"grains": ["1 minute", "1 hour"]}'), pg_temp.dense(true), topo.maintain_windows();
SELECT * FROM pg_temp.grains();
SELECT grain, grain_reason FROM topo.maintenance_status WHERE graph = 'map';
SELECT topo.set_graph('map', '{"grains": ["1 minute", "1 day"], "adapt_grains": true}'), topo.maintain_windows();
SELECT * FROM pg_temp.grains();
SELECT topo.set_graph('map', '{"grains": ["1 minute", "10 minutes", "1 day"], "adapt_grains": true}'), pg_temp.dense(false), topo.maintain_windows();
SELECT * FROM pg_temp.grains();
-- Neither do they come nor go where the setting says so.
SELECT topo.set_graph('map', '{"grains": ["1 minute", "1 day"], "adapt_grains": true}'), pg_temp.dense(true);
SET topology.dense_minute = 0;
SELECT topo.maintain_windows();
SELECT * FROM pg_temp.grains();
SET topology.dense_minute = 20;
SELECT topo.maintain_windows();
SELECT * FROM pg_temp.grains();

-- Whatever comes late while they come and go and minutes are dropped: each minute and each day hold what has come of it, once.
SELECT topo.set_graph('map', '{"grains": ["1 minute", "1 hour", "1 day"], "adapt_grains": true, "retention": {"1 minute": "1 day", "1 hour": "4 days", "1 day": "infinite"}}');
TRUNCATE raw;
-- What comes late to minutes that are gone is beside what is sealed in the hour, whatever ten minutes there are of it.
SET topology.rollup_delay = 0;
SELECT pg_temp.clock('2020-11-29 10:30Z'), pg_temp.dense(true), topo.maintain_windows(), topo.set_graph('map', '{"retention": {"10 minutes": "3 days"}}');
SELECT pg_temp.seen(3, '[2020-11-29 09:00Z,2020-11-29 10:00Z)'), pg_temp.kept('2020-11-29 10:32Z');
SELECT pg_temp.clock('2020-12-01 00:05Z'), pg_temp.dense(true), topo.maintain_windows();
SELECT (SELECT count(*) FROM pg_temp.stored('topo_map', 'edge_window')) AS minutes, (SELECT count(*) FROM pg_temp.stored('topo_map', 'edge_ten_minutes')) AS ten_minutes;
SELECT pg_temp.seen(3, '[2020-11-29 09:43Z,2020-11-29 09:44Z)');
SELECT pg_temp.wrong();
SELECT topo.roll_up_next();
SELECT width, bucket FROM topo_map.dirty_rollup ORDER BY 1;
SELECT pg_temp.wrong();
SELECT topo.maintain_windows();
SELECT pg_temp.wrong();
CREATE TEMP TABLE step (n integer, ten boolean, ranges bigint, days bigint);
DO $$
DECLARE
	now timestamptz;
BEGIN
	FOR n IN 1..60 LOOP
		now := timestamptz '2020-12-03 00:07Z' + n * interval '3 hours 20 minutes';
		PERFORM pg_temp.clock(now);
		PERFORM pg_temp.seen(1 + n % 3, tstzrange(t, t + interval '20 minutes'), '4 minutes')
		FROM (SELECT date_trunc('minute', now) - make_interval(mins => CASE i WHEN 1 THEN 20 WHEN 2 THEN abs(hashint8(n * 100 + i)) % 300 WHEN 3 THEN abs(hashint8(n * 100 + i)) % 2000
																  ELSE abs(hashint8(n * 100 + i)) % 8000 END) AS t FROM generate_series(1, 4) i) l;
		UPDATE topo.grain SET partition = CASE width WHEN '1 minute' THEN (ARRAY['1 day', '3 hours', '12 hours', '1 hour']::interval[])[1 + abs(hashint8(n + 2000)) % 4]
											WHEN '10 minutes' THEN (ARRAY['1 day', '3 hours']::interval[])[1 + abs(hashint8(n + 6000)) % 2] ELSE partition END,
							  retention = CASE width WHEN '10 minutes' THEN '3 days' ELSE retention END
		WHERE graph = 'map' AND n % 3 = 0;
		IF abs(hashint8(n + 3000)) % 3 = 0 THEN
			PERFORM pg_temp.dense(hashint8(n + 4000) > 0);
			WHILE topo.adapt_next() LOOP END LOOP;
		END IF;
		IF abs(hashint8(n + 1000)) % 3 > 0 THEN
			PERFORM pg_temp.kept(now + interval '3 minutes');
		END IF;
		-- as far as a keeper has come that is asked between two of its steps
		FOR i IN 1..abs(hashint8(n + 7000)) % 12 LOOP
			PERFORM topo.merge_next_minute(), topo.roll_up_next();
		END LOOP;
		INSERT INTO step
		SELECT n, EXISTS (SELECT FROM topo_map.rollup WHERE width = '10 minutes'), (SELECT count(*) FROM pg_temp.wrong()),
			   (SELECT count(*) FROM (SELECT date_trunc('day', r.at) AS day, sum(r.requests) AS requests FROM raw r WHERE r.source = 'n1' GROUP BY 1) r
								 FULL JOIN (SELECT h.bucket AS day, h.requests FROM topo.history('n1', 'n2', tstzrange('2020-11-27', now), '1 day', '{map}') h WHERE h.requests > 0) h USING (day)
				WHERE r.requests IS DISTINCT FROM h.requests);
	END LOOP;
END
$$;
SELECT count(*), count(*) FILTER (WHERE ten) BETWEEN 15 AND 45 AS with_and_without, min(n) FILTER (WHERE ranges + days > 0) AS first_wrong, sum(ranges) AS ranges_otherwise, sum(days) AS days_otherwise FROM step;
ROLLBACK;
