--
-- Traversal: what is reached from where.
--
-- The functions that search are C.  They run SQL with the caller's rights, so
-- they pin search_path like all others.  Compiling their queries would cost more
-- than running them, and would be done again at every depth: jit is off.
--

CREATE FUNCTION topo.traverse(
	start       text[],
	direction   text DEFAULT 'out',
	max_depth   integer DEFAULT NULL,
	graphs      text[] DEFAULT NULL,
	during      tstzrange DEFAULT NULL,
	edge_types  text[] DEFAULT NULL,
	node_filter jsonb DEFAULT NULL,
	edge_limit  integer DEFAULT NULL,
	edge_order  text DEFAULT 'busiest',
	max_nodes   integer DEFAULT NULL,
	after       text DEFAULT NULL,
	level       text DEFAULT NULL,
	through_external boolean DEFAULT false,
	time_limit  interval DEFAULT NULL,
	hops        jsonb DEFAULT NULL,
	with_properties text[] DEFAULT NULL)
RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[], properties jsonb)
LANGUAGE c STABLE PARALLEL SAFE SUPPORT topo.estimate_rows
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'topo_traverse';
COMMENT ON FUNCTION topo.traverse(text[], text, integer, text[], tstzrange, text[], jsonb, integer, text, integer, text, text, boolean, interval, jsonb, text[]) IS
'breadth first from the start nodes: each node once, at its least depth, ordered by depth and then label (by its bytes); parent is the one with the least id of the nodes that it was reached from, graphs are all that know an edge to it from any node of the depth before; start nodes have depth 0, no parent and no graphs.
direction: out (what a node calls), in (who calls it) or both.
graphs: NULL is network, ipc and trace, or all graphs where there is no service map.
during: edges with traffic in a minute that overlaps it; NULL is the live map.
node_filter: {"tier": 1, "domain": "payments", "type": ["app", "external"], "property": value}, an array is any of; a node that fails is neither returned nor expanded, start nodes are exempt.
edge_limit: at most so many neighbours are followed from each node, counted before node_filter, the first in edge_order: busiest (most requests, then connections, then bytes, in the live windows), latest (seen last) or name.
max_nodes, after: a page of at most max_nodes rows that begins after the node "after", the last of the page before.
level: app or cluster; NULL is cluster if a start node is one, else app.
through_external: external nodes and addresses are gone on from too; else they are returned, but only start nodes of these types are expanded.
time_limit: the search ends after so long, and a NOTICE says how far it came; what it had found by then is returned, of the last depth with the parents and graphs known by then. Naming what was found comes on top.
hops: chained steps in place of max_depth, a JSON array of an object for each: {"direction": "in", "edge_types": ["calls"], "node_filter": {"type": "app"}, "edge_limit": 10, "edge_order": "name"}; what a step does not name is as the arguments say. A step goes on from all that the one before led to, also from what was reached earlier; a node is returned at its least depth.
with_properties: which of a node''s properties (keys of topo.node.properties, tier, domain; "*" is all) are returned in the column properties; NULL: none';

CREATE FUNCTION topo.reachable_count(
	start       text[],
	direction   text DEFAULT 'out',
	max_depth   integer DEFAULT NULL,
	graphs      text[] DEFAULT NULL,
	during      tstzrange DEFAULT NULL,
	edge_types  text[] DEFAULT NULL,
	node_filter jsonb DEFAULT NULL,
	level       text DEFAULT NULL,
	through_external boolean DEFAULT false,
	time_limit  interval DEFAULT NULL,
	hops        jsonb DEFAULT NULL)
RETURNS bigint
LANGUAGE c STABLE PARALLEL SAFE
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'topo_reachable_count';
COMMENT ON FUNCTION topo.reachable_count(text[], text, integer, text[], tstzrange, text[], jsonb, text, boolean, interval, jsonb) IS
'how many nodes traverse() reaches, the start nodes not counted; no label is looked up and no row is made';

CREATE FUNCTION topo.shortest_path(
	a          text,
	b          text,
	graphs     text[] DEFAULT NULL,
	during     tstzrange DEFAULT NULL,
	max_depth  integer DEFAULT NULL,
	direction  text DEFAULT 'out',
	level      text DEFAULT NULL,
	edge_types text[] DEFAULT NULL,
	through_external boolean DEFAULT false)
