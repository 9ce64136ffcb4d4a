-- For tests that ask the map: opens a transaction, which the test rolls back so
-- that it leaves nothing, and makes what they need to fill the map by hand.
\set ON_ERROR_ROLLBACK on
SET client_min_messages = warning;
SET timezone = 'UTC';
BEGIN;

-- Whatever other tests left is out of sight until then.
DO $$ BEGIN PERFORM topo.drop_graph(name) FROM topo.graph; END $$;

-- Nodes of these labels, made where there are none; returns the last one's id.
CREATE FUNCTION pg_temp.node(VARIADIC labels text[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT max(topo.set_node(k.type, k.name)) FROM unnest(labels) l, topo.node_key(l) k
$$;

-- A cluster of an app.
CREATE FUNCTION pg_temp.cluster(name text, app text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_temp.node(app);
	PERFORM topo.set_node('cluster', name, parent => app);
END
$$;

-- One row of a graph's minute windows, at a fixed time.
CREATE FUNCTION pg_temp.saw(graph text, source text, target text, traffic topo.traffic DEFAULT '{}',
							seen timestamptz DEFAULT '2020-11-20 10:00:30Z', via text[] DEFAULT NULL,
							confidence real DEFAULT 1)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM topo.ensure_partitions(graph, '1 minute', tstzrange(seen, seen, '[]'));
	EXECUTE format('INSERT INTO %I.edge_window (bucket, src, dst, traffic, first_seen, last_seen, via, confidence)
					VALUES (date_trunc(''minute'', $1), $2, $3, $4, $1, $1 + interval ''5 seconds'', $5, $6)',
				   'topo_' || graph)
	USING seen, pg_temp.node(source), pg_temp.node(target), traffic,
		  CASE WHEN via IS NOT NULL THEN ARRAY(SELECT pg_temp.node(v) FROM unnest(via) v) END, confidence;
END
$$;

-- The same, and the edge is live.
CREATE FUNCTION pg_temp.live(graph text, source text, target text, traffic topo.traffic DEFAULT '{}',
							 seen timestamptz DEFAULT '2020-11-20 10:00:30Z', via text[] DEFAULT NULL,
							 confidence real DEFAULT 1)
RETURNS void LANGUAGE sql AS $$
	SELECT pg_temp.saw(graph, source, target, traffic, seen, via, confidence);
	SELECT topo.link_windows(graph, ARRAY[date_trunc('minute', seen)]);
$$;

-- An edge that somebody put into the live map without any traffic.
CREATE FUNCTION pg_temp.linked(graph text, source text, target text, level "char" DEFAULT 'a') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %I.link (level, src, dst) VALUES ($1, $2, $3)', 'topo_' || graph)
	USING level, pg_temp.node(source), pg_temp.node(target);
END
$$;

-- What a query is refused with.
CREATE FUNCTION pg_temp.refusal(query text) RETURNS TABLE (state text, message text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END
$$;
