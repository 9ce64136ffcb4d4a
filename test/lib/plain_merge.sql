-- For tests: windows merged as plain SQL says it, without regard to cost.

-- The windows of a table, packed or not: one for each edge, endpoint and way of a bucket, which is an expression of w.
CREATE FUNCTION pg_temp.plainly_merged(schema name, relation name, bucket text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($merged$
		SELECT row(%2$s, w.src, w.dst, w.type, w.endpoint, w.via, max(w.confidence), nullif(max(coalesce(w.app_confidence, w.confidence)), max(w.confidence)),
				   min(w.first_seen), max(w.last_seen), topo.merge(w.traffic))::text
		FROM (%1$s) w
		GROUP BY %2$s, w.src, w.dst, w.type, w.endpoint, w.via$merged$, topo.stored_windows(schema, relation, 'true'), bucket);
END
$$;

-- The same of a table that is merged already.
CREATE FUNCTION pg_temp.as_it_is(schema name, relation name) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format('SELECT row(w.bucket, w.src, w.dst, w.type, w.endpoint, w.via, w.confidence, w.app_confidence, w.first_seen, w.last_seen, w.traffic)::text
								 FROM (%s) w', topo.stored_windows(schema, relation, 'true'));
END
$$;
