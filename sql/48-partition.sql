--
-- Partitions of the tables of windows: they come and go with time.
--
-- A table of windows has one level of partitions by time and no DEFAULT one.
-- Bounds are multiples of the grain's partition counted from 2000-01-01 UTC,
-- so that everybody who needs a partition means the same one; where partitions of
-- another width are in the way, it is what they leave of it.  The widths that a
-- grain may have divide each other (48-width.sql), so a partition always lies in one
-- of the widest.
--
-- Locks.  Making a partition takes SHARE UPDATE EXCLUSIVE on the table:
-- readers and writers go on, makers queue.  Who writes has made sure of the
-- partition, and holds ROW EXCLUSIVE on the table since then.  Dropping one takes
-- ACCESS EXCLUSIVE.  Maintenance gives up on either after 100 ms, since its next round
-- tries again: ingest must not wait, nor be waited for by who holds what it needs next.
--

CREATE FUNCTION topo.existing_grain(graph text, width interval) RETURNS topo.grain
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	owner topo.graph := topo.existing_graph(graph);
	result topo.grain;
BEGIN
	SELECT * INTO result FROM topo.grain g WHERE g.graph = owner.name AND g.width = existing_grain.width;
	IF NOT FOUND THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object',
			MESSAGE = format('graph %L has no windows of %s', graph, coalesce(quote_literal(width::text), 'NULL')),
			HINT = (SELECT format('Its windows: %s.', string_agg(quote_literal(g.width::text), ', ' ORDER BY g.width))
					FROM topo.grain g WHERE g.graph = owner.name);
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION topo.existing_grain(text, interval) IS 'the grain of that graph and width; an error where there is none';

CREATE FUNCTION topo.partition_name(relation name, span interval, start timestamptz) RETURNS name
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT relation || '_' || to_char(start AT TIME ZONE 'UTC',
		CASE 0 WHEN greatest(extract(epoch FROM span) % 86400, extract(epoch FROM start) % 86400) THEN 'YYYYMMDD'
			   WHEN greatest(extract(epoch FROM span) % 3600, extract(epoch FROM start) % 3600) THEN 'YYYYMMDDHH24'
			   WHEN greatest(extract(epoch FROM span) % 60, extract(epoch FROM start) % 60) THEN 'YYYYMMDDHH24MI'
			   ELSE 'YYYYMMDDHH24MISS' END)
$$;
COMMENT ON FUNCTION topo.partition_name(name, interval, timestamptz) IS
'name of the partition of a table of windows that starts then: edge_window_20261120';

CREATE FUNCTION topo.partitions_of_span(span interval, during tstzrange,
										OUT start timestamptz, OUT finish timestamptz)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
	SELECT s, s + span
	FROM generate_series(date_bin(span, lower(during), '2000-01-01 UTC'), upper(during), span) s
	WHERE s < upper(during) OR upper_inc(during)
$$;
COMMENT ON FUNCTION topo.partitions_of_span(interval, tstzrange) IS
'bounds of the partitions of that length that cover a range';

CREATE FUNCTION topo.check_partition_range(span interval, during tstzrange) RETURNS void
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	-- so many tables are made in one transaction and its lock table
	most CONSTANT integer := 1000;
BEGIN
	IF during IS NULL OR isempty(during) OR NOT coalesce(isfinite(lower(during)) AND isfinite(upper(during)), false) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
			MESSAGE = format('cannot make partitions for the range %s', coalesce(quote_literal(during::text), 'NULL')),
			HINT = 'Give a range with both ends.';
	END IF;
	PERFORM topo.check_during(during);
	IF extract(epoch FROM upper(during)) - extract(epoch FROM lower(during)) > most * extract(epoch FROM span) THEN
		RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded',
			MESSAGE = format('the range %L needs more than %s partitions', during::text, most),
			HINT = 'Check its times, or make the partitions in several transactions.';
	END IF;
END
$$;
COMMENT ON FUNCTION topo.check_partition_range(interval, tstzrange) IS
'an error for a range without both ends, or of more than 1000 partitions';

