--
-- Ownership: who held which address when, learned from traffic.
--
-- Every record vouches that its local workload held its local address (a
-- server: its port; a client: the whole address) from a little before it began
-- until a lease after it ended, in whole half minutes, so that most records
-- teach nothing new.  Claims of one node extend its range; claims of several
-- nodes for the same time make the address ambiguous for that time, and then
-- nobody is believed.  What the inventory says outweighs what is learned.  A
-- node's ranges are the union of its claims, ambiguous where they meet another
-- node's: so they are the same in whatever order and batches records come.
--
-- Where something was learned, the windows in which the address appears must be
-- resolved again.  Which those are is found out by the resolver: here, flows
-- that another session has not committed yet would be missed.
--
-- Cost: a report within the time already vouched for, the ordinary case, is one
-- index look-up in a set-based query; only the others are claimed one by one.
-- Claims of one address are serialised by a transaction-level advisory lock.
--

CREATE TYPE topo.address_span AS (scope text, address inet, valid tstzrange);
COMMENT ON TYPE topo.address_span IS 'an address in a time in which what is known of it has changed';

CREATE TYPE topo.address_claim AS (scope text, address inet, port integer, node bigint, held tstzmultirange);
COMMENT ON TYPE topo.address_claim IS 'what reports say of a node that held an address (or one port of it)';

CREATE TABLE topo.reporter (
	scope   text NOT NULL,
	address inet NOT NULL,
	valid   tstzrange NOT NULL,
	PRIMARY KEY (address, scope, valid)
);
COMMENT ON TABLE topo.reporter IS 'addresses whose own host reports their flows, and when: a connection from there is counted at its client';
SELECT pg_catalog.pg_extension_config_dump('topo.reporter', '');

CREATE FUNCTION topo.claim_span(first_seen timestamptz, last_seen timestamptz) RETURNS tstzrange
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN pg_catalog.tstzrange(
	date_bin('30 seconds', first_seen - interval '2 seconds', '2000-01-01 00:00+00'),
	date_bin('30 seconds', last_seen, '2000-01-01 00:00+00') + interval '60 seconds');
COMMENT ON FUNCTION topo.claim_span(timestamptz, timestamptz) IS
'the time for which a report vouches, in whole half minutes: from 2 seconds before it, since the peer may have seen the connection first, until 30 to 60 seconds after it';

CREATE FUNCTION topo.address_lock(scope text, address inet) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- 64 locks, so that a batch of any size fits the lock table
RETURN 64 + (pg_catalog.hashtext(concat_ws(' ', pg_catalog.host(address), scope)) & 63);
COMMENT ON FUNCTION topo.address_lock(text, inet) IS 'number of the advisory lock of an address';

CREATE FUNCTION topo.lock_address(scope text, address inet) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT pg_advisory_xact_lock(1953460335, topo.address_lock(scope, address))
$$;
COMMENT ON FUNCTION topo.lock_address(text, inet) IS 'one claimant of an address at a time, until the end of the transaction';

