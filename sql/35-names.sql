--
-- Nodes by name, many at once: what a batch of records names.
--

CREATE TYPE topo.node_name AS (type text, name text, parent integer);
COMMENT ON TYPE topo.node_name IS 'a node as a batch names it; parent is the position in the array, from 1, of the node it is part of, which has no parent itself';

CREATE FUNCTION topo.make_missing_nodes(names topo.node_name[]) RETURNS void
LANGUAGE sql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
	-- in order, so that two batches cannot wait for each other
	INSERT INTO topo.node (type, name)
	SELECT DISTINCT n.type, n.name FROM unnest(names) n
	WHERE n.parent IS NULL AND NOT EXISTS (SELECT FROM topo.node o WHERE o.type = n.type AND o.name = n.name)
	ORDER BY 1, 2
	ON CONFLICT DO NOTHING;

	INSERT INTO topo.node AS n (type, name, parent)
	SELECT DISTINCT ON (c.type, c.name) c.type, c.name, p.id
	FROM unnest(names) c JOIN topo.node p ON p.type = (names[c.parent]).type AND p.name = (names[c.parent]).name
	WHERE NOT EXISTS (SELECT FROM topo.node o WHERE o.type = c.type AND o.name = c.name AND o.parent IS NOT NULL)
	ORDER BY c.type, c.name, p.name
	ON CONFLICT (type, name) DO UPDATE SET parent = excluded.parent WHERE n.parent IS NULL;
$$;
COMMENT ON FUNCTION topo.make_missing_nodes(topo.node_name[]) IS 'make the nodes that there are not, and give a parent to those that have none';

CREATE FUNCTION topo.make_nodes(names topo.node_name[]) RETURNS bigint[]
LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SET search_path = pg_catalog, topo, pg_temp
AS $$
DECLARE
	ids bigint[];
BEGIN
	PERFORM topo.make_missing_nodes(names);
	-- a part of something else that has the same name is not meant
	SELECT array_agg(CASE WHEN n.parent IS NULL OR o.parent = p.id THEN o.id
						  WHEN n.type = 'endpoint' THEN 0
						  ELSE p.id END ORDER BY n.position)
	INTO ids
	FROM unnest(names) WITH ORDINALITY n (type, name, parent, position)
		 LEFT JOIN topo.node o ON o.type = n.type AND o.name = n.name
		 LEFT JOIN topo.node p ON p.type = (names[n.parent]).type AND p.name = (names[n.parent]).name;
	IF array_position(ids, NULL) IS NOT NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
			MESSAGE = 'could not see nodes that another transaction has made meanwhile',
			HINT = 'Run the transaction again.';
	END IF;
	RETURN ids;
END
$$;
COMMENT ON FUNCTION topo.make_nodes(topo.node_name[]) IS
'ids of the nodes of these names, made where they are missing; a cluster of another app''s has the id of its app, an endpoint of another app''s 0';
