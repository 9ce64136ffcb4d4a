--
-- What the planner is told of the questions.
--

CREATE FUNCTION topo.estimate_rows(internal) RETURNS internal
LANGUAGE c IMMUTABLE PARALLEL SAFE STRICT
SET search_path = pg_catalog, topo, pg_temp
AS 'MODULE_PATHNAME', 'topo_estimate_rows';
COMMENT ON FUNCTION topo.estimate_rows(internal) IS
'for the planner: how many rows a question about graphs has, from what ANALYZE knows of their links';
