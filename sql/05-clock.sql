--
-- The clock that windows are kept by.
--

CREATE FUNCTION topo.clock() RETURNS timestamptz
LANGUAGE c STABLE PARALLEL SAFE STRICT
AS 'MODULE_PATHNAME', 'topology_clock';
COMMENT ON FUNCTION topo.clock() IS 'now(), moved by the setting topology.clock_offset: what edges fade and windows expire by';
