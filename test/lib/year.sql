-- For a year that passes in a moment: what is to come, some of it late, what has come,
-- and what the map should say of it, computed from the raw records by brute force.
SET client_min_messages = warning;
SET timezone = 'UTC';

-- Drawn from hashes, so that it is the same in every run: a third comes hours late, a
-- tenth up to a hundred days.  One of four is a flow, the others are calls.  There are
-- more of them in the nights in which clocks are changed.
CREATE TABLE coming AS
SELECT n, r.at, r.at + CASE WHEN h % 10 = 0 THEN h % 97 * interval '1 day' WHEN h % 3 = 0 THEN interval '20 hours' ELSE interval '30 seconds' END AS comes,
	   CASE n % 4 WHEN 0 THEN 'network' ELSE 'ipc' END AS graph,
	   h % 7 AS client, h / 7 % 5 AS server, 3 + h % 50 AS amount, h % 3 AS errors, 1 + h % 1000 AS ms
FROM (SELECT n, date_bin('10 seconds', begin + (hashint8extended(n, 1) & 1073741823) / 1073741824.0 * span, '2000-01-01Z') + interval '2 seconds' AS at,
			 (hashint8extended(n, 2) & 1073741823)::integer AS h
	  FROM (SELECT n, '2025-01-01 00:00Z'::timestamptz AS begin, interval '364 days' AS span FROM generate_series(1::bigint, 2400) n
			UNION ALL
			SELECT 10000 * night + n, changed - interval '30 hours', interval '60 hours'
			FROM unnest('{2025-03-09 07:00Z,2025-03-30 01:00Z,2025-04-05 15:00Z,2025-10-04 15:30Z,2025-10-26 01:00Z,2025-11-02 06:00Z}'::timestamptz[])
				 WITH ORDINALITY c (changed, night), generate_series(1::bigint, 100) n) k) r;

-- The raw records that have come.
CREATE TABLE come (LIKE coming);

CREATE PROCEDURE set_clock(at timestamptz) LANGUAGE sql AS $$
	SELECT set_config('topology.clock_offset', extract(epoch FROM at - now())::text, false)
$$;

-- A record as its source writes it.
CREATE FUNCTION line(r coming) RETURNS text LANGUAGE sql AS $$
	SELECT CASE r.graph
		WHEN 'ipc' THEN format(
			'{"start":%1$s000,"end":%2$s000,"client":"c%3$s","server":"s%4$s","requests":%5$s,"errors":%6$s,"latency_ms":{"count":%5$s,"sum":%7$s,"bounds":[%8$s,%9$s],"counts":[0,%5$s,0]}}',
			us, us + 1000000, r.client, r.server, r.amount, r.errors, r.amount * r.ms, r.ms * 0.998, r.ms * 1.002)
		ELSE format(
			'{"start":%1$s000,"end":%2$s000,"proto":"tcp","role":"client","local":{"ip":"10.1.0.%3$s","app":"c%3$s"},"peer":{"ip":"10.2.0.%4$s","port":80},"connections":%5$s,"tx_bytes":%6$s}',
			us, us + 1000000, r.client, r.server, r.amount, r.ms) END
	FROM (SELECT (extract(epoch FROM r.at) * 1000000)::bigint AS us) t
$$;

-- Ingest, in this transaction, what comes until then; of several sessions each takes its share.
CREATE PROCEDURE take(moment timestamptz, most integer DEFAULT NULL, sessions integer DEFAULT 1, mine integer DEFAULT 0) LANGUAGE plpgsql AS $$
DECLARE
	taken coming[];
BEGIN
	WITH chosen AS (SELECT c.n FROM coming c WHERE c.comes <= moment AND c.n % sessions = mine ORDER BY c.comes, c.n LIMIT most),
		 gone AS (DELETE FROM coming c USING chosen WHERE chosen.n = c.n RETURNING c)
	SELECT array_agg(g.c) INTO taken FROM gone g;
	PERFORM topo.ingest(CASE t.graph WHEN 'ipc' THEN 'ipc' ELSE 'flow' END, convert_to(string_agg(line(t), E'\n'), 'UTF8')) FROM unnest(taken) t GROUP BY t.graph ORDER BY t.graph;
	INSERT INTO come SELECT * FROM unnest(taken);
END
$$;

-- The same, a few records a transaction, until all have come; the map follows now and then.
CREATE PROCEDURE take_in_turns(moment timestamptz, sessions integer, mine integer) LANGUAGE plpgsql AS $$
BEGIN
	WHILE EXISTS (SELECT FROM coming c WHERE c.comes <= moment AND c.n % sessions = mine) LOOP
		CALL take(moment, 5, sessions, mine);
		COMMIT;
		PERFORM topo.flush();
		COMMIT;
	END LOOP;
