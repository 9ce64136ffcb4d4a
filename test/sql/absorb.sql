-- Hops through the intermediaries of one window, joined: who is behind whom, how surely, and that nothing is lost.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\i :start
-- Nodes are given as names; an upper-case one is an intermediary whose host reports, one with an asterisk an intermediary
-- whose host does not; 'app/x' is node x of that app.  A hop is 'from to:port bytes connections'.
CREATE TEMP TABLE name (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100), name text PRIMARY KEY);
CREATE FUNCTION pg_temp.id(name text) RETURNS bigint LANGUAGE sql AS $$
	INSERT INTO name (name) VALUES (id.name) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id
$$;
CREATE FUNCTION pg_temp.absorb(hops text[], backends text[] DEFAULT '{}', most bigint DEFAULT 1000, memory bigint DEFAULT NULL)
RETURNS TABLE (src text, dst text, via text, confidence real, app_confidence real, connections bigint, bytes bigint)
LANGUAGE plpgsql AS $$
DECLARE
	nodes topo.absorb_node[];
	edges topo.absorb_hop[];
BEGIN
	PERFORM pg_temp.id(n), pg_temp.id(split_part(n, '/', 1)) FROM unnest(hops) h, regexp_split_to_table(h, ' ') WITH ORDINALITY p (part, i), split_part(part, ':', 1) n WHERE i <= 2;
	PERFORM pg_temp.id(n) FROM unnest(backends) b, regexp_split_to_table(regexp_replace(b, ':\d+ ', ' '), ' ') n;
	SELECT array_agg((n.id, a.id, n.name ~ '^([A-Z]|\*)', n.name ~ '^[A-Z]')::topo.absorb_node ORDER BY n.name COLLATE "C")
	INTO nodes FROM name n JOIN name a ON a.name = split_part(n.name, '/', 1);
	SELECT array_agg((s.id, d.id, nullif(split_part(p[2], ':', 2), '')::integer, NULL, 1, '2020-11-20', '2020-11-21',
					  topo.traffic(connections => p[4]::bigint, bytes_sent => p[3]::bigint))::topo.absorb_hop ORDER BY s.name COLLATE "C", d.name COLLATE "C", p[2])
	INTO edges FROM unnest(hops) h, regexp_split_to_array(h, ' ') p, name s, name d WHERE s.name = p[1] AND d.name = split_part(p[2], ':', 1);
	RETURN QUERY
	SELECT (SELECT n.name FROM name n WHERE n.id = a.src), (SELECT n.name FROM name n WHERE n.id = a.dst),
		   (SELECT string_agg(n.name, ' ' ORDER BY i) FROM unnest(a.via) WITH ORDINALITY v (id, i) JOIN name n USING (id)),
		   a.confidence, a.app_confidence, topo.connections(a.traffic), topo.bytes_sent(a.traffic)
	FROM topo.absorb_hops(nodes, edges,
		ARRAY(SELECT ((SELECT id FROM name WHERE name = split_part(split_part(b, ' ', 1), ':', 1)), nullif(split_part(split_part(b, ' ', 1), ':', 2), '')::integer,
					  (SELECT id FROM name WHERE name = split_part(b, ' ', 2)), (SELECT id FROM name WHERE name = split_part(split_part(b, ' ', 2), '/', 1)))::topo.absorb_backend FROM unnest(backends) b), most, memory) a
	ORDER BY 1, 2, 3;
