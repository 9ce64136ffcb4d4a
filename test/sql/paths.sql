-- paths(), cycles() and components().
SET client_min_messages = warning;
\set SHOW_CONTEXT never
\getenv srcdir PG_ABS_SRCDIR
\set refusal :srcdir '/lib/refusal.sql'
\i :refusal
SELECT count(topo.set_node('app', 'pa-' || n)) FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) n;
SELECT topo.create_graph('pa_one');
SELECT topo.create_graph('pa_two');
SELECT topo.load_edges('pa_one', $$VALUES
	('pa-a', 'pa-b'), ('pa-b', 'pa-c'), ('pa-a', 'pa-c'), ('pa-c', 'pa-d'), ('pa-d', 'pa-a'), ('pa-b', 'pa-d'), ('pa-g', 'pa-h'), ('pa-h', 'pa-h')$$);
SELECT topo.load_edges('pa_two', $$VALUES ('pa-a', 'pa-c', 'reads'), ('pa-c', 'pa-e', 'reads'), ('pa-e', 'pa-d', 'calls'), ('pa-b', 'pa-c', 'calls')$$);

-- Shortest first; those of one length by the ids of their nodes.
SELECT * FROM topo.paths('pa-a', 'pa-d', graphs => '{pa_one}');
-- Over several graphs: graphs are those that know every step, and may be none.
SELECT * FROM topo.paths('pa-a', 'pa-d', graphs => '{pa_one,pa_two}');
SELECT * FROM topo.paths('pa-a', 'pa-d', 2, graphs => '{pa_one,pa_two}');
SELECT * FROM topo.paths('pa-a', 'pa-d', 3, 3, '{pa_one,pa_two}');
SELECT * FROM topo.paths('pa-d', 'pa-a', graphs => '{pa_one}', direction => 'in', max_depth => 2);
SELECT count(*) FROM topo.paths('pa-a', 'pa-d', graphs => '{pa_one,pa_two}', direction => 'both', max_paths => NULL);
SELECT * FROM topo.paths('pa-a', 'pa-e', graphs => '{pa_one,pa_two}', edge_types => '{reads}');
-- To itself, and none
SELECT * FROM topo.paths('pa-a', 'pa-a', graphs => '{pa_one}');
SELECT * FROM topo.paths('pa-d', 'pa-g', graphs => '{pa_one}');
SELECT * FROM topo.paths('pa-a', 'pa-d', max_paths => 0, graphs => '{pa_one}');
SELECT * FROM topo.paths('pa-a', 'pa-d', max_depth => 0, graphs => '{pa_one}');

-- Cycles, each once
SELECT * FROM topo.cycles(graphs => '{pa_one}');
SELECT * FROM topo.cycles(3, graphs => '{pa_one,pa_two}');
SELECT * FROM topo.cycles(max_cycles => 2, graphs => '{pa_one,pa_two}');
SELECT * FROM topo.cycles(graphs => '{pa_two}');

-- What hangs together
SELECT * FROM topo.components(graphs => '{pa_one}');
SELECT * FROM topo.components(true, '{pa_one,pa_two}');
SELECT topo.load_edges('pa_one', $$VALUES ('cluster:pa-a-1', 'cluster:pa-b-1')$$);
SELECT * FROM topo.components(graphs => '{pa_one}', level => 'cluster');

-- A range of time
SELECT topo.ensure_partitions('pa_two', '1 minute', '[2026-11-20 10:00+00,2026-11-20 11:00+00)');
INSERT INTO topo_pa_two.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
SELECT '2026-11-20 10:00+00', topo.node_id(s), topo.node_id(d), '2026-11-20 10:00+00', '2026-11-20 10:00+00', topo.traffic(connections => 1)
FROM (VALUES ('pa-a', 'pa-f'), ('pa-f', 'pa-a'), ('pa-f', 'pa-e')) e (s, d);
SELECT * FROM topo.paths('pa-a', 'pa-e', graphs => '{pa_two}', during => '[2026-11-20 10:00+00,2026-11-20 10:01+00)');
SELECT * FROM topo.cycles(graphs => '{pa_two}', during => '[2026-11-20 10:00+00,2026-11-20 10:01+00)');
SELECT * FROM topo.components(true, graphs => '{pa_two}', during => '[2026-11-20 10:00+00,2026-11-20 10:01+00)');

--
-- Against recursive queries, on random graphs.  The draws are hashes of their number: always the same.
--

-- the recursive queries gain nothing from it
SET jit = off;