RETURNS TABLE (step integer, node text, node_type text, graphs text[])
LANGUAGE c STABLE PARALLEL SAFE SUPPORT topo.estimate_rows
SET search_path = pg_catalog, topo, pg_temp
SET jit = off
AS 'MODULE_PATHNAME', 'topo_shortest_path';
COMMENT ON FUNCTION topo.shortest_path(text, text, text[], tstzrange, integer, text, text, text[], boolean) IS
'the nodes on a way from a to b with the fewest steps, a at step 0, and the graphs that know the edge to each; of several ways the one that, seen from b, goes over the nodes with the least ids; no rows where there is none. No way goes over an external node or an address, unless through_external. The other arguments are those of traverse()';

--
-- The questions that are asked most
--

CREATE FUNCTION topo.upstream(
	name        text,
	max_depth   integer DEFAULT NULL,
	graphs      text[] DEFAULT NULL,
	during      tstzrange DEFAULT NULL,
	edge_types  text[] DEFAULT NULL,
	node_filter jsonb DEFAULT NULL,
	edge_limit  integer DEFAULT NULL,
	edge_order  text DEFAULT 'busiest',
	max_nodes   integer DEFAULT NULL,
	after       text DEFAULT NULL,
	level       text DEFAULT NULL,
	through_external boolean DEFAULT false,
	time_limit  interval DEFAULT NULL,
	with_properties text[] DEFAULT NULL)
RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[], properties jsonb)
LANGUAGE sql STABLE PARALLEL SAFE SUPPORT topo.estimate_rows
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- the first page has the node itself, which is no answer
	SELECT t.*
	FROM topo.traverse(ARRAY[$1], 'in', $2, $3, $4, $5, $6, $7, $8,
					   CASE WHEN $10 IS NULL AND $9 BETWEEN 0 AND 2147483646 THEN $9 + 1 ELSE $9 END, $10, $11, $12, $13, with_properties => $14) t
	WHERE t.depth > 0
$$;
COMMENT ON FUNCTION topo.upstream(text, integer, text[], tstzrange, text[], jsonb, integer, text, integer, text, text, boolean, interval, text[]) IS
'who calls a node, who calls those, and so on, without the node itself. The arguments are those of traverse()';

CREATE FUNCTION topo.downstream(
	name        text,
	max_depth   integer DEFAULT NULL,
	graphs      text[] DEFAULT NULL,
	during      tstzrange DEFAULT NULL,
	edge_types  text[] DEFAULT NULL,
	node_filter jsonb DEFAULT NULL,
	edge_limit  integer DEFAULT NULL,
	edge_order  text DEFAULT 'busiest',
	max_nodes   integer DEFAULT NULL,
	after       text DEFAULT NULL,
	level       text DEFAULT NULL,
	through_external boolean DEFAULT false,
	time_limit  interval DEFAULT NULL,
	with_properties text[] DEFAULT NULL)
RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[], properties jsonb)
LANGUAGE sql STABLE PARALLEL SAFE SUPPORT topo.estimate_rows
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- the first page has the node itself, which is no answer
	SELECT t.*
	FROM topo.traverse(ARRAY[$1], 'out', $2, $3, $4, $5, $6, $7, $8,
					   CASE WHEN $10 IS NULL AND $9 BETWEEN 0 AND 2147483646 THEN $9 + 1 ELSE $9 END, $10, $11, $12, $13, with_properties => $14) t
	WHERE t.depth > 0
$$;
COMMENT ON FUNCTION topo.downstream(text, integer, text[], tstzrange, text[], jsonb, integer, text, integer, text, text, boolean, interval, text[]) IS
'what a node calls, what those call, and so on, without the node itself. The arguments are those of traverse()';

CREATE FUNCTION topo.blast_radius(
	name        text,
	graphs      text[] DEFAULT NULL,
	during      tstzrange DEFAULT NULL,
	edge_types  text[] DEFAULT NULL,
	node_filter jsonb DEFAULT NULL,
	level       text DEFAULT NULL,
	through_external boolean DEFAULT false,
	time_limit  interval DEFAULT NULL,
	with_properties text[] DEFAULT NULL)
RETURNS TABLE (node text, node_type text, depth integer, parent text, graphs text[], properties jsonb)
LANGUAGE sql STABLE PARALLEL SAFE SUPPORT topo.estimate_rows
SET search_path = pg_catalog, topo, pg_temp
AS $$
	SELECT t.* FROM topo.traverse(ARRAY[$1], 'in', NULL, $2, $3, $4, $5, level => $6, through_external => $7, time_limit => $8, with_properties => $9) t
	WHERE t.depth > 0
$$;
COMMENT ON FUNCTION topo.blast_radius(text, text[], tstzrange, text[], jsonb, text, boolean, interval, text[]) IS
'what is hit when a node fails: everything upstream of it, transitively, without the node itself. The arguments are those of traverse()';
