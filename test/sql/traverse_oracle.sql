-- traverse(), reachable_count() and shortest_path() against WITH RECURSIVE, row
-- for row, on random graphs.  The draws are hashes of their number: always the same.
SET client_min_messages = warning;
-- the recursive queries gain nothing from it
SET jit = off;
SELECT topo.create_graph('to_one');
SELECT topo.create_graph('to_two');
INSERT INTO topo.node (type, name, tier)
SELECT CASE WHEN n % 7 = 0 THEN 'external' WHEN n % 11 = 5 THEN 'address' ELSE 'app' END, 'to-' || n, n % 3 FROM generate_series(0, 59) n;
CREATE TEMPORARY TABLE member AS SELECT id, row_number() OVER (ORDER BY id) - 1 AS n, topo.node_label(type, name) COLLATE "C" AS label, type, tier
FROM topo.node WHERE name ~ '^to-';

-- Draw a graph of so many edges anew.
CREATE FUNCTION pg_temp.draw(seed bigint, edges integer) RETURNS void LANGUAGE sql AS $$
	DELETE FROM topo_to_one.link;
	DELETE FROM topo_to_two.link;
	INSERT INTO topo_to_one.link (src, dst)
	SELECT s.id, d.id FROM generate_series(1::bigint, edges) e
		 JOIN member s ON s.n = (hashint8extended(e, seed) & 1073741823) % 60
		 JOIN member d ON d.n = (hashint8extended(e, seed + 1) & 1073741823) % 60
	ON CONFLICT DO NOTHING;
	INSERT INTO topo_to_two.link (src, dst)
	SELECT s.id, d.id FROM generate_series(1::bigint, edges / 3) e
		 JOIN member s ON s.n = (hashint8extended(e, seed + 2) & 1073741823) % 60
		 JOIN member d ON d.n = (hashint8extended(e, seed + 3) & 1073741823) % 60
	ON CONFLICT DO NOTHING;
$$;

-- The edges as they are followed.
CREATE FUNCTION pg_temp.followed(direction text) RETURNS TABLE (near bigint, far bigint, graph text) LANGUAGE sql AS $$
	WITH link AS (SELECT src, dst, 'to_one' AS graph FROM topo_to_one.link WHERE level = 'a'
				  UNION ALL SELECT src, dst, 'to_two' FROM topo_to_two.link WHERE level = 'a')
	SELECT src, dst, graph FROM link WHERE direction IN ('out', 'both')
	UNION ALL
	SELECT dst, src, graph FROM link WHERE direction IN ('in', 'both')
$$;

-- through: external nodes and addresses are gone on from.
CREATE FUNCTION pg_temp.oracle(start bigint[], direction text, k integer, tiers integer[], through boolean)
RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[]) LANGUAGE sql AS $$
	WITH RECURSIVE edge AS MATERIALIZED (
		SELECT * FROM pg_temp.followed(direction)
	), walk (id, depth) AS (
		SELECT unnest(start), 0
		UNION
		SELECT e.far, w.depth + 1
		FROM walk w JOIN edge e ON e.near = w.id JOIN member m ON m.id = e.far JOIN member n ON n.id = w.id
		WHERE w.depth < k AND (w.depth = 0 OR through OR n.type = 'app') AND (m.tier = ANY (tiers) OR m.id = ANY (start))
	), least AS (
		SELECT w.id, min(w.depth) AS depth, bool_or(w.depth = 0 OR through OR m.type = 'app') AS expanded
		FROM walk w JOIN member m USING (id) GROUP BY w.id
	), reached AS (
		SELECT l.id, l.depth, min(p.id) AS parent,
			   coalesce(array_agg(DISTINCT e.graph) FILTER (WHERE p.id IS NOT NULL), '{}') AS graphs
		FROM least l LEFT JOIN edge e ON e.far = l.id AND l.depth > 0
			 LEFT JOIN least p ON p.id = e.near AND p.depth = l.depth - 1 AND p.expanded
		GROUP BY l.id, l.depth
	)
	SELECT m.label, m.type, r.depth, p.label, r.graphs
	FROM reached r JOIN member m ON m.id = r.id LEFT JOIN member p ON p.id = r.parent
	ORDER BY r.depth, m.label
$$;

