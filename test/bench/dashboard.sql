--
-- A panel that shows the last three hours, and asks again every ten seconds while a quarter
-- of an hour passes: of a map of 500 nodes and 5,000 edges, and of one of 8,000 and 161,000,
-- with the widths of windows that the keeper decides on, and with minutes, hours and days
-- only; windows that were merged once being remembered, and not.  Needs what service_map.sql makes.
--
-- Every edge has traffic in every minute.  One minute is filled and packed; the others
-- are copies of it, and so are the hours and ten minutes of the first that is rolled up.
-- Longer windows are there once they are over for a minute and ten seconds, as a keeper has
-- them.
--
SET search_path = pg_catalog;
SET timezone = 'UTC';
SET jit = off;
SET work_mem = '256MB';
\set begin '2026-01-05 10:00Z'
SELECT set_config('topology.clock_offset', extract(epoch FROM '2026-01-05 14:08Z'::timestamptz - now())::text, false) \g /dev/null

SELECT topo.create_graph('bench_few') \g /dev/null
INSERT INTO topo_bench_few.link (level, src, dst)
SELECT 'a', s.id, d.id
FROM (SELECT src, dst FROM (SELECT DISTINCT floor(500 * power((hashint8extended(n, 1) & 1073741823) / 1073741824.0::float8, 2))::integer AS src,
								   floor(500 * power((hashint8extended(n, 2) & 1073741823) / 1073741824.0::float8, 3))::integer AS dst
							FROM generate_series(1::bigint, 20000) n) d
	  WHERE src <> dst ORDER BY hashint8extended(src * 8000::bigint + dst, 3), src, dst LIMIT 5000) e
	 JOIN topo.node s ON s.type = 'app' AND s.name = 'bench-' || lpad(e.src::text, 4, '0')
	 JOIN topo.node d ON d.type = 'app' AND d.name = 'bench-' || lpad(e.dst::text, 4, '0');

-- The windows that begin at the beginning, again at so many times after it.
CREATE PROCEDURE pg_temp.repeat(of_graph text, of_width interval, times integer) LANGUAGE plpgsql AS $$
DECLARE
	relation CONSTANT name := (SELECT r.relation FROM topo.grain r WHERE r.graph = of_graph AND r.width = of_width);
