-- A second worker of a source, in SQL: it keeps to the protocol of the tables, as
-- another server's worker would.  It knows the records without reading the topic:
-- message(partition, offset) yields each.

CREATE PROCEDURE rival(id integer, partitions integer, records bigint, batches integer, batch integer)
LANGUAGE plpgsql AS $$
DECLARE
	mine bigint;
	mark bigint;
	rounds integer := 0;
	taken bigint := 0;
	n bigint;
BEGIN
	LOOP
		-- from now on the positions take only the rival's word
		UPDATE topo.source_position p SET epoch = p.epoch + 1 WHERE p.source = id;
		SELECT max(p.epoch) INTO mine FROM topo.source_position p WHERE p.source = id;
		COMMIT;
		rounds := rounds + 1;
		FOR i IN 1 .. batches LOOP
			n := rival_batch(id, mine, records, batch);
			COMMIT;
			EXIT WHEN n = 0;
			taken := taken + n;
		END LOOP;
		-- until the other one has come back, and written something
		SELECT sum(p.next_offset) INTO mark FROM topo.source_position p WHERE p.source = id;
		EXIT WHEN mark = partitions * records;
		WHILE mark = (SELECT sum(p.next_offset) FROM topo.source_position p WHERE p.source = id) LOOP
			COMMIT;
			PERFORM pg_sleep(0.001);
		END LOOP;
	END LOOP;
	INSERT INTO fight VALUES (rounds, taken);
END
$$;

CREATE TABLE fight (rounds integer, taken bigint);

-- One transaction: records of every partition, and the positions behind them.
CREATE FUNCTION rival_batch(id integer, mine bigint, records bigint, batch integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	at topo.source_position;
	until bigint;
	taken bigint := 0;
BEGIN
	FOR at IN SELECT * FROM topo.source_position p WHERE p.source = id ORDER BY p.partition LOOP
		until := least(at.next_offset + batch, records);
		CONTINUE WHEN until <= at.next_offset;
		PERFORM topo.ingest('flow', convert_to(string_agg(message(at.partition, o), E'\n'), 'UTF8'))
		FROM generate_series(at.next_offset, until - 1) o;
		UPDATE topo.source_position p
		SET next_offset = until, last_offset = -1, last_fingerprint = 0, records = p.records + until - at.next_offset
		WHERE p.source = id AND p.partition = at.partition AND p.epoch = mine AND p.next_offset = at.next_offset;
		IF NOT FOUND THEN
			RAISE 'fenced' USING ERRCODE = 'serialization_failure';
		END IF;
		taken := taken + until - at.next_offset;
	END LOOP;
	RETURN taken;
EXCEPTION WHEN serialization_failure THEN
	RETURN 0;
END
$$;