END
$$;

-- What the worker does, in its transactions, until all have come and nothing is left to do.
CREATE PROCEDURE keep_in_turns(moment timestamptz) LANGUAGE plpgsql AS $$
DECLARE
	more boolean := true;
	step text;
BEGIN
	WHILE more LOOP
		more := EXISTS (SELECT FROM coming c WHERE c.comes <= moment);
		PERFORM topo.keep_up();
		COMMIT;
		FOREACH step IN ARRAY '{merge_next_minute,roll_up_next,adapt_next,expire_next}'::text[] LOOP
			DECLARE
				did boolean;
			BEGIN
				EXECUTE format('SELECT topo.%I()', step) INTO did;
				more := more OR did;
			END;
			COMMIT;
		END LOOP;
	END LOOP;
END
$$;

--
-- By brute force
--

-- The shortest windows that are left of a time: they go by partitions.
CREATE FUNCTION width_left(record timestamptz, at timestamptz, days interval DEFAULT '250 days') RETURNS interval LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN date_bin('1 day', record, '2000-01-01Z') + interval '1 day' > at - interval '2 days' THEN interval '1 minute'
				WHEN date_bin('7 days', record, '2000-01-01Z') + interval '7 days' > at - interval '60 days' THEN interval '1 hour'
				WHEN date_bin('28 days', record, '2000-01-01Z') + interval '28 days' > at - days THEN interval '24 hours' END
$$;

-- The records of what is left, with the window in which each is.
CREATE FUNCTION records_left(of_graph text, at timestamptz)
RETURNS TABLE (client text, server text, amount bigint, errors bigint, ms integer, began timestamptz, bucket timestamptz, width interval) LANGUAGE sql AS $$
	SELECT 'c' || c.client, 's' || c.server, c.amount, c.errors, c.ms, c.at, date_bin(w, c.at, '2000-01-01Z'), w
	FROM come c, width_left(c.at, records_left.at) w
	WHERE c.graph = of_graph AND w IS NOT NULL
$$;

-- Edges of calls in a range, and between which latencies two quantiles must be.
CREATE FUNCTION calls_expected(during tstzrange, at timestamptz)
RETURNS TABLE (source text, target text, requests bigint, errors bigint, first_seen timestamptz, last_seen timestamptz,
			   p50_low integer, p50_high integer, p99_low integer, p99_high integer) LANGUAGE sql AS $$
	WITH r AS (
		SELECT r.*, sum(r.amount) OVER (PARTITION BY r.client, r.server ORDER BY r.ms) AS upto, sum(r.amount) OVER (PARTITION BY r.client, r.server) AS n
		FROM records_left('ipc', at) r WHERE tstzrange(r.bucket, r.bucket + r.width) && during
	)
	SELECT client, server, sum(amount)::bigint, sum(errors)::bigint, min(began), max(began) + interval '1 second',
		   min(ms) FILTER (WHERE upto >= 0.5 * (n - 1)), min(ms) FILTER (WHERE upto >= least(0.5 * n + 1, n)),
		   min(ms) FILTER (WHERE upto >= 0.99 * (n - 1)), min(ms) FILTER (WHERE upto >= least(0.99 * n + 1, n))
	FROM r GROUP BY 1, 2
$$;

-- What edges() answers otherwise for a range.
CREATE FUNCTION wrong_calls(during tstzrange, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*)
	FROM calls_expected(during, at) e FULL JOIN topo.edges(during, '{ipc}') m USING (source, target)
	WHERE (m.requests, m.errors, m.first_seen, m.last_seen) IS DISTINCT FROM (e.requests, e.errors, e.first_seen, e.last_seen)
	   OR m.p50_ms NOT BETWEEN e.p50_low * 0.98 AND e.p50_high * 1.02 OR m.p99_ms NOT BETWEEN e.p99_low * 0.98 AND e.p99_high * 1.02
$$;

CREATE FUNCTION wrong_flows(during tstzrange, at timestamptz) RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*)
	FROM (SELECT r.client AS source, r.server AS target, sum(r.amount) AS connections, sum(r.ms) AS bytes_sent,
				 min(r.began) AS first_seen, max(r.began) + interval '1 second' AS last_seen
		  FROM records_left('network', at) r WHERE tstzrange(r.bucket, r.bucket + r.width) && during GROUP BY 1, 2) e
		 FULL JOIN topo.edges(during, '{network}') m USING (source, target)
	WHERE (m.connections, m.bytes_sent, m.first_seen, m.last_seen) IS DISTINCT FROM (e.connections, e.bytes_sent, e.first_seen, e.last_seen)
$$;

