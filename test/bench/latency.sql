-- How long it takes for a record to be in edges(), from when it was made to be
-- produced: kafka.sh makes "probes" of them, probe-0 and so on, beside "rate"
-- others a second.  The map is asked again and again, as anybody would; what that
-- takes is in the figures.
\set QUIET on
CREATE TABLE probe (app text PRIMARY KEY, made timestamptz NOT NULL, seen timestamptz NOT NULL);
CREATE PROCEDURE watch(probes bigint) LANGUAGE plpgsql AS $$
DECLARE
	give_up CONSTANT timestamptz := clock_timestamp() + interval '2 minutes';
BEGIN
	LOOP
		INSERT INTO probe
		SELECT e.source, e.first_seen, clock_timestamp() FROM topo.edges() e WHERE e.source LIKE 'probe-%'
		ON CONFLICT DO NOTHING;
		COMMIT;
		EXIT WHEN (SELECT count(*) FROM probe) = probes OR clock_timestamp() > give_up;
		PERFORM pg_sleep(0.05);
	END LOOP;
END
$$;
CALL watch(:probes);
SELECT format('latency: beside %s records a second, produced to visible in edges(): p50 %s s, p99 %s s, of %s of %s records (bar: 5 s)', :rate,
			  round(extract(epoch FROM percentile_cont(0.5) WITHIN GROUP (ORDER BY seen - made)), 2),
			  round(extract(epoch FROM percentile_cont(0.99) WITHIN GROUP (ORDER BY seen - made)), 2),
			  count(*), :probes)
FROM probe;