-- One comparison of everything: rows in order, the count, and the lengths of paths.
CREATE FUNCTION pg_temp.compare(a bigint, b bigint, direction text, k integer, tiers integer[], through boolean)
RETURNS TABLE (rows bigint, same boolean, same_count boolean, same_path boolean) LANGUAGE plpgsql AS $$
DECLARE
	starts text[] := (SELECT array_agg(m.label ORDER BY m.n) FROM member m WHERE m.n IN (a, b));
	ids bigint[] := (SELECT array_agg(m.id) FROM member m WHERE m.n IN (a, b));
	filter jsonb := CASE WHEN cardinality(tiers) < 3 THEN jsonb_build_object('tier', tiers) END;
	wanted text[] := (SELECT array_agg(o::text ORDER BY ordinality) FROM (SELECT row(o.node, o.node_type, o.depth, o.parent, o.graphs) AS o, ordinality FROM pg_temp.oracle(ids, direction, k, tiers, through) WITH ORDINALITY o) q);
	got text[] := (SELECT array_agg(t::text ORDER BY ordinality) FROM (SELECT row(t.node, t.node_type, t.depth, t.parent, t.graphs) AS t, ordinality
				   FROM topo.traverse(starts, direction, k, ARRAY['to_one', 'to_two'], node_filter => filter, through_external => through) WITH ORDINALITY t) q);
	target text := (SELECT m.label FROM member m WHERE m.n = (a * 7 + b + 1) % 60);
BEGIN
	rows := cardinality(wanted);
	same := got = wanted;
	same_count := topo.reachable_count(starts, direction, k, ARRAY['to_one', 'to_two'], node_filter => filter, through_external => through) = rows - cardinality(ids);
	same_path := (SELECT max(step) FROM topo.shortest_path(starts[1], target, ARRAY['to_one', 'to_two'], max_depth => k, direction => compare.direction, through_external => through))
				 IS NOT DISTINCT FROM
				 (SELECT o.depth FROM pg_temp.oracle(ids[array_position(ids, (SELECT m.id FROM member m WHERE m.label = starts[1])):array_position(ids, (SELECT m.id FROM member m WHERE m.label = starts[1]))], direction, k, '{0,1,2}', through) o WHERE o.node = target);
	RETURN NEXT;
END
$$;

-- Sparse to dense, all directions, depths and filters
CREATE FUNCTION pg_temp.compare_all(seed bigint, edges integer, OUT comparisons bigint, OUT rows bigint, OUT different bigint)
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.draw(seed, edges);
	SELECT count(*), sum(c.rows), count(*) FILTER (WHERE (c.same AND c.same_count AND c.same_path) IS NOT TRUE)
	INTO comparisons, rows, different
	FROM unnest(ARRAY[0, 13, 59]) a, unnest(ARRAY['out', 'in', 'both']) d, unnest(ARRAY[0, 1, 2, 3, 9]) k,
		 (VALUES ('{0,1,2}'::integer[]), ('{0,1}')) f (tiers), unnest(ARRAY[false, true]) t,
		 pg_temp.compare(a, (a * 5 + seed) % 60, d, k, f.tiers, t) c;
END
$$;
SELECT edges, c.* FROM unnest(ARRAY[20, 60, 90, 150]) edges, pg_temp.compare_all(edges, edges) c;

-- A chain longer than a look-up is wide, and a frontier that takes several
SELECT topo.create_graph('to_wide');
INSERT INTO topo.node (type, name, tier, properties) SELECT 'to', 'w' || n, n % 5, jsonb_build_object('n', n, 'half', n / 2) FROM generate_series(0, 20000) n;
CREATE TEMPORARY TABLE wide AS SELECT id, substr(name, 2)::integer AS n FROM topo.node WHERE type = 'to';
ANALYZE wide;
ANALYZE topo.node;
INSERT INTO topo_to_wide.link (src, dst)
SELECT s.id, d.id FROM wide s JOIN wide d ON d.n > 0 WHERE s.n = 0;
INSERT INTO topo_to_wide.link (src, dst)
SELECT s.id, d.id FROM wide s JOIN wide d ON d.n = s.n + 1 WHERE s.n > 0;
SELECT depth, count(*), count(DISTINCT node) FROM topo.traverse('{to:w0}', graphs => '{to_wide}') GROUP BY depth ORDER BY depth;
SELECT depth, count(*) FROM topo.traverse('{to:w1}', 'both', 2, graphs => '{to_wide}', node_filter => '{"type": "to"}') GROUP BY depth ORDER BY depth;
SELECT topo.reachable_count('{to:w1}', graphs => '{to_wide}', edge_types => '{calls}');
SELECT count(*), max(step) FROM topo.shortest_path('to:w1', 'to:w3000', '{to_wide}');

