-- A second worker of a source, in SQL: it keeps to the protocol of the tables, as
-- another server's worker would.  It knows the records without reading the topic:
-- message(partition, offset) yields each, and made says how many there are so far.

CREATE TABLE made (records bigint);
CREATE TABLE fight (rounds integer, taken bigint);

-- One transaction: records of every partition, and the positions behind them; NULL where
-- somebody else has taken the source over.
CREATE FUNCTION rival_batch(id integer, mine bigint, batch integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
	at topo.source_position;
	until bigint;
	taken bigint := 0;
BEGIN
	FOR at IN SELECT * FROM topo.source_position p WHERE p.source = id ORDER BY p.partition LOOP
		SELECT least(at.next_offset + batch, records) INTO until FROM made;
		CONTINUE WHEN until <= at.next_offset AND at.epoch = mine;
		PERFORM topo.ingest('flow', convert_to(string_agg(message(at.partition, o), E'\n'), 'UTF8'))
		FROM generate_series(at.next_offset, until - 1) o HAVING count(*) > 0;
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
	RETURN NULL;
END
$$;

-- Take over, write some batches, wait until the other one is back and has written; and
-- again, until all records are taken.
CREATE PROCEDURE rival(id integer, partitions integer, records bigint, batches integer, batch integer)
LANGUAGE plpgsql AS $$
DECLARE
	mine bigint;
	mark bigint;
	rounds integer := 0;
	taken bigint := 0;
	left_to_write integer;
	n bigint;
BEGIN
	LOOP
		UPDATE topo.source_position p SET epoch = p.epoch + 1 WHERE p.source = id;
		SELECT max(p.epoch) INTO mine FROM topo.source_position p WHERE p.source = id;
		COMMIT;
		rounds := rounds + 1;
		left_to_write := batches;
		WHILE left_to_write > 0 LOOP
			n := rival_batch(id, mine, batch);
			COMMIT;
			EXIT WHEN n IS NULL;
			taken := taken + n;
			left_to_write := left_to_write - (n > 0)::integer;
			SELECT sum(p.next_offset) INTO mark FROM topo.source_position p WHERE p.source = id;
			EXIT WHEN mark = partitions * records;
			PERFORM pg_sleep(0.001);
		END LOOP;
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
