--
-- Maintenance: what a worker does from time to time, so that windows come and go.
--

CREATE FUNCTION topo.keep_up() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.make_partitions_ahead(), topo.maintain_spans();
	PERFORM topo.fade_edges(g) FROM topo.kept_graphs() g WHERE g.edge_ttl IS NOT NULL;
END
$$;
COMMENT ON FUNCTION topo.keep_up() IS
'what must not wait: make partitions ahead, give up spans, take faded edges out of the live map';

CREATE FUNCTION topo.maintain_windows() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.keep_up();
	WHILE topo.merge_next_minute() LOOP END LOOP;
	WHILE topo.roll_up_next() LOOP END LOOP;
	-- last, since its locks are the strongest and last until commit
	WHILE topo.expire_next() LOOP END LOOP;
END
$$;
COMMENT ON FUNCTION topo.maintain_windows() IS
'all that maintenance has to do now, in one transaction; a worker does the same in many';
