-- Windows are merged as plain SQL merges them, window for window: packed or not, in memory or in files.
\getenv srcdir PG_ABS_SRCDIR
\set ECHO none
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set plain_merge :srcdir '/lib/plain_merge.sql'
\i :plain_merge
\set refusal :srcdir '/lib/refusal.sql'
\i :refusal
\set ECHO all
SET timezone = 'UTC';
SELECT topo.create_graph('folds', '{"retention": "infinite"}'), pg_temp.clock('2020-11-20 12:30Z');
SELECT topo.ensure_partitions('folds', w, '[2020-11-20 10:00Z,2020-11-20 11:00Z)') FROM unnest('{1 minute,1 hour,1 day}'::interval[]) w;

-- Windows of every shape, most of them of one caller, many alike; of any time and size.
SELECT setseed(0.5);
CREATE PROCEDURE pg_temp.fill(count integer, first_part integer) LANGUAGE sql AS $$
INSERT INTO topo_folds.edge_window (bucket, part, src, dst, type, endpoint, via, confidence, app_confidence, first_seen, last_seen, traffic)
SELECT '2020-11-20 10:00Z'::timestamptz + (i % 5) * interval '1 minute', first_part + i % 3,
	   CASE WHEN random() < 0.7 THEN 40 WHEN random() < 0.02 THEN ((random() - 0.5) * 1.8e19)::bigint ELSE (random() * 80)::bigint END AS src,
	   CASE WHEN random() < 0.02 THEN ((random() - 0.5) * 1.8e19)::bigint ELSE (random() * 100)::bigint END, (random() * 2)::integer - 1,
	   CASE WHEN random() < 0.3 THEN (random() * 3)::bigint - 1 END,
	   (ARRAY[NULL, NULL, NULL, '{}', '{7}', '{7,9223372036854775807,-3}', '{7,8}']::text[])[1 + (random() * 6)::integer]::bigint[],
	   ((random() * 4)::integer / 4.0)::real, CASE WHEN random() < 0.3 THEN 0.5::real END,
	   CASE WHEN random() < 0.02 THEN '-infinity' ELSE '2020-11-20 10:00Z'::timestamptz + random() * interval '1 minute' END,
	   CASE WHEN random() < 0.02 THEN 'infinity' ELSE '2020-11-20 10:00Z'::timestamptz + random() * interval '1 minute' END,
	   topo.traffic(connections => (random() * 10)::bigint, bytes_sent => CASE WHEN random() < 0.1 THEN 9223372036854775807 ELSE ((random() * 10) ^ (random() * 18))::bigint END,
					failed => (random() < 0.1)::integer, requests => (random() * 1000)::bigint,
					latency_ms => ARRAY(SELECT random() * 1000 FROM generate_series(1, (i % 7) * (i % 3))))
FROM generate_series(1, count) i
$$;
CREATE FUNCTION pg_temp.compared(expected text, relation name) RETURNS TABLE (windows bigint, lost bigint, made_up bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT (SELECT count(*) FROM %1$I), (SELECT count(*) FROM (SELECT e FROM %1$I EXCEPT ALL SELECT * FROM %2$s) d),
								 (SELECT count(*) FROM (SELECT * FROM %2$s EXCEPT ALL SELECT e FROM %1$I) d)',
								expected, format('pg_temp.as_it_is(''topo_folds'', %L)', relation));
END
$$;
CALL pg_temp.fill(10000, 0);
CREATE TEMP TABLE minutes AS SELECT * FROM pg_temp.plainly_merged('topo_folds', 'edge_window', 'w.bucket') e;

-- Rows of minutes become packs; some come late, to be merged with packs.
CREATE PROCEDURE pg_temp.merge() LANGUAGE sql AS $$
SELECT topo.merge_rows('topo_folds', g, ARRAY(SELECT DISTINCT bucket FROM topo_folds.edge_window), '6::smallint') FROM topo.grain g WHERE g.graph = 'folds' AND g.relation = 'edge_window'
$$;
CALL pg_temp.merge();
SELECT count(*) AS rows_left FROM topo_folds.edge_window WHERE pack IS NULL;
SELECT windows > 4000 AS many, lost, made_up FROM pg_temp.compared('minutes', 'edge_window');
CALL pg_temp.fill(3000, 3);
CREATE TEMP TABLE late AS SELECT * FROM pg_temp.plainly_merged('topo_folds', 'edge_window', 'w.bucket') e;
CREATE TEMP TABLE hours AS SELECT * FROM pg_temp.plainly_merged('topo_folds', 'edge_window', $$timestamptz '2020-11-20 10:00Z'$$) e;
SAVEPOINT unmerged;

