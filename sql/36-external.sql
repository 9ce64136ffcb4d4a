--
-- What is outside, and what stands in for an address that nobody is known to hold.
--
-- Rules by network name what is outside: external:<name>.  A public address
-- without a rule is external:internet.  A private one is a node of its own,
-- address:<address>, as long as there are no more than topology.max_address_nodes of
-- these; all further ones are address:overflow.  So neither a scan nor a
-- million clients fill the dictionary of nodes.
--
-- Which ones: those that were seen without an owner first, by the time of the flows and
-- not by when these came in.  So who comes later takes nobody's node away, and the same
-- flows make the same nodes in whatever order they come.  A flow that comes late may
-- take one away, and an owner that becomes known gives one up: then the windows
-- concerned are dirty.  Those left out come before all that appear later, but get a
-- node that was given up only when the keeper or flush() has the first of their windows
-- resolved again: where many were left out, that is much to do for little.
--

CREATE TABLE topo.external_rule (
	network cidr PRIMARY KEY,
	name    text NOT NULL CHECK (name <> '' AND topo.is_printable(name) AND octet_length(name) <= 512)
);
COMMENT ON TABLE topo.external_rule IS 'networks that are outside; the narrowest that holds an address names it';
COMMENT ON COLUMN topo.external_rule.name IS 'addresses there that nobody is known to hold are the node external:<name>';
CREATE INDEX external_rule_network_idx ON topo.external_rule USING gist (network inet_ops);
SELECT pg_catalog.pg_extension_config_dump('topo.external_rule', '');

