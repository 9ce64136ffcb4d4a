-- Chained steps: each depth with a direction, types, a filter and a limit of its own.
SET client_min_messages = warning;
SET jit = off;
SELECT topo.create_graph('th_one');
SELECT topo.create_graph('th_two');
-- cluster th-c2 is called by two apps
SELECT count(topo.set_node(t, 'th-' || n, tier => (ascii(n) % 3)::smallint)) FROM (VALUES
	('app', 'a'), ('app', 'b'), ('app', 'c'), ('app', 'd'), ('cluster', 'c1'), ('cluster', 'c2'), ('external', 'net')) v (t, n);
SELECT topo.load_edges('th_one', $$VALUES
	('th-a', 'cluster:th-c1', 'calls'), ('th-a', 'cluster:th-c2', 'calls'), ('th-a', 'th-b', 'calls'), ('th-a', 'external:th-net', 'calls'),
	('th-b', 'cluster:th-c2', 'reads'), ('th-c', 'cluster:th-c1', 'calls'), ('th-d', 'th-c', 'calls'), ('th-d', 'external:th-net', 'calls'),
	('th-b', 'th-d', 'calls')$$);
SELECT topo.load_edges('th_two', $$VALUES ('th-c', 'cluster:th-c2', 'reads')$$);
SELECT graph, version > 0 AS taken FROM unnest(ARRAY['th_one', 'th_two']) graph, topo.take_snapshot(graph) version;

-- Which apps share a cluster with th-a?
SELECT * FROM topo.traverse('{th-a}', graphs => '{th_one,th_two}', hops => '[{"node_filter": {"type": "cluster"}}, {"direction": "in", "node_filter": {"type": "app"}}]');
-- Those that call it, rather than read from it
SELECT node, depth, parent FROM topo.traverse('{th-a}', graphs => '{th_one,th_two}', hops => '[{"node_filter": {"type": "cluster"}}, {"direction": "in", "edge_types": ["calls"]}]');
-- A limit for one step only
SELECT node, depth FROM topo.traverse('{th-a}', graphs => '{th_one,th_two}', hops => '[{"edge_limit": 2, "edge_order": "name"}, {"direction": "in"}]');
-- What the steps do not name is as the arguments say
SELECT node, depth FROM topo.traverse('{th-a}', 'in', graphs => '{th_one,th_two}', edge_types => '{calls}', node_filter => '{"type": "app"}', hops => '[{"direction": "out"}, {}]');
-- A step goes on from what was reached before too: th-b is a way to th-d again.
SELECT node, depth, parent FROM topo.traverse('{th-a}', graphs => '{th_one,th_two}', hops => '[{"node_filter": {"type": ["app", "cluster"]}}, {"direction": "in"}, {"node_filter": {"type": "app"}}]');
-- What a step rejects, a later one may let through.
SELECT node, depth, parent FROM topo.traverse('{th-b}', graphs => '{th_one,th_two}', hops => '[{"direction": "both", "node_filter": {"type": "app"}}, {"node_filter": {"type": "cluster"}}]');
-- External nodes are not gone on from.
SELECT node, depth FROM topo.traverse('{th-a}', graphs => '{th_one,th_two}', hops => '[{"node_filter": {"type": "external"}}, {"direction": "in"}]');
SELECT node, depth FROM topo.traverse('{th-a}', graphs => '{th_one,th_two}', through_external => true, hops => '[{"node_filter": {"type": "external"}}, {"direction": "in"}]');
-- Counted, and in pages
SELECT topo.reachable_count('{th-a}', graphs => '{th_one,th_two}', hops => '[{"node_filter": {"type": "cluster"}}, {"direction": "in"}]');
SELECT node, depth, parent FROM topo.traverse('{th-a}', graphs => '{th_one,th_two}', hops => '[{"node_filter": {"type": ["app", "cluster"]}}, {"direction": "in"}, {"direction": "both"}]', max_nodes => 2, after => 'th-c');

