--
-- traverse() and reachable_count() from a snapshot, beside plain C, WITH RECURSIVE, and
-- the other engines that are there.  Run by rmat.sh, which gives plain and kuzu (what
-- plain_bfs and kuzu_reach.py printed), starts and rounds.
--
SET search_path = pg_catalog;
SET jit = off;
SET work_mem = '256MB';

CREATE TEMPORARY TABLE run (contender text, start integer, k integer, rows bigint, ms double precision);
CREATE TEMPORARY TABLE plain (start integer, k integer, rows bigint, ms double precision);
\set copy '\\copy plain FROM ' :'plain'
:copy
INSERT INTO run SELECT 'plain', start, nullif(k, 0), rows, ms FROM plain;
TRUNCATE plain;
\set copy '\\copy plain FROM ' :'kuzu'
:copy
INSERT INTO run SELECT 'kuzu', start, nullif(k, 0), rows, ms FROM plain;

-- One question.
CREATE FUNCTION pg_temp.ask(contender text, start integer, k integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	label CONSTANT text := 'rmat-' || start;
	first CONSTANT bigint := topo.node_id(label);
	rows bigint;
BEGIN
	CASE contender
		WHEN 'traverse' THEN
			-- who reads no column does not see what names cost
			SELECT count(node) FILTER (WHERE node <> '') INTO rows FROM topo.traverse(ARRAY[label], max_depth => k, graphs => '{rmat}');
		WHEN 'reachable_count' THEN
			rows := 1 + topo.reachable_count(ARRAY[label], max_depth => k, graphs => '{rmat}');
		WHEN 'recursive' THEN
			WITH RECURSIVE r (node, depth) AS (
				SELECT first, 0
				UNION
				SELECT l.dst, r.depth + 1 FROM r JOIN topo_rmat.link l ON l.level = 'a' AND l.src = r.node WHERE r.depth < k
			)
			SELECT count(name) FILTER (WHERE name <> '') INTO rows
			FROM (SELECT n.name, n.type, d.depth
				  FROM (SELECT node, min(depth) AS depth FROM r GROUP BY node) d JOIN topo.node n ON n.id = d.node OFFSET 0) q;
		WHEN 'pgrouting' THEN
			SELECT count(*) INTO rows FROM pgr_drivingDistance(
				'SELECT row_number() OVER () AS id, src AS source, dst AS target, 1.0::float8 AS cost FROM topo_rmat.link', first, k::float8);
	END CASE;
	RETURN rows;
END
$$;

CREATE FUNCTION pg_temp.measure(contender text, start integer, k integer, rounds integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	began timestamptz;
	rows bigint;
BEGIN
	-- the first warms caches and plans, and is not counted
	FOR round IN 0..rounds LOOP
		began := clock_timestamp();
		rows := pg_temp.ask(contender, start, k);
		IF round > 0 THEN
			INSERT INTO run VALUES (contender, start, k, rows, extract(epoch FROM clock_timestamp() - began) * 1000);
		END IF;
	END LOOP;
END
$$;

SELECT pg_temp.measure(c, s, k, :rounds)
FROM unnest(ARRAY['traverse', 'reachable_count']) c, unnest(ARRAY[:starts]) s, unnest(ARRAY[1, 2, 3, 4, NULL]) k \g /dev/null
-- once, after being warmed: deeper ones take minutes
SELECT pg_temp.measure('recursive', s, k, 1) FROM unnest(ARRAY[:starts]) s, unnest(ARRAY[1, 2, 3]) k \g /dev/null
-- it reads all edges each time: one start, one depth
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgrouting') AS has_pgrouting \gset
\if :has_pgrouting
CREATE EXTENSION IF NOT EXISTS pgrouting SCHEMA public CASCADE;
SET search_path = public, pg_catalog;
SELECT pg_temp.measure('pgrouting', (ARRAY[:starts])[1], 3, 1) \g /dev/null
SET search_path = pg_catalog;
\else
\echo 'pgRouting is not installed here, so it is not measured'
\endif

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_temp.run GROUP BY start, k HAVING min(rows) <> max(rows)) THEN
		RAISE EXCEPTION 'the contenders do not agree on what is reached';
	END IF;
	IF EXISTS (SELECT FROM topo.snapshot_status WHERE graph = 'rmat' AND uses = 0) THEN
		RAISE EXCEPTION 'the snapshot was not used';
	END IF;
END
$$;

\echo
SELECT nodes, edges, version, bytes / edges::numeric(10, 0) AS bytes_per_edge, build_ms FROM topo.snapshot_status WHERE graph = 'rmat';
\echo 'Median ms over all starts and rounds (bars: reachable_count of all 1.5 times plain C; traverse k=3 75 times faster than WITH RECURSIVE)'
WITH median AS (
	SELECT k, contender, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS ms,
		   percentile_cont(0.5) WITHIN GROUP (ORDER BY rows) AS nodes
	FROM pg_temp.run GROUP BY k, contender
), pivot AS (
	SELECT k, max(nodes) AS nodes,
		   max(ms) FILTER (WHERE contender = 'plain') AS plain,
		   max(ms) FILTER (WHERE contender = 'reachable_count') AS counted,
		   max(ms) FILTER (WHERE contender = 'traverse') AS traverse,
		   max(ms) FILTER (WHERE contender = 'recursive') AS recursive,
		   max(ms) FILTER (WHERE contender = 'kuzu') AS kuzu,
		   max(ms) FILTER (WHERE contender = 'pgrouting') AS pgrouting
	FROM median GROUP BY k
)
SELECT coalesce(k::text, 'all') AS k, nodes::bigint, round(plain::numeric, 4) AS "plain C",
	   round(counted::numeric, 3) AS reachable_count, round((counted / plain)::numeric, 2) AS "to plain C",
	   round(traverse::numeric, 3) AS traverse, round(recursive::numeric, 2) AS "WITH RECURSIVE",
	   round((recursive / traverse)::numeric, 1) AS ratio, round(kuzu::numeric, 1) AS "Kuzu", round(pgrouting::numeric) AS "pgRouting"
FROM pivot ORDER BY pivot.k NULLS LAST;
