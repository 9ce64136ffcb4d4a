--
-- Pairing: from spans, of any batch and in any order, to who calls whom.
--
-- A span whose parent is of another service is one call.  A batch brings parts
-- (the ids of all its spans, by trace) and waits (the spans that have no parent in
-- their own service there; where another service of the batch has it, with the
-- caller).  Each batch is taken up once: its waits, and those that older batches
-- left for the same traces, are matched with the parts of these traces that have
-- been taken up by then, or are just now.  What stays without a match waits in
-- span_wait.  So every pair is found when the later of its two batches is taken up,
-- and never twice, however the batches of several sources come; and everything is
-- in tables, so a crash loses none of it.
--
-- A wait whose span is in a part taken up before is a repetition, as exporters
-- that try again send, and counts once: as long as the part is kept, so not
-- after the horizon.
--
-- Both sides of a call may share an id, as Zipkin's do.  The call is found, and what
-- the callee does is its own; a third service that names the id as its parent is
-- put down to one of the two that are there.
--
-- The horizon (topology.span_horizon) is how long the other side may take to
-- come, counted from when a span was stored, and after a start of the server
-- from then at the earliest, since what comes now may have waited for it.  When
-- it has passed, a caller becomes a call to the virtual node that its peer
-- names, a callee one from its peer; who names none is counted, as unpaired.
-- Parts that old are looked at no more: what was assumed is never also found.
--
-- Cost: an index look-up for each trace of a batch, and two in memory for each span
-- of those traces.  A part is written once, and goes with its partition.  One
-- session at a time (an advisory lock).
--

CREATE TYPE topo.span_call AS (
	bucket     timestamptz,
	src        bigint,
	dst        bigint,
	app        bigint,
	src_type   text,
	src_name   text,
	dst_type   text,
	dst_name   text,
	endpoint   text,
	first_seen timestamptz,
	last_seen  timestamptz,
	traffic    topo.traffic
);
COMMENT ON TYPE topo.span_call IS
'the calls of one edge in one minute, as pairing finds them: an end is a node, or type and name of one; app and endpoint are of the callee';

CREATE FUNCTION topo.span_horizon() RETURNS interval
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$ SELECT coalesce(nullif(current_setting('topology.span_horizon', true), ''), '10min')::interval $$;
COMMENT ON FUNCTION topo.span_horizon() IS 'how long a span waits for the other side of its call';

CREATE FUNCTION topo.move_span_cutoff() RETURNS timestamptz
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	passed timestamptz := clock_timestamp() - topo.span_horizon();
	result timestamptz;
BEGIN
	UPDATE topo_trace.span_count c SET cutoff = passed
	WHERE c.cutoff < passed AND passed >= pg_postmaster_start_time();
	SELECT c.cutoff INTO result FROM topo_trace.span_count c;
	RETURN result;
END
$$;
COMMENT ON FUNCTION topo.move_span_cutoff() IS
'the time up to which spans are waited for no more: a horizon ago, but never before it was last, nor before the server started';

CREATE FUNCTION topo.pair_news(cutoff timestamptz, OUT batches bigint, OUT calls topo.span_call[])
LANGUAGE c VOLATILE PARALLEL UNSAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
-- the newest partition has no statistics and looks small, and so do arrays
SET enable_nestloop = off
SET enable_seqscan = off
SET jit = off
AS 'MODULE_PATHNAME', 'topology_pair_news';
COMMENT ON FUNCTION topo.pair_news(timestamptz) IS
'take up the next batches of spans: how many there were, and the calls that are found with them';

