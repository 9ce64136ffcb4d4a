-- The way with the fewest steps.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
SELECT count(topo.set_node('app', 'sp-' || n)) FROM unnest(ARRAY['e', 'x', 'd', 'c', 'b', 'a']) n;
SELECT topo.create_graph('sp_one');
SELECT topo.create_graph('sp_two');
SELECT topo.load_edges('sp_one', $$VALUES
	('sp-a', 'sp-b'), ('sp-b', 'sp-c'), ('sp-c', 'sp-d'), ('sp-d', 'sp-a'), ('sp-d', 'sp-e'), ('sp-b', 'sp-b')$$);
SELECT topo.load_edges('sp_two', $$VALUES ('sp-a', 'sp-x', 'reads'), ('sp-x', 'sp-d', 'reads'), ('sp-b', 'sp-c', 'calls')$$);

SELECT * FROM topo.shortest_path('sp-a', 'sp-e', '{sp_one}');
SELECT * FROM topo.shortest_path('sp-a', 'sp-e', '{sp_one,sp_two}');
-- The graphs of a step are those of its edge alone.
SELECT * FROM topo.shortest_path('sp-a', 'sp-c', '{sp_one,sp_two}');
-- Of two ways of the same length, always the same
SELECT topo.load_edges('sp_two', $$VALUES ('sp-b', 'sp-d')$$);
SELECT string_agg(node, ' ' ORDER BY step) AS path FROM topo.shortest_path('sp-a', 'sp-d', '{sp_one,sp_two}');
SELECT string_agg(node, ' ' ORDER BY step) AS path FROM topo.shortest_path('sp-a', 'sp-d', '{sp_two,sp_one}');

-- Directions
SELECT string_agg(node, ' ' ORDER BY step) AS path FROM topo.shortest_path('sp-e', 'sp-a', '{sp_one}', direction => 'in');
SELECT string_agg(node, ' ' ORDER BY step) AS path FROM topo.shortest_path('sp-e', 'sp-a', '{sp_one}', direction => 'both');
SELECT string_agg(node, ' ' ORDER BY step) AS path FROM topo.shortest_path('sp-a', 'sp-e', '{sp_one,sp_two}', edge_types => '{calls}');

-- To itself, and none
SELECT * FROM topo.shortest_path('sp-a', 'sp-a', '{sp_one}');
SELECT * FROM topo.shortest_path('sp-e', 'sp-a', '{sp_one}');
SELECT * FROM topo.shortest_path('sp-a', 'sp-e', '{sp_one}', max_depth => 3);
SELECT count(*) FROM topo.shortest_path('sp-a', 'sp-e', '{sp_one}', max_depth => 4);

-- Clusters
SELECT topo.load_edges('sp_one', $$VALUES ('cluster:sp-a-1', 'cluster:sp-b-1')$$);
SELECT * FROM topo.shortest_path('cluster:sp-a-1', 'cluster:sp-b-1', '{sp_one}');
SELECT * FROM topo.shortest_path('sp-a', 'sp-b', '{sp_one}', level => 'cluster');

-- What cannot be is refused.

CREATE FUNCTION pg_temp.refused(query text) RETURNS TABLE (state text, message text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
	state := 'not refused';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END
$$;
\pset format unaligned
SELECT arguments, r.* FROM unnest(ARRAY[
	$$NULL, 'sp-a'$$,
	$$'sp-a', NULL$$,
	$$'sp-nobody', 'sp-a'$$,
	$$'sp-a', 'sp-nobody'$$,
	$$'sp-a', 'sp-b', '{sp_none}'$$,
	$$'sp-a', 'sp-b', '{}'$$,
	$$'sp-a', 'sp-b', '{sp_one}', during => 'empty'$$,
	$$'sp-a', 'sp-b', '{sp_one}', max_depth => -1$$,
	$$'sp-a', 'sp-b', '{sp_one}', direction => 'up'$$,
	$$'sp-a', 'sp-b', '{sp_one}', level => 'pod'$$,
	$$'sp-a', 'sp-b', '{sp_one}', edge_types => '{sp-type}'$$
]) arguments, pg_temp.refused('SELECT * FROM topo.shortest_path(' || arguments || ')') r;
\pset format aligned

SELECT topo.drop_graph(g) FROM unnest(ARRAY['sp_one', 'sp_two']) g;
DELETE FROM topo.node WHERE name ~ '^sp-';
DELETE FROM topo.edge_type WHERE name = 'reads';
