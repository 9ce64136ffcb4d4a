-- What the programs counted themselves, beside what was captured.
-- psql variables: edge_connections, charges, refused, redis_clients.

\set ON_ERROR_STOP on
\pset pager off
\pset footer off

\echo '-- Is it true?  What the programs counted themselves, and what was captured.'
WITH hop AS (
	SELECT * FROM topo.hops()
	WHERE reported_by = 'client' AND protocol = 'tcp' AND (source << '10.77.0.0/16' OR source << 'fd77::/16')
), pair (program, counted, captured) AS (
	VALUES ('HAProxy: connections taken', :edge_connections,
			(SELECT sum(connections) FROM hop WHERE target = '10.77.1.10' AND target_port = 80)),
		   ('PostgreSQL: charges, each a call of payments', :charges,
			(SELECT sum(connections) FROM hop WHERE target IN ('10.77.1.30', 'fd77:1::30') AND target_port = 8080)),
		   ('Redis: connections open', :redis_clients,
			(SELECT sum(connections) FROM hop WHERE target IN ('10.77.1.50', 'fd77:1::50') AND target_port = 6379)),
		   ('mailer: refused by the relay', :refused,
			(SELECT sum(failed) FROM hop WHERE target = '10.77.1.61' AND target_port = 25))
)
SELECT program, counted, captured, CASE WHEN counted = captured THEN 'yes' ELSE 'NO' END AS agree FROM pair;
