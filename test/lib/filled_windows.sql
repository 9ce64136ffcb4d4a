-- For tests that read windows: opens a transaction, as windows.sql does, with windows of all
-- kinds in the service map and in a graph "own": in packs and rows, of every grain.  What
-- they are is drawn from hashes, so that it is the same in every run.
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
SET jit = off;
SELECT topo.create_service_map(), topo.create_graph('own') \g /dev/null
SELECT topo.set_graph(name, '{"retention": "infinite", "edge_ttl": "2 hours"}') FROM topo.graph \g /dev/null
SELECT pg_temp.clock('2020-11-22 12:30Z') \g /dev/null

-- Apps with clusters and without, clusters without an app, and what else stands at an end of an edge.
SELECT count(pg_temp.cluster(format('%s-%s', app, n), app)) FROM unnest('{a,b,c,d}'::text[]) app, generate_series(1, 3) n \g /dev/null
SELECT pg_temp.node('e', 'f', 'app:with:colon', 'cluster:lone', 'address:10.0.0.1', 'external:example.com', 'way:x', 'intermediary:lb', 'intermediary:nat', 'intermediary:gw') \g /dev/null
SELECT count(pg_temp.node(format('endpoint:e%s', n))) FROM generate_series(0, 9) n \g /dev/null
CREATE TEMP TABLE end_node AS SELECT id, row_number() OVER (ORDER BY type COLLATE "C", name COLLATE "C") - 1 AS n FROM topo.node WHERE type NOT IN ('endpoint', 'intermediary');
CREATE TEMP TABLE endpoint AS SELECT id, row_number() OVER (ORDER BY name) - 1 AS n FROM topo.node WHERE type = 'endpoint';
CREATE TEMP TABLE way AS
	SELECT w.n - 1 AS n, ARRAY(SELECT topo.node_id('intermediary:' || m) FROM unnest(string_to_array(w.way, ' ')) WITH ORDINALITY m (m, i) ORDER BY i) AS via
	FROM unnest(ARRAY['', 'lb', 'nat', 'lb nat', 'nat lb', 'gw lb nat']) WITH ORDINALITY w (way, n);
CREATE FUNCTION pg_temp.pick(i bigint, salt integer, most bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT (hashint8extended(i, salt) & 1073741823) % most
$$;

-- Some windows of the time from a begin on: so many minutes, in which so many were seen.
CREATE FUNCTION pg_temp.fill(graph text, begin timestamptz, minutes integer, many integer, salt integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.ensure_partitions(graph, '1 minute', tstzrange(begin, begin + minutes * interval '1 minute'));
	EXECUTE format($fill$
		INSERT INTO %I.edge_window (bucket, part, src, dst, type, endpoint, via, confidence, app_confidence, first_seen, last_seen, traffic)
		SELECT b, k %% 6, s.id, d.id, k %% 2,
			   CASE WHEN %L <> 'network' AND k %% 3 > 0 THEN (SELECT e.id FROM endpoint e WHERE e.n = pg_temp.pick(k, 5, 10)) END,
			   CASE WHEN %L IN ('network', 'own') AND k %% 4 = 0 THEN (SELECT w.via FROM way w WHERE w.n = pg_temp.pick(k, 6, 6)) END,
			   ('{1,0.5,0.25}'::real[])[1 + pg_temp.pick(k, 7, 3)], CASE WHEN k %% 5 = 0 THEN 0.75 END,
			   b + pg_temp.pick(k, 8, 30) * interval '1 second', b + (30 + pg_temp.pick(k, 9, 30)) * interval '1 second',
			   CASE WHEN %L = 'network' THEN topo.traffic(connections => pg_temp.pick(k, 10, 50), failed => k %% 2, bytes_sent => pg_temp.pick(k, 11, 100000))
					-- metrics that saw a call may have counted no request
					WHEN k %% 7 = 0 THEN topo.traffic(bytes_received => k)
					ELSE topo.traffic(requests => 3, errors => k %% 2, latency_ms => ARRAY[pg_temp.pick(k, 12, 100), 1 + pg_temp.pick(k, 13, 5000), 0.5]) END
		FROM (SELECT k + 1000000 * $4 AS k, $1 + pg_temp.pick(k, $4 + 100, $2) * interval '1 minute' AS b FROM generate_series(1::bigint, $3) k) r
			 JOIN end_node s ON s.n = pg_temp.pick(k, 3, 18) JOIN end_node d ON d.n = pg_temp.pick(k, 4, 18)$fill$,
		'topo_' || graph, graph, graph, graph)
	USING begin, minutes, many, salt;
	EXECUTE format('SELECT topo.windows_changed($1, ARRAY(SELECT DISTINCT bucket FROM %I.edge_window WHERE bucket >= $2 AND bucket < $2 + $3 * interval ''1 minute''))', 'topo_' || graph)
	USING graph, begin, minutes;
END
$$;
CREATE FUNCTION pg_temp.fill_all(begin timestamptz, minutes integer, many integer, salt integer) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(pg_temp.fill(g.name, begin, minutes, many, salt + ascii(g.name))) FROM topo.graph g
$$;

-- Days that are rolled up, hours of which some are late and still to be, and minutes that are open; nothing on the 19th.
SELECT pg_temp.fill_all('2020-11-20 08:00Z', 1500, 400, 1), pg_temp.fill_all('2020-11-21 22:00Z', 840, 400, 2), pg_temp.fill_all('2020-11-22 12:00Z', 25, 200, 3) \g /dev/null
SELECT pg_temp.clock('2020-11-22 12:40Z'), topo.maintain_windows() \g /dev/null
SELECT pg_temp.fill_all('2020-11-20 09:00Z', 120, 40, 4), pg_temp.fill_all('2020-11-22 10:00Z', 150, 100, 5) \g /dev/null
ANALYZE;
