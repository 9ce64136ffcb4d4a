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
-- An app was at 10.0.0.1 from one second after ten o'clock to another.
CREATE FUNCTION pg_temp.was(app text, since numeric, until numeric) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.flow(app, '10.0.0.1:1', '10.0.0.9:80', at => since, lasts => until - since)
$$;
-- Who held it, in seconds after ten o'clock; a * where it is ambiguous.
CREATE FUNCTION pg_temp.held() RETURNS TABLE (since numeric, until numeric, by text) LANGUAGE sql AS $$
	SELECT round(extract(epoch FROM lower(a.valid) - '2020-11-20 10:00Z'), 1), round(extract(epoch FROM upper(a.valid) - '2020-11-20 10:00Z'), 1),
		   string_agg(n.name || CASE WHEN a.ambiguous THEN '*' ELSE '' END, ' ' ORDER BY n.name)
	FROM topo.address a JOIN topo.node n ON n.id = a.node
	WHERE a.address = '10.0.0.1' GROUP BY a.valid ORDER BY a.valid
$$;

-- A report vouches from a little before it until the end of a lease: a client for its address, a server for its port.
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80'), pg_temp.flow('b/b-1', '10.0.0.2:80', '10.0.0.9:1', 'server'), pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', more => '{"scope": "vpc-1"}'));
SELECT * FROM pg_temp.owners();
-- Who does not say which end he is, or who, claims nothing; but his address reports for itself.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80', NULL), pg_temp.flow(NULL, '10.0.0.2:1', '10.0.0.9:80'), pg_temp.flow('a', '10.0.0.3:0', '10.0.0.9:0', 'server'),
					pg_temp.flow(NULL, '10.0.0.4:1', '10.0.0.9:80', more => '{"nat": {"local_ip": "192.0.2.4"}}'));
SELECT * FROM pg_temp.owners();
SELECT address, valid FROM topo.reporter ORDER BY 1;

--
-- One owner
--
-- He extends his stay; too long a silence begins a new one; what comes late bridges it.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 1)), pg_temp.take(pg_temp.was('a', 59, 60)), pg_temp.take(pg_temp.was('a', 300, 301));
SELECT * FROM pg_temp.held();
SELECT since, until FROM topo.stay ORDER BY since;
SELECT pg_temp.take(pg_temp.was('a', 95, 160));
SELECT * FROM pg_temp.held();
SELECT pg_temp.take(pg_temp.was('a', 200, 245));
SELECT * FROM pg_temp.held();
SELECT since, until FROM topo.stay ORDER BY since;
SELECT valid FROM topo.reporter ORDER BY valid;
-- One batch bridges no more than many do.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 600, 601), pg_temp.was('a', 0, 1));
SELECT * FROM pg_temp.held();
SELECT valid FROM topo.reporter ORDER BY valid;
-- What comes in pieces is one range with what it touches, at whichever piece.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 92, 93));
SELECT pg_temp.take(pg_temp.was('a', 35, 36), pg_temp.was('a', 600, 601));
SELECT * FROM pg_temp.held();

