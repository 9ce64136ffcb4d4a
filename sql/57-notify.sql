--
-- Notifications of edges that come into the live map and leave it, for who LISTENs on
-- topo_edge_added and topo_edge_removed.
--
-- They come from statement triggers on a graph's links, which are there only while the
-- graph's option "notify" is on: else they cost nothing.  They tell of the level of
-- apps, as edges() does.  A session sends at most 100 a second, whatever changes: then
-- one for each statement tells how many were left out.
--

CREATE FUNCTION topo.notifications_left(wanted bigint) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE STRICT
AS 'MODULE_PATHNAME', 'topology_notifications_left';
COMMENT ON FUNCTION topo.notifications_left(bigint) IS 'how many of so many notifications this session may send; they count as sent';

CREATE FUNCTION topo.links_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	channel CONSTANT text := CASE TG_OP WHEN 'INSERT' THEN 'topo_edge_added' ELSE 'topo_edge_removed' END;
	owner CONSTANT text := (SELECT g.name FROM topo.graph g WHERE g.schema_name = TG_TABLE_SCHEMA);
	wanted CONSTANT bigint := (SELECT count(*) FROM changed c WHERE c.level = 'a');
	sent CONSTANT bigint := topo.notifications_left(wanted);
BEGIN
	PERFORM pg_notify(channel, json_build_object('graph', owner, 'source', topo.node_label(s.type, s.name), 'target', topo.node_label(d.type, d.name),
												 'type', t.name, 'at', topo.clock())::text)
	FROM (SELECT c.* FROM changed c WHERE c.level = 'a' LIMIT sent) c
		 JOIN topo.node s ON s.id = c.src JOIN topo.node d ON d.id = c.dst JOIN topo.edge_type t ON t.id = c.type;
	IF sent < wanted THEN
		PERFORM pg_notify(channel, json_build_object('graph', owner, 'left_out', wanted - sent, 'at', topo.clock())::text);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.links_changed() IS 'notifies of links that were added or removed';

CREATE FUNCTION topo.set_notify(graph topo.graph, value jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET client_min_messages = warning -- not that there is nothing to drop
AS $$
BEGIN
	EXECUTE format('DROP TRIGGER IF EXISTS notify_added ON %1$I.link; DROP TRIGGER IF EXISTS notify_removed ON %1$I.link', graph.schema_name);
	IF topo.boolean_option('notify', value) THEN
		EXECUTE format('CREATE TRIGGER notify_added AFTER INSERT ON %1$I.link REFERENCING NEW TABLE AS changed
							FOR EACH STATEMENT EXECUTE FUNCTION topo.links_changed();
						CREATE TRIGGER notify_removed AFTER DELETE ON %1$I.link REFERENCING OLD TABLE AS changed
							FOR EACH STATEMENT EXECUTE FUNCTION topo.links_changed()', graph.schema_name);
	END IF;
END
$$;
COMMENT ON FUNCTION topo.set_notify(topo.graph, jsonb) IS 'whether to notify of edges that come into the live map of a graph and leave it';
