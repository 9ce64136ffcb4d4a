-- Ownership beside the rules, applied moment by moment: the same in whatever order and batches reports come, and no more is marked as dirty than has changed.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :flows
\set ECHO all
SELECT topo.create_service_map(), topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');
SELECT count(topo.set_node('app', n)) FROM unnest(ARRAY['a', 'b', 'c', 'd', 'said']) n;

-- A number below "most" for each pair of numbers.
CREATE FUNCTION pg_temp.pick(i integer, salt integer, most integer) RETURNS integer LANGUAGE sql AS $$
	SELECT (('x' || left(md5(i || '/' || salt), 7))::bit(28)::integer % most)
$$;
-- Up to four apps at each of 28 addresses: of some the whole address, of some a port; the last fourteen are the first, in another network.
CREATE TEMP TABLE place AS
	SELECT i AS place, CASE WHEN i < 14 THEN '' ELSE 'vpc' END AS scope, ('10.0.0.' || i % 14)::inet AS address, i % 2 * 80 AS port FROM generate_series(0, 27) i;
-- 15 reports of each: for a quarter of an hour, for five minutes, or every few seconds, in order.
CREATE TEMP TABLE report AS
	SELECT i AS n, p.place, chr(97 + pg_temp.pick(i, 1, 2 + p.place % 3)) AS app, t.since, t.lasts
	FROM generate_series(0, 419) i JOIN place p ON p.place = i % 28
		 CROSS JOIN LATERAL (VALUES (0, pg_temp.pick(i, 2, 1800) / 2.0, pg_temp.pick(i, 3, 4) * pg_temp.pick(i, 4, 60) / 2.0),
									(1, pg_temp.pick(i, 2, 600) / 2.0, pg_temp.pick(i, 3, 4) * pg_temp.pick(i, 4, 60) / 2.0),
									(2, i / 28 * 4 + pg_temp.pick(i, 2, 8) / 2.0, pg_temp.pick(i, 4, 12) / 2.0)) t (way, since, lasts)
	WHERE t.way = p.place / 3 % 3;
CREATE TEMP TABLE told AS
	SELECT r.n, r.place, pg_temp.flow(r.app, host(p.address) || ':' || p.port, '10.9.0.1:' || 80 - p.port, CASE p.port WHEN 0 THEN 'client' ELSE 'server' END, at => r.since, lasts => r.lasts,
									  more => jsonb_build_object('scope', p.scope)) AS line
	FROM report r JOIN place p USING (place);
-- The inventory speaks of some, for some time.
CREATE TEMP TABLE word AS SELECT place, 200 AS since, 500 AS until FROM place WHERE place % 9 = 4;
CREATE FUNCTION pg_temp.clock(seconds numeric) RETURNS timestamptz LANGUAGE sql AS $$ SELECT '2020-11-20 10:00Z'::timestamptz + seconds * interval '1 second' $$;
CREATE FUNCTION pg_temp.say(everything boolean DEFAULT false) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(topo.set_address(p.address, 'said', CASE WHEN everything THEN '(,)' ELSE tstzrange(pg_temp.clock(w.since), pg_temp.clock(w.until)) END, nullif(p.port, 0), p.scope))
	FROM place p LEFT JOIN word w USING (place) WHERE everything OR w.place IS NOT NULL
$$;

--
-- The rules
--
CREATE TEMP TABLE stay (place integer, app text, since numeric, until numeric, last_seen numeric);
DO $$
DECLARE
	r record;
	s stay;
BEGIN
	FOR r IN SELECT place, app, since, floor((since + lasts) / 5) * 5 AS until FROM report ORDER BY place, app, since LOOP
		IF s.place = r.place AND s.app = r.app AND r.since <= s.until + 60 THEN
			s.until := greatest(s.until, r.until);
		ELSE
			INSERT INTO stay SELECT s.* WHERE s.place IS NOT NULL;
			s := (r.place, r.app, r.since, r.until, NULL);
		END IF;
	END LOOP;
	INSERT INTO stay SELECT s.*;
	UPDATE stay SET last_seen = greatest(since, until);