-- So many ranges of the year until then, of a second or of months; and all of it.
CREATE FUNCTION some_ranges(many integer, at timestamptz) RETURNS SETOF tstzrange LANGUAGE sql AS $$
	SELECT tstzrange(begin, begin + span)
	FROM (SELECT '2025-01-01Z'::timestamptz + (hashint8extended(n, 5) & 1048575) / 1048576.0::float8 * (at - '2025-01-01Z') AS begin,
				 ((hashint8extended(n, 6) & 1048575) / 1048576.0::float8) ^ 6 * interval '200 days' + interval '1 second' AS span
		  FROM generate_series(1::bigint, many) n) r
	UNION ALL SELECT '(,)'
$$;

-- Of these, how many have edges, and which are answered wrongly.
CREATE FUNCTION answers(many integer, at timestamptz, OUT with_edges bigint, OUT wrong text) LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE EXISTS (SELECT FROM calls_expected(d, at))),
		   string_agg(d::text, ' ') FILTER (WHERE wrong_calls(d, at) > 0 OR wrong_flows(d, at) > 0)
	FROM some_ranges(many, at) d
$$;

-- The buckets of a series, in the session's time zone, in which a server's calls are otherwise
-- than those of its records: a window is counted where it begins, or in the first; hours are
-- counted from midnight, days are those of the zone.
CREATE FUNCTION wrong_buckets(server text, during tstzrange, unit text, at timestamptz, OUT buckets bigint, OUT wrong text) LANGUAGE sql AS $$
	SELECT count(*), string_agg(bucket::text, ' ') FILTER (WHERE (m.requests, m.errors) IS DISTINCT FROM (coalesce(e.requests, 0), coalesce(e.errors, 0)))
	FROM topo.history(NULL, wrong_buckets.server, during, ('1 ' || unit)::interval, '{ipc}') m
		 FULL JOIN (SELECT CASE unit WHEN 'hour' THEN date_bin('1 hour', w, date_trunc('day', lower(during))) ELSE date_trunc(unit, w) END AS bucket, sum(r.amount)::bigint AS requests, sum(r.errors)::bigint AS errors
					FROM records_left('ipc', at) r CROSS JOIN LATERAL (SELECT greatest(r.bucket, lower(during)) AS w) b
					WHERE r.server = wrong_buckets.server AND tstzrange(r.bucket, r.bucket + r.width) && during GROUP BY 1) e USING (bucket)
$$;

-- The windows of one grain that should be there, of all that has come and is not dirty; those
-- of them that its table holds otherwise, or besides; and how they are stored.
CREATE FUNCTION wrong_windows(of_graph text, grain interval, at timestamptz, OUT expected bigint, OUT wrong bigint, OUT unpacked bigint, OUT packs bigint)
LANGUAGE plpgsql AS $$
DECLARE
	relation CONSTANT name := (SELECT g.relation FROM topo.grain g WHERE g.graph = of_graph AND g.width = grain);
	stored CONSTANT text := topo.stored_windows(('topo_' || of_graph)::name, relation, 'true');
BEGIN
	EXECUTE format($q$
		SELECT count(e), count(*) FILTER (WHERE (h.amount, h.other, h.first_seen, h.last_seen) IS DISTINCT FROM (e.amount, e.other, e.first_seen, e.last_seen))
		FROM (SELECT date_bin($2, c.at, '2000-01-01Z') AS bucket, 'c' || c.client AS source, 's' || c.server AS target, sum(c.amount) AS amount,
					 sum(CASE c.graph WHEN 'ipc' THEN c.errors ELSE c.ms END) AS other, min(c.at) AS first_seen, max(c.at) + interval '1 second' AS last_seen
			  FROM come c, width_left(c.at, $3) w WHERE c.graph = $1 AND w <= $2 GROUP BY 1, 2, 3) e
			 FULL JOIN (SELECT w.bucket, s.name AS source, d.name AS target,
							   sum(CASE $1 WHEN 'ipc' THEN topo.requests(w.traffic) ELSE topo.connections(w.traffic) END) AS amount,
							   sum(CASE $1 WHEN 'ipc' THEN topo.errors(w.traffic) ELSE topo.bytes_sent(w.traffic) END) AS other,
							   min(w.first_seen) AS first_seen, max(w.last_seen) AS last_seen
						FROM (%s) w JOIN topo.node s ON s.id = w.src JOIN topo.node d ON d.id = w.dst
						GROUP BY 1, 2, 3) h USING (bucket, source, target)
		WHERE bucket NOT IN (SELECT d.bucket FROM topo_%s.dirty_rollup d WHERE d.width = $2)$q$, stored, of_graph)
	INTO expected, wrong USING of_graph, grain, at;
	EXECUTE format('SELECT count(*) FILTER (WHERE pack IS NULL), count(pack) FROM topo_%s.%I', of_graph, relation) INTO unpacked, packs;
END
$$;
