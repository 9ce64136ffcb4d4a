-- For tests: history() as plain SQL says it, window by window, without regard to cost.

-- Traffic of one graph between some nodes, by number of a bucket.
CREATE FUNCTION pg_temp.plain_series(graph topo.graph, sources bigint[], targets bigint[], steps timestamptz[])
RETURNS TABLE (step integer, traffic topo.traffic)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($series$
		SELECT greatest(width_bucket(w.bucket, $3), 1), topo.merge(w.traffic)
		FROM %s w WHERE ($1 IS NULL OR w.src = ANY ($1)) AND ($2 IS NULL OR w.dst = ANY ($2))
		GROUP BY 1$series$,
		topo.window_source(graph, tstzrange(steps[1], steps[cardinality(steps)]), coalesce(topo.widest_window(graph.name, steps), interval '0')))
	USING sources, targets, steps;
END
$$;

CREATE FUNCTION pg_temp.plain_history(source text, target text, during tstzrange, step interval, asked text[])
RETURNS TABLE (bucket timestamptz, requests bigint, errors bigint, p50_ms double precision, p99_ms double precision,
			   connections bigint, failed bigint, bytes_sent bigint, bytes_received bigint, traffic topo.traffic)
LANGUAGE sql AS $$
	WITH asked_for AS MATERIALIZED (
		SELECT topo.node_members(source) AS sources, topo.node_members(target) AS targets,
			   topo.steps_of(coalesce(during, topo.as_of(topo.clock())), plain_history.step) AS steps
	)
	SELECT b.start, topo.requests(m.traffic), topo.errors(m.traffic), topo.p50_ms(m.traffic), topo.p99_ms(m.traffic),
		   topo.connections(m.traffic), topo.failed(m.traffic), topo.bytes_sent(m.traffic), topo.bytes_received(m.traffic), m.traffic
	FROM asked_for a CROSS JOIN LATERAL unnest(a.steps[:cardinality(a.steps) - 1]) WITH ORDINALITY b (start, number)
		 LEFT JOIN (SELECT s.step, topo.calls_counted_once(topo.merge(s.traffic) FILTER (WHERE g.name <> 'trace'),
														   topo.merge(s.traffic) FILTER (WHERE g.name = 'trace'),
														   sum(topo.requests(s.traffic)) FILTER (WHERE g.name = 'ipc')) AS traffic
					FROM asked_for a, topo.graphs_asked(asked) g CROSS JOIN LATERAL pg_temp.plain_series(g, a.sources, a.targets, a.steps) s
					GROUP BY s.step) h ON h.step = b.number
		 CROSS JOIN LATERAL (SELECT coalesce(h.traffic, topo.traffic()) AS traffic) m
	ORDER BY b.number
$$;

-- How many buckets there are, how many have traffic, and how many rows history() has otherwise, or elsewhere.
CREATE FUNCTION pg_temp.compared_history(source text, target text, during tstzrange, step interval, asked text[],
										 OUT buckets bigint, OUT filled bigint, OUT otherwise bigint) LANGUAGE sql AS $$
	WITH plain AS MATERIALIZED (SELECT row_number() OVER () AS number, p.* FROM pg_temp.plain_history(source, target, during, step, asked) p),
		 merged AS MATERIALIZED (SELECT row_number() OVER () AS number, h.* FROM topo.history(source, target, during, step, asked) h)
	SELECT (SELECT count(*) FROM plain), (SELECT count(*) FROM plain p WHERE p.traffic OPERATOR(topo.<>) topo.traffic()),
		   (SELECT count(*) FROM (SELECT * FROM plain EXCEPT ALL SELECT * FROM merged) m)
		   + (SELECT count(*) FROM (SELECT * FROM merged EXCEPT ALL SELECT * FROM plain) m)
$$;
