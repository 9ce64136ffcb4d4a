-- Ownership: who held which address when, as reports tell it.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :refusal
\i :flows
\set ECHO all
SELECT topo.create_service_map(), topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');
CREATE FUNCTION pg_temp.owners() RETURNS TABLE (scope text, address inet, port integer, node text, clear tstzmultirange, ambiguous tstzmultirange) LANGUAGE sql AS $$
	SELECT a.scope, a.address, a.port, topo.node_label(n.type, n.name), range_agg(a.valid) FILTER (WHERE NOT a.ambiguous), range_agg(a.valid) FILTER (WHERE a.ambiguous)
	FROM topo.address a JOIN topo.node n ON n.id = a.node
	GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
$$;
CREATE FUNCTION pg_temp.forget() RETURNS void LANGUAGE sql AS $$ TRUNCATE topo.address, topo.reporter $$;

-- A report vouches from a little before it to a lease after it: a client for its address, a server for its port.
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80'), pg_temp.flow('b/b-1', '10.0.0.2:80', '10.0.0.9:1', 'server'), pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', more => '{"scope": "vpc-1"}'));
SELECT * FROM pg_temp.owners();
-- Who does not say which end he is, or who, claims nothing; but his address reports for itself.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', NULL), pg_temp.flow(NULL, '10.0.0.2:1', '10.0.0.9:80'), pg_temp.flow('a', '10.0.0.3:0', '10.0.0.9:0', 'server'),
					pg_temp.flow(NULL, '10.0.0.4:1', '10.0.0.9:80', more => '{"nat": {"local_ip": "192.0.2.4"}}'));
SELECT * FROM pg_temp.owners();
SELECT address, valid FROM topo.reporter ORDER BY 1;

-- The same owner extends his range; too long a silence begins a new one; what comes late bridges it.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 0));
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 50));
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 300));
SELECT clear FROM pg_temp.owners();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 95, lasts => 160));
SELECT clear FROM pg_temp.owners();
SELECT count(*) AS ranges FROM topo.address;
SELECT valid FROM topo.reporter ORDER BY valid;
-- One batch bridges no more than many do.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 600), pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 0), pg_temp.flow('b', '10.0.0.1:1', '10.0.0.9:80', at => 300));
SELECT node, clear, ambiguous FROM pg_temp.owners();
SELECT valid FROM topo.reporter ORDER BY valid;

-- What comes in pieces is one range with what it touches, at whichever piece.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 92));
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 35), pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', at => 600));
SELECT valid FROM topo.address ORDER BY valid;

-- Claims of two for one time make that time ambiguous, and no other; a third's too.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', lasts => 300));
SELECT pg_temp.take(pg_temp.flow('b', '10.0.0.1:1', '10.0.0.9:80', at => 100, lasts => 10));
SELECT node, clear, ambiguous FROM pg_temp.owners();
SELECT pg_temp.take(pg_temp.flow('c', '10.0.0.1:1', '10.0.0.9:80', at => 150, lasts => 60));
SELECT node, clear, ambiguous FROM pg_temp.owners();
-- Nobody is believed for it.
SELECT at, o.node IS NULL AS nobody, o.ambiguous, o.confidence FROM unnest(ARRAY['10:00:00', '10:02:00', '10:05:00']) at, topo.owner('', '10.0.0.1', 80, ('2020-11-20 ' || at || 'Z')::timestamptz) o;
-- Claims of ports, of the whole address, and in another network, are not at odds.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80'), pg_temp.flow('b', '10.0.0.1:80', '10.0.0.9:1', 'server'), pg_temp.flow('c', '10.0.0.1:81', '10.0.0.9:1', 'server'), pg_temp.flow('d', '10.0.0.1:1', '10.0.0.9:80', more => '{"scope": "vpc-1"}'));
SELECT scope, port, node, ambiguous FROM pg_temp.owners();
-- An app and its cluster, or two clusters of an app, are two.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a/a-1', '10.0.0.1:1', '10.0.0.9:80'), pg_temp.flow('a/a-2', '10.0.0.1:1', '10.0.0.9:80'));
SELECT node, clear, ambiguous FROM pg_temp.owners();

