-- Graphs: made, changed, dropped, loaded; and every name and option that cannot be.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\i :start
\i :refusal
\set ECHO all
CREATE VIEW pg_temp.graphs AS
	SELECT g.name, g.schema_name, g.edge_ttl, r.width, r.retention
	FROM topo.graph g JOIN topo.grain r ON r.graph = g.name ORDER BY g.name COLLATE "C", r.width;

-- The service map is three graphs; network has flow windows too.
SELECT topo.create_service_map();
SELECT * FROM pg_temp.graphs;
SELECT n.nspname, string_agg(c.relname, ' ' ORDER BY c.relname) AS tables
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname LIKE 'topo\_%' AND c.relkind IN ('r', 'p')
GROUP BY 1 ORDER BY 1;
SELECT r.* FROM pg_temp.refused('SELECT topo.create_service_map()') r \gx
-- A refused one leaves nothing half made.
SELECT topo.drop_graph('network');
SELECT r.message FROM pg_temp.refused('SELECT topo.create_service_map()') r;
SELECT name FROM topo.graph ORDER BY 1;
SELECT topo.drop_graph('ipc'), topo.drop_graph('trace');
SELECT count(*) AS graphs, (SELECT count(*) FROM topo.grain) AS grains,
	   (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'topo\_%') AS schemas
FROM topo.graph;

-- Options, at once or later; what is not named stays.
SELECT topo.create_graph('plain');
SELECT topo.create_graph('short', '{"edge_ttl": "10 minutes", "retention": {"1 minute": "1 hour 30 minutes"}}');
SELECT topo.create_graph('for ever', '{"edge_ttl": "infinite", "retention": "infinite"}');
SELECT * FROM pg_temp.graphs;
SELECT topo.set_graph('short', '{"edge_ttl": "infinite"}');
SELECT topo.set_graph('plain', '{"retention": {"60 seconds": "3 days"}}');
SELECT topo.set_graph('for ever', '{"retention": "P1M"}');
SELECT topo.set_graph('for ever', '{}');
SELECT * FROM pg_temp.graphs;

-- Options that are refused, and a refused one changes nothing, nor do those given with it.
SELECT options, r.state, r.message, r.hint
FROM unnest(ARRAY[
	'{"edge_tll": "1 hour"}', '{"retention": "1 hour", "Retention": "1 hour"}', '[]', '"infinite"', 'null',
	'{"edge_ttl": "0"}', '{"edge_ttl": "-1 hour"}', '{"edge_ttl": 3600}', '{"edge_ttl": null}', '{"edge_ttl": "soon"}',
	'{"edge_ttl": ""}', '{"edge_ttl": "1 fortnight of days"}', '{"edge_ttl": "999999999 years"}', '{"edge_ttl": {}}',
	'{"edge_ttl": "5 minutes", "retention": {"2 hours": "1 day"}}', '{"retention": {"1 minute": "never"}}',
	'{"retention": {"a while": "1 day"}}', '{"retention": {"": "1 day"}}', '{"retention": ["1 day"]}', '{"retention": true}'
]) AS options, pg_temp.refused(format('SELECT topo.set_graph(%L, %L)', 'plain', options)) r;
SELECT r.state, r.message FROM pg_temp.refused($$SELECT topo.set_graph('plain', NULL)$$) r;
SELECT r.state, r.message FROM pg_temp.refused($$SELECT topo.create_graph('bad', '{"edge_tll": "1 hour"}')$$) r;
SELECT r.state, r.message FROM pg_temp.refused($$SELECT topo.create_graph('bad', NULL)$$) r;
SELECT * FROM pg_temp.graphs WHERE name IN ('plain', 'bad');
SELECT to_regnamespace('topo_bad') IS NULL AS nothing_left;

