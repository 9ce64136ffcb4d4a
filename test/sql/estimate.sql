-- What the planner expects of the questions, beside what they have.
SET client_min_messages = warning;

-- Rows that a query is expected to have.
CREATE FUNCTION pg_temp.expected(query text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (FORMAT json) ' || query INTO plan;
	RETURN (plan -> 0 -> 'Plan' ->> 'Plan Rows')::float8;
END
$$;

-- How far off that is: 1 is right.
CREATE FUNCTION pg_temp.error(query text) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	expected CONSTANT float8 := pg_temp.expected(query);
	rows float8;
BEGIN
	EXECUTE format('SELECT count(*) FROM (%s) q', query) INTO rows;
	RETURN greatest(expected, 1) / greatest(rows, 1);
END
$$;

SELECT topo.create_graph('es');
SELECT setseed(0.4);
-- 2,000 nodes, each calling about three others
SELECT topo.load_edges('es', $$SELECT 'es' || i, 'es' || (random() * 1999)::int FROM generate_series(0, 1999) i, generate_series(1, 3)$$) > 5900;
ANALYZE topo_es.link;

-- within a factor of two at every depth
SELECT k, pg_temp.error(format($$SELECT * FROM topo.traverse('{es7,es8,es9}', max_depth => %s, graphs => '{es}')$$, coalesce(k::text, 'NULL'))) BETWEEN 0.5 AND 2 AS near
FROM unnest(ARRAY[0, 1, 2, 3, 4, 5, 6, 20, NULL]) k;
SELECT direction, pg_temp.error(format($$SELECT * FROM topo.traverse('{es7,es8,es9,es10}', %L, 2, '{es}')$$, direction)) BETWEEN 0.5 AND 2 AS near
FROM unnest(ARRAY['in', 'out', 'both']) direction;
SELECT question, pg_temp.error(format($$SELECT * FROM topo.%s$$, question)) BETWEEN 0.4 AND 2.5 AS near
FROM unnest(ARRAY[
	$$upstream('es11', 4, '{es}')$$,
	$$downstream('es11', 4, '{es}')$$,
	$$blast_radius('es11', '{es}')$$,
	$$shortest_path('es11', 'es900', '{es}')$$,
	$$traverse('{es7,es8,es9}', max_depth => 3, graphs => '{es}', edge_limit => 1)$$,
	$$traverse('{es7}', graphs => '{es}', max_nodes => 40)$$]) question;

-- what is not known when it is planned
SELECT pg_temp.expected($$SELECT * FROM generate_series(1, 1) i, topo.traverse('{es7}', max_depth => i, graphs => '{es}')$$) BETWEEN 10 AND 100 AS a_few_depths;
SELECT pg_temp.expected($$SELECT * FROM topo.traverse('{es7}', graphs => '{es}', node_filter => '{"tier": 1}')$$) BETWEEN 50 AND 400 AS a_part;
SELECT topo.create_graph('es_new');
SELECT pg_temp.expected($$SELECT * FROM topo.traverse('{es7}', graphs => '{es_new}')$$) AS of_a_graph_without_statistics;

-- a join with who owns what is planned for what comes: by index for a few nodes, by hash for many
CREATE TABLE es_owner (node text PRIMARY KEY, team text);
INSERT INTO es_owner SELECT 'es' || i, 'team' || i % 50 FROM generate_series(0, 2999) i;
ANALYZE es_owner;
CREATE FUNCTION pg_temp.join_of(depth integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE format('EXPLAIN (FORMAT json) SELECT team FROM topo.traverse(''{es7}'', max_depth => %s, graphs => ''{es}'') JOIN es_owner USING (node)', depth) INTO plan;
	RETURN plan -> 0 -> 'Plan' ->> 'Node Type';
END
$$;
SELECT pg_temp.join_of(1), pg_temp.join_of(20);

-- edges: as many as are live, once that is known
SELECT topo.create_service_map();
SELECT pg_temp.expected('SELECT * FROM topo.edges()');
SELECT topo.ingest('ipc', convert_to(string_agg(json_build_object('client', 'es' || i, 'server', 'es' || i + 1, 'requests', 1,
	'start', (extract(epoch FROM topo.clock()) * 1e9)::int8, 'end', (extract(epoch FROM topo.clock()) * 1e9)::int8)::text, E'\n'), 'UTF8'))
FROM generate_series(1, 300) i;
SELECT topo.flush();
ANALYZE topo_ipc.live_edge;
SELECT pg_temp.error('SELECT * FROM topo.edges()') BETWEEN 0.9 AND 1.1 AS near;

SELECT topo.drop_graph(name) FROM topo.graph WHERE name IN ('network', 'ipc', 'trace');
DROP TABLE es_owner;
SELECT topo.drop_graph('es'), topo.drop_graph('es_new');
DELETE FROM topo.node WHERE name ~ '^es[0-9]+$';
