-- What a user types once: the map, and what stands between callers and callees.
CREATE EXTENSION topology;
SELECT topo.create_service_map();
SELECT topo.set_intermediary('edge', 'load_balancer', '10.77.1.10', backends => '{checkout}');
SELECT topo.set_intermediary('edge', 'load_balancer', 'fd77:1::10');
SELECT topo.set_intermediary('gw', 'nat', '10.77.1.254');

-- A table that a company has anyway.
CREATE TABLE owner (app text PRIMARY KEY, team text NOT NULL, pager text NOT NULL);
INSERT INTO owner VALUES
	('checkout', 'Buying', 'buying-oncall'),
	('payments', 'Money', 'money-oncall'),
	('mailer', 'Messages', 'messages-oncall'),
	('reporting', 'Partners', 'partners-oncall'),
	('edge', 'Platform', 'platform-oncall');
