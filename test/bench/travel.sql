--
-- traverse() and reachable_count() of ranges of time, beside WITH RECURSIVE over what
-- topo.edges() tells of the same range, on the map of service_map.sql: 8,000 nodes and
-- 161,000 edges, each with traffic in every minute.  One minute is filled and packed; the
-- other minutes are copies of it, and so are the hours, and a day, of the first hour.
--
-- Figures are medians of all start nodes and rounds.  Who recurs reads the map into
-- memory first, once a question, as a query of a user's own would.
--
SET search_path = pg_catalog;
SET timezone = 'UTC';
SET jit = off;
SET work_mem = '256MB';
\set begin '2026-01-05 10:00Z'
SELECT set_config('topology.clock_offset', extract(epoch FROM '2026-01-05 14:30Z'::timestamptz - now())::text, false) \g /dev/null
SELECT topo.set_graph('bench', '{"retention": "infinite", "adapt_partitions": false}') \g /dev/null
SELECT topo.ensure_partitions('bench', g, '[2026-01-04 00:00Z,2026-01-05 15:00Z)') FROM unnest('{1 minute,1 hour,1 day}'::interval[]) g \g /dev/null

INSERT INTO topo_bench.edge_window (bucket, part, src, dst, first_seen, last_seen, traffic)
SELECT :'begin', 6, l.src, l.dst, :'begin'::timestamptz + (l.src % 9) * interval '1 second', :'begin'::timestamptz + (50 + l.dst % 9) * interval '1 second',
	   topo.traffic(connections => (l.src + l.dst) % 60, bytes_sent => l.src * l.dst % 300000, bytes_received => l.src * l.dst * 7 % 300000,
					packets_sent => l.src % 900, packets_received => l.dst % 900, rtt_sum_us => l.dst % 90000, rtt_samples => 1 + l.src % 60)
FROM topo_bench.link l WHERE l.level = 'a';
SELECT topo.merge_rows('topo_bench', g, ARRAY[:'begin'::timestamptz], '6::smallint') FROM topo.grain g WHERE g.graph = 'bench' AND g.relation = 'edge_window' \g /dev/null

-- The windows of the beginning in one table, as those in another of all times of a range.
CREATE PROCEDURE pg_temp.copy_windows(from_relation name, to_relation name, width interval, during tstzrange) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO topo_bench.%I (bucket, part, src, last_src, first_seen, last_seen, pack)
					SELECT t, w.part, w.src, w.last_src, w.first_seen, w.last_seen, w.pack
					FROM topo_bench.%I w, generate_series(lower($1), upper($1), $2) t WHERE w.bucket = $3 AND t < upper($1)', to_relation, from_relation)
	USING during, width, timestamptz '2026-01-05 10:00Z';
	INSERT INTO topo_bench.rollup (width, bucket, rolled_at, edges)
	SELECT width, t, topo.clock(), 161000 FROM generate_series(lower(during), upper(during), width) t WHERE t < upper(during) ON CONFLICT DO NOTHING;
END
$$;
CALL pg_temp.copy_windows('edge_window', 'edge_window', '1 minute', '[2026-01-05 10:01Z,2026-01-05 14:00Z)');
INSERT INTO topo_bench.dirty_rollup (width, bucket, marked) VALUES ('1 hour', :'begin', topo.clock());
SELECT topo.roll_up(g, '1 hour', :'begin') FROM topo.graph g WHERE g.name = 'bench' \g /dev/null
CALL pg_temp.copy_windows('edge_hour', 'edge_hour', '1 hour', '[2026-01-05 11:00Z,2026-01-05 14:00Z)');
CALL pg_temp.copy_windows('edge_hour', 'edge_day', '1 day', '[2026-01-04 00:00Z,2026-01-05 00:00Z)');
VACUUM ANALYZE topo_bench.edge_window, topo_bench.edge_hour, topo_bench.edge_day;

CREATE FUNCTION pg_temp.run_once(contender text, start text, k integer, during tstzrange) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	CASE contender
		WHEN 'traverse' THEN
			SELECT count(*) INTO rows FROM topo.traverse(ARRAY[start], max_depth => k, graphs => '{bench}', during => during);
		WHEN 'reachable_count' THEN
			rows := 1 + topo.reachable_count(ARRAY[start], max_depth => k, graphs => '{bench}', during => during);
		WHEN 'recursive' THEN
			WITH RECURSIVE edge AS MATERIALIZED (
				SELECT e.source, e.target FROM topo.edges(during, '{bench}') e
			), walk (node, depth) AS (
				SELECT start, 0
				UNION
				SELECT e.target, w.depth + 1 FROM walk w JOIN edge e ON e.source = w.node WHERE w.depth < k
			)
			SELECT count(*) INTO rows FROM (SELECT w.node, min(w.depth) FROM walk w GROUP BY w.node OFFSET 0) q;
	END CASE;
	RETURN rows;
