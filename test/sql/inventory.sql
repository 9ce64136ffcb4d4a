-- The inventory: who holds which address, what is an intermediary, what names a workload.
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
SELECT count(topo.set_node('app', n)) FROM unnest(ARRAY['a', 'b', 'c']) n;
CREATE VIEW pg_temp.owners AS
	SELECT a.scope, a.address, a.port, a.valid, topo.node_label(n.type, n.name) AS node, a.source, a.ambiguous
	FROM topo.address a JOIN topo.node n ON n.id = a.node ORDER BY a.scope, a.address, a.port NULLS FIRST, a.valid, n.name;

-- An address, one port of it, in another network, for a time or for ever.
SELECT topo.set_address('10.0.0.1', 'a', '[2020-11-20 10:00Z,2020-11-20 11:00Z)');
SELECT topo.set_address('10.0.0.1', 'b', '[2020-11-20 11:00Z,)');
SELECT topo.set_address('10.0.0.1', 'b', '(,)', 443);
SELECT topo.set_address('10.0.0.1', 'c', '(,)', scope => 'vpc-2');
SELECT topo.set_address('fd00::1', 'a', '(,)', 65535, '');
SELECT * FROM pg_temp.owners;
-- Said again, it is the same; said of more, it is more.
SELECT topo.set_address('10.0.0.1', 'a', '[2020-11-20 10:00Z,2020-11-20 11:00Z)');
SELECT topo.set_address('10.0.0.1', 'a', '[2020-11-20 10:10Z,2020-11-20 10:20Z)');
SELECT topo.set_address('fd00::1', 'a', '[2020-11-20 10:00Z,)', 65535);
SELECT * FROM pg_temp.owners;
-- Who holds it when: the port before the whole address.
SELECT q.address, q.port, q.at, topo.node_label(n.type, n.name) AS node, o.ambiguous, o.confidence
FROM (VALUES ('10.0.0.1'::inet, 443, '2020-11-20 10:30Z'::timestamptz), ('10.0.0.1', 80, '2020-11-20 10:30Z'), ('10.0.0.1', 80, '2020-11-20 11:00Z'),
			 ('10.0.0.1', 80, '2020-11-20 09:59Z'), ('10.0.0.1', NULL, '2020-11-20 10:30Z'), ('10.0.0.2', 80, '2020-11-20 10:30Z')) q (address, port, at)
	 LEFT JOIN LATERAL topo.owner('', q.address, q.port, q.at) o ON true LEFT JOIN topo.node n ON n.id = o.node
ORDER BY q.address, q.port, q.at;
SELECT n.name FROM topo.owner('vpc-2', '10.0.0.1', 443, now()) o JOIN topo.node n ON n.id = o.node;

-- Another's word does not yield, whatever part of his time is wanted.
SELECT r.* FROM pg_temp.refused($$SELECT topo.set_address('10.0.0.1', 'c', '[2020-11-20 10:59Z,2020-11-20 11:00Z)')$$) r \gx
SELECT r.state FROM pg_temp.refused($$SELECT topo.set_address('10.0.0.1', 'c', '(,)')$$) r;
SELECT r.state, r.message FROM pg_temp.refused($$INSERT INTO topo.address (address, valid, node) VALUES ('10.0.0.1', '(,)', topo.node_id('c'))$$) r;
-- Unless it is marked as one of several.
SELECT * FROM pg_temp.refused($$INSERT INTO topo.address (address, valid, node, ambiguous) VALUES ('10.0.0.1', '[2020-11-20 10:59Z,2020-11-20 11:00Z)', topo.node_id('c'), true)$$);
DELETE FROM topo.address;

-- What was learned from traffic yields: for that time, and for no other.
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.7:0', '10.0.0.8:80', lasts => 300), pg_temp.flow('b', '10.0.0.8:80', '10.0.0.7:0', 'server', lasts => 300),
					pg_temp.flow('b', '10.0.0.7:0', '10.0.0.9:80', lasts => 30));