-- Names that are keywords, have quotes, semicolons, dots, spaces, backslashes, capitals or other scripts are names.
CREATE FUNCTION pg_temp.use_graph(name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	schema name := 'topo_' || name;
	edges text;
BEGIN
	PERFORM topo.create_graph(name, '{"edge_ttl": "1 day"}');
	PERFORM topo.set_graph(name, '{"edge_ttl": "2 days", "retention": {"1 minute": "4 days"}}');
	PERFORM topo.load_edges(name, 'SELECT ''a'', ''b''');
	PERFORM topo.ensure_partitions(name, '1 minute', '[2020-11-20,2020-11-21)');
	EXECUTE format('SELECT string_agg(format(''%%s %%s'', level, type), '','') FROM %I.link', schema) INTO edges;
	PERFORM FROM topo.edges(graphs => ARRAY[name]);
	PERFORM topo.drop_graph(name);
	RETURN edges || CASE WHEN EXISTS (SELECT FROM pg_namespace WHERE nspname = schema) THEN ' left behind' ELSE '' END;
END
$$;
SELECT name, pg_temp.use_graph(name)
FROM unnest(ARRAY['select', 'table', 'topo', 'null', 'with "quotes"', 'it''s', '"; DROP SCHEMA topo CASCADE; --',
				  '''; DROP SCHEMA topo CASCADE; --', '$$', '$ddl$', '%I', '%1$s', 'back\slash', 'a.b', ' ', 'CamelCase', 'Zürich 東京 🚀', repeat('x', 58), repeat('é', 29)]) name;
SELECT to_regnamespace('topo') IS NOT NULL AS unharmed;

-- Names that cannot be are refused: no byte is cut off.
SELECT octet_length(name), r.state, r.message, r.detail
FROM unnest(ARRAY['', E'a\nb', E'\u007f', repeat('x', 59), repeat('x', 63), repeat('x', 64), repeat('é', 30)]) name,
	 pg_temp.refused(format('SELECT topo.create_graph(%L)', name)) r;
SELECT r.* FROM pg_temp.refused('SELECT topo.create_graph(NULL)') r \gx
-- Not even where the schema of that name is somebody else's.
CREATE SCHEMA topo_taken;
SELECT r.state, r.message FROM pg_temp.refused($$SELECT topo.create_graph('taken')$$) r;
SELECT name FROM topo.graph WHERE name = 'taken';

-- There are no others.
SELECT call, r.state, r.message, r.hint
FROM unnest(ARRAY['set_graph(''nope'', ''{}'')', 'drop_graph(''nope'')', 'drop_graph('''')', 'drop_graph(NULL)', 'load_edges(''nope'', ''SELECT 1, 2'')', 'set_graph(NULL, ''{}'')']) call,
	 pg_temp.refused('SELECT topo.' || call) r;
SELECT topo.drop_graph(name) FROM topo.graph;
SELECT r.hint FROM pg_temp.refused($$SELECT topo.drop_graph('plain')$$) r;

-- A graph can be dropped whose schema somebody dropped.
SELECT topo.create_graph('orphan');
DROP SCHEMA topo_orphan CASCADE;
SELECT topo.drop_graph('orphan');
SELECT count(*) FROM topo.graph;

--
-- load_edges
--
SELECT topo.create_graph('g');
CREATE FUNCTION pg_temp.links() RETURNS TABLE (level "char", source text, target text, type text) LANGUAGE sql AS $$
	SELECT l.level, topo.node_label(s.type, s.name), topo.node_label(d.type, d.name), t.name
	FROM topo_g.link l JOIN topo.node s ON s.id = l.src JOIN topo.node d ON d.id = l.dst JOIN topo.edge_type t ON t.id = l.type
	ORDER BY l.level, s.name COLLATE "C", d.name COLLATE "C", t.name COLLATE "C"
$$;
-- Two columns or three, whatever their names and types; returns how many edges are new.
SELECT topo.load_edges('g', $$VALUES ('web', 'checkout'), ('web', 'checkout'), ('checkout', 'external:stripe')$$);
SELECT topo.load_edges('g', 'SELECT 1, 2');
SELECT topo.load_edges('g', $$SELECT 'web' AS x, 'search' AS x, 'reads' AS x$$);
SELECT topo.load_edges('g', $$SELECT 'web' AS type, 'checkout'::varchar AS source, NULL::text AS target$$);
SELECT topo.load_edges('g', $$VALUES ('web', 'search', 'writes'), ('web', 'checkout', 'calls')$$);
SELECT topo.load_edges('g', 'SELECT ''a'', ''b'' WHERE false');
SELECT * FROM pg_temp.links();
-- Loading is idempotent.
SELECT topo.load_edges('g', $$VALUES ('web', 'checkout'), ('web', 'new')$$), topo.load_edges('g', $$VALUES ('web', 'checkout'), ('web', 'new')$$);
-- The query sees what its author sees, and may end as a statement or in a comment.
CREATE SCHEMA mine;
CREATE TABLE mine.contracts (caller text, callee text);
INSERT INTO mine.contracts VALUES ('shop', 'tax');
SET search_path = mine;
SELECT topo.load_edges('g', 'SELECT caller, callee FROM contracts');
SELECT topo.load_edges('g', 'TABLE contracts;  ');
SELECT topo.load_edges('g', E'SELECT callee, caller FROM contracts -- the other way');
RESET search_path;
-- An edge of a cluster is there at both levels, at that of apps with its app.
SELECT topo.set_node('app', 'db') IS NOT NULL AS app, topo.set_node('cluster', 'db-1', parent => 'db') IS NOT NULL AS cluster;
SELECT topo.load_edges('g', $$VALUES ('tax', 'cluster:db-1'), ('cluster:alone', 'tax')$$);
SELECT * FROM pg_temp.links() WHERE 'tax' IN (source, target);
-- A loop is an edge.
SELECT topo.load_edges('g', $$VALUES ('self', 'self')$$);
-- Names are never syntax.
SELECT topo.load_edges('g', $$VALUES ('"; DROP SCHEMA topo; --', ''' OR 1=1'), ('a:b:c', '::1'), ('Zürich', 'x%s'), (' ', E'\\')$$);
SELECT type, name FROM topo.node WHERE name ~ '^[^a-z0-9]|:|%' ORDER BY name COLLATE "C";

-- Refused.
SELECT query, r.state, left(r.message, 60) AS message, r.hint
FROM unnest(ARRAY['SELECT 1', 'SELECT 1, 2, 3, 4', 'SELECT', '', ';', 'nonsense', 'SELECT 1, 2 FROM no_such_table', 'SELECT 1/0, 1',
	'INSERT INTO mine.contracts VALUES (1, 2)', 'DROP TABLE mine.contracts', 'SELECT 1, 2; DROP TABLE mine.contracts',
	'SELECT 1, 2) q; DROP TABLE mine.contracts; --', 'SELECT DISTINCT 1, 2 ORDER BY 7',
	'SELECT NULL, ''left''', 'SELECT ''left'', ''''', 'SELECT ''cluster:'', ''left''', 'SELECT ''left'', E''b\nc''', 'SELECT ''left'', repeat(''x'', 513)',
	'SELECT repeat(''t'', 64) || '':a'', ''left''', 'SELECT ''left'', ''over'', ''''', 'SELECT ''left'', ''over'', repeat(''x'', 64)']) query,
	 pg_temp.refused(format('SELECT topo.load_edges(%L, %L)', 'g', query)) r;
SELECT r.* FROM pg_temp.refused('SELECT topo.load_edges(''g'', NULL)') r \gx
SELECT count(*) AS contracts FROM mine.contracts;
-- And leave no node, nor what was staged.
SELECT name FROM topo.node WHERE name IN ('left', 'over', '');
SELECT to_regclass('pg_temp.topo_load_edge'), to_regclass('pg_temp.topo_load_node');
SELECT topo.load_edges('g', $$VALUES ('after', 'errors')$$);
ROLLBACK;
