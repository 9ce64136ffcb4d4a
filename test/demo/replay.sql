-- The recorded traffic, as if it ended now.
-- Run where test/demo is the current directory.

\set ON_ERROR_STOP on
CREATE TEMPORARY TABLE recorded (line text NOT NULL);
-- a line is one value: neither delimiter nor quote occurs in JSON
\copy recorded FROM 'recorded.flows.jsonl' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')

WITH record AS (
	SELECT line::jsonb AS r FROM recorded
), shift AS (
	SELECT floor(extract(epoch FROM now()))::numeric * 1000000000 - max((r ->> 'end')::numeric) AS ns FROM record
)
SELECT topo.ingest('flow', convert_to(string_agg(
		   (r || jsonb_build_object('start', (r ->> 'start')::numeric + ns, 'end', (r ->> 'end')::numeric + ns))::text,
		   E'\n'), 'UTF8')) AS records
FROM record, shift;
