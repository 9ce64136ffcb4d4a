--
-- The grains of a graph: which widths of windows of edges it keeps.
--
-- Minutes are what everything is made from.  Hours and days may be left out: what is
-- longer is then rolled up from what is shorter.  Ten minutes may be added: they are what
-- is remembered for a panel that asks for the last hours again and again, whose ends
-- are full hours hardly ever.  Who says nothing of grains has them come and go
-- (50-ten-minutes.sql).
--
-- Leaving out a width drops its windows.  What the next longer windows hold of times
-- whose shorter ones are gone stays (they are sealed); the rest will be computed from
-- shorter ones.  A longer window of which only a part is gone, say a day whose first
-- minutes were dropped, keeps the windows of that part as its sealed ones.  A width
-- that is added is rolled up from what there is.
--
-- Locks: whoever rolls up or drops windows is waited for, and so is who marks windows as
-- dirty, until the end of the transaction.
--

CREATE FUNCTION topo.possible_grains(graph text) RETURNS SETOF topo.grain
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT ROWS 4
SET search_path = pg_catalog, topo, pg_temp
AS $$
	VALUES (graph, interval '1 minute', name 'edge_window', interval '1 day', interval '2 days', true, true, NULL::text, false, true),
		   (graph, '10 minutes', 'edge_ten_minutes', '1 day', '2 days', true, true, NULL, false, true),
		   (graph, '1 hour', 'edge_hour', '7 days', '60 days', true, true, NULL, false, true),
		   (graph, '1 day', 'edge_day', '28 days', '2 years', true, true, NULL, false, true)
$$;
COMMENT ON FUNCTION topo.possible_grains(text) IS 'the widths of windows of edges that a graph can keep, as it keeps them if nothing else is said';

CREATE FUNCTION topo.default_grains(graph text) RETURNS SETOF topo.grain
LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT ROWS 3
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT * FROM topo.possible_grains(graph) WHERE width <> '10 minutes'
$$;
COMMENT ON FUNCTION topo.default_grains(text) IS 'the widths of windows of edges that a graph keeps if nothing else is said';

