--
-- Pictures of the map, as text that other programs draw.
--

CREATE FUNCTION topo.mermaid(start text DEFAULT NULL, direction text DEFAULT 'both', max_depth integer DEFAULT NULL,
							 during tstzrange DEFAULT NULL, graphs text[] DEFAULT NULL, level text DEFAULT 'app')
RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED CALLED ON NULL INPUT
SET search_path = pg_catalog, topo, pg_temp
AS 'MODULE_PATHNAME', 'topology_mermaid';
COMMENT ON FUNCTION topo.mermaid(text, text, integer, tstzrange, text[], text) IS
'the map, or what is reached from a start in a direction (out, in, both), as a Mermaid flowchart; at most 2000 edges.
Edges show requests and errors, else connections and failed attempts, else bytes; addresses without an owner are dashed, intermediaries hexagons, uncertain edges dotted';

CREATE FUNCTION topo.dot(start text DEFAULT NULL, direction text DEFAULT 'both', max_depth integer DEFAULT NULL,
						 during tstzrange DEFAULT NULL, graphs text[] DEFAULT NULL, level text DEFAULT 'app')
RETURNS text
LANGUAGE c STABLE PARALLEL RESTRICTED CALLED ON NULL INPUT
SET search_path = pg_catalog, topo, pg_temp
AS 'MODULE_PATHNAME', 'topology_dot';
COMMENT ON FUNCTION topo.dot(text, text, integer, tstzrange, text[], text) IS
'the map, or what is reached from a start in a direction (out, in, both), in the DOT language: dot -Tsvg draws it; at most 2000 edges.
Edges widen with traffic and show requests and errors, else connections and failed attempts, else bytes; addresses without an owner and uncertain edges are dashed, intermediaries hexagons';