END
$$;
CREATE TEMP TABLE figure (range integer, during text, remembered boolean, k integer, contender text, ms numeric, nodes bigint);
CREATE PROCEDURE pg_temp.measure_once(range integer, name text, during tstzrange, remembered boolean) LANGUAGE plpgsql AS $$
DECLARE
	start timestamptz;
	nodes bigint;
	asked record;
BEGIN
	PERFORM set_config('topology.use_memos', remembered::text, false);
	-- what can be remembered is made by the second question
	PERFORM pg_temp.run_once('reachable_count', 'bench-0100', 1, during) FROM generate_series(1, 2);
	FOR asked IN
		SELECT r, k, s, c FROM generate_series(1, 3) r, generate_series(1, 4) k, unnest('{bench-0100,bench-4000}'::text[]) s, unnest('{traverse,recursive,reachable_count}'::text[]) c
	LOOP
		start := clock_timestamp();
		nodes := pg_temp.run_once(asked.c, asked.s, asked.k, during);
		INSERT INTO figure VALUES (range, name, remembered, asked.k, asked.c, 1000 * extract(epoch FROM clock_timestamp() - start), nodes);
	END LOOP;
END
$$;
CREATE PROCEDURE pg_temp.measure(range integer, name text, during tstzrange) LANGUAGE plpgsql AS $$
BEGIN
	CALL pg_temp.measure_once(range, name, during, false);
	CALL pg_temp.measure_once(range, name, during, true);
END
$$;
CALL pg_temp.measure(1, '1 hour, rolled up', '[2026-01-05 11:00Z,2026-01-05 12:00Z)');
CALL pg_temp.measure(2, '1 hour, of minutes', '[2026-01-05 12:30Z,2026-01-05 13:30Z)');
CALL pg_temp.measure(3, '3 hours: 2, and 60 minutes', '[2026-01-05 10:30Z,2026-01-05 13:30Z)');
CALL pg_temp.measure(4, '1 day', '[2026-01-04 00:00Z,2026-01-05 00:00Z)');

\echo Medians of 2 start nodes and 3 rounds; 8,000 nodes, 161,000 edges; ms, beside WITH RECURSIVE over topo.edges() of the same range: from the tables, and with what is remembered
CREATE FUNCTION pg_temp.median(of_range integer, of_k integer, of_contender text, of_remembered boolean) RETURNS numeric LANGUAGE sql AS $$
	SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY f.ms) FROM figure f
	WHERE f.range = of_range AND f.k = of_k AND f.contender = of_contender AND f.remembered = of_remembered
$$;
SELECT f.during, f.k, max(f.nodes) AS nodes, round(pg_temp.median(f.range, f.k, 'traverse', false)) AS traverse, round(pg_temp.median(f.range, f.k, 'reachable_count', false)) AS count,
	   round(pg_temp.median(f.range, f.k, 'recursive', false)) AS "recursive", round(pg_temp.median(f.range, f.k, 'recursive', false) / pg_temp.median(f.range, f.k, 'traverse', false), 1) AS ratio,
	   round(pg_temp.median(f.range, f.k, 'traverse', true)) AS traverse_again, round(pg_temp.median(f.range, f.k, 'reachable_count', true)) AS count_again,
	   round(pg_temp.median(f.range, f.k, 'recursive', true)) AS recursive_again, round(pg_temp.median(f.range, f.k, 'recursive', true) / pg_temp.median(f.range, f.k, 'traverse', true), 1) AS ratio_again
FROM figure f GROUP BY f.range, f.during, f.k ORDER BY f.range, f.k;
-- all contenders reach the same
SELECT count(*) AS otherwise FROM (SELECT DISTINCT range, k, contender, nodes FROM figure) f
	 WHERE NOT EXISTS (SELECT FROM figure o WHERE o.range = f.range AND o.k = f.k AND o.contender = 'recursive' AND o.nodes = f.nodes) \gset
SELECT :otherwise > 0 AS otherwise \gset
\if :otherwise
\warn the contenders disagree
\quit
\endif