SELECT * FROM pg_temp.owners;
SELECT topo.set_address('10.0.0.7', 'c', '[2020-11-20 10:01:10Z,2020-11-20 10:02Z)');
SELECT topo.set_address('10.0.0.8', 'c', '[2020-11-20 10:01Z,2020-11-20 10:02Z)');
SELECT * FROM pg_temp.owners;
-- It is not learned again, though traffic goes on saying so.
SELECT pg_temp.take(pg_temp.flow('b', '10.0.0.7:0', '10.0.0.9:80', at => 75, lasts => 1));
SELECT * FROM pg_temp.owners WHERE address = '10.0.0.7';
-- The inventory's word for the whole address outweighs what was learned of a port.
SELECT n.name, o.confidence FROM topo.owner('', '10.0.0.8', 80, '2020-11-20 10:01:30Z') o JOIN topo.node n ON n.id = o.node;
-- Where the inventory says nothing any more, what was learned holds again, and what was learned meanwhile with it.
DELETE FROM topo.address WHERE source = 'inventory';
SELECT * FROM pg_temp.owners;
-- The same where its table is written by hand.
INSERT INTO topo.address (address, valid, node) VALUES ('10.0.0.7', '[2020-11-20 10:02Z,2020-11-20 10:04Z)', topo.node_id('c'));
SELECT * FROM pg_temp.owners WHERE address = '10.0.0.7';
UPDATE topo.address SET valid = '[2020-11-20 10:03Z,)' WHERE source = 'inventory';
SELECT * FROM pg_temp.owners WHERE address = '10.0.0.7';
UPDATE topo.address SET address = '10.0.0.8', port = 80 WHERE source = 'inventory';
SELECT * FROM pg_temp.owners;
-- In one piece, also where it was in several.
SELECT topo.set_address('10.0.0.8', 'c', '[2020-11-20 10:01Z,2020-11-20 10:02Z)', 80);
SELECT port, valid, node FROM pg_temp.owners WHERE address = '10.0.0.8';
DELETE FROM topo.address WHERE source = 'inventory';
SELECT port, valid, node FROM pg_temp.owners WHERE address = '10.0.0.8';
TRUNCATE topo.address;
SELECT count(*) FROM topo.stay;

