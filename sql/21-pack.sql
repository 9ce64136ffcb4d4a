--
-- Packs: settled windows of many edges in one row.
--
-- When the rows of a minute are merged, and when an hour or a day is rolled up, the
-- bucket's windows are packed by topo.fold(), some hundred in a row, ordered by source and target:
-- src/store/pack.h has the form.  What is appended later stands beside in rows of its
-- own until it is merged.  topo.stored_windows() reads both alike.
--

CREATE TYPE topo.packed AS (src bigint, last_src bigint, first_seen timestamptz, last_seen timestamptz, pack bytea);
COMMENT ON TYPE topo.packed IS 'windows of edges in one value, with the least and the greatest source, and from when to when they were seen';

CREATE FUNCTION topo.fold_transition(internal, timestamptz, timestamptz, bigint, bigint, integer, bigint, bigint[], real, real,
									 timestamptz, timestamptz, topo.traffic, bytea) RETURNS internal
	LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'topology_fold_transition';
COMMENT ON FUNCTION topo.fold_transition(internal, timestamptz, timestamptz, bigint, bigint, integer, bigint, bigint[], real, real,
										 timestamptz, timestamptz, topo.traffic, bytea) IS 'fold(): take one window, or one pack';

CREATE FUNCTION topo.fold_final(internal) RETURNS topo.packed[]
	LANGUAGE c STABLE CALLED ON NULL INPUT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'topology_fold_final';
COMMENT ON FUNCTION topo.fold_final(internal) IS 'fold(): state to packs';

-- The final function takes the state apart: it is of no use to another aggregate.
CREATE AGGREGATE topo.fold(begin timestamptz, finish timestamptz, src bigint, dst bigint, type integer, endpoint bigint, via bigint[],
						   confidence real, app_confidence real, first_seen timestamptz, last_seen timestamptz, traffic topo.traffic, pack bytea) (
	SFUNC = topo.fold_transition,
	STYPE = internal,
	SSPACE = 65536,
	FINALFUNC = topo.fold_final,
	FINALFUNC_MODIFY = READ_WRITE,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE topo.fold(timestamptz, timestamptz, bigint, bigint, integer, bigint, bigint[], real, real, timestamptz, timestamptz, topo.traffic, bytea) IS
'windows and packs of windows, which must come in order of src, as packs of a span of time with one window for each edge, endpoint and way';

CREATE FUNCTION topo.unpack(pack bytea, sources bigint[] DEFAULT NULL, targets bigint[] DEFAULT NULL)
RETURNS TABLE (src bigint, dst bigint, type integer, endpoint bigint, via bigint[], confidence real, app_confidence real,
			   first_seen timestamptz, last_seen timestamptz, traffic topo.traffic)
	LANGUAGE c IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 500
	AS 'MODULE_PATHNAME', 'topology_unpack';
COMMENT ON FUNCTION topo.unpack(bytea, bigint[], bigint[]) IS
'the windows of a pack, of some sources and targets; NULL: of all';

CREATE FUNCTION topo.packed_count(pack bytea) RETURNS bigint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'topology_packed_count';
COMMENT ON FUNCTION topo.packed_count(bytea) IS 'how many windows a pack holds';

CREATE FUNCTION topo.stored_windows(schema name, relation name, condition text, sources text DEFAULT NULL, targets text DEFAULT NULL)
RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT format($windows$SELECT w.bucket, w.part, w.src, w.dst, w.type, w.endpoint, w.via, w.confidence, w.app_confidence, w.first_seen, w.last_seen, w.traffic
		FROM %1$s w WHERE (%2$s) AND w.pack IS NULL%3$s%4$s
		UNION ALL
		SELECT w.bucket, w.part, u.src, u.dst, u.type, u.endpoint, u.via, u.confidence, u.app_confidence, u.first_seen, u.last_seen, u.traffic
		FROM %1$s w CROSS JOIN LATERAL topo.unpack(w.pack, %5$s, %6$s) u WHERE (%2$s) AND w.pack IS NOT NULL%7$s$windows$,
		format('%I.%I', schema, relation), condition,
		' AND w.src = ANY (' || sources || ')', ' AND w.dst = ANY (' || targets || ')',
		coalesce(sources, 'NULL'), coalesce(targets, 'NULL'),
		CASE WHEN sources IS NOT NULL
			 THEN format(' AND w.src <= (SELECT max(s) FROM unnest(%1$s) s) AND w.last_src >= (SELECT min(s) FROM unnest(%1$s) s)', sources) END)
$$;
COMMENT ON FUNCTION topo.stored_windows(name, name, text, text, text) IS
'a query for the windows of one table that meet a condition on bucket and part, packed or not, of sources and targets given as expressions of bigint[]';