CREATE FUNCTION topo.make_partition(schema name, relation name, partition name,
									start timestamptz, finish timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO'
AS $$
BEGIN
	-- attaching an empty table of the same shape locks less than PARTITION OF
	EXECUTE format('CREATE TABLE %1$I.%3$I (LIKE %1$I.%2$I INCLUDING ALL)', schema, relation, partition);
	EXECUTE format('ALTER TABLE %1$I.%2$I ATTACH PARTITION %1$I.%3$I FOR VALUES FROM (%4$L) TO (%5$L)',
				   schema, relation, partition, start, finish);
EXCEPTION WHEN duplicate_table THEN
	RAISE EXCEPTION USING ERRCODE = 'duplicate_table',
		MESSAGE = format('table %I.%I stands where a partition of %I is needed', schema, partition, relation),
		HINT = 'Rename a partition that you detach, or drop it.';
END
$$;
COMMENT ON FUNCTION topo.make_partition(name, name, name, timestamptz, timestamptz) IS
'make one partition of a table of windows';

CREATE FUNCTION topo.partition_bounds(schema name, relation name)
RETURNS TABLE (partition regclass, start timestamptz, finish timestamptz)
LANGUAGE c VOLATILE PARALLEL SAFE STRICT ROWS 10
AS 'MODULE_PATHNAME', 'topology_partition_bounds';
COMMENT ON FUNCTION topo.partition_bounds(name, name) IS
'the partitions of a table of windows as they are now, whatever the transaction''s snapshot, in no order; an end of NULL: none';

CREATE FUNCTION topo.partitions(schema name, relation name)
RETURNS TABLE (name name, partition regclass, during tstzrange)
LANGUAGE sql STABLE PARALLEL SAFE STRICT ROWS 10
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT c.relname, b.partition, tstzrange(b.start, b.finish)
	FROM topo.partition_bounds(schema, relation) b JOIN pg_class c ON c.oid = b.partition
	ORDER BY 3
$$;
COMMENT ON FUNCTION topo.partitions(name, name) IS 'the partitions of a table of windows, oldest first';

CREATE FUNCTION topo.missing_partitions(schema name, grain topo.grain, during tstzrange,
										OUT name name, OUT start timestamptz, OUT finish timestamptz)
RETURNS SETOF record
LANGUAGE sql VOLATILE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT topo.partition_name(grain.relation, grain.partition, lower(gap)), lower(gap), upper(gap)
	FROM (SELECT coalesce(range_agg(tstzrange(b.start, b.finish)), '{}') AS spans FROM topo.partition_bounds(schema, grain.relation) b) there
		 CROSS JOIN LATERAL topo.partitions_of_span(grain.partition, during) p
		 CROSS JOIN LATERAL unnest(tstzmultirange(tstzrange(p.start, p.finish)) - there.spans) gap
	WHERE gap && during
	ORDER BY 2
$$;
COMMENT ON FUNCTION topo.missing_partitions(name, topo.grain, tstzrange) IS
'partitions that a range needs and that are not there';

CREATE FUNCTION topo.ensure_partitions(graph text, width interval, during tstzrange) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	grain topo.grain := topo.existing_grain(graph, width);
	schema name := (topo.existing_graph(graph)).schema_name;
BEGIN
	PERFORM topo.check_partition_range(grain.partition, during);
	-- what is there now must not be dropped before this transaction has written to it
	EXECUTE format('LOCK TABLE ONLY %I.%I IN ROW EXCLUSIVE MODE', schema, grain.relation);
	IF NOT EXISTS (SELECT FROM topo.missing_partitions(schema, grain, during)) THEN
		RETURN;
	END IF;
	EXECUTE format('LOCK TABLE ONLY %I.%I IN SHARE UPDATE EXCLUSIVE MODE', schema, grain.relation);
	PERFORM topo.make_partition(schema, grain.relation, m.name, m.start, m.finish)
	FROM topo.missing_partitions(schema, grain, during) m;
END
$$;
COMMENT ON FUNCTION topo.ensure_partitions(text, interval, tstzrange) IS
'make the partitions, for a graph''s windows of one width, that a range of time needs; quick when they are there';

CREATE FUNCTION topo.make_partition_ahead(graph topo.graph, grain topo.grain) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	partition interval := grain.partition;
BEGIN
	IF EXISTS (SELECT FROM topo.missing_partitions(graph.schema_name, grain, tstzrange(topo.clock(), topo.clock() + partition))) THEN
		IF grain.adaptive THEN
			partition := topo.adapt_partitions(graph, grain);
		END IF;
		PERFORM topo.ensure_partitions(graph.name, grain.width, tstzrange(topo.clock(), topo.clock() + partition));
	END IF;
END
$$;
COMMENT ON FUNCTION topo.make_partition_ahead(topo.graph, topo.grain) IS 'make the current and the next partition of one table of windows, as wide as fits what comes';

CREATE FUNCTION topo.make_partitions_ahead() RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET lock_timeout = '100ms'
AS $$
DECLARE
	due record;
BEGIN
	FOR due IN
		SELECT g AS graph, r AS grain
		FROM topo.grain r JOIN topo.graph g ON g.name = r.graph
		WHERE r.active AND to_regclass(format('%I.%I', g.schema_name, r.relation)) IS NOT NULL
		ORDER BY g.name, r.width
	LOOP
		BEGIN
			PERFORM topo.make_partition_ahead(due.graph, due.grain);
		EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
			RAISE DEBUG 'windows of graph "%" are in use: %', (due.graph).name, SQLERRM;
		END;
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.make_partitions_ahead() IS 'make the current and the next partition of every table of windows, but of those where somebody else is making one';
