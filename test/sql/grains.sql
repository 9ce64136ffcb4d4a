\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set ECHO all
-- Which widths of windows a graph keeps: hours and days may be left out, and added again.
\t on
SELECT topo.create_service_map();
SELECT pg_temp.clock('2020-11-20 10:30Z');
\t off
-- What is no choice of widths.
SELECT options, r.* FROM unnest(ARRAY[
	'{"grains": "1 minute"}', '{"grains": []}', '{"grains": null}', '{"grains": ["1 hour", "1 day"]}', '{"grains": ["1 minute", "2 hours"]}', '{"grains": ["1 minute", "a while"]}',
	'{"grains": ["1 minute", null]}', '{"grains": ["1 minute", 3600]}', '{"grains": {"1 minute": true}}', '{"grains": ["10 seconds", "1 minute"]}',
	'{"grains": ["1 minute", "1 day"], "retention": {"1 hour": "1 day"}}']) options, pg_temp.refusal(format('SELECT topo.set_graph(''ipc'', %L)', options)) r;
SELECT topo.create_graph('mine', '{"retention": {"1 day": "1 year"}, "grains": ["24 hours", "60 seconds"]}');
SELECT width, relation, retention FROM topo.grain WHERE graph = 'mine' ORDER BY 1;

-- Without hours, minutes are rolled up to days.
SELECT topo.set_graph('ipc', '{"grains": ["1 minute", "1 day"]}');
SELECT pg_temp.called('2020-11-19 09:10:05Z', 'a', 'b', 1), pg_temp.called('2020-11-19 21:10:05Z', 'a', 'b', 2), pg_temp.called('2020-11-20 10:10:05Z', 'a', 'c', 4),
	   topo.flush(), topo.maintain_windows(), pg_temp.clock('2020-11-20 10:35Z'), topo.maintain_windows();
SELECT grain, dirty, due, rolled_up FROM topo.maintenance_status WHERE graph = 'ipc' AND grain >= '1 minute';
SELECT * FROM pg_temp.held();
SELECT d AS asked, p.relation, p.during
FROM unnest(ARRAY['[2020-11-19 09:00Z,2020-11-20 11:00Z)', '[2020-11-19 00:00Z,2020-11-20 11:00Z)']::tstzrange[]) d, topo.graph g, topo.window_pieces(g, d) p
WHERE g.name = 'ipc' ORDER BY d DESC, p.during;
-- Every question is answered, before the minutes go and after.
CREATE TEMP VIEW answers AS
	SELECT (SELECT string_agg(concat(e.source, ' > ', e.target, ' ', e.requests), ', ' ORDER BY e.target) FROM topo.edges('[2020-11-19 00:00Z,2020-11-20 11:00Z)') e) AS edges,
		   (SELECT string_agg(concat(h.bucket::date, ' ', h.requests), ', ' ORDER BY h.bucket) FROM topo.history('a', 'b', '[2020-11-19,2020-11-21)', '1 day') h) AS history,
		   (SELECT sum(h.requests) FROM topo.history('a', 'b', '[2020-11-19,2020-11-21)', '1 hour') h) AS by_the_hour,
		   (SELECT string_agg(concat(d.change, ' ', d.source, ' > ', d.target), ', ' ORDER BY d.source, d.target) FROM topo.diff('[2020-11-19,2020-11-20)', '[2020-11-20,2020-11-21)') d WHERE d.target IS NOT NULL) AS diff,
		   (SELECT string_agg(t.node, ', ' ORDER BY t.node) FROM topo.traverse('{a}', during => '[2020-11-19 09:00Z,2020-11-19 10:00Z)') t) AS traverse;
