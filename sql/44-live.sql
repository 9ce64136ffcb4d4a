--
-- The live map: which edges are there now, as the windows that were just resolved
-- tell.
--
-- live_edge says when an edge was seen, link that it is there, at the level of
-- apps and of clusters.  Who adds one writes live_edge before link, all in one
-- transaction: then fading (50-window.sql) cannot take away a link that is being
-- renewed.
--

CREATE FUNCTION topo.live_since(graph text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT coalesce(now() - g.edge_ttl, '-infinity') FROM topo.graph g WHERE g.name = graph $$;
COMMENT ON FUNCTION topo.live_since(text) IS 'an edge seen after this is live';

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

CREATE FUNCTION topo.link_seen(graph text, edges topo.seen_edge[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($link$
		WITH seen AS MATERIALIZED (
			SELECT e.src, e.dst, e.type, topo.app_of(s) AS src_app, topo.app_of(d) AS dst_app,
				   min(e.first_seen) AS first_seen, max(e.last_seen) AS last_seen
			FROM unnest($1) e JOIN topo.node s ON s.id = e.src JOIN topo.node d ON d.id = e.dst
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
		ON CONFLICT DO NOTHING$link$, (topo.existing_graph(graph)).schema_name)
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
	seen topo.seen_edge[];
BEGIN
	EXECUTE format($windows$
		SELECT array_agg((s.src, s.dst, s.type, s.first_seen, s.last_seen)::topo.seen_edge)
		FROM (SELECT w.src, w.dst, w.type, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
			  FROM %I.edge_window w
			  WHERE w.bucket = ANY ($1)
			  GROUP BY 1, 2, 3
			  HAVING max(w.last_seen) > $2) s$windows$, (topo.existing_graph(graph)).schema_name)
	INTO seen USING buckets, topo.live_since(graph);
	PERFORM topo.link_seen(graph, seen);
END
$$;
COMMENT ON FUNCTION topo.link_windows(text, timestamptz[]) IS
'make live the edges of these windows, where they are young enough';

CREATE FUNCTION topo.unlink(graph text, edges topo.edge_key[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	EXECUTE format($unlink$
		WITH gone AS (
			DELETE FROM %1$I.live_edge l USING unnest($1) e
			WHERE l.src = e.src AND l.dst = e.dst AND l.type = e.type
			  AND NOT EXISTS (SELECT FROM %1$I.edge_window w
							  WHERE w.src = e.src AND w.dst = e.dst AND w.type = e.type
								AND w.bucket > $2 - interval '1 minute')
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
		$unlink$, (topo.existing_graph(graph)).schema_name)
	USING edges, topo.live_since(graph);
END
$$;
COMMENT ON FUNCTION topo.unlink(text, topo.edge_key[]) IS
'take out of the live map those of these edges that no live window has any more';

CREATE FUNCTION topo.retime(graph text, edges topo.edge_key[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	-- what was seen before the live windows is not known better than before
	EXECUTE format($retime$
		UPDATE %1$I.live_edge l
		SET first_seen = CASE WHEN l.first_seen > $2 THEN k.first_seen ELSE l.first_seen END,
			last_seen = k.last_seen
		FROM (SELECT w.src, w.dst, w.type, min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
			  FROM unnest($1) e JOIN %1$I.edge_window w ON w.src = e.src AND w.dst = e.dst AND w.type = e.type
			  WHERE w.bucket > $2 - interval '1 minute'
			  GROUP BY 1, 2, 3) k
		WHERE l.src = k.src AND l.dst = k.dst AND l.type = k.type
		  AND (l.first_seen, l.last_seen) <> (k.first_seen, k.last_seen)
		$retime$, (topo.existing_graph(graph)).schema_name)
	USING edges, topo.live_since(graph);
END
$$;
COMMENT ON FUNCTION topo.retime(text, topo.edge_key[]) IS
'set anew when these edges, as far as they are live, were seen';
