--
-- Snapshots: the links of a graph as of one moment, in shared memory, from which
-- traversal is answered together with what has changed since, the delta.
--
-- What changes is noted by triggers that fire whatever session_replication_role
-- says.  Rows of link_change are deleted once a newer snapshot holds what they say;
-- the table is a member of the extension, so that pg_dump leaves them: their
-- transaction ids mean nothing elsewhere.  It must be logged: a prepared transaction
-- survives a crash, and so must what it noted.
--

CREATE TABLE topo.link_change (
	graph  oid NOT NULL,
	xid    xid8 NOT NULL DEFAULT pg_current_xact_id(),
	sign   smallint NOT NULL CHECK (sign IN (-1, 0, 1)),
	level  "char" NOT NULL DEFAULT 'a',
	source bigint NOT NULL DEFAULT 0,
	target bigint NOT NULL DEFAULT 0,
	type   integer NOT NULL DEFAULT 0
) WITH (fillfactor = 100, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
CREATE INDEX link_change_idx ON topo.link_change (graph, xid);
COMMENT ON TABLE topo.link_change IS 'what has changed since the snapshots in shared memory were taken; triggers write it, no one else should';
COMMENT ON COLUMN topo.link_change.graph IS 'the table of the graph''s links; 0: the names of nodes, where source is a node that was renamed or deleted';
COMMENT ON COLUMN topo.link_change.sign IS '1: added, -1: removed, 0: everything may have changed';

CREATE FUNCTION topo.note_links() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'topology_note_links';
COMMENT ON FUNCTION topo.note_links() IS 'notes what a statement changes in the links of a graph';

CREATE FUNCTION topo.note_names() RETURNS trigger
LANGUAGE c VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'topology_note_names';
COMMENT ON FUNCTION topo.note_names() IS 'notes which nodes are renamed or deleted';

CREATE TRIGGER topo_note_renamed BEFORE UPDATE OF id, type, name ON topo.node
	FOR EACH ROW WHEN ((OLD.id, OLD.type, OLD.name) IS DISTINCT FROM (NEW.id, NEW.type, NEW.name))
	EXECUTE FUNCTION topo.note_names();
CREATE TRIGGER topo_note_deleted BEFORE DELETE ON topo.node
	FOR EACH ROW EXECUTE FUNCTION topo.note_names();
CREATE TRIGGER topo_note_truncated BEFORE TRUNCATE ON topo.node
	FOR EACH STATEMENT EXECUTE FUNCTION topo.note_names();
ALTER TABLE topo.node ENABLE ALWAYS TRIGGER topo_note_renamed;
ALTER TABLE topo.node ENABLE ALWAYS TRIGGER topo_note_deleted;
ALTER TABLE topo.node ENABLE ALWAYS TRIGGER topo_note_truncated;
COMMENT ON TRIGGER topo_note_renamed ON topo.node IS 'snapshots hold names';
COMMENT ON TRIGGER topo_note_deleted ON topo.node IS 'snapshots hold names';
COMMENT ON TRIGGER topo_note_truncated ON topo.node IS 'snapshots hold names';

CREATE FUNCTION topo.note_links_of(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	event record;
BEGIN
	FOR event IN
		SELECT * FROM (VALUES
			('topo_note_change', 'BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE', ''),
			('topo_note_insert', 'AFTER INSERT', 'REFERENCING NEW TABLE AS added'),
			('topo_note_update', 'AFTER UPDATE', 'REFERENCING OLD TABLE AS removed NEW TABLE AS added'),
			('topo_note_delete', 'AFTER DELETE', 'REFERENCING OLD TABLE AS removed'),
			('topo_note_truncate', 'AFTER TRUNCATE', '')) e (name, fires, tables)
	LOOP
		EXECUTE format('CREATE TRIGGER %I %s ON %I.link %s FOR EACH STATEMENT EXECUTE FUNCTION topo.note_links()',
					   event.name, event.fires, schema, event.tables);
		EXECUTE format('ALTER TABLE %I.link ENABLE ALWAYS TRIGGER %I', schema, event.name);
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.note_links_of(name) IS 'have the changes of a graph''s links noted';

CREATE FUNCTION topo.snapshots(
	OUT link oid, OUT version bigint, OUT nodes bigint, OUT edges bigint, OUT bytes bigint, OUT taken_at timestamptz,
	OUT build_ms double precision, OUT readers integer, OUT uses bigint, OUT xmin xid8, OUT last_error text)
RETURNS SETOF record
LANGUAGE c VOLATILE PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'topology_snapshots';
COMMENT ON FUNCTION topo.snapshots() IS 'the snapshots of this database''s graphs that were asked for, as shared memory has them';

CREATE FUNCTION topo.changes_since(link oid, moment xid8) RETURNS bigint
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT count(*) FROM topo.link_change c WHERE c.graph = link AND c.xid >= moment $$;
COMMENT ON FUNCTION topo.changes_since(oid, xid8) IS 'how many changes of a graph''s links have been noted since then';

CREATE VIEW topo.snapshot_status AS
SELECT g.name AS graph, s.version, s.nodes, s.edges, s.bytes, clock_timestamp() - s.taken_at AS age,
	   CASE WHEN s.version IS NOT NULL THEN topo.changes_since(s.link, s.xmin) END AS delta,
	   coalesce(s.readers, 0) AS readers, coalesce(s.uses, 0) AS uses, s.build_ms, s.last_error
FROM topo.graph g
	 LEFT JOIN pg_namespace n ON n.nspname = g.schema_name
	 LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = 'link'
	 LEFT JOIN topo.snapshots() s ON s.link = c.oid;
COMMENT ON VIEW topo.snapshot_status IS 'the snapshot of each graph in shared memory, from which traversal is answered; without a version it is answered from the tables';
COMMENT ON COLUMN topo.snapshot_status.version IS 'grows with each that is taken; NULL: there is none';
COMMENT ON COLUMN topo.snapshot_status.delta IS 'changes of links that were noted since, and that answers overlay';
COMMENT ON COLUMN topo.snapshot_status.readers IS 'processes that have it mapped';
COMMENT ON COLUMN topo.snapshot_status.uses IS 'statements that were answered from this or an earlier one';
COMMENT ON COLUMN topo.snapshot_status.last_error IS 'why the last one could not be taken';

CREATE FUNCTION topo.take_snapshot_of(link oid, timeout interval) RETURNS bigint
LANGUAGE c VOLATILE PARALLEL UNSAFE STRICT
AS 'MODULE_PATHNAME', 'topology_take_snapshot';
REVOKE EXECUTE ON FUNCTION topo.take_snapshot_of(oid, interval) FROM PUBLIC;
COMMENT ON FUNCTION topo.take_snapshot_of(oid, interval) IS 'take_snapshot() of the graph whose links are in that table';

CREATE FUNCTION topo.take_snapshot(graph text, timeout interval DEFAULT '1 minute') RETURNS bigint
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	RETURN topo.take_snapshot_of(format('%I.link', (topo.existing_graph(graph)).schema_name)::regclass, timeout);
END
$$;
REVOKE EXECUTE ON FUNCTION topo.take_snapshot(text, interval) FROM PUBLIC;
COMMENT ON FUNCTION topo.take_snapshot(text, interval) IS
'have the snapshot of a graph taken now, and wait for it; returns its version. It is taken by itself when a graph is first traversed, and when much has changed';
