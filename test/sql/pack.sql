-- Packs of windows: what goes in comes out, and nothing else is taken.
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set refusal :srcdir '/lib/refusal.sql'
\i :refusal
SET timezone = 'UTC';

-- Windows of every shape: with and without endpoint, way, latencies; of any node, time and confidence.
SELECT setseed(0.25);
CREATE TEMP TABLE plain AS
SELECT DISTINCT ON (src, dst, type, endpoint, via) w.*
FROM (SELECT (random() * 300)::bigint AS src, ((random() * 10) ^ (random() * 18))::bigint AS dst, (random() * 3)::integer AS type,
			 CASE WHEN random() < 0.3 THEN (random() * 1e6)::bigint END AS endpoint,
			 (ARRAY[NULL, '{}', '{7}', '{7,9223372036854775807,-3}']::text[])[1 + (random() * 3)::integer]::bigint[] AS via,
			 ((random() * 4)::integer / 4.0)::real AS confidence, CASE WHEN random() < 0.2 THEN 0.625::real END AS app_confidence,
			 '2020-11-20 10:00Z'::timestamptz + random() * interval '1 minute' AS first_seen,
			 '2020-11-20 10:00Z'::timestamptz + random() * interval '1 minute' AS last_seen,
			 topo.traffic(connections => (random() * 10)::bigint, bytes_sent => ((random() * 10) ^ (random() * 18))::bigint, failed => (random() < 0.1)::integer,
						  requests => (random() * 1000)::bigint, latency_ms => ARRAY(SELECT random() * 1000 FROM generate_series(1, (i % 7) * (i % 3)))) AS traffic
	  FROM generate_series(1, 20000) i) w;
CREATE TEMP TABLE packed AS
SELECT p.* FROM unnest((SELECT topo.fold('2020-11-20 10:00Z', '2020-11-20 10:01Z', src, dst, type, endpoint, via, confidence, app_confidence,
										 first_seen, last_seen, traffic, NULL ORDER BY src) FROM plain)) p;
SELECT (SELECT count(*) FROM plain) = (SELECT sum(topo.packed_count(pack)) FROM packed) AS all_there, count(*) BETWEEN 20 AND 200 AS in_some_packs,
	   max(octet_length(pack)) < 20000 AS none_is_long FROM packed;
CREATE TEMP TABLE unpacked AS SELECT u.* FROM packed p CROSS JOIN LATERAL topo.unpack(p.pack) u;
SELECT count(*) AS lost FROM (SELECT p::text FROM plain p EXCEPT ALL SELECT u::text FROM unpacked u) d;
SELECT count(*) AS made_up FROM (SELECT u::text FROM unpacked u EXCEPT ALL SELECT p::text FROM plain p) d;
SELECT bool_and(p.src = u.least AND p.last_src = u.greatest AND p.first_seen = u.first_seen AND p.last_seen = u.last_seen) AS bounds_are_right
FROM packed p CROSS JOIN LATERAL (SELECT min(src) AS least, max(src) AS greatest, min(first_seen) AS first_seen, max(last_seen) AS last_seen FROM topo.unpack(p.pack)) u;

-- Only of some nodes.
SELECT (SELECT count(*) FROM packed p CROSS JOIN LATERAL topo.unpack(p.pack, '{5,17}') u) = (SELECT count(*) FROM plain WHERE src IN (5, 17)) AS of_sources,
	   (SELECT count(*) FROM packed p CROSS JOIN LATERAL topo.unpack(p.pack, NULL, '{1,2}') u) = (SELECT count(*) FROM plain WHERE dst IN (1, 2)) AS of_targets,
	   (SELECT count(*) FROM packed p CROSS JOIN LATERAL topo.unpack(p.pack, '{5}', '{1}') u) = (SELECT count(*) FROM plain WHERE src = 5 AND dst = 1) AS of_both,
	   (SELECT count(*) FROM packed p CROSS JOIN LATERAL topo.unpack(p.pack, '{}') u) AS of_none;

