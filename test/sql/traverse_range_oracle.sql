\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set windows :srcdir '/lib/windows.sql'
\i :windows
\set ECHO all
-- traverse(), reachable_count() and shortest_path() of ranges of time against WITH RECURSIVE
-- over the windows as plain SQL reads them, row for row, on random maps in packs and rows, of
-- every grain, type and level.  The draws are hashes of their number: always the same.
SET jit = off;
SELECT count(topo.create_graph(g, '{"retention": "infinite"}')) FROM unnest('{one,two,three}'::text[]) g;
SELECT topo.set_graph('two', '{"grains": ["1 minute", "10 minutes", "1 hour", "1 day"]}');
SELECT pg_temp.clock('2020-11-22 12:30Z') \g /dev/null
INSERT INTO topo.edge_type (name) VALUES ('reads'), ('writes');
CREATE FUNCTION pg_temp.pick(i bigint, salt integer, most bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
	SELECT (hashint8extended(i, salt) & 1073741823) % most
$$;
-- Apps, of which some have clusters; clusters of no app; externals and addresses.
SELECT count(topo.set_node('app', 'm' || n, tier => (n % 3)::smallint)) FROM generate_series(0, 29) n;
SELECT count(topo.set_node('cluster', format('m%s-%s', n, i), parent => 'm' || n, tier => (i % 3)::smallint)) FROM generate_series(0, 29, 3) n, generate_series(1, 2) i;
SELECT count(topo.set_node(t, t || '.' || n, tier => (n % 3)::smallint)) FROM unnest('{cluster,external,address}'::text[]) t, generate_series(0, 3) n;
CREATE TEMP TABLE end_node AS SELECT id, row_number() OVER (ORDER BY type COLLATE "C", name COLLATE "C") - 1 AS n FROM topo.node WHERE type <> 'endpoint';

-- So many windows of a graph in the minutes from a begin on; few edges are seen again and again.
CREATE FUNCTION pg_temp.fill(graph text, begin timestamptz, minutes integer, many integer, salt integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.ensure_partitions(graph, '1 minute', tstzrange(begin, begin + minutes * interval '1 minute'));
	EXECUTE format($fill$
		INSERT INTO %I.edge_window (bucket, part, src, dst, type, first_seen, last_seen, traffic)
		SELECT b, k %% 6, s.id, d.id, (SELECT t.id FROM topo.edge_type t WHERE t.name = ('{calls,reads,writes}'::text[])[1 + pg_temp.pick(e, 5, 3)]), b, b + pg_temp.pick(k, 6, 59) * interval '1 second',
			   topo.traffic(requests => pg_temp.pick(k, 7, 3), connections => pg_temp.pick(k, 8, 3), bytes_sent => pg_temp.pick(k, 9, 5), bytes_received => pg_temp.pick(k, 10, 5))
		FROM (SELECT k, pg_temp.pick(k, 11, 90) + 1000 * $4 AS e, $1 + pg_temp.pick(k, $4 + 100, $2) * interval '1 minute' AS b FROM generate_series(1::bigint, $3) i, LATERAL (SELECT i + 1000000 * $4 AS k) k) r
			 JOIN end_node s ON s.n = pg_temp.pick(e, 3, 62) JOIN end_node d ON d.n = pg_temp.pick(e, 4, 62)$fill$, 'topo_' || graph)
	USING begin, minutes, many, salt;
	EXECUTE format('SELECT topo.windows_changed($1, ARRAY(SELECT DISTINCT bucket FROM %I.edge_window WHERE bucket >= $2 AND bucket < $2 + $3 * interval ''1 minute''))', 'topo_' || graph)
	USING graph, begin, minutes;
END
$$;
CREATE FUNCTION pg_temp.fill_all(begin timestamptz, minutes integer, many integer, salt integer) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(pg_temp.fill(g.name, begin, minutes, many, salt + ascii(g.name))) FROM topo.graph g
$$;
-- Days that are rolled up, hours of which some are late and still to be, and minutes that are open.
SELECT pg_temp.fill_all('2020-11-20 08:00Z', 1500, 200, 1), pg_temp.fill_all('2020-11-21 22:00Z', 840, 300, 2), pg_temp.fill_all('2020-11-22 12:00Z', 25, 100, 3);
SELECT pg_temp.clock('2020-11-22 12:40Z'), topo.maintain_windows() \g /dev/null
SELECT pg_temp.fill_all('2020-11-20 09:00Z', 120, 20, 4), pg_temp.fill_all('2020-11-22 10:00Z', 150, 50, 5);
ANALYZE;
SELECT g.name, array_agg(DISTINCT p.relation) AS read
FROM topo.graph g, unnest(ARRAY['[2020-11-20 08:30Z,2020-11-22 12:30Z)', '[2020-11-22 08:00Z,2020-11-22 12:15Z)']::tstzrange[]) d, topo.window_pieces(g, d) p GROUP BY 1 ORDER BY 1;
SELECT bool_or(pack IS NULL) AS rows, bool_or(pack IS NOT NULL) AS packs FROM topo_one.edge_window;

-- The edges of a range, of some types or all.
CREATE FUNCTION pg_temp.seen(during tstzrange, graphs text[], level "char", types text[])
RETURNS TABLE (src bigint, dst bigint, graph text, requests numeric, connections numeric, bytes numeric, last_seen timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	g topo.graph;
BEGIN
	FOR g IN SELECT * FROM topo.graph o WHERE o.name = ANY (graphs) LOOP
		RETURN QUERY EXECUTE format($seen$
			SELECT CASE $2 WHEN 'a' THEN coalesce(s.parent, w.src) ELSE w.src END, CASE $2 WHEN 'a' THEN coalesce(d.parent, w.dst) ELSE w.dst END, $1,
				   sum(topo.requests(w.traffic)), sum(topo.connections(w.traffic)), sum(topo.bytes_sent(w.traffic)::numeric + topo.bytes_received(w.traffic)), max(w.last_seen)
			FROM %s w LEFT JOIN topo.node s ON s.id = w.src AND s.type = 'cluster' LEFT JOIN topo.node d ON d.id = w.dst AND d.type = 'cluster'
			WHERE $3 IS NULL OR w.type IN (SELECT t.id FROM topo.edge_type t WHERE t.name = ANY ($3)) GROUP BY 1, 2$seen$, topo.window_source(g, during))
		USING g.name, level, types;
	END LOOP;
END
$$;
-- The same as they are followed: at each node only the first ones of an order.
CREATE FUNCTION pg_temp.followed(during tstzrange, graphs text[], level "char", types text[], direction text, most integer, "order" text)
RETURNS TABLE (near bigint, far bigint, graphs text[]) LANGUAGE sql AS $$
	WITH seen AS MATERIALIZED (
		SELECT * FROM pg_temp.seen(during, graphs, level, types)
	), way AS (
		SELECT src AS near, dst AS far, s.* FROM seen s WHERE direction IN ('out', 'both')
		UNION ALL
		SELECT dst, src, s.* FROM seen s WHERE direction IN ('in', 'both')
	), edge AS (
		SELECT w.near, w.far, array_agg(DISTINCT w.graph) AS graphs, sum(w.requests) AS requests, sum(w.connections) AS connections, sum(w.bytes) AS bytes, max(w.last_seen) AS last_seen
		FROM way w GROUP BY 1, 2
	)
	SELECT r.near, r.far, r.graphs
	FROM (SELECT e.*, row_number() OVER (PARTITION BY e.near ORDER BY
			CASE "order" WHEN 'busiest' THEN e.requests END DESC, CASE "order" WHEN 'busiest' THEN e.connections END DESC, CASE "order" WHEN 'busiest' THEN e.bytes END DESC,
			CASE "order" WHEN 'latest' THEN e.last_seen END DESC, topo.node_label(n.type, n.name) COLLATE "C", e.far) AS place
		  FROM edge e LEFT JOIN topo.node n ON n.id = e.far) r
	WHERE most IS NULL OR r.place <= most
$$;
CREATE TEMP TABLE question AS
SELECT k AS number, ('{"[2020-11-20,2020-11-23)","(,)","[2020-11-20 08:30Z,2020-11-20 10:15Z)","[2020-11-20,2020-11-21)","[2020-11-21 22:50Z,2020-11-22 12:07:30Z]","[2020-11-22 12:03Z,2020-11-22 12:04Z)","[2020-11-22 02:00Z,2020-11-22 05:00Z)","[2020-11-19,2020-11-20)"}'::tstzrange[])[1 + pg_temp.pick(k, 1, 8)] AS during,
	   CASE pg_temp.pick(k, 2, 4) WHEN 0 THEN '{one}' WHEN 1 THEN '{two}' WHEN 2 THEN '{one,two}' ELSE '{one,three,two}' END::text[] AS graphs,
	   ('{app,cluster}'::text[])[1 + pg_temp.pick(k, 3, 2)] AS level, ('{out,in,both}'::text[])[1 + pg_temp.pick(k, 4, 3)] AS direction, (ARRAY[1, 2, 3, 9])[1 + pg_temp.pick(k, 5, 4)] AS depth,
	   CASE pg_temp.pick(k, 6, 4) WHEN 0 THEN '{reads}' WHEN 1 THEN '{calls,writes}' END::text[] AS types, CASE pg_temp.pick(k, 7, 3) WHEN 0 THEN '{0,1}' ELSE '{0,1,2}' END::integer[] AS tiers,
	   CASE pg_temp.pick(k, 8, 2) WHEN 0 THEN (ARRAY[0, 1, 2, 2, 4])[1 + pg_temp.pick(k, 9, 5)] END AS most, ('{busiest,latest,name}'::text[])[1 + pg_temp.pick(k, 10, 3)] AS "order",
	   pg_temp.pick(k, 12, 3) = 0 AS through, (SELECT array_agg(topo.node_label(n.type, n.name)) FROM topo.node n JOIN end_node e USING (id) WHERE n.type <> 'cluster' AND e.n IN (pg_temp.pick(k, 13, 62), pg_temp.pick(k, 14, 62), pg_temp.pick(k, 15, 62))) AS start,
	   'm' || pg_temp.pick(k, 16, 30) AS target
FROM generate_series(1, 260) k;
DELETE FROM question WHERE start IS NULL;
-- As traverse() has it.  Who starts is exempt from everything; who may not be seen is not there.
CREATE FUNCTION pg_temp.oracle(q question) RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[]) LANGUAGE sql AS $$
	WITH RECURSIVE edge AS MATERIALIZED (
		SELECT * FROM pg_temp.followed(q.during, q.graphs, topo.level_code(q.level), q.types, q.direction, q.most, q."order")
	), started AS MATERIALIZED (
		SELECT topo.node_id(s) AS id FROM unnest(q.start) s
	), walk (id, depth) AS (
		SELECT id, 0 FROM started
		UNION
		SELECT e.far, w.depth + 1
		FROM walk w JOIN edge e ON e.near = w.id JOIN topo.node m ON m.id = e.far JOIN topo.node n ON n.id = w.id
		WHERE w.depth < q.depth AND (w.depth = 0 OR q.through OR n.type NOT IN ('external', 'address')) AND (m.tier = ANY (q.tiers) OR m.id IN (SELECT id FROM started))
	), least AS (
		SELECT w.id, min(w.depth) AS depth, bool_or(w.depth = 0 OR q.through OR m.type NOT IN ('external', 'address')) AS expanded
		FROM walk w JOIN topo.node m USING (id) GROUP BY w.id
	), reached AS (
		SELECT l.id, l.depth, min(p.id) AS parent, coalesce(array_agg(DISTINCT g ORDER BY g) FILTER (WHERE p.id IS NOT NULL), '{}') AS graphs
		FROM least l LEFT JOIN edge e ON e.far = l.id AND l.depth > 0 LEFT JOIN least p ON p.id = e.near AND p.depth = l.depth - 1 AND p.expanded LEFT JOIN LATERAL unnest(e.graphs) g ON true
		GROUP BY l.id, l.depth
	)
	SELECT topo.node_label(m.type, m.name), m.type, r.depth, topo.node_label(p.type, p.name), r.graphs
	FROM reached r JOIN topo.node m ON m.id = r.id LEFT JOIN topo.node p ON p.id = r.parent
	ORDER BY r.depth, topo.node_label(m.type, m.name) COLLATE "C"
$$;
CREATE FUNCTION pg_temp.answered(q question, OUT rows bigint, OUT same boolean, OUT same_count boolean, OUT same_path boolean) LANGUAGE plpgsql AS $$
DECLARE
	tiers CONSTANT jsonb := CASE WHEN cardinality(q.tiers) < 3 THEN jsonb_build_object('tier', q.tiers) END;
	wanted CONSTANT text[] := ARRAY(SELECT row(o.node, o.node_type, o.depth, o.parent, o.graphs)::text FROM pg_temp.oracle(q) WITH ORDINALITY o ORDER BY ordinality);
BEGIN
	rows := cardinality(wanted);
	same := wanted = ARRAY(SELECT row(t.node, t.node_type, t.depth, t.parent, t.graphs)::text
						   FROM topo.traverse(q.start, q.direction, q.depth, q.graphs, q.during, q.types, tiers, q.most, q."order", level => q.level, through_external => q.through) WITH ORDINALITY t ORDER BY ordinality);
	-- neither has a limit of edges
	q.most := NULL;
	same_count := topo.reachable_count(q.start, q.direction, q.depth, q.graphs, q.during, q.types, tiers, level => q.level, through_external => q.through)
				  = (SELECT count(*) FROM pg_temp.oracle(q) o WHERE o.depth > 0);
	q.tiers := '{0,1,2}';
	q.start := q.start[1:1];
	same_path := (SELECT max(p.step) FROM topo.shortest_path(q.start[1], q.target, q.graphs, q.during, q.depth, q.direction, q.level, q.types, through_external => q.through) p)
				 IS NOT DISTINCT FROM (SELECT o.depth FROM pg_temp.oracle(q) o WHERE o.node = q.target);
END
$$;
CREATE FUNCTION pg_temp.compared(every integer, OUT questions bigint, OUT rows numeric, OUT deep bigint, OUT otherwise bigint) LANGUAGE sql AS $$
	SELECT count(*), sum(a.rows), count(*) FILTER (WHERE a.rows > 20), count(*) FILTER (WHERE (a.same AND a.same_count AND a.same_path) IS NOT TRUE)
	FROM question q, pg_temp.answered(q) a WHERE q.number % every = 0
$$;
SELECT * FROM pg_temp.compared(1);
-- The same where nothing is remembered.
SET topology.use_memos = off;
SELECT * FROM pg_temp.compared(2);
RESET topology.use_memos;
-- Without a filter of types, what is followed is what edges() tells.
SELECT q.during, q.level, count(DISTINCT (e.source, e.target)) AS edges,
	   count(*) FILTER (WHERE NOT EXISTS (SELECT FROM topo.traverse(ARRAY[e.source], max_depth => 1, graphs => '{one,three,two}', during => q.during, level => q.level) t
										  WHERE t.node = e.target AND (t.graphs = e.graphs OR t.node = e.source))) AS otherwise
FROM (VALUES ('[2020-11-20 09:00Z,2020-11-20 10:15Z)'::tstzrange, 'app'), ('[2020-11-22 12:00Z,2020-11-22 12:05Z)', 'cluster')) q (during, level), topo.edges(q.during, '{one,three,two}', q.level) e
GROUP BY 1, 2 ORDER BY 1;

-- Whoever may not see some nodes: these are not there, their clusters stand for themselves, and still they count for the limit.
CREATE ROLE range_reader;
GRANT topo_reader TO range_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pg_temp, topo_one, topo_two, topo_three TO range_reader;
ALTER TABLE topo.node ENABLE ROW LEVEL SECURITY;
CREATE POLICY others ON topo.node FOR SELECT TO range_reader USING (name !~ '(3|7|0-1)$');
DELETE FROM question WHERE EXISTS (SELECT FROM unnest(start || target) s WHERE s ~ '(3|7|0-1)$');
SET ROLE range_reader;
SELECT * FROM pg_temp.compared(2);
RESET ROLE;
ALTER TABLE topo.node DISABLE ROW LEVEL SECURITY;

-- Chained steps, paths, cycles and components, beside those of a live graph of the same links.
SELECT topo.create_graph('live');
CREATE FUNCTION pg_temp.asked(graph text, range tstzrange, of_level text, of_types text[]) RETURNS TABLE (line text) LANGUAGE sql AS $$
	SELECT 'component ' || strong || c::text FROM unnest('{false,true}'::boolean[]) strong, topo.components(strong, ARRAY[graph], range, of_level, of_types) c
	UNION ALL SELECT 'through ' || c::text FROM topo.components(false, ARRAY[graph], range, of_level, of_types, through_external => true) c
	UNION ALL SELECT 'hop ' || row(s, t.node, t.depth, t.parent)::text
			  FROM generate_series(1, 9) s, topo.traverse(ARRAY['m' || s], graphs => ARRAY[graph], during => range, level => of_level, edge_types => of_types,
														  hops => '[{}, {"direction": "in", "edge_limit": 2, "edge_order": "name"}, {"node_filter": {"tier": [0, 1]}}, {"direction": "in", "edge_limit": 2, "edge_order": "name"}, {"direction": "both"}]') t
	UNION ALL SELECT 'cycle ' || row(c.cycle, c.length, c.nodes)::text FROM topo.cycles(4, 50, ARRAY[graph], range, of_level, of_types) c
	UNION ALL SELECT 'path ' || row(d, p.path, p.length, p.nodes)::text FROM unnest('{out,both}'::text[]) d, topo.paths('m1', 'm4', 4, 50, ARRAY[graph], range, d, of_level, of_types) p
$$;
CREATE FUNCTION pg_temp.beside_live(range tstzrange, level text, types text[], OUT lines bigint, OUT otherwise bigint) LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM topo_live.link;
	INSERT INTO topo_live.link (level, src, dst) SELECT DISTINCT topo.level_code(level), s.src, s.dst FROM pg_temp.seen(range, '{one}', topo.level_code(level), types) s;
	SELECT count(*), count(*) FILTER (WHERE r.line IS NULL OR l.line IS NULL) INTO lines, otherwise
	FROM pg_temp.asked('one', range, level, types) r FULL JOIN pg_temp.asked('live', NULL, level, NULL) l USING (line);
END
$$;
SELECT q.*, b.* FROM (VALUES ('[2020-11-20,2020-11-23)'::tstzrange, 'app', NULL::text[]), ('[2020-11-22 02:00Z,2020-11-22 12:10Z)', 'cluster', NULL), ('(,)', 'app', '{reads,writes}'), ('[2020-11-20 08:30Z,2020-11-20 10:15Z)', 'app', NULL)) q (range, level, types),
	 pg_temp.beside_live(q.range, q.level, q.types) b;

-- What would not fit into work_mem is refused, with a hint.
SELECT count(topo.set_node('address', '10.9.0.' || n)) FROM generate_series(1, 150) n;
INSERT INTO topo_one.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
SELECT '2020-11-22 12:24Z', s.id, d.id, '2020-11-22 12:24Z', '2020-11-22 12:24Z', topo.traffic(requests => 1) FROM topo.node s, topo.node d WHERE s.name LIKE '10.9.0.%' AND d.name LIKE '10.9.0.%';
SET work_mem = '64kB';
SET hash_mem_multiplier = 1;
SELECT * FROM pg_temp.refusal($$SELECT topo.reachable_count('{address:10.9.0.1}', graphs => '{one}', during => '[2020-11-22 12:24Z,2020-11-22 12:25Z)')$$)
UNION ALL SELECT * FROM pg_temp.refusal($$SELECT count(*) FROM topo.components(graphs => '{one}', during => '[2020-11-22 12:24Z,2020-11-22 12:25Z)')$$);
RESET work_mem;
RESET hash_mem_multiplier;
SELECT topo.reachable_count('{address:10.9.0.1}', graphs => '{one}', during => '[2020-11-22 12:24Z,2020-11-22 12:25Z)');
ROLLBACK;
