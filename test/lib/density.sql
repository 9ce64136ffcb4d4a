-- For a map that one hub is the whole of: how many it calls changes.  What is to be in its
-- windows is kept beside, and compared by brute force.
SET client_min_messages = warning;
SELECT topo.create_graph('map');
INSERT INTO topo.node (type, name) SELECT 'app', 'hub' UNION ALL SELECT 'app', 'n' || i FROM generate_series(1, 100000) i;
CREATE TABLE target AS SELECT n.id, n.name, substr(n.name, 2)::integer AS i FROM topo.node n WHERE n.type = 'app' AND n.name ~ '^n[0-9]+$';
CREATE UNIQUE INDEX ON target (i);
ANALYZE target;
CREATE TABLE raw (minute timestamptz, i integer, requests bigint);

-- The hub calls so many in a minute, and in those that follow.
CREATE FUNCTION called(edges integer, begin timestamptz, minutes integer DEFAULT 1) RETURNS void LANGUAGE plpgsql SET timezone = 'UTC' AS $$
DECLARE
	hub CONSTANT bigint := topo.node_id('hub');
	later CONSTANT interval := make_interval(mins => minutes - 1);
BEGIN
	PERFORM topo.ensure_partitions('map', '1 minute', tstzrange(begin, begin + later, '[]'));
	WITH r AS (
		INSERT INTO raw SELECT m, t.i, 1 + (t.i + extract(epoch FROM m)::bigint / 60) % 7
		FROM generate_series(begin, begin + later, '1 minute') m, target t WHERE t.i <= edges RETURNING *)
	INSERT INTO topo_map.edge_window (bucket, src, dst, first_seen, last_seen, traffic)
	SELECT r.minute, hub, t.id, r.minute, r.minute, topo.traffic(requests => r.requests) FROM r JOIN target t USING (i);
	PERFORM topo.windows_changed('map', ARRAY(SELECT generate_series(begin, begin + later, '1 minute')));
END
$$;

-- How many edges have a range, which must be of whole windows, and how many of them are otherwise than they were called.
CREATE FUNCTION compared(during tstzrange, OUT edges bigint, OUT otherwise bigint) LANGUAGE sql STABLE AS $$
	SELECT count(*), count(*) FILTER (WHERE (e.source, e.requests) IS DISTINCT FROM ('hub', r.requests))
	FROM (SELECT 'n' || r.i AS target, sum(r.requests)::bigint AS requests FROM raw r WHERE r.minute <@ during GROUP BY r.i) r
		 FULL JOIN topo.edges(during, '{map}') e USING (target)
$$;

-- Records of single minutes of some hours, late by up to all of them, each in a transaction of its own.
CREATE PROCEDURE call_at_random(of integer, times integer, hours integer) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN 1..times LOOP
		PERFORM called(1 + n % 4, date_trunc('minute', topo.clock()) - make_interval(mins => 1 + abs(hashint8(of * 10000 + n)) % (60 * hours)));
		COMMIT;
	END LOOP;
END
$$;

-- Have it look dense, or thin, in turns.
CREATE PROCEDURE change_density(times integer) LANGUAGE plpgsql AS $$
BEGIN
	FOR n IN 1..times LOOP
		DELETE FROM topo_map.merged_minute;
		INSERT INTO topo_map.merged_minute SELECT date_trunc('minute', topo.clock()) - interval '30 minutes', 100000000 WHERE n % 2 = 1;
		COMMIT;
		-- until the keeper has seen it
		WHILE EXISTS (SELECT FROM topo.grain g WHERE g.graph = 'map' AND g.aside AND g.active) <> (n % 2 = 1) LOOP
			PERFORM pg_sleep(0.005);
			COMMIT;
		END LOOP;
	END LOOP;
END
$$;
