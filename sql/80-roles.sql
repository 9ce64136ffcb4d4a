--
-- Roles: who may do what.
--
--	topo_reader		asks: reads the tables of the map and of its graphs
--	topo_writer		besides, writes the inventory, takes records in, loads edges
--	topo_admin		besides, makes and drops graphs and sources, and maintains windows
--
-- Roles are of the whole cluster.  They are made where they are missing, and stay when
-- the extension goes: another database may have it.
--
-- All functions run with their caller's rights, but for those that make or drop what
-- tables are made of.  The workers are superusers, and would run whatever the owner of
-- a table attaches to it: so a graph's tables belong to the extension's owner, whoever
-- had them made.  Nobody else writes topo.graph and topo.grain, which say what such a
-- function makes and drops.
--

DO $$
DECLARE
	role text;
BEGIN
	FOREACH role IN ARRAY ARRAY['topo_reader', 'topo_writer', 'topo_admin'] LOOP
		BEGIN
			IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname = role) THEN
				EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', role);
			END IF;
		EXCEPTION WHEN duplicate_object OR unique_violation THEN
			-- another database has made it just now
		END;
	END LOOP;
END
$$;
GRANT topo_reader TO topo_writer;
GRANT topo_writer TO topo_admin;

CREATE FUNCTION topo.grant_graph(schema name) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	-- roles may have been dropped since
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'topo_reader') THEN
		EXECUTE format('GRANT USAGE ON SCHEMA %1$I TO topo_reader; GRANT SELECT ON ALL TABLES IN SCHEMA %1$I TO topo_reader', schema);
	END IF;
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'topo_writer') THEN
		EXECUTE format('GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %I TO topo_writer', schema);
	END IF;
END
$$;
COMMENT ON FUNCTION topo.grant_graph(name) IS 'what topo_reader and topo_writer may do with the tables of a graph';

GRANT USAGE ON SCHEMA topo TO topo_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA topo TO topo_reader;
REVOKE SELECT ON topo.source_secret FROM topo_reader;
GRANT INSERT, UPDATE, DELETE ON topo.node, topo.edge_type, topo.address, topo.intermediary, topo.intermediary_backend, topo.external_rule,
	topo.detected_intermediary, topo.stay, topo.reporter, topo.dead_letter TO topo_writer;
GRANT INSERT, UPDATE, DELETE ON topo.identity_rule TO topo_admin;
-- rules that change have the sources' workers started again
GRANT UPDATE (enabled) ON topo.source TO topo_admin;

-- Records may be of times that have no partition yet.
-- which nodes are hidden from a user is not which are gone
ALTER FUNCTION topo.gone_nodes(bigint[]) SECURITY DEFINER;
ALTER FUNCTION topo.ensure_partitions(text, interval, tstzrange) SECURITY DEFINER;
ALTER FUNCTION topo.ensure_span_partitions(tstzrange) SECURITY DEFINER;
REVOKE EXECUTE ON FUNCTION topo.ensure_partitions(text, interval, tstzrange), topo.ensure_span_partitions(tstzrange) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION topo.ensure_partitions(text, interval, tstzrange), topo.ensure_span_partitions(tstzrange) TO topo_writer;

ALTER FUNCTION topo.create_graph(text, jsonb) SECURITY DEFINER;
ALTER FUNCTION topo.create_service_map() SECURITY DEFINER;
ALTER FUNCTION topo.set_graph(text, jsonb) SECURITY DEFINER;
ALTER FUNCTION topo.drop_graph(text) SECURITY DEFINER;
ALTER FUNCTION topo.maintain_windows() SECURITY DEFINER;
ALTER FUNCTION topo.add_source(text, text, text, jsonb) SECURITY DEFINER;
ALTER FUNCTION topo.set_source(text, jsonb) SECURITY DEFINER;
ALTER FUNCTION topo.pause_source(text) SECURITY DEFINER;
ALTER FUNCTION topo.resume_source(text) SECURITY DEFINER;
ALTER FUNCTION topo.drop_source(text) SECURITY DEFINER;
REVOKE EXECUTE ON FUNCTION topo.create_graph(text, jsonb), topo.create_service_map(), topo.set_graph(text, jsonb), topo.drop_graph(text),
	topo.maintain_windows(), topo.add_source(text, text, text, jsonb), topo.set_source(text, jsonb), topo.pause_source(text),
	topo.resume_source(text), topo.drop_source(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION topo.create_graph(text, jsonb), topo.create_service_map(), topo.set_graph(text, jsonb), topo.drop_graph(text),
	topo.maintain_windows(), topo.add_source(text, text, text, jsonb), topo.set_source(text, jsonb), topo.pause_source(text),
	topo.resume_source(text), topo.drop_source(text), topo.take_snapshot(text, interval), topo.take_snapshot_of(oid, interval), topo.forget_memos() TO topo_admin;
