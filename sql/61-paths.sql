--
-- The shape of the map: ways between two nodes, cycles, what hangs together.
--

CREATE FUNCTION topo.paths(
	a          text,
	b          text,
	max_depth  integer DEFAULT NULL,
	max_paths  integer DEFAULT 10,
	graphs     text[] DEFAULT NULL,
	during     tstzrange DEFAULT NULL,
	direction  text DEFAULT 'out',
	level      text DEFAULT NULL,
	edge_types text[] DEFAULT NULL,
	through_external boolean DEFAULT false)
RETURNS TABLE (path integer, length integer, nodes text[], graphs text[])
LANGUAGE c STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'topo_paths';
COMMENT ON FUNCTION topo.paths(text, text, integer, integer, text[], tstzrange, text, text, text[], boolean) IS
'the ways from a to b that visit no node twice, the shortest first, at most max_paths of them (NULL: all) and none of more than max_depth steps; of ways of one length the one whose nodes have the least ids comes first. graphs are those that know every step. No way, or cycle, goes over an external node or an address, unless through_external. The other arguments are those of traverse()';

CREATE FUNCTION topo.cycles(
	max_length integer DEFAULT NULL,
	max_cycles integer DEFAULT 100,
	graphs     text[] DEFAULT NULL,
	during     tstzrange DEFAULT NULL,
	level      text DEFAULT 'app',
	edge_types text[] DEFAULT NULL,
	through_external boolean DEFAULT false)
RETURNS TABLE (cycle integer, length integer, nodes text[], graphs text[])
LANGUAGE c STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'topo_cycles';
COMMENT ON FUNCTION topo.cycles(integer, integer, text[], tstzrange, text, text[], boolean) IS
'who calls himself in the end: the ways that come back to where they begin and visit no other node twice, the shortest first, at most max_cycles of them (NULL: all) and none of more than max_length steps. Each is told once, from its node with the least id, with which it ends too; a node that calls itself is one of length 1. graphs are those that know every step. No way, or cycle, goes over an external node or an address, unless through_external. The other arguments are those of traverse()';

CREATE FUNCTION topo.components(
	strong     boolean DEFAULT false,
	graphs     text[] DEFAULT NULL,
	during     tstzrange DEFAULT NULL,
	level      text DEFAULT 'app',
	edge_types text[] DEFAULT NULL,
	through_external boolean DEFAULT false)
RETURNS TABLE (component integer, size bigint, node text, node_type text)
LANGUAGE c STABLE PARALLEL SAFE SUPPORT topo.estimate_rows
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'topo_components';
COMMENT ON FUNCTION topo.components(boolean, text[], tstzrange, text, text[], boolean) IS
'what hangs together: every node that has an edge, with the number of its component, the largest first, and how many nodes are in that. strong: only nodes that reach each other are together; else all between which there is a way, whichever direction its edges have. External nodes and addresses hold nothing together, and are components of their own, unless through_external. The other arguments are those of traverse()';
