--
-- Stays: which node was seen at which address, from when to when.
--
-- Every record vouches that its local workload held its local address (a
-- server: its port; a client: the whole address) from its beginning to its end.
-- Reports of one node with no more than about a minute between them are one stay:
-- it was there all along.  Who is believed when is concluded from the stays alone
-- (topo.settle()), and these are a union, so both are the same in whatever order
-- and batches records come.
--
-- The end of a stay is kept in steps of 5 seconds: so most reports say nothing
-- new, which one index look-up in a set-based query finds out, and the others
-- mostly write a stay's new end, in place, without a change of an index.  What
-- is known of an address is changed by one transaction at a time: they hold an
-- advisory lock.
--

CREATE TYPE topo.address_claim AS (scope text, address inet, port integer, node bigint, since timestamptz, until timestamptz);
COMMENT ON TYPE topo.address_claim IS 'what reports say of a node at an address, as in topo.stay';

CREATE TYPE topo.stay_change AS (scope text, address inet, port integer, node bigint, span tstzrange, slight boolean);
COMMENT ON TYPE topo.stay_change IS 'a time that was added to a stay; slight: at its end, and the lease stays the same';

CREATE TYPE topo.address_span AS (scope text, address inet, valid tstzrange);
COMMENT ON TYPE topo.address_span IS 'an address in a time in which what is known of it has changed';

CREATE TABLE topo.stay (
	scope   text NOT NULL,
	address inet NOT NULL,
	port    integer NOT NULL,
	node    bigint NOT NULL,
	since   timestamptz NOT NULL,
	until   timestamptz NOT NULL,
	source  text NOT NULL,
	PRIMARY KEY (address, scope, port, node, since)
) WITH (fillfactor = 50); -- room for a page's rows to be written anew
COMMENT ON TABLE topo.stay IS
'evidence of who held an address: nodes that were seen there, without a silence of more than about a minute';
COMMENT ON COLUMN topo.stay.port IS '0: the whole address';
COMMENT ON COLUMN topo.stay.until IS 'begin of the 5 seconds in which the node was last seen';
COMMENT ON COLUMN topo.stay.source IS 'a source that has told of it';
SELECT pg_catalog.pg_extension_config_dump('topo.stay', '');