CREATE FUNCTION topo.expire_spans(cutoff timestamptz) RETURNS topo.span_call[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET enable_seqscan = off
SET jit = off
AS $$
DECLARE
	calls topo.span_call[];
BEGIN
	WITH gone AS MATERIALIZED (
		DELETE FROM topo_trace.span_wait w WHERE w.seen <= cutoff RETURNING w.*
	), counted AS (
		UPDATE topo_trace.span_count c
		SET assumed = c.assumed + g.assumed, unpaired = c.unpaired + g.unpaired
		FROM (SELECT count(*) FILTER (WHERE o.peer IS NOT NULL) AS assumed,
					 count(*) FILTER (WHERE o.peer IS NULL) AS unpaired FROM gone o) g
		WHERE g.assumed + g.unpaired > 0
	)
	SELECT array_agg((e.bucket, CASE e.role WHEN 1 THEN e.owner END, CASE e.role WHEN 2 THEN e.owner END,
					  CASE e.role WHEN 2 THEN e.app END, CASE e.role WHEN 2 THEN e.peer_type END,
					  CASE e.role WHEN 2 THEN e.peer END, CASE e.role WHEN 1 THEN e.peer_type END,
					  CASE e.role WHEN 1 THEN e.peer END, e.endpoint,
					  e.first_seen, e.last_seen, e.traffic)::topo.span_call)
	INTO calls
	FROM (SELECT date_bin('1 minute', g.started, '2000-01-01 00:00+00') AS bucket, g.role, g.owner, g.app,
				 g.peer_type, g.peer, g.endpoint, min(g.started) AS first_seen,
				 max(g.started + coalesce(g.duration_ns, 0) / 1000 * interval '1 microsecond') AS last_seen,
				 topo.merge_calls(g.calls, g.failed, CASE g.role WHEN 2 THEN g.duration_ns END) AS traffic
		  FROM gone g
		  WHERE g.peer IS NOT NULL
		  GROUP BY 1, 2, 3, 4, 5, 6, 7) e;
	RETURN calls;
END
$$;
COMMENT ON FUNCTION topo.expire_spans(timestamptz) IS
'give up the spans that have waited since before cutoff; returns the calls to and from the peers that they name';

CREATE FUNCTION topo.nodes_of_calls(calls topo.span_call[]) RETURNS TABLE (type text, name text, id bigint)
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
#variable_conflict use_column
DECLARE
	names topo.node_name[];
	parents integer;
	ids bigint[];
BEGIN
	-- the apps that have endpoints first, for these to point to
	SELECT array_agg(('app', n.name, NULL)::topo.node_name ORDER BY n.id) INTO names
	FROM topo.node n WHERE n.id = ANY (ARRAY(SELECT DISTINCT c.app FROM unnest(calls) c WHERE c.endpoint IS NOT NULL));
	parents := coalesce(cardinality(names), 0);
	SELECT names || array_agg((p.type, p.name, p.parent)::topo.node_name) INTO names
	FROM (SELECT c.src_type AS type, c.src_name AS name, NULL::integer AS parent FROM unnest(calls) c WHERE c.src_name IS NOT NULL
		  UNION
		  SELECT c.dst_type, c.dst_name, NULL FROM unnest(calls) c WHERE c.dst_name IS NOT NULL
		  UNION
		  SELECT 'endpoint', n.name || '/' || c.endpoint, array_position(names[1:parents], ('app', n.name, NULL)::topo.node_name)
		  FROM unnest(calls) c JOIN topo.node n ON n.id = c.app
		  WHERE c.endpoint IS NOT NULL) p;
	ids := topo.make_nodes(names);
	RETURN QUERY SELECT n.type, n.name, n.id FROM unnest(names, ids) n (type, name, parent, id);
END
$$;
COMMENT ON FUNCTION topo.nodes_of_calls(topo.span_call[]) IS
'the nodes that calls name, made where they are missing: peers, and the endpoints of apps; an endpoint of another app''s has the id 0';

CREATE FUNCTION topo.append_span_calls(calls topo.span_call[]) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS $$
DECLARE
	seen topo.seen_edge[];
BEGIN
	IF calls IS NULL THEN
		RETURN;
	END IF;
	PERFORM topo.ensure_partitions_at('trace', interval '1 minute', ARRAY(SELECT DISTINCT c.bucket FROM unnest(calls) c));
	WITH named AS MATERIALIZED (
		SELECT * FROM topo.nodes_of_calls(calls)
	), written AS (
		INSERT INTO topo_trace.edge_window (bucket, src, dst, endpoint, first_seen, last_seen, traffic)
		SELECT c.bucket, coalesce(c.src, s.id), coalesce(c.dst, d.id), nullif(e.id, 0), c.first_seen, c.last_seen, c.traffic
		FROM unnest(calls) c
			 LEFT JOIN named s ON s.type = c.src_type AND s.name = c.src_name
			 LEFT JOIN named d ON d.type = c.dst_type AND d.name = c.dst_name
			 LEFT JOIN topo.node a ON a.id = c.app
			 LEFT JOIN named e ON e.type = 'endpoint' AND e.name = a.name || '/' || c.endpoint
		RETURNING src, dst, type, first_seen, last_seen
	)
	SELECT array_agg((w.src, w.dst, w.type, w.first_seen, w.last_seen)::topo.seen_edge) INTO seen FROM written w;
	PERFORM topo.windows_changed('trace', ARRAY(SELECT DISTINCT c.bucket FROM unnest(calls) c)), topo.link_seen('trace', seen);
END
$$;
COMMENT ON FUNCTION topo.append_span_calls(topo.span_call[]) IS 'calls that pairing found into the windows and links of the graph "trace"';

CREATE FUNCTION topo.pair_pending(wait boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	cutoff timestamptz;
	taken record;
BEGIN
	IF to_regclass('topo_trace.span_news') IS NULL THEN
		RETURN true;
	ELSIF wait THEN
		PERFORM pg_advisory_xact_lock(1953460335, 2);
	ELSIF NOT pg_try_advisory_xact_lock(1953460335, 2) THEN
		RETURN false;
	END IF;
	cutoff := topo.move_span_cutoff();
	LOOP
		taken := topo.pair_news(cutoff);
		EXIT WHEN taken.batches = 0;
		PERFORM topo.append_span_calls(taken.calls);
	END LOOP;
	PERFORM topo.append_span_calls(topo.expire_spans(cutoff));
	RETURN true;
END
$$;
COMMENT ON FUNCTION topo.pair_pending(boolean) IS
'pair the spans that came since it was last called; false where another session is at it and wait is false';

--
-- Parts: partitions by when they were stored, which go when the horizon has passed
--

CREATE FUNCTION topo.span_part_grain() RETURNS topo.grain
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- no grain of the graph's: retention is not what decides how long parts are kept
RETURN ('trace', interval '10 minutes', 'span_part', interval '10 minutes', NULL, false, false, NULL, false, true)::topo.grain;
COMMENT ON FUNCTION topo.span_part_grain() IS 'how the table span_part is partitioned';

CREATE FUNCTION topo.ensure_span_partitions(during tstzrange) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	grain topo.grain := topo.span_part_grain();
BEGIN
	IF NOT EXISTS (SELECT FROM topo.missing_partitions('topo_trace', grain, during)) THEN
		RETURN;
	END IF;
	LOCK TABLE ONLY topo_trace.span_part IN SHARE UPDATE EXCLUSIVE MODE;
	PERFORM topo.make_partition('topo_trace', grain.relation, m.name, m.start, m.finish)
	FROM topo.missing_partitions('topo_trace', grain, during) m;
END
$$;
COMMENT ON FUNCTION topo.ensure_span_partitions(tstzrange) IS 'make the partitions of span_part that a range of time needs';

CREATE FUNCTION topo.maintain_spans() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET lock_timeout = '100ms'
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
DECLARE
	expired regclass;
BEGIN
	IF to_regclass('topo_trace.span_part') IS NULL THEN
		RETURN;
	END IF;
	PERFORM topo.ensure_span_partitions(tstzrange(now(), now() + interval '10 minutes'));
	FOR expired IN
		SELECT c.oid::regclass
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
		WHERE i.inhparent = to_regclass('topo_trace.span_part')
		  AND (regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz
			  <= (SELECT o.cutoff FROM topo_trace.span_count o)
		  AND NOT EXISTS (SELECT FROM topo_trace.span_news)
	LOOP
		EXECUTE format('DROP TABLE %s', expired);
	END LOOP;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
	RAISE DEBUG 'spans older than the horizon are in use: %', SQLERRM;
END
$$;
COMMENT ON FUNCTION topo.maintain_spans() IS
'make partitions of span_part ahead, and drop those that nobody waits for any more; none where somebody is in the way';

--
-- What became of spans
--

CREATE FUNCTION topo.span_counts(OUT waiting bigint, OUT paired bigint, OUT assumed bigint, OUT unpaired bigint,
								 OUT repeated bigint, OUT unattributed bigint)
RETURNS SETOF record
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	IF to_regclass('topo_trace.span_count') IS NULL THEN
		RETURN;
	END IF;
	RETURN QUERY
	SELECT (SELECT count(*) FROM topo_trace.span_wait) + (SELECT coalesce(sum(array_length(n.waits, 1)), 0)::bigint FROM topo_trace.span_news n),
		   c.paired, c.assumed, c.unpaired, c.repeated, c.unattributed
	FROM topo_trace.span_count c;
END
$$;
COMMENT ON FUNCTION topo.span_counts() IS 'the row of trace_status; none where there is no service map';

CREATE VIEW topo.trace_status AS SELECT * FROM topo.span_counts();
COMMENT ON VIEW topo.trace_status IS 'what became of the spans that came in';
COMMENT ON COLUMN topo.trace_status.waiting IS 'spans that wait for the other side of their call, at the most for topology.span_horizon';
COMMENT ON COLUMN topo.trace_status.paired IS 'spans whose parent was found in another service: calls';
COMMENT ON COLUMN topo.trace_status.assumed IS 'spans without the other side, which name it: calls to or from what they name';
COMMENT ON COLUMN topo.trace_status.unpaired IS 'spans whose parent never came, and that name no caller: no calls';
COMMENT ON COLUMN topo.trace_status.repeated IS 'spans that came once more, and did not count again';
COMMENT ON COLUMN topo.trace_status.unattributed IS 'spans that name no service';
