-- Sources: added, paused, resumed and dropped; their status; dead letters.
\set ECHO none
\getenv srcdir PG_ABS_SRCDIR
\set start :srcdir '/lib/rolled_back.sql'
\set refusal :srcdir '/lib/refusal.sql'
\set flows :srcdir '/lib/flows.sql'
\i :start
\i :refusal
\i :flows
\set ECHO all
-- Workers see a source when it is committed; here none is, so none runs.
SELECT r.* FROM pg_temp.refused($$SELECT topo.add_source('host', 'ebpf', 'flow')$$) r \gx
SELECT topo.create_service_map();
SELECT topo.add_source('host', 'ebpf', 'flow');
SELECT topo.add_source('it''s "quoted"; DROP TABLE', 'ebpf', 'flow', '{"pin_dir": "/sys/fs/bpf/other", "region": "us-east-1", "scope": "vpc-1"}');
SELECT topo.add_source(repeat('é', 31) || 'x', 'ebpf', 'flow', '{}');
SELECT name, kind, format, options, enabled FROM topo.source ORDER BY id;
SELECT r.* FROM pg_temp.refused($$SELECT topo.add_source('host', 'ebpf', 'flow')$$) r \gx

-- Paused, resumed, dropped; twice is once, and what never was is an error.
CREATE VIEW pg_temp.status AS
	SELECT left(source, 10) AS source, kind, state, partition, next_offset, lag, records, dead_letters, dropped, last_error, last_record_at
	FROM topo.source_status ORDER BY topo.source_status.source COLLATE "C", partition;