CREATE FUNCTION topo.set_external(network cidr, name text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_column
BEGIN
	IF set_external.network IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
			MESSAGE = 'there is no network to name',
			HINT = 'For example topo.set_external(''203.0.113.0/24'', ''payment-provider'').';
	END IF;
	PERFORM topo.check_node('external', set_external.name);
	INSERT INTO topo.external_rule (network, name) VALUES (set_external.network, set_external.name)
	ON CONFLICT (network) DO UPDATE SET name = excluded.name;
END
$$;
COMMENT ON FUNCTION topo.set_external(cidr, text) IS
'name a network that is outside: addresses in it that nobody is known to hold are the node external:<name>';

CREATE FUNCTION topo.is_private(address inet) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE family(address)
	WHEN 4 THEN address <<= inet '10.0.0.0/8' OR address <<= inet '172.16.0.0/12' OR address <<= inet '192.168.0.0/16'
			 OR address <<= inet '100.64.0.0/10' OR address <<= inet '169.254.0.0/16' OR address <<= inet '127.0.0.0/8'
			 OR address <<= inet '0.0.0.0/8' OR address <<= inet '224.0.0.0/3'
	ELSE NOT address <<= inet '2000::/3' OR address <<= inet '2001:db8::/32' END;
COMMENT ON FUNCTION topo.is_private(inet) IS
'whether an address means something only within a network: private, shared, link-local, loopback, multicast or reserved';

CREATE FUNCTION topo.address_label(scope text, address inet) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN scope = '' THEN pg_catalog.host(address) ELSE scope || '/' || pg_catalog.host(address) END;
COMMENT ON FUNCTION topo.address_label(text, inet) IS 'the name of the node that stands for an address without an owner';

CREATE FUNCTION topo.stand_in(scope text, address inet) RETURNS TABLE (type text, name text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 1
-- no pinned search_path: it must be inlined, and names all with their schema
AS $$
	SELECT CASE WHEN r.name IS NULL AND topo.is_private(address) THEN 'address' ELSE 'external' END,
		   CASE WHEN r.name IS NOT NULL THEN r.name
				WHEN topo.is_private(address) THEN topo.address_label(scope, address)
				ELSE 'internet' END
	FROM (SELECT) here
		 LEFT JOIN LATERAL (SELECT e.name FROM topo.external_rule e
							WHERE e.network OPERATOR(pg_catalog.>>=) address
							ORDER BY pg_catalog.masklen(e.network) DESC LIMIT 1) r ON true
$$;
COMMENT ON FUNCTION topo.stand_in(text, inet) IS 'the node that stands for an address that nobody is known to hold, if there is room';

-- What the rules say of flows that are in the map already, they say from now on.
CREATE FUNCTION topo.external_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	network inet := coalesce(NEW.network, OLD.network);
BEGIN
	IF to_regclass('topo_network.flow_window') IS NOT NULL THEN
		INSERT INTO topo_network.dirty_window (bucket)
		SELECT DISTINCT f.bucket FROM topo_network.flow_window f
		WHERE f.peer_address <<= network OR f.local_address <<= network OR f.nat_peer_address <<= network;
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.external_changed() IS 'has windows resolved again after a change of what is outside';

CREATE TRIGGER external_changed AFTER INSERT OR UPDATE OR DELETE ON topo.external_rule
	FOR EACH ROW EXECUTE FUNCTION topo.external_changed();
COMMENT ON TRIGGER external_changed ON topo.external_rule IS 'the map follows the rules';

CREATE FUNCTION topo.readmit_addresses() RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	room bigint;
BEGIN
	IF to_regclass('topo_network.overflow_window') IS NULL OR NOT EXISTS (SELECT FROM topo_network.overflow_window) THEN
		RETURN false;
	END IF;
	DELETE FROM topo_network.overflow_window o WHERE o.bucket < topo.kept_since(topo.existing_graph('network'), false);
	room := current_setting('topology.max_address_nodes')::bigint - (SELECT count(*) FROM topo_network.address_node);
	INSERT INTO topo_network.dirty_window (bucket)
	SELECT o.bucket
	FROM (SELECT o.bucket, sum(o.addresses) OVER (ORDER BY o.bucket) - o.addresses AS before FROM topo_network.overflow_window o) o
	WHERE o.before < room;
	RETURN FOUND;
END
$$;
COMMENT ON FUNCTION topo.readmit_addresses() IS
'where there is room again for nodes of addresses, have the first windows resolved again of which some were left out; false: there is none, or none were';

CREATE FUNCTION topo.forget_address_nodes() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	-- a longer window has the edges of those that it stands for
	EXECUTE format($forget$
		WITH used AS (
			SELECT n.node FROM %s w CROSS JOIN LATERAL (VALUES (w.src), (w.dst)) n (node)
			UNION
			SELECT n.node FROM topo_network.live_edge e CROSS JOIN LATERAL (VALUES (e.src), (e.dst)) n (node)
		)
		DELETE FROM topo.node n
		WHERE n.type = 'address' AND n.tier IS NULL AND n.domain IS NULL AND n.properties = '{}'
		  AND NOT EXISTS (SELECT FROM used u WHERE u.node = n.id)
		  AND NOT EXISTS (SELECT FROM topo.address a WHERE a.node = n.id)
		$forget$, topo.window_source(topo.existing_graph('network'), tstzrange(NULL, NULL)));
	DELETE FROM topo_network.address_node k
	WHERE NOT EXISTS (SELECT FROM topo.node n WHERE n.type = 'address' AND n.name = topo.address_label(k.scope, k.address));
END
$$;
COMMENT ON FUNCTION topo.forget_address_nodes() IS
'drop the nodes that stood for addresses of which no window tells any more';

CREATE FUNCTION topo.forget_addresses() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF to_regclass('topo_network.edge_window') IS NULL THEN
		RETURN;
	END IF;
	DELETE FROM topo_network.attribution_window w
	WHERE w.bucket < topo.clock() - (topo.existing_grain('network', interval '1 minute')).retention;
	-- it reads all windows: not before half of the room is taken
	IF 2 * (SELECT count(*) FROM topo.node n WHERE n.type = 'address') >= current_setting('topology.max_address_nodes')::bigint THEN
		PERFORM topo.forget_address_nodes();
	END IF;
	PERFORM topo.readmit_addresses();
END
$$;
COMMENT ON FUNCTION topo.forget_addresses() IS
'drop what is known of addresses in windows that are gone, and the nodes that stood for them, when room for others gets scarce';