CREATE FUNCTION topo.grains_option(value jsonb) RETURNS interval[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	possible CONSTANT interval[] := ARRAY(SELECT g.width FROM topo.possible_grains('') g);
	widths interval[];
BEGIN
	IF jsonb_typeof(value) IS DISTINCT FROM 'array' OR jsonb_path_exists(value, 'strict $[*] ? (@.type() != "string")') THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value';
	END IF;
	widths := ARRAY(SELECT w::interval FROM jsonb_array_elements_text(value) w);
	IF NOT (widths <@ possible AND possible[1] = ANY (widths)) THEN
		RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value';
	END IF;
	RETURN widths;
EXCEPTION WHEN data_exception THEN
	RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
		MESSAGE = format('option "grains" cannot be %s', coalesce(value::text, 'null')),
		HINT = 'Give an array of "1 minute" and, if you like, "10 minutes", "1 hour" and "1 day".';
END
$$;
COMMENT ON FUNCTION topo.grains_option(jsonb) IS 'widths of windows from a JSON option';

CREATE FUNCTION topo.roll_up_all(graph topo.graph) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	grain topo.grain;
	bucket timestamptz;
BEGIN
	FOR grain IN SELECT * FROM topo.edge_grains(graph.name) LOOP
		FOR bucket IN EXECUTE format('SELECT DISTINCT d.bucket FROM %I.dirty_rollup d WHERE d.width = $1', graph.schema_name) USING grain.width LOOP
			PERFORM topo.roll_up(graph, grain.width, bucket);
		END LOOP;
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.roll_up_all(topo.graph) IS 'roll up all that is dirty, whether it is over or not';

CREATE FUNCTION topo.part_sealed(graph topo.graph, short topo.grain, long topo.grain, OUT bucket timestamptz, OUT sealed tstzmultirange)
RETURNS SETOF record
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET timezone = 'UTC'
AS $$
	SELECT b, tstzmultirange(w) * s.spans
	FROM (SELECT topo.sealed_windows(graph.schema_name, short.width, '(,)') AS spans) s
		 CROSS JOIN LATERAL unnest(topo.whole_windows_over(s.spans, long.width) - s.spans) rest
		 CROSS JOIN LATERAL generate_series(date_bin(long.width, lower(rest), '2000-01-01 00:00+00'), upper(rest) - interval '1 microsecond', long.width) b
		 CROSS JOIN LATERAL tstzrange(b, b + long.width) w
	WHERE isfinite(lower(rest)) AND isfinite(upper(rest))
$$;
COMMENT ON FUNCTION topo.part_sealed(topo.graph, topo.grain, topo.grain) IS
'longer windows of which only some of the shorter ones were dropped, and those times';

CREATE FUNCTION topo.seal_in_part(graph topo.graph, short topo.grain, grain topo.grain, long topo.grain) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS $$
DECLARE
	w record;
BEGIN
	FOR w IN SELECT * FROM topo.part_sealed(graph, short, long) LOOP
		PERFORM topo.ensure_partitions(graph.name, long.width, tstzrange(w.bucket, w.bucket, '[]'));
		EXECUTE format($part$
			WITH replaced AS (DELETE FROM %1$I.%2$I l WHERE l.bucket = $1),
				 sealed AS (INSERT INTO %1$I.seal (width, during) VALUES ($3, tstzrange($1, $1 + $4)) ON CONFLICT DO NOTHING),
				 marked AS (INSERT INTO %1$I.dirty_rollup (width, bucket, marked) VALUES ($4, $1, topo.clock()))
			INSERT INTO %1$I.%2$I (bucket, part, src, last_src, first_seen, last_seen, pack)
			%3$s$part$, graph.schema_name, long.relation,
			topo.merging(format('(SELECT w.* FROM %I.%I w WHERE w.bucket >= $1 AND w.bucket < $1 + $4 AND w.bucket <@ $2)', graph.schema_name, grain.relation),
						 '$1', '0::smallint', '$1 + $4'))
		USING w.bucket, w.sealed, short.width, long.width;
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.seal_in_part(topo.graph, topo.grain, topo.grain, topo.grain) IS
'before a width is left out: of longer windows of which only some of the shortest are gone, the sealed part is made of the windows that go, the rest will be of the shortest';

CREATE FUNCTION topo.drop_late_windows(graph topo.graph, short topo.grain) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	span tstzrange;
BEGIN
	FOR span IN SELECT s FROM unnest(topo.sealed_windows(graph.schema_name, short.width, '(,)')) s LOOP
		EXECUTE format('DELETE FROM %I.%I w WHERE w.bucket >= $1 AND w.bucket < $2', graph.schema_name, short.relation)
		USING coalesce(lower(span), '-infinity'), upper(span);
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.drop_late_windows(topo.graph, topo.grain) IS
'before a width is left out: windows that came after others of their time were dropped go too, once they are rolled up';

CREATE FUNCTION topo.hand_over_to_longer(graph topo.graph, short topo.grain, grain topo.grain, long topo.grain) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
BEGIN
	PERFORM topo.roll_up_all(graph);
	EXECUTE format('INSERT INTO %1$I.seal (width, during) SELECT $1, s.during FROM %1$I.seal s WHERE s.width = $2 ON CONFLICT DO NOTHING', graph.schema_name)
	USING short.width, grain.width;
	PERFORM topo.drop_late_windows(graph, short);
	-- what came late is no longer apart, since what it is made of goes
	EXECUTE format('SELECT topo.merge_rows($1, $2, array_agg(DISTINCT w.bucket), ''0::smallint'') FROM %I.%I w WHERE w.part > 0 HAVING count(*) > 0',
				   graph.schema_name, long.relation)
	USING graph.schema_name, long;
	PERFORM topo.seal_in_part(graph, short, grain, long);
END
$$;
COMMENT ON FUNCTION topo.hand_over_to_longer(topo.graph, topo.grain, topo.grain, topo.grain) IS
'before a width is left out: longer windows hold all that will not be there to compute them from';

CREATE FUNCTION topo.leave_out_grain(graph topo.graph, grain topo.grain) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	short CONSTANT topo.grain := topo.shorter_grain(grain);
	long CONSTANT topo.grain := topo.longer_grain(grain);
	partition regclass;
BEGIN
	IF long.width IS NULL THEN
		EXECUTE format('DELETE FROM %I.seal s WHERE s.width = $1', graph.schema_name) USING short.width;
	ELSE
		PERFORM topo.hand_over_to_longer(graph, short, grain, long);
	END IF;
	FOR partition IN SELECT p.partition FROM topo.partitions(graph.schema_name, grain.relation) p LOOP
		EXECUTE format('DROP TABLE %s', partition);
	END LOOP;
	EXECUTE format('DELETE FROM %I.rollup r WHERE r.width = $1', graph.schema_name) USING grain.width;
	EXECUTE format('DELETE FROM %I.dirty_rollup d WHERE d.width = $1', graph.schema_name) USING grain.width;
	EXECUTE format('DELETE FROM %I.seal s WHERE s.width = $1', graph.schema_name) USING grain.width;
	DELETE FROM topo.grain g WHERE g.graph = grain.graph AND g.width = grain.width;
END
$$;
COMMENT ON FUNCTION topo.leave_out_grain(topo.graph, topo.grain) IS
'keep windows of that width no more: they are dropped; longer ones keep what they hold';

CREATE FUNCTION topo.add_grain(graph topo.graph, grain topo.grain) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	short CONSTANT topo.grain := topo.shorter_grain(grain);
	during tstzrange;
BEGIN
	INSERT INTO topo.grain SELECT grain.*;
	-- of times whose shorter windows are gone, longer ones hold what there never were windows of this width of
	EXECUTE format('UPDATE %I.seal s SET width = $1 WHERE s.width = $2', graph.schema_name) USING grain.width, short.width;
	FOR during IN SELECT p.during FROM topo.partitions(graph.schema_name, short.relation) p WHERE NOT lower_inf(p.during) LOOP
		PERFORM topo.mark_missing_rollups(graph, short, grain, during);
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.add_grain(topo.graph, topo.grain) IS 'keep windows of that width too: those of which there are shorter ones will be rolled up';

CREATE FUNCTION topo.set_grains(graph topo.graph, value jsonb) RETURNS void
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	widths CONSTANT interval[] := topo.grains_option(value);
	grain topo.grain;
BEGIN
	PERFORM pg_advisory_xact_lock(1953460335, 4);
	-- who marks for the widths of before has committed, who comes later sees those of after
	EXECUTE format('LOCK TABLE %I.dirty_rollup IN EXCLUSIVE MODE', graph.schema_name);
	PERFORM topo.drop_aside(graph);
	UPDATE topo.graph g SET adapt_grains = false, grains_reason = NULL WHERE g.name = graph.name;
	FOR grain IN SELECT * FROM topo.edge_grains(graph.name) g WHERE g.width <> ALL (widths) ORDER BY g.width DESC LOOP
		PERFORM topo.leave_out_grain(graph, grain);
	END LOOP;
	FOR grain IN SELECT * FROM topo.possible_grains(graph.name) d WHERE d.width = ANY (widths) AND d.width NOT IN (SELECT g.width FROM topo.edge_grains(graph.name) g)
				 ORDER BY d.width LOOP
		PERFORM topo.add_grain(graph, grain);
	END LOOP;
END
$$;
COMMENT ON FUNCTION topo.set_grains(topo.graph, jsonb) IS
'which widths of windows of edges a graph keeps; windows of a width that is left out are dropped';
