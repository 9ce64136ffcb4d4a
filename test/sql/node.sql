-- Nodes: how they are written, and how set_node() makes and merges them.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\i :start
\i :refusal
\set ECHO all
-- An app is written as its name, all others as type:name; what is written is read back.
SELECT label, k.type, k.name, topo.node_label(k.type, k.name) AS written
FROM unnest(ARRAY['checkout', 'cluster:checkout-v12', 'address:10.0.0.7', 'address:vpc-1/fd00::7', 'app:checkout', 'app:a:b', '::1', ':x', 'x:', ':', '', 'Endpoint:GET /x', 'my type:my name', ' app:x']) label,
	 topo.node_key(label) k;
SELECT bool_and(k.type = t AND k.name = n) AS read_back
FROM unnest(ARRAY['app', 'cluster', 'intermediary', 'x y']) t, unnest(ARRAY['a', 'a:b', ':a', 'a:', 'app:a', '::', 'a b', '"', 'é']) n,
	 topo.node_key(topo.node_label(t, n)) k;
SELECT topo.node_key(NULL), topo.node_label('app', NULL);

-- A node is made; what is given later is added, what is not given stays.
CREATE VIEW pg_temp.nodes AS
	SELECT topo.node_label(n.type, n.name) AS node, topo.node_label(p.type, p.name) AS parent, n.tier, n.domain, n.properties
	FROM topo.node n LEFT JOIN topo.node p ON p.id = n.parent ORDER BY (n.type, n.name);
SELECT topo.set_node('app', 'checkout') AS id \gset
SELECT topo.node_id('checkout') = :id AS returns_id;
SELECT topo.set_node('cluster', 'checkout-v12', '{"zone": "a", "tags": [1]}', 'checkout', 0::smallint, 'payments') AS id \gset
SELECT topo.node_id('cluster:checkout-v12') = :id AS returns_id;
SELECT * FROM pg_temp.nodes;
SELECT topo.set_node('cluster', 'checkout-v12', '{"tags": [2], "os": null}') = topo.node_id('cluster:checkout-v12') AS same_node;
SELECT topo.set_node('cluster', 'checkout-v12', NULL, tier => 2::smallint) = topo.node_id('cluster:checkout-v12') AS same_node;
SELECT topo.set_node('app', 'other') IS NOT NULL AS made;
SELECT topo.set_node('cluster', 'checkout-v12', parent => 'other', domain => '') = topo.node_id('cluster:checkout-v12') AS same_node;
SELECT * FROM pg_temp.nodes;
-- Types are the user's to choose; one name in two types is two nodes.
SELECT topo.set_node('queue', 'checkout') AS id \gset
SELECT topo.node_id('checkout') <> :id AS another, topo.existing_node('queue:checkout') = :id AS found;
SELECT topo.node_id('nope'), topo.node_id(NULL);

-- Refused.
SELECT call, r.state, left(r.message, 60) AS message, r.detail, r.hint
FROM unnest(ARRAY['set_node(NULL, ''x'')', 'set_node(''app'', NULL)', 'set_node('''', ''x'')', 'set_node(''app'', '''')',
	'set_node(''a:b'', ''x'')', 'set_node(E''a\tb'', ''x'')', 'set_node(''app'', E''x\x01'')', 'set_node(''app'', repeat(''é'', 257))', 'set_node(repeat(''x'', 64), ''x'')',
	'set_node(''app'', ''x'', ''[]'')', 'set_node(''app'', ''x'', ''null'')', 'set_node(''app'', ''x'', ''"a"'')',
	'set_node(''app'', ''x'', parent => ''nope'')', 'set_node(''app'', ''x'', parent => '''')', 'set_node(''app'', ''checkout'', parent => ''app:checkout'')',
	'existing_node(NULL)', 'existing_node(''cluster:'')']) call,
	 pg_temp.refused('SELECT topo.' || call) r;
SELECT count(*) FROM topo.node WHERE name LIKE 'x%';
-- The longest names there can be.
SELECT topo.set_node(repeat('é', 31) || 'x', repeat('é', 256)) IS NOT NULL AS made;

-- The table may be written too, and keeps the same rules.
INSERT INTO topo.node (type, name, tier) VALUES ('external', 'stripe', 1);
SELECT r.state, r.message
FROM unnest(ARRAY['(''external'', ''stripe'')', '('''', ''x'')', '(''a:b'', ''x'')', '(''app'', E''\n'')']) v,
	 pg_temp.refused('INSERT INTO topo.node (type, name) VALUES ' || v) r;
SELECT r.state, r.message FROM pg_temp.refused('UPDATE topo.node SET parent = id') r;
SELECT r.state, r.message FROM pg_temp.refused('DELETE FROM topo.node WHERE name = ''other''') r;
SELECT r.state, r.message FROM pg_temp.refused('UPDATE topo.node SET properties = ''[]''') r;
-- Edge types are named.
SELECT r.state, r.message FROM unnest(ARRAY['calls', '', repeat('x', 64)]) v, pg_temp.refused(format('INSERT INTO topo.edge_type (name) VALUES (%L)', v)) r;
ROLLBACK;
