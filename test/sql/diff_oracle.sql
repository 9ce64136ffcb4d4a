\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set filled :srcdir '/lib/filled_windows.sql'
\set plain :srcdir '/lib/plain_edges.sql'
\set plain_diff :srcdir '/lib/plain_diff.sql'
\i :filled
\i :plain
\i :plain_diff
\set ECHO all
-- diff() beside plain SQL over both maps: every row and column, and what people read.
SELECT l.level, r.before, r.after, d.*
FROM (VALUES ('app'), ('cluster')) l (level),
	 (VALUES ('[2020-11-20,2020-11-21)'::tstzrange, '[2020-11-21,2020-11-22)'::tstzrange), ('[2020-11-22 10:00Z,2020-11-22 11:00Z)', '[2020-11-22 11:30Z,2020-11-22 12:30Z)'),
			 ('[2020-11-20 08:00Z,2020-11-22 12:00Z)', '[2020-11-22 12:00Z,2020-11-22 12:25Z)'), ('[2020-11-22 12:00Z,2020-11-22 12:10Z)', '[2020-11-20 09:00Z,2020-11-20 11:00Z)'),
			 ('[2020-11-19,2020-11-20)', '[2020-11-22 12:10Z,2020-11-22 12:11Z)'), ('[2020-11-20,2020-11-21)', '[2020-11-19,2020-11-20)')) r (before, after),
	 LATERAL pg_temp.compared_diff(r.before, r.after, '{network,ipc,trace,own}', l.level) d
ORDER BY 1, 2, 3;
-- The same where little memory is allowed.
SELECT pg_temp.fill_all('2020-11-22 12:05Z', 20, 4000, 6);
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT * FROM pg_temp.compared_diff('[2020-11-20,2020-11-22)', '[2020-11-22,2020-11-22 12:30Z)', '{network,ipc,trace,own}', 'cluster');
RESET work_mem;
RESET hash_mem_multiplier;
-- That nodes were deleted since hides nothing of them: they are told of by number.
SAVEPOINT whole;
DELETE FROM topo.node WHERE type IN ('address', 'way') OR name IN ('e', 'lone');
SELECT count(*) FILTER (WHERE d.source LIKE 'gone:%') > 0 AS sources, count(*) FILTER (WHERE d.target LIKE 'gone:%') > 0 AS targets
FROM topo.diff('[2020-11-20,2020-11-21)', '[2020-11-22 12:00Z,2020-11-22 12:10Z)', '{network,ipc,trace,own}', 'cluster') d;
SELECT l.level, d.* FROM (VALUES ('app'), ('cluster')) l (level), LATERAL pg_temp.compared_diff('[2020-11-20,2020-11-21)', '[2020-11-22 12:00Z,2020-11-22 12:10Z)', '{network,ipc,trace,own}', l.level) d;
-- What row security hides is not told of, by name or number, nor is it counted.
CREATE ROLE diff_reader;
GRANT topo_reader TO diff_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pg_temp TO diff_reader;
ALTER TABLE topo.node ENABLE ROW LEVEL SECURITY;
CREATE POLICY others ON topo.node FOR SELECT TO diff_reader USING (name NOT IN ('a', 'f', 'b-1'));
SET ROLE diff_reader;
SELECT l.level, d.* FROM (VALUES ('app'), ('cluster')) l (level), LATERAL pg_temp.compared_diff('[2020-11-20,2020-11-21)', '[2020-11-22 12:00Z,2020-11-22 12:10Z)', '{network,ipc,trace,own}', l.level) d;
SELECT count(*) > 0 AS told, count(*) FILTER (WHERE n.name IN ('a', 'f', 'b-1')) AS hidden
FROM topo.diff('[2020-11-20,2020-11-21)', '[2020-11-22 12:00Z,2020-11-22 12:10Z)', '{network,ipc,trace,own}', 'cluster') d, LATERAL unnest(ARRAY[d.source, d.target]) t (label), topo.node_key(t.label) n;
-- the numbers of what is hidden are those of a view whose owner sees all
SELECT count(*) AS hidden
FROM topo.diff('[2020-11-20,2020-11-21)', '[2020-11-22 12:00Z,2020-11-22 12:10Z)', '{network,ipc,trace,own}', 'cluster') d, LATERAL unnest(ARRAY[d.source, d.target]) t (label)
WHERE split_part(t.label, 'gone:', 2) IN (SELECT id::text FROM every_node);
ROLLBACK TO whole;
-- Readings of any size.
SELECT count(pg_temp.saw('own', 'e', 'f', topo.traffic(requests => r, errors => r / 3, connections => r / 7, failed => r / 11, bytes_sent => r * 1000, latency_ms => ARRAY[power(1.37, n)::float8, 1.0 / n]),
						 '2020-11-22 13:00Z'::timestamptz + n * interval '1 minute'))
FROM generate_series(1, 60) n, LATERAL (SELECT power(1.7, n)::bigint AS r) v;
SELECT sum(changed) AS changed, sum(otherwise) AS otherwise
FROM generate_series(1, 59) n, LATERAL (SELECT '2020-11-22 13:00Z'::timestamptz + n * interval '1 minute' AS at) t,
	 LATERAL pg_temp.compared_diff(tstzrange(at, at + interval '1 minute'), tstzrange(at + interval '1 minute', at + interval '2 minutes'), '{own}', 'app') d;
ROLLBACK;
