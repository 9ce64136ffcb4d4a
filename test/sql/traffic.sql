-- The type topo.traffic: input and output, merging, reading, and its bounds.
SET search_path = public, topo;
SET bytea_output = hex;

-- Text: what is zero is left out, and what was written is read back.
SELECT '{}'::traffic;
SELECT '{"connections": 3, "bytes_sent": 1200, "latency": {"sum_ns": 7000, "zero": 0, "buckets": {"412": 3}}}'::traffic;
SELECT '{"latency": {"buckets": {"1835": 2, "0": 1, "99": 0}, "zero": 4, "sum_ns": 5}, "failed": 0, "errors": 9223372036854775807}'::traffic;
SELECT '{"connections": 1, "failed": 2, "bytes_sent": 3, "bytes_received": 4, "packets_sent": 5, "packets_received": 6, "retransmits": 7, "requests": 8, "errors": 9, "rtt_sum_us": 10, "rtt_samples": 11, "latency": {"sum_ns": 12}}'::traffic;
-- A key that comes twice counts as its last, as in jsonb.
SELECT '{"connections": 1, "connections": 2}'::traffic;
-- An object without anything in it is no traffic.
SELECT '{"latency": {"buckets": {}}, "requests": 0}'::traffic = '{}'::traffic AS empty;

-- Text that is refused, and what is said about it.
CREATE FUNCTION refusal(query text) RETURNS TABLE (state text, message text, detail text, hint text)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE query;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END
$$;
\x on
SELECT refusal.* FROM refusal($$SELECT '{"conections": 1}'::topo.traffic$$);
SELECT refusal.* FROM refusal($$SELECT '{"connections": -1}'::topo.traffic$$);
SELECT refusal.* FROM refusal($$SELECT '[1]'::topo.traffic$$);
SELECT refusal.* FROM refusal($$SELECT '{"latency": 5}'::topo.traffic$$);
SELECT refusal.* FROM refusal($$SELECT '{"latency": {"sum": 5}}'::topo.traffic$$);
SELECT refusal.* FROM refusal($$SELECT '{"latency": {"buckets": {"1836": 1}}}'::topo.traffic$$);
\x off
SELECT input, state, detail
FROM unnest(ARRAY[
	'', 'x', '{', '{"connections": 1}}', 'null', '3', '"{}"',
	'{"connections": 1.5}', '{"connections": 1.0}', '{"connections": 9223372036854775808}',
	'{"connections": 1e400}', '{"connections": "1"}', '{"connections": null}',
	'{"connections": true}', '{"connections": {}}', '{"connections": []}', '{"": 1}',
	'{"Connections": 1}', '{"connection": 1}', '{"connectionss": 1}', '{"latency": []}', '{"latency": null}',
	'{"latency": {"zero": -1}}', '{"latency": {"sum_ns": 0.1}}', '{"latency": {"buckets": 1}}',
	'{"latency": {"buckets": [1]}}', '{"latency": {"buckets": {"1": -1}}}',
	'{"latency": {"buckets": {"01": 1}}}', '{"latency": {"buckets": {"-1": 1}}}',
	'{"latency": {"buckets": {"": 1}}}', '{"latency": {"buckets": {"1a": 1}}}',
	'{"latency": {"buckets": {"99999999999999999999": 1}}}',
	'{"latency": {"buckets": {"1": {"2": 3}}}}', '{"latency": {"latency": {}}}'
]) AS input, refusal(format('SELECT %L::topo.traffic', input));

-- The constructor.
SELECT traffic(), traffic(5), traffic(connections => 3, bytes_sent => 1200);
SELECT traffic(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, '{0, 0.000001, 1, 2.5, 1e9}');
SELECT traffic(latency_ms => '{}') AS none, traffic(latency_ms => NULL) AS unknown;
SELECT traffic(latency_ms => '{{1, 2}, {3, 4}}') = traffic(latency_ms => '{4, 3, 2, 1}') AS shape_does_not_matter;
SELECT input, state, message, hint
FROM unnest(ARRAY[
	'connections => -1', 'rtt_samples => -9223372036854775808', 'latency_ms => ''{-0.5}''',
	'latency_ms => ''{NaN}''', 'latency_ms => ''{1, Infinity}''', 'latency_ms => ''{1, NULL}'''
]) AS input, refusal(format('SELECT topo.traffic(%s)', input));

