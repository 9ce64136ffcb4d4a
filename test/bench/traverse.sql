--
-- traverse() and reachable_count() against WITH RECURSIVE, in one run, on the
-- graph of service_map.sql.  Run by traverse.sh.
--
-- Each figure is the median over all start nodes and rounds; the contenders
-- take turns within a round, so that whatever else the machine does hits all of
-- them.  All run as statements of a PL/pgSQL function, whose plans are kept:
-- none pays for planning.  A traversal that yields nodes is held against a
-- recursive query that yields the same (label, type, least depth), one that
-- counts against one that counts.  Without a limit of depth the recursive query
-- carries no depth, as it would not end in a cycle: it does less than traverse().
--
SET search_path = pg_catalog;
SET jit = off; -- as traverse() does for itself

CREATE FUNCTION pg_temp.run_once(contender text, start text, k integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
	first bigint;
BEGIN
	CASE contender
		WHEN 'traverse' THEN
			SELECT count(*) INTO rows
			FROM topo.traverse(ARRAY[start], max_depth => k, graphs => ARRAY['bench']);
		WHEN 'reachable_count' THEN
			rows := 1 + topo.reachable_count(ARRAY[start], max_depth => k, graphs => ARRAY['bench']);
		WHEN 'recursive' THEN
			SELECT n.id INTO first FROM topo.node n WHERE n.type = 'app' AND n.name = start;
			IF k IS NULL THEN
				WITH RECURSIVE r (node) AS (
					SELECT first
					UNION
					SELECT l.dst FROM r JOIN topo_bench.link l ON l.level = 'a' AND l.src = r.node
				)
				SELECT count(*) INTO rows
				FROM (SELECT n.name, n.type FROM r JOIN topo.node n ON n.id = r.node OFFSET 0) q;
			ELSE
				WITH RECURSIVE r (node, depth) AS (
					SELECT first, 0
					UNION
					SELECT l.dst, r.depth + 1
					FROM r JOIN topo_bench.link l ON l.level = 'a' AND l.src = r.node
					WHERE r.depth < k
				)
				SELECT count(*) INTO rows
				FROM (SELECT n.name, n.type, d.depth
					  FROM (SELECT node, min(depth) AS depth FROM r GROUP BY node) d
						   JOIN topo.node n ON n.id = d.node OFFSET 0) q;
			END IF;
		WHEN 'recursive count' THEN
			SELECT n.id INTO first FROM topo.node n WHERE n.type = 'app' AND n.name = start;
			IF k IS NULL THEN
				WITH RECURSIVE r (node) AS (
					SELECT first
					UNION
					SELECT l.dst FROM r JOIN topo_bench.link l ON l.level = 'a' AND l.src = r.node
				)
				SELECT count(*) INTO rows FROM r;
			ELSE
				WITH RECURSIVE r (node, depth) AS (
					SELECT first, 0
					UNION
					SELECT l.dst, r.depth + 1
					FROM r JOIN topo_bench.link l ON l.level = 'a' AND l.src = r.node
					WHERE r.depth < k
				)
				SELECT count(DISTINCT node) INTO rows FROM r;
			END IF;
	END CASE;
	RETURN rows;
END
$$;

CREATE TEMPORARY TABLE run (contender text, start text, k integer, round integer, rows bigint, ms double precision);

CREATE FUNCTION pg_temp.run_all(rounds integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	c record;
	rows bigint;
	began timestamptz;
BEGIN
	-- round 0 warms caches and plans, and is not counted
	FOR c IN
		SELECT contender, 'bench-' || lpad(s::text, 4, '0') AS start, k, round
		FROM generate_series(0, rounds) round, unnest(ARRAY[1, 2, 3, 4, NULL]) k,
			 generate_series(400, 7600, 800) s,
			 unnest(ARRAY['traverse', 'recursive', 'reachable_count', 'recursive count']) contender
		ORDER BY round, k, s
	LOOP
		began := clock_timestamp();
		rows := pg_temp.run_once(c.contender, c.start, c.k);
		INSERT INTO run VALUES (c.contender, c.start, c.k, c.round, rows,
								extract(epoch FROM clock_timestamp() - began) * 1000);
	END LOOP;
END
$$;
SELECT pg_temp.run_all(5) \g /dev/null

-- all contenders must agree
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_temp.run GROUP BY start, k HAVING min(rows) <> max(rows)) THEN
		RAISE EXCEPTION 'the contenders do not agree on what is reached';
	END IF;
END
$$;

\echo
\echo 'Median ms of 10 start nodes and 5 rounds; 8,000 nodes, 161,000 edges'
WITH median AS (
	SELECT k, contender, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms,
		   percentile_cont(0.5) WITHIN GROUP (ORDER BY rows) AS nodes
	FROM pg_temp.run WHERE round > 0 GROUP BY k, contender
), pivot AS (
	SELECT k, max(nodes) AS nodes,
		   max(ms) FILTER (WHERE contender = 'traverse') AS traverse,
		   max(ms) FILTER (WHERE contender = 'recursive') AS recursive,
		   max(ms) FILTER (WHERE contender = 'reachable_count') AS reachable_count,
		   max(ms) FILTER (WHERE contender = 'recursive count') AS recursive_count
	FROM median GROUP BY k
)
SELECT coalesce(k::text, 'all') AS k, nodes::bigint,
	   round(traverse::numeric, 3) AS traverse,
	   round(recursive::numeric, 3) AS "WITH RECURSIVE",
	   round((recursive / traverse)::numeric, 2) AS ratio,
	   round(reachable_count::numeric, 3) AS reachable_count,
	   round(recursive_count::numeric, 3) AS "WITH RECURSIVE, count",
	   round((recursive_count / reachable_count)::numeric, 2) AS ratio
FROM pivot ORDER BY pivot.k NULLS LAST;