SELECT topo.create_graph('pa_random');
INSERT INTO topo.node (type, name) SELECT 'app', 'pr-' || n FROM generate_series(0, 11) n;
CREATE TEMPORARY TABLE member AS
SELECT id, row_number() OVER (ORDER BY id) - 1 AS n, topo.node_label(type, name) AS label FROM topo.node WHERE name ~ '^pr-';

CREATE FUNCTION pg_temp.draw(seed bigint, edges integer) RETURNS void LANGUAGE sql AS $$
	DELETE FROM topo_pa_random.link;
	INSERT INTO topo_pa_random.link (src, dst)
	SELECT s.id, d.id FROM generate_series(1::bigint, edges) e
		 JOIN member s ON s.n = (hashint8extended(e, seed) & 1073741823) % 12
		 JOIN member d ON d.n = (hashint8extended(e, seed + 1) & 1073741823) % 12
	ON CONFLICT DO NOTHING;
	ANALYZE topo_pa_random.link;
$$;

CREATE FUNCTION pg_temp.all_paths(a bigint, b bigint, longest integer) RETURNS SETOF bigint[] LANGUAGE sql AS $$
	WITH RECURSIVE way (nodes) AS (
		SELECT ARRAY[a]
		UNION ALL
		SELECT w.nodes || l.dst
		FROM way w JOIN topo_pa_random.link l ON l.src = w.nodes[cardinality(w.nodes)]
		WHERE l.dst <> ALL (w.nodes) AND w.nodes[cardinality(w.nodes)] <> b AND cardinality(w.nodes) <= longest
	)
	SELECT nodes FROM way WHERE nodes[cardinality(nodes)] = b ORDER BY cardinality(nodes), nodes
$$;

CREATE FUNCTION pg_temp.all_cycles(longest integer) RETURNS SETOF bigint[] LANGUAGE sql AS $$
	WITH RECURSIVE way (nodes) AS (
		SELECT ARRAY[id] FROM member
		UNION ALL
		SELECT w.nodes || l.dst
		FROM way w JOIN topo_pa_random.link l ON l.src = w.nodes[cardinality(w.nodes)]
		WHERE (l.dst > w.nodes[1] AND l.dst <> ALL (w.nodes) OR l.dst = w.nodes[1])
		  AND (cardinality(w.nodes) = 1 OR w.nodes[cardinality(w.nodes)] <> w.nodes[1]) AND cardinality(w.nodes) <= longest
	)
	SELECT nodes FROM way WHERE cardinality(nodes) > 1 AND nodes[cardinality(nodes)] = nodes[1] ORDER BY cardinality(nodes), nodes
$$;

CREATE FUNCTION pg_temp.labels(nodes bigint[]) RETURNS text[] LANGUAGE sql AS $$
	SELECT array_agg(m.label ORDER BY u.place) FROM unnest(nodes) WITH ORDINALITY u (id, place) JOIN member m ON m.id = u.id
$$;

CREATE FUNCTION pg_temp.groups(strong boolean) RETURNS SETOF text LANGUAGE sql AS $$
	WITH RECURSIVE reach (a, b) AS (
		SELECT src, src FROM topo_pa_random.link UNION SELECT dst, dst FROM topo_pa_random.link
		UNION
		SELECT r.a, CASE WHEN l.src = r.b THEN l.dst ELSE l.src END
		FROM reach r JOIN topo_pa_random.link l ON l.src = r.b OR (NOT strong AND l.dst = r.b)
	), pair AS (
		SELECT r.a, r.b FROM reach r WHERE NOT strong OR EXISTS (SELECT FROM reach q WHERE q.a = r.b AND q.b = r.a)
	)
	SELECT DISTINCT string_agg(m.label, ' ' ORDER BY m.label COLLATE "C") FROM pair p JOIN member m ON m.id = p.b GROUP BY p.a
$$;

CREATE FUNCTION pg_temp.compare(seed bigint, edges integer, longest integer)
RETURNS TABLE (paths bigint, same_paths boolean, same_first boolean, cycles bigint, same_cycles boolean, same_components boolean) LANGUAGE plpgsql AS $$
DECLARE
	a record := (SELECT m FROM member m WHERE m.n = seed % 12);
	b record := (SELECT m FROM member m WHERE m.n = (seed * 5 + 3) % 12 + CASE WHEN (seed * 5 + 3) % 12 = seed % 12 THEN 1 ELSE 0 END);
	wanted text[];