CREATE FUNCTION topo.stay_step(last_seen timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT
RETURN date_bin('5 seconds', last_seen, '2000-01-01 00:00+00');
COMMENT ON FUNCTION topo.stay_step(timestamptz) IS 'the end of a stay, as it is kept';

CREATE FUNCTION topo.stay_span(since timestamptz, until timestamptz) RETURNS tstzrange
LANGUAGE sql STABLE PARALLEL SAFE
-- stable, as adding an interval is, and not strict, as tstzrange() is not: so it is inlined
RETURN pg_catalog.tstzrange(since, until + interval '60 seconds');
COMMENT ON FUNCTION topo.stay_span(timestamptz, timestamptz) IS 'where the spans of two stays of a node meet, they are one';

CREATE FUNCTION topo.stay_reach() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN interval '70 seconds';
COMMENT ON FUNCTION topo.stay_reach() IS
'how far from a stay it may matter for who holds its address: a lease, and what is not known of its beginning and end';

CREATE FUNCTION topo.lease_end(until timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE STRICT
-- stable, as adding an interval is: so it is inlined
RETURN date_bin('30 seconds', until, '2000-01-01 00:00+00') + interval '60 seconds';
COMMENT ON FUNCTION topo.lease_end(timestamptz) IS
'until when a node whose stay ends is believed to hold its address: a half minute at least, in whole ones, so that this seldom changes';

--
-- Locks
--

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
COMMENT ON FUNCTION topo.lock_address(text, inet) IS
'one transaction at a time changes what is known of an address, until its end';

CREATE FUNCTION topo.lock_addresses(addresses topo.address_span[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	-- all of a batch at once and in order, so that two batches cannot wait for each other
	PERFORM pg_advisory_xact_lock(1953460335, l.number)
	FROM (SELECT DISTINCT topo.address_lock(a.scope, a.address) AS number FROM unnest(addresses) a ORDER BY 1) l;
END
$$;
COMMENT ON FUNCTION topo.lock_addresses(topo.address_span[]) IS 'lock_address() for a batch';

--
-- Learning
--

CREATE FUNCTION topo.unknown_claims(claims topo.address_claim[]) RETURNS topo.address_claim[]
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT array_agg(c::topo.address_claim)
	FROM unnest(claims) c
	WHERE NOT EXISTS (
		SELECT FROM topo.stay s
		WHERE s.address = c.address AND s.scope = c.scope AND s.port = c.port AND s.node = c.node
		  AND s.since <= c.since AND s.until >= c.until)
$$;
COMMENT ON FUNCTION topo.unknown_claims(topo.address_claim[]) IS 'those of these claims that say something new';

-- The ordinary case: reports go on where the stay had ended.
CREATE FUNCTION topo.prolong_stays(claims topo.address_claim[]) RETURNS topo.stay_change[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	WITH longer AS MATERIALIZED (
		SELECT s.scope, s.address, s.port, s.node, s.since, s.until AS before, c.until
		FROM unnest(claims) c
			 JOIN topo.stay s ON s.address = c.address AND s.scope = c.scope AND s.port = c.port AND s.node = c.node
							 AND c.since BETWEEN s.since AND s.until + interval '60 seconds' AND s.until < c.until
		WHERE NOT EXISTS (SELECT FROM topo.stay n
						  WHERE n.address = s.address AND n.scope = s.scope AND n.port = s.port AND n.node = s.node
							AND n.since > s.since AND n.since <= c.until + interval '60 seconds')
	), prolonged AS (
		UPDATE topo.stay s SET until = l.until
		FROM longer l
		WHERE s.address = l.address AND s.scope = l.scope AND s.port = l.port AND s.node = l.node AND s.since = l.since
	)
	SELECT array_agg((l.scope, l.address, l.port, l.node, tstzrange(l.before, l.until, '[]'),
					  topo.lease_end(l.until) = topo.lease_end(l.before))::topo.stay_change)
	FROM longer l
$$;
COMMENT ON FUNCTION topo.prolong_stays(topo.address_claim[]) IS
'prolong the stays that claims, of addresses which the caller has locked, continue; returns what that changes';

-- The general one: a stay that grows takes the place of its first part.
CREATE FUNCTION topo.extend_stays(claims topo.address_claim[], source text) RETURNS topo.stay_change[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET plan_cache_mode = force_custom_plan -- the plan depends on how many there are
AS $$
DECLARE
	result topo.stay_change[];
BEGIN
	WITH part AS MATERIALIZED (
		SELECT c.*, extend_stays.source, false AS known FROM unnest(claims) c
		UNION
		SELECT s.scope, s.address, s.port, s.node, s.since, s.until, s.source, true
		FROM unnest(claims) c
			 JOIN topo.stay s ON s.address = c.address AND s.scope = c.scope AND s.port = c.port AND s.node = c.node
							 AND s.since <= c.until + interval '60 seconds' AND s.until + interval '60 seconds' >= c.since
	), whole AS (
		SELECT w.scope, w.address, w.port, w.node, lower(span) AS since, upper(span) - interval '60 seconds' AS until
		FROM (SELECT p.scope, p.address, p.port, p.node, range_agg(topo.stay_span(p.since, p.until)) AS spans
			  FROM part p
			  GROUP BY 1, 2, 3, 4) w, unnest(w.spans) span
	), grown AS MATERIALIZED (
		SELECT w.*, min(p.source) AS source,
			   min(p.since) FILTER (WHERE p.known) AS first_since,
			   tstzmultirange(tstzrange(w.since, greatest(w.since, w.until), '[]'))
			   - coalesce(range_agg(tstzrange(p.since, greatest(p.since, p.until), '[]')) FILTER (WHERE p.known), '{}') AS news
		FROM whole w
			 JOIN part p ON p.address = w.address AND p.scope = w.scope AND p.port = w.port AND p.node = w.node
						AND topo.stay_span(w.since, w.until) @> p.since
		GROUP BY w.scope, w.address, w.port, w.node, w.since, w.until
	), merged AS (
		DELETE FROM topo.stay s USING grown g
		WHERE s.address = g.address AND s.scope = g.scope AND s.port = g.port AND s.node = g.node
		  AND s.since > g.first_since AND topo.stay_span(g.since, g.until) @> s.since
	), extended AS (
		UPDATE topo.stay s SET since = g.since, until = g.until, source = g.source
		FROM grown g
		WHERE s.address = g.address AND s.scope = g.scope AND s.port = g.port AND s.node = g.node
		  AND s.since = g.first_since
	), begun AS (
		INSERT INTO topo.stay (scope, address, port, node, since, until, source)
		SELECT g.scope, g.address, g.port, g.node, g.since, g.until, g.source FROM grown g WHERE g.first_since IS NULL
	)
	SELECT array_agg((g.scope, g.address, g.port, g.node, tstzrange(lower(g.news), upper(g.news), '[]'), false)::topo.stay_change) INTO result
	FROM grown g
	WHERE NOT isempty(g.news);
	RETURN result;
END
$$;
COMMENT ON FUNCTION topo.extend_stays(topo.address_claim[], text) IS
'add what claims say of addresses, which the caller has locked, to the stays there; returns what that changes';