-- The accessors.
\x on
WITH made AS (
	SELECT traffic(1, 2, 3, 4, 5, 6, 7, 8, 9, 3000, 2, '{10, 20, 30, 40}') AS t
)
SELECT connections(t), failed(t), bytes_sent(t), bytes_received(t), packets_sent(t),
	packets_received(t), retransmits(t), requests(t), errors(t), rtt_ms(t), latency_count(t),
	latency_sum_ms(t), round(p50_ms(t)) AS p50_ms, round(p99_ms(t)) AS p99_ms,
	round(latency_quantile(t, 0)) AS least, round(latency_quantile(t, 1)) AS greatest
FROM made;
SELECT connections(t), errors(t), rtt_ms(t), latency_count(t), latency_sum_ms(t), p50_ms(t),
	p99_ms(t), latency_quantile(t, 1)
FROM (SELECT '{}'::traffic AS t) AS made;
\x off
SELECT connections(NULL) IS NULL AS counter, p50_ms(NULL) IS NULL AS quantile,
	latency_quantile(traffic(), NULL) IS NULL AS no_q;
SELECT latency_quantile(traffic(latency_ms => '{0}'), 0.5) AS zero_ms;
SELECT q, state, message, hint
FROM unnest(ARRAY['-0.1', '1.1', 'NaN', 'Infinity']) AS q,
	refusal(format('SELECT topo.latency_quantile(topo.traffic(latency_ms => %L), %L)', '{1}', q));

-- The other end's view.
SELECT reversed(traffic(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, '{1}'));

-- As JSON.
SELECT traffic(connections => 1, latency_ms => '{1}')::jsonb;
SELECT traffic(connections => 1, latency_ms => '{1}')::json;
SELECT to_jsonb(r) FROM (SELECT 1 AS id, traffic(requests => 2) AS t) AS r;

-- A sample of values of every kind, some empty, some with many latencies.
SELECT setseed(0.42);
CREATE TABLE sample AS
SELECT id, traffic(
	connections => (random() * 10)::int, failed => (random() * 1.2)::int,
	bytes_sent => (random() * 1e12)::bigint, requests => (random() * 100)::int,
	rtt_sum_us => (random() * 1000)::int, rtt_samples => (random() * 3)::int,
	latency_ms => ARRAY(SELECT exp(random() * 12 - 4 + id * 0) FROM generate_series(1, id % 40)))
	AS t
FROM generate_series(1, 400) AS id;
INSERT INTO sample SELECT 400 + id, '{}' FROM generate_series(1, 5) AS id;
INSERT INTO sample SELECT 405 + id, NULL FROM generate_series(1, 5) AS id;
INSERT INTO sample VALUES
	(411, '{"bytes_sent": 9223372036854775807, "latency": {"zero": 3, "sum_ns": 9223372036854775807, "buckets": {"0": 1, "1835": 9223372036854775807}}}');
INSERT INTO sample
SELECT 412, format('{"errors": %1$s, "latency": {"zero": %1$s, "buckets": %2$s}}', max, buckets)::traffic
FROM (VALUES (9223372036854775807)) AS limits (max),
	LATERAL (SELECT jsonb_object_agg(index, max) AS buckets FROM generate_series(0, 1835) AS index) AS every;
SELECT count(*), count(t), count(*) FILTER (WHERE t = '{}') AS empty FROM sample;

-- Text gives the value back, and so does text by way of jsonb.
SELECT count(*) FILTER (WHERE t::text::traffic IS DISTINCT FROM t) AS changed_by_text,
	count(*) FILTER (WHERE t::jsonb::text::traffic IS DISTINCT FROM t) AS changed_by_jsonb
FROM sample;

