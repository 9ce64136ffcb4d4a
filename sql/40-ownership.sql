--
-- Ownership: who held which address when, as the stays there tell.
--
-- Rules.  A node is seen from the beginning of its stay until the end.  It may
-- have been there 2 seconds before, since the peer may have seen the connection
-- first, and 2 to 7 seconds after, since the end is kept in steps.  From the end
-- on it has a lease of 30 to 60 seconds.  The candidates for a moment are
--	1. those that are seen, or may have been there;
--	2. if nobody is seen, those that may have been there when that began, while
--	   their leases run;
--	3. and, if such a lease would run until then, those that are seen next.
-- A single candidate held the address; of several nobody is believed: it is
-- ambiguous.  So an address that passes from one to another is ambiguous from
-- when the one was last seen until the other is first seen.  That time could be
-- given to the first.  But then who connects while the first is gone, and is
-- answered by the second, would be shown as a caller of the first; and what
-- really was the first's has been reported by it, unless its host has died.  An
-- owner that is back within a minute was never away, so who is seen meanwhile
-- contends with it.  What the inventory says outweighs all of this.
--
-- Where the verdict changes, and only there, the windows in which the address
-- appears must be resolved again.  Which those are is found out by the
-- resolver: here, flows that another session has not committed yet would be
-- missed.
--
-- Cost: nothing where reports teach nothing, and little where they only move the
-- end of a stay at an address that nobody contends for: then topo.address
-- changes once in a half minute.  Where stays change otherwise, the time around
-- that is concluded anew, for all addresses of a batch in one statement, in
-- O(n log n) of the stays there.
--

CREATE TYPE topo.address_case AS (scope text, address inet, port integer, spans tstzmultirange);
COMMENT ON TYPE topo.address_case IS
'an address (port 0) or one port of it, and the times in which must be concluded anew who held it';

CREATE TYPE topo.address_verdict AS (
	scope     text,
	address   inet,
	port      integer,
	node      bigint,
	ambiguous boolean,
	source    text,
	replaced  bigint[],
	valid     tstzmultirange,
	changed   tstzmultirange
);
COMMENT ON TYPE topo.address_verdict IS
'when a node held an address, alone or among others; the rows of topo.address that said otherwise; and where the difference matters';

CREATE TABLE topo.reporter (
	scope   text NOT NULL,
	address inet NOT NULL,
	valid   tstzrange NOT NULL,
	PRIMARY KEY (address, scope, valid)
);
COMMENT ON TABLE topo.reporter IS 'addresses whose own host reports their flows, and when: a connection from there is counted at its client';
SELECT pg_catalog.pg_extension_config_dump('topo.reporter', '');