SELECT * FROM pg_temp.status;
SELECT topo.pause_source('host'), topo.pause_source('host');
SELECT * FROM pg_temp.status;
SELECT topo.resume_source('host'), topo.resume_source('host');
SELECT * FROM pg_temp.status WHERE source = 'host';
SELECT topo.pause_source('it''s "quoted"; DROP TABLE');
SELECT topo.drop_source('it''s "quoted"; DROP TABLE'), topo.drop_source(repeat('é', 31) || 'x');
SELECT * FROM pg_temp.status;
SELECT call, r.state, r.message, r.hint
FROM unnest(ARRAY['pause_source(''nope'')', 'resume_source(''nope'')', 'drop_source(''nope'')', 'drop_source(NULL)', 'drop_source('''')', 'replay_dead_letters(''nope'')', 'wait_for_source(''nope'', ''1 s'')']) call,
	 pg_temp.refused('SELECT topo.' || call) r;

-- Names, kinds, formats and options that there are not.
SELECT left(arguments, 40) AS arguments, r.state, left(r.message, 80) AS message, r.hint
FROM unnest(ARRAY['NULL, ''ebpf'', ''flow''', ''''', ''ebpf'', ''flow''', 'E''a\nb'', ''ebpf'', ''flow''', quote_literal(repeat('x', 64)) || ', ''ebpf'', ''flow''',
	'''x'', ''pcap'', ''flow''', '''x'', NULL, ''flow''', '''x'', '''', ''flow''', '''x'', ''EBPF'', ''flow''', '''x'', ''kafka'', ''flow''',
	'''x'', ''ebpf'', ''ipc''', '''x'', ''ebpf'', NULL', '''x'', ''ebpf'', ''Flow''']) arguments,
	 pg_temp.refused('SELECT topo.add_source(' || arguments || ')') r;
SELECT options, r.state, r.message, r.detail, r.hint
FROM unnest(ARRAY['[]', 'null', '"pin_dir"', '{"pindir": "/x"}', '{"brokers": "localhost"}', '{"Region": "x"}', '{"": "x"}', '{"region": 1}', '{"scope": null}',
	'{"scope": ["a"]}', '{"pin_dir": "relative"}', '{"pin_dir": ""}', '{"region": "x", "pin_dir": "./x"}', '{"netns": "a", "except_netns": "b"}', '{"netns": ["a"]}']) options,
	 pg_temp.refused(format('SELECT topo.add_source(''x'', ''ebpf'', ''flow'', %L)', options)) r;
SELECT r.state, r.message FROM pg_temp.refused($$SELECT topo.add_source('x', 'ebpf', 'flow', NULL)$$) r;
SELECT count(*) FROM topo.source WHERE name = 'x';

-- Only a source that runs can be waited for.
SELECT topo.pause_source('host');
SELECT r.* FROM pg_temp.refused($$SELECT topo.wait_for_source('host', '1 second')$$) r \gx

-- The status tells what is stored of it; one row for each partition.
INSERT INTO topo.source_position (source, partition, log, next_offset, records, dead_letters, dropped, last_record_at)
SELECT id, p, 'boot', 100 + p, 10, 2, 3, '2020-11-20 10:00Z' FROM topo.source, generate_series(0, 1) p;
SELECT * FROM pg_temp.status;
SELECT topo.drop_source('host');
SELECT count(*) FROM topo.source_position;

-- Options are changed one by one.  Secrets are kept apart, where only the owner sees them.
SELECT topo.add_source('topic', 'kafka', 'flow', '{"brokers": "localhost:1", "topic": "flows", "rdkafka.sasl.mechanism": "PLAIN", "rdkafka.sasl.username": "map", "rdkafka.sasl.password": "hush"}');
CREATE VIEW pg_temp.options AS
	SELECT s.options, (SELECT array_agg(x.name || '=' || x.value ORDER BY x.name) FROM topo.source_secret x WHERE x.source = s.id) AS secrets
	FROM topo.source s WHERE s.name = 'topic';
SELECT * FROM pg_temp.options;
SELECT topo.set_source('topic', '{"on_gap": "earliest", "rdkafka.sasl.password": "hush hush", "rdkafka.sasl.username": null}');
SELECT * FROM pg_temp.options;
SELECT topo.set_source('topic', '{"on_gap": null, "rdkafka.sasl.password": null, "region": "eu"}');
SELECT * FROM pg_temp.options;
SELECT topo.set_source('topic', '{}');
SELECT topo.set_source('topic', '{"rdkafka.ssl.key.password": "hush"}');
CREATE ROLE map_reader;
GRANT USAGE ON SCHEMA topo TO map_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA topo TO map_reader;
SET LOCAL ROLE map_reader;
SELECT count(*) AS visible FROM topo.source_secret;
SELECT options::text ~ 'hush' AS visible FROM topo.source WHERE name = 'topic';
SELECT source FROM topo.source_status WHERE source = 'topic';
RESET ROLE;
SELECT call, r.state, r.message, r.detail, r.hint
FROM unnest(ARRAY['set_source(''nope'', ''{}'')', 'set_source(NULL, ''{}'')', 'set_source(''topic'', NULL)', 'set_source(''topic'', ''[]'')', 'set_source(''topic'', ''{"topic": null}'')',
	'set_source(''topic'', ''{"on_gap": "no"}'')', 'set_source(''topic'', ''{"pin_dir": "/x"}'')', 'set_source(''topic'', ''{"rdkafka.sasl.password": ["hush"]}'')',
	'set_source(''topic'', ''{"rdkafka.debug": "all"}'')', 'add_source(''topic'', ''kafka'', ''flow'', ''{"brokers": "b", "topic": "t", "rdkafka.sasl.password": "hush"}'')']) call,
	 pg_temp.refused('SELECT topo.' || call) r;
SELECT r.* FROM pg_temp.refused($$UPDATE topo.source SET options = options || '{"rdkafka.sasl.password": "hush"}'$$) r \gx
SELECT * FROM pg_temp.options;
SELECT topo.drop_source('topic');
SELECT count(*) FROM topo.source_secret;

-- Dead letters are put through again; what still cannot be used stays, with its reason.
SELECT topo.set_graph('network', '{"edge_ttl": "infinite", "retention": "infinite"}');
SELECT topo.add_source('host', 'ebpf', 'flow'), topo.add_source('other', 'ebpf', 'flow');
SELECT topo.replay_dead_letters('host');
INSERT INTO topo.dead_letter (source, partition, "offset", payload, reason) VALUES
	('host', 0, 1, convert_to(pg_temp.flow('a', '10.0.0.7:0', '10.0.0.8:80'), 'UTF8'), 'was too old'),
	('host', 0, 2, '\x7b', 'was bad'),
	('host', 0, 3, convert_to(pg_temp.flow('a', '10.0.0.7:0', '10.0.0.8:80', more => '{"scope": "a\nb"}'), 'UTF8'), 'was bad'),
	('host', 0, 4, '\xff', 'was bad'),
	('other', 0, 1, convert_to(pg_temp.flow('a', '10.0.0.7:0', '10.0.0.8:80'), 'UTF8'), 'another''s'),
	('host', 0, 6, '', 'was empty'),
	('host', 0, 5, convert_to(pg_temp.flow('a', '10.0.0.7:0', '10.0.0.8:80'), 'UTF8'), 'was too old');
INSERT INTO topo.dead_letter (source, partition, "offset", payload, reason, length) VALUES
	('host', 0, 7, convert_to(pg_temp.flow('a', '10.0.0.7:0', '10.0.0.8:80'), 'UTF8'), 'was cut', 1000);
SELECT topo.replay_dead_letters('host');
SELECT topo.replay_dead_letters('host');
SELECT source, "offset", reason FROM topo.dead_letter ORDER BY id;
SELECT topo.flush();
SELECT * FROM pg_temp.map();
-- They outlive their source.
SELECT topo.drop_source('host');
SELECT source, count(*) FROM topo.dead_letter GROUP BY 1 ORDER BY 1;
ROLLBACK;

-- With workers: a source that cannot find its pins says so, and goes at once when it is told to.
SET client_min_messages = warning;
SELECT topo.create_service_map();
SELECT topo.add_source('host', 'ebpf', 'flow', '{"pin_dir": "/nonexistent"}');
DO $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		EXIT WHEN EXISTS (SELECT FROM topo.source_status WHERE last_error ~ '/nonexistent');
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SELECT source, kind, state IN ('backoff', 'starting') AS tried_again, last_error ~ '/nonexistent' AS says_why FROM topo.source_status;
SELECT topo.pause_source('host');
DO $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		EXIT WHEN (SELECT state = 'paused' FROM topo.source_status);
		PERFORM pg_sleep(0.05);
	END LOOP;
END $$;
SELECT source, state FROM topo.source_status;
SELECT topo.drop_source('host');
SELECT topo.drop_graph(g) FROM unnest(ARRAY['network', 'ipc', 'trace']) g;
SELECT count(*) FROM topo.source_status;