\x on
SELECT * FROM answers;
SELECT pg_temp.clock('2020-11-22 12:00Z'), topo.maintain_windows();
SELECT * FROM answers;
\x off
SELECT * FROM pg_temp.held();
-- What is late comes into the day.
SELECT pg_temp.called('2020-11-19 09:10:05Z', 'a', 'b', 8), topo.flush(), pg_temp.clock('2020-11-22 12:05Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held();
-- Hours that are added are made of the minutes that there are.
SELECT pg_temp.called('2020-11-22 09:10:05Z', 'a', 'b', 16), topo.flush(), topo.set_graph('ipc', '{"grains": ["1 minute", "1 hour", "1 day"]}');
SELECT pg_temp.clock('2020-11-22 12:10Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held();
SELECT retention FROM topo.grain WHERE graph = 'ipc' AND width = '1 hour';
-- Ten minutes too, so that a range that begins and ends at no full hour is answered without many minutes.
SELECT topo.set_graph('ipc', '{"grains": ["1 minute", "10 minutes", "1 hour", "1 day"]}');
SELECT pg_temp.called('2020-11-22 11:57:05Z', 'a', 'b', 32), topo.flush(), pg_temp.clock('2020-11-22 12:15Z'), topo.maintain_windows();
SELECT * FROM pg_temp.held() WHERE bucket >= '2020-11-22Z';
SELECT p.relation, p.during FROM topo.graph g, topo.window_pieces(g, '[2020-11-22 08:55Z,2020-11-22 11:58Z)') p WHERE g.name = 'ipc' ORDER BY p.during;
SELECT source, target, requests FROM topo.edges('[2020-11-22 08:55Z,2020-11-22 11:58Z)', '{ipc}');
SELECT bucket, requests FROM topo.history('a', 'b', '[2020-11-22 11:30Z,2020-11-22 12:00Z)', '10 minutes', '{ipc}');
-- What is late is in the answer at once: only the ten minutes that it is of are read as minutes until they are rolled up again.
SELECT pg_temp.called('2020-11-22 11:44:05Z', 'a', 'b', 64), topo.flush();
SELECT p.relation, p.during FROM topo.graph g, topo.window_pieces(g, '[2020-11-22 11:10Z,2020-11-22 12:00Z)') p WHERE g.name = 'ipc' ORDER BY p.during;
SELECT source, target, requests FROM topo.edges('[2020-11-22 11:10Z,2020-11-22 12:00Z)', '{ipc}');
SELECT pg_temp.clock('2020-11-22 12:17Z'), topo.maintain_windows();
SELECT p.relation, p.during FROM topo.graph g, topo.window_pieces(g, '[2020-11-22 11:10Z,2020-11-22 12:00Z)') p WHERE g.name = 'ipc' ORDER BY p.during;
SELECT source, target, requests FROM topo.edges('[2020-11-22 11:10Z,2020-11-22 12:00Z)', '{ipc}');
-- Only minutes: what is older is gone.
SELECT topo.set_graph('ipc', '{"grains": ["1 minute"]}');
SELECT * FROM pg_temp.held();
SELECT topo.maintain_windows();
SELECT r.message FROM pg_temp.refusal($$SELECT pg_temp.called('2020-11-20 12:00Z', 'a', 'b', 1)$$) r;

-- Whatever is left out and added, however wide partitions are, and whatever comes late meanwhile: each day holds what has come of it, once.
SELECT topo.set_graph('ipc', '{"grains": ["1 minute", "1 hour", "1 day"], "retention": {"1 minute": "1 day", "1 hour": "4 days", "1 day": "infinite", "10 seconds": "1 hour"}}');
CREATE TEMP TABLE came (at timestamptz, requests bigint);
INSERT INTO came SELECT bucket, requests FROM pg_temp.held() WHERE relation = 'edge_window' AND edge = 'a > b';
CREATE TEMP TABLE step (n integer, otherwise bigint);
DO $$
DECLARE
	now timestamptz;
	chosen text;
BEGIN
	FOR n IN 1..48 LOOP
		now := timestamptz '2020-11-23 00:07Z' + n * interval '5 hours';
		PERFORM pg_temp.clock(now);
		-- each has requests of its own, so that nothing can stand for anything else
		WITH come AS (
			INSERT INTO came SELECT now - (abs(hashint8(n * 100 + i)) % 8640) / 8640.0 * CASE i WHEN 1 THEN interval '1 hour' WHEN 2 THEN interval '30 hours' ELSE interval '6 days' END,
									1::bigint << ((n * 3 + i) % 40)
			FROM generate_series(1, 3) i RETURNING *)
		SELECT string_agg(pg_temp.called(c.at, 'a', 'b', c.requests)::text, '') INTO chosen FROM come c;
		PERFORM topo.flush();
		-- partitions may have any width meanwhile
		UPDATE topo.grain SET partition = CASE width WHEN '1 minute' THEN (ARRAY['1 day', '3 hours', '12 hours', '1 hour']::interval[])[1 + abs(hashint8(n + 2000)) % 4]
											WHEN '10 minutes' THEN (ARRAY['1 day', '3 hours']::interval[])[1 + abs(hashint8(n + 6000)) % 2]
											WHEN '1 hour' THEN (ARRAY['1 day', '7 days']::interval[])[1 + abs(hashint8(n + 4000)) % 2] ELSE partition END
		WHERE graph = 'ipc' AND n % 3 = 0;
		IF abs(hashint8(n + 1000)) % 3 > 0 THEN
			PERFORM pg_temp.clock(now + interval '3 minutes'), topo.maintain_windows();
		END IF;
		IF abs(hashint8(n + 3000)) % 4 = 0 THEN
			chosen := (ARRAY['["1 minute", "1 day"]', '["1 minute", "1 hour", "1 day"]', '["1 minute", "10 minutes", "1 day"]', '["1 minute", "10 minutes", "1 hour", "1 day"]'])[1 + abs(hashint8(n + 5000)) % 4];
			PERFORM topo.set_graph('ipc', jsonb_build_object('grains', chosen::jsonb));
		END IF;
		INSERT INTO step
		SELECT n, count(*) FROM (SELECT date_trunc('day', c.at) AS day, sum(c.requests) AS requests FROM came c GROUP BY 1) c
							 FULL JOIN (SELECT h.bucket AS day, h.requests FROM topo.history('a', 'b', tstzrange('2020-11-15', now), '1 day') h WHERE h.requests > 0) h USING (day)
		WHERE c.requests IS DISTINCT FROM h.requests;
	END LOOP;
END
$$;
SELECT count(*), min(n) FILTER (WHERE otherwise > 0) AS first_wrong, sum(otherwise) AS days_otherwise FROM step;
ROLLBACK;