-- Slight changes do not matter where nobody else is near, nor where all that are
-- near were together before and are together after: none can be told from the
-- others, so each is a candidate until its lease ends, and the leases are the same.
CREATE FUNCTION topo.unsettled(changes topo.stay_change[]) RETURNS topo.address_case[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET plan_cache_mode = force_custom_plan -- the plan depends on how many there are
AS $$
DECLARE
	result topo.address_case[];
BEGIN
	WITH change AS MATERIALIZED (
		SELECT c.* FROM unnest(changes) c
		WHERE NOT c.slight
		   OR EXISTS (SELECT FROM topo.stay o
					  WHERE o.address = c.address AND o.scope = c.scope AND o.port = c.port AND o.node <> c.node
						AND o.since < upper(c.span) + topo.stay_reach() AND o.until > lower(c.span) - topo.stay_reach())
	), shared AS (
		SELECT c.scope, c.address, c.port, min(lower(c.span)) AS since, max(upper(c.span)) AS until
		FROM change c
		GROUP BY 1, 2, 3
		HAVING bool_and(c.slight)
	), near AS (
		SELECT s.scope, s.address, s.port, s.since, coalesce(lower(c.span), s.until) AS before, s.until AS after
		FROM shared h
			 JOIN topo.stay s ON s.address = h.address AND s.scope = h.scope AND s.port = h.port
							 AND s.since < h.until + topo.stay_reach() AND s.until > h.since - topo.stay_reach()
			 LEFT JOIN change c ON c.address = s.address AND c.scope = s.scope AND c.port = s.port AND c.node = s.node AND upper(c.span) = s.until
	), together AS (
		SELECT n.scope, n.address, n.port
		FROM near n
		GROUP BY 1, 2, 3
		HAVING max(n.since) <= min(n.before)
		   AND max(n.before) < min(n.before) + interval '7 seconds' AND max(n.after) < min(n.after) + interval '7 seconds'
	)
	SELECT array_agg((u.scope, u.address, u.port, u.spans)::topo.address_case) INTO result
	FROM (SELECT c.scope, c.address, c.port,
				 range_agg(tstzrange(lower(c.span) - topo.stay_reach(), upper(c.span) + topo.stay_reach())) AS spans
		  FROM change c LEFT JOIN together t ON t.address = c.address AND t.scope = c.scope AND t.port = c.port
		  WHERE t.address IS NULL
		  GROUP BY 1, 2, 3) u;
	RETURN result;
END
$$;
COMMENT ON FUNCTION topo.unsettled(topo.stay_change[]) IS 'where these changes may change who held an address';

CREATE FUNCTION topo.candidates(cases topo.address_case[])
RETURNS TABLE (number bigint, node bigint, source text, valid tstzrange)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET plan_cache_mode = force_custom_plan -- the plan depends on how many there are
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH stay AS MATERIALIZED (
		SELECT c.number, span, s.node, s.source, s.since, s.until, greatest(s.since, s.until) AS last_seen
		FROM unnest(cases) WITH ORDINALITY c (scope, address, port, spans, number)
			 CROSS JOIN unnest(c.spans) span
			 JOIN topo.stay s ON s.address = c.address AND s.scope = c.scope AND s.port = c.port
							 AND s.since < coalesce(upper(span), 'infinity') + topo.stay_reach()
							 AND s.until > coalesce(lower(span), '-infinity') - topo.stay_reach()
		WHERE EXISTS (SELECT FROM topo.node n WHERE n.id = s.node)
	), sorted AS (
		SELECT s.*, max(s.last_seen) OVER (PARTITION BY s.number, s.span ORDER BY s.since
										   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS seen_before
		FROM stay s
	), placed AS (
		SELECT s.*, count(*) FILTER (WHERE s.since > s.seen_before) OVER (PARTITION BY s.number, s.span ORDER BY s.since
																		ROWS UNBOUNDED PRECEDING) AS crowd
		FROM sorted s
	), crowd AS (
		-- stays without a time between them in which nobody is seen
		SELECT p.number, p.span, min(p.since) AS since, max(p.last_seen) AS last_seen, max(topo.lease_end(p.until)) AS lease_end
		FROM placed p
		GROUP BY p.number, p.span, p.crowd
	), surrounded AS MATERIALIZED (
		SELECT c.*, lag(c.last_seen) OVER w AS seen_before, lag(c.lease_end) OVER w AS leased_before, lead(c.since) OVER w AS seen_next
		FROM crowd c
		WINDOW w AS (PARTITION BY c.number, c.span ORDER BY c.since)
	), candidate AS (
		SELECT s.number, s.span, s.node, s.source, tstzrange(s.since - interval '2 seconds', s.until + interval '7 seconds') AS valid
		FROM stay s
		UNION ALL
		SELECT s.number, s.span, s.node, s.source, tstzrange(c.last_seen, least(topo.lease_end(s.until), c.seen_next))
		FROM stay s JOIN surrounded c ON c.number = s.number AND c.span = s.span
									  AND c.last_seen >= s.last_seen AND c.last_seen < s.until + interval '7 seconds'
		UNION ALL
		SELECT s.number, s.span, s.node, s.source, tstzrange(c.seen_before, s.since)
		FROM stay s JOIN surrounded c ON c.number = s.number AND c.span = s.span AND c.since = s.since
		WHERE c.leased_before > s.since - interval '2 seconds'
	)
	SELECT c.number, c.node, c.source, c.valid * c.span FROM candidate c WHERE c.valid && c.span;
END
$$;
COMMENT ON FUNCTION topo.candidates(topo.address_case[]) IS
'by the number of the case, who may have held its address, and when';

CREATE FUNCTION topo.conclusions(cases topo.address_case[])
RETURNS TABLE (number bigint, node bigint, ambiguous boolean, source text, valid tstzmultirange)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET plan_cache_mode = force_custom_plan -- the plan depends on how many there are
AS $$
#variable_conflict use_column
BEGIN
	RETURN QUERY
	WITH candidate AS MATERIALIZED (
		SELECT c.number, c.node, min(c.source) AS source, range_agg(c.valid) AS valid
		FROM topo.candidates(cases) c
		GROUP BY 1, 2
	), step AS (
		SELECT c.number, e.at, sum(e.height) AS height
		FROM candidate c
			 CROSS JOIN unnest(c.valid) piece
			 CROSS JOIN LATERAL (VALUES (lower(piece), 1), (upper(piece), -1)) e (at, height)
		GROUP BY 1, 2
	), level AS (
		SELECT s.number, sum(s.height) OVER w AS height, tstzrange(s.at, lead(s.at) OVER w) AS valid
		FROM step s
		WINDOW w AS (PARTITION BY s.number ORDER BY s.at)
	), contest AS (
		SELECT l.number, range_agg(l.valid) AS valid FROM level l WHERE l.height > 1 GROUP BY 1
	), said AS (
		SELECT c.number, range_agg(a.valid) AS valid
		FROM unnest(cases) WITH ORDINALITY c (scope, address, port, spans, number)
			 JOIN topo.address a ON a.address = c.address AND a.scope = c.scope AND a.port IS NOT DISTINCT FROM nullif(c.port, 0)
								AND a.source = 'inventory' AND a.valid && c.spans
		GROUP BY 1
	)
	SELECT c.number, c.node, v.ambiguous, c.source, v.valid - coalesce(i.valid, '{}')
	FROM candidate c
		 LEFT JOIN contest o USING (number)
		 LEFT JOIN said i USING (number)
		 CROSS JOIN LATERAL (VALUES (false, c.valid - coalesce(o.valid, '{}')), (true, c.valid * o.valid)) v (ambiguous, valid)
	WHERE NOT isempty(v.valid - coalesce(i.valid, '{}'));
END
$$;
COMMENT ON FUNCTION topo.conclusions(topo.address_case[]) IS
'by the number of the case, who held its address, alone or among others, as the stays there tell, where the inventory says nothing';

CREATE FUNCTION topo.verdicts(cases topo.address_case[]) RETURNS topo.address_verdict[]
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET plan_cache_mode = force_custom_plan -- the plan depends on how many there are
AS $$
DECLARE
	result topo.address_verdict[];
BEGIN
	WITH matter AS (
		SELECT * FROM unnest(cases) WITH ORDINALITY c (scope, address, port, spans, number)
	), believed AS (
		SELECT m.number, a.node, a.ambiguous, min(a.source) AS source, array_agg(a.id) AS rows, range_agg(a.valid) AS valid
		FROM matter m
			 JOIN topo.address a ON a.address = m.address AND a.scope = m.scope AND a.port IS NOT DISTINCT FROM nullif(m.port, 0)
								AND a.source <> 'inventory'
								-- span by span: a multirange is adjacent to what touches its ends, and to nothing between
								AND EXISTS (SELECT FROM unnest(m.spans) span WHERE a.valid && span OR a.valid -|- span)
		GROUP BY 1, 2, 3
	), compared AS MATERIALIZED (
		SELECT number, node, ambiguous, coalesce(c.source, b.source) AS source, coalesce(b.rows, '{}') AS rows,
			   coalesce(b.valid, '{}') AS before, coalesce(c.valid, '{}') AS anew
		FROM believed b FULL JOIN topo.conclusions(cases) c USING (number, node, ambiguous)
	), doubt AS (
		-- whose claims are at odds matters little
		SELECT d.number, coalesce(range_agg(d.valid) FILTER (WHERE NOT d.is_new), '{}') AS before,
			   coalesce(range_agg(d.valid) FILTER (WHERE d.is_new), '{}') AS anew
		FROM (SELECT c.number, unnest(c.before) AS valid, false AS is_new FROM compared c WHERE c.ambiguous
			  UNION ALL
			  SELECT c.number, unnest(c.anew), true FROM compared c WHERE c.ambiguous) d
		GROUP BY 1
	)
	SELECT array_agg((m.scope, m.address, nullif(m.port, 0), c.node, c.ambiguous, c.source, c.rows,
					  c.before - m.spans + c.anew,
					  (w.before - w.anew + (w.anew - w.before)) * m.spans)::topo.address_verdict) INTO result
	FROM compared c
		 JOIN matter m USING (number)
		 LEFT JOIN doubt d ON c.ambiguous AND d.number = c.number
		 CROSS JOIN LATERAL (VALUES (coalesce(d.before, c.before), coalesce(d.anew, c.anew))) w (before, anew)
	WHERE c.before * m.spans <> c.anew;
	RETURN result;
END
$$;
COMMENT ON FUNCTION topo.verdicts(topo.address_case[]) IS 'what is to be said otherwise of who held these addresses';

CREATE FUNCTION topo.settle(cases topo.address_case[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	verdicts topo.address_verdict[] := topo.verdicts(cases);
BEGIN
	IF verdicts IS NULL THEN
		RETURN;
	END IF;
	DELETE FROM topo.address a USING unnest(verdicts) v, unnest(v.replaced) old (id) WHERE a.id = old.id;
	INSERT INTO topo.address (scope, address, port, valid, node, source, ambiguous)
	SELECT v.scope, v.address, v.port, unnest(v.valid), v.node, v.source, v.ambiguous FROM unnest(verdicts) v;
	PERFORM topo.mark_dirty(ARRAY(SELECT DISTINCT (v.scope, v.address, span)::topo.address_span
								  FROM unnest(verdicts) v, unnest(v.changed) span));
END
$$;
COMMENT ON FUNCTION topo.settle(topo.address_case[]) IS
'conclude anew who held these addresses, which the caller has locked';

--
-- Reporters
--

CREATE FUNCTION topo.reporter_span(first_seen timestamptz, last_seen timestamptz) RETURNS tstzrange
LANGUAGE sql STABLE PARALLEL SAFE
-- stable, as adding an interval is, and not strict, as tstzrange() is not: so it is inlined
RETURN pg_catalog.tstzrange(
	date_bin('30 seconds', first_seen - interval '2 seconds', '2000-01-01 00:00+00'),
	date_bin('30 seconds', last_seen, '2000-01-01 00:00+00') + interval '60 seconds');
COMMENT ON FUNCTION topo.reporter_span(timestamptz, timestamptz) IS
'the time for which a report shows that its host reports, in whole half minutes: from 2 seconds before it, since the peer may have seen the connection first, until 30 to 60 seconds after it';

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

CREATE FUNCTION topo.hold_reporters(reporters topo.address_span[]) RETURNS topo.address_span[]
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	WITH said AS (
		SELECT n.scope, n.address, n.valid FROM unnest(reporters) n
	), known AS (
		DELETE FROM topo.reporter r USING said s
		WHERE r.address = s.address AND r.scope = s.scope AND (r.valid && s.valid OR r.valid -|- s.valid)
		RETURNING r.scope, r.address, r.valid
	), held AS (
		SELECT t.scope, t.address, range_agg(t.valid) AS valid,
			   coalesce(range_agg(t.valid) FILTER (WHERE t.known), '{}') AS before
		FROM (SELECT k.*, true AS known FROM known k UNION ALL SELECT s.*, false FROM said s) t
		GROUP BY 1, 2
	), kept AS (
		INSERT INTO topo.reporter (scope, address, valid) SELECT h.scope, h.address, unnest(h.valid) FROM held h
	)
	SELECT array_agg((h.scope, h.address, span)::topo.address_span) FROM held h, unnest(h.valid - h.before) span
$$;
COMMENT ON FUNCTION topo.hold_reporters(topo.address_span[]) IS
'addresses, which the caller has locked, report for themselves for a time; returns when that was not known';

--
-- Learning
--

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
	changes topo.stay_change[];
BEGIN
	IF new_claims IS NULL AND new_reporters IS NULL THEN
		RETURN;
	END IF;
	PERFORM topo.lock_addresses(new_reporters || ARRAY(SELECT (c.scope, c.address, NULL)::topo.address_span FROM unnest(new_claims) c));
	changes := topo.prolong_stays(new_claims);
	changes := changes || topo.extend_stays(topo.unknown_claims(new_claims), source);
	PERFORM topo.settle(topo.unsettled(changes));
	PERFORM topo.mark_dirty(topo.hold_reporters(new_reporters));
END
$$;
COMMENT ON FUNCTION topo.learn_addresses(topo.address_claim[], topo.address_span[], text) IS
'learn who holds which address, and which addresses report for themselves';

--
-- The inventory: people and jobs may write topo.address as they like, and the map follows.
--

CREATE FUNCTION topo.inventory_comes() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	learned topo.address;
BEGIN
	PERFORM topo.lock_address(NEW.scope, NEW.address);
	FOR learned IN
		DELETE FROM topo.address a
		WHERE a.address = NEW.address AND a.scope = NEW.scope AND a.port IS NOT DISTINCT FROM NEW.port
		  AND a.source <> 'inventory' AND a.valid && NEW.valid
		RETURNING a.*
	LOOP
		INSERT INTO topo.address (scope, address, port, valid, node, source, ambiguous)
		SELECT learned.scope, learned.address, learned.port, piece, learned.node, learned.source, learned.ambiguous
		FROM unnest(tstzmultirange(learned.valid) - tstzmultirange(NEW.valid)) piece;
	END LOOP;
	PERFORM topo.mark_dirty(ARRAY[(NEW.scope, NEW.address, NEW.valid)::topo.address_span]);
	RETURN NEW;
END
$$;
COMMENT ON FUNCTION topo.inventory_comes() IS 'what was learned from traffic yields to the inventory';

CREATE FUNCTION topo.inventory_goes() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	changes topo.address_span[] := ARRAY(SELECT (g.scope, g.address, g.valid)::topo.address_span FROM gone g WHERE g.source = 'inventory');
BEGIN
	IF changes = '{}' THEN
		RETURN NULL;
	END IF;
	PERFORM topo.lock_addresses(changes);
	PERFORM topo.settle(ARRAY(SELECT (g.scope, g.address, coalesce(g.port, 0), range_agg(g.valid))::topo.address_case
							  FROM gone g WHERE g.source = 'inventory'
							  GROUP BY g.scope, g.address, g.port));
	PERFORM topo.mark_dirty(changes);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.inventory_goes() IS 'where the inventory says nothing any more, what was learned from traffic holds again';

CREATE FUNCTION topo.forget_stays() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	TRUNCATE topo.stay;
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.forget_stays() IS 'no owner is concluded again from what was learned before all were dropped';

CREATE TRIGGER inventory_comes BEFORE INSERT OR UPDATE ON topo.address
	FOR EACH ROW WHEN (NEW.source = 'inventory') EXECUTE FUNCTION topo.inventory_comes();
COMMENT ON TRIGGER inventory_comes ON topo.address IS 'the inventory outweighs what was learned, and the map follows it';
CREATE TRIGGER inventory_changed AFTER UPDATE ON topo.address
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION topo.inventory_goes();
COMMENT ON TRIGGER inventory_changed ON topo.address IS 'the map follows the inventory';
CREATE TRIGGER inventory_goes AFTER DELETE ON topo.address
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION topo.inventory_goes();
COMMENT ON TRIGGER inventory_goes ON topo.address IS 'the map follows the inventory';
CREATE TRIGGER addresses_dropped BEFORE TRUNCATE ON topo.address
	FOR EACH STATEMENT EXECUTE FUNCTION topo.forget_stays();
COMMENT ON TRIGGER addresses_dropped ON topo.address IS 'with the owners goes what they were concluded from';

-- Its rows of topo.address are gone with it.  Nodes that stand for addresses have no stays, and are deleted by themselves.
CREATE FUNCTION topo.node_goes() RETURNS trigger
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	cases topo.address_case[];
	changes topo.address_span[];
BEGIN
	IF NOT EXISTS (SELECT FROM gone g WHERE g.type <> 'address') THEN
		RETURN NULL;
	END IF;
	WITH stay AS (
		SELECT s.scope, s.address, s.port, range_agg(tstzrange(s.since - topo.stay_reach(), s.until + topo.stay_reach())) AS spans
		FROM topo.stay s JOIN gone g ON g.id = s.node
		GROUP BY 1, 2, 3
	)
	SELECT array_agg((s.scope, s.address, s.port, s.spans)::topo.address_case),
		   array_agg((s.scope, s.address, range_merge(s.spans))::topo.address_span)
	INTO cases, changes FROM stay s;
	IF cases IS NULL THEN
		RETURN NULL;
	END IF;
	PERFORM topo.lock_addresses(changes);
	DELETE FROM topo.stay s USING gone g WHERE s.node = g.id;
	PERFORM topo.settle(cases), topo.mark_dirty(changes);
	RETURN NULL;
END
$$;
COMMENT ON FUNCTION topo.node_goes() IS 'who is deleted claims no address any more: what others claim holds again';

CREATE TRIGGER node_goes AFTER DELETE ON topo.node
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION topo.node_goes();
COMMENT ON TRIGGER node_goes ON topo.node IS 'the map follows the nodes that there are';

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
	forgotten timestamptz := (SELECT least(topo.clock() - g.retention, min(lower(p.during))) - g.partition
							  FROM topo.grain g LEFT JOIN topo.partitions('topo_network', 'flow_window') p ON true
							  WHERE g.graph = 'network' AND g.relation = 'flow_window' AND g.retention IS NOT NULL
							  GROUP BY g.retention, g.partition);
BEGIN
	DELETE FROM topo.stay s WHERE topo.lease_end(s.until) < forgotten;
	DELETE FROM topo.address a WHERE a.source <> 'inventory' AND upper(a.valid) < forgotten;
	DELETE FROM topo.reporter r WHERE upper(r.valid) < forgotten;
	IF to_regclass('topo_network.translation') IS NOT NULL THEN
		DELETE FROM topo_network.translation t WHERE t.bucket < forgotten;
	END IF;
END
$$;
COMMENT ON FUNCTION topo.forget_owners() IS
'drop what was learned of addresses, and of their translation, in times whose flows have been dropped';