-- Binary gives the value back.  The files are in pg_regress's output directory,
-- which is where it runs psql.
CREATE TABLE received (id int, t traffic);
\copy sample to 'results/traffic.copy' (format binary)
\copy received from 'results/traffic.copy' (format binary)
SELECT count(*) AS received, count(*) FILTER (WHERE r.t IS DISTINCT FROM s.t) AS changed
FROM sample AS s JOIN received AS r USING (id);

-- Bytea travels as its bytes, and so can stand in for a value that is damaged.
CREATE TABLE forged (bytes bytea);
CREATE TABLE target (t traffic);
\copy (select traffic_send(traffic(connections => 3, latency_ms => '{1}'))) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\copy forged from 'results/traffic.copy' (format binary)
SELECT t, bytes FROM target, forged;
\set VERBOSITY sqlstate
\set SHOW_CONTEXT never
\copy (select ''::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\set VERBOSITY default
-- version 2
\copy (select '\x0200'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
-- ends before its counter, and within it
\copy (select '\x0101'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\copy (select '\x010180'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
-- a counter that does not exist
\copy (select '\x01804001'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
-- 3 in two bytes, a zero, and 2^63
\copy (select '\x01018300'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\copy (select '\x010100'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\copy (select '\x010180808080808080808001'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
-- bucket 1836, a bucket without a count, and one of count 0
\copy (select '\x0100ac0e01'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\copy (select '\x010005'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\copy (select '\x01000500'::bytea) to 'results/traffic.copy' (format binary)
\copy target from 'results/traffic.copy' (format binary)
\set SHOW_CONTEXT errors
SELECT count(*) AS taken FROM target;
-- What is damaged on disk is told, not believed.
CREATE CAST (bytea AS traffic) WITHOUT FUNCTION;
SELECT state, message, detail FROM refusal($$SELECT '\x0101'::bytea::topo.traffic::text$$);
SELECT state, message, detail FROM refusal($$SELECT topo.connections('\x0200'::bytea::topo.traffic)$$);
SELECT state, message, detail FROM refusal($$SELECT topo.merge('\x0100ac0e01'::bytea::topo.traffic)$$);
DROP CAST (bytea AS traffic);

-- Equality, hashing, grouping.
SELECT traffic(1) = traffic(1) AS eq, traffic(1) = traffic(2) AS not_eq,
	traffic(1) <> traffic(2) AS ne, traffic(1) <> traffic(1) AS not_ne;
SELECT t, count(*) FROM (SELECT traffic(connections => i % 2) AS t FROM generate_series(1, 7) AS i) AS many
GROUP BY t ORDER BY connections(t);
SELECT count(*) FROM (SELECT DISTINCT t FROM sample CROSS JOIN generate_series(1, 3)) AS distinct_values;
SELECT count(*) = (SELECT count(DISTINCT t::text) FROM sample) + 1 AS as_many_as_texts_and_null
FROM (SELECT DISTINCT t FROM sample) AS distinct_values;
SET enable_mergejoin = off;
SET enable_nestloop = off;
EXPLAIN (COSTS OFF) SELECT count(*) FROM sample AS a JOIN received AS b ON a.t = b.t;
SELECT count(*) FROM sample AS a JOIN received AS b ON a.t = b.t;
RESET enable_mergejoin;
RESET enable_nestloop;
CREATE TABLE parted (t traffic) PARTITION BY HASH (t);
CREATE TABLE parted_0 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO parted SELECT t FROM sample;
SELECT count(*) FROM parted JOIN (SELECT DISTINCT t FROM sample) AS s USING (t);
SELECT (SELECT count(*) FROM parted_0) > 0 AND (SELECT count(*) FROM parted_1) > 0 AS spread;
ANALYZE sample;
-- There is no order.
SELECT state, message FROM refusal('SELECT t FROM sample ORDER BY t');

-- Merging.
SELECT traffic(1, bytes_sent => 5, latency_ms => '{1, 2}') + traffic(2, 3, latency_ms => '{0, 1}') AS merged;
SELECT traffic(1) + NULL IS NULL AS null_is_unknown, merge(t) FROM (VALUES (traffic(1)), (NULL), (traffic(2))) AS v (t);
SELECT merge(t) IS NULL AS no_rows FROM sample WHERE false;
SELECT merge(t) IS NULL AS only_nulls FROM sample WHERE t IS NULL;
SELECT merge(t) = '{}' AS only_empty FROM sample WHERE id BETWEEN 401 AND 405;
SELECT edge, merge(t) FROM (VALUES (1, traffic(1)), (2, traffic(2)), (1, NULL), (1, traffic(3)), (3, NULL)) AS v (edge, t)
GROUP BY edge ORDER BY edge;
SELECT id, merge(t) OVER (ORDER BY id) FROM (VALUES (1, traffic(1)), (2, NULL), (3, traffic(5))) AS v (id, t);

-- A merge is the sum of its parts.
SELECT connections(merge(t)) = sum(connections(t)) AS connections,
	requests(merge(t)) = sum(requests(t)) AS requests,
	latency_count(merge(t)) = sum(latency_count(t)) AS latencies,
	rtt_ms(merge(t)) = sum((t::jsonb ->> 'rtt_sum_us')::float8) / sum((t::jsonb ->> 'rtt_samples')::int) / 1000 AS rtt_ms
FROM sample WHERE id <= 400;

-- Any order and any grouping merges to the same value: 200 shuffled partitions,
-- with and without the values that saturate.
SELECT upto, count(*) AS rounds, count(*) FILTER (WHERE shuffled.t = straight.t) AS same
FROM (VALUES (410), (412)) AS bound (upto)
	CROSS JOIN LATERAL (SELECT merge(t) AS t FROM sample WHERE id <= upto) AS straight
	CROSS JOIN generate_series(1, 200) AS round
	CROSS JOIN LATERAL (
		SELECT merge(part.t ORDER BY random()) AS t
		FROM (
			SELECT merge(dealt.t ORDER BY random()) AS t
			FROM (SELECT t, floor(random() * round) AS hand FROM sample WHERE id <= upto) AS dealt
			GROUP BY hand
		) AS part
	) AS shuffled
GROUP BY upto ORDER BY upto;
SELECT count(t) AS values, count(*) FILTER (WHERE reversed(reversed(t)) = t) AS same FROM sample;
SELECT reversed(merge(t)) = merge(reversed(t)) AS before_or_after_merging FROM sample;
SELECT count(*) FILTER (WHERE a.t + b.t <> b.t + a.t) AS not_commutative
FROM sample AS a CROSS JOIN sample AS b WHERE a.id > 380 AND b.id > 380;

-- What has reached the maximum stays there.
SELECT '{"connections": 9223372036854775807}'::traffic + traffic(1) AS counter;
SELECT '{"latency": {"sum_ns": 9223372036854775807, "zero": 9223372036854775807, "buckets": {"7": 9223372036854775807}}}'::traffic
	+ '{"latency": {"sum_ns": 1, "zero": 1, "buckets": {"7": 1}}}' AS sketch;
SELECT latency_count(t), latency_quantile(t, 0) AS least, latency_quantile(t, 1) > 8e9 AS greatest
FROM sample WHERE id = 412;

-- Parallel workers give the serial answer, and workers there are.
CREATE TABLE busy AS
SELECT i % 10 AS edge, traffic(connections => i, latency_ms => ARRAY[random() * 100, i]) AS t
FROM generate_series(1, 20000) AS i;
INSERT INTO busy SELECT 11, NULL FROM generate_series(1, 10);
ANALYZE busy;
CREATE FUNCTION workers_launched(query text) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
	plan json;
BEGIN
	EXECUTE 'EXPLAIN (ANALYZE, FORMAT json) ' || query INTO plan;
	RETURN substring(plan::text FROM '"Workers Launched": ([0-9]+)');
END
$$;
SET max_parallel_workers_per_gather = 0;
CREATE TABLE serial_answer AS SELECT edge, merge(t) AS t FROM busy GROUP BY edge;
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET parallel_leader_participation = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT merge(t) FROM busy;
SELECT workers_launched('SELECT topo.merge(t) FROM busy') > 0 AS workers;
SELECT (SELECT merge(t) FROM busy) = (SELECT merge(t) FROM serial_answer) AS same;
EXPLAIN (COSTS OFF) SELECT edge, merge(t) FROM busy GROUP BY edge;
SELECT workers_launched('SELECT edge, topo.merge(t) FROM busy GROUP BY edge') > 0 AS workers;
CREATE TABLE parallel_answer AS SELECT edge, merge(t) AS t FROM busy GROUP BY edge;
SELECT count(*), count(*) FILTER (WHERE s.t IS NOT DISTINCT FROM p.t) AS same
FROM serial_answer AS s JOIN parallel_answer AS p USING (edge);
SELECT merge(t) IS NULL AS only_nulls FROM busy WHERE edge = 11;
RESET max_parallel_workers_per_gather;
RESET parallel_setup_cost;
RESET parallel_tuple_cost;
RESET min_parallel_table_scan_size;
RESET parallel_leader_participation;
RESET enable_sort;

-- Quantiles of lognormal latencies, merged from many values, are within 1 % of
-- the exact ones (and the rounding to whole nanoseconds).
CREATE TABLE latency AS
SELECT i % 100 AS part, exp(1 + 1.5 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())) AS ms
FROM generate_series(1, 50000) AS i;
CREATE TABLE sketched AS
SELECT merge(t) AS t
FROM (SELECT traffic(requests => count(*), latency_ms => array_agg(ms)) AS t FROM latency GROUP BY part) AS parts;
SELECT q, abs(latency_quantile(t, q) - exact) <= 0.01 * exact + 0.000001 AS within_1_percent
FROM sketched, unnest(ARRAY[0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1]) AS q,
	LATERAL (SELECT percentile_disc(q) WITHIN GROUP (ORDER BY ms) AS exact FROM latency) AS truth;
SELECT p50_ms(t) = latency_quantile(t, 0.5) AS p50, p99_ms(t) = latency_quantile(t, 0.99) AS p99,
	latency_count(t) AS latencies, abs(latency_sum_ms(t) - sum) < 0.05 AS sum
FROM sketched, (SELECT sum(ms) FROM latency) AS truth;

-- Sizes: an edge with connections and bytes, 50000 latencies, and the greatest
-- value that there is.
CREATE TABLE stored (kind text, t traffic);
INSERT INTO stored VALUES ('edge', traffic(connections => 3, bytes_sent => 123456789, bytes_received => 9876543210));
INSERT INTO stored SELECT 'latencies', t FROM sketched;
INSERT INTO stored SELECT 'greatest', t FROM sample WHERE id = 412;
SELECT kind, CASE kind WHEN 'edge' THEN 20 WHEN 'latencies' THEN 2000 ELSE 21000 END AS bound,
	pg_column_size(t) <= CASE kind WHEN 'edge' THEN 20 WHEN 'latencies' THEN 2000 ELSE 21000 END AS within
FROM stored;
SELECT typstorage, typalign FROM pg_type WHERE oid = 'topo.traffic'::regtype;
-- Buckets of large counts fit no page, nor do they compress: the value is read
-- from out of line.
CREATE TABLE wide AS
SELECT format('{"errors": 5, "latency": {"buckets": %s}}', buckets)::traffic AS t, buckets
FROM (
	SELECT jsonb_object_agg(index, hashint8extended(index, 0) & 9223372036854775807) AS buckets
	FROM generate_series(0, 1835) AS index
) AS every;
SELECT pg_relation_size(reltoastrelid) > 0 AS out_of_line FROM pg_class WHERE oid = 'wide'::regclass;
SELECT errors(a.t), a.t::jsonb -> 'latency' -> 'buckets' = a.buckets AS same, a.t + '{}' = b.t AS equal
FROM wide AS a JOIN wide AS b ON a.t = b.t;

DROP TABLE sample, received, forged, target, parted, busy, serial_answer, parallel_answer, latency,
	sketched, stored, wide;
DROP FUNCTION refusal(text), workers_launched(text);