-- In little memory, where most windows of the one caller are written to files, packs are the same, byte for byte.
CALL pg_temp.merge();
SELECT windows > 4000 AS many, lost, made_up FROM pg_temp.compared('late', 'edge_window');
SELECT count(*) AS packs, sum(hashtextextended(encode(pack, 'hex'), 0)) AS packed FROM topo_folds.edge_window \gset
ROLLBACK TO unmerged;
SET LOCAL work_mem = '64kB';
CALL pg_temp.merge();
SELECT windows > 4000 AS many, lost, made_up FROM pg_temp.compared('late', 'edge_window');
SELECT count(*) = :packs AND sum(hashtextextended(encode(pack, 'hex'), 0)) = :packed AS same FROM topo_folds.edge_window;
ROLLBACK TO unmerged;

-- So are hours, of minutes that are packed, or rows, or both; and days of hours.
SELECT topo.windows_changed('folds', ARRAY(SELECT DISTINCT bucket FROM topo_folds.edge_window));
SELECT topo.roll_up(g, '1 hour', '2020-11-20 10:00Z') = (SELECT count(*) FROM hours) AS counted FROM topo.graph g WHERE g.name = 'folds';
SELECT windows > 2000 AS many, lost, made_up FROM pg_temp.compared('hours', 'edge_hour');
CALL pg_temp.merge();
SELECT topo.windows_changed('folds', ARRAY(SELECT DISTINCT bucket FROM topo_folds.edge_window));
SET LOCAL work_mem = '64kB';
SELECT topo.roll_up(g, '1 hour', '2020-11-20 10:00Z') = (SELECT count(*) FROM hours) AS counted FROM topo.graph g WHERE g.name = 'folds';
SELECT windows > 2000 AS many, lost, made_up FROM pg_temp.compared('hours', 'edge_hour');
CREATE TEMP TABLE days AS SELECT * FROM pg_temp.plainly_merged('topo_folds', 'edge_hour', $$timestamptz '2020-11-20 00:00Z'$$) e;
SELECT topo.roll_up(g, '1 day', '2020-11-20 00:00Z') = (SELECT count(*) FROM days) AS counted FROM topo.graph g WHERE g.name = 'folds';
SELECT windows > 2000 AS many, lost, made_up FROM pg_temp.compared('days', 'edge_day');
SELECT bool_and(last_src >= src AND topo.packed_count(pack) <= 1000) AS in_bounds, count(*) > 10 AS in_some_packs FROM topo_folds.edge_hour;

-- No windows are no packs.
SELECT topo.fold(now(), now(), 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL) FROM topo.node WHERE false;
-- What is damaged, incomplete or out of order is an error.
CREATE FUNCTION pg_temp.folding(src text, pack text) RETURNS text LANGUAGE sql
RETURN format('SELECT topo.fold(''2020-11-20 10:00Z'', ''2020-11-20 11:00Z'', src, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, pack ORDER BY %s) FROM (SELECT src, %s FROM topo_folds.edge_hour) w (src, pack)', src, pack);
SELECT r.state, r.message, r.detail, r.hint
FROM (VALUES ('src', 'substr(pack, 1, 100)'), ('src', 'pack || ''\x00'''), ('src DESC', 'pack'), ('src', 'NULL::bytea')) f (src, pack), pg_temp.refused(pg_temp.folding(f.src, f.pack)) r;
-- So is a pack whose windows are not where its row says.
UPDATE topo_folds.edge_hour SET src = src + 1;
SELECT r.state, r.detail FROM pg_temp.refused(pg_temp.folding('src', 'pack')) r;
ROLLBACK;