-- Whatever the order and the batches, the same is learned.
CREATE FUNCTION pg_temp.claims() RETURNS TABLE (n integer, line text) LANGUAGE sql AS $$
	SELECT i, pg_temp.flow(chr(97 + abs(hashint4(i * 7)) % 3), format('10.0.0.%s:80', abs(hashint4(i * 11)) % 3), '10.0.0.9:1', CASE abs(hashint4(i * 5)) % 2 WHEN 0 THEN 'server' ELSE 'client' END,
						   at => abs(hashint4(i * 13)) % 900, lasts => abs(hashint4(i * 17)) % 40)
	FROM generate_series(1, 120) i
$$;
CREATE TEMP TABLE learned (way text, scope text, address inet, port integer, node text, clear tstzmultirange, ambiguous tstzmultirange, reported tstzmultirange);
CREATE FUNCTION pg_temp.note(way text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO learned SELECT way, o.*, (SELECT range_agg(r.valid) FROM topo.reporter r WHERE r.address = o.address) FROM pg_temp.owners() o;
	PERFORM pg_temp.forget();
END
$$;
SELECT pg_temp.forget();
SELECT pg_temp.take(VARIADIC array_agg(line ORDER BY n)) FROM pg_temp.claims();
SELECT pg_temp.note('at once');
SELECT count(pg_temp.take(line)) FROM (SELECT line FROM pg_temp.claims() ORDER BY n) c;
SELECT pg_temp.note('one by one');
SELECT count(pg_temp.take(line)) FROM (SELECT line FROM pg_temp.claims() ORDER BY n DESC) c;
SELECT pg_temp.note('backwards');
SELECT count(pg_temp.take(VARIADIC lines)) FROM (SELECT array_agg(line) AS lines FROM pg_temp.claims() GROUP BY hashint4(n) % 7) c;
SELECT pg_temp.note('in shuffled batches');
SELECT way, count(*) > 10 AS some, count(clear) > 10 AS clear, count(ambiguous) > 10 AS ambiguous FROM learned GROUP BY 1 ORDER BY 1;
SELECT count(*) AS otherwise_learned
FROM (SELECT scope, address, port, node, clear, ambiguous, reported FROM learned GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) <> 4) o;
-- No two clear owners of one address overlap: the table cannot hold them.
SELECT r.state FROM pg_temp.refused($$INSERT INTO topo.address (address, valid, node, source) SELECT '10.0.0.1', '[2020-11-20 10:00Z,2020-11-20 11:00Z)', n.id, 'ingest' FROM topo.node n WHERE n.name IN ('a', 'b')$$) r;

-- What was learned is forgotten with the flows that it explains; the inventory is not.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80'), pg_temp.flow('a', '10.0.0.2:1', '10.0.0.9:80', at => floor(extract(epoch FROM now() - '2020-11-20 10:00Z'))));
SELECT topo.set_address('10.0.0.3', 'a', '[2020-11-20 10:00Z,2020-11-20 11:00Z)');
SELECT topo.forget_owners();
SELECT address FROM pg_temp.owners();
SELECT topo.set_graph('network', '{"retention": {"10 seconds": "1 day"}}');
SELECT topo.forget_owners();
SELECT address FROM pg_temp.owners();
SELECT address FROM topo.reporter;
-- But not before the partition of those flows goes, which is an hour later at most.
UPDATE topo.address SET valid = tstzrange(now() - interval '26 hours', now() - interval '24 hours 30 minutes') WHERE address = '10.0.0.2';
SELECT topo.forget_owners();
SELECT address FROM pg_temp.owners();
ROLLBACK;
