--
-- What a write to a graph costs while there is a snapshot of it: each link in a statement
-- of its own, and many in one, in transactions that are rolled back; then without the
-- triggers that note changes for who reads the snapshot.  Run by rmat.sh.
--
SET search_path = pg_catalog;
CREATE FUNCTION pg_temp.write(count integer, alone boolean) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
	least CONSTANT bigint := topo.node_id('rmat-0');
	microseconds float8;
	began timestamptz;
BEGIN
	BEGIN
		DELETE FROM topo_rmat.link WHERE level = 'a' AND src = least;
		began := clock_timestamp();
		IF alone THEN
			FOR i IN 1..count LOOP
				INSERT INTO topo_rmat.link (src, dst) VALUES (least, least + i);
			END LOOP;
		ELSE
			INSERT INTO topo_rmat.link (src, dst) SELECT least, least + i FROM generate_series(1, count) i;
		END IF;
		microseconds := extract(epoch FROM clock_timestamp() - began) * 1e6 / count;
		RAISE SQLSTATE 'ZZZZZ';
	EXCEPTION WHEN SQLSTATE 'ZZZZZ' THEN
		RETURN microseconds;
	END;
END
$$;
CREATE TEMPORARY TABLE write (noted boolean, alone boolean, us float8);
INSERT INTO write SELECT true, a, pg_temp.write(500, a) FROM unnest(ARRAY[true, false]) a, generate_series(1, 9);
ALTER TABLE topo_rmat.link DISABLE TRIGGER USER;
INSERT INTO write SELECT false, a, pg_temp.write(500, a) FROM unnest(ARRAY[true, false]) a, generate_series(1, 9);
\echo 'Microseconds to write a link while there is a snapshot'
SELECT CASE WHEN alone THEN 'one a statement' ELSE '500 a statement' END AS links,
	   round((percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE noted))::numeric, 1) AS noted,
	   round((percentile_cont(0.5) WITHIN GROUP (ORDER BY us) FILTER (WHERE NOT noted))::numeric, 1) AS "not noted"
FROM write GROUP BY alone ORDER BY alone DESC;
