--
-- A panel that shows the last three hours of a map of 8,000 nodes and 161,000 edges, and
-- asks again and again while time passes: with windows of a minute, an hour and a day only,
-- then with those of ten minutes too, which remember what is settled.  Needs what
-- service_map.sql makes.
--
-- Every edge has traffic in every minute.  One minute is filled and packed; the others
-- are copies of it, and so are the hours and ten minutes of the first that is rolled up.
--
SET search_path = pg_catalog;
SET timezone = 'UTC';
SET jit = off;
SET work_mem = '256MB';
\set begin '2026-01-05 10:00Z'
SELECT set_config('topology.clock_offset', extract(epoch FROM '2026-01-05 14:30Z'::timestamptz - now())::text, false) \g /dev/null
SELECT topo.set_graph('bench', '{"retention": "infinite", "adapt_partitions": false}') \g /dev/null
SELECT topo.ensure_partitions('bench', g, '[2026-01-05 10:00Z,2026-01-05 15:00Z)') FROM unnest('{1 minute,1 hour}'::interval[]) g \g /dev/null

INSERT INTO topo_bench.edge_window (bucket, part, src, dst, first_seen, last_seen, traffic)
SELECT :'begin', 6, l.src, l.dst, :'begin'::timestamptz + (l.src % 9) * interval '1 second', :'begin'::timestamptz + (50 + l.dst % 9) * interval '1 second',
	   topo.traffic(connections => (l.src + l.dst) % 60, bytes_sent => l.src * l.dst % 300000, bytes_received => l.src * l.dst * 7 % 300000,
					packets_sent => l.src % 900, packets_received => l.dst % 900, rtt_sum_us => l.dst % 90000, rtt_samples => 1 + l.src % 60)
FROM topo_bench.link l WHERE l.level = 'a';
SELECT topo.merge_rows('topo_bench', g, ARRAY[:'begin'::timestamptz], '6::smallint') FROM topo.grain g WHERE g.graph = 'bench' AND g.relation = 'edge_window' \g /dev/null

-- The windows that begin at the beginning, again at so many times after it.
CREATE PROCEDURE pg_temp.repeat(relation name, width interval, times integer) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO topo_bench.%I (bucket, part, src, last_src, first_seen, last_seen, pack)
					SELECT w.bucket + i * $1, w.part, w.src, w.last_src, w.first_seen + i * $1, w.last_seen + i * $1, w.pack
					FROM topo_bench.%1$I w, generate_series(1, $2) i WHERE w.bucket = $3', relation) USING width, times, timestamptz '2026-01-05 10:00Z';
	INSERT INTO topo_bench.rollup (width, bucket, rolled_at, edges)
	SELECT r.width, r.bucket + i * repeat.width, r.rolled_at, r.edges FROM topo_bench.rollup r, generate_series(1, times) i WHERE r.width = repeat.width AND r.bucket = '2026-01-05 10:00Z';
END
$$;
-- Roll up the first window of a width, of which the others are copies.
CREATE PROCEDURE pg_temp.roll_up(of_width interval, times integer) LANGUAGE plpgsql AS $$
DECLARE
	relation CONSTANT name := (SELECT r.relation FROM topo.grain r WHERE r.graph = 'bench' AND r.width = of_width);
BEGIN
	INSERT INTO topo_bench.dirty_rollup (width, bucket, marked) VALUES (of_width, '2026-01-05 10:00Z', topo.clock());
	PERFORM topo.roll_up(g, of_width, '2026-01-05 10:00Z') FROM topo.graph g WHERE g.name = 'bench';
	CALL pg_temp.repeat(relation, of_width, times);
END
$$;
CALL pg_temp.repeat('edge_window', '1 minute', 239);
CALL pg_temp.roll_up('1 hour', 3);
VACUUM ANALYZE topo_bench.edge_window, topo_bench.edge_hour;

CREATE TEMP TABLE asked (grains text, question text, during tstzrange, ms numeric, remembered numeric, windows bigint, answer numeric);
-- Ask for the last three hours as an hour passes.
CREATE PROCEDURE pg_temp.ask(grains text, question text, widest interval, query text) LANGUAGE plpgsql AS $$
DECLARE
	span tstzrange;
	start timestamptz;
	answer numeric;
BEGIN
	FOR span IN SELECT tstzrange(e - interval '3 hours', e) FROM generate_series('2026-01-05 13:02Z'::timestamptz, '2026-01-05 13:59Z', '270 seconds') e LOOP
		start := clock_timestamp();
		EXECUTE query INTO answer USING span;
		INSERT INTO asked
		SELECT grains, question, span, 1000 * extract(epoch FROM clock_timestamp() - start), sum(p.seconds) FILTER (WHERE p.relation <> 'edge_window') / sum(p.seconds),
			   sum(p.seconds / extract(epoch FROM r.width)) * 161000, answer
		FROM (SELECT relation, extract(epoch FROM upper(during) - lower(during)) AS seconds FROM topo.graph g, topo.window_pieces(g, span, widest) WHERE g.name = 'bench') p
			 JOIN topo.grain r ON r.graph = 'bench' AND r.relation = p.relation;
	END LOOP;
END
$$;
CREATE PROCEDURE pg_temp.ask_all(grains text, longest interval) LANGUAGE plpgsql AS $$
BEGIN
	CALL pg_temp.ask(grains, 'edges()', NULL, 'SELECT sum(connections) FROM topo.edges($1, ''{bench}'')');
	-- no window may be longer than a step
	CALL pg_temp.ask(grains, 'history() of all callers', longest, 'SELECT sum(connections) FROM topo.history(NULL, ''bench-0000'', tstzrange(date_bin(''10 minutes'', lower($1), ''2000-01-01Z''), upper($1)), ''10 minutes'', ''{bench}'')');
END
$$;
CALL pg_temp.ask_all('minutes, hours', '1 minute');

SELECT topo.ensure_partitions('bench', '1 minute', '[2026-01-05 10:00Z,2026-01-05 15:00Z)') \g /dev/null
SELECT topo.set_graph('bench', '{"grains": ["1 minute", "10 minutes", "1 hour", "1 day"]}') \g /dev/null
SELECT topo.ensure_partitions('bench', '10 minutes', '[2026-01-05 10:00Z,2026-01-05 15:00Z)') \g /dev/null
TRUNCATE topo_bench.dirty_rollup;
CALL pg_temp.roll_up('10 minutes', 23);
VACUUM ANALYZE topo_bench.edge_ten_minutes;
CALL pg_temp.ask_all('minutes, ten minutes, hours', '10 minutes');

\echo The last three hours, as time passes: share of the time that is answered by windows rolled up once, and how long that takes
SELECT question, grains, count(*) AS asked, round(100 * avg(coalesce(remembered, 0))) || ' %' AS remembered, round(avg(windows) / 1e6, 1) AS million_windows,
	   round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric) AS median_ms, round(max(ms)) AS longest_ms
FROM asked GROUP BY 1, 2 ORDER BY 1, 2;
\echo Answers of the one and the other that are not the same
SELECT count(*) AS otherwise FROM asked a JOIN asked b USING (question, during) WHERE a.answer IS DISTINCT FROM b.answer;