-- What cannot be is refused.
\pset format unaligned
\getenv srcdir PG_ABS_SRCDIR
\set refusal :srcdir '/lib/refusal.sql'
\i :refusal
SELECT steps, r.* FROM unnest(ARRAY[
	'{}', '[]', '"out"', '1', 'null', '[1]', '["out"]', '[null]', '[[]]', '[{}, 2]',
	'[{"level": "cluster"}]', '[{"direction": "up"}]', '[{"direction": 1}]', '[{"edge_order": "slowest"}]',
	'[{"edge_types": "calls"}]', '[{"edge_types": []}]', '[{"edge_types": [1]}]', '[{"edge_types": ["th-none"]}]',
	'[{"edge_limit": -1}]', '[{"edge_limit": 1.5}]', '[{"edge_limit": "1"}]', '[{"edge_limit": 1e20}]', '[{"edge_limit": null}]',
	'[{"node_filter": []}]', '[{"node_filter": "app"}]', '[{"node_filter": {"tier": "one"}}]']) steps,
	pg_temp.refused(format('SELECT * FROM topo.traverse(%L, graphs => %L, hops => %L)', '{th-a}', '{th_one}', steps)) r;
SELECT r.* FROM pg_temp.refused($$SELECT * FROM topo.traverse('{th-a}', max_depth => 2, graphs => '{th_one}', hops => '[{}]')$$) r
UNION ALL SELECT r.* FROM pg_temp.refused($$SELECT topo.reachable_count('{th-a}', 'out', 1, '{th_one}', hops => '[{}]')$$) r
UNION ALL SELECT r.* FROM pg_temp.refused($$SELECT topo.reachable_count('{th-a}', graphs => '{th_one}', hops => (SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 65)))$$) r;
\pset format aligned

-- Random steps over random graphs, row for row as plain SQL finds them
INSERT INTO topo.node (type, name, tier)
SELECT CASE WHEN n % 7 = 0 THEN 'external' WHEN n % 5 = 0 THEN 'cluster' ELSE 'app' END, 'thr-' || n, n % 3 FROM generate_series(0, 29) n;
CREATE TEMPORARY TABLE member AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS n, topo.node_label(type, name) COLLATE "C" AS label, type, tier
FROM topo.node WHERE name ~ '^thr-';
CREATE FUNCTION pg_temp.draw(seed bigint, edges integer) RETURNS void LANGUAGE sql AS $$
	DELETE FROM topo_th_one.link;
	DELETE FROM topo_th_two.link;
	INSERT INTO topo_th_one.link (src, dst, type)
	SELECT s.id, d.id, t.id FROM generate_series(1::bigint, edges) e
		 JOIN member s ON s.n = (hashint8extended(e, seed) & 1073741823) % 30
		 JOIN member d ON d.n = (hashint8extended(e, seed + 1) & 1073741823) % 30
		 JOIN topo.edge_type t ON t.name = CASE e % 3 WHEN 0 THEN 'reads' ELSE 'calls' END
	ON CONFLICT DO NOTHING;
	INSERT INTO topo_th_two.link (src, dst)
	SELECT s.id, d.id FROM generate_series(1::bigint, edges / 3) e
		 JOIN member s ON s.n = (hashint8extended(e, seed + 2) & 1073741823) % 30
		 JOIN member d ON d.n = (hashint8extended(e, seed + 3) & 1073741823) % 30
	ON CONFLICT DO NOTHING;
$$;
CREATE FUNCTION pg_temp.steps(seed bigint) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(
		jsonb_build_object('direction', (ARRAY['out', 'in', 'both'])[1 + (h & 1023) % 3])
		|| CASE WHEN (h >> 10 & 1023) % 3 = 0 THEN '{"edge_types": ["reads"]}'::jsonb ELSE '{}' END
		|| CASE WHEN (h >> 20 & 1023) % 2 = 0 THEN jsonb_build_object('node_filter', jsonb_build_object('tier', jsonb_build_array(0, 1 + (h >> 30 & 1)))) ELSE '{}' END
		|| CASE WHEN (h >> 40 & 1023) % 3 = 0 THEN jsonb_build_object('edge_limit', (h >> 50 & 3), 'edge_order', 'name') ELSE '{}' END)
	FROM generate_series(1::bigint, 1 + seed % 4) s, hashint8extended(s, seed) h
