--
-- A graph of the size of a large service map: 8,000 apps and 161,000 edges in
-- the graph "bench".  Always the same, whatever the server: nothing random is
-- asked of it.
--
-- Both ends of an edge are drawn from 8,000 by a power: a caller's number is
-- 8000 u^2, a callee's 8000 u^3, so that a few apps are called by many and most
-- by few.  u is a hash of the number of the draw.
--
SET search_path = pg_catalog;

SELECT topo.create_graph('bench');

INSERT INTO topo.node (type, name)
SELECT 'app', 'bench-' || lpad(n::text, 4, '0') FROM generate_series(0, 7999) n;

WITH draw AS (
	SELECT DISTINCT
		   floor(8000 * power((hashint8extended(n, 1) & 1073741823) / 1073741824.0::float8, 2))::integer AS src,
		   floor(8000 * power((hashint8extended(n, 2) & 1073741823) / 1073741824.0::float8, 3))::integer AS dst
	FROM generate_series(1::bigint, 200000) n
), numbered AS (
	SELECT src, dst, row_number() OVER (ORDER BY hashint8extended(src * 8000::bigint + dst, 3), src, dst) AS n
	FROM draw WHERE src <> dst
)
INSERT INTO topo_bench.link (level, src, dst)
SELECT 'a', s.id, d.id
FROM numbered e
	 JOIN topo.node s ON s.type = 'app' AND s.name = 'bench-' || lpad(e.src::text, 4, '0')
	 JOIN topo.node d ON d.type = 'app' AND d.name = 'bench-' || lpad(e.dst::text, 4, '0')
WHERE e.n <= 161000;

VACUUM ANALYZE topo.node;
VACUUM ANALYZE topo_bench.link;