END
$$;
CREATE FUNCTION pg_temp.lease_end(until numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$ SELECT floor(until / 30) * 30 + 60 $$;
-- Who held an address: one, or several with a *.
CREATE FUNCTION pg_temp.by_the_rules(at_place integer, at numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	candidates text[];
	silent_since numeric;
	next_seen numeric;
BEGIN
	IF EXISTS (SELECT FROM word w WHERE w.place = at_place AND at >= w.since AND at < w.until) THEN
		RETURN 'said';
	END IF;
	SELECT array_agg(app) INTO candidates FROM stay s WHERE s.place = at_place AND at >= since - 2 AND at < until + 7;
	IF NOT EXISTS (SELECT FROM stay s WHERE s.place = at_place AND at BETWEEN since AND last_seen) THEN
		SELECT max(last_seen) FILTER (WHERE last_seen < at), min(since) FILTER (WHERE since > at) INTO silent_since, next_seen FROM stay s WHERE s.place = at_place;
		SELECT candidates || array_agg(app) INTO candidates
		FROM stay s
		WHERE s.place = at_place
		  AND (last_seen <= silent_since AND until + 7 > silent_since AND at < pg_temp.lease_end(until)
			   OR since = next_seen AND EXISTS (SELECT FROM stay b WHERE b.place = at_place AND b.last_seen <= silent_since AND b.until + 7 > silent_since
																	 AND pg_temp.lease_end(b.until) > next_seen - 2));
	END IF;
	RETURN (SELECT CASE count(DISTINCT c) WHEN 1 THEN min(c) ELSE string_agg(DISTINCT c || '*', ' ') END FROM unnest(candidates) c);
END
$$;
CREATE TEMP TABLE moment AS
	SELECT p.*, at, pg_temp.clock(at) AS at_time, pg_temp.by_the_rules(p.place, at) AS holder
	FROM place p, generate_series(-9.75, 1080, 2) at;
-- All that the rules tell apart is there.
SELECT count(*) FILTER (WHERE holder IS NULL) > 600 AS nobody, count(*) FILTER (WHERE length(holder) = 1) > 2000 AS one,
	   count(*) FILTER (WHERE length(holder) = 5) > 600 AS two, count(*) FILTER (WHERE length(holder) > 5) > 50 AS more, count(*) FILTER (WHERE holder = 'said') > 300 AS said
FROM moment;

--
-- What is learned
--
CREATE FUNCTION pg_temp.now_held() RETURNS TABLE (place integer, at numeric, holder text) LANGUAGE sql AS $$
	SELECT m.place, m.at, h.holder
	FROM moment m LEFT JOIN LATERAL (
		SELECT string_agg(n.name || CASE WHEN a.ambiguous THEN '*' ELSE '' END, ' ' ORDER BY n.name) AS holder
		FROM topo.address a JOIN topo.node n ON n.id = a.node
		WHERE a.address = m.address AND a.scope = m.scope AND a.port IS NOT DISTINCT FROM nullif(m.port, 0) AND a.valid @> m.at_time) h ON true
$$;
CREATE TEMP TABLE learned (way text, scope text, address inet, port integer, node bigint, valid tstzrange, ambiguous boolean);
-- Moments that are otherwise than by the rules.
CREATE FUNCTION pg_temp.otherwise(way text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO learned SELECT way, a.scope, a.address, a.port, a.node, a.valid, a.ambiguous FROM topo.address a;
	RETURN (SELECT count(*) FROM pg_temp.now_held() h JOIN moment m USING (place, at) WHERE h.holder IS DISTINCT FROM m.holder);
END
$$;
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE sql AS $$
	TRUNCATE topo.address, topo.reporter, topo_network.flow_window, topo_network.dirty_window, topo_network.dirty_address
$$;
-- What would be otherwise if all were concluded anew.
CREATE FUNCTION pg_temp.missed() RETURNS integer LANGUAGE sql AS $$
	SELECT coalesce(cardinality(topo.verdicts(ARRAY(SELECT (scope, address, port, '{(,)}')::topo.address_case FROM place))), 0)
$$;
SELECT pg_temp.take(VARIADIC array_agg(line ORDER BY n)) = count(*) AS taken, pg_temp.say() FROM told;
SELECT pg_temp.otherwise('at once');
SELECT pg_temp.forget(), pg_temp.say();
SELECT sum(pg_temp.take(line)) = count(*) AS taken, sum(pg_temp.missed()) AS missed FROM (SELECT line FROM told ORDER BY n) r;
SELECT pg_temp.otherwise('one by one');
SELECT pg_temp.forget();
SELECT sum(pg_temp.take(line) + CASE n WHEN 200 THEN pg_temp.say() ELSE 0 END) > count(*) AS taken, sum(pg_temp.missed()) AS missed FROM (SELECT n, line FROM told ORDER BY md5(line)) r;
SELECT pg_temp.otherwise('shuffled');
SELECT pg_temp.forget();
SELECT sum(pg_temp.take(VARIADIC lines)) AS taken FROM (SELECT array_agg(line) AS lines FROM told GROUP BY n / 28 ORDER BY n / 28 DESC) r;
SELECT pg_temp.say();
SELECT pg_temp.otherwise('backwards, in batches');
SELECT pg_temp.forget(), pg_temp.say(true);
SELECT sum(pg_temp.take(VARIADIC lines)) AS taken FROM (SELECT array_agg(line) AS lines FROM told GROUP BY hashint4(n) % 31) r;
SELECT count(DISTINCT holder) AS holders FROM pg_temp.now_held();
UPDATE topo.address a SET valid = tstzrange(pg_temp.clock(w.since), pg_temp.clock(w.until))
FROM word w JOIN place p USING (place) WHERE a.address = p.address AND a.scope = p.scope;
DELETE FROM topo.address a USING place p WHERE a.address = p.address AND a.scope = p.scope AND a.source = 'inventory' AND p.place NOT IN (SELECT place FROM word);
SELECT pg_temp.otherwise('unsaid');
-- All to the same rows.
SELECT way, count(*) > 200 AS many FROM learned GROUP BY 1 ORDER BY 1;
SELECT count(*) AS otherwise_learned FROM (SELECT scope, address, port, node, valid, ambiguous FROM learned GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) <> 5) l;

--
-- What is marked as dirty: where the holder has changed, who of several is the same; and nothing else.
--
CREATE TEMP TABLE change (step integer, changed bigint, dirty bigint, only_changed bigint, only_dirty bigint);
CREATE TEMP TABLE state AS SELECT -1 AS step, place, at, NULL::text AS holder FROM moment;
CREATE FUNCTION pg_temp.compare(step integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO state SELECT compare.step, h.* FROM pg_temp.now_held() h;
	INSERT INTO change
	SELECT compare.step, count(*) FILTER (WHERE c.changed), count(*) FILTER (WHERE c.dirty), count(*) FILTER (WHERE c.changed AND NOT c.dirty), count(*) FILTER (WHERE c.dirty AND NOT c.changed)
	FROM (SELECT regexp_replace(h.holder, '.*\*', '*') IS DISTINCT FROM regexp_replace(s.holder, '.*\*', '*') AS changed,
				 coalesce(d.valid @> m.at_time, false) AS dirty
		  FROM moment m JOIN state h USING (place, at) JOIN state s USING (place, at)
			   LEFT JOIN (SELECT scope, address, range_agg(valid) AS valid FROM topo_network.dirty_address GROUP BY 1, 2) d USING (scope, address)
		  WHERE h.step = compare.step AND s.step = compare.step - 1) c;
	DELETE FROM topo_network.dirty_address;
END
$$;
SELECT pg_temp.forget();
-- Whose reports these are is known.
INSERT INTO topo.reporter SELECT DISTINCT scope, address, '(,)'::tstzrange FROM place;
SELECT count(pg_temp.take(VARIADIC lines)) AS batches, count(pg_temp.compare(step)) FROM (SELECT n % 11 AS step, array_agg(line) AS lines FROM told GROUP BY 1 ORDER BY 1) r;
SELECT sum(changed) > 5000 AS changed, sum(only_changed) AS only_changed, sum(only_dirty) AS only_dirty, min(changed) > 50 AS each_changed FROM change;
ROLLBACK;