CREATE FUNCTION topo.lock_addresses(addresses topo.address_span[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	-- all of a batch at once and in order, so that two batches cannot wait for each other
	PERFORM topo.lock_address(l.scope, l.address)
	FROM (SELECT DISTINCT ON (topo.address_lock(a.scope, a.address)) a.scope, a.address
		  FROM unnest(addresses) a
		  ORDER BY topo.address_lock(a.scope, a.address)) l;
END
$$;
COMMENT ON FUNCTION topo.lock_addresses(topo.address_span[]) IS 'lock_address() for a batch';

-- claim() for the rows of other nodes: what they hold of "contested" becomes ambiguous.
CREATE FUNCTION topo.contest(claim topo.address_claim, contested tstzmultirange) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	held topo.address;
BEGIN
	FOR held IN
		DELETE FROM topo.address a
		WHERE a.address = claim.address AND a.scope = claim.scope AND a.port IS NOT DISTINCT FROM claim.port
		  AND a.node <> claim.node AND a.source <> 'inventory' AND NOT a.ambiguous AND a.valid && contested
		RETURNING a.*
	LOOP
		INSERT INTO topo.address (scope, address, port, valid, node, source, ambiguous)
		SELECT held.scope, held.address, held.port, piece, held.node, held.source, false
		FROM unnest(tstzmultirange(held.valid) - contested) piece
		UNION ALL
		SELECT held.scope, held.address, held.port, piece, held.node, held.source, true
		FROM unnest(tstzmultirange(held.valid) * contested) piece;
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.contest(topo.address_claim, tstzmultirange) IS
'make ambiguous what other nodes hold of a claimed address in the contested time';

-- claim() for the node's own rows: "span" becomes its, merged with what it touches.
CREATE FUNCTION topo.hold(claim topo.address_claim, span tstzmultirange, is_ambiguous boolean, source text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	held tstzmultirange;
BEGIN
	IF isempty(span) THEN
		RETURN;
	END IF;
	WITH touched AS (
		DELETE FROM topo.address a
		WHERE a.address = claim.address AND a.scope = claim.scope AND a.port IS NOT DISTINCT FROM claim.port
		  AND a.node = claim.node AND a.source <> 'inventory' AND a.ambiguous = is_ambiguous
		  AND (a.valid && span OR a.valid -|- span)
		RETURNING a.valid)
	SELECT coalesce(range_agg(t.valid), '{}') INTO held FROM touched t;
	INSERT INTO topo.address (scope, address, port, valid, node, source, ambiguous)
	SELECT claim.scope, claim.address, claim.port, piece, claim.node, hold.source, is_ambiguous
	FROM unnest(held + span) piece;
END
$$;
COMMENT ON FUNCTION topo.hold(topo.address_claim, tstzmultirange, boolean, text) IS
'extend what a node holds of an address, clearly or among others';

CREATE FUNCTION topo.claim(claim topo.address_claim, source text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	span tstzmultirange := claim.held;
	inventoried tstzmultirange;
	others tstzmultirange;
BEGIN
	SELECT coalesce(range_agg(a.valid) FILTER (WHERE a.source = 'inventory'), '{}'),
		   coalesce(range_agg(a.valid) FILTER (WHERE a.source <> 'inventory' AND a.node <> claim.node), '{}')
	INTO inventoried, others
	FROM topo.address a
	WHERE a.address = claim.address AND a.scope = claim.scope AND a.port IS NOT DISTINCT FROM claim.port
	  AND a.valid && span;
	span := span - inventoried;
	PERFORM topo.contest(claim, span * others),
			topo.hold(claim, span * others, true, source),
			topo.hold(claim, span - others, false, source);
END
$$;
COMMENT ON FUNCTION topo.claim(topo.address_claim, text) IS
'a node held an address, which the caller has locked, for a time: extend its range, or make the time ambiguous where others held it too';

CREATE FUNCTION topo.unknown_claims(claims topo.address_claim[]) RETURNS topo.address_claim[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT array_agg(c::topo.address_claim)
	FROM unnest(claims) c
	WHERE NOT EXISTS (
		SELECT FROM topo.address a
		WHERE a.address = c.address AND a.scope = c.scope AND a.port IS NOT DISTINCT FROM c.port
		  AND (a.node = c.node OR a.source = 'inventory') AND a.valid @> c.held)
$$;
COMMENT ON FUNCTION topo.unknown_claims(topo.address_claim[]) IS 'those of these claims that say something new';

CREATE FUNCTION topo.unknown_reporters(reporters topo.address_span[]) RETURNS topo.address_span[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT array_agg(n::topo.address_span)
	FROM unnest(reporters) n
	WHERE NOT EXISTS (
		SELECT FROM topo.reporter r
		WHERE r.address = n.address AND r.scope = n.scope AND r.valid @> n.valid)
$$;
COMMENT ON FUNCTION topo.unknown_reporters(topo.address_span[]) IS 'those of these reporters that are not known to be ones';

CREATE FUNCTION topo.hold_reporters(reporters topo.address_span[]) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	WITH news AS (
		SELECT n.scope, n.address, n.valid FROM unnest(reporters) n
	), touched AS (
		DELETE FROM topo.reporter r USING news n
		WHERE r.address = n.address AND r.scope = n.scope AND (r.valid && n.valid OR r.valid -|- n.valid)
		RETURNING r.scope, r.address, r.valid
	)
	INSERT INTO topo.reporter (scope, address, valid)
	SELECT scope, address, unnest(range_agg(valid))
	FROM (TABLE touched UNION ALL TABLE news) t
	GROUP BY scope, address
$$;
COMMENT ON FUNCTION topo.hold_reporters(topo.address_span[]) IS 'addresses, which the caller has locked, report for themselves for a time';

CREATE FUNCTION topo.mark_dirty(changes topo.address_span[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF to_regclass('topo_network.dirty_address') IS NOT NULL THEN
		INSERT INTO topo_network.dirty_address (scope, address, valid)
		SELECT c.scope, c.address, c.valid FROM unnest(changes) c;
	END IF;
END
$$;
COMMENT ON FUNCTION topo.mark_dirty(topo.address_span[]) IS
'have the flow windows resolved again in which one of these addresses appears';

CREATE FUNCTION topo.learn_addresses(claims topo.address_claim[], reporters topo.address_span[], source text) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	new_claims topo.address_claim[] := topo.unknown_claims(claims);
	new_reporters topo.address_span[] := topo.unknown_reporters(reporters);
	changes topo.address_span[] := new_reporters || ARRAY(SELECT (c.scope, c.address, span)::topo.address_span
														 FROM unnest(new_claims) c, unnest(c.held) span);
BEGIN
	PERFORM topo.lock_addresses(changes);
	PERFORM topo.claim(c::topo.address_claim, source) FROM unnest(new_claims) c;
	PERFORM topo.hold_reporters(new_reporters);
	PERFORM topo.mark_dirty(changes);
END
$$;
COMMENT ON FUNCTION topo.learn_addresses(topo.address_claim[], topo.address_span[], text) IS
'learn who holds which address, and which addresses report for themselves';

-- People and jobs may write topo.address as they like; the map follows.
CREATE FUNCTION topo.inventory_changed() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF TG_OP <> 'INSERT' THEN
		PERFORM topo.mark_dirty(ARRAY[(OLD.scope, OLD.address, OLD.valid)::topo.address_span]);
	END IF;
	IF TG_OP <> 'DELETE' THEN
		PERFORM topo.mark_dirty(ARRAY[(NEW.scope, NEW.address, NEW.valid)::topo.address_span]);
	END IF;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.inventory_changed() IS 'has windows resolved again after a change of the inventory of addresses';

CREATE TRIGGER inventory_added AFTER INSERT OR UPDATE ON topo.address
	FOR EACH ROW WHEN (NEW.source = 'inventory') EXECUTE FUNCTION topo.inventory_changed();
COMMENT ON TRIGGER inventory_added ON topo.address IS 'the map follows the inventory';
CREATE TRIGGER inventory_removed AFTER DELETE ON topo.address
	FOR EACH ROW WHEN (OLD.source = 'inventory') EXECUTE FUNCTION topo.inventory_changed();
COMMENT ON TRIGGER inventory_removed ON topo.address IS 'the map follows the inventory';

CREATE FUNCTION topo.owner(scope text, address inet, port integer, at timestamptz,
						   OUT node bigint, OUT ambiguous boolean, OUT confidence real)
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT CASE WHEN a.ambiguous THEN NULL ELSE a.node END, a.ambiguous,
		   CASE WHEN a.ambiguous THEN 0 WHEN a.port IS NOT NULL OR a.source = 'inventory' THEN 1 ELSE 0.9 END
	FROM topo.address a
	WHERE a.address = owner.address AND a.scope = owner.scope AND (a.port = owner.port OR a.port IS NULL)
	  AND a.valid @> at
	ORDER BY a.source <> 'inventory', a.port IS NULL, a.ambiguous DESC, a.id
	LIMIT 1
$$;
COMMENT ON FUNCTION topo.owner(text, inet, integer, timestamptz) IS
'who held an address and port at a time: as the inventory says, else as was learned; the owner of the port, else of the whole address; a node of NULL: several claim it; no row: nobody does';

CREATE FUNCTION topo.forget_owners() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	-- once the flows are gone, a partition at a time, nothing can ask any more who held their addresses
	forgotten timestamptz := (SELECT topo.clock() - g.retention - g.partition FROM topo.grain g
							  WHERE g.graph = 'network' AND g.relation = 'flow_window');
BEGIN
	DELETE FROM topo.address a WHERE a.source <> 'inventory' AND upper(a.valid) < forgotten;
	DELETE FROM topo.reporter r WHERE upper(r.valid) < forgotten;
END
$$;
COMMENT ON FUNCTION topo.forget_owners() IS
'drop what was learned of addresses in times whose flows have been dropped';
