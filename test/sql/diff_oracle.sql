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
-- Readings of any size.
SELECT count(pg_temp.saw('own', 'e', 'f', topo.traffic(requests => r, errors => r / 3, connections => r / 7, failed => r / 11, bytes_sent => r * 1000, latency_ms => ARRAY[power(1.37, n)::float8, 1.0 / n]),
						 '2020-11-22 13:00Z'::timestamptz + n * interval '1 minute'))
FROM generate_series(1, 60) n, LATERAL (SELECT power(1.7, n)::bigint AS r) v;
SELECT sum(changed) AS changed, sum(otherwise) AS otherwise
FROM generate_series(1, 59) n, LATERAL (SELECT '2020-11-22 13:00Z'::timestamptz + n * interval '1 minute' AS at) t,
	 LATERAL pg_temp.compared_diff(tstzrange(at, at + interval '1 minute'), tstzrange(at + interval '1 minute', at + interval '2 minutes'), '{own}', 'app') d;
ROLLBACK;