$$;
CREATE FUNCTION pg_temp.oracle(start bigint[], steps jsonb)
RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[]) LANGUAGE sql AS $$
	WITH RECURSIVE edge AS (
		SELECT src AS near, dst AS far, type, 'th_one' AS graph, 'out' AS direction FROM topo_th_one.link
		UNION ALL SELECT dst, src, type, 'th_one', 'in' FROM topo_th_one.link
		UNION ALL SELECT src, dst, type, 'th_two', 'out' FROM topo_th_two.link
		UNION ALL SELECT dst, src, type, 'th_two', 'in' FROM topo_th_two.link
	), ranked AS (
		SELECT s.number, s.step, e.near, e.far, e.graph, dense_rank() OVER (PARTITION BY s.number, e.near ORDER BY m.label) AS rank
		FROM jsonb_array_elements(steps) WITH ORDINALITY s (step, number)
			 JOIN edge e ON s.step->>'direction' IN (e.direction, 'both')
			 JOIN topo.edge_type t ON t.id = e.type AND (s.step->'edge_types' ? t.name) IS NOT FALSE
			 JOIN member m ON m.id = e.far
	), followed AS MATERIALIZED (
		SELECT r.number, r.near, r.far, r.graph
		FROM ranked r JOIN member m ON m.id = r.far JOIN member n ON n.id = r.near
		WHERE (r.rank <= (r.step->>'edge_limit')::integer) IS NOT FALSE
		  AND (r.step->'node_filter'->'tier' @> to_jsonb(m.tier)) IS NOT FALSE
		  AND (r.number = 1 OR n.type <> 'external')
	), walk (id, depth) AS (
		SELECT unnest(start), 0
		UNION
		SELECT f.far, w.depth + 1 FROM walk w JOIN followed f ON f.near = w.id AND f.number = w.depth + 1
	), least AS (
		SELECT id, min(depth) AS depth FROM walk GROUP BY id
	), reached AS (
		SELECT l.id, l.depth, min(w.id) AS parent, coalesce(array_agg(DISTINCT f.graph) FILTER (WHERE w.id IS NOT NULL), '{}') AS graphs
		FROM least l LEFT JOIN followed f ON f.far = l.id AND f.number = l.depth
			 LEFT JOIN walk w ON w.id = f.near AND w.depth = l.depth - 1
		GROUP BY l.id, l.depth
	)
	SELECT m.label, m.type, r.depth, p.label, r.graphs
	FROM reached r JOIN member m ON m.id = r.id LEFT JOIN member p ON p.id = r.parent
	ORDER BY r.depth, m.label
$$;
CREATE FUNCTION pg_temp.compare(seed bigint, snapshots text) RETURNS TABLE (rows bigint, same boolean) LANGUAGE plpgsql AS $$
DECLARE
	steps jsonb := pg_temp.steps(seed);
	ids bigint[] := (SELECT array_agg(m.id) FROM member m WHERE m.n IN (seed % 30, seed * 11 % 30));
	wanted text[];
	got text[];
BEGIN
	PERFORM pg_temp.draw(seed, 20 + (seed % 5)::integer * 15), set_config('topology.use_snapshot', snapshots, true);
	wanted := (SELECT array_agg(row(o.*)::text ORDER BY o.depth, o.node COLLATE "C") FROM pg_temp.oracle(ids, steps) o);
	got := (SELECT array_agg(row(t.node, t.node_type, t.depth, t.parent, t.graphs)::text ORDER BY t.ordinality)
			FROM topo.traverse((SELECT array_agg(m.label::text) FROM member m WHERE m.id = ANY (ids)), graphs => '{th_one,th_two}', level => 'app', hops => steps) WITH ORDINALITY t);
	rows := cardinality(wanted);
	same := got = wanted
		AND topo.reachable_count((SELECT array_agg(m.label::text) FROM member m WHERE m.id = ANY (ids)), graphs => '{th_one,th_two}', level => 'app', hops => steps) = rows - cardinality(ids);
	RETURN NEXT;
END
$$;
SELECT snapshots, count(*) AS comparisons, sum(c.rows) AS rows, count(*) FILTER (WHERE c.same IS NOT TRUE) AS different
FROM unnest(ARRAY['on', 'off']) snapshots, generate_series(1::bigint, 100) seed, pg_temp.compare(seed, snapshots) c GROUP BY snapshots;

SELECT topo.drop_graph(g) FROM unnest(ARRAY['th_one', 'th_two']) g;
DELETE FROM topo.node WHERE name ~ '^thr?-';
DELETE FROM topo.edge_type WHERE name = 'reads';
