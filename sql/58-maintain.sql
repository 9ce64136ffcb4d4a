--
-- Maintenance: what the workers do from time to time.
--

CREATE FUNCTION topo.maintain_windows() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.make_partitions_ahead(), topo.maintain_spans();
	PERFORM topo.fade_edges(g) FROM topo.graph g
	WHERE g.edge_ttl IS NOT NULL AND to_regclass(format('%I.live_edge', g.schema_name)) IS NOT NULL
	ORDER BY g.name;
	-- last, since its locks are the strongest and last until commit
	PERFORM topo.drop_expired_partitions();
END
$$;
COMMENT ON FUNCTION topo.maintain_windows() IS
'make partitions ahead, take faded edges out of the live map, drop windows older than their retention; workers call it';
