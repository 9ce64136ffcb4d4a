--
-- The live map: which edges are there now, as the windows that were just resolved
-- tell.
--
-- live_edge says when an edge was seen, link that it is there, at the level of
-- apps and of clusters.  Who adds one writes live_edge before link, all in one
-- transaction: then fading cannot take away a link that is being renewed.  Fading
-- takes SHARE ROW EXCLUSIVE on live_edge, and gives up after 100 ms: the next round
-- of maintenance tries again, and ingest must not wait.
--

CREATE FUNCTION topo.live_since(graph text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT coalesce(topo.clock() - g.edge_ttl, '-infinity') FROM topo.graph g WHERE g.name = graph $$;
COMMENT ON FUNCTION topo.live_since(text) IS 'an edge seen after this is live';

CREATE FUNCTION topo.app_of(node topo.node) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- no pinned search_path: it must be inlined, and names all with their schema
AS $$
	SELECT CASE WHEN node.type OPERATOR(pg_catalog.=) 'cluster' AND node.parent IS NOT NULL THEN node.parent ELSE node.id END
$$;
COMMENT ON FUNCTION topo.app_of(topo.node) IS 'the node that stands for this one at the level of apps';

CREATE FUNCTION topo.cluster_adopted() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	schema name;
BEGIN
	FOR schema IN SELECT g.schema_name FROM topo.graph g WHERE to_regclass(format('%I.link', g.schema_name)) IS NOT NULL LOOP
		EXECUTE format($adopt$
			WITH orphaned AS (
				DELETE FROM %1$I.link l WHERE l.level = 'a' AND (l.src = $1 OR l.dst = $1) RETURNING l.src, l.dst, l.type
			)
			INSERT INTO %1$I.link (level, src, dst, type)
			SELECT DISTINCT 'a'::"char", CASE o.src WHEN $1 THEN $2 ELSE o.src END, CASE o.dst WHEN $1 THEN $2 ELSE o.dst END, o.type
			FROM orphaned o
			ON CONFLICT DO NOTHING$adopt$, schema)
		USING NEW.id, NEW.parent;
	END LOOP;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.cluster_adopted() IS 'at the level of apps, gives the links of a cluster to the app that it turns out to be of';

CREATE TRIGGER cluster_adopted AFTER UPDATE OF parent ON topo.node
	FOR EACH ROW WHEN (NEW.type = 'cluster' AND OLD.parent IS NULL AND NEW.parent IS NOT NULL)
	EXECUTE FUNCTION topo.cluster_adopted();
COMMENT ON TRIGGER cluster_adopted ON topo.node IS 'the live map follows the inventory';

CREATE FUNCTION topo.linking(schema name, source text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format($link$
	WITH seen AS MATERIALIZED (
		SELECT e.src, e.dst, e.type, topo.app_of(s) AS src_app, topo.app_of(d) AS dst_app,
			   min(e.first_seen) AS first_seen, max(e.last_seen) AS last_seen
		FROM %2$s e JOIN topo.node s ON s.id = e.src JOIN topo.node d ON d.id = e.dst
		GROUP BY 1, 2, 3, 4, 5
		HAVING max(e.last_seen) > $2
	), told AS (
		INSERT INTO %1$I.live_edge AS l (src, dst, type, first_seen, last_seen)
		SELECT src, dst, type, first_seen, last_seen FROM seen ORDER BY 1, 2, 3
		ON CONFLICT (src, dst, type) DO UPDATE
		SET first_seen = least(l.first_seen, excluded.first_seen),
			last_seen = greatest(l.last_seen, excluded.last_seen)
		WHERE l.last_seen < excluded.last_seen OR l.first_seen > excluded.first_seen
	)
	INSERT INTO %1$I.link (level, src, dst, type)
	SELECT e.*
	FROM (SELECT 'c'::"char" AS level, s.src, s.dst, s.type FROM seen s
		  UNION
		  SELECT 'a', s.src_app, s.dst_app, s.type FROM seen s) e
	WHERE NOT EXISTS (SELECT FROM %1$I.link k
					  WHERE k.level = e.level AND k.src = e.src AND k.dst = e.dst AND k.type = e.type)
	-- in the order of the index, of which each page is then visited once
	ORDER BY 1, 2, 3, 4
	ON CONFLICT DO NOTHING$link$, schema, source);
COMMENT ON FUNCTION topo.linking(name, text) IS
'a statement that makes the edges live that a source of rows has, where they were seen after $2';

CREATE FUNCTION topo.link_seen(graph text, edges topo.seen_edge[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE topo.linking((topo.existing_graph(graph)).schema_name, 'unnest($1)')
	USING edges, topo.live_since(graph);
END
$$;
COMMENT ON FUNCTION topo.link_seen(text, topo.seen_edge[]) IS
'make edges live that were seen, where that is recent enough';

CREATE FUNCTION topo.link_windows(graph text, buckets timestamptz[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	schema CONSTANT name := (topo.existing_graph(graph)).schema_name;
BEGIN
	-- not by way of an array, which would be in memory as a whole
	EXECUTE topo.linking(schema, format('(%s)', topo.stored_windows(schema, 'edge_window', 'w.bucket = ANY ($1)')))
	USING buckets, topo.live_since(graph);
END
$$;
COMMENT ON FUNCTION topo.link_windows(text, timestamptz[]) IS
'make live the edges of these windows, where they are young enough';

CREATE FUNCTION topo.unlink(graph text, edges topo.edge_key[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	owner CONSTANT topo.graph := topo.existing_graph(graph);
BEGIN
	EXECUTE format($unlink$
		WITH gone AS (
			DELETE FROM %1$I.live_edge l USING unnest($1) e
			WHERE l.src = e.src AND l.dst = e.dst AND l.type = e.type
			  AND NOT EXISTS (SELECT FROM %2$s w WHERE w.src = e.src AND w.dst = e.dst AND w.type = e.type)
			RETURNING l.src, l.dst, l.type
		), gone_clusters AS (
			DELETE FROM %1$I.link k USING gone g
			WHERE k.level = 'c' AND k.src = g.src AND k.dst = g.dst AND k.type = g.type
		)
		DELETE FROM %1$I.link k
		USING (SELECT DISTINCT coalesce(topo.app_of(s), g.src) AS src, coalesce(topo.app_of(d), g.dst) AS dst, g.type
			   FROM gone g LEFT JOIN topo.node s ON s.id = g.src LEFT JOIN topo.node d ON d.id = g.dst) g
		WHERE k.level = 'a' AND k.src = g.src AND k.dst = g.dst AND k.type = g.type
		  AND NOT EXISTS (
			SELECT FROM topo.node s, topo.node d, %1$I.live_edge l
			WHERE (s.id = k.src OR s.parent = k.src AND s.type = 'cluster')
			  AND (d.id = k.dst OR d.parent = k.dst AND d.type = 'cluster')
			  AND l.src = s.id AND l.dst = d.id AND l.type = k.type
			  AND NOT EXISTS (SELECT FROM gone x WHERE x.src = l.src AND x.dst = l.dst AND x.type = l.type))
		$unlink$, owner.schema_name, topo.window_source(owner, tstzrange(topo.live_since(graph), NULL)))
	USING edges;
END
$$;
COMMENT ON FUNCTION topo.unlink(text, topo.edge_key[]) IS
'take out of the live map those of these edges that no live window has any more';

CREATE FUNCTION topo.retime(graph text, edges topo.edge_key[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	owner CONSTANT topo.graph := topo.existing_graph(graph);
BEGIN
	-- what was seen before the live windows is not known better than before
	EXECUTE format($retime$
		UPDATE %1$I.live_edge l
		SET first_seen = CASE WHEN l.first_seen > $2 THEN k.first_seen ELSE l.first_seen END,
			last_seen = k.last_seen
		FROM (SELECT w.src, w.dst, w.type, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
			  FROM unnest($1) e JOIN %2$s w ON w.src = e.src AND w.dst = e.dst AND w.type = e.type
			  GROUP BY 1, 2, 3) k
		WHERE l.src = k.src AND l.dst = k.dst AND l.type = k.type
		  AND (l.first_seen, l.last_seen) <> (k.first_seen, k.last_seen)
		$retime$, owner.schema_name, topo.window_source(owner, tstzrange(topo.live_since(graph), NULL)))
	USING edges, topo.live_since(graph);
END
$$;
COMMENT ON FUNCTION topo.retime(text, topo.edge_key[]) IS
'set anew when these edges, as far as they are live, were seen';

--
-- Edges without traffic fade
--

CREATE FUNCTION topo.nodes_of_same_apps(nodes bigint[]) RETURNS bigint[]
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	WITH app AS MATERIALIZED (
		SELECT DISTINCT topo.app_of(n) AS id FROM topo.node n WHERE n.id = ANY (nodes)
	)
	SELECT array_agg(id)
	FROM (SELECT a.id FROM app a
		  UNION ALL
		  SELECT n.id FROM app a JOIN topo.node n ON n.parent = a.id AND n.type = 'cluster') m
$$;
COMMENT ON FUNCTION topo.nodes_of_same_apps(bigint[]) IS 'the apps that nodes stand for, and all clusters of these';

CREATE FUNCTION topo.delete_faded_edges(schema name, cutoff timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	faded topo.edge_key[];
	sources bigint[];
BEGIN
	EXECUTE format('WITH faded AS (DELETE FROM %I.live_edge WHERE last_seen <= $1 RETURNING src, dst, type)
					SELECT array_agg((src, dst, type)::topo.edge_key) FROM faded', schema)
	INTO faded USING cutoff;
	sources := topo.nodes_of_same_apps(ARRAY(SELECT DISTINCT f.src FROM unnest(faded) f));
	EXECUTE format('DELETE FROM %I.link l USING unnest($1) f
					WHERE l.level = ''c'' AND l.src = f.src AND l.dst = f.dst AND l.type = f.type', schema)
	USING faded;
	-- arrays, since the planner knows their lengths; EXCEPT, since no wrong estimate makes it quadratic
	EXECUTE format($apps$
		DELETE FROM %1$I.link l
		USING (SELECT coalesce(topo.app_of(s), f.src) AS src, coalesce(topo.app_of(d), f.dst) AS dst, f.type
			   FROM unnest($1) f LEFT JOIN topo.node s ON s.id = f.src LEFT JOIN topo.node d ON d.id = f.dst
			   EXCEPT
			   SELECT topo.app_of(s), topo.app_of(d), e.type
			   FROM %1$I.live_edge e JOIN topo.node s ON s.id = e.src JOIN topo.node d ON d.id = e.dst
			   WHERE e.src = ANY ($2)) gone
		WHERE l.level = 'a' AND l.src = gone.src AND l.dst = gone.dst AND l.type = gone.type
		$apps$, schema) USING faded, sources;
END
$$;
COMMENT ON FUNCTION topo.delete_faded_edges(name, timestamptz) IS
'take the edges not seen since then out of live_edge and link; the edge of an app goes with the last of its clusters';

CREATE FUNCTION topo.fade_edges(graph topo.graph) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
	cutoff timestamptz := topo.live_since(graph.name);
	some_faded boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %I.live_edge WHERE last_seen <= $1)', graph.schema_name)
	INTO some_faded USING cutoff;
	IF some_faded THEN
		EXECUTE format('LOCK TABLE %I.live_edge IN SHARE ROW EXCLUSIVE MODE', graph.schema_name);
		PERFORM topo.delete_faded_edges(graph.schema_name, cutoff);
	END IF;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'faded edges of graph "%" are in use: %', graph.name, SQLERRM;
END
$$;
COMMENT ON FUNCTION topo.fade_edges(topo.graph) IS
'take the edges without traffic for edge_ttl out of the live map; none where somebody is in the way';