--
-- Several owners
--
-- An address that changes hands is ambiguous from when the one was last seen until the other is first seen.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 100), pg_temp.was('b', 120, 200));
SELECT * FROM pg_temp.held();
-- At once: for the seconds in which nobody can tell.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 104), pg_temp.was('b', 104.5, 200));
SELECT * FROM pg_temp.held();
-- After a silence that is longer than the lease: nobody's for the rest of it.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 100), pg_temp.was('b', 170, 200));
SELECT * FROM pg_temp.held();
-- There and back again, each for longer than a lease.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 100), pg_temp.was('b', 103, 200), pg_temp.was('a', 203, 300));
SELECT * FROM pg_temp.held();
-- Who is back within a minute was never away: who was seen meanwhile is at odds with him.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 100), pg_temp.was('b', 120, 122), pg_temp.was('a', 150, 200));
SELECT * FROM pg_temp.held();
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 1)), pg_temp.take(pg_temp.was('b', 4, 4.5));
SELECT * FROM pg_temp.held();
SELECT pg_temp.take(pg_temp.was('a', 8, 8.5));
SELECT * FROM pg_temp.held();
-- What comes late lands in the middle.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 10), pg_temp.was('a', 400, 410));
SELECT pg_temp.take(pg_temp.was('b', 200, 230));
SELECT * FROM pg_temp.held();
SELECT pg_temp.take(pg_temp.was('a', 60, 180));
SELECT * FROM pg_temp.held();
SELECT pg_temp.take(pg_temp.was('b', 375, 380));
SELECT * FROM pg_temp.held();
-- Connections that stay open when their host is stopped go on to speak for it.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 0, 100), pg_temp.was('b', 103, 110));
SELECT pg_temp.take(pg_temp.was('a', 100, 130), pg_temp.was('b', 110, 200));
SELECT * FROM pg_temp.held();
-- A third is at odds with both; nobody is believed.
SELECT pg_temp.take(pg_temp.was('c', 90, 95), pg_temp.was('c', 125, 150));
SELECT * FROM pg_temp.held();
SELECT at, o.node IS NULL AS nobody, o.ambiguous, o.confidence FROM unnest(ARRAY['10:00:00', '10:02:00', '10:03:00']) at, topo.owner('', '10.0.0.1', 80, ('2020-11-20 ' || at || 'Z')::timestamptz) o;
-- Of a node that was deleted nothing is concluded any more.
DELETE FROM topo.node WHERE name = 'c';
SELECT * FROM pg_temp.held();
SELECT pg_temp.take(pg_temp.was('b', 80, 82));
SELECT * FROM pg_temp.held();
-- And the map follows.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('web', '10.0.0.3:1', '10.0.0.1:80', at => 5), pg_temp.flow('a', '10.0.0.1:80', '10.0.0.9:1', 'server', lasts => 20), pg_temp.flow('c', '10.0.0.1:80', '10.0.0.9:1', 'server', lasts => 20));
SELECT topo.flush();
SELECT source, target, confidence FROM pg_temp.map() WHERE source = 'web';
DELETE FROM topo.node WHERE name = 'c';
SELECT topo.flush();
SELECT source, target, confidence FROM pg_temp.map() WHERE source = 'web';
SELECT count(*) AS stays FROM topo.stay s WHERE NOT EXISTS (SELECT FROM topo.node n WHERE n.id = s.node);
-- Claims of ports, of the whole address, and in another network, are not at odds.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.1:1', '10.0.0.9:80'), pg_temp.flow('b', '10.0.0.1:80', '10.0.0.9:1', 'server'), pg_temp.flow('c', '10.0.0.1:81', '10.0.0.9:1', 'server'), pg_temp.flow('d', '10.0.0.1:1', '10.0.0.9:80', more => '{"scope": "vpc-1"}'));
SELECT scope, port, node, ambiguous FROM pg_temp.owners();
-- An app and its cluster, or two clusters of an app, are two.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.flow('a/a-1', '10.0.0.1:1', '10.0.0.9:80'), pg_temp.flow('a/a-2', '10.0.0.1:1', '10.0.0.9:80'));
SELECT node, clear, ambiguous FROM pg_temp.owners();

--
-- What it costs
--
-- Reports of a time in which their node is known to have been seen write nothing, and dirty nothing.
SELECT pg_temp.forget();
SELECT pg_temp.take(pg_temp.was('a', 1, 3), pg_temp.was('b', 2, 3));
DELETE FROM topo_network.dirty_address;
CREATE FUNCTION pg_temp.rows() RETURNS TABLE (kind text, content text, row_at tid, written_by text) LANGUAGE sql AS $$
	SELECT 'stay', s::text, s.ctid, s.xmin::text FROM topo.stay s
	UNION ALL SELECT 'owner', a::text, a.ctid, a.xmin::text FROM topo.address a
	UNION ALL SELECT 'reporter', r::text, r.ctid, r.xmin::text FROM topo.reporter r
	UNION ALL SELECT 'dirty', d::text, d.ctid, d.xmin::text FROM topo_network.dirty_address d
$$;
CREATE TEMP TABLE rows_before AS SELECT * FROM pg_temp.rows();
SELECT kind, count(*) FROM rows_before GROUP BY 1 ORDER BY 1;
SELECT pg_temp.take(pg_temp.was('a', 2, 4.9), pg_temp.was('b', 2.5, 4)), pg_temp.take(pg_temp.was('a', 4, 4.5));
SELECT kind, count(*) FROM (SELECT * FROM pg_temp.rows() EXCEPT TABLE rows_before) r GROUP BY 1 ORDER BY 1;
-- In the next five seconds they move the ends of their stays, and no more.
SELECT pg_temp.take(pg_temp.was('a', 5, 7), pg_temp.was('b', 5, 6));
SELECT kind, count(*) FROM (SELECT * FROM pg_temp.rows() EXCEPT TABLE rows_before) r GROUP BY 1 ORDER BY 1;

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
SELECT topo.flush(), topo.maintain_windows(), topo.forget_owners();
SELECT address FROM pg_temp.owners();
SELECT address FROM topo.reporter;
SELECT address FROM topo.stay;
-- But not before the partition of those flows goes, which is an hour later at most.
UPDATE topo.address SET valid = tstzrange(now() - interval '26 hours', now() - interval '24 hours 30 minutes') WHERE address = '10.0.0.2';
SELECT topo.forget_owners();
SELECT address FROM pg_temp.owners();
ROLLBACK;
