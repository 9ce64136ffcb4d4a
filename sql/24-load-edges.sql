--
-- load_edges(): edges in bulk, from a query of the caller's
--
-- They go through two temporary tables: each distinct label is looked up once,
-- and everything is set-based.  Nodes, types and links are inserted in order,
-- so that two loads at once cannot wait for each other.
--

CREATE FUNCTION topo.yields_columns(query text, columns integer) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
-- no pinned search_path: the query is the caller's, and means what it means there
AS $$
BEGIN
	EXECUTE pg_catalog.format(E'SELECT FROM (%s\n) q (%s) WHERE false', query,
		(SELECT pg_catalog.string_agg(pg_catalog.concat('c', i), ', ') FROM pg_catalog.generate_series(1, columns) i));
	RETURN true;
EXCEPTION WHEN invalid_column_reference THEN
	RETURN false;
END
$$;
COMMENT ON FUNCTION topo.yields_columns(text, integer) IS 'whether a query yields at least so many columns; does not run it';

CREATE FUNCTION topo.stage_edges(query text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
-- no pinned search_path: the query is the caller's, and means what it means there
AS $$
DECLARE
	-- without what may follow a statement, but not stand in parentheses
	inner_query text := pg_catalog.regexp_replace(query, '[;[:space:]]+$', '');
	rows refcursor;
BEGIN
	BEGIN
		OPEN rows NO SCROLL FOR EXECUTE inner_query;
		CLOSE rows;
	EXCEPTION WHEN invalid_cursor_definition THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'edges are loaded from one statement that yields rows',
			HINT = 'For example SELECT caller, callee FROM contracts.';
	END;
	IF topo.yields_columns(inner_query, 4) OR NOT topo.yields_columns(inner_query, 2) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = 'the query does not yield two or three columns',
			HINT = 'It must yield source, target and, if it likes, type, all text.';
	END IF;
	EXECUTE pg_catalog.format(
		E'CREATE TEMPORARY TABLE topo_load_edge ON COMMIT DROP AS SELECT q.source::pg_catalog.text, q.target::pg_catalog.text, %s::pg_catalog.text AS type FROM (%s\n) q (source, target%s)',
		CASE WHEN topo.yields_columns(inner_query, 3) THEN 'q.type' ELSE 'NULL' END,
		inner_query,
		CASE WHEN topo.yields_columns(inner_query, 3) THEN ', type' END);
END
$$;
COMMENT ON FUNCTION topo.stage_edges(text) IS 'load_edges(): what the query yields into pg_temp.topo_load_edge';

CREATE FUNCTION topo.stage_nodes() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	CREATE TEMPORARY TABLE topo_load_node ON COMMIT DROP AS
	SELECT l.label, k.type, k.name
	FROM (SELECT e.source AS label FROM pg_temp.topo_load_edge e
		  UNION SELECT e.target FROM pg_temp.topo_load_edge e) l
		 LEFT JOIN LATERAL topo.node_key(l.label) k ON true;
	PERFORM topo.check_node(n.type, n.name) FROM pg_temp.topo_load_node n
	WHERE coalesce(n.type, '') = '' OR coalesce(n.name, '') = '' OR octet_length(n.type) > 63
	   OR octet_length(n.name) > 512 OR NOT topo.is_printable(n.label);
	INSERT INTO topo.node (type, name)
	SELECT k.type, k.name
	FROM pg_temp.topo_load_node k
	WHERE NOT EXISTS (SELECT FROM topo.node n WHERE n.type = k.type AND n.name = k.name)
	ORDER BY 1, 2
	ON CONFLICT DO NOTHING;
END
$$;
COMMENT ON FUNCTION topo.stage_nodes() IS 'load_edges(): the nodes of the staged edges, made where they are missing, into pg_temp.topo_load_node';

CREATE FUNCTION topo.stage_edge_types() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	INSERT INTO topo.edge_type (name)
	SELECT DISTINCT e.type FROM pg_temp.topo_load_edge e
	WHERE e.type IS NOT NULL AND NOT EXISTS (SELECT FROM topo.edge_type t WHERE t.name = e.type)
	ORDER BY 1
	ON CONFLICT DO NOTHING;
EXCEPTION WHEN check_violation THEN
	RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
		MESSAGE = 'the query yields a type that no edge can have',
		HINT = 'Give 1 to 63 bytes, or NULL for "calls".';
END
$$;
COMMENT ON FUNCTION topo.stage_edge_types() IS 'load_edges(): the types of the staged edges, made where they are missing';

CREATE FUNCTION topo.link_staged_edges(schema name) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	loaded bigint;
BEGIN
	EXECUTE format($load$
		WITH end_point AS MATERIALIZED (
			SELECT k.label, n.id, n.type = 'cluster' AS is_cluster,
				   CASE WHEN n.type = 'cluster' THEN coalesce(n.parent, n.id) ELSE n.id END AS app
			FROM pg_temp.topo_load_node k JOIN topo.node n ON n.type = k.type AND n.name = k.name
		), edge AS (
			SELECT s.id AS src, d.id AS dst, s.app AS src_app, d.app AS dst_app, coalesce(t.id, 0) AS type,
				   s.is_cluster OR d.is_cluster AS of_clusters
			FROM pg_temp.topo_load_edge e
				 JOIN end_point s ON s.label = e.source
				 JOIN end_point d ON d.label = e.target
				 LEFT JOIN topo.edge_type t ON t.name = e.type
		), of_clusters AS (
			INSERT INTO %1$I.link (level, src, dst, type)
			SELECT DISTINCT 'c'::"char", src, dst, type FROM edge WHERE of_clusters
			ORDER BY 2, 3, 4
			ON CONFLICT DO NOTHING
		), of_apps AS (
			INSERT INTO %1$I.link (level, src, dst, type)
			SELECT DISTINCT 'a'::"char", src_app, dst_app, type FROM edge
			ORDER BY 2, 3, 4
			ON CONFLICT DO NOTHING
			RETURNING 1
		)
		SELECT count(*) FROM of_apps$load$, schema) INTO loaded;
	RETURN loaded;
END
$$;
COMMENT ON FUNCTION topo.link_staged_edges(name) IS 'load_edges(): the staged edges into the links of a graph; returns how many are new';

CREATE FUNCTION topo.load_edges(graph text, query text) RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
-- no pinned search_path: the query is the caller's, and means what it means there
AS $$
DECLARE
	schema pg_catalog.name := (topo.existing_graph(graph)).schema_name;
	loaded bigint;
BEGIN
	IF query IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'there is no query to load edges from',
			HINT = 'For example topo.load_edges(''network'', ''SELECT caller, callee FROM contracts'').';
	END IF;
	PERFORM topo.stage_edges(query), topo.stage_nodes(), topo.stage_edge_types();
	loaded := topo.link_staged_edges(schema);
	DROP TABLE pg_temp.topo_load_edge, pg_temp.topo_load_node;
	RETURN loaded;
END
$$;
COMMENT ON FUNCTION topo.load_edges(text, text) IS
'add the edges that a query yields (source, target and, if it likes, type) to a graph; returns how many are new';