END
$$;
\set ECHO all
-- One caller, two callees: they share as the traffic does; nearly certain, since an intermediary may call for itself.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,LB x:8080 300 3,LB y:8080 900 9}');
-- Two callers, one callee.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:80 1 1,LB x:8080 1002 11}');
-- Two callers, two callees: nobody knows, and each is believed by its share and the calls made.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:80 100 1,LB x:8080 300 3,LB y:8080 900 9}');
-- Two nodes of one app are one callee of apps, two of nodes.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:80 100 1,LB x/1:8080 300 3,LB x/2:8080 900 9}');
-- Two listeners with declared backends are two things.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:81 100 1,LB x:8080 300 3,LB y:8080 900 9}', '{LB:80 x,LB:81 y}');
-- What no listener was declared is behind the one of which nothing is.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:81 100 1,LB x:8080 300 3,LB y:8080 900 9}', '{LB:80 x}');
-- Where its host does not report there may be others; what is declared is certain all the same.
SELECT * FROM pg_temp.absorb('{a *lb:80 1000 10,*lb x:8080 300 3}');
SELECT * FROM pg_temp.absorb('{a *lb:80 1000 10,*lb x:8080 300 3}', '{*lb x}');
-- A chain is named in its order.
SELECT * FROM pg_temp.absorb('{a EDGE:443 1000 10,EDGE MESH:80 1000 10,MESH x:8080 600 6,MESH y:8080 400 4}');
SELECT * FROM pg_temp.absorb('{a EDGE:443 1000 10,EDGE MESH:80 1000 10,MESH x/1:8080 600 6,MESH x/2:8080 400 4}', '{EDGE MESH,MESH x}');
SELECT * FROM pg_temp.absorb('{a EDGE:443 1000 10,EDGE MESH:80 1000 10,MESH x/1:8080 600 6}', '{EDGE MESH,MESH x/1}');
-- A loop: what comes back goes round again, until it is out.
SELECT * FROM pg_temp.absorb('{a P:1 1000 10,P Q:1 2000 20,Q P:1 1000 10,Q x:1 1000 10}');
SELECT * FROM pg_temp.absorb('{a P:1 1000 10,P P:1 500 5,P x:1 500 5}');
-- A loop that nothing leaves stays what it is.
SELECT * FROM pg_temp.absorb('{a P:1 1000 10,P Q:1 2000 20,Q P:1 1000 10}');
-- Nothing goes out: the intermediary is the callee.  Nothing comes in: it is the caller, also through the next one.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10}');
SELECT * FROM pg_temp.absorb('{LB x:80 1000 10}');
SELECT * FROM pg_temp.absorb('{LB Q:80 1000 10,Q x:80 1000 10}');
-- What failed has no real destination; a backend that was connected to and never used stays a hop of the intermediary.
SELECT * FROM pg_temp.absorb('{a LB:80 0 0,b LB:80 10 1,LB x:80 10 1,LB y:80 0 0,LB z:80 0 5}');
-- Without bytes, connections divide.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:80 7 3,LB x:80 0 1,LB y:80 0 2}');
-- Callers times callees over the bound stay hops.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:80 100 1,LB x:8080 300 3,LB y:8080 900 9}', most => 3);
-- So do those for which there is no memory left.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,LB x:8080 300 3,LB y:8080 900 9}', memory => 0);
-- Listeners of which nothing is declared have one group; those that have their own do not.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,b LB:81 100 1,c LB:82 10 1,d LB:83 10 1,LB x:8080 300 3,LB y:8080 900 9}', '{LB:82 y}');
-- A caller that is its own callee.
SELECT * FROM pg_temp.absorb('{a LB:80 1000 10,LB a:8080 1000 10}');
-- Totals are conserved, whatever the hops: random ones of nine intermediaries and twelve others, with loops.
SELECT setseed(0.4);
CREATE TEMP TABLE drawn AS
	SELECT round, format('%s %s:%s %s %s', CASE WHEN random() < 0.5 THEN chr(65 + floor(random() * 9)::int) ELSE 'c' || floor(random() * 6) END,
						 CASE WHEN random() < 0.5 THEN chr(65 + floor(random() * 9)::int) ELSE 's' || floor(random() * 6) END,
						 80 + floor(random() * 2), floor(random() ^ 3 * 1000), 1 + floor(random() * 5)) AS hop
	FROM generate_series(1, 50) round, generate_series(1, 40);
WITH fate AS (
	SELECT d.round, h.bytes, h.connections, a.bytes AS bytes_after, a.connections AS connections_after
	FROM (SELECT round, array_agg(hop) AS hops FROM drawn GROUP BY round) d
			 CROSS JOIN LATERAL (SELECT sum(split_part(x, ' ', 3)::bigint) AS bytes, sum(split_part(x, ' ', 4)::bigint) AS connections FROM unnest(d.hops) x WHERE x ~ '^c') h
		 CROSS JOIN LATERAL (SELECT sum(e.bytes) AS bytes, sum(e.connections) AS connections FROM pg_temp.absorb(d.hops) e WHERE e.src ~ '^c') a
)
SELECT count(*) AS rounds, count(*) FILTER (WHERE bytes <> bytes_after) AS lost_bytes, count(*) FILTER (WHERE connections <> connections_after) AS lost_connections FROM fate;
-- Also where memory runs out on the way.
SELECT count(*) AS rounds, count(*) FILTER (WHERE d.connections <> a.connections) AS lost, count(DISTINCT a.edges) > 3 AS otherwise
FROM (SELECT round, array_agg(hop) AS hops, sum(split_part(hop, ' ', 4)::bigint) FILTER (WHERE hop ~ '^c') AS connections FROM drawn WHERE round < 4 GROUP BY round) d
	 CROSS JOIN generate_series(0, 40, 8) kilobytes
	 CROSS JOIN LATERAL (SELECT sum(e.connections) FILTER (WHERE e.src ~ '^c') AS connections, count(*) AS edges FROM pg_temp.absorb(d.hops, memory => kilobytes * 1024) e) a;
-- What hangs together, by pairs.
SELECT array_agg(p.nodes[i] ORDER BY p.nodes[i]) AS together
FROM (SELECT topo.linked(a, b) AS nodes FROM (VALUES (1, 2), (3, 4), (5, 5), (4, 6), (7, 8), (8, 2), (NULL, 9)) v (a, b)) p CROSS JOIN LATERAL generate_series(1, cardinality(p.nodes), 2) i
GROUP BY p.nodes[i + 1] ORDER BY 1;
SELECT topo.linked(a, a) FROM generate_series(1, 0) a;
-- Parts of a traffic add up to it.
SELECT topo.portion(t, 0, 3, 10), topo.portion(t, 3, 3, 10), topo.portion(t, 3, 10, 10), topo.portion(t, 0, 3, 10) OPERATOR(topo.+) topo.portion(t, 3, 10, 10) OPERATOR(topo.=) t AS whole
FROM topo.traffic(connections => 7, bytes_sent => 9223372036854775807) t;
ROLLBACK;