BEGIN
	PERFORM pg_temp.draw(seed * 10, edges);
	wanted := (SELECT array_agg(pg_temp.labels(p)::text ORDER BY o) FROM pg_temp.all_paths(a.id, b.id, longest) WITH ORDINALITY q (p, o));
	paths := coalesce(cardinality(wanted), 0);
	same_paths := wanted IS NOT DISTINCT FROM (SELECT array_agg(p.nodes::text ORDER BY p.path) FROM topo.paths(a.label, b.label, longest, NULL, '{pa_random}') p);
	same_first := wanted[1:4] IS NOT DISTINCT FROM coalesce((SELECT array_agg(p.nodes::text ORDER BY p.path) FROM topo.paths(a.label, b.label, longest, 4, '{pa_random}') p), wanted[1:4]);
	wanted := (SELECT array_agg(pg_temp.labels(p)::text ORDER BY o) FROM pg_temp.all_cycles(longest) WITH ORDINALITY q (p, o));
	cycles := coalesce(cardinality(wanted), 0);
	same_cycles := wanted IS NOT DISTINCT FROM (SELECT array_agg(c.nodes::text ORDER BY c.cycle) FROM topo.cycles(longest, NULL, '{pa_random}') c);
	same_components := NOT EXISTS (
		SELECT FROM (VALUES (true), (false)) s (strong)
		WHERE EXISTS ((SELECT g FROM pg_temp.groups(s.strong) g)
					  EXCEPT (SELECT string_agg(c.node, ' ' ORDER BY c.node COLLATE "C") FROM topo.components(s.strong, '{pa_random}') c GROUP BY c.component))
		   OR (SELECT count(*) FROM pg_temp.groups(s.strong)) <> (SELECT count(DISTINCT c.component) FROM topo.components(s.strong, '{pa_random}') c)
		   OR EXISTS (SELECT FROM topo.components(s.strong, '{pa_random}') c GROUP BY c.component HAVING count(*) <> min(c.size)));
	RETURN NEXT;
END
$$;
SELECT count(*) AS graphs, sum(c.paths) AS paths, bool_and(c.same_paths) AS same_paths, bool_and(c.same_first) AS same_first,
	   sum(c.cycles) AS cycles, bool_and(c.same_cycles) AS same_cycles, bool_and(c.same_components) AS same_components
FROM generate_series(1, 150) seed CROSS JOIN LATERAL pg_temp.compare(seed, 8 + (seed * 7 % 36)::integer, 3 + (seed % 7)::integer) c;

-- Of ways beyond number, the first come at once.
SELECT topo.load_edges('pa_random', $$SELECT 'pr-' || a, 'pr-' || b FROM generate_series(0, 11) a, generate_series(0, 11) b WHERE a <> b$$) > 0 AS full;
INSERT INTO topo.node (type, name) SELECT 'app', 'ps-' || n FROM generate_series(1, 60) n;
SELECT topo.load_edges('pa_random', $$SELECT 'ps-' || a, 'ps-' || b FROM generate_series(1, 60) a, generate_series(1, 60) b WHERE a <> b$$);
SELECT count(*), max(length) FROM topo.paths('ps-1', 'ps-60', max_paths => 1000, graphs => '{pa_random}');
SELECT count(*), max(length) FROM topo.cycles(max_cycles => 3000, graphs => '{pa_random}');
-- What would not fit into work_mem is refused.
SET work_mem = '64kB';
SELECT topo.cycles(graphs => '{pa_random}', max_cycles => NULL);
RESET work_mem;

-- What cannot be is refused.
\pset format unaligned
SELECT call, r.state, r.message, r.hint FROM unnest(ARRAY[
	$$paths(NULL, 'pa-a')$$,
	$$paths('pa-a', 'pa-nobody')$$,
	$$paths('pa-a', 'pa-b', -1)$$,
	$$paths('pa-a', 'pa-b', 3, -1)$$,
	$$paths('pa-a', 'pa-b', graphs => '{pa_none}')$$,
	$$paths('pa-a', 'pa-b', graphs => '{pa_one}', during => 'empty')$$,
	$$cycles(-1)$$,
	$$cycles(max_cycles => -1)$$,
	$$cycles(graphs => '{pa_one}', level => 'pod')$$,
	$$components(graphs => '{}')$$,
	$$components(edge_types => '{pa_none}')$$]) call, pg_temp.refused('SELECT * FROM topo.' || call) r;
\pset format aligned
SELECT topo.drop_graph('pa_one'), topo.drop_graph('pa_two'), topo.drop_graph('pa_random');
DELETE FROM topo.node WHERE name ~ '^(pa|pr|ps)-';