BEGIN
	EXECUTE format('INSERT INTO topo_%1$s.%2$I (bucket, part, src, last_src, first_seen, last_seen, pack)
					SELECT w.bucket + i * $1, w.part, w.src, w.last_src, w.first_seen + i * $1, w.last_seen + i * $1, w.pack
					FROM topo_%1$s.%2$I w, generate_series(1, $2) i WHERE w.bucket = $3', of_graph, relation) USING of_width, times, timestamptz '2026-01-05 10:00Z';
	EXECUTE format('INSERT INTO topo_%1$s.rollup (width, bucket, rolled_at, edges)
					SELECT r.width, r.bucket + i * r.width, r.rolled_at, r.edges FROM topo_%1$s.rollup r, generate_series(1, $2) i WHERE r.width = $1 AND r.bucket = $3', of_graph)
	USING of_width, times, timestamptz '2026-01-05 10:00Z';
END
$$;
-- Minutes from the beginning on.
CREATE PROCEDURE pg_temp.fill(of_graph text, times integer) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.set_graph(of_graph, '{"retention": "infinite", "adapt_partitions": false}');
	PERFORM topo.ensure_partitions(of_graph, g, '[2026-01-05 10:00Z,2026-01-05 15:00Z)') FROM unnest('{1 minute,1 hour}'::interval[]) g;
	EXECUTE format('INSERT INTO topo_%1$s.edge_window (bucket, part, src, dst, first_seen, last_seen, traffic)
		SELECT $1, 6, l.src, l.dst, $1 + (l.src %% 9) * interval ''1 second'', $1 + (50 + l.dst %% 9) * interval ''1 second'',
			   topo.traffic(connections => (l.src + l.dst) %% 60, bytes_sent => l.src * l.dst %% 300000, bytes_received => l.src * l.dst * 7 %% 300000,
							packets_sent => l.src %% 900, packets_received => l.dst %% 900, rtt_sum_us => l.dst %% 90000, rtt_samples => 1 + l.src %% 60)
		FROM topo_%1$s.link l WHERE l.level = ''a''', of_graph) USING timestamptz '2026-01-05 10:00Z';
	PERFORM topo.merge_rows(('topo_' || of_graph)::name, g, ARRAY[timestamptz '2026-01-05 10:00Z'], '6::smallint') FROM topo.grain g WHERE g.graph = of_graph AND g.relation = 'edge_window';
	CALL pg_temp.repeat(of_graph, '1 minute', times);
	PERFORM topo.note_merged_minute(('topo_' || of_graph)::name, timestamptz '2026-01-05 10:00Z' + i * interval '1 minute') FROM generate_series(0, times) i;
END
$$;
-- Roll up the first window of a width, of which the others are copies.
CREATE PROCEDURE pg_temp.roll_up(of_graph text, of_width interval, times integer) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.ensure_partitions(of_graph, of_width, '[2026-01-05 10:00Z,2026-01-05 15:00Z)');
	EXECUTE format('TRUNCATE topo_%1$s.dirty_rollup; INSERT INTO topo_%1$s.dirty_rollup (width, bucket, marked) VALUES (%2$L, ''2026-01-05 10:00Z'', topo.clock())', of_graph, of_width);
	PERFORM topo.roll_up(g, of_width, '2026-01-05 10:00Z') FROM topo.graph g WHERE g.name = of_graph;
	CALL pg_temp.repeat(of_graph, of_width, times);
END
$$;
CREATE TEMP TABLE asked (map text, question text, grains text, memory text, during tstzrange, ms numeric, answer text);
CREATE TEMP TABLE counted (map text, question text, grains text, hits bigint, misses bigint);
-- Ask once, and note how long it took.
CREATE PROCEDURE pg_temp.ask(map text, question text, grains text, memory text, query text, span tstzrange) LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz;
	answer text;
BEGIN
	start := clock_timestamp();
	EXECUTE query INTO answer USING span, map;
	INSERT INTO asked VALUES (map, question, grains, memory, span, 1000 * extract(epoch FROM clock_timestamp() - start), answer);
END
$$;
-- Ask for the last three hours again and again, as a quarter of an hour passes, nothing being remembered at first; then some of that without remembering.
CREATE PROCEDURE pg_temp.panel(map text, question text, grains text, query text, step interval) LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
	was topo.memo_status;
	memory text := 'cold';
BEGIN
	EXECUTE format('CREATE TEMP TABLE due AS WITH gone AS (DELETE FROM topo_%1$s.rollup r WHERE r.bucket + r.width > ''2026-01-05 13:51Z'' RETURNING r.*) SELECT * FROM gone', map);
	PERFORM topo.forget_memos();
	COMMIT;
	SELECT m.* INTO was FROM topo.memo_status m;
	FOR at IN SELECT generate_series('2026-01-05 13:52:10Z'::timestamptz, '2026-01-05 14:07:00Z', step) LOOP
		EXECUTE format('WITH over AS (DELETE FROM due d WHERE d.bucket + d.width <= $1 RETURNING d.*) INSERT INTO topo_%1$s.rollup SELECT * FROM over', map) USING at - interval '70 seconds';
		COMMIT;
		CALL pg_temp.ask(map, question, grains, memory, query, tstzrange(at - interval '3 hours', at));
		COMMIT;
		memory := 'remembered';
	END LOOP;
	INSERT INTO counted SELECT map, question, grains, m.hits - was.hits, m.misses - was.misses FROM topo.memo_status m;
	PERFORM set_config('topology.use_memos', 'off', false);
	FOR at IN SELECT generate_series('2026-01-05 14:05:40Z'::timestamptz, '2026-01-05 14:07:00Z', '10 seconds') LOOP
		CALL pg_temp.ask(map, question, grains, 'not', query, tstzrange(at - interval '3 hours', at));
		COMMIT;
	END LOOP;
	PERFORM set_config('topology.use_memos', 'on', false);
	EXECUTE format('INSERT INTO topo_%1$s.rollup SELECT * FROM due', map);
	DROP TABLE due;
	COMMIT;
END
$$;
CREATE PROCEDURE pg_temp.panels(map text, grains text, step interval) LANGUAGE plpgsql AS $$
BEGIN
	CALL pg_temp.panel(map, 'edges()', grains, 'SELECT format(''%s %s %s'', count(*), sum(connections), sum(bytes_sent)) FROM topo.edges($1, ARRAY[$2])', step);
	CALL pg_temp.panel(map, 'history() of all callers', grains, 'SELECT string_agg(connections::text, '' '' ORDER BY bucket) FROM topo.history(NULL, ''bench-0000'', tstzrange(date_bin(''10 minutes'', lower($1), ''2000-01-01Z''), upper($1)), ''10 minutes'', ARRAY[$2])', step);
	CALL pg_temp.panel(map, 'edges() of one hour', grains, 'SELECT format(''%s %s %s'', count(*), sum(connections), sum(bytes_sent)) FROM topo.edges(tstzrange(upper($1) - interval ''1 hour'', upper($1)), ARRAY[$2])', step);
END
$$;

CALL pg_temp.fill('bench_few', 246);
CALL pg_temp.fill('bench', 246);
CALL pg_temp.roll_up('bench_few', '1 hour', 3);
CALL pg_temp.roll_up('bench', '1 hour', 3);
VACUUM ANALYZE topo_bench.edge_window, topo_bench.edge_hour, topo_bench_few.edge_window, topo_bench_few.edge_hour;
CALL pg_temp.panels('bench', 'without', '90 seconds');

\echo What the keeper decides
SELECT count(topo.adapt_next()) FROM generate_series(1, 3) \g /dev/null
SELECT graph, grain, grain_reason FROM topo.maintenance_status WHERE graph LIKE 'bench%' AND grain_reason IS NOT NULL ORDER BY 1, 2;
CALL pg_temp.roll_up('bench', '10 minutes', 23);
VACUUM ANALYZE topo_bench.edge_ten_minutes;
CALL pg_temp.panels('bench', 'default', '10 seconds');
CALL pg_temp.panels('bench_few', 'default', '10 seconds');

\echo The last three hours, every ten seconds, as a quarter of an hour passes; the first question, the others (median and longest), and those without topology.use_memos
SELECT map, question, grains, count(*) FILTER (WHERE memory <> 'not') AS asked, round(min(ms) FILTER (WHERE memory = 'cold'), 1) AS first_ms,
	   (SELECT round(100.0 * c.hits / nullif(c.hits + c.misses, 0)) || ' %' FROM counted c WHERE (c.map, c.question, c.grains) = (a.map, a.question, a.grains)) AS hit_rate,
	   round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE memory = 'remembered')::numeric, 1) AS ms_remembered,
	   round(max(ms) FILTER (WHERE memory = 'remembered'), 1) AS longest_ms,
	   round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) FILTER (WHERE memory = 'not')::numeric, 1) AS ms_not
FROM asked a GROUP BY 1, 2, 3 ORDER BY map DESC, question, grains;
\echo Questions that were asked in several ways, and those whose answers are not the same
SELECT count(*) AS questions, sum(times) AS asked, count(*) FILTER (WHERE answers > 1) AS otherwise
FROM (SELECT count(*) AS times, count(DISTINCT answer) AS answers FROM asked GROUP BY map, question, during HAVING count(*) > 1) q;