-- A damaged pack is an error.
SELECT r.state, r.message, r.detail
FROM unnest(ARRAY['\x', '\x02', '\x0101', '\x01010000', '\x0100000001']) d, pg_temp.refused(format('SELECT * FROM topo.unpack(%L)', d)) r;
SELECT r.state FROM packed p, pg_temp.refused(format('SELECT * FROM topo.unpack(%L)', substr(p.pack, 1, 1000))) r LIMIT 1;
SELECT r.state, r.message FROM pg_temp.refused('SELECT * FROM topo.unpack(NULL, ''{NULL}'')') r;
SELECT r.state, r.message FROM pg_temp.refused('SELECT topo.fold(now(), now(), 1, NULL, 0, NULL, NULL, 1, NULL, now(), now(), topo.traffic(), NULL)') r;
SELECT count(*) FROM topo.unpack(NULL);

-- A minute that is merged holds what it held, whatever came in which order, and what comes later is added.
SELECT topo.create_graph('packs'), topo.ensure_partitions('packs', '1 minute', '[2020-11-20 10:00Z,2020-11-20 10:01Z)');
INSERT INTO topo_packs.edge_window (bucket, part, src, dst, type, endpoint, via, confidence, app_confidence, first_seen, last_seen, traffic)
SELECT '2020-11-20 10:00Z', i, p.* FROM plain p, generate_series(0, 2) i WHERE p.src < 100 ORDER BY random();
CREATE FUNCTION pg_temp.sum() RETURNS TABLE (windows bigint, edges bigint, digest bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT sum(m.n)::bigint, count(*), sum(hashtextextended(m.m, 1) >> 20)::bigint
		FROM (SELECT count(*) AS n, row(src, dst, type, endpoint, via, max(confidence), max(coalesce(app_confidence, confidence)), min(first_seen), max(last_seen), topo.merge(traffic))::text AS m
			  FROM (%s) w GROUP BY src, dst, type, endpoint, via) m', topo.stored_windows('topo_packs', 'edge_window', 'true'));
END
$$;
CREATE TEMP TABLE before AS SELECT * FROM pg_temp.sum();
SELECT topo.windows_changed('packs', '{2020-11-20 10:00Z}'), pg_temp.clock('2020-11-20 10:30Z');
UPDATE topo_packs.open_window SET appended = '2020-11-20 10:00Z';
SELECT topo.merge_next_minute();
SELECT s.edges = b.edges AND s.digest = b.digest AS same, s.windows = s.edges AS one_each FROM pg_temp.sum() s, before b;
SELECT bool_and(pack IS NOT NULL) AS all_are_packed, min(part), max(part) FROM topo_packs.edge_window;
INSERT INTO topo_packs.edge_window (bucket, part, src, dst, type, endpoint, via, confidence, app_confidence, first_seen, last_seen, traffic)
SELECT '2020-11-20 10:00Z', 3, p.* FROM plain p WHERE p.src BETWEEN 50 AND 150;
UPDATE before b SET edges = s.edges, digest = s.digest FROM pg_temp.sum() s;
SELECT topo.windows_changed('packs', '{2020-11-20 10:00Z}');
UPDATE topo_packs.open_window SET appended = '2020-11-20 10:00Z';
SELECT topo.merge_next_minute();
SELECT s.edges = b.edges AND s.digest = b.digest AS same, s.windows = s.edges AS one_each FROM pg_temp.sum() s, before b;
SELECT bool_and(pack IS NOT NULL) AS all_are_packed, min(part), max(part) FROM topo_packs.edge_window;
-- A row is one window or one pack.
SELECT r.state FROM unnest(ARRAY['dst = 1', 'traffic = ''{}''', 'last_src = NULL', 'pack = NULL']) c, pg_temp.refused('UPDATE topo_packs.edge_window SET ' || c) r;
ROLLBACK;