-- Every node of a frontier of several look-ups is expanded: each leads to one more.
SELECT topo.create_graph('to_layers');
INSERT INTO topo_to_layers.link (src, dst)
SELECT s.id, d.id FROM wide s JOIN wide d ON d.n BETWEEN 1 AND 10000 WHERE s.n = 0;
INSERT INTO topo_to_layers.link (src, dst)
SELECT s.id, d.id FROM wide s JOIN wide d ON d.n = s.n + 10000 WHERE s.n BETWEEN 1 AND 10000;
SELECT depth, count(*), count(DISTINCT parent) AS parents FROM topo.traverse('{to:w0}', graphs => '{to_layers}') GROUP BY depth ORDER BY depth;
SELECT topo.reachable_count('{to:w0}', graphs => '{to_layers}', node_filter => '{"type": "to"}');
-- Properties, for more rows than a look-up takes
CREATE FUNCTION pg_temp.properties(snapshots text, wanted text[], page integer) RETURNS TABLE (rows bigint, same boolean) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('topology.use_snapshot', snapshots, true), set_config('work_mem', '64MB', true);
	RETURN QUERY SELECT count(*), bool_and(t.properties = (SELECT jsonb_object_agg(e.key, e.value) FROM jsonb_each(n.properties || jsonb_build_object('tier', n.tier)) e
														  WHERE e.key = ANY (wanted) OR '*' = ANY (wanted)))
	FROM topo.traverse('{to:w0}', graphs => '{to_layers}', max_nodes => page, with_properties => wanted) t
		 JOIN topo.node n ON n.type = 'to' AND n.name = substr(t.node, 4);
END
$$;
SELECT take > 0 AS taken FROM topo.take_snapshot('to_layers') take;
SELECT wanted, page, array_agg(DISTINCT p) AS rows_and_same
FROM unnest(ARRAY['on', 'off']) snapshots, (VALUES ('{n,tier,other}'::text[]), ('{*}')) w (wanted), unnest(ARRAY[NULL, 10005]) page,
	 pg_temp.properties(snapshots, wanted, page) p
GROUP BY wanted, page ORDER BY wanted, page;
-- From the tables, what would not fit into work_mem is refused; part of it does.
SET topology.use_snapshot = off;
SET work_mem = '1MB';
SET hash_mem_multiplier = 1;
SELECT topo.reachable_count('{to:w0}', graphs => '{to_layers}');
SELECT topo.reachable_count('{to:w0}', graphs => '{to_layers}', max_depth => 1);
SELECT topo.reachable_count('{to:w1}', graphs => '{to_layers}');
RESET work_mem;
RESET hash_mem_multiplier;
RESET topology.use_snapshot;
SELECT count(*) FROM topo.traverse('{to:w0}', graphs => '{to_layers}', edge_limit => 20000, edge_order => 'name');

-- A frontier reads the table at most once a chunk and direction, even with a plan
-- that was made when the table was tiny, and where few nodes have all edges.
SELECT topo.create_graph('to_grown');
INSERT INTO topo_to_grown.link (src, dst)
SELECT s.id, d.id FROM wide s JOIN wide d ON d.n = 1 WHERE s.n BETWEEN 2 AND 4;
ANALYZE topo_to_grown.link;
SELECT topo.reachable_count('{to:w1}', 'both', graphs => '{to_grown}');
INSERT INTO topo_to_grown.link (src, dst)
SELECT s.id, d.id FROM wide s JOIN wide d ON d.n = 1 WHERE s.n > 4;
-- Rows that this transaction has read from the table and from its indexes
CREATE FUNCTION pg_temp.rows_read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(c.oid))::bigint
	FROM pg_class c WHERE c.relnamespace = 'topo_to_grown'::regnamespace AND c.relname ~ '^link'
$$;
CREATE FUNCTION pg_temp.reach(direction text, starts text[], k integer, OUT reached bigint, OUT rows_read bigint)
LANGUAGE plpgsql AS $$
BEGIN
	rows_read := -pg_temp.rows_read();
	reached := topo.reachable_count(starts, direction, k, graphs => '{to_grown}');
	rows_read := rows_read + pg_temp.rows_read();
END
$$;
SELECT reached, rows_read <= 20000 AS few_rows FROM pg_temp.reach('out', '{to:w5,to:w6}', 1);
-- Three chunks and two narrow frontiers, each in two directions
SELECT reached, rows_read <= 5 * 2 * 20000 AS few_rows FROM pg_temp.reach('both', '{to:w5}', NULL);
VACUUM ANALYZE topo_to_grown.link;
SELECT reached, rows_read <= 5 * 2 * 20000 AS few_rows FROM pg_temp.reach('both', '{to:w5}', NULL);
-- With statistics it is an index look-up of what is there.
SELECT * FROM pg_temp.reach('out', '{to:w5,to:w6}', 1);

SELECT topo.drop_graph(g) FROM unnest(ARRAY['to_one', 'to_two', 'to_wide', 'to_layers', 'to_grown']) g;
DELETE FROM topo.node WHERE name ~ '^to-' OR type = 'to';