-- What cannot be an address, a port, a time or a node.
SELECT arguments, r.state, r.message, r.hint
FROM unnest(ARRAY['''10.0.0.0/8'', ''a'', ''(,)''', '''10.0.0.1/24'', ''a'', ''(,)''', '''fd00::/64'', ''a'', ''(,)''', 'NULL, ''a'', ''(,)''',
	'''10.0.0.1'', ''nope'', ''(,)''', '''10.0.0.1'', NULL, ''(,)''', '''10.0.0.1'', '''', ''(,)''', '''10.0.0.1'', ''a'', ''empty''',
	'''10.0.0.1'', ''a'', ''[2020-01-01,2020-01-01)''', '''10.0.0.1'', ''a'', NULL', '''10.0.0.1'', ''a'', ''[2020-01-02,2020-01-01)''',
	'''10.0.0.1'', ''a'', ''(,)'', 0', '''10.0.0.1'', ''a'', ''(,)'', 65536', '''10.0.0.1'', ''a'', ''(,)'', -1', '''10.0.0.300'', ''a'', ''(,)''']) arguments,
	 pg_temp.refused('SELECT topo.set_address(' || arguments || ')') r;
SELECT r.state, r.message
FROM unnest(ARRAY['''10.0.0.0/8'', NULL, ''(,)''', '''10.0.0.1'', 0, ''(,)''', '''10.0.0.1'', NULL, ''empty''']) v,
	 pg_temp.refused('INSERT INTO topo.address (address, port, valid, node) SELECT ' || v || ', topo.node_id(''a'')') r;
SELECT count(*) FROM topo.address;
-- With a node go its addresses.
SELECT topo.set_node('app', 'passing') IS NOT NULL AS made;
SELECT topo.set_address('10.0.0.1', 'passing', '(,)');
DELETE FROM topo.node WHERE name = 'passing';
SELECT count(*) FROM topo.address;

--
-- Intermediaries
--
CREATE VIEW pg_temp.between AS
	SELECT n.name, i.kind, b.port, b.backend
	FROM topo.intermediary i JOIN topo.node n ON n.id = i.node LEFT JOIN topo.intermediary_backend b ON b.intermediary = i.node
	ORDER BY 1, 3 NULLS FIRST, 4;
SELECT topo.set_intermediary('lb', 'load_balancer', '10.0.2.1', 80, ARRAY['a', 'cluster:b-1', 'a']);
SELECT topo.set_intermediary('lb', 'load_balancer', '10.0.2.1', 443, ARRAY['c']);
SELECT topo.set_intermediary('lb', 'load_balancer', '10.0.2.2');
SELECT topo.set_intermediary('gw', 'nat', '10.0.2.3');
SELECT * FROM pg_temp.between;
SELECT address, port, valid, node, source FROM pg_temp.owners;
-- Backends are of a listener and are given as a whole; without them they stay; the kind may change.
SELECT topo.set_intermediary('lb', 'proxy', '10.0.2.1', 80, ARRAY['c']);
SELECT topo.set_intermediary('lb', 'proxy', '10.0.2.1', 443);
SELECT * FROM pg_temp.between;
SELECT topo.set_intermediary('lb', 'proxy', '10.0.2.1', 443, '{}');
SELECT * FROM pg_temp.between WHERE port = 443;
SELECT kind, topo.set_intermediary(kind, kind, '10.0.3.1', i::integer)
FROM unnest(ARRAY['load_balancer', 'nat', 'gateway', 'proxy', 'virtual_address']) WITH ORDINALITY k (kind, i);
SELECT arguments, r.state, r.message, r.hint
FROM unnest(ARRAY['''x'', ''router'', ''10.0.2.9''', '''x'', NULL, ''10.0.2.9''', '''x'', '''', ''10.0.2.9''', '''x'', ''NAT'', ''10.0.2.9''', 'NULL, ''nat'', ''10.0.2.9''', ''''', ''nat'', ''10.0.2.9''',
	'''x'', ''nat'', NULL', '''x'', ''nat'', ''10.0.2.0/24''', '''x'', ''nat'', ''10.0.2.9'', 0', '''x'', ''nat'', ''10.0.2.9'', 80, ''{NULL}''',
	'''x'', ''nat'', ''10.0.2.9'', 80, ''{""}''', '''x'', ''nat'', ''10.0.2.3''']) arguments,
	 pg_temp.refused('SELECT topo.set_intermediary(' || arguments || ')') r;
SELECT count(*) FROM topo.node WHERE name = 'x';

--
-- The map follows the inventory, also where its table is written.
--
DELETE FROM topo.address;
SELECT pg_temp.take(pg_temp.flow('a', '10.0.0.7:0', '10.0.4.1:5432'), pg_temp.flow('a', '10.0.0.7:0', '10.0.4.1:5432', at => 3600));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
SELECT topo.set_address('10.0.4.1', 'b', '(,2020-11-20 10:30Z)');
SELECT topo.flush();
SELECT * FROM pg_temp.map();
INSERT INTO topo.address (address, port, valid, node) VALUES ('10.0.4.1', 5432, '[2020-11-20 10:30Z,)', topo.node_id('c'));
SELECT topo.flush();
SELECT * FROM pg_temp.map();
UPDATE topo.address SET valid = '(,)' WHERE port = 5432;
SELECT topo.flush();
SELECT * FROM pg_temp.map();
DELETE FROM topo.address WHERE address = '10.0.4.1';
SELECT topo.flush();
SELECT * FROM pg_temp.map();

--
-- Identity rules: the user's come before the built-in ones.
--
SELECT topo.identity_rules() = topo.default_identity_rules() AS only_built_in;
INSERT INTO topo.identity_rule VALUES (20, 'cluster', 'unit', '^(.*)@blue\.service$', '{app}-blue'), (10, 'app', 'otel.service.name', '.+', '\0');
SELECT line FROM string_to_table(topo.identity_rules(), E'\n') WITH ORDINALITY l (line, n) WHERE n <= 2;
SELECT right(topo.identity_rules(), length(topo.default_identity_rules())) = topo.default_identity_rules() AS then_built_in;
SELECT bool_and(line ~ '^(app|cluster) (otel\.[^ ]+|container\.id|pod\.uid|unit|process|netns|host) [^ ]+ [^ ]+$') AS built_in_are_rules, count(*) > 0 AS any
FROM string_to_table(topo.default_identity_rules(), E'\n') line WHERE line !~ '^#' AND line <> '';
SELECT v, r.state, r.message
FROM unnest(ARRAY['(10, ''app'', ''process'', ''x'', ''y'')', '(1, ''node'', ''process'', ''x'', ''y'')', '(1, ''app'', ''pid'', ''x'', ''y'')', '(1, ''app'', ''otel.'', ''x'', ''y'')',
	'(1, ''app'', ''process'', ''a b'', ''y'')', '(1, ''app'', ''process'', ''x'', E''a\nb'')', '(1, ''app'', ''process'', NULL, ''y'')']) v,
	 pg_temp.refused('INSERT INTO topo.identity_rule VALUES ' || v) r;
ROLLBACK;
